//! The names of all events. A new variant does not compile here until it is named,
//! and then asks for its scenario and its golden bytes.

use hawker_domain::Event;

macro_rules! names {
    ($($variant:ident $name:literal,)*) => {
        pub(crate) const EVENTS: &[&str] = &[$($name),*];

        pub(crate) fn event_name(value: &Event) -> &'static str {
            match value {
                $(Event::$variant { .. } => $name,)*
            }
        }
    };
}

names! {
    ShopCreated "shop_created",
    ShopRenamed "shop_renamed",
    SettingsChanged "settings_changed",
    ProductPut "product_put",
    StockSet "stock_set",
    StaffPut "staff_put",
    StaffRemoved "staff_removed",
    Followed "followed",
    Unfollowed "unfollowed",
    BuyerErased "buyer_erased",
    RoomCreated "room_created",
    RoomStarted "room_started",
    RoomPaused "room_paused",
    RoomResumed "room_resumed",
    RoomEnded "room_ended",
    BagSet "bag_set",
    ProductPinned "product_pinned",
    ProductUnpinned "product_unpinned",
    SlowModeSet "slow_mode_set",
    KeywordsSet "keywords_set",
    Muted "muted",
    Unmuted "unmuted",
    Banned "banned",
    Unbanned "unbanned",
    CommentKept "comment_kept",
    CommentDeleted "comment_deleted",
    RoomCounted "room_counted",
    SaleCreated "sale_created",
    SaleUpdated "sale_updated",
    SaleAnnounced "sale_announced",
    SaleStarted "sale_started",
    SaleEnded "sale_ended",
    SaleCancelled "sale_cancelled",
    SaleRestocked "sale_restocked",
    SaleStockReturned "sale_stock_returned",
    ReminderSet "reminder_set",
    RemindersDue "reminders_due",
    Reserved "reserved",
    ReservationReleased "reservation_released",
    WaitlistJoined "waitlist_joined",
    WaitlistLeft "waitlist_left",
    WaitlistOffered "waitlist_offered",
    OfferEnded "offer_ended",
    WaitlistClosed "waitlist_closed",
    SaleArchived "sale_archived",
    OrderPlaced "order_placed",
    PaymentBegun "payment_begun",
    PaymentDeclined "payment_declined",
    OrderPaid "order_paid",
    OrderPaidLate "order_paid_late",
    OrderCancelled "order_cancelled",
    OrderReminded "order_reminded",
    RefundRequired "refund_required",
    OrderArchived "order_archived",
}
