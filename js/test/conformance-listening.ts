import assert from "node:assert/strict";
import { Heard, until } from "./heard.ts";
import { expectEnd, publish, settle } from "./conformance-delivery.ts";
import type { Promises } from "./conformance.ts";

/** Runs body while uncaught exceptions are collected, and returns them. */
async function uncaught(body: (caught: unknown[]) => Promise<void>): Promise<unknown[]> {
  const before = process.listeners("uncaughtException");
  const caught: unknown[] = [];
  const collect = (error: unknown): void => void caught.push(error);
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", collect);
  try {
    await body(caught);
  } finally {
    process.off("uncaughtException", collect);
    before.forEach((listener) => process.on("uncaughtException", listener));
  }
  return caught;
}

/** What targets promise of adding, removing and calling listeners. */
export const listening: Promises = {
  async "a listener that was added twice is one"(pair) {
    const heard = new Heard();
    const listener = heard.listener("f");
    pair.listen.addEventListener("price", listener);
    pair.listen.addEventListener("price", listener, { once: true });
    pair.listen.addEventListener("price", listener, true);
    pair.listen.addEventListener("price:1", listener);
    const end = await expectEnd(pair);
    publish(pair, "price:1", 1);
    await heard.await(3);
    pair.listen.removeEventListener("price", listener, { capture: true });
    await settle(pair);
    publish(pair, "price", 2);
    await end();
    assert.deepEqual(heard.lines.slice(0, 3).sort(), ["f price:1|1", "f price|1", "f price|1"]);
    assert.deepEqual(heard.lines.slice(3), ["f price|2"]);
  },

  async "functions, objects and null are listeners"(pair) {
    const heard = new Heard();
    const object = { heard: "", handleEvent: (): void => assert.fail("the handler was replaced") };
    pair.listen.addEventListener("price", null);
    pair.listen.addEventListener("price", object);
    object.handleEvent = function (this: typeof object): void {
      this.heard += "x";
    };
    pair.listen.addEventListener("price", heard.listener("f"));
    pair.listen.removeEventListener("price", null);
    await settle(pair);
    publish(pair, "price", 1);
    await heard.await(1);
    assert.equal(object.heard, "x");
  },

  async "a removed listener hears nothing"(pair) {
    const heard = new Heard();
    const listener = heard.listener("a");
    const stays = heard.listener("b");
    pair.listen.addEventListener("price", listener);
    pair.listen.addEventListener("price", stays);
    await settle(pair);
    publish(pair, "price", 1);
    await heard.await(2);
    pair.listen.removeEventListener("price", listener);
    pair.listen.removeEventListener("price", listener);
    publish(pair, "price", 2);
    await heard.await(3);
    pair.listen.removeEventListener("price", stays);
    const end = await expectEnd(pair);
    publish(pair, "price", 3);
    await end();
    assert.deepEqual(heard.lines, ["a price|1", "b price|1", "b price|2"]);
  },

  async "a listener is called once, or until its signal aborts"(pair) {
    const heard = new Heard();
    const abort = new AbortController();
    pair.listen.addEventListener("price", heard.listener("once"), { once: true });
    pair.listen.addEventListener("price", heard.listener("signal"), { signal: abort.signal });
    pair.listen.addEventListener("price", heard.listener("aborted"), { signal: AbortSignal.abort() });
    const end = await expectEnd(pair);
    publish(pair, "price", 1);
    publish(pair, "price", 2);
    await heard.await(3);
    abort.abort();
    publish(pair, "price", 3);
    await end();
    assert.deepEqual(heard.lines, ["once price|1", "signal price|1", "signal price|2"]);
  },

  async "a listener that was removed can be added again"(pair) {
    const heard = new Heard();
    const listener = heard.listener("a");
    for (let round = 0; round < 3; round++) {
      pair.listen.addEventListener("price", listener);
      await settle(pair);
      publish(pair, "price", round);
      await heard.await(round + 1);
      pair.listen.removeEventListener("price", listener);
      pair.listen.addEventListener("price", listener);
      pair.listen.removeEventListener("price", listener);
      await settle(pair);
    }
    assert.deepEqual(heard.lines, ["a price|0", "a price|1", "a price|2"]);
  },

  async "a listener adds and removes others and itself"(pair) {
    const heard = new Heard();
    const other = heard.listener("other");
    const added = heard.listener("added");
    const itself = (event: Event): void => {
      heard.listener("itself")(event);
      pair.listen.removeEventListener("price", itself);
      pair.listen.removeEventListener("price", other);
      pair.listen.addEventListener("price", added);
    };
    pair.listen.addEventListener("price", itself);
    pair.listen.addEventListener("price", other);
    const end = await expectEnd(pair);
    publish(pair, "price", 1);
    await heard.await(1);
    await settle(pair);
    publish(pair, "price", 2);
    await end();
    assert.deepEqual(heard.lines, ["itself price|1", "added price|2"]);
  },

  async "an exception of a listener harms nobody else"(pair) {
    const heard = new Heard();
    const caught = await uncaught(async (caught) => {
      pair.listen.addEventListener("price", () => {
        throw new Error("planted");
      });
      pair.listen.addEventListener("price", heard.listener("a"));
      await settle(pair);
      publish(pair, "price", 1);
      publish(pair, "price", 2);
      await heard.await(2);
      await until(
        () => caught.length >= 2,
        () => `got ${caught.length} reports of exceptions, want 2`,
      );
    });
    assert.deepEqual(
      caught.map((error) => (error as Error).message),
      ["planted", "planted"],
    );
  },

  async "an invalid topic throws"(pair) {
    for (const topic of ["", "__ack", "price:", ":", "::", "a\n", "\ud800", "x".repeat(257), `x:${"é".repeat(129)}`]) {
      assert.throws(() => pair.listen.addEventListener(topic, () => {}), { code: "invalid_topic" }, JSON.stringify(topic));
    }
    pair.listen.addEventListener(`${"x".repeat(256)}:${"é".repeat(128)}`, () => {});
    await settle(pair);
  },

  async "nothing is heard after the end"(pair) {
    if (!pair.close) {
      return;
    }
    const heard = new Heard();
    pair.listen.addEventListener("price", heard.listener("a"));
    await settle(pair);
    publish(pair, "price", 1);
    await heard.await(1);
    await pair.close();
    pair.listen.addEventListener("price", heard.listener("late"));
    pair.listen.removeEventListener("price", heard.listener("never"));
    assert.equal(pair.listen.dispatchEvent(new CustomEvent("price")), false, "dispatchEvent returns false after the end");
    if (pair.dispatch !== pair.listen) {
      publish(pair, "price", 2);
    }
    assert.deepEqual(heard.lines, ["a price|1"]);
  },

  async "a listener ends the target"(pair) {
    if (!pair.close) {
      return;
    }
    const heard = new Heard();
    const closed = new Promise<void>((resolve) => {
      pair.listen.addEventListener("price", () => {
        heard.lines.push("ends");
        void Promise.resolve(pair.close?.()).then(resolve);
      });
    });
    pair.listen.addEventListener("price", heard.listener("after"));
    await settle(pair);
    publish(pair, "price", 1);
    await closed;
    assert.deepEqual(heard.lines, ["ends"]);
  },
};
