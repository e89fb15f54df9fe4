//! A shop's queue of work: bounded, many senders, one receiver. Full is an answer, not a wait.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::remembered::Place;
use super::{Error, Outcome, Submission};
use hawker_domain::id::RoomId;
use hawker_domain::shop::{Pulse, Shop};
use hawker_domain::time::Millis;

/// Lets an answer out, or says why there is none.
pub(super) type Release = Box<dyn FnOnce(Result<(), Error>) + Send>;
type Ask = Box<dyn FnOnce(&Shop, Millis) -> Release + Send>;
type Hear = Box<dyn FnOnce(Result<Told, Error>) + Send>;

/// Where a command's verdict goes. Dropped without one, it says that the outcome is not known.
pub(super) struct Reply(Option<Hear>);

/// What a shop tells a caller.
#[derive(Debug)]
pub(super) enum Told {
    Outcome(Outcome),
    /// The command was accepted before, there; the caller reads his answer himself.
    Repeated {
        submission: Box<Submission>,
        place: Place,
    },
}

pub(super) enum Work {
    Command {
        submission: Box<Submission>,
        reply: Reply,
    },
    Query {
        ask: Ask,
    },
    /// Nothing to do but to be awake: something is due, or somebody wants to hear of versions.
    Wake,
}

impl Reply {
    /// `hear` runs on the shop's own task: it passes the verdict on and does nothing else.
    pub(super) fn new(hear: impl FnOnce(Result<Told, Error>) + Send + 'static) -> Self {
        Self(Some(Box::new(hear)))
    }

    pub(super) fn send(mut self, verdict: Result<Told, Error>) {
        if let Some(hear) = self.0.take() {
            hear(verdict);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(hear) = self.0.take() {
            hear(Err(Error::Unknown));
        }
    }
}

/// The sending side, shared by all connections.
#[derive(Debug, Clone)]
pub(super) struct Mailbox(flume::Sender<Work>);

/// The receiving side; there is one.
#[derive(Debug)]
pub(super) struct Inbox(flume::Receiver<Work>);

/// Why work was not taken; it comes back with the reason.
pub(super) enum Returned {
    Full(Work),
    /// The shop has left memory meanwhile: wake it again.
    Gone(Work),
}

pub(super) fn mailbox(works_max: usize) -> (Mailbox, Inbox) {
    let (sender, receiver) = flume::bounded(works_max);
    (Mailbox(sender), Inbox(receiver))
}

impl Mailbox {
    pub(super) fn post(&self, work: Work) -> Result<(), Returned> {
        self.0.try_send(work).map_err(|error| match error {
            flume::TrySendError::Full(work) => Returned::Full(work),
            flume::TrySendError::Disconnected(work) => Returned::Gone(work),
        })
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Inbox {
    pub(super) async fn next(&self) -> Option<Work> {
        self.0.recv_async().await.ok()
    }

    pub(super) fn try_next(&self) -> Option<Work> {
        self.0.try_recv().ok()
    }
}

/// Marks of watch time that wait for one room: a minute of a thousand players.
const MARKS_WAITING_MAX: usize = 65_536;

/// Pulses that wait for the shop: one per room, merged as they come.
#[derive(Debug, Default)]
pub(super) struct Pulses {
    waiting: Mutex<BTreeMap<RoomId, Pulse>>,
    arrived: tokio::sync::Notify,
}

impl Pulses {
    pub(super) fn add(&self, room: &RoomId, pulse: Pulse) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let merged = waiting.entry(room.clone()).or_default();
            merged.likes += pulse.likes;
            merged.joins += pulse.joins;
            merged.viewers = pulse.viewers;
            // While a shop's journal is away its pulses wait: what players saw is lost beyond this.
            let room_left = MARKS_WAITING_MAX.saturating_sub(merged.marks.len());
            merged.marks.extend(pulse.marks.into_iter().take(room_left));
        }
        self.arrived.notify_one();
    }

    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn take(&self) -> BTreeMap<RoomId, Pulse> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command { .. } => "Command",
            Self::Query { .. } => "Query",
            Self::Wake => "Wake",
        })
    }
}
