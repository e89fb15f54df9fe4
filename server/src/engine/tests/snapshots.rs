//! Snapshots as caches: with one, without one and with a bad one a shop is the same.

use super::*;
use crate::engine::remembered::Remembered;
use crate::engine::snapshot::{self, Memory as ShopMemory, Saved, decode, encode};
use crate::journal::Snapshot;
use hawker_domain::time::SpanMs;

const KEEP: SpanMs = SpanMs::hours(24);

/// A journal whose shop had three batches and was saved at the stop.
async fn stopped() -> (Memory, Answer) {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    let first = accepted(bench.engine.submit(rename("c1", "New")).await);
    accepted(bench.engine.submit(rename("c2", "Newer")).await);
    bench.engine.stop().await;
    (bench.memory, first)
}

async fn saved(memory: &Memory) -> Option<Snapshot> {
    memory.snapshot(&shop()).await.unwrap()
}

/// The same shop, kept under the same position as other bytes.
async fn save_instead(memory: &Memory, change: impl FnOnce(&mut Vec<u8>)) {
    let (position, mut bytes) = saved(memory).await.unwrap();
    change(&mut bytes);
    let lease = memory.acquire(&shop()).await.unwrap();
    memory.save_snapshot(&lease, position, bytes).await.unwrap();
}

async fn hash(engine: &Engine) -> [u8; 32] {
    engine.query(&shop(), |shop, _| shop.state_hash()).await.unwrap()
}

/// The state and the answer to a repetition, as a server has them that starts on this journal.
async fn as_started(memory: Memory) -> ([u8; 32], Answer) {
    let bench = bench_over(memory, Options::default());
    let again = accepted(bench.engine.submit(rename("c1", "New")).await);
    (hash(&bench.engine).await, again)
}

#[tokio::test(start_paused = true)]
async fn with_a_snapshot_and_without_it_state_and_answers_are_the_same() {
    let (memory, first) = stopped().await;
    assert_eq!(saved(&memory).await.map(|(position, _)| position.version), Some(3));
    let with = as_started(memory.clone()).await;
    assert_eq!((with.1.at, &with.1.events), (first.at, &first.events));
    save_instead(&memory, Vec::clear).await;
    assert_eq!(as_started(memory).await, with);
}

#[tokio::test(start_paused = true)]
async fn a_start_believes_the_snapshot_and_reads_only_what_came_after_it() {
    let (memory, _) = stopped().await;
    save_instead(&memory, |bytes| {
        let mut kept = decode(bytes, KEEP).unwrap();
        kept.shop.apply(&Event::ShopRenamed { name: "Kept".to_owned() }, START);
        *bytes = encode(&kept);
    })
    .await;
    let bench = bench_over(memory, Options::default());
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Kept"));
    accepted(bench.engine.submit(rename("c3", "Newest")).await);
    assert_eq!(bench.engine.position(&shop()).await.unwrap().version, 4);
}

#[rstest]
#[case::of_another_version(|bytes: &mut Vec<u8>| bytes[0] = 200)]
#[case::cut_short(|bytes: &mut Vec<u8>| bytes.truncate(40))]
#[case::with_a_bit_that_turned(|bytes: &mut Vec<u8>| bytes[60] ^= 1)]
#[case::of_another_shop(|bytes: &mut Vec<u8>| {
    let id = ShopId::parse("other").unwrap();
    *bytes = encode(&ShopMemory::new(&id, KEEP));
})]
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_no_use_is_ignored(#[case] change: fn(&mut Vec<u8>)) {
    let (memory, first) = stopped().await;
    let good = as_started(memory.clone()).await;
    save_instead(&memory, change).await;
    let replayed = as_started(memory).await;
    assert_eq!(replayed, good);
    assert_eq!(replayed.1.events, first.events);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_goes_on_is_saved_every_so_many_batches() {
    let options = Options { snapshot_batches: 3, ..Options::default() };
    let bench = bench_over(Memory::new(), options);
    accepted(bench.engine.submit(create()).await);
    let mut versions = Vec::new();
    for number in 2..=7 {
        let version = saved(&bench.memory).await.map(|(position, _)| position.version);
        versions.push(version);
        accepted(bench.engine.submit(rename(&format!("c{number}"), &format!("N{number}"))).await);
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!(versions, [None, None, Some(3), Some(3), Some(3), Some(6)]);
    let (_, bytes) = saved(&bench.memory).await.unwrap();
    let kept = decode(&bytes, KEEP).unwrap();
    assert_eq!(kept.shop.view().map(|view| view.name).as_deref(), Some("N6"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_shop_is_saved_when_it_leaves_memory_and_not_again_if_nothing_happened() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    pass(Duration::from_secs(601)).await;
    assert_eq!(saved(&bench.memory).await.map(|(position, _)| position.version), Some(1));
    save_instead(&bench.memory, |bytes| {
        let mut kept = decode(bytes, KEEP).unwrap();
        kept.remembered = Remembered::new(KEEP);
        *bytes = encode(&kept);
    })
    .await;
    let marked = saved(&bench.memory).await;
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
    pass(Duration::from_secs(601)).await;
    assert_eq!(saved(&bench.memory).await, marked, "the same bytes: it was not saved again");
}

#[tokio::test(start_paused = true)]
async fn a_shop_too_large_for_a_snapshot_is_counted_and_replayed() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _collecting = metrics::set_default_local_recorder(&recorder);
    let bench = bench_over(Memory::new(), Options { snapshot_bytes_max: 10, ..Options::default() });
    accepted(bench.engine.submit(create()).await);
    bench.engine.stop().await;
    assert_eq!(saved(&bench.memory).await, None);
    let text = recorder.handle().render();
    assert!(text.contains(r#"hawker_snapshots_total{outcome="too_large"} 1"#), "{text}");
    let bench = bench_over(bench.memory, Options::default());
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
    bench.engine.stop().await;
    assert!(saved(&bench.memory).await.is_some());
    let text = recorder.handle().render();
    assert!(text.contains(r#"hawker_snapshots_total{outcome="saved"} 1"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn old_records_may_go_with_each_snapshot_that_is_read_back_as_it_was_meant() {
    let bench = bench_over(Memory::new(), Options { snapshot_batches: 3, ..Options::default() });
    bench.faults.watch_archive();
    accepted(bench.engine.submit(create()).await);
    for number in 2..=7 {
        accepted(bench.engine.submit(rename(&format!("c{number}"), &format!("N{number}"))).await);
        pass(Duration::from_millis(1)).await;
    }
    let meant = hash(&bench.engine).await;
    bench.engine.stop().await;
    let versions = || -> Vec<_> { bench.faults.archived().iter().map(|it| it.version).collect() };
    assert_eq!(versions(), [3, 6, 7]);
    // A state that is another, or is no longer the newest snapshot's, lets nothing go.
    let (position, _) = saved(&bench.memory).await.unwrap();
    let older = Position { version: 6, ..position };
    let journal: Arc<dyn Journal> = Arc::new(bench.memory.clone());
    let lease = journal.acquire(&shop()).await.unwrap();
    for (position, state_hash) in [(position, [0; 32]), (older, meant), (position, meant)] {
        let saved = Saved { position, state_hash: Some(state_hash) };
        snapshot::archive(&journal, &lease, saved, &Options::default()).await;
    }
    assert_eq!(versions(), [3, 6, 7, 7]);
}
