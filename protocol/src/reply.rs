//! What a yes carries. Owns the `ok` of every request; a no is a `refusal`.

mod desk;
mod promo;

pub use desk::{
    AgentChanged, ChatOpened, ChatSent, ChatSessionChanged, ConversationChanged,
    ConversationOpened, DeskJoined, FaqSaved, Found, Hit, HolidayChanged, Marked, Messages,
    PolicyChanged, QuickReplySaved, ReportChanged, ResponseRate, SessionChanged, Sessions, Team,
    Texts, Transcript, Watching,
};
pub use promo::{
    CampaignChanged, Campaigns, CapabilitiesChanged, CouponClaimed, Coupons, DashboardCampaign,
    DashboardPromo, DrawChanged, Draws, PriceRuleChanged, PriceRuleList, Quoted, Revoked,
    StackingChanged, WatchFunnel,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ts_rs::TS;

use crate::described::component;
use crate::id::Id;
use crate::limits;
use crate::number::{Count, EpochMs, Minor};
use crate::object::{
    Comment, ItemState, Me, Order, Reservation, Role, Room, RoomSnapshot, Sale, SaleState, Shop,
    Snapshot, Waiting,
};
use crate::topic::Topic;

/// Declares `Answer` over the given structs.
macro_rules! answers {
    ($($name:ident)*) => {
        /// The `ok` of any reply.
        #[derive(Debug, Clone, Serialize)]
        #[serde(untagged)]
        pub enum Answer {
            $($name(Box<$name>),)*
        }

        $(impl From<$name> for Answer {
            fn from(ok: $name) -> Self {
                Self::$name(Box::new(ok))
            }
        })*
    };
}

answers! {
    Welcome Refreshed Pong Done Joined Commented Rooms RoomChanged KeywordsChanged Restricted
    Dashboard Claimed Waitlisted SaleChanged ReservationChanged OrderChanged Orders Following
    ShopChanged
    Quoted PriceRuleList PriceRuleChanged StackingChanged CapabilitiesChanged Coupons CouponClaimed
    Campaigns CampaignChanged Revoked Draws DrawChanged
    ChatOpened ChatSent ChatSessionChanged Marked Messages DeskJoined AgentChanged Team Sessions
    SessionChanged ReportChanged ResponseRate ConversationOpened Watching ConversationChanged Found
    Transcript Texts FaqSaved QuickReplySaved HolidayChanged PolicyChanged
}

/// To `hello`: who you are here, and the topics that go on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Welcome {
    pub user: Id,
    pub roles: Vec<Role>,
    /// The server's clock.
    pub now: EpochMs,
    /// Names this connection in support requests.
    pub connection: Id,
    /// How often the server sends a WebSocket ping. Twice as long without one: reconnect.
    pub ping_ms: u64,
    /// When the token expires: `refresh` before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EpochMs>,
    pub limits: Limits,
    pub resumed: Vec<Resumed>,
}

/// The bounds a client should know before it runs into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Limits {
    pub message_bytes_max: usize,
    /// For those who bring a role of the staff.
    pub staff_message_bytes_max: usize,
    pub frame_requests_max: usize,
    pub requests_in_flight_max: usize,
    pub requests_per_s: u32,
    pub comment_chars_max: usize,
    pub likes_per_s_max: u32,
    pub chat_text_chars_max: usize,
    pub image_bytes_max: u64,
    pub video_bytes_max: u64,
    pub resume_topics_max: usize,
    /// Coupons that one purchase names.
    pub coupons_named_max: usize,
    /// How often a viewer sends `room.watch`.
    pub watch_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            staff_message_bytes_max: limits::STAFF_MESSAGE_BYTES_MAX,
            frame_requests_max: limits::FRAME_REQUESTS_MAX,
            requests_in_flight_max: limits::REQUESTS_IN_FLIGHT_MAX,
            requests_per_s: limits::REQUEST_RATE.per_s,
            comment_chars_max: limits::COMMENT_CHARS_MAX,
            likes_per_s_max: limits::LIKES_PER_S_MAX,
            chat_text_chars_max: limits::CHAT_TEXT_CHARS_MAX,
            image_bytes_max: limits::IMAGE_BYTES_MAX,
            video_bytes_max: limits::VIDEO_BYTES_MAX,
            resume_topics_max: limits::RESUME_TOPICS_MAX,
            coupons_named_max: limits::COUPONS_NAMED_MAX,
            watch_ms: limits::WATCH_MS,
        }
    }
}

/// How a topic goes on: with everything that was missed, or, when that is no longer kept, with a
/// snapshot. Never with a part of it. A conversation has no snapshot: open it again where it was
/// not recovered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Resumed {
    pub topic: Topic,
    pub epoch: String,
    /// The last one of the topic that is contained here.
    pub seq: u64,
    pub recovered: bool,
    /// The missed pushes in their order, as they were sent to the others. Those of a conversation
    /// end with what has no `seq`: which of its last messages were recalled, how far either side
    /// has read, and the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(type = "Push[]")]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub missed: Vec<Box<RawValue>>,
    /// Present when a room or a desk was not recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<Snapshot>", optional)]
    #[schemars(with = "Option<Snapshot>")]
    pub snapshot: Option<Box<RawValue>>,
    /// The user's own state, with a room: personal pushes that were missed show in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub me: Option<Me>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<String>,
    /// Why the topic does not go on at all: join again, or do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::Refusal>,
}

/// To `refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Refreshed {
    pub expires_at: EpochMs,
}

/// To `ping`: with the client's clock at arrival, t3, its offset is `((t1-t0)+(t2-t3))/2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Pong {
    pub t0: Count,
    /// The server's clock when the request came.
    pub t1: EpochMs,
    /// The server's clock when the reply left.
    pub t2: EpochMs,
}

/// Yes, and nothing more to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Done {}

/// To `room.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Joined {
    /// Opaque; hand it back in `hello.resume`.
    pub presence: String,
    pub me: Me,
    pub snapshot: RoomSnapshot,
}

/// To `room.comment`: the comment as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Commented {
    pub comment: Comment,
}

/// To `room.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Rooms {
    pub rooms: Vec<Room>,
}

/// The room after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomChanged {
    pub room: Room,
}

/// To `room.keywords`. Only staff see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct KeywordsChanged {
    pub room: Id,
    pub keywords: Vec<String>,
}

/// To `room.mute` and `room.ban`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Restricted {
    pub room: Id,
    pub user: Id,
    /// Absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
}

/// To `room.dashboard`: the figures of one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Dashboard {
    pub room: Id,
    pub at: EpochMs,
    pub viewers: u64,
    pub viewers_peak: u64,
    pub joins: u64,
    pub likes: u64,
    pub comments: u64,
    pub sales: Vec<DashboardSale>,
    /// Units of the room's sales that are on hold now.
    pub reserved: u64,
    pub sold: u64,
    /// Of the units sold from the room's sales, at the price they were sold at.
    pub revenue_paid_minor: Minor,
    /// ISO 4217.
    pub currency: String,
    /// Absent: no coupon can be claimed in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promo: Option<DashboardPromo>,
    pub version: u64,
}

/// One sale on the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DashboardSale {
    pub sale: Id,
    pub title: String,
    pub state: SaleState,
    pub items: Vec<DashboardItem>,
}

/// One item on the dashboard: `available + reserved + offered + sold = total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DashboardItem {
    pub sku: Id,
    pub title: String,
    pub state: ItemState,
    pub price_minor: Minor,
    pub total: u32,
    pub available: u32,
    pub reserved: u32,
    pub offered: u32,
    pub sold: u32,
    pub waitlist_length: u32,
}

/// To `sale.claim` and `sale.offer_accept`. Where the first moments of a sale are drawn, the
/// reservation is `pooled` until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Claimed {
    pub reservation: Reservation,
    /// The buyer held these units already, from another command.
    #[serde(default)]
    pub existing: bool,
}

/// To `sale.waitlist`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Waitlisted {
    pub waiting: Waiting,
}

/// The sale after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleChanged {
    pub sale: Sale,
}

/// The reservation after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ReservationChanged {
    pub reservation: Reservation,
}

/// The order after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderChanged {
    pub order: Order,
}

/// To `order.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Orders {
    pub orders: Vec<Order>,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// To `shop.follow` and `shop.unfollow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Following {
    pub following: bool,
}

/// To `shop.settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShopChanged {
    pub shop: Shop,
}

component!(Done, Rooms, RoomChanged, KeywordsChanged, Restricted, Dashboard, SaleChanged);
component!(ReservationChanged, OrderChanged, Orders, ShopChanged);
