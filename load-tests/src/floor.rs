//! What the kernel alone takes for a write: the same bytes to as many sockets in a plain loop of
//! `send`, from a process of its own so that no server's descriptors count. Owns both ends of that
//! process; the other ends of the sockets are read by the same crowd as the viewers' are.

use std::io::{BufRead as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpSocket;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Duration, Instant};

use crate::crowd::Crowd;
use crate::crowd::entry::Entrant;
use crate::socket::Address;
use crate::subject;

/// The kernel's send buffer of a socket, as our server's default has it.
const SEND_BUFFER_BYTES: usize = 65_536;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long)]
    sockets: usize,
    #[arg(long)]
    senders: usize,
}

/// What is to be sent.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// One after the other and over again.
    bursts: Vec<Burst>,
    seconds: f64,
}

/// One frame for every socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Burst {
    /// How long after the one before: what caches forget meanwhile costs a sender too.
    after_us: u64,
    /// The whole frame in hexadecimal.
    frame: String,
}

/// What it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bill {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
    pub(crate) cpu_us: f64,
}

impl Bill {
    pub(crate) fn us_per_write(self) -> f64 {
        self.cpu_us / self.writes.max(1) as f64
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            bytes: self.bytes + other.bytes,
            cpu_us: self.cpu_us + other.cpu_us,
        }
    }
}

/// The process that sends, as its parent holds it.
#[derive(Debug)]
pub(crate) struct Floor {
    _child: Child,
    orders: ChildStdin,
    bills: Lines<BufReader<ChildStdout>>,
}

impl Floor {
    /// Starts it, connects `sockets` to it and hands their near ends to the crowd.
    pub(crate) async fn start(
        crowd: &Crowd,
        group: usize,
        sockets: usize,
        senders: usize,
    ) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["floor", "--sockets", &sockets.to_string(), "--senders", &senders.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the floor's process")?;
        let orders = child.stdin.take().context("the floor's input")?;
        let bills = BufReader::new(child.stdout.take().context("the floor's output")?).lines();
        let mut floor = Self { _child: child, orders, bills };
        let peer: SocketAddr = floor.line().await?.parse().context("the floor's address")?;
        let address = Address { peer, host: String::new(), path: String::new() };
        for number in 0..sockets {
            let tcp = TcpSocket::new_v4()?;
            if let Some(source) = subject::source(&address, number) {
                tcp.bind(SocketAddr::new(source, 0))?;
            }
            tcp.set_nodelay(true)?;
            let stream = tcp.connect(peer).await.context("connecting to the floor")?;
            crowd.admit(group, Entrant::of(stream.into_std()?)?)?;
        }
        floor.line().await.context("the floor's readiness")?;
        Ok(floor)
    }

    async fn line(&mut self) -> Result<String> {
        self.bills.next_line().await?.context("the floor's process ended")
    }

    /// Sends the frames in turn, each to every socket and so long after the one before.
    pub(crate) async fn send(
        &mut self,
        frames: &[(Duration, Vec<u8>)],
        span: Duration,
    ) -> Result<Bill> {
        let burst = |(after, frame): &(Duration, Vec<u8>)| {
            Ok(Burst { after_us: after.as_micros().try_into()?, frame: hex(frame) })
        };
        let bursts = frames.iter().map(burst).collect::<Result<_>>()?;
        let order = Order { bursts, seconds: span.as_secs_f64() };
        let mut line = serde_json::to_vec(&order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        Ok(serde_json::from_str(&self.line().await?)?)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(pair).collect::<Option<_>>().context("bytes as hexadecimal")
}

/// The process that sends. Ends when its parent hangs up.
pub(crate) fn serve(options: &Options) -> Result<()> {
    crate::machine::allow_sockets(options.sockets)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let senders = options.senders.max(1);
    let mut sockets: Vec<Vec<TcpStream>> = (0..senders).map(|_| Vec::new()).collect();
    for number in 0..options.sockets {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES)?;
        sockets[number % senders].push(stream);
    }
    let sockets: Vec<Arc<Vec<TcpStream>>> = sockets.into_iter().map(Arc::new).collect();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let bill = carry_out(&sockets, order)?;
        serde_json::to_writer(&mut out, &bill)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn carry_out(sockets: &[Arc<Vec<TcpStream>>], order: Order) -> Result<Bill> {
    let burst = |burst: &Burst| Ok((Duration::from_micros(burst.after_us), unhex(&burst.frame)?));
    let bursts = order.bursts.iter().map(burst).collect::<Result<Vec<_>>>()?;
    let order = Arc::new((bursts, Duration::from_secs_f64(order.seconds)));
    let threads = sockets.iter().map(|sockets| {
        let (sockets, order) = (Arc::clone(sockets), Arc::clone(&order));
        std::thread::spawn(move || send(&sockets, &order.0, order.1))
    });
    // All are started before the first is waited for.
    let threads = threads.collect::<Vec<_>>();
    threads.into_iter().try_fold(Bill::default(), |sum, thread| {
        let bill = thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?;
        Ok(sum.plus(bill?))
    })
}

/// The loop that is measured: nothing stands between two calls of `send`.
fn send(sockets: &[TcpStream], bursts: &[(Duration, Vec<u8>)], span: Duration) -> Result<Bill> {
    let (start, cpu) = (Instant::now(), thread_cpu());
    let mut due = start;
    let mut bill = Bill::default();
    for (after, frame) in bursts.iter().cycle() {
        due += *after;
        if due >= start + span || start.elapsed() >= span {
            break;
        }
        while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
        {
            std::thread::park_timeout(wait);
        }
        for mut socket in sockets {
            socket.write_all(frame).context("sending")?;
        }
        bill.writes += sockets.len() as u64;
        bill.bytes += (sockets.len() * frame.len()) as u64;
    }
    bill.cpu_us = (thread_cpu() - cpu).as_secs_f64() * 1e6;
    Ok(bill)
}

/// Processor time of this thread, to the nanosecond.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn bytes_survive_the_way_to_the_process() {
        assert_eq!(unhex(&hex(&[0, 129, 255])).unwrap(), [0, 129, 255]);
        assert!(unhex("0").is_err() && unhex("zz").is_err());
    }

    #[test]
    fn each_burst_writes_one_whole_frame_to_every_socket_and_the_bill_counts_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near: Vec<TcpStream> =
            (0..3).map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap()).collect();
        let far = near.iter().map(|_| listener.accept().unwrap().0).collect();
        let burst = |frame: &str| Burst { after_us: 10_000, frame: frame.to_owned() };
        let order = Order { bursts: vec![burst("8102aaaa"), burst("8101bb")], seconds: 0.04 };
        let bill = carry_out(&[Arc::new(far)], order).unwrap();
        let bursts = bill.writes / 3;
        assert!(
            (1..=4).contains(&bursts) && bill.writes.is_multiple_of(3) && bill.cpu_us > 0.0,
            "{bill:?}"
        );
        let mut first = [0; 4];
        near.iter_mut().for_each(|near| near.read_exact(&mut first).unwrap());
        assert_eq!(first, [0x81, 2, 0xaa, 0xaa]);
    }
}
