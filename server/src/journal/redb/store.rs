//! What memory keeps of the file, and every read. Owns the tails and the due index; never writes
//! but once, at the start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    WriteTransaction,
};
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tokio::sync::watch;
use uuid::Uuid;

use super::tables::{
    ACQUIRES_MAX, DOCUMENTS, DUE, INDEX, INDEXED, NUMBERS, RECORDS, SNAPSHOTS, TEXTS, Tables, Tail,
    Trouble, damaged_record, document_key, missing, parse_snapshot, stored_id,
};
use super::{Commit, OpenError};
use crate::journal::record::{self, Frame};
use crate::journal::{Document, Error, Position, Record, Version, check_on_history, judge};

const FORMAT: &str = "format";
const FORMAT_KNOWN: u64 = 1;
const STARTS: &str = "starts";
const INSTALLATION: &str = "installation";

/// One answer to a read stays well below what a client of the journal has to hold at once.
const READ_BYTES_MAX: usize = 8 << 20;

/// What the committer has to go on from.
#[derive(Debug)]
pub(super) struct LogTail {
    pub(super) next_record: u64,
    pub(super) indexed: u64,
    pub(super) due_unsaved: HashSet<ShopId>,
    pub(super) epoch_base: u64,
}

/// Which shops are due when.
#[derive(Debug, Default)]
pub(super) struct DueIndex {
    by_shop: HashMap<ShopId, Millis>,
    ordered: BTreeSet<(Millis, ShopId)>,
}

pub(super) struct Store {
    pub(super) database: Database,
    path: PathBuf,
    commit: Commit,
    installation: String,
    tails: Mutex<HashMap<ShopId, Tail>>,
    due: Mutex<DueIndex>,
    /// Shops with an append of which nobody knows whether the disk has it.
    unsettled: Mutex<HashSet<ShopId>>,
    failure: watch::Sender<Option<String>>,
}

impl Store {
    pub(super) fn open(
        database: Database,
        path: PathBuf,
        commit: Commit,
    ) -> Result<(Self, LogTail), OpenError> {
        let damaged = |path: &Path, trouble: Trouble| {
            let problem = match trouble {
                Trouble::Journal(Error::Corrupt { version: 0, problem }) => problem,
                other => other.to_string(),
            };
            OpenError::Damaged { path: path.to_owned(), problem }
        };
        let start = Start::write(&database, commit).map_err(|error| damaged(&path, error))?;
        if start.format != FORMAT_KNOWN {
            let (found, known) = (start.format, FORMAT_KNOWN);
            return Err(OpenError::OtherFormat { path, found, known });
        }
        let store = Self {
            database,
            path,
            commit,
            installation: start.installation,
            tails: Mutex::default(),
            due: Mutex::default(),
            unsettled: Mutex::default(),
            failure: watch::Sender::new(None),
        };
        let mut tail = store.recover().map_err(|error| damaged(&store.path, error))?;
        tail.epoch_base = start.starts * (ACQUIRES_MAX + 1);
        Ok((store, tail))
    }

    /// Reads the due index and the records that are not in the index yet.
    fn recover(&self) -> Result<LogTail, Trouble> {
        let tables = Tables::open(self.begin_read()?)?;
        let indexed = tables.number(INDEXED)?;
        for row in tables.due.iter()? {
            let (shop, due) = row?;
            self.lock_due().set(&stored_id(shop.value())?, Some(Millis(due.value())));
        }
        let mut next_record = indexed;
        let mut due_unsaved = HashSet::new();
        let mut tails = HashMap::new();
        for row in tables.records.range(indexed..)? {
            let (key, bytes) = row?;
            next_record = key.value() + 1;
            let frame = match Frame::parse(bytes.value()) {
                Ok(frame) => frame,
                // Whoever reads that shop will hear of it; the others are none the worse.
                Err(_) if tables.is_indexed(key.value())? => continue,
                // It may be the last of its shop, which would then go on without it: an
                // acknowledged batch would be gone in silence.
                Err(problem) => return Err(damaged_record(key.value(), &problem).into()),
            };
            let tail = match tails.entry(frame.shop.clone()) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(tables.indexed_tail(&frame.shop)?)
                }
            };
            // A full block may have been indexed before all shops were.
            if frame.position.version > tail.end.version {
                let follows = frame.follows(&frame.shop, tail.end);
                follows.map_err(|problem| problem.at(tail.end.version + 1))?;
                tail.end = frame.position;
                tail.unindexed.push(key.value());
            }
            self.lock_due().set(&frame.shop, frame.next_due);
            due_unsaved.insert(frame.shop);
        }
        *self.lock_tails() = tails;
        Ok(LogTail { next_record, indexed, due_unsaved, epoch_base: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn installation(&self) -> &str {
        &self.installation
    }

    pub(super) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// The first reason stays: what follows is its consequence.
    pub(super) fn fail(&self, reason: &str) {
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert_with(|| reason.to_owned());
            is_first
        });
    }

    pub(super) fn check_alive(&self) -> Result<(), Error> {
        match &*self.failure.borrow() {
            None => Ok(()),
            Some(reason) => Err(Error::Unavailable(reason.clone())),
        }
    }

    /// After a failure: what was asked before stays unknown, what is new was not attempted.
    pub(super) fn check_writable(&self, shop: &ShopId) -> Result<(), Error> {
        match self.check_alive() {
            Err(Error::Unavailable(reason)) if self.lock_unsettled().contains(shop) => {
                Err(Error::Unknown(reason))
            }
            other => other,
        }
    }

    pub(super) fn lock_tails(&self) -> MutexGuard<'_, HashMap<ShopId, Tail>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_due(&self) -> MutexGuard<'_, DueIndex> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_unsettled(&self) -> MutexGuard<'_, HashSet<ShopId>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Trouble> {
        Ok(self.database.begin_read()?)
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, Trouble> {
        begin_write(&self.database, self.commit)
    }

    /// Turns trouble into an answer; a disk that failed once is not trusted again.
    pub(super) fn explain(&self, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Journal(error) => error,
            Trouble::Storage(::redb::Error::Corrupted(problem)) => {
                Error::Corrupt { version: 0, problem }
            }
            Trouble::Storage(error) => {
                let reason = format!("{}: {error}", self.path.display());
                self.fail(&reason);
                Error::Unavailable(reason)
            }
        }
    }

    pub(super) fn judge(&self, shop: &ShopId, epoch: u64, expected: Position) -> Result<(), Error> {
        let tails = self.lock_tails();
        let (newest, end) = tails.get(shop).map(|tail| (tail.epoch, tail.end)).unwrap_or_default();
        judge(newest, end, epoch, expected)
    }

    /// The tail as of now. A shop that is not in memory is looked up, and not remembered: anybody
    /// may ask for any id.
    pub(super) fn tail(&self, shop: &ShopId) -> Result<Tail, Trouble> {
        if let Some(tail) = self.lock_tails().get(shop) {
            return Ok(tail.clone());
        }
        Tables::open(self.begin_read()?)?.indexed_tail(shop)
    }

    /// Puts the tail into memory, where the committer needs it.
    pub(super) fn keep_tail(&self, shop: &ShopId) -> Result<(), Trouble> {
        let tail = self.tail(shop)?;
        self.lock_tails().entry(shop.clone()).or_insert(tail);
        Ok(())
    }

    pub(super) fn read(
        &self,
        shop: &ShopId,
        after: Position,
        records_max: usize,
    ) -> Result<Vec<Record>, Trouble> {
        // First the tail, then the transaction: it then holds all that the tail knows.
        let tail = self.tail(shop)?;
        let tables = Tables::open(self.begin_read()?)?;
        check_on_history(tail.end, tables.position_at(shop, &tail, after.version)?, after)?;
        let keys = tables.keys(shop, &tail, after.version + 1, records_max)?;
        let (mut records, mut bytes_read, mut previous) = (Vec::new(), 0, after);
        for key in keys {
            if bytes_read > READ_BYTES_MAX {
                break;
            }
            let version = previous.version + 1;
            let stored = tables.records.get(key)?.ok_or_else(|| missing(version))?;
            let record = record::decode_after(stored.value(), shop, previous)
                .map_err(|problem| problem.at(version))?;
            bytes_read += stored.value().len();
            previous = record.position;
            records.push(record);
        }
        Ok(records)
    }

    pub(super) fn record(
        &self,
        shop: &ShopId,
        version: Version,
    ) -> Result<Option<Record>, Trouble> {
        let tail = self.tail(shop)?;
        let tables = Tables::open(self.begin_read()?)?;
        let decode = |frame: Frame<'_>| frame.decode();
        tables.with_frame(shop, &tail, version, decode)
    }

    /// Whether the shop ever stood at `position`.
    pub(super) fn check_position(&self, shop: &ShopId, position: Position) -> Result<(), Trouble> {
        let tail = self.tail(shop)?;
        let tables = Tables::open(self.begin_read()?)?;
        let stored = tables.position_at(shop, &tail, position.version)?;
        Ok(check_on_history(tail.end, stored, position)?)
    }

    pub(super) fn document(&self, shop: &ShopId, key: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let table = self.begin_read()?.open_table(DOCUMENTS)?;
        let found = table.get(document_key(shop, key).as_str())?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    pub(super) fn documents(
        &self,
        shop: &ShopId,
        prefix: &str,
        after: Option<&str>,
        documents_max: usize,
    ) -> Result<Vec<Document>, Trouble> {
        let table = self.begin_read()?.open_table(DOCUMENTS)?;
        let start = document_key(shop, prefix);
        let after = after.map(|after| document_key(shop, after)).filter(|after| *after >= start);
        let from = match &after {
            Some(after) => Bound::Excluded(after.as_str()),
            None => Bound::Included(start.as_str()),
        };
        let key_at = shop.as_str().len() + 1;
        let mut documents = Vec::new();
        for row in table.range::<&str>((from, Bound::Unbounded))? {
            let (key, value) = row?;
            if documents.len() == documents_max || !key.value().starts_with(&start) {
                break;
            }
            let key = key.value()[key_at..].to_owned();
            documents.push(Document { key, value: value.value().to_vec() });
        }
        Ok(documents)
    }

    pub(super) fn due(&self, now: Millis, shops_max: usize) -> Vec<ShopId> {
        let due = self.lock_due();
        let past = due.ordered.iter().take_while(|(at, _)| *at <= now);
        past.take(shops_max).map(|(_, shop)| shop.clone()).collect()
    }

    pub(super) fn shops(
        &self,
        after: Option<&ShopId>,
        shops_max: usize,
    ) -> Result<Vec<ShopId>, Trouble> {
        let is_next = |shop: &ShopId| after.is_none_or(|after| shop > after);
        let mut shops: BTreeSet<ShopId> = {
            let tails = self.lock_tails();
            let unindexed = tails.iter().filter(|(_, tail)| !tail.unindexed.is_empty());
            unindexed.map(|(shop, _)| shop).filter(|shop| is_next(shop)).cloned().collect()
        };
        let tables = Tables::open(self.begin_read()?)?;
        let mut last = after.cloned();
        for _ in 0..shops_max {
            let Some(shop) = tables.indexed_shop_after(last.as_ref())? else { break };
            shops.insert(shop.clone());
            last = Some(shop);
        }
        Ok(shops.into_iter().take(shops_max).collect())
    }

    pub(super) fn snapshot(&self, shop: &ShopId) -> Result<Option<(Position, Vec<u8>)>, Trouble> {
        let table = self.begin_read()?.open_table(SNAPSHOTS)?;
        let Some(value) = table.get(shop.as_str())? else { return Ok(None) };
        let Some((position, bytes)) = parse_snapshot(value.value()) else { return Ok(None) };
        match self.check_position(shop, position) {
            Ok(()) => Ok(Some((position, bytes.to_vec()))),
            // A cache of another history is no cache.
            Err(Trouble::Journal(Error::Conflict { .. } | Error::Backward { .. })) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

/// What a start finds and writes.
struct Start {
    format: u64,
    starts: u64,
    installation: String,
}

impl Start {
    fn write(database: &Database, commit: Commit) -> Result<Self, Trouble> {
        let transaction = begin_write(database, commit)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(INDEX)?;
        transaction.open_table(DOCUMENTS)?;
        transaction.open_table(DUE)?;
        transaction.open_table(SNAPSHOTS)?;
        let start = {
            let mut numbers = transaction.open_table(NUMBERS)?;
            let mut texts = transaction.open_table(TEXTS)?;
            let format = numbers.get(FORMAT)?.map_or(FORMAT_KNOWN, |format| format.value());
            let starts = numbers.get(STARTS)?.map_or(0, |starts| starts.value()) + 1;
            let known = texts.get(INSTALLATION)?.map(|id| id.value().to_owned());
            let installation = known.unwrap_or_else(|| Uuid::now_v7().to_string());
            numbers.insert(FORMAT, format)?;
            numbers.insert(STARTS, starts)?;
            texts.insert(INSTALLATION, installation.as_str())?;
            Self { format, starts, installation }
        };
        if start.format == FORMAT_KNOWN {
            transaction.commit()?;
        }
        Ok(start)
    }
}

impl DueIndex {
    pub(super) fn set(&mut self, shop: &ShopId, due: Option<Millis>) {
        let before = match due {
            Some(due) => self.by_shop.insert(shop.clone(), due),
            None => self.by_shop.remove(shop),
        };
        if let Some(before) = before {
            self.ordered.remove(&(before, shop.clone()));
        }
        if let Some(due) = due {
            self.ordered.insert((due, shop.clone()));
        }
    }

    pub(super) fn get(&self, shop: &ShopId) -> Option<Millis> {
        self.by_shop.get(shop).copied()
    }
}

fn begin_write(database: &Database, commit: Commit) -> Result<WriteTransaction, Trouble> {
    let mut transaction = database.begin_write()?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|error| StorageError::Corrupted(error.to_string()))?;
    transaction.set_two_phase_commit(commit != Commit::OnePhase);
    transaction.set_quick_repair(commit == Commit::QuickRepair);
    Ok(transaction)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}
