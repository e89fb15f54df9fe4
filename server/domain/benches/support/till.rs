//! The scene of the benches of promotions: a shop with 20 SKUs and four layers of discounts, and a
//! room of 20,000 viewers with a watch task. Measures nothing.

use hawker_domain::command::{
    Actor, Basket, BasketLine, CampaignSpec, Command, CouponKind, ItemScope, ProductSpec,
    PromoCommand, Role, RoomCommand, RoomSpec, RuleKind, RuleSpec, Scope, ShopCommand, SkuSpec,
    Stock, Task, Tier, Validity,
};
use hawker_domain::id::{CampaignId, ShopId, SkuId, UserId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::shop::price::Funder;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Pulse, Seen, Shop, WatchMark};

pub(crate) const LINES: u64 = 20;
pub(crate) const VIEWERS: u64 = 20_000;
pub(crate) const NOW: Millis = Millis(1_760_000_000_000);

pub(crate) fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

fn sku(number: u64) -> SkuId {
    id(&format!("lipstick-{number:03}"))
}

pub(crate) fn buyer(number: u64) -> UserId {
    id(&format!("0190aaaa-0000-7000-8000-{number:012x}"))
}

fn by(shop: &mut Shop, user: UserId, role: Role, command: impl Into<Command>) {
    let command = command.into();
    let accepted = shop.execute(&Actor { user, role }, &command, NOW);
    assert!(accepted.is_ok(), "{command:?}: {accepted:?}");
}

fn by_system(shop: &mut Shop, command: impl Into<Command>) {
    by(shop, id("system"), Role::Service, command);
}

fn campaign(funder: Funder, kind: CouponKind, task: Task) -> CampaignSpec {
    let value = if kind == CouponKind::Percent { 800 } else { 3_000 };
    CampaignSpec {
        title: "Off".to_owned(),
        funder,
        kind,
        tiers: vec![Tier { min_spend_minor: Minor(0), value }],
        max_discount_minor: Some(Minor(3_000)),
        items: ItemScope::All,
        rooms: Scope::AllRooms,
        audience: Vec::new(),
        task,
        announce_at: None,
        opens_at: None,
        closes_at: None,
        validity: Validity::For(SpanMs::hours(1)),
        claims_total: 1_000_000,
        per_buyer: 1,
        budget_minor: Minor(1_000_000_000),
        stack_class: None,
        reminder_text: String::new(),
    }
}

fn rule(kind: RuleKind) -> RuleSpec {
    RuleSpec {
        title: "A rule".to_owned(),
        kind,
        items: ItemScope::All,
        live_only: None,
        starts_at: None,
        ends_at: None,
    }
}

/// A shop with a room on air, 20 SKUs, and a discount and a subsidy for all of them.
fn shop() -> Shop {
    let mut shop = Shop::new(ShopId::parse("acme").expect("an id"));
    let currency = Currency::parse("USD").expect("a currency");
    let settings = Settings::default();
    by_system(&mut shop, ShopCommand::Create { name: "Acme".into(), currency, settings });
    let named = |number| SkuSpec {
        sku: sku(number),
        title: "Red".to_owned(),
        price_minor: Minor(1_999 + number),
    };
    let skus = (0..LINES).map(named).collect();
    let title = "Lipstick".to_owned();
    let spec = ProductSpec { title: title.clone(), image_url: None, listed: true, skus };
    by_system(&mut shop, ShopCommand::PutProduct { product: id("lipstick"), spec });
    for number in 0..LINES {
        let (sku, stock) = (sku(number), Stock::Unlimited);
        by_system(&mut shop, ShopCommand::SetStock { sku, stock });
    }
    let spec = RoomSpec {
        streamer: id("sue"),
        title,
        cover_url: None,
        playback_url: None,
        keep_comments: false,
        slow_mode_ms: SpanMs(0),
    };
    let room: hawker_domain::id::RoomId = id("room");
    let create = RoomCommand::Create { room: room.clone(), spec };
    by_system(&mut shop, Command::Room(create));
    by_system(&mut shop, Command::Room(RoomCommand::Start { room }));
    let discount = rule(RuleKind::ProductDiscount { off_bps: 1_000 });
    by_system(&mut shop, PromoCommand::PutRule { rule: id("tenth"), spec: discount });
    let subsidy = rule(RuleKind::Subsidy {
        per_unit_minor: Minor(100),
        per_buyer_units: 1_000,
        budget_minor: Minor(1_000_000),
    });
    by_system(&mut shop, PromoCommand::PutRule { rule: id("help"), spec: subsidy });
    shop
}

fn open(shop: &mut Shop, campaign: CampaignId, spec: CampaignSpec) {
    by_system(shop, PromoCommand::CreateCampaign { campaign: campaign.clone(), spec });
    by_system(shop, PromoCommand::OpenCampaign { campaign });
}

/// The shop with a coupon of either kind in the hands of buyer 0: every layer has its discount.
pub(crate) fn till() -> Shop {
    let mut shop = shop();
    let kinds = [(Funder::Seller, CouponKind::Amount), (Funder::Platform, CouponKind::Percent)];
    for (number, (funder, kind)) in kinds.into_iter().enumerate() {
        let campaign: CampaignId = id(&format!("c{number}"));
        open(&mut shop, campaign.clone(), self::campaign(funder, kind, Task::None));
        let coupon = id(&format!("k{number}"));
        let claim = PromoCommand::Claim { campaign, coupon, room: None };
        by(&mut shop, buyer(0), Role::Buyer, claim);
    }
    shop
}

/// Two units of each SKU.
pub(crate) fn basket() -> Basket {
    let line = |number| BasketLine { sku: sku(number), quantity: 2 };
    Basket::Lines((0..LINES).map(line).collect())
}

/// The shop with a running watch task, and everybody seen once.
pub(crate) fn watched() -> Shop {
    let mut shop = shop();
    let needed_ms = SpanMs::hours(1);
    let spec = campaign(Funder::Seller, CouponKind::Amount, Task::Watch { needed_ms });
    open(&mut shop, id("watch"), spec);
    shop.pulse(&id("room"), Pulse { marks: marks(NOW), ..Pulse::default() }, NOW);
    shop
}

/// Every viewer once, as a node reports them.
pub(crate) fn marks(at: Millis) -> Vec<WatchMark> {
    let mark = |number| WatchMark {
        buyer: buyer(number),
        connection: number,
        at,
        seen: Seen::Watching,
        device: None,
    };
    (0..VIEWERS).map(mark).collect()
}
