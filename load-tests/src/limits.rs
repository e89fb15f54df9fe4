//! Which of the server's limits a run lifts, and why: read out of `config/load.toml`, so that the
//! report cannot say anything else than the server was told. Judges no value.

use serde::Serialize;

/// The settings that a server of our own gets.
const LOAD_CONFIG: &str = include_str!("../../config/load.toml");

/// One changed setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) why: String,
}

/// What a server of our own is told beside its places and keys.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// As a file.
    pub(crate) config: String,
    /// Over the file, by the environment.
    over: Vec<Changed>,
}

impl Settings {
    /// The limits that load tests lift.
    pub(crate) fn lifted() -> Self {
        Self { config: LOAD_CONFIG.to_owned(), over: Vec::new() }
    }

    /// Leaves these keys at their defaults.
    pub(crate) fn without(self, keys: &[&str]) -> Self {
        let is_kept =
            |line: &&str| line.split_once('=').is_none_or(|(key, _)| !keys.contains(&key.trim()));
        let config = self.config.split_inclusive('\n').filter(is_kept).collect();
        Self { config, ..self }
    }

    pub(crate) fn with(mut self, key: &str, value: impl ToString, why: &str) -> Self {
        let (key, value) = (key.to_owned(), value.to_string());
        self.over.push(Changed { key, value, why: why.to_owned() });
        self
    }

    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, &str)> {
        let name = |key: &str| format!("HAWKER_{}", key.replace('.', "_").to_uppercase());
        self.over.iter().map(move |over| (name(&over.key), over.value.as_str()))
    }

    pub(crate) fn changed(&self) -> Vec<Changed> {
        let mut found = changed(&self.config);
        found.extend(self.over.iter().cloned());
        found
    }
}

/// The keys of a settings file, each with the comment that stands above it. A comment holds for
/// all keys below it up to the next one or an empty line.
fn changed(toml: &str) -> Vec<Changed> {
    let mut found = Vec::new();
    let (mut section, mut why, mut in_comment) = (String::new(), String::new(), false);
    for line in toml.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            if !in_comment {
                why.clear();
            } else if !why.is_empty() {
                why.push(' ');
            }
            why.push_str(comment.trim());
            in_comment = true;
            continue;
        }
        in_comment = false;
        if line.is_empty() {
            why.clear();
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            why.clear();
        } else if let Some((key, value)) = line.split_once('=') {
            let key = format!("{section}.{}", key.trim());
            found.push(Changed { key, value: value.trim().to_owned(), why: why.clone() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_comes_with_its_section_value_and_reason() {
        let toml = "# The file.\n\n[limits.rates]\n# Two\n# lines.\na = 1\nb = 2\n\nc = \"x\"\n";
        let line = |key: &str, value: &str, why: &str| Changed {
            key: format!("limits.rates.{key}"),
            value: value.into(),
            why: why.into(),
        };
        assert_eq!(
            changed(toml),
            [line("a", "1", "Two lines."), line("b", "2", "Two lines."), line("c", "\"x\"", "")]
        );
    }

    #[test]
    fn a_run_leaves_some_limits_alone_and_sets_others() {
        let settings = Settings::lifted().without(&["accepts_per_s_per_core"]).with(
            "hub.tick_ms",
            50,
            "The tick that is measured.",
        );
        let environment = settings.environment().collect::<Vec<_>>();
        assert_eq!(environment, [("HAWKER_HUB_TICK_MS".to_owned(), "50")]);
        let keys = settings.changed().into_iter().map(|limit| limit.key).collect::<Vec<_>>();
        assert!(keys.iter().any(|key| key == "hub.tick_ms"), "{keys:?}");
        assert!(keys.iter().any(|key| key == "limits.rates.claim_burst"), "{keys:?}");
        assert!(!keys.iter().any(|key| key.contains("accepts_per_s")), "{keys:?}");
    }

    #[test]
    fn the_load_config_gives_a_reason_for_every_limit_and_names_no_place_or_key_of_ours() {
        let found = changed(LOAD_CONFIG);
        assert!(!found.is_empty());
        for limit in found {
            assert!(!limit.why.is_empty(), "{} has no reason", limit.key);
            let ours = ["server.", "auth.", "journal.path"];
            assert!(!ours.iter().any(|key| limit.key.starts_with(key)), "{}", limit.key);
        }
    }
}
