//! Nodes of our own that share one Redis: separate processes, each with a folder and ports of its
//! own. Owns their beginning and their end, and how they are asked who has a shop; measures
//! nothing.

mod among;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;
use tokio::time::{Duration, Instant, sleep, timeout};

pub(crate) use among::{Among, Begun};

use crate::http::Client;
use crate::limits::Settings;
use crate::redis::Redis;
use crate::report::say;
use crate::run::Common;
use crate::server::{Membership, Server, Site, random_hex};

/// How long nodes may take until each knows all others.
const MEET: Duration = Duration::from_secs(20);
/// How long a shop may be without a node: far beyond any lease.
const MOVE: Duration = Duration::from_secs(90);
/// A node that stands still does not say what it has.
const ANSWER: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Which nodes a run has, where it has several.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// So many nodes of our own, which share a Redis and everybody between them.
    #[arg(long)]
    pub(crate) nodes: Option<usize>,
    /// That Redis, such as redis://127.0.0.1:6379/0; without it a redis-server of our own.
    #[arg(long, requires = "nodes")]
    pub(crate) redis: Option<String>,
    /// How long a shop stays with a node that has fallen silent.
    #[arg(long, requires = "nodes", default_value_t = 10_000)]
    pub(crate) lease_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) redis: Redis,
    pub(crate) all: Vec<Node>,
    pub(crate) lease_ms: u64,
    folder: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) site: Site,
    pub(crate) admin: Client,
    /// `None` while it does not run.
    pub(crate) server: Option<Server>,
}

/// What a node says at `/cluster`.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    pub(crate) node: String,
    nodes: Vec<Other>,
    shops: Vec<Served>,
}

#[derive(Debug, Deserialize)]
struct Other {
    draining: bool,
}

#[derive(Debug, Deserialize)]
struct Served {
    shop: String,
    epoch: u64,
}

/// A node that has a shop, by its place in the row, and since which epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) at: usize,
    pub(crate) epoch: u64,
}

impl Nodes {
    /// Starts the nodes and waits until each knows all others.
    pub(crate) async fn start(
        common: &Common,
        count: usize,
        (redis, lease_ms): (Option<&str>, u64),
        settings: &Settings,
    ) -> Result<Self> {
        ensure!(count >= 1, "there must be a node");
        ensure!(common.server.is_none(), "the nodes of a run are its own, never others");
        let (redis, secret) = (Redis::reach(redis).await?, random_hex()?);
        let temporary = || std::env::temp_dir().join(format!("hawker-nodes-{}", &secret[..12]));
        let folder = common.folder.clone().unwrap_or_else(temporary);
        say(&format!("starting {count} nodes of our own in {}", folder.display()));
        let membership = Membership { redis: redis.url.clone(), secret, lease_ms };
        let program = common.hawker.as_deref();
        let node = |number| Node::prepare(program, &folder, number, settings, &membership);
        let all = (1..=count).map(node).collect::<Result<Vec<_>>>()?;
        let mut nodes = Self { redis, all, lease_ms, folder };
        for node in &mut nodes.all {
            node.start().await?;
        }
        nodes.until_met().await?;
        Ok(nodes)
    }

    /// Waits until each node that runs knows all others that do.
    pub(crate) async fn until_met(&self) -> Result<()> {
        let deadline = Instant::now() + MEET;
        let running = self.all.iter().filter(|node| node.server.is_some()).count();
        for node in self.all.iter().filter(|node| node.server.is_some()) {
            while node.view().await.is_none_or(|view| view.settled() + 1 != running) {
                if Instant::now() > deadline {
                    bail!("the nodes did not find each other within {} s", MEET.as_secs());
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Who has the shop. A node that was deposed may not know it yet: the later epoch counts.
    pub(crate) async fn owner(&self, shop: &str) -> Option<Owner> {
        let mut found: Option<Owner> = None;
        for (at, node) in self.all.iter().enumerate() {
            let Some(epoch) = node.view().await.and_then(|view| view.epoch(shop)) else { continue };
            if found.is_none_or(|owner| owner.epoch < epoch) {
                found = Some(Owner { at, epoch });
            }
        }
        found
    }

    /// The same, where somebody must have it.
    pub(crate) async fn until_owned(&self, shop: &str) -> Result<Owner> {
        let deadline = Instant::now() + MEET;
        loop {
            if let Some(owner) = self.owner(shop).await {
                return Ok(owner);
            }
            if Instant::now() > deadline {
                bail!("no node had {shop} for {} s", MEET.as_secs());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the shop has an owner after this one.
    pub(crate) async fn until_moved(&self, shop: &str, before: Owner) -> Result<()> {
        let deadline = Instant::now() + MOVE;
        while self.owner(shop).await.is_none_or(|owner| owner.epoch <= before.epoch) {
            if Instant::now() > deadline {
                bail!("{shop} had no other node after {} s", MOVE.as_secs());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// SIGTERM for all nodes; Redis stays.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for node in &mut self.all {
            if let Some(server) = node.server.take() {
                server.stop().await.with_context(|| node.site.last_words())?;
            }
        }
        Ok(())
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.all.iter().filter_map(|node| Some(node.server.as_ref()?.process)).collect()
    }

    /// Ends all nodes with SIGTERM, then a Redis of our own. What failed is kept.
    pub(crate) async fn end(mut self, passed: bool) -> Result<()> {
        let ended = self.stop().await;
        let Self { redis, folder, .. } = self;
        let is_good = passed && ended.is_ok();
        if let Some(redis) = redis.end(is_good).await? {
            say(&format!("the folder of Redis is kept: {}", redis.display()));
        }
        if is_good {
            let _ = std::fs::remove_dir_all(&folder);
        } else {
            say(&format!("the nodes' folders are kept: {}", folder.display()));
        }
        ended
    }
}

impl Node {
    fn prepare(
        program: Option<&Path>,
        folder: &Path,
        number: usize,
        settings: &Settings,
        membership: &Membership,
    ) -> Result<Self> {
        let folder = folder.join(format!("node-{number}"));
        let site = Site::prepare_node(program, folder, settings.clone(), membership)?;
        let admin = Client::new(site.admin, &site.admin.to_string());
        Ok(Self { site, admin, server: None })
    }

    pub(crate) async fn start(&mut self) -> Result<()> {
        self.server = Some(self.site.start().await?);
        Ok(())
    }

    /// What it says of itself; `None` where it does not answer.
    pub(crate) async fn view(&self) -> Option<View> {
        self.server.as_ref()?;
        let answer = timeout(ANSWER, self.admin.get("/cluster")).await.ok()?.ok()?;
        serde_json::from_slice(&answer.success().ok()?).ok()
    }
}

impl View {
    /// The others that stay.
    fn settled(&self) -> usize {
        self.nodes.iter().filter(|other| !other.draining).count()
    }

    pub(crate) fn epoch(&self, shop: &str) -> Option<u64> {
        self.shops.iter().find(|served| served.shop == shop).map(|served| served.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_tells_whom_it_knows_and_which_shops_it_has() {
        let view: View = serde_json::from_value(serde_json::json!({
            "node": "n1", "draining": false,
            "nodes": [
                { "node": "n2", "address": "127.0.0.1:1", "draining": false },
                { "node": "n3", "address": "127.0.0.1:2", "draining": true },
            ],
            "shops": [{ "shop": "acme", "epoch": 7 }],
        }))
        .unwrap();
        assert_eq!((view.node.as_str(), view.settled()), ("n1", 1));
        assert_eq!((view.epoch("acme"), view.epoch("other")), (Some(7), None));
    }
}
