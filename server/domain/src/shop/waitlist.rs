//! Waiting for an item that is fully held: who stands in line, who has an offer. Owns joining,
//! leaving and offers; an accepted offer becomes a reservation.

mod queue;

use serde::{Deserialize, Serialize};

use super::due::DueItem;
use super::flash_sale::{Item, Sale, check_quantity, require_buyer};
use super::invariant::must;
use super::{Accepted, Shop};
use crate::command::{Actor, CouponChoice};
use crate::event::{Event, OfferEnd, ReservationSource, Reserved};
use crate::id::{ReservationId, RoomId, SaleId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::rejection::Rejection;
use crate::time::Millis;
use crate::view::{WaitingState, WaitingView};

use queue::Queue;

/// Those who wait and those who have been offered what they waited for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Waitlist {
    pub(super) queue: Queue,
    pub(super) offers: Lookup<UserId, Offer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) quantity: u32,
    pub(super) expires_at: Millis,
}

impl Waitlist {
    fn place(&self, buyer: &UserId) -> Option<(u32, WaitingState)> {
        if let Some(offer) = self.offers.get(buyer) {
            return Some((offer.quantity, WaitingState::Offered { expires_at: offer.expires_at }));
        }
        let position = self.queue.position(buyer)?;
        Some((self.queue.quantity(buyer)?, WaitingState::Waiting { position }))
    }
}

impl Shop {
    /// A buyer's place on a waitlist; `Gone` where he has none.
    pub fn waiting_view(&self, sale: &SaleId, sku: &SkuId, buyer: &UserId) -> Option<WaitingView> {
        let item = self.sales.get(sale)?.item(sku)?;
        let (quantity, state) = item.waitlist.place(buyer).unwrap_or((0, WaitingState::Gone));
        Some(WaitingView {
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: buyer.clone(),
            quantity,
            state,
            version: item.version,
        })
    }

    pub(super) fn join_waitlist(
        &self,
        actor: &Actor,
        (room, sale_id, sku): (&RoomId, &SaleId, &SkuId),
        quantity: u32,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        check_quantity(quantity)?;
        let sale = self.sales.get(sale_id).ok_or(Rejection::SaleUnknown)?;
        let item = sale.item(sku).ok_or(Rejection::SkuUnknown)?;
        self.check_place(sale_id, sale, room)?;
        self.check_not_banned(room, &actor.user, now)?;
        sale.check_running(now)?;
        match item.waitlist.place(&actor.user) {
            Some((_, WaitingState::Waiting { position })) => {
                return Err(Rejection::AlreadyWaiting { position });
            }
            Some((_, WaitingState::Offered { .. } | WaitingState::Gone)) => {
                return Err(Rejection::AlreadyWaiting { position: 0 });
            }
            None => {}
        }
        sale.check_quota(item, &actor.user, item.holders.get(&actor.user), quantity)?;
        check_joinable(sale, item, quantity)?;
        Ok(Accepted::event(Event::WaitlistJoined {
            sale: sale_id.clone(),
            sku: sku.clone(),
            buyer: actor.user.clone(),
            quantity,
        }))
    }

    fn waiting_item(&self, sale: &SaleId, sku: &SkuId) -> Result<(&Sale, &Item), Rejection> {
        let sale = self.sales.get(sale).ok_or(Rejection::SaleUnknown)?;
        Ok((sale, sale.item(sku).ok_or(Rejection::SkuUnknown)?))
    }

    pub(super) fn leave_waitlist(
        &self,
        actor: &Actor,
        sale: &SaleId,
        sku: &SkuId,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let (_, item) = self.waiting_item(sale, sku)?;
        if item.waitlist.queue.quantity(&actor.user).is_none() {
            return Err(Rejection::NotWaiting);
        }
        Ok(Accepted::event(left(sale, sku, &actor.user)))
    }

    pub(super) fn accept_offer(
        &self,
        actor: &Actor,
        (sale_id, sku): (&SaleId, &SkuId),
        reservation: &ReservationId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let (sale, item) = self.waiting_item(sale_id, sku)?;
        let offer = item.waitlist.offers.get(&actor.user).ok_or(Rejection::NoOffer)?;
        if now >= offer.expires_at {
            return Err(Rejection::NoOffer);
        }
        if self.reservations.contains(reservation) {
            return Err(Rejection::ReservationExists);
        }
        let reserved = Reserved {
            reservation: reservation.clone(),
            sale: sale_id.clone(),
            sku: sku.clone(),
            buyer: actor.user.clone(),
            quantity: offer.quantity,
            price_minor: item.price_minor,
            expires_at: now + sale.terms.hold_ms,
            source: ReservationSource::Offer,
        };
        let locked = self.coupons_for_hold(&reserved, &CouponChoice::Best, &[], now)?;
        Ok(Accepted::events([Event::Reserved(reserved)].into_iter().chain(locked).collect()))
    }

    pub(super) fn decline_offer(
        &self,
        actor: &Actor,
        sale: &SaleId,
        sku: &SkuId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let (_, item) = self.waiting_item(sale, sku)?;
        if !item.waitlist.offers.contains(&actor.user) {
            return Err(Rejection::NoOffer);
        }
        Ok(Accepted::event(Event::OfferEnded {
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: actor.user.clone(),
            reason: OfferEnd::Declined,
            due_at: now,
        }))
    }

    pub(super) fn on_offer_due(
        &self,
        sale: &SaleId,
        sku: &SkuId,
        buyer: &UserId,
        due_at: Millis,
    ) -> Vec<Event> {
        let item = self.sales.get(sale).and_then(|sale| sale.item(sku));
        if !item.is_some_and(|item| item.waitlist.offers.contains(buyer)) {
            return Vec::new();
        }
        vec![Event::OfferEnded {
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: buyer.clone(),
            reason: OfferEnd::Expired,
            due_at,
        }]
    }

    /// Who is next for the units that came back: the first in line who fits. Somebody who has
    /// meanwhile used up what he may have is taken off the list instead.
    pub(super) fn next_offer(
        &self,
        id: &SaleId,
        sale: &Sale,
        item: &Item,
        now: Millis,
    ) -> Option<Event> {
        let (buyer, quantity) = item.waitlist.queue.first_fitting(item.stock.available())?;
        if sale.check_quota(item, buyer, item.holders.get(buyer), quantity).is_err() {
            return Some(left(id, &item.sku, buyer));
        }
        Some(Event::WaitlistOffered {
            sale: id.clone(),
            sku: item.sku.clone(),
            buyer: buyer.clone(),
            expires_at: now + sale.terms.offer_ms,
        })
    }

    pub(super) fn on_waitlist_joined(
        &mut self,
        sale: &SaleId,
        sku: &SkuId,
        buyer: &UserId,
        quantity: u32,
    ) {
        let found = must(self.sales.get_mut(sale), "sale");
        must(found.item_mut(sku), "item").waitlist.queue.join(buyer, quantity);
        self.buyers.entry(buyer.clone()).waiting.insert((sale.clone(), sku.clone()));
    }

    pub(super) fn on_waitlist_left(&mut self, sale: &SaleId, sku: &SkuId, buyer: &UserId) {
        let found = must(self.sales.get_mut(sale), "sale");
        must(found.item_mut(sku), "item").waitlist.queue.remove(buyer);
        let place = (sale.clone(), sku.clone());
        self.change_buyer(buyer, |buyer| buyer.waiting.remove(&place));
    }

    pub(super) fn on_waitlist_offered(
        &mut self,
        sale: &SaleId,
        sku: &SkuId,
        buyer: &UserId,
        expires_at: Millis,
    ) {
        let found = must(self.sales.get_mut(sale), "sale");
        let item = must(found.item_mut(sku), "item");
        let quantity = must(item.waitlist.queue.remove(buyer), "waiting buyer");
        item.stock.offer(quantity);
        item.waitlist.offers.insert(buyer.clone(), Offer { quantity, expires_at });
        item.holders.entry(buyer.clone()).offered_units += quantity;
        self.due.add(expires_at, DueItem::Offer(sale.clone(), sku.clone(), buyer.clone()));
    }

    pub(super) fn on_offer_ended(&mut self, sale: &SaleId, sku: &SkuId, buyer: &UserId) {
        let found = must(self.sales.get_mut(sale), "sale");
        let item = must(found.item_mut(sku), "item");
        let offer = must(item.waitlist.offers.remove(buyer), "offer");
        item.stock.withdraw_offer(offer.quantity);
        item.holders.entry(buyer.clone()).offered_units -= offer.quantity;
        item.forget_if_empty(buyer);
        let due = DueItem::Offer(sale.clone(), sku.clone(), buyer.clone());
        self.due.remove(offer.expires_at, due);
        let place = (sale.clone(), sku.clone());
        self.change_buyer(buyer, |buyer| buyer.waiting.remove(&place));
        self.unsettled.insert(place);
    }
}

fn left(sale: &SaleId, sku: &SkuId, buyer: &UserId) -> Event {
    Event::WaitlistLeft { sale: sale.clone(), sku: sku.clone(), buyer: buyer.clone() }
}

/// Waiting makes sense: there is too little now, more may come back, and the line is not full.
fn check_joinable(sale: &Sale, item: &Item, quantity: u32) -> Result<(), Rejection> {
    let available_units = item.stock.available();
    if available_units >= quantity {
        return Err(Rejection::StillAvailable { available_units });
    }
    if item.stock.pending() == 0 {
        return Err(item.sold_out());
    }
    let waitlist_length_max = item.stock.total().saturating_mul(sale.terms.waitlist_factor);
    if item.waitlist.queue.len() >= waitlist_length_max {
        return Err(Rejection::WaitlistFull { waitlist_length_max });
    }
    Ok(())
}
