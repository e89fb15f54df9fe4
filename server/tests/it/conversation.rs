//! The conversation from a join to a paid order, and what becomes of it when a connection is lost.

use serde_json::{Value, json};

use crate::client::{Client, command_of};
use crate::hawker::{Server, Site};
use crate::tokens;

fn at_red(quantity: u32) -> Value {
    json!({ "room": "r1", "sale": "s1", "sku": "red", "quantity": quantity })
}

pub(crate) fn address() -> Value {
    json!({ "name": "Ann", "phone": "1", "lines": ["1 Main St"], "city": "Springfield",
        "postcode": "12345", "country": "US" })
}

async fn live() -> (Site, Server) {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    (site, server)
}

async fn comment(client: &mut Client, id: &str, text: &str) -> Value {
    client.command("room.comment", id, json!({ "room": "r1", "text": text })).await
}

#[tokio::test]
async fn a_comment_reaches_the_others_and_stands_in_the_next_snapshot() {
    let (_site, server) = live().await;
    let (mut ann, mut bob) = (server.buyer("ann").await, server.buyer("bob").await);
    let joined = ann.join().await;
    assert_eq!(joined["snapshot"]["room"]["state"], "live");
    assert_eq!(joined["snapshot"]["topic"], "room:acme/r1");
    let seen_from = bob.join().await["snapshot"]["seq"].as_u64().unwrap();
    let said = comment(&mut ann, "c1", "<b>hello</b>").await;
    let pushed = bob.push("room.comment", |_| true).await;
    assert_eq!(pushed["comment"], said["comment"]);
    assert_eq!(pushed["comment"]["text"], "<b>hello</b>", "as it was typed");
    assert!(pushed["seq"].as_u64().unwrap() > seen_from);
    let repeated = comment(&mut ann, "c1", "<b>hello</b>").await;
    assert_eq!(repeated["comment"]["comment"], said["comment"]["comment"], "the same comment");
    let mut cat = server.buyer("cat").await;
    let snapshot = cat.join().await["snapshot"].take();
    assert_eq!(snapshot["comments"].as_array().unwrap().len(), 1, "once: {snapshot}");
    server.stop().await;
}

#[tokio::test]
async fn a_sale_is_announced_started_claimed_ordered_and_paid() {
    let (_site, server) = live().await;
    let (mut ann, mut sue) = (server.buyer("ann").await, server.staff("sue", "streamer").await);
    ann.join().await;
    let item = json!({ "sku": "red", "total": 3, "per_buyer": 2, "price_minor": 900 });
    let spec = json!({ "title": "Flash", "items": [item] });
    sue.command("sale.create", "c1", json!({ "sale": "s1", "spec": spec })).await;
    sue.command("sale.announce", "c2", json!({ "sale": "s1" })).await;
    let announced = ann.push("room.sale", |it| it["sale"]["state"] == "announced").await;
    assert!(announced["sale"]["starts_at"].is_u64(), "an absolute time: {announced}");
    let early = command_of("c1", at_red(2));
    let refusal = ann.refused("too_early", "sale.claim", early).await;
    assert_eq!(refusal["starts_at"], announced["sale"]["starts_at"]);
    sue.command("sale.start", "c3", json!({ "sale": "s1" })).await;
    ann.push("room.sale", |it| it["sale"]["state"] == "live").await;

    let reservation = ann.command("sale.claim", "c1", at_red(2)).await["reservation"].take();
    let stock = ann.push("room.stock", |it| it["reserved"] == 2).await;
    assert_eq!((&stock["available"], &stock["sold"]), (&json!(1), &json!(0)));
    let other = command_of("c1", at_red(1));
    ann.refused("idempotency_conflict", "sale.claim", other).await;
    let basket = json!({ "reservations": [reservation["reservation"]] });
    let place = json!({ "basket": basket, "address": address() });
    let order = ann.command("order.place", "c3", place).await["order"].take();
    assert_eq!(order["total_minor"], 1_800);
    let id = order["order"].as_str().unwrap();
    ann.command("order.pay", "c4", json!({ "order": id })).await;
    let path = format!("POST /v1/shops/acme/orders/{id}/payments");
    let payment = |amount: u32| {
        json!({ "payment": "p1", "amount_minor": amount, "currency": "USD",
            "outcome": "succeeded" })
    };
    let (method, target) = path.split_once(' ').unwrap();
    let short = server.http(method, target, payment(1_799)).await;
    assert_eq!((short.status, &short.body["error"]["code"]), (409, &json!("payment_mismatch")));
    assert_eq!(short.body["error"]["expected_minor"], 1_800);
    server.set(&path, payment(1_800)).await;
    server.set(&path, payment(1_800)).await;
    let paid = ann.push("order.changed", |it| it["order"]["state"]["kind"] == "paid").await;
    assert_eq!(paid["order"]["state"]["payment"], "p1");
    ann.push("room.stock", |it| it["sold"] == 2).await;
    let dashboard = json!({ "shop": "acme", "room": "r1" });
    let figures = sue.ok("room.dashboard", dashboard).await;
    assert_eq!((&figures["sold"], &figures["revenue_paid_minor"]), (&json!(2), &json!(1_800)));
    let kinds: Vec<_> = server.events().await.iter().map(|it| it["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "order_paid").count(), 1, "{kinds:?}");
    server.stop().await;
}

/// Where a client stands who has just joined, as `hello.resume` wants it.
fn stand(joined: &Value) -> Value {
    let snapshot = &joined["snapshot"];
    json!({ "topic": snapshot["topic"], "epoch": snapshot["epoch"], "seq": snapshot["seq"],
        "presence": joined["presence"] })
}

#[tokio::test]
async fn a_connection_that_comes_back_in_time_gets_exactly_what_it_missed() {
    let (_site, server) = live().await;
    let (mut ann, mut bob) = (server.buyer("ann").await, server.buyer("bob").await);
    let at = stand(&ann.join().await);
    bob.join().await;
    drop(ann);
    for id in ["c1", "c2", "c3"] {
        comment(&mut bob, id, id).await;
    }
    bob.push("room.comment", |it| it["comment"]["text"] == "c3").await;
    let mut again = Client::open(server.public).await;
    let welcome = again.hello(&tokens::buyer("ann"), json!([at])).await;
    let resumed = &welcome["resumed"][0];
    assert_eq!(resumed["recovered"], true, "{resumed}");
    let missed = resumed["missed"].as_array().unwrap();
    let seqs: Vec<_> = missed.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    let from = at["seq"].as_u64().unwrap();
    let expected: Vec<_> = (from + 1..=from + seqs.len() as u64).collect();
    assert_eq!(seqs, expected, "without a gap");
    let comments = missed.iter().filter(|it| it["type"] == "room.comment");
    let texts: Vec<_> = comments.map(|it| it["comment"]["text"].clone()).collect();
    assert_eq!(texts, ["c1", "c2", "c3"]);
    comment(&mut bob, "c4", "c4").await;
    let next = again.push("room.comment", |_| true).await;
    assert_eq!(next["comment"]["text"], "c4", "and it goes on");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_comes_back_too_late_gets_a_snapshot() {
    let settings = [
        ("HAWKER_HUB_RING_MESSAGES", "16"),
        ("HAWKER_HUB_COMMENTS_PER_S", "0"),
        ("HAWKER_LIMITS_RATES_COMMENT_BURST", "100"),
        ("HAWKER_LIMITS_RATES_REQUEST_BURST", "100"),
    ];
    let site = Site::with(&settings);
    let server = site.start().await;
    server.furnish().await;
    let (mut ann, mut bob) = (server.buyer("ann").await, server.buyer("bob").await);
    let at = stand(&ann.join().await);
    bob.join().await;
    drop(ann);
    for round in 0..40 {
        comment(&mut bob, &format!("c{round}"), &format!("{round}")).await;
    }
    bob.push("room.comment", |it| it["comment"]["text"] == "39").await;
    let mut other_epoch = at.clone();
    other_epoch["epoch"] = Value::from("0");
    for at in [at, other_epoch] {
        let mut again = Client::open(server.public).await;
        let welcome = again.hello(&tokens::buyer("ann"), json!([at])).await;
        let resumed = &welcome["resumed"][0];
        assert_eq!(resumed["recovered"], false, "{resumed}");
        assert!(resumed["missed"].is_null(), "all or nothing");
        let comments = resumed["snapshot"]["comments"].as_array().unwrap();
        assert_eq!(comments.last().unwrap()["text"], "39");
    }
    let mut nowhere = Client::open(server.public).await;
    let at = json!([{ "topic": "room:acme/none", "epoch": "1", "seq": 1 }]);
    let welcome = nowhere.hello(&tokens::buyer("ann"), at).await;
    assert_eq!(welcome["resumed"][0]["error"]["code"], "room_unknown");
    server.stop().await;
}

#[tokio::test]
async fn a_ban_sends_its_user_out_of_the_room_and_keeps_him_out() {
    let (_site, server) = live().await;
    let (mut ann, mut bob) = (server.buyer("ann").await, server.buyer("bob").await);
    let mut sue = server.staff("sue", "streamer").await;
    let at = stand(&ann.join().await);
    bob.join().await;
    sue.command("room.ban", "c1", json!({ "room": "r1", "user": "ann" })).await;
    let banned = ann.push("room.banned", |_| true).await;
    assert_eq!((&banned["shop"], &banned["room"]), (&json!("acme"), &json!("r1")));
    let text = command_of("c1", json!({ "room": "r1", "text": "still here?" }));
    ann.refused("banned", "room.comment", text).await;
    ann.refused("banned", "room.join", json!({ "shop": "acme", "room": "r1" })).await;
    comment(&mut bob, "c1", "quiet now").await;
    bob.push("room.comment", |_| true).await;
    let mut again = Client::open(server.public).await;
    let welcome = again.hello(&tokens::buyer("ann"), json!([at])).await;
    assert_eq!(welcome["resumed"][0]["error"]["code"], "banned");
    sue.command("room.unban", "c2", json!({ "room": "r1", "user": "ann" })).await;
    again.join().await;
    server.stop().await;
}
