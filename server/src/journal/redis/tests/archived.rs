//! A shop whose older records left Redis for the archive: the contract holds over the seam, and
//! whatever breaks off in the middle is made good.

use std::sync::Arc;

use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tempfile::TempDir;

use super::super::redis_server::{RedisServer, SAFE};
use super::super::{Error, Position, Redis};
use super::{Options, RedisBench, options, wait_for};
use crate::journal::contract::{Bench, append, batch, contract, fill, read_all, shop};
use crate::journal::{
    Batch, Committed, Document, Journal, Lease, Pending, Record, Snapshot, Verified, Version,
};

/// After each append all records but the last leave the stream.
#[derive(Debug)]
struct Trimming(Redis);

/// The journal of [`RedisBench`] with an archive.
struct ArchiveBench {
    server: RedisServer,
    folder: TempDir,
    archive: TempDir,
    journal: Option<Arc<Trimming>>,
}

async fn open(url: &str, folder: &TempDir, archive: &TempDir) -> Redis {
    let archive_folder = Some(archive.path().to_owned());
    let options = Options { archive_folder, archived_records_min: 1, ..options(url, folder) };
    Redis::open(options).await.unwrap()
}

impl ArchiveBench {
    async fn new() -> Self {
        let server = RedisServer::start(&SAFE).await;
        let [folder, archive] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        let mut bench = Self { server, folder, archive, journal: None };
        bench.open().await;
        bench
    }

    async fn open(&mut self) {
        self.journal = None;
        let redis = open(&self.server.url(), &self.folder, &self.archive).await;
        self.journal = Some(Arc::new(Trimming(redis)));
    }

    fn redis(&self) -> &Redis {
        &self.journal.as_ref().unwrap().0
    }

    /// How many records the stream has, and how many the archive.
    async fn lengths(&self, shop: &ShopId) -> (usize, u64) {
        let (_, entries) = self.redis().streamed(shop, 1, 1_000).await.unwrap();
        let archive = self.redis().archive.as_ref().unwrap();
        (entries.len(), archive.end(shop).await.unwrap())
    }

    fn files(&self, shop: &ShopId) -> Vec<std::path::PathBuf> {
        let folder = std::fs::read_dir(self.archive.path().join(shop.as_str())).unwrap();
        let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Bench for ArchiveBench {
    fn start() -> Self {
        wait_for(Self::new())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        self.journal.clone().unwrap()
    }

    fn restart(mut self) -> Self {
        self.journal = None;
        wait_for(async {
            self.server.kill().await;
            self.server.launch().await;
            self.open().await;
        });
        self
    }

    fn damage(mut self, shop: &ShopId, version: Version) -> Self {
        wait_for(async {
            let (_, archived) = self.lengths(shop).await;
            assert!(version <= archived, "the last record is not archived");
            let name = format!("{version:020}-{version:020}.records");
            let path = self.archive.path().join(shop.as_str()).join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            self.open().await;
        });
        self
    }
}

impl Journal for Trimming {
    fn acquire<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Lease, Error>> {
        self.0.acquire(shop)
    }

    fn append<'a>(
        &'a self,
        lease: &'a mut Lease,
        expected: Position,
        batch: Arc<Batch>,
    ) -> Pending<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let committed = self.0.append(lease, expected, batch).await?;
            match self.0.archive_upto(lease, expected).await {
                Ok(()) | Err(Error::LeaseLost { .. }) => Ok(committed),
                Err(error) => panic!("{error}"),
            }
        })
    }

    fn verify<'a>(
        &'a self,
        lease: &'a Lease,
        expected: Position,
    ) -> Pending<'a, Result<Verified, Error>> {
        self.0.verify(lease, expected)
    }

    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        after: Position,
        records_max: usize,
    ) -> Pending<'a, Result<Vec<Record>, Error>> {
        self.0.read(shop, after, records_max)
    }

    fn position<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Position, Error>> {
        self.0.position(shop)
    }

    fn record<'a>(
        &'a self,
        shop: &'a ShopId,
        version: Version,
    ) -> Pending<'a, Result<Option<Record>, Error>> {
        self.0.record(shop, version)
    }

    fn document<'a>(
        &'a self,
        shop: &'a ShopId,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Vec<u8>>, Error>> {
        self.0.document(shop, key)
    }

    fn documents<'a>(
        &'a self,
        shop: &'a ShopId,
        prefix: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> Pending<'a, Result<Vec<Document>, Error>> {
        self.0.documents(shop, prefix, after, documents_max)
    }

    fn due(&self, now: Millis, shops_max: usize) -> Pending<'_, Result<Vec<ShopId>, Error>> {
        self.0.due(now, shops_max)
    }

    fn shops<'a>(
        &'a self,
        after: Option<&'a ShopId>,
        shops_max: usize,
    ) -> Pending<'a, Result<Vec<ShopId>, Error>> {
        self.0.shops(after, shops_max)
    }

    fn save_snapshot<'a>(
        &'a self,
        lease: &'a Lease,
        position: Position,
        bytes: Vec<u8>,
    ) -> Pending<'a, Result<(), Error>> {
        self.0.save_snapshot(lease, position, bytes)
    }

    fn snapshot<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Option<Snapshot>, Error>> {
        self.0.snapshot(shop)
    }
}

contract! { ArchiveBench }

/// Ten batches, none of them archived, and where the shop stood after each.
async fn ten_batches(bench: &ArchiveBench) -> (Lease, Vec<Position>) {
    let mut lease = bench.redis().acquire(&shop("s1")).await.unwrap();
    let mut positions = vec![Position::default()];
    for number in 0..10 {
        let end = *positions.last().unwrap();
        positions.push(append(bench.redis(), &mut lease, end, batch(number)).await);
    }
    (lease, positions)
}

#[tokio::test]
async fn what_lies_below_the_snapshot_before_the_newest_leaves_redis() {
    let bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    let before = read_all(bench.redis(), &shop("s1")).await;
    let mut kept = Vec::new();
    for version in [4, 7, 7, 9] {
        let at = positions[version];
        bench.redis().save_snapshot(&lease, at, b"state".to_vec()).await.unwrap();
        bench.redis().archive(&lease, at).await.unwrap();
        kept.push(bench.lengths(&shop("s1")).await);
    }
    assert_eq!(kept, [(10, 0), (6, 4), (6, 4), (3, 7)]);
    // A snapshot that is not the newest says nothing.
    bench.redis().archive(&lease, positions[7]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await, (3, 7));
    assert_eq!(read_all(bench.redis(), &shop("s1")).await, before);
    for version in 0..=11 {
        let found = bench.redis().record(&shop("s1"), version).await.unwrap();
        assert_eq!(found.as_ref(), before.iter().find(|it| it.position.version == version));
    }
}

#[tokio::test]
async fn a_few_records_are_not_worth_a_file() {
    let bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    let archive_folder = Some(bench.archive.path().to_owned());
    let elsewhere = tempfile::tempdir().unwrap();
    let url = bench.server.url();
    let sparing = Options { archive_folder, archived_records_min: 8, ..options(&url, &elsewhere) };
    let redis = Redis::open(sparing).await.unwrap();
    redis.archive_upto(&lease, positions[7]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await, (10, 0));
    redis.archive_upto(&lease, positions[8]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await, (2, 8));
}

#[tokio::test]
async fn a_move_that_was_broken_off_is_made_good() {
    let bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    let before = read_all(bench.redis(), &shop("s1")).await;
    // The files of three records were written, and nothing was trimmed.
    let archive = bench.redis().archive.clone().unwrap();
    let (_, entries) = bench.redis().streamed(&shop("s1"), 1, 3).await.unwrap();
    let records = entries.into_iter().map(|(_, bytes)| bytes).collect();
    archive.write(&shop("s1"), lease.epoch(), 1, records).await.unwrap();
    assert_eq!(read_all(bench.redis(), &shop("s1")).await, before);
    bench.redis().archive_upto(&lease, positions[2]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await, (8, 3));
    bench.redis().archive_upto(&lease, positions[6]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await, (4, 6));
    assert_eq!(bench.files(&shop("s1")).len(), 2);
    assert_eq!(read_all(bench.redis(), &shop("s1")).await, before);
}

#[tokio::test]
async fn the_last_record_stays_and_a_deposed_writer_trims_nothing() {
    let bench = ArchiveBench::new().await;
    let (old, positions) = ten_batches(&bench).await;
    let refused = bench.redis().archive_upto(&old, positions[10]).await.unwrap_err();
    assert!(matches!(refused, Error::Backward { .. }), "{refused}");
    let new = bench.redis().acquire(&shop("s1")).await.unwrap();
    let refused = bench.redis().archive_upto(&old, positions[5]).await.unwrap_err();
    assert_eq!(refused, Error::LeaseLost { epoch: new.epoch() });
    assert_eq!(bench.lengths(&shop("s1")).await.0, 10);
    bench.redis().archive_upto(&new, positions[5]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await.0, 5);
}

#[tokio::test]
async fn a_full_redis_is_trimmed_all_the_same() {
    let bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    bench.server.ask("CONFIG SET maxmemory 1").await;
    bench.redis().archive_upto(&lease, positions[9]).await.unwrap();
    assert_eq!(bench.lengths(&shop("s1")).await.0, 1);
}

#[tokio::test]
async fn an_archive_of_another_history_is_told_and_nothing_trimmed() {
    let bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    let (_, mut entries) = bench.redis().streamed(&shop("s1"), 1, 3).await.unwrap();
    let other = entries.swap_remove(1).1;
    let archive = bench.redis().archive.clone().unwrap();
    archive.write(&shop("s1"), 1, 1, vec![other]).await.unwrap();
    let refused = bench.redis().archive_upto(&lease, positions[5]).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { version: 1, .. }), "{refused}");
    assert_eq!(bench.lengths(&shop("s1")).await.0, 10);
}

#[tokio::test]
async fn an_archive_that_lost_a_file_is_damage_and_not_the_end() {
    let mut bench = ArchiveBench::new().await;
    let (lease, positions) = ten_batches(&bench).await;
    for version in [3, 6, 9] {
        bench.redis().archive_upto(&lease, positions[version]).await.unwrap();
    }
    let files = bench.files(&shop("s1"));
    // In the middle, and then the end, after which the archive does not reach the stream.
    for (lost, first) in [(1, 4), (2, 4)] {
        std::fs::remove_file(&files[lost]).unwrap();
        bench.open().await;
        let journal = bench.redis();
        assert_eq!(journal.read(&shop("s1"), positions[1], 2).await.unwrap().len(), 2);
        let refused = journal.read(&shop("s1"), positions[1], 9).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { version, .. } if version == first), "{refused}");
        let refused = journal.record(&shop("s1"), 5).await.unwrap_err();
        assert!(matches!(refused, Error::Corrupt { version: 5, .. }), "{refused}");
    }
    let refused = bench.redis().archive_upto(&lease, positions[9]).await;
    assert_eq!(refused, Ok(()), "nothing is left to move");
}

#[tokio::test]
async fn a_server_that_was_away_finds_what_it_saw_in_the_archive() {
    let bench = ArchiveBench::new().await;
    let folders: [TempDir; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let url = bench.server.url();
    let one = open(&url, &folders[0], &bench.archive).await;
    let mut lease = one.acquire(&shop("s1")).await.unwrap();
    let seen = fill(&one, &mut lease, Position::default(), 0..3).await;
    one.release(lease).await;
    let two = open(&url, &folders[1], &bench.archive).await;
    let mut lease = two.acquire(&shop("s1")).await.unwrap();
    let end = fill(&two, &mut lease, seen, 3..8).await;
    let last = two.record(&shop("s1"), 7).await.unwrap().unwrap().position;
    two.archive_upto(&lease, last).await.unwrap();
    two.release(lease).await;
    drop(one);
    // Without the archive nobody can tell; with it everybody can.
    let blind = Redis::open(options(&url, &folders[0])).await.unwrap();
    let refused = blind.acquire(&shop("s1")).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Corrupt { version: 3, problem } if problem
        .contains("archive_folder")),
        "{refused}"
    );
    let refused = blind.read(&shop("s1"), Position::default(), 9).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { version: 1, .. }), "{refused}");
    drop(blind);
    let one = open(&url, &folders[0], &bench.archive).await;
    let mut lease = one.acquire(&shop("s1")).await.unwrap();
    append(&one, &mut lease, end, batch(8)).await;
    assert_eq!(read_all(&one, &shop("s1")).await.len(), 9);
}

#[tokio::test]
async fn a_server_whose_clock_runs_elsewhere_is_told_and_goes_on() {
    let bench = RedisBench::safe().await;
    let clock = crate::clock::Clock::starting_at(Millis(1_000));
    let folder = tempfile::tempdir().unwrap();
    let away = Options { clock, ..options(&bench.server.url(), &folder) };
    let redis = Redis::open(away).await.unwrap();
    assert!(redis.trouble()().unwrap_err().contains("apart"), "it is told");
    assert!(redis.acquire(&shop("s1")).await.is_ok());
    assert_eq!(bench.redis.as_ref().unwrap().trouble()(), Ok(()));
}
