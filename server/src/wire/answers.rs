//! What an accepted command answers on the wire, and the figures of a room.

use hawker_domain::event::Event;
use hawker_domain::event::desk::DeskEvent;
use hawker_domain::money::Currency;
use hawker_domain::time::Millis;
use hawker_domain::view::{Change, DeskChange, PromoChange, RoomView, SaleView};
use hawker_protocol::number::Minor;
use hawker_protocol::{Answer, Code, Id, Refusal, Request, reply};

use super::{desk, from_wire, promo, to_wire};

/// Winners that a draw is shown with; over HTTP there are all.
pub const DRAW_WINNERS_SHOWN: usize = 50;

/// The `ok` of a request whose command was accepted: what happened, and what is there now. With
/// `existing` it was there before.
pub fn answer(
    request: &Request,
    events: &[Event],
    result: Option<Change>,
    existing: bool,
) -> Result<Answer, Refusal> {
    if let Some(answer) = plain(request, events) {
        return Ok(answer);
    }
    let answer = match result {
        Some(Change::Room(room)) => match request {
            Request::RoomKeywords(_) => reply::KeywordsChanged {
                room: to_wire::id(room.room.clone()),
                keywords: room.keywords.into_iter().collect(),
            }
            .into(),
            _ => reply::RoomChanged { room: to_wire::room(&room) }.into(),
        },
        Some(Change::Comment(comment)) => {
            reply::Commented { comment: to_wire::comment(&comment) }.into()
        }
        Some(Change::Sale(sale)) => reply::SaleChanged { sale: to_wire::sale(&sale) }.into(),
        Some(Change::Reservation(held)) => {
            let reservation = to_wire::reservation(&held);
            match request {
                Request::ReservationRelease(_) => reply::ReservationChanged { reservation }.into(),
                _ => reply::Claimed { reservation, existing }.into(),
            }
        }
        Some(Change::Waiting(waiting)) => {
            reply::Waitlisted { waiting: to_wire::waiting(&waiting) }.into()
        }
        Some(Change::Order(order)) => reply::OrderChanged { order: to_wire::order(&order) }.into(),
        Some(Change::Promo(change)) => {
            return of_promo(request, change).ok_or_else(|| unanswered(request));
        }
        Some(Change::Desk(change)) => {
            return of_desk(request, &change).ok_or_else(|| unanswered(request));
        }
        Some(
            Change::Shop(_)
            | Change::Product(_)
            | Change::Stock(_)
            | Change::SaleReminder { .. }
            | Change::OrderReminder { .. }
            | Change::CommentDeleted { .. }
            | Change::Banned { .. },
        )
        | None => return Err(unanswered(request)),
    };
    Ok(answer)
}

fn unanswered(request: &Request) -> Refusal {
    // Whoever never worked at the desk can leave it, and there is nothing of him to show.
    if matches!(request, Request::DeskLogOut(_) | Request::DeskStatus(_) | Request::DeskCap(_)) {
        return Refusal::new(Code::AgentUnknown);
    }
    // Whoever is not blocked is let in, also one of whom nobody has heard.
    if matches!(request, Request::BuyerUnblock(_)) {
        return Refusal::new(Code::ConversationUnknown);
    }
    tracing::error!(request = request.type_name(), "an accepted command has no answer");
    Refusal::new(Code::Internal)
}

/// What a command about prices, coupons or draws was about.
fn of_promo(request: &Request, change: PromoChange) -> Option<Answer> {
    Some(match change {
        PromoChange::Rule(rule) => {
            reply::PriceRuleChanged { rule: promo::price_rule(&rule) }.into()
        }
        PromoChange::RuleEnded { .. } => reply::Done {}.into(),
        PromoChange::Stacking(stacking) => {
            reply::StackingChanged { stacking: promo::stacking(&stacking) }.into()
        }
        PromoChange::Capabilities(capabilities) => {
            reply::CapabilitiesChanged { capabilities: promo::capabilities(capabilities) }.into()
        }
        PromoChange::Campaign(view) => {
            let campaign = promo::campaign(&view);
            match request {
                Request::CouponRevoke(_) => {
                    reply::Revoked { campaign: Some(campaign), coupon: None }.into()
                }
                _ => reply::CampaignChanged { campaign }.into(),
            }
        }
        PromoChange::Coupon(view) => {
            let coupon = promo::coupon(&view);
            match request {
                Request::CouponRevoke(_) => {
                    reply::Revoked { campaign: None, coupon: Some(coupon) }.into()
                }
                _ => reply::CouponClaimed { coupon }.into(),
            }
        }
        PromoChange::Draw(view) => {
            reply::DrawChanged { draw: promo::draw(&view, DRAW_WINNERS_SHOWN) }.into()
        }
        PromoChange::Pooled(view) => {
            reply::Claimed { reservation: promo::pooled(&view), existing: false }.into()
        }
        PromoChange::Granted { .. }
        | PromoChange::Pushed { .. }
        | PromoChange::CampaignReminder { .. }
        | PromoChange::Progress { .. }
        | PromoChange::Entered { .. }
        | PromoChange::PrizeWon { .. }
        | PromoChange::PrizeLost { .. }
        | PromoChange::PoolDrawn { .. } => return None,
    })
}

/// What a command of a chat or of the desk was about.
fn of_desk(request: &Request, change: &DeskChange) -> Option<Answer> {
    Some(match change {
        DeskChange::Session { session, .. } => match request {
            Request::ChatRate(_) => {
                reply::ChatSessionChanged { session: desk::chat_session(session) }.into()
            }
            _ => reply::SessionChanged { session: desk::session(session) }.into(),
        },
        DeskChange::Clicked(click) => {
            reply::ChatSessionChanged { session: desk::chat_session(&click.session) }.into()
        }
        DeskChange::Message(said) => {
            let shop = from_wire::shop_id(request.shop()?);
            reply::ChatSent { message: desk::message(&shop, &said.message) }.into()
        }
        DeskChange::Marks(view) => {
            let conversation = desk::conversation(view);
            match request {
                Request::BuyerBlock(_) | Request::BuyerUnblock(_) => {
                    reply::ConversationChanged { conversation }.into()
                }
                _ => reply::Marked { conversation }.into(),
            }
        }
        DeskChange::Agent(view) => reply::AgentChanged { agent: desk::agent(view) }.into(),
        DeskChange::Report(view) => reply::ReportChanged { report: desk::report(view) }.into(),
        DeskChange::Policy(policy) => reply::PolicyChanged { policy: desk::policy(policy) }.into(),
        DeskChange::Holiday(holiday) => {
            reply::HolidayChanged { holiday: holiday.as_ref().map(desk::holiday) }.into()
        }
        DeskChange::Recalled { .. } | DeskChange::Alerts(_) | DeskChange::Texts => return None,
    })
}

/// Answers that need nothing of the shop.
fn plain(request: &Request, events: &[Event]) -> Option<Answer> {
    match request {
        Request::ShopFollow(_) => Some(reply::Following { following: true }.into()),
        Request::ShopUnfollow(_) => Some(reply::Following { following: false }.into()),
        Request::RoomMute(it) => Some(restricted(it.room.clone(), it.user.clone(), events)),
        Request::RoomBan(it) => Some(restricted(it.room.clone(), it.user.clone(), events)),
        Request::RoomUnmute(_)
        | Request::RoomUnban(_)
        | Request::RoomDeleteComment(_)
        | Request::SaleRemind(_)
        | Request::CouponRemind(_)
        | Request::SaleWaitlistLeave(_)
        | Request::SaleOfferDecline(_)
        | Request::ChatTyping(_)
        | Request::ChatRecall(_)
        | Request::DeskTyping(_)
        | Request::DeskRecall(_)
        | Request::DeskNote(_)
        | Request::DeskTag(_)
        | Request::FaqRemove(_)
        | Request::FaqCard(_)
        | Request::QuickReplyRemove(_) => Some(reply::Done {}.into()),
        Request::FaqSet(it) => {
            let faq = it.faq.clone().or_else(|| events.iter().find_map(put_faq))?;
            Some(reply::FaqSaved { faq }.into())
        }
        Request::QuickReplySet(it) => {
            let named = it.quick_reply.clone();
            let quick_reply = named.or_else(|| events.iter().find_map(put_quick_reply))?;
            Some(reply::QuickReplySaved { quick_reply }.into())
        }
        _ => None,
    }
}

fn put_faq(event: &Event) -> Option<Id> {
    if let Event::Desk(DeskEvent::FaqPut { faq, .. }) = event {
        return Some(to_wire::id(faq.clone()));
    }
    None
}

fn put_quick_reply(event: &Event) -> Option<Id> {
    if let Event::Desk(DeskEvent::QuickReplyPut { quick_reply, .. }) = event {
        return Some(to_wire::id(quick_reply.clone()));
    }
    None
}

fn restricted(room: Id, user: Id, events: &[Event]) -> Answer {
    let until = events.iter().find_map(|event| match event {
        Event::Muted { until, .. } | Event::Banned { until, .. } => *until,
        _ => None,
    });
    reply::Restricted { room, user, until: until.map(to_wire::at) }.into()
}

/// The figures of a room, from its state and its sales.
pub fn dashboard(
    room: &RoomView,
    sales: &[SaleView],
    promo: Option<reply::DashboardPromo>,
    currency: &Currency,
    now: Millis,
) -> reply::Dashboard {
    let items = || sales.iter().flat_map(|sale| &sale.items);
    let revenue = items().map(|item| item.price_minor.0 * u64::from(item.sold_units)).sum();
    reply::Dashboard {
        room: to_wire::id(room.room.clone()),
        at: to_wire::at(now),
        viewers: room.viewers,
        viewers_peak: room.viewers_peak,
        joins: room.joins,
        likes: room.likes,
        comments: room.comments,
        sales: sales.iter().map(dashboard_sale).collect(),
        reserved: items().map(|item| u64::from(item.reserved_units)).sum(),
        sold: items().map(|item| u64::from(item.sold_units)).sum(),
        revenue_paid_minor: Minor(revenue),
        currency: currency.to_string(),
        promo,
        version: room.version,
    }
}

fn dashboard_sale(sale: &SaleView) -> reply::DashboardSale {
    let items = sale.items.iter().map(|item| reply::DashboardItem {
        sku: to_wire::id(item.sku.clone()),
        title: item.title.clone(),
        state: to_wire::item_state(item.state),
        price_minor: Minor(item.price_minor.0),
        total: item.total_units,
        available: item.available_units,
        reserved: item.reserved_units,
        offered: item.offered_units,
        sold: item.sold_units,
        waitlist_length: item.waitlist_length,
    });
    reply::DashboardSale {
        sale: to_wire::id(sale.sale.clone()),
        title: sale.title.clone(),
        state: to_wire::sale_state(sale.state),
        items: items.collect(),
    }
}
