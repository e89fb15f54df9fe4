//! A room full of people who lose their connections together. Owns who stood where, when each comes
//! back, and what each was told on his return.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use hawker_protocol::reply::Welcome;
use serde::Deserialize;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Duration, Instant, sleep};

use crate::chance::Chance;
use crate::crowd::digest::Step;
use crate::crowd::entry::Entry;
use crate::crowd::{Crowd, Place, Position};
use crate::line;
use crate::report::rounded;
use crate::subject::{Hawker, Start};

/// As our TypeScript client backs off: at random up to twice as long each time.
const BACK_OFF_BASE_MS: f64 = 500.0;
const BACK_OFF_MAX_MS: f64 = 30_000.0;
/// Of somebody who has no patience.
const STORM_AGAIN: Duration = Duration::from_millis(20);
/// Whoever is not in by then counts as left out.
const GIVE_UP: Duration = Duration::from_secs(120);
const AT_A_TIME: usize = 64;

#[derive(Debug)]
pub(super) struct Wave {
    crowd: Arc<Crowd>,
    group: usize,
    hawker: Arc<Hawker>,
    seats: Vec<Seat>,
    pub(super) gathered_in: Duration,
    seed: u64,
}

/// Somebody's place, and what he needs to come back.
#[derive(Debug)]
struct Seat {
    number: usize,
    place: Place,
    entry: Entry,
    start: Start,
}

/// How everybody came back.
#[derive(Debug, Default)]
pub(super) struct Waved {
    after: Vec<Duration>,
    pub(super) attempts: u64,
    pub(super) recovered: usize,
    pub(super) last_failure: Option<String>,
}

/// How one came back.
#[derive(Debug, Default)]
struct Back {
    after: Option<Duration>,
    attempts: u64,
    recovered: bool,
    failure: Option<String>,
}

impl Waved {
    pub(super) fn rejoined(&self) -> usize {
        self.after.len()
    }

    /// Seconds until a share of all was in again.
    pub(super) fn share_s(&self, viewers: usize, share: f64) -> Option<f64> {
        let wanted = (viewers as f64 * share).ceil() as usize;
        let last = self.after.get(wanted.max(1) - 1)?;
        Some(rounded(last.as_secs_f64()))
    }

    fn add(&mut self, back: Back) {
        self.after.extend(back.after);
        self.attempts += back.attempts;
        self.recovered += usize::from(back.recovered);
        if back.failure.is_some() {
            self.last_failure = back.failure;
        }
    }
}

impl Wave {
    /// Gets everybody in, as fast as the server lets them.
    pub(super) async fn gather(
        crowd: &Arc<Crowd>,
        group: usize,
        hawker: &Hawker,
        viewers: usize,
        seed: u64,
    ) -> Result<Self> {
        let (began, hawker) = (Instant::now(), Arc::new(hawker.clone()));
        let (mut entering, mut seats) = (JoinSet::new(), Vec::with_capacity(viewers));
        for number in 0..viewers {
            if entering.len() >= AT_A_TIME
                && let Some(entered) = entering.join_next().await
            {
                seats.push(entered??);
            }
            let (crowd, hawker) = (Arc::clone(crowd), Arc::clone(&hawker));
            entering.spawn(async move { enter(&crowd, group, &hawker, number, seed).await });
        }
        while let Some(entered) = entering.join_next().await {
            seats.push(entered??);
        }
        let (crowd, gathered_in) = (Arc::clone(crowd), began.elapsed());
        Ok(Self { crowd, group, hawker, seats, gathered_in, seed })
    }

    /// Hangs up on all of them and waits until they are in again, or give up.
    pub(super) async fn drop_and_return(&mut self, storm: bool) -> Result<Waved> {
        let dropped = Instant::now();
        let mut returning = JoinSet::new();
        for Seat { number, place, mut entry, start } in self.seats.drain(..) {
            // The live room's people talk on the same thread: they must not wait for this.
            yield_now().await;
            let position = self.crowd.drop_viewer(place).unwrap_or_default();
            let start = Start { seq: position.seq.unwrap_or(start.seq), ..start };
            self.hawker.again(&mut entry, &start);
            let mut returner = Returner {
                crowd: Arc::clone(&self.crowd),
                group: self.group,
                entry,
                position,
                chance: Chance::branch(self.seed, number as u64),
            };
            returning.spawn(async move { returner.come_back(dropped, storm).await });
        }
        let mut waved = Waved::default();
        while let Some(back) = returning.join_next().await {
            waved.add(back?);
        }
        waved.after.sort_unstable();
        Ok(waved)
    }
}

async fn enter(
    crowd: &Crowd,
    group: usize,
    hawker: &Hawker,
    number: usize,
    seed: u64,
) -> Result<Seat> {
    let mut chance = Chance::branch(seed, number as u64);
    let (mut attempt, entry) = (0, hawker.entry(number).await?);
    let mut entrant = loop {
        // A server that paces its connections refuses some: come again, as our client does.
        match entry.enter().await {
            Ok(entrant) => break entrant,
            Err(error) if attempt == 8 => return Err(error.context(format!("viewer {number}"))),
            Err(_) => sleep(back_off(attempt, &mut chance)).await,
        }
        attempt += 1;
    };
    let start = Hawker::start(&mut entrant)?;
    Ok(Seat { number, place: crowd.admit(group, entrant)?, entry, start })
}

fn back_off(attempt: i32, chance: &mut Chance) -> Duration {
    let most = (BACK_OFF_BASE_MS * 2_f64.powi(attempt.min(16))).min(BACK_OFF_MAX_MS);
    Duration::from_secs_f64(chance.unit() * most / 1_000.0)
}

/// Somebody who lost his connection.
struct Returner {
    crowd: Arc<Crowd>,
    group: usize,
    entry: Entry,
    position: Position,
    chance: Chance,
}

impl Returner {
    async fn come_back(&mut self, dropped: Instant, storm: bool) -> Back {
        let mut back = Back::default();
        for attempt in 0.. {
            let wait = match (storm, attempt) {
                (true, 0) => Duration::ZERO,
                (true, _) => STORM_AGAIN,
                (false, attempt) => back_off(attempt, &mut self.chance),
            };
            sleep(wait).await;
            back.attempts += 1;
            match self.try_to_come_back().await {
                Ok(recovered) => {
                    back.after = Some(dropped.elapsed());
                    back.recovered = recovered;
                    return back;
                }
                Err(error) => back.failure = Some(format!("{error:#}")),
            }
            if dropped.elapsed() > GIVE_UP {
                break;
            }
        }
        back
    }

    async fn try_to_come_back(&mut self) -> Result<bool> {
        let mut entrant = self.entry.enter().await?;
        let welcome = std::mem::take(&mut entrant.welcome);
        let welcome: Welcome = line::ok(&welcome)?;
        let resumed = welcome.resumed.first().context("the welcome says nothing of the room")?;
        if let Some(error) = &resumed.error {
            bail!("the room does not go on: {}", error.code.as_str());
        }
        let mut position = self.position.clone();
        for missed in &resumed.missed {
            let Numbered { seq } = serde_json::from_str(missed.get())?;
            position.take(Step::Lines { first: seq, last: seq });
        }
        // What neither the lines nor a snapshot cover stays missed.
        let to = resumed.seq;
        if position.seq.is_none_or(|seq| seq < to) {
            position.take(Step::Gap { to, snapshot: resumed.snapshot.is_some() });
        }
        entrant.position = position;
        self.crowd.admit(self.group, entrant)?;
        Ok(resumed.recovered)
    }
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_back_off_at_random_and_longer_each_time() {
        let mut chance = Chance::new(1);
        for (attempt, most_ms) in [(0, 500), (1, 1_000), (6, 30_000), (40, 30_000)] {
            let waits: Vec<_> = (0..500).map(|_| back_off(attempt, &mut chance)).collect();
            assert!(waits.iter().all(|wait| *wait < Duration::from_millis(most_ms)));
            assert!(waits.iter().any(|wait| *wait > Duration::from_millis(most_ms * 9 / 10)));
        }
    }

    #[test]
    fn a_share_is_in_when_its_last_is_in_and_never_if_too_few_come() {
        let after = (1..=8).map(Duration::from_secs).collect();
        let waved = Waved { after, ..Waved::default() };
        assert_eq!(waved.share_s(10, 0.5), Some(5.0));
        assert_eq!(waved.share_s(10, 0.75), Some(8.0));
        assert_eq!(waved.share_s(10, 0.95), None);
    }
}
