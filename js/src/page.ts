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
  const listeners: Record<string, (event: { persisted?: boolean }) => void> = {
    online: life._online,
    offline: life._suspect,
    resume: life._suspect,
    visibilitychange: () => document.hidden || life._suspect(),
    pagehide: (event) => event.persisted && life._pause(),
    pageshow: (event) => event.persisted && life._resume(),
  };
  for (const type in listeners) {
    globalThis.addEventListener?.(type, listeners[type] as EventListener, { capture: true, signal: ended.signal });
  }
  return () => ended.abort();
}
