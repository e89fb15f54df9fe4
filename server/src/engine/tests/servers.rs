//! Two servers over one store that leases shops: one of them answers for a shop.

use super::*;

const LEASE: Duration = Duration::from_secs(10);

fn two() -> [Bench; 2] {
    let memory = Memory::new();
    ["one", "two"].map(|server| bench_over(memory.seen_by(server, LEASE), Options::default()))
}

#[tokio::test(start_paused = true)]
async fn a_quiet_shop_stays_with_its_server() {
    let [one, two] = two();
    accepted(one.engine.submit(create()).await);
    for second in 0..60 {
        pass(Duration::from_secs(1)).await;
        let refused = two.engine.submit(rename(&format!("two-{second}"), "theirs")).await;
        assert_eq!(refused, Err(Error::Elsewhere));
    }
    assert_eq!(two.ears.heard(), Vec::<String>::new());
    accepted(one.engine.submit(rename("one", "ours")).await);
    assert_eq!(one.ears.heard()[0], "restored acme under epoch 1");
    assert_eq!(one.ears.heard().len(), 3, "read once: {:?}", one.ears.heard());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_gives_its_shops_away_at_once() {
    let [one, two] = two();
    accepted(one.engine.submit(create()).await);
    assert_eq!(two.engine.submit(rename("r1", "theirs")).await, Err(Error::Elsewhere));
    one.engine.stop().await;
    let stopped = Instant::now();
    while two.engine.submit(rename("r1", "theirs")).await.is_err() {
        pass(Duration::from_millis(50)).await;
    }
    assert!(stopped.elapsed() <= Duration::from_millis(700), "{:?}", stopped.elapsed());
    assert_eq!(name(&two.engine).await.as_deref(), Some("theirs"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_loses_its_shop_and_its_batch() {
    let [one, two] = two();
    accepted(one.engine.submit(create()).await);
    one.faults.hold_appends();
    let lost = one.engine.submit(rename("r1", "too late"));
    one.faults.appends_waiting(1).await;
    pass(LEASE).await;
    assert_eq!(name(&two.engine).await.as_deref(), Some("Acme"), "two reads what there is");
    one.faults.release_appends();
    assert_eq!(lost.await, Err(Error::Retry));
    accepted(two.engine.submit(rename("r2", "theirs")).await);
    // The answer is asked for again where the shop was, and it is elsewhere.
    pass(Duration::from_secs(1)).await;
    assert_eq!(one.engine.submit(rename("r1", "too late")).await, Err(Error::Elsewhere));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_for_long_is_given_up() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for _ in 0..20 {
        bench.faults.fail_append(Fault::Unavailable);
    }
    let begun = Instant::now();
    let refused = bench.engine.submit(rename("r1", "never")).await;
    assert_eq!(refused, Err(Error::Unavailable));
    let given_up = begun.elapsed();
    assert!((2_000..4_000).contains(&given_up.as_millis()), "{given_up:?}");
    bench.faults.clear();
    pass(Duration::from_secs(1)).await;
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_unknown_outcome_is_never_given_up() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for _ in 0..20 {
        bench.faults.fail_append(Fault::UnknownLost);
    }
    let begun = Instant::now();
    accepted(bench.engine.submit(rename("r1", "at last")).await);
    assert!(begun.elapsed() > Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_cannot_be_read_is_asked_for_less_and_less() {
    let bench = bench();
    bench.faults.refuse_reads(true);
    for _ in 0..20 {
        assert_eq!(bench.engine.submit(create()).await, Err(Error::Unavailable));
        pass(Duration::from_millis(100)).await;
    }
    bench.faults.refuse_reads(false);
    pass(Duration::from_millis(500)).await;
    accepted(bench.engine.submit(create()).await);
}
