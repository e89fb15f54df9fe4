// Coupons, draws and prices on the viewer's page, and the forms of the studio:
// `node --test server/web/promo.test.mjs`.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { drawDraws, drawOffers, priceTable } from "./promo-draw.js";
import {
  audienceText, discountText, durationText, emptyPromo, heldOf, offerAction, prizeOpenUntil,
  quoteRows, refusalText, shownDraws, shownOffers, taskText, watchedShare, withCoupon, withOwn,
  withPromoPush, withRoomPromo,
} from "./promo.js";
import { emptyRoom, mine, withAnswer, withMe } from "./room.js";
import {
  audienceOf, budgetShare, campaignSpec, campaignSteps, drawSpec, majorOf, minorOf, roomSteps,
  saleSpec, saleSteps, studioCampaigns, studioSales, taskOf, withNewer,
} from "./studio.js";
import { FakeDocument } from "./testing-page.mjs";

const tenPercent = {
  kind: "percent", tiers: [{ min_spend_minor: 2_000, off_bps: 1_000 }], max_discount_minor: 1_000,
};

const offer = (fields = {}) => ({
  campaign: "c1", title: "Ten off", state: "open", funder: "seller", discount: tenPercent,
  items: "all", rooms: "all_rooms", audience: [], task: { kind: "none" },
  validity: { kind: "for", span_ms: 86_400_000 }, per_buyer: 1, left: 5, currency: "USD",
  version: 5, ...fields,
});

const coupon = (fields = {}) => ({
  coupon: "k1", campaign: "c1", buyer: "u1", state: { kind: "claimed" }, worst_minor: 1_000,
  currency: "USD", expires_at: 9_000, version: 6, ...fields,
});

const draw = (fields = {}) => ({
  draw: "d1", room: "r1", title: "A parcel", state: "running", winners_max: 2,
  task: { kind: "none" }, closes_at: 61_000, seed_hash: "ab12", entries: 3, winners: [],
  version: 5, ...fields,
});

const watch = { kind: "watch", needed_ms: 60_000 };
const progress = (watched_ms, fields = {}) => ({
  campaign: "c1", watched_ms, needed_ms: 60_000, completed: false, ...fields,
});

const inRoom = (...offers) => withRoomPromo(emptyPromo(), { offers });
const pushed = (promo, type, fields) => withPromoPush(promo, { type, ...fields });

beforeEach(() => (globalThis.document = new FakeDocument()));

test("progress is the server's number and never goes back", () => {
  let promo = inRoom(offer({ task: watch }));
  promo = pushed(promo, "coupon.progress", { progress: progress(30_000) });
  promo = pushed(promo, "coupon.progress", { progress: progress(20_000) });
  assert.equal(promo.progress.c1.watched_ms, 30_000);
  promo = withOwn(promo, { progress: [progress(10_000)] });
  assert.equal(promo.progress.c1.watched_ms, 30_000);
  assert.equal(watchedShare(promo, promo.offers.c1), 0.5);
});

test("what can be done about an offer follows its state, the task and what he has", () => {
  const action = (fields, change = (it) => it) => {
    const promo = change(inRoom(offer(fields)));
    return offerAction(promo, promo.offers.c1);
  };
  assert.equal(action({}), "claim");
  assert.equal(action({ left: 0 }), "gone");
  assert.equal(action({ state: "ending" }), "claim");
  assert.equal(action({ state: "ended" }), "none");
  assert.equal(action({ state: "announced" }), "remind");
  assert.equal(action({ state: "announced" }, (it) => ({ ...it, reminders: ["c1"] })), "reminded");
  assert.equal(action({}, (it) => withCoupon(it, coupon())), "held");
  assert.equal(action({ per_buyer: 2 }, (it) => withCoupon(it, coupon())), "claim");
  assert.equal(action({ task: watch }), "watch");
  const granted = (it) => pushed(it, "coupon.granted", { offer: it.offers.c1 });
  assert.equal(action({ task: watch }, granted), "claim");
  const done = { progress: progress(60_000, { completed: true }) };
  assert.equal(action({ task: watch }, (it) => pushed(it, "coupon.progress", done)), "claim");
});

test("of two copies the newer one stays", () => {
  let promo = inRoom(offer({ version: 9, left: 1 }));
  promo = pushed(promo, "room.coupon", { offer: offer({ version: 8, left: 3 }), shown: false });
  assert.equal(promo.offers.c1.left, 1);
  promo = withCoupon(promo, coupon({ version: 9, state: { kind: "used" } }));
  promo = pushed(promo, "coupon.changed", { coupon: coupon() });
  assert.equal(promo.coupons.k1.state.kind, "used");
  assert.deepEqual(heldOf(promo, "c1"), []);
  promo = pushed(promo, "room.draw", { draw: draw({ version: 7, state: "closed" }) });
  promo = pushed(promo, "room.draw", { draw: draw() });
  assert.equal(promo.draws.d1.state, "closed");
});

test("what the streamer shows opens, a change of figures does not", () => {
  let promo = pushed(emptyPromo(), "room.coupon", { offer: offer(), shown: false });
  assert.equal(promo.shown, null);
  promo = pushed(promo, "room.coupon", { offer: offer({ version: 6 }), shown: true });
  assert.equal(promo.shown, "c1");
  promo = pushed(promo, "coupon.offered", { offer: offer({ campaign: "c2" }) });
  assert.equal(promo.shown, "c2");
});

test("a snapshot replaces the offers, but for those that explain a coupon he has", () => {
  let promo = inRoom(offer(), offer({ campaign: "c2" }));
  promo = withRoomPromo(withCoupon(promo, coupon()), { offers: [offer({ campaign: "c3" })] });
  assert.deepEqual(Object.keys(promo.offers).sort(), ["c1", "c3"]);
  promo = withOwn(promo, {});
  assert.deepEqual(promo.coupons, {});
  assert.deepEqual([promo.entered, promo.granted, promo.reminders], [[], [], []]);
});

test("offers one can do something about come first, and what is over goes", () => {
  const promo = withCoupon(inRoom(
    offer({ campaign: "over", state: "ended" }), offer({ campaign: "gone", left: 0 }),
    offer({ campaign: "soon", state: "announced" }), offer({ campaign: "now" }),
    offer({ campaign: "mine", state: "ended" }),
  ), coupon({ campaign: "mine" }));
  assert.deepEqual(shownOffers(promo).map((it) => it.campaign), ["now", "soon", "mine", "gone"]);
});

test("a prize waits for its winner until he has said where it goes", () => {
  let promo = pushed(emptyPromo(), "room.draw", { draw: draw() });
  assert.equal(prizeOpenUntil(promo, draw(), "u1"), undefined);
  promo = pushed(promo, "draw.won", { draw: "d1", address_by: 70_000 });
  assert.equal(prizeOpenUntil(promo, draw(), "u1"), 70_000);
  const prize = { kind: "open", address_by: 80_000 };
  const drawn = draw({ winners: [{ buyer: "u1", prize }] });
  assert.equal(prizeOpenUntil(promo, drawn, "u1"), 80_000);
  const sent = draw({ winners: [{ buyer: "u1", prize: { kind: "claimed" } }] });
  assert.equal(prizeOpenUntil(promo, sent, "u1"), undefined);
  promo = pushed(promo, "draw.forfeited", { draw: "d1" });
  assert.equal(prizeOpenUntil(promo, draw(), "u1"), undefined);
});

test("a running draw stands first, then the latest three", () => {
  const draws = [
    draw({ draw: "old", state: "done", closes_at: 1 }), draw({ draw: "last", state: "done" }),
    draw({ draw: "before", state: "drawn", closes_at: 2 }), draw({ draw: "now", closes_at: 3 }),
  ];
  const promo = withRoomPromo(emptyPromo(), { draws });
  assert.deepEqual(shownDraws(promo).map((it) => it.draw), ["now", "last", "before"]);
});

test("discounts, tasks and spans read as people say them", () => {
  const text = (discount) => discountText(discount, "USD", "en");
  assert.equal(text(tenPercent), "10% off from $20.00, at most $10.00");
  const tier = (min_spend_minor, off_minor) => ({ min_spend_minor, off_minor });
  const tiers = [tier(0, 500), tier(5_000, 900)];
  assert.equal(text({ kind: "amount", tiers }), "$5.00 off, $9.00 off from $50.00");
  assert.equal(text({ kind: "free_shipping", max_discount_minor: 1 }), "free shipping");
  const fixed = { kind: "fixed_price", tiers: [{ min_spend_minor: 0, price_minor: 990 }] };
  assert.equal(text(fixed), "one piece for $9.90");
  assert.equal(taskText(watch), "watch for 1 minute first");
  assert.equal(taskText({ kind: "comment", keyword: "red" }), "say “red” in the comments first");
  assert.equal(taskText({ kind: "none" }), "");
  const audience = [{ kind: "new_buyer" }, { kind: "follower", negated: true }];
  assert.equal(audienceText(audience), "for new buyers and not followers");
  assert.deepEqual([10_000, 90_000, 7_200_000, 172_800_000].map(durationText),
    ["10 s", "01:30", "2 hours", "2 days"]);
});

test("why a claim was refused is said in the buyer's words", () => {
  const refused = (code, refusal = {}) => refusalText({ code, message: "m", refusal });
  assert.equal(refused("coupons_gone"), "Every coupon is claimed.");
  assert.equal(refused("not_eligible", { rule: "new_buyer" }), "It is for new buyers.");
  const task = { needed_ms: 60_000, watched_ms: 20_000 };
  assert.equal(refused("task_open", task), "Watch for another 00:40 first.");
  assert.equal(refused("something_new"), "m.");
});

const quote = {
  currency: "USD", stacking_version: 1, shipping_fee_minor: 599, shipping_minor: 0,
  shipping_off: {
    layer: "shipping", because: { kind: "free_over" }, funder: "seller", amount_minor: 599,
  },
  lines: [{
    sku: "red", quantity: 2, list_price_minor: 1_000, unit_price_minor: 900,
    source: "items_discount", subsidised: 0, payable_minor: 1_620, parts: [
      { layer: "item_price", because: { kind: "rule", rule: "x" }, funder: "seller",
        amount_minor: 200 },
      { layer: "platform_coupon", because: { kind: "coupon", campaign: "c1", coupon: "k1" },
        funder: "platform", amount_minor: 180 },
    ],
  }],
  coupons: [], list_minor: 2_000, goods_minor: 1_620, seller_minor: 200, platform_minor: 180,
  total_minor: 1_620,
};

test("a price is explained so that its rows add up to what is paid", () => {
  const rows = quoteRows(quote, (sku) => `Mug, ${sku}`, () => "Ten off");
  assert.deepEqual(rows.map((row) => row.text), [
    "2 × Mug, red", "for several", "Ten off (the platform pays)", "Shipping",
    "free shipping for this much", "To pay",
  ]);
  const parts = rows.slice(0, -1).reduce((sum, row) => sum + row.minor, 0);
  assert.equal(parts, rows.at(-1).minor);
  const texts = priceTable(quote, () => "<b>Mug</b>", () => undefined).texts();
  assert.ok(texts.includes("2 × <b>Mug</b>") && texts.at(-2) === "To pay", texts.join());
});

function texts(drawAll) {
  const list = document.createElement("ul");
  drawAll(list);
  return list.texts();
}

test("an offer shows how far he is, then the button, and why it was refused", () => {
  const promo = pushed(inRoom(offer({ task: watch })), "coupon.progress",
    { progress: progress(30_000) });
  const shown = (known, reasons) => {
    return texts((list) => drawOffers(list, shownOffers(known), known, reasons, 0));
  };
  const watching = shown(promo, {});
  assert.ok(watching.includes("Watched 00:30 of 01:00"), watching.join());
  assert.ok(!watching.includes("Claim"));
  const granted = pushed(promo, "coupon.granted", { offer: offer({ task: watch }) });
  assert.ok(shown(granted, {}).includes("Claim"));
  const why = "Every coupon is claimed.";
  assert.ok(shown(granted, { c1: why }).includes(why));
});

test("a draw shows the button, then that he is in, then who won", () => {
  const shown = (it, fields = {}) => {
    const promo = { ...withRoomPromo(emptyPromo(), { draws: [it] }), ...fields };
    return texts((list) => drawDraws(list, shownDraws(promo), promo, "u1", 1_000));
  };
  const open = shown(draw());
  assert.ok(open.includes("Take part") && open.includes("drawn in 01:00"), open.join());
  assert.ok(!shown(draw({ task: { kind: "purchase" } })).includes("Take part"));
  const inside = shown(draw(), { entered: ["d1"] });
  assert.ok(inside.includes("You are in. Stay until it is drawn."), inside.join());
  const prize = { kind: "open", address_by: 70_000 };
  const won = shown(draw({ state: "drawn", winners: [{ buyer: "u1", prize }], seed: "00ff" }));
  assert.ok(won.includes("Say where it goes") && won.includes("Seed: 00ff"), won.join());
  const lost = shown(draw({ state: "done", winners: [{ buyer: "bo", prize }] }));
  assert.ok(lost.includes("Won by bo."), lost.join());
});

test("a pooled claim is shown until it is drawn, and gone when the join has it no more", () => {
  const pooled = {
    reservation: "v1", sale: "s1", sku: "red", quantity: 1, price_minor: 1, currency: "USD",
    state: { kind: "pooled" }, version: 1,
  };
  const state = withAnswer(emptyRoom(), { reservation: pooled });
  assert.deepEqual(mine(state).map((row) => row.key), ["hold/v1"]);
  const me = { reservations: [], orders: [], waiting: [], reminders: [] };
  assert.deepEqual(mine(withMe(state, me)), []);
});

// --- the studio

test("amounts cross the forms by the currency's own digits", () => {
  assert.deepEqual([minorOf(12.9, "USD"), minorOf(1290, "JPY"), minorOf(1.005, "KWD")],
    [1_290, 1_290, 1_005]);
  assert.deepEqual([majorOf(1_290, "USD"), majorOf(1_290, "JPY")], [12.9, 1_290]);
});

test("a sale's form becomes what the wire wants", () => {
  const form = {
    sku: "red", title: "Now", price: 9.9, total: 20, per_buyer: 1, countdown_s: 15, run_s: 120,
    draw_s: "0",
  };
  const spec = saleSpec(form, "r1", "USD");
  assert.deepEqual(spec.items, [{ sku: "red", total: 20, per_buyer: 1, price_minor: 990 }]);
  assert.deepEqual(spec.scope, { rooms: ["r1"] });
  assert.deepEqual([spec.countdown_ms, spec.run_ms], [15_000, 120_000]);
  assert.ok(!("draw_window_ms" in spec));
  assert.equal(saleSpec({ ...form, draw_s: "2" }, "r1", "USD").draw_window_ms, 2_000);
});

const couponForm = (fields = {}) => ({
  title: "Five off", kind: "amount", value: 5, most: 10, min: 20, claims: 100, per_buyer: 1,
  budget: 0, audience: "new_buyers", task: "watch", detail: "2", days: 2, ...fields,
});

test("a coupon's form becomes a campaign whose budget is enough for all of them", () => {
  const spec = campaignSpec(couponForm(), "r1", "USD");
  assert.deepEqual(spec.discount,
    { kind: "amount", tiers: [{ min_spend_minor: 2_000, off_minor: 500 }] });
  assert.deepEqual([spec.budget_minor, spec.validity.span_ms], [50_000, 172_800_000]);
  assert.deepEqual(spec.task, { kind: "watch", needed_ms: 120_000 });
  assert.equal(spec.audience[0].audience.kind, "new_buyer");
  const percent = campaignSpec(couponForm({ kind: "percent", budget: 70 }), "r1", "USD");
  assert.deepEqual([percent.discount.tiers[0].off_bps, percent.discount.max_discount_minor,
    percent.budget_minor], [500, 1_000, 7_000]);
  const free = campaignSpec(couponForm({ kind: "free_shipping" }), "r1", "USD");
  assert.deepEqual(free.discount,
    { kind: "free_shipping", min_spend_minor: 2_000, max_discount_minor: 1_000 });
});

test("tasks, audiences and draws by their words", () => {
  assert.deepEqual(taskOf("none", "1"), { kind: "none" });
  assert.deepEqual(taskOf("comment", "red"), { kind: "comment", keyword: "red" });
  assert.deepEqual(audienceOf("everybody"), []);
  assert.deepEqual(audienceOf("followers"), [{ audience: { kind: "follower" } }]);
  const form = { title: "A mug", winners: 2, run_s: 60, task: "none", detail: "1",
    next_in_order: true };
  assert.deepEqual(drawSpec(form, "r1"), { room: "r1", title: "A mug", winners: 2,
    task: { kind: "none" }, run_ms: 60_000, next_in_order: true });
});

test("each thing offers the steps its state allows", () => {
  const names = (steps) => steps.map(([request]) => request);
  assert.deepEqual(names(roomSteps({ state: "live" })), ["room.pause", "room.end"]);
  assert.deepEqual(roomSteps({ state: "ended" }), []);
  assert.deepEqual(names(saleSteps({ state: "announced" })), ["sale.start", "sale.cancel"]);
  assert.deepEqual(names(saleSteps({ state: "sold_out" })), ["sale.restock", "sale.end"]);
  assert.deepEqual(names(campaignSteps({ state: "draft" })), ["coupon.announce", "coupon.open"]);
  assert.deepEqual(names(campaignSteps({ state: "open" })),
    ["coupon.push", "push.some", "coupon.end", "coupon.revoke"]);
  assert.deepEqual(campaignSteps({ state: "revoked" }), []);
});

test("what runs stands first in the studio, and the newer copy stays", () => {
  const sales = { a: { sale: "a", state: "ended", version: 9 },
    b: { sale: "b", state: "live", version: 1 }, c: { sale: "c", state: "draft", version: 2 } };
  assert.deepEqual(studioSales(sales).map((it) => it.sale), ["b", "c", "a"]);
  const campaigns = { a: { campaign: "a", state: "draft", version: 9 },
    b: { campaign: "b", state: "open", version: 1 } };
  assert.deepEqual(studioCampaigns(campaigns).map((it) => it.campaign), ["b", "a"]);
  const over = [1, 2, 3, 4, 5].map((version) => ({ sale: version, state: "ended", version }));
  assert.deepEqual(studioSales({ ...over }).map((it) => it.sale), [5, 4, 3]);
  assert.equal(withNewer(campaigns, "campaign", { campaign: "a", version: 3 }), campaigns);
  const money = { spent_minor: 10, locked_minor: 20, claimed_minor: 20 };
  assert.equal(budgetShare({ budget_minor: 100, money }), 0.5);
});
