//! The streamer's verbs of a room.

use hawker_domain::Role;
use hawker_domain::command::RoomCommand;
use hawker_domain::id::{CommentId, RoomId};
use serde_json::{Value, json};

use crate::bench::{Asking, ask, bench};

fn room(method: &str, rest: &str) -> Asking {
    ask(method, &format!("/v1/shops/acme/rooms/r1{rest}"))
}

#[tokio::test(start_paused = true)]
async fn a_room_runs_from_scheduled_to_ended() {
    let bench = bench().await;
    bench.send(room("POST", "/pause")).await.refused(409, "room_not_ready");
    for (verb, state) in
        [("start", "live"), ("pause", "paused"), ("resume", "live"), ("end", "ended")]
    {
        let answer = bench.send(room("POST", &format!("/{verb}"))).await.ok();
        assert_eq!(answer["room"]["state"], state, "{verb}");
        assert_eq!(bench.send(room("GET", "")).await.ok(), answer);
    }
    bench.send(room("POST", "/start")).await.refused(409, "room_ended");
}

#[tokio::test(start_paused = true)]
async fn rooms_are_listed_by_state() {
    let bench = bench().await;
    let second = json!({ "room": "r2", "spec": { "title": "Cups" } });
    bench.send(ask("POST", "/v1/shops/acme/rooms").json(second)).await.ok();
    bench.send(room("POST", "/start")).await.ok();
    for (query, expected) in
        [("", vec!["r1", "r2"]), ("?state=live", vec!["r1"]), ("?state=ended", vec![])]
    {
        let path = format!("/v1/shops/acme/rooms{query}");
        let list = bench.send(ask("GET", &path)).await.ok();
        let ids: Vec<&str> = rooms(&list).collect();
        assert_eq!(ids, expected, "{query}");
    }
    let taken = json!({ "room": "r2", "spec": { "title": "Cups" } });
    let answer = bench.send(ask("POST", "/v1/shops/acme/rooms").json(taken)).await;
    answer.refused(409, "room_exists");
}

fn rooms(list: &Value) -> impl Iterator<Item = &str> {
    list["rooms"].as_array().unwrap().iter().map(|room| room["room"].as_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_streamer_fills_the_bag_and_pins_from_it() {
    let bench = bench().await;
    let by_sue = |asking: Asking| asking.by("sue", Role::Streamer);
    let bag = json!({ "products": ["mug"] });
    let answer = bench.send(by_sue(room("PUT", "/bag").json(bag))).await.ok();
    assert_eq!(answer["room"]["bag"], json!(["mug"]));
    bench.send(by_sue(room("POST", "/start"))).await.ok();
    let pin = json!({ "sku": "mug-red" });
    let answer = bench.send(by_sue(room("PUT", "/pin").json(pin))).await.ok();
    assert_eq!(answer["room"]["pinned"]["sku"], "mug-red");
    let answer = bench.send(by_sue(room("DELETE", "/pin"))).await.ok();
    assert_eq!(answer["room"]["pinned"], Value::Null);
    bench.send(by_sue(room("DELETE", "/pin"))).await.refused(409, "nothing_pinned");
    let none = json!({ "products": ["cup"] });
    bench.send(room("PUT", "/bag").json(none)).await.refused(404, "product_unknown");
    let none = json!({ "sku": "cup" });
    bench.send(room("PUT", "/pin").json(none)).await.refused(404, "sku_unknown");
    let empty = json!({ "stock": { "units": 0 } });
    bench.send(ask("PUT", "/v1/shops/acme/skus/mug-red/stock").json(empty)).await.ok();
    let gone = json!({ "sku": "mug-red" });
    bench.send(room("PUT", "/pin").json(gone)).await.refused(409, "out_of_stock");
}

#[tokio::test(start_paused = true)]
async fn a_room_is_moderated() {
    let bench = bench().await;
    bench.send(room("POST", "/start")).await.ok();
    let slow = json!({ "interval_ms": 5_000 });
    let answer = bench.send(room("PUT", "/slow-mode").json(slow)).await.ok();
    assert_eq!(answer["room"]["slow_mode_ms"], 5_000);
    let words = json!({ "keywords": ["fake"] });
    let answer = bench.send(room("PUT", "/keywords").json(words)).await.ok();
    assert_eq!(answer, json!({ "room": "r1", "keywords": ["fake"] }));
    for kind in ["mutes", "bans"] {
        let path = format!("/{kind}/bob");
        let forever = bench.send(room("PUT", &path)).await.ok();
        assert_eq!(forever, json!({ "room": "r1", "user": "bob" }));
        let nothing = bench.send(room("PUT", &path).json(Value::Null)).await.ok();
        assert_eq!(nothing, forever);
        let until = bench.now() + 60_000;
        let body = json!({ "for_ms": 60_000 });
        let answer = bench.send(room("PUT", &path).json(body)).await.ok();
        assert_eq!(answer["until"], until);
        assert_eq!(bench.send(room("DELETE", &path)).await.ok(), json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_is_taken_away() {
    let bench = bench().await;
    bench.send(room("POST", "/start")).await.ok();
    let comment = RoomCommand::Comment {
        room: RoomId::parse("r1").unwrap(),
        comment: CommentId::parse("c1").unwrap(),
        name: "Ann".to_owned(),
        text: "hello".to_owned(),
    };
    bench.as_buyer("ann", comment).await;
    assert_eq!(bench.send(room("DELETE", "/comments/c1")).await.ok(), json!({}));
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_shows_the_rooms_figures() {
    let bench = bench().await;
    bench.send(room("POST", "/start")).await.ok();
    let board = bench.send(room("GET", "/dashboard").by("sue", Role::Streamer)).await.ok();
    assert_eq!((&board["room"], &board["currency"]), (&json!("r1"), &json!("USD")));
    assert_eq!(board["revenue_paid_minor"], 0);
}
