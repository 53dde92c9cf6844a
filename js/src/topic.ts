import { SpokeError } from "./errors.ts";

/**
 * The names of the life-cycle events. A topic of the same name, which only a type without an id can be, is written with a
 * colon before it: `":state"`.
 */
const lifecycleNames = ["ready", "state", "close", "error", "gap"] as const;

/** A name of a life-cycle event. */
export type LifecycleName = (typeof lifecycleNames)[number];

/** Says whether name is that of a life-cycle event. */
export const isLifecycle = (name: string): name is LifecycleName => (lifecycleNames as readonly string[]).includes(name);

/** A topic, with an optional colon before it: the topic, its type and its id. */
const pattern = /^:?((?!__)([^:]+)(?::(.+))?)$/su;

/** What no topic has: control characters, and halves of surrogate pairs, which are not UTF-8. */
const forbidden = /[\p{Cc}\p{Cs}]/u;

const encoder = new TextEncoder();

/** The length of text in bytes of UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).length;

/**
 * Splits a topic, `type` or `type:id` with an optional colon before it, at the first colon of the rest: into the topic as the hub knows it, its type
 * and its id, which is empty where there is none. It throws a SpokeError for what is no topic.
 */
export function splitTopic(name: string): [topic: string, type: string, id: string] {
  const [, topic, type = "", id = ""] = pattern.exec(name) ?? [];
  if (!topic || forbidden.test(topic) || bytesOf(type) > 256 || bytesOf(id) > 256) {
    throw new SpokeError(
      "invalid_topic",
      `"${name}" is no topic: use "type" or "type:id", each 1 to 256 bytes, no controls, no "__" first`,
      { topic: name },
    );
  }
  return [topic, type, id];
}
