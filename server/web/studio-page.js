// The streamer's studio: joins a room of the shop, keeps it up to date and carries out what the
// streamer presses. Owns the wiring of link, state and page; how things look is for studio-draw.js.

import { askFor } from "./dialog.js";
import { byId, toast } from "./elements.js";
import { Link, Refused } from "./link.js";
import { withDraw } from "./promo.js";
import { emptyRoom, pickRoom, skuTitle, withAnswer, withPush, withSnapshot } from "./room.js";
import { drawStudio } from "./studio-draw.js";
import {
  AUDIENCES, audienceOf, campaignSpec, drawSpec, majorOf, saleSpec, withNewer,
} from "./studio.js";
import { Tokens } from "./tokens.js";

const FIGURES_EVERY_MS = 1_000;
const CAMPAIGNS_EVERY_MS = 5_000;
const CLOCKS_EVERY_MS = 500;
const LOOK_AGAIN_MS = 5_000;
const MUTE_MS = 10 * 60_000;
const LINK_TEXT = {
  connecting: "connecting", open: "connected", waiting: "connection lost, trying again",
  closed: "not connected",
};

const query = new URLSearchParams(location.search);
const shop = query.get("shop") || "demo";
const tokens = new Tokens("hawker.studio.token", () => {
  return { user: "host", name: "The host", role: "manager", shop };
});

/** What is known. `figures` are the dashboard's. */
let studio = { state: emptyRoom(), campaigns: {}, draws: {}, figures: null };
let link = null;
/** The room that is joined, or null. */
let joined = null;
let joining = false;
let rooms = [];

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
    byId("name").textContent = welcome.user;
    if (!joined) look();
  },
  snapshot(snapshot) {
    const draws = (snapshot.draws ?? []).reduce(withDraw, { draws: studio.draws }).draws;
    change({ state: withSnapshot(studio.state, snapshot), draws });
    readCampaigns();
  },
  push(push) {
    const draws = push.type === "room.draw" ? withDraw(studio, push.draw).draws : studio.draws;
    change({ state: withPush(studio.state, push), draws });
  },
  left({ topic, refusal }) {
    if (!topic.startsWith("room:")) return;
    joined = null;
    banner(`The room does not go on here: ${refusal.message}.`);
    setTimeout(look, LOOK_AGAIN_MS);
  },
  closed({ code, reason }) {
    joined = null;
    if (tokens.demo === false && (code === 4501 || code === 4500)) {
      tokens.drop();
      return connect();
    }
    banner(`The connection ended (${code}): ${reason || "no reason was given"}.`, true);
  },
};

function banner(text, again = false) {
  byId("banner-text").textContent = text;
  byId("banner").hidden = text === "";
  byId("reconnect").hidden = !again;
}

function refused(error) {
  const code = error instanceof Refused ? error.code : error.name;
  toast(code, error.message);
}

/** The answer, or undefined when it is no; then the streamer was told why. */
async function ask(type, fields) {
  try {
    const ok = await link.request(type, { shop, ...fields });
    take(ok);
    return ok;
  } catch (error) {
    refused(error);
    return undefined;
  }
}

/** What an answer shows that no push has said yet. */
function take(ok) {
  let { state, campaigns, draws } = studio;
  state = withAnswer(state, ok);
  if (ok.sale) state = withPush(state, { type: "room.sale", sale: ok.sale });
  if (ok.room?.room === joined) state = withPush(state, { type: "room.state", room: ok.room });
  if (ok.campaign) campaigns = withNewer(campaigns, "campaign", ok.campaign);
  if (ok.draw) draws = withDraw(studio, ok.draw).draws;
  change({ state, campaigns, draws });
}

// --- the room

/** Reads which rooms there are, and enters one unless the streamer is in one. */
async function look() {
  if (link.state !== "open") return;
  const ok = await ask("room.list", {});
  if (!ok) return setTimeout(look, LOOK_AGAIN_MS);
  rooms = ok.rooms.filter((room) => room.state !== "ended");
  drawRooms();
  const scheduled = rooms.find((room) => room.state === "scheduled")?.room;
  const next = pickRoom(rooms, query.get("room")) ?? scheduled;
  if (!joined && next) await enter(next);
}

async function enter(room) {
  if (joining || room === joined) return;
  joining = true;
  try {
    if (joined) await link.leave(shop, joined).catch(() => {});
    change({ state: emptyRoom(), campaigns: {}, draws: {}, figures: null });
    await link.join(shop, room);
    joined = room;
    banner("");
    drawRooms();
    await readCampaigns();
  } catch (error) {
    refused(error);
    banner(`This room cannot be entered: ${error.message}.`);
  }
  joining = false;
}

function drawRooms() {
  const select = byId("rooms");
  select.replaceChildren(...rooms.map((room) => {
    const option = document.createElement("option");
    option.value = room.room;
    option.textContent = `${room.title} (${room.state})`;
    option.selected = room.room === joined;
    return option;
  }));
  select.disabled = rooms.length === 0;
}

byId("rooms").addEventListener("change", ({ target }) => enter(target.value));

async function readCampaigns() {
  if (!joined || link.state !== "open") return;
  const ok = await ask("coupon.campaigns", { room: joined });
  if (!ok) return;
  const known = (all, campaign) => withNewer(all, "campaign", campaign);
  change({ campaigns: ok.campaigns.reduce(known, studio.campaigns) });
}

async function readFigures() {
  if (!joined || link.state !== "open" || document.visibilityState !== "visible") return;
  // What is late is made up for by the next.
  const ok = await link.request("room.dashboard", { shop, room: joined }).catch(() => undefined);
  if (ok && ok.room === joined) change({ figures: ok });
}

// --- what the streamer does

const text = (name, label, value = "") => ({ name, label, kind: "text", value, max: 120 });
const number = (name, label, value, min = 0) => ({ name, label, kind: "number", value, min });
const select = (name, label, options) => {
  return { name, label, kind: "select", value: options[0][0], options };
};
const detail = {
  name: "detail", label: "Minutes to watch, or the word to say", kind: "text", value: "1",
  max: 40, required: false,
};

/** Each asks the streamer first, or does it at once. */
const DEEDS = {
  "room.new": async () => {
    const fields = [text("title", "Title")];
    const form = await askFor({ title: "A new room", yes: "Make it", fields });
    const ok = form && await ask("room.create", { spec: { title: form.title } });
    if (!ok) return;
    const { room } = ok.room;
    const products = Object.keys(studio.state.products);
    if (products.length > 0) await ask("room.bag", { room, products });
    await enter(room);
    await look();
  },
  "room.end": async () => {
    const title = "End the room?";
    const said = "Its sales end with it, and nobody can go live in it again.";
    if (await askFor({ title, text: said, yes: "End it" })) await ask("room.end", inRoom());
  },
  "sale.new": ({ sku }) => newSale(sku),
  "sale.restock": async ({ sale, sku }) => {
    const fields = [number("quantity", "Units", 10, 1)];
    const form = await askFor({ title: "Add stock", yes: "Add", fields });
    if (form) await ask("sale.restock", { sale, sku, quantity: form.quantity });
  },
  "coupon.new": newCampaign,
  "coupon.push": ({ campaign }) => pushTo(campaign, "everybody"),
  "push.some": async ({ campaign }) => {
    const fields = [select("who", "Who sees it", AUDIENCES.slice(1))];
    const form = await askFor({ title: "Show it to some", yes: "Show", fields });
    if (form) await pushTo(campaign, form.who);
  },
  "coupon.revoke": async ({ campaign }) => {
    const title = "Take the coupons back?";
    const said = "Whoever has claimed one and is in no order with it loses it.";
    const yes = await askFor({ title, text: said, yes: "Take them back" });
    if (yes) await ask("coupon.revoke", { of: { campaign } });
  },
  "draw.new": newDraw,
  "room.delete_comment": ({ comment }) => ask("room.delete_comment", { ...inRoom(), comment }),
  "room.mute": ({ user }) => ask("room.mute", { ...inRoom(), user, for_ms: MUTE_MS }),
  "room.ban": async ({ user }) => {
    const said = `${user} is sent out and does not come back in.`;
    const yes = await askFor({ title: "Ban from the room?", text: said, yes: "Ban" });
    if (yes) await ask("room.ban", { ...inRoom(), user });
  },
};

/** Those that need nothing but what they are about. */
const PLAIN = {
  "room.start": inRoom, "room.pause": inRoom, "room.resume": inRoom, "room.unpin": inRoom,
  "room.pin": ({ sku }) => ({ ...inRoom(), sku }),
  "sale.announce": ({ sale }) => ({ sale }), "sale.start": ({ sale }) => ({ sale }),
  "sale.end": ({ sale }) => ({ sale }), "sale.cancel": ({ sale }) => ({ sale }),
  "coupon.announce": ({ campaign }) => ({ campaign }),
  "coupon.open": ({ campaign }) => ({ campaign }), "coupon.end": ({ campaign }) => ({ campaign }),
  "draw.close": ({ draw }) => ({ draw }),
};

function inRoom() {
  return { room: joined };
}

async function newSale(sku) {
  const { state } = studio;
  const product = Object.values(state.products).find((it) => it.skus.some((s) => s.sku === sku));
  const { price_minor: list } = product.skus.find((it) => it.sku === sku);
  const price = majorOf(Math.round(list * 0.7), state.currency);
  const form = await askFor({
    title: "A flash sale", yes: "Announce it", fields: [
      text("title", "Title", skuTitle(state, sku)),
      number("price", `Price in ${state.currency}`, price),
      number("total", "Units", 20, 1), number("per_buyer", "For one buyer at most", 1, 1),
      number("countdown_s", "Starts in seconds", 15, 1),
      number("run_s", "Runs for seconds", 120, 1),
      select("draw_s", "Claims of the first moments", [
        ["0", "as they come"], ["2", "of 2 seconds are drawn"], ["10", "of 10 seconds are drawn"],
      ]),
    ],
  });
  if (!form) return;
  const spec = saleSpec({ ...form, sku }, joined, state.currency);
  const ok = await ask("sale.create", { spec });
  if (ok) await ask("sale.announce", { sale: ok.sale.sale });
}

async function newCampaign() {
  const { currency } = studio.state;
  const form = await askFor({
    title: "A coupon campaign", yes: "Make it", fields: [
      text("title", "Title"),
      select("kind", "It gives", [
        ["amount", `an amount in ${currency}`], ["percent", "per cent"],
        ["free_shipping", "free shipping"],
      ]),
      number("value", "How much (of an amount or per cent)", 5),
      number("most", `At most, in ${currency} (per cent and shipping)`, 10),
      number("min", `From a spend of ${currency}`, 0),
      number("claims", "Coupons", 100, 1), number("per_buyer", "For one buyer at most", 1, 1),
      number("budget", `Budget in ${currency} (0: enough for all)`, 0),
      select("audience", "For", AUDIENCES),
      select("task", "What one does for it", [
        ["none", "nothing"], ["watch", "watch"], ["comment", "say a word"], ["follow", "follow"],
        ["purchase", "buy something"],
      ]),
      detail, number("days", "Good for days", 2),
    ],
  });
  if (form) await ask("coupon.create", { spec: campaignSpec(form, joined, currency) });
}

async function pushTo(campaign, who) {
  const segment = audienceOf(who);
  const ok = await ask("coupon.push", { ...inRoom(), campaign, segment });
  if (ok) toast("shown", who === "everybody" ? "everybody in the room sees it" : `to ${who}`);
}

async function newDraw() {
  const form = await askFor({
    title: "A lucky draw", text: "Once it runs it cannot be called off.", yes: "Start it",
    fields: [
      text("title", "What is to win"), number("winners", "Winners", 1, 1),
      number("run_s", "Drawn in seconds", 60, 10),
      select("task", "What one does for it", [
        ["none", "press Take part"], ["follow", "follow the shop"], ["comment", "say a word"],
        ["watch", "watch"],
      ]),
      detail,
      { name: "next_in_order", label: "A prize left goes to the next", kind: "check", value: true },
    ],
  });
  if (form) await ask("draw.create", { spec: drawSpec(form, joined) });
}

document.querySelector("main").addEventListener("click", async (event) => {
  const pressed = event.target.closest("button[data-request]");
  if (!pressed || pressed.getAttribute("aria-busy") === "true") return;
  const { request, ...of } = pressed.dataset;
  pressed.setAttribute("aria-busy", "true");
  if (Object.hasOwn(DEEDS, request)) await DEEDS[request](of);
  else if (Object.hasOwn(PLAIN, request)) await ask(request, PLAIN[request](of));
  pressed.removeAttribute("aria-busy");
});

byId("slow").addEventListener("change", ({ target }) => {
  ask("room.slow_mode", { ...inRoom(), interval_ms: Number(target.value) });
});

byId("comment-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = byId("comment").value.trim();
  if (said === "" || !joined) return;
  if (await ask("room.comment", { ...inRoom(), text: said })) byId("comment").value = "";
});

// --- drawing: at most once a frame

let drawing = false;

function change(parts) {
  studio = { ...studio, ...parts };
  redraw();
}

function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawStudio(studio, link.now());
  });
}

byId("reconnect").addEventListener("click", connect);
setInterval(readFigures, FIGURES_EVERY_MS);
setInterval(readCampaigns, CAMPAIGNS_EVERY_MS);
setInterval(redraw, CLOCKS_EVERY_MS);
connect();
