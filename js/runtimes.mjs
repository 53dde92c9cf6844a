import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the tests look for the runtimes. */
const directory = fileURLToPath(new URL("node_modules/.runtimes", import.meta.url));

/** The package that has Node 22 for this system. */
const node = `node-${process.platform}-${process.arch}`;

mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, "package.json"), '{"private":true}');
execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", "--ignore-scripts", "deno@2.9.6", "bun@1.4.5", `${node}@22.23.3`], {
  cwd: directory,
  stdio: "inherit",
});
rmSync(join(directory, "node_modules", ".bin", "node22"), { force: true });
symlinkSync(join(directory, "node_modules", node, "bin", "node"), join(directory, "node_modules", ".bin", "node22"));
execFileSync(process.execPath, ["install.js"], { cwd: join(directory, "node_modules", "bun"), stdio: "inherit" });
