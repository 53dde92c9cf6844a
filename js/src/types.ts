import type { SpokeError } from "./errors.ts";
import type { Gap } from "./positions.ts";
import type { LifecycleName } from "./topic.ts";

/**
 * Where a spoke stands: `connecting` (a socket opens and subscriptions go in), `ready`, `waiting` (for the next attempt),
 * `paused` (the page is in the back-forward cache), `closed` (for good).
 */
export type State = "connecting" | "ready" | "waiting" | "paused" | "closed";

/** An event map: the type of the payload by the type of the event, or by a whole topic. */
export type EventMap = object;

/** The topics of an event map: `type`, `type:id`, and either with a colon before it. */
export type Topic<E extends EventMap> = Named<keyof E & string> | `:${Named<keyof E & string>}`;

/** A type, and its topics with an id. */
type Named<K extends string> = K | `${K}:${string}`;

/** The payload of a topic: that of the topic itself where the map has it, else that of its type. */
export type Payload<E extends EventMap, T extends string> = T extends keyof E
  ? E[T]
  : T extends `:${infer Rest}`
    ? Payload<E, Rest>
    : T extends `${infer Type}:${string}`
      ? Type extends keyof E
        ? E[Type]
        : unknown
      : unknown;

/** The life-cycle events and their details. They are dispatched by the spoke itself. */
export interface Lifecycle {
  /** The connection is there and the hub has answered all subscriptions: first, and after each reconnect. */
  ready: CustomEvent<null>;
  /** The state has changed to the detail. */
  state: CustomEvent<State>;
  /** The spoke has ended for good, once: by `close()`, with null, or because there is no use in coming back. */
  close: CustomEvent<SpokeError | null>;
  /** Something failed that no caller is told of. Without a listener it is written to the console. */
  error: CustomEvent<SpokeError>;
  /** Events of a topic will not come: they are gone. */
  gap: CustomEvent<Gap>;
}

/** The event that listeners of name get. */
export type EventOf<E extends EventMap, T extends string> = T extends LifecycleName ? Lifecycle[T] : SpokeEvent<Payload<E, T>>;

/** What a listener may expect of an event where there is no event map. */
export interface AnyEvent {
  type: string;
  detail: unknown;
}

/** Name where the map is the default one, of all names, and nothing where it is the program's. */
export type Untyped<E extends EventMap, Name> = string extends keyof E ? Name : never;

/** A listener as the DOM has it: a function, or an object with handleEvent. */
export type Listener<V> = ((event: V) => unknown) | { handleEvent(event: V): unknown };

/** Options of addEventListener, as the DOM has them. */
export interface ListenerOptions {
  /** The listener is removed before its first call. */
  once?: boolean;
  /** The listener is removed when this aborts. */
  signal?: AbortSignal;
  /** Listeners with it are called before those without, and are others than those. */
  capture?: boolean;
}

/** What a SpokeEvent has beside the detail. */
export interface SpokeEventInit<T> {
  /** The payload. */
  detail: T;
  /** The id of the event, empty where it has none. */
  id: string;
  /** The offset of the event in the stream of its type. */
  offset?: number | undefined;
}

/** An event that came from the hub. Its `type` is the topic as it was given to addEventListener, its `detail` the payload. */
export class SpokeEvent<T = unknown> extends CustomEvent<T> {
  /** The id of the event, empty where it has none. */
  readonly id: string;
  /** The offset of the event in the stream of its type. Undefined where that is no stream. */
  readonly offset: number | undefined;
  /** How many events before this one an iterator has dropped because its buffer was full. */
  readonly missed: number;

  constructor(name: string, init: SpokeEventInit<T>, missed = 0) {
    super(name, init);
    this.id = init.id;
    this.offset = init.offset;
    this.missed = missed;
  }
}
