import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

/** Returns the nearest directory above this file that has file. */
function above(file: string): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, file))) {
    const parent = dirname(directory);
    if (parent === directory) {
      throw new Error(`no ${file} above the tests`);
    }
    directory = parent;
  }
  return directory;
}

/** The root of the repository. */
export const repository = above("go.mod");

/** The directory of the package. */
export const packageDirectory = join(repository, "js");

/** Something that the test file started and that ends with it. */
const started: ChildProcess[] = [];
let binaries: string | undefined;

after(() => {
  started.forEach((child) => child.kill("SIGKILL"));
  if (binaries) {
    rmSync(binaries, { recursive: true, force: true });
  }
});

/** Returns the path of a hub's binary: the one that HUB_BINARY names, as in npm test, or one built once for a test file. */
export function hubBinary(): string {
  if (process.env.HUB_BINARY) {
    return process.env.HUB_BINARY;
  }
  if (!binaries) {
    binaries = mkdtempSync(join(tmpdir(), "spokehub-js-"));
    execFileSync("go", ["build", "-o", join(binaries, "spokehub"), "./cmd/spokehub"], { cwd: repository, stdio: "inherit" });
  }
  return join(binaries, "spokehub");
}

/** A hub of its own process. */
export interface Hub {
  /** The address of its WebSocket. */
  url: string;
  /** The address for operators, without a slash at the end. */
  admin: string;
  /** The address host:port that clients connect to. */
  listen: string;
  /** Ends it: by a signal, SIGKILL unless named, and resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a hub on free ports; flags are further flags of its command serve. */
export async function startHub(...flags: string[]): Promise<Hub> {
  const all = ["serve", "--admin", "127.0.0.1:0", ...flags];
  if (!flags.includes("--listen")) {
    all.push("--listen", "127.0.0.1:0");
  }
  const child = spawn(hubBinary(), all, { stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      if (/msg=listening .*\n/.test(said)) {
        resolve();
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void exited.then(() => reject(new Error(`the hub ended: ${said}`)));
  });
  const url = / websocket=(\S+)/.exec(said)![1]!;
  return {
    url,
    admin: / admin=(\S+)/.exec(said)![1]!.replace(/\/$/, ""),
    listen: new URL(url).host,
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      await exited;
    },
  };
}

/** Publishes one event through the hub's address for operators. */
export async function publishThrough(hub: Hub, type: string, id: string, payload: unknown): Promise<void> {
  const response = await fetch(`${hub.admin}/publish`, { method: "POST", body: JSON.stringify({ type, id, payload }) });
  if (!response.ok) {
    throw new Error(`publish: status ${response.status}: ${await response.text()}`);
  }
}
