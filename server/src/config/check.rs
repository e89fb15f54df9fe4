//! What settings may be: ranges and how settings agree with each other. Owns no figure: a
//! setting's range is what its description says, so the two cannot differ.

use std::path::Path;

use serde_json::Value;

use super::load::Leaf;
use super::{Auth, Config, Forwarding, Problem, Secret};

/// 256 bits: what HS256 needs, and what nobody tries out.
pub const SECRET_BYTES_MIN: usize = 32;

/// Fewer different bytes than this is a placeholder, not a secret.
const SECRET_VARIETY_MIN: usize = 8;

pub(super) fn problems(config: &Config, leaves: &[Leaf]) -> Vec<Problem> {
    let mut found: Vec<Problem> =
        leaves.iter().filter_map(|leaf| out_of_range(config, leaf)).collect();
    found.extend(disagreements(config));
    found
}

/// The bounds in a description's `Range: A to B.`.
pub(super) fn range(leaf: &Leaf) -> Option<(u64, u64)> {
    let text = leaf.field.doc.join(" ");
    let (_, rest) = text.split_once("Range: ")?;
    let (low, rest) = rest.split_once(" to ")?;
    let high = rest.split_once('.').map_or(rest, |(high, _)| high);
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn out_of_range(config: &Config, leaf: &Leaf) -> Option<Problem> {
    let (low, high) = range(leaf)?;
    let value = value(config, &leaf.key)?.as_u64()?;
    let message = format!("must be {low} to {high}, not {value}");
    (!(low..=high).contains(&value)).then(|| Problem::new(&leaf.key, message))
}

/// A setting's value as JSON; secrets are veiled.
pub(super) fn value(config: &Config, key: &str) -> Option<Value> {
    let all = serde_json::to_value(config).ok()?;
    all.pointer(&format!("/{}", key.replace('.', "/"))).cloned()
}

fn disagreements(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |wrong: bool, key: &str, message: &str| {
        if wrong {
            found.push(Problem::new(key, message));
        }
    };
    let server = &config.server;
    let forwarded = server.forwarding != Forwarding::None;
    say(
        forwarded && server.trusted_proxies.is_empty(),
        "server.trusted_proxies",
        "must name the proxies when `server.forwarding` is used: nobody else is believed",
    );
    say(
        !forwarded && !server.trusted_proxies.is_empty(),
        "server.forwarding",
        "must say how the trusted proxies name the client",
    );
    say(
        !server.admin_public && !server.admin_listen.ip().is_loopback(),
        "server.admin_listen",
        "must be a loopback address: it asks nobody who they are (or set `server.admin_public`)",
    );
    say(
        server.listen == server.admin_listen && server.listen.port() != 0,
        "server.admin_listen",
        "must differ from `server.listen`",
    );
    say(config.auth.issuer.is_empty(), "auth.issuer", "must not be empty");
    say(config.auth.audience.is_empty(), "auth.audience", "must not be empty");
    say(
        config.auth.secret.is_some() && config.auth.secret_file.is_some(),
        "auth.secret_file",
        "is given beside `auth.secret`: keep one of them",
    );
    found.extend(config.hub.larger_room_ticks().err());
    found.extend(config.journal.redis.problems());
    found.extend(config.auth.secret.as_ref().and_then(|secret| weak("auth.secret", secret)));
    found
}

/// The longest tick, as for `hub.tick_ms`.
const TICK_MS_MAX: u64 = 1_000;

/// A room's size and its tick, from "viewers:ms".
pub(super) fn larger_room_tick(text: &str) -> Result<(usize, u64), Problem> {
    let parsed = text.split_once(':').and_then(|(viewers, ms)| {
        let (viewers, ms) = (viewers.trim().parse().ok()?, ms.trim().parse().ok()?);
        (viewers > 0 && ms <= TICK_MS_MAX).then_some((viewers, ms))
    });
    parsed.ok_or_else(|| {
        let message = format!(
            "`{text}` must be \"viewers:ms\" with 1 viewer or more and 0 to {TICK_MS_MAX} ms"
        );
        Problem::new("hub.larger_room_ticks", message)
    })
}

fn weak(key: &str, secret: &Secret) -> Option<Problem> {
    let bytes = secret.bytes();
    if bytes.len() < SECRET_BYTES_MIN {
        let has = bytes.len();
        let message = format!(
            "must have {SECRET_BYTES_MIN} bytes (256 bits) or more, not {has}: \
             `openssl rand -base64 48` makes one"
        );
        return Some(Problem::new(key, message));
    }
    let variety = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    let message = "is a placeholder, not a secret: `openssl rand -base64 48` makes one";
    (variety < SECRET_VARIETY_MIN).then(|| Problem::new(key, message))
}

impl Auth {
    /// Whether anybody's token could be verified.
    pub fn has_keys(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some() || self.jwks_file.is_some()
    }

    /// The secret, from the settings or its file.
    pub fn read_secret(&self) -> Result<Option<Secret>, Problem> {
        match &self.secret_file {
            None => Ok(self.secret.clone()),
            Some(path) => read_secret_file(path).map(Some),
        }
    }
}

fn read_secret_file(path: &Path) -> Result<Secret, Problem> {
    let key = "auth.secret_file";
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(key, format!("cannot read {}: {error}", path.display())))?;
    let secret = Secret(text.trim().to_owned());
    weak(key, &secret).map_or(Ok(secret), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{load, read};

    fn keys(text: &str) -> Vec<String> {
        let problems = read(Some(text), []).unwrap_err();
        problems.0.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn every_number_says_its_range_and_unit_and_its_default_lies_inside() {
        let config = Config::defaults().unwrap();
        for leaf in load::leaves() {
            let Some(number) = value(&config, &leaf.key).and_then(|value| value.as_u64()) else {
                continue;
            };
            let (low, high) = range(&leaf).unwrap_or_else(|| panic!("{} has no range", leaf.key));
            assert!((low..=high).contains(&number), "{}", leaf.key);
            assert!(leaf.field.doc.join(" ").contains("Unit: "), "{} has no unit", leaf.key);
        }
    }

    #[test]
    fn a_number_outside_its_range_is_refused_with_the_range() {
        let text = "[limits.sizes]\nhead_bytes_max = 8191\n[limits.rates]\njoin_burst = 0";
        let problems = read(Some(text), []).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "limits.sizes.head_bytes_max: must be 8192 to 65536, not 8191\n\
             limits.rates.join_burst: must be 1 to 1000000, not 0"
        );
        assert!(read(Some("[limits.sizes]\nhead_bytes_max = 8192"), []).is_ok());
    }

    #[test]
    fn a_short_or_monotonous_secret_is_refused() {
        assert_eq!(keys("[auth]\nsecret = \"0123456789012345678901234567890\""), ["auth.secret"]);
        assert_eq!(
            keys("[auth]\nsecret = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
            ["auth.secret"]
        );
        assert!(read(Some("[auth]\nsecret = \"01234567890123456789012345678901\""), []).is_ok());
    }

    #[test]
    fn a_secret_file_is_trimmed_and_checked_like_a_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let auth = |content: &str| {
            std::fs::write(file.path(), content).unwrap();
            let text = format!("[auth]\nsecret_file = {:?}", file.path());
            read(Some(&text), []).unwrap().config.auth.read_secret()
        };
        let secret = auth("01234567890123456789012345678901\n").unwrap().unwrap();
        assert_eq!(secret.bytes().len(), 32);
        assert_eq!(auth("short").unwrap_err().key, "auth.secret_file");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let text = "[auth]\nsecret = \"01234567890123456789012345678901\"";
        let config = read(Some(text), []).unwrap().config;
        assert!(!format!("{config:?}").contains("0123456789"));
        assert!(!serde_json::to_string(&config).unwrap().contains("0123456789"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert_eq!(keys("[server]\nadmin_listen = \"0.0.0.0:9090\""), ["server.admin_listen"]);
        assert_eq!(keys("[server]\nlisten = \"127.0.0.1:9090\""), ["server.admin_listen"]);
        assert_eq!(keys("[server]\nforwarding = \"forwarded\""), ["server.trusted_proxies"]);
        assert_eq!(keys("[server]\ntrusted_proxies = [\"10.0.0.1\"]"), ["server.forwarding"]);
        let both = "[auth]\nsecret = \"01234567890123456789012345678901\"\nsecret_file = \"s\"";
        assert_eq!(keys(both), ["auth.secret_file"]);
        for tick in ["2000", "0:50", "2000:1001", "many:100"] {
            let ticks = format!("[hub]\nlarger_room_ticks = [{tick:?}]");
            assert_eq!(keys(&ticks), ["hub.larger_room_ticks"], "{tick}");
        }
        let ticks = "[hub]\nlarger_room_ticks = [\"2000:100\", \"10000: 200\"]";
        let hub = read(Some(ticks), []).unwrap().config.hub;
        assert_eq!(hub.larger_room_ticks().unwrap(), [(2_000, 100), (10_000, 200)]);
        let public = "[server]\nadmin_listen = \"0.0.0.0:9090\"\nadmin_public = true";
        assert!(read(Some(public), []).is_ok());
    }
}
