// A viewer's page: enters a live room, shows it and lets the viewer take part. Owns the wiring of
// link, state and page, and who the viewer is; how things look is for draw.js.

import { ChatPanel } from "./chat-panel.js";
import { draw, drawAnswer, drawRooms } from "./draw.js";
import { byId } from "./elements.js";
import { Link, Refused } from "./link.js";
import { PromoPanel } from "./promo-panel.js";
import {
  emptyRoom, pickRoom, skuTitle, withAnswer, withMe, withOrders, withPush, withSnapshot,
} from "./room.js";
import { kept, randomHex, Tokens } from "./tokens.js";
import { Uploads } from "./uploads.js";

const LOOK_AGAIN_MS = 5_000;
const ROOMS_EVERY_MS = 20_000;
const WATCH_EVERY_MS = 10_000;
const LIKES_EVERY_MS = 1_000;
const CLOCKS_EVERY_MS = 250;
const ORDERS_MAX = 20;
const DEMO_ADDRESS = {
  name: "Demo Buyer",
  phone: "+1 555 0100",
  lines: ["1 Demo Street"],
  city: "Springfield",
  postcode: "00001",
  country: "US",
};
const LINK_TEXT = {
  connecting: "connecting", open: "connected", waiting: "connection lost, trying again",
  closed: "not connected",
};

const query = new URLSearchParams(location.search);
const shop = query.get("shop") || "demo";
let wanted = query.get("room");
/** The room that is joined, or null. */
let joined = null;
let joining = false;
let state = emptyRoom();
let link = null;
let user = "";
let likesMax = 10;
let watchEveryMs = WATCH_EVERY_MS;
/** Whether the stream plays; only that counts as watched. */
let playing = true;

// --- who the viewer is

const guest = {
  user: kept("hawker.user", () => `guest-${randomHex(6)}`),
  name: kept("hawker.name", () => `Guest ${parseInt(randomHex(2), 16) % 9000 + 1000}`),
};
const tokens = new Tokens("hawker.token", () => ({ ...guest, role: "buyer" }));

// --- the connection

function connect() {
  banner("");
  const url = new URL("/v1/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const token = (spent) => tokens.bring(spent);
  link = new Link({ url: url.href, token, on: (event, value) => onLink[event]?.(value) });
}

const onLink = {
  state(now) {
    byId("link").textContent = LINK_TEXT[now];
    byId("link").dataset.state = now;
  },
  welcome(welcome) {
    user = welcome.user;
    likesMax = welcome.limits?.likes_per_s_max ?? likesMax;
    watchEveryMs = welcome.limits?.watch_ms ?? watchEveryMs;
    if (welcome.limits) byId("comment").maxLength = welcome.limits.comment_chars_max;
    byId("name").textContent = tokens.demo ? guest.name : welcome.user;
    if (!joined) lookSoon(0);
    chat.onWelcome();
  },
  snapshot(snapshot) {
    change(withSnapshot(state, snapshot));
    promo.onSnapshot(snapshot);
  },
  me(me) {
    change(withMe(state, me));
    promo.onMe(me);
    watch();
    readOrders();
  },
  chat(opened) {
    chat.onOpened(opened);
  },
  stale(topic) {
    chat.onStale(topic);
  },
  push(push) {
    chat.onPush(push);
    promo.onPush(push);
    change(withPush(state, push));
    notice(push);
  },
  again({ type, refusal }) {
    drawAnswer(refusal.code, `${type}: ${refusal.message}; asking again`, false);
  },
  left({ topic, refusal }) {
    if (!topic.startsWith("room:")) return chat.onStale(topic);
    drawAnswer(refusal.code, refusal.message, false);
    joined = null;
    lookSoon(refusal.retryable ? 1_000 : LOOK_AGAIN_MS);
  },
  closed({ code, reason }) {
    joined = null;
    drawAnswer(String(code), reason || "the connection ended", false);
    if (tokens.demo === false && (code === 4501 || code === 4500)) {
      tokens.drop();
      connect();
      return;
    }
    banner(`The connection ended (${code}): ${reason || "no reason was given"}.`, true);
  },
};

/** The orders that are settled: those still open came with the join. */
async function readOrders() {
  try {
    const { orders } = await link.request("order.list", { shop, limit: ORDERS_MAX });
    change(withOrders(state, orders));
  } catch (error) {
    refused(error);
  }
}

/** What a viewer should hear of even when he looks elsewhere. */
function notice(push) {
  if (push.type === "room.banned") banner("You were sent out of this room.");
  if (push.type === "sale.reminder") drawAnswer("reminder", push.text || "starts soon", true);
  if (push.type === "order.reminder") drawAnswer("reminder", "an order waits for payment", true);
  if (push.type === "sale.offer" && push.waiting.state.kind === "offered") {
    drawAnswer("offer", `${skuTitle(state, push.waiting.sku)} came back for you`, true);
  }
}

function banner(text, again = false) {
  byId("banner-text").textContent = text;
  byId("banner").hidden = text === "";
  byId("reconnect").hidden = !again;
}

// --- the room

let looking;

function lookSoon(afterMs) {
  clearTimeout(looking);
  looking = setTimeout(look, afterMs);
}

/** Reads which rooms there are, and enters one unless the present one goes on. */
async function look() {
  if (link.state !== "open") return lookSoon(LOOK_AGAIN_MS);
  try {
    const { rooms } = await link.request("room.list", { shop });
    drawRooms(rooms.filter((room) => room.state !== "ended" || room.room === joined), joined);
    const over = !joined || (state.room?.state === "ended" && !wanted);
    const next = pickRoom(rooms, wanted);
    if (over && next && next !== joined) await enter(next);
    else if (!joined && !state.banned) banner(`No room of “${shop}” is live: looking again.`);
    drawRooms(rooms.filter((room) => room.state !== "ended" || room.room === joined), joined);
  } catch (error) {
    refused(error);
    if (!joined) banner(`There is nothing to see yet: ${error.message}. Looking again.`);
  }
  lookSoon(joined ? ROOMS_EVERY_MS : LOOK_AGAIN_MS);
}

async function enter(room) {
  if (joining) return;
  joining = true;
  try {
    if (joined) await link.leave(shop, joined).catch(() => {});
    joined = null;
    change({ ...emptyRoom(), reservations: state.reservations, orders: state.orders });
    await link.join(shop, room);
    joined = room;
    banner("");
    watch();
  } finally {
    joining = false;
  }
}

byId("rooms").addEventListener("change", (event) => {
  wanted = event.target.value;
  query.set("room", wanted);
  history.replaceState(null, "", `?${query}`);
  enter(wanted).catch(refused);
});

let beating;

/** Tells that he watches: at once, and from then on as often as the server wants to hear it. */
function watch(touched = false) {
  clearTimeout(beating);
  beating = setTimeout(watch, watchEveryMs);
  if (!joined || link.state !== "open") return;
  const visible = document.visibilityState === "visible";
  const beat = { shop, room: joined, playing, visible, ...(touched ? { touched } : {}) };
  link.request("room.watch", beat).catch(() => {});
}

byId("play").addEventListener("click", () => {
  playing = !playing;
  byId("play").textContent = playing ? "Pause" : "Play";
  watch(true);
});

// --- what the viewer does

/** The fields of each request that a button can ask for. */
const FIELDS = {
  "sale.claim": ({ sale, sku }, quantity) => ({ room: joined, sale, sku, quantity }),
  "sale.waitlist": ({ sale, sku }, quantity) => ({ room: joined, sale, sku, quantity }),
  "sale.waitlist_leave": ({ sale, sku }) => ({ sale, sku }),
  "sale.offer_accept": ({ sale, sku }) => ({ sale, sku }),
  "sale.offer_decline": ({ sale, sku }) => ({ sale, sku }),
  "sale.remind": ({ sale }) => ({ sale }),
  "reservation.release": ({ reservation }) => ({ reservation }),
  "order.pay": ({ order }) => ({ order }),
  "order.cancel": ({ order }) => ({ order }),
};

const DONE_TEXT = {
  "sale.claim": "it is held for you",
  "sale.waitlist": "you are on the waitlist",
  "sale.waitlist_leave": "you are no longer on the waitlist",
  "sale.offer_accept": "it is held for you",
  "sale.offer_decline": "the next in line may have it",
  "sale.remind": "you will be told before it starts",
  "reservation.release": "you gave it back",
  "order.pay": "the payment is under way",
  "order.cancel": "the order is cancelled",
};

/** Orders a hold, or units of the pinned product, once the buyer has seen what it costs. */
async function order(button) {
  const { reservation, sku } = button.dataset;
  const lines = (quantity) => ({ lines: [{ sku, quantity }] });
  button.setAttribute("aria-busy", "true");
  try {
    const basketOf = reservation ? () => ({ reservations: [reservation] }) : lines;
    const wanted = await promo.confirm(basketOf, !reservation);
    const ok = wanted && await ask("order.place", { ...wanted, address: address() });
    if (ok) drawAnswer("ok", "ordered: now pay before the time runs out", true);
  } catch (error) {
    refused(error);
  }
  button.removeAttribute("aria-busy");
}

function address() {
  return { ...DEMO_ADDRESS, name: guest.name };
}

async function press(button) {
  const { request, sale } = button.dataset;
  const quantity = Number(button.parentElement.querySelector("select")?.value ?? 1);
  button.setAttribute("aria-busy", "true");
  const ok = await ask(request, FIELDS[request](button.dataset, quantity));
  button.removeAttribute("aria-busy");
  if (!ok) return;
  if (request === "sale.remind") change({ ...state, reminders: [...state.reminders, sale] });
  drawAnswer("ok", ok.existing ? "you have it already" : DONE_TEXT[request], true);
}

/** Asks, and shows what comes of it; the answer, or undefined when it is no. */
async function ask(type, fields) {
  try {
    const ok = await link.request(type, { shop, ...fields });
    change(withAnswer(state, ok));
    return ok;
  } catch (error) {
    refused(error);
    return undefined;
  }
}

function refused(error) {
  const code = error instanceof Refused ? error.code : error.name;
  const waitMs = error.refusal?.retry_after_ms;
  const wait = waitMs === undefined ? "" : ` (again in ${Math.ceil(waitMs / 1000)} s)`;
  drawAnswer(code, `${error.message}${wait}`, false);
}

document.querySelector("main").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-request]");
  if (!button || button.getAttribute("aria-busy") === "true") return;
  if (button.dataset.request === "order.place") order(button);
  // The buttons of the chat and of the coupons are their own.
  else if (Object.hasOwn(FIELDS, button.dataset.request)) press(button);
});

byId("comment-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [input, send] = [byId("comment"), byId("send")];
  const text = input.value.trim();
  if (text === "" || send.getAttribute("aria-busy") === "true") return;
  send.setAttribute("aria-busy", "true");
  const ok = await ask("room.comment", { room: joined, text });
  send.removeAttribute("aria-busy");
  if (ok && input.value.trim() === text) input.value = "";
});

let likes = 0;
byId("like").addEventListener("click", () => (likes += 1));

function sendLikes() {
  const count = Math.min(likes, likesMax);
  likes = 0;
  if (count > 0 && joined) link.request("room.like", { shop, room: joined, count }).catch(refused);
}

// --- the chat with the shop

const uploads = new Uploads(() => tokens.last, () => link.now());

const chat = new ChatPanel({
  shop, uploads, redraw, refused,
  link: () => link,
  user: () => user,
  room: () => joined,
  describe: (content) => content.kind === "product" ? productTitle(content.product) : undefined,
});

// --- coupons and draws

const promo = new PromoPanel({
  shop, redraw, refused, address,
  link: () => link,
  user: () => user,
  room: () => joined,
  titleOf: (sku) => skuTitle(state, sku),
  answer: (code, text) => drawAnswer(code, text, true),
});

function productTitle(product) {
  return state.products[product]?.title ?? product;
}

// --- drawing: at most once a frame

let drawing = false;

function change(next) {
  state = next;
  redraw();
}

function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const couponTitle = (campaign) => promo.titleOf(campaign);
    draw(state, link.now(), { user, couponTitle });
    chat.draw(link.now());
    promo.draw(link.now());
    document.title = state.room ? `${state.room.title} · Hawker` : "Hawker";
  });
}

byId("reconnect").addEventListener("click", connect);
document.addEventListener("visibilitychange", () => watch());
setInterval(sendLikes, LIKES_EVERY_MS);
setInterval(redraw, CLOCKS_EVERY_MS);
byId("name").textContent = guest.name;
connect();
