//! The bytes of a record: fixed for ever, and no damage goes unnoticed.

use hawker_domain::event::{CommandRef, Event};
use hawker_domain::id::{CommandId, RoomId, SaleId, UserId};
use proptest::prelude::*;

use super::*;

/// Schema 1 as it was first written. A change here makes every existing journal unreadable.
const GOLDEN_HEADER: &str = "48574b520001\
    0000000000000002\
    0000000000000003\
    0000000100000005\
    01000000000000002a\
    00000002\
    02\
    000000e8";
const GOLDEN_CONTENT: &str = concat!(
    "s1",
    r#"[{"at":7,"by":{"user":"ann","command":"c1","payload_hash":18446744073709551615},"#,
    r#""events":[{"type":"room_started","data":{"room":"r1"}}]},"#,
    r#"{"at":8,"events":[{"type":"reminders_due","#,
    r#""data":{"sale":"x","due_at":-9223372036854775808}}]}]"#,
);
const GOLDEN_TRAILER: &str = "79155fbc847c80d88dca462cb5f7a82c78b45da6";

fn shop() -> ShopId {
    ShopId::parse("s1").unwrap()
}

fn before() -> Position {
    Position { version: 2, hash: ChainHash([0xab; 16]) }
}

fn head(shop: &ShopId) -> Head<'_> {
    Head { shop, epoch: 1 << 32 | 5, after: before(), next_due: Some(Millis(42)) }
}

fn entries() -> Vec<Entry> {
    let by = CommandRef {
        user: UserId::parse("ann").unwrap(),
        command: CommandId::parse("c1").unwrap(),
        payload_hash: u64::MAX,
    };
    let room = RoomId::parse("r1").unwrap();
    let reminders =
        Event::RemindersDue { sale: SaleId::parse("x").unwrap(), due_at: Millis(i64::MIN) };
    vec![
        Entry { at: Millis(7), by: Some(by), events: vec![Event::RoomStarted { room }] },
        Entry { at: Millis(8), by: None, events: vec![reminders] },
    ]
}

fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    content.extend(crc32c::crc32c(&content).to_be_bytes());
    content
}

fn unsealed(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - CHECKSUM_BYTES].to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_schema_1_stay_as_they_are() {
    let bytes = encode(head(&shop()), &entries()).unwrap().bytes;
    let (header, rest) = bytes.split_at(HEADER_BYTES);
    let (content, trailer) = rest.split_at(rest.len() - TRAILER_BYTES);
    assert_eq!(hex(header), GOLDEN_HEADER);
    assert_eq!(std::str::from_utf8(content).unwrap(), GOLDEN_CONTENT);
    assert_eq!(hex(trailer), GOLDEN_TRAILER);
}

#[test]
fn a_record_says_what_was_written() {
    let encoded = encode(head(&shop()), &entries()).unwrap();
    let record = decode_after(&encoded.bytes, &shop(), before()).unwrap();
    assert_eq!(record.position, encoded.position);
    assert_eq!(record.position.version, 3);
    assert_eq!(record.epoch, 1 << 32 | 5);
    assert_eq!(record.entries, entries());
    assert_eq!(Frame::parse(&encoded.bytes).unwrap().next_due, Some(Millis(42)));
}

#[test]
fn the_hash_covers_the_previous_hash_and_everything_in_the_record() {
    let shop = shop();
    let other = ShopId::parse("s2").unwrap();
    let base = head(&shop);
    let hash = |head, entries: &[Entry]| encode(head, entries).unwrap().position.hash;
    let first = hash(base, &entries());
    let previous = Position { hash: ChainHash([0xac; 16]), ..before() };
    let different = [
        hash(Head { after: previous, ..base }, &entries()),
        hash(Head { epoch: 6, ..base }, &entries()),
        hash(Head { next_due: None, ..base }, &entries()),
        hash(Head { shop: &other, ..base }, &entries()),
        hash(base, &entries()[..1]),
    ];
    assert!(different.iter().all(|other| *other != first));
    assert_eq!(hash(base, &entries()), first);
}

#[test]
fn every_flipped_byte_is_noticed() {
    let bytes = encode(head(&shop()), &entries()).unwrap().bytes;
    for at in 0..bytes.len() {
        for flip in (0..8).map(|bit| 1 << bit).chain([u8::MAX]) {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let problem = Frame::parse(&damaged).unwrap_err();
            assert!(matches!(problem, Problem::Checksum { .. }), "byte {at} ^ {flip}: {problem}");
        }
    }
}

#[test]
fn every_missing_or_added_end_is_noticed() {
    let mut bytes = encode(head(&shop()), &entries()).unwrap().bytes;
    for length in 0..bytes.len() {
        Frame::parse(&bytes[..length]).unwrap_err();
    }
    bytes.push(0);
    Frame::parse(&bytes).unwrap_err();
}

#[test]
fn a_newer_schema_is_told_from_damage() {
    let bytes = encode(head(&shop()), &entries()).unwrap().bytes;
    let mut newer = unsealed(&bytes);
    newer[5] = 2;
    let problem = Frame::parse(&sealed(newer)).unwrap_err();
    assert_eq!(problem, Problem::NewerSchema { found: 2 });
    assert_eq!(
        problem.to_string(),
        "the record has schema 2, this binary reads up to 1: use a newer one"
    );
    let mut other = unsealed(&bytes);
    other[0] = b'X';
    assert_eq!(Frame::parse(&sealed(other)).unwrap_err(), Problem::NotARecord);
}

#[test]
fn lengths_that_do_not_add_up_are_malformed_even_under_a_right_checksum() {
    let bytes = encode(head(&shop()), &entries()).unwrap().bytes;
    for (at, field) in [(43, "shop"), (44, "entries length"), (47, "entries length")] {
        let mut wrong = unsealed(&bytes);
        wrong[at] = wrong[at].wrapping_add(200);
        let problem = Frame::parse(&sealed(wrong)).unwrap_err();
        assert!(matches!(problem, Problem::Malformed { .. }), "{field}: {problem}");
    }
    let mut count = unsealed(&bytes);
    count[42] = 9;
    let sealed_bytes = sealed(count);
    let problem = Frame::parse(&sealed_bytes).unwrap().decode().unwrap_err();
    assert_eq!(problem, Problem::Count { announced: 9, found: 2 });
}

#[test]
fn a_record_follows_one_position_of_one_shop_only() {
    let encoded = encode(head(&shop()), &entries()).unwrap();
    let after = |shop: &str, after| {
        decode_after(&encoded.bytes, &ShopId::parse(shop).unwrap(), after).unwrap_err()
    };
    assert!(matches!(after("s2", before()), Problem::OtherShop { .. }));
    let earlier = Position { version: 1, ..before() };
    assert_eq!(after("s1", earlier), Problem::OtherVersion { found: 3, previous: 2 });
    let elsewhere = Position { hash: ChainHash::default(), ..before() };
    assert_eq!(after("s1", elsewhere), Problem::OtherHistory);
    let frame = Frame::parse(&encoded.bytes).unwrap();
    frame.made(&shop(), 3).unwrap();
    frame.made(&shop(), 4).unwrap_err();
}

#[test]
fn a_record_without_entries_is_a_record() {
    let encoded = encode(Head { next_due: None, ..head(&shop()) }, &[]).unwrap();
    assert_eq!(decode_after(&encoded.bytes, &shop(), before()).unwrap().entries, []);
}

proptest! {
    #[test]
    fn any_batch_comes_back_as_it_was(
        shop in "[A-Za-z0-9_-]{1,64}",
        version in 0..u64::MAX - 1,
        epoch: u64,
        hash: [u8; 16],
        due: Option<i64>,
        at: i64,
        names in prop::collection::vec(any::<String>(), 0..8),
    ) {
        let shop = ShopId::parse(&shop).unwrap();
        let after = Position { version, hash: ChainHash(hash) };
        let rename = |name: String| Event::ShopRenamed { name };
        let events = names.into_iter().map(rename).collect();
        let entries = vec![Entry { at: Millis(at), by: None, events }];
        let next_due = due.map(Millis);
        let head = Head { shop: &shop, epoch, after, next_due };
        let encoded = encode(head, &entries).unwrap();
        let frame = Frame::parse(&encoded.bytes).unwrap();
        prop_assert_eq!(frame.follows(&shop, after), Ok(()));
        prop_assert_eq!(frame.next_due, next_due);
        let record = Record { position: encoded.position, epoch, entries };
        prop_assert_eq!(frame.decode(), Ok(record));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert!(Frame::parse(&bytes).is_err());
        let _ = Frame::parse(&sealed(bytes));
    }

    #[test]
    fn any_payload_under_a_right_checksum_is_parsed_without_a_panic(
        at in 0..300_usize,
        values in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        let mut bytes = unsealed(&encode(head(&shop()), &entries()).unwrap().bytes);
        let at = at % bytes.len();
        let end = (at + values.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&values[..end - at]);
        let sealed_bytes = sealed(bytes);
        if let Ok(frame) = Frame::parse(&sealed_bytes) {
            let _ = frame.decode();
            let _ = frame.follows(&shop(), before());
        }
    }
}
