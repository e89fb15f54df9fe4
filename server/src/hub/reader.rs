//! What a client says: whole messages out of the socket's bytes. Owns the protocol machine, the
//! pings and the end of a connection; never knows what a message means.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

pub use tokio_tungstenite::tungstenite::Utf8Bytes;
pub use tokio_tungstenite::tungstenite::handshake::derive_accept_key as accept_key;

use super::connection::Connection;
use super::frame::Frame;
use super::options::Limits;

/// One read takes at most this much; the buffer belongs to the thread, not to the connection.
const SCRATCH_BYTES: usize = 16 << 10;

/// What the protocol machine copies at a time: small, because each connection keeps it.
const MACHINE_BUFFER_BYTES: usize = 256;

const CLOSE_PROTOCOL: u16 = 1002;
const CLOSE_BINARY: u16 = 1003;
const CLOSE_NOT_UTF8: u16 = 1007;
const CLOSE_TOO_BIG: u16 = 1009;
const CLOSE_BUG: u16 = 1011;
const CLOSE_NO_PONG: u16 = 4409;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// Something the client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A whole text message, checked for size and UTF-8.
    Text(Utf8Bytes),
    /// A ping, already answered: for whoever counts how much a client says.
    Ping,
    /// An answer to one of our pings.
    Pong,
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
    machine: WebSocketContext,
    ready: VecDeque<Inbound>,
    limits: Limits,
    heard_at: Instant,
    pinged_at: Option<Instant>,
    pings: u64,
    timer: Pin<Box<Sleep>>,
    peer_code: Option<u16>,
    /// The machine is broken: what still arrives is thrown away until the socket ends.
    discards: bool,
    end: Option<ReadEnd>,
}

impl Reader {
    /// `leftover` is what was read together with the handshake.
    pub(super) fn new(connection: Arc<Connection>, leftover: &[u8]) -> Self {
        let limits = connection.shared().options.buyer;
        let now = Instant::now();
        let mut reader = Self {
            machine: WebSocketContext::new(Role::Server, Some(config(&limits))),
            connection,
            ready: VecDeque::new(),
            timer: Box::pin(sleep_until(now + limits.ping_after())),
            limits,
            heard_at: now,
            pinged_at: None,
            pings: 0,
            peer_code: None,
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

    /// Grants what the hello proved: message size, outbox, ping interval.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.machine.set_config(|machine| *machine = config(&limits));
        self.connection.set_limits(&limits);
        let deadline = self.deadline();
        self.timer.as_mut().reset(deadline);
    }

    /// The next thing the client says. May be dropped and called again at any point. Pings,
    /// pongs, the peer's close, its silence (4409) and broken rules (1002, 1003, 1007, 1009) are
    /// dealt with on the way; once it returns an end it always does.
    pub async fn next(&mut self) -> Result<Inbound, ReadEnd> {
        loop {
            if let Some(inbound) = self.ready.pop_front() {
                return Ok(inbound);
            }
            if let Some(end) = self.end {
                return Err(end);
            }
            match poll_fn(|cx| self.poll_stimulus(cx)).await {
                Stimulus::Readable => self.on_readable(),
                Stimulus::Due => self.on_due(),
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

    fn poll_stimulus(&mut self, cx: &mut Context<'_>) -> Poll<Stimulus> {
        if self.connection.transport().poll_read_ready(cx).is_ready() {
            return Poll::Ready(Stimulus::Readable);
        }
        self.timer.as_mut().poll(cx).map(|()| Stimulus::Due)
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

    fn on_due(&mut self) {
        let now = Instant::now();
        if now >= self.deadline() {
            if self.pinged_at.is_some() {
                self.connection.close(CLOSE_NO_PONG, "no pong in time");
                self.discards = true;
            } else {
                self.pings += 1;
                self.pinged_at = Some(now);
                self.connection.send(&Frame::ping(self.pings));
            }
        }
        let deadline = self.deadline();
        self.timer.as_mut().reset(deadline);
    }

    /// When silence calls for an act. A connection that is being closed has its own timeout.
    fn deadline(&self) -> Instant {
        const FAR: Duration = Duration::from_secs(86_400);
        match self.pinged_at {
            _ if self.discards => Instant::now() + FAR,
            Some(pinged_at) => pinged_at + self.connection.shared().options.pong_timeout(),
            None => self.heard_at + self.limits.ping_after(),
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        self.heard_at = Instant::now();
        if self.discards {
            return;
        }
        self.pinged_at = None;
        let mut tap = Tap { input: bytes, connection: &Arc::clone(&self.connection) };
        loop {
            match self.machine.read(&mut tap) {
                Ok(message) => self.on_message(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.on_error(&error),
            }
            if self.discards {
                return;
            }
        }
    }

    fn on_message(&mut self, message: Message) {
        let inbound = match message {
            Message::Text(text) => Inbound::Text(text),
            Message::Ping(_) => Inbound::Ping,
            Message::Pong(_) => Inbound::Pong,
            Message::Binary(_) => return self.on_violation(CLOSE_BINARY, "text frames only"),
            Message::Close(frame) => {
                self.peer_code = frame.map(|frame| frame.code.into());
                return;
            }
            Message::Frame(_) => return,
        };
        if !self.connection.is_closing() {
            self.ready.push_back(inbound);
        }
    }

    fn on_error(&mut self, error: &Error) {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => {
                self.on_end(ReadEnd::PeerClosed { code: self.peer_code.unwrap_or(1005) });
            }
            Error::Capacity(_) => self.on_violation(CLOSE_TOO_BIG, "the message is too big"),
            Error::Utf8(_) => self.on_violation(CLOSE_NOT_UTF8, "the text is not UTF-8"),
            _ => self.on_violation(CLOSE_PROTOCOL, "this is not the WebSocket protocol"),
        }
    }

    fn on_violation(&mut self, code: u16, reason: &str) {
        self.connection.close(code, reason);
        self.discards = true;
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

enum Stimulus {
    Readable,
    Due,
}

/// What the protocol machine takes for a socket: it reads bytes that have already arrived, and
/// each of its writes is one whole control frame for the outbox.
struct Tap<'a> {
    input: &'a [u8],
    connection: &'a Arc<Connection>,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        self.connection.answer(&Frame::control(frame));
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(MACHINE_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(limits.message_bytes_max))
        .max_frame_size(Some(limits.message_bytes_max))
}
