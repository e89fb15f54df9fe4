//! From a basket to a price: gathers what the price stack needs of a buyer, his room and the
//! shop. Owns which coupons and rules are offered to it; the stack itself is `price`'s.

use super::Shop;
use super::price::{
    Because, Benefit, Candidate, Cart, CartLine, Funder, NotApplied, Part, PriceSource, Quote,
    QuoteLine, again, price,
};
use super::promo::chosen_twice;
use crate::command::{Basket, CouponChoice, RuleSpec};
use crate::event::OrderLine;
use crate::id::{CouponId, OrderId, ReservationId, RoomId, SaleId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::time::Millis;
use crate::view::promo::CouponHolder;

/// More than a buyer can use in one cart, enough to name all that he looked at.
const COUPONS_NAMED_MAX: usize = 20;

/// Who buys what where, and with which coupons.
pub(super) struct Purchase<'a> {
    pub(super) buyer: &'a UserId,
    pub(super) lines: &'a [OrderLine],
    pub(super) coupons: &'a CouponChoice,
    pub(super) room: Option<&'a RoomId>,
    /// The sale that this is a claim of, before there is a hold.
    pub(super) claim_of: Option<&'a SaleId>,
    /// Coupons that another hold of the same step takes.
    pub(super) without: &'a [CouponId],
}

impl Shop {
    /// What a basket would cost this buyer now, line by line. Holds must be his own.
    pub fn quote(
        &self,
        buyer: &UserId,
        basket: &Basket,
        coupons: &CouponChoice,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Quote, Rejection> {
        if self.view().is_none() {
            return Err(Rejection::ShopUnknown);
        }
        let lines = self.lines_of(buyer, basket, now)?;
        let purchase =
            Purchase { buyer, lines: &lines, coupons, room, claim_of: None, without: &[] };
        self.priced(&purchase, now)
    }

    pub(super) fn priced(&self, purchase: &Purchase<'_>, now: Millis) -> Result<Quote, Rejection> {
        let Purchase { buyer, lines, coupons, room, claim_of, without } = *purchase;
        check_choice(coupons)?;
        let holds: Vec<&ReservationId> =
            lines.iter().filter_map(|line| line.reservation.as_ref()).collect();
        let own = |by: &CouponHolder| match by {
            CouponHolder::Reservation(id) => holds.contains(&id),
            CouponHolder::Order(_) => false,
        };
        let units_in = |spec: &RuleSpec| {
            let own = lines.iter().filter(|line| spec.items.has(&line.sku));
            let ordinary = own.filter(|line| line.reservation.is_none());
            ordinary.map(|line| u64::from(line.quantity)).sum()
        };
        let mut offered = self.offered(buyer, coupons, &own, now)?;
        offered.retain(|coupon| !without.contains(coupon.coupon));
        let cart = Cart {
            lines: lines
                .iter()
                .map(|line| self.cart_line((line, claim_of), room, &units_in, now))
                .collect(),
            subsidies: self.subsidies(buyer, room, now),
            coupons: offered,
            shipping_fee_minor: self.settings().shipping_fee_minor,
            benefits: self.shipping_benefits(room, now),
            stacking: &self.promo.stacking,
        };
        let quote = price(&cart);
        check_all_used(coupons, &cart, &quote)?;
        Ok(quote)
    }

    /// A hold keeps the price it was made at; other goods cost the lowest that applies.
    fn cart_line<'a>(
        &self,
        (line, claim_of): (&'a OrderLine, Option<&SaleId>),
        room: Option<&RoomId>,
        units_in: &dyn Fn(&RuleSpec) -> u64,
        now: Millis,
    ) -> CartLine<'a> {
        let catalogue = self.catalog.sku(&line.sku).map(|sku| sku.price_minor);
        let price_minor = line.unit_price_minor;
        let list_minor = catalogue.map_or(price_minor, |list| list.max(price_minor));
        let held = line.reservation.as_ref().and_then(|id| self.reservations.get(id));
        let candidates = match held.map(|held| &held.sale).or(claim_of) {
            Some(sale) => {
                let because = Because::Sale(sale.clone());
                vec![Candidate { source: PriceSource::LiveFlash, because, price_minor }]
            }
            None => self.candidates(&line.sku, list_minor, room, units_in, now),
        };
        CartLine { sku: &line.sku, quantity: line.quantity, list_minor, candidates }
    }

    /// The order's price with other coupons. Prices of goods and subsidies stay as they were.
    pub(super) fn repriced(
        &self,
        (order, buyer): (&OrderId, &UserId),
        before: &Quote,
        coupons: &CouponChoice,
        now: Millis,
    ) -> Result<Quote, Rejection> {
        check_choice(coupons)?;
        let own = |by: &CouponHolder| *by == CouponHolder::Order(order.clone());
        let mut benefits = self.shipping_benefits(None, now);
        benefits.extend(before.shipping_off.as_ref().and_then(kept_benefit));
        let cart = Cart {
            lines: before.lines.iter().map(QuoteLine::in_cart).collect(),
            subsidies: Vec::new(),
            coupons: self.offered(buyer, coupons, &own, now)?,
            shipping_fee_minor: before.shipping_fee_minor,
            benefits,
            stacking: &self.promo.stacking,
        };
        let quote = again(before, &cart);
        check_all_used(coupons, &cart, &quote)?;
        Ok(quote)
    }
}

/// Free shipping without a coupon stays, once it was given.
fn kept_benefit(part: &Part) -> Option<Benefit> {
    match part.because {
        Because::Coupon { .. } => None,
        Because::Sale(_) | Because::Rule(_) | Because::FreeOver => Some(Benefit {
            because: part.because.clone(),
            funder: Funder::Seller,
            min_goods_minor: Minor(0),
        }),
    }
}

fn check_choice(coupons: &CouponChoice) -> Result<(), Rejection> {
    let CouponChoice::These(ids) = coupons else { return Ok(()) };
    let problem = if ids.len() > COUPONS_NAMED_MAX {
        "must be at most 20"
    } else if chosen_twice(ids) {
        "name one twice"
    } else {
        return Ok(());
    };
    Err(Rejection::Invalid { field: "coupons", problem })
}

/// Whoever names a coupon wants it used, and learns why it is not.
fn check_all_used(coupons: &CouponChoice, cart: &Cart<'_>, quote: &Quote) -> Result<(), Rejection> {
    let CouponChoice::These(ids) = coupons else { return Ok(()) };
    let is_used = |id: &CouponId| quote.coupons.iter().any(|used| used.coupon == *id);
    let Some(idle) = ids.iter().find(|id| !is_used(id)) else { return Ok(()) };
    let why = cart.why_not(idle).unwrap_or(NotApplied::NoEffect);
    Err(Rejection::CouponNotApplicable { coupon: idle.clone(), why })
}
