//! How events, refusals and views read in an outcome file: one line each. Owns no expectation.

use hawker_domain::Shop;
use hawker_domain::document::DocumentWrite;
use hawker_domain::id::{SaleId, SkuId, UserId};
use hawker_domain::view::{Change, OrderView, ReservationView, StockView, WaitingView};
use hawker_domain::{Event, Rejection};
use serde_json::Value;

use crate::desk_render;
use crate::event_names::event_name;
use crate::promo_render;
use crate::rejection_names::rejection_name;
use crate::words::{Words, span_text};

/// `reserved reservation=R1 sale=S1 …`, absent fields left out.
pub(crate) fn event(event: &Event) -> String {
    let json = serde_json::to_value(event).expect("an event is JSON");
    let name = event_name(event);
    // Those of the desk and of the promotions stand under their name inside of one.
    let nested = json["type"] == "desk" || json["type"] == "promo";
    let data = if nested { &json["data"][name] } else { &json["data"] };
    let stored = if nested { name } else { json["type"].as_str().unwrap_or("") };
    assert!(stored == name && data.is_object(), "{name} is the name an event is stored under");
    format!("{name}{}", fields(data))
}

fn fields(data: &Value) -> String {
    let Value::Object(map) = data else { return String::new() };
    let present = map.iter().filter(|(_, value)| !value.is_null());
    present.map(|(key, value)| format!(" {key}={}", field(key, value))).collect()
}

fn field(key: &str, value: &Value) -> String {
    let is_time =
        ["until", "pay_by", "since", "answer_by", "from", "address_by", "for"].contains(&key);
    let time = is_time || ["_at", "_ms", "_until"].iter().any(|end| key.ends_with(end));
    match value {
        Value::Number(number) if time => span_text(number.as_i64().unwrap_or_default()),
        Value::String(text) if text.contains(' ') || text.is_empty() => format!("{text:?}"),
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let all: Vec<_> = all.iter().map(|one| field(key, one)).collect();
            format!("[{}]", all.join(" "))
        }
        Value::Object(_) => format!("{{{}}}", fields(value).trim_start()),
        other => other.to_string(),
    }
}

/// `sold_out { soft: true, waitlist_length: 0 }`
pub(crate) fn rejection(rejection: &Rejection) -> String {
    let all = debug(rejection);
    let rest = all.find(' ').map_or("", |at| &all[at..]);
    format!("{}{rest}", rejection_name(rejection))
}

/// A value's debug form with times and amounts as a reader wants them.
pub(crate) fn debug(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    for (open, is_time) in [("Millis(", true), ("SpanMs(", true), ("Minor(", false)] {
        while let Some(at) = text.find(open) {
            let close = at + text[at..].find(')').expect("a closing bracket");
            let number = text[at + open.len()..close].to_owned();
            let shown = if is_time { span_text(number.parse().expect("a number")) } else { number };
            text.replace_range(at..=close, &shown);
        }
    }
    text
}

/// What `show` puts into the outcome: one line a thing.
pub(crate) fn show(shop: &Shop, words: &mut Words) -> Vec<String> {
    let what = words.word("what to show");
    match what.as_str() {
        "stock" => {
            let sale = shop.sale_view(&words.id("sale")).expect("a sale");
            sale.items.iter().map(stock).collect()
        }
        "sales" => vec![debug(&shop.sales().collect::<Vec<_>>())],
        "sale" => vec![sale(shop, &words.id("sale"))],
        "free" => vec![debug(&shop.product_view(&words.id("product")).expect("a product").stock)],
        "product" => vec![debug(&shop.product_view(&words.id("product")).expect("a product"))],
        "room" => vec![debug(&shop.room_view(&words.id("room")).expect("a room"))],
        "order" => {
            let view = shop.order_view(&words.id("order"));
            vec![view.map_or_else(not_in_memory, |view| order(&view))]
        }
        "reservation" => {
            let view = shop.reservation_view(&words.id("reservation"));
            vec![view.map_or_else(not_in_memory, |view| reservation(&view))]
        }
        "buyer" => vec![buyer(shop, &words.id("buyer"))],
        "waitlist" => {
            let (sale, sku): (SaleId, SkuId) = (words.id("sale"), words.id("sku"));
            let mut lines = Vec::new();
            while let Some(buyer) = words.next() {
                let buyer = words.parse(&buyer, "buyer");
                let view = shop.waiting_view(&sale, &sku, &buyer);
                lines.push(view.map_or(format!("{buyer} does not wait"), |view| waiting(&view)));
            }
            lines
        }
        "due" => vec![shop.next_due().map_or("nothing".to_owned(), |due| span_text(due.0))],
        "shop" => vec![debug(&shop.view().expect("a shop"))],
        other => promo_render::show(shop, other, words)
            .unwrap_or_else(|| desk_render::show(shop, other, words)),
    }
}

fn not_in_memory() -> String {
    "not in memory".to_owned()
}

fn stock(view: &StockView) -> String {
    format!(
        "{} {}: total {} = available {} + reserved {} + offered {} + sold {}, waiting {}, {:?}",
        view.sale,
        view.sku,
        view.total_units,
        view.available_units,
        view.reserved_units,
        view.offered_units,
        view.sold_units,
        view.waitlist_length,
        view.state
    )
}

fn sale(shop: &Shop, sale: &SaleId) -> String {
    let view = shop.sale_view(sale).expect("a sale");
    let time = |at: Option<_>| at.map_or("-".to_owned(), |at| debug(&at));
    format!(
        "{} {:?}, announce {}, start {}, end {}, hold {}, presence {}, price hidden {}",
        view.sale,
        view.state,
        time(view.announce_at),
        time(view.starts_at),
        time(view.ends_at),
        debug(&view.hold_ms),
        debug(&view.min_presence_ms),
        view.price_hidden
    )
}

pub(crate) fn reservation(view: &ReservationView) -> String {
    format!(
        "{} of {} holds {} x {} {} at {}: {}",
        view.reservation,
        view.buyer,
        view.quantity,
        view.sale,
        view.sku,
        view.price_minor.0,
        debug(&view.state)
    )
}

fn order(view: &OrderView) -> String {
    format!(
        "{} of {}: {} lines, {} {}, placed {}, pay by {}, {}, refunds {}",
        view.order,
        view.buyer,
        view.lines.len(),
        view.total_minor.0,
        view.currency,
        debug(&view.placed_at),
        debug(&view.pay_by),
        debug(&view.state),
        debug(&view.refunds_required)
    )
}

fn waiting(view: &WaitingView) -> String {
    format!("{} waits for {}: {}", view.buyer, view.quantity, debug(&view.state))
}

fn buyer(shop: &Shop, buyer: &UserId) -> String {
    let view = shop.buyer_view(buyer);
    let ids: Vec<_> = view.reservations.iter().map(|one| one.reservation.as_str()).collect();
    let orders: Vec<_> = view.orders.iter().map(|one| one.order.as_str()).collect();
    let waiting: Vec<_> = view.waiting.iter().map(waiting).collect();
    format!(
        "{buyer} follows {}, holds {ids:?}, orders {orders:?}, waits {waiting:?}, reminders {:?}",
        view.following, view.reminders
    )
}

/// Those changes that tell somebody what no event says; the rest by what they are about.
pub(crate) fn change(change: &Change) -> String {
    match change {
        Change::Shop(view) => format!("shop {}", view.name),
        Change::Product(view) => format!("product {} {:?}", view.product, view.stock),
        Change::Room(view) => format!("room {} {:?}", view.room, view.state),
        Change::Sale(view) => format!("sale {} {:?}", view.sale, view.state),
        Change::Stock(view) => format!("stock {}", stock(view)),
        Change::Reservation(view) => format!("reservation {}", reservation(view)),
        Change::Order(view) => format!("order {}", order(view)),
        Change::Waiting(view) => format!("waiting {}", waiting(view)),
        Change::SaleReminder { .. }
        | Change::OrderReminder { .. }
        | Change::CommentDeleted { .. }
        | Change::Comment(_)
        | Change::Banned { .. } => debug(change),
        Change::Desk(change) => desk_render::change(change),
        Change::Promo(change) => promo_render::change(change),
    }
}

/// The key of a document; what people wrote is nobody's business here.
pub(crate) fn document(document: &DocumentWrite) -> String {
    match document {
        DocumentWrite::Put { key, .. } => format!("put {key}"),
        DocumentWrite::EraseUnder { prefix } => format!("erase {prefix}"),
    }
}
