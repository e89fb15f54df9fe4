//! A room that is busier than anybody reads: an even sample, counted, without gaps.

use super::people::connect;
use super::*;

/// A hundred comments a second from one buyer.
async fn flood(house: &House, comments: u64) {
    for nth in 0..comments {
        let comment = comment("r1", &format!("c{nth}"), &nth.to_string());
        house.driver.buy("bob", comment).await.unwrap();
        pass(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn comments_beyond_the_budget_are_left_out_counted_and_take_no_number() {
    let house = House::open().await;
    flood(&house, 600).await;
    let lines = house.told("r1", "room.comment");
    // A second's worth at most was saved up.
    assert!((6 * 15 - 2..=7 * 15).contains(&lines.len()), "{}", lines.len());
    let mut next = 0;
    for (_, line) in &lines {
        let skipped = line.get("skipped").map_or(0, |skipped| skipped.as_u64().unwrap());
        assert_ne!(line.get("skipped"), Some(&Value::from(0)));
        next += skipped;
        assert_eq!(line["comment"]["text"], next.to_string());
        next += 1;
    }
    let numbers = numbers(&house.heard(), "r1");
    assert_eq!(numbers, (1..=numbers.len() as u64).map(|seq| (1, seq)).collect::<Vec<_>>());
    let shown = house.snapshot("r1")["comments"].clone();
    let newest = lines.iter().skip(lines.len() - 50).map(|(_, line)| line["comment"].clone());
    assert_eq!(shown, newest.collect::<Value>());
}

#[tokio::test(start_paused = true)]
async fn an_author_sees_each_of_his_comments_and_staff_is_seen_by_all() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", Some("r1"));
    let mut cat = connect(&house, "cat", Some("r1"));
    let (mut own, mut shown) = (0, 0);
    for nth in 0..20 {
        flood_between(&house, nth).await;
        house.driver.buy("ann", comment("r1", &format!("a{nth}"), "mine")).await.unwrap();
        house.driver.manage(comment("r1", &format!("s{nth}"), "host")).await;
        let of_ann = |lines: Vec<Value>| {
            let his = lines.into_iter().filter(|line| line["comment"]["text"] == "mine");
            his.map(|line| line["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        pass(Duration::from_millis(60)).await;
        let heard = cat.heard();
        assert!(heard.iter().any(|line| line["comment"]["text"] == "host"));
        let by_cat = of_ann(heard);
        match of_ann(ann.heard()).as_slice() {
            [kind] if kind == "room.own_comment" => own += usize::from(by_cat.is_empty()),
            [kind] if kind == "room.comment" => shown += by_cat.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(own + shown, 20);
    assert!(own > 10 && shown > 0, "{own} alone, {shown} for all");
}

async fn flood_between(house: &House, round: u64) {
    for nth in 0..25 {
        let id = format!("b{round}-{nth}");
        house.driver.buy("bob", comment("r1", &id, "flood")).await.unwrap();
        pass(Duration::from_millis(4)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_every_comment_is_shown() {
    let house = House::with(Options { comments_per_s: 0, ..Options::default() }).await;
    flood(&house, 200).await;
    assert_eq!(house.told("r1", "room.comment").len(), 200);
}
