import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { conformance } from "../conformance.ts";
import { Heard, until } from "../heard.ts";
import { acknowledge, quiet, RawServer } from "../rawserver.ts";
import { spokeOf } from "../spokes.ts";
import { events } from "../../src/events.ts";
import { SpokeEvent } from "../../src/index.ts";
import { connect, expose, LocalTarget } from "../../src/worker/index.ts";
import type { SpokeError } from "../../src/index.ts";
import type { Port, PortTarget } from "../../src/worker/index.ts";

/** Resolves once what the target was asked for has reached the other side of its port. */
function settled(target: PortTarget): Promise<void> {
  return target.drained();
}

/** A local target, and one that leads to it over a port. */
interface Both {
  local: LocalTarget;
  remote: PortTarget;
}

/** A local target that notes which topics somebody wants. */
class Counted extends LocalTarget {
  readonly calls: string[] = [];

  protected override _want(topic: string): void {
    this.calls.push(`+${topic}`);
  }

  protected override _unwant(topic: string): void {
    this.calls.push(`-${topic}`);
  }
}

/** Exposes a local target over a channel, and connects to it. */
function overChannel(t: TestContext, local = new LocalTarget()): Both {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  expose(local, port1);
  return { local, remote: connect(port2) };
}

/** The same over broadcast channels, which have the methods of ports in browsers. */
function overBroadcast(t: TestContext): Both {
  const name = `${t.name} ${Math.random()}`;
  const ports = [new BroadcastChannel(name), new BroadcastChannel(name)] as const;
  t.after(() => ports.forEach((port) => port.close()));
  const local = new LocalTarget();
  const remote = connect(ports[1]);
  expose(local, ports[0]);
  return { local, remote };
}

/** The same with the local target in a worker. */
function overWorker(t: TestContext): PortTarget {
  const worker = new Worker(new URL(import.meta.url));
  t.after(() => worker.terminate());
  return connect(worker);
}

/** Runs the tests of this file. */
function tests(): void {
  conformance("a local target", () => {
    const local = new LocalTarget();
    return { dispatch: local, listen: local, close: () => local.close() };
  });
  for (const [way, over] of Object.entries({ "a channel": overChannel, "broadcast channels": overBroadcast })) {
    conformance(`both over ${way}`, (t) => {
      const { remote } = over(t);
      return { dispatch: remote, listen: remote, settle: () => settled(remote), close: () => remote.close() };
    });
    conformance(`listening over ${way}`, (t) => {
      const { local, remote } = over(t);
      return { dispatch: local, listen: remote, settle: () => settled(remote), close: () => remote.close() };
    });
    conformance(`dispatching over ${way}`, (t) => {
      const { local, remote } = over(t);
      return { dispatch: remote, listen: local, close: () => local.close() };
    });
  }
  conformance("a worker between two", (t) => {
    const far = overWorker(t);
    const { remote } = overChannel(t, far as unknown as LocalTarget);
    return { dispatch: far, listen: remote, settle: () => settled(remote), close: () => remote.close() };
  });

  test("topics are held once for a port, and given up with it", async (t) => {
    const counted = new Counted();
    const { remote } = overChannel(t, counted);
    const { calls } = counted;
    const [a, b] = [new Heard().listener("a"), new Heard().listener("b")];
    remote.addEventListener("price", a);
    remote.addEventListener("price", b);
    remote.addEventListener("news", a);
    remote.removeEventListener("price", a);
    await settled(remote);
    assert.deepEqual(calls.splice(0), ["+price", "+news"]);
    remote.removeEventListener("price", b);
    await settled(remote);
    assert.deepEqual(calls.splice(0), ["-price"]);
    remote.close();
    await until(() => calls.includes("-news"), () => `got ${calls}, want -news`);
  });

  test("a port that closes ends its target", async (t) => {
    const { port1, port2 } = new MessageChannel();
    const local = new LocalTarget();
    t.after(() => port1.close());
    expose(local, port1);
    const remote = connect(port2);
    const ended = new Promise<CustomEvent>((resolve) => remote.addEventListener("close", resolve));
    port1.close();
    assert.equal((await ended).detail?.code, "lost");
    assert.equal(remote.state, "closed");
  });

  test("a worker that ends ends its target", async () => {
    const worker = new Worker(new URL(import.meta.url));
    const remote = connect(worker);
    const ended = new Promise<CustomEvent>((resolve) => remote.addEventListener("close", resolve));
    await settled(remote);
    await worker.terminate();
    assert.equal((await ended).detail?.code, "lost");
  });

  test("messages of others on the port are left alone, and targets have names", async (t) => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    const targets = { a: new LocalTarget(), b: new LocalTarget() };
    expose(targets.a, port1, { name: "a" });
    expose(targets.b, port1, { name: "b" });
    const others: unknown[] = [];
    (port2 as Port).on!("message", (message: unknown) => "spokehub" in Object(message) || others.push(message));
    const [a, b] = [connect(port2, { name: "a" }), connect(port2, { name: "b" })];
    for (const message of [null, undefined, 1, "x", [], {}, { type: "event" }]) {
      port1.postMessage(message);
      port2.postMessage(message);
    }
    const heard = new Heard();
    a.addEventListener("price", heard.listener("a"));
    b.addEventListener("price", heard.listener("b"));
    await settled(a);
    await settled(b);
    targets.b.publish("price", 1);
    assert.deepEqual(await heard.await(1), ["b price|1"]);
    assert.equal(others.length, 7);
  });

  test("what can't be cloned is told where it comes from", async (t) => {
    const { local, remote } = overChannel(t);
    assert.throws(() => remote.publish("price", 1n), { code: "invalid_payload" });
    const errors: unknown[] = [];
    const heard = new Heard();
    remote.addEventListener("error", ({ detail }) => errors.push([detail.code, detail.topic]));
    assert.equal(remote.dispatchEvent(new CustomEvent("price", { detail: 1n })), false);
    remote.addEventListener("price", heard.listener(""));
    await settled(remote);
    EventTarget.prototype.dispatchEvent.call(local, new CustomEvent("price", { detail: 1n }));
    local.publish("price", 2);
    await heard.await(1);
    assert.deepEqual(errors, [["invalid_payload", "price"], ["invalid_payload", "price"]]);
  });

  test("a side that stands still gets what is under way, and is told what it missed", async (t) => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    const local = new LocalTarget();
    expose(local, port1);
    const numbers: unknown[] = [];
    const remote = connect(port2);
    remote.addEventListener("n", ({ detail }) => numbers.push(detail));
    const told = new Promise<CustomEvent>((resolve) => remote.addEventListener("error", resolve));
    await settled(remote);
    for (let n = 0; n < 5000; n++) {
      local.publish("n", n);
    }
    const { detail } = await told;
    assert.equal(detail.code, "buffer_full");
    assert.match(detail.message, /^904 events/);
    await until(() => numbers.length >= 4096, () => `got ${numbers.length} events, want 4096`);
    local.publish("n", "after");
    await until(() => numbers.length > 4096, () => "got nothing after the gap");
    assert.deepEqual([numbers.length, numbers[4095], numbers[4096]], [4097, 4095, "after"]);
  });

  test("a topic that the hub can't take yet is told of once over the port, and heard when the hub takes it", async (t) => {
    const server = await RawServer.start(t);
    let times = 3;
    server.onMessage = (connection, message) => {
      if (message.payload?.topics?.[0] === "price" && times-- > 0) {
        connection.socket.send(JSON.stringify({ type: "__reject", id: message.id, payload: { topic: "price", reason: "unavailable" } }));
      } else {
        acknowledge(connection, message);
        if (message.payload?.topics?.[0] === "price") {
          connection.socket.send('{"type":"__gap","id":"","payload":{"topic":"price","missed":null,"reason":"broker"}}');
          connection.socket.send('{"type":"price","payload":1}');
        }
      }
    };
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    const spoke = spokeOf(t, server.url, { minDelay: 1, maxDelay: 10 });
    quiet(spoke);
    expose(spoke, port1);
    const remote = connect(port2);
    const errors = quiet(remote) as SpokeError[];
    const heard = new Heard();
    remote.addEventListener("gap", heard.listener(""));
    remote.addEventListener("price", heard.listener(""));
    assert.deepEqual(await heard.await(2), [' gap|{"topic":"price","missed":null,"reason":"broker"}', " price|1"]);
    assert.deepEqual(
      errors.map(({ code, topic, rejected, delay }) => [code, topic, rejected, delay! >= 0]),
      [["unavailable", "price", undefined, true]],
    );
  });

  test("gaps, and the offsets of events, cross the port", async (t) => {
    const server = await RawServer.start(t);
    const spoke = spokeOf(t, server.url);
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    expose(spoke, port1);
    const remote = connect(port2);
    const iterator = events(remote, "price:a", { gaps: true });
    await settled(remote);
    const gap = { topic: "price", epoch: "x", from: 3, to: 4, missed: 2, reason: "slow" };
    server.connections[0]!.socket.send(JSON.stringify({ type: "__gap", id: "", payload: gap }));
    server.connections[0]!.socket.send('{"type":"price","id":"a","payload":1,"offset":5}');
    assert.deepEqual((await iterator.next()).value!.detail, gap);
    const { value } = await iterator.next();
    assert.ok(value instanceof SpokeEvent);
    assert.deepEqual([value.detail, value.id, value.offset], [1, "a", 5]);
  });

  test("what was taken but not done when another side takes over is told, and the rest is handed over", async (t) => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    const got: unknown[][] = [];
    const send = (...frame: unknown[]): void => port1.postMessage({ spokehub: "", frame });
    (port1 as Port).on!("message", ({ frame }: { frame: unknown[] }) => got.push(frame));
    const awaitFrame = async (...want: unknown[]): Promise<void> => {
      const found = (): number => got.findIndex((frame) => JSON.stringify(frame) === JSON.stringify(want));
      await until(() => found() >= 0, () => `got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
      got.splice(0, found() + 1);
    };
    const remote = connect(port2);
    const told: string[] = [];
    remote.addEventListener("error", ({ detail }) => told.push(detail.code));
    remote.addEventListener("news", () => {});
    const texts = [1, 2, 3].map((payload) => JSON.stringify({ type: "n", id: "", payload }));
    remote.publish("n", 1);
    await awaitFrame("add", "news");
    send("open", 1, "ready");
    await awaitFrame("hi", ["news"], [[1, texts[0]]]);
    remote.publish("n", 2);
    await awaitFrame("order", 2, texts[1]);
    send("took", 1);
    send("drained", 1, null);
    send("took", 2);
    const lost = assert.rejects(remote.drained(), { code: "closed" });
    await awaitFrame("order", 3, undefined);
    remote.publish("n", 3);
    await awaitFrame("order", 4, texts[2]);
    send("open", 2, "connecting");
    await awaitFrame("hi", ["news"], []);
    assert.deepEqual(told, ["lost"]);
    send("open", 2, "ready");
    await awaitFrame("hi", ["news"], [[3, undefined], [4, texts[2]]]);
    remote.close();
    await lost;
  });

  test("a side that is not ready has room for so many events", async (t) => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    const remote = connect(port2);
    for (let n = 0; n < 64; n++) {
      remote.publish("n", n);
    }
    assert.throws(() => remote.publish("n", 64), { code: "queue_full" });
    const local = new LocalTarget();
    const heard = new Heard();
    local.addEventListener("n", heard.listener(""));
    expose(local, port1);
    assert.equal((await heard.await(64)).at(-1), " n|63");
    await settled(remote);
    remote.publish("n", 64);
    await heard.await(65);
  });

  test("a target that was exposed is a target like any other", async (t) => {
    const target = new EventTarget();
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    expose(target, port1);
    const remote = connect(port2);
    const heard = new Heard();
    target.addEventListener("there", heard.listener("there"));
    remote.addEventListener("here:1", heard.listener("here"));
    remote.publish("there", 1);
    await settled(remote);
    target.dispatchEvent(new CustomEvent("here:1", { detail: { a: 1 } }));
    assert.deepEqual(await heard.await(2), ["there there|1", 'here here:1|{"a":1}']);
  });

  test("what an exposed target throws comes back", async (t) => {
    const { local, remote } = overChannel(t);
    await settled(remote);
    const told = new Promise<CustomEvent>((resolve) => remote.addEventListener("error", resolve));
    const ended = new Promise<CustomEvent>((resolve) => remote.addEventListener("close", resolve));
    local.publish = () => {
      throw Object.assign(new Error("no room"), { code: "queue_full", topic: "price" });
    };
    remote.publish("price", 1);
    const { detail } = await told;
    assert.deepEqual([detail.code, detail.message, detail.topic], ["queue_full", "no room", "price"]);
    await remote.drained();
    local.close();
    assert.equal((await ended).detail, null);
  });
}

if (isMainThread) {
  tests();
} else {
  expose(new LocalTarget(), parentPort as Port);
}
