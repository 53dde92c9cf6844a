import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";

const [url] = process.argv.slice(2);

async function connect() {
  const socket = new WebSocket(url);
  const messages = [];
  const waiting = [];
  socket.on("message", (data) => {
    const event = JSON.parse(data);
    const next = waiting.shift();
    if (next) next(event);
    else messages.push(event);
  });
  await once(socket, "open");
  return {
    socket,
    send: (event) => socket.send(JSON.stringify(event)),
    receive: () => (messages.length > 0 ? messages.shift() : new Promise((resolve) => waiting.push(resolve))),
    unread: () => messages.length,
  };
}

const subscriber = await connect();
const publisher = await connect();

subscriber.send({ type: "__subscribe", id: "1", payload: { topics: ["news", "news:7"] } });
assert.deepEqual(await subscriber.receive(), { type: "__ack", id: "1", payload: { topics: ["news", "news:7"] } });
subscriber.send({ type: "__subscribe", id: "2", payload: { topic: "no:" } });
assert.deepEqual(await subscriber.receive(), { type: "__reject", id: "2", payload: { topic: "no:", reason: "invalid_topic" } });

publisher.send({ type: "__subscribe", id: "1", payload: { topic: "news" } });
await publisher.receive();
for (let n = 0; n < 100; n += 1) publisher.send({ type: "news", id: "7", payload: { n, text: "snow \u2744" } });
for (let n = 0; n < 100; n += 1) {
  assert.deepEqual(await subscriber.receive(), { type: "news", id: "7", payload: { n, text: "snow \u2744" } });
}
assert.equal(publisher.unread(), 0, "a publisher hears itself");

subscriber.socket.ping("still there?");
const [pong] = await once(subscriber.socket, "pong");
assert.equal(pong.toString(), "still there?");

publisher.socket.close(1000);
await once(publisher.socket, "close");

console.log("waiting for the drain");
const [code, reason] = await once(subscriber.socket, "close");
assert.equal(code, 1012);
assert.equal(typeof JSON.parse(reason).retry_after_ms, "number");
console.log("done");
