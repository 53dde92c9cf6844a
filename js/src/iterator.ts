import { SpokeError } from "./errors.ts";
import { nativeTopic } from "./target.ts";
import { SpokeEvent } from "./types.ts";

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
}

/**
 * Returns an iterator over the events of topic, which is subscribed to at once and until the iterator ends: by a `break` or
 * `return()`, by the signal, by an overflow, by a reject of the topic, or with the source.
 *
 * It listens to life-cycle events past the source, which writes errors to the console where nobody listens: an iterator hears of one error only.
 */
export function iterate<T>(source: EventTarget, topic: string, { signal, buffer = 256, overflow }: IteratorOptions = {}): AsyncGenerator<SpokeEvent<T>, void, void> {
  const events: SpokeEvent<T>[] = [];
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
    events.length = 0;
    end();
  };
  const listen = (name: string, listener: (event: never) => void): void =>
    EventTarget.prototype.addEventListener.call(source, name, listener as EventListener, ended);
  async function* read(): AsyncGenerator<SpokeEvent<T>, void, void> {
    for (;;) {
      const event = events.shift();
      if (event) {
        const before = missed;
        missed = 0;
        yield before ? new SpokeEvent(event.type, event, before) : event;
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
  const hear = (event: SpokeEvent<T>): void => {
    if (events.length >= buffer) {
      if (overflow !== "drop-oldest") {
        end(new SpokeError("buffer_full", `${buffer} events of "${topic}" wait: read faster, or raise buffer`, { topic }));
        return;
      }
      missed++;
      events.shift();
    }
    events.push(event);
    wake?.();
  };
  source.addEventListener(topic, hear as never, ended);
  listen("close", (event: CustomEvent<unknown>) => end(event.detail));
  listen("error", ({ detail }: CustomEvent<SpokeError>) => {
    if (detail.rejected && nativeTopic(detail.topic!) === topic) {
      end(detail);
    }
  });
  signal?.addEventListener("abort", quit, ended);
  const reader = read();
  const { return: ending } = reader;
  reader.return = (value) => {
    quit();
    return ending.call(reader, value);
  };
  return reader;
}
