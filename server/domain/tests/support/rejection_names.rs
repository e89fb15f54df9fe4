//! The names of all refusals. A new variant does not compile here until it is named,
//! and then asks for its scenario.

use hawker_domain::Rejection;

macro_rules! names {
    ($($variant:ident $name:literal,)*) => {
        pub(crate) const REJECTIONS: &[&str] = &[$($name),*];

        pub(crate) fn rejection_name(value: &Rejection) -> &'static str {
            match value {
                $(Rejection::$variant { .. } => $name,)*
            }
        }
    };
}

names! {
    ShopUnknown "shop_unknown",
    ShopExists "shop_exists",
    RoomUnknown "room_unknown",
    RoomExists "room_exists",
    ProductUnknown "product_unknown",
    SkuUnknown "sku_unknown",
    SkuTaken "sku_taken",
    SaleUnknown "sale_unknown",
    SaleExists "sale_exists",
    ReservationUnknown "reservation_unknown",
    ReservationExists "reservation_exists",
    OrderUnknown "order_unknown",
    OrderExists "order_exists",
    CommentUnknown "comment_unknown",
    StaffUnknown "staff_unknown",
    Forbidden "forbidden",
    Invalid "invalid",
    RoomNotReady "room_not_ready",
    RoomEnded "room_ended",
    NotListed "not_listed",
    OutOfStock "out_of_stock",
    NothingPinned "nothing_pinned",
    SlowMode "slow_mode",
    Muted "muted",
    Banned "banned",
    KeywordBlocked "keyword_blocked",
    SaleNotReady "sale_not_ready",
    SaleNotInRoom "sale_not_in_room",
    StockShort "stock_short",
    TotalTooLow "total_too_low",
    PresenceTooShort "presence_too_short",
    TooEarly "too_early",
    SaleEnded "sale_ended",
    AlreadyReserved "already_reserved",
    BuyerLimit "buyer_limit",
    HoldsExhausted "holds_exhausted",
    SoldOut "sold_out",
    StillAvailable "still_available",
    WaitlistFull "waitlist_full",
    AlreadyWaiting "already_waiting",
    NotWaiting "not_waiting",
    NoOffer "no_offer",
    NotForSale "not_for_sale",
    ReservationNotHeld "reservation_not_held",
    OrderNotReady "order_not_ready",
    PaymentMismatch "payment_mismatch",
    PaymentConflict "payment_conflict",
    PaymentUnmatched "payment_unmatched",
    OrderArchived "order_archived",
    OrdersOpen "orders_open",
    ConversationUnknown "conversation_unknown",
    SessionUnknown "session_unknown",
    TooOld "too_old",
    SessionClosed "session_closed",
    SessionOpen "session_open",
    SessionMoved "session_moved",
    AlreadyTaken "already_taken",
    NotOwner "not_owner",
    Saturated "saturated",
    AgentUnknown "agent_unknown",
    AgentNotReady "agent_not_ready",
    LastAgent "last_agent",
    BuyerBlocked "buyer_blocked",
    MessageUnknown "message_unknown",
    RecallTooLate "recall_too_late",
    FaqUnknown "faq_unknown",
    QuickReplyUnknown "quick_reply_unknown",
    ReportUnknown "report_unknown",
    ReportExists "report_exists",
    ReportNotReady "report_not_ready",
    AlreadyRated "already_rated",
}
