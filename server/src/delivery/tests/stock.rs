//! How often a room hears of its stock.

use super::*;

const INTERVAL: Duration = Duration::from_millis(100);

/// The available units that were told, and when.
fn stock(house: &House) -> Vec<(Instant, u64)> {
    let lines = house.told("r1", "room.stock").into_iter();
    lines.map(|(at, line)| (at, line["available"].as_u64().unwrap())).collect()
}

async fn quiet_house(units: u32) -> House {
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), units)).await;
    pass(Duration::from_secs(1)).await;
    house.hush();
    house
}

#[tokio::test(start_paused = true)]
async fn the_first_move_is_told_at_once_and_what_follows_once_an_interval_with_the_newest() {
    let house = quiet_house(1_000).await;
    let begun = Instant::now();
    for number in 0..100 {
        let (buyer, hold) = (format!("b{number}"), format!("h{number}"));
        house.driver.buy(&buyer, claim("r1", &hold, 1)).await.unwrap();
        pass(Duration::from_millis(7)).await;
    }
    pass(2 * INTERVAL).await;
    let told = stock(&house);
    assert_eq!(told[0], (begun, 999), "the first at once");
    assert_eq!(told.last().unwrap().1, 900, "the last with the newest figure");
    for pair in told.windows(2) {
        let apart = pair[1].0 - pair[0].0;
        assert!(apart >= INTERVAL, "{apart:?} after the one before");
        assert!(apart <= INTERVAL * 5 / 4 + Duration::from_millis(7), "{apart:?}: too late");
        assert!(pair[1].1 < pair[0].1, "a line that says nothing new");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_state_does_not_wait() {
    let house = quiet_house(2).await;
    house.driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    house.driver.buy("bob", claim("r1", "h2", 1)).await.unwrap();
    let told = house.told("r1", "room.stock");
    let states: Vec<_> = told.iter().map(|(_, line)| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["live", "sold_out_soft"]);
    assert_eq!(told[0].0, told[1].0, "at the same moment");
    house.driver.buy("bob", release("h2")).await.unwrap();
    assert_eq!(house.told("r1", "room.stock").pop().unwrap().1["state"], "live");
    pass(2 * INTERVAL).await;
    assert_eq!(house.told("r1", "room.stock").len(), 3, "nothing is left to tell");
}

#[tokio::test(start_paused = true)]
async fn regression_a_sale_that_sells_out_or_reopens_says_so() {
    // Only its items did; the sale itself was told as live until it ended.
    let house = quiet_house(2).await;
    house.driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    assert_eq!(house.told("r1", "room.sale").len(), 0, "it is live as before");
    house.driver.buy("bob", claim("r1", "h2", 1)).await.unwrap();
    let told = house.told("r1", "room.sale").pop().unwrap().1["sale"].clone();
    assert_eq!((&told["state"], &told["items"][0]["available"]), (&"sold_out".into(), &0.into()));
    house.driver.buy("bob", release("h2")).await.unwrap();
    let again = house.told("r1", "room.sale").pop().unwrap().1["sale"].clone();
    assert_eq!((&again["state"], &again["items"][0]["available"]), (&"live".into(), &1.into()));
    assert!(told["version"].as_u64() < again["version"].as_u64());
    assert_eq!(house.told("r1", "room.sale").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn regression_what_was_told_at_once_delays_nothing_that_comes_later() {
    // The room was still on the list of those that wait: its turn came, told nothing, and made
    // the next move wait for another interval.
    let house = quiet_house(3).await;
    house.driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    house.driver.buy("bob", claim("r1", "h2", 1)).await.unwrap();
    house.driver.buy("cat", claim("r1", "h3", 1)).await.unwrap();
    pass(INTERVAL + Duration::from_millis(5)).await;
    house.hush();
    house.driver.buy("cat", release("h3")).await.unwrap();
    pass(INTERVAL + Duration::from_millis(5)).await;
    let now = Instant::now();
    house.driver.buy("bob", release("h2")).await.unwrap();
    assert_eq!(stock(&house).pop(), Some((now, 2)));
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_not_told() {
    let house = quiet_house(2).await;
    house.driver.engine.pulse(&shop_id(), &room_id("r1"), pulse(3));
    settle().await;
    house.hush();
    house.driver.engine.pulse(&shop_id(), &room_id("r1"), pulse(3));
    house.driver.buy("ann", claim("r1", "h1", 3)).await.unwrap_err();
    house.driver.buy("ann", release("h9")).await.unwrap_err();
    pass(Duration::from_secs(6)).await;
    assert_eq!(house.heard(), []);
}

fn pulse(viewers: u64) -> hawker_domain::shop::Pulse {
    hawker_domain::shop::Pulse { viewers, ..Default::default() }
}
