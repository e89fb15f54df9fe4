//! What others may see of the service desk: plain copies. Owns no rule. Every `version` here counts
//! the events of the shop's desk: of two views of one thing the higher is the newer.

use serde::{Deserialize, Serialize};

use crate::command::{Content, Faq, Holiday, Intent, Marks};
use crate::event::desk::{CloseReason, Exclusion, LiveContext, Sender, Side, Why};
use crate::id::{FaqId, NoteId, QuickReplyId, ReportId, SessionId, UserId};
use crate::policy::DeskPolicy;
use crate::time::Millis;

/// Something of the desk that looks different after a batch, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum DeskChange {
    Session {
        session: SessionView,
        /// Who owned it before the batch and does no longer.
        owner_before: Option<UserId>,
    },
    /// Said in this batch.
    Message(MessageView),
    Recalled {
        buyer: UserId,
        seq: u64,
        /// As in [`MessageView`].
        owner: Option<UserId>,
    },
    /// What a click on the FAQ led to, for whoever clicked.
    Clicked(ClickView),
    Marks(ConversationView),
    Agent(AgentView),
    Alerts(AlertsView),
    Report(ReportView),
    Policy(DeskPolicy),
    Holiday(Option<Holiday>),
    /// The FAQ or the quick replies are others.
    Texts,
}

/// A message as its document keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub seq: u64,
    pub at: Millis,
    pub session: Option<SessionId>,
    pub from: Sender,
    /// Absent once it was recalled.
    pub content: Option<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    pub buyer: UserId,
    /// Who owned the buyer's open session once it was said.
    pub owner: Option<UserId>,
    pub message: Message,
}

/// A click on a question: the session it belongs to, the question and its answer. Once the shop
/// has taken the question back they are only where all messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickView {
    pub session: SessionView,
    pub messages: Vec<Message>,
}

/// What the staff wrote about a buyer, as its document keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub note: NoteId,
    pub by: UserId,
    pub at: Millis,
    pub text: String,
}

/// The document of a closed session: where its messages are and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedSession {
    pub session: SessionId,
    pub buyer: UserId,
    pub opened_at: Millis,
    pub closed_at: Millis,
    pub reason: CloseReason,
    pub closed_by: Option<UserId>,
    pub first_seq: u64,
    pub last_seq: u64,
}

/// One conversation, as both sides see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    pub buyer: UserId,
    /// Of the last message.
    pub seq: u64,
    pub buyer_marks: Marks,
    pub staff_marks: Marks,
    pub blocked: bool,
    pub open_session: Option<SessionId>,
    pub last_session: Option<SessionId>,
    /// Who owns the open session.
    pub owner: Option<UserId>,
    pub version: u64,
}

/// What a buyer gets when he opens the chat page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatView {
    pub conversation: Option<ConversationView>,
    pub session: Option<SessionView>,
    pub card: Vec<(FaqId, String)>,
    pub holiday: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    pub session: SessionId,
    pub buyer: UserId,
    pub opened_at: Millis,
    pub state: SessionState,
    pub epoch: u32,
    pub answer: AnswerState,
    /// What takes it out of the rate.
    pub excluded: Vec<Exclusion>,
    /// Since when the buyer waits for another word.
    pub unanswered_since: Option<Millis>,
    pub expiring: bool,
    pub position: Option<Position>,
    pub why: Option<Why>,
    pub context: Option<LiveContext>,
    pub stars: Option<u8>,
    /// Of the conversation's last message.
    pub seq: u64,
    pub version: u64,
}

impl SessionView {
    pub fn is_owned_by(&self, user: &UserId) -> bool {
        matches!(&self.state, SessionState::Assigned { agent, .. } if agent == user)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// Served by the FAQ: nobody's, in no queue.
    SelfServed,
    Queued,
    Assigned {
        agent: UserId,
        since: Millis,
    },
    Closed {
        reason: CloseReason,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerState {
    Pending { since: Millis, due_at: Millis },
    Automatic,
    Human { agent: UserId, at: Millis },
    Missed { charged: Option<UserId>, replied_at: Option<Millis> },
}

/// A place in the queue, one-based. Far back nobody counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    Exact(u32),
    Beyond(u32),
}

/// Whose place became better since it was last asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionView {
    pub buyer: UserId,
    pub session: SessionId,
    pub position: Position,
}

/// The colour of an agent in the team view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    Accepting,
    Saturated,
    Busy,
    Away,
    Reconnecting,
    Offline,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    pub agent: UserId,
    pub status: AgentStatus,
    pub intent: Intent,
    pub connections: u32,
    pub grace_until: Option<Millis>,
    /// May exceed the cap: by force, or because the cap was lowered.
    pub load: u32,
    pub cap: u32,
    /// The cap is below what is advised.
    pub cap_is_low: bool,
    pub version: u64,
}

/// Some of the team, by their ids; those behind `next` follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamPage {
    pub agents: Vec<AgentView>,
    pub next: Option<UserId>,
}

/// What a supervisor should look at now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlertsView {
    pub unassigned: u32,
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
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    Filed,
    Upheld,
    Rejected,
    Overturned,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportView {
    pub report: ReportId,
    pub session: SessionId,
    pub state: ReportState,
    pub version: u64,
}

/// The lists of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskList {
    Mine(UserId),
    Unassigned,
    SelfServed,
    /// Unanswered for more than five sixths of the window. With an agent, only his.
    Expiring(Option<UserId>),
    /// The buyer had the last word. With an agent, only his.
    NeedsReply(Option<UserId>),
    Closed(Option<UserId>),
}

/// One page of a list; `next` continues it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionsPage {
    pub sessions: Vec<SessionView>,
    pub next: Option<ListCursor>,
}

/// Behind which entry a list goes on. It is the entry's place and not the entry, so that a page
/// follows also where that one has left the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListCursor {
    pub class: u8,
    pub at: Millis,
    pub session: SessionId,
}

/// The knowledge base and the quick replies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextsView {
    pub faq: Vec<(FaqId, Faq)>,
    pub card: Vec<FaqId>,
    pub quick_replies: Vec<(QuickReplyId, String)>,
}

/// Times to the first reply are counted in these steps; the last takes the rest.
pub const FIRST_REPLY_STEPS_MS: [u64; 11] = [
    10_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000, 14_400_000, 28_800_000,
    43_200_000, 72_000_000,
];

/// The sessions that were opened in `[from, until)`, by what they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateView {
    pub from: Millis,
    pub until: Millis,
    pub pending: u32,
    pub faq_hits: u32,
    pub human_hits: u32,
    pub missed: u32,
    /// Those of `missed` that no agent is charged with.
    pub missed_unassigned: u32,
    pub excluded: u32,
    pub holiday: u32,
    pub no_reply: u32,
    pub reported: u32,
    pub rated: u32,
    /// Four stars or five.
    pub satisfied: u32,
    pub first_replies: [u32; 12],
}

impl RateView {
    /// Everything that counts.
    pub fn counted(&self) -> u32 {
        self.pending + self.faq_hits + self.human_hits + self.missed
    }

    pub fn hits(&self) -> u32 {
        self.faq_hits + self.human_hits
    }

    /// Hits among all that count, what is pending included. Of nothing there is no rate.
    pub fn rate(&self) -> Option<f64> {
        ratio(self.hits(), self.counted())
    }

    /// Hits among what is decided.
    pub fn settled(&self) -> Option<f64> {
        ratio(self.hits(), self.hits() + self.missed)
    }

    pub fn no_reply_share(&self) -> Option<f64> {
        ratio(self.no_reply, self.counted() + self.excluded)
    }
}

fn ratio(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// One agent's share of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRateView {
    pub agent: UserId,
    pub hits: u32,
    pub missed: u32,
    /// Sessions he closed as needing no reply.
    pub no_reply: u32,
}

/// The shares of some agents, by their ids; those behind `next` follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentRatesPage {
    pub agents: Vec<AgentRateView>,
    pub next: Option<UserId>,
}

impl AgentRateView {
    pub fn rate(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.missed)
    }
}

/// Both sides' names for the marks of a conversation.
impl ConversationView {
    pub fn marks(&self, side: Side) -> Marks {
        match side {
            Side::Buyer => self.buyer_marks,
            Side::Staff => self.staff_marks,
        }
    }
}
