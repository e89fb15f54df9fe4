//! What a topic keeps, on its way to another node and into that node's hub. Owns the shape of it;
//! who asks whom is for the caller.

use std::sync::Arc;

use bytes::Bytes;

use super::{Class, Hub, Topic};

/// The kept lines of a topic, from some number on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub epoch: u64,
    /// The number before the first line; the following ones have no gaps.
    pub after: u64,
    pub lines: Vec<Line>,
}

/// A numbered line as a ring keeps it: what of its [`super::Publication`] may matter again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub class: Class,
    pub key: Option<Box<str>>,
    pub redacts: Option<Box<str>>,
    pub line: Bytes,
}

impl Hub {
    /// What is kept of a topic after `known` (epoch and number): everything if that is of another
    /// epoch or further back than this reaches. `None`: nothing is known about it here.
    pub fn history(&self, topic: &Topic, known: Option<(u64, u64)>) -> Option<History> {
        let room = self.rooms.get(topic).map(|room| Arc::clone(&room))?;
        room.history(known)
    }

    /// Takes in what another node keeps: what is missing here, in front of the oldest line or
    /// after the last. If it leads on from nothing that is kept here, or is of a higher epoch, it
    /// replaces the topic, and viewers get a gap and the source's snapshot: so let the source
    /// know that one before, and after the lines otherwise.
    pub fn refill(&self, topic: &Topic, mut history: History) {
        loop {
            let room = self.room(topic);
            let Some(returned) = room.refill(history) else { return };
            self.forget(topic, &room);
            history = returned;
        }
    }

    /// Epoch and number of the last line that came here.
    pub fn position(&self, topic: &Topic) -> Option<(u64, u64)> {
        let room = self.rooms.get(topic).map(|room| Arc::clone(&room))?;
        room.position()
    }

    /// Whether all lines after this number are kept.
    pub fn reaches(&self, topic: &Topic, epoch: u64, seq: u64) -> bool {
        let room = self.rooms.get(topic).map(|room| Arc::clone(&room));
        room.is_some_and(|room| room.reaches(epoch, seq))
    }

    pub fn has_viewers(&self, topic: &Topic) -> bool {
        let room = self.rooms.get(topic).map(|room| Arc::clone(&room));
        room.is_some_and(|room| room.subscribers.len() > 0)
    }
}
