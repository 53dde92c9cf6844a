/**
 * Waits for the Web Lock of that name and calls begin once it is held; with steal it takes it from whoever holds it. The lock is given
 * back when signal aborts, and lost when another one steals it; what begin returned is called then. It resolves with whether it was held.
 */
export async function hold(name: string, signal: AbortSignal, steal: boolean, begin: () => () => void): Promise<boolean> {
  const ends: (() => void)[] = [];
  let held = false;
  try {
    await navigator.locks.request(name, steal ? { steal } : { signal }, () => {
      held = true;
      return new Promise<void>((release) => {
        signal.addEventListener("abort", () => release());
        if (signal.aborted) {
          release();
        } else {
          ends.push(begin());
        }
      });
    });
  } catch {
    held &&= !signal.aborted;
  }
  ends.forEach((end) => end());
  return held && !signal.aborted;
}
