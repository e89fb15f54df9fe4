//! What a bad line is answered with: the refusals committed in `golden/refused.txt`. To add a case,
//! add its line there after `> `, as a JSON text, and run with UPDATE_EXPECT=1.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::fmt::Write;

use hawker_protocol::codec::{encode_refusal, parse_body, parse_frame};
use hawker_protocol::{Code, http, limits};

const EXPECTED: &str = include_str!("golden/refused.txt");

#[test]
fn every_bad_line_is_refused_as_committed() {
    let mut actual = String::new();
    for quoted in EXPECTED.lines().filter_map(|line| line.strip_prefix("> ")) {
        writeln!(actual, "> {quoted}").unwrap();
        let frame: String = serde_json::from_str(quoted).unwrap();
        for parsed in parse_frame(&frame) {
            let (re, refusal) = parsed.expect_err(quoted);
            let mut out = Vec::new();
            encode_refusal(re, &refusal, &mut out);
            actual.push_str(std::str::from_utf8(&out).unwrap());
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/refused.txt");
        std::fs::write(path, &actual).unwrap();
        return;
    }
    for (actual, expected) in actual.lines().zip(EXPECTED.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), EXPECTED.lines().count());
    assert!(actual.lines().count() >= 100);
}

fn first_refusal(frame: &str) -> (Option<u32>, Code) {
    let (re, refusal) = parse_frame(frame).next().unwrap().unwrap_err();
    (re.map(|re| re.get()), refusal.code)
}

#[test]
fn a_frame_larger_than_the_bound_is_refused_as_a_whole() {
    let filler = "x".repeat(limits::STAFF_MESSAGE_BYTES_MAX);
    let frame = format!(r#"{{"id":1,"type":"ping","t0":1,"pad":"{filler}"}}"#);
    assert_eq!(first_refusal(&frame), (None, Code::TooLarge));
    assert_eq!(parse_frame(&frame).count(), 1);
}

#[test]
fn lines_past_the_bound_end_in_one_refusal() {
    let frame = "{\"id\":1,\"type\":\"ping\",\"t0\":1}\n".repeat(limits::FRAME_REQUESTS_MAX + 9);
    let parsed: Vec<_> = parse_frame(&frame).collect();
    assert_eq!(parsed.len(), limits::FRAME_REQUESTS_MAX + 1);
    assert!(parsed[..limits::FRAME_REQUESTS_MAX].iter().all(Result::is_ok));
    let (_, refusal) = parsed.last().unwrap().as_ref().unwrap_err();
    assert_eq!(refusal.code, Code::TooLarge);
}

#[test]
fn a_comment_may_have_200_characters_in_any_script() {
    let comment = |text: &str| {
        let envelope = r#""id":3,"type":"room.comment","shop":"a","command_id":"k","room":"r""#;
        format!(r#"{{{envelope},"text":"{text}"}}"#)
    };
    assert!(parse_frame(&comment(&"語".repeat(200))).next().unwrap().is_ok());
    let (_, refusal) = parse_frame(&comment(&"語".repeat(201))).next().unwrap().unwrap_err();
    assert_eq!(refusal.code, Code::InvalidRequest);
    assert_eq!(refusal.get("field"), Some(&"text".into()));
    assert!(refusal.message.contains("at most 200 characters"), "{}", refusal.message);
}

#[test]
fn depth_counts_nesting_and_not_braces() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"id":1,"type":"ping","t0":1,"pad":{open}{close}}}"#)
    };
    let (deepest, too_deep) = (limits::JSON_DEPTH_MAX - 1, limits::JSON_DEPTH_MAX);
    assert!(parse_frame(&nested(deepest)).next().unwrap().is_ok());
    assert_eq!(first_refusal(&nested(too_deep)), (None, Code::TooDeep));
    assert_eq!(first_refusal(&"[".repeat(10_000)), (None, Code::TooDeep));

    let wide = format!(r#"{{"id":1,"type":"ping","t0":1,"pad":[{}[]]}}"#, "[],".repeat(100));
    assert!(parse_frame(&wide).next().unwrap().is_ok());
    let braces = format!(r#"{{"id":1,"type":"ping","t0":1,"pad":"\"{}"}}"#, "{[".repeat(100));
    assert!(parse_frame(&braces).next().unwrap().is_ok());
}

#[test]
fn one_bad_line_does_not_spoil_its_neighbours() {
    let frame =
        "{\"id\":1,\"type\":\"ping\",\"t0\":1}\n{oops\r\n{\"id\":2,\"type\":\"ping\",\"t0\":2}";
    let ids: Vec<_> =
        parse_frame(frame).map(|parsed| parsed.map(|(id, _)| id.get()).ok()).collect();
    assert_eq!(ids, [Some(1), None, Some(2)]);
}

#[test]
fn a_refusal_does_not_echo_a_long_value() {
    let long = "y".repeat(20_000);
    for field in [format!(r#""playing":"{long}""#), format!(r#""{long}":1"#)] {
        let frame = format!(r#"{{"id":1,"type":"room.watch","shop":"a","room":"r",{field}}}"#);
        let (_, refusal) = parse_frame(&frame).next().unwrap().unwrap_err();
        assert!(serde_json::to_string(&refusal).unwrap().len() < 500, "{refusal}");
    }
    let frame = format!(r#"{{"id":1,"type":"{long}"}}"#);
    let (_, refusal) = parse_frame(&frame).next().unwrap().unwrap_err();
    assert!(serde_json::to_string(&refusal).unwrap().len() < 500, "{refusal}");
}

#[test]
fn as_many_buyers_and_goods_as_one_request_names_fit_a_frame_of_staff() {
    let ids = |count: usize| {
        let ids = (0..count).map(|n| format!("\"0190a5b0-3d1a-7000-8000-{n:012}\""));
        ids.collect::<Vec<_>>().join(",")
    };
    let named = ids(limits::NAMED_BUYERS_MAX);
    let spec = format!(
        r#"{{"title":"T","discount":{{"kind":"free_shipping","max_discount_minor":1}},
        "items":{{"skus":[{}]}},"validity":{{"kind":"for","span_ms":1}},"claims_total":1,
        "per_buyer":1,"budget_minor":1,"audience":[{{"audience":{{"kind":"named",
        "buyers":[{named}]}}}}]}}"#,
        ids(limits::ITEM_SKUS_MAX)
    );
    for fields in [
        format!(r#""type":"coupon.create","spec":{}"#, spec.replace('\n', "")),
        format!(r#""type":"coupon.grant","campaign":"c1","buyers":[{named}]"#),
    ] {
        let frame = format!(r#"{{"id":1,"shop":"a","command_id":"c",{fields}}}"#);
        assert!(frame.len() < limits::STAFF_MESSAGE_BYTES_MAX, "{}", frame.len());
        assert!(parse_frame(&frame).all(|parsed| parsed.is_ok()));
    }
}

#[test]
fn a_body_is_refused_with_the_same_words() {
    let problem = |body: &[u8]| parse_body::<http::CreateRoom>(body).unwrap_err();
    assert_eq!(problem(b"{").code, Code::InvalidJson);
    assert_eq!(problem(b"\xff").code, Code::InvalidJson);
    assert_eq!(problem(b"[[[[[[[[[[[[[[[[[").code, Code::TooDeep);
    let refusal = problem(br#"{"spec":{"title":5}}"#);
    assert_eq!(refusal.get("field"), Some(&"spec.title".into()));
    let refusal = problem(br#"{"spec":{}}"#);
    assert_eq!(refusal.get("field"), Some(&"spec.title".into()));
    assert!(parse_body::<http::CreateRoom>(br#"{"spec":{"title":"T"}}"#).is_ok());
}
