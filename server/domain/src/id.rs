//! Names of things: validated ids. Owns their alphabet and length; never makes one up.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The longest id: what fits a key, a log line and a URL segment with room to spare.
pub const ID_BYTES_MAX: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let fits = !text.is_empty() && text.len() <= ID_BYTES_MAX;
    if fits && text.bytes().all(legal) { Ok(()) } else { Err(InvalidId) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// The id in `text`, or the reason it is none.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(SmolStr::new(text)))
            }

            /// An id that was checked elsewhere by the same rule, such as one of the wire's.
            pub fn checked(text: impl Into<SmolStr>) -> Self {
                let text = text.into();
                debug_assert!(check(&text).is_ok(), "{text:?} is no id");
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = InvalidId;

            fn try_from(text: SmolStr) -> Result<Self, InvalidId> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for SmolStr {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A shop: the unit of ordering, ownership and storage.
    ShopId;
    /// The owner of a token, whatever roles it has. A buyer is a user who watches and buys.
    UserId;
    RoomId;
    ProductId;
    SkuId;
    SaleId;
    ReservationId;
    OrderId;
    /// The payment provider's own id of a payment.
    PaymentId;
    CommentId;
    /// Made by the caller, unique per shop and user: the same id is the same command.
    CommandId;
    /// A socket, as the edge names it; never used twice, also not after a restart.
    ConnectionId;
    FaqId;
    QuickReplyId;
    NoteId;
    ReportId;
    /// A file that was uploaded before it was sent.
    UploadId;
    CouponId;
    /// A coupon campaign.
    CampaignId;
    /// A rule about prices.
    RuleId;
    /// A lucky draw.
    DrawId;
    /// A refund, named by the shop's system.
    RefundId;
}

/// One reception of a buyer: the number of its opening, counted from 1 without gaps in a shop, so
/// that ten million of them are found by subtraction.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for SessionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self).map_err(|_| InvalidId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_alphabet_or_length_are_refused() {
        let longest = "x".repeat(ID_BYTES_MAX);
        assert!(ShopId::parse(&longest).is_ok());
        for text in ["", "a b", "a/b", "a}b", "é", &format!("{longest}x")] {
            assert_eq!(ShopId::parse(text), Err(InvalidId), "{text:?}");
        }
    }

    #[test]
    fn a_stored_id_is_checked_when_it_is_read() {
        assert!(serde_json::from_str::<RoomId>("\"r1\"").is_ok());
        assert!(serde_json::from_str::<RoomId>("\"r 1\"").is_err());
    }
}
