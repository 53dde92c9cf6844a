import type { Settings } from "./options.ts";

/** The code of a connection whose token is not, or no longer, good. */
export const unauthenticated = 4401;

/** The code of a connection that ended without one. */
export const abnormal = 1006;

/** How long a connection must have been ready for the waits to begin anew, in milliseconds. */
export const healthy = 5000;

/** The codes after which there is no use in coming back, and what to do about each. */
const cures: Record<number, string> = {
  1000: "it said goodbye: connect again when there is reason to",
  1002: "it found a breach of the WebSocket protocol: look for a proxy between that changes messages",
  1003: "it doesn't take such messages: look whether the URL is that of a hub",
  1007: "it got text that is not UTF-8: look for a proxy between that changes messages",
  1008: "its policy doesn't allow what was done: look into its log, and send less or with other rights",
  1009: "a message was larger than it takes: set maxEvent to its --max-event, or raise that",
  4401: "it wants another token: set the option token, as a function that fetches a new one",
  4403: "it forbids the connection: look at --origin and at the rights of the token",
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
