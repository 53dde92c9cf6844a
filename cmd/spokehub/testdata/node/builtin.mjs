import assert from "node:assert/strict";

const [url] = process.argv.slice(2);

function connect() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const messages = [];
    const waiting = [];
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      const next = waiting.shift();
      if (next) next(event);
      else messages.push(event);
    };
    socket.onerror = ({ error, message }) => reject(error ?? new Error(message));
    const client = {
      send: (event) => socket.send(JSON.stringify(event)),
      receive: () => (messages.length > 0 ? messages.shift() : new Promise((take) => waiting.push(take))),
      closed: new Promise((take) => (socket.onclose = take)),
      close: () => socket.close(1000),
    };
    socket.onopen = () => resolve(client);
  });
}

const subscriber = await connect();
const publisher = await connect();

subscriber.send({ type: "__subscribe", id: "1", payload: { topic: "news" } });
assert.deepEqual(await subscriber.receive(), { type: "__ack", id: "1", payload: { topics: ["news"] } });
const text = "x".repeat(50_000);
for (let n = 0; n < 20; n += 1) publisher.send({ type: "news", id: "7", payload: { n, text } });
for (let n = 0; n < 20; n += 1) {
  assert.deepEqual(await subscriber.receive(), { type: "news", id: "7", payload: { n, text } });
}

publisher.close();
assert.equal((await publisher.closed).code, 1000);

console.log("waiting for the drain");
const { code, reason, wasClean } = await subscriber.closed;
assert.equal(code, 1012);
assert.equal(typeof JSON.parse(reason).retry_after_ms, "number");
assert.equal(wasClean, true);
console.log("done");
