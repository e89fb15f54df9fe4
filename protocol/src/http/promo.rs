//! Prices, coupons, refunds and draws over HTTP. Owns bodies and queries only; answers are those of
//! `reply`, and of `object` where one thing is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::limits::{
    AUDIENCE_RULES_MAX, CURSOR_CHARS_MAX, NAMED_BUYERS_MAX, ORDER_LINES_MAX, STACK_PAIRS_MAX,
};
use crate::number::{PageLimit, Quantity};
use crate::object::{
    Address, AudienceRule, Campaign, CampaignSpec, CampaignState, Draw, DrawSpec, DrawState,
    PrizeState, StackClass,
};
use crate::request::{Basket, CouponChoice};
use crate::text::{List, Text};

/// `POST /v1/shops/{shop}/campaigns`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateCampaign {
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Id>,
    pub spec: CampaignSpec,
}

/// Query of `GET /v1/shops/{shop}/campaigns`, answered with `Campaigns`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListCampaigns {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<CampaignState>,
    /// Only those that can be claimed in this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// `GET /v1/shops/{shop}/campaigns/{campaign}`: with the names of its audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignDetail {
    pub campaign: Campaign,
    pub audience: Vec<AudienceRule>,
}

/// `POST /v1/shops/{shop}/campaigns/{campaign}/push`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushCampaign {
    pub room: Id,
    /// All must hold; without any everybody in the room is shown it.
    #[serde(default)]
    pub segment: List<AudienceRule, AUDIENCE_RULES_MAX>,
}

/// `POST /v1/shops/{shop}/campaigns/{campaign}/grants`: these may claim, whatever audience and
/// task say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantCoupons {
    pub buyers: List<Id, NAMED_BUYERS_MAX>,
}

/// Query of `GET /v1/shops/{shop}/buyers/{buyer}/coupons`, answered with `Coupons`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListCoupons {
    /// Only offers of this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// `POST /v1/shops/{shop}/buyers/{buyer}/quotes`: what a basket would cost him now. Nothing is
/// held by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteCart {
    pub basket: Basket,
    #[serde(default, skip_serializing_if = "CouponChoice::is_best")]
    pub coupons: CouponChoice,
    /// For prices that hold only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// Query of `GET /v1/shops/{shop}/price-rules`, answered with a `PriceRuleList`. One is put as a
/// `RuleSpec` under `/price-rules/{rule}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListPriceRules {
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// `PUT /v1/shops/{shop}/stacking`: the pairs of discounts that do not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetStacking {
    pub forbidden: List<[StackClass; 2], STACK_PAIRS_MAX>,
}

/// `POST /v1/shops/{shop}/orders/{order}/refunds`: units of a paid order whose money goes back.
/// The same refund id is the same refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundOrder {
    /// The shop's own name of the refund.
    pub refund: Id,
    pub units: List<RefundLine, ORDER_LINES_MAX>,
    /// What was paid for the shipping goes back too.
    #[serde(default)]
    pub shipping: bool,
    pub stage: RefundStage,
}

/// So many more units of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundLine {
    /// Its index in the order, from 0.
    pub line: u32,
    pub quantity: Quantity,
}

/// Before shipment a refund undoes the order, coupons included; later it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStage {
    BeforeShipment,
    AfterShipment,
}

/// `POST /v1/shops/{shop}/draws`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateDraw {
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Id>,
    pub spec: DrawSpec,
}

/// Query of `GET /v1/shops/{shop}/draws`, answered with `Draws`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListDraws {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DrawState>,
}

/// `GET /v1/shops/{shop}/draws/{draw}`: everything that it takes to compute the winners again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrawDetail {
    /// With all of its winners.
    pub draw: Draw,
    /// Who counts, sorted, once it has closed.
    pub eligible: Vec<Id>,
    /// Ranked high enough, but won too recently.
    pub passed_over: Vec<Id>,
}

component!(CreateCampaign, ListCampaigns, CampaignDetail, PushCampaign, GrantCoupons, ListCoupons);
component!(QuoteCart, ListPriceRules, SetStacking, RefundOrder, RefundLine, RefundStage);
/// `GET /v1/shops/{shop}/draws/{draw}/prizes`: where they go, for who sends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prizes {
    pub prizes: Vec<Prize>,
}

/// One winner's prize.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prize {
    pub buyer: Id,
    pub state: PrizeState,
    /// Once he said it, until he is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

component!(CreateDraw, ListDraws, DrawDetail, Prizes, Prize);
