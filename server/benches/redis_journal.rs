//! What the journal in Redis costs: batches of 1, 16 and 256 events of one shop, one append in
//! flight, beside two things that keep less: the same events as plain `XADD`s in one pipeline, and
//! one script a claim that counts the stock down, pipelined as well. A `redis-server` of its own,
//! synced before each answer. Reports elements (events) a second, and then ratios: the three in
//! turns, so that what else the machine does falls on all of them alike.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hawker_domain::command::Stock;
use hawker_domain::event::{CommandRef, Entry, Event};
use hawker_domain::id::{CommandId, ShopId, SkuId, UserId};
use hawker_domain::time::Millis;
use hawker_server::journal::redis::{Options, Redis};
use hawker_server::journal::{Batch, Journal, Lease, Position};
use redis::aio::MultiplexedConnection;
use redis::{Client, Pipeline, Script, cmd, pipe};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const BATCHES: [u64; 3] = [1, 16, 256];
const TURNS: usize = 101;

/// A stock that counts down and a stream of who got it: the usual flash sale on Redis.
const CLAIM: &str = "if redis.call('DECR', KEYS[1]) < 0 then return 0 end \
     redis.call('XADD', KEYS[2], '*', 'buyer', ARGV[1], 'event', ARGV[2]) return 1";

struct Server {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let port = listener.local_addr().expect("the port").port();
        drop(listener);
        let binary = std::env::var_os("HAWKER_REDIS_SERVER");
        let process = Command::new(binary.unwrap_or_else(|| "redis-server".into()))
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: scripts/test installs it");
        Self { process, folder, url: format!("redis://127.0.0.1:{port}") }
    }

    async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(self.url.as_str()).expect("the address");
        loop {
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                return connection;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The folder goes with it, and nobody reads what it still had to say.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn entry(number: u64) -> Entry {
    let by = CommandRef {
        user: UserId::checked(format!("buyer-{}", number % 10_000)),
        command: CommandId::checked(format!("command-{number}")),
        payload_hash: number,
    };
    let sku = SkuId::checked("lipstick-red");
    let events = vec![Event::StockSet { sku, stock: Stock::Units(number) }];
    Entry { at: Millis(1_700_000_000_000), by: Some(by), events }
}

/// One shop's writer.
struct Writer {
    redis: Redis,
    lease: Lease,
    end: Position,
    number: u64,
}

impl Writer {
    async fn new(server: &Server, name: &str) -> Self {
        let folder = server.folder.path().join(name);
        let redis = Redis::open(Options::new(server.url.as_str(), folder)).await.expect("Redis");
        let shop = ShopId::checked(name.to_owned());
        let lease = redis.acquire(&shop).await.expect("the shop");
        Self { redis, lease, end: Position::default(), number: 0 }
    }

    async fn append(&mut self, events: u64) {
        let entries = (0..events).map(|event| entry(self.number + event)).collect();
        self.number += events;
        let batch = Batch { entries, documents: Vec::new(), next_due: None };
        let appended = self.redis.append(&mut self.lease, self.end, Arc::new(batch)).await;
        self.end = appended.expect("a verdict").position();
    }
}

fn journal(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = Server::start();
    let mut plain = runtime.block_on(server.connect());
    let script = Script::new(CLAIM);
    runtime.block_on(async {
        let () = cmd("SET").arg("stock").arg(u32::MAX).query_async(&mut plain).await.expect("SET");
        script.load_async(&mut plain).await.expect("the script")
    });
    let text = serde_json::to_string(&entry(7)).expect("an entry");
    let mut group = criterion.benchmark_group("redis_journal");
    group.sample_size(20);
    for events in BATCHES {
        group.throughput(Throughput::Elements(events));
        let mut writer = runtime.block_on(Writer::new(&server, &format!("shop-{events}")));
        group.bench_function(format!("journal/{events}"), |bencher| {
            bencher.iter(|| runtime.block_on(writer.append(events)));
        });
        let pipeline = xadds(events, &text);
        group.bench_function(format!("pipelined_xadd/{events}"), |bencher| {
            bencher.iter(|| {
                let sent = pipeline.exec_async(&mut plain);
                runtime.block_on(sent).expect("XADD");
            });
        });
        let claims = claims(events, &text, &script);
        group.bench_function(format!("script_per_claim/{events}"), |bencher| {
            bencher.iter(|| {
                let sent = claims.exec_async(&mut plain);
                runtime.block_on(sent).expect("the claims");
            });
        });
    }
    group.finish();
    for events in BATCHES {
        let mut writer = runtime.block_on(Writer::new(&server, &format!("turns-{events}")));
        let others = [xadds(events, &text), claims(events, &text, &script)];
        let us = runtime.block_on(in_turns(&mut writer, events, &others, &mut plain));
        println!(
            "{events} events, medians of {TURNS} turns: journal {:.0} us, pipelined_xadd {:.2} \
             times that, script_per_claim {:.2} times",
            us[0],
            us[1] / us[0],
            us[2] / us[0],
        );
    }
}

fn xadds(events: u64, text: &str) -> Pipeline {
    let mut pipeline = pipe();
    for _ in 0..events {
        pipeline.cmd("XADD").arg("plain").arg("*").arg("event").arg(text).ignore();
    }
    pipeline
}

fn claims(events: u64, text: &str, script: &Script) -> Pipeline {
    let mut pipeline = pipe();
    for _ in 0..events {
        pipeline.cmd("EVALSHA").arg(script.get_hash()).arg(2).arg("stock").arg("claims");
        pipeline.arg("buyer").arg(text).ignore();
    }
    pipeline
}

/// The medians, in microseconds, of the journal and of the others.
async fn in_turns(
    writer: &mut Writer,
    events: u64,
    others: &[Pipeline; 2],
    plain: &mut MultiplexedConnection,
) -> [f64; 3] {
    let mut took: [Vec<f64>; 3] = Default::default();
    for _ in 0..TURNS {
        let began = Instant::now();
        writer.append(events).await;
        took[0].push(began.elapsed().as_secs_f64() * 1e6);
        for (other, took) in others.iter().zip(&mut took[1..]) {
            let began = Instant::now();
            other.exec_async(plain).await.expect("the answers");
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    took.map(|mut took| {
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    })
}

criterion_group!(benches, journal);
criterion_main!(benches);
