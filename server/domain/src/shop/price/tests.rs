//! The worked examples of the price stack, each to the minor unit.

use super::*;
use crate::command::{ItemScope, Stacking};

/// What a coupon of a test is made of.
struct Given {
    coupon: CouponId,
    campaign: CampaignId,
    funder: Funder,
    kind: CouponKind,
    tiers: Vec<Tier>,
    items: ItemScope,
    class: StackClass,
    worst: u64,
    expires_at: Millis,
}

fn given(name: &str, funder: Funder, kind: CouponKind, tiers: &[(u64, u64)]) -> Given {
    let tier = |(min, value): &(u64, u64)| Tier { min_spend_minor: Minor(*min), value: *value };
    let class = match (kind, funder) {
        (CouponKind::FreeShipping, _) => StackClass::Shipping,
        (_, Funder::Seller) => StackClass::SellerCoupon,
        (_, Funder::Platform) => StackClass::PlatformCoupon,
    };
    Given {
        coupon: CouponId::parse(name).unwrap(),
        campaign: CampaignId::parse("c").unwrap(),
        funder,
        kind,
        tiers: tiers.iter().map(tier).collect(),
        items: ItemScope::All,
        class,
        worst: u64::MAX,
        expires_at: Millis(0),
    }
}

impl Given {
    fn offered(&self) -> Offered<'_> {
        Offered {
            coupon: &self.coupon,
            campaign: &self.campaign,
            funder: self.funder,
            kind: self.kind,
            tiers: &self.tiers,
            items: &self.items,
            class: self.class,
            worst_minor: Minor(self.worst),
            expires_at: self.expires_at,
        }
    }
}

fn candidate(source: PriceSource, price: u64) -> Candidate {
    let because = Because::Rule(RuleId::parse("r").unwrap());
    Candidate { source, because, price_minor: Minor(price) }
}

fn skus(count: usize) -> Vec<SkuId> {
    (0..count).map(|number| SkuId::parse(&format!("k{number}")).unwrap()).collect()
}

fn cart<'a>(skus: &'a [SkuId], lines: &[(u32, u64)], stacking: &'a Stacking) -> Cart<'a> {
    let line = |(sku, (quantity, list)): (&'a SkuId, &(u32, u64))| CartLine {
        sku,
        quantity: *quantity,
        list_minor: Minor(*list),
        candidates: Vec::new(),
    };
    Cart {
        lines: skus.iter().zip(lines).map(line).collect(),
        subsidies: Vec::new(),
        coupons: Vec::new(),
        shipping_fee_minor: Minor(0),
        benefits: Vec::new(),
        stacking,
    }
}

fn payables(quote: &Quote) -> Vec<u64> {
    quote.lines.iter().map(|line| line.payable_minor.0).collect()
}

fn offs(quote: &Quote, layer: Layer) -> Vec<u64> {
    let of_line = |line: &QuoteLine| {
        let parts = line.parts.iter().filter(|part| part.layer == layer);
        parts.map(|part| part.amount_minor.0).sum()
    };
    quote.lines.iter().map(of_line).collect()
}

/// The first worked example: every layer at once.
fn all_layers() -> Quote {
    let (skus, stacking) = (skus(3), Stacking::default());
    let seller =
        given("s", Funder::Seller, CouponKind::Amount, &[(15_000, 1_500), (25_000, 3_000)]);
    let mut platform = given("p", Funder::Platform, CouponKind::Percent, &[(0, 800)]);
    platform.worst = 1_500;
    let rule = RuleId::parse("sub").unwrap();
    let only_a = ItemScope::Skus([skus[0].clone()].into());
    let mut cart = cart(&skus, &[(1, 12_900), (3, 4_990), (2, 1_999)], &stacking);
    cart.lines[0].candidates.push(candidate(PriceSource::LiveFlash, 8_900));
    let tenth = Minor(4_990).less(percent(Minor(4_990), 1_000)).0;
    cart.lines[1].candidates.push(candidate(PriceSource::ProductDiscount, tenth));
    cart.subsidies.push(Subsidy {
        rule: &rule,
        items: &only_a,
        per_unit_minor: Minor(500),
        units_left: 1,
        budget_left_minor: Minor(10_000),
    });
    cart.coupons = vec![platform.offered(), seller.offered()];
    cart.shipping_fee_minor = Minor(599);
    cart.benefits.push(Benefit {
        because: Because::Rule(RuleId::parse("free").unwrap()),
        funder: Funder::Seller,
        min_goods_minor: Minor(0),
    });
    price(&cart)
}

#[test]
fn worked_example_1_all_layers_and_who_pays() {
    let quote = all_layers();
    assert_eq!(offs(&quote, Layer::ItemPrice), [4_000, 1_497, 0]);
    assert_eq!(offs(&quote, Layer::ItemSubsidy), [500, 0, 0]);
    assert_eq!(offs(&quote, Layer::SellerCoupon), [974, 1_562, 464]);
    assert_eq!(offs(&quote, Layer::PlatformCoupon), [487, 781, 232]);
    assert_eq!(payables(&quote), [6_939, 11_130, 3_302]);
    assert_eq!(quote.list_minor, Minor(31_868));
    assert_eq!(quote.total_minor, Minor(21_371));
    assert_eq!((quote.seller_minor, quote.platform_minor), (Minor(8_497), Minor(2_000)));
    let shipping = quote.shipping_off.as_ref().map(|part| (part.funder, part.amount_minor));
    assert_eq!(shipping, Some((Funder::Seller, Minor(599))));
    assert_eq!(quote.shipping_minor(), Minor(0));
}

#[test]
fn worked_example_1_refunds_unit_by_unit() {
    let quote = all_layers();
    let b = &quote.lines[1];
    let paid: Vec<u64> = b.units().iter().map(|unit| unit.paid_minor.0).collect();
    assert_eq!(paid, [3_711, 3_710, 3_709]);
    let first = b.refund(0, 1);
    assert_eq!(first.paid_minor, Minor(3_711));
    assert_eq!(first.parts_minor, [Minor(499), Minor(520), Minor(260)]);
    assert_eq!(b.borne_by(Funder::Platform, &first), Minor(260));
    assert_eq!(b.refund(0, 3).paid_minor, b.payable_minor);
}

#[test]
fn worked_example_1_commission_by_plan() {
    let paid = all_layers().lines[0].payable_minor;
    let plans = [(Plan::Shop, 1_000), (Plan::Target, 1_800), (Plan::Open, 1_500)];
    assert_eq!(commission(paid, Minor(0), 1_800), Minor(1_249));
    assert_eq!(commission(paid, Minor(0), 1_500), Minor(1_040));
    assert_eq!(commission(paid, Minor(0), 1_000), Minor(693));
    assert_eq!(applicable(&plans), Some((Plan::Target, 1_800)));
    assert_eq!(applicable(&[]), None);
    assert_eq!(commission(paid, paid, 1_800), Minor(0), "a whole refund leaves nothing");
}

fn discounted(lines: &[(u32, u64)], kind: CouponKind, value: u64) -> Quote {
    let (skus, stacking) = (skus(lines.len()), Stacking::default());
    let coupon = given("s", Funder::Seller, kind, &[(0, value)]);
    let mut cart = cart(&skus, lines, &stacking);
    cart.coupons.push(coupon.offered());
    price(&cart)
}

#[test]
fn worked_examples_2_to_5_the_largest_remainder() {
    let even = discounted(&[(1, 10_000); 3], CouponKind::Amount, 1_000);
    assert_eq!(offs(&even, Layer::SellerCoupon), [334, 333, 333]);
    let small = discounted(&[(1, 500); 3], CouponKind::Amount, 200);
    assert_eq!(offs(&small, Layer::SellerCoupon), [67, 67, 66]);
    let percents = discounted(&[(1, 333); 3], CouponKind::Percent, 1_500);
    assert_eq!(offs(&percents, Layer::SellerCoupon), [50, 50, 49]);
    let uneven = discounted(&[(1, 1), (1, 1), (1, 9_998)], CouponKind::Amount, 1_000);
    assert_eq!(offs(&uneven, Layer::SellerCoupon), [0, 0, 1_000]);
}

#[test]
fn worked_example_6_the_threshold_looks_at_the_live_price() {
    let (skus, stacking) = (skus(1), Stacking::default());
    let seller = given("s", Funder::Seller, CouponKind::Amount, &[(1_500, 300)]);
    let ship = given("f", Funder::Seller, CouponKind::FreeShipping, &[(0, 0)]);
    let mut cart = cart(&skus, &[(1, 2_999)], &stacking);
    cart.lines[0].candidates.push(candidate(PriceSource::LiveFixed, 990));
    cart.shipping_fee_minor = Minor(450);
    cart.coupons = vec![seller.offered(), ship.offered()];
    let quote = price(&cart);
    assert_eq!((quote.total_minor, quote.shipping_minor()), (Minor(990), Minor(0)));
    assert_eq!(quote.coupons.len(), 1);
    let missing_minor = Minor(510);
    assert_eq!(cart.why_not(&seller.coupon), Some(NotApplied::BelowMinimum { missing_minor }));
}

#[test]
fn worked_example_7_an_instalment_fee_goes_back_pro_rata() {
    assert_eq!(percent(Minor(1_000_000), 450), Minor(45_000));
    assert_eq!(returned_fee(Minor(1_000_000), Minor(100_000), 450), Minor(4_500));
}

#[test]
fn percent_comes_before_a_later_layers_amount() {
    let (skus, stacking) = (skus(1), Stacking::default());
    let percent = given("s", Funder::Seller, CouponKind::Percent, &[(0, 2_000)]);
    let amount = given("p", Funder::Platform, CouponKind::Amount, &[(0, 1_500)]);
    let mut cart = cart(&skus, &[(1, 10_000)], &stacking);
    cart.coupons = vec![amount.offered(), percent.offered()];
    assert_eq!(price(&cart).total_minor, Minor(6_500));
}

#[test]
fn of_equal_prices_the_live_flash_counts_and_the_lowest_of_all() {
    let (skus, stacking) = (skus(1), Stacking::default());
    let mut cart = cart(&skus, &[(2, 1_000)], &stacking);
    cart.lines[0].candidates = vec![
        candidate(PriceSource::ProductDiscount, 900),
        candidate(PriceSource::LiveFixed, 800),
        candidate(PriceSource::CreatorFlash, 800),
        candidate(PriceSource::Campaign, 2_000),
    ];
    let forbidden = [(StackClass::Flash, StackClass::SellerCoupon)].into();
    let no_coupon_on_flash = Stacking { version: 7, forbidden };
    cart.stacking = &no_coupon_on_flash;
    let seller = given("s", Funder::Seller, CouponKind::Amount, &[(0, 100)]);
    cart.coupons.push(seller.offered());
    let quote = price(&cart);
    assert_eq!((quote.total_minor, quote.stacking_version), (Minor(1_600), 7));
    assert_eq!(cart.why_not(&seller.coupon), Some(NotApplied::NotStackable));
    cart.lines[0].candidates.retain(|found| found.source != PriceSource::CreatorFlash);
    assert_eq!(price(&cart).total_minor, Minor(1_500), "a fixed price is no flash price");
}

#[test]
fn the_highest_discount_wins_then_the_earlier_end_then_the_id() {
    let (skus, stacking) = (skus(1), Stacking::default());
    let mut coupons = ["d", "c", "b", "a"]
        .map(|name| given(name, Funder::Seller, CouponKind::Amount, &[(0, 100)]));
    coupons[0].tiers[0].value = 50;
    coupons[1].expires_at = Millis(5);
    coupons[2].expires_at = Millis(4);
    coupons[3].expires_at = Millis(4);
    let mut cart = cart(&skus, &[(1, 1_000)], &stacking);
    cart.coupons = coupons.iter().map(Given::offered).collect();
    let used = |cart: &Cart<'_>| price(cart).coupons[0].coupon.to_string();
    assert_eq!(used(&cart), "a");
    cart.coupons.pop();
    assert_eq!(used(&cart), "b");
    cart.coupons.pop();
    assert_eq!(used(&cart), "c");
    assert_eq!(cart.why_not(&coupons[0].coupon), Some(NotApplied::SlotTaken));
}

#[test]
fn a_fixed_price_coupon_lowers_the_dearest_unit_it_is_for() {
    let (skus, stacking) = (skus(2), Stacking::default());
    let coupon = given("s", Funder::Seller, CouponKind::FixedPrice, &[(0, 100)]);
    let mut cart = cart(&skus, &[(2, 500), (1, 700)], &stacking);
    cart.coupons.push(coupon.offered());
    assert_eq!(payables(&price(&cart)), [1_000, 100]);
    let mut elsewhere = given("s", Funder::Seller, CouponKind::FixedPrice, &[(0, 100)]);
    elsewhere.items = ItemScope::Skus([SkuId::parse("other").unwrap()].into());
    cart.coupons = vec![elsewhere.offered()];
    assert_eq!(cart.why_not(&elsewhere.coupon), Some(NotApplied::NotTheseGoods));
}

#[test]
fn a_subsidy_ends_with_the_buyers_units_and_with_its_budget() {
    let (skus, stacking) = (skus(2), Stacking::default());
    let (rule, all) = (RuleId::parse("sub").unwrap(), ItemScope::All);
    let mut cart = cart(&skus, &[(3, 1_000), (3, 1_000)], &stacking);
    cart.subsidies.push(Subsidy {
        rule: &rule,
        items: &all,
        per_unit_minor: Minor(200),
        units_left: 4,
        budget_left_minor: Minor(10_000),
    });
    assert_eq!(offs(&price(&cart), Layer::ItemSubsidy), [600, 200]);
    cart.subsidies[0].budget_left_minor = Minor(500);
    assert_eq!(offs(&price(&cart), Layer::ItemSubsidy), [400, 0]);
}
