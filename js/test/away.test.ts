import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { test } from "node:test";
import { acknowledge, quiet, RawServer } from "./rawserver.ts";
import { events } from "../src/events.ts";
import { Heard, patience, until } from "./heard.ts";
import { startHub } from "./hub.ts";
import { spokeOf } from "./spokes.ts";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { SpokeError } from "../src/index.ts";
import type { Answer, Message, RawConnection } from "./rawserver.ts";

/** Short waits. */
const quick = { minDelay: 1, maxDelay: 20 };

/** Says of topic that it can't be taken yet. */
const away = ({ socket }: RawConnection, { id }: Message, topic: string): void =>
  socket.send(JSON.stringify({ type: "__reject", id, payload: { topic, reason: "unavailable" } }));

/** Answers as a hub does that can't take topic before it has been asked for so many times. */
function awayAtFirst(topic: string, times: number): Answer {
  return (connection, message) => {
    const topics = message.payload?.topics;
    if (message.type === "__subscribe" && topics?.includes(topic) && times-- > 0) {
      away(connection, message, topic);
      if (topics.length > 1) {
        acknowledge(connection, { ...message, payload: { topics: topics.filter((other) => other !== topic) } });
      }
    } else {
      acknowledge(connection, message);
    }
  };
}

/** The subscriptions of a connection that name topics, as lines. */
const asked = ({ messages }: RawConnection): string[] =>
  messages.filter(({ type, payload }) => type === "__subscribe" && payload!.topics!.length).map(({ payload }) => payload!.topics!.join(" "));

test("a topic that the hub can't take yet is asked for until it can, and told of once", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = awayAtFirst("price", 5);
  const spoke = spokeOf(t, server.url, quick);
  const errors = quiet(spoke) as SpokeError[];
  const heard = new Heard();
  spoke.addEventListener("price", heard.listener(""));
  await spoke.subscribe(["price", "order"]);
  assert.deepEqual(asked(server.connections[0]!), ["price order", "price", "price", "price", "price", "price"]);
  assert.deepEqual(
    errors.map(({ code, topic, rejected, delay }) => [code, topic, rejected, delay! > 0]),
    [["unavailable", "price", undefined, true]],
  );
  assert.match(errors[0]!.message, /trying again/);
  server.connections[0]!.socket.send('{"type":"price","payload":1}');
  assert.deepEqual(await heard.await(1), [" price|1"]);
});

test("what the hub can't take yet holds nothing else back: not ready, not other topics, not drained", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = awayAtFirst("price", Infinity);
  const spoke = spokeOf(t, server.url, quick);
  quiet(spoke);
  let settled = false;
  const waits = spoke.subscribe("price").finally(() => (settled = true));
  await spoke.ready;
  await spoke.subscribe("order");
  await spoke.drained();
  assert.equal(settled, false);
  spoke.close();
  await assert.rejects(waits, { code: "closed" });
});

test("topics that the hub can't take yet are asked for again together", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const topics = Array.from({ length: 50 }, (_, i) => `price:${i}`);
  let times = 0;
  server.onMessage = (connection, message) => {
    if (message.payload?.topics?.length && times++ < 2) {
      message.payload.topics.forEach((topic) => away(connection, message, topic));
    } else {
      acknowledge(connection, message);
    }
  };
  const spoke = spokeOf(t, server.url, { minDelay: 300, maxDelay: 400 });
  quiet(spoke);
  await spoke.subscribe(topics);
  assert.deepEqual(asked(server.connections[0]!), [topics.join(" "), topics.join(" "), topics.join(" ")]);
});

test("an iterator goes on waiting, and a topic that nobody wants any more is not asked for", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = awayAtFirst("price", 2);
  const spoke = spokeOf(t, server.url, quick);
  quiet(spoke);
  const next = events(spoke, "price").next();
  await spoke.subscribe("price");
  server.connections[0]!.socket.send('{"type":"price","payload":1}');
  assert.equal((await next).value!.detail, 1);

  const another = await RawServer.start(t);
  another.onMessage = awayAtFirst("price", Infinity);
  const unwanted = spokeOf(t, another.url, quick);
  quiet(unwanted);
  const abort = new AbortController();
  const waits = unwanted.subscribe("price", { signal: abort.signal });
  await unwanted.ready;
  const [connection] = another.connections;
  await until(
    () => asked(connection!).length > 2,
    () => `got ${asked(connection!)}`,
  );
  abort.abort(new Error("enough"));
  await assert.rejects(waits, /enough/);
  await unwanted.drained();
  const before = asked(connection!).length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  await unwanted.drained();
  assert.equal(asked(connection!).length, before);
});

test("the next connection asks for what the last could not take, from its position", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = (connection, message) => {
    if (message.payload?.topics?.length && server.connections.length < 3) {
      away(connection, message, "price");
    } else {
      acknowledge(connection, message);
    }
  };
  const since = { price: { epoch: "x", offset: 41 } };
  const spoke = spokeOf(t, server.url, { minDelay: 1, maxDelay: 1, since });
  quiet(spoke);
  const subscribed = spoke.subscribe("price");
  for (let count = 1; count < 3; count++) {
    const connection = await server.await(count);
    await until(
      () => asked(connection).length > 1,
      () => `got ${asked(connection)}`,
    );
    connection.socket.terminate();
  }
  await subscribed;
  for (const { messages } of server.connections) {
    messages.filter(({ payload }) => payload?.topics?.length).forEach(({ payload }) => assert.deepEqual(payload!.since, since));
  }
});

test("a topic that the hub can't take yet may be rejected in the end", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  let times = 0;
  server.onMessage = (connection, message) => {
    if (!message.payload?.topics?.length) {
      acknowledge(connection, message);
    } else if (times++ < 2) {
      away(connection, message, "price");
    } else {
      connection.socket.send(JSON.stringify({ type: "__reject", id: message.id, payload: { topic: "price", reason: "forbidden" } }));
    }
  };
  const spoke = spokeOf(t, server.url, quick);
  quiet(spoke);
  await assert.rejects(spoke.subscribe("price"), (error: SpokeError) => error.code === "forbidden" && error.rejected!.get("price") === "forbidden");
});

test("an event that its stream does not take is told of as before", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  await spoke.subscribe("price");
  ["price", "order"].forEach((topic) => server.connections[0]!.socket.send(`{"type":"__reject","id":"","payload":{"topic":"${topic}","reason":"unavailable"}}`));
  await until(
    () => errors.length >= 2,
    () => `got ${errors.length} errors, want 2`,
  );
  assert.deepEqual(errors.map(({ code, topic, rejected, delay }) => [code, topic, rejected, delay]).sort(), [
    ["unavailable", "order", undefined, undefined],
    ["unavailable", "price", undefined, undefined],
  ]);
});

/** A port that nothing listens on. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Starts Redis, which ends with the test. */
async function startRedis(t: TestContext, port: number): Promise<void> {
  const redis = spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise((resolve) => redis.once("exit", resolve));
  t.after(async () => {
    redis.kill("SIGKILL");
    await exited;
  });
  let said = "";
  redis.stdout.on("data", (chunk) => (said += chunk));
  await until(
    () => /Ready to accept/.test(said),
    () => `Redis said ${said}`,
  );
}

/** Why the test with a broker can't run here; CI has to have Redis. */
const missing = !process.env["CI"] && spawnSync("redis-server", ["--version"]).error ? "redis-server is not installed" : false;

test("a stream of a hub whose broker is away is subscribed to once the broker is there", { timeout: 2 * patience, skip: missing }, async (t) => {
  const port = await freePort();
  const hub = await startHub("--broker", `redis://127.0.0.1:${port}`, "--history", "price=10");
  t.after(() => hub.stop());
  const heard = new Heard();
  const spoke = spokeOf(t, hub.url, { minDelay: 50, maxDelay: 500 });
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("price", heard.listener("a"));
  spoke.addEventListener("order", heard.listener("a"));
  await spoke.ready;
  assert.deepEqual(
    errors.map(({ code, topic, rejected, delay }) => [code, topic, rejected, delay! > 0]),
    [["unavailable", "price", undefined, true]],
  );
  await spoke.subscribe("order");
  await startRedis(t, port);
  await spoke.subscribe("price");
  const response = await fetch(`${hub.admin}/publish`, { method: "POST", body: JSON.stringify({ type: "price", payload: 1 }) });
  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(await heard.await(1), ["a price|1"]);
  assert.equal(errors.length, 1);
});
