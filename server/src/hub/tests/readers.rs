//! What the hub makes of a client's bytes, good and bad.

use tokio_tungstenite::tungstenite::Message;

use super::*;

fn guest() -> Guest {
    House::new().guest(fake::Pipe::new())
}

impl Guest {
    pub(super) async fn next_text(&mut self) -> String {
        match self.reader.next().await {
            Ok(Inbound::Text(text)) => text.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// Reads to the end, which a broken rule brings after the close timeout.
    pub(super) async fn end(&mut self) -> ReadEnd {
        loop {
            if let Err(end) = self.reader.next().await {
                return end;
            }
        }
    }
}

/// One client frame with a mask of zeros.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend(payload);
    bytes
}

#[tokio::test(start_paused = true)]
async fn masked_and_fragmented_messages_come_out_whole() {
    let mut ann = guest();
    ann.client.text("hello");
    ann.client.raw(&masked(0x01, "gr\u{fc}\u{df}".as_bytes()[..3].as_ref()));
    ann.client.say(Message::Ping("in between".into()));
    ann.client.raw(&masked(0x80, &"gr\u{fc}\u{df}".as_bytes()[3..]));
    assert_eq!(ann.next_text().await, "hello");
    assert_eq!(ann.reader.next().await, Ok(Inbound::Ping));
    assert_eq!(ann.next_text().await, "gr\u{fc}\u{df}");
    assert_eq!(ann.client.hear(), Some(Message::Pong("in between".into())));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_drips_in_byte_by_byte_comes_out_whole() {
    let mut ann = guest();
    for byte in masked(0x81, b"slowly") {
        ann.client.raw(&[byte]);
        tokio::select! {
            biased;
            inbound = ann.reader.next() => assert_eq!(inbound, Ok(Inbound::Text("slowly".into()))),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(ann.client.unread().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_read_with_the_handshake_is_not_lost() {
    let house = House::new();
    let (pipe, _client) = fake::Pipe::new();
    let bytes = [masked(0x81, b"one"), masked(0x81, b"two")].concat();
    let mut reader = house.hub.connect(pipe, &bytes);
    assert_eq!(reader.next().await, Ok(Inbound::Text("one".into())));
    assert_eq!(reader.next().await, Ok(Inbound::Text("two".into())));
}

#[tokio::test(start_paused = true)]
async fn broken_rules_close_with_their_code() {
    let too_big = masked(0x81, b"");
    let declares_too_much = [&[0x81, 0xfe, 0x80, 0x01][..], &too_big[2..]].concat();
    let cases: [(&str, Vec<u8>, u16); 8] = [
        ("binary", masked(0x82, b"x"), 1003),
        ("not UTF-8", masked(0x81, &[0xff, 0xfe]), 1007),
        ("not masked", vec![0x81, 0x01, b'x'], 1002),
        ("reserved bit", masked(0xc1, b"x"), 1002),
        ("unknown opcode", masked(0x83, b"x"), 1002),
        ("continues nothing", masked(0x80, b"x"), 1002),
        ("fragmented ping", masked(0x09, b"x"), 1002),
        ("32 KiB and a byte", declares_too_much, 1009),
    ];
    for (what, bytes, code) in cases {
        let mut ann = guest();
        ann.client.raw(&bytes);
        assert_eq!(ann.end().await, ReadEnd::Closed { code }, "{what}");
        assert_eq!(ann.client.lines(), [format!("close {code}")], "{what}");
        assert!(ann.client.is_cut_off(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_may_be_as_big_as_the_limit_and_not_a_byte_bigger() {
    let mut ann = guest();
    ann.client.text(&"x".repeat(32 << 10));
    assert_eq!(ann.next_text().await.len(), 32 << 10);
    ann.connection().serve_as_staff();
    ann.client.text(&"x".repeat(64 << 10));
    assert_eq!(ann.next_text().await.len(), 64 << 10);
    ann.client.text(&"x".repeat((64 << 10) + 1));
    assert_eq!(ann.end().await, ReadEnd::Closed { code: 1009 });
}

#[tokio::test(start_paused = true)]
async fn fragments_count_together_towards_the_limit() {
    let mut ann = guest();
    ann.client.raw(&masked(0x01, &[b'x'; 100]));
    for _ in 0..400 {
        ann.client.raw(&masked(0x00, &[b'x'; 100]));
    }
    assert_eq!(ann.end().await, ReadEnd::Closed { code: 1009 });
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_gets_its_close_back() {
    let mut ann = guest();
    ann.client.text("last words");
    ann.client.raw(&masked(0x88, &1001_u16.to_be_bytes()));
    assert_eq!(ann.next_text().await, "last words");
    assert_eq!(ann.end().await, ReadEnd::PeerClosed { code: 1001 });
    assert_eq!(ann.end().await, ReadEnd::PeerClosed { code: 1001 });
    assert_eq!(ann.client.lines(), ["close 1001"]);
    assert!(ann.client.is_cut_off());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_still_gets_what_was_on_its_way() {
    let mut ann = House::new().guest(fake::Pipe::narrow(10));
    ann.connection().send(&Frame::line(b"longer than the pipe"));
    ann.client.raw(&masked(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(ann.end().await, ReadEnd::PeerClosed { code: 1000 });
    let mut lines = Vec::new();
    while !ann.client.is_cut_off() {
        settle().await;
        lines.extend(ann.client.lines());
    }
    assert_eq!(lines, ["longer than the pipe", "close 1000"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_client_says_after_our_close_is_not_heard() {
    let mut ann = guest();
    ann.connection().close(4503, "banned");
    ann.client.text("one more thing");
    assert_eq!(ann.reader.next().await, Err(ReadEnd::Closed { code: 4503 }));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_is_lost() {
    let mut ann = guest();
    ann.client.vanish();
    assert_eq!(ann.end().await, ReadEnd::Lost);
    assert_eq!(ann.connection().send(&Frame::line(b"x")), Sent::Closed);
}

#[tokio::test(start_paused = true)]
async fn our_close_waits_for_the_answer_but_not_for_ever() {
    let started_at = tokio::time::Instant::now();
    let mut ann = guest();
    ann.connection().send(&Frame::line(b"before"));
    let end = tokio::join!(ann.reader.close(4501, "invalid token"), async {
        assert_eq!(ann.client.lines(), ["before", "close 4501"]);
        // The library answers a close when it reads on.
        assert_eq!(ann.client.hear(), None);
    });
    assert_eq!(end.0, ReadEnd::Closed { code: 4501 });
    assert_eq!(started_at.elapsed().as_secs(), 0);

    let mut silent = guest();
    assert_eq!(silent.reader.close(1012, "restart").await, ReadEnd::Closed { code: 1012 });
    assert_eq!(started_at.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_pinged_and_then_closed_with_4409() {
    let started_at = tokio::time::Instant::now();
    let mut ann = guest();
    let end = ann.end().await;
    assert_eq!(end, ReadEnd::Closed { code: 4409 });
    assert_eq!(started_at.elapsed().as_secs(), 25 + 10 + 3);
    assert_eq!(ann.client.hear(), Some(Message::Ping(1_u64.to_be_bytes().to_vec().into())));
    assert_eq!(ann.client.lines(), ["close 4409"]);
}

#[tokio::test(start_paused = true)]
async fn silent_staff_is_pinged_after_10_s_and_given_up_after_20() {
    let started_at = tokio::time::Instant::now();
    let mut bea = guest();
    bea.connection().serve_as_staff();
    for (seconds, close_code) in [(10, None), (10, Some(4409))] {
        let wait = std::time::Duration::from_secs(seconds);
        assert!(tokio::time::timeout(wait, bea.reader.next()).await.is_err());
        assert_eq!(bea.connection().close_code(), close_code);
    }
    assert_eq!(started_at.elapsed().as_secs(), 20);
    assert!(matches!(bea.client.hear(), Some(Message::Ping(_))));
    assert_eq!(bea.client.lines(), ["close 4409"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_turns_out_to_be_staff_later_is_pinged_like_staff_from_then_on() {
    let mut bea = guest();
    let silence = std::time::Duration::from_secs(9);
    assert!(tokio::time::timeout(silence, bea.reader.next()).await.is_err());
    bea.client.text("I serve here");
    assert_eq!(bea.next_text().await, "I serve here");
    bea.connection().serve_as_staff();
    let heard_at = tokio::time::Instant::now();
    assert_eq!(bea.end().await, ReadEnd::Closed { code: 4409 });
    assert_eq!(heard_at.elapsed().as_secs(), 10 + 10 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_long_message_that_is_half_there_may_be_ended_by_staff() {
    let mut bea = guest();
    let half = [0x01, 0xfe, 0x7f, 0xff, 0, 0, 0, 0].iter().copied();
    bea.client.raw(&half.chain([b'x'; 0x7fff]).collect::<Vec<_>>());
    tokio::select! {
        biased;
        inbound = bea.reader.next() => panic!("{inbound:?}"),
        () = tokio::task::yield_now() => {}
    }
    bea.connection().serve_as_staff();
    bea.client.raw(&masked(0x80, &[b'y'; 100]));
    assert_eq!(bea.next_text().await.len(), 0x7fff + 100);
}

#[tokio::test(start_paused = true)]
async fn staff_may_have_more_unsent_than_buyers() {
    let house = House::new();
    let line = "x".repeat(100 << 10);
    for (is_staff, taken) in [(false, 2), (true, 10)] {
        let guest = house.guest(fake::Pipe::narrow(1));
        if is_staff {
            guest.connection().serve_as_staff();
        }
        let sent = (0..20).map(|_| guest.connection().send(&Frame::line(line.as_bytes())));
        let sent = sent.take_while(|sent| *sent != Sent::Closed).count();
        assert_eq!(sent, taken, "staff: {is_staff}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_sign_of_life_puts_the_ping_off() {
    let mut ann = guest();
    for _ in 0..10 {
        let silence = std::time::Duration::from_secs(24);
        assert!(tokio::time::timeout(silence, ann.reader.next()).await.is_err());
        ann.client.text("here");
        assert_eq!(ann.next_text().await, "here");
    }
    assert!(ann.client.unread().is_empty());
    let silence = std::time::Duration::from_secs(30);
    assert!(tokio::time::timeout(silence, ann.reader.next()).await.is_err());
    // The library answers the ping it reads with its next read.
    assert!(matches!(ann.client.hear(), Some(Message::Ping(_))));
    assert_eq!(ann.client.hear(), None);
    assert_eq!(ann.reader.next().await, Ok(Inbound::Pong));
    let silence = std::time::Duration::from_secs(24);
    assert!(tokio::time::timeout(silence, ann.reader.next()).await.is_err());
    assert_eq!(ann.connection().close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_too_early_closes_with_1011() {
    let Guest { reader, mut client } = guest();
    drop(reader);
    assert_eq!(client.lines(), ["close 1011"]);
}

#[test]
fn the_handshake_answer_is_the_one_of_the_rfc() {
    assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
