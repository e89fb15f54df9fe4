//! The domain's views as the wire shows them.

use hawker_domain::event::OrderLine;
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view;
use hawker_domain::{command, id};
use hawker_protocol::number::{EpochMs, Minor, SpanMs as WireSpan};
use hawker_protocol::object;
use hawker_protocol::push;
use hawker_protocol::text::List;
use hawker_protocol::{Id, Push};

use super::promo;

/// An id of the domain; both sides keep the same alphabet.
pub fn id(id: impl Into<smol_str::SmolStr>) -> Id {
    Id::checked(id.into())
}

pub fn at(at: Millis) -> EpochMs {
    EpochMs(at.0)
}

pub(super) fn span(span: SpanMs) -> WireSpan {
    WireSpan(span.0)
}

pub(super) fn minor(amount: hawker_domain::money::Minor) -> Minor {
    Minor(amount.0)
}

/// Bounded on its way in by the same figure.
pub(super) fn list<T, const MAX: usize>(items: Vec<T>) -> List<T, MAX> {
    List::try_from(items).unwrap_or_default()
}

pub fn role(role: command::Role) -> object::Role {
    match role {
        command::Role::Buyer => object::Role::Buyer,
        command::Role::Streamer => object::Role::Streamer,
        command::Role::Agent => object::Role::Agent,
        command::Role::Supervisor => object::Role::Supervisor,
        command::Role::Manager => object::Role::Manager,
        command::Role::Service => object::Role::Service,
    }
}

pub fn shop(shop: &id::ShopId, view: &view::ShopView) -> object::Shop {
    object::Shop {
        shop: id(shop.clone()),
        name: view.name.clone(),
        currency: view.currency.to_string(),
        settings: settings(&view.settings),
        version: view.version,
    }
}

fn settings(settings: &Settings) -> object::Settings {
    object::Settings {
        reservation_hold_ms: span(settings.reservation_hold_ms),
        payment_grace_ms: span(settings.payment_grace_ms),
        min_presence_ms: span(settings.min_presence_ms),
        sale_countdown_ms: span(settings.sale_countdown_ms),
        sale_run_ms: span(settings.sale_run_ms),
        sale_reminder_lead_ms: span(settings.sale_reminder_lead_ms),
        unpaid_expiries_max: settings.unpaid_expiries_max,
        waitlist_offer_ms: span(settings.waitlist_offer_ms),
        waitlist_factor: settings.waitlist_factor,
        unpaid_window_ms: span(settings.unpaid_window_ms),
        order_reminders_ms: list(settings.order_reminders_ms.iter().copied().map(span).collect()),
        shipping_fee_minor: minor(settings.shipping_fee_minor),
        shipping_free_over_minor: settings.shipping_free_over_minor.map(minor),
        claim_grace_ms: span(settings.claim_grace_ms),
        draw_wins_max: settings.draw_wins_max,
        draw_repeat_window_ms: span(settings.draw_repeat_window_ms),
        count_background: settings.count_background,
    }
}

pub fn staff(user: &id::UserId, roles: impl IntoIterator<Item = command::Role>) -> object::Staff {
    object::Staff { user: id(user.clone()), roles: roles.into_iter().map(role).collect() }
}

pub fn product(view: &view::ProductView, currency: &Currency) -> object::Product {
    let stock_of = |sku: &id::SkuId| {
        view.stock.iter().find(|(known, _)| known == sku).map(|(_, stock)| *stock)
    };
    let skus = view.spec.skus.iter().map(|spec| object::Sku {
        sku: id(spec.sku.clone()),
        title: spec.title.clone(),
        price_minor: minor(spec.price_minor),
        stock: stock(stock_of(&spec.sku).unwrap_or(command::Stock::Units(0))),
    });
    object::Product {
        product: id(view.product.clone()),
        title: view.spec.title.clone(),
        image_url: view.spec.image_url.clone(),
        listed: view.spec.listed,
        currency: currency.to_string(),
        skus: skus.collect(),
        version: view.version,
    }
}

fn stock(stock: command::Stock) -> object::Stock {
    match stock {
        command::Stock::Units(units) => object::Stock::Units(units),
        command::Stock::Unlimited => object::Stock::Unlimited,
    }
}

pub fn room(view: &view::RoomView) -> object::Room {
    object::Room {
        room: id(view.room.clone()),
        streamer: id(view.spec.streamer.clone()),
        title: view.spec.title.clone(),
        cover_url: view.spec.cover_url.clone(),
        playback_url: view.spec.playback_url.clone(),
        state: room_state(view.state),
        live_clock: object::LiveClock {
            elapsed_ms: span(view.live_clock_ms),
            at: at(view.live_clock_at),
        },
        slow_mode_ms: span(view.spec.slow_mode_ms),
        keep_comments: view.spec.keep_comments,
        bag: view.bag.iter().cloned().map(id).collect(),
        pinned: view.pinned.as_ref().map(pin),
        likes: view.likes,
        joins: view.joins,
        viewers_peak: view.viewers_peak,
        version: view.version,
    }
}

pub(super) fn room_state(state: view::RoomState) -> object::RoomState {
    match state {
        view::RoomState::Scheduled => object::RoomState::Scheduled,
        view::RoomState::Live => object::RoomState::Live,
        view::RoomState::Paused => object::RoomState::Paused,
        view::RoomState::Ended => object::RoomState::Ended,
    }
}

fn pin(pin: &view::PinView) -> object::Pin {
    object::Pin {
        sku: id(pin.sku.clone()),
        product: id(pin.product.clone()),
        title: pin.title.clone(),
        price_minor: minor(pin.price_minor),
        version: pin.version,
    }
}

pub fn pinned(view: &view::RoomView) -> Push {
    push::RoomPinned { pinned: view.pinned.as_ref().map(pin), version: view.version }.into()
}

/// A sale as staff see it; buyers get it `without_hidden_prices`.
pub fn sale(view: &view::SaleView) -> object::Sale {
    object::Sale {
        sale: id(view.sale.clone()),
        title: view.title.clone(),
        scope: scope(&view.scope),
        state: sale_state(view.state),
        announce_at: view.announce_at.map(at),
        starts_at: view.starts_at.map(at),
        ends_at: view.ends_at.map(at),
        hold_ms: span(view.hold_ms),
        min_presence_ms: span(view.min_presence_ms),
        price_hidden: view.price_hidden,
        reminder_text: view.reminder_text.clone(),
        currency: view.currency.to_string(),
        items: view.items.iter().map(stock_item).collect(),
        draw: view.draw.as_ref().map(|terms| object::SaleDraw {
            window_ms: span(terms.window_ms),
            seed_hash: terms.seed_hash.clone(),
            seed: view.seed.clone(),
        }),
        version: view.version,
    }
}

pub(super) fn scope(scope: &command::Scope) -> object::Scope {
    match scope {
        command::Scope::AllRooms => object::Scope::AllRooms,
        command::Scope::Rooms(rooms) => {
            object::Scope::Rooms(list(rooms.iter().cloned().map(id).collect()))
        }
    }
}

/// What a room sees of a sale: no price while it is hidden, and that is until its start.
pub fn sale_push(view: &view::SaleView) -> object::Sale {
    let mut sale = sale(view);
    // One that was called off must not tell in the end what it kept until its start.
    let hidden = view.price_hidden && !view.has_started;
    sale.price_hidden = hidden;
    if hidden {
        sale.items.iter_mut().for_each(|item| item.price_minor = None);
    }
    sale
}

pub(super) fn sale_state(state: view::SaleState) -> object::SaleState {
    match state {
        view::SaleState::Draft => object::SaleState::Draft,
        view::SaleState::Scheduled => object::SaleState::Scheduled,
        view::SaleState::Announced => object::SaleState::Announced,
        view::SaleState::Live => object::SaleState::Live,
        view::SaleState::SoldOut => object::SaleState::SoldOut,
        view::SaleState::Ended => object::SaleState::Ended,
        view::SaleState::Cancelled => object::SaleState::Cancelled,
    }
}

fn stock_item(view: &view::StockView) -> object::StockItem {
    object::StockItem {
        sku: id(view.sku.clone()),
        title: view.title.clone(),
        price_minor: Some(minor(view.price_minor)),
        list_price_minor: minor(view.list_price_minor),
        per_buyer: view.per_buyer_units,
        total: view.total_units,
        available: view.available_units,
        reserved: view.reserved_units,
        offered: view.offered_units,
        sold: view.sold_units,
        waitlist_length: view.waitlist_length,
        state: item_state(view.state),
        version: view.version,
    }
}

pub(super) fn item_state(state: view::ItemState) -> object::ItemState {
    match state {
        view::ItemState::Closed => object::ItemState::Closed,
        view::ItemState::Live => object::ItemState::Live,
        view::ItemState::SoldOutSoft => object::ItemState::SoldOutSoft,
        view::ItemState::SoldOutHard => object::ItemState::SoldOutHard,
    }
}

/// Brings an item that is shown up to date. Its price stays as hidden or open as it was.
pub fn update_stock_item(item: &mut object::StockItem, view: &view::StockView) {
    let price_minor = item.price_minor;
    *item = object::StockItem { price_minor, ..stock_item(view) };
}

/// Whether the units that moved made a live sale sold out, or the other way about.
pub fn turns(sale: &object::Sale, view: &view::StockView) -> bool {
    let runs = |state| matches!(state, object::SaleState::Live | object::SaleState::SoldOut);
    let now = sale_state(view.sale_state);
    sale.state != now && runs(sale.state) && runs(now)
}

/// Brings the sale's own state up to date.
pub fn turn_sale(sale: &mut object::Sale, view: &view::StockView) {
    sale.state = sale_state(view.sale_state);
    sale.version = view.sale_version;
}

pub fn stock_push(sale: Id, item: &object::StockItem) -> Push {
    push::RoomStock {
        sale,
        sku: item.sku.clone(),
        version: item.version,
        available: item.available,
        reserved: item.reserved,
        offered: item.offered,
        sold: item.sold,
        total: item.total,
        waitlist_length: item.waitlist_length,
        state: item.state,
    }
    .into()
}

pub fn reservation(view: &view::ReservationView) -> object::Reservation {
    let state = match &view.state {
        view::ReservationState::Held { expires_at } => {
            object::ReservationState::Held { expires_at: at(*expires_at) }
        }
        view::ReservationState::Ordered { order } => {
            object::ReservationState::Ordered { order: id(order.clone()) }
        }
        view::ReservationState::Sold { order } => {
            object::ReservationState::Sold { order: id(order.clone()) }
        }
        view::ReservationState::Released { reason } => {
            object::ReservationState::Released { reason: release_reason(*reason) }
        }
    };
    object::Reservation {
        reservation: id(view.reservation.clone()),
        sale: id(view.sale.clone()),
        sku: id(view.sku.clone()),
        buyer: id(view.buyer.clone()),
        quantity: view.quantity,
        price_minor: minor(view.price_minor),
        currency: view.currency.to_string(),
        state,
        version: view.version,
    }
}

fn release_reason(reason: command::ReleaseReason) -> object::ReleaseReason {
    match reason {
        command::ReleaseReason::Expired => object::ReleaseReason::Expired,
        command::ReleaseReason::BuyerCancel => object::ReleaseReason::BuyerCancel,
        command::ReleaseReason::PaymentFailedFinal => object::ReleaseReason::PaymentFailedFinal,
        command::ReleaseReason::SellerCancel => object::ReleaseReason::SellerCancel,
        command::ReleaseReason::Fraud => object::ReleaseReason::Fraud,
        command::ReleaseReason::SaleCancelled => object::ReleaseReason::SaleCancelled,
        command::ReleaseReason::OfferExpired => object::ReleaseReason::OfferExpired,
    }
}

pub fn order(view: &view::OrderView) -> object::Order {
    let refunds = view.refunds_required.iter().map(|(payment, amount)| object::Refund {
        payment: id(payment.clone()),
        amount_minor: minor(*amount),
    });
    object::Order {
        order: id(view.order.clone()),
        buyer: id(view.buyer.clone()),
        lines: view.lines.iter().map(order_line).collect(),
        total_minor: minor(view.total_minor),
        currency: view.currency.to_string(),
        placed_at: at(view.placed_at),
        pay_by: at(view.pay_by),
        state: order_state(&view.state),
        refunds_required: refunds.collect(),
        quote: view.quote.as_ref().map(|quote| Box::new(promo::quote(quote, &view.currency))),
        refunded_minor: Some(minor(view.refunded_minor)).filter(|refunded| refunded.0 > 0),
        version: view.version,
    }
}

fn order_line(line: &OrderLine) -> object::OrderLine {
    object::OrderLine {
        sku: id(line.sku.clone()),
        quantity: line.quantity,
        unit_price_minor: minor(line.unit_price_minor),
        reservation: line.reservation.clone().map(id),
    }
}

pub(super) fn order_state(state: &view::OrderState) -> object::OrderState {
    match state {
        view::OrderState::Unpaid => object::OrderState::Unpaid,
        view::OrderState::PaymentPending => object::OrderState::PaymentPending,
        view::OrderState::Paid { payment } => {
            object::OrderState::Paid { payment: id(payment.clone()) }
        }
        view::OrderState::Cancelled { reason } => {
            object::OrderState::Cancelled { reason: release_reason(*reason) }
        }
    }
}

/// Where something goes. Bounded on its way in by the same figures.
pub fn address(address: command::Address) -> Option<object::Address> {
    let lines: Result<Vec<_>, _> = address.lines.into_iter().map(TryInto::try_into).collect();
    Some(object::Address {
        name: address.name.try_into().ok()?,
        phone: address.phone.try_into().ok()?,
        lines: lines.ok()?.try_into().ok()?,
        city: address.city.try_into().ok()?,
        postcode: address.postcode.try_into().ok()?,
        country: address.country.try_into().ok()?,
    })
}

pub(super) fn coupon_state(state: &view::promo::CouponState) -> object::CouponState {
    use view::promo::{CouponHolder, CouponState};
    match state {
        CouponState::Claimed => object::CouponState::Claimed,
        CouponState::Locked { by } => object::CouponState::Locked {
            by: match by {
                CouponHolder::Reservation(held) => {
                    object::CouponHolder::Reservation(id(held.clone()))
                }
                CouponHolder::Order(order) => object::CouponHolder::Order(id(order.clone())),
            },
        },
        CouponState::Used { order, spent_minor } => {
            object::CouponState::Used { order: id(order.clone()), spent_minor: minor(*spent_minor) }
        }
        CouponState::Expired => object::CouponState::Expired,
        CouponState::Revoked => object::CouponState::Revoked,
    }
}

pub fn waiting(view: &view::WaitingView) -> object::Waiting {
    object::Waiting {
        sale: id(view.sale.clone()),
        sku: id(view.sku.clone()),
        quantity: view.quantity,
        state: match view.state {
            view::WaitingState::Waiting { position } => object::WaitingState::Waiting { position },
            view::WaitingState::Offered { expires_at } => {
                object::WaitingState::Offered { expires_at: at(expires_at) }
            }
            view::WaitingState::Gone => object::WaitingState::Gone,
        },
        version: view.version,
    }
}

pub fn buyer(view: &view::BuyerView) -> object::Me {
    let own = &view.promo;
    let held = view.reservations.iter().map(reservation);
    let pooled = own.pooled.iter().map(promo::pooled);
    object::Me {
        following: view.following,
        muted_until: None,
        reservations: held.chain(pooled).collect(),
        orders: view.orders.iter().map(order).collect(),
        waiting: view.waiting.iter().map(waiting).collect(),
        reminders: view.reminders.iter().cloned().map(id).collect(),
        coupons: own.coupons.iter().map(promo::coupon).collect(),
        granted: own.granted.iter().cloned().map(id).collect(),
        progress: own.progress.iter().map(promo::progress).collect(),
        campaign_reminders: own.reminders.iter().cloned().map(id).collect(),
        entered: own.entered.iter().cloned().map(id).collect(),
    }
}

pub fn comment(comment: &view::Comment) -> object::Comment {
    object::Comment {
        comment: id(comment.comment.clone()),
        user: id(comment.user.clone()),
        name: comment.name.clone(),
        text: comment.text.clone(),
        at: at(comment.at),
        role: role(comment.role),
    }
}
