//! Asking again under the same key.

use hawker_domain::Role;
use hawker_protocol::Code;
use serde_json::json;

use crate::bench::{ask, bench};
use crate::campaigns::two_off;
use crate::sales::flash;

#[tokio::test(start_paused = true)]
async fn the_same_request_under_the_same_key_is_answered_alike_and_done_once() {
    let bench = bench().await;
    let settings = json!({ "name": "New", "settings": { "waitlist_factor": 4 } });
    let stock = json!({ "delta": -1 });
    let unnamed = json!({ "spec": { "title": "A room without an id" } });
    let mut sale = flash(3);
    sale.as_object_mut().unwrap().remove("sale");
    let mut campaign = two_off("c1");
    campaign.as_object_mut().unwrap().remove("campaign");
    let rule = json!({ "title": "Sale", "effect": { "kind": "product_discount", "off_bps": 100 } });
    let draw =
        json!({ "spec": { "room": "r1", "title": "A mug", "winners": 1, "run_ms": 10_000 } });
    for (index, (method, path, body)) in [
        ("PATCH", "/v1/shops/acme", settings),
        ("POST", "/v1/shops/acme/skus/mug-red/stock/adjust", stock),
        ("POST", "/v1/shops/acme/rooms", unnamed),
        ("POST", "/v1/shops/acme/sales", sale),
        ("POST", "/v1/shops/acme/rooms/r1/start", json!({})),
        ("POST", "/v1/shops/acme/campaigns", campaign),
        ("PUT", "/v1/shops/acme/price-rules/p1", rule),
        ("PUT", "/v1/shops/acme/stacking", json!({ "forbidden": [["flash", "shipping"]] })),
        ("PATCH", "/v1/shops/acme/capabilities", json!({ "lucky_draws": true })),
        ("POST", "/v1/shops/acme/draws", draw),
        ("DELETE", "/v1/shops/acme/buyers/ann", json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let asking = || ask(method, path).json(body.clone()).key(&format!("k{index}"));
        let first = bench.send(asking()).await;
        let version = bench.version().await;
        let second = bench.send(asking()).await;
        assert_eq!((first.status, &first.body), (second.status, &second.body), "{path}");
        first.ok();
        assert_eq!(bench.version().await, version, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_key_each_request_is_another_one() {
    let bench = bench().await;
    let adjust =
        || ask("POST", "/v1/shops/acme/skus/mug-red/stock/adjust").json(json!({ "delta": -1 }));
    bench.send(adjust()).await.ok();
    assert_eq!(bench.send(adjust()).await.ok()["stock"], json!({ "units": 98 }));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_took_too_long_may_be_done_and_its_key_tells() {
    let bench = bench().await;
    let faults = bench.memory.faults();
    let adjust = || {
        let path = "/v1/shops/acme/skus/mug-red/stock/adjust";
        ask("POST", path).json(json!({ "delta": -1 })).key("k1")
    };
    faults.hold_appends();
    bench.send(adjust()).await.refused(503, Code::UnknownOutcome.as_str());
    faults.release_appends();
    assert_eq!(bench.send(adjust()).await.ok()["stock"], json!({ "units": 99 }));
}

#[tokio::test(start_paused = true)]
async fn another_request_under_a_used_key_is_a_conflict() {
    let bench = bench().await;
    let adjust = "/v1/shops/acme/skus/mug-red/stock/adjust";
    bench.send(ask("POST", adjust).json(json!({ "delta": -1 })).key("k1")).await.ok();
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/start").key("k2")).await.ok();
    let version = bench.version().await;
    for (asking, key) in [
        (ask("POST", adjust).json(json!({ "delta": -2 })), "k1"),
        (ask("PATCH", "/v1/shops/acme").json(json!({ "name": "Other" })), "k1"),
        (ask("POST", "/v1/shops/acme/rooms/r1/start"), "k1"),
        (ask("POST", adjust).json(json!({ "delta": -1 })), "k2"),
    ] {
        bench.send(asking.key(key)).await.refused(409, "idempotency_conflict");
    }
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_change_is_not_the_change() {
    let bench = bench().await;
    let patch = |body| ask("PATCH", "/v1/shops/acme").json(body).key("k1");
    let settings = json!({ "settings": { "waitlist_factor": 4 } });
    bench.send(patch(settings.clone())).await.ok();
    let mut both = settings;
    both["name"] = json!("New");
    bench.send(patch(both)).await.refused(409, "idempotency_conflict");
    let shop = bench.send(ask("GET", "/v1/shops/acme")).await.ok();
    assert_eq!(shop["shop"]["name"], "Acme");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_decided_afresh_under_the_same_key() {
    let bench = bench().await;
    let adjust = || {
        let path = "/v1/shops/acme/skus/mug-red/stock/adjust";
        ask("POST", path).json(json!({ "delta": -101 })).key("k1")
    };
    bench.send(adjust()).await.refused(409, "stock_short");
    let stock = json!({ "stock": { "units": 101 } });
    bench.send(ask("PUT", "/v1/shops/acme/skus/mug-red/stock").json(stock)).await.ok();
    assert_eq!(bench.send(adjust()).await.ok()["stock"], json!({ "units": 0 }));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_names_is_made_once_over_the_socket_too() {
    let bench = bench().await;
    let item = json!({ "sku": "mug-red", "total": 3, "per_buyer": 1, "price_minor": 900 });
    let campaign = two_off("unused")["spec"].clone();
    let rule = json!({ "title": "A rule without an id",
        "effect": { "kind": "product_discount", "off_bps": 100 } });
    for (kind, made, spec) in [
        ("room.create", "room", json!({ "title": "A room without an id" })),
        ("coupon.create", "campaign", campaign),
        ("price.rule_set", "rule", rule),
        ("sale.create", "sale", json!({ "title": "A sale without an id", "items": [item] })),
    ] {
        let fields = json!({ "type": kind, "shop": "acme", "command_id": made, "spec": spec });
        let ask = || bench.over_the_socket("sue", Role::Manager, &fields);
        let first = serde_json::to_value(ask().await.unwrap()).unwrap();
        let version = bench.version().await;
        assert_eq!(serde_json::to_value(ask().await.unwrap()).unwrap(), first, "{kind}");
        assert_eq!(bench.version().await, version, "{kind}");
        assert_eq!(first[made][made].as_str().unwrap().len(), 32, "{first}");
    }
}
