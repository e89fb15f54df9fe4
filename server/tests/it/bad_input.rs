//! The kept corpus of bad input: every case gets its documented refusal, status or close code,
//! leaves the connection as documented, and changes nothing. The cases are in `tests/corpus`.

use std::net::SocketAddr;
use std::time::Duration;

use hawker_protocol::{CloseCode, Code};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, Next};
use crate::hawker::{Answer, ORIGIN, Server, Site, send, send_raw, soon};
use crate::tokens;

const SOCKET: &str = include_str!("../corpus/socket.txt");
const HTTP: &str = include_str!("../corpus/http.txt");

/// One line of a corpus: `expected | name | what is sent`, under a `[section]`.
#[derive(Debug)]
struct Case {
    line: usize,
    section: &'static str,
    expected: &'static str,
    name: &'static str,
    sent: String,
}

/// What must come back.
#[derive(Debug, Default)]
struct Expected {
    /// An HTTP status, where there is one.
    status: Option<u16>,
    /// The close code; without one the connection stays usable.
    close: Option<u16>,
    code: Option<&'static str>,
    field: Option<&'static str>,
}

fn cases(text: &'static str) -> Vec<Case> {
    let (mut cases, mut section) = (Vec::new(), "");
    for (line, said) in text.lines().enumerate() {
        if let Some(name) = said.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = name;
        } else if !said.is_empty() && !said.starts_with('#') {
            let mut parts = said.splitn(3, " | ");
            let mut part = || parts.next().unwrap_or_default().trim();
            let (expected, name, sent) = (part(), part(), part());
            cases.push(Case { line: line + 1, section, expected, name, sent: expand(sent) });
        }
    }
    cases
}

/// Replaces `«x*65»` by 65 `x`, `«nl»` by a new line, `«token a=b …»` by such a token.
fn expand(text: &str) -> String {
    let mut parts = text.split(['«', '»']);
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let (Some(word), Some(rest)) = (parts.next(), parts.next()) {
        match (word, word.rsplit_once('*'), word.strip_prefix("token")) {
            ("nl", ..) => out.push('\n'),
            ("bom", ..) => out.push('\u{feff}'),
            ("ctrl", ..) => out.push('\u{1}'),
            ("cr", ..) => out.push_str("\r\n"),
            ("zero", ..) => out.push('\0'),
            (_, _, Some(differences)) => {
                out.push_str(&tokens::of(&differences.split_whitespace().collect::<Vec<_>>()));
            }
            (_, Some((piece, times)), _) => out.push_str(&piece.repeat(times.parse().unwrap())),
            _ => panic!("«{word}» means nothing"),
        }
        out.push_str(rest);
    }
    out
}

fn expected(text: &'static str) -> Expected {
    let mut expected = Expected::default();
    for word in text.split_whitespace() {
        match (word.parse::<u16>(), word.split_once('=')) {
            (Ok(number), _) if number < 1_000 => expected.status = Some(number),
            (Ok(number), _) => expected.close = Some(number),
            (_, Some(("field", field))) => expected.field = Some(field),
            _ => expected.code = Some(word),
        }
    }
    expected
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The corpus sends more from one address and as one streamer than people would.
const SETTINGS: &[(&str, &str)] = &[
    ("HAWKER_LIMITS_RATES_REQUEST_PER_S", "1000000"),
    ("HAWKER_LIMITS_RATES_REQUEST_BURST", "1000000"),
    ("HAWKER_LIMITS_CONNECTIONS_PER_USER_MAX", "1000"),
    ("HAWKER_LIMITS_CONNECTIONS_PER_ADDRESS_MAX", "1000"),
    ("HAWKER_LIMITS_RATES_UPLOAD_BURST", "1000000"),
    ("HAWKER_LIMITS_RATES_ADDRESS_PER_S", "1000000"),
    ("HAWKER_LIMITS_RATES_ADDRESS_BURST", "1000000"),
    ("HAWKER_LIMITS_CONNECTIONS_ACCEPTS_PER_S_PER_CORE", "100000"),
];

/// A case that gets no answer is told by its line.
const CASE_MAX: Duration = Duration::from_secs(5);

/// Runs every case and lists those that did not end as documented.
async fn run(text: &'static str, least: usize) {
    let site = Site::with(SETTINGS);
    let server = site.start().await;
    server.furnish().await;
    server.sell(10).await;
    let before = happened(&server).await;
    let cases = cases(text);
    assert!(cases.len() >= least, "{} cases are not {least}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let outcome = tokio::time::timeout(CASE_MAX, outcome(&server, case)).await;
        if let Err(problem) = outcome.unwrap_or(Err("no answer".to_owned())) {
            wrong.push(format!("line {}, {}: {problem}", case.line, case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let after = happened(&server).await;
    let metrics = server.admin("/metrics").await.body.to_string();
    assert!(!metrics.contains(Code::Internal.as_str()), "a mistake of the server's: {metrics}");
    assert_eq!(&after[before.len().min(after.len())..], &[] as &[Value], "nothing happened");
    server.stop().await;
}

/// The shop's history but for the figures of who came: joining is what some cases do first.
async fn happened(server: &Server) -> Vec<Value> {
    let mut events = server.events().await;
    events.retain(|event| event["type"] != "room_counted");
    events
}

async fn outcome(server: &Server, case: &Case) -> Result<(), String> {
    match case.section {
        "http" => on_http(server, case).await,
        "raw" => check_answer(case, &send_raw(server.public, case.sent.as_bytes()).await),
        "handshake" => on_handshake(server.public, case).await,
        _ => on_socket(server, case).await,
    }
}

#[tokio::test]
async fn bad_input_over_the_socket_gets_its_documented_answer_and_changes_nothing() {
    run(SOCKET, 300).await;
}

#[tokio::test]
async fn bad_input_over_http_gets_its_documented_answer_and_changes_nothing() {
    run(HTTP, 100).await;
}

async fn on_socket(server: &Server, case: &Case) -> Result<(), String> {
    let mut client = Client::open(server.public).await;
    let user = format!("u{}", case.line);
    match case.section {
        "stranger" => {}
        "buyer" => drop(client.hello(&tokens::buyer(&user), json!([])).await),
        "joined" => {
            client.hello(&tokens::buyer(&user), json!([])).await;
            client.join().await;
        }
        "streamer" => drop(client.hello(&tokens::staff("sue", "streamer"), json!([])).await),
        "manager" => drop(client.hello(&tokens::staff("mia", "manager"), json!([])).await),
        other => panic!("line {}: there is no section {other}", case.line),
    }
    match case.sent.strip_prefix("@raw ") {
        Some(hex) => client.send_raw(&bytes_of(hex)).await,
        None => client.send(&case.sent).await,
    }
    let outcome = check_socket(&mut client, &expected(case.expected)).await;
    if matches!(outcome, Ok(())) && expected(case.expected).close.is_none() {
        return still_usable(&mut client).await;
    }
    outcome
}

async fn check_socket(client: &mut Client, expected: &Expected) -> Result<(), String> {
    if let Some(code) = expected.code {
        let reply = next_reply(client).await?;
        let error = if code == "ok" { &reply["ok"] } else { &reply["error"] };
        check_refusal(expected, error).map_err(|()| reply.to_string())?;
    }
    let Some(close) = expected.close else { return Ok(()) };
    match client.closed().await {
        code if code == close => Ok(()),
        code if code == CloseCode::Internal.number() => Err("a mistake of the server's".to_owned()),
        code => Err(format!("closed with {code}")),
    }
}

async fn next_reply(client: &mut Client) -> Result<Value, String> {
    loop {
        match client.next().await {
            Next::Line(line) if line["type"].is_string() => {}
            Next::Line(line) => return Ok(line),
            Next::Closed(code) => return Err(format!("closed with {code}")),
        }
    }
}

/// A connection that was refused something goes on.
async fn still_usable(client: &mut Client) -> Result<(), String> {
    client.send(r#"{"id":2147483648,"type":"ping","t0":1}"#).await;
    loop {
        let reply = next_reply(client).await?;
        if reply["re"] == 2_147_483_648_u64 {
            return if reply["ok"]["t0"] == 1 { Ok(()) } else { Err(reply.to_string()) };
        }
    }
}

fn check_refusal(expected: &Expected, error: &Value) -> Result<(), ()> {
    let code = expected.code.unwrap_or_default();
    let fits = match code {
        "ok" => error.is_object(),
        code => error["code"] == code && error["message"].as_str().is_some_and(|it| !it.is_empty()),
    };
    let field = expected.field.is_none_or(|field| error["field"] == field);
    if fits && field { Ok(()) } else { Err(()) }
}

fn check_answer(case: &Case, answer: &Answer) -> Result<(), String> {
    let expected = expected(case.expected);
    let is_json = answer.head.contains("content-type: application/json");
    let refused = check_refusal(&expected, &answer.body["error"]).is_ok();
    let fits = expected.code.is_none() || (is_json && refused);
    if expected.status == Some(answer.status) && fits {
        return Ok(());
    }
    Err(format!("{} {}", answer.status, answer.body))
}

/// `METHOD /path[; header: value…][ | body]`. A header `token: …` is the bearer; without one the
/// shop's own system asks. A body is JSON unless a header says otherwise.
async fn on_http(server: &Server, case: &Case) -> Result<(), String> {
    let (ask, body) = case.sent.split_once(" | ").unwrap_or((&case.sent, ""));
    let mut parts = ask.split("; ");
    let line = parts.next().unwrap_or_default();
    let mut head = String::new();
    for part in parts {
        let (name, value) = part.split_once(':').unwrap_or((part, ""));
        match (name, value.trim()) {
            ("token", "none") => head.push_str("x-nobody: 1\r\n"),
            ("token", token) => head.push_str(&format!("authorization: Bearer {token}\r\n")),
            (name, value) => head.push_str(&format!("{name}: {value}\r\n")),
        }
    }
    if !head.contains("authorization") && !head.contains("x-nobody") {
        let token = tokens::staff("erp", "service");
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if !head.to_lowercase().contains("content-type") && !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    let body = match body.strip_prefix("@raw ") {
        Some(hex) => bytes_of(hex),
        None => body.as_bytes().to_vec(),
    };
    check_answer(case, &send(server.public, line, &head, &body).await)
}

/// `-header` leaves a header of a good handshake out, `header: value` sets or adds one.
async fn on_handshake(to: SocketAddr, case: &Case) -> Result<(), String> {
    let mut headers = vec![
        ("connection", "Upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-version", "13".to_owned()),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
        ("sec-websocket-protocol", "hawker.v1".to_owned()),
        ("origin", ORIGIN.to_owned()),
    ];
    for change in case.sent.split("; ") {
        if let Some(name) = change.strip_prefix('-') {
            headers.retain(|(known, _)| *known != name);
        } else if let Some((name, value)) = change.split_once(':') {
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.trim().to_owned()));
        }
    }
    let lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("GET /v1/ws HTTP/1.1\r\nhost: {to}\r\n{}\r\n", lines.concat());
    match expected(case.expected).close {
        Some(close) => match first_close(to, &head).await {
            Some(code) if code == close => Ok(()),
            other => Err(format!("closed with {other:?}")),
        },
        None => check_answer(case, &send_raw(to, head.as_bytes()).await),
    }
}

/// The close code that follows the answer to a handshake at once.
async fn first_close(to: SocketAddr, head: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let closed = |said: &[u8]| {
        let at = said.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let frame = said.get(at..at + 4)?;
        (frame[0] == 0x88).then(|| u16::from_be_bytes([frame[2], frame[3]]))
    };
    let reading = async {
        while closed(&said).is_none() && stream.read_buf(&mut said).await.unwrap_or(0) > 0 {}
    };
    soon("a close frame", reading).await;
    closed(&said)
}

#[test]
fn the_corpus_has_no_case_twice() {
    for text in [SOCKET, HTTP] {
        let mut seen = std::collections::BTreeSet::new();
        for case in cases(text) {
            assert!(seen.insert((case.section, case.name)), "line {}: {}", case.line, case.name);
        }
    }
}
