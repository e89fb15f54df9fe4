//! One WebSocket from hello to goodbye. The loop waits on four inputs: what the client says, the
//! end of its token, a drain of the node, and (before hello) the time a greeting may take. Owns
//! the connection's places in rooms; decides nothing about a shop.

mod conversation;
mod greeting;
mod presence;
mod seats;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hawker_protocol::{CloseCode, codec};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::auth::Identity;
use super::limits::Limits as Rates;
use super::seat::Seat;
use super::service::Service;
use crate::hub::{Connections, Hub, Inbound, ReadEnd, Reader, Utf8Bytes};
use conversation::Conversation;
use greeting::Greeting;

pub use presence::PresenceKey;
pub use seats::Likes;

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
    pub hub: Arc<Hub>,
    pub rates: Arc<Rates>,
    pub likes: Arc<Likes>,
    pub presence: PresenceKey,
    pub drain: CancellationToken,
}

impl Surroundings {
    fn connections(&self) -> &Arc<Connections> {
        self.hub.connections()
    }
}

/// Talks with one client until either side ends it. `bearer` is who a header proved; the seat is
/// the connection's place among all of this node.
pub async fn converse(
    around: Arc<Surroundings>,
    mut reader: Reader,
    bearer: Option<Identity>,
    seat: Arc<Seat>,
) {
    let opened = Instant::now();
    let end = match greet(&around, &mut reader, bearer).await {
        Ok(mut conversation) => {
            seat.authenticated();
            talk(&around, &mut reader, &mut conversation).await
        }
        Err(end) => end,
    };
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

/// Waits for the greeting, which makes the conversation or ends the connection.
async fn greet(
    around: &Arc<Surroundings>,
    reader: &mut Reader,
    bearer: Option<Identity>,
) -> Result<Conversation, ReadEnd> {
    let greeting = Greeting::new(around.clone(), bearer);
    let message = tokio::select! {
        message = next_text(reader) => message?,
        () = tokio::time::sleep(around.options.hello_timeout) => {
            return Err(close(reader, CloseCode::BadHello).await);
        }
        () = around.drain.cancelled() => return Err(close(reader, CloseCode::Restart).await),
    };
    let greeted = tokio::select! {
        greeted = greeting.on_message(reader, &message) => Some(greeted),
        () = around.drain.cancelled() => None,
    };
    match greeted {
        Some(Ok(conversation)) => Ok(conversation),
        Some(Err(code)) => Err(close(reader, code).await),
        None => Err(close(reader, CloseCode::Restart).await),
    }
}

async fn talk(
    around: &Arc<Surroundings>,
    reader: &mut Reader,
    conversation: &mut Conversation,
) -> ReadEnd {
    loop {
        let expiry = tokio::time::sleep(conversation.until_cut_off());
        let next = tokio::select! {
            message = next_text(reader) => message,
            () = expiry => return close(reader, CloseCode::TokenExpired).await,
            () = around.drain.cancelled() => return send_away(reader, conversation).await,
        };
        let message = match next {
            Ok(message) => message,
            Err(end) => return end,
        };
        for parsed in codec::parse_frame(&message) {
            // A request may wait for its shop: nobody outstays his token or a drain in it.
            let expiry = tokio::time::sleep(conversation.until_cut_off());
            let outcome = tokio::select! {
                biased;
                outcome = conversation.on_parsed(parsed) => outcome,
                () = expiry => Err(CloseCode::TokenExpired),
                () = around.drain.cancelled() => return send_away(reader, conversation).await,
            };
            if let Err(code) = outcome {
                return close(reader, code).await;
            }
        }
    }
}

async fn send_away(reader: &mut Reader, conversation: &Conversation) -> ReadEnd {
    conversation.on_drain();
    close(reader, CloseCode::Restart).await
}

/// The next thing said; pings and pongs are the reader's own business.
async fn next_text(reader: &mut Reader) -> Result<Utf8Bytes, ReadEnd> {
    loop {
        if let Inbound::Text(text) = reader.next().await? {
            return Ok(text);
        }
    }
}

async fn close(reader: &mut Reader, code: CloseCode) -> ReadEnd {
    reader.close(code.number(), code.reason()).await
}
