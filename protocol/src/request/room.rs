//! Requests about a live room. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::limits::{BAG_PRODUCTS_MAX, COMMENT_CHARS_MAX, KEYWORD_CHARS_MAX, KEYWORDS_MAX};
use crate::number::{Count, Likes, SpanMs};
use crate::object::{RoomSpec, RoomState};
use crate::text::{List, Text};

/// Enters a room: a snapshot, the buyer's own state, and from then on the room's pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomJoin {
    pub shop: Id,
    pub room: Id,
}

/// Leaves a room: no more of its pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomLeave {
    pub shop: Id,
    pub room: Id,
}

/// Says something. The author gets the comment in the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomComment {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub text: Text<COMMENT_CHARS_MAX>,
}

/// Likes since the last report. The server counts at most 10 a second and buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomLike {
    pub shop: Id,
    pub room: Id,
    pub count: Likes,
}

/// The heartbeat of a viewer, every 10 s (`watch_ms` of the welcome) and at each change. One counts
/// for 15 s while it plays and shows, whatever becomes of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomWatch {
    pub shop: Id,
    pub room: Id,
    pub playing: bool,
    /// Whether the page is in front.
    pub visible: bool,
    /// Where the player is in the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_ms: Option<Count>,
    /// The buyer touched the player just now: of several rooms of a shop that he has open, watch
    /// time counts in the one touched last. Joining does so too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub touched: bool,
    /// What this device calls itself, where the token does not say. Few buyers count on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Id>,
}

/// The rooms of a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomList {
    pub shop: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RoomState>,
}

/// Schedules a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomCreate {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
    pub spec: RoomSpec,
}

/// Goes live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomStart {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
}

/// Pauses the live clock; claims go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomPause {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
}

/// Goes on after a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomResume {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
}

/// Ends a room and its sales for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomEnd {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
}

/// Replaces the bag: the products shown, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomBag {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub products: List<Id, BAG_PRODUCTS_MAX>,
}

/// Shows one product large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomPin {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub sku: Id,
}

/// Shows none large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomUnpin {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
}

/// Sets the least time between two comments of one buyer; 0 turns it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomSlowMode {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub interval_ms: SpanMs,
}

/// Replaces the words that comments must not contain. Whole words are blocked, in any case; in
/// scripts without spaces between words, and in Korean, a word is found anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomKeywords {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub keywords: List<Text<KEYWORD_CHARS_MAX>, KEYWORDS_MAX>,
}

/// Lets a user read but not comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomMute {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub user: Id,
    /// Absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<SpanMs>,
}

/// Lifts a mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomUnmute {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub user: Id,
}

/// Sends a user out of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomBan {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub user: Id,
    /// Absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<SpanMs>,
}

/// Lifts a ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomUnban {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub user: Id,
}

/// Takes a comment away from everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomDeleteComment {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub comment: Id,
}

/// The figures of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomDashboard {
    pub shop: Id,
    pub room: Id,
}
