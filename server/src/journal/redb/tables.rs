//! The tables of the file and the way from a version to its record. Owns the layout; never
//! writes.
//!
//! Records lie in the order of their arrival, whatever their shop, so that a commit dirties the
//! last page only. The index from (shop, version) to a record is written a block at a time: when
//! a shop has collected [`BLOCK_RECORDS`] records, and for all shops together every
//! [`UNINDEXED_MAX`] records. What is not indexed yet stands in the tails in memory; an open reads
//! those last records and has them again. The due index works the same way, since each record
//! says when its shop is due.

use std::fmt;
use std::ops::Bound;

use ::redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition};
use hawker_domain::id::ShopId;

use crate::journal::record::{Frame, Problem};
use crate::journal::{ChainHash, Error, Position, Version};

/// Order of arrival → record.
pub(super) const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// (Shop, first version of the block) → where the records from there on lie, 8 bytes each.
pub(super) const INDEX: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("index");
/// Shop, a zero byte, key → document.
pub(super) const DOCUMENTS: TableDefinition<&str, &[u8]> = TableDefinition::new("documents");
pub(super) const DUE: TableDefinition<&str, i64> = TableDefinition::new("due");
pub(super) const SNAPSHOTS: TableDefinition<&str, &[u8]> = TableDefinition::new("snapshots");
pub(super) const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
pub(super) const TEXTS: TableDefinition<&str, &str> = TableDefinition::new("texts");

/// 512 bytes of index, and a page of it dirtied once per 64 batches of a shop.
pub(super) const BLOCK_RECORDS: usize = 64;
/// What an open has to read again: some milliseconds.
pub(super) const UNINDEXED_MAX: u64 = 4_096;
/// All records before this one are in the index.
pub(super) const INDEXED: &str = "indexed";

/// How many leases one start may give. The start is the upper half of an epoch and the number of
/// the acquire the lower, so that a lease outranks all of earlier starts with nothing written.
pub(super) const ACQUIRES_MAX: u64 = u32::MAX as u64;

/// Where a shop's history ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    pub(super) end: Position,
    /// The newest acquire of this start; zero when there was none.
    pub(super) epoch: u64,
    /// Where the last records lie: those that are not in the index yet.
    pub(super) unindexed: Vec<u64>,
}

/// What went wrong: in the file, or in what was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    Storage(::redb::Error),
    Journal(Error),
}

/// The tables of one consistent view.
pub(super) struct Tables {
    pub(super) records: ReadOnlyTable<u64, &'static [u8]>,
    index: ReadOnlyTable<(&'static str, u64), &'static [u8]>,
    pub(super) due: ReadOnlyTable<&'static str, i64>,
    numbers: ReadOnlyTable<&'static str, u64>,
}

impl Tables {
    pub(super) fn open(view: ReadTransaction) -> Result<Self, Trouble> {
        Ok(Self {
            records: view.open_table(RECORDS)?,
            index: view.open_table(INDEX)?,
            due: view.open_table(DUE)?,
            numbers: view.open_table(NUMBERS)?,
        })
    }

    pub(super) fn number(&self, name: &str) -> Result<u64, Trouble> {
        Ok(self.numbers.get(name)?.map_or(0, |value| value.value()))
    }

    /// The end of what the index knows of a shop.
    pub(super) fn indexed_tail(&self, shop: &ShopId) -> Result<Tail, Trouble> {
        let id = shop.as_str();
        let Some(block) = self.index.range((id, 0)..=(id, u64::MAX))?.next_back() else {
            return Ok(Tail::default());
        };
        let (first, keys) = block?;
        let keys = block_keys(keys.value());
        let version = first.value().1 + keys.len() as u64 - 1;
        let key = *keys.last().ok_or_else(|| missing(version))?;
        let bytes = self.records.get(key)?.ok_or_else(|| missing(version))?;
        let frame = Frame::parse(bytes.value()).map_err(|problem| problem.at(version))?;
        frame.made(shop, version).map_err(|problem| problem.at(version))?;
        Ok(Tail { end: frame.position, ..Tail::default() })
    }

    /// Reads the whole index: for the rare case that a record does not say whose it is.
    pub(super) fn is_indexed(&self, record: u64) -> Result<bool, Trouble> {
        for row in self.index.iter()? {
            let (_, keys) = row?;
            if block_keys(keys.value()).contains(&record) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn indexed_shop_after(
        &self,
        last: Option<&ShopId>,
    ) -> Result<Option<ShopId>, Trouble> {
        let from = match last {
            Some(shop) => Bound::Excluded((shop.as_str(), u64::MAX)),
            None => Bound::Unbounded,
        };
        let row = self.index.range::<(&str, u64)>((from, Bound::Unbounded))?.next();
        let Some(row) = row else { return Ok(None) };
        let (key, _) = row?;
        Ok(Some(stored_id(key.value().0)?))
    }

    /// Where the records from version `from` on lie, up to `max` of them.
    pub(super) fn keys(
        &self,
        shop: &ShopId,
        tail: &Tail,
        from: Version,
        max: usize,
    ) -> Result<Vec<u64>, Trouble> {
        let indexed = tail.end.version - tail.unindexed.len() as u64;
        let mut keys = Vec::new();
        let mut next = from;
        if next <= indexed && max > 0 {
            let id = shop.as_str();
            let block = self.index.range((id, 0)..=(id, next))?.next_back();
            let start = block.ok_or_else(|| missing(next))??.0.value().1;
            for row in self.index.range((id, start)..=(id, indexed))? {
                let (first, block) = row?;
                let skip = next.checked_sub(first.value().1).ok_or_else(|| missing(next))?;
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                keys.extend(block_keys(block.value()).into_iter().skip(skip));
                next = from + keys.len() as u64;
                if keys.len() >= max {
                    break;
                }
            }
            if keys.len() < max && next != indexed + 1 {
                return Err(missing(next).into());
            }
        }
        if next > indexed {
            let skip = usize::try_from(next - indexed - 1).unwrap_or(usize::MAX);
            keys.extend(tail.unindexed.iter().copied().skip(skip));
        }
        keys.truncate(max);
        Ok(keys)
    }

    pub(super) fn with_frame<T>(
        &self,
        shop: &ShopId,
        tail: &Tail,
        version: Version,
        use_frame: impl FnOnce(Frame<'_>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Trouble> {
        if version == 0 || version > tail.end.version {
            return Ok(None);
        }
        let keys = self.keys(shop, tail, version, 1)?;
        let key = *keys.first().ok_or_else(|| missing(version))?;
        let bytes = self.records.get(key)?.ok_or_else(|| missing(version))?;
        let found = Frame::parse(bytes.value()).and_then(|frame| {
            frame.made(shop, version)?;
            use_frame(frame)
        });
        Ok(Some(found.map_err(|problem| problem.at(version))?))
    }

    /// Where the shop stood at `version`.
    pub(super) fn position_at(
        &self,
        shop: &ShopId,
        tail: &Tail,
        version: Version,
    ) -> Result<Option<Position>, Trouble> {
        if version == 0 || version == tail.end.version {
            return Ok(Some(if version == 0 { Position::default() } else { tail.end }));
        }
        self.with_frame(shop, tail, version, |frame| Ok(frame.position))
    }
}

pub(super) fn document_key(shop: &ShopId, key: &str) -> String {
    format!("{shop}\0{key}")
}

pub(super) fn block_value(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_be_bytes()).collect()
}

pub(super) fn block_keys(value: &[u8]) -> Vec<u64> {
    value.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect()
}

/// Version, hash, checksum of the bytes, bytes.
pub(super) fn snapshot_value(position: Position, bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(bytes.len() + 28);
    value.extend(position.version.to_be_bytes());
    value.extend(position.hash.0);
    value.extend(crc32c::crc32c(bytes).to_be_bytes());
    value.extend(bytes);
    value
}

pub(super) fn snapshot_version(value: &[u8]) -> Option<Version> {
    value.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn parse_snapshot(value: &[u8]) -> Option<(Position, &[u8])> {
    let (version, rest) = value.split_first_chunk()?;
    let (hash, rest) = rest.split_first_chunk()?;
    let (checksum, bytes) = rest.split_first_chunk()?;
    let is_whole = crc32c::crc32c(bytes) == u32::from_be_bytes(*checksum);
    let position = Position { version: u64::from_be_bytes(*version), hash: ChainHash(*hash) };
    is_whole.then_some((position, bytes))
}

pub(super) fn stored_id(text: &str) -> Result<ShopId, Trouble> {
    let problem = |error| Error::Corrupt { version: 0, problem: format!("{text:?}: {error}") };
    Ok(ShopId::parse(text).map_err(problem)?)
}

pub(super) fn damaged_record(record: u64, problem: &Problem) -> Error {
    let problem = format!("record {record} of the file: {problem}");
    Error::Corrupt { version: 0, problem }
}

pub(super) fn missing(version: Version) -> Error {
    Error::Corrupt { version, problem: "the record is missing".to_owned() }
}

macro_rules! storage_trouble {
    ($($error:ident),*) => {$(
        impl From<::redb::$error> for Trouble {
            fn from(error: ::redb::$error) -> Self {
                Self::Storage(error.into())
            }
        }
    )*};
}

storage_trouble!(CommitError, StorageError, TableError, TransactionError);

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Journal(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Journal(error) => error.fmt(f),
        }
    }
}
