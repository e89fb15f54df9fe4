//! From a file and the environment to a `Config`. Owns the order (environment, file, default) and
//! what is said about keys nobody knows; never stops at the first problem.

use std::path::Path;

use confique::meta::{Field, FieldKind, Meta};
use confique::{Config as _, Layer as _};
use serde::Deserialize as _;
use toml::{Table, Value};

use super::{Config, Problem, Problems};

type Layer = <Config as confique::Config>::Layer;

const ENV_PREFIX: &str = "HAWKER_";

/// The settings, and what should be said about how they were given.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<Problem>,
}

/// A setting: its dotted key and what is known of it.
pub(super) struct Leaf {
    pub(super) key: String,
    pub(super) field: &'static Field,
}

impl Leaf {
    pub(super) fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// Every setting, in the order of the file.
pub(super) fn leaves() -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(&Config::META, "", &mut found);
    found
}

fn collect(meta: &'static Meta, prefix: &str, found: &mut Vec<Leaf>) {
    for field in meta.fields {
        let key = join(prefix, field.name);
        match &field.kind {
            FieldKind::Leaf { .. } => found.push(Leaf { key, field }),
            FieldKind::Nested { meta } => collect(meta, &key, found),
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// The settings of this process: `file`, if one is given, and the environment.
pub fn load(file: Option<&Path>) -> Result<Loaded, Problems> {
    let text = match file {
        None => None,
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            let key = path.display().to_string();
            Problems(vec![Problem::new(key, format!("cannot be read: {error}"))])
        })?),
    };
    let env = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    read(text.as_deref(), env)
}

/// The same from a text and a list: nothing of the process is looked at.
pub fn read(
    text: Option<&str>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    let mut reading = Reading {
        leaves: leaves(),
        accepted: Table::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(text) = text {
        let table = text.parse::<Table>().map_err(|error| {
            Problems(vec![Problem::new("file", error.to_string().trim_end().to_owned())])
        })?;
        reading.take_table("", table);
    }
    for (name, value) in env {
        reading.take_variable(&name, &value);
    }
    reading.finish()
}

struct Reading {
    leaves: Vec<Leaf>,
    accepted: Table,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reading {
    fn take_table(&mut self, prefix: &str, table: Table) {
        for (name, value) in table {
            let key = join(prefix, &name);
            let section = format!("{key}.");
            if self.leaves.iter().any(|leaf| leaf.key == key) {
                self.take_leaf(&key, value);
            } else if self.leaves.iter().any(|leaf| leaf.key.starts_with(&section)) {
                self.take_section(&key, value);
            } else {
                let nearest = self.nearest(&key);
                let message = format!("is not a setting; the nearest is `{nearest}`");
                self.problems.push(Problem::new(key, message));
            }
        }
    }

    fn take_section(&mut self, key: &str, value: Value) {
        match value {
            Value::Table(table) => self.take_table(key, table),
            other => {
                let message = format!("is a section, not a {}", other.type_str());
                self.problems.push(Problem::new(key, message));
            }
        }
    }

    fn take_leaf(&mut self, key: &str, value: Value) {
        match deserialize_alone(key, &value) {
            Ok(()) => insert(&mut self.accepted, key, value),
            Err(message) => self.problems.push(Problem::new(key, message)),
        }
    }

    fn take_variable(&mut self, name: &str, text: &str) {
        if !name.starts_with(ENV_PREFIX) {
            return;
        }
        let Some(leaf) = self.leaves.iter().find(|leaf| leaf.env() == name) else {
            let nearest = self.leaves.iter().map(Leaf::env).min_by_key(|env| distance(env, name));
            let nearest = nearest.unwrap_or_default();
            let message = format!("is not a setting and is ignored; the nearest is `{nearest}`");
            self.warnings.push(Problem::new(name, message));
            return;
        };
        let key = leaf.key.clone();
        let mut first_error = None;
        for value in readings_of(text) {
            match deserialize_alone(&key, &value) {
                Ok(()) => return insert(&mut self.accepted, &key, value),
                Err(message) => first_error.get_or_insert(message),
            };
        }
        let message = first_error.unwrap_or_default();
        self.problems.push(Problem::new(name, message));
    }

    /// The likeliest setting or section that was meant; a key in the wrong section first.
    fn nearest(&self, key: &str) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let near = |known: &String| {
            let moved = last(known) == last(key);
            if moved { 0 } else { distance(known, key) }
        };
        let settings = self.leaves.iter().map(|leaf| leaf.key.clone());
        let sections = self.leaves.iter().filter_map(|leaf| leaf.key.rsplit_once('.'));
        let sections = sections.map(|(section, _)| section.to_owned());
        settings.chain(sections).min_by_key(near).unwrap_or_default()
    }

    fn finish(mut self) -> Result<Loaded, Problems> {
        let layer = Layer::deserialize(Value::Table(self.accepted))
            .map_err(|error| Problems(vec![Problem::new("file", error.message())]))?;
        let config = Config::from_layer(layer.with_fallback(Layer::default_values()))
            .map_err(|error| Problems(vec![Problem::new("file", error.to_string())]))?;
        self.problems.extend(super::check::problems(&config, &self.leaves));
        if self.problems.is_empty() {
            Ok(Loaded { config, warnings: self.warnings })
        } else {
            Err(Problems(self.problems))
        }
    }
}

/// What a variable's text may mean, the plainest first: a list has no other way to be written.
fn readings_of(text: &str) -> Vec<Value> {
    let as_text = Value::String(text.to_owned());
    let as_toml = format!("value = {text}").parse::<Table>().ok();
    let as_toml = as_toml.and_then(|mut table| table.remove("value"));
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let as_list = Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    [Some(as_text), as_toml, Some(as_list)].into_iter().flatten().collect()
}

/// Whether one value alone fits its setting, so that every misfit is found, not the first.
fn deserialize_alone(key: &str, value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    insert(&mut table, key, value.clone());
    match Layer::deserialize(Value::Table(table)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().to_owned()),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let nested = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(nested) = nested {
                insert(nested, rest, value);
            }
        }
    }
}

/// Levenshtein: how many letters to change, add or leave out.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for column in 0..right.len() {
            let swap = diagonal + usize::from(letter != right[column]);
            diagonal = row[column + 1];
            row[column + 1] = swap.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Forwarding, JournalKind};

    fn env(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn messages(text: &str) -> Vec<String> {
        read(Some(text), []).unwrap_err().0.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_the_nearest_known_one() {
        assert_eq!(
            messages("[limits.rates]\nclaim_brust = 3"),
            ["limits.rates.claim_brust: is not a setting; \
              the nearest is `limits.rates.claim_burst`"]
        );
        assert_eq!(
            messages("[limits]\nping_ms = 3000"),
            ["limits.ping_ms: is not a setting; the nearest is `limits.timeouts.ping_ms`"]
        );
        assert_eq!(
            messages("[sever]\nlisten = \"[::]:80\""),
            ["sever: is not a setting; the nearest is `server`"]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = "
            hub = 3
            [server]
            listen = \"here\"
            proxy_hops = 99
            [journal]
            kind = \"tape\"
            [engine]
            mailbox_commands = -1
            colour = \"red\"
        ";
        let found = messages(text);
        let keys: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(
            keys,
            [
                "engine.colour",
                "engine.mailbox_commands",
                "hub",
                "journal.kind",
                "server.listen",
                "server.proxy_hops"
            ]
        );
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let text = "[hub]\ntick_ms = 100\nring_messages = 64";
        let env = [env("HAWKER_HUB_TICK_MS", "200"), env("PATH", "/bin")];
        let loaded = read(Some(text), env).unwrap();
        assert_eq!(loaded.config.hub.tick_ms, 200);
        assert_eq!(loaded.config.hub.ring_messages, 64);
        assert_eq!(loaded.config.engine.mailbox_commands, 4096);
        assert!(loaded.warnings.is_empty());
    }

    #[test]
    fn a_variable_may_hold_a_number_a_word_a_list_or_digits_that_are_a_text() {
        let digits = "01234567890123456789012345678901234567";
        let loaded = read(
            None,
            [
                env("HAWKER_SERVER_ADMIN_PUBLIC", "true"),
                env("HAWKER_JOURNAL_KIND", "memory"),
                env("HAWKER_SERVER_FORWARDING", "x_forwarded_for"),
                env("HAWKER_SERVER_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2"),
                env("HAWKER_SERVER_ORIGINS", "[\"https://a.example\"]"),
                env("HAWKER_AUTH_SECRET", digits),
            ],
        );
        let config = loaded.unwrap().config;
        assert!(config.server.admin_public);
        assert_eq!(config.journal.kind, JournalKind::Memory);
        assert_eq!(config.server.forwarding, Forwarding::XForwardedFor);
        assert_eq!(config.server.trusted_proxies, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(config.server.origins, ["https://a.example"]);
        assert_eq!(config.auth.secret.unwrap().bytes(), digits.as_bytes());
    }

    #[test]
    fn a_variable_nobody_knows_is_a_warning_and_one_that_does_not_fit_an_error() {
        let loaded = read(None, [env("HAWKER_HUB_TIC_MS", "1")]).unwrap();
        assert_eq!(
            loaded.warnings[0].to_string(),
            "HAWKER_HUB_TIC_MS: is not a setting and is ignored; the nearest is \
             `HAWKER_HUB_TICK_MS`"
        );
        let problems = read(None, [env("HAWKER_HUB_TICK_MS", "soon")]).unwrap_err();
        assert_eq!(problems.0[0].key, "HAWKER_HUB_TICK_MS");
    }

    #[test]
    fn a_text_that_is_no_toml_says_where() {
        let problems = read(Some("[hub]\ntick_ms = = 3"), []).unwrap_err();
        assert!(problems.to_string().contains("line 2"), "{problems}");
    }
}
