import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzippedSize } from "./build.mjs";

/** The most bytes that a page loads, minified and by gzip -9: of the core, and what the worker part adds to it. */
const limits = { core: 5000, worker: 2000 };

const core = await gzippedSize("src/index.ts");
const measured = { core };
if (existsSync(fileURLToPath(new URL("src/worker/index.ts", import.meta.url)))) {
  measured.worker = (await gzippedSize("src/index.ts", "src/worker/index.ts")) - core;
}
for (const [part, bytes] of Object.entries(measured)) {
  console.log(`${part}: ${bytes} of ${limits[part]} bytes`);
  if (bytes > limits[part]) {
    console.error(`the ${part} part is ${bytes - limits[part]} bytes over its limit`);
    process.exitCode = 1;
  }
}
