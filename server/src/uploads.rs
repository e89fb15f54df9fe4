//! Files that people send: what an upload is, and where its bytes are kept. Owns the ids, the types
//! and the contract of a store; never asks who may, and knows no message.

pub mod disk;
pub mod media;

#[cfg(test)]
mod contract;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::{Millis, SpanMs};
use serde::{Deserialize, Serialize};

pub use disk::{Disk, Options};
pub use media::{Kind, MediaType};

/// A future that a store hands out; boxed so that the server can hold any store.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A part of a file, piece by piece.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub owner: UserId,
    pub media_type: MediaType,
    pub size_bytes: u64,
    /// Of the bytes, in hexadecimal: equal for equal files.
    pub hash: String,
    pub at: Millis,
}

/// Why a store could not do it. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the disk has no room for uploads")]
    Full,
    #[error("another file has this id")]
    Conflict,
    #[error("the uploads' folder: {0}")]
    Broken(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Broken(error),
        }
    }
}

/// Where uploads are kept.
///
/// * An upload **must** appear whole or not at all, whenever the process ends: what `commit`
///   answered survives a crash, anything else leaves nothing that could be read.
/// * Bytes and description of an upload **must not** change; its id is never given to another file.
/// * Whoever does not know an id **must not** learn of it here: nothing lists uploads.
pub trait Uploads: fmt::Debug + Send + Sync + 'static {
    /// Begins a file. Dropped before `commit` it leaves nothing behind.
    fn create(&self) -> Pending<'_, Result<Box<dyn Draft>, Error>>;

    /// What is known of an upload; `None` if there is none.
    fn describe<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>>;

    /// The bytes from `from` on, `length` of them; `None` if there is no such upload.
    fn read<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
        from: u64,
        length: u64,
    ) -> Pending<'a, Result<Option<Pieces>, Error>>;

    /// Saves an upload from `sweep`, and describes it. Whoever accepts a message that names an
    /// upload **must** call this before the message is accepted: the other way round a crash in
    /// between would cost a message its picture. Durable when it returns.
    fn keep<'a>(
        &'a self,
        shop: &'a ShopId,
        upload: &'a UploadId,
    ) -> Pending<'a, Result<Option<Description>, Error>>;

    /// Erases all uploads of `owner` in `shop`, kept ones too; says how many there were.
    fn erase<'a>(
        &'a self,
        shop: &'a ShopId,
        owner: &'a UserId,
    ) -> Pending<'a, Result<usize, Error>>;

    /// Erases uploads that nobody kept and that are older than `age`; says how many there were.
    fn sweep(&self, now: Millis, age: SpanMs) -> Pending<'_, Result<usize, Error>>;
}

/// A file that is being written.
pub trait Draft: fmt::Debug + Send {
    fn write(&mut self, piece: Bytes) -> Pending<'_, Result<(), Error>>;

    /// Makes the file an upload under `upload`. The same bytes of the same owner and type under an
    /// id that is there already are the upload that is there, whose description is returned;
    /// anything else under it is [`Error::Conflict`].
    fn commit(
        self: Box<Self>,
        shop: ShopId,
        upload: UploadId,
        filed: Filed,
    ) -> Pending<'static, Result<Committed, Error>>;
}

/// What whoever took the file in says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    pub owner: UserId,
    pub media_type: MediaType,
    pub at: Millis,
}

/// An upload that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub description: Description,
    /// Whether it stood there before.
    pub existing: bool,
}

/// Hexadecimal digits that an id begins with: whose it is, so that all uploads of somebody can be
/// erased without a list of them. Who knows the id knows its sender in any case.
const OWNER_DIGITS: usize = 16;
/// The rest: 128 bits that nobody guesses.
const SECRET_DIGITS: usize = 32;

/// The id of an upload of `owner`. `secret` **must** be random or follow from a secret: whoever
/// knows an id may read the file.
pub fn id(shop: &ShopId, owner: &UserId, secret: [u8; 16]) -> UploadId {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    UploadId::checked(format!("{}{secret}", owner_part(shop, owner)))
}

fn owner_part(shop: &ShopId, owner: &UserId) -> String {
    let hash = blake3::hash(format!("{shop}\n{owner}").as_bytes());
    hash.to_hex()[..OWNER_DIGITS].to_owned()
}

/// The two parts of an id that [`id`] could have made.
fn parts(upload: &UploadId) -> Option<(&str, &str)> {
    let text = upload.as_str();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = text.len() == OWNER_DIGITS + SECRET_DIGITS && text.bytes().all(is_digit);
    fits.then(|| text.split_at(OWNER_DIGITS))
}
