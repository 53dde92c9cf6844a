import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { acknowledge, quiet, RawServer } from "./rawserver.ts";
import { until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";

let page: EventTarget & { hidden?: boolean };

beforeEach(() => {
  page = new EventTarget();
  Object.assign(globalThis, { document: page, addEventListener: page.addEventListener.bind(page) });
});

afterEach(() => {
  Reflect.deleteProperty(globalThis, "document");
  Reflect.deleteProperty(globalThis, "addEventListener");
});

/** Dispatches an event of the page. */
const happen = (type: string, persisted?: boolean): boolean => page.dispatchEvent(Object.assign(new Event(type), { persisted }));

for (const type of ["offline", "online", "resume", "visibilitychange"]) {
  test(`a connection that died unnoticed is found at ${type}`, async (t) => {
    const server = await RawServer.start(t);
    const spoke = spokeOf(t, server.url, { minDelay: 1, probeTimeout: 100 });
    quiet(spoke);
    await spoke.ready;
    server.onMessage = (connection, message) => {
      if (connection !== server.connections[0]) {
        acknowledge(connection, message);
      }
    };
    happen(type);
    await server.await(2);
    await spoke.ready;
  });

  test(`a connection that lives is kept at ${type}`, async (t) => {
    const server = await RawServer.start(t);
    const spoke = spokeOf(t, server.url, { minDelay: 1 });
    await spoke.ready;
    const before = server.connections[0]!.messages.length;
    happen(type);
    await spoke.drained();
    assert.equal(server.connections[0]!.messages.length, before + 2, "the hub was asked for a sign of life");
    assert.equal(server.connections.length, 1);
  });
}

test("a page that is hidden asks for nothing", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  await spoke.ready;
  page.hidden = true;
  happen("visibilitychange");
  await spoke.drained();
  assert.equal(server.connections[0]!.messages.length, 2);
});

test("the network that comes back ends the wait, unless the hub has named it", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { minDelay: 3_600_000, maxDelay: 3_600_000 });
  quiet(spoke);
  await spoke.ready;
  server.connections[0]!.socket.terminate();
  await until(
    () => spoke.state === "waiting",
    () => spoke.state,
  );
  happen("online");
  await server.await(2);
  await spoke.ready;
  server.connections[1]!.socket.close(1012, '{"retry_after_ms":3000000}');
  await until(
    () => spoke.state === "waiting",
    () => spoke.state,
  );
  happen("online");
  assert.equal(spoke.state, "waiting");
});

test("a page in the back-forward cache has no connection, and has one again when it comes back", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  spoke.addEventListener("a", () => {});
  await spoke.ready;
  happen("pagehide", false);
  assert.equal(spoke.state, "ready");
  happen("pagehide", true);
  assert.equal(spoke.state, "paused");
  const { socket } = server.connections[0]!;
  await until(
    () => socket.readyState === socket.CLOSED,
    () => "the connection is open",
  );
  happen("pageshow", false);
  happen("online");
  assert.equal(spoke.state, "paused");
  spoke.publish("b", 1);
  happen("pageshow", true);
  await spoke.ready;
  assert.deepEqual(
    server.connections[1]!.messages.map(({ type, payload }) => payload?.topics?.[0] ?? type),
    ["a", "b", "__subscribe"],
  );
});

test("a spoke that is closed no longer watches the page", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  await spoke.ready;
  spoke.close();
  happen("online");
  happen("pagehide", true);
  happen("pageshow", true);
  assert.equal(spoke.state, "closed");
  assert.equal(server.connections.length, 1);
});
