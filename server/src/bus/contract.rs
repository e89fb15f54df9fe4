//! What every bus must do, as one suite. Owns no bus.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Bus, Class, Publication, RoomId, ShopId, Subscriber, Topic};

/// Runs the whole suite, each rule on a new bus.
pub(super) fn holds_for<B: Bus>(make: impl Fn() -> B) {
    every_subscriber_gets_every_publication_in_order(&make());
    a_topic_keeps_its_order_while_others_publish(make());
    nobody_gets_what_was_published_before_subscribing(&make());
    publishing_without_subscribers_is_no_error(&make());
}

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<Publication>>);

impl Subscriber for Memory {
    fn on_publication(&self, publication: Publication) {
        self.0.lock().push(publication);
    }
}

impl Memory {
    fn seqs_of(&self, topic: &Topic) -> Vec<u64> {
        let heard = self.0.lock();
        heard.iter().filter(|p| p.topic == *topic).filter_map(|p| p.seq).collect()
    }
}

fn room(name: &str) -> Topic {
    Topic::room(&ShopId::parse("acme").unwrap(), &RoomId::parse(name).unwrap())
}

fn publication(topic: &Topic, seq: u64) -> Publication {
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
    memories.iter().for_each(|memory| assert_eq!(*memory.0.lock(), sent));
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
