//! The settings described: the annotated TOML of `hawker config init`, the Markdown of
//! `hawker config doc`, and what a configuration changed. Owns no text: all of it is the doc
//! comments of the settings.

use std::fmt::Write as _;

use confique::meta::{Expr, FieldKind, LeafKind, Meta};
use confique::toml::FormatOptions;
use serde_json::Value;

use super::{Config, check, load};

/// A setting that is not at its default.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub key: String,
    pub default: Value,
    pub value: Value,
}

/// A configuration file in which every setting stands with its description and default.
pub fn template() -> String {
    confique::toml::template::<Config>(FormatOptions::default())
}

/// What `config` changes.
pub fn differences(config: &Config) -> Vec<Difference> {
    let Ok(defaults) = Config::defaults() else {
        return Vec::new();
    };
    let differs = |leaf: load::Leaf| {
        let value = check::value(config, &leaf.key)?;
        let default = check::value(&defaults, &leaf.key)?;
        (value != default).then_some(Difference { key: leaf.key, default, value })
    };
    load::leaves().into_iter().filter_map(differs).collect()
}

/// Every setting as Markdown, a table a section.
pub fn reference() -> String {
    let mut out = String::from("# Settings\n");
    let root: &Meta = &<Config as confique::Config>::META;
    for line in root.doc {
        let _ = write!(out, "\n{}", line.trim());
    }
    out.push('\n');
    section(&mut out, "", root);
    out
}

fn section(out: &mut String, prefix: &str, meta: &Meta) {
    let leaves: Vec<_> =
        meta.fields.iter().filter(|field| matches!(field.kind, FieldKind::Leaf { .. })).collect();
    if !leaves.is_empty() {
        out.push_str("\n| key | default | meaning |\n|---|---|---|\n");
    }
    for field in leaves {
        let doc = field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let default = default_of(&field.kind);
        let _ = writeln!(out, "| `{}` | {default} | {} |", field.name, doc.replace('|', "\\|"));
    }
    for field in meta.fields {
        let FieldKind::Nested { meta } = &field.kind else {
            continue;
        };
        let key = if prefix.is_empty() {
            field.name.to_owned()
        } else {
            format!("{prefix}.{}", field.name)
        };
        let doc = field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "\n## `[{key}]`\n\n{doc}");
        section(out, &key, meta);
    }
}

fn default_of(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Leaf { kind: LeafKind::Required { default: Some(default) }, .. } => {
            format!("`{}`", json(default))
        }
        FieldKind::Leaf { .. } | FieldKind::Nested { .. } => "–".to_owned(),
    }
}

fn json(expr: &Expr) -> String {
    serde_json::to_string(expr).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;

    const LOCAL: &str = include_str!("../../../config/local.toml");
    const LOAD: &str = include_str!("../../../config/load.toml");

    #[test]
    fn the_committed_local_toml_is_what_config_init_writes() {
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/local.toml");
            std::fs::write(file, template()).unwrap();
            return;
        }
        let current = LOCAL == template();
        assert!(current, "old: `hawker config init --force config/local.toml` writes it anew");
    }

    #[test]
    fn the_template_loads_and_changes_nothing() {
        let config = read(Some(&template()), []).unwrap().config;
        assert_eq!(differences(&config), []);
    }

    #[test]
    fn every_line_of_the_template_can_be_switched_on() {
        let is_setting = |line: &str| {
            let name = line.trim_start_matches('#').split(" =").next().unwrap_or_default();
            line.starts_with('#') && line.contains(" = ") && !name.contains(' ')
        };
        let live: String = template()
            .lines()
            .map(|line| if is_setting(line) { &line[1..] } else { line })
            .map(|line| format!("{line}\n"))
            .collect();
        let settings = live.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
        assert!(settings.count() > 60, "{live}");
        assert_eq!(differences(&read(Some(&live), []).unwrap().config), []);
    }

    #[test]
    fn the_load_test_lifts_only_rates_connections_and_thinning() {
        let changed = differences(&read(Some(LOAD), []).unwrap().config);
        assert!(!changed.is_empty());
        for difference in changed {
            let key = &difference.key;
            let lifted = ["limits.rates.", "limits.connections.", "hub.comments_per_s"];
            assert!(lifted.iter().any(|section| key.starts_with(section)), "{key}");
        }
    }

    #[test]
    fn every_setting_is_in_the_reference_with_a_description() {
        let reference = reference();
        for leaf in load::leaves() {
            assert!(reference.contains(&format!("| `{}` |", leaf.field.name)), "{}", leaf.key);
            assert!(!leaf.field.doc.is_empty(), "{} is not described", leaf.key);
        }
    }
}
