//! The wall clock, for token times and for the server's announced times. Measurements use
//! `tokio::time::Instant` and never this.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::{Duration, Instant};

/// Milliseconds since 1970 by this machine.
#[expect(clippy::disallowed_methods, reason = "the one place that asks for the wall clock")]
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Translates the server's times into instants of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock {
    now: Instant,
    server_ms: i64,
}

impl ServerClock {
    pub(crate) fn new(server_ms: i64) -> Self {
        Self { now: Instant::now(), server_ms }
    }

    /// What the server's clock shows then, in milliseconds and parts of them.
    pub(crate) fn millis(&self, at: Instant) -> f64 {
        let since = at.saturating_duration_since(self.now).as_secs_f64();
        self.server_ms as f64 + since * 1_000.0
    }

    /// When the server's clock shows `at_ms`; now, if that is past.
    pub(crate) fn instant(&self, at_ms: i64) -> Instant {
        let ahead = u64::try_from(at_ms - self.server_ms).unwrap_or(0);
        self.now + Duration::from_millis(ahead)
    }
}
