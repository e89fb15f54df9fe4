//! Requests of a buyer who chats with a shop. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::limits::RATING_CHARS_MAX;
use crate::number::{Count, MessageLimit, MessageSeq, SessionId, Stars};
use crate::object::Draft;
use crate::text::Text;

/// Opens the chat page: what was said last, the card, and from then on the pushes of the
/// conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatOpen {
    pub shop: Id,
}

/// Says something. The first word opens a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatSend {
    pub shop: Id,
    pub command_id: Id,
    pub content: Draft,
    /// The live room the buyer stands in while he writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// Clicks a question of the FAQ; its answer comes as a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatFaq {
    pub shop: Id,
    pub command_id: Id,
    pub faq: Id,
    /// The live room the buyer stands in while he writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// How far the buyer has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatRead {
    pub shop: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Count>,
    /// What is read was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Count>,
}

/// He types. Once every few seconds is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatTyping {
    pub shop: Id,
}

/// Takes a message back, within two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatRecall {
    pub shop: Id,
    pub command_id: Id,
    pub seq: MessageSeq,
}

/// Messages of the conversation, oldest first; without a bound the last ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatHistory {
    pub shop: Id,
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

/// Stars for a session that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatRate {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    pub stars: Stars,
    #[serde(default)]
    #[ts(as = "Option<Text<RATING_CHARS_MAX>>", optional)]
    pub comment: Text<RATING_CHARS_MAX>,
}
