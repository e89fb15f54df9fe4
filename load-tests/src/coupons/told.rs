//! What the sockets of a run were told of commands and coupons, to be held against the feed.

use std::collections::{BTreeMap, HashMap};

use hawker_protocol::object::Coupon;

use super::ledger::CouponLedger;
use crate::audit::{Acks, Violations};

#[derive(Debug, Default)]
pub(super) struct Told {
    acks: Acks,
    /// By coupon: whose, and of which campaign.
    coupons: HashMap<String, (String, String)>,
    /// By buyer and campaign.
    claims: BTreeMap<(String, String), u32>,
    double_claims: u64,
    violations: Violations,
}

/// What was said to sockets, beside the feed.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) violations: Violations,
    /// Accepted commands and told coupons that are not in the feed.
    pub(super) lost: u64,
    pub(super) double_claims: u64,
}

impl Told {
    /// A yes to a claim. Returns whether the coupon is new to its buyer.
    pub(super) fn on_claimed(&mut self, user: &str, command: &str, coupon: &Coupon) -> bool {
        let (id, campaign) = (coupon.coupon.as_str(), coupon.campaign.as_str());
        self.acks.accepted(user, command, Some(id));
        let whose = (user.to_owned(), campaign.to_owned());
        let before = self.coupons.insert(id.to_owned(), whose.clone());
        if before.as_ref().is_some_and(|before| *before != whose) {
            self.double_claims += 1;
            self.violations.add(|| format!("coupon {id} is {before:?}'s and {whose:?}'s"));
        }
        if before.is_none() {
            *self.claims.entry(whose).or_default() += 1;
        }
        before.is_none()
    }

    pub(super) fn on_made(&mut self, user: &str, command: &str, made: &str) {
        self.acks.accepted(user, command, Some(made));
    }

    /// A yes that need not have left an event.
    pub(super) fn on_done(&mut self, user: &str, command: &str) {
        self.acks.already(user, command);
    }

    pub(super) fn on_accepted(&mut self, user: &str, command: &str) {
        self.acks.accepted(user, command, None);
    }

    pub(super) fn on_refused(&mut self, user: &str, command: &str, code: &str) {
        self.acks.refused(user, command, code);
    }

    pub(super) fn add(&mut self, what: impl FnOnce() -> String) {
        self.violations.add(what);
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acks.len()
    }

    pub(super) fn coupons(&self) -> usize {
        self.coupons.len()
    }

    /// `per_buyer` is the limit of a campaign.
    pub(super) fn compare(
        &self,
        ledger: &CouponLedger,
        per_buyer: impl Fn(&str) -> u32,
    ) -> Compared {
        let mut found = self.violations.clone();
        let mut lost = self.acks.lost(&ledger.commands);
        let mut double_claims = self.double_claims;
        found.append(&self.acks.compare(&ledger.commands));
        for (id, (buyer, campaign)) in &self.coupons {
            let owner = ledger.owner_of(id);
            if owner != Some((buyer, campaign)) {
                lost += 1;
                found.add(|| format!("coupon {id} of {buyer} is {owner:?}'s in the feed"));
            }
        }
        for ((buyer, campaign), claims) in &self.claims {
            if *claims > per_buyer(campaign) {
                double_claims += 1;
                found.add(|| format!("{buyer} was told of {claims} coupons of {campaign}"));
            }
        }
        Compared { violations: found, lost, double_claims }
    }
}
