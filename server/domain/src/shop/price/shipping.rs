//! Layer 5: what the shipping costs. Owns that one benefit counts, the best, and that the fee
//! never goes below nothing; never touches a price of goods.

use super::{Because, Funder, Layer, Part, Working};
use crate::command::{CouponKind, ItemScope, StackClass};
use crate::money::Minor;

/// Free shipping that needs no coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benefit {
    pub because: Because,
    pub funder: Funder,
    /// Of the goods, after all that was taken off.
    pub min_goods_minor: Minor,
}

impl Working<'_> {
    pub(super) fn ship(&mut self) -> Option<Part> {
        let fee = self.cart.shipping_fee_minor.0;
        let blocked = |class| !self.lines.iter().all(|line| line.allows(class, self.cart.stacking));
        if fee == 0 {
            return None;
        }
        let goods = self.goods();
        let mut benefits = self.cart.benefits.iter();
        let free = benefits.find(|benefit| benefit.min_goods_minor.0 <= goods);
        if let Some(Benefit { because, funder, .. }) =
            free.filter(|_| !blocked(StackClass::Shipping))
        {
            let (because, funder) = (because.clone(), *funder);
            return Some(Part {
                layer: Layer::Shipping,
                because,
                funder,
                amount_minor: Minor(fee),
            });
        }
        let best = self
            .cart
            .coupons
            .iter()
            .filter(|offered| offered.kind == CouponKind::FreeShipping)
            .filter(|offered| !blocked(offered.class))
            .filter(|offered| offered.tier(self.spent_on(offered.items)).is_some())
            .map(|offered| (offered.order(fee.min(offered.worst_minor.0)), offered))
            .min_by(|one, other| one.0.cmp(&other.0))
            .map(|(_, offered)| offered)?;
        let amount = fee.min(best.worst_minor.0);
        if amount == 0 {
            return None;
        }
        self.coupons.push(best.used(Layer::Shipping, amount));
        let (because, funder) = (best.because(), best.funder);
        Some(Part { layer: Layer::Shipping, because, funder, amount_minor: Minor(amount) })
    }

    fn spent_on(&self, items: &ItemScope) -> u64 {
        let lines = self.cart.lines.iter().zip(&self.lines);
        lines.filter(|(line, _)| items.has(line.sku)).map(|(_, worked)| worked.net).sum()
    }
}
