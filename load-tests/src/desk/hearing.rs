//! How far somebody has heard a conversation, and which place in the queue he was shown. Owns the
//! arithmetic; the words are somebody else's.

use std::collections::BTreeSet;

use hawker_protocol::object::Position;

#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// All messages up to this one are known, once the conversation was opened.
    known: Option<u64>,
    /// Known ones behind a hole.
    ahead: BTreeSet<u64>,
    shown: Option<(u64, u32)>,
}

impl Hearing {
    /// The conversation was opened and stands at `seq`.
    pub(super) fn on_opened(&mut self, seq: u64) {
        self.known = Some(self.known.map_or(seq, |known| known.max(seq)));
        self.close_up();
    }

    /// A message was pushed, or it is his own and a reply told him.
    pub(super) fn on_heard(&mut self, seq: u64) {
        self.ahead.insert(seq);
        self.close_up();
    }

    fn close_up(&mut self) {
        let Some(known) = &mut self.known else { return };
        while let Some(first) = self.ahead.first()
            && *first <= *known + 1
        {
            *known = (*known).max(*first);
            self.ahead.pop_first();
        }
    }

    /// Messages that should have been heard between two that were.
    pub(super) fn missing(&self) -> u64 {
        let last = self.ahead.last().zip(self.known);
        last.map_or(0, |(last, known)| last - known - self.ahead.len() as u64)
    }

    /// Whoever is no longer in the queue has no place there.
    pub(super) fn on_left(&mut self) {
        self.shown = None;
    }

    /// Whether a place is worse than the one that was shown before.
    pub(super) fn is_worse(&mut self, session: u64, position: Position) -> bool {
        let place = match position {
            Position::Exact { place } => place,
            Position::Beyond { place } => place.saturating_add(1),
        };
        let before = self.shown.replace((session, place));
        before.is_some_and(|(other, shown)| other == session && place > shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_nobody_told_him_is_missing_until_he_hears_of_it() {
        let mut hearing = Hearing::default();
        hearing.on_opened(4);
        [4, 5, 8].into_iter().for_each(|seq| hearing.on_heard(seq));
        assert_eq!(hearing.missing(), 2);
        hearing.on_heard(6);
        assert_eq!(hearing.missing(), 1);
        hearing.on_heard(7);
        assert_eq!((hearing.missing(), hearing.known), (0, Some(8)));
    }

    #[test]
    fn pushes_before_the_opening_count_from_it() {
        let mut hearing = Hearing::default();
        [6, 7].into_iter().for_each(|seq| hearing.on_heard(seq));
        assert_eq!(hearing.missing(), 0);
        hearing.on_opened(5);
        assert_eq!((hearing.missing(), hearing.known), (0, Some(7)));
    }

    #[test]
    fn a_place_never_becomes_worse() {
        let mut hearing = Hearing::default();
        let exact = |place| Position::Exact { place };
        assert!(!hearing.is_worse(1, Position::Beyond { place: 1_000 }));
        assert!(!hearing.is_worse(1, exact(1_000)) && !hearing.is_worse(1, exact(3)));
        assert!(hearing.is_worse(1, exact(4)));
        assert!(!hearing.is_worse(2, exact(900)), "another session has another place");
        hearing.on_left();
        assert!(!hearing.is_worse(2, exact(950)), "it was served and waits once more");
    }
}
