import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { TestContext } from "node:test";
import WebSocket from "ws";
import { until } from "./heard.ts";
import { publishThrough, startHub } from "./hub.ts";
import { awaitEvent, quiet } from "./rawserver.ts";
import { spokeOf } from "./spokes.ts";
import type { Hub } from "./hub.ts";
import type { Gap, Spoke } from "../src/index.ts";

let hub: Hub;

before(async () => {
  hub = await startHub("--history", "price=5000", "--history", "short=10", "--history", "mine=100");
});

/** A spoke whose connections a test can break. */
function breakable(t: TestContext): { spoke: Spoke; break(): void } {
  const sockets: WebSocket[] = [];
  class Breakable extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const spoke = spokeOf(t, hub.url, { minDelay: 1, maxDelay: 5, WebSocket: Breakable });
  quiet(spoke);
  return { spoke, break: () => sockets.at(-1)!.terminate() };
}

/** Collects the gaps that a spoke tells. */
function gapsOf(spoke: Spoke): Gap[] {
  const gaps: Gap[] = [];
  spoke.addEventListener("gap", ({ detail }) => gaps.push(detail));
  return gaps;
}

test("nothing of a stream is missing, and nothing comes twice, whenever connections break", async (t) => {
  const { spoke, ...link } = breakable(t);
  const publisher = spokeOf(t, hub.url);
  const gaps = gapsOf(spoke);
  const topics = ["price", "price:a", "price:b", "price:quiet"];
  const heard = new Map<string, unknown[]>(topics.map((topic) => [topic, []]));
  topics.forEach((topic) => spoke.addEventListener(topic, ({ detail }) => heard.get(topic)!.push(detail)));
  await Promise.all([spoke.ready, publisher.ready]);
  const ids = ["a", "b", "c"];
  const count = 3000;
  for (let n = 0; n < count; n++) {
    publisher.publish(`price:${ids[n % 3]}`, n);
    if (n % 50 === 49) {
      await publisher.drained();
    }
    if (n % 170 === 100) {
      link.break();
    }
  }
  publisher.publish("price:quiet", count);
  await until(
    () => heard.get("price:quiet")!.length > 0,
    () => `got ${heard.get("price")!.length} events`,
  );
  const all = Array.from({ length: count + 1 }, (_, n) => n);
  assert.deepEqual(gaps, []);
  assert.deepEqual(heard.get("price"), all);
  assert.deepEqual(heard.get("price:a"), all.filter((n) => n < count && n % 3 === 0));
  assert.deepEqual(heard.get("price:b"), all.filter((n) => n < count && n % 3 === 1));
});

test("what the hub no longer has is a gap", async (t) => {
  const first = spokeOf(t, hub.url);
  first.addEventListener("short:a", () => {});
  await first.ready;
  const since = first.positions;
  first.close();
  for (let n = 1; n <= 25; n++) {
    await publishThrough(hub, "short", "a", n);
  }
  const second = spokeOf(t, hub.url, { since });
  const gaps = gapsOf(second);
  const heard: unknown[] = [];
  second.addEventListener("short:a", ({ detail }) => heard.push(detail));
  await until(
    () => heard.length >= 10,
    () => `got ${JSON.stringify(heard)}`,
  );
  assert.deepEqual(heard, [16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  assert.deepEqual(gaps, [{ topic: "short:a", epoch: since["short:a"]!.epoch, from: 1, missed: 15, reason: "trimmed" }]);
});

test("another page goes on with the positions of the first, and after a restart of the hub it has a gap", async (t) => {
  const first = spokeOf(t, hub.url);
  first.addEventListener("price", () => {});
  await first.ready;
  const since = first.positions;
  first.close();
  await publishThrough(hub, "price", "", "meanwhile");
  const second = spokeOf(t, hub.url, { since });
  const gaps = gapsOf(second);
  const heard = awaitEvent(second, "price");
  assert.equal(await heard, "meanwhile");
  assert.deepEqual(gaps, []);

  const other = await startHub("--history", "price=100");
  const third = spokeOf(t, other.url, { since });
  const told = awaitEvent<Gap>(third, "gap");
  third.addEventListener("price", () => {});
  assert.deepEqual(await told, { topic: "price", epoch: since["price"]!.epoch, from: since["price"]!.offset + 1, missed: null, reason: "fresh" });
  third.close();
  await other.stop();
});

test("who publishes to a stream hears it once, with or without an echo", async (t) => {
  for (const echo of [false, true]) {
    const spoke = spokeOf(t, hub.url, { echo });
    const heard: unknown[] = [];
    spoke.addEventListener("mine", ({ offset }) => heard.push(offset !== undefined));
    spoke.publish("mine", 1);
    await spoke.drained();
    spoke.publish("mine", 2);
    await spoke.drained();
    await until(
      () => heard.length >= 2,
      () => `got ${heard.length}`,
    );
    await spoke.drained();
    assert.deepEqual(heard, [true, true]);
    spoke.close();
  }
});
