//! The links of this node's agents, kept wherever their shop runs: when it moves, they are made
//! anew there. Owns how long it tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hawker_domain::command::Actor;
use hawker_domain::id::ShopId;
use hawker_protocol::object::Agent;
use hawker_protocol::{Code, Refusal};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::ask::{self, Ask};
use super::{Nodes, Where};
use crate::cluster::Peer;
use crate::edge::auth::Identity;
use crate::edge::link::{End, Link, Linked};
use crate::edge::service::{Service, acting_role};
use crate::wire;

/// Pauses between attempts. An agent's grace is 30 s.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

static LINKS: AtomicU64 = AtomicU64::new(1);

/// A link where it stands.
enum Held {
    Here(Linked),
    There(Arc<Peer>, u64),
}

type First = oneshot::Sender<Result<Agent, Refusal>>;

impl Nodes {
    /// Tells a shop that a socket works at its desk; answers with the agent as he is then.
    pub(in crate::edge) async fn link(
        self: &Arc<Self>,
        shop: &ShopId,
        identity: &Identity,
    ) -> Result<(Link, Agent), Refusal> {
        let left = CancellationToken::new();
        let (first, answer) = oneshot::channel();
        let keeping = self.clone().keep(shop.clone(), identity.clone(), left.clone(), first);
        let link = Link::until(left.drop_guard());
        tokio::spawn(keeping);
        let agent = answer.await.unwrap_or(Err(Refusal::new(Code::Draining)))?;
        Ok((link, agent))
    }

    async fn keep(
        self: Arc<Self>,
        shop: ShopId,
        identity: Identity,
        left: CancellationToken,
        first: First,
    ) {
        let (mut first, mut pause) = (Some(first), PAUSE_MIN);
        loop {
            match (self.link_once(&shop, &identity).await, first.take()) {
                (Ok((held, agent)), asker) => {
                    // Whoever asked may have gone: then the link ends at once.
                    asker.map(|asker| asker.send(Ok(agent)));
                    pause = PAUSE_MIN;
                    if held.end(&left).await == End::Over {
                        return;
                    }
                }
                (Err(refusal), Some(asker)) => {
                    // Nobody has a link yet.
                    let _ = asker.send(Err(refusal));
                    return;
                }
                (Err(refusal), None) if !refusal.retryable => return,
                (Err(_), None) => {}
            }
            tokio::select! {
                () = left.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    async fn link_once(
        &self,
        shop: &ShopId,
        identity: &Identity,
    ) -> Result<(Held, Agent), Refusal> {
        let peer = match self.find(shop).await? {
            Where::Here => {
                let linked = link_here(self.service(), shop, identity).await?;
                let agent = wire::agent(&linked.agent);
                return Ok((Held::Here(linked), agent));
            }
            Where::There(peer) => peer,
        };
        let link = LINKS.fetch_add(1, Ordering::Relaxed);
        let ask = Ask::Link { identity: identity.clone(), shop: shop.clone(), link };
        let answer = self.answer_of::<String>(self.question(shop), peer.ask(ask.encode())).await;
        let agent = answer.map_err(|_| super::changing_hands())??;
        let agent = serde_json::from_str(&agent).map_err(|_| Refusal::new(Code::Internal))?;
        Ok((Held::There(peer, link), agent))
    }
}

/// Makes the link on this node.
pub(super) async fn link_here(
    service: &Arc<Service>,
    shop: &ShopId,
    identity: &Identity,
) -> Result<Linked, Refusal> {
    let role = acting_role(identity, shop, wire::STAFF)?;
    service.link(shop, Actor { user: identity.user.clone(), role }).await
}

impl Held {
    /// Waits until it is over, or ends it when its socket has left.
    async fn end(self, left: &CancellationToken) -> End {
        match self {
            Self::Here(Linked { link, end, .. }) => tokio::select! {
                end = end => {
                    drop(link);
                    end.unwrap_or(End::Over)
                }
                () = left.cancelled() => End::Over,
            },
            Self::There(peer, link) => {
                let over = peer.ask(Ask::AwaitLink { link }.encode());
                tokio::select! {
                    answer = over => match answer.map(|bytes| ask::read::<bool>(&bytes)) {
                        Ok(Ok(false)) => End::Over,
                        Ok(Ok(true) | Err(_)) | Err(_) => End::Moved,
                    },
                    () = left.cancelled() => {
                        // Where the word is lost, the other node sees that this one is gone.
                        let said = peer.ask(Ask::Unlink { link }.encode());
                        let _ = timeout(PAUSE_MAX, said).await;
                        End::Over
                    }
                }
            }
        }
    }
}
