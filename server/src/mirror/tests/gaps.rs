//! What the bus lost, and how it is mended.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;
use crate::bus::{Publication, Subscriber as _};
use crate::hub::{self, fake};

#[tokio::test(start_paused = true)]
async fn a_lost_line_is_fetched_before_the_later_ones_are_shown() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    world.publish(Class::Critical);
    world.lose();
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1", "7.2", "7.3"]);
    assert_eq!(world.asks(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_last_line_is_noticed_by_the_repeated_top() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    world.lose();
    world.top();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1"]);
    let asks = world.asks();
    world.top();
    settle().await;
    assert_eq!(world.asks(), asks);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_mended_as_soon_as_the_owner_can_be_reached_again() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.link.is_down.store(true, Ordering::Relaxed);
    world.publish(Class::Critical);
    world.lose();
    (0..5).for_each(|_| world.publish(Class::Critical));
    world.carry();
    pass_ms(5_000).await;
    ann.hear();
    assert_eq!(ann.lines, [""; 0]);
    assert!((5..15).contains(&world.asks()), "{}", world.asks());
    world.link.is_down.store(false, Ordering::Relaxed);
    pass_ms(1_100).await;
    ann.hear();
    assert_eq!(ann.place, (7, 6));
    assert_eq!(ann.gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn more_than_the_owner_keeps_is_told_as_a_gap_with_the_snapshot() {
    let mut world = World::with(hub::Options { ring_lines_max: 6, ..hub::Options::default() });
    let mut ann = world.viewer().await;
    for _ in 0..20 {
        world.publish(Class::Critical);
        settle().await;
    }
    world.lose();
    world.top();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["gap 1 20 snapshot 7.20"]);
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    ann.hear();
    assert_eq!(ann.place, (7, 21));
}

#[tokio::test(start_paused = true)]
async fn after_an_interruption_every_topic_is_asked_for_within_the_spread() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    world.lose();
    world.mirror.on_interruption();
    pass_ms(600).await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_owner_is_asked_which_wakes_a_successor() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    let asks = world.asks();
    pass_ms(2_800).await;
    assert_eq!(world.asks(), asks);
    world.reign();
    world.lose();
    pass_ms(500).await;
    assert_eq!(world.asks(), asks + 1);
    ann.hear();
    assert_eq!(ann.lines, ["gap 1 1 snapshot 8.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_brings_its_snapshot_and_silences_the_old_owner() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    (0..5).for_each(|_| world.publish(Class::Critical));
    let late = Publication { seq: Some(6), ..world.unnumbered(Class::Critical, "late") };
    world.carry();
    settle().await;
    world.reign();
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    world.mirror.on_message(vec![late]);
    settle().await;
    ann.hear();
    assert_eq!(ann.lines[5..], ["gap 1 2 snapshot 8.2"]);
    assert_eq!(world.viewer().await.place, (8, 2));
}

#[tokio::test(start_paused = true)]
async fn counters_pass_while_a_gap_is_mended() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.link.is_down.store(true, Ordering::Relaxed);
    world.publish(Class::Critical);
    world.lose();
    world.publish(Class::Critical);
    let likes = Class::Counter { key: "likes".into() };
    let count = world.unnumbered(likes, "5 likes");
    world.put(count);
    world.carry();
    pass_ms(60).await;
    ann.hear();
    assert_eq!(ann.lines, ["5 likes"]);
}

#[tokio::test(start_paused = true)]
async fn a_redaction_that_was_lost_reaches_the_ring_of_the_mirror() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    let comment = Publication { key: Some("c1".into()), ..world.line(Class::Lossy) };
    world.put(comment);
    world.carry();
    pass_ms(60).await;
    let redaction = Publication { redacts: Some("c1".into()), ..world.line(Class::Critical) };
    world.put(redaction);
    world.lose();
    world.top();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1", "7.2"]);
    let resumed = world.hub.resume(&topic(), 7, 0, ann.reader.connection());
    assert_eq!(resumed.missed, ["tombstone 1", "7.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_on_the_mirror_is_told_what_it_missed() {
    let mut world = World::new();
    let mut slow = world.viewer_behind(fake::Pipe::narrow(4_096)).await;
    for round in 0..40 {
        for _ in 0..10 {
            let line = world.line(Class::Critical);
            let line = Publication {
                line: format!("{}{}", String::from_utf8_lossy(&line.line), " ".repeat(1_000))
                    .into(),
                ..line
            };
            world.put(line);
        }
        if round % 3 != 0 {
            world.carry();
        }
        world.lose();
        settle().await;
    }
    pass_ms(1_100).await;
    slow.hear_all().await;
    assert!(slow.gaps > 0);
    assert_eq!(slow.place, (7, 400));
}

/// What happens in the world of the property below.
#[derive(Debug, Clone)]
enum Step {
    Publish {
        critical: bool,
    },
    Count,
    Carry,
    Lose,
    /// The oldest message is delivered after all the others.
    Delay,
    /// Everything is delivered twice.
    Repeat,
    Top,
    Reign,
    Interrupt,
    LinkDown,
    LinkUp,
    Join,
    Leave,
    MoveHere,
    MoveAway,
    Pass {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<bool>().prop_map(|critical| Step::Publish { critical }),
        1 => Just(Step::Count),
        6 => Just(Step::Carry),
        3 => Just(Step::Lose),
        1 => Just(Step::Delay),
        1 => Just(Step::Repeat),
        1 => Just(Step::Top),
        1 => Just(Step::Reign),
        1 => Just(Step::Interrupt),
        1 => Just(Step::LinkDown),
        1 => Just(Step::LinkUp),
        3 => Just(Step::Join),
        1 => Just(Step::Leave),
        1 => Just(Step::MoveHere),
        1 => Just(Step::MoveAway),
        3 => (0..400_u64).prop_map(|ms| Step::Pass { ms }),
        1 => (0..15_000_u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

async fn take(step: &Step, world: &mut World, viewers: &mut Vec<Viewer>) {
    let is_here = world.link.is_here.load(Ordering::Relaxed);
    match step {
        Step::Publish { .. } if is_here => world.publish_here(),
        Step::Publish { critical: true } => world.publish(Class::Critical),
        Step::Publish { critical: false } => world.publish(Class::Lossy),
        Step::Count => {
            let count = world.unnumbered(Class::Counter { key: "likes".into() }, "likes");
            world.mirror.on_message(vec![count]);
        }
        Step::Carry => world.carry(),
        Step::Lose => world.lose(),
        Step::Delay => {
            if let Some(late) = world.wire.pop_front() {
                world.carry();
                world.mirror.on_message(vec![late]);
            }
        }
        Step::Repeat => {
            let again = world.wire.iter().cloned().collect();
            world.carry();
            world.mirror.on_message(again);
        }
        Step::Top if !is_here => world.top(),
        Step::Reign if !is_here => world.reign(),
        Step::Interrupt => world.mirror.on_interruption(),
        Step::LinkDown => world.link.is_down.store(true, Ordering::Relaxed),
        Step::LinkUp => world.link.is_down.store(false, Ordering::Relaxed),
        Step::Join if world.mirror.ready(&topic()).await.is_ok() => {
            viewers.push(world.viewer().await);
        }
        Step::Leave => {
            settle().await;
            viewers.iter_mut().for_each(Viewer::hear);
            viewers.pop();
        }
        Step::MoveHere if !is_here => world.move_here(),
        Step::MoveAway if is_here => world.move_away(),
        Step::Pass { ms } => pass_ms(*ms).await,
        Step::Top | Step::Reign | Step::Join | Step::MoveHere | Step::MoveAway => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_every_viewer_ends_with_the_same_lines_or_a_told_gap(
        steps in proptest::collection::vec(step(), 1..80),
        ring_lines_max in prop_oneof![Just(4_usize), Just(500)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world =
                World::with(hub::Options { ring_lines_max, ..hub::Options::default() });
            let mut viewers = Vec::new();
            for step in &steps {
                take(step, &mut world, &mut viewers).await;
                for viewer in &mut viewers {
                    viewer.hear();
                    viewer.reopen(&world).await;
                }
            }
            world.link.is_down.store(false, Ordering::Relaxed);
            if !world.link.is_here.load(Ordering::Relaxed) {
                world.top();
            }
            pass_ms(4_500).await;
            let truth = (world.epoch, world.seq);
            for viewer in &mut viewers {
                viewer.hear();
                viewer.reopen(&world).await;
                viewer.hear();
                assert_eq!(viewer.place, truth);
            }
            assert_eq!(world.viewer().await.place, truth);
        });
    }
}
