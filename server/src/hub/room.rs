//! One topic with its viewers. Owns who is in and where his stream begins; moves bytes it did not
//! make. Never blocks on a subscriber: a full outbox is the outbox's problem.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::{Connection, ConnectionId, Shared};
use super::history::History;
use super::stream::Stream;
use super::subscribers::{Changes, Place, Stand, Subscribers};
use super::{Snapshot, Source};
use crate::bus::{Publication, Topic, UserId};

pub(super) struct Room {
    pub(super) topic: Topic,
    pub(super) shared: Arc<Shared>,
    pub(super) source: Arc<dyn Source>,
    pub(super) subscribers: Subscribers,
    pub(super) stream: Mutex<Stream>,
    /// Wakes the tick early.
    pub(super) urgent: Notify,
    pub(super) me: Weak<Room>,
}

/// A viewer's place in a room; dropping it leaves.
#[must_use = "dropping it leaves the room"]
pub struct Membership {
    room: Arc<Room>,
    connection: ConnectionId,
    place: Place,
}

/// A place in a room whose pushes are still held back, so that the reply can leave first.
#[derive(Debug)]
#[must_use = "nothing is pushed before `start`"]
pub struct Joined {
    pub epoch: u64,
    /// The first push has the number after this one.
    pub seq: u64,
    /// The room as it was at `seq`; `None` if the source has none.
    pub snapshot: Option<Bytes>,
    membership: Membership,
}

/// The answer to a resume; pushes are held back as in [`Joined`].
#[derive(Debug)]
#[must_use = "nothing is pushed before `start`"]
pub struct Resumed {
    /// Whether `missed` is everything since the position the client named. Otherwise it starts
    /// anew from `snapshot`.
    pub recovered: bool,
    pub missed: Vec<Bytes>,
    pub epoch: u64,
    pub seq: u64,
    pub snapshot: Option<Bytes>,
    membership: Membership,
}

/// What happened in a room since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPulse {
    pub topic: Topic,
    pub joins: u64,
    pub leaves: u64,
    /// Connections in the room now.
    pub viewers: u64,
}

/// Where a newcomer's stream begins.
struct Beginning {
    stand: Stand,
    recovered: bool,
    missed: Vec<Bytes>,
    snapshot: Option<Bytes>,
}

impl Room {
    pub(super) fn new(topic: Topic, shared: Arc<Shared>, source: Arc<dyn Source>) -> Arc<Self> {
        let (shards_max, shard_viewers) = (shared.options.shards_max, shared.options.shard_viewers);
        Arc::new_cyclic(|me| Self {
            topic,
            shared,
            source,
            subscribers: Subscribers::new(shards_max, shard_viewers),
            stream: Mutex::default(),
            urgent: Notify::new(),
            me: me.clone(),
        })
    }

    /// Takes a line in; gives it back if the room is retired.
    pub(super) fn publish(&self, publication: Publication) -> Option<Publication> {
        let mut stream = self.stream.lock();
        if stream.retired {
            return Some(publication);
        }
        if let Some(key) = &publication.redacts {
            stream.ring.redact(key, |seq| self.source.tombstone(&self.topic, seq));
        }
        let was_urgent = stream.urgent;
        if stream.collect(publication, &self.shared.options) {
            self.wake(&mut stream, was_urgent);
        }
        None
    }

    /// Takes in what another node keeps; gives it back if the room is retired.
    pub(super) fn refill(&self, history: History) -> Option<History> {
        let mut stream = self.stream.lock();
        if stream.retired {
            return Some(history);
        }
        let was_urgent = stream.urgent;
        let tombstone = |seq| self.source.tombstone(&self.topic, seq);
        if stream.refill(history, &self.shared.options, tombstone) {
            self.wake(&mut stream, was_urgent);
        }
        None
    }

    pub(super) fn history(&self, known: Option<(u64, u64)>) -> Option<History> {
        let mut stream = self.stream.lock();
        stream.evict(&self.shared.options);
        stream.ring.history(known)
    }

    pub(super) fn position(&self) -> Option<(u64, u64)> {
        self.stream.lock().ring.position()
    }

    pub(super) fn reaches(&self, epoch: u64, seq: u64) -> bool {
        self.stream.lock().ring.reaches(epoch, seq)
    }

    /// `None`: the room is retired.
    pub(super) fn join(&self, connection: &Arc<Connection>) -> Option<Joined> {
        let (beginning, membership) = self.enter(connection, None)?;
        let Beginning { stand: Stand { epoch, position: seq, .. }, snapshot, .. } = beginning;
        Some(Joined { epoch, seq, snapshot, membership })
    }

    /// `None`: the room is retired.
    pub(super) fn resume(
        &self,
        epoch: u64,
        seq: u64,
        connection: &Arc<Connection>,
    ) -> Option<Resumed> {
        let (beginning, membership) = self.enter(connection, Some((epoch, seq)))?;
        let Beginning { stand, recovered, missed, snapshot } = beginning;
        let (epoch, seq) = (stand.epoch, stand.position);
        Some(Resumed { recovered, missed, epoch, seq, snapshot, membership })
    }

    fn enter(
        &self,
        connection: &Arc<Connection>,
        known: Option<(u64, u64)>,
    ) -> Option<(Beginning, Membership)> {
        let snapshot = self.source.snapshot(&self.topic);
        let (place, beginning) = self.subscribers.join(connection, |viewers| {
            let (snapshot, mut stream) = self.beside(snapshot);
            if stream.retired {
                return None;
            }
            self.learn(&mut stream, snapshot.as_ref(), viewers);
            stream.evict(&self.shared.options);
            let beginning = Beginning::at(&stream, known, snapshot);
            Some((beginning.stand, beginning))
        })?;
        let room = self.me.upgrade()?;
        Some((beginning, Membership { room, connection: connection.id(), place }))
    }

    /// The stream, and a snapshot that leads on to it: this one, or a newer one if lines have
    /// come since it was taken.
    pub(super) fn beside(
        &self,
        snapshot: Option<Snapshot>,
    ) -> (Option<Snapshot>, MutexGuard<'_, Stream>) {
        let stream = self.stream.lock();
        if !stream.has_outlived(snapshot.as_ref()) {
            return (snapshot, stream);
        }
        drop(stream);
        (self.source.snapshot(&self.topic), self.stream.lock())
    }

    /// Replaces what is kept under `key` with tombstones; returns how many lines.
    pub(super) fn redact(&self, key: &str) -> usize {
        self.stream.lock().ring.redact(key, |seq| self.source.tombstone(&self.topic, seq))
    }

    /// What happened since the last call, if anything did or anybody watches.
    pub(super) fn pulse(&self) -> Option<RoomPulse> {
        let Changes { joins, leaves, viewers } = self.subscribers.take_changes();
        let is_quiet = joins == 0 && leaves == 0 && viewers == 0;
        (!is_quiet).then(|| RoomPulse { topic: self.topic.clone(), joins, leaves, viewers })
    }

    /// Gives the room up if nobody watches and nothing in it can be resumed any more.
    pub(super) fn retire(&self) -> bool {
        let age = self.shared.options.ring_age();
        let is_past = |used_at: Option<Instant>| used_at.is_none_or(|at| at.elapsed() > age);
        self.subscribers.close_unused(is_past, || {
            let mut stream = self.stream.lock();
            stream.retired |= !stream.ticking && is_past(stream.used_at);
            stream.retired
        })
    }

    /// Takes the source's word for the position, if it knows more.
    pub(super) fn learn(&self, stream: &mut Stream, known: Option<&Snapshot>, viewers: usize) {
        if stream.learn(known) && viewers > 0 {
            let was_urgent = std::mem::replace(&mut stream.urgent, true);
            self.wake(stream, was_urgent);
        }
    }

    /// Takes every place of a user away; his memberships become harmless.
    pub(super) fn expel(&self, user: &UserId) {
        self.subscribers.expel(user);
    }

    /// Makes sure that a task will send what waits, and at once if that is new.
    fn wake(&self, stream: &mut Stream, was_urgent: bool) {
        if !std::mem::replace(&mut stream.ticking, true) {
            if let Some(me) = self.me.upgrade() {
                tokio::spawn(me.tick());
            }
        } else if stream.urgent && !was_urgent {
            self.urgent.notify_one();
        }
    }
}

impl Beginning {
    /// After what the client knows, if the ring reaches back so far; otherwise with the snapshot.
    fn at(stream: &Stream, known: Option<(u64, u64)>, snapshot: Option<Snapshot>) -> Self {
        let ring = &stream.ring;
        let same_epoch = known.filter(|(epoch, _)| *epoch == ring.epoch());
        if let Some((seq, since)) = same_epoch.and_then(|(_, seq)| Some((seq, ring.since(seq)?))) {
            let missed: Vec<_> = since.map(|entry| entry.line.clone()).collect();
            let stand = stream.stand(seq + missed.len() as u64);
            return Self { stand, recovered: true, missed, snapshot: None };
        }
        let snapshot = snapshot.filter(|snapshot| snapshot.epoch == ring.epoch());
        let newest = snapshot.as_ref().map(|snapshot| (snapshot.epoch, snapshot.seq));
        if let Some((_, seq)) = known.filter(|known| newest == Some(*known)) {
            // What it knows is still on its way here.
            let (stand, missed) = (stream.stand(seq), Vec::new());
            return Self { stand, recovered: true, missed, snapshot: None };
        }
        let seq = snapshot.as_ref().map_or(ring.taken(), |snapshot| snapshot.seq);
        let snapshot = snapshot.map(|snapshot| snapshot.body);
        Self { stand: stream.stand(seq), recovered: false, missed: Vec::new(), snapshot }
    }
}

impl Joined {
    /// Lets the pushes flow: what came since `seq` at once, the rest as it happens. Call it when
    /// the reply is in the outbox.
    pub fn start(self) -> Membership {
        self.membership.start()
    }
}

impl Resumed {
    /// As [`Joined::start`].
    pub fn start(self) -> Membership {
        self.membership.start()
    }
}

impl Membership {
    pub fn topic(&self) -> &Topic {
        &self.room.topic
    }

    /// Whether the place is still there: whoever was expelled has lost it.
    pub fn is_held(&self) -> bool {
        self.room.subscribers.place_of(self.connection) == Some(self.place)
    }

    fn start(self) -> Self {
        self.room.start(self.place);
        self
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.subscribers.leave(self.connection, self.place);
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership")
            .field("topic", &self.room.topic)
            .field("connection", &self.connection)
            .finish()
    }
}
