import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { until } from "./heard.ts";
import type { Position } from "../src/index.ts";

/** A message as it came. */
export interface Message {
  type: string;
  id: string;
  payload: { topics?: string[]; topic?: string; since?: Record<string, Position>; token?: string } | null;
}

/** A connection of a raw server. */
export interface RawConnection {
  socket: WebSocket;
  /** What was asked for in the handshake. */
  request: IncomingMessage;
  /** What has come, control events too. */
  messages: Message[];
}

/** Answers a message, or not. */
export type Answer = (connection: RawConnection, message: Message) => void;

/** Answers a control event as a hub does. */
export const acknowledge: Answer = ({ socket }, { id, type, payload }) => {
  if (id && type.startsWith("__")) {
    socket.send(JSON.stringify({ type: "__ack", id, payload: { topics: payload?.topics ?? [] } }));
  }
};

/** A WebSocket server that does to its clients what a test says. */
export class RawServer {
  readonly connections: RawConnection[] = [];
  /** What the test does to a new connection. */
  onConnection: (connection: RawConnection) => void = () => {};
  /** What the test does with a message. */
  onMessage: Answer = acknowledge;

  private constructor(private readonly server: WebSocketServer) {
    server.on("connection", (socket, request) => {
      const connection: RawConnection = { socket, request, messages: [] };
      this.connections.push(connection);
      socket.on("error", () => {});
      socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as Message;
        connection.messages.push(message);
        this.onMessage(connection, message);
      });
      this.onConnection(connection);
    });
  }

  /** Starts a server on a free port that ends with the test. */
  static async start(t: TestContext): Promise<RawServer> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: (protocols) => [...protocols][0] ?? false });
    await new Promise((resolve) => server.once("listening", resolve));
    t.after(() => {
      server.clients.forEach((client) => client.terminate());
      server.close();
    });
    return new RawServer(server);
  }

  /** The address that clients connect to. */
  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
  }

  /** Waits for count connections and returns the last of them. */
  async await(count: number): Promise<RawConnection> {
    await until(
      () => this.connections.length >= count,
      () => `got ${this.connections.length} connections, want ${count}`,
    );
    return this.connections[count - 1]!;
  }
}

/** Waits for a message of connection that matches. */
export async function awaitMessage(connection: RawConnection, matches: (message: Message) => boolean): Promise<Message> {
  await until(
    () => connection.messages.some(matches),
    () => `got ${JSON.stringify(connection.messages)}`,
  );
  return connection.messages.find(matches)!;
}

/** Waits for an event of a target and returns its detail. */
export const awaitEvent = <T>(target: EventTarget, name: string): Promise<T> =>
  new Promise((resolve) => target.addEventListener(name, (event) => resolve((event as CustomEvent<T>).detail), { once: true }));

/** Waits for the next error of a spoke, which tests that expect one ask for so that it isn't written to the console. */
export function quiet(target: EventTarget): unknown[] {
  const errors: unknown[] = [];
  target.addEventListener("error", (event) => errors.push((event as CustomEvent).detail));
  return errors;
}
