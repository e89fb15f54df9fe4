//! The same over a real TCP socket: what the fakes cannot show about the kernel.

use std::net::{TcpListener as Listener, TcpStream as ClientStream};

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

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
    let (mut reader, mut client) = connected(&house.hub);
    reader.set_limits(Limits { outbox_bytes_max: 64 << 20, ..house.hub.options().buyer });
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
