import type { Settings } from "./options.ts";

/** The code of a connection whose token is not, or no longer, good. */
export const unauthenticated = 4401;

/** The code of a connection that ended without one. */
export const abnormal = 1006;

/** How long a connection must have been ready for the waits to begin anew, in milliseconds. */
export const healthy = 5000;

/** A time in milliseconds that only grows. */
export const now = (): number => performance.now();

/** The codes after which there is no use in coming back, and what to do about each. */
const cures: Record<number, string> = {
  1000: "make a new one",
  1002: "is it a hub?",
  1003: "is it a hub?",
  1007: "is it a hub?",
  1008: "see its log",
  1009: "lower maxEvent",
  4401: "the option token has to return a new one",
  4403: "see its --origin and the token",
};

/**
 * Returns the wait in milliseconds that the reason of a close asks for: JSON with retry_after_ms. It is 0 where there is none, and
 * an hour at most.
 */
export function hintOf(reason: string): number {
  try {
    const { retry_after_ms: hint } = JSON.parse(reason);
    return hint > 0 ? Math.min(hint, 3600000) : 0;
  } catch {
    return 0;
  }
}

/** Returns what to do about a close after which there is no use in coming back, and undefined for all others. */
export const cureOf = (code: number, hint: number): string | undefined =>
  code === 1008 && hint ? undefined : cures[code];

/** Returns the wait before an attempt, in milliseconds: full jitter, doubled by each attempt before it. */
export const delayOf = (attempt: number, { minDelay, maxDelay }: Settings, random = Math.random()): number =>
  Math.min(maxDelay, minDelay + random * Math.min(maxDelay, minDelay * 2 ** attempt));
