import { SpokeError } from "./errors.ts";
import { iterate } from "./iterator.ts";
import { linking } from "./link.ts";
import { defaults } from "./options.ts";
import { publishing } from "./outbox.ts";
import { decode, encode } from "./payload.ts";
import { Promised } from "./promised.ts";
import { subscribing } from "./subscriptions.ts";
import { nativeTopic, TopicTarget } from "./target.ts";
import { isLifecycle, splitTopic } from "./topic.ts";
import type { Envelope } from "./payload.ts";
import type { EventMap, Payload, SpokeEvent, State, Topic } from "./types.ts";
import type { IteratorOptions } from "./iterator.ts";
import type { Link } from "./link.ts";
import type { Outbox } from "./outbox.ts";
import type { Settings, SpokeOptions } from "./options.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * A client of a hub, and an EventTarget: a listener subscribes to its topic, and the events that are dispatched are published.
 * It connects at once, comes back by itself when the connection is lost, and has its subscriptions in again before anything else.
 *
 * What is published goes out at most once: what the socket had not sent, or the hub had not read when a connection ended, is
 * lost, and an `error` event says so. `drained()` tells what the hub has read.
 */
export class Spoke<E extends EventMap = Record<string, unknown>> extends TopicTarget<E> {
  /** The address of the hub. */
  readonly url: string;

  private readonly _settings: Settings;
  private readonly _subscriptions: Subscriptions;
  private readonly _outbox: Outbox;
  private readonly _link: Link;
  private _state: State = "connecting";
  private _ready = new Promised();
  private _end: SpokeError | undefined;

  /**
   * Connects to the hub at url: `ws:`, `wss:`, or `http:` and `https:` in their place; in a page it may be relative. It throws a SpokeError for
   * what is no such URL, and where there is no WebSocket.
   */
  constructor(url: string | URL, options: SpokeOptions = {}) {
    super();
    this.url = resolveURL(url);
    if (!options.WebSocket && !globalThis.WebSocket) {
      throw new SpokeError("invalid_url", "there is no WebSocket here: hand over that of the package ws as the option WebSocket");
    }
    const settings = (this._settings = { ...defaults, ...options });
    const outbox = (this._outbox = publishing(settings));
    const subscriptions = (this._subscriptions = subscribing((topic, reason) => this._fail(rejection(topic, reason))));
    this._exact = settings.exact;
    this._link = linking(
      {
        _opened(connection) {
          subscriptions._opened(connection);
          outbox._opened(connection);
        },
        _closed() {
          subscriptions._closed();
          outbox._closed();
        },
        _busy: subscriptions._busy,
        _received: (envelope) => this._received(envelope),
        _changed: (state) => this._changed(state),
        _failed: (error) => this._fail(error),
        _ended: (error) => this._finish(error, error),
      },
      settings,
      this.url,
    );
    this._link._start();
  }

  /** Where the spoke stands. */
  get state(): State {
    return this._state;
  }

  /**
   * Resolves once the connection is there and the hub has answered all subscriptions; while there is none, on the next. It rejects with a
   * SpokeError once the spoke has ended.
   */
  get ready(): Promise<void> {
    return this._ready._promise;
  }

  /** The bytes of events that have not been sent: of those that wait for the connection, and in the socket. */
  get bufferedAmount(): number {
    return this._outbox._waiting() + this._link._unsent();
  }

  /**
   * Publishes the event: its type is the topic, `type` or `type:id`, its detail the payload. It returns false where that is
   * not possible, and an `error` event says why; `publish` throws it. True means that the event was sent, or waits for the connection.
   */
  override dispatchEvent(event: Event): boolean {
    try {
      if (isLifecycle(event.type)) {
        throw new SpokeError("invalid_topic", `"${event.type}" is a life-cycle event: use ":${event.type}" for the topic`, { topic: event.type });
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
    const [, type, id] = splitTopic(topic);
    const text = encode(type, id, detail);
    if (this._end) {
      throw this._end;
    }
    this._subscriptions._flush();
    this._outbox._put(text, topic);
    if (this._settings.echo) {
      queueMicrotask(() => this._deliver(type, id, decode(text)!.payload));
    }
  }

  /**
   * Subscribes to topics without a listener, and resolves once the hub has them all in force; listeners that were added before are then, too.
   * It rejects with a SpokeError that has the hub's reasons in `rejected`, or with the reason of the signal. The subscriptions
   * are kept until the signal aborts or the hub rejects one of them.
   */
  async subscribe(topics: Topic<E> | readonly Topic<E>[], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const names = [...new Set([topics].flat().map((topic) => splitTopic(topic as string)[0]))];
    signal?.throwIfAborted();
    if (this._end) {
      throw this._end;
    }
    const held = names.map(nativeTopic);
    held.forEach((native) => this._hold(native));
    names.forEach(this._subscriptions._want);
    const answered = this._subscriptions._await(names);
    const release = (): void => {
      held.splice(0).forEach((native) => this._release(native));
      answered._reject(signal?.reason);
    };
    signal?.addEventListener("abort", release, { once: true });
    const rejected = await answered._promise;
    for (const [topic, reason] of rejected) {
      release();
      throw rejection(topic, reason, rejected);
    }
  }

  /**
   * Returns an iterator over the events of topic, for `for await`. It subscribes at once and gives the topic up when it ends. It ends with the
   * spoke: done after `close()`, with an error otherwise.
   */
  events<T extends Topic<E>>(topic: T, options?: IteratorOptions): AsyncGenerator<SpokeEvent<Payload<E, T>>, void, void> {
    return iterate(this as never, nativeTopic(topic), options);
  }

  /**
   * Resolves once the hub has read everything that was published before, and put subscriptions made before in force. It waits for the
   * connection where there is none, and rejects with a SpokeError if the connection or the spoke ends before the hub has answered.
   */
  async drained(): Promise<void> {
    if (this._end) {
      throw this._end;
    }
    this._subscriptions._flush();
    await this._outbox._drained();
  }

  /**
   * Ends the spoke: no listener of a topic is called any more. What the open socket has not sent still goes out; what waits for the
   * connection is lost, so await `drained()` first where it matters. Further calls do nothing.
   */
  close(): void {
    this._finish(null, new SpokeError("closed", "the spoke is closed: make a new one"));
  }

  protected override _want(topic: string): void {
    this._subscriptions._want(topic);
  }

  protected override _unwant(topic: string): void {
    this._subscriptions._unwant(topic);
  }

  private _received({ type, id, payload }: Envelope): void {
    if (type === "__reject") {
      const { topic, reason } = payload as Record<string, string>;
      this._fail(rejection(topic!, reason!));
    } else if (!type.startsWith("__")) {
      this._deliver(type, id, payload);
    }
  }

  private _changed(state: State): void {
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

  private _fail(error: SpokeError): void {
    if (!this._tell("error", error) && !this._end) {
      console.warn(error);
    }
  }

  private _finish(detail: SpokeError | null, end: SpokeError): void {
    if (this._end) {
      return;
    }
    this._end = end;
    this._over = true;
    this._link._end();
    this._subscriptions._ended(end);
    this._ready._reject(end);
    const waiting = this._outbox._ended(end);
    if (waiting) {
      this._fail(new SpokeError("lost", `${waiting} events are lost: await drained() before close()`));
    }
    this._tell("close", detail);
  }
}

/** Returns the absolute URL of a hub. */
function resolveURL(url: string | URL): string {
  let href = "";
  try {
    href = new URL(url, globalThis.location?.href).href.replace(/^http/, "ws");
  } catch {}
  if (!/^wss?:/.test(href)) {
    throw new SpokeError("invalid_url", `"${url}" is no URL of a hub: use one like wss://hub.example/ws`);
  }
  return href;
}

/** Says that the hub rejected topic, perhaps with others. */
const rejection = (topic: string, reason: string, rejected?: ReadonlyMap<string, string>): SpokeError =>
  new SpokeError(reason, `the hub rejected "${topic}": ${reason}`, rejected ? { topic, rejected } : { topic });
