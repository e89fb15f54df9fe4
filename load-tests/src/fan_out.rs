//! `fan-out`: what it costs a server to deliver a room's messages, beside what the kernel alone
//! takes for the same writes. Owns the order of the measurement and the report.

mod spread;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::{Duration, Instant};

use crate::audit::Violations;
use crate::crowd::digest::Reading;
use crate::crowd::{Crowd, Group};
use crate::floor::{Bill, Floor};
use crate::http::{Client, Url};
use crate::limits::{Changed, Settings};
use crate::machine::{self, Machine};
use crate::nodes::{Begun, Choice};
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Run};
use crate::schedule::Schedule;
use crate::stage::{self, Gauges, Stretch};
use crate::subject::publisher::Publisher;
use crate::subject::{Hawker, Peer, Subject};
use spread::{Mouth, Spread};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 5_000)]
    viewers: usize,
    /// Messages a second, sent at their times whatever the server does (open loop).
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// How long the room collects messages, for rooms of every size; 0 sends each by itself.
    #[arg(long, default_value_t = 0)]
    tick_ms: u64,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Viewers offer permessage-deflate.
    #[arg(long)]
    compress: bool,
    /// What a message should weigh with everything around it; without it as people comment,
    /// about 200 bytes.
    #[arg(long, default_value_t = 0)]
    message_bytes: usize,
    /// Threads of the floor's sender. One is the least that the kernel can take.
    #[arg(long, default_value_t = 1)]
    floor_senders: usize,
    /// Measures another server that runs already: ws, socket.io, nchan or centrifuge.
    #[arg(long, requires_all = ["url", "publish_url", "pid"])]
    peer: Option<String>,
    /// Where viewers of the peer connect: ws://…
    #[arg(long)]
    url: Option<String>,
    /// Where the peer is given messages: http://… for a POST of each, ws://… for text frames.
    #[arg(long)]
    publish_url: Option<String>,
    /// The server's process; those it started count too. Needed for a server that was not started
    /// by this run.
    #[arg(long)]
    pid: Option<u32>,
    /// The admin address of a Hawker server that runs already: http://…
    #[arg(long)]
    admin: Option<String>,
    #[command(flatten)]
    choice: Choice,
    /// Which of several nodes those are on who comment.
    #[arg(long, value_enum, default_value_t = Mouth::Owner)]
    publish_at: Mouth,
    /// Measures the same with one node first.
    #[arg(long, requires = "nodes", conflicts_with = "folder")]
    compare: bool,
}

/// Fills buffers and caches, and shows how often the server writes.
const WARM_UP: Duration = Duration::from_secs(2);
/// Publishers and what else is open.
const OTHER_SOCKETS: usize = 128;

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    subject: String,
    viewers: usize,
    rate_per_s: f64,
    /// Absent for a peer, whose ticks are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    tick_ms: Option<u64>,
    compress: bool,
    seconds: u64,
    messages: u32,
    deliveries: u64,
    lost: u64,
    doubled: u64,
    refused: u64,
    closed: u64,
    #[serde(flatten)]
    cost: Cost,
    /// What a message costs the server in a room that nobody watches.
    publishing_us_per_message: Option<f64>,
    /// The rest of `server_cpu_s`, for each delivery.
    delivering_us_per_delivery: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    connect_seconds: f64,
    rss_kib_per_viewer: Option<f64>,
    generator_cpu_s: f64,
    #[serde(flatten)]
    verdict: Verdict,
    #[serde(flatten)]
    spread: Option<Spread>,
    limits_changed: Vec<Changed>,
    machine: Machine,
}

/// What the deliveries took.
#[derive(Debug, Clone, Copy, Serialize)]
struct Cost {
    /// By the server's own count, or frames that viewers got where it has none.
    writes: u64,
    frames: u64,
    bytes: u64,
    bytes_per_delivery: f64,
    /// Before compression.
    plain_bytes_per_delivery: f64,
    deliveries_per_write: f64,
    server_cpu_s: Option<f64>,
    server_cpu_us_per_write: Option<f64>,
    server_user_us_per_write: Option<f64>,
    server_system_us_per_write: Option<f64>,
    server_cpu_us_per_delivery: Option<f64>,
    floor_writes: u64,
    floor_bytes_per_write: f64,
    floor_us_per_write: f64,
    floor_before_us_per_write: f64,
    floor_after_us_per_write: f64,
    /// The server's CPU per write beside the floor's.
    ratio: Option<f64>,
}

/// Everything that is measured together.
struct Stage {
    subject: Arc<Subject>,
    crowd: Arc<Crowd>,
    /// The groups of the viewers: one for each node.
    groups: Vec<usize>,
    viewers: usize,
    schedule: Arc<Schedule>,
    gauges: Gauges,
    publisher: Publisher,
    floor: Floor,
    connect: Duration,
    rss_per_viewer: Option<f64>,
}

/// What is known before the room fills.
struct Around<'a> {
    gauges: Gauges,
    publishing: Option<f64>,
    /// `None` for a peer.
    run: Option<&'a Run>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.viewers >= 1, "a room needs a viewer");
    ensure!(options.rate > 0.0 && options.seconds >= 1, "there must be something to measure");
    let one = match options.compare {
        true => Some(play(common, &one_node(options)).await?),
        false => None,
    };
    let mut report = play(common, options).await?;
    if let (Some(one), Some(spread)) = (&one, &mut report.spread) {
        spread.compare(&report.cost, one);
    }
    report.print(common.json)?;
    Ok(report.verdict.passed() && one.is_none_or(|one| one.verdict.passed()))
}

fn one_node(options: &Options) -> Options {
    let mut one = options.clone();
    one.choice.nodes = Some(1);
    one
}

async fn play(common: &Common, options: &Options) -> Result<Report> {
    let sockets = options.viewers * 2 + OTHER_SOCKETS;
    if let (Some(peer), Some(url), Some(publish_at)) =
        (&options.peer, &options.url, &options.publish_url)
    {
        machine::allow_sockets(sockets)?;
        let (compress, bytes) = (options.compress, options.message_bytes);
        let peer = Subject::Peer(Peer::new(peer, url, publish_at, compress, bytes)?);
        let processes = options.pid.into_iter().collect();
        let gauges = Gauges { processes, metrics: Vec::new() };
        let around = Around { gauges, publishing: None, run: None };
        return measure(common, options, peer, around).await;
    }
    let run = Run::begin_among(common, sockets, settings(options), &options.choice).await?;
    let measured = of_hawker(common, options, &run).await;
    run.conclude_with(measured, |report| report.verdict.passed()).await
}

fn settings(options: &Options) -> Settings {
    Settings::lifted().with("hub.tick_ms", options.tick_ms, "The tick that is measured.")
}

async fn of_hawker(common: &Common, options: &Options, run: &Run) -> Result<Report> {
    let mut gauges = Gauges::of_run(run);
    if let Some(admin) = &options.admin {
        let url = Url::parse(admin, "http")?;
        gauges.metrics = vec![Client::new(url.address, &url.host)];
    }
    if gauges.processes.is_empty() {
        gauges.processes.extend(options.pid);
    }
    let api = Hawker::furnish(&run.target).await?;
    let mouth = mouth(options, run).await?;
    let hawker = Hawker { mouth, ..Hawker::open(&run.target, &api, "room").await? };
    let unwatched = Hawker { mouth, ..Hawker::open(&run.target, &api, "unwatched").await? };
    let (compress, message_bytes) = (options.compress, options.message_bytes);
    let unwatched = Subject::Hawker(Hawker { message_bytes, ..unwatched });
    let publishing = publishing_us(common, options, &unwatched, &gauges).await?;
    let subject = Subject::Hawker(Hawker { compress, message_bytes, ..hawker });
    measure(common, options, subject, Around { gauges, publishing, run: Some(run) }).await
}

/// The node of those who comment.
async fn mouth(options: &Options, run: &Run) -> Result<usize> {
    let Some(nodes) = &run.nodes else { return Ok(0) };
    let owner = nodes.until_owned(&run.target.name).await?.at;
    Ok(match options.publish_at {
        Mouth::Owner => owner,
        Mouth::Other => (owner + 1) % nodes.all.len(),
    })
}

/// What a message costs before anybody gets it, in microseconds of the server's processors.
async fn publishing_us(
    common: &Common,
    options: &Options,
    unwatched: &Subject,
    gauges: &Gauges,
) -> Result<Option<f64>> {
    let mut publisher = unwatched.publisher(common.seed).await.context("the publisher")?;
    let schedule = Schedule::default();
    say(&format!("{} messages a second that nobody watches", options.rate));
    publisher.publish(&schedule.plan(options.rate, WARM_UP / 2, Instant::now())).await?;
    let begun = gauges.begin().await?;
    let span = Duration::from_secs(options.seconds) / 2;
    let row = schedule.plan(options.rate, span, Instant::now());
    publisher.publish(&row).await?;
    let growth = gauges.since(begun).await?;
    publisher.finish().await;
    Ok(growth.cpu.map(|cpu| cpu.total_s() * 1e6 / f64::from(row.count.max(1))))
}

async fn measure(
    common: &Common,
    options: &Options,
    subject: Subject,
    Around { gauges, publishing, run }: Around<'_>,
) -> Result<Report> {
    let mut stage = set_up(common, options, subject, gauges).await?;
    let half = Duration::from_secs(options.seconds) / 2;
    let warm = stage.stretch(options.rate, WARM_UP).await?;
    let bursts_per_s = warm.frames_per_s(options.viewers);
    ensure!(bursts_per_s > 0.0, "no viewer got a message");
    say(&format!("the floor: {bursts_per_s:.1} writes a second to each of {}", options.viewers));
    let frames = stage.recent_frames(bursts_per_s);
    let before = stage.floor.send(&frames, half).await?;
    say(&format!("the server: {} messages a second", options.rate));
    let begun = nodes_begin(run).await;
    let measured = stage.stretch(options.rate, Duration::from_secs(options.seconds)).await?;
    let spread = spread(run, begun, &stage, &measured, options.publish_at).await;
    let bursts_per_s = measured.frames_per_s(options.viewers);
    let frames = stage.recent_frames(bursts_per_s);
    say("the floor once more");
    let after = stage.floor.send(&frames, half).await?;

    let (closed, lost) = (stage.closed(), stage.lost());
    let doubled = warm.figures.doubled + measured.figures.doubled;
    let refused = warm.refused + measured.refused;
    let verdict = Verdict::from(violations(lost, doubled, refused, closed));
    let latency = measured.figures.latency.summary();
    let delivering = measured.growth.cpu.zip(publishing).map(|(cpu, each)| {
        let published = each * f64::from(measured.row.count);
        (cpu.total_s() * 1e6 - published) / measured.figures.deliveries.max(1) as f64
    });
    Ok(Report {
        command: "fan-out",
        subject: stage.subject.name().to_owned(),
        viewers: options.viewers,
        rate_per_s: options.rate,
        tick_ms: options.peer.is_none().then_some(options.tick_ms),
        compress: options.compress,
        seconds: options.seconds,
        messages: measured.row.count,
        deliveries: measured.figures.deliveries,
        lost,
        doubled,
        refused,
        closed,
        cost: cost(&measured, before, after),
        publishing_us_per_message: publishing.map(rounded),
        delivering_us_per_delivery: delivering.map(rounded),
        p50_ms: latency.p50_ms,
        p99_ms: latency.p99_ms,
        p999_ms: latency.p999_ms,
        max_ms: latency.max_ms,
        connect_seconds: rounded(stage.connect.as_secs_f64()),
        rss_kib_per_viewer: stage.rss_per_viewer.map(rounded),
        generator_cpu_s: rounded(measured.growth.generator.total_s()),
        verdict,
        spread,
        limits_changed: run.map_or_else(Vec::new, |run| run.limits.clone()),
        machine: Machine::this(),
    })
}

/// How the nodes stand before the measurement, where there are several.
async fn nodes_begin(run: Option<&Run>) -> Option<Begun> {
    let run = run?;
    run.begin_nodes(&run.target.name).await
}

async fn spread(
    run: Option<&Run>,
    begun: Option<Begun>,
    stage: &Stage,
    measured: &Stretch,
    publish_at: Mouth,
) -> Option<Spread> {
    let run = run?;
    let among = run.among_nodes(&run.target.name, begun.as_ref()).await?;
    Some(Spread::of(stage, measured, among, publish_at))
}

async fn set_up(
    common: &Common,
    options: &Options,
    subject: Subject,
    gauges: Gauges,
) -> Result<Stage> {
    let (subject, schedule) = (Arc::new(subject), Arc::new(Schedule::default()));
    let groups: Vec<usize> = (0..subject.nodes()).collect();
    let group = |_: &usize| Group {
        reading: subject.reading(),
        schedule: Arc::clone(&schedule),
        ping: subject.ping(),
    };
    let echoes = Group { reading: Reading::Markers, schedule: Arc::default(), ping: None };
    let threads = stage::reading_threads(common.threads);
    let crowd =
        Arc::new(Crowd::start(threads, groups.iter().map(group).chain([echoes]).collect())?);
    let publisher = subject.publisher(common.seed).await.context("the publisher")?;
    let resident = gauges.resident_bytes();
    let connect = stage::fill(&crowd, &groups, &subject, options.viewers).await?;
    stage::say_filled(options.viewers, connect);
    let rss_per_viewer = gauges.resident_bytes().zip(resident).map(|(after, before)| {
        after.saturating_sub(before) as f64 / 1024.0 / options.viewers as f64
    });
    let (viewers, echoes) = (options.viewers, groups.len());
    let floor = Floor::start(&crowd, echoes, viewers, options.floor_senders).await?;
    Ok(Stage {
        subject,
        crowd,
        groups,
        viewers,
        schedule,
        gauges,
        publisher,
        floor,
        connect,
        rss_per_viewer,
    })
}

impl Stage {
    async fn stretch(&mut self, rate: f64, span: Duration) -> Result<Stretch> {
        let speaker = (&mut self.publisher, &*self.schedule);
        Stretch::play(&self.crowd, &self.groups, speaker, (rate, span), &self.gauges).await
    }

    fn recent_frames(&self, bursts_per_s: f64) -> Vec<(Duration, Vec<u8>)> {
        self.crowd.recent_frames(self.groups[0], Duration::from_secs_f64(1.0 / bursts_per_s))
    }

    /// Viewers that were cut off.
    fn closed(&self) -> u64 {
        let there: usize = self.groups.iter().map(|group| self.crowd.len(*group)).sum();
        (self.viewers - there) as u64
    }

    /// Messages that somebody did not get.
    fn lost(&self) -> u64 {
        let sent = self.schedule.planned();
        self.groups.iter().map(|group| self.crowd.missing(*group, sent)).sum()
    }
}

fn violations(lost: u64, doubled: u64, refused: u64, closed: u64) -> Violations {
    let mut found = Violations::default();
    let counts = [
        (lost, "messages did not reach somebody"),
        (doubled, "messages reached somebody twice"),
        (refused, "messages were refused"),
        (closed, "viewers were cut off"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        found.add(|| format!("{count} {what}"));
    }
    found
}

fn cost(measured: &Stretch, before: Bill, after: Bill) -> Cost {
    let (figures, growth) = (&measured.figures, &measured.growth);
    let writes = growth.of("hawker_writes_total").unwrap_or(figures.frames);
    let floor = before.plus(after);
    let deliveries = figures.deliveries.max(1) as f64;
    let us = |seconds: Option<f64>, count: f64| seconds.map(|it| rounded(it * 1e6 / count));
    let (each, total) = (writes.max(1) as f64, growth.cpu.map(machine::CpuTime::total_s));
    Cost {
        writes,
        frames: figures.frames,
        bytes: figures.bytes,
        bytes_per_delivery: rounded(figures.bytes as f64 / deliveries),
        plain_bytes_per_delivery: rounded(figures.plain_bytes as f64 / deliveries),
        deliveries_per_write: rounded(deliveries / each),
        server_cpu_s: total.map(rounded),
        server_cpu_us_per_write: us(total, each),
        server_user_us_per_write: us(growth.cpu.map(|cpu| cpu.user_s), each),
        server_system_us_per_write: us(growth.cpu.map(|cpu| cpu.system_s), each),
        server_cpu_us_per_delivery: us(total, deliveries),
        floor_writes: floor.writes,
        floor_bytes_per_write: rounded(floor.bytes as f64 / floor.writes.max(1) as f64),
        floor_us_per_write: rounded(floor.us_per_write()),
        floor_before_us_per_write: rounded(before.us_per_write()),
        floor_after_us_per_write: rounded(after.us_per_write()),
        ratio: total.map(|total| rounded(total * 1e6 / each / floor.us_per_write())),
    }
}

impl Report {
    fn print(&self, json: bool) -> Result<()> {
        let Self { cost, p50_ms, p99_ms, p999_ms, max_ms, .. } = self;
        let shown = |value: Option<f64>| value.map_or("unknown".to_owned(), |it| it.to_string());
        let tick = self.tick_ms.map_or("its own".to_owned(), |tick| format!("{tick} ms"));
        let mut rows = vec![
            ("server", self.subject.clone()),
            ("viewers, tick", format!("{}, {tick}", self.viewers)),
            ("messages", format!("{} at {}/s", self.messages, self.rate_per_s)),
            ("deliveries", self.deliveries.to_string()),
            (
                "lost, doubled, refused",
                format!("{}, {}, {}", self.lost, self.doubled, self.refused),
            ),
            ("writes, frames", format!("{}, {}", cost.writes, cost.frames)),
            ("server, µs a write", shown(cost.server_cpu_us_per_write)),
            ("floor, µs a write", cost.floor_us_per_write.to_string()),
            ("ratio", shown(cost.ratio)),
            ("server, µs a delivery", shown(cost.server_cpu_us_per_delivery)),
            ("of it for delivering", shown(self.delivering_us_per_delivery)),
            ("bytes a delivery", format!("{}", cost.bytes_per_delivery)),
            ("p50 p99 p99.9 max, ms", format!("{p50_ms} {p99_ms} {p999_ms} {max_ms}")),
            ("RSS a viewer, KiB", shown(self.rss_kib_per_viewer)),
            ("generator's CPU", format!("{} s", self.generator_cpu_s)),
        ];
        rows.extend(self.spread.iter().flat_map(Spread::rows));
        report::finish(json, "fan-out", &rows, &self.limits_changed, &self.verdict, self)
    }
}
