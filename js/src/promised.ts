/** A promise that is settled from outside. Nobody has to handle its rejection. */
export class Promised<T = void> {
  _resolve!: (value: T) => void;
  _reject!: (error: unknown) => void;
  readonly _promise = new Promise<T>((resolve, reject) => {
    this._resolve = resolve;
    this._reject = reject;
  });

  constructor() {
    this._promise.catch(() => {});
  }
}
