//! The outbox under every order in which its callers' locks can follow each other: loom tries them
//! all, up to two forced switches. What a connection does around it (push, start the drain it
//! owes, drain until empty, call whoever waits) is done here with loom's lock and threads.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc as StdArc, Weak};
use std::task::{Context, Poll};

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::*;
use crate::hub::outbox::{Drained, Lane, Outbox, Phase, Waiter};

/// Takes two bytes a write, and blocks at every second one.
#[derive(Debug, Default)]
struct Wire {
    written: parking_lot::Mutex<Vec<u8>>,
    stutter: AtomicBool,
    shutdowns: AtomicUsize,
}

impl Transport for Wire {
    fn try_read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.stutter.fetch_xor(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(2);
        self.written.lock().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn poll_read_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_write_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn shutdown(&self) {
        self.shutdowns.fetch_add(1, Ordering::Relaxed);
    }
}

/// Somebody whom the outbox told that it is empty.
#[derive(Debug, Default)]
struct Told(AtomicUsize);

impl Waiter for Told {
    fn on_drained(&self, _connection: ConnectionId) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Model {
    outbox: Mutex<Outbox>,
    wire: Wire,
    work: Mutex<Work>,
    changed: Condvar,
    /// Whether a drain is at work: two at a time would interleave.
    draining: AtomicBool,
    id: ConnectionId,
}

#[derive(Default)]
struct Work {
    drains_owed: usize,
    over: bool,
}

impl Model {
    fn push(&self, text: &[u8], lane: Lane) -> Sent {
        let mut outbox = self.outbox.lock().unwrap();
        let sent = outbox.push(&self.wire, Frame::line(text).bytes(), lane);
        self.follow_up(&mut outbox, sent);
        sent
    }

    fn close(&self) {
        let mut outbox = self.outbox.lock().unwrap();
        let sent = outbox.push_close(&self.wire, Frame::close(1000, "").bytes());
        self.follow_up(&mut outbox, sent);
    }

    fn hang_up(&self) {
        if self.outbox.lock().unwrap().hang_up() {
            self.wire.shutdown();
        }
    }

    fn follow_up(&self, outbox: &mut Outbox, sent: Sent) {
        if sent == Sent::Queued && outbox.claim_drain() {
            assert!(!self.draining.swap(true, Ordering::Relaxed), "two drains at a time");
            self.work.lock().unwrap().drains_owed += 1;
            self.changed.notify_one();
        }
    }

    /// The runtime: carries out the drains that are owed, until it is told to stop.
    fn run(&self) {
        loop {
            let mut work = self.work.lock().unwrap();
            while work.drains_owed == 0 {
                if work.over {
                    return;
                }
                work = self.changed.wait(work).unwrap();
            }
            work.drains_owed -= 1;
            drop(work);
            while self.drain_once() {}
        }
    }

    fn drain_once(&self) -> bool {
        let mut outbox = self.outbox.lock().unwrap();
        let drained = outbox.drain(&self.wire);
        if !matches!(drained, Drained::More { .. }) {
            self.draining.store(false, Ordering::Relaxed);
        }
        drop(outbox);
        match drained {
            Drained::More { .. } => return true,
            Drained::Broken => panic!("this wire does not break"),
            Drained::Closed => {}
            Drained::Empty { waiters, hang_up } => {
                if hang_up {
                    self.outbox.lock().unwrap().end();
                    self.wire.shutdown();
                }
                waiters.iter().filter_map(Weak::upgrade).for_each(|it| it.on_drained(self.id));
            }
        }
        false
    }

    /// The payloads on the wire, whole and in order.
    fn heard(&self) -> Vec<String> {
        let written = self.wire.written.lock();
        let (mut rest, mut heard) = (&written[..], Vec::new());
        while let [first, length, after @ ..] = rest {
            let (payload, next) = after.split_at(usize::from(*length));
            heard.push(match first {
                0x81 => String::from_utf8(payload.to_vec()).unwrap(),
                0x88 => "close".to_owned(),
                other => panic!("no frame begins with {other:x}"),
            });
            rest = next;
        }
        assert!(rest.is_empty());
        heard
    }
}

/// Runs two callers beside the runtime in every order, then looks at what has become of it.
fn in_every_order(
    bytes_max: usize,
    callers: [fn(&Model); 2],
    told: &StdArc<Told>,
    check: impl Fn(&Model) + Send + Sync + 'static,
) {
    let id = House::new().guest(fake::Pipe::new()).connection().id();
    let told = StdArc::clone(told);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        told.0.store(0, Ordering::Relaxed);
        let model = Arc::new(Model {
            outbox: Mutex::new(Outbox::new(bytes_max)),
            wire: Wire::default(),
            work: Mutex::default(),
            changed: Condvar::new(),
            draining: AtomicBool::new(false),
            id,
        });
        let runtime = thread::spawn({
            let model = Arc::clone(&model);
            move || model.run()
        });
        let other = thread::spawn({
            let model = Arc::clone(&model);
            move || callers[0](&model)
        });
        callers[1](&model);
        other.join().unwrap();
        model.work.lock().unwrap().over = true;
        model.changed.notify_one();
        runtime.join().unwrap();
        check(&model);
    });
}

/// What of `heard` begins like `one` does.
fn only<'a>(heard: &'a [String], one: &str) -> Vec<&'a str> {
    heard.iter().map(String::as_str).filter(|text| text.starts_with(one)).collect()
}

#[tokio::test]
async fn replies_and_room_frames_leave_whole_in_order_and_all_of_them() {
    fn replies(model: &Model) {
        assert_ne!(model.push(b"a1", Lane::Private), Sent::Full);
        assert_ne!(model.push(b"a2", Lane::Private), Sent::Full);
    }
    fn room(model: &Model) {
        assert_ne!(model.push(b"r1", Lane::Room), Sent::Full);
        assert_ne!(model.push(b"r2", Lane::Room), Sent::Full);
    }
    in_every_order(1_000, [replies, room], &StdArc::default(), |model| {
        let heard = model.heard();
        assert_eq!(heard.len(), 4, "{heard:?}");
        assert_eq!((only(&heard, "a"), only(&heard, "r")), (vec!["a1", "a2"], vec!["r1", "r2"]));
        assert!(!model.outbox.lock().unwrap().is_draining());
    });
}

#[tokio::test]
async fn nothing_leaves_after_a_close_and_the_transport_ends_once_it_has_left() {
    fn replies(model: &Model) {
        model.push(b"a1", Lane::Private);
        model.push(b"a2", Lane::Private);
    }
    fn goodbye(model: &Model) {
        model.close();
        model.hang_up();
    }
    in_every_order(1_000, [replies, goodbye], &StdArc::default(), |model| {
        let heard = model.heard();
        assert_eq!(heard.last().map(String::as_str), Some("close"), "{heard:?}");
        assert_eq!(only(&heard, "close").len(), 1);
        assert_eq!(only(&heard, "a"), ["a1", "a2"][..heard.len() - 1]);
        assert_eq!(model.outbox.lock().unwrap().phase, Phase::Closed);
        assert_eq!(model.wire.shutdowns.load(Ordering::Relaxed), 1);
    });
}

thread_local! {
    /// Whom the room's callers below name; loom runs all its threads on one.
    static TOLD: std::cell::RefCell<Weak<Told>> = const { std::cell::RefCell::new(Weak::new()) };
}

#[tokio::test]
async fn who_was_refused_is_told_once_when_the_outbox_is_empty_or_can_send_at_once() {
    fn replies(model: &Model) {
        model.push(b"a1", Lane::Private);
    }
    fn room(model: &Model) {
        let mut waits = 0;
        for text in [b"r1", b"r2", b"r3"] {
            if model.push(text, Lane::Room) == Sent::Full {
                let waiter: Weak<dyn Waiter> = TOLD.with_borrow(Weak::clone);
                let mut outbox = model.outbox.lock().unwrap();
                waits += usize::from(outbox.when_drained(waiter, tokio::time::Instant::now()));
            }
        }
        WAITED.store(waits, Ordering::Relaxed);
    }
    static WAITED: AtomicUsize = AtomicUsize::new(0);
    static TIMES: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

    let told = StdArc::new(Told::default());
    TOLD.set(StdArc::downgrade(&told));
    let seen = StdArc::clone(&told);
    in_every_order(8, [replies, room], &told, move |model| {
        let (waits, told) = (WAITED.load(Ordering::Relaxed), seen.0.load(Ordering::Relaxed));
        TIMES[waits].fetch_add(1, Ordering::Relaxed);
        // Two refusals in one drain are one call.
        assert!(told <= waits && (waits == 0) == (told == 0), "told {told} of {waits}");
        assert!(!model.outbox.lock().unwrap().is_draining());
        model.heard();
    });
    let times = TIMES.each_ref().map(|times| times.load(Ordering::Relaxed));
    assert!(times.iter().all(|times| *times > 0), "not every case was met: {times:?}");
}
