//! The shops in memory: wakes them, watches over their tasks, quarantines one that keeps
//! panicking. Owns no shop's state.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use hawker_domain::id::{RoomId, ShopId};
use hawker_domain::shop::Pulse;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::mailbox::{Inbox, Mailbox, Pulses, Returned, Work, mailbox};
use super::recovery::recover;
use super::shop_task::{Doors, Ended, Surroundings, serve, turn_away};
use super::{CommitSink, Error, Options, Placement};
use crate::clock::Clock;
use crate::journal::{self, Journal, Version};

/// How many due shops one look wakes; the rest is due at the next look too.
const DUE_SHOPS_MAX: usize = 256;

/// Between two attempts to read a shop: a journal that is down is not asked in a tight loop.
const RELOAD_PAUSE: Duration = Duration::from_millis(100);

/// A shop that somebody else has is asked for so often while anybody wants it: it may be free the
/// next moment.
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause before a journal that does not answer is asked again.
const SILENT_PAUSE_MAX: Duration = Duration::from_millis(500);

/// The longest pause, also for a shop that somebody has to mend first.
const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct Directory {
    around: Surroundings,
    shops: DashMap<ShopId, Entrance>,
    tasks: TaskTracker,
}

/// The way to one shop in memory.
#[derive(Clone)]
struct Entrance {
    mailbox: Mailbox,
    pulses: Arc<Pulses>,
    versions: watch::Receiver<Version>,
    reigns: watch::Receiver<u64>,
    /// Why the shop is not served, as long as it is not.
    obstacles: watch::Receiver<Option<journal::Error>>,
}

/// When a shop's task panicked lately.
#[derive(Default)]
struct Panics(VecDeque<Instant>);

impl Directory {
    pub(super) fn new(
        options: Options,
        clock: Clock,
        journal: Arc<dyn Journal>,
        sink: Arc<dyn CommitSink>,
        placement: Arc<dyn Placement>,
    ) -> Self {
        let (options, stop) = (Arc::new(options), CancellationToken::new());
        let around = Surroundings { options, clock, journal, sink, placement, stop };
        Self { around, shops: DashMap::new(), tasks: TaskTracker::new() }
    }

    pub(super) fn start(self) -> Arc<Self> {
        let directory = Arc::new(self);
        directory.tasks.spawn(wake_due_shops(directory.clone()));
        directory
    }

    pub(super) fn journal(&self) -> &Arc<dyn Journal> {
        &self.around.journal
    }

    /// A command that is not taken has told its caller.
    pub(super) fn send(self: &Arc<Self>, shop: &ShopId, mut work: Work) -> Result<(), Error> {
        loop {
            let entrance = match self.entrance(shop) {
                Ok(entrance) => entrance,
                Err(error) => return refused(work, error),
            };
            match entrance.mailbox.post(work) {
                Ok(()) => return Ok(()),
                Err(Returned::Full(work)) => return refused(work, Error::Busy),
                Err(Returned::Gone(returned)) => {
                    self.forget(shop, &entrance.mailbox);
                    work = returned;
                }
            }
        }
    }

    pub(super) fn pulse(self: &Arc<Self>, shop: &ShopId, room: &RoomId, pulse: Pulse) {
        if let Ok(entrance) = self.entrance(shop) {
            entrance.pulses.add(room, pulse);
        }
    }

    pub(super) fn versions(
        self: &Arc<Self>,
        shop: &ShopId,
    ) -> Result<watch::Receiver<Version>, Error> {
        Ok(self.entrance(shop)?.versions)
    }

    pub(super) fn reigns(self: &Arc<Self>, shop: &ShopId) -> Result<watch::Receiver<u64>, Error> {
        Ok(self.entrance(shop)?.reigns)
    }

    /// Whether the shop is served here now.
    pub(super) fn has(&self, shop: &ShopId) -> bool {
        self.shops.get(shop).is_some_and(|entrance| *entrance.reigns.borrow() != 0)
    }

    /// The shops that are served here now, and under which reign.
    pub(super) fn served(&self) -> Vec<(ShopId, u64)> {
        let reign = |entrance: &Entrance| *entrance.reigns.borrow();
        let all = self.shops.iter().map(|entry| (entry.key().clone(), reign(entry.value())));
        all.filter(|(_, reign)| *reign != 0).collect()
    }

    /// Wakes the shop and waits until it is served here, or until something stands in the way.
    pub(super) async fn claim(self: &Arc<Self>, shop: &ShopId) -> Result<(), journal::Error> {
        let stopping = || journal::Error::Unavailable(Error::Stopping.to_string());
        loop {
            let Entrance { mailbox, mut reigns, mut obstacles, .. } =
                self.entrance(shop).map_err(|_| stopping())?;
            // Asked for, so that it is tried again soon where it is not served.
            match mailbox.post(Work::Wake) {
                Ok(()) | Err(Returned::Full(_)) => {}
                Err(Returned::Gone(_)) => {
                    self.forget(shop, &mailbox);
                    continue;
                }
            }
            tokio::select! {
                biased;
                served = reigns.wait_for(|reign| *reign != 0) => {
                    if served.is_ok() {
                        return Ok(());
                    }
                }
                obstacle = obstacles.wait_for(Option::is_some) => {
                    if let Ok(Some(error)) = obstacle.as_deref() {
                        return Err(error.clone());
                    }
                }
            }
            // It has left memory meanwhile.
            self.forget(shop, &mailbox);
        }
    }

    pub(super) async fn stop(&self) {
        self.around.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The shop's entrance; wakes the shop if it sleeps.
    fn entrance(self: &Arc<Self>, shop: &ShopId) -> Result<Entrance, Error> {
        if let Some(entrance) = self.shops.get(shop) {
            return Ok(entrance.clone());
        }
        if self.around.stop.is_cancelled() {
            return Err(Error::Stopping);
        }
        let entrance = self.shops.entry(shop.clone()).or_insert_with(|| self.open(shop));
        Ok(entrance.clone())
    }

    fn open(self: &Arc<Self>, shop: &ShopId) -> Entrance {
        let (mailbox, inbox) = mailbox(self.around.options.mailbox_commands_max);
        let pulses = Arc::new(Pulses::default());
        let (version, versions) = watch::channel(0);
        let (reign, reigns) = watch::channel(0);
        let (obstacle, obstacles) = watch::channel(None);
        let doors = Doors {
            inbox: Arc::new(inbox),
            pulses: pulses.clone(),
            versions: version,
            reigns: reign,
            obstacle,
        };
        let entrance = Entrance { mailbox: mailbox.clone(), pulses, versions, reigns, obstacles };
        self.tasks.spawn(supervise(self.clone(), shop.clone(), mailbox, doors));
        entrance
    }

    fn forget(&self, shop: &ShopId, mailbox: &Mailbox) {
        self.shops.remove_if(shop, |_, entrance| entrance.mailbox.same(mailbox));
    }
}

/// Keeps one shop served until it is idle or the server stops. A panic or a lost lease costs the
/// shop its memory, which the journal gives back; other shops notice nothing.
fn refused(work: Work, error: Error) -> Result<(), Error> {
    turn_away(work, error);
    Err(error)
}

async fn supervise(directory: Arc<Directory>, shop: ShopId, mailbox: Mailbox, doors: Doors) {
    let around = &directory.around;
    let (mut panics, mut unread) = (Panics::default(), Unread::default());
    metrics::gauge!("hawker_shops_loaded").increment(1.0);
    loop {
        let run = tokio::spawn(recover_and_serve(around.clone(), doors.clone(), shop.clone()));
        let ended = run.await;
        doors.reigns.send_replace(0);
        match ended {
            Ok(Ended::Idle | Ended::Stopped) => break,
            Ok(Ended::Reload(error)) => {
                tracing::warn!(%shop, %error, "the shop is read again from the journal");
                unread = Unread::default();
                rest(around, &doors.inbox, RELOAD_PAUSE, Error::Unavailable).await;
            }
            Ok(Ended::Unread(error)) => {
                let (pause, answer) = unread.note(&shop, &error);
                doors.obstacle.send_replace(Some(error));
                let was_asked = rest(around, &doors.inbox, pause, answer).await;
                if !was_asked && answer == Error::Elsewhere {
                    break;
                }
            }
            Err(error) => {
                metrics::counter!("hawker_shop_panics_total").increment(1);
                tracing::error!(%shop, %error, "the shop's task panicked");
                if panics.are_too_many(&around.options) {
                    tracing::error!(%shop, "the shop is quarantined");
                    let time = around.options.quarantine;
                    rest(around, &doors.inbox, time, Error::Unavailable).await;
                }
            }
        }
        if around.stop.is_cancelled() {
            break;
        }
    }
    metrics::gauge!("hawker_shops_loaded").decrement(1.0);
    directory.forget(&shop, &mailbox);
    // Work that slipped in before the entrance was gone finds the shop's next task.
    while let Some(work) = doors.inbox.try_next() {
        if around.stop.is_cancelled() {
            turn_away(work, Error::Stopping);
        } else if let Err(error) = directory.send(&shop, work) {
            tracing::debug!(%shop, %error, "work for a shop that left memory was turned away");
        }
    }
}

async fn recover_and_serve(around: Surroundings, doors: Doors, shop: ShopId) -> Ended {
    match recover(&around.journal, &shop, &around.options).await {
        Ok(recovered) => serve(around, doors, recovered).await,
        Err(error) => Ended::Unread(error),
    }
}

/// Answers `answer` for a while instead of serving. Says whether anybody heard it.
async fn rest(around: &Surroundings, inbox: &Inbox, time: Duration, answer: Error) -> bool {
    let until = Instant::now() + time;
    let mut was_asked = false;
    loop {
        tokio::select! {
            work = inbox.next() => match work {
                Some(work) => {
                    was_asked = true;
                    turn_away(work, answer);
                }
                None => return was_asked,
            },
            () = tokio::time::sleep_until(until) => return was_asked,
            () = around.stop.cancelled() => return was_asked,
        }
    }
}

/// Looks each second for shops that time has caught up with, loaded or not, so that a sleeping
/// shop still cancels its orders.
async fn wake_due_shops(directory: Arc<Directory>) {
    let around = &directory.around;
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let mut was_read = true;
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = around.stop.cancelled() => return,
        }
        let due = around.journal.due(around.clock.now(), DUE_SHOPS_MAX).await;
        match &due {
            Ok(shops) => shops.iter().for_each(|shop| wake(&directory, shop)),
            Err(error) if was_read => log_due_error(error),
            Err(_) => {}
        }
        was_read = due.is_ok();
    }
}

fn wake(directory: &Arc<Directory>, shop: &ShopId) {
    if directory.shops.contains_key(shop) || !directory.around.placement.is_here(shop) {
        return;
    }
    if let Err(error) = directory.send(shop, Work::Wake) {
        tracing::debug!(%shop, %error, "a due shop was not woken, the next look tries again");
    }
}

fn log_due_error(error: &journal::Error) {
    tracing::warn!(%error, "the due index cannot be read, each second's look tries again");
}

/// How often a shop could not be read, one time after the other.
#[derive(Default)]
struct Unread(u32);

impl Unread {
    /// Counts it, logs the first, and says how long to pause and what callers hear meanwhile.
    fn note(&mut self, shop: &ShopId, error: &journal::Error) -> (Duration, Error) {
        let (reason, answer) = match error {
            journal::Error::Held { .. } => ("held", Error::Elsewhere),
            journal::Error::Unavailable(_) | journal::Error::Unknown(_) => {
                ("unavailable", Error::Unavailable)
            }
            journal::Error::LeaseLost { .. } | journal::Error::LeaseLapsed => {
                ("lease_lost", Error::Unavailable)
            }
            journal::Error::Backward { .. } | journal::Error::Conflict { .. } => {
                ("backward", Error::Unavailable)
            }
            journal::Error::Corrupt { .. } => ("corrupt", Error::Unavailable),
        };
        metrics::counter!("hawker_shop_reads_failed_total", "reason" => reason).increment(1);
        if answer == Error::Elsewhere {
            tracing::debug!(%shop, %error, "the shop is not ours");
        } else if self.0 == 0 {
            tracing::warn!(%shop, %error, "the shop cannot be read, and is tried again");
        }
        let doubled = RELOAD_PAUSE * (1 << self.0.min(6));
        self.0 = self.0.saturating_add(1);
        match reason {
            "held" => (HELD_PAUSE, answer),
            "unavailable" | "lease_lost" => (doubled.min(SILENT_PAUSE_MAX), answer),
            _ => (doubled.min(RELOAD_PAUSE_MAX), answer),
        }
    }
}

impl Panics {
    fn are_too_many(&mut self, options: &Options) -> bool {
        let now = Instant::now();
        self.0.push_back(now);
        while self.0.front().is_some_and(|at| now.duration_since(*at) > options.panic_window) {
            self.0.pop_front();
        }
        self.0.len() >= options.panics_max
    }
}
