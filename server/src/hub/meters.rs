//! The hub's figures. Owns their names; no label of them names a user or a room.

use std::cell::Cell;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;

use crate::bus::Class;

/// How many kinds there are.
pub(super) const KINDS: usize = 4;

/// Handles are looked up once: a look-up for each write would cost more than the counting. Install
/// the recorder before the hub is made.
pub(super) struct Meters {
    pub(super) connections: Gauge,
    pub(super) deliveries: Tally,
    pub(super) writes: Tally,
    pub(super) written_bytes: Tally,
    pub(super) outbox_bytes: Histogram,
    tick_seconds: Histogram,
    skipped: [Counter; KINDS],
    lag_seconds: [Histogram; KINDS],
}

/// [`Class`] without what belongs to one of them, as an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Critical,
    Normal,
    Lossy,
    Counter,
}

impl Kind {
    pub(super) fn of(class: &Class) -> Self {
        match class {
            Class::Critical => Self::Critical,
            Class::Normal => Self::Normal,
            Class::Lossy => Self::Lossy,
            Class::Counter { .. } => Self::Counter,
        }
    }

    /// The class of a kept line; counters are never kept, so their keys are not either.
    pub(super) fn class(self) -> Class {
        match self {
            Self::Critical => Class::Critical,
            Self::Normal => Class::Normal,
            Self::Lossy => Class::Lossy,
            Self::Counter => Class::Counter { key: "".into() },
        }
    }
}

/// The labels, in the order of [`Kind`].
const NAMES: [&str; KINDS] = ["critical", "normal", "lossy", "counter"];

/// A counter that every write moves. Within a turn the sum stays on the thread: counters that two
/// shards share would travel between their cores with each write.
pub(super) struct Tally {
    counter: Counter,
    place: usize,
}

const TALLIES: usize = 3;

thread_local! {
    static TURN: Cell<Option<[u64; TALLIES]>> = const { Cell::new(None) };
}

impl Tally {
    pub(super) fn increment(&self, by: u64) {
        match TURN.get() {
            Some(mut sums) => {
                sums[self.place] += by;
                TURN.set(Some(sums));
            }
            None => self.counter.increment(by),
        }
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        let tally = |counter, place| Tally { counter, place };
        Self {
            connections: gauge!("hawker_connections"),
            deliveries: tally(counter!("hawker_deliveries_total"), 0),
            writes: tally(counter!("hawker_writes_total"), 1),
            written_bytes: tally(counter!("hawker_written_bytes_total"), 2),
            outbox_bytes: histogram!("hawker_outbox_bytes"),
            tick_seconds: histogram!("hawker_tick_seconds"),
            skipped: NAMES.map(|class| counter!("hawker_skipped_total", "class" => class)),
            lag_seconds: NAMES.map(|class| histogram!("hawker_lag_seconds", "class" => class)),
        }
    }

    /// Runs one turn of a walk and adds what it wrote once, at its end.
    pub(super) fn turn(&self, write: impl FnOnce()) {
        let _turn = Turn::begin(self);
        write();
    }

    /// Counts the lines of one batch that `readers` did not get.
    pub(super) fn skip(&self, lines_by_kind: &[u64; KINDS], readers: u64) {
        for (counter, lines) in self.skipped.iter().zip(lines_by_kind) {
            if *lines > 0 {
                counter.increment(lines * readers);
            }
        }
    }

    /// The last write of a pass is done: how long it took, and how long the line of each kind that
    /// waited longest has been on its way.
    pub(super) fn pass(&self, started_at: Instant, oldest_by_kind: [Option<Instant>; KINDS]) {
        self.tick_seconds.record(started_at.elapsed().as_secs_f64());
        for (histogram, oldest) in self.lag_seconds.iter().zip(oldest_by_kind) {
            if let Some(arrived_at) = oldest {
                histogram.record(arrived_at.elapsed().as_secs_f64());
            }
        }
    }
}

/// Adds up even if the turn panics.
struct Turn<'a>(&'a Meters);

impl<'a> Turn<'a> {
    fn begin(meters: &'a Meters) -> Self {
        TURN.set(Some([0; TALLIES]));
        Self(meters)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let sums = TURN.take().unwrap_or_default();
        for tally in [&self.0.deliveries, &self.0.writes, &self.0.written_bytes] {
            tally.counter.increment(sums[tally.place]);
        }
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}
