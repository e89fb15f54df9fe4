//! What caches of a shop need: bytes that come back as the very same shop, and are refused when
//! they are of another form.

#[path = "support/script.rs"]
mod script;

use std::fs;
use std::path::Path;

use hawker_domain::Shop;
use hawker_domain::id::ShopId;
use hawker_domain::shop::Unreadable;

use script::{Script, Step};

const STEPS: usize = 400;
const TIMERS_MAX: usize = 512;
const GOLDEN: &str = "tests/golden/shop.frozen";

/// Lets time pass and carries out one step; all that came of it.
fn play(shop: &mut Shop, step: &Step) -> String {
    let mut heard = String::new();
    while shop.next_due().is_some_and(|due| due <= step.at) {
        heard += &format!("{:?}\n", shop.elapse(step.at, TIMERS_MAX));
    }
    heard + &format!("{:?}", shop.execute(&step.actor, &step.command, step.at))
}

/// A shop that heard the events of another, as a replay leaves it.
fn replayed(seed: u64, steps: usize) -> (Shop, Script, Shop) {
    let mut live = Shop::new(ShopId::parse("acme").expect("an id"));
    let mut replica = live.clone();
    let mut script = Script::new(seed);
    for _ in 0..steps {
        let step = script.step(&live);
        while live.next_due().is_some_and(|due| due <= step.at) {
            let accepted = live.elapse(step.at, TIMERS_MAX);
            accepted.events.iter().for_each(|event| replica.apply(event, step.at));
        }
        if let Ok(accepted) = live.execute(&step.actor, &step.command, step.at) {
            accepted.events.iter().for_each(|event| replica.apply(event, step.at));
        }
    }
    (replica, script, live)
}

#[test]
fn a_thawed_shop_is_the_replayed_one_and_goes_on_like_it() {
    for seed in 301..=304 {
        let (mut replica, mut script, _) = replayed(seed, STEPS);
        let frozen = replica.freeze();
        let mut thawed = Shop::thaw(&frozen).expect("a shop");
        assert_eq!(thawed.freeze(), frozen, "seed {seed}");
        assert_eq!(thawed.state_hash(), replica.state_hash(), "seed {seed}");
        assert_eq!(thawed.check_invariants(), Ok(()), "seed {seed}");
        for number in 0..STEPS {
            assert_eq!(thawed.next_due(), replica.next_due(), "seed {seed}, step {number}");
            let step = script.step(&replica);
            let told = play(&mut thawed, &step);
            assert_eq!(told, play(&mut replica, &step), "seed {seed}, step {number}");
        }
        assert_eq!(thawed.state_hash(), replica.state_hash(), "seed {seed}");
        assert_eq!(thawed.check_invariants(), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_live_shop_freezes_to_its_state_too() {
    let (replica, _, live) = replayed(305, STEPS);
    let thawed = Shop::thaw(&live.freeze()).expect("a shop");
    assert_eq!(thawed.state_hash(), replica.state_hash());
    assert_eq!(thawed.next_due(), live.next_due());
}

#[test]
fn bytes_of_another_form_or_cut_short_are_refused() {
    let (replica, _, _) = replayed(306, 60);
    let frozen = replica.freeze();
    let mut other = frozen.clone();
    other[0] = 250;
    assert!(matches!(Shop::thaw(&other), Err(Unreadable::Version { found: 250 })));
    for bytes in 0..frozen.len() {
        let cut = Shop::thaw(&frozen[..bytes]);
        assert!(matches!(cut, Err(Unreadable::Damaged { .. })), "{bytes} bytes: {cut:?}");
    }
    let longer = [frozen.as_slice(), &[0]].concat();
    assert!(matches!(Shop::thaw(&longer), Err(Unreadable::Damaged { .. })));
}

/// A form that changed under the same version would be read as another state.
#[test]
fn the_form_changes_only_together_with_its_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, replayed(307, 600).0.freeze()).expect("the golden bytes are written");
    }
    let golden = fs::read(&path).expect("golden bytes");
    let same = Shop::thaw(&golden).is_ok_and(|shop| shop.freeze() == golden);
    assert!(
        same,
        "{GOLDEN} is read otherwise than it was written: raise VERSION in src/shop/freeze.rs, then \
         UPDATE_EXPECT=1 cargo test -p hawker-domain --test freeze"
    );
}
