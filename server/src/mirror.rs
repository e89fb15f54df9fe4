//! The mirror: keeps the topics of other nodes whole on this one. Owns which of them are followed,
//! a copy of each one's snapshot, and the mending of what the bus lost; numbers nothing, and lets
//! what this node publishes itself pass.

mod bytes_field;
mod feed;
mod follow;
mod followed;
mod history;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use metrics::{Gauge, gauge};

use crate::bus::{Bus, Pending, Publication, Subscriber, Target, Topic};
use crate::hub::{Hub, Snapshot, Source};
use followed::Followed;

pub use history::{Class, History, Line, Picture, history_of};

/// Figures of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How old a copy's snapshot gets while lines come; also how long is waited before other
    /// nodes are asked to be heard again. A joiner is sent the lines since.
    pub refresh: Duration,
    /// Silence after which the owner is asked: it may be dead, and asking wakes its successor.
    pub silence: Duration,
    /// How long a topic is followed after its last viewer left, so that coming back is cheap.
    pub linger: Duration,
    /// Between attempts to mend the same gap: from the first to the last.
    pub retry_min: Duration,
    pub retry_max: Duration,
    /// How long the bus and an owner may take.
    pub attend: Duration,
    pub ask: Duration,
    /// How long [`Mirror::ready`] tries.
    pub patience: Duration,
    /// After an interruption all topics are asked for within this time, not at once.
    pub spread: Duration,
    /// Messages of a topic that wait until a gap is mended; what does not fit is asked for.
    pub held_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(1),
            silence: Duration::from_secs(3),
            linger: Duration::from_secs(10),
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(1),
            attend: Duration::from_millis(500),
            ask: Duration::from_secs(2),
            patience: Duration::from_secs(2),
            spread: Duration::from_millis(500),
            held_max: 1_000,
        }
    }
}

/// Who has a topic now.
pub trait Owners: fmt::Debug + Send + Sync + 'static {
    /// What the owner keeps of a topic after `known` (epoch and number), made by [`history_of`]
    /// there. `None`: this node serves the topic's shop itself. It **must not** be `None` while
    /// nobody knows who serves it.
    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        known: Option<(u64, u64)>,
    ) -> Pending<'a, Result<Option<History>, NotReady>>;
}

/// A topic of another node cannot be followed at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the owner of this topic cannot be heard: {0}")]
pub struct NotReady(pub String);

/// Stands between the bus and the hub of a node that has others beside it.
pub struct Mirror {
    inner: Arc<dyn Source>,
    bus: Arc<dyn Bus>,
    owners: Arc<dyn Owners>,
    options: Options,
    /// The hub asks this for snapshots, so neither keeps the other alive.
    hub: OnceLock<Weak<Hub>>,
    followed: DashMap<Topic, Arc<Followed>>,
    topics: Gauge,
    me: Weak<Self>,
}

impl Mirror {
    /// `inner` knows the topics of this node. Follow with [`Mirror::serve`], then subscribe this
    /// to the bus in place of the hub.
    pub fn new(
        inner: Arc<dyn Source>,
        bus: Arc<dyn Bus>,
        owners: Arc<dyn Owners>,
        options: Options,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            inner,
            bus,
            owners,
            options,
            hub: OnceLock::new(),
            followed: DashMap::new(),
            topics: gauge!("hawker_mirror_topics"),
            me: me.clone(),
        })
    }

    /// Names the hub that this feeds, whose source it is. Only the first call counts.
    pub fn serve(&self, hub: &Arc<Hub>) {
        self.hub.get_or_init(|| Arc::downgrade(hub));
    }

    /// Makes sure that this node hears the topic and has what a join or resume needs; call it
    /// right before. A topic that is followed already costs a look-up. May be dropped any time.
    pub async fn ready(&self, topic: &Topic) -> Result<(), NotReady> {
        if is_personal(topic) {
            return Ok(());
        }
        let followed = self.follow(topic)?;
        if followed.is_ready() && !self.is_left(&followed) {
            return Ok(());
        }
        followed.answered(self.options.patience).await
    }

    /// Whether the shop was here and has gone, without word from its new owner yet.
    fn is_left(&self, followed: &Followed) -> bool {
        followed.is_here()
            && has_snapshot(&followed.topic)
            && self.inner.snapshot(&followed.topic).is_none()
    }

    fn follow(&self, topic: &Topic) -> Result<Arc<Followed>, NotReady> {
        if let Some(followed) = self.followed.get(topic) {
            followed.touch();
            return Ok(Arc::clone(&followed));
        }
        let me = self.me.upgrade().ok_or_else(|| NotReady("the server stops".to_owned()))?;
        let make = || {
            let followed = Arc::new(Followed::new(topic.clone()));
            tokio::spawn(me.keep_following(followed.clone()));
            self.topics.increment(1);
            followed
        };
        let followed = self.followed.entry(topic.clone()).or_insert_with(make);
        followed.touch();
        Ok(Arc::clone(&followed))
    }

    fn followed(&self, topic: &Topic) -> Option<Arc<Followed>> {
        self.followed.get(topic).map(|followed| Arc::clone(&followed))
    }

    fn hub(&self) -> Option<Arc<Hub>> {
        self.hub.get()?.upgrade()
    }
}

impl Source for Mirror {
    fn snapshot(&self, topic: &Topic) -> Option<Snapshot> {
        let place = |snapshot: &Snapshot| (snapshot.epoch, snapshot.seq);
        let copy = self.followed(topic).and_then(|followed| followed.copy());
        let inner = self.inner.snapshot(topic);
        // Of two that are the same the last is taken: what this node says itself.
        copy.into_iter().chain(inner).max_by_key(place)
    }

    fn gap(&self, topic: &Topic, from: u64, to: u64, snapshot: Option<&Bytes>) -> Bytes {
        self.inner.gap(topic, from, to, snapshot)
    }

    fn tombstone(&self, topic: &Topic, seq: u64) -> Bytes {
        self.inner.tombstone(topic, seq)
    }
}

impl Subscriber for Mirror {
    fn on_publication(&self, publication: Publication) {
        let Some(hub) = self.hub() else { return };
        if publication.seq.is_some()
            && let Some(followed) = self.followed(&publication.topic)
        {
            followed.on_own(publication.epoch);
        }
        hub.on_publication(publication);
    }

    fn on_message(&self, publications: Vec<Publication>) {
        let (Some(hub), Some(first)) = (self.hub(), publications.first()) else { return };
        if !has_snapshot(&first.topic) {
            publications.into_iter().for_each(|publication| hub.on_publication(publication));
        } else if let Some(followed) = self.followed(&first.topic) {
            followed.on_message(&hub, publications, &self.options);
        }
    }

    fn on_top(&self, topic: &Topic, epoch: u64, seq: u64) {
        if let (Some(hub), Some(followed)) = (self.hub(), self.followed(topic)) {
            followed.on_top(&hub, (epoch, seq));
        }
    }

    fn on_interruption(&self) {
        for followed in &self.followed {
            followed.on_interruption(self.options.spread);
        }
    }
}

fn is_personal(topic: &Topic) -> bool {
    matches!(topic.target(), Target::User(_) | Target::Users(_))
}

/// Whether the topic has numbers and a snapshot. What is said in a conversation is in documents.
fn has_snapshot(topic: &Topic) -> bool {
    match topic.target() {
        Target::Room { .. } | Target::Desk(_) => true,
        Target::User(_) | Target::Users(_) | Target::Conversation { .. } => false,
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("followed", &self.followed.len()).finish_non_exhaustive()
    }
}
