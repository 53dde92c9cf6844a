import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { acknowledge, awaitEvent, awaitMessage, quiet, RawServer } from "./rawserver.ts";
import { until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";
import type { SpokeError } from "../src/index.ts";

const soon = { minDelay: 1, maxDelay: 5 };

test("a spoke comes back", async (t) => {
  const reasons: [number, string?][] = [[1001], [1005], [1006], [1011], [1012], [1013], [4429], [1008, '{"retry_after_ms":1}'], [3000], [4000]];
  for (const [code, reason] of reasons) {
    await t.test(`after ${code}${reason ?? ""}`, async (t) => {
      const server = await RawServer.start(t);
      const spoke = spokeOf(t, server.url, soon);
      const errors = quiet(spoke);
      await spoke.ready;
      const { socket } = await server.await(1);
      if (code === 1006) {
        socket.terminate();
      } else if (code === 1005) {
        socket.close();
      } else {
        socket.close(code, reason);
      }
      await server.await(2);
      await spoke.ready;
      assert.equal(spoke.state, "ready");
      assert.deepEqual(
        errors.map((error) => [(error as SpokeError).code, (error as SpokeError).closeCode]),
        [["lost", code]],
      );
    });
  }
});

test("a spoke ends", async (t) => {
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4401, 4403]) {
    await t.test(`after ${code}`, async (t) => {
      const server = await RawServer.start(t);
      const spoke = spokeOf(t, server.url, { ...soon, token: "fixed" });
      await spoke.ready;
      const closed = awaitEvent<SpokeError>(spoke, "close");
      server.connections[0]!.socket.close(code, "why");
      const error = await closed;
      assert.equal(error.code, "ended");
      assert.equal(error.closeCode, code);
      assert.equal(spoke.state, "closed");
      await assert.rejects(spoke.ready, { code: "ended" });
      assert.throws(() => spoke.publish("price"), { code: "ended" });
      assert.equal(server.connections.length, 1);
    });
  }
});

test("the hub's hint comes before the spoke's own delay", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { minDelay: 3_600_000, maxDelay: 3_600_000 });
  quiet(spoke);
  await spoke.ready;
  server.connections[0]!.socket.close(1012, '{"retry_after_ms":5}');
  await server.await(2);
});

test("a new token is asked for once where the hub wants another", async (t) => {
  const server = await RawServer.start(t);
  server.onConnection = ({ socket, request }) => {
    if (!request.headers["sec-websocket-protocol"]?.endsWith("bearer.good")) {
      socket.close(4401);
    }
  };
  const tokens = ["bad", "good", "bad", "worse"];
  const spoke = spokeOf(t, server.url, { ...soon, token: async () => tokens.shift()! });
  quiet(spoke);
  await spoke.ready;
  assert.deepEqual(
    server.connections.map(({ request }) => request.headers["sec-websocket-protocol"]),
    ["spokehub.v1,bearer.bad", "spokehub.v1,bearer.good"],
  );
  const closed = awaitEvent<SpokeError>(spoke, "close");
  server.connections[1]!.socket.close(1012);
  assert.equal((await closed).closeCode, 4401);
  assert.deepEqual(tokens, ["worse"]);
});

test("five seconds of health make a new token and the shortest wait count again", async (t) => {
  const server = await RawServer.start(t);
  const clock = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, "now", () => clock() + ahead);
  let asked = 0;
  const spoke = spokeOf(t, server.url, { ...soon, silence: 1e9, token: () => `${++asked}` });
  quiet(spoke);
  for (let round = 1; round <= 3; round++) {
    await spoke.ready;
    ahead += 6000;
    server.connections.at(-1)!.socket.close(4401);
    await server.await(round + 1);
  }
  await spoke.ready;
  assert.equal(asked, 4);
});

test("a function for tokens that fails is called again", async (t) => {
  const server = await RawServer.start(t);
  let asked = 0;
  const spoke = spokeOf(t, server.url, {
    ...soon,
    token: () => {
      if (++asked < 3) {
        throw new Error("the provider is away");
      }
      return "good";
    },
  });
  const errors = quiet(spoke);
  await spoke.ready;
  assert.deepEqual(
    errors.map((error) => (error as SpokeError).code),
    ["token", "token"],
  );
});

test("a token that ends is renewed on the connection", async (t) => {
  const server = await RawServer.start(t);
  const jwt = (seconds: number): string => `e30.${Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + seconds, é: "ÿ?>" })).toString("base64url")}.x`;
  const tokens = [jwt(1.4), jwt(3600)];
  const spoke = spokeOf(t, server.url, { token: () => tokens.shift()! });
  await spoke.ready;
  const renewed = tokens[0];
  const connection = await server.await(1);
  const auth = await awaitMessage(connection, ({ type }) => type === "__auth");
  assert.equal(auth.payload!.token, renewed);
  assert.equal(server.connections.length, 1);
});

test("an attempt that takes too long is given up", async (t) => {
  let attempts = 0;
  const mute = createServer((socket) => {
    attempts++;
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  t.after(() => mute.close());
  const spoke = spokeOf(t, `ws://127.0.0.1:${(mute.address() as AddressInfo).port}`, { ...soon, connectTimeout: 20 });
  const errors = quiet(spoke);
  await until(
    () => attempts >= 3,
    () => `got ${attempts} attempts`,
  );
  assert.equal(errors.length, 1, "an outage is told once");
});

test("a function for tokens that never returns is given up", async (t) => {
  const server = await RawServer.start(t);
  let asked = 0;
  const spoke = spokeOf(t, server.url, { ...soon, connectTimeout: 300, token: () => (asked++ ? "good" : new Promise<string>(() => {})) });
  quiet(spoke);
  await spoke.ready;
  assert.ok(asked >= 2);
});

test("a server that doesn't answer as a hub does is never ready", async (t) => {
  const server = await RawServer.start(t);
  server.onMessage = () => {};
  const spoke = spokeOf(t, server.url, { ...soon, connectTimeout: 200 });
  quiet(spoke);
  await server.await(3);
  assert.notEqual(spoke.state, "ready");
  server.onMessage = acknowledge;
  await spoke.ready;
});

test("a silent hub is asked for a sign of life, and left without one", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, { ...soon, silence: 5, probeTimeout: 2000 });
  quiet(spoke);
  const first = await server.await(1);
  await until(
    () => first.messages.length >= 5,
    () => `got ${first.messages.length} messages`,
  );
  assert.equal(server.connections.length, 1);
  server.onMessage = (connection, message) => {
    if (connection !== first) {
      acknowledge(connection, message);
    }
  };
  await server.await(2);
  await spoke.ready;
});

test("a spoke that is closed stays closed", async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url, soon);
  quiet(spoke);
  const states: unknown[] = [];
  spoke.addEventListener("state", ({ detail }) => states.push(detail));
  await spoke.ready;
  const closed = awaitEvent(spoke, "close");
  spoke.close();
  spoke.close();
  assert.equal(await closed, null);
  assert.deepEqual(states, ["ready", "closed"]);
  await assert.rejects(spoke.ready, { code: "closed" });
  await assert.rejects(spoke.drained(), { code: "closed" });
  await assert.rejects(spoke.subscribe("price"), { code: "closed" });
  assert.throws(() => spoke.publish("price", 1), { code: "closed" });
  const { socket } = server.connections[0]!;
  await until(
    () => socket.readyState === socket.CLOSED,
    () => "the connection stays open",
  );
});

test("a spoke that is closed by its own listeners stays closed", async (t) => {
  for (const state of ["connecting", "waiting", "ready"]) {
    await t.test(state, async (t) => {
      const server = await RawServer.start(t);
      server.onConnection = ({ socket }) => server.connections.length === 1 && socket.close(1012);
      const spoke = spokeOf(t, server.url, soon);
      quiet(spoke);
      const closed = awaitEvent(spoke, "close");
      spoke.addEventListener("state", ({ detail }) => {
        if (detail === state) {
          spoke.close();
        }
      });
      await closed;
      const before = server.connections.length;
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(spoke.state, "closed");
      assert.equal(server.connections.length, before);
    });
  }
});
