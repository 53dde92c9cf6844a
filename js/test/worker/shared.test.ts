import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import WebSocket from "ws";
import { conformance } from "../conformance.ts";
import { Heard, patience, until } from "../heard.ts";
import { publishThrough, startHub } from "../hub.ts";
import { spokeOf } from "../spokes.ts";
import { FakeLocks } from "./locks.ts";
import { SharedSpoke } from "../../src/worker/index.ts";
import type { SharedSpokeOptions } from "../../src/worker/index.ts";

const hub = await startHub();
const browser = { locks: new FakeLocks() as FakeLocks | undefined };
Object.defineProperty(globalThis, "navigator", { value: browser, configurable: true });
Object.assign(globalThis, { location: new URL("http://localhost/"), WebSocket });

/** What a tab of a browser without SharedWorker has; all are in this process. */
function tabOf(t: TestContext, options: SharedSpokeOptions = {}): SharedSpoke {
  const tab = new SharedSpoke(hub.url, { group: t.name, ...options });
  t.after(() => tab.close());
  return tab;
}

/** How many connections the hub has. */
async function connections(): Promise<number> {
  return ((await (await fetch(`http://${hub.listen}/stats.json`)).json()) as { connections: number }).connections;
}

/** Resolves once the hub has so many connections. */
async function awaitConnections(want: number): Promise<void> {
  const end = performance.now() + patience;
  for (let got = await connections(); got !== want; got = await connections()) {
    assert.ok(performance.now() < end, `got ${got} connections, want ${want}`);
  }
}

conformance("two tabs that share a spoke", async (t) => {
  const [dispatch, listen] = [tabOf(t), tabOf(t)];
  await Promise.all([dispatch.ready, listen.ready]);
  return { dispatch, listen, settle: () => listen.drained(), close: () => listen.close() };
});

conformance("a tab that hears a spoke", async (t) => {
  const [dispatch, listen] = [spokeOf(t, hub.url), tabOf(t)];
  await Promise.all([dispatch.ready, listen.ready]);
  return { dispatch, listen, settle: () => listen.drained(), close: () => listen.close() };
});

conformance("a tab that hears itself", async (t) => {
  const target = tabOf(t, { echo: true });
  await target.ready;
  return { dispatch: target, listen: target, settle: () => target.drained(), close: () => target.close() };
});

test("tabs share a connection, from the first to the last", async (t) => {
  await awaitConnections(0);
  const tabs = [tabOf(t), tabOf(t), tabOf(t)];
  const heard = new Heard();
  tabs.forEach((tab, n) => tab.addEventListener("news", heard.listener(`${n}`)));
  await Promise.all(tabs.map((tab) => tab.drained()));
  assert.equal(await connections(), 1);
  await publishThrough(hub, "news", "", 1);
  await heard.await(3);
  tabs[1]!.publish("news", 2);
  assert.deepEqual((await heard.await(5)).sort(), ["0 news|1", "0 news|2", "1 news|1", "2 news|1", "2 news|2"]);
  tabs[0]!.close();
  await tabs[1]!.drained();
  await tabs[2]!.drained();
  await publishThrough(hub, "news", "", 3);
  assert.deepEqual((await heard.await(7)).slice(5).sort(), ["1 news|3", "2 news|3"]);
  await awaitConnections(1);
  tabs.forEach((tab) => tab.close());
  await awaitConnections(0);
});

test("a tab does not hear itself, however late the hub answers its subscription", async (t) => {
  const tabs = [tabOf(t), tabOf(t)] as const;
  const heard = new Heard();
  await Promise.all(tabs.map((tab) => tab.drained()));
  tabs[1].addEventListener("early", heard.listener("1"));
  await tabs[1].drained();
  tabs[0].addEventListener("early:a", heard.listener("0"));
  tabs[0].publish("early:a", "mine");
  await heard.await(1);
  tabs[1].publish("early:a", "yours");
  assert.deepEqual(await heard.await(2), ['1 early|"mine"', '0 early:a|"yours"']);
});

test("what is published while another tab takes over arrives", async (t) => {
  const tabs = [tabOf(t), tabOf(t)] as const;
  const spoke = spokeOf(t, hub.url);
  const heard = new Heard();
  spoke.addEventListener("n", heard.listener(""));
  await Promise.all([spoke.drained(), ...tabs.map((tab) => tab.drained())]);
  tabs[0].close();
  for (let n = 0; n < 50; n++) {
    tabs[1].publish("n", n);
  }
  await heard.await(50);
  assert.deepEqual(heard.lines, Array.from({ length: 50 }, (_, n) => ` n|${n}`));
});

test("a tab that the hub turns away is told so, and the next one tries again", async (t) => {
  const nowhere = new SharedSpoke(hub.url.replace(/ws$/, "nowhere"), { minDelay: 1, maxDelay: 5 });
  t.after(() => nowhere.close());
  const error = await new Promise<CustomEvent>((resolve) => nowhere.addEventListener("error", resolve));
  assert.equal(error.detail.code, "lost");
  assert.notEqual(nowhere.state, "ready");
});

test("a tab that asks for a token gets it from its function", async (t) => {
  let asked = 0;
  const tab = tabOf(t, { token: () => Promise.reject(new Error(`no token ${asked++}`)), minDelay: 1, maxDelay: 5 });
  const error = await new Promise<CustomEvent>((resolve) => tab.addEventListener("error", resolve));
  assert.equal(error.detail.code, "token");
  assert.match(error.detail.message, /no token 0/);
  await until(() => asked > 1, () => `asked ${asked} times, want more`);
});

test("without locks each tab has its own connection", async (t) => {
  await awaitConnections(0);
  const { locks } = browser;
  browser.locks = undefined;
  t.after(() => (browser.locks = locks));
  const tabs = [tabOf(t), tabOf(t)] as const;
  const heard = new Heard();
  tabs[1].addEventListener("news", heard.listener("1"));
  await Promise.all(tabs.map((tab) => tab.drained()));
  assert.equal(await connections(), 2);
  tabs[0].publish("news", 1);
  await heard.await(1);
  tabs.forEach((tab) => tab.close());
  await awaitConnections(0);
});
