import type { Positions } from "./positions.ts";

/** What a spoke needs of a WebSocket. Those of browsers, Node 22, Deno, Bun and the package ws have it. */
export interface SocketLike {
  /** 1 while it is open. */
  readonly readyState: number;
  /** The bytes that wait to be sent. */
  readonly bufferedAmount: number;
  /** Set to "arraybuffer", for hubs that send binary messages. */
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Options of a Spoke. Each may be left out. Times are in milliseconds. */
export interface SpokeOptions {
  /** The class of WebSockets. Default: the global one; Node 20 has none, so hand over that of the package ws. */
  WebSocket?: new (url: string, protocols?: string[]) => SocketLike;
  /**
   * The token that the hub asks for. A function is called for each connect, before the token expires (where it is a JWT
   * with `exp`), and once more where the hub did not accept it. It may return a promise.
   */
  token?: string | (() => string | Promise<string>);
  /** Has the spoke hear the events that it publishes itself. Default false. */
  echo?: boolean;
  /** Keeps events with an id from listeners of the type alone, as `createPubSub` of GraphQL Yoga expects. Default false. */
  exact?: boolean;
  /** Where topics go on when they are subscribed to for the first time: `positions` of an earlier spoke. */
  since?: Positions;
  /** How many events may wait for the connection. Default 64. */
  queueEvents?: number;
  /** How many bytes may wait for the connection. Default 65,536. */
  queueBytes?: number;
  /** How many bytes may wait in the open socket. Default 1,048,576. */
  maxBuffered?: number;
  /** The largest event, in bytes. A hub ends a connection that sends one over its own limit. Default 65,536. */
  maxEvent?: number;
  /** The least wait before another attempt to connect, or to subscribe to what the hub can't take yet. Default 500. */
  minDelay?: number;
  /** The longest wait before another attempt, unless the hub names one. Default 20,000. */
  maxDelay?: number;
  /** How long a connect may take, with the token and the answers to the subscriptions. Default 10,000. */
  connectTimeout?: number;
  /** How long the hub may be silent before it is asked for a sign of life. Default 30,000. */
  silence?: number;
  /** How long the hub may take to give it. Default 10,000. */
  probeTimeout?: number;
}

/** The defaults of the options that have one. Those that are false are left out. */
export const defaults = {
  since: {},
  queueEvents: 64,
  queueBytes: 65536,
  maxBuffered: 1048576,
  maxEvent: 65536,
  minDelay: 500,
  maxDelay: 20000,
  connectTimeout: 10000,
  silence: 30000,
  probeTimeout: 10000,
};

/** The options that have no default. */
type Unset = "WebSocket" | "token" | "echo" | "exact";

/** Options with the defaults filled in. */
export type Settings = Required<Omit<SpokeOptions, Unset>> & Pick<SpokeOptions, Unset>;
