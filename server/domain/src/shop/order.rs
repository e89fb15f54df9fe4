//! Orders: what a buyer has promised to pay for. Owns an order's state, its views and documents;
//! placing and paying are in the files below.

mod apply;
mod lines;
mod payment;
mod place;
mod refund;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::archive::ARCHIVE_AFTER;
use super::due::DueItem;
use super::hash::put;
use super::price::Quote;
use super::{Accepted, Shop};
use crate::command::{Actor, OrderCommand, ReleaseReason, Role};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, OrderLine, OrderRefunded};
use crate::id::{OrderId, PaymentId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::time::Millis;
use crate::view::{OrderState, OrderView};

pub(super) use place::checked_address;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) buyer: UserId,
    #[serde(with = "lines")]
    pub(super) lines: Vec<OrderLine>,
    pub(super) total_minor: Minor,
    pub(super) placed_at: Millis,
    pub(super) pay_by: Millis,
    /// Reminders still to come, rising.
    pub(super) remind_at: Vec<Millis>,
    pub(super) state: OrderState,
    /// The one extension for the payment page has been given.
    pub(super) grace_given: bool,
    pub(super) refunds_required: Vec<(PaymentId, Minor)>,
    /// Absent in orders of before prices were explained.
    pub(super) quote: Option<Box<Quote>>,
    pub(super) refunded: refund::Refunded,
    /// Everything the provider reported on, declined attempts too.
    pub(super) payments: SmallVec<[PaymentId; 1]>,
    /// When it was paid or cancelled.
    pub(super) closed_at: Option<Millis>,
    pub(super) version: u64,
}

/// What a provider reported under one payment id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) order: OrderId,
    /// Absent where the payment was declined.
    pub(super) succeeded_minor: Option<Minor>,
}

impl Order {
    /// Neither paid nor cancelled.
    pub(super) fn is_open(&self) -> bool {
        match self.state {
            OrderState::Unpaid | OrderState::PaymentPending => true,
            OrderState::Paid { .. } | OrderState::Cancelled { .. } => false,
        }
    }

    /// What time alone will bring about in this order.
    pub(super) fn dues(&self, id: &OrderId) -> Vec<(Millis, DueItem)> {
        if let Some(closed_at) = self.closed_at {
            return vec![(closed_at + ARCHIVE_AFTER, DueItem::OrderArchive(id.clone()))];
        }
        let mut dues = vec![(self.pay_by, DueItem::OrderPayment(id.clone()))];
        if let Some(remind_at) = self.remind_at.first() {
            dues.push((*remind_at, DueItem::OrderReminder(id.clone())));
        }
        dues
    }

    fn not_ready(&self, id: &OrderId) -> Rejection {
        Rejection::OrderNotReady { order: id.clone(), state: self.state.clone() }
    }
}

impl Shop {
    pub(super) fn decide_order(
        &self,
        actor: &Actor,
        command: &OrderCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        match command {
            OrderCommand::Place { order, basket, address, coupons, room } => {
                let draft = place::Wanted { order, basket, address, coupons, room: room.as_ref() };
                self.place_order(actor, &draft, now)
            }
            OrderCommand::ChangeCoupons { order, coupons } => {
                self.change_coupons(actor, order, coupons, now)
            }
            OrderCommand::BeginPayment { order } => self.begin_payment(actor, order, now),
            OrderCommand::Cancel { order, reason } => self.cancel_order(actor, order, *reason, now),
            OrderCommand::RecordPayment { order, payment, report } => {
                self.record_payment(actor, order, payment, report, now)
            }
            OrderCommand::Refund { order, refund, request } => {
                self.refund_order(actor, order, refund, request, now)
            }
        }
    }

    /// A buyer may cancel until he goes to pay; the seller until it is paid.
    fn cancel_order(
        &self,
        actor: &Actor,
        id: &OrderId,
        reason: ReleaseReason,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.check_release_reason(actor, reason)?;
        let order = self.orders.get(id).ok_or_else(|| self.no_order(id, now))?;
        let by_buyer = actor.role == Role::Buyer;
        if by_buyer && order.buyer != actor.user {
            return Err(Rejection::OrderUnknown);
        }
        match order.state {
            OrderState::Unpaid => {}
            OrderState::PaymentPending if !by_buyer => {}
            OrderState::PaymentPending | OrderState::Paid { .. } | OrderState::Cancelled { .. } => {
                return Err(order.not_ready(id));
            }
        }
        let cancelled = Event::OrderCancelled { order: id.clone(), reason, due_at: now };
        Ok(Accepted::event(cancelled))
    }

    /// Of several overdue reminders only the last is sent, and none where time is up: the order
    /// ends in the same step.
    pub(super) fn on_order_reminder_due(
        &self,
        id: &OrderId,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let Some(order) = self.orders.get(id) else { return Vec::new() };
        if !order.is_open() || now >= order.pay_by {
            return Vec::new();
        }
        let last = order.remind_at.iter().copied().take_while(|at| *at <= now).last();
        vec![Event::OrderReminded { order: id.clone(), due_at: last.unwrap_or(due_at) }]
    }

    pub(super) fn on_payment_due(&self, id: &OrderId, due_at: Millis) -> Vec<Event> {
        if !self.orders.get(id).is_some_and(Order::is_open) {
            return Vec::new();
        }
        let reason = ReleaseReason::Expired;
        vec![Event::OrderCancelled { order: id.clone(), reason, due_at }]
    }

    pub fn order_view(&self, id: &OrderId) -> Option<OrderView> {
        let order = self.orders.get(id)?;
        Some(OrderView {
            order: id.clone(),
            buyer: order.buyer.clone(),
            lines: order.lines.clone(),
            total_minor: order.total_minor,
            currency: self.currency().clone(),
            placed_at: order.placed_at,
            pay_by: order.pay_by,
            state: order.state.clone(),
            refunds_required: order.refunds_required.clone(),
            quote: order.quote.clone(),
            refunded_minor: order.refunded.amount_minor,
            version: order.version,
        })
    }

    /// Adds the newest state of every order that the events touched. Of an order that is archived
    /// only what is owed back is news.
    pub(super) fn write_order_documents(&self, accepted: &mut Accepted) {
        let mut written = BTreeSet::new();
        for order in accepted.events.iter().filter_map(order_of) {
            let view = if written.insert(order) { self.order_view(order) } else { None };
            if let Some(view) = view {
                let (key, value) = (document::order_key(order), json(&view));
                accepted.documents.push(DocumentWrite::Put { key, value });
            }
        }
        let refunds = accepted.events.iter().filter_map(|event| self.late_refund(event));
        accepted.documents.extend(refunds);
    }

    fn late_refund(&self, event: &Event) -> Option<DocumentWrite> {
        let Event::RefundRequired { order, payment, amount_minor, .. } = event else { return None };
        if self.orders.contains(order) {
            return None;
        }
        let key = document::late_refund_key(order, payment);
        Some(DocumentWrite::Put { key, value: json(&(payment, amount_minor)) })
    }

    /// Everything about orders and payments, in a fixed order, into a state hash.
    pub(super) fn hash_orders(&self, hasher: &mut blake3::Hasher) {
        put(hasher, &self.orders.sorted());
        put(hasher, &self.payments.sorted());
    }
}

/// The JSON of a value that is plain data.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("plain data has a JSON form: {error}"),
    }
}

/// The order whose view the event changes.
fn order_of(event: &Event) -> Option<&OrderId> {
    match event {
        Event::OrderPlaced(placed) => Some(&placed.order),
        Event::PaymentBegun { order, .. }
        | Event::PaymentDeclined { order, .. }
        | Event::OrderPaid { order, .. }
        | Event::OrderPaidLate { order, .. }
        | Event::OrderCancelled { order, .. }
        | Event::OrderRepriced { order, .. }
        | Event::OrderRefunded(OrderRefunded { order, .. })
        | Event::RefundRequired { order, .. } => Some(order),
        Event::OrderReminded { .. } | Event::OrderArchived { .. } => None,
        Event::ShopCreated { .. }
        | Event::ShopRenamed { .. }
        | Event::SettingsChanged { .. }
        | Event::ProductPut { .. }
        | Event::StockSet { .. }
        | Event::StaffPut { .. }
        | Event::StaffRemoved { .. }
        | Event::Followed { .. }
        | Event::Unfollowed { .. }
        | Event::BuyerErased { .. }
        | Event::RoomCreated { .. }
        | Event::RoomStarted { .. }
        | Event::RoomPaused { .. }
        | Event::RoomResumed { .. }
        | Event::RoomEnded { .. }
        | Event::BagSet { .. }
        | Event::ProductPinned { .. }
        | Event::ProductUnpinned { .. }
        | Event::SlowModeSet { .. }
        | Event::KeywordsSet { .. }
        | Event::Muted { .. }
        | Event::Unmuted { .. }
        | Event::Banned { .. }
        | Event::Unbanned { .. }
        | Event::CommentKept { .. }
        | Event::CommentDeleted { .. }
        | Event::RoomCounted { .. } => None,
        Event::Desk(_) | Event::Promo(_) => None,
        Event::SaleCreated(_)
        | Event::SaleUpdated(_)
        | Event::SaleAnnounced { .. }
        | Event::SaleStarted { .. }
        | Event::SaleEnded { .. }
        | Event::SaleCancelled { .. }
        | Event::SaleRestocked { .. }
        | Event::SaleStockReturned { .. }
        | Event::ReminderSet { .. }
        | Event::RemindersDue { .. }
        | Event::Reserved(_)
        | Event::ClaimPooled(_)
        | Event::PoolDrawn { .. }
        | Event::PoolLost { .. }
        | Event::ReservationReleased { .. }
        | Event::WaitlistJoined { .. }
        | Event::WaitlistLeft { .. }
        | Event::WaitlistOffered { .. }
        | Event::OfferEnded { .. }
        | Event::WaitlistClosed { .. }
        | Event::SaleArchived { .. } => None,
    }
}
