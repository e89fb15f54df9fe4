//! What the hub adds to the write calls of one line to 5,000 viewers, against a loop that makes the
//! same calls and nothing else. The sockets are fakes that take everything, so what is measured is
//! user space; one core, one shard. Reports elements (deliveries) a second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hawker_server::bus::{Class, Publication, RoomId, ShopId, Subscriber, Topic};
use hawker_server::hub::{Frame, Hub, Options, Snapshot, Source, Transport};
use hawker_server::telemetry::Metrics;

const VIEWERS: usize = 5_000;
const LINE_BYTES: usize = 200;

/// Takes whatever is written and counts it.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<AtomicU64>);

impl Transport for Sink {
    fn try_read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn shutdown(&self) {}
}

/// A room about which there is nothing to know.
#[derive(Debug)]
struct Nothing;

impl Source for Nothing {
    fn snapshot(&self, _: &Topic) -> Option<Snapshot> {
        Some(Snapshot { epoch: 1, seq: 0, body: Bytes::new() })
    }

    fn gap(&self, _: &Topic, _: u64, _: u64, _: Option<&Bytes>) -> Bytes {
        unreachable!("the sinks take everything")
    }

    fn tombstone(&self, _: &Topic, _: u64) -> Bytes {
        unreachable!("nothing is deleted")
    }
}

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

fn all(criterion: &mut Criterion) {
    let _metrics = Metrics::start().map_err(|error| panic!("{error}"));
    let mut group = criterion.benchmark_group("fan_out");
    group.throughput(Throughput::Elements(VIEWERS as u64));
    let sinks: Vec<_> = (0..VIEWERS).map(|_| Sink::default()).collect();

    let calls: Vec<Arc<dyn Transport>> =
        sinks.iter().map(|sink| Arc::new(sink.clone()) as Arc<dyn Transport>).collect();
    let line = vec![b'x'; LINE_BYTES];
    let frame = Frame::line(&line);
    group.bench_function("floor: the calls alone", |bencher| {
        bencher.iter(|| calls.iter().filter(|io| io.try_write(frame.bytes()).is_ok()).count());
    });

    let topic = Topic::room(&id::<ShopId>("acme"), &id::<RoomId>("r1"));
    let publication = Publication {
        topic: topic.clone(),
        epoch: 1,
        seq: None,
        class: Class::Critical,
        key: None,
        redacts: None,
        expels: None,
        line: line.into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    let _inside = runtime.enter();
    let options = Options { tick_ms: 0, shards_max: 1, ..Options::default() };
    let hub = Hub::new(options, Arc::new(Nothing));
    let enter = |sink: &Sink| {
        let reader = hub.connect(sink.clone(), &[]);
        let membership = hub.join(&topic, reader.connection()).start();
        (reader, membership)
    };
    let _viewers: Vec<_> = sinks.iter().map(enter).collect();
    // The walk comes to the last one last.
    let last = &sinks[VIEWERS - 1].0;
    let mut seq = 0;
    group.bench_function("hub: one line to everybody", |bencher| {
        bencher.iter(|| {
            seq += 1;
            let before = last.load(Ordering::Relaxed);
            hub.on_publication(Publication { seq: Some(seq), ..publication.clone() });
            runtime.block_on(async {
                while last.load(Ordering::Relaxed) == before {
                    tokio::task::yield_now().await;
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
