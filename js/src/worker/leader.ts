import { Spoke } from "../spoke.ts";
import { expose } from "./expose.ts";
import { listen, post } from "./port.ts";
import type { Port } from "./port.ts";

/** Has a tab call its token function. */
const ask = (port: Port): Promise<string> =>
  new Promise((resolve, reject) => {
    const stop = listen(port, "", (operation, token, failure) => {
      if (operation === "token") {
        stop();
        failure ? reject(failure) : resolve(token);
      }
    });
    post(port, "", "token");
  });

/**
 * Serves the tabs that share the name, which is JSON of the URL and the options: it has a Spoke from the first tab's greeting to the last one's end.
 * Whoever calls it holds the lock of that name. It returns what ends that.
 *
 * A tab greets on the channel of the name by its id, the name of a channel and a lock of its own; an empty greeting asks all tabs to.
 */
export function lead(name: string): () => void {
  const [url, options] = JSON.parse(name);
  const bus = new BroadcastChannel(name);
  const leaves = new Map<string, () => void>();
  let spoke: Spoke | undefined;
  let heard: Port;
  const leaveAll = (): void => leaves.forEach((leave) => leave());
  const open = (): Spoke => {
    const opened = new Spoke(url, { ...options, echo: true, token: options.token && (() => ask(heard)) });
    opened.addEventListener("close", () => queueMicrotask(() => spoke === opened && leaveAll()));
    return opened;
  };
  bus.onmessage = ({ data: id }) => {
    if (!id || leaves.has(id)) {
      return;
    }
    const gone = new AbortController();
    const port = new BroadcastChannel(id);
    port.onmessage = () => (heard = port);
    heard = port;
    const stop = expose((spoke ??= open()), port, {}, !options.echo);
    const leave = (): void => {
      gone.abort();
      stop();
      port.close();
      if (leaves.delete(id) && !leaves.size) {
        spoke = spoke!.close() as undefined;
      }
    };
    leaves.set(id, leave);
    navigator.locks?.request(id, { signal: gone.signal }, leave).catch(() => {});
  };
  bus.postMessage("");
  return () => {
    bus.close();
    leaveAll();
  };
}
