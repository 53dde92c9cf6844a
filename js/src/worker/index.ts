export { connect, PortTarget } from "./connect.ts";
export { expose } from "./expose.ts";
export { LocalTarget } from "./local.ts";
export { SharedSpoke } from "./shared.ts";
export type { PortOptions } from "./expose.ts";
export type { Port } from "./port.ts";
export type { SharedSpokeOptions } from "./shared.ts";
