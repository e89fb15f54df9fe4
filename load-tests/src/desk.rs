//! `desk`: buyers who chat with a shop and agents who answer them; then the audit. Owns the run
//! from the set-up to the report. Open loop: when buyers begin comes from a schedule, and every
//! latency counts from the time that was meant.

mod agent;
mod auditor;
mod buyer;
mod contact;
mod hearing;
mod lead;
mod ledger;
mod part;
mod report;
mod scene;
mod schedule;

use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hawker_protocol::number::Count;
use hawker_protocol::object::{Role, SettingsChange};
use hawker_protocol::request::Ping;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep, sleep_until};

use self::agent::Agent;
use self::auditor::Standing;
use self::buyer::Buyer;
use self::lead::Lead;
use self::ledger::DeskLedger;
use self::report::{Found, Killed};
use self::scene::Scene;
use crate::api::Api;
use crate::audit::{Feed, Reading, Violations};
use crate::chance::Chance;
use crate::machine::SOCKETS_PER_SOURCE;
use crate::report::{Progress, say};
use crate::run::{Common, Run};
use crate::tally::value;
use crate::token::Person;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 50)]
    agents: usize,
    /// Sessions that an agent holds at most.
    #[arg(long, default_value_t = 20)]
    cap: u32,
    #[arg(long, default_value_t = 3_000)]
    buyers: usize,
    /// How long people talk. The window of an answer is a minute, the shortest there is: longer
    /// runs see sessions that nobody answered in time.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many buyers connect in a second, before anybody talks.
    #[arg(long, default_value_t = 1_000.0)]
    joins_per_s: f64,
    /// SIGKILL in the middle of the rush and a restart on the same journal.
    #[arg(long)]
    kill: bool,
}

/// Numbers of sockets: agents come after all buyers.
const BUYERS_BEFORE_AGENTS: usize = 1_000_000;
const FAQ_ENTRIES: usize = 6;
const PRODUCT: &str = "mug";
const QUICK_REPLY: &str = "thanks";
/// Answers may come this long after the last word.
const SETTLE: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at the feed of a server that will be killed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.agents >= 1 && options.buyers >= 1, "a desk needs an agent and a buyer");
    ensure!(options.cap >= 1, "an agent holds at least one session");
    ensure!(options.seconds >= 2, "people talk for at least two seconds");
    let killed_by_us = !options.kill || common.server.is_none();
    ensure!(killed_by_us, "--kill kills the server it started itself, never another");
    let sockets = options.buyers + 2 * options.agents + 128;
    let mut run = Run::begin(common, sockets, SOCKETS_PER_SOURCE).await?;
    let measured = measure(&mut run, options, common.seed).await;
    run.conclude(measured).await
}

async fn measure(run: &mut Run, options: &Options, seed: u64) -> Result<bool> {
    let shop = format!("desk-{}", run.target.name);
    let api = Arc::new(run.target.api(&shop).await?);
    let scene = set_up(run, &api, options, seed).await.context("setting up the desk")?;
    let cpu = run.cpu_s();
    let progress = progress(&scene);
    let mut people = arrive(&scene, options).await?;
    let pinging = tokio::spawn(ping(Arc::clone(&scene)));
    let began = Instant::now();
    scene.began.send_replace(Some(began));
    let mut feed = Feed::<DeskLedger>::new();
    let mut killed = None;
    if options.kill {
        let at = began + Chance::branch(seed, u64::MAX).kill_at(scene.run);
        killed = Some(kill(run, (&api, &scene), at, &mut feed).await?);
    }
    sleep_until(began + scene.run).await;
    scene.resting.send_replace(true);
    sleep(SETTLE).await;
    drop(progress);
    pinging.abort();
    let cpu = run.cpu_s().since(cpu);
    let resident = run.server_resident_bytes();

    say("the audit reads the feed, the lists, the rates and the transcripts");
    let standing = auditor::agree(&scene, &api, &mut feed).await?;
    feed.ledger.recount();
    let read = auditor::read_transcripts(&scene, &feed.ledger).await?;
    if let (Some(killed), Some((site, _))) = (&mut killed, &run.own) {
        let settings = site.settings_file().display().to_string();
        let verified = site.run(&["journal", "verify", "--config", &settings]).await;
        killed.verified = verified.map(drop).map_err(|error| format!("{error:#}"));
    }
    scene.over.send_replace(true);
    while let Some(ended) = people.join_next().await {
        ended?;
    }
    let found = Found { feed, standing, read, killed, cpu, resident };
    report::print(run, options, &scene, &found)
}

impl Chance {
    /// Some moment of the rush.
    fn kill_at(&mut self, run: Duration) -> Duration {
        let (from, to) = schedule::RUSH;
        run.mul_f64(self.within(from, to))
    }
}

async fn set_up(run: &Run, api: &Api, options: &Options, seed: u64) -> Result<Arc<Scene>> {
    api.create_shop(SettingsChange::default()).await?;
    api.put_product(PRODUCT, "A mug", &[format!("{PRODUCT}-white")], 1_200).await?;
    let clock = run.target.clock(options.buyers, api.shop.as_str()).await?;
    let span = Duration::from_secs(options.seconds);
    let place = (Arc::clone(&run.target), api.shop.clone(), clock);
    let scene = Scene::new(place, (options.agents, options.cap), span, seed);
    let shop = api.shop.as_str();
    let lead = Person { user: "lead", name: None, role: Role::Manager, shop };
    let mut socket = run.target.connect(BUYERS_BEFORE_AGENTS, lead).await?;
    lead::prepare(&mut socket, &scene).await?;
    socket.close().await;
    Ok(Arc::new(scene))
}

/// Everybody connects at his time, and waits for the beginning.
async fn arrive(scene: &Arc<Scene>, options: &Options) -> Result<JoinSet<()>> {
    say(&format!("{} agents and {} buyers connect", options.agents, options.buyers));
    let (inside, mut entered) = mpsc::unbounded_channel();
    let mut people = JoinSet::new();
    people.spawn(part::live(Lead::new(Arc::clone(scene)), inside.clone()));
    for number in 0..options.agents {
        people.spawn(part::live(Agent::new(Arc::clone(scene), number), inside.clone()));
    }
    let first = Instant::now();
    for number in 0..options.buyers {
        sleep_until(first + Duration::from_secs_f64(number as f64 / options.joins_per_s)).await;
        people.spawn(part::live(Buyer::new(Arc::clone(scene), number), inside.clone()));
    }
    drop(inside);
    while let Some(arrived) = entered.recv().await {
        arrived?;
    }
    Ok(people)
}

/// Asks for the time, again and again: what an answer takes that nothing has to be done for.
async fn ping(scene: Arc<Scene>) {
    let mut pace = interval(PING_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let Ok(mut socket) = auditor::connect(&scene, 99).await else { continue };
        loop {
            let intended = pace.tick().await;
            if socket.ask(&Ping { t0: Count(0) }.into()).await.is_err() {
                break;
            }
            let mut pings = scene.pings.lock().unwrap_or_else(PoisonError::into_inner);
            pings.record_since(intended);
        }
    }
}

/// SIGKILL, a restart on the same journal, and what the server knows before anybody is let in:
/// all that was read before, all that it said yes to, and the rate that its events make.
async fn kill(
    run: &mut Run,
    (api, scene): (&Arc<Api>, &Arc<Scene>),
    at: Instant,
    feed: &mut Feed<DeskLedger>,
) -> Result<Killed> {
    let following = follow(Arc::clone(api));
    sleep_until(at).await;
    let (site, server) = run.own.take().context("there is no server of our own to kill")?;
    scene.doors.send_replace(false);
    server.kill().await?;
    let before = following.await?;
    let died = Instant::now();
    say("killed; the server starts again on its journal");
    let server = site.start().await.context("restarting")?;
    let restart_ms = died.elapsed().as_secs_f64() * 1_000.0;
    run.own = Some((site, server));

    *feed = Feed::again(before);
    let standing = auditor::agree(scene, api, feed).await?;
    let compared = scene.told().compare(&feed.ledger);
    let mut violations = standing.violations.clone();
    violations.append(&compared.violations);
    if !feed.begins_as_before() {
        violations.add(|| format!("the feed no longer begins with what was read: {before:?}"));
    }
    let sessions = feed.ledger.opened();
    let Standing { rates, misplaced, .. } = standing;
    let (lost, verified) = (misplaced + compared.lost, Ok(()));
    let acknowledged = scene.told().acknowledged();
    scene.doors.send_replace(true);
    Ok(Killed { restart_ms, sessions, acknowledged, rates, lost, verified, violations })
}

/// Reads the feed until the server is gone: what was read must be there afterwards.
fn follow(api: Arc<Api>) -> JoinHandle<Reading> {
    tokio::spawn(async move {
        let mut feed = Feed::<DeskLedger>::new();
        while feed.read(&api).await.is_ok() {
            sleep(LOOK_EVERY).await;
        }
        feed.reading()
    })
}

fn progress(scene: &Arc<Scene>) -> Progress {
    let scene = Arc::clone(scene);
    Progress::every_second(move |_| {
        let counters = &scene.counters;
        let p99 = scene.messages.lock().latency.quantile_ms(0.99);
        format!(
            "connected {} · said {}, p99 {p99:.1} ms · heard {} · assigned {} · closed {} · \
             dropped {} · asked again {}",
            value(&counters.connected),
            value(&counters.said),
            value(&counters.heard),
            value(&counters.assigned),
            value(&counters.closed),
            value(&counters.dropped),
            value(&counters.asked_again),
        )
    })
}
