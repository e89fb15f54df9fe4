//! Snapshots in Redis: the newest of each shop, and where the one before it was taken. Owns neither
//! their form nor their use.

use ::redis::cmd;
use hawker_domain::id::ShopId;

use super::script::{self, Verdict, Word};
use super::wording::{self, Keys};
use super::{Redis, check_size};
use crate::journal::record::Frame;
use crate::journal::{Error, Lease, Position, Snapshot};

impl Redis {
    pub(super) async fn keep_snapshot(
        &self,
        lease: &Lease,
        position: Position,
        bytes: &[u8],
    ) -> Result<(), Error> {
        check_size("the snapshot", bytes.len())?;
        let mut verdict = self.save_call(lease, position, bytes, String::new()).await?;
        if verdict.word == Word::Gone {
            let there = self.archived_at(&lease.shop, position.version).await?;
            verdict = self.save_call(lease, position, bytes, wording::hex(there.hash)).await?;
        }
        verdict.judged(position.version)
    }

    async fn save_call(
        &self,
        lease: &Lease,
        position: Position,
        bytes: &[u8],
        archived_hash: String,
    ) -> Result<Verdict, Error> {
        let session = self.sessions.current()?;
        let keys = Keys::of(&lease.shop);
        let mut call = self.scripts.save_snapshot.prepare_invoke();
        call.key(keys.meta).key(keys.journal).key(keys.snapshot).arg(lease.epoch);
        call.arg(position.version).arg(wording::hex(position.hash)).arg(bytes).arg(archived_hash);
        let answer = session.read(call.invoke_async(&mut session.reads.clone())).await?;
        Verdict::parse(answer)
    }

    /// A cache that is not of this history, or cannot be read, is no cache.
    pub(super) async fn kept_snapshot(&self, shop: &ShopId) -> Result<Option<Snapshot>, Error> {
        let key = Keys::of(shop).snapshot;
        let asked = cmd("HMGET").arg(key).arg("version").arg("hash").arg("bytes").to_owned();
        let (version, hash, bytes): (Option<String>, Option<String>, Option<Vec<u8>>) =
            self.query(&asked).await?;
        let (Some(_), Some(bytes), Ok(position)) =
            (&version, bytes, script::position(version.clone(), hash))
        else {
            return Ok(None);
        };
        if position.version == 0 {
            return Ok(None);
        }
        let entries = match self.entries(shop, position.version, 1).await {
            Ok((_, entries)) => entries,
            Err(Error::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_there = entries.first().is_some_and(|(version, bytes)| {
            let made = Frame::parse(bytes).map(|frame| frame.position);
            *version == position.version && made == Ok(position)
        });
        Ok(is_there.then_some((position, bytes)))
    }
}
