//! Records that left Redis, in files of a folder that all servers share: a folder for each shop, a
//! file for each stretch of its history, written once and whole. Owns the files; never decides what
//! may leave Redis, and leaves the chain to whoever reads.
//!
//! A file is named by the first and the last version in it and holds the records as Redis had
//! them, each after its length (4 bytes, big-endian). Two servers may have written the same stretch
//! twice: a record is the same wherever it stands.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hawker_domain::id::ShopId;
use parking_lot::Mutex;

use super::reads::{READ_BYTES_MAX, Stored};
use crate::journal::record::Frame;
use crate::journal::{Error, Position, Version};

const ENDING: &str = ".records";
const UNFINISHED: &str = ".unfinished";
const LENGTH_BYTES: usize = 4;

#[derive(Debug)]
pub(super) struct Archive {
    folder: PathBuf,
    /// One file at a time: two tasks of one shop would write the same one.
    writing: Mutex<()>,
    /// The file read last. Whoever reads on, or record by record, finds it here.
    recent: Mutex<Option<Arc<Stretch>>>,
}

/// A file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    last: Version,
    first: Version,
}

/// A file in memory.
#[derive(Debug)]
struct Stretch {
    shop: ShopId,
    span: Span,
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
}

impl Archive {
    /// The folder must be there: one that is made where another should be mounted would hide it.
    pub(super) fn open(folder: &Path) -> Result<Arc<Self>, String> {
        if !folder.is_dir() {
            return Err("it is no folder: make it, or mount it".to_owned());
        }
        let (writing, recent) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { folder: folder.to_owned(), writing, recent }))
    }

    /// The archived records from `first` on: at least one, and as many as one answer takes.
    pub(super) async fn entries(
        self: &Arc<Self>,
        shop: &ShopId,
        first: Version,
        entries_max: usize,
    ) -> Result<Vec<Stored>, Error> {
        let (archive, shop) = (self.clone(), shop.clone());
        off_the_runtime(move || archive.read(&shop, first, entries_max)).await
    }

    /// How far the archive of a shop reaches.
    pub(super) async fn end(self: &Arc<Self>, shop: &ShopId) -> Result<Version, Error> {
        let (archive, shop) = (self.clone(), shop.clone());
        off_the_runtime(move || {
            let spans = archive.spans(&shop)?.unwrap_or_default();
            Ok(spans.into_iter().max().map_or(0, |span| span.last))
        })
        .await
    }

    /// What the archive has at `version`, with its checksum verified.
    pub(super) async fn position_at(
        self: &Arc<Self>,
        shop: &ShopId,
        version: Version,
    ) -> Result<Position, Error> {
        if version == 0 {
            return Ok(Position::default());
        }
        let entries = self.entries(shop, version, 1).await?;
        let (_, bytes) = entries.first().ok_or_else(|| missing(version))?;
        let frame = Frame::parse(bytes).map_err(|problem| problem.at(version))?;
        frame.made(shop, version).map_err(|problem| problem.at(version))?;
        Ok(frame.position)
    }

    /// Keeps records that follow one another from `first` on, and returns once they outlive the
    /// power. What the same writer began before and did not finish goes.
    pub(super) async fn write(
        self: &Arc<Self>,
        shop: &ShopId,
        epoch: u64,
        first: Version,
        records: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let (archive, shop) = (self.clone(), shop.clone());
        off_the_runtime(move || {
            let _alone = archive.writing.lock();
            archive.publish(&shop, epoch, first, &records).map_err(|error| archive.failed(&error))
        })
        .await
    }

    fn publish(
        &self,
        shop: &ShopId,
        epoch: u64,
        first: Version,
        records: &[Vec<u8>],
    ) -> io::Result<()> {
        let folder = self.folder.join(shop.as_str());
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(&self.folder)?.sync_all()?,
        }
        remove_unfinished(&folder, epoch)?;
        let name = Span { first, last: first + records.len() as u64 - 1 }.name();
        let aside = folder.join(format!("{name}.{epoch}{UNFINISHED}"));
        let mut file = File::create(&aside)?;
        for record in records {
            let length = u32::try_from(record.len()).map_err(io::Error::other)?;
            file.write_all(&length.to_be_bytes())?;
            file.write_all(record)?;
        }
        file.sync_all()?;
        fs::rename(&aside, folder.join(name))?;
        File::open(&folder)?.sync_all()
    }

    fn read(
        &self,
        shop: &ShopId,
        first: Version,
        entries_max: usize,
    ) -> Result<Vec<Stored>, Error> {
        let (mut entries, mut bytes_read): (Vec<Stored>, usize) = (Vec::new(), 0);
        let mut version = first;
        while entries.len() < entries_max {
            let Some(stretch) = self.stretch(shop, version)? else {
                return if entries.is_empty() { Err(missing(version)) } else { Ok(entries) };
            };
            for record in stretch.from(version).take(entries_max - entries.len()) {
                bytes_read += record.len();
                entries.push((version, record.to_vec()));
                version += 1;
                // Two at least: the first may be what the reader has already.
                if bytes_read > READ_BYTES_MAX && entries.len() > 1 {
                    return Ok(entries);
                }
            }
        }
        Ok(entries)
    }

    /// The file with `version`, unless the archive ends before it.
    fn stretch(&self, shop: &ShopId, version: Version) -> Result<Option<Arc<Stretch>>, Error> {
        let recent = self.recent.lock().clone();
        if let Some(stretch) = recent.filter(|it| it.shop == *shop && it.span.has(version)) {
            return Ok(Some(stretch));
        }
        let Some(spans) = self.spans(shop)? else { return Err(self.absent(shop)) };
        let Some(span) = spans.iter().filter(|span| span.has(version)).max() else {
            let goes_on = spans.iter().any(|span| span.first > version);
            return if goes_on { Err(missing(version)) } else { Ok(None) };
        };
        let path = self.folder.join(shop.as_str()).join(span.name());
        let bytes = fs::read(&path).map_err(|error| self.failed(&error))?;
        let stretch = Arc::new(Stretch::parse(shop, *span, bytes, &path)?);
        *self.recent.lock() = Some(stretch.clone());
        Ok(Some(stretch))
    }

    /// The files of a shop, unless it has no folder here.
    fn spans(&self, shop: &ShopId) -> Result<Option<Vec<Span>>, Error> {
        let folder = match fs::read_dir(self.folder.join(shop.as_str())) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let names = folder.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<io::Result<Vec<_>>>().map_err(|error| self.failed(&error))?;
        Ok(Some(names.iter().filter_map(|name| Span::parse(name.to_str()?)).collect()))
    }

    /// A folder that is not mounted looks like this, so it is not yet damage.
    fn absent(&self, shop: &ShopId) -> Error {
        let folder = self.folder.join(shop.as_str());
        Error::Unavailable(format!(
            "the shop's older records are in the archive, and {} is not there: is it mounted?",
            folder.display()
        ))
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::Unavailable(format!("the archive {}: {error}", self.folder.display()))
    }
}

impl Span {
    fn has(self, version: Version) -> bool {
        (self.first..=self.last).contains(&version)
    }

    fn name(self) -> String {
        format!("{:020}-{:020}{ENDING}", self.first, self.last)
    }

    fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(ENDING)?.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (1..=last).contains(&first).then_some(Self { first, last })
    }
}

impl Stretch {
    fn parse(shop: &ShopId, span: Span, bytes: Vec<u8>, path: &Path) -> Result<Self, Error> {
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some(length) = bytes[at..].first_chunk::<LENGTH_BYTES>() {
            let start = at + LENGTH_BYTES;
            at = start + u32::from_be_bytes(*length) as usize;
            if at > bytes.len() {
                break;
            }
            records.push(start..at);
        }
        let announced = span.last - span.first + 1;
        if at != bytes.len() || records.len() as u64 != announced {
            let version = (span.first + records.len() as u64).min(span.last);
            let (found, path) = (records.len(), path.display());
            let problem = format!("{path} has {found} whole records and announces {announced}");
            return Err(Error::Corrupt { version, problem });
        }
        Ok(Self { shop: shop.clone(), span, bytes, records })
    }

    /// The records from `version` on, which is in this file.
    fn from(&self, version: Version) -> impl Iterator<Item = &[u8]> {
        let index = usize::try_from(version - self.span.first).unwrap_or(usize::MAX);
        let records = self.records.get(index..).unwrap_or_default();
        records.iter().map(|range| &self.bytes[range.clone()])
    }
}

/// What earlier writers of the shop left when they ended: no reader looks at it.
fn remove_unfinished(folder: &Path, epoch: u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let by = name.strip_suffix(UNFINISHED).and_then(|name| name.rsplit_once('.'));
        if by.and_then(|(_, by)| by.parse::<u64>().ok()).is_some_and(|by| by < epoch) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn missing(version: Version) -> Error {
    let problem = "the record is neither in the stream nor in the archive".to_owned();
    Error::Corrupt { version, problem }
}

/// Files block, also those of another machine.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::Unavailable(error.to_string())),
    }
}
