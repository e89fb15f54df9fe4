//! Where other nodes come in: takes their links, makes sure of them, and hands what they ask to the
//! host. Owns the sockets; understands no ask.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::Host;
use super::frame::{self, FULL_BYTES};
use super::greeting::{self, Key};
use super::link::config;

/// Answers that may wait to be sent.
const QUEUE_MAX: usize = 16_384;
/// Links that have not proven themselves yet, at a time.
const STRANGERS_MAX: usize = 64;
/// Another node asks for a sign of life each second.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// After an error of the listener itself: out of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

static SESSIONS: AtomicU64 = AtomicU64::new(1);

/// A listener for other nodes.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    node: Arc<str>,
    key: Key,
}

type Answer = (u64, Vec<u8>);

impl Door {
    /// Must run inside a runtime.
    pub fn bind(address: SocketAddr, node: String, key: Key) -> std::io::Result<Self> {
        let kind = Type::STREAM.nonblocking();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(1_024)?;
        Ok(Self { listener: TcpListener::from_std(socket.into())?, node: node.into(), key })
    }

    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes links until it is told to stop; those that stand end with it.
    pub async fn serve(self, host: Arc<dyn Host>, stop: CancellationToken) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a link of another node cannot be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(stranger) = strangers.clone().try_acquire_owned() else { continue };
            let (node, key, host) = (self.node.clone(), self.key.clone(), host.clone());
            let stop = stop.clone();
            tokio::spawn(async move {
                let Some((from, socket)) = admit(stream, &key, &node).await else { return };
                drop(stranger);
                tokio::select! {
                    () = talk(socket, host) => tracing::info!(node = from, "a node's link ended"),
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}

async fn admit(
    stream: TcpStream,
    key: &Key,
    node: &str,
) -> Option<(String, WebSocketStream<TcpStream>)> {
    stream.set_nodelay(true).ok()?;
    let accepting = tokio_tungstenite::accept_async_with_config(stream, Some(config()));
    let accepted = tokio::time::timeout(greeting::PATIENCE, accepting).await;
    let mut socket = accepted.ok()?.ok()?;
    match greeting::receive(&mut socket, key, node).await {
        Ok(from) => Some((from, socket)),
        Err(error) => {
            metrics::counter!("hawker_cluster_strangers_total").increment(1);
            tracing::warn!(%error, "a link was refused");
            None
        }
    }
}

/// Tells the host once the node is gone, however its link ends.
struct Session {
    number: u64,
    host: Arc<dyn Host>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.host.on_gone(self.number);
    }
}

async fn talk(socket: WebSocketStream<TcpStream>, host: Arc<dyn Host>) {
    let session = Session { number: SESSIONS.fetch_add(1, Ordering::Relaxed), host };
    let (sink, mut stream) = socket.split();
    let (answers, queue) = mpsc::channel(QUEUE_MAX);
    let writer = tokio::spawn(write(sink, queue));
    while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE_MAX, stream.next()).await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Text(_) | Message::Close(_) | Message::Frame(_) => break,
        };
        let Some(parts) = frame::parts(&bytes) else { break };
        for (number, ask) in parts {
            let answer = session.host.on_ask(session.number, ask.to_vec());
            let answers = answers.clone();
            tokio::spawn(async move {
                let answer = answer.await;
                if number != 0 {
                    // The link may be gone: then nobody waits any more.
                    let _ = answers.send((number, answer)).await;
                }
            });
        }
    }
    writer.abort();
}

async fn write(
    mut sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    mut queue: mpsc::Receiver<Answer>,
) {
    while let Some(first) = queue.recv().await {
        let (mut message, mut next) = (Vec::with_capacity(first.1.len() + 256), Some(first));
        while let Some((number, bytes)) = next {
            frame::put(&mut message, number, &bytes);
            next = if message.len() < FULL_BYTES { queue.try_recv().ok() } else { None };
        }
        if sink.send(Message::binary(message)).await.is_err() {
            return;
        }
    }
}
