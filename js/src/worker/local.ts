import { SpokeError } from "../errors.ts";
import { encodePayload } from "../payload.ts";
import { TopicTarget } from "../target.ts";
import { splitTopic } from "../topic.ts";
import type { EventMap, Payload, State, Topic } from "../types.ts";

/**
 * A target within the process, without a network: what is dispatched to it reaches its own listeners, by type and by type and id, before
 * `dispatchEvent` returns. What a listener dispatches comes behind the event that it was called for.
 */
export class LocalTarget<E extends EventMap = Record<string, unknown>> extends TopicTarget<E> {
  /** `ready`, and `closed` once it is closed. */
  state: State = "ready";
  private readonly _queue: [type: string, id: string, payload: string][] = [];

  /** Calls the listeners of the event's topic. It returns false once the target is closed, and for what is no topic or payload. */
  override dispatchEvent(event: Event): boolean {
    try {
      this.publish(event.type as Topic<E>, (event as CustomEvent).detail);
      return true;
    } catch {
      return false;
    }
  }

  /** Calls the listeners of the topic. It throws a SpokeError once the target is closed, and for what is no topic or payload. */
  publish<T extends Topic<E>>(topic: T, detail?: Payload<E, T>): void {
    if (this._over) {
      throw new SpokeError("closed", "the target has been closed: make a new one");
    }
    const [, type, id] = splitTopic(topic);
    const first = this._queue.push([type, id, encodePayload(topic, detail)]) === 1;
    while (first && this._queue.length) {
      const [type, id, payload] = this._queue[0]!;
      this._deliver(type, id, JSON.parse(payload));
      this._queue.shift();
    }
  }

  /** Ends the target: no listener is called any more. */
  close(): void {
    if (!this._over) {
      this._over = true;
      this.state = "closed";
      this._tell("state", "closed");
      this._tell("close", null);
    }
  }

  protected override _want(_topic: string): void {}

  protected override _unwant(_topic: string): void {}
}
