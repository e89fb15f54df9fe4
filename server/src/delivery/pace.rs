//! How often a room hears of what only counts: units, coupons, entries. Owns what changed and was
//! not told yet; whatever waits is told with its newest figures.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Pace<K> {
    every: Duration,
    waiting: BTreeSet<K>,
    told_at: Option<Instant>,
}

impl<K: Ord> Pace<K> {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, waiting: BTreeSet::new(), told_at: None }
    }

    pub(super) fn note(&mut self, key: K) {
        self.waiting.insert(key);
    }

    /// Of no news any more.
    pub(super) fn forget(&mut self, is_old: impl Fn(&K) -> bool) {
        self.waiting.retain(|key| !is_old(key));
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the last was long enough ago: what comes first after quiet does not wait.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.told_at.is_none_or(|told| now.duration_since(told) >= self.every)
    }

    /// All that waits; it counts as told.
    pub(super) fn take(&mut self, now: Instant) -> BTreeSet<K> {
        if !self.waiting.is_empty() {
            self.told_at = Some(now);
        }
        std::mem::take(&mut self.waiting)
    }
}
