// Puts offers, coupons, draws and explained prices on the page. Owns the elements of its lists;
// decides nothing, sends nothing. Titles are set as text, never as markup.

import { button, keyed, make, setActions, setText } from "./elements.js";
import {
  audienceText, discountText, heldOf, offerAction, prizeOpenUntil, quoteRows, taskText,
  validityText, watchedShare,
} from "./promo.js";
import { moneyText, spanText } from "./room.js";

const DRAW_TEXT = { running: "running", closed: "being drawn", drawn: "drawn", done: "done" };

/** `reasons` says why a claim was refused, by campaign. */
export function drawOffers(list, offers, promo, reasons, now) {
  keyed(list, offers, (it) => it.campaign, makeOffer, (row, offer) => {
    drawOffer(row, offer, promo, reasons, now);
  });
}

function makeOffer() {
  const row = {
    element: make("li", "offer"),
    title: make("h3"),
    state: make("span", "state"),
    what: make("p"),
    terms: make("p", "quiet"),
    watched: make("p", "quiet number"),
    progress: make("progress"),
    reason: make("p", "reason"),
    actions: make("div", "actions"),
  };
  const head = make("div", "row spread");
  head.append(row.title, row.state);
  row.progress.max = 1;
  row.progress.setAttribute("aria-label", "How far you are");
  row.reason.setAttribute("role", "status");
  row.element.append(
    head, row.what, row.terms, row.watched, row.progress, row.reason, row.actions,
  );
  return row;
}

function drawOffer(row, offer, promo, reasons, now) {
  const { campaign } = offer;
  const action = offerAction(promo, offer);
  setText(row.title, offer.title);
  setText(row.state, stateText(action, offer));
  row.state.dataset.state = { claim: "live", held: "paid" }[action] ?? offer.state;
  setText(row.what, discountText(offer.discount, offer.currency));
  setText(row.terms, termsText(offer, now));
  const watches = action === "watch";
  row.watched.hidden = !watches;
  row.progress.hidden = !watches;
  if (watches) {
    const watched = promo.progress[campaign]?.watched_ms ?? 0;
    setText(row.watched, `Watched ${spanText(watched)} of ${spanText(offer.task.needed_ms)}`);
    row.progress.value = watchedShare(promo, offer);
  }
  setText(row.reason, reasons[campaign] ?? heldText(promo, campaign));
  row.reason.hidden = row.reason.textContent === "";
  row.reason.dataset.refused = String(campaign in reasons);
  setActions(row.actions, JSON.stringify([action, offer.task.kind, offer.title]), () => {
    return offerButtons(action, offer);
  });
}

function offerButtons(action, { campaign, title, task }) {
  const of = { campaign };
  const claim = button("Claim", "coupon.claim", of, `Claim: ${title}`, true);
  const follow = button("Follow the shop", "shop.follow", {}, "");
  return {
    claim: () => (task.kind === "follow" ? [follow, claim] : [claim]),
    remind: () => [button("Remind me", "coupon.remind", of, `Remind me: ${title}`)],
  }[action]?.() ?? [];
}

function stateText(action, offer) {
  return {
    held: "yours", gone: "all gone", remind: "soon", reminded: "you will be told", none: "over",
  }[action] ?? `${offer.left.toLocaleString()} left`;
}

function termsText(offer, now) {
  const { opens_at: opens, closes_at: closes } = offer;
  const parts = [
    audienceText(offer.audience), taskText(offer.task), validityText(offer.validity),
    offer.state === "announced" && opens > now ? `opens in ${spanText(opens - now)}` : "",
    offer.state === "open" && closes > now ? `ends in ${spanText(closes - now)}` : "",
    offer.funder === "platform" ? "paid by the platform" : "",
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

function heldText(promo, campaign) {
  const held = heldOf(promo, campaign);
  if (held.length === 0) return "";
  const until = new Date(Math.min(...held.map((it) => it.expires_at))).toLocaleString();
  const locked = held.every((it) => it.state.kind === "locked");
  return locked ? "In your purchase." : `You have it, until ${until}.`;
}

/** `user` is who looks. */
export function drawDraws(list, draws, promo, user, now) {
  keyed(list, draws, (it) => it.draw, makeDraw, (row, draw) => {
    drawDraw(row, draw, promo, user, now);
  });
}

function makeDraw() {
  const row = {
    element: make("li", "draw"),
    title: make("h3"),
    state: make("span", "state"),
    countdown: make("p", "countdown"),
    what: make("p", "quiet number"),
    result: make("p"),
    actions: make("div", "actions"),
    proof: make("details"),
    hash: make("p", "hash"),
    seed: make("p", "hash"),
  };
  const head = make("div", "row spread");
  head.append(row.title, row.state);
  row.result.setAttribute("role", "status");
  row.proof.append(make("summary", "quiet", "Check it"), row.hash, row.seed);
  row.element.append(head, row.countdown, row.what, row.result, row.actions, row.proof);
  return row;
}

function drawDraw(row, draw, promo, user, now) {
  setText(row.title, draw.title);
  setText(row.state, DRAW_TEXT[draw.state] ?? draw.state);
  const running = draw.state === "running";
  row.state.dataset.state = running ? "live" : draw.state;
  row.countdown.hidden = !running;
  setText(row.countdown, `drawn in ${spanText(draw.closes_at - now)}`);
  const winners = draw.winners_max === 1 ? "1 winner" : `${draw.winners_max} winners`;
  const entries = `${draw.entries.toLocaleString()} take part`;
  const task = taskText(draw.task);
  setText(row.what, [winners, entries, task].filter((part) => part !== "").join(" · "));
  const entered = promo.entered.includes(draw.draw);
  const until = prizeOpenUntil(promo, draw, user);
  setText(row.result, resultText(draw, entered, until, user));
  row.result.hidden = row.result.textContent === "";
  const action = drawAction(draw, entered, until);
  setActions(row.actions, JSON.stringify([action, draw.title]), () => {
    const of = { draw: draw.draw };
    return {
      enter: () => [button("Take part", "draw.enter", of, `Take part: ${draw.title}`, true)],
      address: () => [button("Say where it goes", "draw.address", of, "", true)],
      none: () => [],
    }[action]();
  });
  setText(row.hash, `SHA-256 of the seed: ${draw.seed_hash}`);
  setText(row.seed, draw.seed ? `Seed: ${draw.seed}` : "The seed is shown with the winners.");
}

function drawAction(draw, entered, until) {
  if (until !== undefined) return "address";
  const enters = draw.state === "running" && !entered;
  // A comment or a purchase enters by itself.
  return enters && draw.task.kind !== "comment" && draw.task.kind !== "purchase" ? "enter" : "none";
}

function resultText(draw, entered, until, user) {
  if (draw.state === "running") return entered ? "You are in. Stay until it is drawn." : "";
  if (until !== undefined) {
    return `You won! Say where it goes by ${new Date(until).toLocaleString()}.`;
  }
  if (draw.state === "closed") return "";
  const own = draw.winners.find((it) => it.buyer === user);
  if (own?.prize.kind === "claimed") return "You won. It is on its way.";
  if (own) return "Your prize is lost.";
  if (draw.winners.length === 0) return "Nobody won.";
  const names = draw.winners.slice(0, 5).map((it) => it.buyer);
  const more = draw.winners.length - names.length;
  return `Won by ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}

/** A table that says line by line why it costs what it costs. */
export function priceTable(quote, titleOf, couponTitle) {
  const table = make("table", "price");
  for (const { kind, text, minor } of quoteRows(quote, titleOf, couponTitle)) {
    const row = make("tr", kind);
    const head = make("th", "", text);
    head.setAttribute("scope", "row");
    row.append(head, make("td", "number", moneyText(minor, quote.currency)));
    table.append(row);
  }
  return table;
}

/** The price of an order, folded up; nothing for one of before prices were explained. */
export function priceDetails(order, titleOf, couponTitle) {
  if (!order.quote) return [];
  const details = make("details");
  details.append(make("summary", "quiet", "Why it costs that"),
    priceTable(order.quote, titleOf, couponTitle));
  return [details];
}
