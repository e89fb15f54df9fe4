//! Requests about coupon campaigns and the coupons of a buyer. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::limits::{AUDIENCE_RULES_MAX, CURSOR_CHARS_MAX, NAMED_BUYERS_MAX};
use crate::number::PageLimit;
use crate::object::{AudienceRule, CampaignSpec, CampaignState};
use crate::text::{List, Text};

/// What a buyer may claim, what he has, and how far he is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CouponList {
    pub shop: Id,
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

/// Makes a coupon of the campaign the buyer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CouponClaim {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
    /// Where the buyer is. A campaign of some rooms needs one of them while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// Asks to be told shortly before an announced campaign opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponRemind {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
}

/// The campaigns of a shop with their figures, for its staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CouponCampaigns {
    pub shop: Id,
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

/// Plans a coupon campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CouponCreate {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Id>,
    pub spec: CampaignSpec,
}

/// Shows the campaign before it opens; buyers can ask for a reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponAnnounce {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
}

/// Takes claims from now on; tasks begin to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponOpen {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
}

/// Shows an open campaign to those in the room who fit all of the segment; everybody, if it is
/// empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponPush {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
    pub room: Id,
    #[serde(default)]
    #[ts(as = "Option<Vec<AudienceRule>>", optional)]
    pub segment: List<AudienceRule, AUDIENCE_RULES_MAX>,
}

/// These buyers may claim, whatever audience and task say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponGrant {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
    pub buyers: List<Id, NAMED_BUYERS_MAX>,
}

/// Takes no more claims; what was claimed stays good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponEnd {
    pub shop: Id,
    pub command_id: Id,
    pub campaign: Id,
}

/// Takes back what was claimed and is in no order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct CouponRevoke {
    pub shop: Id,
    pub command_id: Id,
    pub of: RevokeOf,
}

/// All coupons of a campaign, which ends with it, or one: `{"campaign":"c1"}` or
/// `{"coupon":"k1"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum RevokeOf {
    Campaign(Id),
    Coupon(Id),
}
