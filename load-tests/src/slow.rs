//! `slow`: readers who stop reading among many who do not. Owns the two phases, the look at how far
//! the server has gone with the slow ones, and the report.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::audit::Violations;
use crate::crowd::digest::Reading;
use crate::crowd::{Crowd, Figures, Group, Place};
use crate::limits::{Changed, Settings};
use crate::machine::{Machine, SOCKETS_PER_SOURCE};
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Run};
use crate::schedule::Schedule;
use crate::stage::{self, Gauges, Reading as Moment};
use crate::subject::{Hawker, Subject};
use crate::talking::{Changing, Talking, all_arrived, lost_critical};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// All viewers, the slow ones among them.
    #[arg(long, default_value_t = 2_000)]
    viewers: usize,
    /// Those who never read, until the server has closed on them.
    #[arg(long, default_value_t = 200)]
    never_reading: usize,
    /// Those who stop reading and go on while the server skips them, and as many who go on when it
    /// has just closed on them; without it a tenth of those who never read.
    #[arg(long)]
    late_reading: Option<usize>,
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    #[arg(long, default_value_t = 50)]
    tick_ms: u64,
    /// How long the room is measured without slow readers.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long the server is given to close on those who never read.
    #[arg(long, default_value_t = 120)]
    seconds_max: u64,
    /// How long the server lets somebody stay behind.
    #[arg(long, default_value_t = 10_000)]
    slow_reader_ms: u64,
    /// From one CRITICAL message to the next.
    #[arg(long, default_value_t = 200)]
    critical_every_ms: u64,
}

const READERS: usize = 0;
const NEVER: usize = 1;
const LATE: usize = 2;
const TOO_LATE: usize = 3;
const ROOM: &str = "room";
/// What a phone with little left has, so that the server notices soon; enough to catch up with.
const RECEIVE_BYTES: u32 = 16_384;
/// From the server's close frame, which a full socket does not take, to the end of the connection:
/// its default.
const CLOSE: Duration = Duration::from_secs(3);
/// How much of its patience the server has used up when the late ones go on: by then their outboxes
/// are full at the default rate, and lines have been skipped.
const LATE_SHARE: f64 = 0.8;
/// Long comments, so that this does not take minutes.
const MESSAGE_BYTES: usize = 400;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A reader who was not there in time.
const SLOW_CLOSE: u16 = 4_408;

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    viewers: usize,
    never_reading: usize,
    late_reading: usize,
    rate_per_s: f64,
    tick_ms: u64,
    messages: u32,
    critical: u64,
    /// To those who read all the time.
    lost_critical: u64,
    lost: u64,
    /// To those who read again.
    late_lost_critical: u64,
    /// Those of them who were told to skip, with a snapshot for what they missed.
    late_gapped: usize,
    late_closed: usize,
    /// Lines that the server did not send to those who were behind.
    skipped_lines: Option<u64>,
    /// Those who never read and whose connection the server has ended.
    never_reading_closed: u64,
    closed_all_s: Option<f64>,
    /// Of as many as `late_reading` who began when it was too late: those who were told why.
    too_late_closed_4408: u64,
    p99_without_ms: f64,
    p99_with_ms: f64,
    max_with_ms: f64,
    ratio: f64,
    rss_before_bytes: Option<u64>,
    rss_max_bytes: Option<u64>,
    rss_growth_kib_per_slow: Option<f64>,
    generator_cpu_s: f64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

/// How far the server went with the slow ones.
#[derive(Debug, Default)]
struct Ladder {
    closed_all: Option<Duration>,
    rss_max: Option<u64>,
    closed: u64,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(common.server.is_none(), "slow reads its own server's figures: no --server");
    ensure!(options.viewers > options.never_reading, "somebody must read");
    let why = "How long a reader may stay behind: said here for the run's times.";
    let settings = Settings::lifted()
        .with("hub.tick_ms", options.tick_ms, "The tick that is measured.")
        .with("limits.timeouts.slow_reader_ms", options.slow_reader_ms, why);
    let sockets = options.viewers + options.late() * 2 + 128;
    let run = Run::begin_with(common, sockets, SOCKETS_PER_SOURCE, settings).await?;
    let measured = measure(common, options, &run).await;
    run.conclude(measured).await
}

impl Options {
    fn late(&self) -> usize {
        self.late_reading.unwrap_or(self.never_reading / 10)
    }
}

async fn measure(common: &Common, options: &Options, run: &Run) -> Result<bool> {
    let gauges = Gauges::of_run(run);
    let api = Arc::new(Hawker::furnish(&run.target).await?);
    let hawker = Hawker::open(&run.target, &api, ROOM).await?;
    let hawker = Hawker { message_bytes: MESSAGE_BYTES, ..hawker };
    let slow = Hawker { receive_bytes: Some(RECEIVE_BYTES), ..hawker.clone() };
    let readers = Arc::new(Subject::Hawker(hawker));
    let schedule = Arc::new(Schedule::default());
    let group = |schedule| Group { reading: Reading::Hawker, schedule, ping: None };
    let others = std::iter::repeat_with(|| group(Arc::default())).take(TOO_LATE);
    let groups = std::iter::once(group(Arc::clone(&schedule))).chain(others).collect();
    let crowd = Arc::new(Crowd::start(stage::reading_threads(common.threads), groups)?);
    let reading = options.viewers - options.never_reading;
    let took = stage::fill(&crowd, &[READERS], &readers, reading).await?;
    stage::say_filled(reading, took);

    let every = Duration::from_millis(options.critical_every_ms.max(1));
    let changing = Changing::start(Arc::clone(&api), ROOM, every).await?;
    let (speakers, plan) = (Arc::clone(&readers), Arc::clone(&schedule));
    let talking = Talking::start(speakers, common.seed, plan, options.rate).await?;
    sleep(Duration::from_secs(1)).await;
    say("everybody reads");
    crowd.take_figures(READERS);
    sleep(Duration::from_secs(options.seconds)).await;
    let without = crowd.take_figures(READERS);
    let rss_before = gauges.resident_bytes();
    let begun = gauges.begin().await?;

    say(&format!("{} never read", options.never_reading));
    crowd.take_figures(READERS);
    seat(&crowd, NEVER, &slow, reading, options.never_reading).await?;
    let ladder = climb(&gauges, &begun, options).await?;
    if let Some(closed_all) = ladder.closed_all {
        read_late(&crowd, &slow, options, closed_all).await?;
    }
    let with = crowd.take_figures(READERS);
    let critical = changing.stop().await?;
    let refused = talking.stop().await?;
    let growth = gauges.since(begun).await?;
    let lost = all_arrived(&crowd, READERS, &schedule).await;
    let counts = Counts {
        critical,
        lost,
        lost_critical: lost_critical(&crowd, READERS, READERS).await,
        late_lost_critical: lost_critical(&crowd, LATE, READERS).await,
        readers_gone: (reading - crowd.len(READERS)) as u64,
        refused,
    };
    let codes = crowd.take_figures(TOO_LATE).closed;
    let verdict = Verdict::from(violations(options, &ladder, &counts));
    let report = Report {
        messages: schedule.planned(),
        skipped_lines: growth.of("hawker_skipped_total"),
        late_closed: options.late() - crowd.len(LATE),
        late_gapped: crowd.positions(LATE).iter().filter(|it| it.gaps > 0).count(),
        too_late_closed_4408: codes.get(&SLOW_CLOSE).copied().unwrap_or(0),
        rss_before_bytes: rss_before,
        rss_growth_kib_per_slow: ladder.rss_max.zip(rss_before).map(|(most, before)| {
            let slow = options.never_reading.max(1) as f64;
            rounded(most.saturating_sub(before) as f64 / 1024.0 / slow)
        }),
        generator_cpu_s: rounded(growth.generator.total_s()),
        limits_changed: &run.limits,
        ..Report::of(options, &ladder, &counts, (&without, &with), &verdict)
    };
    report.print(run.json)?;
    Ok(verdict.passed())
}

/// Lets viewers in who do not read.
async fn seat(
    crowd: &Crowd,
    group: usize,
    hawker: &Hawker,
    first: usize,
    count: usize,
) -> Result<Vec<Place>> {
    let mut places = Vec::with_capacity(count);
    for number in first..first + count {
        let mut entrant = hawker.entry(number).await?.enter().await.context("a slow reader")?;
        Hawker::start(&mut entrant)?;
        places.push(crowd.seat(group, entrant)?);
    }
    Ok(places)
}

/// Waits until the server has closed on all who never read.
async fn climb(gauges: &Gauges, begun: &Moment, options: &Options) -> Result<Ladder> {
    let began = Instant::now();
    let mut ladder = Ladder::default();
    while began.elapsed() < Duration::from_secs(options.seconds_max) {
        sleep(LOOK_EVERY).await;
        let growth = gauges.since(begun.clone()).await?;
        ladder.closed = growth.of("hawker_connections_closed_total").unwrap_or(0);
        ladder.rss_max = ladder.rss_max.max(gauges.resident_bytes());
        if ladder.closed >= options.never_reading as u64 {
            ladder.closed_all = Some(began.elapsed());
            break;
        }
    }
    Ok(ladder)
}

/// Some more stop reading, as long as it took the others to fall behind, and then go on: one half
/// while they are skipped, the other while the server waits for them to take its close frame.
async fn read_late(
    crowd: &Crowd,
    slow: &Hawker,
    options: &Options,
    closed_all: Duration,
) -> Result<()> {
    let patience = Duration::from_millis(options.slow_reader_ms);
    let behind_after = closed_all.saturating_sub(patience + CLOSE);
    say(&format!(
        "all are closed on after {:.1} s; {} stop reading and go on",
        closed_all.as_secs_f64(),
        options.late() * 2
    ));
    let began = Instant::now();
    let first = options.viewers;
    let late = seat(crowd, LATE, slow, first, options.late()).await?;
    let too_late = seat(crowd, TOO_LATE, slow, first + options.late(), options.late()).await?;
    for (places, after) in [(late, patience.mul_f64(LATE_SHARE)), (too_late, patience + CLOSE / 2)]
    {
        sleep_until(began + behind_after + after).await;
        for place in places {
            crowd.watch(place)?;
        }
    }
    sleep(CLOSE).await;
    Ok(())
}

/// What is counted at the end.
struct Counts {
    critical: u64,
    lost: u64,
    lost_critical: u64,
    late_lost_critical: u64,
    readers_gone: u64,
    refused: u64,
}

fn violations(options: &Options, ladder: &Ladder, counts: &Counts) -> Violations {
    let mut found = Violations::default();
    let open = (options.never_reading as u64).saturating_sub(ladder.closed);
    let counts = [
        (counts.lost_critical, "CRITICAL lines were lost to readers"),
        (counts.lost, "messages did not reach a reader"),
        (counts.late_lost_critical, "CRITICAL lines were lost to those who read late"),
        (counts.readers_gone, "readers were cut off"),
        (counts.refused, "messages were refused"),
        (open, "who never read were not closed on in time"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        found.add(|| format!("{count} {what}"));
    }
    found
}

impl<'a> Report<'a> {
    fn of(
        options: &Options,
        ladder: &Ladder,
        counts: &Counts,
        (without, with): (&Figures, &Figures),
        verdict: &'a Verdict,
    ) -> Self {
        let seconds = |span: Option<Duration>| span.map(|span| rounded(span.as_secs_f64()));
        let p99 = |figures: &Figures| figures.latency.quantile_ms(0.99);
        Self {
            command: "slow",
            viewers: options.viewers,
            never_reading: options.never_reading,
            late_reading: options.late(),
            rate_per_s: options.rate,
            tick_ms: options.tick_ms,
            messages: 0,
            critical: counts.critical,
            lost_critical: counts.lost_critical,
            lost: counts.lost,
            late_lost_critical: counts.late_lost_critical,
            late_gapped: 0,
            skipped_lines: None,
            late_closed: 0,
            never_reading_closed: ladder.closed.min(options.never_reading as u64),
            closed_all_s: seconds(ladder.closed_all),
            too_late_closed_4408: 0,
            p99_without_ms: p99(without),
            p99_with_ms: p99(with),
            max_with_ms: with.latency.quantile_ms(1.0),
            ratio: rounded(p99(with) / p99(without).max(0.001)),
            rss_before_bytes: None,
            rss_max_bytes: ladder.rss_max,
            rss_growth_kib_per_slow: None,
            generator_cpu_s: 0.0,
            verdict,
            limits_changed: &[],
            machine: Machine::this(),
        }
    }

    fn print(&self, json: bool) -> Result<()> {
        let seconds = |it: Option<f64>| it.map_or("never".to_owned(), |it| format!("{it} s"));
        let closed = format!("{} of {}", self.never_reading_closed, self.never_reading);
        let told = format!("{} of {}", self.too_late_closed_4408, self.late_reading);
        let rows = vec![
            ("viewers", format!("{}, {} never read", self.viewers, self.never_reading)),
            ("CRITICAL, lost", format!("{}, {}", self.critical, self.lost_critical)),
            ("lines skipped", self.skipped_lines.unwrap_or(0).to_string()),
            ("late, told of a gap", format!("{} of {}", self.late_gapped, self.late_reading)),
            ("closed on", closed),
            ("too late, told 4408", told),
            ("all closed after", seconds(self.closed_all_s)),
            ("p99 without, ms", self.p99_without_ms.to_string()),
            ("p99 with, ms", format!("{} ({} ×)", self.p99_with_ms, self.ratio)),
            ("RSS a slow one, KiB", self.rss_growth_kib_per_slow.unwrap_or(0.0).to_string()),
            ("generator's CPU", format!("{} s", self.generator_cpu_s)),
        ];
        report::finish(json, "slow", &rows, self.limits_changed, self.verdict, self)
    }
}
