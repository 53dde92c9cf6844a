import { decode, encode } from "../payload.ts";
import { nativeTopic } from "../target.ts";
import { splitTopic } from "../topic.ts";
import { listen, post } from "./port.ts";
import type { ErrorDetails } from "../errors.ts";
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
  _by?: unknown;
}

/** What is asked of the other side, numbered: to publish a message, or without one only to say when all before is done. */
export type Order = [number: number, text?: string | undefined];

/** An error as it crosses a port, where structured clone would keep only its message. */
export type PlainError = ({ code: string; message: string } & ErrorDetails) | null | undefined;

/** How many events may be under way to the other side of a port. */
const window = 4096;

/** Makes an error fit for a port. */
const plain = (error: any): unknown => error && { ...error, message: error.message, cause: null };

/**
 * Lets the other side of a port use target as its own, by `connect(port)`: what it listens to is listened to here, and what it dispatches
 * is dispatched here. It returns what ends that, as do the end of the port and `close()` on the other side; the topics of that side
 * are given up then, and the port stays as it is. Payloads are JSON.
 *
 * Nothing waits for the other side. Up to 4,096 events are under way to one that is slow or frozen; it is told how many it missed beyond
 * those, by an `error` event with the code `buffer_full`.
 */
export function expose(target: EventTarget, port: Port, options?: PortOptions): () => void;
/**
 * Keeps events from who published them where quiet is true, provided that no other listener of the target publishes.
 *
 * @internal
 */
export function expose(target: EventTarget, port: Port, options: PortOptions, quiet: boolean): () => void;
export function expose(target: Course, port: Port, { name = "" }: PortOptions = {}, quiet = false): () => void {
  const ended = new AbortController();
  const session = Math.random();
  const topics = new Set<string>();
  let last = 0;
  let greeted = false;
  let confirming = false;
  let under = 0;
  let missed = 0;
  const send = (...frame: Frame): void => post(port, name, ...frame);
  const open = (): void => send("open", session, target.state ?? "ready");
  const forward = ({ type: topic, detail, id, offset }: any): void => {
    if (!quiet || target._by !== send) {
      if (under < window) {
        try {
          const [plainTopic, type, ownId] = splitTopic(topic);
          send("event", plainTopic, encode(type, id ?? ownId, detail, offset));
          under++;
        } catch (error) {
          send("error", plain(error));
        }
      } else {
        missed++;
      }
    }
  };
  const add = (topic: string): void => {
    topics.add(topic);
    target.addEventListener(nativeTopic(topic), forward, ended);
  };
  const remove = (topic: string): void => {
    topics.delete(topic);
    target.removeEventListener(nativeTopic(topic), forward);
  };
  const confirm = async (): Promise<void> => {
    if (!confirming) {
      confirming = true;
      for (let sure = 0; sure < last; ) {
        let failure: unknown;
        sure = last;
        try {
          await target.drained?.();
        } catch (error) {
          sure = last;
          failure = error;
        }
        send("drained", sure, plain(failure));
      }
      confirming = false;
    }
  };
  const take = (number: number, text?: string): void => {
    if (number > last) {
      last = number;
      target._by = send;
      try {
        if (text) {
          const { type, id, detail } = decode(text)!;
          const topic = nativeTopic(id ? `${type}:${id}` : type);
          target.publish ? target.publish(topic, detail) : target.dispatchEvent(new CustomEvent(topic, { detail }));
        }
      } catch (error) {
        send("error", plain(error));
      }
      target._by = undefined;
      send("took", number);
      void confirm();
    }
  };
  const stop = (): void => {
    unlisten();
    ended.abort();
  };
  const operations: Record<string, (...rest: any[]) => void> = {
    add,
    remove,
    hi(wanted: string[], orders: Order[]) {
      topics.forEach((topic) => wanted.includes(topic) || remove(topic));
      wanted.forEach(add);
      greeted = true;
      orders.forEach((order) => take(...order));
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
        send("error", { code: "buffer_full", message: `${missed} events are lost: read faster` });
        missed = 0;
      }
    },
    ping: open,
    bye: stop,
  };
  const unlisten = listen(port, name, (operation, ...rest) => operations[operation]?.(...rest), stop);
  const pass = ({ type, detail }: any): void => send(type, plain(detail));
  target.addEventListener("state", open, ended);
  target.addEventListener("gap", ({ type, detail }: any) => send(type, detail), ended);
  target.addEventListener("error", pass, ended);
  target.addEventListener("close", pass, ended);
  open();
  return stop;
}
