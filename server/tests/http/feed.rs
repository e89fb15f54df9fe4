//! The event feed: pages, and waiting at the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bench::{Bench, ask, bench, pass, send_to, until};

const FEED: &str = "/v1/shops/acme/events";

async fn page(bench: &Bench, query: &str) -> Value {
    bench.send(ask("GET", &format!("{FEED}?{query}"))).await.ok()
}

fn kinds(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap().iter();
    events.map(|event| event["type"].as_str().unwrap()).collect()
}

async fn adjust(bench: &Bench) {
    let path = "/v1/shops/acme/skus/mug-red/stock/adjust";
    bench.send(ask("POST", path).json(json!({ "delta": 1 }))).await.ok();
}

#[tokio::test(start_paused = true)]
async fn the_feed_tells_everything_once_and_in_order() {
    let bench = bench().await;
    let all = page(&bench, "").await;
    assert_eq!(kinds(&all), ["shop_created", "product_put", "stock_set", "room_created"]);
    assert_eq!((&all["end"], &all["next"]), (&json!(true), &json!(bench.version().await)));
    let first = &all["events"][0];
    assert_eq!((&first["version"], &first["index"]), (&json!(1), &json!(0)));
    assert_eq!((&first["user"], &first["data"]["name"]), (&json!("erp"), &json!("Acme")));
    let mut collected = Vec::new();
    let (mut after, mut end) = (0, false);
    while !end {
        let one = page(&bench, &format!("limit=1&after={after}")).await;
        after = one["next"].as_u64().unwrap();
        end = one["end"].as_bool().unwrap();
        collected.extend(one["events"].as_array().unwrap().clone());
        assert!(collected.len() <= 4);
    }
    assert_eq!(Value::from(collected), all["events"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_its_limit_also_across_many_batches() {
    let bench = bench().await;
    for _ in 0..40 {
        adjust(&bench).await;
    }
    let first = page(&bench, "limit=30").await;
    assert_eq!((kinds(&first).len(), &first["end"]), (30, &json!(false)));
    let second = page(&bench, &format!("limit=30&after={}", first["next"])).await;
    assert_eq!((kinds(&second).len(), &second["end"]), (14, &json!(true)));
    let rest = page(&bench, &format!("after={}", second["next"])).await;
    assert_eq!(rest, json!({ "events": [], "next": second["next"], "end": true }));
}

#[tokio::test(start_paused = true)]
async fn who_waits_at_the_end_hears_of_the_next_entry_at_once() {
    let bench = bench().await;
    let (router, after) = (bench.router.clone(), bench.version().await);
    let asked = Instant::now();
    let waiting = tokio::spawn(async move {
        let path = format!("{FEED}?after={after}&wait_ms=30000");
        send_to(&router, ask("GET", &path)).await.ok()
    });
    pass(7).await;
    assert!(!waiting.is_finished());
    adjust(&bench).await;
    assert_eq!(kinds(&waiting.await.unwrap()), ["stock_set"]);
    assert!(asked.elapsed() < Duration::from_millis(7_500), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_empty_after_its_time_and_after_thirty_seconds_at_most() {
    let bench = bench().await;
    let after = bench.version().await;
    for (wait_ms, expected_s) in [(0, 0), (5_000, 5), (600_000, 30)] {
        let asked = Instant::now();
        let page = page(&bench, &format!("after={after}&wait_ms={wait_ms}")).await;
        assert_eq!(page, json!({ "events": [], "next": after, "end": true }));
        assert_eq!(asked.elapsed().as_secs(), expected_s);
    }
}

/// What the shop's idleness does to somebody who waits: he begins after so many idle seconds.
async fn wait_for_an_idle_shop(idle_s: u64, restored: usize) {
    let bench = bench().await;
    // A room that is not over keeps a shop in memory.
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/start")).await.ok();
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/end")).await.ok();
    let after = bench.version().await;
    pass(idle_s).await;
    let (router, asked) = (bench.router.clone(), Instant::now());
    let waiting = tokio::spawn(async move {
        let path = format!("{FEED}?after={after}&wait_ms=30000");
        send_to(&router, ask("GET", &path)).await.ok()
    });
    pass(20).await;
    assert!(!waiting.is_finished());
    until(|| bench.ears.restored.load(Ordering::Relaxed) == restored).await;
    adjust(&bench).await;
    assert_eq!(kinds(&waiting.await.unwrap()), ["stock_set"]);
    assert!(asked.elapsed() < Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_sleeping_shop_hears_of_its_next_entry() {
    wait_for_an_idle_shop(1_150, 2).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_while_the_shop_leaves_memory_hears_of_its_next_entry() {
    wait_for_an_idle_shop(590, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_feed_lets_a_sleeping_shop_sleep() {
    let bench = bench().await;
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/start")).await.ok();
    bench.send(ask("POST", "/v1/shops/acme/rooms/r1/end")).await.ok();
    pass(1_150).await;
    assert_eq!(kinds(&page(&bench, "").await).len(), 6);
    bench.send(ask("GET", "/v1/shops/acme/orders")).await.ok();
    assert_eq!(bench.ears.restored.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_the_server_goes_away() {
    let bench = bench().await;
    let (router, after) = (bench.router.clone(), bench.version().await);
    let asked = Instant::now();
    let waiting = tokio::spawn(async move {
        let path = format!("{FEED}?after={after}&wait_ms=30000");
        send_to(&router, ask("GET", &path)).await.ok()
    });
    pass(2).await;
    bench.shutdown.cancel();
    assert_eq!(waiting.await.unwrap()["events"], json!([]));
    assert_eq!(asked.elapsed().as_secs(), 2);
}
