//! What this node has to tell the others: collected per topic, written by one task in its order.
//! Owns what waits and the last numbers; never waits for Redis where lines are published.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, pipe};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::letter::{Letter, Line, Says};
use super::{HasOthers, NODES, Options, Shared, channel};
use crate::bus::{Class, Publication, Topic};

/// What the reckoning of a waiting line adds to its bytes.
const LINE_OVERHEAD: usize = 256;
/// Lines in one message.
const LINES_MAX: usize = 1_024;
/// Topics whose last number is repeated.
const TOPS_MAX: usize = 10_000;
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Mouth {
    shared: Arc<Shared>,
    has_others: HasOthers,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    topics: HashMap<String, Pending>,
    bytes: usize,
    /// When a message of a topic last left, as long as that holds the next one back.
    left_at: HashMap<String, Instant>,
    tops: HashMap<Topic, Top>,
    tops_at: Option<Instant>,
}

struct Pending {
    lines: Vec<Publication>,
    due: Instant,
}

#[derive(Clone, Copy)]
struct Top {
    epoch: u64,
    seq: u64,
    at: Instant,
}

/// What leaves now, and when there is more.
struct Due {
    lines: Vec<(String, Vec<Publication>)>,
    tops: Vec<(Topic, Top)>,
    next: Instant,
}

/// A channel and what goes there.
type Message = (String, Vec<u8>);

impl Mouth {
    pub(super) fn new(shared: Arc<Shared>, has_others: HasOthers) -> Self {
        Self { shared, has_others, waiting: Mutex::default(), arrived: Notify::new() }
    }

    pub(super) fn has_others(&self) -> bool {
        (self.has_others)()
    }

    /// Puts a line where it waits for its topic's tick.
    pub(super) fn take(&self, publication: &Publication) {
        let now = Instant::now();
        let mut waiting = self.waiting.lock();
        waiting.note_top(publication, now);
        if !self.has_others() {
            return;
        }
        let bytes = publication.line.len() + LINE_OVERHEAD;
        if waiting.bytes + bytes > self.shared.options.waiting_bytes_max {
            metrics::counter!("hawker_bus_dropped_total", "reason" => "full").increment(1);
            return;
        }
        waiting.bytes += bytes;
        let is_sooner = waiting.add(publication, now, self.shared.options.tick);
        drop(waiting);
        if is_sooner {
            self.arrived.notify_one();
        }
    }

    /// Another node has a topic of which this one told the last number.
    pub(super) fn on_reign(&self, topic: &Topic, epoch: u64) {
        let mut waiting = self.waiting.lock();
        if waiting.tops.get(topic).is_some_and(|top| top.epoch < epoch) {
            waiting.tops.remove(topic);
        }
    }

    /// Writes what is due, until the process ends.
    pub(super) async fn run(self: Arc<Self>, client: Client) {
        loop {
            match self.connect(&client).await {
                Some(connection) => self.speak(connection).await,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn connect(&self, client: &Client) -> Option<MultiplexedConnection> {
        let options = &self.shared.options;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let opening = client.get_multiplexed_async_connection_with_config(&config);
        let within = options.connect_timeout + options.answer_timeout;
        tokio::time::timeout(within, opening).await.ok()?.ok()
    }

    /// Returns when the connection is of no more use. What was on its way may be lost: the numbers
    /// show it.
    async fn speak(&self, mut connection: MultiplexedConnection) {
        loop {
            let messages = self.next().await;
            let mut call = pipe();
            for (channel, bytes) in &messages {
                call.cmd("SPUBLISH").arg(channel).arg(bytes).ignore();
            }
            let count = messages.len() as u64;
            match call.exec_async(&mut connection).await {
                Ok(()) => metrics::counter!("hawker_bus_messages_sent_total").increment(count),
                Err(error) => {
                    metrics::counter!("hawker_bus_dropped_total", "reason" => "lost")
                        .increment(count);
                    tracing::debug!(%error, "other nodes are not told");
                    return;
                }
            }
        }
    }

    /// The messages that are due, as soon as there are any.
    async fn next(&self) -> Vec<Message> {
        loop {
            let now = Instant::now();
            let Due { lines, tops, next } = self.waiting.lock().take_due(now, &self.shared.options);
            let mut messages: Vec<_> = tops.iter().map(|it| self.top_message(it)).collect();
            messages.extend(lines.iter().flat_map(|it| self.line_messages(it)));
            if !messages.is_empty() {
                return messages;
            }
            let due = next;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.arrived.notified() => {}
            }
        }
    }

    fn top_message(&self, (topic, top): &(Topic, Top)) -> Message {
        let says = Says::Top { epoch: top.epoch, seq: top.seq };
        (channel(topic), Letter { node: self.shared.node, says }.encode())
    }

    fn line_messages(
        &self,
        (channel, lines): &(String, Vec<Publication>),
    ) -> impl Iterator<Item = Message> {
        metrics::counter!("hawker_bus_lines_sent_total").increment(lines.len() as u64);
        lines.chunks(LINES_MAX).map(move |lines| {
            let says = Says::Lines(lines.iter().map(Line::of).collect());
            (channel.clone(), Letter { node: self.shared.node, says }.encode())
        })
    }
}

impl Waiting {
    fn note_top(&mut self, publication: &Publication, now: Instant) {
        let Some(seq) = publication.seq else { return };
        let top = Top { epoch: publication.epoch, seq, at: now };
        if let Some(known) = self.tops.get_mut(&publication.topic) {
            *known = top;
        } else if self.tops.len() < TOPS_MAX {
            self.tops.insert(publication.topic.clone(), top);
        }
    }

    /// Whether the writer has to wake earlier for it.
    fn add(&mut self, publication: &Publication, now: Instant, tick: Duration) -> bool {
        let channel = channel(&publication.topic);
        let is_urgent = publication.class == Class::Critical;
        let free_at = self.left_at.get(&channel).map_or(now, |left_at| *left_at + tick);
        let due = if is_urgent { now } else { free_at };
        if let Some(pending) = self.topics.get_mut(&channel) {
            let is_sooner = due < pending.due;
            pending.due = pending.due.min(due);
            pending.lines.push(publication.clone());
            return is_sooner;
        }
        self.topics.insert(channel, Pending { lines: vec![publication.clone()], due });
        true
    }

    fn take_due(&mut self, now: Instant, options: &Options) -> Due {
        let tops = self.take_tops(now, options);
        self.left_at.retain(|_, left_at| *left_at + options.tick > now);
        let due = self.topics.extract_if(|_, pending| pending.due <= now);
        let lines: Vec<_> = due.map(|(channel, pending)| (channel, pending.lines)).collect();
        for (channel, lines) in &lines {
            let sizes = lines.iter().map(|line| line.line.len() + LINE_OVERHEAD);
            self.bytes -= sizes.sum::<usize>();
            if channel != NODES {
                self.left_at.insert(channel.clone(), now);
            }
        }
        let tops_at = self.tops_at.unwrap_or(now + options.top_every);
        let next = self.topics.values().map(|pending| pending.due).min();
        Due { lines, tops, next: next.map_or(tops_at, |next| next.min(tops_at)) }
    }

    fn take_tops(&mut self, now: Instant, options: &Options) -> Vec<(Topic, Top)> {
        let top_at = *self.tops_at.get_or_insert(now + options.top_every);
        if top_at > now {
            return Vec::new();
        }
        self.tops_at = Some(now + options.top_every);
        self.tops.retain(|_, top| now - top.at < options.top_for);
        self.tops.iter().map(|(topic, top)| (topic.clone(), *top)).collect()
    }
}
