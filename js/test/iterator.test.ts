import assert from "node:assert/strict";
import { test } from "node:test";
import { RawServer } from "./rawserver.ts";
import { spokeOf } from "./spokes.ts";
import { events } from "../src/events.ts";
import type { TestContext } from "node:test";
import type { Spoke, SpokeEvent } from "../src/index.ts";

/** Makes a spoke that hears itself. */
async function echoing(t: TestContext): Promise<Spoke<{ a: number }>> {
  const server = await RawServer.start(t);
  const spoke = spokeOf<{ a: number }>(t, server.url, { echo: true });
  await spoke.ready;
  return spoke;
}

/** Lets the echo arrive. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads count events. */
async function read(iterator: AsyncIterable<SpokeEvent<number>>, count: number): Promise<[number, number][]> {
  const got: [number, number][] = [];
  for await (const { detail, missed } of iterator) {
    got.push([detail, missed]);
    if (got.length === count) {
      break;
    }
  }
  return got;
}

test("events are read in order, from the call on", async (t) => {
  const spoke = await echoing(t);
  const iterator = events(spoke, "a");
  [1, 2, 3].forEach((n) => spoke.publish("a:x", n));
  assert.deepEqual(await read(iterator, 3), [[1, 0], [2, 0], [3, 0]]);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("a reader may wait for events, and several may", async (t) => {
  const spoke = await echoing(t);
  const iterator = events(spoke, "a");
  const both = Promise.all([iterator.next(), iterator.next()]);
  await turn();
  spoke.publish("a", 1);
  spoke.publish("a", 2);
  assert.deepEqual(
    (await both).map(({ value }) => value!.detail),
    [1, 2],
  );
});

test("a full buffer is an error, after what was in it", async (t) => {
  const spoke = await echoing(t);
  const iterator = events(spoke, "a", { buffer: 2 });
  [1, 2, 3].forEach((n) => spoke.publish("a", n));
  await turn();
  assert.equal((await iterator.next()).value!.detail, 1);
  assert.equal((await iterator.next()).value!.detail, 2);
  await assert.rejects(iterator.next(), { code: "buffer_full", topic: "a" });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("a full buffer drops the oldest and says how many, to each iterator its own", async (t) => {
  const spoke = await echoing(t);
  const small = events(spoke, "a", { buffer: 2, overflow: "drop-oldest" });
  const large = events(spoke, "a", { buffer: 4, overflow: "drop-oldest" });
  [1, 2, 3, 4, 5].forEach((n) => spoke.publish("a", n));
  await turn();
  assert.deepEqual(await read(small, 2), [[4, 3], [5, 0]]);
  assert.deepEqual(await read(large, 4), [[2, 1], [3, 0], [4, 0], [5, 0]]);
});

test("an iterator ends by return, though a reader waits, and before the first read", async (t) => {
  const spoke = await echoing(t);
  const waiting = events(spoke, "a");
  const next = waiting.next();
  await waiting.return();
  assert.deepEqual(await next, { done: true, value: undefined });
  const unread = events(spoke, "a");
  spoke.publish("a", 1);
  await turn();
  await unread.return();
  assert.deepEqual(await unread.next(), { done: true, value: undefined });
});

test("an iterator ends by its signal", async (t) => {
  const spoke = await echoing(t);
  const abort = new AbortController();
  const iterator = events(spoke, "a", { signal: abort.signal });
  const next = iterator.next();
  abort.abort();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.deepEqual(await events(spoke, "a", { signal: abort.signal }).next(), { done: true, value: undefined });
});

test("an iterator ends with its spoke", async (t) => {
  const spoke = await echoing(t);
  const iterator = events(spoke, "a");
  spoke.publish("a", 1);
  await spoke.drained();
  await turn();
  spoke.close();
  assert.deepEqual(await read(iterator, 2), [[1, 0]]);

  const server = await RawServer.start(t);
  const ended = spokeOf(t, server.url);
  await ended.ready;
  const next = events(ended, "a").next();
  server.connections[0]!.socket.close(4403);
  await assert.rejects(next, { code: "ended", closeCode: 4403 });
});

test("a spoke that has ended has no iterators", { timeout: 60_000 }, async (t) => {
  const spoke = await echoing(t);
  spoke.close();
  await assert.rejects(async () => events(spoke, "a").next(), { code: "closed" });
});
