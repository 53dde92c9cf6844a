import { Promised } from "./promised.ts";
import { delayOf } from "./course.ts";
import type { Connection } from "./connection.ts";
import type { Settings } from "./options.ts";
import type { Answer, Tracking } from "./positions.ts";

/** The most topics of one control event, which is what a hub allows unless told otherwise. */
const maxTopics = 1024;

/** The most characters of the topics of one control event. */
const maxCharacters = 100_000;

/** The hub's reasons by topic. */
type Reasons = ReadonlyMap<string, string>;

/** The topics of one control event whose answers are awaited. */
type Batch = Set<string>;

/**
 * Keeps what the hub has been asked for up to what is wanted. Changes of one turn of the event loop travel together: one control
 * event for thousands of topics.
 */
export interface Subscriptions {
  /** Wants topic, or asks for it again if the hub has rejected it. One that the hub can't take yet waits for its turn. */
  _want(topic: string): void;
  /** Wants topic no longer. */
  _unwant(topic: string): void;
  /** Returns a promise of the hub's reasons for those of topics that it rejects, settled once all are in force or rejected. */
  _await(topics: readonly string[]): Promised<Reasons>;
  /**
   * Takes a reject that answers nothing. It is about an event that was published, unless topic is in force: then the hub may have taken the
   * subscription away, and is asked for it again. Its answer tells which of the two it was.
   */
  _doubt(topic: string, reason: string): void;
  /** Says how many control events are not answered. */
  _busy(): number;
  /** Sends what has changed. */
  _flush(): void;
  /** Asks a new connection for everything that is wanted. */
  _opened(connection: Connection): void;
  /** Forgets what the connection knew. */
  _closed(): void;
  /** Rejects the promises. */
  _ended(error: unknown): void;
}

/**
 * Makes subscriptions. The function is called for each topic that the hub rejects and nobody waits for; without reasons it was an
 * event of the topic that the hub rejected, or with a delay a topic that the hub can't take yet, which is asked for again.
 *
 * known has what the hub knows of each topic: a batch while it is asked, true once in force, false while the hub can't take it yet, else the reason of
 * its reject. All topics that wait for another attempt are asked for together.
 */
export function subscribing(rejected: (topic: string, reason: string, reasons?: Reasons, delay?: number) => void, tracking: Tracking, settings: Settings): Subscriptions {
  const wanted = new Set<string>();
  const known = new Map<string, Batch | boolean | string>();
  const changed = new Set<string>();
  const waiters = new Map<readonly string[], Promised<Reasons>>();
  let connection: Connection | undefined;
  let pending = 0;
  let retry: ReturnType<typeof setTimeout>;

  const flush = (): void => {
    changed.forEach((topic) => wanted.has(topic) || tracking._forget(topic));
    if (connection) {
      const differing = [...changed].filter((topic) => wanted.has(topic) !== known.has(topic));
      changed.clear();
      split(differing.filter((topic) => known.delete(topic)), (topics) => connection!._ask(() => {}, { topics }, "__unsubscribe"));
      split(differing.filter((topic) => wanted.has(topic)), ask);
    }
  };
  const change = (topic: string): void => {
    changed.add(topic);
    queueMicrotask(flush);
  };
  const ask = (topics: string[], doubted?: string, attempt = 0): void => {
    const batch: Batch = new Set(topics);
    const know = (topic: string, answer: true | string, position?: Answer): void => {
      batch.delete(topic);
      if (known.get(topic) === batch) {
        known.set(topic, answer !== "unavailable" && answer);
        if (answer === "unavailable") {
          const delay = delayOf(attempt, settings);
          clearTimeout(retry);
          retry = setTimeout(
            () =>
              split(
                [...wanted].filter((topic) => !known.get(topic)),
                (topics) => ask(topics, "", attempt + 1),
              ),
            delay,
          );
          attempt || rejected(topic, answer, undefined, delay);
        } else if (answer === true) {
          doubted ? rejected(topic, doubted) : tracking._answered(topic, position);
        } else if (![...waiters.keys()].some((topics) => topics.includes(topic))) {
          rejected(topic, answer, new Map([[topic, answer]]));
        }
      }
    };
    topics.forEach((topic) => known.set(topic, batch));
    pending++;
    connection!._ask(
      (accepted, payload) => {
        const { topic, reason } = payload as { topic?: string; reason: string };
        if (accepted) {
          const positions = new Map(Object.entries(Object(payload["positions"]) as Record<string, Answer>));
          [payload["topics"]].flat().forEach((topic) => know(topic as string, true, positions.get(topic as string)));
        } else if (topic) {
          know(topic, reason);
        } else if (reason === "limit" && batch.size > 1) {
          const rest = topics.filter((topic) => known.get(topic) === batch);
          batch.clear();
          ask(rest.splice(rest.length >> 1));
          ask(rest);
        } else {
          batch.forEach((topic) => know(topic, reason));
        }
        if (batch.size) {
          return true;
        }
        pending--;
        waiters.forEach(serve);
        return;
      },
      { topics, since: topics.some(tracking._of) && !doubted ? tracking._list(topics) : undefined },
    );
  };
  const serve = (waiter: Promised<Reasons>, topics: readonly string[]): void => {
    const reasons = new Map<string, string>();
    for (const topic of topics) {
      const answer = known.get(topic);
      if (typeof answer === "string") {
        reasons.set(topic, answer);
      } else if (answer !== true) {
        return;
      }
    }
    waiter._resolve(reasons);
  };

  return {
    _want(topic) {
      wanted.add(topic);
      if (typeof known.get(topic) === "string") {
        known.delete(topic);
      }
      change(topic);
    },
    _unwant(topic) {
      wanted.delete(topic);
      change(topic);
    },
    _await(topics) {
      const waiter = new Promised<Reasons>();
      const forget = (): unknown => waiters.delete(topics);
      waiters.set(topics, waiter);
      waiter._promise.then(forget, forget);
      serve(waiter, topics);
      return waiter;
    },
    _doubt(topic, reason) {
      known.get(topic) === true ? ask([topic], reason) : rejected(topic, reason);
    },
    _busy: () => pending,
    _flush: flush,
    _opened(opened) {
      connection = opened;
      pending = 0;
      wanted.forEach((topic) => changed.add(topic));
      flush();
    },
    _closed() {
      connection = undefined;
      clearTimeout(retry);
      known.clear();
      tracking._closed();
    },
    _ended(error) {
      waiters.forEach((waiter) => waiter._reject(error));
    },
  };
}

/** Splits topics so that each part fits into one control event, and hands over the parts. */
function split(topics: string[], take: (part: string[]) => void): void {
  const parts: string[][] = [];
  let part: string[] = [];
  let room = 0;
  for (const topic of topics) {
    room -= topic.length;
    if (room < 0 || part.length >= maxTopics) {
      parts.push((part = []));
      room = maxCharacters - topic.length;
    }
    part.push(topic);
  }
  parts.forEach((part) => take(part));
}
