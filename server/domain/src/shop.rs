//! A shop: everything that is decided together. Dispatches commands to the rules and events to
//! the state; owns no rule itself. Time, ids and randomness come from outside.

mod apply;
mod archive;
mod buyer;
mod cart;
mod catalog;
mod change;
mod desk;
mod draw;
mod due;
mod flash_sale;
mod freeze;
mod hash;
mod invariant;
pub mod lot;
mod order;
pub mod price;
mod profile;
mod promo;
mod reservation;
mod result;
mod room;
mod staff;
#[cfg(test)]
mod testing;
mod waitlist;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Actor, Command};
use crate::document::DocumentWrite;
use crate::event::Event;
use crate::id::{OrderId, PaymentId, ReservationId, RoomId, SaleId, ShopId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::rejection::Rejection;
use crate::time::Millis;
use crate::view::{Ephemeral, ReservationView};

pub use change::Touched;
pub use freeze::Unreadable;
pub use room::Pulse;
pub use watch::{Seen, WatchMark};

/// One shop's whole state. Two shops that applied the same events are equal.
#[derive(Debug, Clone)]
pub struct Shop {
    id: ShopId,
    /// Absent until the shop has been created.
    profile: Option<profile::Profile>,
    catalog: catalog::Catalog,
    staff: staff::Staff,
    rooms: BTreeMap<RoomId, room::Room>,
    sales: BTreeMap<SaleId, flash_sale::Sale>,
    reservations: Lookup<ReservationId, reservation::Reservation>,
    orders: Lookup<OrderId, order::Order>,
    payments: Lookup<PaymentId, order::Payment>,
    buyers: Lookup<UserId, buyer::Buyer>,
    archive: archive::Archive,
    desk: desk::Desk,
    promo: promo::Promo,
    watch: watch::Watch,
    draws: draw::Draws,
    due: due::DueQueue,
    /// Items that got units back and items of ended sales: looked at when a command is through.
    /// Empty between commands.
    unsettled: BTreeSet<(SaleId, SkuId)>,
}

/// A yes, with all that comes of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accepted {
    pub events: Vec<Event>,
    pub documents: Vec<DocumentWrite>,
    /// What watchers hear and nobody keeps.
    pub ephemeral: Option<Ephemeral>,
    /// The claim found this hold of the same buyer and quantity instead of making another.
    pub existing: Option<ReservationView>,
}

impl Accepted {
    fn event(event: Event) -> Self {
        Self { events: vec![event], ..Self::default() }
    }

    fn events(events: Vec<Event>) -> Self {
        Self { events, ..Self::default() }
    }
}

impl Shop {
    /// A shop that does not exist yet: the first command it accepts creates it.
    pub fn new(id: ShopId) -> Self {
        Self {
            id,
            profile: None,
            catalog: catalog::Catalog::default(),
            staff: staff::Staff::default(),
            rooms: BTreeMap::new(),
            sales: BTreeMap::new(),
            reservations: Lookup::default(),
            orders: Lookup::default(),
            payments: Lookup::default(),
            buyers: Lookup::default(),
            archive: archive::Archive::default(),
            desk: desk::Desk::default(),
            promo: promo::Promo::default(),
            watch: watch::Watch::default(),
            draws: draw::Draws::default(),
            due: due::DueQueue::default(),
            unsettled: BTreeSet::new(),
        }
    }

    pub fn id(&self) -> &ShopId {
        &self.id
    }

    /// What `command` would do at `now`, or why not. Changes nothing. The caller has let time
    /// pass up to `now` first (`elapse`), so that no outcome depends on when a timer fired.
    pub fn decide(
        &self,
        actor: &Actor,
        command: &Command,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        if self.profile.is_none() && !profile::creates(command) {
            return Err(Rejection::ShopUnknown);
        }
        match command {
            Command::Shop(command) => self.decide_shop(actor, command),
            Command::Room(command) => self.decide_room(actor, command, now),
            Command::Sale(command) => self.decide_sale(actor, command, now),
            Command::Order(command) => self.decide_order(actor, command, now),
            Command::Chat(command) => self.decide_chat(actor, command, now),
            Command::Desk(command) => self.decide_desk(actor, command, now),
            Command::Promo(command) => self.decide_promo(actor, command, now),
        }
    }

    /// Decides, applies, and does what follows from it: offers to the waitlist, stock going home.
    /// The events of the answer are applied already.
    pub fn execute(
        &mut self,
        actor: &Actor,
        command: &Command,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let mut accepted = self.decide(actor, command, now)?;
        for event in &accepted.events {
            self.apply(event, now);
        }
        self.note_passing(actor, command, &accepted, now);
        self.note_bodies(&accepted);
        self.settle(now, &mut accepted.events);
        self.move_sessions(now, &mut { desk::MOVES_MAX }, &mut accepted.events);
        self.write_order_documents(&mut accepted);
        self.write_desk_documents(&mut accepted, now);
        self.write_draw_documents(&mut accepted);
        Ok(accepted)
    }

    /// When the next thing happens by itself: a hold, an offer, a sale, a reminder, an archiving, a
    /// deadline of the desk. Sessions that have to move and did not fit into a step were due with
    /// their cause.
    pub fn next_due(&self) -> Option<Millis> {
        let others = self.desk.next_due().into_iter().chain(self.watch_due());
        self.due.next().into_iter().chain(others).min()
    }

    /// How long the shop may be left out of memory: until something happens by itself, or a seed is
    /// to be revealed. The latter takes the server, so it fires nothing and stays until it is done.
    pub fn wake_at(&self) -> Option<Millis> {
        let seeds = self.next_draw_seed_due().into_iter().chain(self.next_sale_seed_due());
        self.next_due().into_iter().chain(seeds).min()
    }

    /// Fires what is due at `now` in the order (due, id), at most `timers_max`; the events are
    /// applied already. Call again while `next_due()` is not after `now`.
    pub fn elapse(&mut self, now: Millis, timers_max: usize) -> Accepted {
        let mut accepted = Accepted::default();
        let mut moves_left = desk::MOVES_MAX;
        for _ in 0..timers_max {
            if self.desk_is_next(now) {
                self.elapse_desk(now, &mut moves_left, &mut accepted.events);
                if moves_left == 0 {
                    break;
                }
                continue;
            }
            if self.watch_is_next(now) {
                self.elapse_watch(now, &mut accepted.events);
                break;
            }
            let Some((due_at, item)) = self.due.pop_until(now) else { break };
            let from = accepted.events.len();
            accepted.events.extend(self.fire(item, due_at, now));
            for index in from..accepted.events.len() {
                let event = accepted.events[index].clone();
                accepted.documents.extend(self.document_of_leaving(&event));
                accepted.documents.extend(self.document_of_promo(&event));
                self.apply(&event, now);
            }
            self.settle(now, &mut accepted.events);
        }
        self.write_order_documents(&mut accepted);
        self.write_desk_documents(&mut accepted, now);
        accepted
    }

    /// What one due item means now. Guards look at the state: an item that no longer matters
    /// yields nothing.
    fn fire(&self, item: due::DueItem, due_at: Millis, now: Millis) -> Vec<Event> {
        match item {
            due::DueItem::SaleAnnounce(sale) => self.on_announce_due(&sale, now),
            due::DueItem::SaleReminder(sale) => self.on_sale_reminder_due(&sale, due_at),
            due::DueItem::SaleStart(sale) => self.on_start_due(&sale, due_at),
            due::DueItem::SaleEnd(sale) => self.on_end_due(&sale, due_at),
            due::DueItem::Hold(reservation) => self.on_hold_due(&reservation, due_at),
            due::DueItem::Offer(sale, sku, buyer) => self.on_offer_due(&sale, &sku, &buyer, due_at),
            due::DueItem::OrderReminder(order) => self.on_order_reminder_due(&order, due_at, now),
            due::DueItem::OrderPayment(order) => self.on_payment_due(&order, due_at),
            due::DueItem::OrderArchive(order) => self.on_order_archive_due(&order, due_at),
            due::DueItem::SaleArchive(sale) => self.on_sale_archive_due(&sale, due_at),
            due::DueItem::CampaignAnnounce(id) => self.on_campaign_announce_due(&id),
            due::DueItem::CampaignReminder(id) => self.on_campaign_reminder_due(&id, due_at),
            due::DueItem::CampaignOpen(id) => self.on_campaign_open_due(&id, due_at, now),
            due::DueItem::CampaignEnd(id) => self.on_campaign_end_due(&id, due_at),
            due::DueItem::Coupons(id) => self.on_coupons_due(&id, due_at, now),
            due::DueItem::CampaignArchive(id) => self.on_campaign_archive_due(&id, due_at),
            due::DueItem::DrawClose(id) => self.on_draw_close_due(&id, due_at),
            due::DueItem::Prizes(id) => self.on_prizes_due(&id, due_at, now),
            due::DueItem::DrawArchive(id) => self.on_draw_archive_due(&id, due_at),
        }
    }
}
