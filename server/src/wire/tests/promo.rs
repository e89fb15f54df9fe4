//! Prices, coupons and draws, translated both ways.

use hawker_domain::command::{Capabilities, Commitment, PromoCommand, SaleCommand, Stacking};
use hawker_domain::id::CampaignId;
use hawker_domain::money::{Currency, Minor};
use hawker_domain::view::PromoChange;
use hawker_domain::view::promo::{
    CampaignCounts, CampaignMoney, CampaignState, CampaignView, CouponState, CouponView, DrawState,
    DrawView, PooledView, PrizeState, RuleView, WatchTaskView, WinnerView,
};

use super::*;
use crate::wire::from_promo::{campaign_spec, coupon_id, rule_id, rule_spec};

fn promised() -> Commitment {
    Commitment { seed_hash: "0".repeat(64), sealed: vec![7; 60] }
}

fn named(id: &str) -> hawker_protocol::Id {
    hawker_protocol::Id::checked(id.into())
}

/// The command of a request about promotions and the roles that may send it.
fn asked(fields: &str) -> (PromoCommand, &'static [Role]) {
    let (user, promise) = (user("ann"), promised());
    let ask = Ask {
        user: &user,
        name: "Ann",
        present_ms: SpanMs(0),
        attachment: None,
        commitment: Some(&promise),
    };
    let translated = translate(&request(fields), &ask);
    let Translated { command, roles } = translated.unwrap_or_else(|| panic!("{fields}"));
    let Command::Promo(command) = command else { panic!("{fields}: {command:?}") };
    (command, roles)
}

fn spec(discount: &Value, task: &Value, audience: &Value, validity: &Value) -> Value {
    json!({
        "title": "Off", "funder": "platform", "discount": discount,
        "items": { "skus": ["red"] }, "rooms": { "rooms": ["r1"] }, "audience": audience,
        "task": task, "announce_at": 5, "opens_at": 6, "closes_at": 7, "validity": validity,
        "claims_total": 10, "per_buyer": 2, "budget_minor": 3000, "stack_class": "exclusive",
        "reminder_text": "Soon",
    })
}

fn view(spec: hawker_domain::command::CampaignSpec) -> CampaignView {
    CampaignView {
        campaign: CampaignId::parse("c1").unwrap(),
        opens_at: spec.opens_at,
        closes_at: spec.closes_at,
        spec,
        state: CampaignState::Open,
        currency: Currency::parse("USD").unwrap(),
        counts: CampaignCounts { claimed: 4, used: 1, ..CampaignCounts::default() },
        money: CampaignMoney { spent_minor: Minor(9), ..CampaignMoney::default() },
        version: 3,
    }
}

fn discounts() -> [Value; 4] {
    [
        json!({ "kind": "amount", "tiers": [
            { "min_spend_minor": 1000, "off_minor": 300 },
            { "min_spend_minor": 2000, "off_minor": 700 },
        ] }),
        json!({ "kind": "percent", "max_discount_minor": 900,
            "tiers": [{ "min_spend_minor": 0, "off_bps": 800 }] }),
        json!({ "kind": "fixed_price", "max_discount_minor": 900,
            "tiers": [{ "min_spend_minor": 0, "price_minor": 99 }] }),
        json!({ "kind": "free_shipping", "min_spend_minor": 500, "max_discount_minor": 599 }),
    ]
}

#[test]
fn a_campaign_is_shown_as_it_was_described() {
    let tasks = [
        json!({ "kind": "none" }),
        json!({ "kind": "follow" }),
        json!({ "kind": "comment", "keyword": "mug" }),
        json!({ "kind": "watch", "needed_ms": 60_000 }),
        json!({ "kind": "purchase" }),
    ];
    let audience = json!([
        { "audience": { "kind": "new_buyer", "window_ms": 1000 }, "negated": true },
        { "audience": { "kind": "returning", "window_ms": 2000 }, "negated": false },
        { "audience": { "kind": "follower" }, "negated": false },
        { "audience": { "kind": "new_follower" }, "negated": false },
        { "audience": { "kind": "new_follower", "window_ms": 3000 }, "negated": false },
        { "audience": { "kind": "named", "buyers": ["ann", "bob"] }, "negated": false },
        { "audience": { "kind": "room_viewer" }, "negated": false },
    ]);
    let validities =
        [json!({ "kind": "until", "at": 99 }), json!({ "kind": "for", "span_ms": 3_600_000 })];
    for discount in discounts() {
        for (task, validity) in tasks.iter().zip(validities.iter().cycle()) {
            is_shown_as(&spec(&discount, task, &audience, validity));
        }
    }
}

fn is_shown_as(asked: &Value) {
    let read: object::CampaignSpec = serde_json::from_value(asked.clone()).unwrap();
    let view = view(campaign_spec(&read));
    let shown = serde_json::to_value(campaign(&view)).unwrap();
    let fields = asked.as_object().unwrap().iter().filter(|(field, _)| *field != "audience");
    fields.for_each(|(field, value)| assert_eq!(shown[field], *value, "{field} of {asked}"));
    let first = json!({ "kind": "new_buyer", "negated": true, "window_ms": 1000 });
    assert_eq!(shown["audience"][0], first);
    assert!(!shown.to_string().contains("bob"), "names are not shown: {shown}");
    let detail = serde_json::to_value(campaign_detail(&view)).unwrap();
    assert_eq!(detail["audience"], asked["audience"]);
    let offer = serde_json::to_value(offer(&view)).unwrap();
    assert_eq!((&offer["left"], &offer["discount"]), (&json!(6), &asked["discount"]));
    assert!(offer.get("money").is_none() && !offer.to_string().contains("bob"));
}

#[test]
fn a_price_rule_is_shown_as_it_was_described() {
    for effect in [
        json!({ "kind": "product_discount", "off_bps": 1000 }),
        json!({ "kind": "flash_price", "price_minor": 5 }),
        json!({ "kind": "campaign_price", "price_minor": 6 }),
        json!({ "kind": "creator_flash", "price_minor": 7 }),
        json!({ "kind": "live_fixed", "price_minor": 8 }),
        json!({ "kind": "items_discount", "units_min": 3, "off_bps": 500 }),
        json!({ "kind": "subsidy", "per_unit_minor": 1, "per_buyer": 2, "budget_minor": 3 }),
        json!({ "kind": "free_shipping", "min_goods_minor": 4 }),
    ] {
        let asked = json!({
            "title": "Off", "effect": effect, "items": { "skus": ["red"] }, "starts_at": 1,
            "live_only": { "rooms": ["r1"] }, "ends_at": 2,
        });
        let read: object::RuleSpec = serde_json::from_value(asked.clone()).unwrap();
        let view = RuleView {
            rule: rule_id(&named("p1")),
            spec: rule_spec(&read),
            spent_minor: Minor(4),
            currency: Currency::parse("USD").unwrap(),
            version: 1,
        };
        let shown = serde_json::to_value(price_rule(&view)).unwrap();
        assert_eq!(shown["spec"], asked);
    }
}

#[test]
fn each_request_is_its_command_and_its_door_lets_in_who_may() {
    let campaign = spec(
        &discounts()[0],
        &json!({ "kind": "none" }),
        &json!([]),
        &json!({
            "kind": "for", "span_ms": 1,
        }),
    );
    let own = campaign.to_string().replace("platform", "seller");
    let draw = r#"{"room":"r1","title":"A mug","winners":1,"run_ms":30000}"#;
    let rows: [(String, &[Role]); 16] = [
        (format!(r#""type":"coupon.create","command_id":"c","spec":{campaign}"#), PLATFORM),
        (format!(r#""type":"coupon.create","command_id":"c","spec":{own}"#), KEEPERS),
        (r#""type":"coupon.announce","command_id":"c","campaign":"c1""#.into(), HOSTS),
        (r#""type":"coupon.open","command_id":"c","campaign":"c1""#.into(), HOSTS),
        (r#""type":"coupon.push","command_id":"c","campaign":"c1","room":"r1""#.into(), HOSTS),
        (r#""type":"coupon.end","command_id":"c","campaign":"c1""#.into(), HOSTS),
        (r#""type":"coupon.revoke","command_id":"c","of":{"campaign":"c1"}"#.into(), KEEPERS),
        (r#""type":"coupon.revoke","command_id":"c","of":{"coupon":"k1"}"#.into(), KEEPERS),
        (r#""type":"coupon.claim","command_id":"c","campaign":"c1""#.into(), BUYER),
        (r#""type":"coupon.remind","command_id":"c","campaign":"c1""#.into(), BUYER),
        (r#""type":"price.rule_end","command_id":"c","rule":"p1""#.into(), KEEPERS),
        (
            r#""type":"price.stacking","command_id":"c","forbidden":[["flash","subsidy"]]"#.into(),
            PLATFORM,
        ),
        (format!(r#""type":"draw.create","command_id":"c","spec":{draw}"#), HOSTS),
        (r#""type":"draw.enter","command_id":"c","draw":"d1""#.into(), BUYER),
        (
            r#""type":"draw.address","command_id":"c","draw":"d1","address":{"name":"Ann",
            "phone":"1","lines":["Street 1"],"city":"C","postcode":"1","country":"US"}"#
                .into(),
            BUYER,
        ),
        (
            r#""type":"price.rule_set","command_id":"c","spec":{"title":"x",
            "effect":{"kind":"subsidy","per_unit_minor":1,"per_buyer":1,"budget_minor":1}}"#
                .into(),
            PLATFORM,
        ),
    ];
    for (fields, wanted) in &rows {
        assert_eq!(asked(fields).1, *wanted, "{fields}");
        assert_eq!(asked(fields).0, asked(fields).0, "a repetition makes the same: {fields}");
    }
    let granted =
        asked(r#""type":"coupon.grant","command_id":"c","campaign":"c1","buyers":["bob"]"#);
    assert!(granted.1.contains(&Role::Agent) && !granted.1.contains(&Role::Buyer));
}

#[test]
fn what_is_drawn_carries_the_promise_and_without_one_is_no_command() {
    let draw = r#""type":"draw.create","command_id":"c","draw":"d1",
        "spec":{"room":"r1","title":"A mug","winners":1,"run_ms":30000}"#;
    let sale = r#""type":"sale.create","command_id":"c","spec":{"title":"Flash",
        "draw_window_ms":2000,"items":[{"sku":"red","total":3,"per_buyer":1,"price_minor":900}]}"#;
    let plain = sale.replace(r#""draw_window_ms":2000,"#, "");
    assert!(needs_seed(&request(draw)) && needs_seed(&request(sale)));
    assert!(!needs_seed(&request(&plain)));
    let PromoCommand::StartDraw { spec, .. } = asked(draw).0 else { panic!() };
    assert_eq!((spec.commitment, spec.address_ms), (promised(), SpanMs::hours(48)));
    let (user, promise) = (user("ann"), promised());
    for (commitment, drawn) in [(Some(&promise), true), (None, false)] {
        let ask =
            Ask { user: &user, name: "Ann", present_ms: SpanMs(0), attachment: None, commitment };
        assert_eq!(translate(&request(draw), &ask).is_some(), drawn);
        assert_eq!(translate(&request(sale), &ask).is_some(), drawn, "never sold as it comes");
        let made = translate(&request(&plain), &ask).unwrap().command;
        let Command::Sale(SaleCommand::Create { spec, .. }) = made else { panic!() };
        assert_eq!(spec.draw, None);
    }
}

fn answered(fields: &str, change: PromoChange) -> Value {
    let answer = answer(&request(fields), &[], Some(Change::Promo(change)), false);
    serde_json::to_value(answer.unwrap()).unwrap()
}

fn coupon_view() -> CouponView {
    CouponView {
        coupon: coupon_id(&named("k1")),
        campaign: CampaignId::parse("c1").unwrap(),
        buyer: user("ann"),
        state: CouponState::Revoked,
        worst_minor: Minor(300),
        currency: Currency::parse("USD").unwrap(),
        expires_at: Millis(5),
        version: 2,
    }
}

#[test]
fn a_yes_shows_what_there_is_now() {
    let of_campaign = r#""type":"coupon.revoke","command_id":"c","of":{"campaign":"c1"}"#;
    let of_coupon = r#""type":"coupon.revoke","command_id":"c","of":{"coupon":"k1"}"#;
    let claim = r#""type":"coupon.claim","command_id":"c","campaign":"c1""#;
    let read: object::CampaignSpec = serde_json::from_value(spec(
        &discounts()[0],
        &json!({ "kind": "none" }),
        &json!([]),
        &json!({ "kind": "until", "at": 9 }),
    ))
    .unwrap();
    let campaign = || PromoChange::Campaign(Box::new(view(campaign_spec(&read))));
    assert_eq!(answered(of_campaign, campaign())["campaign"]["campaign"], "c1");
    let opened = r#""type":"coupon.open","command_id":"c","campaign":"c1""#;
    assert_eq!(answered(opened, campaign())["campaign"]["counts"]["claimed"], 4);
    let coupon = || PromoChange::Coupon(coupon_view());
    assert_eq!(answered(of_coupon, coupon())["coupon"]["state"]["kind"], "revoked");
    assert_eq!(answered(claim, coupon())["coupon"]["worst_minor"], 300);
    let stacking = r#""type":"price.stacking","command_id":"c","forbidden":[]"#;
    let changed = answered(stacking, PromoChange::Stacking(Stacking::default()));
    assert_eq!(changed["stacking"]["version"], 1);
    let allowed = PromoChange::Capabilities(Capabilities { lucky_draws: true });
    let asked = r#""type":"shop.capabilities","command_id":"c""#;
    assert_eq!(answered(asked, allowed)["capabilities"]["lucky_draws"], true);
    let pooled = PooledView {
        reservation: hawker_domain::id::ReservationId::parse("v1").unwrap(),
        sale: hawker_domain::id::SaleId::parse("s1").unwrap(),
        sku: hawker_domain::id::SkuId::parse("red").unwrap(),
        buyer: user("ann"),
        quantity: 1,
        price_minor: Minor(900),
        currency: Currency::parse("USD").unwrap(),
    };
    let claim = r#""type":"sale.claim","command_id":"c","room":"r1","sale":"s1","sku":"red",
        "quantity":1"#;
    let claimed = answered(claim, PromoChange::Pooled(pooled));
    assert_eq!(claimed["reservation"]["state"]["kind"], "pooled");
    let remind = r#""type":"coupon.remind","command_id":"c","campaign":"c1""#;
    assert_eq!(
        serde_json::to_value(answer(&request(remind), &[], None, false).unwrap()).unwrap(),
        json!({})
    );
}

#[test]
fn a_draw_shows_some_winners_in_a_room_and_all_where_it_is_checked() {
    let winner = |number: usize| WinnerView {
        buyer: user(&format!("b{number:03}")),
        prize: PrizeState::Open { address_by: Millis(9) },
    };
    let mut view = DrawView {
        draw: draw_id(&named("d1")),
        room: room_id(&named("r1")),
        title: "A mug".to_owned(),
        state: DrawState::Drawn,
        winners_max: 60,
        task: hawker_domain::command::Task::None,
        closes_at: Millis(5),
        seed_hash: "0".repeat(64),
        entries: 60,
        eligible: (0..60).map(|number| user(&format!("b{number:03}"))).collect(),
        seed: Some("1".repeat(64)),
        winners: (0..60).map(winner).collect(),
        passed_over: vec![user("zoe")],
        version: 4,
    };
    assert_eq!(draw(&view, DRAW_WINNERS_SHOWN).winners.len(), 50);
    let detail = draw_detail(&view);
    assert_eq!((detail.draw.winners.len(), detail.eligible.len()), (60, 60));
    assert_eq!(detail.passed_over[0].as_str(), "zoe");
    view.state = DrawState::Running;
    assert_eq!(draw(&view, 50).eligible, None, "nobody knows before the close");
}

#[test]
fn a_dashboard_sums_by_who_pays() {
    let of = |funder: &str, spent| {
        let fields = spec(
            &discounts()[0],
            &json!({ "kind": "watch", "needed_ms": 10_000 }),
            &json!([]),
            &json!({ "kind": "until", "at": 9 }),
        );
        let fields = fields.to_string().replace("platform", funder);
        let read: object::CampaignSpec = serde_json::from_str(&fields).unwrap();
        let mut view = view(campaign_spec(&read));
        view.money.spent_minor = Minor(spent);
        let campaign = view.campaign.clone();
        let watch = WatchTaskView { campaign, started: 2, watched_ms: SpanMs(500) };
        (view, Some(watch))
    };
    let promo = dashboard_promo(&[of("seller", 30), of("platform", 5), of("seller", 7)]);
    assert_eq!((promo.seller_minor.0, promo.platform_minor.0), (37, 5));
    assert_eq!((promo.watched_ms.0, promo.campaigns.len()), (1_500, 3));
}
