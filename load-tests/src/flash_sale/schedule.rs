//! When people press the button and whether they pay: the workload model, drawn from a seed. Owns
//! the shares and spans; section 6 of the research on live commerce has their sources.

use tokio::time::{Duration, Instant};

use crate::chance::Chance;

/// Requests of one bot.
pub(super) const BOT_REQUESTS: usize = 20;
/// Of all attempts.
const BOT_SHARE: f64 = 0.34;
/// Attempts of a human, first ones and retries, when he is refused each time.
const HUMAN_ATTEMPTS: f64 = 1.7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Human,
    Bot,
}

/// How many of the buyers are bots, so that theirs are 34 % of the attempts.
pub(super) fn bots_among(buyers: usize) -> usize {
    let attempts_of_bots = BOT_SHARE / (1.0 - BOT_SHARE) * HUMAN_ATTEMPTS;
    let bots_to_humans = attempts_of_bots / BOT_REQUESTS as f64;
    (buyers as f64 * bots_to_humans / (1.0 + bots_to_humans)).round() as usize
}

/// Whether a refused human tries once more: a geometric row with a mean of 1.7 attempts.
pub(super) fn tries_again(chance: &mut Chance) -> bool {
    chance.happens(1.0 - 1.0 / HUMAN_ATTEMPTS)
}

/// A human's first claim, in milliseconds after the start; below zero is too early. `span_ms` is
/// the time the sale is watched.
pub(crate) fn human_ms(chance: &mut Chance, span_ms: f64) -> f64 {
    let share = chance.unit();
    let (from, to) = match share {
        ..0.05 => (-1_500.0, -10.0),
        ..0.60 => (0.0, 300.0),
        ..0.85 => (300.0, 1_000.0),
        ..0.95 => (1_000.0, 5_000.0),
        _ => (5_000.0, span_ms * 0.8),
    };
    chance.within(from, to.max(from)).min(span_ms * 0.9)
}

/// So many milliseconds after the start, or before it.
pub(crate) fn moment(start: Instant, ms: f64) -> Instant {
    let span = Duration::from_secs_f64(ms.abs() / 1_000.0);
    if ms < 0.0 { start - span } else { start + span }
}

/// A bot's claims: the first within 30 ms of the start, the others on its heels.
pub(super) fn bot_ms(chance: &mut Chance) -> [f64; BOT_REQUESTS] {
    let mut at = chance.within(0.0, 30.0);
    std::array::from_fn(|_| {
        let this = at;
        at += chance.within(5.0, 30.0);
        this
    })
}

/// What the holder of a unit will do about paying, as shares of the hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Paying {
    /// Pays after this share of the hold; beyond 1 is too late.
    After(f64),
    /// Orders and never pays.
    Never,
    /// Does not even order.
    Forgets,
}

/// 70 % pay within 2 minutes of a 5-minute hold, 10 % in the rest of it, 5 % too late, 15 % never.
pub(super) fn paying(chance: &mut Chance) -> Paying {
    match chance.unit() {
        ..0.70 => Paying::After(chance.within(0.05, 0.4)),
        ..0.80 => Paying::After(chance.within(0.4, 0.9)),
        ..0.85 => Paying::After(chance.within(1.1, 1.3)),
        ..0.93 => Paying::Never,
        _ => Paying::Forgets,
    }
}

/// Comments of one viewer: fewer in large rooms, six times as many around a sale's start.
pub(super) fn comment_gap(chance: &mut Chance, viewers: usize, busy: bool) -> Duration {
    let per_minute = if viewers < 500 { 0.08 } else { 0.035 };
    let per_minute = if busy { per_minute * 6.0 } else { per_minute };
    Duration::from_secs_f64(chance.exponential(60.0 / per_minute).min(3_600.0))
}

/// 10 % of the viewers like in a minute.
pub(super) fn like_gap(chance: &mut Chance) -> Duration {
    Duration::from_secs_f64(chance.exponential(600.0).min(3_600.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(count: usize, of: usize) -> f64 {
        count as f64 / of as f64
    }

    #[test]
    fn first_claims_arrive_as_the_model_says() {
        let mut chance = Chance::new(3);
        let at: Vec<f64> = (0..20_000).map(|_| human_ms(&mut chance, 15_000.0)).collect();
        let within = |from: f64, to: f64| {
            share(at.iter().filter(|ms| (from..to).contains(*ms)).count(), at.len())
        };
        assert!((within(-1_500.0, 0.0) - 0.05).abs() < 0.01);
        assert!((within(0.0, 300.0) - 0.55).abs() < 0.015);
        assert!((within(300.0, 1_000.0) - 0.25).abs() < 0.015);
        assert!((within(1_000.0, 5_000.0) - 0.10).abs() < 0.01);
        assert!((within(5_000.0, 15_000.0) - 0.05).abs() < 0.01);
    }

    #[test]
    fn nobody_plans_a_claim_after_the_end_of_a_short_run() {
        let mut chance = Chance::new(4);
        assert!((0..5_000).all(|_| human_ms(&mut chance, 3_000.0) <= 2_700.0));
    }

    #[test]
    fn bots_make_a_third_of_the_attempts_and_begin_within_30_ms() {
        let buyers = 10_000;
        let bots = bots_among(buyers);
        let theirs = (bots * BOT_REQUESTS) as f64;
        let all = theirs + (buyers - bots) as f64 * HUMAN_ATTEMPTS;
        assert!((theirs / all - 0.34).abs() < 0.005, "{}", theirs / all);
        let mut chance = Chance::new(5);
        assert!((0..1_000).all(|_| (0.0..30.0).contains(&bot_ms(&mut chance)[0])));
    }

    #[test]
    fn refused_humans_make_one_point_seven_attempts() {
        let mut chance = Chance::new(6);
        let mut attempts = 0;
        for _ in 0..20_000 {
            attempts += 1;
            while tries_again(&mut chance) {
                attempts += 1;
            }
        }
        assert!((share(attempts, 20_000) - 1.7).abs() < 0.03);
    }

    #[test]
    fn four_in_five_pay_in_time() {
        let mut chance = Chance::new(7);
        let drawn: Vec<Paying> = (0..20_000).map(|_| paying(&mut chance)).collect();
        let count = |wanted: fn(&Paying) -> bool| {
            share(drawn.iter().filter(|paying| wanted(paying)).count(), drawn.len())
        };
        assert!((count(|p| matches!(p, Paying::After(..=1.0))) - 0.80).abs() < 0.01);
        assert!((count(|p| matches!(p, Paying::After(1.0..))) - 0.05).abs() < 0.01);
        assert!((count(|p| matches!(p, Paying::Never | Paying::Forgets)) - 0.15).abs() < 0.01);
    }
}
