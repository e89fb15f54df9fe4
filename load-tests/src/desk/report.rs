//! The report of a desk: everything that was found, as one JSON object and a table. Owns the
//! names of the figures; each was made elsewhere.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use anyhow::Result;
use serde::Serialize;

use super::auditor::{Read, Standing};
use super::ledger::{DeskLedger, Differences};
use super::scene::Scene;
use super::{Options, Violations, value};
use crate::audit::Feed;
use crate::limits::Changed;
use crate::machine::Machine;
use crate::report::{self, Verdict, rounded};
use crate::run::{Cpu, Run};
use crate::tally::Summary;

/// What a restart in the middle showed.
#[derive(Debug)]
pub(super) struct Killed {
    pub(super) restart_ms: f64,
    pub(super) sessions: u64,
    pub(super) acknowledged: usize,
    pub(super) rates: Differences,
    pub(super) lost: u64,
    /// `hawker journal verify` at the end of the run.
    pub(super) verified: std::result::Result<(), String>,
    pub(super) violations: Violations,
}

/// What the run and its audit came to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) feed: Feed<DeskLedger>,
    pub(super) standing: Standing,
    pub(super) read: Read,
    pub(super) killed: Option<Killed>,
    pub(super) cpu: Cpu,
    pub(super) resident: Option<u64>,
}

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    agents: usize,
    cap: u32,
    buyers: usize,
    seconds: u64,
    seed: u64,
    over_cap: u64,
    lost_sessions: u64,
    double_assigned: u64,
    fifo_violations: u64,
    rate_difference: u64,
    rates_compared: u64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    killed: Option<Restart>,
    /// Answers to messages and clicks, by code.
    outcomes: BTreeMap<String, u64>,
    /// Answers to everything else.
    others: BTreeMap<String, u64>,
    sessions: u64,
    messages: u64,
    assigned: u64,
    forced: u64,
    requeued: u64,
    transferred: u64,
    closed: u64,
    missed: u64,
    recalled: u64,
    waiting_max: u64,
    #[serde(flatten)]
    latency: Summary,
    delivered: u64,
    /// From when the server took a message until the other side had it.
    delivered_latency: Summary,
    ping_p99_ms: f64,
    push_gaps: u64,
    transcript_messages: u64,
    lost_messages: u64,
    dropped: u64,
    /// Connections that ended and nobody had meant it.
    sockets_lost: u64,
    asked_again: u64,
    unanswered: u64,
    acknowledged: usize,
    events: u64,
    server_cpu_s: Option<f64>,
    generator_cpu_s: f64,
    server_resident_bytes: Option<u64>,
    limits_changed: &'a [Changed],
    machine: Machine,
}

#[derive(Debug, Serialize)]
struct Restart {
    restart_ms: f64,
    sessions_before: u64,
    acknowledged_before: usize,
    lost_sessions: u64,
    rate_difference: u64,
    rates_compared: u64,
    links_lost: u64,
    journal_verify: &'static str,
}

pub(super) fn print(run: &Run, options: &Options, scene: &Scene, found: &Found) -> Result<bool> {
    let ledger = &found.feed.ledger;
    let compared = scene.told().compare(ledger);
    let verdict = Verdict::from(violations(found, &compared.violations));
    let (counters, totals) = (&scene.counters, ledger.totals);
    let killed = found.killed.as_ref();
    let rates = killed.map_or(0, |killed| killed.rates.sum) + found.standing.rates.sum;
    let lost = killed.map_or(0, |killed| killed.lost) + compared.lost + found.standing.misplaced;
    let messages = scene.messages.lock();
    let delivered = scene.delivered.lock().unwrap_or_else(PoisonError::into_inner);
    let pings = scene.pings.lock().unwrap_or_else(PoisonError::into_inner);
    let report = Report {
        command: "desk",
        agents: options.agents,
        cap: options.cap,
        buyers: options.buyers,
        seconds: options.seconds,
        seed: scene.seed,
        over_cap: ledger.faults.over_cap,
        lost_sessions: ledger.faults.lost_sessions + lost,
        double_assigned: ledger.faults.double_assigned + compared.doubled,
        fifo_violations: ledger.faults.fifo_violations,
        rate_difference: rates,
        rates_compared: found.standing.rates.compared,
        verdict: &verdict,
        killed: killed.map(|killed| killed.shown(totals.links_lost)),
        outcomes: messages.outcomes.clone(),
        others: scene.others.lock().outcomes.clone(),
        sessions: ledger.opened(),
        messages: totals.messages,
        assigned: totals.assigned,
        forced: totals.forced,
        requeued: totals.requeued,
        transferred: totals.transferred,
        closed: totals.closed,
        missed: totals.missed,
        recalled: totals.recalled,
        waiting_max: totals.waiting_max,
        latency: messages.latency.summary(),
        delivered: delivered.count(),
        delivered_latency: delivered.summary(),
        ping_p99_ms: pings.quantile_ms(0.99),
        push_gaps: value(&counters.push_gaps),
        transcript_messages: found.read.messages,
        lost_messages: found.read.lost,
        dropped: value(&counters.dropped),
        sockets_lost: value(&counters.lost),
        asked_again: value(&counters.asked_again),
        unanswered: value(&counters.unanswered),
        acknowledged: scene.told().acknowledged(),
        events: found.feed.events,
        server_cpu_s: found.cpu.server.map(rounded),
        generator_cpu_s: rounded(found.cpu.generator),
        server_resident_bytes: found.resident,
        limits_changed: &run.limits,
        machine: Machine::this(),
    };
    report.print(run)?;
    Ok(verdict.passed())
}

fn violations(found: &Found, compared: &Violations) -> Violations {
    let mut all = found.feed.ledger.violations.clone();
    all.append(compared);
    all.append(&found.standing.violations);
    all.append(&found.read.violations);
    for killed in &found.killed {
        all.append(&killed.violations);
        if let Err(problem) = &killed.verified {
            all.add(|| problem.clone());
        }
    }
    all
}

impl Killed {
    fn shown(&self, links_lost: u64) -> Restart {
        Restart {
            restart_ms: rounded(self.restart_ms),
            sessions_before: self.sessions,
            acknowledged_before: self.acknowledged,
            lost_sessions: self.lost,
            rate_difference: self.rates.sum,
            rates_compared: self.rates.compared,
            links_lost,
            journal_verify: if self.verified.is_ok() { "passed" } else { "failed" },
        }
    }
}

impl Report<'_> {
    fn print(&self, run: &Run) -> Result<()> {
        let codes: Vec<String> =
            self.outcomes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let Summary { p50_ms, p99_ms, p999_ms, max_ms } = self.latency;
        let way = self.delivered_latency;
        let title = format!("desk: {} agents of {}, {} buyers", self.agents, self.cap, self.buyers);
        let mut rows = vec![
            ("above caps, lost", format!("{}, {}", self.over_cap, self.lost_sessions)),
            (
                "two owners, out of turn",
                format!("{}, {}", self.double_assigned, self.fifo_violations),
            ),
            ("rate, difference of", format!("{} of {}", self.rate_difference, self.rates_compared)),
            ("messages", codes.join(", ")),
            ("p50 p99 p99.9 max, ms", format!("{p50_ms} {p99_ms} {p999_ms} {max_ms}")),
            ("delivered p50 p99, ms", format!("{} {}", way.p50_ms, way.p99_ms)),
            ("ping p99, ms", self.ping_p99_ms.to_string()),
            ("sessions, most waiting", format!("{}, {}", self.sessions, self.waiting_max)),
            ("assigned, forced", format!("{}, {}", self.assigned, self.forced)),
            ("back in the queue, passed", format!("{}, {}", self.requeued, self.transferred)),
            (
                "closed, missed, recalled",
                format!("{}, {}, {}", self.closed, self.missed, self.recalled),
            ),
            ("transcripts, lost", format!("{}, {}", self.transcript_messages, self.lost_messages)),
            ("dropped, asked again", format!("{}, {}", self.dropped, self.asked_again)),
            ("lost sockets, gaps", format!("{}, {}", self.sockets_lost, self.push_gaps)),
            ("events, acknowledged", format!("{}, {}", self.events, self.acknowledged)),
        ];
        if let Some(killed) = &self.killed {
            rows.push(("restart, ms", killed.restart_ms.to_string()));
        }
        report::finish(run.json, &title, &rows, self.limits_changed, self.verdict, self)
    }
}
