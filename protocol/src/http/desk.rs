//! The service desk over HTTP. Owns bodies and queries only; answers are those of `reply`, and of
//! `object` where one thing is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::limits::{
    ANSWER_CHARS_MAX, CARD_QUESTIONS_MAX, CURSOR_CHARS_MAX, QUESTION_CHARS_MAX,
    QUICK_REPLY_CHARS_MAX, REPORT_REASON_CHARS_MAX, SEARCH_CHARS_MAX,
};
use crate::number::{Cap, Count, EpochMs, MessageLimit, OwnerEpoch, PageLimit, SessionId, Switch};
use crate::object::{Draft, Faq, Intent, QuickReply, Report, SessionList, Verdict};
use crate::request::RateBy;
use crate::text::{List, Text};

/// Query of `GET /v1/shops/{shop}/agents`, answered with a `Team`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListAgents {
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// `PUT /v1/shops/{shop}/agents/{agent}/status`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetStatus {
    pub status: Intent,
    /// It is known that nobody else accepts.
    #[serde(default)]
    pub confirmed: bool,
}

/// `PUT /v1/shops/{shop}/agents/{agent}/cap`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetCap {
    pub cap: Cap,
}

/// `GET /v1/shops/{shop}/faq`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaqList {
    pub faq: Vec<Faq>,
    /// The questions on the card, in order.
    pub card: Vec<Id>,
}

/// `PUT /v1/shops/{shop}/faq/{faq}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutFaq {
    pub question: Text<QUESTION_CHARS_MAX>,
    pub answer: Text<ANSWER_CHARS_MAX>,
}

/// `PUT /v1/shops/{shop}/faq-card`: the questions on the card, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetFaqCard {
    pub questions: List<Id, CARD_QUESTIONS_MAX>,
}

/// `GET /v1/shops/{shop}/quick-replies`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuickReplies {
    pub quick_replies: Vec<QuickReply>,
}

/// `PUT /v1/shops/{shop}/quick-replies/{quick_reply}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutQuickReply {
    /// A `{name}` is filled in when it is sent.
    pub text: Text<QUICK_REPLY_CHARS_MAX>,
}

/// Query of `GET /v1/shops/{shop}/response-rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateQuery {
    pub from: EpochMs,
    pub until: EpochMs,
    #[serde(default)]
    pub by: RateBy,
    /// With `by=agent`: only his.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// Query of `GET /v1/shops/{shop}/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListSessions {
    /// `mine` needs an `agent`.
    pub list: SessionList,
    /// Absent: everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// `POST /v1/shops/{shop}/sessions/{session}/assign`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssignSession {
    /// As the session showed it.
    pub epoch: OwnerEpoch,
    pub agent: Id,
    /// Above the cap.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/shops/{shop}/sessions/{session}/transfer`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransferSession {
    /// As the session showed it.
    pub epoch: OwnerEpoch,
    /// Absent: back among those that wait, with its old clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// Above the cap; supervisors only.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/shops/{shop}/sessions/{session}/close` and `…/no-reply`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndSession {
    /// As the session showed it.
    pub epoch: OwnerEpoch,
}

/// `GET /v1/shops/{shop}/sessions/{session}/reports`, in the order they were filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionReports {
    pub reports: Vec<FiledReport>,
}

/// A report with what whoever decides it has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FiledReport {
    pub report: Report,
    /// Absent once the buyer was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /v1/shops/{shop}/sessions/{session}/reports`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileReport {
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Id>,
    pub reason: Text<REPORT_REASON_CHARS_MAX>,
}

/// `PUT /v1/shops/{shop}/sessions/{session}/reports/{report}/verdict`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetVerdict {
    pub verdict: Verdict,
}

/// `POST /v1/shops/{shop}/conversations/{buyer}/messages`: the shop's own system speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SendMessage {
    pub content: Draft,
}

/// Query of `GET /v1/shops/{shop}/conversations/{buyer}/messages`; without a bound the last ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadMessages {
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

/// Query of `GET /v1/shops/{shop}/messages`: those that contain a text, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchMessages {
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

/// Query of `GET /v1/shops/{shop}/conversations/{buyer}/transcript`, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadTranscript {
    /// Only the messages of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<MessageLimit>,
    /// 1: all of it as a file, a message a line; `cursor` and `limit` do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download: Option<Switch>,
}

component!(ListAgents, SetStatus, SetCap, FaqList, PutFaq, SetFaqCard, QuickReplies, PutQuickReply);
component!(RateQuery, ListSessions, FileReport, SetVerdict, SendMessage, ReadTranscript);
component!(AssignSession, TransferSession, EndSession, SessionReports, FiledReport, ReadMessages);
component!(SearchMessages);
