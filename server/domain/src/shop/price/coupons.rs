//! Layers 3 and 4: which coupon counts and what it takes off. Owns thresholds, tiers and caps;
//! whether a coupon may be used at all is decided where it is held.

use std::cmp::Reverse;

use serde::Serialize;

use super::arithmetic::{allocate, percent};
use super::{Because, Cart, Funder, Layer, Offered, Part, UsedCoupon, Working, price};
use crate::command::{CouponKind, Tier};
use crate::id::CouponId;
use crate::money::Minor;
use crate::time::Millis;

/// Why a coupon takes nothing off a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotApplied {
    /// The goods it is for come to less than its lowest threshold.
    BelowMinimum { missing_minor: Minor },
    /// Nothing in the cart is what it is for.
    NotTheseGoods,
    /// What has been applied already excludes it.
    NotStackable,
    /// Another coupon of the same kind takes off as much or more.
    SlotTaken,
    /// There is nothing left that it could take off.
    NoEffect,
}

/// What a coupon would take off, and from which lines in which weights.
struct Effect {
    amount: u64,
    weights: Vec<u64>,
}

impl Offered<'_> {
    fn is_for_goods(&self, funder: Funder) -> bool {
        self.funder == funder && self.kind != CouponKind::FreeShipping
    }

    /// Best first: the higher discount, then the one that ends earlier, then the id.
    pub(super) fn order(&self, amount: u64) -> (Reverse<u64>, Millis, &CouponId) {
        (Reverse(amount), self.expires_at, self.coupon)
    }

    /// The highest tier that `base` satisfies.
    pub(super) fn tier(&self, base: u64) -> Option<&Tier> {
        let satisfied = self.tiers.iter().filter(|tier| tier.min_spend_minor.0 <= base);
        satisfied.max_by_key(|tier| tier.min_spend_minor)
    }
}

impl Working<'_> {
    /// What each line counts for this coupon: nothing where it may not be used.
    fn weights(&self, offered: &Offered<'_>) -> Vec<u64> {
        let lines = self.cart.lines.iter().zip(&self.lines);
        let weight = |(line, worked): (&super::CartLine<'_>, &super::WorkingLine)| {
            let counts = offered.items.has(line.sku);
            if counts && worked.allows(offered.class, self.cart.stacking) { worked.net } else { 0 }
        };
        lines.map(weight).collect()
    }

    fn effect(&self, offered: &Offered<'_>) -> Option<Effect> {
        let weights = self.weights(offered);
        let base = weights.iter().sum();
        let tier = offered.tier(base)?;
        let (amount, weights) = match offered.kind {
            CouponKind::Amount => (tier.value, weights),
            CouponKind::Percent => {
                let bps = u32::try_from(tier.value).unwrap_or(u32::MAX);
                (percent(Minor(base), bps).0, weights)
            }
            CouponKind::FixedPrice => self.dearest_unit(tier.value, weights),
            CouponKind::FreeShipping => return None,
        };
        let amount = amount.min(base).min(offered.worst_minor.0);
        (amount > 0).then_some(Effect { amount, weights })
    }

    /// The dearest unit of the lines that count costs `price`; only its line gives.
    fn dearest_unit(&self, price: u64, mut weights: Vec<u64>) -> (u64, Vec<u64>) {
        let units = weights.iter().zip(&self.cart.lines).enumerate();
        let dearest = units
            .map(|(index, (net, line))| (net / u64::from(line.quantity.max(1)), Reverse(index)))
            .max();
        let Some((unit, Reverse(dearest))) = dearest else { return (0, weights) };
        for (index, weight) in weights.iter_mut().enumerate() {
            if index != dearest {
                *weight = 0;
            }
        }
        (unit.saturating_sub(price), weights)
    }

    /// The best coupon of this layer, if any.
    pub(super) fn apply_coupon(&mut self, layer: Layer, funder: Funder) {
        let cart = self.cart;
        let own = cart.coupons.iter().filter(|offered| offered.is_for_goods(funder));
        let effects = own.filter_map(|offered| Some((offered, self.effect(offered)?)));
        let best = effects
            .min_by(|one, other| one.0.order(one.1.amount).cmp(&other.0.order(other.1.amount)));
        let Some((offered, effect)) = best else { return };
        let shares = allocate(effect.amount, &effect.weights);
        for (worked, share) in self.lines.iter_mut().zip(shares) {
            if share == 0 {
                continue;
            }
            let amount_minor = Minor(share);
            let part = Part { layer, because: offered.because(), funder, amount_minor };
            worked.take(part, offered.class);
        }
        self.coupons.push(offered.used(layer, effect.amount));
    }
}

impl Offered<'_> {
    pub(super) fn because(&self) -> Because {
        Because::Coupon { campaign: self.campaign.clone(), coupon: self.coupon.clone() }
    }

    pub(super) fn used(&self, layer: Layer, amount: u64) -> UsedCoupon {
        UsedCoupon {
            coupon: self.coupon.clone(),
            campaign: self.campaign.clone(),
            layer,
            funder: self.funder,
            amount_minor: Minor(amount),
        }
    }
}

impl Cart<'_> {
    /// Why `coupon` is not among those that the cart's quote uses.
    pub fn why_not(&self, coupon: &CouponId) -> Option<NotApplied> {
        let offered = self.coupons.iter().find(|offered| offered.coupon == coupon)?;
        let goods = self.lines.iter().any(|line| offered.items.has(line.sku));
        if !goods {
            return Some(NotApplied::NotTheseGoods);
        }
        let alone = Cart { coupons: vec![*offered], ..self.clone() };
        let base: u64 = Working::at_item_prices(&alone).weights(offered).iter().sum();
        if base == 0 {
            return Some(NotApplied::NotStackable);
        }
        if offered.tier(base).is_none() {
            let lowest = offered.tiers.iter().map(|tier| tier.min_spend_minor).min();
            let missing_minor = lowest.unwrap_or_default().less(Minor(base));
            return Some(NotApplied::BelowMinimum { missing_minor });
        }
        if price(&alone).coupons.is_empty() {
            return Some(NotApplied::NoEffect);
        }
        let slot = |offered: &Offered<'_>| {
            let ships = offered.kind == CouponKind::FreeShipping;
            (ships, (!ships).then_some(offered.funder))
        };
        let rivals = self.coupons.iter().filter(|other| slot(other) == slot(offered)).count();
        Some(if rivals > 1 { NotApplied::SlotTaken } else { NotApplied::NotStackable })
    }
}
