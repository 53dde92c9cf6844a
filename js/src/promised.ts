/** A promise that is settled from outside. Nobody has to handle its rejection. */
export class Promised {
  /** Says that it is resolved. */
  _settled = false;
  _resolve!: () => void;
  _reject!: (error: unknown) => void;
  readonly _promise: Promise<void>;

  constructor() {
    this._promise = new Promise((resolve, reject) => {
      this._resolve = () => {
        this._settled = true;
        resolve();
      };
      this._reject = reject;
    });
    this._promise.catch(() => {});
  }
}
