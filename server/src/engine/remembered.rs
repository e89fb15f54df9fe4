//! Which commands a shop has accepted lately, and where their answers stand in the journal.

use std::collections::VecDeque;

use hawker_domain::event::{CommandRef, Entry};
use hawker_domain::id::{CommandId, UserId};
use hawker_domain::lookup::Lookup;
use hawker_domain::time::{Millis, SpanMs};
use serde::{Deserialize, Serialize};

use crate::journal::Version;

/// Where an accepted command's entry is: its batch, and its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) version: Version,
    pub(super) index: usize,
}

/// What is known of a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    New,
    Accepted(Place),
    /// The id was used for another payload.
    Conflict,
}

/// One accepted command, as snapshots keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    at: Millis,
    by: CommandRef,
    place: Place,
}

#[derive(Debug)]
pub(super) struct Remembered {
    keep: SpanMs,
    by_id: Lookup<(UserId, CommandId), (u64, Place)>,
    /// In the order they were accepted, which is the order they are forgotten in.
    by_age: VecDeque<(Millis, (UserId, CommandId))>,
}

impl Remembered {
    pub(super) fn new(keep: SpanMs) -> Self {
        Self { keep, by_id: Lookup::default(), by_age: VecDeque::new() }
    }

    pub(super) fn keep(&self) -> SpanMs {
        self.keep
    }

    /// Everything, in the order it was noted.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.by_age.iter().filter_map(|(at, key)| {
            let (payload_hash, place) = *self.by_id.get(key)?;
            let (user, command) = key.clone();
            Some(Row { at: *at, by: CommandRef { user, command, payload_hash }, place })
        })
    }

    /// What `rows` told.
    pub(super) fn from_rows(keep: SpanMs, rows: Vec<Row>) -> Self {
        let mut remembered = Self::new(keep);
        for Row { at, by, place } in rows {
            let key = (by.user, by.command);
            remembered.by_id.insert(key.clone(), (by.payload_hash, place));
            remembered.by_age.push_back((at, key));
        }
        remembered
    }

    pub(super) fn find(&self, command: &CommandRef) -> Known {
        let key = (command.user.clone(), command.command.clone());
        match self.by_id.get(&key) {
            None => Known::New,
            Some((hash, place)) if *hash == command.payload_hash => Known::Accepted(*place),
            Some(_) => Known::Conflict,
        }
    }

    /// Notes an entry, live or from the journal; forgets what is too old at its time.
    pub(super) fn note(&mut self, entry: &Entry, place: Place) {
        self.forget_before(entry.at - self.keep);
        let Some(by) = &entry.by else { return };
        let key = (by.user.clone(), by.command.clone());
        self.by_id.insert(key.clone(), (by.payload_hash, place));
        self.by_age.push_back((entry.at, key));
    }

    fn forget_before(&mut self, limit: Millis) {
        while self.by_age.front().is_some_and(|(at, _)| *at < limit) {
            if let Some((_, key)) = self.by_age.pop_front() {
                self.by_id.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, command: &str, payload_hash: u64) -> Entry {
        let user = UserId::parse("ann").unwrap();
        let command = CommandId::parse(command).unwrap();
        Entry {
            at: Millis(at),
            by: Some(CommandRef { user, command, payload_hash }),
            events: vec![],
        }
    }

    #[test]
    fn a_repetition_is_known_until_it_is_too_old() {
        let mut remembered = Remembered::new(SpanMs(100));
        let (first, later) = (entry(0, "c1", 7), entry(101, "c2", 7));
        let place = Place { version: 1, index: 0 };
        remembered.note(&first, place);
        let ask = first.by.unwrap();
        assert_eq!(remembered.find(&ask), Known::Accepted(place));
        assert_eq!(
            remembered.find(&CommandRef { payload_hash: 8, ..ask.clone() }),
            Known::Conflict
        );
        remembered.note(&later, Place { version: 2, index: 0 });
        assert_eq!(remembered.find(&ask), Known::New);
    }
}
