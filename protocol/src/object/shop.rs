//! A shop, its catalogue and its people. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

use super::{Coupon, Order, Progress, Reservation, Waiting};
use crate::described::component;
use crate::id::Id;
use crate::limits::{ORDER_REMINDERS_MAX, PRODUCT_SKUS_MAX, TITLE_CHARS_MAX, URL_CHARS_MAX};
use crate::number::{EpochMs, Minor, SpanMs};
use crate::text::{List, Text};

/// What a token's owner may act as in a shop.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    Buyer,
    Streamer,
    Agent,
    Supervisor,
    Manager,
    Service,
}

impl Role {
    pub(crate) fn is_buyer(&self) -> bool {
        *self == Self::Buyer
    }
}

/// A shop: one currency, one set of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Shop {
    pub shop: Id,
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    pub settings: Settings,
    pub version: u64,
}

/// The figures of the rules. A sale keeps the ones it was created with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Settings {
    /// How long a claimed unit is held for payment. 10 s to 24 h.
    pub reservation_hold_ms: SpanMs,
    /// How much longer, once, when the buyer is at the payment provider. 0 to 1 h.
    pub payment_grace_ms: SpanMs,
    /// How long a buyer must have been in the room before he may claim. 0 to 10 min.
    pub min_presence_ms: SpanMs,
    /// Announcement to start, where a sale does not say. 1 s to 1 h.
    pub sale_countdown_ms: SpanMs,
    /// Start to end, where a sale does not say. 1 s to 24 h.
    pub sale_run_ms: SpanMs,
    /// Before the start, those who asked are reminded. 0 to 1 h.
    pub sale_reminder_lead_ms: SpanMs,
    /// Holds a buyer may let expire in one sale before he gets no more. 0 to 100.
    pub unpaid_expiries_max: u32,
    /// How long a waiting buyer may think about an offer. 5 s to 1 h.
    pub waitlist_offer_ms: SpanMs,
    /// A waitlist takes this many times the item's total. 0 to 100.
    pub waitlist_factor: u32,
    /// An ordinary order is cancelled when it is not paid by then. 1 min to 30 days.
    pub unpaid_window_ms: SpanMs,
    /// When the buyer of an unpaid order is reminded, after placing it; rising.
    pub order_reminders_ms: List<SpanMs, ORDER_REMINDERS_MAX>,
    /// What sending an order costs. 0 to 1,000,000.
    pub shipping_fee_minor: Minor,
    /// Goods of this much are sent free of charge. Absent: none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_free_over_minor: Option<Minor>,
    /// How long what was earned in a room can be claimed after its end. 0 to 24 h.
    pub claim_grace_ms: SpanMs,
    /// Draws that one buyer may win within the window. 1 to 99.
    pub draw_wins_max: u32,
    /// 1 h to 90 days.
    pub draw_repeat_window_ms: SpanMs,
    /// Whether watch time counts while the page is not in front.
    pub count_background: bool,
}

/// Settings to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct SettingsChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_hold_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_grace_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_presence_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_countdown_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_run_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_reminder_lead_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaid_expiries_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waitlist_offer_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waitlist_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaid_window_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_reminders_ms: Option<List<SpanMs, ORDER_REMINDERS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_fee_minor: Option<Minor>,
    /// Null: none are sent free of charge.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Minor>")]
    pub shipping_free_over_minor: Option<Option<Minor>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_grace_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_wins_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_repeat_window_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_background: Option<bool>,
}

/// Tells null from what is absent: only what is there is read.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Minor>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A product and what of it can freely be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Product {
    pub product: Id,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Only listed products can be shown, pinned and sold.
    pub listed: bool,
    /// ISO 4217.
    pub currency: String,
    pub skus: Vec<Sku>,
    pub version: u64,
}

/// A variant that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Sku {
    pub sku: Id,
    pub title: String,
    pub price_minor: Minor,
    /// Free to sell now; what is on hold or in a sale is not in it.
    pub stock: Stock,
}

/// How much of a SKU is free to sell: `{"units":5}` or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Stock {
    Units(u64),
    Unlimited,
}

/// A product as its owner describes it; replaces what was known before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ProductSpec {
    pub title: Text<TITLE_CHARS_MAX>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Text<URL_CHARS_MAX>>,
    pub listed: bool,
    pub skus: List<SkuSpec, PRODUCT_SKUS_MAX>,
}

/// A variant as its owner describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SkuSpec {
    pub sku: Id,
    pub title: Text<TITLE_CHARS_MAX>,
    pub price_minor: Minor,
}

/// Somebody who works for the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Staff {
    pub user: Id,
    pub roles: Vec<Role>,
}

/// All of a buyer's own state in a shop. A join returns it, so that what was pushed while nobody
/// listened is not lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Me {
    pub following: bool,
    /// Muted in this room until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<EpochMs>,
    /// Holds, and claims that wait for the draw of their sale.
    pub reservations: Vec<Reservation>,
    pub orders: Vec<Order>,
    pub waiting: Vec<Waiting>,
    /// Sales whose start the buyer wants to be told.
    pub reminders: Vec<Id>,
    /// Claimed and locked ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Coupon>>", optional)]
    pub coupons: Vec<Coupon>,
    /// Campaigns that he may claim from by a grant or a task he did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Id>>", optional)]
    pub granted: Vec<Id>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Progress>>", optional)]
    pub progress: Vec<Progress>,
    /// Campaigns whose opening he wants to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Id>>", optional)]
    pub campaign_reminders: Vec<Id>,
    /// Running draws that he is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Id>>", optional)]
    pub entered: Vec<Id>,
}

component!(
    Role,
    Shop,
    Settings,
    SettingsChange,
    Product,
    Sku,
    Stock,
    ProductSpec,
    SkuSpec,
    Staff,
    Me
);
