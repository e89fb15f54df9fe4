//! Who hears what, over real connections of a real hub.

use super::*;
use crate::hub::fake::{Client, Pipe};
use crate::hub::{Membership, Reader, Registration};

/// Somebody with a connection, in the room or not.
pub(super) struct Person {
    client: Client,
    _reader: Reader,
    _registration: Registration,
    _membership: Option<Membership>,
}

pub(super) fn connect(house: &House, name: &str, room: Option<&str>) -> Person {
    enter(house, name, room.map(topic))
}

/// Somebody who hears a topic.
pub(super) fn connect_to(house: &House, name: &str, topic: &Topic) -> Person {
    enter(house, name, Some(topic.clone()))
}

fn enter(house: &House, name: &str, topic: Option<Topic>) -> Person {
    let (pipe, client) = Pipe::new();
    let reader = house.hub.connect(pipe, &[]);
    let connection = reader.connection().clone();
    let registration = house.hub.connections().admit(&connection, &user_id(name), 8).unwrap();
    let membership = topic.map(|topic| house.hub.join(&topic, &connection).start());
    Person { client, _reader: reader, _registration: registration, _membership: membership }
}

impl Person {
    /// The types of what was heard since the last time.
    pub(super) async fn hears(&mut self) -> Vec<String> {
        self.lines().await.iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn lines(&mut self) -> Vec<Value> {
        pass(Duration::from_millis(200)).await;
        self.heard()
    }

    pub(super) fn heard(&mut self) -> Vec<Value> {
        self.client.lines().iter().map(|line| parse(line.as_bytes())).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_a_buyers_own_reaches_him_alone() {
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), 1)).await;
    let mut ann = connect(&house, "ann", None);
    let mut bob = connect(&house, "bob", None);
    house.driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    house.driver.buy("bob", wait("r1", 1)).await.unwrap();
    house.driver.buy("ann", place("o1", held("h1"))).await.unwrap();
    assert_eq!(ann.hears().await, ["reservation.changed", "order.changed"]);
    assert_eq!(bob.hears().await, ["sale.offer"]);
    pass(Duration::from_secs(301)).await;
    let mut changed = ann.hears().await;
    changed.sort();
    assert_eq!(changed, ["order.changed", "reservation.changed"]);
    let offered = bob.lines().await;
    assert_eq!(offered[0]["waiting"]["state"]["kind"], "offered");
}

#[tokio::test(start_paused = true)]
async fn an_echo_is_for_a_users_other_connections() {
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), 5)).await;
    let mut ann = connect(&house, "ann", None);
    house.driver.buy("ann", claim("r1", "h1", 1)).await.unwrap();
    assert_eq!(ann.hears().await, [""; 0], "the reply has told it");
    let mut phone = connect(&house, "ann", None);
    house.driver.buy("ann", release("h1")).await.unwrap();
    house.driver.buy("ann", claim("r1", "h2", 1)).await.unwrap();
    for screen in [&mut ann, &mut phone] {
        assert_eq!(screen.hears().await, ["reservation.changed", "reservation.changed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_banned_viewer_is_told_and_hears_the_room_no_more() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", Some("r1"));
    let mut bob = connect(&house, "bob", Some("r1"));
    let (room, user) = (room_id("r1"), user_id("bob"));
    house.driver.manage(RoomCommand::Ban { room, user, for_ms: None }).await;
    house.driver.buy("ann", comment("r1", "c1", "hello")).await.unwrap();
    assert_eq!(bob.hears().await, ["room.banned"]);
    assert_eq!(ann.hears().await, ["room.comment"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_comment_is_in_no_snapshot_and_no_resume() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", Some("r1"));
    let before = house.delivery.snapshot(&topic("r1")).unwrap();
    house.driver.buy("bob", comment("r1", "c1", "rude")).await.unwrap();
    house.driver.buy("bob", comment("r1", "c2", "kind")).await.unwrap();
    assert_eq!(ann.hears().await, ["room.comment", "room.comment"]);
    let comment = hawker_domain::id::CommentId::parse("c1").unwrap();
    house.driver.manage(RoomCommand::DeleteComment { room: room_id("r1"), comment }).await;
    assert_eq!(ann.hears().await, ["room.comment_deleted"]);
    let shown = house.snapshot("r1")["comments"].clone();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["text"]), (1, &Value::from("kind")));

    let late = connect(&house, "cat", None);
    let (epoch, seq) = (before.epoch, before.seq);
    let resumed = house.hub.resume(&topic("r1"), epoch, seq, late._reader.connection());
    let missed: Vec<_> = resumed.missed.iter().map(|line| parse(line)).collect();
    let types: Vec<_> = missed.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["room.redacted", "room.comment", "room.comment_deleted"]);
    assert_eq!(missed[0]["seq"], seq + 1, "its place stays");
}

#[tokio::test(start_paused = true)]
async fn regression_kept_comments_are_shown_again_after_a_restart() {
    // Their documents were there, and who joined after a restart saw an empty list.
    let house = House::with(Options { snapshot_comments_max: 3, ..Options::default() }).await;
    let (room, spec) = (room_id("r2"), room_spec(true));
    house.driver.manage(RoomCommand::Create { room: room.clone(), spec }).await;
    house.driver.manage(RoomCommand::Start { room }).await;
    for (name, id) in [("ann", "c1"), ("bob", "c2"), ("eve", "c3"), ("ann", "c4"), ("bob", "c5")] {
        house.driver.buy(name, comment("r2", id, &format!("text {id}"))).await.unwrap();
    }
    let delete = |id| {
        let comment = hawker_domain::id::CommentId::parse(id).unwrap();
        RoomCommand::DeleteComment { room: room_id("r2"), comment }
    };
    house.driver.manage(delete("c4")).await;
    let erased = hawker_domain::command::ShopCommand::EraseBuyer { buyer: user_id("eve") };
    house.driver.manage(erased).await;
    let texts = |house: &House| {
        let shown = house.snapshot("r2")["comments"].clone();
        let texts = shown.as_array().unwrap().iter().map(|it| it["text"].clone());
        texts.map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let house = house.restart().await;
    assert_eq!(texts(&house), ["text c1", "text c2", "text c5"]);
    house.driver.manage(delete("c1")).await;
    house.driver.buy("ann", comment("r2", "c6", "text c6")).await.unwrap();
    assert_eq!(texts(&house), ["text c2", "text c5", "text c6"]);
    assert_eq!(texts(&house.restart().await), ["text c2", "text c5", "text c6"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_gives_every_viewer_a_snapshot_under_his_epoch() {
    let house = House::open().await;
    house.driver.run_sale(flash(in_room("r1"), 5)).await;
    let mut ann = connect(&house, "ann", Some("r1"));
    assert_eq!(ann.hears().await, [""; 0], "the snapshot of the join had it all");
    let house = house.restart().await;
    house.driver.buy("bob", claim("r1", "h1", 2)).await.unwrap();
    let heard = ann.lines().await;
    let gap = &heard[0];
    assert_eq!((&gap["type"], &gap["snapshot"]["epoch"]), (&"room.gap".into(), &"2".into()));
    let mut seq = gap["snapshot"]["seq"].as_u64().unwrap();
    for line in heard.iter().skip(1).filter_map(|line| line["seq"].as_u64()) {
        seq += 1;
        assert_eq!(line, seq, "{heard:?}");
    }
    assert_eq!(seq, house.delivery.snapshot(&topic("r1")).unwrap().seq);
}
