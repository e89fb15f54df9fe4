//! How long somebody has been in a room, in a form he can carry over a reconnect and not forge.

use hawker_domain::id::UserId;
use hawker_domain::time::Millis;

use crate::hub::Topic;

/// Signs joins. The same on every node and after every restart, since it comes from the
/// deployment's own secret.
#[derive(Clone)]
pub struct PresenceKey([u8; 32]);

impl PresenceKey {
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("hawker 2026-11 presence in a room", secret))
    }

    /// `<joined at>.<signature>` for this user and room.
    pub(super) fn sign(&self, user: &UserId, topic: &Topic, joined_at: Millis) -> String {
        let joined_at = joined_at.0.to_string();
        let signature = self.signature(user, topic, &joined_at);
        format!("{joined_at}.{signature}")
    }

    /// When the join was, if we signed it and it is not in the future.
    pub(super) fn verify(
        &self,
        presence: &str,
        user: &UserId,
        topic: &Topic,
        now: Millis,
    ) -> Option<Millis> {
        let (joined_at, signature) = presence.split_once('.')?;
        let expected = self.signature(user, topic, joined_at);
        // Compared as hashes are: in constant time.
        let signature = blake3::Hash::from_hex(signature).ok()?;
        let joined_at = Millis(joined_at.parse().ok()?);
        (signature == expected && joined_at <= now).then_some(joined_at)
    }

    fn signature(&self, user: &UserId, topic: &Topic, joined_at: &str) -> blake3::Hash {
        let text = format!("{user}\n{topic}\n{joined_at}");
        blake3::keyed_hash(&self.0, text.as_bytes())
    }
}

impl std::fmt::Debug for PresenceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresenceKey")
    }
}

#[cfg(test)]
mod tests {
    use hawker_domain::id::{RoomId, ShopId};

    use super::*;

    #[test]
    fn a_presence_counts_for_its_user_room_and_time_only() {
        let key = PresenceKey::derive(b"secret");
        let (ann, bob) = (UserId::parse("ann").unwrap(), UserId::parse("bob").unwrap());
        let shop = ShopId::parse("acme").unwrap();
        let room = |room| Topic::room(&shop, &RoomId::parse(room).unwrap());
        let (joined_at, now) = (Millis(1_000), Millis(5_000));
        let presence = key.sign(&ann, &room("r1"), joined_at);
        assert_eq!(key.verify(&presence, &ann, &room("r1"), now), Some(joined_at));
        assert_eq!(key.verify(&presence, &bob, &room("r1"), now), None);
        assert_eq!(key.verify(&presence, &ann, &room("r2"), now), None);
        assert_eq!(key.verify(&presence, &ann, &room("r1"), Millis(999)), None);
        assert_eq!(key.verify(&presence.replace("1000", "0000"), &ann, &room("r1"), now), None);
        let other = PresenceKey::derive(b"other");
        assert_eq!(other.verify(&presence, &ann, &room("r1"), now), None);
    }
}
