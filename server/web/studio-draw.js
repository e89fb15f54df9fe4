// Puts the streamer's room on the page: figures, sales, coupons, draws, comments. Owns the elements
// of the studio; decides nothing, sends nothing. What people wrote is text, never markup.

import { button, byId, keyed, make, setActions, setText } from "./elements.js";
import { audienceText, discountText, durationText, taskText } from "./promo.js";
import { liveMs, moneyText, skuTitle, spanText } from "./room.js";
import {
  budgetShare, campaignSteps, roomSteps, saleSteps, studioCampaigns, studioSales,
} from "./studio.js";

const COMMENTS_SHOWN = 60;
/** What cannot be undone, or costs money, stands apart. */
const MAIN = new Set([
  "room.start", "room.resume", "sale.announce", "sale.start", "coupon.open", "coupon.push",
]);

/** `studio`: what is known; `now` is the server's clock. */
export function drawStudio(studio, now) {
  drawHead(studio, now);
  drawFigures(studio);
  drawProducts(studio);
  drawSales(studio, now);
  drawCampaigns(studio);
  drawDraws(studio, now);
  drawComments(studio);
}

function buttonsOf(steps, of, title) {
  return steps.map(([request, text]) => {
    return button(text, request, of, title ? `${text}: ${title}` : "", MAIN.has(request));
  });
}

function drawHead({ state }, now) {
  const { room } = state;
  byId("no-room").hidden = room !== null;
  byId("stage").hidden = room === null;
  byId("room-state").hidden = room === null;
  if (!room) return;
  setText(byId("title"), room.title);
  setText(byId("room-state"), room.state);
  byId("room-state").dataset.state = room.state;
  setText(byId("clock"), room.state === "scheduled" ? "–" : spanText(liveMs(room, now)));
  setText(byId("viewers"), state.viewers.toLocaleString());
  setText(byId("peak"), Math.max(state.viewersPeak, state.viewers).toLocaleString());
  setText(byId("likes"), state.likes.toLocaleString());
  const steps = roomSteps(room);
  setActions(byId("room-actions"), room.state, () => buttonsOf(steps, {}, ""));
  const slow = byId("slow");
  if (document.activeElement !== slow) slow.value = String(room.slow_mode_ms);
}

function drawFigures({ figures }) {
  byId("figures-card").hidden = !figures;
  if (!figures) return;
  const { currency, promo } = figures;
  const money = (minor) => moneyText(minor, currency);
  const pairs = [
    ["Joined", figures.joins.toLocaleString()], ["Comments", figures.comments.toLocaleString()],
    ["On hold", figures.reserved.toLocaleString()], ["Sold", figures.sold.toLocaleString()],
    ["Paid", money(figures.revenue_paid_minor)],
    ["Coupons, we pay", money(promo?.seller_minor ?? 0)],
    ["Platform pays", money(promo?.platform_minor ?? 0)],
    ["Watched for tasks", durationText(Math.floor((promo?.watched_ms ?? 0) / 60_000) * 60_000)],
  ];
  keyed(byId("figures"), pairs, ([name]) => name, ([name]) => {
    const row = { element: make("div"), value: make("dd") };
    row.element.append(make("dt", "", name), row.value);
    return row;
  }, (row, [, value]) => setText(row.value, value));
}

function drawProducts({ state }) {
  const skus = Object.values(state.products).flatMap((product) => product.skus);
  byId("no-products").hidden = skus.length > 0;
  keyed(byId("products"), skus, (it) => it.sku, makeRow, (row, sku) => {
    const pinned = state.pinned?.sku === sku.sku;
    setText(row.title, skuTitle(state, sku.sku));
    const stock = sku.stock === "unlimited" ? "unlimited" : `${sku.stock.units.toLocaleString()}`;
    setText(row.state, pinned ? "pinned" : "");
    row.state.hidden = !pinned;
    setText(row.what, `${moneyText(sku.price_minor, state.currency)} · ${stock} in stock`);
    const steps = [pinned ? ["room.unpin", "Unpin"] : ["room.pin", "Pin"], ["sale.new", "Sell"]];
    const of = { sku: sku.sku };
    setActions(row.actions, String(pinned), () => buttonsOf(steps, of, skuTitle(state, sku.sku)));
  });
}

function makeRow() {
  const row = {
    element: make("li", "thing"), title: make("h3"), state: make("span", "state"),
    what: make("p", "quiet number"), more: make("p", "quiet number"), share: make("progress"),
    actions: make("div", "actions"),
  };
  const head = make("div", "row spread");
  head.append(row.title, row.state);
  row.share.max = 1;
  row.share.hidden = true;
  row.more.hidden = true;
  row.element.append(head, row.what, row.share, row.more, row.actions);
  return row;
}

function drawSales({ state }, now) {
  const sales = studioSales(state.sales);
  byId("no-sales").hidden = sales.length > 0;
  keyed(byId("sales"), sales, (it) => it.sale, makeRow, (row, sale) => {
    setText(row.title, sale.title);
    setText(row.state, sale.state.replace("_", " "));
    row.state.dataset.state = sale.state;
    const [item] = sale.items;
    const price = item.price_minor === undefined ? "" : moneyText(item.price_minor, sale.currency);
    const units = `${item.sold} sold, ${item.reserved} on hold, ${item.available} left`;
    const wait = item.waitlist_length > 0 ? `, ${item.waitlist_length} waiting` : "";
    setText(row.what, `${price} · ${units} of ${item.total}${wait}`);
    setText(row.more, saleMoment(sale, now));
    row.more.hidden = row.more.textContent === "";
    const of = { sale: sale.sale, sku: item.sku };
    setActions(row.actions, sale.state, () => buttonsOf(saleSteps(sale), of, sale.title));
  });
}

function saleMoment({ state, starts_at: starts, ends_at: ends, draw }, now) {
  const drawn = draw ? `first ${durationText(draw.window_ms)} drawn` : "";
  const moment = state === "announced" ? `starts in ${spanText(starts - now)}`
    : state === "live" || state === "sold_out" ? `ends in ${spanText(ends - now)}` : "";
  return [moment, drawn].filter((part) => part !== "").join(" · ");
}

function drawCampaigns({ campaigns, figures }) {
  const shown = studioCampaigns(campaigns);
  byId("no-campaigns").hidden = shown.length > 0;
  const live = Object.fromEntries((figures?.promo?.campaigns ?? []).map((it) => [it.campaign, it]));
  keyed(byId("campaigns"), shown, (it) => it.campaign, makeRow, (row, campaign) => {
    const { counts, money, watch } = live[campaign.campaign] ?? campaign;
    setText(row.title, campaign.title);
    setText(row.state, campaign.state);
    row.state.dataset.state = campaign.state === "open" ? "live" : campaign.state;
    const parts = [
      discountText(campaign.discount, campaign.currency), audienceText(campaign.audience),
      taskText(campaign.task),
    ];
    setText(row.what, parts.filter((part) => part !== "").join(" · "));
    row.share.hidden = false;
    row.share.value = budgetShare({ ...campaign, money });
    row.share.setAttribute("aria-label", "Budget");
    row.more.hidden = false;
    setText(row.more, funnelText(campaign, counts, money, watch));
    const of = { campaign: campaign.campaign };
    const steps = campaignSteps(campaign);
    setActions(row.actions, campaign.state, () => buttonsOf(steps, of, campaign.title));
  });
}

function funnelText(campaign, counts, money, watch) {
  const amount = (minor) => moneyText(minor, campaign.currency);
  const parts = [
    watch ? `${watch.started} began` : "",
    campaign.task.kind === "none" ? "" : `${counts.completed} did the task`,
    `${counts.claimed} of ${campaign.claims_total} claimed`, `${counts.used} used`,
    `${amount(money.spent_minor)} spent, ` +
      `${amount(money.locked_minor + money.claimed_minor)} set aside ` +
      `of ${amount(campaign.budget_minor)}`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

function drawDraws({ draws }, now) {
  const shown = Object.values(draws).sort((a, b) => b.closes_at - a.closes_at).slice(0, 4);
  byId("no-draws").hidden = shown.length > 0;
  keyed(byId("draws"), shown, (it) => it.draw, makeRow, (row, draw) => {
    setText(row.title, draw.title);
    setText(row.state, draw.state);
    row.state.dataset.state = draw.state === "running" ? "live" : draw.state;
    const left = draw.state === "running" ? `drawn in ${spanText(draw.closes_at - now)}` : "";
    const count = draw.eligible === undefined ? "" : `${draw.eligible} count`;
    const parts = [`${draw.entries} take part`, count, `${draw.winners_max} to win`, left];
    setText(row.what, parts.filter((part) => part !== "").join(" · "));
    setText(row.more, draw.winners.map((it) => `${it.buyer} (${it.prize.kind})`).join(", "));
    row.more.hidden = draw.winners.length === 0;
    const of = { draw: draw.draw };
    const steps = draw.state === "closed" ? [["draw.close", "Draw it"]] : [];
    setActions(row.actions, draw.state, () => buttonsOf(steps, of, draw.title));
  });
}

let drawn = null;

function drawComments({ state }) {
  if (state.comments === drawn) return;
  drawn = state.comments;
  const list = byId("comments");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  keyed(list, state.comments.slice(-COMMENTS_SHOWN), (it) => it.comment, (comment) => {
    const element = make("li", comment.role ? "staff" : "");
    const of = { comment: comment.comment, user: comment.user };
    const act = make("span", "moderate");
    if (!comment.role) {
      act.append(button("Delete", "room.delete_comment", of, `Delete what ${comment.name} said`),
        button("Mute", "room.mute", of, `Mute ${comment.name}`),
        button("Ban", "room.ban", of, `Ban ${comment.name}`));
    }
    element.append(make("span", "author", comment.name), make("span", "text", comment.text), act);
    return { element };
  }, () => {});
  if (atEnd) list.scrollTop = list.scrollHeight;
}
