//! What a join or resume on a mirror is answered from.

use std::sync::atomic::Ordering;

use super::*;
use crate::bus::{Publication, ShopId, Subscriber as _, UserId};
use crate::hub::fake;

#[tokio::test(start_paused = true)]
async fn a_joiner_gets_the_snapshot_of_the_owner_and_the_lines_after_it() {
    let mut world = World::new();
    (0..3).for_each(|_| world.publish(Class::Normal));
    world.lose();
    let mut ann = world.viewer().await;
    assert_eq!(ann.place, (7, 3));
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    ann.hear();
    assert_eq!(ann.lines, ["7.4"]);
}

#[tokio::test(start_paused = true)]
async fn a_joiner_behind_an_older_snapshot_is_sent_the_lines_since() {
    let mut world = World::new();
    let _ann = world.viewer().await;
    (0..3).for_each(|_| world.publish(Class::Critical));
    world.carry();
    settle().await;
    let mut bob = world.viewer().await;
    assert_eq!(bob.place, (7, 0));
    bob.hear();
    assert_eq!(bob.lines, ["7.1", "7.2", "7.3"]);
    pass_ms(1_100).await;
    assert_eq!(world.viewer().await.place, (7, 3));
}

#[tokio::test(start_paused = true)]
async fn many_joiners_at_once_lead_to_one_question_and_later_ones_to_none() {
    let world = World::new();
    let topic = topic();
    let ready = (0..1_000).map(|_| world.mirror.ready(&topic));
    for ready in futures_util::future::join_all(ready).await {
        ready.unwrap();
    }
    world.mirror.ready(&topic).await.unwrap();
    assert_eq!((world.asks(), world.ear.attended.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_topic_whose_owner_cannot_be_reached_is_not_ready_and_is_once_he_can() {
    let world = World::new();
    world.link.is_down.store(true, Ordering::Relaxed);
    assert!(world.mirror.ready(&topic()).await.unwrap_err().0.contains("link is down"));
    world.link.is_down.store(false, Ordering::Relaxed);
    world.mirror.ready(&topic()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_given_up_does_no_harm() {
    let world = World::new();
    let topic = topic();
    world.link.is_down.store(true, Ordering::Relaxed);
    let given_up = tokio::time::timeout(Duration::from_millis(10), world.mirror.ready(&topic));
    given_up.await.unwrap_err();
    world.link.is_down.store(false, Ordering::Relaxed);
    world.viewer().await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_serves_its_own_shops_and_follows_others_by_asking() {
    let mut world = World::new();
    world.ear.is_deaf.store(true, Ordering::Relaxed);
    let mut ann = world.viewer().await;
    world.publish(Class::Critical);
    world.lose();
    pass_ms(1_100).await;
    ann.hear();
    assert_eq!(ann.lines, ["7.1"]);
    world.ear.is_deaf.store(false, Ordering::Relaxed);
    pass_ms(1_100).await;
    assert_eq!(world.ear.attending(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_ready_once_it_is_attended() {
    let world = World::new();
    let (shop, buyer) = (ShopId::parse("acme").unwrap(), UserId::parse("ann").unwrap());
    let conversation = Topic::conversation(&shop, &buyer);
    world.mirror.ready(&conversation).await.unwrap();
    assert_eq!((world.asks(), world.ear.attending()), (0, 1));
    let (pipe, mut client) = fake::Pipe::new();
    let reader = world.hub.connect(pipe, &[]);
    let _place = world.hub.join(&conversation, reader.connection()).start();
    let said = Publication { topic: conversation, ..world.unnumbered(Class::Critical, "hello") };
    world.mirror.on_message(vec![said]);
    settle().await;
    assert_eq!(client.lines(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_refuses_the_conversations_of_other_nodes_only() {
    let world = World::new();
    world.ear.is_deaf.store(true, Ordering::Relaxed);
    let (shop, buyer) = (ShopId::parse("acme").unwrap(), UserId::parse("ann").unwrap());
    let conversation = Topic::conversation(&shop, &buyer);
    world.mirror.ready(&conversation).await.unwrap_err();
    world.link.is_here.store(true, Ordering::Relaxed);
    world.mirror.ready(&conversation).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_followed_until_some_seconds_after_its_last_viewer() {
    let mut world = World::new();
    let ann = world.viewer().await;
    pass_ms(20_000).await;
    assert_eq!(world.ear.attending(), 1);
    drop(ann);
    pass_ms(9_000).await;
    assert_eq!(world.ear.attending(), 1);
    pass_ms(2_500).await;
    assert_eq!(world.ear.attending(), 0);

    let asks = world.asks();
    (0..3).for_each(|_| world.publish(Class::Critical));
    world.carry();
    pass_ms(10_000).await;
    assert_eq!(world.asks(), asks);
    let mut bob = world.viewer().await;
    assert_eq!(bob.place, (7, 3));
    world.publish(Class::Critical);
    world.carry();
    settle().await;
    bob.hear();
    assert_eq!(bob.lines, ["7.4"]);
}

#[tokio::test(start_paused = true)]
async fn a_resume_on_another_node_returns_what_was_missed() {
    let mut world = World::new();
    (0..5).for_each(|_| world.publish(Class::Normal));
    world.lose();
    world.mirror.ready(&topic()).await.unwrap();
    let (pipe, _client) = fake::Pipe::new();
    let reader = world.hub.connect(pipe, &[]);
    settle().await;
    let resumed = world.hub.resume(&topic(), 7, 2, reader.connection());
    assert!(resumed.recovered);
    assert_eq!(resumed.missed, ["7.3", "7.4", "7.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_its_owner_does_not_know_is_ready_and_empty() {
    let world = World::new();
    let unknown = Topic::desk(&ShopId::parse("nobody").unwrap());
    world.mirror.ready(&unknown).await.unwrap();
    let (pipe, mut client) = fake::Pipe::new();
    let reader = world.hub.connect(pipe, &[]);
    let joined = world.hub.join(&unknown, reader.connection());
    assert_eq!((joined.seq, joined.snapshot.clone()), (0, None));
    let _place = joined.start();
    let first =
        Publication { topic: unknown, seq: Some(1), ..world.unnumbered(Class::Critical, "first") };
    world.owner.on_publication(first.clone());
    world.mirror.on_message(vec![first]);
    settle().await;
    // Under an epoch that it was not told of: it asks for the topic again.
    assert_eq!(client.lines(), ["gap 1 0 nothing", "first"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_to_users_needs_no_following() {
    let world = World::new();
    let user = UserId::parse("ann").unwrap();
    world.mirror.ready(&Topic::user(&user)).await.unwrap();
    assert_eq!((world.asks(), world.ear.attending()), (0, 0));
    let (pipe, mut client) = fake::Pipe::new();
    let reader = world.hub.connect(pipe, &[]);
    let _admitted = world.hub.connections().admit(reader.connection(), &user, 1).unwrap();
    let told = Publication {
        topic: Topic::users(vec![user]),
        ..world.unnumbered(Class::Critical, "reminder")
    };
    world.mirror.on_message(vec![told]);
    settle().await;
    assert_eq!(client.lines(), ["reminder"]);
}
