import { SpokeError } from "./errors.ts";

/**
 * The names of the life-cycle events. A topic of the same name, which only a type without an id can be, is written with a
 * colon before it: `":state"`.
 */
const lifecycleNames = ["ready", "state", "close", "error"] as const;

/** A name of a life-cycle event. */
export type LifecycleName = (typeof lifecycleNames)[number];

/** Says whether name is that of a life-cycle event. */
export const isLifecycle = (name: string): boolean => (lifecycleNames as readonly string[]).includes(name);

/** What no topic has: control characters, and halves of surrogate pairs, which are not UTF-8. */
const forbiddenCharacters = /[\p{Cc}\p{Cs}]/u;

const encoder = new TextEncoder();

/** The length of text in bytes of UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).length;

/**
 * Splits a topic, `type` or `type:id` with an optional colon before it, at the first colon of the rest. The id is empty
 * where there is none. It throws a SpokeError for what is no topic.
 */
export function splitTopic(name: string): [type: string, id: string] {
  const topic = name[0] === ":" ? name.slice(1) : name;
  const colon = topic.indexOf(":");
  const type = colon < 0 ? topic : topic.slice(0, colon);
  const id = colon < 0 ? "" : topic.slice(colon + 1);
  if (!type || (colon >= 0 && !id) || topic.startsWith("__") || forbiddenCharacters.test(topic) || bytesOf(type) > 256 || bytesOf(id) > 256) {
    throw new SpokeError(
      "invalid_topic",
      `${JSON.stringify(name)} is no topic: use "type" or "type:id", each 1 to 256 bytes without control characters, not beginning with "__"`,
      { topic: name },
    );
  }
  return [type, id];
}

/** Joins a type and an id, which may be empty, to a topic as the hub knows it. */
export const joinTopic = (type: string, id: string): string => (id ? `${type}:${id}` : type);
