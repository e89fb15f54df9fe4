//! What happened at the service desk. Additive like every event; holds ids, counts and hashes.
//! What people wrote lives in documents; the shop's own FAQ and quick replies are public and
//! stand here, like the titles of products.

use serde::{Deserialize, Serialize};

use crate::command::{Faq, Holiday, Intent, Verdict};
use crate::id::{
    ConnectionId, FaqId, NoteId, QuickReplyId, ReportId, RoomId, SessionId, SkuId, UserId,
};
use crate::policy::DeskPolicy;
use crate::time::{Millis, SpanMs};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeskEvent {
    MessageSent(MessageSent),
    MessageRecalled {
        buyer: UserId,
        seq: u64,
    },
    /// The values after it; they never fall.
    MarksMoved {
        buyer: UserId,
        side: Side,
        delivered: u64,
        read: u64,
    },
    NoteAdded {
        buyer: UserId,
        note: NoteId,
        by: UserId,
        chars: u32,
        hash: String,
    },
    TagsSet {
        buyer: UserId,
        by: UserId,
        count: u32,
        hash: String,
    },
    BuyerBlocked {
        buyer: UserId,
        by: UserId,
    },
    BuyerUnblocked {
        buyer: UserId,
        by: UserId,
    },

    SessionOpened(SessionOpened),
    /// A person has to answer by `due_at`, that millisecond included.
    AnswerDue {
        session: SessionId,
        since: Millis,
        due_at: Millis,
    },
    SessionQueued {
        session: SessionId,
        cause: QueueCause,
    },
    /// These left an agent who is gone, in this order. With `more` the rest follows.
    SessionsRequeued {
        agent: UserId,
        sessions: Vec<SessionId>,
        more: bool,
    },
    SessionAssigned(SessionAssigned),
    /// In time. The credit is the answerer's, whoever owns the session.
    SessionAnswered {
        session: SessionId,
        by: Answerer,
        replied_at: Millis,
    },
    /// The miss stays; this is the first reply after it.
    SessionAnsweredLate {
        session: SessionId,
        agent: UserId,
    },
    SessionExpiring {
        session: SessionId,
        due_at: Millis,
    },
    /// Without `charged` it is nobody's miss but the shop's.
    SessionMissed {
        session: SessionId,
        charged: Option<UserId>,
        due_at: Millis,
    },
    /// The messages `first_seq..=last_seq` of its buyer fell into its time.
    SessionClosed {
        session: SessionId,
        reason: CloseReason,
        by: Option<UserId>,
        /// Whose slot is free again.
        owner: Option<UserId>,
        first_seq: u64,
        last_seq: u64,
    },
    SessionReported {
        session: SessionId,
        report: ReportId,
        by: UserId,
        hash: String,
    },
    ReportDecided {
        report: ReportId,
        verdict: Verdict,
        by: UserId,
    },
    SessionRated {
        session: SessionId,
        stars: u8,
        hash: Option<String>,
    },

    AgentConnected {
        agent: UserId,
        connection: ConnectionId,
    },
    /// With `grace_until` it was the last one.
    AgentDisconnected {
        agent: UserId,
        connection: ConnectionId,
        grace_until: Option<Millis>,
    },
    AgentDown {
        agent: UserId,
        cause: DownCause,
        due_at: Millis,
    },
    /// The server restarted: whoever was connected, or was expected back, is expected back.
    LinksLost {
        grace_until: Millis,
    },
    AgentIntentSet {
        agent: UserId,
        intent: Intent,
        by: UserId,
    },
    AgentCapSet {
        agent: UserId,
        cap: u32,
        by: UserId,
    },

    HolidaySet {
        holiday: Option<Holiday>,
        by: UserId,
    },
    DeskPolicySet {
        policy: DeskPolicy,
        by: UserId,
    },
    FaqPut {
        faq: FaqId,
        entry: Faq,
    },
    FaqRemoved {
        faq: FaqId,
    },
    FaqCardSet {
        questions: Vec<FaqId>,
    },
    QuickReplyPut {
        quick_reply: QuickReplyId,
        text: String,
    },
    QuickReplyRemoved {
        quick_reply: QuickReplyId,
    },
}

/// One message of the conversation of `buyer`. Its body is a document with this hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageSent {
    pub buyer: UserId,
    /// Without gaps per conversation, from 1.
    pub seq: u64,
    /// The one session it belongs to, if any.
    pub session: Option<SessionId>,
    pub from: Sender,
    pub kind: MessageKind,
    pub chars: u32,
    pub hash: String,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    Buyer,
    /// A person of the staff.
    Agent(UserId),
    /// The automatic reply to a question of the FAQ.
    Faq(FaqId),
    /// A system of the shop.
    Bot(UserId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Text,
    Emoji,
    Image,
    Video,
    Product,
    Order,
    Coupon,
    /// A click on the FAQ: says nothing that a person would have to answer.
    Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buyer,
    Staff,
}

/// Sessions are counted where they start: `excludes` and the window are those of that moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionOpened {
    pub session: SessionId,
    pub buyer: UserId,
    /// Absent where the FAQ has answered already; else the session waits for a person.
    pub answer_by: Option<Millis>,
    pub holiday: bool,
    /// Which marks will take it out of the rate.
    pub excludes: Vec<Exclusion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<LiveContext>,
}

/// Why a session does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    Holiday,
    NoReply,
    Reported,
}

/// What was on screen when a buyer wrote out of a live room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveContext {
    pub room: RoomId,
    /// How long the room had been live.
    pub live_ms: SpanMs,
    pub pinned: Option<SkuId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueCause {
    /// The buyer wrote after the FAQ had answered.
    FollowUp,
    /// The buyer wrote and his agent was gone.
    OwnerDown,
    Transferred,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionAssigned {
    pub session: SessionId,
    pub agent: UserId,
    /// Rises with every change of the owner: what was meant for an older one is refused.
    pub epoch: u32,
    pub why: Why,
}

/// Why this agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub reason: AssignReason,
    /// What he held before, and his cap.
    pub load: u32,
    pub cap: u32,
    /// How many agents could have taken it.
    pub routable: u32,
    /// Above his cap, by the one named.
    pub forced: bool,
    pub by: Option<UserId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssignReason {
    /// He served this buyer last.
    Sticky,
    /// The fullest share of his cap is free, or he waited longest among such.
    LowestSaturation,
    Picked,
    Transferred,
    AssignedBySupervisor,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    Human(UserId),
    Faq,
    Bot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    Agent,
    /// Nobody wrote for long.
    Idle,
    NoReply,
    Blocked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownCause {
    /// He did not come back in time.
    GraceOver,
    /// His connections went with him.
    LoggedOut,
    /// His intent; the page may stay open.
    Off,
}
