//! The price stack: what a cart costs, and who pays for which discount. Owns the order of the
//! layers and the one arithmetic of all of them; knows no shop, no clock and no buyer.

mod arithmetic;
mod commission;
mod coupons;
mod items;
#[cfg(test)]
mod properties;
mod refund;
mod shipping;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::command::{CouponKind, ItemScope, StackClass, Stacking, Tier};
use crate::id::{CampaignId, CouponId, RuleId, SaleId, SkuId};
use crate::money::Minor;
use crate::time::Millis;

pub use arithmetic::{percent, returned_fee};
pub use commission::{Plan, applicable, commission};
pub use coupons::NotApplied;
pub use items::{Candidate, PriceSource};
pub use refund::{RefundedUnits, UnitPrice};
pub use shipping::Benefit;

/// Who bears a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funder {
    Seller,
    Platform,
}

/// The layers in the order they apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    ItemPrice,
    ItemSubsidy,
    SellerCoupon,
    PlatformCoupon,
    Shipping,
}

/// What a discount comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    Sale(SaleId),
    Rule(RuleId),
    Coupon {
        campaign: CampaignId,
        coupon: CouponId,
    },
    /// The shop sends goods of this much free of charge.
    FreeOver,
}

/// One discount of a line or of the shipping: which layer, what rule, who pays, how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub layer: Layer,
    pub because: Because,
    pub funder: Funder,
    pub amount_minor: Minor,
}

/// What is to be priced. Lines keep their order: it breaks ties.
#[derive(Debug, Clone)]
pub struct Cart<'a> {
    pub lines: Vec<CartLine<'a>>,
    pub subsidies: Vec<Subsidy<'a>>,
    /// Coupons that may be used, in any order.
    pub coupons: Vec<Offered<'a>>,
    pub shipping_fee_minor: Minor,
    pub benefits: Vec<Benefit>,
    pub stacking: &'a Stacking,
}

#[derive(Debug, Clone)]
pub struct CartLine<'a> {
    pub sku: &'a SkuId,
    pub quantity: u32,
    pub list_minor: Minor,
    /// Prices a unit that may take the place of the list price.
    pub candidates: Vec<Candidate>,
}

/// Platform money for single units, as far as it goes.
#[derive(Debug, Clone)]
pub struct Subsidy<'a> {
    pub rule: &'a RuleId,
    pub items: &'a ItemScope,
    pub per_unit_minor: Minor,
    /// What this buyer may still have.
    pub units_left: u32,
    pub budget_left_minor: Minor,
}

/// A coupon that may be used, with the terms of its campaign.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    pub coupon: &'a CouponId,
    pub campaign: &'a CampaignId,
    pub funder: Funder,
    pub kind: CouponKind,
    pub tiers: &'a [Tier],
    pub items: &'a ItemScope,
    pub class: StackClass,
    /// What was set aside for it: it never gives more.
    pub worst_minor: Minor,
    pub expires_at: Millis,
}

/// A priced cart with its explanation. List = goods + what the seller and the platform bear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Of the stacking matrix it was made with.
    pub stacking_version: u32,
    pub lines: Vec<QuoteLine>,
    pub shipping_fee_minor: Minor,
    pub shipping_off: Option<Part>,
    pub coupons: Vec<UsedCoupon>,
    pub list_minor: Minor,
    pub goods_minor: Minor,
    pub seller_minor: Minor,
    pub platform_minor: Minor,
    pub total_minor: Minor,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteLine {
    pub sku: SkuId,
    pub quantity: u32,
    pub list_minor: Minor,
    /// A unit after layer 1.
    pub unit_minor: Minor,
    /// What made the price of a unit, where it is not the list price.
    pub source: Option<PriceSource>,
    /// Units that the platform gave something to.
    pub subsidised_units: u32,
    /// In the order of the layers; only those that take something off.
    pub parts: Vec<Part>,
    pub payable_minor: Minor,
}

/// A coupon that the quote takes, and all that it takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedCoupon {
    pub coupon: CouponId,
    pub campaign: CampaignId,
    pub layer: Layer,
    pub funder: Funder,
    pub amount_minor: Minor,
}

/// A cart on its way through the layers.
struct Working<'a> {
    cart: &'a Cart<'a>,
    lines: Vec<WorkingLine>,
    coupons: Vec<UsedCoupon>,
}

struct WorkingLine {
    unit_minor: Minor,
    source: Option<PriceSource>,
    subsidised_units: u32,
    net: u64,
    parts: Vec<Part>,
    /// What has been applied to the line, for what may follow.
    classes: Vec<StackClass>,
}

/// The price of `cart`: layers 1 to 6 in order. The same for every order of its coupons.
pub fn price(cart: &Cart<'_>) -> Quote {
    Working::at_item_prices(cart).through_the_rest()
}

/// The price of the same goods with the coupons of `cart`: what `before` says of layers 1 and 2
/// stays.
pub fn again(before: &Quote, cart: &Cart<'_>) -> Quote {
    let lines = before.lines.iter().map(items::kept).collect();
    Working { cart, lines, coupons: Vec::new() }.through_the_rest()
}

impl<'a> Working<'a> {
    /// After layers 1 and 2.
    fn at_item_prices(cart: &'a Cart<'a>) -> Self {
        let lines = cart.lines.iter().map(items::priced).collect();
        let mut working = Self { cart, lines, coupons: Vec::new() };
        working.subsidise();
        working
    }

    fn through_the_rest(mut self) -> Quote {
        self.apply_coupon(Layer::SellerCoupon, Funder::Seller);
        self.apply_coupon(Layer::PlatformCoupon, Funder::Platform);
        let shipping_off = self.ship();
        self.quote(shipping_off)
    }

    fn goods(&self) -> u64 {
        self.lines.iter().map(|line| line.net).sum()
    }

    fn quote(self, shipping_off: Option<Part>) -> Quote {
        let goods_minor = Minor(self.goods());
        let Self { cart, lines, coupons } = self;
        let borne = |funder| {
            let parts = lines.iter().flat_map(|line| &line.parts);
            let own = parts.filter(|part| part.funder == funder);
            own.map(|part| part.amount_minor).fold(Minor(0), Minor::plus)
        };
        let (seller_minor, platform_minor) = (borne(Funder::Seller), borne(Funder::Platform));
        let off = shipping_off.as_ref().map_or(Minor(0), |part| part.amount_minor);
        let shipping = cart.shipping_fee_minor.less(off);
        let list = cart.lines.iter().map(|line| line.list_minor.times(line.quantity));
        Quote {
            stacking_version: cart.stacking.version,
            list_minor: list.fold(Minor(0), Minor::plus),
            lines: cart.lines.iter().zip(lines).map(quoted).collect(),
            shipping_fee_minor: cart.shipping_fee_minor,
            shipping_off,
            coupons,
            goods_minor,
            seller_minor,
            platform_minor,
            total_minor: goods_minor.plus(shipping),
        }
    }
}

fn quoted((line, worked): (&CartLine<'_>, WorkingLine)) -> QuoteLine {
    QuoteLine {
        sku: line.sku.clone(),
        quantity: line.quantity,
        list_minor: line.list_minor,
        unit_minor: worked.unit_minor,
        source: worked.source,
        subsidised_units: worked.subsidised_units,
        parts: worked.parts,
        payable_minor: Minor(worked.net),
    }
}

impl WorkingLine {
    fn take(&mut self, part: Part, class: StackClass) {
        self.net -= part.amount_minor.0;
        self.parts.push(part);
        self.classes.push(class);
    }

    fn allows(&self, class: StackClass, stacking: &Stacking) -> bool {
        self.classes.iter().all(|applied| stacking.allows(*applied, class))
    }
}

impl Quote {
    /// What the buyer pays for the shipping.
    pub fn shipping_minor(&self) -> Minor {
        self.total_minor.less(self.goods_minor)
    }

    /// Each subsidy that it takes: units and money.
    pub fn subsidies(&self) -> impl Iterator<Item = (&RuleId, (u32, Minor))> {
        let parts = self
            .lines
            .iter()
            .flat_map(|line| line.parts.iter().map(move |part| (line.subsidised_units, part)));
        let own = parts.filter(|(_, part)| part.layer == Layer::ItemSubsidy);
        own.filter_map(|(units, part)| match &part.because {
            Because::Rule(rule) => Some((rule, (units, part.amount_minor))),
            Because::Sale(_) | Because::Coupon { .. } | Because::FreeOver => None,
        })
    }
}

impl QuoteLine {
    /// The same goods, to be priced again.
    pub fn in_cart(&self) -> CartLine<'_> {
        let (sku, quantity, list_minor) = (&self.sku, self.quantity, self.list_minor);
        CartLine { sku, quantity, list_minor, candidates: Vec::new() }
    }
}
