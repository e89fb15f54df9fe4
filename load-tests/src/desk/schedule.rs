//! When buyers write and how long agents take: the workload model of a marketplace's desk, drawn
//! from a seed. A day of the model lasts a minute here, the shortest window of an answer that there
//! is. Owns shares and spans; section 6 of the research on live commerce has their sources.

use tokio::time::Duration;

use crate::chance::Chance;

/// The day within which a person has to answer.
pub(super) const DAY: Duration = Duration::from_mins(1);
/// An agent whose connection is gone is expected back for so long.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// A flash sale ends here, as a share of the run; for a fifth of it ten times as many write.
pub(super) const RUSH: (f64, f64) = (0.2, 0.4);
const RUSH_FACTOR: f64 = 10.0;
/// Nobody begins to write after this share of the run.
const LAST_WORD: f64 = 0.9;
/// 3 min of 24 h; with this spread 2 % take longer than 20 h and 1.7 % longer than the day.
const REPLY_MEDIAN_MS: f64 = 125.0;
const REPLY_SPREAD: f64 = 2.9;
const LATER_REPLY_MS: f64 = 250.0;
const THINK_MS: f64 = 700.0;
/// Messages of both sides in one session.
const WORDS: f64 = 10.0;

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.clamp(0.0, 86_400_000.0) / 1_000.0)
}

/// A buyer's first word, counted from the beginning of the run.
pub(super) fn first_word(chance: &mut Chance, run: Duration) -> Duration {
    let (from, to) = RUSH;
    let rush = RUSH_FACTOR * (to - from);
    let share = chance.unit() * (LAST_WORD - (to - from) + rush);
    let at = if share < from {
        share
    } else if share < from + rush {
        from + (share - from) / RUSH_FACTOR
    } else {
        to + (share - from - rush)
    };
    run.mul_f64(at)
}

/// How long an agent takes to his first reply.
pub(super) fn first_reply(chance: &mut Chance) -> Duration {
    ms(chance.lognormal(REPLY_MEDIAN_MS, REPLY_SPREAD))
}

pub(super) fn later_reply(chance: &mut Chance) -> Duration {
    ms(chance.exponential(LATER_REPLY_MS))
}

pub(super) fn think(chance: &mut Chance) -> Duration {
    ms(chance.exponential(THINK_MS))
}

/// How many messages one side has to say in a session: at least one.
pub(super) fn words(chance: &mut Chance) -> u32 {
    let more = chance.exponential(WORDS / 2.0 - 0.5);
    1 + (more.min(50.0) as u32)
}

/// How a buyer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Word,
    /// A click on the FAQ; half of those who click write afterwards.
    Question {
        follow_up: bool,
    },
}

pub(super) fn first(chance: &mut Chance) -> First {
    if chance.happens(0.2) {
        First::Question { follow_up: chance.happens(0.5) }
    } else {
        First::Word
    }
}

/// How a connection ends before its owner wants to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Drop {
    /// Closed without a word, and back after so long.
    Silent { back_after: Duration },
    /// It stays open and nobody reads it any more; another one is opened beside it.
    Dead { back_after: Duration },
}

/// Of those agents who drop, four in five are back within the grace that the shop allows them.
pub(super) fn agent_drop(chance: &mut Chance) -> Option<Drop> {
    let grace_ms = GRACE.as_secs_f64() * 1_000.0;
    match chance.unit() {
        ..0.24 => Some(Drop::Silent { back_after: ms(chance.within(0.1, 0.8) * grace_ms) }),
        ..0.30 => Some(Drop::Silent { back_after: ms(chance.within(1.2, 2.0) * grace_ms) }),
        ..0.36 => Some(Drop::Dead { back_after: ms(chance.within(0.1, 0.8) * grace_ms) }),
        _ => None,
    }
}

/// Five in a hundred buyers lose their socket and come back within a second.
pub(super) fn buyer_drop(chance: &mut Chance) -> Option<Drop> {
    let back_after = ms(chance.within(50.0, 1_000.0));
    chance.happens(0.05).then_some(Drop::Silent { back_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_secs(100);

    fn share(drawn: &[Duration], wanted: impl Fn(f64) -> bool) -> f64 {
        let count = drawn.iter().filter(|it| wanted(it.as_secs_f64())).count();
        count as f64 / drawn.len() as f64
    }

    #[test]
    fn ten_times_as_many_write_in_the_rush() {
        let mut chance = Chance::new(3);
        let drawn: Vec<_> = (0..20_000).map(|_| first_word(&mut chance, RUN)).collect();
        let rush = share(&drawn, |at| (20.0..40.0).contains(&at));
        assert!((rush - 2.0 / 2.7).abs() < 0.01, "{rush}");
        let before = share(&drawn, |at| at < 20.0);
        assert!((before - 0.2 / 2.7).abs() < 0.01, "{before}");
        assert!(drawn.iter().all(|at| at.as_secs_f64() <= 90.0));
    }

    #[test]
    fn first_replies_take_as_long_as_the_model_says() {
        let mut chance = Chance::new(4);
        let drawn: Vec<_> = (0..50_000).map(|_| first_reply(&mut chance)).collect();
        let day = DAY.as_secs_f64();
        assert!((share(&drawn, |at| at < 0.125) - 0.5).abs() < 0.01);
        assert!((share(&drawn, |at| at > day * 20.0 / 24.0) - 0.02).abs() < 0.003);
        assert!((share(&drawn, |at| at > day) - 0.017).abs() < 0.003);
    }

    #[test]
    fn both_sides_of_a_session_say_ten_things() {
        let mut chance = Chance::new(5);
        let said: u32 = (0..20_000).map(|_| words(&mut chance) + words(&mut chance)).sum();
        assert!((f64::from(said) / 20_000.0 - 10.0).abs() < 0.3, "{said}");
    }

    #[test]
    fn a_third_of_the_agents_drop_and_some_stay_open_unread() {
        let mut chance = Chance::new(6);
        let drawn: Vec<_> = (0..20_000).filter_map(|_| agent_drop(&mut chance)).collect();
        assert!((drawn.len() as f64 / 20_000.0 - 0.36).abs() < 0.01);
        let late =
            |drop: &&Drop| matches!(drop, Drop::Silent { back_after } if *back_after > GRACE);
        assert!((drawn.iter().filter(late).count() as f64 / 20_000.0 - 0.06).abs() < 0.01);
    }
}
