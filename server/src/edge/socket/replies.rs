//! The answers of one connection on their way from the shops to its socket. Owns how many are
//! under way and how those that came together share a frame; makes none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use hawker_protocol::{Answer, Refusal, Request, RequestId, codec};
use parking_lot::Mutex;

use super::conversation::send_lines;
use crate::edge::refusals;
use crate::edge::service::told;
use crate::engine::{self, Outcome};
use crate::hub::Connection;

/// A frame is sent when it has reached this: replies are small, and a long page goes alone.
const FRAME_BYTES: usize = 16 * 1024;

/// Shops put verdicts in; the conversation makes lines of them and sends them, as many as there
/// are with one write.
#[derive(Default)]
pub(super) struct Replies {
    in_flight: AtomicUsize,
    ready: Mutex<Vec<(RequestId, Reply)>>,
    conversation: AtomicWaker,
}

/// The place of one answer. Dropped without one, the request is answered as of unknown outcome.
pub(super) struct Place {
    replies: Arc<Replies>,
    id: RequestId,
    is_taken: bool,
}

enum Reply {
    /// A shop's word, still to be put into the wire's.
    Verdict(Box<Request>, Result<Outcome, engine::Error>),
    Answer(Result<Answer, Refusal>),
    /// As another node has written it.
    Line(String),
}

impl Replies {
    pub(super) fn expect(replies: &Arc<Self>, id: RequestId) -> Place {
        replies.in_flight.fetch_add(1, Ordering::Relaxed);
        Place { replies: Arc::clone(replies), id, is_taken: false }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Ready when there is something to send.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ready.lock().is_empty() {
            return Poll::Ready(());
        }
        self.conversation.register(cx.waker());
        // One may have come before the waker stood there.
        if self.ready.lock().is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    pub(super) fn send_to(&self, connection: &Arc<Connection>) {
        let ready = std::mem::take(&mut *self.ready.lock());
        let mut lines = Vec::with_capacity(512);
        for (id, reply) in ready {
            let outcome = match reply {
                Reply::Verdict(request, verdict) => told(&request, verdict),
                Reply::Answer(outcome) => outcome,
                Reply::Line(line) => {
                    lines.extend(line.into_bytes());
                    continue;
                }
            };
            codec::encode_reply(id, &outcome, &mut lines);
            if lines.len() >= FRAME_BYTES {
                send_lines(connection, &lines);
                lines.clear();
            }
        }
        if !lines.is_empty() {
            send_lines(connection, &lines);
        }
    }
}

impl Place {
    pub(super) fn verdict(self, request: Request, verdict: Result<Outcome, engine::Error>) {
        self.put(Reply::Verdict(Box::new(request), verdict));
    }

    pub(super) fn answer(self, outcome: Result<Answer, Refusal>) {
        self.put(Reply::Answer(outcome));
    }

    /// The line that another node has written for this very request.
    pub(super) fn line(self, line: Result<String, Refusal>) {
        self.put(match line {
            Ok(line) => Reply::Line(line),
            Err(refusal) => Reply::Answer(Err(refusal)),
        });
    }

    fn put(mut self, reply: Reply) {
        self.is_taken = true;
        self.give(reply);
    }

    fn give(&self, reply: Reply) {
        self.replies.ready.lock().push((self.id, reply));
        self.replies.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.replies.conversation.wake();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_taken {
            self.give(Reply::Answer(Err(refusals::of_engine(engine::Error::Unknown))));
        }
    }
}
