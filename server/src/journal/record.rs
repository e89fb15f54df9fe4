//! One batch as bytes. Owns the layout, the checksum and the chain hash; never stores anything
//! and never decides whether a batch may be written.
//!
//! All numbers are big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `HWKR` |
//! | 2 | schema |
//! | 8, 8 | previous version, new version |
//! | 8 | epoch |
//! | 1, 8 | whether the shop is due some time, and when |
//! | 4 | how many entries |
//! | 1, 4 | length of the shop id, length of the entries |
//! | … | the shop id, then the entries as one JSON array |
//! | 16 | the first bytes of BLAKE3(previous hash ‖ all of the above) |
//! | 4 | CRC-32C of all of the above |
//!
//! Whatever a later schema changes, it keeps the first two fields and the checksum at the end, so
//! that an older binary can tell "newer" from "damaged".

#[cfg(test)]
mod tests;

use hawker_domain::Entry;
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;

use super::{ChainHash, Error, Position, Record, Version};

const MAGIC: [u8; 4] = *b"HWKR";
const SCHEMA: u16 = 1;
const HEADER_BYTES: usize = 48;
const HASH_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;
const TRAILER_BYTES: usize = HASH_BYTES + CHECKSUM_BYTES;

/// Far above any batch the engine makes, far below what a store takes as one value.
pub(super) const RECORD_BYTES_MAX: usize = 64 << 20;

/// A batch ready to be stored, and where the shop stands once it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) position: Position,
    pub(super) bytes: Vec<u8>,
}

impl Encoded {
    /// The record cut before and after its entries, for a store whose readers want these as text.
    /// One after the other the three parts are the record.
    pub(super) fn parts(&self, shop: &ShopId) -> (&[u8], &[u8], &[u8]) {
        let (head, rest) = self.bytes.split_at(HEADER_BYTES + shop.as_str().len());
        let (entries, trailer) = rest.split_at(rest.len() - TRAILER_BYTES);
        (head, entries, trailer)
    }
}

/// What stands in a record besides its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) shop: &'a ShopId,
    pub(super) epoch: u64,
    pub(super) after: Position,
    pub(super) next_due: Option<Millis>,
}

/// A stored record whose checksum is right; its entries are still text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) shop: ShopId,
    pub(super) previous: Version,
    pub(super) position: Position,
    pub(super) epoch: u64,
    pub(super) next_due: Option<Millis>,
    count: u32,
    payload: &'a [u8],
    entries: &'a [u8],
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the record is {bytes} bytes, too short to be one")]
    TooShort { bytes: usize },
    #[error("the record is {bytes} bytes, more than {RECORD_BYTES_MAX}")]
    TooLong { bytes: usize },
    #[error("the checksum is {found:08x}, the content has {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("the bytes are not a record")]
    NotARecord,
    #[error("the record has schema {found}, this binary reads up to {SCHEMA}: use a newer one")]
    NewerSchema { found: u16 },
    #[error("the record's {field} is malformed")]
    Malformed { field: &'static str },
    #[error("the record belongs to the shop {found}")]
    OtherShop { found: ShopId },
    #[error("the record makes version {found} after {previous}")]
    OtherVersion { found: Version, previous: Version },
    #[error("the record does not continue this history: its hash differs")]
    OtherHistory,
    #[error("the entries cannot be read: {0}")]
    Entries(String),
    #[error("the record announces {announced} entries and has {found}")]
    Count { announced: u32, found: usize },
}

impl Problem {
    pub(super) fn at(self, version: Version) -> Error {
        Error::Corrupt { version, problem: self.to_string() }
    }
}

/// The record that appends `entries`. The same input gives the same bytes, so a repeated append
/// is recognised by its hash.
pub(super) fn encode(head: Head<'_>, entries: &[Entry]) -> Result<Encoded, Problem> {
    let json = serde_json::to_vec(entries).map_err(|error| Problem::Entries(error.to_string()))?;
    let shop = head.shop.as_str().as_bytes();
    let length = HEADER_BYTES + shop.len() + json.len() + TRAILER_BYTES;
    let too_long = Problem::TooLong { bytes: length };
    let (Ok(json_bytes), Ok(count), Ok(shop_bytes)) =
        (u32::try_from(json.len()), u32::try_from(entries.len()), u8::try_from(shop.len()))
    else {
        return Err(too_long);
    };
    if length > RECORD_BYTES_MAX {
        return Err(too_long);
    }
    let version = head.after.version + 1;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(SCHEMA.to_be_bytes());
    bytes.extend(head.after.version.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(head.epoch.to_be_bytes());
    bytes.push(u8::from(head.next_due.is_some()));
    bytes.extend(head.next_due.map_or(0, |due| due.0).to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.push(shop_bytes);
    bytes.extend(json_bytes.to_be_bytes());
    bytes.extend(shop);
    bytes.extend(json);
    let hash = chain(head.after.hash, &bytes);
    bytes.extend(hash.0);
    bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
    Ok(Encoded { position: Position { version, hash }, bytes })
}

/// The record in `bytes` if it is the one that follows `after` in the history of `shop`.
pub(super) fn decode_after(
    bytes: &[u8],
    shop: &ShopId,
    after: Position,
) -> Result<Record, Problem> {
    let frame = Frame::parse(bytes)?;
    frame.follows(shop, after)?;
    frame.decode()
}

impl<'a> Frame<'a> {
    /// Checks the checksum and the layout, in this order.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        if bytes.len() < HEADER_BYTES + TRAILER_BYTES {
            return Err(Problem::TooShort { bytes: bytes.len() });
        }
        let (content, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        let found = u32::from_be_bytes(Cursor(checksum).take("checksum")?);
        let computed = crc32c::crc32c(content);
        if found != computed {
            return Err(Problem::Checksum { found, computed });
        }
        let (payload, hash) = content.split_at(content.len() - HASH_BYTES);
        Self::parse_payload(payload, ChainHash(Cursor(hash).take("hash")?))
    }

    fn parse_payload(payload: &'a [u8], hash: ChainHash) -> Result<Self, Problem> {
        let mut cursor = Cursor(payload);
        if cursor.take("magic")? != MAGIC {
            return Err(Problem::NotARecord);
        }
        let schema = u16::from_be_bytes(cursor.take("schema")?);
        if schema != SCHEMA {
            return Err(Problem::NewerSchema { found: schema });
        }
        let previous = u64::from_be_bytes(cursor.take("previous version")?);
        let version = u64::from_be_bytes(cursor.take("version")?);
        let epoch = u64::from_be_bytes(cursor.take("epoch")?);
        let [is_due] = cursor.take("due flag")?;
        let due = Millis(i64::from_be_bytes(cursor.take("due time")?));
        let count = u32::from_be_bytes(cursor.take("count")?);
        let [shop_bytes] = cursor.take("shop length")?;
        let entries_bytes = u32::from_be_bytes(cursor.take("entries length")?);
        let shop = cursor.slice(usize::from(shop_bytes), "shop")?;
        let entries = cursor.0;
        if entries.len() != entries_bytes as usize {
            return Err(Problem::Malformed { field: "entries length" });
        }
        let shop = std::str::from_utf8(shop)
            .ok()
            .and_then(|text| ShopId::parse(text).ok())
            .ok_or(Problem::Malformed { field: "shop" })?;
        let position = Position { version, hash };
        let next_due = (is_due != 0).then_some(due);
        Ok(Self { shop, previous, position, epoch, next_due, count, payload, entries })
    }

    /// Whether this is the record of `shop` that comes right after `after`.
    pub(super) fn follows(&self, shop: &ShopId, after: Position) -> Result<(), Problem> {
        if self.shop != *shop {
            return Err(Problem::OtherShop { found: self.shop.clone() });
        }
        if self.previous != after.version || self.position.version != after.version + 1 {
            let (found, previous) = (self.position.version, self.previous);
            return Err(Problem::OtherVersion { found, previous });
        }
        if chain(after.hash, self.payload) != self.position.hash {
            return Err(Problem::OtherHistory);
        }
        Ok(())
    }

    /// Whether this is the record that made `version` of `shop`; says nothing about what was
    /// before it.
    pub(super) fn made(&self, shop: &ShopId, version: Version) -> Result<(), Problem> {
        if self.shop != *shop {
            return Err(Problem::OtherShop { found: self.shop.clone() });
        }
        if self.position.version != version {
            let (found, previous) = (self.position.version, self.previous);
            return Err(Problem::OtherVersion { found, previous });
        }
        Ok(())
    }

    pub(super) fn decode(&self) -> Result<Record, Problem> {
        let entries: Vec<Entry> = serde_json::from_slice(self.entries)
            .map_err(|error| Problem::Entries(error.to_string()))?;
        if entries.len() != self.count as usize {
            return Err(Problem::Count { announced: self.count, found: entries.len() });
        }
        Ok(Record { position: self.position, epoch: self.epoch, entries })
    }
}

fn chain(previous: ChainHash, payload: &[u8]) -> ChainHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0).update(payload);
    let mut hash = ChainHash::default();
    hasher.finalize_xof().fill(&mut hash.0);
    hash
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn slice(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], Problem> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Problem::Malformed { field })?;
        self.0 = rest;
        Ok(head)
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Problem> {
        self.slice(N, field)?.try_into().map_err(|_| Problem::Malformed { field })
    }
}
