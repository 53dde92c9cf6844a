import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

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
const entries = ["src/index.ts", "src/events.ts", "src/presence.ts", "src/worker/index.ts"];

/** The sources of the served files. */
const sources = { "client.js": "src/index.ts", "shared-worker.js": "src/worker/shared-worker.ts" };

/** Keeps the entry points whose source is there. */
const present = (paths) => paths.filter((path) => existsSync(join(here, path)));

/** How the bundles are made smaller still. */
const smaller = {
  module: true,
  ecma: 2022,
  compress: { passes: 5, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, hoist_funs: true },
};

/** Makes code smaller, with the source map of what it was built from. */
async function shrink(text, map, url) {
  const { code, map: mapped } = await minify(text, { ...smaller, ...(map && { sourceMap: { content: map, url } }) });
  return { code, map: mapped };
}

/** Bundles as options say and returns what names are shortened to. */
async function bundle(options) {
  const { outputFiles, mangleCache } = await build({ ...common, ...options, write: false });
  const texts = new Map(outputFiles.map(({ path, text }) => [path, text]));
  for (const [path, text] of texts) {
    if (path.endsWith(".js")) {
      const { code, map } = await shrink(text.replace(/\n\/\/# sourceMappingURL=.*\n?$/, ""), texts.get(`${path}.map`), `${basename(path)}.map`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${code}\n`);
      if (map) {
        writeFileSync(`${path}.map`, map);
      }
    }
  }
  return mangleCache;
}

/** Returns the bytes that a bundle of everything that the entry points export has after gzip -9. */
export async function gzippedSize(...entryPoints) {
  const { outputFiles } = await build({
    ...common,
    stdin: { contents: entryPoints.map((path) => `export * from "./${path}";`).join("\n"), resolveDir: here, loader: "ts" },
    write: false,
  });
  return gzipSync((await shrink(outputFiles[0].text)).code, { level: 9 }).length;
}

/** Writes everything that the package has into directory. */
export async function buildInto(directory) {
  rmSync(directory, { recursive: true, force: true });
  const mangleCache = await bundle({
    entryPoints: present(entries),
    outbase: "src",
    outdir: directory,
    splitting: true,
    sourcemap: true,
    mangleCache: {},
  });
  for (const [file, source] of Object.entries(sources)) {
    if (existsSync(join(here, source))) {
      await bundle({ entryPoints: [source], outfile: join(directory, file), mangleCache });
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
