//! The engine against a journal that can be told to fail. Time is tokio's, paused.

mod desk;
mod feed;
mod pulses;
mod servers;
mod snapshots;
mod time;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hawker_domain::command::{Command, Role, ShopCommand};
use hawker_domain::id::UserId;
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use rstest::rstest;

use super::testing::{START, pass, settle};
use super::*;
use crate::journal::memory::{Fault, Faults, Memory};

/// Notes the order in which things reached the outside.
#[derive(Debug, Default)]
struct Ears {
    heard: Mutex<Vec<String>>,
    passed: Mutex<Vec<Ephemeral>>,
}

impl CommitSink for Ears {
    fn restored(&self, lease: &Lease, shop: &Shop) {
        self.note(format!("restored {} under epoch {}", shop.id(), lease.epoch()));
    }

    fn unloaded(&self, lease: &Lease) {
        self.note(format!("unloaded {} under epoch {}", lease.shop(), lease.epoch()));
    }

    fn committed(&self, committed: &Committed, changes: Vec<Change>) {
        let entries = committed.entries().len();
        let (version, changes) = (committed.position().version, changes.len());
        self.note(format!("version {version}: {entries} entries, {changes} changes"));
    }

    fn passing(&self, shop: &ShopId, passing: Vec<Ephemeral>) {
        self.note(format!("passing in {shop}: {}", passing.len()));
        self.passed.lock().unwrap().extend(passing);
    }
}

impl Ears {
    fn note(&self, text: String) {
        self.heard.lock().unwrap().push(text);
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

struct Bench {
    engine: Engine,
    memory: Memory,
    faults: Faults,
    ears: Arc<Ears>,
}

fn bench_over(memory: Memory, options: Options) -> Bench {
    bench_with(memory, options, Clock::starting_at(START))
}

fn bench_with(memory: Memory, options: Options, clock: Clock) -> Bench {
    let ears = Arc::new(Ears::default());
    let journal: Arc<dyn Journal> = Arc::new(memory.clone());
    let engine = Engine::start(options, clock, journal, ears.clone());
    Bench { engine, faults: memory.faults(), memory, ears }
}

fn bench() -> Bench {
    bench_over(Memory::new(), Options::default())
}

fn shop() -> ShopId {
    ShopId::parse("acme").unwrap()
}

fn submission(id: &str, command: ShopCommand) -> Submission {
    Submission {
        shop: shop(),
        actor: Actor { user: UserId::parse("erp").unwrap(), role: Role::Service },
        command: Command::Shop(command),
        identity: Some(CommandIdentity { command: CommandId::parse(id).unwrap(), payload_hash: 7 }),
        deadline: Instant::now() + Duration::from_secs(5),
    }
}

fn create() -> Submission {
    let currency = Currency::parse("USD").unwrap();
    let settings = Settings::default();
    submission("create", ShopCommand::Create { name: "Acme".to_owned(), currency, settings })
}

fn rename(id: &str, name: &str) -> Submission {
    submission(id, ShopCommand::Rename { name: name.to_owned() })
}

async fn name(engine: &Engine) -> Option<String> {
    engine.query(&shop(), |shop, _| shop.view().map(|view| view.name)).await.unwrap()
}

fn accepted(outcome: Result<Outcome, Error>) -> Answer {
    match outcome.unwrap() {
        Outcome::Accepted(answer) => *answer,
        Outcome::Refused(rejection) => panic!("refused: {rejection}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_leaves_only_after_its_append() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.hold_appends();
    let engine = bench.engine.clone();
    let waiting = tokio::spawn(async move { engine.submit(rename("c1", "New")).await });
    bench.faults.appends_waiting(1).await;
    assert!(!waiting.is_finished());
    let heard = bench.ears.heard();
    bench.faults.release_appends();
    accepted(waiting.await.unwrap());
    assert_eq!(heard.len() + 1, bench.ears.heard().len(), "{:?}", bench.ears.heard());
}

#[tokio::test(start_paused = true)]
async fn a_question_never_shows_what_is_not_durable() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.hold_appends();
    let (writer, reader) = (bench.engine.clone(), bench.engine.clone());
    let write = tokio::spawn(async move { writer.submit(rename("c1", "New")).await });
    bench.faults.appends_waiting(1).await;
    let read = tokio::spawn(async move { name(&reader).await });
    settle().await;
    assert!(!read.is_finished(), "the answer must wait for the rename it may have seen");
    bench.faults.release_appends();
    accepted(write.await.unwrap());
    assert_eq!(read.await.unwrap().as_deref(), Some("New"));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_during_an_append_makes_one_next_batch() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.hold_appends();
    let first = spawn(&bench, rename("c0", "N0"));
    bench.faults.appends_waiting(1).await;
    let later: Vec<_> =
        (1..=50).map(|n| spawn(&bench, rename(&format!("c{n}"), &format!("N{n}")))).collect();
    settle().await;
    bench.faults.release_appends();
    accepted(first.await.unwrap());
    for task in later {
        accepted(task.await.unwrap());
    }
    let last = bench.ears.heard().pop();
    assert_eq!(last.as_deref(), Some("version 3: 50 entries, 1 changes"));
}

fn spawn(bench: &Bench, submission: Submission) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
    let engine = bench.engine.clone();
    tokio::spawn(async move { engine.submit(submission).await })
}

#[tokio::test(start_paused = true)]
async fn a_repeated_command_gets_the_same_answer_and_happens_once() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    let first = accepted(bench.engine.submit(rename("c1", "New")).await);
    accepted(bench.engine.submit(rename("c2", "Newer")).await);
    let again = accepted(bench.engine.submit(rename("c1", "New")).await);
    assert_eq!((first.at, first.events), (again.at, again.events));
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Newer"));
}

#[tokio::test(start_paused = true)]
async fn an_id_used_for_another_payload_is_a_conflict() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    accepted(bench.engine.submit(rename("c1", "New")).await);
    let mut other = rename("c1", "Other");
    let identity = other.identity.take();
    other.identity = identity.map(|it| CommandIdentity { payload_hash: 8, ..it });
    assert_eq!(bench.engine.submit(other).await, Err(Error::IdempotencyConflict));
    assert_eq!(name(&bench.engine).await.as_deref(), Some("New"));
}

#[tokio::test(start_paused = true)]
async fn answers_are_remembered_across_a_restart() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    let first = accepted(bench.engine.submit(rename("c1", "New")).await);
    bench.engine.stop().await;
    let bench = bench_over(bench.memory, Options::default());
    let again = accepted(bench.engine.submit(rename("c1", "New")).await);
    assert_eq!(first, again);
    let heard = bench.ears.heard();
    assert_eq!(heard, ["restored acme under epoch 2"]);
}

#[rstest]
#[case(Fault::UnknownLanded)]
#[case(Fault::UnknownLost)]
#[case(Fault::Unavailable)]
#[tokio::test(start_paused = true)]
async fn an_append_without_a_verdict_is_tried_again_until_there_is_one(#[case] fault: Fault) {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.fail_append(fault);
    accepted(bench.engine.submit(rename("c1", "New")).await);
    assert_eq!(bench.engine.position(&shop()).await.unwrap().version, 2);
}

#[tokio::test(start_paused = true)]
async fn a_deposed_writer_forgets_and_its_callers_ask_again() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.fail_append(Fault::TakenOver);
    assert_eq!(bench.engine.submit(rename("c1", "New")).await, Err(Error::Retry));
    let outcome = loop {
        match bench.engine.submit(rename("c1", "New")).await {
            Err(Error::Unavailable) => pass(Duration::from_millis(10)).await,
            outcome => break outcome,
        }
    };
    accepted(outcome);
    assert_eq!(name(&bench.engine).await.as_deref(), Some("New"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_changes_nothing_and_is_decided_afresh() {
    let bench = bench();
    let early = bench.engine.submit(rename("c1", "New")).await.unwrap();
    assert_eq!(early, Outcome::Refused(Rejection::ShopUnknown));
    accepted(bench.engine.submit(create()).await);
    accepted(bench.engine.submit(rename("c1", "New")).await);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_id_is_carried_out_each_time_and_its_entry_names_nobody() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for (round, changes) in [1, 1, 0].into_iter().enumerate() {
        let name = if changes == 1 { format!("N{round}") } else { "N1".to_owned() };
        let anonymous = Submission { identity: None, ..rename("unused", &name) };
        assert_eq!(accepted(bench.engine.submit(anonymous).await).events.len(), changes);
    }
    let records = bench.engine.records(&shop(), 1, usize::MAX).await.unwrap();
    assert!(records.iter().all(|record| record.entries[0].by.is_none()), "{records:?}");
    assert_eq!(records.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_command_past_its_deadline_is_not_carried_out() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    let mut late = rename("c1", "New");
    late.deadline = Instant::now();
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(bench.engine.submit(late).await, Err(Error::Timeout));
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_answers_busy_at_once() {
    let options = Options { mailbox_commands_max: 4, batch_commands_max: 2, ..Options::default() };
    let bench = bench_over(Memory::new(), options);
    accepted(bench.engine.submit(create()).await);
    bench.faults.hold_appends();
    let tasks: Vec<_> =
        (0..20).map(|n| spawn(&bench, rename(&format!("c{n}"), &format!("N{n}")))).collect();
    bench.faults.appends_waiting(1).await;
    settle().await;
    bench.faults.release_appends();
    let mut busy = 0;
    for task in tasks {
        match task.await.unwrap() {
            Err(Error::Busy) => busy += 1,
            outcome => drop(accepted(outcome)),
        }
    }
    assert!((1..20).contains(&busy), "{busy} of 20");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_shop_its_memory_and_nothing_else() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    let broken = bench.engine.query(&shop(), |_, _| -> () { panic!("on purpose") }).await;
    assert_eq!(broken, Err(Error::Unavailable));
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_keeps_panicking_is_quarantined_for_a_while() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    for _ in 0..3 {
        let _ = bench.engine.query(&shop(), |_, _| -> () { panic!("on purpose") }).await;
    }
    let outcome = bench.engine.submit(rename("c1", "New")).await;
    assert_eq!(outcome, Err(Error::Unavailable));
    pass(Duration::from_secs(61)).await;
    accepted(bench.engine.submit(rename("c1", "New")).await);
}

#[tokio::test(start_paused = true)]
async fn an_idle_shop_leaves_memory_and_wakes_when_asked() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    pass(Duration::from_secs(601)).await;
    assert_eq!(name(&bench.engine).await.as_deref(), Some("Acme"));
    let heard = bench.ears.heard();
    let restored = heard.iter().filter(|line| line.starts_with("restored")).count();
    assert_eq!(restored, 2, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_what_was_decided_and_refuses_the_rest() {
    let bench = bench();
    accepted(bench.engine.submit(create()).await);
    bench.faults.hold_appends();
    let decided = spawn(&bench, rename("c1", "New"));
    bench.faults.appends_waiting(1).await;
    let engine = bench.engine.clone();
    let stop = tokio::spawn(async move { engine.stop().await });
    tokio::task::yield_now().await;
    bench.faults.release_appends();
    accepted(decided.await.unwrap());
    stop.await.unwrap();
    let late = bench.engine.submit(rename("c2", "Newer")).await;
    assert_eq!(late, Err(Error::Stopping));
}
