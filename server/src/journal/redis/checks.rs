//! Whether a Redis keeps what it is told, read off what it says of itself, and what its errors
//! mean. Owns the reasons; asks nothing.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::RedisError;

/// The first version whose scripts refuse to run where they must not.
const VERSION_MAJOR_MIN: u32 = 7;

/// From there on there is time to act; at the limit nothing more is sold.
const MEMORY_ALARM_PERCENT: u64 = 70;

/// Far beyond what clocks that are kept differ by, and beyond a slow answer.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(1);

/// Answers by which Redis says that it did nothing of this request. After others it may have.
const REFUSALS: [&str; 16] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// Those of them after which the server has to be looked at again.
const OTHER_SERVER: [&str; 6] =
    ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"];

pub(super) fn is_refusal(code: &str) -> bool {
    REFUSALS.contains(&code)
}

pub(super) fn tells_of_another_server(code: &str) -> bool {
    OTHER_SERVER.contains(&code)
}

/// An error in the words of Redis, or of the system.
pub(super) fn worded(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// `INFO`, by its fields.
#[derive(Debug)]
pub(super) struct Info<'a>(HashMap<&'a str, &'a str>);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Fit { warnings: Vec<String> },
    Unfit(String),
}

impl<'a> Info<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.trim_end().split_once(':')).collect())
    }

    fn text(&self, field: &str) -> &'a str {
        self.0.get(field).copied().unwrap_or_default()
    }

    fn number(&self, field: &str) -> u64 {
        self.text(field).parse().unwrap_or_default()
    }

    pub(super) fn count(&self) {
        metrics::gauge!("hawker_redis_memory_used").set(self.number("used_memory") as f64);
        metrics::gauge!("hawker_redis_memory_max").set(self.number("maxmemory") as f64);
    }
}

/// `fsync` is the setting `appendfsync`, where it could be read.
pub(super) fn judge(info: &Info<'_>, fsync: Option<&str>, accepts_unsafe: bool) -> Checked {
    let version = info.text("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < VERSION_MAJOR_MIN) {
        return Checked::Unfit(format!(
            "Redis is {version}, the journal needs {VERSION_MAJOR_MIN}.0 or newer: its scripts \
             must not run on a server that was demoted"
        ));
    }
    if info.text("cluster_enabled") == "1" {
        let reason = "Redis is a cluster, the journal needs a single server: give it one";
        return Checked::Unfit(reason.to_owned());
    }
    if info.text("role") != "master" {
        let reason = "Redis is a replica, and nothing can be written there: name its master";
        return Checked::Unfit(reason.to_owned());
    }
    let risks = risks(info);
    if let (Some(first), false) = (risks.first(), accepts_unsafe) {
        return Checked::Unfit(format!(
            "{first} (or accept the risk with `journal.redis.accept_unsafe` or \
             --accept-unsafe-redis)"
        ));
    }
    Checked::Fit { warnings: risks.into_iter().chain(warnings(info, fsync)).collect() }
}

/// What may cost acknowledged writes without anybody noticing.
fn risks(info: &Info<'_>) -> Vec<String> {
    let mut risks = Vec::new();
    let policy = info.text("maxmemory_policy");
    if policy != "noeviction" {
        risks.push(format!(
            "Redis evicts keys when it is full (maxmemory-policy {policy}), and with them what was \
             sold: set noeviction"
        ));
    }
    if info.text("aof_enabled") != "1" {
        risks.push("Redis keeps no append-only file: set appendonly yes".to_owned());
    }
    let replicas = info.number("connected_slaves");
    if replicas > 0 {
        risks.push(format!(
            "Redis has {replicas} replicas, and one that takes over may lack what was acknowledged \
             last: use a Redis without replicas"
        ));
    }
    risks
}

fn warnings(info: &Info<'_>, fsync: Option<&str>) -> Vec<String> {
    let mut warnings = Vec::new();
    match fsync {
        Some("always") => {}
        Some(other) => warnings.push(format!(
            "Redis syncs its file later than it answers (appendfsync {other}): a power cut may \
             cost what was acknowledged last; set always"
        )),
        None => warnings.push(
            "the setting appendfsync of Redis cannot be read: it should be always".to_owned(),
        ),
    }
    let (used, max) = (info.number("used_memory"), info.number("maxmemory"));
    if max > 0 && used * 100 > max * MEMORY_ALARM_PERCENT {
        warnings.push(format!(
            "Redis uses more than {MEMORY_ALARM_PERCENT} % of its memory (maxmemory {max}): past \
             the limit no shop takes anything more"
        ));
    }
    warnings
}

/// Due times are by the server's clock and leases by that of Redis: a second between them is seen
/// by people, and points to a clock that nobody keeps.
pub(super) fn judge_clock(difference: Duration) -> Option<String> {
    (difference > CLOCK_DIFFERENCE_MAX).then(|| {
        format!(
            "the clocks of Redis and of this server are {} s apart: keep both by NTP, or sales \
             and reservations end early or late",
            difference.as_secs()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nconnected_slaves:0\r\n\
        maxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\ncluster_enabled:0\r\n";

    fn judged(from: &str, to: &str, accepts_unsafe: bool) -> Checked {
        let text = GOOD.replace(from, to);
        assert!(from.is_empty() || text != GOOD);
        judge(&Info::parse(&text), Some("always"), accepts_unsafe)
    }

    #[test]
    fn a_server_that_keeps_everything_is_taken() {
        assert_eq!(judged("", "", false), Checked::Fit { warnings: vec![] });
    }

    #[test]
    fn what_may_lose_writes_is_refused_unless_it_is_accepted() {
        for (from, to, word) in [
            ("noeviction", "allkeys-lru", "noeviction"),
            ("aof_enabled:1", "aof_enabled:0", "appendonly yes"),
            ("connected_slaves:0", "connected_slaves:2", "replicas"),
        ] {
            let Checked::Unfit(reason) = judged(from, to, false) else { panic!("{to} is taken") };
            assert!(reason.contains(word) && reason.contains("--accept-unsafe-redis"), "{reason}");
            let Checked::Fit { warnings } = judged(from, to, true) else { panic!("{to}") };
            assert!(warnings[0].contains(word), "{warnings:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_in_any_case() {
        for (from, to) in [
            ("7.0.15", "6.2.14"),
            ("redis_version:7.0.15", "server:other"),
            ("role:master", "role:slave"),
            ("cluster_enabled:0", "cluster_enabled:1"),
        ] {
            assert!(matches!(judged(from, to, true), Checked::Unfit(_)), "{to}");
        }
    }

    #[test]
    fn a_later_sync_and_little_memory_are_said() {
        let text = GOOD.replace("maxmemory:0", "maxmemory:100\r\nused_memory:71");
        let Checked::Fit { warnings } = judge(&Info::parse(&text), Some("everysec"), false) else {
            panic!("refused");
        };
        assert!(warnings[0].contains("everysec"), "{warnings:?}");
        assert!(warnings[1].contains("70 %"), "{warnings:?}");
    }

    #[test]
    fn clocks_that_are_more_than_a_second_apart_are_said() {
        assert_eq!(judge_clock(Duration::from_millis(1_000)), None);
        let warning = judge_clock(Duration::from_millis(61_001)).unwrap();
        assert!(warning.contains("61 s apart"), "{warning}");
    }
}
