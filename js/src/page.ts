/** What a page's life means for a connection. */
export interface PageLife {
  /** The network is back. */
  _online(): void;
  /** The connection may have died unnoticed: the page was hidden or frozen, or the network went away. */
  _suspect(): void;
  /** The page goes into the back-forward cache, where it may have no connection. */
  _pause(): void;
  /** The page comes back from there. */
  _resume(): void;
}

/** Watches the page, or worker, where there is one, and returns a function that ends that. */
export function watchPage(life: PageLife): () => void {
  const ended = new AbortController();
  const listen = (target: Partial<EventTarget> | undefined, type: string, listener: (event: { persisted?: boolean }) => void): void =>
    target?.addEventListener?.(type, listener as EventListener, { signal: ended.signal });
  const page: EventTarget | undefined = globalThis.document;
  listen(globalThis, "online", () => life._online());
  listen(globalThis, "offline", () => life._suspect());
  listen(globalThis, "pagehide", (event) => event.persisted && life._pause());
  listen(globalThis, "pageshow", (event) => event.persisted && life._resume());
  listen(page, "resume", () => life._suspect());
  listen(page, "visibilitychange", () => globalThis.document.hidden || life._suspect());
  return () => ended.abort();
}
