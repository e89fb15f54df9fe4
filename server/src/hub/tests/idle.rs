//! What a connection keeps while nobody says anything: sizes that may shrink and must not grow,
//! and what may not be there at all. ARCHITECTURE.md has the whole account.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::readers::masked;
use super::*;

#[test]
fn a_waiting_connection_is_small() {
    let sizes = [
        ("Reader", size_of::<Reader>(), 88),
        ("Connection<TcpStream>", size_of::<Connection<TcpStream>>(), 224),
        ("Registration", size_of::<Registration>(), 24),
        ("Membership", size_of::<Membership>(), 32),
    ];
    for (what, bytes, bytes_max) in sizes {
        assert!(bytes <= bytes_max, "{what} has {bytes} bytes, and had {bytes_max}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_protocol_is_kept_between_messages() {
    let mut ann = House::new().guest(fake::Pipe::new());
    assert!(!ann.reader.holds_machine());
    ann.client.text("hello");
    ann.client.say(Message::Ping("now".into()));
    assert_eq!(ann.next_text().await, "hello");
    assert!(ann.reader.holds_machine());
    assert_eq!(ann.reader.next().await, Ok(Inbound::Ping));
    assert!(!ann.reader.holds_machine());
}

#[tokio::test(start_paused = true)]
async fn two_clients_in_the_middle_of_a_message_do_not_get_into_each_others_way() {
    let house = House::new();
    let mut guests = [(); 2].map(|()| house.guest(fake::Pipe::new()));
    // Each stops within a header, and then between the two frames of the message.
    let (left, right) = (masked(0x01, b"left "), masked(0x80, b"right"));
    for part in [&left[..3], &left[3..], &right[..3]] {
        for guest in &mut guests {
            guest.client.raw(part);
            settle_reader(&mut guest.reader).await;
        }
    }
    for guest in &mut guests {
        guest.client.raw(&right[3..]);
    }
    for guest in &mut guests {
        assert_eq!(guest.next_text().await, "left right");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_client_broke_does_not_reach_the_next() {
    let house = House::new();
    for broken in [masked(0x83, b"x"), masked(0x82, b"x"), masked(0x81, &[0xff])] {
        let mut bob = house.guest(fake::Pipe::new());
        // A second beginning inside a message leaves the machine with the first.
        bob.client.raw(&masked(0x01, b"never ended"));
        bob.client.raw(&masked(0x81, b"another"));
        assert_eq!(bob.end().await, ReadEnd::Closed { code: 1002 });
        let mut carl = house.guest(fake::Pipe::new());
        carl.client.raw(&broken);
        carl.end().await;
        let mut ann = house.guest(fake::Pipe::new());
        ann.client.text("hello");
        assert_eq!(ann.next_text().await, "hello");
    }
}

/// Reads what is there, which is nothing whole.
async fn settle_reader(reader: &mut Reader) {
    tokio::select! {
        biased;
        inbound = reader.next() => panic!("{inbound:?}"),
        () = tokio::task::yield_now() => {}
    }
}
