//! Brings events of the promotions into the state: one arm an event. Never refuses, since what it
//! is told happened.

use super::campaign::Phase;
use crate::event::PromoEvent;
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::promo::CouponState;

impl Shop {
    pub(in crate::shop) fn apply_promo(&mut self, event: &PromoEvent, at: Millis) {
        self.promo.last_at = at;
        self.bring_in(event, at);
    }

    fn bring_in(&mut self, event: &PromoEvent, at: Millis) {
        match event {
            PromoEvent::RulePut { rule, spec, .. } => self.on_rule_put(rule, spec),
            PromoEvent::RuleEnded { rule, .. } => {
                self.promo.rules.remove(rule);
            }
            PromoEvent::StackingSet { stacking, .. } => self.promo.stacking = stacking.clone(),
            PromoEvent::CapabilitiesSet { capabilities, .. } => {
                self.promo.capabilities = *capabilities;
            }

            PromoEvent::CampaignCreated(created) => self.on_campaign_created(created),
            PromoEvent::CampaignAnnounced { campaign } => {
                self.change_campaign(campaign, |campaign| campaign.phase = Phase::Announced);
            }
            PromoEvent::CampaignOpened { campaign, .. } => {
                self.on_campaign_opened(campaign, at);
            }
            PromoEvent::CampaignEnding { campaign, closes_at } => {
                self.on_campaign_ending(campaign, *closes_at, at);
            }
            PromoEvent::CampaignEnded { campaign, .. } => {
                self.close_campaign(campaign, Phase::Ended, at);
            }
            PromoEvent::CampaignRevoked { campaign, .. } => {
                self.close_campaign(campaign, Phase::Revoked, at);
            }
            PromoEvent::CampaignPushed { campaign, .. } => {
                self.change_campaign(campaign, |campaign| campaign.counts.pushes += 1);
            }
            PromoEvent::CampaignReminderSet { campaign, buyer } => {
                self.change_campaign(campaign, |found| found.reminders.insert(buyer.clone()));
                self.buyers.entry(buyer.clone()).campaign_reminders.insert(campaign.clone());
            }
            PromoEvent::CampaignRemindersDue { campaign, .. } => {
                self.change_campaign(campaign, |campaign| campaign.reminded = true);
            }
            PromoEvent::CouponsGranted { campaign, buyers, .. } => {
                self.change_campaign(campaign, |campaign| {
                    for buyer in buyers {
                        if campaign.given.insert(buyer.clone(), ()).is_none() {
                            campaign.counts.granted += 1;
                        }
                    }
                });
            }
            PromoEvent::TaskCompleted { campaign, buyers, .. } => {
                self.on_task_completed(campaign, buyers);
                self.watch_tasks_done(campaign, buyers);
            }
            PromoEvent::CouponClaimed(claimed) => self.on_coupon_claimed(claimed),
            PromoEvent::CouponsLocked { reservation, coupons } => {
                self.on_coupons_locked(reservation, coupons, at);
            }
            PromoEvent::CouponsExpired { coupons, .. } => {
                coupons.iter().for_each(|id| self.turn_coupon(id, CouponState::Expired, at));
            }
            PromoEvent::CouponsRevoked { coupons, .. } => {
                coupons.iter().for_each(|id| self.turn_coupon(id, CouponState::Revoked, at));
            }
            PromoEvent::CouponsArchived { campaign, coupons, .. } => {
                self.on_coupons_archived(campaign, coupons);
            }
            PromoEvent::CampaignArchived { campaign, .. } => {
                self.on_campaign_archived(campaign);
            }

            PromoEvent::WatchCheckpointed(written) => self.on_watch_checkpointed(written, at),

            PromoEvent::DrawStarted(started) => self.on_draw_started(started, at),
            PromoEvent::DrawEntered { draw, buyer } => self.on_draw_entered(draw, buyer),
            PromoEvent::DrawClosed { draw, eligible, .. } => {
                self.on_draw_closed(draw, eligible, at);
            }
            PromoEvent::DrawRevealed { draw, seed, winners, passed_over, address_by } => {
                self.on_draw_revealed(draw, seed, (winners, passed_over), *address_by, at);
            }
            PromoEvent::PrizeClaimed { draw, buyer, .. } => self.on_prize_claimed(draw, buyer, at),
            PromoEvent::PrizeForfeited { draw, buyer, .. } => {
                self.on_prize_forfeited(draw, buyer, at);
            }
            PromoEvent::PrizePassedOn { draw, buyer, address_by } => {
                self.on_prize_passed_on(draw, buyer, *address_by, at);
            }
            PromoEvent::DrawArchived { draw, .. } => self.on_draw_archived(draw),
        }
    }
}
