//! Where every coupon and every unit of every budget is, counted from the events alone. Owns the
//! audit's own idea of the rules; shares no code with the server and says at each event what cannot
//! be.

mod campaign;
mod clock;
mod entry;
mod orders;
mod promo;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::campaign::{Campaign, Coupon, Phase, State};
pub(super) use self::campaign::{Counts, Money};
pub(super) use self::entry::Funder;
use self::entry::{OfReservation, OfRoom};
use self::orders::Order;
pub(super) use self::watch::Sizes;
use self::watch::Watching;
use crate::audit::{Books, Commands, Event, Violations};

/// What the run is judged by beside the sentences.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Faults {
    /// Claims beyond a campaign's number of coupons.
    pub(super) over_quota: u64,
    /// Moments in which a budget was owed more than it has.
    pub(super) over_budget: u64,
    /// Claims beyond what one buyer may have, and coupons that were made twice.
    pub(super) double_claims: u64,
    /// Figures of viewers beyond what the live clock allows.
    pub(super) progress_ahead: u64,
    /// Prices whose parts do not add up.
    pub(super) quote_mismatches: u64,
    /// Checkpoints of a room that nothing but time asked for, within ten seconds of the last.
    pub(super) early_checkpoints: u64,
}

/// The figures of a run that only the feed knows.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Totals {
    pub(super) claimed: u64,
    pub(super) completed: u64,
    pub(super) pushes: u64,
    pub(super) orders: u64,
    pub(super) orders_with_coupons: u64,
    pub(super) repriced: u64,
    pub(super) paid: u64,
    pub(super) cancelled: u64,
}

#[derive(Debug, Default)]
pub(super) struct CouponLedger {
    pub(super) violations: Violations,
    pub(super) commands: Commands,
    pub(super) faults: Faults,
    pub(super) totals: Totals,
    campaigns: BTreeMap<String, Campaign>,
    coupons: HashMap<String, Coupon>,
    orders: HashMap<String, Order>,
    /// Coupons that a hold without an order keeps.
    held: HashMap<String, Vec<String>>,
    watching: Watching,
    last: Option<(u64, u32, i64)>,
}

fn read<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T> {
    serde_json::from_str(data.get()).context("its fields")
}

impl Books for CouponLedger {
    fn on_event(&mut self, event: &Event<'_>) -> Result<()> {
        self.check_order(event);
        if self.watching.was_early(event.version) {
            self.faults.early_checkpoints += 1;
            let version = event.version;
            self.violations.add(|| format!("a checkpoint before {version} came too early"));
        }
        if let (Some(user), Some(command)) = (event.user, event.command_id) {
            self.commands.on_event(user, command, event.version, &mut self.violations);
        }
        let data = event.data;
        match event.kind {
            "promo" => self.on_promo(event)?,
            "room_started" | "room_resumed" => {
                self.watching.on_live(read::<OfRoom<'_>>(data)?.room, event.at);
            }
            "room_paused" => self.watching.on_stopped(read::<OfRoom<'_>>(data)?.room, event.at),
            "room_ended" => {
                self.watching.on_stopped(read::<OfRoom<'_>>(data)?.room, event.at);
                self.watching.explain_early(event.version);
            }
            "order_placed" => self.on_placed(event, &read(data)?)?,
            "order_repriced" => self.on_repriced(event, &read(data)?)?,
            "order_paid" | "order_paid_late" => self.on_paid(event, &read(data)?),
            "order_cancelled" => self.on_cancelled(event, &read(data)?),
            "reservation_released" => {
                let OfReservation { reservation } = read(data)?;
                self.free_held(reservation, &[], event.at);
            }
            _ => {}
        }
        Ok(())
    }
}

impl CouponLedger {
    fn check_order(&mut self, event: &Event<'_>) {
        let here = (event.version, event.index, event.at);
        if let Some((version, index, at)) = self.last {
            let rises = (event.version, event.index) > (version, index) && event.at >= at;
            if !rises {
                let last = self.last;
                self.violations.add(|| format!("the feed goes back from {last:?} to {here:?}"));
            }
        }
        self.last = Some(here);
    }

    /// The one way between the states of a coupon.
    fn turn(&mut self, id: &str, to: State, at: i64) {
        let Some(mut coupon) = self.coupons.get(id).cloned() else {
            return self.violations.add(|| format!("coupon {id} was never claimed"));
        };
        if to == State::Expired && at < coupon.expires_at {
            let early = coupon.expires_at - at;
            self.violations.add(|| format!("coupon {id} expired {early} ms too early"));
        }
        let Some(campaign) = self.campaigns.get_mut(&coupon.campaign) else { return };
        if let Some(problem) = campaign.leave(&coupon, &to) {
            self.violations.add(|| format!("coupon {id} {problem}"));
        }
        coupon.state = to;
        campaign.enter(&coupon);
        let campaign = coupon.campaign.clone();
        self.coupons.insert(id.to_owned(), coupon);
        self.check_budget(&campaign, id);
    }

    fn check_budget(&mut self, campaign: &str, cause: &str) {
        let Some(found) = self.campaigns.get(campaign) else { return };
        let (taken, budget) = (found.money.taken(), found.budget_minor);
        if taken > budget {
            self.faults.over_budget += 1;
            self.violations.add(|| format!("{campaign} owes {taken} of {budget} after {cause}"));
        }
    }

    /// Free again, unless its time is over or its campaign was revoked meanwhile.
    fn unlock(&mut self, id: &str, at: i64) {
        let Some(coupon) = self.coupons.get(id) else { return };
        let phase = self.campaigns.get(&coupon.campaign).map(|campaign| campaign.phase);
        let to = if phase == Some(Phase::Revoked) {
            State::Revoked
        } else if at >= coupon.expires_at {
            State::Expired
        } else {
            State::Claimed
        };
        self.turn(id, to, at);
    }

    /// A hold is over, or an order takes its place and keeps some of its coupons.
    fn free_held(&mut self, reservation: &str, keep: &[&str], at: i64) {
        for coupon in self.held.remove(reservation).unwrap_or_default() {
            if !keep.contains(&coupon.as_str()) {
                self.unlock(&coupon, at);
            }
        }
    }
}

/// What others compare with.
impl CouponLedger {
    pub(super) fn campaigns(&self) -> impl Iterator<Item = (&str, Funder, Counts, Money)> {
        self.campaigns.iter().map(|(id, it)| (id.as_str(), it.funder, it.counts, it.money))
    }

    /// Coupons that nobody has claimed.
    pub(super) fn left(&self, campaign: &str) -> Option<u32> {
        let found = self.campaigns.get(campaign)?;
        Some(found.claims_total.saturating_sub(found.counts.claimed))
    }

    /// The claimed and locked coupons of everybody, by buyer and id, with their state.
    pub(super) fn in_hand(&self) -> BTreeMap<(&str, &str), (&'static str, i64)> {
        let live = self
            .coupons
            .iter()
            .filter(|(_, coupon)| matches!(coupon.state, State::Claimed | State::Locked(_)));
        live.map(|(id, coupon)| {
            ((coupon.buyer.as_str(), id.as_str()), (coupon.state.kind(), coupon.worst_minor))
        })
        .collect()
    }

    pub(super) fn owner_of(&self, coupon: &str) -> Option<(&str, &str)> {
        let found = self.coupons.get(coupon)?;
        Some((&found.buyer, &found.campaign))
    }

    pub(super) fn is_completed(&self, campaign: &str, buyer: &str) -> bool {
        self.campaigns.get(campaign).is_some_and(|found| found.completed.contains(buyer))
    }

    /// Whether a figure that a buyer was shown stands in the feed.
    pub(super) fn was_shown_right(&self, campaign: &str, buyer: &str, watched_ms: u64) -> bool {
        let Some(found) = self.campaigns.get(campaign) else { return false };
        let is_whole = found.needed_ms == Some(watched_ms) && found.completed.contains(buyer);
        is_whole || self.watching.was_written(campaign, buyer, watched_ms)
    }

    pub(super) fn funnel(&self, campaign: &str) -> Option<(u32, u64)> {
        self.watching.funnel(campaign)
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.watching.sizes
    }
}
