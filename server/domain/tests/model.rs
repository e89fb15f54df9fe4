//! The shop against a naive model of the same rules, over random commands. Owns the comparison;
//! the model stands in `model/`. A failure prints the seed: run it again with `HAWKER_SEED=N`,
//! then make a scenario of it. `HAWKER_SEEDS=N` tries that many.

#[path = "model/naive.rs"]
mod naive;
#[path = "model/orders.rs"]
mod orders;
#[path = "support/rejection_names.rs"]
mod rejection_names;
#[path = "support/script.rs"]
mod script;
#[path = "support/twin.rs"]
mod twin;
#[path = "model/waiting.rs"]
mod waiting;

use std::collections::BTreeMap;

use hawker_domain::command::Stock;
use hawker_domain::id::{ProductId, ShopId};
use hawker_domain::time::Millis;
use hawker_domain::view::{ItemState, OrderState, ReservationState, SaleState, WaitingState};

use naive::{HoldState, Naive, Paying};
use rejection_names::{REJECTIONS, rejection_name};
use script::{Script, Step};
use twin::Twin;

/// Enough for a dozen sales and a hundred holds; what a step costs the model grows with both.
const STEPS: usize = 300;

/// This many keep the suite at a few seconds.
const SEEDS: u64 = 20;

/// Every so many steps the replica is compared: hashing the whole shop is what costs.
const HASH_EVERY: usize = 25;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// What the seeds of the suite must come across: a model that sees little finds little.
const CORNERS: &[&str] = &[
    "already_reserved",
    "already_waiting",
    "buyer_limit",
    "holds_exhausted",
    "no_offer",
    "not_waiting",
    "order_not_ready",
    "order_archived",
    "payment_conflict",
    "payment_mismatch",
    "payment_unmatched",
    "presence_too_short",
    "reservation_exists",
    "reservation_not_held",
    "room_ended",
    "sale_ended",
    "sale_not_in_room",
    "sale_not_ready",
    "sold_out",
    "still_available",
    "stock_short",
    "too_early",
    "total_too_low",
];

type Seen = BTreeMap<&'static str, u32>;

#[test]
fn the_shop_does_what_a_naive_model_of_the_rules_does() {
    let (from, count) = match number("HAWKER_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("HAWKER_SEEDS").unwrap_or(SEEDS)),
    };
    let mut seen = Seen::new();
    for seed in from..from + count {
        if let Err(problem) = run(seed, &mut seen) {
            panic!("HAWKER_SEED={seed}: {problem}");
        }
    }
    if count < SEEDS {
        return;
    }
    for name in CORNERS {
        assert!(REJECTIONS.contains(name), "{name} is no refusal");
        assert!(seen.contains_key(name), "no {name} in {seen:?}");
    }
    let accepted = seen.get("yes").copied().unwrap_or(0);
    let all: u32 = seen.values().sum();
    assert!(accepted * 3 > all, "less than a third was accepted: {seen:?}");
}

fn run(seed: u64, seen: &mut Seen) -> Result<(), String> {
    let mut pair = Pair::new(seed);
    for step in 0..STEPS {
        let name = pair.step().map_err(|problem| format!("step {step}: {problem}"))?;
        *seen.entry(name).or_default() += 1;
        if step % HASH_EVERY == 0 {
            pair.twin.check().map_err(|problem| format!("step {step}: {problem}"))?;
        }
    }
    pair.twin.check()
}

/// Sales, holds and orders that are compared after every step; the others rest mostly.
const YOUNG: usize = 10;
const THOROUGH_EVERY: usize = 10;

struct Pair {
    script: Script,
    twin: Twin,
    naive: Naive,
    steps: usize,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let shop = ShopId::parse("acme").expect("an id");
        Self { script: Script::new(seed), twin: Twin::new(shop), naive: Naive::default(), steps: 0 }
    }

    /// One command on both; the name of what came of it, or how they differ.
    fn step(&mut self) -> Result<&'static str, String> {
        self.steps += 1;
        let step = self.script.step(&self.twin.live);
        self.twin.elapse(step.at);
        self.naive.elapse(step.at);
        self.compare().map_err(|problem| format!("elapsed to {}: {problem}", step.at))?;
        let outcome = self.twin.execute(&step.actor, &step.command, step.at);
        let refusal = outcome.as_ref().err();
        let expected = self.naive.execute(&step.actor, &step.command, step.at);
        let name = refusal.map_or("yes", rejection_name);
        if name != expected.err().unwrap_or("yes") {
            return Err(format!("{step:?}\nthe shop: {outcome:?}\nthe model: {expected:?}"));
        }
        self.compare().map_err(|problem| format!("{step:?}\n{outcome:?}\n{problem}"))?;
        self.twin.live.check_invariants().map_err(|problem| describe(&step, &problem))?;
        Ok(name)
    }

    /// All there is now and then, what is young after every step.
    fn compare(&self) -> Result<(), String> {
        let last = if self.steps.is_multiple_of(THOROUGH_EVERY) { usize::MAX } else { YOUNG };
        self.compare_stock()?;
        self.compare_sales(last)?;
        self.compare_waits()?;
        self.compare_holds(last)?;
        self.compare_orders(last)
    }

    fn compare_stock(&self) -> Result<(), String> {
        for (sku, free, _) in &self.naive.free {
            let product: ProductId = format!("p{}", &sku.as_str()[1..]).parse().expect("an id");
            let view = self.twin.live.product_view(&product).ok_or("no product")?;
            let stock = view.stock.first().map(|(_, stock)| *stock);
            same(&format!("free {sku}"), &stock, &Some(Stock::Units(*free)))?;
        }
        Ok(())
    }

    fn compare_sales(&self, last: usize) -> Result<(), String> {
        same("sales in memory", &self.twin.live.sales().count(), &self.naive.sales.len())?;
        for sale in self.naive.sales.iter().rev().take(last) {
            let view = self.twin.live.sale_view(&sale.id).ok_or("no sale")?;
            let mut all_gone = true;
            for item in &view.items {
                let total = self.naive.total(&sale.id, &item.sku);
                let (reserved, offered, sold) = self.naive.taken(&sale.id, &item.sku);
                let available = self.naive.available(&sale.id, &item.sku);
                all_gone &= available == 0;
                let waiting = self.naive.waits.iter().filter(|wait| {
                    wait.offered_until.is_none() && (&wait.sale, &wait.sku) == (&sale.id, &item.sku)
                });
                let state = match sale.state {
                    SaleState::Live if available > 0 => ItemState::Live,
                    SaleState::Live if reserved + offered > 0 => ItemState::SoldOutSoft,
                    SaleState::Live => ItemState::SoldOutHard,
                    _ => ItemState::Closed,
                };
                let real = (
                    (item.total_units, item.available_units, item.reserved_units),
                    (item.offered_units, item.sold_units, item.waitlist_length),
                    item.state,
                );
                let length = u32::try_from(waiting.count()).expect("a short list");
                let model = ((total, available, reserved), (offered, sold, length), state);
                same(&format!("{} {}", sale.id, item.sku), &real, &model)?;
            }
            let state = match sale.state {
                SaleState::Live if all_gone => SaleState::SoldOut,
                other => other,
            };
            same(&format!("state of {}", sale.id), &view.state, &state)?;
        }
        Ok(())
    }

    fn compare_waits(&self) -> Result<(), String> {
        for wait in &self.naive.waits {
            let view = self.twin.live.waiting_view(&wait.sale, &wait.sku, &wait.buyer);
            let real = view.map(|view| (view.quantity, view.state));
            let ahead = self.naive.waits.iter().take_while(|other| !std::ptr::eq(*other, wait));
            let ahead = ahead.filter(|other| {
                other.offered_until.is_none()
                    && (&other.sale, &other.sku) == (&wait.sale, &wait.sku)
            });
            let state = match wait.offered_until {
                Some(expires_at) => WaitingState::Offered { expires_at },
                None => {
                    let position = u32::try_from(ahead.count()).expect("a short list") + 1;
                    WaitingState::Waiting { position }
                }
            };
            let what = format!("{} waiting for {} {}", wait.buyer, wait.sale, wait.sku);
            same(&what, &real, &Some((wait.quantity, state)))?;
        }
        Ok(())
    }

    fn compare_holds(&self, last: usize) -> Result<(), String> {
        for hold in self.naive.holds.iter().rev().take(last) {
            let view = self.twin.live.reservation_view(&hold.id);
            let real = view.map(|view| match view.state {
                ReservationState::Held { expires_at } => HoldState::Held { expires_at },
                ReservationState::Ordered { .. } => HoldState::Ordered,
                ReservationState::Sold { .. } => HoldState::Sold,
                ReservationState::Released { reason } => HoldState::Released(reason),
            });
            same(&format!("reservation {}", hold.id), &real, &Some(hold.state.clone()))?;
        }
        Ok(())
    }

    fn compare_orders(&self, last: usize) -> Result<(), String> {
        for order in self.naive.orders.iter().rev().take(last) {
            if order.archived_at.is_some() {
                same(
                    &format!("archived {}", order.id),
                    &self.twin.live.order_view(&order.id).is_none(),
                    &true,
                )?;
                continue;
            }
            let view = self.twin.live.order_view(&order.id).ok_or("no order")?;
            let state = match view.state {
                OrderState::Unpaid => Paying::Unpaid,
                OrderState::PaymentPending => Paying::Pending,
                OrderState::Paid { .. } => Paying::Paid,
                OrderState::Cancelled { reason } => Paying::Cancelled(reason),
            };
            let open = matches!(state, Paying::Unpaid | Paying::Pending);
            let pay_by = |at: Millis| open.then_some(at);
            let real = (state, view.total_minor, pay_by(view.pay_by), view.refunds_required);
            let model =
                (order.state.clone(), order.total, pay_by(order.pay_by), order.refunds.clone());
            same(&format!("order {}", order.id), &real, &model)?;
        }
        Ok(())
    }
}

fn describe(step: &Step, problem: &str) -> String {
    format!("{step:?}\n{problem}")
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, real: &T, model: &T) -> Result<(), String> {
    if real == model {
        return Ok(());
    }
    Err(format!("{what}\nthe shop: {real:?}\nthe model: {model:?}"))
}
