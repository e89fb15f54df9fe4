//! What happened in a shop: the only persisted vocabulary. Additive: a variant or a field, once
//! written, keeps its meaning for ever. Holds ids, counts and hashes; names, texts and addresses
//! of people live in documents.

pub mod desk;
pub mod promo;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{ProductSpec, RefundStage, ReleaseReason, Role, RoomSpec, Scope, Stock};
use crate::id::{
    CommandId, CommentId, CouponId, OrderId, PaymentId, ProductId, RefundId, ReservationId, RoomId,
    SaleId, SkuId, UserId,
};
use crate::money::{Currency, Minor};
use crate::settings::Settings;
use crate::shop::price::Quote;
use crate::time::{Millis, SpanMs};

pub use desk::DeskEvent;
pub use promo::PromoEvent;

/// One accepted command, or one step of time passing, with all that came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was sequenced. Never falls within a shop.
    pub at: Millis,
    /// Absent when time passing was the cause, or where nobody would ask for the same again: marks
    /// and links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<CommandRef>,
    pub events: Vec<Event>,
}

/// Which command it was, so that a repetition gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRef {
    pub user: UserId,
    pub command: CommandId,
    /// Of the request as the caller meant it: another payload under the same id is a conflict.
    pub payload_hash: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    ShopCreated {
        name: String,
        currency: Currency,
        settings: Settings,
    },
    ShopRenamed {
        name: String,
    },
    SettingsChanged {
        settings: Settings,
    },
    ProductPut {
        product: ProductId,
        spec: ProductSpec,
    },
    StockSet {
        sku: SkuId,
        stock: Stock,
    },
    StaffPut {
        user: UserId,
        roles: BTreeSet<Role>,
    },
    StaffRemoved {
        user: UserId,
    },
    Followed {
        buyer: UserId,
    },
    Unfollowed {
        buyer: UserId,
    },
    BuyerErased {
        buyer: UserId,
    },

    RoomCreated {
        room: RoomId,
        spec: RoomSpec,
    },
    RoomStarted {
        room: RoomId,
    },
    RoomPaused {
        room: RoomId,
    },
    RoomResumed {
        room: RoomId,
    },
    RoomEnded {
        room: RoomId,
    },
    BagSet {
        room: RoomId,
        products: Vec<ProductId>,
    },
    ProductPinned {
        room: RoomId,
        sku: SkuId,
    },
    ProductUnpinned {
        room: RoomId,
    },
    SlowModeSet {
        room: RoomId,
        interval_ms: SpanMs,
    },
    KeywordsSet {
        room: RoomId,
        keywords: BTreeSet<String>,
    },
    /// Without an end it lasts until it is lifted.
    Muted {
        room: RoomId,
        user: UserId,
        until: Option<Millis>,
    },
    Unmuted {
        room: RoomId,
        user: UserId,
    },
    Banned {
        room: RoomId,
        user: UserId,
        until: Option<Millis>,
    },
    Unbanned {
        room: RoomId,
        user: UserId,
    },
    CommentKept {
        room: RoomId,
        comment: CommentId,
        buyer: UserId,
        hash: String,
    },
    CommentDeleted {
        room: RoomId,
        comment: CommentId,
    },
    /// The counters of a room, written down every few seconds while they change.
    RoomCounted {
        room: RoomId,
        likes: u64,
        joins: u64,
        viewers_peak: u64,
    },

    SaleCreated(SaleCreated),
    SaleUpdated(SaleUpdated),
    /// The total of every item has moved from free stock into the sale.
    SaleAnnounced {
        sale: SaleId,
        starts_at: Millis,
        ends_at: Millis,
    },
    SaleStarted {
        sale: SaleId,
        due_at: Millis,
    },
    SaleEnded {
        sale: SaleId,
        due_at: Millis,
        cause: EndCause,
    },
    SaleCancelled {
        sale: SaleId,
        cause: CancelCause,
    },
    SaleRestocked {
        sale: SaleId,
        sku: SkuId,
        units: u32,
    },
    /// What an ended sale has left went back to free stock. Happens once per item.
    SaleStockReturned {
        sale: SaleId,
        sku: SkuId,
        units: u32,
    },
    ReminderSet {
        sale: SaleId,
        buyer: UserId,
    },
    RemindersDue {
        sale: SaleId,
        due_at: Millis,
    },
    Reserved(Reserved),
    /// A claim of a sale's first moments: the seed will say who gets a unit.
    ClaimPooled(ClaimPooled),
    /// The seed is known and the pool is drawn; `Reserved` names those who won, in their order.
    PoolDrawn {
        sale: SaleId,
        /// In hex.
        seed: String,
        entrants: u32,
    },
    /// Pooled claims that got nothing, a few hundred at a time.
    PoolLost {
        sale: SaleId,
        sku: SkuId,
        buyers: Vec<UserId>,
    },
    ReservationReleased {
        reservation: ReservationId,
        reason: ReleaseReason,
        due_at: Millis,
    },
    WaitlistJoined {
        sale: SaleId,
        sku: SkuId,
        buyer: UserId,
        quantity: u32,
    },
    WaitlistLeft {
        sale: SaleId,
        sku: SkuId,
        buyer: UserId,
    },
    WaitlistOffered {
        sale: SaleId,
        sku: SkuId,
        buyer: UserId,
        expires_at: Millis,
    },
    /// Declined, expired, or ended with its sale; an accepted offer is a `Reserved`.
    OfferEnded {
        sale: SaleId,
        sku: SkuId,
        buyer: UserId,
        reason: OfferEnd,
        due_at: Millis,
    },
    /// Those who still stood in line when their sale ended: its end took them off, this names
    /// them, a few hundred at a time.
    WaitlistClosed {
        sale: SaleId,
        sku: SkuId,
        buyers: Vec<UserId>,
    },
    /// So many of an old sale's reservations have left the shop's memory. The sale itself leaves
    /// with the last of them.
    SaleArchived {
        sale: SaleId,
        reservations: u32,
        due_at: Millis,
    },

    OrderPlaced(OrderPlaced),
    PaymentBegun {
        order: OrderId,
        pay_by: Millis,
    },
    PaymentDeclined {
        order: OrderId,
        payment: PaymentId,
    },
    OrderPaid {
        order: OrderId,
        payment: PaymentId,
        amount_minor: Minor,
    },
    /// Paid after its units had gone back; they were taken again at the frozen price.
    OrderPaidLate {
        order: OrderId,
        payment: PaymentId,
        amount_minor: Minor,
    },
    OrderCancelled {
        order: OrderId,
        reason: ReleaseReason,
        due_at: Millis,
    },
    OrderReminded {
        order: OrderId,
        due_at: Millis,
    },
    /// Money arrived that buys nothing: a person has to send it back.
    RefundRequired {
        order: OrderId,
        payment: PaymentId,
        amount_minor: Minor,
        reason: RefundReason,
    },
    /// A closed order has left the shop's memory, its payments with it. Its document stays, and
    /// money that still comes is owed back.
    OrderArchived {
        order: OrderId,
        due_at: Millis,
    },

    /// The buyer chose other coupons before he went to pay; its price is made anew.
    OrderRepriced {
        order: OrderId,
        total_minor: Minor,
        quote: Box<Quote>,
    },
    OrderRefunded(OrderRefunded),

    /// Conversations, sessions and agents: a vocabulary of its own.
    Desk(DeskEvent),
    /// Prices, coupons, watch tasks and draws: one more.
    Promo(PromoEvent),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaleCreated {
    pub sale: SaleId,
    pub title: String,
    pub scope: Scope,
    pub items: Vec<SaleItem>,
    /// Both or neither: a draft has no times.
    pub announce_at: Option<Millis>,
    pub starts_at: Option<Millis>,
    pub countdown_ms: SpanMs,
    pub run_ms: SpanMs,
    pub hold_ms: SpanMs,
    pub offer_ms: SpanMs,
    pub min_presence_ms: SpanMs,
    pub payment_grace_ms: SpanMs,
    pub reminder_lead_ms: SpanMs,
    pub unpaid_expiries_max: u32,
    pub waitlist_factor: u32,
    pub price_hidden: bool,
    pub reminder_text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<DrawTerms>,
}

/// Claims before `starts_at + window_ms` are drawn by the seed with this hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawTerms {
    pub window_ms: SpanMs,
    /// SHA-256 of the seed, in hex.
    pub seed_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimPooled {
    pub reservation: ReservationId,
    pub sale: SaleId,
    pub sku: SkuId,
    pub buyer: UserId,
    pub quantity: u32,
    pub room: RoomId,
    pub present_ms: SpanMs,
    /// The coupons to lock if it wins; absent: those that take off most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupons: Option<Vec<CouponId>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleItem {
    pub sku: SkuId,
    pub total_units: u32,
    pub per_buyer_units: u32,
    pub price_minor: Minor,
}

/// The values after the change; absent ones stayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaleUpdated {
    pub sale: SaleId,
    pub announce_at: Option<Millis>,
    pub starts_at: Option<Millis>,
    pub ends_at: Option<Millis>,
    /// New totals; once announced the difference moved from or to free stock.
    pub totals: Vec<(SkuId, u32)>,
    pub reminder_text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    pub reservation: ReservationId,
    pub sale: SaleId,
    pub sku: SkuId,
    pub buyer: UserId,
    pub quantity: u32,
    pub price_minor: Minor,
    pub expires_at: Millis,
    pub source: ReservationSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationSource {
    /// Claimed in this room, after this long a presence.
    Claim { room: RoomId, present_ms: SpanMs },
    /// An accepted waitlist offer.
    Offer,
    /// A pooled claim that the seed ranked so high.
    Drawn { room: RoomId, present_ms: SpanMs, rank: u32 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order: OrderId,
    pub buyer: UserId,
    pub lines: Vec<OrderLine>,
    pub total_minor: Minor,
    pub pay_by: Millis,
    /// When to remind, rising, all before `pay_by`.
    pub remind_at: Vec<Millis>,
    pub address_hash: String,
    /// Why it costs what it costs. Orders of before prices were explained have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Box<Quote>>,
}

/// Money that goes back for units of a paid order. The units stay sold until they are restocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefunded {
    pub order: OrderId,
    pub refund: RefundId,
    /// Lines by their index, and how many more units of each.
    pub units: Vec<(u32, u32)>,
    pub stage: RefundStage,
    /// All that goes back to the buyer, the shipping included.
    pub amount_minor: Minor,
    pub shipping_minor: Minor,
    /// What of the discounts seller and platform get back with it.
    pub seller_minor: Minor,
    pub platform_minor: Minor,
    /// Nothing of the order is left.
    pub whole: bool,
    /// Coupons that are the buyer's again, until they end as they would have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons_returned: Vec<CouponId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub sku: SkuId,
    pub quantity: u32,
    pub unit_price_minor: Minor,
    /// The flash hold this line pays for; ordinary lines took free stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<ReservationId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    Time,
    Streamer,
    RoomEnded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCause {
    Streamer,
    /// Its announcement was due and the free stock did not suffice.
    StockShort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    Declined,
    Expired,
    SaleOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// The units were sold to somebody else meanwhile.
    LatePayment,
    /// The order had been paid before, by another payment.
    SecondPayment,
}
