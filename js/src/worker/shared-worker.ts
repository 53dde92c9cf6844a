import { lead } from "./leader.ts";
import { hold } from "./lock.ts";

/** Serves the tabs of the worker's name for as long as the worker lives. */
async function serve(name: string): Promise<void> {
  while (await hold(name, new AbortController().signal, false, () => lead(name))) {
    continue;
  }
}

void serve(self.name);
