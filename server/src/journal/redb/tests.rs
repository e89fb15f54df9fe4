//! The embedded journal against the contract, and what only a file can do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use ::redb::{Database, ReadableTable};
use hawker_domain::id::ShopId;
use tempfile::TempDir;

use super::disk::Disk;
use super::{AuditError, BackupError, Commit, OpenError, Options, Redb, tables};
use crate::journal::contract::{Bench, append, batch, contract, fill, read_all, shop};
use crate::journal::record::Frame;
use crate::journal::{Error, Journal, Position, Version};

struct OnDisk {
    folder: TempDir,
    journal: Option<Arc<Redb>>,
}

impl OnDisk {
    fn open(folder: TempDir) -> Self {
        let journal = Some(Arc::new(Redb::open(options(folder.path())).unwrap()));
        Self { folder, journal }
    }

    fn close(self) -> TempDir {
        drop(Arc::into_inner(self.journal.unwrap()).expect("somebody still uses the journal"));
        self.folder
    }
}

impl Bench for OnDisk {
    fn start() -> Self {
        Self::open(TempDir::new().unwrap())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        self.journal.clone().unwrap()
    }

    fn restart(self) -> Self {
        Self::open(self.close())
    }

    fn damage(self, shop: &ShopId, version: Version) -> Self {
        let folder = self.close();
        damage(&path(folder.path()), |frame| {
            frame.shop == *shop && frame.position.version == version
        });
        Self::open(folder)
    }
}

contract! { OnDisk }

fn path(folder: &Path) -> PathBuf {
    folder.join("data").join("hawker.redb")
}

fn options(folder: &Path) -> Options {
    Options { cache_bytes: 1 << 20, ..Options::new(path(folder)) }
}

/// Flips a bit in the middle of the record that `is_it` picks.
fn damage(file: &Path, is_it: impl Fn(&Frame<'_>) -> bool) {
    let database = Database::open(file).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut records = transaction.open_table(tables::RECORDS).unwrap();
        let mut found = None;
        for row in records.iter().unwrap() {
            let (key, bytes) = row.unwrap();
            if is_it(&Frame::parse(bytes.value()).unwrap()) {
                found = Some((key.value(), bytes.value().to_vec()));
            }
        }
        let (key, mut bytes) = found.unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        records.insert(key, bytes.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_second_process_is_told_which_file_is_in_use() {
    let bench = OnDisk::start();
    let error = Redb::open(options(bench.folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().contains("hawker.redb is in use by another process"), "{error}");
}

#[tokio::test]
async fn a_journal_that_was_not_finished_when_the_power_went_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let unfinished = path(folder.path()).with_extension("redb.unfinished");
    std::fs::create_dir(unfinished.parent().unwrap()).unwrap();
    std::fs::write(&unfinished, [0; 5_000]).unwrap();
    Redb::open(options(folder.path())).unwrap().verify_all().await.unwrap();
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "dear buyer, ".repeat(1_000)).unwrap();
    let error = Redb::open(Options::new(&path)).unwrap_err();
    assert!(error.to_string().contains("letter.txt"), "{error}");
}

/// The record could be the last of its shop, and the shop would go on without it.
#[tokio::test]
async fn a_file_with_a_damaged_record_outside_the_index_is_refused() {
    let bench = OnDisk::start();
    let mut lease = bench.journal().acquire(&shop("s1")).await.unwrap();
    fill(&*bench.journal(), &mut lease, Position::default(), 0..3).await;
    let folder = bench.close();
    damage(&path(folder.path()), |frame| frame.position.version == 3);
    let error = Redb::open(options(folder.path())).unwrap_err();
    assert!(error.to_string().contains("record 2 of the file: the checksum is"), "{error}");
}

#[tokio::test]
async fn a_journal_of_a_newer_format_is_refused_and_left_alone() {
    let folder = OnDisk::start().close();
    let set = |format: u64| {
        let database = Database::open(path(folder.path())).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(tables::NUMBERS).unwrap().insert("format", format).unwrap();
        transaction.commit().unwrap();
    };
    set(2);
    let error = Redb::open(options(folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::OtherFormat { found: 2, known: 1, .. }), "{error}");
    set(1);
    Redb::open(options(folder.path())).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let bench = OnDisk::start();
    let mode = std::fs::metadata(path(bench.folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn an_installation_keeps_its_id() {
    let bench = OnDisk::start();
    let id = bench.journal.as_ref().unwrap().installation().to_owned();
    let bench = bench.restart();
    assert_eq!(bench.journal.as_ref().unwrap().installation(), id);
    let other = OnDisk::start();
    assert_ne!(other.journal.as_ref().unwrap().installation(), id);
}

/// Fills enough for every kind of index block: full ones, and those that the limit on unindexed
/// records forced out.
async fn fill_past_the_index_limit(journal: &dyn Journal) -> Vec<ShopId> {
    let quiet = shop("quiet");
    let mut lease = journal.acquire(&quiet).await.unwrap();
    let mut noticed = batch(1);
    noticed.next_due = Some(hawker_domain::time::Millis(77));
    append(journal, &mut lease, Position::default(), noticed).await;
    let busy: Vec<_> = (0..70).map(|number| shop(&format!("busy{number}"))).collect();
    let rounds = tables::UNINDEXED_MAX / 70 + 3;
    let all = busy.iter().map(|shop| async move {
        let mut lease = journal.acquire(shop).await.unwrap();
        fill(journal, &mut lease, Position::default(), 0..rounds).await;
    });
    futures_util::future::join_all(all).await;
    busy.into_iter().chain([quiet]).collect()
}

#[tokio::test]
async fn quiet_shops_are_indexed_before_an_open_has_to_read_much() {
    let bench = OnDisk::start();
    let shops = fill_past_the_index_limit(&*bench.journal()).await;
    let bench = bench.restart();
    let journal = bench.journal.as_ref().unwrap();
    let tails: usize = journal.store.lock_tails().values().map(|tail| tail.unindexed.len()).sum();
    assert!((tails as u64) < tables::UNINDEXED_MAX, "{tails} records were read again");
    assert!(!journal.store.lock_tails().contains_key(&shop("quiet")));
    assert_eq!(read_all(&**journal, &shop("quiet")).await.len(), 1);
    let due = journal.due(hawker_domain::time::Millis(77), 9).await.unwrap();
    assert_eq!(due, [shop("quiet")]);
    let audit = journal.verify_all().await.unwrap();
    let rounds = tables::UNINDEXED_MAX / 70 + 3;
    assert_eq!((audit.shops, audit.records), (shops.len() as u64, 70 * rounds + 1));
}

#[tokio::test]
async fn a_shop_goes_on_after_its_tail_was_indexed() {
    let bench = OnDisk::start();
    fill_past_the_index_limit(&*bench.journal()).await;
    let bench = bench.restart();
    let (journal, quiet) = (bench.journal(), shop("quiet"));
    let mut lease = journal.acquire(&quiet).await.unwrap();
    let position = journal.position(&quiet).await.unwrap();
    assert_eq!(position.version, 1);
    fill(&*journal, &mut lease, position, 2..100).await;
    drop(journal);
    let bench = bench.restart();
    assert_eq!(read_all(&*bench.journal(), &quiet).await.len(), 99);
    bench.journal.as_ref().unwrap().verify_all().await.unwrap();
}

#[tokio::test]
async fn appends_of_all_shops_that_wait_become_one_commit() {
    let disk = Disk::new(Vec::new(), 0);
    let one_sync = Options { commit: Commit::OnePhase, ..Options::new("simulated") };
    let journal = Redb::open_on(disk.clone(), one_sync).unwrap();
    let mut leases = Vec::new();
    for number in 0..50 {
        leases.push(journal.acquire(&shop(&format!("s{number}"))).await.unwrap());
    }
    let mut appends: Vec<_> = leases
        .iter_mut()
        .map(|lease| journal.append(lease, Position::default(), Arc::new(batch(1))))
        .collect();
    disk.hold_syncs(true);
    let before = disk.syncs();
    for append in &mut appends {
        let poll = |context: &mut Context<'_>| Poll::Ready(append.as_mut().poll(context));
        let answer = std::future::poll_fn(poll).await;
        assert!(answer.is_pending(), "answered before it was durable");
    }
    disk.hold_syncs(false);
    for append in appends {
        append.await.unwrap();
    }
    // The first one alone, or with those that came while the committer woke up, and the rest.
    assert!(disk.syncs() - before <= 2, "{} syncs", disk.syncs() - before);
}

#[tokio::test]
async fn asking_for_unknown_shops_takes_no_memory() {
    let bench = OnDisk::start();
    let journal = bench.journal.as_ref().unwrap();
    for number in 0..10 {
        let unknown = shop(&format!("s{number}"));
        assert_eq!(journal.position(&unknown).await.unwrap(), Position::default());
        assert_eq!(journal.read(&unknown, Position::default(), 9).await.unwrap(), []);
    }
    assert!(journal.store.lock_tails().is_empty());
}

#[tokio::test]
async fn a_lease_of_another_journal_opens_nothing() {
    let (here, there) = (OnDisk::start(), OnDisk::start());
    let mut alien = there.journal().acquire(&shop("s1")).await.unwrap();
    let refused = here.journal().append(&mut alien, Position::default(), Arc::new(batch(1))).await;
    assert_eq!(refused.unwrap_err(), Error::LeaseLost { epoch: 0 });
}

#[tokio::test]
async fn a_backup_is_a_journal_of_its_own() {
    let bench = OnDisk::start();
    let journal = bench.journal.as_ref().unwrap();
    fill_past_the_index_limit(&**journal).await;
    let elsewhere = TempDir::new().unwrap();
    let copy = elsewhere.path().join("copy.redb");
    journal.backup(copy.clone()).await.unwrap();
    let audit = journal.verify_all().await.unwrap();
    let mut lease = journal.acquire(&shop("later")).await.unwrap();
    append(&**journal, &mut lease, Position::default(), batch(1)).await;
    let names: Vec<_> = std::fs::read_dir(elsewhere.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing unfinished is left behind");
    let copied = Redb::open(Options::new(&copy)).unwrap();
    assert_eq!(copied.verify_all().await.unwrap(), audit);
    assert_eq!(copied.installation(), journal.installation());
    assert_eq!(copied.position(&shop("later")).await.unwrap(), Position::default());
    let (quiet, due) = (shop("quiet"), copied.due(hawker_domain::time::Millis(77), 9));
    assert_eq!(due.await.unwrap(), std::slice::from_ref(&quiet));
    assert_eq!(read_all(&copied, &quiet).await, read_all(&**journal, &quiet).await);
}

#[tokio::test]
async fn a_backup_never_replaces_the_journal_itself() {
    let bench = OnDisk::start();
    let journal = bench.journal.as_ref().unwrap();
    let same = bench.folder.path().join("data").join("..").join("data").join("hawker.redb");
    let error = journal.backup(same).await.unwrap_err();
    assert!(matches!(error, BackupError::IsTheJournal { .. }), "{error}");
    let nowhere = PathBuf::from("/proc/none/copy.redb");
    assert!(matches!(journal.backup(nowhere).await.unwrap_err(), BackupError::Io { .. }));
}

#[tokio::test]
async fn a_check_of_the_whole_file_names_the_first_break() {
    let bench = OnDisk::start();
    let journal = bench.journal();
    let mut lease = journal.acquire(&shop("s1")).await.unwrap();
    fill(&*journal, &mut lease, Position::default(), 0..100).await;
    drop(journal);
    let bench = bench.damage(&shop("s1"), 40);
    let error = bench.journal.as_ref().unwrap().verify_all().await.unwrap_err();
    assert!(matches!(error, AuditError::Record { record: 39, .. }), "{error}");
}

#[tokio::test]
async fn a_check_of_the_whole_file_finds_an_index_block_that_is_missing() {
    let bench = OnDisk::start();
    let mut lease = bench.journal().acquire(&shop("s1")).await.unwrap();
    fill(&*bench.journal(), &mut lease, Position::default(), 0..200).await;
    let folder = bench.close();
    {
        let database = Database::open(path(folder.path())).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut index = transaction.open_table(tables::INDEX).unwrap();
        assert!(index.remove(("s1", 65)).unwrap().is_some());
        drop(index);
        transaction.commit().unwrap();
    }
    let journal = Redb::open(options(folder.path())).unwrap();
    let broken = journal.read(&shop("s1"), Position::default(), 200).await.unwrap_err();
    assert_eq!(broken, Error::Corrupt { version: 65, problem: "the record is missing".into() });
    journal.verify_all().await.unwrap_err();
}

#[tokio::test]
async fn a_dump_gives_every_record_of_one_shop() {
    let bench = OnDisk::start();
    let journal = bench.journal();
    for name in ["s1", "s2"] {
        let mut lease = journal.acquire(&shop(name)).await.unwrap();
        fill(&*journal, &mut lease, Position::default(), 0..300).await;
    }
    let all = read_all(&*journal, &shop("s2")).await;
    drop(journal);
    let journal = bench.journal.as_ref().unwrap();
    let dumped: Result<Vec<_>, _> = journal.dump(&shop("s2")).collect();
    assert_eq!(dumped.unwrap(), all);
    assert_eq!(journal.dump(&shop("none")).count(), 0);
    let bench = bench.damage(&shop("s2"), 40);
    let dumped: Vec<_> = bench.journal.as_ref().unwrap().dump(&shop("s2")).collect();
    assert_eq!(dumped.len(), 1, "the part of the answer that holds the break");
    assert!(matches!(dumped[0], Err(Error::Corrupt { version: 40, .. })));
}
