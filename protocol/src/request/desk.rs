//! Requests of the staff about sessions, agents and their figures. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::described::component;
use crate::id::Id;
use crate::limits::{CURSOR_CHARS_MAX, REPORT_REASON_CHARS_MAX};
use crate::number::{Cap, EpochMs, OwnerEpoch, PageLimit, SessionId};
use crate::object::{Intent, SessionList, Verdict};
use crate::text::Text;

/// This connection works at the desk: it counts as the agent's link and hears the desk's pushes and
/// those of the conversations he owns. His intent stays what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskJoin {
    pub shop: Id,
}

/// It works there no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskLeave {
    pub shop: Id,
}

/// Leaves with all connections at once: whoever he serves is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskLogOut {
    pub shop: Id,
    pub command_id: Id,
    /// It is known that nobody else accepts.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub confirmed: bool,
}

/// What an agent means to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskStatus {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the one who asks. Another one: supervisors only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    pub status: Intent,
    /// It is known that nobody else accepts.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub confirmed: bool,
}

/// How many sessions an agent holds at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskCap {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the one who asks. Another one: supervisors only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    pub cap: Cap,
}

/// Everybody of the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskTeam {
    pub shop: Id,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// One of the lists of the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskList {
    pub shop: Id,
    pub list: SessionList,
    /// Whose; absent: with `mine` the one who asks, else everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// An unowned session, for the one who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskTake {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    /// Above the cap; supervisors only.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub force: bool,
}

/// A session for somebody else, by a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskAssign {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    /// As the session showed it.
    pub epoch: OwnerEpoch,
    pub agent: Id,
    /// Above the cap; supervisors only.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub force: bool,
}

/// Passes a session on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskTransfer {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    /// As the session showed it.
    pub epoch: OwnerEpoch,
    /// Absent: back among those that wait, with its old clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// Above the cap; supervisors only.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub force: bool,
}

/// Ends a session. One that is not answered still has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskClose {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    /// As the session showed it.
    pub epoch: OwnerEpoch,
}

/// Ends a session that needs no reply: it does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskNoReply {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    /// As the session showed it.
    pub epoch: OwnerEpoch,
}

/// Reports a session as no fair one. It counts until the report is upheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskReport {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    pub reason: Text<REPORT_REASON_CHARS_MAX>,
}

/// Decides a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DeskVerdict {
    pub shop: Id,
    pub command_id: Id,
    pub session: SessionId,
    pub report: Id,
    pub verdict: Verdict,
}

/// The response rate of the sessions that opened in `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskResponseRate {
    pub shop: Id,
    pub from: EpochMs,
    pub until: EpochMs,
    #[serde(default)]
    #[ts(as = "Option<RateBy>", optional)]
    pub by: RateBy,
    /// With `by` agent: only his.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// Whose response rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RateBy {
    #[default]
    Shop,
    Agent,
}

component!(RateBy);
