//! What of the promotions looks different after a batch. Owns which event touches which view;
//! the views are built once a batch.

use std::collections::BTreeSet;

use crate::command::PromoCommand;
use crate::event::promo::{CouponClaimed, DrawStarted};
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, CouponId, DrawId, RoomId, RuleId, UserId};
use crate::shop::Shop;
use crate::shop::price::Quote;
use crate::view::Change;
use crate::view::promo::{CouponState, CouponView, PromoChange};

/// What the events of a batch touched so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::shop) struct TouchedPromo {
    rules: Vec<RuleId>,
    campaigns: Vec<CampaignId>,
    coupons: Vec<CouponId>,
    draws: Vec<DrawId>,
    stacking: bool,
    capabilities: bool,
    /// Rooms whose progress was written down.
    rooms: Vec<RoomId>,
    /// What happened rather than what changed, in order.
    told: Vec<PromoChange>,
}

impl TouchedPromo {
    /// The coupons of an order, and the campaigns that pay for them.
    pub(in crate::shop) fn quote(&mut self, quote: &Quote) {
        for used in &quote.coupons {
            self.coupons.push(used.coupon.clone());
            self.campaigns.push(used.campaign.clone());
        }
        self.rules.extend(quote.subsidies().map(|(rule, _)| rule.clone()));
    }

    fn granted(&mut self, campaign: &CampaignId, buyers: &[UserId]) {
        let (campaign, buyers) = (campaign.clone(), buyers.to_vec());
        self.campaigns.push(campaign.clone());
        self.told.push(PromoChange::Granted { campaign, buyers });
    }
}

impl Shop {
    pub(in crate::shop) fn touch_promo(&self, event: &PromoEvent, touched: &mut TouchedPromo) {
        match event {
            PromoEvent::RulePut { rule, .. } => touched.rules.push(rule.clone()),
            PromoEvent::RuleEnded { rule, .. } => {
                touched.told.push(PromoChange::RuleEnded { rule: rule.clone() });
            }
            PromoEvent::StackingSet { .. } => touched.stacking = true,
            PromoEvent::CapabilitiesSet { .. } => touched.capabilities = true,
            PromoEvent::CampaignCreated(created) => {
                touched.campaigns.push(created.campaign.clone());
            }
            PromoEvent::CampaignAnnounced { campaign }
            | PromoEvent::CampaignOpened { campaign, .. }
            | PromoEvent::CampaignEnding { campaign, .. }
            | PromoEvent::CampaignEnded { campaign, .. }
            | PromoEvent::CampaignRevoked { campaign, .. } => {
                touched.campaigns.push(campaign.clone());
            }
            PromoEvent::CampaignPushed { .. } | PromoEvent::CampaignRemindersDue { .. } => {
                touched.told.extend(self.told_of(event));
            }
            PromoEvent::CouponsGranted { campaign, buyers, .. }
            | PromoEvent::TaskCompleted { campaign, buyers, .. } => {
                touched.granted(campaign, buyers);
            }
            PromoEvent::CouponClaimed(CouponClaimed { coupon, campaign, .. }) => {
                touched.coupons.push(coupon.clone());
                touched.campaigns.push(campaign.clone());
            }
            PromoEvent::CouponsLocked { coupons, .. } => {
                touched.coupons.extend(coupons.iter().cloned());
            }
            PromoEvent::CouponsExpired { campaign, coupons, .. }
            | PromoEvent::CouponsRevoked { campaign, coupons, .. } => {
                touched.coupons.extend(coupons.iter().cloned());
                touched.campaigns.push(campaign.clone());
            }
            PromoEvent::CampaignReminderSet { .. }
            | PromoEvent::CouponsArchived { .. }
            | PromoEvent::CampaignArchived { .. }
            | PromoEvent::DrawArchived { .. } => {}
            PromoEvent::WatchCheckpointed(written) => touched.rooms.push(written.room.clone()),
            PromoEvent::DrawStarted(DrawStarted { draw, .. })
            | PromoEvent::DrawClosed { draw, .. }
            | PromoEvent::PrizeClaimed { draw, .. } => touched.draws.push(draw.clone()),
            PromoEvent::DrawEntered { draw, buyer } => {
                let (draw, buyer) = (draw.clone(), buyer.clone());
                touched.draws.push(draw.clone());
                touched.told.push(PromoChange::Entered { draw, buyer });
            }
            PromoEvent::DrawRevealed { draw, winners, address_by, .. } => {
                touched.draws.push(draw.clone());
                let won = |buyer: &UserId| PromoChange::PrizeWon {
                    draw: draw.clone(),
                    buyer: buyer.clone(),
                    address_by: *address_by,
                };
                touched.told.extend(winners.iter().map(won));
            }
            PromoEvent::PrizePassedOn { draw, buyer, address_by } => {
                let (draw, buyer, address_by) = (draw.clone(), buyer.clone(), *address_by);
                touched.draws.push(draw.clone());
                touched.told.push(PromoChange::PrizeWon { draw, buyer, address_by });
            }
            PromoEvent::PrizeForfeited { draw, buyer, .. } => {
                let (draw, buyer) = (draw.clone(), buyer.clone());
                touched.draws.push(draw.clone());
                touched.told.push(PromoChange::PrizeLost { draw, buyer });
            }
        }
    }

    fn told_of(&self, event: &PromoEvent) -> Option<PromoChange> {
        if let PromoEvent::CampaignPushed { campaign, room, segment, .. } = event {
            let campaign = Box::new(self.campaign_view(campaign)?);
            let buyers = (!segment.is_empty()).then(|| self.segment_of(room, segment));
            return Some(PromoChange::Pushed { room: room.clone(), campaign, buyers });
        }
        if let PromoEvent::CampaignRemindersDue { campaign, .. } = event {
            let spec = &self.promo.campaigns.get(campaign)?.spec;
            let (text, opens_at) = (spec.reminder_text.clone(), spec.opens_at?);
            let buyers = self.campaign_reminders(campaign);
            let campaign = campaign.clone();
            return Some(PromoChange::CampaignReminder { campaign, text, opens_at, buyers });
        }
        None
    }

    /// The coupons that a buyer still has, after one of his holds was given up.
    pub(in crate::shop) fn touch_coupons_of(&self, buyer: &UserId, touched: &mut TouchedPromo) {
        let Some(row) = self.buyers.get(buyer) else { return };
        touched.coupons.extend(row.coupons.iter().cloned());
    }

    pub(in crate::shop) fn pool_drawn(&self, event: &Event) -> Option<Change> {
        let Event::PoolLost { sale, buyers, .. } = event else { return None };
        let (sale, losers) = (sale.clone(), buyers.clone());
        Some(Change::Promo(PromoChange::PoolDrawn { sale, losers }))
    }

    pub(in crate::shop) fn promo_changes(&self, touched: &TouchedPromo) -> Vec<Change> {
        let mut changes: Vec<PromoChange> = Vec::new();
        changes
            .extend(touched.stacking.then(|| PromoChange::Stacking(self.promo.stacking.clone())));
        let capabilities = PromoChange::Capabilities(self.promo.capabilities);
        changes.extend(touched.capabilities.then_some(capabilities));
        let rules = once(&touched.rules).filter_map(|id| self.rule_view(id));
        changes.extend(rules.map(PromoChange::Rule));
        let campaigns = once(&touched.campaigns).filter_map(|id| self.campaign_view(id));
        changes.extend(campaigns.map(|view| PromoChange::Campaign(Box::new(view))));
        let coupons = once(&touched.coupons).filter_map(|id| self.coupon_view(id));
        changes.extend(coupons.map(PromoChange::Coupon));
        let draws = once(&touched.draws).filter_map(|id| self.draw_view(id));
        changes.extend(draws.map(|view| PromoChange::Draw(Box::new(view))));
        for room in once(&touched.rooms) {
            let buyers = self.progress_in(room);
            let progress = PromoChange::Progress { room: room.clone(), buyers };
            changes.push(progress);
        }
        changes.extend(touched.told.iter().cloned());
        changes.into_iter().map(Change::Promo).collect()
    }

    /// The thing that a command of the promotions was about.
    pub(in crate::shop) fn result_of_promo(
        &self,
        command: &PromoCommand,
        events: &[Event],
    ) -> Option<Change> {
        let change = match command {
            PromoCommand::PutRule { rule, .. } => PromoChange::Rule(self.rule_view(rule)?),
            PromoCommand::EndRule { rule } => PromoChange::RuleEnded { rule: rule.clone() },
            PromoCommand::SetStacking { .. } => PromoChange::Stacking(self.promo.stacking.clone()),
            PromoCommand::SetCapabilities { .. } => {
                PromoChange::Capabilities(self.promo.capabilities)
            }
            PromoCommand::CreateCampaign { campaign, .. }
            | PromoCommand::AnnounceCampaign { campaign }
            | PromoCommand::OpenCampaign { campaign }
            | PromoCommand::EndCampaign { campaign }
            | PromoCommand::RevokeCampaign { campaign }
            | PromoCommand::PushCampaign { campaign, .. }
            | PromoCommand::Grant { campaign, .. } => {
                PromoChange::Campaign(Box::new(self.campaign_view(campaign)?))
            }
            PromoCommand::Claim { coupon, .. } => {
                let made = events.iter().find_map(|event| self.claimed_coupon(event));
                PromoChange::Coupon(made.or_else(|| self.coupon_view(coupon))?)
            }
            PromoCommand::RevokeCoupon { coupon } => PromoChange::Coupon(self.coupon_view(coupon)?),
            PromoCommand::StartDraw { draw, .. }
            | PromoCommand::RevealDraw { draw, .. }
            | PromoCommand::EnterDraw { draw }
            | PromoCommand::ClaimPrize { draw, .. } => {
                PromoChange::Draw(Box::new(self.draw_view(draw)?))
            }
            PromoCommand::Remind { .. } => return None,
        };
        Some(Change::Promo(change))
    }

    /// The coupon as its claim made it, so that a repetition hears the same.
    fn claimed_coupon(&self, event: &Event) -> Option<CouponView> {
        let Event::Promo(PromoEvent::CouponClaimed(claimed)) = event else { return None };
        Some(CouponView {
            coupon: claimed.coupon.clone(),
            campaign: claimed.campaign.clone(),
            buyer: claimed.buyer.clone(),
            state: CouponState::Claimed,
            worst_minor: claimed.worst_minor,
            currency: self.currency().clone(),
            expires_at: claimed.expires_at,
            version: 1,
        })
    }
}

/// Each key once, in order.
fn once<K: Ord>(keys: &[K]) -> impl Iterator<Item = &K> {
    keys.iter().collect::<BTreeSet<_>>().into_iter()
}
