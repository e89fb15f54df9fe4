//! Names on the wire: ids of things and of requests. Owns their alphabet and range; which thing an
//! id names is the field's business.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::described::scalar;
use crate::limits::ID_BYTES_MAX;

const EXPECTED: &str = "an id: 1 to 64 characters of A-Z, a-z, 0-9, _ and -";

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{EXPECTED}")]
pub struct InvalidId;

/// A validated id. Ids of rooms, sales and the rest are unique within their shop.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(SmolStr);

fn legal(text: &str) -> bool {
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(alphabet)
}

impl Id {
    /// The id in `text`, or the reason it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if legal(text) { Ok(Self(SmolStr::new(text))) } else { Err(InvalidId) }
    }

    /// An id that was checked elsewhere by the same rule, such as one of the domain's.
    pub fn checked(text: SmolStr) -> Self {
        debug_assert!(legal(&text), "{text:?} is no id");
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_smol_str(self) -> SmolStr {
        self.0
    }
}

impl TryFrom<&str> for Id {
    type Error = InvalidId;

    fn try_from(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl std::str::FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                // The text itself may be long: the message says what is wrong, not all of it.
                Id::parse(text).map_err(|_| E::invalid_value(Unexpected::Other("text"), &self))
            }
        }

        deserializer.deserialize_str(IdVisitor)
    }
}

scalar!(Id, "Id", "string", {
    "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_-]{1,64}$"
});

/// A client's name for one of its requests: 1 to 2^31, unique on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u32);

impl RequestId {
    pub const FIRST: Self = Self(1);

    pub const MAX: u32 = 1 << 31;

    pub fn new(number: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = crate::number::bounded(deserializer, 1, u64::from(Self::MAX))?;
        Ok(Self(u32::try_from(number).map_err(de::Error::custom)?))
    }
}

scalar!(RequestId, "RequestId", "number", {
    "type": "integer", "minimum": 1, "maximum": 2_147_483_648_u32
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_alphabet_or_length_are_refused() {
        let longest = "x".repeat(ID_BYTES_MAX);
        assert!(Id::parse(&longest).is_ok());
        for text in ["", "a b", "a/b", "a}b", "é", "a\n", &format!("{longest}x")] {
            assert_eq!(Id::parse(text), Err(InvalidId), "{text:?}");
        }
    }

    #[test]
    fn request_ids_run_from_one_to_two_to_the_31() {
        for (text, good) in [("0", false), ("1", true), ("2147483648", true)] {
            assert_eq!(serde_json::from_str::<RequestId>(text).is_ok(), good, "{text}");
        }
        for text in ["2147483649", "-1", "1.0", "\"1\"", "null", "18446744073709551616"] {
            assert!(serde_json::from_str::<RequestId>(text).is_err(), "{text}");
        }
    }
}
