//! What this server remembers of the store, in a folder of its own: its name, which installation
//! it belongs to, and how far it has seen each shop. Owns the folder's lock; never judges a store.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use hawker_domain::id::ShopId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::wording;
use crate::journal::{Position, Version};

/// What a kernel that loses its power may take with it: a store that lost more than this is seen
/// to be older, and nothing that was acknowledged hangs on it.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Lines beyond the shops' own after which the file is written afresh: some 10 MB.
const STALE_LINES_MAX: usize = 100_000;

/// Waits for the marks' thread; each shop has one append in flight.
const QUEUE_MAX: usize = 1_024;

/// The furthest that a shop was seen to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) epoch: u64,
    pub(super) position: Position,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("it is in use by another process")]
    Locked,
    #[error("{file} in it is not what a server writes: {problem}")]
    Damaged { file: &'static str, problem: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The file that says who this server is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Identity {
    node: String,
    installation: Option<String>,
}

#[derive(Debug)]
pub(super) struct Node {
    folder: Option<PathBuf>,
    identity: Mutex<Identity>,
    marks: Mutex<HashMap<ShopId, Mark>>,
    writer: Option<mpsc::SyncSender<Line>>,
    trouble: Arc<Mutex<Option<String>>>,
    /// Held until this server has done with the store.
    lock: Mutex<Option<File>>,
}

/// A mark on its way into the file.
struct Line {
    text: String,
    shops: usize,
    written: oneshot::Sender<()>,
}

impl Node {
    /// Reads the folder, or makes it. Blocks on the disk.
    pub(super) fn open(folder: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Locked),
            Err(TryLockError::Error(error)) => return Err(FolderError::Io(error)),
        }
        let identity = Identity::read(folder)?;
        let marks = read_marks(&folder.join("marks"))?;
        let file = write_marks(folder, &marks)?;
        let trouble = Arc::new(Mutex::new(None));
        let (writer, lines) = mpsc::sync_channel(QUEUE_MAX);
        let keeper = Keeper {
            folder: folder.to_owned(),
            file,
            lines: marks.len(),
            trouble: trouble.clone(),
        };
        std::thread::Builder::new()
            .name("journal-marks".to_owned())
            .spawn(move || keeper.run(&lines))?;
        Ok(Self {
            folder: Some(folder.to_owned()),
            identity: Mutex::new(identity),
            marks: Mutex::new(marks),
            writer: Some(writer),
            trouble,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Whoever only looks remembers nothing and belongs nowhere.
    pub(super) fn looking() -> Self {
        Self {
            folder: None,
            identity: Mutex::new(Identity::new()),
            marks: Mutex::default(),
            writer: None,
            trouble: Arc::default(),
            lock: Mutex::default(),
        }
    }

    /// Lets another process have the folder.
    pub(super) fn leave(&self) {
        self.lock.lock().take();
    }

    pub(super) fn is_looking(&self) -> bool {
        self.folder.is_none()
    }

    pub(super) fn name(&self) -> String {
        self.identity.lock().node.clone()
    }

    pub(super) fn installation(&self) -> Option<String> {
        self.identity.lock().installation.clone()
    }

    /// From now on this server belongs to that installation and takes no other store for it.
    pub(super) fn join(&self, installation: &str) -> io::Result<()> {
        let mut identity = self.identity.lock();
        let joined = Identity { installation: Some(installation.to_owned()), ..identity.clone() };
        if let Some(folder) = &self.folder {
            joined.write(folder)?;
        }
        *identity = joined;
        Ok(())
    }

    pub(super) fn mark(&self, shop: &ShopId) -> Mark {
        self.marks.lock().get(shop).copied().unwrap_or_default()
    }

    /// Remembers how far a shop has come, so that it survives this process, and returns then.
    pub(super) async fn note(&self, shop: &ShopId, mark: Mark) {
        let shops = {
            let mut marks = self.marks.lock();
            let known = marks.entry(shop.clone()).or_default();
            known.epoch = known.epoch.max(mark.epoch);
            if mark.position.version >= known.position.version {
                known.position = mark.position;
            }
            marks.len()
        };
        let Some(writer) = &self.writer else { return };
        let (written, done) = oneshot::channel();
        match writer.try_send(Line { text: line(shop, mark), shops, written }) {
            // Without an answer the thread is gone with the process.
            Ok(()) => drop(done.await),
            Err(_) => *self.trouble.lock() = Some("marks wait for the disk".to_owned()),
        }
    }

    /// What keeps marks from the disk. The journal goes on: they only guard against a store that
    /// loses what it had.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}

impl Identity {
    const FILE: &str = "node.json";

    fn new() -> Self {
        Self { node: Uuid::now_v7().to_string(), installation: None }
    }

    fn read(folder: &Path) -> Result<Self, FolderError> {
        match fs::read(folder.join(Self::FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| FolderError::Damaged {
                file: Self::FILE,
                problem: error.to_string(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = Self::new();
                identity.write(folder)?;
                Ok(identity)
            }
            Err(error) => Err(FolderError::Io(error)),
        }
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        replace(folder, Self::FILE, &bytes).map(drop)
    }
}

/// Writes a file aside and puts it in its place, so that a power cut leaves the old or the new.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<File> {
    let (aside, path) = (folder.join(format!("{name}.unfinished")), folder.join(name));
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, &path)?;
    File::open(folder)?.sync_all()?;
    OpenOptions::new().append(true).open(&path)
}

/// A mark as a line: checksum, shop, epoch, version, hash.
fn line(shop: &ShopId, mark: Mark) -> String {
    let Mark { epoch, position: Position { version, hash } } = mark;
    let text = format!("{shop} {epoch} {version} {}", wording::hex(hash));
    format!("{:08x} {text}\n", crc32c::crc32c(text.as_bytes()))
}

fn parse(line: &str) -> Option<(ShopId, Mark)> {
    let (checksum, text) = line.split_once(' ')?;
    if u32::from_str_radix(checksum, 16).ok()? != crc32c::crc32c(text.as_bytes()) {
        return None;
    }
    let mut words = text.split(' ');
    let shop = ShopId::parse(words.next()?).ok()?;
    let epoch = words.next()?.parse().ok()?;
    let version: Version = words.next()?.parse().ok()?;
    let hash = wording::parse_hex(words.next()?)?;
    Some((shop, Mark { epoch, position: Position { version, hash } }))
}

/// The last mark of each shop. A line that was cut short by a power cut is not counted.
fn read_marks(path: &Path) -> Result<HashMap<ShopId, Mark>, FolderError> {
    let text = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(FolderError::Io(error)),
    };
    let mut marks: HashMap<ShopId, Mark> = HashMap::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some((shop, mark)) = parse(line) else {
            tracing::warn!(path = %path.display(), "a mark cannot be read and is not counted");
            continue;
        };
        let known = marks.entry(shop).or_default();
        known.epoch = known.epoch.max(mark.epoch);
        if mark.position.version >= known.position.version {
            known.position = mark.position;
        }
    }
    Ok(marks)
}

fn write_marks(folder: &Path, marks: &HashMap<ShopId, Mark>) -> io::Result<File> {
    let text: String = marks.iter().map(|(shop, mark)| line(shop, *mark)).collect();
    replace(folder, "marks", text.as_bytes())
}

/// The only writer of the marks.
struct Keeper {
    folder: PathBuf,
    file: File,
    lines: usize,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    fn run(mut self, lines: &mpsc::Receiver<Line>) {
        let mut unsynced = false;
        loop {
            match lines.recv_timeout(SYNC_EVERY) {
                Ok(first) => {
                    let wrote = self.write(first, lines);
                    self.tell(wrote);
                    unsynced = true;
                }
                Err(RecvTimeoutError::Timeout) if unsynced => {
                    let synced = self.file.sync_data();
                    self.tell(synced);
                    unsynced = false;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes what waits with one call, then answers all of it, whatever came of it: the journal
    /// does not stop for a disk that is full.
    fn write(&mut self, first: Line, lines: &mpsc::Receiver<Line>) -> io::Result<()> {
        let (mut text, mut waiting, mut shops) = (first.text, vec![first.written], first.shops);
        while let Ok(line) = lines.try_recv() {
            text.push_str(&line.text);
            waiting.push(line.written);
            shops = line.shops;
        }
        self.lines += waiting.len();
        let wrote = self.file.write_all(text.as_bytes());
        for written in waiting {
            // Whoever waited may have gone with his runtime.
            let _ = written.send(());
        }
        wrote?;
        if self.lines > shops + STALE_LINES_MAX { self.shorten() } else { Ok(()) }
    }

    fn shorten(&mut self) -> io::Result<()> {
        let marks = read_marks(&self.folder.join("marks"));
        let marks = marks.map_err(|error| io::Error::other(error.to_string()))?;
        self.file = write_marks(&self.folder, &marks)?;
        self.lines = marks.len();
        Ok(())
    }

    fn tell(&self, outcome: io::Result<()>) {
        let mut trouble = self.trouble.lock();
        match outcome {
            Ok(()) => *trouble = None,
            Err(error) => {
                metrics::counter!("hawker_redis_mark_errors_total").increment(1);
                let folder = self.folder.display();
                if trouble.is_none() {
                    tracing::error!(%folder, %error, "marks cannot be written: until they can, a \
                         store that loses its newest batches may go unnoticed by the next start");
                }
                *trouble = Some(format!("marks cannot be written to {folder}: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ChainHash;

    fn mark(epoch: u64, version: Version) -> Mark {
        Mark { epoch, position: Position { version, hash: ChainHash([7; 16]) } }
    }

    #[tokio::test]
    async fn a_node_remembers_its_name_its_installation_and_how_far_shops_were() {
        let folder = tempfile::tempdir().unwrap();
        let shop = ShopId::parse("s1").unwrap();
        let name = {
            let node = Node::open(folder.path()).unwrap();
            node.join("here").unwrap();
            node.note(&shop, mark(1, 5)).await;
            node.note(&shop, mark(2, 6)).await;
            node.note(&shop, mark(1, 4)).await;
            node.name()
        };
        let node = Node::open(folder.path()).unwrap();
        assert_eq!(node.name(), name);
        assert_eq!(node.installation().as_deref(), Some("here"));
        assert_eq!(node.mark(&shop), mark(2, 6));
        assert_eq!(node.trouble(), None);
    }

    #[test]
    fn one_process_at_a_time_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _node = Node::open(folder.path()).unwrap();
        assert!(matches!(Node::open(folder.path()), Err(FolderError::Locked)));
    }

    #[tokio::test]
    async fn a_line_that_was_cut_short_costs_that_line() {
        let folder = tempfile::tempdir().unwrap();
        let shop = ShopId::parse("s1").unwrap();
        let marks = line(&shop, mark(1, 5)) + &line(&shop, mark(1, 6))[..20];
        fs::write(folder.path().join("marks"), marks).unwrap();
        let node = Node::open(folder.path()).unwrap();
        assert_eq!(node.mark(&shop), mark(1, 5));
    }
}
