// What a viewer knows of coupons and lucky draws, how each message changes it, and how it reads.
// Pure: no page, no socket, no clock. Progress is the server's number and never goes back.

import { moneyText, spanText } from "./room.js";

const OPEN = new Set(["open", "ending"]);
const OWN = new Set(["claimed", "locked"]);
const OVER = new Set(["ended", "revoked"]);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Before anything is known. */
export function emptyPromo() {
  return {
    offers: {}, coupons: {}, granted: [], progress: {}, reminders: [],
    draws: {}, entered: [], won: {}, shown: null,
  };
}

/** What the room offers, anew; what is the buyer's own stays. */
export function withRoomPromo(promo, { offers = [], draws = [] }) {
  // An offer that is not the room's may still explain a coupon that he has.
  const held = new Set(Object.values(promo.coupons).map((coupon) => coupon.campaign));
  const kept = Object.values(promo.offers).filter((offer) => held.has(offer.campaign));
  const fresh = { ...promo, offers: {}, draws: {} };
  const known = [...kept, ...offers].reduce(withOffer, fresh);
  return draws.reduce(withDraw, known);
}

/** All that is his own, as a join or a resume has it. */
export function withOwn(promo, own) {
  const { coupons = [], granted = [], progress = [] } = own;
  const fresh = {
    ...promo, granted, reminders: own.campaign_reminders ?? [], coupons: {},
    entered: own.entered ?? [],
  };
  const seen = progress.reduce(withProgress, fresh);
  return coupons.map((it) => newest(promo.coupons[it.coupon], it)).reduce(withCoupon, seen);
}

export function withOffer(promo, offer) {
  const known = promo.offers[offer.campaign];
  if (known && known.version > offer.version) return promo;
  return { ...promo, offers: { ...promo.offers, [offer.campaign]: offer } };
}

export function withCoupon(promo, coupon) {
  const next = newest(promo.coupons[coupon.coupon], coupon);
  return { ...promo, coupons: { ...promo.coupons, [coupon.coupon]: next } };
}

export function withDraw(promo, draw) {
  const next = newest(promo.draws[draw.draw], draw);
  return { ...promo, draws: { ...promo.draws, [draw.draw]: next } };
}

function withProgress(promo, progress) {
  const known = promo.progress[progress.campaign];
  if (known && known.watched_ms > progress.watched_ms) return promo;
  return { ...promo, progress: { ...promo.progress, [progress.campaign]: progress } };
}

function newest(known, copy) {
  return known && known.version > copy.version ? known : copy;
}

const added = (list, id) => (list.includes(id) ? list : [...list, id]);

const PUSHES = {
  "room.coupon": (promo, { offer, shown }) => {
    const next = withOffer(promo, offer);
    return shown ? { ...next, shown: offer.campaign } : next;
  },
  "coupon.offered": (promo, { offer }) => ({ ...withOffer(promo, offer), shown: offer.campaign }),
  "coupon.granted": (promo, { offer }) => ({
    ...withOffer(promo, offer), granted: added(promo.granted, offer.campaign),
    shown: offer.campaign,
  }),
  "coupon.progress": (promo, push) => withProgress(promo, push.progress),
  "coupon.changed": (promo, push) => withCoupon(promo, push.coupon),
  "room.draw": (promo, push) => withDraw(promo, push.draw),
  "draw.entered": (promo, { draw }) => ({ ...promo, entered: added(promo.entered, draw) }),
  "draw.won": (promo, push) => ({ ...promo, won: { ...promo.won, [push.draw]: push.address_by } }),
  "draw.forfeited": (promo, { draw }) => {
    const { [draw]: _, ...won } = promo.won;
    return { ...promo, won };
  },
};

/** What is known after a push; one of an unknown type changes nothing. */
export function withPromoPush(promo, push) {
  const change = Object.hasOwn(PUSHES, push.type) ? PUSHES[push.type] : undefined;
  return change ? change(promo, push) : promo;
}

// --- what the page shows of it

/** Coupons that he has of a campaign and can still use. */
export function heldOf(promo, campaign) {
  return Object.values(promo.coupons)
    .filter((it) => it.campaign === campaign && OWN.has(it.state.kind));
}

/**
 * What can be done about an offer: `remind`, `reminded`, `claim`, `watch` (his watch task runs),
 * `held`, `gone` or `none`.
 */
export function offerAction(promo, offer) {
  const { campaign } = offer;
  if (heldOf(promo, campaign).length >= offer.per_buyer) return "held";
  if (offer.state === "announced") {
    return promo.reminders.includes(campaign) ? "reminded" : "remind";
  }
  if (!OPEN.has(offer.state)) return "none";
  if (offer.left === 0) return "gone";
  const done = promo.granted.includes(campaign) || promo.progress[campaign]?.completed;
  return offer.task.kind === "watch" && !done ? "watch" : "claim";
}

/** Offers to show: those one can do something about, and those he has a coupon of. */
export function shownOffers(promo) {
  const rank = { claim: 0, watch: 1, remind: 2, reminded: 3, held: 4, gone: 5, none: 6 };
  const isShown = (it) => !OVER.has(it.state) || heldOf(promo, it.campaign).length > 0;
  const place = (it) => rank[offerAction(promo, it)];
  return Object.values(promo.offers).filter(isShown)
    .sort((a, b) => place(a) - place(b) || b.version - a.version);
}

/** Draws to show: the one that runs, then the latest. */
export function shownDraws(promo) {
  const closed = (it) => (it.state === "running" ? 0 : 1);
  return Object.values(promo.draws)
    .sort((a, b) => closed(a) - closed(b) || b.closes_at - a.closes_at)
    .slice(0, 3);
}

/** How far a watch task is, from 0 to 1. */
export function watchedShare(promo, { campaign, task }) {
  const needed = task.needed_ms;
  const watched = promo.progress[campaign]?.watched_ms ?? 0;
  return needed > 0 ? Math.min(1, watched / needed) : 1;
}

/** His prize that waits for an address: until when; undefined if there is none. */
export function prizeOpenUntil(promo, draw, user) {
  const own = draw.winners.find((winner) => winner.buyer === user);
  if (own) return own.prize.kind === "open" ? own.prize.address_by : undefined;
  return promo.won[draw.draw];
}

/** `10% off, at most $10.00`: the highest tier first. */
export function discountText(discount, currency, locale) {
  const money = (minor) => moneyText(minor, currency, locale);
  const from = (min) => (min > 0 ? ` from ${money(min)}` : "");
  const most = discount.max_discount_minor;
  switch (discount.kind) {
    case "amount":
      return discount.tiers.map((it) => `${money(it.off_minor)} off${from(it.min_spend_minor)}`)
        .join(", ");
    case "percent":
      return `${discount.tiers.map((it) => `${it.off_bps / 100}% off${from(it.min_spend_minor)}`)
        .join(", ")}, at most ${money(most)}`;
    case "fixed_price":
      return discount.tiers
        .map((it) => `one piece for ${money(it.price_minor)}${from(it.min_spend_minor)}`)
        .join(", ");
    case "free_shipping":
      return `free shipping${from(discount.min_spend_minor ?? 0)}`;
    default:
      return discount.kind;
  }
}

export function taskText(task) {
  switch (task.kind) {
    case "follow": return "for followers: follow the shop first";
    case "comment": return `say “${task.keyword}” in the comments first`;
    case "watch": return `watch for ${durationText(task.needed_ms)} first`;
    case "purchase": return "buy something first";
    default: return "";
  }
}

const AUDIENCE_TEXT = {
  new_buyer: "new buyers", returning: "returning buyers", follower: "followers",
  new_follower: "new followers", named: "invited buyers", room_viewer: "viewers of the room",
};

export function audienceText(audience) {
  const names = audience.map(({ kind, negated }) => {
    return `${negated ? "not " : ""}${AUDIENCE_TEXT[kind] ?? kind}`;
  });
  return names.length > 0 ? `for ${names.join(" and ")}` : "";
}

export function validityText(validity, locale) {
  if (validity.kind === "for") return `good for ${durationText(validity.span_ms)}`;
  return `good until ${new Date(validity.at).toLocaleString(locale)}`;
}

/** `2 days`, `1 hour`, `90 s`: the largest unit that fits. */
export function durationText(ms) {
  const units = [["day", DAY_MS], ["hour", HOUR_MS], ["minute", 60_000]];
  const [name, span] = units.find(([, span]) => ms >= span && ms % span === 0) ?? [];
  if (name === undefined) return ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : spanText(ms);
  return ms === span ? `1 ${name}` : `${ms / span} ${name}s`;
}

const WHY_TEXT = {
  coupons_gone: "Every coupon is claimed.",
  budget_spent: "What is left of the budget is too little for another one.",
  coupon_limit: "You have had as many as a buyer may have.",
  campaign_ended: "It is over.",
  campaign_not_ready: "It is not open yet.",
  campaign_not_in_room: "It is not given in this room.",
};

/** Why a claim was refused, for the buyer. */
export function refusalText({ code, message, refusal = {} }) {
  if (code === "not_eligible") {
    const rule = refusal.rule ? AUDIENCE_TEXT[refusal.rule] ?? refusal.rule : "others";
    return `It is for ${rule}.`;
  }
  if (code === "task_open" && refusal.needed_ms > 0) {
    const left = refusal.needed_ms - (refusal.watched_ms ?? 0);
    return `Watch for another ${spanText(left)} first.`;
  }
  return WHY_TEXT[code] ?? `${message}.`;
}

const SOURCE_TEXT = {
  live_flash: "flash sale", creator_flash: "the streamer's price", live_fixed: "live price",
  campaign: "campaign price", flash: "flash price", product_discount: "reduced",
  items_discount: "for several",
};
const LAYER_TEXT = {
  item_price: "price", item_subsidy: "from the platform", seller_coupon: "coupon",
  platform_coupon: "platform coupon", shipping: "shipping",
};

/**
 * A price explained: rows of a text and an amount in minor units, with `kind` `line`, `off` or
 * `sum`. `titleOf(sku)` and `couponTitle(campaign)` say what things are called.
 */
export function quoteRows(quote, titleOf, couponTitle) {
  const rows = quote.lines.flatMap((line) => [
    { kind: "line", text: `${line.quantity} × ${titleOf(line.sku)}`,
      minor: line.quantity * line.list_price_minor },
    ...line.parts.map((part) => ({
      kind: "off", text: partText(part, line, couponTitle), minor: -part.amount_minor,
    })),
  ]);
  if (quote.shipping_fee_minor > 0) {
    rows.push({ kind: "line", text: "Shipping", minor: quote.shipping_fee_minor });
  }
  const off = quote.shipping_off;
  if (off) {
    rows.push({ kind: "off", text: partText(off, {}, couponTitle), minor: -off.amount_minor });
  }
  return [...rows, { kind: "sum", text: "To pay", minor: quote.total_minor }];
}

function partText(part, line, couponTitle) {
  const { because, layer } = part;
  const text = {
    coupon: () => couponTitle(because.campaign) ?? LAYER_TEXT[layer],
    sale: () => SOURCE_TEXT.live_flash,
    free_over: () => "free shipping for this much",
    rule: () => (layer === "item_price" && SOURCE_TEXT[line.source]) || LAYER_TEXT[layer],
  }[because.kind]?.() ?? LAYER_TEXT[layer];
  return part.funder === "platform" ? `${text} (the platform pays)` : text;
}
