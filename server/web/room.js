// What a viewer knows of a room, and how each message changes it. Owns the state and the rules by
// which the newer of two copies wins; never touches the page, the socket or the clock.

export const COMMENTS_MAX = 200;
const MINE_MAX = 8;
/** The states of holds and orders in which something is still to come. */
const OPEN = new Set(["held", "pooled", "unpaid", "payment_pending"]);

/** The fields of an item that move with its units. */
const STOCK = [
  "available", "reserved", "offered", "sold", "total", "waitlist_length", "state", "version",
];

/** Before anything is known. */
export function emptyRoom() {
  return {
    room: null,
    currency: "USD",
    products: {},
    sales: {},
    pinned: null,
    pinnedVersion: -1,
    viewers: 0,
    viewersPeak: 0,
    joins: 0,
    likes: 0,
    comments: [],
    reservations: {},
    orders: {},
    waiting: {},
    reminders: [],
    banned: false,
  };
}

/** Everything in the room anew; what is the buyer's own stays. */
export function withSnapshot(state, snapshot) {
  const { room } = snapshot;
  return {
    ...state,
    room,
    currency: snapshot.currency,
    products: byKey(snapshot.products, "product"),
    sales: byKey(snapshot.sales, "sale"),
    pinned: room.pinned ?? null,
    pinnedVersion: room.version,
    viewers: snapshot.viewers,
    viewersPeak: room.viewers_peak,
    joins: room.joins,
    likes: room.likes,
    comments: snapshot.comments.slice(-COMMENTS_MAX),
    banned: false,
  };
}

/**
 * All of the buyer's own state, as a join or a resume has it. What is open and not in it came to
 * its end while nobody listened; how an order ended is for `withOrders` to say.
 */
export function withMe(state, me) {
  const ids = new Set(me.reservations.map((hold) => hold.reservation));
  const still = ([id, hold]) => !OPEN.has(hold.state.kind) || ids.has(id);
  const keys = new Set(me.waiting.map((waiting) => waitingKey(waiting.sale, waiting.sku)));
  let next = {
    ...state,
    reminders: me.reminders,
    reservations: Object.fromEntries(Object.entries(state.reservations).filter(still)),
    waiting: Object.fromEntries(Object.entries(state.waiting).filter(([key]) => keys.has(key))),
  };
  for (const reservation of me.reservations) next = withReservation(next, reservation);
  for (const waiting of me.waiting) next = withWaiting(next, waiting);
  return withOrders(next, me.orders);
}

export function withOrders(state, orders) {
  return orders.reduce(withOrder, state);
}

const PUSHES = {
  "room.state": (state, push) => withRoom(state, push.room),
  "room.comment": (state, push) => withComment(state, push.comment),
  "room.own_comment": (state, push) => withComment(state, push.comment),
  "room.comment_deleted": (state, push) => withoutComment(state, push.comment),
  "room.likes": (state, push) => ({ ...state, likes: Math.max(state.likes, push.likes) }),
  "room.viewers": (state, push) => ({
    ...state,
    viewers: push.viewers,
    viewersPeak: Math.max(state.viewersPeak, push.viewers_peak),
    joins: Math.max(state.joins, push.joins),
  }),
  "room.pinned": (state, push) => withPin(state, push.pinned ?? null, push.version),
  "room.product": (state, push) => newer(state, "products", push.product.product, push.product),
  "room.sale": (state, push) => withSale(state, push.sale),
  "room.stock": withStock,
  "room.banned": (state) => ({ ...state, banned: true }),
  "sale.offer": (state, push) => withWaiting(state, push.waiting),
  "reservation.changed": (state, push) => withReservation(state, push.reservation),
  "order.changed": (state, push) => withOrder(state, push.order),
};

/** The state after a push; one of an unknown type changes nothing. */
export function withPush(state, push) {
  const change = Object.hasOwn(PUSHES, push.type) ? PUSHES[push.type] : undefined;
  return change ? change(state, push) : state;
}

/** The state after the `ok` of a request: it may show what no push has said yet. */
export function withAnswer(state, ok) {
  let next = state;
  if (ok.comment) next = withComment(next, ok.comment);
  if (ok.reservation) next = withReservation(next, ok.reservation);
  if (ok.order) next = withOrder(next, ok.order);
  if (ok.waiting) next = withWaiting(next, ok.waiting);
  return next;
}

export function waitingKey(sale, sku) {
  return `${sale}/${sku}`;
}

function withReservation(state, reservation) {
  return newer(state, "reservations", reservation.reservation, reservation);
}

function withOrder(state, order) {
  return newer(state, "orders", order.order, order);
}

function withWaiting(state, waiting) {
  return newer(state, "waiting", waitingKey(waiting.sale, waiting.sku), waiting);
}

/** Puts a copy in its place unless a newer one is there. */
function newer(state, kind, key, copy) {
  const known = state[kind][key];
  if (known && known.version > copy.version) return state;
  return { ...state, [kind]: { ...state[kind], [key]: copy } };
}

function withRoom(state, room) {
  if (state.room && state.room.version > room.version) return state;
  const next = {
    ...state,
    room,
    likes: Math.max(state.likes, room.likes),
    joins: Math.max(state.joins, room.joins),
    viewersPeak: Math.max(state.viewersPeak, room.viewers_peak),
  };
  return withPin(next, room.pinned ?? null, room.version);
}

function withPin(state, pinned, version) {
  if (version < state.pinnedVersion) return state;
  return { ...state, pinned, pinnedVersion: version };
}

/** A comment comes twice to its author: as the reply and as a push. */
function withComment(state, comment) {
  if (state.comments.some((known) => known.comment === comment.comment)) return state;
  return { ...state, comments: [...state.comments, comment].slice(-COMMENTS_MAX) };
}

function withoutComment(state, id) {
  return { ...state, comments: state.comments.filter((known) => known.comment !== id) };
}

/** A sale's own fields and its units are versioned apart: stock may have run ahead. */
function withSale(state, sale) {
  const known = state.sales[sale.sale];
  if (known && known.version > sale.version) return state;
  const items = sale.items.map((item) => {
    const before = known?.items.find((other) => other.sku === item.sku);
    return before && before.version > item.version ? { ...item, ...stockOf(before) } : item;
  });
  return { ...state, sales: { ...state.sales, [sale.sale]: { ...sale, items } } };
}

function withStock(state, push) {
  const sale = state.sales[push.sale];
  const known = sale?.items.find((item) => item.sku === push.sku);
  if (!known || known.version >= push.version) return state;
  const items = sale.items.map((item) => (item === known ? { ...item, ...stockOf(push) } : item));
  return { ...state, sales: { ...state.sales, [push.sale]: { ...sale, items } } };
}

function stockOf(item) {
  return Object.fromEntries(STOCK.map((field) => [field, item[field]]));
}

function byKey(objects, key) {
  return Object.fromEntries(objects.map((object) => [object[key], object]));
}

// --- what the page shows of it

/** The room to enter: the one asked for, else the first that is live, else one that pauses. */
export function pickRoom(rooms, wanted) {
  if (wanted) return wanted;
  const first = (state) => rooms.find((room) => room.state === state)?.room;
  return first("live") ?? first("paused");
}

/** How long the room has been live. */
export function liveMs(room, now) {
  const { elapsed_ms: elapsed, at } = room.live_clock;
  return elapsed + (room.state === "live" ? Math.max(0, now - at) : 0);
}

const SALE_ORDER = ["live", "sold_out", "announced", "scheduled", "ended", "cancelled"];

/** The sales worth showing: running ones, then announced ones, then the last that ended. */
export function shownSales(state) {
  const rank = (sale) => SALE_ORDER.indexOf(sale.state);
  const sales = Object.values(state.sales).filter((sale) => rank(sale) >= 0);
  const over = (sale) => sale.state === "ended" || sale.state === "cancelled";
  const lastOver = sales.filter(over).sort((a, b) => (b.ends_at ?? 0) - (a.ends_at ?? 0))[0];
  return sales
    .filter((sale) => !over(sale) || sale === lastOver)
    .sort((a, b) => rank(a) - rank(b) || (a.starts_at ?? 0) - (b.starts_at ?? 0));
}

/** What a sale is waiting for, and when that is; `at` is absent when it waits for nothing. */
export function saleMoment(sale) {
  if (sale.state === "announced" || sale.state === "scheduled") {
    return { text: "starts in", at: sale.starts_at };
  }
  if (sale.state === "live" || sale.state === "sold_out") {
    return { text: "ends in", at: sale.ends_at };
  }
  return { text: "", at: undefined };
}

/** What the buyer can do about an item now. */
export function itemAction(sale, item, waiting) {
  if (waiting?.state.kind === "offered") return "offer";
  if (waiting?.state.kind === "waiting") return "waiting";
  if (sale.state === "announced" || sale.state === "scheduled") return "remind";
  if (sale.state !== "live" && sale.state !== "sold_out") return "none";
  if (item.state === "live") return "claim";
  return item.state === "sold_out_soft" ? "wait" : "none";
}

/** The buyer's holds without an order and his orders: open ones first, the latest change first. */
export function mine(state) {
  const holds = Object.values(state.reservations)
    .filter((hold) => ["held", "pooled", "released"].includes(hold.state.kind))
    .filter((hold) => !ordered(state, hold))
    .map((hold) => ({ kind: "hold", key: `hold/${hold.reservation}`, hold, thing: hold }));
  const orders = Object.values(state.orders)
    .map((order) => ({ kind: "order", key: `order/${order.order}`, order, thing: order }));
  const open = ({ thing }) => (OPEN.has(thing.state.kind) ? 0 : 1);
  return [...holds, ...orders]
    .sort((a, b) => open(a) - open(b) || b.thing.version - a.thing.version)
    .slice(0, MINE_MAX);
}

function ordered(state, hold) {
  const lines = Object.values(state.orders).flatMap((order) => order.lines);
  return lines.some((line) => line.reservation === hold.reservation);
}

/** What a SKU is called: its product and its variant, as far as they are known. */
export function skuTitle(state, sku) {
  const product = Object.values(state.products).find((it) => it.skus.some((s) => s.sku === sku));
  const items = Object.values(state.sales).flatMap((sale) => sale.items);
  const variant = [...items, ...(product?.skus ?? [])].find((known) => known.sku === sku)?.title;
  const parts = [product?.title, variant ?? sku].filter((part) => part !== undefined);
  return [...new Set(parts)].join(", ");
}

/** `1:02:03`, or `02:03` under an hour; rounded up, so that 0 means it is over. */
export function spanText(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
}

/** An amount in minor units, as the reader's language writes it. */
export function moneyText(minor, currency, locale) {
  try {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency });
    return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  } catch {
    return `${minor} ${currency}`;
  }
}

/** Shares of a whole for the stock bar, in per cent. */
export function shares(item) {
  const part = (units) => (item.total > 0 ? (100 * units) / item.total : 0);
  return {
    available: part(item.available),
    reserved: part(item.reserved),
    offered: part(item.offered),
    sold: part(item.sold),
  };
}
