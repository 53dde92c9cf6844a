import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { packageDirectory, startHub } from "./hub.ts";
import type { Hub } from "./hub.ts";

let project: string;
let hub: Hub;

const programs = join(packageDirectory, "test", "programs");

/** Runs a program in the project and returns what it says. */
const run = (program: string, ...args: string[]): string => execFileSync(program, args, { cwd: project, encoding: "utf8", timeout: 120_000 });

before(async () => {
  project = mkdtempSync(join(tmpdir(), "spokehub-js-project-"));
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], { cwd: packageDirectory, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as [
    { filename: string; files: { path: string }[] },
  ];
  writeFileSync(join(project, "package.json"), '{"type":"module","private":true}');
  run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", `./${packed.filename}`, "ws@8.23.0");
  for (const outside of ["@types", "undici-types"]) {
    cpSync(join(packageDirectory, "node_modules", outside), join(project, "node_modules", outside), { recursive: true });
  }
  cpSync(join(programs, "runtime.mjs"), join(project, "runtime.mjs"));
  cpSync(join(packageDirectory, "test", "types", "outside.ts"), join(project, "outside.ts"));
  hub = await startHub();
});

after(() => rmSync(project, { recursive: true, force: true }));

test("the package has what it needs, and nothing else", () => {
  const installed = join(project, "node_modules", "@spokehub", "client");
  const files = readdirSync(installed);
  assert.deepEqual(files.filter((file) => file !== "README.md" && file !== "LICENSE").sort(), ["dist", "package.json"]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { dependencies?: object };
  assert.equal(dependencies, undefined);
  assert.ok(existsSync(join(installed, "dist", "index.js.map")));
  assert.match(readFileSync(join(installed, "dist", "index.js"), "utf8"), /sourceMappingURL=index\.js\.map/);
});

for (const [name, lib, types] of [["a page", ["es2022", "dom"], []], ["a program of Node", ["es2022"], ["node"]]] as const) {
  test(`the types hold from outside: ${name}`, () => {
    const directory = join(project, name.replaceAll(" ", "-"));
    mkdirSync(directory);
    const compilerOptions = { module: "nodenext", target: "es2022", strict: true, noEmit: true, exactOptionalPropertyTypes: true, skipLibCheck: types.length > 0, lib, types };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["../outside.ts"] }));
    run(process.execPath, join(packageDirectory, "node_modules", "typescript", "bin", "tsc"), "-p", directory);
  });
}

test("the package runs in this Node, with ws", () => {
  assert.equal(run(process.execPath, "runtime.mjs", hub.url, "ws"), "heard everything\n");
});

/** The other runtimes, by what npm run runtimes installs, and how each runs a program. */
const runtimes: [name: string, binary: string, ...args: string[]][] = [
  ["Node 22", "node22"],
  ["Deno", "deno", "run", "--allow-all", "--node-modules-dir=manual"],
  ["Bun", "bun"],
];

for (const [name, binary, ...args] of runtimes) {
  test(`the package runs in ${name}`, (t) => {
    const directories = [join(packageDirectory, "node_modules", ".runtimes", "node_modules", ".bin"), ...process.env["PATH"]!.split(delimiter)];
    const found = directories.map((directory) => join(directory, binary)).find(existsSync);
    if (!found) {
      assert.notEqual(process.env["CI"], "true", `there is no ${binary}: npm run runtimes`);
      t.skip(`there is no ${binary}: npm run runtimes installs it`);
      return;
    }
    assert.equal(run(found, ...args, "runtime.mjs", hub.url, "global"), "heard everything\n");
  });
}
