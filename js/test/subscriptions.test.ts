import assert from "node:assert/strict";
import { before, test } from "node:test";
import { publishThrough, startHub } from "./hub.ts";
import { acknowledge, awaitMessage, quiet, RawServer } from "./rawserver.ts";
import { events } from "../src/events.ts";
import { Heard, until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";
import type { Hub } from "./hub.ts";
import type { RawConnection } from "./rawserver.ts";
import type { SpokeError } from "../src/index.ts";

let hub: Hub;

before(async () => {
  hub = await startHub("--max-topics", "100");
});

const many = (count: number, prefix = "t"): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** The control events of a connection that name topics, as lines. */
const controls = ({ messages }: RawConnection): string[] =>
  messages.filter(({ payload }) => payload?.topics?.length).map(({ type, payload }) => `${type} ${payload!.topics!.join(" ")}`);

test("many topics travel in one message, again after a reconnect", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { minDelay: 1 });
  quiet(spoke);
  const topics = many(500);
  topics.forEach((topic) => spoke.addEventListener(topic, () => {}));
  await spoke.ready;
  assert.deepEqual(controls(server.connections[0]!), [`__subscribe ${topics.join(" ")}`]);
  server.connections[0]!.socket.terminate();
  const again = await server.await(2);
  await spoke.ready;
  assert.deepEqual(controls(again), [`__subscribe ${topics.join(" ")}`]);
  assert.equal(again.messages[0]!.type, "__subscribe");
});

test("more than 1,024 topics, or long ones, travel in several messages", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  await spoke.subscribe(many(2500));
  const long = many(600, `${"x".repeat(250)}:${"y".repeat(250)}`);
  await spoke.subscribe(long);
  assert.deepEqual(
    server.connections[0]!.messages.map(({ payload }) => payload!.topics!.length).filter((count) => count > 0),
    [1024, 1024, 452, 198, 198, 198, 6],
  );
});

test("a topic that comes and goes in one turn is not asked for", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const listener = (): void => {};
  spoke.addEventListener("stays", listener);
  await spoke.ready;
  spoke.addEventListener("goes", listener);
  spoke.removeEventListener("goes", listener);
  spoke.removeEventListener("stays", listener);
  spoke.addEventListener("stays", listener);
  await spoke.drained();
  spoke.removeEventListener("stays", listener);
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe stays", "__unsubscribe stays"]);
});

test("the last removal unsubscribes, whatever ends the listener", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const abort = new AbortController();
  const listener = (): void => {};
  spoke.addEventListener("a", listener);
  spoke.addEventListener("a", listener, { capture: true });
  spoke.addEventListener("a", () => {}, { once: true });
  spoke.addEventListener("a", () => {}, { signal: abort.signal });
  const iterator = events(spoke, "a");
  const subscribed = spoke.subscribe("a", { signal: abort.signal });
  await subscribed;
  server.connections[0]!.socket.send('{"type":"a"}');
  await iterator.next();
  spoke.removeEventListener("a", listener);
  spoke.removeEventListener("a", listener, true);
  await iterator.return();
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe a"]);
  abort.abort();
  await spoke.drained();
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe a", "__unsubscribe a"]);
});

test("a subscription goes out before what is published after it", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  await spoke.ready;
  spoke.addEventListener("answer", () => {});
  spoke.publish("question", 1);
  await spoke.drained();
  assert.deepEqual(
    server.connections[0]!.messages.map(({ type, payload }) => [type, payload?.topics]),
    [
      ["__subscribe", []],
      ["__subscribe", ["answer"]],
      ["question", undefined],
      ["__subscribe", []],
    ],
  );
});

test("a message that is rejected whole is halved until it fits", async (t) => {
  const spoke = spokeOf(t, hub.url);
  const rejected = await spoke.subscribe(many(250)).then(
    () => assert.fail("all topics were accepted"),
    (error: SpokeError) => error.rejected!,
  );
  assert.equal(rejected.size, 150);
  assert.deepEqual([...new Set(rejected.values())], ["limit"]);
});

test("a listener whose topic is rejected is told of by an error, and has another chance after a reconnect", async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = (connection, message) => {
    if (message.payload?.topics?.includes("secret") && server.connections.length === 1) {
      connection.socket.send(JSON.stringify({ type: "__reject", id: message.id, payload: { topic: "secret", reason: "forbidden" } }));
      connection.socket.send(JSON.stringify({ type: "__ack", id: message.id, payload: { topics: ["open"] } }));
    } else {
      acknowledge(connection, message);
    }
  };
  const heard = new Heard();
  const spoke = spokeOf(t, server.url, { minDelay: 1 });
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("secret", heard.listener(""));
  spoke.addEventListener("open", heard.listener(""));
  await spoke.ready;
  assert.deepEqual([errors[0]!.code, errors[0]!.topic], ["forbidden", "secret"]);
  server.connections[0]!.socket.terminate();
  const second = await server.await(2);
  await spoke.ready;
  second.socket.send('{"type":"secret","payload":1}');
  await heard.await(1);
});

test("a subscription that was rejected and is asked for again goes out again", async (t) => {
  const server = await RawServer.start(t);
  let allowed = false;
  server.onMessage = (connection, message) => {
    if (message.payload?.topics?.length && !allowed) {
      connection.socket.send(JSON.stringify({ type: "__reject", id: message.id, payload: { topic: "a", reason: "forbidden" } }));
    } else {
      acknowledge(connection, message);
    }
  };
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke);
  await assert.rejects(spoke.subscribe("a"), { code: "forbidden", topic: "a" });
  allowed = true;
  await spoke.subscribe(["a", "a", ":a"]);
  assert.deepEqual(errors, []);
  assert.deepEqual(controls(server.connections[0]!), ["__subscribe a", "__unsubscribe a", "__subscribe a"]);
});

test("a subscription waits for the connection, and for its signal", async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = () => {};
  const spoke = spokeOf(t, server.url);
  const abort = new AbortController();
  const subscribed = spoke.subscribe("a", { signal: abort.signal });
  await awaitMessage(await server.await(1), ({ payload }) => payload?.topics?.[0] === "a");
  abort.abort(new Error("enough"));
  await assert.rejects(subscribed, /enough/);
  await assert.rejects(spoke.subscribe("a", { signal: abort.signal }), /enough/);
  const ends = spoke.subscribe("a");
  spoke.close();
  await assert.rejects(ends, { code: "closed" });
});

test("an unsubscribed topic is not delivered, even if the hub still sends it", async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const spoke = spokeOf(t, server.url, { exact: true });
  spoke.addEventListener("a", heard.listener("exact"));
  spoke.addEventListener("a:1", heard.listener("id"));
  await spoke.ready;
  ['{"type":"b"}', '{"type":"a","id":"1"}', '{"type":"a","id":"2"}', '{"type":"a","payload":5}'].forEach((text) => server.connections[0]!.socket.send(text));
  assert.deepEqual(await heard.await(2), ["id a:1|null", "exact a|5"]);
});

test("messages that make no sense change nothing", async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const spoke = spokeOf(t, server.url);
  spoke.addEventListener("a", heard.listener(""));
  await spoke.ready;
  for (const text of ["", "{", "null", "1", "[]", "{}", '{"type":5}', '{"type":"__new","id":"1","payload":{}}', '{"type":"__ack","id":"77","payload":null}', '{"type":"__ack"}']) {
    server.connections[0]!.socket.send(text);
  }
  server.connections[0]!.socket.send(Buffer.from('{"type":"a","payload":"é"}'), { binary: true });
  assert.deepEqual(await heard.await(1), [' a|"é"']);
  assert.equal(spoke.state, "ready");
});

test("a hub that sends binary messages is understood", async (t) => {
  const binary = await startHub("--binary");
  const heard = new Heard();
  const spoke = spokeOf(t, binary.url);
  quiet(spoke);
  spoke.addEventListener("price:é", heard.listener(""));
  await spoke.ready;
  await publishThrough(binary, "price", "é", { n: 1 });
  assert.deepEqual(await heard.await(1), [' price:é|{"n":1}']);
  await binary.stop();
});

test("all subscriptions are back after the hub was killed", async (t) => {
  const first = await startHub();
  const heard = new Heard();
  const spoke = spokeOf(t, first.url, { minDelay: 1, maxDelay: 20 });
  quiet(spoke);
  const topics = many(1000);
  topics.forEach((topic) => spoke.addEventListener(topic, heard.listener("")));
  await spoke.ready;
  await first.stop();
  await until(
    () => spoke.state !== "ready",
    () => "the spoke didn't notice",
  );
  const second = await startHub("--listen", first.listen);
  await spoke.ready;
  for (const topic of ["t0", "t500", "t999"]) {
    await publishThrough(second, topic, "", 1);
  }
  assert.deepEqual((await heard.await(3)).sort(), [" t0|1", " t500|1", " t999|1"]);
  await second.stop();
});
