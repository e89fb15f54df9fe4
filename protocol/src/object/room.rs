//! A live room and what happens in it. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Draw, Offer, Product, Role, Sale};
use crate::described::component;
use crate::id::Id;
use crate::limits::{TITLE_CHARS_MAX, URL_CHARS_MAX};
use crate::number::{EpochMs, Minor, SpanMs};
use crate::text::Text;
use crate::topic::Topic;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    Scheduled,
    Live,
    Paused,
    Ended,
}

/// A room as everybody in it may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Room {
    pub room: Id,
    pub streamer: Id,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playback_url: Option<String>,
    pub state: RoomState,
    pub live_clock: LiveClock,
    /// The least time between two comments of one buyer; 0 when slow mode is off.
    pub slow_mode_ms: SpanMs,
    pub keep_comments: bool,
    /// The products in the bag, in the order shown.
    pub bag: Vec<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pin>,
    pub likes: u64,
    pub joins: u64,
    pub viewers_peak: u64,
    pub version: u64,
}

/// How long the room has been live: `elapsed_ms` up to `at`, and running on while it is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct LiveClock {
    pub elapsed_ms: SpanMs,
    pub at: EpochMs,
}

/// The product that is shown large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Pin {
    pub sku: Id,
    pub product: Id,
    pub title: String,
    pub price_minor: Minor,
    pub version: u64,
}

/// A room as its streamer describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomSpec {
    /// Who streams; without it the one who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streamer: Option<Id>,
    pub title: Text<TITLE_CHARS_MAX>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_url: Option<Text<URL_CHARS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playback_url: Option<Text<URL_CHARS_MAX>>,
    /// Kept comments survive the room; others are gone after the last 500 or 5 minutes.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub keep_comments: bool,
    #[serde(default)]
    #[ts(as = "Option<SpanMs>", optional)]
    pub slow_mode_ms: SpanMs,
}

/// A comment in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Comment {
    pub comment: Id,
    pub user: Id,
    pub name: String,
    /// As it was typed: whoever shows it must escape it.
    pub text: String,
    pub at: EpochMs,
    /// Absent for buyers.
    #[serde(default, skip_serializing_if = "Role::is_buyer")]
    #[ts(optional, as = "Option<Role>")]
    pub role: Role,
}

/// Everything a viewer needs to draw a room. It holds the pushes of the topic up to `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomSnapshot {
    pub topic: Topic,
    /// A new owner of the room starts a new epoch; `seq` means nothing across epochs.
    pub epoch: String,
    pub seq: u64,
    pub room: Room,
    /// ISO 4217, of every amount in the room.
    pub currency: String,
    /// The products in the bag and those on sale.
    pub products: Vec<Product>,
    /// Sales that are announced or running here, and those that ended lately.
    pub sales: Vec<Sale>,
    /// Coupon campaigns that are announced here or can be claimed from: the newest first, at most
    /// 20. `coupon.list` has the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Offer>>", optional)]
    pub offers: Vec<Offer>,
    /// Lucky draws of the room that are not done: the one that closes last first, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Draw>>", optional)]
    pub draws: Vec<Draw>,
    pub viewers: u64,
    /// The recent comments, oldest first.
    pub comments: Vec<Comment>,
}

component!(RoomState, Room, LiveClock, Pin, RoomSpec, Comment, RoomSnapshot);
