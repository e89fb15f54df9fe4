//! The stable codes of refusals, one line each. Owns the table; a code, once published, keeps its
//! meaning for ever.

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares every code once: its text, its HTTP status, whether the same request may succeed
/// later, and the sentence that explains it.
macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal, $retryable:ident, $doc:literal;)*) => {
        /// What kind of refusal it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $name,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Whether the same request, sent again unchanged, may succeed later.
            pub fn retryable(self) -> bool {
                match self { $(Self::$name => codes!(@ $retryable),)* }
            }

            /// What it means and what to do, in a sentence.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn texts() -> Vec<&'static str> {
                vec![$($text,)*]
            }
        }
    };
    (@ again) => { true };
    (@ never) => { false };
}

codes! {
    InvalidJson = "invalid_json", 400, never, "this is not valid JSON";
    InvalidRequest = "invalid_request", 400, never, "a field is missing or wrong: see field";
    UnknownRequest = "unknown_request", 400, never, "this server knows no request of that type";
    TooLarge = "too_large", 413, never, "the message is larger than allowed";
    TooDeep = "too_deep", 400, never, "arrays and objects are nested too deeply";
    NotFound = "not_found", 404, never, "there is nothing at this path";
    MethodNotAllowed = "method_not_allowed", 405, never, "this path does not know that method";
    UnsupportedMediaType = "unsupported_media_type", 415, never,
        "send application/json, or as a file one of its types: see media_types";
    RangeUnsatisfiable = "range_unsatisfiable", 416, never,
        "the file ends before that range: see size_bytes";

    HelloFirst = "hello_first", 401, never, "say hello before anything else";
    AlreadyIdentified = "already_identified", 409, never, "this connection said hello before";
    Unauthorized = "unauthorized", 401, never, "a valid token is needed";
    TokenExpired = "token_expired", 401, never, "the token has expired: bring a fresh one";
    Forbidden = "forbidden", 403, never, "your roles do not allow this: see needed";
    OriginForbidden = "origin_forbidden", 403, never, "pages of this origin may not connect";

    RateLimited = "rate_limited", 429, again, "too many requests: wait for retry_after_ms";
    TooManyInFlight = "too_many_requests_in_flight", 429, again,
        "wait for replies before you ask for more";
    TooManyConnections = "too_many_connections", 503, again, "no more connections just now";
    Busy = "busy", 503, again, "the shop has too much to do: ask again in a moment";
    Timeout = "timeout", 504, again, "it took too long and was not begun: ask again";
    Unavailable = "unavailable", 503, again, "the shop is not available just now";
    Draining = "draining", 503, again, "this node is going away: reconnect";
    Retry = "retry", 503, again, "not done: ask again with the same command id";
    UnknownOutcome = "unknown_outcome", 503, again,
        "it may have been done: ask again with the same command id to learn it";
    Internal = "internal", 500, never, "the server made a mistake; it has been reported";
    IdempotencyConflict = "idempotency_conflict", 409, never,
        "this command id was used for another request";
    Conflict = "conflict", 409, never, "it has changed meanwhile: read it again";
    NotJoined = "not_joined", 409, never, "join the room first";

    ShopUnknown = "shop_unknown", 404, never, "there is no such shop";
    ShopExists = "shop_exists", 409, never, "this shop exists already";
    RoomUnknown = "room_unknown", 404, never, "there is no such room in this shop";
    RoomExists = "room_exists", 409, never, "a room with this id exists already";
    ProductUnknown = "product_unknown", 404, never, "there is no such product in this shop";
    SkuUnknown = "sku_unknown", 404, never, "there is no such SKU in this shop";
    SkuTaken = "sku_taken", 409, never, "the SKU belongs to another product of this shop";
    SaleUnknown = "sale_unknown", 404, never, "there is no such sale in this shop";
    SaleExists = "sale_exists", 409, never, "a sale with this id exists already";
    ReservationUnknown = "reservation_unknown", 404, never, "you have no such reservation";
    ReservationExists = "reservation_exists", 409, never,
        "a reservation with this id exists already";
    OrderUnknown = "order_unknown", 404, never, "there is no such order";
    OrderExists = "order_exists", 409, never, "an order with this id exists already";
    CommentUnknown = "comment_unknown", 404, never,
        "there is no such comment in the room's recent comments";
    StaffUnknown = "staff_unknown", 404, never, "this person is not on the staff of the shop";

    RoomNotReady = "room_not_ready", 409, never, "the room is in another state: see state";
    RoomEnded = "room_ended", 409, never, "the room has ended";
    NotListed = "not_listed", 409, never, "the SKU's product is not listed";
    OutOfStock = "out_of_stock", 409, again, "the SKU is out of stock";
    NothingPinned = "nothing_pinned", 409, never, "nothing is pinned";
    SlowMode = "slow_mode", 429, again, "you may comment again in a moment";
    Muted = "muted", 403, never, "you are muted in this room";
    Banned = "banned", 403, never, "you are banned from this room";
    KeywordBlocked = "keyword_blocked", 422, never,
        "the comment contains a word this room does not allow";

    SaleNotReady = "sale_not_ready", 409, never, "the sale is in another state: see state";
    SaleNotInRoom = "sale_not_in_room", 409, never, "the sale does not run in this room";
    StockShort = "stock_short", 409, again, "free stock does not suffice: see free";
    TotalTooLow = "total_too_low", 409, never,
        "the total cannot go below what is reserved, offered and sold: see floor";
    PresenceTooShort = "presence_too_short", 409, again,
        "you must be in the room a little longer before you claim";
    TooEarly = "too_early", 409, again, "the sale has not started yet: see starts_at";
    SaleEnded = "sale_ended", 409, never, "the sale has ended";
    AlreadyReserved = "already_reserved", 409, never,
        "you hold this item already in another quantity";
    BuyerLimit = "buyer_limit", 409, never, "this is more than one buyer may have: see limit";
    HoldsExhausted = "holds_exhausted", 409, never,
        "you let too many holds expire, the sale gives you no more";
    SoldOut = "sold_out", 409, again, "every unit is reserved or sold";
    StillAvailable = "still_available", 409, never, "units are available: claim instead of waiting";
    WaitlistFull = "waitlist_full", 409, again, "the waitlist is full";
    AlreadyWaiting = "already_waiting", 409, never, "you are on this waitlist already";
    NotWaiting = "not_waiting", 409, never, "you are not on this waitlist";
    NoOffer = "no_offer", 409, never, "there is no open offer for you";

    NotForSale = "not_for_sale", 409, never, "the SKU is not for sale";
    ReservationNotHeld = "reservation_not_held", 409, never,
        "the reservation is no longer held, or an order has it";
    OrderNotReady = "order_not_ready", 409, never, "the order is in another state: see state";
    PaymentMismatch = "payment_mismatch", 409, never,
        "the order asks for another amount or currency: see expected_minor";
    PaymentConflict = "payment_conflict", 409, never,
        "this payment id was reported before with another content";
    PaymentUnmatched = "payment_unmatched", 404, never,
        "no order, or one that was archived over 97 days ago: send the money back at the provider";
    OrderArchived = "order_archived", 409, never,
        "the order was closed over a week ago and changes no more: read it in the list of orders";
    OrdersOpen = "orders_open", 409, never,
        "the buyer has orders that are not paid yet: cancel those in orders or wait for their end";

    ConversationUnknown = "conversation_unknown", 404, never, "this buyer has written nothing yet";
    SessionUnknown = "session_unknown", 404, never, "there is no such session";
    TooOld = "too_old", 410, never, "the session is too old: nothing about it changes any more";
    SessionClosed = "session_closed", 409, never, "the session is closed";
    SessionOpen = "session_open", 409, again, "the session is still open";
    SessionMoved = "session_moved", 409, never,
        "the session changed hands meanwhile, look at it again: see epoch";
    AlreadyTaken = "already_taken", 409, never, "somebody else has the session: see agent";
    NotOwner = "not_owner", 409, never,
        "the session is another agent's, or nobody's: take it first";
    Saturated = "saturated", 409, again, "the agent holds all the sessions he may: see cap";
    AgentUnknown = "agent_unknown", 404, never, "there is no such agent";
    AgentNotReady = "agent_not_ready", 409, again, "the agent is not there: see status";
    LastAgent = "last_agent", 409, never,
        "nobody else accepts chats: ask again with confirmed, see waiting";
    BuyerBlocked = "buyer_blocked", 403, never, "the shop takes no messages of this buyer";
    MessageUnknown = "message_unknown", 404, never,
        "there is no such message of yours that could still be recalled";
    RecallTooLate = "recall_too_late", 409, never, "a message can be recalled for two minutes";
    FaqUnknown = "faq_unknown", 404, never, "the FAQ has no such question";
    QuickReplyUnknown = "quick_reply_unknown", 404, never, "there is no such quick reply";
    ReportUnknown = "report_unknown", 404, never, "there is no such report";
    ReportExists = "report_exists", 409, never,
        "a report with this id, or an open one of this session, exists already";
    ReportNotReady = "report_not_ready", 409, never, "the report is in another state: see state";
    AlreadyRated = "already_rated", 409, never, "the session has been rated already: see stars";

    RuleUnknown = "rule_unknown", 404, never, "there is no such price rule in this shop";
    CampaignUnknown = "campaign_unknown", 404, never,
        "there is no such coupon campaign in this shop";
    CampaignExists = "campaign_exists", 409, never, "a coupon campaign with this id exists already";
    CampaignNotReady = "campaign_not_ready", 409, never,
        "the campaign is in another state: see state";
    CampaignEnded = "campaign_ended", 409, never, "the campaign takes no claims any more";
    CampaignNotInRoom = "campaign_not_in_room", 409, never,
        "the campaign's coupons are not given in this room";
    CouponUnknown = "coupon_unknown", 404, never, "you have no such coupon";
    CouponExists = "coupon_exists", 409, never, "a coupon with this id exists already";
    CouponLimit = "coupon_limit", 409, never,
        "you have had all the coupons a buyer may have: see limit";
    CouponsGone = "coupons_gone", 409, never, "every coupon of the campaign is claimed";
    BudgetSpent = "budget_spent", 409, again,
        "what is left of the budget is too little for another coupon: see left_minor";
    NotEligible = "not_eligible", 403, never, "the campaign is not for you: see rule";
    TaskOpen = "task_open", 409, again, "the campaign's task is not done yet: see needed_ms";
    CouponNotUsable = "coupon_not_usable", 409, never,
        "the coupon is used, locked or over: leave it out, see state";
    CouponNotApplicable = "coupon_not_applicable", 409, never,
        "the coupon takes nothing off this cart: leave it out, see why";
    RefundExists = "refund_exists", 409, never,
        "a refund with this id has been recorded with another content";
    RefundTooLarge = "refund_too_large", 409, never,
        "fewer units of a line are left to refund: see left";
    NotCapable = "not_capable", 403, never,
        "the platform has not given this shop the right: see capability";
    DrawUnknown = "draw_unknown", 404, never, "there is no such draw in this shop";
    DrawExists = "draw_exists", 409, never, "a draw with this id exists already";
    DrawRunning = "draw_running", 409, again,
        "another draw runs in this room and ends by itself: see draw";
    DrawNotReady = "draw_not_ready", 409, never, "the draw is in another state: see state";
    SeedMismatch = "seed_mismatch", 409, never, "the seed is not the one that was promised";
    NoPrize = "no_prize", 409, never, "there is no prize of this draw that waits for you";
    DrawPending = "draw_pending", 409, again,
        "the claims of the first moments are being drawn: wait for the result";
    AlreadyPooled = "already_pooled", 409, never, "your claim is in the draw: wait for the result";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || de::Error::invalid_value(Unexpected::Str(&text), &"a refusal code");
        Self::parse(&text).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_snake_case_and_explained() {
        let mut seen = BTreeSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} stands there twice");
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{text}");
            assert_eq!(Code::parse(text), Some(*code));
            assert!(!code.doc().is_empty() && !code.doc().ends_with('.'), "{text}");
            assert!((400..600).contains(&code.http_status()), "{text}");
        }
    }
}
