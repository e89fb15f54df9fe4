//! What a run counted: outcomes by code and how long answers took. Owns the histograms; latency
//! comes in as a duration that its caller measured from the intended time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::{Duration, Instant};

const LATENCY_US_MAX: u64 = 120_000_000;

/// How long answers took.
#[derive(Debug)]
pub(crate) struct Latency {
    micros: Histogram<u64>,
}

impl Latency {
    pub(crate) fn new() -> Self {
        // Three digits over two minutes: 0.1 % in half a megabyte.
        let micros = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        let micros = micros.unwrap_or_else(|_| unreachable!("the bounds are constants in range"));
        Self { micros }
    }

    /// From when it was meant to be sent: a generator that falls behind shows the delay instead
    /// of hiding it.
    pub(crate) fn record_since(&mut self, intended: Instant) {
        self.record(intended.elapsed());
    }

    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.saturating_record(micros.clamp(1, LATENCY_US_MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // The bounds of all are the same.
        let _ = self.micros.add(&other.micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.micros.len()
    }

    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        if self.micros.is_empty() {
            return 0.0;
        }
        self.micros.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            p50_ms: self.quantile_ms(0.5),
            p99_ms: self.quantile_ms(0.99),
            p999_ms: self.quantile_ms(0.999),
            max_ms: self.quantile_ms(1.0),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Summary {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

/// The live counters of a run, shared by all of its sockets.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) joined: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) deliveries: AtomicU64,
    pub(crate) comments: AtomicU64,
    pub(crate) likes: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) paid: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) offers: AtomicU64,
    pub(crate) failed_sockets: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(crate) fn value(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

/// What can only be counted under a lock, and seldom needs to be.
#[derive(Debug)]
pub(crate) struct Tally {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) latency: Latency,
    pub(crate) outcomes: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner { latency: Latency::new(), outcomes: BTreeMap::new() }) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// One answer: its outcome, and how late it came.
    pub(crate) fn answered(&mut self, outcome: &str, intended: Instant) {
        self.latency.record_since(intended);
        self.outcome(outcome);
    }

    pub(crate) fn outcome(&mut self, outcome: &str) {
        match self.outcomes.get_mut(outcome) {
            Some(count) => *count += 1,
            None => drop(self.outcomes.insert(outcome.to_owned(), 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn latency_counts_from_the_intended_time_even_if_the_generator_was_late() {
        let mut latency = Latency::new();
        let intended = Instant::now();
        // The generator itself was stuck for 80 ms; the server then took 20.
        tokio::time::advance(Duration::from_millis(80)).await;
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(20)).await;
        latency.record_since(intended);
        assert!(sent.elapsed() < Duration::from_millis(21));
        assert!((latency.quantile_ms(1.0) - 100.0).abs() < 0.2, "{}", latency.quantile_ms(1.0));
    }

    #[test]
    fn an_empty_histogram_says_zero_and_an_endless_wait_is_kept_within_bounds() {
        let mut latency = Latency::new();
        assert!(latency.quantile_ms(0.99) < f64::EPSILON);
        latency.record(Duration::from_secs(1_000));
        assert!((latency.quantile_ms(0.5) - 120_000.0).abs() < 200.0);
    }
}
