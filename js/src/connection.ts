import { abnormal, now } from "./course.ts";
import { decode, encode } from "./payload.ts";
import type { Envelope } from "./payload.ts";
import type { Settings, SocketLike } from "./options.ts";

/**
 * Called with an answer of the hub: whether it is an ack or a reject, and its payload. With undefined the connection ended
 * first. It returns true where more answers follow.
 */
export type Answered = (accepted: boolean | undefined, payload: Record<string, unknown>) => boolean | void;

/** Who is told what comes from a connection. */
export interface ConnectionOwner {
  /** It is open. */
  _opened(): void;
  /** A message came that answers nothing. */
  _received(envelope: Envelope): void;
  /** It has ended, or is to be taken for ended: the owner closes it. */
  _lost(code?: number, reason?: string): void;
}

/** One socket, from its opening to its end, with the answers to control events and the signs of life. */
export interface Connection {
  /** The socket: messages can be sent while its readyState is 1. */
  readonly _socket: SocketLike;
  /** Sends a control event to subscribe, or of another type, and has answered called with what the hub says to it. */
  _ask(answered: Answered, payload?: unknown, type?: string): void;
  /** Asks the hub for a sign of life, and takes the connection for lost where there is none in time. */
  _probe(): void;
  /** Ends the connection without telling the owner. Who waits for an answer is told. */
  _close(): void;
}

/** What the package ws says where the handshake was refused. Browsers get a close code instead. */
const refused = /response: 4(01|03|29)/;

/** Opens a connection. It throws what the class of WebSockets throws. */
export function connect(settings: Settings, url: string, token: string | undefined, owner: ConnectionOwner): Connection {
  const WebSocketClass = (settings.WebSocket ?? WebSocket) as new (url: string, protocols: string[]) => SocketLike;
  const socket = new WebSocketClass(url, token ? ["spokehub.v1", `bearer.${token}`] : []);
  const answers = new Map<string, Answered>();
  let asked = 0;
  let heardAt = 0;
  let timer: ReturnType<typeof setTimeout>;
  let refusal = 0;

  const after = (wait: number, then: () => void): void => {
    clearTimeout(timer);
    timer = setTimeout(then, wait);
  };
  const watch = (wait = settings.silence): void =>
    after(wait, () => {
      const left = heardAt + settings.silence - now();
      if (left > 0) {
        watch(left);
      } else {
        probe();
      }
    });
  const ask: Connection["_ask"] = (answered, payload = { topics: [] }, type = "__subscribe") => {
    const id = `${++asked}`;
    answers.set(id, answered);
    socket.send(encode(type, id, payload));
  };
  const probe = (): void => {
    const before = heardAt;
    if (socket.readyState === 1) {
      ask(() => {});
      after(settings.probeTimeout, () => (heardAt === before ? owner._lost() : watch()));
    } else {
      owner._lost();
    }
  };

  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    watch();
    owner._opened();
  };
  socket.onmessage = ({ data }: { data: unknown }) => {
    const envelope = decode(data);
    heardAt = now();
    if (envelope) {
      const accepted = envelope.type === "__ack";
      const answered = accepted || envelope.type === "__reject" ? answers.get(envelope.id) : undefined;
      if (!answered) {
        owner._received(envelope);
      } else if (!answered(accepted, Object(envelope.detail) as Record<string, unknown>)) {
        answers.delete(envelope.id);
      }
    }
  };
  socket.onerror = ({ message }: { message?: string }) => {
    refusal = Number(`44${refused.exec(message!)?.[1]}`);
  };
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => owner._lost(code === abnormal ? refusal || code : code, reason);

  return {
    _socket: socket,
    _ask: ask,
    _probe: probe,
    _close() {
      clearTimeout(timer);
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = () => {};
      socket.close(1000);
      answers.forEach((answered) => answered(undefined, {}));
    },
  };
}
