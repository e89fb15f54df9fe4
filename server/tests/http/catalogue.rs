//! Shops, products, stock, staff and buyers.

use hawker_domain::Role;
use serde_json::json;

use crate::bench::{ask, bench, empty, mug};

#[tokio::test(start_paused = true)]
async fn a_shop_is_created_read_and_changed() {
    let bench = empty();
    let body = json!({ "shop": "acme", "name": "Acme", "currency": "USD",
        "settings": { "reservation_hold_ms": 60_000 } });
    let created = bench.send(ask("POST", "/v1/shops").json(body.clone())).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["shop"]["settings"]["reservation_hold_ms"], 60_000);
    bench.send(ask("POST", "/v1/shops").json(body)).await.refused(409, "shop_exists");
    let change = json!({ "name": "Acme 2", "settings": { "waitlist_factor": 3 } });
    let changed = bench.send(ask("PATCH", "/v1/shops/acme").json(change)).await.ok();
    assert_eq!(changed["shop"]["name"], "Acme 2");
    assert_eq!(changed["shop"]["settings"]["waitlist_factor"], 3);
    assert_eq!(changed["shop"]["settings"]["reservation_hold_ms"], 60_000, "what is absent stays");
    assert_eq!(bench.send(ask("GET", "/v1/shops/acme")).await.ok(), changed);
    let version = bench.version().await;
    let same = bench.send(ask("PATCH", "/v1/shops/acme").json(json!({}))).await.ok();
    assert_eq!((same, bench.version().await), (changed, version));
}

#[tokio::test(start_paused = true)]
async fn of_a_change_that_cannot_be_done_as_a_whole_nothing_is_done() {
    let bench = bench().await;
    let version = bench.version().await;
    for change in [
        json!({ "name": " ", "settings": { "waitlist_factor": 3 } }),
        json!({ "name": "New", "settings": { "waitlist_factor": 101 } }),
    ] {
        let answer = bench.send(ask("PATCH", "/v1/shops/acme").json(change)).await;
        answer.refused(400, "invalid_request");
    }
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn a_product_is_put_and_its_stock_is_set_and_adjusted() {
    let bench = bench().await;
    let path = "/v1/shops/acme/skus/mug-red/stock";
    let set = bench.send(ask("PUT", path).json(json!({ "stock": { "units": 7 } }))).await.ok();
    assert_eq!((&set["sku"], &set["product"]), (&json!("mug-red"), &json!("mug")));
    assert_eq!(set["stock"], json!({ "units": 7 }));
    let adjust = format!("{path}/adjust");
    let less = bench.send(ask("POST", &adjust).json(json!({ "delta": -3 }))).await.ok();
    assert_eq!(less["stock"], json!({ "units": 4 }));
    assert!(less["version"].as_u64() > set["version"].as_u64());
    let short = bench.send(ask("POST", &adjust).json(json!({ "delta": -5 }))).await;
    assert_eq!(short.refused(409, "stock_short")["free"], 4);
    let free = bench.send(ask("PUT", path).json(json!({ "stock": "unlimited" }))).await.ok();
    assert_eq!(free["stock"], "unlimited");
    let product = bench.send(ask("GET", "/v1/shops/acme/products/mug")).await.ok();
    assert_eq!(product["skus"][0]["stock"], "unlimited");
    assert_eq!(product["currency"], "USD");
    let all = bench.send(ask("GET", "/v1/shops/acme/products")).await.ok();
    assert_eq!(all["products"], json!([product]));
}

#[tokio::test(start_paused = true)]
async fn the_stock_of_a_sku_that_its_product_no_longer_names_can_still_be_set() {
    let bench = bench().await;
    let mut other = mug();
    other["skus"][0]["sku"] = json!("mug-blue");
    bench.send(ask("PUT", "/v1/shops/acme/products/mug").json(other)).await.ok();
    let path = "/v1/shops/acme/skus/mug-red/stock";
    for units in [3, 3] {
        let stock = json!({ "stock": { "units": units } });
        let answer = bench.send(ask("PUT", path).json(stock.clone())).await.ok();
        assert_eq!(answer["stock"], stock["stock"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_has_its_own_code() {
    let bench = bench().await;
    let stock = json!({ "stock": { "units": 1 } });
    let product = mug();
    for (asking, code) in [
        (ask("GET", "/v1/shops/bolt"), "shop_unknown"),
        (ask("GET", "/v1/shops/bolt/orders"), "shop_unknown"),
        (ask("GET", "/v1/shops/bolt/events"), "shop_unknown"),
        (ask("PUT", "/v1/shops/bolt/products/mug").json(product.clone()), "shop_unknown"),
        (ask("GET", "/v1/shops/acme/products/cup"), "product_unknown"),
        (ask("PUT", "/v1/shops/acme/skus/cup/stock").json(stock), "sku_unknown"),
        (ask("GET", "/v1/shops/acme/rooms/r9"), "room_unknown"),
        (ask("GET", "/v1/shops/acme/rooms/r9/dashboard"), "room_unknown"),
        (ask("GET", "/v1/shops/acme/sales/s9"), "sale_unknown"),
        (ask("GET", "/v1/shops/acme/orders/o9"), "order_unknown"),
        (ask("DELETE", "/v1/shops/acme/staff/bob"), "staff_unknown"),
        (ask("DELETE", "/v1/shops/acme/rooms/r1/comments/c9"), "comment_unknown"),
    ] {
        bench.send(asking).await.refused(404, code);
    }
    let taken = bench.send(ask("PUT", "/v1/shops/acme/products/cup").json(product)).await;
    taken.refused(409, "sku_taken");
}

#[tokio::test(start_paused = true)]
async fn staff_is_listed_changed_and_sent_away() {
    let bench = bench().await;
    let roles = json!({ "roles": ["streamer", "manager"] });
    let put = bench.send(ask("PUT", "/v1/shops/acme/staff/sue").json(roles)).await.ok();
    assert_eq!(put, json!({ "user": "sue", "roles": ["streamer", "manager"] }));
    let list = bench.send(ask("GET", "/v1/shops/acme/staff")).await.ok();
    assert_eq!(list, json!({ "staff": [put] }));
    let as_sue = || ask("GET", "/v1/shops/acme/staff").by("sue", Role::Manager);
    bench.send(as_sue()).await.ok();
    assert_eq!(bench.send(ask("DELETE", "/v1/shops/acme/staff/sue")).await.ok(), json!({}));
    bench.send(as_sue()).await.refused(403, "forbidden");
    for path in ["orders", "events", "buyers/ann", "sales", "rooms/r1", "rooms/r1/dashboard"] {
        let path = format!("/v1/shops/acme/{path}");
        let answer = bench.send(ask("GET", &path).by("sue", Role::Manager)).await;
        answer.refused(403, "forbidden");
    }
}
