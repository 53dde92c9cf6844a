import assert from "node:assert/strict";
import { test } from "node:test";
import { acknowledge, quiet, RawServer } from "./rawserver.ts";
import { events } from "../src/events.ts";
import { Heard, patience, until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";
import type { SpokeError } from "../src/index.ts";
import type { Answer, RawConnection } from "./rawserver.ts";

/** Rejects a control event for its first topic. */
const reject = ({ socket }: RawConnection, id: string, topic: string, reason: string): void =>
  socket.send(JSON.stringify({ type: "__reject", id, payload: { topic, reason } }));

/** Answers as a hub does that forbids a topic from the moment that forbid is called. */
function withdrawing(topic: string): { forbid(connection: RawConnection): void; answer: Answer } {
  let forbidden = false;
  return {
    forbid(connection) {
      forbidden = true;
      reject(connection, "", topic, "forbidden");
    },
    answer(connection, message) {
      if (forbidden && message.payload?.topics?.[0] === topic) {
        reject(connection, message.id, topic, "forbidden");
      } else {
        acknowledge(connection, message);
      }
    },
  };
}

test("a subscription that the hub takes away is told of once, and is free to be asked for again", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const { forbid, answer } = withdrawing("a");
  server.onMessage = answer;
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  await spoke.subscribe("a");
  forbid(server.connections[0]!);
  await assert.rejects(events(spoke, "a").next(), { code: "forbidden", topic: "a" });
  await spoke.drained();
  assert.deepEqual(
    errors.map(({ code, topic, rejected }) => [code, topic, rejected?.get("a")]),
    [["forbidden", "a", "forbidden"]],
  );
  await assert.rejects(spoke.subscribe("a"), { code: "forbidden" });
});

test("a rejected publish leaves the subscription of its topic as it is", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const spoke = spokeOf(t, server.url);
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("a", heard.listener(""));
  const next = events(spoke, "a").next();
  await spoke.subscribe("a");
  const [connection] = server.connections;
  reject(connection!, "", "a", "forbidden");
  reject(connection!, "", "b", "forbidden");
  await until(
    () => errors.length >= 2,
    () => `got ${errors.length} errors, want 2`,
  );
  connection!.socket.send('{"type":"a","payload":1}');
  assert.equal((await next).value!.detail, 1);
  assert.deepEqual(errors.map(({ code, topic, rejected }) => [code, topic, rejected]).sort(), [
    ["forbidden", "a", undefined],
    ["forbidden", "b", undefined],
  ]);
});

test("an iterator whose topic is rejected ends with the reason, and others go on", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const { forbid, answer } = withdrawing("state");
  server.onMessage = answer;
  const spoke = spokeOf(t, server.url);
  quiet(spoke);
  const refused = events(spoke, ":state").next();
  const goes = events(spoke, "b").next();
  await spoke.subscribe("b");
  forbid(server.connections[0]!);
  await assert.rejects(refused, { code: "forbidden", topic: "state" });
  server.connections[0]!.socket.send('{"type":"b","payload":1}');
  assert.equal((await goes).value!.detail, 1);
});

test("a reject without a payload changes nothing", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const heard = new Heard();
  const spoke = spokeOf(t, server.url);
  quiet(spoke);
  spoke.addEventListener("a", heard.listener(""));
  await spoke.ready;
  ['{"type":"__reject"}', '{"type":"__reject","id":"","payload":7}', '{"type":"a","payload":1}'].forEach((text) => server.connections[0]!.socket.send(text));
  assert.deepEqual(await heard.await(1), [" a|1"]);
});

test("an error that a listener hears once is not written to the console as well", { timeout: patience }, async (t) => {
  const server = await RawServer.start(t);
  const spoke = spokeOf(t, server.url);
  const written = t.mock.method(console, "warn", () => {});
  const heard = new Promise((resolve) => spoke.addEventListener("error", resolve, { once: true }));
  await spoke.ready;
  assert.equal(spoke.dispatchEvent(new CustomEvent("no:")), false);
  await heard;
  assert.equal(written.mock.callCount(), 0);
});
