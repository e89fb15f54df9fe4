//! The last numbered lines of a room. Owns the numbering: what is next, what is late, what is
//! lost. Holds no gaps: from the oldest kept line to the last one, every number is there.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::history::{History, Line};
use super::meters::Kind;

/// A numbered line.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) line: Bytes,
    key: Option<Box<str>>,
    /// Kept for other nodes, whose rings have the redacted line too.
    redacts: Option<Box<str>>,
    pub(super) arrived_at: Instant,
}

/// What a new number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The one after the last.
    Next,
    /// Known already, or from a deposed owner.
    Stale,
    /// Something before it never came, or an owner began anew: what was kept leads nowhere.
    Broken,
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    epoch: u64,
    /// The last number that arrived.
    last: u64,
    /// The last number that a tick took; later ones wait for the next.
    taken: u64,
    /// Whether anything was ever learned about this topic.
    known: bool,
    entries: VecDeque<Entry>,
}

impl Entry {
    fn new(seq: u64, line: Line, arrived_at: Instant) -> Self {
        let Line { class, key, redacts, line } = line;
        Self { seq, kind: Kind::of(&class), line, key, redacts, arrived_at }
    }

    fn to_line(&self) -> Line {
        let (key, redacts, line) = (self.key.clone(), self.redacts.clone(), self.line.clone());
        Line { class: self.kind.class(), key, redacts, line }
    }
}

impl Ring {
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn has_untaken(&self) -> bool {
        self.last > self.taken
    }

    /// Whether a line of this epoch may still be sent.
    pub(super) fn reigns(&self, epoch: u64) -> bool {
        !self.known || epoch >= self.epoch
    }

    /// Keeps a line, if it is new.
    pub(super) fn push(&mut self, epoch: u64, seq: u64, line: Line) -> Arrival {
        let arrival = self.judge(epoch, seq);
        match arrival {
            Arrival::Stale => return arrival,
            Arrival::Broken => self.restart(epoch, seq.saturating_sub(1)),
            Arrival::Next => {}
        }
        self.last = seq;
        self.entries.push_back(Entry::new(seq, line, Instant::now()));
        arrival
    }

    /// Takes a snapshot's word for where the topic stands, when it knows more than this ring.
    /// `true`: the ring was begun anew, and those who listen have lost their place.
    pub(super) fn learn(&mut self, epoch: u64, seq: u64) -> bool {
        let is_news = !self.known || epoch > self.epoch;
        if is_news {
            self.restart(epoch, seq);
        }
        is_news
    }

    /// Makes `after` the place that the next lines follow, unless they follow from what is here.
    /// `true`: the ring was begun anew.
    pub(super) fn follow(&mut self, epoch: u64, after: u64) -> bool {
        let joins = self.known && epoch == self.epoch && after <= self.last;
        if !joins {
            self.restart(epoch, after);
        }
        !joins
    }

    /// Adds older lines in front of the oldest one, if they lead up to it.
    pub(super) fn extend_back(&mut self, after: u64, lines: &[Line]) {
        let floor = self.floor();
        let count = floor.saturating_sub(after) as usize;
        let Some(older) = lines.get(..count) else { return };
        let arrived_at = self.entries.front().map_or_else(Instant::now, |e| e.arrived_at);
        for (before, line) in (0..).zip(older.iter().rev()) {
            self.entries.push_front(Entry::new(floor - before, line.clone(), arrived_at));
        }
    }

    /// Everything after what is `known`, or all there is; `None` if nothing was ever learned.
    pub(super) fn history(&self, known: Option<(u64, u64)>) -> Option<History> {
        let known = known.filter(|(epoch, seq)| self.reaches(*epoch, *seq));
        let after = known.map_or(self.floor(), |(_, seq)| seq);
        let skip = (after - self.floor()) as usize;
        let lines = self.entries.iter().skip(skip).map(Entry::to_line).collect();
        self.known.then_some(History { epoch: self.epoch, after, lines })
    }

    /// Epoch and number of the last line, if anything was ever learned.
    pub(super) fn position(&self) -> Option<(u64, u64)> {
        self.known.then_some((self.epoch, self.last))
    }

    /// Whether every line after this number is here.
    pub(super) fn reaches(&self, epoch: u64, seq: u64) -> bool {
        self.known && epoch == self.epoch && (self.floor()..=self.last).contains(&seq)
    }

    /// Lines after `after` that ticks have taken, oldest first; `None` if some are gone, or if
    /// `after` was never reached.
    pub(super) fn since(&self, after: u64) -> Option<impl Iterator<Item = &Entry>> {
        let reachable = self.floor() <= after && after <= self.last;
        let skip = after.saturating_sub(self.floor()) as usize;
        let taken = self.taken;
        reachable.then(|| self.entries.iter().skip(skip).take_while(move |e| e.seq <= taken))
    }

    /// The number before the oldest kept line.
    pub(super) fn floor(&self) -> u64 {
        self.entries.front().map_or(self.last, |oldest| oldest.seq - 1)
    }

    /// Lines no tick has taken yet, up to `lines_max` and about `bytes_max`; at least one.
    pub(super) fn take(&mut self, lines_max: usize, bytes_max: usize) -> Vec<Entry> {
        let skip = self.taken.saturating_sub(self.floor()) as usize;
        let mut bytes = 0;
        let mut fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += entry.line.len() + 1;
            first || bytes <= bytes_max
        };
        let batch: Vec<_> = self.entries.iter().skip(skip).take(lines_max).collect();
        let batch: Vec<_> = batch.into_iter().take_while(|e| fits(e)).cloned().collect();
        if let Some(last) = batch.last() {
            self.taken = last.seq;
        }
        batch
    }

    /// Forgets the oldest lines beyond the limits; never one that no tick has taken.
    pub(super) fn evict(&mut self, lines_max: usize, age: Duration) {
        let now = Instant::now();
        while let Some(oldest) = self.entries.front() {
            let spent = self.entries.len() > lines_max || now - oldest.arrived_at > age;
            if !spent || oldest.seq > self.taken {
                return;
            }
            self.entries.pop_front();
        }
        self.entries = VecDeque::new();
    }

    /// Replaces the lines kept under `key`, so that the numbers stay whole.
    pub(super) fn redact(&mut self, key: &str, tombstone: impl Fn(u64) -> Bytes) -> usize {
        let mut redacted = 0;
        for entry in self.entries.iter_mut().filter(|entry| entry.key.as_deref() == Some(key)) {
            entry.line = tombstone(entry.seq);
            entry.key = None;
            redacted += 1;
        }
        redacted
    }

    fn judge(&self, epoch: u64, seq: u64) -> Arrival {
        if !self.reigns(epoch) || (self.known && epoch == self.epoch && seq <= self.last) {
            return Arrival::Stale;
        }
        let next = self.known && epoch == self.epoch && seq == self.last + 1;
        if next { Arrival::Next } else { Arrival::Broken }
    }

    fn restart(&mut self, epoch: u64, seq: u64) {
        *self = Self { epoch, last: seq, taken: seq, known: true, entries: VecDeque::new() };
    }
}
