//! One entry of a shop's stream as events. Owns the layout, which is an idea of its own of what
//! `server/src/journal/record.rs` writes; never asks Redis for anything.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

/// The fields of a stream's entry. `head`, `entries` and `trailer` one after the other are the
/// record; `entries` alone is a JSON text.
pub(super) type Fields = HashMap<String, Vec<u8>>;

const SCHEMA: u16 = 1;
const HEAD_BYTES_MIN: usize = 48;
const HASH_BYTES: usize = 16;
const TRAILER_BYTES: usize = HASH_BYTES + 4;

/// What one batch did to the shop.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) version: u64,
    previous: u64,
    hash: [u8; HASH_BYTES],
    pub(super) entries: Vec<Entry>,
}

/// One command, or one step of time passing.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) events: Vec<Event>,
}

/// Whoever does not know a type passes it by: new ones come with every version.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) data: Value,
}

impl Record {
    /// The record of the entry `id`. If `before` is the one before it, this has to continue it.
    pub(super) fn decode(id: &str, fields: &Fields, before: Option<&Self>) -> Result<Self> {
        let part = |name| fields.get(name).map(Vec::as_slice).context(format!("no field `{name}`"));
        let (head, text, trailer) = (part("head")?, part("entries")?, part("trailer")?);
        ensure!(head.len() >= HEAD_BYTES_MIN && trailer.len() == TRAILER_BYTES, "cut short");
        let (hash, checksum) = trailer.split_at(HASH_BYTES);
        let mut computed = crc32c::crc32c(head);
        for more in [text, hash] {
            computed = crc32c::crc32c_append(computed, more);
        }
        ensure!(checksum == computed.to_be_bytes(), "its checksum is another");
        ensure!(head.starts_with(b"HWKR"), "not a record");
        let schema = u16::from_be_bytes(number(head, 4)?);
        ensure!(schema == SCHEMA, "schema {schema} is newer than this program: update it");
        let (previous, version) =
            (u64::from_be_bytes(number(head, 6)?), u64::from_be_bytes(number(head, 14)?));
        ensure!(id == format!("{version}-0"), "it says that it is version {version}");
        let record = Self {
            version,
            previous,
            hash: number(hash, 0)?,
            entries: serde_json::from_slice(text).context("its entries cannot be read")?,
        };
        let follows = before.is_none_or(|before| record.continues(before, head, text));
        ensure!(follows, "it does not continue the history that was read before");
        Ok(record)
    }

    /// Another reader of the group may have had what lies between: then there is no telling.
    fn continues(&self, before: &Self, head: &[u8], text: &[u8]) -> bool {
        if self.previous != before.version {
            return true;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before.hash).update(head).update(text);
        hasher.finalize().as_bytes()[..HASH_BYTES] == self.hash
    }
}

fn number<const N: usize>(bytes: &[u8], from: usize) -> Result<[u8; N]> {
    let found = bytes.get(from..from + N).context("cut short")?;
    found.try_into().context("cut short")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: &str = r#"[{"at":7,"events":[{"type":"order_paid","data":{"order":"o1"}}]}]"#;

    fn fields(version: u64, before: [u8; HASH_BYTES], text: &str) -> (Fields, [u8; HASH_BYTES]) {
        let mut head = b"HWKR\0\x01".to_vec();
        head.extend((version - 1).to_be_bytes());
        head.extend(version.to_be_bytes());
        // Epoch, due time, counts and a shop's name do not matter here.
        head.extend([0; 28]);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&before).update(&head).update(text.as_bytes());
        let hash: [u8; HASH_BYTES] = hasher.finalize().as_bytes()[..HASH_BYTES].try_into().unwrap();
        let record = [&head[..], text.as_bytes(), &hash[..]].concat();
        let trailer = [&hash[..], &crc32c::crc32c(&record).to_be_bytes()].concat();
        let parts = [("head", head), ("entries", text.into()), ("trailer", trailer)];
        (parts.map(|(name, bytes)| (name.to_owned(), bytes)).into(), hash)
    }

    #[test]
    fn a_record_is_what_it_says_and_the_next_continues_it() {
        let (one, hash) = fields(4, [9; HASH_BYTES], PAID);
        let one = Record::decode("4-0", &one, None).unwrap();
        assert_eq!((one.version, one.entries[0].at), (4, 7));
        assert_eq!(one.entries[0].events[0].kind, "order_paid");
        let (two, _) = fields(5, hash, "[]");
        assert!(Record::decode("5-0", &two, Some(&one)).is_ok());
        let (other, _) = fields(5, [1; HASH_BYTES], "[]");
        let refused = Record::decode("5-0", &other, Some(&one)).unwrap_err();
        assert!(refused.to_string().contains("does not continue"), "{refused}");
        let (later, _) = fields(7, [1; HASH_BYTES], "[]");
        assert!(Record::decode("7-0", &later, Some(&one)).is_ok(), "6 went to another reader");
    }

    #[test]
    fn what_is_damaged_moved_or_newer_is_no_record() {
        let (mut damaged, _) = fields(4, [0; HASH_BYTES], PAID);
        assert!(Record::decode("5-0", &damaged, None).is_err());
        damaged.get_mut("entries").unwrap()[6] ^= 1;
        let refused = Record::decode("4-0", &damaged, None).unwrap_err();
        assert!(refused.to_string().contains("checksum"), "{refused}");
        damaged.remove("trailer");
        assert!(Record::decode("4-0", &damaged, None).is_err());
    }
}
