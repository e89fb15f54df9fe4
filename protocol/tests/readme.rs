//! The tables of the README list exactly the codes there are, and its examples are real messages.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::fmt::Write;

use hawker_protocol::codec::{parse_frame, read_line};
use hawker_protocol::{CloseCode, Code};

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn code_table() -> String {
    let mut table = "| code | HTTP | retry | meaning |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let retry = if code.retryable() { "yes" } else { "" };
        let (text, status, doc) = (code.as_str(), code.http_status(), code.doc());
        writeln!(table, "| `{text}` | {status} | {retry} | {doc} |").unwrap();
    }
    table
}

fn close_table() -> String {
    let mut table = "| code | reconnect | reason |\n|---|---|---|\n".to_owned();
    for code in CloseCode::ALL {
        let reconnect = if code.may_reconnect() { "yes" } else { "" };
        writeln!(table, "| {} | {reconnect} | {} |", code.number(), code.reason()).unwrap();
    }
    table
}

/// `text` with `table` between the marker and the next end.
fn with_table(text: &str, marker: &str, table: &str) -> String {
    let start = text.find(marker).unwrap() + marker.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    format!("{}\n{table}{}", &text[..start], &text[end..])
}

#[test]
fn the_readme_lists_every_refusal_and_close_code() {
    let text = std::fs::read_to_string(path()).unwrap();
    let current =
        with_table(&text, "<!-- codes: kept current by tests/readme.rs -->", &code_table());
    let current = with_table(
        &current,
        "<!-- close codes: kept current by tests/readme.rs -->",
        &close_table(),
    );
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path(), current).unwrap();
        return;
    }
    assert!(text == current, "run UPDATE_EXPECT=1 cargo test -p hawker-protocol --test readme");
}

#[test]
fn the_readme_shows_requests_that_are_understood() {
    let text = std::fs::read_to_string(path()).unwrap();
    let requests: Vec<&str> = text.lines().filter(|line| line.starts_with(r#"{"id":"#)).collect();
    assert_eq!(requests.len(), 13);
    for line in requests {
        assert!(parse_frame(line).all(|parsed| parsed.is_ok()), "{line}");
    }
    for line in text.lines().filter(|line| line.starts_with(r#"{"re":"#)) {
        read_line(line).expect(line);
    }
    // The room's push is shortened there.
    let whole = |line: &&str| line.starts_with(r#"{"type":"#) && !line.contains("room.stock");
    let pushes: Vec<_> = text.lines().filter(whole).collect();
    assert_eq!(pushes.len(), 3);
    for line in pushes {
        assert!(read_line(line).unwrap().push().unwrap().is_some(), "{line}");
    }
}
