//! Watch time against its definition: the union over a buyer's tabs of what each heartbeat vouches
//! for, by the room's live clock, over random histories. A failure prints its seed.

use super::*;
use crate::command::*;
use crate::event::Event;
use crate::event::PromoEvent;
use crate::money::Minor;
use crate::shop::Pulse;
use crate::shop::price::Funder;
use crate::shop::testing::*;
use crate::view::promo::ProgressView;

const HISTORIES: u64 = 20_000;
const TABS: u64 = 3;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}

fn campaign() -> CampaignId {
    CampaignId::parse("c1").unwrap()
}

pub(in crate::shop) fn watch_task(needed_ms: SpanMs) -> CampaignSpec {
    CampaignSpec {
        title: "Watch".to_owned(),
        funder: Funder::Seller,
        kind: CouponKind::Amount,
        tiers: vec![Tier { min_spend_minor: Minor(0), value: 100 }],
        max_discount_minor: None,
        items: ItemScope::All,
        rooms: Scope::Rooms([room_id()].into()),
        audience: Vec::new(),
        task: Task::Watch { needed_ms },
        announce_at: None,
        opens_at: None,
        closes_at: None,
        validity: Validity::For(SpanMs::hours(1)),
        claims_total: 1_000_000,
        per_buyer: 1,
        budget_minor: Minor(1_000_000_000),
        stack_class: None,
        reminder_text: String::new(),
    }
}

/// A room on air with a watch task of an hour.
fn watched() -> Stage {
    let mut stage = Stage::new(10);
    let spec = watch_task(SpanMs::hours(1));
    let create = PromoCommand::CreateCampaign { campaign: campaign(), spec };
    stage.by_service(Command::Promo(create));
    let open = PromoCommand::OpenCampaign { campaign: campaign() };
    stage.by_service(Command::Promo(open));
    stage
}

fn mark(buyer: &str, connection: u64, at: Millis, seen: Seen) -> WatchMark {
    WatchMark { buyer: user(buyer), connection, at, seen, device: None }
}

fn pulse(shop: &mut Shop, marks: Vec<WatchMark>, now: Millis) {
    shop.pulse(&room_id(), Pulse { marks, ..Pulse::default() }, now);
}

/// What the heartbeats so far vouch for, as intervals of the live clock.
#[derive(Default)]
struct Model {
    tabs: [Vec<(u64, u64)>; TABS as usize],
}

impl Model {
    /// A change or a heartbeat of a tab that watches.
    fn watch(&mut self, tab: usize, now_ms: u64) {
        self.tabs[tab].push((now_ms, now_ms + ELIGIBLE.0));
    }

    fn stop(&mut self, tab: usize, now_ms: u64) {
        for (_, until) in &mut self.tabs[tab] {
            *until = (*until).min(now_ms);
        }
    }

    /// Milliseconds up to now that some interval has.
    fn union(&self, now_ms: u64) -> u64 {
        let mut all: Vec<_> = self.tabs.iter().flatten().copied().collect();
        all.sort_unstable();
        let (mut sum, mut covered) = (0, 0);
        for (from, until) in all {
            let (from, until) = (from.max(covered), until.min(now_ms));
            sum += until.saturating_sub(from);
            covered = covered.max(until);
        }
        sum
    }
}

fn watched_ms(shop: &Shop, now: Millis) -> u64 {
    shop.watched_since(&room_id(), &[], &user("ann"), now).0
}

/// The room is paused and resumed beside it all: the live clock is what counts.
fn toggle(shop: &mut Shop, live: &mut bool, now: Millis) {
    let (room, manager) = (room_id(), Actor { user: user("system"), role: Role::Service });
    let command = if *live { RoomCommand::Pause { room } } else { RoomCommand::Resume { room } };
    shop.execute(&manager, &Command::Room(command), now).unwrap();
    *live = !*live;
}

fn history(shop: &Shop, start: Millis, seed: u64) {
    let mut random = Random(seed);
    let (mut shop, mut now, mut live) = (shop.clone(), start, true);
    let (mut model, mut before) = (Model::default(), 0);
    let clock = |shop: &Shop, now| shop.live_clock(&room_id(), now).unwrap().0;
    let zero = clock(&shop, now);
    for step in 0..30 {
        now = now + SpanMs(random.below(12_000));
        while shop.next_due().is_some_and(|due| due <= now) {
            shop.elapse(now, 10);
        }
        let now_ms = clock(&shop, now);
        let tab = random.below(TABS);
        let index = usize::try_from(tab).unwrap();
        match random.below(12) {
            0..8 => {
                model.watch(index, now_ms);
                pulse(&mut shop, vec![mark("ann", tab, now, Seen::Watching)], now);
            }
            8..11 => {
                model.stop(index, now_ms);
                pulse(&mut shop, vec![mark("ann", tab, now, Seen::Stopped)], now);
            }
            _ => toggle(&mut shop, &mut live, now),
        }
        let watched = watched_ms(&shop, now);
        assert_eq!(watched, model.union(now_ms), "seed {seed}, step {step}");
        assert!(watched >= before, "seed {seed}, step {step}: it fell");
        assert!(watched <= now_ms - zero, "seed {seed}, step {step}: faster than the clock");
        before = watched;
    }
    shop.check_invariants().unwrap();
}

#[test]
fn accrual_is_the_union_of_intervals_over_random_histories_of_three_tabs() {
    let stage = watched();
    for seed in 0..HISTORIES {
        history(&stage.shop, stage.now, seed);
    }
}

fn progress(shop: &Shop, buyer: &str) -> ProgressView {
    shop.promo_buyer_view(&user(buyer)).progress.remove(0)
}

#[test]
fn shown_progress_never_falls_over_a_crash_and_loses_ten_seconds_at_most() {
    let mut stage = watched();
    let start = stage.now;
    let beat = |stage: &mut Stage, after: u64| {
        stage.pass(SpanMs(start.0.unsigned_abs() + after - stage.now.0.unsigned_abs()));
        let marks = vec![mark("ann", 1, stage.now, Seen::Watching)];
        pulse(&mut stage.shop, marks, stage.now);
    };
    for after in [0, 10_000, 20_000, 29_000] {
        beat(&mut stage, after);
    }
    let shown = progress(&stage.shop, "ann").watched_ms;
    assert_eq!(shown, SpanMs(20_000), "only what is written down is shown");
    let mut resumed = stage.replayed();
    assert_eq!(progress(&resumed, "ann").watched_ms, shown);
    let now = stage.now + SpanMs(60_000);
    pulse(&mut resumed, vec![mark("ann", 9, now, Seen::Watching)], now);
    let later = now + SpanMs(5_000);
    assert_eq!(resumed.watched_since(&room_id(), &[], &user("ann"), later), SpanMs(25_000));
    resumed.check_invariants().unwrap();
    let thawed = Shop::thaw(&stage.shop.freeze()).unwrap();
    assert_eq!(progress(&thawed, "ann").watched_ms, shown);
    assert_eq!(thawed.state_hash(), stage.shop.state_hash());
}

/// How many an event says are through, and since when.
fn completed(event: &Event) -> Option<(usize, Millis)> {
    let Event::Promo(PromoEvent::TaskCompleted { buyers, due_at, .. }) = event else {
        return None;
    };
    Some((buyers.len(), *due_at))
}

#[test]
fn a_task_counts_from_its_publication_only() {
    let mut stage = watched();
    let late = CampaignId::parse("c2").unwrap();
    let spec = watch_task(SpanMs::seconds(30));
    let create = PromoCommand::CreateCampaign { campaign: late.clone(), spec };
    stage.by_service(Command::Promo(create));
    for _ in 0..5 {
        let marks = vec![mark("ann", 1, stage.now, Seen::Watching)];
        pulse(&mut stage.shop, marks, stage.now);
        stage.pass(SpanMs(9_000));
    }
    let events = stage.by_service(PromoCommand::OpenCampaign { campaign: late }.into());
    let written = |event: &Event| matches!(event, Event::Promo(PromoEvent::WatchCheckpointed(_)));
    assert!(events.first().is_some_and(written), "{events:?}");
    let shown = stage.shop.promo_buyer_view(&user("ann")).progress;
    let shown: Vec<_> = shown.iter().map(|view| view.watched_ms).collect();
    assert_eq!(shown, [SpanMs(45_000), SpanMs(0)]);
    for _ in 0..4 {
        let marks = vec![mark("ann", 1, stage.now, Seen::Watching)];
        pulse(&mut stage.shop, marks, stage.now);
        let done = stage.pass(SpanMs(10_000));
        let due = done.iter().find_map(|event| Some(completed(event)?.1));
        if let Some(due_at) = due {
            assert_eq!(due_at, Millis(1_000_000 + 45_000 + 30_000));
        }
    }
    assert!(stage.shop.promo_buyer_view(&user("ann")).progress[1].completed);
}

/// Nodes tell of viewers once a second: the first of somebody came with all that he had watched
/// before the publication in that second.
#[test]
fn regression_a_viewer_who_is_told_of_late_counts_from_the_publication_too() {
    let mut stage = Stage::new(10);
    let create = PromoCommand::CreateCampaign {
        campaign: campaign(),
        spec: watch_task(SpanMs::seconds(10)),
    };
    stage.by_service(create.into());
    pulse(&mut stage.shop, vec![mark("bob", 1, stage.now, Seen::Began)], stage.now);
    let before = stage.now;
    stage.pass(SpanMs(900));
    let opened = stage.now;
    stage.by_service(PromoCommand::OpenCampaign { campaign: campaign() }.into());
    stage.pass(SpanMs(100));
    pulse(&mut stage.shop, vec![mark("ann", 1, before, Seen::Began)], stage.now);
    let mut due = Vec::new();
    for _ in 0..2 {
        let marks = ["ann", "bob"].map(|buyer| mark(buyer, 1, stage.now, Seen::Watching));
        pulse(&mut stage.shop, marks.to_vec(), stage.now);
        due.extend(stage.pass(SpanMs(8_000)).iter().filter_map(completed));
    }
    assert_eq!(due, [(2, opened + SpanMs::seconds(10))]);
}

/// A running task of 20,000 viewers costs one record a room and ten seconds.
#[test]
fn twenty_thousand_viewers_are_one_small_record_every_ten_seconds() {
    let mut stage = watched();
    let names: Vec<String> = (0..20_000).map(|number| format!("b{number}")).collect();
    let mut records = 0;
    for beat in 0..6 {
        let at = stage.now;
        let marks = names.iter().map(|name| mark(name, 1, at, Seen::Watching)).collect();
        pulse(&mut stage.shop, marks, at);
        stage.now = at + SpanMs(10_000);
        while stage.shop.next_due().is_some_and(|due| due <= stage.now) {
            for event in stage.shop.elapse(stage.now, 100).events {
                let bytes = serde_json::to_vec(&event).unwrap().len();
                assert!(beat == 0 || bytes < 90_000, "{bytes} bytes");
                records += 1;
            }
        }
    }
    assert_eq!(records, 6);
    assert_eq!(size_of::<Row>(), 40, "bytes of a row in memory");
}

#[test]
fn everybody_who_is_through_is_named_some_hundred_at_a_time() {
    let mut stage = Stage::new(10);
    let spec = watch_task(SpanMs::seconds(10));
    stage.by_service(PromoCommand::CreateCampaign { campaign: campaign(), spec }.into());
    stage.by_service(PromoCommand::OpenCampaign { campaign: campaign() }.into());
    let names: Vec<String> = (0..700).map(|number| format!("b{number}")).collect();
    let marks = names.iter().map(|name| mark(name, 1, stage.now, Seen::Began)).collect();
    pulse(&mut stage.shop, marks, stage.now);
    let done = stage.pass(SpanMs(10_000));
    let named = done.iter().filter_map(|event| Some(completed(event)?.0));
    let named: Vec<_> = named.collect();
    assert_eq!(named, [256, 256, 188]);
    let again = stage.pass(SpanMs(60_000));
    let done = |event: &Event| matches!(event, Event::Promo(PromoEvent::TaskCompleted { .. }));
    assert!(!again.iter().any(done), "nobody completes a task twice");
}
