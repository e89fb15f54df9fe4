//! Flash sales, run by a shop's system or by a streamer.

use hawker_domain::Role;
use serde_json::{Value, json};

use crate::bench::{ask, bench, lasting_token};

pub(crate) fn flash(units: u32) -> Value {
    json!({ "sale": "s1", "spec": { "title": "Flash", "items": [
        { "sku": "mug-red", "total": units, "per_buyer": 2, "price_minor": 900 }
    ] } })
}

#[tokio::test(start_paused = true)]
async fn a_sale_runs_from_draft_to_ended_and_its_stock_comes_home() {
    let bench = bench().await;
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/start")).await.ok();
    let created = bench.send(ask("POST", "/v1/shops/acme/sales").json(flash(10))).await;
    assert_eq!((created.status.as_u16(), &created.body["sale"]["state"]), (201, &json!("draft")));
    let change = json!({ "totals": [{ "sku": "mug-red", "total": 20 }] });
    let changed = bench.send(ask("PATCH", "/v1/shops/acme/sales/s1").json(change)).await.ok();
    assert_eq!(changed["sale"]["items"][0]["total"], 20);
    for (verb, state) in [("announce", "announced"), ("start", "live")] {
        let path = format!("/v1/shops/acme/sales/s1/{verb}");
        let answer = bench.send(ask("POST", &path).by("sue", Role::Streamer)).await.ok();
        assert_eq!(answer["sale"]["state"], state, "{verb}");
    }
    let more = json!({ "sku": "mug-red", "quantity": 5 });
    let path = "/v1/shops/acme/sales/s1/restock";
    let answer = bench.send(ask("POST", path).json(more)).await.ok();
    assert_eq!(answer["sale"]["items"][0]["available"], 25);
    let ended = bench.send(ask("POST", "/v1/shops/acme/sales/s1/end")).await.ok();
    assert_eq!(ended["sale"]["state"], "ended");
    let product = bench.send(ask("GET", "/v1/shops/acme/products/mug")).await.ok();
    assert_eq!(product["skus"][0]["stock"], json!({ "units": 100 }));
}

#[tokio::test(start_paused = true)]
async fn sales_are_listed_by_state_and_room() {
    let bench = bench().await;
    bench.send(ask("POST", "/v1/shops/acme/sales").json(flash(10))).await.ok();
    for (query, count) in [
        ("", 1),
        ("?state=draft", 1),
        ("?state=live", 0),
        ("?room=r1", 1),
        ("?room=r1&state=live", 0),
    ] {
        let path = format!("/v1/shops/acme/sales{query}");
        let list = bench.send(ask("GET", &path)).await.ok();
        assert_eq!(list["sales"].as_array().unwrap().len(), count, "{query}");
    }
    let sale = bench.send(ask("GET", "/v1/shops/acme/sales/s1")).await.ok();
    assert_eq!(sale["sale"]["title"], "Flash");
}

#[tokio::test(start_paused = true)]
async fn an_archived_sale_is_listed_no_more_and_still_shown() {
    let bench = bench().await;
    bench.send(ask("POST", "/v1/shops/acme/sales").json(flash(10))).await.ok();
    let cancelled = bench.send(ask("POST", "/v1/shops/acme/sales/s1/cancel")).await.ok();
    tokio::time::advance(std::time::Duration::from_secs(8 * 86_400)).await;
    let late = |method, path: &str| ask(method, path).token(lasting_token());
    let list = bench.send(late("GET", "/v1/shops/acme/sales")).await.ok();
    assert_eq!(list["sales"], json!([]));
    let shown = bench.send(late("GET", "/v1/shops/acme/sales/s1")).await.ok();
    assert_eq!(shown, cancelled);
    bench.send(late("GET", "/v1/shops/acme/sales/s2")).await.refused(404, "sale_unknown");
    bench.send(late("POST", "/v1/shops/acme/sales/s1/end")).await.refused(404, "sale_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_draws_its_first_claims_promises_its_seed_at_once() {
    let bench = bench().await;
    let mut drawn = flash(10);
    drawn["spec"]["draw_window_ms"] = json!(2_000);
    let create = || ask("POST", "/v1/shops/acme/sales").json(drawn.clone()).key("k1");
    let created = bench.send(create()).await.ok();
    let draw = &created["sale"]["draw"];
    assert_eq!((&draw["window_ms"], &draw["seed"]), (&json!(2_000), &Value::Null));
    assert_eq!(draw["seed_hash"].as_str().unwrap().len(), 64);
    assert_eq!(bench.send(create()).await.ok(), created, "one seed, however often it is asked");
    let shown = bench.send(ask("GET", "/v1/shops/acme/sales/s1")).await.ok();
    assert_eq!(shown, created);
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_cannot_be_is_refused_with_its_reason() {
    let bench = bench().await;
    let path = "/v1/shops/acme/sales";
    let mut unknown = flash(1);
    unknown["spec"]["items"][0]["sku"] = json!("cup");
    bench.send(ask("POST", path).json(unknown)).await.refused(404, "sku_unknown");
    bench.send(ask("POST", path).json(flash(101))).await.ok();
    bench.send(ask("POST", path).json(flash(1))).await.refused(409, "sale_exists");
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/start")).await.ok();
    let start = bench.send(ask("POST", "/v1/shops/acme/sales/s1/start")).await;
    assert_eq!(start.refused(409, "stock_short")["free"], 100);
    let restock = json!({ "sku": "mug-red", "quantity": 1 });
    let answer = bench.send(ask("POST", "/v1/shops/acme/sales/s1/restock").json(restock)).await;
    answer.refused(409, "sale_not_ready");
    let cancelled = bench.send(ask("POST", "/v1/shops/acme/sales/s1/cancel")).await.ok();
    assert_eq!(cancelled["sale"]["state"], "cancelled");
    bench.send(ask("POST", "/v1/shops/acme/sales/s1/end")).await.refused(409, "sale_not_ready");
}
