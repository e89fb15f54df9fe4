//! The settings: their names, units, ranges, defaults and reasons. Owns reading them from a file
//! and the environment, and saying everything that is wrong at once; imports nothing of ours, so
//! it never knows who uses a figure.

mod check;
mod doc;
mod load;

pub mod cluster;
pub mod journal;
pub mod limits;
pub mod uploads;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use confique::Config as Confique;
use serde::{Deserialize, Serialize};

pub use check::SECRET_BYTES_MIN;
pub use cluster::Cluster;
pub use doc::{Difference, differences, reference, template};
pub use journal::Redis;
pub use limits::Limits;
pub use load::{Loaded, load, read};
pub use uploads::Uploads;

/// Settings of a Hawker server.
///
/// Every setting has a default, which stands here commented out: a file needs only what differs.
/// The environment wins over the file: `limits.rates.claim_burst` is
/// `HAWKER_LIMITS_RATES_CLAIM_BURST`; lists may be written with commas.
/// A key that is not known is an error. `hawker config check FILE` says everything that is wrong.
#[derive(Debug, Clone, Confique, Serialize)]
pub struct Config {
    /// Where the server listens and whom it listens to.
    #[config(nested)]
    pub server: Server,

    /// Who may act as whom. Outside `hawker serve --demo` one of `secret`, `secret_file` and
    /// `jwks_file` is needed: there is no default secret.
    #[config(nested)]
    pub auth: Auth,

    /// Where what happened is made durable.
    #[config(nested)]
    pub journal: Journal,

    /// Other nodes that share the journal.
    #[config(nested)]
    pub cluster: Cluster,

    /// Files that people send in chats: where they are kept, and how large and old they may be.
    #[config(nested)]
    pub uploads: Uploads,

    /// What one client, and all of them together, may ask of the server.
    #[config(nested)]
    pub limits: Limits,

    /// How a room's messages reach its viewers.
    #[config(nested)]
    pub hub: Hub,

    /// How a shop's commands are decided.
    #[config(nested)]
    pub engine: Engine,

    /// What is said about the server's own work, on standard output.
    #[config(nested)]
    pub log: Log,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Server {
    /// Address and port of the public listener: WebSocket, HTTP, consoles.
    /// Loopback until somebody decides otherwise; TLS ends in a proxy in front.
    #[config(default = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address and port of `/healthz`, `/readyz`, `/metrics` and the journal tools.
    /// It asks nobody who they are, so it is never public.
    #[config(default = "127.0.0.1:9090")]
    pub admin_listen: SocketAddr,

    /// Whether `admin_listen` may be an address other machines can reach (a pod's, behind a
    /// network policy).
    #[config(default = false)]
    pub admin_public: bool,

    /// Origins whose pages may open a socket: scheme, host and port, exactly. HTTP is for programs.
    /// Example: ["https://shop.example", "https://console.example:8443"]. Empty: no browser may;
    /// clients that send no `Origin` need a bearer token in any case.
    #[config(default = [])]
    pub origins: Vec<String>,

    /// How a proxy in front names the client: "none", "x_forwarded_for", "forwarded" or
    /// "proxy_v2" (PROXY protocol, before the first request). Without it all clients of a proxy
    /// share one address and one address's limits.
    #[config(default = "none")]
    pub forwarding: Forwarding,

    /// Addresses or networks of the proxies that are believed. Anybody else's header is ignored.
    /// Example: ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].
    #[config(default = [])]
    pub trusted_proxies: Vec<String>,

    /// How many proxies of ours append to the header; the client is that many entries from the
    /// end. A fixed number, because what stands further left was written by the client.
    /// Unit: proxies. Range: 1 to 8.
    #[config(default = 1)]
    pub proxy_hops: usize,
}

/// How a proxy in front names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forwarding {
    None,
    XForwardedFor,
    Forwarded,
    ProxyV2,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Auth {
    /// What a token's `iss` must be.
    #[config(default = "hawker")]
    pub issuer: String,

    /// What a token's `aud` must be or contain.
    #[config(default = "hawker")]
    pub audience: String,

    /// Secret of HS256 tokens, at least 32 bytes (256 bits) of text. Better in a file or the
    /// environment than here. `hawker token mint` signs with it.
    pub secret: Option<Secret>,

    /// File that holds the secret; white space around it is cut off.
    pub secret_file: Option<PathBuf>,

    /// File with the public keys of whoever issues tokens, a JSON Web Key Set: EdDSA (Ed25519),
    /// ES256, RS256 (2048 bits or more), HS256 (256 bits or more). Each key verifies its one
    /// algorithm. Read again on change and on SIGHUP; a broken file leaves the old keys.
    pub jwks_file: Option<PathBuf>,

    /// How often `jwks_file` is looked at for changes.
    /// Unit: ms. Range: 500 to 3600000. A revoked key should stop working within seconds.
    #[config(default = 5000)]
    pub jwks_look_ms: u64,

    /// How far the clocks of issuer and server may differ.
    /// Unit: ms. Range: 0 to 300000. Thirty seconds cover machines that follow NTP.
    #[config(default = 30000)]
    pub leeway_ms: u64,
}

/// A text that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Journal {
    /// "redb": a local file, durable. "redis": a Redis that several servers may share, a shop being
    /// served by one of them at a time. "memory": nothing survives the process; for trials.
    #[config(default = "redb")]
    pub kind: JournalKind,

    /// The journal's file, where `kind` is "redb". Its folder is made when it is missing.
    #[config(default = "data/journal.redb")]
    pub path: PathBuf,

    /// The journal's Redis, where `kind` is "redis".
    #[config(nested)]
    pub redis: Redis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalKind {
    Redb,
    Redis,
    Memory,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Hub {
    /// How long a room's messages are collected after one has left. 0 sends each by itself.
    /// Unit: ms. Range: 0 to 1000. The write call is what a viewer costs: at 50 ms a busy room
    /// costs a fifth of what it would at 0, and nobody sees the difference.
    #[config(default = 50)]
    pub tick_ms: u64,

    /// Whether messages are compressed for clients that offer it (permessage-deflate).
    /// A tick is compressed once, however many watch, to less than a third of its bytes; what a
    /// client sends may grow tenfold at most.
    #[config(default = true)]
    pub compress: bool,

    /// Ticks of larger rooms, as "viewers:ms": from so many viewers on that tick instead of
    /// `tick_ms`; the largest that fits counts. Example: ["2000:100", "10000:200"], where one pass
    /// over the room takes longer than 50 ms anyway. Empty: `tick_ms` holds for rooms of any size.
    #[config(default = [])]
    pub larger_room_ticks: Vec<String>,

    /// Buyers' comments that a room shows its viewers; beyond that they see an even sample, and
    /// how many were left out. Who wrote a comment sees it in any case; staff is always shown.
    /// Unit: comments per second. Range: 0 to 1000000. Nobody reads more; 0 shows all.
    #[config(default = 15)]
    pub comments_per_s: u32,

    /// How many of its last messages a room keeps for clients that come back.
    /// Unit: messages. Range: 16 to 65536. About a minute of a busy room; past that a snapshot
    /// is cheaper than what was missed.
    #[config(default = 1024)]
    pub ring_messages: usize,
}

impl Hub {
    /// The tick a room gets from so many viewers on: (viewers, ms).
    pub fn larger_room_ticks(&self) -> Result<Vec<(usize, u64)>, Problem> {
        self.larger_room_ticks.iter().map(|text| check::larger_room_tick(text)).collect()
    }
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Engine {
    /// Commands that may wait for a shop; one more is answered `busy`.
    /// Unit: commands. Range: 64 to 1048576. More than a shop decides in 50 ms would only wait.
    #[config(default = 4096)]
    pub mailbox_commands: usize,

    /// Commands decided before one append.
    /// Unit: commands. Range: 1 to 65536. Larger batches save commits and lengthen the wait of
    /// the first in line.
    #[config(default = 1024)]
    pub batch_commands_max: usize,

    /// Deadlines (expired holds, reminders) that one batch may carry out.
    /// Unit: timer events. Range: 16 to 65536. After a night of downtime claims still get a turn.
    #[config(default = 512)]
    pub due_per_batch_max: usize,

    /// How long a shop without commands, viewers and deadlines stays in memory.
    /// Unit: ms. Range: 1000 to 86400000.
    #[config(default = 600000)]
    pub idle_unload_ms: u64,

    /// Panics of one shop's task within five seconds before the shop is quarantined.
    /// Unit: panics. Range: 1 to 100. The other shops go on.
    #[config(default = 3)]
    pub panics_max: u32,
}

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Log {
    /// "text" for people, "json" for collectors.
    #[config(default = "text")]
    pub format: LogFormat,

    /// What is written: a level, or levels per module such as "info,hawker_server::edge=debug".
    #[config(default = "info")]
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Every setting at its default.
    pub fn defaults() -> Result<Self, Problems> {
        read(None, []).map(|loaded| loaded.config)
    }
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, `section.key`, or the file.
    pub key: String,
    pub message: String,
}

impl Problem {
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with the settings, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
