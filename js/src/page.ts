/**
 * Watches the page, or worker, where there is one, and returns a function that ends that. What a page's life means for a connection: suspect, that it
 * may have died unnoticed, since the page was hidden or frozen, or the network went away; pause, that the page goes into the back-forward
 * cache, where it may have no connection; resume, that it comes back from there; online, that the network is back.
 */
export function watchPage(suspect: () => void, pause: () => void, resume: () => void, online?: () => void): () => void {
  const ended = new AbortController();
  const listeners: Record<string, ((event: { persisted?: boolean }) => void) | undefined> = {
    online,
    offline: suspect,
    resume: suspect,
    visibilitychange: () => document.hidden || suspect(),
    pagehide: (event) => event.persisted && pause(),
    pageshow: (event) => event.persisted && resume(),
  };
  for (const type in listeners) {
    globalThis.addEventListener?.(type, listeners[type] as EventListener, { capture: true, signal: ended.signal });
  }
  return () => ended.abort();
}
