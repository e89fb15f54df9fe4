//! One topic that this node follows. Owns its copy of the snapshot, what waits behind a gap, and
//! who waits for the owner's answer.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::feed::{Feed, Position};
use super::history::History;
use super::{NotReady, Options};
use crate::bus::{Publication, Topic};
use crate::hub::{Hub, Snapshot};

#[derive(Debug)]
pub(super) struct Followed {
    pub(super) topic: Topic,
    began_at: Instant,
    /// When a join last asked for it or a viewer was seen, since `began_at`.
    wanted_ms: AtomicU64,
    is_ready: AtomicBool,
    /// This node serves the shop itself, as far as is known.
    is_here: AtomicBool,
    /// How many questions were put; an answer is for all that were put before it was asked for.
    asked: AtomicU64,
    answers: watch::Sender<Answers>,
    pub(super) wake: Notify,
    /// Held while the hub is fed, so that nobody overtakes.
    feed: Mutex<Feed>,
    /// Never held while the hub is fed: it asks for this with a room locked.
    copy: Mutex<Option<Snapshot>>,
}

#[derive(Debug, Default)]
struct Answers {
    answered: u64,
    /// Why the last attempt failed, if it did.
    trouble: Option<NotReady>,
}

/// What the topic needs next, and when.
pub(super) struct Needs {
    /// Something is missing, or somebody waits.
    pub(super) now: bool,
    /// The copy grows old.
    pub(super) refresh: bool,
    pub(super) recheck_at: Option<Instant>,
    pub(super) heard_at: Instant,
}

impl Followed {
    pub(super) fn new(topic: Topic) -> Self {
        Self {
            topic,
            began_at: Instant::now(),
            wanted_ms: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
            is_here: AtomicBool::new(false),
            asked: AtomicU64::new(1),
            answers: watch::Sender::default(),
            wake: Notify::new(),
            feed: Mutex::new(Feed::new()),
            copy: Mutex::default(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub(super) fn is_here(&self) -> bool {
        self.is_here.load(Ordering::Acquire)
    }

    pub(super) fn copy(&self) -> Option<Snapshot> {
        self.copy.lock().clone()
    }

    pub(super) fn touch(&self) {
        let ms = self.began_at.elapsed().as_millis() as u64;
        self.wanted_ms.fetch_max(ms, Ordering::AcqRel);
    }

    /// Whether nobody has wanted it for so long.
    pub(super) fn is_unwanted(&self, linger: Duration) -> bool {
        let wanted = Duration::from_millis(self.wanted_ms.load(Ordering::Acquire));
        self.answers.receiver_count() == 0 && self.began_at.elapsed() >= wanted + linger
    }

    /// Waits for an answer that is asked for from now on.
    pub(super) async fn answered(&self, patience: Duration) -> Result<(), NotReady> {
        let mut answers = self.answers.subscribe();
        let mine = match self.is_ready() {
            true => self.asked.fetch_add(1, Ordering::AcqRel) + 1,
            // The question with which following begins, or begins again, is everybody's.
            false => self.asked.load(Ordering::Acquire),
        };
        self.wake.notify_one();
        if timeout(patience, answers.wait_for(|it| it.answered >= mine)).await.is_ok() {
            return Ok(());
        }
        let trouble = answers.borrow().trouble.clone();
        Err(trouble.unwrap_or_else(|| NotReady("no answer yet".to_owned())))
    }

    /// How many questions an answer that is asked for now will settle.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn settle(&self, asked: u64, outcome: Result<(), NotReady>) {
        if outcome.is_ok() {
            self.is_ready.store(true, Ordering::Release);
        }
        self.answers.send_modify(|answers| match outcome {
            Ok(()) => *answers = Answers { answered: asked, trouble: None },
            Err(trouble) => answers.trouble = Some(trouble),
        });
    }

    pub(super) fn on_message(&self, hub: &Hub, message: Vec<Publication>, options: &Options) {
        let mut feed = self.feed.lock();
        feed.take(hub, &self.topic, message, options.held_max);
        self.wake_if_needed(hub, &feed);
    }

    pub(super) fn on_top(&self, hub: &Hub, top: Position) {
        let mut feed = self.feed.lock();
        feed.on_top(top);
        self.wake_if_needed(hub, &feed);
    }

    /// Each topic at its own moment within the `spread`.
    pub(super) fn on_interruption(&self, spread: Duration) {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(self.topic.as_str());
        let share = (hash % 1_000) as u32;
        self.feed.lock().recheck_at = Some(Instant::now() + spread * share / 1_000);
        self.wake.notify_one();
    }

    /// The owner has answered.
    pub(super) fn install(&self, hub: &Hub, history: History) {
        self.is_here.store(false, Ordering::Release);
        let mut feed = self.feed.lock();
        if history != History::default() {
            self.refill(hub, history);
        }
        feed.drain(hub, &self.topic);
    }

    /// This node has numbered a line under an epoch: if that is higher, the shop has come here.
    pub(super) fn on_own(&self, epoch: u64) {
        let mut copy = self.copy.lock();
        if copy.as_ref().map(|copy| copy.epoch) < Some(epoch) {
            *copy = None;
            self.is_here.store(true, Ordering::Release);
        }
    }

    /// The shop is this node's own: what it knows of it counts.
    pub(super) fn give_up(&self, hub: &Hub) {
        self.is_here.store(true, Ordering::Release);
        let mut feed = self.feed.lock();
        *self.copy.lock() = None;
        feed.drain(hub, &self.topic);
    }

    /// Call with the feed locked. The copy is never of an older epoch than the hub's lines, and
    /// begins a new one before them: viewers who lose their place are answered from it.
    fn refill(&self, hub: &Hub, history: History) {
        let (kept, snapshot) = history.split();
        let position = hub.position(&self.topic);
        if position.is_some_and(|(epoch, _)| epoch > kept.epoch) {
            // From somebody who does not know yet that he is deposed.
            return;
        }
        let joins = position.is_some_and(|(e, last)| e == kept.epoch && kept.after <= last);
        if joins {
            hub.refill(&self.topic, kept);
            self.renew(snapshot);
        } else {
            *self.copy.lock() = snapshot;
            hub.refill(&self.topic, kept);
        }
    }

    fn renew(&self, snapshot: Option<Snapshot>) {
        let place = |snapshot: &Snapshot| (snapshot.epoch, snapshot.seq);
        let mut copy = self.copy.lock();
        if snapshot.as_ref().map(place) >= copy.as_ref().map(place) {
            *copy = snapshot;
        }
    }

    /// What is left to do.
    pub(super) fn needs(&self, hub: &Hub) -> Needs {
        let position = hub.position(&self.topic);
        let copied = self.copied(position);
        let is_worn = self.is_worn(hub, position, copied);
        let feed = self.feed.lock();
        let is_asked = self.answers.borrow().answered < self.asked();
        Needs {
            now: feed.is_behind(position) || is_worn || is_asked,
            refresh: position > copied && !self.is_here(),
            recheck_at: feed.recheck_at,
            heard_at: feed.heard_at,
        }
    }

    /// Whether many lines have come since the copy. One from which the kept lines do not lead on
    /// any more answers no join.
    fn is_worn(&self, hub: &Hub, position: Option<Position>, copied: Option<Position>) -> bool {
        let (Some((_, last)), Some((epoch, seq))) = (position, copied) else { return false };
        let since = last.saturating_sub(seq) as usize;
        let is_worn = since > hub.options().ring_lines_max / 2;
        let is_cut_off = since > 0 && !hub.reaches(&self.topic, epoch, seq);
        if is_cut_off && self.is_ready.swap(false, Ordering::AcqRel) {
            self.asked.fetch_add(1, Ordering::AcqRel);
        }
        is_worn || is_cut_off
    }

    /// How far the copy goes. One of an epoch that is over, since this node began its own, is gone.
    fn copied(&self, position: Option<Position>) -> Option<Position> {
        let mut copy = self.copy.lock();
        if copy.as_ref().map(|copy| copy.epoch) < position.map(|(epoch, _)| epoch) {
            *copy = None;
        }
        copy.as_ref().map(|copy| (copy.epoch, copy.seq))
    }

    pub(super) fn begin_recheck(&self) {
        let mut feed = self.feed.lock();
        feed.recheck_at = feed.recheck_at.filter(|at| *at > Instant::now());
    }

    fn wake_if_needed(&self, hub: &Hub, feed: &Feed) {
        let position = hub.position(&self.topic);
        let is_worn = self.is_worn(hub, position, self.copied(position));
        if is_worn || feed.is_behind(position) {
            self.wake.notify_one();
        }
    }
}
