import assert from "node:assert/strict";
import { Heard } from "./heard.ts";
import type { Pair, Promises } from "./conformance.ts";

/** Publishes an event, and fails where the target has no room for it. */
export function publish(pair: Pair, topic: string, detail?: unknown): void {
  assert.equal(pair.dispatch.dispatchEvent(new CustomEvent(topic, { detail })), true, `dispatchEvent of ${topic} returns true`);
}

/** Waits until what has been asked of the listening target is in force. */
export async function settle(pair: Pair): Promise<void> {
  await pair.settle?.();
}

/** Returns a function that waits until everything that was dispatched before has been heard. */
export async function expectEnd(pair: Pair): Promise<() => Promise<void>> {
  const end = new Heard();
  pair.listen.addEventListener("end", end.listener(""));
  await settle(pair);
  return async () => {
    publish(pair, "end");
    await end.await(1);
  };
}

/** What targets promise of the events that they carry. */
export const delivery: Promises = {
  async "an event arrives whole"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("order.created:42 é:/", heard.listener("a"));
    await settle(pair);
    const detail = { total: 12.5, text: 'a "quoted" <b> é \u{1F600}', list: [1, null, true, { a: "b" }] };
    publish(pair, "order.created:42 é:/", detail);
    assert.deepEqual(await heard.await(1), [`a order.created:42 é:/|${JSON.stringify(detail)}`]);
  },

  async "no detail is null"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("price", heard.listener("a"));
    await settle(pair);
    publish(pair, "price");
    publish(pair, "price", null);
    assert.deepEqual(await heard.await(2), ["a price|null", "a price|null"]);
  },

  async "the detail is not kept"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("price", heard.listener("a"));
    await settle(pair);
    const detail = { n: 0 };
    for (detail.n = 0; detail.n < 20; detail.n++) {
      publish(pair, "price", detail);
    }
    assert.deepEqual(await heard.await(20), Array.from({ length: 20 }, (_, n) => `a price|{"n":${n}}`));
  },

  async "topics match by type and by id"(pair) {
    const heard = new Heard();
    for (const topic of ["price", "price:EURUSD", "price:a:b", "prices", "pric", "price:EUR"]) {
      pair.listen.addEventListener(topic, heard.listener(topic));
    }
    const end = await expectEnd(pair);
    for (const topic of ["price:EURUSD", "price", "price:a:b", "price:other"]) {
      publish(pair, topic, 1);
    }
    await end();
    assert.deepEqual(heard.lines.sort(), [
      "price price|1",
      "price price|1",
      "price price|1",
      "price price|1",
      "price:EURUSD price:EURUSD|1",
      "price:a:b price:a:b|1",
    ]);
  },

  async "events of one dispatcher keep their order"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("a", heard.listener(""));
    pair.listen.addEventListener("b:1", heard.listener(""));
    await settle(pair);
    const want: string[] = [];
    for (let i = 0; i < 1000; i++) {
      const topic = i % 3 === 0 ? "b:1" : "a";
      want.push(` ${topic}|${i}`);
      publish(pair, topic, i);
      if (i % 32 === 31) {
        await heard.await(i - 31);
      }
    }
    assert.deepEqual(await heard.await(want.length), want);
  },

  async "an invalid event reaches nobody"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("price", heard.listener("a"));
    const end = await expectEnd(pair);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const [topic, detail] of [["", 1], ["__subscribe", 1], ["price:", 1], [":", 1], ["price:\0", 1], ["price", cycle], ["price", 1n]] as const) {
      assert.equal(pair.dispatch.dispatchEvent(new CustomEvent(topic, { detail })), false, `dispatchEvent of ${JSON.stringify(topic)} returns false`);
    }
    await end();
    assert.deepEqual(heard.lines, []);
  },

  async "a listener dispatches"(pair) {
    const heard = new Heard();
    pair.listen.addEventListener("price", (event) => {
      const { detail } = event as CustomEvent<number>;
      if (detail < 5) {
        publish(pair, "price", detail + 1);
      }
    });
    pair.listen.addEventListener("price", heard.listener("a"));
    await settle(pair);
    publish(pair, "price", 1);
    assert.deepEqual(await heard.await(5), [1, 2, 3, 4, 5].map((n) => `a price|${n}`));
  },
};
