//! Requests about reservations and orders. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::CouponChoice;
use crate::id::Id;
use crate::limits::{CURSOR_CHARS_MAX, ORDER_LINES_MAX};
use crate::number::Quantity;
use crate::object::Address;
use crate::text::{List, Text};

/// Gives up a hold that has no order yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ReservationRelease {
    pub shop: Id,
    pub command_id: Id,
    pub reservation: Id,
}

/// Orders held units or ordinary goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct OrderPlace {
    pub shop: Id,
    pub command_id: Id,
    pub basket: Basket,
    pub address: Address,
    #[serde(default, skip_serializing_if = "CouponChoice::is_best")]
    #[ts(as = "Option<CouponChoice>", optional)]
    pub coupons: CouponChoice,
    /// Where the buyer is, for prices that hold only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// Chooses coupons anew, until payment begins. Prices of goods and subsidies stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderCoupons {
    pub shop: Id,
    pub command_id: Id,
    pub order: Id,
    pub coupons: CouponChoice,
}

/// What is ordered: `{"reservations":["v1"]}` or `{"lines":[{"sku":"mug","quantity":1}]}`. Holds
/// and ordinary goods run on different clocks and never mix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Basket {
    Reservations(List<Id, ORDER_LINES_MAX>),
    Lines(List<BasketLine, ORDER_LINES_MAX>),
}

/// Ordinary goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct BasketLine {
    pub sku: Id,
    pub quantity: Quantity,
}

/// The buyer leaves for the payment page: the hold is extended once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderPay {
    pub shop: Id,
    pub command_id: Id,
    pub order: Id,
}

/// Cancels an unpaid order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct OrderCancel {
    pub shop: Id,
    pub command_id: Id,
    pub order: Id,
}

/// The buyer's own orders, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct OrderList {
    pub shop: Id,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50; at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
