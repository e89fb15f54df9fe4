//! Moves what a shop no longer needs in memory from Redis to the archive: first the files, read
//! back, then the stream. Owns the order of these steps; the engine says when.

use std::sync::Arc;

use ::redis::cmd;
use hawker_domain::id::ShopId;

use super::archive::Archive;
use super::reads::READ_ENTRIES_MAX;
use super::script::{self, Verdict};
use super::wording::{self, Keys};
use super::{Redis, gone};
use crate::journal::record::Frame;
use crate::journal::{Error, Lease, Position, Version};

/// A file of the archive holds about this much, so that reading one record of it costs little.
const STRETCH_BYTES: usize = 8 << 20;

impl Redis {
    /// Archives and trims up to the snapshot before the one at `snapshot`, if that is the newest.
    pub(super) async fn archive_before(
        &self,
        lease: &Lease,
        snapshot: Position,
    ) -> Result<(), Error> {
        if self.archive.is_none() {
            return Ok(());
        }
        let mut asked = cmd("HMGET");
        asked.arg(Keys::of(&lease.shop).snapshot).arg("version").arg("hash");
        asked.arg("previous_version").arg("previous_hash");
        let [version, hash, previous_version, previous_hash]: [Option<String>; 4] =
            self.query(&asked).await?;
        if script::position(version, hash)? != snapshot {
            return Ok(());
        }
        self.archive_upto(lease, script::position(previous_version, previous_hash)?).await
    }

    pub(super) async fn archive_upto(&self, lease: &Lease, upto: Position) -> Result<(), Error> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let moved = self.move_upto(archive, lease, upto).await;
        match &moved {
            Ok(records) => {
                metrics::counter!("hawker_redis_archived_records_total").increment(*records);
            }
            Err(_) => metrics::counter!("hawker_redis_archive_errors_total").increment(1),
        }
        moved.map(drop)
    }

    /// What stood at a version that is no longer in the stream.
    pub(super) async fn archived_at(
        &self,
        shop: &ShopId,
        version: Version,
    ) -> Result<Position, Error> {
        match &self.archive {
            Some(archive) => archive.position_at(shop, version).await,
            None => Err(gone(version)),
        }
    }

    /// How many records left the stream.
    async fn move_upto(
        &self,
        archive: &Arc<Archive>,
        lease: &Lease,
        upto: Position,
    ) -> Result<u64, Error> {
        let (_, entries) = self.streamed(&lease.shop, 1, 1).await?;
        let begins = entries.first().map_or(1, |(version, _)| *version);
        if upto.version + 1 < begins + self.options.archived_records_min.max(1) {
            return Ok(0);
        }
        let archived = self.archived(archive, lease, begins, upto.version).await?;
        self.copy(archive, lease, archived, upto).await?;
        if archive.position_at(&lease.shop, upto.version).await? != upto {
            return Err(elsewhere(upto.version));
        }
        self.trim(lease, upto).await?;
        Ok(upto.version + 1 - begins)
    }

    /// Up to where the archive has what the stream has: past the stream's beginning if a move was
    /// broken off before.
    async fn archived(
        &self,
        archive: &Arc<Archive>,
        lease: &Lease,
        begins: Version,
        upto: Version,
    ) -> Result<Position, Error> {
        let shop = &lease.shop;
        let version = archive.end(shop).await?.min(upto);
        if version + 1 < begins {
            let problem = format!("the archive ends there, and the stream begins at {begins}");
            return Err(Error::Corrupt { version, problem });
        }
        let position = archive.position_at(shop, version).await?;
        if version >= begins {
            let (_, entries) = self.streamed(shop, version, 1).await?;
            let there = entries.first().filter(|(found, _)| *found == version);
            let (_, bytes) = there.ok_or_else(|| gone(version))?;
            let frame = Frame::parse(bytes).map_err(|problem| problem.at(version))?;
            if frame.position != position {
                return Err(elsewhere(version));
            }
        }
        Ok(position)
    }

    async fn copy(
        &self,
        archive: &Arc<Archive>,
        lease: &Lease,
        mut end: Position,
        upto: Position,
    ) -> Result<(), Error> {
        let shop = &lease.shop;
        let (mut first, mut records, mut bytes_held) = (end.version + 1, Vec::new(), 0);
        while end.version < upto.version {
            let left = usize::try_from(upto.version - end.version).unwrap_or(usize::MAX);
            let wanted = left.min(READ_ENTRIES_MAX);
            let (_, entries) = self.streamed(shop, end.version + 1, wanted).await?;
            if entries.is_empty() {
                return Err(gone(end.version + 1));
            }
            for (version, bytes) in entries {
                let frame = Frame::parse(&bytes).map_err(|problem| problem.at(version))?;
                frame.follows(shop, end).map_err(|problem| problem.at(version))?;
                end = frame.position;
                bytes_held += bytes.len();
                records.push(bytes);
            }
            if bytes_held > STRETCH_BYTES || end.version == upto.version {
                let bytes = std::mem::take(&mut bytes_held) as u64;
                archive.write(shop, lease.epoch, first, std::mem::take(&mut records)).await?;
                metrics::counter!("hawker_redis_archived_bytes_total").increment(bytes);
                first = end.version + 1;
            }
        }
        Ok(())
    }

    async fn trim(&self, lease: &Lease, upto: Position) -> Result<(), Error> {
        let session = self.sessions.current()?;
        let keys = Keys::of(&lease.shop);
        let mut call = self.scripts.trim.prepare_invoke();
        call.key(keys.meta).key(keys.journal).arg(lease.epoch).arg(upto.version);
        call.arg(wording::hex(upto.hash)).arg(upto.version + 1);
        let answer = session.read(call.invoke_async(&mut session.reads.clone())).await?;
        Verdict::parse(answer)?.judged(upto.version)
    }
}

fn elsewhere(version: Version) -> Error {
    let problem = "the archive has another history of this shop than the stream: if an older store \
                   was brought back on purpose, move the shop's folder out of the archive";
    Error::Corrupt { version, problem: problem.to_owned() }
}
