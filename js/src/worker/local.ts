import { Client } from "../client.ts";
import { decode } from "../payload.ts";
import type { EventMap } from "../types.ts";

/**
 * A target within the process, without a network: what is dispatched to it reaches its own listeners, by type and by type and id. They are called
 * in a microtask, one event after the other.
 */
export class LocalTarget<E extends EventMap = Record<string, unknown>> extends Client<E> {
  constructor() {
    super();
    this._changed("ready");
  }

  protected override _put(text: string): void {
    queueMicrotask(() => this._deliver(decode(text)!));
  }

  protected override _ended(): void {
    this._changed("closed");
  }
}
