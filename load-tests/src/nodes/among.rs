//! What a report says about the nodes of a run: who they were, what each took, and which of them
//! had the shop. Owns the form.

use serde::Serialize;

use super::{Nodes, Owner};
use crate::machine;
use crate::report::rounded;

/// How things stood when the measurement began.
#[derive(Debug)]
pub(crate) struct Begun {
    cpu_s: Vec<Option<f64>>,
    redis_cpu_s: Option<f64>,
    owner: Option<Owner>,
}

/// A run's nodes, as its report shows them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Among {
    pub(crate) redis: String,
    /// Of a Redis of our own.
    pub(crate) redis_cpu_s: Option<f64>,
    pub(crate) lease_ms: u64,
    /// Whether the shop changed its node, or that node its epoch, during the measurement.
    pub(crate) shop_moved: bool,
    pub(crate) nodes: Vec<Standing>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    pub(crate) node: String,
    pub(crate) listen: String,
    /// At the end.
    pub(crate) has_shop: bool,
    pub(crate) cpu_s: Option<f64>,
    pub(crate) resident_bytes: Option<u64>,
}

impl Nodes {
    pub(crate) async fn begin(&self, shop: &str) -> Begun {
        Begun {
            cpu_s: self.cpu_s(),
            redis_cpu_s: self.redis.process().and_then(machine::cpu_s),
            owner: self.owner(shop).await,
        }
    }

    fn cpu_s(&self) -> Vec<Option<f64>> {
        self.all.iter().map(|node| machine::cpu_s(node.server.as_ref()?.process)).collect()
    }

    pub(crate) async fn among(&self, shop: &str, begun: &Begun) -> Among {
        let (cpu_s, owner) = (self.cpu_s(), self.owner(shop).await);
        let redis_cpu_s = self.redis.process().and_then(machine::cpu_s);
        let mut nodes = Vec::with_capacity(self.all.len());
        for (at, node) in self.all.iter().enumerate() {
            let process = node.server.as_ref().map(|server| server.process);
            let view = node.view().await;
            nodes.push(Standing {
                node: view.map_or_else(|| format!("node-{}", at + 1), |view| view.node),
                listen: node.site.listen.to_string(),
                has_shop: owner.is_some_and(|owner| owner.at == at),
                cpu_s: grown(cpu_s[at], begun.cpu_s[at]),
                resident_bytes: process.and_then(machine::resident_bytes),
            });
        }
        Among {
            redis: self.redis.url.clone(),
            redis_cpu_s: grown(redis_cpu_s, begun.redis_cpu_s),
            lease_ms: self.lease_ms,
            shop_moved: owner != begun.owner,
            nodes,
        }
    }
}

fn grown(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    Some(rounded(now? - before?))
}

impl Among {
    /// For the table at the end.
    pub(crate) fn row(&self) -> String {
        let node = |(at, it): (usize, &Standing)| {
            let has_shop = if it.has_shop { ", has the shop" } else { "" };
            format!("{}: {} s{has_shop}", at + 1, it.cpu_s.unwrap_or_default())
        };
        let nodes: Vec<_> = self.nodes.iter().enumerate().map(node).collect();
        format!("{}; Redis {} s", nodes.join("; "), self.redis_cpu_s.unwrap_or_default())
    }
}
