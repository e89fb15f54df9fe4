// The viewer's coupons and draws: keeps them up to date, claims, enters, and explains a price
// before it is ordered. Owns the wiring of their part of the page; looks are for promo-draw.js.

import { askFor } from "./dialog.js";
import { byId } from "./elements.js";
import { drawDraws, drawOffers, priceTable } from "./promo-draw.js";
import {
  emptyPromo, heldOf, offerAction, refusalText, shownDraws, shownOffers, withCoupon, withDraw,
  withOffer, withOwn, withPromoPush, withRoomPromo,
} from "./promo.js";

const UNITS_MAX = 10;
const NOTHING = new Set(["gone", "none"]);
const NEWS = {
  "coupon.granted": ({ offer }) => `you may claim: ${offer.title}`,
  "coupon.reminder": ({ text }) => text || "a coupon is about to open",
  "draw.won": () => "you won: say where the prize goes",
  "draw.forfeited": () => "your prize is lost: no address came in time",
  "sale.not_drawn": () => "your early claim got nothing: others were drawn",
};

export class PromoPanel {
  #promo = emptyPromo();
  /** Why a claim was refused, by campaign. */
  #reasons = {};
  #page;

  /**
   * `page`: `shop`; `user()`, `room()` and `link()` as they are now; `titleOf(sku)`; `address()`,
   * where parcels go; `redraw()`, `refused(error)`, `answer(code, text)`.
   */
  constructor(page) {
    this.#page = page;
    for (const list of ["offers", "draws", "spotlight-offer"]) {
      byId(list).addEventListener("click", (event) => this.#onClick(event));
    }
    byId("spotlight-close").addEventListener("click", () => this.#hide());
  }

  onSnapshot(snapshot) {
    this.#change(withRoomPromo(this.#promo, snapshot));
  }

  onMe(me) {
    this.#change(withOwn(this.#promo, me));
    this.#read();
  }

  onPush(push) {
    this.#change(withPromoPush(this.#promo, push));
    if (push.type === "coupon.changed" || push.type === "coupon.granted") {
      this.#reasons = without(this.#reasons, push.coupon?.campaign ?? push.offer.campaign);
    }
    const text = Object.hasOwn(NEWS, push.type) ? NEWS[push.type](push) : undefined;
    if (text) this.#page.answer(push.type, text);
  }

  /** What a campaign is called, if that is known. */
  titleOf(campaign) {
    return this.#promo.offers[campaign]?.title;
  }

  /** What the coupons are of that he has, also where the room does not offer them. */
  async #read() {
    try {
      const { offers } = await this.#request("coupon.list", { room: this.#page.room() });
      this.#change(offers.reduce(withOffer, this.#promo));
    } catch {
      // The room's own offers came with it; the next join reads the others.
    }
  }

  #change(promo) {
    this.#promo = promo;
    this.#page.redraw();
  }

  #request(type, fields) {
    const { link, shop } = this.#page;
    const room = fields.room ?? undefined;
    return link().request(type, { shop, ...fields, ...(room ? { room } : {}) });
  }

  #hide() {
    this.#change({ ...this.#promo, shown: null });
  }

  async #onClick(event) {
    const pressed = event.target.closest("button[data-request]");
    if (!pressed || pressed.getAttribute("aria-busy") === "true") return;
    pressed.setAttribute("aria-busy", "true");
    const { request, campaign, draw } = pressed.dataset;
    try {
      await this.#act(request, campaign, draw);
      this.#reasons = without(this.#reasons, campaign);
    } catch (error) {
      if (request === "coupon.claim") this.#reasons[campaign] = refusalText(error);
      this.#page.refused(error);
    }
    pressed.removeAttribute("aria-busy");
    this.#page.redraw();
  }

  async #act(request, campaign, draw) {
    if (request === "coupon.claim") {
      const room = this.#page.room();
      const { coupon } = await this.#request("coupon.claim", { campaign, room });
      this.#change(withCoupon(this.#promo, coupon));
      this.#page.answer("ok", "the coupon is yours: it is used where it takes off most");
    } else if (request === "coupon.remind") {
      await this.#request("coupon.remind", { campaign });
      this.#change({ ...this.#promo, reminders: [...this.#promo.reminders, campaign] });
    } else if (request === "shop.follow") {
      await this.#request("shop.follow", {});
      this.#page.answer("ok", "you follow the shop");
    } else if (request === "draw.enter") {
      const ok = await this.#request("draw.enter", { draw });
      const entered = [...this.#promo.entered, draw];
      this.#change(withDraw({ ...this.#promo, entered }, ok.draw));
      this.#page.answer("ok", "you are in the draw: stay until it closes");
    } else if (request === "draw.address") {
      await this.#sayAddress(draw);
    }
  }

  async #sayAddress(draw) {
    const { title } = this.#promo.draws[draw];
    const known = this.#page.address();
    const text = (name, label, value, max) => ({ name, label, kind: "text", value, max });
    const filled = await askFor({
      title: `Where shall it go: ${title}`, yes: "Send it there", fields: [
        text("name", "Name", known.name, 100), text("phone", "Phone", known.phone, 40),
        text("line", "Street", known.lines[0], 200), text("city", "City", known.city, 100),
        text("postcode", "Postcode", known.postcode, 20),
        text("country", "Country, two letters", known.country, 2),
      ],
    });
    if (!filled) return;
    const { line, ...rest } = filled;
    const ok = await this.#request("draw.address", { draw, address: { ...rest, lines: [line] } });
    this.#change(withDraw({ ...this.#promo, won: without(this.#promo.won, draw) }, ok.draw));
    this.#page.answer("ok", "the prize is on its way");
  }

  /**
   * Explains what a basket costs, until it is ordered or left: what goes into the order, or null.
   * `basketOf(quantity)` makes the basket; without `units` there is no choice of how many.
   */
  async confirm(basketOf, units) {
    let wanted = { coupons: "best", quantity: "1" };
    for (;;) {
      const coupons = { best: "best", none: [] }[wanted.coupons] ?? [wanted.coupons];
      const basket = basketOf(Number(wanted.quantity));
      const room = this.#page.room();
      const { quote } = await this.#request("cart.quote", { basket, coupons, room });
      const body = priceTable(quote, this.#page.titleOf, (it) => this.titleOf(it));
      const fields = [...(units ? [unitsField(wanted)] : []), this.#couponsField(wanted)];
      const filled = await askFor({ title: "What it costs", yes: "Order it", body, fields });
      if (!filled) return null;
      const same = Object.keys(filled).every((name) => filled[name] === wanted[name]);
      if (same) return { basket, coupons, ...(room ? { room } : {}) };
      // Another choice has another price: it is shown before it is ordered.
      wanted = { ...wanted, ...filled };
    }
  }

  #couponsField({ coupons }) {
    const held = Object.keys(this.#promo.offers).flatMap((campaign) => {
      return heldOf(this.#promo, campaign).map((it) => [it.coupon, this.titleOf(campaign)]);
    });
    const options = [["best", "what takes off most"], ["none", "none"], ...held];
    return { name: "coupons", label: "Coupons", kind: "select", value: coupons, options };
  }

  draw(now) {
    const offers = shownOffers(this.#promo);
    const draws = shownDraws(this.#promo);
    byId("offers-card").hidden = offers.length === 0;
    byId("draws-card").hidden = draws.length === 0;
    drawOffers(byId("offers"), offers, this.#promo, this.#reasons, now);
    drawDraws(byId("draws"), draws, this.#promo, this.#page.user(), now);
    const shown = spotlit(this.#promo);
    byId("spotlight").hidden = !shown;
    drawOffers(byId("spotlight-offer"), shown ? [shown] : [], this.#promo, this.#reasons, now);
  }
}

/** The offer that is shown large, as long as there is something to have. */
function spotlit(promo) {
  const offer = promo.offers[promo.shown];
  return offer && !NOTHING.has(offerAction(promo, offer)) ? offer : undefined;
}

function unitsField({ quantity }) {
  const options = Array.from({ length: UNITS_MAX }, (_, n) => [String(n + 1), String(n + 1)]);
  return { name: "quantity", label: "How many", kind: "select", value: quantity, options };
}

function without(things, key) {
  const { [key]: _, ...rest } = things;
  return rest;
}
