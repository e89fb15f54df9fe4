//! How two nodes make sure of each other: both prove that they know the deployment's secret, and
//! who they are, by numbers that were never used before. Owns the proofs; says nothing else.

use std::fmt;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long the other side may take with each step.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

const CONTEXT: &str = "hawker link between nodes v1";

/// What both sides know, never sent.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// Why a link does not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    #[error("the other side ended the link or said nothing in time")]
    Gone,
    #[error(
        "the other side does not know this deployment's secret, or is not the node it should be"
    )]
    Wrong,
}

#[derive(Serialize, Deserialize)]
struct Challenge {
    nonce: [u8; 16],
}

#[derive(Serialize, Deserialize)]
struct Response {
    node: String,
    nonce: [u8; 16],
    proof: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Welcome {
    proof: [u8; 32],
}

impl Key {
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key(CONTEXT, secret))
    }

    fn proof(
        &self,
        role: &str,
        nonces: (&[u8; 16], &[u8; 16]),
        nodes: (&str, &str),
    ) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(role.as_bytes()).update(nonces.0).update(nonces.1);
        for node in [nodes.0, nodes.1] {
            hasher.update(&(node.len() as u64).to_le_bytes()).update(node.as_bytes());
        }
        hasher.finalize()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

fn nonce() -> Result<[u8; 16], Unproven> {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Unproven::Gone)?;
    Ok(nonce)
}

/// The side that came: `me` wants to speak with `other`.
pub(super) async fn introduce<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    key: &Key,
    (me, other): (&str, &str),
) -> Result<(), Unproven> {
    let Challenge { nonce: theirs } = hear(socket).await?;
    let nonce = nonce()?;
    let proof = *key.proof("comes", (&theirs, &nonce), (me, other)).as_bytes();
    say(socket, &Response { node: me.to_owned(), nonce, proof }).await?;
    let Welcome { proof } = hear(socket).await?;
    // Hashes compare in constant time.
    let expected = key.proof("receives", (&nonce, &theirs), (other, me));
    if expected == blake3::Hash::from_bytes(proof) { Ok(()) } else { Err(Unproven::Wrong) }
}

/// The side that was come to; answers with who came.
pub(super) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    key: &Key,
    me: &str,
) -> Result<String, Unproven> {
    let mine = nonce()?;
    say(socket, &Challenge { nonce: mine }).await?;
    let Response { node, nonce, proof } = hear(socket).await?;
    let expected = key.proof("comes", (&mine, &nonce), (&node, me));
    if expected != blake3::Hash::from_bytes(proof) {
        return Err(Unproven::Wrong);
    }
    let proof = *key.proof("receives", (&nonce, &mine), (me, &node)).as_bytes();
    say(socket, &Welcome { proof }).await?;
    Ok(node)
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    step: &impl Serialize,
) -> Result<(), Unproven> {
    let bytes = postcard::to_stdvec(step).map_err(|_| Unproven::Wrong)?;
    let said = tokio::time::timeout(PATIENCE, socket.send(Message::binary(bytes))).await;
    said.map_err(|_| Unproven::Gone)?.map_err(|_| Unproven::Gone)
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin, T: for<'de> Deserialize<'de>>(
    socket: &mut WebSocketStream<S>,
) -> Result<T, Unproven> {
    match tokio::time::timeout(PATIENCE, socket.next()).await {
        Ok(Some(Ok(Message::Binary(bytes)))) => {
            postcard::from_bytes(&bytes).map_err(|_| Unproven::Wrong)
        }
        Ok(Some(Ok(_))) => Err(Unproven::Wrong),
        Ok(Some(Err(_)) | None) | Err(_) => Err(Unproven::Gone),
    }
}
