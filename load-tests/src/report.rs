//! How a run speaks: progress each second and a table at the end on standard error, one JSON
//! object on standard output. Owns the forms; every figure is made elsewhere.

use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Duration, interval};

use crate::audit::Violations;
use crate::limits::Changed;

/// Says something to whoever watches.
pub(crate) fn say(line: &str) {
    // Nobody to listen is no reason to end a measurement.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a line each second until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    task: JoinHandle<()>,
}

impl Progress {
    pub(crate) fn every_second(line: impl Fn(u64) -> String + Send + 'static) -> Self {
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1));
            ticks.tick().await;
            for second in 1_u64.. {
                ticks.tick().await;
                say(&format!("{second:>4} s  {}", line(second)));
            }
        });
        Self { task }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The verdict of the audit, as every report carries it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    pub(crate) audit: &'static str,
    /// The first fifty.
    pub(crate) violations: Vec<String>,
    pub(crate) violations_total: u64,
}

impl From<Violations> for Verdict {
    fn from(found: Violations) -> Self {
        let audit = if found.count == 0 { "passed" } else { "failed" };
        Self { audit, violations: found.kept, violations_total: found.count }
    }
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.violations_total == 0
    }
}

/// One row of the table at the end.
pub(crate) type Row = (&'static str, String);

/// Prints the table, the limits and the violations, and the JSON object if it was asked for.
pub(crate) fn finish(
    json: bool,
    title: &str,
    rows: &[Row],
    limits: &[Changed],
    verdict: &Verdict,
    report: &impl Serialize,
) -> Result<()> {
    say(&format!("\n{title}"));
    for (label, value) in rows {
        say(&format!("  {label:<24} {value}"));
    }
    say(&format!("  {:<24} {}", "audit", verdict.audit));
    for violation in &verdict.violations {
        say(&format!("    {violation}"));
    }
    say_limits(limits);
    if json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, report)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Which limits the server of the run did not have.
fn say_limits(limits: &[Changed]) {
    if limits.is_empty() {
        return say("  limits: the server's own (it was running already)");
    }
    say("  limits changed:");
    let mut why = "";
    for limit in limits {
        if limit.why != why {
            why = &limit.why;
            say(&format!("    # {why}"));
        }
        say(&format!("    {} = {}", limit.key, limit.value));
    }
}

/// Rounded for people and for JSON: a figure of a shared machine has no more digits.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_what_the_contract_says() {
        let verdict = Verdict::from(Violations::default());
        let json = serde_json::to_value(&verdict).unwrap();
        assert_eq!(json["audit"], "passed");
        assert_eq!(json["violations"], serde_json::json!([]));
        let mut found = Violations::default();
        found.add(|| "one unit too many".into());
        let verdict = Verdict::from(found);
        assert!(!verdict.passed());
        assert_eq!(serde_json::to_value(&verdict).unwrap()["audit"], "failed");
    }
}
