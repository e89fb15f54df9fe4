//! What others may see of a shop: plain copies of its state, made after each batch for whoever
//! watches. Owns no rule.

pub mod desk;
pub mod promo;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{ProductSpec, ReleaseReason, Role, RoomSpec, Scope, Stock};
use crate::event::desk::Side;
use crate::event::{DrawTerms, OrderLine};
use crate::id::{
    CommentId, OrderId, PaymentId, ProductId, ReservationId, RoomId, SaleId, SkuId, UserId,
};
use crate::money::{Currency, Minor};
use crate::settings::Settings;
use crate::shop::price::Quote;
use crate::time::{Millis, SpanMs};

use desk::PositionView;

pub use desk::DeskChange;
pub use promo::{PromoBuyerView, PromoChange};

/// Something that looks different after a batch. Carries the newest state, not the difference.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Shop(ShopView),
    Product(ProductView),
    Room(RoomView),
    Sale(SaleView),
    Stock(StockView),
    Reservation(ReservationView),
    Order(OrderView),
    Waiting(WaitingView),
    /// The sale is about to start; these buyers asked to be told.
    SaleReminder {
        sale: SaleId,
        text: String,
        starts_at: Millis,
        buyers: Vec<UserId>,
    },
    OrderReminder {
        order: OrderId,
        buyer: UserId,
        pay_by: Millis,
    },
    CommentDeleted {
        room: RoomId,
        comment: CommentId,
    },
    /// A comment of a room that keeps its comments.
    Comment(Comment),
    /// This user must leave the room at once.
    Banned {
        room: RoomId,
        user: UserId,
        until: Option<Millis>,
    },
    Desk(DeskChange),
    Promo(PromoChange),
}

/// What passes by without being kept: it can hold nothing that must be durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Ephemeral {
    Comment(Comment),
    Counters {
        room: RoomId,
        likes: u64,
        viewers: u64,
        viewers_peak: u64,
        joins: u64,
    },
    /// Somebody writes in the conversation of this buyer.
    Typing {
        buyer: UserId,
        side: Side,
        user: UserId,
        /// Who owns the buyer's open session.
        owner: Option<UserId>,
    },
    /// Buyers whose place in the queue of the desk became better.
    Positions(Vec<PositionView>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub room: RoomId,
    pub comment: CommentId,
    pub user: UserId,
    pub name: String,
    pub text: String,
    pub at: Millis,
    /// A streamer's and an agent's comments are never thinned.
    pub role: Role,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShopView {
    pub name: String,
    pub currency: Currency,
    pub settings: Settings,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProductView {
    pub product: ProductId,
    pub spec: ProductSpec,
    pub stock: Vec<(SkuId, Stock)>,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    Scheduled,
    Live,
    Paused,
    Ended,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RoomView {
    pub room: RoomId,
    pub spec: RoomSpec,
    pub state: RoomState,
    /// Milliseconds the room has been live up to `live_clock_at`; runs on while `state` is live.
    pub live_clock_ms: SpanMs,
    pub live_clock_at: Millis,
    pub bag: Vec<ProductId>,
    pub pinned: Option<PinView>,
    pub keywords: BTreeSet<String>,
    pub likes: u64,
    pub joins: u64,
    pub viewers: u64,
    pub viewers_peak: u64,
    /// Comments since this process has the shop in memory.
    pub comments: u64,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinView {
    pub sku: SkuId,
    pub product: ProductId,
    pub title: String,
    pub price_minor: Minor,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    Draft,
    Scheduled,
    Announced,
    Live,
    SoldOut,
    Ended,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaleView {
    pub sale: SaleId,
    pub title: String,
    pub scope: Scope,
    pub state: SaleState,
    pub announce_at: Option<Millis>,
    pub starts_at: Option<Millis>,
    /// Of a sale that is over, when that was.
    pub ends_at: Option<Millis>,
    /// It is live or has been.
    pub has_started: bool,
    pub hold_ms: SpanMs,
    pub min_presence_ms: SpanMs,
    pub price_hidden: bool,
    pub reminder_text: String,
    pub currency: Currency,
    pub items: Vec<StockView>,
    #[serde(default)]
    pub draw: Option<DrawTerms>,
    /// In hex, once the pool is drawn.
    #[serde(default)]
    pub seed: Option<String>,
    pub version: u64,
}

/// Where every unit of one item of a sale is. The four always add up to `total_units`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockView {
    pub sale: SaleId,
    pub sku: SkuId,
    pub title: String,
    pub price_minor: Minor,
    pub list_price_minor: Minor,
    pub per_buyer_units: u32,
    pub total_units: u32,
    pub available_units: u32,
    pub reserved_units: u32,
    pub offered_units: u32,
    pub sold_units: u32,
    pub waitlist_length: u32,
    pub state: ItemState,
    pub version: u64,
    /// Units that move can turn the sale from live to sold out and back.
    pub sale_state: SaleState,
    pub sale_version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// The sale is not running yet, or is over.
    Closed,
    Live,
    /// Nothing is available but holds may still come back: the waitlist is open.
    SoldOutSoft,
    SoldOutHard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationView {
    pub reservation: ReservationId,
    pub sale: SaleId,
    pub sku: SkuId,
    pub buyer: UserId,
    pub quantity: u32,
    pub price_minor: Minor,
    pub currency: Currency,
    pub state: ReservationState,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    Held { expires_at: Millis },
    Ordered { order: OrderId },
    Sold { order: OrderId },
    Released { reason: ReleaseReason },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    pub order: OrderId,
    pub buyer: UserId,
    pub lines: Vec<OrderLine>,
    pub total_minor: Minor,
    pub currency: Currency,
    pub placed_at: Millis,
    pub pay_by: Millis,
    pub state: OrderState,
    /// Money that came in and buys nothing.
    pub refunds_required: Vec<(PaymentId, Minor)>,
    /// Why it costs what it costs. Orders of before prices were explained have none.
    #[serde(default)]
    pub quote: Option<Box<Quote>>,
    /// What went back to the buyer so far.
    #[serde(default)]
    pub refunded_minor: Minor,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Unpaid,
    PaymentPending,
    Paid { payment: PaymentId },
    Cancelled { reason: ReleaseReason },
}

/// A buyer's place on a waitlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingView {
    pub sale: SaleId,
    pub sku: SkuId,
    pub buyer: UserId,
    pub quantity: u32,
    pub state: WaitingState,
    /// The item's: every move on the waitlist raises it.
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingState {
    /// One-based.
    Waiting {
        position: u32,
    },
    Offered {
        expires_at: Millis,
    },
    /// Left, declined, expired, over, or turned into a reservation.
    Gone,
}

/// All of one buyer's own state in a shop: what `room.join` returns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuyerView {
    pub following: bool,
    pub reservations: Vec<ReservationView>,
    pub orders: Vec<OrderView>,
    pub waiting: Vec<WaitingView>,
    pub reminders: Vec<SaleId>,
    pub promo: PromoBuyerView,
}
