//! Limits and how connections end: what is refused first, and the code that closes after it.

use std::time::Duration;

use hawker_protocol::{CloseCode, Code};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Next, command_of};
use crate::hawker::{Site, send_raw};
use crate::tokens;

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_ask_again_and_then_closed() {
    let site = Site::new();
    let server = site.start().await;
    let mut ann = server.buyer("ann").await;
    let mut bob = server.buyer("bob").await;
    for round in 0..80 {
        ann.begin("ping", json!({ "t0": round })).await;
    }
    let (mut answered, mut refused) = (0, 0);
    let code = loop {
        match ann.next().await {
            Next::Line(line) if line["ok"].is_object() => answered += 1,
            Next::Line(line) => {
                assert_eq!(line["error"]["code"], Code::RateLimited.as_str(), "{line}");
                let wait_ms = line["error"]["retry_after_ms"].as_u64().unwrap();
                assert!((1..=100).contains(&wait_ms), "{line}");
                refused += 1;
            }
            Next::Closed(code) => break code,
        }
    };
    assert_eq!(code, CloseCode::RateLimited.number());
    assert!(answered >= 30, "the burst: {answered}");
    assert_eq!(refused, 20, "the excesses that are borne");
    bob.ok("ping", json!({ "t0": 1 })).await;
    server.stop().await;
}

#[tokio::test]
async fn who_is_not_understood_twenty_times_is_closed() {
    let site = Site::new();
    let server = site.start().await;
    let mut ann = server.buyer("ann").await;
    for _ in 0..20 {
        ann.send("{").await;
        assert_eq!(ann.reply().await["error"]["code"], "invalid_json");
    }
    assert_eq!(ann.closed().await, CloseCode::TooManyErrors.number());
    server.stop().await;
}

#[tokio::test]
async fn an_address_has_its_share_of_connections() {
    let site = Site::with(&[("HAWKER_LIMITS_CONNECTIONS_PER_ADDRESS_MAX", "2")]);
    let server = site.start().await;
    let (_ann, _bob) = (server.buyer("ann").await, Client::open(server.public).await);
    let more = send_raw(server.public, b"GET /v1/ws HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(more.status, 503, "{more:?}");
    assert_eq!(more.body["error"]["code"], Code::TooManyConnections.as_str());
    assert!(more.head.contains("retry-after: "), "{more:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_account_has_eight_sockets() {
    let site = Site::new();
    let server = site.start().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(server.buyer("ann").await);
    }
    let mut ninth = Client::open(server.public).await;
    let hello = json!({ "token": tokens::buyer("ann") });
    ninth.refused(Code::TooManyConnections.as_str(), "hello", hello).await;
    assert_eq!(ninth.closed().await, CloseCode::TooManySockets.number());
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_runs_out_ends_its_connection_unless_it_is_refreshed() {
    let settings =
        [("HAWKER_AUTH_LEEWAY_MS", "0"), ("HAWKER_LIMITS_TIMEOUTS_REFRESH_GRACE_MS", "0")];
    let site = Site::with(&settings);
    let server = site.start().await;
    let token = |user: &str, until: &str| {
        tokens::of(&[&format!("sub={user}"), &format!("exp=now+{until}")])
    };
    let mut ann = server.identified(&token("ann", "2")).await;
    let mut bob = server.identified(&token("bob", "2")).await;
    let refreshed = bob.ok("refresh", json!({ "token": token("bob", "600") })).await;
    assert!(refreshed["expires_at"].is_u64());
    assert_eq!(ann.closed().await, CloseCode::TokenExpired.number());
    bob.ok("ping", json!({ "t0": 1 })).await;
    server.stop().await;
}

#[tokio::test]
async fn who_says_nothing_or_answers_no_ping_is_gone_soon() {
    let settings = [
        ("HAWKER_LIMITS_TIMEOUTS_HELLO_MS", "500"),
        ("HAWKER_LIMITS_TIMEOUTS_PING_MS", "1000"),
        ("HAWKER_LIMITS_TIMEOUTS_PONG_MS", "500"),
    ];
    let site = Site::with(&settings);
    let server = site.start().await;
    let mut ann = server.buyer("ann").await;
    let mut silent = Client::open(server.public).await;
    assert_eq!(silent.closed().await, CloseCode::BadHello.number());
    assert_eq!(ann.closed_without_a_pong().await, CloseCode::NoPong.number());
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_say_hello_properly_or_has_no_good_token_is_closed() {
    let site = Site::new();
    let server = site.start().await;
    let mut early = Client::open(server.public).await;
    early.refused("hello_first", "ping", json!({ "t0": 1 })).await;
    assert_eq!(early.closed().await, CloseCode::BadHello.number());
    let mut forged = Client::open(server.public).await;
    let token = tokens::of(&["key=other"]);
    forged.refused("unauthorized", "hello", json!({ "token": token })).await;
    assert_eq!(forged.closed().await, CloseCode::InvalidToken.number());
    server.stop().await;
}

#[tokio::test]
async fn a_goodbye_is_answered_with_the_same_code() {
    let site = Site::new();
    let server = site.start().await;
    for code in [CloseCode::Normal, CloseCode::GoingAway] {
        let mut ann = server.buyer("ann").await;
        assert_eq!(ann.leave(code.number()).await, code.number());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_is_in_sixteen_rooms_at_most() {
    let site = Site::with(&[("HAWKER_LIMITS_RATES_JOIN_BURST", "100")]);
    let server = site.start().await;
    server.furnish().await;
    let mut ann = server.buyer("ann").await;
    for number in 0..17 {
        let room = json!({ "room": format!("m{number}"), "spec": { "title": "T" } });
        server.set("POST /v1/shops/acme/rooms", room).await;
    }
    let room = |number: u32| json!({ "shop": "acme", "room": format!("m{number}") });
    for number in 0..16 {
        ann.ok("room.join", room(number)).await;
    }
    ann.refused(Code::TooManyInFlight.as_str(), "room.join", room(16)).await;
    ann.ok("room.leave", room(3)).await;
    ann.ok("room.join", room(16)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_reader_who_stopped_reading_is_closed_as_too_slow() {
    let settings = [
        ("HAWKER_LIMITS_TIMEOUTS_SLOW_READER_MS", "500"),
        ("HAWKER_LIMITS_SIZES_OUTBOX_BYTES_MAX", "16384"),
        ("HAWKER_LIMITS_SIZES_SEND_BUFFER_BYTES", "4096"),
        ("HAWKER_HUB_COMMENTS_PER_S", "0"),
        ("HAWKER_LIMITS_RATES_COMMENT_PER_S", "1000000"),
        ("HAWKER_LIMITS_RATES_COMMENT_BURST", "1000000"),
        ("HAWKER_LIMITS_RATES_REQUEST_PER_S", "1000000"),
        ("HAWKER_LIMITS_RATES_REQUEST_BURST", "1000000"),
    ];
    let site = Site::with(&settings);
    let server = site.start().await;
    server.furnish().await;
    let (mut slow, mut bob) = (Client::open_narrow(server.public).await, server.buyer("bob").await);
    slow.hello(&tokens::buyer("slow"), json!([])).await;
    slow.join().await;
    let text = "x".repeat(200);
    // Past the time that a reader may stay behind, and within the time that a goodbye may take.
    let until = Instant::now() + Duration::from_millis(1_500);
    for round in 0.. {
        let said = command_of(&format!("c{round}"), json!({ "room": "r1", "text": text }));
        bob.ok("room.comment", said).await;
        if Instant::now() > until {
            break;
        }
    }
    assert_eq!(slow.closed_without_a_pong().await, CloseCode::TooSlow.number());
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_for() {
    let site = Site::with(&[("HAWKER_LIMITS_TIMEOUTS_REQUEST_MS", "200")]);
    let server = site.start().await;
    let request = b"POST /v1/shops HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    let answer = send_raw(server.public, request).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    assert_eq!(answer.body["error"]["code"], Code::Timeout.as_str());
    assert_eq!(answer.body["error"]["retryable"], Value::from(true));
    server.stop().await;
}
