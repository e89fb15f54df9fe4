//! Coupons, watch tasks, prices and draws over sockets.

use hawker_domain::command::Seed;
use hawker_domain::shop::lot;

use super::*;

/// A coupon of 3.00 from 10.00 in the room, for whatever it takes.
fn campaign(task: Value) -> Value {
    json!({ "campaign": "c1", "spec": {
        "title": "Three off", "rooms": { "rooms": ["r1"] }, "task": task,
        "discount": { "kind": "amount", "tiers": [{ "min_spend_minor": 1000, "off_minor": 300 }] },
        "validity": { "kind": "for", "span_ms": 3_600_000 },
        "claims_total": 10, "per_buyer": 1, "budget_minor": 3000,
    } })
}

fn watching() -> Value {
    json!({ "playing": true, "visible": true })
}

impl House {
    /// One second of the node: what was counted and seen reaches the shop.
    async fn pulse(&self) {
        self.around.pulses.report(&self.around.hub, &self.around.nodes);
        pass(Duration::from_secs(1)).await;
    }

    /// Watches with a heartbeat every ten seconds; answers with all that was heard meanwhile.
    async fn watch(&self, guest: &mut Guest, seconds: u32) -> Vec<Value> {
        let mut heard = Vec::new();
        for second in 0..=seconds {
            if second % 10 == 0 {
                guest.beat();
            }
            self.pulse().await;
            heard.extend(guest.hears().await);
        }
        heard
    }
}

impl Guest {
    /// A heartbeat, whose answer comes with all else.
    fn beat(&mut self) {
        let fields = json!({ "shop": "acme", "room": "r1", "playing": true, "visible": true });
        let line = self.line("room.watch", fields);
        self.client.text(&line);
    }
}

fn pushed<'a>(heard: &'a [Value], kind: &str) -> Vec<&'a Value> {
    heard.iter().filter(|line| line["type"] == kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_coupon_is_earned_by_watching_claimed_and_honoured_at_the_till() {
    let house = House::open().await;
    let mut shop = house.staff("erp", Role::Service).await;
    let created =
        shop.act("coupon.create", campaign(json!({ "kind": "watch", "needed_ms": 30_000 })));
    assert_eq!(created.await["campaign"]["state"], "draft");
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    assert_eq!(joined["ok"]["snapshot"]["offers"], Value::Null, "a draft is nobody's business");
    let opened = shop.act("coupon.open", json!({ "campaign": "c1" })).await;
    assert_eq!(opened["campaign"]["state"], "open");
    pass(Duration::from_millis(200)).await;
    let heard = ann.hears().await;
    assert_eq!(pushed(&heard, "room.coupon")[0]["offer"]["campaign"], "c1", "{heard:?}");

    let claim = json!({ "campaign": "c1", "room": "r1", "command_id": "k1" });
    let early = ann.ask_shop("coupon.claim", claim.clone()).await;
    assert_eq!(code(&early), "task_open", "{early}");
    let heard = house.watch(&mut ann, 20).await;
    let shown: Vec<u64> = pushed(&heard, "coupon.progress")
        .iter()
        .map(|line| line["progress"]["watched_ms"].as_u64().unwrap())
        .collect();
    assert!(!shown.is_empty() && shown.is_sorted(), "{heard:?}");
    assert!(shown.iter().all(|shown| *shown <= 21_000), "{shown:?}");

    // A new socket goes on where the old one was.
    drop(ann);
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    let before = joined["ok"]["me"]["progress"][0]["watched_ms"].as_u64().unwrap();
    assert!(before >= *shown.last().unwrap(), "{joined}");
    let heard = house.watch(&mut ann, 20).await;
    assert_eq!(pushed(&heard, "coupon.granted").len(), 1, "{heard:?}");

    let claimed = ann.ask_shop("coupon.claim", claim.clone()).await;
    assert_eq!(claimed["ok"]["coupon"]["state"]["kind"], "claimed", "{claimed}");
    assert_eq!(ann.ask_shop("coupon.claim", claim).await["ok"], claimed["ok"], "the same again");
    let again = json!({ "campaign": "c1", "room": "r1", "command_id": "k2" });
    assert_eq!(code(&ann.ask_shop("coupon.claim", again).await), "coupon_limit");

    let basket = json!({ "lines": [{ "sku": "red", "quantity": 1 }] });
    let quote = ann.read("cart.quote", json!({ "basket": basket, "room": "r1" })).await;
    assert_eq!(quote["quote"]["total_minor"], 4_700, "{quote}");
    assert_eq!(quote["quote"]["lines"][0]["parts"][0]["layer"], "seller_coupon", "{quote}");
    let none = json!({ "basket": basket, "room": "r1", "coupons": [] });
    assert_eq!(ann.read("cart.quote", none).await["quote"]["total_minor"], 5_000);
    let address = json!({
        "name": "Ann", "phone": "1", "lines": ["1 High Street"], "city": "York",
        "postcode": "YO1", "country": "GB",
    });
    let order = ann.act("order.place", json!({ "basket": basket, "address": address })).await;
    assert_eq!(order["order"]["quote"]["total_minor"], 4_700, "{order}");
    let order = order["order"]["order"].clone();
    let mine = ann.read("coupon.list", json!({})).await;
    assert_eq!(mine["coupons"][0]["state"], json!({ "kind": "locked", "by": { "order": order } }));
    ann.act("order.cancel", json!({ "order": order })).await;
    let mine = ann.read("coupon.list", json!({})).await;
    assert_eq!(mine["coupons"][0]["state"]["kind"], "claimed", "it came back");

    let mut shop = house.staff("erp", Role::Service).await;
    let figures = shop.read("room.dashboard", json!({ "room": "r1" })).await;
    let campaign = &figures["promo"]["campaigns"][0];
    assert_eq!(campaign["counts"]["claimed"], 1, "{figures}");
    assert_eq!(campaign["money"]["claimed_minor"], 300, "{figures}");
    assert_eq!(campaign["watch"]["started"], 1, "{figures}");
}

#[tokio::test(start_paused = true)]
async fn hidden_and_paused_players_and_those_who_left_do_not_watch() {
    let house = House::open().await;
    let mut shop = house.staff("erp", Role::Service).await;
    shop.act("coupon.create", campaign(json!({ "kind": "watch", "needed_ms": 10_000 }))).await;
    shop.act("coupon.open", json!({ "campaign": "c1" })).await;
    let mut ann = house.guest("ann").await;
    for stop in
        [json!({ "playing": false, "visible": true }), json!({ "playing": true, "visible": false })]
    {
        ann.ask_room("room.join", json!({})).await;
        ann.ask_room("room.watch", stop).await;
        for _ in 0..20 {
            house.pulse().await;
        }
    }
    ann.ask_room("room.watch", watching()).await;
    ann.ask_room("room.leave", json!({})).await;
    for _ in 0..20 {
        house.pulse().await;
    }
    let heard = ann.hears().await;
    assert_eq!(pushed(&heard, "coupon.granted"), [&Value::Null; 0], "{heard:?}");
    let claim = json!({ "campaign": "c1", "room": "r1", "command_id": "k1" });
    assert_eq!(code(&ann.ask_shop("coupon.claim", claim).await), "task_open");
}

#[tokio::test(start_paused = true)]
async fn regression_whoever_was_banned_watches_no_more() {
    // His heartbeats counted, and waited without end in a room that nobody else was in.
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    ann.ask_room("room.join", json!({})).await;
    assert_eq!(code(&ann.ask_room("room.watch", watching()).await), "accepted");
    let (room, user) = (room_id("r1"), user_id("ann"));
    let ban = hawker_domain::command::RoomCommand::Ban { room, user, for_ms: None };
    house.driver.manage(ban).await;
    pass(Duration::from_millis(200)).await;
    assert_eq!(code(&ann.ask_room("room.watch", watching()).await), "not_joined");
    let like = json!({ "count": 3 });
    assert_eq!(code(&ann.ask_room("room.like", like).await), "not_joined");
    assert_eq!(code(&ann.ask_room("room.leave", json!({})).await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn staff_read_and_set_what_buyers_may_not() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    for kind in ["coupon.campaigns", "price.rules"] {
        assert_eq!(code(&ann.ask_shop(kind, json!({})).await), "forbidden", "{kind}");
    }
    let open = json!({ "command_id": "x1", "capabilities": { "lucky_draws": true } });
    assert_eq!(code(&ann.ask_shop("shop.capabilities", open.clone()).await), "forbidden");
    let mut shop = house.staff("erp", Role::Service).await;
    let read = shop.act("shop.capabilities", json!({})).await;
    assert_eq!(read["capabilities"]["lucky_draws"], false);
    let changed = shop.ask_shop("shop.capabilities", open).await;
    assert_eq!(changed["ok"]["capabilities"]["lucky_draws"], true, "{changed}");
    let rule = json!({ "rule": "p1", "spec": {
        "title": "Ten percent", "effect": { "kind": "product_discount", "off_bps": 1000 },
    } });
    assert_eq!(shop.act("price.rule_set", rule).await["rule"]["version"], 1);
    let rules = shop.read("price.rules", json!({})).await;
    assert_eq!(rules["rules"][0]["rule"], "p1");
    let basket = json!({ "lines": [{ "sku": "red", "quantity": 2 }] });
    let quote = ann.read("cart.quote", json!({ "basket": basket })).await;
    assert_eq!(quote["quote"]["goods_minor"], 9_000, "{quote}");
    let pairs = json!({ "forbidden": [["discount", "seller_coupon"]] });
    assert_eq!(shop.act("price.stacking", pairs).await["stacking"]["version"], 2);
    shop.act("price.rule_end", json!({ "rule": "p1" })).await;
    assert_eq!(shop.read("price.rules", json!({})).await["rules"], json!([]));
}

/// Draws allowed, and the connection of the shop's system.
async fn with_draws(house: &House) -> Guest {
    let mut shop = house.staff("erp", Role::Service).await;
    shop.act("shop.capabilities", json!({ "capabilities": { "lucky_draws": true } })).await;
    shop
}

#[tokio::test(start_paused = true)]
async fn a_draw_is_revealed_by_itself_and_anybody_can_check_it() {
    let house = House::open().await;
    let mut shop = house.staff("erp", Role::Service).await;
    let spec = json!({ "room": "r1", "title": "A mug", "winners": 1, "run_ms": 30_000 });
    let asked = json!({ "command_id": "d0", "draw": "d1", "spec": spec });
    assert_eq!(code(&shop.ask_shop("draw.create", asked).await), "not_capable");
    let mut shop = with_draws(&house).await;
    let (mut ann, mut bob) = (house.guest("ann").await, house.guest("bob").await);
    for guest in [&mut ann, &mut bob] {
        guest.ask_room("room.join", json!({})).await;
    }
    let asked = json!({ "command_id": "d1", "draw": "d1", "spec": spec });
    let started = shop.ask_shop("draw.create", asked.clone()).await;
    let seed_hash = started["ok"]["draw"]["seed_hash"].clone();
    let again = shop.ask_shop("draw.create", asked).await;
    assert_eq!(again["ok"]["draw"]["seed_hash"], seed_hash, "the first promise stands");
    for guest in [&mut ann, &mut bob] {
        assert_eq!(guest.act("draw.enter", json!({ "draw": "d1" })).await["draw"]["draw"], "d1");
        guest.ask_room("room.watch", watching()).await;
    }
    let early = json!({ "command_id": "d2", "draw": "d1" });
    assert_eq!(code(&shop.ask_shop("draw.close", early).await), "draw_not_ready");
    let (mut heard, mut at_bob) = (Vec::new(), Vec::new());
    for second in 0..31 {
        if second % 10 == 0 {
            ann.beat();
            bob.beat();
        }
        house.pulse().await;
        heard.extend(ann.hears().await);
        at_bob.extend(bob.hears().await);
        shop.hears().await;
    }
    let told = pushed(&heard, "room.draw");
    let drawn = &told.last().unwrap()["draw"];
    assert_eq!(drawn["state"], "drawn", "{heard:?}");
    let seed = lot::seed_from_hex(drawn["seed"].as_str().unwrap()).unwrap();
    assert_eq!(json!(lot::seed_hash(&seed)), seed_hash);
    let order = lot::ranked(&seed, &[user_id("ann"), user_id("bob")]);
    assert_eq!(drawn["winners"][0]["buyer"], order[0].as_str());
    let (winner, heard) = match order[0].as_str() {
        "ann" => (&mut ann, heard),
        _ => (&mut bob, at_bob),
    };
    assert_eq!(pushed(&heard, "draw.won").len(), 1, "{heard:?}");
    let address = json!({
        "name": "Ann", "phone": "1", "lines": ["1 High Street"], "city": "York",
        "postcode": "YO1", "country": "GB",
    });
    let done = winner.act("draw.address", json!({ "draw": "d1", "address": address })).await;
    assert_eq!(done["draw"]["winners"][0]["prize"]["kind"], "claimed", "{done}");
    let late = json!({ "command_id": "d3", "draw": "d1" });
    assert_eq!(shop.ask_shop("draw.close", late).await["ok"]["draw"]["state"], "done");
}

#[tokio::test(start_paused = true)]
async fn a_seed_that_cannot_be_read_just_now_is_asked_for_again() {
    let house = House::open().await;
    let mut shop = with_draws(&house).await;
    let spec = json!({ "room": "r1", "title": "A mug", "winners": 1, "run_ms": 30_000 });
    shop.act("draw.create", json!({ "draw": "d1", "spec": spec })).await;
    house.faults.refuse_reads(true);
    pass(Duration::from_secs(40)).await;
    house.faults.refuse_reads(false);
    let mut shop = house.staff("erp", Role::Service).await;
    let waits = shop.read("draw.list", json!({})).await;
    assert_eq!(waits["draws"][0]["state"], "closed", "{waits}");
    pass(Duration::from_secs(30)).await;
    let mut shop = house.staff("erp", Role::Service).await;
    let closed = json!({ "command_id": "d2", "draw": "d1" });
    let done = shop.ask_shop("draw.close", closed).await;
    assert_eq!(done["ok"]["draw"]["state"], "done", "nobody was in it: {done}");
    assert!(done["ok"]["draw"]["seed"].is_string(), "{done}");
}

#[tokio::test(start_paused = true)]
async fn the_first_claims_of_a_drawn_sale_are_pooled_and_decided_by_the_seed() {
    let house = House::open().await;
    let mut shop = with_draws(&house).await;
    let sale = json!({ "sale": "s2", "spec": {
        "title": "One mug", "draw_window_ms": 2_000, "min_presence_ms": 0,
        "items": [{ "sku": "red", "total": 1, "per_buyer": 1, "price_minor": 900 }],
    } });
    assert_eq!(shop.act("sale.create", sale).await["sale"]["draw"]["window_ms"], 2_000);
    shop.act("sale.start", json!({ "sale": "s2" })).await;
    let (mut ann, mut bob) = (house.guest("ann").await, house.guest("bob").await);
    for guest in [&mut ann, &mut bob] {
        guest.ask_room("room.join", json!({})).await;
        let claim = json!({ "sale": "s2", "sku": "red", "quantity": 1, "room": "r1" });
        let claimed = guest.act("sale.claim", claim).await;
        assert_eq!(claimed["reservation"]["state"]["kind"], "pooled", "{claimed}");
    }
    let me = ann.ask_room("room.join", json!({})).await;
    assert_eq!(me["ok"]["me"]["reservations"][0]["state"]["kind"], "pooled", "{me}");
    pass(Duration::from_millis(2_500)).await;
    let (at_ann, at_bob) = (ann.hears().await, bob.hears().await);
    let held = |heard: &[Value]| {
        let told = pushed(heard, "reservation.changed");
        told.iter().any(|line| line["reservation"]["state"]["kind"] == "held")
    };
    let lost = |heard: &[Value]| pushed(heard, "sale.not_drawn").len() == 1;
    assert!(held(&at_ann) != held(&at_bob), "one unit: {at_ann:?} {at_bob:?}");
    assert!(lost(&at_ann) != lost(&at_bob), "{at_ann:?} {at_bob:?}");
    assert_ne!(held(&at_ann), lost(&at_ann));
}

#[test]
fn a_seed_says_nothing_of_itself() {
    assert_eq!(format!("{:?}", Seed([7; 32])), "Seed(..)");
}
