// What a streamer's forms become on the wire, which steps a thing can take next, and how figures
// read. Pure: no page, no socket, no clock.

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
/** Behind everything that is still to come. */
const OVER = 3;
const OVER_SHOWN = 3;

/** Minor units of an amount as people write it. */
export function minorOf(amount, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return Math.round(amount * 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** As people write it. */
export function majorOf(minor, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return minor / 10 ** format.resolvedOptions().maximumFractionDigits;
}

/** What is done to a room in each of its states: the request and its words. */
export function roomSteps(room) {
  return {
    scheduled: [["room.start", "Go live"]],
    live: [["room.pause", "Pause"], ["room.end", "End it"]],
    paused: [["room.resume", "Go on"], ["room.end", "End it"]],
  }[room?.state] ?? [];
}

export function saleSteps(sale) {
  const off = ["sale.cancel", "Call off"];
  const [restock, end] = [["sale.restock", "Add stock"], ["sale.end", "End it"]];
  return {
    draft: [["sale.announce", "Announce"], off],
    scheduled: [["sale.announce", "Announce"], off],
    announced: [["sale.start", "Start now"], off],
    live: [restock, end, off],
    sold_out: [restock, end],
  }[sale.state] ?? [];
}

export function campaignSteps(campaign) {
  const [push, some] = [["coupon.push", "Show to all"], ["push.some", "Show to some"]];
  const [end, revoke] = [["coupon.end", "End it"], ["coupon.revoke", "Take back"]];
  return {
    draft: [["coupon.announce", "Announce"], ["coupon.open", "Open"]],
    announced: [["coupon.open", "Open"], end],
    open: [push, some, end, revoke],
    ending: [end, revoke],
    ended: [revoke],
  }[campaign.state] ?? [];
}

export function saleSpec(form, room, currency) {
  const item = {
    sku: form.sku, total: form.total, per_buyer: form.per_buyer,
    price_minor: minorOf(form.price, currency),
  };
  const drawn = form.draw_s > 0 ? { draw_window_ms: Math.round(form.draw_s * 1000) } : {};
  return {
    title: form.title, scope: { rooms: [room] }, items: [item],
    countdown_ms: form.countdown_s * 1000, run_ms: form.run_s * 1000, ...drawn,
  };
}

/** Who sees or claims it, by a word of the forms. */
export function audienceOf(word) {
  const rules = {
    everybody: [],
    new_buyers: [{ kind: "new_buyer", window_ms: YEAR_MS }],
    returning: [{ kind: "returning", window_ms: YEAR_MS }],
    followers: [{ kind: "follower" }],
    viewers: [{ kind: "room_viewer" }],
  };
  return rules[word].map((audience) => ({ audience }));
}

export const AUDIENCES = [
  ["everybody", "everybody"], ["new_buyers", "new buyers"], ["returning", "returning buyers"],
  ["followers", "followers"],
];

/** A task by its word; `detail` is its minutes or its word to say. */
export function taskOf(word, detail) {
  if (word === "watch") return { kind: "watch", needed_ms: Math.round(Number(detail) * 60_000) };
  return word === "comment" ? { kind: "comment", keyword: detail } : { kind: word };
}

/** The most that one coupon of this form takes off. */
function worstOf(form, currency) {
  return minorOf(form.kind === "amount" ? form.value : form.most, currency);
}

function discountOf(form, currency) {
  const min_spend_minor = minorOf(form.min, currency);
  const max_discount_minor = worstOf(form, currency);
  if (form.kind === "amount") {
    const off_minor = minorOf(form.value, currency);
    return { kind: "amount", tiers: [{ min_spend_minor, off_minor }] };
  }
  if (form.kind === "free_shipping") {
    return { kind: "free_shipping", min_spend_minor, max_discount_minor };
  }
  const off_bps = Math.round(form.value * 100);
  return { kind: "percent", tiers: [{ min_spend_minor, off_bps }], max_discount_minor };
}

/** Its budget is what all of its coupons cost at the worst, unless the form has another. */
export function campaignSpec(form, room, currency) {
  const budget = form.budget > 0 ? minorOf(form.budget, currency) : form.claims *
    worstOf(form, currency);
  return {
    title: form.title, discount: discountOf(form, currency), rooms: { rooms: [room] },
    audience: audienceOf(form.audience), task: taskOf(form.task, form.detail),
    validity: { kind: "for", span_ms: Math.round(form.days * DAY_MS) },
    claims_total: form.claims, per_buyer: form.per_buyer, budget_minor: budget,
  };
}

export function drawSpec(form, room) {
  return {
    room, title: form.title, winners: form.winners, task: taskOf(form.task, form.detail),
    run_ms: form.run_s * 1000, next_in_order: form.next_in_order,
  };
}

/** Sales of the room: what runs first, then what is planned, then what is over. */
export function studioSales(sales) {
  const rank = { live: 0, sold_out: 0, announced: 1, scheduled: 2, draft: 2 };
  return inOrder(Object.values(sales), (sale) => rank[sale.state] ?? OVER);
}

/** Coupon campaigns: the open ones first, the latest change first. */
export function studioCampaigns(campaigns) {
  const rank = { open: 0, announced: 1, ending: 1, draft: 2 };
  return inOrder(Object.values(campaigns), (campaign) => rank[campaign.state] ?? OVER);
}

/** Of what is over only the latest few. */
function inOrder(things, rankOf) {
  const sorted = things.sort((a, b) => rankOf(a) - rankOf(b) || b.version - a.version);
  const over = sorted.filter((it) => rankOf(it) === OVER).slice(OVER_SHOWN);
  return sorted.filter((it) => !over.includes(it));
}

/** The share of a budget that is spent or set aside, from 0 to 1. */
export function budgetShare({ budget_minor: budget, money }) {
  const used = money.spent_minor + money.locked_minor + money.claimed_minor;
  return budget > 0 ? Math.min(1, used / budget) : 0;
}

/** The newer of two copies by its key. */
export function withNewer(things, key, copy) {
  const known = things[copy[key]];
  return known && known.version > copy.version ? things : { ...things, [copy[key]]: copy };
}
