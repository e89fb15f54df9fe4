//! `claims`: how many claims a second the server accepts, each durable before its reply, and how
//! many it refuses. Owns the two phases and the report. A capacity test: unless a rate is given,
//! each socket keeps a fixed number of claims in flight and sends the next when one is answered.

mod plan;
mod player;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use crate::audit::{Acks, Audit, Violations};
use crate::limits::Changed;
use crate::machine::{Machine, SOCKETS_PER_SOURCE};
use crate::report::{self, Progress, Verdict, rounded, say};
use crate::run::{Common, Cpu, Run};
use crate::tally::{Counters, Summary, Tally, value};
pub(crate) use player::reservation;

use plan::Plan;
use player::{Aim, Pace, Player, Told};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Buyers, each with one socket.
    #[arg(long, default_value_t = 500)]
    sockets: usize,
    /// Claims to be accepted, over all sockets.
    #[arg(long, default_value_t = 200_000)]
    accepted: usize,
    /// Claims to be refused as sold out, in a phase of their own; without it a quarter of
    /// --accepted.
    #[arg(long)]
    refused: Option<usize>,
    /// Rooms the sockets are spread over, each with sales of its own.
    #[arg(long, default_value_t = 20)]
    rooms: usize,
    /// Claims each socket keeps waiting for their replies, at most 32. With 500 sockets four make
    /// batches of two thousand: more would only wait longer.
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Claims a second over all sockets, sent at their times whatever the server does (open
    /// loop). Without it the run is a closed loop.
    #[arg(long)]
    rate: Option<f64>,
}

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    mode: String,
    sockets: usize,
    rooms: usize,
    in_flight_per_socket: usize,
    accepted: usize,
    accepted_seconds: f64,
    accepted_per_s: f64,
    #[serde(flatten)]
    latency: Summary,
    refused: usize,
    refused_seconds: f64,
    refused_per_s: f64,
    refused_latency: Summary,
    outcomes: BTreeMap<String, u64>,
    deliveries: u64,
    server_cpu_s: Option<f64>,
    server_cpu_us_per_accepted: Option<f64>,
    generator_cpu_s: f64,
    server_resident_bytes: Option<u64>,
    events: u64,
    audit_seconds: f64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    limits_changed: &'a [Changed],
    machine: Machine,
}

/// One phase's figures.
struct Phase {
    tally: Arc<Tally>,
    told: Vec<(usize, Told)>,
    took: Duration,
    cpu: Cpu,
}

impl Phase {
    fn per_s(&self, count: usize) -> f64 {
        rounded(count as f64 / self.took.as_secs_f64().max(1e-9))
    }

    fn latency(&self) -> Summary {
        self.tally.lock().latency.summary()
    }
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!((1..=32).contains(&options.in_flight), "--in-flight is from 1 to 32");
    ensure!(options.rooms >= 1 && options.sockets >= options.rooms, "a room needs a socket");
    let run = Run::begin(common, options.sockets + 64, SOCKETS_PER_SOURCE).await?;
    let measured = measure(&run, options).await;
    run.conclude(measured).await
}

async fn measure(run: &Run, options: &Options) -> Result<bool> {
    let plan = Arc::new(Plan::new(&run.target, options.sockets, options.rooms, options.accepted)?);
    let api = Arc::new(run.target.api(plan.shop.as_str()).await?);
    say(&format!("setting up {}", plan.describe()));
    plan.set_up(&api).await.context("setting up the shop")?;
    let counters = Arc::new(Counters::default());
    let players = join_all(run, &plan).await?;
    let scarce_holder = plan.take_the_scarce_unit(&run.target).await?;

    say(&format!("{} claims to be accepted", plan.accepted()));
    let each = plan.claims_each;
    let pace = Pace::new(options.in_flight, options.rate, options.sockets);
    let (accepted, players) =
        phase(run, players, &plan, &counters, Aim::Accepted, each, pace).await?;
    let refusals = options.refused.unwrap_or(options.accepted / 4).div_ceil(options.sockets);
    say(&format!("{} claims to be refused", refusals * options.sockets));
    let (refused, players) =
        phase(run, players, &plan, &counters, Aim::Refused, refusals, pace).await?;
    for player in players {
        player.socket.close().await;
    }
    scarce_holder.close().await;

    say("the audit reads the feed");
    let began = Instant::now();
    let (mut acks, mut found) = (Acks::default(), Violations::default());
    judge(&plan, Aim::Accepted, &accepted.told, &mut acks, &mut found);
    judge(&plan, Aim::Refused, &refused.told, &mut acks, &mut found);
    let mut audit = Audit::new();
    audit.read(&api).await?;
    found.append(&audit.violations(&acks));
    let verdict = Verdict::from(found);
    let report = Report {
        deliveries: value(&counters.deliveries),
        events: audit.events,
        audit_seconds: rounded(began.elapsed().as_secs_f64()),
        ..report_of(run, options, &accepted, &refused, &verdict)
    };
    report.print(run)?;
    Ok(verdict.passed())
}

fn report_of<'a>(
    run: &'a Run,
    options: &Options,
    accepted: &Phase,
    refused: &Phase,
    verdict: &'a Verdict,
) -> Report<'a> {
    let accepted_count = accepted.told.iter().filter(|(_, told)| told.is_yes()).count();
    let refused_count = refused.told.iter().filter(|(_, told)| !told.is_yes()).count();
    let mut outcomes = accepted.tally.lock().outcomes.clone();
    for (code, count) in &refused.tally.lock().outcomes {
        *outcomes.entry(code.clone()).or_default() += count;
    }
    let mode = match options.rate {
        Some(rate) => format!("open loop at {rate} claims a second"),
        None => format!("closed loop, {} claims in flight per socket", options.in_flight),
    };
    let each_us = |cpu_s: f64| rounded(cpu_s * 1e6 / accepted_count.max(1) as f64);
    Report {
        command: "claims",
        mode,
        sockets: options.sockets,
        rooms: options.rooms,
        in_flight_per_socket: options.in_flight,
        accepted: accepted_count,
        accepted_seconds: rounded(accepted.took.as_secs_f64()),
        accepted_per_s: accepted.per_s(accepted_count),
        latency: accepted.latency(),
        refused: refused_count,
        refused_seconds: rounded(refused.took.as_secs_f64()),
        refused_per_s: refused.per_s(refused_count),
        refused_latency: refused.latency(),
        outcomes,
        deliveries: 0,
        server_cpu_s: accepted.cpu.server.map(rounded),
        server_cpu_us_per_accepted: accepted.cpu.server.map(each_us),
        generator_cpu_s: rounded(accepted.cpu.generator),
        server_resident_bytes: run.server_resident_bytes(),
        events: 0,
        audit_seconds: 0.0,
        verdict,
        limits_changed: &run.limits,
        machine: Machine::this(),
    }
}

/// Opens every socket and has it join its room, some at a time.
async fn join_all(run: &Run, plan: &Arc<Plan>) -> Result<Vec<Player>> {
    const AT_A_TIME: usize = 64;
    let mut players = Vec::with_capacity(plan.sockets);
    let mut joining = JoinSet::new();
    for number in 0..plan.sockets {
        if joining.len() >= AT_A_TIME
            && let Some(player) = joining.join_next().await
        {
            players.push(player??);
        }
        joining.spawn(Player::join(Arc::clone(&run.target), Arc::clone(plan), number));
    }
    while let Some(player) = joining.join_next().await {
        players.push(player??);
    }
    Ok(players)
}

async fn phase(
    run: &Run,
    players: Vec<Player>,
    plan: &Arc<Plan>,
    counters: &Arc<Counters>,
    aim: Aim,
    claims_each: usize,
    pace: Pace,
) -> Result<(Phase, Vec<Player>)> {
    let tally = Arc::new(Tally::new());
    let shown = Arc::clone(&tally);
    let progress = Progress::every_second(move |second| {
        let inner = shown.lock();
        let (count, p99) = (inner.latency.count(), inner.latency.quantile_ms(0.99));
        format!("{count} answered, {} a second, p99 {p99:.1} ms", count / second)
    });
    let (began, cpu) = (Instant::now(), run.cpu_s());
    let mut playing = JoinSet::new();
    for player in players {
        let (plan, tally, counters) = (Arc::clone(plan), Arc::clone(&tally), Arc::clone(counters));
        playing.spawn(player.play(plan, aim, claims_each, pace.from(began), tally, counters));
    }
    let (mut told, mut players) = (Vec::new(), Vec::new());
    while let Some(played) = playing.join_next().await {
        let (player, answers) = played??;
        told.extend(answers.into_iter().map(|answer| (player.number, answer)));
        players.push(player);
    }
    let (took, cpu) = (began.elapsed(), run.cpu_s().since(cpu));
    drop(progress);
    Ok((Phase { tally, told, took, cpu }, players))
}

/// Books what the sockets were told, and complains about answers of the wrong kind.
fn judge(plan: &Plan, aim: Aim, told: &[(usize, Told)], acks: &mut Acks, bad: &mut Violations) {
    for (number, told) in told {
        let user = plan.user(*number);
        let command = plan.command(aim, *number, told.claim);
        match (&told.outcome, aim) {
            (Ok(Some(reservation)), Aim::Accepted) => {
                acks.accepted(&user, &command, Some(reservation));
            }
            (Ok(Some(_)), Aim::Refused) => {
                bad.add(|| format!("{user} got a unit of what is sold out ({command})"));
            }
            (Ok(None), _) => {
                bad.add(|| format!("{command} of {user}: a first claim was answered as existing"));
            }
            (Err(code), _) => {
                acks.refused(&user, &command, code);
                let expected = aim == Aim::Refused && *code == "sold_out";
                if !expected {
                    bad.add(|| format!("{command} of {user} was refused as {code}"));
                }
            }
        }
    }
}

impl Report<'_> {
    fn print(&self, run: &Run) -> Result<()> {
        let Summary { p50_ms, p99_ms, p999_ms, max_ms } = self.latency;
        let slow = self.refused_latency;
        let mut rows = vec![
            ("mode", self.mode.clone()),
            ("sockets, rooms", format!("{}, {}", self.sockets, self.rooms)),
            ("accepted", format!("{} in {} s", self.accepted, self.accepted_seconds)),
            ("accepted a second", format!("{:.0}", self.accepted_per_s)),
            ("p50 p99 p99.9 max, ms", format!("{p50_ms} {p99_ms} {p999_ms} {max_ms}")),
            ("refused", format!("{} in {} s", self.refused, self.refused_seconds)),
            ("refused a second", format!("{:.0}", self.refused_per_s)),
            ("their p50 p99, ms", format!("{} {}", slow.p50_ms, slow.p99_ms)),
            ("pushes received", self.deliveries.to_string()),
            ("generator's CPU", format!("{} s", self.generator_cpu_s)),
            ("events in the feed", self.events.to_string()),
        ];
        if let Some(cpu_s) = self.server_cpu_s {
            let each = self.server_cpu_us_per_accepted.unwrap_or(0.0);
            rows.push(("server's CPU", format!("{cpu_s} s, {each} µs an accepted claim")));
        }
        report::finish(run.json, "claims", &rows, self.limits_changed, self.verdict, self)
    }
}
