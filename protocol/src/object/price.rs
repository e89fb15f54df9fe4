//! Why a cart costs what it costs: price rules, which discounts meet, and a price explained line by
//! line. Owns shapes only; the arithmetic is the server's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Scope;
use crate::described::component;
use crate::id::Id;
use crate::limits::{ITEM_SKUS_MAX, PROMO_TITLE_CHARS_MAX};
use crate::number::{Bps, EpochMs, Minor, Quantity};
use crate::text::{List, Text};

/// Who bears a discount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Funder {
    #[default]
    Seller,
    Platform,
}

/// The layers of a price in the order they apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    ItemPrice,
    ItemSubsidy,
    SellerCoupon,
    PlatformCoupon,
    Shipping,
}

/// Where the price of a unit comes from. Of equal prices the one that stands first here counts;
/// live and creator flash prices rank alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    LiveFlash,
    CreatorFlash,
    LiveFixed,
    Campaign,
    Flash,
    ProductDiscount,
    ItemsDiscount,
}

/// What a discount comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Because {
    Sale {
        sale: Id,
    },
    Rule {
        rule: Id,
    },
    Coupon {
        campaign: Id,
        coupon: Id,
    },
    /// The shop sends goods of this much free of charge.
    FreeOver,
}

/// One discount of a line or of the shipping: which layer, what rule, who pays, how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PricePart {
    pub layer: Layer,
    pub because: Because,
    pub funder: Funder,
    pub amount_minor: Minor,
}

/// A priced cart with its explanation: `list = goods + seller + platform`, and
/// `total = goods + shipping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Quote {
    /// ISO 4217, of every amount in it.
    pub currency: String,
    /// Of the rule that says which discounts meet. 0: an order of before prices were explained.
    pub stacking_version: u32,
    pub lines: Vec<QuoteLine>,
    pub shipping_fee_minor: Minor,
    /// What takes the fee away, or a part of it. Its amount is in neither of the sums below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_off: Option<PricePart>,
    /// What the buyer pays for the shipping.
    pub shipping_minor: Minor,
    /// The coupons that it uses.
    pub coupons: Vec<UsedCoupon>,
    pub list_minor: Minor,
    /// The goods after every discount.
    pub goods_minor: Minor,
    /// What seller and platform bear of the goods' discounts.
    pub seller_minor: Minor,
    pub platform_minor: Minor,
    pub total_minor: Minor,
}

/// A line of it: `payable = quantity x list price - parts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct QuoteLine {
    pub sku: Id,
    pub quantity: u32,
    /// Of one unit.
    pub list_price_minor: Minor,
    /// Of one unit, before subsidies and coupons.
    pub unit_price_minor: Minor,
    /// Absent: a unit costs the list price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PriceSource>,
    /// Units that the platform gave something to.
    pub subsidised: u32,
    /// In the order of the layers; only those that take something off.
    pub parts: Vec<PricePart>,
    pub payable_minor: Minor,
}

/// A coupon that a price uses, and all that it takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct UsedCoupon {
    pub coupon: Id,
    pub campaign: Id,
    pub layer: Layer,
    pub funder: Funder,
    pub amount_minor: Minor,
}

/// Which goods a rule or a coupon is for: `"all"` or `{"skus":["red-m"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum ItemScope {
    #[default]
    All,
    Skus(List<Id, ITEM_SKUS_MAX>),
}

/// A price rule that needs no coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceRule {
    pub rule: Id,
    pub spec: RuleSpec,
    /// Platform money that went into it so far.
    pub spent_minor: Minor,
    /// ISO 4217.
    pub currency: String,
    pub version: u64,
}

/// A price rule as its owner describes it; replaces what was known before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct RuleSpec {
    pub title: Text<PROMO_TITLE_CHARS_MAX>,
    pub effect: RuleEffect,
    /// A price needs goods that are named.
    #[serde(default)]
    #[ts(as = "Option<ItemScope>", optional)]
    pub items: ItemScope,
    /// Only for orders out of these rooms, while they are on air. Live prices need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_only: Option<Scope>,
    /// Absent: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<EpochMs>,
    /// Absent: until it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<EpochMs>,
}

/// What a rule does to a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum RuleEffect {
    ProductDiscount {
        off_bps: Bps,
    },
    FlashPrice {
        price_minor: Minor,
    },
    CampaignPrice {
        price_minor: Minor,
    },
    /// A live price; not above the lowest that its goods have elsewhere.
    CreatorFlash {
        price_minor: Minor,
    },
    /// A live price; not above the lowest that its goods have elsewhere.
    LiveFixed {
        price_minor: Minor,
    },
    /// From so many units of its goods in a cart, so much off each of them.
    ItemsDiscount {
        units_min: Quantity,
        off_bps: Bps,
    },
    /// Platform money for single units; the platform's system sets it.
    Subsidy {
        per_unit_minor: Minor,
        per_buyer: Quantity,
        budget_minor: Minor,
    },
    FreeShipping {
        min_goods_minor: Minor,
    },
}

/// What a discount counts as where it meets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum StackClass {
    Discount,
    Flash,
    FixedPrice,
    Subsidy,
    SellerCoupon,
    PlatformCoupon,
    Shipping,
    /// Meets no other discount.
    Exclusive,
}

/// Which discounts do not meet on a line: of a pair that stands here the earlier layer's stays.
/// Orders say by which version they were priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Stacking {
    pub version: u32,
    pub forbidden: Vec<[StackClass; 2]>,
}

/// What the platform lets a shop do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Capabilities {
    pub lucky_draws: bool,
}

/// What shall change of it; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CapabilitiesChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lucky_draws: Option<bool>,
}

component!(Funder, Layer, PriceSource, Because, PricePart, Quote, QuoteLine, UsedCoupon);
component!(ItemScope, PriceRule, RuleSpec, RuleEffect, StackClass, Stacking);
component!(Capabilities, CapabilitiesChange);
