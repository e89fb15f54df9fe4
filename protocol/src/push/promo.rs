//! What the server says unasked of coupons, draws and early claims. Owns fields only; each name and
//! envelope stands in the table of `push`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::number::EpochMs;
use crate::object::{Coupon, Draw, Offer, Progress};

/// `room.coupon`: a campaign of the room looks different, or is to be shown now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomCoupon {
    pub offer: Offer,
    /// The streamer shows it: open it on the screen.
    pub shown: bool,
}

/// `room.draw`: a draw of the room looks different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct RoomDraw {
    pub draw: Draw,
}

/// `coupon.offered`: the streamer shows you a campaign that not everybody in the room sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponOffered {
    pub shop: Id,
    pub room: Id,
    pub offer: Offer,
}

/// `coupon.granted`: you may claim now: you did the task, or somebody of the shop let you.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponGranted {
    pub shop: Id,
    pub offer: Offer,
}

/// `coupon.progress`: how far you are with a watch task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponProgress {
    pub shop: Id,
    pub progress: Progress,
}

/// `coupon.changed`: one of your coupons changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponChanged {
    pub shop: Id,
    pub coupon: Coupon,
}

/// `coupon.reminder`: the campaign you asked about is about to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponReminder {
    pub shop: Id,
    pub campaign: Id,
    pub text: String,
    pub opens_at: EpochMs,
}

/// `draw.entered`: you are in the draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawEntered {
    pub shop: Id,
    pub draw: Id,
}

/// `draw.won`: you won; say with `draw.address` where the prize goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawWon {
    pub shop: Id,
    pub draw: Id,
    pub address_by: EpochMs,
}

/// `draw.forfeited`: your prize is lost, no address came in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawForfeited {
    pub shop: Id,
    pub draw: Id,
}

/// `sale.not_drawn`: your claim of the sale's first moments got nothing. Whoever was drawn gets
/// `reservation.changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleNotDrawn {
    pub shop: Id,
    pub sale: Id,
}
