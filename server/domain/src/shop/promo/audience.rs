//! For whom a campaign is, judged at a time. Owns the meaning of each rule and the evidence it
//! leaves; what is not known of somebody never makes him fit.

use crate::command::{Audience, AudienceRule};
use crate::event::promo::Evidence;
use crate::id::{RoomId, UserId};
use crate::rejection::Rejection;
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::promo::AudienceKind;

/// Rises when a rule's meaning changes.
pub(super) const RULES_VERSION: u32 = 1;

impl Shop {
    /// What each rule saw, or the first that the buyer does not fit.
    pub(super) fn judge_audience(
        &self,
        rules: &[AudienceRule],
        buyer: &UserId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Result<Vec<Evidence>, Rejection> {
        let mut evidence = Vec::with_capacity(rules.len());
        for rule in rules {
            let (holds, seen) = self.judge(&rule.audience, buyer, room, now);
            if holds == rule.negated {
                let (kind, negated) = (kind_of(&rule.audience), rule.negated);
                return Err(Rejection::NotEligible { rule: kind, negated });
            }
            evidence.push(seen);
        }
        Ok(evidence)
    }

    pub(in crate::shop) fn fits(
        &self,
        rules: &[AudienceRule],
        buyer: &UserId,
        room: &RoomId,
        now: Millis,
    ) -> bool {
        self.judge_audience(rules, buyer, Some(room), now).is_ok()
    }

    fn judge(
        &self,
        audience: &Audience,
        buyer: &UserId,
        room: Option<&RoomId>,
        now: Millis,
    ) -> (bool, Evidence) {
        let row = self.buyers.get(buyer);
        let following = row.and_then(|row| row.following_since);
        match audience {
            Audience::NewBuyer { window_ms } | Audience::Returning { window_ms } => {
                let since = now - *window_ms;
                let paid = row.map(|row| row.paid_at.as_slice()).unwrap_or_default();
                let count = paid.iter().filter(|at| (since..now).contains(*at)).count();
                let is_new = matches!(audience, Audience::NewBuyer { .. });
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                ((count == 0) == is_new, Evidence::PaidOrders { count, since })
            }
            Audience::Follower => (following.is_some(), Evidence::Following { since: following }),
            Audience::NewFollower { window_ms } => {
                let since = match window_ms {
                    Some(window_ms) => Some(now - *window_ms),
                    None => room.and_then(|room| self.room_started_at(room)),
                };
                let first = row.is_some_and(|row| !row.came_back(now));
                let recent = following.zip(since).is_some_and(|(at, since)| at >= since);
                (first && recent, Evidence::Following { since: following })
            }
            Audience::Named(buyers) => {
                let named = buyers.contains(buyer);
                (named, Evidence::Named { named })
            }
            Audience::RoomViewer => {
                let (until_ms, live_clock_ms) = self.watches_until(room, buyer, now);
                (until_ms > live_clock_ms, Evidence::Watching { until_ms, live_clock_ms })
            }
        }
    }
}

pub(super) fn kind_of(audience: &Audience) -> AudienceKind {
    match audience {
        Audience::NewBuyer { .. } => AudienceKind::NewBuyer,
        Audience::Returning { .. } => AudienceKind::Returning,
        Audience::Follower => AudienceKind::Follower,
        Audience::NewFollower { .. } => AudienceKind::NewFollower,
        Audience::Named(_) => AudienceKind::Named,
        Audience::RoomViewer => AudienceKind::RoomViewer,
    }
}
