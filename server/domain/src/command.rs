//! What a shop can be asked to do. Owns the imperative vocabulary; ids and random numbers arrive
//! inside the command, made at the edge, so that deciding stays pure.

mod desk;
mod promo;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{
    CommentId, CouponId, OrderId, PaymentId, ProductId, RefundId, ReservationId, RoomId, SaleId,
    SkuId, UserId,
};
use crate::money::{Currency, Minor};
use crate::settings::Settings;
use crate::time::{Millis, SpanMs};

pub use desk::{
    Attachment, ChatCommand, Content, DeskCommand, Faq, Holiday, Intent, Marks, TransferTo, Verdict,
};
pub use promo::{
    Audience, AudienceRule, CampaignSpec, Capabilities, Commitment, CouponKind, DrawSpec,
    ItemScope, PromoCommand, RuleKind, RuleSpec, Seed, StackClass, Stacking, Task, Tier, Validity,
};

/// Who asks, and in which of his roles the edge let him in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    pub role: Role,
}

/// What a token's owner may act as in a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Buyer,
    Streamer,
    Agent,
    Supervisor,
    Manager,
    /// A shop's own system: orders, payments, catalogue.
    Service,
}

/// A request that may change the shop. Time passing is no command: see `Shop::elapse`.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Shop(ShopCommand),
    Room(RoomCommand),
    Sale(SaleCommand),
    Order(OrderCommand),
    /// The buyer's side of a conversation.
    Chat(ChatCommand),
    /// The staff's side.
    Desk(DeskCommand),
    /// Prices, coupons and lucky draws.
    Promo(PromoCommand),
}

impl From<PromoCommand> for Command {
    fn from(command: PromoCommand) -> Self {
        Self::Promo(command)
    }
}

impl From<ChatCommand> for Command {
    fn from(command: ChatCommand) -> Self {
        Self::Chat(command)
    }
}

impl From<DeskCommand> for Command {
    fn from(command: DeskCommand) -> Self {
        Self::Desk(command)
    }
}

impl From<ShopCommand> for Command {
    fn from(command: ShopCommand) -> Self {
        Self::Shop(command)
    }
}

impl From<RoomCommand> for Command {
    fn from(command: RoomCommand) -> Self {
        Self::Room(command)
    }
}

impl From<SaleCommand> for Command {
    fn from(command: SaleCommand) -> Self {
        Self::Sale(command)
    }
}

impl From<OrderCommand> for Command {
    fn from(command: OrderCommand) -> Self {
        Self::Order(command)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum ShopCommand {
    Create {
        name: String,
        currency: Currency,
        settings: Settings,
    },
    Rename {
        name: String,
    },
    SetSettings {
        settings: Settings,
    },
    PutProduct {
        product: ProductId,
        spec: ProductSpec,
    },
    /// Stock that this shop can freely sell from now on; what is on hold or in a sale is not in it.
    SetStock {
        sku: SkuId,
        stock: Stock,
    },
    AdjustStock {
        sku: SkuId,
        delta_units: i64,
    },
    PutStaff {
        user: UserId,
        roles: BTreeSet<Role>,
    },
    RemoveStaff {
        user: UserId,
    },
    Follow,
    Unfollow,
    EraseBuyer {
        buyer: UserId,
    },
}

/// A product as its owner describes it; replaces what was known before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSpec {
    pub title: String,
    pub image_url: Option<String>,
    /// Only listed products can be shown, pinned and sold.
    pub listed: bool,
    pub skus: Vec<SkuSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuSpec {
    pub sku: SkuId,
    pub title: String,
    pub price_minor: Minor,
}

/// How much of a SKU is free to sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stock {
    Units(u64),
    Unlimited,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RoomCommand {
    Create {
        room: RoomId,
        spec: RoomSpec,
    },
    Start {
        room: RoomId,
    },
    Pause {
        room: RoomId,
    },
    Resume {
        room: RoomId,
    },
    End {
        room: RoomId,
    },
    /// The products in the bag, in the order shown; replaces the bag.
    SetBag {
        room: RoomId,
        products: Vec<ProductId>,
    },
    Pin {
        room: RoomId,
        sku: SkuId,
    },
    Unpin {
        room: RoomId,
    },
    SetSlowMode {
        room: RoomId,
        interval_ms: SpanMs,
    },
    SetKeywords {
        room: RoomId,
        keywords: BTreeSet<String>,
    },
    Mute {
        room: RoomId,
        user: UserId,
        for_ms: Option<SpanMs>,
    },
    Unmute {
        room: RoomId,
        user: UserId,
    },
    Ban {
        room: RoomId,
        user: UserId,
        for_ms: Option<SpanMs>,
    },
    Unban {
        room: RoomId,
        user: UserId,
    },
    DeleteComment {
        room: RoomId,
        comment: CommentId,
    },
    /// In a room that keeps its comments this is journalled, elsewhere it only passes by.
    Comment {
        room: RoomId,
        comment: CommentId,
        name: String,
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSpec {
    pub streamer: UserId,
    pub title: String,
    pub cover_url: Option<String>,
    pub playback_url: Option<String>,
    /// Kept comments are documents of the journal; others live in the ring only.
    pub keep_comments: bool,
    pub slow_mode_ms: SpanMs,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SaleCommand {
    Create {
        sale: SaleId,
        spec: SaleSpec,
    },
    Update {
        sale: SaleId,
        change: SaleChange,
    },
    Announce {
        sale: SaleId,
    },
    Start {
        sale: SaleId,
    },
    End {
        sale: SaleId,
    },
    Cancel {
        sale: SaleId,
    },
    /// Moves free stock into a running sale, or puts refunded units back.
    Restock {
        sale: SaleId,
        sku: SkuId,
        units: u32,
    },
    Remind {
        sale: SaleId,
    },
    Claim(Claim),
    JoinWaitlist {
        room: RoomId,
        sale: SaleId,
        sku: SkuId,
        quantity: u32,
    },
    LeaveWaitlist {
        sale: SaleId,
        sku: SkuId,
    },
    /// Turns the offer into a reservation with this id.
    AcceptOffer {
        sale: SaleId,
        sku: SkuId,
        reservation: ReservationId,
    },
    DeclineOffer {
        sale: SaleId,
        sku: SkuId,
    },
    /// Gives up a hold that has no order yet.
    ReleaseReservation {
        reservation: ReservationId,
        reason: ReleaseReason,
    },
    /// The seed that the sale committed to, once its first moments are over.
    RevealSeed {
        sale: SaleId,
        seed: Seed,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub room: RoomId,
    pub sale: SaleId,
    pub sku: SkuId,
    pub quantity: u32,
    pub reservation: ReservationId,
    /// How long this connection has been in the room, measured at the edge.
    pub present_ms: SpanMs,
    /// Locked for the hold, so that they are there when it is ordered.
    pub coupons: CouponChoice,
}

/// Which of his coupons a buyer uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CouponChoice {
    /// What takes off most.
    #[default]
    Best,
    These(Vec<CouponId>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleSpec {
    pub title: String,
    pub scope: Scope,
    pub items: Vec<SaleItemSpec>,
    /// Without a start the sale is a draft; without an announcement time it is announced
    /// `countdown_ms` before its start.
    pub announce_at: Option<Millis>,
    pub starts_at: Option<Millis>,
    pub countdown_ms: Option<SpanMs>,
    pub run_ms: Option<SpanMs>,
    pub hold_ms: Option<SpanMs>,
    pub min_presence_ms: Option<SpanMs>,
    /// The price stays hidden until the sale starts.
    pub price_hidden: bool,
    pub reminder_text: String,
    /// Claims of the first moments are pooled and drawn.
    pub draw: Option<DrawMode>,
}

/// Takes away what a head start is worth: early claims are ranked by a seed instead of by arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawMode {
    pub window_ms: SpanMs,
    pub commitment: Commitment,
}

/// In which rooms a sale can be claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    AllRooms,
    Rooms(BTreeSet<RoomId>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleItemSpec {
    pub sku: SkuId,
    pub total_units: u32,
    pub per_buyer_units: u32,
    pub price_minor: Minor,
}

/// What may still change; once announced a sale's price is fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaleChange {
    pub starts_at: Option<Millis>,
    pub ends_at: Option<Millis>,
    pub totals: Vec<(SkuId, u32)>,
    pub reminder_text: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum OrderCommand {
    Place {
        order: OrderId,
        basket: Basket,
        address: Address,
        coupons: CouponChoice,
        /// The room that the buyer is in, for prices that hold only there.
        room: Option<RoomId>,
    },
    /// Until payment begins the buyer may choose anew.
    ChangeCoupons {
        order: OrderId,
        coupons: CouponChoice,
    },
    /// The buyer leaves for the payment page: the hold is extended once.
    BeginPayment {
        order: OrderId,
    },
    Cancel {
        order: OrderId,
        reason: ReleaseReason,
    },
    /// What the payment provider says; keyed by the provider's own id.
    RecordPayment {
        order: OrderId,
        payment: PaymentId,
        report: PaymentReport,
    },
    /// Units of a paid order whose money goes back; the shop's system says so, once an id.
    Refund {
        order: OrderId,
        refund: RefundId,
        request: RefundRequest,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Lines by their index, and how many more units of each.
    pub units: Vec<(u32, u32)>,
    /// What was paid for the shipping goes back too.
    pub shipping: bool,
    pub stage: RefundStage,
}

/// Before shipment a refund undoes the order, coupons included; later it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStage {
    BeforeShipment,
    AfterShipment,
}

/// What is ordered: flash holds and ordinary goods run on different clocks and never mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basket {
    Reservations(Vec<ReservationId>),
    Lines(Vec<BasketLine>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    pub sku: SkuId,
    pub quantity: u32,
}

/// Where an order goes. Lives in documents only, so that it can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    pub phone: String,
    pub lines: Vec<String>,
    pub city: String,
    pub postcode: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReport {
    pub amount_minor: Minor,
    pub currency: Currency,
    pub outcome: PaymentOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentOutcome {
    Succeeded,
    /// The buyer may try again while the hold lasts.
    Declined,
    /// No further attempt will come: the hold ends.
    DeclinedFinally,
}

/// Why held units went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    Expired,
    BuyerCancel,
    PaymentFailedFinal,
    SellerCancel,
    Fraud,
    SaleCancelled,
    OfferExpired,
}
