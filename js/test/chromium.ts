import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import WebSocket from "ws";

/** Returns the path of a browser, if there is one. */
export const browserPath = (): string | undefined =>
  ["chromium", "chromium-browser", "google-chrome", "chrome"]
    .flatMap((name) => process.env["PATH"]!.split(delimiter).map((directory) => join(directory, name)))
    .find(existsSync);

/** What Chromium answers. */
interface Reply {
  id?: number;
  result?: { targetId?: string; sessionId?: string; result?: { value?: unknown }; exceptionDetails?: object };
  error?: object;
}

/** Starts a browser that ends with the test file, and returns a function that evaluates an expression in a new page at url. */
export async function startBrowser(path: string): Promise<(url: string, expression: string) => Promise<unknown>> {
  const profile = mkdtempSync(join(tmpdir(), "spokehub-js-chromium-"));
  const child = spawn(path, ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  after(async () => {
    child.kill("SIGKILL");
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) {
        resolve(found[1]!);
      }
    });
    void exited.then(() => reject(new Error(`the browser ended: ${said}`)));
  });
  const socket = new WebSocket(address);
  await new Promise((resolve) => socket.once("open", resolve));
  after(() => socket.terminate());
  const waiting = new Map<number, (reply: Reply) => void>();
  let asked = 0;
  socket.on("message", (data) => {
    const reply = JSON.parse(String(data)) as Reply;
    waiting.get(reply.id ?? 0)?.(reply);
  });
  const ask = async (method: string, params: object, sessionId?: string): Promise<NonNullable<Reply["result"]>> => {
    const id = ++asked;
    const reply = await new Promise<Reply>((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
    if (!reply.result || reply.result.exceptionDetails) {
      throw new Error(`${method}: ${JSON.stringify(reply)}`);
    }
    return reply.result;
  };
  return async (url, expression) => {
    const { targetId } = await ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await ask("Target.attachToTarget", { targetId, flatten: true });
    await ask("Page.navigate", { url }, sessionId);
    const wait = `new Promise((resolve) => document.readyState === "complete" ? resolve() : addEventListener("load", resolve))`;
    const { result } = await ask("Runtime.evaluate", { expression: `${wait}.then(() => (${expression})())`, awaitPromise: true, returnByValue: true }, sessionId);
    return result?.value;
  };
}
