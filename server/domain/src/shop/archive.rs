//! What leaves the shop's memory once it is finished, and the little that stays of it. Owns when
//! orders and sales leave and the rows by which money that comes later still ends where it must;
//! documents and the journal keep everything else.

use std::collections::{BTreeSet, VecDeque};

use blake3::Hasher;
use serde::{Deserialize, Serialize};

use super::buyer::{PAID_MEMORY, UNFOLLOW_MEMORY};
use super::hash::put;
use super::invariant::must;
use super::order::json;
use super::{Accepted, Shop};
use crate::command::{PaymentOutcome, PaymentReport};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, OrderLine, RefundReason};
use crate::id::{OrderId, PaymentId, SaleId, UserId};
use crate::lookup::Lookup;
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::time::{Millis, SpanMs};
use crate::view::{OrderState, ReservationState};

/// How long a closed order and a sale that is over stay whole. Repeated commands are answered for
/// a day, no hold outlives its sale by more, and payment providers repeat a report for three: a
/// week leaves room for a weekend in between.
pub(super) const ARCHIVE_AFTER: SpanMs = SpanMs::days(7);

/// How long an archived order's money is still told from a stranger's. Banks send a transfer back
/// within weeks; a quarter and a week is longer than any provider takes to report a success.
const TOMBSTONE_MEMORY: SpanMs = SpanMs::days(97);

/// Reservations that leave in one step: as many as a step hands out elsewhere.
const RESERVATIONS_A_STEP: u32 = 256;

/// What stays of finished things: rows of a fixed size, each for a bounded time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Archive {
    orders: Tombstones<ClosedOrder>,
    payments: Tombstones<ClosedPayment>,
    /// Who paid when, the oldest first: whose row may have nothing left to remember.
    purchases: VecDeque<(Millis, UserId)>,
    /// Who ceased to follow when, the oldest first.
    unfollowed: VecDeque<(Millis, UserId)>,
}

/// An order's answer to money that comes late.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct ClosedOrder {
    total_minor: Minor,
    /// Else it was cancelled.
    paid: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ClosedPayment {
    order: Digest,
    /// Absent where the payment was declined.
    succeeded_minor: Option<Minor>,
}

/// An id in 16 bytes, whatever its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Digest([u8; 16]);

impl Digest {
    fn of(id: &str) -> Self {
        let hash = blake3::hash(id.as_bytes());
        Self(std::array::from_fn(|index| hash.as_bytes()[index]))
    }
}

/// Rows that are forgotten in the order they came in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
struct Tombstones<T> {
    rows: Lookup<Digest, (Millis, T)>,
    by_age: VecDeque<Digest>,
}

impl<T> Default for Tombstones<T> {
    fn default() -> Self {
        Self { rows: Lookup::default(), by_age: VecDeque::new() }
    }
}

impl<T> Tombstones<T> {
    /// Judged by `now`: that a row has not been swept away yet changes no outcome.
    fn get(&self, id: Digest, now: Millis) -> Option<&T> {
        let (since, row) = self.rows.get(&id)?;
        (now.since(*since) < TOMBSTONE_MEMORY).then_some(row)
    }

    /// News of a row that is known does not make it younger.
    fn put(&mut self, id: Digest, row: T, at: Millis) {
        match self.rows.get_mut(&id) {
            Some((_, known)) => *known = row,
            None => {
                self.rows.insert(id, (at, row));
                self.by_age.push_back(id);
            }
        }
    }

    fn forget(&mut self, at: Millis) {
        let is_old = |(since, _): &(Millis, T)| at.since(*since) >= TOMBSTONE_MEMORY;
        while self.by_age.front().is_some_and(|id| self.rows.get(id).is_none_or(is_old)) {
            if let Some(id) = self.by_age.pop_front() {
                self.rows.remove(&id);
            }
        }
    }
}

impl Archive {
    /// The outcome of a payment of an archived order.
    pub(super) fn note_payment(
        &mut self,
        order: &OrderId,
        payment: &PaymentId,
        succeeded_minor: Option<Minor>,
        at: Millis,
    ) {
        let row = ClosedPayment { order: Digest::of(order.as_str()), succeeded_minor };
        self.payments.put(Digest::of(payment.as_str()), row, at);
    }

    pub(super) fn note_purchase(&mut self, buyer: &UserId, at: Millis) {
        self.purchases.push_back((at, buyer.clone()));
    }

    pub(super) fn note_unfollowed(&mut self, buyer: &UserId, at: Millis) {
        self.unfollowed.push_back((at, buyer.clone()));
    }

    /// Takes out the oldest whose ceasing to follow says nothing any more.
    pub(super) fn unfollowed_before(&mut self, at: Millis) -> Option<(Millis, UserId)> {
        let (since, _) = self.unfollowed.front()?;
        if at.since(*since) < UNFOLLOW_MEMORY { None } else { self.unfollowed.pop_front() }
    }

    pub(super) fn knows_order(&self, id: &OrderId, now: Millis) -> bool {
        self.orders.get(Digest::of(id.as_str()), now).is_some()
    }

    pub(super) fn knows_payment(&self, id: &PaymentId, now: Millis) -> bool {
        self.payments.get(Digest::of(id.as_str()), now).is_some()
    }

    pub(super) fn hash(&self, hasher: &mut Hasher) {
        put(hasher, &(self.orders.rows.sorted(), &self.orders.by_age));
        put(hasher, &(self.payments.rows.sorted(), &self.payments.by_age));
        put(hasher, &(&self.purchases, &self.unfollowed));
    }
}

impl Shop {
    /// Why there is nothing to do about an order that is not at hand.
    pub(super) fn no_order(&self, id: &OrderId, now: Millis) -> Rejection {
        if self.archive.knows_order(id, now) {
            return Rejection::OrderArchived { order: id.clone() };
        }
        Rejection::OrderUnknown
    }

    /// The sales whose holds these lines pay for.
    pub(super) fn sales_behind(&self, lines: &[OrderLine]) -> BTreeSet<SaleId> {
        let holds = lines.iter().filter_map(|line| line.reservation.as_ref());
        holds.filter_map(|id| Some(self.reservations.get(id)?.sale.clone())).collect()
    }

    /// What a provider reports of an order that is archived. Its units are gone for good, so
    /// money that is new is owed back.
    pub(super) fn payment_of_archived(
        &self,
        id: &OrderId,
        payment: &PaymentId,
        report: &PaymentReport,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let digest = Digest::of(id.as_str());
        let order = self.archive.orders.get(digest, now).ok_or(Rejection::PaymentUnmatched)?;
        let known = self.archive.payments.get(Digest::of(payment.as_str()), now);
        let is_elsewhere = known.is_some_and(|known| known.order != digest);
        if is_elsewhere || self.payments.contains(payment) {
            return Err(Rejection::PaymentConflict);
        }
        let succeeded = report.outcome == PaymentOutcome::Succeeded;
        match known.map(|known| known.succeeded_minor) {
            Some(Some(amount_minor)) => {
                let same = succeeded && amount_minor == report.amount_minor;
                let same = same && report.currency == *self.currency();
                return if same {
                    Ok(Accepted::default())
                } else {
                    Err(Rejection::PaymentConflict)
                };
            }
            Some(None) if !succeeded => return Ok(Accepted::default()),
            Some(None) | None => {}
        }
        let (order_id, payment) = (id.clone(), payment.clone());
        if !succeeded {
            let declined = Event::PaymentDeclined { order: order_id, payment };
            return Ok(Accepted::event(declined));
        }
        self.check_amount(order.total_minor, report)?;
        let reason =
            if order.paid { RefundReason::SecondPayment } else { RefundReason::LatePayment };
        let amount_minor = report.amount_minor;
        Ok(Accepted::event(Event::RefundRequired {
            order: order_id,
            payment,
            amount_minor,
            reason,
        }))
    }

    pub(super) fn on_order_archive_due(&self, id: &OrderId, due_at: Millis) -> Vec<Event> {
        if self.orders.get(id).is_none_or(|order| order.is_open()) {
            return Vec::new();
        }
        vec![Event::OrderArchived { order: id.clone(), due_at }]
    }

    /// A sale with many reservations leaves in as many steps as it takes.
    pub(super) fn on_sale_archive_due(&self, id: &SaleId, due_at: Millis) -> Vec<Event> {
        let Some(sale) = self.sales.get(id) else { return Vec::new() };
        let left = u32::try_from(sale.claims.len()).unwrap_or(u32::MAX);
        let reservations = left.min(RESERVATIONS_A_STEP);
        vec![Event::SaleArchived { sale: id.clone(), reservations, due_at }]
    }

    /// A sale is written down as it last was before the first of its rows goes.
    pub(super) fn document_of_leaving(&self, event: &Event) -> Option<DocumentWrite> {
        let Event::SaleArchived { sale: id, .. } = event else { return None };
        self.sales.get(id).filter(|sale| !sale.leaving)?;
        let value = json(&self.sale_view(id)?);
        Some(DocumentWrite::Put { key: document::sale_key(id), value })
    }

    pub(super) fn on_order_archived(&mut self, id: &OrderId, at: Millis) {
        self.forget_what_is_old(at);
        let order = must(self.orders.remove(id), "order");
        for (due_at, item) in order.dues(id) {
            self.due.remove(due_at, item);
        }
        for payment in &order.payments {
            let known = must(self.payments.remove(payment), "payment");
            self.archive.note_payment(id, payment, known.succeeded_minor, at);
        }
        let paid = matches!(order.state, OrderState::Paid { .. });
        let row = ClosedOrder { total_minor: order.total_minor, paid };
        self.archive.orders.put(Digest::of(id.as_str()), row, at);
        for sale in self.sales_behind(&order.lines) {
            self.count_order(&sale, -1);
        }
    }

    fn forget_what_is_old(&mut self, at: Millis) {
        self.archive.orders.forget(at);
        self.archive.payments.forget(at);
        let is_old = |paid_at: Millis| at.since(paid_at) >= PAID_MEMORY;
        while self.archive.purchases.front().is_some_and(|(paid_at, _)| is_old(*paid_at)) {
            if let Some((_, buyer)) = self.archive.purchases.pop_front() {
                self.change_buyer(&buyer, |buyer| buyer.forget_purchases(at));
            }
        }
    }

    pub(super) fn on_sale_archived(&mut self, id: &SaleId, reservations: u32) {
        self.change_sale_dues(id, |sale| sale.leaving = true);
        let sale = must(self.sales.get_mut(id), "sale");
        let stay = sale.claims.len().saturating_sub(reservations as usize);
        for reservation in sale.claims.split_off(stay) {
            let held = must(self.reservations.remove(&reservation), "reservation");
            sale.expiries.remove(&held.buyer);
            if !matches!(held.state, ReservationState::Sold { .. }) {
                continue;
            }
            let item = must(sale.item_mut(&held.sku), "item");
            item.stock.forget_sold(held.quantity);
            item.holders.entry(held.buyer.clone()).sold_units -= held.quantity;
            item.forget_if_empty(&held.buyer);
        }
        if !sale.claims.is_empty() {
            return;
        }
        for (due_at, item) in sale.dues(id) {
            self.due.remove(due_at, item);
        }
        self.sales.remove(id);
    }
}

#[cfg(test)]
mod tests;
