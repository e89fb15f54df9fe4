// Puts a room's state on the page. Owns every element below `main`; decides nothing, sends nothing.
// Whatever comes from others is set as text, never as markup.

import { button, byId, keyed, make, setActions, setText, toast } from "./elements.js";
import { priceDetails } from "./promo-draw.js";
import {
  itemAction, liveMs, mine, moneyText, saleMoment, shares, shownSales, skuTitle, spanText,
  waitingKey,
} from "./room.js";

const PARTS = ["available", "reserved", "offered", "sold"];
const QUANTITIES_MAX = 10;
/** Within these the end of the comments is in sight. */
const AT_END_PX = 40;
const STATE_TEXT = {
  scheduled: "scheduled", announced: "soon", live: "live", paused: "paused", ended: "ended",
  sold_out: "sold out", cancelled: "cancelled", closed: "closed",
  sold_out_soft: "all taken, some may come back", sold_out_hard: "sold out",
};
const REASON_TEXT = {
  expired: "the time to pay ran out", buyer_cancel: "you gave it back",
  payment_failed_final: "the payment failed", seller_cancel: "the seller cancelled it",
  fraud: "the seller refused it", sale_cancelled: "the sale was called off",
  offer_expired: "the offer ran out",
};

/** Draws everything. `now` is the server's clock, `user` the viewer. */
export function draw(state, now, { user, couponTitle }) {
  drawRoom(state, now);
  drawSales(state, now);
  drawMine(state, now, couponTitle);
  drawComments(state, user);
}

/** Replaces the rooms that can be chosen. */
export function drawRooms(rooms, chosen) {
  const select = byId("rooms");
  const key = JSON.stringify([chosen, rooms.map((room) => [room.room, room.title, room.state])]);
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...rooms.map((room) => {
    const option = make("option", "", `${room.title} (${STATE_TEXT[room.state] ?? room.state})`);
    option.value = room.room;
    option.selected = room.room === chosen;
    return option;
  }));
  select.disabled = rooms.length === 0;
}

/** Adds a line to what the server answered, the newest first. */
export function drawAnswer(code, message, good) {
  const list = byId("answers");
  const line = make("li", good ? "good" : "");
  const same = list.firstElementChild;
  line.dataset.key = JSON.stringify([code, message]);
  line.dataset.times = 1;
  if (same?.dataset.key === line.dataset.key) {
    line.dataset.times = Number(same.dataset.times) + 1;
    same.remove();
  }
  const time = make("time", "", new Date().toLocaleTimeString());
  const times = line.dataset.times > 1 ? ` (${line.dataset.times} times)` : "";
  line.append(time, make("code", "", code), ` ${message}${times}`);
  list.prepend(line);
  while (list.children.length > 30) list.lastElementChild.remove();
  byId("no-answers").hidden = true;
  toast(code, message);
}

function drawRoom(state, now) {
  const { room } = state;
  const badge = byId("room-state");
  badge.hidden = !room;
  byId("sales-card").hidden = !room;
  byId("comments-card").hidden = !room;
  if (!room) return;
  setText(byId("title"), room.title);
  setText(badge, STATE_TEXT[room.state] ?? room.state);
  badge.dataset.state = room.state;
  setText(byId("clock"), room.state === "scheduled" ? "–" : spanText(liveMs(room, now)));
  setText(byId("viewers"), state.viewers.toLocaleString());
  setText(byId("peak"), Math.max(state.viewersPeak, state.viewers).toLocaleString());
  setText(byId("likes"), state.likes.toLocaleString());
  const pin = state.pinned;
  byId("pinned").hidden = !pin;
  if (!pin) return;
  setText(byId("pin-title"), skuTitle(state, pin.sku));
  setText(byId("pin-price"), moneyText(pin.price_minor, state.currency));
  const sku = state.products[pin.product]?.skus.find((known) => known.sku === pin.sku);
  setText(byId("pin-stock"), sku ? stockText(sku.stock) : "");
  setActions(byId("pin-actions"), pin.sku, () => [
    button("Buy it", "order.place", { sku: pin.sku }, `Buy: ${skuTitle(state, pin.sku)}`),
  ]);
}

function stockText(stock) {
  return stock === "unlimited" ? "in stock" : `${stock.units.toLocaleString()} in free stock`;
}

// --- sales

function drawSales(state, now) {
  const sales = shownSales(state);
  byId("no-sale").hidden = sales.length > 0;
  keyed(byId("sales"), sales, (sale) => sale.sale, makeSale, (row, sale) => {
    setText(row.title, sale.title);
    setText(row.state, STATE_TEXT[sale.state] ?? sale.state);
    row.state.dataset.state = sale.state;
    const moment = saleMoment(sale);
    row.countdown.hidden = moment.at === undefined;
    setText(row.moment, moment.text);
    setText(row.span, spanText((moment.at ?? now) - now));
    keyed(row.items, sale.items, (item) => item.sku, makeItem, (itemRow, item) => {
      drawItem(itemRow, state, sale, item, now);
    });
  });
}

function makeSale() {
  const row = {
    element: make("article", "card sale"),
    title: make("h3"),
    state: make("span", "state"),
    countdown: make("p", "countdown"),
    moment: make("span", "quiet"),
    span: make("strong"),
    items: make("div", "items"),
  };
  const head = make("div", "row spread");
  head.append(row.title, row.state);
  row.countdown.append(row.moment, " ", row.span);
  row.element.append(head, row.countdown, row.items);
  return row;
}

function makeItem() {
  const row = {
    element: make("div", "item"),
    title: make("span", "title"),
    price: make("strong", "number"),
    listPrice: make("s"),
    state: make("span", "item-state quiet"),
    bar: make("div", "bar"),
    legend: make("div", "legend number"),
    waiting: make("p", "quiet number"),
    actions: make("div", "actions"),
    parts: {},
    figures: {},
  };
  const head = make("div", "item-head");
  head.append(row.title, row.price, row.listPrice, row.state);
  row.bar.setAttribute("aria-hidden", "true");
  for (const part of PARTS) {
    row.bar.append((row.parts[part] = make("span", part)));
    row.legend.append((row.figures[part] = make("span", part)));
  }
  row.element.append(head, row.bar, row.legend, row.waiting, row.actions);
  return row;
}

function drawItem(row, state, sale, item, now) {
  const { currency } = sale;
  const hidden = item.price_minor === undefined;
  setText(row.title, skuTitle(state, item.sku));
  setText(row.price, hidden ? "price at the start" : moneyText(item.price_minor, currency));
  const reduced = !hidden && item.list_price_minor > item.price_minor;
  setText(row.listPrice, reduced ? moneyText(item.list_price_minor, currency) : "");
  setText(row.state, item.state === "live" || sale.state === "announced"
    ? `${item.per_buyer} per buyer` : STATE_TEXT[item.state] ?? item.state);
  const share = shares(item);
  for (const part of PARTS) {
    row.parts[part].style.width = `${share[part]}%`;
    row.figures[part].hidden = part === "offered" && item.offered === 0;
    setText(row.figures[part], `${item[part].toLocaleString()} ${part}`);
  }
  const waiting = state.waiting[waitingKey(sale.sale, item.sku)];
  setText(row.waiting, waitingText(item, waiting, now));
  row.waiting.hidden = row.waiting.textContent === "";
  drawItemActions(row.actions, state, sale, item, itemAction(sale, item, waiting));
}

function waitingText(item, waiting, now) {
  if (waiting?.state.kind === "waiting") return `You wait at place ${waiting.state.position}.`;
  if (waiting?.state.kind === "offered") {
    const left = spanText(waiting.state.expires_at - now);
    return `${waiting.quantity} came back for you: take it within ${left}.`;
  }
  return item.waitlist_length > 0 ? `${item.waitlist_length.toLocaleString()} waiting` : "";
}

function drawItemActions(actions, state, sale, item, action) {
  const reminded = state.reminders.includes(sale.sale);
  const title = skuTitle(state, item.sku);
  const key = JSON.stringify([action, reminded, item.per_buyer, title]);
  if (actions.dataset.key === key) return;
  actions.dataset.key = key;
  const of = { sale: sale.sale, sku: item.sku };
  const label = (text) => `${text}: ${title}`;
  const units = () => quantity(item, title);
  const buttons = {
    claim: () => [...units(), button("Claim", "sale.claim", of, label("Claim"), true)],
    wait: () => [...units(), button("Wait for one", "sale.waitlist", of, label("Wait for"))],
    waiting: () => [button("Wait no longer", "sale.waitlist_leave", of, label("Wait no longer"))],
    offer: () => [
      button("Take it", "sale.offer_accept", of, label("Take"), true),
      button("Leave it", "sale.offer_decline", of, label("Leave")),
    ],
    remind: () => reminded
      ? [make("span", "quiet", "You will be reminded.")]
      : [button("Remind me", "sale.remind", of, label("Remind me"))],
    none: () => [],
  };
  actions.replaceChildren(...buttons[action]());
}

function quantity(item, title) {
  const most = Math.min(item.per_buyer, QUANTITIES_MAX);
  if (most < 2) return [];
  const select = make("select", "quantity");
  select.setAttribute("aria-label", `How many: ${title}`);
  for (let units = 1; units <= most; units++) select.append(make("option", "", String(units)));
  return [select];
}

// --- the viewer's own

function drawMine(state, now, couponTitle) {
  const rows = mine(state);
  byId("mine-card").hidden = rows.length === 0;
  keyed(byId("mine"), rows, (row) => row.key, makeMine, (row, own) => {
    if (own.kind === "hold") drawHold(row, state, own.hold, now);
    else drawOrder(row, state, own.order, now, couponTitle);
  });
}

function makeMine() {
  const row = {
    element: make("li"),
    what: make("span", "what"),
    state: make("span", "state"),
    left: make("p", "quiet number"),
    actions: make("div", "actions"),
    price: make("div"),
  };
  const head = make("div", "row spread");
  head.append(row.what, row.state);
  row.element.append(head, row.left, row.actions, row.price);
  return row;
}

function drawHold(row, state, hold, now) {
  const price = moneyText(hold.price_minor * hold.quantity, hold.currency);
  setText(row.what, `${hold.quantity} × ${skuTitle(state, hold.sku)}, ${price}`);
  const held = hold.state.kind === "held";
  if (hold.state.kind === "pooled") return drawPooled(row);
  setMineState(row, held ? "reserved" : "released", held ? "held" : "released");
  const left = held ? hold.state.expires_at - now : 0;
  setText(row.left, held
    ? `Yours for another ${spanText(left)}`
    : REASON_TEXT[hold.state.reason] ?? hold.state.reason);
  const of = { reservation: hold.reservation };
  setActions(row.actions, held ? "held" : "released", () => held ? [
    button("Order it", "order.place", of, "Order it, to the demo address", true),
    button("Give it back", "reservation.release", of),
  ] : []);
}

/** Claimed in the first moments of a sale that draws them. */
function drawPooled(row) {
  setMineState(row, "in the draw", "pooled");
  setText(row.left, "The claims of the first moments are drawn: wait for the result.");
  setActions(row.actions, "pooled", () => []);
}

const ORDER_TEXT = {
  unpaid: "to pay", payment_pending: "payment under way", paid: "paid", cancelled: "cancelled",
};

function drawOrder(row, state, order, now, couponTitle) {
  const lines = order.lines.map((line) => `${line.quantity} × ${skuTitle(state, line.sku)}`);
  const total = moneyText(order.total_minor, order.currency);
  setText(row.what, `Order: ${lines.join(", ")}, ${total}`);
  const { kind, reason } = order.state;
  setMineState(row, ORDER_TEXT[kind] ?? kind, kind);
  const open = kind === "unpaid" || kind === "payment_pending";
  const back = order.refunds_required.length > 0 ? "A payment will be sent back." : "";
  const what = kind === "unpaid" ? "Pay within" : "The payment has another";
  setText(row.left, open ? `${what} ${spanText(order.pay_by - now)}` : REASON_TEXT[reason] ?? back);
  row.left.hidden = row.left.textContent === "";
  const price = [order.version, order.quote?.total_minor].join("/");
  const titleOf = (sku) => skuTitle(state, sku);
  setActions(row.price, price, () => priceDetails(order, titleOf, couponTitle));
  const of = { order: order.order };
  setActions(row.actions, kind, () => kind === "unpaid" ? [
    button("Pay", "order.pay", of, "", true),
    button("Cancel the order", "order.cancel", of),
  ] : []);
}

function setMineState(row, text, state) {
  setText(row.state, text);
  row.state.dataset.state = state;
}

// --- comments

let drawn = null;
/** Whether new comments scroll into sight; not after the viewer has scrolled up. */
let follows = true;
let seen = { top: 0, height: 0 };

byId("comments").addEventListener("scroll", () => {
  const { scrollTop: top, scrollHeight: height, clientHeight } = byId("comments");
  if (height - top - clientHeight < AT_END_PX) follows = true;
  else if (height === seen.height && top < seen.top) follows = false;
  seen = { top, height };
});

function drawComments(state, user) {
  if (state.comments === drawn) return;
  drawn = state.comments;
  const list = byId("comments");
  keyed(list, state.comments, (comment) => comment.comment, (comment) => {
    const own = comment.user === user ? "own" : "";
    const element = make("li", comment.role ? "staff" : own);
    element.append(make("span", "author", comment.name), make("span", "text", comment.text));
    return { element };
  }, () => {});
  if (follows) list.scrollTop = list.scrollHeight;
}
