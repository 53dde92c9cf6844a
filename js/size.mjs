import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The most bytes that a page loads, minified and by gzip -9: of the core, and what the worker part adds to it. */
const limits = { core: 5000, worker: 2000 };

const here = fileURLToPath(new URL(".", import.meta.url));

/** Returns the bytes of a bundle of everything that the entry points export. */
async function bytesOf(...entryPoints) {
  const result = await build({
    absWorkingDir: here,
    stdin: { contents: entryPoints.map((path) => `export * from "./${path}";`).join("\n"), resolveDir: here, loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    mangleProps: /^_/,
    legalComments: "none",
    write: false,
  });
  return gzipSync(result.outputFiles[0].contents, { level: 9 }).length;
}

const core = await bytesOf("src/index.ts");
const measured = { core };
if (existsSync(`${here}/src/worker/index.ts`)) {
  measured.worker = (await bytesOf("src/index.ts", "src/worker/index.ts")) - core;
}
for (const [part, bytes] of Object.entries(measured)) {
  console.log(`${part}: ${bytes} of ${limits[part]} bytes`);
  if (bytes > limits[part]) {
    console.error(`the ${part} part is ${bytes - limits[part]} bytes over its limit`);
    process.exitCode = 1;
  }
}
