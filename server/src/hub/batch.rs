//! What one tick sends: one frame, made once for everybody. Knows no subscriber.

use std::borrow::Cow;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::frame::Frame;
use super::meters::{KINDS, Kind};
use super::ring::Entry;

/// A line without a number.
#[derive(Debug)]
pub(super) struct Loose {
    pub(super) kind: Kind,
    pub(super) line: Bytes,
    pub(super) arrived_at: Instant,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) era: u32,
    numbered: Vec<Entry>,
    others: Vec<Loose>,
    /// For all who know none of it; `None` if it is empty.
    whole: Option<Frame>,
    /// Without the lines up to a position, for those who know these already.
    trimmed: Mutex<Vec<(u64, Option<Frame>)>>,
}

impl Batch {
    pub(super) fn new(era: u32, numbered: Vec<Entry>, others: Vec<Loose>) -> Self {
        let whole = frame(&numbered, &others);
        Self { era, numbered, others, whole, trimmed: Mutex::default() }
    }

    /// The first number; 0 without numbered lines.
    pub(super) fn first(&self) -> u64 {
        self.numbered.first().map_or(0, |entry| entry.seq)
    }

    /// The last number; 0 without numbered lines.
    pub(super) fn last(&self) -> u64 {
        self.numbered.last().map_or(0, |entry| entry.seq)
    }

    /// The frame for somebody who knows everything up to `position`.
    pub(super) fn frame_after(&self, position: u64) -> Option<Cow<'_, Frame>> {
        if position < self.first() || self.numbered.is_empty() {
            return self.whole.as_ref().map(Cow::Borrowed);
        }
        let known = position.min(self.last());
        let mut trimmed = self.trimmed.lock();
        if let Some((_, frame)) = trimmed.iter().find(|(to, _)| *to == known) {
            return frame.clone().map(Cow::Owned);
        }
        let rest = (known + 1 - self.first()) as usize;
        let frame = frame(&self.numbered[rest..], &self.others);
        trimmed.push((known, frame.clone()));
        frame.map(Cow::Owned)
    }

    pub(super) fn lines_by_kind(&self) -> [u64; KINDS] {
        let mut lines = [0; KINDS];
        self.lines().for_each(|(kind, _)| lines[kind as usize] += 1);
        lines
    }

    /// When the line of each kind came that has waited longest.
    pub(super) fn oldest_by_kind(&self) -> [Option<Instant>; KINDS] {
        let mut oldest = [None; KINDS];
        for (kind, at) in self.lines() {
            let known: &mut Option<Instant> = &mut oldest[kind as usize];
            *known = Some(known.map_or(at, |known| known.min(at)));
        }
        oldest
    }

    fn lines(&self) -> impl Iterator<Item = (Kind, Instant)> {
        let numbered = self.numbered.iter().map(|entry| (entry.kind, entry.arrived_at));
        numbered.chain(self.others.iter().map(|line| (line.kind, line.arrived_at)))
    }
}

fn frame(numbered: &[Entry], others: &[Loose]) -> Option<Frame> {
    let lines = numbered.iter().map(|entry| &entry.line[..]);
    let lines = lines.chain(others.iter().map(|line| &line.line[..]));
    lines.clone().next().is_some().then(|| Frame::lines(lines))
}
