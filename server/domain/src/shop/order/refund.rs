//! Refunds of paid orders: what goes back for which units. Owns that every unit goes back once and
//! that a coupon comes back only with an order that was undone before shipment.

use serde::{Deserialize, Serialize};

use super::Order;
use crate::command::{Actor, RefundRequest, RefundStage, Role};
use crate::event::{Event, OrderLine, OrderRefunded};
use crate::id::{OrderId, RefundId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::invariant::must;
use crate::shop::price::{Because, Funder, Layer, Part, Quote, QuoteLine};
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::OrderState;

/// What of an order went back so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::shop) struct Refunded {
    /// Of each line; empty before the first.
    units: Vec<u32>,
    shipping: bool,
    pub(super) amount_minor: Minor,
    /// Every refund with what it asked for.
    refunds: Vec<Known>,
}

/// A refund as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    id: RefundId,
    units: Vec<(u32, u32)>,
    shipping: bool,
    stage: RefundStage,
}

impl Refunded {
    fn of_line(&self, line: u32) -> u32 {
        self.units.get(line as usize).copied().unwrap_or(0)
    }

    fn is_repeated(&self, id: &RefundId, request: &RefundRequest) -> Result<bool, Rejection> {
        let known = self.refunds.iter().find(|known| known.id == *id);
        let Some(known) = known else { return Ok(false) };
        let same = known.units == request.units && known.shipping == request.shipping;
        if same && known.stage == request.stage { Ok(true) } else { Err(Rejection::RefundExists) }
    }
}

impl Order {
    /// The order's quote, or what its lines say where it has none.
    pub(super) fn whole_quote(&self) -> Box<Quote> {
        if let Some(quote) = &self.quote {
            return quote.clone();
        }
        let line = |line: &OrderLine| QuoteLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            list_minor: line.unit_price_minor,
            unit_minor: line.unit_price_minor,
            source: None,
            subsidised_units: 0,
            parts: Vec::new(),
            payable_minor: line.unit_price_minor.times(line.quantity),
        };
        Box::new(Quote {
            stacking_version: 0,
            lines: self.lines.iter().map(line).collect(),
            shipping_fee_minor: Minor(0),
            shipping_off: None,
            coupons: Vec::new(),
            list_minor: self.total_minor,
            goods_minor: self.total_minor,
            seller_minor: Minor(0),
            platform_minor: Minor(0),
            total_minor: self.total_minor,
        })
    }

    /// Nothing is left of it after `request`, nor was any of it shipped.
    fn is_undone_by(&self, request: &RefundRequest, quote: &Quote) -> (bool, bool) {
        let asked = |line: u32| {
            request.units.iter().find(|(index, _)| *index == line).map_or(0, |(_, units)| *units)
        };
        let mut lines = (0u32..).zip(&self.lines);
        let all =
            lines.all(|(index, line)| self.refunded.of_line(index) + asked(index) >= line.quantity);
        let shipping =
            request.shipping || self.refunded.shipping || quote.shipping_minor() == Minor(0);
        let whole = all && shipping;
        let earlier = self.refunded.refunds.iter().map(|known| known.stage);
        let mut stages = earlier.chain([request.stage]);
        (whole, whole && stages.all(|stage| stage == RefundStage::BeforeShipment))
    }
}

impl Shop {
    pub(super) fn refund_order(
        &self,
        actor: &Actor,
        id: &OrderId,
        refund: &RefundId,
        request: &RefundRequest,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &[Role::Service, Role::Manager])?;
        let order = self.orders.get(id).ok_or_else(|| self.no_order(id, now))?;
        if order.refunded.is_repeated(refund, request)? {
            return Ok(Accepted::default());
        }
        if !matches!(order.state, OrderState::Paid { .. }) {
            return Err(order.not_ready(id));
        }
        check_request(order, request)?;
        let quote = order.whole_quote();
        let mut refunded = OrderRefunded {
            order: id.clone(),
            refund: refund.clone(),
            units: request.units.clone(),
            stage: request.stage,
            amount_minor: Minor(0),
            shipping_minor: Minor(0),
            seller_minor: Minor(0),
            platform_minor: Minor(0),
            whole: false,
            coupons_returned: Vec::new(),
        };
        for (index, units) in &request.units {
            let line = must(quote.lines.get(*index as usize), "line");
            let back = line.refund(order.refunded.of_line(*index), *units);
            refunded.amount_minor = refunded.amount_minor.plus(back.paid_minor);
            let seller = line.borne_by(Funder::Seller, &back);
            refunded.seller_minor = refunded.seller_minor.plus(seller);
            let platform = line.borne_by(Funder::Platform, &back);
            refunded.platform_minor = refunded.platform_minor.plus(platform);
        }
        if request.shipping {
            refunded.shipping_minor = quote.shipping_minor();
            refunded.amount_minor = refunded.amount_minor.plus(refunded.shipping_minor);
        }
        let (whole, undone) = order.is_undone_by(request, &quote);
        refunded.whole = whole;
        if undone {
            let coupons = quote.coupons.iter().map(|used| used.coupon.clone());
            refunded.coupons_returned = coupons.filter(|id| self.returns(id, now)).collect();
        }
        Ok(Accepted::event(Event::OrderRefunded(refunded)))
    }

    pub(in crate::shop) fn on_order_refunded(&mut self, refunded: &OrderRefunded, at: Millis) {
        let id = &refunded.order;
        let order = must(self.orders.get(id), "order");
        let (buyer, closed_at) = (order.buyer.clone(), order.closed_at);
        let quote = order.whole_quote();
        let mut back: Vec<(Part, Minor)> = Vec::new();
        for (index, units) in &refunded.units {
            let line = must(quote.lines.get(*index as usize), "line");
            let unit = line.refund(order.refunded.of_line(*index), *units);
            back.extend(line.parts.iter().cloned().zip(unit.parts_minor));
        }
        if refunded.whole {
            back.extend(quote.shipping_off.iter().map(|part| (part.clone(), part.amount_minor)));
        }
        self.change_order(id, |order| order.note_refund(refunded));
        self.give_back_shares(&buyer, &back, at);
        for coupon in &refunded.coupons_returned {
            self.refund_coupon(coupon, Minor(0), true, at);
        }
        if refunded.whole {
            self.change_buyer(&buyer, |buyer| buyer.forget_purchase(closed_at));
        }
    }

    /// What discounts cost of units that went back: to the budgets they came from.
    fn give_back_shares(&mut self, buyer: &UserId, back: &[(Part, Minor)], at: Millis) {
        for (part, share) in back {
            match &part.because {
                Because::Coupon { coupon, .. } => self.refund_coupon(coupon, *share, false, at),
                Because::Rule(rule) if part.layer == Layer::ItemSubsidy => {
                    self.give_subsidy(rule, buyer, (0, *share));
                }
                Because::Rule(_) | Because::Sale(_) | Because::FreeOver => {}
            }
        }
    }
}

impl Order {
    fn note_refund(&mut self, refunded: &OrderRefunded) {
        self.refunded.units.resize(self.lines.len(), 0);
        for (index, units) in &refunded.units {
            if let Some(so_far) = self.refunded.units.get_mut(*index as usize) {
                *so_far += units;
            }
        }
        let shipping = refunded.shipping_minor > Minor(0);
        self.refunded.shipping |= shipping;
        self.refunded.amount_minor = self.refunded.amount_minor.plus(refunded.amount_minor);
        let (id, units) = (refunded.refund.clone(), refunded.units.clone());
        self.refunded.refunds.push(Known { id, units, shipping, stage: refunded.stage });
    }
}

fn check_request(order: &Order, request: &RefundRequest) -> Result<(), Rejection> {
    let invalid = |problem| Err(Rejection::Invalid { field: "refund", problem });
    if request.units.is_empty() && !request.shipping {
        return invalid("must name units or the shipping");
    }
    if request.shipping {
        if order.refunded.shipping {
            return invalid("names a shipping that was refunded before");
        }
        if order.whole_quote().shipping_minor() == Minor(0) {
            return invalid("names a shipping that was free");
        }
    }
    if !request.units.is_sorted_by(|one, other| one.0 < other.0) {
        return invalid("must name lines once, in their order");
    }
    for (index, units) in &request.units {
        let Some(line) = order.lines.get(*index as usize) else {
            return invalid("names a line that the order has not");
        };
        let left_units = line.quantity - order.refunded.of_line(*index);
        if *units == 0 {
            return invalid("must name at least one unit of a line");
        }
        if *units > left_units {
            return Err(Rejection::RefundTooLarge { line: *index, left_units });
        }
    }
    Ok(())
}
