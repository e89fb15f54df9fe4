//! A shop's state kept beside its journal, so that waking it does not replay its whole life. Owns
//! the form of a snapshot and its saving; a snapshot that cannot be read costs time only.

use std::sync::Arc;

use hawker_domain::id::ShopId;
use hawker_domain::shop::Shop;
use hawker_domain::time::{Millis, SpanMs};

use super::Options;
use super::recovery::{from_snapshot, load};
use super::remembered::{Remembered, Row};
use crate::journal::{self, Journal, Lease, Position, Saver};

/// Rises with every change of what stands before the shop's own bytes.
const VERSION: u8 = 1;
const HASH_BYTES: usize = 16;

/// What a shop's writer keeps in memory.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) shop: Shop,
    pub(super) remembered: Remembered,
    /// When the last entry was sequenced; time never runs back in a shop.
    pub(super) last_at: Millis,
}

impl Memory {
    pub(super) fn new(id: &ShopId, keep: SpanMs) -> Self {
        let (shop, remembered) = (Shop::new(id.clone()), Remembered::new(keep));
        Self { shop, remembered, last_at: Millis(0) }
    }
}

/// The version, a hash of all that follows, what is remembered, and the shop's own bytes.
pub(super) fn encode(memory: &Memory) -> Vec<u8> {
    let rows: Vec<Row> = memory.remembered.rows().collect();
    let mut bytes = vec![VERSION];
    bytes.extend([0; HASH_BYTES]);
    let mut bytes = match postcard::to_extend(&(memory.last_at, rows), bytes) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("rows of commands are plain data: {error}"),
    };
    bytes.extend(memory.shop.freeze());
    let (head, body) = bytes.split_at_mut(1 + HASH_BYTES);
    head[1..].copy_from_slice(&blake3::hash(body).as_bytes()[..HASH_BYTES]);
    bytes
}

/// The memory that `encode` wrote, or why these bytes are none.
pub(super) fn decode(bytes: &[u8], keep: SpanMs) -> Result<Memory, String> {
    let Some(([version, hash @ ..], body)) = bytes.split_first_chunk::<{ 1 + HASH_BYTES }>() else {
        return Err("it is cut short".to_owned());
    };
    if *version != VERSION {
        return Err(format!("it has form {version}, this program reads {VERSION}"));
    }
    if hash != &blake3::hash(body).as_bytes()[..HASH_BYTES] {
        return Err("its hash is not that of its content".to_owned());
    }
    let head = postcard::take_from_bytes::<(Millis, Vec<Row>)>(body);
    let ((last_at, rows), shop) = head.map_err(|error| error.to_string())?;
    let shop = Shop::thaw(shop).map_err(|error| error.to_string())?;
    Ok(Memory { shop, remembered: Remembered::from_rows(keep, rows), last_at })
}

/// What was saved: where it was taken, and the state's hash if what is read back is to be compared
/// with it.
pub(super) struct Saved {
    pub(super) position: Position,
    pub(super) state_hash: Option<[u8; 32]>,
}

/// Saves a state that nobody changes any more. `None` where that failed.
pub(super) async fn save(
    journal: &Arc<dyn Journal>,
    lease: &Lease,
    position: Position,
    memory: Memory,
    options: &Options,
) -> Option<Saved> {
    let (shop, bytes_max) = (lease.shop(), options.snapshot_bytes_max);
    let is_compared = journal.is_archived();
    let encoding = tokio::task::spawn_blocking(move || {
        (encode(&memory), is_compared.then(|| memory.shop.state_hash()))
    });
    let (bytes, state_hash) = match encoding.await {
        Ok(encoded) => encoded,
        Err(error) => {
            count("failed");
            tracing::error!(%shop, %error, "a snapshot was not encoded");
            return None;
        }
    };
    metrics::histogram!("hawker_snapshot_bytes").record(bytes.len() as f64);
    if bytes.len() > bytes_max {
        count("too_large");
        tracing::warn!(
            %shop, bytes = bytes.len(), bytes_max,
            "the shop is too large for a snapshot: nothing is lost, but each time it is loaded \
             all batches since its last snapshot are replayed, and that takes longer day by day"
        );
        return None;
    }
    note(lease, journal.save_snapshot(lease, position, bytes).await)?;
    Some(Saved { position, state_hash })
}

/// Saves a snapshot of a shop that goes on meanwhile. Its writer's memory is ahead of the journal
/// and must not stand still for a copy, so the state is made afresh: the last snapshot and the
/// records since.
pub(super) async fn save_beside(journal: Arc<dyn Journal>, saver: Saver, options: Arc<Options>) {
    let lease = saver.lease();
    let saved = match load(&journal, lease.shop(), &options).await {
        Ok(loaded) => save(&journal, lease, loaded.position, loaded.memory, &options).await,
        Err(error) => {
            note(lease, Err(error));
            None
        }
    };
    if let Some(saved) = saved {
        archive(&journal, lease, saved, &options).await;
    }
}

/// Lets old records leave the store once the snapshot that stands for them was read back and gave
/// the state that was saved. Whatever fails is tried again with the next snapshot.
pub(super) async fn archive(
    journal: &Arc<dyn Journal>,
    lease: &Lease,
    saved: Saved,
    options: &Options,
) {
    let (shop, Saved { position, state_hash: Some(meant) }) = (lease.shop(), saved) else { return };
    let keep = options.remember_span();
    match from_snapshot(journal, shop, keep).await {
        Some(kept) if kept.position != position => {}
        Some(kept) if kept.memory.shop.state_hash() == meant => {
            match journal.archive(lease, position).await {
                // Somebody has taken the shop over, and archives it himself.
                Ok(()) | Err(journal::Error::LeaseLost { .. }) => {}
                Err(error) => tracing::warn!(%shop, %error, "old records were not archived"),
            }
        }
        read => {
            let is_read = read.is_some();
            tracing::error!(
                %shop, is_read, "a snapshot is not the state that was saved: old records stay"
            );
        }
    }
}

fn note(lease: &Lease, saved: Result<(), journal::Error>) -> Option<()> {
    count(if saved.is_ok() { "saved" } else { "failed" });
    let failed =
        |error: &_| tracing::warn!(shop = %lease.shop(), %error, "a snapshot was not saved");
    saved.inspect_err(failed).ok()
}

fn count(outcome: &'static str) {
    metrics::counter!("hawker_snapshots_total", "outcome" => outcome).increment(1);
}
