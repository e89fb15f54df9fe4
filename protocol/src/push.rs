//! What the server says unasked. Owns every push's name and fields; when one is sent, and to whom,
//! is the server's business.

mod desk;
mod promo;

pub use desk::{
    ChatMessage, ChatPosition, ChatReadPush, ChatRecalled, ChatSessionPush, ChatTypingPush,
    DeskAgent, DeskAlert, DeskAssigned, DeskDismissed, DeskGap, DeskReportPush, DeskSession,
    DeskSettings, DeskUnassigned,
};
pub use promo::{
    CouponChanged, CouponGranted, CouponOffered, CouponProgress, CouponReminder, DrawEntered,
    DrawForfeited, DrawWon, RoomCoupon, RoomDraw, SaleNotDrawn,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ts_rs::TS;

use crate::id::Id;
use crate::number::EpochMs;
use crate::object::{
    Comment, ItemState, Order, Pin, Product, Reservation, Room, RoomSnapshot, Sale, Waiting,
};

/// What a push's envelope carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `topic` and `seq`: it has its place in the topic's sequence.
    Sequenced,
    /// `topic` alone: only the newest counts.
    Topic,
    /// Neither: it is for this user or this connection.
    Personal,
}

/// Declares every push once: its struct, its name and its envelope.
macro_rules! pushes {
    ($($name:ident = $type:literal, $envelope:ident;)*) => {
        /// Any push, without its envelope.
        #[derive(Debug, Clone)]
        pub enum Push {
            $($name(Box<$name>),)*
        }

        impl Push {
            /// The names of all pushes.
            pub const TYPES: &[&str] = &[$($type,)*];

            /// The value of `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$name(_) => $type,)* }
            }

            pub fn envelope(&self) -> Envelope {
                match self { $(Self::$name(_) => Envelope::$envelope,)* }
            }

            /// Reads the fields of a push of type `kind`; `None` if there is no such type.
            pub(crate) fn read(kind: &str, line: &str) -> Option<serde_json::Result<Self>> {
                match kind {
                    $($type => Some(serde_json::from_str(line).map(Box::new).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// The fields alone, as one JSON object.
            pub(crate) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self { $(Self::$name(push) => serde_json::to_writer(out, push),)* }
            }

            /// Shows every push to `visitor`.
            pub(crate) fn visit(visitor: &mut impl Visitor) {
                $(visitor.visit::<$name>($type, Envelope::$envelope);)*
            }
        }

        $(impl From<$name> for Push {
            fn from(push: $name) -> Self {
                Self::$name(Box::new(push))
            }
        })*
    };
}

/// Sees the type of every push; the generators of descriptions are such visitors.
pub(crate) trait Visitor {
    fn visit<P>(&mut self, type_name: &'static str, envelope: Envelope)
    where
        P: JsonSchema + TS + 'static;
}

pushes! {
    RoomStatePush = "room.state", Sequenced;
    RoomCommentPush = "room.comment", Sequenced;
    RoomOwnComment = "room.own_comment", Topic;
    RoomCommentDeleted = "room.comment_deleted", Sequenced;
    RoomRedacted = "room.redacted", Sequenced;
    RoomLikes = "room.likes", Topic;
    RoomViewers = "room.viewers", Topic;
    RoomPinned = "room.pinned", Sequenced;
    RoomProduct = "room.product", Sequenced;
    RoomSale = "room.sale", Sequenced;
    RoomStock = "room.stock", Sequenced;
    RoomCoupon = "room.coupon", Sequenced;
    RoomDraw = "room.draw", Sequenced;
    RoomGap = "room.gap", Topic;
    RoomBanned = "room.banned", Personal;
    SaleOffer = "sale.offer", Personal;
    SaleReminder = "sale.reminder", Personal;
    SaleNotDrawn = "sale.not_drawn", Personal;
    ReservationPush = "reservation.changed", Personal;
    OrderPush = "order.changed", Personal;
    OrderReminder = "order.reminder", Personal;
    CouponOffered = "coupon.offered", Personal;
    CouponGranted = "coupon.granted", Personal;
    CouponProgress = "coupon.progress", Personal;
    CouponChanged = "coupon.changed", Personal;
    CouponReminder = "coupon.reminder", Personal;
    DrawEntered = "draw.entered", Personal;
    DrawWon = "draw.won", Personal;
    DrawForfeited = "draw.forfeited", Personal;
    ChatMessage = "chat.message", Sequenced;
    ChatRecalled = "chat.recalled", Topic;
    ChatReadPush = "chat.read", Topic;
    ChatTypingPush = "chat.typing", Topic;
    ChatSessionPush = "chat.session", Topic;
    ChatPosition = "chat.position", Topic;
    DeskAssigned = "desk.assigned", Personal;
    DeskUnassigned = "desk.unassigned", Personal;
    DeskDismissed = "desk.dismissed", Personal;
    DeskSession = "desk.session", Sequenced;
    DeskAgent = "desk.agent", Sequenced;
    DeskAlert = "desk.alert", Sequenced;
    DeskReportPush = "desk.report", Sequenced;
    DeskSettings = "desk.settings", Sequenced;
    DeskGap = "desk.gap", Topic;
    Drain = "drain", Personal;
}

/// `room.state`: the room looks different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomStatePush {
    pub room: Room,
}

/// `room.comment`: somebody said something. A room that is busier than anybody reads shows an even
/// sample; what is left out has no place in the sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomCommentPush {
    pub comment: Comment,
    /// How many comments were left out since the last one that was shown; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
}

/// `room.own_comment`: yours, which the room was too busy to show to everybody. It is in no
/// snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomOwnComment {
    pub comment: Comment,
}

/// `room.comment_deleted`: take it off the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomCommentDeleted {
    pub comment: Id,
}

/// `room.redacted`: a comment stood here that was deleted since; its place in the sequence stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomRedacted {}

/// `room.likes`: the total; it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomLikes {
    pub likes: u64,
}

/// `room.viewers`: how many watch now, watched at most, and came in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomViewers {
    pub viewers: u64,
    pub viewers_peak: u64,
    pub joins: u64,
}

/// `room.pinned`: which product is shown large; absent: none. Its version is the room's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomPinned {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pin>,
    pub version: u64,
}

/// `room.product`: a product of the bag, its price or its free stock changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomProduct {
    pub product: Product,
}

/// `room.sale`: a sale appeared or changed its state, with all its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomSale {
    pub sale: Sale,
}

/// `room.stock`: units of one item moved. `available + reserved + offered + sold = total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomStock {
    pub sale: Id,
    pub sku: Id,
    pub version: u64,
    pub available: u32,
    pub reserved: u32,
    pub offered: u32,
    pub sold: u32,
    pub total: u32,
    pub waitlist_length: u32,
    pub state: ItemState,
}

/// `room.gap`: this reader was too slow and skips `from` to `to`, both included. With a snapshot
/// he is up to date again; without one he resumes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomGap {
    pub from: u64,
    pub to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<RoomSnapshot>", optional)]
    #[schemars(with = "Option<RoomSnapshot>")]
    pub snapshot: Option<Box<RawValue>>,
}

/// `room.banned`: you must leave; the room sends you nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RoomBanned {
    pub shop: Id,
    pub room: Id,
    /// Absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
}

/// `sale.offer`: your place on a waitlist changed: a better position, an offer, or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleOffer {
    pub shop: Id,
    pub waiting: Waiting,
}

/// `sale.reminder`: the sale you asked about is about to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleReminder {
    pub shop: Id,
    pub sale: Id,
    pub text: String,
    pub starts_at: EpochMs,
}

/// `reservation.changed`: one of your holds changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ReservationPush {
    pub shop: Id,
    pub reservation: Reservation,
}

/// `order.changed`: one of your orders changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderPush {
    pub shop: Id,
    pub order: Order,
}

/// `order.reminder`: an order waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderReminder {
    pub shop: Id,
    pub order: Id,
    pub pay_by: EpochMs,
}

/// `drain`: after that delay open a new connection, then close this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Drain {
    pub after_ms: u64,
}
