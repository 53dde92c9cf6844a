import { SpokeError } from "./errors.ts";
import { nativeTopic } from "./target.ts";
import { splitTopic } from "./topic.ts";
import { SpokeEvent } from "./types.ts";
import type { Client } from "./client.ts";
import type { Gap } from "./positions.ts";
import type { TopicTarget } from "./target.ts";
import type { EventMap, Lifecycle, Payload, Topic } from "./types.ts";

/** Options of events. */
export interface IteratorOptions {
  /** Ends the iterator. */
  signal?: AbortSignal;
  /** How many events may wait to be read. Default 256. */
  buffer?: number;
  /**
   * What happens when one more comes. `error`, the default: what is in the buffer can still be read, and then the iterator throws a
   * SpokeError with the code `buffer_full`. `drop-oldest`: the next event that is read says in `missed` how many are gone.
   */
  overflow?: "error" | "drop-oldest";
  /** Has the `gap` events of the topic among its events, in their place. They are no SpokeEvents. Default false. */
  gaps?: boolean;
}

/**
 * Returns an iterator over the events of topic, for `for await`. It subscribes at once and gives the topic up when it ends: by a `break` or
 * `return()`, by the signal, by an overflow, with the hub's reason when that rejects the topic, or with the target: done after `close()`, with
 * an error otherwise. It throws a SpokeError for what is no topic, and after the end of the target.
 */
export function events<E extends EventMap, T extends Topic<E>>(
  target: Client<E>,
  topic: T,
  options: IteratorOptions & { gaps: true },
): AsyncGenerator<SpokeEvent<Payload<E, T>> | CustomEvent<Gap>, void, void>;
/** The same, without the gaps unless the option says so. */
export function events<E extends EventMap, T extends Topic<E>>(
  target: Client<E>,
  topic: T,
  options?: IteratorOptions & { gaps?: false },
): AsyncGenerator<SpokeEvent<Payload<E, T>>, void, void>;
export function events(target: Client<EventMap>, name: string, { signal, buffer = 256, overflow, gaps }: IteratorOptions = {}): AsyncGenerator<Event, void, void> {
  target._check();
  const [topic, type] = splitTopic(name);
  const native = nativeTopic(topic);
  const waiting: Event[] = [];
  const ended = new AbortController();
  let missed = 0;
  let failure: unknown;
  let wake: (() => void) | undefined;
  const end = (error?: unknown): void => {
    if (!ended.signal.aborted) {
      failure = error;
      ended.abort();
      wake?.();
    }
  };
  const quit = (): void => {
    waiting.length = 0;
    end();
  };
  const hear = (event: Event): void => {
    if (waiting.length >= buffer) {
      if (overflow !== "drop-oldest") {
        end(new SpokeError("buffer_full", `${buffer} events of "${topic}" wait: read faster, or set buffer or overflow`, { topic }));
        return;
      }
      missed += sizeOf(waiting.shift()!);
    }
    waiting.push(event);
    wake?.();
  };
  async function* read(): AsyncGenerator<Event, void, void> {
    for (;;) {
      const event = waiting.shift();
      if (event instanceof SpokeEvent && missed) {
        const before = missed;
        missed = 0;
        yield new SpokeEvent(event.type, event, before);
      } else if (event) {
        yield event;
      } else if (failure) {
        throw failure;
      } else if (ended.signal.aborted) {
        return;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  }

  if (signal?.aborted) {
    quit();
  }
  (target as TopicTarget<any>).addEventListener(native, hear, ended);
  listenPast(target, "close", ({ detail }) => end(detail), ended);
  listenPast(target, "error", ({ detail }) => detail.rejected && detail.topic === topic && end(detail), ended);
  if (gaps) {
    listenPast(target, "gap", (event) => [topic, type].includes(event.detail.topic) && hear(event), ended);
  }
  signal?.addEventListener("abort", quit, ended);
  const reader = read();
  const { return: ending } = reader;
  reader.return = (value) => {
    quit();
    return ending.call(reader, value);
  };
  return reader;
}

/** The number of events that an event stands for: a gap those that are gone, as far as that is known. */
const sizeOf = (event: Event): number => (event instanceof SpokeEvent ? 1 : ((event as CustomEvent<Gap>).detail.missed ?? 1));

/**
 * Listens to life-cycle events past the target, which writes errors to the console where nobody listens: an iterator hears of one error only, and does not
 * count as a listener of gaps.
 */
function listenPast<N extends keyof Lifecycle>(target: EventTarget, name: N, listener: (event: Lifecycle[N]) => unknown, options: { signal: AbortSignal }): void {
  EventTarget.prototype.addEventListener.call(target, name, listener as unknown as EventListener, options);
}
