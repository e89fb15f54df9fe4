//! Random commands about coupons and the orders that use them, the same for the same seed. Owns
//! what is tried and how often; knows no rule.

use hawker_domain::command::{
    Address, Basket, BasketLine, CampaignSpec, CouponChoice, CouponKind, ItemScope, OrderCommand,
    PaymentOutcome, PaymentReport, ProductSpec, PromoCommand, RefundRequest, RefundStage,
    ReleaseReason, Scope, ShopCommand, SkuSpec, Stock, Task, Tier, Validity,
};
use hawker_domain::id::{CampaignId, CouponId, OrderId, UserId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::shop::price::Funder;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Actor, Command, Role, Shop};

pub(crate) const PRICE: u64 = 997;

#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    fn small(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.below(u64::from(to - from + 1))).expect("a small number")
    }
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) at: Millis,
    pub(crate) actor: Actor,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) struct Script {
    random: Random,
    now: Millis,
    set_up: Vec<Command>,
    campaigns: u64,
    coupons: u64,
    orders: u64,
    payments: u64,
    refunds: u64,
    /// Who asked for each coupon and each order.
    coupon_buyers: Vec<u64>,
    order_buyers: Vec<(u64, u32)>,
}

const BUYERS: u64 = 5;

fn id<T: std::str::FromStr>(prefix: &str, number: u64) -> T {
    let text = format!("{prefix}{number}");
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        let currency = Currency::parse("USD").expect("a currency");
        let settings = Settings { unpaid_window_ms: SpanMs::minutes(10), ..Settings::default() };
        let title = "A thing".to_owned();
        let sku: hawker_domain::id::SkuId = id("k", 0);
        let skus =
            vec![SkuSpec { sku: sku.clone(), title: title.clone(), price_minor: Minor(PRICE) }];
        let spec = ProductSpec { title, image_url: None, listed: true, skus };
        let set_up = vec![
            Command::Shop(ShopCommand::SetStock { sku, stock: Stock::Unlimited }),
            Command::Shop(ShopCommand::PutProduct { product: id("p", 0), spec }),
            Command::Shop(ShopCommand::Create { name: "Acme".into(), currency, settings }),
        ];
        Self {
            random: Random(seed),
            now: Millis(1_000_000),
            set_up,
            campaigns: 0,
            coupons: 0,
            orders: 0,
            payments: 0,
            refunds: 0,
            coupon_buyers: Vec::new(),
            order_buyers: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, shop: &Shop) -> Step {
        if let Some(command) = self.set_up.pop() {
            return self.by_staff(command);
        }
        let ms = match self.random.below(20) {
            0 => 60_000 + self.random.below(600_000),
            _ => self.random.below(20_000),
        };
        self.now = self.now + SpanMs(ms);
        match self.random.below(100) {
            0..10 => self.campaign(),
            10..45 => self.claim(),
            45..50 => self.take_back(),
            50..70 => self.place(),
            70..78 => self.change(),
            _ => self.settle(shop),
        }
    }

    fn by_staff(&self, command: impl Into<Command>) -> Step {
        let actor = Actor { user: id("system", 0), role: Role::Service };
        Step { at: self.now, actor, command: command.into() }
    }

    fn by(&self, buyer: u64, command: impl Into<Command>) -> Step {
        let user: UserId = id("b", buyer);
        Step { at: self.now, actor: Actor { user, role: Role::Buyer }, command: command.into() }
    }

    fn recent<T: std::str::FromStr>(&mut self, prefix: &str, count: u64, span: u64) -> (T, u64) {
        let number = count.saturating_sub(1 + self.random.below(span.min(count.max(1))));
        (id(prefix, number), number)
    }

    fn campaign(&mut self) -> Step {
        if self.campaigns > 3 && self.random.below(3) > 0 {
            let campaign: CampaignId = self.recent("c", self.campaigns, 3).0;
            let command = match self.random.below(4) {
                0 => PromoCommand::OpenCampaign { campaign },
                1 => PromoCommand::EndCampaign { campaign },
                2 => PromoCommand::RevokeCampaign { campaign },
                _ => {
                    let buyers = [id("b", self.random.below(BUYERS))].into();
                    PromoCommand::Grant { campaign, buyers }
                }
            };
            return self.by_staff(command);
        }
        let campaign = id("c", self.campaigns);
        self.campaigns += 1;
        let spec = self.spec();
        self.by_staff(PromoCommand::CreateCampaign { campaign, spec })
    }

    fn spec(&mut self) -> CampaignSpec {
        let percent = self.random.below(2) == 0;
        let max = 50 + self.random.below(400);
        let value = if percent { 500 + self.random.below(5_000) } else { max };
        let opens_at = self.now + SpanMs(self.random.below(15_000));
        CampaignSpec {
            title: "Off".to_owned(),
            funder: Funder::Seller,
            kind: if percent { CouponKind::Percent } else { CouponKind::Amount },
            tiers: vec![Tier { min_spend_minor: Minor(self.random.below(2) * 2_000), value }],
            max_discount_minor: Some(Minor(max)),
            items: ItemScope::All,
            rooms: Scope::AllRooms,
            audience: Vec::new(),
            task: if self.random.below(5) == 0 { Task::Purchase } else { Task::None },
            announce_at: None,
            opens_at: Some(opens_at),
            closes_at: None,
            validity: Validity::For(SpanMs(10_000 + self.random.below(600_000))),
            claims_total: self.random.small(1, 8),
            per_buyer: self.random.small(1, 3),
            budget_minor: Minor(max * (1 + self.random.below(6))),
            stack_class: None,
            reminder_text: String::new(),
        }
    }

    fn claim(&mut self) -> Step {
        let campaign = self.recent("c", self.campaigns, 4).0;
        let coupon = id("k", self.coupons);
        self.coupons += 1;
        let buyer = self.random.below(BUYERS);
        self.coupon_buyers.push(buyer);
        self.by(buyer, PromoCommand::Claim { campaign, coupon, room: None })
    }

    fn take_back(&mut self) -> Step {
        let (coupon, _) = self.recent("k", self.coupons, 12);
        self.by_staff(PromoCommand::RevokeCoupon { coupon })
    }

    /// Mostly of the one who asked for the coupon.
    fn choice(&mut self, buyer: u64) -> CouponChoice {
        match self.random.below(4) {
            0 => CouponChoice::These(Vec::new()),
            1 => {
                let mut chosen: (CouponId, u64) = self.recent("k", self.coupons, 12);
                for _ in 0..6 {
                    let owner = self.coupon_buyers.get(usize::try_from(chosen.1).expect("few"));
                    if owner == Some(&buyer) {
                        break;
                    }
                    chosen = self.recent("k", self.coupons, 12);
                }
                CouponChoice::These(vec![chosen.0])
            }
            _ => CouponChoice::Best,
        }
    }

    fn place(&mut self) -> Step {
        let buyer = self.random.below(BUYERS);
        let quantity = self.random.small(1, 3);
        let order = id("o", self.orders);
        self.orders += 1;
        self.order_buyers.push((buyer, quantity));
        let address = Address {
            name: "Ann".to_owned(),
            phone: String::new(),
            lines: vec!["1 High Street".to_owned()],
            city: "York".to_owned(),
            postcode: String::new(),
            country: "GB".to_owned(),
        };
        let basket = Basket::Lines(vec![BasketLine { sku: id("k", 0), quantity }]);
        let coupons = self.choice(buyer);
        self.by(buyer, OrderCommand::Place { order, basket, address, coupons, room: None })
    }

    fn order(&mut self) -> (OrderId, u64) {
        let (order, number) = self.recent("o", self.orders, 6);
        let owner = self.order_buyers.get(usize::try_from(number).expect("few"));
        (order, owner.map_or(0, |(buyer, _)| *buyer))
    }

    fn change(&mut self) -> Step {
        let (order, buyer) = self.order();
        let coupons = self.choice(buyer);
        self.by(buyer, OrderCommand::ChangeCoupons { order, coupons })
    }

    fn settle(&mut self, shop: &Shop) -> Step {
        let (order, buyer) = self.order();
        match self.random.below(10) {
            0 => {
                let reason = ReleaseReason::BuyerCancel;
                self.by(buyer, OrderCommand::Cancel { order, reason })
            }
            1..6 => {
                self.payments += 1;
                let payment = id("m", self.payments);
                let total = shop.order_view(&order).map(|view| view.total_minor);
                let amount_minor = total.unwrap_or(Minor(1));
                let currency = Currency::parse("USD").expect("a currency");
                let outcome = PaymentOutcome::Succeeded;
                let report = PaymentReport { amount_minor, currency, outcome };
                self.by_staff(OrderCommand::RecordPayment { order, payment, report })
            }
            _ => {
                self.refunds += 1;
                let refund = id("f", self.refunds);
                let stage = match self.random.below(3) {
                    0 => RefundStage::AfterShipment,
                    _ => RefundStage::BeforeShipment,
                };
                let units = vec![(0, self.random.small(1, 2))];
                let request = RefundRequest { units, shipping: false, stage };
                self.by_staff(OrderCommand::Refund { order, refund, request })
            }
        }
    }
}
