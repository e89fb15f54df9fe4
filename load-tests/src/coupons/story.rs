//! What one viewer can tell when the run is over. Owns the words; how they stand to the feed is the
//! auditor's.

use std::collections::BTreeMap;

use hawker_protocol::object::Coupon;
use tokio::time::Instant;

use super::progress::Shown;
use super::waves::{Stay, Vouch};

#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) user: String,
    pub(super) stays: Vec<Stay>,
    pub(super) vouched: Vec<Vouch>,
    pub(super) follows_since: Option<Instant>,
    /// How often he was shown each push.
    pub(super) waves: BTreeMap<usize, u32>,
    pub(super) shown: Shown,
    /// What he had in the end, if he got to look.
    pub(super) in_hand: Option<Vec<Coupon>>,
    /// Of those who look closely: the newest version of each offer and what was left then.
    pub(super) left: BTreeMap<String, (u64, u32)>,
}
