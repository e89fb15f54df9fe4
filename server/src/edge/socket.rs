//! One WebSocket from hello to goodbye. The loop waits on five inputs: what the client says, what
//! shops answer, the end of its token, a drain of the node, and (before hello) the time a greeting
//! may take. Owns the connection's places in rooms; decides nothing about a shop.

mod conversation;
mod desks;
mod greeting;
mod presence;
mod replies;
mod seats;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hawker_domain::id::UserId;
use hawker_protocol::{CloseCode, Refusal, codec};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::auth::Identity;
use super::limits::Limits as Rates;
use super::nodes::Nodes;
use super::seat::Seat;
use super::service::Service;
use crate::hub::{
    Attendance, Connection, Connections, Hub, Inbound, ReadEnd, Reader, Topic, Utf8Bytes,
};
use conversation::Conversation;
use greeting::Greeting;
use replies::Replies;

pub use presence::PresenceKey;
pub use seats::Pulses;

/// Figures of a conversation.
#[derive(Debug, Clone)]
pub struct Options {
    pub hello_timeout: Duration,
    /// After its token's end a connection has this long to bring another.
    pub expiry_grace: Duration,
    pub connections_per_user_max: usize,
    pub requests_in_flight_max: usize,
    /// Clients are told to come back within this, each at its own moment.
    pub drain_spread: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hello_timeout: Duration::from_secs(10),
            expiry_grace: Duration::from_secs(30),
            connections_per_user_max: 8,
            requests_in_flight_max: 32,
            drain_spread: Duration::from_secs(20),
        }
    }
}

/// What every conversation needs.
#[derive(Debug)]
pub struct Surroundings {
    pub options: Options,
    pub service: Arc<Service>,
    pub nodes: Arc<Nodes>,
    pub hub: Arc<Hub>,
    pub topics: Arc<dyn Topics>,
    pub rates: Arc<Rates>,
    pub pulses: Arc<Pulses>,
    pub presence: PresenceKey,
    pub drain: CancellationToken,
    pub goodbyes: Goodbyes,
}

/// What has to be heard before somebody can be told: the topics of other nodes.
pub trait Topics: fmt::Debug + Send + Sync + 'static {
    /// Resolves when the hub can answer joins and resumes of the topic.
    fn ready<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<(), Refusal>>;

    /// Brings what other nodes say to a user, for as long as the answer is kept.
    fn attend<'a>(&'a self, user: &'a UserId) -> Pending<'a, Option<Attendance>>;
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The topics of a node that is alone: the hub has them all.
#[derive(Debug, Clone, Copy)]
pub struct OwnTopics;

impl Topics for OwnTopics {
    fn ready<'a>(&'a self, _: &'a Topic) -> Pending<'a, Result<(), Refusal>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn attend<'a>(&'a self, _: &'a UserId) -> Pending<'a, Option<Attendance>> {
        Box::pin(std::future::ready(None))
    }
}

/// Connections that end take turns: when thousands are lost at once, rooms and shops that have
/// something to say do not queue behind all of them.
#[derive(Debug)]
pub struct Goodbyes(Semaphore);

impl Default for Goodbyes {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Surroundings {
    fn connections(&self) -> &Arc<Connections> {
        self.hub.connections()
    }
}

/// Talks with one client until either side ends it. `bearer` is who a header proved; the seat is
/// the connection's place among all of this node.
///
/// Thousands of these wait at a time, so what is needed only now and then (the greeting, the
/// answer to a message) lives in a box of its own and only for as long as it takes.
pub fn converse(
    around: Arc<Surroundings>,
    reader: Reader,
    bearer: Option<Box<Identity>>,
    seat: Arc<Seat>,
) -> impl Future<Output = ()> + Send {
    // An async function would hold each argument twice.
    let (mut reader, opened) = (reader, Instant::now());
    async move {
        let greeted = Box::pin(greet(around, &mut reader, bearer)).await;
        match greeted {
            Ok(mut conversation) => {
                seat.authenticated();
                let end = talk(&mut reader, &mut conversation).await;
                record(&reader, end, opened);
                Box::pin(farewell(reader, conversation)).await;
            }
            Err(end) => record(&reader, end, opened),
        }
    }
}

/// Leaves the rooms and closes the socket.
async fn farewell(reader: Reader, conversation: Box<Conversation>) {
    let around = conversation.around.clone();
    // A closed semaphore would be nothing to wait for; nobody closes it.
    let _turn = around.goodbyes.0.acquire().await;
    drop((conversation, reader));
}

fn record(reader: &Reader, end: ReadEnd, opened: Instant) {
    let label = match end {
        ReadEnd::Closed { .. } => "server",
        ReadEnd::PeerClosed { .. } => "client",
        ReadEnd::Lost => "lost",
    };
    metrics::counter!("hawker_connections_closed_total", "by" => label).increment(1);
    let connection = reader.connection();
    let (id, user) = (connection.id(), connection.user());
    tracing::debug!(?id, ?user, ?end, seconds = opened.elapsed().as_secs(), "a connection ended");
}

/// What a conversation waits for.
enum Stimulus {
    Said(Utf8Bytes),
    /// Answers have come in from shops.
    Answered,
    /// The time is over: for the greeting, or for the token.
    Due,
    Drain,
}

/// Waits for the greeting, which makes the conversation or ends the connection.
async fn greet(
    around: Arc<Surroundings>,
    reader: &mut Reader,
    bearer: Option<Box<Identity>>,
) -> Result<Box<Conversation>, ReadEnd> {
    let greeting = Greeting::new(around.clone(), bearer);
    reader.wake_at(Instant::now() + around.options.hello_timeout);
    let message = match next(reader, &*around).await? {
        Stimulus::Said(message) => message,
        Stimulus::Due | Stimulus::Answered => {
            return Err(close(reader, CloseCode::BadHello).await);
        }
        Stimulus::Drain => return Err(close(reader, CloseCode::Restart).await),
    };
    let greeted = tokio::select! {
        greeted = greeting.on_message(reader, &message) => Some(greeted),
        () = around.drain.cancelled() => None,
    };
    match greeted {
        Some(Ok(conversation)) => Ok(Box::new(conversation)),
        Some(Err(code)) => Err(close(reader, code).await),
        None => Err(close(reader, CloseCode::Restart).await),
    }
}

async fn talk(reader: &mut Reader, conversation: &mut Conversation) -> ReadEnd {
    loop {
        reader.wake_at(Instant::now() + conversation.until_due());
        let next = next(reader, conversation).await;
        let code = match next {
            Ok(Stimulus::Answered) => {
                conversation.on_replies();
                continue;
            }
            Ok(Stimulus::Said(message)) => match Box::pin(answer(conversation, message)).await {
                Ok(()) => continue,
                Err(code) => code,
            },
            Ok(Stimulus::Due) if conversation.is_to_leave() => CloseCode::Restart,
            Ok(Stimulus::Due) => CloseCode::TokenExpired,
            // Other nodes have its shops: it is served until it is its turn to move.
            Ok(Stimulus::Drain) if conversation.may_stay() => {
                conversation.on_drain();
                continue;
            }
            Ok(Stimulus::Drain) => CloseCode::Restart,
            Err(end) => return end,
        };
        conversation.on_replies();
        if code == CloseCode::Restart && !conversation.is_to_leave() {
            conversation.on_drain();
        }
        return close(reader, code).await;
    }
}

/// A request may wait for its shop: nobody outstays his token or a drain in it.
async fn answer(conversation: &mut Conversation, message: Utf8Bytes) -> Result<(), CloseCode> {
    let drain = conversation.around.drain.clone();
    for parsed in codec::parse_frame(&message) {
        let expiry = tokio::time::sleep(conversation.until_cut_off());
        let may_stay = conversation.may_stay();
        let (replies, connection) = conversation.outgoing();
        tokio::select! {
            biased;
            outcome = conversation.on_parsed(parsed) => outcome?,
            () = expiry => return Err(CloseCode::TokenExpired),
            () = drain.cancelled(), if !may_stay => return Err(CloseCode::Restart),
            never = send_meanwhile(replies, connection) => match never {},
        }
    }
    Ok(())
}

/// Sends the answers that come in while a request waits for its shop.
async fn send_meanwhile(replies: Option<Arc<Replies>>, connection: Arc<Connection>) -> Infallible {
    let Some(replies) = replies else { return std::future::pending().await };
    loop {
        poll_fn(|cx| replies.poll_ready(cx)).await;
        replies.send_to(&connection);
    }
}

/// What a connection waits for besides its client. One reference to all of it keeps the waiting
/// small.
trait Inputs {
    fn drain(&self) -> &CancellationToken;

    fn is_drained(
        &self,
        cx: &mut Context<'_>,
        drained: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> bool {
        drained.poll(cx).is_ready()
    }

    fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Inputs for Surroundings {
    fn drain(&self) -> &CancellationToken {
        &self.drain
    }

    /// Nobody has asked anything before hello.
    fn poll_answered(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Inputs for Conversation {
    /// Heard once.
    fn is_drained(
        &self,
        cx: &mut Context<'_>,
        drained: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> bool {
        !self.is_told_to_leave() && drained.poll(cx).is_ready()
    }

    fn drain(&self) -> &CancellationToken {
        &self.around.drain
    }

    fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.replies().map_or(Poll::Pending, |replies| replies.poll_ready(cx))
    }
}

/// The next thing that matters here; pings and pongs are the reader's own business.
async fn next(reader: &mut Reader, other: &impl Inputs) -> Result<Stimulus, ReadEnd> {
    let mut drained = pin!(other.drain().cancelled());
    poll_fn(|cx| {
        if other.is_drained(cx, drained.as_mut()) {
            return Poll::Ready(Ok(Stimulus::Drain));
        }
        if other.poll_answered(cx).is_ready() {
            return Poll::Ready(Ok(Stimulus::Answered));
        }
        loop {
            match ready!(reader.poll_next(cx))? {
                Inbound::Text(text) => return Poll::Ready(Ok(Stimulus::Said(text))),
                Inbound::Due => return Poll::Ready(Ok(Stimulus::Due)),
                Inbound::Ping | Inbound::Pong => {}
            }
        }
    })
    .await
}

async fn close(reader: &mut Reader, code: CloseCode) -> ReadEnd {
    reader.close(code.number(), code.reason()).await
}
