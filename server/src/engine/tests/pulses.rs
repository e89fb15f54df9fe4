//! Likes and viewers beside the queue, and questions behind it.

use super::*;
use crate::engine::testing::*;

const HALF_A_SECOND: Duration = Duration::from_millis(500);

async fn live_bench(options: Options) -> (Bench, Driver) {
    let bench = bench_over(Memory::new(), options);
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 5).await;
    driver.go_live("r1").await;
    (bench, driver)
}

fn likes(likes: u64) -> Pulse {
    Pulse { likes, viewers: 3, ..Pulse::default() }
}

async fn room_likes(bench: &Bench) -> u64 {
    let room = |shop: &Shop, _| shop.room_view(&room_id("r1")).map(|room| room.likes);
    bench.engine.query(&shop(), room).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn regression_a_quiet_rooms_pulses_never_fill_a_batch() {
    // Each pulse that changed nothing took a command's place in a batch which was never sent, so
    // that a quiet room stopped its shop for good after a thousand seconds.
    let (bench, driver) = live_bench(Options { batch_commands_max: 4, ..Options::default() }).await;
    for _ in 0..20 {
        bench.engine.pulse(&shop(), &room_id("r1"), likes(0));
        pass(Duration::from_secs(1)).await;
    }
    let rename = driver.begin("erp", Role::Service, lipstick("Balm"));
    accepted(tokio::time::timeout(HALF_A_SECOND, rename).await.expect("the shop stands still"));
}

#[tokio::test(start_paused = true)]
async fn pulses_do_not_make_a_shop_busy_and_are_merged_while_it_writes() {
    let (bench, driver) =
        live_bench(Options { mailbox_commands_max: 2, ..Options::default() }).await;
    bench.engine.pulse(&shop(), &room_id("r1"), likes(1));
    settle().await;
    bench.faults.hold_appends();
    let first = tokio::spawn(driver.begin("erp", Role::Service, lipstick("Balm")));
    bench.faults.appends_waiting(1).await;
    let heard = bench.ears.heard().len();
    for _ in 0..50 {
        bench.engine.pulse(&shop(), &room_id("r1"), likes(2));
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(driver.begin("erp", Role::Service, lipstick("Cream")));
    settle().await;
    bench.faults.release_appends();
    accepted(first.await.unwrap());
    accepted(second.await.unwrap());
    settle().await;
    let heard = bench.ears.heard().split_off(heard);
    let passing = heard.iter().filter(|line| line.as_str() == "passing in acme: 1").count();
    assert_eq!((passing, heard.len()), (1, 3), "{heard:?}");
    assert_eq!(room_likes(&bench).await, 101);
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_the_pulse_it_was_taken_with() {
    let (bench, _) = live_bench(Options::default()).await;
    bench.engine.pulse(&shop(), &room_id("r1"), likes(1));
    settle().await;
    bench.faults.hold_appends();
    pass(Duration::from_secs(6)).await;
    bench.engine.pulse(&shop(), &room_id("r1"), likes(1));
    bench.faults.appends_waiting(1).await;
    let engine = bench.engine.clone();
    let room = |shop: &Shop, _| shop.room_view(&room_id("r1")).map(|room| room.likes);
    let asked = tokio::spawn(async move { engine.query(&shop(), room).await });
    settle().await;
    assert!(!asked.is_finished(), "the like it would show is not durable");
    bench.faults.release_appends();
    assert_eq!(asked.await.unwrap().unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_deposed_writer_answers_no_question_from_its_old_memory() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.memory.acquire(&shop()).await.unwrap();
    let asked = bench.engine.query(&shop(), |shop, _| shop.view()).await;
    assert_eq!(asked, Err(Error::Retry));
    pass(Duration::from_secs(1)).await;
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
}
