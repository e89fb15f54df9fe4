//! A server that says back what it hears, on the socket code of the real one: what conformance
//! suites talk to (`scripts/autobahn`). Owns a handshake without routes, origins and tokens; not
//! for use on a network.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use hawker_server::edge::extension;
use hawker_server::hub::{
    Frame, Hub, Inbound, Limits, Options, Reader, Snapshot, Source, Topic, accept_key, tune,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEAD_BYTES_MAX: usize = 16 << 10;

/// The suite sends up to 16 MiB in one message.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// There are no rooms here.
#[derive(Debug)]
struct Nothing;

impl Source for Nothing {
    fn snapshot(&self, _topic: &Topic) -> Option<Snapshot> {
        None
    }

    fn gap(&self, _topic: &Topic, _from: u64, _to: u64, _snapshot: Option<&Bytes>) -> Bytes {
        Bytes::new()
    }

    fn tombstone(&self, _topic: &Topic, _seq: u64) -> Bytes {
        Bytes::new()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let defaults = Options::default();
    let buyer = Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        outbox_bytes_max: 2 * MESSAGE_BYTES_MAX,
        ..defaults.buyer
    };
    // Its test data repeats itself.
    let options = Options { buyer, inflate_growth_max: 1_000, ..defaults };
    let hub = Hub::new(options, Arc::new(Nothing));
    loop {
        let (stream, _) = listener.accept().await?;
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            match shake_hands(&hub, stream).await {
                Ok(reader) => echo(reader).await,
                Err(error) => eprintln!("a handshake failed: {error}"),
            }
        });
    }
}

async fn echo(mut reader: Reader) {
    while let Ok(inbound) = reader.next().await {
        if let Inbound::Text(text) = inbound {
            reader.connection().send(&Frame::line(text.as_bytes()));
        }
    }
}

async fn shake_hands(hub: &Hub, mut stream: TcpStream) -> io::Result<Reader> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let is_over = head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0;
        if is_over {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let headers = headers(&head[..end]);
    let key = headers.get("sec-websocket-key").ok_or(io::ErrorKind::InvalidData)?;
    let deflates = extension::accepts_deflate(&headers);
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\n",
        accept_key(key.as_bytes())
    )
    .into_bytes();
    if deflates {
        answer.extend_from_slice(b"sec-websocket-extensions: ");
        answer.extend_from_slice(extension::ANSWER.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"\r\n");
    stream.write_all(&answer).await?;
    tune(&stream, hub.options())?;
    Ok(match deflates {
        true => hub.connect_deflated(stream, &head[end..]),
        false => hub.connect(stream, &head[end..]),
    })
}

fn headers(head: &[u8]) -> HeaderMap {
    let text = String::from_utf8_lossy(head);
    let pairs = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    let parsed = pairs.filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?))
    });
    parsed.collect()
}
