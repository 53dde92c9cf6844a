import { Spoke } from "../spoke.ts";
import { exposeTo } from "./expose.ts";
import { hold } from "./lock.ts";
import { listen, post } from "./port.ts";
import type { Port } from "./port.ts";

/** How long a tab has to answer when it is asked for a token, in milliseconds. */
const TOKEN_TIMEOUT = 10_000;

/** A tab, as its leader sees it. */
interface Tab {
  port: BroadcastChannel;
  /** leave ends what the tab has here. */
  leave(): void;
}

/** ask has a tab call its token function. It rejects with what that threw, and when the tab does not answer. */
function ask(port: Port): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (act: () => void) => {
      stop();
      clearTimeout(timer);
      act();
    };
    const stop = listen(port, "", (operation, token, error) => {
      if (operation === "token") done(() => (error ? reject(new Error(error as string)) : resolve(token as string)));
    });
    const timer = setTimeout(() => done(() => reject(new Error("no tab answers with a token: is one of them alive?"))), TOKEN_TIMEOUT);
    post(port, "", "token");
  });
}

/** askAny asks the tabs, the one that was heard last first, until one answers. */
async function askAny(tabs: Iterable<Tab>): Promise<string> {
  let failure: unknown;
  for (const { port } of [...tabs].reverse()) {
    try {
      return await ask(port);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * lead serves the tabs that share the name, which is the JSON of the URL and the options: it has the one Spoke, from the first tab's
 * greeting to the last tab's end. Who calls it holds the lock of that name. It returns what ends that.
 */
export function lead(name: string): () => void {
  const [url, options] = JSON.parse(name);
  const tabs = new Map<string, Tab>();
  const bus = new BroadcastChannel(name);
  let spoke: Spoke | undefined;
  const leaveAll = () => [...tabs.values()].forEach((tab) => tab.leave());
  const open = () => {
    const opened = new Spoke(url, { ...options, echo: true, token: options.token && (() => askAny(tabs.values())) });
    opened.addEventListener("close", () => queueMicrotask(() => spoke === opened && leaveAll()));
    return opened;
  };
  const enter = (id: string) => {
    const port = new BroadcastChannel(id);
    const gone = new AbortController();
    const leave = () => {
      gone.abort();
      tabs.delete(id);
      stop();
      port.close();
      if (!tabs.size) {
        spoke?.close();
        spoke = undefined;
      }
    };
    const tab = { port, leave };
    tabs.set(id, tab);
    const stop = exposeTo((spoke ??= open()), port, "", options.echo);
    port.addEventListener("message", () => tabs.delete(id) && tabs.set(id, tab));
    void hold(id, gone.signal, false, () => {
      leave();
      return leave;
    });
  };
  bus.onmessage = ({ data: id }) => id && !tabs.has(id) && enter(id);
  bus.postMessage("");
  return () => {
    bus.close();
    leaveAll();
  };
}
