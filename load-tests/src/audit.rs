//! The audit after a run: reads the whole event feed and counts everything again, by itself.
//! Owns the verdict; a run whose audit failed has no other figures.

mod commands;
mod entry;
mod ledger;
mod orders;
mod seen;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant, sleep};

pub(crate) use commands::{Acks, Commands};
pub(crate) use ledger::Ledger;
pub(crate) use seen::{Seen, Sequence};

use crate::api::Api;

/// Kept in full; the rest are only counted.
const VIOLATIONS_KEPT: usize = 50;
/// How long the last pushes may take to agree with the feed.
const AGREEMENT: Duration = Duration::from_secs(10);

/// What is wrong, in sentences.
#[derive(Debug, Default, Clone)]
pub(crate) struct Violations {
    pub(crate) kept: Vec<String>,
    pub(crate) count: u64,
}

impl Violations {
    pub(crate) fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < VIOLATIONS_KEPT {
            self.kept.push(what());
        }
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.count += other.count;
        let room = VIOLATIONS_KEPT.saturating_sub(self.kept.len());
        self.kept.extend(other.kept.iter().take(room).cloned());
    }
}

/// One event of the feed, its text borrowed from the page.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    pub(crate) version: u64,
    pub(crate) index: u32,
    pub(crate) at: i64,
    pub(crate) user: Option<&'a str>,
    pub(crate) command_id: Option<&'a str>,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
}

impl<'a> Event<'a> {
    /// The name of an event of a vocabulary of its own, such as the desk's, and its fields.
    pub(crate) fn named(&self) -> Result<(&'a str, &'a RawValue)> {
        let named: BTreeMap<&'a str, &'a RawValue> = serde_json::from_str(self.data.get())?;
        let mut named = named.into_iter();
        let first = named.next().context("an event without a name")?;
        anyhow::ensure!(named.next().is_none(), "an event with two names");
        Ok(first)
    }
}

#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
    next: u64,
    end: bool,
}

/// What is counted while a feed is read.
pub(crate) trait Books: Default {
    /// Takes in the next event. An error means that the event itself could not be read.
    fn on_event(&mut self, event: &Event<'_>) -> Result<()>;
}

/// The audit of stock, orders and payments.
pub(crate) type Audit = Feed<Ledger>;

/// Follows a shop's feed from its beginning.
#[derive(Debug)]
pub(crate) struct Feed<B> {
    pub(crate) ledger: B,
    after: Option<u64>,
    /// FNV-1a over every event read: equal for equal histories.
    pub(crate) hash: u64,
    pub(crate) events: u64,
    /// What another reading of the feed has found, to be compared on the way.
    expected: Option<Reading>,
    prefix_changed: bool,
}

/// A feed up to some event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) events: u64,
    pub(crate) hash: u64,
}

impl<B: Books> Feed<B> {
    pub(crate) fn new() -> Self {
        Self {
            ledger: B::default(),
            after: None,
            hash: FNV_START,
            events: 0,
            expected: None,
            prefix_changed: false,
        }
    }

    /// An audit of a feed that must begin as it did when it was read before.
    pub(crate) fn again(before: Reading) -> Self {
        Self { expected: Some(before), ..Self::new() }
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading { events: self.events, hash: self.hash }
    }

    /// Whether what was read before is still there, event for event.
    pub(crate) fn begins_as_before(&self) -> bool {
        let reached = self.expected.is_none_or(|before| self.events >= before.events);
        reached && !self.prefix_changed
    }

    /// Reads on to the present end of the feed.
    pub(crate) async fn read(&mut self, api: &Api) -> Result<()> {
        loop {
            let body = api.events(self.after, 1_000).await?;
            if self.on_page(&body)? {
                return Ok(());
            }
        }
    }

    /// Whether the page was the last one.
    pub(crate) fn on_page(&mut self, body: &[u8]) -> Result<bool> {
        let page: Page<'_> = serde_json::from_slice(body).context("a page of the event feed")?;
        for event in &page.events {
            self.on_event(event)?;
        }
        let stuck = page.events.is_empty() && !page.end;
        anyhow::ensure!(!stuck, "the feed has an empty page that is not its end");
        self.after = Some(page.next);
        Ok(page.end)
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<()> {
        self.events += 1;
        self.hash = fnv(self.hash, &event.version.to_le_bytes());
        self.hash = fnv(self.hash, &event.index.to_le_bytes());
        self.hash = fnv(self.hash, event.command_id.unwrap_or_default().as_bytes());
        self.hash = fnv(self.hash, event.kind.as_bytes());
        self.hash = fnv(self.hash, event.data.get().as_bytes());
        if let Some(before) = self.expected
            && before.events == self.events
        {
            self.prefix_changed |= before.hash != self.hash;
        }
        let read = self.ledger.on_event(event);
        read.with_context(|| format!("event {}.{} {}", event.version, event.index, event.kind))
    }
}

impl Audit {
    /// Reads on until the sockets' last word about each item is what the feed says, and says
    /// where they still differ after a while.
    pub(crate) async fn agree(&mut self, api: &Api, seen: &Seen) -> Result<Violations> {
        let deadline = Instant::now() + AGREEMENT;
        loop {
            self.read(api).await?;
            let differences = seen.compare(&self.ledger);
            if differences.count == 0 || Instant::now() > deadline {
                return Ok(differences);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Everything that is wrong with the feed, and with it beside what was acknowledged.
    pub(crate) fn violations(&self, acks: &Acks) -> Violations {
        let mut found = self.ledger.violations.clone();
        found.append(&acks.compare(&self.ledger.commands));
        found
    }
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(hash, step)
}

#[cfg(test)]
mod tests;
