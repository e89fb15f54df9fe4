//! The catalogue of events that readers of the feed go by: made of the words above each variant and
//! of golden bytes. Owns protocol/EVENTS.md below its line; what stands above is written by hand.

#[path = "support/event_names.rs"]
mod event_names;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hawker_domain::Event;
use serde_json::Value;

const LINE: &str = "<!-- events: written by cargo test -p hawker-domain --test catalogue -->\n";
const UPDATE: &str = "UPDATE_EXPECT=1 cargo test -p hawker-domain --test catalogue";
/// A longer example says less.
const EXAMPLE_CHARS_MAX: usize = 600;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn snake(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// What stands above the variants of the enum in a source file.
fn words(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (_, body) = source.split_once("Event {\n").expect("an enum of events");
    let mut above = Vec::new();
    for line in body.lines().take_while(|line| *line != "}") {
        let Some(text) = line.strip_prefix("    ").filter(|text| !text.starts_with(' ')) else {
            continue;
        };
        if let Some(doc) = text.strip_prefix("/// ") {
            above.push(doc.trim());
            continue;
        }
        let variant: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
        if !variant.is_empty() {
            found.insert(snake(&variant), above.join(" "));
        }
        above.clear();
    }
    found
}

/// For each name the example that shows most, and is short.
fn examples() -> BTreeMap<&'static str, String> {
    let mut best: BTreeMap<&str, String> = BTreeMap::new();
    for line in read("tests/golden/events.jsonl").lines() {
        let event: Event = serde_json::from_str(line).expect("an event");
        let name = event_names::event_name(&event);
        let rank = |line: &str| {
            let fits = line.len() <= EXAMPLE_CHARS_MAX;
            (!fits, std::cmp::Reverse(if fits { fields(line) } else { 0 }), line.len())
        };
        let known = best.entry(name).or_insert_with(|| line.to_owned());
        if rank(line) < rank(known) {
            line.clone_into(known);
        }
    }
    best
}

fn fields(line: &str) -> usize {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let data = event["data"].as_object().expect("data");
    let inner = data.values().find_map(Value::as_object).filter(|_| data.len() == 1);
    inner.unwrap_or(data).len()
}

fn catalogue() -> String {
    let sources = ["src/event.rs", "src/event/desk.rs", "src/event/promo.rs"];
    let words: BTreeMap<_, _> = sources.iter().flat_map(|path| words(&read(path))).collect();
    let examples = examples();
    let mut text = String::new();
    let mut heading = "";
    for name in event_names::EVENTS {
        let example = &examples[name];
        let event: Value = serde_json::from_str(example).expect("JSON");
        let group = match event["type"].as_str() {
            Some("desk") => "Conversations, sessions and agents (`desk`)",
            Some("promo") => "Prices, coupons, watch tasks and draws (`promo`)",
            _ => "The shop, its rooms, sales and orders",
        };
        if heading != group {
            heading = group;
            writeln!(text, "\n## {group}\n").expect("a String");
        }
        let said = words.get(*name).expect("a variant");
        let said = if said.is_empty() { String::new() } else { format!(" {said}") };
        let data = &event["data"];
        let shown = serde_json::to_string(data.get(*name).unwrap_or(data)).expect("JSON");
        writeln!(text, "* **`{name}`**{said} `{shown}`").expect("a String");
    }
    text
}

#[test]
fn the_catalogue_of_events_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/EVENTS.md");
    let text = fs::read_to_string(&path).expect("protocol/EVENTS.md");
    let (by_hand, _) = text.split_once(LINE).expect("the line below which events stand");
    let current = format!("{by_hand}{LINE}{}", catalogue());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &current).expect("protocol/EVENTS.md");
        return;
    }
    assert!(text == current, "protocol/EVENTS.md is old, this writes it anew:\n{UPDATE}");
}
