//! Campaigns, coupons and rules as others may see them. Plain copies; decides nothing.

use super::campaign::Phase;
use crate::command::{Capabilities, Stacking};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, PromoEvent};
use crate::id::{CampaignId, CouponId, RuleId, UserId};
use crate::shop::order::json;
use crate::shop::{Accepted, Shop};
use crate::view::promo::{CampaignView, CouponView, PromoBuyerView, RuleView};

impl Shop {
    pub fn rule_view(&self, id: &RuleId) -> Option<RuleView> {
        let rule = self.promo.rules.get(id)?;
        Some(RuleView {
            rule: id.clone(),
            spec: rule.spec.clone(),
            spent_minor: rule.spent_minor,
            currency: self.currency().clone(),
            version: rule.version,
        })
    }

    /// Which discounts do not meet.
    pub fn stacking(&self) -> &Stacking {
        &self.promo.stacking
    }

    /// What the platform lets the shop do.
    pub fn capabilities(&self) -> Capabilities {
        self.promo.capabilities
    }

    /// Every price rule, by id.
    pub fn rules(&self) -> Vec<RuleView> {
        self.promo.rules.keys().filter_map(|id| self.rule_view(id)).collect()
    }

    pub fn campaign_view(&self, id: &CampaignId) -> Option<CampaignView> {
        let campaign = self.promo.campaigns.get(id)?;
        Some(CampaignView {
            campaign: id.clone(),
            spec: campaign.spec.clone(),
            state: campaign.state(),
            opens_at: campaign.spec.opens_at,
            closes_at: campaign.closes_at().or(campaign.closed_at),
            currency: self.currency().clone(),
            counts: campaign.counts,
            money: campaign.money,
            version: campaign.version,
        })
    }

    /// Every campaign that is in memory, by id.
    pub fn campaigns(&self) -> Vec<CampaignView> {
        self.promo.campaigns.keys().filter_map(|id| self.campaign_view(id)).collect()
    }

    pub fn coupon_view(&self, id: &CouponId) -> Option<CouponView> {
        let coupon = self.promo.coupons.get(id)?;
        Some(CouponView {
            coupon: id.clone(),
            campaign: coupon.campaign.clone(),
            buyer: coupon.buyer.clone(),
            state: coupon.state.clone(),
            worst_minor: coupon.worst_minor,
            currency: self.currency().clone(),
            expires_at: coupon.expires_at,
            version: coupon.version,
        })
    }

    /// What a buyer has of coupons and tasks.
    pub fn promo_buyer_view(&self, buyer: &UserId) -> PromoBuyerView {
        let row = self.buyers.get(buyer);
        let coupons = row.into_iter().flat_map(|row| row.coupons.iter());
        let mut view = PromoBuyerView {
            coupons: coupons.filter_map(|id| self.coupon_view(id)).collect(),
            reminders: row.into_iter().flat_map(|row| &row.campaign_reminders).cloned().collect(),
            pooled: self.pooled_of(buyer),
            entered: self.draws_of(buyer),
            ..PromoBuyerView::default()
        };
        for (id, campaign) in &self.promo.campaigns {
            if !matches!(campaign.phase, Phase::Open | Phase::Ending { .. }) {
                continue;
            }
            if campaign.given.contains(buyer) || campaign.completed.contains(buyer) {
                view.granted.push(id.clone());
            }
            view.progress.extend(self.progress_view(id, campaign, buyer));
        }
        view
    }

    pub(super) fn campaign_reminders(&self, id: &CampaignId) -> Vec<UserId> {
        let campaign = self.promo.campaigns.get(id);
        campaign.map(|found| found.reminders.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn on_campaign_archived(&mut self, id: &CampaignId) {
        let Some(campaign) = self.promo.campaigns.remove(id) else { return };
        for (at, item) in campaign.dues(id) {
            self.due.remove(at, item);
        }
    }

    /// A campaign and a draw are written down as they last were before they go.
    pub(in crate::shop) fn document_of_promo(&self, event: &Event) -> Option<DocumentWrite> {
        let Event::Promo(event) = event else { return None };
        if let PromoEvent::CampaignArchived { campaign, .. } = event {
            let value = json(&self.campaign_view(campaign)?);
            return Some(DocumentWrite::Put { key: document::campaign_key(campaign), value });
        }
        if let PromoEvent::DrawArchived { draw, .. } = event {
            let value = json(&self.draw_view(draw)?);
            return Some(DocumentWrite::Put { key: document::draw_key(draw), value });
        }
        None
    }

    /// A draw's published data stands in its document from the reveal on.
    pub(in crate::shop) fn write_draw_documents(&self, accepted: &mut Accepted) {
        let mut documents = Vec::new();
        for event in &accepted.events {
            let Event::Promo(PromoEvent::DrawRevealed { draw, .. }) = event else { continue };
            let Some(view) = self.draw_view(draw) else { continue };
            let key = document::draw_key(draw);
            documents.push(DocumentWrite::Put { key, value: json(&view) });
        }
        accepted.documents.extend(documents);
    }
}
