//! The embedded journal: one redb file, one thread that writes it. Owns the file and its lock;
//! never runs a read or a write on a thread of the runtime, and never says "written" before the
//! disk did.

mod committer;
mod store;
mod tables;
mod upkeep;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use ::redb::backends::FileBackend;
use ::redb::{Builder, Database, DatabaseError, StorageBackend, StorageError};
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use self::committer::{Acquire, Append, Committer, Job, SaveSnapshot};
use self::store::Store;
use self::tables::Trouble;
use super::record::{self, RECORD_BYTES_MAX};
use super::{
    Batch, Committed, Document, DocumentWrite, Error, Journal, Lease, Pending, Position, Record,
    Verified, Version,
};

pub use self::upkeep::{Audit, AuditError, BackupError, Dump};

/// Appends that may wait for the committer. Each shop has one in flight, so past this the disk is
/// the bottleneck and waiting in the shop's task is better than waiting here.
const QUEUE_JOBS_MAX: usize = 1_024;

/// Enough to keep a disk busy; more would only compete with the committer.
const READERS_MAX: usize = 8;

#[derive(Debug, Clone)]
pub struct Options {
    pub path: PathBuf,
    /// What redb may keep of the file in memory.
    pub cache_bytes: usize,
    pub commit: Commit,
}

/// How a commit reaches the disk. All of them survive power loss; they differ in what they cost
/// and in how long an open takes after a crash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Commit {
    /// One sync. After a crash the newer of two commit slots is taken if its checksums are right,
    /// and the whole file is walked to see that and to find its free pages.
    OnePhase,
    /// Two syncs: the commit slot is on the disk before the byte that selects it, so whether a
    /// commit happened never rests on a checksum. The default, since on the disks we tried the
    /// second sync, of one page, disappears beside the first. After a crash the whole file is
    /// walked to find its free pages.
    #[default]
    TwoPhase,
    /// Two syncs, and every commit also writes down which pages are free, 130 kB for each GB of
    /// the file. For a file of many GB on a fast disk whose owner cannot wait for the walk.
    QuickRepair,
}

/// Why the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{path} is in use by another process: stop that process, or give this one a journal of \
         its own"
    )]
    Locked { path: PathBuf },
    #[error("{path} cannot be used: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} is damaged: {problem}. Keep a copy of the file, then put the last backup in its \
         place"
    )]
    Damaged { path: PathBuf, problem: String },
    #[error("{path} has format {found}, this binary knows {known}: use the binary that wrote it")]
    OtherFormat { path: PathBuf, found: u64, known: u64 },
}

/// A journal in one file.
#[derive(Debug)]
pub struct Redb {
    store: Arc<Store>,
    readers: Arc<Semaphore>,
    jobs: Option<mpsc::Sender<Job>>,
    committer: Option<JoinHandle<()>>,
}

impl Options {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), cache_bytes: 64 << 20, commit: Commit::default() }
    }
}

impl Redb {
    /// Opens the journal, or makes one where there is none. Blocks on the disk.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let path = options.path.clone();
        let failed = |source| OpenError::Io { path: path.clone(), source };
        if !path.try_exists().map_err(failed)? {
            create(&path, &options)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        Self::open_file(file, options)
    }

    fn open_file(file: File, options: Options) -> Result<Self, OpenError> {
        let backend = FileBackend::new(file).map_err(|error| refused(&options.path, error))?;
        Self::open_on(backend, options)
    }

    /// Opens the journal on any storage; `options.path` only names it in messages.
    pub fn open_on(backend: impl StorageBackend, options: Options) -> Result<Self, OpenError> {
        let path = options.path;
        let database = Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(backend)
            .map_err(|error| refused(&path, error))?;
        Self::start(database, path, options.commit)
    }

    fn start(database: Database, path: PathBuf, commit: Commit) -> Result<Self, OpenError> {
        let (store, tail) = Store::open(database, path.clone(), commit)?;
        let store = Arc::new(store);
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let committer = Committer::new(store.clone(), queue, tail);
        let thread = std::thread::Builder::new()
            .name("journal-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|source| OpenError::Io { path, source })?;
        Ok(Self {
            store,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            jobs: Some(jobs),
            committer: Some(thread),
        })
    }

    /// Holds the reason once the disk has failed. From then on nothing is acknowledged, and the
    /// process has to end: only a new start can tell what the disk really kept.
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.store.failure()
    }

    /// Made when the file was; tells one journal from another that took its place.
    pub fn installation(&self) -> &str {
        self.store.installation()
    }

    async fn blocking<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, Trouble> + Send + 'static,
    {
        self.store.check_alive()?;
        let stopped = || Error::Unavailable("the reader stopped".to_owned());
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| stopped())?;
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let answer = read(&store).map_err(|trouble| store.explain(trouble));
            drop(permit);
            answer
        });
        reading.await.map_err(|_| stopped())?
    }

    /// The verdict on a job. Without one the committer is gone, and nobody knows.
    async fn submit<T>(
        &self,
        job: Job,
        verdict: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        let stopped = || Error::Unavailable("the journal is closed".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        let lost = |_| Error::Unknown("the committer stopped".to_owned());
        verdict.await.map_err(lost)?
    }
}

impl Journal for Redb {
    fn acquire<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Lease, Error>> {
        Box::pin(async move {
            let id = shop.clone();
            self.blocking(move |store| store.keep_tail(&id)).await?;
            // Through the committer, so that no append of an older lease is still under way when
            // the new owner starts to read.
            let (reply, verdict) = oneshot::channel();
            let job = Job::Acquire(Acquire { shop: shop.clone(), reply });
            let epoch = self.submit(job, verdict).await?;
            Ok(Lease::new(shop.clone(), epoch))
        })
    }

    fn append<'a>(
        &'a self,
        lease: &'a mut Lease,
        expected: Position,
        batch: Arc<Batch>,
    ) -> Pending<'a, Result<Committed, Error>> {
        Box::pin(async move {
            self.store.check_writable(&lease.shop)?;
            check_sizes(&batch.documents)?;
            let next_due = batch.next_due;
            let head =
                record::Head { shop: &lease.shop, epoch: lease.epoch, after: expected, next_due };
            let encoded = record::encode(head, &batch.entries)
                .map_err(|problem| Error::Unavailable(problem.to_string()))?;
            let (reply, verdict) = oneshot::channel();
            let append = Append {
                shop: lease.shop.clone(),
                epoch: lease.epoch,
                expected,
                encoded,
                batch: batch.clone(),
                reply,
            };
            let verdict = self.submit(Job::Append(append), verdict).await;
            if matches!(verdict, Err(Error::Unknown(_))) {
                self.store.lock_unsettled().insert(lease.shop.clone());
            }
            Ok(Committed::new(lease, verdict?, batch))
        })
    }

    fn verify<'a>(
        &'a self,
        lease: &'a Lease,
        expected: Position,
    ) -> Pending<'a, Result<Verified, Error>> {
        Box::pin(async move {
            self.store.check_alive()?;
            self.store.judge(&lease.shop, lease.epoch, expected)?;
            Ok(Verified::new(lease, expected))
        })
    }

    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        after: Position,
        records_max: usize,
    ) -> Pending<'a, Result<Vec<Record>, Error>> {
        let shop = shop.clone();
        Box::pin(self.blocking(move |store| store.read(&shop, after, records_max)))
    }

    fn position<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Position, Error>> {
        let shop = shop.clone();
        Box::pin(self.blocking(move |store| Ok(store.tail(&shop)?.end)))
    }

    fn record<'a>(
        &'a self,
        shop: &'a ShopId,
        version: Version,
    ) -> Pending<'a, Result<Option<Record>, Error>> {
        let shop = shop.clone();
        Box::pin(self.blocking(move |store| store.record(&shop, version)))
    }

    fn document<'a>(
        &'a self,
        shop: &'a ShopId,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Vec<u8>>, Error>> {
        let (shop, key) = (shop.clone(), key.to_owned());
        Box::pin(self.blocking(move |store| store.document(&shop, &key)))
    }

    fn documents<'a>(
        &'a self,
        shop: &'a ShopId,
        prefix: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> Pending<'a, Result<Vec<Document>, Error>> {
        let (shop, prefix, after) = (shop.clone(), prefix.to_owned(), after.map(str::to_owned));
        Box::pin(self.blocking(move |store| {
            store.documents(&shop, &prefix, after.as_deref(), documents_max)
        }))
    }

    fn due(&self, now: Millis, shops_max: usize) -> Pending<'_, Result<Vec<ShopId>, Error>> {
        Box::pin(async move {
            self.store.check_alive()?;
            Ok(self.store.due(now, shops_max))
        })
    }

    fn shops<'a>(
        &'a self,
        after: Option<&'a ShopId>,
        shops_max: usize,
    ) -> Pending<'a, Result<Vec<ShopId>, Error>> {
        let after = after.cloned();
        Box::pin(self.blocking(move |store| store.shops(after.as_ref(), shops_max)))
    }

    fn save_snapshot<'a>(
        &'a self,
        lease: &'a Lease,
        position: Position,
        bytes: Vec<u8>,
    ) -> Pending<'a, Result<(), Error>> {
        Box::pin(async move {
            check_size("the snapshot", bytes.len())?;
            let shop = lease.shop.clone();
            self.blocking(move |store| store.check_position(&shop, position)).await?;
            let (reply, verdict) = oneshot::channel();
            let save = SaveSnapshot {
                shop: lease.shop.clone(),
                epoch: lease.epoch,
                value: tables::snapshot_value(position, &bytes),
                version: position.version,
                reply,
            };
            self.submit(Job::SaveSnapshot(save), verdict).await
        })
    }

    fn snapshot<'a>(
        &'a self,
        shop: &'a ShopId,
    ) -> Pending<'a, Result<Option<(Position, Vec<u8>)>, Error>> {
        let shop = shop.clone();
        Box::pin(self.blocking(move |store| store.snapshot(&shop)))
    }
}

impl Drop for Redb {
    /// Waits for what was accepted, so that the file is whole and unlocked afterwards.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.committer.take() {
            // A committer that panicked has already reported itself as failed.
            let _ = thread.join();
        }
    }
}

fn check_sizes(documents: &[DocumentWrite]) -> Result<(), Error> {
    documents.iter().try_for_each(|write| match write {
        DocumentWrite::Put { value, .. } => check_size("a document", value.len()),
        DocumentWrite::EraseUnder { .. } => Ok(()),
    })
}

fn check_size(what: &str, bytes: usize) -> Result<(), Error> {
    if bytes > RECORD_BYTES_MAX {
        let reason = format!("{what} has {bytes} bytes, more than {RECORD_BYTES_MAX}");
        return Err(Error::Unavailable(reason));
    }
    Ok(())
}

fn refused(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path }
        }
        DatabaseError::Storage(StorageError::Io(source)) => OpenError::Io { path, source },
        other => OpenError::Damaged { path, problem: other.to_string() },
    }
}

/// Makes the journal under another name first: a power cut in the middle must not leave a file
/// that looks like a damaged journal. A directory entry that is lost with the power would take all
/// that was acknowledged with it, hence the syncs of folders.
fn create(path: &Path, options: &Options) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    let folder = folder_of(path);
    create_folder(folder).map_err(failed)?;
    let (unfinished, file) = open_unfinished(path).map_err(failed)?;
    drop(Redb::open_file(file, Options { path: path.to_owned(), ..options.clone() })?);
    // A link never replaces what another process has made meanwhile; a rename would.
    match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    fs::remove_file(&unfinished).and_then(|()| sync_folder(folder)).map_err(failed)
}

/// An empty file beside `path`, and its name.
fn open_unfinished(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    let unfinished = PathBuf::from(name);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    // It holds names and addresses: nobody else's business on this machine.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&unfinished)?;
    Ok((unfinished, file))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    create_folder(above)?;
    fs::create_dir(folder)?;
    sync_folder(above)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
