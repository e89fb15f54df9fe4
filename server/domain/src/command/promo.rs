//! What a shop can be asked to do about prices, coupons and lucky draws. Owns the words of the
//! promotions; ids and seeds arrive in them, made at the edge.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Address, Scope};
use crate::id::{CampaignId, CouponId, DrawId, RoomId, RuleId, SkuId, UserId};
use crate::money::Minor;
use crate::shop::price::Funder;
use crate::time::{Millis, SpanMs};

#[derive(Debug, Clone, PartialEq)]
pub enum PromoCommand {
    PutRule {
        rule: RuleId,
        spec: RuleSpec,
    },
    EndRule {
        rule: RuleId,
    },
    /// Which discounts do not meet; the shop counts its versions.
    SetStacking {
        forbidden: BTreeSet<(StackClass, StackClass)>,
    },
    /// What the platform lets the shop do.
    SetCapabilities {
        capabilities: Capabilities,
    },
    CreateCampaign {
        campaign: CampaignId,
        spec: CampaignSpec,
    },
    AnnounceCampaign {
        campaign: CampaignId,
    },
    OpenCampaign {
        campaign: CampaignId,
    },
    /// No more claims; what was claimed stays good.
    EndCampaign {
        campaign: CampaignId,
    },
    /// No more claims, and what was claimed and is in no order is taken back.
    RevokeCampaign {
        campaign: CampaignId,
    },
    RevokeCoupon {
        coupon: CouponId,
    },
    /// Shows an open campaign to those in the room who fit the segment; everybody, if it is empty.
    PushCampaign {
        campaign: CampaignId,
        room: RoomId,
        segment: Vec<AudienceRule>,
    },
    /// These buyers may claim, whatever audience and task say.
    Grant {
        campaign: CampaignId,
        buyers: BTreeSet<UserId>,
    },
    Remind {
        campaign: CampaignId,
    },
    /// Makes a coupon with this id the caller's.
    Claim {
        campaign: CampaignId,
        coupon: CouponId,
        room: Option<RoomId>,
    },

    StartDraw {
        draw: DrawId,
        spec: DrawSpec,
    },
    EnterDraw {
        draw: DrawId,
    },
    /// The seed that was committed to, once the draw has closed.
    RevealDraw {
        draw: DrawId,
        seed: Seed,
    },
    ClaimPrize {
        draw: DrawId,
        address: Address,
    },
}

/// Which goods a rule or a coupon is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemScope {
    All,
    Skus(BTreeSet<SkuId>),
}

impl ItemScope {
    pub fn has(&self, sku: &SkuId) -> bool {
        match self {
            Self::All => true,
            Self::Skus(skus) => skus.contains(sku),
        }
    }
}

/// A rule about prices that needs no coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    pub title: String,
    pub kind: RuleKind,
    pub items: ItemScope,
    /// Only for orders out of these rooms, while they are on air.
    pub live_only: Option<Scope>,
    pub starts_at: Option<Millis>,
    pub ends_at: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    ProductDiscount {
        off_bps: u32,
    },
    FlashPrice {
        price_minor: Minor,
    },
    CampaignPrice {
        price_minor: Minor,
    },
    CreatorFlash {
        price_minor: Minor,
    },
    LiveFixed {
        price_minor: Minor,
    },
    /// From so many units of its goods in a cart, so much off each of them.
    ItemsDiscount {
        units_min: u32,
        off_bps: u32,
    },
    /// Platform money.
    Subsidy {
        per_unit_minor: Minor,
        per_buyer_units: u32,
        budget_minor: Minor,
    },
    FreeShipping {
        min_goods_minor: Minor,
    },
}

/// What a discount counts as where it meets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// Which discounts may meet on a line. A pair that stands here leaves the earlier layer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stacking {
    pub version: u32,
    pub forbidden: BTreeSet<(StackClass, StackClass)>,
}

impl Default for Stacking {
    fn default() -> Self {
        Self { version: 1, forbidden: BTreeSet::new() }
    }
}

impl Stacking {
    pub fn allows(&self, one: StackClass, other: StackClass) -> bool {
        let exclusive = one == StackClass::Exclusive || other == StackClass::Exclusive;
        !exclusive && !self.forbidden.contains(&(one.min(other), one.max(other)))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    pub lucky_draws: bool,
}

/// A coupon campaign of one shop; a platform campaign is one a shop, with its slice as budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignSpec {
    pub title: String,
    pub funder: Funder,
    pub kind: CouponKind,
    /// Rising thresholds. The highest that is satisfied counts.
    pub tiers: Vec<Tier>,
    /// The most one coupon takes off. Needed unless the kind is an amount, whose highest tier
    /// says it.
    pub max_discount_minor: Option<Minor>,
    pub items: ItemScope,
    /// Where it can be claimed: from all rooms also means without one.
    pub rooms: Scope,
    pub audience: Vec<AudienceRule>,
    pub task: Task,
    pub announce_at: Option<Millis>,
    pub opens_at: Option<Millis>,
    pub closes_at: Option<Millis>,
    pub validity: Validity,
    pub claims_total: u32,
    pub per_buyer: u32,
    pub budget_minor: Minor,
    /// Without one: by its funder and kind.
    pub stack_class: Option<StackClass>,
    pub reminder_text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponKind {
    /// Minor units off.
    Amount,
    /// Basis points off.
    Percent,
    /// The dearest unit it is for costs so much.
    FixedPrice,
    FreeShipping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub min_spend_minor: Minor,
    /// Minor units, basis points or a price, by the kind; 0 for free shipping.
    pub value: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    Until(Millis),
    /// So long after the claim.
    For(SpanMs),
}

/// Several must all hold; each may be turned round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceRule {
    pub audience: Audience,
    pub negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// No paid order in the window before now.
    NewBuyer {
        window_ms: SpanMs,
    },
    /// At least one paid order in it.
    Returning {
        window_ms: SpanMs,
    },
    Follower,
    /// Began to follow in the window, or since the room started; who comes back is not new.
    NewFollower {
        window_ms: Option<SpanMs>,
    },
    Named(BTreeSet<UserId>),
    /// Watches in the room of the claim right now.
    RoomViewer,
}

/// What a buyer does before he may claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    None,
    Follow,
    Comment { keyword: String },
    Watch { needed_ms: SpanMs },
    Purchase,
}

/// Secret until it is revealed; 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The promise of a seed: everybody sees its hash, the sealed seed lies in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// SHA-256 of the seed, in hex.
    pub seed_hash: String,
    /// The seed as only the server can read it.
    pub sealed: Vec<u8>,
}

/// A lucky draw of a room. It runs from the command on and cannot be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawSpec {
    pub room: RoomId,
    pub title: String,
    pub winners: u32,
    pub task: Task,
    pub run_ms: SpanMs,
    /// How long a winner has to say where the prize goes.
    pub address_ms: SpanMs,
    /// A prize that nobody claims goes to the next in order.
    pub next_in_order: bool,
    pub commitment: Commitment,
}
