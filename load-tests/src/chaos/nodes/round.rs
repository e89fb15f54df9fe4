//! One shop and some faults in a row: buyers on all nodes who never give up, a viewer on each,
//! payments, and at the end the audit of what everybody was told.

use std::sync::Arc;

use anyhow::{Context, Result};
use hawker_protocol::object::PaymentOutcome;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::fault::{Fault, Struck, strike};
use super::records::{self, Records, Told};
use super::viewer;
use crate::api::Api;
use crate::audit::{Audit, Seen, Violations};
use crate::chance::Chance;
use crate::chaos::buyer::Buyer;
use crate::chaos::cycle::{self, Findings, Payments, Stage};
use crate::nodes::Nodes;
use crate::run::Target;

/// Of each SKU, and for each buyer: a shop lives through some faults and should not be sold out.
const UNITS: (u32, u32) = (4_000, 200);
/// Of trade before each fault, in seconds.
const CALM_S: (f64, f64) = (0.3, 1.0);
/// Of trade after the last one.
const AFTER: Duration = Duration::from_millis(500);
/// How long it may take until every question has its answer.
const SETTLED: Duration = Duration::from_secs(90);
/// What is around a fault that moved no shop.
const AROUND: Duration = Duration::from_secs(2);

/// How long one fault was felt.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) fault: Fault,
    pub(super) takeover: Option<Duration>,
    pub(super) pause: Duration,
}

/// What a round showed.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) findings: Findings,
    pub(super) moments: Vec<Moment>,
    pub(super) oversold: i64,
    /// Commands that were refused on one way and carried out on another.
    pub(super) done_on_another_way: u64,
    pub(super) records: u64,
    pub(super) reigns: u64,
    pub(super) pushes: u64,
}

/// Everybody in the shop.
struct People {
    buyers: JoinSet<Result<Buyer>>,
    paying: tokio::task::JoinHandle<Payments>,
    viewers: JoinSet<u64>,
    seen: Arc<Seen>,
    trade_over: watch::Sender<bool>,
    all_over: watch::Sender<bool>,
}

pub(super) async fn play(
    nodes: &mut Nodes,
    number: usize,
    faults: &[Fault],
    buyers: usize,
    seed: u64,
) -> Result<Shown> {
    let mut chance = Chance::branch(seed, number as u64);
    let name = format!("n{number}-{}", &nodes.all[0].site.secret[..6]);
    let target = Arc::new(Target::of_nodes(nodes, name.clone()));
    let stage = Arc::new(Stage::new(target, name, chance.next())?);
    let shop = stage.shop.to_string();
    let api = Arc::new(stage.target.api(&shop).await?);
    let set_up = cycle::set_up(&api, &stage, UNITS).await;
    set_up.with_context(|| format!("round {number}: setting up"))?;
    let people = People::enter(&stage, &api, buyers, nodes.all.len());
    let mut struck = Vec::with_capacity(faults.len());
    for fault in faults {
        sleep(Duration::from_secs_f64(chance.within(CALM_S.0, CALM_S.1))).await;
        let happened = strike(nodes, *fault, &shop, &mut chance).await;
        struck.push(happened.with_context(|| format!("round {number}: {fault:?}"))?);
    }
    sleep(AFTER).await;
    people.judge(nodes, &api, &shop, &struck).await
}

impl People {
    fn enter(stage: &Arc<Stage>, api: &Arc<Api>, buyers: usize, nodes: usize) -> Self {
        let (trade_over, all_over) = (watch::Sender::new(false), watch::Sender::new(false));
        let (mut shopping, mut viewers) = (JoinSet::new(), JoinSet::new());
        let seen = Arc::new(Seen::default());
        for number in 0..buyers {
            let buyer = Buyer::new(Arc::clone(stage), number);
            shopping.spawn(buyer.roam(trade_over.subscribe()));
        }
        for node in 0..nodes {
            let (stage, seen) = (Arc::clone(stage), Arc::clone(&seen));
            viewers.spawn(viewer::watch(stage, seen, node, all_over.subscribe()));
        }
        let paying = pay(Arc::clone(api), Arc::clone(stage), trade_over.subscribe());
        let paying = tokio::spawn(paying);
        Self { buyers: shopping, paying, viewers, seen, trade_over, all_over }
    }

    /// Ends the trade and holds all that was told against the feed and the journal.
    async fn judge(self, nodes: &Nodes, api: &Api, shop: &str, struck: &[Struck]) -> Result<Shown> {
        let Self { mut buyers, paying, mut viewers, seen, trade_over, all_over } = self;
        trade_over.send_replace(true);
        let mut victims = Vec::with_capacity(buyers.len());
        let settled = async {
            while let Some(buyer) = buyers.join_next().await {
                victims.push(buyer??);
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(SETTLED, settled).await.context("some questions have no answer")??;
        let payments = paying.await?;
        let (victims, retried) = cycle::ask_again(victims).await?;
        let mut violations = cycle::confirm(api, &payments).await?;

        let mut audit = Audit::new();
        violations.append(&audit.agree(api, &seen).await?);
        all_over.send_replace(true);
        let mut pushes = 0;
        while let Some(seen) = viewers.join_next().await {
            pushes += seen?;
        }
        let records = Records::read(&nodes.all[0].site, shop).await?;
        violations.append(&records.violations);
        let told = told(&victims);
        let moments = moments(struck, &records, &told);
        violations.append(&unserved(&moments));
        let mut findings = Findings::of(shop.to_owned(), &audit, &victims, &payments, retried);
        findings.violations.append(&violations);
        Ok(Shown {
            findings,
            moments,
            oversold: audit.ledger.oversold(),
            done_on_another_way: victims.iter().map(|it| it.done_on_another_way(&audit)).sum(),
            records: records.count,
            reigns: records.reigns,
            pushes,
        })
    }
}

/// All acknowledgements in the order of time.
fn told(buyers: &[Buyer]) -> Vec<Told> {
    let of = |buyer: &Buyer| {
        let told = buyer.told_at.iter();
        let told = told.map(|(at, command)| (*at, (buyer.user.clone(), command.clone())));
        told.collect::<Vec<_>>()
    };
    let mut told: Vec<Told> = buyers.iter().flat_map(of).collect();
    told.sort_by_key(|(at, _)| *at);
    told
}

/// Each fault ends, for its figures, where the next begins.
fn moments(struck: &[Struck], records: &Records, told: &[Told]) -> Vec<Moment> {
    let next = struck.iter().skip(1).map(|next| Some(next.at)).chain([None]);
    let moment = |(struck, next): (&Struck, Option<_>)| {
        let fault = struck.fault;
        let takeover = fault.moves_the_shop().then(|| records.takeover(struck, told)).flatten();
        let end = struck.at + takeover.unwrap_or(AROUND);
        let pause = records::pause(struck, next.map_or(end, |next| end.min(next)), told);
        Moment { fault, takeover, pause }
    };
    struck.iter().zip(next).map(moment).collect()
}

/// Shops that nobody served again.
fn unserved(moments: &[Moment]) -> Violations {
    let mut found = Violations::default();
    for moment in moments.iter().filter(|it| it.fault.moves_the_shop() && it.takeover.is_none()) {
        found.add(|| format!("after {:?} no other node acknowledged anything", moment.fault));
    }
    found
}

/// Reports payments through all nodes until the trade is over.
async fn pay(api: Arc<Api>, stage: Arc<Stage>, over: watch::Receiver<bool>) -> Payments {
    let mut payments = Payments::default();
    while !*over.borrow() {
        let Some(order) = stage.next_unpaid() else {
            sleep(Duration::from_millis(3)).await;
            continue;
        };
        match api.pay(&order, &cycle::payment_of(&order), PaymentOutcome::Succeeded).await {
            Ok(Ok(())) => payments.confirmed.push(order),
            Ok(Err(_)) => {}
            Err(_) => payments.open = Some(order),
        }
    }
    payments
}
