//! Price rules that need no coupon, the stacking matrix and what the platform allows. Owns which
//! rules apply to a cart at a time; the arithmetic is `price`'s.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{invalid, yes};
use crate::command::{Actor, Capabilities, RuleKind, RuleSpec, Scope, StackClass, Stacking};
use crate::event::PromoEvent;
use crate::id::{RoomId, RuleId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::flash_sale::scope_has;
use crate::shop::price::{Because, Benefit, Candidate, Funder, PriceSource, Subsidy, percent};
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::RoomState;

/// A cart looks at each of them.
const RULES_MAX: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::shop) struct Rule {
    pub(in crate::shop) spec: RuleSpec,
    /// Platform money in orders that are not cancelled.
    pub(in crate::shop) spent_minor: Minor,
    /// Units that each buyer has had subsidised.
    pub(in crate::shop) units: Lookup<UserId, u32>,
    pub(in crate::shop) version: u64,
}

impl Rule {
    fn runs(&self, now: Millis) -> bool {
        self.spec.starts_at.is_none_or(|starts_at| now >= starts_at)
            && self.spec.ends_at.is_none_or(|ends_at| now < ends_at)
    }

    /// The price of a unit, where the rule makes one. `units` are those of its goods in the cart.
    fn price(&self, list_minor: Minor, units: u64) -> Option<(PriceSource, Minor)> {
        let off = |bps| list_minor.less(percent(list_minor, bps));
        match self.spec.kind {
            RuleKind::ProductDiscount { off_bps } => {
                Some((PriceSource::ProductDiscount, off(off_bps)))
            }
            RuleKind::FlashPrice { price_minor } => Some((PriceSource::Flash, price_minor)),
            RuleKind::CampaignPrice { price_minor } => Some((PriceSource::Campaign, price_minor)),
            RuleKind::CreatorFlash { price_minor } => {
                Some((PriceSource::CreatorFlash, price_minor))
            }
            RuleKind::LiveFixed { price_minor } => Some((PriceSource::LiveFixed, price_minor)),
            RuleKind::ItemsDiscount { units_min, off_bps } => {
                (units >= u64::from(units_min)).then(|| (PriceSource::ItemsDiscount, off(off_bps)))
            }
            RuleKind::Subsidy { .. } | RuleKind::FreeShipping { .. } => None,
        }
    }
}

impl Shop {
    pub(super) fn decide_rule(
        &self,
        actor: &Actor,
        rule: &RuleId,
        spec: &RuleSpec,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let known = self.promo.rules.get(rule);
        if known.is_none() && self.promo.rules.len() >= RULES_MAX {
            return Err(invalid("rule", "is one too many: end another first"));
        }
        if let Some(known) = known {
            super::spec::check_money(actor, funder_of(&known.spec.kind))?;
        }
        let spec = self.rule_from(actor, spec, now)?;
        if known.is_some_and(|known| known.spec == spec) {
            return Ok(Accepted::default());
        }
        let (rule, by) = (rule.clone(), actor.user.clone());
        Ok(yes(PromoEvent::RulePut { rule, spec, by }))
    }

    pub(super) fn decide_rule_end(
        &self,
        actor: &Actor,
        rule: &RuleId,
    ) -> Result<Accepted, Rejection> {
        let known = self.promo.rules.get(rule).ok_or(Rejection::RuleUnknown)?;
        super::spec::check_money(actor, funder_of(&known.spec.kind))?;
        Ok(yes(PromoEvent::RuleEnded { rule: rule.clone(), by: actor.user.clone() }))
    }

    pub(super) fn decide_stacking(
        &self,
        actor: &Actor,
        forbidden: &BTreeSet<(StackClass, StackClass)>,
    ) -> Result<Accepted, Rejection> {
        let sorted = forbidden.iter().map(|(one, other)| (*one.min(other), *one.max(other)));
        let forbidden: BTreeSet<_> = sorted.collect();
        if forbidden.iter().any(|(one, other)| one == other) {
            return Err(invalid("forbidden", "must be pairs of two classes"));
        }
        if forbidden == self.promo.stacking.forbidden {
            return Ok(Accepted::default());
        }
        let stacking = Stacking { version: self.promo.stacking.version + 1, forbidden };
        Ok(yes(PromoEvent::StackingSet { stacking, by: actor.user.clone() }))
    }

    pub(super) fn decide_capabilities(
        &self,
        actor: &Actor,
        capabilities: Capabilities,
    ) -> Accepted {
        if capabilities == self.promo.capabilities {
            return Accepted::default();
        }
        yes(PromoEvent::CapabilitiesSet { capabilities, by: actor.user.clone() })
    }

    /// The rules that count now for somebody in `room`, in the order of their ids.
    fn rules_for<'a>(
        &'a self,
        room: Option<&'a RoomId>,
        now: Millis,
    ) -> impl Iterator<Item = (&'a RuleId, &'a Rule)> {
        let on_air = room.is_some_and(|room| {
            matches!(self.room_state(room), Some(RoomState::Live | RoomState::Paused))
        });
        self.promo.rules.iter().filter(move |(_, rule)| {
            let here = |scope: &Scope| room.is_some_and(|room| on_air && scope_has(scope, room));
            rule.runs(now) && rule.spec.live_only.as_ref().is_none_or(here)
        })
    }

    /// What one of these goods may cost. `units_in` counts the units of a rule's goods in the cart.
    pub(in crate::shop) fn candidates(
        &self,
        sku: &SkuId,
        list_minor: Minor,
        room: Option<&RoomId>,
        units_in: &dyn Fn(&RuleSpec) -> u64,
        now: Millis,
    ) -> Vec<Candidate> {
        let own = self.rules_for(room, now).filter(|(_, rule)| rule.spec.items.has(sku));
        let prices = own.filter_map(|(id, rule)| {
            let (source, price_minor) = rule.price(list_minor, units_in(&rule.spec))?;
            Some(Candidate { source, because: Because::Rule(id.clone()), price_minor })
        });
        prices.collect()
    }

    /// The lowest price of a single one outside of live rooms.
    pub(in crate::shop) fn lowest_price(&self, sku: &SkuId, now: Millis) -> Minor {
        let list = self.catalog.sku(sku).map_or(Minor(0), |sku| sku.price_minor);
        let candidates = self.candidates(sku, list, None, &|_| 1, now);
        candidates.iter().map(|found| found.price_minor).min().map_or(list, |low| low.min(list))
    }

    pub(in crate::shop) fn subsidies<'a>(
        &'a self,
        buyer: &UserId,
        room: Option<&'a RoomId>,
        now: Millis,
    ) -> Vec<Subsidy<'a>> {
        let mut subsidies = Vec::new();
        for (id, rule) in self.rules_for(room, now) {
            let RuleKind::Subsidy { per_unit_minor, per_buyer_units, budget_minor } =
                rule.spec.kind
            else {
                continue;
            };
            let had = rule.units.get(buyer).copied().unwrap_or(0);
            subsidies.push(Subsidy {
                rule: id,
                items: &rule.spec.items,
                per_unit_minor,
                units_left: per_buyer_units.saturating_sub(had),
                budget_left_minor: budget_minor.less(rule.spent_minor),
            });
        }
        subsidies
    }

    /// What makes shipping free without a coupon.
    pub(in crate::shop) fn shipping_benefits(
        &self,
        room: Option<&RoomId>,
        now: Millis,
    ) -> Vec<Benefit> {
        let over = self.settings().shipping_free_over_minor;
        let own = over.map(|min_goods_minor| Benefit {
            because: Because::FreeOver,
            funder: Funder::Seller,
            min_goods_minor,
        });
        let rules = self.rules_for(room, now).filter_map(|(id, rule)| {
            let RuleKind::FreeShipping { min_goods_minor } = rule.spec.kind else { return None };
            let because = Because::Rule(id.clone());
            Some(Benefit { because, funder: Funder::Seller, min_goods_minor })
        });
        own.into_iter().chain(rules).collect()
    }

    pub(super) fn on_rule_put(&mut self, id: &RuleId, spec: &RuleSpec) {
        if let Some(rule) = self.promo.rules.get_mut(id) {
            rule.spec = spec.clone();
            rule.version += 1;
            return;
        }
        let rule = Rule {
            spec: spec.clone(),
            spent_minor: Minor(0),
            units: Lookup::default(),
            version: 1,
        };
        self.promo.rules.insert(id.clone(), rule);
    }

    /// An order takes from a subsidy, or gives back. A rule that has ended counts nothing.
    pub(in crate::shop) fn take_subsidy(
        &mut self,
        id: &RuleId,
        buyer: &UserId,
        (units, amount_minor): (u32, Minor),
    ) {
        let Some(rule) = self.promo.rules.get_mut(id) else { return };
        rule.spent_minor = rule.spent_minor.plus(amount_minor);
        if units > 0 {
            *rule.units.entry(buyer.clone()) += units;
        }
        rule.version += 1;
    }

    pub(in crate::shop) fn can_subsidise(&self, id: &RuleId, amount_minor: Minor) -> bool {
        self.promo.rules.get(id).is_some_and(|rule| match rule.spec.kind {
            RuleKind::Subsidy { budget_minor, .. } => {
                budget_minor.less(rule.spent_minor) >= amount_minor
            }
            RuleKind::ProductDiscount { .. }
            | RuleKind::FlashPrice { .. }
            | RuleKind::CampaignPrice { .. }
            | RuleKind::CreatorFlash { .. }
            | RuleKind::LiveFixed { .. }
            | RuleKind::ItemsDiscount { .. }
            | RuleKind::FreeShipping { .. } => false,
        })
    }

    pub(in crate::shop) fn give_subsidy(
        &mut self,
        id: &RuleId,
        buyer: &UserId,
        (units, amount_minor): (u32, Minor),
    ) {
        let Some(rule) = self.promo.rules.get_mut(id) else { return };
        rule.spent_minor = rule.spent_minor.less(amount_minor);
        rule.version += 1;
        let Some(had) = rule.units.get_mut(buyer) else { return };
        *had = had.saturating_sub(units);
        if *had == 0 {
            rule.units.remove(buyer);
        }
    }
}

pub(super) fn funder_of(kind: &RuleKind) -> Funder {
    match kind {
        RuleKind::Subsidy { .. } => Funder::Platform,
        RuleKind::ProductDiscount { .. }
        | RuleKind::FlashPrice { .. }
        | RuleKind::CampaignPrice { .. }
        | RuleKind::CreatorFlash { .. }
        | RuleKind::LiveFixed { .. }
        | RuleKind::ItemsDiscount { .. }
        | RuleKind::FreeShipping { .. } => Funder::Seller,
    }
}
