//! Requests about flash sales. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::CouponChoice;
use crate::id::Id;
use crate::number::Quantity;
use crate::object::{SaleChange, SaleSpec};

/// Asks to be told shortly before the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleRemind {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
}

/// Wants units now. The client must be in the room. The coupons are locked as long as the hold
/// lives; where the first moments of a sale are drawn, none are: they are chosen with the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleClaim {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub sale: Id,
    pub sku: Id,
    pub quantity: Quantity,
    #[serde(default, skip_serializing_if = "CouponChoice::is_best")]
    #[ts(as = "Option<CouponChoice>", optional)]
    pub coupons: CouponChoice,
}

/// Waits for units that come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleWaitlist {
    pub shop: Id,
    pub command_id: Id,
    pub room: Id,
    pub sale: Id,
    pub sku: Id,
    pub quantity: Quantity,
}

/// Waits no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleWaitlistLeave {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
    pub sku: Id,
}

/// Takes the offered units: the offer becomes a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleOfferAccept {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
    pub sku: Id,
}

/// Leaves the offered units to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleOfferDecline {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
    pub sku: Id,
}

/// Plans a flash sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct SaleCreate {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale: Option<Id>,
    pub spec: SaleSpec,
}

/// Changes what may still change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleUpdate {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
    pub change: SaleChange,
}

/// Shows the sale with its countdown; its stock moves out of free stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleAnnounce {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
}

/// Starts now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleStart {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
}

/// Ends now; reservations stay valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleEnd {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
}

/// Calls it off; unpaid reservations are released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleCancel {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
}

/// Moves free stock into a running sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleRestock {
    pub shop: Id,
    pub command_id: Id,
    pub sale: Id,
    pub sku: Id,
    pub quantity: Quantity,
}
