// When to come back, and what time it is at the server. Pure: time and chance are arguments.

import { CLOSE_CODES } from "./types.gen.js";

const BACK_OFF_BASE_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
/** Said by proxies, never by the server: what is not allowed now will not be later. */
const POLICY = 1008;

/** Full jitter: thousands of clients that lost one server must not come back at once. */
export function backOffMs(attempt: number, random: () => number): number {
  return random() * Math.min(BACK_OFF_MAX_MS, BACK_OFF_BASE_MS * 2 ** Math.min(attempt, 16));
}

/** What a close code advises; of codes yet unknown the range says it. */
export function mayReconnect(code: number): boolean {
  const known = CLOSE_CODES[code];
  return known ? known.reconnect : code < 4500 && code !== POLICY;
}

interface Sample {
  roundTripMs: number;
  offsetMs: number;
}

/** The server's clock, from the sample with the shortest round trip: it was delayed least. */
export class ServerClock {
  #samples: Sample[] = [];
  #offsetMs = 0;

  /** A first guess, until there are samples. */
  guess(serverNow: number, localNow: number): void {
    if (this.#samples.length === 0) this.#offsetMs = serverNow - localNow;
  }

  /** Forgets the samples, not the offset: a new round begins. */
  restart(): void {
    this.#samples = [];
  }

  add(t0: number, t1: number, t2: number, t3: number): void {
    const sample = { roundTripMs: t3 - t0 - (t2 - t1), offsetMs: (t1 - t0 + (t2 - t3)) / 2 };
    this.#samples.push(sample);
    const best = this.#samples.reduce((a, b) => (b.roundTripMs < a.roundTripMs ? b : a));
    this.#offsetMs = best.offsetMs;
  }

  at(localNow: number): number {
    return localNow + this.#offsetMs;
  }
}
