//! What happened to prices, coupons, watch tasks and lucky draws. Additive like every event; holds
//! ids, amounts and the evidence of a claim, never a text of a buyer.

use serde::{Deserialize, Serialize};

use crate::command::{AudienceRule, CampaignSpec, Capabilities, RuleSpec, Stacking, Task};
use crate::id::{CampaignId, CouponId, DrawId, ReservationId, RoomId, RuleId, UserId};
use crate::money::Minor;
use crate::time::{Millis, SpanMs};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromoEvent {
    RulePut {
        rule: RuleId,
        spec: RuleSpec,
        by: UserId,
    },
    RuleEnded {
        rule: RuleId,
        by: UserId,
    },
    StackingSet {
        stacking: Stacking,
        by: UserId,
    },
    CapabilitiesSet {
        capabilities: Capabilities,
        by: UserId,
    },

    CampaignCreated(Box<CampaignCreated>),
    CampaignAnnounced {
        campaign: CampaignId,
    },
    /// Claims are taken and tasks count from now on.
    CampaignOpened {
        campaign: CampaignId,
        due_at: Millis,
    },
    /// Its rooms are over: no task goes on, and what was earned can be claimed until then.
    CampaignEnding {
        campaign: CampaignId,
        closes_at: Millis,
    },
    CampaignEnded {
        campaign: CampaignId,
        cause: CampaignEnd,
        due_at: Millis,
    },
    CampaignRevoked {
        campaign: CampaignId,
        by: UserId,
    },
    CampaignPushed {
        campaign: CampaignId,
        room: RoomId,
        segment: Vec<AudienceRule>,
        by: UserId,
    },
    CampaignReminderSet {
        campaign: CampaignId,
        buyer: UserId,
    },
    CampaignRemindersDue {
        campaign: CampaignId,
        due_at: Millis,
    },
    CouponsGranted {
        campaign: CampaignId,
        buyers: Vec<UserId>,
        by: UserId,
    },
    /// These buyers did what the campaign asks for, and may claim.
    TaskCompleted {
        campaign: CampaignId,
        buyers: Vec<UserId>,
        due_at: Millis,
    },
    CouponClaimed(CouponClaimed),
    /// Set aside for a hold. An order says its coupons itself.
    CouponsLocked {
        reservation: ReservationId,
        coupons: Vec<CouponId>,
    },
    CouponsExpired {
        campaign: CampaignId,
        coupons: Vec<CouponId>,
        due_at: Millis,
    },
    /// Without a name: their campaign was revoked.
    CouponsRevoked {
        campaign: CampaignId,
        coupons: Vec<CouponId>,
        by: Option<UserId>,
    },
    /// These have been finished for a week and left the shop's memory.
    CouponsArchived {
        campaign: CampaignId,
        coupons: Vec<CouponId>,
        due_at: Millis,
    },
    CampaignArchived {
        campaign: CampaignId,
        due_at: Millis,
    },

    WatchCheckpointed(WatchCheckpointed),

    DrawStarted(DrawStarted),
    DrawEntered {
        draw: DrawId,
        buyer: UserId,
    },
    /// Who had done the task and was there. Its order is the sorted one.
    DrawClosed {
        draw: DrawId,
        eligible: Vec<UserId>,
        due_at: Millis,
    },
    DrawRevealed {
        draw: DrawId,
        /// In hex.
        seed: String,
        /// In the order of the draw.
        winners: Vec<UserId>,
        /// Ranked high enough, but won too recently.
        passed_over: Vec<UserId>,
        address_by: Millis,
    },
    PrizeClaimed {
        draw: DrawId,
        buyer: UserId,
        address_hash: String,
    },
    PrizeForfeited {
        draw: DrawId,
        buyer: UserId,
        due_at: Millis,
    },
    /// The next in order, after a prize that nobody claimed.
    PrizePassedOn {
        draw: DrawId,
        buyer: UserId,
        address_by: Millis,
    },
    DrawArchived {
        draw: DrawId,
        due_at: Millis,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CampaignCreated {
    pub campaign: CampaignId,
    pub spec: CampaignSpec,
    pub claim_grace_ms: SpanMs,
    pub reminder_lead_ms: SpanMs,
    pub by: UserId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignEnd {
    Time,
    Staff,
    RoomsEnded,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CouponClaimed {
    pub coupon: CouponId,
    pub campaign: CampaignId,
    pub buyer: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// The most it can cost; set aside from the budget until it is used or gone.
    pub worst_minor: Minor,
    pub expires_at: Millis,
    /// What each rule of the audience saw, in their order.
    pub evidence: Vec<Evidence>,
    /// Of the audience rules' meaning.
    pub rules_version: u32,
}

/// What a rule of an audience was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Paid orders in the window, and when it began.
    PaidOrders {
        count: u32,
        since: Millis,
    },
    Following {
        since: Option<Millis>,
    },
    Named {
        named: bool,
    },
    /// Until when he watches, by the room's live clock, and what it showed.
    Watching {
        until_ms: SpanMs,
        live_clock_ms: SpanMs,
    },
    /// Somebody of the shop let him, or he did the task while others had to be judged.
    Granted,
}

/// How far everybody in a room has come. Class B: at most every ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchCheckpointed {
    pub room: RoomId,
    /// Viewers that get the next numbers of the room, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newcomers: Vec<UserId>,
    /// Base64 of pairs of numbers of variable length (LEB128): how many numbers of viewers further
    /// on than the last, and how many milliseconds more he has watched.
    pub more: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawStarted {
    pub draw: DrawId,
    pub room: RoomId,
    pub title: String,
    pub winners: u32,
    pub task: Task,
    pub closes_at: Millis,
    pub address_ms: SpanMs,
    pub next_in_order: bool,
    /// Wins of one buyer within `repeat_window_ms`.
    pub wins_max: u32,
    pub repeat_window_ms: SpanMs,
    /// SHA-256 of the seed, in hex.
    pub seed_hash: String,
    pub by: UserId,
}
