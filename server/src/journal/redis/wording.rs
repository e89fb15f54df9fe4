//! How keys and hashes are written in Redis. Owns the names; never talks to it.

use hawker_domain::id::ShopId;

use crate::journal::{ChainHash, Version};

/// Made when the store was first used; tells it from another that took its place.
pub(super) const INSTALLATION: &str = "hawker:installation";

/// Shops by when they are due.
pub(super) const DUE: &str = "hawker:due";

/// Every shop that has a history.
pub(super) const SHOPS: &str = "hawker:shops";

/// Servers by when they last spoke, and what they say of themselves.
pub(super) const NODES: &str = "hawker:nodes";
pub(super) const ADDRESSES: &str = "hawker:node-addresses";

/// A shop's keys share a hash tag. A shop's id holds no brace, so no name changes its slot.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) meta: String,
    pub(super) journal: String,
    pub(super) documents: String,
    pub(super) document_keys: String,
    pub(super) snapshot: String,
}

impl Keys {
    pub(super) fn of(shop: &ShopId) -> Self {
        let key = |what| format!("hawker:{{{shop}}}:{what}");
        Self {
            meta: key("meta"),
            journal: key("journal"),
            documents: key("documents"),
            document_keys: key("document-keys"),
            snapshot: key("snapshot"),
        }
    }
}

/// The id of the stream's entry that made `version`.
pub(super) fn entry_id(version: Version) -> String {
    format!("{version}-0")
}

pub(super) fn hex(hash: ChainHash) -> String {
    format!("{hash:?}")
}

pub(super) fn parse_hex(text: &str) -> Option<ChainHash> {
    let mut hash = ChainHash::default();
    if text.len() != 2 * hash.0.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.0.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = ChainHash(std::array::from_fn(|index| (index * 17) as u8));
        assert_eq!(parse_hex(&hex(hash)), Some(hash));
        for none in ["", "00", "zz000000000000000000000000000000"] {
            assert_eq!(parse_hex(none), None);
        }
    }
}
