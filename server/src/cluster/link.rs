//! The way to one other node: asks go out in their order, many at a time on one WebSocket; answers
//! come back in any. Made when it is needed and made anew when it is lost. Owns which ask an answer
//! belongs to.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Member;
use super::frame::{self, FULL_BYTES, MESSAGE_BYTES_MAX};
use super::greeting::{self, Key};

/// Asks that may wait to be sent.
const QUEUE_MAX: usize = 16_384;
/// How long a node may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the other side is asked for a sign of life, and how long it may give none.
const PING_EVERY: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It was never sent.
    #[error("the node was not reached")]
    Unreached,
    /// It may have been carried out.
    #[error("the link to the node was lost")]
    Unanswered,
}

type Answered = oneshot::Sender<Result<Vec<u8>, Lost>>;

/// An ask, and who waits for its answer.
struct Asked {
    bytes: Vec<u8>,
    answered: Option<Answered>,
}

/// Another node.
pub struct Peer {
    me: String,
    node: String,
    address: String,
    key: Key,
    queue: Mutex<Option<mpsc::Sender<Asked>>>,
}

impl Peer {
    pub(super) fn new(me: String, member: &Member, key: Key) -> Arc<Self> {
        let Member { node, address, .. } = member.clone();
        Arc::new(Self { me, node, address, key, queue: Mutex::default() })
    }

    pub fn node(&self) -> &str {
        &self.node
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Queues an ask before it returns, so that whoever calls decides the order.
    pub fn ask(
        self: &Arc<Self>,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, Lost>> + Send + use<> {
        let (answered, answer) = oneshot::channel();
        self.queue(Asked { bytes, answered: Some(answered) });
        async move { answer.await.unwrap_or(Err(Lost::Unanswered)) }
    }

    /// An ask whose answer nobody needs; lost where the node is not reached.
    pub fn tell(self: &Arc<Self>, bytes: Vec<u8>) {
        self.queue(Asked { bytes, answered: None });
    }

    fn queue(self: &Arc<Self>, asked: Asked) {
        let mut queue = self.queue.lock();
        let open = queue.take().filter(|sender| !sender.is_closed());
        let sender = open.unwrap_or_else(|| self.open());
        if let Err(error) = sender.try_send(asked) {
            refuse(error.into_inner());
        }
        *queue = Some(sender);
    }

    fn open(self: &Arc<Self>) -> mpsc::Sender<Asked> {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(Arc::clone(self), queue));
        sender
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, String> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let uri = format!("ws://{}/link", self.address);
        let greeted = tokio_tungstenite::client_async_with_config(uri, stream, Some(config()));
        let (mut socket, _) = greeted.await.map_err(|error| error.to_string())?;
        let names = (self.me.as_str(), self.node.as_str());
        let proven = greeting::introduce(&mut socket, &self.key, names).await;
        proven.map_err(|error| error.to_string())?;
        Ok(socket)
    }
}

pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .max_write_buffer_size(2 * MESSAGE_BYTES_MAX)
}

fn refuse(asked: Asked) {
    if let Some(answered) = asked.answered {
        // Whoever asked may have gone.
        let _ = answered.send(Err(Lost::Unreached));
    }
}

/// Serves the queue over one connection, until that is lost.
async fn run(peer: Arc<Peer>, mut queue: mpsc::Receiver<Asked>) {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, peer.connect()).await;
    let socket = connected.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
    match socket {
        Ok(socket) => {
            tracing::debug!(node = peer.node, "linked to another node");
            let mut link = Link { socket, pending: HashMap::new(), number: 0 };
            let end = link.serve(&mut queue).await;
            tracing::info!(node = peer.node, end, "a link to another node ended");
        }
        Err(problem) => {
            metrics::counter!("hawker_cluster_unreached_total").increment(1);
            tracing::warn!(
                node = peer.node,
                address = peer.address,
                problem,
                "a node is not reached"
            );
        }
    }
    queue.close();
    while let Ok(asked) = queue.try_recv() {
        refuse(asked);
    }
}

struct Link {
    socket: WebSocketStream<TcpStream>,
    /// Dropped without an answer, an ask is unanswered.
    pending: HashMap<u64, Answered>,
    number: u64,
}

impl Link {
    /// Says why it ended.
    async fn serve(&mut self, queue: &mut mpsc::Receiver<Asked>) -> &'static str {
        let mut ping = tokio::time::interval(PING_EVERY);
        let mut heard_at = Instant::now();
        loop {
            tokio::select! {
                asked = queue.recv() => match asked {
                    Some(asked) => {
                        let message = self.collect(asked, queue);
                        if !self.send(Message::binary(message)).await {
                            return "it takes nothing more";
                        }
                    }
                    None => return "the node is gone",
                },
                heard = self.socket.next() => {
                    heard_at = Instant::now();
                    match heard {
                        Some(Ok(message)) if self.on_message(&message) => {}
                        Some(Ok(_)) => return "it said what is no answer",
                        Some(Err(_)) | None => return "it was lost",
                    }
                }
                _ = ping.tick() => {
                    if heard_at.elapsed() > SILENCE_MAX {
                        return "it is silent";
                    }
                    if !self.send(Message::Ping(Default::default())).await {
                        return "it takes nothing more";
                    }
                }
            }
        }
    }

    /// One message of all that waits.
    fn collect(&mut self, first: Asked, queue: &mut mpsc::Receiver<Asked>) -> Vec<u8> {
        let mut message = Vec::with_capacity(first.bytes.len() + 256);
        let mut next = Some(first);
        while let Some(Asked { bytes, answered }) = next {
            let number = answered.map_or(0, |answered| {
                self.number += 1;
                self.pending.insert(self.number, answered);
                self.number
            });
            frame::put(&mut message, number, &bytes);
            next = if message.len() < FULL_BYTES { queue.try_recv().ok() } else { None };
        }
        message
    }

    async fn send(&mut self, message: Message) -> bool {
        let sent = tokio::time::timeout(SILENCE_MAX, self.socket.send(message)).await;
        matches!(sent, Ok(Ok(())))
    }

    fn on_message(&mut self, message: &Message) -> bool {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => return true,
            Message::Text(_) | Message::Close(_) | Message::Frame(_) => return false,
        };
        let Some(parts) = frame::parts(bytes) else { return false };
        for (number, answer) in parts {
            if let Some(answered) = self.pending.remove(&number) {
                // Whoever asked may have gone.
                let _ = answered.send(Ok(answer.to_vec()));
            }
        }
        true
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("node", &self.node).field("address", &self.address).finish()
    }
}
