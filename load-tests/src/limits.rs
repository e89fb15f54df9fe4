//! Which of the server's limits a run lifts, and why: read out of `config/load.toml`, so that the
//! report cannot say anything else than the server was told. Judges no value.

use serde::Serialize;

/// The settings that a server of our own gets.
pub(crate) const LOAD_CONFIG: &str = include_str!("../../config/load.toml");

/// One lifted limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) why: String,
}

/// The keys of a settings file, each with the comment that stands above it. A comment holds for
/// all keys below it up to the next one or an empty line.
pub(crate) fn changed(toml: &str) -> Vec<Changed> {
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
