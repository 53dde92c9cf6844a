import { SpokeError } from "./errors.ts";
import { Promised } from "./promised.ts";
import { nativeTopic } from "./target.ts";
import { splitTopic } from "./topic.ts";
import type { Connection } from "./connection.ts";
import type { Spoke } from "./spoke.ts";
import type { Listener, ListenerOptions, State } from "./types.ts";

/** Who has come, and who has gone. */
export interface PresenceChange {
  /** The users who were not there before. */
  join: readonly string[];
  /** The users who are no longer there. */
  leave: readonly string[];
}

/** What a presence uses of a spoke. */
interface Watched extends EventTarget {
  readonly state: State;
  readonly _connection: Connection;
  readonly _holds: ReadonlyMap<string, number>;
  _unwant(topic: string): void;
  _check(): void;
  _fail(error: SpokeError): void;
}

/** The presences of each spoke that are not closed. */
const presences = new WeakMap<Watched, Set<Presence>>();

/**
 * Who is subscribed to a topic, by the names of their users: a user is there from the first connection that subscribes to the last that goes. The hub
 * has to keep presence for the topic. It dispatches a `change` event for the users who are there at first, for all who come and go, and for what
 * has changed while the connection was lost. Without a connection it has the users that were there last.
 *
 * To watch is not to subscribe: who watches a topic is not among its users for that.
 */
export class Presence extends EventTarget {
  /** The topic. */
  readonly topic: string;

  private _users: ReadonlySet<string> = new Set();
  private readonly _spoke: Watched;
  private readonly _first = new Promised();
  private readonly _closing = new AbortController();
  /** The changes that came after the first part of a list of users; the last part puts them in force. Null before the first part. */
  private _later: Partial<PresenceChange>[] | null | undefined;

  /** Asks who is subscribed to topic, over the spoke. It throws a SpokeError for what is no topic, and after the end of the spoke. */
  constructor(spoke: Spoke<any>, topic: string) {
    super();
    const watched = (this._spoke = spoke as unknown as Watched);
    watched._check();
    this.topic = splitTopic(topic)[0];
    presencesOf(watched).add(this);
    const listen = (name: string, listener: (event: CustomEvent) => void): void =>
      EventTarget.prototype.addEventListener.call(watched, name, listener as EventListener, this._closing);
    listen("ready", () => this._ask());
    listen("__presence", ({ detail }) => detail.topic === this.topic && this._take(detail as Partial<PresenceChange>));
    listen("close", ({ detail }) => {
      this._first._reject(detail ?? new SpokeError("closed", "the spoke is closed: make a new one"));
      this.close();
    });
    queueMicrotask(() => this._ask());
  }

  /** The names of the users who are there. Each change has another set. */
  get users(): ReadonlySet<string> {
    return this._users;
  }

  /**
   * Resolves once the hub has said who is there. It rejects with a SpokeError if the hub says no: `error.code` is `forbidden`, `limit`, or `unavailable`
   * where the hub keeps no presence for the topic. Then the hub is asked again with the next connection.
   */
  get ready(): Promise<void> {
    return this._first._promise;
  }

  /** Has callback called for each change. */
  override addEventListener(name: "change", callback: Listener<CustomEvent<PresenceChange>> | null, options?: ListenerOptions | boolean): void {
    super.addEventListener(name, callback as EventListener, options);
  }

  /** Removes what addEventListener added. */
  override removeEventListener(name: "change", callback: Listener<CustomEvent<PresenceChange>> | null, options?: ListenerOptions | boolean): void {
    super.removeEventListener(name, callback as EventListener, options);
  }

  /** Ends the watch. Further calls do nothing. */
  close(): void {
    const spoke = this._spoke;
    const others = presencesOf(spoke);
    this._closing.abort();
    if (others.delete(this) && spoke.state === "ready" && !spoke._holds.has(nativeTopic(this.topic)) && ![...others].some(({ topic }) => topic === this.topic)) {
      spoke._connection._ask(() => {}, { topics: [this.topic] }, "__unsubscribe");
    }
  }

  /** Asks for the list of users, unless there is no connection: then `ready` asks. */
  _ask(): void {
    if (this._closing.signal.aborted || this._spoke.state !== "ready") {
      return;
    }
    const users = new Set<string>();
    this._later = null;
    this._spoke._connection._ask(
      (accepted, { users: part, more, reason }) => {
        if (accepted) {
          this._later ??= [];
          for (const { user } of (part ?? []) as { user: string }[]) {
            users.add(user);
          }
          return !!more || this._become(users);
        }
        return accepted === false && this._refused(String(reason));
      },
      { topic: this.topic },
      "__presence",
    );
  }

  /** Takes the whole list of users, and the changes that came while it did. */
  private _become(users: ReadonlySet<string>): false {
    const later = this._later ?? [];
    this._later = undefined;
    this._change({ join: [...users], leave: [...this._users].filter((user) => !users.has(user)) });
    later.forEach((change) => this._change(change));
    this._first._resolve();
    return false;
  }

  /** Takes a reject. */
  private _refused(reason: string): false {
    const error = new SpokeError(reason, `the hub does not tell who is in "${this.topic}": ${reason}`, { topic: this.topic });
    this._later = undefined;
    this._first._reject(error);
    this._spoke._fail(error);
    return false;
  }

  /** Takes a change: one that came before a list of users is in the list. */
  private _take(change: Partial<PresenceChange>): void {
    if (this._later) {
      this._later.push(change);
    } else if (this._later !== null) {
      this._change(change);
    }
  }

  /** Puts a change in force, and tells of it. */
  private _change({ join = [], leave = [] }: Partial<PresenceChange>): void {
    const came = join.filter((user) => !this._users.has(user));
    const went = new Set(leave.filter((user) => this._users.has(user)));
    if ((came.length || went.size) && !this._closing.signal.aborted) {
      this._users = new Set([...this._users, ...came].filter((user) => !went.has(user)));
      this.dispatchEvent(new CustomEvent<PresenceChange>("change", { detail: { join: came, leave: [...went] } }));
    }
  }
}

/**
 * Returns the presences of a spoke. For the hub a spoke that unsubscribes from a topic no longer watches it: those who go on watching ask
 * anew, after the control event.
 */
function presencesOf(spoke: Watched): Set<Presence> {
  const known = presences.get(spoke);
  if (known) {
    return known;
  }
  const all = new Set<Presence>();
  const unwant = spoke._unwant;
  spoke._unwant = (topic) => {
    unwant.call(spoke, topic);
    queueMicrotask(() => all.forEach((presence) => presence.topic === topic && presence._ask()));
  };
  presences.set(spoke, all);
  return all;
}
