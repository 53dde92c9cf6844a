import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Heard, until } from "./heard.ts";
import { events } from "../src/events.ts";
import { awaitMessage, quiet, RawServer } from "./rawserver.ts";
import { spokeOf } from "./spokes.ts";
import { SpokeEvent } from "../src/index.ts";
import type { Answer, RawConnection } from "./rawserver.ts";
import type { Gap, Spoke, SpokeOptions } from "../src/index.ts";

/** What the ack says of a topic. */
interface Told {
  epoch: string;
  offset: number;
  result: "resumed" | "gap" | "fresh";
  missed: number | null;
}

/** Answers subscriptions with what told says of each topic on the connection of that number, from 1 on. */
const answering =
  (server: RawServer, told: (topic: string, connection: number) => Told | undefined): Answer =>
  ({ socket }, { id, type, payload }) => {
    if (id && type.startsWith("__")) {
      const topics = payload?.topics ?? [];
      const positions = Object.fromEntries(topics.map((topic) => [topic, told(topic, server.connections.length)]));
      socket.send(JSON.stringify({ type: "__ack", id, payload: { topics, positions } }));
    }
  };

/** The same, where nothing is missed: the stream is at the offset that the connection has in tops, and has the epoch x. */
const resuming = (server: RawServer, ...tops: number[]): Answer =>
  answering(server, (_, connection) => ({ epoch: "x", offset: tops[connection - 1]!, result: connection === 1 ? "fresh" : "resumed", missed: 0 }));

/** Sends an event of a stream. */
const event = ({ socket }: RawConnection, offset: number, type = "price", id = ""): void =>
  socket.send(JSON.stringify({ type, id, payload: offset, offset }));

/** What a connection was asked for since when, in its first subscription. */
const sinceOf = async (connection: RawConnection): Promise<unknown> => (await awaitMessage(connection, ({ payload }) => !!payload?.topics?.length)).payload!.since;

/** The number of control events of a connection that name topics. */
const controlsWithTopics = ({ messages }: RawConnection): number => messages.filter(({ payload }) => payload?.topics?.length).length;

/** A server that resumes, and a spoke that comes back at once. */
async function start(t: TestContext, answer: (server: RawServer) => Answer, options: SpokeOptions = {}): Promise<{ server: RawServer; spoke: Spoke; gaps: Gap[] }> {
  const server = await RawServer.start(t);
  server.onMessage = answer(server);
  const spoke = spokeOf(t, server.url, { minDelay: 1, maxDelay: 2, ...options });
  const gaps: Gap[] = [];
  quiet(spoke);
  spoke.addEventListener("gap", ({ detail }) => gaps.push(detail));
  return { server, spoke, gaps };
}

/** Breaks the connection and returns the next. */
async function broken(server: RawServer): Promise<RawConnection> {
  const count = server.connections.length;
  server.connections[count - 1]!.socket.terminate();
  return server.await(count + 1);
}

test("a spoke that comes back goes on where each topic was, in one message", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => resuming(server, 10, 14));
  const heard = new Heard();
  ["price", "price:a", "chat"].forEach((topic) => spoke.addEventListener(topic, heard.listener("")));
  await spoke.ready;
  event(server.connections[0]!, 12, "price", "a");
  await heard.await(2);
  const second = await broken(server);
  assert.deepEqual(await sinceOf(second), { price: { epoch: "x", offset: 12 }, "price:a": { epoch: "x", offset: 12 }, chat: { epoch: "x", offset: 10 } });
  await spoke.ready;
  event(second, 13, "price", "b");
  event(second, 15, "price", "a");
  assert.deepEqual((await heard.await(5)).slice(2), [" price|13", " price|15", " price:a|15"]);
  assert.deepEqual(gaps, []);
  assert.equal(controlsWithTopics(second), 1);
});

test("a topic without a stream is asked for without a position", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => answering(server, () => undefined));
  spoke.addEventListener("price", () => {});
  await spoke.ready;
  const second = await broken(server);
  assert.equal(await sinceOf(second), undefined);
  await spoke.ready;
  assert.deepEqual([gaps, spoke.positions], [[], {}]);
});

test("names of the language are topics like others", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => answering(server, (topic) => (topic === "price" ? { epoch: "x", offset: 1, result: "fresh", missed: 0 } : undefined)));
  ["constructor", "valueOf", "price"].forEach((topic) => spoke.addEventListener(topic, () => {}));
  await spoke.ready;
  assert.deepEqual(spoke.positions, { price: { epoch: "x", offset: 1 } });
  await broken(server);
  await spoke.ready;
  assert.equal(gaps.length, 1);
});

test("an event of a stream has its offset, and others have none", async (t) => {
  const { server, spoke } = await start(t, (server) => resuming(server, 5));
  const offsets: unknown[] = [];
  spoke.addEventListener("price", ({ offset, detail }) => offsets.push([offset, detail]));
  await spoke.ready;
  event(server.connections[0]!, 6);
  server.connections[0]!.socket.send('{"type":"price","payload":"plain"}');
  await until(
    () => offsets.length === 2,
    () => `got ${JSON.stringify(offsets)}`,
  );
  assert.deepEqual(offsets, [
    [6, 6],
    [undefined, "plain"],
  ]);
});

test("a connection that breaks within a replay goes on within it", async (t) => {
  const { server, spoke } = await start(t, (server) => resuming(server, 10, 20, 30));
  const heard = new Heard();
  spoke.addEventListener("price:a", heard.listener(""));
  spoke.addEventListener("price:b", heard.listener(""));
  await spoke.ready;
  const second = await broken(server);
  await spoke.ready;
  event(second, 12, "price", "a");
  await heard.await(1);
  const third = await broken(server);
  assert.deepEqual(await sinceOf(third), { "price:a": { epoch: "x", offset: 12 }, "price:b": { epoch: "x", offset: 10 } });
});

test("what can't be resumed is a gap, told before ready", async (t) => {
  const told: Record<string, Told> = {
    trimmed: { epoch: "x", offset: 99, result: "gap", missed: 40 },
    unknown: { epoch: "x", offset: 99, result: "gap", missed: null },
    another: { epoch: "y", offset: 3, result: "fresh", missed: 0 },
  };
  const { server, spoke, gaps } = await start(t, (server) => answering(server, (topic, connection) => (connection === 1 ? { epoch: "x", offset: 10, result: "fresh", missed: 0 } : told[topic])));
  ["trimmed", "unknown", "another", "none"].forEach((topic) => spoke.addEventListener(topic, () => {}));
  await spoke.ready;
  assert.deepEqual(gaps, []);
  await broken(server);
  await spoke.ready;
  assert.deepEqual(gaps, [
    { topic: "trimmed", epoch: "x", from: 11, missed: 40, reason: "trimmed" },
    { topic: "unknown", epoch: "x", from: 11, missed: null, reason: "trimmed" },
    { topic: "another", epoch: "x", from: 11, missed: null, reason: "fresh" },
    { topic: "none", epoch: "x", from: 11, missed: null, reason: "fresh" },
  ]);
  assert.deepEqual(spoke.positions, { trimmed: { epoch: "x", offset: 10 }, unknown: { epoch: "x", offset: 10 }, another: { epoch: "y", offset: 3 } });
});

test("a gap of the hub is told in its place, and the topics go on behind the last event", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => resuming(server, 10, 20));
  const heard = new Heard();
  ["price", "price:a"].forEach((topic) => spoke.addEventListener(topic, heard.listener("")));
  spoke.addEventListener("gap", heard.listener("gap"));
  await spoke.ready;
  const gap = { topic: "price", epoch: "x", from: 12, to: 14, missed: 2, reason: "slow" };
  event(server.connections[0]!, 11);
  server.connections[0]!.socket.send(JSON.stringify({ type: "__gap", id: "", payload: gap }));
  [13, 15].forEach((offset) => event(server.connections[0]!, offset));
  assert.deepEqual(await heard.await(4), [" price|11", `gap gap|${JSON.stringify(gap)}`, " price|13", " price|15"]);
  server.connections[0]!.socket.send('{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x","from":16,"to":18,"missed":3,"reason":"trimmed"}}');
  server.connections[0]!.socket.send('{"type":"__gap","id":"","payload":{"topic":"chat","missed":null,"reason":"broker"}}');
  await heard.await(6);
  assert.deepEqual(gaps[2], { topic: "chat", missed: null, reason: "broker" });
  assert.deepEqual(await sinceOf(await broken(server)), { price: { epoch: "x", offset: 15 }, "price:a": { epoch: "x", offset: 15 } });
});

test("a gap without an epoch, when the hub loses its broker, is told once and moves no position", async (t) => {
  const { server, spoke, gaps } = await start(
    t,
    (server) => answering(server, (topic, connection) => (topic.startsWith("price") ? { epoch: "x", offset: 10, result: connection === 1 ? "fresh" : "resumed", missed: 0 } : undefined)),
    { since: { "chat:later": { epoch: "y", offset: 7 } } },
  );
  const heard = new Heard();
  ["chat", "chat:1", "price", "price:a"].forEach((topic) => spoke.addEventListener(topic, heard.listener("")));
  await spoke.ready;
  const { socket } = server.connections[0]!;
  const positions = { "chat:later": { epoch: "y", offset: 7 }, price: { epoch: "x", offset: 11 }, "price:a": { epoch: "x", offset: 11 } };
  event(server.connections[0]!, 11);
  ["chat", "price"].forEach((topic) => socket.send(JSON.stringify({ type: "__gap", id: "", payload: { topic, missed: null, reason: "broker" } })));
  socket.send('{"type":"chat","payload":1}');
  assert.deepEqual(await heard.await(2), [" price|11", " chat|1"]);
  assert.deepEqual(gaps, [
    { topic: "chat", missed: null, reason: "broker" },
    { topic: "price", missed: null, reason: "broker" },
  ]);
  assert.deepEqual(spoke.positions, positions);
  assert.deepEqual(await sinceOf(await broken(server)), { price: positions.price, "price:a": positions["price:a"] });
});

test("a topic that comes later with an older position gets what it missed, and no other hears that twice", async (t) => {
  const since = { "price:a": { epoch: "x", offset: 4 } };
  const { server, spoke } = await start(t, (server) => answering(server, (topic) => ({ epoch: "x", offset: 10, result: topic === "price" ? "fresh" : "resumed", missed: 0 })), { since });
  const heard = new Heard();
  spoke.addEventListener("price", heard.listener(""));
  await spoke.ready;
  assert.deepEqual(spoke.positions, { ...since, price: { epoch: "x", offset: 10 } });
  spoke.addEventListener("price:a", heard.listener(""));
  await spoke.drained();
  const connection = server.connections[0]!;
  assert.deepEqual((await awaitMessage(connection, ({ payload }) => payload?.topics?.[0] === "price:a")).payload!.since, since);
  [7, 10, 11].forEach((offset) => event(connection, offset, "price", "a"));
  assert.deepEqual(await heard.await(4), [" price:a|7", " price:a|10", " price|11", " price:a|11"]);
});

test("positions are there after the end, and the next spoke goes on with them", async (t) => {
  const first = await start(t, (server) => resuming(server, 10));
  const heard = new Heard();
  first.spoke.addEventListener("price", heard.listener(""));
  await first.spoke.ready;
  event(first.server.connections[0]!, 11);
  await heard.await(1);
  first.spoke.close();
  const since = Object.freeze(JSON.parse(JSON.stringify(first.spoke.positions))) as Spoke["positions"];
  assert.deepEqual(since, { price: { epoch: "x", offset: 11 } });
  const second = await start(t, (server) => resuming(server, 12, 12), { since });
  second.spoke.addEventListener("price", () => {});
  assert.deepEqual(await sinceOf(await second.server.await(1)), since);
  await second.spoke.ready;
});

test("a topic that was given up begins anew, one that changed listeners in one turn goes on", async (t) => {
  const { server, spoke } = await start(t, (server) => resuming(server, 10, 20));
  const listener = (): void => {};
  spoke.addEventListener("goes", listener);
  spoke.addEventListener("stays", listener);
  await spoke.ready;
  spoke.removeEventListener("stays", listener);
  spoke.addEventListener("stays", listener);
  spoke.removeEventListener("goes", listener);
  await spoke.drained();
  assert.deepEqual(spoke.positions, { stays: { epoch: "x", offset: 10 } });
  spoke.addEventListener("goes", listener);
  server.connections[0]!.socket.terminate();
  assert.deepEqual(await sinceOf(await server.await(2)), { stays: { epoch: "x", offset: 10 } });
});

test("an event that may not be published moves no position", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => resuming(server, 10, 20));
  spoke.addEventListener("price", () => {});
  await spoke.ready;
  server.connections[0]!.socket.send('{"type":"__reject","id":"","payload":{"topic":"price","reason":"forbidden"}}');
  const doubted = await awaitMessage(server.connections[0]!, ({ payload, type }) => type === "__subscribe" && payload!.topics!.length > 0 && server.connections[0]!.messages.length > 2);
  assert.equal(doubted.payload!.since, undefined);
  await spoke.drained();
  assert.deepEqual([spoke.positions, gaps], [{ price: { epoch: "x", offset: 10 } }, []]);
});

test("who hears itself hears an event of a stream once: as the hub sends it", async (t) => {
  const { server, spoke } = await start(t, (server) => answering(server, (topic) => (topic.startsWith("price") ? { epoch: "x", offset: 10, result: "fresh", missed: 0 } : undefined)), { echo: true });
  const answer = server.onMessage;
  let offset = 10;
  server.onMessage = (connection, message) => {
    answer(connection, message);
    if (message.type === "price") {
      event(connection, ++offset, "price", message.id);
    }
  };
  const heard = new Heard();
  spoke.addEventListener("price:a", heard.listener(""));
  spoke.addEventListener("chat", heard.listener(""));
  const publish = (): void => {
    spoke.publish("price:a", "mine");
    spoke.publish("chat", "mine");
  };
  publish();
  await heard.await(2);
  publish();
  await spoke.drained();
  await heard.await(4);
  assert.deepEqual([...heard.lines].sort(), [' chat|"mine"', ' chat|"mine"', " price:a|11", " price:a|12"]);
});

test("an iterator has the gaps of its topic in their place, if asked to", async (t) => {
  const { server, spoke } = await start(t, (server) => resuming(server, 10));
  const without = events(spoke, "price:a");
  const iterator = events(spoke, "price:a", { gaps: true });
  await spoke.drained();
  const tell = (topic: string): void => server.connections[0]!.socket.send(JSON.stringify({ type: "__gap", id: "", payload: { topic, missed: 1, reason: "slow" } }));
  event(server.connections[0]!, 11, "price", "a");
  ["price:b", "price", "price:a", "pric", "price:a:b"].forEach(tell);
  event(server.connections[0]!, 12, "price", "a");
  const got: unknown[] = [];
  for await (const value of iterator) {
    got.push(value instanceof SpokeEvent ? value.offset : value.detail.topic);
    if (got.at(-1) === 12) {
      break;
    }
  }
  assert.deepEqual(got, [11, "price", "price:a", 12]);
  assert.deepEqual([(await without.next()).value!.offset, (await without.next()).value!.offset], [11, 12]);
});

test("a gap that an iterator drops counts as what is gone with it", async (t) => {
  const { server, spoke } = await start(t, (server) => resuming(server, 10));
  const iterator = events(spoke, "price", { gaps: true, buffer: 1, overflow: "drop-oldest" });
  await spoke.drained();
  event(server.connections[0]!, 11);
  server.connections[0]!.socket.send('{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x","from":12,"to":16,"missed":5,"reason":"slow"}}');
  event(server.connections[0]!, 17);
  await spoke.drained();
  const { value } = await iterator.next();
  assert.ok(value instanceof SpokeEvent);
  assert.deepEqual([value.offset, value.missed], [17, 6]);
});

test("a topic of the name gap has a colon before it", async (t) => {
  const { server, spoke, gaps } = await start(t, (server) => resuming(server, 10));
  const heard = new Heard();
  spoke.addEventListener(":gap", heard.listener("topic"));
  await spoke.ready;
  event(server.connections[0]!, 11, "gap");
  assert.deepEqual([await heard.await(1), gaps], [["topic :gap|11"], []]);
});
