import { Client } from "../client.ts";
import { decode } from "../payload.ts";
import type { EventMap } from "../types.ts";

/**
 * A target within the process, without a network: what is dispatched to it reaches its own listeners, by type and by type and id, before
 * `dispatchEvent` returns. What a listener dispatches comes behind the event that it was called for.
 */
export class LocalTarget<E extends EventMap = Record<string, unknown>> extends Client<E> {
  private readonly _queue: string[] = [];

  constructor() {
    super();
    this._changed("ready");
  }

  protected override _put(text: string): void {
    for (let first = this._queue.push(text) === 1; first && this._queue.length; this._queue.shift()) {
      const { type, id, payload } = decode(this._queue[0])!;
      this._deliver(type, id, payload);
    }
  }

  protected override _ended(): void {
    this._changed("closed");
  }

  protected override _want(_topic: string): void {}

  protected override _unwant(_topic: string): void {}
}
