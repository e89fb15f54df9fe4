//! `chaos nodes`: breaks nodes that share a Redis, one after the other, in the middle of a sale
//! that goes on through all of them; then the audit. Owns the rounds and the report.

mod fault;
mod records;
mod round;
mod viewer;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{Totals, same_states, still_there};
use crate::audit::{Reading, Violations};
use crate::chance::Chance;
use crate::limits::{Changed, Settings};
use crate::machine::{self, Machine};
use crate::nodes::Nodes;
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Target};
use crate::tally::Latency;
use fault::Fault;
use round::{Moment, Shown};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Faults, each kind as often as the others; four of them befall one shop.
    #[arg(long, default_value_t = 20)]
    cycles: usize,
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// The Redis they share; without one a redis-server of our own.
    #[arg(long)]
    redis: Option<String>,
    /// How long a shop stays with a node that has fallen silent; as short as it may be, so that
    /// many cycles take minutes.
    #[arg(long, default_value_t = 2_000)]
    lease_ms: u64,
    #[arg(long, default_value_t = 24)]
    buyers: usize,
}

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    nodes: usize,
    lease_ms: u64,
    #[serde(flatten)]
    totals: &'a Totals,
    oversold: i64,
    /// Commands that were asked again while the first asking was on its way: refused there, carried
    /// out here, once.
    done_on_another_way: u64,
    shops: usize,
    /// Records of the journal, and how often another writer went on.
    records: u64,
    reigns: u64,
    pushes: u64,
    faults: BTreeMap<Fault, Times>,
    /// `hawker journal verify` beside the nodes and without them.
    journal_verify: &'a str,
    seconds: f64,
    seed: u64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

/// How long one kind of fault was felt.
#[derive(Debug, Serialize)]
struct Times {
    cycles: u64,
    /// To the first acknowledgement of a command that the next owner wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    takeover: Option<Spans>,
    /// The longest time around it without any acknowledgement.
    pause: Spans,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_ms: Option<u64>,
    over_limit: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Spans {
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// What all rounds showed.
#[derive(Debug, Default)]
struct Sums {
    totals: Totals,
    oversold: i64,
    done_on_another_way: u64,
    records: u64,
    reigns: u64,
    pushes: u64,
    moments: Vec<Moment>,
    readings: Vec<(String, Reading)>,
    violations: Violations,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.nodes >= 2, "a shop needs another node to go to");
    ensure!(options.cycles >= 1 && options.buyers >= 1, "there must be something to break");
    machine::allow_sockets(options.buyers * 4 + 64)?;
    let shared = (options.redis.as_deref(), options.lease_ms);
    let mut nodes = Nodes::start(common, options.nodes, shared, &settings()).await?;
    let passed = rounds(common, options, &mut nodes).await;
    let ended = nodes.end(passed.as_ref().is_ok_and(|passed| *passed)).await;
    let passed = passed?;
    ended?;
    Ok(passed)
}

fn settings() -> Settings {
    Settings::lifted().with("limits.timeouts.drain_ms", 5_000, "Those who are told to go, go.")
}

async fn rounds(common: &Common, options: &Options, nodes: &mut Nodes) -> Result<bool> {
    let (began, mut sums) = (Instant::now(), Sums::default());
    let mut chance = Chance::new(common.seed);
    while (sums.totals.cycles as usize) < options.cycles {
        let faults = Fault::row(&mut chance);
        let left = options.cycles - sums.totals.cycles as usize;
        let faults = &faults[..left.min(faults.len())];
        let number = sums.readings.len() + 1;
        let shown = round::play(nodes, number, faults, options.buyers, common.seed).await?;
        sums.add(shown);
        say(&format!(
            "{}/{} cycles: {} acknowledged, {} lost, {} violations",
            sums.totals.cycles,
            options.cycles,
            sums.totals.acknowledged,
            sums.totals.lost,
            sums.violations.count
        ));
    }
    let target = Target::of_nodes(nodes, "last".to_owned());
    sums.violations.append(&still_there(&target, &sums.readings).await?);
    let verify = verify(nodes).await?;
    if let Err(problem) = &verify {
        sums.violations.add(|| problem.clone());
    }
    let verdict = Verdict::from(std::mem::take(&mut sums.violations));
    let report = Report {
        command: "chaos nodes",
        nodes: options.nodes,
        lease_ms: options.lease_ms,
        totals: &sums.totals,
        oversold: sums.oversold,
        done_on_another_way: sums.done_on_another_way,
        shops: sums.readings.len(),
        records: sums.records,
        reigns: sums.reigns,
        pushes: sums.pushes,
        faults: times(&sums.moments, options.lease_ms),
        journal_verify: if verify.is_ok() { "passed" } else { "failed" },
        seconds: rounded(began.elapsed().as_secs_f64()),
        seed: common.seed,
        verdict: &verdict,
        limits_changed: &settings().changed(),
        machine: Machine::this(),
    };
    report.print(common.json)?;
    Ok(verdict.passed() && sums.oversold == 0)
}

/// Replays the journal with the server's own tool, beside the nodes and when they are gone.
async fn verify(nodes: &mut Nodes) -> Result<std::result::Result<(), String>> {
    let settings = nodes.all[0].site.settings_file().display().to_string();
    let command = ["journal", "verify", "--config", &settings];
    let running = nodes.all[0].site.run(&command).await;
    nodes.stop().await?;
    let stopped = nodes.all[0].site.run(&command).await;
    Ok(match (running, stopped) {
        (Ok(running), Ok(stopped)) => same_states(&running, &stopped),
        (Err(error), _) | (_, Err(error)) => Err(format!("{error:#}")),
    })
}

fn times(moments: &[Moment], lease_ms: u64) -> BTreeMap<Fault, Times> {
    let mut times = BTreeMap::new();
    for fault in Fault::ALL {
        let these: Vec<_> = moments.iter().filter(|moment| moment.fault == fault).collect();
        if these.is_empty() {
            continue;
        }
        let (mut takeovers, mut pauses) = (Latency::new(), Latency::new());
        these.iter().for_each(|moment| pauses.record(moment.pause));
        these.iter().filter_map(|it| it.takeover).for_each(|took| takeovers.record(took));
        let limit_ms = fault.limit_ms(lease_ms);
        let is_over = |moment: &&&Moment| {
            let took = moment.takeover.map(|took| took.as_millis());
            took.zip(limit_ms).is_some_and(|(took, limit)| took > u128::from(limit))
        };
        let each = Times {
            cycles: these.len() as u64,
            takeover: (takeovers.count() > 0).then(|| Spans::of(&takeovers)),
            pause: Spans::of(&pauses),
            limit_ms,
            over_limit: these.iter().filter(is_over).count() as u64,
        };
        times.insert(fault, each);
    }
    times
}

impl Spans {
    fn of(latency: &Latency) -> Self {
        let [p50_ms, p99_ms, max_ms] = [0.5, 0.99, 1.0].map(|it| latency.quantile_ms(it));
        Self { p50_ms, p99_ms, max_ms }
    }
}

impl Sums {
    fn add(&mut self, shown: Shown) {
        let findings = shown.findings;
        self.totals.add(&findings);
        self.totals.cycles += shown.moments.len() as u64;
        self.moments.extend(shown.moments);
        self.oversold += shown.oversold;
        self.done_on_another_way += shown.done_on_another_way;
        self.records += shown.records;
        self.reigns += shown.reigns;
        self.pushes += shown.pushes;
        self.violations.append(&findings.violations);
        self.readings.push((findings.shop, findings.reading));
    }
}

impl Report<'_> {
    fn print(&self, json: bool) -> Result<()> {
        let totals = self.totals;
        let compared = format!(
            "{}, {}, {}",
            totals.answers_compared, totals.answers_newer, totals.answers_different
        );
        let mut rows = vec![
            ("cycles", format!("{} in {} s", totals.cycles, self.seconds)),
            ("nodes, lease", format!("{}, {} ms", self.nodes, self.lease_ms)),
            ("acknowledged", totals.acknowledged.to_string()),
            (
                "lost, doubled, oversold",
                format!("{}, {}, {}", totals.lost, totals.doubled, self.oversold),
            ),
            ("answers same, newer, bad", compared),
            ("refused, done elsewhere", self.done_on_another_way.to_string()),
            ("records, reigns", format!("{}, {}", self.records, self.reigns)),
            ("payments, events", format!("{}, {}", totals.payments, totals.events)),
            ("pushes to viewers", self.pushes.to_string()),
            ("journal verify", self.journal_verify.to_owned()),
        ];
        rows.extend(self.faults.iter().map(|(fault, times)| (fault.label(), times.row())));
        report::finish(json, "chaos nodes", &rows, self.limits_changed, self.verdict, self)
    }
}

impl Times {
    fn row(&self) -> String {
        let spans = |it: &Spans| format!("{} {} {} ms", it.p50_ms, it.p99_ms, it.max_ms);
        let takeover = self.takeover.as_ref().map(|it| format!("takeover {}, ", spans(it)));
        let limit = self.limit_ms.map(|limit| format!(", {} over {limit} ms", self.over_limit));
        format!(
            "{} ×: {}pause {}{}",
            self.cycles,
            takeover.unwrap_or_default(),
            spans(&self.pause),
            limit.unwrap_or_default()
        )
    }
}
