//! The agents' side: sessions, the team and what it is measured by. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::chat::Position;
use super::policy::{Holiday, Policy};
use crate::described::component;
use crate::id::Id;
use crate::number::{EpochMs, SessionId, SpanMs};
use crate::topic::Topic;

/// One reception of a buyer, as the staff sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Session {
    pub session: SessionId,
    pub buyer: Id,
    pub opened_at: EpochMs,
    pub state: SessionState,
    /// Rises with every change of the owner; hand it back to act on the session.
    pub epoch: u32,
    pub answer: AnswerState,
    /// What takes it out of the response rate.
    pub excluded: Vec<Exclusion>,
    /// Since when the buyer waits for another word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered_since: Option<EpochMs>,
    /// Unanswered for most of the time there is.
    pub expiring: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Why its owner is its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// What was on screen, if the buyer wrote out of a live room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<LiveContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stars: Option<u8>,
    /// Of the last message of its conversation.
    pub seq: u64,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SessionState {
    /// Served by the FAQ: nobody's, in no queue.
    SelfServed,
    Waiting,
    Assigned {
        agent: Id,
        since: EpochMs,
    },
    Closed {
        reason: CloseReason,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    Agent,
    /// Nobody wrote for long.
    Idle,
    NoReply,
    Blocked,
}

/// Whether the session counts as answered in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnswerState {
    /// A person has to answer by `due_at`, that millisecond included.
    Pending {
        since: EpochMs,
        due_at: EpochMs,
    },
    /// By the FAQ, or by a system where the policy counts that.
    Automatic,
    Human {
        agent: Id,
        at: EpochMs,
    },
    Missed {
        /// Absent: it is the shop's miss alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        charged: Option<Id>,
        /// The first reply after it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        replied_at: Option<EpochMs>,
    },
}

/// Why a session does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    Holiday,
    NoReply,
    /// An upheld report.
    Reported,
}

/// Why this agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Why {
    pub reason: AssignReason,
    /// What he held before, and his cap.
    pub load: u32,
    pub cap: u32,
    /// How many agents could have taken it.
    pub routable: u32,
    /// Above his cap, by the one named.
    pub forced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Id>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum AssignReason {
    /// He served this buyer last.
    Sticky,
    /// The largest share of his cap was free, or he waited longest among such.
    LowestSaturation,
    Picked,
    Transferred,
    AssignedBySupervisor,
}

/// What was on screen when a buyer wrote out of a live room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct LiveContext {
    pub room: Id,
    /// How long the room had been live.
    pub live_ms: SpanMs,
    /// The SKU that was shown large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Id>,
}

/// A session that is over: when it was, and which messages are its.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ClosedSession {
    pub session: SessionId,
    pub buyer: Id,
    pub opened_at: EpochMs,
    pub closed_at: EpochMs,
    pub reason: CloseReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<Id>,
    pub first_seq: u64,
    pub last_seq: u64,
}

/// The lists of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum SessionList {
    /// What one agent holds.
    Mine,
    /// Nobody's, in the order they will be given out.
    Unassigned,
    /// Answered by the FAQ.
    SelfServed,
    /// Unanswered for most of the time there is.
    Expiring,
    /// The buyer had the last word.
    NeedsReply,
    /// The newest first.
    Closed,
}

/// What an agent means to do. Only he or a supervisor changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    Accepting,
    /// Works, and gets nothing by himself.
    Busy,
    Away,
    Off,
}

/// The colour of an agent in the team view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    Accepting,
    /// Accepts, and holds all he may.
    Saturated,
    Busy,
    Away,
    /// His last connection is gone, and he is expected back.
    Reconnecting,
    Offline,
}

/// Somebody who works at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Agent {
    pub agent: Id,
    pub status: AgentStatus,
    pub intent: Intent,
    pub connections: u32,
    /// Until when he is expected back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<EpochMs>,
    /// May exceed the cap: by force, or because the cap was lowered.
    pub load: u32,
    pub cap: u32,
    /// The cap is below what is advised.
    pub cap_is_low: bool,
    pub version: u64,
}

/// What a supervisor should look at now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Alerts {
    pub unassigned: u32,
    /// More than the policy's `unassigned_alert`.
    pub too_many_unassigned: bool,
    pub expiring: u32,
    /// Nobody can be given a session.
    pub no_agent_routable: bool,
    /// Somebody accepts, and all of them are full.
    pub all_saturated: bool,
    /// Sessions above the caps of their owners.
    pub over_cap: u64,
    /// Assignments above a cap that somebody forced, ever.
    pub forced: u64,
}

/// That a session was no fair one, by an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Report {
    pub report: Id,
    pub session: SessionId,
    pub state: ReportState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    Filed,
    Upheld,
    Rejected,
    Overturned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The session leaves the rate.
    Upheld,
    Rejected,
    /// Takes an upheld report back.
    Overturned,
}

/// What the staff wrote about a buyer; he never sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Note {
    pub note: Id,
    pub text: String,
}

/// A question of the knowledge base and its automatic answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Faq {
    pub faq: Id,
    pub question: String,
    pub answer: String,
}

/// A reply that was written beforehand, with a `{name}` where something is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct QuickReply {
    pub quick_reply: Id,
    pub text: String,
}

/// The sessions that were opened in `[from, until)`, by what they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Rate {
    /// Not before what is still known: 97 days.
    pub from: EpochMs,
    pub until: EpochMs,
    pub pending: u32,
    pub faq_hits: u32,
    pub human_hits: u32,
    pub missed: u32,
    /// Those of `missed` that no agent is charged with.
    pub missed_unassigned: u32,
    /// Not counted, for any of the three reasons after it.
    pub excluded: u32,
    pub holiday: u32,
    pub no_reply: u32,
    pub reported: u32,
    pub rated: u32,
    /// Four stars or five.
    pub satisfied: u32,
    /// By the time to the first reply, rising.
    pub first_replies: Vec<FirstReplies>,
    /// Hits among all that count, what is pending included, in hundredths of a percent, rounded
    /// down. Of nothing there is no rate: null.
    pub rate_bps: Option<u32>,
    /// Hits among what is decided.
    pub settled_bps: Option<u32>,
    /// Those marked as needing no reply among all.
    pub no_reply_bps: Option<u32>,
}

/// How many first replies came within `within_ms`, and not within the step before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct FirstReplies {
    /// Absent: however late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<SpanMs>,
    pub count: u32,
}

/// One agent's share of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AgentRate {
    pub agent: Id,
    pub hits: u32,
    pub missed: u32,
    /// Sessions he closed as needing no reply.
    pub no_reply: u32,
    /// Hits among both, in hundredths of a percent, rounded down; of nothing: null.
    pub rate_bps: Option<u32>,
}

/// What an agent needs to draw the desk: the rest he asks for. It holds the pushes of the topic up
/// to `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DeskSnapshot {
    pub topic: Topic,
    /// A new owner of the shop starts a new epoch; `seq` means nothing across epochs.
    pub epoch: String,
    pub seq: u64,
    /// The server's clock.
    pub now: EpochMs,
    pub alerts: Alerts,
    /// Absent: the shop is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holiday: Option<Holiday>,
    pub policy: Policy,
}

component!(
    Session,
    SessionState,
    CloseReason,
    AnswerState,
    Exclusion,
    Why,
    AssignReason,
    LiveContext,
    ClosedSession,
    SessionList,
    Intent,
    AgentStatus,
    Agent,
    Alerts,
    Report,
    ReportState,
    Verdict,
    Note,
    Faq,
    QuickReply,
    Rate,
    FirstReplies,
    AgentRate,
    DeskSnapshot
);
