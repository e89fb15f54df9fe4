//! Orders in the audit's books: which coupons each keeps, and whether its price adds up.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::value::RawValue;

use super::campaign::{Holder, State};
use super::entry::{OfOrder, OrderPlaced, OrderRepriced, Quote};
use super::{CouponLedger, read};
use crate::audit::Event;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Paid,
    Cancelled,
}

#[derive(Debug)]
pub(super) struct Order {
    buyer: String,
    phase: Phase,
    /// With what each takes off.
    coupons: Vec<(String, i64)>,
}

/// Everything in a price that does not add up.
fn faults(quote: &Quote<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, said: i64, counted: i64| {
        if said != counted {
            wrong.push(format!("{what} is {said}, its parts make {counted}"));
        }
    };
    let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
    let mut goods = 0;
    for line in &quote.lines {
        let off: i64 = line.parts.iter().map(|part| part.amount_minor).sum();
        check("a line", line.payable_minor, line.quantity * line.list_minor - off);
        goods += line.payable_minor;
        for part in &line.parts {
            *taken.entry(part.layer).or_default() += part.amount_minor;
        }
    }
    check("the goods", quote.goods_minor, goods);
    let listed = quote.lines.iter().map(|line| line.quantity * line.list_minor).sum();
    check("the list price", quote.list_minor, listed);
    let shares = quote.goods_minor + quote.seller_minor + quote.platform_minor;
    check("the list price by who bears it", quote.list_minor, shares);
    let off = quote.shipping_off.as_ref();
    let shipping = quote.shipping_fee_minor - off.map_or(0, |part| part.amount_minor);
    check("the total", quote.total_minor, goods + shipping);
    for used in &quote.coupons {
        let counted = match off {
            Some(part) if used.layer == "shipping" => part.amount_minor,
            Some(_) | None => taken.get(used.layer).copied().unwrap_or(0),
        };
        check(&format!("coupon {}", used.coupon), used.amount_minor, counted);
    }
    wrong
}

impl CouponLedger {
    /// The coupons that a price uses, once its sums are right.
    fn coupons_of(
        &mut self,
        order: &str,
        total_minor: i64,
        quote: Option<&RawValue>,
    ) -> Result<Vec<(String, i64)>> {
        let Some(quote) = quote else {
            self.faults.quote_mismatches += 1;
            self.violations
                .add(|| format!("order {order} does not say why it costs what it costs"));
            return Ok(Vec::new());
        };
        let quote: Quote<'_> = read(quote)?;
        let mut wrong = faults(&quote);
        if quote.total_minor != total_minor {
            wrong.push(format!("it costs {total_minor}, its price says {}", quote.total_minor));
        }
        self.faults.quote_mismatches += u64::from(!wrong.is_empty());
        wrong.into_iter().for_each(|said| self.violations.add(|| format!("order {order}: {said}")));
        let used = |used: &super::entry::Used<'_>| (used.coupon.to_owned(), used.amount_minor);
        Ok(quote.coupons.iter().map(used).collect())
    }

    pub(super) fn on_placed(&mut self, event: &Event<'_>, placed: &OrderPlaced<'_>) -> Result<()> {
        let OrderPlaced { order, buyer, .. } = *placed;
        self.totals.orders += 1;
        if let (Some(user), Some(command)) = (event.user, event.command_id) {
            self.commands.made(user, command, order);
        }
        let coupons = self.coupons_of(order, placed.total_minor, placed.quote)?;
        self.totals.orders_with_coupons += u64::from(!coupons.is_empty());
        let keep: Vec<&str> = coupons.iter().map(|(coupon, _)| coupon.as_str()).collect();
        for line in &placed.lines {
            if let Some(reservation) = line.reservation {
                self.free_held(reservation, &keep, event.at);
            }
        }
        self.lock_all((order, buyer), &coupons, event.at);
        let made = Order { buyer: buyer.to_owned(), phase: Phase::Open, coupons };
        if self.orders.insert(order.to_owned(), made).is_some() {
            self.violations.add(|| format!("order {order} was placed twice"));
        }
        Ok(())
    }

    fn lock_all(&mut self, (order, buyer): (&str, &str), coupons: &[(String, i64)], at: i64) {
        for (coupon, amount) in coupons {
            let Some(found) = self.coupons.get(coupon) else {
                self.violations.add(|| format!("order {order} has no such coupon {coupon}"));
                continue;
            };
            let (worst, is_his) = (found.worst_minor, found.buyer == buyer);
            let is_elsewhere = match &found.state {
                State::Locked(Holder::Order(other)) => other != order,
                State::Claimed | State::Locked(Holder::Reservation(_)) => false,
                State::Used { .. } | State::Expired | State::Revoked => true,
            };
            if !is_his || is_elsewhere {
                let state = found.state.clone();
                self.violations.add(|| format!("order {order} took {coupon}, which was {state:?}"));
            }
            if *amount > worst {
                self.violations.add(|| format!("{coupon} takes {amount} off {order}, not {worst}"));
            }
            self.turn(coupon, State::Locked(Holder::Order(order.to_owned())), at);
        }
    }

    pub(super) fn on_repriced(
        &mut self,
        event: &Event<'_>,
        repriced: &OrderRepriced<'_>,
    ) -> Result<()> {
        let order = repriced.order;
        self.totals.repriced += 1;
        let coupons = self.coupons_of(order, repriced.total_minor, Some(repriced.quote))?;
        let Some(found) = self.orders.get_mut(order) else {
            self.violations.add(|| format!("order {order} was repriced, never placed"));
            return Ok(());
        };
        let (before, buyer) =
            (std::mem::replace(&mut found.coupons, coupons.clone()), found.buyer.clone());
        let is_kept = |coupon: &String| coupons.iter().any(|(kept, _)| kept == coupon);
        for (coupon, _) in before.iter().filter(|(coupon, _)| !is_kept(coupon)) {
            self.unlock(coupon, event.at);
        }
        self.lock_all((order, &buyer), &coupons, event.at);
        Ok(())
    }

    /// Moves an open order on and tells its coupons.
    fn close(&mut self, order: &str, phase: Phase) -> Vec<(String, i64)> {
        let Some(found) = self.orders.get_mut(order) else {
            self.violations.add(|| format!("order {order} ended, never placed"));
            return Vec::new();
        };
        let was = std::mem::replace(&mut found.phase, phase);
        let coupons = found.coupons.clone();
        if was != Phase::Open {
            self.violations.add(|| format!("order {order} ended twice: {was:?}, then {phase:?}"));
        }
        coupons
    }

    pub(super) fn on_paid(&mut self, event: &Event<'_>, paid: &OfOrder<'_>) {
        self.totals.paid += 1;
        for (coupon, spent_minor) in self.close(paid.order, Phase::Paid) {
            let order = paid.order.to_owned();
            self.turn(&coupon, State::Used { order, spent_minor }, event.at);
        }
    }

    pub(super) fn on_cancelled(&mut self, event: &Event<'_>, cancelled: &OfOrder<'_>) {
        self.totals.cancelled += 1;
        for (coupon, _) in self.close(cancelled.order, Phase::Cancelled) {
            self.unlock(&coupon, event.at);
        }
    }
}
