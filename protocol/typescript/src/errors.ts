// Why a request has no answer to give.

import type { Code, Refusal } from "./types.gen.js";

/** The server said no; nothing was changed. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.name = "RefusedError";
    this.refusal = refusal;
  }

  get code(): Code | (string & {}) {
    return this.refusal.code;
  }
}

/**
 * No answer in time. Whether it was done is not known: ask again with the same `commandId`, and
 * the answer will be that of the first time.
 */
export class RequestTimeout extends Error {
  readonly commandId: string | undefined;

  constructor(type: string, commandId: string | undefined) {
    super(`no answer to ${type} in time`);
    this.name = "RequestTimeout";
    this.commandId = commandId;
  }
}

/** The connection ended and will not come back by itself. */
export class ConnectionEnded extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(`connection ended (${code}): ${reason}`);
    this.name = "ConnectionEnded";
    this.code = code;
  }
}
