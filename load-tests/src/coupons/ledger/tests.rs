//! Planted faults: the audit must find each of them once, and nothing in a history that is right.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::{CouponLedger, Faults};
use crate::audit::Feed;
use crate::coupons::told::Told;
use hawker_protocol::object::Coupon;

/// A history, one entry for each call.
struct History {
    feed: Feed<CouponLedger>,
    version: u64,
    at: i64,
}

fn campaign(id: &str, more: Value) -> Value {
    let mut spec = json!({
        "title": "Off", "funder": "seller", "kind": "amount",
        "tiers": [{"min_spend_minor": 0, "value": 300}, {"min_spend_minor": 9, "value": 500}],
        "max_discount_minor": null, "items": "all", "rooms": {"rooms": ["r"]}, "audience": [],
        "task": "none", "announce_at": null, "opens_at": null, "closes_at": null,
        "validity": {"for": 60_000}, "claims_total": 3, "per_buyer": 1, "budget_minor": 1_500,
        "stack_class": null, "reminder_text": "",
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({"campaign_created": {"campaign": id, "spec": spec, "claim_grace_ms": 0,
                                "reminder_lead_ms": 0, "by": "s"}})
}

fn claimed(coupon: u32, campaign: &str, buyer: &str) -> Value {
    json!({"coupon_claimed": {"coupon": format!("k{coupon}"), "campaign": campaign,
        "buyer": buyer, "worst_minor": 500, "expires_at": 60_000, "evidence": [],
        "rules_version": 1}})
}

/// A price of one line of 2,000, with 500 off by a coupon where there is one.
fn quote(coupon: Option<u32>) -> Value {
    let off = if coupon.is_some() { 500 } else { 0 };
    let part = |coupon: u32| {
        json!({
            "layer": "seller_coupon", "funder": "seller", "amount_minor": 500,
            "because": {"coupon": {"campaign": "plain", "coupon": format!("k{coupon}")}},
        })
    };
    let used = |coupon: u32| {
        json!({
            "coupon": format!("k{coupon}"), "campaign": "plain", "layer": "seller_coupon",
            "funder": "seller", "amount_minor": 500,
        })
    };
    json!({
        "stacking_version": 1,
        "lines": [{"sku": "mug", "quantity": 2, "list_minor": 1_000, "unit_minor": 1_000,
                   "source": null, "subsidised_units": 0, "parts": coupon.map(part).as_slice(),
                   "payable_minor": 2_000 - off}],
        "shipping_fee_minor": 99, "shipping_off": null, "coupons": coupon.map(used).as_slice(),
        "list_minor": 2_000, "goods_minor": 2_000 - off, "seller_minor": off,
        "platform_minor": 0, "total_minor": 2_099 - off,
    })
}

fn order(number: u32, buyer: &str, coupon: Option<u32>) -> Value {
    let quote = quote(coupon);
    json!({"order": format!("o{number}"), "buyer": buyer, "total_minor": quote["total_minor"],
           "lines": [{"sku": "mug", "quantity": 2, "unit_price_minor": 1_000}],
           "pay_by": 99_000, "remind_at": [], "address_hash": "00", "quote": quote})
}

fn of_order(number: u32) -> Value {
    json!({"order": format!("o{number}")})
}

/// Seven bits a byte, the lowest first.
fn packed(pairs: &[(u32, u32)]) -> String {
    let mut bytes = Vec::new();
    for number in pairs.iter().flat_map(|(gap, more_ms)| [*gap, *more_ms]) {
        let mut number = number;
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

fn checkpoint(newcomers: &[&str], pairs: &[(u32, u32)]) -> Value {
    json!({"watch_checkpointed": {"room": "r", "newcomers": newcomers, "more": packed(pairs)}})
}

impl History {
    /// A live room, and an open campaign of three coupons whose budget is three times their worst.
    fn of_room() -> Self {
        let mut history = Self { feed: Feed::new(), version: 0, at: 0 };
        history.one("room_started", json!({"room": "r"}));
        history.promo(campaign("plain", json!({})));
        history.promo(json!({"campaign_opened": {"campaign": "plain", "due_at": 1}}));
        history
    }

    /// The same with a watch task of ten seconds.
    fn of_watchers() -> Self {
        let mut history = Self::of_room();
        let task = json!({"task": {"watch": {"needed_ms": 10_000}}});
        history.promo(campaign("watch", task));
        history.promo(json!({"campaign_opened": {"campaign": "watch", "due_at": 1}}));
        history
    }

    fn entry(&mut self, by: Option<(&str, &str)>, events: Vec<(&str, Value)>) -> &mut Self {
        self.version += 1;
        self.at += 10;
        let event = |(index, (kind, data)): (usize, (&str, Value))| {
            let mut event = json!({"version": self.version, "index": index, "at": self.at,
                                   "type": kind, "data": data});
            if let Some((user, command)) = by {
                event["user"] = user.into();
                event["command_id"] = command.into();
            }
            event
        };
        let events: Vec<_> = events.into_iter().enumerate().map(event).collect();
        let page = json!({"events": events, "next": self.version, "end": true});
        assert!(self.feed.on_page(page.to_string().as_bytes()).unwrap());
        self
    }

    fn one(&mut self, kind: &str, data: Value) -> &mut Self {
        self.entry(None, vec![(kind, data)])
    }

    fn promo(&mut self, data: Value) -> &mut Self {
        self.one("promo", data)
    }

    fn claim(&mut self, coupon: u32, buyer: &str) -> &mut Self {
        let command = format!("c{coupon}");
        let event = ("promo", claimed(coupon, "plain", buyer));
        self.entry(Some((buyer, &command)), vec![event])
    }

    fn wait_until(&mut self, at: i64) -> &mut Self {
        self.at = at - 10;
        self
    }

    fn found(&self) -> &[String] {
        &self.feed.ledger.violations.kept
    }

    fn is_right(&mut self) -> &mut Self {
        assert_eq!(self.found(), Vec::<String>::new());
        assert_eq!(self.feed.ledger.faults, Faults::default());
        self
    }

    /// The one thing that is wrong.
    fn finds(&self, part: &str) -> Faults {
        let count = self.found().iter().filter(|said| said.contains(part)).count();
        assert_eq!(count, 1, "{part:?} is not once in {:?}", self.found());
        self.feed.ledger.faults
    }

    fn money(&self) -> [i64; 3] {
        let (.., money) = self.feed.ledger.campaigns().find(|it| it.0 == "plain").unwrap();
        [money.spent_minor, money.locked_minor, money.claimed_minor]
    }
}

#[test]
fn a_coupon_goes_its_way_and_the_budget_with_it() {
    let mut history = History::of_room();
    history.claim(1, "ann").claim(2, "bob");
    assert_eq!(history.money(), [0, 0, 1_000]);
    history.one("order_placed", order(1, "ann", Some(1)));
    assert_eq!(history.money(), [0, 500, 500]);
    history.one("order_repriced", {
        let quote = quote(None);
        json!({"order": "o1", "total_minor": quote["total_minor"], "quote": quote})
    });
    assert_eq!(history.money(), [0, 0, 1_000]);
    let quote = quote(Some(1));
    let again = json!({"order": "o1", "total_minor": quote["total_minor"], "quote": quote});
    history.one("order_repriced", again).one("order_paid", of_order(1));
    assert_eq!(history.money(), [500, 0, 500]);
    history.one("order_placed", order(2, "bob", Some(2))).one("order_cancelled", of_order(2));
    assert_eq!(history.money(), [500, 0, 500]);
    history.one("order_placed", order(3, "bob", Some(2))).wait_until(60_000);
    history.one("order_cancelled", of_order(3)).is_right();
    assert_eq!(history.money(), [500, 0, 0]);
    assert_eq!(history.feed.ledger.left("plain"), Some(1));
    assert!(history.feed.ledger.in_hand().is_empty());
}

#[test]
fn one_coupon_too_many_is_found_and_so_is_what_nobody_has_the_money_for() {
    let mut history = History::of_room();
    history.claim(1, "ann").claim(2, "bob").claim(3, "cat").is_right();
    history.claim(4, "dan");
    let faults = history.finds("plain gave one coupon too many: k4");
    assert_eq!((faults.over_quota, faults.over_budget, faults.double_claims), (1, 1, 0));
    history.finds("plain owes 2000 of 1500 after k4");
}

#[test]
fn a_second_coupon_of_one_buyer_and_one_that_is_made_twice_are_found() {
    let mut history = History::of_room();
    history.claim(1, "ann").claim(2, "ann");
    assert_eq!(history.finds("ann has 2 of plain, more than 1").double_claims, 1);
    let mut history = History::of_room();
    history.claim(1, "ann").claim(1, "bob");
    assert_eq!(history.finds("coupon k1 was made twice").double_claims, 1);
}

#[test]
fn a_command_that_is_done_twice_is_found() {
    let mut history = History::of_room();
    history.claim(1, "ann");
    let event = ("promo", claimed(2, "plain", "ann"));
    history.entry(Some(("ann", "c1")), vec![event]);
    history.finds("c1 of ann was done twice");
}

#[test]
fn claims_of_what_is_not_open_not_earned_or_not_worth_so_much_are_found() {
    let mut history = History::of_watchers();
    history.promo(claimed(1, "watch", "ann")).finds("its task was not done");
    let mut history = History::of_room();
    history.promo(json!({"campaign_ended": {"campaign": "plain", "cause": "staff", "due_at": 1}}));
    history.claim(1, "ann").finds("it took no claims");
    let mut history = History::of_room();
    let mut cheap = claimed(1, "plain", "ann");
    cheap["coupon_claimed"]["worst_minor"] = 499.into();
    history.promo(cheap).finds("another worst case");
}

#[test]
fn a_coupon_in_two_orders_or_in_a_stranger_s_is_found() {
    let mut history = History::of_room();
    history.claim(1, "ann").one("order_placed", order(1, "ann", Some(1)));
    history.one("order_placed", order(2, "ann", Some(1)));
    history.finds("order o2 took k1, which was Locked");
    let mut history = History::of_room();
    history.claim(1, "ann").one("order_placed", order(1, "bob", Some(1)));
    history.finds("order o1 took k1, which was Claimed");
    let mut history = History::of_room();
    history.one("order_placed", order(1, "ann", Some(9))).finds("order o1 has no such coupon k9");
}

#[test]
fn a_coupon_that_comes_back_from_its_end_is_found() {
    let mut history = History::of_room();
    let expired =
        json!({"coupons_expired": {"campaign": "plain", "coupons": ["k1"], "due_at": 60_000}});
    history.claim(1, "ann").promo(expired.clone());
    history.finds("coupon k1 expired 59950 ms too early");
    history.wait_until(60_000).promo(expired);
    history.finds("coupon k1 turned from Expired to Expired");
}

#[test]
fn a_price_that_does_not_add_up_is_found() {
    for (field, part) in [
        ("goods_minor", "the goods is 1999"),
        ("seller_minor", "the list price by who bears it"),
        ("total_minor", "the total is"),
    ] {
        let mut history = History::of_room();
        let mut order = order(1, "ann", None);
        let wrong = order["quote"][field].as_i64().unwrap() - 1;
        order["quote"][field] = wrong.abs().into();
        history.one("order_placed", order);
        assert_eq!(history.finds(part).quote_mismatches, 1);
    }
    let mut history = History::of_room();
    history.claim(1, "ann");
    let mut order = order(1, "ann", Some(1));
    order["quote"]["coupons"][0]["amount_minor"] = 400.into();
    history.one("order_placed", order).finds("coupon k1 is 400, its parts make 500");
}

#[test]
fn watching_is_counted_from_the_publication_and_never_beyond_the_live_clock() {
    let mut history = History::of_room();
    history.wait_until(11_000).promo(checkpoint(&["ann", "bob"], &[(0, 9_000), (0, 500)]));
    let task = json!({"task": {"watch": {"needed_ms": 10_000}}});
    history.promo(campaign("watch", task));
    history.promo(json!({"campaign_opened": {"campaign": "watch", "due_at": 1}}));
    history.wait_until(21_000).promo(checkpoint(&[], &[(1, 9_000)])).is_right();
    let ledger = &history.feed.ledger;
    assert!(ledger.was_shown_right("watch", "bob", 9_000));
    assert!(ledger.was_shown_right("watch", "ann", 0));
    assert!(!ledger.was_shown_right("watch", "ann", 9_000), "he watched before it was published");
    assert_eq!(ledger.funnel("watch"), Some((1, 9_000)));
    history.wait_until(32_000).promo(checkpoint(&[], &[(0, 24_000)]));
    let faults = history.finds("ann watched 33000 ms of r, which was live");
    assert_eq!((faults.progress_ahead, faults.early_checkpoints), (1, 0));
}

#[test]
fn the_clock_stands_while_the_room_is_paused() {
    let mut history = History::of_watchers();
    history.one("room_paused", json!({"room": "r"})).wait_until(9_000);
    history.one("room_resumed", json!({"room": "r"}));
    history.wait_until(12_000).promo(checkpoint(&["ann"], &[(0, 3_100)]));
    let faults = history.finds("ann watched 3100 ms");
    assert_eq!(faults.progress_ahead, 1);
}

#[test]
fn a_task_that_is_done_too_soon_is_found() {
    let done =
        |at: i64| json!({"task_completed": {"campaign": "watch", "buyers": ["ann"], "due_at": at}});
    let mut history = History::of_watchers();
    history.wait_until(10_100).promo(done(10_060)).is_right();
    history.promo(claimed(1, "watch", "ann")).is_right();
    assert!(history.feed.ledger.was_shown_right("watch", "ann", 10_000));
    let mut history = History::of_watchers();
    history.wait_until(9_000).promo(done(9_000));
    assert_eq!(history.finds("before anybody could be").progress_ahead, 1);
}

#[test]
fn a_checkpoint_within_ten_seconds_needs_a_reason() {
    let mut history = History::of_watchers();
    history.wait_until(10_100).promo(checkpoint(&["ann"], &[(0, 10)]));
    let task = json!({"task": {"watch": {"needed_ms": 10_000}}});
    history.promo(campaign("later", task));
    let opened = json!({"campaign_opened": {"campaign": "later", "due_at": 1}});
    let written = checkpoint(&[], &[(0, 10)]);
    history.entry(None, vec![("promo", written), ("promo", opened)]);
    history.wait_until(20_200).promo(checkpoint(&[], &[(0, 10)])).is_right();
    history.promo(checkpoint(&[], &[(0, 10)]));
    history.promo(json!({"campaign_pushed": {"campaign": "plain", "room": "r"}}));
    assert_eq!(history.finds("came too early").early_checkpoints, 1);
    assert_eq!(history.feed.ledger.sizes().checkpoints, 4);
}

fn coupon(number: u32, buyer: &str) -> Coupon {
    serde_json::from_value(json!({
        "coupon": format!("k{number}"), "campaign": "plain", "buyer": buyer,
        "state": {"kind": "claimed"}, "worst_minor": 500, "currency": "USD",
        "expires_at": 60_000, "version": 1,
    }))
    .unwrap()
}

#[test]
fn what_sockets_were_told_of_claims_is_held_against_the_feed() {
    let mut history = History::of_room();
    history.claim(1, "ann").claim(2, "bob");
    let one = |_: &str| 1;
    let mut told = Told::default();
    assert!(told.on_claimed("ann", "c1", &coupon(1, "ann")));
    assert!(!told.on_claimed("ann", "c1", &coupon(1, "ann")));
    told.on_refused("cat", "c9", "coupons_gone");
    let compared = told.compare(&history.feed.ledger, one);
    assert_eq!((compared.violations.kept, compared.lost), (Vec::<String>::new(), 0));

    told.on_claimed("cat", "c7", &coupon(7, "cat"));
    told.on_claimed("ann", "c3", &coupon(3, "ann"));
    told.on_refused("bob", "c2", "coupons_gone");
    let compared = told.compare(&history.feed.ledger, one);
    let found = compared.violations.kept.join("\n");
    assert_eq!((compared.lost, compared.double_claims), (4, 1), "{found}");
    assert!(found.contains("c7 of cat was accepted and is not in the feed"), "{found}");
    assert!(found.contains("coupon k7 of cat is None's in the feed"), "{found}");
    assert!(found.contains("ann was told of 2 coupons of plain"), "{found}");
    assert!(found.contains("c2 of bob: refused coupons_gone, done at"), "{found}");
}

#[test]
fn one_coupon_that_two_buyers_were_told_of_is_found() {
    let mut history = History::of_room();
    history.claim(1, "ann");
    let mut told = Told::default();
    told.on_claimed("ann", "c1", &coupon(1, "ann"));
    told.on_claimed("bob", "c2", &coupon(1, "bob"));
    let compared = told.compare(&history.feed.ledger, |_| 1);
    assert_eq!(compared.double_claims, 1);
    assert!(compared.violations.kept.iter().any(|said| said.contains("coupon k1 is ")));
}
