//! The journal in Redis on a real server: its contract, its start, and what befalls it.

mod archived;
mod faults;
mod stores;
mod writers;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Client, cmd};
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::redis_server::{RedisServer, SAFE};
use super::wording::{Keys, entry_id};
use super::{OpenError, Options, Password, Redis};
use crate::journal::contract::{Bench, contract};
use crate::journal::{Journal, Version, model};

/// A server of its own for each test: some of them kill it.
pub(super) struct RedisBench {
    pub(super) server: RedisServer,
    folder: TempDir,
    redis: Option<Arc<Redis>>,
}

/// Runs what waits on a thread that may not.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| Handle::current().block_on(future))
}

/// Quick to notice that nothing answers.
pub(super) fn options(url: &str, folder: &TempDir) -> Options {
    Options {
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(500),
        ..Options::new(url, folder.path())
    }
}

pub(super) async fn open(url: &str, folder: &TempDir) -> Redis {
    Redis::open(options(url, folder)).await.unwrap()
}

/// Asks until there is an answer other than "not now".
pub(super) async fn acquire(redis: &Redis, shop: &ShopId) -> crate::journal::Lease {
    loop {
        match redis.acquire(shop).await {
            Ok(lease) => return lease,
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

impl RedisBench {
    pub(super) async fn safe() -> Self {
        let (server, folder) = (RedisServer::start(&SAFE).await, tempfile::tempdir().unwrap());
        let redis = Arc::new(open(&server.url(), &folder).await);
        Self { server, folder, redis: Some(redis) }
    }
}

impl Bench for RedisBench {
    fn start() -> Self {
        wait_for(Self::safe())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        self.redis.clone().unwrap()
    }

    /// Both processes are killed and started again.
    fn restart(mut self) -> Self {
        self.redis = None;
        wait_for(async {
            self.server.kill().await;
            self.server.launch().await;
            self.redis = Some(Arc::new(open(&self.server.url(), &self.folder).await));
        });
        self
    }

    /// Redis changes no entry of a stream, so the stream is written afresh.
    fn damage(self, shop: &ShopId, version: Version) -> Self {
        let key = Keys::of(shop).journal;
        wait_for(async {
            let client = Client::open(self.server.url()).unwrap();
            let mut redis = client.get_multiplexed_async_connection().await.unwrap();
            let entries: Vec<(String, Vec<Vec<u8>>)> =
                cmd("XRANGE").arg(&key).arg("-").arg("+").query_async(&mut redis).await.unwrap();
            let mut written = ::redis::pipe();
            written.del(&key);
            for (id, mut fields) in entries {
                if id == entry_id(version) {
                    let at = fields.iter().position(|field| field == b"entries").unwrap() + 1;
                    let middle = fields[at].len() / 2;
                    fields[at][middle] ^= 1;
                }
                written.cmd("XADD").arg(&key).arg(id).arg(fields);
            }
            let () = written.query_async(&mut redis).await.unwrap();
        });
        self
    }
}

contract! { RedisBench }

async fn refusal(settings: &[&str]) -> String {
    let (server, folder) = (RedisServer::start(settings).await, tempfile::tempdir().unwrap());
    match Redis::open(options(&server.url(), &folder)).await {
        Err(error @ OpenError::Unfit { .. }) => error.to_string(),
        other => panic!("{settings:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_redis_that_may_lose_writes_is_refused_unless_it_is_accepted() {
    assert!(refusal(&["--appendonly", "no"]).await.contains("appendonly yes"));
    let evicting = ["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"];
    assert!(refusal(&evicting).await.contains("set noeviction"));
    let (server, folder) = (RedisServer::start(&evicting).await, tempfile::tempdir().unwrap());
    let accepting = Options { accepts_unsafe: true, ..options(&server.url(), &folder) };
    assert!(Redis::open(accepting).await.is_ok());
}

#[tokio::test]
async fn replicas_and_their_master_are_refused() {
    let master = RedisServer::start(&SAFE).await;
    let port = master.address().port().to_string();
    let of_master = [&SAFE[..], &["--replicaof", "127.0.0.1", &port]].concat();
    assert!(refusal(&of_master).await.contains("name its master"));
    let _replica = RedisServer::start(&of_master).await;
    while !master.ask("ROLE").await.starts_with('*') || replicas(&master).await == 0 {}
    let folder = tempfile::tempdir().unwrap();
    let refused = Redis::open(options(&master.url(), &folder)).await.unwrap_err().to_string();
    assert!(refused.contains("Redis has 1 replicas"), "{refused}");
}

async fn replicas(master: &RedisServer) -> usize {
    let client = Client::open(master.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let info: String = cmd("INFO").arg("replication").query_async(&mut redis).await.unwrap();
    info.matches("state=online").count()
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Redis::open(options("http://127.0.0.1", &folder)).await;
    assert!(matches!(refused, Err(OpenError::Url { .. })), "{refused:?}");
}

#[tokio::test]
async fn two_processes_never_share_a_folder() {
    let bench = RedisBench::safe().await;
    let second = Redis::open(options(&bench.server.url(), &bench.folder)).await;
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
}

#[tokio::test]
async fn a_reader_reads_and_takes_nothing() {
    let bench = RedisBench::safe().await;
    let shop = ShopId::parse("s1").unwrap();
    let lease = bench.journal().acquire(&shop).await.unwrap();
    let reader = Redis::look(options(&bench.server.url(), &bench.folder)).await.unwrap();
    assert_eq!(reader.position(&shop).await.unwrap().version, 0);
    assert!(reader.acquire(&shop).await.is_err());
    assert!(bench.journal().verify(&lease, crate::journal::Position::default()).await.is_ok());
}

/// A server with the access list of the example, whose passwords stand in it.
async fn guarded() -> RedisServer {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/redis-acl.conf");
    RedisServer::start(&[&SAFE[..], &["--aclfile", list]].concat()).await
}

async fn ask_as(server: &RedisServer, user: &str, command: &str) -> String {
    server.ask_as(user, &format!("{user}s-password-of-your-own"), command).await
}

#[tokio::test]
async fn the_access_list_of_the_example_is_enough_for_the_server() {
    let server = guarded().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/1", server.url());
    let options = Options {
        user: Some("hawker".to_owned()),
        password: Some(Password("hawkers-password-of-your-own".to_owned())),
        ..options(&url, &folder)
    };
    let redis = Redis::open(options).await.unwrap();
    model::drive(&redis, &ShopId::parse("s1").unwrap(), 1).await;
    assert_eq!(redis.due(Millis(i64::MAX >> 12), 9).await.unwrap().len(), 1);
    assert_eq!(redis.shops(None, 9).await.unwrap().len(), 1);
    let lease = redis.acquire(&ShopId::parse("s2").unwrap()).await.unwrap();
    redis.release(lease).await;
    assert_eq!(ask_as(&server, "hawker", "SPUBLISH hawker:bus:{a} x").await, ":0");
    for other in ["SPUBLISH others x", "FLUSHALL", "GET others", "KEYS *", "ACL LIST"] {
        let answer = ask_as(&server, "hawker", other).await;
        assert!(answer.starts_with("-NOPERM"), "{other}: {answer}");
    }
    assert!(server.ask("GET hawker:due").await.starts_with("-NOAUTH"));
}

#[tokio::test]
async fn a_reader_of_the_feed_reads_streams_and_nothing_else() {
    let server = guarded().await;
    let key = Keys::of(&ShopId::parse("s1").unwrap());
    let add = format!("XADD {} 1-0 entries []", key.journal);
    assert_eq!(ask_as(&server, "hawker", &add).await, "$3");
    let granted = [
        format!("XGROUP CREATE {} g 0", key.journal),
        format!("XREADGROUP GROUP g c STREAMS {} >", key.journal),
        format!("XAUTOCLAIM {} g c 0 0", key.journal),
        format!("XACK {} g 1-0", key.journal),
    ];
    let mut answers = Vec::new();
    for command in granted {
        answers.push(ask_as(&server, "feed", &command).await);
    }
    assert_eq!(answers, ["+OK", "*1", "*3", ":1"]);
    let refused = [
        format!("XADD {} 2-0 entries []", key.journal),
        format!("XTRIM {} MAXLEN 0", key.journal),
        format!("XDEL {} 1-0", key.journal),
        format!("DEL {}", key.journal),
        format!("XGROUP DESTROY {} g", key.journal),
        format!("HGET {} version", key.meta),
        format!("HGET {} order/o1", key.documents),
        format!("HGET {} bytes", key.snapshot),
        format!("XREADGROUP GROUP g c STREAMS {} >", key.meta),
        "GET hawker:installation".to_owned(),
        "SSUBSCRIBE hawker:bus:{a}".to_owned(),
        "SCRIPT LOAD x".to_owned(),
    ];
    for command in refused {
        let answer = ask_as(&server, "feed", &command).await;
        assert!(answer.starts_with("-NOPERM"), "{command}: {answer}");
    }
}
