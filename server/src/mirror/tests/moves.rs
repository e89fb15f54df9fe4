//! A shop that comes to this node and leaves it.

use std::sync::atomic::Ordering;

use super::*;
use crate::bus::Subscriber as _;
use crate::hub::Source as _;

#[tokio::test(start_paused = true)]
async fn a_shop_that_comes_here_is_answered_for_by_this_node() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    world.move_here();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1", "gap 1 1 snapshot 8.1"]);
    world.publish_here();
    settle().await;
    ann.hear();
    assert_eq!(ann.place, (8, 2));
    assert_eq!(world.viewer().await.place, (8, 2));
    pass_ms(1_100).await;
    assert_eq!(world.mirror.snapshot(&topic()).unwrap().body, "snapshot 8.2");
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_leaves_is_followed_where_it_went() {
    let mut world = World::new();
    world.move_here();
    let mut ann = world.viewer().await;
    assert_eq!(ann.place, (8, 1));
    world.move_away();
    world.carry();
    settle().await;
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["gap 1 1 snapshot 9.1", "9.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_join_right_after_the_shop_left_waits_for_the_new_owner() {
    let mut world = World::new();
    world.move_here();
    let _ann = world.viewer().await;
    world.move_away();
    world.lose();
    assert_eq!(world.viewer().await.place, (9, 1));
    world.link.is_down.store(true, Ordering::Relaxed);
    assert_eq!(world.viewer().await.place, (9, 1));
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_a_deposed_node_are_dropped_by_the_new_owner() {
    let mut world = World::new();
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    let late = world.wire.clone();
    world.move_here();
    settle().await;
    world.mirror.on_message(late.into());
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["gap 1 1 snapshot 8.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_shop_of_this_node_costs_no_refresh() {
    let mut world = World::new();
    world.move_here();
    let _ann = world.viewer().await;
    let asks = world.asks();
    pass_ms(2_900).await;
    assert_eq!(world.asks(), asks);
}
