//! What waits for its seed is asked for when it is due, and again after a restart.

use std::time::Duration;

use hawker_domain::command::{
    Capabilities, Commitment, DrawMode, DrawSpec, PromoCommand, SaleCommand, SaleSpec, Seed, Task,
};
use hawker_domain::settings::Settings;
use hawker_domain::shop::lot;
use hawker_domain::time::SpanMs;

use super::*;
use crate::clock::Clock;
use crate::engine::testing::*;
use crate::engine::{self, Engine};
use crate::journal::memory::Memory;

#[derive(Debug)]
struct Deaf;

impl CommitSink for Deaf {
    fn restored(&self, _: &Lease, _: &Shop) {}
    fn unloaded(&self, _: &Lease) {}
    fn committed(&self, _: &Committed, _: Vec<Change>) {}
    fn passing(&self, _: &ShopId, _: Vec<Ephemeral>) {}
}

fn commitment() -> Commitment {
    Commitment { seed_hash: lot::seed_hash(&Seed([7; 32])), sealed: vec![1] }
}

fn start(memory: &Memory, clock: &Clock) -> (Engine, Wishes) {
    let (sink, wishes) = watching(Arc::new(Deaf));
    let journal = Arc::new(memory.clone());
    (Engine::start(engine::Options::default(), clock.clone(), journal, sink), wishes)
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_asked_for_again_after_a_restart_though_nobody_asks_for_its_shop() {
    let (memory, clock) = (Memory::new(), Clock::starting_at(START));
    let (engine, mut wishes) = start(&memory, &clock);
    let driver = Driver::new(engine.clone());
    driver.found(Settings::default(), 9).await;
    driver.go_live("r1").await;
    let capabilities = Capabilities { lucky_draws: true };
    driver.manage(PromoCommand::SetCapabilities { capabilities }).await;
    let draw = DrawId::parse("d1").unwrap();
    let spec = DrawSpec {
        room: room_id("r1"),
        title: "A mug".to_owned(),
        winners: 1,
        task: Task::None,
        run_ms: SpanMs::seconds(30),
        address_ms: SpanMs::hours(48),
        next_in_order: false,
        commitment: commitment(),
    };
    driver.manage(PromoCommand::StartDraw { draw: draw.clone(), spec }).await;
    let mode = DrawMode { window_ms: SpanMs::seconds(2), commitment: commitment() };
    let drawn = SaleSpec { draw: Some(mode), ..flash(in_room("r1"), 1) };
    driver.manage(SaleCommand::Create { sale: sale_id(), spec: drawn }).await;
    let started_at = clock.now();
    driver.manage(SaleCommand::Start { sale: sale_id() }).await;
    let sale_wish = (Sealed::Sale(shop_id(), sale_id()), started_at + SpanMs::seconds(2));
    assert_eq!(wishes.next().await, Some(sale_wish.clone()));
    pass(Duration::from_secs(31)).await;
    let draw_wish = (Sealed::Draw(shop_id(), draw), Millis(0));
    assert_eq!(wishes.next().await, Some(draw_wish.clone()));

    // The process ended before it opened a seed. Nobody asks: the due index wakes the shop.
    engine.stop().await;
    let (_engine, mut wishes) = start(&memory, &clock);
    let heard = [wishes.next().await.unwrap(), wishes.next().await.unwrap()];
    assert_eq!(heard, [draw_wish, sale_wish]);
}
