//! The protocol machine: checks a client's frames and puts messages together. Owns what a
//! connection keeps while something of it is incomplete, and lends it out for only that long.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::connection::Connection;
use super::deflate::{self, Broken};
use super::frame::Frame;
use super::reader::Inbound;
use super::walker::Walker;

/// What the machine copies at a time. It is lent out for a message, so it may be comfortable.
const BUFFER_BYTES: usize = 4 << 10;

thread_local! {
    static SPARE: Cell<Option<Box<Machine>>> = const { Cell::new(None) };
}

/// A machine at work, and what it has found so far.
pub(super) struct Machine {
    context: WebSocketContext,
    walker: Walker,
    pub(super) ready: VecDeque<Inbound>,
    /// Not to be lent again: a rule was broken, or a large message has left a large buffer.
    is_spent: bool,
}

/// What the bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// Whatever was whole is in `ready`.
    More,
    /// The closing handshake is complete; 1005 stands for a close without a code.
    Closed { code: u16 },
    /// A rule is broken; the machine is of no use any more.
    Violation { code: u16, reason: &'static str },
}

const BINARY: Fed = Fed::Violation { code: 1003, reason: "text frames only" };
const NOT_UTF8: Fed = Fed::Violation { code: 1007, reason: "the text is not UTF-8" };
const TOO_BIG: Fed = Fed::Violation { code: 1009, reason: "the message is too big" };
const PROTOCOL: Fed = Fed::Violation { code: 1002, reason: "this is not the WebSocket protocol" };

impl Machine {
    /// The thread's spare machine, or a new one.
    pub(super) fn lend(message_bytes_max: usize, deflates: bool) -> Box<Self> {
        let walker = Walker::new(deflates);
        match SPARE.take() {
            Some(mut machine) => {
                machine.walker = walker;
                machine.set_message_bytes_max(message_bytes_max);
                machine
            }
            None => Box::new(Self {
                context: WebSocketContext::new(Role::Server, Some(config(message_bytes_max))),
                walker,
                ready: VecDeque::new(),
                is_spent: false,
            }),
        }
    }

    /// Takes a machine back for whoever reads next.
    pub(super) fn give_back(self: Box<Self>) {
        if !self.is_spent {
            SPARE.set(Some(self));
        }
    }

    /// Whether nothing is incomplete and nothing waits to be fetched.
    pub(super) fn is_at_rest(&self) -> bool {
        self.ready.is_empty() && self.walker.is_between() && self.context.can_write()
    }

    pub(super) fn set_message_bytes_max(&mut self, message_bytes_max: usize) {
        self.context.set_config(|current| *current = config(message_bytes_max));
    }

    /// Reads what a client said. Answers to pings and closes go to the connection on the way.
    pub(super) fn feed(&mut self, bytes: &[u8], connection: &Arc<Connection>) -> Fed {
        let fed = self.read(bytes, connection);
        self.is_spent |= fed != Fed::More;
        fed
    }

    fn read(&mut self, bytes: &[u8], connection: &Arc<Connection>) -> Fed {
        let mut peer_code = 1005;
        let mut input = bytes;
        loop {
            let tap = &mut Tap { input: &mut input, walker: &mut self.walker, connection };
            let message = match self.context.read(tap) {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Fed::More;
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    return Fed::Closed { code: peer_code };
                }
                Err(Error::Capacity(_)) => return TOO_BIG,
                Err(Error::Utf8(_)) => return NOT_UTF8,
                Err(_) => return PROTOCOL,
            };
            if let Message::Close(frame) = message {
                peer_code = frame.map_or(1005, |frame| frame.code.into());
                continue;
            }
            match self.inbound(message, connection) {
                Ok(inbound) if connection.is_closing() => drop(inbound),
                Ok(inbound) => self.ready.push_back(inbound),
                Err(violation) => return violation,
            }
        }
    }

    fn inbound(&mut self, message: Message, connection: &Connection) -> Result<Inbound, Fed> {
        self.is_spent |= message.len() > BUFFER_BYTES;
        match message {
            Message::Text(text) => Ok(Inbound::Text(text)),
            Message::Binary(payload) if self.walker.is_deflated() => {
                let bytes_max = self.context.get_config().max_message_size.unwrap_or(0);
                let growth_max = connection.shared().options.inflate_growth_max;
                let text = deflate::inflate(&payload, growth_max, bytes_max);
                let text = text.map_err(|broken| match broken {
                    Broken::TooBig => TOO_BIG,
                    Broken::Malformed => PROTOCOL,
                })?;
                Utf8Bytes::try_from(text).map(Inbound::Text).map_err(|_| NOT_UTF8)
            }
            Message::Binary(_) => Err(BINARY),
            Message::Ping(_) => Ok(Inbound::Ping),
            Message::Pong(_) => Ok(Inbound::Pong),
            Message::Close(_) | Message::Frame(_) => Err(PROTOCOL),
        }
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("walker", &self.walker).finish_non_exhaustive()
    }
}

fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

/// What the protocol machine takes for a socket: it reads bytes that have already arrived, a frame
/// at a time, and each of its writes is one whole control frame for the outbox.
struct Tap<'a, 'b> {
    input: &'a mut &'b [u8],
    walker: &'a mut Walker,
    connection: &'a Arc<Connection>,
}

impl Read for Tap<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.walker.step(self.input, buffer))
    }
}

impl Write for Tap<'_, '_> {
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        self.connection.answer(&Frame::control(frame));
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
