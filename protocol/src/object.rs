//! The things that replies, pushes and HTTP answers show: plain copies of a shop's state. Owns
//! their shape; of two copies the one with the higher `version` is the newer.

mod order;
mod room;
mod sale;
mod shop;

pub use order::{
    Address, Order, OrderLine, OrderState, PaymentOutcome, Refund, ReleaseReason, Reservation,
    ReservationState,
};
pub use room::{Comment, LiveClock, Pin, Room, RoomSnapshot, RoomSpec, RoomState};
pub use sale::{
    ItemState, ItemTotal, Sale, SaleChange, SaleItemSpec, SaleSpec, SaleState, Scope, StockItem,
    Waiting, WaitingState,
};
pub use shop::{
    Me, Product, ProductSpec, Role, Settings, SettingsChange, Shop, Sku, SkuSpec, Staff, Stock,
};
