import { watchPage } from "../page.ts";
import { resolveURL } from "../spoke.ts";
import { tokenOf } from "../token.ts";
import { PortTarget } from "./connect.ts";
import { lead } from "./leader.ts";
import { hold } from "./lock.ts";
import { listen, post } from "./port.ts";
import type { Settings, SpokeOptions } from "../options.ts";
import type { EventMap } from "../types.ts";

/** How often a tab asks its leader for a sign of life, in milliseconds. */
const heartbeat = 5000;

/** How many times the leader may leave that unanswered. */
const patience = 3;

/** Options of a SharedSpoke: those of a Spoke, of which `token` is called in one of the tabs. */
export interface SharedSpokeOptions extends Omit<SpokeOptions, "WebSocket" | "since"> {
  /** Where the page's own origin serves dist/shared-worker.js of this package. Default: where it is beside this module. */
  script?: string | URL;
  /** Keeps tabs apart that have the same URL and options: those of other users, for instance. */
  group?: string;
}

/**
 * A Spoke that tabs share: those of one origin with the same URL, options and group have one connection. It is in a SharedWorker, or where there is
 * none in one of the tabs, by Web Locks and BroadcastChannel. When the one that has it dies, is frozen or hangs, a tab takes over, with
 * all subscriptions.
 *
 * Without Web Locks, which need https or localhost, each tab has its own connection.
 *
 * Tabs hear what other tabs publish as if each had its own connection. What is published goes out at most once, as that of a Spoke: what nobody has
 * taken when another tab takes over is handed to that one, and of what the hub may not have read an `error` event says that it may be lost.
 */
export class SharedSpoke<E extends EventMap = Record<string, unknown>> extends PortTarget<E> {
  constructor(url: string | URL, { token, script, group, ...options }: SharedSpokeOptions = {}) {
    super();
    const name = JSON.stringify([resolveURL(url), { ...options, token: !!token }, navigator.locks ? group : Math.random()]);
    let presence: AbortController;
    let candidacy: AbortController | undefined;
    const resign = (): void => {
      candidacy?.abort();
      candidacy = undefined;
    };
    const stand = async (steal = false): Promise<void> => {
      if (steal || (!candidacy && !presence.signal.aborted)) {
        resign();
        const { signal } = (candidacy = new AbortController());
        while (await hold(name, signal, steal, () => lead(name))) {
          steal = false;
        }
      }
    };
    const enter = (): void => {
      const id = `${Math.random()}`;
      presence = new AbortController();
      void hold(id, presence.signal, false, () => {
        const bus = new BroadcastChannel(name);
        const port = new BroadcastChannel(id);
        let unanswered = 0;
        const beat = setInterval(() => {
          if (unanswered++ < patience) {
            post(port, "", "ping");
          } else {
            void stand(true);
          }
        }, heartbeat);
        listen(port, "", (operation) => {
          unanswered = 0;
          if (operation === "open") {
            void stand();
          } else if (operation === "token") {
            tokenOf({ token } as Settings).then(
              (token) => post(port, "", "token", token),
              (error) => post(port, "", "token", 0, `${error}`),
            );
          }
        });
        bus.onmessage = ({ data }) => data || bus.postMessage(id);
        this._attach(port);
        bus.postMessage(id);
        try {
          const { SharedWorker } = navigator.locks && globalThis;
          new SharedWorker(script ?? new URL("../shared-worker.js", import.meta.url), { type: "module", name }).onerror = () => stand();
        } catch {
          void stand();
        }
        return () => {
          clearInterval(beat);
          resign();
          this._detach();
          bus.close();
          port.close();
        };
      });
    };
    const unwatch = watchPage(() => stand(), () => presence.abort(), enter);
    this.addEventListener("close", () => {
      unwatch();
      presence.abort();
    });
    globalThis.document?.addEventListener("freeze", resign);
    enter();
  }
}
