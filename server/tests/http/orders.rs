//! Orders, payments, and what is left of a buyer who is erased.

use hawker_domain::command::{Address, Basket, BasketLine, CouponChoice, OrderCommand};
use hawker_domain::id::{OrderId, SkuId};
use hawker_server::engine::Outcome;
use hawker_server::journal::{Journal, Position};
use serde_json::{Value, json};

use crate::bench::{Bench, acme, ask, bench, lasting_token};

pub(crate) async fn order(bench: &Bench, buyer: &str, id: &str) {
    let line = BasketLine { sku: SkuId::parse("mug-red").unwrap(), quantity: 2 };
    let address = Address {
        name: "Ann Example".to_owned(),
        phone: "+1 555 0100".to_owned(),
        lines: vec!["1 Main St".to_owned()],
        city: "Springfield".to_owned(),
        postcode: "12345".to_owned(),
        country: "US".to_owned(),
    };
    let order = OrderId::parse(id).unwrap();
    let basket = Basket::Lines(vec![line]);
    let coupons = CouponChoice::Best;
    let place = OrderCommand::Place { order, basket, address, coupons, room: None };
    let outcome = bench.as_buyer(buyer, place).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
}

pub(crate) fn payment(id: &str, amount_minor: u64) -> Value {
    json!({ "payment": id, "amount_minor": amount_minor, "currency": "USD",
        "outcome": "succeeded" })
}

fn ids(list: &Value) -> Vec<&str> {
    let orders = list["orders"].as_array().unwrap().iter();
    orders.map(|order| order["order"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn orders_are_listed_newest_first_in_pages_for_the_shop_and_for_a_buyer() {
    let bench = bench().await;
    for (buyer, id) in [("ann", "o1"), ("bob", "o2"), ("ann", "o3")] {
        order(&bench, buyer, id).await;
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
    }
    let path = "/v1/shops/acme/orders";
    assert_eq!(ids(&bench.send(ask("GET", path)).await.ok()), ["o3", "o2", "o1"]);
    let of_ann = bench.send(ask("GET", &format!("{path}?buyer=ann"))).await.ok();
    assert_eq!(ids(&of_ann), ["o3", "o1"]);
    let first = bench.send(ask("GET", &format!("{path}?limit=2"))).await.ok();
    assert_eq!(ids(&first), ["o3", "o2"]);
    let next = format!("{path}?limit=2&cursor={}", first["next"].as_str().unwrap());
    let second = bench.send(ask("GET", &next)).await.ok();
    assert_eq!((ids(&second), &second["next"]), (vec!["o1"], &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn an_order_shows_its_address_and_is_cancelled_by_the_seller() {
    let bench = bench().await;
    order(&bench, "ann", "o1").await;
    let path = "/v1/shops/acme/orders/o1";
    let detail = bench.send(ask("GET", path)).await.ok();
    assert_eq!(detail["address"]["city"], "Springfield");
    assert_eq!(detail["order"]["total_minor"], 3_000);
    let reason = json!({ "reason": "seller_cancel" });
    let cancel = || ask("POST", "/v1/shops/acme/orders/o1/cancel").json(reason.clone());
    let cancelled = bench.send(cancel()).await.ok();
    let state = json!({ "kind": "cancelled", "reason": "seller_cancel" });
    assert_eq!(cancelled["order"]["state"], state);
    bench.send(cancel()).await.refused(409, "order_not_ready");
    let buyers_reason = json!({ "reason": "buyer_cancel" });
    let answer = bench.send(ask("POST", &format!("{path}/cancel")).json(buyers_reason)).await;
    answer.refused(400, "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn a_payment_counts_once_however_often_it_is_reported() {
    let bench = bench().await;
    order(&bench, "ann", "o1").await;
    let path = "/v1/shops/acme/orders/o1/payments";
    let mismatch = bench.send(ask("POST", path).json(payment("p1", 2_999))).await;
    assert_eq!(mismatch.refused(409, "payment_mismatch")["expected_minor"], 3_000);
    let paid = bench.send(ask("POST", path).json(payment("p1", 3_000))).await.ok();
    assert_eq!(paid["order"]["state"], json!({ "kind": "paid", "payment": "p1" }));
    let version = bench.version().await;
    let again = bench.send(ask("POST", path).json(payment("p1", 3_000))).await.ok();
    assert_eq!((again, bench.version().await), (paid, version));
    let other = bench.send(ask("POST", path).json(payment("p1", 1))).await;
    other.refused(409, "payment_conflict");
    let second = bench.send(ask("POST", path).json(payment("p2", 3_000))).await.ok();
    assert_eq!(second["order"]["refunds_required"][0]["payment"], "p2");
    let unknown = "/v1/shops/acme/orders/o9/payments";
    let answer = bench.send(ask("POST", unknown).json(payment("p3", 1))).await;
    answer.refused(404, "payment_unmatched");
}

#[tokio::test(start_paused = true)]
async fn an_archived_order_is_read_from_its_document_and_new_money_for_it_is_owed_back() {
    let bench = bench().await;
    order(&bench, "ann", "o1").await;
    let path = "/v1/shops/acme/orders/o1";
    let payments = format!("{path}/payments");
    let paid = bench.send(ask("POST", &payments).json(payment("p1", 3_000))).await.ok();
    tokio::time::advance(std::time::Duration::from_secs(8 * 86_400)).await;
    let late = |method, path: &str| ask(method, path).token(lasting_token());
    let again = bench.send(late("POST", &payments).json(payment("p1", 3_000))).await.ok();
    assert_eq!(again, paid, "the same answer, from the document");
    let owed = bench.send(late("POST", &payments).json(payment("p2", 3_000))).await.ok();
    assert_eq!(owed["order"]["refunds_required"][0]["payment"], "p2");
    assert!(owed["order"]["version"].as_u64() > paid["order"]["version"].as_u64());
    let detail = bench.send(late("GET", path)).await.ok();
    assert_eq!(
        (&detail["order"], &detail["address"]["city"]),
        (&owed["order"], &json!("Springfield"))
    );
    let list = bench.send(late("GET", "/v1/shops/acme/orders?buyer=ann")).await.ok();
    assert_eq!(list["orders"], json!([owed["order"]]));
    let reason = json!({ "reason": "seller_cancel" });
    let cancelled = bench.send(late("POST", &format!("{path}/cancel")).json(reason)).await;
    assert_eq!(cancelled.refused(409, "order_archived")["order"], "o1");
    let feed = bench.send(late("GET", "/v1/shops/acme/events")).await.ok();
    assert!(feed.to_string().contains("order_archived"), "{feed}");
}

#[tokio::test(start_paused = true)]
async fn erasing_a_buyer_removes_the_address_and_leaves_the_history_whole() {
    let bench = bench().await;
    order(&bench, "ann", "o1").await;
    let state = bench.send(ask("GET", "/v1/shops/acme/buyers/ann")).await.ok();
    assert_eq!(state["state"]["orders"][0]["order"], "o1");
    let early = bench.send(ask("DELETE", "/v1/shops/acme/buyers/ann")).await;
    assert_eq!(early.refused(409, "orders_open")["orders"], json!(["o1"]));
    let detail = bench.send(ask("GET", "/v1/shops/acme/orders/o1")).await.ok();
    assert_eq!(detail["address"]["city"], "Springfield", "it may still have to be sent");
    let payments = "/v1/shops/acme/orders/o1/payments";
    bench.send(ask("POST", payments).json(payment("p1", 3_000))).await.ok();
    let erased = bench.send(ask("DELETE", "/v1/shops/acme/buyers/ann")).await.ok();
    assert_eq!(erased, json!({ "buyer": "ann" }));
    let detail = bench.send(ask("GET", "/v1/shops/acme/orders/o1")).await.ok();
    assert_eq!(detail["address"], Value::Null);
    assert_eq!(detail["order"]["total_minor"], 3_000);
    let documents = bench.engine.documents(&acme(), "buyer/ann/", None, 10).await.unwrap();
    assert!(documents.is_empty(), "{documents:?}");
    let feed = bench.send(ask("GET", "/v1/shops/acme/events")).await.ok();
    let text = feed.to_string();
    assert!(text.contains("order_placed") && text.contains("buyer_erased"), "{text}");
    assert!(!text.contains("Springfield") && !text.contains("Ann Example"), "{text}");
    assert_eq!(feed["next"], bench.version().await);
    let chain = bench.memory.read(&acme(), Position::default(), 100).await.unwrap();
    assert_eq!(chain.len() as u64, bench.version().await, "checksums and chain hold to the end");
}
