/** A frame: what one side of a port tells the other. */
export type Frame = [operation: string, ...rest: any[]];

/**
 * One end of anything with `postMessage`: a `Worker`, the global scope of a worker, a `MessagePort`, a `BroadcastChannel`, or a `Worker`,
 * `MessagePort` or `parentPort` of node:worker_threads.
 */
export interface Port {
  postMessage(message: any): void;
  addEventListener?(type: any, listener: any): void;
  removeEventListener?(type: any, listener: any): void;
  on?(type: any, listener: any): unknown;
  off?(type: any, listener: any): unknown;
  start?(): void;
}

/** Sends a frame of the target of that name, if there is a port and it is not closed. */
export function post(port: Port | undefined, name: string, ...frame: Frame): void {
  try {
    port!.postMessage({ spokehub: name, frame });
  } catch {}
}

/**
 * Calls receive with the frames of that name, and ended when the port closes, where it tells. Other messages on the port are left alone.
 * It returns what stops that.
 */
export function listen(port: Port, name: string, receive: (...frame: Frame) => void, ended?: () => void): () => void {
  const message = (value: any): void => {
    const data = port.on ? value : value.data;
    if (data?.spokehub === name) {
      receive(...(data.frame as Frame));
    }
  };
  const all: [string, unknown][] = [["message", message], ["close", ended], ["exit", ended]];
  const each = (method: "on" | "off" | "addEventListener" | "removeEventListener"): void => all.forEach(([type, f]) => f && port[method]!(type, f));
  each(port.on ? "on" : "addEventListener");
  port.start?.();
  return () => each(port.on ? "off" : "removeEventListener");
}
