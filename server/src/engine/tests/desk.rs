//! What the engine owes the service desk: links that a restart cuts, agents who keep their shop
//! awake, places in the queue, typing.

use hawker_domain::command::{ChatCommand, Content, DeskCommand, Intent};
use hawker_domain::event::DeskEvent;
use hawker_domain::event::desk::Side;
use hawker_domain::time::SpanMs;
use hawker_domain::view::desk::{AgentStatus, Position};

use super::*;
use crate::engine::testing::*;

const SECOND: Duration = Duration::from_secs(1);

async fn founded(bench: &Bench) -> Driver {
    let driver = Driver::new(bench.engine.clone());
    driver.found(Settings::default(), 5).await;
    driver
}

async fn desk(driver: &Driver, name: &str, command: DeskCommand) {
    driver.ask(name, Role::Agent, command).await.unwrap();
}

async fn connect(driver: &Driver, name: &str) {
    let connection = format!("c-{name}").parse().unwrap();
    desk(driver, name, DeskCommand::Connect { connection }).await;
}

/// Connected, and accepting up to `cap` sessions.
async fn serve(driver: &Driver, name: &str, cap: u32) {
    desk(driver, name, DeskCommand::SetCap { agent: None, cap }).await;
    connect(driver, name).await;
    let intent = Intent::Accepting;
    desk(driver, name, DeskCommand::SetIntent { agent: None, intent, confirmed: false }).await;
}

fn hello() -> ChatCommand {
    ChatCommand::Send { content: Content::Text("hello".to_owned()), room: None }
}

async fn status(engine: &Engine, name: &str) -> (AgentStatus, u32) {
    let agent = user_id(name);
    let view = engine.query(&shop(), move |shop, _| shop.agent_view(&agent)).await.unwrap();
    view.map(|view| (view.status, view.connections)).unwrap()
}

async fn hash(engine: &Engine) -> [u8; 32] {
    engine.query(&shop(), |shop, _| shop.state_hash()).await.unwrap()
}

async fn version(bench: &Bench) -> Version {
    bench.engine.position(&shop()).await.unwrap().version
}

fn lost_until(at: Millis) -> Event {
    Event::Desk(DeskEvent::LinksLost { grace_until: at + SpanMs::seconds(30) })
}

/// The places that buyers were told, the oldest first.
fn places(bench: &Bench) -> Vec<(String, Position)> {
    let passed = bench.ears.passed.lock().unwrap();
    let told = passed.iter().flat_map(|passing| match passing {
        Ephemeral::Positions(better) => better.clone(),
        other => panic!("{other:?}"),
    });
    told.map(|view| (view.buyer.to_string(), view.position)).collect()
}

fn told(all: &[(&str, u32)]) -> Vec<(String, Position)> {
    all.iter().map(|(buyer, rank)| ((*buyer).to_owned(), Position::Exact(*rank))).collect()
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_first_entry_says_that_no_link_is_left() {
    let clock = Clock::starting_at(START);
    let first = bench_with(Memory::new(), Options::default(), clock.clone());
    let driver = founded(&first).await;
    serve(&driver, "bea", 9).await;
    first.engine.stop().await;
    let before = version(&first).await;
    pass(SECOND * 60).await;

    let bench = bench_with(first.memory, Options::default(), clock.clone());
    let driver = driver.over(bench.engine.clone());
    driver.manage(lipstick("Balm")).await;
    let records = bench.engine.records(&shop(), before, usize::MAX).await.unwrap();
    let [record] = &records[..] else { panic!("one batch: {records:?}") };
    assert_eq!(record.entries[0].by, None);
    assert_eq!(record.entries[0].events, [lost_until(clock.now())]);
    assert_eq!(record.entries.len(), 2, "the command came second");
    assert_eq!(status(&bench.engine, "bea").await, (AgentStatus::Reconnecting, 0));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_was_connected_a_restart_writes_nothing() {
    let first = bench();
    let driver = founded(&first).await;
    serve(&driver, "bea", 9).await;
    desk(&driver, "bea", DeskCommand::LogOut { confirmed: true }).await;
    first.engine.stop().await;
    let before = version(&first).await;
    let bench = bench_over(first.memory, Options::default());
    assert_eq!(status(&bench.engine, "bea").await, (AgentStatus::Offline, 0));
    assert_eq!(version(&bench).await, before);
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_of_lost_links_before_they_are_durable() {
    let first = bench();
    let driver = founded(&first).await;
    serve(&driver, "bea", 9).await;
    first.engine.stop().await;
    first.faults.hold_appends();
    let bench = bench_over(first.memory, Options::default());
    let engine = bench.engine.clone();
    let asked = tokio::spawn(async move { status(&engine, "bea").await });
    bench.faults.appends_waiting(1).await;
    settle().await;
    assert!(!asked.is_finished());
    assert_eq!(bench.ears.heard(), ["restored acme under epoch 2"]);
    bench.faults.release_appends();
    assert_eq!(asked.await.unwrap().0, AgentStatus::Reconnecting);
    let last = bench.ears.heard().pop();
    assert_eq!(last.as_deref(), Some("version 7: 1 entries, 2 changes"), "the agent, the alerts");
}

#[tokio::test(start_paused = true)]
async fn lost_links_are_replayed_to_the_same_state() {
    let first = bench();
    let driver = founded(&first).await;
    serve(&driver, "bea", 9).await;
    driver.buy("ann", hello()).await.unwrap();
    first.engine.stop().await;

    let second = bench_over(first.memory, Options::default());
    assert_eq!(status(&second.engine, "bea").await.0, AgentStatus::Reconnecting);
    pass(SECOND * 31).await;
    assert_eq!(status(&second.engine, "bea").await.0, AgentStatus::Offline);
    let live = hash(&second.engine).await;
    second.engine.stop().await;

    let (position, _) = second.memory.snapshot(&shop()).await.unwrap().unwrap();
    let lease = second.memory.acquire(&shop()).await.unwrap();
    second.memory.save_snapshot(&lease, position, Vec::new()).await.unwrap();
    let third = bench_over(second.memory, Options::default());
    assert_eq!(hash(&third.engine).await, live);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_read_again_is_told_its_links_again() {
    let bench = bench();
    let driver = founded(&bench).await;
    let mut reigns = bench.engine.reigns(&shop()).unwrap();
    assert_eq!(*reigns.borrow_and_update(), 1);
    serve(&driver, "bea", 9).await;
    bench.faults.fail_append(Fault::TakenOver);
    let lost = driver.begin("erp", Role::Service, lipstick("Balm")).await;
    assert_eq!(lost, Err(Error::Retry));
    reigns.wait_for(|reign| *reign > 1).await.unwrap();
    assert_eq!(status(&bench.engine, "bea").await, (AgentStatus::Reconnecting, 0));
    connect(&driver, "bea").await;
    assert_eq!(status(&bench.engine, "bea").await, (AgentStatus::Accepting, 1));
    pass(SECOND * 60).await;
    assert_eq!(status(&bench.engine, "bea").await, (AgentStatus::Accepting, 1));
    assert!(!reigns.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_shop_stays_in_memory_while_an_agent_is_connected_or_expected_back() {
    let bench = bench();
    let driver = founded(&bench).await;
    connect(&driver, "bea").await;
    let comings = || bench.ears.heard().iter().filter(|line| line.contains("epoch")).count();
    pass(SECOND * 3_600).await;
    assert_eq!(comings(), 1, "an hour without a word");
    let connection = "c-bea".parse().unwrap();
    desk(&driver, "bea", DeskCommand::Disconnect { connection }).await;
    pass(SECOND * 601).await;
    assert_eq!(comings(), 2, "restored once, and unloaded");
}

#[tokio::test(start_paused = true)]
async fn a_shop_whose_agent_does_not_come_back_is_unloaded_after_his_grace() {
    let bench = bench_over(Memory::new(), Options { idle: SECOND, ..Options::default() });
    let driver = founded(&bench).await;
    serve(&driver, "bea", 9).await;
    let connection = "c-bea".parse().unwrap();
    desk(&driver, "bea", DeskCommand::Disconnect { connection }).await;
    let is_gone = || bench.ears.heard().iter().any(|line| line.starts_with("unloaded"));
    pass(SECOND * 29).await;
    assert!(!is_gone());
    pass(SECOND * 3).await;
    assert!(is_gone(), "{:?}", bench.ears.heard());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_at_most_each_second_that_his_place_is_better() {
    let bench = bench();
    let driver = founded(&bench).await;
    for buyer in ["ann", "bob", "cat"] {
        driver.buy(buyer, hello()).await.unwrap();
    }
    assert_eq!(places(&bench), told(&[("ann", 1)]), "the first after quiet is told at once");
    pass(SECOND * 9 / 10).await;
    assert_eq!(places(&bench), told(&[("ann", 1)]), "not before a second is over");
    pass(SECOND / 10).await;
    let all = [("ann", 1), ("bob", 2), ("cat", 3)];
    assert_eq!(places(&bench), told(&all));
    let before = version(&bench).await;
    pass(SECOND * 10).await;
    assert_eq!(places(&bench), told(&all), "no place became better");

    serve(&driver, "bea", 1).await;
    pass(SECOND).await;
    let better = [&all[..], &[("bob", 1), ("cat", 2)]].concat();
    assert_eq!(places(&bench), told(&better));
    assert_eq!(version(&bench).await, before + 3, "places are written nowhere");
    desk(&driver, "bea", DeskCommand::SetCap { agent: None, cap: 9 }).await;
    pass(SECOND * 10).await;
    assert_eq!(places(&bench), told(&better), "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_told_only_once_the_queue_is_durable() {
    let bench = bench();
    let driver = founded(&bench).await;
    bench.faults.hold_appends();
    let wrote = tokio::spawn(driver.begin("ann", Role::Buyer, hello()));
    bench.faults.appends_waiting(1).await;
    pass(SECOND * 5).await;
    assert_eq!(places(&bench), []);
    bench.faults.release_appends();
    accepted(wrote.await.unwrap());
    assert_eq!(places(&bench), told(&[("ann", 1)]));
}

#[tokio::test(start_paused = true)]
async fn typing_passes_by_with_the_one_who_serves_the_buyer_and_is_written_nowhere() {
    let bench = bench();
    let driver = founded(&bench).await;
    serve(&driver, "bea", 9).await;
    driver.buy("ann", hello()).await.unwrap();
    let before = version(&bench).await;
    driver.buy("bob", ChatCommand::Typing).await.unwrap();
    driver.buy("ann", ChatCommand::Typing).await.unwrap();
    desk(&driver, "bea", DeskCommand::Typing { buyer: user_id("ann") }).await;
    let typing = |buyer, side, user, owner: Option<&str>| Ephemeral::Typing {
        buyer: user_id(buyer),
        side,
        user: user_id(user),
        owner: owner.map(user_id),
    };
    let expected = [
        typing("bob", Side::Buyer, "bob", None),
        typing("ann", Side::Buyer, "ann", Some("bea")),
        typing("ann", Side::Staff, "bea", Some("bea")),
    ];
    assert_eq!(*bench.ears.passed.lock().unwrap(), expected);
    assert_eq!(version(&bench).await, before);
}
