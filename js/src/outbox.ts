import { SpokeError } from "./errors.ts";
import { Promised } from "./promised.ts";
import { bytesOf } from "./topic.ts";
import type { Connection } from "./connection.ts";
import type { Settings } from "./options.ts";

/** What is published: it goes to the connection, or waits for one, within bounds. */
export class Outbox {
  /** The bytes that wait for a connection. */
  _bytes = 0;

  private _queue: string[] = [];
  private _connection: Connection | undefined;
  private readonly _drains = new Set<Promised>();

  constructor(private readonly _settings: Settings) {}

  /** Sends a message or keeps it. It throws a SpokeError where there is no room. */
  _put(text: string, topic: string): void {
    const { maxEvent, maxBuffered, queueEvents, queueBytes } = this._settings;
    const connection = this._connection?._isOpen ? this._connection : undefined;
    const bytes = bytesOf(text);
    if (bytes > maxEvent) {
      throw new SpokeError("too_big", `the event of "${topic}" has ${bytes} bytes, over the ${maxEvent} of maxEvent: send less, or raise that and the hub's --max-event`, { topic });
    }
    if (connection ? connection._unsent + bytes > maxBuffered : this._queue.length >= queueEvents || this._bytes + bytes > queueBytes) {
      throw new SpokeError("queue_full", `there is no room for the event of "${topic}" until the ${connection ? "socket has sent more: await drained()" : "connection is back: await ready"}`, { topic });
    }
    if (connection) {
      connection._send(text);
    } else {
      this._bytes += bytes;
      this._queue.push(text);
    }
  }

  /** Resolves once the hub has read what was put before. */
  _drained(): Promise<void> {
    const drain = new Promised();
    this._drains.add(drain);
    if (this._connection?._isOpen) {
      this._ask(this._connection, drain);
    }
    return drain._promise;
  }

  /** Sends what has waited. */
  _opened(connection: Connection): void {
    this._connection = connection;
    this._bytes = 0;
    this._queue.splice(0).forEach((text) => connection._send(text));
    this._drains.forEach((drain) => this._ask(connection, drain));
  }

  /** Has what follows wait for the next connection. */
  _closed(): void {
    this._connection = undefined;
  }

  /** Drops what has waited, whose number it returns, and rejects the promises. */
  _ended(error: SpokeError): number {
    this._drains.forEach((drain) => drain._reject(error));
    this._bytes = 0;
    return this._queue.splice(0).length;
  }

  private _ask(connection: Connection, drain: Promised): void {
    connection._ask("__subscribe", { topics: [] }, (accepted) => {
      this._drains.delete(drain);
      if (accepted) {
        drain._resolve();
      } else {
        drain._reject(new SpokeError("lost", "the connection ended before the hub had read everything: publish again what matters"));
      }
    });
  }
}
