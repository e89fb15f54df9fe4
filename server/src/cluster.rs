//! The nodes that share a journal: who is there, where a shop should run, and the links between
//! them. Carries what nodes ask each other as bytes; never looks into it and decides nothing about
//! a shop.

mod door;
mod frame;
mod greeting;
mod link;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use hawker_domain::id::ShopId;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

pub use door::Door;
pub use greeting::Key;
pub use link::{Lost, Peer};

/// A future that is handed out; boxed so that the node can have any store and any host.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A node as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub node: String,
    /// Host and port of its door.
    pub address: String,
    /// It goes away and takes no shop.
    pub draining: bool,
}

/// Where nodes find each other.
pub trait Members: fmt::Debug + Send + Sync + 'static {
    /// Says that this node is there; answers with all that said so lately, by one clock.
    fn beat<'a>(
        &'a self,
        me: &'a Member,
        lately: Duration,
    ) -> Pending<'a, Result<Vec<Member>, String>>;

    /// This node is there no more.
    fn leave<'a>(&'a self, me: &'a Member) -> Pending<'a, ()>;
}

/// What this node does for the others.
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// Begins what a node asks for before it returns, so that its asks keep their order. `session`
    /// tells its connections apart. An empty answer is one too.
    fn on_ask(&self, session: u64, ask: Vec<u8>) -> Pending<'static, Vec<u8>>;

    /// A connection of another node ended: what it held is free.
    fn on_gone(&self, session: u64);
}

#[derive(Debug, Clone)]
pub struct Options {
    pub node: String,
    pub address: String,
    pub beat_every: Duration,
    /// A node that was silent for so long is taken for gone.
    pub silent_max: Duration,
}

impl Options {
    /// Beats by which a node is missed before its leases of `lease` run out.
    pub fn new(node: String, address: String, lease: Duration) -> Self {
        let beat_every = (lease / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        Self { node, address, beat_every, silent_max: beat_every * 4 }
    }
}

/// Where a shop runs, or should.
#[derive(Debug, Clone)]
pub enum Place {
    Here,
    There(Arc<Peer>),
}

/// This node among the others.
pub struct Cluster {
    options: Options,
    store: Arc<dyn Members>,
    key: Key,
    draining: AtomicBool,
    /// The others that live, in the order of their names.
    others: RwLock<Vec<Member>>,
    peers: DashMap<String, Arc<Peer>>,
    /// Shops that were met elsewhere than where they should be.
    met: DashMap<ShopId, String>,
}

impl Cluster {
    pub fn new(options: Options, store: Arc<dyn Members>, key: Key) -> Arc<Self> {
        Arc::new(Self {
            options,
            store,
            key,
            draining: AtomicBool::new(false),
            others: RwLock::default(),
            peers: DashMap::new(),
            met: DashMap::new(),
        })
    }

    pub fn node(&self) -> &str {
        &self.options.node
    }

    /// Hears who is there once; without a store this node is alone for the moment.
    pub async fn look(&self) {
        let me = self.me();
        match self.store.beat(&me, self.options.silent_max).await {
            Ok(members) => self.learn(members),
            Err(problem) => tracing::debug!(problem, "other nodes are not heard of"),
        }
    }

    /// Says that this node is there until it is told to stop.
    pub async fn keep_up(self: Arc<Self>, stop: CancellationToken) {
        let mut beat = tokio::time::interval(self.options.beat_every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => self.look().await,
                () = stop.cancelled() => break,
            }
        }
        self.store.leave(&self.me()).await;
    }

    /// From now on this node takes no shop, and the others hear of it.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.look().await;
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn me(&self) -> Member {
        Member {
            node: self.options.node.clone(),
            address: self.options.address.clone(),
            draining: self.is_draining(),
        }
    }

    fn learn(&self, members: Vec<Member>) {
        let mut others = members;
        others.retain(|member| member.node != self.options.node);
        others.sort_by(|a, b| a.node.cmp(&b.node));
        let lives = |node: &str| others.iter().any(|member| member.node == node);
        self.met.retain(|_, node| lives(node));
        metrics::gauge!("hawker_cluster_nodes").set(others.len() as f64 + 1.0);
        if *self.others.read() == others {
            return;
        }
        let names: Vec<_> = others.iter().map(|it| it.node.as_str()).collect();
        tracing::info!(nodes = ?names, "other nodes");
        self.peers.retain(|node, peer| {
            others.iter().any(|it| it.node == *node && it.address == peer.address())
        });
        *self.others.write() = others;
    }

    /// The other nodes that live.
    pub fn members(&self) -> Vec<Member> {
        self.others.read().clone()
    }

    pub fn has_others(&self) -> bool {
        !self.others.read().is_empty()
    }

    /// The other nodes that could have this node's shops.
    pub fn has_successors(&self) -> bool {
        self.others.read().iter().any(|member| !member.draining)
    }

    pub fn peers(&self) -> Vec<Arc<Peer>> {
        self.others.read().iter().map(|member| self.peer(member)).collect()
    }

    /// Where a shop should be asked for first: where it was met, or where it belongs.
    pub fn place(&self, shop: &ShopId) -> Place {
        let met = self.met.get(shop).map(|node| node.clone());
        if let Some(node) = met {
            if node == self.options.node {
                return Place::Here;
            }
            if let Some(peer) = self.peer_named(&node) {
                return Place::There(peer);
            }
        }
        self.home(shop)
    }

    /// Where a shop belongs: of the nodes that take shops, the one whose name and the shop's give
    /// the highest number. Every node finds the same, and one that goes moves its own shops only.
    pub fn home(&self, shop: &ShopId) -> Place {
        let others = self.others.read();
        let mine = (!self.is_draining()).then(|| weight(&self.options.node, shop));
        let best = others
            .iter()
            .filter(|member| !member.draining)
            .max_by_key(|member| weight(&member.node, shop));
        match best {
            Some(best) if mine.is_none_or(|mine| weight(&best.node, shop) > mine) => {
                Place::There(self.peer(best))
            }
            Some(_) | None => Place::Here,
        }
    }

    /// A shop was met on this node.
    pub fn note(&self, shop: &ShopId, node: &str) {
        self.met.insert(shop.clone(), node.to_owned());
    }

    /// It was not met there any more.
    pub fn forget(&self, shop: &ShopId) {
        self.met.remove(shop);
    }

    pub fn peer_named(&self, node: &str) -> Option<Arc<Peer>> {
        let member = self.others.read().iter().find(|member| member.node == node).cloned()?;
        Some(self.peer(&member))
    }

    fn peer(&self, member: &Member) -> Arc<Peer> {
        if let Some(peer) = self.peers.get(&member.node) {
            return peer.clone();
        }
        let make = || Peer::new(self.options.node.clone(), member, self.key.clone());
        self.peers.entry(member.node.clone()).or_insert_with(make).clone()
    }
}

fn weight(node: &str, shop: &ShopId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [node, "/", shop.as_str()] {
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("options", &self.options).finish_non_exhaustive()
    }
}
