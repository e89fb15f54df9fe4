//! The contract of [`Journal`](super::Journal) as tests. Owns one suite that runs on every
//! storage; never looks inside one.

use std::sync::Arc;

use hawker_domain::Entry;
use hawker_domain::command::Stock;
use hawker_domain::event::{CommandRef, Event};
use hawker_domain::id::ShopId;
use hawker_domain::id::{CommandId, SkuId, UserId};
use hawker_domain::time::Millis;

use super::model;
use super::{Batch, ChainHash, DocumentWrite, Error, Journal, Lease, Position, Record, Version};

/// A storage under test.
pub(super) trait Bench: Sized + Send {
    fn start() -> Self;

    fn journal(&self) -> Arc<dyn Journal>;

    /// Everything the process had in memory is gone; what was acknowledged is not.
    fn restart(self) -> Self;

    /// Changes one bit of the stored record that made `version`.
    fn damage(self, shop: &ShopId, version: Version) -> Self;
}

pub(super) fn shop(name: &str) -> ShopId {
    ShopId::parse(name).unwrap()
}

/// A batch that can be told from every other by `number`.
pub(super) fn batch(number: u64) -> Batch {
    let by = CommandRef {
        user: UserId::parse("ann").unwrap(),
        command: CommandId::parse(&format!("c{number}")).unwrap(),
        payload_hash: number,
    };
    let sku = SkuId::parse(&format!("sku{number}")).unwrap();
    let stock = Stock::Units(number);
    let events = vec![Event::StockSet { sku, stock }];
    let entry = Entry { at: Millis(number.cast_signed()), by: Some(by), events };
    Batch { entries: vec![entry], documents: Vec::new(), next_due: None }
}

fn put(key: &str, value: &str) -> DocumentWrite {
    DocumentWrite::Put { key: key.to_owned(), value: value.as_bytes().to_vec() }
}

fn erase(prefix: &str) -> DocumentWrite {
    DocumentWrite::EraseUnder { prefix: prefix.to_owned() }
}

pub(super) async fn append(
    journal: &dyn Journal,
    lease: &mut Lease,
    expected: Position,
    batch: Batch,
) -> Position {
    journal.append(lease, expected, Arc::new(batch)).await.unwrap().position()
}

/// Appends batches `numbers`, one after the other.
pub(super) async fn fill(
    journal: &dyn Journal,
    lease: &mut Lease,
    mut position: Position,
    numbers: std::ops::Range<u64>,
) -> Position {
    for number in numbers {
        position = append(journal, lease, position, batch(number)).await;
    }
    position
}

pub(super) async fn read_all(journal: &dyn Journal, shop: &ShopId) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), Position::default());
    loop {
        let records = journal.read(shop, after, 50).await.unwrap();
        let Some(last) = records.last() else { return all };
        after = last.position;
        all.extend(records);
    }
}

pub(super) async fn what_is_acknowledged_survives_a_restart<B: Bench>() {
    let (mut bench, shop) = (B::start(), shop("s1"));
    let mut position = Position::default();
    for round in 0..3 {
        let journal = bench.journal();
        let mut lease = journal.acquire(&shop).await.unwrap();
        assert_eq!(journal.position(&shop).await.unwrap(), position);
        let numbers = round * 70..(round + 1) * 70;
        position = fill(&*journal, &mut lease, position, numbers).await;
        drop(journal);
        bench = bench.restart();
    }
    let journal = bench.journal();
    let records = read_all(&*journal, &shop).await;
    let expected: Vec<_> = (0..210).map(|number| batch(number).entries).collect();
    let found: Vec<_> = records.iter().map(|record| record.entries.clone()).collect();
    assert_eq!(found, expected);
    assert_eq!(records.last().unwrap().position, position);
}

pub(super) async fn committed_says_what_was_written<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let committed =
        journal.append(&mut lease, Position::default(), Arc::new(batch(7))).await.unwrap();
    assert_eq!(committed.shop(), &shop);
    assert_eq!(committed.epoch(), lease.epoch());
    assert_eq!(committed.entries(), batch(7).entries);
    let record = journal.record(&shop, 1).await.unwrap().unwrap();
    assert_eq!(record.position, committed.position());
    assert_eq!(record.epoch, lease.epoch());
    assert_eq!(record.entries, batch(7).entries);
}

pub(super) async fn versions_are_gapless_and_chained<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    fill(&*journal, &mut lease, Position::default(), 0..150).await;
    let records = read_all(&*journal, &shop).await;
    let versions: Vec<_> = records.iter().map(|record| record.position.version).collect();
    assert_eq!(versions, (1..=150).collect::<Vec<_>>());
    for (number, record) in (1..).zip(&records) {
        assert_eq!(journal.record(&shop, number).await.unwrap().as_ref(), Some(record));
    }
    for absent in [0, 151, u64::MAX] {
        assert_eq!(journal.record(&shop, absent).await.unwrap(), None);
    }
}

pub(super) async fn a_conflict_leaves_nothing<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let first = append(&*journal, &mut lease, Position::default(), batch(1)).await;
    let mut rejected = batch(2);
    rejected.documents = vec![put("k", "v")];
    rejected.next_due = Some(Millis(5));
    let behind = journal.append(&mut lease, Position::default(), Arc::new(rejected.clone())).await;
    assert_eq!(behind.unwrap_err(), Error::Conflict { found: first });
    let other = Position { version: 1, hash: ChainHash([7; 16]) };
    let beside = journal.append(&mut lease, other, Arc::new(rejected.clone())).await;
    assert_eq!(beside.unwrap_err(), Error::Conflict { found: first });
    let beyond = Position { version: 9, hash: ChainHash([7; 16]) };
    let ahead = journal.append(&mut lease, beyond, Arc::new(rejected)).await;
    assert_eq!(ahead.unwrap_err(), Error::Backward { found: first });
    assert_eq!(read_all(&*journal, &shop).await.len(), 1);
    assert_eq!(journal.document(&shop, "k").await.unwrap(), None);
    assert_eq!(journal.due(Millis(9), 9).await.unwrap(), []);
}

pub(super) async fn an_older_lease_is_refused<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut older = journal.acquire(&shop).await.unwrap();
    let first = append(&*journal, &mut older, Position::default(), batch(1)).await;
    let mut newer = journal.acquire(&shop).await.unwrap();
    assert!(newer.epoch() > older.epoch());
    let lost = Error::LeaseLost { epoch: newer.epoch() };
    let refused = journal.append(&mut older, first, Arc::new(batch(2))).await;
    assert_eq!(refused.unwrap_err(), lost);
    assert_eq!(journal.verify(&older, first).await.unwrap_err(), lost);
    assert_eq!(journal.save_snapshot(&older, first, vec![1]).await.unwrap_err(), lost);
    let second = append(&*journal, &mut newer, first, batch(3)).await;
    assert_eq!(second.version, 2);
}

pub(super) async fn a_lease_from_before_a_restart_is_refused<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let mut older = bench.journal().acquire(&shop).await.unwrap();
    let first = append(&*bench.journal(), &mut older, Position::default(), batch(1)).await;
    let bench = bench.restart();
    let journal = bench.journal();
    let newer = journal.acquire(&shop).await.unwrap();
    assert!(newer.epoch() > older.epoch());
    let refused = journal.append(&mut older, first, Arc::new(batch(2))).await;
    assert_eq!(refused.unwrap_err(), Error::LeaseLost { epoch: newer.epoch() });
}

pub(super) async fn the_identical_batch_lands_once<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let mut repeated = batch(1);
    repeated.documents = vec![put("k", "v")];
    let first = append(&*journal, &mut lease, Position::default(), repeated.clone()).await;
    let again = append(&*journal, &mut lease, Position::default(), repeated.clone()).await;
    assert_eq!(again, first);
    fill(&*journal, &mut lease, first, 2..80).await;
    let late = append(&*journal, &mut lease, Position::default(), repeated.clone()).await;
    assert_eq!(late, first);
    journal.acquire(&shop).await.unwrap();
    let deposed = append(&*journal, &mut lease, Position::default(), repeated).await;
    assert_eq!(deposed, first, "a deposed writer learns that its batch landed");
    assert_eq!(read_all(&*journal, &shop).await.len(), 79);
}

pub(super) async fn verify_tells_whether_the_lease_could_write<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let start = Position::default();
    assert_eq!(journal.verify(&lease, start).await.unwrap().position(), start);
    let first = append(&*journal, &mut lease, start, batch(1)).await;
    let verified = journal.verify(&lease, first).await.unwrap();
    assert_eq!((verified.shop(), verified.position()), (&shop, first));
    let conflict = journal.verify(&lease, start).await.unwrap_err();
    assert_eq!(conflict, Error::Conflict { found: first });
    let beyond = Position { version: 2, hash: first.hash };
    let backward = journal.verify(&lease, beyond).await.unwrap_err();
    assert_eq!(backward, Error::Backward { found: first });
}

pub(super) async fn read_stops_at_the_first_break<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    fill(&*journal, &mut lease, Position::default(), 0..100).await;
    drop(journal);
    let bench = bench.damage(&shop, 40);
    let journal = bench.journal();
    let broken = journal.read(&shop, Position::default(), 100).await.unwrap_err();
    assert!(matches!(broken, Error::Corrupt { version: 40, .. }), "{broken}");
    let whole = journal.read(&shop, Position::default(), 39).await.unwrap();
    assert_eq!(whole.len(), 39);
    let single = journal.record(&shop, 40).await.unwrap_err();
    assert!(matches!(single, Error::Corrupt { version: 40, .. }), "{single}");
}

pub(super) async fn read_refuses_a_position_of_another_history<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let end = fill(&*journal, &mut lease, Position::default(), 0..3).await;
    let elsewhere = |version| Position { version, hash: ChainHash([9; 16]) };
    for version in [0, 1, 3] {
        let refused = journal.read(&shop, elsewhere(version), 10).await.unwrap_err();
        assert_eq!(refused, Error::Conflict { found: end });
    }
    let refused = journal.read(&shop, elsewhere(4), 10).await.unwrap_err();
    assert_eq!(refused, Error::Backward { found: end });
    assert_eq!(journal.read(&shop, end, 10).await.unwrap(), []);
}

pub(super) async fn read_goes_on_from_any_position<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    fill(&*journal, &mut lease, Position::default(), 0..200).await;
    let all = read_all(&*journal, &shop).await;
    for from in [1, 63, 64, 65, 127, 128, 129, 150, 199, 200] {
        let after = all[from - 1].position;
        for max in [0, 1, 64, 65, 200] {
            let expected = &all[from..(from + max).min(200)];
            assert_eq!(journal.read(&shop, after, max).await.unwrap(), expected, "{from} {max}");
        }
    }
}

pub(super) async fn documents_come_with_their_events_and_can_be_erased<B: Bench>() {
    let (bench, one, other) = (B::start(), shop("s1"), shop("s1x"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&one).await.unwrap();
    let mut neighbour = journal.acquire(&other).await.unwrap();
    let mut first = batch(1);
    first.documents = vec![put("a/1", "x"), put("a/2", "y"), put("b/1", "z"), put("a0", "n")];
    let position = append(&*journal, &mut lease, Position::default(), first).await;
    let mut foreign = batch(1);
    foreign.documents = vec![put("a/1", "theirs")];
    append(&*journal, &mut neighbour, Position::default(), foreign).await;
    let mut second = batch(2);
    second.documents = vec![put("a/3", "gone at once"), erase("a/"), put("a/4", "after")];
    append(&*journal, &mut lease, position, second).await;
    drop(journal);
    let bench = bench.restart();
    let journal = bench.journal();
    let keys: Vec<_> = journal.documents(&one, "", None, 9).await.unwrap();
    let keys: Vec<_> = keys.iter().map(|document| document.key.as_str()).collect();
    assert_eq!(keys, ["a/4", "a0", "b/1"]);
    assert_eq!(journal.document(&one, "a/1").await.unwrap(), None);
    assert_eq!(journal.document(&one, "b/1").await.unwrap(), Some(b"z".to_vec()));
    assert_eq!(journal.document(&other, "a/1").await.unwrap(), Some(b"theirs".to_vec()));
}

pub(super) async fn documents_are_listed_in_key_order_by_page<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    let mut one = batch(1);
    one.documents = (0..10).rev().map(|n| put(&format!("p/{n}"), "v")).collect();
    one.documents.extend([put("o", "before"), put("q", "behind")]);
    append(&*journal, &mut lease, Position::default(), one).await;
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = journal.documents(&shop, "p/", after.as_deref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|document| document.key));
    }
    assert_eq!(keys, (0..10).map(|n| format!("p/{n}")).collect::<Vec<_>>());
    let before = journal.documents(&shop, "p/", Some("a"), 1).await.unwrap();
    assert_eq!(before[0].key, "p/0");
}

pub(super) async fn due_shops_come_earliest_first_and_leave_the_index<B: Bench>() {
    let bench = B::start();
    let journal = bench.journal();
    for (name, due) in [("s1", 30), ("s2", 10), ("s3", 20), ("s4", 99)] {
        let mut lease = journal.acquire(&shop(name)).await.unwrap();
        let mut one = batch(1);
        one.next_due = Some(Millis(due));
        append(&*journal, &mut lease, Position::default(), one).await;
    }
    let names = |names: &[&str]| names.iter().map(|name| shop(name)).collect::<Vec<_>>();
    assert_eq!(journal.due(Millis(9), 9).await.unwrap(), []);
    assert_eq!(journal.due(Millis(30), 9).await.unwrap(), names(&["s2", "s3", "s1"]));
    assert_eq!(journal.due(Millis(30), 2).await.unwrap(), names(&["s2", "s3"]));
    for (name, due) in [("s2", None), ("s3", Some(Millis(40)))] {
        let mut lease = journal.acquire(&shop(name)).await.unwrap();
        let position = journal.position(&shop(name)).await.unwrap();
        let mut two = batch(2);
        two.next_due = due;
        append(&*journal, &mut lease, position, two).await;
    }
    let expected = names(&["s1", "s3"]);
    assert_eq!(journal.due(Millis(50), 9).await.unwrap(), expected);
    drop(journal);
    let bench = bench.restart();
    assert_eq!(bench.journal().due(Millis(50), 9).await.unwrap(), expected);
}

pub(super) async fn only_the_newest_snapshot_is_kept<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop).await.unwrap();
    assert_eq!(journal.snapshot(&shop).await.unwrap(), None);
    let first = append(&*journal, &mut lease, Position::default(), batch(1)).await;
    let second = append(&*journal, &mut lease, first, batch(2)).await;
    journal.save_snapshot(&lease, second, b"two".to_vec()).await.unwrap();
    journal.save_snapshot(&lease, first, b"one".to_vec()).await.unwrap();
    let kept = Some((second, b"two".to_vec()));
    assert_eq!(journal.snapshot(&shop).await.unwrap(), kept);
    let beyond = Position { version: 3, hash: second.hash };
    let refused = journal.save_snapshot(&lease, beyond, vec![3]).await.unwrap_err();
    assert_eq!(refused, Error::Backward { found: second });
    let elsewhere = Position { version: 2, hash: first.hash };
    let refused = journal.save_snapshot(&lease, elsewhere, vec![3]).await.unwrap_err();
    assert_eq!(refused, Error::Conflict { found: second });
    drop(journal);
    let bench = bench.restart();
    assert_eq!(bench.journal().snapshot(&shop).await.unwrap(), kept);
}

pub(super) async fn shops_are_listed_by_page_once_they_have_a_history<B: Bench>() {
    let bench = B::start();
    let journal = bench.journal();
    journal.acquire(&shop("a-never-written")).await.unwrap();
    let names: Vec<_> = (0..25).map(|n| shop(&format!("s{n:02}"))).collect();
    for (number, name) in (0..).zip(&names) {
        let mut lease = journal.acquire(name).await.unwrap();
        let batches = if number % 2 == 0 { 70 } else { 1 };
        fill(&*journal, &mut lease, Position::default(), 0..batches).await;
    }
    drop(journal);
    let bench = bench.restart();
    let journal = bench.journal();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = journal.shops(after.as_ref(), 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        found.extend(page);
    }
    assert_eq!(found, names);
}

pub(super) async fn fifty_shops_append_at_once<B: Bench>() {
    let bench = B::start();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (journal, shop) = (bench.journal(), shop(&format!("s{number}")));
            tokio::spawn(async move {
                let mut lease = journal.acquire(&shop).await.unwrap();
                let start = number * 100;
                fill(&*journal, &mut lease, Position::default(), start..start + 20).await
            })
        })
        .collect();
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(task.await.unwrap());
    }
    let bench = bench.restart();
    let journal = bench.journal();
    for (number, end) in (0..50).zip(ends) {
        let records = read_all(&*journal, &shop(&format!("s{number}"))).await;
        let found: Vec<_> = records.iter().map(|record| record.entries.clone()).collect();
        let expected: Vec<_> =
            (number * 100..number * 100 + 20).map(|number| batch(number).entries).collect();
        assert_eq!(found, expected);
        assert_eq!(records.last().unwrap().position, end);
    }
}

pub(super) async fn two_writers_never_both_win<B: Bench>() {
    let (bench, shop) = (B::start(), shop("s1"));
    let tasks: Vec<_> = (0..8)
        .map(|writer| {
            let (journal, shop) = (bench.journal(), shop.clone());
            tokio::spawn(async move {
                let mut won = 0;
                for number in 0..10 {
                    let mut lease = journal.acquire(&shop).await.unwrap();
                    let position = journal.position(&shop).await.unwrap();
                    tokio::task::yield_now().await;
                    let one = batch(writer * 100 + number);
                    won += u64::from(
                        journal.append(&mut lease, position, Arc::new(one)).await.is_ok(),
                    );
                }
                won
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += task.await.unwrap();
    }
    let journal = bench.journal();
    assert_eq!(journal.position(&shop).await.unwrap().version, won);
    let records = read_all(&*journal, &shop).await;
    assert_eq!(records.len() as u64, won);
    assert!(records.is_sorted_by_key(|record| record.epoch));
}

pub(super) async fn random_calls_are_judged_as_the_model_judges_them<B: Bench>() {
    let bench = B::start();
    for seed in 0..12 {
        model::drive(&*bench.journal(), &shop(&format!("m{seed}")), seed).await;
    }
}

/// Runs the whole suite on one storage.
macro_rules! contract {
    ($bench:ty: $($rule:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $rule() {
            $crate::journal::contract::$rule::<$bench>().await;
        }
    )*};
    ($bench:ty) => {
        $crate::journal::contract::contract! { $bench:
            what_is_acknowledged_survives_a_restart
            committed_says_what_was_written
            versions_are_gapless_and_chained
            a_conflict_leaves_nothing
            an_older_lease_is_refused
            a_lease_from_before_a_restart_is_refused
            the_identical_batch_lands_once
            verify_tells_whether_the_lease_could_write
            read_stops_at_the_first_break
            read_refuses_a_position_of_another_history
            read_goes_on_from_any_position
            documents_come_with_their_events_and_can_be_erased
            documents_are_listed_in_key_order_by_page
            due_shops_come_earliest_first_and_leave_the_index
            only_the_newest_snapshot_is_kept
            shops_are_listed_by_page_once_they_have_a_history
            fifty_shops_append_at_once
            two_writers_never_both_win
            random_calls_are_judged_as_the_model_judges_them
        }
    };
}

pub(super) use contract;
