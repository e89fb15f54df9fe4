//! The hub's figures. Owns their names; no label of them names a user or a room.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::bus::Class;

/// Handles are looked up once: a look-up for each write would cost more than the counting. Install
/// the recorder before the hub is made.
pub(super) struct Meters {
    pub(super) connections: Gauge,
    pub(super) deliveries: Counter,
    pub(super) writes: Counter,
    pub(super) written_bytes: Counter,
    pub(super) outbox_bytes: Histogram,
    pub(super) tick_seconds: Histogram,
    skipped: [Counter; 4],
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
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            connections: gauge!("hawker_connections"),
            deliveries: counter!("hawker_deliveries_total"),
            writes: counter!("hawker_writes_total"),
            written_bytes: counter!("hawker_written_bytes_total"),
            outbox_bytes: histogram!("hawker_outbox_bytes"),
            tick_seconds: histogram!("hawker_tick_seconds"),
            skipped: ["critical", "normal", "lossy", "counter"]
                .map(|class| counter!("hawker_skipped_total", "class" => class)),
        }
    }

    /// Counts the lines of one batch that `readers` did not get.
    pub(super) fn skip(&self, lines_by_kind: &[u64; 4], readers: u64) {
        for (counter, lines) in self.skipped.iter().zip(lines_by_kind) {
            if *lines > 0 {
                counter.increment(lines * readers);
            }
        }
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}
