//! The things that replies, pushes and HTTP answers show: plain copies of a shop's state. Owns
//! their shape; of two copies the one with the higher `version` is the newer.

mod chat;
mod desk;
mod order;
mod policy;
mod room;
mod sale;
mod shop;
mod snapshot;

pub use chat::{
    CardQuestion, ChatSession, ChatState, Content, Conversation, Draft, Marks, Message, Position,
    Sender, Side,
};
pub use desk::{
    Agent, AgentRate, AgentStatus, Alerts, AnswerState, AssignReason, CloseReason, ClosedSession,
    DeskSnapshot, Exclusion, Faq, FirstReplies, Intent, LiveContext, Note, QuickReply, Rate,
    Report, ReportState, Session, SessionList, SessionState, Verdict, Why,
};
pub use order::{
    Address, Order, OrderLine, OrderState, PaymentOutcome, Refund, ReleaseReason, Reservation,
    ReservationState,
};
pub use policy::{Automation, Holiday, OwnerDown, Policy, PolicyChange, VerdictBy};
pub use room::{Comment, LiveClock, Pin, Room, RoomSnapshot, RoomSpec, RoomState};
pub use sale::{
    ItemState, ItemTotal, Sale, SaleChange, SaleItemSpec, SaleSpec, SaleState, Scope, StockItem,
    Waiting, WaitingState,
};
pub use shop::{
    Me, Product, ProductSpec, Role, Settings, SettingsChange, Shop, Sku, SkuSpec, Staff, Stock,
};
pub use snapshot::Snapshot;
