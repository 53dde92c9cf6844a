import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { transformSync } from "esbuild";
import { packageDirectory, publishThrough, startHub } from "./hub.ts";
import { patience } from "./heard.ts";
import type { Hub } from "./hub.ts";

const directory = join(packageDirectory, ".readme");
let hub: Hub;

/** The examples of the manual, each with what it says. */
const examples = [...readFileSync(join(packageDirectory, "README.md"), "utf8").matchAll(/^(#+ [^\n]*)$|```(js|ts)\n((?:(?!```)[^])*)```\n\n```text\n([^]*?)```/gm)];

before(async () => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "preload.mjs"), 'import WebSocket from "ws";\nglobalThis.WebSocket ??= WebSocket;\n');
  hub = await startHub();
});

after(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a program, while prices are published, until it has said what is wanted or ends. */
async function run(program: string, want: string): Promise<string> {
  const child = spawn(process.execPath, ["--import", join(directory, "preload.mjs"), program], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let ended = false;
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.once("close", () => (ended = true));
  const end = performance.now() + patience;
  while (!ended && said.length < want.length && performance.now() < end) {
    await publishThrough(hub, "price", "EURUSD", 1.08);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  return said;
}

let heading = "";
for (const [, title, language, source, want] of examples) {
  if (title) {
    heading = title;
    continue;
  }
  const name = heading.replaceAll("#", "").trim();
  test(`the example of the manual runs: ${name}`, async () => {
    const program = join(directory, `${name.replace(/\W+/g, "-")}.mjs`);
    const { code } = transformSync(source!.replaceAll("wss://hub.example/ws", hub.url), { loader: language as "js" | "ts" });
    writeFileSync(program, code);
    assert.equal(await run(program, want!), want);
  });
}

test("the manual has an example for every entry point", () => {
  const source = examples.map(([, , , source]) => source ?? "").join("\n");
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent", "publish", "subscribe", "positions", "drained", "close", "ready", "state", "bufferedAmount"]) {
    assert.match(source, new RegExp(`spoke\\.${name}\\b`), `an example has spoke.${name}`);
  }
  assert.match(source, /\bevents\(spoke, /, "an example has events");
});
