//! Layers 1 and 2: the lowest price of a unit, and what the platform adds to it. Owns which of
//! several prices counts; never looks at coupons.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Because, CartLine, Funder, Layer, Part, QuoteLine, Working, WorkingLine};
use crate::command::StackClass;
use crate::money::Minor;

/// Where a price comes from. Of equal prices the one that stands first here counts; live and
/// creator flash prices rank alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    LiveFlash,
    CreatorFlash,
    LiveFixed,
    Campaign,
    Flash,
    ProductDiscount,
    ItemsDiscount,
}

/// A price that a unit may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub source: PriceSource,
    pub because: Because,
    pub price_minor: Minor,
}

impl PriceSource {
    fn rank(self) -> u8 {
        match self {
            Self::LiveFlash | Self::CreatorFlash => 0,
            Self::LiveFixed => 1,
            Self::Campaign => 2,
            Self::Flash => 3,
            Self::ProductDiscount => 4,
            Self::ItemsDiscount => 5,
        }
    }

    fn class(self) -> StackClass {
        match self {
            Self::LiveFlash | Self::CreatorFlash | Self::Flash => StackClass::Flash,
            Self::LiveFixed => StackClass::FixedPrice,
            Self::Campaign | Self::ProductDiscount | Self::ItemsDiscount => StackClass::Discount,
        }
    }
}

/// The line after layer 1. A price above the list price is none.
pub(super) fn priced(line: &CartLine<'_>) -> WorkingLine {
    let lower = line.candidates.iter().filter(|found| found.price_minor < line.list_minor);
    let best = lower.min_by(|one, other| order_of(one).cmp(&order_of(other)));
    let unit_minor = best.map_or(line.list_minor, |best| best.price_minor);
    let mut worked = WorkingLine {
        unit_minor,
        source: best.map(|best| best.source),
        subsidised_units: 0,
        net: line.list_minor.times(line.quantity).0,
        parts: Vec::new(),
        classes: Vec::new(),
    };
    if let Some(best) = best {
        let amount_minor = line.list_minor.less(unit_minor).times(line.quantity);
        let because = best.because.clone();
        let part = Part { layer: Layer::ItemPrice, because, funder: Funder::Seller, amount_minor };
        worked.take(part, best.source.class());
    }
    worked
}

/// The line as an earlier quote had it after layer 2.
pub(super) fn kept(line: &QuoteLine) -> WorkingLine {
    let mut worked = WorkingLine {
        unit_minor: line.unit_minor,
        source: line.source,
        subsidised_units: line.subsidised_units,
        net: line.list_minor.times(line.quantity).0,
        parts: Vec::new(),
        classes: Vec::new(),
    };
    for part in &line.parts {
        let class = match part.layer {
            Layer::ItemPrice => line.source.map_or(StackClass::Discount, PriceSource::class),
            Layer::ItemSubsidy => StackClass::Subsidy,
            Layer::SellerCoupon | Layer::PlatformCoupon | Layer::Shipping => continue,
        };
        worked.take(part.clone(), class);
    }
    worked
}

fn order_of(candidate: &Candidate) -> (Minor, u8, &Because) {
    (candidate.price_minor, candidate.source.rank(), &candidate.because)
}

impl Working<'_> {
    /// One subsidy a line: the one that gives most a unit, as far as buyer and budget reach.
    pub(super) fn subsidise(&mut self) {
        let cart = self.cart;
        let mut left: Vec<(u32, u64)> = cart
            .subsidies
            .iter()
            .map(|subsidy| (subsidy.units_left, subsidy.budget_left_minor.0))
            .collect();
        for (line, worked) in cart.lines.iter().zip(&mut self.lines) {
            if !worked.allows(StackClass::Subsidy, cart.stacking) {
                continue;
            }
            let gives = cart.subsidies.iter().zip(&mut left).filter_map(|(subsidy, left)| {
                let per_unit = subsidy.per_unit_minor.min(worked.unit_minor).0;
                let affordable = left.1.checked_div(per_unit)?;
                let affordable = u32::try_from(affordable).unwrap_or(u32::MAX);
                let units = line.quantity.min(left.0).min(affordable);
                let fits = units > 0 && subsidy.items.has(line.sku);
                fits.then_some((per_unit, units, subsidy.rule, left))
            });
            let best = gives.max_by_key(|(per_unit, units, rule, _)| {
                (per_unit * u64::from(*units), Reverse(*rule))
            });
            let Some((per_unit, units, rule, left)) = best else { continue };
            let amount_minor = Minor(per_unit).times(units);
            *left = (left.0 - units, left.1 - amount_minor.0);
            let because = Because::Rule(rule.clone());
            let (layer, funder) = (Layer::ItemSubsidy, Funder::Platform);
            worked.subsidised_units = units;
            worked.take(Part { layer, because, funder, amount_minor }, StackClass::Subsidy);
        }
    }
}
