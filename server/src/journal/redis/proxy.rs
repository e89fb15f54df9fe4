//! A proxy between the journal and Redis that breaks what it carries: one fault at a time, on
//! purpose. Knows bytes, not commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to everything that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Every connection ends, and new ones end at once.
    Cut,
    /// Connections stay open and carry nothing, in either direction.
    BlackHole,
    /// Requests arrive, and their answers do not; the connection ends instead.
    AnswersLost,
    /// Each piece waits this many milliseconds, in both directions.
    Slow(u64),
    /// One byte a write.
    Sliced,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    carried: Arc<Carried>,
}

/// What went to Redis, to be sent once more later.
#[derive(Debug, Default)]
struct Carried {
    requests: parking_lot::Mutex<Vec<Vec<u8>>>,
    answers_lost: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, seen) = watch::channel(Weather::Fair);
        let carried = Arc::new(Carried::default());
        let keep = carried.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, seen.clone(), keep.clone()));
            }
        });
        Self { address, weather, carried }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    pub(crate) fn answers_lost(&self) -> usize {
        self.carried.answers_lost.load(Ordering::SeqCst)
    }

    /// Sends every request that holds `mark` once more, each on a connection of its own, and
    /// returns when all are answered. Says how many there were.
    pub(crate) async fn repeat_requests(&self, server: SocketAddr, mark: &str) -> usize {
        let holds =
            |request: &Vec<u8>| request.windows(mark.len()).any(|window| window == mark.as_bytes());
        let requests: Vec<_> =
            self.carried.requests.lock().iter().filter(|request| holds(request)).cloned().collect();
        for request in &requests {
            let mut stream = TcpStream::connect(server).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut answer = [0; 64];
            assert!(stream.read(&mut answer).await.unwrap() > 0);
        }
        requests.len()
    }
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    carried: Arc<Carried>,
) {
    if *weather.borrow() == Weather::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let keep = carried.clone();
    let requests = pump(from_client, to_server, weather.clone(), move |bytes: &[u8], _| {
        keep.requests.lock().push(bytes.to_vec());
        true
    });
    let answers = pump(from_server, to_client, weather, move |_: &[u8], weather| {
        let is_lost = weather == Weather::AnswersLost;
        carried.answers_lost.fetch_add(usize::from(is_lost), Ordering::SeqCst);
        !is_lost
    });
    // Either end takes the other with it.
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}

/// Carries bytes one way until the weather, an end or `passes` stops it.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    passes: impl Fn(&[u8], Weather) -> bool,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = weather.wait_for(|weather| *weather == Weather::Cut) => return,
        };
        // What arrived in a black hole waits there until the weather changes.
        if weather.wait_for(|weather| *weather != Weather::BlackHole).await.is_err() {
            return;
        }
        let now = *weather.borrow();
        if read == 0 || now == Weather::Cut || !passes(&buffer[..read], now) {
            return;
        }
        if !deliver(&mut to, &buffer[..read], now).await {
            return;
        }
    }
}

async fn deliver(to: &mut OwnedWriteHalf, bytes: &[u8], weather: Weather) -> bool {
    match weather {
        Weather::Sliced => {
            for byte in bytes {
                if to.write_all(std::slice::from_ref(byte)).await.is_err() {
                    return false;
                }
            }
            true
        }
        Weather::Slow(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            to.write_all(bytes).await.is_ok()
        }
        _ => to.write_all(bytes).await.is_ok(),
    }
}
