//! Points in time and spans, in integer milliseconds. Owns their arithmetic; never reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01 UTC, by the shop's writer.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// A span of time in milliseconds, never negative.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SpanMs(pub u64);

impl SpanMs {
    pub const fn seconds(count: u64) -> Self {
        Self(count * 1_000)
    }

    pub const fn minutes(count: u64) -> Self {
        Self::seconds(count * 60)
    }

    pub const fn hours(count: u64) -> Self {
        Self::minutes(count * 60)
    }

    pub const fn days(count: u64) -> Self {
        Self::hours(count * 24)
    }
}

impl Millis {
    /// The span from `earlier` to here; nothing when `earlier` is later.
    pub fn since(self, earlier: Self) -> SpanMs {
        SpanMs(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

impl Add<SpanMs> for Millis {
    type Output = Self;

    fn add(self, span: SpanMs) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl Sub<SpanMs> for Millis {
    type Output = Self;

    fn sub(self, span: SpanMs) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
