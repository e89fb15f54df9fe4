//! `coupons`: a room whose host shows coupons to thousands of viewers, who claim, watch and buy;
//! then the audit. Owns the run from the set-up to the report. Open loop: what people do comes from
//! a schedule, and every latency counts from the time that was meant.

mod auditor;
mod hearing;
mod host;
mod ledger;
mod link;
mod plan;
mod price;
mod progress;
mod report;
mod scene;
mod schedule;
mod story;
mod till;
mod told;
mod viewer;
mod waves;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hawker_protocol::object::Order;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant, sleep, sleep_until};

use self::auditor::{Stories, TaskTime};
use self::host::Host;
use self::ledger::CouponLedger;
use self::report::{Found, Killed};
use self::scene::{Frame, Scene};
use self::schedule::{ACTS, DROP, KILLED_PUSH};
use self::viewer::Viewer;
use crate::api::{Api, id};
use crate::audit::{Feed, Ledger, Reading};
use crate::chance::Chance;
use crate::payments;
use crate::report::{Progress, say};
use crate::run::{Common, Run};
use crate::tally::{count, value};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 5_000)]
    viewers: usize,
    /// Coupons of each campaign.
    #[arg(long, default_value_t = 500)]
    quota: u32,
    /// How long the host goes on. A watch task takes ten seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many viewers connect in a second, before anything is shown.
    #[arg(long, default_value_t = 1_000.0)]
    joins_per_s: f64,
    /// SIGKILL in the middle of a push and its claims, and a restart on the same journal.
    #[arg(long)]
    kill: bool,
}

/// Sockets of one loopback address.
const SOCKETS_OF_SOURCE: usize = 2_000;
/// Answers and payments may come this long after the last deed.
const SETTLE: Duration = Duration::from_millis(2_500);
/// How long everybody may take to look through his coupons.
const LISTING: Duration = Duration::from_secs(30);
/// A personal push may be on its way for so long at least when its reader goes.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// Between two looks at the feed of a server that will be killed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.viewers >= 1 && options.quota >= 1, "a room needs a viewer and a coupon");
    ensure!(options.seconds >= 12, "a watch task takes 10 s: run for at least 12");
    let killed_by_us = !options.kill || common.server.is_none();
    ensure!(killed_by_us, "--kill kills the server it started itself, never another");
    let mut run = Run::begin(common, options.viewers + 128, SOCKETS_OF_SOURCE).await?;
    let measured = measure(&mut run, options, common.seed).await;
    run.conclude(measured).await
}

async fn measure(run: &mut Run, options: &Options, seed: u64) -> Result<bool> {
    let shop = format!("coupons-{}", run.target.name);
    let api = Arc::new(run.target.api(&shop).await?);
    let (payments, due) = mpsc::unbounded_channel();
    let scene =
        set_up(run, &api, options, (seed, payments)).await.context("setting up the room")?;
    let paying = pay(&scene, &api, due);
    let cpu = run.cpu_s();
    let progress = progress(&scene);
    let mut people = arrive(&scene, options).await?;
    let began = Instant::now();
    let mut host = Host::streamer(Arc::clone(&scene));
    host.open_campaigns().await.context("opening the campaigns")?;
    let opened = Instant::now();
    scene.change(|stage| stage.began = Some(began));
    let hosting = tokio::spawn(host.entertain(began));
    let dropping = tokio::spawn(drop_all(Arc::clone(&scene), began));
    let mut feed = Feed::<CouponLedger>::new();
    let mut killed = None;
    if options.kill {
        killed = Some(kill(run, (&api, &scene), &mut feed).await?);
    }
    sleep_until(began + scene.run).await;
    hosting.await?.context("the host")?;
    dropping.await?;
    scene.change(|stage| stage.resting = true);
    sleep(SETTLE).await;
    paying.abort();
    look_through(&scene).await;
    drop(progress);
    let cpu = run.cpu_s().since(cpu);
    let resident = run.server_resident_bytes();

    say("the audit reads the feed, the figures and what everybody has");
    let mut host = Host::streamer(Arc::clone(&scene));
    let standing = auditor::agree(&mut host, (&scene, &api), &mut feed).await?;
    let span = opened.elapsed();
    if let (Some(killed), Some((site, _))) = (&mut killed, &run.own) {
        let settings = site.settings_file().display().to_string();
        let verified = site.run(&["journal", "verify", "--config", &settings]).await;
        killed.verified = verified.map(drop).map_err(|error| format!("{error:#}"));
    }
    scene.change(|stage| stage.over = true);
    while let Some(ended) = people.join_next().await {
        ended?;
    }
    let compared = scene.told().compare(&feed.ledger, auditor::per_buyer);
    let task = TaskTime::of(opened, scene.run, options.kill);
    let mut stories = judge(&scene, &feed.ledger, task);
    stories.violations.append(&scene.seen.compare(&Ledger::default()));
    let found = Found { feed, standing, compared, stories, killed, cpu, resident, span };
    report::print(run, options, &scene, &found)
}

fn judge(scene: &Scene, ledger: &CouponLedger, task: Option<TaskTime>) -> Stories {
    let slowest = Duration::from_secs_f64(scene.latency().quantile_ms(1.0) / 1_000.0);
    let on_its_way = ON_ITS_WAY.max(2 * slowest);
    auditor::judge(&scene.stories(), (&scene.waves(), on_its_way), ledger, task)
}

async fn set_up(
    run: &Run,
    api: &Api,
    options: &Options,
    (seed, payments): (u64, mpsc::UnboundedSender<payments::Payment>),
) -> Result<Arc<Scene>> {
    plan::furnish(api).await?;
    let frame = Frame {
        target: Arc::clone(&run.target),
        shop: api.shop.clone(),
        room: id(plan::ROOM)?,
        clock: run.target.clock(options.viewers, api.shop.as_str()).await?,
        seed,
        viewers: options.viewers,
        quota: options.quota,
        run: Duration::from_secs(options.seconds),
        payments,
    };
    let scene = Arc::new(Scene::new(frame));
    Host::service(Arc::clone(&scene)).plan_campaigns().await?;
    Ok(scene)
}

fn pay(
    scene: &Arc<Scene>,
    api: &Arc<Api>,
    due: mpsc::UnboundedReceiver<payments::Payment>,
) -> JoinHandle<()> {
    let payer = Arc::clone(scene);
    let tell = move |_: &Order, told: payments::Told| match told {
        Ok(Ok(())) => count(&payer.counters.paid),
        Ok(Err(code)) => payer.others.lock().outcome(&format!("payment {code}")),
        // The server was gone: the order stays open.
        Err(_) => payer.others.lock().outcome("payment not reported"),
    };
    tokio::spawn(payments::pay(Arc::clone(api), due, tell))
}

/// Everybody connects at his time and joins the room.
async fn arrive(scene: &Arc<Scene>, options: &Options) -> Result<JoinSet<()>> {
    say(&format!("{} viewers enter the room", options.viewers));
    let (inside, mut entered) = mpsc::unbounded_channel();
    let mut people = JoinSet::new();
    let first = Instant::now();
    for number in 0..options.viewers {
        sleep_until(first + Duration::from_secs_f64(number as f64 / options.joins_per_s)).await;
        people.spawn(Viewer::new(Arc::clone(scene), number).live(inside.clone()));
    }
    drop(inside);
    while let Some(arrived) = entered.recv().await {
        arrived?;
    }
    Ok(people)
}

/// All sockets of viewers go at once.
async fn drop_all(scene: Arc<Scene>, began: Instant) {
    sleep_until(began + scene.run.mul_f64(DROP)).await;
    say("all sockets of viewers drop and come back");
    scene.change(|stage| stage.drops += 1);
}

/// Everybody looks through what he has.
async fn look_through(scene: &Scene) {
    scene.change(|stage| stage.listing = true);
    let deadline = Instant::now() + LISTING;
    while value(&scene.counters.listed) < scene.viewers as u64 && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
}

/// SIGKILL while the claims of a push come, a restart on the same journal, and what the server
/// knows before anybody is let in: all that was read before, and all that it said yes to.
async fn kill(
    run: &mut Run,
    (api, scene): (&Arc<Api>, &Arc<Scene>),
    feed: &mut Feed<CouponLedger>,
) -> Result<Killed> {
    let following = follow(Arc::clone(api));
    let is_push = |act: &schedule::Act| matches!(act, schedule::Act::Push { .. });
    let pushes = ACTS.iter().filter(|(at, act)| *at <= KILLED_PUSH && is_push(act)).count();
    let mut stage = scene.stage.subscribe();
    stage.wait_for(|stage| stage.pushes >= pushes).await?;
    sleep(schedule::kill_after(&mut Chance::branch(scene.seed, u64::MAX))).await;
    let (site, server) = run.own.take().context("there is no server of our own to kill")?;
    scene.change(|stage| stage.doors_shut = true);
    server.kill().await?;
    let before = following.await?;
    let died = Instant::now();
    say("killed; the server starts again on its journal");
    let server = site.start().await.context("restarting")?;
    let restart_ms = died.elapsed().as_secs_f64() * 1_000.0;
    run.own = Some((site, server));

    *feed = Feed::again(before);
    feed.read(api).await?;
    let (compared, acknowledged, coupons) = {
        let told = scene.told();
        let compared = told.compare(&feed.ledger, auditor::per_buyer);
        (compared, told.acknowledged(), told.coupons())
    };
    let mut violations = compared.violations;
    if !feed.begins_as_before() {
        violations.add(|| format!("the feed no longer begins with what was read: {before:?}"));
    }
    let over_budget = feed.ledger.faults.over_budget;
    scene.change(|stage| stage.doors_shut = false);
    Ok(Killed {
        restart_ms,
        coupons,
        acknowledged,
        lost: compared.lost,
        double_claims: compared.double_claims,
        over_budget,
        verified: Ok(()),
        violations,
    })
}

/// Reads the feed until the server is gone: what was read must be there afterwards.
fn follow(api: Arc<Api>) -> JoinHandle<Reading> {
    tokio::spawn(async move {
        let mut feed = Feed::<CouponLedger>::new();
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
        let p99 = scene.claims.lock().latency.quantile_ms(0.99);
        format!(
            "inside {} · claimed {}, refused {}, p99 {p99:.1} ms · shown {} · granted {} · \
             orders {}, paid {} · resumed {} · asked again {}",
            value(&counters.inside),
            value(&counters.claimed),
            value(&counters.refused),
            value(&counters.shown) + value(&counters.offered),
            value(&counters.granted),
            value(&counters.orders),
            value(&counters.paid),
            value(&counters.resumed),
            value(&counters.asked_again),
        )
    })
}
