//! What an operator does with the file: copy it while it is in use, check all of it, print one
//! shop. Reads only; never changes the journal.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ::redb::{
    Builder, Database, Durability, Key, ReadTransaction, ReadableTable, StorageError,
    TableDefinition, Value,
};
use hawker_domain::id::ShopId;

use super::store::Store;
use super::tables::{self, Trouble, missing, stored_id};
use super::{Redb, folder_of, open_unfinished, sync_folder};
use crate::journal::record::{Frame, Problem};
use crate::journal::{Error, Position, Record};

/// One transaction of a copy.
const COPY_ROWS_MAX: usize = 4_096;
const DUMP_RECORDS_MAX: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path} is the journal itself: choose another place for the copy")]
    IsTheJournal { path: PathBuf },
    #[error("{path} exists already: a copy is never written over")]
    Exists { path: PathBuf },
    #[error("{path} cannot be written: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the copy failed: {0}")]
    Storage(String),
}

/// What a check of the whole file has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    pub shops: u64,
    pub records: u64,
    pub bytes: u64,
}

/// The first break that a check of the whole file found.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("record {record} of the file: {error}")]
    Record { record: u64, error: Error },
    #[error("the index has {found} records of shop {shop}, not {expected}")]
    Index { shop: ShopId, found: u64, expected: u64 },
    #[error("the file cannot be read: {0}")]
    Storage(String),
}

/// The records of one shop, oldest first; ends after the first error. Blocks on the disk.
#[derive(Debug)]
pub struct Dump<'a> {
    store: &'a Store,
    shop: ShopId,
    after: Position,
    ready: VecDeque<Record>,
    is_over: bool,
}

impl Redb {
    /// Copies one consistent state of the journal to `to` while it stays in use. The copy appears
    /// under its name only once it is whole and on the disk. What is freed meanwhile cannot be
    /// reused before the copy is done, so the journal's file may grow.
    pub async fn backup(&self, to: PathBuf) -> Result<(), BackupError> {
        let store = self.store.clone();
        let copying = tokio::task::spawn_blocking(move || copy_to(&store, &to));
        copying.await.map_err(|error| BackupError::Storage(error.to_string()))?
    }

    /// Checks every record, every chain and the index against them.
    pub async fn verify_all(&self) -> Result<Audit, AuditError> {
        let store = self.store.clone();
        let checking = tokio::task::spawn_blocking(move || audit(&store));
        checking.await.map_err(|error| AuditError::Storage(error.to_string()))?
    }

    pub fn dump(&self, shop: &ShopId) -> Dump<'_> {
        Dump {
            store: &self.store,
            shop: shop.clone(),
            after: Position::default(),
            ready: VecDeque::new(),
            is_over: false,
        }
    }
}

impl Iterator for Dump<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.is_over {
            match self.store.read(&self.shop, self.after, DUMP_RECORDS_MAX) {
                Ok(records) => self.ready = records.into(),
                Err(trouble) => {
                    self.is_over = true;
                    return Some(Err(self.store.explain(trouble)));
                }
            }
        }
        let record = self.ready.pop_front()?;
        self.after = record.position;
        Some(Ok(record))
    }
}

fn copy_to(store: &Store, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Io { path: to.to_owned(), source };
    if is_same_file(store.path(), to) {
        return Err(BackupError::IsTheJournal { path: to.to_owned() });
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    // By the function that makes a journal: the copy holds the same names and addresses.
    let (unfinished, file) = open_unfinished(to).map_err(failed)?;
    drop(file);
    let copied = copy_all(store, &unfinished);
    if copied.is_err() {
        // The reason of the failure matters more than what is left of it.
        let _ = fs::remove_file(&unfinished);
    }
    copied.map_err(|trouble| BackupError::Storage(trouble.to_string()))?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, to).map_err(failed)?;
    sync_folder(folder_of(to)).map_err(failed)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn copy_all(store: &Store, to: &Path) -> Result<(), Trouble> {
    let view = store.begin_read()?;
    let copy = Builder::new().create(to).map_err(|error| Trouble::Storage(error.into()))?;
    copy_table(&view, &copy, tables::RECORDS)?;
    copy_table(&view, &copy, tables::INDEX)?;
    copy_table(&view, &copy, tables::DOCUMENTS)?;
    copy_table(&view, &copy, tables::DUE)?;
    copy_table(&view, &copy, tables::SNAPSHOTS)?;
    copy_table(&view, &copy, tables::NUMBERS)?;
    copy_table(&view, &copy, tables::TEXTS)?;
    let mut last = copy.begin_write()?;
    last.set_two_phase_commit(true);
    last.commit()?;
    copy.close().map_err(|error| Trouble::Storage(error.into()))
}

fn copy_table<K, V>(
    view: &ReadTransaction,
    copy: &Database,
    definition: TableDefinition<'static, K, V>,
) -> Result<(), Trouble>
where
    K: Key + 'static,
    V: Value + 'static,
{
    let from = view.open_table(definition)?;
    let mut rows = from.iter()?;
    let mut copied = COPY_ROWS_MAX;
    while copied == COPY_ROWS_MAX {
        copied = 0;
        let mut transaction = copy.begin_write()?;
        transaction
            .set_durability(Durability::None)
            .map_err(|error| StorageError::Corrupted(error.to_string()))?;
        {
            let mut table = transaction.open_table(definition)?;
            for row in rows.by_ref().take(COPY_ROWS_MAX) {
                let (key, value) = row?;
                table.insert(key.value(), value.value())?;
                copied += 1;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Where each shop ends, and how many records of it the index should have.
type Ends = HashMap<ShopId, (Position, u64)>;

fn audit(store: &Store) -> Result<Audit, AuditError> {
    let view = store.begin_read().map_err(storage)?;
    let (audit, ends) = check_records(&view)?;
    check_index(&view, &ends)?;
    Ok(audit)
}

/// Every record in the order of arrival: checksum, chain and entries.
fn check_records(view: &ReadTransaction) -> Result<(Audit, Ends), AuditError> {
    let records = view.open_table(tables::RECORDS).map_err(storage)?;
    let numbers = view.open_table(tables::NUMBERS).map_err(storage)?;
    let indexed = numbers.get(tables::INDEXED).map_err(storage)?.map_or(0, |number| number.value());
    let (mut audit, mut ends) = (Audit::default(), Ends::new());
    for row in records.iter().map_err(storage)? {
        let (key, bytes) = row.map_err(storage)?;
        let (key, bytes) = (key.value(), bytes.value());
        let broken = |version| {
            move |problem: Problem| AuditError::Record { record: key, error: problem.at(version) }
        };
        let frame = Frame::parse(bytes).map_err(broken(0))?;
        let (end, indexed_count) = ends.entry(frame.shop.clone()).or_default();
        let version = end.version + 1;
        frame.follows(&frame.shop, *end).map_err(broken(version))?;
        frame.decode().map_err(broken(version))?;
        *end = frame.position;
        *indexed_count += u64::from(key < indexed);
        audit.records += 1;
        audit.bytes += bytes.len() as u64;
    }
    audit.shops = ends.len() as u64;
    Ok((audit, ends))
}

/// Every entry of the index leads to the record it names, and none is absent that has to be there.
fn check_index(view: &ReadTransaction, ends: &Ends) -> Result<(), AuditError> {
    let records = view.open_table(tables::RECORDS).map_err(storage)?;
    let index = view.open_table(tables::INDEX).map_err(storage)?;
    let mut found: HashMap<ShopId, u64> = HashMap::new();
    for row in index.iter().map_err(storage)? {
        let (block, keys) = row.map_err(storage)?;
        let (shop, first) = block.value();
        let shop = stored_id(shop).map_err(storage)?;
        let count = found.entry(shop.clone()).or_default();
        if first != *count + 1 {
            return Err(AuditError::Index { shop, found: *count, expected: first - 1 });
        }
        for (version, key) in (first..).zip(tables::block_keys(keys.value())) {
            let bytes = records.get(key).map_err(storage)?;
            let made = match &bytes {
                None => return Err(AuditError::Record { record: key, error: missing(version) }),
                Some(bytes) => Frame::parse(bytes.value()),
            };
            made.and_then(|frame| frame.made(&shop, version)).map_err(|problem| {
                AuditError::Record { record: key, error: problem.at(version) }
            })?;
        }
        *count += tables::block_keys(keys.value()).len() as u64;
    }
    for (shop, (_, expected)) in ends {
        let (found, expected) = (found.get(shop).copied().unwrap_or_default(), *expected);
        if found < expected {
            return Err(AuditError::Index { shop: shop.clone(), found, expected });
        }
    }
    Ok(())
}

fn storage(error: impl fmt::Display) -> AuditError {
    AuditError::Storage(error.to_string())
}
