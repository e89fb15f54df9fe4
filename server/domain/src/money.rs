//! Money: integers of a currency's minor unit. Owns checked arithmetic; never rounds.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// An ISO 4217 code such as `USD`: three capital letters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters, such as USD")]
pub struct InvalidCurrency;

impl Currency {
    pub fn parse(text: &str) -> Result<Self, InvalidCurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(InvalidCurrency) }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TryFrom<SmolStr> for Currency {
    type Error = InvalidCurrency;

    fn try_from(text: SmolStr) -> Result<Self, InvalidCurrency> {
        Self::parse(&text)
    }
}

impl From<Currency> for SmolStr {
    fn from(currency: Currency) -> Self {
        Self::new(currency.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The dearest unit a shop may sell: ten thousand million minor units. Times the largest
/// quantity it stays far below what JSON numbers hold exactly (2^53).
pub const PRICE_MINOR_MAX: u64 = 10_000_000_000;

/// An amount in minor units of the shop's currency, never negative.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minor(pub u64);

impl Minor {
    /// The price of `units` units. Prices and quantities are bounded, so this cannot overflow.
    pub fn times(self, units: u32) -> Self {
        Self(self.0.saturating_mul(u64::from(units)))
    }

    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left without `other`; nothing where that is more.
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
