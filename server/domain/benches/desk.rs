//! The service desk on one core: 10,000 agents, a million waiting sessions, 97 days of rows. Owns
//! the workload and reports times and bytes; decides nothing.

#[path = "support/counting.rs"]
mod counting;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hawker_domain::command::{ChatCommand, Content, DeskCommand, Intent, ShopCommand};
use hawker_domain::event::DeskEvent;
use hawker_domain::event::desk::{
    Answerer, CloseReason, Exclusion, MessageKind, MessageSent, Sender, SessionOpened,
};
use hawker_domain::id::{SessionId, ShopId, UserId};
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Actor, Command, Event, Role, Shop};

const AGENTS: u64 = 10_000;
const WAITING: u64 = 1_000_000;
const CAP: u32 = 200;
const NOW: Millis = Millis(1_760_000_000_000);
const TIMERS_MAX: usize = 512;
/// Between two arrivals: a million of them come within an hour and a half.
const ARRIVES_MS: u64 = 5;
/// Agents that one question about their rates takes.
const PAGE: usize = 200;

/// As long as a UUID, and as little sorted as those of many people.
fn user(kind: u64, number: u64) -> UserId {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind.wrapping_mul(0xff51_afd7);
    let low = mixed & 0xffff_ffff_ffff;
    let text =
        format!("{:08x}-{:04x}-7{kind:03x}-8{:03x}-{low:012x}", mixed >> 32, number & 0xffff, kind);
    text.parse().expect("an id")
}

fn agent(number: u64) -> UserId {
    user(1, number)
}

fn buyer(number: u64) -> UserId {
    user(2, number)
}

fn shop() -> Shop {
    let mut shop = Shop::new(ShopId::parse("acme").expect("an id"));
    let actor = Actor { user: user(3, 0), role: Role::Service };
    let currency = Currency::parse("USD").expect("a currency");
    let settings = Settings::default();
    let create = ShopCommand::Create { name: "Acme".into(), currency, settings };
    assert!(shop.execute(&actor, &Command::Shop(create), NOW).is_ok());
    shop
}

/// Connected and accepting: what the journal would say of each.
fn agents(shop: &mut Shop, cap: u32) {
    for number in 0..AGENTS {
        let name = agent(number);
        let connection = format!("c{number}").parse().expect("an id");
        let (agent, by) = (name.clone(), name.clone());
        shop.apply(&Event::Desk(DeskEvent::AgentCapSet { agent, cap, by }), NOW);
        let agent = name.clone();
        shop.apply(&Event::Desk(DeskEvent::AgentConnected { agent, connection }), NOW);
        let (agent, by, intent) = (name.clone(), name, Intent::Accepting);
        shop.apply(&Event::Desk(DeskEvent::AgentIntentSet { agent, intent, by }), NOW);
    }
}

fn opened(session: u64, buyer: UserId, at: Millis) -> [Event; 2] {
    let session = SessionId(session);
    let opened = SessionOpened {
        session,
        buyer: buyer.clone(),
        answer_by: Some(at + SpanMs::hours(24)),
        holiday: false,
        excludes: vec![Exclusion::Holiday, Exclusion::NoReply, Exclusion::Reported],
        context: None,
    };
    let sent = MessageSent {
        buyer,
        seq: 1,
        session: Some(session),
        from: Sender::Buyer,
        kind: MessageKind::Text,
        chars: 5,
        hash: "00112233445566778899aabbccddeeff".to_owned(),
    };
    [DeskEvent::SessionOpened(opened), DeskEvent::MessageSent(sent)].map(Event::Desk)
}

/// A session that a person answered and closed, and the message he did it with.
fn served(session: u64, at: Millis) -> [Event; 2] {
    let (id, by) = (SessionId(session), agent(session % AGENTS));
    let answered =
        DeskEvent::SessionAnswered { session: id, by: Answerer::Human(by.clone()), replied_at: at };
    let closed = DeskEvent::SessionClosed {
        session: id,
        reason: CloseReason::Agent,
        by: Some(by.clone()),
        owner: Some(by),
        first_seq: 1,
        last_seq: 2,
    };
    [Event::Desk(answered), Event::Desk(closed)]
}

fn report(name: &str, mut spans: Vec<Duration>) {
    if spans.is_empty() {
        // Left out by a filter.
        return;
    }
    spans.sort_unstable();
    let at = |share: f64| spans[((spans.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: {} times, p50 {:?}, p99 {:?}, p99.9 {:?}, most {:?}",
        spans.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// A first message that finds its agent, and a close that frees a slot, in turn.
fn desk_assign(criterion: &mut Criterion) {
    let mut full = shop();
    agents(&mut full, CAP);
    for session in 1..=AGENTS * 20 {
        for event in opened(session, buyer(session), NOW) {
            full.apply(&event, NOW);
        }
    }
    while full.next_due().is_some_and(|due| due <= NOW) {
        full.elapse(NOW, TIMERS_MAX);
    }
    let mut next = AGENTS * 20;
    let mut spans = Vec::new();
    criterion.bench_function("desk_assign", |bencher| {
        bencher.iter_custom(|count| {
            let mut sum = Duration::ZERO;
            for _ in 0..count {
                next += 1;
                let actor = Actor { user: buyer(next), role: Role::Buyer };
                let content = Content::Text("hello".to_owned());
                let send = Command::Chat(ChatCommand::Send { content, room: None });
                let start = WallTime.start();
                let accepted = full.execute(&actor, black_box(&send), NOW);
                let span = WallTime.end(start);
                let accepted = accepted.expect("a session");
                assert_eq!(accepted.events.len(), 3, "opened, sent, assigned");
                spans.push(span);
                sum += span;
                let leader = Actor { user: user(3, 1), role: Role::Manager };
                let close = DeskCommand::Close { session: SessionId(next), epoch: 1 };
                full.execute(&leader, &Command::Desk(close), NOW).expect("a close");
            }
            sum
        });
    });
    report("desk_assign, each alone", spans);
}

/// A million sessions that wait, and what each of them takes.
fn waiting() -> Shop {
    let mut waiting = shop();
    let empty = counting::bytes();
    for number in 1..=WAITING {
        let (buyer, by) = (buyer(number), user(3, 0));
        waiting.apply(&Event::Desk(DeskEvent::BuyerUnblocked { buyer, by }), NOW);
    }
    let known = counting::bytes();
    for session in 1..=WAITING {
        let at = NOW + SpanMs(session * ARRIVES_MS);
        for event in opened(session, buyer(session), at) {
            waiting.apply(&event, at);
        }
    }
    let each = |bytes: usize| bytes as f64 / WAITING as f64;
    println!("desk_drain: {:.0} bytes a conversation", each(known - empty));
    println!("desk_drain: {:.0} bytes a waiting session", each(counting::bytes() - known));
    waiting
}

/// A million waiting sessions, to 10,000 agents who all have room at once.
fn desk_drain(criterion: &mut Criterion) {
    let mut waiting = waiting();
    agents(&mut waiting, CAP);
    let now = NOW + SpanMs(WAITING * ARRIVES_MS);
    let mut spans = Vec::new();
    let mut group = criterion.benchmark_group("desk_drain");
    group.sample_size(10).throughput(Throughput::Elements(WAITING));
    group.bench_function("1,000,000 waiting", |bencher| {
        bencher.iter_batched_ref(
            || waiting.clone(),
            |shop| {
                let mut moved = 0;
                while shop.next_due().is_some_and(|due| due <= now) {
                    let start = WallTime.start();
                    moved += shop.elapse(now, TIMERS_MAX).events.len();
                    spans.push(WallTime.end(start));
                }
                assert_eq!(moved, WAITING as usize);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    report("desk_drain, each step", spans);
}

/// 90 days of a shop with 10,000 sessions a day, to the millisecond.
fn desk_rate_query(criterion: &mut Criterion) {
    let mut old = shop();
    agents(&mut old, CAP);
    let count = 900_000;
    let gap_ms = 90 * 86_400_000 / count;
    let at = |session: u64| NOW + SpanMs(session * gap_ms);
    for session in 1..=count {
        let now = at(session);
        for event in
            opened(session, buyer(session % 50_000), now).iter().chain(&served(session, now))
        {
            old.apply(event, now);
        }
    }
    let (from, until) = (NOW + SpanMs(1_234_567), at(count) - SpanMs(7_654_321));
    assert!(old.response_rate(from, until).human_hits > 0);
    let mut group = criterion.benchmark_group("desk_rate_query");
    group.bench_function("90 days, the shop", |bencher| {
        bencher.iter(|| old.response_rate(black_box(from), black_box(until)));
    });
    let one = agent(17);
    group.bench_function("90 days, one agent", |bencher| {
        bencher.iter(|| old.agent_rate(&one, black_box(from), black_box(until)));
    });
    let some = old.agent_rates((from, until), None, PAGE).next;
    assert!(some.is_some());
    group.bench_function("90 days, a page of 200 agents", |bencher| {
        bencher.iter(|| old.agent_rates(black_box((from, until)), some.as_ref(), PAGE));
    });
    group.finish();
}

/// Opened, written, assigned, answered, closed: what a day leaves in the journal.
fn replay(criterion: &mut Criterion) {
    const SESSIONS: u64 = 200_000;
    let mut live = shop();
    agents(&mut live, CAP);
    let empty = live.clone();
    let mut events = Vec::new();
    for session in 1..=SESSIONS {
        let at = NOW + SpanMs(session);
        let from = events.len();
        events.extend(opened(session, buyer(session), at).map(|event| (at, event)));
        for (at, event) in &events[from..] {
            live.apply(event, *at);
        }
        let assigned = live.elapse(at, TIMERS_MAX).events;
        events.extend(assigned.into_iter().map(|event| (at, event)));
        let served = served(session, at);
        served.iter().for_each(|event| live.apply(event, at));
        events.extend(served.map(|event| (at, event)));
    }
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.sample_size(10);
    group.bench_function("events of the desk", |bencher| {
        bencher.iter_batched_ref(
            || empty.clone(),
            |shop| events.iter().for_each(|(at, event)| shop.apply(black_box(event), *at)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, desk_assign, desk_drain, desk_rate_query, replay);
criterion_main!(benches);
