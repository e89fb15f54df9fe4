//! The accept loop. Owns sockets until a handler takes one over: how many, how fast they start,
//! how long a head may take, and how they end; knows no route and no token.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::fault::{Fault, Render};
use super::proxy::{self, Forwarding, V2_HEAD_BYTES, V2Head};
use super::seat::{Full, Seat, Seats};

#[derive(Debug, Clone)]
pub struct Options {
    pub address: SocketAddr,
    pub backlog: u32,
    pub send_buffer_bytes: usize,
    pub unsent_bytes_max: u32,
    pub unacknowledged_ms: u32,
    pub head_ms: u64,
    pub head_bytes_max: usize,
    /// New connections started a second, by all cores together.
    pub accepts_per_s: u32,
    pub accept_wait_ms: u64,
    /// How long requests in flight may take once the server is asked to stop.
    pub drain_ms: u64,
    pub proxy: proxy::Options,
    pub render: Render,
}

/// The other end of a connection, in the extensions of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The socket's other end, which may be a proxy.
    pub address: SocketAddr,
    /// Who is behind it as far as the connection itself says (PROXY protocol).
    pub client: IpAddr,
}

impl Peer {
    pub fn of(address: SocketAddr) -> Self {
        Self { address, client: address.ip().to_canonical() }
    }
}

/// How the listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the deadline.
    pub cut: usize,
}

/// A bound socket. Connections wait in its backlog until [`Listener::serve`].
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    options: Options,
    seats: Seats,
}

/// Out of file descriptors, `accept` fails at once and for ever: give others time to close.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long a refused client may take to read why.
const REFUSAL: Duration = Duration::from_secs(1);

/// Refusals told at a time; beyond, connections are just closed.
const REFUSALS_MAX: usize = 256;

/// An idle listener starts this much at once: a page opens several connections.
const START_SLACK: Duration = Duration::from_millis(100);

impl Listener {
    pub fn bind(options: Options, seats: Seats) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(options.address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit it; set later, the kernel may already have grown the buffer.
        socket.set_send_buffer_size(options.send_buffer_bytes)?;
        socket.set_nonblocking(true)?;
        socket.bind(&options.address.into())?;
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let socket = TcpListener::from_std(socket.into())?;
        Ok(Self { socket, options, seats })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves `router` until `shutdown`, then drains. Each request carries its [`Peer`] and the
    /// `Arc<Seat>` of its connection; who upgrades a connection keeps the seat.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) -> Drained {
        let drain = Duration::from_millis(self.options.drain_ms);
        let shared = Arc::new(Shared {
            http: http(&self.options),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            seats: self.seats,
            options: self.options,
            router,
            shutdown,
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        accept(&shared, self.socket).await;
        shared.tasks.close();
        let mut cut = 0;
        if timeout(drain, shared.tasks.wait()).await.is_err() {
            cut = shared.tasks.len();
            shared.kill.cancel();
            shared.tasks.wait().await;
        }
        Drained { cut }
    }
}

struct Shared {
    options: Options,
    http: http1::Builder,
    seats: Seats,
    router: Router,
    refusals: Arc<Semaphore>,
    shutdown: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
}

fn http(options: &Options) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(options.head_ms))
        .max_buf_size(options.head_bytes_max);
    http
}

/// Returns when `shutdown` is asked for; the socket closes with it.
async fn accept(shared: &Arc<Shared>, socket: TcpListener) {
    let mut pace = Pace::new(&shared.options, Instant::now());
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                on_connection(shared, stream, Peer::of(peer), &mut pace);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                metrics::counter!("hawker_accept_errors_total").increment(1);
                if !failing {
                    tracing::error!(%error, "no connection can be accepted: trying on");
                }
                failing = true;
                let _ = timeout(ACCEPT_RETRY, shared.shutdown.cancelled()).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let kind = error.kind();
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn on_connection(shared: &Arc<Shared>, stream: TcpStream, peer: Peer, pace: &mut Pace) {
    let admitted = admit(shared, peer, pace);
    match admitted {
        Ok((seat, start)) => {
            tune(&stream, &shared.options);
            let work = connection(Arc::clone(shared), stream, peer, Arc::new(seat), start);
            shared.tasks.spawn(work);
        }
        Err(fault) => refuse(shared, stream, fault),
    }
}

fn admit(shared: &Shared, peer: Peer, pace: &mut Pace) -> Result<(Seat, Instant), Fault> {
    let seat = shared.seats.take().map_err(full)?;
    if !shared.options.proxy.trusts(peer.client) {
        seat.bind_address(peer.client).map_err(full)?;
    }
    let start = pace.reserve(Instant::now()).map_err(|wait| {
        metrics::counter!("hawker_connections_refused_total", "reason" => "pace").increment(1);
        Fault::Overloaded { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) }
    })?;
    Ok((seat, start))
}

fn full(full: Full) -> Fault {
    metrics::counter!("hawker_connections_refused_total", "reason" => full.label()).increment(1);
    match full {
        Full::Total | Full::Strangers => Fault::Overloaded { retry_after_ms: 2_000 },
        Full::Address => Fault::TooManyConnections { retry_after_ms: 2_000 },
    }
}

/// A socket that cannot be tuned is already dead; reading from it will say so.
fn tune(stream: &TcpStream, options: &Options) {
    let socket = SockRef::from(stream);
    let unacknowledged = Duration::from_millis(u64::from(options.unacknowledged_ms));
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(unacknowledged)))
        .and_then(|()| socket.set_tcp_notsent_lowat(options.unsent_bytes_max));
    if let Err(error) = tuned {
        tracing::debug!(%error, "a new connection could not be tuned");
    }
}

/// The moments at which connections start: evenly, so that a wave of them leaves the processor
/// to those who are in. They are accepted at once all the same: an overflowing backlog costs
/// clients seconds.
struct Pace {
    every: Duration,
    wait_max: Duration,
    next: Instant,
}

impl Pace {
    fn new(options: &Options, now: Instant) -> Self {
        let every = Duration::from_secs(1) / options.accepts_per_s.max(1);
        Self { every, wait_max: Duration::from_millis(options.accept_wait_ms), next: now }
    }

    /// When to start, or how long the wait would have been.
    fn reserve(&mut self, now: Instant) -> Result<Instant, Duration> {
        let earliest = now.checked_sub(START_SLACK).unwrap_or(now);
        let start = self.next.max(earliest);
        let wait = start.saturating_duration_since(now);
        if wait > self.wait_max {
            return Err(wait);
        }
        self.next = start + self.every;
        Ok(start)
    }
}

/// Tells a client why it is not served, for as long as that takes no resources.
fn refuse(shared: &Shared, mut stream: TcpStream, fault: Fault) {
    let Ok(permit) = Arc::clone(&shared.refusals).try_acquire_owned() else {
        return;
    };
    let response = fault.raw_response(shared.options.render);
    shared.tasks.spawn(async move {
        let tell = async {
            stream.write_all(&response).await?;
            stream.shutdown().await?;
            // Closing on unread bytes resets the connection and takes the answer with it.
            let mut unread = [0; 1_024];
            while stream.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        let told = timeout(REFUSAL, tell).await;
        tracing::debug!(?told, ?fault, "a connection was refused");
        drop(permit);
    });
}

async fn connection(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    mut peer: Peer,
    seat: Arc<Seat>,
    start: Instant,
) {
    tokio::select! {
        () = sleep_until(start) => {}
        () = shared.shutdown.cancelled() => return,
    }
    let proxy = &shared.options.proxy;
    if proxy.forwarding == Forwarding::ProxyV2 && proxy.trusts(peer.client) {
        let within = Duration::from_millis(shared.options.head_ms);
        match timeout(within, read_proxy_head(&mut stream, peer.client)).await {
            Ok(Ok(client)) => peer.client = client,
            Ok(Err(error)) => return tracing::debug!(%error, "a proxy named no client"),
            Err(_) => return,
        }
        if let Err(full_address) = seat.bind_address(peer.client) {
            return refuse(&shared, stream, full(full_address));
        }
    }
    serve_http(&shared, TokioIo::new(stream), peer, seat).await;
}

async fn read_proxy_head(stream: &mut TcpStream, peer: IpAddr) -> io::Result<IpAddr> {
    let mut head = [0; V2_HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let head = V2Head::parse(&head).map_err(io::Error::other)?;
    let mut body = vec![0; head.body_bytes];
    stream.read_exact(&mut body).await?;
    head.client(&body, peer).map_err(io::Error::other)
}

/// Until the client or we have had enough, or a handler has taken the connection over.
async fn serve_http<I>(shared: &Shared, io: I, peer: Peer, seat: Arc<Seat>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let router = shared.router.clone();
    let service = hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&seat));
        router.clone().call(request.map(Body::new))
    });
    let connection = shared.http.serve_connection(io, service).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = shared.kill.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests;
