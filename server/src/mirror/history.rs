//! A topic as its owner has it, on its way to a mirror. Owns the shape on the link between nodes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::bytes_field;
use crate::bus::{self, Topic};
use crate::hub::{self, Hub, Snapshot, Source};

/// A topic as its owner has it. The default is one of which the owner knows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub epoch: u64,
    /// The number before the first line; the following ones have no gaps.
    pub after: u64,
    pub lines: Vec<Line>,
    pub snapshot: Option<Picture>,
}

/// A numbered line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub class: Class,
    pub key: Option<Box<str>>,
    pub redacts: Option<Box<str>>,
    #[serde(with = "bytes_field")]
    pub line: Bytes,
}

/// The classes of lines that are kept: all but counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    Critical,
    Normal,
    Lossy,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub epoch: u64,
    pub seq: u64,
    #[serde(with = "bytes_field")]
    pub body: Bytes,
}

/// The owner's answer to a mirror that knows everything up to `known`: the ring of its hub and the
/// snapshot of its own source.
pub fn history_of(
    hub: &Hub,
    source: &dyn Source,
    topic: &Topic,
    known: Option<(u64, u64)>,
) -> History {
    let (snapshot, kept) = pair(hub, source, topic, known);
    let picture = snapshot.map(Picture::from);
    match (kept, picture) {
        (Some(kept), Some(picture)) if kept.epoch < picture.epoch => History::of_picture(picture),
        (Some(hub::History { epoch, after, lines }), snapshot) => {
            let lines = lines.into_iter().map(Line::from).collect();
            History { epoch, after, lines, snapshot }
        }
        (None, Some(picture)) => History::of_picture(picture),
        (None, None) => History::default(),
    }
}

/// The snapshot first: whatever is published after it is in the ring. If a new epoch began in
/// between, another look finds both in it.
fn pair(
    hub: &Hub,
    source: &dyn Source,
    topic: &Topic,
    known: Option<(u64, u64)>,
) -> (Option<Snapshot>, Option<hub::History>) {
    let look = || (source.snapshot(topic), hub.history(topic, known));
    let (snapshot, kept) = look();
    let is_torn = match (&snapshot, &kept) {
        (Some(snapshot), Some(kept)) => snapshot.epoch < kept.epoch,
        _ => false,
    };
    if is_torn { look() } else { (snapshot, kept) }
}

impl History {
    /// Nothing was published under this epoch yet, or nothing of it is kept.
    fn of_picture(picture: Picture) -> Self {
        let (epoch, after) = (picture.epoch, picture.seq);
        Self { epoch, after, lines: Vec::new(), snapshot: Some(picture) }
    }

    /// The number of the last line.
    pub fn last(&self) -> u64 {
        self.after + self.lines.len() as u64
    }

    /// What the hub takes, and what the mirror keeps.
    pub(super) fn split(self) -> (hub::History, Option<Snapshot>) {
        let Self { epoch, after, lines, snapshot } = self;
        let lines = lines.into_iter().map(hub::Line::from).collect();
        let snapshot = snapshot.map(|Picture { epoch, seq, body }| Snapshot { epoch, seq, body });
        (hub::History { epoch, after, lines }, snapshot)
    }
}

impl From<Snapshot> for Picture {
    fn from(Snapshot { epoch, seq, body }: Snapshot) -> Self {
        Self { epoch, seq, body }
    }
}

impl From<hub::Line> for Line {
    fn from(hub::Line { class, key, redacts, line }: hub::Line) -> Self {
        let class = match class {
            bus::Class::Critical => Class::Critical,
            bus::Class::Normal => Class::Normal,
            bus::Class::Lossy | bus::Class::Counter { .. } => Class::Lossy,
        };
        Self { class, key, redacts, line }
    }
}

impl From<Line> for hub::Line {
    fn from(Line { class, key, redacts, line }: Line) -> Self {
        let class = match class {
            Class::Critical => bus::Class::Critical,
            Class::Normal => bus::Class::Normal,
            Class::Lossy => bus::Class::Lossy,
        };
        Self { class, key, redacts, line }
    }
}
