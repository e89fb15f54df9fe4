//! Who may ask what.

use std::time::Duration;

use hawker_domain::Role;
use hawker_protocol::Code;
use serde_json::json;

use crate::bench::{Asking, ask, bench, mug, token};
use crate::campaigns::two_off;

fn in_acme(method: &str, path: &str) -> Asking {
    ask(method, &format!("/v1/shops/acme{path}"))
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_in_without_a_token_that_counts() {
    let bench = bench().await;
    let missing = bench.send(in_acme("GET", "").nobody()).await;
    assert_eq!(missing.headers["www-authenticate"], "Bearer");
    missing.refused(401, "unauthorized");
    bench.send(in_acme("GET", "").token("a.b.c".to_owned())).await.refused(401, "unauthorized");
    let forged = token("erp", &[Role::Service], &["acme"]) + "x";
    bench.send(in_acme("GET", "").token(forged)).await.refused(401, "unauthorized");
    tokio::time::advance(Duration::from_secs(25 * 3_600)).await;
    bench.send(in_acme("GET", "")).await.refused(401, "token_expired");
}

#[tokio::test(start_paused = true)]
async fn a_token_serves_the_shops_it_names_and_no_other() {
    let bench = bench().await;
    let version = bench.version().await;
    let elsewhere = || token("erp", &[Role::Service, Role::Manager], &["bolt"]);
    for asking in [
        in_acme("GET", ""),
        in_acme("PUT", "/products/mug").json(mug()),
        in_acme("POST", "/rooms/r1/start"),
        in_acme("GET", "/orders"),
        in_acme("GET", "/orders/o1"),
        in_acme("GET", "/events"),
        in_acme("GET", "/buyers/ann"),
        in_acme("DELETE", "/buyers/ann"),
        in_acme("GET", "/staff"),
    ]
    .into_iter()
    .chain(at_the_desk().into_iter().chain(about_coupons()).map(|(asking, _, _)| asking))
    {
        bench.send(asking.token(elsewhere())).await.refused(403, "forbidden");
    }
    let shop = json!({ "shop": "acme2", "name": "Acme", "currency": "USD" });
    bench.send(ask("POST", "/v1/shops").json(shop)).await.refused(403, "forbidden");
    assert_eq!(bench.version().await, version);
}

/// Requests about the desk, with a role that is not enough for each, and the least that is.
fn at_the_desk() -> Vec<(Asking, Role, &'static str)> {
    let status = json!({ "status": "off" });
    let assign = json!({ "epoch": 0, "agent": "a1" });
    let end = json!({ "epoch": 0 });
    let verdict = json!({ "verdict": "upheld" });
    let says = json!({ "content": { "kind": "text", "text": "Hello" } });
    let faq = json!({ "question": "When?", "answer": "Soon" });
    let rate = "/response-rate?from=0&until=1";
    vec![
        (in_acme("GET", "/agents"), Role::Streamer, "agent"),
        (in_acme("PUT", "/agents/a1/status").json(status), Role::Service, "agent"),
        (in_acme("PUT", "/agents/a1/cap").json(json!({ "cap": 1 })), Role::Buyer, "agent"),
        (in_acme("GET", "/sessions?list=unassigned"), Role::Buyer, "agent"),
        (in_acme("GET", "/sessions/1"), Role::Streamer, "agent"),
        (in_acme("POST", "/sessions/1/assign").json(assign), Role::Agent, "supervisor"),
        (in_acme("POST", "/sessions/1/transfer").json(end.clone()), Role::Service, "agent"),
        (in_acme("POST", "/sessions/1/close").json(end.clone()), Role::Service, "agent"),
        (in_acme("POST", "/sessions/1/no-reply").json(end), Role::Streamer, "agent"),
        (in_acme("GET", "/sessions/1/reports"), Role::Buyer, "agent"),
        (
            in_acme("POST", "/sessions/1/reports").json(json!({ "reason": "spam" })),
            Role::Streamer,
            "agent",
        ),
        (
            in_acme("PUT", "/sessions/1/reports/p1/verdict").json(verdict),
            Role::Supervisor,
            "manager",
        ),
        (in_acme("GET", "/conversations/ann"), Role::Buyer, "agent"),
        (in_acme("GET", "/conversations/ann/messages"), Role::Streamer, "agent"),
        (in_acme("POST", "/conversations/ann/messages").json(says), Role::Buyer, "agent"),
        (in_acme("GET", "/conversations/ann/transcript"), Role::Agent, "supervisor"),
        (in_acme("GET", "/conversations/ann/transcript?download=1"), Role::Buyer, "supervisor"),
        (in_acme("PUT", "/conversations/ann/block"), Role::Streamer, "agent"),
        (in_acme("DELETE", "/conversations/ann/block"), Role::Buyer, "agent"),
        (in_acme("GET", "/messages?text=red"), Role::Streamer, "agent"),
        (in_acme("GET", "/faq"), Role::Buyer, "agent"),
        (in_acme("PUT", "/faq/q1").json(faq), Role::Agent, "supervisor"),
        (in_acme("DELETE", "/faq/q1"), Role::Agent, "supervisor"),
        (in_acme("PUT", "/faq-card").json(json!({ "questions": [] })), Role::Agent, "supervisor"),
        (in_acme("GET", "/quick-replies"), Role::Streamer, "agent"),
        (
            in_acme("PUT", "/quick-replies/t1").json(json!({ "text": "Hello" })),
            Role::Agent,
            "supervisor",
        ),
        (in_acme("DELETE", "/quick-replies/t1"), Role::Agent, "supervisor"),
        (in_acme("GET", "/holiday"), Role::Buyer, "agent"),
        (in_acme("PUT", "/holiday").json(json!({ "from": 0 })), Role::Agent, "supervisor"),
        (in_acme("DELETE", "/holiday"), Role::Streamer, "supervisor"),
        (in_acme("GET", "/desk-policy"), Role::Streamer, "agent"),
        (in_acme("PATCH", "/desk-policy").json(json!({ "cap": 1 })), Role::Supervisor, "manager"),
        (in_acme("GET", rate), Role::Agent, "supervisor"),
    ]
}

/// The same about prices, coupons and draws.
fn about_coupons() -> Vec<(Asking, Role, &'static str)> {
    let push = json!({ "room": "r1" });
    let grant = json!({ "buyers": ["ann"] });
    let quote = json!({ "basket": { "lines": [{ "sku": "mug-red", "quantity": 1 }] } });
    let rule = json!({ "title": "Sale", "effect": { "kind": "product_discount", "off_bps": 1 } });
    let draw =
        json!({ "spec": { "room": "r1", "title": "A mug", "winners": 1, "run_ms": 10_000 } });
    let refund = json!({ "refund": "f1", "units": [], "shipping": true,
        "stage": "after_shipment" });
    vec![
        (in_acme("POST", "/campaigns").json(two_off("c1")), Role::Streamer, "manager"),
        (in_acme("GET", "/campaigns"), Role::Buyer, "streamer"),
        (in_acme("GET", "/campaigns/c1"), Role::Buyer, "streamer"),
        (in_acme("POST", "/campaigns/c1/announce"), Role::Agent, "streamer"),
        (in_acme("POST", "/campaigns/c1/open"), Role::Buyer, "streamer"),
        (in_acme("POST", "/campaigns/c1/end"), Role::Supervisor, "streamer"),
        (in_acme("POST", "/campaigns/c1/push").json(push), Role::Agent, "streamer"),
        (in_acme("POST", "/campaigns/c1/revoke"), Role::Streamer, "manager"),
        (in_acme("POST", "/campaigns/c1/grants").json(grant), Role::Streamer, "agent"),
        (in_acme("POST", "/coupons/k1/revoke"), Role::Agent, "manager"),
        (in_acme("GET", "/buyers/ann/coupons"), Role::Buyer, "agent"),
        (in_acme("POST", "/buyers/ann/quotes").json(quote), Role::Streamer, "agent"),
        (in_acme("GET", "/price-rules"), Role::Buyer, "streamer"),
        (in_acme("PUT", "/price-rules/p1").json(rule), Role::Streamer, "manager"),
        (in_acme("DELETE", "/price-rules/p1"), Role::Supervisor, "manager"),
        (in_acme("PUT", "/stacking").json(json!({ "forbidden": [] })), Role::Manager, "service"),
        (in_acme("GET", "/capabilities"), Role::Buyer, "streamer"),
        (
            in_acme("PATCH", "/capabilities").json(json!({ "lucky_draws": true })),
            Role::Manager,
            "service",
        ),
        (in_acme("POST", "/orders/o1/refunds").json(refund), Role::Streamer, "manager"),
        (in_acme("POST", "/draws").json(draw), Role::Agent, "streamer"),
        (in_acme("GET", "/draws"), Role::Buyer, "streamer"),
        (in_acme("GET", "/draws/d1"), Role::Buyer, "streamer"),
        (in_acme("POST", "/draws/d1/close"), Role::Agent, "streamer"),
        (in_acme("GET", "/draws/d1/prizes"), Role::Streamer, "manager"),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_role_does_its_own() {
    let bench = bench().await;
    let version = bench.version().await;
    let shop = json!({ "shop": "acme", "name": "Acme", "currency": "USD" });
    let pay = json!({ "payment": "p1", "amount_minor": 1, "currency": "USD",
        "outcome": "succeeded" });
    let cancel = json!({ "reason": "fraud" });
    for (asking, role, needed) in [
        (ask("POST", "/v1/shops").json(shop), Role::Manager, "service"),
        (in_acme("POST", "/orders/o1/payments").json(pay), Role::Manager, "service"),
        (in_acme("POST", "/orders/o1/cancel").json(cancel), Role::Streamer, "manager"),
        (in_acme("PATCH", "").json(json!({ "name": "X" })), Role::Streamer, "manager"),
        (in_acme("PUT", "/products/mug").json(mug()), Role::Streamer, "manager"),
        (in_acme("GET", "/staff"), Role::Streamer, "manager"),
        (in_acme("GET", "/orders"), Role::Agent, "manager"),
        (in_acme("GET", "/events"), Role::Supervisor, "manager"),
        (in_acme("GET", "/buyers/ann"), Role::Agent, "manager"),
        (in_acme("DELETE", "/buyers/ann"), Role::Streamer, "manager"),
        (in_acme("POST", "/rooms/r1/start"), Role::Agent, "streamer"),
        (in_acme("GET", "/sales"), Role::Agent, "streamer"),
        (in_acme("GET", "/rooms/r1/dashboard"), Role::Buyer, "streamer"),
        (in_acme("GET", ""), Role::Buyer, "streamer"),
        (in_acme("PUT", "/rooms/r1/mutes/bob"), Role::Buyer, "streamer"),
    ]
    .into_iter()
    .chain(at_the_desk())
    .chain(about_coupons())
    {
        let refusal = bench.send(asking.by("sam", role)).await.refused(403, "forbidden");
        assert_eq!(refusal["needed"], needed, "{role:?}");
    }
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn somebody_the_shop_sent_away_reads_nothing_whatever_his_token_says() {
    let bench = bench().await;
    let put = in_acme("PUT", "/staff/sam").json(json!({ "roles": ["manager", "streamer"] }));
    bench.send(put).await.ok();
    let dashboard = json!({ "type": "room.dashboard", "shop": "acme", "room": "r1" });
    let unchanged = json!({ "type": "shop.settings", "shop": "acme", "command_id": "c1",
        "settings": { "min_presence_ms": 0 } });
    let asked = [(dashboard, Role::Streamer), (unchanged, Role::Manager)];
    for (fields, role) in &asked {
        bench.over_the_socket("sam", *role, fields).await.unwrap();
    }
    bench.send(in_acme("DELETE", "/staff/sam")).await.ok();
    for (fields, role) in &asked {
        let refusal = bench.over_the_socket("sam", *role, fields).await.unwrap_err();
        assert_eq!(refusal.code, Code::Forbidden, "{fields}");
    }
    bench
        .send(in_acme("GET", "/rooms/r1/dashboard").by("sam", Role::Streamer))
        .await
        .refused(403, "forbidden");
}

#[tokio::test(start_paused = true)]
async fn one_user_asks_so_often_and_no_more_whatever_others_do() {
    let bench = bench().await;
    let read = || ask("GET", "/v1/shops/acme").by("till", Role::Service);
    for _ in 0..400 {
        bench.send(read()).await.ok();
    }
    let refused = bench.send(read()).await;
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.refused(429, "rate_limited")["retry_after_ms"], 10);
    bench.send(ask("GET", "/v1/shops/acme").by("warehouse", Role::Service)).await.ok();
    tokio::time::advance(std::time::Duration::from_millis(10)).await;
    bench.send(read()).await.ok();
}
