//! Reservations: units that one buyer holds for a while. Owns how a hold begins and the one way
//! out of it that gives its units back; paying for it is the order's.

use serde::{Deserialize, Serialize};

use super::due::{DueItem, HoldSlot};
use super::invariant::must;
use super::{Accepted, Shop};
use crate::command::{Actor, ReleaseReason, Role};
use crate::event::{Event, ReservationSource, Reserved};
use crate::id::{OrderId, ReservationId, SaleId, SkuId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::time::Millis;
use crate::view::{ReservationState, ReservationView};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) sale: SaleId,
    pub(super) sku: SkuId,
    pub(super) buyer: UserId,
    pub(super) quantity: u32,
    pub(super) price_minor: Minor,
    pub(super) state: ReservationState,
    pub(super) version: u64,
    /// Where it stands in the due queue while it is held.
    #[serde(skip)]
    pub(super) hold_slot: HoldSlot,
}

impl Reservation {
    /// Its units are still set aside for the buyer.
    pub(super) fn is_active(&self) -> bool {
        match self.state {
            ReservationState::Held { .. } | ReservationState::Ordered { .. } => true,
            ReservationState::Sold { .. } | ReservationState::Released { .. } => false,
        }
    }

    fn turn(&mut self, state: ReservationState) {
        self.state = state;
        self.version += 1;
    }
}

impl Shop {
    pub fn reservation_view(&self, id: &ReservationId) -> Option<ReservationView> {
        let held = self.reservations.get(id)?;
        Some(ReservationView {
            reservation: id.clone(),
            sale: held.sale.clone(),
            sku: held.sku.clone(),
            buyer: held.buyer.clone(),
            quantity: held.quantity,
            price_minor: held.price_minor,
            currency: self.currency().clone(),
            state: held.state.clone(),
            version: held.version,
        })
    }

    /// The buyer gives up his hold, or the shop takes it from him.
    pub(super) fn release_by(
        &self,
        actor: &Actor,
        id: &ReservationId,
        reason: ReleaseReason,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.check_release_reason(actor, reason)?;
        let held = self.reservations.get(id).ok_or(Rejection::ReservationUnknown)?;
        if actor.role == Role::Buyer && held.buyer != actor.user {
            return Err(Rejection::ReservationUnknown);
        }
        match held.state {
            ReservationState::Held { .. } => Ok(Accepted::event(Event::ReservationReleased {
                reservation: id.clone(),
                reason,
                due_at: now,
            })),
            ReservationState::Ordered { .. }
            | ReservationState::Sold { .. }
            | ReservationState::Released { .. } => {
                Err(Rejection::ReservationNotHeld { reservation: id.clone() })
            }
        }
    }

    /// A buyer cancels what is his; the seller's reasons are for a manager and for the shop's
    /// systems; the rest happens by itself.
    pub(super) fn check_release_reason(
        &self,
        actor: &Actor,
        reason: ReleaseReason,
    ) -> Result<(), Rejection> {
        match reason {
            ReleaseReason::BuyerCancel => super::flash_sale::require_buyer(actor),
            ReleaseReason::SellerCancel | ReleaseReason::Fraud => {
                self.staff.require(actor, &[Role::Manager, Role::Service])
            }
            ReleaseReason::Expired
            | ReleaseReason::PaymentFailedFinal
            | ReleaseReason::SaleCancelled
            | ReleaseReason::OfferExpired => Err(Rejection::Invalid {
                field: "reason",
                problem: "must be buyer_cancel, seller_cancel or fraud",
            }),
        }
    }

    pub(super) fn on_hold_due(&self, id: &ReservationId, due_at: Millis) -> Vec<Event> {
        match self.reservations.get(id).map(|held| &held.state) {
            Some(ReservationState::Held { .. }) => vec![Event::ReservationReleased {
                reservation: id.clone(),
                reason: ReleaseReason::Expired,
                due_at,
            }],
            Some(
                ReservationState::Ordered { .. }
                | ReservationState::Sold { .. }
                | ReservationState::Released { .. },
            )
            | None => Vec::new(),
        }
    }

    pub(super) fn on_reserved(&mut self, reserved: &Reserved) {
        let sale = must(self.sales.get_mut(&reserved.sale), "sale");
        sale.claims.push(reserved.reservation.clone());
        let item = must(sale.item_mut(&reserved.sku), "item");
        match &reserved.source {
            ReservationSource::Claim { .. } | ReservationSource::Drawn { .. } => {
                item.stock.reserve(reserved.quantity);
            }
            ReservationSource::Offer => {
                let offer = must(item.waitlist.offers.remove(&reserved.buyer), "offer");
                item.stock.accept_offer(reserved.quantity);
                item.holders.entry(reserved.buyer.clone()).offered_units -= reserved.quantity;
                let place = (reserved.sale.clone(), reserved.sku.clone());
                let (sale, sku) = place.clone();
                self.due
                    .remove(offer.expires_at, DueItem::Offer(sale, sku, reserved.buyer.clone()));
                self.buyers.entry(reserved.buyer.clone()).waiting.remove(&place);
            }
        }
        let holder = item.holders.entry(reserved.buyer.clone());
        holder.reserved_units += reserved.quantity;
        holder.active.push(reserved.reservation.clone());
        let hold_slot = self.due.add_hold(reserved.expires_at, &reserved.reservation);
        let buyer = self.buyers.entry(reserved.buyer.clone());
        buyer.reservations.insert(reserved.reservation.clone());
        self.reservations.insert(
            reserved.reservation.clone(),
            Reservation {
                sale: reserved.sale.clone(),
                sku: reserved.sku.clone(),
                buyer: reserved.buyer.clone(),
                quantity: reserved.quantity,
                price_minor: reserved.price_minor,
                state: ReservationState::Held { expires_at: reserved.expires_at },
                version: 1,
                hold_slot,
            },
        );
    }

    pub(super) fn on_reservation_released(
        &mut self,
        id: &ReservationId,
        reason: ReleaseReason,
        at: Millis,
    ) {
        self.release(id, reason);
        self.free_coupons_of_hold(id, &[], at);
    }

    /// The one way a hold ends unsold, whatever the reason. A second call changes nothing.
    pub(super) fn release(&mut self, id: &ReservationId, reason: ReleaseReason) {
        let held = must(self.reservations.get_mut(id), "reservation");
        if !held.is_active() {
            return;
        }
        if let ReservationState::Held { expires_at } = held.state {
            self.due.remove_hold(expires_at, held.hold_slot, id);
        }
        held.turn(ReservationState::Released { reason });
        let sale = must(self.sales.get_mut(&held.sale), "sale");
        if reason == ReleaseReason::Expired {
            *sale.expiries.entry(held.buyer.clone()) += 1;
        }
        let item = must(sale.item_mut(&held.sku), "item");
        item.stock.release(held.quantity);
        let holder = item.holders.entry(held.buyer.clone());
        holder.reserved_units -= held.quantity;
        holder.active.retain(|active| active != id);
        item.forget_if_empty(&held.buyer);
        self.unsettled.insert((held.sale.clone(), held.sku.clone()));
        let buyer = held.buyer.clone();
        self.change_buyer(&buyer, |buyer| buyer.reservations.remove(id));
    }

    /// The hold's clock stops: from now on the order's decides.
    pub(super) fn order_reservation(&mut self, id: &ReservationId, order: &OrderId) {
        let held = must(self.reservations.get_mut(id), "reservation");
        if let ReservationState::Held { expires_at } = held.state {
            self.due.remove_hold(expires_at, held.hold_slot, id);
        }
        held.turn(ReservationState::Ordered { order: order.clone() });
    }

    pub(super) fn sell_reservation(&mut self, id: &ReservationId, order: &OrderId) {
        let held = must(self.reservations.get_mut(id), "reservation");
        held.turn(ReservationState::Sold { order: order.clone() });
        let sale = must(self.sales.get_mut(&held.sale), "sale");
        let item = must(sale.item_mut(&held.sku), "item");
        item.stock.sell(held.quantity);
        let holder = item.holders.entry(held.buyer.clone());
        holder.reserved_units -= held.quantity;
        holder.sold_units += held.quantity;
        holder.active.retain(|active| active != id);
        self.unsettled.insert((held.sale.clone(), held.sku.clone()));
        let buyer = held.buyer.clone();
        self.change_buyer(&buyer, |buyer| buyer.reservations.remove(id));
    }

    /// The money came after the release: takes the units again, from the sale or, where its
    /// stock has gone home, from free stock.
    pub(super) fn resell_reservation(&mut self, id: &ReservationId, order: &OrderId) {
        let held = must(self.reservations.get_mut(id), "reservation");
        held.turn(ReservationState::Sold { order: order.clone() });
        let sale = must(self.sales.get_mut(&held.sale), "sale");
        let item = must(sale.item_mut(&held.sku), "item");
        if item.stock.available() < held.quantity {
            self.catalog.take(&held.sku, u64::from(held.quantity));
            item.stock.enter(held.quantity);
        }
        item.stock.sell_available(held.quantity);
        item.holders.entry(held.buyer.clone()).sold_units += held.quantity;
        self.unsettled.insert((held.sale.clone(), held.sku.clone()));
    }
}
