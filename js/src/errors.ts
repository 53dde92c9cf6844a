/**
 * Why something failed, for programs to branch on:
 *
 * - `invalid_url`, `invalid_topic`, `invalid_payload`: the program gave something that is not one.
 * - `too_big`: the event is larger than `maxEvent`.
 * - `queue_full`: there is no room for the event until the connection is back, or has sent what it has.
 * - `buffer_full`: who reads an iterator is slower than the events come.
 * - `forbidden`, `limit`, `unauthenticated`: the hub's reason for a reject.
 * - `unavailable`: the hub's reason, too. With a `delay` it can't take a subscription yet, which is asked for again: nothing is to be done. Else it did not
 *   take an event, which may be published again, or has no presence for the topic.
 * - `lost`: the connection ended before the hub had everything, or it is not known to have had.
 * - `token`: the option `token` threw.
 * - `ended`: the hub said that there is no use in coming back; `closeCode` has its code.
 * - `closed`: the program closed the spoke.
 *
 * A hub may have further reasons for a reject.
 */
export type ErrorCode =
  | "invalid_url"
  | "invalid_topic"
  | "invalid_payload"
  | "too_big"
  | "queue_full"
  | "buffer_full"
  | "forbidden"
  | "limit"
  | "unauthenticated"
  | "unavailable"
  | "lost"
  | "token"
  | "ended"
  | "closed"
  | (string & {});

/** What may be known of an error beside its code and message. */
export interface ErrorDetails {
  /** The topic that the error is about. */
  topic?: string;
  /** The reasons of the hub by topic, where it rejected some of several. */
  rejected?: ReadonlyMap<string, string> | undefined;
  /** The close code of the connection. */
  closeCode?: number;
  /** The reason of the close, as the hub wrote it. */
  reason?: string;
  /** How long the wait for the next attempt is, in milliseconds: at a connection, or at a subscription that the hub can't take yet. */
  delay?: number | undefined;
  /** What was thrown. */
  cause?: unknown;
}

/** The one class of errors of this package. The message says what was wrong and what to do. */
export class SpokeError extends Error implements ErrorDetails {
  readonly code: ErrorCode;
  readonly topic?: string;
  readonly rejected?: ReadonlyMap<string, string> | undefined;
  readonly closeCode?: number;
  readonly reason?: string;
  readonly delay?: number | undefined;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails) {
    super(message);
    this.name = "SpokeError";
    this.code = code;
    Object.assign(this, details);
  }
}
