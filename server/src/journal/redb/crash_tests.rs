//! Power cuts, torn writes and disks that fail: what was acknowledged is there, nothing is there
//! by half, and after a failure nothing is acknowledged any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use hawker_domain::Entry;
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;

use super::disk::{Breakdown, Dice, Disk};
use super::{Commit, OpenError, Options, Redb};
use crate::journal::contract::{batch, read_all, shop};
use crate::journal::{Batch, DocumentWrite, Error, Journal, Position};

const SHOPS: u64 = 4;
const BATCHES_MAX: u64 = 12;
const LIVES: u64 = 3;

/// What one shop was told, and what it was not told.
#[derive(Debug, Clone, Default)]
struct Promise {
    acknowledged: Vec<Vec<Entry>>,
    in_flight: Option<Vec<Entry>>,
}

type Promises = BTreeMap<ShopId, Promise>;

/// The `number`-th batch of a shop: of any size, with a document of its own.
fn sized_batch(number: u64, dice: &mut Dice) -> Batch {
    let mut one = batch(number);
    let repeats = 1 + dice.below(40) as usize;
    one.entries = vec![one.entries[0].clone(); repeats];
    let value = vec![number as u8; dice.below(3_000) as usize];
    one.documents = vec![DocumentWrite::Put { key: format!("d{number}"), value }];
    one.next_due = Some(Millis(number.cast_signed()));
    one
}

fn open(disk: &Disk, commit: Commit) -> Result<Redb, OpenError> {
    let options = Options { cache_bytes: 256 << 10, commit, ..Options::new("simulated") };
    Redb::open_on(disk.clone(), options)
}

/// Appends until the disk breaks or everything is written.
async fn work(journal: &Arc<Redb>, promises: Promises, seed: u64) -> Promises {
    let mut tasks = Vec::new();
    for (number, (shop, promise)) in (0..).zip(promises) {
        let journal = journal.clone();
        tasks.push(tokio::spawn(async move {
            let dice = Dice(seed ^ number);
            let promise = work_on(&journal, &shop, promise, dice).await;
            (shop, promise)
        }));
    }
    let mut worked = Promises::new();
    for task in tasks {
        worked.extend([task.await.unwrap()]);
    }
    worked
}

async fn work_on(journal: &Redb, shop: &ShopId, mut promise: Promise, mut dice: Dice) -> Promise {
    let Ok(mut lease) = journal.acquire(shop).await else { return promise };
    let Ok(mut position) = journal.position(shop).await else { return promise };
    for _ in 0..1 + dice.below(BATCHES_MAX) {
        let one = sized_batch(position.version + 1, &mut dice);
        promise.in_flight = Some(one.entries.clone());
        match journal.append(&mut lease, position, Arc::new(one.clone())).await {
            Ok(committed) => position = committed.position(),
            Err(Error::Unavailable(_)) => {
                promise.in_flight = None;
                return promise;
            }
            Err(Error::Unknown(_)) => {
                let again = journal.append(&mut lease, position, Arc::new(one)).await;
                assert!(
                    matches!(again, Err(Error::Unknown(_))),
                    "unknown stays unknown: {again:?}"
                );
                assert!(journal.failure().borrow().is_some());
                return promise;
            }
            Err(other) => panic!("{other}"),
        }
        promise.acknowledged.extend(promise.in_flight.take());
    }
    promise
}

/// Compares the journal with what was promised, and settles what was open.
async fn check(journal: &Redb, promises: &mut Promises) {
    journal.verify_all().await.unwrap();
    for (shop, promise) in promises {
        let records = read_all(journal, shop).await;
        let found: Vec<_> = records.into_iter().map(|record| record.entries).collect();
        let landed = found.len() > promise.acknowledged.len();
        promise.acknowledged.extend(promise.in_flight.take().filter(|_| landed));
        let (count, promised) = (found.len(), promise.acknowledged.len());
        assert!(found == promise.acknowledged, "{shop}: {count} batches, not the {promised} told");
        let documents = journal.documents(shop, "", None, usize::MAX).await.unwrap();
        let found_count = documents.len();
        assert_eq!(found_count, found.len(), "{shop}: documents and events came apart");
        let due = found.len() as i64;
        let is_due = journal.due(Millis(due), 99).await.unwrap().contains(shop);
        let was_due = journal.due(Millis(due - 1), 99).await.unwrap().contains(shop);
        assert_eq!((is_due, was_due), (due > 0, false), "{shop}: the due index is another");
    }
}

/// Several lives of one journal, each ended by `breakdown` and then by a power cut. Answers how
/// often the breakdown came about.
async fn live_and_die(seed: u64, breakdown: Breakdown) -> u64 {
    let mut dice = Dice(seed);
    let commit = [Commit::OnePhase, Commit::TwoPhase, Commit::QuickRepair][(seed % 3) as usize];
    let mut promises: Promises =
        (0..SHOPS).map(|number| (shop(&format!("s{number}")), Promise::default())).collect();
    let (mut content, mut breakdowns) = (Vec::new(), 0);
    for life in 0..LIVES {
        let disk = Disk::new(content, dice.roll());
        // The first life starts from a file that is whole: one that is torn while it is made
        // holds nothing yet, and is the business of another test.
        let journal = if life == 0 { Some(open(&disk, commit).unwrap()) } else { None };
        let range = [8, 60, 400][dice.below(3) as usize];
        disk.plan(1 + dice.below(range), breakdown);
        let opened = journal.map_or_else(|| open(&disk, commit), Ok);
        if let Ok(journal) = opened {
            let journal = Arc::new(journal);
            promises = work(&journal, promises, dice.roll()).await;
            after_a_failure_nothing_is_acknowledged(&journal, &disk).await;
            if dice.below(2) == 0 {
                disk.cut_power();
            }
        } else {
            assert!(disk.broke(), "a journal that was whole does not open");
        }
        breakdowns += u64::from(disk.broke());
        content = disk.after_power_cut();
        let healthy = open(&Disk::new(content.clone(), 0), commit).unwrap();
        check(&healthy, &mut promises).await;
    }
    breakdowns
}

async fn after_a_failure_nothing_is_acknowledged(journal: &Arc<Redb>, disk: &Disk) {
    let failure = journal.failure().borrow().clone();
    if !disk.broke() {
        assert_eq!(failure, None);
        return;
    }
    // The disk may break in what a commit leaves for later; the next commit then hears of it.
    let Some(reason) = failure else { return };
    assert!(reason.starts_with("simulated: "), "{reason}");
    let refused = journal.acquire(&shop("another")).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    let refused = journal.read(&shop("s0"), Position::default(), 1).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
}

/// `HAWKER_CRASH_TESTS=100` runs a hundred times as many.
async fn live_and_die_often(first: u64, count: u64, breakdown: Breakdown) {
    let times = std::env::var("HAWKER_CRASH_TESTS").map_or(1, |times| times.parse().unwrap());
    let (mut breakdowns, lives) = (0, LIVES * count * times);
    for seed in first..first + count * times {
        let life = tokio::spawn(live_and_die(seed, breakdown));
        match life.await {
            Ok(broke) => breakdowns += broke,
            Err(error) => panic!("{breakdown:?} with seed {seed}: {error}"),
        }
    }
    assert!(breakdowns * 3 > lives, "{breakdowns} breakdowns in {lives} lives prove little");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    live_and_die_often(0, 40, Breakdown::PowerCut).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_a_sync_fails() {
    live_and_die_often(1 << 32, 20, Breakdown::SyncError).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_a_write_fails() {
    live_and_die_often(2 << 32, 20, Breakdown::WriteError).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_disk_is_full() {
    live_and_die_often(3 << 32, 20, Breakdown::DiskFull).await;
}
