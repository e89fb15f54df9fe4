//! What only we can make: ids that follow from a key and are not guessed, and tickets for one file
//! and a while. Owns the signing key; keeps nothing.

use hawker_domain::id::{ShopId, UploadId, UserId};
use hawker_domain::time::Millis;
use hawker_protocol::Id;

/// The same on every node and after every restart, since it comes from the deployment's secret.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("hawker 2026-11 uploads", secret))
    }

    /// The secret part of the id of what `user` sends under `command`.
    pub(super) fn secret(&self, shop: &ShopId, user: &UserId, command: &Id) -> [u8; 16] {
        let hash = self.hash(&format!("id\n{shop}\n{user}\n{command}"));
        std::array::from_fn(|index| hash.as_bytes()[index])
    }

    /// `<expires at>.<signature>` for this file.
    pub(super) fn ticket(&self, shop: &ShopId, upload: &UploadId, expires_at: Millis) -> String {
        format!("{}.{}", expires_at.0, self.signature(shop, upload, &expires_at.0.to_string()))
    }

    /// Whether we made `ticket` for this file, and its time is not over.
    pub(super) fn admits(
        &self,
        ticket: &str,
        shop: &ShopId,
        upload: &UploadId,
        now: Millis,
    ) -> bool {
        let Some((expires_at, signature)) = ticket.split_once('.') else { return false };
        let Ok(signature) = blake3::Hash::from_hex(signature) else { return false };
        // Compared as hashes are: in constant time.
        let is_ours = signature == self.signature(shop, upload, expires_at);
        is_ours && expires_at.parse().is_ok_and(|at| now < Millis(at))
    }

    fn signature(&self, shop: &ShopId, upload: &UploadId, expires_at: &str) -> blake3::Hash {
        self.hash(&format!("ticket\n{shop}\n{upload}\n{expires_at}"))
    }

    fn hash(&self, text: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_counts_for_its_file_and_time_only() {
        let key = Key::derive(b"secret");
        let (acme, bolt) = (ShopId::parse("acme").unwrap(), ShopId::parse("bolt").unwrap());
        let (one, two) = (UploadId::parse("one").unwrap(), UploadId::parse("two").unwrap());
        let (now, end) = (Millis(1_000), Millis(5_000));
        let ticket = key.ticket(&acme, &one, end);
        assert!(key.admits(&ticket, &acme, &one, now));
        assert!(key.admits(&ticket, &acme, &one, Millis(4_999)));
        assert!(!key.admits(&ticket, &acme, &one, end));
        assert!(!key.admits(&ticket, &acme, &two, now));
        assert!(!key.admits(&ticket, &bolt, &one, now));
        assert!(!key.admits(&ticket.replace("5000", "9000"), &acme, &one, now));
        assert!(!Key::derive(b"other").admits(&ticket, &acme, &one, now));
        for forged in ["", ".", "9000", "9000.", "9000.00", "x.y"] {
            assert!(!key.admits(forged, &acme, &one, now), "{forged}");
        }
    }

    #[test]
    fn a_secret_follows_from_shop_user_and_key_and_from_ours() {
        let key = Key::derive(b"secret");
        let of = |key: &Key, shop: &str, user: &str, command: &str| {
            let (shop, user) = (ShopId::parse(shop).unwrap(), UserId::parse(user).unwrap());
            key.secret(&shop, &user, &Id::parse(command).unwrap())
        };
        let secret = of(&key, "acme", "ann", "k1");
        assert_eq!(of(&key, "acme", "ann", "k1"), secret);
        assert_ne!(of(&key, "acme", "ann", "k2"), secret);
        assert_ne!(of(&key, "acme", "bob", "k1"), secret);
        assert_ne!(of(&key, "bolt", "ann", "k1"), secret);
        assert_ne!(of(&Key::derive(b"other"), "acme", "ann", "k1"), secret);
    }
}
