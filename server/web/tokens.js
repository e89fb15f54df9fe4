// Who the page's reader is: a token from the demo, or one that he pastes. Owns where it is kept
// between reloads; looks into none.

import { byId } from "./elements.js";

const TIMEOUT_MS = 8_000;

export function kept(key, fresh) {
  const value = sessionStorage.getItem(key) ?? fresh();
  sessionStorage.setItem(key, value);
  return value;
}

export function randomHex(bytes) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Tokens {
  #key;
  #wanted;
  #last = "";
  /** Whether the server gives out tokens itself; null until it was asked. */
  demo = null;

  /** `key` is where a pasted one is kept; `wanted` says what to ask the demo for. */
  constructor(key, wanted) {
    this.#key = key;
    this.#wanted = wanted;
  }

  /** The one that was brought last, for requests beside the socket. */
  get last() {
    return this.#last;
  }

  async bring(spent) {
    this.#last = await this.#fresh(spent);
    return this.#last;
  }

  /** It was no good: the next one is asked for. */
  drop() {
    sessionStorage.removeItem(this.#key);
  }

  async #fresh(spent) {
    if (this.demo !== false) {
      const asked = new URLSearchParams(this.#wanted());
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`/demo/token?${asked}`, { signal });
      this.demo = response.status !== 404;
      if (response.ok) return (await response.json()).token;
      if (this.demo) throw new Error(`no token: the server said ${response.status}`);
    }
    if (spent) this.drop();
    return sessionStorage.getItem(this.#key) ?? this.#ask();
  }

  #ask() {
    const form = byId("token-form");
    form.hidden = false;
    byId("token").focus();
    return new Promise((resolve) => {
      form.onsubmit = (event) => {
        event.preventDefault();
        const pasted = byId("token").value.trim();
        sessionStorage.setItem(this.#key, pasted);
        byId("token").value = "";
        form.hidden = true;
        resolve(pasted);
      };
    });
  }
}
