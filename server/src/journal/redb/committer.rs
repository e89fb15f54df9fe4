//! The only writer of the file: joins what waits, of all shops, into one durable commit. Owns the
//! order of writes; never encodes, hashes or decodes a batch, and never answers "written" before
//! the commit returned.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::store::{LogTail, Store};
use super::tables::{self, Tables, Tail, Trouble};
use crate::journal::record::Encoded;
use crate::journal::{Batch, DocumentWrite, Error, Position, Version, judge};

/// A commit of this size still takes a few milliseconds; more would only make the first of them
/// wait for the last.
const GROUP_JOBS_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 8 << 20;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

#[derive(Debug)]
pub(super) enum Job {
    Acquire(Acquire),
    Append(Append),
    SaveSnapshot(SaveSnapshot),
}

#[derive(Debug)]
pub(super) struct Acquire {
    pub(super) shop: ShopId,
    pub(super) reply: Reply<u64>,
}

#[derive(Debug)]
pub(super) struct Append {
    pub(super) shop: ShopId,
    pub(super) epoch: u64,
    pub(super) expected: Position,
    pub(super) encoded: Encoded,
    pub(super) batch: Arc<Batch>,
    pub(super) reply: Reply<Position>,
}

#[derive(Debug)]
pub(super) struct SaveSnapshot {
    pub(super) shop: ShopId,
    pub(super) epoch: u64,
    pub(super) version: Version,
    pub(super) value: Vec<u8>,
    pub(super) reply: Reply<()>,
}

pub(super) struct Committer {
    store: Arc<Store>,
    queue: mpsc::Receiver<Job>,
    log: LogTail,
    acquires: u64,
}

/// What becomes one commit.
#[derive(Default)]
struct Group {
    tails: HashMap<ShopId, Tail>,
    acquired: Vec<(Reply<u64>, u64)>,
    /// Appends that had landed before; their answer waits as well, in case "before" is this group.
    landed: Vec<(ShopId, Reply<Position>, Position)>,
    appends: Vec<(u64, Append)>,
    snapshots: Vec<SaveSnapshot>,
    next_record: u64,
}

impl Group {
    fn count(&self, started: Instant) {
        let bytes = |(_, append): &(u64, Append)| append.encoded.bytes.len() as u64;
        metrics::histogram!("hawker_journal_commit_seconds").record(started.elapsed());
        metrics::histogram!("hawker_journal_commit_batches").record(self.appends.len() as f64);
        metrics::counter!("hawker_journal_bytes_total")
            .increment(self.appends.iter().map(bytes).sum());
    }
}

/// How far a group came before it failed.
enum Failure {
    /// Before the commit: the disk has nothing of it.
    Refused(Trouble),
    /// During the commit: the disk has all of it or nothing.
    Unknown(Trouble),
}

impl Committer {
    pub(super) fn new(store: Arc<Store>, queue: mpsc::Receiver<Job>, log: LogTail) -> Self {
        Self { store, queue, log, acquires: 0 }
    }

    pub(super) fn run(mut self) {
        let _watchdog = Watchdog(self.store.clone());
        while let Some(jobs) = self.gather() {
            self.settle(jobs);
        }
    }

    /// Waits for a job and takes those that wait with it: while one group is on its way to the
    /// disk the next one collects by itself.
    fn gather(&mut self) -> Option<Vec<Job>> {
        let first = self.queue.blocking_recv()?;
        let mut bytes = first.bytes();
        let mut jobs = vec![first];
        while jobs.len() < GROUP_JOBS_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(job) = self.queue.try_recv() else { break };
            bytes += job.bytes();
            jobs.push(job);
        }
        Some(jobs)
    }

    fn settle(&mut self, jobs: Vec<Job>) {
        let mut group = Group { next_record: self.log.next_record, ..Group::default() };
        for job in jobs {
            match self.store.check_alive() {
                Ok(()) => self.admit(job, &mut group),
                Err(error) => self.refuse(job, &error),
            }
        }
        if group.appends.is_empty() && group.snapshots.is_empty() {
            return self.publish(group, None);
        }
        let started = Instant::now();
        match self.write(&mut group) {
            Ok(indexed) => {
                group.count(started);
                self.publish(group, indexed);
            }
            Err(failure) => self.give_up(group, failure),
        }
    }

    /// Judges one job as if those before it had been written already.
    fn admit(&mut self, job: Job, group: &mut Group) {
        match job {
            Job::Acquire(Acquire { shop, reply }) => {
                if self.acquires == tables::ACQUIRES_MAX {
                    let reason = "this start has used up its epochs: restart the server";
                    return answer(reply, Err(Error::Unavailable(reason.to_owned())));
                }
                self.acquires += 1;
                let epoch = self.log.epoch_base + self.acquires;
                self.tail(&shop, group).epoch = epoch;
                group.acquired.push((reply, epoch));
            }
            job if !self.store.lock_tails().contains_key(job.shop()) => {
                // Every acquire here leaves a tail, so this lease comes from another journal.
                self.refuse(job, &Error::LeaseLost { epoch: 0 });
            }
            Job::Append(append) => match self.judge(&append, group) {
                Ok(true) => {
                    let position = append.encoded.position;
                    group.landed.push((append.shop, append.reply, position));
                }
                Ok(false) => {
                    let key = group.next_record;
                    group.next_record += 1;
                    let tail = self.tail(&append.shop, group);
                    tail.end = append.encoded.position;
                    tail.unindexed.push(key);
                    group.appends.push((key, append));
                }
                Err(error) => answer(append.reply, Err(error)),
            },
            Job::SaveSnapshot(save) => {
                let newest = self.tail(&save.shop, group).epoch;
                if newest != save.epoch {
                    return answer(save.reply, Err(Error::LeaseLost { epoch: newest }));
                }
                group.snapshots.push(save);
            }
        }
    }

    /// Whether this very batch has landed already; otherwise whether it may be written.
    fn judge(&self, append: &Append, group: &mut Group) -> Result<bool, Error> {
        let tail = self.tail(&append.shop, group).clone();
        let made = append.encoded.position;
        if tail.end == made {
            return Ok(true);
        }
        if made.version < tail.end.version && self.position_at(append, &tail)? == Some(made) {
            return Ok(true);
        }
        judge(tail.epoch, tail.end, append.epoch, append.expected)?;
        Ok(false)
    }

    fn position_at(&self, append: &Append, tail: &Tail) -> Result<Option<Position>, Error> {
        let version = append.encoded.position.version;
        let look_up = || {
            let tables = Tables::open(self.store.begin_read()?)?;
            tables.position_at(&append.shop, tail, version)
        };
        look_up().map_err(|trouble| self.store.explain(trouble))
    }

    /// The shop's tail as this group leaves it.
    fn tail<'g>(&self, shop: &ShopId, group: &'g mut Group) -> &'g mut Tail {
        group
            .tails
            .entry(shop.clone())
            .or_insert_with(|| self.store.lock_tails().get(shop).cloned().unwrap_or_default())
    }

    /// Writes the group. Answers up to where all records are in the index, if that moved.
    fn write(&mut self, group: &mut Group) -> Result<Option<u64>, Failure> {
        let transaction = self.store.begin_write().map_err(Failure::Refused)?;
        let staged = self.stage(&transaction, group).map_err(Failure::Refused)?;
        transaction.commit().map_err(|error| Failure::Unknown(error.into()))?;
        Ok(staged)
    }

    fn stage(
        &mut self,
        transaction: &::redb::WriteTransaction,
        group: &mut Group,
    ) -> Result<Option<u64>, Trouble> {
        {
            let mut records = transaction.open_table(tables::RECORDS)?;
            for (key, append) in &group.appends {
                records.insert(key, append.encoded.bytes.as_slice())?;
            }
        }
        write_documents(transaction, group)?;
        write_snapshots(transaction, group)?;
        if group.next_record - self.log.indexed < tables::UNINDEXED_MAX {
            index_full_blocks(transaction, group)?;
            return Ok(None);
        }
        self.index_everything(transaction, group)?;
        Ok(Some(group.next_record))
    }

    fn index_everything(
        &self,
        transaction: &::redb::WriteTransaction,
        group: &mut Group,
    ) -> Result<(), Trouble> {
        for (shop, tail) in self.store.lock_tails().iter() {
            if !tail.unindexed.is_empty() && !group.tails.contains_key(shop) {
                group.tails.insert(shop.clone(), tail.clone());
            }
        }
        let mut index = transaction.open_table(tables::INDEX)?;
        for (shop, tail) in &mut group.tails {
            write_block(&mut index, shop, tail)?;
        }
        transaction.open_table(tables::NUMBERS)?.insert(tables::INDEXED, group.next_record)?;
        let mut due_times: HashMap<&ShopId, Option<Millis>> = {
            let due = self.store.lock_due();
            self.log.due_unsaved.iter().map(|shop| (shop, due.get(shop))).collect()
        };
        due_times
            .extend(group.appends.iter().map(|(_, append)| (&append.shop, append.batch.next_due)));
        let mut table = transaction.open_table(tables::DUE)?;
        for (shop, due) in due_times {
            match due {
                Some(due) => table.insert(shop.as_str(), due.0)?,
                None => table.remove(shop.as_str())?,
            };
        }
        Ok(())
    }

    /// Shows what is durable now to the readers, then to those who asked for it.
    fn publish(&mut self, group: Group, indexed: Option<u64>) {
        self.store.lock_tails().extend(group.tails);
        self.log.next_record = group.next_record;
        let mut due = self.store.lock_due();
        for (_, append) in &group.appends {
            due.set(&append.shop, append.batch.next_due);
        }
        drop(due);
        match indexed {
            Some(indexed) => {
                self.log.indexed = indexed;
                self.log.due_unsaved = HashSet::new();
            }
            None => {
                let shops = group.appends.iter().map(|(_, append)| append.shop.clone());
                self.log.due_unsaved.extend(shops);
            }
        }
        for (reply, epoch) in group.acquired {
            answer(reply, Ok(epoch));
        }
        for (_, reply, position) in group.landed {
            answer(reply, Ok(position));
        }
        for (_, append) in group.appends {
            answer(append.reply, Ok(append.encoded.position));
        }
        for save in group.snapshots {
            answer(save.reply, Ok(()));
        }
    }

    /// A second try would prove nothing: the kernel may have dropped what it could not write and
    /// answer the next sync with success. So this was the last commit of this process.
    fn give_up(&mut self, group: Group, failure: Failure) {
        let (trouble, error): (_, fn(String) -> Error) = match failure {
            Failure::Refused(trouble) => (trouble, Error::Unavailable),
            Failure::Unknown(trouble) => (trouble, Error::Unknown),
        };
        let reason = format!("{}: {trouble}", self.store.path().display());
        {
            let mut unsettled = self.store.lock_unsettled();
            unsettled.extend(group.landed.iter().map(|(shop, ..)| shop.clone()));
            if matches!(error(String::new()), Error::Unknown(_)) {
                unsettled.extend(group.appends.iter().map(|(_, append)| append.shop.clone()));
            }
        }
        self.store.fail(&reason);
        for (reply, _) in group.acquired {
            answer(reply, Err(Error::Unavailable(reason.clone())));
        }
        for (_, reply, _) in group.landed {
            answer(reply, Err(Error::Unknown(reason.clone())));
        }
        for (_, append) in group.appends {
            answer(append.reply, Err(error(reason.clone())));
        }
        for save in group.snapshots {
            answer(save.reply, Err(error(reason.clone())));
        }
    }

    fn refuse(&self, job: Job, error: &Error) {
        match job {
            Job::Acquire(Acquire { reply, .. }) => answer(reply, Err(error.clone())),
            Job::Append(append) => {
                let verdict = self.store.check_writable(&append.shop);
                answer(append.reply, Err(verdict.err().unwrap_or_else(|| error.clone())));
            }
            Job::SaveSnapshot(save) => answer(save.reply, Err(error.clone())),
        }
    }
}

impl Job {
    fn shop(&self) -> &ShopId {
        match self {
            Self::Acquire(acquire) => &acquire.shop,
            Self::Append(append) => &append.shop,
            Self::SaveSnapshot(save) => &save.shop,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Acquire(_) => 0,
            Self::Append(append) => {
                append.encoded.bytes.len() + written_bytes(&append.batch.documents)
            }
            Self::SaveSnapshot(save) => save.value.len(),
        }
    }
}

fn written_bytes(documents: &[DocumentWrite]) -> usize {
    let bytes = |write: &DocumentWrite| match write {
        DocumentWrite::Put { value, .. } => value.len(),
        DocumentWrite::EraseUnder { .. } => 0,
    };
    documents.iter().map(bytes).sum()
}

fn write_documents(transaction: &::redb::WriteTransaction, group: &Group) -> Result<(), Trouble> {
    if group.appends.iter().all(|(_, append)| append.batch.documents.is_empty()) {
        return Ok(());
    }
    let mut table = transaction.open_table(tables::DOCUMENTS)?;
    for (_, append) in &group.appends {
        for write in &append.batch.documents {
            match write {
                DocumentWrite::Put { key, value } => {
                    let key = tables::document_key(&append.shop, key);
                    table.insert(key.as_str(), value.as_slice())?;
                }
                DocumentWrite::EraseUnder { prefix } => {
                    erase(&mut table, &tables::document_key(&append.shop, prefix))?;
                }
            }
        }
    }
    Ok(())
}

fn erase(
    table: &mut ::redb::Table<'_, &'static str, &'static [u8]>,
    prefix: &str,
) -> Result<(), Trouble> {
    use ::redb::ReadableTable;

    let mut keys = Vec::new();
    for row in table.range(prefix..)? {
        let (key, _) = row?;
        if !key.value().starts_with(prefix) {
            break;
        }
        keys.push(key.value().to_owned());
    }
    for key in keys {
        table.remove(key.as_str())?;
    }
    Ok(())
}

fn write_snapshots(transaction: &::redb::WriteTransaction, group: &Group) -> Result<(), Trouble> {
    use ::redb::ReadableTable;

    if group.snapshots.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(tables::SNAPSHOTS)?;
    for save in &group.snapshots {
        let kept = table.get(save.shop.as_str())?;
        let kept = kept.and_then(|value| tables::snapshot_version(value.value()));
        if kept.is_none_or(|kept| kept <= save.version) {
            table.insert(save.shop.as_str(), save.value.as_slice())?;
        }
    }
    Ok(())
}

fn index_full_blocks(
    transaction: &::redb::WriteTransaction,
    group: &mut Group,
) -> Result<(), Trouble> {
    let full = |tail: &Tail| tail.unindexed.len() >= tables::BLOCK_RECORDS;
    if !group.tails.values().any(full) {
        return Ok(());
    }
    let mut index = transaction.open_table(tables::INDEX)?;
    for (shop, tail) in group.tails.iter_mut().filter(|(_, tail)| full(tail)) {
        write_block(&mut index, shop, tail)?;
    }
    Ok(())
}

fn write_block(
    index: &mut ::redb::Table<'_, (&'static str, u64), &'static [u8]>,
    shop: &ShopId,
    tail: &mut Tail,
) -> Result<(), Trouble> {
    let keys = std::mem::take(&mut tail.unindexed);
    if keys.is_empty() {
        return Ok(());
    }
    let first = tail.end.version + 1 - keys.len() as u64;
    index.insert((shop.as_str(), first), tables::block_value(&keys).as_slice())?;
    Ok(())
}

/// Whoever asked may have gone; the batch is as durable without them.
fn answer<T>(reply: Reply<T>, verdict: Result<T, Error>) {
    let _ = reply.send(verdict);
}

/// Reports a committer that panics: those who wait must not wait for ever.
struct Watchdog(Arc<Store>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the committer stopped unexpectedly");
        }
    }
}
