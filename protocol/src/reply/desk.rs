//! What a yes carries in chats and at the desk, to buyers and staff. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::described::component;
use crate::id::Id;
use crate::object::{
    Agent, AgentRate, Alerts, CardQuestion, ChatSession, ClosedSession, Conversation, DeskSnapshot,
    Faq, Holiday, Message, Note, Policy, QuickReply, Rate, Report, Session,
};
use crate::topic::Topic;

/// To `chat.open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ChatOpened {
    /// Of this conversation.
    pub topic: Topic,
    /// Always `"1"`: a conversation never restarts.
    pub epoch: String,
    /// Of the last message; 0 before the first.
    pub seq: u64,
    /// Absent: the buyer has written nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// The open one, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<ChatSession>,
    pub card: Vec<CardQuestion>,
    /// The shop is on holiday: an answer may take longer.
    pub holiday: bool,
    /// The last 50, oldest first.
    pub messages: Vec<Message>,
}

/// To `chat.send` and `desk.send`: the message as both sides see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatSent {
    pub message: Message,
}

/// The session after the request, as its buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChatSessionChanged {
    pub session: ChatSession,
}

/// To `chat.read` and `desk.read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Marked {
    pub conversation: Conversation,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Messages {
    pub messages: Vec<Message>,
    /// There are more in the direction that was asked for.
    pub more: bool,
}

/// To `desk.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskJoined {
    pub me: Agent,
    pub snapshot: DeskSnapshot,
}

/// The agent after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AgentChanged {
    pub agent: Agent,
}

/// To `desk.team`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Team {
    pub agents: Vec<Agent>,
    pub alerts: Alerts,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// To `desk.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Sessions {
    pub sessions: Vec<Session>,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The session after the request, as the staff sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SessionChanged {
    pub session: Session,
}

/// The report after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ReportChanged {
    pub report: Report,
}

/// To `desk.response_rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ResponseRate {
    /// Of the whole shop, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop: Option<Rate>,
    /// By agent, where that was asked for; those without any session are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<AgentRate>>", optional)]
    pub agents: Vec<AgentRate>,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// To `desk.open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ConversationOpened {
    /// Of this conversation. Its pushes come to its agent, and to those who `desk.watch` it.
    pub topic: Topic,
    /// Always `"1"`: a conversation never restarts.
    pub epoch: String,
    /// Of the last message; 0 before the first.
    pub seq: u64,
    /// Absent: nothing was said yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// The open one, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Closed ones, newest first.
    pub earlier: Vec<ClosedSession>,
    /// The last 50, oldest first.
    pub messages: Vec<Message>,
    pub notes: Vec<Note>,
    pub tags: Vec<String>,
}

/// To `desk.watch`: where the conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Watching {
    pub topic: Topic,
    /// Always `"1"`: a conversation never restarts.
    pub epoch: String,
    pub seq: u64,
}

/// To `buyer.block` and `buyer.unblock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ConversationChanged {
    pub conversation: Conversation,
}

/// To `desk.search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// Present when there may be more: ask with it as `cursor`, also after a page without hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A message that was found, and whose conversation it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Hit {
    pub buyer: Id,
    pub message: Message,
}

/// To `desk.export`: a page of what was said, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Transcript {
    pub buyer: Id,
    /// As it is now, where one session was asked for and its figures are still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    pub messages: Vec<Message>,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// To `desk.quick_replies`: what the shop has written beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Texts {
    pub faq: Vec<Faq>,
    /// The questions on the card, in order.
    pub card: Vec<Id>,
    pub quick_replies: Vec<QuickReply>,
}

/// To `faq.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct FaqSaved {
    pub faq: Id,
}

/// To `quick_reply.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuickReplySaved {
    pub quick_reply: Id,
}

/// To `shop.holiday`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct HolidayChanged {
    /// Absent: the shop is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holiday: Option<Holiday>,
}

/// To `desk.policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PolicyChanged {
    pub policy: Policy,
}

component!(ChatSent, AgentChanged, Team, Sessions, SessionChanged, ReportChanged, ResponseRate);
component!(ConversationChanged, Messages, Transcript, Hit, Texts, FaqSaved, QuickReplySaved);
component!(HolidayChanged, PolicyChanged, ConversationOpened, Found);
