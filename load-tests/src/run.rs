//! What every subcommand needs: the flags they share, the server they drive, and how they reach
//! it. Owns starting and stopping a server of our own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use hawker_protocol::number::Count;
use hawker_protocol::reply::Pong;
use hawker_protocol::request::Ping;
use tokio::time::{Duration, Instant};

use crate::api::Api;
use crate::clock::ServerClock;
use crate::http::{Client, Url};
use crate::limits::{Changed, Settings};
use crate::line;
use crate::machine::{self, SOCKETS_PER_SOURCE};
use crate::nodes::{Among, Begun, Choice, Nodes};
use crate::report::say;
use crate::server::{self, Server, Site};
use crate::socket::{Address, Socket};
use crate::token::{Person, Tokens};

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// A running server, such as ws://127.0.0.1:8080/v1/ws. Without it one is started for the
    /// run, with config/load.toml, and stopped after it.
    #[arg(long, global = true)]
    pub(crate) server: Option<String>,
    /// Its HTTP interface; without it the same host and port as --server.
    #[arg(long, global = true)]
    pub(crate) api: Option<String>,
    /// The secret that its tokens are signed with (HS256).
    #[arg(long, global = true)]
    secret: Option<String>,
    /// A file that holds the secret.
    #[arg(long, global = true)]
    secret_file: Option<PathBuf>,
    /// Where a demo server hands out tokens; without it and without a secret /demo/token there.
    #[arg(long, global = true)]
    dev_token_url: Option<String>,
    #[arg(long, global = true, default_value = "hawker")]
    issuer: String,
    #[arg(long, global = true, default_value = "hawker")]
    audience: String,
    /// The server's program; without it `hawker` beside this one.
    #[arg(long, global = true)]
    pub(crate) hawker: Option<PathBuf>,
    /// The folder of a server of our own; without it a temporary one that is removed.
    #[arg(long, global = true)]
    pub(crate) folder: Option<PathBuf>,
    /// One JSON object on standard output, and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The same seed plays the same people.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads of the generator; without it half of the cores, as the server needs the others.
    #[arg(long, global = true)]
    pub(crate) threads: Option<usize>,
}

/// A server to drive.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) target: Arc<Target>,
    pub(crate) limits: Vec<Changed>,
    pub(crate) own: Option<(Site, Server)>,
    pub(crate) nodes: Option<Nodes>,
    pub(crate) json: bool,
}

/// How to reach a server as anybody.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    /// Where several nodes share everybody: all of them, the first included.
    nodes: Vec<Address>,
    pub(crate) http: (std::net::SocketAddr, String),
    pub(crate) tokens: Tokens,
    /// How many sockets come from one loopback address.
    pub(crate) sockets_of_source: usize,
    /// Begins every id this run makes, so that runs on one server do not meet.
    pub(crate) name: String,
}

impl Run {
    /// Reaches the server that was named, or starts one with the limits of load tests.
    pub(crate) async fn begin(
        common: &Common,
        sockets: usize,
        sockets_of_source: usize,
    ) -> Result<Self> {
        Self::begin_with(common, sockets, sockets_of_source, Settings::lifted()).await
    }

    /// The same with settings of the caller's, which a server that was named does not get.
    pub(crate) async fn begin_with(
        common: &Common,
        sockets: usize,
        sockets_of_source: usize,
        settings: Settings,
    ) -> Result<Self> {
        machine::allow_sockets(sockets)?;
        let (name, json) = (server::random_hex()?[..10].to_owned(), common.json);
        if let Some(server) = &common.server {
            let target = Target { sockets_of_source, ..Target::named(common, server, name)? };
            return Ok(Self {
                target: Arc::new(target),
                limits: Vec::new(),
                own: None,
                nodes: None,
                json,
            });
        }
        let limits = settings.changed();
        let site = Site::prepare(common.hawker.as_deref(), common.folder.as_deref(), settings)?;
        say(&format!("starting a server of our own in {}", site.folder().display()));
        let server = site.start().await?;
        let target = Arc::new(Target::of_site(&site, name));
        Ok(Self { target, limits, own: Some((site, server)), nodes: None, json })
    }

    /// The same over as many nodes as were chosen, each of our own.
    pub(crate) async fn begin_among(
        common: &Common,
        sockets: usize,
        settings: Settings,
        choice: &Choice,
    ) -> Result<Self> {
        let Some(count) = choice.nodes else {
            return Self::begin_with(common, sockets, SOCKETS_PER_SOURCE, settings).await;
        };
        machine::allow_sockets(sockets)?;
        let shared = (choice.redis.as_deref(), choice.lease_ms);
        let nodes = Nodes::start(common, count, shared, &settings).await?;
        let target = Target::of_nodes(&nodes, server::random_hex()?[..10].to_owned());
        let (target, limits) = (Arc::new(target), settings.changed());
        Ok(Self { target, limits, own: None, nodes: Some(nodes), json: common.json })
    }

    /// How several nodes stand before a measurement.
    pub(crate) async fn begin_nodes(&self, shop: &str) -> Option<Begun> {
        match &self.nodes {
            Some(nodes) => Some(nodes.begin(shop).await),
            None => None,
        }
    }

    /// What their report says after it.
    pub(crate) async fn among_nodes(&self, shop: &str, begun: Option<&Begun>) -> Option<Among> {
        Some(self.nodes.as_ref()?.among(shop, begun?).await)
    }

    /// Our own servers.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let own = self.own.as_ref().map(|(_, server)| server.process);
        own.into_iter().chain(self.nodes.iter().flat_map(Nodes::processes)).collect()
    }

    /// Processor seconds of our own servers, and of this process.
    pub(crate) fn cpu_s(&self) -> Cpu {
        let server = self.processes().into_iter().filter_map(machine::cpu_s);
        let server = server.reduce(|sum, one| sum + one);
        Cpu { server, generator: machine::cpu_s(std::process::id()).unwrap_or(0.0) }
    }

    pub(crate) fn server_resident_bytes(&self) -> Option<u64> {
        let resident = self.processes().into_iter().filter_map(machine::resident_bytes);
        resident.reduce(|sum, one| sum + one)
    }

    /// Ends the run with what its measurement said.
    pub(crate) async fn conclude(self, measured: Result<bool>) -> Result<bool> {
        self.conclude_with(measured, |passed| *passed).await
    }

    /// The same where the measurement says more than that.
    pub(crate) async fn conclude_with<T>(
        self,
        measured: Result<T>,
        passed: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let ended = self.end(measured.as_ref().is_ok_and(passed)).await;
        let measured = measured?;
        ended?;
        Ok(measured)
    }

    /// Ends our own server with SIGTERM; its folder stays when the run failed.
    async fn end(self, passed: bool) -> Result<()> {
        if let Some(nodes) = self.nodes {
            return nodes.end(passed).await;
        }
        let Some((site, server)) = self.own else { return Ok(()) };
        let ended = server.stop().await.with_context(|| site.last_words());
        if passed && ended.is_ok() {
            site.remove();
        } else {
            say(&format!("the server's folder is kept: {}", site.folder().display()));
        }
        ended
    }
}

/// Processor seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) server: Option<f64>,
    pub(crate) generator: f64,
}

impl Cpu {
    pub(crate) fn since(self, before: Self) -> Self {
        let server = self.server.zip(before.server).map(|(now, before)| now - before);
        Self { server, generator: self.generator - before.generator }
    }
}

impl Target {
    fn named(common: &Common, server: &str, name: String) -> Result<Self> {
        let ws = Url::parse(server, "ws")?;
        let api = match &common.api {
            Some(api) => Url::parse(api, "http")?,
            None => ws.clone(),
        };
        let secret = match (&common.secret, &common.secret_file) {
            (Some(secret), _) => Some(secret.clone()),
            (None, Some(file)) => Some(
                std::fs::read_to_string(file)
                    .with_context(|| file.display().to_string())?
                    .trim()
                    .to_owned(),
            ),
            (None, None) => None,
        };
        let tokens = match (secret, &common.dev_token_url) {
            (Some(secret), _) => {
                Tokens::signed(secret.as_bytes(), &common.issuer, &common.audience)
            }
            (None, Some(url)) => Tokens::demo(&Url::parse(url, "http")?),
            // A demo server gives tokens to whoever asks; any other says that it knows no such
            // path, and then a secret is needed.
            (None, None) => Tokens::demo(&Url { path: "/demo/token".to_owned(), ..api.clone() }),
        };
        let address = Address { peer: ws.address, host: ws.host, path: ws.path };
        let (sockets_of_source, nodes) = (SOCKETS_PER_SOURCE, Vec::new());
        Ok(Self { address, nodes, http: (api.address, api.host), tokens, sockets_of_source, name })
    }

    pub(crate) fn of_site(site: &Site, name: String) -> Self {
        Self {
            address: address_of(site),
            nodes: Vec::new(),
            http: (site.listen, site.listen.to_string()),
            tokens: Tokens::signed(site.secret.as_bytes(), "hawker", "hawker"),
            sockets_of_source: SOCKETS_PER_SOURCE,
            name,
        }
    }

    /// Everybody is shared between all nodes, whoever has a shop.
    pub(crate) fn of_nodes(nodes: &Nodes, name: String) -> Self {
        let all = nodes.all.iter().map(|node| address_of(&node.site)).collect();
        Self { nodes: all, ..Self::of_site(&nodes.all[0].site, name) }
    }

    pub(crate) async fn api(&self, shop: &str) -> Result<Api> {
        let (address, host) = &self.http;
        let clients = match self.nodes.as_slice() {
            [] => vec![Client::new(*address, host)],
            nodes => nodes.iter().map(|node| Client::new(node.peer, &node.host)).collect(),
        };
        Api::new(clients, &self.tokens, shop, &self.name).await
    }

    /// How many nodes share everybody.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len().max(1)
    }

    /// The node of one of many people: everybody in turn.
    pub(crate) fn address(&self, number: usize) -> &Address {
        let node = number % self.nodes();
        self.nodes.get(node).unwrap_or(&self.address)
    }

    /// The socket of one of many people, said hello.
    pub(crate) async fn connect(&self, number: usize, person: Person<'_>) -> Result<Socket> {
        let token = self.tokens.of(person).await?;
        let address = self.address(number);
        let (socket, _) = Socket::open(address, self.source(number), &token).await?;
        Ok(socket)
    }

    /// The same before the hello, which is the caller's to say.
    pub(crate) async fn upgrade(&self, number: usize, person: Person<'_>) -> Result<Socket> {
        let token = self.tokens.of(person).await?;
        Socket::upgrade(self.address(number), self.source(number), &token).await
    }

    /// How the server's clock stands to ours: the reading with the shortest way of five.
    pub(crate) async fn clock(&self, number: usize, shop: &str) -> Result<ServerClock> {
        let mut socket = self.connect(number, Person::buyer("clock", shop)).await?;
        let mut best: Option<(Duration, ServerClock)> = None;
        for _ in 0..5 {
            let sent = Instant::now();
            let pong: Pong = line::ok(&socket.ask(&Ping { t0: Count(0) }.into()).await?)?;
            let way = sent.elapsed();
            let half_ms = i64::try_from(way.as_millis() / 2).unwrap_or(0);
            let clock = ServerClock::new(pong.t2.0 + half_ms);
            if best.is_none_or(|(shortest, _)| way < shortest) {
                best = Some((way, clock));
            }
        }
        socket.close().await;
        best.map(|(_, clock)| clock).context("no ping was answered")
    }

    /// The kernel gives out about 28,000 ports for each pair of addresses; on loopback there are
    /// more addresses to come from.
    fn source(&self, number: usize) -> Option<IpAddr> {
        let last = u8::try_from(number / self.sockets_of_source + 1).ok()?;
        let loopback = self.address.peer.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST);
        (loopback && last > 1).then(|| Ipv4Addr::new(127, 0, 0, last).into())
    }
}

fn address_of(site: &Site) -> Address {
    Address { peer: site.listen, host: site.listen.to_string(), path: "/v1/ws".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_beyond_the_ports_of_one_address_come_from_the_next() {
        let host = "127.0.0.1:80".to_owned();
        let peer = "127.0.0.1:80".parse().unwrap();
        let target = Target {
            address: Address { peer, host: host.clone(), path: "/".into() },
            nodes: Vec::new(),
            http: (peer, host),
            tokens: Tokens::signed(b"", "", ""),
            sockets_of_source: SOCKETS_PER_SOURCE,
            name: String::new(),
        };
        assert_eq!(target.source(24_999), None);
        assert_eq!(target.source(25_000), Some("127.0.0.2".parse().unwrap()));
        assert_eq!(target.source(60_000), Some("127.0.0.3".parse().unwrap()));
    }
}
