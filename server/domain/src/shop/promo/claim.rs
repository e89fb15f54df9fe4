//! Who gets a coupon. Owns the order of the checks, which comes before any counter moves: place,
//! limit, audience, task, quota, budget; the move itself is the `CouponClaimed` event's.

use std::collections::BTreeSet;

use super::campaign::{Campaign, Phase};
use super::{audience, invalid, yes};
use crate::command::{Actor, Audience, Scope, Task, Validity};
use crate::event::PromoEvent;
use crate::event::promo::{CouponClaimed, Evidence};
use crate::id::{CampaignId, CouponId, RoomId, UserId};
use crate::rejection::Rejection;
use crate::shop::flash_sale::scope_has;
use crate::shop::{Accepted, Shop};
use crate::time::{Millis, SpanMs};
use crate::view::RoomState;

/// As many as one event names: some 30 kB of it.
const GRANTS_MAX: usize = 1_000;

impl Shop {
    /// The first check that fails is the answer.
    pub(super) fn claim_coupon(
        &self,
        actor: &Actor,
        id: &CampaignId,
        coupon: &CouponId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign(id)?;
        let buyer = &actor.user;
        campaign.check_open(now)?;
        self.check_claim_place(id, campaign, buyer, room, now)?;
        if self.promo.coupons.contains(coupon) {
            return Err(Rejection::CouponExists);
        }
        campaign.check_limit(buyer)?;
        let evidence = self.check_entitled(id, campaign, buyer, room, now)?;
        if campaign.counts.claimed >= campaign.spec.claims_total {
            return Err(Rejection::CouponsGone);
        }
        let worst_minor = campaign.worst_minor();
        let left_minor = campaign.spec.budget_minor.less(campaign.money.taken());
        if left_minor < worst_minor {
            return Err(Rejection::BudgetSpent { left_minor });
        }
        Ok(yes(PromoEvent::CouponClaimed(CouponClaimed {
            coupon: coupon.clone(),
            campaign: id.clone(),
            buyer: buyer.clone(),
            room: room.cloned(),
            worst_minor,
            expires_at: match campaign.spec.validity {
                Validity::Until(until) => until,
                Validity::For(span) => now + span,
            },
            evidence,
            rules_version: audience::RULES_VERSION,
        })))
    }

    /// A campaign of some rooms gives its coupons in one of them, while it is on air. What was
    /// earned before they ended needs no room.
    fn check_claim_place(
        &self,
        id: &CampaignId,
        campaign: &Campaign,
        buyer: &UserId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<(), Rejection> {
        let Some(room) = room else {
            let needs_room =
                matches!(campaign.spec.rooms, Scope::Rooms(_)) && campaign.phase == Phase::Open;
            let elsewhere = Rejection::CampaignNotInRoom { campaign: id.clone() };
            return if needs_room { Err(elsewhere) } else { Ok(()) };
        };
        let state = self.room_state(room).ok_or(Rejection::RoomUnknown)?;
        if !scope_has(&campaign.spec.rooms, room) {
            return Err(Rejection::CampaignNotInRoom { campaign: id.clone() });
        }
        self.check_not_banned(room, buyer, now)?;
        match state {
            RoomState::Live | RoomState::Paused => Ok(()),
            RoomState::Ended if campaign.phase != Phase::Open => Ok(()),
            RoomState::Scheduled => Err(Rejection::RoomNotReady { state }),
            RoomState::Ended => Err(Rejection::RoomEnded { room: room.clone() }),
        }
    }

    /// He was let, or he fits and did the task.
    fn check_entitled(
        &self,
        id: &CampaignId,
        campaign: &Campaign,
        buyer: &UserId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Vec<Evidence>, Rejection> {
        if campaign.given.contains(buyer) {
            return Ok(vec![Evidence::Granted]);
        }
        let evidence = self.judge_audience(&campaign.spec.audience, buyer, room, now)?;
        let done = match campaign.spec.task {
            Task::None => campaign.phase == Phase::Open,
            Task::Follow => self.buyers.get(buyer).is_some_and(|row| row.following_since.is_some()),
            Task::Comment { .. } | Task::Watch { .. } | Task::Purchase => {
                campaign.completed.contains(buyer)
            }
        };
        if done {
            return Ok(evidence);
        }
        if let (Task::None, Phase::Ending { .. }) = (&campaign.spec.task, campaign.phase) {
            return Err(Rejection::CampaignEnded);
        }
        let needed_ms = match campaign.spec.task {
            Task::Watch { needed_ms } => needed_ms,
            Task::None | Task::Follow | Task::Comment { .. } | Task::Purchase => SpanMs(0),
        };
        let watched_ms = self.shown_progress(id, campaign, buyer);
        Err(Rejection::TaskOpen { watched_ms, needed_ms })
    }

    pub(super) fn grant_coupons(
        &self,
        actor: &Actor,
        id: &CampaignId,
        buyers: &BTreeSet<UserId>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let campaign = self.campaign(id)?;
        if campaign.is_over() || campaign.closes_at().is_some_and(|at| now >= at) {
            return Err(Rejection::CampaignEnded);
        }
        if buyers.is_empty() || buyers.len() > GRANTS_MAX {
            return Err(invalid("buyers", "must be 1 to 1,000"));
        }
        let new = buyers.iter().filter(|buyer| !campaign.given.contains(*buyer));
        let buyers: Vec<_> = new.cloned().collect();
        if buyers.is_empty() {
            return Ok(Accepted::default());
        }
        let (campaign, by) = (id.clone(), actor.user.clone());
        Ok(yes(PromoEvent::CouponsGranted { campaign, buyers, by }))
    }
}

impl Campaign {
    /// Judged by `now`: a timer that is late changes no outcome.
    fn check_open(&self, now: Millis) -> Result<(), Rejection> {
        match self.phase {
            Phase::Draft { .. } | Phase::Announced => {
                Err(Rejection::TooEarly { starts_at: self.spec.opens_at })
            }
            Phase::Ended | Phase::Revoked => Err(Rejection::CampaignEnded),
            Phase::Open | Phase::Ending { .. } => {
                let closed = self.closes_at().is_some_and(|at| now >= at);
                let stale = matches!(self.spec.validity, Validity::Until(at) if now >= at);
                if closed || stale { Err(Rejection::CampaignEnded) } else { Ok(()) }
            }
        }
    }

    /// Following again makes nobody a new follower twice.
    fn check_limit(&self, buyer: &UserId) -> Result<(), Rejection> {
        let once = self
            .spec
            .audience
            .iter()
            .any(|rule| !rule.negated && matches!(rule.audience, Audience::NewFollower { .. }));
        let limit = if once { 1 } else { self.spec.per_buyer };
        let claimed = self.claims_of.get(buyer).copied().unwrap_or(0);
        if claimed >= limit { Err(Rejection::CouponLimit { limit, claimed }) } else { Ok(()) }
    }
}

/// Whether a list of coupons names one twice.
pub(in crate::shop) fn chosen_twice(coupons: &[CouponId]) -> bool {
    let mut seen = BTreeSet::new();
    coupons.iter().any(|coupon| !seen.insert(coupon))
}
