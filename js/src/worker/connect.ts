import { SpokeError } from "../errors.ts";
import { iterate } from "../iterator.ts";
import { encodePayload } from "../payload.ts";
import { Promised } from "../promised.ts";
import { nativeTopic, TopicTarget } from "../target.ts";
import { splitTopic } from "../topic.ts";
import { SpokeEvent } from "../types.ts";
import type { IteratorOptions } from "../iterator.ts";
import type { EventMap, Payload, State, Topic } from "../types.ts";
import { listen, post } from "./port.ts";
import type { Order, PlainError, PortOptions } from "./expose.ts";
import type { Frame, Port } from "./port.ts";

/** How many publishes may wait while the target on the other side is not ready. */
const QUEUE = 64;

/** The number of events after which the other side is told that they have arrived. */
const CREDIT = 512;

/**
 * The event target that the other side of a port exposes: `connect` makes one. It is what that target is, with the states of a Spoke where
 * that is one. A publish that the other side has not confirmed when another one takes its place is handed to that one again.
 */
export class PortTarget<E extends EventMap = Record<string, unknown>> extends TopicTarget<E> {
  /** The state of the target on the other side, which is `connecting` until it has answered. */
  state: State = "connecting";
  /** How often the other side was asked for a sign of life since the last one. */
  protected _silent = 0;
  private readonly _name: string;
  private _port: Port | undefined;
  private _unlisten: (() => void) | undefined;
  private _session = 0;
  private _events = 0;
  /** The number of the last order, of the last that the other side has taken, and of the last that is done with. */
  private _number = 0;
  private _took = 0;
  private _sure = 0;
  private readonly _topics = new Set<string>();
  private readonly _orders = new Map<number, Order>();
  private _drains: [number: number, drain: Promised][] = [];

  /** @internal */
  constructor(name = "") {
    super();
    this._name = name;
  }

  /** Publishes the event. It returns false where that is not possible, and an `error` event says why; `publish` throws it. */
  override dispatchEvent(event: Event): boolean {
    try {
      this.publish(event.type as Topic<E>, (event as CustomEvent).detail);
      return true;
    } catch (error) {
      this._fail(error as SpokeError);
      return false;
    }
  }

  /**
   * Publishes an event to a topic. It throws a SpokeError where that is not possible; what fails on the other side is an `error` event. While that
   * side is not ready 64 events may wait.
   */
  publish<T extends Topic<E>>(topic: T, detail?: Payload<E, T>): void {
    const order: Order = [this._number + 1, splitTopic(topic)[0], encodePayload(topic, detail)];
    if (this.state !== "ready" && this._orders.size >= QUEUE) {
      throw new SpokeError("queue_full", `there is no room for the event of "${topic}" until the connection is back`, { topic });
    }
    this._order(order);
  }

  /**
   * Resolves once everything that was published before, and asked for by listeners, is done with on the other side, for a Spoke: at the hub. It rejects
   * with a SpokeError if that fails, or is not known.
   */
  async drained(): Promise<void> {
    const drain = new Promised();
    this._order([this._number + 1]);
    this._drains.push([this._number, drain]);
    await drain._promise;
  }

  /** Returns an iterator over the events of topic, as that of a Spoke. */
  events<T extends Topic<E>>(topic: T, options?: IteratorOptions): AsyncGenerator<SpokeEvent<Payload<E, T>>, void, void> {
    return iterate(this as never, nativeTopic(topic), options);
  }

  /** Gives the topics up and ends this target; that on the other side goes on. Further calls do nothing. */
  close(): void {
    this._send("bye");
    this._finish(null);
  }

  /** Goes on over a port: its other side is told all topics, and the orders that none has taken. */
  protected _attach(port: Port): void {
    this._port = port;
    this._unlisten = listen(
      port,
      this._name,
      (...frame) => this._receive(...frame),
      () => this._finish(new SpokeError("lost", "the port was closed on the other side: connect over a new one")),
    );
    this._greet();
  }

  /** Leaves the port. */
  protected _detach(): void {
    this._unlisten?.();
    this._port = undefined;
  }

  /** Sends a frame, if there is a port. */
  protected _send(...frame: Frame): void {
    if (this._port) {
      post(this._port, this._name, ...frame);
    }
  }

  /** Ends the target, once. */
  protected _finish(error: SpokeError | null): void {
    if (!this._over) {
      this._over = true;
      this._detach();
      this._become("closed");
      this._settle(Infinity, error ?? ended());
      this._tell("close", error);
    }
  }

  /** Takes a frame of the other side. */
  protected _receive(...[operation, first, second, third]: Frame): void {
    this._silent = 0;
    if (operation === "event") {
      super.dispatchEvent(new SpokeEvent(nativeTopic(first), { detail: JSON.parse(second), id: third ?? splitTopic(first)[2] }));
      if (!(++this._events % CREDIT)) {
        this._send("got", CREDIT);
      }
    } else if (operation === "open") {
      if (this._session !== first) {
        this._session = first;
        this._events = 0;
        if (this._took > this._sure) {
          this._settle(this._took, new SpokeError("lost", "the connection ended before the hub had read everything: publish again what matters"));
        }
        this._greet();
      }
      this._become(second);
    } else if (operation === "took") {
      this._orders.delete((this._took = first));
      this._fail(revived(second));
    } else if (operation === "sure") {
      this._settle(first, revived(second));
    } else if (operation === "error") {
      this._fail(revived(first));
    } else if (operation === "close") {
      this._finish(revived(first));
    }
  }

  protected override _want(topic: string): void {
    this._topics.add(topic);
    this._send("add", topic);
  }

  protected override _unwant(topic: string): void {
    this._topics.delete(topic);
    this._send("remove", topic);
  }

  private _greet(): void {
    this._send("hi", [...this._topics], [...this._orders.values()]);
  }

  private _order(order: Order): void {
    if (this._over) {
      throw ended();
    }
    this._orders.set(++this._number, order);
    this._send("order", ...order);
  }

  /** Is done with the orders up to a number. */
  private _settle(number: number, error: SpokeError | null): void {
    this._sure = number;
    this._drains = this._drains.filter(([last, drain]) => last > number || (error ? drain._reject(error) : drain._resolve()));
    this._fail(error);
  }

  private _become(state: State): void {
    if (this.state !== state) {
      this.state = state;
      this._tell("state", state);
      if (state === "ready") {
        this._tell(state, null);
      }
    }
  }

  private _fail(error: SpokeError | null): void {
    if (error && !this._tell("error", error) && !this._over) {
      console.warn(error);
    }
  }
}

/** The error of who uses a target that is closed. */
const ended = (): SpokeError => new SpokeError("closed", "the target has been closed: make a new one");

/** Puts an error together that crossed the port. */
const revived = (parts: PlainError): SpokeError | null => parts ? new SpokeError(parts.code, parts.message, parts) : null;

/** What connect returns. */
class Connected<E extends EventMap> extends PortTarget<E> {
  constructor(port: Port, name?: string) {
    super(name);
    this._attach(port);
  }
}

/**
 * Connects to the target that the other side of the port exposes with `expose(target, port)`, before or after that. Messages of others on the
 * port are left alone.
 */
export function connect<E extends EventMap = Record<string, unknown>>(port: Port, { name }: PortOptions = {}): PortTarget<E> {
  return new Connected<E>(port, name);
}
