// One WebSocket: numbers requests, matches replies, splits frames. Knows nothing of reconnecting.

import { SUB_PROTOCOL } from "./types.gen.js";
import type { Push, Refusal } from "./types.gen.js";

/** What this client needs of a WebSocket; the browser's and the `ws` package's both fit. */
export interface Socket {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
}

export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

export type Answer = { ok: unknown } | { error: Refusal };

export interface LinkHandlers {
  onOpen(): void;
  onPush(push: Push): void;
  onClose(code: number, reason: string): void;
}

export class Link {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;
  #dead = false;

  constructor(Constructor: SocketConstructor, url: string, handlers: LinkHandlers) {
    this.#socket = new Constructor(url, [SUB_PROTOCOL]);
    this.#socket.onopen = () => handlers.onOpen();
    this.#socket.onmessage = (event) => this.#onFrame(String(event.data), handlers);
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event) => {
      if (this.#dead) return;
      this.#dead = true;
      handlers.onClose(event.code, event.reason);
    };
  }

  /** Sends one request; `onAnswer` is not called when the connection ends first. */
  send(type: string, fields: object, onAnswer: (answer: Answer) => void): () => void {
    const id = this.#nextId++;
    if (this.#dead) return () => false;
    this.#waiting.set(id, onAnswer);
    this.#socket.send(JSON.stringify({ id, type, ...fields }));
    return () => this.#waiting.delete(id);
  }

  /** Ends it; nothing is reported afterwards. */
  close(code = 1000, reason = ""): void {
    this.#dead = true;
    this.#waiting.clear();
    this.#socket.close(code, reason);
  }

  #onFrame(frame: string, handlers: LinkHandlers): void {
    for (const line of frame.split("\n")) {
      if (this.#dead || line.trim() === "") continue;
      const message = parsed(line);
      if (message === undefined) continue;
      if (typeof message["re"] === "number") this.#onReply(message["re"], message);
      else if (typeof message["type"] === "string") handlers.onPush(message as unknown as Push);
    }
  }

  #onReply(re: number, message: Record<string, unknown>): void {
    const onAnswer = this.#waiting.get(re);
    this.#waiting.delete(re);
    if (message["error"]) onAnswer?.({ error: message["error"] as Refusal });
    else onAnswer?.({ ok: message["ok"] });
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null
      ? (message as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
