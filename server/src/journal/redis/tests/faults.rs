//! Appends through a proxy that breaks connections in every way: whatever is acknowledged is there
//! once, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::proxy::{Proxy, Weather};
use super::super::redis_server::{RedisServer, SAFE};
use super::{Options, Redis, acquire, options};
use crate::journal::contract::{batch, read_all, shop};
use crate::journal::{Error, Journal as _, Lease, Position};

struct House {
    server: RedisServer,
    proxy: Proxy,
    redis: Arc<Redis>,
    _folder: TempDir,
}

impl House {
    async fn build() -> Self {
        let server = RedisServer::start(&SAFE).await;
        let (proxy, folder) = (Proxy::start(server.address()).await, tempfile::tempdir().unwrap());
        let options = Options {
            response_timeout: Duration::from_millis(200),
            connect_timeout: Duration::from_millis(200),
            ..options(&proxy.url(), &folder)
        };
        let redis = Arc::new(Redis::open(options).await.unwrap());
        Self { server, proxy, redis, _folder: folder }
    }

    /// As the engine does it: the identical batch again until there is a verdict. Says how many
    /// attempts were of unknown outcome.
    async fn settle(
        &self,
        lease: &mut Lease,
        expected: Position,
        number: u64,
    ) -> (Position, usize) {
        settle(&self.redis, lease, expected, number).await
    }
}

async fn settle(
    redis: &Redis,
    lease: &mut Lease,
    expected: Position,
    number: u64,
) -> (Position, usize) {
    let mut unknown = 0;
    loop {
        match redis.append(lease, expected, Arc::new(batch(number))).await {
            Ok(committed) => return (committed.position(), unknown),
            Err(Error::Unknown(_)) => unknown += 1,
            Err(Error::Unavailable(_)) => {
                // Once unknown, unknown until a verdict.
                assert_eq!(unknown, 0);
            }
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// One batch before, one through the weather, one after; the weather clears once `until` says so.
async fn pass_through(weather: Weather, clears: impl Fn(&House) -> bool) -> usize {
    let house = House::build().await;
    let mut lease = acquire(&house.redis, &shop("s1")).await;
    let (first, _) = house.settle(&mut lease, Position::default(), 0).await;
    house.proxy.turn(weather);
    let redis = house.redis.clone();
    let through = tokio::spawn(async move {
        let settled = settle(&redis, &mut lease, first, 1).await;
        (lease, settled)
    });
    while !clears(&house) && !through.is_finished() {
        tokio::task::yield_now().await;
    }
    house.proxy.turn(Weather::Fair);
    let (mut lease, (second, unknown)) = through.await.unwrap();
    house.settle(&mut lease, second, 2).await;
    let found: Vec<_> =
        read_all(&*house.redis, &shop("s1")).await.into_iter().map(|it| it.entries).collect();
    assert_eq!(found, (0..3).map(|number| batch(number).entries).collect::<Vec<_>>());
    unknown
}

fn is_down(house: &House) -> bool {
    house.redis.trouble()().is_err()
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_time_only() {
    pass_through(Weather::Cut, is_down).await;
}

#[tokio::test]
async fn a_black_hole_is_noticed_and_left() {
    assert!(pass_through(Weather::BlackHole, is_down).await > 0);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let lost = |house: &House| house.proxy.answers_lost() > 0 && is_down(house);
    assert!(pass_through(Weather::AnswersLost, lost).await > 0);
}

#[tokio::test]
async fn slow_and_sliced_bytes_arrive() {
    assert_eq!(pass_through(Weather::Slow(20), |_| false).await, 0);
    assert_eq!(pass_through(Weather::Sliced, |_| false).await, 0);
}

#[tokio::test]
async fn a_request_that_arrives_once_more_later_changes_nothing() {
    let house = House::build().await;
    let mut lease = acquire(&house.redis, &shop("s1")).await;
    let mut end = Position::default();
    for number in 0..5 {
        (end, _) = house.settle(&mut lease, end, number).await;
    }
    let records = read_all(&*house.redis, &shop("s1")).await;
    assert!(house.proxy.repeat_requests(house.server.address(), "sku").await >= 5);
    assert_eq!(read_all(&*house.redis, &shop("s1")).await, records);
    // Also on another epoch, when they are somebody else's.
    let mut lease = acquire(&house.redis, &shop("s1")).await;
    house.proxy.repeat_requests(house.server.address(), "sku").await;
    house.settle(&mut lease, end, 5).await;
    assert_eq!(read_all(&*house.redis, &shop("s1")).await.len(), 6);
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let house = House::build().await;
    let mut lease = acquire(&house.redis, &shop("s1")).await;
    let (end, _) = house.settle(&mut lease, Position::default(), 0).await;
    assert_eq!(house.server.ask("SCRIPT FLUSH").await, "+OK");
    house.settle(&mut lease, end, 1).await;
}

/// How far one shop has come; 0 while the store is away.
async fn version(house: &House) -> u64 {
    tokio::task::yield_now().await;
    house.redis.position(&shop("s1")).await.map_or(0, |at| at.version)
}

#[tokio::test]
async fn kills_and_pauses_of_the_server_lose_and_double_nothing() {
    let mut house = House::build().await;
    let mut writers = Vec::new();
    for name in ["s1", "s2", "s3"] {
        let (redis, shop) = (house.redis.clone(), shop(name));
        writers.push(tokio::spawn(async move {
            let mut lease = acquire(&redis, &shop).await;
            let mut end = Position::default();
            for number in 0..150 {
                (end, _) = settle(&redis, &mut lease, end, number).await;
            }
        }));
    }
    let all_done = |writers: &[JoinHandle<()>]| writers.iter().all(JoinHandle::is_finished);
    for round in 0..4 {
        let before = version(&house).await;
        while version(&house).await <= before + 10 && !all_done(&writers) {}
        if round % 2 == 0 {
            house.server.kill().await;
            house.server.launch().await;
        } else {
            house.server.pause();
            while !is_down(&house) && !all_done(&writers) {
                tokio::task::yield_now().await;
            }
            house.server.resume();
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for name in ["s1", "s2", "s3"] {
        // The last blow may still be felt.
        while version(&house).await == 0 {}
        let records = read_all(&*house.redis, &shop(name)).await;
        let found: Vec<_> = records.into_iter().map(|record| record.entries).collect();
        let expected: Vec<_> = (0..150).map(|number| batch(number).entries).collect();
        assert_eq!(found, expected);
    }
}
