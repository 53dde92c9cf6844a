import { SpokeError } from "./errors.ts";

/** A message of the hub, as far as it could be read. */
export interface Envelope {
  type: string;
  id: string;
  payload: unknown;
}

/** Returns detail as JSON: undefined is null. It throws a SpokeError for what JSON doesn't have. */
export function encodePayload(topic: string, detail: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(detail ?? null);
  } catch (thrown) {
    cause = thrown;
  }
  if (text === undefined) {
    throw new SpokeError("invalid_payload", `the payload of ${JSON.stringify(topic)} can't be written as JSON: ${cause ?? typeof detail}`, { topic, cause });
  }
  return text;
}

/** Returns the message of an event or control event. The payload is JSON already. */
export const encode = (type: string, id: string, payload: string): string =>
  `{"type":${JSON.stringify(type)},"id":${JSON.stringify(id)},"payload":${payload}}`;

/** Reads a message, text or binary. Undefined is what no envelope is. */
export function decode(data: unknown): Envelope | undefined {
  try {
    const { type, id, payload } = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data as ArrayBuffer)) as Partial<Envelope>;
    return type ? { type, id: id ?? "", payload: payload ?? null } : undefined;
  } catch {
    return undefined;
  }
}
