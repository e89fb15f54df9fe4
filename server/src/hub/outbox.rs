//! What one connection has still to send. Owns the order of its bytes: after a partial write the
//! rest of that frame leaves before anything else. Never waits and never starts a task.

use std::collections::VecDeque;
use std::io;
use std::sync::Weak;

use bytes::Bytes;
use tokio::time::Instant;

use super::transport::Transport;

/// Who wants to know when a connection that was behind has caught up.
pub(super) trait Waiter: Send + Sync {
    fn on_drained(&self, connection: super::ConnectionId);
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The kernel has all of it.
    Written,
    /// It waits in the outbox, in order.
    Queued,
    /// There is no room; the frame was not taken.
    Full,
    /// The connection is closing or gone.
    Closed,
}

/// Which part of the outbox a frame may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Replies and personal pushes: all of it.
    Private,
    /// Fan-out: three quarters, so that replies still fit beside it.
    Room,
}

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// A close frame is the last one in the queue, or has left.
    Closing,
    /// The transport is shut down.
    Closed,
}

/// What a drain has to do next.
#[derive(Debug)]
pub(super) enum Drained {
    /// Wait until the transport takes more; whether anything has left just now.
    More { moved: bool },
    /// The queue is empty and the drain's work is over. It **must** call the waiters, outside the
    /// lock, and shut the transport down if asked to.
    Empty { waiters: Vec<Weak<dyn Waiter>>, hang_up: bool },
    /// The transport has failed: shut it down.
    Broken,
    /// Somebody else has shut it down.
    Closed,
}

enum Flushed {
    Empty,
    More,
    Broken,
}

pub(super) struct Outbox {
    /// The first `written` bytes of the front frame have left. A front of which a part has left
    /// is never dropped: its tail would be missing in the middle of the stream.
    queue: VecDeque<Bytes>,
    written: usize,
    queued_bytes: usize,
    bytes_max: usize,
    pub(super) phase: Phase,
    pub(super) close_code: Option<u16>,
    /// Whether a task is bound to empty the queue.
    draining: bool,
    /// Shut the transport down as soon as the queue is empty.
    hang_up: bool,
    /// Since when rooms skip this connection.
    pub(super) behind_since: Option<Instant>,
    waiters: Vec<Weak<dyn Waiter>>,
    pub(super) written_bytes: u64,
    /// Write calls, the vain ones too.
    pub(super) writes: u64,
}

impl Outbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            written: 0,
            queued_bytes: 0,
            bytes_max,
            phase: Phase::Open,
            close_code: None,
            draining: false,
            hang_up: false,
            behind_since: None,
            waiters: Vec::new(),
            written_bytes: 0,
            writes: 0,
        }
    }

    pub(super) fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether the caller **must** start a drain, after a push that was queued: nobody else will.
    pub(super) fn claim_drain(&mut self) -> bool {
        !std::mem::replace(&mut self.draining, true)
    }

    /// One turn of the drain, which is to come back whenever the transport takes more.
    pub(super) fn drain(&mut self, io: &dyn Transport) -> Drained {
        if self.phase == Phase::Closed {
            return Drained::Closed;
        }
        let before = self.written_bytes;
        match self.flush(io) {
            Flushed::More => Drained::More { moved: self.written_bytes > before },
            Flushed::Broken => Drained::Broken,
            Flushed::Empty => Drained::Empty { waiters: self.rest(), hang_up: self.hang_up },
        }
    }

    /// Asks for the end once everything has left; whether that is now.
    pub(super) fn hang_up(&mut self) -> bool {
        self.hang_up = true;
        let is_now = self.queue.is_empty();
        if is_now {
            self.end();
        }
        is_now
    }

    /// Asks for one call of `waiter` once the queue is empty. `false`: it is empty already, or
    /// nothing will be sent any more.
    pub(super) fn when_drained(&mut self, waiter: Weak<dyn Waiter>, now: Instant) -> bool {
        let waits = self.draining && self.phase == Phase::Open;
        if waits {
            self.add_waiter(waiter, now);
        }
        waits
    }

    /// Sends or queues a frame. An empty outbox takes a frame of any size: otherwise one that is
    /// larger than the limit could never leave.
    pub(super) fn push(&mut self, io: &dyn Transport, frame: &Bytes, lane: Lane) -> Sent {
        if self.phase != Phase::Open {
            return Sent::Closed;
        }
        if self.queue.is_empty() {
            return self.write_first(io, frame);
        }
        let bytes_max = match lane {
            Lane::Private => self.bytes_max,
            Lane::Room => self.bytes_max / 4 * 3,
        };
        if self.queued_bytes + frame.len() > bytes_max {
            return Sent::Full;
        }
        self.enqueue(frame.clone(), 0);
        Sent::Queued
    }

    /// Sends or queues the last frame of this connection, whatever the limit says.
    pub(super) fn push_close(&mut self, io: &dyn Transport, frame: &Bytes) -> Sent {
        if self.phase != Phase::Open {
            return Sent::Closed;
        }
        let sent = if self.queue.is_empty() {
            self.write_first(io, frame)
        } else {
            self.enqueue(frame.clone(), 0);
            Sent::Queued
        };
        if sent != Sent::Closed {
            self.phase = Phase::Closing;
        }
        sent
    }

    /// Drops what has not begun to leave.
    pub(super) fn forget_unsent(&mut self) {
        let keep = usize::from(self.written > 0);
        let unsent = self.queue.drain(keep.min(self.queue.len())..);
        let dropped: usize = unsent.map(|frame| frame.len()).sum();
        self.queued_bytes -= dropped;
    }

    /// Writes until the queue is empty or the transport is full.
    fn flush(&mut self, io: &dyn Transport) -> Flushed {
        while let Some(front) = self.queue.front() {
            self.writes += 1;
            match io.try_write(&front[self.written..]) {
                Ok(0) => return self.break_off(),
                Ok(bytes) => self.advance(bytes),
                Err(error) if is_transient(&error) => return Flushed::More,
                Err(_) => return self.break_off(),
            }
        }
        Flushed::Empty
    }

    /// Nothing more will leave or be taken.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Closed;
        self.queue = VecDeque::new();
        self.queued_bytes = 0;
        self.written = 0;
        self.waiters = Vec::new();
    }

    /// Marks the connection as skipped by somebody.
    fn add_waiter(&mut self, waiter: Weak<dyn Waiter>, now: Instant) {
        self.behind_since.get_or_insert(now);
        if !self.waiters.iter().any(|known| known.ptr_eq(&waiter)) {
            self.waiters.push(waiter);
        }
    }

    /// The queue is empty: no task is bound to it any more, and those who waited are returned.
    fn rest(&mut self) -> Vec<Weak<dyn Waiter>> {
        self.draining = false;
        self.behind_since = None;
        self.queue = VecDeque::new();
        std::mem::take(&mut self.waiters)
    }

    fn write_first(&mut self, io: &dyn Transport, frame: &Bytes) -> Sent {
        self.writes += 1;
        match io.try_write(frame) {
            Ok(bytes) if bytes == frame.len() => {
                self.written_bytes += bytes as u64;
                Sent::Written
            }
            Ok(bytes) if bytes > 0 => {
                self.written_bytes += bytes as u64;
                self.enqueue(frame.clone(), bytes);
                Sent::Queued
            }
            Err(error) if is_transient(&error) => {
                self.enqueue(frame.clone(), 0);
                Sent::Queued
            }
            Ok(_) | Err(_) => {
                self.break_off();
                Sent::Closed
            }
        }
    }

    fn enqueue(&mut self, frame: Bytes, written: usize) {
        if self.queue.is_empty() {
            self.written = written;
        }
        self.queued_bytes += frame.len() - written;
        self.queue.push_back(frame);
    }

    fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        self.written_bytes += bytes as u64;
        self.queued_bytes -= bytes;
        if self.queue.front().is_some_and(|front| front.len() == self.written) {
            self.queue.pop_front();
            self.written = 0;
        }
    }

    fn break_off(&mut self) -> Flushed {
        self.end();
        Flushed::Broken
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
