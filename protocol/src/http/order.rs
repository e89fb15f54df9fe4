//! Orders, payments and buyers over HTTP. Owns bodies only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::limits::CURSOR_CHARS_MAX;
use crate::number::Minor;
use crate::object::{Address, Me, Order, PaymentOutcome};
use crate::text::Text;

/// Query of `GET /v1/shops/{shop}/orders`, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListOrders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50; at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /v1/shops/{shop}/orders/{order}`: with the address, until the buyer is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDetail {
    pub order: Order,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// `POST /v1/shops/{shop}/orders/{order}/cancel`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelOrder {
    pub reason: CancelReason,
}

/// Why a shop's own system cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    SellerCancel,
    Fraud,
}

/// `POST /v1/shops/{shop}/orders/{order}/payments`: what the provider says.
/// The same payment id is the same report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPayment {
    /// The provider's own id of the payment.
    pub payment: Id,
    pub amount_minor: Minor,
    /// ISO 4217.
    pub currency: Text<3>,
    pub outcome: PaymentOutcome,
}

/// `GET /v1/shops/{shop}/buyers/{buyer}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Buyer {
    pub buyer: Id,
    pub state: Me,
}

/// `DELETE /v1/shops/{shop}/buyers/{buyer}`: his texts, names, addresses and files are gone.
/// Refused as `orders_open` while an order of his may still be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuyerErased {
    pub buyer: Id,
}

component!(ListOrders, OrderDetail, CancelOrder, CancelReason, ReportPayment, Buyer, BuyerErased);
