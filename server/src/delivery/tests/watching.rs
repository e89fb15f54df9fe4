//! How far a buyer is with a watch task, as he is told.

use hawker_domain::time::SpanMs;

use super::people::connect;
use super::stage::*;
use super::*;

/// What each line told of one buyer's progress.
fn watched(house: &House, buyer: &str) -> Vec<u64> {
    let told = house.told_to_users("coupon.progress").into_iter();
    let own = told.filter(|(users, _)| users == &[buyer.to_owned()]);
    own.map(|(_, line)| line["progress"]["watched_ms"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_with_each_checkpoint_to_whoever_moved() {
    let house = House::open().await;
    house.open_campaign("c1", watch_coupon(SpanMs::minutes(2))).await;
    let mut ann = connect(&house, "ann", None);
    house.watch_on(&["ann", "bob"], 30).await;
    house.watch_on(&["ann"], 60).await;
    let (ann_told, bob_told) = (watched(&house, "ann"), watched(&house, "bob"));
    assert!((7..=9).contains(&ann_told.len()), "{ann_told:?}");
    assert!(ann_told.is_sorted_by(|one, other| one < other), "{ann_told:?}");
    assert!((3..=5).contains(&bob_told.len()), "{bob_told:?}");
    assert_eq!(*bob_told.last().unwrap(), 40_000, "to the last heartbeat and 15 s");
    let heard = ann.lines().await;
    let line = heard.iter().find(|line| line["type"] == "coupon.progress").unwrap();
    assert_eq!((&line["shop"], &line["progress"]["campaign"]), (&"acme".into(), &"c1".into()));
    assert_eq!(line["progress"]["needed_ms"], 120_000);
    let heard = house.heard();
    let classes = heard.iter().filter(|(_, it)| matches!(it.topic.target(), Target::User(_)));
    assert!(
        classes.into_iter().all(|(_, it)| it.class == Class::Counter { key: "c1".into() }),
        "a reader who is slow may miss some"
    );
}

#[tokio::test(start_paused = true)]
async fn shown_progress_never_falls_and_is_never_ahead_of_what_is_written() {
    let mut house = House::open().await;
    house.open_campaign("c1", watch_coupon(SpanMs::minutes(2))).await;
    let mut last = 0;
    for _ in 0..4 {
        house.watch_on(&["ann"], 15).await;
        let buyer = user_id("ann");
        let shop = shop_id();
        let view =
            house.driver.engine.query(&shop, move |shop, _| shop.promo_buyer_view(&buyer).progress);
        let written = view.await.unwrap().first().map_or(0, |view| view.watched_ms.0);
        let told = watched(&house, "ann");
        assert!(told.iter().all(|ms| *ms <= written), "{told:?} of {written}");
        assert!(told.is_sorted() && told.first().is_none_or(|first| *first >= last), "{told:?}");
        last = told.last().copied().unwrap_or(last);
        house.hush();
        house = house.restart().await;
    }
    assert!(last >= 40_000, "{last}");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_watched_enough_hears_that_he_may_claim() {
    let house = House::open().await;
    house.open_campaign("c1", watch_coupon(SpanMs::seconds(20))).await;
    house.watch_on(&["ann", "bob"], 15).await;
    assert_eq!(house.told_to_users("coupon.granted"), []);
    house.watch_on(&["ann"], 10).await;
    let told = house.told_to_users("coupon.granted");
    let mut users: Vec<_> = told.iter().flat_map(|(users, _)| users.clone()).collect();
    users.sort();
    assert_eq!(users, ["ann", "bob"], "bob's last heartbeat vouched for him");
    house.driver.buy("ann", claim_coupon("c1", "k1")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_are_told_by_a_task_of_its_own_in_pieces() {
    let house = House::open().await;
    house.open_campaign("c1", watch_coupon(SpanMs::minutes(2))).await;
    let names: Vec<_> = (0..20_000).map(|number| format!("b{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    house.watch(&names).await;
    pass(Duration::from_secs(10)).await;
    for _ in 0..4 {
        settle().await;
    }
    let told = house.told_to_users("coupon.progress");
    let users: BTreeSet<_> = told.iter().flat_map(|(users, _)| users.clone()).collect();
    assert_eq!((told.len(), users.len()), (20_000, 20_000));
}
