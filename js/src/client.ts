import { SpokeError } from "./errors.ts";
import { encode } from "./payload.ts";
import { Promised } from "./promised.ts";
import { TopicTarget } from "./target.ts";
import { isLifecycle, splitTopic } from "./topic.ts";
import type { EventMap, Payload, State, Topic } from "./types.ts";

/** What a Spoke has in common with the targets that lead to one: a state, publishing, and an end. */
export abstract class Client<E extends EventMap = Record<string, unknown>> extends TopicTarget<E> {
  private _state: State = "connecting";
  private _ready = new Promised();

  /** Publishes a message, as encode made it of the topic's type and id. It throws a SpokeError where there is no room. */
  protected abstract _put(text: string, topic: string): void;
  /** Ends what the target has. */
  protected abstract _ended(end: SpokeError): void;

  /** Where the spoke stands. */
  get state(): State {
    return this._state;
  }

  /**
   * Resolves once the connection is there and the hub has answered all subscriptions; while there is none, on the next. That it can't take a topic yet is an
   * answer: `subscribe()` waits until it does. It rejects with a SpokeError once the spoke has ended.
   */
  get ready(): Promise<void> {
    return this._ready._promise;
  }

  /**
   * Publishes the event: its type is the topic, `type` or `type:id`, its detail the payload. It returns false where that is
   * not possible, and an `error` event says why; `publish` throws it. True means that the event was sent, or waits for the connection.
   */
  override dispatchEvent(event: Event): boolean {
    try {
      if (isLifecycle(event.type)) {
        throw new SpokeError("invalid_topic", `"${event.type}" is a life-cycle event: use ":${event.type}"`, { topic: event.type });
      }
      this.publish(event.type as Topic<E>, (event as CustomEvent).detail);
      return true;
    } catch (error) {
      this._fail(error as SpokeError);
      return false;
    }
  }

  /** Publishes an event, as `dispatchEvent` does, but throws a SpokeError where that is not possible. */
  publish<T extends Topic<E>>(topic: T, detail?: Payload<E, T>): void {
    const [name, type, id] = splitTopic(topic);
    const text = encode(type, id, detail);
    this._check();
    this._put(text, name);
  }

  /**
   * Ends the spoke: no listener of a topic is called any more. What the open socket has not sent still goes out; what waits for the
   * connection is lost, so await `drained()` first where it matters. Further calls do nothing.
   */
  close(): void {
    this._finish(new SpokeError("closed", "the spoke is closed: make a new one"), null);
  }

  /**
   * Throws what those get who use the target after its end.
   *
   * @internal
   */
  _check(): void {
    if (this._end) {
      throw this._end;
    }
  }

  /** Takes a state, and tells of it. */
  protected _changed(state: State): void {
    if (this._state === "ready") {
      this._ready = new Promised();
    }
    this._state = state;
    if (state === "ready") {
      this._ready._resolve();
    }
    this._tell("state", state);
    if (state === "ready" && this._state === state) {
      this._tell(state, null);
    }
  }

  /** Tells of an error that no caller is told of. */
  protected _fail(error: SpokeError): void {
    if (!(this._tell("error", error) || this._end)) {
      console.warn(error);
    }
  }

  /** Ends the target, once: end is for those who use it later, detail for the listeners. */
  protected _finish(end: SpokeError, detail: SpokeError | null = end): void {
    if (!this._end) {
      this._end = end;
      this._ended(end);
      this._ready._reject(end);
      this._tell("close", detail);
    }
  }
}
