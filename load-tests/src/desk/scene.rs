//! What everybody at a desk shares: the shop's names, the run's times, and what the sockets were
//! told. Owns no behaviour.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Error;
use hawker_protocol::{Id, Request};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::ledger::DeskLedger;
use crate::audit::{Acks, Violations};
use crate::clock::ServerClock;
use crate::report::say;
use crate::run::Target;
use crate::tally::{Latency, Tally, count, value};

/// Lost connections that are told one by one.
const LOST_TOLD: u64 = 5;

/// The live counters of a run.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connected: AtomicU64,
    pub(super) said: AtomicU64,
    pub(super) heard: AtomicU64,
    pub(super) assigned: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) asked_again: AtomicU64,
    pub(super) unanswered: AtomicU64,
    /// Messages that a socket should have heard between two that it heard.
    pub(super) push_gaps: AtomicU64,
}

/// What the sockets were told, to be held against the feed.
#[derive(Debug, Default)]
pub(super) struct Told {
    acks: Acks,
    /// The words of accepted messages, by buyer and seq.
    pub(super) words: HashMap<(String, u64), String>,
    /// Who was told that a session is his, at which epoch.
    owners: HashMap<(u64, u32), String>,
    /// Whose session is whose buyer's.
    buyers: HashSet<(u64, String)>,
    doubled: u64,
    /// What no socket should have heard.
    violations: Violations,
}

#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: Arc<Target>,
    pub(super) shop: Id,
    pub(super) seed: u64,
    pub(super) agents: usize,
    pub(super) cap: u32,
    pub(super) run: Duration,
    pub(super) clock: ServerClock,
    pub(super) counters: Counters,
    /// Messages: what was said to them, and how late.
    pub(super) messages: Tally,
    pub(super) others: Tally,
    pub(super) delivered: Mutex<Latency>,
    pub(super) pings: Mutex<Latency>,
    told: Mutex<Told>,
    /// Nobody can connect while they are shut.
    pub(super) doors: watch::Sender<bool>,
    pub(super) began: watch::Sender<Option<Instant>>,
    /// Nobody does anything new.
    pub(super) resting: watch::Sender<bool>,
    pub(super) over: watch::Sender<bool>,
}

impl Scene {
    pub(super) fn new(
        (target, shop, clock): (Arc<Target>, Id, ServerClock),
        (agents, cap): (usize, u32),
        run: Duration,
        seed: u64,
    ) -> Self {
        Self {
            target,
            shop,
            seed,
            agents,
            cap,
            run,
            clock,
            counters: Counters::default(),
            messages: Tally::new(),
            others: Tally::new(),
            delivered: Mutex::new(Latency::new()),
            pings: Mutex::new(Latency::new()),
            told: Mutex::default(),
            doors: watch::Sender::new(true),
            began: watch::Sender::new(None),
            resting: watch::Sender::new(false),
            over: watch::Sender::new(false),
        }
    }

    pub(super) fn agent(&self, number: usize) -> String {
        format!("a{number}")
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    pub(super) fn is_resting(&self) -> bool {
        *self.resting.borrow()
    }

    /// A message of the other side reached its reader. Time counts from when the server took it.
    pub(super) fn on_delivered(&self, at_ms: i64) {
        count(&self.counters.heard);
        let took_ms = (self.clock.millis(Instant::now()) - at_ms as f64).max(0.0);
        let took = Duration::from_secs_f64(took_ms / 1_000.0);
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).record(took);
    }

    pub(super) fn on_lost(&self, user: &str, error: &Error) {
        count(&self.counters.lost);
        if value(&self.counters.lost) <= LOST_TOLD {
            say(&format!("{user} lost his connection: {error:#}"));
        }
    }
}

impl Told {
    /// A message was accepted, perhaps with words that can be compared.
    pub(super) fn on_said(
        &mut self,
        (user, command): (&str, Option<&Id>),
        (buyer, seq): (&str, u64),
        words: Option<String>,
    ) {
        if let Some(command) = command {
            self.acks.accepted(user, command.as_str(), Some(&format!("{buyer}/{seq}")));
        }
        if let Some(words) = words {
            self.words.insert((buyer.to_owned(), seq), words);
        }
    }

    /// A yes to a request that always leaves an event.
    pub(super) fn on_accepted(&mut self, user: &str, request: &Request) {
        let Some(command) = request.command_id() else { return };
        match request {
            // Nothing may have had to change, or somebody else had done it meanwhile.
            Request::ChatFaq(_)
            | Request::DeskStatus(_)
            | Request::DeskCap(_)
            | Request::DeskTake(_)
            | Request::DeskTransfer(_)
            | Request::DeskVerdict(_)
            | Request::ShopHoliday(_) => self.acks.already(user, command.as_str()),
            _ => self.acks.accepted(user, command.as_str(), None),
        }
    }

    pub(super) fn on_refused(&mut self, user: &str, request: &Request, code: &str) {
        if let Some(command) = request.command_id() {
            self.acks.refused(user, command.as_str(), code);
        }
    }

    /// An agent was told that a session is his. Two who are told so at one epoch both have it.
    pub(super) fn on_owner(&mut self, session: u64, epoch: u32, agent: &str) {
        let before = self.owners.insert((session, epoch), agent.to_owned());
        if let Some(other) = before.filter(|other| other != agent) {
            self.doubled += 1;
            let say = || format!("{other} and {agent} both have session {session} at {epoch}");
            self.violations.add(say);
        }
    }

    pub(super) fn on_session(&mut self, session: u64, buyer: &str) {
        self.buyers.insert((session, buyer.to_owned()));
    }

    pub(super) fn add(&mut self, what: impl FnOnce() -> String) {
        self.violations.add(what);
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acks.len()
    }

    /// What was said to sockets and is not in the feed: sentences, sessions that are lost by it,
    /// and sessions with two owners.
    pub(super) fn compare(&self, ledger: &DeskLedger) -> Compared {
        let mut found = self.violations.clone();
        let mut lost = self.acks.lost(&ledger.commands);
        let mut doubled = self.doubled;
        found.append(&self.acks.compare(&ledger.commands));
        for (session, buyer) in &self.buyers {
            if ledger.buyer_of(*session) != Some(buyer) {
                lost += 1;
                found.add(|| format!("session {session} of {buyer} is not in the feed"));
            }
        }
        for ((session, epoch), agent) in &self.owners {
            let owner = ledger.owner_at(*session, *epoch);
            if owner != Some(agent) {
                doubled += 1;
                let say = || format!("session {session} at {epoch} is {owner:?}'s, told {agent}");
                found.add(say);
            }
        }
        Compared { violations: found, lost, doubled }
    }
}

/// What the sockets' memory says against the feed.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) violations: Violations,
    pub(super) lost: u64,
    pub(super) doubled: u64,
}
