//! Which pushes of a coupon each viewer must have been shown. Owns the rule; both sides of it are
//! told by others.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

/// A push of the host.
#[derive(Debug, Clone)]
pub(super) struct Wave {
    pub(super) campaign: usize,
    pub(super) followers: bool,
    pub(super) sent: Instant,
    pub(super) answered: Option<Instant>,
    /// Its place in the room's sequence, once somebody was shown it.
    pub(super) place: Option<(Arc<str>, u64)>,
}

/// Marks of watching reach the shop once a second.
const PULSE: Duration = Duration::from_millis(1_500);

/// A time in the room on one connection, without a gap in what came.
#[derive(Debug, Clone)]
pub(super) struct Stay {
    pub(super) from: Instant,
    pub(super) until: Option<Instant>,
    pub(super) epoch: Arc<str>,
    /// What he knew of the room's sequence when he came, and in the end.
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    /// It went on where the one before had ended, and what was missed between came with it.
    pub(super) is_continued: bool,
}

/// A heartbeat was answered, and vouches for so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vouch {
    pub(super) from: Instant,
    pub(super) until: Instant,
}

impl Stay {
    fn covers(&self, from: Instant, to: Instant) -> bool {
        self.from <= from && self.until.is_none_or(|until| until >= to)
    }

    /// Whether the room's sequence went past a push while he was there, or would have by now.
    fn passes(&self, (epoch, seq): &(Arc<str>, u64), sent: Instant) -> bool {
        let past = self.first_seq < *seq && *seq <= self.last_seq;
        let stayed = self.until.is_none() && self.from <= sent;
        self.epoch == *epoch && (past || stayed)
    }
}

/// Stays of which one continues the other, as one.
pub(super) fn joined_up(stays: &[Stay]) -> Vec<Stay> {
    let mut chains: Vec<Stay> = Vec::new();
    for stay in stays {
        match chains.last_mut() {
            Some(last) if stay.is_continued => {
                (last.until, last.last_seq) = (stay.until, stay.last_seq);
            }
            Some(_) | None => chains.push(stay.clone()),
        }
    }
    chains
}

/// Whether somebody watched without a gap.
pub(super) fn watched_through(vouched: &[Vouch], from: Instant, to: Instant) -> bool {
    let mut reached = from;
    for vouch in vouched {
        if vouch.from <= reached {
            reached = reached.max(vouch.until);
        }
    }
    vouched.first().is_some_and(|first| first.from <= from) && reached >= to
}

impl Wave {
    /// Whether somebody must have been shown it who was there like this. What is for everybody
    /// has its place in the room's sequence and comes again with what was missed; what is for some
    /// has none, and may be `on_its_way` when somebody leaves.
    pub(super) fn reaches(
        &self,
        stays: &[Stay],
        (follows_since, vouched): (Option<Instant>, &[Vouch]),
        on_its_way: Duration,
    ) -> bool {
        let Some(answered) = self.answered else { return false };
        let (from, to) = (self.sent, answered + on_its_way);
        if !self.followers {
            let mut chains = joined_up(stays).into_iter();
            return chains.any(|stay| match &self.place {
                Some(place) => stay.passes(place, from),
                None => stay.covers(from, to),
            });
        }
        let follows = follows_since.is_some_and(|since| since <= from);
        let watches = vouched.iter().any(|it| it.from + PULSE <= from && it.until >= answered);
        follows && watches && stays.iter().any(|stay| stay.covers(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Duration = Duration::from_secs(3);

    fn at(seconds: u64) -> Instant {
        // One beginning for all times of a test.
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_secs(seconds)
    }

    /// The sequence of the room is one push a second.
    fn stay(from: u64, until: Option<u64>, is_continued: bool) -> Stay {
        let (first_seq, last_seq) = (from, until.unwrap_or(99));
        let until = until.map(at);
        Stay { from: at(from), until, epoch: "7".into(), first_seq, last_seq, is_continued }
    }

    fn wave(sent: u64, followers: bool) -> Wave {
        let (sent, place) = (at(sent), Some(("7".into(), sent)));
        Wave { campaign: 0, followers, sent, answered: Some(sent), place }
    }

    #[test]
    fn a_push_reaches_who_was_there_or_got_what_he_missed() {
        let reaches = |stays: &[Stay]| wave(10, false).reaches(stays, (None, &[]), WAY);
        assert!(reaches(&[stay(0, None, false)]));
        assert!(!reaches(&[stay(11, None, false)]));
        assert!(!reaches(&[stay(0, Some(9), false), stay(12, None, false)]));
        assert!(reaches(&[stay(0, Some(9), false), stay(12, None, true)]));
        assert!(reaches(&[stay(0, Some(10), false)]), "he got as far");
        let other = Stay { epoch: "8".into(), ..stay(0, None, false) };
        assert!(!reaches(&[other]), "another owner's sequence");
    }

    #[test]
    fn a_push_that_nobody_was_shown_reaches_who_stayed_long_enough() {
        let nobody = Wave { place: None, ..wave(10, false) };
        let reaches = |until| nobody.reaches(&[stay(0, Some(until), false)], (None, &[]), WAY);
        assert!(reaches(13) && !reaches(12));
        let unanswered = Wave { answered: None, ..nobody.clone() };
        assert!(!unanswered.reaches(&[stay(0, None, false)], (None, &[]), WAY));
    }

    #[test]
    fn a_push_to_followers_reaches_those_who_watch_on_one_connection() {
        let vouched = [Vouch { from: at(0), until: at(15) }];
        let here = [stay(0, None, false)];
        let reaches = |stays: &[Stay], since| wave(10, true).reaches(stays, (since, &vouched), WAY);
        assert!(reaches(&here, Some(at(1))));
        assert!(!reaches(&here, None) && !reaches(&here, Some(at(11))));
        assert!(!reaches(&[stay(0, Some(9), false), stay(12, None, true)], Some(at(1))));
        let late = wave(20, true).reaches(&here, (Some(at(1)), &vouched), WAY);
        assert!(!late, "he watches no more");
    }

    #[test]
    fn a_gap_between_two_heartbeats_is_one() {
        let vouch = |from, until| Vouch { from: at(from), until: at(until) };
        assert!(watched_through(&[vouch(0, 15), vouch(10, 25)], at(5), at(20)));
        assert!(!watched_through(&[vouch(0, 15), vouch(16, 31)], at(5), at(20)));
        assert!(!watched_through(&[vouch(6, 21)], at(5), at(20)));
    }
}
