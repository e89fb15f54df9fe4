//! The feed's events of coupons, watching and orders, as the audit reads them. Owns only the fields
//! it needs; every other field and every other event is skipped.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
pub(super) struct CampaignCreated<'a> {
    pub(super) campaign: &'a str,
    #[serde(borrow)]
    pub(super) spec: Spec<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Spec<'a> {
    pub(super) funder: Funder,
    pub(super) kind: &'a str,
    pub(super) tiers: Vec<Tier>,
    pub(super) max_discount_minor: Option<i64>,
    #[serde(borrow)]
    pub(super) rooms: Rooms<'a>,
    pub(super) task: Task,
    pub(super) claims_total: u32,
    pub(super) per_buyer: u32,
    pub(super) budget_minor: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Funder {
    Seller,
    Platform,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tier {
    pub(super) value: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rooms<'a> {
    AllRooms,
    #[serde(borrow)]
    Rooms(Vec<&'a str>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    None,
    Follow,
    Comment {},
    Watch { needed_ms: u64 },
    Purchase,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfCampaign<'a> {
    pub(super) campaign: &'a str,
}

/// Those who may claim now.
#[derive(Debug, Deserialize)]
pub(super) struct Buyers<'a> {
    pub(super) campaign: &'a str,
    #[serde(borrow)]
    pub(super) buyers: Vec<&'a str>,
    pub(super) due_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claimed<'a> {
    pub(super) coupon: &'a str,
    pub(super) campaign: &'a str,
    pub(super) buyer: &'a str,
    pub(super) worst_minor: i64,
    pub(super) expires_at: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Locked<'a> {
    pub(super) reservation: &'a str,
    #[serde(borrow)]
    pub(super) coupons: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Coupons<'a> {
    #[serde(borrow)]
    pub(super) coupons: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Checkpoint<'a> {
    pub(super) room: &'a str,
    #[serde(default, borrow)]
    pub(super) newcomers: Vec<&'a str>,
    pub(super) more: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfRoom<'a> {
    pub(super) room: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderPlaced<'a> {
    pub(super) order: &'a str,
    pub(super) buyer: &'a str,
    #[serde(borrow)]
    pub(super) lines: Vec<OrderLine<'a>>,
    pub(super) total_minor: i64,
    #[serde(borrow)]
    pub(super) quote: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderLine<'a> {
    #[serde(default)]
    pub(super) reservation: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderRepriced<'a> {
    pub(super) order: &'a str,
    pub(super) total_minor: i64,
    #[serde(borrow)]
    pub(super) quote: &'a RawValue,
}

/// A price with its explanation.
#[derive(Debug, Deserialize)]
pub(super) struct Quote<'a> {
    #[serde(borrow)]
    pub(super) lines: Vec<QuoteLine<'a>>,
    pub(super) shipping_fee_minor: i64,
    #[serde(borrow)]
    pub(super) shipping_off: Option<Part<'a>>,
    #[serde(borrow)]
    pub(super) coupons: Vec<Used<'a>>,
    pub(super) list_minor: i64,
    pub(super) goods_minor: i64,
    pub(super) seller_minor: i64,
    pub(super) platform_minor: i64,
    pub(super) total_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct QuoteLine<'a> {
    pub(super) quantity: i64,
    pub(super) list_minor: i64,
    #[serde(borrow)]
    pub(super) parts: Vec<Part<'a>>,
    pub(super) payable_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    pub(super) layer: &'a str,
    pub(super) amount_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Used<'a> {
    pub(super) coupon: &'a str,
    pub(super) layer: &'a str,
    pub(super) amount_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfOrder<'a> {
    pub(super) order: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfReservation<'a> {
    pub(super) reservation: &'a str,
}
