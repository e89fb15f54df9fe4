//! What befalls a node, and how it is mended. Owns the order of both and the moment it began.

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep};

use crate::chance::Chance;
use crate::nodes::Nodes;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// SIGKILL of the node that has the shop.
    KillOwner,
    /// SIGSTOP of that node for longer than its lease, then SIGCONT.
    PauseOwner,
    /// SIGTERM: it hands its shops over and ends by itself.
    DrainOwner,
    /// SIGKILL of a node that has not got the shop.
    KillOther,
}

/// A fault that has happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Struck {
    pub(super) fault: Fault,
    pub(super) at: Instant,
    /// Of the shop's owner before.
    pub(super) epoch: u64,
}

/// Beyond its lease, and never the same: who wakes late wakes at any moment.
const OVERSLEPT_S: (f64, f64) = (0.2, 1.5);

impl Fault {
    pub(super) const ALL: [Self; 4] =
        [Self::KillOwner, Self::PauseOwner, Self::DrainOwner, Self::KillOther];

    /// Each kind as often as the others, in an order nobody knows.
    pub(super) fn row(chance: &mut Chance) -> [Self; 4] {
        let mut row = Self::ALL;
        for at in (1..row.len()).rev() {
            row.swap(at, chance.below(at + 1));
        }
        row
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::KillOwner => "SIGKILL of the owner",
            Self::PauseOwner => "owner oversleeps",
            Self::DrainOwner => "SIGTERM of the owner",
            Self::KillOther => "SIGKILL of another",
        }
    }

    /// Whether the shop needs another owner after it.
    pub(super) fn moves_the_shop(self) -> bool {
        self != Self::KillOther
    }

    /// How soon the shop should be served again.
    pub(super) fn limit_ms(self, lease_ms: u64) -> Option<u64> {
        match self {
            Self::KillOwner | Self::PauseOwner => Some(lease_ms + 2_000),
            Self::DrainOwner => Some(200),
            Self::KillOther => None,
        }
    }
}

/// Lets it happen to a node, waits as long as it takes, and mends the node: when this returns all
/// of them run and know each other.
pub(super) async fn strike(
    nodes: &mut Nodes,
    fault: Fault,
    shop: &str,
    chance: &mut Chance,
) -> Result<Struck> {
    let owner = nodes.until_owned(shop).await?;
    let other = (owner.at + 1 + chance.below(nodes.all.len() - 1)) % nodes.all.len();
    let victim = if fault.moves_the_shop() { owner.at } else { other };
    let node = &mut nodes.all[victim];
    let server = node.server.as_ref().context("the node does not run")?;
    let struck = Struck { fault, at: Instant::now(), epoch: owner.epoch };
    match fault {
        Fault::KillOwner | Fault::KillOther => {
            server.signal(Signal::KILL)?;
            let dead = node.server.take().context("the node does not run")?;
            dead.gone().await?;
        }
        Fault::DrainOwner => {
            server.signal(Signal::TERM)?;
            let leaving = node.server.take().context("the node does not run")?;
            leaving.ended().await?;
        }
        Fault::PauseOwner => {
            server.signal(Signal::STOP)?;
            let overslept = Duration::from_secs_f64(chance.within(OVERSLEPT_S.0, OVERSLEPT_S.1));
            sleep(Duration::from_millis(nodes.lease_ms) + overslept).await;
            let server = nodes.all[victim].server.as_ref();
            server.context("the node does not run")?.signal(Signal::CONT)?;
        }
    }
    if fault.moves_the_shop() {
        nodes.until_moved(shop, owner).await?;
    }
    if nodes.all[victim].server.is_none() {
        nodes.all[victim].start().await?;
    }
    nodes.until_met().await?;
    Ok(struck)
}
