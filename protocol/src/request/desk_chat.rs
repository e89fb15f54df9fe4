//! Requests of the staff about one buyer: what is said to him and noted of him. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::limits::{CURSOR_CHARS_MAX, NOTE_CHARS_MAX, SEARCH_CHARS_MAX, TAG_CHARS_MAX, TAGS_MAX};
use crate::number::{Count, MessageLimit, MessageSeq, PageLimit, SessionId};
use crate::object::Draft;
use crate::text::{List, Text};

/// A conversation with all that is known of its buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskOpen {
    pub shop: Id,
    pub buyer: Id,
}

/// From now on this connection hears the pushes of a conversation that is not its agent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskWatch {
    pub shop: Id,
    pub buyer: Id,
}

/// It hears them no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskUnwatch {
    pub shop: Id,
    pub buyer: Id,
}

/// Says something to a buyer. Outside a session it opens none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskSend {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
    pub content: Draft,
}

/// How far the staff has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskRead {
    pub shop: Id,
    pub buyer: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Count>,
    /// What is read was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Count>,
}

/// He types. Once every few seconds is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskTyping {
    pub shop: Id,
    pub buyer: Id,
}

/// Takes an own message back, within two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskRecall {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
    pub seq: MessageSeq,
}

/// Messages of a conversation, oldest first; without a bound the last ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskHistory {
    pub shop: Id,
    pub buyer: Id,
    /// Older than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Count>,
    /// Newer than this; wins over `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Count>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<MessageLimit>,
}

/// Writes down something that the buyer never sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskNote {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
    pub text: Text<NOTE_CHARS_MAX>,
}

/// Replaces the tags of a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskTag {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
    pub tags: List<Text<TAG_CHARS_MAX>, TAGS_MAX>,
}

/// Takes no more messages of a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct BuyerBlock {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
}

/// Takes them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct BuyerUnblock {
    pub shop: Id,
    pub command_id: Id,
    pub buyer: Id,
}

/// Messages that contain a text, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskSearch {
    pub shop: Id,
    pub text: Text<SEARCH_CHARS_MAX>,
    /// Absent: in all conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// What was said, as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskExport {
    pub shop: Id,
    pub of: ExportOf,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<MessageLimit>,
}

/// What is exported: `{"buyer":"u1"}`, all of his conversation, or `{"session":7}`, its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ExportOf {
    Buyer(Id),
    Session(SessionId),
}
