//! A node among others: the parts that only such a node has, put together. Owns no rule.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::routing::get;
use axum::{Json, Router};
use hawker_domain::id::UserId;
use hawker_protocol::{Code, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::{self, Attendance, Bus, Topic};
use crate::cluster::{Cluster, Door, Key, Member, Members, Options, Pending};
use crate::config::Config;
use crate::delivery::Delivery;
use crate::edge::limits::Limits;
use crate::edge::nodes::{GuestBook, Guests, Heard, Histories, Nodes, Placement};
use crate::edge::revoke::Revoker;
use crate::edge::socket::{OwnTopics, Topics};
use crate::engine::{self, Engine};
use crate::hub::{self, Hub};
use crate::journal::redis::Redis;
use crate::mirror::{self, History, Mirror, NotReady, Owners};

/// How long a node that stops waits for the others to be told.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The node's place among others.
pub(super) struct Post {
    pub(super) cluster: Arc<Cluster>,
    redis: Arc<Redis>,
    door: Door,
}

/// What a node says of itself in Redis.
#[derive(Serialize, Deserialize)]
struct Said {
    address: String,
    draining: bool,
}

/// Nodes find each other in the Redis of their journal.
#[derive(Debug)]
struct Registry(Arc<Redis>);

impl Members for Registry {
    fn beat<'a>(
        &'a self,
        me: &'a Member,
        lately: Duration,
    ) -> Pending<'a, Result<Vec<Member>, String>> {
        Box::pin(async move {
            let said = Said { address: me.address.clone(), draining: me.draining };
            let said = serde_json::to_string(&said).map_err(|error| error.to_string())?;
            let spoken = self.0.speak(&said, lately).await?;
            // A later version may say it in other words; it is no node for this one.
            let members = spoken.into_iter().filter_map(|(node, said)| {
                let Said { address, draining } = serde_json::from_str(&said).ok()?;
                Some(Member { node, address, draining })
            });
            Ok(members.collect())
        })
    }

    fn leave<'a>(&'a self, _: &'a Member) -> Pending<'a, ()> {
        Box::pin(async move {
            if let Err(problem) = self.0.speak("", Duration::ZERO).await {
                tracing::debug!(problem, "other nodes will notice by themselves");
            }
        })
    }
}

/// Takes the post that the settings name; `None` for a node that is alone.
pub(super) async fn post(
    config: &Config,
    redis: Option<&Arc<Redis>>,
    secret: &[u8],
) -> anyhow::Result<Option<Post>> {
    let Some(listen) = config.cluster.listen else { return Ok(None) };
    let Some(redis) = redis else {
        bail!("`cluster.listen` needs `journal.kind = \"redis\"`: nodes share one journal");
    };
    if config.auth.secret.is_none() && config.auth.secret_file.is_none() {
        bail!(
            "`cluster.listen` needs `auth.secret` or `auth.secret_file`, the same on all nodes: \
             by it they know each other"
        );
    }
    let key = Key::derive(secret);
    let advertise = config.cluster.advertise.clone();
    let options = |address: String| Options::new(redis.node(), address, redis.lease());
    // Where the system chooses the port, it is known only behind the door.
    let door = Door::bind(listen, redis.node(), key.clone())
        .with_context(|| format!("cannot listen on {listen} for other nodes"))?;
    let address = advertise.map_or_else(|| door.local_addr().map(|it| it.to_string()), Ok)?;
    let cluster = Cluster::new(options(address), Arc::new(Registry(redis.clone())), key);
    cluster.look().await;
    Ok(Some(Post { cluster, redis: redis.clone(), door }))
}

/// Where shops are woken.
pub(super) fn placement(post: Option<&Post>) -> Arc<dyn engine::Placement> {
    match post {
        Some(post) => Arc::new(Placement(post.cluster.clone())),
        None => Arc::new(engine::Alone),
    }
}

/// What carries lines to and from other nodes, if there are any.
pub(super) fn bus(config: &Config, post: Option<&Post>) -> anyhow::Result<Arc<dyn Bus>> {
    let Some(post) = post else { return Ok(Arc::new(bus::Local::new())) };
    let cluster = post.cluster.clone();
    let has_others = Box::new(move || cluster.has_others());
    let client = post.redis.client()?;
    // A room is ticked once more where it arrives: in step with that, nothing waits twice.
    let tick = Duration::from_millis(config.hub.tick_ms);
    let options = bus::redis::Options { tick, ..bus::redis::Options::default() };
    Ok(Arc::new(bus::redis::Redis::start(client, options, has_others)))
}

/// How this node's sockets hear their topics.
pub(super) struct Hearing {
    pub(super) hub: Arc<Hub>,
    pub(super) topics: Arc<dyn Topics>,
    delivery: Arc<Delivery>,
    owners: Arc<Asking>,
}

impl Hearing {
    pub(super) fn new(
        options: hub::Options,
        bus: Arc<dyn Bus>,
        delivery: Arc<Delivery>,
        post: Option<&Post>,
    ) -> Self {
        let owners = Arc::new(Asking::default());
        if post.is_none() {
            let hub = Hub::new(options, delivery.clone());
            bus.subscribe(hub.clone());
            return Self { hub, topics: Arc::new(OwnTopics), delivery, owners };
        }
        let figures = mirror::Options::default();
        let mirror = Mirror::new(delivery.clone(), bus.clone(), owners.clone(), figures);
        let hub = Hub::new(options, mirror.clone());
        mirror.serve(&hub);
        bus.subscribe(mirror.clone());
        Self { hub, topics: Arc::new(Mirrored { mirror, bus }), delivery, owners }
    }

    /// Names those who know where a shop runs. Nobody is followed before.
    pub(super) fn ask(&self, nodes: &Arc<Nodes>) {
        self.owners.nodes.get_or_init(|| nodes.clone());
    }

    /// What this node tells others of its topics.
    pub(super) fn histories(&self) -> Histories {
        let (hub, delivery) = (self.hub.clone(), self.delivery.clone());
        Box::new(move |topic, known| {
            let history = mirror::history_of(&hub, &*delivery, topic, known);
            postcard::to_stdvec(&history).unwrap_or_default()
        })
    }
}

/// Asks the owners of topics through the links of this node.
#[derive(Debug, Default)]
struct Asking {
    nodes: OnceLock<Arc<Nodes>>,
}

impl Owners for Asking {
    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        known: Option<(u64, u64)>,
    ) -> bus::Pending<'a, Result<Option<History>, NotReady>> {
        Box::pin(async move {
            let nodes = self.nodes.get().ok_or_else(|| NotReady("the node starts".to_owned()))?;
            match nodes.history(topic, known).await {
                Ok(Heard::Here) => Ok(None),
                Ok(Heard::There(bytes)) => postcard::from_bytes(&bytes)
                    .map(Some)
                    .map_err(|error| NotReady(error.to_string())),
                Err(refusal) => Err(NotReady(refusal.to_string())),
            }
        })
    }
}

/// The topics of a node among others.
#[derive(Debug)]
struct Mirrored {
    mirror: Arc<Mirror>,
    bus: Arc<dyn Bus>,
}

impl Topics for Mirrored {
    fn ready<'a>(&'a self, topic: &'a Topic) -> bus::Pending<'a, Result<(), Refusal>> {
        Box::pin(async move {
            self.mirror.ready(topic).await.map_err(|error| {
                tracing::debug!(%topic, %error, "a topic cannot be followed");
                let message = "the server of this shop is not heard: ask again";
                Refusal::with_message(Code::Unavailable, message)
            })
        })
    }

    fn attend<'a>(&'a self, user: &'a UserId) -> bus::Pending<'a, Option<Attendance>> {
        Box::pin(async move {
            // Whoever cannot be told now finds all that is his when he joins.
            self.bus.attend(&Topic::user(user)).await.ok()
        })
    }
}

/// What only a node among others has.
pub(super) struct Among {
    post: Post,
    guests: Arc<Guests>,
}

impl Among {
    pub(super) fn new(
        post: Post,
        nodes: Arc<Nodes>,
        own: (Arc<Limits>, Arc<Revoker>),
        histories: Histories,
    ) -> Self {
        let guests = Guests::new(nodes, post.cluster.clone(), own, histories);
        Self { post, guests }
    }

    /// The routes that answer other nodes.
    pub(super) fn serve(&self, router: Router) {
        self.guests.serve(router);
    }

    /// Whether the node goes away, as a question that does not block.
    pub(super) fn is_leaving(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let cluster = self.post.cluster.clone();
        move || cluster.is_draining()
    }

    /// Lets other nodes in until `stop`.
    pub(super) fn start(self, stop: CancellationToken) -> Joined {
        let Self { post: Post { cluster, door, .. }, guests } = self;
        tokio::spawn(door.serve(Arc::new(GuestBook(guests)), stop.clone()));
        let beats = tokio::spawn(cluster.clone().keep_up(stop));
        Joined { cluster, beats }
    }
}

/// A node that others know of.
pub(super) struct Joined {
    cluster: Arc<Cluster>,
    beats: JoinHandle<()>,
}

impl Joined {
    /// Tells the others that this node takes no shop any more. Whether any of them does.
    pub(super) async fn may_hand_over(&self) -> bool {
        self.cluster.look().await;
        let has_successors = self.cluster.has_successors();
        if has_successors {
            self.cluster.drain().await;
        }
        has_successors
    }

    /// The last word of a node that was told to stop.
    pub(super) async fn leave(self) {
        if tokio::time::timeout(LEAVE_TIMEOUT, self.beats).await.is_err() {
            tracing::debug!("other nodes will notice by themselves");
        }
    }
}

/// `GET /cluster`: who is there, and which shops run here.
pub(super) fn tools(engine: Engine, among: Option<&Among>) -> Router {
    let cluster = among.map(|among| among.post.cluster.clone());
    let route = async move || {
        let shops = engine.served().into_iter();
        let shops: Vec<_> =
            shops.map(|(shop, epoch)| json!({ "shop": shop.as_str(), "epoch": epoch })).collect();
        let Some(cluster) = cluster else { return Json(json!({ "shops": shops })) };
        let nodes = cluster
            .members()
            .into_iter()
            .map(|it| json!({ "node": it.node, "address": it.address, "draining": it.draining }));
        Json(json!({
            "node": cluster.node(),
            "draining": cluster.is_draining(),
            "nodes": nodes.collect::<Vec<_>>(),
            "shops": shops,
        }))
    };
    Router::new().route("/cluster", get(route))
}
