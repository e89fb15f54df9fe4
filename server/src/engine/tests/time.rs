//! What time brings about by itself, with the shop in memory, out of it, and after a night off.

use hawker_domain::command::{ReleaseReason, Scope};
use hawker_domain::id::{ReservationId, UserId};
use hawker_domain::time::SpanMs;

use super::*;
use crate::engine::testing::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Orders live for an hour and are spoken of three times.
fn hasty() -> Settings {
    Settings {
        unpaid_window_ms: SpanMs::hours(1),
        order_reminders_ms: vec![SpanMs::minutes(15), SpanMs::minutes(30), SpanMs::minutes(45)],
        ..Settings::default()
    }
}

fn later(minutes: u64) -> Millis {
    START + SpanMs::minutes(minutes)
}

fn restored(bench: &Bench) -> usize {
    bench.ears.heard().iter().filter(|line| line.starts_with("restored")).count()
}

/// The events after version `after`.
async fn since(driver: &Driver, after: Version) -> Vec<(Version, Millis, Event)> {
    let history = driver.history().await;
    history.into_iter().filter(|(version, ..)| *version > after).collect()
}

async fn version(driver: &Driver) -> Version {
    driver.engine.position(&shop()).await.unwrap().version
}

fn expired(history: &[(Version, Millis, Event)]) -> Vec<(Version, ReservationId, Millis)> {
    let releases = history.iter().filter_map(|(version, _, event)| match event {
        Event::ReservationReleased { reservation, reason: ReleaseReason::Expired, due_at } => {
            Some((*version, reservation.clone(), *due_at))
        }
        _ => None,
    });
    releases.collect()
}

#[tokio::test(start_paused = true)]
async fn a_hold_expires_by_itself_while_its_shop_is_in_memory() {
    let bench = bench();
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 5).await;
    driver.go_live("r1").await;
    driver.run_sale(flash(in_room("r1"), 2)).await;
    driver.buy("ann", claim("r1", "h1", 2)).await.unwrap();
    let claimed = version(&driver).await;
    pass(5 * MINUTE - Duration::from_millis(10)).await;
    assert_eq!(version(&driver).await, claimed, "nothing happens early");
    pass(Duration::from_millis(20)).await;
    let happened = since(&driver, claimed).await;
    assert_eq!(expired(&happened), [(claimed + 1, ReservationId::parse("h1").unwrap(), later(5))]);
    assert_eq!(restored(&bench), 1, "it was in memory all the time");
}

#[tokio::test(start_paused = true)]
async fn a_sleeping_shop_is_woken_reminds_and_cancels_and_sleeps_again() {
    let bench = bench();
    let driver = Driver::new(bench.engine.clone());
    driver.found(hasty(), 5).await;
    driver.buy("ann", place("o1", goods())).await.unwrap();
    let placed = version(&driver).await;
    pass(61 * MINUTE).await;
    let order = |event: &Event| match event {
        Event::OrderReminded { due_at, .. } => ("reminded", *due_at),
        Event::OrderCancelled { due_at, .. } => ("cancelled", *due_at),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> = since(&driver, placed).await.iter().map(|(.., it)| order(it)).collect();
    let reminded = |minutes| ("reminded", later(minutes));
    assert_eq!(told, [reminded(15), reminded(30), reminded(45), ("cancelled", later(60))]);
    assert_eq!(restored(&bench), 5, "ten idle minutes lie before each of the four");
    let heard = bench.ears.heard();
    let comings = heard.iter().filter(|line| line.contains("under epoch")).cloned();
    let expected = (1..=5).flat_map(|epoch| {
        ["restored", "unloaded"].map(|what| format!("{what} acme under epoch {epoch}"))
    });
    assert_eq!(comings.collect::<Vec<_>>(), expected.take(9).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn after_downtime_what_is_overdue_happens_in_order_under_its_own_deadlines() {
    let clock = Clock::starting_at(START);
    let bench = bench_with(Memory::new(), Options::default(), clock.clone());
    let driver = Driver::new(bench.engine.clone());
    driver.found(hasty(), 9).await;
    driver.go_live("r1").await;
    driver.run_sale(flash(in_room("r1"), 1)).await;
    driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    driver.buy("bob", wait("r1", 1)).await.unwrap();
    driver.buy("cat", place("o1", goods())).await.unwrap();
    let before = version(&driver).await;
    bench.engine.stop().await;
    tokio::time::advance(50 * MINUTE).await;

    let bench = bench_with(bench.memory, Options::default(), clock.clone());
    let now = clock.now();
    let driver = Driver::new(bench.engine.clone());
    // The first look at the due index wakes the shop; reading its snapshot takes a thread.
    pass(Duration::from_millis(1)).await;
    let happened = since(&driver, before).await;
    assert!(happened.iter().all(|(_, at, _)| *at == now), "{happened:?}");
    let [(.., first), (.., second), (.., third)] = &happened[..] else {
        panic!("of three overdue reminders only the last is sent: {happened:?}");
    };
    assert!(
        matches!(first, Event::ReservationReleased { due_at, .. } if *due_at == later(5)),
        "{first:?}"
    );
    let offered = now + SpanMs::seconds(60);
    assert!(
        matches!(second, Event::WaitlistOffered { expires_at, .. } if *expires_at == offered),
        "an offer never starts in the past: {second:?}"
    );
    assert!(
        matches!(third, Event::OrderReminded { due_at, .. } if *due_at == later(45)),
        "{third:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_of_many_timers_is_cut_and_commands_wait_behind_what_is_due() {
    let options = Options { timers_max: 4, ..Options::default() };
    let bench = bench_over(Memory::new(), options);
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 10).await;
    driver.go_live("r1").await;
    driver.run_sale(flash(in_room("r1"), 10)).await;
    for number in 0..10 {
        let (buyer, hold) = (format!("buyer{number}"), format!("h{number}"));
        driver.buy(&buyer, claim("r1", &hold, 1)).await.unwrap();
    }
    let before = version(&driver).await;
    bench.faults.hold_appends();
    pass(5 * MINUTE + Duration::from_millis(50)).await;
    let all = tokio::spawn(driver.begin("zoe", Role::Buyer, claim("r1", "all", 10)));
    pass(Duration::from_millis(50)).await;
    bench.faults.release_appends();
    accepted(all.await.unwrap());

    let happened = since(&driver, before).await;
    let releases = expired(&happened);
    let in_version = |nth| releases.iter().filter(|(version, ..)| *version == before + nth).count();
    assert_eq!([in_version(1), in_version(2), in_version(3)], [4, 4, 2]);
    assert!(releases.iter().all(|(.., due_at)| *due_at == later(5)));
    let (last, _, event) = happened.last().unwrap();
    assert!(matches!(event, Event::Reserved(reserved) if reserved.quantity == 10), "{event:?}");
    assert_eq!(*last, before + 3, "the claim came when nothing was overdue any more");
}

#[tokio::test(start_paused = true)]
async fn event_time_never_runs_back_when_the_clock_does() {
    let ahead = Clock::starting_at(later(60));
    let bench = bench_with(Memory::new(), Options::default(), ahead);
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 5).await;
    driver.go_live("r1").await;
    driver.run_sale(flash(Scope::AllRooms, 2)).await;
    bench.engine.stop().await;

    let bench = bench_with(bench.memory, Options::default(), Clock::starting_at(START));
    let driver = Driver::new(bench.engine.clone());
    let answer = driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    assert_eq!(answer.at, later(60), "the shop's last event was then");
    let claimed = version(&driver).await;
    pass(30 * MINUTE).await;
    assert_eq!(version(&driver).await, claimed, "nothing fires before the clock says so");
    pass(36 * MINUTE).await;
    let happened = since(&driver, claimed).await;
    assert_eq!(expired(&happened), [(claimed + 1, ReservationId::parse("h1").unwrap(), later(65))]);
    let times: Vec<_> = driver.history().await.iter().map(|(_, at, _)| *at).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_buyer_who_gave_up_is_not_served_by_a_timer() {
    let bench = bench();
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 5).await;
    driver.go_live("r1").await;
    driver.run_sale(flash(in_room("r1"), 1)).await;
    driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    driver.buy("ann", release("h1")).await.unwrap();
    let before = version(&driver).await;
    pass(6 * MINUTE).await;
    assert_eq!(since(&driver, before).await, []);
    let buyer = UserId::parse("ann").unwrap();
    let view = bench.engine.query(&shop(), move |shop, _| shop.buyer_view(&buyer)).await.unwrap();
    assert!(view.reservations.iter().all(|hold| hold.version == 2), "{view:?}");
}
