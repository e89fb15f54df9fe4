//! Whatever is sent, reading ends in a request or a refusal, and what was read can be written and
//! read again.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use hawker_protocol::codec::{encode_request, parse_frame, read_line};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

const REQUESTS: &str = include_str!("golden/requests.jsonl");
const PUSHES: &str = include_str!("golden/pushes.jsonl");

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0_u64..1_000_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[A-Za-z0-9_-]{0,70}".prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,10}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every place in a message that holds a value.
fn places(value: &Value, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, &format!("{path}/{name}"), out));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{at}"), out);
            }
        }
        _ => {}
    }
}

/// A good message with one place changed.
fn changed(messages: &'static str) -> impl Strategy<Value = String> {
    let lines: Vec<&str> = messages.lines().collect();
    (select(lines), any::<Index>(), json()).prop_map(|(line, at, new)| {
        let mut message: Value = serde_json::from_str(line).unwrap();
        let mut all = Vec::new();
        places(&message, "", &mut all);
        let place = at.get(all.as_slice()).as_str();
        *message.pointer_mut(place).unwrap() = new;
        message.to_string()
    })
}

/// Reads a frame; what was understood must survive being written.
fn read_and_repeat(frame: &str) {
    for (id, request) in parse_frame(frame).flatten() {
        let mut out = Vec::new();
        encode_request(id, &request, &mut out);
        let line = std::str::from_utf8(&out).unwrap();
        let again = parse_frame(line).next().unwrap().expect(line);
        assert_eq!(again, (id, request), "{line}");
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

fn any_request() -> impl Strategy<Value = &'static str> {
    select(REQUESTS.lines().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_request_with_one_value_changed_is_understood_or_refused(frame in changed(REQUESTS)) {
        read_and_repeat(&frame);
    }

    #[test]
    fn any_text_is_understood_or_refused(frame in "\\PC*|([\\[{\"\\\\:,0-9a-z}\\] \n]{0,200})") {
        read_and_repeat(&frame);
    }

    #[test]
    fn a_truncated_request_is_refused(line in any_request(), at in any::<Index>()) {
        let ends: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
        let cut = &line[..*at.get(&ends)];
        prop_assert!(parse_frame(cut).all(|parsed| parsed.is_err()), "{cut}");
    }

    #[test]
    fn a_client_survives_any_push(line in changed(PUSHES)) {
        if let Ok(incoming) = read_line(&line) {
            let _understood_or_not = incoming.push();
        }
    }
}
