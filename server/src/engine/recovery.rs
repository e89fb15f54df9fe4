//! Bringing a shop into memory: acquire, then read, then serve, in this order. Reading first
//! would let a deposed writer's last batch slip in between.

use std::sync::Arc;

use hawker_domain::id::ShopId;
use hawker_domain::shop::Shop;
use hawker_domain::time::SpanMs;

use super::Options;
use super::remembered::Place;
use super::snapshot::{self, Memory};
use crate::journal::{Error, Journal, Lease, Position, Record, Version};

/// Records read at a time: some 10 MB at full batches.
const RECORDS_MAX: usize = 64;

/// Comments read back for one shop, whatever it has on air: some 50 ms of reading.
const RECALLED_MAX: usize = 2_000;

/// A shop as the journal has it, and the right to write it.
pub(super) struct Recovered {
    pub(super) lease: Lease,
    pub(super) loaded: Loaded,
}

/// A shop as the journal had it at `position`.
pub(super) struct Loaded {
    pub(super) position: Position,
    pub(super) memory: Memory,
    /// Where the snapshot stood that this began with; 0 where there was none.
    pub(super) snapshot: Version,
}

pub(super) async fn recover(
    journal: &Arc<dyn Journal>,
    id: &ShopId,
    options: &Options,
) -> Result<Recovered, Error> {
    let lease = journal.acquire(id).await?;
    let mut loaded = load(journal, id, options).await?;
    recall_comments(journal, id, &mut loaded.memory.shop, options).await;
    Ok(Recovered { lease, loaded })
}

/// Gives kept comments their texts back. Without them late joiners see less, and that is all.
async fn recall_comments(
    journal: &Arc<dyn Journal>,
    id: &ShopId,
    shop: &mut Shop,
    options: &Options,
) {
    let keys = shop.kept_comment_keys(options.recalled_comments_max);
    for key in keys.iter().take(RECALLED_MAX) {
        match journal.document(id, key).await {
            Ok(document) => document.iter().for_each(|document| shop.recall_comment(document)),
            Err(error) => {
                tracing::warn!(shop = %id, %error, "kept comments cannot be read back");
                return;
            }
        }
    }
}

/// The snapshot and the records after it, or all records where it is of no use.
pub(super) async fn load(
    journal: &Arc<dyn Journal>,
    id: &ShopId,
    options: &Options,
) -> Result<Loaded, Error> {
    let keep = options.remember_span();
    if let Some(begun) = from_snapshot(journal, id, keep).await {
        match replay(journal, id, begun).await {
            Err(error @ (Error::Conflict { .. } | Error::Backward { .. })) => {
                tracing::warn!(shop = %id, %error, "the snapshot is of another history");
            }
            outcome => return outcome,
        }
    }
    let memory = Memory::new(id, keep);
    replay(journal, id, Loaded { position: Position::default(), memory, snapshot: 0 }).await
}

/// Whatever is wrong with a snapshot costs a replay, never the shop.
pub(super) async fn from_snapshot(
    journal: &Arc<dyn Journal>,
    id: &ShopId,
    keep: SpanMs,
) -> Option<Loaded> {
    let kept = journal.snapshot(id).await.map_err(|error| error.to_string());
    let (position, bytes) = kept.transpose()?.inspect_err(|problem| ignored(id, problem)).ok()?;
    let read = tokio::task::spawn_blocking(move || snapshot::decode(&bytes, keep)).await;
    let read = read.map_err(|error| error.to_string()).flatten();
    let memory = read.inspect_err(|problem| ignored(id, problem)).ok()?;
    if memory.shop.id() != id {
        ignored(id, "it is another shop's");
        return None;
    }
    Some(Loaded { position, memory, snapshot: position.version })
}

fn ignored(shop: &ShopId, problem: &str) {
    tracing::warn!(%shop, problem, "the snapshot is ignored and the journal replayed");
}

async fn replay(
    journal: &Arc<dyn Journal>,
    id: &ShopId,
    mut loaded: Loaded,
) -> Result<Loaded, Error> {
    loop {
        let records = journal.read(id, loaded.position, RECORDS_MAX).await?;
        if records.is_empty() {
            return Ok(loaded);
        }
        records.iter().for_each(|record| loaded.follow(record));
        // A long history must not keep a runtime thread to itself.
        tokio::task::yield_now().await;
    }
}

impl Loaded {
    fn follow(&mut self, record: &Record) {
        let memory = &mut self.memory;
        for (index, entry) in record.entries.iter().enumerate() {
            for event in &entry.events {
                memory.shop.apply(event, entry.at);
            }
            let place = Place { version: record.position.version, index };
            memory.remembered.note(entry, place);
            memory.last_at = memory.last_at.max(entry.at);
        }
        self.position = record.position;
    }
}
