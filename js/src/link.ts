import { abnormal, cureOf, delayOf, healthy, hintOf, now, unauthenticated } from "./course.ts";
import { connect } from "./connection.ts";
import { SpokeError } from "./errors.ts";
import { watchPage } from "./page.ts";
import { expiryOf, renewalDelay, tokenOf } from "./token.ts";
import type { Connection } from "./connection.ts";
import type { ErrorDetails } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { Envelope } from "./payload.ts";
import type { State } from "./types.ts";

/** Who is told what becomes of the link. */
export interface LinkOwner {
  /** A connection is open: subscriptions and events may go. */
  _opened(connection: Connection): void;
  /** Says how many subscriptions wait for an answer. */
  _busy(): number;
  /** A message came that answers nothing. */
  _received(envelope: Envelope): void;
  /** The connection is no more. */
  _closed(): void;
  /** The state has changed. */
  _changed(state: State): void;
  /** Something failed that is not the end. */
  _fail(error: SpokeError): void;
  /** There is no use in another connection: the owner ends the link. */
  _finish(end: SpokeError): void;
}

/** One connection after another, for as long as there is use in it. It alone decides when to connect, wait and end. */
export interface Link {
  /** The bytes that the socket has not sent. */
  _unsent(): number;
  /** Ends the link. */
  _end(): void;
}

/**
 * Makes a link to the hub at url. An attempt (start) fetches the token, opens a connection (open), waits until the hub has answered all
 * subscriptions (settle) and renews the token in time (renew). The end of a connection (lost) brings another, at once or
 * after a wait, or the end. Whatever ends an attempt or a connection goes through leave, which counts turns: what has waited for a token
 * finds another turn and gives up.
 *
 * renewed says that the hub turned a token away and that a new one has been asked for since; hinted, that the hub named the wait.
 */
export function linking(owner: LinkOwner, settings: Settings, url: string): Link {
  let state: State | undefined;
  let connection: Connection | undefined;
  let turn = 0;
  let attempts = 0;
  let readyAt = Infinity;
  let renewed = false;
  let hinted = false;
  let timer: ReturnType<typeof setTimeout>;
  let renewal: ReturnType<typeof setTimeout>;

  const renewable = typeof settings.token === "function";
  const unsent = (): number => connection?._socket.bufferedAmount ?? 0;
  const become = (next: State): void => {
    if (next !== state) {
      owner._changed((state = next));
    }
  };
  const leave = (next: State): void => {
    turn++;
    readyAt = Infinity;
    clearTimeout(timer);
    clearTimeout(renewal);
    owner._closed();
    connection?._close();
    connection = undefined;
    become(next);
  };
  const wait = (delay: number): void => {
    if (state === "waiting") {
      timer = setTimeout(start, delay);
    }
  };
  const fetchToken = async (use: (token: string | undefined) => void, failed: () => void): Promise<void> => {
    const mine = turn;
    try {
      const token = await tokenOf(settings);
      if (mine === turn) {
        use(token);
      }
    } catch (cause) {
      if (mine === turn) {
        failed();
        owner._fail(new SpokeError("token", `the option token failed, trying again: ${cause}`, { cause }));
      }
    }
  };
  const start = (): void => {
    leave("connecting");
    if (state === "connecting") {
      timer = setTimeout(lost, settings.connectTimeout);
      void fetchToken(open, () => {
        leave("waiting");
        wait(delayOf(attempts++, settings));
      });
    }
  };
  const end = (message: string, details: ErrorDetails): void => {
    owner._finish(new SpokeError("ended", message, details));
  };
  const open = (token: string | undefined): void => {
    try {
      connection = connect(settings, url, token, {
        _opened() {
          owner._opened(connection!);
          settle(token);
        },
        _received: (envelope) => owner._received(envelope),
        _lost: lost,
      });
    } catch (cause) {
      end(`no connection to ${url}: ${cause}`, { cause });
    }
  };
  const settle = (token: string | undefined): void =>
    connection!._ask((accepted) => {
      if (accepted === false) {
        lost(unauthenticated, "");
      } else if (accepted && owner._busy()) {
        settle(token);
      } else if (accepted) {
        clearTimeout(timer);
        readyAt = now();
        renew(token && expiryOf(token));
        become("ready");
      }
    });
  const renew = (expiry: unknown): void => {
    if (expiry && renewable) {
      const ask = (token: string | undefined): void =>
        connection!._ask(
          (accepted, { expires }) => {
            if (accepted) {
              renew(expires);
            }
          },
          { token },
          "__auth",
        );
      renewal = setTimeout(fetchToken, renewalDelay(expiry as number), ask, () => renew(expiry));
    }
  };
  const lost = (code = abnormal, reason = "no answer"): void => {
    if (now() - readyAt >= healthy) {
      attempts = 0;
      renewed = false;
    }
    const hint = hintOf(reason);
    const cure = cureOf(code, hint);
    const renews = code === unauthenticated && renewable && !renewed;
    const said = `${code} ${reason}`.trim();
    if (cure && !renews) {
      return end(`the hub ended the connection, ${said}: ${cure}`, { closeCode: code, reason });
    }
    const tell = state === "ready" || (!attempts && !renews);
    const delay = renews ? 0 : hint || delayOf(attempts++, settings);
    hinted = hint > 0;
    renewed ||= renews;
    leave("waiting");
    if (tell) {
      owner._fail(
        new SpokeError("lost", `no connection to ${url}, ${said}: trying again in ${delay | 0} ms`, { closeCode: code, reason, delay }),
      );
    }
    wait(delay);
  };
  const suspect = (): void => {
    if (state === "ready") {
      connection!._probe();
    }
  };
  const unwatch = watchPage(
    suspect,
    () => leave("paused"),
    () => state === "paused" && start(),
    () => (state === "waiting" && !hinted ? start() : suspect()),
  );
  start();
  return {
    _unsent: unsent,
    _end() {
      unwatch();
      leave("closed");
    },
  };
}
