//! Coupon campaigns run by a shop's system, by a streamer, by an agent; the coupons of a buyer.

use hawker_domain::Role;
use serde_json::{Value, json};

use crate::bench::{Asking, Bench, ask, bench, lasting_token};
use crate::desk::in_acme;
use crate::orders::{order, payment};

const DAY_MS: u64 = 86_400_000;

/// 2 off an order, one a buyer.
pub(crate) fn two_off(campaign: &str) -> Value {
    json!({ "campaign": campaign, "spec": {
        "title": "2 off",
        "discount": { "kind": "amount", "tiers": [{ "min_spend_minor": 0, "off_minor": 200 }] },
        "validity": { "kind": "for", "span_ms": DAY_MS },
        "claims_total": 100, "per_buyer": 1, "budget_minor": 100_000,
    } })
}

fn with(campaign: &str, field: &str, value: Value) -> Value {
    let mut body = two_off(campaign);
    body["spec"][field] = value;
    body
}

fn act(campaign: &str, verb: &str) -> Asking {
    in_acme("POST", &format!("campaigns/{campaign}/{verb}"))
}

/// A campaign that takes claims.
pub(crate) async fn open(bench: &Bench, body: Value) {
    let campaign = body["campaign"].as_str().unwrap().to_owned();
    bench.send(in_acme("POST", "campaigns").json(body)).await.ok();
    let opened = bench.send(act(&campaign, "open")).await.ok();
    assert_eq!(opened["campaign"]["state"], "open");
}

/// Claims over the buyer's socket; the coupon's id.
pub(crate) async fn claim(bench: &Bench, buyer: &str, campaign: &str) -> String {
    let answer = try_claim(bench, buyer, campaign).await;
    answer.unwrap_or_else(|code| panic!("{buyer}: {code}"))
}

async fn try_claim(bench: &Bench, buyer: &str, campaign: &str) -> Result<String, String> {
    let command = uuid::Uuid::now_v7().to_string();
    let fields = json!({ "type": "coupon.claim", "shop": "acme", "command_id": command,
        "campaign": campaign });
    match bench.over_the_socket(buyer, Role::Buyer, &fields).await {
        Ok(answer) => {
            let answer = serde_json::to_value(answer).unwrap();
            Ok(answer["coupon"]["coupon"].as_str().unwrap().to_owned())
        }
        Err(refusal) => Err(refusal.code.as_str().to_owned()),
    }
}

pub(crate) async fn coupons_of(bench: &Bench, buyer: &str) -> Value {
    bench.send(in_acme("GET", &format!("buyers/{buyer}/coupons"))).await.ok()
}

async fn shown(bench: &Bench, campaign: &str) -> Value {
    bench.send(in_acme("GET", &format!("campaigns/{campaign}"))).await.ok()
}

fn names(page: &Value) -> Vec<&str> {
    let all = page["campaigns"].as_array().unwrap().iter();
    all.map(|it| it["campaign"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_campaign_runs_from_draft_to_ended_and_what_was_claimed_stays_good() {
    let bench = bench().await;
    let created = bench.send(in_acme("POST", "campaigns").json(two_off("c1"))).await;
    assert_eq!(
        (created.status.as_u16(), &created.body["campaign"]["state"]),
        (201, &json!("draft"))
    );
    let again = in_acme("POST", "campaigns").json(two_off("c1"));
    bench.send(again).await.refused(409, "campaign_exists");
    let unplanned = bench.send(act("c1", "announce")).await;
    assert_eq!(unplanned.refused(400, "invalid_request")["field"], "opens_at");
    assert_eq!(try_claim(&bench, "ann", "c1").await.unwrap_err(), "too_early");
    bench.send(act("c1", "open").by("sue", Role::Streamer)).await.ok();
    let coupon = claim(&bench, "ann", "c1").await;
    let campaign = shown(&bench, "c1").await["campaign"].clone();
    assert_eq!((&campaign["counts"]["claimed"], &campaign["state"]), (&json!(1), &json!("open")));
    assert_eq!(campaign["money"]["claimed_minor"], 200);
    let ended = bench.send(act("c1", "end").by("sue", Role::Streamer)).await.ok();
    assert_eq!(ended["campaign"]["state"], "ended");
    for verb in ["announce", "open", "end"] {
        let refused = bench.send(act("c1", verb)).await.refused(409, "campaign_not_ready");
        assert_eq!(refused["state"], "ended", "{verb}");
    }
    assert_eq!(try_claim(&bench, "bob", "c1").await.unwrap_err(), "campaign_ended");
    let own = coupons_of(&bench, "ann").await;
    assert_eq!(own["coupons"][0]["coupon"], *coupon);
    assert_eq!(own["coupons"][0]["state"], json!({ "kind": "claimed" }));
    assert_eq!(own["offers"][0]["campaign"], "c1", "the campaign of his coupon");
    assert_eq!(coupons_of(&bench, "bob").await["coupons"], json!([]));
    let state = bench.send(in_acme("GET", "buyers/ann")).await.ok();
    assert_eq!(state["state"]["coupons"], own["coupons"]);
    let feed = bench.send(in_acme("GET", "events")).await.ok();
    let told = feed["events"].as_array().unwrap().iter().filter(|it| it["type"] == "promo");
    let named = told.flat_map(|it| it["data"].as_object().unwrap().keys());
    let names = ["campaign_created", "campaign_opened", "coupon_claimed", "campaign_ended"];
    assert!(named.eq(names), "{feed}");
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_of_a_room_shows_what_its_coupons_did_and_cost() {
    let bench = bench().await;
    open(&bench, two_off("c1")).await;
    claim(&bench, "ann", "c1").await;
    claim(&bench, "bob", "c1").await;
    order(&bench, "ann", "o1").await;
    let paid = in_acme("POST", "orders/o1/payments").json(payment("p1", 2_800));
    bench.send(paid).await.ok();
    let dashboard = bench.send(in_acme("GET", "rooms/r1/dashboard")).await.ok();
    let promo = &dashboard["promo"];
    assert_eq!((&promo["seller_minor"], &promo["platform_minor"]), (&json!(200), &json!(0)));
    let campaign = &promo["campaigns"][0];
    let counts = &campaign["counts"];
    assert_eq!((&counts["claimed"], &counts["used"]), (&json!(2), &json!(1)));
    assert_eq!(
        campaign["money"],
        json!({ "spent_minor": 200, "locked_minor": 0, "claimed_minor": 200 })
    );
}

#[tokio::test(start_paused = true)]
async fn an_announced_campaign_opens_by_itself() {
    let bench = bench().await;
    let opens_at = bench.now() + 60_000;
    let body = with("c1", "opens_at", json!(opens_at));
    bench.send(in_acme("POST", "campaigns").json(body)).await.ok();
    let announced = bench.send(act("c1", "announce")).await.ok();
    assert_eq!(announced["campaign"]["state"], "announced");
    let remind = json!({ "type": "coupon.remind", "shop": "acme", "command_id": "m1",
        "campaign": "c1" });
    bench.over_the_socket("ann", Role::Buyer, &remind).await.unwrap();
    assert_eq!(coupons_of(&bench, "ann").await["reminders"], json!(["c1"]));
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(shown(&bench, "c1").await["campaign"]["state"], "open");
    claim(&bench, "ann", "c1").await;
}

#[tokio::test(start_paused = true)]
async fn campaigns_are_listed_by_state_and_room_in_pages() {
    let bench = bench().await;
    let other = json!({ "room": "r2", "spec": { "title": "Cups", "streamer": "sue" } });
    bench.send(in_acme("POST", "rooms").json(other)).await.ok();
    for (campaign, room) in [("c1", "r1"), ("c2", "r1"), ("c3", "r2")] {
        let body = with(campaign, "rooms", json!({ "rooms": [room] }));
        bench.send(in_acme("POST", "campaigns").json(body)).await.ok();
    }
    bench.send(act("c2", "open")).await.ok();
    for (query, found) in [
        ("", vec!["c1", "c2", "c3"]),
        ("?state=open", vec!["c2"]),
        ("?room=r1", vec!["c1", "c2"]),
        ("?room=r1&state=draft", vec!["c1"]),
        ("?room=r9", vec![]),
    ] {
        let page = bench.send(in_acme("GET", &format!("campaigns{query}"))).await.ok();
        let mut listed = names(&page);
        listed.sort_unstable();
        assert_eq!((listed, &page["next"]), (found, &Value::Null), "{query}");
    }
    let first = bench.send(in_acme("GET", "campaigns?limit=2")).await.ok();
    let next = first["next"].as_str().unwrap();
    let rest = bench.send(in_acme("GET", &format!("campaigns?limit=2&cursor={next}"))).await.ok();
    let mut all = [names(&first), names(&rest)].concat();
    all.sort_unstable();
    assert_eq!((all, &rest["next"]), (vec!["c1", "c2", "c3"], &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn the_offers_of_a_buyer_come_in_pages_and_what_is_his_own_on_the_first() {
    let bench = bench().await;
    for campaign in ["c1", "c2", "c3"] {
        open(&bench, two_off(campaign)).await;
    }
    claim(&bench, "ann", "c3").await;
    let first = bench.send(in_acme("GET", "buyers/ann/coupons?limit=2")).await.ok();
    assert_eq!(first["coupons"][0]["campaign"], "c3");
    let next = first["next"].as_str().unwrap();
    let path = format!("buyers/ann/coupons?limit=2&cursor={next}");
    let rest = bench.send(in_acme("GET", &path)).await.ok();
    assert_eq!((&rest["coupons"], &rest["next"]), (&json!([]), &Value::Null));
    let offers = |page: &Value| page["offers"].as_array().unwrap().clone();
    let all = [offers(&first), offers(&rest)].concat();
    let seen: std::collections::BTreeSet<_> =
        all.iter().map(|offer| offer["campaign"].as_str().unwrap()).collect();
    assert_eq!(seen, ["c1", "c2", "c3"].into());
}

#[tokio::test(start_paused = true)]
async fn what_is_revoked_is_taken_back_once() {
    let bench = bench().await;
    open(&bench, two_off("c1")).await;
    let (of_ann, _) = (claim(&bench, "ann", "c1").await, claim(&bench, "bob", "c1").await);
    let one = || in_acme("POST", &format!("coupons/{of_ann}/revoke"));
    let revoked = bench.send(one()).await.ok();
    assert_eq!(revoked["coupon"]["state"], json!({ "kind": "revoked" }));
    assert_eq!(revoked["campaign"], Value::Null);
    let version = bench.version().await;
    assert_eq!(bench.send(one()).await.ok(), revoked);
    assert_eq!(bench.version().await, version);
    let unknown = in_acme("POST", "coupons/k9/revoke");
    bench.send(unknown).await.refused(404, "coupon_unknown");
    let all = bench.send(act("c1", "revoke")).await.ok();
    assert_eq!(all["campaign"]["state"], "revoked");
    assert_eq!(coupons_of(&bench, "bob").await["coupons"], json!([]));
    let campaign = shown(&bench, "c1").await["campaign"].clone();
    assert_eq!(campaign["counts"]["revoked"], 2);
    assert_eq!(campaign["money"]["claimed_minor"], 0);
    for verb in ["announce", "open", "end", "revoke"] {
        bench.send(act("c9", verb)).await.refused(404, "campaign_unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn a_campaign_is_pushed_to_a_room_that_is_on_air() {
    let bench = bench().await;
    let other = json!({ "room": "r2", "spec": { "title": "Cups", "streamer": "sue" } });
    bench.send(in_acme("POST", "rooms").json(other)).await.ok();
    let body = with("c1", "rooms", json!({ "rooms": ["r1"] }));
    bench.send(in_acme("POST", "campaigns").json(body)).await.ok();
    let push = |body: Value| act("c1", "push").by("sue", Role::Streamer).json(body);
    let early = bench.send(push(json!({ "room": "r1" }))).await;
    assert_eq!(early.refused(409, "room_not_ready")["state"], "scheduled");
    bench.send(in_acme("POST", "rooms/r1/start")).await.ok();
    let closed = bench.send(push(json!({ "room": "r1" }))).await;
    assert_eq!(closed.refused(409, "campaign_not_ready")["state"], "draft");
    bench.send(act("c1", "open")).await.ok();
    let elsewhere = bench.send(push(json!({ "room": "r2" }))).await;
    assert_eq!(elsewhere.refused(409, "campaign_not_in_room")["campaign"], "c1");
    bench.send(push(json!({ "room": "r9" }))).await.refused(404, "room_unknown");
    let strangers = json!([{ "audience": { "kind": "follower" }, "negated": true }]);
    let segment = json!({ "room": "r1", "segment": strangers });
    let window = json!([{ "audience": { "kind": "returning", "window_ms": 0 } }]);
    let empty = bench.send(push(json!({ "room": "r1", "segment": window }))).await;
    assert_eq!(empty.refused(400, "invalid_request")["field"], "window_ms");
    bench.send(push(segment)).await.ok();
    let pushed = bench.send(push(json!({ "room": "r1" }))).await.ok();
    assert_eq!(pushed["campaign"]["counts"]["pushes"], 2);
    bench.send(in_acme("POST", "rooms/r1/end")).await.ok();
    let late = bench.send(push(json!({ "room": "r1" }))).await;
    late.refused(409, "room_ended");
}

#[tokio::test(start_paused = true)]
async fn an_agent_lets_a_buyer_claim_whom_the_audience_leaves_out() {
    let bench = bench().await;
    let named = json!([{ "audience": { "kind": "named", "buyers": ["zoe"] } }]);
    open(&bench, with("c1", "audience", named.clone())).await;
    let detail = shown(&bench, "c1").await;
    assert_eq!(detail["audience"][0]["audience"], named[0]["audience"]);
    let offer = &coupons_of(&bench, "ann").await["offers"][0];
    assert!(!offer.to_string().contains("zoe"), "{offer}");
    assert_eq!(try_claim(&bench, "ann", "c1").await.unwrap_err(), "not_eligible");
    let grant = |buyers: Value| act("c1", "grants").json(json!({ "buyers": buyers }));
    let granted = bench.send(grant(json!(["ann", "bob"])).by("a1", Role::Agent)).await.ok();
    assert_eq!(granted["campaign"]["counts"]["granted"], 2);
    let again = bench.send(grant(json!(["ann"]))).await.ok();
    assert_eq!(again["campaign"]["counts"]["granted"], 2);
    assert_eq!(coupons_of(&bench, "ann").await["granted"], json!(["c1"]));
    claim(&bench, "ann", "c1").await;
    let nobody = bench.send(grant(json!([]))).await;
    assert_eq!(nobody.refused(400, "invalid_request")["field"], "buyers");
    let most: Vec<String> = (0..1_000).map(|number| format!("buyer-{number}")).collect();
    let granted = bench.send(grant(json!(most))).await.ok();
    assert_eq!(granted["campaign"]["counts"]["granted"], 1_002);
    bench.send(act("c1", "end")).await.ok();
    bench.send(grant(json!(["cat"]))).await.refused(409, "campaign_ended");
}

#[tokio::test(start_paused = true)]
async fn an_archived_campaign_is_listed_no_more_and_still_shown() {
    let bench = bench().await;
    open(&bench, two_off("c1")).await;
    bench.send(act("c1", "end")).await.ok();
    let last = shown(&bench, "c1").await;
    tokio::time::advance(std::time::Duration::from_secs(9 * 86_400)).await;
    let late = |method, path: &str| ask(method, path).token(lasting_token());
    let list = bench.send(late("GET", "/v1/shops/acme/campaigns")).await.ok();
    assert_eq!(list["campaigns"], json!([]));
    let detail = bench.send(late("GET", "/v1/shops/acme/campaigns/c1")).await.ok();
    assert_eq!(detail, last);
    let unknown = bench.send(late("GET", "/v1/shops/acme/campaigns/c9")).await;
    unknown.refused(404, "campaign_unknown");
    let gone = bench.send(late("POST", "/v1/shops/acme/campaigns/c1/end")).await;
    gone.refused(404, "campaign_unknown");
}

#[tokio::test(start_paused = true)]
async fn platform_money_is_the_platforms_to_spend() {
    let bench = bench().await;
    let body = with("c1", "funder", json!("platform"));
    let manager = in_acme("POST", "campaigns").by("max", Role::Manager).json(body.clone());
    assert_eq!(bench.send(manager).await.refused(403, "forbidden")["needed"], "service");
    open(&bench, body).await;
    let coupon = claim(&bench, "ann", "c1").await;
    for path in ["campaigns/c1/revoke".to_owned(), format!("coupons/{coupon}/revoke")] {
        let manager = in_acme("POST", &path).by("max", Role::Manager);
        assert_eq!(bench.send(manager).await.refused(403, "forbidden")["needed"], "service");
    }
    let other = json!({ "room": "r2", "spec": { "title": "Cups", "streamer": "tom" } });
    bench.send(in_acme("POST", "rooms").json(other)).await.ok();
    let foreign = bench.send(act("c1", "end").by("sue", Role::Streamer)).await;
    assert_eq!(foreign.refused(403, "forbidden")["needed"], "manager", "it runs in r2, too");
}
