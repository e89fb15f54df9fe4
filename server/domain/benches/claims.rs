//! Claims through `Shop::execute` on one core, and their replay: 100,000 buyers, 10,000 units,
//! ids as long as on the wire. Owns the workload; reports elements a second, decides nothing.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hawker_domain::command::{
    Actor, Claim, Command, CouponChoice, ProductSpec, Role, RoomCommand, RoomSpec, SaleCommand,
    SaleItemSpec, SaleSpec, Scope, ShopCommand, SkuSpec, Stock,
};
use hawker_domain::id::{ReservationId, RoomId, SaleId, ShopId, SkuId, UserId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Event, Shop};

const BUYERS: u64 = 100_000;
const UNITS: u32 = 10_000;
const NOW: Millis = Millis(1_760_000_000_000);

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

/// As long as a UUID, and as little sorted as those of many clients.
fn uuid_like(kind: u64, number: u64) -> String {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind.wrapping_mul(0xff51_afd7);
    let low = mixed & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-7{kind:03x}-8{:03x}-{low:012x}", mixed >> 32, number & 0xffff, kind)
}

fn by_system(shop: &mut Shop, command: Command) {
    let actor = Actor { user: id("system"), role: Role::Service };
    let accepted = shop.execute(&actor, &command, NOW);
    assert!(accepted.is_ok(), "{command:?}: {accepted:?}");
}

/// A shop whose sale of `total_units` is live, or announced only.
fn shop(total_units: u32, live: bool) -> Shop {
    let mut shop = Shop::new(ShopId::parse("acme").expect("an id"));
    let currency = Currency::parse("USD").expect("a currency");
    let settings = Settings::default();
    let create = ShopCommand::Create { name: "Acme".into(), currency, settings };
    by_system(&mut shop, Command::Shop(create));
    let sku = sku();
    let title = "Lipstick".to_owned();
    let item = SkuSpec { sku: sku.clone(), title: title.clone(), price_minor: Minor(2_999) };
    let spec =
        ProductSpec { title: title.clone(), image_url: None, listed: true, skus: vec![item] };
    let put = ShopCommand::PutProduct { product: id("lipstick"), spec };
    by_system(&mut shop, Command::Shop(put));
    let stock = Stock::Units(u64::from(total_units));
    by_system(&mut shop, Command::Shop(ShopCommand::SetStock { sku: sku.clone(), stock }));
    let spec = RoomSpec {
        streamer: id("sue"),
        title,
        cover_url: None,
        playback_url: None,
        keep_comments: false,
        slow_mode_ms: SpanMs(0),
    };
    by_system(&mut shop, Command::Room(RoomCommand::Create { room: room(), spec }));
    by_system(&mut shop, Command::Room(RoomCommand::Start { room: room() }));
    let spec = sale_spec(sku, total_units);
    by_system(&mut shop, Command::Sale(SaleCommand::Create { sale: sale(), spec }));
    by_system(&mut shop, Command::Sale(SaleCommand::Announce { sale: sale() }));
    if live {
        by_system(&mut shop, Command::Sale(SaleCommand::Start { sale: sale() }));
    }
    shop
}

fn sale_spec(sku: SkuId, total_units: u32) -> SaleSpec {
    let item = SaleItemSpec { sku, total_units, per_buyer_units: 2, price_minor: Minor(990) };
    SaleSpec {
        title: "Flash".into(),
        scope: Scope::AllRooms,
        items: vec![item],
        announce_at: None,
        starts_at: None,
        countdown_ms: None,
        run_ms: None,
        hold_ms: None,
        min_presence_ms: None,
        price_hidden: false,
        reminder_text: String::new(),
        draw: None,
    }
}

fn sku() -> SkuId {
    id("lipstick-red-matte")
}

fn sale() -> SaleId {
    id("0190aaaa-0000-7000-8000-0000000000aa")
}

fn room() -> RoomId {
    id("0190aaaa-0000-7000-8000-0000000000bb")
}

/// `count` claims of as many different buyers, each of one reservation id of his own.
fn claims(count: u64, quantity: u32) -> Vec<(Actor, Command)> {
    let claim = |number| {
        let user: UserId = id(&uuid_like(1, number));
        let reservation: ReservationId = id(&uuid_like(2, number));
        let claim = Claim {
            room: room(),
            sale: sale(),
            sku: sku(),
            quantity,
            reservation,
            present_ms: SpanMs::seconds(10),
            coupons: CouponChoice::Best,
        };
        let actor = Actor { user, role: Role::Buyer };
        (actor, Command::Sale(SaleCommand::Claim(claim)))
    };
    (0..count).map(claim).collect()
}

/// How many were accepted.
fn run(shop: &mut Shop, claims: &[(Actor, Command)]) -> usize {
    let accepted = |(actor, command): &(Actor, Command)| {
        black_box(shop.execute(black_box(actor), black_box(command), NOW)).is_ok()
    };
    claims.iter().map(accepted).filter(|accepted| *accepted).count()
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    (before, claims): (&Shop, &[(Actor, Command)]),
    accepted: usize,
) {
    let mut group = criterion.benchmark_group("claims");
    group.throughput(Throughput::Elements(claims.len() as u64));
    group.sample_size(20);
    group.bench_function(name, |bencher| {
        bencher.iter_batched_ref(
            || before.clone(),
            |shop| assert_eq!(run(shop, claims), accepted),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    let mixed = claims(BUYERS, 1);
    let live = shop(UNITS, true);
    measure(criterion, "mixed, to exhaustion", (&live, &mixed), UNITS as usize);

    let plenty = shop(1_000_000, true);
    measure(criterion, "accepted, each another buyer", (&plenty, &mixed), mixed.len());
    measure(criterion, "accepted, 10,000 units", (&live, &mixed[..UNITS as usize]), UNITS as usize);

    let mut sold_out = live.clone();
    run(&mut sold_out, &mixed[..UNITS as usize]);
    measure(criterion, "refused, sold out", (&sold_out, &mixed[UNITS as usize..]), 0);
    measure(criterion, "refused, over the limit", (&live, &claims(BUYERS, 3)), 0);
    measure(criterion, "refused, too early", (&shop(UNITS, false), &mixed), 0);
    replay(criterion, &plenty, &mixed);
}

/// The events of 100,000 accepted claims, applied to the shop they came from.
fn replay(criterion: &mut Criterion, before: &Shop, claims: &[(Actor, Command)]) {
    let mut live = before.clone();
    let mut events: Vec<Event> = Vec::new();
    for (actor, command) in claims {
        events.extend(
            live.execute(actor, command, NOW).map(|accepted| accepted.events).unwrap_or_default(),
        );
    }
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.sample_size(20);
    group.bench_function("events of claims", |bencher| {
        bencher.iter_batched_ref(
            || before.clone(),
            |shop| events.iter().for_each(|event| shop.apply(black_box(event), NOW)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
