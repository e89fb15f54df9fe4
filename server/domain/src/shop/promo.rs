//! Promotions: price rules, coupon campaigns and the coupons of buyers. Owns who may change them
//! and dispatches to the rules below; what a cart costs is `price`'s, watching is `watch`'s.

mod apply;
mod audience;
mod campaign;
mod change;
mod check;
mod claim;
mod coupon;
mod rule;
mod spec;
mod task;
mod views;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Accepted, Shop};
use crate::command::{Actor, Capabilities, PromoCommand, Role, Stacking};
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, CouponId, ReservationId, RuleId};
use crate::lookup::Lookup;
use crate::rejection::Rejection;
use crate::time::Millis;

pub(super) use campaign::Campaign;
pub(super) use change::TouchedPromo;
pub(super) use check::PromoRow;
pub(super) use claim::chosen_twice;
pub(super) use spec::checked as checked_task;
pub(super) use task::says;

/// Rules, campaigns and coupons that are in memory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Promo {
    pub(super) rules: BTreeMap<RuleId, rule::Rule>,
    pub(super) stacking: Stacking,
    pub(super) capabilities: Capabilities,
    pub(super) campaigns: BTreeMap<CampaignId, campaign::Campaign>,
    pub(super) coupons: Lookup<CouponId, coupon::Coupon>,
    /// Coupons that a hold without an order keeps.
    pub(super) held: Lookup<ReservationId, SmallVec<[CouponId; 1]>>,
    /// When the last event of the promotions was.
    pub(super) last_at: Millis,
}

impl Shop {
    pub(super) fn decide_promo(
        &self,
        actor: &Actor,
        command: &PromoCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, needed_roles(command))?;
        match command {
            PromoCommand::PutRule { rule, spec } => self.decide_rule(actor, rule, spec, now),
            PromoCommand::EndRule { rule } => self.decide_rule_end(actor, rule),
            PromoCommand::SetStacking { forbidden } => self.decide_stacking(actor, forbidden),
            PromoCommand::SetCapabilities { capabilities } => {
                Ok(self.decide_capabilities(actor, *capabilities))
            }
            PromoCommand::CreateCampaign { campaign, spec } => {
                self.create_campaign(actor, campaign, spec, now)
            }
            PromoCommand::AnnounceCampaign { campaign } => {
                self.announce_campaign(actor, campaign, now)
            }
            PromoCommand::OpenCampaign { campaign } => self.open_campaign(actor, campaign, now),
            PromoCommand::EndCampaign { campaign } => self.end_campaign(actor, campaign, now),
            PromoCommand::RevokeCampaign { campaign } => self.revoke_campaign(actor, campaign),
            PromoCommand::RevokeCoupon { coupon } => self.revoke_coupon(actor, coupon, now),
            PromoCommand::PushCampaign { campaign, room, segment } => {
                self.push_campaign(actor, campaign, room, segment)
            }
            PromoCommand::Grant { campaign, buyers } => {
                self.grant_coupons(actor, campaign, buyers, now)
            }
            PromoCommand::Remind { campaign } => self.remind_of_campaign(actor, campaign),
            PromoCommand::Claim { campaign, coupon, room } => {
                self.claim_coupon(actor, campaign, coupon, room.as_ref(), now)
            }
            PromoCommand::StartDraw { draw, spec } => self.start_draw(actor, draw, spec, now),
            PromoCommand::EnterDraw { draw } => self.enter_draw(actor, draw, now),
            PromoCommand::RevealDraw { draw, seed } => self.reveal_draw(draw, *seed, now),
            PromoCommand::ClaimPrize { draw, address } => {
                self.claim_prize(actor, draw, address, now)
            }
        }
    }
}

fn needed_roles(command: &PromoCommand) -> &'static [Role] {
    match command {
        PromoCommand::PutRule { .. }
        | PromoCommand::EndRule { .. }
        | PromoCommand::CreateCampaign { .. }
        | PromoCommand::RevokeCampaign { .. }
        | PromoCommand::RevokeCoupon { .. } => &[Role::Manager, Role::Service],
        PromoCommand::SetStacking { .. }
        | PromoCommand::SetCapabilities { .. }
        | PromoCommand::RevealDraw { .. } => &[Role::Service],
        PromoCommand::AnnounceCampaign { .. }
        | PromoCommand::OpenCampaign { .. }
        | PromoCommand::EndCampaign { .. }
        | PromoCommand::PushCampaign { .. }
        | PromoCommand::StartDraw { .. } => &[Role::Streamer],
        PromoCommand::Grant { .. } => {
            &[Role::Agent, Role::Supervisor, Role::Manager, Role::Service]
        }
        PromoCommand::Remind { .. }
        | PromoCommand::Claim { .. }
        | PromoCommand::EnterDraw { .. }
        | PromoCommand::ClaimPrize { .. } => &[Role::Buyer],
    }
}

pub(super) fn yes(event: PromoEvent) -> Accepted {
    Accepted::event(Event::Promo(event))
}

pub(super) fn invalid(field: &'static str, problem: &'static str) -> Rejection {
    Rejection::Invalid { field, problem }
}
