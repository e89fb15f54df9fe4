//! One socket as the rest of the server sees it: what may be sent, and how it ends. Owns the task
//! that empties a blocked outbox; never reads and never looks into a frame.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::frame::Frame;
use super::meters::Meters;
use super::options::{Limits, Options};
use super::outbox::{Drained, Lane, Outbox, Phase, Sent, Waiter};
use super::transport::Transport;
use super::wheel::Wheel;
use crate::bus::UserId;

/// Close code of a reader who is too slow; he may come back and resume.
pub const CLOSE_TOO_SLOW: u16 = 4408;

/// Names a connection on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What every connection of a hub shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) meters: Meters,
    pub(super) wheel: Arc<Wheel>,
    next_id: AtomicU64,
}

/// A connection; always behind an [`Arc`], whatever its transport.
pub struct Connection<T: Transport + ?Sized = dyn Transport> {
    id: ConnectionId,
    user: OnceLock<UserId>,
    shared: Arc<Shared>,
    deflates: bool,
    is_staff: AtomicBool,
    outbox: Mutex<Outbox>,
    transport: T,
}

/// How a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    pub written_bytes: u64,
    pub queued_bytes: usize,
    /// Whether some room skips it because it does not read fast enough.
    pub behind: bool,
}

impl Shared {
    pub(super) fn new(options: Options) -> Arc<Self> {
        let (meters, wheel) = (Meters::new(), Wheel::new());
        Arc::new(Self { options, meters, wheel, next_id: AtomicU64::new(1) })
    }
}

impl Connection {
    /// `deflates`: compressed messages were agreed on in the handshake.
    pub(super) fn open(
        shared: &Arc<Shared>,
        transport: impl Transport,
        deflates: bool,
    ) -> Arc<Self> {
        shared.meters.connections.increment(1.0);
        Arc::new(Connection {
            id: ConnectionId(shared.next_id.fetch_add(1, Ordering::Relaxed)),
            user: OnceLock::new(),
            shared: Arc::clone(shared),
            deflates,
            is_staff: AtomicBool::new(false),
            outbox: Mutex::new(Outbox::new(shared.options.buyer.outbox_bytes_max)),
            transport,
        })
    }

    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whose connection it is, once it has said hello.
    pub fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    /// Sends a reply or a personal push. A connection whose outbox overflows with these is closed
    /// with 4408: a reply is never dropped silently.
    pub fn send(self: &Arc<Self>, frame: &Frame) -> Sent {
        match self.push(frame, Lane::Private) {
            Sent::Full => {
                self.close_slow();
                Sent::Closed
            }
            sent => sent,
        }
    }

    /// Sends a room's frame unless there is no room for it.
    pub(super) fn offer(self: &Arc<Self>, frame: &Frame) -> Sent {
        self.push(frame, Lane::Room)
    }

    /// Says goodbye after what is already queued. The peer has `close_timeout_ms` to answer, then
    /// the socket is shut down. Only the first call counts.
    pub fn close(self: &Arc<Self>, code: u16, reason: &str) {
        self.end_with(Some(code), &Frame::close(code, reason));
    }

    /// The code this side closed with, if it did.
    pub fn close_code(&self) -> Option<u16> {
        self.outbox.lock().close_code
    }

    /// Whether nothing more can be sent.
    pub fn is_closing(&self) -> bool {
        self.outbox.lock().phase != Phase::Open
    }

    pub fn stats(&self) -> Stats {
        let outbox = self.outbox.lock();
        Stats {
            written_bytes: outbox.written_bytes,
            queued_bytes: outbox.queued_bytes(),
            behind: outbox.behind_since.is_some(),
        }
    }

    /// From here on the limits of staff hold: larger messages, a larger outbox, and pings that
    /// notice soon when an agent is gone. To be called by the task that reads the connection,
    /// while it deals with a message: it looks at the time again after that.
    pub fn serve_as_staff(&self) {
        self.is_staff.store(true, Ordering::Relaxed);
        self.set_outbox_bytes_max(self.shared.options.staff.outbox_bytes_max);
    }

    /// What this connection may do, and when it is pinged.
    pub fn limits(&self) -> &Limits {
        let Options { buyer, staff, .. } = &self.shared.options;
        if self.is_staff.load(Ordering::Relaxed) { staff } else { buyer }
    }

    pub(super) fn set_outbox_bytes_max(&self, bytes_max: usize) {
        self.outbox.lock().set_bytes_max(bytes_max);
    }

    pub(super) fn set_user(&self, user: UserId) -> Result<(), UserId> {
        self.user.set(user)
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        &self.transport
    }

    pub(super) fn deflates(&self) -> bool {
        self.deflates
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Sends what the protocol machine answers: a pong, or the reply to the peer's close.
    pub(super) fn answer(self: &Arc<Self>, frame: &Frame) {
        if frame.is_close() {
            self.end_with(None, frame);
        } else {
            self.send(frame);
        }
    }

    /// Asks for one call of `waiter` once the outbox is empty. `false`: it is empty already, or
    /// nothing will be sent any more.
    pub(super) fn when_drained(&self, waiter: Weak<dyn Waiter>) -> bool {
        self.outbox.lock().when_drained(waiter, Instant::now())
    }

    /// Whether a task is bound to empty the outbox.
    pub(super) fn is_draining(&self) -> bool {
        self.outbox.lock().is_draining()
    }

    /// Shuts the transport down once everything has left.
    pub(super) fn hang_up(&self) {
        if self.outbox.lock().hang_up() {
            self.transport.shutdown();
        }
    }

    /// Shuts the transport down at once.
    pub(super) fn cut(&self) {
        self.outbox.lock().end();
        self.transport.shutdown();
    }

    fn push(self: &Arc<Self>, frame: &Frame, lane: Lane) -> Sent {
        // Outside the lock: whoever comes first compresses for all.
        let bytes = frame.form(self.deflates);
        let mut outbox = self.outbox.lock();
        let before = (outbox.writes, outbox.written_bytes);
        let sent = outbox.push(&self.transport, bytes, lane);
        let meters = &self.shared.meters;
        meters.writes.increment(outbox.writes - before.0);
        meters.written_bytes.increment(outbox.written_bytes - before.1);
        if matches!(sent, Sent::Written | Sent::Queued) {
            meters.deliveries.increment(u64::from(frame.line_count()));
        }
        self.follow_up(&mut outbox, sent);
        sent
    }

    /// What the caller of a push owes, still under the lock: a drain, or the end of the transport.
    fn follow_up(self: &Arc<Self>, outbox: &mut Outbox, sent: Sent) {
        let meters = &self.shared.meters;
        match sent {
            Sent::Queued => {
                meters.outbox_bytes.record(outbox.queued_bytes() as f64);
                if outbox.claim_drain() {
                    tokio::spawn(Arc::clone(self).drain());
                }
            }
            Sent::Closed if outbox.phase == Phase::Closed => self.transport.shutdown(),
            Sent::Written | Sent::Full | Sent::Closed => {}
        }
    }

    fn end_with(self: &Arc<Self>, code: Option<u16>, frame: &Frame) {
        let mut outbox = self.outbox.lock();
        self.end_locked(&mut outbox, code, frame);
    }

    fn end_locked(self: &Arc<Self>, outbox: &mut Outbox, code: Option<u16>, frame: &Frame) {
        if outbox.phase != Phase::Open {
            return;
        }
        outbox.close_code = code;
        let sent = outbox.push_close(&self.transport, frame.bytes());
        self.follow_up(outbox, sent);
        if sent != Sent::Closed {
            tokio::spawn(cut_later(Arc::downgrade(self), self.shared.options.close_timeout()));
        }
    }

    fn close_slow(self: &Arc<Self>) {
        let mut outbox = self.outbox.lock();
        if outbox.phase != Phase::Open {
            return;
        }
        outbox.forget_unsent();
        let frame = Frame::close(CLOSE_TOO_SLOW, "too slow: resume on a new connection");
        self.end_locked(&mut outbox, Some(CLOSE_TOO_SLOW), &frame);
    }

    async fn drain(self: Arc<Self>) {
        let mut deadline = Instant::now() + self.shared.options.write_timeout();
        loop {
            let ready = poll_fn(|cx| self.transport.poll_write_ready(cx));
            match timeout_at(deadline, ready).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return self.cut(),
                Err(_elapsed) => self.close_slow(),
            }
            let Some(moved) = self.drain_once() else { return };
            deadline = self.drain_deadline(deadline, moved);
        }
    }

    /// Whether anything left, or `None` when the drain's work is over.
    fn drain_once(&self) -> Option<bool> {
        let mut outbox = self.outbox.lock();
        let before = (outbox.writes, outbox.written_bytes);
        let drained = outbox.drain(&self.transport);
        self.shared.meters.writes.increment(outbox.writes - before.0);
        self.shared.meters.written_bytes.increment(outbox.written_bytes - before.1);
        drop(outbox);
        match drained {
            Drained::More { moved } => return Some(moved),
            Drained::Broken => self.transport.shutdown(),
            Drained::Closed => {}
            Drained::Empty { waiters, hang_up } => {
                if hang_up {
                    self.cut();
                }
                for waiter in waiters.iter().filter_map(Weak::upgrade) {
                    waiter.on_drained(self.id);
                }
            }
        }
        None
    }

    /// When the patience with a blocked socket ends. A closing one needs no limit: the close
    /// timeout shuts it down.
    fn drain_deadline(&self, deadline: Instant, moved: bool) -> Instant {
        let patience = self.shared.options.write_timeout();
        let outbox = self.outbox.lock();
        if outbox.phase != Phase::Open {
            return Instant::now() + self.shared.options.close_timeout() * 2;
        }
        let stalled = if moved { Instant::now() + patience } else { deadline };
        outbox.behind_since.map_or(stalled, |since| stalled.min(since + patience))
    }
}

/// Ends a connection whose peer does not answer our close frame. One that is gone by then needs
/// no ending.
async fn cut_later(connection: Weak<Connection>, timeout: Duration) {
    sleep(timeout).await;
    if let Some(connection) = connection.upgrade() {
        connection.cut();
    }
}

impl<T: Transport + ?Sized> Drop for Connection<T> {
    fn drop(&mut self) {
        self.shared.meters.connections.decrement(1.0);
    }
}

impl<T: Transport + ?Sized> fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).field("user", &self.user).finish()
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}", self.0)
    }
}
