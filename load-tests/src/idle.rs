//! `idle`: what viewers cost who only watch a quiet room: authenticated, joined, silent. Owns the
//! two looks at the server's memory and the report.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep};

use crate::audit::Violations;
use crate::crowd::{Crowd, Group};
use crate::limits::{Changed, Settings};
use crate::machine::{self, Machine, SOCKETS_PER_SOURCE};
use crate::report::{self, Verdict, rounded, say};
use crate::run::{Common, Run};
use crate::stage::{self, Gauges};
use crate::subject::{Hawker, Peer, Subject};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 9_500)]
    viewers: usize,
    /// From the last join to the second look at the server's memory.
    #[arg(long, default_value_t = 10)]
    settle_seconds: u64,
    /// Measures another server that runs already: ws, socket.io, nchan or centrifuge.
    #[arg(long, requires_all = ["url", "pid"])]
    peer: Option<String>,
    /// Where viewers of the peer connect: ws://…
    #[arg(long)]
    url: Option<String>,
    /// The peer's process; those it started count too.
    #[arg(long)]
    pid: Option<u32>,
}

const VIEWERS: usize = 0;
/// Viewers who are there before the first look, so that what the first of them brings along (the
/// room, its snapshot, code that was never run) is not shared out among the others.
const FIRST: usize = 16;
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const PING: &[u8] = b"{\"id\":9,\"type\":\"ping\",\"t0\":0}";

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    subject: &'a str,
    viewers: usize,
    connect_seconds: f64,
    settle_seconds: u64,
    rss_before_bytes: Option<u64>,
    rss_after_bytes: Option<u64>,
    rss_kib_per_viewer: Option<f64>,
    /// Of the whole machine: both ends of every socket are on it.
    kernel_slab_kib_per_viewer: Option<f64>,
    tcp_buffer_bytes: Option<u64>,
    /// Over the time of settling.
    server_cpu_s: Option<f64>,
    answered: u64,
    closed: u64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.viewers >= 1, "a room needs a viewer");
    let sockets = options.viewers + FIRST + 64;
    if let (Some(peer), Some(url)) = (&options.peer, &options.url) {
        machine::allow_sockets(sockets)?;
        // Nothing is published.
        let peer = Arc::new(Subject::Peer(Peer::new(peer, url, "", false, 0)?));
        let gauges = Gauges { processes: options.pid.into_iter().collect(), metrics: Vec::new() };
        return measure(common, options, [Arc::clone(&peer), peer], gauges, &[]).await;
    }
    let run = Run::begin_with(common, sockets, SOCKETS_PER_SOURCE, Settings::lifted()).await?;
    let measured = of_hawker(common, options, &run).await;
    run.conclude(measured).await
}

async fn of_hawker(common: &Common, options: &Options, run: &Run) -> Result<bool> {
    let api = Hawker::furnish(&run.target).await?;
    let first = Hawker::open(&run.target, &api, "first").await?;
    let hawker = Hawker::open(&run.target, &api, "room").await?;
    let rooms = [first, hawker].map(|room| Arc::new(Subject::Hawker(room)));
    measure(common, options, rooms, Gauges::of_run(run), &run.limits).await
}

/// A peer has one room only, so its first viewers sit among the others.
async fn measure(
    common: &Common,
    options: &Options,
    [first, subject]: [Arc<Subject>; 2],
    gauges: Gauges,
    limits: &[Changed],
) -> Result<bool> {
    let (reading, ping) = (subject.reading(), subject.ping());
    let group = || Group { reading, schedule: Arc::default(), ping };
    let threads = stage::reading_threads(common.threads);
    let crowd = Arc::new(Crowd::start(threads, vec![group(), group()])?);
    stage::fill(&crowd, &[VIEWERS + 1], &first, FIRST).await.context("the first viewers")?;
    sleep(Duration::from_secs(1)).await;

    let (rss_before_bytes, slab) = (gauges.resident_bytes(), machine::kernel_slab_bytes());
    let connect = stage::fill(&crowd, &[VIEWERS], &subject, options.viewers).await?;
    stage::say_filled(options.viewers, connect);
    let before = gauges.begin().await?;
    sleep(Duration::from_secs(options.settle_seconds)).await;
    let settling = gauges.since(before).await?;
    let (rss_after_bytes, slab_after) = (gauges.resident_bytes(), machine::kernel_slab_bytes());
    let each_kib = |(after, before): (u64, u64)| {
        rounded(after.saturating_sub(before) as f64 / 1024.0 / options.viewers as f64)
    };
    let tcp_buffer_bytes = machine::tcp_buffer_bytes();

    let answered = match *subject {
        Subject::Hawker(_) => ping_all(&crowd).await,
        Subject::Peer(_) => crowd.len(VIEWERS) as u64,
    };
    let closed = (options.viewers - crowd.len(VIEWERS)) as u64;
    let mut found = Violations::default();
    let silent = options.viewers as u64 - answered.min(options.viewers as u64);
    if silent > 0 {
        found.add(|| format!("{silent} viewers got no answer to a ping ({closed} were cut off)"));
    }
    let verdict = Verdict::from(found);
    let report = Report {
        command: "idle",
        subject: subject.name(),
        viewers: options.viewers,
        connect_seconds: rounded(connect.as_secs_f64()),
        settle_seconds: options.settle_seconds,
        rss_before_bytes,
        rss_after_bytes,
        rss_kib_per_viewer: rss_after_bytes.zip(rss_before_bytes).map(each_kib),
        kernel_slab_kib_per_viewer: slab_after.zip(slab).map(each_kib),
        tcp_buffer_bytes,
        server_cpu_s: settling.cpu.map(|cpu| rounded(cpu.total_s())),
        answered,
        closed,
        verdict: &verdict,
        limits_changed: limits,
        machine: Machine::this(),
    };
    report.print(common.json)?;
    Ok(verdict.passed())
}

/// How many answer a request of theirs after all that silence.
async fn ping_all(crowd: &Crowd) -> u64 {
    crowd.take_figures(VIEWERS);
    let told = crowd.tell(VIEWERS, PING) as u64;
    say(&format!("{told} viewers ask for the time"));
    let deadline = Instant::now() + ANSWERS_WITHIN;
    while crowd.answers(VIEWERS) < told && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
    crowd.answers(VIEWERS)
}

impl Report<'_> {
    fn print(&self, json: bool) -> Result<()> {
        let kib = |value: Option<f64>| value.map_or("unknown".to_owned(), |it| it.to_string());
        let rows = vec![
            ("server", self.subject.to_owned()),
            ("viewers", format!("{} in {} s", self.viewers, self.connect_seconds)),
            ("RSS a viewer, KiB", kib(self.rss_kib_per_viewer)),
            ("kernel slab a viewer, KiB", kib(self.kernel_slab_kib_per_viewer)),
            ("server's CPU, settling", format!("{} s", self.server_cpu_s.unwrap_or(0.0))),
            ("answered a ping", self.answered.to_string()),
            ("cut off", self.closed.to_string()),
        ];
        report::finish(json, "idle", &rows, self.limits_changed, self.verdict, self)
    }
}
