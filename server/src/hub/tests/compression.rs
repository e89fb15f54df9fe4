//! Compressed messages, both ways: one made for all who agreed on them, and what a client may send.

use tokio_tungstenite::tungstenite::Message;

use super::readers::masked;
use super::*;
use crate::hub::deflate::{deflate, inflate};

impl House {
    fn deflating(&self) -> Guest {
        let (pipe, client) = fake::Pipe::new();
        Guest { reader: self.hub.connect_deflated(pipe, &[]), client }
    }
}

/// The payload of a server's frame with the first byte, and what comes behind it.
fn payload(frame: &[u8], first: u8) -> (&[u8], &[u8]) {
    assert_eq!(frame[0], first);
    let (start, length) = match frame[1] {
        126 => (4, usize::from(u16::from_be_bytes([frame[2], frame[3]]))),
        short => (2, usize::from(short)),
    };
    frame[start..].split_at(length)
}

/// A compressed text as a client sends it.
fn deflated(text: &[u8]) -> Vec<u8> {
    masked(0xc1, &deflate(text).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_rooms_frame_is_compressed_once_for_all_who_agreed_on_it() {
    let house = House::new();
    let (deflating, plain) =
        ([house.deflating(), house.deflating()], house.guest(fake::Pipe::new()));
    let guests = [&deflating[0], &deflating[1], &plain];
    let _in_room = guests.map(|guest| house.hub.join(&topic(), guest.connection()).start());
    let line = "a comment like many others ".repeat(20);
    house.hub.on_publication(house.unnumbered(Class::Critical, &line));
    settle().await;
    let frames = deflating.each_ref().map(|guest| guest.client.unread());
    assert_eq!(frames[0], frames[1]);
    assert!(frames[0].len() * 3 < line.len(), "{}", frames[0].len());
    let (compressed, rest) = payload(&frames[0], 0xc1);
    assert_eq!(inflate(compressed, 10, 1 << 20).as_deref(), Ok(line.as_bytes()));
    assert!(rest.is_empty());
    assert_eq!(payload(&plain.client.unread(), 0x81).0, line.as_bytes());
}

#[test]
fn clones_of_a_frame_share_what_was_compressed() {
    let frame = Frame::line(&[b'x'; 1_000]);
    let clone = frame.clone();
    assert_eq!(clone.form(true).as_ptr(), frame.form(true).as_ptr());
    assert_eq!(frame.form(false), frame.bytes());
}

#[test]
fn short_frames_and_control_frames_stay_plain() {
    for frame in [Frame::line(&[b'x'; 255]), Frame::ping(1), Frame::close(1000, "bye")] {
        assert_eq!(frame.form(true), frame.bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn compressed_plain_and_fragmented_messages_come_out_whole() {
    let mut ann = House::new().deflating();
    let text = "gr\u{fc}\u{df}e ".repeat(200);
    ann.client.raw(&deflated(text.as_bytes()));
    ann.client.raw(&masked(0x81, b"plain"));
    let compressed = deflate(text.as_bytes()).unwrap();
    let (head, tail) = compressed.split_at(compressed.len() / 2);
    ann.client.raw(&masked(0x41, head));
    ann.client.say(Message::Ping("in between".into()));
    ann.client.raw(&masked(0x80, tail));
    ann.client.raw(&masked(0xc1, &[0x00]));
    assert_eq!(ann.next_text().await, text);
    assert_eq!(ann.next_text().await, "plain");
    assert_eq!(ann.reader.next().await, Ok(Inbound::Ping));
    assert_eq!(ann.next_text().await, text);
    assert_eq!(ann.next_text().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_compressed_message_that_drips_in_byte_by_byte_comes_out_whole() {
    let mut ann = House::new().deflating();
    let text = "slowly ".repeat(50);
    for byte in deflated(text.as_bytes()) {
        ann.client.raw(&[byte]);
        tokio::select! {
            biased;
            inbound = ann.reader.next() => {
                assert_eq!(inbound, Ok(Inbound::Text(text.as_str().into())));
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(ann.client.unread().is_empty());
    ann.client.raw(&masked(0x81, b"and on"));
    assert_eq!(ann.next_text().await, "and on");
}

#[tokio::test(start_paused = true)]
async fn what_compression_does_not_allow_closes_with_its_code() {
    let big = "x".repeat((32 << 10) + 1);
    // Its bytes do not repeat, so that it grows to less than ten times its size.
    let dense: String = (0..9_000_u32).map(|n| format!("{:x} ", n * 7_919 % 104_729)).collect();
    let within = deflate(dense.as_bytes()).unwrap();
    assert!(within.len() < (32 << 10) && within.len() * 10 > dense.len());
    let long = |payload: &[u8]| {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[0xc1, 0xfe, length[0], length[1], 0, 0, 0, 0], payload].concat()
    };
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("a bomb", long(&deflate(big.as_bytes()).unwrap()), 1009),
        ("more than a message may have", long(&within), 1009),
        ("not UTF-8", masked(0xc1, &deflate(&[0xff; 300]).unwrap()), 1007),
        ("binary", masked(0xc2, &deflate(&[b'x'; 300]).unwrap()), 1003),
        ("no deflate stream", masked(0xc1, &[0xff; 20]), 1002),
        ("the bit on a continuation", [masked(0x01, b"x"), masked(0xc0, b"y")].concat(), 1002),
        ("the bit on a ping", masked(0xc9, b"x"), 1002),
        ("another reserved bit", masked(0xe1, b"x"), 1002),
        ("a third one", masked(0x91, b"x"), 1002),
    ];
    for (what, bytes, code) in cases {
        let mut ann = House::new().deflating();
        ann.client.raw(&bytes);
        assert_eq!(ann.end().await, ReadEnd::Closed { code }, "{what}");
        assert_eq!(ann.client.lines(), [format!("close {code}")], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_agreement_a_compressed_message_breaks_the_protocol() {
    let mut ann = House::new().guest(fake::Pipe::new());
    ann.client.raw(&deflated(&[b'x'; 300]));
    assert_eq!(ann.end().await, ReadEnd::Closed { code: 1002 });
}
