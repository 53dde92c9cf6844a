import type { Connection } from "./connection.ts";

/** The most topics of one control event, which is what a hub allows unless told otherwise. */
const maxTopics = 1024;

/** The most characters of the topics of one control event. */
const maxCharacters = 100_000;

/** The topics of one control event whose answers are awaited. */
type Batch = Set<string>;

/** Who waits for topics to be in force. */
interface Waiter {
  topics: readonly string[];
  /** Called once all of them are answered, with the hub's reasons for those that it rejected; undefined: there is no hub any more. */
  answered(rejected: Map<string, string> | undefined): void;
}

/**
 * Keeps what the hub has been asked for up to what is wanted. Changes of one turn of the event loop travel together: one control
 * event for thousands of topics.
 */
export class Subscriptions {
  /** How many control events the hub has not answered. */
  _pending = 0;

  private readonly _wanted = new Set<string>();
  /** What the hub knows of each topic: a batch while it is asked, true once in force, else the reason of its reject. */
  private readonly _known = new Map<string, Batch | true | string>();
  private readonly _changed = new Set<string>();
  private readonly _waiters = new Set<Waiter>();
  private _connection: Connection | undefined;

  /** The function is called for each topic that the hub rejects and nobody waits for. */
  constructor(private readonly _rejected: (topic: string, reason: string) => void) {}

  /** Wants topic, or asks for it again if the hub has rejected it. */
  _want(topic: string): void {
    this._wanted.add(topic);
    if (typeof this._known.get(topic) === "string") {
      this._known.delete(topic);
    }
    this._change(topic);
  }

  /** Wants topic no longer. */
  _unwant(topic: string): void {
    this._wanted.delete(topic);
    this._change(topic);
  }

  /** Waits for the answers to topics, which are wanted, and returns a function that gives up waiting. */
  _await(topics: readonly string[], answered: Waiter["answered"]): () => void {
    const waiter = { topics, answered };
    this._waiters.add(waiter);
    this._serve();
    return () => void this._waiters.delete(waiter);
  }

  /** Asks a new connection for everything that is wanted. */
  _opened(connection: Connection): void {
    this._connection = connection;
    this._wanted.forEach((topic) => this._changed.add(topic));
    this._flush();
  }

  /** Forgets what the connection knew. */
  _closed(): void {
    this._connection = undefined;
    this._pending = 0;
    this._known.clear();
    this._changed.clear();
  }

  /** Tells those who wait that nothing follows. */
  _ended(): void {
    this._waiters.forEach((waiter) => waiter.answered(undefined));
    this._waiters.clear();
  }

  /** Sends what has changed. */
  _flush(): void {
    const connection = this._connection;
    if (!connection) {
      return;
    }
    const added: string[] = [];
    const removed: string[] = [];
    for (const topic of this._changed) {
      if (this._wanted.has(topic) !== this._known.has(topic)) {
        (this._wanted.has(topic) ? added : removed).push(topic);
      }
    }
    this._changed.clear();
    for (const topics of split(removed)) {
      topics.forEach((topic) => this._known.delete(topic));
      connection._ask("__unsubscribe", { topics }, () => {});
    }
    split(added).forEach((topics) => this._ask(connection, topics));
  }

  private _change(topic: string): void {
    if (!this._changed.size) {
      queueMicrotask(() => this._flush());
    }
    this._changed.add(topic);
  }

  private _ask(connection: Connection, topics: string[]): void {
    const batch = new Set(topics);
    topics.forEach((topic) => this._known.set(topic, batch));
    this._pending++;
    connection._ask("__subscribe", { topics }, (accepted, payload) => {
      if (accepted === undefined) {
        return;
      }
      const reason = String(payload["reason"]);
      const topic = payload["topic"] as string | undefined;
      if (accepted) {
        [payload["topics"]].flat().forEach((topic) => this._know(batch, topic as string, true));
      } else if (topic) {
        this._know(batch, topic, reason);
      } else if (reason === "limit" && batch.size > 1) {
        const rest = [...batch];
        batch.clear();
        const half = rest.length >> 1;
        this._ask(connection, rest.slice(0, half));
        this._ask(connection, rest.slice(half));
      } else {
        [...batch].forEach((topic) => this._know(batch, topic, reason));
      }
      if (batch.size) {
        return true;
      }
      this._pending--;
      this._serve();
      return;
    });
  }

  /** Notes the answer to one topic of a batch, unless the topic has been given up since. */
  private _know(batch: Batch, topic: string, answer: true | string): void {
    batch.delete(topic);
    if (this._known.get(topic) === batch) {
      this._known.set(topic, answer);
      if (answer !== true && ![...this._waiters].some((waiter) => waiter.topics.includes(topic))) {
        this._rejected(topic, answer);
      }
    }
  }

  /** Tells those who wait and whose topics are all answered. */
  private _serve(): void {
    for (const waiter of this._waiters) {
      const answers = waiter.topics.map((topic) => [topic, this._known.get(topic)] as const);
      if (answers.every(([, answer]) => answer === true || typeof answer === "string")) {
        this._waiters.delete(waiter);
        waiter.answered(new Map(answers.filter((pair): pair is [string, string] => pair[1] !== true)));
      }
    }
  }
}

/** Splits topics so that each part fits into one control event. */
function split(topics: string[]): string[][] {
  const parts: string[][] = [];
  let characters = Infinity;
  for (const topic of topics) {
    characters += topic.length;
    if (characters > maxCharacters || parts.at(-1)!.length >= maxTopics) {
      parts.push([]);
      characters = topic.length;
    }
    parts.at(-1)!.push(topic);
  }
  return parts;
}
