import { isLifecycle, joinTopic, splitTopic } from "./topic.ts";
import { SpokeEvent } from "./types.ts";
import type { EventMap, EventOf, Listener, ListenerOptions, Topic } from "./types.ts";
import type { LifecycleName } from "./topic.ts";

/** The removals of listeners by what was added, for one name and one value of capture. */
type Removals = Map<object, () => void>;

/**
 * An EventTarget whose listeners are subscriptions. It counts who holds each topic and says when the first comes and the
 * last goes, whatever ends it: a removal, `once` or a signal. Names are topics, or those of life-cycle events, which are not
 * counted. A subclass says where events go to and come from.
 */
export abstract class TopicTarget<E extends EventMap = Record<string, unknown>> extends EventTarget {
  private readonly _removals = new Map<string, Removals>();
  private readonly _holds = new Map<string, number>();
  /** Says that a topic with an id does not count as its type. */
  protected _exact = false;
  /** Says that the target has ended: no listener of a topic is called any more. */
  protected _over = false;

  /** Called when the first one holds topic. */
  protected abstract _want(topic: string): void;
  /** Called when nobody holds topic any more. */
  protected abstract _unwant(topic: string): void;

  /**
   * Has callback called for the events of a topic, which is thereby subscribed to, or for a life-cycle event. As in the DOM, what is there
   * already is not added again. It throws a SpokeError for what is no topic, and does nothing once the target has ended.
   */
  override addEventListener<T extends LifecycleName | Topic<E>>(
    name: T,
    callback: Listener<EventOf<E, T>> | null,
    options?: ListenerOptions | boolean,
  ): void {
    const { once, signal, capture } = typeof options === "object" ? options : { capture: options, once: false, signal: undefined };
    const topic = topicOf(name);
    const key = keyOf(name, capture);
    const removals: Removals = this._removals.get(key) ?? new Map();
    if (!callback || signal?.aborted || removals.has(callback) || (this._over && topic)) {
      return;
    }
    const call = (event: Event): unknown => {
      if (once) {
        remove();
      }
      if (this._over && topic) {
        return;
      }
      return typeof callback === "function" ? callback.call(this, event as EventOf<E, T>) : callback.handleEvent(event as EventOf<E, T>);
    };
    const remove = (): void => {
      if (removals.delete(callback)) {
        if (!removals.size) {
          this._removals.delete(key);
        }
        super.removeEventListener(nativeName(name), call, { capture: !!capture });
        signal?.removeEventListener("abort", remove);
        if (topic) {
          this._release(topic);
        }
      }
    };
    this._removals.set(key, removals.set(callback, remove));
    super.addEventListener(nativeName(name), call, { capture: !!capture });
    signal?.addEventListener("abort", remove);
    if (topic) {
      this._hold(topic);
    }
  }

  /** Removes what addEventListener added; the last removal unsubscribes from the topic. */
  override removeEventListener<T extends LifecycleName | Topic<E>>(
    name: T,
    callback: Listener<EventOf<E, T>> | null,
    options?: ListenerOptions | boolean,
  ): void {
    const capture = typeof options === "object" ? options.capture : options;
    if (callback) {
      this._removals.get(keyOf(name, capture))?.get(callback)?.();
    }
  }

  /** Counts one more who holds topic. */
  protected _hold(topic: string): void {
    const holds = this._holds.get(topic) ?? 0;
    this._holds.set(topic, holds + 1);
    if (!holds) {
      this._want(topic);
    }
  }

  /** Counts one less. */
  protected _release(topic: string): void {
    const holds = this._holds.get(topic)! - 1;
    if (holds) {
      this._holds.set(topic, holds);
    } else {
      this._holds.delete(topic);
      this._unwant(topic);
    }
  }

  /** Says whether there is a listener of that name. */
  protected _heard(name: string): boolean {
    return this._removals.has(keyOf(name, false)) || this._removals.has(keyOf(name, true));
  }

  /** Calls the listeners of an event: those of its type, and those of its type and id. */
  protected _deliver(type: string, id: string, detail: unknown): void {
    for (const topic of id ? [type, joinTopic(type, id)] : [type]) {
      if (this._holds.has(topic) && !(this._exact && id && topic === type)) {
        super.dispatchEvent(new SpokeEvent(isLifecycle(topic) ? `:${topic}` : topic, { detail, id }));
      }
    }
  }

  /** Calls the listeners of a life-cycle event. */
  protected _tell(name: LifecycleName, detail: unknown): void {
    super.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The key of the listeners of a name. Capture makes other listeners, as in the DOM. */
const keyOf = (name: string, capture: boolean | undefined): string => (capture ? "+" : "-") + nativeName(name);

/** The name by which listeners are known: without the colon before it unless it is needed. */
const nativeName = (name: string): string => (name[0] === ":" && !isLifecycle(name.slice(1)) ? name.slice(1) : name);

/** The topic that name stands for as the hub knows it, empty for a life-cycle event. */
const topicOf = (name: string): string => (isLifecycle(name) ? "" : joinTopic(...splitTopic(name)));
