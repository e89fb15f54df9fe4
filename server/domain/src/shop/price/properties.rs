//! What holds for every cart, tried on a hundred thousand random ones. A failure prints its seed.

use super::*;
use crate::command::{ItemScope, Stacking};

const CARTS: u64 = 100_000;

/// SplitMix64: enough for picking, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Mostly small, where rounding shows.
    fn amount(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(4),
            1 => self.below(100),
            2 => self.below(10_000),
            _ => self.below(1_000_000),
        }
    }

    fn units(&mut self) -> u32 {
        1 + u32::try_from(self.below(6)).unwrap()
    }
}

struct Coupon {
    id: CouponId,
    campaign: CampaignId,
    funder: Funder,
    kind: CouponKind,
    tiers: Vec<Tier>,
    items: ItemScope,
    class: StackClass,
    worst: u64,
    expires_at: Millis,
}

/// Everything a random cart borrows.
struct Goods {
    skus: Vec<SkuId>,
    rules: Vec<(RuleId, ItemScope)>,
    coupons: Vec<Coupon>,
    stacking: Stacking,
}

const CLASSES: [StackClass; 8] = [
    StackClass::Discount,
    StackClass::Flash,
    StackClass::FixedPrice,
    StackClass::Subsidy,
    StackClass::SellerCoupon,
    StackClass::PlatformCoupon,
    StackClass::Shipping,
    StackClass::Exclusive,
];

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[usize::try_from(random.below(all.len() as u64)).unwrap()]
}

fn scope(random: &mut Random, skus: &[SkuId]) -> ItemScope {
    if random.chance(50) {
        return ItemScope::All;
    }
    ItemScope::Skus(skus.iter().filter(|_| random.chance(60)).cloned().collect())
}

fn coupon(random: &mut Random, number: u64, skus: &[SkuId]) -> Coupon {
    let kind = pick(
        random,
        &[
            CouponKind::Amount,
            CouponKind::Percent,
            CouponKind::FixedPrice,
            CouponKind::FreeShipping,
        ],
    );
    let tiers = (0..1 + random.below(3)).map(|_| {
        let value =
            if kind == CouponKind::Percent { random.below(10_001) } else { random.amount() };
        Tier { min_spend_minor: Minor(random.amount()), value }
    });
    let tiers = tiers.collect();
    Coupon {
        id: CouponId::parse(&format!("c{number}")).unwrap(),
        campaign: CampaignId::parse("m").unwrap(),
        funder: pick(random, &[Funder::Seller, Funder::Platform]),
        kind,
        tiers,
        items: scope(random, skus),
        class: if random.chance(85) { StackClass::SellerCoupon } else { pick(random, &CLASSES) },
        worst: random.amount(),
        expires_at: Millis(i64::try_from(random.below(3)).unwrap()),
    }
}

fn goods(random: &mut Random) -> Goods {
    let skus: Vec<SkuId> = (0..1 + random.below(5))
        .map(|number| SkuId::parse(&format!("k{number}")).unwrap())
        .collect();
    let rules = (0..random.below(3))
        .map(|number| (RuleId::parse(&format!("r{number}")).unwrap(), scope(random, &skus)));
    let rules = rules.collect();
    let coupons = (0..random.below(6)).map(|number| coupon(random, number, &skus)).collect();
    let mut stacking = Stacking::default();
    if random.chance(30) {
        let (one, other) = (pick(random, &CLASSES), pick(random, &CLASSES));
        stacking.forbidden.insert((one.min(other), one.max(other)));
    }
    Goods { skus, rules, coupons, stacking }
}

const SOURCES: [PriceSource; 7] = [
    PriceSource::LiveFlash,
    PriceSource::CreatorFlash,
    PriceSource::LiveFixed,
    PriceSource::Campaign,
    PriceSource::Flash,
    PriceSource::ProductDiscount,
    PriceSource::ItemsDiscount,
];

fn line<'a>(random: &mut Random, sku: &'a SkuId) -> CartLine<'a> {
    let candidates = (0..random.below(4)).map(|number| Candidate {
        source: pick(random, &SOURCES),
        because: Because::Rule(RuleId::parse(&format!("p{number}")).unwrap()),
        price_minor: Minor(random.amount()),
    });
    let candidates = candidates.collect();
    CartLine { sku, quantity: random.units(), list_minor: Minor(random.amount()), candidates }
}

fn cart<'a>(random: &mut Random, goods: &'a Goods) -> Cart<'a> {
    let subsidies = goods.rules.iter().map(|(rule, items)| Subsidy {
        rule,
        items,
        per_unit_minor: Minor(random.amount()),
        units_left: random.units() - 1,
        budget_left_minor: Minor(random.amount()),
    });
    let subsidies = subsidies.collect();
    let offered = |coupon: &'a Coupon| Offered {
        coupon: &coupon.id,
        campaign: &coupon.campaign,
        funder: coupon.funder,
        kind: coupon.kind,
        tiers: &coupon.tiers,
        items: &coupon.items,
        class: coupon.class,
        worst_minor: Minor(coupon.worst),
        expires_at: coupon.expires_at,
    };
    let benefits = (0..random.below(2)).map(|_| Benefit {
        because: Because::FreeOver,
        funder: Funder::Seller,
        min_goods_minor: Minor(random.amount()),
    });
    let benefits = benefits.collect();
    Cart {
        lines: goods.skus.iter().map(|sku| line(random, sku)).collect(),
        subsidies,
        coupons: goods.coupons.iter().map(offered).collect(),
        shipping_fee_minor: Minor(random.amount()),
        benefits,
        stacking: &goods.stacking,
    }
}

fn check_sums(cart: &Cart<'_>, quote: &Quote) {
    let mut goods = 0;
    for line in &quote.lines {
        let gross = line.list_minor.times(line.quantity).0;
        let off: u64 = line.parts.iter().map(|part| part.amount_minor.0).sum();
        assert!(line.parts.iter().all(|part| part.amount_minor.0 > 0 && off <= gross));
        assert_eq!(line.payable_minor.0 + off, gross);
        goods += line.payable_minor.0;
    }
    assert_eq!(goods, quote.goods_minor.0);
    let borne = quote.seller_minor.plus(quote.platform_minor);
    assert_eq!(quote.list_minor, quote.goods_minor.plus(borne));
    assert!(quote.shipping_minor() <= quote.shipping_fee_minor);
    assert_eq!(quote.shipping_fee_minor, cart.shipping_fee_minor);
    for used in &quote.coupons {
        let parts = quote.lines.iter().flat_map(|line| &line.parts).chain(&quote.shipping_off);
        let own = parts.filter(|part| {
            matches!(&part.because, Because::Coupon { coupon, .. } if *coupon == used.coupon)
        });
        let sum: u64 = own.map(|part| part.amount_minor.0).sum();
        assert_eq!(sum, used.amount_minor.0, "the shares of {} add up", used.coupon);
        let offered = cart.coupons.iter().find(|offered| *offered.coupon == used.coupon).unwrap();
        assert!(used.amount_minor <= offered.worst_minor, "{} keeps to its worst", used.coupon);
    }
    let slots: Vec<_> = quote.coupons.iter().map(|used| used.layer).collect();
    assert!(slots.is_sorted_by(|one, other| one < other), "one coupon a layer");
}

fn check_refunds(random: &mut Random, quote: &Quote) {
    for line in &quote.lines {
        for unit in line.units() {
            let off: u64 = unit.parts_minor.iter().map(|part| part.0).sum();
            assert_eq!(unit.paid_minor.0 + off, line.list_minor.0);
        }
        let whole = line.refund(0, line.quantity);
        assert_eq!(whole.paid_minor, line.payable_minor);
        let amounts: Vec<_> = line.parts.iter().map(|part| part.amount_minor).collect();
        assert_eq!(whole.parts_minor, amounts);
        let (mut from, mut sum) = (0, 0);
        while from < line.quantity {
            let count = random.units().min(line.quantity - from);
            sum += line.refund(from, count).paid_minor.0;
            from += count;
        }
        assert_eq!(sum, line.payable_minor.0, "partial refunds are the whole one");
    }
}

#[test]
fn every_cart_adds_up_whatever_the_order_of_its_coupons() {
    for seed in 0..CARTS {
        let mut random = Random(seed);
        let goods = goods(&mut random);
        let mut cart = cart(&mut random, &goods);
        let quote = price(&cart);
        let checked = std::panic::catch_unwind(|| {
            check_sums(&cart, &quote);
            check_refunds(&mut Random(seed), &quote);
        });
        assert!(checked.is_ok(), "seed {seed}: {cart:?}\n{quote:?}");
        let places = cart.coupons.len().max(1);
        cart.coupons.rotate_left(usize::try_from(random.below(places as u64)).unwrap());
        if random.chance(50) {
            cart.coupons.reverse();
        }
        assert_eq!(price(&cart), quote, "seed {seed}: the order of coupons shows");
    }
}

/// Shipping benefits never change a discount of goods, and none of them is subtracted twice.
#[test]
fn shipping_changes_no_price_of_goods() {
    for seed in 0..CARTS / 10 {
        let mut random = Random(seed);
        let goods = goods(&mut random);
        let cart = cart(&mut random, &goods);
        let with = price(&cart);
        let bare = Cart { shipping_fee_minor: Minor(0), benefits: Vec::new(), ..cart.clone() };
        let without = price(&bare);
        assert_eq!(with.lines, without.lines, "seed {seed}");
        let many = Cart { benefits: vec![benefit(); 3], ..cart };
        let free = price(&many);
        assert!(free.shipping_minor() <= with.shipping_fee_minor, "seed {seed}");
    }
}

fn benefit() -> Benefit {
    let because = Because::FreeOver;
    Benefit { because, funder: Funder::Seller, min_goods_minor: Minor(0) }
}
