//! Being in a room: joining, claiming, and coming back.

use super::*;

#[tokio::test(start_paused = true)]
async fn requests_of_one_connection_are_carried_out_in_their_order() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    ann.ask_room("room.join", json!({})).await;
    let claimed = ann.ask_room("sale.claim", claim_of("k1", 1)).await;
    let hold = claimed["ok"]["reservation"]["reservation"].clone();
    let address = json!({
        "name": "Ann", "phone": "1", "lines": ["1 High Street"], "city": "York",
        "postcode": "YO1", "country": "GB",
    });
    let basket = json!({ "reservations": [hold] });
    let place = json!({
        "shop": "acme", "command_id": "k2", "basket": basket, "address": address,
    });
    let release = json!({ "shop": "acme", "command_id": "k3", "reservation": hold });
    let frame = [ann.line("order.place", place), ann.line("reservation.release", release)];
    let places = ann.asked - 1;
    ann.client.text(&frame.join("\n"));
    let heard = ann.hears().await;
    let reply = |id: u32| heard.iter().find(|line| line["re"] == id).unwrap();
    assert_eq!(code(reply(places)), "accepted", "{heard:?}");
    assert_eq!(code(reply(places + 1)), "reservation_not_held", "the order has it by then");
    let order = reply(places)["ok"]["order"]["order"].clone();
    let pay = ann.ask("order.pay", json!({ "shop": "acme", "command_id": "k4", "order": order }));
    assert_eq!(code(&pay.await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_on_without_its_answers_is_held_back() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    house.faults.hold_appends();
    let follow = |count: u32| json!({ "shop": "acme", "command_id": format!("f{count}") });
    let lines: Vec<_> = (0..33).map(|count| ann.line("shop.follow", follow(count))).collect();
    ann.client.text(&lines.join("\n"));
    let heard = ann.hears().await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(code(&heard[0]), "too_many_requests_in_flight");
    house.faults.release_appends();
    assert_eq!(ann.hears().await.len(), 32);
    assert_eq!(code(&ann.ask("shop.follow", follow(99)).await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn claims_likes_and_watching_need_a_place_in_the_room() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let watch = json!({ "playing": true, "visible": true });
    assert_eq!(code(&ann.ask_room("sale.claim", claim_of("k1", 1)).await), "not_joined");
    assert_eq!(code(&ann.ask_room("room.like", json!({ "count": 3 })).await), "not_joined");
    assert_eq!(code(&ann.ask_room("room.watch", watch.clone()).await), "not_joined");
    assert_eq!(code(&ann.ask_room("room.leave", json!({})).await), "not_joined");

    let joined = ann.ask_room("room.join", json!({})).await;
    assert_eq!(joined["ok"]["snapshot"]["sales"][0]["items"][0]["available"], 5);
    assert_eq!(code(&ann.ask_room("room.like", json!({ "count": 30 })).await), "accepted");
    assert_eq!(code(&ann.ask_room("room.watch", watch).await), "accepted");
    let claimed = ann.ask_room("sale.claim", claim_of("k2", 2)).await;
    assert_eq!(claimed["ok"]["reservation"]["quantity"], 2);
    pass(Duration::from_millis(200)).await;
    let pushed = ann.hears().await;
    assert!(pushed.iter().all(|line| line["type"] != "reservation.changed"), "the reply told it");

    house.around.pulses.report(&house.around.hub, &house.around.nodes);
    settle().await;
    let shop = shop_id();
    let room = house.driver.engine.query(&shop, |shop, _| shop.room_view(&room_id("r1")));
    let room = room.await.unwrap().unwrap();
    assert_eq!((room.likes, room.joins, room.viewers), (10, 1, 1), "ten likes a second count");

    assert_eq!(code(&ann.ask_room("room.leave", json!({})).await), "accepted");
    assert_eq!(code(&ann.ask_room("sale.claim", claim_of("k3", 1)).await), "not_joined");
    ann.hears().await;
    house.driver.buy("bob", comment("r1", "c1", "hello")).await.unwrap();
    pass(Duration::from_millis(200)).await;
    assert_eq!(ann.hears().await, [Value::Null; 0], "who left hears nothing");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_not_there_or_not_for_him_is_not_joined() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let nowhere = ann.ask("room.join", json!({ "shop": "acme", "room": "r9" })).await;
    assert_eq!(code(&nowhere), "room_unknown");
    let (room, user) = (room_id("r1"), user_id("ann"));
    let ban = hawker_domain::command::RoomCommand::Ban { room, user, for_ms: None };
    house.driver.manage(ban).await;
    assert_eq!(code(&ann.ask_room("room.join", json!({})).await), "banned");
    let end = hawker_domain::command::RoomCommand::End { room: room_id("r1") };
    house.driver.manage(end).await;
    let mut bob = house.guest("bob").await;
    assert_eq!(code(&bob.ask_room("room.join", json!({})).await), "room_ended");
}

#[tokio::test(start_paused = true)]
async fn regression_joining_again_gives_no_more_likes() {
    // Each join came with a full allowance: leave, join and like as often as joins are allowed.
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    for _ in 0..3 {
        ann.ask_room("room.join", json!({})).await;
        ann.ask_room("room.like", json!({ "count": 30 })).await;
        ann.ask_room("room.leave", json!({})).await;
    }
    ann.ask_room("room.join", json!({})).await;
    house.around.pulses.report(&house.around.hub, &house.around.nodes);
    settle().await;
    let shop = shop_id();
    let room = house.driver.engine.query(&shop, |shop, _| shop.room_view(&room_id("r1")));
    assert_eq!(room.await.unwrap().unwrap().likes, 10);
}

/// A sale that asks for three seconds in the room, and the claim of one unit of it.
async fn picky(house: &House) -> impl Fn(&str) -> Value + use<> {
    let sale = hawker_domain::id::SaleId::parse("s2").unwrap();
    let mut spec = flash(in_room("r1"), 5);
    spec.min_presence_ms = Some(SpanMs::seconds(3));
    let create = hawker_domain::command::SaleCommand::Create { sale: sale.clone(), spec };
    house.driver.manage(create).await;
    house.driver.manage(hawker_domain::command::SaleCommand::Start { sale }).await;
    |id: &str| json!({ "sale": "s2", "sku": "red", "quantity": 1, "command_id": id })
}

fn resume_at(joined: &Value, presence: &str) -> Value {
    let snapshot = &joined["ok"]["snapshot"];
    json!([{
        "topic": "room:acme/r1", "epoch": snapshot["epoch"], "seq": snapshot["seq"],
        "presence": presence,
    }])
}

#[tokio::test(start_paused = true)]
async fn time_in_the_room_outlives_a_connection_and_cannot_be_forged() {
    let house = House::open().await;
    let claim = picky(&house).await;
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    let presence = joined["ok"]["presence"].as_str().unwrap().to_owned();
    assert_eq!(code(&ann.ask_room("sale.claim", claim("k1")).await), "presence_too_short");
    pass(Duration::from_secs(4)).await;
    ann.client.vanish();

    let forged = format!("0{}", &presence[1..]);
    let cases = [
        ("ann", presence.clone(), "accepted"),
        ("bob", presence, "presence_too_short"),
        ("cat", forged, "presence_too_short"),
    ];
    for (name, presence, outcome) in cases {
        let mut guest = house.connect();
        let resume = resume_at(&joined, &presence);
        let welcome = guest.hello(&house.token(name, HOUR), resume).await;
        assert_eq!(welcome["ok"]["resumed"][0]["recovered"], true, "{welcome}");
        let claimed = guest.ask_room("sale.claim", claim(name)).await;
        assert_eq!(code(&claimed), outcome, "{name}: {claimed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_brings_what_was_missed_or_a_snapshot_and_then_goes_on() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    ann.client.vanish();
    house.driver.buy("bob", comment("r1", "c1", "missed")).await.unwrap();
    pass(Duration::from_millis(200)).await;

    let mut back = house.connect();
    let welcome = back.hello(&house.token("ann", HOUR), resume_at(&joined, "")).await;
    let resumed = &welcome["ok"]["resumed"][0];
    assert_eq!(resumed["recovered"], true);
    assert_eq!(resumed["missed"][0]["comment"]["text"], "missed", "{welcome}");
    assert_eq!(resumed["missed"].as_array().unwrap().len(), 1);

    let mut other = house.connect();
    let elsewhere = json!([
        { "topic": "room:acme/r1", "epoch": "99", "seq": 1 },
        { "topic": "room:acme/r9", "epoch": "1", "seq": 1 },
    ]);
    let welcome = other.hello(&house.token("cat", HOUR), elsewhere).await;
    let resumed = &welcome["ok"]["resumed"];
    assert_eq!(resumed[0]["recovered"], false);
    assert_eq!(resumed[0]["snapshot"]["comments"][0]["text"], "missed");
    assert_eq!(resumed[1]["error"]["code"], "room_unknown");

    house.driver.buy("bob", comment("r1", "c2", "live")).await.unwrap();
    pass(Duration::from_millis(200)).await;
    for guest in [&mut back, &mut other] {
        let heard = guest.hears().await;
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["comment"]["text"], "live");
    }
}

/// A shop whose journal hangs; a join waits in it.
async fn stuck(house: &House, guest: &mut Guest) {
    house.faults.hold_appends();
    drop(house.driver.begin("bob", Role::Buyer, comment("r1", "c1", "hello")));
    let follow = hawker_domain::command::ShopCommand::Follow;
    drop(house.driver.begin("bob", Role::Buyer, follow));
    settle().await;
    let join = guest.line("room.join", json!({ "shop": "acme", "room": "r1" }));
    guest.client.text(&join);
    assert_eq!(guest.hears().await, [Value::Null; 0], "it waits");
}

#[tokio::test(start_paused = true)]
async fn regression_a_join_does_not_wait_for_ever_for_a_journal_that_hangs() {
    // The question had no deadline: the connection heard nothing until the journal came back.
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    stuck(&house, &mut ann).await;
    pass(Duration::from_secs(5)).await;
    let heard = ann.hears().await;
    assert_eq!(code(&heard[0]), "timeout", "{heard:?}");

    let mut back = house.connect();
    let mut topics = resume_at(&joined, "");
    let topic = topics[0].clone();
    topics.as_array_mut().unwrap().push(topic);
    let hello = json!({ "token": house.token("ann", HOUR), "resume": topics });
    let hello = back.line("hello", hello);
    back.client.text(&hello);
    pass(Duration::from_secs(5)).await;
    let welcome = back.hears().await;
    let resumed = &welcome[0]["ok"]["resumed"];
    assert_eq!(resumed[0]["error"]["code"], "timeout", "{welcome:?}");
    assert_eq!(resumed[1]["error"]["code"], "timeout", "one deadline for all of them");
    house.faults.release_appends();
    assert_eq!(code(&back.ask_room("room.join", json!({})).await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn regression_a_drain_reaches_whoever_waits_for_a_shop() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let joined = ann.ask_room("room.join", json!({})).await;
    stuck(&house, &mut ann).await;
    let mut back = house.connect();
    let resume = json!({ "token": house.token("ann", HOUR), "resume": resume_at(&joined, "") });
    let hello = back.line("hello", resume);
    back.client.text(&hello);
    settle().await;
    house.around.drain.cancel();
    let heard = ann.hears().await;
    assert_eq!((&heard[0]["type"], &heard[1]["close"]), (&"drain".into(), &1012.into()));
    back.is_closed_with(1012).await;
}
