//! Lucky draws: started by a streamer, drawn, computed again, and their prizes sent.

use std::time::Duration;

use hawker_domain::Role;
use hawker_domain::id::{RoomId, UserId};
use hawker_domain::shop::{Pulse, Seen, WatchMark, lot};
use hawker_domain::time::Millis;
use serde_json::{Value, json};

use crate::bench::{Asking, Bench, acme, bench, lasting_token};
use crate::desk::in_acme;

fn spec(winners: u32) -> Value {
    json!({ "room": "r1", "title": "A mug", "winners": winners, "run_ms": 10_000 })
}

fn starting(draw: &str, spec: Value) -> Asking {
    in_acme("POST", "draws").json(json!({ "draw": draw, "spec": spec }))
}

/// The room is on air and the shop may draw.
async fn ready() -> Bench {
    let bench = bench().await;
    bench.send(in_acme("POST", "rooms/r1/start")).await.ok();
    let allowed = in_acme("PATCH", "capabilities").json(json!({ "lucky_draws": true }));
    bench.send(allowed).await.ok();
    bench
}

/// What the buyer's socket would say: he is there, and takes part.
async fn enter(bench: &Bench, buyer: &str, draw: &str) {
    let mark = WatchMark {
        buyer: UserId::parse(buyer).unwrap(),
        connection: 1,
        at: Millis(bench.now()),
        seen: Seen::Began,
        device: None,
    };
    let pulse = Pulse { marks: vec![mark], ..Pulse::default() };
    bench.engine.pulse(&acme(), &RoomId::parse("r1").unwrap(), pulse);
    let fields = json!({ "type": "draw.enter", "shop": "acme", "draw": draw,
        "command_id": format!("{buyer}-{draw}") });
    bench.over_the_socket(buyer, Role::Buyer, &fields).await.unwrap();
}

async fn says_address(bench: &Bench, buyer: &str, draw: &str) {
    let fields = json!({ "type": "draw.address", "shop": "acme", "draw": draw,
        "command_id": "a1", "address": { "name": "Ann Example", "phone": "+1 555 0100",
        "lines": ["1 Main St"], "city": "Springfield", "postcode": "12345", "country": "US" } });
    bench.over_the_socket(buyer, Role::Buyer, &fields).await.unwrap();
}

async fn drawn(bench: &Bench, draw: &str) -> Value {
    tokio::time::advance(Duration::from_secs(11)).await;
    bench.send(in_acme("POST", &format!("draws/{draw}/close"))).await.ok()["draw"].clone()
}

fn users(list: &Value) -> Vec<UserId> {
    let all = list.as_array().unwrap().iter();
    all.map(|user| UserId::parse(user.as_str().unwrap()).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_winners_follow_from_what_is_published() {
    let bench = ready().await;
    let created = bench.send(starting("d1", spec(2)).by("sue", Role::Streamer)).await;
    assert_eq!((created.status.as_u16(), &created.body["draw"]["state"]), (201, &json!("running")));
    let hash = created.body["draw"]["seed_hash"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 64);
    for buyer in ["cat", "ann", "bob"] {
        enter(&bench, buyer, "d1").await;
    }
    let running = bench.send(in_acme("GET", "draws/d1")).await.ok();
    assert_eq!((&running["draw"]["entries"], &running["eligible"]), (&json!(3), &json!([])));
    assert_eq!(running["draw"]["seed"], Value::Null);
    let early = bench.send(in_acme("POST", "draws/d1/close")).await;
    assert_eq!(early.refused(409, "draw_not_ready")["state"], "running");

    assert_eq!(drawn(&bench, "d1").await["state"], "drawn");
    let detail = bench.send(in_acme("GET", "draws/d1")).await.ok();
    assert_eq!(users(&detail["eligible"]), users(&json!(["ann", "bob", "cat"])));
    let seed = lot::seed_from_hex(detail["draw"]["seed"].as_str().unwrap()).unwrap();
    assert_eq!(lot::seed_hash(&seed), hash);
    let winners: Vec<_> = detail["draw"]["winners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["buyer"].clone())
        .collect();
    assert_eq!(users(&json!(winners)), lot::ranked(&seed, &users(&detail["eligible"]))[..2]);
    let version = bench.version().await;
    let again = bench.send(in_acme("POST", "draws/d1/close")).await.ok();
    assert_eq!((&again["draw"], bench.version().await), (&detail["draw"], version));
}

#[tokio::test(start_paused = true)]
async fn who_wins_too_often_is_passed_over_and_the_list_says_so() {
    let bench = ready().await;
    for draw in ["d1", "d2"] {
        bench.send(starting(draw, spec(1))).await.ok();
        enter(&bench, "ann", draw).await;
        drawn(&bench, draw).await;
    }
    let second = bench.send(in_acme("GET", "draws/d2")).await.ok();
    assert_eq!(second["passed_over"], json!(["ann"]));
    assert_eq!(second["draw"]["winners"], json!([]));
    assert_eq!(second["draw"]["state"], "done");
}

#[tokio::test(start_paused = true)]
async fn prizes_are_sent_to_those_who_said_where_until_they_are_erased() {
    let bench = ready().await;
    bench.send(starting("d1", spec(2))).await.ok();
    enter(&bench, "ann", "d1").await;
    enter(&bench, "bob", "d1").await;
    let prizes = || in_acme("GET", "draws/d1/prizes").by("max", Role::Manager);
    assert_eq!(bench.send(prizes()).await.ok(), json!({ "prizes": [] }));
    drawn(&bench, "d1").await;
    says_address(&bench, "ann", "d1").await;
    let list = bench.send(prizes()).await.ok();
    let of = |buyer: &str, list: &Value| {
        let mut all = list["prizes"].as_array().unwrap().iter();
        all.find(|prize| prize["buyer"] == buyer).unwrap().clone()
    };
    let won = of("ann", &list);
    assert_eq!(won["state"], json!({ "kind": "claimed" }));
    assert_eq!(won["address"]["city"], "Springfield");
    let waits = of("bob", &list);
    assert_eq!((&waits["state"]["kind"], &waits["address"]), (&json!("open"), &Value::Null));
    bench.send(in_acme("DELETE", "buyers/ann")).await.ok();
    let list = bench.send(prizes()).await.ok();
    assert_eq!(of("ann", &list)["address"], Value::Null);
    let feed = bench.send(in_acme("GET", "events")).await.ok().to_string();
    assert!(feed.contains("draw_revealed") && feed.contains("prize_claimed"), "{feed}");
    assert!(!feed.contains("Springfield"), "{feed}");
}

#[tokio::test(start_paused = true)]
async fn draws_are_listed_by_room_and_state_and_shown_however_old() {
    let bench = ready().await;
    let other = json!({ "room": "r2", "spec": { "title": "Cups", "streamer": "sue" } });
    bench.send(in_acme("POST", "rooms").json(other)).await.ok();
    bench.send(in_acme("POST", "rooms/r2/start")).await.ok();
    bench.send(starting("d1", spec(1))).await.ok();
    let mut elsewhere = spec(1);
    elsewhere["room"] = json!("r2");
    elsewhere["run_ms"] = json!(60_000);
    bench.send(starting("d2", elsewhere)).await.ok();
    drawn(&bench, "d1").await;
    for (query, found) in [
        ("", vec!["d2"]),
        ("?room=r1", vec![]),
        ("?state=running", vec!["d2"]),
        ("?state=done&room=r1", vec!["d1"]),
        ("?state=closed", vec![]),
    ] {
        let list = bench.send(in_acme("GET", &format!("draws{query}"))).await.ok();
        let all = list["draws"].as_array().unwrap().iter();
        let mut draws: Vec<_> = all.map(|draw| draw["draw"].as_str().unwrap()).collect();
        draws.sort_unstable();
        assert_eq!(draws, found, "{query}");
    }
    let last = bench.send(in_acme("GET", "draws/d1")).await.ok();
    tokio::time::advance(Duration::from_secs(8 * 86_400)).await;
    let late = |path: &str| in_acme("GET", path).token(lasting_token());
    let list = bench.send(late("draws?state=done")).await.ok();
    assert_eq!(list["draws"], json!([]));
    assert_eq!(bench.send(late("draws/d1")).await.ok(), last);
    assert_eq!(bench.send(late("draws/d1/prizes")).await.ok(), json!({ "prizes": [] }));
    for path in ["draws/d9", "draws/d9/prizes"] {
        bench.send(late(path)).await.refused(404, "draw_unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draw_that_cannot_be_is_refused_with_its_reason() {
    let bench = bench().await;
    let early = bench.send(starting("d1", spec(1))).await;
    assert_eq!(early.refused(403, "not_capable")["capability"], "lucky_draws");
    let allowed = in_acme("PATCH", "capabilities").json(json!({ "lucky_draws": true }));
    bench.send(allowed).await.ok();
    let asleep = bench.send(starting("d1", spec(1))).await;
    assert_eq!(asleep.refused(409, "room_not_ready")["state"], "scheduled");
    bench.send(in_acme("POST", "rooms/r1/start")).await.ok();
    let with = |field: &str, value: Value| {
        let mut spec = spec(1);
        spec[field] = value;
        starting("d1", spec)
    };
    bench.send(with("room", json!("r9"))).await.refused(404, "room_unknown");
    for (field, value) in [("run_ms", json!(9_999)), ("address_ms", json!(3_599_999))] {
        let refused = bench.send(with(field, value)).await;
        assert_eq!(refused.refused(400, "invalid_request")["field"], field);
    }
    bench.send(starting("d1", spec(1))).await.ok();
    let beside = bench.send(starting("d2", spec(1))).await;
    assert_eq!(beside.refused(409, "draw_running")["draw"], "d1");
    bench.send(starting("d1", spec(1))).await.refused(409, "draw_exists");
    bench.send(in_acme("POST", "draws/d9/close")).await.refused(404, "draw_unknown");
    let stranger = bench.send(starting("d3", spec(1)).by("tom", Role::Streamer)).await;
    assert_eq!(stranger.refused(403, "forbidden")["needed"], "manager");
}
