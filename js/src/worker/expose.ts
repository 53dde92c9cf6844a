import { encodePayload } from "../payload.ts";
import { isLifecycle } from "../topic.ts";
import type { ErrorDetails, SpokeError } from "../errors.ts";
import { listen, post } from "./port.ts";
import type { Frame, Port } from "./port.ts";

/** How a target is exposed, and connected to. */
export interface PortOptions {
  /** The name of the target, the same on both sides, so that several share a port. Default "". */
  name?: string;
}

/** What a Spoke, and what leads to one, has beyond an EventTarget. */
interface Course extends EventTarget {
  readonly state?: string;
  publish?(topic: string, payload: unknown): void;
  drained?(): Promise<void>;
}

/** What is asked of the other side, numbered: to publish a payload, which is JSON, or without a topic only to say when all before is done. */
export type Order = [number: number, topic?: string, payload?: string];

/** An error as it crosses a port, where structured clone would keep only its message. */
export type PlainError = ({ code: string; message: string } & ErrorDetails) | null | undefined;

/** How many events may be under way to the other side of a port. */
const WINDOW = 4096;

/** Makes an error fit for a port. */
const plain = (error: unknown): unknown => error && { ...(error as SpokeError), message: (error as Error).message, cause: undefined };

/**
 * Lets the other side of a port use target as its own, by `connect(port)`: what it listens to is listened to here, and what it dispatches
 * is dispatched here. It returns what ends that, as do the end of the port and `close()` on the other side; the topics of that side
 * are given up then, and the port stays as it is. Payloads are JSON.
 *
 * Nothing waits for the other side. Up to 4,096 events are under way to one that is slow or frozen; it is told how many it missed beyond
 * those, by an `error` event with the code `buffer_full`.
 */
export function expose(target: EventTarget, port: Port, { name = "" }: PortOptions = {}): () => void {
  return exposeTo(target, port, name, true);
}

/** Does what expose does. Without echo, who publishes an event does not hear it, provided that the target has no other listeners that publish. */
export function exposeTo(target: EventTarget, port: Port, name: string, echo: boolean): () => void {
  const course: Course = target;
  const session = Math.random();
  const topics = new Set<string>();
  let last = 0;
  let greeted = false;
  let confirming = false;
  let publishing = 0;
  let under = 0;
  let missed = 0;
  const send = (...frame: Frame): void => post(port, name, ...frame);
  const nameOf = (topic: string): string => (course.state && isLifecycle(topic) ? `:${topic}` : topic);
  const forward = ({ type, detail, id }: CustomEvent & { id?: string }): void => {
    if (!echo && publishing) {
      return;
    }
    if (under >= WINDOW) {
      missed++;
      return;
    }
    try {
      send("event", type, encodePayload(type, detail), id);
      under++;
    } catch (error) {
      send("error", plain(error));
    }
  };
  const open = (): void => send("open", session, course.state ?? "ready");
  const failed = ({ detail }: CustomEvent): void => send("error", plain(detail));
  const closed = ({ detail }: CustomEvent): void => send("close", plain(detail));
  const confirm = async (): Promise<void> => {
    if (confirming) {
      return;
    }
    confirming = true;
    for (let sure = 0; sure < last; ) {
      let failure: unknown;
      sure = last;
      try {
        await course.drained?.();
      } catch (error) {
        sure = last;
        failure = error;
      }
      send("sure", sure, plain(failure));
    }
    confirming = false;
  };
  const take = (number: number, topic?: string, payload?: string): void => {
    let failure: unknown;
    last = number;
    publishing++;
    try {
      if (topic) {
        const [name, detail] = [nameOf(topic), JSON.parse(payload!)];
        course.publish ? course.publish(name, detail) : course.dispatchEvent(new CustomEvent(name, { detail }));
      }
    } catch (error) {
      failure = error;
    }
    queueMicrotask(() => publishing--);
    send("took", number, plain(failure));
    void confirm();
  };
  const add = (topic: string): void => {
    topics.add(topic);
    target.addEventListener(nameOf(topic), forward as EventListener);
  };
  const remove = (topic: string): void => {
    topics.delete(topic);
    target.removeEventListener(nameOf(topic), forward as EventListener);
  };
  const operations: Record<string, (...rest: any[]) => void> = {
    add,
    remove,
    hi(wanted: string[], orders: Order[]) {
      topics.forEach((topic) => wanted.includes(topic) || remove(topic));
      wanted.forEach(add);
      greeted = true;
      orders.forEach((order) => order[0] > last && take(...order));
      open();
    },
    order(...order: Order) {
      if (greeted) {
        take(...order);
      }
    },
    got(count: number) {
      under -= count;
      if (missed) {
        const message = `${missed} events were dropped while this side of the port was frozen or busy: read anew what they were about`;
        send("error", { code: "buffer_full", message });
        missed = 0;
      }
    },
    ping: open,
    bye: () => stop(),
  };
  const stop = (): void => {
    unlisten();
    topics.forEach(remove);
    watch("removeEventListener");
  };
  const watch = (method: "addEventListener" | "removeEventListener"): void => {
    if (course.state) {
      target[method]("state", open);
      target[method]("error", failed as EventListener);
      target[method]("close", closed as EventListener);
    }
  };
  const unlisten = listen(port, name, (operation, ...rest) => operations[operation]?.(...rest), stop);
  watch("addEventListener");
  open();
  return stop;
}
