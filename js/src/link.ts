import { abnormal, cureOf, delayOf, healthy, hintOf, unauthenticated } from "./course.ts";
import { Connection } from "./connection.ts";
import { SpokeError } from "./errors.ts";
import { watchPage } from "./page.ts";
import { expiryOf, renewalDelay, tokenOf } from "./token.ts";
import type { Envelope } from "./payload.ts";
import type { Settings } from "./options.ts";
import type { State } from "./types.ts";

/** Who is told what becomes of the link. */
export interface LinkOwner {
  /** A connection is open: subscriptions and events may go. */
  _opened(connection: Connection): void;
  /** Says whether subscriptions wait for an answer. */
  _busy(): boolean;
  /** A message came that answers nothing. */
  _received(envelope: Envelope): void;
  /** The connection is no more. */
  _closed(): void;
  /** The state has changed. */
  _changed(state: State): void;
  /** Something failed that is not the end. */
  _fail(error: SpokeError): void;
  /** The link has ended by itself. */
  _ended(error: SpokeError): void;
}

/** What is at most waited for a sign of life when a connection is suspected to be dead, in milliseconds. */
const suspicion = 5000;

/** One connection after another, for as long as there is use in it. It alone decides when to connect, wait and end. */
export class Link {
  _state: State | undefined;
  _connection: Connection | undefined;

  private readonly _unwatch: () => void;
  /** Counts what ends an attempt, so that one that waits for its token knows that it is over. */
  private _turn = 0;
  private _attempt = 0;
  private _readyAt = Infinity;
  /** Says that the hub turned a token away, and that a new one has been tried since. */
  private _renewed = false;
  /** Says that the hub named the wait. */
  private _hinted = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly _owner: LinkOwner,
    private readonly _settings: Settings,
    private readonly _url: string,
  ) {
    const suspect = (): void => {
      if (this._state === "ready") {
        this._connection!._probe(Math.min(suspicion, _settings.probeTimeout));
      }
    };
    this._unwatch = watchPage({
      _online: () => (this._state === "waiting" && !this._hinted ? this._connect() : suspect()),
      _suspect: suspect,
      _pause: () => this._leave("paused"),
      _resume: () => this._state === "paused" && this._connect(),
    });
  }

  /** Makes an attempt. */
  async _connect(): Promise<void> {
    this._leave("connecting");
    const turn = this._turn;
    if (this._state !== "connecting") {
      return;
    }
    this._timer = setTimeout(() => this._lost(abnormal, "no answer in time"), this._settings.connectTimeout);
    try {
      const token = await tokenOf(this._settings);
      if (turn === this._turn) {
        this._open(token);
      }
    } catch (cause) {
      if (turn === this._turn) {
        this._owner._fail(tokenError(cause));
        this._leave("waiting");
        this._wait(delayOf(this._attempt++, this._settings));
      }
    }
  }

  /** Ends the link, once. */
  _finish(): boolean {
    if (this._state === "closed") {
      return false;
    }
    this._unwatch();
    this._leave("closed");
    return true;
  }

  private _open(token: string | undefined): void {
    const opened = (): void => {
      this._owner._opened(connection);
      this._settle(connection, token);
    };
    let connection: Connection;
    try {
      connection = this._connection = new Connection(this._settings, this._url, token, {
        _opened: opened,
        _received: (envelope) => this._owner._received(envelope),
        _lost: (code, reason) => this._lost(code, reason),
      });
    } catch (cause) {
      this._owner._ended(new SpokeError("ended", `${this._url} can't be connected to: ${cause}; look at the URL and the token`, { cause }));
    }
  }

  /** Takes the connection for ready once the hub has answered all subscriptions. */
  private _settle(connection: Connection, token: string | undefined): void {
    connection._ask("__subscribe", { topics: [] }, (accepted) => {
      if (accepted === false) {
        this._lost(unauthenticated, "");
      } else if (accepted && this._owner._busy()) {
        this._settle(connection, token);
      } else if (accepted) {
        clearTimeout(this._timer);
        this._readyAt = performance.now();
        this._renewLater(token && expiryOf(token));
        this._become("ready");
      }
    });
  }

  /** Has the token renewed before its end, in seconds since 1970, if a function knows a new one. */
  private _renewLater(expiry: unknown): void {
    const connection = this._connection!;
    if (expiry && typeof this._settings.token === "function") {
      this._renewal = setTimeout(async () => {
        try {
          const token = await tokenOf(this._settings);
          if (connection === this._connection) {
            connection._ask("__auth", { token }, (accepted, { expires }) => {
              if (accepted) {
                this._renewLater(expires);
              } else if (accepted === false) {
                this._owner._fail(new SpokeError("unauthenticated", "the hub rejected the new token: the connection ends with the old one"));
              }
            });
          }
        } catch (cause) {
          if (connection === this._connection) {
            this._owner._fail(tokenError(cause));
            this._renewLater(expiry);
          }
        }
      }, renewalDelay(Number(expiry)));
    }
  }

  /** Decides what follows the end of a connection: another, at once or after a wait, or none. */
  private _lost(code: number, reason: string): void {
    const unsent = this._connection?._unsent;
    const cure = cureOf(code, reason);
    if (performance.now() - this._readyAt >= healthy) {
      this._attempt = 0;
      this._renewed = false;
    }
    const renews = code === unauthenticated && typeof this._settings.token === "function" && !this._renewed;
    const first = !this._attempt;
    const said = `${code}${reason && ` ${reason}`}`;
    if (cure && !renews) {
      this._owner._ended(new SpokeError("ended", `the hub ended the connection, ${said}: ${cure}`, { closeCode: code }));
      return;
    }
    const hint = hintOf(reason);
    const wait = renews ? 0 : hint || delayOf(this._attempt++, this._settings);
    this._leave("waiting");
    this._hinted = hint > 0;
    this._renewed ||= renews;
    if (unsent || (first && !renews)) {
      const lost = unsent ? `${unsent} bytes were not sent` : "no answer";
      this._owner._fail(new SpokeError("lost", `the connection to ${this._url} is lost, ${said}: ${lost}; trying again in ${Math.ceil(wait)} ms`, { closeCode: code }));
    }
    this._wait(wait);
  }

  private _wait(wait: number): void {
    if (this._state === "waiting") {
      this._timer = setTimeout(() => this._connect(), wait);
    }
  }

  /** Gives up the connection or the wait for one. */
  private _leave(state: State): void {
    const connection = this._connection;
    this._turn++;
    this._connection = undefined;
    this._readyAt = Infinity;
    this._hinted = false;
    clearTimeout(this._timer);
    clearTimeout(this._renewal);
    connection?._close();
    this._owner._closed();
    this._become(state);
  }

  private _become(state: State): void {
    if (state !== this._state) {
      this._state = state;
      this._owner._changed(state);
    }
  }
}

/** Says that the program's function for tokens failed. */
const tokenError = (cause: unknown): SpokeError => new SpokeError("token", `the function of the option token failed: ${cause}; it is called again`, { cause });
