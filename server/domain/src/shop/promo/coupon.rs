//! A coupon of a buyer from its claim to its end, and the money that is set aside for it. Owns the
//! one way between its states, so that spent + locked + claimed never goes above the budget.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::campaign::{Campaign, Phase};
use super::yes;
use crate::command::{Actor, CouponChoice};
use crate::event::promo::CouponClaimed;
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, CouponId, OrderId, ReservationId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::archive::ARCHIVE_AFTER;
use crate::shop::invariant::must;
use crate::shop::price::{Offered, Quote, UsedCoupon};
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::promo::{CouponHolder, CouponState};

/// Coupons that one step names.
const COUPONS_A_STEP: usize = 256;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::shop) struct Coupon {
    pub(super) campaign: CampaignId,
    pub(super) buyer: UserId,
    /// What is set aside for it.
    pub(super) worst_minor: Minor,
    pub(super) expires_at: Millis,
    pub(super) state: CouponState,
    /// When it was used, expired or revoked.
    pub(super) finished_at: Option<Millis>,
    pub(super) version: u64,
}

impl Coupon {
    pub(super) fn is_live(&self) -> bool {
        match self.state {
            CouponState::Claimed | CouponState::Locked { .. } => true,
            CouponState::Used { .. } | CouponState::Expired | CouponState::Revoked => false,
        }
    }
}

impl Campaign {
    /// The money and the places that a coupon in `state` takes.
    fn leave(&mut self, id: &CouponId, coupon: &Coupon) {
        match coupon.state {
            CouponState::Claimed => {
                self.money.claimed_minor = self.money.claimed_minor.less(coupon.worst_minor);
                self.claimed.remove(&(coupon.expires_at, id.clone()));
            }
            CouponState::Locked { .. } => {
                self.money.locked_minor = self.money.locked_minor.less(coupon.worst_minor);
                self.locked -= 1;
            }
            CouponState::Used { spent_minor, .. } => {
                self.money.spent_minor = self.money.spent_minor.less(spent_minor);
            }
            CouponState::Expired | CouponState::Revoked => {}
        }
        if let Some(at) = coupon.finished_at {
            self.finished.remove(&(at, id.clone()));
        }
    }

    fn enter(&mut self, id: &CouponId, coupon: &Coupon) {
        match coupon.state {
            CouponState::Claimed => {
                self.money.claimed_minor = self.money.claimed_minor.plus(coupon.worst_minor);
                self.claimed.insert((coupon.expires_at, id.clone()));
            }
            CouponState::Locked { .. } => {
                self.money.locked_minor = self.money.locked_minor.plus(coupon.worst_minor);
                self.locked += 1;
            }
            CouponState::Used { spent_minor, .. } => {
                self.money.spent_minor = self.money.spent_minor.plus(spent_minor);
            }
            CouponState::Expired | CouponState::Revoked => {}
        }
        if let Some(at) = coupon.finished_at {
            self.finished.insert((at, id.clone()));
        }
    }

    fn count(&mut self, from: &CouponState, to: &CouponState) {
        match to {
            CouponState::Claimed if matches!(from, CouponState::Used { .. }) => {
                self.counts.returned += 1;
            }
            CouponState::Used { .. } if !matches!(from, CouponState::Used { .. }) => {
                self.counts.used += 1;
            }
            CouponState::Expired => self.counts.expired += 1,
            CouponState::Revoked => self.counts.revoked += 1,
            CouponState::Claimed | CouponState::Locked { .. } | CouponState::Used { .. } => {}
        }
    }
}

impl Shop {
    /// The buyer's coupons that a cart may use. Coupons that `own` has locked count as free.
    pub(in crate::shop) fn offered<'a>(
        &'a self,
        buyer: &UserId,
        choice: &'a CouponChoice,
        own: &dyn Fn(&CouponHolder) -> bool,
        now: Millis,
    ) -> Result<Vec<Offered<'a>>, Rejection> {
        let usable = |id: &CouponId, coupon: &Coupon| self.check_usable(id, coupon, own, now);
        let CouponChoice::These(ids) = choice else {
            let Some(row) = self.buyers.get(buyer) else { return Ok(Vec::new()) };
            let coupons = row.coupons.iter().filter_map(|id| {
                let coupon = self.promo.coupons.get(id)?;
                usable(id, coupon).ok()?;
                self.offer(id, coupon)
            });
            return Ok(coupons.collect());
        };
        let mut offered = Vec::with_capacity(ids.len());
        for id in ids {
            let coupon = self.promo.coupons.get(id).filter(|coupon| coupon.buyer == *buyer);
            let coupon = coupon.ok_or(Rejection::CouponUnknown)?;
            usable(id, coupon)?;
            offered.extend(self.offer(id, coupon));
        }
        Ok(offered)
    }

    fn offer<'a>(&'a self, id: &'a CouponId, coupon: &'a Coupon) -> Option<Offered<'a>> {
        let campaign = self.promo.campaigns.get(&coupon.campaign)?;
        Some(Offered {
            coupon: id,
            campaign: &coupon.campaign,
            funder: campaign.spec.funder,
            kind: campaign.spec.kind,
            tiers: &campaign.spec.tiers,
            items: &campaign.spec.items,
            class: campaign.stack_class(),
            worst_minor: coupon.worst_minor,
            expires_at: coupon.expires_at,
        })
    }

    /// What is claimed is honoured until it ends; what is locked for this very cart, longer.
    fn check_usable(
        &self,
        id: &CouponId,
        coupon: &Coupon,
        own: &dyn Fn(&CouponHolder) -> bool,
        now: Millis,
    ) -> Result<(), Rejection> {
        let revoked = self.is_revoked(&coupon.campaign);
        let state = match &coupon.state {
            CouponState::Claimed if revoked => CouponState::Revoked,
            CouponState::Claimed if now >= coupon.expires_at => CouponState::Expired,
            CouponState::Claimed => return Ok(()),
            CouponState::Locked { by } if own(by) => return Ok(()),
            other @ (CouponState::Locked { .. }
            | CouponState::Used { .. }
            | CouponState::Expired
            | CouponState::Revoked) => other.clone(),
        };
        Err(Rejection::CouponNotUsable { coupon: id.clone(), state })
    }

    /// It could be locked now.
    pub(in crate::shop) fn is_usable(&self, id: &CouponId, now: Millis) -> bool {
        let coupon = self.promo.coupons.get(id);
        coupon.is_some_and(|coupon| self.check_usable(id, coupon, &|_| false, now).is_ok())
    }

    fn is_revoked(&self, campaign: &CampaignId) -> bool {
        let campaign = self.promo.campaigns.get(campaign);
        campaign.is_some_and(|campaign| campaign.phase == Phase::Revoked)
    }

    pub(super) fn revoke_coupon(
        &self,
        actor: &Actor,
        id: &CouponId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let coupon = self.promo.coupons.get(id).ok_or(Rejection::CouponUnknown)?;
        let campaign = self.campaign(&coupon.campaign)?;
        super::spec::check_money(actor, campaign.spec.funder)?;
        if coupon.state == CouponState::Revoked {
            return Ok(Accepted::default());
        }
        self.check_usable(id, coupon, &|_| false, now)?;
        let (campaign, coupons) = (coupon.campaign.clone(), vec![id.clone()]);
        let by = Some(actor.user.clone());
        Ok(yes(PromoEvent::CouponsRevoked { campaign, coupons, by }))
    }

    /// Coupons end, go with their revoked campaign, or leave memory: so many a step.
    pub(in crate::shop) fn on_coupons_due(
        &self,
        id: &CampaignId,
        due_at: Millis,
        now: Millis,
    ) -> Vec<Event> {
        let Some(found) = self.promo.campaigns.get(id) else { return Vec::new() };
        let campaign = id.clone();
        let ids = |all: &mut dyn Iterator<Item = &(Millis, CouponId)>| -> Vec<CouponId> {
            all.take(COUPONS_A_STEP).map(|(_, coupon)| coupon.clone()).collect()
        };
        if found.phase == Phase::Revoked && !found.claimed.is_empty() {
            let coupons = ids(&mut found.claimed.iter());
            return vec![Event::Promo(PromoEvent::CouponsRevoked { campaign, coupons, by: None })];
        }
        let coupons = ids(&mut found.claimed.iter().take_while(|(at, _)| *at <= now));
        if !coupons.is_empty() {
            return vec![Event::Promo(PromoEvent::CouponsExpired { campaign, coupons, due_at })];
        }
        let is_old = |(at, _): &&(Millis, CouponId)| *at + ARCHIVE_AFTER <= now;
        let coupons = ids(&mut found.finished.iter().take_while(is_old));
        let archived = PromoEvent::CouponsArchived { campaign, coupons, due_at };
        vec![Event::Promo(archived)]
    }

    pub(super) fn on_coupon_claimed(&mut self, claimed: &CouponClaimed) {
        let coupon = Coupon {
            campaign: claimed.campaign.clone(),
            buyer: claimed.buyer.clone(),
            worst_minor: claimed.worst_minor,
            expires_at: claimed.expires_at,
            state: CouponState::Claimed,
            finished_at: None,
            version: 1,
        };
        self.change_campaign(&claimed.campaign, |campaign| {
            campaign.counts.claimed += 1;
            *campaign.claims_of.entry(claimed.buyer.clone()) += 1;
            campaign.enter(&claimed.coupon, &coupon);
        });
        self.promo.coupons.insert(claimed.coupon.clone(), coupon);
        self.buyers.entry(claimed.buyer.clone()).coupons.insert(claimed.coupon.clone());
    }

    /// The one way between the states of a coupon.
    pub(super) fn turn_coupon(&mut self, id: &CouponId, to: CouponState, at: Millis) {
        let mut coupon = must(self.promo.coupons.remove(id), "coupon");
        let was_live = coupon.is_live();
        self.change_campaign(&coupon.campaign.clone(), |campaign| {
            campaign.leave(id, &coupon);
            campaign.count(&coupon.state, &to);
            let comes_back =
                matches!((&coupon.state, &to), (CouponState::Used { .. }, CouponState::Claimed));
            if comes_back {
                let left = campaign.spec.budget_minor.less(campaign.money.taken());
                coupon.worst_minor = coupon.worst_minor.min(left);
            }
            let again = matches!(
                (&coupon.state, &to),
                (CouponState::Used { .. }, CouponState::Used { .. })
            );
            coupon.state = to;
            coupon.version += 1;
            if !again {
                coupon.finished_at = (!coupon.is_live()).then_some(at);
            }
            campaign.enter(id, &coupon);
        });
        let (is_live, buyer) = (coupon.is_live(), coupon.buyer.clone());
        self.promo.coupons.insert(id.clone(), coupon);
        if is_live && !was_live {
            self.buyers.entry(buyer).coupons.insert(id.clone());
        } else if was_live && !is_live {
            self.change_buyer(&buyer, |buyer| buyer.coupons.remove(id));
        }
    }

    /// Free again, unless its time is over or its campaign was revoked meanwhile.
    fn unlock_coupon(&mut self, id: &CouponId, at: Millis) {
        let Some(coupon) = self.promo.coupons.get(id) else { return };
        let to = if self.is_revoked(&coupon.campaign) {
            CouponState::Revoked
        } else if at >= coupon.expires_at {
            CouponState::Expired
        } else {
            CouponState::Claimed
        };
        self.turn_coupon(id, to, at);
    }

    pub(super) fn on_coupons_locked(
        &mut self,
        reservation: &ReservationId,
        coupons: &[CouponId],
        at: Millis,
    ) {
        for coupon in coupons {
            let by = CouponHolder::Reservation(reservation.clone());
            self.turn_coupon(coupon, CouponState::Locked { by }, at);
        }
        self.promo.held.insert(reservation.clone(), SmallVec::from(coupons));
    }

    /// The hold is over, or an order takes its place.
    pub(in crate::shop) fn free_coupons_of_hold(
        &mut self,
        reservation: &ReservationId,
        keep: &[UsedCoupon],
        at: Millis,
    ) {
        if self.promo.held.is_empty() {
            return;
        }
        for coupon in self.promo.held.remove(reservation).unwrap_or_default() {
            if !keep.iter().any(|used| used.coupon == coupon) {
                self.unlock_coupon(&coupon, at);
            }
        }
    }

    pub(in crate::shop) fn lock_coupons(
        &mut self,
        order: &OrderId,
        coupons: &[UsedCoupon],
        at: Millis,
    ) {
        for used in coupons {
            let by = CouponHolder::Order(order.clone());
            self.turn_coupon(&used.coupon, CouponState::Locked { by }, at);
        }
    }

    pub(in crate::shop) fn unlock_coupons(
        &mut self,
        coupons: &[UsedCoupon],
        keep: &[UsedCoupon],
        at: Millis,
    ) {
        for used in coupons {
            if !keep.iter().any(|kept| kept.coupon == used.coupon) {
                self.unlock_coupon(&used.coupon, at);
            }
        }
    }

    pub(in crate::shop) fn use_quote(&mut self, order: &OrderId, quote: &Quote, at: Millis) {
        for used in &quote.coupons {
            let (order, spent_minor) = (order.clone(), used.amount_minor);
            self.turn_coupon(&used.coupon, CouponState::Used { order, spent_minor }, at);
        }
    }

    /// Units went back: what their discounts cost comes back, and the coupon itself where the
    /// order was undone.
    pub(in crate::shop) fn refund_coupon(
        &mut self,
        id: &CouponId,
        share: Minor,
        returned: bool,
        at: Millis,
    ) {
        let Some(coupon) = self.promo.coupons.get(id) else { return };
        let CouponState::Used { order, spent_minor } = coupon.state.clone() else { return };
        let to = if returned {
            CouponState::Claimed
        } else {
            CouponState::Used { order, spent_minor: spent_minor.less(share) }
        };
        self.turn_coupon(id, to, at);
    }

    /// Every coupon of a quote could be locked now, and every subsidy given.
    pub(in crate::shop) fn can_lock_quote(&self, quote: &Quote, now: Millis) -> bool {
        let coupons = quote.coupons.iter().all(|used| {
            let coupon = self.promo.coupons.get(&used.coupon);
            coupon.is_some_and(|coupon| {
                self.check_usable(&used.coupon, coupon, &|_| false, now).is_ok()
                    && coupon.worst_minor >= used.amount_minor
            })
        });
        coupons && quote.subsidies().all(|(rule, (_, amount))| self.can_subsidise(rule, amount))
    }

    /// A coupon that a refund before shipment gives back: in time only.
    pub(in crate::shop) fn returns(&self, id: &CouponId, now: Millis) -> bool {
        let coupon = self.promo.coupons.get(id);
        coupon.is_some_and(|coupon| {
            matches!(coupon.state, CouponState::Used { .. })
                && now < coupon.expires_at
                && !self.is_revoked(&coupon.campaign)
        })
    }

    pub(super) fn on_coupons_archived(&mut self, id: &CampaignId, coupons: &[CouponId]) {
        for coupon in coupons {
            let Some(row) = self.promo.coupons.remove(coupon) else { continue };
            self.change_campaign(id, |campaign| {
                if let Some(at) = row.finished_at {
                    campaign.finished.remove(&(at, coupon.clone()));
                }
                if let CouponState::Used { spent_minor, .. } = row.state {
                    campaign.archived_minor = campaign.archived_minor.plus(spent_minor);
                }
            });
        }
    }
}
