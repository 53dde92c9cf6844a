import type { TestContext } from "node:test";
import WebSocket from "ws";
import { Spoke } from "../src/index.ts";
import type { EventMap, SpokeOptions } from "../src/index.ts";

/** Makes a spoke that is closed after the test. */
export function spokeOf<E extends EventMap = Record<string, unknown>>(t: TestContext, url: string, options: SpokeOptions = {}): Spoke<E> {
  const spoke = new Spoke<E>(url, { WebSocket, ...options });
  t.after(() => spoke.close());
  return spoke;
}
