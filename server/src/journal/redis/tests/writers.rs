//! Two servers on one Redis: one of them has a shop.

use std::time::Duration;

use tempfile::TempDir;

use super::super::redis_server::{RedisServer, SAFE};
use super::{Options, Redis, acquire, options};
use crate::journal::contract::{append, batch, fill, read_all, shop};
use crate::journal::{Error, Journal as _, Lease, Position};

const LEASE: Duration = Duration::from_millis(400);

struct House {
    server: RedisServer,
    one: Redis,
    two: Redis,
    _folders: [TempDir; 2],
}

impl House {
    async fn build(lease: Duration) -> Self {
        let server = RedisServer::start(&SAFE).await;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let open = |folder| Redis::open(Options { lease, ..options(&server.url(), folder) });
        let (one, two) = (open(&folders[0]).await.unwrap(), open(&folders[1]).await.unwrap());
        Self { server, one, two, _folders: folders }
    }
}

#[tokio::test]
async fn who_asks_second_hears_who_has_the_shop() {
    let house = House::build(Duration::from_secs(10)).await;
    let mut lease = house.one.acquire(&shop("s1")).await.unwrap();
    let Err(Error::Held { by, left_ms }) = house.two.acquire(&shop("s1")).await else {
        panic!("two servers have one shop");
    };
    assert_eq!(by, house.one.node.name());
    assert!((1..=10_000).contains(&left_ms), "{left_ms}");
    let end = append(&house.one, &mut lease, Position::default(), batch(1)).await;
    // Reading is for everybody.
    assert_eq!(house.two.position(&shop("s1")).await.unwrap(), end);
    house.one.release(lease).await;
    let mut lease = house.two.acquire(&shop("s1")).await.unwrap();
    append(&house.two, &mut lease, end, batch(2)).await;
    assert!(matches!(house.one.acquire(&shop("s1")).await, Err(Error::Held { .. })));
}

#[tokio::test]
async fn a_writer_that_falls_silent_loses_the_shop_and_writes_nothing_more() {
    let house = House::build(LEASE).await;
    let mut old = house.one.acquire(&shop("s1")).await.unwrap();
    let end = fill(&house.one, &mut old, Position::default(), 0..3).await;
    let mut new = acquire(&house.two, &shop("s1")).await;
    assert!(new.epoch() > old.epoch());
    let fenced = house.one.append(&mut old, end, batch(7).into()).await.unwrap_err();
    assert_eq!(fenced, Error::LeaseLost { epoch: new.epoch() });
    assert_eq!(house.one.verify(&old, end).await.unwrap_err(), fenced);
    // Nor does he give away what is not his any more.
    house.one.release(old).await;
    let end = append(&house.two, &mut new, end, batch(8)).await;
    assert!(matches!(house.one.acquire(&shop("s1")).await, Err(Error::Held { .. })));
    assert_eq!(house.one.position(&shop("s1")).await.unwrap(), end);
    assert_eq!(read_all(&house.one, &shop("s1")).await.len(), 4);
}

#[tokio::test]
async fn a_writer_that_goes_on_keeps_the_shop() {
    let house = House::build(LEASE).await;
    let mut lease = house.one.acquire(&shop("s1")).await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut end = Position::default();
    for number in 0.. {
        // By questions for one length of the lease, by batches for another.
        if begun.elapsed() < LEASE * 2 {
            house.one.verify(&lease, end).await.unwrap();
        } else {
            end = append(&house.one, &mut lease, end, batch(number)).await;
        }
        let held = house.two.acquire(&shop("s1")).await;
        assert!(matches!(held, Err(Error::Held { .. })), "{held:?}");
        if begun.elapsed() > LEASE * 4 {
            break;
        }
    }
    let until = |lease: &Lease| lease.answers_until().unwrap();
    assert!(until(&lease) > begun + LEASE * 3);
    assert!(lease.renew_at().unwrap() < until(&lease));
    assert!(until(&lease) < tokio::time::Instant::now() + LEASE);
    drop(house.server);
}
