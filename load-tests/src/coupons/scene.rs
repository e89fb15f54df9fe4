//! What everybody in a room with coupons shares: the shop's names, the run's times, and what the
//! sockets were told. Owns no behaviour.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Error;
use hawker_protocol::Id;
use hawker_protocol::topic::Topic;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant};

use super::plan::CAMPAIGNS;
use super::story::Story;
use super::told::Told;
use super::waves::Wave;
use crate::audit::Seen;
use crate::clock::ServerClock;
use crate::payments::Payment;
use crate::report::say;
use crate::run::Target;
use crate::tally::{Latency, Tally, count, value};

/// Lost connections that are told one by one.
const LOST_TOLD: u64 = 5;

/// The live counters of a run.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) inside: AtomicU64,
    pub(super) resumed: AtomicU64,
    /// By what they had missed; the others got a snapshot.
    pub(super) recovered: AtomicU64,
    pub(super) heard: AtomicU64,
    /// Skips of viewers who were too slow.
    pub(super) gaps: AtomicU64,
    pub(super) shown: AtomicU64,
    pub(super) offered: AtomicU64,
    pub(super) granted: AtomicU64,
    pub(super) progress: AtomicU64,
    pub(super) claimed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) quotes: AtomicU64,
    pub(super) orders: AtomicU64,
    pub(super) paid: AtomicU64,
    pub(super) compared: AtomicU64,
    pub(super) refused_at_till: AtomicU64,
    pub(super) quote_mismatches: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) asked_again: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) listed: AtomicU64,
}

/// How far the run is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stage {
    pub(super) began: Option<Instant>,
    /// How often all sockets were told to drop.
    pub(super) drops: u32,
    /// Pushes that the host has sent.
    pub(super) pushes: usize,
    /// Nobody can connect while they are shut.
    pub(super) doors_shut: bool,
    /// Nobody does anything new.
    pub(super) resting: bool,
    /// Everybody looks through what he has.
    pub(super) listing: bool,
    pub(super) over: bool,
}

#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: Arc<Target>,
    pub(super) shop: Id,
    pub(super) room: Id,
    pub(super) topic: Topic,
    pub(super) seed: u64,
    pub(super) viewers: usize,
    pub(super) quota: u32,
    pub(super) run: Duration,
    pub(super) clock: ServerClock,
    pub(super) counters: Counters,
    pub(super) claims: Tally,
    pub(super) others: Tally,
    /// From the host's push to a viewer's screen.
    pub(super) deliveries: Mutex<Latency>,
    pub(super) seen: Seen,
    pub(super) stage: watch::Sender<Stage>,
    pub(super) payments: mpsc::UnboundedSender<Payment>,
    /// Campaigns whose coupons may be gone at any moment.
    revoked: Mutex<[bool; CAMPAIGNS.len()]>,
    waves: Mutex<Vec<Wave>>,
    told: Mutex<Told>,
    stories: Mutex<Vec<Story>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a scene is made of.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) target: Arc<Target>,
    pub(super) shop: Id,
    pub(super) room: Id,
    pub(super) clock: ServerClock,
    pub(super) seed: u64,
    pub(super) viewers: usize,
    pub(super) quota: u32,
    pub(super) run: Duration,
    pub(super) payments: mpsc::UnboundedSender<Payment>,
}

impl Scene {
    pub(super) fn new(frame: Frame) -> Self {
        let Frame { target, shop, room, clock, seed, viewers, quota, run, payments } = frame;
        Self {
            topic: Topic::Room { shop: shop.clone(), room: room.clone() },
            target,
            shop,
            room,
            seed,
            viewers,
            quota,
            run,
            clock,
            counters: Counters::default(),
            claims: Tally::new(),
            others: Tally::new(),
            deliveries: Mutex::new(Latency::new()),
            seen: Seen::default(),
            stage: watch::Sender::new(Stage::default()),
            payments,
            revoked: Mutex::default(),
            waves: Mutex::default(),
            told: Mutex::default(),
            stories: Mutex::default(),
        }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        locked(&self.told)
    }

    pub(super) fn waves(&self) -> MutexGuard<'_, Vec<Wave>> {
        locked(&self.waves)
    }

    pub(super) fn stories(&self) -> MutexGuard<'_, Vec<Story>> {
        locked(&self.stories)
    }

    pub(super) fn latency(&self) -> MutexGuard<'_, Latency> {
        locked(&self.deliveries)
    }

    /// The push that a viewer was just shown, with its place where it is for everybody.
    pub(super) fn wave_of(
        &self,
        campaign: usize,
        place: Option<(&str, u64)>,
    ) -> Option<(usize, Instant)> {
        let followers = place.is_none();
        let mut waves = self.waves();
        let mut those = waves.iter_mut().enumerate().rev();
        let last = those.find(|(_, it)| it.campaign == campaign && it.followers == followers);
        last.map(|(number, wave)| {
            if let (None, Some((epoch, seq))) = (&wave.place, place) {
                wave.place = Some((epoch.into(), seq));
            }
            (number, wave.sent)
        })
    }

    pub(super) fn will_revoke(&self, campaign: usize) {
        locked(&self.revoked)[campaign] = true;
    }

    pub(super) fn is_revoked(&self, campaign: usize) -> bool {
        locked(&self.revoked)[campaign]
    }

    /// The server's clock now, in milliseconds.
    pub(super) fn server_ms(&self) -> f64 {
        self.clock.millis(Instant::now())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Stage)) {
        self.stage.send_modify(change);
    }

    pub(super) fn on_lost(&self, user: &str, error: &Error) {
        count(&self.counters.lost);
        if value(&self.counters.lost) <= LOST_TOLD {
            say(&format!("{user} lost his connection: {error:#}"));
        }
    }
}
