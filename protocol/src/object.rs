//! The things that replies, pushes and HTTP answers show: plain copies of a shop's state. Owns
//! their shape; of two copies the one with the higher `version` is the newer.

mod chat;
mod coupon;
mod desk;
mod draw;
mod order;
mod policy;
mod price;
mod room;
mod sale;
mod shop;
mod snapshot;

pub use chat::{
    CardQuestion, ChatSession, ChatState, Content, Conversation, Draft, Marks, Message, Position,
    Sender, Side,
};
pub use coupon::{
    AmountTier, Audience, AudienceKind, AudienceRule, AudienceShown, Campaign, CampaignCounts,
    CampaignMoney, CampaignSpec, CampaignState, Coupon, CouponHolder, CouponState, Discount, Offer,
    PercentTier, PriceTier, Progress, Task, Validity,
};
pub use desk::{
    Agent, AgentRate, AgentStatus, Alerts, AnswerState, AssignReason, CloseReason, ClosedSession,
    DeskSnapshot, Exclusion, Faq, FirstReplies, Intent, LiveContext, Note, QuickReply, Rate,
    Report, ReportState, Session, SessionList, SessionState, Verdict, Why,
};
pub use draw::{Draw, DrawSpec, DrawState, DrawWinner, PrizeState, SaleDraw};
pub use order::{
    Address, Order, OrderLine, OrderState, PaymentOutcome, Refund, ReleaseReason, Reservation,
    ReservationState,
};
pub use policy::{Automation, Holiday, OwnerDown, Policy, PolicyChange, VerdictBy};
pub use price::{
    Because, Capabilities, CapabilitiesChange, Funder, ItemScope, Layer, PricePart, PriceRule,
    PriceSource, Quote, QuoteLine, RuleEffect, RuleSpec, StackClass, Stacking, UsedCoupon,
};
pub use room::{Comment, LiveClock, Pin, Room, RoomSnapshot, RoomSpec, RoomState};
pub use sale::{
    ItemState, ItemTotal, Sale, SaleChange, SaleItemSpec, SaleSpec, SaleState, Scope, StockItem,
    Waiting, WaitingState,
};
pub use shop::{
    Me, Product, ProductSpec, Role, Settings, SettingsChange, Shop, Sku, SkuSpec, Staff, Stock,
};
pub use snapshot::Snapshot;
