import { watchPage } from "../page.ts";
import type { SpokeError } from "../errors.ts";
import type { SpokeOptions } from "../options.ts";
import type { EventMap } from "../types.ts";
import { PortTarget } from "./connect.ts";
import { lead } from "./leader.ts";
import { hold } from "./lock.ts";

/** How often the leader is asked for a sign of life, in milliseconds. */
const HEARTBEAT = 5000;

/** How many times it may leave that unanswered. */
const PATIENCE = 3;

/** Options of a SharedSpoke: those of a Spoke that can be told to another tab, and `token`, which is called in one of the tabs. */
export interface SharedSpokeOptions extends Omit<SpokeOptions, "WebSocket"> {
  /** Where dist/shared-worker.js is served, on the page's own origin. Default: beside the directory of this module. */
  script?: string | URL;
  /** Keeps tabs apart that have the same URL and options: those of other users, for instance. Default "". */
  group?: string;
}

/**
 * A Spoke that all tabs of an origin share: those with the same URL, options and group have one connection, in a SharedWorker, or where there is none in
 * one of the tabs, by Web Locks and BroadcastChannel. When the tab that has it dies, is frozen or hangs, another one takes over.
 *
 * Tabs hear what other tabs publish as if each had a connection. A page without Web Locks, which need https or localhost, has a connection of its own.
 */
export class SharedSpoke<E extends EventMap = Record<string, unknown>> extends PortTarget<E> {
  private readonly _leadership: string;
  private readonly _token: SpokeOptions["token"];
  private readonly _script: string | URL | undefined;
  private readonly _unwatch: () => void;
  private _presence = new AbortController();
  private _candidacy: AbortController | undefined;

  constructor(url: string | URL, { token, script, group, ...options }: SharedSpokeOptions = {}) {
    super();
    this._leadership = JSON.stringify([new URL(url, location.href).href, { ...options, token: !!token }, group]);
    this._token = token;
    this._script = script;
    this._unwatch = watchPage({
      _online() {},
      _suspect: () => this._stand(),
      _pause: () => this._leave(),
      _resume: () => this._enter(),
    });
    globalThis.document?.addEventListener("freeze", () => this._resign());
    this._enter();
  }

  protected override _finish(error: SpokeError | null): void {
    super._finish(error);
    this._unwatch();
    this._leave();
  }

  protected override async _receive(operation: string, ...rest: unknown[]): Promise<void> {
    super._receive(operation, ...rest);
    if (operation === "open") {
      void this._stand();
    } else if (operation === "token") {
      try {
        this._send("token", typeof this._token === "function" ? await this._token() : this._token);
      } catch (error) {
        this._send("token", 0, `${error}`);
      }
    }
  }

  private _enter(): void {
    const { signal } = (this._presence = new AbortController());
    const id = crypto.randomUUID();
    void hold(id, signal, false, () => {
      const bus = new BroadcastChannel(this._leadership);
      const port = new BroadcastChannel(id);
      const greet = (): void => bus.postMessage(id);
      const beat = setInterval(() => {
        if (this._silent++ < PATIENCE) {
          this._send("ping");
        } else {
          this._silent = 0;
          this._stand(true);
        }
      }, HEARTBEAT);
      bus.onmessage = ({ data }) => data || greet();
      this._attach(port);
      greet();
      this._start();
      return () => {
        clearInterval(beat);
        this._resign();
        this._detach();
        bus.close();
        port.close();
      };
    });
  }

  private _leave(): void {
    this._presence.abort();
  }

  private _start(): void {
    if (!globalThis.SharedWorker) {
      void this._stand();
      return;
    }
    const script = this._script ?? new URL("../shared-worker.js", import.meta.url);
    const worker = new SharedWorker(script, { type: "module", name: this._leadership });
    worker.onerror = () => this._stand();
  }

  private async _stand(steal = false): Promise<void> {
    if (!this._presence.signal.aborted && (steal || !this._candidacy)) {
      this._resign();
      const { signal } = (this._candidacy = new AbortController());
      while (await hold(this._leadership, signal, steal, () => lead(this._leadership))) {
        steal = false;
      }
    }
  }

  private _resign(): void {
    this._candidacy?.abort();
    this._candidacy = undefined;
  }
}
