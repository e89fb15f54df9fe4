//! Numbers on the wire: money, times, spans and quantities. Owns their ranges, all of which a
//! JavaScript client reads exactly; does no arithmetic.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::described::scalar;
use crate::limits::{
    CAP_MAX, CLAIMS_MAX, COUPONS_PER_BUYER_MAX, LIKES_AT_ONCE_MAX, MESSAGES_PAGE_MAX, NUMBER_MAX,
    PAGE_ITEMS_MAX, QUANTITY_MAX, STARS_MAX, WINNERS_MAX,
};

struct Bounded {
    min: u64,
    max: u64,
}

impl Visitor<'_> for Bounded {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from {} to {}", self.min, self.max)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if (self.min..=self.max).contains(&number) {
            return Ok(number);
        }
        Err(E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

/// Reads an integer within `min..=max`; the error names both.
pub(crate) fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: u64,
    max: u64,
) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(Bounded { min, max })
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty) in $min:literal..=$max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = bounded(deserializer, $min, $max)?;
                Ok(Self(<$inner>::try_from(number).map_err(de::Error::custom)?))
            }
        }

        scalar!($name, stringify!($name), "number", {
            "type": "integer", "minimum": $min, "maximum": ($max)
        });
    )*};
}

numbers! {
    /// A point in time: milliseconds since 1970-01-01 UTC by the server's clock.
    EpochMs(i64) in 0..=NUMBER_MAX;
    /// A span of time in milliseconds.
    SpanMs(u64) in 0..=NUMBER_MAX;
    /// An amount in minor units of the currency beside it; never negative, never a fraction.
    Minor(u64) in 0..=NUMBER_MAX;
    /// How many units are asked for.
    Quantity(u32) in 1..=u64::from(QUANTITY_MAX);
    /// How many units there are or shall be.
    Units(u32) in 0..=u64::from(u32::MAX);
    /// A clock or counter value that is handed back as it came.
    Count(u64) in 0..=NUMBER_MAX;
    /// Likes since the last report.
    Likes(u32) in 1..=u64::from(LIKES_AT_ONCE_MAX);
    /// One reception of a buyer: the number of its opening in the shop, from 1.
    SessionId(u64) in 1..=NUMBER_MAX;
    /// The number of a message in its conversation, from 1 without gaps.
    MessageSeq(u64) in 1..=NUMBER_MAX;
    /// How often a session changed its owner. What was meant for an older owner is refused.
    OwnerEpoch(u32) in 0..=u64::from(u32::MAX);
    /// How many sessions an agent holds at most. 0: none are given to him.
    Cap(u32) in 0..=u64::from(CAP_MAX);
    /// How a buyer liked a session.
    Stars(u8) in 1..=u64::from(STARS_MAX);
    /// A share in hundredths of a percent.
    Bps(u32) in 1..=10_000;
    /// How many coupons a campaign gives.
    Claims(u32) in 1..=u64::from(CLAIMS_MAX);
    /// How many of them one buyer may have.
    PerBuyer(u32) in 1..=u64::from(COUPONS_PER_BUYER_MAX);
    /// How many win a draw.
    Winners(u32) in 1..=u64::from(WINNERS_MAX);
    /// Yes or no in a query.
    Switch(u8) in 0..=1;
    /// The size of a page of a list.
    PageLimit(u32) in 1..=u64::from(PAGE_ITEMS_MAX);
    /// The size of a page of messages.
    MessageLimit(u32) in 1..=u64::from(MESSAGES_PAGE_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_javascript_would_round_is_refused() {
        assert!(serde_json::from_str::<Minor>("9007199254740991").is_ok());
        let error = serde_json::from_str::<Minor>("9007199254740992").unwrap_err();
        assert!(error.to_string().contains("an integer from 0 to 9007199254740991"), "{error}");
    }

    #[test]
    fn fractions_negatives_and_texts_are_no_numbers() {
        for text in ["1.5", "1.0", "-1", "\"1\"", "null", "true", "1e3"] {
            assert!(serde_json::from_str::<Quantity>(text).is_err(), "{text}");
        }
    }
}
