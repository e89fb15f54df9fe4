//! Requests about what the shop has written beforehand and the switches of its desk. Owns shapes
//! only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::limits::{
    ANSWER_CHARS_MAX, CARD_QUESTIONS_MAX, QUESTION_CHARS_MAX, QUICK_REPLY_CHARS_MAX,
};
use crate::object::{Holiday, PolicyChange};
use crate::text::{List, Text};

/// The FAQ, its card and the quick replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskQuickReplies {
    pub shop: Id,
}

/// Puts a question of the FAQ, or changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct FaqSet {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: a new one, with an id that the server makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faq: Option<Id>,
    pub question: Text<QUESTION_CHARS_MAX>,
    pub answer: Text<ANSWER_CHARS_MAX>,
}

/// Takes a question off the FAQ and its card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct FaqRemove {
    pub shop: Id,
    pub command_id: Id,
    pub faq: Id,
}

/// The questions on the card that opens with the chat page, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct FaqCard {
    pub shop: Id,
    pub command_id: Id,
    pub questions: List<Id, CARD_QUESTIONS_MAX>,
}

/// Puts a quick reply, or changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct QuickReplySet {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: a new one, with an id that the server makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quick_reply: Option<Id>,
    /// A `{name}` is filled in when it is sent.
    pub text: Text<QUICK_REPLY_CHARS_MAX>,
}

/// Removes a quick reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuickReplyRemove {
    pub shop: Id,
    pub command_id: Id,
    pub quick_reply: Id,
}

/// Sets when the shop is on holiday; null lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[schemars(extend("required" = ["shop", "command_id", "holiday"]))]
pub struct ShopHoliday {
    pub shop: Id,
    pub command_id: Id,
    #[serde(deserialize_with = "Option::deserialize")]
    pub holiday: Option<Holiday>,
}

/// Changes figures of the desk; without any it reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskPolicy {
    pub shop: Id,
    pub command_id: Id,
    #[serde(default)]
    #[ts(as = "Option<PolicyChange>", optional)]
    pub policy: PolicyChange,
}
