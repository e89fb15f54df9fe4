//! Servers whose journal is a real Redis: what befalls it, and two servers on one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::hawker::{Answer, Server, Site, soon};
use crate::redis_server::{RedisServer, SAFE};
use crate::restart::{audit_sale, learn_until, rush, sell};

/// Asks for more stock until it is granted, and says what stood in the way before.
async fn until_granted(server: &Server, units: u32) -> Vec<Value> {
    let granted = async {
        let mut refusals = Vec::new();
        loop {
            let answer = stock(server, units).await;
            if answer.status < 300 {
                return refusals;
            }
            refusals.push(answer.body["error"].clone());
        }
    };
    soon("the stock", granted).await
}

async fn stock(server: &Server, units: u32) -> Answer {
    let body = json!({ "stock": { "units": units } });
    server.http("PUT", "/v1/shops/acme/skus/blue/stock", body).await
}

async fn journal_check(server: &Server) -> (u16, String) {
    let answer = server.admin("/readyz").await;
    (answer.status, answer.body["checks"]["journal"].as_str().unwrap().to_owned())
}

async fn verify(site: &Site) -> Vec<Value> {
    let output = site.run(&["journal", "verify"]).await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What can befall Redis, its connections or the server in the middle of a sale.
const BLOWS: [&str; 7] = ["kill", "pause", "both", "server", "cut", "full", "silence"];

/// How many blows: each once, or what `scripts/chaos redis` asks for.
fn blows() -> impl Iterator<Item = (usize, &'static str)> {
    let asked = std::env::var("REDIS_CYCLES").ok().and_then(|cycles| cycles.parse().ok());
    BLOWS.into_iter().cycle().enumerate().take(asked.unwrap_or(BLOWS.len()))
}

async fn strike(redis: &mut RedisServer, site: &Site, server: Server, blow: &str) -> Server {
    match blow {
        "kill" => {
            redis.kill().await;
            redis.launch().await;
        }
        "pause" | "silence" => {
            redis.pause();
            let is_noticed = async { while journal_check(&server).await.1 == "ok" {} };
            soon("the silence to be noticed", is_noticed).await;
            if blow == "silence" {
                server.kill().await;
                redis.resume();
                return site.start().await;
            }
            redis.resume();
        }
        "both" => {
            redis.kill().await;
            server.kill().await;
            let server = site.start().await;
            redis.launch().await;
            return server;
        }
        "server" => {
            server.kill().await;
            return site.start().await;
        }
        "cut" => drop(redis.ask("CLIENT KILL TYPE normal SKIPME yes").await),
        _ => {
            redis.ask("CONFIG SET maxmemory 1").await;
            assert_eq!(stock(&server, 1).await.status, 503);
            redis.ask("CONFIG SET maxmemory 0").await;
        }
    }
    server
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_whatever_befalls_redis() {
    let mut redis = RedisServer::start(&SAFE).await;
    let site = Site::on_redis(&redis.url());
    let mut server = site.start().await;
    server.furnish().await;
    let (mut struck, mut learned_of) = (BTreeMap::new(), 0);
    for (cycle, blow) in blows() {
        let sale = format!("{blow}-{cycle}");
        let free = json!({ "stock": { "units": 100 } });
        server.set("PUT /v1/shops/acme/skus/red/stock", free).await;
        sell(&server, &sale).await;
        let mut learned = rush(&server, &sale).await;
        let mut known = learn_until(&mut learned, 3).await;
        server = strike(&mut redis, &site, server, blow).await;
        while let Some(more) = soon("the rest", learned.recv()).await {
            known.insert(more.buyer, more.answer);
        }
        until_granted(&server, 5).await;
        audit_sale(&server, &sale, &known).await;
        *struck.entry(blow).or_insert(0) += 1;
        learned_of += known.len();
    }
    let events = server.events().await.len() as u64;
    server.stop().await;
    assert_eq!(verify(&site).await[0]["events"].as_u64(), Some(events));
    println!(
        "blows: {struck:?}; {learned_of} answers known and audited, none lost or doubled; {events} \
         events, every checksum and chain holds"
    );
}

#[tokio::test]
async fn a_server_reads_on_in_the_archive() {
    let redis = RedisServer::start(&SAFE).await;
    let site = Site::on_redis(&redis.url());
    let archive = site.file("archive");
    std::fs::create_dir(&archive).unwrap();
    let config = std::fs::read_to_string(site.config()).unwrap();
    let named = format!("[journal]\nredis.archive_folder = {archive:?}\n");
    std::fs::write(site.config(), config.replace("[journal]\n", &named)).unwrap();
    let mut server = site.start().await;
    server.furnish().await;
    // Each stop saves a snapshot: the second of them lets what was before the first go.
    for _ in 0..2 {
        for units in 1..=80 {
            assert_eq!(stock(&server, units).await.status, 200);
        }
        server.stop().await;
        server = site.start().await;
    }
    let left: usize = redis.ask("XLEN hawker:{acme}:journal").await[1..].parse().unwrap();
    let events = server.events().await;
    assert!(left < 90 && events.len() > 160, "{left} records left of {}", events.len());
    let dumped = site.run(&["journal", "dump", "--shop", "acme"]).await;
    assert!(String::from_utf8(dumped.stdout).unwrap().lines().count() > 160);
    server.stop().await;
    assert_eq!(verify(&site).await[0]["events"].as_u64(), Some(events.len() as u64));
    // One that is gone is no shorter history.
    let file = std::fs::read_dir(archive.join("acme")).unwrap().next().unwrap().unwrap();
    std::fs::remove_file(file.path()).unwrap();
    let refused = site.run(&["journal", "verify"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("nor in the archive"), "{said}");
}

#[tokio::test]
async fn two_servers_on_one_redis_never_both_have_a_shop() {
    let redis = RedisServer::start(&SAFE).await;
    let sites = [Site::on_redis(&redis.url()), Site::on_redis(&redis.url())];
    let (one, two) = (sites[0].start().await, sites[1].start().await);
    one.furnish().await;
    let refused = stock(&two, 7).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    let error = &refused.body["error"];
    assert_eq!(error["code"], "unavailable");
    assert!(error["message"].as_str().unwrap().contains("another server"), "{error}");
    assert_eq!(two.get("/v1/shops/acme/events?after=0").await["events"][0]["type"], "shop_created");

    // One stands still for longer than its lease: two has the shop, and one writes nothing more.
    one.pause();
    until_granted(&two, 7).await;
    one.resume();
    let refused = stock(&one, 8).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(stock(&two, 9).await.status, 200);

    // Two is killed: one has to wait for the lease. Two stops: one has it at once.
    two.kill().await;
    until_granted(&one, 10).await;
    let two = sites[1].start().await;
    assert_eq!(stock(&two, 11).await.status, 503);
    one.stop().await;
    until_granted(&two, 12).await;
    let events = two.events().await;
    let changes = events.iter().filter(|it| it["data"]["sku"] == "blue");
    let units: Vec<_> = changes.filter_map(|it| it["data"]["stock"]["units"].as_u64()).collect();
    assert_eq!(units, [7, 9, 10, 12], "what was granted, once, and nothing else");
    two.stop().await;
    assert_eq!(verify(&sites[0]).await.len(), 1);
}

#[tokio::test]
async fn a_server_starts_without_redis_and_serves_once_it_is_there() {
    let mut redis = RedisServer::start(&SAFE).await;
    redis.kill().await;
    let site = Site::on_redis(&redis.url());
    let server = site.start().await;
    let (status, check) = journal_check(&server).await;
    assert_eq!(status, 200, "it can hold connections");
    assert!(check.contains("Redis does not answer"), "{check}");
    assert_eq!(stock(&server, 1).await.body["error"]["code"], "unavailable");
    redis.launch().await;
    let heals = async { while journal_check(&server).await.1 != "ok" {} };
    soon("the journal", heals).await;
    let shop = json!({ "shop": "acme", "name": "Acme", "currency": "USD" });
    let created =
        async { while server.http("POST", "/v1/shops", shop.clone()).await.status >= 300 {} };
    soon("the shop", created).await;
    server.stop().await;
}

#[tokio::test]
async fn a_full_redis_takes_nothing_and_shows_what_there_is() {
    let redis = RedisServer::start(&SAFE).await;
    let site = Site::on_redis(&redis.url());
    let server = site.start().await;
    server.furnish().await;
    redis.ask("CONFIG SET maxmemory 1").await;
    let refused = stock(&server, 7).await;
    assert_eq!(refused.body["error"]["code"], "unavailable", "{}", refused.body);
    let shown =
        async { while server.http("GET", "/v1/shops/acme", Value::Null).await.status != 200 {} };
    soon("the shop", shown).await;
    redis.ask("CONFIG SET maxmemory 0").await;
    until_granted(&server, 8).await;
    let events = server.events().await;
    let is_refused = |it: &Value| it["data"]["stock"]["units"] == 7;
    assert!(!events.iter().any(is_refused), "what was refused never happened");
    server.stop().await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_opens_no_shop() {
    let mut redis = RedisServer::start(&SAFE).await;
    let site = Site::on_redis(&redis.url());
    let server = site.start().await;
    server.furnish().await;
    redis.kill().await;
    redis.forget();
    redis.launch().await;
    let is_noticed =
        async { while !journal_check(&server).await.1.contains("the store is empty") {} };
    soon("the empty store to be noticed", is_noticed).await;
    let refused = stock(&server, 7).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    server.kill().await;
    let server = site.start().await;
    let refused = stock(&server, 7).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(journal_check(&server).await.1.contains("the store is empty"));
    server.stop().await;
}

#[tokio::test]
async fn a_redis_that_may_lose_writes_is_taken_only_on_purpose() {
    let redis = RedisServer::start(&["--appendonly", "no"]).await;
    let site = Site::on_redis(&redis.url());
    let refused = site.run(&["serve"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        said.contains("set appendonly yes") && said.contains("--accept-unsafe-redis"),
        "{said}"
    );
    let server = site.start_with(&["--accept-unsafe-redis"]).await;
    server.furnish().await;
    server.stop().await;
}

#[tokio::test]
async fn the_journal_in_redis_is_dumped_and_verified_beside_its_server() {
    let redis = RedisServer::start(&SAFE).await;
    let site = Site::on_redis(&redis.url());
    let server = site.start().await;
    server.furnish().await;
    let dumped = site.run(&["journal", "dump", "--shop", "acme", "--after", "1"]).await;
    let dumped = String::from_utf8(dumped.stdout).unwrap();
    let first: Value = serde_json::from_str(dumped.lines().next().unwrap()).unwrap();
    assert_eq!((&first["shop"], &first["version"]), (&json!("acme"), &json!(2)));
    assert_eq!(verify(&site).await[0]["shop"], "acme");
    let copied = site.run(&["journal", "backup", "--to", "copy"]).await;
    let said = String::from_utf8_lossy(&copied.stderr).into_owned();
    assert!(!copied.status.success() && said.contains("copied by Redis"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn a_sale_runs_under_the_access_list_of_the_example() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/redis-acl.conf");
    let redis = RedisServer::start(&[&SAFE[..], &["--aclfile", list]].concat()).await;
    let site = Site::on_redis(&redis.url());
    let user = "kind = \"redis\"\nredis.user = \"hawker\"\n\
                redis.password = \"hawkers-password-of-your-own\"\n";
    let config = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), config.replace("kind = \"redis\"\n", user)).unwrap();
    let server = site.start().await;
    server.furnish().await;
    sell(&server, "s1").await;
    let mut learned = rush(&server, "s1").await;
    let known = learn_until(&mut learned, 3).await;
    audit_sale(&server, "s1", &known).await;
    let feed = |command: &'static str| redis.ask_as("feed", "feeds-password-of-your-own", command);
    assert_eq!(feed("XGROUP CREATE hawker:{acme}:journal g 0").await, "+OK");
    assert_eq!(feed("XREADGROUP GROUP g c STREAMS hawker:{acme}:journal >").await, "*1");
    let refused = feed("DEL hawker:{acme}:journal").await;
    assert!(refused.starts_with("-NOPERM"), "{refused}");
    server.stop().await;
}
