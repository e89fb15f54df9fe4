//! `flash-sale`: one room, one sale, more buyers than units, bots among them; then the audit.
//! Owns the run from the set-up to the report. Open loop: when people act comes from a schedule,
//! and every latency counts from the time that was meant.

mod buyer;
mod scene;
mod schedule;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hawker_protocol::number::{Minor, Quantity, SpanMs, Units};
use hawker_protocol::object::{Order, Sale, SaleItemSpec, SaleSpec, Scope, SettingsChange, Stock};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::api::{Api, id, list, text};
use crate::audit::{Audit, Seen};
use crate::limits::{Changed, Settings};
use crate::machine::Machine;
use crate::nodes::{Among, Choice};
use crate::payments;
use crate::report::{self, Progress, Verdict, rounded, say};
use crate::run::{Common, Run};
use crate::tally::{Counters, Summary, Tally, count, value};
pub(crate) use schedule::{human_ms, moment};

use buyer::Buyer;
use scene::{Scene, Times};

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Buyers in the room; all of them want a unit.
    #[arg(long, default_value_t = 2_000)]
    buyers: usize,
    /// Units of the sale.
    #[arg(long, default_value_t = 400)]
    stock: u32,
    /// From the start of the sale to its end. Holds are 10 s, the shortest there are, so from 12
    /// on some expire and are offered to those who wait.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// How many buyers enter the room in a second.
    #[arg(long, default_value_t = 1_000.0)]
    joins_per_s: f64,
    #[command(flatten)]
    choice: Choice,
}

const HOLD: Duration = Duration::from_secs(10);
const PRESENCE: Duration = Duration::from_secs(3);
const COUNTDOWN: Duration = Duration::from_secs(3);
/// Answers may come this long after the last claim.
const SETTLE: Duration = Duration::from_secs(2);
const SKU: &str = "drop";
const PRICE_MINOR: u64 = 1_990;

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    buyers: usize,
    bots: usize,
    stock: u32,
    seconds: u64,
    seed: u64,
    oversold: i64,
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// Answers to claims by code; `existing` is a yes to somebody who held a unit already.
    claims: BTreeMap<String, u64>,
    accepted: u64,
    sold: i64,
    expired: u64,
    offers: u64,
    waitlisted: u64,
    orders: u64,
    paid: u64,
    paid_late: u64,
    refunds: u64,
    #[serde(flatten)]
    latency: Summary,
    join_latency: Summary,
    other_latency: Summary,
    joins: u64,
    deliveries: u64,
    comments: u64,
    likes: u64,
    /// Connections that ended before the run did.
    sockets_lost: u64,
    unanswered: u64,
    events: u64,
    commands: usize,
    acknowledged: usize,
    items_seen: usize,
    server_cpu_s: Option<f64>,
    generator_cpu_s: f64,
    server_resident_bytes: Option<u64>,
    #[serde(flatten)]
    among: Option<AmongNodes>,
    limits_changed: &'a [Changed],
    machine: Machine,
}

/// Only of several nodes: figures of the whole say nothing of the way over another node.
#[derive(Debug, Serialize)]
struct AmongNodes {
    #[serde(flatten)]
    among: Among,
    /// Of the claims through each node, in their order.
    latency_of_nodes: Vec<Summary>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<bool> {
    ensure!(options.buyers >= 1 && options.stock >= 1, "a sale needs a buyer and a unit");
    ensure!(options.seconds >= 1, "a sale runs for at least a second");
    let (sockets, settings) = (options.buyers + 128, Settings::lifted());
    let run = Run::begin_among(common, sockets, settings, &options.choice).await?;
    let measured = measure(&run, options, common.seed).await;
    run.conclude(measured).await
}

async fn measure(run: &Run, options: &Options, seed: u64) -> Result<bool> {
    let shop = format!("drop-{}", run.target.name);
    let api = Arc::new(run.target.api(&shop).await?);
    set_up(&api, options).await.context("setting up the shop")?;
    let (payments, due) = mpsc::unbounded_channel();
    let scene = Arc::new(Scene {
        target: Arc::clone(&run.target),
        shop: api.shop.clone(),
        room: id("room")?,
        sale: id("sale")?,
        sku: id(SKU)?,
        seed,
        buyers: options.buyers,
        bots: schedule::bots_among(options.buyers),
        hold: HOLD,
        counters: Counters::default(),
        claims: Tally::new(),
        claims_of: (0..run.target.nodes()).map(|_| Tally::new()).collect(),
        others: Tally::new(),
        joins: Tally::new(),
        acks: Mutex::default(),
        seen: Seen::default(),
        times: watch::Sender::new(None),
        over: watch::Sender::new(false),
        payments,
    });
    let begun = run.begin_nodes(&shop).await;
    let cpu = run.cpu_s();
    let progress = progress(&scene);
    let mut buyers = enter(&scene, options.joins_per_s).await?;
    let payer = Arc::clone(&scene);
    let tell = move |_: &Order, told| on_paid(&payer, told);
    let paying = tokio::spawn(payments::pay(Arc::clone(&api), due, tell));
    sleep(PRESENCE + Duration::from_millis(300)).await;
    hold_sale(&run.target, &api, &scene, options).await?;
    drop(progress);
    let cpu = run.cpu_s().since(cpu);
    let resident = run.server_resident_bytes();
    let among = run.among_nodes(&shop, begun.as_ref()).await;
    paying.abort();

    say("the audit reads the feed");
    let mut audit = Audit::new();
    let disagreements = audit.agree(&api, &scene.seen).await?;
    scene.over.send_replace(true);
    while let Some(ended) = buyers.join_next().await {
        ended?;
    }
    let mut found = {
        let acks = scene.acks.lock().unwrap_or_else(PoisonError::into_inner);
        audit.violations(&acks)
    };
    found.append(&disagreements);
    let verdict = Verdict::from(found);
    let report = report_of(run, options, &scene, &audit, &verdict);
    let report = Report {
        server_cpu_s: cpu.server.map(rounded),
        generator_cpu_s: rounded(cpu.generator),
        server_resident_bytes: resident,
        among: among.map(|among| AmongNodes { among, latency_of_nodes: latencies(&scene) }),
        ..report
    };
    report.print(run)?;
    Ok(verdict.passed() && report.oversold == 0)
}

async fn set_up(api: &Api, options: &Options) -> Result<()> {
    let settings = SettingsChange {
        payment_grace_ms: Some(SpanMs(1_000)),
        waitlist_offer_ms: Some(SpanMs(5_000)),
        ..SettingsChange::default()
    };
    api.create_shop(settings).await?;
    api.put_product("product", "A lipstick", &[SKU.to_owned()], 2 * PRICE_MINOR).await?;
    api.set_stock(SKU, Stock::Units(u64::from(options.stock))).await?;
    api.open_room("room", "A hot drop").await?;
    api.set_bag("room", &["product".to_owned()]).await?;
    let item = SaleItemSpec {
        sku: id(SKU)?,
        total: Units(options.stock),
        per_buyer: Quantity(1),
        price_minor: Minor(PRICE_MINOR),
    };
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let spec = SaleSpec {
        title: text("A hot drop")?,
        scope: Scope::AllRooms,
        items: list(vec![item])?,
        announce_at: None,
        starts_at: None,
        countdown_ms: Some(SpanMs(millis(COUNTDOWN))),
        run_ms: Some(SpanMs(options.seconds * 1_000)),
        hold_ms: Some(SpanMs(millis(HOLD))),
        min_presence_ms: Some(SpanMs(millis(PRESENCE))),
        price_hidden: false,
        reminder_text: text("")?,
        draw_window_ms: None,
    };
    api.create_sale("sale", spec).await
}

/// The buyers enter at their pace; each joins at his own time, whatever the others' joins take,
/// and watches from then on.
async fn enter(scene: &Arc<Scene>, joins_per_s: f64) -> Result<JoinSet<()>> {
    say(&format!("{} buyers enter the room, {} of them bots", scene.buyers, scene.bots));
    let began = Instant::now();
    let (inside, mut entered) = mpsc::unbounded_channel();
    let mut watching = JoinSet::new();
    for number in 0..scene.buyers {
        let intended = began + Duration::from_secs_f64(number as f64 / joins_per_s);
        sleep_until(intended).await;
        let (scene, inside) = (Arc::clone(scene), inside.clone());
        watching.spawn(async move {
            let joined = Buyer::join(scene, number, intended).await;
            let (buyer, told) = match joined {
                Ok(buyer) => (Some(buyer), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // Who waits for it gave up if it has gone.
            let _ = inside.send(told);
            drop(inside);
            if let Some(buyer) = buyer {
                buyer.live().await;
            }
        });
    }
    drop(inside);
    while let Some(told) = entered.recv().await {
        told?;
    }
    Ok(watching)
}

/// Announces the sale, tells the buyers when it starts, and waits until it is over.
async fn hold_sale(
    target: &crate::run::Target,
    api: &Api,
    scene: &Scene,
    options: &Options,
) -> Result<()> {
    let clock = target.clock(scene.buyers, scene.shop.as_str()).await?;
    let announced: Sale = api.step_sale("sale", "announce").await?;
    let starts_at = announced.starts_at.context("an announced sale has no start")?;
    let start = clock.instant(starts_at.0);
    let end = start + Duration::from_secs(options.seconds);
    let ahead = start.duration_since(Instant::now()).as_millis();
    say(&format!("the sale is announced and starts in {ahead} ms"));
    scene.times.send_replace(Some(Times { start, end }));
    sleep_until(end + SETTLE).await;
    Ok(())
}

fn latencies(scene: &Scene) -> Vec<Summary> {
    scene.claims_of.iter().map(|claims| claims.lock().latency.summary()).collect()
}

/// What came of a payment.
fn on_paid(scene: &Scene, told: payments::Told) {
    match told {
        Ok(Ok(())) => count(&scene.counters.paid),
        Ok(Err(code)) => scene.others.lock().outcome(&format!("payment {code}")),
        Err(error) => say(&format!("a payment was not reported: {error:#}")),
    }
}

fn progress(scene: &Arc<Scene>) -> Progress {
    let scene = Arc::clone(scene);
    Progress::every_second(move |_| {
        let counters = &scene.counters;
        let p99 = scene.claims.lock().latency.quantile_ms(0.99);
        format!(
            "joined {} · claims sent {}, accepted {}, refused {}, p99 {p99:.1} ms · paid {} · \
             offers {} · pushes {}",
            value(&counters.joined),
            value(&counters.sent),
            value(&counters.accepted),
            value(&counters.refused),
            value(&counters.paid),
            value(&counters.offers),
            value(&counters.deliveries),
        )
    })
}

fn report_of<'a>(
    run: &'a Run,
    options: &Options,
    scene: &Scene,
    audit: &Audit,
    verdict: &'a Verdict,
) -> Report<'a> {
    let (counters, totals) = (&scene.counters, audit.ledger.totals);
    let claims = scene.claims.lock();
    let acknowledged = scene.acks.lock().unwrap_or_else(PoisonError::into_inner).len();
    let sold = audit.ledger.sold();
    Report {
        command: "flash-sale",
        buyers: options.buyers,
        bots: scene.bots,
        stock: options.stock,
        seconds: options.seconds,
        seed: scene.seed,
        oversold: audit.ledger.oversold().max(sold - i64::from(options.stock)),
        verdict,
        claims: claims.outcomes.clone(),
        accepted: claims.outcomes.get("accepted").copied().unwrap_or(0),
        sold,
        expired: totals.expired,
        offers: totals.offers,
        waitlisted: totals.waitlisted,
        orders: totals.placed,
        paid: totals.paid,
        paid_late: totals.paid_late,
        refunds: totals.refunds,
        latency: claims.latency.summary(),
        join_latency: scene.joins.lock().latency.summary(),
        other_latency: scene.others.lock().latency.summary(),
        joins: value(&counters.joined),
        deliveries: value(&counters.deliveries),
        comments: value(&counters.comments),
        likes: value(&counters.likes),
        sockets_lost: value(&counters.failed_sockets),
        unanswered: value(&counters.unanswered),
        events: audit.events,
        commands: audit.ledger.commands.len(),
        acknowledged,
        items_seen: scene.seen.items(),
        server_cpu_s: None,
        generator_cpu_s: 0.0,
        server_resident_bytes: None,
        among: None,
        limits_changed: &run.limits,
        machine: Machine::this(),
    }
}

impl Report<'_> {
    fn print(&self, run: &Run) -> Result<()> {
        let Summary { p50_ms, p99_ms, p999_ms, max_ms } = self.latency;
        let joins = self.join_latency;
        let codes: Vec<String> =
            self.claims.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let title = format!("flash-sale: {} buyers, {} units", self.buyers, self.stock);
        let mut rows = vec![
            ("oversold", self.oversold.to_string()),
            ("claims", codes.join(", ")),
            ("p50 p99 p99.9 max, ms", format!("{p50_ms} {p99_ms} {p999_ms} {max_ms}")),
            ("joins p50 p99, ms", format!("{} {}", joins.p50_ms, joins.p99_ms)),
            ("sold, expired, offers", format!("{}, {}, {}", self.sold, self.expired, self.offers)),
            ("orders, paid, late", format!("{}, {}, {}", self.orders, self.paid, self.paid_late)),
            ("pushes received", self.deliveries.to_string()),
            ("comments, likes", format!("{}, {}", self.comments, self.likes)),
            ("lost sockets", self.sockets_lost.to_string()),
            ("events, acknowledged", format!("{}, {}", self.events, self.acknowledged)),
        ];
        if let Some(it) = &self.among {
            let each = it.latency_of_nodes.iter().map(|of| format!("{} {}", of.p50_ms, of.p99_ms));
            rows.push(("CPU of nodes 1, 2, …", it.among.row()));
            rows.push(("p50 p99 of each, ms", each.collect::<Vec<_>>().join("; ")));
        }
        report::finish(run.json, &title, &rows, self.limits_changed, self.verdict, self)
    }
}
