//! What a journal needs of the rules: events that come back from their JSON make the same shop,
//! every prefix of them is a sound one, and bytes once written are read for ever.

#[path = "support/event_names.rs"]
mod event_names;
#[path = "support/script.rs"]
mod script;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hawker_domain::Shop;
use hawker_domain::id::{CommandId, ShopId, UserId};
use hawker_domain::{CommandRef, Entry, Event};

use script::Script;

const STEPS: usize = 600;
const TIMERS_MAX: usize = 512;

/// A shop that lived through random commands, and what was written down of it, each entry as the
/// JSON a journal keeps.
fn lived(seed: u64) -> (Shop, Vec<String>) {
    let mut shop = Shop::new(ShopId::parse("acme").expect("an id"));
    let mut script = Script::new(seed);
    let mut journal = Vec::new();
    for number in 0..STEPS {
        let step = script.step(&shop);
        while shop.next_due().is_some_and(|due| due <= step.at) {
            let events = shop.elapse(step.at, TIMERS_MAX).events;
            journal.push(Entry { at: step.at, by: None, events });
        }
        let Ok(accepted) = shop.execute(&step.actor, &step.command, step.at) else { continue };
        let by = CommandRef {
            user: step.actor.user,
            command: CommandId::parse(&format!("c{number}")).expect("an id"),
            payload_hash: number as u64,
        };
        journal.push(Entry { at: step.at, by: Some(by), events: accepted.events });
    }
    let journal = journal.iter().map(|entry| serde_json::to_string(entry).expect("JSON"));
    (shop, journal.collect())
}

#[test]
fn every_prefix_of_a_journal_is_a_sound_shop_and_the_whole_is_the_live_one() {
    for seed in 101..=104 {
        let (live, journal) = lived(seed);
        let mut replica = Shop::new(live.id().clone());
        for (position, json) in journal.iter().enumerate() {
            let entry: Entry = serde_json::from_str(json).expect("an entry");
            for event in &entry.events {
                replica.apply(event, entry.at);
            }
            if let Err(problem) = replica.check_invariants() {
                panic!("seed {seed}, entry {position}: {problem}\n{json}");
            }
        }
        assert_eq!(replica.state_hash(), live.state_hash(), "seed {seed}");
        assert_eq!(replica.next_due(), live.next_due(), "seed {seed}");
    }
}

#[test]
fn a_replayed_shop_goes_on_like_the_live_one() {
    let (mut live, journal) = lived(105);
    let mut replica = Shop::new(live.id().clone());
    for json in &journal {
        let entry: Entry = serde_json::from_str(json).expect("an entry");
        entry.events.iter().for_each(|event| replica.apply(event, entry.at));
    }
    while let Some(due) = live.next_due() {
        assert_eq!(replica.next_due(), Some(due));
        assert_eq!(live.elapse(due, TIMERS_MAX), replica.elapse(due, TIMERS_MAX));
    }
    assert_eq!(replica.state_hash(), live.state_hash());
}

fn golden(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = fs::read_to_string(&path).expect("golden bytes");
    text.lines().map(str::to_owned).collect()
}

/// Lines of `events.jsonl` are never edited: a new variant or field adds a line, and a line that
/// is no longer written moves to `events_old.jsonl`.
#[test]
fn events_are_written_byte_for_byte_as_they_were() {
    for line in golden("events.jsonl") {
        let event: Event = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(serde_json::to_string(&event).expect("JSON"), line);
    }
}

#[test]
fn every_event_has_golden_bytes() {
    let events = golden("events.jsonl");
    let events = events.iter().map(|line| serde_json::from_str::<Event>(line).expect("an event"));
    let seen: BTreeSet<_> = events.map(|event| event_names::event_name(&event)).collect();
    let missing: Vec<_> = event_names::EVENTS.iter().filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "add a line to tests/golden/events.jsonl for {missing:?}");
}

#[test]
fn bytes_of_older_writers_are_read() {
    for line in golden("events_old.jsonl") {
        let read = serde_json::from_str::<Event>(&line);
        assert!(read.is_ok(), "{line}: {read:?}");
    }
}

#[test]
fn entries_are_written_byte_for_byte_as_they_were() {
    let lines = golden("entries.jsonl");
    for line in &lines {
        let entry: Entry = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(&serde_json::to_string(&entry).expect("JSON"), line);
    }
    let entry = |line: &String| serde_json::from_str::<Entry>(line).expect("an entry");
    let by_time = lines.iter().map(entry).filter(|entry| entry.by.is_none()).count();
    assert!(by_time > 0 && by_time < lines.len(), "one by a command and one by time");
}

#[test]
fn an_event_with_a_name_or_an_id_that_is_none_is_not_read() {
    for line in [
        r#"{"type":"shop_vanished","data":{}}"#,
        r#"{"type":"room_started","data":{"room":"r 1"}}"#,
        r#"{"type":"room_started","data":{}}"#,
        r#"{"type":"sale_restocked","data":{"sale":"s","sku":"k","units":-1}}"#,
    ] {
        assert!(serde_json::from_str::<Event>(line).is_err(), "{line}");
    }
    assert!(UserId::parse("").is_err());
}
