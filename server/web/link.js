// The conversation with the server: connects, says hello, resumes, asks again under the same
// command id, moves over on a drain. Owns the socket; where each topic stands is for topics.js.
// Knows nothing of what a message means for those who read it, and nothing of the page.

import { topicOf, Topics } from "./topics.js";

export const SUB_PROTOCOL = "hawker.v1";

const BACK_OFF_BASE_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
/** A connection that lived this long was a good one: the next failure starts from the bottom. */
const GOOD_AFTER_MS = 10_000;
const HELLO_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const REFRESH_LEAD_MS = 30_000;
/** A browser's timers overflow beyond this. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const CLOCK_SAMPLES = 5;
const EARLY_MAX = 1_000;

/** Below 4500, the codes after which coming back by itself would not help. */
const FINAL = new Set([1000, 1002, 1003, 1007, 1008, 1009]);
/** They say nothing about the request: the same one is sent again. */
const AGAIN = new Set([
  "retry", "unknown_outcome", "busy", "timeout", "unavailable", "draining", "rate_limited",
  "too_many_requests_in_flight",
]);
/** Worthless once they are late. */
const PERISHABLE = new Set(["room.like", "room.watch", "chat.typing", "desk.typing"]);
/** They change nothing, or may be done twice. */
const WITHOUT_COMMAND_ID = new Set([
  "refresh", "ping", "room.join", "room.leave", "room.like", "room.watch", "room.list",
  "order.list", "cart.quote", "coupon.list", "coupon.campaigns", "draw.list", "room.dashboard",
  "chat.open", "chat.read", "chat.typing", "chat.history",
  "desk.join", "desk.leave", "desk.team", "desk.list", "desk.response_rate", "desk.open",
  "desk.watch", "desk.unwatch", "desk.read", "desk.typing", "desk.history", "desk.search",
  "desk.export", "desk.quick_replies",
]);
/** Their answers say how a topic stands: its pushes wait for them. */
const OPENS = new Set(["room.join", "desk.join", "chat.open", "desk.open"]);

const ENDED = { code: "closed", message: "the connection has ended", retryable: false };

/** Full jitter: thousands of viewers that lost one server must not come back at once. */
export function backOffMs(attempt, random) {
  return random() * Math.min(BACK_OFF_MAX_MS, BACK_OFF_BASE_MS * 2 ** Math.min(attempt, 16));
}

export function mayReconnect(code) {
  return code < 4500 && !FINAL.has(code);
}

/** The objects of a frame, one a line; what cannot be read is left out. */
export function messages(frame) {
  return frame.split("\n").map(parsed).filter((message) => message !== undefined);
}

function parsed(line) {
  try {
    const message = JSON.parse(line);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The server's clock: of the last five samples the one with the shortest round trip counts. */
export class ServerClock {
  #samples = [];
  #offsetMs = 0;

  /** A first guess, until there are samples. */
  restart(serverNow, localNow) {
    this.#samples = [];
    this.#offsetMs = serverNow - localNow;
  }

  add(t0, t1, t2, t3) {
    const sample = { tripMs: t3 - t0 - (t2 - t1), offsetMs: (t1 - t0 + (t2 - t3)) / 2 };
    this.#samples = [...this.#samples, sample].slice(-CLOCK_SAMPLES);
    const best = this.#samples.reduce((a, b) => (b.tripMs < a.tripMs ? b : a));
    this.#offsetMs = best.offsetMs;
  }

  at(localNow) {
    return localNow + this.#offsetMs;
  }
}

/** A UUID of version 7: command ids sort by the time they were made. */
export function uuidv7(now = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now % 2 ** 32);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A request's no, or that there was no answer; `code` and `message` are for the viewer. */
export class Refused extends Error {
  constructor(refusal) {
    super(refusal.message);
    this.name = "Refused";
    this.code = refusal.code;
    this.refusal = refusal;
  }
}

/**
 * `options`: `url`; `token(spent)`, which brings a token, another one when the last is `spent`;
 * `on(event, value)`. Events: `state` (connecting, open, waiting, closed), `welcome`, `snapshot`
 * (of a room), `me`, `desk` (`snapshot`, and `me` if it was joined), `chat` (it was opened),
 * `push`, `again` (a request is sent once more), `left` (a topic does not go on, and why), `stale`
 * (something of a conversation is missing: open it again), `closed`.
 */
export class Link {
  #options;
  #clock = new ServerClock();
  #pending = new Set();
  #timers = new Map();
  #socket;
  /** The one to move to while the server drains. */
  #next;
  #topics = new Topics();
  /** Who the server says we are. */
  #user = "";
  #attempt = 0;
  /** When the server that goes away wants us back. */
  #backAt = 0;
  #spent = false;
  #state = "";

  constructor(options) {
    this.#options = { WebSocket: globalThis.WebSocket, random: Math.random, ...options };
    this.#connect();
  }

  get state() {
    return this.#state;
  }

  /** The server's clock now, in epoch milliseconds. */
  now() {
    return this.#clock.at(Date.now());
  }

  join(shop, room) {
    this.#topics.forget((topic) => topic.startsWith("room:"));
    return this.request("room.join", { shop, room });
  }

  leave(shop, room) {
    this.#topics.forget((topic) => topic.startsWith("room:"));
    return this.request("room.leave", { shop, room });
  }

  /** Hears no more of a conversation, as far as it is up to this page. */
  forget(topic) {
    this.#topics.forget((known) => known === topic);
  }

  /** Asks; after a lost connection again, under the same command id. Rejects with `Refused`. */
  request(type, fields) {
    const sent = { type, ...fields };
    if (!WITHOUT_COMMAND_ID.has(type)) sent.command_id ??= uuidv7();
    const opens = OPENS.has(type) ? topicOf(sent, this.#user) : undefined;
    if (opens) this.#topics.awaitOpening(opens);
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return reject(new Refused(ENDED));
      const pending = { sent, opens, resolve, reject };
      const late = { code: "no_answer", message: "no answer came in time", retryable: true };
      pending.timer = setTimeout(() => this.#settle(pending, { error: late }), REQUEST_TIMEOUT_MS);
      this.#pending.add(pending);
      if (this.#socket?.welcome) this.#send(pending);
    });
  }

  close() {
    this.#end(1000, "closed by the page");
  }

  // --- the connection

  #connect() {
    this.#setState("connecting");
    this.#socket = this.#open();
  }

  /** A socket that says hello as soon as it can. Its pushes wait until it is welcome. */
  #open() {
    const socket = { ws: null, welcome: null, waiting: new Map(), lastId: 0, early: [] };
    const spent = this.#spent;
    this.#spent = false;
    // First the token: a person may have to bring it, and the server waits 10 s for its hello.
    this.#options.token(spent).then(
      (token) => this.#dial(socket, token),
      (error) => this.#onLost(socket, 1006, error.message),
    );
    return socket;
  }

  #dial(socket, token) {
    if (socket.dead) return;
    socket.timer = setTimeout(() => this.#onLost(socket, 1006, "no hello"), HELLO_TIMEOUT_MS);
    const ws = new this.#options.WebSocket(this.#options.url, [SUB_PROTOCOL]);
    socket.ws = ws;
    ws.onopen = () => {
      const hello = { type: "hello", token, resume: this.#topics.resume() };
      this.#ask(socket, hello, (reply) => this.#onHello(socket, reply));
    };
    ws.onmessage = (event) => {
      for (const message of messages(String(event.data))) this.#onMessage(socket, message);
    };
    ws.onclose = (event) => this.#onLost(socket, event.code, event.reason);
  }

  #ask(socket, fields, onReply) {
    const id = ++socket.lastId;
    socket.waiting.set(id, onReply);
    if (socket.ws.readyState === 1) socket.ws.send(JSON.stringify({ id, ...fields }));
  }

  #onMessage(socket, message) {
    if (socket.dead) return;
    if (message.re !== undefined) {
      const onReply = socket.waiting.get(message.re);
      socket.waiting.delete(message.re);
      onReply?.(message);
    } else if (typeof message.type === "string" && !socket.welcome) {
      if (socket.early.length < EARLY_MAX) socket.early.push(message);
    } else if (typeof message.type === "string" && socket === this.#socket) {
      this.#onPush(message);
    }
  }

  #onHello(socket, reply) {
    clearTimeout(socket.timer);
    if (reply.error) {
      const { code, message, retryable } = reply.error;
      this.#spent = code === "token_expired";
      this.#onLost(socket, retryable || this.#spent ? 1013 : 4501, `${code}: ${message}`);
      return;
    }
    if (socket === this.#next) {
      this.#discard(this.#socket);
      this.#socket = socket;
      this.#next = undefined;
    }
    this.#onWelcome(socket, reply.ok);
  }

  #onWelcome(socket, welcome) {
    socket.welcome = welcome;
    this.#user = welcome.user;
    this.#backAt = 0;
    this.#clock.restart(welcome.now, Date.now());
    this.#after("good", GOOD_AFTER_MS, () => (this.#attempt = 0));
    this.#setState("open");
    this.#emit("welcome", welcome);
    for (const resumed of welcome.resumed) this.#onResumed(resumed);
    for (const push of socket.early) this.#onPush(push);
    this.#planRefresh(welcome.expires_at);
    this.#ping(socket, CLOCK_SAMPLES);
    for (const pending of [...this.#pending]) this.#send(pending);
  }

  #onResumed(resumed) {
    const { topic } = resumed;
    if (!this.#topics.has(topic)) return;
    if (resumed.error) {
      this.#topics.forget((known) => known === topic);
      this.#emit("left", { topic, refusal: resumed.error });
      return;
    }
    if (!resumed.recovered && !resumed.snapshot) return this.#onStale(topic);
    if (resumed.snapshot) this.#onSnapshot(resumed.snapshot);
    this.#topics.resumed(resumed);
    for (const push of resumed.missed ?? []) this.#onPush(push);
    if (resumed.me) this.#emit("me", resumed.me);
  }

  #onLost(socket, code, reason) {
    if (socket.dead) return;
    this.#discard(socket);
    if (socket === this.#next) {
      this.#next = undefined;
      return;
    }
    if (socket !== this.#socket) return;
    this.#clearTimers();
    if (!mayReconnect(code)) {
      this.#end(code, reason);
      return;
    }
    for (const pending of [...this.#pending]) {
      const lost = { code: "connection_lost", message: "the connection was lost", retryable: true };
      if (PERISHABLE.has(pending.sent.type)) this.#settle(pending, { error: lost });
    }
    if (this.#next) {
      this.#socket = this.#next;
      this.#next = undefined;
      this.#setState("connecting");
      return;
    }
    // Who was told to slow down starts further up.
    if (code === 4429) this.#attempt = Math.max(this.#attempt, 4);
    if (code === 4401) this.#spent = true;
    // A server that goes away has told each page another moment to come back at.
    const told = this.#backAt - Date.now();
    const waitMs = Math.max(backOffMs(this.#attempt++, this.#options.random), told);
    this.#setState("waiting");
    this.#after("reconnect", waitMs, () => this.#connect());
  }

  #discard(socket) {
    socket.dead = true;
    clearTimeout(socket.timer);
    socket.waiting.clear();
    socket.ws?.close(1000);
  }

  #end(code, reason) {
    if (this.#state === "closed") return;
    this.#clearTimers();
    for (const socket of [this.#socket, this.#next]) if (socket) this.#discard(socket);
    this.#setState("closed");
    for (const pending of [...this.#pending]) this.#settle(pending, { error: ENDED });
    this.#emit("closed", { code, reason });
  }

  // --- requests

  #send(pending) {
    const socket = this.#socket;
    if (!this.#pending.has(pending) || !socket?.welcome) return;
    this.#ask(socket, pending.sent, (reply) => this.#onReply(socket, pending, reply));
  }

  #onReply(socket, pending, reply) {
    const { type } = pending.sent;
    const refusal = reply.error;
    if (refusal && AGAIN.has(refusal.code) && !PERISHABLE.has(type)) {
      const waitMs = refusal.retry_after_ms ?? backOffMs(2, this.#options.random);
      this.#emit("again", { type, refusal });
      setTimeout(() => socket === this.#socket && this.#send(pending), waitMs);
      return;
    }
    if (pending.opens && reply.ok) this.#onOpened(pending, reply.ok);
    this.#settle(pending, reply);
  }

  #settle(pending, reply) {
    clearTimeout(pending.timer);
    this.#pending.delete(pending);
    if (reply.error && pending.opens) this.#topics.release(pending.opens);
    if (reply.error) pending.reject(new Refused(reply.error));
    else pending.resolve(reply.ok);
  }

  // --- topics

  #onOpened({ sent, opens }, ok) {
    // Whoever has left meanwhile, or opened it again, does not come back by this answer.
    if (!this.#topics.isAwaited(opens)) return;
    const early = this.#topics.release(opens);
    if (sent.type === "room.join") {
      this.#onSnapshot(ok.snapshot, ok.presence);
      this.#emit("me", ok.me);
    } else if (sent.type === "desk.join") {
      this.#onSnapshot(ok.snapshot, undefined, ok.me);
    } else {
      this.#topics.stand(ok);
      this.#emit("chat", ok);
    }
    for (const push of early) this.#onPush(push);
  }

  #onSnapshot(snapshot, presence, me) {
    this.#topics.stand(snapshot, presence);
    if (snapshot.topic.startsWith("desk:")) this.#emit("desk", { snapshot, me });
    else this.#emit("snapshot", snapshot);
  }

  /** Its present state makes up for what is missing. */
  #onStale(topic) {
    this.#topics.forget((known) => known === topic);
    this.#emit("stale", topic);
  }

  #onPush(push) {
    if (push.type === "drain") {
      this.#backAt = Date.now() + push.after_ms;
      this.#after("drain", push.after_ms, () => (this.#next ??= this.#open()));
      return;
    }
    const what = this.#topics.take(push);
    if (what === "skip") return;
    const isGap = push.type === "room.gap" || push.type === "desk.gap";
    if (what === "gap" && push.topic.startsWith("conversation:")) {
      this.#onStale(push.topic);
    } else if (what === "gap" || (isGap && !push.snapshot)) {
      this.#onLost(this.#socket, 4408, "something was missed");
    } else if (isGap) {
      this.#onSnapshot(push.snapshot);
    } else {
      if (push.type === "room.banned") this.#topics.forget((topic) => topic.startsWith("room:"));
      if (push.type === "desk.dismissed") this.#topics.forget((topic) => topic.startsWith("desk:"));
      this.#emit("push", push);
    }
  }

  // --- clock and token

  /** Measures the clock and, since a browser hides WebSocket pings, that the server is there. */
  #ping(socket, samples) {
    if (socket !== this.#socket || socket.dead) return;
    this.#after("pong", PONG_TIMEOUT_MS, () => this.#onLost(socket, 4409, "no pong"));
    this.#ask(socket, { type: "ping", t0: Date.now() }, (reply) => {
      this.#cancel("pong");
      if (reply.ok) this.#clock.add(reply.ok.t0, reply.ok.t1, reply.ok.t2, Date.now());
      const waitMs = samples > 1 ? 100 : socket.welcome.ping_ms;
      this.#after("ping", waitMs, () => this.#ping(socket, samples - 1));
    });
  }

  #planRefresh(expires_at) {
    if (expires_at === undefined) return;
    const waitMs = Math.max(1_000, expires_at - this.now() - REFRESH_LEAD_MS);
    // A refusal needs nothing here: the server closes with 4401, and the next hello is fresh.
    this.#after("refresh", Math.min(waitMs, TIMER_MAX_MS), () => {
      this.#options.token(false)
        .then((token) => this.request("refresh", { token }))
        .then((refreshed) => this.#planRefresh(refreshed.expires_at))
        .catch(() => {});
    });
  }

  // --- small things

  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit("state", state);
  }

  #emit(event, value) {
    this.#options.on(event, value);
  }

  #after(name, waitMs, then) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(then, waitMs));
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers() {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
  }
}
