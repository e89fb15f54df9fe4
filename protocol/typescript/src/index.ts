// What an application imports.

export { connect, Client } from "./client.js";
export type { Events, Fields, Ok, Options, RequestOptions, State } from "./client.js";
export { ConnectionEnded, RefusedError, RequestTimeout } from "./errors.js";
export { uuidv7 } from "./uuid.js";
export * from "./types.gen.js";
