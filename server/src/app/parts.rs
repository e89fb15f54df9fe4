//! A server's parts, put together in the order in which they need each other.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cluster::{self, Among, Hearing, Joined};
use super::{demo, journal_tool, options, secret, uploads};
use crate::awaiting;
use crate::cli::edge_options;
use crate::clock::Clock;
use crate::config::{Config, JournalKind};
use crate::delivery::Delivery;
use crate::edge::auth::{Minter, Verifier};
use crate::edge::http::uploads::{Depot, Key};
use crate::edge::limits::Limits;
use crate::edge::listener::{Drained, Listener};
use crate::edge::nodes::{self, Nodes};
use crate::edge::origin::{Origin, Origins};
use crate::edge::revoke::{self, Revoker};
use crate::edge::seat::Seats;
use crate::edge::seed::Sealer;
use crate::edge::service::Service;
use crate::edge::socket::{Goodbyes, PresenceKey, Pulses, Surroundings};
use crate::edge::upgrade::{self, Door};
use crate::edge::{admin, auth, guard, http, page, reveal};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::journal::memory::Memory;
use crate::journal::redb::Redb;
use crate::journal::redis::Redis;
use crate::journal::{self, Journal};
use crate::telemetry::Metrics;
use crate::uploads::Uploads;

/// Everything that runs, and how to stop it.
pub(super) struct Parts {
    pub(super) shutdown: CancellationToken,
    public: (Listener, Router),
    admin: (Listener, Router),
    engine: Engine,
    sockets: TaskTracker,
    among: Option<Among>,
    failure: Option<watch::Receiver<Option<String>>>,
}

/// Where events become durable, and what tells of its failure.
struct Store {
    journal: Arc<dyn Journal>,
    redb: Option<Arc<Redb>>,
    redis: Option<Arc<Redis>>,
}

/// The shops and the way to them, without a door.
struct Core {
    store: Store,
    post: Option<cluster::Post>,
    hearing: Hearing,
    engine: Engine,
    service: Arc<Service>,
    nodes: Arc<Nodes>,
    files: Arc<dyn Uploads>,
    secret: Vec<u8>,
}

impl Core {
    async fn build(config: &Config, demo: bool, auth: auth::Options) -> anyhow::Result<Self> {
        let clock = Clock::system();
        tokio::spawn(clock.clone().follow());
        let secret = secret::of(&auth, config, demo)?;
        let verifier = Arc::new(Verifier::new(auth, clock.clone())?);
        tokio::spawn(keep_tokens(verifier.clone(), clock.clone()));

        let store = Store::open(config, &clock).await?;
        let post = cluster::post(config, store.redis.as_ref(), &secret).await?;
        let bus = cluster::bus(config, post.as_ref())?;
        let delivery = Delivery::new(options::delivery(config), bus.clone(), clock.clone());
        tokio::spawn(delivery.clone().run());
        let hearing = Hearing::new(options::hub(config)?, bus, delivery.clone(), post.as_ref());
        let (sink, wishes) = awaiting::watching(delivery);
        let (options, journal) = (options::engine(config), store.journal.clone());
        let placement = cluster::placement(post.as_ref());
        let engine = Engine::start_among(options, clock.clone(), journal, sink, placement);

        let wait = Duration::from_millis(config.limits.timeouts.command_ms);
        let files = uploads::open(config, &clock)?;
        let asks = (engine.clone(), files.clone(), Sealer::derive(&secret)?);
        let service = Arc::new(Service::new(asks, clock, verifier, wait));
        tokio::spawn(reveal::run(service.clone(), wishes));
        let nodes = Nodes::new(service.clone(), post.as_ref().map(|post| post.cluster.clone()));
        hearing.ask(&nodes);
        if demo {
            demo::furnish(&service).await?;
        }
        Ok(Self { store, post, hearing, engine, service, nodes, files, secret })
    }
}

impl Parts {
    pub(super) async fn build(
        config: &Config,
        demo: bool,
        cores: NonZero<usize>,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let auth = auth_options(config, demo)?;
        let minter = if demo { minter(&auth)? } else { None };
        let shutdown = CancellationToken::new();
        let core = Core::build(config, demo, auth).await?;
        let Core { store, post, hearing, engine, service, nodes, files, secret } = core;
        let pulses = Arc::new(Pulses::default());
        tokio::spawn(pulse(hearing.hub.clone(), pulses.clone(), nodes.clone()));
        let rates = Arc::new(Limits::new(edge_options::rates(config)));
        tokio::spawn(rates.clone().keep_swept());
        let revoker = Arc::new(Revoker::new(service.clone(), hearing.hub.clone()));
        let revoking = revoke::router(revoker.clone(), nodes.clone());
        let own = (rates.clone(), revoker);
        let among = post.map(|post| Among::new(post, nodes.clone(), own, hearing.histories()));
        let around = Arc::new(Surroundings {
            options: options::socket(config),
            service: service.clone(),
            nodes: nodes.clone(),
            hub: hearing.hub.clone(),
            topics: hearing.topics.clone(),
            rates: rates.clone(),
            pulses,
            presence: PresenceKey::derive(&secret),
            drain: shutdown.clone(),
            goodbyes: Goodbyes::default(),
        });

        let listener = public_listener(config, cores)?;
        let origins = Arc::new(origins(config, demo, listener.local_addr()?)?);
        let sockets = TaskTracker::new();
        let door = Door { around, origins: origins.clone(), tasks: sockets.clone() };
        let state = http::ApiState {
            service: service.clone(),
            nodes,
            options: options::http(config),
            rates: rates.clone(),
            uploads: Depot::new(files, options::depot(config), Key::derive(&secret)),
            shutdown: shutdown.clone(),
        };
        let guarding = edge_options::guard(config, http::render)?;
        let (api, intake) = api(state, &origins, among.as_ref());
        let minting = minter.map(|minter| demo::router(minter, service.clock().clone()));
        let router = api.merge(upgrade::router(door)).merge(page::router());
        let router = router.merge(minting.unwrap_or_default());
        let intake = guard::streamed(intake, guarding.clone(), rates.clone());
        let public = (listener, guard::guarded(router, guarding, rates).merge(intake));
        let tools = revoking.merge(cluster::tools(engine.clone(), among.as_ref()));
        let admin = admin_part(config, &store, (tools, among.as_ref()), metrics, &shutdown)?;
        let failure = store.redb.as_ref().map(|redb| redb.failure());
        Ok(Self { shutdown, public, admin, engine, sockets, among, failure })
    }

    pub(super) fn addresses(&self) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        Ok((self.public.0.local_addr()?, self.admin.0.local_addr()?))
    }

    /// Resolves when the journal can no longer keep its promise.
    pub(super) fn journal_failure(&self) -> impl Future<Output = String> + use<> {
        let failure = self.failure.clone();
        async move {
            let Some(mut failure) = failure else { return std::future::pending().await };
            let problem = match failure.wait_for(Option::is_some).await {
                Ok(problem) => problem.clone(),
                Err(_) => None,
            };
            problem.unwrap_or_else(|| "its writer is gone".to_owned())
        }
    }

    /// Starts both listeners. The admin port outlives the public one, so that a drain can be seen.
    pub(super) fn start(self) -> Running {
        let admin_stop = CancellationToken::new();
        let Self { shutdown, public, admin, engine, sockets, among, .. } = self;
        let among = among.map(|among| among.start(admin_stop.clone()));
        let public = tokio::spawn(public.0.serve(public.1, shutdown.clone()));
        let admin = tokio::spawn(admin.0.serve(admin.1, admin_stop.clone()));
        Running { shutdown, admin_stop, public, admin, engine, sockets, among }
    }
}

/// A server at work.
pub(super) struct Running {
    shutdown: CancellationToken,
    admin_stop: CancellationToken,
    public: JoinHandle<Drained>,
    admin: JoinHandle<Drained>,
    engine: Engine,
    sockets: TaskTracker,
    among: Option<Joined>,
}

impl Running {
    /// Not ready, shops given to other nodes where there are any, no more connections, clients
    /// told to move, what was decided made durable.
    pub(super) async fn drain(self, within: Duration) {
        if let Some(among) = &self.among
            && among.may_hand_over().await
        {
            self.engine.stop().await;
        }
        self.shutdown.cancel();
        let cut = ended(self.public, within).await.map_or(0, |drained| drained.cut);
        self.sockets.close();
        if tokio::time::timeout(within, self.sockets.wait()).await.is_err() {
            tracing::warn!(left = self.sockets.len(), "sockets did not close in time");
        }
        self.engine.stop().await;
        self.admin_stop.cancel();
        if let Some(among) = self.among {
            among.leave().await;
        }
        ended(self.admin, within).await;
        tracing::info!(cut, "stopped");
    }
}

/// A listener's end, within its drain time and a little.
async fn ended<T>(listener: JoinHandle<T>, within: Duration) -> Option<T> {
    match tokio::time::timeout(within + Duration::from_secs(1), listener).await {
        Ok(Ok(ended)) => Some(ended),
        Ok(Err(error)) => {
            tracing::error!(%error, "a listener's task failed");
            None
        }
        Err(_) => None,
    }
}

impl Store {
    async fn open(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        match config.journal.kind {
            JournalKind::Memory => {
                tracing::warn!("the journal is in memory: nothing survives this process");
                Ok(Self { journal: Arc::new(Memory::new()), redb: None, redis: None })
            }
            JournalKind::Redb => {
                let redb = Arc::new(open_redb(&config.journal.path)?);
                Ok(Self { journal: redb.clone(), redb: Some(redb), redis: None })
            }
            JournalKind::Redis => {
                let settings = options::redis(&config.journal.redis)?;
                let options = journal::redis::Options { clock: clock.clone(), ..settings };
                let redis = Arc::new(Redis::open(options).await?);
                Ok(Self { journal: redis.clone(), redb: None, redis: Some(redis) })
            }
        }
    }
}

fn open_redb(path: &Path) -> anyhow::Result<Redb> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the journal's folder {}", folder.display()))?;
    }
    Ok(Redb::open(journal::redb::Options::new(path))?)
}

fn auth_options(config: &Config, demo: bool) -> anyhow::Result<auth::Options> {
    let options =
        if demo { edge_options::auth_for_demo(config) } else { edge_options::auth(config) };
    Ok(options?)
}

/// The demo signs for whoever asks.
fn minter(auth: &auth::Options) -> anyhow::Result<Option<Minter>> {
    let Some(secret) = &auth.secret else { return Ok(None) };
    Ok(Some(Minter::new(&auth.issuer, &auth.audience, secret)?))
}

fn public_listener(config: &Config, cores: NonZero<usize>) -> anyhow::Result<Listener> {
    let listening = edge_options::listener(config, cores, http::render)?;
    Listener::bind(listening, Seats::new(edge_options::seats(config)))
        .with_context(|| format!("cannot listen on {}", config.server.listen))
}

/// What is asked over HTTP, and apart from it what is streamed.
fn api(state: http::ApiState, origins: &Origins, among: Option<&Among>) -> (Router, Router) {
    let state = Arc::new(state);
    let from_origins = |routes| guard::from_origins(routes, origins.clone(), http::render);
    let own = http::router(state.clone());
    if let Some(among) = among {
        among.serve(own.clone());
    }
    let api = nodes::forwarding(own, state.nodes.clone(), &state.options);
    let api = from_origins(api).merge(http::documents());
    (api.merge(http::files(&state)), from_origins(http::intake(state)))
}

/// The demo's page is served by the demo itself.
fn origins(config: &Config, demo: bool, public: SocketAddr) -> anyhow::Result<Origins> {
    let mut allowed = edge_options::allowed_origins(config)?;
    if demo {
        for host in ["127.0.0.1", "localhost"] {
            allowed.push(format!("http://{host}:{}", public.port()).parse::<Origin>()?);
        }
    }
    Ok(Origins::new(allowed))
}

fn admin_part(
    config: &Config,
    store: &Store,
    (more, among): (Router, Option<&Among>),
    metrics: Metrics,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Listener, Router)> {
    let (address, public) = (config.server.admin_listen, config.server.admin_public);
    admin::check_address(address, public)?;
    let (listening, places) = edge_options::admin_listener(config, http::render);
    let listener = Listener::bind(listening, Seats::new(places))
        .with_context(|| format!("cannot listen on {address}"))?;
    let readiness = admin::Readiness::default();
    let (draining, leaving) = (shutdown.clone(), among.map(Among::is_leaving));
    let is_going = move || draining.is_cancelled() || leaving.as_ref().is_some_and(|it| it());
    readiness.check("draining", move || match is_going() {
        true => Err("this node is going away".to_owned()),
        false => Ok(()),
    });
    if let Some(failure) = store.redb.as_ref().map(|redb| redb.failure()) {
        readiness.check("journal", move || failure.borrow().clone().map_or(Ok(()), Err));
    }
    if let Some(redis) = &store.redis {
        // All servers lose it at once: none is better to send people to than this one.
        readiness.note("journal", redis.trouble());
    }
    let tools = journal_tool::router(store.journal.clone(), store.redb.clone()).merge(more);
    let render = move || metrics.render();
    Ok((listener, admin::router(readiness, render, tools, public)))
}

/// Reports each room's viewers, likes and who watches to its shop, once a second.
async fn pulse(hub: Arc<Hub>, pulses: Arc<Pulses>, nodes: Arc<Nodes>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        pulses.report(&hub, &nodes);
    }
}

/// Reads keys again when they change or on SIGHUP; forgets revocations that have run out.
async fn keep_tokens(verifier: Arc<Verifier>, clock: Clock) {
    tokio::spawn(verifier.clone().keep_keys_fresh());
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let mut sweep = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = hangup.recv() => verifier.reload(),
            _ = sweep.tick() => verifier.revocations().sweep(clock.now()),
        }
    }
}
