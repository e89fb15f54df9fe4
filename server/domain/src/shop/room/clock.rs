//! A room's live clock: how long it has been live, pauses not counted. Never reads a clock.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, SpanMs};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) struct LiveClock {
    elapsed: SpanMs,
    /// When `elapsed` was right: the last start or stop.
    at: Millis,
    runs: bool,
}

impl LiveClock {
    pub(super) fn start(&mut self, at: Millis) {
        *self = Self { elapsed: self.read(at), at, runs: true };
    }

    pub(super) fn stop(&mut self, at: Millis) {
        *self = Self { elapsed: self.read(at), at, runs: false };
    }

    pub(in crate::shop) fn read(&self, now: Millis) -> SpanMs {
        if self.runs { SpanMs(self.elapsed.0 + now.since(self.at).0) } else { self.elapsed }
    }

    pub(super) fn elapsed(&self) -> SpanMs {
        self.elapsed
    }

    /// When the wall clock will be where this one shows `reading`, if it runs.
    pub(in crate::shop) fn wall(&self, reading: SpanMs) -> Option<Millis> {
        self.runs.then(|| self.at + SpanMs(reading.0.saturating_sub(self.elapsed.0)))
    }

    pub(in crate::shop) fn at(&self) -> Millis {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_clock_stops_while_paused_and_counts_on_after() {
        let mut clock = LiveClock::default();
        assert_eq!(clock.read(Millis(5_000)), SpanMs(0));
        clock.start(Millis(10_000));
        assert_eq!(clock.read(Millis(12_500)), SpanMs(2_500));
        clock.stop(Millis(13_000));
        assert_eq!(clock.read(Millis(99_000)), SpanMs(3_000));
        clock.start(Millis(100_000));
        assert_eq!((clock.elapsed(), clock.at()), (SpanMs(3_000), Millis(100_000)));
        assert_eq!(clock.read(Millis(100_001)), SpanMs(3_001));
    }

    #[test]
    fn stopping_or_starting_twice_counts_nothing_twice() {
        let mut clock = LiveClock::default();
        clock.start(Millis(0));
        clock.start(Millis(1_000));
        clock.stop(Millis(2_000));
        clock.stop(Millis(5_000));
        assert_eq!(clock.read(Millis(9_000)), SpanMs(2_000));
    }

    #[test]
    fn a_reading_before_the_last_start_adds_nothing() {
        let mut clock = LiveClock::default();
        clock.start(Millis(1_000));
        assert_eq!(clock.read(Millis(400)), SpanMs(0));
    }
}
