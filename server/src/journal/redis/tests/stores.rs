//! Stores that are away, locked, empty, older or full: what a shop hears, and that it heals.

use std::path::Path;

use hawker_domain::id::ShopId;

use super::super::redis_server::{RedisServer, SAFE};
use super::{Options, Password, Redis, RedisBench, acquire, open, options};
use crate::journal::contract::{Bench as _, append, batch, fill, read_all, shop};
use crate::journal::{Error, Journal as _, Position};

fn unavailable(outcome: Result<crate::journal::Lease, Error>) -> String {
    match outcome {
        Err(Error::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Asks until the answer says `word`: the journal looks at the store in its own time.
async fn until_refused_with(redis: &Redis, shop: &ShopId, word: &str) {
    while !unavailable(redis.acquire(shop).await).contains(word) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_starts_without_redis_and_heals() {
    let mut server = RedisServer::start(&SAFE).await;
    server.kill().await;
    let folder = tempfile::tempdir().unwrap();
    let redis = open(&server.url(), &folder).await;
    let refused = unavailable(redis.acquire(&shop("s1")).await);
    assert!(refused.contains("does not answer"), "{refused}");
    assert!(redis.trouble()().unwrap_err().contains("does not answer"));
    server.launch().await;
    let mut lease = acquire(&redis, &shop("s1")).await;
    append(&redis, &mut lease, Position::default(), batch(1)).await;
    assert_eq!(redis.trouble()(), Ok(()));
}

#[tokio::test]
async fn a_wrong_password_is_said_and_heals_when_it_is_right() {
    let settings = [&SAFE[..], &["--requirepass", "right"]].concat();
    let server = RedisServer::start(&settings).await;
    let folder = tempfile::tempdir().unwrap();
    let wrong =
        Options { password: Some(Password("wrong".to_owned())), ..options(&server.url(), &folder) };
    let redis = Redis::open(wrong).await.unwrap();
    let refused = unavailable(redis.acquire(&shop("s1")).await);
    assert!(refused.contains("WRONGPASS") || refused.contains("authentication"), "{refused}");
    drop(redis);
    let right =
        Options { password: Some(Password("right".to_owned())), ..options(&server.url(), &folder) };
    let redis = Redis::open(right).await.unwrap();
    acquire(&redis, &shop("s1")).await;
}

#[tokio::test]
async fn an_empty_store_is_no_new_shop() {
    let mut bench = RedisBench::safe().await;
    let redis = bench.redis.take().unwrap();
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    let end = fill(&*redis, &mut lease, Position::default(), 0..3).await;
    bench.server.kill().await;
    bench.server.forget();
    bench.server.launch().await;
    until_refused_with(&redis, &shop("s1"), "the store is empty").await;
    let shop_nobody_saw = unavailable(redis.acquire(&shop("s2")).await);
    assert!(shop_nobody_saw.contains("the store is empty"), "{shop_nobody_saw}");
    let refused = redis.append(&mut lease, end, batch(9).into()).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    drop(redis);
    // Nor after a start, and whoever does not know the store may have it.
    let redis = open(&bench.server.url(), &bench.folder).await;
    until_refused_with(&redis, &shop("s1"), "the store is empty").await;
    let elsewhere = tempfile::tempdir().unwrap();
    let newcomer = open(&bench.server.url(), &elsewhere).await;
    acquire(&newcomer, &shop("s1")).await;
    until_refused_with(&redis, &shop("s1"), "is the installation").await;
}

#[tokio::test]
async fn a_store_that_is_emptied_in_use_takes_nothing_more() {
    let bench = RedisBench::safe().await;
    let redis = bench.journal();
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    let end = fill(&*redis, &mut lease, Position::default(), 0..3).await;
    bench.server.ask("FLUSHALL").await;
    let refused = redis.append(&mut lease, end, batch(9).into()).await.unwrap_err();
    assert!(matches!(refused, Error::Backward { .. }), "{refused}");
    let refused = redis.acquire(&shop("s2")).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

#[tokio::test]
async fn an_older_store_keeps_its_shops_closed_and_a_newer_one_opens_them() {
    let mut bench = RedisBench::safe().await;
    let redis = bench.redis.take().unwrap();
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    let older = fill(&*redis, &mut lease, Position::default(), 0..3).await;
    let (kept, newest) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    bench.server.kill().await;
    copy(bench.server.folder.path(), kept.path());
    bench.server.launch().await;
    let mut lease = acquire(&redis, &shop("s1")).await;
    let end = fill(&*redis, &mut lease, older, 3..5).await;
    bench.server.kill().await;
    copy(bench.server.folder.path(), newest.path());
    bench.server.forget();
    copy(kept.path(), bench.server.folder.path());
    bench.server.launch().await;
    let refused = loop {
        match redis.acquire(&shop("s1")).await.unwrap_err() {
            error if error.is_retryable() => tokio::task::yield_now().await,
            error => break error,
        }
    };
    assert_eq!(refused, Error::Backward { found: older });
    // The other shops of the store are none the worse.
    acquire(&redis, &shop("s2")).await;
    bench.server.kill().await;
    bench.server.forget();
    copy(newest.path(), bench.server.folder.path());
    bench.server.launch().await;
    let mut lease = acquire(&redis, &shop("s1")).await;
    append(&*redis, &mut lease, end, batch(5)).await;
    assert_eq!(read_all(&*redis, &shop("s1")).await.len(), 6);
}

#[tokio::test]
async fn a_full_redis_takes_nothing_and_still_answers() {
    let bench = RedisBench::safe().await;
    let redis = bench.journal();
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    let first = append(&*redis, &mut lease, Position::default(), batch(1)).await;
    bench.server.ask("CONFIG SET maxmemory 1").await;
    let refused = redis.append(&mut lease, first, batch(2).into()).await.unwrap_err();
    let Error::Unavailable(reason) = refused else { panic!("{refused}") };
    assert!(reason.starts_with("OOM"), "{reason}");
    assert!(redis.verify(&lease, first).await.is_ok());
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    assert_eq!(redis.read(&shop("s1"), Position::default(), 9).await.unwrap().len(), 1);
    bench.server.ask("CONFIG SET maxmemory 0").await;
    assert_eq!(append(&*redis, &mut lease, first, batch(2)).await.version, 2);
}

#[tokio::test]
async fn a_stream_that_lost_its_end_is_damage() {
    let bench = RedisBench::safe().await;
    let redis = bench.journal();
    let mut lease = redis.acquire(&shop("s1")).await.unwrap();
    fill(&*redis, &mut lease, Position::default(), 0..3).await;
    assert_eq!(bench.server.ask("XDEL hawker:{s1}:journal 3-0").await, ":1");
    let refused = redis.acquire(&shop("s1")).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { version: 3, .. }), "{refused}");
    let refused = redis.record(&shop("s1"), 3).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { version: 3, .. }), "{refused}");
}
