//! What this node does for the others: their requests carried out as its own, their links and
//! their viewers counted. Owns what each of their connections holds here.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use dashmap::DashMap;
use hawker_domain::id::{RoomId, ShopId};
use hawker_domain::shop::Pulse;
use hawker_domain::time::SpanMs;
use hawker_protocol::{Code, Refusal, Request, codec};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::ask::{self, Ask, No};
use super::http::Carried;
use super::keeper::link_here;
use super::{Heard, Nodes, reply_line};
use crate::cluster::{Cluster, Host, Pending, Place};
use crate::edge::auth::Identity;
use crate::edge::limits::Limits;
use crate::edge::link::{End, Link, Linked};
use crate::edge::revoke::Revoker;
use crate::edge::service::{Caller, Service};
use crate::hub::Topic;
use crate::journal::Error as JournalError;

/// How long a shop that is asked for may take to come here.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(2);

/// What this node has of a topic after what is known of it, as the asking node reads it.
pub type Histories = Box<dyn Fn(&Topic, Option<(u64, u64)>) -> Vec<u8> + Send + Sync>;

/// What this node's own doors are made of.
pub struct Guests {
    nodes: Arc<Nodes>,
    cluster: Arc<Cluster>,
    rates: Arc<Limits>,
    revoker: Arc<Revoker>,
    histories: Histories,
    router: OnceLock<Router>,
    links: DashMap<(u64, u64), Held>,
}

/// A link of another node's socket.
struct Held {
    link: Link,
    end: Option<oneshot::Receiver<End>>,
}

type Answer = Pending<'static, Vec<u8>>;

impl Guests {
    pub fn new(
        nodes: Arc<Nodes>,
        cluster: Arc<Cluster>,
        (rates, revoker): (Arc<Limits>, Arc<Revoker>),
        histories: Histories,
    ) -> Arc<Self> {
        let (router, links) = (OnceLock::new(), DashMap::new());
        Arc::new(Self { nodes, cluster, rates, revoker, histories, router, links })
    }

    /// The routes that answer what comes over HTTP.
    pub fn serve(&self, router: Router) {
        // There is one caller, once.
        let _ = self.router.set(router);
    }

    fn service(&self) -> &Arc<Service> {
        self.nodes.service()
    }

    fn on_request(self: Arc<Self>, identity: Identity, asked: Asked) -> Answer {
        let Asked { present_ms, within_ms, line } = asked;
        let (id, request) = match codec::parse_frame(&line).next() {
            Some(Ok(read)) => read,
            Some(Err((_, refusal))) => return said::<String>(Err(refusal.into())),
            None => return said::<String>(Err(Refusal::new(Code::InvalidRequest).into())),
        };
        if let Err(excess) = self.rates.check_request(&identity.user, &request) {
            let refusal = Refusal::new(Code::RateLimited).retry_after_ms(excess.retry_after_ms);
            return said(Ok(reply_line(id, &Err(refusal))));
        }
        let Some(shop) = request.shop().map(crate::wire::shop_id) else {
            return said::<String>(Err(Refusal::new(Code::InvalidRequest).into()));
        };
        let within = Duration::from_millis(within_ms);
        if self.service().engine().has(&shop) {
            let outcome = self.perform(&identity, (present_ms, within), request);
            return Box::pin(
                async move { ask::write(outcome.await.map(|it| reply_line(id, &it))) },
            );
        }
        Box::pin(async move {
            if let Err(no) = self.claim(&shop).await {
                return ask::write::<String>(Err(no));
            }
            let outcome = self.perform(&identity, (present_ms, within), request).await;
            ask::write(outcome.map(|it| reply_line(id, &it)))
        })
    }

    /// Queued before this returns, as on this node's own sockets.
    fn perform(
        &self,
        identity: &Identity,
        (present_ms, within): (u64, Duration),
        request: Request,
    ) -> impl Future<Output = Result<Outcome, No>> + Send + use<> {
        let caller = Caller { identity, present_ms: SpanMs(present_ms), within };
        let outcome = self.service().perform(caller, request);
        async move {
            match outcome.await {
                Err(refusal) if refusal.code == Code::Draining => Err(No::Elsewhere(None)),
                outcome => Ok(outcome),
            }
        }
    }

    /// Makes sure that the shop runs here, or says where it does.
    async fn claim(&self, shop: &ShopId) -> Result<(), No> {
        let engine = self.service().engine();
        if engine.has(shop) {
            return Ok(());
        }
        if self.cluster.is_draining() {
            return Err(No::Elsewhere(match self.cluster.home(shop) {
                Place::There(peer) => Some(peer.node().to_owned()),
                Place::Here => None,
            }));
        }
        match timeout(CLAIM_TIMEOUT, engine.claim(shop)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(JournalError::Held { by, .. })) => {
                // Of a server that is gone nobody can ask: its lease has to run out.
                let lives = by == self.cluster.node() || self.cluster.peer_named(&by).is_some();
                Err(if lives { No::Elsewhere(Some(by)) } else { super::changing_hands().into() })
            }
            Ok(Err(_)) | Err(_) => Err(super::changing_hands().into()),
        }
    }

    /// Asks the shop once it is here.
    fn on_shop<T, F>(
        self: Arc<Self>,
        shop: ShopId,
        ask: impl FnOnce(Arc<Service>, ShopId) -> F + Send + 'static,
    ) -> Answer
    where
        T: Serialize + 'static,
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        Box::pin(async move {
            let answer = match self.claim(&shop).await {
                Ok(()) => ask(self.service().clone(), shop).await.map_err(No::Refused),
                Err(no) => Err(no),
            };
            ask::write(answer)
        })
    }

    fn on_link(self: Arc<Self>, identity: Identity, shop: ShopId, key: (u64, u64)) -> Answer {
        let guests = self.clone();
        self.on_shop(shop, move |service, shop| async move {
            let linked = link_here(&service, &shop, &identity).await?;
            let Linked { link, agent, end } = linked;
            guests.links.insert(key, Held { link, end: Some(end) });
            serde_json::to_string(&crate::wire::agent(&agent))
                .map_err(|_| Refusal::new(Code::Internal))
        })
    }

    /// Whether the link is to be made again.
    fn on_await(self: Arc<Self>, key: (u64, u64)) -> Answer {
        let end = self.links.get_mut(&key).and_then(|mut held| held.end.take());
        Box::pin(async move {
            let moved = match end {
                Some(end) => end.await == Ok(End::Moved),
                None => true,
            };
            if let Some((_, held)) = self.links.remove(&key) {
                drop(held.link);
            }
            ask::write(Ok(moved))
        })
    }

    fn on_pulse(&self, session: u64, (shop, room): (&ShopId, &RoomId), pulse: Pulse) -> Answer {
        self.nodes.add_pulse(session, shop, room, pulse);
        said(Ok(()))
    }

    fn on_history(self: Arc<Self>, topic: &str, known: Option<(u64, u64)>) -> Answer {
        let Some(topic) = Topic::parse(topic) else {
            return said::<()>(Err(Refusal::new(Code::InvalidRequest).into()));
        };
        let Some(shop) = topic.shop().cloned() else {
            return said::<()>(Err(Refusal::new(Code::InvalidRequest).into()));
        };
        let guests = self.clone();
        self.on_shop(shop, move |_, _| async move {
            Ok(Heard::There((guests.histories)(&topic, known)))
        })
    }

    fn on_http(self: Arc<Self>, shop: ShopId, request: Carried) -> Answer {
        let guests = self.clone();
        self.on_shop(shop, move |_, _| async move {
            let router = guests.router.get().cloned().ok_or(Refusal::new(Code::Unavailable))?;
            Ok(request.serve(router).await)
        })
    }
}

type Outcome = Result<hawker_protocol::Answer, Refusal>;

/// A request of another node's socket.
struct Asked {
    present_ms: u64,
    within_ms: u64,
    line: String,
}

impl Host for GuestBook {
    fn on_ask(&self, session: u64, bytes: Vec<u8>) -> Answer {
        let Some(ask) = Ask::decode(&bytes) else {
            metrics::counter!("hawker_cluster_unreadable_total").increment(1);
            return said::<()>(Err(Refusal::new(Code::InvalidRequest).into()));
        };
        let guests = self.0.clone();
        match ask {
            Ask::Request { identity, present_ms, within_ms, line } => {
                guests.on_request(identity, Asked { present_ms, within_ms, line })
            }
            Ask::Enter { identity, shop, room } => {
                guests.on_shop(shop, move |service, shop| async move {
                    let me = service.entrance(&identity, &shop, &room).await?;
                    serde_json::to_string(&me).map_err(|_| Refusal::new(Code::Internal))
                })
            }
            Ask::Serves { identity, shop } => guests
                .on_shop(shop, move |service, shop| async move {
                    service.serves(&identity, &shop).await
                }),
            Ask::LastMessage { identity, shop, buyer } => guests
                .on_shop(shop, move |service, shop| async move {
                    service.last_message(&identity, &shop, &buyer).await
                }),
            Ask::Missed { identity, shop, buyer, known } => {
                guests.on_shop(shop, move |service, shop| async move {
                    service.missed(&shop, &buyer, &identity, known).await
                })
            }
            Ask::Link { identity, shop, link } => guests.on_link(identity, shop, (session, link)),
            Ask::AwaitLink { link } => guests.on_await((session, link)),
            Ask::Unlink { link } => {
                guests.links.remove(&(session, link));
                said(Ok(()))
            }
            Ask::Pulse { shop, room, pulse } => guests.on_pulse(session, (&shop, &room), pulse),
            Ask::History { topic, known } => guests.on_history(&topic, known),
            Ask::Http { shop, request } => guests.on_http(shop, request),
            Ask::Revoke { sid, user, until } => {
                said(Ok(guests.revoker.revoke(&sid, &user, until) as u64))
            }
            Ask::Take { shop } => guests.on_shop(shop, |_, _| async { Ok(()) }),
        }
    }

    fn on_gone(&self, session: u64) {
        let guests = &self.0;
        guests.links.retain(|(of, _), _| *of != session);
        for (shop, room, viewers) in guests.nodes.crowds.leave(session) {
            if guests.service().engine().has(&shop) {
                let pulse = Pulse { viewers, ..Pulse::default() };
                guests.service().engine().pulse(&shop, &room, pulse);
            }
        }
    }
}

/// The host that other nodes meet.
#[derive(Debug)]
pub struct GuestBook(pub Arc<Guests>);

fn said<T: Serialize>(answer: Result<T, No>) -> Answer {
    Box::pin(std::future::ready(ask::write(answer)))
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests").field("links", &self.links.len()).finish_non_exhaustive()
    }
}
