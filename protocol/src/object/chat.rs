//! A conversation between a shop and one buyer: what was said, by whom, and who has read it. Owns
//! shapes only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::described::component;
use crate::id::Id;
use crate::limits::{
    CHAT_TEXT_CHARS_MAX, EMOJI_CHARS_MAX, VARIABLE_CHARS_MAX, VARIABLE_NAME_CHARS_MAX,
    VARIABLES_MAX,
};
use crate::number::{EpochMs, SessionId};
use crate::text::{Map, Text};

/// What a client says in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum Draft {
    Text {
        text: Text<CHAT_TEXT_CHARS_MAX>,
    },
    Emoji {
        emoji: Text<EMOJI_CHARS_MAX>,
    },
    /// `upload` as `POST /v1/uploads` gave it: the server knows its type and size.
    Image {
        upload: Id,
    },
    Video {
        upload: Id,
    },
    Product {
        product: Id,
    },
    /// One of the buyer's orders.
    Order {
        order: Id,
    },
    Coupon {
        coupon: Id,
    },
    /// Staff only: it is kept as the text it makes. A `{name}` without a value stays as it is.
    QuickReply {
        quick_reply: Id,
        #[serde(default)]
        #[ts(as = "Option<BTreeMap<String, String>>", optional)]
        variables: Map<Text<VARIABLE_NAME_CHARS_MAX>, Text<VARIABLE_CHARS_MAX>, VARIABLES_MAX>,
    },
}

/// What is said in a message. Kinds may be added: show one you do not know as "a message".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// As it was typed: whoever shows it must escape it.
    Text {
        text: String,
    },
    Emoji {
        emoji: String,
    },
    Image {
        upload: Id,
        media_type: String,
        size_bytes: u64,
        /// `/v1/uploads/<shop>/<upload>` of this server.
        url: String,
    },
    Video {
        upload: Id,
        media_type: String,
        size_bytes: u64,
        /// `/v1/uploads/<shop>/<upload>` of this server.
        url: String,
    },
    Product {
        product: Id,
    },
    Order {
        order: Id,
    },
    Coupon {
        coupon: Id,
    },
    /// A click on a question of the FAQ. The next message is its answer.
    Question {
        faq: Id,
        text: String,
    },
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Sender {
    Buyer,
    /// A person of the staff.
    Agent {
        user: Id,
    },
    /// The automatic reply to a question of the FAQ.
    Faq {
        faq: Id,
    },
    /// A system of the shop.
    Bot {
        user: Id,
    },
}

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buyer,
    Staff,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Message {
    /// Without gaps in its conversation, from 1.
    pub seq: u64,
    pub at: EpochMs,
    /// The session it belongs to, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    pub from: Sender,
    /// Absent once it was recalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// How far one side has got. Marks only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Marks {
    pub delivered: u64,
    pub read: u64,
}

/// The conversation of a shop with one buyer, as both sides see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Conversation {
    pub buyer: Id,
    /// Of the last message.
    pub seq: u64,
    pub buyer_marks: Marks,
    pub staff_marks: Marks,
    /// The shop takes no messages of this buyer.
    pub blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_session: Option<SessionId>,
    /// The newest one, open or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_session: Option<SessionId>,
}

/// A session as its buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatSession {
    pub session: SessionId,
    pub opened_at: EpochMs,
    pub state: ChatState,
    /// While it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What the buyer gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stars: Option<u8>,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChatState {
    /// The FAQ has answered and nobody else is asked.
    SelfServed,
    Waiting,
    /// A person serves the buyer.
    Assigned,
    Closed,
}

/// A place in the queue, one-based. It never becomes worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Position {
    Exact {
        place: u32,
    },
    /// Further back than `place`: that far nobody counts.
    Beyond {
        place: u32,
    },
}

/// A question of the card that opens with the chat page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CardQuestion {
    pub faq: Id,
    pub question: String,
}

component!(
    Draft,
    Content,
    Sender,
    Side,
    Message,
    Marks,
    Conversation,
    ChatSession,
    ChatState,
    Position,
    CardQuestion
);
