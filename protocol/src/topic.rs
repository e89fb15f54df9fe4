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
    Room { shop: Id, room: Id },
}

/// Why a text is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic such as room:<shop>/<room>")]
pub struct InvalidTopic;

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        let names = text.strip_prefix("room:").ok_or(InvalidTopic)?;
        let (shop, room) = names.split_once('/').ok_or(InvalidTopic)?;
        let id = |name: &str| Id::parse(name).map_err(|_| InvalidTopic);
        Ok(Self::Room { shop: id(shop)?, room: id(room)? })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { shop, room } => write!(f, "room:{shop}/{room}"),
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
    "type": "string", "pattern": "^room:[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}$"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_back_as_it_was_written() {
        let topic: Topic = "room:acme/r1".parse().unwrap();
        assert_eq!(topic.to_string(), "room:acme/r1");
        for text in ["", "room:", "room:acme", "desk:acme", "room:acme/", "room:a/b/c"] {
            assert_eq!(text.parse::<Topic>(), Err(InvalidTopic), "{text}");
        }
    }
}
