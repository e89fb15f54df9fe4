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
    /// Every connection of each of them: one line for many.
    Users(Arc<[UserId]>),
    /// The staff who watch a shop's desk.
    Desk(ShopId),
    /// Whoever watches the conversation of a shop with a buyer: he, and the staff who serve him.
    Conversation { shop: ShopId, buyer: UserId },
}

impl Topic {
    fn new(text: String, target: Target) -> Self {
        Self(Arc::new(Inner { text: text.into(), target }))
    }

    pub fn room(shop: &ShopId, room: &RoomId) -> Self {
        let target = Target::Room { shop: shop.clone(), room: room.clone() };
        Self::new(format!("room:{shop}/{room}"), target)
    }

    pub fn user(user: &UserId) -> Self {
        Self::new(format!("user:{user}"), Target::User(user.clone()))
    }

    /// Many users under one name: whoever they are, they are no room and have no history.
    pub fn users(users: impl Into<Arc<[UserId]>>) -> Self {
        Self::new("users".to_owned(), Target::Users(users.into()))
    }

    pub fn desk(shop: &ShopId) -> Self {
        Self::new(format!("desk:{shop}"), Target::Desk(shop.clone()))
    }

    pub fn conversation(shop: &ShopId, buyer: &UserId) -> Self {
        let target = Target::Conversation { shop: shop.clone(), buyer: buyer.clone() };
        Self::new(format!("conversation:{shop}/{buyer}"), target)
    }

    /// The topic that a client wrote down, if it is one that clients can name: a user's own needs
    /// no name. Whether this client may hear it is for the caller to say.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        if kind == "desk" {
            return Some(Self::desk(&ShopId::parse(name).ok()?));
        }
        let (shop, of) = name.split_once('/')?;
        let shop = ShopId::parse(shop).ok()?;
        match kind {
            "room" => Some(Self::room(&shop, &RoomId::parse(of).ok()?)),
            "conversation" => Some(Self::conversation(&shop, &UserId::parse(of).ok()?)),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The shop whose topic it is; a user's own is no shop's.
    pub fn shop(&self) -> Option<&ShopId> {
        match self.target() {
            Target::Room { shop, .. } | Target::Desk(shop) | Target::Conversation { shop, .. } => {
                Some(shop)
            }
            Target::User(_) | Target::Users(_) => None,
        }
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
    }

    #[test]
    fn what_a_topic_is_called_is_read_back_with_its_target() {
        let (shop, room) = (ShopId::parse("acme").unwrap(), RoomId::parse("r1").unwrap());
        let buyer = UserId::parse("ann").unwrap();
        let topics = [
            (Topic::room(&shop, &room), "room:acme/r1"),
            (Topic::desk(&shop), "desk:acme"),
            (Topic::conversation(&shop, &buyer), "conversation:acme/ann"),
        ];
        for (topic, text) in topics {
            let read = Topic::parse(text).unwrap();
            assert_eq!((topic.as_str(), topic.target()), (text, read.target()));
        }
    }

    #[test]
    fn a_client_cannot_name_a_topic_that_is_none_or_somebody_elses_own() {
        let rooms = ["room:acme", "room:/r1", "room:acme/", "room:a/b/c", "acme/r1", ""];
        let others = [
            "user:ann",
            "user:acme/ann",
            "users",
            "users:ann",
            "desk:",
            "desk:acme/r1",
            "desk",
            "Desk:acme",
        ];
        let conversations = ["conversation:acme", "conversation:/ann", "conversation:acme/a/b"];
        for text in rooms.iter().chain(&others).chain(&conversations) {
            assert_eq!(Topic::parse(text), None, "{text:?}");
        }
    }
}
