import { SpokeError } from "./errors.ts";

/** A message of the hub, as far as it could be read. An event of a stream has an offset. */
export interface Envelope {
  type: string;
  id: string;
  detail: unknown;
  offset: number | undefined;
}

/** Returns a message: a payload of undefined is null. It throws a SpokeError for what JSON doesn't have. */
export function encode(type: string, id: string, payload: unknown, offset?: number): string {
  try {
    return JSON.stringify({ type, id, payload, offset });
  } catch (cause) {
    throw new SpokeError("invalid_payload", `the payload of "${type}" is not JSON: ${cause}`, { topic: type, cause });
  }
}

/** Reads a message, text or binary. Undefined is what no envelope is. */
export function decode(data: unknown): Envelope | undefined {
  try {
    const { type, id, payload: detail = null, offset } = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data as ArrayBuffer));
    return typeof type === "string" ? { type, id: id ?? "", detail, offset } : undefined;
  } catch {
    return undefined;
  }
}
