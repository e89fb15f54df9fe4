//! What single units of a line cost, and what goes back when they do. Owns that each discount is
//! split by itself and the paid amount derived, so that all refunds together are the whole.

use super::arithmetic::split;
use super::{Funder, Layer, QuoteLine};
use crate::money::Minor;

/// One unit of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPrice {
    /// Of each part of the line, in their order.
    pub parts_minor: Vec<Minor>,
    pub paid_minor: Minor,
}

/// What a refund of some units moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefundedUnits {
    pub paid_minor: Minor,
    /// Of each part of the line, in their order.
    pub parts_minor: Vec<Minor>,
}

impl QuoteLine {
    /// Every unit by itself. Costs a walk over units and discounts.
    pub fn units(&self) -> Vec<UnitPrice> {
        let count = self.quantity as usize;
        let blank = UnitPrice { parts_minor: Vec::new(), paid_minor: self.list_minor };
        let mut units = vec![blank; count];
        let mut room = vec![self.list_minor.0; count];
        for part in &self.parts {
            let shares = split(part.amount_minor.0, &mut room);
            for (unit, share) in units.iter_mut().zip(shares) {
                unit.parts_minor.push(Minor(share));
                unit.paid_minor = unit.paid_minor.less(Minor(share));
            }
        }
        units
    }

    /// `count` units from the `from`th on.
    pub fn refund(&self, from: u32, count: u32) -> RefundedUnits {
        let blank = vec![Minor(0); self.parts.len()];
        let mut refunded = RefundedUnits { paid_minor: Minor(0), parts_minor: blank };
        let units = self.units();
        for unit in units.iter().skip(from as usize).take(count as usize) {
            refunded.paid_minor = refunded.paid_minor.plus(unit.paid_minor);
            for (sum, share) in refunded.parts_minor.iter_mut().zip(&unit.parts_minor) {
                *sum = sum.plus(*share);
            }
        }
        refunded
    }

    /// What `funder` bore of refunded units.
    pub fn borne_by(&self, funder: Funder, refunded: &RefundedUnits) -> Minor {
        let parts = self.parts.iter().zip(&refunded.parts_minor);
        let own = parts.filter(|(part, _)| part.funder == funder && part.layer != Layer::Shipping);
        own.map(|(_, share)| *share).fold(Minor(0), Minor::plus)
    }
}
