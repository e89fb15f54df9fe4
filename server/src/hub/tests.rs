//! The hub from outside: rooms, connections and readers over fake sockets. Owns what the tests
//! below share.

mod compression;
mod connections;
mod figures;
mod idle;
mod outbox_model;
mod readers;
mod resumes;
mod rooms;
mod shards;
mod slow_readers;
mod sockets;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::*;
use crate::bus::{RoomId, ShopId};

/// Knows the room as the publisher knows it: the numbers so far.
#[derive(Debug, Default)]
struct Owner {
    snapshot: Mutex<Option<Snapshot>>,
    gaps: AtomicUsize,
}

impl Owner {
    /// How many gap lines were asked for.
    fn gaps_made(&self) -> usize {
        self.gaps.load(Ordering::Relaxed)
    }
}

impl Source for Owner {
    fn snapshot(&self, _topic: &Topic) -> Option<Snapshot> {
        self.snapshot.lock().clone()
    }

    fn gap(&self, _topic: &Topic, from: u64, to: u64, snapshot: Option<&Bytes>) -> Bytes {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        // Two lines in place of one object, so that tests can tell gap and snapshot apart.
        let body = snapshot.map(|body| String::from_utf8_lossy(body));
        let lines = [Some(format!("gap {from} {to}").into()), body];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n").into()
    }

    fn tombstone(&self, _topic: &Topic, seq: u64) -> Bytes {
        format!("tombstone {seq}").into()
    }
}

/// A hub, and the owner of its one room.
pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    owner: Arc<Owner>,
    epoch: u64,
    seq: u64,
}

/// A connection in no room yet, with its two ends.
pub(super) struct Guest {
    pub(super) reader: Reader,
    pub(super) client: fake::Client,
}

fn topic() -> Topic {
    Topic::room(&ShopId::parse("acme").unwrap(), &RoomId::parse("r1").unwrap())
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let owner = Arc::new(Owner::default());
        let snapshot = Snapshot { epoch: 7, seq: 0, body: "snapshot 7.0".into() };
        *owner.snapshot.lock() = Some(snapshot);
        Self { hub: Hub::new(options, owner.clone()), owner, epoch: 7, seq: 0 }
    }

    fn guest(&self, (pipe, client): (fake::Pipe, fake::Client)) -> Guest {
        Guest { reader: self.hub.connect(pipe, &[]), client }
    }

    /// A guest whose pipe takes everything and whose pushes flow.
    pub(super) fn viewer(&self) -> (Guest, Membership) {
        let guest = self.guest(fake::Pipe::new());
        let membership = self.hub.join(&topic(), guest.connection()).start();
        (guest, membership)
    }

    /// Publishes the next number; the line is the number.
    pub(super) fn publish(&mut self, class: Class) {
        self.publish_line(class, self.seq + 1, None);
    }

    fn publish_line(&mut self, class: Class, seq: u64, key: Option<&str>) {
        self.snapshot_at(seq);
        self.hub.on_publication(Publication {
            seq: Some(seq),
            key: key.map(Into::into),
            line: seq.to_string().into(),
            ..self.unnumbered(class, "")
        });
    }

    /// The owner's state is now the one after this number.
    pub(super) fn snapshot_at(&mut self, seq: u64) {
        self.seq = seq;
        let (epoch, body) = (self.epoch, format!("snapshot {}.{seq}", self.epoch).into());
        *self.owner.snapshot.lock() = Some(Snapshot { epoch, seq, body });
    }

    pub(super) fn room(&self) -> Arc<Room> {
        self.hub.room(&topic())
    }

    pub(super) fn unnumbered(&self, class: Class, line: &str) -> Publication {
        Publication {
            topic: topic(),
            epoch: self.epoch,
            seq: None,
            class,
            key: None,
            redacts: None,
            expels: None,
            line: line.to_owned().into(),
        }
    }

    fn count(&self, key: &'static str, line: &str) {
        self.hub.on_publication(self.unnumbered(Class::Counter { key: key.into() }, line));
    }
}

impl Guest {
    fn connection(&self) -> &Arc<Connection> {
        self.reader.connection()
    }
}

/// Lets every task that can run do so; the paused clock stands still meanwhile.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass. Timers go off up to a millisecond late.
async fn pass_ms(ms: u64) {
    settle().await;
    tokio::time::advance(std::time::Duration::from_millis(ms)).await;
    settle().await;
}
