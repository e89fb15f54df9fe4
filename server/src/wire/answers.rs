//! What an accepted command answers on the wire, and the figures of a room.

use hawker_domain::event::Event;
use hawker_domain::money::Currency;
use hawker_domain::time::Millis;
use hawker_domain::view::{Change, RoomView, SaleView};
use hawker_protocol::number::Minor;
use hawker_protocol::{Answer, Code, Refusal, Request, reply};

use super::to_wire;

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
        Some(
            Change::Shop(_)
            | Change::Product(_)
            | Change::Stock(_)
            | Change::SaleReminder { .. }
            | Change::OrderReminder { .. }
            | Change::CommentDeleted { .. }
            | Change::Banned { .. }
            | Change::Desk(_)
            | Change::Promo(_),
        )
        | None => {
            tracing::error!(request = request.type_name(), "an accepted command has no answer");
            return Err(Refusal::new(Code::Internal));
        }
    };
    Ok(answer)
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
        | Request::SaleWaitlistLeave(_)
        | Request::SaleOfferDecline(_) => Some(reply::Done {}.into()),
        _ => None,
    }
}

fn restricted(room: hawker_protocol::Id, user: hawker_protocol::Id, events: &[Event]) -> Answer {
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
        promo: None,
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
