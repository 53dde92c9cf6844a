import assert from "node:assert/strict";
import process from "node:process";
import { Spoke } from "@spokehub/client";
import { events } from "@spokehub/client/events";

const [, , url, from] = process.argv;
const options = from === "ws" ? { WebSocket: (await import("ws")).default } : {};
const publisher = new Spoke(url, { ...options, echo: true });
const listener = new Spoke(url, options);

const heard = [];
listener.addEventListener("price", ({ detail, id }) => heard.push([detail, id]));
publisher.addEventListener("price:é", ({ detail }) => heard.push(detail));
const iterator = events(listener, "price:é");
await Promise.all([publisher.ready, listener.drained()]);
publisher.dispatchEvent(new CustomEvent("price:é", { detail: { n: 1 } }));
for await (const { detail } of iterator) {
  assert.deepEqual(detail, { n: 1 });
  break;
}
assert.deepEqual(heard, [{ n: 1 }, [{ n: 1 }, "é"]]);
await publisher.drained();
assert.equal(publisher.bufferedAmount, 0);
publisher.close();
listener.close();
await assert.rejects(publisher.ready, { code: "closed" });

const refused = new Spoke(url.replace(/:\d+/, ":1"), { ...options, minDelay: 1, maxDelay: 2 });
let states = 0;
await new Promise((resolve) => {
  refused.addEventListener("error", () => {});
  refused.addEventListener("state", ({ detail }) => detail === "waiting" && ++states === 3 && resolve());
});
refused.close();
console.log("heard everything");
