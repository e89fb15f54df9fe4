//! `slow`: readers who stop reading among many who do not. Owns the two phases, the look at how far
//! the server has gone with the slow ones, and the report.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep};

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
    /// Those who stop reading and go on once the server has begun to skip; without it a tenth of
    /// those who never read.
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
    /// How long the server lets somebody stay behind; without it its default.
    #[arg(long)]
    slow_reader_ms: Option<u64>,
    /// From one CRITICAL message to the next.
    #[arg(long, default_value_t = 200)]
    critical_every_ms: u64,
}

const READERS: usize = 0;
const NEVER: usize = 1;
const LATE: usize = 2;
const ROOM: &str = "room";
/// What a phone with nothing left has: the kernel's least, so that the server notices soon.
const RECEIVE_BYTES: usize = 4_096;
/// Slow readers that are skipped before the late ones read again.
const BEHIND_FOR: Duration = Duration::from_secs(1);
/// A reader who was not there in time.
const SLOW_CLOSE: u16 = 4_408;
const LOST: u16 = 1_006;

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
    /// Those who were told to skip, with a snapshot for what they missed.
    late_gapped: usize,
    /// Lines that the server did not send to those who were behind.
    skipped_lines: Option<u64>,
    /// Those who never read and whose connection the server has ended.
    never_reading_closed: u64,
    /// Those of them who found the reason in what was left to be read.
    closed_4408: u64,
    first_skipped_s: Option<f64>,
    closed_all_s: Option<f64>,
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
    first_skipped: Option<Duration>,
    closed_all: Option<Duration>,
    rss_max: Option<u64>,
    skipped_lines: Option<u64>,
    closed: u64,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(common.server.is_none(), "slow reads its own server's figures: no --server");
    ensure!(options.viewers > options.never_reading, "somebody must read");
    let mut settings =
        Settings::lifted().with("hub.tick_ms", options.tick_ms, "The tick that is measured.");
    if let Some(slow_reader_ms) = options.slow_reader_ms {
        let why = "Asked for on the command line, for a shorter run.";
        settings = settings.with("limits.timeouts.slow_reader_ms", slow_reader_ms, why);
    }
    let sockets = options.viewers + options.late() + 128;
    let run = Run::begin_with(common, sockets, SOCKETS_PER_SOURCE, settings).await?;
    let passed = measure(common, options, &run).await;
    let ended = run.end(passed.as_ref().is_ok_and(|passed| *passed)).await;
    let passed = passed?;
    ended?;
    Ok(passed)
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
    let slow = Hawker { receive_bytes: Some(RECEIVE_BYTES), ..hawker.clone() };
    let readers = Arc::new(Subject::Hawker(hawker));
    let schedule = Arc::new(Schedule::default());
    let group = |schedule| Group { reading: Reading::Hawker, schedule, ping: None };
    let groups = vec![group(Arc::clone(&schedule)), group(Arc::default()), group(Arc::default())];
    let crowd = Arc::new(Crowd::start(stage::reading_threads(common.threads), groups)?);
    let publisher = readers.publisher(common.seed).await?;
    let reading = options.viewers - options.never_reading;
    let took = stage::fill(&crowd, READERS, &readers, reading).await?;
    stage::say_filled(reading, took);

    let every = Duration::from_millis(options.critical_every_ms.max(1));
    let changing = Changing::start(Arc::clone(&api), ROOM, every).await?;
    let talking = Talking::start(publisher, Arc::clone(&schedule), options.rate);
    sleep(Duration::from_secs(1)).await;
    say("everybody reads");
    crowd.take_figures(READERS);
    sleep(Duration::from_secs(options.seconds)).await;
    let without = crowd.take_figures(READERS);
    let rss_before = gauges.resident_bytes();
    let begun = gauges.begin().await?;

    say(&format!("{} do not read, {} will late", options.never_reading, options.late()));
    let never = seat(&crowd, NEVER, &slow, reading, options.never_reading).await?;
    let late = seat(&crowd, LATE, &slow, reading + options.never_reading, options.late()).await?;
    crowd.take_figures(READERS);
    let ladder = climb(&crowd, &gauges, &begun, options, &late).await?;
    let with = crowd.take_figures(READERS);
    for place in never {
        crowd.watch(place)?;
    }
    let critical = changing.stop().await?;
    let (_, refused) = talking.stop().await?;
    let growth = gauges.since(begun).await?;
    let lost = all_arrived(&crowd, READERS, &schedule).await;
    let counts = Counts {
        critical,
        lost,
        lost_critical: lost_critical(&crowd, READERS, READERS).await,
        late_lost_critical: lost_critical(&crowd, LATE, READERS).await,
        readers_gone: (reading - crowd.len(READERS)) as u64,
        late_gone: (options.late() - crowd.len(LATE)) as u64,
        refused,
    };
    let codes = crowd.take_figures(NEVER).closed;
    let verdict = Verdict::from(violations(options, &ladder, &counts));
    let report = Report {
        messages: schedule.planned(),
        late_gapped: crowd.positions(LATE).iter().filter(|it| it.gaps > 0).count(),
        closed_4408: codes.get(&SLOW_CLOSE).copied().unwrap_or(0),
        rss_before_bytes: rss_before,
        rss_growth_kib_per_slow: ladder.rss_max.zip(rss_before).map(|(most, before)| {
            let slow = options.never_reading + options.late();
            rounded(most.saturating_sub(before) as f64 / 1024.0 / slow.max(1) as f64)
        }),
        generator_cpu_s: rounded(growth.generator.total_s()),
        limits_changed: &run.limits,
        ..Report::of(options, &ladder, &counts, (&without, &with), &verdict)
    };
    say(&format!("ends of those who never read, by code ({LOST}: without one): {codes:?}"));
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

/// Waits until the server has closed on all who never read. Those who are late begin to read when
/// it has skipped somebody for a while.
async fn climb(
    crowd: &Crowd,
    gauges: &Gauges,
    begun: &Moment,
    options: &Options,
    late: &[Place],
) -> Result<Ladder> {
    let began = Instant::now();
    let (mut ladder, mut late) = (Ladder::default(), Some(late));
    while began.elapsed() < Duration::from_secs(options.seconds_max) {
        sleep(Duration::from_millis(250)).await;
        let growth = gauges.since(begun.clone()).await?;
        ladder.skipped_lines = growth.of("hawker_skipped_total");
        ladder.closed = growth.of("hawker_connections_closed_total").unwrap_or(0);
        ladder.rss_max = ladder.rss_max.max(gauges.resident_bytes());
        if ladder.first_skipped.is_none() && ladder.skipped_lines.is_some_and(|lines| lines > 0) {
            ladder.first_skipped = Some(began.elapsed());
            say("the server skips somebody");
        }
        if ladder.first_skipped.is_some_and(|at| began.elapsed() >= at + BEHIND_FOR) {
            for place in late.take().unwrap_or_default() {
                crowd.watch(*place)?;
            }
        }
        if ladder.closed >= options.never_reading as u64 {
            ladder.closed_all = Some(began.elapsed());
            break;
        }
    }
    Ok(ladder)
}

/// What is counted at the end.
struct Counts {
    critical: u64,
    lost: u64,
    lost_critical: u64,
    late_lost_critical: u64,
    readers_gone: u64,
    late_gone: u64,
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
        (counts.late_gone, "who read late were cut off"),
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
            skipped_lines: ladder.skipped_lines,
            never_reading_closed: ladder.closed.min(options.never_reading as u64),
            closed_4408: 0,
            first_skipped_s: seconds(ladder.first_skipped),
            closed_all_s: seconds(ladder.closed_all),
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
        let rows = vec![
            ("viewers", format!("{}, {} never read", self.viewers, self.never_reading)),
            ("CRITICAL, lost", format!("{}, {}", self.critical, self.lost_critical)),
            ("skipped after", seconds(self.first_skipped_s)),
            ("lines skipped", self.skipped_lines.unwrap_or(0).to_string()),
            ("late, told of a gap", format!("{} of {}", self.late_gapped, self.late_reading)),
            ("closed on", format!("{closed}, {} with 4408", self.closed_4408)),
            ("all closed after", seconds(self.closed_all_s)),
            ("p99 without, ms", self.p99_without_ms.to_string()),
            ("p99 with, ms", format!("{} ({} ×)", self.p99_with_ms, self.ratio)),
            ("RSS a slow one, KiB", self.rss_growth_kib_per_slow.unwrap_or(0.0).to_string()),
            ("generator's CPU", format!("{} s", self.generator_cpu_s)),
        ];
        report::finish(json, "slow", &rows, self.limits_changed, self.verdict, self)
    }
}
