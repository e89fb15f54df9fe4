//! The time. Owns the only look at the system's clock; everybody else gets a `Clock` or an
//! argument. It never jumps and never runs backwards: what the system's clock does to itself is
//! followed slowly or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use hawker_domain::time::Millis;

/// 500 parts per million, as kernels slew: a second of drift is gone after 34 minutes and no
/// deadline moves by more than half a millisecond a second.
const SLEW_PPM_MAX: i64 = 500;

/// A larger difference is somebody setting the clock, not drift.
const STEP_US: i64 = 2_000_000;

/// How often [`Clock::follow`] compares with the system's clock.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Wall time at start plus the monotonic clock, slewed. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    anchor: ArcSwap<Anchor>,
    stepped: AtomicBool,
}

/// From here on: `wall_us` plus what the monotonic clock says, plus the part of `drift_us` that
/// the slew has caught up with.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    at: Instant,
    wall_us: i64,
    drift_us: i64,
}

impl Anchor {
    fn wall_us_at(&self, instant: Instant) -> i64 {
        let elapsed = instant.saturating_duration_since(self.at);
        let elapsed_us = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX / SLEW_PPM_MAX);
        let slewed_max = elapsed_us.saturating_mul(SLEW_PPM_MAX) / 1_000_000;
        self.wall_us + elapsed_us + self.drift_us.clamp(-slewed_max, slewed_max)
    }
}

impl Clock {
    /// The clock of a running server. [`Clock::follow`] keeps it near the system's.
    pub fn system() -> Self {
        Self::at_us(system_wall_us())
    }

    /// A clock that shows `now` and moves with the runtime's time, which tests can pause.
    pub fn starting_at(now: Millis) -> Self {
        Self::at_us(now.0.saturating_mul(1_000))
    }

    fn at_us(wall_us: i64) -> Self {
        let anchor = Anchor { at: Instant::now(), wall_us, drift_us: 0 };
        Self(Arc::new(Shared {
            anchor: ArcSwap::from_pointee(anchor),
            stepped: AtomicBool::new(false),
        }))
    }

    pub fn now(&self) -> Millis {
        Millis(self.now_us().div_euclid(1_000))
    }

    fn now_us(&self) -> i64 {
        self.0.anchor.load().wall_us_at(Instant::now())
    }

    /// Compares with the system's clock. Drift is slewed away; a step is not followed but raises
    /// the alarm, because following it would fire deadlines early or hold them back.
    pub fn observe(&self, wall: Millis) {
        self.observe_us(wall.0.saturating_mul(1_000));
    }

    fn observe_us(&self, system_us: i64) {
        let at = Instant::now();
        let wall_us = self.0.anchor.load().wall_us_at(at);
        let drift_us = system_us.saturating_sub(wall_us);
        metrics::gauge!("hawker_clock_drift_seconds").set(drift_us as f64 / 1e6);
        let stepped = drift_us.abs() > STEP_US;
        self.raise(stepped, drift_us);
        let drift_us = if stepped { 0 } else { drift_us };
        self.0.anchor.store(Arc::new(Anchor { at, wall_us, drift_us }));
    }

    fn raise(&self, stepped: bool, drift_us: i64) {
        let before = self.0.stepped.swap(stepped, Ordering::Relaxed);
        metrics::gauge!("hawker_clock_stepped").set(f64::from(u8::from(stepped)));
        if stepped && !before {
            metrics::counter!("hawker_clock_steps_total").increment(1);
            let by_ms = drift_us / 1_000;
            tracing::warn!(by_ms, "the system's clock was set: not following it until a restart");
        }
    }

    /// True while the system's clock differs by more than two seconds: acquire no shops.
    pub fn stepped(&self) -> bool {
        self.0.stepped.load(Ordering::Relaxed)
    }

    /// Compares with the system's clock once a second, for ever.
    pub async fn follow(self) {
        let mut every = tokio::time::interval(FOLLOW_EVERY);
        loop {
            every.tick().await;
            self.observe_us(system_wall_us());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn system_wall_us() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_760_000_000_000);

    fn later(ms: i64) -> Millis {
        Millis(START.0 + ms)
    }

    #[tokio::test(start_paused = true)]
    async fn time_moves_with_the_runtime() {
        let clock = Clock::starting_at(START);
        assert_eq!(clock.now(), START);
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.clone().now(), later(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_drift_is_caught_up_at_half_a_millisecond_a_second_and_no_further() {
        let clock = Clock::starting_at(START);
        clock.observe(later(10));
        assert_eq!(clock.now(), START, "no jump");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), later(10_005));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), later(100_010));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_ahead_slows_down_but_never_runs_backwards() {
        let clock = Clock::starting_at(START);
        tokio::time::advance(Duration::from_secs(1)).await;
        clock.observe(START);
        let mut last = clock.now();
        for _ in 0..2_000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(clock.now() >= last);
            last = clock.now();
        }
        assert_eq!(last, later(2_999));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_raises_the_alarm_and_moves_nothing() {
        let clock = Clock::starting_at(START);
        clock.observe(later(2_001));
        assert!(clock.stepped());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), later(60_000));
        clock.observe(later(60_002));
        assert!(!clock.stepped(), "the alarm ends with the difference");
    }

    #[tokio::test]
    async fn the_system_clock_shows_todays_date() {
        assert!(Clock::system().now() > START);
    }
}
