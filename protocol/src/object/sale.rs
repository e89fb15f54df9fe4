//! A flash sale, its stock and its waitlist. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::SaleDraw;
use crate::described::component;
use crate::id::Id;
use crate::limits::{REMINDER_CHARS_MAX, SALE_ITEMS_MAX, SALE_ROOMS_MAX, TITLE_CHARS_MAX};
use crate::number::{EpochMs, Minor, Quantity, SpanMs, Units};
use crate::text::{List, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    Draft,
    Scheduled,
    Announced,
    Live,
    SoldOut,
    Ended,
    Cancelled,
}

/// In which rooms a sale can be claimed: `"all_rooms"` or `{"rooms":["r1"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    AllRooms,
    Rooms(List<Id, SALE_ROOMS_MAX>),
}

/// A flash sale with its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Sale {
    pub sale: Id,
    pub title: String,
    pub scope: Scope,
    pub state: SaleState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<EpochMs>,
    /// How long a claimed unit is held for payment.
    pub hold_ms: SpanMs,
    pub min_presence_ms: SpanMs,
    /// While true, buyers see no price.
    pub price_hidden: bool,
    pub reminder_text: String,
    /// ISO 4217.
    pub currency: String,
    pub items: Vec<StockItem>,
    /// Claims of its first moments are drawn. Absent: taken as they come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<SaleDraw>,
    pub version: u64,
}

/// One item of a sale and where its units are: `available + reserved + offered + sold = total`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct StockItem {
    pub sku: Id,
    pub title: String,
    /// Absent while the price is hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<Minor>,
    pub list_price_minor: Minor,
    pub per_buyer: u32,
    pub total: u32,
    pub available: u32,
    pub reserved: u32,
    pub offered: u32,
    pub sold: u32,
    pub waitlist_length: u32,
    pub state: ItemState,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// The sale is not running yet, or is over.
    Closed,
    Live,
    /// Nothing is available but holds may still come back: the waitlist is open.
    SoldOutSoft,
    /// Every unit is sold.
    SoldOutHard,
}

/// A sale as its streamer describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct SaleSpec {
    pub title: Text<TITLE_CHARS_MAX>,
    #[serde(default)]
    #[ts(as = "Option<Scope>", optional)]
    pub scope: Scope,
    pub items: List<SaleItemSpec, SALE_ITEMS_MAX>,
    /// Absent: `countdown_ms` before the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce_at: Option<EpochMs>,
    /// Absent: the sale is a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countdown_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_presence_ms: Option<SpanMs>,
    /// The price stays hidden until the sale starts.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub price_hidden: bool,
    #[serde(default)]
    #[ts(as = "Option<String>", optional)]
    pub reminder_text: Text<REMINDER_CHARS_MAX>,
    /// Claims of so long after the start are drawn by a seed, instead of taken as they come. The
    /// server makes the seed and shows its hash from the announcement on. 100 ms to 1 min.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_window_ms: Option<SpanMs>,
}

/// One item as its streamer describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct SaleItemSpec {
    pub sku: Id,
    pub total: Units,
    pub per_buyer: Quantity,
    pub price_minor: Minor,
}

/// What shall change; what is absent stays. Once announced, a sale's price is fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct SaleChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<List<ItemTotal, SALE_ITEMS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder_text: Option<Text<REMINDER_CHARS_MAX>>,
}

/// A new total of one item; not below what is reserved, offered and sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ItemTotal {
    pub sku: Id,
    pub total: Units,
}

/// A buyer's place on a waitlist: one for each buyer and SKU of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Waiting {
    pub sale: Id,
    pub sku: Id,
    pub quantity: u32,
    pub state: WaitingState,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WaitingState {
    /// One-based.
    Waiting {
        position: u32,
    },
    Offered {
        expires_at: EpochMs,
    },
    /// Left, declined, expired, over, or turned into a reservation.
    Gone,
}

component!(
    SaleState,
    Scope,
    Sale,
    StockItem,
    ItemState,
    SaleSpec,
    SaleItemSpec,
    SaleChange,
    ItemTotal,
    Waiting,
    WaitingState
);
