//! Prices with their explanation, coupons at the till, and every no about promotions.

use hawker_domain::command::{
    Capabilities, CouponChoice, OrderCommand, PromoCommand, RuleKind, SaleCommand, StackClass, Task,
};
use hawker_domain::id::{CampaignId, CouponId, DrawId, OrderId, ReservationId, RuleId, SaleId};
use hawker_domain::id::{RoomId, SkuId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::shop::price::{
    Because, Funder, Layer, NotApplied, Part, PriceSource, Quote, QuoteLine, UsedCoupon,
};
use hawker_domain::view::PromoChange;
use hawker_domain::view::promo::{
    AudienceKind, CampaignState, CouponHolder, CouponState, CouponView, DrawState, DrawView,
    PooledView, ProgressView, PromoBuyerView, RuleView,
};
use hawker_domain::view::{BuyerView, WaitingState, WaitingView};

use super::*;

/// What makes something of the promotions; the ids of what is made are left out.
const MAKING: [&str; 6] = [
    r#""type":"price.rule_set","command_id":"$","spec":{"title":"x",
        "effect":{"kind":"product_discount","off_bps":100}}"#,
    r#""type":"coupon.create","command_id":"$","spec":{"title":"Off","funder":"seller",
        "discount":{"kind":"amount","tiers":[{"min_spend_minor":0,"off_minor":100}]},
        "validity":{"kind":"for","span_ms":1},"claims_total":1,"per_buyer":1,
        "budget_minor":100}"#,
    r#""type":"coupon.claim","command_id":"$","campaign":"c1","room":"r1""#,
    r#""type":"draw.create","command_id":"$",
        "spec":{"room":"r1","title":"A mug","winners":1,"run_ms":30000}"#,
    r#""type":"sale.claim","command_id":"$","room":"r1","sale":"s1","sku":"red","quantity":1"#,
    r#""type":"order.place","command_id":"$","basket":{"reservations":["v1"]},
        "address":{"name":"Ann","phone":"1","lines":["Street 1"],"city":"C","postcode":"1",
        "country":"US"}"#,
];

fn asked(fields: &str, name: &str) -> Translated {
    let (user, sealed) = (user(name), vec![7; 60]);
    let promise = hawker_domain::command::Commitment { seed_hash: "0".repeat(64), sealed };
    let ask = Ask {
        user: &user,
        name: "Ann",
        present_ms: SpanMs(0),
        attachment: None,
        commitment: Some(&promise),
    };
    translate(&request(fields), &ask).unwrap_or_else(|| panic!("{fields} is no command"))
}

#[test]
fn what_is_made_without_a_name_follows_from_who_sent_which_command() {
    for fields in MAKING {
        let made = |command: &str, name| asked(&fields.replace('$', command), name).command;
        assert_eq!(made("c1", "bea"), made("c1", "bea"), "{fields}");
        assert_ne!(made("c1", "bea"), made("c2", "bea"), "{fields}");
        assert_ne!(made("c1", "bea"), made("c1", "cat"), "{fields}");
    }
    let rule = asked(&MAKING[0].replace('$', r#"c","rule":"p1"#), "bea").command;
    let Command::Promo(PromoCommand::PutRule { rule, spec }) = rule else { panic!("{rule:?}") };
    assert_eq!((rule.as_str(), spec.kind), ("p1", RuleKind::ProductDiscount { off_bps: 100 }));
}

#[test]
fn coupons_are_the_best_ones_or_those_that_are_named() {
    let best_and_named = |fields: &str, read: &dyn Fn(Command) -> CouponChoice| {
        let these = CouponChoice::These(vec![coupon_id("k1"), coupon_id("k2")]);
        assert_eq!(read(command(fields)), CouponChoice::Best, "{fields}");
        let best = format!(r#"{fields},"coupons":"best""#);
        assert_eq!(read(command(&best)), CouponChoice::Best, "{fields}");
        let named = format!(r#"{fields},"coupons":["k1","k2"]"#);
        assert_eq!(read(command(&named)), these, "{fields}");
        let none = format!(r#"{fields},"coupons":[]"#);
        assert_eq!(read(command(&none)), CouponChoice::These(Vec::new()), "{fields}");
    };
    best_and_named(&MAKING[4].replace('$', "c"), &|command| match command {
        Command::Sale(SaleCommand::Claim(claim)) => claim.coupons,
        other => panic!("{other:?}"),
    });
    best_and_named(&MAKING[5].replace('$', "c"), &|command| match command {
        Command::Order(OrderCommand::Place { coupons, .. }) => coupons,
        other => panic!("{other:?}"),
    });
    let anew = r#""type":"order.coupons","command_id":"c","order":"o1","coupons":["k1"]"#;
    let order = OrderId::parse("o1").unwrap();
    let coupons = CouponChoice::These(vec![coupon_id("k1")]);
    assert_eq!(command(anew), Command::Order(OrderCommand::ChangeCoupons { order, coupons }));
    assert_eq!(translated(anew, "ann").roles, BUYER);
}

#[test]
fn what_only_reads_or_needs_the_edge_is_no_command() {
    let (user, present_ms) = (user("ann"), SpanMs(0));
    let ask = Ask { user: &user, name: "Ann", present_ms, attachment: None, commitment: None };
    for fields in [
        r#""type":"cart.quote","basket":{"lines":[{"sku":"red","quantity":1}]}"#,
        r#""type":"price.rules""#,
        r#""type":"coupon.list""#,
        r#""type":"coupon.campaigns""#,
        r#""type":"draw.list""#,
        r#""type":"draw.close","command_id":"c","draw":"d1""#,
        r#""type":"shop.capabilities","command_id":"c","lucky_draws":true"#,
    ] {
        assert_eq!(translate(&request(fields), &ask), None, "{fields}");
    }
}

#[test]
fn a_capability_that_is_not_named_stays() {
    for now in [true, false] {
        let now = Capabilities { lucky_draws: now };
        let change = |lucky_draws| object::CapabilitiesChange { lucky_draws };
        assert_eq!(changed_capabilities(now, change(None)), now);
        assert!(changed_capabilities(now, change(Some(true))).lucky_draws);
        assert!(!changed_capabilities(now, change(Some(false))).lucky_draws);
    }
}

fn part(layer: Layer, because: Because, funder: Funder, amount_minor: u64) -> Part {
    Part { layer, because, funder, amount_minor: Minor(amount_minor) }
}

fn priced() -> Quote {
    let of_coupon = Because::Coupon { campaign: campaign(), coupon: coupon_id("k1") };
    let of_rule = Because::Rule(RuleId::parse("p1").unwrap());
    let of_sale = Because::Sale(SaleId::parse("s1").unwrap());
    let line = QuoteLine {
        sku: sku(),
        quantity: 2,
        list_minor: Minor(500),
        unit_minor: Minor(450),
        source: Some(PriceSource::LiveFlash),
        subsidised_units: 1,
        parts: vec![
            part(Layer::ItemPrice, of_sale, Funder::Seller, 100),
            part(Layer::ItemSubsidy, of_rule, Funder::Platform, 50),
            part(Layer::SellerCoupon, of_coupon, Funder::Seller, 200),
        ],
        payable_minor: Minor(650),
    };
    let used = UsedCoupon {
        coupon: coupon_id("k1"),
        campaign: campaign(),
        layer: Layer::SellerCoupon,
        funder: Funder::Seller,
        amount_minor: Minor(200),
    };
    Quote {
        stacking_version: 3,
        lines: vec![line],
        shipping_fee_minor: Minor(599),
        shipping_off: Some(part(Layer::Shipping, Because::FreeOver, Funder::Seller, 599)),
        coupons: vec![used],
        list_minor: Minor(1000),
        goods_minor: Minor(650),
        seller_minor: Minor(300),
        platform_minor: Minor(50),
        total_minor: Minor(650),
    }
}

#[test]
fn a_price_says_line_by_line_why_it_is_what_it_is() {
    let shown = serde_json::to_value(quote(&priced(), &usd())).unwrap();
    let expected = json!({
        "currency": "USD", "stacking_version": 3, "shipping_fee_minor": 599, "shipping_minor": 0,
        "lines": [{
            "sku": "red", "quantity": 2, "list_price_minor": 500, "unit_price_minor": 450,
            "source": "live_flash", "subsidised": 1, "payable_minor": 650,
            "parts": [
                {"layer": "item_price", "because": {"kind": "sale", "sale": "s1"},
                    "funder": "seller", "amount_minor": 100},
                {"layer": "item_subsidy", "because": {"kind": "rule", "rule": "p1"},
                    "funder": "platform", "amount_minor": 50},
                {"layer": "seller_coupon", "funder": "seller", "amount_minor": 200,
                    "because": {"kind": "coupon", "campaign": "c1", "coupon": "k1"}},
            ],
        }],
        "shipping_off": {"layer": "shipping", "because": {"kind": "free_over"},
            "funder": "seller", "amount_minor": 599},
        "coupons": [{"coupon": "k1", "campaign": "c1", "layer": "seller_coupon",
            "funder": "seller", "amount_minor": 200}],
        "list_minor": 1000, "goods_minor": 650, "seller_minor": 300, "platform_minor": 50,
        "total_minor": 650,
    });
    assert_eq!(shown, expected);
}

fn coupon_id(id: &str) -> CouponId {
    CouponId::parse(id).unwrap()
}

fn campaign() -> CampaignId {
    CampaignId::parse("c1").unwrap()
}

fn sku() -> SkuId {
    SkuId::parse("red").unwrap()
}

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn held(state: CouponState) -> CouponView {
    CouponView {
        coupon: coupon_id("k1"),
        campaign: campaign(),
        buyer: user("ann"),
        state,
        worst_minor: Minor(300),
        currency: usd(),
        expires_at: Millis(5),
        version: 2,
    }
}

#[test]
fn a_coupon_says_what_holds_it_and_what_it_came_to() {
    let reservation = ReservationId::parse("v1").unwrap();
    let order = || OrderId::parse("o1").unwrap();
    for (state, expected) in [
        (CouponState::Claimed, json!({"kind": "claimed"})),
        (
            CouponState::Locked { by: CouponHolder::Reservation(reservation) },
            json!({"kind": "locked", "by": {"reservation": "v1"}}),
        ),
        (
            CouponState::Locked { by: CouponHolder::Order(order()) },
            json!({"kind": "locked", "by": {"order": "o1"}}),
        ),
        (
            CouponState::Used { order: order(), spent_minor: Minor(250) },
            json!({"kind": "used", "order": "o1", "spent_minor": 250}),
        ),
        (CouponState::Expired, json!({"kind": "expired"})),
        (CouponState::Revoked, json!({"kind": "revoked"})),
    ] {
        assert_eq!(serde_json::to_value(coupon(&held(state)).state).unwrap(), expected);
    }
}

fn waits_for_its_draw() -> PooledView {
    PooledView {
        reservation: ReservationId::parse("v1").unwrap(),
        sale: SaleId::parse("s1").unwrap(),
        sku: sku(),
        buyer: user("ann"),
        quantity: 1,
        price_minor: Minor(900),
        currency: usd(),
    }
}

#[test]
fn whoever_joins_is_told_all_that_is_his() {
    let progress = ProgressView {
        campaign: campaign(),
        buyer: user("ann"),
        watched_ms: SpanMs(61_000),
        needed_ms: SpanMs(180_000),
        completed: false,
    };
    let promo = PromoBuyerView {
        coupons: vec![held(CouponState::Claimed)],
        granted: vec![campaign()],
        progress: vec![progress],
        reminders: vec![CampaignId::parse("c2").unwrap()],
        pooled: vec![waits_for_its_draw()],
        entered: vec![DrawId::parse("d1").unwrap()],
    };
    let waiting = WaitingView {
        sale: SaleId::parse("s2").unwrap(),
        sku: sku(),
        buyer: user("ann"),
        quantity: 1,
        state: WaitingState::Waiting { position: 4 },
        version: 1,
    };
    let view = BuyerView {
        following: true,
        reservations: Vec::new(),
        orders: Vec::new(),
        waiting: vec![waiting],
        reminders: Vec::new(),
        promo,
    };
    let me = serde_json::to_value(buyer(&view)).unwrap();
    assert_eq!(me["coupons"][0]["coupon"], "k1");
    assert_eq!((&me["granted"], &me["entered"]), (&json!(["c1"]), &json!(["d1"])));
    assert_eq!(me["campaign_reminders"], json!(["c2"]));
    let expected = json!({"campaign": "c1", "watched_ms": 61_000, "needed_ms": 180_000,
        "completed": false});
    assert_eq!(me["progress"], json!([expected]));
    assert_eq!(me["reservations"][0]["reservation"], "v1");
    assert_eq!(me["reservations"][0]["state"], json!({"kind": "pooled"}));
    assert_eq!(me["waiting"][0]["state"], json!({"kind": "waiting", "position": 4}));
}

fn answered(fields: &str, change: PromoChange) -> Result<Value, Code> {
    let told = answer(&request(fields), &[], Some(Change::Promo(change)), false);
    told.map(|answer| serde_json::to_value(answer).unwrap()).map_err(|refusal| refusal.code)
}

#[test]
fn rules_and_draws_are_answered_with_what_they_are_now() {
    let rule = || RuleId::parse("p1").unwrap();
    let spec = match asked(&MAKING[0].replace('$', "c"), "bea").command {
        Command::Promo(PromoCommand::PutRule { spec, .. }) => spec,
        other => panic!("{other:?}"),
    };
    let view = RuleView { rule: rule(), spec, spent_minor: Minor(0), currency: usd(), version: 1 };
    let put = answered(&MAKING[0].replace('$', "c"), PromoChange::Rule(view)).unwrap();
    assert_eq!((&put["rule"]["rule"], &put["rule"]["currency"]), (&json!("p1"), &json!("USD")));
    let ended = r#""type":"price.rule_end","command_id":"c","rule":"p1""#;
    assert_eq!(answered(ended, PromoChange::RuleEnded { rule: rule() }), Ok(json!({})));
    for fields in [
        MAKING[3].replace('$', "c"),
        r#""type":"draw.enter","command_id":"c","draw":"d1""#.to_owned(),
        r#""type":"draw.close","command_id":"c","draw":"d1""#.to_owned(),
    ] {
        let told = answered(&fields, PromoChange::Draw(Box::new(running()))).unwrap();
        let expected = json!({"draw": "d1", "room": "r1", "title": "A mug", "state": "running",
            "winners_max": 1, "task": {"kind": "follow"}, "closes_at": 5,
            "seed_hash": "0".repeat(64), "entries": 3, "winners": [], "version": 4});
        assert_eq!(told, json!({"draw": expected}), "{fields}");
    }
}

fn running() -> DrawView {
    DrawView {
        draw: DrawId::parse("d1").unwrap(),
        room: RoomId::parse("r1").unwrap(),
        title: "A mug".to_owned(),
        state: DrawState::Running,
        winners_max: 1,
        task: Task::Follow,
        closes_at: Millis(5),
        seed_hash: "0".repeat(64),
        entries: 3,
        eligible: Vec::new(),
        seed: None,
        winners: Vec::new(),
        passed_over: Vec::new(),
        version: 4,
    }
}

#[test]
fn what_happens_to_others_answers_nobody() {
    let claim = MAKING[2].replace('$', "c");
    let (draw, buyer) = (DrawId::parse("d1").unwrap(), user("ann"));
    let granted = PromoChange::Granted { campaign: campaign(), buyers: vec![buyer.clone()] };
    assert_eq!(answered(&claim, granted), Err(Code::Internal));
    let lost = PromoChange::PrizeLost { draw, buyer };
    assert_eq!(answered(&claim, lost), Err(Code::Internal));
}

#[test]
fn classes_that_exclude_each_other_come_back_as_they_were_named() {
    let fields = r#""type":"price.stacking","command_id":"c",
        "forbidden":[["flash","subsidy"],["seller_coupon","exclusive"]]"#;
    let Command::Promo(PromoCommand::SetStacking { forbidden }) = command(fields) else { panic!() };
    assert!(forbidden.contains(&(StackClass::Flash, StackClass::Subsidy)));
    assert!(forbidden.contains(&(StackClass::SellerCoupon, StackClass::Exclusive)));
    let all = hawker_domain::command::Stacking { version: 2, forbidden };
    let shown = serde_json::to_value(stacking(&all)).unwrap();
    let pairs = json!([["flash", "subsidy"], ["seller_coupon", "exclusive"]]);
    assert_eq!(shown, json!({"version": 2, "forbidden": pairs}));
}

/// Refusals that say nothing beside their code.
fn plain_refusals() -> [(Rejection, Code); 13] {
    [
        (Rejection::RuleUnknown, Code::RuleUnknown),
        (Rejection::CampaignUnknown, Code::CampaignUnknown),
        (Rejection::CampaignExists, Code::CampaignExists),
        (Rejection::CampaignEnded, Code::CampaignEnded),
        (Rejection::CouponUnknown, Code::CouponUnknown),
        (Rejection::CouponExists, Code::CouponExists),
        (Rejection::CouponsGone, Code::CouponsGone),
        (Rejection::RefundExists, Code::RefundExists),
        (Rejection::DrawUnknown, Code::DrawUnknown),
        (Rejection::DrawExists, Code::DrawExists),
        (Rejection::SeedMismatch, Code::SeedMismatch),
        (Rejection::NoPrize, Code::NoPrize),
        (Rejection::DrawPending, Code::DrawPending),
    ]
}

fn refusals_with_more() -> Vec<(Rejection, Code, Value)> {
    let coupon = || coupon_id("k1");
    let expired = CouponState::Expired;
    let rule = AudienceKind::NewBuyer;
    vec![
        (
            Rejection::CampaignNotReady { state: CampaignState::Draft },
            Code::CampaignNotReady,
            json!({"state": "draft"}),
        ),
        (
            Rejection::CampaignNotInRoom { campaign: campaign() },
            Code::CampaignNotInRoom,
            json!({"campaign": "c1"}),
        ),
        (
            Rejection::CouponLimit { limit: 2, claimed: 2 },
            Code::CouponLimit,
            json!({"limit": 2, "claimed": 2}),
        ),
        (
            Rejection::BudgetSpent { left_minor: Minor(9) },
            Code::BudgetSpent,
            json!({"left_minor": 9}),
        ),
        (
            Rejection::NotEligible { rule, negated: true },
            Code::NotEligible,
            json!({"rule": "new_buyer", "negated": true}),
        ),
        (
            Rejection::TaskOpen { watched_ms: SpanMs(5), needed_ms: SpanMs(9) },
            Code::TaskOpen,
            json!({"watched_ms": 5, "needed_ms": 9}),
        ),
        (
            Rejection::CouponNotUsable { coupon: coupon(), state: expired },
            Code::CouponNotUsable,
            json!({"coupon": "k1", "state": {"kind": "expired"}}),
        ),
        (
            Rejection::RefundTooLarge { line: 1, left_units: 2 },
            Code::RefundTooLarge,
            json!({"line": 1, "left": 2}),
        ),
        (
            Rejection::NotCapable { capability: "lucky_draws" },
            Code::NotCapable,
            json!({"capability": "lucky_draws"}),
        ),
        (
            Rejection::DrawRunning { draw: DrawId::parse("d1").unwrap() },
            Code::DrawRunning,
            json!({"draw": "d1"}),
        ),
        (
            Rejection::DrawNotReady { state: DrawState::Done },
            Code::DrawNotReady,
            json!({"state": "done"}),
        ),
        (
            Rejection::AlreadyPooled { reservation: ReservationId::parse("v1").unwrap() },
            Code::AlreadyPooled,
            json!({"reservation": "v1"}),
        ),
    ]
}

#[test]
fn every_no_about_promotions_has_its_code_and_what_the_next_step_needs() {
    refused(refusals_with_more());
    let plain = plain_refusals().into_iter();
    refused(plain.map(|(rejection, code)| (rejection, code, json!({}))).collect());
    for (why, told) in [
        (NotApplied::NotTheseGoods, json!("not_these_goods")),
        (NotApplied::NotStackable, json!("not_stackable")),
        (NotApplied::SlotTaken, json!("slot_taken")),
        (NotApplied::NoEffect, json!("no_effect")),
        (NotApplied::BelowMinimum { missing_minor: Minor(70) }, json!("below_minimum")),
    ] {
        let refusal =
            rejection_refusal(&Rejection::CouponNotApplicable { coupon: coupon_id("k1"), why });
        assert_eq!((refusal.code, refusal.get("why")), (Code::CouponNotApplicable, Some(&told)));
        let missing = (told == "below_minimum").then(|| json!(70));
        assert_eq!(refusal.get("missing_minor"), missing.as_ref());
    }
}
