//! A campaign in the audit's books: its terms, its money and its funnel. Owns the arithmetic of the
//! budget.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entry::{Funder, Rooms, Spec, Task};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Planned,
    Open,
    /// Its rooms are over.
    Ending,
    Over,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    Reservation(String),
    Order(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Claimed,
    Locked(Holder),
    Used { order: String, spent_minor: i64 },
    Expired,
    Revoked,
}

impl State {
    /// As the wire names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Locked(_) => "locked",
            Self::Used { .. } => "used",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Claimed | Self::Locked(_) => false,
            Self::Used { .. } | Self::Expired | Self::Revoked => true,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Coupon {
    pub(super) campaign: String,
    pub(super) buyer: String,
    pub(super) worst_minor: i64,
    pub(super) expires_at: i64,
    pub(super) state: State,
}

/// The funnel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) completed: u32,
    pub(crate) claimed: u32,
    pub(crate) used: u32,
    pub(crate) expired: u32,
    pub(crate) revoked: u32,
    pub(crate) pushes: u32,
}

/// Where the budget is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) spent_minor: i64,
    pub(crate) locked_minor: i64,
    pub(crate) claimed_minor: i64,
}

impl Money {
    pub(crate) fn taken(&self) -> i64 {
        self.spent_minor + self.locked_minor + self.claimed_minor
    }
}

#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) phase: Phase,
    pub(super) funder: Funder,
    /// `None`: all rooms.
    pub(super) rooms: Option<BTreeSet<String>>,
    /// Of a watch task.
    pub(super) needed_ms: Option<u64>,
    pub(super) has_task: bool,
    pub(super) claims_total: u32,
    pub(super) per_buyer: u32,
    pub(super) budget_minor: i64,
    pub(super) worst_minor: i64,
    pub(super) counts: Counts,
    pub(super) money: Money,
    pub(super) claims_of: HashMap<String, u32>,
    pub(super) completed: HashSet<String>,
    pub(super) granted: HashSet<String>,
}

impl Campaign {
    pub(super) fn of(spec: &Spec<'_>) -> Self {
        let highest = spec.tiers.iter().map(|tier| tier.value).max();
        let by_kind = highest.filter(|_| spec.kind == "amount");
        let worst = by_kind.into_iter().chain(spec.max_discount_minor).min();
        let rooms = match &spec.rooms {
            Rooms::AllRooms => None,
            Rooms::Rooms(rooms) => Some(rooms.iter().map(|room| (*room).to_owned()).collect()),
        };
        let needed_ms = match spec.task {
            Task::Watch { needed_ms } => Some(needed_ms),
            Task::None | Task::Follow | Task::Comment {} | Task::Purchase => None,
        };
        Self {
            phase: Phase::Planned,
            funder: spec.funder,
            rooms,
            needed_ms,
            has_task: matches!(spec.task, Task::Watch { .. } | Task::Comment {} | Task::Purchase),
            claims_total: spec.claims_total,
            per_buyer: spec.per_buyer,
            budget_minor: spec.budget_minor,
            worst_minor: worst.unwrap_or(0),
            counts: Counts::default(),
            money: Money::default(),
            claims_of: HashMap::new(),
            completed: HashSet::new(),
            granted: HashSet::new(),
        }
    }

    /// The place in the books that a coupon in this state takes.
    fn place(&mut self, coupon: &Coupon) -> (Option<&mut i64>, i64) {
        match coupon.state {
            State::Claimed => (Some(&mut self.money.claimed_minor), coupon.worst_minor),
            State::Locked(_) => (Some(&mut self.money.locked_minor), coupon.worst_minor),
            State::Used { spent_minor, .. } => (Some(&mut self.money.spent_minor), spent_minor),
            State::Expired | State::Revoked => (None, 0),
        }
    }

    pub(super) fn enter(&mut self, coupon: &Coupon) {
        if let (Some(place), amount) = self.place(coupon) {
            *place += amount;
        }
        match coupon.state {
            State::Used { .. } => self.counts.used += 1,
            State::Expired => self.counts.expired += 1,
            State::Revoked => self.counts.revoked += 1,
            State::Claimed | State::Locked(_) => {}
        }
    }

    /// Says if a coupon cannot leave this state for that one.
    pub(super) fn leave(&mut self, coupon: &Coupon, to: &State) -> Option<String> {
        if let (Some(place), amount) = self.place(coupon) {
            *place -= amount;
        }
        let over = coupon.state.is_over();
        over.then(|| format!("turned from {:?} to {to:?}", coupon.state))
    }
}
