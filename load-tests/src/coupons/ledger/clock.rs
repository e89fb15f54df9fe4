//! A room's live clock as the audit keeps it: how long the room was live, by the events alone.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LiveClock {
    /// Up to the last stop.
    stood_ms: i64,
    since: Option<i64>,
}

impl LiveClock {
    pub(super) fn start(&mut self, at: i64) {
        self.since = self.since.or(Some(at));
    }

    pub(super) fn stop(&mut self, at: i64) {
        self.stood_ms = self.read(at);
        self.since = None;
    }

    pub(super) fn read(&self, at: i64) -> i64 {
        self.stood_ms + self.since.map_or(0, |since| (at - since).max(0))
    }
}
