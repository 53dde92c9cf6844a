import { test } from "node:test";
import type { TestContext } from "node:test";
import { delivery } from "./conformance-delivery.ts";
import { listening } from "./conformance-listening.ts";

/** What is under test: two targets, such that listeners of one hear what is dispatched to the other. They may be the same. */
export interface Pair {
  /** The target that events are dispatched to. */
  dispatch: EventTarget;
  /** The target that hears them. */
  listen: EventTarget;
  /** Resolves once the listeners that were added are in force, and those that were removed no longer are. */
  settle?(): Promise<unknown>;
  /** Ends listen. */
  close?(): void | Promise<void>;
}

/** A promise of targets, and the test that holds a pair to it. */
export type Promises = Record<string, (pair: Pair) => Promise<void>>;

/** Tests what each target promises, every promise over a pair that makeTarget makes; its after hooks end what it has started. */
export function conformance(name: string, makeTarget: (t: TestContext) => Pair | Promise<Pair>): void {
  for (const [promise, hold] of Object.entries({ ...delivery, ...listening })) {
    test(`${name}: ${promise}`, async (t) => hold(await makeTarget(t)));
  }
}
