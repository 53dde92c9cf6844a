import assert from "node:assert/strict";
import { test } from "node:test";
import { quiet, RawServer } from "./rawserver.ts";
import { Heard, until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";
import type { SpokeError } from "../src/index.ts";

/** The events that a connection has got, without control events. */
const events = (server: RawServer, connection = 0): unknown[] =>
  server.connections[connection]!.messages.filter(({ type }) => !type.startsWith("__")).map(({ type, id, payload }) => [type, id, payload]);

test("64 events wait for the connection, in order and behind the subscriptions; one more is an error", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("a", () => {});
  for (let n = 0; n < 64; n++) {
    assert.equal(spoke.dispatchEvent(new CustomEvent("n:x", { detail: n })), true);
  }
  assert.ok(spoke.bufferedAmount > 64 * 10);
  assert.equal(spoke.dispatchEvent(new CustomEvent("n:x", { detail: 64 })), false);
  assert.throws(() => spoke.publish("n:x", 65), { code: "queue_full", topic: "n:x" });
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["queue_full"],
  );
  await spoke.drained();
  assert.deepEqual(
    events(server),
    Array.from({ length: 64 }, (_, n) => ["n", "x", n]),
  );
  assert.deepEqual(server.connections[0]!.messages[0]!.payload!.topics, ["a"]);
  assert.equal(spoke.bufferedAmount, 0);
});

test("64 KiB wait for the connection, in bytes of UTF-8", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  spoke.publish("a", "é".repeat(16_000));
  spoke.publish("a", "é".repeat(16_000));
  assert.throws(() => spoke.publish("a", "é".repeat(1000)), { code: "queue_full" });
  spoke.publish("a", "é".repeat(200));
  await spoke.drained();
  assert.equal(events(server).length, 3);
});

test("an open socket takes no more than maxBuffered", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { maxBuffered: 100_000, silence: 60_000 });
  await spoke.ready;
  server.connections[0]!.socket.pause();
  const sent = (): void => {
    for (;;) {
      spoke.publish("a", "x".repeat(60_000));
    }
  };
  assert.throws(sent, { code: "queue_full" });
  assert.ok(spoke.bufferedAmount <= 100_000);
  server.connections[0]!.socket.resume();
  await spoke.drained();
  spoke.publish("a", 1);
});

test("what is no event is an error that says why", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { maxEvent: 100 });
  const errors = quiet(spoke) as SpokeError[];
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  for (const [name, detail] of [["", 1], ["a:", 1], ["__a", 1], ["state", 1], ["ready", 1], ["a", cycle], ["a", 1n], ["a", "é".repeat(50)]] as const) {
    assert.equal(spoke.dispatchEvent(new CustomEvent(name, { detail })), false, name);
  }
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["invalid_topic", "invalid_topic", "invalid_topic", "invalid_topic", "invalid_topic", "invalid_payload", "invalid_payload", "too_big"],
  );
  assert.equal(spoke.dispatchEvent(new Event("plain")), true);
  await spoke.drained();
  assert.deepEqual(events(server).map((event) => (event as unknown[])[0]), ["plain"]);
});

test("a topic that is named like a life-cycle event has a colon before it", async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const states = new Heard();
  const spoke = spokeOf(t, server.url, { echo: true });
  spoke.addEventListener(":state", heard.listener("colon"));
  spoke.addEventListener("state:1", heard.listener("id"));
  spoke.addEventListener(":price", heard.listener("needless"));
  spoke.addEventListener("state", states.listener(""));
  await spoke.ready;
  assert.deepEqual(server.connections[0]!.messages[0]!.payload!.topics, ["state", "state:1", "price"]);
  server.connections[0]!.socket.send('{"type":"state","payload":"from the hub"}');
  await heard.await(1);
  spoke.dispatchEvent(new CustomEvent(":state", { detail: 2 }));
  spoke.publish("state:1", 3);
  spoke.publish("price", 4);
  await heard.await(5);
  assert.deepEqual(heard.lines, ['colon :state|"from the hub"', "colon :state|2", "colon :state|3", "id state:1|3", "needless price|4"]);
  assert.deepEqual(states.lines, [' state|"ready"']);
});

test("a spoke with an echo hears what others hear, in order", async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const spoke = spokeOf(t, server.url, { echo: true });
  spoke.addEventListener("a", heard.listener("1"));
  const detail: { n: number; gone?: undefined } = { n: 1, gone: undefined };
  spoke.publish("a", detail);
  detail.n = 2;
  spoke.publish("a:x", new Date(0));
  spoke.publish("a");
  assert.deepEqual(heard.lines, [], "a listener is not called within publish");
  assert.deepEqual(await heard.await(3), ['1 a|{"n":1}', '1 a|"1970-01-01T00:00:00.000Z"', "1 a|null"]);
});

test("drained waits for the hub, and rejects if the connection ends first", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { minDelay: 1 });
  quiet(spoke);
  await spoke.ready;
  server.onMessage = ({ socket, messages }) => messages.at(-1)!.type === "__subscribe" && socket.terminate();
  spoke.publish("a", 1);
  const drained = spoke.drained();
  await assert.rejects(drained, { code: "lost" });
});

test("each connection that is lost is told of, since what was published may be lost with it", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { minDelay: 1 });
  const errors = quiet(spoke) as SpokeError[];
  for (let round = 1; round <= 3; round++) {
    await spoke.ready;
    server.connections.at(-1)!.socket.terminate();
    await server.await(round + 1);
  }
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["lost", "lost", "lost"],
  );
});

test("what waits for the connection when the spoke is closed is told of", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  spoke.publish("a", 1);
  const drained = spoke.drained();
  spoke.close();
  await assert.rejects(drained, { code: "closed" });
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["lost"],
  );
});

test("close sends what is in the socket", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  await spoke.ready;
  for (let n = 0; n < 100; n++) {
    spoke.publish("a", n);
  }
  spoke.close();
  await until(
    () => events(server).length === 100,
    () => `got ${events(server).length} of 100 events`,
  );
});

test("an error that nobody listens for is written to the console", async (t) => {
  const server = await RawServer.start(t);
  const warn = t.mock.method(console, "warn", () => {});
  const spoke = spokeOf(t, server.url);
  await spoke.ready;
  server.connections[0]!.socket.send('{"type":"__reject","id":"","payload":{"topic":"a","reason":"forbidden"}}');
  await until(
    () => warn.mock.callCount() === 1,
    () => "nothing was written",
  );
  assert.equal((warn.mock.calls[0]!.arguments[0] as SpokeError).code, "forbidden");
});
