import { SpokeError } from "./errors.ts";
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

/** What an iterator listens to. */
interface Source {
  addEventListener(name: string, listener: (event: never) => void): void;
  removeEventListener(name: string, listener: (event: never) => void): void;
}

/** Who waits for the next event. */
interface Reader<T> {
  resolve(result: IteratorResult<SpokeEvent<T>, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Returns an iterator over the events of topic, which is subscribed to at once and until the iterator ends: by a `break` or
 * `return()`, by the signal, by an overflow, or with the source.
 */
export function iterate<T>(source: Source, topic: string, options: IteratorOptions = {}): AsyncIterableIterator<SpokeEvent<T>, undefined, undefined> {
  const { signal, buffer = 256, overflow } = options;
  const events: SpokeEvent<T>[] = [];
  const readers: Reader<T>[] = [];
  let over = false;
  let failure: unknown;
  let missed = 0;
  const end = (error?: unknown): void => {
    if (!over) {
      over = true;
      failure = error;
      source.removeEventListener(topic, heard);
      source.removeEventListener("close", closed);
      signal?.removeEventListener("abort", aborted);
      readers.splice(0).forEach(settle);
    }
  };
  const heard = (event: SpokeEvent<T>): void => {
    const reader = readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: event });
    } else if (events.length < buffer) {
      events.push(event);
    } else if (overflow === "drop-oldest") {
      missed++;
      events.shift();
      events.push(event);
    } else {
      end(
        new SpokeError("buffer_full", `more than ${buffer} events of ${JSON.stringify(topic)} wait to be read: read faster, or set buffer or overflow`, {
          topic,
        }),
      );
    }
  };
  const closed = (event: CustomEvent<unknown>): void => end(event.detail ?? undefined);
  const aborted = (): void => {
    events.length = 0;
    end();
  };
  const settle = (reader: Reader<T>): void => {
    const value = events.shift();
    if (value) {
      reader.resolve({ done: false, value: missed ? new SpokeEvent(value.type, value, missed) : value });
      missed = 0;
    } else if (failure) {
      reader.reject(failure);
      failure = undefined;
    } else if (over) {
      reader.resolve({ done: true, value: undefined });
    } else {
      readers.push(reader);
    }
  };
  if (signal?.aborted) {
    over = true;
  } else {
    source.addEventListener(topic, heard);
    source.addEventListener("close", closed);
    signal?.addEventListener("abort", aborted);
  }
  return {
    next: () => new Promise((resolve, reject) => settle({ resolve, reject })),
    return: () => {
      aborted();
      failure = undefined;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
