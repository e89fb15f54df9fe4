//! The bus over a real Redis: between nodes, and what befalls the connections.

use super::*;
use crate::bus::contract::{self, Memory, publication, room};
use crate::journal::redis::testing::{Proxy, RedisServer, SAFE, Weather, client};

/// A bus that notices quickly that nothing answers.
fn bus(url: &str) -> Redis {
    let quick = Options {
        answer_timeout: Duration::from_millis(500),
        ping_every: Duration::from_millis(200),
        top_every: Duration::from_millis(200),
        linger: Duration::from_millis(100),
        ..Options::default()
    };
    Redis::start(client(url), quick, Box::new(|| true))
}

async fn attend(bus: &Redis, topic: &Topic) -> Attendance {
    loop {
        if let Ok(attendance) = bus.attend(topic).await {
            return attendance;
        }
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_bus() {
    let redis = RedisServer::start(&SAFE).await;
    contract::holds_for(|| bus(&redis.url()));
    contract::holds_between(&bus(&redis.url()), &bus(&redis.url())).await;
}

#[tokio::test]
async fn the_last_number_is_repeated_so_that_a_lost_last_message_is_noticed() {
    let redis = RedisServer::start(&SAFE).await;
    let (one, two, memory) = (bus(&redis.url()), bus(&redis.url()), Arc::new(Memory::default()));
    two.subscribe(memory.clone());
    let topic = room("r1");
    // Nobody hears the line itself.
    one.publish(publication(&topic, 41));
    one.publish(publication(&topic, 42));
    let _attended = attend(&two, &topic).await;
    memory.until("the top", |it| it.tops_of(&topic).contains(&(1, 42))).await;
    // A new owner has the last word.
    let reign = Publication { epoch: 2, ..publication(&topic, 1) };
    let _attended = (attend(&one, &topic).await, attend(&two, &topic).await);
    two.publish(reign);
    let heard = Arc::new(Memory::default());
    one.subscribe(heard.clone());
    heard.until("the new top", |it| it.tops_of(&topic).contains(&(2, 1))).await;
    let known = memory.tops_of(&topic).len();
    heard.until("more of it", |it| it.tops_of(&topic).len() > 4).await;
    assert!(memory.tops_of(&topic).len() <= known + 1, "the old owner repeats nothing");
}

#[tokio::test]
async fn a_topic_has_one_message_a_tick_and_what_is_critical_waits_for_none() {
    let redis = RedisServer::start(&SAFE).await;
    let slow = Options { tick: Duration::from_secs(3_600), ..Options::default() };
    let one = Redis::start(client(&redis.url()), slow, Box::new(|| true));
    let (two, memory) = (bus(&redis.url()), Arc::new(Memory::default()));
    two.subscribe(memory.clone());
    let topic = room("r1");
    let _attended = attend(&two, &topic).await;
    one.publish(publication(&topic, 1));
    memory.until_seqs(&topic, &[1]).await;
    assert_eq!(memory.messages(), 1, "the first after quiet");
    (2..=300).for_each(|seq| one.publish(publication(&topic, seq)));
    let last = Publication { class: crate::bus::Class::Critical, ..publication(&topic, 301) };
    one.publish(last);
    memory.until_seqs(&topic, &(1..=301).collect::<Vec<_>>()).await;
    assert_eq!(memory.messages(), 2, "all that waited");
}

#[tokio::test]
async fn a_node_without_others_tells_redis_nothing() {
    let redis = RedisServer::start(&SAFE).await;
    let alone = Redis::start(client(&redis.url()), Options::default(), Box::new(|| false));
    let (other, memory) = (bus(&redis.url()), Arc::new(Memory::default()));
    other.subscribe(memory.clone());
    let topic = room("r1");
    let _attended = attend(&other, &topic).await;
    alone.publish(publication(&topic, 1));
    let loud = bus(&redis.url());
    loud.publish(Publication { epoch: 9, ..publication(&topic, 7) });
    memory.until_seqs(&topic, &[7]).await;
}

#[tokio::test]
async fn an_interruption_is_told_and_everything_is_heard_again() {
    let redis = RedisServer::start(&SAFE).await;
    let (one, two, memory) = (bus(&redis.url()), bus(&redis.url()), Arc::new(Memory::default()));
    two.subscribe(memory.clone());
    let topics: Vec<_> = (0..2_000).map(|number| room(&format!("r{number}"))).collect();
    let mut attended = Vec::new();
    for topic in &topics {
        attended.push(attend(&two, topic).await);
    }
    redis.ask("CLIENT KILL TYPE pubsub").await;
    memory.until("the interruption", |it| it.interruptions() == 1).await;
    for topic in [&topics[0], &topics[1_999]] {
        let _again = attend(&two, topic).await;
        one.publish(publication(topic, 1));
        memory.until_seqs(topic, &[1]).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_off_without_a_word_is_noticed() {
    let redis = RedisServer::start(&SAFE).await;
    let proxy = Proxy::start(redis.address()).await;
    let (one, two, memory) = (bus(&redis.url()), bus(&proxy.url()), Arc::new(Memory::default()));
    two.subscribe(memory.clone());
    let topic = room("r1");
    let _attended = attend(&two, &topic).await;
    proxy.turn(Weather::BlackHole);
    // Publishing waits for nobody.
    (1..=10_000).for_each(|seq| two.publish(publication(&room("mine"), seq)));
    // Deaf, and it says so, for longer than an answer may take.
    for _ in 0..3 {
        assert!(two.attend(&room("other")).await.is_err());
    }
    proxy.turn(Weather::Fair);
    memory.until("the interruption", |it| it.interruptions() > 0).await;
    let _again = attend(&two, &topic).await;
    one.publish(publication(&topic, 1));
    memory.until_seqs(&topic, &[1]).await;
}
