import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { hubBinary, publishThrough, startHub } from "./hub.ts";
import { awaitEvent, quiet } from "./rawserver.ts";
import { Heard, until } from "./heard.ts";
import { spokeOf } from "./spokes.ts";
import type { Hub } from "./hub.ts";
import type { SpokeError } from "../src/index.ts";

let hub: Hub;
let key: string;
let directory: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "spokehub-js-keys-"));
  key = join(directory, "hub.key");
  execFileSync(hubBinary(), ["token", "key", "--out", key]);
  hub = await startHub("--jwt-key", `${key}.pub`, "--jwt-leeway", "0s", "--origin", "*");
});

after(() => rmSync(directory, { recursive: true, force: true }));

/** Makes a token of Ada, who may do with price and chat what she likes. */
const token = (expires = "1h", signedBy = key): string =>
  execFileSync(hubBinary(), ["token", "make", "--key", signedBy, "--user", "ada", "--subscribe", "price", "--publish", "chat", "--expires", expires])
    .toString()
    .trim();

/** A WebSocket that says where its page is from, as browsers do. */
class BrowserSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { origin: "https://page.example" });
  }
}

test("a token lets in, and covers topics", async (t) => {
  const heard = new Heard();
  const spoke = spokeOf(t, hub.url, { token: token() });
  const errors = quiet(spoke) as SpokeError[];
  spoke.addEventListener("price", heard.listener(""));
  await spoke.ready;
  await publishThrough(hub, "price", "", 1);
  await heard.await(1);
  await assert.rejects(spoke.subscribe(["price", "secret"]), { code: "forbidden", topic: "secret" });
  spoke.publish("chat", 1);
  await spoke.drained();
  assert.equal(errors.length, 0);
  spoke.publish("secret", 1);
  await until(
    () => errors.length > 0,
    () => "no error came",
  );
  assert.deepEqual([errors[0]!.code, errors[0]!.topic], ["forbidden", "secret"]);
});

for (const [name, Socket] of [["a program", WebSocket], ["a page", BrowserSocket]] as const) {
  test(`a bad token is replaced once: ${name}`, async (t) => {
    const other = join(directory, `other-${name.replace(" ", "-")}`);
    execFileSync(hubBinary(), ["token", "key", "--out", other]);
    const bad = token("1h", other);
    const tokens = [bad, token()];
    const spoke = spokeOf(t, hub.url, { WebSocket: Socket, minDelay: 1, token: () => tokens.shift()! });
    quiet(spoke);
    await spoke.ready;
    const hopeless = spokeOf(t, hub.url, { WebSocket: Socket, minDelay: 1, token: () => bad });
    quiet(hopeless);
    assert.equal((await awaitEvent<SpokeError>(hopeless, "close")).closeCode, 4401);
  });
}

test("a hub that wants a token says so where there is none", async (t) => {
  const spoke = spokeOf(t, hub.url);
  assert.equal((await awaitEvent<SpokeError>(spoke, "close")).closeCode, 4401);
});

test("an identity outlives its token by renewal, without another connection", async (t) => {
  let asked = 0;
  const states: unknown[] = [];
  const long = token();
  const short = token("10s");
  const spoke = spokeOf(t, hub.url, { token: () => (++asked === 1 ? short : long) });
  spoke.addEventListener("state", ({ detail }) => states.push(detail));
  const errors = quiet(spoke);
  await spoke.ready;
  const ended = Date.now() + 11_000;
  await until(
    () => asked === 2 && Date.now() > ended,
    () => `asked for ${asked} tokens`,
  );
  await spoke.drained();
  assert.deepEqual(states, ["ready"]);
  assert.deepEqual(errors, []);
});
