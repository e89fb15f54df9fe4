//! The hub: moves ready bytes to the sockets that want them. Owns connections, rooms and their
//! rings; never makes a message and never waits for a reader.

mod transport;

mod deflate;
mod frame;
mod meters;
mod options;

mod connection;
mod directory;
mod machine;
mod outbox;
mod reader;
mod walker;
mod wheel;

mod batch;
mod catch_up;
mod fan_out;
mod history;
mod ring;
mod room;
mod stream;
mod subscribers;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;

pub use crate::bus::{Attendance, Class, Publication, Target, Topic};
pub use connection::{CLOSE_TOO_SLOW, Connection, ConnectionId, Stats};
pub use directory::{Connections, NotAdmitted, Registration};
pub use frame::Frame;
pub use history::{History, Line};
pub use options::{LargerRoomTick, Limits, Options};
pub use outbox::Sent;
pub use reader::{Inbound, ReadEnd, Reader, Utf8Bytes, accept_key};
pub use room::{Joined, Membership, Resumed, RoomPulse};
pub use transport::{Transport, tune};

use crate::bus::{Subscriber, UserId};
use connection::Shared;
use room::Room;

/// One topic's state as finished bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub epoch: u64,
    /// The last number whose effect is in `body`.
    pub seq: u64,
    /// One JSON object without a line break, for the reply to a join and for a gap. Keep it well
    /// below an outbox (256 KiB).
    pub body: Bytes,
}

/// The lines that the hub needs and cannot make, because it does not know the protocol.
///
/// A joiner is told that the snapshot is all there is up to its number, and gets the lines after
/// it from the ring. So `snapshot` **must not** be older than what the ring still reaches: whoever
/// makes the lines publishes after the snapshot knows, and a copy of another node's topic is
/// renewed long before the ring forgets. It **must not** be of an older epoch than the lines, and
/// a higher epoch in it begins the topic anew for everybody. None of these may wait, call the hub
/// or take a lock that is held while publishing: they are called while a room is locked.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// The topic as it is now, made once and shared.
    fn snapshot(&self, topic: &Topic) -> Option<Snapshot>;

    /// Tells a reader that the lines `from..=to` were skipped, and what the topic is now.
    fn gap(&self, topic: &Topic, from: u64, to: u64, snapshot: Option<&Bytes>) -> Bytes;

    /// Stands in for a line that nobody may see any more, under the same number.
    fn tombstone(&self, topic: &Topic, seq: u64) -> Bytes;
}

/// The hub of a node. Everything in it runs inside a tokio runtime: what cannot leave at once is
/// left to a task.
pub struct Hub {
    shared: Arc<Shared>,
    source: Arc<dyn Source>,
    rooms: DashMap<Topic, Arc<Room>>,
    connections: Arc<Connections>,
}

impl Hub {
    /// Install the metrics recorder before this: the handles are looked up once.
    pub fn new(options: Options, source: Arc<dyn Source>) -> Arc<Self> {
        Arc::new(Self {
            shared: Shared::new(options),
            source,
            rooms: DashMap::new(),
            connections: Arc::default(),
        })
    }

    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// Takes over an upgraded socket. `leftover` is what was read past the handshake; drop its
    /// buffer afterwards. For a TCP stream call [`tune`] first.
    pub fn connect(&self, transport: impl Transport, leftover: &[u8]) -> Reader {
        Reader::new(Connection::open(&self.shared, transport, false), leftover)
    }

    /// The same for a client with whom compressed messages (permessage-deflate, no context
    /// takeover on either side) were agreed on.
    pub fn connect_deflated(&self, transport: impl Transport, leftover: &[u8]) -> Reader {
        Reader::new(Connection::open(&self.shared, transport, true), leftover)
    }

    /// Subscribes a connection; what it may hear is for the caller to decide. Nothing is pushed
    /// before [`Joined::start`]; from then on it gets exactly the lines after `seq`. Joining a
    /// room twice gives the connection a new place, and the old membership becomes harmless.
    pub fn join(&self, topic: &Topic, connection: &Arc<Connection>) -> Joined {
        self.in_room(topic, |room| room.join(connection))
    }

    /// Subscribes a connection that knows everything up to `(epoch, seq)`.
    pub fn resume(
        &self,
        topic: &Topic,
        epoch: u64,
        seq: u64,
        connection: &Arc<Connection>,
    ) -> Resumed {
        self.in_room(topic, |room| room.resume(epoch, seq, connection))
    }

    /// Replaces lines that were published under `key` where they are kept for resumes or wait for
    /// the tick; returns how many. [`Publication::redacts`] does the same in the topic's order.
    pub fn redact(&self, topic: &Topic, key: &str) -> usize {
        let room = self.rooms.get(topic).map(|room| Arc::clone(&room));
        room.map_or(0, |room| room.redact(key))
    }

    /// What happened in each room since the last call; call it each second. Rooms that nobody
    /// watches or can resume any more are given up on the way.
    pub fn pulse(&self) -> Vec<RoomPulse> {
        let rooms: Vec<_> = self.rooms.iter().map(|room| Arc::clone(&room)).collect();
        let pulses = rooms.iter().filter_map(|room| room.pulse()).collect();
        self.rooms.retain(|_, room| !room.retire());
        pulses
    }

    /// Tries again when the room was given up between look-up and use.
    fn in_room<T>(&self, topic: &Topic, mut enter: impl FnMut(&Room) -> Option<T>) -> T {
        loop {
            let room = self.room(topic);
            match enter(&room) {
                Some(entered) => return entered,
                None => self.forget(topic, &room),
            }
        }
    }

    fn on_personal(&self, users: &[UserId], publication: &Publication) {
        let frame = Frame::line(&publication.line);
        for user in users {
            self.connections.tell(user, &frame, &publication.class);
        }
        if let Some(topic) = &publication.expels {
            users.iter().for_each(|user| self.expel(user, topic));
        }
    }

    /// Whoever works at a desk no more does not hear the shop's conversations either.
    fn expel(&self, user: &UserId, from: &Topic) {
        let rooms: Vec<_> = match from.target() {
            Target::Desk(desk) => {
                let is_its = |topic: &Topic| match topic.target() {
                    Target::Desk(shop) | Target::Conversation { shop, .. } => shop == desk,
                    Target::Room { .. } | Target::User(_) | Target::Users(_) => false,
                };
                let rooms = self.rooms.iter().filter(|room| is_its(room.key()));
                rooms.map(|room| Arc::clone(&room)).collect()
            }
            Target::Room { .. }
            | Target::Conversation { .. }
            | Target::User(_)
            | Target::Users(_) => {
                self.rooms.get(from).map(|room| Arc::clone(&room)).into_iter().collect()
            }
        };
        rooms.iter().for_each(|room| room.expel(user));
    }

    fn room(&self, topic: &Topic) -> Arc<Room> {
        if let Some(room) = self.rooms.get(topic) {
            return Arc::clone(&room);
        }
        let make = || Room::new(topic.clone(), self.shared.clone(), self.source.clone());
        Arc::clone(&self.rooms.entry(topic.clone()).or_insert_with(make))
    }

    fn forget(&self, topic: &Topic, retired: &Arc<Room>) {
        self.rooms.remove_if(topic, |_, room| Arc::ptr_eq(room, retired));
    }
}

impl Subscriber for Hub {
    fn on_publication(&self, mut publication: Publication) {
        let needs_listeners = match publication.topic.target() {
            Target::User(user) => {
                return self.on_personal(std::slice::from_ref(user), &publication);
            }
            Target::Users(users) => return self.on_personal(users, &publication),
            // There is one for each buyer who ever wrote: nothing is kept for whom nobody watches.
            Target::Desk(_) | Target::Conversation { .. } => publication.seq.is_none(),
            Target::Room { .. } => false,
        };
        loop {
            if needs_listeners && !self.rooms.contains_key(&publication.topic) {
                return;
            }
            let room = self.room(&publication.topic);
            let Some(returned) = room.publish(publication) else { return };
            self.forget(&returned.topic, &room);
            publication = returned;
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("rooms", &self.rooms.len())
            .field("connections", &self.connections.count())
            .finish()
    }
}
