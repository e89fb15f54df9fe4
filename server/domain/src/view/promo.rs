//! What others may see of campaigns, coupons, watch tasks and draws: plain copies. Owns no rule.

use serde::{Deserialize, Serialize};

use crate::command::{CampaignSpec, Capabilities, RuleSpec, Stacking, Task};
use crate::id::{
    CampaignId, CouponId, DrawId, OrderId, ReservationId, RoomId, RuleId, SaleId, SkuId, UserId,
};
use crate::money::{Currency, Minor};
use crate::time::{Millis, SpanMs};

/// Something of the promotions that looks different after a batch, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum PromoChange {
    Rule(RuleView),
    RuleEnded {
        rule: RuleId,
    },
    Stacking(Stacking),
    Capabilities(Capabilities),
    Campaign(Box<CampaignView>),
    Coupon(CouponView),
    /// The buyers may claim now.
    Granted {
        campaign: CampaignId,
        buyers: Vec<UserId>,
    },
    /// To be shown to those in the room; without a list to everybody there.
    Pushed {
        room: RoomId,
        campaign: Box<CampaignView>,
        buyers: Option<Vec<UserId>>,
    },
    CampaignReminder {
        campaign: CampaignId,
        text: String,
        opens_at: Millis,
        buyers: Vec<UserId>,
    },
    /// What is written down of how far these buyers are.
    Progress {
        room: RoomId,
        buyers: Vec<ProgressView>,
    },
    Draw(Box<DrawView>),
    /// Is in the draw.
    Entered {
        draw: DrawId,
        buyer: UserId,
    },
    PrizeWon {
        draw: DrawId,
        buyer: UserId,
        address_by: Millis,
    },
    PrizeLost {
        draw: DrawId,
        buyer: UserId,
    },
    /// A claim that waits for the seed.
    Pooled(PooledView),
    /// The claims of a sale's first moments are drawn; who holds nothing has lost.
    PoolDrawn {
        sale: SaleId,
        losers: Vec<UserId>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    pub rule: RuleId,
    pub spec: RuleSpec,
    /// Platform money that went into it so far.
    pub spent_minor: Minor,
    pub currency: Currency,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    Draft,
    Announced,
    Open,
    /// What was earned can still be claimed.
    Ending,
    Ended,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CampaignView {
    pub campaign: CampaignId,
    pub spec: CampaignSpec,
    pub state: CampaignState,
    pub opens_at: Option<Millis>,
    pub closes_at: Option<Millis>,
    pub currency: Currency,
    pub counts: CampaignCounts,
    pub money: CampaignMoney,
    pub version: u64,
}

/// The funnel of a campaign. Nothing of it ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignCounts {
    /// By hand or for a task.
    pub granted: u32,
    pub completed: u32,
    pub claimed: u32,
    pub used: u32,
    pub returned: u32,
    pub expired: u32,
    pub revoked: u32,
    pub pushes: u32,
}

/// Where the budget is. The three together are never above it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignMoney {
    pub spent_minor: Minor,
    pub locked_minor: Minor,
    /// The worst case of what is claimed and in no order.
    pub claimed_minor: Minor,
}

impl CampaignMoney {
    pub fn taken(&self) -> Minor {
        self.spent_minor.plus(self.locked_minor).plus(self.claimed_minor)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponView {
    pub coupon: CouponId,
    pub campaign: CampaignId,
    pub buyer: UserId,
    pub state: CouponState,
    pub worst_minor: Minor,
    pub currency: Currency,
    pub expires_at: Millis,
    pub version: u64,
}

/// A claim that waits for the draw of its sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledView {
    pub reservation: ReservationId,
    pub sale: SaleId,
    pub sku: SkuId,
    pub buyer: UserId,
    pub quantity: u32,
    pub price_minor: Minor,
    pub currency: Currency,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponState {
    Claimed,
    Locked { by: CouponHolder },
    Used { order: OrderId, spent_minor: Minor },
    Expired,
    Revoked,
}

/// What a coupon is locked by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponHolder {
    Reservation(ReservationId),
    Order(OrderId),
}

/// How far a buyer is, as far as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressView {
    pub campaign: CampaignId,
    pub buyer: UserId,
    pub watched_ms: SpanMs,
    pub needed_ms: SpanMs,
    pub completed: bool,
}

/// How many have begun a watch task, and how much they watched in all. Who is through stands in
/// the campaign's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchTaskView {
    pub campaign: CampaignId,
    pub started: u32,
    pub watched_ms: SpanMs,
}

/// What an audience asks for, in a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudienceKind {
    NewBuyer,
    Returning,
    Follower,
    NewFollower,
    Named,
    RoomViewer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawState {
    Running,
    /// Nobody enters any more; the seed is awaited.
    Closed,
    /// The winners are known and some prize waits for its address.
    Drawn,
    Done,
}

/// A draw with all that it takes to compute its winners again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawView {
    pub draw: DrawId,
    pub room: RoomId,
    pub title: String,
    pub state: DrawState,
    pub winners_max: u32,
    pub task: Task,
    pub closes_at: Millis,
    pub seed_hash: String,
    pub entries: u32,
    /// Sorted, once it has closed.
    pub eligible: Vec<UserId>,
    /// In hex, once it is revealed.
    pub seed: Option<String>,
    pub winners: Vec<WinnerView>,
    pub passed_over: Vec<UserId>,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WinnerView {
    pub buyer: UserId,
    pub prize: PrizeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrizeState {
    Open { address_by: Millis },
    Claimed,
    Forfeited,
}

/// What a buyer has of the promotions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PromoBuyerView {
    /// Claimed and locked ones.
    pub coupons: Vec<CouponView>,
    /// Campaigns that he may claim from by a grant or a task he did.
    pub granted: Vec<CampaignId>,
    pub progress: Vec<ProgressView>,
    pub reminders: Vec<CampaignId>,
    /// Claims that wait for the draw of their sale.
    pub pooled: Vec<PooledView>,
    /// Running draws that he is in.
    pub entered: Vec<DrawId>,
}
