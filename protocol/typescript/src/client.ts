// The conversation from a client's side: connects, says hello, resumes, asks again with the same
// command id, and moves over when the server drains.

import { ConnectionEnded, RefusedError, RequestTimeout } from "./errors.js";
import { Link } from "./link.js";
import type { Answer, SocketConstructor } from "./link.js";
import { backOffMs, mayReconnect, ServerClock } from "./timing.js";
import { Topics } from "./topics.js";
import { CHANGES } from "./types.gen.js";
import type {
  ChatOpened, ConversationOpened, DeskJoined, DeskSnapshot, Joined, Me, Pong, Push, Refusal,
  Refreshed, Requests, Resumed, RoomSnapshot, Snapshot, Watching, Welcome,
} from "./types.gen.js";
import { uuidv7 } from "./uuid.js";

export interface Options {
  /** Such as `wss://live.example/v1/ws`. */
  url: string;
  /** Called for every hello and refresh, so it can bring a fresh token. */
  token: () => string | Promise<string>;
  /** Where there is no global WebSocket, or for tests. */
  WebSocket?: SocketConstructor;
  /** How long a request may take, with everything that is tried meanwhile. 15 s. */
  timeoutMs?: number;
  random?: () => number;
}

export interface RequestOptions {
  timeoutMs?: number;
}

/** `closed` is final; `waiting` is the pause before the next attempt. */
export type State = "connecting" | "open" | "waiting" | "closed";

export interface Events {
  state: State;
  welcome: Welcome;
  push: Push;
  /** Everything in a room, because it was joined, or because something was missed. */
  snapshot: { topic: string; snapshot: RoomSnapshot };
  /** The present state of a desk, for the same reasons: ask for its lists and its team again. */
  desk: { topic: string; snapshot: DeskSnapshot };
  /** A conversation that was opened, or opened again because something was missed. */
  conversation: { topic: string; opened: ChatOpened | ConversationOpened };
  /** The buyer's own state in the shop of that topic. */
  me: { topic: string; me: Me };
  /** A topic that does not go on. */
  left: { topic: string; refusal?: Refusal };
  /** Final: it will not reconnect by itself. */
  closed: { code: number; reason: string };
}

type Type = keyof Requests;
/** A request's fields; the command id is made here unless you bring one. */
export type Fields<T extends Type> = T extends Type
  ? Omit<Requests[T]["fields"], "command_id"> & { command_id?: string }
  : never;
export type Ok<T extends Type> = Requests[T]["ok"];

interface Pending {
  type: Type;
  fields: Record<string, unknown>;
  resolve(ok: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
  /** How often the server could not say. */
  tries: number;
  /** Forgets the attempt that is under way. */
  forget?: () => void;
}

const TIMEOUT_MS = 15_000;
const HELLO_TIMEOUT_MS = 10_000;
const PING_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 60_000;
const PING_SAMPLES = 5;
const REFRESH_LEAD_MS = 30_000;
const REFRESH_AGAIN_MS = 5_000;
/** Only who stayed this long begins anew with short pauses. */
const STABLE_MS = 5_000;
/** The longest a timer can wait before it overflows. */
const TIMER_MAX_MS = 2 ** 31 - 1;
/** Refusals that say nothing about the request: the same one is sent again. */
const AGAIN: ReadonlySet<string> = new Set([
  "retry", "unknown_outcome", "busy", "timeout", "unavailable", "draining", "rate_limited",
  "too_many_requests_in_flight",
]);
/** Worthless once they are late. */
const PERISHABLE: ReadonlySet<string> = new Set([
  "room.like", "room.watch", "chat.typing", "desk.typing",
]);
/** Their replies contain the pushes of a topic up to a place in it. */
const OPENS: ReadonlySet<string> = new Set(["room.join", "desk.join", "chat.open", "desk.open"]);

export function connect(options: Options): Client {
  return new Client(options);
}

export class Client {
  readonly #options: Options;
  readonly #Socket: SocketConstructor;
  readonly #random: () => number;
  readonly #clock = new ServerClock();
  readonly #topics = new Topics();
  readonly #pending = new Set<Pending>();
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #link: Link | undefined;
  /** The one to move to while the server drains. */
  #next: Link | undefined;
  #ready = false;
  #attempt = 0;
  /** When the server that goes away wants us back. */
  #backAt = 0;
  #state: State = "connecting";
  /** Who the server says we are. */
  #user = "";

  constructor(options: Options) {
    const Socket = options.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
    if (!Socket) throw new TypeError("there is no WebSocket here: pass one as an option");
    this.#options = options;
    this.#Socket = Socket;
    this.#random = options.random ?? Math.random;
    this.#open();
  }

  get state(): State {
    return this.#state;
  }

  /** The server's clock, in epoch milliseconds. */
  serverNow(): number {
    return this.#clock.at(Date.now());
  }

  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * Asks, and asks again with the same command id when the connection was lost or the server
   * could not say. Rejects with `RefusedError`, `RequestTimeout` or `ConnectionEnded`.
   */
  request<T extends Type>(type: T, fields: Fields<T>, options?: RequestOptions): Promise<Ok<T>> {
    const sent: Record<string, unknown> = { ...fields };
    if (CHANGES.has(type)) sent["command_id"] ??= uuidv7();
    const topic = this.#topicOf(type, sent);
    // Before the first welcome nobody knows whose conversation it is, and nothing can overtake.
    if (OPENS.has(type) && !topic.endsWith("/")) this.#topics.awaitOpening(topic);
    return new Promise<Ok<T>>((resolve, reject) => {
      if (this.#state === "closed") {
        reject(new ConnectionEnded(1000, "the client was closed"));
        return;
      }
      const span = options?.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
      const pending: Pending = {
        type,
        fields: sent,
        resolve: resolve as (ok: unknown) => void,
        reject,
        timer: setTimeout(() => {
          const commandId = sent["command_id"] as string | undefined;
          this.#fail(pending, new RequestTimeout(type, commandId));
        }, span),
        tries: 0,
      };
      this.#pending.add(pending);
      if (this.#ready) this.#send(pending);
    });
  }

  close(): void {
    this.#end(1000, "closed by the application");
  }

  // --- the connection

  #open(): void {
    this.#setState("connecting");
    this.#link = this.#newLink((link, welcome) => this.#onWelcome(link, welcome));
  }

  /** Connects and says hello; `onWelcome` is called when the server knows us. */
  #newLink(onWelcome: (link: Link, welcome: Welcome) => void): Link {
    const link: Link = new Link(this.#Socket, this.#options.url, {
      onOpen: () => {
        this.#token().then(
          (token) => {
            const hello = { token, resume: this.#topics.resume() };
            link.send("hello", hello, (answer) => {
              this.#cancel("hello");
              if ("ok" in answer) onWelcome(link, answer.ok as Welcome);
              else this.#onHelloRefused(link, answer.error);
            });
          },
          () => {
            link.close(1000, "no token");
            this.#onLost(link, 1006, "no token");
          },
        );
      },
      onPush: (push) => {
        if (link === this.#link) this.#onPush(push);
      },
      onClose: (code, reason) => this.#onLost(link, code, reason),
    });
    this.#after("hello", HELLO_TIMEOUT_MS, () => {
      link.close(1000, "no answer to hello");
      this.#onLost(link, 1006, "no answer to hello");
    });
    return link;
  }

  #onHelloRefused(link: Link, refusal: Refusal): void {
    link.close(1000, "hello refused");
    const again = refusal.retryable || refusal.code === "token_expired";
    this.#onLost(link, again ? 1013 : 4500, `${refusal.code}: ${refusal.message}`);
  }

  #onWelcome(link: Link, welcome: Welcome): void {
    this.#after("stable", STABLE_MS, () => (this.#attempt = 0));
    this.#backAt = 0;
    this.#ready = true;
    this.#user = welcome.user;
    this.#clock.guess(welcome.now, Date.now());
    this.#setState("open");
    this.#emit("welcome", welcome);
    for (const resumed of welcome.resumed) this.#onResumed(resumed);
    this.#planRefresh(welcome.expires_at);
    this.#clock.restart();
    this.#ping(link, PING_SAMPLES);
    for (const pending of [...this.#pending]) this.#send(pending);
  }

  #onResumed(resumed: Resumed): void {
    const topic = resumed.topic;
    this.#topics.resumed(resumed);
    if (resumed.error && AGAIN.has(resumed.error.code)) {
      this.#reopen(topic);
      return;
    }
    if (resumed.error) {
      this.#emit("left", { topic, refusal: resumed.error });
      return;
    }
    if (resumed.snapshot) this.#showSnapshot(resumed.snapshot);
    else if (!resumed.recovered) this.#reopen(topic);
    for (const push of resumed.missed ?? []) this.#onPush(push);
    if (resumed.me) this.#emit("me", { topic, me: resumed.me });
  }

  #onLost(link: Link, code: number, reason: string): void {
    if (link !== this.#link || this.#state === "closed") return;
    this.#dropLinks();
    if (!mayReconnect(code)) {
      this.#end(code, reason);
      return;
    }
    for (const pending of [...this.#pending]) {
      pending.forget?.();
      if (PERISHABLE.has(pending.type)) this.#fail(pending, new ConnectionEnded(code, reason));
    }
    // Who was told to slow down starts further up.
    if (code === 4429) this.#attempt = Math.max(this.#attempt, 4);
    this.#setState("waiting");
    // A server that goes away has told each client another moment to come back at.
    const told = this.#backAt - Date.now();
    const span = Math.max(backOffMs(this.#attempt++, this.#random), told);
    this.#after("reconnect", span, () => this.#open());
  }

  /** Opens the next connection while this one still lives, then changes over. */
  #onDrain(): void {
    this.#next = this.#newLink((link, welcome) => {
      if (link !== this.#next) return;
      this.#next = undefined;
      this.#dropLinks();
      this.#link = link;
      for (const pending of this.#pending) pending.forget?.();
      this.#onWelcome(link, welcome);
    });
  }

  #dropLinks(): void {
    this.#clearTimers();
    this.#ready = false;
    for (const link of [this.#link, this.#next]) link?.close(1000, "moved on");
    this.#link = undefined;
    this.#next = undefined;
  }

  #end(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#dropLinks();
    this.#setState("closed");
    for (const pending of [...this.#pending]) {
      this.#fail(pending, new ConnectionEnded(code, reason));
    }
    this.#emit("closed", { code, reason });
  }

  // --- requests

  #send(pending: Pending): void {
    const link = this.#link;
    if (!link || !this.#pending.has(pending)) return;
    pending.forget?.();
    pending.forget = link.send(pending.type, pending.fields, (answer) => {
      this.#onAnswer(pending, answer);
    });
  }

  #onAnswer(pending: Pending, answer: Answer): void {
    if ("ok" in answer) {
      this.#settle(pending);
      this.#onOk(pending, answer.ok);
      pending.resolve(answer.ok);
      return;
    }
    const refusal = answer.error;
    if (AGAIN.has(refusal.code) && !PERISHABLE.has(pending.type)) {
      // On top of what was told, so that many that were refused together do not meet again.
      const again = backOffMs(pending.tries++, this.#random);
      const span = (refusal.retry_after_ms ?? 0) + again;
      setTimeout(() => this.#ready && this.#send(pending), span);
      return;
    }
    this.#fail(pending, new RefusedError(refusal));
  }

  /** What an answer means for the client itself. */
  #onOk(pending: Pending, ok: unknown): void {
    const topic = this.#topicOf(pending.type, pending.fields);
    switch (pending.type) {
      case "room.join":
        this.#onJoined(ok as Joined);
        break;
      case "desk.join":
        this.#onDeskJoined(ok as DeskJoined);
        break;
      case "chat.open":
      case "desk.open":
        this.#onOpened(pending.type, ok as ChatOpened | ConversationOpened);
        break;
      case "desk.watch":
        this.#topics.watch(ok as Watching);
        break;
      case "room.leave":
      case "desk.unwatch":
        this.#topics.leave(topic);
        break;
      case "desk.leave": {
        const shop = String(pending.fields["shop"]);
        this.#topics.leaveDesk(shop, `conversation:${shop}/${this.#user}`);
        break;
      }
    }
  }

  #onJoined({ snapshot, presence, me }: Joined): void {
    const early = this.#topics.opened(snapshot, presence);
    this.#showSnapshot(snapshot);
    this.#emit("me", { topic: snapshot.topic, me });
    for (const push of early) this.#onPush(push);
  }

  #onDeskJoined({ snapshot }: DeskJoined): void {
    const early = this.#topics.opened(snapshot);
    this.#showSnapshot(snapshot);
    for (const push of early) this.#onPush(push);
  }

  /** A buyer hears what he opened; staff who look into a conversation may hear nothing of it. */
  #onOpened(type: "chat.open" | "desk.open", opened: ChatOpened | ConversationOpened): void {
    const { topic } = opened;
    if (type === "chat.open" || this.#topics.has(topic)) this.#topics.snapshot(opened);
    const early = this.#topics.release(topic);
    this.#emit("conversation", { topic, opened });
    for (const push of early) this.#onPush(push);
  }

  #settle(pending: Pending): void {
    clearTimeout(pending.timer);
    pending.forget?.();
    this.#pending.delete(pending);
  }

  #fail(pending: Pending, error: Error): void {
    this.#settle(pending);
    if (OPENS.has(pending.type)) {
      this.#topics.release(this.#topicOf(pending.type, pending.fields));
    }
    pending.reject(error);
  }

  // --- pushes

  #onPush(push: Push): void {
    if (push.type === "drain") {
      this.#backAt = Date.now() + push.after_ms;
      this.#after("drain", push.after_ms, () => this.#onDrain());
      return;
    }
    const verdict = this.#topics.take(push);
    if (verdict === "gap" && "topic" in push) this.#reopen(push.topic);
    if (verdict !== "show") return;
    if (push.type === "room.gap" || push.type === "desk.gap") {
      this.#onGap(push.topic, push.snapshot);
      return;
    }
    if (push.type === "room.banned") this.#topics.leave(`room:${push.shop}/${push.room}`);
    if (push.type === "desk.dismissed") {
      this.#topics.leaveDesk(push.shop, `conversation:${push.shop}/${this.#user}`);
    }
    if (push.type === "desk.unassigned") {
      this.#topics.unassigned(`conversation:${push.shop}/${push.session.buyer}`);
    }
    this.#emit("push", push);
  }

  #onGap(topic: string, snapshot: Snapshot | undefined): void {
    if (!snapshot) {
      this.#reopen(topic);
      return;
    }
    this.#topics.snapshot(snapshot);
    this.#showSnapshot(snapshot);
  }

  #showSnapshot(snapshot: Snapshot): void {
    const { topic } = snapshot;
    if ("alerts" in snapshot) this.#emit("desk", { topic, snapshot });
    else this.#emit("snapshot", { topic, snapshot });
  }

  /** Something is missing: the topic's present state makes up for it. */
  #reopen(topic: string): void {
    const [, kind, shop, name] = /^(room|desk|conversation):([^/]+)\/?(.*)$/.exec(topic) ?? [];
    if (shop === undefined || name === undefined) return;
    this.#askState(kind, shop, name).catch((error: unknown) => {
      this.#topics.leave(topic);
      const refusal = error instanceof RefusedError ? { refusal: error.refusal } : {};
      this.#emit("left", { topic, ...refusal });
    });
  }

  #askState(kind: string | undefined, shop: string, name: string): Promise<unknown> {
    if (kind === "room") return this.request("room.join", { shop, room: name });
    if (kind === "desk") return this.request("desk.join", { shop });
    if (name === this.#user) return this.request("chat.open", { shop });
    return this.request("desk.open", { shop, buyer: name });
  }

  /** Which topic a request opens or leaves. */
  #topicOf(type: string, fields: Record<string, unknown>): string {
    const shop = String(fields["shop"]);
    if (type.startsWith("room.")) return `room:${shop}/${String(fields["room"])}`;
    if (type === "chat.open") return `conversation:${shop}/${this.#user}`;
    if ("buyer" in fields) return `conversation:${shop}/${String(fields["buyer"])}`;
    return `desk:${shop}`;
  }

  // --- clock and token

  /** Measures the clock and, since browsers hide WebSocket pings, that the server is there. */
  #ping(link: Link, samples: number): void {
    if (link !== this.#link) return;
    this.#after("pong", PING_TIMEOUT_MS, () => {
      link.close(1000, "no pong");
      this.#onLost(link, 4409, "no pong");
    });
    link.send("ping", { t0: Date.now() }, (answer) => {
      this.#cancel("pong");
      if ("ok" in answer) {
        const { t0, t1, t2 } = answer.ok as Pong;
        this.#clock.add(t0, t1, t2, Date.now());
      }
      if (samples > 1) {
        this.#ping(link, samples - 1);
        return;
      }
      this.#after("ping", PING_EVERY_MS, () => {
        this.#clock.restart();
        this.#ping(link, PING_SAMPLES);
      });
    });
  }

  #planRefresh(expiresAt: number | undefined): void {
    if (expiresAt === undefined) return;
    const span = Math.max(1_000, expiresAt - this.serverNow() - REFRESH_LEAD_MS);
    this.#refreshIn(Math.min(span, TIMER_MAX_MS));
  }

  /** Tried until it is done or the server closes with 4401; the next hello brings a fresh one. */
  #refreshIn(span: number): void {
    this.#after("refresh", span, () => {
      this.#token()
        .then((token) => this.request("refresh", { token }))
        .then((refreshed: Refreshed) => this.#planRefresh(refreshed.expires_at))
        .catch(() => this.#ready && this.#refreshIn(REFRESH_AGAIN_MS));
    });
  }

  /** However the application fails to bring a token, it is a rejection. */
  async #token(): Promise<string> {
    return this.#options.token();
  }

  // --- small things

  #setState(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit("state", state);
  }

  #emit<E extends keyof Events>(event: E, value: Events[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as (event: Events[E]) => void)(value);
      } catch (error) {
        report(error);
      }
    }
  }

  #after(name: string, span: number, then: () => void): void {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(then, span));
  }

  #cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers(): void {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
  }
}

/** A listener that throws is the application's to mend, and must not cost it what comes next. */
function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError(error);
  else queueMicrotask(() => { throw error; });
}
