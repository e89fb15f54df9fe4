//! Every no as the wire says it: the code, and beside it what the next step needs.

use hawker_domain::Rejection;
use hawker_domain::shop::price::NotApplied;
use hawker_protocol::{Code, Refusal};

use super::{desk, to_wire};

/// The refusals about coupons, refunds and draws: a pattern, so that none is forgotten.
macro_rules! of_promotions {
    () => {
        Rejection::RuleUnknown
            | Rejection::CampaignUnknown
            | Rejection::CampaignExists
            | Rejection::CampaignNotReady { .. }
            | Rejection::CampaignEnded
            | Rejection::CampaignNotInRoom { .. }
            | Rejection::CouponUnknown
            | Rejection::CouponExists
            | Rejection::CouponLimit { .. }
            | Rejection::CouponsGone
            | Rejection::BudgetSpent { .. }
            | Rejection::NotEligible { .. }
            | Rejection::TaskOpen { .. }
            | Rejection::CouponNotUsable { .. }
            | Rejection::CouponNotApplicable { .. }
            | Rejection::RefundExists
            | Rejection::RefundTooLarge { .. }
            | Rejection::NotCapable { .. }
            | Rejection::DrawUnknown
            | Rejection::DrawExists
            | Rejection::DrawRunning { .. }
            | Rejection::DrawNotReady { .. }
            | Rejection::SeedMismatch
            | Rejection::NoPrize
            | Rejection::DrawPending
            | Rejection::AlreadyPooled { .. }
    };
}

/// What the business refused.
pub fn rejection_refusal(rejection: &Rejection) -> Refusal {
    let refusal = Refusal::with_message(code_of(rejection), rejection.to_string());
    with_details(refusal, rejection)
}

fn with_details(refusal: Refusal, rejection: &Rejection) -> Refusal {
    match rejection {
        Rejection::Forbidden { needed } => refusal.detail("needed", json(&to_wire::role(*needed))),
        Rejection::Invalid { field, problem } => Refusal::invalid_field(*field, problem),
        Rejection::RoomNotReady { state } => {
            refusal.detail("state", json(&to_wire::room_state(*state)))
        }
        Rejection::RoomEnded { room } => refusal.detail("room", room.as_str()),
        Rejection::NotListed { sku }
        | Rejection::OutOfStock { sku }
        | Rejection::NotForSale { sku } => refusal.detail("sku", sku.as_str()),
        Rejection::SlowMode { retry_after_ms } | Rejection::PresenceTooShort { retry_after_ms } => {
            refusal.retry_after_ms(retry_after_ms.0)
        }
        Rejection::Muted { until } | Rejection::Banned { until } => match until {
            Some(until) => refusal.detail("until", until.0),
            None => refusal,
        },
        Rejection::SaleNotReady { state } => {
            refusal.detail("state", json(&to_wire::sale_state(*state)))
        }
        Rejection::SaleNotInRoom { sale } => refusal.detail("sale", sale.as_str()),
        Rejection::StockShort { sku, free_units } => {
            refusal.detail("sku", sku.as_str()).detail("free", *free_units)
        }
        Rejection::TotalTooLow { sku, floor_units } => {
            refusal.detail("sku", sku.as_str()).detail("floor", *floor_units)
        }
        Rejection::TooEarly { starts_at } => match starts_at {
            Some(starts_at) => refusal.detail("starts_at", starts_at.0),
            None => refusal,
        },
        Rejection::AlreadyReserved { reservation, quantity } => {
            refusal.detail("reservation", reservation.as_str()).detail("quantity", *quantity)
        }
        Rejection::BuyerLimit { limit_units, used_units } => {
            refusal.detail("limit", *limit_units).detail("used", *used_units)
        }
        Rejection::HoldsExhausted { expiries } => refusal.detail("expiries", *expiries),
        Rejection::SoldOut { soft, waitlist_length } => {
            refusal.detail("soft", *soft).detail("waitlist_length", *waitlist_length)
        }
        Rejection::StillAvailable { available_units } => {
            refusal.detail("available", *available_units)
        }
        Rejection::WaitlistFull { waitlist_length_max } => {
            refusal.detail("waitlist_length_max", *waitlist_length_max)
        }
        Rejection::AlreadyWaiting { position } => refusal.detail("position", *position),
        Rejection::ReservationNotHeld { reservation } => {
            refusal.detail("reservation", reservation.as_str())
        }
        Rejection::OrderArchived { order } => refusal.detail("order", order.as_str()),
        Rejection::OrdersOpen { orders } => {
            let orders: Vec<_> = orders.iter().map(|order| order.as_str()).collect();
            refusal.detail("orders", json(&orders))
        }
        Rejection::OrderNotReady { order, state } => refusal
            .detail("order", order.as_str())
            .detail("state", json(&to_wire::order_state(state))),
        Rejection::PaymentMismatch { expected_minor, currency } => {
            refusal.detail("expected_minor", expected_minor.0).detail("currency", currency.as_str())
        }
        Rejection::SessionClosed { .. }
        | Rejection::SessionMoved { .. }
        | Rejection::AlreadyTaken { .. }
        | Rejection::NotOwner { .. }
        | Rejection::Saturated { .. }
        | Rejection::AgentNotReady { .. }
        | Rejection::LastAgent { .. }
        | Rejection::ReportNotReady { .. }
        | Rejection::AlreadyRated { .. } => with_desk_details(refusal, rejection),
        Rejection::ShopUnknown
        | Rejection::ShopExists
        | Rejection::RoomUnknown
        | Rejection::RoomExists
        | Rejection::ProductUnknown
        | Rejection::SkuUnknown
        | Rejection::SkuTaken
        | Rejection::SaleUnknown
        | Rejection::SaleExists
        | Rejection::ReservationUnknown
        | Rejection::ReservationExists
        | Rejection::OrderUnknown
        | Rejection::OrderExists
        | Rejection::CommentUnknown
        | Rejection::StaffUnknown
        | Rejection::NothingPinned
        | Rejection::KeywordBlocked
        | Rejection::SaleEnded
        | Rejection::NotWaiting
        | Rejection::NoOffer
        | Rejection::PaymentConflict
        | Rejection::PaymentUnmatched => refusal,
        Rejection::ConversationUnknown
        | Rejection::SessionUnknown
        | Rejection::TooOld
        | Rejection::SessionOpen
        | Rejection::AgentUnknown
        | Rejection::BuyerBlocked
        | Rejection::MessageUnknown
        | Rejection::RecallTooLate
        | Rejection::FaqUnknown
        | Rejection::QuickReplyUnknown
        | Rejection::ReportUnknown
        | Rejection::ReportExists => refusal,
        of_promotions!() => with_promo_details(refusal, rejection),
    }
}

/// What the next step about a coupon, a refund or a draw needs.
fn with_promo_details(refusal: Refusal, rejection: &Rejection) -> Refusal {
    if let Rejection::CampaignNotReady { state } = rejection {
        return refusal.detail("state", json(state));
    }
    if let Rejection::CampaignNotInRoom { campaign } = rejection {
        return refusal.detail("campaign", campaign.as_str());
    }
    if let Rejection::CouponLimit { limit, claimed } = rejection {
        return refusal.detail("limit", *limit).detail("claimed", *claimed);
    }
    if let Rejection::BudgetSpent { left_minor } = rejection {
        return refusal.detail("left_minor", left_minor.0);
    }
    if let Rejection::NotEligible { rule, negated } = rejection {
        return refusal.detail("rule", json(rule)).detail("negated", *negated);
    }
    if let Rejection::TaskOpen { watched_ms, needed_ms } = rejection {
        return refusal.detail("watched_ms", watched_ms.0).detail("needed_ms", needed_ms.0);
    }
    if let Rejection::CouponNotUsable { coupon, state } = rejection {
        let state = json(&to_wire::coupon_state(state));
        return refusal.detail("coupon", coupon.as_str()).detail("state", state);
    }
    if let Rejection::CouponNotApplicable { coupon, why } = rejection {
        return with_reason(refusal.detail("coupon", coupon.as_str()), *why);
    }
    if let Rejection::RefundTooLarge { line, left_units } = rejection {
        return refusal.detail("line", *line).detail("left", *left_units);
    }
    if let Rejection::NotCapable { capability } = rejection {
        return refusal.detail("capability", *capability);
    }
    if let Rejection::DrawRunning { draw } = rejection {
        return refusal.detail("draw", draw.as_str());
    }
    if let Rejection::DrawNotReady { state } = rejection {
        return refusal.detail("state", json(state));
    }
    if let Rejection::AlreadyPooled { reservation } = rejection {
        return refusal.detail("reservation", reservation.as_str());
    }
    refusal
}

fn with_reason(refusal: Refusal, why: NotApplied) -> Refusal {
    match why {
        NotApplied::BelowMinimum { missing_minor } => {
            refusal.detail("why", "below_minimum").detail("missing_minor", missing_minor.0)
        }
        NotApplied::NotTheseGoods => refusal.detail("why", "not_these_goods"),
        NotApplied::NotStackable => refusal.detail("why", "not_stackable"),
        NotApplied::SlotTaken => refusal.detail("why", "slot_taken"),
        NotApplied::NoEffect => refusal.detail("why", "no_effect"),
    }
}

/// What the next step of an agent needs.
fn with_desk_details(refusal: Refusal, rejection: &Rejection) -> Refusal {
    if let Rejection::SessionClosed { reason } = rejection {
        return refusal.detail("reason", json(&desk::close_reason(*reason)));
    }
    if let Rejection::SessionMoved { epoch } = rejection {
        return refusal.detail("epoch", *epoch);
    }
    if let Rejection::AlreadyTaken { agent } = rejection {
        return refusal.detail("agent", agent.as_str());
    }
    if let Rejection::NotOwner { owner: Some(owner) } = rejection {
        return refusal.detail("owner", owner.as_str());
    }
    if let Rejection::Saturated { load, cap } = rejection {
        return refusal.detail("load", *load).detail("cap", *cap);
    }
    if let Rejection::AgentNotReady { status } = rejection {
        return refusal.detail("status", json(&desk::agent_status(*status)));
    }
    if let Rejection::LastAgent { waiting } = rejection {
        return refusal.detail("waiting", *waiting);
    }
    if let Rejection::ReportNotReady { state } = rejection {
        return refusal.detail("state", json(&desk::report_state(*state)));
    }
    if let Rejection::AlreadyRated { stars } = rejection {
        return refusal.detail("stars", *stars);
    }
    refusal
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn code_of(rejection: &Rejection) -> Code {
    match rejection {
        Rejection::ShopUnknown => Code::ShopUnknown,
        Rejection::ShopExists => Code::ShopExists,
        Rejection::RoomUnknown => Code::RoomUnknown,
        Rejection::RoomExists => Code::RoomExists,
        Rejection::ProductUnknown => Code::ProductUnknown,
        Rejection::SkuUnknown => Code::SkuUnknown,
        Rejection::SkuTaken => Code::SkuTaken,
        Rejection::SaleUnknown => Code::SaleUnknown,
        Rejection::SaleExists => Code::SaleExists,
        Rejection::ReservationUnknown => Code::ReservationUnknown,
        Rejection::ReservationExists => Code::ReservationExists,
        Rejection::OrderUnknown => Code::OrderUnknown,
        Rejection::OrderExists => Code::OrderExists,
        Rejection::CommentUnknown => Code::CommentUnknown,
        Rejection::StaffUnknown => Code::StaffUnknown,
        Rejection::Forbidden { .. } => Code::Forbidden,
        Rejection::Invalid { .. } => Code::InvalidRequest,
        Rejection::RoomNotReady { .. } => Code::RoomNotReady,
        Rejection::RoomEnded { .. } => Code::RoomEnded,
        Rejection::NotListed { .. } => Code::NotListed,
        Rejection::OutOfStock { .. } => Code::OutOfStock,
        Rejection::NothingPinned => Code::NothingPinned,
        Rejection::SlowMode { .. } => Code::SlowMode,
        Rejection::Muted { .. } => Code::Muted,
        Rejection::Banned { .. } => Code::Banned,
        Rejection::KeywordBlocked => Code::KeywordBlocked,
        Rejection::SaleNotReady { .. } => Code::SaleNotReady,
        Rejection::SaleNotInRoom { .. } => Code::SaleNotInRoom,
        Rejection::StockShort { .. } => Code::StockShort,
        Rejection::TotalTooLow { .. } => Code::TotalTooLow,
        Rejection::PresenceTooShort { .. } => Code::PresenceTooShort,
        Rejection::TooEarly { .. } => Code::TooEarly,
        Rejection::SaleEnded => Code::SaleEnded,
        Rejection::AlreadyReserved { .. } => Code::AlreadyReserved,
        Rejection::BuyerLimit { .. } => Code::BuyerLimit,
        Rejection::HoldsExhausted { .. } => Code::HoldsExhausted,
        Rejection::SoldOut { .. } => Code::SoldOut,
        Rejection::StillAvailable { .. } => Code::StillAvailable,
        Rejection::WaitlistFull { .. } => Code::WaitlistFull,
        Rejection::AlreadyWaiting { .. } => Code::AlreadyWaiting,
        Rejection::NotWaiting => Code::NotWaiting,
        Rejection::NoOffer => Code::NoOffer,
        Rejection::NotForSale { .. } => Code::NotForSale,
        Rejection::ReservationNotHeld { .. } => Code::ReservationNotHeld,
        Rejection::OrderNotReady { .. } => Code::OrderNotReady,
        Rejection::PaymentMismatch { .. } => Code::PaymentMismatch,
        Rejection::PaymentConflict => Code::PaymentConflict,
        Rejection::PaymentUnmatched => Code::PaymentUnmatched,
        Rejection::OrderArchived { .. } => Code::OrderArchived,
        Rejection::OrdersOpen { .. } => Code::OrdersOpen,
        Rejection::ConversationUnknown => Code::ConversationUnknown,
        Rejection::SessionUnknown => Code::SessionUnknown,
        Rejection::TooOld => Code::TooOld,
        Rejection::SessionClosed { .. } => Code::SessionClosed,
        Rejection::SessionOpen => Code::SessionOpen,
        Rejection::SessionMoved { .. } => Code::SessionMoved,
        Rejection::AlreadyTaken { .. } => Code::AlreadyTaken,
        Rejection::NotOwner { .. } => Code::NotOwner,
        Rejection::Saturated { .. } => Code::Saturated,
        Rejection::AgentUnknown => Code::AgentUnknown,
        Rejection::AgentNotReady { .. } => Code::AgentNotReady,
        Rejection::LastAgent { .. } => Code::LastAgent,
        Rejection::BuyerBlocked => Code::BuyerBlocked,
        Rejection::MessageUnknown => Code::MessageUnknown,
        Rejection::RecallTooLate => Code::RecallTooLate,
        Rejection::FaqUnknown => Code::FaqUnknown,
        Rejection::QuickReplyUnknown => Code::QuickReplyUnknown,
        Rejection::ReportUnknown => Code::ReportUnknown,
        Rejection::ReportExists => Code::ReportExists,
        Rejection::ReportNotReady { .. } => Code::ReportNotReady,
        Rejection::AlreadyRated { .. } => Code::AlreadyRated,
        Rejection::RuleUnknown => Code::RuleUnknown,
        Rejection::CampaignUnknown => Code::CampaignUnknown,
        Rejection::CampaignExists => Code::CampaignExists,
        Rejection::CampaignNotReady { .. } => Code::CampaignNotReady,
        Rejection::CampaignEnded => Code::CampaignEnded,
        Rejection::CampaignNotInRoom { .. } => Code::CampaignNotInRoom,
        Rejection::CouponUnknown => Code::CouponUnknown,
        Rejection::CouponExists => Code::CouponExists,
        Rejection::CouponLimit { .. } => Code::CouponLimit,
        Rejection::CouponsGone => Code::CouponsGone,
        Rejection::BudgetSpent { .. } => Code::BudgetSpent,
        Rejection::NotEligible { .. } => Code::NotEligible,
        Rejection::TaskOpen { .. } => Code::TaskOpen,
        Rejection::CouponNotUsable { .. } => Code::CouponNotUsable,
        Rejection::CouponNotApplicable { .. } => Code::CouponNotApplicable,
        Rejection::RefundExists => Code::RefundExists,
        Rejection::RefundTooLarge { .. } => Code::RefundTooLarge,
        Rejection::NotCapable { .. } => Code::NotCapable,
        Rejection::DrawUnknown => Code::DrawUnknown,
        Rejection::DrawExists => Code::DrawExists,
        Rejection::DrawRunning { .. } => Code::DrawRunning,
        Rejection::DrawNotReady { .. } => Code::DrawNotReady,
        Rejection::SeedMismatch => Code::SeedMismatch,
        Rejection::NoPrize => Code::NoPrize,
        Rejection::DrawPending => Code::DrawPending,
        Rejection::AlreadyPooled { .. } => Code::AlreadyPooled,
    }
}
