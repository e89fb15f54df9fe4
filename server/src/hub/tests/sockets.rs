//! The same over a real TCP socket: what the fakes cannot show about the kernel.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener as Listener, TcpStream as ClientStream};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use super::slow_readers::{in_order, reply_often};
use super::*;

/// Both ends of a loopback connection, past the handshake.
fn connected(hub: &Hub) -> (Reader, WebSocket<ClientStream>) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let client = ClientStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    server.set_nonblocking(true).unwrap();
    let server = TcpStream::from_std(server).unwrap();
    tune(&server, hub.options()).unwrap();
    (hub.connect(server, &[]), WebSocket::from_raw_socket(client, Role::Client, None))
}

#[tokio::test]
async fn messages_go_both_ways_over_a_real_socket() {
    let house = House::new();
    let (mut reader, mut client) = connected(&house.hub);
    let client = tokio::task::spawn_blocking(move || {
        for nth in 0..50 {
            client.send(Message::text("x".repeat(nth * 600))).unwrap();
            assert_eq!(client.read().unwrap().len(), nth * 600);
        }
        client
    });
    for nth in 0..50 {
        let Ok(Inbound::Text(text)) = reader.next().await else { panic!("no message {nth}") };
        reader.connection().send(&Frame::line(text.as_bytes()));
    }
    drop(client.await.unwrap());
    assert_eq!(reader.next().await, Err(ReadEnd::Lost));
}

#[tokio::test]
async fn what_the_kernel_does_not_take_at_once_arrives_whole_and_in_order() {
    let house = House::new();
    let (reader, mut client) = connected(&house.hub);
    reader.connection().set_outbox_bytes_max(64 << 20);
    let line = |nth: usize| format!("{nth:0width$}", width = 20_000 + nth);
    let sent: Vec<_> =
        (0..500).map(|nth| reader.connection().send(&Frame::line(line(nth).as_bytes()))).collect();
    assert!(sent.contains(&Sent::Queued) && !sent.contains(&Sent::Full));
    let client = tokio::task::spawn_blocking(move || {
        for nth in 0..500 {
            assert_eq!(client.read().unwrap(), Message::text(line(nth)));
        }
    });
    client.await.unwrap();
    assert_eq!(reader.connection().stats().queued_bytes, 0);
}

#[tokio::test]
async fn closing_a_real_socket_shakes_hands_both_ways() {
    let house = House::new();
    let (mut reader, mut client) = connected(&house.hub);
    let theirs = tokio::task::spawn_blocking(move || {
        let close = client.read().unwrap();
        let end = client.read().unwrap_err();
        (close, end)
    });
    assert_eq!(reader.close(4501, "invalid token").await, ReadEnd::Closed { code: 4501 });
    let (close, end) = theirs.await.unwrap();
    let Message::Close(Some(close)) = close else { panic!("no close: {close:?}") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4501, "invalid token"));
    assert!(matches!(end, Error::ConnectionClosed));
}

#[tokio::test]
async fn a_real_socket_that_is_cut_wakes_whoever_waits_for_it() {
    let house = House::with(Options { close_timeout_ms: 0, ..Options::default() });
    let (mut reader, _silent) = connected(&house.hub);
    let huge = vec![b'x'; 32 << 20];
    assert_eq!(reader.connection().send(&Frame::line(&huge)), Sent::Queued);
    assert_eq!(reader.close(1012, "restart").await, ReadEnd::Closed { code: 1012 });
    let connection = Arc::downgrade(reader.connection());
    drop(reader);
    // The drain holds the connection until it, too, has been woken.
    while connection.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

/// A client who takes a byte at a time out of the smallest buffer there is.
struct Sip(ClientStream);

impl Sip {
    fn connect(to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&to.into()).unwrap();
        Self(socket.into())
    }
}

impl Read for Sip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

impl Write for Sip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_who_sips_hears_every_reply_and_room_frame_whole() {
    // More than fits into what the kernel has left, so that it takes a part.
    const LONG: usize = 6_000;
    let mut house = House::with(Options { tick_ms: 0, send_buffer_bytes: 1, ..Options::default() });
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let client = Sip::connect(listener.local_addr().unwrap());
    let server = listener.accept().unwrap().0;
    server.set_nonblocking(true).unwrap();
    let server = TcpStream::from_std(server).unwrap();
    tune(&server, house.hub.options()).unwrap();
    let reader = house.hub.connect(server, &[]);
    reader.connection().set_outbox_bytes_max(4 << 20);
    let _in_room = house.hub.join(&topic(), reader.connection()).start();
    poll_fn(|cx| reader.connection().transport().poll_write_ready(cx)).await.unwrap();
    let first = "f".repeat(64 << 10);
    assert_eq!(reader.connection().send(&Frame::line(first.as_bytes())), Sent::Queued);
    assert!(reader.connection().stats().written_bytes > 0, "the kernel took nothing of it");
    let listens = tokio::task::spawn_blocking(move || {
        let config = WebSocketConfig::default().read_buffer_size(64);
        let mut client = WebSocket::from_raw_socket(client, Role::Client, Some(config));
        let mut lines = Vec::new();
        while lines.len() < 1 + 8 * 100 + 100 {
            let Message::Text(text) = client.read().unwrap() else { panic!("no text") };
            lines.extend(text.split('\n').map(str::to_owned));
        }
        lines
    });
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let connection = Arc::clone(reader.connection());
            tokio::spawn(async move { reply_often(&connection, writer, LONG).await })
        })
        .collect();
    for _ in 0..100 {
        house.publish(Class::Critical);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut lines = listens.await.unwrap();
    assert_eq!(lines.remove(0), first);
    in_order(&lines, LONG);
    let stats = reader.connection().stats();
    assert_eq!((stats.queued_bytes, stats.behind), (0, false));
}
