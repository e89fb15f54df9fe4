//! What a page of the feed costs: it reads what it shows.

use super::*;

/// Renames the shop `commands` times in one batch; each makes one event.
async fn batch(bench: &Bench, name: &str, commands: usize) {
    bench.faults.hold_appends();
    let first = bench.engine.submit(rename(&format!("{name}-first"), &format!("{name} first")));
    let first = tokio::spawn(first);
    bench.faults.appends_waiting(1).await;
    let others: Vec<_> = (0..commands)
        .map(|count| bench.engine.submit(rename(&format!("{name}-{count}"), &format!("{count}"))))
        .collect();
    settle().await;
    bench.faults.release_appends();
    accepted(first.await.unwrap());
    for other in others {
        accepted(other.await);
    }
}

/// All pages of the history: what each has, and the records that were read for all of them.
async fn pages(bench: &Bench, events_max: usize) -> (Vec<usize>, usize) {
    bench.faults.records_read();
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let records = bench.engine.records(&shop(), after, events_max).await.unwrap();
        let Some(last) = records.last() else { break };
        after = last.position.version;
        pages.push(records.iter().map(events_of).sum());
    }
    (pages, bench.faults.records_read())
}

#[tokio::test(start_paused = true)]
async fn regression_a_page_reads_no_more_batches_than_it_shows() {
    // Sixteen batches were read and decoded for a page that one of them filled.
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for count in 0..20 {
        batch(&bench, &format!("b{count}"), 100).await;
    }
    let version = bench.engine.position(&shop()).await.unwrap().version;
    assert_eq!(version, 41, "the shop, then twenty times one command and a hundred");
    let (pages, read) = pages(&bench, 100).await;
    assert_eq!(pages.iter().sum::<usize>(), 1 + 20 * 101);
    assert_eq!(read, 41, "each once: {pages:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_shops_pages_are_full_and_read_once_too() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for count in 0..199 {
        accepted(bench.engine.submit(rename(&format!("c{count}"), &format!("{count}"))).await);
    }
    assert_eq!(pages(&bench, 150).await, (vec![150, 50], 200));
}
