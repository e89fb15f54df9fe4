//! What a room sends, and when.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_line_after_quiet_leaves_at_once_and_later_ones_share_the_tick() {
    let mut house = House::new();
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Normal);
    settle().await;
    assert_eq!(ann.client.lines(), ["1"]);

    (0..3).for_each(|_| house.publish(Class::Lossy));
    pass_ms(48).await;
    assert_eq!(ann.client.lines(), [""; 0]);
    let writes = ann.client.writes();
    pass_ms(3).await;
    assert_eq!(ann.client.lines(), ["2", "3", "4"]);
    assert_eq!(ann.client.writes(), writes + 1);
}

#[tokio::test(start_paused = true)]
async fn a_critical_line_ends_the_tick_and_takes_the_others_along() {
    let mut house = House::new();
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Normal);
    settle().await;
    house.publish(Class::Lossy);
    settle().await;
    assert_eq!(ann.client.lines(), ["1"]);
    house.publish(Class::Critical);
    settle().await;
    assert_eq!(ann.client.lines(), ["2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_tick_each_line_is_a_frame_of_its_own() {
    let mut house = House::with(Options { tick_ms: 0, ..Options::default() });
    let (mut ann, _in_room) = house.viewer();
    (0..3).for_each(|_| house.publish(Class::Normal));
    house.count("likes", "5 likes");
    settle().await;
    assert_eq!(ann.client.writes(), 4);
    assert_eq!(ann.client.lines(), ["1", "2", "3", "5 likes"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_counter_only_the_newest_value_of_the_tick_is_sent() {
    let mut house = House::new();
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Normal);
    settle().await;
    for total in ["1 like", "2 likes", "3 likes"] {
        house.count("likes", total);
        house.count("viewers", "9 viewers");
    }
    pass_ms(60).await;
    assert_eq!(ann.client.lines(), ["1", "3 likes", "9 viewers"]);
}

#[tokio::test(start_paused = true)]
async fn every_viewer_gets_the_same_frame_however_many_there_are() {
    let mut house = House::new();
    let mut viewers: Vec<_> = (0..200).map(|_| house.viewer()).collect();
    house.publish(Class::Critical);
    pass_ms(60).await;
    for (guest, _) in &mut viewers {
        assert_eq!(guest.client.lines(), ["1"]);
        assert_eq!(guest.client.writes(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_larger_than_a_frame_may_be_leaves_as_several_at_once() {
    let mut house = House::with(Options { frame_bytes_max: 8, ..Options::default() });
    let (mut ann, _in_room) = house.viewer();
    (0..10).for_each(|_| house.publish(Class::Normal));
    settle().await;
    assert_eq!(ann.client.writes(), 3);
    assert_eq!(ann.client.lines(), (1..=10).map(|seq| seq.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pushed_before_the_reply_to_the_join_has_left() {
    let mut house = House::new();
    house.publish(Class::Normal);
    settle().await;
    let mut ann = house.guest(fake::Pipe::new());
    let joined = house.hub.join(&topic(), ann.connection());
    assert_eq!((joined.epoch, joined.seq), (7, 1));
    assert_eq!(joined.snapshot.as_deref(), Some(&b"snapshot 7.1"[..]));

    house.publish(Class::Critical);
    settle().await;
    assert_eq!(ann.client.lines(), [""; 0]);
    ann.connection().send(&Frame::line(b"reply"));
    let _in_room = joined.start();
    assert_eq!(ann.client.lines(), ["reply", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_joiner_is_not_sent_what_its_snapshot_already_holds() {
    let mut house = House::new();
    let (mut ann, _ann_in_room) = house.viewer();
    house.publish(Class::Normal);
    settle().await;
    house.publish(Class::Normal);
    let mut bob = house.guest(fake::Pipe::new());
    let joined = house.hub.join(&topic(), bob.connection());
    assert_eq!(joined.seq, 2);
    let _bob_in_room = joined.start();
    house.publish(Class::Normal);
    pass_ms(60).await;
    assert_eq!(ann.client.lines(), ["1", "2", "3"]);
    assert_eq!(bob.client.lines(), ["3"]);
}

#[tokio::test(start_paused = true)]
async fn who_drops_the_membership_hears_no_more() {
    let mut house = House::new();
    let (mut ann, in_room) = house.viewer();
    drop(in_room);
    house.publish(Class::Critical);
    settle().await;
    assert_eq!(ann.client.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_leave_that_comes_after_a_new_join_is_harmless() {
    let mut house = House::new();
    let (mut ann, old) = house.viewer();
    let _new = house.hub.join(&topic(), ann.connection()).start();
    drop(old);
    house.publish(Class::Critical);
    settle().await;
    assert_eq!(ann.client.lines(), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn leaves_in_the_middle_of_a_walk_neither_skip_nor_repeat_anybody() {
    let mut house = House::with(Options { writes_per_turn_max: 1, ..Options::default() });
    let mut viewers: Vec<_> = (0..20).map(|_| house.viewer()).collect();
    house.count("likes", "5 likes");
    house.publish(Class::Critical);
    // One turn at a time: the walk has served a few when others leave from both ends.
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    let gone = [19, 10, 3, 0].map(|at| viewers.remove(at).0);
    settle().await;
    for (guest, _) in &mut viewers {
        assert_eq!(guest.client.lines(), ["1", "5 likes"]);
    }
    for mut guest in gone {
        assert!(guest.client.lines().len() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pulse_tells_joins_leaves_and_viewers_since_the_last_one() {
    let house = House::new();
    let (_ann, _in_room) = house.viewer();
    let (_bob, left) = house.viewer();
    drop(left);
    let pulse = |joins, leaves| RoomPulse { topic: topic(), joins, leaves, viewers: 1 };
    assert_eq!(house.hub.pulse(), [pulse(2, 1)]);
    assert_eq!(house.hub.pulse(), [pulse(0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_given_up_when_nobody_watches_and_nothing_can_be_resumed() {
    let mut house = House::new();
    house.publish(Class::Normal);
    settle().await;
    house.hub.pulse();
    assert_eq!(house.hub.rooms.len(), 1);
    pass_ms(300_001).await;
    house.hub.pulse();
    assert_eq!(house.hub.rooms.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_to_miss_opens_no_room_for_a_conversation_that_nobody_watches() {
    let house = House::new();
    let (shop, buyer) = (ShopId::parse("acme").unwrap(), crate::bus::UserId::parse("ann").unwrap());
    for topic in [Topic::conversation(&shop, &buyer), Topic::desk(&shop)] {
        let typing = || Publication {
            topic: topic.clone(),
            ..house.unnumbered(Class::Counter { key: "typing".into() }, "typing")
        };
        house.hub.on_publication(typing());
        assert_eq!(house.hub.rooms.len(), 0, "{topic}");

        let mut bea = house.guest(fake::Pipe::new());
        let watches = house.hub.join(&topic, bea.connection()).start();
        house.hub.on_publication(typing());
        settle().await;
        assert_eq!(bea.client.lines(), ["typing"], "{topic}");

        drop(watches);
        pass_ms(300_001).await;
        house.hub.pulse();
        house.hub.on_publication(typing());
        assert_eq!(house.hub.rooms.len(), 0, "{topic}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_numbered_line_of_a_conversation_is_kept_for_whoever_resumes() {
    let mut house = House::new();
    let (shop, buyer) = (ShopId::parse("acme").unwrap(), crate::bus::UserId::parse("ann").unwrap());
    let topic = Topic::conversation(&shop, &buyer);
    for seq in 1..=2 {
        house.snapshot_at(seq);
        let topic = topic.clone();
        let line = seq.to_string().into();
        let said =
            Publication { topic, line, seq: Some(seq), ..house.unnumbered(Class::Normal, "") };
        house.hub.on_publication(said);
    }
    pass_ms(60).await;
    let bob = house.guest(fake::Pipe::new());
    let resumed = house.hub.resume(&topic, 7, 1, bob.connection());
    assert_eq!(resumed.missed, ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_comment_leaves_what_waits_and_what_is_kept_but_its_number_stays() {
    let mut house = House::new();
    let (mut ann, _in_room) = house.viewer();
    house.publish(Class::Normal);
    settle().await;
    house.publish_line(Class::Lossy, 2, Some("c2"));
    house.publish_line(Class::Lossy, 3, Some("c3"));
    assert_eq!(house.hub.redact(&topic(), "c2"), 1);
    pass_ms(60).await;
    assert_eq!(ann.client.lines(), ["1", "tombstone 2", "3"]);

    let deletion = Publication {
        seq: Some(4),
        redacts: Some("c3".into()),
        ..house.unnumbered(Class::Normal, "4")
    };
    house.hub.on_publication(deletion);
    pass_ms(60).await;
    let bob = house.guest(fake::Pipe::new());
    let resumed = house.hub.resume(&topic(), 7, 1, bob.connection());
    assert_eq!(resumed.missed, ["tombstone 2", "tombstone 3", "4"]);
}
