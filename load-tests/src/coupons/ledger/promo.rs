//! What the events of the promotions do to the audit's books: campaigns, claims, tasks, what is
//! written down of watching.

use anyhow::Result;

use super::campaign::{Campaign, Coupon, Holder, Phase, State};
use super::entry::{Buyers, CampaignCreated, Checkpoint, Claimed, Coupons, Locked, OfCampaign};
use super::{CouponLedger, read};
use crate::audit::Event;

impl CouponLedger {
    pub(super) fn on_promo(&mut self, event: &Event<'_>) -> Result<()> {
        let (name, data) = event.named()?;
        let of = |data| read::<OfCampaign<'_>>(data).map(|of| of.campaign);
        match name {
            "campaign_created" => self.on_created(&read(data)?),
            "campaign_opened" => self.on_opened(event, of(data)?),
            "campaign_ending" => self.change_phase(of(data)?, Phase::Ending),
            "campaign_ended" => self.on_over(of(data)?, Phase::Over),
            "campaign_revoked" => self.on_over(of(data)?, Phase::Revoked),
            "campaign_pushed" => self.on_pushed(of(data)?),
            "coupons_granted" => self.on_granted(&read(data)?),
            "task_completed" => self.on_completed(&read(data)?),
            "coupon_claimed" => self.on_claimed(event, &read(data)?),
            "coupons_locked" => self.on_locked(event, &read(data)?),
            "coupons_expired" => self.turn_all(event, &read(data)?, &State::Expired),
            "coupons_revoked" => self.turn_all(event, &read(data)?, &State::Revoked),
            "watch_checkpointed" => self.on_checkpoint(event, &read(data)?, data.get().len())?,
            "draw_started" => self.watching.explain_early(event.version),
            _ => {}
        }
        Ok(())
    }

    fn on_created(&mut self, created: &CampaignCreated<'_>) {
        let campaign = Campaign::of(&created.spec);
        if self.campaigns.insert(created.campaign.to_owned(), campaign).is_some() {
            self.violations.add(|| format!("campaign {} was created twice", created.campaign));
        }
    }

    fn found(&mut self, campaign: &str) -> Option<&mut Campaign> {
        if !self.campaigns.contains_key(campaign) {
            self.violations.add(|| format!("campaign {campaign} was never created"));
        }
        self.campaigns.get_mut(campaign)
    }

    fn change_phase(&mut self, campaign: &str, phase: Phase) {
        if let Some(found) = self.found(campaign) {
            found.phase = phase;
        }
    }

    fn on_opened(&mut self, event: &Event<'_>, campaign: &str) {
        self.change_phase(campaign, Phase::Open);
        self.watching.explain_early(event.version);
        let Some(found) = self.campaigns.get(campaign) else { return };
        if let Some(needed_ms) = found.needed_ms {
            let rooms = found.rooms.clone();
            self.watching.on_opened((campaign, rooms), needed_ms, event.at);
        }
    }

    fn on_over(&mut self, campaign: &str, phase: Phase) {
        self.change_phase(campaign, phase);
        self.watching.on_over(campaign);
    }

    fn on_pushed(&mut self, campaign: &str) {
        self.totals.pushes += 1;
        let Some(found) = self.found(campaign) else { return };
        found.counts.pushes += 1;
        if found.phase != Phase::Open {
            self.violations.add(|| format!("{campaign} was pushed and is not open"));
        }
    }

    fn on_granted(&mut self, granted: &Buyers<'_>) {
        let Some(found) = self.found(granted.campaign) else { return };
        found.granted.extend(granted.buyers.iter().map(|buyer| (*buyer).to_owned()));
    }

    fn on_completed(&mut self, done: &Buyers<'_>) {
        let Buyers { campaign, due_at, .. } = *done;
        let Some(found) = self.found(campaign) else { return };
        let is_watched = found.needed_ms.is_some();
        let new = done.buyers.iter().filter(|buyer| found.completed.insert((**buyer).to_owned()));
        let new = u32::try_from(new.count()).unwrap_or(u32::MAX);
        found.counts.completed += new;
        self.totals.completed += u64::from(new);
        let at = due_at.unwrap_or(i64::MAX);
        if is_watched && !self.watching.can_be_done(campaign, at) {
            self.faults.progress_ahead += done.buyers.len() as u64;
            self.violations.add(|| format!("{campaign} was done at {at}, before anybody could be"));
        }
    }

    fn on_claimed(&mut self, event: &Event<'_>, claimed: &Claimed<'_>) {
        let Claimed { coupon, campaign, buyer, .. } = *claimed;
        self.totals.claimed += 1;
        if let (Some(user), Some(command)) = (event.user, event.command_id) {
            self.commands.made(user, command, coupon);
        }
        let made = Coupon {
            campaign: campaign.to_owned(),
            buyer: buyer.to_owned(),
            worst_minor: claimed.worst_minor,
            expires_at: claimed.expires_at,
            state: State::Claimed,
        };
        let Some(found) = self.found(campaign) else { return };
        let problem = found.on_claim(buyer, &made);
        found.counts.claimed += 1;
        found.enter(&made);
        let over_quota = found.counts.claimed > found.claims_total;
        let claims = found.claims_of.entry(buyer.to_owned()).or_default();
        *claims += 1;
        let (claims, limit) = (*claims, found.per_buyer);
        if let Some(problem) = problem {
            self.violations.add(|| format!("{coupon} of {buyer} from {campaign}: {problem}"));
        }
        if over_quota {
            self.faults.over_quota += 1;
            self.violations.add(|| format!("{campaign} gave one coupon too many: {coupon}"));
        }
        if claims > limit {
            self.faults.double_claims += 1;
            self.violations
                .add(|| format!("{buyer} has {claims} of {campaign}, more than {limit}"));
        }
        if self.coupons.insert(coupon.to_owned(), made).is_some() {
            self.faults.double_claims += 1;
            self.violations.add(|| format!("coupon {coupon} was made twice"));
        }
        self.check_budget(campaign, coupon);
    }

    fn on_locked(&mut self, event: &Event<'_>, locked: &Locked<'_>) {
        for coupon in &locked.coupons {
            let holder = Holder::Reservation(locked.reservation.to_owned());
            self.turn(coupon, State::Locked(holder), event.at);
        }
        let coupons = locked.coupons.iter().map(|coupon| (*coupon).to_owned()).collect();
        self.held.insert(locked.reservation.to_owned(), coupons);
    }

    fn turn_all(&mut self, event: &Event<'_>, coupons: &Coupons<'_>, to: &State) {
        for coupon in &coupons.coupons {
            self.turn(coupon, to.clone(), event.at);
        }
    }

    fn on_checkpoint(
        &mut self,
        event: &Event<'_>,
        written: &Checkpoint<'_>,
        bytes: usize,
    ) -> Result<()> {
        let wrong = self.watching.on_checkpoint(written, (event.version, event.at, bytes))?;
        self.faults.progress_ahead += wrong.len() as u64;
        wrong.into_iter().for_each(|said| self.violations.add(|| said));
        Ok(())
    }
}

impl Campaign {
    /// What is wrong with a claim, beside counts and money.
    fn on_claim(&self, buyer: &str, made: &Coupon) -> Option<&'static str> {
        let may = !self.has_task || self.completed.contains(buyer);
        match self.phase {
            Phase::Open | Phase::Ending if made.worst_minor != self.worst_minor => {
                Some("another worst case than the campaign's")
            }
            Phase::Open | Phase::Ending if !may && !self.granted.contains(buyer) => {
                Some("its task was not done")
            }
            Phase::Open | Phase::Ending => None,
            Phase::Planned | Phase::Over | Phase::Revoked => Some("it took no claims"),
        }
    }
}
