//! A conversation of one simulated person: what was asked and not answered yet. Owns sending
//! again what the server had no time for; what an answer means is its caller's business.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::Result;
use hawker_protocol::Request;
use tokio::time::{Duration, Instant};

use crate::line::{self, Line};
use crate::socket::Socket;

const AGAIN: Duration = Duration::from_millis(60);
/// Codes that ask for it: nothing was done, or nobody knows.
const PATIENCE: [&str; 7] = [
    "busy",
    "draining",
    "retry",
    "timeout",
    "too_many_requests_in_flight",
    "unavailable",
    "unknown_outcome",
];

/// A request that waits for its reply, and what its sender wants to remember with it.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    pub(crate) request: Request,
    pub(crate) intended: Instant,
    pub(crate) about: T,
}

#[derive(Debug)]
pub(crate) struct Talk<T> {
    pub(crate) socket: Socket,
    waiting: HashMap<u32, Asked<T>>,
    again: Vec<(Instant, Asked<T>)>,
}

/// A line, with the request it answers.
#[derive(Debug)]
pub(crate) enum Heard<'a, T> {
    Yes {
        asked: Asked<T>,
        line: &'a str,
    },
    No {
        asked: Asked<T>,
        code: &'a str,
        line: &'a str,
    },
    Push {
        kind: Cow<'a, str>,
        line: &'a str,
    },
    /// An answer that is not the end: the same command goes out again.
    NotYet {
        code: &'a str,
    },
}

impl<T> Talk<T> {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, waiting: HashMap::new(), again: Vec::new() }
    }

    pub(crate) fn ask(&mut self, request: Request, intended: Instant, about: T) {
        let re = self.socket.queue(&request);
        self.waiting.insert(re, Asked { request, intended, about });
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty()
    }

    /// How many requests were sent on this connection and are not answered.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When something has to be sent again.
    pub(crate) fn next_again(&self) -> Option<Instant> {
        self.again.iter().map(|(due, _)| *due).min()
    }

    pub(crate) fn send_again(&mut self, now: Instant) {
        let due = self.again.extract_if(.., |(due, _)| *due <= now).collect::<Vec<_>>();
        for (_, asked) in due {
            self.ask(asked.request, asked.intended, asked.about);
        }
    }

    /// What a line means here. Codes that ask for patience keep the request and its command id.
    pub(crate) fn hear<'a>(&mut self, line: &'a str) -> Result<Heard<'a, T>> {
        let unasked = |re| anyhow::anyhow!("an answer to {re:?}, which nobody asked: {line}");
        match line::read(line)? {
            Line::Push { kind, line } => Ok(Heard::Push { kind, line }),
            Line::Yes { re, line } => {
                let asked = self.waiting.remove(&re).ok_or_else(|| unasked(Some(re)))?;
                Ok(Heard::Yes { asked, line })
            }
            Line::No { re, code, line } => {
                let asked =
                    re.and_then(|re| self.waiting.remove(&re)).ok_or_else(|| unasked(re))?;
                if PATIENCE.contains(&code) {
                    self.again.push((Instant::now() + AGAIN, asked));
                    return Ok(Heard::NotYet { code });
                }
                Ok(Heard::No { asked, code, line })
            }
        }
    }

    /// What stays without an answer when the connection is gone.
    pub(crate) fn into_unanswered(self) -> Vec<Asked<T>> {
        self.into_parts().1
    }

    /// The same, with the socket, for somebody who lets it lie open.
    pub(crate) fn into_parts(self) -> (Socket, Vec<Asked<T>>) {
        let Self { socket, waiting, again } = self;
        let waiting = waiting.into_values();
        (socket, waiting.chain(again.into_iter().map(|(_, asked)| asked)).collect())
    }
}
