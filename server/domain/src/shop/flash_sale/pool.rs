//! Draw mode: claims of a sale's first moments are pooled and ranked by a seed, which takes away
//! what a head start is worth. Owns the pool and its draw; the formula is `lot`'s.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Item, Phase, Sale};
use crate::command::{Actor, Claim, CouponChoice, Role, Seed};
use crate::document::{self, DocumentWrite};
use crate::event::{ClaimPooled, DrawTerms, Event, PromoEvent, ReservationSource, Reserved};
use crate::id::{CouponId, ReservationId, RoomId, SaleId, SkuId, UserId};
use crate::rejection::Rejection;
use crate::shop::invariant::must;
use crate::shop::{Accepted, Shop, lot};
use crate::time::{Millis, SpanMs};
use crate::view::promo::PooledView;

/// As many as one event names: some 7 kB of it.
const LOSERS_NAMED_MAX: usize = 256;
/// More than any room has.
const POOL_MAX: usize = 500_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::shop) struct Pool {
    pub(super) terms: DrawTerms,
    claims: BTreeMap<SkuId, BTreeMap<UserId, Pooled>>,
    reservations: BTreeSet<ReservationId>,
    /// In hex, once it is known.
    pub(super) seed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pooled {
    reservation: ReservationId,
    quantity: u32,
    room: RoomId,
    present_ms: SpanMs,
    coupons: Option<Vec<CouponId>>,
}

impl Pooled {
    fn event(&self, sale: &SaleId, sku: &SkuId, buyer: &UserId) -> ClaimPooled {
        ClaimPooled {
            reservation: self.reservation.clone(),
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: buyer.clone(),
            quantity: self.quantity,
            room: self.room.clone(),
            present_ms: self.present_ms,
            coupons: self.coupons.clone(),
        }
    }
}

impl Pool {
    pub(super) fn new(terms: &DrawTerms) -> Self {
        Self {
            terms: terms.clone(),
            claims: BTreeMap::new(),
            reservations: BTreeSet::new(),
            seed: None,
        }
    }

    /// Claims that get nothing, a few hundred an event.
    fn lost(&self, sale: &SaleId, wins: impl Fn(&SkuId, &UserId) -> bool) -> Vec<Event> {
        let mut losers: BTreeMap<&SkuId, Vec<UserId>> = BTreeMap::new();
        for (sku, claims) in &self.claims {
            let lost = claims.keys().filter(|buyer| !wins(sku, buyer)).cloned();
            losers.entry(sku).or_default().extend(lost);
        }
        let mut events = Vec::new();
        for (sku, buyers) in losers {
            for some in buyers.chunks(LOSERS_NAMED_MAX) {
                let (sale, sku, buyers) = (sale.clone(), sku.clone(), some.to_vec());
                events.push(Event::PoolLost { sale, sku, buyers });
            }
        }
        events
    }
}

impl Sale {
    /// Until when claims are pooled.
    fn pool_ends_at(&self) -> Option<Millis> {
        let pool = self.pool.as_ref().filter(|pool| pool.seed.is_none())?;
        let (starts_at, _) = self.phase.times()?;
        Some(starts_at + pool.terms.window_ms)
    }

    /// When its seed is to be revealed: at the end of its window, or with the sale.
    fn seed_due_at(&self) -> Option<Millis> {
        self.pool.as_ref().filter(|pool| pool.seed.is_none())?;
        match self.phase {
            Phase::Live { .. } => self.pool_ends_at(),
            Phase::Ended | Phase::Cancelled => self.closed_at.filter(|_| self.started),
            Phase::Draft | Phase::Scheduled { .. } | Phase::Announced { .. } => None,
        }
    }

    pub(super) fn pool_over(&self, id: &SaleId) -> Vec<Event> {
        self.pool.as_ref().map(|pool| pool.lost(id, |_, _| false)).unwrap_or_default()
    }

    pub(super) fn empty_pool(&mut self) {
        if let Some(pool) = &mut self.pool {
            pool.claims.clear();
            pool.reservations.clear();
        }
    }

    /// Where early claims are drawn: the claim in the pool, or that the draw is awaited. Nothing,
    /// where claims are taken as they come.
    pub(super) fn pooled(
        &self,
        actor: &Actor,
        claim: &Claim,
        item: &Item,
        now: Millis,
    ) -> Option<Result<Accepted, Rejection>> {
        let ends_at = self.pool_ends_at()?;
        let pool = self.pool.as_ref()?;
        let own = pool.claims.get(&claim.sku).and_then(|claims| claims.get(&actor.user));
        if let Some(known) = own {
            let reservation = known.reservation.clone();
            return Some(Err(Rejection::AlreadyPooled { reservation }));
        }
        if now >= ends_at {
            return (!pool.reservations.is_empty()).then_some(Err(Rejection::DrawPending));
        }
        if pool.reservations.len() >= POOL_MAX {
            return Some(Err(item.sold_out()));
        }
        if pool.reservations.contains(&claim.reservation) {
            return Some(Err(Rejection::ReservationExists));
        }
        Some(Ok(Accepted::event(Event::ClaimPooled(ClaimPooled {
            reservation: claim.reservation.clone(),
            sale: claim.sale.clone(),
            sku: claim.sku.clone(),
            buyer: actor.user.clone(),
            quantity: claim.quantity,
            room: claim.room.clone(),
            present_ms: claim.present_ms,
            coupons: match &claim.coupons {
                CouponChoice::Best => None,
                CouponChoice::These(ids) => Some(ids.clone()),
            },
        }))))
    }
}

impl Shop {
    pub(in crate::shop) fn pooled_view(&self, pooled: &ClaimPooled) -> Option<PooledView> {
        let items = &self.sales.get(&pooled.sale)?.items;
        let item = items.iter().find(|item| item.sku == pooled.sku)?;
        Some(PooledView {
            reservation: pooled.reservation.clone(),
            sale: pooled.sale.clone(),
            sku: pooled.sku.clone(),
            buyer: pooled.buyer.clone(),
            quantity: pooled.quantity,
            price_minor: item.price_minor,
            currency: self.currency().clone(),
        })
    }

    /// A buyer's claims that wait for their draw.
    pub(in crate::shop) fn pooled_of(&self, buyer: &UserId) -> Vec<PooledView> {
        let pools = self.sales.iter().filter_map(|(id, sale)| Some((id, sale.pool.as_ref()?)));
        let own = pools.flat_map(|(id, pool)| {
            pool.claims.iter().filter_map(move |(sku, claims)| Some((id, sku, claims.get(buyer)?)))
        });
        own.filter_map(|(sale, sku, claim)| self.pooled_view(&claim.event(sale, sku, buyer)))
            .collect()
    }

    /// Sales whose pooled claims wait for their seed.
    pub fn sales_awaiting_seed(&self, now: Millis) -> impl Iterator<Item = &SaleId> {
        let due = move |sale: &Sale| sale.seed_due_at().is_some_and(|at| at <= now);
        self.sales.iter().filter(move |(_, sale)| due(sale)).map(|(id, _)| id)
    }

    pub(in crate::shop) fn next_sale_seed_due(&self) -> Option<Millis> {
        self.sales.values().filter_map(Sale::seed_due_at).min()
    }

    pub(super) fn reveal_sale(
        &self,
        actor: &Actor,
        id: &SaleId,
        seed: Seed,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &[Role::Service])?;
        let sale = self.sales.get(id).ok_or(Rejection::SaleUnknown)?;
        let not_ready = Rejection::SaleNotReady { state: sale.state() };
        let Some(pool) = sale.pool.as_ref().filter(|pool| pool.seed.is_none()) else {
            return Err(not_ready);
        };
        let open = sale.pool_ends_at().is_some_and(|at| now < at);
        let ready = sale.started && !open;
        if !ready {
            return Err(not_ready);
        }
        lot::check_seed(&seed, &pool.terms.seed_hash)?;
        let mut events = vec![Event::PoolDrawn {
            sale: id.clone(),
            seed: lot::hex(&seed.0),
            entrants: u32::try_from(pool.reservations.len()).unwrap_or(u32::MAX),
        }];
        let mut winners = BTreeSet::new();
        let mut locked: BTreeMap<UserId, Vec<CouponId>> = BTreeMap::new();
        for item in &sale.items {
            for reserved in self.drawn(id, sale, item, (pool, &seed), now) {
                winners.insert((reserved.sku.clone(), reserved.buyer.clone()));
                let taken = locked.entry(reserved.buyer.clone()).or_default();
                let coupons = self.coupons_of_drawn(pool, &reserved, taken, now);
                events.extend([Event::Reserved(reserved)].into_iter().chain(coupons));
            }
        }
        let wins = |sku: &SkuId, buyer: &UserId| winners.contains(&(sku.clone(), buyer.clone()));
        events.extend(pool.lost(id, wins));
        let prefix = document::sale_seed_key(id);
        let documents = vec![DocumentWrite::EraseUnder { prefix }];
        Ok(Accepted { events, documents, ..Accepted::default() })
    }

    /// The coupons that a drawn claim locks. What was chosen and is gone by now, or locked by
    /// another claim of the same draw, is left out: the units are won without it.
    fn coupons_of_drawn(
        &self,
        pool: &Pool,
        hold: &Reserved,
        taken: &mut Vec<CouponId>,
        now: Millis,
    ) -> Option<Event> {
        let pooled = pool.claims.get(&hold.sku)?.get(&hold.buyer)?;
        let choice = match &pooled.coupons {
            None => CouponChoice::Best,
            Some(ids) => {
                let free = |id: &&CouponId| !taken.contains(id) && self.is_usable(id, now);
                CouponChoice::These(ids.iter().filter(free).cloned().collect())
            }
        };
        let locked = self.coupons_for_hold(hold, &choice, taken, now).ok().flatten()?;
        if let Event::Promo(PromoEvent::CouponsLocked { coupons, .. }) = &locked {
            taken.extend(coupons.iter().cloned());
        }
        Some(locked)
    }

    /// The claims of one item that get units, in the order of their lots.
    fn drawn(
        &self,
        id: &SaleId,
        sale: &Sale,
        item: &Item,
        (pool, seed): (&Pool, &Seed),
        now: Millis,
    ) -> Vec<Reserved> {
        let Some(claims) = pool.claims.get(&item.sku) else { return Vec::new() };
        let entrants: Vec<UserId> = claims.keys().cloned().collect();
        let mut available = item.stock.available();
        let mut drawn = Vec::new();
        for (buyer, rank) in lot::ranked(seed, &entrants).into_iter().zip(1u32..) {
            let Some(pooled) = claims.get(&buyer) else { continue };
            let holder = item.holders.get(&buyer);
            let fits = pooled.quantity <= available
                && sale.check_quota(item, &buyer, holder, pooled.quantity).is_ok()
                && !self.reservations.contains(&pooled.reservation);
            if !fits {
                continue;
            }
            available -= pooled.quantity;
            let (room, present_ms) = (pooled.room.clone(), pooled.present_ms);
            drawn.push(Reserved {
                reservation: pooled.reservation.clone(),
                sale: id.clone(),
                sku: item.sku.clone(),
                buyer,
                quantity: pooled.quantity,
                price_minor: item.price_minor,
                expires_at: now + sale.terms.hold_ms,
                source: ReservationSource::Drawn { room, present_ms, rank },
            });
        }
        drawn
    }

    pub(in crate::shop) fn on_claim_pooled(&mut self, pooled: &ClaimPooled) {
        let sale = must(self.sales.get_mut(&pooled.sale), "sale");
        let Some(pool) = &mut sale.pool else { return };
        let row = Pooled {
            reservation: pooled.reservation.clone(),
            quantity: pooled.quantity,
            room: pooled.room.clone(),
            present_ms: pooled.present_ms,
            coupons: pooled.coupons.clone(),
        };
        pool.reservations.insert(pooled.reservation.clone());
        let claims = pool.claims.entry(pooled.sku.clone()).or_default();
        claims.insert(pooled.buyer.clone(), row);
    }

    pub(in crate::shop) fn on_pool_drawn(&mut self, id: &SaleId, seed: &str) {
        let sale = must(self.sales.get_mut(id), "sale");
        sale.version += 1;
        sale.empty_pool();
        if let Some(pool) = &mut sale.pool {
            pool.seed = Some(seed.to_owned());
        }
    }
}
