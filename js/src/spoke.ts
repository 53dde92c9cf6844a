import { Client } from "./client.ts";
import { SpokeError } from "./errors.ts";
import { linking } from "./link.ts";
import { defaults } from "./options.ts";
import { publishing } from "./outbox.ts";
import { decode } from "./payload.ts";
import { tracking, typeOf } from "./positions.ts";
import { subscribing } from "./subscriptions.ts";
import { nativeTopic } from "./target.ts";
import { splitTopic } from "./topic.ts";
import type { Connection } from "./connection.ts";
import type { Envelope } from "./payload.ts";
import type { EventMap, Topic } from "./types.ts";
import type { Link, LinkOwner } from "./link.ts";
import type { Outbox } from "./outbox.ts";
import type { Settings, SpokeOptions } from "./options.ts";
import type { Gap, Positions, Tracking } from "./positions.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * A client of a hub, and an EventTarget: a listener subscribes to its topic, and the events that are dispatched are published.
 * It connects at once, comes back by itself when the connection is lost, and has its subscriptions in again before anything else.
 *
 * What is published goes out at most once: what the socket had not sent, or the hub had not read when a connection ended, is
 * lost, and an `error` event says so. `drained()` tells what the hub has read.
 */
export class Spoke<E extends EventMap = Record<string, unknown>> extends Client<E> {
  /** The address of the hub. */
  readonly url: string;

  private readonly _settings: Settings;
  /** The connection that was opened last. */
  protected _connection: Connection | undefined;
  private readonly _tracking: Tracking;
  private readonly _subscriptions: Subscriptions;
  private readonly _outbox: Outbox;
  private readonly _link: Link;

  /**
   * Connects to the hub at url: `ws:`, `wss:`, or `http:` and `https:` in their place; in a page it may be relative. It throws a SpokeError for
   * what is no such URL, and where there is no WebSocket.
   */
  constructor(url: string | URL, options: SpokeOptions = {}) {
    super();
    this.url = resolveURL(url);
    if (!options.WebSocket && !globalThis.WebSocket) {
      throw new SpokeError("invalid_url", "no WebSocket: set the option WebSocket to that of ws");
    }
    const settings = (this._settings = { ...defaults, ...options });
    this._tracking = tracking(settings.since, (gap) => this._tell("gap", gap));
    this._outbox = publishing(settings);
    this._subscriptions = subscribing((...reject) => this._fail(rejection(...reject)), this._tracking, settings);
    this._exact = settings.exact;
    this._link = linking(this as unknown as LinkOwner, settings, this.url);
  }

  /** The bytes of events that have not been sent: of those that wait for the connection, and in the socket. */
  get bufferedAmount(): number {
    return this._outbox._waiting() + this._link._unsent();
  }

  /** Where the topics that are of a stream stand, for the option `since` of a later spoke. */
  get positions(): Positions {
    return this._tracking._list();
  }

  /**
   * Subscribes to topics without a listener, and resolves once the hub has them all in force; listeners that were added before are then, too.
   * It rejects with a SpokeError that has the hub's reasons in `rejected`, or with the reason of the signal. The subscriptions
   * are kept until the signal aborts or the hub rejects one of them. A topic that the hub can't take yet, since its broker is away, is waited for and asked for
   * again; an `error` event with the code `unavailable` and a `delay` says so.
   */
  async subscribe(topics: Topic<E> | readonly Topic<E>[], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const names = [topics].flat().map((topic) => splitTopic(topic as string)[0]);
    signal?.throwIfAborted();
    this._check();
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
   * Resolves once the hub has read everything that was published before, and put subscriptions made before in force, but for those that it can't take
   * yet. It waits for the connection where there is none, and rejects with a SpokeError if the connection or the spoke ends before the hub has answered.
   */
  async drained(): Promise<void> {
    this._check();
    this._subscriptions._flush();
    await this._outbox._drained();
  }

  protected override _want(topic: string): void {
    this._subscriptions._want(topic);
  }

  protected override _unwant(topic: string): void {
    this._subscriptions._unwant(topic);
  }

  protected override _put(text: string, topic: string): void {
    this._subscriptions._flush();
    this._outbox._put(text, topic);
    if (this._settings.echo) {
      const by = this._by;
      const echo = (): void => {
        this._by = by;
        if (![topic, typeOf(topic)].some(this._tracking._of)) {
          this._deliver(decode(text)!);
        }
        this._by = undefined;
      };
      this.state !== "ready" || this._busy() ? this.drained().then(echo, () => {}) : queueMicrotask(echo);
    }
  }

  protected override _ended(end: SpokeError): void {
    this._link._end();
    this._subscriptions._ended(end);
    const waiting = this._outbox._ended(end);
    if (waiting) {
      this._fail(new SpokeError("lost", `${waiting} events are lost: await drained() first`));
    }
  }

  protected override _dispatch(topic: string, event: Envelope): void {
    if (this._tracking._passed(topic, event.offset)) {
      super._dispatch(topic, event);
    }
  }

  /** Has everything in a new connection: the subscriptions first. */
  protected _opened(connection: Connection): void {
    this._connection = connection;
    this._subscriptions._opened(connection);
    this._outbox._opened(connection);
  }

  /** Says how many subscriptions wait for an answer. */
  protected _busy(): number {
    return this._subscriptions._busy();
  }

  /** The connection is no more. */
  protected _closed(): void {
    this._subscriptions._closed();
  }

  /** Takes a message that answers nothing. */
  protected _received(event: Envelope): void {
    const detail = Object(event.detail);
    if (event.type === "__reject") {
      this._subscriptions._doubt(detail.topic, detail.reason);
    } else if (event.type === "__gap") {
      this._tracking._gapped(detail as Gap);
    } else if (event.type.startsWith("__")) {
      this._tell(event.type, detail);
    } else {
      this._deliver(event);
    }
  }
}

/** Returns the absolute URL of a hub. */
export function resolveURL(url: string | URL): string {
  let href!: string;
  try {
    href = new URL(url, globalThis.location?.href).href.replace(/^http/, "ws");
  } catch {}
  if (!/^wss?:/.test(href)) {
    throw new SpokeError("invalid_url", `"${url}" is no URL of a hub, like wss://hub.example/ws`);
  }
  return href;
}

/** Says that the hub rejected topic, perhaps with others, or can't take it before a delay. */
const rejection = (topic: string, reason: string, rejected?: ReadonlyMap<string, string>, delay?: number): SpokeError =>
  new SpokeError(reason, `the hub rejected "${topic}": ${reason}${delay ? ", trying again" : ""}`, { topic, rejected, delay });
