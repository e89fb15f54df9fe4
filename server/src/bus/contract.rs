//! What every bus must do, as two suites: on one node, and between nodes. Owns no bus.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Bus, Class, Publication, RoomId, ShopId, Subscriber, Topic, UserId};

/// Far beyond anything that goes well.
const SOON: Duration = Duration::from_secs(10);

/// Runs what holds on one node, each rule on a new bus.
pub(super) fn holds_for<B: Bus>(make: impl Fn() -> B) {
    every_subscriber_gets_every_publication_in_order(&make());
    a_topic_keeps_its_order_while_others_publish(make());
    nobody_gets_what_was_published_before_subscribing(&make());
    publishing_without_subscribers_is_no_error(&make());
}

/// Runs what holds between two nodes that share whatever `make` makes a bus of. Each rule has
/// topics of its own.
pub(super) async fn holds_between(one: &impl Bus, two: &impl Bus) {
    let (first, second) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    one.subscribe(first.clone());
    two.subscribe(second.clone());
    what_is_attended_arrives_in_its_order_once(one, two, &second).await;
    nobody_hears_what_nobody_on_his_node_attends(one, two, &second).await;
    what_a_node_published_does_not_come_back_to_it(one, two, (&first, &second)).await;
    lines_arrive_with_all_that_belongs_to_them(one, two, &second).await;
    people_hear_what_is_theirs_on_every_node(one, two, &second).await;
    a_topic_that_is_attended_twice_is_heard_until_both_have_left(one, two, &second).await;
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    heard: Mutex<Vec<Publication>>,
    tops: Mutex<Vec<(Topic, u64, u64)>>,
    interruptions: Mutex<usize>,
    messages: Mutex<usize>,
    changed: Notify,
}

impl Subscriber for Memory {
    fn on_publication(&self, publication: Publication) {
        self.heard.lock().push(publication);
        self.changed.notify_one();
    }

    fn on_message(&self, publications: Vec<Publication>) {
        *self.messages.lock() += 1;
        publications.into_iter().for_each(|publication| self.on_publication(publication));
    }

    fn on_top(&self, topic: &Topic, epoch: u64, seq: u64) {
        self.tops.lock().push((topic.clone(), epoch, seq));
        self.changed.notify_one();
    }

    fn on_interruption(&self) {
        *self.interruptions.lock() += 1;
        self.changed.notify_one();
    }
}

impl Memory {
    /// Waits until `is` holds.
    pub(super) async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let waited = async {
            while !is(self) {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(SOON, waited).await.unwrap_or_else(|_| panic!("{what}: not in time"));
    }

    pub(super) async fn until_seqs(&self, topic: &Topic, seqs: &[u64]) {
        self.until("the lines", |it| it.seqs_of(topic).len() >= seqs.len()).await;
        assert_eq!(self.seqs_of(topic), seqs, "{topic}");
    }

    pub(super) fn tops_of(&self, topic: &Topic) -> Vec<(u64, u64)> {
        let tops = self.tops.lock();
        tops.iter().filter(|top| top.0 == *topic).map(|top| (top.1, top.2)).collect()
    }

    pub(super) fn messages(&self) -> usize {
        *self.messages.lock()
    }

    pub(super) fn interruptions(&self) -> usize {
        *self.interruptions.lock()
    }

    pub(super) fn seqs_of(&self, topic: &Topic) -> Vec<u64> {
        let heard = self.heard.lock();
        heard.iter().filter(|p| p.topic == *topic).filter_map(|p| p.seq).collect()
    }
}

pub(super) fn room(name: &str) -> Topic {
    Topic::room(&ShopId::parse("acme").unwrap(), &RoomId::parse(name).unwrap())
}

pub(super) fn publication(topic: &Topic, seq: u64) -> Publication {
    Publication {
        topic: topic.clone(),
        epoch: 1,
        seq: Some(seq),
        class: Class::Normal,
        key: Some("c1".into()),
        redacts: None,
        expels: None,
        line: Bytes::from(format!("{{\"seq\":{seq}}}")),
    }
}

fn every_subscriber_gets_every_publication_in_order(bus: &impl Bus) {
    let memories = [Arc::new(Memory::default()), Arc::new(Memory::default())];
    memories.iter().for_each(|memory| bus.subscribe(memory.clone()));
    let sent: Vec<_> = (1..=50).map(|seq| publication(&room("r1"), seq)).collect();
    sent.iter().for_each(|publication| bus.publish(publication.clone()));
    memories.iter().for_each(|memory| assert_eq!(*memory.heard.lock(), sent));
}

fn a_topic_keeps_its_order_while_others_publish(bus: impl Bus) {
    let (bus, memory) = (Arc::new(bus), Arc::new(Memory::default()));
    bus.subscribe(memory.clone());
    let publishers = ["r1", "r2", "r3"].map(|name| {
        let bus = Arc::clone(&bus);
        std::thread::spawn(move || {
            (1..=200).for_each(|seq| bus.publish(publication(&room(name), seq)));
        })
    });
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    for name in ["r1", "r2", "r3"] {
        assert_eq!(memory.seqs_of(&room(name)), (1..=200).collect::<Vec<_>>());
    }
}

fn nobody_gets_what_was_published_before_subscribing(bus: &impl Bus) {
    let memory = Arc::new(Memory::default());
    bus.publish(publication(&room("r1"), 1));
    bus.subscribe(memory.clone());
    bus.publish(publication(&room("r1"), 2));
    assert_eq!(memory.seqs_of(&room("r1")), [2]);
}

fn publishing_without_subscribers_is_no_error(bus: &impl Bus) {
    bus.publish(publication(&room("r1"), 1));
}

async fn what_is_attended_arrives_in_its_order_once(
    one: &impl Bus,
    two: &impl Bus,
    second: &Memory,
) {
    let topics = ["x1", "x2", "x3"].map(room);
    let mut attended = Vec::new();
    for topic in &topics {
        attended.push(two.attend(topic).await.unwrap());
    }
    for seq in 1..=500 {
        topics.iter().for_each(|topic| one.publish(publication(topic, seq)));
    }
    for topic in &topics {
        second.until_seqs(topic, &(1..=500).collect::<Vec<_>>()).await;
    }
}

async fn nobody_hears_what_nobody_on_his_node_attends(
    one: &impl Bus,
    two: &impl Bus,
    second: &Memory,
) {
    let (quiet, loud) = (room("quiet"), room("loud"));
    let _attended = two.attend(&loud).await.unwrap();
    one.publish(publication(&quiet, 1));
    one.publish(publication(&loud, 1));
    second.until_seqs(&loud, &[1]).await;
    assert!(second.seqs_of(&quiet).is_empty());
    let _attended = two.attend(&quiet).await.unwrap();
    one.publish(publication(&quiet, 2));
    second.until_seqs(&quiet, &[2]).await;
}

async fn what_a_node_published_does_not_come_back_to_it(
    one: &impl Bus,
    two: &impl Bus,
    (first, second): (&Memory, &Memory),
) {
    let topic = room("echo");
    let _attended = (one.attend(&topic).await.unwrap(), two.attend(&topic).await.unwrap());
    one.publish(publication(&topic, 1));
    second.until_seqs(&topic, &[1]).await;
    two.publish(publication(&topic, 2));
    first.until_seqs(&topic, &[1, 2]).await;
    assert_eq!(second.seqs_of(&topic), [1, 2]);
}

async fn lines_arrive_with_all_that_belongs_to_them(
    one: &impl Bus,
    two: &impl Bus,
    second: &Memory,
) {
    let topic = room("whole");
    let _attended = two.attend(&topic).await.unwrap();
    let classes =
        [Class::Critical, Class::Normal, Class::Lossy, Class::Counter { key: "likes".into() }];
    let plain = publication(&topic, 1);
    let sent: Vec<_> = classes
        .into_iter()
        .zip([Some(1), Some(2), Some(3), None])
        .map(|(class, seq)| Publication { class, seq, epoch: 7, ..plain.clone() })
        .chain([
            Publication { redacts: Some("c1".into()), key: None, ..plain.clone() },
            Publication { expels: Some(room("r9")), line: Bytes::new(), ..plain.clone() },
            Publication {
                expels: Some(Topic::desk(&ShopId::parse("acme").unwrap())),
                ..plain.clone()
            },
        ])
        .collect();
    sent.iter().for_each(|publication| one.publish(publication.clone()));
    let of = |it: &Memory| {
        let heard = it.heard.lock();
        heard.iter().filter(|it| it.topic == topic).cloned().collect::<Vec<_>>()
    };
    second.until("all lines", |it| of(it).len() >= sent.len()).await;
    assert_eq!(of(second), sent);
}

async fn people_hear_what_is_theirs_on_every_node(one: &impl Bus, two: &impl Bus, second: &Memory) {
    let [ann, bob] = ["ann", "bob"].map(|name| UserId::parse(name).unwrap());
    let own = Topic::user(&ann);
    let _attended = two.attend(&own).await.unwrap();
    let many = Topic::users([ann, bob]);
    one.publish(publication(&own, 1));
    second.until_seqs(&own, &[1]).await;
    // Unasked.
    one.publish(publication(&many, 1));
    second.until_seqs(&many, &[1]).await;
    let heard = second.heard.lock();
    let told = heard.iter().find(|it| it.topic == many).unwrap();
    assert_eq!(told.topic.target(), many.target());
}

async fn a_topic_that_is_attended_twice_is_heard_until_both_have_left(
    one: &impl Bus,
    two: &impl Bus,
    second: &Memory,
) {
    let topic = room("twice");
    let (early, late) = tokio::join!(two.attend(&topic), two.attend(&topic));
    drop(early.unwrap());
    one.publish(publication(&topic, 1));
    second.until_seqs(&topic, &[1]).await;
    drop(late.unwrap());
    // Whoever comes back finds it as he left it, whether or not it was given up meanwhile.
    let _again = two.attend(&topic).await.unwrap();
    one.publish(publication(&topic, 2));
    second.until_seqs(&topic, &[1, 2]).await;
}
