//! Which pushes of a coupon each viewer must have been shown. Owns the rule; both sides of it are
//! told by others.

use tokio::time::{Duration, Instant};

/// A push of the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wave {
    pub(super) campaign: usize,
    pub(super) followers: bool,
    pub(super) sent: Instant,
    pub(super) answered: Option<Instant>,
}

/// How long a push may be on its way to somebody who is there.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// Marks of watching reach the shop once a second.
const PULSE: Duration = Duration::from_millis(1_500);

/// A time in the room on one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) from: Instant,
    pub(super) until: Option<Instant>,
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
}

/// Stays of which one continues the other, as one.
pub(super) fn joined_up(stays: &[Stay]) -> Vec<Stay> {
    let mut chains: Vec<Stay> = Vec::new();
    for stay in stays {
        match chains.last_mut() {
            Some(last) if stay.is_continued => last.until = stay.until,
            Some(_) | None => chains.push(*stay),
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
    /// comes again with what was missed; what is for some is not.
    pub(super) fn reaches(
        &self,
        stays: &[Stay],
        follows_since: Option<Instant>,
        vouched: &[Vouch],
    ) -> bool {
        let Some(answered) = self.answered else { return false };
        let (from, to) = (self.sent, answered + ON_ITS_WAY);
        if !self.followers {
            return joined_up(stays).iter().any(|stay| stay.covers(from, to));
        }
        let follows = follows_since.is_some_and(|since| since <= from);
        let watches = vouched.iter().any(|it| it.from + PULSE <= from && it.until >= answered);
        follows && watches && stays.iter().any(|stay| stay.covers(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        // One beginning for all times of a test.
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_secs(seconds)
    }

    fn stay(from: u64, until: Option<u64>, is_continued: bool) -> Stay {
        Stay { from: at(from), until: until.map(at), is_continued }
    }

    fn wave(sent: u64, followers: bool) -> Wave {
        Wave { campaign: 0, followers, sent: at(sent), answered: Some(at(sent)) }
    }

    #[test]
    fn a_push_reaches_who_was_there_or_got_what_he_missed() {
        let reaches = |stays: &[Stay]| wave(10, false).reaches(stays, None, &[]);
        assert!(reaches(&[stay(0, None, false)]));
        assert!(!reaches(&[stay(11, None, false)]));
        assert!(!reaches(&[stay(0, Some(10), false), stay(12, None, false)]));
        assert!(reaches(&[stay(0, Some(9), false), stay(12, None, true)]));
        assert!(!reaches(&[stay(0, Some(11), false)]), "it may have been on its way");
        assert!(!Wave { answered: None, ..wave(10, false) }.reaches(
            &[stay(0, None, false)],
            None,
            &[]
        ));
    }

    #[test]
    fn a_push_to_followers_reaches_those_who_watch_on_one_connection() {
        let vouched = [Vouch { from: at(0), until: at(15) }];
        let here = [stay(0, None, false)];
        let reaches = |stays: &[Stay], since| wave(10, true).reaches(stays, since, &vouched);
        assert!(reaches(&here, Some(at(1))));
        assert!(!reaches(&here, None) && !reaches(&here, Some(at(11))));
        assert!(!reaches(&[stay(0, Some(9), false), stay(12, None, true)], Some(at(1))));
        assert!(!wave(20, true).reaches(&here, Some(at(1)), &vouched), "he watches no more");
    }

    #[test]
    fn a_gap_between_two_heartbeats_is_one() {
        let vouch = |from, until| Vouch { from: at(from), until: at(until) };
        assert!(watched_through(&[vouch(0, 15), vouch(10, 25)], at(5), at(20)));
        assert!(!watched_through(&[vouch(0, 15), vouch(16, 31)], at(5), at(20)));
        assert!(!watched_through(&[vouch(6, 21)], at(5), at(20)));
    }
}
