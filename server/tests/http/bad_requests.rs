//! Requests that are wrong in themselves: each with its exact code, and nothing changes.

use axum::body::Body;
use hawker_server::edge::guard;
use hawker_server::edge::http::{documents, render};
use hawker_server::edge::origin::Origins;
use serde_json::{Value, json};

use crate::bench::{Asking, BODY_BYTES_MAX, ask, bench, empty, send_to};
use crate::campaigns::two_off;

const ADJUST: &str = "/v1/shops/acme/skus/mug-red/stock/adjust";
const STOCK: &str = "/v1/shops/acme/skus/mug-red/stock";

fn with_text(body: &str) -> Asking {
    ask("PUT", STOCK).text("application/json", body)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_wrong_is_refused_with_the_exact_complaint() {
    let bench = bench().await;
    let version = bench.version().await;
    let deep = "[".repeat(17) + &"]".repeat(17);
    let large = format!("\"{}\"", "x".repeat(BODY_BYTES_MAX));
    for (body, status, code, field) in [
        ("", 400, "invalid_json", ""),
        (r#"{"stock":{"units":1}"#, 400, "invalid_json", ""),
        (r#"{"stock":{"units":1}} x"#, 400, "invalid_json", ""),
        ("\u{feff}{}", 400, "invalid_json", ""),
        (deep.as_str(), 400, "too_deep", ""),
        (large.as_str(), 413, "too_large", ""),
        ("{}", 400, "invalid_request", "stock"),
        ("null", 400, "invalid_request", ""),
        (r#"{"stock":"some"}"#, 400, "invalid_request", "stock"),
        (r#"{"stock":{"units":-1}}"#, 400, "invalid_request", "stock.units"),
        (r#"{"stock":{"units":1.5}}"#, 400, "invalid_request", "stock.units"),
        (r#"{"stock":{"units":"1"}}"#, 400, "invalid_request", "stock.units"),
        (r#"{"stock":{"units":18446744073709551615}}"#, 400, "invalid_request", "stock"),
        (r#"{"stock":{"units":18446744073709551616}}"#, 400, "invalid_request", "stock.units"),
        (r#"{"stock":{"units":1},"stock":{"units":2}}"#, 400, "invalid_request", "stock"),
    ] {
        let refusal = bench.send(with_text(body)).await.refused(status, code);
        assert_eq!(refusal["field"].as_str().unwrap_or_default(), field, "{refusal}");
        assert!(!refusal["message"].as_str().unwrap().is_empty());
    }
    let not_utf8 = ask("PUT", STOCK).header("content-type", "application/json");
    let not_utf8 = not_utf8.bytes(b"{\"stock\":\"\xff\"}");
    bench.send(not_utf8).await.refused(400, "invalid_json");
    for delta in ["9223372036854775808", "-9223372036854775809", "0.5"] {
        let body = format!("{{\"delta\":{delta}}}");
        let answer = bench.send(ask("POST", ADJUST).text("application/json", &body)).await;
        assert_eq!(answer.refused(400, "invalid_request")["field"], "delta");
    }
    let least = json!({ "delta": i64::MIN });
    bench.send(ask("POST", ADJUST).json(least)).await.refused(409, "stock_short");
    let most = json!({ "delta": i64::MAX });
    bench.send(ask("POST", ADJUST).json(most)).await.refused(400, "invalid_request");
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn only_json_is_read() {
    let bench = bench().await;
    let version = bench.version().await;
    let body = r#"{"stock":{"units":1}}"#;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let answer = bench.send(ask("PUT", STOCK).text(media_type, body)).await;
        answer.refused(415, "unsupported_media_type");
    }
    assert_eq!(bench.version().await, version);
    let spelled = ask("PUT", STOCK).text("Application/JSON; charset=utf-8", body);
    bench.send(spelled).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_early_is_refused() {
    let bench = bench().await;
    let broken = futures_util::stream::iter([
        Ok(b"{\"stock\":".to_vec()),
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
    ]);
    let asking = ask("PUT", STOCK).header("content-type", "application/json");
    bench.send(asking.stream(Body::from_stream(broken))).await.refused(400, "invalid_json");
}

#[tokio::test(start_paused = true)]
async fn an_id_outside_its_alphabet_or_length_is_refused_wherever_it_stands() {
    let bench = bench().await;
    let version = bench.version().await;
    let longest = "x".repeat(64);
    let too_long = "x".repeat(65);
    let stock = json!({ "stock": { "units": 1 } });
    for (asking, field) in [
        (ask("GET", "/v1/shops/a%20b"), "shop"),
        (ask("GET", "/v1/shops/a%2Fb"), "shop"),
        (ask("GET", "/v1/shops/caf%C3%A9"), "shop"),
        (ask("GET", &format!("/v1/shops/{too_long}")), "shop"),
        (ask("GET", "/v1/shops/acme/rooms/r.1"), "room"),
        (ask("PUT", "/v1/shops/acme/skus/a%7Db/stock").json(stock.clone()), "sku"),
        (ask("GET", &format!("/v1/shops/acme/orders/{too_long}")), "order"),
        (ask("GET", "/v1/shops/acme/orders?buyer=a%20b"), "buyer"),
        (ask("GET", "/v1/shops/acme/conversations/a%20b"), "buyer"),
        (ask("DELETE", "/v1/shops/acme/faq/q.1"), "faq"),
        (ask("DELETE", "/v1/shops/acme/quick-replies/%00"), "quick_reply"),
        (ask("GET", "/v1/shops/acme/sessions/0"), "session"),
        (ask("GET", "/v1/shops/acme/sessions/-1"), "session"),
        (ask("GET", "/v1/shops/acme/sessions/+1"), "session"),
        (ask("GET", "/v1/shops/acme/sessions/1.0"), "session"),
        (ask("GET", "/v1/shops/acme/sessions/x/reports"), "session"),
        (ask("GET", "/v1/shops/acme/sessions/9007199254740992"), "session"),
        (ask("DELETE", "/v1/shops/acme/rooms/r1/mutes/%00"), "user"),
        (ask("GET", "/v1/shops/acme/campaigns/c.1"), "campaign"),
        (ask("POST", "/v1/shops/acme/coupons/a%20b/revoke"), "coupon"),
        (ask("DELETE", "/v1/shops/acme/price-rules/%00"), "rule"),
        (ask("GET", "/v1/shops/acme/draws/d.1"), "draw"),
        (ask("GET", "/v1/shops/acme/buyers/a%20b/coupons"), "buyer"),
        (ask("POST", "/v1/shops/acme/rooms/r1/start").key("a b"), "Idempotency-Key"),
        (ask("POST", "/v1/shops/acme/rooms/r1/start").key(""), "Idempotency-Key"),
        (ask("POST", "/v1/shops/acme/rooms/r1/start").key(&too_long), "Idempotency-Key"),
        (ask("POST", "/v1/shops/acme/rooms/r1/start").key("a").key("a"), "Idempotency-Key"),
    ] {
        let refusal = bench.send(asking).await.refused(400, "invalid_request");
        assert_eq!(refusal["field"], field, "{refusal}");
    }
    bench.send(ask("GET", "/v1/shops/%FF")).await.refused(400, "invalid_request");
    assert_eq!(bench.version().await, version);
    bench.send(ask("PUT", STOCK).json(stock).key(&longest)).await.ok();
    let unknown = bench.send(ask("GET", &format!("/v1/shops/acme/orders/{longest}"))).await;
    unknown.refused(404, "order_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_wrong_names_its_field() {
    let bench = bench().await;
    for (query, field) in [
        ("orders?limit=-1", "limit"),
        ("orders?limit=4294967296", "limit"),
        ("orders?limit=x", "limit"),
        ("rooms?state=open", "state"),
        ("sales?room=a%20b", "room"),
        ("events?after=-1", "after"),
        ("events?after=9007199254740992", "after"),
        ("events?wait_ms=1.5", "wait_ms"),
        ("events?after=1000", "after"),
        ("agents?limit=0", "limit"),
        ("agents?limit=201", "limit"),
        ("agents?cursor=a%20b", "cursor"),
        ("sessions?list=mine", "agent"),
        ("sessions?list=open", "list"),
        ("sessions?list=unassigned&cursor=x", "cursor"),
        ("conversations/ann/messages?limit=101", "limit"),
        ("conversations/ann/messages?before=-1", "before"),
        ("conversations/ann/transcript?session=0", "session"),
        ("messages?text=%20", "text"),
        ("messages?text=red&cursor=x", "cursor"),
        ("campaigns?state=running", "state"),
        ("campaigns?room=a%20b", "room"),
        ("campaigns?limit=0", "limit"),
        ("campaigns?cursor=a%20b", "cursor"),
        ("buyers/ann/coupons?room=a%20b", "room"),
        ("buyers/ann/coupons?limit=201", "limit"),
        ("buyers/ann/coupons?cursor=a%20b", "cursor"),
        ("price-rules?limit=-1", "limit"),
        ("price-rules?cursor=a%20b", "cursor"),
        ("draws?state=open", "state"),
        ("draws?room=", "room"),
        ("response-rate?from=0&until=x", "until"),
        ("response-rate?from=0&until=1&by=week", "by"),
        ("response-rate?from=0&until=1&agent=a1", "agent"),
        ("response-rate?from=0&until=1&by=agent&cursor=a%20b", "cursor"),
    ] {
        let answer = bench.send(ask("GET", &format!("/v1/shops/acme/{query}"))).await;
        assert_eq!(answer.refused(400, "invalid_request")["field"], field, "{query}");
    }
    let cursor = format!("/v1/shops/acme/orders?cursor={}", "x".repeat(129));
    bench.send(ask("GET", &cursor)).await.refused(400, "invalid_request");
    bench.send(ask("GET", "/v1/shops/acme/orders?limit=0&more=1")).await.ok();
}

#[tokio::test(start_paused = true)]
async fn figures_outside_their_range_are_refused() {
    let bench = empty();
    let shop = |currency: &str, settings: Value| {
        let (id, name) = ("acme", "Acme");
        json!({ "shop": id, "name": name, "currency": currency, "settings": settings })
    };
    let nine_reminders = json!({ "order_reminders_ms": vec![1; 9] });
    for (body, field) in [
        (shop("usd", json!({})), "currency"),
        (shop("US", json!({})), "currency"),
        (shop("DOLLAR", json!({})), "currency"),
        (shop("USD", json!({ "reservation_hold_ms": 9_999 })), "reservation_hold_ms"),
        (
            shop("USD", json!({ "payment_grace_ms": 9_007_199_254_740_992_u64 })),
            "settings.payment_grace_ms",
        ),
        (shop("USD", nine_reminders), "settings.order_reminders_ms"),
    ] {
        let answer = bench.send(ask("POST", "/v1/shops").json(body)).await;
        assert_eq!(answer.refused(400, "invalid_request")["field"], field);
    }
    assert_eq!(bench.version().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_body_about_the_desk_names_its_field() {
    let bench = bench().await;
    let version = bench.version().await;
    let long = "x".repeat(4_001);
    for (method, path, body, field) in [
        ("PUT", "agents/a1/status", json!({ "status": "asleep" }), "status"),
        ("PUT", "agents/a1/cap", json!({ "cap": 10_001 }), "cap"),
        ("POST", "sessions/1/assign", json!({ "epoch": 0 }), "agent"),
        ("POST", "sessions/1/assign", json!({ "epoch": -1, "agent": "a1" }), "epoch"),
        ("POST", "sessions/1/close", json!({}), "epoch"),
        ("POST", "sessions/1/reports", json!({ "reason": "x".repeat(501) }), "reason"),
        ("PUT", "sessions/1/reports/p1/verdict", json!({ "verdict": "filed" }), "verdict"),
        (
            "POST",
            "conversations/ann/messages",
            json!({ "content": { "kind": "text", "text": long } }),
            "content",
        ),
        (
            "POST",
            "conversations/ann/messages",
            json!({ "content": { "kind": "question", "faq": "q1" } }),
            "content",
        ),
        ("PUT", "faq/q1", json!({ "question": "When?" }), "answer"),
        ("PUT", "faq-card", json!({ "questions": ["a", "b", "c", "d", "e", "f"] }), "questions"),
        ("PUT", "quick-replies/t1", json!({ "text": 7 }), "text"),
        ("PUT", "holiday", json!({ "until": 1 }), "from"),
        ("PATCH", "desk-policy", json!({ "cap": 0 }), "cap"),
        ("PATCH", "desk-policy", json!({ "owner_down": "panic" }), "owner_down"),
    ] {
        let asking = ask(method, &format!("/v1/shops/acme/{path}")).json(body);
        let refusal = bench.send(asking).await.refused(400, "invalid_request");
        let named = refusal["field"].as_str().unwrap_or_default();
        assert_eq!(named.split('.').next(), Some(field), "{path}: {refusal}");
    }
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_body_about_coupons_names_its_field() {
    let bench = bench().await;
    let version = bench.version().await;
    let campaign = |field: &str, value: Value| {
        let mut body = two_off("c1");
        body["spec"][field] = value;
        body
    };
    let percent = json!({ "kind": "percent", "tiers": [{ "min_spend_minor": 0, "off_bps": 1 }] });
    let falling = json!({ "kind": "amount", "tiers": [
        { "min_spend_minor": 2, "off_minor": 1 }, { "min_spend_minor": 1, "off_minor": 2 }] });
    let rule = |effect: Value| json!({ "title": "Sale", "effect": effect });
    let refund = |line: i32, quantity: i32| {
        let units = json!([{ "line": line, "quantity": quantity }]);
        json!({ "refund": "f1", "stage": "after_shipment", "units": units })
    };
    let draw = |field: &str, value: Value| {
        let mut spec = json!({ "room": "r1", "title": "A mug", "winners": 1, "run_ms": 10_000 });
        spec[field] = value;
        json!({ "spec": spec })
    };
    for (method, path, body, field) in [
        ("POST", "campaigns", json!({ "campaign": "c1" }), "spec"),
        ("POST", "campaigns", campaign("title", json!("x".repeat(121))), "spec.title"),
        ("POST", "campaigns", campaign("discount", percent), "spec.discount.max_discount_minor"),
        ("POST", "campaigns", campaign("discount", falling), "tiers"),
        ("POST", "campaigns", campaign("claims_total", json!(0)), "spec.claims_total"),
        ("POST", "campaigns", campaign("per_buyer", json!(101)), "spec.per_buyer"),
        ("POST", "campaigns", campaign("budget_minor", json!(0)), "budget_minor"),
        ("POST", "campaigns", campaign("opens_at", json!(1)), "opens_at"),
        ("POST", "campaigns", campaign("task", json!({ "kind": "dance" })), "spec.task.kind"),
        ("POST", "campaigns/c1/push", json!({ "segment": [] }), "room"),
        ("POST", "campaigns/c1/grants", json!({ "buyers": "ann" }), "buyers"),
        ("POST", "buyers/ann/quotes", json!({ "coupons": [] }), "basket"),
        ("POST", "buyers/ann/quotes", json!({ "basket": {}, "coupons": "worst" }), "basket"),
        ("PUT", "price-rules/p1", rule(json!({ "kind": "gift" })), "effect.kind"),
        ("PUT", "price-rules/p1", rule(json!({ "kind": "flash_price" })), "effect.price_minor"),
        ("PUT", "stacking", json!({ "forbidden": [["flash"]] }), "forbidden[0]"),
        ("PATCH", "capabilities", json!({ "lucky_draws": "yes" }), "lucky_draws"),
        ("POST", "orders/o1/refunds", refund(-1, 1), "units[0].line"),
        ("POST", "orders/o1/refunds", refund(0, 0), "units[0].quantity"),
        ("POST", "orders/o1/refunds", json!({ "refund": "f1", "units": [] }), "stage"),
        ("POST", "draws", draw("winners", json!(0)), "spec.winners"),
        ("POST", "draws", draw("run_ms", json!("1h")), "spec.run_ms"),
    ] {
        let asking = ask(method, &format!("/v1/shops/acme/{path}")).json(body);
        let refusal = bench.send(asking).await.refused(400, "invalid_request");
        assert_eq!(refusal["field"], field, "{path}: {refusal}");
    }
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn more_names_than_a_request_takes_are_refused() {
    let bench = bench().await;
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let grants = ask("POST", "/v1/shops/acme/campaigns/c1/grants");
    let refusal = bench.send(grants.json(json!({ "buyers": many }))).await;
    assert_eq!(refusal.refused(400, "invalid_request")["field"], "buyers");
    let long = vec!["x".repeat(64); 1_000];
    let grants = ask("POST", "/v1/shops/acme/campaigns/c1/grants");
    let refusal = bench.send(grants.json(json!({ "buyers": long }))).await;
    assert_eq!(refusal.refused(413, "too_large")["bytes_max"], BODY_BYTES_MAX);
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_methods_are_refused_in_the_same_shape() {
    let bench = bench().await;
    for path in ["/v1", "/v1/", "/v1/shop", "/v1/shops/", "/v1/shops/acme/nothing", "/v1/a/b/c/d"] {
        bench.send(ask("GET", path)).await.refused(404, "not_found");
    }
    let wrong = bench.send(ask("DELETE", "/v1/shops/acme")).await;
    let allowed: Vec<_> = wrong.headers["allow"].to_str().unwrap().split(',').collect();
    assert!(allowed.contains(&"GET") && allowed.contains(&"PATCH"), "{allowed:?}");
    wrong.refused(405, "method_not_allowed");
    bench.send(ask("POST", "/v1/shops/acme/events")).await.refused(405, "method_not_allowed");
    bench.send(ask("GET", "/v1/shops")).await.refused(405, "method_not_allowed");
}

#[tokio::test(start_paused = true)]
async fn both_documents_are_served_to_anybody() {
    let bench = empty();
    let openapi = bench.send(ask("GET", "/v1/openapi.json").nobody()).await.ok();
    assert_eq!(openapi["info"]["version"], "v1");
    let asyncapi = bench.send(ask("GET", "/v1/asyncapi.json").nobody()).await.ok();
    assert_eq!(asyncapi["asyncapi"], "3.0.0");
}

#[tokio::test(start_paused = true)]
async fn no_answer_lets_a_page_of_another_origin_read_it() {
    let bench = bench().await;
    let shop = Origins::new(vec!["https://shop.example".parse().unwrap()]);
    let (api, open) = (guard::from_origins(bench.router.clone(), shop, render), documents());
    let from = |method: &str, path: &str, origin: &str| {
        ask(method, path).header("origin", origin).header("access-control-request-method", "GET")
    };
    let cases = [
        ("GET", "/v1/openapi.json", "https://evil.example", 200),
        ("GET", "/v1/asyncapi.json", "null", 200),
        ("OPTIONS", "/v1/openapi.json", "https://evil.example", 405),
        ("GET", "/v1/shops/acme", "https://evil.example", 403),
        ("OPTIONS", "/v1/shops/acme", "https://evil.example", 403),
        ("GET", "/v1/shops/acme", "https://shop.example", 200),
        ("OPTIONS", "/v1/shops/acme", "https://shop.example", 405),
    ];
    for (method, path, origin, status) in cases {
        let router = if path.ends_with(".json") { &open } else { &api };
        let answer = send_to(router, from(method, path, origin)).await;
        assert_eq!(answer.status, status, "{method} {path} from {origin}");
        let shares = |name: &str| name.starts_with("access-control-");
        assert!(!answer.headers.keys().any(|name| shares(name.as_str())), "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_read_is_unavailable_and_not_empty() {
    let bench = bench().await;
    bench.memory.faults().refuse_reads(true);
    for path in ["orders", "orders/o1", "events"] {
        let answer = bench.send(ask("GET", &format!("/v1/shops/acme/{path}"))).await;
        answer.refused(503, "unavailable");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_away_says_so_and_changes_nothing() {
    let bench = bench().await;
    let version = bench.version().await;
    bench.engine.stop().await;
    let body = with_text(r#"{"stock":{"units":1}}"#);
    let refusal = bench.send(body).await.refused(503, "draining");
    assert_eq!(refusal["retryable"], Value::from(true));
    assert_eq!(bench.version().await, version);
}
