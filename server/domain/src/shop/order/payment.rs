//! Payments: what the provider's word means for an order. Owns that every payment that succeeded
//! either pays one order or is owed back, exactly once.

use std::collections::BTreeMap;

use super::{Order, Payment};
use crate::command::{Actor, PaymentOutcome, PaymentReport, ReleaseReason, Role};
use crate::event::{Event, RefundReason};
use crate::id::{OrderId, PaymentId, SaleId, SkuId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::flash_sale::{Phase, Sale, require_buyer};
use crate::shop::reservation::Reservation;
use crate::shop::{Accepted, Shop};
use crate::time::{Millis, SpanMs};
use crate::view::OrderState;

impl Shop {
    pub(super) fn begin_payment(
        &self,
        actor: &Actor,
        id: &OrderId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let order = self.orders.get(id).ok_or_else(|| self.no_order(id, now))?;
        if order.buyer != actor.user {
            return Err(Rejection::OrderUnknown);
        }
        match order.state {
            OrderState::Unpaid => {}
            OrderState::PaymentPending => return Ok(Accepted::default()),
            OrderState::Paid { .. } | OrderState::Cancelled { .. } => {
                return Err(order.not_ready(id));
            }
        }
        let grace_ms = if order.grace_given { SpanMs(0) } else { self.grace_of(order) };
        let pay_by = order.pay_by + grace_ms;
        Ok(Accepted::event(Event::PaymentBegun { order: id.clone(), pay_by }))
    }

    /// What the sales of its holds promised, the longest of them; else the shop's figure.
    fn grace_of(&self, order: &Order) -> SpanMs {
        let own = self.sales_of(order).map(|sale| sale.terms.payment_grace_ms).max();
        own.unwrap_or(self.settings().payment_grace_ms)
    }

    fn holds_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Reservation> {
        let holds = order.lines.iter().filter_map(|line| line.reservation.as_ref());
        holds.filter_map(|id| self.reservations.get(id))
    }

    fn sales_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Sale> {
        self.holds_of(order).filter_map(|held| self.sales.get(&held.sale))
    }

    pub(super) fn record_payment(
        &self,
        actor: &Actor,
        id: &OrderId,
        payment: &PaymentId,
        report: &PaymentReport,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &[Role::Service])?;
        let Some(order) = self.orders.get(id) else {
            return self.payment_of_archived(id, payment, report, now);
        };
        let is_late_success = |known: &Payment| {
            known.order == *id
                && known.succeeded_minor.is_none()
                && report.outcome == PaymentOutcome::Succeeded
        };
        match self.payments.get(payment) {
            // Providers try again under the id of an attempt that was declined.
            Some(known) if is_late_success(known) => {}
            Some(known) => return self.repeated_payment(known, id, order, report),
            None if self.archive.knows_payment(payment, now) => {
                return Err(Rejection::PaymentConflict);
            }
            None => {}
        }
        match report.outcome {
            PaymentOutcome::Succeeded => self.payment_succeeded(id, order, (payment, report), now),
            PaymentOutcome::Declined => {
                let over = self.sales_of(order).any(|sale| sale.phase == Phase::Cancelled);
                let end = over.then_some(ReleaseReason::SaleCancelled);
                Ok(declined(id, order, payment, end, now))
            }
            PaymentOutcome::DeclinedFinally => {
                let end = Some(ReleaseReason::PaymentFailedFinal);
                Ok(declined(id, order, payment, end, now))
            }
        }
    }

    /// The same report again is answered alike; another one under the same id is a conflict, but
    /// for a success after a decline.
    fn repeated_payment(
        &self,
        known: &Payment,
        id: &OrderId,
        order: &Order,
        report: &PaymentReport,
    ) -> Result<Accepted, Rejection> {
        let same_content = match (report.outcome, known.succeeded_minor) {
            (PaymentOutcome::Succeeded, Some(amount_minor)) => {
                amount_minor == report.amount_minor && *self.currency() == report.currency
            }
            (PaymentOutcome::Declined, None) => true,
            (PaymentOutcome::DeclinedFinally, None) => !order.is_open(),
            (PaymentOutcome::Succeeded, None)
            | (PaymentOutcome::Declined | PaymentOutcome::DeclinedFinally, Some(_)) => false,
        };
        if known.order == *id && same_content {
            return Ok(Accepted::default());
        }
        Err(Rejection::PaymentConflict)
    }

    fn payment_succeeded(
        &self,
        id: &OrderId,
        order: &Order,
        (payment, report): (&PaymentId, &PaymentReport),
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.check_amount(order.total_minor, report)?;
        let (id, payment, amount_minor) = (id.clone(), payment.clone(), report.amount_minor);
        let refund = |reason| Event::RefundRequired {
            order: id.clone(),
            payment: payment.clone(),
            amount_minor,
            reason,
        };
        let event = match order.state {
            OrderState::Unpaid | OrderState::PaymentPending => {
                Event::OrderPaid { order: id, payment, amount_minor }
            }
            OrderState::Paid { .. } => refund(RefundReason::SecondPayment),
            OrderState::Cancelled { reason } if self.can_take_again(order, reason, now) => {
                Event::OrderPaidLate { order: id, payment, amount_minor }
            }
            OrderState::Cancelled { .. } => refund(RefundReason::LatePayment),
        };
        let takes_stock = matches!(event, Event::OrderPaidLate { .. });
        let unpinned = if takes_stock { self.pins_emptied_by(&order.lines) } else { Vec::new() };
        let paid = matches!(event, Event::OrderPaid { .. } | Event::OrderPaidLate { .. });
        let tasks = if paid { self.done_by_purchase(&order.buyer, now) } else { Vec::new() };
        Ok(Accepted::events(std::iter::once(event).chain(unpinned).chain(tasks).collect()))
    }

    pub(in crate::shop) fn check_amount(
        &self,
        expected_minor: Minor,
        report: &PaymentReport,
    ) -> Result<(), Rejection> {
        if report.amount_minor == expected_minor && report.currency == *self.currency() {
            return Ok(());
        }
        Err(Rejection::PaymentMismatch { expected_minor, currency: self.currency().clone() })
    }

    /// Every unit of a cancelled order can be had once more. What the seller took back on purpose
    /// stays taken back.
    fn can_take_again(&self, order: &Order, reason: ReleaseReason, now: Millis) -> bool {
        match reason {
            ReleaseReason::SellerCancel | ReleaseReason::Fraud | ReleaseReason::SaleCancelled => {
                return false;
            }
            ReleaseReason::Expired
            | ReleaseReason::BuyerCancel
            | ReleaseReason::PaymentFailedFinal
            | ReleaseReason::OfferExpired => {}
        }
        let quote = order.quote.as_ref();
        if quote.is_some_and(|quote| !self.can_lock_quote(quote, now)) {
            return false;
        }
        let mut from_items: BTreeMap<(&SaleId, &SkuId), u32> = BTreeMap::new();
        for held in self.holds_of(order) {
            *from_items.entry((&held.sale, &held.sku)).or_default() += held.quantity;
        }
        let mut from_free: BTreeMap<&SkuId, u64> = BTreeMap::new();
        for line in order.lines.iter().filter(|line| line.reservation.is_none()) {
            *from_free.entry(&line.sku).or_default() += u64::from(line.quantity);
        }
        for ((sale, sku), units) in from_items {
            let Some(sale) = self.sales.get(sale) else { return false };
            let Some(item) = sale.item(sku) else { return false };
            if item.stock.available() >= units {
                continue;
            }
            let went_home =
                sale.phase.is_over() && item.stock.pending() == 0 && item.stock.available() == 0;
            if !went_home {
                return false;
            }
            *from_free.entry(sku).or_default() += u64::from(units);
        }
        from_free.into_iter().all(|(sku, units)| self.catalog.has_free(sku, units))
    }
}

/// The buyer may try again while the order is open, unless `end` closes it.
fn declined(
    id: &OrderId,
    order: &Order,
    payment: &PaymentId,
    end: Option<ReleaseReason>,
    now: Millis,
) -> Accepted {
    let mut events = vec![Event::PaymentDeclined { order: id.clone(), payment: payment.clone() }];
    if let Some(reason) = end.filter(|_| order.is_open()) {
        events.push(Event::OrderCancelled { order: id.clone(), reason, due_at: now });
    }
    Accepted::events(events)
}
