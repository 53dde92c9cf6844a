import { gzippedSize } from "./build.mjs";

/** The most bytes that a page loads, minified and by gzip -9: of the core, and what each other part adds to it. */
const limits = { core: 5000, worker: 2000, events: 500, presence: 1000 };

/** The entry points of the parts. */
const entries = { worker: "src/worker/index.ts", events: "src/events.ts", presence: "src/presence.ts" };

const core = await gzippedSize("src/index.ts");
const measured = { core };
for (const [part, entry] of Object.entries(entries)) {
  measured[part] = (await gzippedSize("src/index.ts", entry)) - core;
}
for (const [part, bytes] of Object.entries(measured)) {
  console.log(`${part}: ${bytes} of ${limits[part]} bytes`);
  if (bytes > limits[part]) {
    console.error(`the ${part} part is ${bytes - limits[part]} bytes over its limit`);
    process.exitCode = 1;
  }
}
