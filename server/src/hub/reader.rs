//! What a client says: whole messages out of the socket's bytes. Owns the pings and the end of a
//! connection, and keeps nothing of the protocol while nothing is incomplete; never knows what a
//! message means.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::time::Instant;

pub use tokio_tungstenite::tungstenite::Utf8Bytes;
pub use tokio_tungstenite::tungstenite::handshake::derive_accept_key as accept_key;

use super::connection::Connection;
use super::frame::Frame;
use super::machine::{Fed, Machine};
use super::wheel::Timer;

/// One read takes at most this much; the buffer belongs to the thread, not to the connection.
const SCRATCH_BYTES: usize = 16 << 10;

const CLOSE_BUG: u16 = 1011;
const CLOSE_NO_PONG: u16 = 4409;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// Something the client said, or did not say in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A whole text message, checked for size and UTF-8.
    Text(Utf8Bytes),
    /// A ping, already answered: for whoever counts how much a client says.
    Ping,
    /// An answer to one of our pings.
    Pong,
    /// The moment of [`Reader::wake_at`] has come.
    Due,
}

/// Why there is nothing more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadEnd {
    /// This side closed, with this code: by [`Connection::close`] or for a broken rule.
    Closed { code: u16 },
    /// The peer closed in due form; 1005 when it gave no code.
    PeerClosed { code: u16 },
    /// The peer vanished.
    Lost,
}

/// The reading half of a connection. When it is dropped before its end, the connection closes
/// with 1011: its loop has failed.
pub struct Reader {
    connection: Arc<Connection>,
    /// There only while a message is incomplete or not fetched yet, and once a close has begun.
    machine: Option<Box<Machine>>,
    timer: Timer,
    /// When the client was last heard or pinged.
    turned_at: Instant,
    is_pinged: bool,
    pings: u32,
    wake_at: Option<Instant>,
    /// The machine is broken: what still arrives is thrown away until the socket ends.
    discards: bool,
    end: Option<ReadEnd>,
}

enum Stimulus {
    Readable,
    Due,
}

impl Reader {
    /// `leftover` is what was read together with the handshake.
    pub(super) fn new(connection: Arc<Connection>, leftover: &[u8]) -> Self {
        let mut reader = Self {
            connection,
            machine: None,
            timer: Timer::new(),
            turned_at: Instant::now(),
            is_pinged: false,
            pings: 0,
            wake_at: None,
            discards: false,
            end: None,
        };
        if !leftover.is_empty() {
            reader.on_bytes(leftover);
        }
        reader
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Lets [`Reader::next`] return [`Inbound::Due`] once, at that moment or a tenth of a second
    /// later. Replaces an earlier one.
    pub fn wake_at(&mut self, at: Instant) {
        self.wake_at = Some(at);
    }

    /// The next thing the client says. May be dropped and called again at any point. Pings,
    /// pongs, the peer's close, its silence (4409) and broken rules (1002, 1003, 1007, 1009) are
    /// dealt with on the way; once it returns an end it always does.
    pub async fn next(&mut self) -> Result<Inbound, ReadEnd> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Reader::next`] for who waits for something else as well and has no room for a future.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, ReadEnd>> {
        loop {
            if let Some(inbound) = self.fetch() {
                return Poll::Ready(Ok(inbound));
            }
            if let Some(end) = self.end {
                return Poll::Ready(Err(end));
            }
            match ready!(self.poll_stimulus(cx)) {
                Stimulus::Readable => self.on_readable(),
                Stimulus::Due if self.on_due() => return Poll::Ready(Ok(Inbound::Due)),
                Stimulus::Due => {}
            }
        }
    }

    /// Closes and waits until the peer has answered or the close timeout is over.
    pub async fn close(&mut self, code: u16, reason: &str) -> ReadEnd {
        self.connection.close(code, reason);
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// What has been said already. A machine with nothing left to do goes to the next who reads.
    fn fetch(&mut self) -> Option<Inbound> {
        let inbound = self.machine.as_mut()?.ready.pop_front();
        if let Some(machine) = self.machine.take_if(|machine| machine.is_at_rest()) {
            machine.give_back();
        }
        inbound
    }

    fn poll_stimulus(&mut self, cx: &mut Context<'_>) -> Poll<Stimulus> {
        if self.connection.transport().poll_read_ready(cx).is_ready() {
            return Poll::Ready(Stimulus::Readable);
        }
        let now = Instant::now();
        match self.deadline() {
            Some(at) if at <= now => Poll::Ready(Stimulus::Due),
            Some(at) => {
                self.timer.ensure(&self.connection.shared().wheel, at, now, cx.waker());
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    fn on_readable(&mut self) {
        SCRATCH.with_borrow_mut(|scratch| match self.connection.transport().try_read(scratch) {
            Ok(0) => self.on_end(ReadEnd::Lost),
            Ok(bytes) => self.on_bytes(&scratch[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.on_end(ReadEnd::Lost),
        });
    }

    /// Whether it was the caller's own moment.
    fn on_due(&mut self) -> bool {
        let now = Instant::now();
        if self.wake_at.take_if(|at| *at <= now).is_some() {
            return true;
        }
        if self.silence_ends().is_some_and(|at| at <= now) {
            self.on_silence(now);
        }
        false
    }

    fn on_silence(&mut self, now: Instant) {
        if self.is_pinged {
            self.connection.close(CLOSE_NO_PONG, "no pong in time");
            self.discards = true;
            return;
        }
        self.pings = self.pings.wrapping_add(1);
        self.is_pinged = true;
        self.turned_at = now;
        self.connection.send(&Frame::ping(self.pings.into()));
    }

    fn deadline(&self) -> Option<Instant> {
        match (self.silence_ends(), self.wake_at) {
            (Some(silence), Some(wake)) => Some(silence.min(wake)),
            (silence, wake) => silence.or(wake),
        }
    }

    /// When silence calls for an act. A connection that is being closed has its own timeout.
    fn silence_ends(&self) -> Option<Instant> {
        let wait = match self.is_pinged {
            _ if self.discards => return None,
            true => self.connection.shared().options.pong_timeout(),
            false => self.connection.limits().ping_after(),
        };
        Some(self.turned_at + wait)
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        if self.discards {
            return;
        }
        self.turned_at = Instant::now();
        self.is_pinged = false;
        let bytes_max = self.connection.limits().message_bytes_max;
        let mut machine = match self.machine.take() {
            Some(mut machine) => {
                // It may have begun under other limits.
                machine.set_message_bytes_max(bytes_max);
                machine
            }
            None => Machine::lend(bytes_max, self.connection.deflates()),
        };
        match machine.feed(bytes, &self.connection) {
            Fed::More => {}
            Fed::Closed { code } => self.on_end(ReadEnd::PeerClosed { code }),
            Fed::Violation { code, reason } => {
                self.connection.close(code, reason);
                self.discards = true;
            }
        }
        self.machine = Some(machine);
    }

    fn on_end(&mut self, end: ReadEnd) {
        match end {
            ReadEnd::Lost => self.connection.cut(),
            ReadEnd::Closed { .. } | ReadEnd::PeerClosed { .. } => self.connection.hang_up(),
        }
        let ours = self.connection.close_code().map(|code| ReadEnd::Closed { code });
        self.end = Some(ours.unwrap_or(end));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.timer.forget(&self.connection.shared().wheel);
        if self.end.is_some() {
            return;
        }
        match Handle::try_current() {
            Ok(_) => self.connection.close(CLOSE_BUG, "the connection's loop has failed"),
            Err(_) => self.connection.cut(),
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("connection", &self.connection)
            .field("end", &self.end)
            .finish()
    }
}

#[cfg(test)]
impl Reader {
    pub(super) fn holds_machine(&self) -> bool {
        self.machine.is_some()
    }
}
