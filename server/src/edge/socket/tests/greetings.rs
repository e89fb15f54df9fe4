//! Who is let in, for how long, and what ends a conversation.

use super::*;
use crate::edge::revoke::{self, Revoker};

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed_after_the_hello_timeout() {
    let house = House::open().await;
    let mut guest = house.connect();
    pass(Duration::from_millis(9_990)).await;
    assert_eq!(guest.hears().await, [Value::Null; 0]);
    pass(Duration::from_millis(120)).await;
    guest.is_closed_with(4500).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_before_hello() {
    let house = House::open().await;
    let mut guest = house.connect();
    let line = guest.line("ping", json!({ "t0": 1 }));
    guest.client.text(&line);
    let heard = guest.hears().await;
    assert_eq!(code(&heard[0]), "hello_first");
    assert_eq!(heard[1]["close"], 4500);
    let mut garbled = house.connect();
    garbled.client.text("{");
    garbled.is_closed_with(4500).await;
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_and_an_old_one_are_told_apart() {
    let house = House::open().await;
    let old = house.token_at("ann", HOUR, START - SpanMs::hours(2));
    let forged = format!("{}A", house.token("ann", HOUR));
    for (token, refusal, close) in [(forged, "unauthorized", 4501), (old, "token_expired", 4401)] {
        let mut guest = house.connect();
        let line = guest.line("hello", json!({ "token": token }));
        guest.client.text(&line);
        let heard = guest.hears().await;
        assert_eq!((code(&heard[0]), &heard[1]["close"]), (refusal, &close.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_hello_is_refused_and_the_first_holds() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let again = ann.hello(&house.token("bob", HOUR), json!([])).await;
    assert_eq!(code(&again), "already_identified");
    assert_eq!(ann.ask("ping", json!({ "t0": 7 })).await["ok"]["t0"], 7);
}

#[tokio::test(start_paused = true)]
async fn staff_that_falls_silent_is_given_up_within_20_s_and_a_buyer_later() {
    let house = House::open().await;
    let mut ann = house.connect();
    let welcome = ann.hello(&house.token("ann", HOUR), json!([])).await;
    assert_eq!(welcome["ok"]["ping_ms"], 25_000);
    let (roles, shops) = (vec![Role::Agent], vec![shop_id()]);
    let grant = Grant { user: user_id("bea"), name: None, roles, shops, sid: None, ttl: HOUR };
    let mut bea = house.connect();
    let token = house.minter.mint(&grant, house.clock.now()).unwrap();
    let welcome = bea.hello(&token, json!([])).await;
    assert_eq!(welcome["ok"]["ping_ms"], 10_000);
    pass(Duration::from_secs(20)).await;
    bea.is_closed_with(4409).await;
    assert_eq!(ann.hears().await, [Value::Null; 0]);
    pass(Duration::from_secs(15)).await;
    ann.is_closed_with(4409).await;
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_connections_and_one_more_is_turned_away() {
    let house = House::open().await;
    let mut guests = Vec::new();
    for _ in 0..8 {
        guests.push(house.guest("ann").await);
    }
    let mut ninth = house.connect();
    assert_eq!(
        code(&ninth.hello(&house.token("ann", HOUR), json!([])).await),
        "too_many_connections"
    );
    house.guest("bob").await;
    guests.pop().unwrap().client.vanish();
    settle().await;
    house.guest("ann").await;
}

#[tokio::test(start_paused = true)]
async fn regression_an_expired_token_answers_nothing_and_is_cut_off_after_one_grace() {
    // Every message after the end began the grace anew.
    let house = House::open().await;
    let mut ann = house.connect();
    ann.hello(&house.token("ann", SpanMs::minutes(1)), json!([])).await;
    ann.idle(Duration::from_secs(61)).await;
    let late = ann.ask("shop.follow", json!({ "shop": "acme", "command_id": "f1" })).await;
    assert_eq!(code(&late), "token_expired");
    ann.idle(GRACE - Duration::from_secs(2)).await;
    assert_eq!(ann.ask("ping", json!({ "t0": 7 })).await["ok"]["t0"], 7);
    pass(Duration::from_millis(2_100)).await;
    ann.is_closed_with(4401).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_goes_on_for_the_same_user_only() {
    let house = House::open().await;
    let mut ann = house.connect();
    ann.hello(&house.token("ann", SpanMs::minutes(1)), json!([])).await;
    let old = house.token_at("ann", HOUR, START - SpanMs::hours(2));
    let refused = ann.ask("refresh", json!({ "token": old })).await;
    assert_eq!(code(&refused), "token_expired");
    let refused = ann.ask("refresh", json!({ "token": house.token("bob", HOUR) })).await;
    assert_eq!(code(&refused), "forbidden");
    ann.idle(Duration::from_secs(70)).await;
    let fresh = house.token("ann", HOUR);
    let refreshed = ann.ask("refresh", json!({ "token": fresh })).await;
    assert_eq!(refreshed["ok"]["expires_at"], (START + SpanMs::seconds(3_670)).0);
    ann.idle(GRACE).await;
    let followed = ann.ask("shop.follow", json!({ "shop": "acme", "command_id": "f1" })).await;
    assert_eq!(code(&followed), "accepted");
}

#[tokio::test(start_paused = true)]
async fn past_its_rate_a_client_is_told_how_long_to_wait_and_then_closed() {
    let house = House::with(3).await;
    let mut ann = house.guest("ann").await;
    for _ in 0..3 {
        assert_eq!(code(&ann.ask("ping", json!({ "t0": 1 })).await), "accepted");
    }
    let excess = ann.ask("ping", json!({ "t0": 1 })).await;
    assert_eq!(code(&excess), "rate_limited");
    let wait_ms = excess["error"]["retry_after_ms"].as_u64().unwrap();
    pass(Duration::from_millis(wait_ms)).await;
    assert_eq!(code(&ann.ask("ping", json!({ "t0": 1 })).await), "accepted");
    for _ in 0..18 {
        assert_eq!(code(&ann.ask("ping", json!({ "t0": 1 })).await), "rate_limited");
    }
    let last = ann.line("ping", json!({ "t0": 1 }));
    ann.client.text(&last);
    ann.is_closed_with(4429).await;
}

#[tokio::test(start_paused = true)]
async fn lines_that_cannot_be_read_are_refused_one_by_one_and_then_end_it() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    for _ in 0..19 {
        ann.client.text("{]");
        let heard = ann.hears().await;
        assert_eq!((heard.len(), code(&heard[0])), (1, "invalid_json"));
    }
    ann.client.text(r#"{"id":5,"type":"no.such"}"#);
    let heard = ann.hears().await;
    assert_eq!(code(&heard[0]), "unknown_request");
    assert_eq!(heard[1]["close"], 4509);
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_when_to_come_back_and_closes() {
    let house = House::open().await;
    let (mut ann, mut stranger) = (house.guest("ann").await, house.connect());
    settle().await;
    house.around.drain.cancel();
    let heard = ann.hears().await;
    assert_eq!(heard[0]["type"], "drain");
    assert!(heard[0]["after_ms"].as_u64().unwrap() < 20_000, "{heard:?}");
    assert_eq!(heard[1]["close"], 1012);
    stranger.is_closed_with(1012).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_away_is_closed_at_once_and_his_token_counts_no_more() {
    let house = House::open().await;
    let grant = Grant {
        user: user_id("ann"),
        name: None,
        roles: vec![Role::Buyer],
        shops: vec![],
        sid: Some("s1".to_owned()),
        ttl: HOUR,
    };
    let token = house.minter.mint(&grant, house.clock.now()).unwrap();
    let (mut ann, mut bob) = (house.connect(), house.guest("bob").await);
    ann.hello(&token, json!([])).await;
    let revoker = Revoker::new(house.around.service.clone(), house.around.hub.clone());
    let admin = revoke::router(Arc::new(revoker), house.around.nodes.clone());
    let body = json!({ "sid": "s1", "user": "ann" }).to_string();
    let request = http::Request::post("/revocations").header("content-type", "application/json");
    let request = request.body(axum::body::Body::from(body)).unwrap();
    let response = tower::ServiceExt::oneshot(admin, request).await.unwrap();
    assert_eq!(response.status(), 200);
    ann.is_closed_with(hawker_protocol::CloseCode::Forbidden.number()).await;
    let mut again = house.connect();
    assert_eq!(code(&again.hello(&token, json!([])).await), "unauthorized");
    assert_eq!(code(&bob.ask("ping", json!({ "t0": 1 })).await), "accepted");
}
