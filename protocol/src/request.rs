//! What a client asks for. Owns every request's name, fields and the reply it gets; how a line
//! becomes a request is `codec`'s business.

mod chat;
mod conversation;
mod coupon;
mod desk;
mod desk_chat;
mod desk_settings;
mod draw;
mod order;
mod price;
mod room;
mod sale;
mod shop;

pub use chat::{
    ChatFaq, ChatHistory, ChatOpen, ChatRate, ChatRead, ChatRecall, ChatSend, ChatTyping,
};
pub use conversation::{Hello, Ping, Refresh, ResumeAt};
pub use coupon::{
    CouponAnnounce, CouponCampaigns, CouponClaim, CouponCreate, CouponEnd, CouponGrant, CouponList,
    CouponOpen, CouponPush, CouponRemind, CouponRevoke, RevokeOf,
};
pub use desk::{
    DeskAssign, DeskCap, DeskClose, DeskJoin, DeskLeave, DeskList, DeskLogOut, DeskNoReply,
    DeskReport, DeskResponseRate, DeskStatus, DeskTake, DeskTeam, DeskTransfer, DeskVerdict,
    RateBy,
};
pub use desk_chat::{
    BuyerBlock, BuyerUnblock, DeskExport, DeskHistory, DeskNote, DeskOpen, DeskRead, DeskRecall,
    DeskSearch, DeskSend, DeskTag, DeskTyping, DeskUnwatch, DeskWatch, ExportOf,
};
pub use desk_settings::{
    DeskPolicy, DeskQuickReplies, FaqCard, FaqRemove, FaqSet, QuickReplyRemove, QuickReplySet,
    ShopHoliday,
};
pub use draw::{DrawAddress, DrawClose, DrawCreate, DrawEnter, DrawList};
pub use order::{
    Basket, BasketLine, OrderCancel, OrderCoupons, OrderList, OrderPay, OrderPlace,
    ReservationRelease,
};
pub use price::{
    CartQuote, CouponChoice, PriceRuleEnd, PriceRuleSet, PriceRules, PriceStacking,
    ShopCapabilities,
};
pub use room::{
    RoomBag, RoomBan, RoomComment, RoomCreate, RoomDashboard, RoomDeleteComment, RoomEnd, RoomJoin,
    RoomKeywords, RoomLeave, RoomLike, RoomList, RoomMute, RoomPause, RoomPin, RoomResume,
    RoomSlowMode, RoomStart, RoomUnban, RoomUnmute, RoomUnpin, RoomWatch,
};
pub use sale::{
    SaleAnnounce, SaleCancel, SaleClaim, SaleCreate, SaleEnd, SaleOfferAccept, SaleOfferDecline,
    SaleRemind, SaleRestock, SaleStart, SaleUpdate, SaleWaitlist, SaleWaitlistLeave,
};
pub use shop::{ShopFollow, ShopSettings, ShopUnfollow};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::id::Id;
use crate::reply;

/// One kind of request: its name and what a yes to it carries.
pub trait Call: Serialize + DeserializeOwned {
    /// The value of `type`.
    const TYPE: &'static str;
    type Ok: Serialize + DeserializeOwned;
}

/// Declares every request once: its struct, its name, the reply's `ok`, and what its envelope
/// carries: nothing, a `shop`, or a `shop` and a `command_id` because it changes state.
macro_rules! requests {
    ($($name:ident = $type:literal, $envelope:ident, $ok:ident;)*) => {
        /// Any request, without its `id`.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $($name($name),)*
        }

        impl Request {
            /// The names of all requests.
            pub const TYPES: &[&str] = &[$($type,)*];

            /// The value of `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$name(_) => $type,)* }
            }

            /// Which shop it is for; hello, refresh and ping are for none.
            pub fn shop(&self) -> Option<&Id> {
                match self { $(Self::$name(request) => requests!(@shop $envelope request),)* }
            }

            /// The caller's name of the command, where the request changes state.
            pub fn command_id(&self) -> Option<&Id> {
                match self { $(Self::$name(request) => requests!(@command $envelope request),)* }
            }

            /// Reads the fields of a request of type `kind`; `None` if there is no such type.
            pub(crate) fn read<R: Reader>(kind: &str, reader: R) -> Option<Result<Self, R::Error>> {
                match kind {
                    $($type => Some(reader.read::<$name>().map(Self::$name)),)*
                    _ => None,
                }
            }

            /// The fields alone, as one JSON object.
            pub(crate) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self { $(Self::$name(request) => serde_json::to_writer(out, request),)* }
            }

            /// Shows every request and its reply to `visitor`.
            pub(crate) fn visit(visitor: &mut impl Visitor) {
                $(visitor.visit::<$name, reply::$ok>($type, requests!(@changes $envelope));)*
            }
        }

        $(
            impl Call for $name {
                const TYPE: &'static str = $type;
                type Ok = reply::$ok;
            }

            impl From<$name> for Request {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }
        )*
    };
    (@shop none $request:ident) => {{ let _ = $request; None }};
    (@shop $other:ident $request:ident) => { Some(&$request.shop) };
    (@changes changes) => { true };
    (@changes $other:ident) => { false };
    (@command changes $request:ident) => { Some(&$request.command_id) };
    (@command $other:ident $request:ident) => {{ let _ = $request; None }};
}

/// Reads one struct from wherever a request's fields are.
pub(crate) trait Reader {
    type Error;

    fn read<T: DeserializeOwned>(self) -> Result<T, Self::Error>;
}

/// Sees the types of every request; the generators of descriptions are such visitors.
pub(crate) trait Visitor {
    /// `changes` says whether the request carries a `command_id`.
    fn visit<Q, K>(&mut self, type_name: &'static str, changes: bool)
    where
        Q: schemars::JsonSchema + ts_rs::TS + 'static,
        K: schemars::JsonSchema + ts_rs::TS + 'static;
}

requests! {
    Hello = "hello", none, Welcome;
    Refresh = "refresh", none, Refreshed;
    Ping = "ping", none, Pong;

    RoomJoin = "room.join", shop, Joined;
    RoomLeave = "room.leave", shop, Done;
    RoomComment = "room.comment", changes, Commented;
    RoomLike = "room.like", shop, Done;
    RoomWatch = "room.watch", shop, Done;
    RoomList = "room.list", shop, Rooms;
    RoomCreate = "room.create", changes, RoomChanged;
    RoomStart = "room.start", changes, RoomChanged;
    RoomPause = "room.pause", changes, RoomChanged;
    RoomResume = "room.resume", changes, RoomChanged;
    RoomEnd = "room.end", changes, RoomChanged;
    RoomBag = "room.bag", changes, RoomChanged;
    RoomPin = "room.pin", changes, RoomChanged;
    RoomUnpin = "room.unpin", changes, RoomChanged;
    RoomSlowMode = "room.slow_mode", changes, RoomChanged;
    RoomKeywords = "room.keywords", changes, KeywordsChanged;
    RoomMute = "room.mute", changes, Restricted;
    RoomUnmute = "room.unmute", changes, Done;
    RoomBan = "room.ban", changes, Restricted;
    RoomUnban = "room.unban", changes, Done;
    RoomDeleteComment = "room.delete_comment", changes, Done;
    RoomDashboard = "room.dashboard", shop, Dashboard;

    SaleRemind = "sale.remind", changes, Done;
    SaleClaim = "sale.claim", changes, Claimed;
    SaleWaitlist = "sale.waitlist", changes, Waitlisted;
    SaleWaitlistLeave = "sale.waitlist_leave", changes, Done;
    SaleOfferAccept = "sale.offer_accept", changes, Claimed;
    SaleOfferDecline = "sale.offer_decline", changes, Done;
    SaleCreate = "sale.create", changes, SaleChanged;
    SaleUpdate = "sale.update", changes, SaleChanged;
    SaleAnnounce = "sale.announce", changes, SaleChanged;
    SaleStart = "sale.start", changes, SaleChanged;
    SaleEnd = "sale.end", changes, SaleChanged;
    SaleCancel = "sale.cancel", changes, SaleChanged;
    SaleRestock = "sale.restock", changes, SaleChanged;

    ReservationRelease = "reservation.release", changes, ReservationChanged;
    OrderPlace = "order.place", changes, OrderChanged;
    OrderCoupons = "order.coupons", changes, OrderChanged;
    OrderPay = "order.pay", changes, OrderChanged;
    OrderCancel = "order.cancel", changes, OrderChanged;
    OrderList = "order.list", shop, Orders;

    ShopFollow = "shop.follow", changes, Following;
    ShopUnfollow = "shop.unfollow", changes, Following;
    ShopSettings = "shop.settings", changes, ShopChanged;

    CartQuote = "cart.quote", shop, Quoted;
    PriceRules = "price.rules", shop, PriceRuleList;
    PriceRuleSet = "price.rule_set", changes, PriceRuleChanged;
    PriceRuleEnd = "price.rule_end", changes, Done;
    PriceStacking = "price.stacking", changes, StackingChanged;
    ShopCapabilities = "shop.capabilities", changes, CapabilitiesChanged;

    CouponList = "coupon.list", shop, Coupons;
    CouponClaim = "coupon.claim", changes, CouponClaimed;
    CouponRemind = "coupon.remind", changes, Done;
    CouponCampaigns = "coupon.campaigns", shop, Campaigns;
    CouponCreate = "coupon.create", changes, CampaignChanged;
    CouponAnnounce = "coupon.announce", changes, CampaignChanged;
    CouponOpen = "coupon.open", changes, CampaignChanged;
    CouponPush = "coupon.push", changes, CampaignChanged;
    CouponGrant = "coupon.grant", changes, CampaignChanged;
    CouponEnd = "coupon.end", changes, CampaignChanged;
    CouponRevoke = "coupon.revoke", changes, Revoked;

    DrawList = "draw.list", shop, Draws;
    DrawCreate = "draw.create", changes, DrawChanged;
    DrawEnter = "draw.enter", changes, DrawChanged;
    DrawAddress = "draw.address", changes, DrawChanged;
    DrawClose = "draw.close", changes, DrawChanged;

    ChatOpen = "chat.open", shop, ChatOpened;
    ChatSend = "chat.send", changes, ChatSent;
    ChatFaq = "chat.faq", changes, ChatSessionChanged;
    ChatRead = "chat.read", shop, Marked;
    ChatTyping = "chat.typing", shop, Done;
    ChatRecall = "chat.recall", changes, Done;
    ChatHistory = "chat.history", shop, Messages;
    ChatRate = "chat.rate", changes, ChatSessionChanged;

    DeskJoin = "desk.join", shop, DeskJoined;
    DeskLeave = "desk.leave", shop, Done;
    DeskLogOut = "desk.log_out", changes, AgentChanged;
    DeskStatus = "desk.status", changes, AgentChanged;
    DeskCap = "desk.cap", changes, AgentChanged;
    DeskTeam = "desk.team", shop, Team;
    DeskList = "desk.list", shop, Sessions;
    DeskTake = "desk.take", changes, SessionChanged;
    DeskAssign = "desk.assign", changes, SessionChanged;
    DeskTransfer = "desk.transfer", changes, SessionChanged;
    DeskClose = "desk.close", changes, SessionChanged;
    DeskNoReply = "desk.no_reply", changes, SessionChanged;
    DeskReport = "desk.report", changes, ReportChanged;
    DeskVerdict = "desk.verdict", changes, ReportChanged;
    DeskResponseRate = "desk.response_rate", shop, ResponseRate;

    DeskOpen = "desk.open", shop, ConversationOpened;
    DeskWatch = "desk.watch", shop, Watching;
    DeskUnwatch = "desk.unwatch", shop, Done;
    DeskSend = "desk.send", changes, ChatSent;
    DeskRead = "desk.read", shop, Marked;
    DeskTyping = "desk.typing", shop, Done;
    DeskRecall = "desk.recall", changes, Done;
    DeskHistory = "desk.history", shop, Messages;
    DeskNote = "desk.note", changes, Done;
    DeskTag = "desk.tag", changes, Done;
    BuyerBlock = "buyer.block", changes, ConversationChanged;
    BuyerUnblock = "buyer.unblock", changes, ConversationChanged;
    DeskSearch = "desk.search", shop, Found;
    DeskExport = "desk.export", shop, Transcript;

    DeskQuickReplies = "desk.quick_replies", shop, Texts;
    FaqSet = "faq.set", changes, FaqSaved;
    FaqRemove = "faq.remove", changes, Done;
    FaqCard = "faq.card", changes, Done;
    QuickReplySet = "quick_reply.set", changes, QuickReplySaved;
    QuickReplyRemove = "quick_reply.remove", changes, Done;
    ShopHoliday = "shop.holiday", changes, HolidayChanged;
    DeskPolicy = "desk.policy", changes, PolicyChanged;
}
