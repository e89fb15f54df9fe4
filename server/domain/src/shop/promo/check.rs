//! What must hold of campaigns and coupons after every command, recounted from the coupons
//! themselves. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::campaign::Campaign;
use crate::id::{CampaignId, CouponId, UserId};
use crate::money::Minor;
use crate::shop::Shop;
use crate::shop::invariant::ensure;
use crate::time::Millis;
use crate::view::promo::{CampaignMoney, CouponHolder, CouponState};

/// What the coupons of one campaign say.
#[derive(Default)]
struct Counted {
    money: CampaignMoney,
    claimed: BTreeSet<(Millis, CouponId)>,
    finished: BTreeSet<(Millis, CouponId)>,
    locked: u32,
}

impl Shop {
    pub(in crate::shop) fn check_promo(&self) -> Result<(), String> {
        let mut counted: BTreeMap<&CampaignId, Counted> = BTreeMap::new();
        for (id, coupon) in self.promo.coupons.sorted() {
            let counts = counted.entry(&coupon.campaign).or_default();
            match &coupon.state {
                CouponState::Claimed => {
                    counts.money.claimed_minor =
                        counts.money.claimed_minor.plus(coupon.worst_minor);
                    counts.claimed.insert((coupon.expires_at, id.clone()));
                }
                CouponState::Locked { by } => {
                    counts.money.locked_minor = counts.money.locked_minor.plus(coupon.worst_minor);
                    counts.locked += 1;
                    self.check_holder(id, by)?;
                }
                CouponState::Used { spent_minor, .. } => {
                    counts.money.spent_minor = counts.money.spent_minor.plus(*spent_minor);
                }
                CouponState::Expired | CouponState::Revoked => {}
            }
            let done = coupon.finished_at;
            ensure(done.is_none() == coupon.is_live(), || format!("coupon {id} ends and lives"))?;
            counts.finished.extend(done.map(|at| (at, id.clone())));
        }
        for (id, campaign) in &self.promo.campaigns {
            let counted = counted.remove(id).unwrap_or_default();
            check_campaign(campaign, &counted)
                .map_err(|problem| format!("campaign {id}: {problem}"))?;
        }
        ensure(counted.is_empty(), || "a coupon is of no campaign".to_owned())?;
        self.check_held()
    }

    fn check_holder(&self, id: &CouponId, by: &CouponHolder) -> Result<(), String> {
        let holds = match by {
            CouponHolder::Reservation(reservation) => {
                let held = self.promo.held.get(reservation);
                held.is_some_and(|coupons| coupons.contains(id))
            }
            CouponHolder::Order(order) => {
                let order = self.orders.get(order).filter(|order| order.is_open());
                let quote = order.and_then(|order| order.quote.as_ref());
                quote.is_some_and(|quote| quote.coupons.iter().any(|used| used.coupon == *id))
            }
        };
        ensure(holds, || format!("coupon {id} is locked by {by:?}, which does not know it"))
    }

    fn check_held(&self) -> Result<(), String> {
        for (id, coupons) in self.promo.held.sorted() {
            let active = self.reservations.get(id).is_some_and(|held| held.is_active());
            ensure(active, || format!("{coupons:?} are held by {id}, which is over"))?;
            for coupon in coupons {
                let by = CouponHolder::Reservation(id.clone());
                let row = self.promo.coupons.get(coupon);
                let locked = row.is_some_and(|row| row.state == CouponState::Locked { by });
                ensure(locked, || format!("coupon {coupon} is not locked by {id}"))?;
            }
        }
        Ok(())
    }

    /// What of the promotions each buyer's row must list.
    pub(in crate::shop) fn promo_rows(&self) -> BTreeMap<&UserId, PromoRow<'_>> {
        let mut rows: BTreeMap<&UserId, PromoRow<'_>> = BTreeMap::new();
        for (id, coupon) in self.promo.coupons.sorted() {
            if coupon.is_live() {
                rows.entry(&coupon.buyer).or_default().coupons.insert(id);
            }
        }
        for (id, campaign) in &self.promo.campaigns {
            for buyer in &campaign.reminders {
                rows.entry(buyer).or_default().reminders.insert(id);
            }
        }
        rows
    }
}

#[derive(Debug, Default, PartialEq)]
pub(in crate::shop) struct PromoRow<'a> {
    pub(in crate::shop) coupons: BTreeSet<&'a CouponId>,
    pub(in crate::shop) reminders: BTreeSet<&'a CampaignId>,
}

fn check_campaign(campaign: &Campaign, counted: &Counted) -> Result<(), String> {
    let spent = counted.money.spent_minor.plus(campaign.archived_minor);
    let money = CampaignMoney { spent_minor: spent, ..counted.money };
    ensure(campaign.money == money, || format!("{:?}, counted {money:?}", campaign.money))?;
    let budget = campaign.spec.budget_minor;
    ensure(money.taken() <= budget, || format!("{money:?} is above the budget {budget:?}"))?;
    let claims = campaign.counts.claimed;
    ensure(claims <= campaign.spec.claims_total, || format!("{claims} claims are too many"))?;
    let of_buyers: u32 = campaign.claims_of.sorted().into_iter().map(|(_, claimed)| *claimed).sum();
    ensure(of_buyers == claims, || format!("{claims} claims, buyers have {of_buyers}"))?;
    let lists = (&campaign.claimed, &campaign.finished, campaign.locked);
    let found = (&counted.claimed, &counted.finished, counted.locked);
    ensure(lists == found, || format!("lists {lists:?}, counted {found:?}"))?;
    let worst = campaign.worst_minor();
    ensure(worst > Minor(0), || "its coupons cost nothing".to_owned())
}
