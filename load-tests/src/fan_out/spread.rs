//! What `fan-out` says of several nodes: each one's share of the work, what went between them, and
//! the same room on one node beside it. Owns the form and the division.

use clap::ValueEnum;
use serde::Serialize;

use super::{Cost, Report, Stage};
use crate::nodes::Among;
use crate::report::{Row, rounded};
use crate::stage::Stretch;

/// Where those speak who are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mouth {
    /// On the node that has the shop.
    Owner,
    /// On the next one.
    Other,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Spread {
    #[serde(flatten)]
    among: Among,
    publish_at: Mouth,
    shares: Vec<Share>,
    /// Messages between nodes by way of Redis, from all of them.
    bus_messages_per_s: f64,
    /// Times a second that a viewer was sent something.
    bursts_per_s: f64,
    /// The nodes' processors together, and those of a Redis of our own.
    redis_cpu_us_per_delivery: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_node: Option<OneNode>,
}

/// One node's part, in the order of the nodes.
#[derive(Debug, Clone, Serialize)]
struct Share {
    viewers: usize,
    deliveries: u64,
    lost: u64,
    writes: u64,
    bus_messages: u64,
}

/// The same room, load and Redis with one node.
#[derive(Debug, Clone, Serialize)]
struct OneNode {
    cost: Cost,
    p50_ms: f64,
    p99_ms: f64,
    lost: u64,
    audit: &'static str,
    /// CPU of all nodes for a delivery, beside this node's.
    ratio_of_cpu: Option<f64>,
}

impl Spread {
    pub(super) fn of(stage: &Stage, measured: &Stretch, among: Among, publish_at: Mouth) -> Self {
        let each = |name| measured.growth.of_each(name);
        let bus = each("hawker_bus_messages_sent_total");
        let writes = each("hawker_writes_total");
        let share = |at: usize| Share {
            viewers: stage.crowd.len(at),
            deliveries: measured.deliveries_of[at],
            lost: stage.crowd.missing(at, stage.schedule.planned()),
            writes: writes.get(at).copied().unwrap_or_default(),
            bus_messages: bus.get(at).copied().unwrap_or_default(),
        };
        let seconds = measured.row.end().duration_since(measured.row.start).as_secs_f64();
        let deliveries = measured.figures.deliveries.max(1) as f64;
        Self {
            publish_at,
            shares: (0..among.nodes.len()).map(share).collect(),
            bus_messages_per_s: rounded(bus.iter().sum::<u64>() as f64 / seconds),
            bursts_per_s: rounded(measured.frames_per_s(stage.viewers)),
            redis_cpu_us_per_delivery: among.redis_cpu_s.map(|it| rounded(it * 1e6 / deliveries)),
            one_node: None,
            among,
        }
    }

    /// Puts the same room with one node beside it.
    pub(super) fn compare(&mut self, cost: &Cost, one: &Report) {
        let both = cost.server_cpu_us_per_delivery.zip(one.cost.server_cpu_us_per_delivery);
        self.one_node = Some(OneNode {
            cost: one.cost,
            p50_ms: one.p50_ms,
            p99_ms: one.p99_ms,
            lost: one.lost,
            audit: one.verdict.audit,
            ratio_of_cpu: both.map(|(many, one)| rounded(many / one)),
        });
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let share =
            |it: &Share| format!("{} viewers, {} lost, {} writes", it.viewers, it.lost, it.writes);
        let shares: Vec<_> = self.shares.iter().map(share).collect();
        let bus = format!("{} beside {} bursts", self.bus_messages_per_s, self.bursts_per_s);
        let mut rows = vec![
            ("CPU of nodes 1, 2, …", self.among.row()),
            ("each node", shares.join("; ")),
            ("messages between nodes/s", bus),
        ];
        if let Some(one) = &self.one_node {
            let each = one.cost.server_cpu_us_per_delivery.unwrap_or_default();
            let ratio = one.ratio_of_cpu.unwrap_or_default();
            rows.push(("one node, µs a delivery", format!("{each}, so the ratio is {ratio}")));
        }
        rows
    }
}
