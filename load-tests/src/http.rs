//! A small HTTP/1.1 client for the set-up and the audit. Owns connections that are kept and used
//! again; speaks to one server, in plain text, and follows nothing.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;

/// `http://host:port/path` or `ws://…`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) address: SocketAddr,
    /// As the Host header says it.
    pub(crate) host: String,
    pub(crate) path: String,
}

impl Url {
    pub(crate) fn parse(text: &str, scheme: &str) -> Result<Self> {
        let start = format!("{scheme}://");
        let rest = text
            .strip_prefix(&start)
            .with_context(|| format!("{text} should begin with {start} (TLS ends in a proxy)"))?;
        let slash = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(slash);
        let with_port = if host.ends_with(|c: char| c.is_ascii_digit()) && host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut found =
            with_port.to_socket_addrs().with_context(|| format!("looking up {host}"))?;
        let address = found.next().with_context(|| format!("{host} has no address"))?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { address, host: host.to_owned(), path: path.to_owned() })
    }
}

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body of a yes; a no becomes an error that quotes it.
    pub(crate) fn success(self) -> Result<Vec<u8>> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        bail!("HTTP {}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    /// The command id, where the request changes state.
    pub(crate) key: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Ask<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, token: None, key: None, body: b"" }
    }

    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        Self { method: "POST", path, token: None, key: None, body }
    }
}

/// A server, with the idle connections to it.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    host: String,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, host: &str) -> Self {
        Self { address, host: host.to_owned(), idle: Mutex::default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Ask::get(path)).await
    }

    /// Sends over an idle connection if there is one. A server may have closed it meanwhile, so a
    /// failure there is tried once more on a fresh one: whatever changes state has its key.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Result<Answer> {
        let request = self.encode(ask);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = idle
            && let Ok(answer) = connection.exchange(&request).await
        {
            self.keep(connection);
            return Ok(answer);
        }
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.exchange(&request).await;
        let answer = answer.with_context(|| format!("{} {}", ask.method, ask.path))?;
        self.keep(connection);
        Ok(answer)
    }

    fn encode(&self, ask: Ask<'_>) -> Vec<u8> {
        let Ask { method, path, token, key, body } = ask;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        if let Some(token) = token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        if let Some(key) = key {
            head += &format!("Idempotency-Key: {key}\r\n");
        }
        if method != "GET" {
            let length = body.len();
            head += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        head += "\r\n";
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        request
    }

    fn keep(&self, connection: Connection) {
        if connection.reusable {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
    reusable: bool,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: Vec::new(), reusable: true })
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.bytes.len() > HEAD_BYTES_MAX {
                bail!("an endless head");
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.bytes[..end]).to_ascii_lowercase();
        self.bytes.drain(..end);
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.with_context(|| format!("no status in {head:?}"))?;
        let header = |name: &str| {
            let start = format!("\r\n{name}:");
            let from = head.find(&start)? + start.len();
            head[from..].lines().next().map(str::trim)
        };
        if header("connection") == Some("close") {
            self.reusable = false;
        }
        let body = match header("content-length") {
            Some(length) => self.take(length.parse()?).await?,
            None if header("transfer-encoding") == Some("chunked") => self.chunks().await?,
            None => Vec::new(),
        };
        Ok(Answer { status, body })
    }

    async fn more(&mut self) -> Result<()> {
        self.bytes.reserve(16 * 1024);
        if self.stream.read_buf(&mut self.bytes).await? == 0 {
            bail!("the connection ended");
        }
        Ok(())
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.bytes.len() < length {
            self.more().await?;
        }
        let rest = self.bytes.split_off(length);
        Ok(std::mem::replace(&mut self.bytes, rest))
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = self.bytes.windows(2).position(|two| two == b"\r\n") {
                    break at + 2;
                }
                self.more().await?;
            };
            let line = self.take(end).await?;
            let text = String::from_utf8_lossy(&line);
            let size = text.trim().split(';').next().unwrap_or_default().to_owned();
            let size = usize::from_str_radix(&size, 16).context("the size of a chunk")?;
            let chunk = self.take(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn urls_are_taken_apart_and_other_schemes_refused() {
        let url = Url::parse("ws://127.0.0.1:8080/v1/ws", "ws").unwrap();
        assert_eq!((url.address.port(), url.path.as_str()), (8080, "/v1/ws"));
        assert_eq!(Url::parse("http://127.0.0.1", "http").unwrap().path, "/");
        assert!(Url::parse("wss://127.0.0.1/", "ws").is_err());
    }

    /// A server that answers each connection's requests with the given bytes, then hangs up.
    async fn canned(answers: Vec<Vec<&'static [u8]>>) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for connection in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in connection {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await.unwrap();
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        Client::new(address, "127.0.0.1")
    }

    #[tokio::test]
    async fn a_connection_is_used_again_and_replaced_when_the_server_closed_it() {
        let one: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
        let two: &[u8] =
            b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n";
        let three: &[u8] = b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\nno";
        let client = canned(vec![vec![one, two], vec![three]]).await;
        assert_eq!(client.get("/").await.unwrap().success().unwrap(), b"one");
        let second = client.get("/").await.unwrap();
        assert_eq!((second.status, &second.body[..]), (201, &b"two"[..]));
        let third = client.get("/").await.unwrap();
        assert!(third.success().unwrap_err().to_string().contains("409: no"));
    }
}
