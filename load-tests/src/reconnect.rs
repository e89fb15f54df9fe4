//! `reconnect`: a room whose sockets all drop at once and come back, beside a live one that should
//! not notice. Owns the wave and the report. The server paces new connections as it does by
//! default.

mod wave;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::{Duration, sleep};

use crate::api::Api;
use crate::audit::Violations;
use crate::crowd::digest::Reading;
use crate::crowd::{Crowd, Figures, Group};
use crate::limits::{Changed, Settings};
use crate::machine::{Machine, SOCKETS_PER_SOURCE};
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Run};
use crate::schedule::Schedule;
use crate::stage::{self, Gauges};
use crate::subject::{Hawker, Subject};
use crate::talking::{Changing, Talking, all_arrived, lost_critical};
use wave::{Wave, Waved};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Those who drop and come back.
    #[arg(long, default_value_t = 9_500)]
    viewers: usize,
    /// Those in the live room beside them.
    #[arg(long, default_value_t = 500)]
    live_viewers: usize,
    /// Messages a second in the live room.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// How long the live room is measured before the drop.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Everybody comes back at once and again at once, instead of backing off as our client does.
    #[arg(long)]
    storm: bool,
    /// From one CRITICAL message in the dropped room to the next.
    #[arg(long, default_value_t = 200)]
    critical_every_ms: u64,
}

const LIVE: usize = 0;
const DROPPED: usize = 1;
/// Somebody in the dropped room who stays and sees every line.
const WITNESS: usize = 2;
const ROOM: &str = "room";
/// What a load test lifts and this one does not: how fast the server takes connections is the
/// point.
const KEPT: [&str; 2] = ["accepts_per_s_per_core", "unauthenticated_percent_max"];

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    viewers: usize,
    live_viewers: usize,
    storm: bool,
    connect_seconds: f64,
    rejoined: usize,
    rejoined_50_s: Option<f64>,
    rejoined_95_s: Option<f64>,
    rejoined_all_s: Option<f64>,
    attempts: u64,
    /// By their missed lines; the others got a snapshot.
    recovered: usize,
    critical: u64,
    lost_critical: u64,
    live_messages: u32,
    live_lost: u64,
    p99_before_ms: f64,
    p99_during_ms: f64,
    max_during_ms: f64,
    /// Of the live room's p99, during and before.
    ratio: f64,
    server_cpu_s: Option<f64>,
    generator_cpu_s: f64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.viewers >= 1 && options.live_viewers >= 1, "each room needs a viewer");
    let sockets = options.viewers + options.live_viewers + 128;
    let settings = Settings::lifted().without(&KEPT);
    let run = Run::begin_with(common, sockets, SOCKETS_PER_SOURCE, settings).await?;
    let measured = measure(common, options, &run).await;
    run.conclude(measured).await
}

async fn measure(common: &Common, options: &Options, run: &Run) -> Result<bool> {
    let gauges = Gauges::of_run(run);
    let api = Arc::new(Hawker::furnish(&run.target).await?);
    let live = Subject::Hawker(Hawker::open(&run.target, &api, "live").await?);
    let room = Hawker::open(&run.target, &api, ROOM).await?;
    let schedule = Arc::new(Schedule::default());
    let group = |schedule| Group { reading: Reading::Hawker, schedule, ping: None };
    let groups = vec![group(Arc::clone(&schedule)), group(Arc::default()), group(Arc::default())];
    let crowd = Arc::new(Crowd::start(stage::reading_threads(common.threads), groups)?);
    let live = Arc::new(live);
    let connect = stage::fill(&crowd, &[LIVE], &live, options.live_viewers).await?;
    stage::say_filled(options.live_viewers, connect);
    let witness = Arc::new(Subject::Hawker(room.clone()));
    stage::fill(&crowd, &[WITNESS], &witness, 1).await.context("the witness")?;
    let mut wave = Wave::gather(&crowd, DROPPED, &room, options.viewers, common.seed).await?;
    stage::say_filled(options.viewers, wave.gathered_in);

    say("the live room alone");
    let changing = change(&api, options).await?;
    let (speakers, plan) = (Arc::clone(&live), Arc::clone(&schedule));
    let talking = Talking::start(speakers, common.seed, plan, options.rate).await?;
    sleep(Duration::from_secs(1)).await;
    crowd.take_figures(LIVE);
    sleep(Duration::from_secs(options.seconds)).await;
    let before = crowd.take_figures(LIVE);
    let begun = gauges.begin().await?;
    say(&format!("{} sockets drop", options.viewers));
    let waved = wave.drop_and_return(options.storm).await?;
    let during = crowd.take_figures(LIVE);
    let growth = gauges.since(begun).await?;
    let critical = changing.stop().await?;
    let refused = talking.stop().await?;
    let live_lost = all_arrived(&crowd, LIVE, &schedule).await;
    let lost = lost_critical(&crowd, DROPPED, WITNESS).await;
    let still = crowd.len(DROPPED);
    let verdict = Verdict::from(violations(options, &waved, (still, lost), (live_lost, refused)));
    let report = Report {
        connect_seconds: rounded(wave.gathered_in.as_secs_f64()),
        critical,
        lost_critical: lost,
        live_messages: schedule.planned(),
        live_lost,
        server_cpu_s: growth.cpu.map(|cpu| rounded(cpu.total_s())),
        generator_cpu_s: rounded(growth.generator.total_s()),
        limits_changed: &run.limits,
        ..Report::of(options, &waved, (&before, &during), &verdict)
    };
    report.print(run.json)?;
    Ok(verdict.passed())
}

async fn change(api: &Arc<Api>, options: &Options) -> Result<Changing> {
    let every = Duration::from_millis(options.critical_every_ms.max(1));
    Changing::start(Arc::clone(api), ROOM, every).await
}

fn violations(
    options: &Options,
    waved: &Waved,
    (still, lost_critical): (usize, u64),
    (live_lost, refused): (u64, u64),
) -> Violations {
    let mut found = Violations::default();
    let out = options.viewers - waved.rejoined();
    let gone = waved.rejoined().saturating_sub(still) as u64;
    let counts = [
        (out as u64, "viewers did not get in again"),
        (gone, "viewers were cut off after they were in again"),
        (lost_critical, "CRITICAL lines were lost to somebody"),
        (live_lost, "messages of the live room did not reach somebody"),
        (refused, "messages of the live room were refused"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        found.add(|| format!("{count} {what}"));
    }
    if let (true, Some(why)) = (out > 0, &waved.last_failure) {
        found.add(|| format!("the last attempt that failed: {why}"));
    }
    found
}

impl<'a> Report<'a> {
    fn of(
        options: &Options,
        waved: &Waved,
        (before, during): (&Figures, &Figures),
        verdict: &'a Verdict,
    ) -> Self {
        let (p99_before_ms, p99_during_ms) =
            (before.latency.quantile_ms(0.99), during.latency.quantile_ms(0.99));
        Self {
            command: "reconnect",
            viewers: options.viewers,
            live_viewers: options.live_viewers,
            storm: options.storm,
            connect_seconds: 0.0,
            rejoined: waved.rejoined(),
            rejoined_50_s: waved.share_s(options.viewers, 0.5),
            rejoined_95_s: waved.share_s(options.viewers, 0.95),
            rejoined_all_s: waved.share_s(options.viewers, 1.0),
            attempts: waved.attempts,
            recovered: waved.recovered,
            critical: 0,
            lost_critical: 0,
            live_messages: 0,
            live_lost: 0,
            p99_before_ms,
            p99_during_ms,
            max_during_ms: during.latency.quantile_ms(1.0),
            ratio: rounded(p99_during_ms / p99_before_ms.max(0.001)),
            server_cpu_s: None,
            generator_cpu_s: 0.0,
            verdict,
            limits_changed: &[],
            machine: Machine::this(),
        }
    }

    fn print(&self, json: bool) -> Result<()> {
        let second = |it: Option<f64>| it.map_or("never".to_owned(), |it| format!("{it} s"));
        let rows = vec![
            ("viewers", format!("{}, {} attempts", self.viewers, self.attempts)),
            ("half are in again after", second(self.rejoined_50_s)),
            ("95 % after", second(self.rejoined_95_s)),
            ("all after", second(self.rejoined_all_s)),
            ("by missed lines", format!("{} of {}", self.recovered, self.rejoined)),
            ("CRITICAL, lost", format!("{}, {}", self.critical, self.lost_critical)),
            ("live p99 before, ms", self.p99_before_ms.to_string()),
            ("live p99 during, ms", format!("{} ({} ×)", self.p99_during_ms, self.ratio)),
            ("generator's CPU", format!("{} s", self.generator_cpu_s)),
        ];
        report::finish(json, "reconnect", &rows, self.limits_changed, self.verdict, self)
    }
}
