export { SpokeError } from "./errors.ts";
export type { ErrorCode, ErrorDetails } from "./errors.ts";
export { Spoke } from "./spoke.ts";
export type { Gap, Position, Positions } from "./positions.ts";
export type { SocketLike, SpokeOptions } from "./options.ts";
export { TopicTarget } from "./target.ts";
export { SpokeEvent } from "./types.ts";
export type { EventMap, EventOf, Lifecycle, Listener, ListenerOptions, Payload, State, Topic } from "./types.ts";
