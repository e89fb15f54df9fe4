//! What a buyer, an agent or a supervisor can ask of the service desk. Owns the vocabulary; says
//! nothing about who may.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{
    ConnectionId, CouponId, FaqId, NoteId, OrderId, ProductId, QuickReplyId, ReportId, RoomId,
    SessionId, UploadId, UserId,
};
use crate::policy::DeskPolicy;
use crate::time::Millis;

/// What is said in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Text(String),
    Emoji(String),
    Image(Attachment),
    Video(Attachment),
    Product(ProductId),
    Order(OrderId),
    Coupon(CouponId),
    /// A question of the FAQ, by a click. The text is the shop's; commands leave it empty.
    Question {
        faq: FaqId,
        text: String,
    },
    /// One of the shop's quick replies, its variables filled in. Kept as the text it makes.
    QuickReply {
        quick_reply: QuickReplyId,
        variables: BTreeMap<String, String>,
    },
}

/// A file that was uploaded before; the bytes stand elsewhere. Clients name the upload only: its
/// type and size are what the store of uploads found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub upload: UploadId,
    pub media_type: String,
    pub size_bytes: u64,
}

/// How far one side has got in a conversation. Marks only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    pub delivered: u64,
    pub read: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ChatCommand {
    /// `room` is where the buyer stands when he writes out of a live room.
    Send {
        content: Content,
        room: Option<RoomId>,
    },
    ClickFaq {
        faq: FaqId,
        room: Option<RoomId>,
    },
    Mark {
        marks: Marks,
    },
    Typing,
    Recall {
        seq: u64,
    },
    /// One to five stars for a session that is over.
    Rate {
        session: SessionId,
        stars: u8,
        comment: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum DeskCommand {
    /// A socket of this member of the staff is there.
    Connect {
        connection: ConnectionId,
    },
    /// It is gone, for whatever reason.
    Disconnect {
        connection: ConnectionId,
    },
    LogOut {
        confirmed: bool,
    },
    /// Of the actor, or of somebody else where a supervisor asks. The last accepting agent has to
    /// confirm that he leaves.
    SetIntent {
        agent: Option<UserId>,
        intent: Intent,
        confirmed: bool,
    },
    SetCap {
        agent: Option<UserId>,
        cap: u32,
    },

    /// An unowned session for the actor himself.
    Take {
        session: SessionId,
        force: bool,
    },
    /// A session for somebody else, by a supervisor.
    Assign {
        session: SessionId,
        epoch: u32,
        agent: UserId,
        force: bool,
    },
    Transfer {
        session: SessionId,
        epoch: u32,
        to: TransferTo,
        force: bool,
    },
    Close {
        session: SessionId,
        epoch: u32,
    },
    MarkNoReply {
        session: SessionId,
        epoch: u32,
    },
    Report {
        session: SessionId,
        report: ReportId,
        reason: String,
    },
    Decide {
        session: SessionId,
        report: ReportId,
        verdict: Verdict,
    },

    Send {
        buyer: UserId,
        content: Content,
    },
    Mark {
        buyer: UserId,
        marks: Marks,
    },
    Typing {
        buyer: UserId,
    },
    Recall {
        buyer: UserId,
        seq: u64,
    },
    AddNote {
        buyer: UserId,
        note: NoteId,
        text: String,
    },
    SetTags {
        buyer: UserId,
        tags: Vec<String>,
    },
    Block {
        buyer: UserId,
    },
    Unblock {
        buyer: UserId,
    },

    PutFaq {
        faq: FaqId,
        entry: Faq,
    },
    RemoveFaq {
        faq: FaqId,
    },
    /// The questions on the card that opens with the chat page.
    SetFaqCard {
        questions: Vec<FaqId>,
    },
    PutQuickReply {
        quick_reply: QuickReplyId,
        text: String,
    },
    RemoveQuickReply {
        quick_reply: QuickReplyId,
    },
    SetHoliday {
        holiday: Option<Holiday>,
    },
    SetPolicy {
        policy: DeskPolicy,
    },
}

/// What an agent means to do. Only he or a supervisor changes it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    Accepting,
    /// Works, and gets nothing by himself.
    Busy,
    Away,
    #[default]
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    Agent(UserId),
    /// Back among those that wait, with its old clock.
    Queue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Upheld,
    Rejected,
    /// Takes an upheld report back.
    Overturned,
}

/// The shop's own words, as public as a product's title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faq {
    pub question: String,
    pub answer: String,
}

/// From its first millisecond up to, and without, its end; an open one lasts until it is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    pub from: Millis,
    pub until: Option<Millis>,
}

impl Holiday {
    pub fn contains(&self, at: Millis) -> bool {
        at >= self.from && self.until.is_none_or(|until| at < until)
    }
}
