import { abnormal } from "./course.ts";
import { decode, encode } from "./payload.ts";
import type { Envelope } from "./payload.ts";
import type { Settings, SocketLike } from "./options.ts";

/**
 * Called with an answer of the hub: whether it is an ack or a reject, and its payload. With undefined the connection ended
 * first. It returns true where more answers follow.
 */
export type Answered = (accepted: boolean | undefined, payload: Record<string, unknown>) => boolean | void;

/** Who is told what comes from a connection. */
export interface Owner {
  _opened(): void;
  _received(envelope: Envelope): void;
  _lost(code: number, reason: string): void;
}

/** What the package ws says where the handshake was refused. Browsers get a close code instead. */
const refusedStatus = /response: (401|403|429)/;

/** One socket, from its opening to its end. It looks after the answers to control events and the signs of life. */
export class Connection {
  /** The bytes that the socket has not sent. */
  get _unsent(): number {
    return this._socket.bufferedAmount;
  }

  /** Says whether messages can be sent. */
  get _isOpen(): boolean {
    return this._socket.readyState === 1;
  }

  private readonly _socket: SocketLike;
  private readonly _answers = new Map<string, Answered>();
  private _asked = 0;
  private _heardAt = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _refusal = abnormal;

  constructor(
    private readonly _settings: Settings,
    url: string,
    token: string | undefined,
    private readonly _owner: Owner,
  ) {
    const WebSocketClass = (_settings.WebSocket ?? globalThis.WebSocket) as new (url: string, protocols?: string[]) => SocketLike;
    const socket = token ? new WebSocketClass(url, ["spokehub.v1", `bearer.${token}`]) : new WebSocketClass(url);
    this._socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this._watch(this._settings.silence);
      _owner._opened();
    };
    socket.onmessage = (event: { data: unknown }) => this._read(event.data);
    socket.onerror = (event: { message?: string }) => {
      const [, status] = refusedStatus.exec(event.message ?? "") ?? [];
      this._refusal = status ? 4000 + Number(status) : abnormal;
    };
    socket.onclose = (event: { code: number; reason: string }) => _owner._lost(event.code === abnormal ? this._refusal : event.code, String(event.reason));
  }

  /** Sends a message. The socket is open. */
  _send(text: string): void {
    this._socket.send(text);
  }

  /** Sends a control event and has answered called with what the hub says to it. */
  _ask(type: string, payload: unknown, answered: Answered): void {
    const id = `${++this._asked}`;
    this._answers.set(id, answered);
    this._send(encode(type, id, JSON.stringify(payload)));
  }

  /** Asks the hub for a sign of life, and takes the connection for lost where there is none in time. */
  _probe(timeout: number): void {
    if (!this._isOpen) {
      this._owner._lost(abnormal, "no sign of life");
      return;
    }
    const before = this._heardAt;
    this._ask("__subscribe", { topics: [] }, () => {});
    this._after(timeout, () => {
      if (this._heardAt === before) {
        this._owner._lost(abnormal, "no sign of life");
      } else {
        this._watch(this._settings.silence);
      }
    });
  }

  /** Ends the connection without telling the owner. Who waits for an answer is told. */
  _close(): void {
    const socket = this._socket;
    clearTimeout(this._timer);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    try {
      socket.close(1000);
    } finally {
      const waiting = [...this._answers.values()];
      this._answers.clear();
      waiting.forEach((answered) => answered(undefined, {}));
    }
  }

  /** Looks in a while whether the hub has been silent for too long. */
  private _watch(wait: number): void {
    this._after(wait, () => {
      const left = this._heardAt + this._settings.silence - performance.now();
      if (left > 0) {
        this._watch(left);
      } else {
        this._probe(this._settings.probeTimeout);
      }
    });
  }

  private _after(wait: number, then: () => void): void {
    clearTimeout(this._timer);
    this._timer = setTimeout(then, wait);
  }

  private _read(data: unknown): void {
    this._heardAt = performance.now();
    const envelope = decode(data);
    if (!envelope) {
      return;
    }
    const { type, id, payload } = envelope;
    const answered = this._answers.get(id);
    if (answered && (type === "__ack" || type === "__reject")) {
      if (!answered(type === "__ack", Object(payload) as Record<string, unknown>)) {
        this._answers.delete(id);
      }
    } else {
      this._owner._received(envelope);
    }
  }
}
