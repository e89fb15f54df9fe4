//! Why the business says no. Every refusal has a stable code; nothing changed when one is given.

use crate::command::Role;
use crate::event::desk::CloseReason;
use crate::id::{
    CampaignId, CouponId, DrawId, OrderId, ReservationId, RoomId, SaleId, SkuId, UserId,
};
use crate::money::{Currency, Minor};
use crate::shop::price::NotApplied;
use crate::time::{Millis, SpanMs};
use crate::view::desk::{AgentStatus, ReportState};
use crate::view::promo::{AudienceKind, CampaignState, CouponState, DrawState};
use crate::view::{OrderState, RoomState, SaleState};

/// A refusal, with what its message and the caller's next step need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such shop")]
    ShopUnknown,
    #[error("this shop exists already")]
    ShopExists,
    #[error("there is no such room in this shop")]
    RoomUnknown,
    #[error("a room with this id exists already")]
    RoomExists,
    #[error("there is no such product in this shop")]
    ProductUnknown,
    #[error("there is no such SKU in this shop")]
    SkuUnknown,
    #[error("the SKU belongs to another product of this shop")]
    SkuTaken,
    #[error("there is no such sale in this shop")]
    SaleUnknown,
    #[error("a sale with this id exists already")]
    SaleExists,
    #[error("you have no such reservation")]
    ReservationUnknown,
    #[error("a reservation with this id exists already")]
    ReservationExists,
    #[error("there is no such order")]
    OrderUnknown,
    #[error("an order with this id exists already")]
    OrderExists,
    #[error("there is no such comment in the room's recent comments")]
    CommentUnknown,
    #[error("this person is not on the staff of the shop")]
    StaffUnknown,
    #[error("this needs the role {needed:?}")]
    Forbidden { needed: Role },
    #[error("{field} {problem}")]
    Invalid { field: &'static str, problem: &'static str },

    #[error("the room is {state:?}, this needs another state")]
    RoomNotReady { state: RoomState },
    #[error("the room has ended")]
    RoomEnded { room: RoomId },
    #[error("the SKU cannot be pinned: its product is not listed")]
    NotListed { sku: SkuId },
    #[error("the SKU cannot be pinned: it is out of stock")]
    OutOfStock { sku: SkuId },
    #[error("nothing is pinned")]
    NothingPinned,
    #[error("you may comment again in a moment")]
    SlowMode { retry_after_ms: SpanMs },
    #[error("you are muted in this room")]
    Muted { until: Option<Millis> },
    #[error("you are banned from this room")]
    Banned { until: Option<Millis> },
    #[error("the comment contains a word this room does not allow")]
    KeywordBlocked,

    #[error("the sale is {state:?}, this needs another state")]
    SaleNotReady { state: SaleState },
    #[error("the sale does not run in this room")]
    SaleNotInRoom { sale: SaleId },
    #[error("free stock of {sku} does not suffice: {free_units} units")]
    StockShort { sku: SkuId, free_units: u64 },
    #[error("the total cannot go below what is reserved, offered and sold: {floor_units}")]
    TotalTooLow { sku: SkuId, floor_units: u32 },
    #[error("you must be in the room a little longer before you claim")]
    PresenceTooShort { retry_after_ms: SpanMs },
    #[error("the sale has not started yet")]
    TooEarly { starts_at: Option<Millis> },
    #[error("the sale has ended")]
    SaleEnded,
    #[error("you hold this item already in another quantity")]
    AlreadyReserved { reservation: ReservationId, quantity: u32 },
    #[error("the limit per buyer is {limit_units} units, you have {used_units}")]
    BuyerLimit { limit_units: u32, used_units: u32 },
    #[error("you let {expiries} holds of this sale expire, the sale gives you no more")]
    HoldsExhausted { expiries: u32 },
    #[error("every unit is reserved or sold")]
    SoldOut { soft: bool, waitlist_length: u32 },
    #[error("units are available: claim instead of waiting")]
    StillAvailable { available_units: u32 },
    #[error("the waitlist is full")]
    WaitlistFull { waitlist_length_max: u32 },
    #[error("you are on this waitlist already")]
    AlreadyWaiting { position: u32 },
    #[error("you are not on this waitlist")]
    NotWaiting,
    #[error("there is no open offer for you")]
    NoOffer,

    #[error("{sku} is not for sale")]
    NotForSale { sku: SkuId },
    #[error("the reservation is no longer held, or an order has it")]
    ReservationNotHeld { reservation: ReservationId },
    #[error("the order is {state:?}, this needs another state")]
    OrderNotReady { order: OrderId, state: OrderState },
    #[error(
        "the order was closed over a week ago and changes no more: read it in the list of orders"
    )]
    OrderArchived { order: OrderId },
    #[error(
        "no order, or one that was archived over 97 days ago: send the money back at the provider, \
         the feed has every order"
    )]
    PaymentUnmatched,
    #[error("the buyer has orders that are not paid yet: cancel them or wait for their end")]
    OrdersOpen { orders: Vec<OrderId> },
    #[error("the order asks for {expected_minor:?} {currency}")]
    PaymentMismatch { expected_minor: Minor, currency: Currency },
    #[error("this payment id was reported before with another content")]
    PaymentConflict,

    #[error("this buyer has written nothing yet")]
    ConversationUnknown,
    #[error("there is no such session")]
    SessionUnknown,
    #[error("the session is too old: nothing about it changes any more")]
    TooOld,
    #[error("the session is closed")]
    SessionClosed { reason: CloseReason },
    #[error("the session is still open")]
    SessionOpen,
    #[error("the session changed hands meanwhile: look at it again")]
    SessionMoved { epoch: u32 },
    #[error("somebody else has the session")]
    AlreadyTaken { agent: UserId },
    #[error("the session is another agent's, or nobody's: take it first")]
    NotOwner { owner: Option<UserId> },
    #[error("this agent holds {load} of {cap} sessions")]
    Saturated { load: u32, cap: u32 },
    #[error("there is no such agent")]
    AgentUnknown,
    #[error("the agent is {status:?}, this needs one who is there")]
    AgentNotReady { status: AgentStatus },
    #[error("nobody else accepts chats: confirm that {waiting} buyers wait")]
    LastAgent { waiting: u32 },
    #[error("the shop takes no messages of this buyer")]
    BuyerBlocked,
    #[error("there is no such message of yours that could still be recalled")]
    MessageUnknown,
    #[error("a message can be recalled for two minutes")]
    RecallTooLate,
    #[error("the FAQ has no such question")]
    FaqUnknown,
    #[error("there is no such quick reply")]
    QuickReplyUnknown,
    #[error("there is no such report")]
    ReportUnknown,
    #[error("a report with this id, or an open one of this session, exists already")]
    ReportExists,
    #[error("the report is {state:?}, this needs another state")]
    ReportNotReady { state: ReportState },
    #[error("the session has been rated already")]
    AlreadyRated { stars: u8 },

    #[error("there is no such price rule in this shop")]
    RuleUnknown,
    #[error("there is no such coupon campaign in this shop")]
    CampaignUnknown,
    #[error("a coupon campaign with this id exists already")]
    CampaignExists,
    #[error("the campaign is {state:?}, this needs another state")]
    CampaignNotReady { state: CampaignState },
    #[error("the campaign takes no claims any more")]
    CampaignEnded,
    #[error("the campaign's coupons are not given in this room: claim where it runs")]
    CampaignNotInRoom { campaign: CampaignId },
    #[error("you have no such coupon")]
    CouponUnknown,
    #[error("a coupon with this id exists already")]
    CouponExists,
    #[error("you have had {claimed} of the {limit} coupons a buyer may have")]
    CouponLimit { limit: u32, claimed: u32 },
    #[error("every coupon of the campaign is claimed")]
    CouponsGone,
    #[error("what is left of the campaign's budget is too little for another coupon")]
    BudgetSpent { left_minor: Minor },
    #[error("this campaign is not for you: its rule {rule:?} says so")]
    NotEligible { rule: AudienceKind, negated: bool },
    #[error("the campaign's task is not done yet")]
    TaskOpen { watched_ms: SpanMs, needed_ms: SpanMs },
    #[error("the coupon is {state:?}: leave it out")]
    CouponNotUsable { coupon: CouponId, state: CouponState },
    #[error("the coupon takes nothing off this cart ({why:?}): leave it out")]
    CouponNotApplicable { coupon: CouponId, why: NotApplied },
    #[error("a refund with this id has been recorded with another content")]
    RefundExists,
    #[error("only {left_units} units of line {line} have not been refunded")]
    RefundTooLarge { line: u32, left_units: u32 },

    #[error("the platform has not given this shop the right: {capability}")]
    NotCapable { capability: &'static str },
    #[error("there is no such draw in this shop")]
    DrawUnknown,
    #[error("a draw with this id exists already")]
    DrawExists,
    #[error("another draw runs in this room: it ends by itself")]
    DrawRunning { draw: DrawId },
    #[error("the draw is {state:?}, this needs another state")]
    DrawNotReady { state: DrawState },
    #[error("the seed is not the one that was promised")]
    SeedMismatch,
    #[error("there is no prize of this draw that waits for you")]
    NoPrize,
    #[error("the claims of the first moments are being drawn: wait for the result")]
    DrawPending,
    #[error("your claim is in the draw: wait for the result")]
    AlreadyPooled { reservation: ReservationId },
}
