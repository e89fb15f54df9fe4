//! What a creator earns on a line. Owns which of several plans applies and the rate's arithmetic;
//! who promotes what is decided elsewhere.

use super::arithmetic::{percent, returned_fee};
use crate::money::Minor;

/// The plans in the order they go before one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plan {
    Target,
    Open,
    Shop,
}

/// The plan that applies of those that name the creator and the goods, with its rate.
pub fn applicable(plans: &[(Plan, u32)]) -> Option<(Plan, u32)> {
    plans.iter().copied().min_by_key(|(plan, _)| *plan)
}

/// On what the buyer paid for the line, less what went back of it: a refund takes its part back.
pub fn commission(paid: Minor, refunded: Minor, rate_bps: u32) -> Minor {
    percent(paid, rate_bps).less(returned_fee(paid, refunded, rate_bps))
}
