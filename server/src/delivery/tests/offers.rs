//! Who hears what of campaigns and coupons, and what a room's snapshot shows of them.

use hawker_domain::command::{CampaignSpec, OrderCommand, PromoCommand, ReleaseReason};
use hawker_domain::id::{CouponId, OrderId};
use hawker_domain::time::SpanMs;

use super::people::connect;
use super::stage::*;
use super::*;

const INTERVAL: Duration = Duration::from_millis(500);

/// The states and the coupons left that were told in a room.
fn offers(house: &House, room: &str) -> Vec<(String, u64)> {
    let told = house.told(room, "room.coupon").into_iter().map(|(_, line)| line["offer"].clone());
    told.map(|it| (it["state"].as_str().unwrap().to_owned(), it["left"].as_u64().unwrap()))
        .collect()
}

fn shown(house: &House, room: &str) -> Vec<String> {
    let snapshot = house.snapshot(room);
    let offers = snapshot["offers"].as_array().cloned().unwrap_or_default();
    offers.iter().map(|it| it["campaign"].as_str().unwrap().to_owned()).collect()
}

fn state(name: &str, left: u64) -> (String, u64) {
    (name.to_owned(), left)
}

#[tokio::test(start_paused = true)]
async fn a_campaign_is_told_in_its_rooms_from_its_announcement_to_its_end() {
    let house = House::open().await;
    house.driver.go_live("r2").await;
    let opens_at = Some(START + SpanMs::hours(1));
    house.create_campaign("c1", CampaignSpec { opens_at, ..coupon(in_room("r1")) }).await;
    assert_eq!((offers(&house, "r1"), shown(&house, "r1")), (vec![], vec![]), "a draft is secret");
    let campaign = campaign_id("c1");
    house.driver.manage(PromoCommand::AnnounceCampaign { campaign: campaign.clone() }).await;
    house.driver.manage(PromoCommand::OpenCampaign { campaign }).await;
    assert_eq!(shown(&house, "r1"), ["c1"]);
    house.end_campaign("c1").await;
    let told = [state("announced", 100), state("open", 100), state("ended", 100)];
    assert_eq!(offers(&house, "r1"), told);
    assert_eq!(shown(&house, "r1"), [""; 0]);
    assert!(house.told("r2", "room.coupon").is_empty());
    assert!(house.told("r1", "room.coupon").iter().all(|(_, line)| line["shown"] == false));
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_ends_was_never_told() {
    let house = House::open().await;
    house.create_campaign("c1", coupon(in_room("r1"))).await;
    house.end_campaign("c1").await;
    assert_eq!(offers(&house, "r1"), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_earned_is_shown_as_ending_when_the_room_is_over() {
    let house = House::open().await;
    house.open_campaign("c1", watch_coupon(SpanMs::minutes(1))).await;
    house.hush();
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    settle().await;
    assert_eq!(offers(&house, "r1"), [state("ending", 100)]);
    assert_eq!(house.snapshot("r1")["offers"][0]["state"], "ending");
}

#[tokio::test(start_paused = true)]
async fn claims_are_told_once_an_interval_and_the_last_coupon_at_once() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    pass(Duration::from_secs(1)).await;
    house.hush();
    for number in 0..100 {
        let buyer = format!("b{number}");
        house.driver.buy(&buyer, claim_coupon("c1", &format!("k{number}"))).await.unwrap();
        pass(Duration::from_millis(20)).await;
    }
    let told = house.told("r1", "room.coupon");
    let left: Vec<_> = offers(&house, "r1").into_iter().map(|(_, left)| left).collect();
    assert_eq!((left[0], left.last()), (99, Some(&0)));
    assert!(left.is_sorted_by(|one, other| one > other), "{left:?}");
    assert!((4..=6).contains(&told.len()), "{left:?}");
    for pair in told[..told.len() - 1].windows(2) {
        assert!(pair[1].0 - pair[0].0 >= INTERVAL);
    }
    let gone_at = told.last().unwrap().0;
    assert!(Instant::now() - gone_at <= Duration::from_millis(25), "nobody waits for nothing");
    pass(INTERVAL * 2).await;
    assert_eq!(house.told("r1", "room.coupon").len(), told.len(), "nothing is left to tell");
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_that_buyers_see_is_not_told() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    house.driver.buy("ann", claim_coupon("c1", "k1")).await.unwrap();
    pass(INTERVAL * 2).await;
    house.hush();
    house.driver.buy("ann", place("o1", goods())).await.unwrap();
    pass(INTERVAL * 2).await;
    assert_eq!(offers(&house, "r1"), [], "the coupon is locked: the campaign moved its money");
}

#[tokio::test(start_paused = true)]
async fn a_campaign_that_is_shown_to_everybody_is_one_line_for_the_room() {
    let house = House::open().await;
    house.driver.go_live("r2").await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    let mut ann = connect(&house, "ann", Some("r1"));
    let mut bob = connect(&house, "bob", Some("r2"));
    house.watch(&["ann", "cat"]).await;
    for screen in [&mut ann, &mut bob] {
        screen.hears().await;
    }
    house.hush();
    house.driver.manage(push_to("c1", vec![])).await;
    settle().await;
    let told = house.told("r1", "room.coupon");
    assert_eq!((told.len(), &told[0].1["shown"]), (1, &true.into()));
    assert_eq!(told[0].1["offer"]["campaign"], "c1");
    assert_eq!(house.heard().len(), 1, "and nothing else: {:?}", house.heard());
    assert_eq!(ann.hears().await, ["room.coupon"]);
    assert_eq!(bob.hears().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_campaign_that_is_shown_to_a_segment_reaches_those_alone() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    let mut ann = connect(&house, "ann", Some("r1"));
    let mut bob = connect(&house, "bob", Some("r1"));
    house.watch(&["ann"]).await;
    ann.heard();
    bob.heard();
    house.hush();
    house.driver.manage(push_to("c1", viewers())).await;
    let heard = ann.lines().await;
    let offered = heard.iter().find(|line| line["type"] == "coupon.offered").unwrap();
    assert_eq!((&offered["shop"], &offered["room"]), (&"acme".into(), &"r1".into()));
    assert_eq!(offered["offer"]["campaign"], "c1");
    assert!(!bob.hears().await.contains(&"coupon.offered".to_owned()));
    assert!(house.told("r1", "room.coupon").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_segment_of_five_thousand_is_told_in_pieces_made_from_one_line() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    let names: Vec<_> = (0..5_000).map(|number| format!("b{number:04}")).collect();
    house.watch(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    house.hush();
    house.driver.manage(push_to("c1", viewers())).await;
    settle().await;
    let told = house.told_to_users("coupon.offered");
    assert!(told.iter().all(|(users, _)| users.len() <= 64));
    let mut users: Vec<_> = told.into_iter().flat_map(|(users, _)| users).collect();
    users.sort();
    assert_eq!(users, names, "each of them once");
    let heard = house.heard();
    let lines = heard.iter().filter(|(_, it)| matches!(it.topic.target(), Target::Users(_)));
    let places: BTreeSet<_> = lines.map(|(_, it)| it.line.as_ptr()).collect();
    assert_eq!(places.len(), 1, "encoded once");
}

#[tokio::test(start_paused = true)]
async fn a_campaign_that_ended_with_the_push_is_not_shown() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    house.hush();
    let end = PromoCommand::EndCampaign { campaign: campaign_id("c1") };
    // Both are in one batch.
    let push = house.driver.begin("erp", Role::Service, push_to("c1", vec![]));
    let end = house.driver.begin("erp", Role::Service, end);
    push.await.unwrap();
    end.await.unwrap();
    settle().await;
    let told = house.told("r1", "room.coupon");
    assert_eq!(told.last().unwrap().1["offer"]["state"], "ended");
    assert_eq!(shown(&house, "r1"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn coupons_are_told_to_their_buyers_and_a_claim_to_his_other_screens() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    let mut ann = connect(&house, "ann", None);
    let mut bob = connect(&house, "bob", None);
    house.driver.buy("ann", claim_coupon("c1", "k1")).await.unwrap();
    assert_eq!(ann.hears().await, [""; 0], "the reply has told it");
    house.driver.buy("ann", place("o1", goods())).await.unwrap();
    let heard = ann.lines().await;
    let changed = heard.iter().find(|line| line["type"] == "coupon.changed").unwrap();
    let state = &changed["coupon"]["state"];
    assert_eq!((&state["kind"], &state["by"]["order"]), (&"locked".into(), &"o1".into()));
    let coupon = CouponId::parse("k1").unwrap();
    let (order, reason) = (OrderId::parse("o1").unwrap(), ReleaseReason::BuyerCancel);
    house.driver.buy("ann", OrderCommand::Cancel { order, reason }).await.unwrap();
    house.driver.manage(PromoCommand::RevokeCoupon { coupon }).await;
    let heard = ann.lines().await;
    let states: Vec<_> = heard
        .iter()
        .filter(|line| line["type"] == "coupon.changed")
        .map(|line| line["coupon"]["state"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["claimed", "revoked"]);
    assert_eq!(bob.hears().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_let_in_hears_so_once_the_campaign_is_no_secret() {
    let house = House::open().await;
    house.create_campaign("c1", coupon(Scope::AllRooms)).await;
    let grant = |name: &str| {
        let (campaign, buyers) = (campaign_id("c1"), BTreeSet::from([user_id(name)]));
        PromoCommand::Grant { campaign, buyers }
    };
    house.driver.manage(grant("ann")).await;
    settle().await;
    assert_eq!(house.told_to_users("coupon.granted"), []);
    house.driver.manage(PromoCommand::OpenCampaign { campaign: campaign_id("c1") }).await;
    house.driver.manage(grant("bob")).await;
    settle().await;
    let told = house.told_to_users("coupon.granted");
    assert_eq!((told.len(), &told[0].0), (1, &vec!["bob".to_owned()]));
    assert_eq!(told[0].1["offer"]["state"], "open");
}

#[tokio::test(start_paused = true)]
async fn those_who_asked_are_reminded_before_the_opening() {
    let house = House::open().await;
    let opens_at = house.clock.now() + SpanMs::hours(1);
    let spec = CampaignSpec { opens_at: Some(opens_at), ..coupon(in_room("r1")) };
    house.create_campaign("c1", spec).await;
    let campaign = campaign_id("c1");
    house.driver.manage(PromoCommand::AnnounceCampaign { campaign: campaign.clone() }).await;
    for buyer in ["ann", "bob"] {
        let campaign = campaign.clone();
        house.driver.buy(buyer, PromoCommand::Remind { campaign }).await.unwrap();
    }
    pass(Duration::from_secs(3_600)).await;
    let told = house.told_to_users("coupon.reminder");
    let mut users: Vec<_> = told.iter().flat_map(|(users, _)| users.clone()).collect();
    users.sort();
    assert_eq!(users, ["ann", "bob"]);
    assert_eq!((&told[0].1["campaign"], &told[0].1["text"]), (&"c1".into(), &"Now!".into()));
    assert_eq!(told[0].1["opens_at"], opens_at.0);
}

#[tokio::test(start_paused = true)]
async fn a_restored_shop_and_a_room_that_opens_later_show_the_offers() {
    let house = House::open().await;
    house.open_campaign("c1", coupon(Scope::AllRooms)).await;
    house.open_campaign("c2", coupon(in_room("r1"))).await;
    house.create_campaign("c3", coupon(Scope::AllRooms)).await;
    house.driver.buy("ann", claim_coupon("c1", "k1")).await.unwrap();
    house.driver.go_live("r2").await;
    assert_eq!(
        (shown(&house, "r1"), shown(&house, "r2")),
        (vec!["c2".into(), "c1".into()], vec!["c1".to_owned()])
    );
    let before = house.snapshot("r1")["offers"].clone();
    house.hush();
    let house = house.restart().await;
    assert_eq!(house.snapshot("r1")["offers"], before);
    assert_eq!(shown(&house, "r2"), ["c1"]);
    assert!(house.told("r1", "room.coupon").is_empty(), "the snapshot has it");
    house.driver.go_live("r3").await;
    assert_eq!(house.snapshot("r3")["offers"][0]["left"], 99);
    house.driver.manage(PromoCommand::OpenCampaign { campaign: campaign_id("c3") }).await;
    assert_eq!(shown(&house, "r1"), ["c3", "c2", "c1"], "the newest first");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_shows_fewer_offers_where_they_name_many_rooms() {
    let house = House::open().await;
    let mut rooms = BTreeSet::from([room_id("r1")]);
    for number in 0..199 {
        let (room, spec) = (room_id(&format!("x{number}")), room_spec(false));
        house.driver.manage(RoomCommand::Create { room: room.clone(), spec }).await;
        rooms.insert(room);
    }
    for number in 0..6 {
        let name = format!("c{number}");
        house.open_campaign(&name, coupon(Scope::Rooms(rooms.clone()))).await;
    }
    assert_eq!(shown(&house, "r1"), ["c5", "c4", "c3", "c2", "c1"]);
    assert!(house.delivery.snapshot(&topic("r1")).unwrap().body.len() < 128 * 1_024);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_shows_the_newest_offers_and_every_one_goes_on_being_told() {
    let options = Options { snapshot_offers_max: 2, ..Options::default() };
    let house = House::with(options).await;
    for name in ["c3", "c1", "c2"] {
        house.open_campaign(name, coupon(Scope::AllRooms)).await;
    }
    assert_eq!(shown(&house, "r1"), ["c2", "c1"]);
    house.hush();
    house.end_campaign("c2").await;
    assert_eq!(shown(&house, "r1"), ["c1", "c3"]);
    house.driver.buy("ann", claim_coupon("c3", "k1")).await.unwrap();
    pass(INTERVAL).await;
    assert_eq!(offers(&house, "r1"), [state("ended", 100), state("open", 99)]);
}
