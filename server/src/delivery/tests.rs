//! Delivery behind a real engine, seen from the bus and from sockets. Owns what the tests below
//! share; time is tokio's, paused.

mod client;
mod desk;
mod draws;
mod histories;
mod offers;
mod people;
mod stage;
mod stock;
mod thinning;
mod watching;

use std::collections::BTreeSet;

use hawker_domain::command::{RoomCommand, SaleCommand, Scope};
use hawker_domain::settings::Settings;
use serde_json::Value;

use super::*;
use crate::bus::{Local, Subscriber};
use crate::engine::testing::*;
use crate::engine::{self, Engine};
use crate::hub::{self, Hub};
use crate::journal::Journal;
use crate::journal::memory::Memory;

/// Hears everything that is published, and when.
#[derive(Debug, Default)]
struct Spy {
    heard: Mutex<Vec<(Instant, Publication)>>,
}

impl Subscriber for Spy {
    fn on_publication(&self, publication: Publication) {
        lock(&self.heard).push((Instant::now(), publication));
    }
}

/// A shop's server without its edge.
struct House {
    driver: Driver,
    delivery: Arc<Delivery>,
    hub: Arc<Hub>,
    spy: Arc<Spy>,
    memory: Memory,
    clock: Clock,
}

fn topic(room: &str) -> Topic {
    Topic::room(&shop_id(), &room_id(room))
}

fn engine_over(memory: &Memory, clock: &Clock, delivery: &Arc<Delivery>) -> Engine {
    let journal: Arc<dyn Journal> = Arc::new(memory.clone());
    Engine::start(engine::Options::default(), clock.clone(), journal, delivery.clone())
}

impl House {
    /// A shop with a room on air and nothing else.
    async fn open() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let (bus, spy) = (Arc::new(Local::new()), Arc::new(Spy::default()));
        let (memory, clock) = (Memory::new(), Clock::starting_at(START));
        let delivery = Delivery::new(options, bus.clone(), clock.clone());
        let hub = Hub::new(hub::Options::default(), delivery.clone());
        bus.subscribe(spy.clone());
        bus.subscribe(hub.clone());
        tokio::spawn(delivery.clone().run());
        let driver = Driver::new(engine_over(&memory, &clock, &delivery));
        driver.found(Settings::default(), 1_000).await;
        driver.go_live("r1").await;
        settle().await;
        Self { driver, delivery, hub, spy, memory, clock }
    }

    /// Another engine takes the shop over, under a new lease.
    async fn restart(self) -> Self {
        self.driver.engine.stop().await;
        let engine = engine_over(&self.memory, &self.clock, &self.delivery);
        let driver = self.driver.over(engine);
        // Nobody wakes a shop that nobody asks for.
        driver.engine.query(&shop_id(), |_, _| ()).await.unwrap();
        settle().await;
        Self { driver, ..self }
    }

    fn heard(&self) -> Vec<(Instant, Publication)> {
        lock(&self.spy.heard).clone()
    }

    /// Forgets what was heard so far.
    fn hush(&self) {
        lock(&self.spy.heard).clear();
    }

    /// The lines of one type in one room, parsed, and when they came.
    fn told(&self, room: &str, kind: &str) -> Vec<(Instant, Value)> {
        let topic = topic(room);
        let heard = self.heard().into_iter().filter(|(_, it)| it.topic == topic);
        let lines = heard.map(|(at, it)| (at, parse(&it.line)));
        lines.filter(|(_, line)| line["type"] == kind).collect()
    }

    fn snapshot(&self, room: &str) -> Value {
        parse(&self.delivery.snapshot(&topic(room)).unwrap().body)
    }

    /// Whether the text is in anything that was published or is shown now.
    fn leaks(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        let shown = self.delivery.snapshot(&topic("r1")).unwrap();
        has(&shown.body) || self.heard().iter().any(|(_, it)| has(&it.line))
    }
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

/// The numbers of a room's lines, with their epochs.
fn numbers(heard: &[(Instant, Publication)], room: &str) -> Vec<(u64, u64)> {
    let topic = topic(room);
    let lines = heard.iter().map(|(_, it)| it).filter(|it| it.topic == topic);
    lines.filter_map(|it| Some((it.epoch, it.seq?))).collect()
}

#[tokio::test(start_paused = true)]
async fn each_room_has_its_own_numbers_without_gaps_under_the_leases_epoch() {
    let house = House::open().await;
    house.driver.go_live("r2").await;
    house.driver.run_sale(flash(Scope::AllRooms, 5)).await;
    house.driver.buy("ann", claim("r1", "h1", 2)).await.unwrap();
    house.driver.buy("ann", comment("r2", "c1", "hello")).await.unwrap();
    settle().await;
    for room in ["r1", "r2"] {
        let numbers = numbers(&house.heard(), room);
        let expected: Vec<_> = (1..=numbers.len() as u64).map(|seq| (1, seq)).collect();
        assert_eq!(numbers, expected);
        let shown = house.delivery.snapshot(&topic(room)).unwrap();
        assert_eq!(Some(&(shown.epoch, shown.seq)), numbers.last());
    }
    assert_eq!(house.told("r2", "room.comment").len(), 1);
    assert!(house.told("r1", "room.comment").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sale_is_told_in_the_rooms_of_its_scope_only() {
    let house = House::open().await;
    house.driver.go_live("r2").await;
    house.driver.run_sale(flash(in_room("r1"), 5)).await;
    house.driver.buy("ann", claim("r1", "h1", 2)).await.unwrap();
    settle().await;
    assert_eq!(house.told("r1", "room.stock").len(), 1);
    assert!(house.told("r2", "room.sale").is_empty());
    assert!(house.told("r2", "room.stock").is_empty());
    assert_eq!(house.snapshot("r2")["sales"], Value::Array(vec![]));
}

#[tokio::test(start_paused = true)]
async fn regression_a_room_that_opens_later_shows_the_sales_of_all_rooms() {
    // A sale was told to the rooms that were there when it changed; one that opened afterwards
    // could claim and did not see it.
    let house = House::open().await;
    house.driver.run_sale(flash(Scope::AllRooms, 5)).await;
    house.driver.buy("ann", claim("r1", "h1", 2)).await.unwrap();
    house.driver.go_live("r2").await;
    assert_eq!(house.snapshot("r2")["sales"][0]["items"][0]["available"], 3);
    house.driver.buy("ann", release("h1")).await.unwrap();
    pass(Duration::from_millis(200)).await;
    assert_eq!(house.snapshot("r2")["sales"][0]["items"][0]["available"], 5);
}

#[tokio::test(start_paused = true)]
async fn regression_what_comes_into_the_bag_is_told_with_its_price() {
    // The room's state names the products of its bag; their details reached newcomers only.
    let house = House::open().await;
    house.hush();
    let bag = |products| RoomCommand::SetBag { room: room_id("r1"), products };
    house.driver.manage(bag(vec![])).await;
    house.driver.manage(bag(vec![product_id()])).await;
    let told = house.told("r1", "room.product");
    assert_eq!(told.len(), 1, "once, when it comes in");
    assert_eq!(told[0].1["product"]["skus"][0]["price_minor"], 5_000);
}

#[tokio::test(start_paused = true)]
async fn regression_a_room_hears_the_end_of_the_sale_that_ends_with_it() {
    // The room was forgotten before the rest of the batch was told.
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), 5)).await;
    house.hush();
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    settle().await;
    assert_eq!(house.told("r1", "room.state")[0].1["room"]["state"], "ended");
    assert_eq!(house.told("r1", "room.sale")[0].1["sale"]["state"], "ended");
    house.hush();
    house.driver.manage(lipstick("Balm")).await;
    settle().await;
    assert!(house.told("r1", "room.product").is_empty(), "an ended room hears nothing more");
}

#[tokio::test(start_paused = true)]
async fn an_ended_room_is_answered_for_a_while() {
    let house = House::open().await;
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    pass(Duration::from_secs(299)).await;
    assert_eq!(house.snapshot("r1")["room"]["state"], "ended");
    pass(Duration::from_secs(3)).await;
    assert_eq!(house.delivery.snapshot(&topic("r1")), None);
}

#[tokio::test(start_paused = true)]
async fn regression_a_shop_that_left_memory_leaves_no_feed_behind() {
    // What delivery knew of a shop stayed for the rest of the process.
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), 5)).await;
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    let spec = room_spec(false);
    house.driver.manage(RoomCommand::Create { room: room_id("later"), spec }).await;
    assert_eq!(house.delivery.rooms.len(), 2);
    pass(Duration::from_secs(3_600)).await;
    assert_eq!((house.delivery.shops.len(), house.delivery.rooms.len()), (0, 0));
    house.hush();
    house.driver.go_live("r2").await;
    settle().await;
    assert_eq!(house.delivery.shops.len(), 1);
    let shown = house.delivery.snapshot(&topic("r2")).unwrap();
    assert_eq!(
        (shown.epoch, house.snapshot("r2")["products"][0]["title"].clone()),
        (2, "Lipstick".into())
    );
    let expected: Vec<_> = (1..=shown.seq).map(|seq| (2, seq)).collect();
    assert_eq!(numbers(&house.heard(), "r2"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_another_lease_restored_meanwhile_is_not_forgotten() {
    let house = House::open().await;
    let journal: Arc<dyn Journal> = Arc::new(Memory::new());
    let older = journal.acquire(&shop_id()).await.unwrap();
    let house = house.restart().await;
    house.delivery.unloaded(&older);
    assert_eq!(house.delivery.shops.len(), 1);
    assert!(house.delivery.snapshot(&topic("r1")).is_some());
}

fn secret_sale() -> hawker_domain::command::SaleSpec {
    let mut spec = flash(in_room("r1"), 5);
    spec.price_hidden = true;
    spec.items[0].price_minor = hawker_domain::money::Minor(1_234);
    spec
}

const SECRET: &str = "1234";

#[tokio::test(start_paused = true)]
async fn a_hidden_price_does_not_leave_before_the_start() {
    let house = House::open().await;
    house.driver.manage(SaleCommand::Create { sale: sale_id(), spec: secret_sale() }).await;
    house.driver.manage(SaleCommand::Announce { sale: sale_id() }).await;
    house.driver.manage(RoomCommand::Pin { room: room_id("r1"), sku: sku_id() }).await;
    house.driver.manage(lipstick("Balm")).await;
    let house = house.restart().await;
    assert!(!house.leaks(SECRET), "before the start, whoever owns the shop");
    assert_eq!(house.snapshot("r1")["sales"][0]["price_hidden"], true);
    house.driver.manage(SaleCommand::Start { sale: sale_id() }).await;
    settle().await;
    assert!(house.leaks(SECRET), "from the start on it is open");
    house.driver.manage(SaleCommand::End { sale: sale_id() }).await;
    settle().await;
    assert_eq!(house.snapshot("r1")["sales"][0]["items"][0]["price_minor"], 1_234);
}

#[tokio::test(start_paused = true)]
async fn regression_a_hidden_price_stays_hidden_when_the_sale_is_called_off() {
    // The line that told of the cancelled sale carried what had been kept until then.
    let house = House::open().await;
    house.driver.manage(SaleCommand::Create { sale: sale_id(), spec: secret_sale() }).await;
    house.driver.manage(SaleCommand::Announce { sale: sale_id() }).await;
    house.driver.manage(SaleCommand::Cancel { sale: sale_id() }).await;
    settle().await;
    assert_eq!(house.snapshot("r1")["sales"][0]["state"], "cancelled");
    assert!(!house.leaks(SECRET));
    let house = house.restart().await;
    assert!(!house.leaks(SECRET));
}

#[tokio::test(start_paused = true)]
async fn regression_an_open_price_stays_open_after_a_restart() {
    // Who owned the shop next did not know that the sale had been live, and hid what all had seen.
    let house = House::open().await;
    house.driver.run_sale(secret_sale()).await;
    house.driver.manage(SaleCommand::End { sale: sale_id() }).await;
    let house = house.restart().await;
    let shown = &house.snapshot("r1")["sales"][0];
    assert_eq!((&shown["state"], &shown["price_hidden"]), (&"ended".into(), &false.into()));
    assert_eq!(shown["items"][0]["price_minor"], 1_234);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_price_stays_hidden_when_its_room_ends_before_the_start() {
    let house = House::open().await;
    house.driver.go_live("r2").await;
    let spec = hawker_domain::command::SaleSpec { scope: in_room("r2"), ..secret_sale() };
    house.driver.manage(SaleCommand::Create { sale: sale_id(), spec }).await;
    house.driver.manage(SaleCommand::Announce { sale: sale_id() }).await;
    house.driver.manage(RoomCommand::End { room: room_id("r2") }).await;
    settle().await;
    assert_eq!(house.told("r2", "room.sale")[1].1["sale"]["state"], "ended");
    assert!(!house.leaks(SECRET));
}

#[tokio::test(start_paused = true)]
async fn regression_a_restored_shop_tells_one_line_a_room_and_shows_its_newest_sales() {
    // Every sale that ever ended was told again, each line critical, to everybody in its rooms.
    let house = House::with(Options { ended_sales_max: 2, ..Options::default() }).await;
    let sale = |name: &str| hawker_domain::id::SaleId::parse(name).unwrap();
    // Ids in no order of time.
    for name in ["s5", "s4", "s9", "s1", "s3"] {
        let spec = flash(in_room("r1"), 1);
        house.driver.manage(SaleCommand::Create { sale: sale(name), spec }).await;
        house.driver.manage(SaleCommand::Start { sale: sale(name) }).await;
        if name != "s3" {
            house.driver.manage(SaleCommand::End { sale: sale(name) }).await;
        }
        pass(Duration::from_secs(1)).await;
    }
    let shown = |house: &House| {
        let snapshot = house.snapshot("r1");
        let sales = snapshot["sales"].as_array().unwrap();
        sales.iter().map(|sale| sale["sale"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&house), ["s1", "s3", "s9"]);
    house.hush();
    let house = house.restart().await;
    let told: Vec<_> = house.heard().iter().map(|(_, it)| parse(&it.line)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["type"], "room.state");
    assert_eq!(shown(&house), ["s1", "s3", "s9"]);
}
