//! The names of all events. A new variant does not compile here until it is named,
//! and then asks for its scenario and its golden bytes.

use hawker_domain::Event;
use hawker_domain::event::{DeskEvent, PromoEvent};

macro_rules! names {
    (
        shop: { $($variant:ident $name:literal,)* }
        desk: { $($desk:ident $desk_name:literal,)* }
        promo: { $($promo:ident $promo_name:literal,)* }
    ) => {
        pub(crate) const EVENTS: &[&str] = &[$($name,)* $($desk_name,)* $($promo_name,)*];

        pub(crate) fn event_name(value: &Event) -> &'static str {
            match value {
                $(Event::$variant { .. } => $name,)*
                $(Event::Desk(DeskEvent::$desk { .. }) => $desk_name,)*
                $(Event::Promo(PromoEvent::$promo { .. }) => $promo_name,)*
            }
        }
    };
}

names! {
    shop: {
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
        ClaimPooled "claim_pooled",
        PoolDrawn "pool_drawn",
        PoolLost "pool_lost",
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
        OrderRepriced "order_repriced",
        OrderRefunded "order_refunded",
    }
    desk: {
        MessageSent "message_sent",
        MessageRecalled "message_recalled",
        MarksMoved "marks_moved",
        NoteAdded "note_added",
        TagsSet "tags_set",
        BuyerBlocked "buyer_blocked",
        BuyerUnblocked "buyer_unblocked",
        SessionOpened "session_opened",
        AnswerDue "answer_due",
        SessionQueued "session_queued",
        SessionsRequeued "sessions_requeued",
        SessionAssigned "session_assigned",
        SessionAnswered "session_answered",
        SessionAnsweredLate "session_answered_late",
        SessionExpiring "session_expiring",
        SessionMissed "session_missed",
        SessionClosed "session_closed",
        SessionReported "session_reported",
        ReportDecided "report_decided",
        SessionRated "session_rated",
        AgentConnected "agent_connected",
        AgentDisconnected "agent_disconnected",
        AgentDown "agent_down",
        LinksLost "links_lost",
        AgentIntentSet "agent_intent_set",
        AgentCapSet "agent_cap_set",
        HolidaySet "holiday_set",
        DeskPolicySet "desk_policy_set",
        FaqPut "faq_put",
        FaqRemoved "faq_removed",
        FaqCardSet "faq_card_set",
        QuickReplyPut "quick_reply_put",
        QuickReplyRemoved "quick_reply_removed",
    }    promo: {
        RulePut "rule_put",
        RuleEnded "rule_ended",
        StackingSet "stacking_set",
        CapabilitiesSet "capabilities_set",
        CampaignCreated "campaign_created",
        CampaignAnnounced "campaign_announced",
        CampaignOpened "campaign_opened",
        CampaignEnding "campaign_ending",
        CampaignEnded "campaign_ended",
        CampaignRevoked "campaign_revoked",
        CampaignPushed "campaign_pushed",
        CampaignReminderSet "campaign_reminder_set",
        CampaignRemindersDue "campaign_reminders_due",
        CouponsGranted "coupons_granted",
        TaskCompleted "task_completed",
        CouponClaimed "coupon_claimed",
        CouponsLocked "coupons_locked",
        CouponsExpired "coupons_expired",
        CouponsRevoked "coupons_revoked",
        CouponsArchived "coupons_archived",
        CampaignArchived "campaign_archived",
        WatchCheckpointed "watch_checkpointed",
        DrawStarted "draw_started",
        DrawEntered "draw_entered",
        DrawClosed "draw_closed",
        DrawRevealed "draw_revealed",
        PrizeClaimed "prize_claimed",
        PrizeForfeited "prize_forfeited",
        PrizePassedOn "prize_passed_on",
        DrawArchived "draw_archived",
    }
}
