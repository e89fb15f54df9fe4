//! What a yes carries about prices, coupons and draws. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::described::component;
use crate::id::Id;
use crate::number::{Minor, SpanMs};
use crate::object::{
    Campaign, CampaignCounts, CampaignMoney, CampaignState, Capabilities, Coupon, Draw, Funder,
    Offer, PriceRule, Progress, Quote, Stacking,
};

/// To `coupon.list`. The first page has all that is the buyer's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Coupons {
    /// Campaigns that are announced or can be claimed from, and those of the coupons below.
    pub offers: Vec<Offer>,
    /// Claimed and locked ones.
    pub coupons: Vec<Coupon>,
    /// Campaigns that he may claim from by a grant or a task he did.
    pub granted: Vec<Id>,
    pub progress: Vec<Progress>,
    /// Campaigns whose opening he wants to be told.
    pub reminders: Vec<Id>,
    /// Present when there are more offers: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// To `coupon.claim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponClaimed {
    pub coupon: Coupon,
}

/// To `coupon.campaigns`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Campaigns {
    pub campaigns: Vec<Campaign>,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The campaign after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CampaignChanged {
    pub campaign: Campaign,
}

/// To `coupon.revoke`: what was named there, after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Revoked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Campaign>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Coupon>,
}

/// To `cart.quote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Quoted {
    pub quote: Quote,
}

/// To `price.rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct PriceRuleList {
    pub rules: Vec<PriceRule>,
    pub stacking: Stacking,
    /// Present when there are more: ask with it as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The rule after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceRuleChanged {
    pub rule: PriceRule,
}

/// To `price.stacking`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct StackingChanged {
    pub stacking: Stacking,
}

/// To `shop.capabilities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CapabilitiesChanged {
    pub capabilities: Capabilities,
}

/// To `draw.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Draws {
    pub draws: Vec<Draw>,
}

/// The draw after the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawChanged {
    pub draw: Draw,
}

/// What the coupons of a room cost and did, on its dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DashboardPromo {
    /// Campaigns that can be claimed in the room.
    pub campaigns: Vec<DashboardCampaign>,
    /// What they have cost so far, by who pays.
    pub seller_minor: Minor,
    pub platform_minor: Minor,
    /// Watched for their tasks, by all viewers together.
    pub watched_ms: SpanMs,
}

/// One campaign on the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DashboardCampaign {
    pub campaign: Id,
    pub title: String,
    pub state: CampaignState,
    pub funder: Funder,
    pub counts: CampaignCounts,
    pub money: CampaignMoney,
    /// Of a watch task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchFunnel>,
}

/// How many have begun a watch task, and how much they watched in all. Who is through stands in
/// the campaign's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct WatchFunnel {
    pub started: u32,
    pub watched_ms: SpanMs,
}

component!(Coupons, CouponClaimed, Campaigns, CampaignChanged, Revoked, Quoted, PriceRuleList);
component!(PriceRuleChanged, StackingChanged, CapabilitiesChanged, Draws, DrawChanged);
component!(DashboardPromo, DashboardCampaign, WatchFunnel);
