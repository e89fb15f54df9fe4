//! Two nodes: one owns a shop and numbers its room's lines, the other mirrors it. The bus between
//! them does what a test tells it to; the link between them may be down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::settle;
use crate::bus::{
    Attendance, Bus, Class, Deaf, Pending, Publication, RoomId, ShopId, Subscriber, Topic,
};
use crate::hub::{self, Hub, Membership, Reader, Snapshot, Source, fake};
use crate::mirror::{History, Mirror, NotReady, Options, Owners, history_of};

pub(super) fn topic() -> Topic {
    Topic::room(&ShopId::parse("acme").unwrap(), &RoomId::parse("r1").unwrap())
}

/// What a node's own delivery knows: nothing, or the shop's room.
#[derive(Debug, Default)]
pub(super) struct Delivery(Mutex<Option<(u64, u64)>>);

impl Source for Delivery {
    fn snapshot(&self, of: &Topic) -> Option<Snapshot> {
        let (epoch, seq) = self.0.lock().filter(|_| *of == topic())?;
        Some(Snapshot { epoch, seq, body: format!("snapshot {epoch}.{seq}").into() })
    }

    fn gap(&self, _topic: &Topic, from: u64, to: u64, snapshot: Option<&Bytes>) -> Bytes {
        let body = snapshot.map_or("nothing".into(), |body| String::from_utf8_lossy(body));
        format!("gap {from} {to} {body}").into()
    }

    fn tombstone(&self, _topic: &Topic, seq: u64) -> Bytes {
        format!("tombstone {seq}").into()
    }
}

/// The bus as the mirror sees it: who attends. Messages are carried by [`World::carry`].
#[derive(Debug, Default)]
pub(super) struct Ear {
    pub(super) is_deaf: AtomicBool,
    pub(super) attended: AtomicUsize,
    held: Arc<()>,
}

impl Ear {
    /// Attendances that are kept now.
    pub(super) fn attending(&self) -> usize {
        Arc::strong_count(&self.held) - 1
    }
}

impl Bus for Ear {
    fn publish(&self, _publication: Publication) {}

    fn subscribe(&self, _subscriber: Arc<dyn Subscriber>) {}

    fn attend<'a>(&'a self, _topic: &'a Topic) -> Pending<'a, Result<Attendance, Deaf>> {
        Box::pin(async {
            self.attended.fetch_add(1, Ordering::Relaxed);
            if self.is_deaf.load(Ordering::Relaxed) {
                return Err(Deaf("cut".to_owned()));
            }
            Ok(Attendance::kept_by(self.held.clone()))
        })
    }
}

/// The link to the owner.
#[derive(Debug)]
pub(super) struct Link {
    owner: Arc<Hub>,
    delivery: Arc<Delivery>,
    pub(super) is_down: AtomicBool,
    /// The mirror's node serves the shop itself.
    pub(super) is_here: AtomicBool,
    pub(super) asks: AtomicUsize,
}

impl Owners for Link {
    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        known: Option<(u64, u64)>,
    ) -> Pending<'a, Result<Option<History>, NotReady>> {
        Box::pin(async move {
            self.asks.fetch_add(1, Ordering::Relaxed);
            // An answer is on its way for a while; what is published meanwhile is not in it.
            let history = history_of(&self.owner, self.delivery.as_ref(), topic, known);
            tokio::task::yield_now().await;
            if self.is_down.load(Ordering::Relaxed) {
                return Err(NotReady("link is down".to_owned()));
            }
            let carried = postcard::to_stdvec(&history).unwrap();
            let history = postcard::from_bytes(&carried).unwrap();
            Ok((!self.is_here.load(Ordering::Relaxed)).then_some(history))
        })
    }
}

pub(super) struct World {
    pub(super) owner: Arc<Hub>,
    pub(super) owner_delivery: Arc<Delivery>,
    pub(super) hub: Arc<Hub>,
    pub(super) delivery: Arc<Delivery>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) link: Arc<Link>,
    pub(super) ear: Arc<Ear>,
    /// What was published and is still with the bus.
    pub(super) wire: VecDeque<Publication>,
    pub(super) epoch: u64,
    pub(super) seq: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(hub::Options::default())
    }

    pub(super) fn with(options: hub::Options) -> Self {
        let owner_delivery = Arc::new(Delivery(Mutex::new(Some((7, 0)))));
        let owner = Hub::new(options.clone(), owner_delivery.clone());
        let link = Arc::new(Link {
            owner: owner.clone(),
            delivery: owner_delivery.clone(),
            is_down: AtomicBool::new(false),
            is_here: AtomicBool::new(false),
            asks: AtomicUsize::new(0),
        });
        let (delivery, ear) = (Arc::new(Delivery::default()), Arc::new(Ear::default()));
        let mirror = Mirror::new(delivery.clone(), ear.clone(), link.clone(), Options::default());
        let hub = Hub::new(options, mirror.clone());
        mirror.serve(&hub);
        let (wire, epoch, seq) = (VecDeque::new(), 7, 0);
        Self { owner, owner_delivery, hub, delivery, mirror, link, ear, wire, epoch, seq }
    }

    /// The owner publishes the next line; it reaches the other node when it is carried.
    pub(super) fn publish(&mut self, class: Class) {
        let line = self.line(class);
        self.put(line);
    }

    /// The next line of the owner, to be changed before it is put.
    pub(super) fn line(&mut self, class: Class) -> Publication {
        self.seq += 1;
        let line = format!("{}.{}", self.epoch, self.seq).into();
        Publication { seq: Some(self.seq), line, ..self.unnumbered(class, "") }
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

    pub(super) fn put(&mut self, publication: Publication) {
        *self.owner_delivery.0.lock() = Some((self.epoch, self.seq));
        self.owner.on_publication(publication.clone());
        self.wire.push_back(publication);
    }

    /// Another owner takes over, on the same node: its first line tells.
    pub(super) fn reign(&mut self) {
        (self.epoch, self.seq) = (self.epoch + 1, 0);
        self.publish(Class::Critical);
    }

    /// The bus delivers all it has, as one message.
    pub(super) fn carry(&mut self) {
        self.mirror.on_message(self.wire.drain(..).collect());
    }

    pub(super) fn lose(&mut self) {
        self.wire.clear();
    }

    pub(super) fn top(&self) {
        self.mirror.on_top(&topic(), self.epoch, self.seq);
    }

    /// The mirror's node takes the shop over; what it publishes from now on is local.
    pub(super) fn move_here(&mut self) {
        self.link.is_here.store(true, Ordering::Relaxed);
        *self.owner_delivery.0.lock() = None;
        (self.epoch, self.seq) = (self.epoch + 1, 0);
        self.publish_here();
    }

    pub(super) fn publish_here(&mut self) {
        let line = self.line(Class::Critical);
        *self.delivery.0.lock() = Some((self.epoch, self.seq));
        self.mirror.on_publication(line);
    }

    /// The shop leaves the mirror's node again.
    pub(super) fn move_away(&mut self) {
        self.link.is_here.store(false, Ordering::Relaxed);
        *self.delivery.0.lock() = None;
        self.reign();
    }

    pub(super) fn asks(&self) -> usize {
        self.link.asks.load(Ordering::Relaxed)
    }

    pub(super) async fn viewer(&self) -> Viewer {
        self.viewer_behind(fake::Pipe::new()).await
    }

    pub(super) async fn viewer_behind(&self, (pipe, client): (fake::Pipe, fake::Client)) -> Viewer {
        self.mirror.ready(&topic()).await.unwrap();
        let reader = self.hub.connect(pipe, &[]);
        let joined = self.hub.join(&topic(), reader.connection());
        let place = (joined.epoch, joined.seq);
        assert!(joined.snapshot.is_some(), "a join without a snapshot at {place:?}");
        let _in_room = joined.start();
        let (gaps, is_lost, lines) = (0, false, Vec::new());
        Viewer { reader, client, _in_room, place, gaps, is_lost, lines }
    }
}

/// A viewer that believes only what it was told, and that each line says its place.
pub(super) struct Viewer {
    pub(super) reader: Reader,
    pub(super) client: fake::Client,
    _in_room: Membership,
    pub(super) place: (u64, u64),
    pub(super) gaps: usize,
    /// It was told of a gap without a snapshot: until it has one, what comes means nothing.
    pub(super) is_lost: bool,
    pub(super) lines: Vec<String>,
}

impl Viewer {
    /// Reads what has come. Panics at a hole, a swap or a repeated line.
    pub(super) fn hear(&mut self) {
        for line in self.client.lines() {
            match line.strip_prefix("gap ") {
                Some(gap) => self.on_gap(gap),
                None if self.is_lost => {}
                None => self.on_line(&line),
            }
            self.lines.push(line);
        }
    }

    /// Joins again if it has lost its place, as clients do.
    pub(super) async fn reopen(&mut self, world: &World) {
        if self.is_lost && world.mirror.ready(&topic()).await.is_ok() {
            *self = world.viewer().await;
        }
    }

    fn on_gap(&mut self, gap: &str) {
        self.gaps += 1;
        let Some((_, snapshot)) = gap.split_once(" snapshot ") else {
            self.is_lost = true;
            return;
        };
        let place = place_of(snapshot).unwrap();
        assert!(place >= self.place, "back from {:?} to {place:?}", self.place);
        (self.place, self.is_lost) = (place, false);
    }

    fn on_line(&mut self, line: &str) {
        let seq = line.strip_prefix("tombstone ").and_then(|seq| seq.parse().ok());
        let place = seq.map(|seq| (self.place.0, seq)).or_else(|| place_of(line));
        let Some(place) = place else { return };
        assert_eq!(place, (self.place.0, self.place.1 + 1), "after {:?}", self.place);
        self.place = place;
    }

    /// Reads until nothing more comes.
    pub(super) async fn hear_all(&mut self) {
        let mut empty_rounds = 0;
        while empty_rounds < 20 {
            let before = self.lines.len();
            self.hear();
            empty_rounds = if before == self.lines.len() { empty_rounds + 1 } else { 0 };
            settle().await;
        }
    }
}

fn place_of(text: &str) -> Option<(u64, u64)> {
    let (epoch, seq) = text.trim_end().split_once('.')?;
    Some((epoch.parse().ok()?, seq.parse().ok()?))
}
