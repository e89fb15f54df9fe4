//! Who hears what of lucky draws and of sales that draw their first claims.

use hawker_domain::command::{Address, DrawMode, PromoCommand, SaleSpec, Task};
use hawker_domain::time::SpanMs;

use super::people::connect;
use super::stage::*;
use super::*;

fn draws(house: &House) -> Vec<(String, u64)> {
    let told = house.told("r1", "room.draw").into_iter().map(|(_, line)| line["draw"].clone());
    told.map(|it| (it["state"].as_str().unwrap().to_owned(), it["entries"].as_u64().unwrap()))
        .collect()
}

fn state(name: &str, entries: u64) -> (String, u64) {
    (name.to_owned(), entries)
}

fn enter(name: &str) -> PromoCommand {
    PromoCommand::EnterDraw { draw: draw_id(name) }
}

#[tokio::test(start_paused = true)]
async fn a_draw_is_told_from_its_hash_to_its_winners() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", None);
    let mut bob = connect(&house, "bob", None);
    house.start_draw("d1", lucky(Task::None, 1)).await;
    house.watch(&["ann", "bob"]).await;
    for buyer in ["ann", "bob"] {
        house.driver.buy(buyer, enter("d1")).await.unwrap();
    }
    assert_eq!(ann.hears().await, ["draw.entered"]);
    pass(Duration::from_secs(1)).await;
    assert_eq!(house.snapshot("r1")["draws"][0]["entries"], 2);
    house.watch_on(&["ann", "bob"], 10).await;
    house.reveal("d1").await;
    settle().await;
    let told = draws(&house);
    assert_eq!(told.first(), Some(&state("running", 0)));
    assert_eq!(told[told.len() - 2..], [state("closed", 2), state("drawn", 2)]);
    let shown = house.snapshot("r1")["draws"][0].clone();
    assert_eq!((&shown["state"], &shown["eligible"]), (&"drawn".into(), &2.into()));
    assert!(shown["seed"].is_string());
    let winner = shown["winners"][0]["buyer"].as_str().unwrap().to_owned();
    let (won, lost) = if winner == "ann" { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
    let heard = won.lines().await;
    let prize = heard.iter().find(|line| line["type"] == "draw.won").unwrap();
    assert_eq!((&prize["draw"], &prize["shop"]), (&"d1".into(), &"acme".into()));
    assert!(!lost.hears().await.contains(&"draw.won".to_owned()));

    let address = Address {
        name: "Ann".to_owned(),
        phone: String::new(),
        lines: vec!["1 High Street".to_owned()],
        city: "York".to_owned(),
        postcode: "YO1".to_owned(),
        country: "GB".to_owned(),
    };
    let claim = PromoCommand::ClaimPrize { draw: draw_id("d1"), address };
    house.driver.buy(&winner, claim).await.unwrap();
    assert_eq!(draws(&house).last(), Some(&state("done", 2)));
    assert_eq!(house.snapshot("r1")["draws"], Value::Null, "what is done is shown no more");
}

#[tokio::test(start_paused = true)]
async fn entries_are_told_once_an_interval_with_the_newest_figure() {
    let house = House::open().await;
    house.start_draw("d1", lucky(Task::None, 1)).await;
    house.hush();
    for number in 0..200 {
        house.driver.buy(&format!("b{number}"), enter("d1")).await.unwrap();
        pass(Duration::from_millis(10)).await;
    }
    pass(Duration::from_secs(1)).await;
    let told = house.told("r1", "room.draw");
    assert!((4..=6).contains(&told.len()), "{}", told.len());
    assert_eq!(draws(&house).last(), Some(&state("running", 200)));
    for pair in told.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= Duration::from_millis(500));
    }
    assert_eq!(house.told_to_users("draw.entered").len(), 200);
}

#[tokio::test(start_paused = true)]
async fn whoever_enters_by_a_comment_hears_that_he_is_in() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", None);
    house.start_draw("d1", lucky(Task::Comment { keyword: "mine".to_owned() }, 1)).await;
    house.driver.buy("ann", comment("r1", "m1", "mine!")).await.unwrap();
    let heard = ann.lines().await;
    assert_eq!((&heard[0]["type"], &heard[0]["draw"]), (&"draw.entered".into(), &"d1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_prize_that_nobody_claims_is_told_as_lost() {
    let house = House::open().await;
    house.start_draw("d1", lucky(Task::None, 5)).await;
    house.driver.buy("ann", enter("d1")).await.unwrap();
    house.watch_on(&["ann"], 10).await;
    house.reveal("d1").await;
    pass(Duration::from_secs(48 * 3_600)).await;
    let told = house.told_to_users("draw.forfeited");
    assert_eq!((told.len(), &told[0].0), (1, &vec!["ann".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn who_still_looks_at_a_room_that_is_over_sees_the_draw_that_closed_with_it() {
    let house = House::open().await;
    house.start_draw("d1", lucky(Task::None, 1)).await;
    house.watch(&["ann"]).await;
    house.driver.buy("ann", enter("d1")).await.unwrap();
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    house.reveal("d1").await;
    settle().await;
    assert_eq!(draws(&house)[1..], [state("closed", 1), state("drawn", 1)]);
    assert_eq!(house.snapshot("r1")["draws"][0]["winners"][0]["buyer"], "ann");
}

#[tokio::test(start_paused = true)]
async fn a_restored_shop_shows_the_draws_of_its_rooms() {
    let house = House::open().await;
    house.start_draw("d1", lucky(Task::None, 1)).await;
    house.driver.buy("ann", enter("d1")).await.unwrap();
    pass(Duration::from_secs(1)).await;
    let before = house.snapshot("r1")["draws"].clone();
    house.hush();
    let house = house.restart().await;
    assert_eq!(house.snapshot("r1")["draws"], before);
    assert!(house.told("r1", "room.draw").is_empty(), "the snapshot has it");
    house.driver.buy("bob", enter("d1")).await.unwrap();
    assert_eq!(draws(&house), [state("running", 2)]);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_drawn_hears_of_his_hold_and_the_others_that_they_got_nothing() {
    let house = House::open().await;
    let draw = Some(DrawMode { window_ms: SpanMs::seconds(2), commitment: commitment() });
    house.driver.run_sale(SaleSpec { draw, ..flash(in_room("r1"), 1) }).await;
    let mut screens = ["ann", "bob", "cat"].map(|name| connect(&house, name, None));
    let mut phone = connect(&house, "ann", None);
    for (buyer, hold) in [("ann", "h1"), ("bob", "h2"), ("cat", "h3")] {
        house.driver.buy(buyer, claim("r1", hold, 1)).await.unwrap();
    }
    let pooled = phone.lines().await;
    assert_eq!(pooled[0]["reservation"]["state"]["kind"], "pooled");
    let counts = screens.each_mut().map(|screen| screen.heard().len());
    assert_eq!(counts, [1, 0, 0], "a reply has told it to whoever has one screen");
    pass(Duration::from_secs(2)).await;
    house.driver.manage(SaleCommand::RevealSeed { sale: sale_id(), seed: SEED }).await;
    let mut kinds = Vec::new();
    for screen in &mut screens {
        kinds.push(screen.hears().await);
    }
    kinds.sort();
    assert_eq!(
        kinds,
        [vec!["reservation.changed"], vec!["sale.not_drawn"], vec!["sale.not_drawn"]]
    );
}
