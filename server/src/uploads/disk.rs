//! Uploads in a folder: `<shop>/<owner>/<secret>/` holds `content` and `description.json`. Owns the
//! folder alone: a file is written aside, synced and renamed into its place, so that it is there
//! whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::{Millis, SpanMs};
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use super::{Committed, Description, Draft, Error, Filed, Pending, Pieces, Uploads};

#[derive(Debug, Clone)]
pub struct Options {
    /// The folder; it is made when it is missing.
    pub folder: PathBuf,
    /// What the disk must have left: the journal may live on it.
    pub disk_free_bytes_min: u64,
    /// Whether other nodes use the folder too. Their disk must know locks (NFS 4 does).
    pub is_shared: bool,
}

/// Ids have no dot, so no shop is called like these.
const PARTIAL: &str = ".partial";
const UNNAMED: &str = ".unnamed";
const LOCK: &str = ".lock";
const TURN: &str = ".turn";
const CONTENT: &str = "content";
const DESCRIPTION: &str = "description.json";

/// Written at a time: a call to the disk costs a change of threads.
const WRITE_BYTES: usize = 256 * 1024;
/// Read at a time, for each reader.
const READ_BYTES: u64 = 64 * 1024;

/// The folder's only user on this node.
#[derive(Debug)]
pub struct Disk(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    options: Options,
    /// Numbers what is being written.
    next: AtomicU64,
    /// Held while uploads come and go, so that a sweep never meets half of that.
    turn: Mutex<()>,
    /// Where this node writes aside.
    aside: PathBuf,
    /// Locked as long as they are open: the folder, and this node's place aside.
    _locks: [File; 2],
}

/// Nobody else moves files meanwhile, on this node or another.
struct Turn<'a> {
    _here: MutexGuard<'a, ()>,
    _everywhere: Option<File>,
}

impl Disk {
    /// Opens the folder and proves that it can be written. What an earlier process left unfinished
    /// is removed.
    pub fn open(options: Options) -> Result<Self, Error> {
        let root = &options.folder;
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let lock = lock_file(&root.join(LOCK))?;
        let locked = if options.is_shared { lock.try_lock_shared() } else { lock.try_lock() };
        locked.map_err(|_| io::Error::other("another server uses it"))?;
        let (aside, own) = place_aside(&root.join(PARTIAL))?;
        fs::create_dir_all(root.join(UNNAMED))?;
        let (next, turn) = (AtomicU64::new(0), Mutex::new(()));
        let folder = Arc::new(Folder { options, next, turn, aside, _locks: [lock, own] });
        drop(Open::begin(&folder)?);
        Ok(Self(folder))
    }

    fn on_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Folder>) -> Result<T, Error> + Send + 'static,
    ) -> Pending<'static, Result<T, Error>> {
        let folder = self.0.clone();
        Box::pin(blocking(move || work(&folder)))
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// A folder of this node's own to write in, and its lock. What processes that are gone left
/// unfinished is removed.
fn place_aside(partial: &Path) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(partial)?;
    for entry in fs::read_dir(partial)? {
        let left = entry?.path();
        let lock = left.with_extension("lock");
        let is_held = lock.exists() && lock_file(&lock)?.try_lock().is_err();
        if left == lock || is_held {
            continue;
        }
        fs::remove_dir_all(&left)?;
        found(fs::remove_file(lock))?;
    }
    let aside = partial.join(Uuid::now_v7().simple().to_string());
    let own = lock_file(&aside.with_extension("lock"))?;
    own.try_lock().map_err(|_| io::Error::other("another server uses its place aside"))?;
    fs::create_dir(&aside)?;
    Ok((aside, own))
}

/// Disks block; the runtime has threads for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|failed| Err(Error::Broken(io::Error::other(failed))))
}

impl Uploads for Disk {
    fn create(&self) -> Pending<'_, Result<Box<dyn Draft>, Error>> {
        let begun = self.on_folder(|folder| {
            folder.check_room()?;
            Open::begin(folder)
        });
        Box::pin(async move {
            let open = Some(begun.await?);
            Ok(Box::new(DiskDraft { open, waiting: Vec::new() }) as Box<dyn Draft>)
        })
    }

    fn describe<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>> {
        let (shop, upload) = (shop.clone(), upload.clone());
        self.on_folder(move |folder| folder.describe(&shop, &upload))
    }

    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
        from: u64,
        length: u64,
    ) -> Pending<'a, Result<Option<Pieces>, Error>> {
        let (shop, upload) = (shop.clone(), upload.clone());
        self.on_folder(move |folder| {
            let Some(place) = folder.place(&shop, &upload) else { return Ok(None) };
            let Some(mut file) = found(File::open(place.join(CONTENT)))? else { return Ok(None) };
            file.seek(io::SeekFrom::Start(from))?;
            Ok(Some(stream::try_unfold((file, length), next_piece).boxed()))
        })
    }

    fn keep<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>> {
        let (shop, upload) = (shop.clone(), upload.clone());
        self.on_folder(move |folder| {
            let _turn = folder.turn()?;
            let description = folder.describe(&shop, &upload)?;
            if description.is_some() && folder.name(&shop, &upload)? {
                sync(&folder.unnamed())?;
            }
            Ok(description)
        })
    }

    fn erase<'a>(
        &'a self,
        shop: &'a ShopId,
        owner: &'a UserId,
    ) -> Pending<'a, Result<usize, Error>> {
        let (shop, owner) = (shop.clone(), owner.clone());
        self.on_folder(move |folder| folder.erase_owner(&shop, &owner))
    }

    fn sweep(&self, now: Millis, age: SpanMs) -> Pending<'_, Result<usize, Error>> {
        self.on_folder(move |folder| {
            let mut erased = 0;
            for entry in fs::read_dir(folder.unnamed())? {
                let mark = entry?.file_name();
                match folder.sweep_one(&mark.to_string_lossy(), now, age) {
                    Ok(is_erased) => erased += usize::from(is_erased),
                    Err(error) => tracing::error!(%error, "an upload could not be swept"),
                }
            }
            Ok(erased)
        })
    }
}

/// What a reader gets next.
async fn next_piece((mut file, left): (File, u64)) -> io::Result<Option<(Bytes, (File, u64))>> {
    let bytes = usize::try_from(left.min(READ_BYTES)).unwrap_or(0);
    if bytes == 0 {
        return Ok(None);
    }
    let read = move || {
        let mut piece = vec![0; bytes];
        file.read_exact(&mut piece)?;
        Ok((Bytes::from(piece), (file, left - bytes as u64)))
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|it| Err(io::Error::other(it))).map(Some)
}

/// `None` for what is not there.
fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes what was created, renamed or removed in a folder last.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Folder {
    fn check_room(&self) -> Result<(), Error> {
        let disk = rustix::fs::statvfs(&self.options.folder).map_err(io::Error::from)?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes < self.options.disk_free_bytes_min { Err(Error::Full) } else { Ok(()) }
    }

    fn unnamed(&self) -> PathBuf {
        self.options.folder.join(UNNAMED)
    }

    /// Where an upload stands or would stand; `None` for an id that is none of ours.
    fn place(&self, shop: &ShopId, upload: &UploadId) -> Option<PathBuf> {
        let (owner, secret) = super::parts(upload)?;
        Some(self.options.folder.join(shop.as_str()).join(owner).join(secret))
    }

    fn describe(&self, shop: &ShopId, upload: &UploadId) -> Result<Option<Description>, Error> {
        let Some(place) = self.place(shop, upload) else { return Ok(None) };
        described(&place)
    }

    /// The mark of an upload that no message has named.
    fn mark(&self, shop: &ShopId, upload: &UploadId) -> PathBuf {
        self.unnamed().join(format!("{shop}~{upload}"))
    }

    /// Takes the mark away, if it is there.
    fn name(&self, shop: &ShopId, upload: &UploadId) -> io::Result<bool> {
        Ok(found(fs::remove_file(self.mark(shop, upload)))?.is_some())
    }

    /// Somewhere aside that nobody else uses.
    fn aside(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.aside.join(number.to_string())
    }

    fn turn(&self) -> io::Result<Turn<'_>> {
        let here = self.turn.lock();
        let everywhere = self.options.is_shared.then(|| {
            let file = lock_file(&self.options.folder.join(TURN))?;
            file.lock().map(|()| file)
        });
        Ok(Turn { _here: here, _everywhere: everywhere.transpose()? })
    }

    /// Takes an upload out of its place at once, then apart.
    fn remove(&self, place: &Path) -> io::Result<()> {
        let aside = self.aside();
        fs::rename(place, &aside)?;
        fs::remove_dir_all(aside)
    }

    fn erase_owner(&self, shop: &ShopId, owner: &UserId) -> Result<usize, Error> {
        let part = super::owner_part(shop, owner);
        let folder = self.options.folder.join(shop.as_str()).join(&part);
        let _turn = self.turn()?;
        let Some(entries) = found(fs::read_dir(&folder))? else { return Ok(0) };
        let mut erased = 0;
        for entry in entries {
            let entry = entry?;
            // Two owners may share the first part of their ids, if only in theory.
            if matches!(described(&entry.path()), Ok(Some(it)) if it.owner != *owner) {
                continue;
            }
            self.remove(&entry.path())?;
            let upload = format!("{part}{}", entry.file_name().to_string_lossy());
            self.name(shop, &UploadId::checked(upload))?;
            erased += 1;
        }
        sync(&folder)?;
        Ok(erased)
    }

    /// Erases the upload that a mark belongs to, if it is too old; whether there was one.
    fn sweep_one(&self, mark: &str, now: Millis, age: SpanMs) -> Result<bool, Error> {
        let Some((shop, upload)) = mark.split_once('~') else { return Ok(false) };
        let (Ok(shop), Ok(upload)) = (ShopId::parse(shop), UploadId::parse(upload)) else {
            return Ok(false);
        };
        let _turn = self.turn()?;
        let described = self.describe(&shop, &upload)?;
        let is_there = described.is_some();
        if described.is_some_and(|it| it.at + age > now) || !self.mark(&shop, &upload).exists() {
            return Ok(false);
        }
        if let Some(place) = self.place(&shop, &upload).filter(|_| is_there) {
            self.remove(&place)?;
        }
        self.name(&shop, &upload)?;
        Ok(is_there)
    }
}

fn described(place: &Path) -> Result<Option<Description>, Error> {
    let Some(text) = found(fs::read(place.join(DESCRIPTION)))? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&text).map_err(io::Error::from)?))
}

/// A file on its way. Dropped without a commit it goes, on a thread that may block.
#[derive(Debug)]
struct DiskDraft {
    /// Gone after a failure: what failed once is not gone on with.
    open: Option<Open>,
    waiting: Vec<u8>,
}

impl Drop for DiskDraft {
    fn drop(&mut self) {
        if let (Some(open), Ok(runtime)) = (self.open.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn_blocking(move || drop(open));
        }
    }
}

impl DiskDraft {
    async fn flush(&mut self) -> Result<(), Error> {
        let mut open = self.taken()?;
        let piece = std::mem::take(&mut self.waiting);
        let written = blocking(move || open.write(&piece).map(|()| open));
        self.open = Some(written.await?);
        Ok(())
    }

    fn taken(&mut self) -> Result<Open, Error> {
        self.open.take().ok_or_else(|| Error::Broken(io::Error::other("the file failed before")))
    }
}

impl Draft for DiskDraft {
    fn write(&mut self, piece: Bytes) -> Pending<'_, Result<(), Error>> {
        Box::pin(async move {
            self.waiting.extend_from_slice(&piece);
            if self.waiting.len() < WRITE_BYTES {
                return Ok(());
            }
            self.flush().await
        })
    }

    fn commit(
        mut self: Box<Self>,
        shop: ShopId,
        upload: UploadId,
        filed: Filed,
    ) -> Pending<'static, Result<Committed, Error>> {
        Box::pin(async move {
            self.flush().await?;
            let open = self.taken()?;
            blocking(move || open.commit(&shop, &upload, filed)).await
        })
    }
}

/// The folder of one upload, still aside. Removed when dropped, unless it has been renamed.
#[derive(Debug)]
struct Open {
    folder: Arc<Folder>,
    path: PathBuf,
    content: File,
    hasher: Box<blake3::Hasher>,
    size_bytes: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Renamed, it is no longer there; what cannot be removed goes at the next start.
        if let Err(error) = found(fs::remove_dir_all(&self.path)) {
            tracing::warn!(%error, "an unfinished upload could not be removed");
        }
    }
}

impl Open {
    fn begin(folder: &Arc<Folder>) -> Result<Self, Error> {
        let path = folder.aside();
        fs::create_dir(&path)?;
        let content = match File::create_new(path.join(CONTENT)) {
            Ok(content) => content,
            Err(error) => {
                fs::remove_dir_all(&path)?;
                return Err(error.into());
            }
        };
        let (folder, hasher) = (folder.clone(), Box::new(blake3::Hasher::new()));
        Ok(Self { folder, path, content, hasher, size_bytes: 0 })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.folder.check_room()?;
        self.content.write_all(piece)?;
        self.hasher.update(piece);
        self.size_bytes += piece.len() as u64;
        Ok(())
    }

    fn commit(self, shop: &ShopId, upload: &UploadId, filed: Filed) -> Result<Committed, Error> {
        let Filed { owner, media_type, at } = filed;
        let (size_bytes, hash) = (self.size_bytes, self.hasher.finalize().to_hex().to_string());
        let description = Description { owner, media_type, size_bytes, hash, at };
        self.content.sync_all()?;
        self.write_description(&description)?;
        let foreign = || Error::Broken(io::Error::other("an id that was not made here"));
        let place = self.folder.place(shop, upload).ok_or_else(foreign)?;
        let _turn = self.folder.turn()?;
        if let Some(existing) = described(&place)? {
            let same = Description { at: existing.at, ..description } == existing;
            let committed = Committed { description: existing, existing: true };
            return if same { Ok(committed) } else { Err(Error::Conflict) };
        }
        File::create(self.folder.mark(shop, upload))?;
        sync(&self.folder.unnamed())?;
        self.settle(&place)?;
        Ok(Committed { description, existing: false })
    }

    fn write_description(&self, description: &Description) -> Result<(), Error> {
        let text = serde_json::to_vec(description).map_err(io::Error::from)?;
        let mut file = File::create_new(self.path.join(DESCRIPTION))?;
        file.write_all(&text)?;
        file.sync_all()?;
        Ok(sync(&self.path)?)
    }

    /// Renames what is written into its place, for good or not at all.
    fn settle(&self, place: &Path) -> io::Result<()> {
        let owner = place.parent().unwrap_or(place);
        let shop = owner.parent().unwrap_or(owner);
        fs::create_dir_all(owner)?;
        fs::rename(&self.path, place)?;
        let settled =
            sync(owner).and_then(|()| sync(shop)).and_then(|()| sync(&self.folder.options.folder));
        if settled.is_err() {
            self.folder.remove(place)?;
        }
        settled
    }
}
