//! Names of topics. Made from ids only, so that no text of a client can name somebody else's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{RoomId, ShopId, UserId};

/// What a publication is about; cheap to clone.
#[derive(Clone)]
pub struct Topic(Arc<Inner>);

struct Inner {
    text: Box<str>,
    target: Target,
}

/// The ids behind a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Everybody who joined the room.
    Room { shop: ShopId, room: RoomId },
    /// Every connection of one user.
    User(UserId),
}

impl Topic {
    pub fn room(shop: &ShopId, room: &RoomId) -> Self {
        let text = format!("room:{shop}/{room}").into();
        Self(Arc::new(Inner {
            text,
            target: Target::Room { shop: shop.clone(), room: room.clone() },
        }))
    }

    pub fn user(user: &UserId) -> Self {
        let text = format!("user:{user}").into();
        Self(Arc::new(Inner { text, target: Target::User(user.clone()) }))
    }

    /// The room's topic that a client wrote down, if it is one. Whether the client may hear the
    /// room is for the caller to say.
    pub fn parse_room(text: &str) -> Option<Self> {
        let (shop, room) = text.strip_prefix("room:")?.split_once('/')?;
        Some(Self::room(&ShopId::parse(shop).ok()?, &RoomId::parse(room).ok()?))
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn target(&self) -> &Target {
        &self.0.target
    }
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Topic {}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_named_by_its_shop_and_id() {
        let (shop, room) = (ShopId::parse("acme").unwrap(), RoomId::parse("r1").unwrap());
        let topic = Topic::room(&shop, &room);
        assert_eq!(topic.as_str(), "room:acme/r1");
        assert_eq!(Topic::parse_room("room:acme/r1"), Some(topic));
    }

    #[test]
    fn a_client_cannot_name_a_topic_that_is_no_room() {
        for text in ["user:ann", "room:acme", "room:/r1", "room:acme/", "room:a/b/c", "acme/r1", ""]
        {
            assert_eq!(Topic::parse_room(text), None, "{text:?}");
        }
    }
}
