//! What is read from Redis: records, also those in the archive, and documents. Checks every record
//! against the chain; never writes.

use ::redis::{Cmd, FromRedisValue, Value, pipe};
use hawker_domain::id::ShopId;

use super::script;
use super::wording::{Keys, entry_id};
use super::{Redis, gone};
use crate::journal::record::{self, Frame};
use crate::journal::{Document, Error, Position, Record, Version};

/// One answer to a reader stays well below what he has to hold at once.
pub(super) const READ_BYTES_MAX: usize = 8 << 20;

/// Entries asked for at a time: at full batches some 20 MB, which Redis sends in one go.
pub(super) const READ_ENTRIES_MAX: usize = 64;

/// An entry of a shop's stream: the version it stands at, and the record in it.
pub(super) type Stored = (Version, Vec<u8>);

impl Redis {
    /// Where the shop ends, and its entries from `first` on: those of the archive, and then those
    /// of the stream.
    pub(super) async fn entries(
        &self,
        shop: &ShopId,
        first: Version,
        entries_max: usize,
    ) -> Result<(Position, Vec<Stored>), Error> {
        let (end, entries) = self.streamed(shop, first, entries_max).await?;
        let is_there = entries.first().is_some_and(|(version, _)| *version == first);
        if is_there || first > end.version {
            return Ok((end, entries));
        }
        let Some(archive) = &self.archive else { return Err(gone(first)) };
        let mut entries = archive.entries(shop, first, entries_max).await?;
        let next = first + entries.len() as u64;
        if entries.len() == entries_max || next > end.version {
            return Ok((end, entries));
        }
        // Nothing, if the archive goes on: the stream begins later.
        let (end, mut more) = self.streamed(shop, next, entries_max - entries.len()).await?;
        if more.first().is_some_and(|(version, _)| *version == next) {
            entries.append(&mut more);
        }
        Ok((end, entries))
    }

    /// The same of the stream alone.
    pub(super) async fn streamed(
        &self,
        shop: &ShopId,
        first: Version,
        entries_max: usize,
    ) -> Result<(Position, Vec<Stored>), Error> {
        let session = self.sessions.current()?;
        let keys = Keys::of(shop);
        let mut asked = pipe();
        asked.cmd("HMGET").arg(&keys.meta).arg("version").arg("hash");
        asked.cmd("XRANGE").arg(&keys.journal).arg(entry_id(first)).arg("+");
        asked.arg("COUNT").arg(entries_max);
        let mut reads = session.reads.clone();
        let (end, entries): ((Option<String>, Option<String>), Vec<Value>) =
            session.read(asked.query_async(&mut reads)).await?;
        Ok((script::position(end.0, end.1)?, script::entries(entries)?))
    }

    pub(super) async fn read_after(
        &self,
        shop: &ShopId,
        after: Position,
        records_max: usize,
    ) -> Result<Vec<Record>, Error> {
        let (mut records, mut bytes_read, mut previous) = (Vec::new(), 0, after);
        loop {
            let wanted = (records_max - records.len()).min(READ_ENTRIES_MAX);
            // With the entry before, which says whether `previous` is of this history.
            let first = previous.version.max(1);
            let with_previous = usize::from(previous.version > 0);
            let asked = wanted + with_previous;
            let (end, entries) = self.entries(shop, first, asked.max(1)).await?;
            let mut entries = entries.into_iter().take(asked);
            if with_previous == 1 {
                check_previous(entries.next(), end, previous)?;
            } else if previous != Position::default() {
                return Err(Error::Conflict { found: end });
            }
            if wanted > 0 && entries.len() == 0 && previous.version < end.version {
                return Err(gone(previous.version + 1));
            }
            for (_, bytes) in entries {
                let version = previous.version + 1;
                let record = record::decode_after(&bytes, shop, previous)
                    .map_err(|problem| problem.at(version))?;
                bytes_read += bytes.len();
                previous = record.position;
                records.push(record);
            }
            let is_over = previous.version >= end.version || records.len() >= records_max;
            if is_over || bytes_read > READ_BYTES_MAX {
                return Ok(records);
            }
        }
    }

    pub(super) async fn record_at(
        &self,
        shop: &ShopId,
        version: Version,
    ) -> Result<Option<Record>, Error> {
        if version == 0 {
            return Ok(None);
        }
        let (end, entries) = self.entries(shop, version, 1).await?;
        let found = entries.into_iter().find(|(found, _)| *found == version);
        let Some((_, bytes)) = found else {
            return if version <= end.version { Err(gone(version)) } else { Ok(None) };
        };
        let corrupt = |problem: record::Problem| problem.at(version);
        let frame = Frame::parse(&bytes).map_err(corrupt)?;
        frame.made(shop, version).map_err(corrupt)?;
        frame.decode().map(Some).map_err(corrupt)
    }

    pub(super) async fn query<T: FromRedisValue>(&self, asked: &Cmd) -> Result<T, Error> {
        let session = self.sessions.current()?;
        session.read(asked.query_async(&mut session.reads.clone())).await
    }

    pub(super) async fn documents_from(
        &self,
        shop: &ShopId,
        prefix: &str,
        after: Option<&str>,
        documents_max: usize,
    ) -> Result<Vec<Document>, Error> {
        let session = self.sessions.current()?;
        let keys = Keys::of(shop);
        let from = match after {
            Some(after) if after >= prefix => format!("({after}"),
            _ => format!("[{prefix}"),
        };
        // No text holds this byte, so it comes after every key with the prefix.
        let end = [b"(", prefix.as_bytes(), b"\xff"].concat();
        let mut call = self.scripts.documents.prepare_invoke();
        call.key(keys.documents).key(keys.document_keys).arg(from).arg(end).arg(documents_max);
        let page: Vec<Vec<u8>> =
            session.read(call.invoke_async(&mut session.reads.clone())).await?;
        let mut page = page.into_iter();
        let mut documents = Vec::new();
        while let (Some(key), Some(value)) = (page.next(), page.next()) {
            let key = String::from_utf8(key).map_err(|error| script::damaged(&error))?;
            documents.push(Document { key, value });
        }
        Ok(documents)
    }
}

/// Whether the entry that made `previous.version` is the one that `previous` means.
fn check_previous(entry: Option<Stored>, end: Position, previous: Position) -> Result<(), Error> {
    match entry {
        Some((version, bytes)) if version == previous.version => {
            let frame = Frame::parse(&bytes).map_err(|problem| problem.at(version))?;
            if frame.position == previous { Ok(()) } else { Err(Error::Conflict { found: end }) }
        }
        _ if previous.version > end.version => Err(Error::Backward { found: end }),
        _ => Err(gone(previous.version)),
    }
}
