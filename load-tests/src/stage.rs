//! What the commands about viewers share: filling a room, publishing a stretch of messages and
//! measuring meanwhile. Owns no command and no report.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use crate::crowd::{Crowd, Figures};
use crate::http::Client;
use crate::machine::{self, CpuTime};
use crate::metrics::Metrics;
use crate::report::say;
use crate::run::Run;
use crate::schedule::{Row, Schedule};
use crate::subject::publisher::Publisher;
use crate::subject::{Hawker, Subject};

/// Viewers that get in at the same time.
const AT_A_TIME: usize = 64;
/// How long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Gets viewers into the room, some at a time, and into these groups in turn.
pub(crate) async fn fill(
    crowd: &Arc<Crowd>,
    groups: &[usize],
    subject: &Arc<Subject>,
    viewers: usize,
) -> Result<Duration> {
    let began = Instant::now();
    let mut entering = JoinSet::new();
    for number in 0..viewers {
        if entering.len() >= AT_A_TIME
            && let Some(entered) = entering.join_next().await
        {
            entered??;
        }
        let group = groups[number % groups.len()];
        let (crowd, subject) = (Arc::clone(crowd), Arc::clone(subject));
        entering.spawn(async move {
            let entered = enter(&crowd, group, &subject, number).await;
            entered.with_context(|| format!("viewer {number}"))
        });
    }
    while let Some(entered) = entering.join_next().await {
        entered??;
    }
    Ok(began.elapsed())
}

async fn enter(crowd: &Crowd, group: usize, subject: &Subject, number: usize) -> Result<()> {
    let mut entrant = subject.entry(number).await?.enter().await?;
    if let Subject::Hawker(_) = subject {
        Hawker::start(&mut entrant)?;
    }
    crowd.admit(group, entrant)?;
    Ok(())
}

/// Where a server's own figures come from.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) processes: Vec<u32>,
    pub(crate) metrics: Vec<Client>,
}

/// A server's own figures at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    cpu: Option<CpuTime>,
    generator: CpuTime,
    metrics: Vec<Metrics>,
}

/// What grew between two moments.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) cpu: Option<CpuTime>,
    pub(crate) generator: CpuTime,
    before: Vec<Metrics>,
    after: Vec<Metrics>,
}

impl Growth {
    /// Of one of the counters of all nodes; `None` where there is no `/metrics` of ours.
    pub(crate) fn of(&self, name: &str) -> Option<u64> {
        self.of_each(name).into_iter().reduce(|sum, one| sum + one)
    }

    /// Of one of the counters of each node.
    pub(crate) fn of_each(&self, name: &str) -> Vec<u64> {
        let both = self.after.iter().zip(&self.before);
        both.map(|(after, before)| after.since(before, name)).collect()
    }
}

impl Gauges {
    pub(crate) fn of_run(run: &Run) -> Self {
        let own = run.own.iter().map(|(site, _)| site);
        let sites = own.chain(run.nodes.iter().flat_map(|it| it.all.iter().map(|it| &it.site)));
        let metrics = sites.map(|site| Client::new(site.admin, &site.admin.to_string())).collect();
        Self { processes: run.processes(), metrics }
    }

    /// The processes and their workers.
    fn families(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().flat_map(|process| machine::family(*process))
    }

    fn cpu(&self) -> Option<CpuTime> {
        let times = self.families().filter_map(machine::cpu_time);
        times.reduce(|sum, one| CpuTime {
            user_s: sum.user_s + one.user_s,
            system_s: sum.system_s + one.system_s,
        })
    }

    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.families().filter_map(machine::resident_bytes).reduce(|sum, one| sum + one)
    }

    /// The metrics first, so that making them is not part of what follows.
    pub(crate) async fn begin(&self) -> Result<Reading> {
        let metrics = self.read_metrics().await?;
        Ok(Reading { cpu: self.cpu(), generator: own_cpu(), metrics })
    }

    pub(crate) async fn since(&self, before: Reading) -> Result<Growth> {
        let cpu = self.cpu().zip(before.cpu).map(|(now, before)| now.since(before));
        let generator = own_cpu().since(before.generator);
        Ok(Growth { cpu, generator, before: before.metrics, after: self.read_metrics().await? })
    }

    async fn read_metrics(&self) -> Result<Vec<Metrics>> {
        let mut read = Vec::with_capacity(self.metrics.len());
        for client in &self.metrics {
            read.push(Metrics::read(client).await?);
        }
        Ok(read)
    }
}

fn own_cpu() -> CpuTime {
    machine::cpu_time(std::process::id()).unwrap_or_default()
}

/// A stretch of messages to a room, and what came of it.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) row: Row,
    pub(crate) refused: u64,
    pub(crate) figures: Figures,
    /// The deliveries to each group.
    pub(crate) deliveries_of: Vec<u64>,
    pub(crate) growth: Growth,
}

impl Stretch {
    /// Publishes for a while and waits until everybody has got everything, or too long.
    pub(crate) async fn play(
        crowd: &Crowd,
        groups: &[usize],
        (publisher, schedule): (&mut Publisher, &Schedule),
        (rate, span): (f64, Duration),
        gauges: &Gauges,
    ) -> Result<Self> {
        // A moment to finish the set-up, so that the first message is not late already.
        let start = Instant::now() + Duration::from_millis(50);
        crowd.take_figures_of(groups);
        let before = gauges.begin().await?;
        let row = schedule.plan(rate, span, start);
        let refused = publisher.publish(&row).await?;
        let viewers: usize = groups.iter().map(|group| crowd.len(*group)).sum();
        let expected = viewers as u64 * u64::from(row.count);
        let each = || groups.iter().map(|group| crowd.deliveries(*group));
        // A peer that is behind may take the last message late.
        let deadline = row.end().max(Instant::now()) + PATIENCE;
        while each().sum::<u64>() < expected && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        let growth = gauges.since(before).await?;
        // Whatever comes twice comes soon.
        sleep(Duration::from_millis(100)).await;
        let deliveries_of = each().collect();
        let figures = crowd.take_figures_of(groups);
        if let Some(broken) = &figures.broken {
            bail!("a viewer could not read what the server sent: {broken}");
        }
        Ok(Self { row, refused, figures, deliveries_of, growth })
    }

    /// Frames that one viewer got in a second.
    pub(crate) fn frames_per_s(&self, viewers: usize) -> f64 {
        let span = self.row.end().duration_since(self.row.start).as_secs_f64();
        self.figures.frames as f64 / viewers.max(1) as f64 / span
    }
}

/// Threads that read: half of the cores, as the server needs the others.
pub(crate) fn reading_threads(threads: Option<usize>) -> usize {
    threads.unwrap_or((machine::cores() / 2).max(1))
}

/// Says how the room was filled.
pub(crate) fn say_filled(viewers: usize, took: Duration) {
    say(&format!("{viewers} viewers are in after {:.1} s", took.as_secs_f64()));
}
