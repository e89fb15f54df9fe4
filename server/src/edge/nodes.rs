//! The way to a shop, wherever it runs: here, or on the node that holds its lease. Owns the choice
//! and the words between nodes; what a shop answers is `edge::service`'s business.

mod ask;
mod crowds;
mod guests;
mod http;
mod keeper;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::id::{RoomId, ShopId, UserId};
use hawker_domain::shop::Pulse;
use hawker_domain::time::{Millis, SpanMs};
use hawker_protocol::object::Me;
use hawker_protocol::{Answer, Code, Refusal, Request, RequestId, codec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::auth::Identity;
use super::chat::Missed;
use super::service::{Caller, Service, hash_of};
use crate::cluster::{Cluster, Lost, Peer, Place};
use crate::engine;
use crate::hub::Topic;
use crate::journal::Error as JournalError;
use ask::{Ask, No};
use crowds::Crowds;

pub use guests::{GuestBook, Guests, Histories};
pub use http::forwarding;

/// How often an ask follows a shop that has moved on.
const HOPS_MAX: usize = 2;
/// What a node may take longer than the one it asks for, before it gives the answer up.
const SLACK: Duration = Duration::from_millis(500);
/// Clients ask again after this while a shop changes hands.
const RETRY_MS: u64 = 300;

/// The shops of all nodes.
#[derive(Debug)]
pub struct Nodes {
    service: Arc<Service>,
    /// `None`: this node is alone.
    cluster: Option<Arc<Cluster>>,
    crowds: Crowds,
    /// Sets the connections of this node apart from those of others.
    salt: u64,
}

/// Where a shop is asked.
#[derive(Debug)]
pub(super) enum Where {
    Here,
    There(Arc<Peer>),
}

impl Nodes {
    pub fn new(service: Arc<Service>, cluster: Option<Arc<Cluster>>) -> Arc<Self> {
        let salt = cluster.as_ref().map_or(0, |cluster| hash_of(cluster.node().as_bytes()));
        Arc::new(Self { service, cluster, crowds: Crowds::default(), salt })
    }

    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.as_ref()
    }

    /// Where the shop runs. Where it should run here and does not yet, it is taken first.
    pub(super) async fn find(&self, shop: &ShopId) -> Result<Where, Refusal> {
        let Some(cluster) = &self.cluster else { return Ok(Where::Here) };
        if self.service.engine().has(shop) {
            return Ok(Where::Here);
        }
        match cluster.place(shop) {
            Place::There(peer) => Ok(Where::There(peer)),
            Place::Here => self.take(cluster, shop).await,
        }
    }

    async fn take(&self, cluster: &Cluster, shop: &ShopId) -> Result<Where, Refusal> {
        let claim = self.service.engine().claim(shop);
        match timeout(self.service.command_timeout(), claim).await {
            Ok(Ok(())) => {
                cluster.forget(shop);
                Ok(Where::Here)
            }
            Ok(Err(JournalError::Held { by, .. })) => {
                let peer = cluster.peer_named(&by).ok_or_else(changing_hands)?;
                cluster.note(shop, &by);
                Ok(Where::There(peer))
            }
            // The engine's own answer says what is wrong.
            Ok(Err(_)) => Ok(Where::Here),
            Err(_) => Err(Refusal::new(Code::Timeout)),
        }
    }

    /// Where the shop would be asked first; takes and waits for nothing.
    pub(super) fn guess(&self, shop: &ShopId) -> Where {
        match &self.cluster {
            Some(cluster) if !self.service.engine().has(shop) => match cluster.place(shop) {
                Place::There(peer) => Where::There(peer),
                Place::Here => Where::Here,
            },
            _ => Where::Here,
        }
    }

    /// Asks the shop where it runs.
    async fn ask<T, F>(
        &self,
        errand: Errand<'_>,
        ask: impl FnOnce() -> Ask,
        local: impl FnOnce(Arc<Service>) -> F,
    ) -> Result<T, Refusal>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<T, Refusal>>,
    {
        self.ask_then(errand, ask, local, || ()).await
    }

    /// The same; `sent` is called when the ask has its place in the order of what is asked.
    async fn ask_then<T, F>(
        &self,
        errand: Errand<'_>,
        ask: impl FnOnce() -> Ask,
        local: impl FnOnce(Arc<Service>) -> F,
        mut sent: impl FnMut(),
    ) -> Result<T, Refusal>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<T, Refusal>>,
    {
        let mut ask = Some(ask);
        let mut bytes = Vec::new();
        for _ in 0..HOPS_MAX {
            let peer = match self.find(errand.shop).await? {
                Where::Here => {
                    let answer = local(self.service.clone());
                    sent();
                    return answer.await;
                }
                Where::There(peer) => peer,
            };
            if let Some(ask) = ask.take() {
                bytes = ask().encode();
            }
            let answer = peer.ask(bytes.clone());
            sent();
            if let Ok(answer) = self.answer_of(errand, answer).await {
                return answer;
            }
        }
        Err(changing_hands())
    }

    /// What a node said; `Moved` after noting where the shop is now.
    async fn answer_of<T: DeserializeOwned>(
        &self,
        Errand { shop, lost, patience }: Errand<'_>,
        answer: impl Future<Output = Result<Vec<u8>, Lost>>,
    ) -> Result<Result<T, Refusal>, Moved> {
        let answered = timeout(patience + SLACK, answer).await;
        let bytes = match answered.unwrap_or(Err(Lost::Unanswered)) {
            Ok(bytes) => bytes,
            Err(Lost::Unreached) => return Ok(Err(changing_hands())),
            Err(Lost::Unanswered) => return Ok(Err(of_lost(lost))),
        };
        match ask::read(&bytes) {
            Ok(answer) => Ok(Ok(answer)),
            Err(No::Refused(refusal)) => Ok(Err(refusal)),
            Err(No::Elsewhere(node)) => {
                if let Some(cluster) = &self.cluster {
                    match node {
                        Some(node) => cluster.note(shop, &node),
                        None => cluster.forget(shop),
                    }
                }
                Err(Moved)
            }
        }
    }

    /// Whether the shop is served by this process as it is: alone, or with the shop at hand.
    pub(super) fn is_here(&self, shop: &ShopId) -> bool {
        self.cluster.is_none() || self.service.engine().has(shop)
    }

    /// Whether other nodes take the shops of this one when it goes.
    pub(super) fn has_successors(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.has_successors())
    }

    /// A socket's request; answers with the line of its reply. `sent` is dropped when it is on its
    /// way, so that requests of one socket keep their order.
    pub(super) async fn request(
        &self,
        shop: &ShopId,
        (identity, present_ms): (Identity, SpanMs),
        (id, request): (RequestId, Request),
        sent: oneshot::Sender<()>,
    ) -> Result<String, Refusal> {
        let within = self.service.command_timeout();
        let (local_identity, local_request) = (identity.clone(), request.clone());
        let line = || {
            let mut line = Vec::with_capacity(256);
            codec::encode_request(id, &request, &mut line);
            let (present_ms, within_ms) = (present_ms.0, within.as_millis() as u64);
            let line = String::from_utf8(line).unwrap_or_default();
            Ask::Request { identity, present_ms, within_ms, line }
        };
        let local = |service: Arc<Service>| {
            let caller = Caller { identity: &local_identity, present_ms, within };
            let outcome = service.perform(caller, local_request);
            async move { Ok(reply_line(id, &outcome.await)) }
        };
        let mut sent = Some(sent);
        self.ask_then(self.command(shop), line, local, || drop(sent.take())).await
    }

    /// Whether somebody may enter a room, and what is his in the shop.
    pub(super) async fn enter(
        &self,
        identity: &Identity,
        shop: &ShopId,
        room: &RoomId,
    ) -> Result<Me, Refusal> {
        let ask =
            || Ask::Enter { identity: identity.clone(), shop: shop.clone(), room: room.clone() };
        let local = |service: Arc<Service>| async move {
            let me = service.entrance(identity, shop, room).await?;
            Ok(Json(me))
        };
        Ok(self.ask(self.question(shop), ask, local).await?.0)
    }

    /// Whether somebody works for the shop.
    pub(super) async fn serves(&self, identity: &Identity, shop: &ShopId) -> Result<(), Refusal> {
        let ask = || Ask::Serves { identity: identity.clone(), shop: shop.clone() };
        let local = |service: Arc<Service>| async move { service.serves(identity, shop).await };
        self.ask(self.question(shop), ask, local).await
    }

    /// The number of the last message of a conversation, for the staff.
    pub(super) async fn last_message(
        &self,
        identity: &Identity,
        shop: &ShopId,
        buyer: &UserId,
    ) -> Result<u64, Refusal> {
        let ask = || Ask::LastMessage {
            identity: identity.clone(),
            shop: shop.clone(),
            buyer: buyer.clone(),
        };
        let local = |service: Arc<Service>| async move {
            service.last_message(identity, shop, buyer).await
        };
        self.ask(self.question(shop), ask, local).await
    }

    /// What somebody missed of a conversation of which he knows everything up to `known`.
    pub(super) async fn missed(
        &self,
        identity: &Identity,
        (shop, buyer): (&ShopId, &UserId),
        known: u64,
    ) -> Result<Missed, Refusal> {
        let ask = || Ask::Missed {
            identity: identity.clone(),
            shop: shop.clone(),
            buyer: buyer.clone(),
            known,
        };
        let local = |service: Arc<Service>| async move {
            service.missed(shop, buyer, identity, known).await
        };
        self.ask(self.question(shop), ask, local).await
    }

    /// What the shop's node has of a topic after what is known of it.
    pub async fn history(
        &self,
        topic: &Topic,
        known: Option<(u64, u64)>,
    ) -> Result<Heard, Refusal> {
        let shop = topic.shop().ok_or(Refusal::new(Code::InvalidRequest))?;
        let ask = || Ask::History { topic: topic.to_string(), known };
        let here = |service: Arc<Service>| async move {
            // Not while nobody knows whether it will be.
            if service.engine().has(shop) { Ok(Heard::Here) } else { Err(changing_hands()) }
        };
        self.ask(self.question(shop), ask, here).await
    }

    /// Takes a token back on all other nodes. Answers with how many connections are closed, or with
    /// the nodes that did not hear of it.
    pub(super) async fn revoke_elsewhere(
        &self,
        sid: &str,
        user: &UserId,
        until: Millis,
    ) -> Result<usize, Vec<String>> {
        let (mut closed, mut deaf) = (0, Vec::new());
        let peers = self.cluster.as_ref().map(|cluster| cluster.peers()).unwrap_or_default();
        let ask = Ask::Revoke { sid: sid.to_owned(), user: user.clone(), until }.encode();
        let asked: Vec<_> = peers.iter().map(|peer| (peer, peer.ask(ask.clone()))).collect();
        for (peer, answer) in asked {
            let heard = timeout(self.service.command_timeout(), answer).await;
            match heard.map(|heard| heard.map(|bytes| ask::read::<u64>(&bytes))) {
                Ok(Ok(Ok(count))) => closed += count as usize,
                _ => deaf.push(peer.node().to_owned()),
            }
        }
        if deaf.is_empty() { Ok(closed) } else { Err(deaf) }
    }

    /// A question, for which nobody waits longer than for a command.
    pub(super) fn question<'a>(&self, shop: &'a ShopId) -> Errand<'a> {
        Errand { shop, lost: Code::Unavailable, patience: self.service.command_timeout() }
    }

    /// What may have been carried out where no answer comes.
    pub(super) fn command<'a>(&self, shop: &'a ShopId) -> Errand<'a> {
        Errand { lost: Code::UnknownOutcome, ..self.question(shop) }
    }

    /// Reports a second of a room of this node to its shop.
    pub(super) fn pulse(&self, shop: &ShopId, room: &RoomId, mut pulse: Pulse) {
        pulse.marks.iter_mut().for_each(|mark| mark.connection ^= self.salt);
        match self.guess(shop) {
            Where::Here => self.add_pulse(0, shop, room, pulse),
            Where::There(peer) => {
                let (shop, room) = (shop.clone(), room.clone());
                peer.tell(Ask::Pulse { shop, room, pulse }.encode());
            }
        }
    }

    /// The shop hears how many watch on all nodes together.
    fn add_pulse(&self, session: u64, shop: &ShopId, room: &RoomId, mut pulse: Pulse) {
        if self.cluster.is_some() {
            pulse.viewers = self.crowds.note((shop, room), session, pulse.viewers);
        }
        self.service.engine().pulse(shop, room, pulse);
    }
}

/// Where shops are woken, and who hears that one is free.
#[derive(Debug)]
pub struct Placement(pub Arc<Cluster>);

impl engine::Placement for Placement {
    fn is_here(&self, shop: &ShopId) -> bool {
        matches!(self.0.home(shop), Place::Here) && !self.0.is_draining()
    }

    fn released(&self, shop: &ShopId) {
        if let Place::There(peer) = self.0.home(shop) {
            self.0.note(shop, peer.node());
            peer.tell(Ask::Take { shop: shop.clone() }.encode());
        }
    }
}

/// What is asked of which shop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) shop: &'a ShopId,
    /// The answer where the ask was sent and none comes.
    pub(super) lost: Code,
    pub(super) patience: Duration,
}

/// An object of the protocol, whose fields come and go: it travels as JSON.
#[derive(Debug)]
struct Json<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = String::deserialize(deserializer)?;
        serde_json::from_str(&json).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The line that a socket's client is sent.
fn reply_line(id: RequestId, outcome: &Result<Answer, Refusal>) -> String {
    let mut line = Vec::with_capacity(512);
    codec::encode_reply(id, outcome, &mut line);
    String::from_utf8(line).unwrap_or_default()
}

/// What is known of a topic.
#[derive(Debug, Serialize, Deserialize)]
pub enum Heard {
    /// By this node, which serves its shop.
    Here,
    /// By the node that serves it.
    There(Vec<u8>),
}

/// The shop was not there.
#[derive(Debug)]
struct Moved;

fn changing_hands() -> Refusal {
    super::refusals::of_engine(engine::Error::Elsewhere).retry_after_ms(RETRY_MS)
}

fn of_lost(code: Code) -> Refusal {
    match code {
        Code::UnknownOutcome => super::refusals::of_engine(engine::Error::Unknown),
        code => Refusal::with_message(code, "the shop's server did not answer: ask again")
            .retry_after_ms(RETRY_MS),
    }
}
