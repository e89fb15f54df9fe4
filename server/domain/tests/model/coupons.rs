//! The rules of coupons as one would write them in an afternoon: lists that are walked, sums that
//! are made anew each time. Owns no index and no shortcut, so that it is wrong elsewhere.

use hawker_domain::Command;
use hawker_domain::command::{
    Basket, CampaignSpec, CouponChoice, CouponKind, OrderCommand, PromoCommand, RefundRequest,
    RefundStage, Task, Validity,
};
use hawker_domain::id::{CampaignId, CouponId, OrderId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use crate::coupon_script::PRICE;

pub(crate) type Outcome = Result<(), &'static str>;

const UNPAID_WINDOW: SpanMs = SpanMs::minutes(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Claimed,
    Locked,
    Used(u64),
    Expired,
    Revoked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Draft,
    Open,
    Ended,
    Revoked,
}

#[derive(Debug)]
pub(crate) struct Campaign {
    pub(crate) id: CampaignId,
    pub(crate) budget: u64,
    spec: CampaignSpec,
    phase: Phase,
    given: Vec<UserId>,
    completed: Vec<UserId>,
}

#[derive(Debug)]
pub(crate) struct Coupon {
    pub(crate) id: CouponId,
    pub(crate) state: State,
    campaign: CampaignId,
    buyer: UserId,
    worst: u64,
    expires_at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paying {
    Unpaid,
    Paid,
    Cancelled,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) refunded_minor: u64,
    buyer: UserId,
    quantity: u32,
    coupon: Option<(CouponId, u64)>,
    state: Paying,
    pay_by: Millis,
    refunded_units: u32,
    all_before_shipment: bool,
}

impl Order {
    pub(crate) fn total(&self) -> u64 {
        PRICE * u64::from(self.quantity) - self.off()
    }

    fn off(&self) -> u64 {
        self.coupon.as_ref().map_or(0, |(_, off)| *off)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Naive {
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) coupons: Vec<Coupon>,
    pub(crate) orders: Vec<Order>,
}

impl Naive {
    pub(crate) fn elapse(&mut self, now: Millis) {
        for campaign in &mut self.campaigns {
            let due = campaign.spec.opens_at.is_some_and(|at| at <= now);
            if campaign.phase == Phase::Draft && due {
                campaign.phase = Phase::Open;
            }
        }
        self.expire(now);
        for index in 0..self.orders.len() {
            if self.orders[index].state == Paying::Unpaid && self.orders[index].pay_by <= now {
                self.cancel(index, now);
            }
        }
        self.expire(now);
    }

    fn expire(&mut self, now: Millis) {
        for index in 0..self.coupons.len() {
            if self.coupons[index].state == State::Claimed {
                self.coupons[index].state = self.free_state(index, now);
            }
        }
    }

    /// What an unlocked coupon is.
    fn free_state(&self, index: usize, now: Millis) -> State {
        let coupon = &self.coupons[index];
        if self.campaign_of(coupon).phase == Phase::Revoked {
            State::Revoked
        } else if now >= coupon.expires_at {
            State::Expired
        } else {
            State::Claimed
        }
    }

    fn campaign_of(&self, coupon: &Coupon) -> &Campaign {
        self.campaigns.iter().find(|campaign| campaign.id == coupon.campaign).expect("a campaign")
    }

    /// Spent, locked, the worst case of what is claimed, and how many were claimed.
    pub(crate) fn money(&self, campaign: &Campaign) -> (u64, u64, u64, u32) {
        let (mut spent, mut locked, mut claimed, mut claims) = (0, 0, 0, 0);
        for coupon in self.coupons.iter().filter(|coupon| coupon.campaign == campaign.id) {
            claims += 1;
            match coupon.state {
                State::Claimed => claimed += coupon.worst,
                State::Locked => locked += coupon.worst,
                State::Used(minor) => spent += minor,
                State::Expired | State::Revoked => {}
            }
        }
        (spent, locked, claimed, claims)
    }

    pub(crate) fn execute(&mut self, user: &UserId, command: &Command, now: Millis) -> Outcome {
        match command {
            Command::Promo(command) => self.promo(user, command, now),
            Command::Order(command) => self.order(user, command, now),
            Command::Shop(_) => Ok(()),
            Command::Room(_) | Command::Sale(_) | Command::Chat(_) | Command::Desk(_) => {
                unreachable!("nobody asks that here")
            }
        }
    }

    fn index_of(&self, id: &CampaignId) -> Result<usize, &'static str> {
        let found = self.campaigns.iter().position(|campaign| campaign.id == *id);
        found.ok_or("campaign_unknown")
    }

    fn promo(&mut self, user: &UserId, command: &PromoCommand, now: Millis) -> Outcome {
        match command {
            PromoCommand::CreateCampaign { campaign, spec } => {
                self.campaigns.push(Campaign {
                    id: campaign.clone(),
                    budget: spec.budget_minor.0,
                    spec: spec.clone(),
                    phase: Phase::Draft,
                    given: Vec::new(),
                    completed: Vec::new(),
                });
                Ok(())
            }
            PromoCommand::OpenCampaign { campaign } => {
                let index = self.index_of(campaign)?;
                if self.campaigns[index].phase != Phase::Draft {
                    return Err("campaign_not_ready");
                }
                self.campaigns[index].phase = Phase::Open;
                Ok(())
            }
            PromoCommand::EndCampaign { campaign } => {
                let index = self.index_of(campaign)?;
                if matches!(self.campaigns[index].phase, Phase::Ended | Phase::Revoked) {
                    return Err("campaign_not_ready");
                }
                self.campaigns[index].phase = Phase::Ended;
                Ok(())
            }
            PromoCommand::RevokeCampaign { campaign } => {
                let index = self.index_of(campaign)?;
                self.campaigns[index].phase = Phase::Revoked;
                Ok(())
            }
            PromoCommand::Grant { campaign, buyers } => {
                let index = self.index_of(campaign)?;
                if matches!(self.campaigns[index].phase, Phase::Ended | Phase::Revoked) {
                    return Err("campaign_ended");
                }
                self.campaigns[index].given.extend(buyers.iter().cloned());
                Ok(())
            }
            PromoCommand::RevokeCoupon { coupon } => {
                let index = self.coupons.iter().position(|found| found.id == *coupon);
                let index = index.ok_or("coupon_unknown")?;
                if self.coupons[index].state == State::Revoked {
                    return Ok(());
                }
                self.usable(index, now)?;
                self.coupons[index].state = State::Revoked;
                Ok(())
            }
            PromoCommand::Claim { campaign, coupon, .. } => self.claim(user, campaign, coupon, now),
            other => unreachable!("nobody asks {other:?} here"),
        }
    }

    fn claim(
        &mut self,
        user: &UserId,
        campaign: &CampaignId,
        coupon: &CouponId,
        now: Millis,
    ) -> Outcome {
        let campaign = &self.campaigns[self.index_of(campaign)?];
        match campaign.phase {
            Phase::Draft => return Err("too_early"),
            Phase::Ended | Phase::Revoked => return Err("campaign_ended"),
            Phase::Open => {}
        }
        let own = self.coupons.iter().filter(|held| held.campaign == campaign.id);
        let of_buyer = own.clone().filter(|held| held.buyer == *user).count();
        if of_buyer >= campaign.spec.per_buyer as usize {
            return Err("coupon_limit");
        }
        let done = campaign.spec.task == Task::None || campaign.completed.contains(user);
        if !campaign.given.contains(user) && !done {
            return Err("task_open");
        }
        if own.count() >= campaign.spec.claims_total as usize {
            return Err("coupons_gone");
        }
        let worst = campaign.spec.max_discount_minor.expect("a worst case").0;
        let (spent, locked, claimed, _) = self.money(campaign);
        if spent + locked + claimed + worst > campaign.budget {
            return Err("budget_spent");
        }
        let Validity::For(valid_ms) = campaign.spec.validity else { unreachable!("a span") };
        self.coupons.push(Coupon {
            id: coupon.clone(),
            state: State::Claimed,
            campaign: campaign.id.clone(),
            buyer: user.clone(),
            worst,
            expires_at: now + valid_ms,
        });
        Ok(())
    }

    fn usable(&self, index: usize, now: Millis) -> Outcome {
        let claimed = self.coupons[index].state == State::Claimed;
        let free = claimed && self.free_state(index, now) == State::Claimed;
        if free { Ok(()) } else { Err("coupon_not_usable") }
    }

    fn discount(&self, index: usize, quantity: u32) -> u64 {
        let coupon = &self.coupons[index];
        let spec = &self.campaign_of(coupon).spec;
        let base = PRICE * u64::from(quantity);
        let tier = spec.tiers[0];
        if base < tier.min_spend_minor.0 {
            return 0;
        }
        let off = match spec.kind {
            CouponKind::Amount => tier.value,
            CouponKind::Percent => base * tier.value / 10_000,
            CouponKind::FixedPrice | CouponKind::FreeShipping => unreachable!("not here"),
        };
        off.min(base).min(coupon.worst)
    }

    /// The coupon that an order of so many takes; `own` is locked by it already.
    fn chosen(
        &self,
        (user, quantity): (&UserId, u32),
        choice: &CouponChoice,
        own: Option<&CouponId>,
        now: Millis,
    ) -> Result<Option<(CouponId, u64)>, &'static str> {
        let free =
            |index: usize| self.usable(index, now).is_ok() || own == Some(&self.coupons[index].id);
        if let CouponChoice::These(ids) = choice {
            let Some(id) = ids.first() else { return Ok(None) };
            let found = self.coupons.iter().position(|held| held.id == *id && held.buyer == *user);
            let index = found.ok_or("coupon_unknown")?;
            if !free(index) {
                return Err("coupon_not_usable");
            }
            let off = self.discount(index, quantity);
            return if off == 0 {
                Err("coupon_not_applicable")
            } else {
                Ok(Some((id.clone(), off)))
            };
        }
        let mut best: Option<(u64, Millis, CouponId)> = None;
        for (index, coupon) in self.coupons.iter().enumerate() {
            let off = self.discount(index, quantity);
            if coupon.buyer != *user || !free(index) || off == 0 {
                continue;
            }
            let better = best.as_ref().is_none_or(|(most, ends, id)| {
                off > *most || (off == *most && (coupon.expires_at, &coupon.id) < (*ends, id))
            });
            if better {
                best = Some((off, coupon.expires_at, coupon.id.clone()));
            }
        }
        Ok(best.map(|(off, _, id)| (id, off)))
    }

    fn set(&mut self, id: &CouponId, state: State) {
        let coupon = self.coupons.iter_mut().find(|coupon| coupon.id == *id);
        coupon.expect("a coupon").state = state;
    }

    fn unlock(&mut self, coupon: Option<&(CouponId, u64)>, now: Millis) {
        let Some((id, _)) = coupon else { return };
        let index = self.coupons.iter().position(|coupon| coupon.id == *id).expect("a coupon");
        self.coupons[index].state = self.free_state(index, now);
    }

    fn cancel(&mut self, index: usize, now: Millis) {
        self.orders[index].state = Paying::Cancelled;
        let coupon = self.orders[index].coupon.clone();
        self.unlock(coupon.as_ref(), now);
    }

    fn order(&mut self, user: &UserId, command: &OrderCommand, now: Millis) -> Outcome {
        let place = |id: &OrderId, orders: &[Order]| orders.iter().position(|it| it.id == *id);
        match command {
            OrderCommand::Place { order, basket, coupons, .. } => {
                let Basket::Lines(lines) = basket else { unreachable!("goods") };
                let quantity = lines[0].quantity;
                let coupon = self.chosen((user, quantity), coupons, None, now)?;
                if let Some((id, _)) = &coupon {
                    self.set(id, State::Locked);
                }
                self.orders.push(Order {
                    id: order.clone(),
                    refunded_minor: 0,
                    buyer: user.clone(),
                    quantity,
                    coupon,
                    state: Paying::Unpaid,
                    pay_by: now + UNPAID_WINDOW,
                    refunded_units: 0,
                    all_before_shipment: true,
                });
                Ok(())
            }
            OrderCommand::ChangeCoupons { order, coupons } => {
                let index = place(order, &self.orders).ok_or("order_unknown")?;
                self.change(user, index, coupons, now)
            }
            OrderCommand::Cancel { order, .. } => {
                let index = place(order, &self.orders).ok_or("order_unknown")?;
                if self.orders[index].state != Paying::Unpaid {
                    return Err("order_not_ready");
                }
                self.cancel(index, now);
                Ok(())
            }
            OrderCommand::RecordPayment { order, .. } => {
                let index = place(order, &self.orders).ok_or("payment_unmatched")?;
                self.pay(index, now);
                Ok(())
            }
            OrderCommand::Refund { order, request, .. } => {
                let index = place(order, &self.orders).ok_or("order_unknown")?;
                self.refund(index, request, now)
            }
            OrderCommand::BeginPayment { .. } => unreachable!("nobody asks that here"),
        }
    }

    fn change(
        &mut self,
        user: &UserId,
        index: usize,
        choice: &CouponChoice,
        now: Millis,
    ) -> Outcome {
        let order = &self.orders[index];
        if order.state != Paying::Unpaid {
            return Err("order_not_ready");
        }
        let before = order.coupon.clone();
        let own = before.as_ref().map(|(id, _)| id);
        let after = self.chosen((user, order.quantity), choice, own, now)?;
        if own != after.as_ref().map(|(id, _)| id) {
            self.unlock(before.as_ref(), now);
        }
        if let Some((id, _)) = &after {
            self.set(id, State::Locked);
        }
        self.orders[index].coupon = after;
        Ok(())
    }

    /// Money that comes too late or twice is owed back: nothing of coupons moves.
    fn pay(&mut self, index: usize, now: Millis) {
        let coupon = self.orders[index].coupon.clone();
        match self.orders[index].state {
            Paying::Paid => return,
            Paying::Unpaid => {}
            Paying::Cancelled => {
                let again = coupon.as_ref().is_none_or(|(id, off)| {
                    let found = self.coupons.iter().position(|held| held.id == *id);
                    let found = found.expect("a coupon");
                    self.usable(found, now).is_ok() && self.coupons[found].worst >= *off
                });
                if !again {
                    return;
                }
            }
        }
        self.orders[index].state = Paying::Paid;
        if let Some((id, off)) = &coupon {
            self.set(id, State::Used(*off));
        }
        let buyer = self.orders[index].buyer.clone();
        for campaign in &mut self.campaigns {
            if campaign.phase == Phase::Open && campaign.spec.task == Task::Purchase {
                campaign.completed.push(buyer.clone());
            }
        }
    }

    fn refund(&mut self, index: usize, request: &RefundRequest, now: Millis) -> Outcome {
        let order = &mut self.orders[index];
        if order.state != Paying::Paid {
            return Err("order_not_ready");
        }
        let units = request.units[0].1;
        if units > order.quantity - order.refunded_units {
            return Err("refund_too_large");
        }
        let (off, quantity) = (order.off(), u64::from(order.quantity));
        let up_to = |unit: u32| off * u64::from(unit) / quantity;
        let to = order.refunded_units + units;
        let share = up_to(to) - up_to(order.refunded_units);
        order.refunded_minor += PRICE * u64::from(units) - share;
        order.refunded_units = to;
        order.all_before_shipment &= request.stage == RefundStage::BeforeShipment;
        let undone = order.all_before_shipment && to == order.quantity;
        let Some((id, _)) = order.coupon.clone() else { return Ok(()) };
        let found = self.coupons.iter().position(|held| held.id == id).expect("a coupon");
        let State::Used(spent) = self.coupons[found].state else { return Ok(()) };
        self.coupons[found].state = State::Used(spent - share);
        if undone && self.free_state(found, now) == State::Claimed {
            self.give_back(found);
        }
        Ok(())
    }

    /// A returned coupon keeps what the budget still has for it.
    fn give_back(&mut self, index: usize) {
        self.coupons[index].state = State::Used(0);
        let campaign = self.campaign_of(&self.coupons[index]);
        let (spent, locked, claimed, _) = self.money(campaign);
        let left = campaign.budget - spent - locked - claimed;
        let coupon = &mut self.coupons[index];
        coupon.worst = coupon.worst.min(left);
        coupon.state = State::Claimed;
    }
}
