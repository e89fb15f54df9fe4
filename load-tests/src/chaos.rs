//! `chaos`: breaks a server on purpose and audits what is left. Owns the cycles and the report;
//! always runs a server of its own.

mod buyer;
mod cycle;
mod nodes;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::audit::{Audit, Reading, Violations};
use crate::limits::{Changed, Settings};
use crate::machine::{self, Machine};
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Target};
use crate::server::{Server, Site};
use cycle::Findings;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    how: How,
}

#[derive(Debug, Clone, Subcommand)]
enum How {
    /// SIGKILL at a random moment of a sale, restart on the same file, and every answer that was
    /// given must still be true.
    Kill(Kill),
    /// Nodes that share a Redis die, stand still and go away in the middle of a sale; another one
    /// must go on, and never two at a time.
    Nodes(nodes::Options),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Kill {
    #[arg(long, default_value_t = 20)]
    cycles: u64,
    /// The latest moment of the kill, counted from the first claim.
    #[arg(long, default_value_t = 2.0)]
    seconds_per_cycle: f64,
    #[arg(long, default_value_t = 24)]
    buyers: usize,
}

/// The JSON object on standard output.
#[derive(Debug, Default, Serialize)]
struct Totals {
    cycles: u64,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    /// Commands the kill left without an answer, asked again under their ids.
    unanswered: u64,
    answers_compared: u64,
    /// The same thing at a later version, as it went on after the first answer.
    answers_newer: u64,
    answers_different: u64,
    prefixes_changed: u64,
    payments: u64,
    events: u64,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    #[serde(flatten)]
    totals: &'a Totals,
    /// `hawker journal verify` on the file after the last kill.
    journal_verify: &'a str,
    seconds: f64,
    seed: u64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(common.server.is_none(), "chaos kills the server it started itself, never another");
    let kill = match &options.how {
        How::Kill(kill) => kill,
        How::Nodes(options) => return nodes::run(common, options).await,
    };
    machine::allow_sockets(kill.buyers * 2 + 64)?;
    let (hawker, folder) = (common.hawker.as_deref(), common.folder.as_deref());
    let site = Site::prepare(hawker, folder, Settings::lifted())?;
    let passed = cycles(common, kill, &site).await;
    match &passed {
        Ok(true) => site.remove(),
        Ok(false) | Err(_) => say(&format!("the journal is kept: {}", site.folder().display())),
    }
    passed
}

async fn cycles(common: &Common, kill: &Kill, site: &Site) -> Result<bool> {
    let began = Instant::now();
    let mut server = site.start().await?;
    let (mut totals, mut found) = (Totals::default(), Violations::default());
    let mut readings: Vec<(String, Reading)> = Vec::new();
    for number in 1..=kill.cycles {
        let (seconds, seed) = (kill.seconds_per_cycle, common.seed);
        let (restarted, findings) =
            cycle::run(site, server, number, kill.buyers, seconds, seed).await?;
        server = restarted;
        totals.cycles += 1;
        totals.add(&findings);
        found.append(&findings.violations);
        say(&format!(
            "cycle {number}/{}: {} acknowledged, {} asked again, {} events, {} violations",
            kill.cycles,
            findings.acknowledged,
            findings.retried.unanswered,
            findings.reading.events,
            findings.violations.count
        ));
        readings.push((findings.shop, findings.reading));
    }
    let target = Target::of_site(site, "last".to_owned());
    found.append(&still_there(&target, &readings).await?);
    let verify = verify(site, server).await?;
    if let Err(problem) = &verify {
        found.add(|| problem.clone());
    }
    let verdict = Verdict::from(found);
    let limits = Settings::lifted().changed();
    let report = Report {
        command: "chaos kill",
        totals: &totals,
        journal_verify: if verify.is_ok() { "passed" } else { "failed" },
        seconds: rounded(began.elapsed().as_secs_f64()),
        seed: common.seed,
        verdict: &verdict,
        limits_changed: &limits,
        machine: Machine::this(),
    };
    report.print(common.json)?;
    Ok(verdict.passed())
}

/// Every shop's feed still begins with what it was at the end of its own cycle, many kills ago.
async fn still_there(target: &Target, readings: &[(String, Reading)]) -> Result<Violations> {
    let mut found = Violations::default();
    for (shop, reading) in readings {
        let api = target.api(shop).await?;
        let mut audit = Audit::again(*reading);
        audit.read(&api).await?;
        if !audit.begins_as_before() {
            found.add(|| format!("the feed of {shop} changed after its cycle: {reading:?}"));
        }
        found.append(&audit.ledger.violations);
    }
    Ok(found)
}

/// Replays the file with the server's own tool, first while it runs, then when it is gone: equal
/// versions must have equal state hashes.
async fn verify(site: &Site, server: Server) -> Result<std::result::Result<(), String>> {
    let settings = site.settings_file().display().to_string();
    let command = ["journal", "verify", "--config", &settings];
    let running = site.run(&command).await;
    server.stop().await?;
    let stopped = site.run(&command).await;
    Ok(match (running, stopped) {
        (Ok(running), Ok(stopped)) => same_states(&running, &stopped),
        (Err(error), _) | (_, Err(error)) => Err(format!("{error:#}")),
    })
}

/// Compares what `journal verify` printed, a shop a line.
fn same_states(one: &str, other: &str) -> std::result::Result<(), String> {
    let read = |said: &str| -> BTreeMap<(String, u64), String> {
        let line = |line: &str| serde_json::from_str::<VerifiedShop>(line).ok();
        let key = |it: VerifiedShop| ((it.shop, it.version), it.state_hash);
        said.lines().filter_map(line).map(key).collect()
    };
    let (one, other) = (read(one), read(other));
    if one.is_empty() {
        return Err("journal verify named no shop".to_owned());
    }
    for (shop, hash) in &one {
        if other.get(shop).is_some_and(|again| again != hash) {
            return Err(format!("{shop:?} was replayed to two different states"));
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct VerifiedShop {
    shop: String,
    version: u64,
    state_hash: String,
}

impl Totals {
    fn add(&mut self, findings: &Findings) {
        self.acknowledged += findings.acknowledged;
        self.lost += findings.lost;
        self.doubled += findings.doubled;
        self.unanswered += findings.retried.unanswered;
        self.answers_compared += findings.retried.compared;
        self.answers_newer += findings.retried.newer;
        self.answers_different += findings.retried.differences.len() as u64;
        self.prefixes_changed += u64::from(findings.prefix_changed);
        self.payments += findings.payments;
        self.events += findings.reading.events;
    }
}

impl Report<'_> {
    fn print(&self, json: bool) -> Result<()> {
        let totals = self.totals;
        let compared = format!(
            "{}, {}, {}",
            totals.answers_compared, totals.answers_newer, totals.answers_different
        );
        let rows = [
            ("cycles", format!("{} in {} s", totals.cycles, self.seconds)),
            ("acknowledged", totals.acknowledged.to_string()),
            ("lost, doubled", format!("{}, {}", totals.lost, totals.doubled)),
            ("asked again", totals.unanswered.to_string()),
            ("answers same, newer, bad", compared),
            ("feeds that changed", totals.prefixes_changed.to_string()),
            ("payments, events", format!("{}, {}", totals.payments, totals.events)),
            ("journal verify", self.journal_verify.to_owned()),
        ];
        report::finish(json, "chaos kill", &rows, self.limits_changed, self.verdict, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_with_two_states_is_found() {
        let line = |version: u64, hash: &str| {
            format!(
                "{{\"shop\":\"a\",\"version\":{version},\"events\":3,\"state_hash\":\"{hash}\"}}\n"
            )
        };
        assert!(same_states(&line(4, "aa"), &line(4, "aa")).is_ok());
        assert!(same_states(&line(4, "aa"), &line(5, "bb")).is_ok(), "a hold may have expired");
        assert!(same_states(&line(4, "aa"), &line(4, "bb")).is_err());
        assert!(same_states("", "").is_err());
    }
}
