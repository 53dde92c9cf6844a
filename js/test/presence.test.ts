import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./heard.ts";
import { Presence } from "../src/presence.ts";
import { acknowledge, quiet, RawServer } from "./rawserver.ts";
import { spokeOf } from "./spokes.ts";
import type { RawConnection } from "./rawserver.ts";
import type { SpokeError } from "../src/index.ts";
import type { PresenceChange } from "../src/presence.ts";

/** Sends a message. */
const send = ({ socket }: RawConnection, type: string, id: string, payload: unknown): void => socket.send(JSON.stringify({ type, id, payload }));

/** Tells of a change. */
const change = (connection: RawConnection, topic: string, join?: string[], leave?: string[]): void => send(connection, "__presence", "", { topic, join, leave });

/** A server that says who is there. */
async function serving(t: Parameters<typeof RawServer.start>[0], users: (connection: number) => string[]): Promise<RawServer> {
  const server = await RawServer.start(t);
  server.onMessage = (connection, message) => {
    const { type, id, payload } = message;
    if (type === "__presence") {
      send(connection, "__ack", id, { topic: payload!.topic, users: users(server.connections.length).map((user) => ({ user, connections: 2 })) });
    } else {
      acknowledge(connection, message);
    }
  };
  return server;
}

/** The control events about a topic, as lines. */
const controls = ({ messages }: RawConnection): string[] =>
  messages.flatMap(({ type, payload }) => (payload?.topic ? [`${type} ${payload.topic}`] : payload?.topics?.length ? [`${type} ${payload.topics.join()}`] : []));

/** Collects the changes of a presence. */
function changesOf(presence: Presence): PresenceChange[] {
  const changes: PresenceChange[] = [];
  presence.addEventListener("change", ({ detail }) => changes.push(detail));
  return changes;
}

test("a presence has who is there, then who comes and goes", async (t) => {
  const server = await serving(t, () => ["alice", "bob"]);
  const presence = new Presence(spokeOf(t, server.url), "room:7");
  const changes = changesOf(presence);
  await presence.ready;
  assert.deepEqual([...presence.users], ["alice", "bob"]);
  const connection = server.connections[0]!;
  change(connection, "room:8", ["eve"]);
  change(connection, "room:7", ["carol", "bob"], ["alice", "nobody"]);
  change(connection, "room:7", [], ["bob"]);
  await until(
    () => changes.length >= 3,
    () => `got ${JSON.stringify(changes)}`,
  );
  assert.deepEqual(changes, [
    { join: ["alice", "bob"], leave: [] },
    { join: ["carol"], leave: ["alice"] },
    { join: [], leave: ["bob"] },
  ]);
  assert.deepEqual([...presence.users], ["carol"]);
});

test("a list in parts has with it what changed behind its first part, not what came ahead", async (t) => {
  const server = await serving(t, () => []);
  server.onMessage = (connection, message) => {
    const { type, id } = message;
    if (type === "__presence") {
      const part = (user: string, more?: boolean): void => send(connection, "__ack", id, { topic: "room", users: [{ user, connections: 1 }], more });
      change(connection, "room", ["ahead"]);
      part("alice", true);
      change(connection, "room", ["carol"], ["alice"]);
      part("bob");
    } else {
      acknowledge(connection, message);
    }
  };
  const presence = new Presence(spokeOf(t, server.url), "room");
  const changes = changesOf(presence);
  await presence.ready;
  assert.deepEqual([...presence.users], ["bob", "carol"]);
  assert.deepEqual(changes, [
    { join: ["alice", "bob"], leave: [] },
    { join: ["carol"], leave: ["alice"] },
  ]);
});

test("after a reconnect a presence has what has changed meanwhile", async (t) => {
  const server = await serving(t, (connection) => (connection === 1 ? ["alice", "bob"] : ["bob", "carol"]));
  const spoke = spokeOf(t, server.url, { minDelay: 1 });
  quiet(spoke);
  const presence = new Presence(spoke, "room");
  const changes = changesOf(presence);
  await presence.ready;
  server.connections[0]!.socket.terminate();
  await until(
    () => changes.length >= 2,
    () => `got ${JSON.stringify(changes)}`,
  );
  assert.deepEqual(changes[1], { join: ["carol"], leave: ["alice"] });
});

test("a reject rejects ready, is an error, and ends no listener", async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = (connection, message) => {
    if (message.type === "__presence") {
      send(connection, "__reject", message.id, { topic: "room", reason: "unavailable" });
    } else {
      acknowledge(connection, message);
    }
  };
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("room", () => {});
  const presence = new Presence(spoke, "room");
  await assert.rejects(presence.ready, { code: "unavailable", topic: "room" });
  assert.deepEqual(
    errors.map(({ code, rejected }) => [code, rejected]),
    [["unavailable", undefined]],
  );
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe room", "__presence room"]);
});

test("a presence goes on when the topic is unsubscribed from, and its end leaves a subscription alone", async (t) => {
  const server = await serving(t, () => ["alice"]);
  const spoke = spokeOf(t, server.url);
  const listener = (): void => {};
  spoke.addEventListener("room", listener);
  await spoke.ready;
  const presence = new Presence(spoke, ":room");
  await presence.ready;
  spoke.removeEventListener("room", listener);
  await spoke.drained();
  spoke.addEventListener("room", listener);
  await spoke.drained();
  presence.close();
  presence.close();
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe room", "__presence room", "__unsubscribe room", "__presence room", "__subscribe room"]);
});

test("the last presence of a topic to be closed ends the watch at the hub, and hears nothing more", async (t) => {
  const server = await serving(t, () => ["alice"]);
  const spoke = spokeOf(t, server.url);
  const [first, second] = [new Presence(spoke, "room"), new Presence(spoke, "room")];
  const changes = changesOf(second);
  await Promise.all([first.ready, second.ready]);
  first.close();
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!), ["__presence room", "__presence room"]);
  second.close();
  change(server.connections[0]!, "room", ["bob"]);
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!).slice(2), ["__unsubscribe room"]);
  assert.deepEqual(changes, [{ join: ["alice"], leave: [] }]);
});

test("a presence ends with its spoke", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const presence = new Presence(spoke, "room");
  spoke.close();
  await assert.rejects(presence.ready, { code: "closed" });
  assert.throws(() => new Presence(spoke, "room"), { code: "closed" });
});

test("what is no topic has no presence", async (t) => {
  const server = await RawServer.start(t);
  assert.throws(() => new Presence(spokeOf(t, server.url), "room:"), { code: "invalid_topic" });
});
