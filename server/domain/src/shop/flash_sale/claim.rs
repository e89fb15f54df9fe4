//! The claim: who gets a unit. Owns the order of the checks, which comes before any counter
//! moves; the move itself is the `Reserved` event's.

use crate::command::{Actor, Claim, CouponChoice, Role, Scope};
use crate::event::{Event, OrderLine, PromoEvent, ReservationSource, Reserved};
use crate::id::{CouponId, RoomId, SaleId, UserId};
use crate::rejection::Rejection;
use crate::shop::cart::Purchase;
use crate::shop::flash_sale::{Holder, Item, Phase, Sale};
use crate::shop::{Accepted, Shop};
use crate::time::{Millis, SpanMs};
use crate::view::RoomState;

pub(in crate::shop) fn require_buyer(actor: &Actor) -> Result<(), Rejection> {
    match actor.role {
        Role::Buyer => Ok(()),
        Role::Streamer | Role::Agent | Role::Supervisor | Role::Manager | Role::Service => {
            Err(Rejection::Forbidden { needed: Role::Buyer })
        }
    }
}

pub(in crate::shop) fn scope_has(scope: &Scope, room: &RoomId) -> bool {
    match scope {
        Scope::AllRooms => true,
        Scope::Rooms(rooms) => rooms.contains(room),
    }
}

impl Shop {
    /// The first check that fails is the answer. Nothing is taken before all have passed.
    pub(super) fn claim(
        &self,
        actor: &Actor,
        claim: &Claim,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        check_quantity(claim.quantity)?;
        let sale = self.sales.get(&claim.sale).ok_or(Rejection::SaleUnknown)?;
        let item = sale.item(&claim.sku).ok_or(Rejection::SkuUnknown)?;
        self.check_place(&claim.sale, sale, &claim.room)?;
        self.check_not_banned(&claim.room, &actor.user, now)?;
        check_presence(sale, claim.present_ms)?;
        sale.check_running(now)?;
        let holder = item.holders.get(&actor.user);
        if let Some(found) = holder.and_then(|holder| self.found_hold(holder, claim)) {
            return found;
        }
        sale.check_quota(item, &actor.user, holder, claim.quantity)?;
        let reserved = || Reserved {
            reservation: claim.reservation.clone(),
            sale: claim.sale.clone(),
            sku: claim.sku.clone(),
            buyer: actor.user.clone(),
            quantity: claim.quantity,
            price_minor: item.price_minor,
            expires_at: now + sale.terms.hold_ms,
            source: ReservationSource::Claim {
                room: claim.room.clone(),
                present_ms: claim.present_ms,
            },
        };
        if let Some(pooled) = sale.pooled(actor, claim, item, now) {
            let accepted = pooled?;
            // Coupons that are named are judged now, though nothing is locked before the draw.
            if claim.coupons != CouponChoice::Best {
                self.coupons_for_hold(&reserved(), &claim.coupons, &[], now)?;
            }
            return Ok(accepted);
        }
        item.check_available(claim.quantity)?;
        if self.reservations.contains(&claim.reservation) {
            return Err(Rejection::ReservationExists);
        }
        let reserved = reserved();
        let locked = self.coupons_for_hold(&reserved, &claim.coupons, &[], now)?;
        let reserved = Event::Reserved(reserved);
        let waits =
            !item.waitlist.queue.is_empty() && item.waitlist.queue.quantity(&actor.user).is_some();
        let left = waits.then(|| Event::WaitlistLeft {
            sale: claim.sale.clone(),
            sku: claim.sku.clone(),
            buyer: actor.user.clone(),
        });
        Ok(Accepted::events(left.into_iter().chain([reserved]).chain(locked).collect()))
    }

    /// What a new hold sets aside of the buyer's coupons. Most buyers have none.
    pub(in crate::shop) fn coupons_for_hold(
        &self,
        hold: &Reserved,
        coupons: &CouponChoice,
        without: &[CouponId],
        now: Millis,
    ) -> Result<Option<Event>, Rejection> {
        let buyer = &hold.buyer;
        let has_coupons =
            self.buyers.get(buyer).is_some_and(|row| row.coupons.iter().next().is_some());
        if *coupons == CouponChoice::Best && !has_coupons {
            return Ok(None);
        }
        let line = OrderLine {
            sku: hold.sku.clone(),
            quantity: hold.quantity,
            unit_price_minor: hold.price_minor,
            reservation: None,
        };
        let room = match &hold.source {
            ReservationSource::Claim { room, .. } | ReservationSource::Drawn { room, .. } => {
                Some(room)
            }
            ReservationSource::Offer => None,
        };
        let lines = std::slice::from_ref(&line);
        let claim_of = Some(&hold.sale);
        let purchase = Purchase { buyer, lines, coupons, room, claim_of, without };
        let quote = self.priced(&purchase, now)?;
        let coupons: Vec<_> = quote.coupons.iter().map(|used| used.coupon.clone()).collect();
        if coupons.is_empty() {
            return Ok(None);
        }
        let reservation = hold.reservation.clone();
        Ok(Some(Event::Promo(PromoEvent::CouponsLocked { reservation, coupons })))
    }

    /// A buyer who holds the item already gets that very hold again, or learns that he holds it
    /// in another quantity.
    fn found_hold(&self, holder: &Holder, claim: &Claim) -> Option<Result<Accepted, Rejection>> {
        let first = holder.active.first()?;
        let same = holder.active.iter().find(|id| {
            self.reservations.get(*id).is_some_and(|held| held.quantity == claim.quantity)
        });
        if let Some(same) = same {
            let existing = self.reservation_view(same);
            return Some(Ok(Accepted { existing, ..Accepted::default() }));
        }
        let quantity = self.reservations.get(first).map_or(0, |held| held.quantity);
        Some(Err(Rejection::AlreadyReserved { reservation: first.clone(), quantity }))
    }

    /// The sale runs in this room, and the room has begun and not ended.
    pub(in crate::shop) fn check_place(
        &self,
        id: &SaleId,
        sale: &Sale,
        room: &RoomId,
    ) -> Result<(), Rejection> {
        let state = self.rooms.get(room).ok_or(Rejection::RoomUnknown)?.state;
        if !scope_has(&sale.scope, room) {
            return Err(Rejection::SaleNotInRoom { sale: id.clone() });
        }
        match state {
            RoomState::Live | RoomState::Paused => Ok(()),
            RoomState::Scheduled => Err(Rejection::RoomNotReady { state }),
            RoomState::Ended => Err(Rejection::RoomEnded { room: room.clone() }),
        }
    }

    /// Whether some room of the scope has not ended; `ending` counts as ended.
    pub(in crate::shop) fn has_open_room(&self, scope: &Scope, ending: Option<&RoomId>) -> bool {
        self.rooms.iter().any(|(id, room)| {
            let open = match room.state {
                RoomState::Scheduled | RoomState::Live | RoomState::Paused => true,
                RoomState::Ended => false,
            };
            open && Some(id) != ending && scope_has(scope, id)
        })
    }
}

pub(in crate::shop) fn check_quantity(quantity: u32) -> Result<(), Rejection> {
    if quantity == 0 {
        return Err(Rejection::Invalid { field: "quantity", problem: "must be at least 1" });
    }
    Ok(())
}

fn check_presence(sale: &Sale, present_ms: SpanMs) -> Result<(), Rejection> {
    let missing = sale.terms.min_presence_ms.0.saturating_sub(present_ms.0);
    if missing > 0 {
        return Err(Rejection::PresenceTooShort { retry_after_ms: SpanMs(missing) });
    }
    Ok(())
}

impl Sale {
    /// Judged by `now`: a timer that is late changes no outcome.
    pub(in crate::shop) fn check_running(&self, now: Millis) -> Result<(), Rejection> {
        match self.phase {
            Phase::Draft => Err(Rejection::TooEarly { starts_at: None }),
            Phase::Scheduled { starts_at, .. } | Phase::Announced { starts_at, .. } => {
                Err(Rejection::TooEarly { starts_at: Some(starts_at) })
            }
            Phase::Live { ends_at, .. } if now >= ends_at => Err(Rejection::SaleEnded),
            Phase::Live { .. } => Ok(()),
            Phase::Ended | Phase::Cancelled => Err(Rejection::SaleEnded),
        }
    }

    /// The buyer may have `quantity` more: within his limit, and not after letting holds expire.
    pub(in crate::shop) fn check_quota(
        &self,
        item: &Item,
        buyer: &UserId,
        holder: Option<&Holder>,
        quantity: u32,
    ) -> Result<(), Rejection> {
        let used_units = holder.map_or(0, Holder::used_units);
        if used_units.saturating_add(quantity) > item.per_buyer_units {
            return Err(Rejection::BuyerLimit { limit_units: item.per_buyer_units, used_units });
        }
        let expiries = self.expiries.get(buyer).copied().unwrap_or(0);
        if expiries > 0 && expiries >= self.terms.unpaid_expiries_max {
            return Err(Rejection::HoldsExhausted { expiries });
        }
        Ok(())
    }
}

impl Item {
    fn check_available(&self, quantity: u32) -> Result<(), Rejection> {
        if self.stock.available() >= quantity {
            return Ok(());
        }
        Err(self.sold_out())
    }

    /// Soft: held units may still come back, so waiting makes sense.
    pub(in crate::shop) fn sold_out(&self) -> Rejection {
        let soft = self.stock.pending() > 0;
        Rejection::SoldOut { soft, waitlist_length: self.waitlist.queue.len() }
    }
}
