//! What happens when in a run of coupons, and how people go about it, drawn from a seed. Owns
//! shares and spans.

use tokio::time::Duration;

use super::plan::{FANS, PLAIN, SHIP, THIN, TIERS, WATCH};
use crate::chance::Chance;

/// What the host of the room does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// To everybody in the room, or to those of them who follow the shop.
    Push {
        campaign: usize,
        followers: bool,
    },
    Pause,
    Resume,
    End {
        campaign: usize,
    },
    Revoke {
        campaign: usize,
    },
}

const fn to_all(campaign: usize) -> Act {
    Act::Push { campaign, followers: false }
}

const fn to_followers(campaign: usize) -> Act {
    Act::Push { campaign, followers: true }
}

/// By share of the run.
pub(super) const ACTS: [(f64, Act); 13] = [
    (0.05, to_all(PLAIN)),
    (0.13, to_all(THIN)),
    (0.21, to_followers(FANS)),
    (KILLED_PUSH, to_all(TIERS)),
    (0.50, to_all(PLAIN)),
    (0.55, to_all(SHIP)),
    (0.58, Act::End { campaign: THIN }),
    (0.64, Act::Pause),
    (0.66, Act::Resume),
    (0.70, to_followers(FANS)),
    (0.76, to_all(WATCH)),
    (0.82, to_all(TIERS)),
    (0.88, Act::Revoke { campaign: SHIP }),
];

/// The push in whose middle a server is killed.
pub(super) const KILLED_PUSH: f64 = 0.30;
/// When all sockets of viewers drop.
pub(super) const DROP: f64 = 0.42;
/// Nobody begins anything new after this share of the run.
pub(super) const LAST_DEED: f64 = 0.92;

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.clamp(0.0, 86_400_000.0) / 1_000.0)
}

/// From seeing a coupon to the press on its button.
pub(super) fn reaction(chance: &mut Chance) -> Duration {
    ms(120.0 + chance.exponential(250.0))
}

/// From having a coupon to the till.
pub(super) fn browse(chance: &mut Chance) -> Duration {
    ms(chance.within(300.0, 2_500.0))
}

/// From a lost socket to the next attempt.
pub(super) fn back_after(chance: &mut Chance) -> Duration {
    ms(chance.within(20.0, 1_200.0))
}

/// From the push to the kill: while the claims come.
pub(super) fn kill_after(chance: &mut Chance) -> Duration {
    ms(chance.within(60.0, 500.0))
}

/// How somebody presses the button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    Once,
    /// The same command again, before there is an answer.
    Twice,
    /// The same command again, much later.
    Again {
        after: Duration,
    },
    /// Another command for another coupon.
    More,
}

pub(super) fn press(chance: &mut Chance) -> Press {
    match chance.unit() {
        ..0.45 => Press::Once,
        ..0.65 => Press::Twice,
        ..0.80 => Press::Again { after: ms(chance.within(500.0, 6_000.0)) },
        _ => Press::More,
    }
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Paid {
        after: Duration,
    },
    Cancelled,
    /// Without coupons first, then with the best again; then paid.
    Repriced {
        after: Duration,
    },
    Open,
}

pub(super) fn fate(chance: &mut Chance) -> Fate {
    let after = ms(chance.within(50.0, 900.0));
    match chance.unit() {
        ..0.55 => Fate::Paid { after },
        ..0.75 => Fate::Cancelled,
        ..0.87 => Fate::Repriced { after },
        _ => Fate::Open,
    }
}

/// When somebody stops watching, as a share of the run, for how long, and whether he only hides
/// the page.
pub(super) fn break_of(chance: &mut Chance) -> Option<(f64, Duration, bool)> {
    let (at, span) = (chance.within(0.05, 0.7), ms(chance.within(300.0, 2_500.0)));
    let is_hidden = chance.happens(0.3);
    chance.happens(0.2).then_some((at, span, is_hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_press_twice_or_again_and_acts_come_in_their_order() {
        let mut chance = Chance::new(3);
        let drawn: Vec<_> = (0..20_000).map(|_| press(&mut chance)).collect();
        let doubled = |it: &&Press| matches!(it, Press::Twice | Press::Again { .. });
        let share = drawn.iter().filter(doubled).count() as f64 / 20_000.0;
        assert!((share - 0.35).abs() < 0.01, "{share}");
        assert!(ACTS.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(ACTS.iter().all(|(at, _)| *at < LAST_DEED));
    }
}
