//! Coupon campaigns and the coupons of buyers: terms, audiences, tasks, how far somebody is. Owns
//! shapes only. A campaign has two views: staff see its figures, buyers an offer without them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Funder, ItemScope, Scope, StackClass};
use crate::described::component;
use crate::id::Id;
use crate::limits::{
    AUDIENCE_RULES_MAX, NAMED_BUYERS_MAX, PROMO_TITLE_CHARS_MAX, REMINDER_CHARS_MAX,
    TASK_KEYWORD_CHARS_MAX, TIERS_MAX,
};
use crate::number::{Bps, Claims, EpochMs, Minor, PerBuyer, SpanMs};
use crate::text::{List, Text};

/// What a coupon takes off, from which spend. Thresholds rise; the highest that is satisfied
/// counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum Discount {
    Amount {
        tiers: List<AmountTier, TIERS_MAX>,
    },
    /// `max_discount_minor` is the most that one coupon takes off.
    Percent {
        tiers: List<PercentTier, TIERS_MAX>,
        max_discount_minor: Minor,
    },
    /// The dearest unit it is for costs so much.
    FixedPrice {
        tiers: List<PriceTier, TIERS_MAX>,
        max_discount_minor: Minor,
    },
    FreeShipping {
        #[serde(default)]
        #[ts(as = "Option<Minor>", optional)]
        min_spend_minor: Minor,
        max_discount_minor: Minor,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AmountTier {
    pub min_spend_minor: Minor,
    pub off_minor: Minor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PercentTier {
    pub min_spend_minor: Minor,
    pub off_bps: Bps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceTier {
    pub min_spend_minor: Minor,
    pub price_minor: Minor,
}

/// Until when a coupon can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum Validity {
    Until {
        at: EpochMs,
    },
    /// So long after the claim.
    For {
        span_ms: SpanMs,
    },
}

/// What a buyer does before he may claim or counts in a draw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum Task {
    #[default]
    None,
    Follow,
    /// Say it in the room; in any case.
    Comment {
        keyword: Text<TASK_KEYWORD_CHARS_MAX>,
    },
    /// 10 s to 12 h.
    Watch {
        needed_ms: SpanMs,
    },
    Purchase,
}

/// One rule of an audience. Several must all hold; each may be turned round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct AudienceRule {
    pub audience: Audience,
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub negated: bool,
}

/// Who may claim, judged at the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case", expecting = "an object with its kind")]
pub enum Audience {
    /// No paid order in the window before now. At most 365 days.
    NewBuyer {
        window_ms: SpanMs,
    },
    /// At least one paid order in it.
    Returning {
        window_ms: SpanMs,
    },
    Follower,
    /// Began to follow in the window, or since the room started. Who comes back is not new.
    NewFollower {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        window_ms: Option<SpanMs>,
    },
    /// More can be let in with `coupon.grant`.
    Named {
        buyers: List<Id, NAMED_BUYERS_MAX>,
    },
    /// Watches in the room of the claim right now.
    RoomViewer,
}

/// A rule of an audience as it is shown: without the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct AudienceShown {
    pub kind: AudienceKind,
    pub negated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<SpanMs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum AudienceKind {
    NewBuyer,
    Returning,
    Follower,
    NewFollower,
    Named,
    RoomViewer,
}

/// A coupon campaign as its owner describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CampaignSpec {
    pub title: Text<PROMO_TITLE_CHARS_MAX>,
    /// Platform money is the platform's system's to spend.
    #[serde(default)]
    #[ts(as = "Option<Funder>", optional)]
    pub funder: Funder,
    pub discount: Discount,
    #[serde(default)]
    #[ts(as = "Option<ItemScope>", optional)]
    pub items: ItemScope,
    /// Where it can be claimed; from all rooms also means without one.
    #[serde(default)]
    #[ts(as = "Option<Scope>", optional)]
    pub rooms: Scope,
    #[serde(default)]
    #[ts(as = "Option<Vec<AudienceRule>>", optional)]
    pub audience: List<AudienceRule, AUDIENCE_RULES_MAX>,
    #[serde(default)]
    #[ts(as = "Option<Task>", optional)]
    pub task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce_at: Option<EpochMs>,
    /// Absent: when it is opened by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<EpochMs>,
    pub validity: Validity,
    pub claims_total: Claims,
    pub per_buyer: PerBuyer,
    /// The worst case of every coupon is set aside from it at the claim.
    pub budget_minor: Minor,
    /// Absent: by its funder and kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_class: Option<StackClass>,
    #[serde(default)]
    #[ts(as = "Option<String>", optional)]
    pub reminder_text: Text<REMINDER_CHARS_MAX>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    Draft,
    Announced,
    Open,
    /// Its rooms are over; what was earned can still be claimed.
    Ending,
    Ended,
    Revoked,
}

/// A coupon campaign as the staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Campaign {
    pub campaign: Id,
    pub title: String,
    pub state: CampaignState,
    pub funder: Funder,
    pub discount: Discount,
    pub items: ItemScope,
    pub rooms: Scope,
    pub audience: Vec<AudienceShown>,
    pub task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<EpochMs>,
    /// Of a campaign that is over, when that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<EpochMs>,
    pub validity: Validity,
    pub claims_total: u32,
    pub per_buyer: u32,
    pub budget_minor: Minor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_class: Option<StackClass>,
    pub reminder_text: String,
    /// ISO 4217.
    pub currency: String,
    pub counts: CampaignCounts,
    pub money: CampaignMoney,
    pub version: u64,
}

/// The funnel of a campaign. Nothing of it ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CampaignCounts {
    /// Let in by hand or by a task.
    pub granted: u32,
    /// Did the task.
    pub completed: u32,
    pub claimed: u32,
    pub used: u32,
    pub returned: u32,
    pub expired: u32,
    pub revoked: u32,
    pub pushes: u32,
}

/// Where the budget is. The three together are never above it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CampaignMoney {
    pub spent_minor: Minor,
    pub locked_minor: Minor,
    /// The worst case of what is claimed and in no order.
    pub claimed_minor: Minor,
}

/// A coupon campaign as buyers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Offer {
    pub campaign: Id,
    pub title: String,
    pub state: CampaignState,
    pub funder: Funder,
    pub discount: Discount,
    pub items: ItemScope,
    pub rooms: Scope,
    pub audience: Vec<AudienceShown>,
    pub task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<EpochMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<EpochMs>,
    pub validity: Validity,
    pub per_buyer: u32,
    /// Coupons that nobody has claimed yet.
    pub left: u32,
    /// ISO 4217.
    pub currency: String,
    pub version: u64,
}

/// A coupon of a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Coupon {
    pub coupon: Id,
    pub campaign: Id,
    pub buyer: Id,
    pub state: CouponState,
    /// The most it takes off.
    pub worst_minor: Minor,
    /// ISO 4217.
    pub currency: String,
    pub expires_at: EpochMs,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CouponState {
    Claimed,
    Locked {
        by: CouponHolder,
    },
    Used {
        order: Id,
        spent_minor: Minor,
    },
    Expired,
    /// Taken back by the shop.
    Revoked,
}

/// What a coupon is locked by: `{"reservation":"v1"}` or `{"order":"o1"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum CouponHolder {
    Reservation(Id),
    Order(Id),
}

/// How far a buyer is with a watch task. It is the server's number and never falls: whoever
/// animates it must come back to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Progress {
    pub campaign: Id,
    pub watched_ms: SpanMs,
    pub needed_ms: SpanMs,
    pub completed: bool,
}

component!(Discount, AmountTier, PercentTier, PriceTier, Validity, Task, AudienceRule, Audience);
component!(AudienceShown, AudienceKind, CampaignSpec, CampaignState, Campaign, CampaignCounts);
component!(CampaignMoney, Offer, Coupon, CouponState, CouponHolder, Progress);
