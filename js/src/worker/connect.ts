import { Client } from "../client.ts";
import { SpokeError } from "../errors.ts";
import { decode } from "../payload.ts";
import type { EventMap } from "../types.ts";
import { listen, post } from "./port.ts";
import type { Order, PlainError, PortOptions } from "./expose.ts";
import type { Frame, Port } from "./port.ts";

/** How many publishes may wait while the target on the other side is not ready. */
const room = 64;

/** The number of events after which the other side is told that they have arrived. */
const credit = 512;

/**
 * The event target that the other side of a port exposes: `connect` makes one. It is what that target is, with the states of a Spoke where
 * that is one. A publish that the other side has not confirmed when another one takes its place is handed to that one again.
 */
export class PortTarget<E extends EventMap = Record<string, unknown>> extends Client<E> {
  private readonly _name: string;
  private _port: Port | undefined;
  private _unlisten: (() => void) | undefined;
  private _session: number | undefined;
  declare private _events: number;
  /** The number of the last order, of the last that the other side has taken, and of the last that is done with. */
  declare private _number: number;
  declare private _took: number;
  declare private _sure: number;
  private readonly _topics = new Set<string>();
  private readonly _orders = new Map<number, Order>();
  private _drains: [number: number, resolve: () => void, reject: (error: SpokeError) => void][] = [];

  /** @internal */
  constructor(port?: Port, { name = "" }: PortOptions = {}) {
    super();
    this._name = name;
    this._events = this._number = this._took = this._sure = 0;
    if (port) {
      this._attach(port);
    }
  }

  /**
   * Resolves once everything that was published before, and asked for by listeners, is done with on the other side, for a Spoke: at the hub. It rejects
   * with a SpokeError if that fails, or is not known.
   */
  drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      this._check();
      this._order();
      this._drains.push([this._number, resolve, reject]);
    });
  }

  /** Goes on over a port: its other side is told all topics, and the orders that none has taken. */
  protected _attach(port: Port): void {
    this._port = port;
    this._unlisten = listen(
      port,
      this._name,
      (...frame) => this._receive(...frame),
      () => this._finish(new SpokeError("lost", "the port is closed: make a new one")),
    );
    this._greet();
  }

  /** Leaves the port. */
  protected _detach(): void {
    this._unlisten?.();
  }

  /** Sends a frame, if there is a port. */
  protected _send(...frame: Frame): void {
    post(this._port, this._name, ...frame);
  }

  /** Takes a frame of the other side. */
  protected _receive(...[operation, first, second]: Frame): void {
    if (operation === "event") {
      this._dispatch(first, decode(second)!);
      if (!(++this._events % credit)) {
        this._send("got", credit);
      }
    } else if (operation === "open") {
      if (this._session !== first || this.state !== second) {
        if (this._session !== first && this._took > this._sure) {
          this._settle(this._took, { code: "lost", message: "the connection ended first: publish again" });
        }
        this._session = first;
        this._changed(second);
        this._greet();
      }
    } else if (operation === "took") {
      this._orders.delete((this._took = first));
    } else if (operation === "drained") {
      this._settle(first, second);
    } else if (operation === "error") {
      this._failed(first);
    } else if (operation === "gap") {
      this._tell(operation, first);
    } else if (operation === "close") {
      first ? this._finish(revived(first)) : this.close();
    }
  }

  protected override _put(text: string, topic: string): void {
    if (this.state !== "ready" && this._orders.size >= room) {
      throw new SpokeError("queue_full", `no room for the event of "${topic}": await ready first`, { topic });
    }
    this._order(text);
  }

  protected override _ended(end: SpokeError): void {
    this._send("bye");
    this._detach();
    this._settle(Infinity, end);
    this._changed("closed");
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
    this._send("hi", [...this._topics], this.state === "ready" ? [...this._orders.values()] : []);
  }

  private _order(text?: string): void {
    const order: Order = [++this._number, text];
    this._orders.set(this._number, order);
    if (this.state === "ready") {
      this._send("order", ...order);
    }
  }

  /** Is done with the orders up to a number. */
  private _settle(number: number, error: PlainError): void {
    this._sure = number;
    this._drains = this._drains.filter(([last, resolve, reject]) => last > number || (error ? reject(revived(error)) : resolve()));
    this._failed(error);
  }

  private _failed(error: PlainError): void {
    if (error && !this._end) {
      this._fail(revived(error));
    }
  }
}

/** Puts an error together that crossed the port. */
const revived = (error: Exclude<PlainError, null | undefined>): SpokeError => new SpokeError(error.code, error.message, error);

/**
 * Connects to the target that the other side of the port exposes with `expose(target, port)`, before or after that. Messages of others on the
 * port are left alone.
 */
export const connect = <E extends EventMap = Record<string, unknown>>(port: Port, options?: PortOptions): PortTarget<E> =>
  new PortTarget<E>(port, options);
