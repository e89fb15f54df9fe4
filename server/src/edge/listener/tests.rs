//! The accept loop against clients that misbehave.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::routing::get;
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::edge::fault::render_for_tests;
use crate::edge::seat;

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

fn options() -> Options {
    Options {
        address: "127.0.0.1:0".parse().unwrap(),
        backlog: 128,
        send_buffer_bytes: 65_536,
        unsent_bytes_max: 16_384,
        unacknowledged_ms: 20_000,
        head_ms: 10_000,
        head_bytes_max: 16_384,
        accepts_per_s: 10_000,
        accept_wait_ms: 2_000,
        drain_ms: 5_000,
        proxy: proxy::Options::none(),
        render: render_for_tests,
    }
}

fn seats(total_max: usize, strangers_max: usize, per_address_max: usize) -> Seats {
    Seats::new(seat::Options { total_max, strangers_max, per_address_max })
}

fn router() -> Router {
    let who = async |request: axum::extract::Request| {
        let peer = request.extensions().get::<Peer>().unwrap();
        assert!(request.extensions().get::<Arc<Seat>>().is_some());
        format!("hello {}", peer.client)
    };
    Router::new().route("/", get(who)).route("/hang", get(std::future::pending::<()>))
}

/// One connection without a network, under a paused clock.
fn connected(options: Options) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(64 * 1_024);
    let shared = Shared {
        http: http(&options),
        options,
        seats: seats(10, 10, 10),
        router: router(),
        refusals: Arc::new(Semaphore::new(1)),
        shutdown: CancellationToken::new(),
        kill: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let seat = Arc::new(shared.seats.take().unwrap());
    let peer = Peer::of("198.51.100.1:4711".parse().unwrap());
    let served = tokio::spawn(async move {
        serve_http(&shared, TokioIo::new(server), peer, seat).await;
    });
    (client, served)
}

/// Lets seconds pass, and the server do before and after what is due.
async fn pass(seconds: u64) {
    for span in [Duration::ZERO, Duration::from_secs(seconds)] {
        tokio::time::advance(span).await;
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }
}

async fn read_all<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_arrives_is_cut_after_ten_seconds() {
    let started = Instant::now();
    let (mut client, served) = connected(options());
    served.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 10);
    assert_eq!(read_all(&mut client).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_cut_after_ten_seconds_all_the_same() {
    let started = Instant::now();
    let (mut client, served) = connected(options());
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let trickle = async {
        loop {
            pass(1).await;
            if client.write_all(b"x-more: 1\r\n").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        ended = served => ended.unwrap(),
        () = trickle => {}
    }
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_ten_seconds_after_its_last_answer() {
    let (mut client, served) = connected(options());
    let started = Instant::now();
    for _ in 0..3 {
        pass(9).await;
        client.write_all(HELLO).await.unwrap();
        let mut answer = vec![0; 1_024];
        let length = client.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    }
    served.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 37);
}

#[tokio::test(start_paused = true)]
async fn a_head_over_sixteen_kilobytes_is_answered_431() {
    for (bytes, status) in [(15_000, "200 OK"), (16_384, "431 Request Header Fields Too Large")] {
        let (mut client, served) = connected(options());
        let filler = "x".repeat(bytes);
        let request =
            format!("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\nx-f: {filler}\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = read_all(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        served.await.unwrap();
    }
}

#[test]
fn connections_start_evenly_and_one_that_would_wait_too_long_is_told_how_long() {
    let now = Instant::now() + Duration::from_secs(60);
    let slow = Options { accepts_per_s: 10, accept_wait_ms: 300, ..options() };
    let mut pace = Pace::new(&slow, now);
    let waits: Vec<u128> = (0..4)
        .map(|_| pace.reserve(now).unwrap().saturating_duration_since(now).as_millis())
        .collect();
    assert_eq!(waits, [0, 100, 200, 300]);
    assert_eq!(pace.reserve(now), Err(Duration::from_millis(400)));
    let later = now + Duration::from_millis(150);
    let start = pace.reserve(later).unwrap();
    assert_eq!(start, now + Duration::from_millis(400), "who was refused took nobody's turn");
    let much_later = now + Duration::from_secs(60);
    let burst = (0..9).filter(|_| pace.reserve(much_later) <= Ok(much_later)).count();
    assert_eq!(burst, 2, "an idle minute is not saved up");
}

struct Running {
    address: SocketAddr,
    seats: Seats,
    shutdown: CancellationToken,
    served: JoinHandle<Drained>,
}

fn run(options: Options, seats: Seats) -> Running {
    let listener = Listener::bind(options, seats.clone()).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(listener.serve(router(), shutdown.clone()));
    Running { address, seats, shutdown, served }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        read_all(&mut stream).await
    }

    async fn total_becomes(&self, total: usize) {
        while self.seats.total() != total {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_request_is_served_with_its_peer() {
    let server = run(options(), seats(10, 10, 10));
    let answer = server.ask(LAST).await;
    assert!(answer.ends_with("hello 127.0.0.1"), "{answer}");
    server.total_becomes(0).await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_503_and_when_to_come_back() {
    for seats in [seats(2, 10, 10), seats(10, 2, 10), seats(10, 10, 2)] {
        let server = run(options(), seats);
        let held = [server.connect().await, server.connect().await];
        server.total_becomes(2).await;
        let answer = server.ask(HELLO).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 2\r\n"), "{answer}");
        assert!(answer.ends_with("\"}}"), "a whole JSON body: {answer}");
        drop(held);
        server.total_becomes(0).await;
        assert!(server.ask(LAST).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_wave_beyond_the_pace_is_told_503_at_once() {
    let slow = Options { accepts_per_s: 1, accept_wait_ms: 0, ..options() };
    let server = run(slow, seats(100, 100, 100));
    assert!(server.ask(LAST).await.starts_with("HTTP/1.1 200 "));
    let answer = server.ask(HELLO).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
}

fn proxy_v2(client: [u8; 4]) -> Vec<u8> {
    let mut head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    head.extend(client);
    head.extend([127, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90]);
    head
}

fn behind_proxy() -> Options {
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    let proxy = proxy::Options { forwarding: Forwarding::ProxyV2, trusted, hops: 1 };
    Options { proxy, ..options() }
}

#[tokio::test]
async fn behind_the_proxy_protocol_clients_are_counted_and_not_the_proxy() {
    let server = run(behind_proxy(), seats(10, 10, 1));
    let mut held = server.connect().await;
    held.write_all(&proxy_v2([198, 51, 100, 1])).await.unwrap();
    held.write_all(HELLO).await.unwrap();
    let mut first = [0; 12];
    held.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let same = server.ask(&[&proxy_v2([198, 51, 100, 1]), LAST].concat()).await;
    assert!(same.starts_with("HTTP/1.1 503 "), "{same}");
    let other = server.ask(&[&proxy_v2([198, 51, 100, 2]), LAST].concat()).await;
    assert!(other.ends_with("hello 198.51.100.2"), "{other}");
}

#[tokio::test]
async fn behind_the_proxy_protocol_a_connection_without_it_is_closed() {
    let server = run(behind_proxy(), seats(10, 10, 10));
    assert_eq!(server.ask(LAST).await, "");
    server.total_becomes(0).await;
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_what_is_idle() {
    let server = run(options(), seats(10, 10, 10));
    let mut idle = server.connect().await;
    idle.write_all(HELLO).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    server.shutdown.cancel();
    assert_eq!(server.served.await.unwrap(), Drained { cut: 0 });
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody new gets in");
}

#[tokio::test]
async fn a_stop_cuts_what_is_still_busy_at_the_deadline() {
    let server = run(Options { drain_ms: 20, ..options() }, seats(10, 10, 10));
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hang HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    server.total_becomes(1).await;
    // The handler must have the request, or the connection would count as idle.
    let mut other = server.connect().await;
    other.write_all(LAST).await.unwrap();
    read_all(&mut other).await;
    server.shutdown.cancel();
    assert_eq!(server.served.await.unwrap(), Drained { cut: 1 });
    assert_eq!(server.seats.total(), 0);
}

#[tokio::test]
async fn an_upgraded_connection_is_the_plain_socket_and_keeps_its_seat() {
    let upgraded = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&upgraded);
    let switch = async move |mut request: axum::extract::Request| {
        let seat = Arc::clone(request.extensions().get::<Arc<Seat>>().unwrap());
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let parts = upgrade.await.unwrap().downcast::<TokioIo<TcpStream>>().unwrap();
            seen.store(true, Ordering::SeqCst);
            let mut stream = parts.io.into_inner();
            stream.write_all(&parts.read_buf).await.unwrap();
            let _ = stream.read(&mut [0]).await;
            drop(seat);
        });
        let headers = [("connection", "upgrade"), ("upgrade", "echo")];
        (http::StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    let listener = Listener::bind(options(), seats(10, 10, 10)).unwrap();
    let (address, counted) = (listener.local_addr().unwrap(), listener.seats.clone());
    let router = Router::new().route("/", get(switch));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(listener.serve(router, shutdown.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly";
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"early") {
        assert!(client.read_buf(&mut answer).await.unwrap() > 0, "{answer:?}");
    }
    assert!(upgraded.load(Ordering::SeqCst));
    shutdown.cancel();
    assert_eq!(served.await.unwrap(), Drained { cut: 0 }, "an upgraded socket is its handler's");
    assert_eq!(counted.total(), 1);
    drop(client);
    while counted.total() > 0 {
        tokio::task::yield_now().await;
    }
}
