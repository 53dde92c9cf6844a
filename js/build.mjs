import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** What every bundle has in common. Names that begin with _ are private, and are shortened. */
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  mangleProps: /^_/,
  legalComments: "none",
  logLevel: "warning",
};

/** The files that a hub serves, and so are in the repository: each stands alone. */
export const served = ["client.js", "shared-worker.js"];

/** The entry points of the package. They share their common code. */
const entries = ["src/index.ts", "src/worker/index.ts"];

/** The sources of the served files. */
const sources = { "client.js": "src/index.ts", "shared-worker.js": "src/worker/shared-worker.ts" };

/** Keeps the entry points whose source is there. */
const present = (paths) => paths.filter((path) => existsSync(join(here, path)));

/** Writes everything that the package has into directory. */
export async function buildInto(directory) {
  rmSync(directory, { recursive: true, force: true });
  const mangleCache = {};
  const entry = await build({
    ...common,
    entryPoints: present(entries),
    outbase: "src",
    outdir: directory,
    splitting: true,
    sourcemap: true,
    mangleCache,
  });
  for (const [file, source] of Object.entries(sources)) {
    if (existsSync(join(here, source))) {
      await build({ ...common, entryPoints: [source], outfile: join(directory, file), mangleCache: entry.mangleCache });
    }
  }
}

/** Writes the declarations of the types into directory. */
function declareInto(directory) {
  execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "-p", join(here, "tsconfig.build.json"), "--outDir", directory], {
    stdio: "inherit",
  });
}

/** Compares the served files with what the source builds to, and fails where they differ. */
async function check() {
  const directory = mkdtempSync(join(here, "node_modules", ".check-"));
  try {
    await buildInto(directory);
    for (const file of served.filter((file) => existsSync(join(directory, file)))) {
      const committed = join(here, "dist", file);
      if (!existsSync(committed) || !readFileSync(committed).equals(readFileSync(join(directory, file)))) {
        console.error(`js/dist/${file} is not what the source builds to: run "npm run build" in js and commit the file`);
        process.exitCode = 1;
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    await check();
  } else {
    await buildInto(join(here, "dist"));
    declareInto(join(here, "dist"));
  }
}
