//! One cycle of `chaos kill`: a sale, restless buyers, a kill at a random moment, a restart on the
//! same file, every open question asked again, and the audit.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use hawker_protocol::Id;
use hawker_protocol::number::{Minor, Quantity, SpanMs, Units};
use hawker_protocol::object::{
    Order, PaymentOutcome, SaleItemSpec, SaleSpec, Scope, SettingsChange, Stock,
};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::buyer::{Buyer, Retried};
use crate::api::{Api, id, list, text};
use crate::audit::{Audit, Reading, Violations};
use crate::chance::Chance;
use crate::run::Target;
use crate::server::{Server, Site};

const SKUS: usize = 20;
/// Of each SKU, and how many of them one buyer may have.
const UNITS_OF_SKU: (u32, u32) = (40, 4);
/// A buyer who hears nothing of the server's death for so long has found a bug.
const DEATH: Duration = Duration::from_secs(10);

/// What all buyers of a cycle share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) target: Arc<Target>,
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) shop: Id,
    pub(super) room: Id,
    pub(super) sale: Id,
    pub(super) skus: Vec<String>,
    unpaid: Mutex<Vec<Order>>,
}

impl Stage {
    pub(super) fn new(target: Arc<Target>, name: String, seed: u64) -> Result<Self> {
        Ok(Self {
            target,
            seed,
            shop: id(&format!("chaos-{name}"))?,
            room: id("room")?,
            sale: id("sale")?,
            skus: (0..SKUS).map(|sku| format!("sku{sku}")).collect(),
            unpaid: Mutex::default(),
            name,
        })
    }

    pub(super) fn on_order(&self, order: &Order) {
        self.unpaid.lock().unwrap_or_else(PoisonError::into_inner).push(order.clone());
    }

    pub(super) fn next_unpaid(&self) -> Option<Order> {
        self.unpaid.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// What one cycle showed.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) shop: String,
    pub(super) reading: Reading,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) prefix_changed: bool,
    pub(super) retried: Retried,
    pub(super) payments: u64,
    pub(super) violations: Violations,
}

/// Money the provider reported: what was confirmed, and the one report the crash cut off.
#[derive(Debug, Default)]
pub(super) struct Payments {
    pub(super) confirmed: Vec<Order>,
    pub(super) open: Option<Order>,
}

/// Returns the server that was started again.
pub(super) async fn run(
    site: &Site,
    server: Server,
    number: u64,
    buyers: usize,
    seconds: f64,
    seed: u64,
) -> Result<(Server, Findings)> {
    let mut chance = Chance::branch(seed, number);
    let stage = stage(site, number, chance.next())?;
    let api = Arc::new(stage.target.api(stage.shop.as_str()).await?);
    set_up(&api, &stage, UNITS_OF_SKU)
        .await
        .with_context(|| format!("cycle {number}: setting up"))?;

    let mut shopping = JoinSet::new();
    for number in 0..buyers {
        shopping.spawn(Buyer::new(Arc::clone(&stage), number).shop());
    }
    let paying = tokio::spawn(pay(Arc::clone(&api), Arc::clone(&stage)));
    let following = tokio::spawn(follow(Arc::clone(&api)));
    sleep(Duration::from_secs_f64(chance.within(0.15, seconds.max(0.2)))).await;
    server.kill().await?;
    let mut victims = Vec::with_capacity(buyers);
    while let Some(victim) = timeout(DEATH, shopping.join_next()).await? {
        victims.push(victim??);
    }
    let (payments, before) = (paying.await?, following.await?);

    let server = site.start().await.with_context(|| format!("cycle {number}: restarting"))?;
    let (victims, retried) = ask_again(victims).await?;
    let mut violations = confirm(&api, &payments).await?;
    let mut audit = Audit::again(before);
    audit.read(&api).await?;
    let shop = stage.shop.to_string();
    let mut findings = Findings::of(shop, &audit, &victims, &payments, retried);
    findings.prefix_changed = !audit.begins_as_before();
    if findings.prefix_changed {
        violations.add(|| format!("the feed no longer begins with what was read: {before:?}"));
    }
    findings.violations.append(&violations);
    Ok((server, findings))
}

impl Findings {
    /// Everything that anybody was told, held against the feed.
    pub(super) fn of(
        shop: String,
        audit: &Audit,
        victims: &[Buyer],
        payments: &Payments,
        retried: Retried,
    ) -> Self {
        let commands = &audit.ledger.commands;
        let mut violations = audit.ledger.violations.clone();
        let (mut acknowledged, mut lost) = (0, 0);
        for victim in victims {
            acknowledged += victim.acks.len() as u64;
            lost += victim.acks.lost(commands);
            violations.append(&victim.acks.compare(commands));
        }
        let is_paid = |order: &&Order| audit.ledger.has_payment(&payment_of(order));
        for order in payments.confirmed.iter().filter(|order| !is_paid(order)) {
            lost += 1;
            violations.add(|| format!("a confirmed payment of {} is not in the feed", order.order));
        }
        for difference in &retried.differences {
            violations.add(|| difference.clone());
        }
        Self {
            shop,
            reading: audit.reading(),
            acknowledged,
            lost,
            doubled: commands.doubled,
            prefix_changed: false,
            retried,
            payments: payments.confirmed.len() as u64,
            violations,
        }
    }
}

fn stage(site: &Site, number: u64, seed: u64) -> Result<Arc<Stage>> {
    let name = format!("k{number}-{}", &site.secret[..6]);
    let target = Arc::new(Target::of_site(site, name.clone()));
    Ok(Arc::new(Stage::new(target, name, seed)?))
}

/// The shop, its room and a sale that runs, with so many units of each SKU and for each buyer.
pub(super) async fn set_up(api: &Api, stage: &Stage, (units, each): (u32, u32)) -> Result<()> {
    api.create_shop(SettingsChange::default()).await?;
    api.put_product("product", "Crockery", &stage.skus, 1_500).await?;
    let mut items = Vec::with_capacity(SKUS);
    for sku in &stage.skus {
        api.set_stock(sku, Stock::Units(u64::from(units))).await?;
        items.push(SaleItemSpec {
            sku: id(sku)?,
            total: Units(units),
            per_buyer: Quantity(each),
            price_minor: Minor(700),
        });
    }
    api.open_room("room", "A room that will not last").await?;
    let spec = SaleSpec {
        title: text("Before the crash")?,
        scope: Scope::AllRooms,
        items: list(items)?,
        announce_at: None,
        starts_at: None,
        countdown_ms: None,
        run_ms: Some(SpanMs(3_600_000)),
        hold_ms: Some(SpanMs(10_000)),
        min_presence_ms: Some(SpanMs(0)),
        price_hidden: false,
        reminder_text: text("")?,
        draw_window_ms: None,
    };
    api.create_sale("sale", spec).await?;
    api.step_sale("sale", "start").await?;
    Ok(())
}

pub(super) fn payment_of(order: &Order) -> String {
    format!("pay-{}", order.order)
}

/// Reports payments until the server is gone.
async fn pay(api: Arc<Api>, stage: Arc<Stage>) -> Payments {
    let mut payments = Payments::default();
    loop {
        let Some(order) = stage.next_unpaid() else {
            sleep(Duration::from_millis(3)).await;
            if api.events(Some(0), 1).await.is_err() {
                return payments;
            }
            continue;
        };
        match api.pay(&order, &payment_of(&order), PaymentOutcome::Succeeded).await {
            Ok(Ok(())) => payments.confirmed.push(order),
            Ok(Err(_)) => {}
            Err(_) => {
                payments.open = Some(order);
                return payments;
            }
        }
    }
}

/// Reads the feed until the server is gone: what was read must be there afterwards.
async fn follow(api: Arc<Api>) -> Reading {
    let mut audit = Audit::new();
    while audit.read(&api).await.is_ok() {
        sleep(Duration::from_millis(40)).await;
    }
    audit.reading()
}

pub(super) async fn ask_again(victims: Vec<Buyer>) -> Result<(Vec<Buyer>, Retried)> {
    let mut asking = JoinSet::new();
    for victim in victims {
        asking.spawn(victim.ask_again());
    }
    let (mut victims, mut all) = (Vec::new(), Retried::default());
    while let Some(asked) = asking.join_next().await {
        let (victim, retried) = asked??;
        all.unanswered += retried.unanswered;
        all.compared += retried.compared;
        all.newer += retried.newer;
        all.differences.extend(retried.differences);
        victims.push(victim);
    }
    Ok((victims, all))
}

/// Reports the payments again that were confirmed before or cut off: the same report is the same
/// payment.
pub(super) async fn confirm(api: &Api, payments: &Payments) -> Result<Violations> {
    let mut found = Violations::default();
    for order in payments.confirmed.iter().rev().take(10).chain(&payments.open) {
        let said = api.pay(order, &payment_of(order), PaymentOutcome::Succeeded).await?;
        if let Err(code) = said {
            found.add(|| format!("payment of {}: reported again and refused {code}", order.order));
        }
    }
    Ok(found)
}
