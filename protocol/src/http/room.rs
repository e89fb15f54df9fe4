//! Rooms over HTTP. Owns bodies only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::limits::{BAG_PRODUCTS_MAX, KEYWORD_CHARS_MAX, KEYWORDS_MAX};
use crate::number::SpanMs;
use crate::object::{RoomSpec, RoomState};
use crate::text::{List, Text};

/// `POST /v1/shops/{shop}/rooms`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateRoom {
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
    pub spec: RoomSpec,
}

/// Query of `GET /v1/shops/{shop}/rooms`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListRooms {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RoomState>,
}

/// `PUT /v1/shops/{shop}/rooms/{room}/bag`: the products shown, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetBag {
    pub products: List<Id, BAG_PRODUCTS_MAX>,
}

/// `PUT /v1/shops/{shop}/rooms/{room}/pin`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetPin {
    pub sku: Id,
}

/// `PUT /v1/shops/{shop}/rooms/{room}/slow-mode`: 0 turns it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetSlowMode {
    pub interval_ms: SpanMs,
}

/// `PUT /v1/shops/{shop}/rooms/{room}/keywords`: words that comments must not contain.
/// Whole words are blocked, in any case; in scripts without spaces between words, and in Korean, a
/// word is found anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetKeywords {
    pub keywords: List<Text<KEYWORD_CHARS_MAX>, KEYWORDS_MAX>,
}

/// `PUT /v1/shops/{shop}/rooms/{room}/mutes/{user}` and `…/bans/{user}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restrict {
    /// Absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<SpanMs>,
}

component!(CreateRoom, ListRooms, SetBag, SetPin, SetSlowMode, SetKeywords, Restrict);
