//! The bus: carries finished publications from the node that numbered them to every node that has
//! viewers. Owns the contract and the names of topics; never looks into a line.

mod local;
pub mod redis;
mod topic;

#[cfg(test)]
mod contract;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

pub use hawker_domain::id::{RoomId, ShopId, UserId};

pub use local::Local;
pub use topic::{Target, Topic};

/// One finished line and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: Topic,
    /// The reign of the owner who numbered this. A higher epoch voids everything before it.
    pub epoch: u64,
    /// The place in the topic's history, without gaps within an epoch. `None` for what nobody has
    /// to miss (counters, typing) and for a user's topic: it is sent, but not kept for resumes.
    pub seq: Option<u64>,
    pub class: Class,
    /// What [`Publication::redacts`] may name later: the id of a comment.
    pub key: Option<Box<str>>,
    /// The key of earlier lines that nobody may be shown any more.
    pub redacts: Option<Box<str>>,
    /// What the user of this (personal) topic hears no more once he has had this line: a room, or
    /// a desk with all conversations of its shop that he watches.
    pub expels: Option<Topic>,
    /// One JSON object without a line break.
    pub line: Bytes,
}

/// How much a line matters to somebody who cannot keep up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// Sales, stock, coupons, orders, the room's state: leaves at once, gap-checked.
    Critical,
    /// The host, pins, a buyer's own comment. In a user's topic: what a reply has told already,
    /// so that it goes out only if he has other connections than the one that got the reply.
    Normal,
    /// Comments: a few may be missed.
    Lossy,
    /// Totals: only the newest of each key is worth sending. In a user's topic: what is told again
    /// anyway, so that it is left out where it does not fit beside what waits.
    Counter { key: Cow<'static, str> },
}

/// Carries publications. The contract below is tried on every implementation by one suite
/// (`contract.rs`).
///
/// * Publications of one topic **must** reach every subscriber in the order in which they were
///   published, each at most once. A subscriber repairs what it missed by itself (the numbers show
///   it), but it cannot undo a swap.
/// * `publish` **must not** wait for a subscriber or a network: it is called by the task that
///   decides for a whole shop. What cannot be carried is dropped, and the numbers show the gap.
/// * A subscriber **must** get whatever is published on this node after `subscribe` returned, and
///   what is published on another node from when `attend` resolved until its attendance is dropped.
/// * What was published on this node **must not** come back to its own subscribers.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    fn publish(&self, publication: Publication);

    /// Adds a subscriber for the rest of the process.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>);

    /// Asks for what other nodes publish in a topic, for as long as the answer is kept. What is
    /// told to many users at once ([`Topic::users`]) comes unasked.
    fn attend<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Attendance, Deaf>>;
}

/// A future that a bus hands out; boxed so that the server can hold any bus.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps a topic of other nodes coming. There may be many of one topic; the last one ends it.
#[derive(Debug, Clone)]
#[must_use = "dropping it ends the attendance"]
pub struct Attendance {
    _kept: Option<Arc<dyn fmt::Debug + Send + Sync>>,
}

impl Attendance {
    /// Where there are no other nodes.
    pub fn alone() -> Self {
        Self { _kept: None }
    }

    /// Lasts as long as anybody keeps this value.
    pub fn kept_by(kept: Arc<dyn fmt::Debug + Send + Sync>) -> Self {
        Self { _kept: Some(kept) }
    }
}

/// Other nodes cannot be heard at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("other nodes cannot be heard: {0}")]
pub struct Deaf(pub String);

/// Where publications come out of the bus: the hub of a node.
pub trait Subscriber: fmt::Debug + Send + Sync + 'static {
    /// **Must** return quickly and **must not** publish: the publisher is waiting.
    fn on_publication(&self, publication: Publication);

    /// What another node published in one topic since its last message, in its order. The same
    /// rules.
    fn on_message(&self, publications: Vec<Publication>) {
        publications.into_iter().for_each(|publication| self.on_publication(publication));
    }

    /// The last number that another node has given in a topic, told again each second: whoever
    /// knows less has missed a message.
    fn on_top(&self, _topic: &Topic, _epoch: u64, _seq: u64) {}

    /// Messages of other nodes may have been lost, in any topic.
    fn on_interruption(&self) {}
}
