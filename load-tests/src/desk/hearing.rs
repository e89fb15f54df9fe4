//! How far somebody has heard a conversation, and which place in the queue he was shown. Owns the
//! arithmetic; the words are somebody else's.

use hawker_protocol::object::Position;

#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The last message that is known, once the conversation was opened.
    known: Option<u64>,
    /// Pushes that came before the answer to the opening: the first and the last of them.
    early: Option<(u64, u64)>,
    shown: Option<(u64, u32)>,
}

impl Hearing {
    /// The conversation was opened and stands at `seq`. Answers with how many messages are missing
    /// between that and what was pushed already.
    pub(super) fn on_opened(&mut self, seq: u64) -> u64 {
        let early = self.early.take();
        let (missing, known) = match early {
            Some((first, last)) => (first.saturating_sub(seq + 1), last.max(seq)),
            None => (0, seq),
        };
        self.known = Some(known);
        missing
    }

    /// A message was pushed. Answers with how many are missing before it.
    pub(super) fn on_push(&mut self, seq: u64) -> u64 {
        let Some(known) = self.known else {
            let (first, last) = self.early.unwrap_or((seq, seq));
            self.early = Some((first.min(seq), last.max(seq)));
            return 0;
        };
        self.known = Some(known.max(seq));
        seq.saturating_sub(known + 1)
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
    fn a_message_that_was_never_pushed_is_counted_once() {
        let mut hearing = Hearing::default();
        assert_eq!(hearing.on_opened(4), 0);
        assert_eq!((hearing.on_push(4), hearing.on_push(5), hearing.on_push(8)), (0, 0, 2));
        assert_eq!(hearing.on_push(9), 0);
    }

    #[test]
    fn pushes_before_the_opening_count_from_it() {
        let mut hearing = Hearing::default();
        assert_eq!((hearing.on_push(6), hearing.on_push(7)), (0, 0));
        assert_eq!(hearing.on_opened(5), 0);
        assert_eq!(hearing.on_push(8), 0);
        let mut hearing = Hearing::default();
        hearing.on_push(8);
        assert_eq!(hearing.on_opened(5), 2);
    }

    #[test]
    fn a_place_never_becomes_worse() {
        let mut hearing = Hearing::default();
        let exact = |place| Position::Exact { place };
        assert!(!hearing.is_worse(1, Position::Beyond { place: 1_000 }));
        assert!(!hearing.is_worse(1, exact(1_000)) && !hearing.is_worse(1, exact(3)));
        assert!(hearing.is_worse(1, exact(4)));
        assert!(!hearing.is_worse(2, exact(900)), "another session has another place");
    }
}
