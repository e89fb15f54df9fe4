//! The report of a room with coupons: everything that was found, as one JSON object and a table.
//! Owns the names of the figures; each was made elsewhere.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Duration;

use super::Options;
use super::auditor::{Standing, Stories};
use super::ledger::{CouponLedger, Totals};
use super::scene::Scene;
use super::told::Compared;
use crate::audit::{Feed, Violations};
use crate::limits::Changed;
use crate::machine::Machine;
use crate::report::{self, Verdict, rounded};
use crate::run::{Cpu, Run};
use crate::tally::{Summary, value};

/// What a restart in the middle showed.
#[derive(Debug)]
pub(super) struct Killed {
    pub(super) restart_ms: f64,
    pub(super) coupons: usize,
    pub(super) acknowledged: usize,
    pub(super) lost: u64,
    pub(super) double_claims: u64,
    pub(super) over_budget: u64,
    /// `hawker journal verify` at the end of the run.
    pub(super) verified: std::result::Result<(), String>,
    pub(super) violations: Violations,
}

/// What the run and its audit came to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) feed: Feed<CouponLedger>,
    pub(super) standing: Standing,
    pub(super) compared: Compared,
    pub(super) stories: Stories,
    pub(super) killed: Option<Killed>,
    pub(super) cpu: Cpu,
    pub(super) resident: Option<u64>,
    /// From the opening to the last look at the feed.
    pub(super) span: Duration,
}

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    viewers: usize,
    quota: u32,
    seconds: u64,
    seed: u64,
    over_quota: u64,
    over_budget: u64,
    double_claims: u64,
    progress_resets: u64,
    progress_ahead: u64,
    refused_at_till: u64,
    quote_mismatches: u64,
    lost_claims: u64,
    lost_pushes: u64,
    doubled_pushes: u64,
    early_checkpoints: u64,
    unfinished: u64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    killed: Option<Restart>,
    /// Answers to claims, by code.
    claims: BTreeMap<String, u64>,
    /// Answers to everything else.
    others: BTreeMap<String, u64>,
    #[serde(flatten)]
    totals: Totals,
    /// Prices that were told and asked for alike.
    quotes_compared: u64,
    /// Figures of the server that the feed was held against.
    figures_compared: u64,
    spent_seller_minor: u64,
    spent_platform_minor: u64,
    coupons_in_hand: u64,
    /// From the press of a button to its answer.
    #[serde(flatten)]
    latency: Summary,
    pushes_shown: u64,
    pushes_expected: u64,
    /// From the host's push to a screen.
    push_latency: Summary,
    progress_shown: u64,
    progress_overtaken: u64,
    checkpoints: u64,
    checkpoint_bytes_max: u64,
    checkpoint_viewers_max: u64,
    /// Of the journal's events, a room and ten seconds.
    checkpoint_bytes_per_10_s: f64,
    dropped: u64,
    resumed: u64,
    recovered: u64,
    /// Connections that ended and nobody had meant it.
    sockets_lost: u64,
    gaps: u64,
    asked_again: u64,
    unanswered: u64,
    deliveries: u64,
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
    coupons_before: usize,
    acknowledged_before: usize,
    lost_claims: u64,
    double_claims: u64,
    over_budget: u64,
    journal_verify: &'static str,
}

pub(super) fn print(run: &Run, options: &Options, scene: &Scene, found: &Found) -> Result<bool> {
    let verdict = Verdict::from(violations(scene, found));
    let report = Report {
        server_cpu_s: found.cpu.server.map(rounded),
        generator_cpu_s: rounded(found.cpu.generator),
        server_resident_bytes: found.resident,
        limits_changed: &run.limits,
        ..report_of(options, scene, found, &verdict)
    };
    report.print(run.json)?;
    Ok(verdict.passed())
}

fn violations(scene: &Scene, found: &Found) -> Violations {
    let mut all = found.feed.ledger.violations.clone();
    all.append(&found.compared.violations);
    all.append(&found.standing.violations);
    all.append(&found.stories.violations);
    let refused = value(&scene.counters.refused_at_till);
    if refused > 0 {
        all.add(|| format!("{refused} times a coupon or an order was refused at the till"));
    }
    if let Some(killed) = &found.killed {
        all.append(&killed.violations);
        if let Err(problem) = &killed.verified {
            all.add(|| problem.clone());
        }
    }
    all
}

fn report_of<'a>(
    options: &Options,
    scene: &Scene,
    found: &Found,
    verdict: &'a Verdict,
) -> Report<'a> {
    let Found { feed, standing, compared, stories, killed, .. } = found;
    let (counters, faults) = (&scene.counters, feed.ledger.faults);
    let killed = killed.as_ref();
    let (claims, sizes) = (scene.claims.lock(), feed.ledger.sizes());
    let of_killed = |figure: fn(&Killed) -> u64| killed.map_or(0, figure);
    let tens = found.span.as_secs_f64() / 10.0;
    Report {
        command: "coupons",
        viewers: options.viewers,
        quota: options.quota,
        seconds: options.seconds,
        seed: scene.seed,
        over_quota: faults.over_quota,
        over_budget: faults.over_budget + standing.over_budget + stories.over_budget,
        double_claims: faults.double_claims + compared.double_claims,
        progress_resets: stories.progress_resets,
        progress_ahead: faults.progress_ahead + stories.progress_ahead,
        refused_at_till: value(&counters.refused_at_till),
        quote_mismatches: faults.quote_mismatches + value(&counters.quote_mismatches),
        lost_claims: compared.lost + of_killed(|killed| killed.lost),
        lost_pushes: stories.lost_pushes,
        doubled_pushes: stories.doubled_pushes,
        early_checkpoints: faults.early_checkpoints,
        unfinished: stories.unfinished,
        verdict,
        killed: killed.map(Killed::shown),
        claims: claims.outcomes.clone(),
        others: scene.others.lock().outcomes.clone(),
        totals: feed.ledger.totals,
        quotes_compared: value(&counters.compared),
        figures_compared: standing.figures,
        spent_seller_minor: standing.spent_seller_minor,
        spent_platform_minor: standing.spent_platform_minor,
        coupons_in_hand: stories.coupons_in_hand,
        latency: claims.latency.summary(),
        pushes_shown: value(&counters.shown) + value(&counters.offered),
        pushes_expected: stories.pushes_expected,
        push_latency: scene.latency().summary(),
        progress_shown: stories.figures_shown,
        progress_overtaken: stories.overtaken,
        checkpoints: sizes.checkpoints,
        checkpoint_bytes_max: sizes.bytes_max,
        checkpoint_viewers_max: sizes.viewers_max,
        checkpoint_bytes_per_10_s: rounded(sizes.bytes as f64 / tens.max(0.1)),
        dropped: value(&counters.dropped),
        resumed: value(&counters.resumed),
        recovered: value(&counters.recovered),
        sockets_lost: value(&counters.lost),
        gaps: value(&counters.gaps),
        asked_again: value(&counters.asked_again),
        unanswered: value(&counters.unanswered),
        deliveries: value(&counters.heard),
        acknowledged: scene.told().acknowledged(),
        events: feed.events,
        server_cpu_s: None,
        generator_cpu_s: 0.0,
        server_resident_bytes: None,
        limits_changed: &[],
        machine: Machine::this(),
    }
}

impl Killed {
    fn shown(&self) -> Restart {
        Restart {
            restart_ms: rounded(self.restart_ms),
            coupons_before: self.coupons,
            acknowledged_before: self.acknowledged,
            lost_claims: self.lost,
            double_claims: self.double_claims,
            over_budget: self.over_budget,
            journal_verify: if self.verified.is_ok() { "passed" } else { "failed" },
        }
    }
}

impl Report<'_> {
    fn print(&self, json: bool) -> Result<()> {
        let codes: Vec<String> =
            self.claims.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let Summary { p50_ms, p99_ms, p999_ms, max_ms } = self.latency;
        let (push, totals) = (self.push_latency, self.totals);
        let title = format!("coupons: {} viewers, {} of each", self.viewers, self.quota);
        let pair =
            |one: &dyn std::fmt::Display, other: &dyn std::fmt::Display| format!("{one}, {other}");
        let mut rows = vec![
            ("above quota, budget", pair(&self.over_quota, &self.over_budget)),
            ("claimed twice, lost", pair(&self.double_claims, &self.lost_claims)),
            ("progress back, ahead", pair(&self.progress_resets, &self.progress_ahead)),
            ("refused at the till", self.refused_at_till.to_string()),
            ("wrong prices, of", pair(&self.quote_mismatches, &self.quotes_compared)),
            ("lost pushes, of", pair(&self.lost_pushes, &self.pushes_expected)),
            ("claims", codes.join(", ")),
            ("p50 p99 p99.9 max, ms", format!("{p50_ms} {p99_ms} {p999_ms} {max_ms}")),
            ("pushed p50 p99, ms", pair(&push.p50_ms, &push.p99_ms)),
            ("claimed, tasks done", pair(&totals.claimed, &totals.completed)),
            ("orders, with coupons", pair(&totals.orders, &totals.orders_with_coupons)),
            ("paid, cancelled", pair(&totals.paid, &totals.cancelled)),
            ("checkpoints, most bytes", pair(&self.checkpoints, &self.checkpoint_bytes_max)),
            ("dropped, recovered", pair(&self.dropped, &self.recovered)),
            ("lost sockets, gaps", pair(&self.sockets_lost, &self.gaps)),
            ("events, acknowledged", pair(&self.events, &self.acknowledged)),
        ];
        if let Some(killed) = &self.killed {
            rows.push(("restart, ms", killed.restart_ms.to_string()));
        }
        report::finish(json, &title, &rows, self.limits_changed, self.verdict, self)
    }
}
