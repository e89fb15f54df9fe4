// The rules of the viewer's page that need no browser: `node --test server/web/page.test.mjs`.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { backOffMs, mayReconnect, messages, ServerClock, uuidv7 } from "./link.js";
import {
  COMMENTS_MAX, emptyRoom, itemAction, liveMs, mine, moneyText, pickRoom, saleMoment, shares,
  shownSales, skuTitle, spanText, withAnswer, withMe, withOrders, withPush, withSnapshot,
} from "./room.js";
import { linked, sockets, turn } from "./testing.mjs";
import { verdict } from "./topics.js";

const TOPIC = "room:demo/r1";

const comment = (id, text = "hi") => ({ comment: id, user: "u2", name: "Bo", text, at: 1 });

function item(fields = {}) {
  return {
    sku: "red", title: "Red", price_minor: 990, list_price_minor: 1290, per_buyer: 2, total: 10,
    available: 10, reserved: 0, offered: 0, sold: 0, waitlist_length: 0, state: "live", version: 5,
    ...fields,
  };
}

function sale(fields = {}) {
  return {
    sale: "s1", title: "Lipsticks", state: "live", starts_at: 1_000, ends_at: 9_000,
    currency: "USD", items: [item()], version: 5, ...fields,
  };
}

function room(fields = {}) {
  return {
    room: "r1", title: "Autumn", state: "live", live_clock: { elapsed_ms: 60_000, at: 1_000 },
    likes: 10, joins: 3, viewers_peak: 2, version: 5, ...fields,
  };
}

function snapshot(fields = {}) {
  return {
    topic: TOPIC, epoch: "7", seq: 10, room: room(), currency: "USD", products: [],
    sales: [sale()], viewers: 2, comments: [comment("c1")], ...fields,
  };
}

const hold = (fields = {}) => ({
  reservation: "v1", sale: "s1", sku: "red", buyer: "u1", quantity: 1, price_minor: 990,
  currency: "USD", state: { kind: "held", expires_at: 5_000 }, version: 6, ...fields,
});

const order = (fields = {}) => ({
  order: "o1", lines: [{ sku: "red", quantity: 1, unit_price_minor: 990, reservation: "v1" }],
  total_minor: 990, currency: "USD", pay_by: 5_000, state: { kind: "unpaid" },
  refunds_required: [], version: 7, ...fields,
});

const me = (fields = {}) => ({
  following: false, reservations: [], orders: [], waiting: [], reminders: [], ...fields,
});

const stock = (fields) => ({
  type: "room.stock", sale: "s1", sku: "red", version: 6, available: 9, reserved: 1, offered: 0,
  sold: 0, total: 10, waitlist_length: 0, state: "live", ...fields,
});

const joined = () => withSnapshot(emptyRoom(), snapshot());

test("a stock push moves the units and leaves the price", () => {
  const state = withPush(joined(), stock());
  const [shown] = state.sales.s1.items;
  assert.equal(shown.available, 9);
  assert.equal(shown.reserved, 1);
  assert.equal(shown.price_minor, 990);
});

test("an older stock push changes nothing", () => {
  const state = withPush(joined(), stock({ version: 8, available: 3, sold: 7 }));
  assert.equal(withPush(state, stock({ version: 7 })), state);
});

test("a sale that comes late does not bring back old stock", () => {
  const ahead = withPush(joined(), stock({ version: 9, available: 1, sold: 9 }));
  const items = [item({ version: 6, title: "Rot" })];
  const late = sale({ version: 6, state: "sold_out", items });
  const state = withPush(ahead, { type: "room.sale", sale: late });
  assert.equal(state.sales.s1.state, "sold_out");
  assert.equal(state.sales.s1.items[0].title, "Rot");
  assert.equal(state.sales.s1.items[0].available, 1);
});

test("an older sale changes nothing", () => {
  const state = joined();
  const late = { type: "room.sale", sale: sale({ version: 4, state: "announced" }) };
  assert.equal(withPush(state, late), state);
});

test("stock of an item nobody has heard of is left out", () => {
  const state = joined();
  assert.equal(withPush(state, stock({ sku: "blue" })), state);
  assert.equal(withPush(state, stock({ sale: "s9" })), state);
});

test("a push of an unknown type is skipped, whatever its name", () => {
  const state = joined();
  for (const type of ["room.weather", "constructor", "__proto__", "toString"]) {
    assert.equal(withPush(state, { type }), state);
  }
});

test("likes only grow, viewers are the latest", () => {
  let state = withPush(joined(), { type: "room.likes", likes: 20 });
  state = withPush(state, { type: "room.likes", likes: 15 });
  state = withPush(state, { type: "room.viewers", viewers: 9, viewers_peak: 9, joins: 12 });
  state = withPush(state, { type: "room.viewers", viewers: 4, viewers_peak: 9, joins: 12 });
  assert.deepEqual([state.likes, state.viewers, state.viewersPeak], [20, 4, 9]);
});

test("comments come once, keep their order, and no more than the last 200 stay", () => {
  let state = withAnswer(joined(), { comment: comment("mine") });
  state = withPush(state, { type: "room.comment", comment: comment("mine") });
  assert.deepEqual(state.comments.map((known) => known.comment), ["c1", "mine"]);
  for (let n = 0; n < 300; n++) {
    state = withPush(state, { type: "room.comment", comment: comment(`n${n}`) });
  }
  assert.equal(state.comments.length, COMMENTS_MAX);
  assert.equal(state.comments.at(-1).comment, "n299");
});

test("a deleted comment goes", () => {
  const state = withPush(joined(), { type: "room.comment_deleted", comment: "c1" });
  assert.deepEqual(state.comments, []);
});

test("a snapshot replaces the room and keeps what is the buyer's", () => {
  const mineToo = withAnswer(joined(), { reservation: hold() });
  const state = withSnapshot(mineToo, snapshot({ sales: [], comments: [] }));
  assert.deepEqual(state.sales, {});
  assert.equal(state.reservations.v1.version, 6);
});

test("the pin follows the room's version", () => {
  const pin = { sku: "red", product: "p", title: "Red", price_minor: 990, version: 7 };
  let state = withPush(joined(), { type: "room.pinned", pinned: pin, version: 7 });
  assert.equal(state.pinned.sku, "red");
  state = withPush(state, { type: "room.pinned", version: 6 });
  assert.equal(state.pinned.sku, "red");
  state = withPush(state, { type: "room.pinned", version: 8 });
  assert.equal(state.pinned, null);
});

test("of two copies of a hold or an order the newer one stays", () => {
  let state = withAnswer(joined(), { reservation: hold({ version: 9 }), order: order() });
  const released = hold({ state: { kind: "released", reason: "expired" } });
  state = withPush(state, { type: "reservation.changed", reservation: released });
  assert.equal(state.reservations.v1.state.kind, "held");
  const paid = order({ version: 8, state: { kind: "paid", payment: "p1" } });
  state = withPush(state, { type: "order.changed", order: paid });
  state = withAnswer(state, { order: order() });
  assert.equal(state.orders.o1.state.kind, "paid");
});

test("what ended while nobody listened is gone after the join", () => {
  const waiting = { sale: "s1", sku: "red", quantity: 1, state: { kind: "gone" }, version: 6 };
  let state = withAnswer(joined(), { reservation: hold(), waiting });
  state = withMe(state, me());
  assert.deepEqual(state.reservations, {});
  assert.deepEqual(state.waiting, {});
  state = withMe(state, me({ reservations: [hold()], waiting: [waiting], reminders: ["s1"] }));
  assert.equal(state.reservations.v1.version, 6);
  assert.equal(state.waiting["s1/red"].version, 6);
  assert.deepEqual(state.reminders, ["s1"]);
});

test("a hold with an order shows as the order, open things first", () => {
  const paid = { kind: "paid", payment: "p" };
  const done = order({ order: "o0", lines: [], version: 50, state: paid });
  let state = withAnswer(joined(), { reservation: hold() });
  state = withOrders(state, [done]);
  assert.deepEqual(mine(state).map((row) => row.key), ["hold/v1", "order/o0"]);
  state = withOrders(state, [order()]);
  assert.deepEqual(mine(state).map((row) => row.key), ["order/o1", "order/o0"]);
});

test("the live clock runs only while the room is live", () => {
  assert.equal(liveMs(room(), 3_000), 62_000);
  assert.equal(liveMs(room({ state: "paused" }), 3_000), 60_000);
  assert.equal(liveMs(room(), 500), 60_000);
});

test("a countdown goes to the start, then to the end, then nowhere", () => {
  assert.deepEqual(saleMoment(sale({ state: "announced" })), { text: "starts in", at: 1_000 });
  assert.deepEqual(saleMoment(sale()), { text: "ends in", at: 9_000 });
  assert.equal(saleMoment(sale({ state: "ended" })).at, undefined);
});

test("running sales come first, drafts are not shown, one that is over stays", () => {
  const sales = [
    sale({ sale: "old", state: "ended", ends_at: 1 }),
    sale({ sale: "last", state: "ended", ends_at: 2 }),
    sale({ sale: "soon", state: "announced" }),
    sale({ sale: "draft", state: "draft" }),
    sale({ sale: "now", state: "live" }),
  ];
  const state = withSnapshot(emptyRoom(), snapshot({ sales }));
  assert.deepEqual(shownSales(state).map((shown) => shown.sale), ["now", "soon", "last"]);
});

test("what a buyer can do follows the sale, the item and his place in the line", () => {
  assert.equal(itemAction(sale(), item()), "claim");
  assert.equal(itemAction(sale(), item({ state: "sold_out_soft" })), "wait");
  assert.equal(itemAction(sale(), item({ state: "sold_out_hard" })), "none");
  assert.equal(itemAction(sale({ state: "announced" }), item()), "remind");
  assert.equal(itemAction(sale({ state: "ended" }), item()), "none");
  assert.equal(itemAction(sale(), item(), { state: { kind: "offered" } }), "offer");
  assert.equal(itemAction(sale(), item(), { state: { kind: "waiting" } }), "waiting");
  assert.equal(itemAction(sale(), item(), { state: { kind: "gone" } }), "claim");
});

test("the room asked for is entered, else the first that is live", () => {
  const rooms = [room({ room: "a", state: "paused" }), room({ room: "b" }), room({ room: "c" })];
  assert.equal(pickRoom(rooms, "z"), "z");
  assert.equal(pickRoom(rooms, null), "b");
  assert.equal(pickRoom(rooms.slice(0, 1), null), "a");
  assert.equal(pickRoom([], null), undefined);
});

test("spans, amounts and shares read as people write them", () => {
  assert.equal(spanText(0), "00:00");
  assert.equal(spanText(-5_000), "00:00");
  assert.equal(spanText(1), "00:01");
  assert.equal(spanText(61_000), "01:01");
  assert.equal(spanText(3_723_000), "1:02:03");
  assert.equal(moneyText(1290, "USD", "en"), "$12.90");
  assert.equal(moneyText(1290, "JPY", "en"), "¥1,290");
  assert.equal(moneyText(1290, "not money", "en"), "1290 not money");
  assert.equal(shares(item({ available: 5, sold: 5 })).sold, 50);
  assert.equal(shares(item({ total: 0 })).available, 0);
});

test("a SKU is called by its product and its variant, as far as they are known", () => {
  const skus = [{ sku: "red", title: "Red" }];
  const product = { product: "p", title: "Lipstick", skus, version: 1 };
  const state = withPush(joined(), { type: "room.product", product });
  assert.equal(skuTitle(state, "red"), "Lipstick, Red");
  assert.equal(skuTitle(joined(), "red"), "Red");
  assert.equal(skuTitle(joined(), "unknown"), "unknown");
});

test("a frame holds one message a line, and what cannot be read is left out", () => {
  assert.deepEqual(messages('{"a":1}\n\nnot json\n7\n{"b":2}\n'), [{ a: 1 }, { b: 2 }]);
});

test("the back-off is full jitter up to 30 s", () => {
  assert.equal(backOffMs(0, () => 1), 500);
  assert.equal(backOffMs(3, () => 1), 4_000);
  assert.equal(backOffMs(3, () => 0), 0);
  assert.equal(backOffMs(40, () => 1), 30_000);
});

test("close codes say whether to come back", () => {
  for (const code of [1001, 1006, 1011, 1012, 4000, 4401, 4408, 4429, 4499]) {
    assert.ok(mayReconnect(code), String(code));
  }
  for (const code of [1000, 1002, 1008, 4500, 4501, 4526, 4999]) {
    assert.ok(!mayReconnect(code), String(code));
  }
});

test("of the last five samples the one with the shortest round trip sets the clock", () => {
  const clock = new ServerClock();
  clock.restart(10_000, 0);
  assert.equal(clock.at(5), 10_005);
  clock.add(0, 1_100, 1_100, 200);
  assert.equal(clock.at(0), 1_000);
  clock.add(0, 2_005, 2_005, 10);
  assert.equal(clock.at(0), 2_000);
  for (let n = 0; n < 4; n++) clock.add(0, 1_100, 1_100, 200);
  assert.equal(clock.at(0), 2_000);
  clock.add(0, 1_100, 1_100, 200);
  assert.equal(clock.at(0), 1_000);
});

test("a push is shown once, in its order, and a missing one is noticed", () => {
  const place = { topic: TOPIC, epoch: "7", seq: 10 };
  const push = (seq) => ({ type: "room.state", topic: TOPIC, seq });
  assert.equal(verdict(place, push(10)), "skip");
  assert.equal(verdict(place, push(11)), "show");
  assert.equal(verdict(place, push(12)), "gap");
  assert.equal(verdict(place, { type: "room.likes", topic: TOPIC }), "show");
  assert.equal(verdict(place, { type: "room.likes", topic: "room:demo/r2" }), "skip");
  assert.equal(verdict(null, push(11)), "skip");
  assert.equal(verdict(null, { type: "order.changed" }), "show");
});

test("command ids are UUIDs of version 7 that sort by time", () => {
  assert.match(uuidv7(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(uuidv7(1) < uuidv7(2 ** 40));
});

// --- the conversation, over a socket that the test holds in its hand

beforeEach(() => {
  sockets.length = 0;
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => mock.timers.reset());

async function inRoom() {
  const it = await linked();
  sockets[0].welcome();
  it.link.join("demo", "r1");
  sockets[0].answer("room.join", { presence: "p1", me: me(), snapshot: snapshot() });
  return it;
}

const said = (seq) => ({ type: "room.comment", topic: TOPIC, seq, comment: comment(`c${seq}`) });

test("the link says hello first, with its sub-protocol", async () => {
  await linked();
  assert.deepEqual(sockets[0].protocols, ["hawker.v1"]);
  sockets[0].onopen();
  assert.deepEqual(sockets[0].sent, [{ id: 1, type: "hello", token: "token", resume: [] }]);
});

test("a lost connection resumes where it was", async () => {
  const { values } = await inRoom();
  sockets[0].say(said(11));
  sockets[0].onclose({ code: 1006, reason: "" });
  mock.timers.tick(500);
  await turn();
  const missed = [said(11), said(12), said(13)];
  sockets[1].welcome([{ topic: TOPIC, epoch: "7", seq: 13, recovered: true, missed }]);
  assert.deepEqual(sockets[1].sent[0].resume, [
    { topic: TOPIC, epoch: "7", seq: 11, presence: "p1" },
  ]);
  assert.deepEqual(values("push").map((push) => push.seq), [11, 12, 13]);
});

test("a missing push ends the connection, and the resume brings it", async () => {
  const { values } = await inRoom();
  sockets[0].say(said(11), said(13));
  assert.equal(sockets[0].readyState, 3);
  mock.timers.tick(500);
  await turn();
  sockets[1].welcome([
    { topic: TOPIC, epoch: "7", seq: 13, recovered: true, missed: [said(12), said(13)] },
  ]);
  assert.deepEqual(values("push").map((push) => push.seq), [11, 12, 13]);
});

test("unknown sequenced pushes keep their place in the sequence", async () => {
  const { values } = await inRoom();
  sockets[0].say({ type: "room.redacted", topic: TOPIC, seq: 11 }, said(12));
  assert.deepEqual(values("push").map((push) => push.seq), [11, 12]);
});

test("a gap with a snapshot goes on from the snapshot", async () => {
  const { values } = await inRoom();
  const newer = snapshot({ seq: 40 });
  sockets[0].say({ type: "room.gap", topic: TOPIC, from: 11, to: 40, snapshot: newer }, said(41));
  assert.deepEqual(values("snapshot").map((it) => it.seq), [10, 40]);
  assert.deepEqual(values("push").map((push) => push.seq), [41]);
});

test("pushes that overtake the reply of their join are kept", async () => {
  const { link, values } = await linked();
  sockets[0].welcome();
  link.join("demo", "r1");
  sockets[0].say(said(10), said(11));
  sockets[0].answer("room.join", { presence: "p1", me: me(), snapshot: snapshot() });
  assert.deepEqual(values("push").map((push) => push.seq), [11]);
});

test("a request is asked again under the same command id", async () => {
  const { link, values } = await inRoom();
  const claim = link.request("sale.claim", { shop: "demo", room: "r1", quantity: 1 });
  const first = sockets[0].last("sale.claim");
  assert.match(first.command_id, /-7[0-9a-f]{3}-/);
  const busy = { code: "busy", message: "busy", retryable: true, retry_after_ms: 100 };
  sockets[0].refuse("sale.claim", busy);
  mock.timers.tick(100);
  const second = sockets[0].last("sale.claim");
  assert.notEqual(second.id, first.id);
  sockets[0].onclose({ code: 1012, reason: "" });
  mock.timers.tick(500);
  await turn();
  sockets[1].welcome();
  const third = sockets[1].last("sale.claim");
  assert.deepEqual([second.command_id, third.command_id], [first.command_id, first.command_id]);
  sockets[1].answer("sale.claim", { existing: false });
  assert.deepEqual(await claim, { existing: false });
  assert.deepEqual(values("again").map((again) => again.refusal.code), ["busy"]);
});

test("a refusal is handed on with its code", async () => {
  const { link } = await inRoom();
  const claim = link.request("sale.claim", { shop: "demo", room: "r1" });
  sockets[0].refuse("sale.claim", { code: "sold_out", message: "all gone", retryable: true });
  await assert.rejects(claim, { code: "sold_out", message: "all gone" });
});

test("a late like is dropped, not repeated", async () => {
  const { link } = await inRoom();
  const like = link.request("room.like", { shop: "demo", room: "r1", count: 3 });
  sockets[0].onclose({ code: 1006, reason: "" });
  await assert.rejects(like, { code: "connection_lost" });
});

test("after 4500 and up it stays away", async () => {
  const { link, values } = await inRoom();
  sockets[0].onclose({ code: 4503, reason: "no" });
  mock.timers.tick(60_000);
  await turn();
  assert.equal(sockets.length, 1);
  assert.equal(link.state, "closed");
  assert.deepEqual(values("closed"), [{ code: 4503, reason: "no" }]);
  await assert.rejects(link.request("room.list", { shop: "demo" }), { code: "closed" });
});

test("an expired token is replaced by a fresh one", async () => {
  const { spent } = await linked();
  sockets[0].onopen();
  sockets[0].refuse("hello", { code: "token_expired", message: "expired", retryable: false });
  mock.timers.tick(500);
  await turn();
  assert.deepEqual(spent, [false, true]);
  assert.equal(sockets.length, 2);
});

test("a drain moves over: the old connection serves until the new one is welcome", async () => {
  const { values } = await inRoom();
  sockets[0].say({ type: "drain", after_ms: 300 });
  mock.timers.tick(300);
  await turn();
  sockets[0].say(said(11));
  assert.equal(sockets[0].readyState, 1);
  sockets[1].welcome([
    { topic: TOPIC, epoch: "7", seq: 11, recovered: true, missed: [said(11)] },
  ]);
  assert.equal(sockets[0].readyState, 3);
  sockets[1].say(said(12));
  assert.deepEqual(values("push").map((push) => push.seq), [11, 12]);
  assert.deepEqual(values("state"), ["connecting", "open"]);
});

test("a server that drains and closes at once is not asked before the time it told", async () => {
  await inRoom();
  sockets[0].say({ type: "drain", after_ms: 12_000 });
  sockets[0].onclose({ code: 1012, reason: "the server restarts" });
  mock.timers.tick(11_999);
  await turn();
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  await turn();
  assert.equal(sockets.length, 2);
});

test("without a pong the connection is given up", async () => {
  const { link } = await inRoom();
  mock.timers.tick(10_000);
  assert.equal(link.state, "waiting");
});
