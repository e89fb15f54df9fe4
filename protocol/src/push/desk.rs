//! What the server says unasked in chats and at the desk. Owns fields only; each name and envelope
//! stands in the table of `push`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ts_rs::TS;

use crate::id::Id;
use crate::number::SessionId;
use crate::object::{
    Agent, Alerts, ChatSession, Conversation, DeskSnapshot, Holiday, Message, Policy, Position,
    Report, Session, Side,
};

/// `chat.message`: somebody said something, perhaps you. The push has the message's `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatMessage {
    pub message: Message,
}

/// `chat.recalled`: take the words of that message off the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatRecalled {
    pub message_seq: u64,
}

/// `chat.read`: somebody has read, or the buyer was blocked or is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatReadPush {
    pub conversation: Conversation,
}

/// `chat.typing`: show it for a few seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatTypingPush {
    pub side: Side,
    pub user: Id,
}

/// `chat.session`: the session of the buyer looks different to him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatSessionPush {
    pub session: ChatSession,
}

/// `chat.position`: the buyer moved up in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatPosition {
    pub session: SessionId,
    pub position: Position,
}

/// `desk.assigned`: the session is yours now; it says why. Its conversation's pushes follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskAssigned {
    pub shop: Id,
    pub session: Session,
}

/// `desk.unassigned`: the session is no longer yours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskUnassigned {
    pub shop: Id,
    pub session: Session,
}

/// `desk.dismissed`: the shop lets you work at its desk no more. You hear neither the desk nor the
/// conversations that you watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskDismissed {
    pub shop: Id,
}

/// `desk.session`: a session looks different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskSession {
    pub session: Session,
}

/// `desk.agent`: somebody of the team looks different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskAgent {
    pub agent: Agent,
}

/// `desk.alert`: what a supervisor should look at changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskAlert {
    pub alerts: Alerts,
}

/// `desk.report`: a report was filed or decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskReportPush {
    pub report: Report,
}

/// `desk.settings`: the switches of the desk as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskSettings {
    pub policy: Policy,
    /// Absent: the shop is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holiday: Option<Holiday>,
    /// The FAQ, its card or the quick replies are others: ask for them again.
    pub texts_changed: bool,
}

/// `desk.gap`: this reader was too slow and skips `from` to `to`, both included. With a snapshot
/// he is up to date again, but for the lists and the team; without one he resumes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskGap {
    pub from: u64,
    pub to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<DeskSnapshot>", optional)]
    #[schemars(with = "Option<DeskSnapshot>")]
    pub snapshot: Option<Box<RawValue>>,
}
