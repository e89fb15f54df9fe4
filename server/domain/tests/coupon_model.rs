//! Campaigns and coupons against a naive model of the same rules, over random commands: claims,
//! locks, payments, refunds, revocations and time. Owns the comparison; the model stands in
//! `model/coupons.rs`. A failure prints the seed: run it again with `HAWKER_SEED=N`.

#[path = "support/coupon_script.rs"]
mod coupon_script;
#[path = "model/coupons.rs"]
mod coupons;
#[path = "support/rejection_names.rs"]
mod rejection_names;
#[path = "support/twin.rs"]
mod twin;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hawker_domain::Shop;
use hawker_domain::id::ShopId;
use hawker_domain::view::promo::CouponState;

use coupon_script::Script;
use coupons::{Naive, State};
use rejection_names::{REJECTIONS, rejection_name};
use twin::Twin;

const STEPS: usize = 400;
const SEEDS: u64 = 30;
const HASH_EVERY: usize = 40;
const GOLDEN: &str = "tests/golden/coupons.frozen";

/// What the seeds of the suite must come across.
const CORNERS: &[&str] = &[
    "yes",
    "budget_spent",
    "campaign_ended",
    "campaign_not_ready",
    "coupon_limit",
    "coupon_not_applicable",
    "coupon_not_usable",
    "coupon_unknown",
    "coupons_gone",
    "order_not_ready",
    "refund_too_large",
    "task_open",
    "too_early",
];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn twin() -> Twin {
    Twin::new(ShopId::parse("acme").expect("an id"))
}

#[test]
fn coupons_do_what_a_naive_model_of_the_rules_does() {
    let (from, count) = match number("HAWKER_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("HAWKER_SEEDS").unwrap_or(SEEDS)),
    };
    let mut seen = BTreeMap::new();
    for seed in from..from + count {
        if let Err(problem) = run(seed, &mut seen) {
            panic!("HAWKER_SEED={seed}: {problem}");
        }
    }
    for name in CORNERS.iter().filter(|_| count >= SEEDS) {
        assert!(*name == "yes" || REJECTIONS.contains(name), "{name} is no refusal");
        assert!(seen.contains_key(name), "no {name} in {seen:?}");
    }
}

fn run(seed: u64, seen: &mut BTreeMap<&'static str, u32>) -> Result<(), String> {
    let (mut script, mut twin, mut naive) = (Script::new(seed), twin(), Naive::default());
    for number in 0..STEPS {
        let step = script.step(&twin.live);
        twin.elapse(step.at);
        naive.elapse(step.at);
        let outcome = twin.execute(&step.actor, &step.command, step.at);
        let expected = naive.execute(&step.actor.user, &step.command, step.at);
        let name = outcome.as_ref().err().map_or("yes", rejection_name);
        let told = || format!("step {number}: {step:?}\nthe shop: {outcome:?}");
        if name != expected.err().unwrap_or("yes") {
            return Err(format!("{}\nthe model: {expected:?}", told()));
        }
        *seen.entry(name).or_default() += 1;
        compare(&twin.live, &naive).map_err(|problem| format!("{}\n{problem}", told()))?;
        twin.live.check_invariants().map_err(|problem| format!("{}\n{problem}", told()))?;
        if number % HASH_EVERY == 0 {
            twin.check().map_err(|problem| format!("{}\n{problem}", told()))?;
        }
    }
    twin.check()
}

fn compare(shop: &Shop, naive: &Naive) -> Result<(), String> {
    for coupon in &naive.coupons {
        let view = shop.coupon_view(&coupon.id).ok_or("no coupon")?;
        let real = match view.state {
            CouponState::Claimed => State::Claimed,
            CouponState::Locked { .. } => State::Locked,
            CouponState::Used { spent_minor, .. } => State::Used(spent_minor.0),
            CouponState::Expired => State::Expired,
            CouponState::Revoked => State::Revoked,
        };
        same(&format!("coupon {}", coupon.id), &real, &coupon.state)?;
    }
    for campaign in &naive.campaigns {
        let view = shop.campaign_view(&campaign.id).ok_or("no campaign")?;
        let money = (
            view.money.spent_minor.0,
            view.money.locked_minor.0,
            view.money.claimed_minor.0,
            view.counts.claimed,
        );
        same(&format!("money of {}", campaign.id), &money, &naive.money(campaign))?;
        if money.0 + money.1 + money.2 > campaign.budget {
            return Err(format!("{} is above its budget", campaign.id));
        }
    }
    for order in &naive.orders {
        let view = shop.order_view(&order.id).ok_or("no order")?;
        let real = (view.total_minor.0, view.refunded_minor.0);
        same(&format!("order {}", order.id), &real, &(order.total(), order.refunded_minor))?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, real: &T, model: &T) -> Result<(), String> {
    if real == model {
        return Ok(());
    }
    Err(format!("{what}\nthe shop: {real:?}\nthe model: {model:?}"))
}

/// A shop full of coupons, as its events made it.
fn lived(seed: u64, steps: usize) -> (Shop, Script) {
    let (mut script, mut twin) = (Script::new(seed), twin());
    for _ in 0..steps {
        let step = script.step(&twin.live);
        twin.elapse(step.at);
        drop(twin.execute(&step.actor, &step.command, step.at));
    }
    (twin.live, script)
}

#[test]
fn a_thawed_shop_goes_on_like_the_one_that_was_frozen() {
    for seed in 501..=504 {
        let (mut live, mut script) = lived(seed, STEPS);
        let frozen = live.freeze();
        let mut thawed = Shop::thaw(&frozen).expect("a shop");
        assert_eq!(thawed.freeze(), frozen, "seed {seed}");
        for _ in 0..STEPS {
            let step = script.step(&live);
            assert_eq!(thawed.next_due(), live.next_due(), "seed {seed}");
            while live.next_due().is_some_and(|due| due <= step.at) {
                assert_eq!(live.elapse(step.at, 512), thawed.elapse(step.at, 512), "seed {seed}");
            }
            let told = live.execute(&step.actor, &step.command, step.at);
            assert_eq!(told, thawed.execute(&step.actor, &step.command, step.at), "seed {seed}");
        }
        assert_eq!(thawed.state_hash(), live.state_hash(), "seed {seed}");
        assert_eq!(thawed.check_invariants(), Ok(()), "seed {seed}");
    }
}

/// A form that changed under the same version would be read as another state.
#[test]
fn the_form_of_coupons_changes_only_together_with_its_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, lived(505, 300).0.freeze()).expect("the golden bytes are written");
    }
    let golden = fs::read(&path).expect("golden bytes");
    let same = Shop::thaw(&golden).is_ok_and(|shop| shop.freeze() == golden);
    assert!(
        same,
        "{GOLDEN} is read otherwise than it was written: raise VERSION in src/shop/freeze.rs, then \
         UPDATE_EXPECT=1 cargo test -p hawker-domain --test coupon_model"
    );
}
