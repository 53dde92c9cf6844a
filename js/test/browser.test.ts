import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browserPath, startBrowser } from "./chromium.ts";
import { hubBinary, packageDirectory, startHub } from "./hub.ts";

/** What the page does. It is text, so that the bundler leaves it alone; HUB and TOKEN are filled in. */
const page = String.raw`async () => {
  const { Spoke, SpokeEvent } = await import("/client.js");
  const said = [];
  const spoke = new Spoke("HUB", { token: "TOKEN", echo: true, minDelay: 1 });
  spoke.addEventListener("error", ({ detail }) => said.push(detail.code));
  spoke.addEventListener("close", ({ detail }) => said.push(detail));
  const other = new Spoke(new URL("HUB"), { token: async () => "TOKEN" });
  other.addEventListener("price", (event) => said.push([event.detail, event.id, event instanceof SpokeEvent, event.target === other]));
  await Promise.all([spoke.ready, other.drained()]);
  const next = new Promise((resolve) => other.addEventListener("price:é", resolve, { once: true }));
  await other.drained();
  spoke.dispatchEvent(new CustomEvent("price:é", { detail: { n: 1 } }));
  said.push((await next).detail);
  await spoke.drained();
  said.push(spoke.bufferedAmount);
  spoke.close();
  other.close();
  const refused = new Spoke("HUB", { token: "bad" });
  await new Promise((resolve) => refused.addEventListener("close", ({ detail }) => resolve(said.push(detail.closeCode))));
  try {
    new Spoke("ws").close();
    said.push("a relative URL is allowed");
  } catch ({ code }) {
    said.push(code);
  }
  return said;
}`;

test("the file that a hub serves runs in a browser", async (t) => {
  const browser = browserPath();
  if (!browser) {
    assert.notEqual(process.env["CI"], "true", "there is no Chromium");
    t.skip("there is no Chromium");
    return;
  }
  const client = readFileSync(join(packageDirectory, "dist", "client.js"));
  const server = createServer(({ url }, response) => {
    response.setHeader("Content-Type", url === "/client.js" ? "text/javascript" : "text/html");
    response.end(url === "/client.js" ? client : "<!doctype html><title>page</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const keys = mkdtempSync(join(tmpdir(), "spokehub-js-keys-"));
  t.after(() => rmSync(keys, { recursive: true, force: true }));
  const key = join(keys, "hub.key");
  execFileSync(hubBinary(), ["token", "key", "--out", key]);
  const token = execFileSync(hubBinary(), ["token", "make", "--key", key, "--user", "ada", "--subscribe", "*", "--publish", "*", "--expires", "1h"], { encoding: "utf8" });
  const hub = await startHub("--jwt-key", `${key}.pub`, "--origin", "*");
  const evaluate = await startBrowser(browser);
  const program = page.replaceAll("HUB", hub.url).replaceAll("TOKEN", token.trim());
  const said = await evaluate(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, program);
  assert.deepEqual(said, [[{ n: 1 }, "é", true, true], { n: 1 }, 0, null, 4401, "a relative URL is allowed"]);
});
