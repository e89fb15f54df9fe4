//! Units of paid orders whose money goes back, to the buyer and to the budgets of his coupons.

use hawker_domain::Role;
use serde_json::{Value, json};

use crate::bench::{Asking, Bench, ask, bench, lasting_token};
use crate::campaigns::{claim, coupons_of, open, two_off};
use crate::desk::in_acme;
use crate::orders::{order, payment};

fn refunding(refund: &str, units: &[(u32, u32)], stage: &str) -> Asking {
    let line = |(line, quantity): &(u32, u32)| json!({ "line": line, "quantity": quantity });
    let units: Vec<_> = units.iter().map(line).collect();
    let body = json!({ "refund": refund, "units": units, "stage": stage });
    in_acme("POST", "orders/o1/refunds").json(body)
}

async fn pay(bench: &Bench, amount_minor: u64) -> Value {
    let paid = in_acme("POST", "orders/o1/payments").json(payment("p1", amount_minor));
    bench.send(paid).await.ok()
}

/// Ann has paid for two mugs at 15, with a coupon of 2.
async fn ordered() -> Bench {
    let bench = bench().await;
    open(&bench, two_off("c1")).await;
    claim(&bench, "ann", "c1").await;
    order(&bench, "ann", "o1").await;
    assert_eq!(pay(&bench, 2_800).await["order"]["quote"]["coupons"][0]["amount_minor"], 200);
    bench
}

async fn money(bench: &Bench) -> Value {
    let detail = bench.send(in_acme("GET", "campaigns/c1")).await.ok();
    detail["campaign"]["money"].clone()
}

#[tokio::test(start_paused = true)]
async fn every_unit_goes_back_once_and_brings_what_was_paid_for_it() {
    let bench = ordered().await;
    assert_eq!(money(&bench).await["spent_minor"], 200);
    let first = || refunding("f1", &[(0, 1)], "after_shipment");
    let refunded = bench.send(first().by("max", Role::Manager)).await.ok();
    assert_eq!(refunded["order"]["refunded_minor"], 1_400);
    assert_eq!(refunded["order"]["state"], json!({ "kind": "paid", "payment": "p1" }));
    let version = bench.version().await;
    assert_eq!(bench.send(first()).await.ok(), refunded, "the refund's id is its key");
    assert_eq!(bench.version().await, version);
    let other = bench.send(refunding("f1", &[(0, 1)], "before_shipment")).await;
    other.refused(409, "refund_exists");
    let more = bench.send(refunding("f2", &[(0, 2)], "after_shipment")).await;
    let more = more.refused(409, "refund_too_large");
    assert_eq!((&more["line"], &more["left"]), (&json!(0), &json!(1)));
    let rest = bench.send(refunding("f2", &[(0, 1)], "after_shipment")).await.ok();
    assert_eq!(rest["order"]["refunded_minor"], 2_800);
    assert_eq!(money(&bench).await["spent_minor"], 0, "the coupon's share goes back, too");
    assert_eq!(coupons_of(&bench, "ann").await["coupons"], json!([]), "it was shipped");
}

#[tokio::test(start_paused = true)]
async fn an_order_undone_before_shipment_gives_its_coupon_back() {
    let bench = ordered().await;
    let whole = bench.send(refunding("f1", &[(0, 2)], "before_shipment")).await.ok();
    assert_eq!(whole["order"]["refunded_minor"], 2_800);
    let own = coupons_of(&bench, "ann").await;
    assert_eq!(own["coupons"][0]["state"], json!({ "kind": "claimed" }));
    assert_eq!(money(&bench).await["claimed_minor"], 200);
    let feed = bench.send(in_acme("GET", "events")).await.ok();
    let events = feed["events"].as_array().unwrap();
    let of = |kind: &str| &events.iter().find(|it| it["type"] == kind).unwrap()["data"];
    let coupon = &own["coupons"][0]["coupon"];
    assert_eq!(of("order_placed")["quote"]["coupons"][0]["coupon"], *coupon);
    assert_eq!(of("order_refunded")["coupons_returned"], json!([coupon]));
    assert_eq!(of("order_refunded")["amount_minor"], 2_800);
}

#[tokio::test(start_paused = true)]
async fn the_shipping_goes_back_once_where_it_was_paid() {
    let bench = bench().await;
    let fee = json!({ "settings": { "shipping_fee_minor": 500 } });
    bench.send(ask("PATCH", "/v1/shops/acme").json(fee)).await.ok();
    order(&bench, "ann", "o1").await;
    pay(&bench, 3_500).await;
    let shipping = |refund: &str| {
        let body = json!({ "refund": refund, "units": [], "shipping": true,
            "stage": "after_shipment" });
        in_acme("POST", "orders/o1/refunds").json(body)
    };
    let refunded = bench.send(shipping("f1")).await.ok();
    assert_eq!(refunded["order"]["refunded_minor"], 500);
    let again = bench.send(shipping("f2")).await;
    assert_eq!(again.refused(400, "invalid_request")["field"], "refund");
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_cannot_be_is_refused_with_its_reason() {
    let bench = bench().await;
    let unknown = refunding("f1", &[(0, 1)], "before_shipment");
    bench.send(unknown).await.refused(404, "order_unknown");
    order(&bench, "ann", "o1").await;
    let unpaid = bench.send(refunding("f1", &[(0, 1)], "before_shipment")).await;
    assert_eq!(unpaid.refused(409, "order_not_ready")["state"], json!({ "kind": "unpaid" }));
    pay(&bench, 3_000).await;
    for units in [vec![], vec![(1, 1)], vec![(0, 1), (0, 1)]] {
        let refused = bench.send(refunding("f1", &units, "before_shipment")).await;
        assert_eq!(refused.refused(400, "invalid_request")["field"], "refund", "{units:?}");
    }
    let detail = bench.send(in_acme("GET", "orders/o1")).await.ok();
    assert_eq!(detail["order"]["refunded_minor"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_archived_order_is_refunded_no_more() {
    let bench = ordered().await;
    tokio::time::advance(std::time::Duration::from_secs(8 * 86_400)).await;
    let late = refunding("f1", &[(0, 1)], "after_shipment").token(lasting_token());
    assert_eq!(bench.send(late).await.refused(409, "order_archived")["order"], "o1");
}
