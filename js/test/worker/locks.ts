/** What a lock request is, as far as the tests need it. */
interface Options {
  signal?: AbortSignal;
  steal?: boolean;
}

/** Who holds or awaits a lock. */
interface Request {
  /** Gives the lock. */
  grant(): void;
  /** Takes it away. */
  rob(): void;
}

/** The Web Locks of browsers within one process: exclusive, in order of request, with signals and stealing. */
export class FakeLocks {
  private readonly queues = new Map<string, Request[]>();

  request(name: string, { signal, steal }: Options, run: () => unknown): Promise<unknown> {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return new Promise((resolve, reject) => {
      let granted = false;
      const leave = (): void => {
        const first = queue[0] === request;
        queue.splice(queue.indexOf(request), 1);
        if (first) {
          queue[0]?.grant();
        }
      };
      const request: Request = {
        grant() {
          granted = true;
          void Promise.resolve()
            .then(run)
            .finally(() => queue.includes(request) && leave())
            .then(resolve, reject);
        },
        rob() {
          queue.splice(queue.indexOf(request), 1);
          reject(new DOMException("stolen", "AbortError"));
        },
      };
      signal?.addEventListener("abort", () => {
        if (!granted) {
          leave();
          reject(signal.reason);
        }
      });
      if (signal?.aborted) {
        reject(signal.reason);
      } else if (steal) {
        queue[0]?.rob();
        queue.unshift(request);
        request.grant();
      } else if (queue.push(request) === 1) {
        request.grant();
      }
    });
  }
}
