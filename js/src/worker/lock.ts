/**
 * Waits for the Web Lock of that name and calls begin once it is held; with steal it takes it from whoever holds it. The lock is given back
 * when signal aborts, and lost when another one steals it; what begin returned is called then. It resolves with whether it was lost.
 *
 * Where there are no locks every one is held at once.
 */
export async function hold(name: string, signal: AbortSignal, steal: boolean, begin: () => () => void): Promise<boolean> {
  let end = undefined as (() => void) | undefined;
  const run = (): Promise<unknown> =>
    new Promise((release) => {
      signal.addEventListener("abort", release);
      signal.aborted ? release(0) : (end = begin());
    });
  try {
    await (navigator.locks?.request(name, steal ? { steal } : { signal }, run) ?? run());
  } catch {}
  end?.();
  return !!end && !signal.aborted;
}
