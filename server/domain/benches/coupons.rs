//! What a buyer waits for at the till, and what a room's heartbeats cost: a quote of 20 lines with
//! four layers, and heartbeats of 20,000 viewers with a running task. Owns the workload; reports
//! elements a second, decides nothing.

#[path = "support/till.rs"]
mod till;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hawker_domain::Pulse;
use hawker_domain::command::CouponChoice;
use hawker_domain::time::SpanMs;

use till::{NOW, VIEWERS, basket, buyer, id, marks, till, watched};

fn quote(criterion: &mut Criterion) {
    let (shop, basket) = (till(), basket());
    let ask = || shop.quote(&buyer(0), &basket, &CouponChoice::Best, None, NOW);
    let quoted = ask().expect("a quote");
    assert!(quoted.lines.iter().all(|line| line.parts.len() == 4), "{quoted:?}");
    criterion.bench_function("quote, 20 lines and 4 layers", |bencher| {
        bencher.iter(|| black_box(ask()));
    });
}

fn heartbeats(criterion: &mut Criterion) {
    let (shop, room) = (watched(), id("room"));
    let later = NOW + SpanMs::seconds(9);
    let mut group = criterion.benchmark_group("watch");
    group.throughput(Throughput::Elements(VIEWERS));
    group.sample_size(20);
    group.bench_function("heartbeats of 20,000 viewers", |bencher| {
        bencher.iter_batched(
            || (shop.clone(), Pulse { marks: marks(later), ..Pulse::default() }),
            |(mut shop, pulse)| {
                shop.pulse(&room, pulse, later);
                shop
            },
            BatchSize::PerIteration,
        );
    });
    let due = NOW + SpanMs::seconds(10);
    group.bench_function("a checkpoint of 20,000 viewers", |bencher| {
        bencher.iter_batched(
            || shop.clone(),
            |mut shop| {
                let events = shop.elapse(due, 10).events;
                assert_eq!(events.len(), 1);
                shop
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, quote, heartbeats);
criterion_main!(benches);
