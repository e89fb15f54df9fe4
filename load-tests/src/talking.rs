//! What goes on in a room while something else is measured: comments at their times, and changes of
//! a product that nobody may miss. Owns what goes on until it is told to stop.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

use crate::api::Api;
use crate::crowd::{Crowd, Position};
use crate::schedule::Schedule;
use crate::subject::Subject;

/// How much is planned at a time, and how long a stop may take.
const STEP: Duration = Duration::from_millis(500);
/// How long the last messages may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const PRODUCT: &str = "mug";

/// Comments that go on, on a thread of their own: what else a run does to its sockets must not
/// make the talkers late.
#[derive(Debug)]
pub(crate) struct Talking {
    over: watch::Sender<bool>,
    task: JoinHandle<Result<u64>>,
}

impl Talking {
    /// Returns when the talkers are connected.
    pub(crate) async fn start(
        subject: Arc<Subject>,
        seed: u64,
        schedule: Arc<Schedule>,
        rate: f64,
    ) -> Result<Self> {
        let (over, stop) = watch::channel(false);
        let (joined, here) = oneshot::channel();
        let task = tokio::task::spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let mut publisher = subject.publisher(seed).await?;
                // Nobody waits any more for a run that was given up.
                let _ = joined.send(());
                let (mut start, mut refused) = (Instant::now() + STEP / 10, 0);
                while !*stop.borrow() {
                    let row = schedule.plan(rate, STEP, start);
                    refused += publisher.publish(&row).await?;
                    start = row.end();
                }
                publisher.finish().await;
                Ok(refused)
            })
        });
        match here.await {
            Ok(()) => Ok(Self { over, task }),
            Err(_) => Err(task.await?.err().context("the talkers ended at once")?),
        }
    }

    /// Stops and returns how many messages were refused.
    pub(crate) async fn stop(self) -> Result<u64> {
        self.over.send_replace(true);
        self.task.await?
    }
}

/// Waits until everybody of a group has got all messages that were planned, or too long; returns
/// how many are missing.
pub(crate) async fn all_arrived(crowd: &Crowd, group: usize, schedule: &Schedule) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = crowd.missing(group, schedule.planned());
        if missing == 0 || Instant::now() > deadline {
            return missing;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A product of the room's bag that changes again and again: each change is CRITICAL.
#[derive(Debug)]
pub(crate) struct Changing {
    over: watch::Sender<bool>,
    task: JoinHandle<Result<u64>>,
}

impl Changing {
    /// Puts the product into the bag and begins.
    pub(crate) async fn start(api: Arc<Api>, room: &str, every: Duration) -> Result<Self> {
        change(&api, 0).await?;
        api.set_bag(room, &[PRODUCT.to_owned()]).await?;
        let (over, stop) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut pace = interval(every);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut changes = 0;
            while !*stop.borrow() {
                pace.tick().await;
                changes += 1;
                change(&api, changes).await?;
            }
            Ok(changes)
        });
        Ok(Self { over, task })
    }

    /// Stops and returns how often it changed.
    pub(crate) async fn stop(self) -> Result<u64> {
        self.over.send_replace(true);
        self.task.await?
    }
}

async fn change(api: &Api, number: u64) -> Result<()> {
    let sku = format!("{PRODUCT}-white");
    api.put_product(PRODUCT, &format!("Mug {number}"), &[sku], 1_200).await
}

/// CRITICAL lines that some reader neither got nor had a snapshot instead of. Waits a while for
/// those who are still behind.
pub(crate) async fn lost_critical(crowd: &Crowd, group: usize, witness: usize) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let critical = crowd.critical(witness);
        let newest = critical.last().copied().unwrap_or(0);
        let positions = crowd.positions(group);
        let behind = positions.iter().any(|position| position.seq.unwrap_or(0) < newest);
        if !behind || Instant::now() > deadline {
            let lost = |position: &Position| {
                let seq = position.seq.unwrap_or(0);
                position.lost_among(&critical) + critical.range(seq + 1..).count() as u64
            };
            return positions.iter().map(lost).sum();
        }
        sleep(Duration::from_millis(50)).await;
    }
}
