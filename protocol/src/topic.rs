//! What a sequence of pushes is about. Owns the spelling of topics; never counts them.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::described::scalar;
use crate::id::Id;

/// Each topic has one `seq` without gaps under an `epoch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Room {
        shop: Id,
        room: Id,
    },
    /// The agents' side of a shop.
    Desk {
        shop: Id,
    },
    /// All that a shop and one buyer ever said to each other. Its `seq` is the message's number
    /// and never restarts: the epoch is always `"1"`.
    Conversation {
        shop: Id,
        buyer: Id,
    },
}

/// The epoch of every conversation.
pub const CONVERSATION_EPOCH: &str = "1";

/// Why a text is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic: room:<shop>/<room>, desk:<shop> or conversation:<shop>/<buyer>")]
pub struct InvalidTopic;

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        let (kind, names) = text.split_once(':').ok_or(InvalidTopic)?;
        let id = |name: &str| Id::parse(name).map_err(|_| InvalidTopic);
        if kind == "desk" {
            return Ok(Self::Desk { shop: id(names)? });
        }
        let (shop, name) = names.split_once('/').ok_or(InvalidTopic)?;
        let (shop, name) = (id(shop)?, id(name)?);
        match kind {
            "room" => Ok(Self::Room { shop, room: name }),
            "conversation" => Ok(Self::Conversation { shop, buyer: name }),
            _ => Err(InvalidTopic),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { shop, room } => write!(f, "room:{shop}/{room}"),
            Self::Desk { shop } => write!(f, "desk:{shop}"),
            Self::Conversation { shop, buyer } => write!(f, "conversation:{shop}/{buyer}"),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let problem = |_| {
            de::Error::invalid_value(Unexpected::Other("text"), &InvalidTopic.to_string().as_str())
        };
        text.parse().map_err(problem)
    }
}

scalar!(Topic, "Topic", "string", {
    "type": "string",
    "pattern": (concat!(
        "^(desk:[A-Za-z0-9_-]{1,64}",
        "|(room|conversation):[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64})$"
    ))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_back_as_it_was_written() {
        for text in ["room:acme/r1", "desk:acme", "conversation:acme/u1"] {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
        }
        let bad = ["", "room:", "room:acme", "room:acme/", "room:a/b/c", "desk:", "desk:a/b"];
        for text in bad.into_iter().chain(["conversation:a", "sale:a/b", "acme/r1", "desk"]) {
            assert_eq!(text.parse::<Topic>(), Err(InvalidTopic), "{text}");
        }
    }
}
