//! One buyer's WebSocket. Owns its bytes in both directions; knows requests only as lines. Both
//! ways can be dropped half-way without losing a byte, so they may stand in a `select!`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use hawker_protocol::reply::Welcome;
use hawker_protocol::request::Hello;
use hawker_protocol::text::List;
use hawker_protocol::{Request, RequestId, codec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::frame::{self, Opcode};
use crate::line::{self, Line};

/// A proxy that answered from its cache would be noticed; a load test talks to no such proxy.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A snapshot of a full room fits; past that the buffer is given back once it is empty.
const KEPT_BYTES_MAX: usize = 32 * 1024;

/// The server closed the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server closed the connection: {code} {reason}")]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// Where a socket goes.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) peer: SocketAddr,
    pub(crate) host: String,
    pub(crate) path: String,
}

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    inbox: Vec<u8>,
    read: usize,
    outbox: Vec<u8>,
    last_id: u32,
    scratch: Vec<u8>,
}

impl Socket {
    /// Connects from `source` where one is given, says hello, and returns what the server said.
    pub(crate) async fn open(
        address: &Address,
        source: Option<IpAddr>,
        token: &str,
    ) -> Result<(Self, Welcome)> {
        let mut socket = Self::upgrade(address, source, token).await?;
        let hello = Hello { token: None, resume: List::default() };
        let welcome = socket.ask(&hello.into()).await?;
        Ok((socket, line::ok(&welcome)?))
    }

    /// A socket to a server that wants no token.
    pub(crate) async fn plain(address: &Address) -> Result<Self> {
        let (stream, inbox) = handshake(address, NearEnd::default(), "").await?.into_parts();
        Ok(Self::of(stream, inbox))
    }

    fn of(stream: TcpStream, inbox: Vec<u8>) -> Self {
        Self { stream, inbox, read: 0, outbox: Vec::new(), last_id: 0, scratch: Vec::new() }
    }

    /// Connects as somebody, and says nothing yet.
    pub(crate) async fn upgrade(
        address: &Address,
        source: Option<IpAddr>,
        token: &str,
    ) -> Result<Self> {
        let headers = hawker_headers(token);
        let near = NearEnd { source, receive_bytes: None };
        let (stream, inbox) = handshake(address, near, &headers).await?.into_parts();
        Ok(Self::of(stream, inbox))
    }

    /// Queues a request as a frame of its own and returns its id.
    pub(crate) fn queue(&mut self, request: &Request) -> u32 {
        self.last_id += 1;
        if let Some(id) = RequestId::new(self.last_id) {
            self.scratch.clear();
            codec::encode_request(id, request, &mut self.scratch);
            frame::append(Opcode::Text, &self.scratch, &mut self.outbox);
        }
        self.last_id
    }

    /// Queues lines that were encoded elsewhere as one frame. Their ids are the caller's.
    pub(crate) fn queue_lines(&mut self, lines: &[u8]) {
        frame::append(Opcode::Text, lines, &mut self.outbox);
    }

    /// Writes what is queued.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.stream.try_write(&self.outbox) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) if count == self.outbox.len() => self.outbox.clear(),
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until more bytes have come. Pongs that became due leave on the way.
    pub(crate) async fn fill(&mut self) -> Result<()> {
        self.flush().await?;
        loop {
            self.stream.readable().await?;
            self.inbox.reserve(4096);
            match self.stream.try_read_buf(&mut self.inbox) {
                Ok(0) => bail!(Closed { code: 1006, reason: "the connection ended".into() }),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts the next whole text frame into `text`; `false` when there is none yet.
    pub(crate) fn next(&mut self, text: &mut String) -> Result<bool> {
        loop {
            let unread = &self.inbox[self.read..];
            let Some(found) = frame::first(unread).map_err(|bad| anyhow::anyhow!(bad.0))? else {
                self.compact();
                return Ok(false);
            };
            let payload = &unread[found.payload.clone()];
            let end = self.read + found.payload.end;
            match found.opcode {
                Opcode::Text if found.deflated => bail!("a compressed frame that nobody offered"),
                Opcode::Text => {
                    text.clear();
                    text.push_str(std::str::from_utf8(payload).context("a text frame")?);
                    self.read = end;
                    return Ok(true);
                }
                Opcode::Ping => frame::append(Opcode::Pong, payload, &mut self.outbox),
                Opcode::Pong => {}
                Opcode::Close => {
                    let (code, reason) = frame::close(payload);
                    bail!(Closed { code, reason });
                }
            }
            self.read = end;
        }
    }

    fn compact(&mut self) {
        if self.read == self.inbox.len() {
            self.inbox.clear();
            self.inbox.shrink_to(KEPT_BYTES_MAX);
        } else if self.read > 0 {
            self.inbox.drain(..self.read);
        }
        self.read = 0;
    }

    /// Sends one request and waits for its reply, letting pushes pass by unread. For the steps
    /// before and after a measurement.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<String> {
        let id = self.queue(request);
        let mut text = String::new();
        loop {
            while self.next(&mut text)? {
                if let Some(reply) = reply_in(&text, id, request.type_name())? {
                    return Ok(reply);
                }
            }
            self.fill().await?;
        }
    }

    /// Says goodbye; whoever hung up before needs none.
    pub(crate) async fn close(mut self) {
        frame::append(Opcode::Close, &1000_u16.to_be_bytes(), &mut self.outbox);
        let _ = self.flush().await;
    }
}

/// The yes to the request of that id, if the frame has it; a no is an error.
fn reply_in(frame: &str, id: u32, name: &str) -> Result<Option<String>> {
    for line in frame.lines() {
        match line::read(line)? {
            Line::Yes { re, line } if re == id => return Ok(Some(line.to_owned())),
            Line::No { re, code, line } if re == Some(id) || re.is_none() => {
                bail!("{name} was refused as {code}: {line}")
            }
            Line::Yes { .. } | Line::No { .. } | Line::Push { .. } => {}
        }
    }
    Ok(None)
}

/// What the upgrade of one of our own sockets says beyond the handshake.
pub(crate) fn hawker_headers(token: &str) -> String {
    format!("Sec-WebSocket-Protocol: hawker.v1\r\nAuthorization: Bearer {token}\r\n")
}

/// A connection that speaks WebSocket from here on.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) stream: TcpStream,
    /// The answer's headers.
    pub(crate) head: String,
    /// What came behind the answer belongs to the conversation.
    pub(crate) inbox: Vec<u8>,
}

impl Upgraded {
    fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.inbox)
    }
}

/// The near end of a connection, where it is not left to the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NearEnd {
    pub(crate) source: Option<IpAddr>,
    /// The size of the receive buffer. Made smaller later, it would drop what is on its way.
    pub(crate) receive_bytes: Option<u32>,
}

/// Connects and upgrades. `headers` are whole lines.
pub(crate) async fn handshake(address: &Address, near: NearEnd, headers: &str) -> Result<Upgraded> {
    let tcp = match address.peer {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = near.source {
        tcp.bind(SocketAddr::new(source, 0))?;
    }
    if let Some(bytes) = near.receive_bytes {
        tcp.set_recv_buffer_size(bytes)?;
    }
    tcp.set_nodelay(true)?;
    let mut stream = tcp.connect(address.peer).await.context("connecting")?;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n",
        address.path, address.host
    );
    stream.write_all(head.as_bytes()).await?;
    let (head, inbox) = switched(&mut stream).await?;
    Ok(Upgraded { stream, head, inbox })
}

/// Reads the answer to the upgrade: its head, and what came behind it.
async fn switched(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let count = stream.read_buf(&mut bytes).await.context("reading the upgrade's answer")?;
        if count == 0 || bytes.len() > HEAD_BYTES_MAX {
            bail!("no answer to the upgrade: {:?}", String::from_utf8_lossy(&bytes));
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    if !head.starts_with("HTTP/1.1 101") || !head.contains(ACCEPT) {
        let _ = stream.read_buf(&mut bytes).await;
        bail!("the upgrade was refused: {}", String::from_utf8_lossy(&bytes));
    }
    let inbox = bytes.split_off(end);
    Ok((head, inbox))
}
