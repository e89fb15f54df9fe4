//! The engine: one writer per shop. Takes commands down to the domain and the journal, and lets
//! answers and changes out only against proof that the journal has them. Owns when things happen;
//! never what is allowed.

mod batch;
mod directory;
mod mailbox;
mod recovery;
mod remembered;
mod shop_task;
mod snapshot;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::command::{Actor, Command};
use hawker_domain::event::{Entry, Event};
use hawker_domain::id::{CommandId, RoomId, ShopId};
use hawker_domain::rejection::Rejection;
use hawker_domain::shop::{Pulse, Shop};
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::{Change, Ephemeral};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::journal::{self, Committed, Document, Journal, Lease, Position, Record, Version};
use remembered::Place;

/// Records of a quiet shop that are read in one go for the feed.
const READ_AHEAD_MAX: usize = 64;

/// Figures of the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Commands that may wait for one shop; past it callers hear `busy`.
    pub mailbox_commands_max: usize,
    /// Commands decided into one batch. 1,024 claims are some 300 kB of journal: large enough to
    /// make the sync a small part, small enough to keep answers quick.
    pub batch_commands_max: usize,
    /// Timers fired between two batches.
    pub timers_max: usize,
    /// How long an accepted command's answer is remembered.
    pub remember: Duration,
    /// A shop without open rooms, without agents and without requests leaves memory after this.
    pub idle: Duration,
    /// Panics within `panic_window` after which a shop is quarantined.
    pub panics_max: usize,
    pub panic_window: Duration,
    pub quarantine: Duration,
    /// Batches between two snapshots of a shop that stays in memory.
    pub snapshot_batches: u64,
    /// A snapshot is one value of the store, and all shops' commits wait while it is written.
    pub snapshot_bytes_max: usize,
    /// How long a journal may refuse a batch that it never had before the batch is given up and
    /// its callers hear `unavailable`. A batch that it may have is never given up.
    pub refused_max: Duration,
    /// Kept comments of each room on air that are read back when a shop is loaded: as many as
    /// late joiners are shown.
    pub recalled_comments_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mailbox_commands_max: 4_096,
            batch_commands_max: 1_024,
            timers_max: 512,
            remember: Duration::from_secs(24 * 3_600),
            idle: Duration::from_secs(600),
            panics_max: 3,
            panic_window: Duration::from_secs(5),
            quarantine: Duration::from_secs(60),
            snapshot_batches: 10_000,
            snapshot_bytes_max: journal::SNAPSHOT_BYTES_MAX,
            refused_max: Duration::from_secs(2),
            recalled_comments_max: 50,
        }
    }
}

impl Options {
    fn remember_span(&self) -> SpanMs {
        SpanMs(u64::try_from(self.remember.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A command and who waits for it until when.
#[derive(Debug)]
pub struct Submission {
    pub shop: ShopId,
    pub actor: Actor,
    pub command: Command,
    /// Without one nobody will ask for the same again, and nothing is remembered of it: read
    /// marks, typing, the links of agents.
    pub identity: Option<CommandIdentity>,
    /// Past this nobody waits any more: a command not yet decided is refused.
    pub deadline: Instant,
}

/// What makes a repetition recognisable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandIdentity {
    pub command: CommandId,
    pub payload_hash: u64,
}

/// What came of a command, once it is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Accepted(Box<Answer>),
    Refused(Rejection),
}

/// A yes: enough to tell the caller, the first time and at every repetition.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub at: Millis,
    pub events: Vec<Event>,
    /// What the command was about: see `Shop::result_of`.
    pub result: Option<Change>,
    /// The claim found a hold of the same buyer and quantity; `result` is that hold.
    pub existing: bool,
}

/// The outcome of a command that has been queued.
pub type Verdict = Pin<Box<dyn Future<Output = Result<Outcome, Error>> + Send>>;

/// Why there is no outcome. Nothing is known to have changed, except after `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the shop has too many requests waiting: try again in a moment")]
    Busy,
    #[error("the request waited longer than its deadline and was not carried out")]
    Timeout,
    #[error("the shop cannot be served now")]
    Unavailable,
    #[error("another server serves this shop now: ask there, or here again in a moment")]
    Elsewhere,
    #[error("it is not known whether the command was carried out: ask again with the same id")]
    Unknown,
    #[error("the shop changed hands: ask again with the same id")]
    Retry,
    #[error("this command id was used before with another payload")]
    IdempotencyConflict,
    #[error("the server is shutting down: ask again with the same id")]
    Stopping,
}

/// Who hears of what was committed. The only way from the engine to the outside, and it asks for
/// a [`Committed`] or takes what was never meant to last.
pub trait CommitSink: Send + Sync + 'static {
    /// The shop has been read from the journal and is about to serve, under this lease.
    fn restored(&self, lease: &Lease, shop: &Shop);

    /// The shop leaves memory: nobody asks for it, and none of its rooms is on air. When it is
    /// asked for again it is `restored` first, under another lease.
    fn unloaded(&self, lease: &Lease);

    /// This batch is durable; `changes` are the newest views of what it touched.
    fn committed(&self, committed: &Committed, changes: Vec<Change>);

    /// Comments, counters, typing and places in a queue: what nobody keeps.
    fn passing(&self, shop: &ShopId, passing: Vec<Ephemeral>);
}

/// Where shops should run, as the node knows it.
pub trait Placement: Send + Sync + 'static {
    /// Whether a shop that nobody asked for, but that is due, is to be woken in this process.
    fn is_here(&self, shop: &ShopId) -> bool;

    /// The shop was given back because this process stops: another may have it at once.
    fn released(&self, shop: &ShopId);
}

/// The placement of a process that shares its journal with nobody.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Placement for Alone {
    fn is_here(&self, _: &ShopId) -> bool {
        true
    }

    fn released(&self, _: &ShopId) {}
}

/// The way in. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    directory: Arc<directory::Directory>,
}

impl Engine {
    /// Starts nothing but the look at the due index; shops wake when they are asked.
    pub fn start(
        options: Options,
        clock: Clock,
        journal: Arc<dyn Journal>,
        sink: Arc<dyn CommitSink>,
    ) -> Self {
        Self::start_among(options, clock, journal, sink, Arc::new(Alone))
    }

    /// The same on a node among others.
    pub fn start_among(
        options: Options,
        clock: Clock,
        journal: Arc<dyn Journal>,
        sink: Arc<dyn CommitSink>,
        placement: Arc<dyn Placement>,
    ) -> Self {
        let directory = directory::Directory::new(options, clock, journal, sink, placement);
        Self { directory: directory::Directory::start(directory) }
    }

    /// Whether this process serves the shop now.
    pub fn has(&self, shop: &ShopId) -> bool {
        self.directory.has(shop)
    }

    /// The shops that this process serves now, each with the epoch of its lease.
    pub fn served(&self) -> Vec<(ShopId, u64)> {
        self.directory.served()
    }

    /// Resolves once this process serves the shop, or with what stands in the way: `Held` names the
    /// server that has it.
    pub async fn claim(&self, shop: &ShopId) -> Result<(), journal::Error> {
        self.directory.claim(shop).await
    }

    /// Queues a command before it returns, so that whoever calls decides the order; the verdict
    /// comes when the journal has given its own.
    pub fn submit(&self, submission: Submission) -> Verdict {
        let (heard, verdict) = oneshot::channel();
        self.submit_to(submission, move |outcome| {
            // Whoever asked may have gone: he will ask again with the same command id.
            let _ = heard.send(outcome);
        });
        Box::pin(async move { verdict.await.unwrap_or(Err(Error::Unknown)) })
    }

    /// The same for a caller who has a place for the verdict and needs no task to wait for it.
    /// `hear` runs on the shop's own task: it must pass the verdict on and do nothing else.
    pub fn submit_to(
        &self,
        submission: Submission,
        hear: impl FnOnce(Result<Outcome, Error>) + Send + 'static,
    ) {
        let shop = submission.shop.clone();
        let engine = self.clone();
        let reply = mailbox::Reply::new(move |told| match told {
            Ok(mailbox::Told::Outcome(outcome)) => hear(Ok(outcome)),
            Ok(mailbox::Told::Repeated { submission, place }) => {
                tokio::spawn(async move { hear(engine.read_back(*submission, place).await) });
            }
            Err(error) => hear(Err(error)),
        });
        let work = mailbox::Work::Command { submission: Box::new(submission), reply };
        // `hear` has been told what there is to tell, also of work that was not taken.
        let _ = self.directory.send(&shop, work);
    }

    /// The answer of a repeated command: its events from the record that made them durable, and
    /// what it was about as its shop has it now.
    async fn read_back(&self, submission: Submission, place: Place) -> Result<Outcome, Error> {
        let Submission { shop, actor, command, .. } = submission;
        let record = self.directory.journal().record(&shop, place.version).await;
        let record = record.map_err(|error| {
            tracing::warn!(%shop, %error, "a remembered answer cannot be read");
            Error::Unavailable
        })?;
        let mut entries = record.map(|record| record.entries).unwrap_or_default();
        if place.index >= entries.len() {
            tracing::error!(%shop, ?place, "a remembered answer is not in the journal");
            return Err(Error::Unavailable);
        }
        let Entry { at, events, .. } = entries.swap_remove(place.index);
        let told = events.clone();
        let result =
            self.query(&shop, move |shop, _| shop.result_of(&actor, &command, &told, at)).await?;
        Ok(Outcome::Accepted(Box::new(Answer { at, events, result, existing: false })))
    }

    /// Asks a shop. The answer leaves together with the batch it was taken in, so that it never
    /// shows what is not durable.
    pub async fn query<T, F>(&self, shop: &ShopId, question: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Shop, Millis) -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(move |shop: &Shop, now: Millis| {
            let value = question(shop, now);
            let release: mailbox::Release = Box::new(move |verdict: Result<(), Error>| {
                // Whoever asked may have gone; then nobody misses the answer.
                let _ = reply.send(verdict.map(|()| value));
            });
            release
        });
        self.directory.send(shop, mailbox::Work::Query { ask })?;
        answer.await.unwrap_or(Err(Error::Unavailable))
    }

    /// Reports what a room's viewers did in the last second. Merged with what waits already, so
    /// it never makes a shop busy.
    pub fn pulse(&self, shop: &ShopId, room: &RoomId, pulse: Pulse) {
        self.directory.pulse(shop, room, pulse);
    }

    /// Reads a document without waking its shop.
    pub async fn document(
        &self,
        shop: &ShopId,
        key: &str,
    ) -> Result<Option<Vec<u8>>, journal::Error> {
        self.directory.journal().document(shop, key).await
    }

    /// Reads documents in key order without waking their shop.
    pub async fn documents(
        &self,
        shop: &ShopId,
        prefix: &str,
        after: Option<&str>,
        documents_max: usize,
    ) -> Result<Vec<Document>, journal::Error> {
        self.directory.journal().documents(shop, prefix, after, documents_max).await
    }

    /// The shop's history after a version, for the feed: whole records, the last of which brings
    /// them to `events_max` events, or up to the end. A batch may hold a thousand events or one, so
    /// no more is read ahead than what was read so far suggests.
    pub async fn records(
        &self,
        shop: &ShopId,
        after: Version,
        events_max: usize,
    ) -> Result<Vec<Record>, journal::Error> {
        let journal = self.directory.journal();
        let (mut records, mut events) = (Vec::<Record>::new(), 0);
        while events < events_max {
            let next = match records.last() {
                None => journal.record(shop, after + 1).await?.into_iter().collect(),
                Some(last) => {
                    let of_each = (events / records.len()).max(1);
                    let wanted = (events_max - events).div_ceil(of_each).min(READ_AHEAD_MAX);
                    journal.read(shop, last.position, wanted).await?
                }
            };
            if next.is_empty() {
                break;
            }
            events += next.iter().map(events_of).sum::<usize>();
            records.extend(next);
        }
        Ok(records)
    }

    /// Where the shop's history ends.
    pub async fn position(&self, shop: &ShopId) -> Result<Position, journal::Error> {
        self.directory.journal().position(shop).await
    }

    /// Tells of each new version while the shop is in memory.
    pub fn versions(&self, shop: &ShopId) -> Result<watch::Receiver<Version>, Error> {
        self.directory.versions(shop)
    }

    /// Tells each time the shop was read into memory anew, by the epoch of its lease; 0 while it
    /// is being read. Each such time no agent is connected any more as far as the shop knows, also
    /// where the process and its sockets went on: who holds the socket of an agent **must** then
    /// submit `DeskCommand::Connect` again, under a fresh command id, or the agent counts as gone
    /// when his grace is over. The end of the channel means that the shop has left memory, which
    /// it does not do while an agent is connected: ask for another one.
    pub fn reigns(&self, shop: &ShopId) -> Result<watch::Receiver<u64>, Error> {
        self.directory.reigns(shop)
    }

    pub async fn shops(
        &self,
        after: Option<&ShopId>,
        shops_max: usize,
    ) -> Result<Vec<ShopId>, journal::Error> {
        self.directory.journal().shops(after, shops_max).await
    }

    /// Takes no more, finishes what is decided, and returns when every shop is out of memory.
    pub async fn stop(&self) {
        self.directory.stop().await;
    }
}

fn events_of(record: &Record) -> usize {
    record.entries.iter().map(|entry| entry.events.len()).sum()
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
