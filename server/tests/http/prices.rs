//! Price rules, which discounts meet, what the platform allows, and what a basket costs.

use hawker_domain::Role;
use serde_json::{Value, json};

use crate::bench::{Asking, Bench, bench};
use crate::campaigns::{claim, open, two_off};
use crate::desk::in_acme;

fn discount(off_bps: u32) -> Value {
    json!({ "title": "Sale", "effect": { "kind": "product_discount", "off_bps": off_bps } })
}

fn quoting(buyer: &str, quantity: u32) -> Value {
    json!({ "buyer": buyer, "basket": { "lines": [{ "sku": "mug-red", "quantity": quantity }] } })
}

fn quote(body: &Value) -> Asking {
    let buyer = body["buyer"].as_str().unwrap();
    in_acme("POST", &format!("buyers/{buyer}/quotes")).json(body.clone())
}

async fn rules(bench: &Bench, query: &str) -> Value {
    bench.send(in_acme("GET", &format!("price-rules{query}"))).await.ok()
}

fn names(page: &Value) -> Vec<&str> {
    let all = page["rules"].as_array().unwrap().iter();
    all.map(|rule| rule["rule"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_price_rule_is_put_replaced_listed_and_ended() {
    let bench = bench().await;
    let put = |rule: &str, spec: Value| in_acme("PUT", &format!("price-rules/{rule}")).json(spec);
    let first = bench.send(put("p1", discount(1_000))).await.ok();
    assert_eq!((&first["rule"]["rule"], &first["rule"]["version"]), (&json!("p1"), &json!(1)));
    let second = bench.send(put("p1", discount(2_000)).by("max", Role::Manager)).await.ok();
    assert_eq!(second["rule"]["spec"]["effect"]["off_bps"], 2_000);
    bench.send(put("p2", discount(500))).await.ok();
    bench.send(put("p3", discount(100))).await.ok();
    let page = rules(&bench, "?limit=2").await;
    let next = page["next"].as_str().unwrap();
    let rest = rules(&bench, &format!("?limit=2&cursor={next}")).await;
    assert_eq!([names(&page), names(&rest)].concat(), ["p1", "p2", "p3"]);
    assert_eq!((&rest["next"], &rest["stacking"]["version"]), (&Value::Null, &json!(1)));

    let subsidy = json!({ "title": "Ours", "effect": { "kind": "subsidy", "per_unit_minor": 100,
        "per_buyer": 1, "budget_minor": 10_000 } });
    let manager = bench.send(put("p4", subsidy.clone()).by("max", Role::Manager)).await;
    assert_eq!(manager.refused(403, "forbidden")["needed"], "service");
    bench.send(put("p4", subsidy)).await.ok();
    let ending = |rule: &str| in_acme("DELETE", &format!("price-rules/{rule}"));
    let manager = bench.send(ending("p4").by("max", Role::Manager)).await;
    assert_eq!(manager.refused(403, "forbidden")["needed"], "service");

    let price = json!({ "title": "Live", "items": { "skus": ["mug-red"] },
        "effect": { "kind": "live_fixed", "price_minor": 1_400 } });
    let roomless = bench.send(put("p5", price.clone())).await;
    assert_eq!(roomless.refused(400, "invalid_request")["field"], "live_only");
    let mut unknown = price;
    unknown["items"] = json!({ "skus": ["cup"] });
    bench.send(put("p5", unknown.clone())).await.refused(404, "sku_unknown");
    unknown["items"] = json!("all");
    unknown["live_only"] = json!({ "rooms": ["r9"] });
    bench.send(put("p5", unknown)).await.refused(404, "room_unknown");

    assert_eq!(bench.send(ending("p1")).await.ok(), json!({}));
    bench.send(ending("p1")).await.refused(404, "rule_unknown");
    assert_eq!(names(&rules(&bench, "").await), ["p2", "p3", "p4"]);
}

#[tokio::test(start_paused = true)]
async fn a_basket_is_explained_line_by_line_and_nothing_is_held_by_it() {
    let bench = bench().await;
    bench.send(in_acme("PUT", "price-rules/p1").json(discount(1_000))).await.ok();
    open(&bench, two_off("c1")).await;
    let coupon = claim(&bench, "ann", "c1").await;
    let version = bench.version().await;
    let quoted = bench.send(quote(&quoting("ann", 2))).await.ok()["quote"].clone();
    let (total, list) = (&quoted["total_minor"], &quoted["list_minor"]);
    assert_eq!((total, list), (&json!(2_500), &json!(3_000)));
    assert_eq!(quoted["coupons"][0]["coupon"], *coupon);
    let parts = &quoted["lines"][0]["parts"];
    let amounts: Vec<_> = parts.as_array().unwrap().iter().map(|it| &it["amount_minor"]).collect();
    assert_eq!(amounts, [300, 200]);
    assert_eq!(parts[0]["because"], json!({ "kind": "rule", "rule": "p1" }));
    assert_eq!(bench.send(quote(&quoting("bob", 2))).await.ok()["quote"]["total_minor"], 2_700);
    let mut without = quoting("ann", 2);
    without["coupons"] = json!([]);
    assert_eq!(bench.send(quote(&without)).await.ok()["quote"]["total_minor"], 2_700);
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn a_basket_that_cannot_be_priced_is_refused_with_its_reason() {
    let bench = bench().await;
    let mut dear = two_off("c1");
    dear["spec"]["discount"]["tiers"][0]["min_spend_minor"] = json!(5_000);
    open(&bench, dear).await;
    let coupon = claim(&bench, "ann", "c1").await;
    let with_coupons = |coupons: Value| {
        let mut body = quoting("ann", 1);
        body["coupons"] = coupons;
        body
    };
    let idle = bench.send(quote(&with_coupons(json!([coupon])))).await;
    let idle = idle.refused(409, "coupon_not_applicable");
    assert_eq!((&idle["why"], &idle["missing_minor"]), (&json!("below_minimum"), &json!(3_500)));
    let unknown = bench.send(quote(&with_coupons(json!(["k9"])))).await;
    unknown.refused(404, "coupon_unknown");
    let twice = bench.send(quote(&with_coupons(json!([coupon, coupon])))).await;
    assert_eq!(twice.refused(400, "invalid_request")["field"], "coupons");
    bench.send(in_acme("POST", &format!("coupons/{coupon}/revoke"))).await.ok();
    let revoked = bench.send(quote(&with_coupons(json!([coupon])))).await;
    assert_eq!(revoked.refused(409, "coupon_not_usable")["state"], json!({ "kind": "revoked" }));
    let mut body = quoting("ann", 1);
    body["basket"]["lines"][0]["sku"] = json!("cup");
    bench.send(quote(&body)).await.refused(404, "sku_unknown");
    body["basket"] = json!({ "reservations": ["v1"] });
    bench.send(quote(&body)).await.refused(404, "reservation_unknown");
}

#[tokio::test(start_paused = true)]
async fn which_discounts_meet_is_the_platforms_to_say() {
    let bench = bench().await;
    bench.send(in_acme("PUT", "price-rules/p1").json(discount(1_000))).await.ok();
    open(&bench, two_off("c1")).await;
    claim(&bench, "ann", "c1").await;
    let pairs = json!({ "forbidden": [["seller_coupon", "discount"]] });
    let put = || in_acme("PUT", "stacking").json(pairs.clone());
    let manager = bench.send(put().by("max", Role::Manager)).await;
    assert_eq!(manager.refused(403, "forbidden")["needed"], "service");
    let set = bench.send(put()).await.ok();
    assert_eq!(set["stacking"]["version"], 2);
    assert_eq!(bench.send(put()).await.ok(), set);
    assert_eq!(rules(&bench, "").await["stacking"], set["stacking"]);
    let quoted = bench.send(quote(&quoting("ann", 1))).await.ok()["quote"].clone();
    assert_eq!(
        (&quoted["stacking_version"], &quoted["total_minor"]),
        (&json!(2), &json!(1_350)),
        "the earlier layer's stays"
    );
    let same = json!({ "forbidden": [["flash", "flash"]] });
    let same = bench.send(in_acme("PUT", "stacking").json(same)).await;
    assert_eq!(same.refused(400, "invalid_request")["field"], "forbidden");
}

#[tokio::test(start_paused = true)]
async fn what_the_shop_may_do_is_read_by_its_people_and_changed_by_the_platform() {
    let bench = bench().await;
    let read = || in_acme("GET", "capabilities").by("max", Role::Manager);
    let version = bench.version().await;
    let none = json!({ "capabilities": { "lucky_draws": false } });
    assert_eq!(bench.send(read()).await.ok(), none);
    let patch = || in_acme("PATCH", "capabilities").json(json!({ "lucky_draws": true }));
    let manager = bench.send(patch().by("max", Role::Manager)).await;
    assert_eq!(manager.refused(403, "forbidden")["needed"], "service");
    assert_eq!(bench.version().await, version);
    let granted = bench.send(patch()).await.ok();
    assert_eq!(granted, json!({ "capabilities": { "lucky_draws": true } }));
    assert_eq!(bench.send(read()).await.ok(), granted);
    let nothing = bench.send(in_acme("PATCH", "capabilities").json(json!({}))).await.ok();
    assert_eq!((nothing, bench.version().await), (granted, version + 1));
}
