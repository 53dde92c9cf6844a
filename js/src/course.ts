import type { Settings } from "./options.ts";

/** The code of a connection whose token is not, or no longer, good. */
export const unauthenticated = 4401;

/** The code of a connection that ended without one. */
export const abnormal = 1006;

/** How long a connection must have been ready for the waits to begin anew, in milliseconds. */
export const healthy = 5000;

/** The codes after which there is no use in coming back, and what to do about each. */
const cures: Record<number, string> = {
  1000: "it is done",
  1002: "a proxy between may break the protocol",
  1003: "look whether the URL is that of a hub",
  1007: "a proxy between may break the protocol",
  1008: "its policy forbids what was done: see its log",
  1009: "a message was too large: lower maxEvent, or raise its --max-event",
  4401: "it wants a good token: set the option token to a function that fetches one",
  4403: "it forbids the connection: look at its --origin and at the token",
};

/**
 * Returns the wait in milliseconds that the reason of a close asks for: JSON with retry_after_ms. It is 0 where there is none, and
 * an hour at most.
 */
export function hintOf(reason: string): number {
  try {
    const hint: unknown = JSON.parse(reason).retry_after_ms;
    return Math.min(Math.max(Number(hint) || 0, 0), 3600000);
  } catch {
    return 0;
  }
}

/** Returns what to do about a close after which there is no use in coming back, and undefined for all others. */
export const cureOf = (code: number, reason: string): string | undefined =>
  code === 1008 && hintOf(reason) ? undefined : cures[code];

/** Returns the wait before an attempt, in milliseconds: full jitter, doubled by each attempt before it. */
export const delayOf = (attempt: number, { minDelay, maxDelay }: Settings, random = Math.random()): number =>
  Math.min(maxDelay, minDelay + random * Math.min(maxDelay, minDelay * 2 ** attempt));
