//! Fan-out for one topic. Owns the subscriber list, the ring and what waits for the tick; moves
//! bytes it did not make. Never blocks on a subscriber: a full outbox is the outbox's problem.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::{Connection, ConnectionId, Shared};
use super::meters::Kind;
use super::ring::{Arrival, Ring};
use super::subscribers::Subscribers;
use super::{Snapshot, Source};
use crate::bus::{Class, Publication, Topic, UserId};

pub(super) struct Room {
    pub(super) topic: Topic,
    pub(super) shared: Arc<Shared>,
    pub(super) source: Arc<dyn Source>,
    pub(super) state: Mutex<State>,
    /// Wakes the tick early.
    pub(super) urgent: Notify,
    pub(super) me: Weak<Room>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) subscribers: Subscribers,
    /// The newest of each counter since the last tick.
    pub(super) counters: Vec<(Cow<'static, str>, Bytes)>,
    /// Lines without a number.
    pub(super) transient: Vec<(Kind, Bytes)>,
    /// Something CRITICAL waits: the tick is over.
    pub(super) urgent: bool,
    /// Whether a task is bound to send what waits.
    pub(super) ticking: bool,
    pub(super) ticked_at: Option<Instant>,
    pub(super) passes: u64,
    used_at: Option<Instant>,
    /// Out of the directory: whoever still holds the room looks it up again.
    retired: bool,
    joins: u64,
    leaves: u64,
}

/// A viewer's place in a room; dropping it leaves.
#[must_use = "dropping it leaves the room"]
pub struct Membership {
    room: Arc<Room>,
    connection: ConnectionId,
    generation: u64,
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

impl Room {
    pub(super) fn new(topic: Topic, shared: Arc<Shared>, source: Arc<dyn Source>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            topic,
            shared,
            source,
            state: Mutex::default(),
            urgent: Notify::new(),
            me: me.clone(),
        })
    }

    /// Takes a line in; not if the room is retired.
    pub(super) fn publish(&self, publication: &Publication) -> bool {
        let mut state = self.state.lock();
        if state.retired {
            return false;
        }
        if let Some(key) = &publication.redacts {
            state.ring.redact(key, |seq| self.source.tombstone(&self.topic, seq));
        }
        let is_critical = publication.class == Class::Critical;
        if state.collect(publication.clone()) {
            let options = &self.shared.options;
            state.ring.evict(options.ring_lines_max, options.ring_age());
            state.urgent |= is_critical;
            let now = state.urgent;
            self.wake(&mut state, now);
        }
        true
    }

    /// `None`: the room is retired.
    pub(super) fn join(&self, connection: &Arc<Connection>) -> Option<Joined> {
        let snapshot = self.source.snapshot(&self.topic);
        let mut state = self.state.lock();
        self.learn(&mut state, snapshot.as_ref());
        self.join_locked(&mut state, connection, snapshot)
    }

    fn join_locked(
        &self,
        state: &mut State,
        connection: &Arc<Connection>,
        snapshot: Option<Snapshot>,
    ) -> Option<Joined> {
        let (epoch, taken) = (state.ring.epoch(), state.ring.taken());
        let snapshot = snapshot.filter(|snapshot| snapshot.epoch == epoch);
        let seq = snapshot.as_ref().map_or(taken, |snapshot| snapshot.seq);
        let membership = self.enter(state, connection, seq)?;
        Some(Joined { epoch, seq, snapshot: snapshot.map(|snapshot| snapshot.body), membership })
    }

    /// `None`: the room is retired.
    pub(super) fn resume(
        &self,
        epoch: u64,
        seq: u64,
        connection: &Arc<Connection>,
    ) -> Option<Resumed> {
        let snapshot = self.source.snapshot(&self.topic);
        let mut state = self.state.lock();
        self.learn(&mut state, snapshot.as_ref());
        if state.ring.epoch() != epoch || state.ring.since(seq).is_none() {
            let joined = self.join_locked(&mut state, connection, snapshot)?;
            return Some(joined.into_resumed());
        }
        let missed: Vec<_> = state.ring.since(seq)?.map(|entry| entry.line.clone()).collect();
        let seq = seq + missed.len() as u64;
        let membership = self.enter(&mut state, connection, seq)?;
        Some(Resumed { recovered: true, missed, epoch, seq, snapshot: None, membership })
    }

    /// Replaces what is kept under `key` with tombstones; returns how many lines.
    pub(super) fn redact(&self, key: &str) -> usize {
        self.state.lock().ring.redact(key, |seq| self.source.tombstone(&self.topic, seq))
    }

    /// What happened since the last call, if anything did or anybody watches.
    pub(super) fn pulse(&self) -> Option<RoomPulse> {
        let mut state = self.state.lock();
        let joins = std::mem::take(&mut state.joins);
        let leaves = std::mem::take(&mut state.leaves);
        let viewers = state.subscribers.len() as u64;
        let is_quiet = joins == 0 && leaves == 0 && viewers == 0;
        (!is_quiet).then(|| RoomPulse { topic: self.topic.clone(), joins, leaves, viewers })
    }

    /// Gives the room up if nobody watches and nothing in it can be resumed any more.
    pub(super) fn retire(&self) -> bool {
        let mut state = self.state.lock();
        let age = self.shared.options.ring_age();
        let unused = state.used_at.is_none_or(|used_at| used_at.elapsed() > age);
        let idle = unused && state.subscribers.len() == 0 && !state.ticking;
        state.retired |= idle && state.joins == 0 && state.leaves == 0;
        state.retired
    }

    /// Takes the source's word for the position, if it knows more.
    pub(super) fn learn(&self, state: &mut State, snapshot: Option<&Snapshot>) {
        let restarted = snapshot.is_some_and(|known| state.ring.learn(known.epoch, known.seq));
        if restarted && state.subscribers.len() > 0 {
            state.lose_everybody(true);
            self.wake(state, true);
        }
    }

    fn enter(
        &self,
        state: &mut State,
        connection: &Arc<Connection>,
        position: u64,
    ) -> Option<Membership> {
        if state.retired {
            return None;
        }
        let (generation, is_new) = state.subscribers.join(connection, position);
        state.joins += u64::from(is_new);
        state.used_at = Some(Instant::now());
        let room = self.me.upgrade()?;
        Some(Membership { room, connection: connection.id(), generation })
    }

    fn leave(&self, id: ConnectionId, generation: u64) {
        let mut state = self.state.lock();
        if state.subscribers.leave(id, generation) {
            state.leaves += 1;
            state.used_at = Some(Instant::now());
        }
    }

    /// Takes every place of a user away; his memberships become harmless.
    pub(super) fn expel(&self, user: &UserId) {
        let mut state = self.state.lock();
        for (id, generation) in state.subscribers.of(user) {
            if state.subscribers.leave(id, generation) {
                state.leaves += 1;
            }
        }
    }

    /// Makes sure that a task will send what waits.
    pub(super) fn wake(&self, state: &mut State, now: bool) {
        if !std::mem::replace(&mut state.ticking, true) {
            if let Some(me) = self.me.upgrade() {
                tokio::spawn(me.tick());
            }
        } else if now {
            self.urgent.notify_one();
        }
    }
}

impl State {
    /// Puts a line where it waits for the tick. `false`: it is old.
    fn collect(&mut self, publication: Publication) -> bool {
        let Publication { epoch, seq, class, key, line, .. } = publication;
        let kind = Kind::of(&class);
        self.used_at = Some(Instant::now());
        match (class, seq) {
            _ if !self.ring.reigns(epoch) => false,
            (Class::Counter { key }, _) => {
                self.count(key, line);
                true
            }
            (_, None) => {
                self.transient.push((kind, line));
                true
            }
            (_, Some(seq)) => self.number(epoch, seq, (kind, key, line)),
        }
    }

    fn number(&mut self, epoch: u64, seq: u64, line: (Kind, Option<Box<str>>, Bytes)) -> bool {
        let before = self.ring.epoch();
        let arrival = self.ring.push(epoch, seq, line);
        if arrival == Arrival::Broken {
            self.lose_everybody(epoch != before);
        }
        arrival != Arrival::Stale
    }

    fn count(&mut self, key: Cow<'static, str>, line: Bytes) {
        match self.counters.iter_mut().find(|(known, _)| *known == key) {
            Some((_, newest)) => *newest = line,
            None => self.counters.push((key, line)),
        }
    }

    /// The ring was begun anew: each subscriber needs a snapshot. Under another epoch their
    /// positions mean nothing either.
    fn lose_everybody(&mut self, is_new_epoch: bool) {
        for slot in self.subscribers.all_mut() {
            slot.behind = true;
            if is_new_epoch {
                slot.position = 0;
            }
        }
        self.urgent = true;
    }

    pub(super) fn has_pending(&self) -> bool {
        self.urgent
            || self.ring.has_untaken()
            || !self.counters.is_empty()
            || !self.transient.is_empty()
    }
}

impl Joined {
    /// Lets the pushes flow: what came since `seq` at once, the rest as it happens. Call it when
    /// the reply is in the outbox.
    pub fn start(self) -> Membership {
        self.membership.start()
    }

    fn into_resumed(self) -> Resumed {
        let Self { epoch, seq, snapshot, membership } = self;
        Resumed { recovered: false, missed: Vec::new(), epoch, seq, snapshot, membership }
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

    fn start(self) -> Self {
        self.room.start(self.connection, self.generation);
        self
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.room.leave(self.connection, self.generation);
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
