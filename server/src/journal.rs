//! The journal: what is durable, and the only source of truth. Owns the contract that every
//! storage keeps; never decides what an event means.

mod record;

pub mod memory;
pub mod redb;
pub mod redis;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod model;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::Entry;
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use parking_lot::Mutex;
use tokio::time::Instant;

/// A future that a journal hands out; boxed so that the server can hold any journal.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many batches a shop has had. The first batch makes version 1.
pub type Version = u64;

/// The first 16 bytes of BLAKE3(previous hash ‖ payload). The chain makes "same number, other
/// history" visible.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 16]);

/// Where a shop's history stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    pub version: Version,
    pub hash: ChainHash,
}

/// The right to write one shop. Comes only from [`Journal::acquire`]; a later acquire anywhere
/// makes it harmless.
#[derive(Debug)]
pub struct Lease {
    shop: ShopId,
    epoch: u64,
    /// Where the store gives the shop to another server once this one falls silent.
    term: Option<Arc<Term>>,
}

/// How long a lease lasts, and since when. The store counts by its own clock, from when it heard
/// of the writer; here it counts from before it was asked, which is never later.
#[derive(Debug)]
struct Term {
    lasts: Duration,
    since: Mutex<Instant>,
}

/// The right to save snapshots, for whoever does so while the lease itself is with an append.
/// Lends the lease for looking only: nothing can be appended with it.
#[derive(Debug)]
pub struct Saver(Lease);

/// What one append makes durable, all of it or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub entries: Vec<Entry>,
    pub documents: Vec<DocumentWrite>,
    /// When this shop next needs a look without being asked; `None` takes it off the due index.
    pub next_due: Option<Millis>,
}

pub use hawker_domain::document::DocumentWrite;

/// Proof that a batch is durable, and the batch itself. Made only by [`Journal::append`].
#[derive(Debug)]
pub struct Committed {
    shop: ShopId,
    epoch: u64,
    position: Position,
    batch: Arc<Batch>,
}

/// Proof that the lease still held at a moment when nothing was written. Made only by
/// [`Journal::verify`].
#[derive(Debug)]
pub struct Verified {
    shop: ShopId,
    position: Position,
}

/// A batch as it was written, checked against its checksum and the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub position: Position,
    pub epoch: u64,
    pub entries: Vec<Entry>,
}

/// A document and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub key: String,
    pub value: Vec<u8>,
}

/// What every storage takes as one snapshot. A store may well take more; its commits would stall.
pub const SNAPSHOT_BYTES_MAX: usize = record::RECORD_BYTES_MAX;

/// A cached state and where it was taken.
pub type Snapshot = (Position, Vec<u8>);

/// Why the journal could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the shop's history stands at version {}, not where the writer thought", found.version)]
    Conflict { found: Position },
    #[error("another writer has taken the shop over, its epoch is {epoch}")]
    LeaseLost { epoch: u64 },
    #[error("the lease ran out before it was renewed: this writer stood still for too long")]
    LeaseLapsed,
    #[error("the server {by} has the shop, for another {left_ms} ms if it falls silent now")]
    Held { by: String, left_ms: u64 },
    #[error("the store is older than what this writer has seen")]
    Backward { found: Position },
    #[error("the store refused before anything was attempted: {0}")]
    Unavailable(String),
    #[error("it is not known whether the batch was written: {0}")]
    Unknown(String),
    #[error("the stored history is damaged at version {version}: {problem}")]
    Corrupt { version: Version, problem: String },
}

/// Durable, ordered history per shop. The contract below is tried on every implementation by one
/// suite (`contract.rs`).
///
/// * When `append` returns `Ok`, the whole batch **must** survive a crash, events and documents
///   together, and every later `read` **must** return it. Whoever breaks this makes the server
///   lie to buyers who were told "yes".
/// * After `Conflict`, `LeaseLost`, `Backward` or `Unavailable` nothing of the batch **must** ever
///   be read. After `Unknown` the caller **must not** assume either, and appends the identical
///   batch again until there is another verdict; an implementation **must** then answer `Ok` if
///   it landed the first time.
/// * `append` **must** refuse a lease older than the newest `acquire` of the shop.
/// * A lease that has a term **must** be renewed by each `append` and `verify`, and by nothing
///   else: a writer that stands still has to lose it. The epoch keeps the history safe; the term
///   only lets another server have the shop.
/// * `read` **must** verify checksum and chain and stop with `Corrupt` at the first break; it
///   **must not** skip.
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Takes the shop over: the epoch rises by at least one and older leases become useless.
    /// Refused with `Held` while another server's lease has not run out.
    fn acquire<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Lease, Error>>;

    /// Appends after `expected`, which the writer believes to be the end.
    fn append<'a>(
        &'a self,
        lease: &'a mut Lease,
        expected: Position,
        batch: Arc<Batch>,
    ) -> Pending<'a, Result<Committed, Error>>;

    /// Whether this lease could write now: what a batch without events needs before its answers
    /// may leave.
    fn verify<'a>(
        &'a self,
        lease: &'a Lease,
        expected: Position,
    ) -> Pending<'a, Result<Verified, Error>>;

    /// Up to `records_max` records after `after`, oldest first; fewer when they are large. Empty
    /// means the end. An `after` that this history never had is refused: `Backward` when it lies
    /// beyond the end, `Conflict` when another batch made that version.
    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        after: Position,
        records_max: usize,
    ) -> Pending<'a, Result<Vec<Record>, Error>>;

    /// Where the shop's history ends; the zero position for a shop that was never written.
    fn position<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Position, Error>>;

    /// The record that made `version`, if the shop has come that far. Verifies its checksum.
    fn record<'a>(
        &'a self,
        shop: &'a ShopId,
        version: Version,
    ) -> Pending<'a, Result<Option<Record>, Error>>;

    fn document<'a>(
        &'a self,
        shop: &'a ShopId,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Vec<u8>>, Error>>;

    /// Documents whose key starts with `prefix` and is greater than `after`, in key order.
    fn documents<'a>(
        &'a self,
        shop: &'a ShopId,
        prefix: &'a str,
        after: Option<&'a str>,
        documents_max: usize,
    ) -> Pending<'a, Result<Vec<Document>, Error>>;

    /// Shops whose due time is at or before `now`, earliest first.
    fn due(&self, now: Millis, shops_max: usize) -> Pending<'_, Result<Vec<ShopId>, Error>>;

    /// Ids of the shops that have a history, after `after`, in order.
    fn shops<'a>(
        &'a self,
        after: Option<&'a ShopId>,
        shops_max: usize,
    ) -> Pending<'a, Result<Vec<ShopId>, Error>>;

    /// Keeps `bytes` as a cache of the state at `position`; only the newest is kept. Losing it
    /// **must** cost time only, and a position that is not on the history **must** be refused.
    fn save_snapshot<'a>(
        &'a self,
        lease: &'a Lease,
        position: Position,
        bytes: Vec<u8>,
    ) -> Pending<'a, Result<(), Error>>;

    fn snapshot<'a>(&'a self, shop: &'a ShopId) -> Pending<'a, Result<Option<Snapshot>, Error>>;

    /// Whether old records leave the store for an archive.
    fn is_archived(&self) -> bool {
        false
    }

    /// The snapshot saved at `snapshot` was read back and gave the state that was meant: what lies
    /// at or below the one before it may leave the store for the archive, and **must** be read from
    /// there as before. Whatever fails costs the store's memory only.
    fn archive<'a>(
        &'a self,
        _lease: &'a Lease,
        _snapshot: Position,
    ) -> Pending<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives the shop back before its lease has run out, so that another server need not wait for
    /// that. Where it fails the lease runs out by itself.
    fn release(&self, lease: Lease) -> Pending<'_, ()> {
        Box::pin(async move { drop(lease) })
    }
}

/// Whether the writer of `lease_epoch` may write after `expected` in a shop that stands at `found`
/// and was last acquired under `newest_epoch`. The order of the questions is part of the contract:
/// a deposed writer must hear that it is deposed, whatever else is wrong.
fn judge(
    newest_epoch: u64,
    found: Position,
    lease_epoch: u64,
    expected: Position,
) -> Result<(), Error> {
    if newest_epoch > lease_epoch {
        return Err(Error::LeaseLost { epoch: newest_epoch });
    }
    if newest_epoch < lease_epoch || found.version < expected.version {
        return Err(Error::Backward { found });
    }
    if found != expected {
        return Err(Error::Conflict { found });
    }
    Ok(())
}

/// Whether `asked` lies on the history that ends at `end` and that stood at `stored` when it had
/// the version asked for.
fn check_on_history(end: Position, stored: Option<Position>, asked: Position) -> Result<(), Error> {
    match stored {
        None => Err(Error::Backward { found: end }),
        Some(stored) if stored != asked => Err(Error::Conflict { found: end }),
        Some(_) => Ok(()),
    }
}

impl Lease {
    /// For implementations of [`Journal::acquire`] only.
    fn new(shop: ShopId, epoch: u64) -> Self {
        Self { shop, epoch, term: None }
    }

    /// The same for a store that was asked at `asked_at` and gives shops away after `lasts`.
    fn with_term(shop: ShopId, epoch: u64, lasts: Duration, asked_at: Instant) -> Self {
        let term = Term { lasts, since: Mutex::new(asked_at) };
        Self { shop, epoch, term: Some(Arc::new(term)) }
    }

    /// The store has heard of the writer, who asked at `asked_at`.
    fn heard(&self, asked_at: Instant) {
        if let Some(term) = &self.term {
            let mut since = term.since.lock();
            *since = asked_at.max(*since);
        }
    }

    pub fn shop(&self) -> &ShopId {
        &self.shop
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn saver(&self) -> Saver {
        Saver(Self { shop: self.shop.clone(), epoch: self.epoch, term: self.term.clone() })
    }

    /// When the writer should let the store hear of him, if he has not appended meanwhile: after
    /// three tenths of the term, so that two attempts may fail.
    pub fn renew_at(&self) -> Option<Instant> {
        self.term.as_ref().map(|term| term.end_of(3))
    }

    /// From then on the writer must answer nothing before the store has heard of him: the last
    /// fifth of the term is left for clocks that run differently.
    pub fn answers_until(&self) -> Option<Instant> {
        self.term.as_ref().map(|term| term.end_of(8))
    }
}

impl Term {
    fn end_of(&self, tenths: u32) -> Instant {
        *self.since.lock() + self.lasts * tenths / 10
    }
}

impl Saver {
    pub fn lease(&self) -> &Lease {
        &self.0
    }
}

impl Committed {
    /// For implementations of [`Journal::append`] only.
    fn new(lease: &Lease, position: Position, batch: Arc<Batch>) -> Self {
        Self { shop: lease.shop.clone(), epoch: lease.epoch, position, batch }
    }

    pub fn shop(&self) -> &ShopId {
        &self.shop
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn entries(&self) -> &[Entry] {
        &self.batch.entries
    }
}

impl Verified {
    /// For implementations of [`Journal::verify`] only.
    fn new(lease: &Lease, position: Position) -> Self {
        Self { shop: lease.shop.clone(), position }
    }

    pub fn shop(&self) -> &ShopId {
        &self.shop
    }

    pub fn position(&self) -> Position {
        self.position
    }
}

impl Error {
    /// Whether the same call may succeed later without anybody mending anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unknown(_) | Self::Held { .. })
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
