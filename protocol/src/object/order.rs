//! Reservations, orders and payments. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Quote;
use crate::described::component;
use crate::id::Id;
use crate::limits::{
    ADDRESS_LINE_CHARS_MAX, ADDRESS_LINES_MAX, NAME_CHARS_MAX, PHONE_CHARS_MAX, POSTCODE_CHARS_MAX,
};
use crate::number::{EpochMs, Minor};
use crate::text::{List, Text};

/// Units of a sale that are held for one buyer at a fixed price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Reservation {
    pub reservation: Id,
    pub sale: Id,
    pub sku: Id,
    pub buyer: Id,
    pub quantity: u32,
    /// Of one unit.
    pub price_minor: Minor,
    /// ISO 4217.
    pub currency: String,
    pub state: ReservationState,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReservationState {
    /// Not held yet: claimed in the first moments of a sale that draws them.
    Pooled,
    Held {
        expires_at: EpochMs,
    },
    Ordered {
        order: Id,
    },
    Sold {
        order: Id,
    },
    Released {
        reason: ReleaseReason,
    },
}

/// Why held units went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, TS)]
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

/// An order. It is paid by `pay_by` or it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Order {
    pub order: Id,
    pub buyer: Id,
    pub lines: Vec<OrderLine>,
    pub total_minor: Minor,
    /// ISO 4217.
    pub currency: String,
    pub placed_at: EpochMs,
    pub pay_by: EpochMs,
    pub state: OrderState,
    /// Money that came in and buys nothing: a person has to send it back.
    pub refunds_required: Vec<Refund>,
    /// Why it costs what it costs. Absent: ordered before prices were explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Box<Quote>>,
    /// What went back to the buyer so far; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_minor: Option<Minor>,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct OrderLine {
    pub sku: Id,
    pub quantity: u32,
    pub unit_price_minor: Minor,
    /// The hold this line pays for; ordinary goods have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Id>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderState {
    Unpaid,
    /// The buyer is at the payment provider.
    PaymentPending,
    Paid {
        payment: Id,
    },
    Cancelled {
        reason: ReleaseReason,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Refund {
    pub payment: Id,
    pub amount_minor: Minor,
}

/// What the payment provider said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum PaymentOutcome {
    Succeeded,
    /// The buyer may try again while the hold lasts.
    Declined,
    /// No further attempt will come: the hold ends.
    DeclinedFinally,
}

/// Where an order goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Address {
    pub name: Text<NAME_CHARS_MAX>,
    pub phone: Text<PHONE_CHARS_MAX>,
    pub lines: List<Text<ADDRESS_LINE_CHARS_MAX>, ADDRESS_LINES_MAX>,
    pub city: Text<NAME_CHARS_MAX>,
    pub postcode: Text<POSTCODE_CHARS_MAX>,
    /// ISO 3166-1 alpha-2.
    pub country: Text<2>,
}

component!(
    Reservation,
    ReservationState,
    ReleaseReason,
    Order,
    OrderLine,
    OrderState,
    Refund,
    PaymentOutcome,
    Address
);
