import { SpokeError } from "./errors.ts";
import { Promised } from "./promised.ts";
import { bytesOf } from "./topic.ts";
import type { Connection } from "./connection.ts";
import type { Settings } from "./options.ts";

/** What is published: it goes to the connection, or waits for one, within bounds. */
export interface Outbox {
  /** The bytes that wait for a connection. */
  _waiting(): number;
  /** Sends a message or keeps it. It throws a SpokeError where there is no room. */
  _put(text: string, topic: string): void;
  /** Resolves once the hub has read what was put before. */
  _drained(): Promise<void>;
  /** Sends what has waited. What follows goes to this connection while that is open. */
  _opened(connection: Connection): void;
  /** Drops what has waited, whose number it returns, and rejects the promises. */
  _ended(error: SpokeError): number;
}

/** Makes an empty outbox. */
export function publishing({ maxEvent, maxBuffered, queueEvents, queueBytes }: Settings): Outbox {
  const drains = new Set<Promised>();
  let queue: string[] = [];
  let waiting = 0;
  let connection: Connection | undefined;

  const open = (): Connection | undefined => (connection?._socket.readyState === 1 ? connection : undefined);
  const ask = (drain: Promised): void =>
    open()?._ask((accepted) => {
      drains.delete(drain);
      if (accepted) {
        drain._resolve();
      } else {
        drain._reject(new SpokeError("lost", "the connection ended first: publish again"));
      }
    });
  const take = (): string[] => {
    const taken = queue;
    queue = [];
    waiting = 0;
    return taken;
  };

  return {
    _waiting: () => waiting,
    _put(text, topic) {
      const to = open();
      const bytes = bytesOf(text);
      if (bytes > maxEvent) {
        throw new SpokeError("too_big", `the event of "${topic}" has ${bytes} bytes: raise maxEvent, and the hub's --max-event`, { topic });
      }
      if (to ? to._socket.bufferedAmount + bytes > maxBuffered : queue.length >= queueEvents || waiting + bytes > queueBytes) {
        throw new SpokeError("queue_full", `no room for the event of "${topic}": await ${to ? "drained()" : "ready"} first`, { topic });
      }
      if (to) {
        to._socket.send(text);
      } else {
        waiting += bytes;
        queue.push(text);
      }
    },
    _drained() {
      const drain = new Promised();
      drains.add(drain);
      ask(drain);
      return drain._promise;
    },
    _opened(opened) {
      connection = opened;
      take().forEach((text) => opened._socket.send(text));
      drains.forEach(ask);
    },
    _ended(error) {
      drains.forEach((drain) => drain._reject(error));
      return take().length;
    },
  };
}
