import { isLifecycle, splitTopic } from "./topic.ts";
import { SpokeEvent } from "./types.ts";
import type { AnyEvent, EventMap, EventOf, Listener, ListenerOptions, Topic, Untyped } from "./types.ts";
import type { SpokeError } from "./errors.ts";
import type { Envelope } from "./payload.ts";
import type { LifecycleName } from "./topic.ts";

/** The removals of one listener, by the name and the value of capture that it was added with. */
type Removals = Map<string, () => void>;

/**
 * An EventTarget whose listeners are subscriptions. It counts who holds each topic and says when the first comes and the
 * last goes, whatever ends it: a removal, `once` or a signal. Names are topics, or those of life-cycle events, which are not
 * counted. A subclass says where events go to and come from.
 */
export abstract class TopicTarget<E extends EventMap = Record<string, unknown>> extends EventTarget {
  /** The event map. It has no value: TypeScript finds the map by it. */
  declare readonly _map?: E;
  private readonly _removals = new WeakMap<object, Removals>();
  private readonly _holds = new Map<string, number>();
  /** Who publishes, and while an echo is delivered, who has published. */
  declare _by: unknown;
  /** Says that a topic with an id does not count as its type. */
  declare protected _exact: boolean | undefined;
  /** What is thrown at those who use the target after its end. No listener of a topic is called then. */
  declare protected _end: SpokeError | undefined;

  /** Called when the first one holds topic. Nothing has to be done. */
  protected _want(_topic: string): void {}
  /** Called when nobody holds topic any more. Nothing has to be done. */
  protected _unwant(_topic: string): void {}

  /**
   * Has callback called for the events of a topic, which is thereby subscribed to, or for a life-cycle event. As in the DOM, what is there
   * already is not added again. It throws a SpokeError for what is no topic, and does nothing once the target has ended.
   */
  override addEventListener<T extends LifecycleName | Topic<E>>(name: T, callback: Listener<EventOf<E, T>> | null, options?: ListenerOptions | boolean): void;
  /** The same, for a target without an event map: the listener says what events it expects. */
  override addEventListener<V extends AnyEvent>(name: Untyped<E, V["type"]>, callback: Listener<V> | null, options?: ListenerOptions | boolean): void;
  override addEventListener(name: string, callback: Listener<never> | null, options?: ListenerOptions | boolean): void {
    const { once, signal, capture = options === true } = Object(options) as ListenerOptions;
    const native = nativeName(name);
    const key = native + capture;
    const removals: Removals = this._removals.get(callback!) ?? new Map();
    const dead = (): unknown => this._end && !isLifecycle(native);
    if (!callback || signal?.aborted || removals.has(key) || dead()) {
      return;
    }
    const call = (event: Event): unknown => {
      if (once) {
        remove();
      }
      if (!dead()) {
        return typeof callback === "function" ? callback.call(this, event as never) : callback.handleEvent(event as never);
      }
      return;
    };
    const remove = (): void => {
      if (removals.delete(key)) {
        super.removeEventListener(native, call, { capture });
        signal?.removeEventListener("abort", remove);
        this._release(native);
      }
    };
    this._removals.set(callback, removals.set(key, remove));
    super.addEventListener(native, call, { capture });
    signal?.addEventListener("abort", remove);
    this._hold(native);
  }

  /** Removes what addEventListener added; the last removal unsubscribes from the topic. */
  override removeEventListener<T extends LifecycleName | Topic<E>>(name: T, callback: Listener<EventOf<E, T>> | null, options?: ListenerOptions | boolean): void;
  /** The same, for a target without an event map: the listener says what events it expects. */
  override removeEventListener<V extends AnyEvent>(name: Untyped<E, V["type"]>, callback: Listener<V> | null, options?: ListenerOptions | boolean): void;
  override removeEventListener(name: string, callback: Listener<never> | null, options?: ListenerOptions | boolean): void {
    const { capture = options === true } = Object(options) as ListenerOptions;
    this._removals.get(callback!)?.get(nativeName(name) + capture)?.();
  }

  /** Counts one more who holds a name. */
  protected _hold(native: string): void {
    const holds = this._holds.get(native) ?? 0;
    this._holds.set(native, holds + 1);
    if (!holds && !isLifecycle(native)) {
      this._want(topicOf(native));
    }
  }

  /** Counts one less. */
  protected _release(native: string): void {
    const holds = this._holds.get(native)! - 1;
    if (holds) {
      this._holds.set(native, holds);
    } else {
      this._holds.delete(native);
      if (!isLifecycle(native)) {
        this._unwant(topicOf(native));
      }
    }
  }

  /** Calls the listeners of an event: those of its type, and those of its type and id. */
  protected _deliver(event: Envelope): void {
    const { type, id } = event;
    if (!id || !this._exact) {
      this._dispatch(type, event);
    }
    if (id) {
      this._dispatch(`${type}:${id}`, event);
    }
  }

  /** Calls the listeners of a life-cycle event, or of a control event of the hub that others than the spoke take, and says whether there are any. */
  protected _tell(name: string, detail: unknown): boolean {
    const told = this._holds.has(name);
    super.dispatchEvent(new CustomEvent(name, { detail }));
    return told;
  }

  /** Calls the listeners of a topic. */
  protected _dispatch(topic: string, event: Envelope): void {
    const native = nativeTopic(topic);
    if (this._holds.has(native)) {
      super.dispatchEvent(new SpokeEvent(native, event));
    }
  }
}

/** The name by which the listeners of a topic are known. */
export const nativeTopic = (topic: string): string => (isLifecycle(topic) ? ":" : "") + topic;

/** The name by which the listeners of a topic or of a life-cycle event are known. It throws a SpokeError for what is neither. */
const nativeName = (name: string): string => (isLifecycle(name) ? name : nativeTopic(splitTopic(name)[0]));

/** The topic that has a name. */
const topicOf = (native: string): string => native.replace(/^:/, "");
