import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createPubSub, filter, pipe } from "@graphql-yoga/subscription";
import { startHub } from "./hub.ts";
import { spokeOf } from "./spokes.ts";
import type { TestContext } from "node:test";
import type { Hub } from "./hub.ts";
import type { Spoke } from "../src/index.ts";

let hub: Hub;

before(async () => {
  hub = await startHub();
});

/** What the tests publish. */
type Channels = { price: [number]; order: [id: string, payload: { total: number } | null]; state: [string] };

/** Makes a PubSub over a spoke of its own, and returns both. */
async function pubSubOf(t: TestContext) {
  const spoke = spokeOf(t, hub.url, { echo: true, exact: true });
  await spoke.ready;
  return { spoke, pubSub: createPubSub<Channels>({ eventTarget: spoke }) };
}

/** Reads the next value of an iterator, once the hub knows the subscription that reading makes. */
async function subscribed<T>(spoke: Spoke, iterator: AsyncIterator<T>): Promise<() => Promise<T>> {
  const first = iterator.next();
  await spoke.drained();
  let given = false;
  return async () => {
    const result = await (given ? iterator.next() : first);
    given = true;
    assert.equal(result.done, false);
    return result.value as T;
  };
}

test("createPubSub publishes and subscribes through a hub, and hears itself", async (t) => {
  const here = await pubSubOf(t);
  const there = await pubSubOf(t);
  const mine = await subscribed(here.spoke, here.pubSub.subscribe("price"));
  const theirs = await subscribed(there.spoke, there.pubSub.subscribe("price"));
  here.pubSub.publish("price", 1);
  assert.equal(await mine(), 1);
  assert.equal(await theirs(), 1);
  there.pubSub.publish("price", 2);
  assert.equal(await mine(), 2);
  assert.equal(await theirs(), 2);
});

test("a topic with an id is another than the topic without", async (t) => {
  const { spoke, pubSub } = await pubSubOf(t);
  const other = await pubSubOf(t);
  const byId = await subscribed(spoke, pubSub.subscribe("order", "7"));
  const plain: unknown[] = [];
  spoke.addEventListener("order", (event) => plain.push(event.detail));
  await spoke.drained();
  for (const publisher of [other.pubSub, pubSub]) {
    publisher.publish("order", "8", { total: 0 });
    publisher.publish("order", "7", { total: 1 });
    assert.deepEqual(await byId(), { total: 1 });
  }
  assert.deepEqual(plain, []);
});

test("publish with a null payload sends null to the topic with the id", async (t) => {
  const { spoke, pubSub } = await pubSubOf(t);
  const heard: unknown[] = [];
  spoke.addEventListener("order:7", ({ detail }) => heard.push(["order:7", detail]));
  const next = await subscribed(spoke, pubSub.subscribe("order", "7"));
  const local = createPubSub<Channels>();
  const wanted = local.subscribe("order", "7").next();
  pubSub.publish("order", "7", null);
  local.publish("order", "7", null);
  assert.equal(await next(), (await wanted).value);
  assert.equal(heard.length, 1);
});

test("filter works on what comes", async (t) => {
  const { spoke, pubSub } = await pubSubOf(t);
  const filtered = pipe(
    pubSub.subscribe("price"),
    filter((price) => price > 10),
  );
  const next = await subscribed(spoke, filtered[Symbol.asyncIterator]());
  [1, 20, 3, 40].forEach((price) => pubSub.publish("price", price));
  assert.equal(await next(), 20);
  assert.equal(await next(), 40);
});

test("an iterator that ends early unsubscribes", async (t) => {
  const { spoke, pubSub } = await pubSubOf(t);
  const other = await pubSubOf(t);
  const iterator = pubSub.subscribe("price");
  const next = await subscribed(spoke, iterator);
  other.pubSub.publish("price", 1);
  assert.equal(await next(), 1);
  assert.equal(await subscriptions(), 1);
  await iterator.return();
  await spoke.drained();
  assert.equal(await subscriptions(), 0);
});

test("a name of a life-cycle event is not published in silence", async (t) => {
  const { spoke, pubSub } = await pubSubOf(t);
  const errors: unknown[] = [];
  spoke.addEventListener("error", ({ detail }) => errors.push(detail.code));
  pubSub.publish("state", "x");
  assert.deepEqual(errors, ["invalid_topic"]);
});

/** The subscriptions that the hub has. */
async function subscriptions(): Promise<number> {
  const metrics = await (await fetch(`${hub.admin}/metrics`)).text();
  return Number(/^spokehub_subscriptions (\S+)$/m.exec(metrics)![1]);
}
