import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const output = join(here, "node_modules", ".test");

/** The arguments are parts of the names of the test files to run; none runs all of them. */
const chosen = process.argv.slice(2);

/** Returns the test files below directory, without those of other names than chosen. */
const tests = readdirSync(join(here, "test"), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".test.ts") && (chosen.length === 0 || chosen.some((part) => file.includes(part))))
  .sort();

rmSync(output, { recursive: true, force: true });
execute("node", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]);
await build({
  absWorkingDir: here,
  entryPoints: tests.map((file) => join("test", file)),
  outbase: "test",
  outdir: output,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20",
  mangleProps: /^_/,
  sourcemap: true,
  logLevel: "warning",
});
const binaries = mkdtempSync(join(tmpdir(), "spokehub-js-"));
process.on("exit", () => rmSync(binaries, { recursive: true, force: true }));
process.env.HUB_BINARY = join(binaries, "spokehub");
execute("go", ["build", "-o", process.env.HUB_BINARY, "../cmd/spokehub"]);
const flags = ["--enable-source-maps", "--test", "--test-concurrency=2", "--test-timeout=600000"];
execute("node", [...flags, ...tests.map((file) => join(output, file.replace(/\.ts$/, ".mjs")))]);

/** Runs a program, this node for "node", and ends with its status if that is not 0. */
function execute(program, args) {
  const { status } = spawnSync(program === "node" ? process.execPath : program, args, { cwd: here, stdio: "inherit" });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}
