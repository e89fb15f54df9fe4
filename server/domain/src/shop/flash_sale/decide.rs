//! What the people who run a sale may do with it. Owns who may and when; claims are in `claim`,
//! the waitlist and the holds in their own files.

use std::collections::BTreeSet;

use crate::command::{Actor, ReleaseReason, Role, SaleChange, SaleCommand, SaleSpec, Scope, Stock};
use crate::document::{self, DocumentWrite};
use crate::event::{CancelCause, EndCause, Event, OfferEnd, SaleUpdated};
use crate::id::{SaleId, SkuId};
use crate::rejection::Rejection;
use crate::shop::flash_sale::spec::TOTAL_UNITS_MAX;
use crate::shop::flash_sale::{Phase, Sale};
use crate::shop::order::Order;
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::{OrderState, ReservationState};

/// As many as one event names: some 7 kB of it.
const WAITERS_NAMED_MAX: usize = 256;

impl Shop {
    pub(in crate::shop) fn decide_sale(
        &self,
        actor: &Actor,
        command: &SaleCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        match command {
            SaleCommand::Claim(claim) => self.claim(actor, claim, now),
            SaleCommand::Create { sale, spec } => self.create_sale(actor, sale, spec, now),
            SaleCommand::Update { sale, change } => self.update_sale(actor, sale, change, now),
            SaleCommand::Announce { sale } => self.announce_sale(actor, sale, now),
            SaleCommand::Start { sale } => self.start_sale(actor, sale, now),
            SaleCommand::End { sale } => self.end_sale(actor, sale, now),
            SaleCommand::Cancel { sale } => self.cancel_sale(actor, sale, now),
            SaleCommand::Restock { sale, sku, units } => self.restock(actor, sale, sku, *units),
            SaleCommand::Remind { sale } => self.remind(actor, sale),
            SaleCommand::JoinWaitlist { room, sale, sku, quantity } => {
                self.join_waitlist(actor, (room, sale, sku), *quantity, now)
            }
            SaleCommand::LeaveWaitlist { sale, sku } => self.leave_waitlist(actor, sale, sku),
            SaleCommand::AcceptOffer { sale, sku, reservation } => {
                self.accept_offer(actor, (sale, sku), reservation, now)
            }
            SaleCommand::DeclineOffer { sale, sku } => self.decline_offer(actor, sale, sku, now),
            SaleCommand::ReleaseReservation { reservation, reason } => {
                self.release_by(actor, reservation, *reason, now)
            }
            SaleCommand::RevealSeed { sale, seed } => self.reveal_sale(actor, sale, *seed, now),
        }
    }

    /// A streamer runs sales in rooms that are all his own; a manager and the shop's systems run
    /// any.
    pub(in crate::shop) fn require_runner(
        &self,
        actor: &Actor,
        scope: &Scope,
    ) -> Result<(), Rejection> {
        self.staff.require(actor, &[Role::Streamer, Role::Manager, Role::Service])?;
        if actor.role != Role::Streamer {
            return Ok(());
        }
        let foreign = self.rooms.iter().any(|(id, room)| {
            super::claim::scope_has(scope, id) && room.spec.streamer != actor.user
        });
        if foreign { Err(Rejection::Forbidden { needed: Role::Manager }) } else { Ok(()) }
    }

    fn run_by(&self, actor: &Actor, id: &SaleId) -> Result<&Sale, Rejection> {
        self.staff.require(actor, &[Role::Streamer, Role::Manager, Role::Service])?;
        let sale = self.sales.get(id).ok_or(Rejection::SaleUnknown)?;
        self.require_runner(actor, &sale.scope)?;
        Ok(sale)
    }

    fn create_sale(
        &self,
        actor: &Actor,
        sale: &SaleId,
        spec: &SaleSpec,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.require_runner(actor, &spec.scope)?;
        if self.sales.contains_key(sale) {
            return Err(Rejection::SaleExists);
        }
        let created = Event::SaleCreated(self.sale_from(sale, spec, now)?);
        let sealed = spec.draw.as_ref().map(|draw| DocumentWrite::Put {
            key: document::sale_seed_key(sale),
            value: draw.commitment.sealed.clone(),
        });
        let documents = sealed.into_iter().collect();
        Ok(Accepted { documents, ..Accepted::event(created) })
    }

    fn update_sale(
        &self,
        actor: &Actor,
        id: &SaleId,
        change: &SaleChange,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        Ok(Accepted::event(Event::SaleUpdated(self.update_from(id, sale, change, now)?)))
    }

    fn announce_sale(
        &self,
        actor: &Actor,
        id: &SaleId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        let (starts_at, ends_at) = match sale.phase {
            Phase::Draft => {
                let starts_at = now + sale.terms.countdown_ms;
                (starts_at, starts_at + sale.terms.run_ms)
            }
            Phase::Scheduled { starts_at, ends_at, .. } => (starts_at, ends_at),
            Phase::Announced { .. } | Phase::Live { .. } | Phase::Ended | Phase::Cancelled => {
                return Err(Rejection::SaleNotReady { state: sale.state() });
            }
        };
        self.check_scope_open(&sale.scope)?;
        self.check_announceable(sale)?;
        Ok(Accepted::event(Event::SaleAnnounced { sale: id.clone(), starts_at, ends_at }))
    }

    /// Free stock has the total of every item.
    pub(super) fn check_announceable(&self, sale: &Sale) -> Result<(), Rejection> {
        sale.items
            .iter()
            .try_for_each(|item| self.check_free(&item.sku, u64::from(item.stock.total())))
    }

    pub(in crate::shop) fn check_free(&self, sku: &SkuId, units: u64) -> Result<(), Rejection> {
        if self.catalog.has_free(sku, units) {
            return Ok(());
        }
        let free_units = match self.catalog.sku(sku).map(|sku| sku.stock) {
            Some(Stock::Units(free)) => free,
            Some(Stock::Unlimited) | None => 0,
        };
        Err(Rejection::StockShort { sku: sku.clone(), free_units })
    }

    fn start_sale(&self, actor: &Actor, id: &SaleId, now: Millis) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        let ends_at = now + sale.terms.run_ms;
        let mut events = match sale.phase {
            Phase::Draft | Phase::Scheduled { .. } => {
                self.check_announceable(sale)?;
                vec![Event::SaleAnnounced { sale: id.clone(), starts_at: now, ends_at }]
            }
            Phase::Announced { .. } => vec![Event::SaleUpdated(SaleUpdated {
                sale: id.clone(),
                announce_at: None,
                starts_at: Some(now),
                ends_at: Some(ends_at),
                totals: Vec::new(),
                reminder_text: None,
            })],
            Phase::Live { .. } | Phase::Ended | Phase::Cancelled => {
                return Err(Rejection::SaleNotReady { state: sale.state() });
            }
        };
        self.check_scope_open(&sale.scope)?;
        if sale.reminder_is_open() {
            events.push(Event::RemindersDue { sale: id.clone(), due_at: now });
        }
        events.push(Event::SaleStarted { sale: id.clone(), due_at: now });
        Ok(Accepted::events(events))
    }

    fn end_sale(&self, actor: &Actor, id: &SaleId, now: Millis) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        match sale.phase {
            Phase::Live { .. } => {
                Ok(Accepted::events(sale.end_events(id, EndCause::Streamer, now, now)))
            }
            Phase::Draft
            | Phase::Scheduled { .. }
            | Phase::Announced { .. }
            | Phase::Ended
            | Phase::Cancelled => Err(Rejection::SaleNotReady { state: sale.state() }),
        }
    }

    fn cancel_sale(&self, actor: &Actor, id: &SaleId, now: Millis) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        if sale.phase.is_over() {
            return Err(Rejection::SaleNotReady { state: sale.state() });
        }
        let mut events =
            vec![Event::SaleCancelled { sale: id.clone(), cause: CancelCause::Streamer }];
        events.extend(sale.offers_over(id, now));
        events.extend(sale.waitlists_over(id));
        events.extend(sale.pool_over(id));
        events.extend(self.holds_over(sale, now));
        Ok(Accepted::events(events))
    }

    /// Every unpaid hold and order of a cancelled sale ends; an order whose payment is under way
    /// waits for its outcome.
    fn holds_over(&self, sale: &Sale, now: Millis) -> Vec<Event> {
        let reason = ReleaseReason::SaleCancelled;
        let mut orders = BTreeSet::new();
        let mut events = Vec::new();
        let holders = sale.items.iter().flat_map(|item| item.holders.sorted());
        for id in holders.flat_map(|(_, holder)| &holder.active) {
            match self.reservations.get(id).map(|held| &held.state) {
                Some(ReservationState::Held { .. }) => {
                    let reservation = id.clone();
                    events.push(Event::ReservationReleased { reservation, reason, due_at: now });
                }
                Some(ReservationState::Ordered { order }) => {
                    orders.insert(order);
                }
                Some(ReservationState::Sold { .. } | ReservationState::Released { .. }) | None => {}
            }
        }
        let is_unpaid = |order: &Order| order.state == OrderState::Unpaid;
        let unpaid = orders.into_iter().filter(|id| self.orders.get(*id).is_some_and(is_unpaid));
        events.extend(unpaid.map(|id| Event::OrderCancelled {
            order: id.clone(),
            reason,
            due_at: now,
        }));
        events
    }

    fn restock(
        &self,
        actor: &Actor,
        id: &SaleId,
        sku: &SkuId,
        units: u32,
    ) -> Result<Accepted, Rejection> {
        let sale = self.run_by(actor, id)?;
        if !sale.phase.has_stock() {
            return Err(Rejection::SaleNotReady { state: sale.state() });
        }
        let item = sale.item(sku).ok_or(Rejection::SkuUnknown)?;
        if units == 0 || units > TOTAL_UNITS_MAX.saturating_sub(item.stock.total()) {
            return Err(Rejection::Invalid {
                field: "units",
                problem: "must be at least 1 and keep the total to 1,000,000",
            });
        }
        self.check_free(sku, u64::from(units))?;
        Ok(Accepted::event(Event::SaleRestocked { sale: id.clone(), sku: sku.clone(), units }))
    }

    fn remind(&self, actor: &Actor, id: &SaleId) -> Result<Accepted, Rejection> {
        super::claim::require_buyer(actor)?;
        let sale = self.sales.get(id).ok_or(Rejection::SaleUnknown)?;
        match sale.phase {
            Phase::Announced { .. } if sale.reminders.contains(&actor.user) => {
                Ok(Accepted::default())
            }
            Phase::Announced { .. } => Ok(Accepted::event(Event::ReminderSet {
                sale: id.clone(),
                buyer: actor.user.clone(),
            })),
            Phase::Draft
            | Phase::Scheduled { .. }
            | Phase::Live { .. }
            | Phase::Ended
            | Phase::Cancelled => Err(Rejection::SaleNotReady { state: sale.state() }),
        }
    }
}

impl Sale {
    /// The end of the sale and, with it, of every open offer and every place in line.
    pub(super) fn end_events(
        &self,
        id: &SaleId,
        cause: EndCause,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let mut events = vec![Event::SaleEnded { sale: id.clone(), due_at, cause }];
        events.extend(self.offers_over(id, now));
        events.extend(self.waitlists_over(id));
        events.extend(self.pool_over(id));
        events
    }

    fn waitlists_over(&self, id: &SaleId) -> Vec<Event> {
        let mut events = Vec::new();
        for item in &self.items {
            for some in item.waitlist.queue.in_line().chunks(WAITERS_NAMED_MAX) {
                events.push(Event::WaitlistClosed {
                    sale: id.clone(),
                    sku: item.sku.clone(),
                    buyers: some.iter().map(|(buyer, _)| (*buyer).clone()).collect(),
                });
            }
        }
        events
    }

    fn offers_over(&self, id: &SaleId, now: Millis) -> Vec<Event> {
        let offers = self.items.iter().flat_map(|item| {
            let buyers = item.waitlist.offers.sorted();
            buyers.into_iter().map(|(buyer, _)| (&item.sku, buyer))
        });
        offers
            .map(|(sku, buyer)| Event::OfferEnded {
                sale: id.clone(),
                sku: sku.clone(),
                buyer: buyer.clone(),
                reason: OfferEnd::SaleOver,
                due_at: now,
            })
            .collect()
    }
}
