//! The bytes of every message, as committed: what is read must be written back the same.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;

use hawker_protocol::codec::{
    encode_desk_joined, encode_gap, encode_joined, encode_ok, encode_push, encode_refusal,
    encode_reply, encode_request, encode_snapshot, encode_topic_push, parse_frame, read_frame,
    read_line, stamp_push,
};
use hawker_protocol::object::Snapshot;
use hawker_protocol::reply::{Answer, DeskJoined, Joined};
use hawker_protocol::{Code, Push, Refusal, Request, RequestId, Topic, reply};

const REQUESTS: &str = include_str!("golden/requests.jsonl");
const REPLIES: &str = include_str!("golden/replies.txt");
const PUSHES: &str = include_str!("golden/pushes.jsonl");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_request_is_read_and_written_as_committed() {
    let mut seen = BTreeSet::new();
    for line in REQUESTS.lines() {
        let (id, request) = parse_frame(line).next().unwrap().expect(line);
        let mut out = Vec::new();
        encode_request(id, &request, &mut out);
        assert_eq!(text(&out).trim_end(), line);
        seen.insert(request.type_name());
    }
    assert_eq!(seen, Request::TYPES.iter().copied().collect());
}

#[test]
fn a_request_knows_its_shop_and_its_command() {
    for line in REQUESTS.lines() {
        let (_, request) = parse_frame(line).next().unwrap().unwrap();
        assert_eq!(request.shop().is_some(), line.contains(r#""shop":"#), "{line}");
        assert_eq!(request.command_id().is_some(), line.contains(r#""command_id":"#), "{line}");
    }
}

/// Exhaustive, so that a new reply cannot go without its line.
fn name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Welcome(_) => "Welcome",
        Answer::Refreshed(_) => "Refreshed",
        Answer::Pong(_) => "Pong",
        Answer::Done(_) => "Done",
        Answer::Joined(_) => "Joined",
        Answer::Commented(_) => "Commented",
        Answer::Rooms(_) => "Rooms",
        Answer::RoomChanged(_) => "RoomChanged",
        Answer::KeywordsChanged(_) => "KeywordsChanged",
        Answer::Restricted(_) => "Restricted",
        Answer::Dashboard(_) => "Dashboard",
        Answer::Claimed(_) => "Claimed",
        Answer::Waitlisted(_) => "Waitlisted",
        Answer::SaleChanged(_) => "SaleChanged",
        Answer::ReservationChanged(_) => "ReservationChanged",
        Answer::OrderChanged(_) => "OrderChanged",
        Answer::Orders(_) => "Orders",
        Answer::Following(_) => "Following",
        Answer::ShopChanged(_) => "ShopChanged",
        Answer::Quoted(_) => "Quoted",
        Answer::PriceRuleList(_) => "PriceRuleList",
        Answer::PriceRuleChanged(_) => "PriceRuleChanged",
        Answer::StackingChanged(_) => "StackingChanged",
        Answer::CapabilitiesChanged(_) => "CapabilitiesChanged",
        Answer::Coupons(_) => "Coupons",
        Answer::CouponClaimed(_) => "CouponClaimed",
        Answer::Campaigns(_) => "Campaigns",
        Answer::CampaignChanged(_) => "CampaignChanged",
        Answer::Revoked(_) => "Revoked",
        Answer::Draws(_) => "Draws",
        Answer::DrawChanged(_) => "DrawChanged",
        Answer::ChatOpened(_) => "ChatOpened",
        Answer::ChatSent(_) => "ChatSent",
        Answer::ChatSessionChanged(_) => "ChatSessionChanged",
        Answer::Marked(_) => "Marked",
        Answer::Messages(_) => "Messages",
        Answer::DeskJoined(_) => "DeskJoined",
        Answer::AgentChanged(_) => "AgentChanged",
        Answer::Team(_) => "Team",
        Answer::Sessions(_) => "Sessions",
        Answer::SessionChanged(_) => "SessionChanged",
        Answer::ReportChanged(_) => "ReportChanged",
        Answer::ResponseRate(_) => "ResponseRate",
        Answer::ConversationOpened(_) => "ConversationOpened",
        Answer::Watching(_) => "Watching",
        Answer::ConversationChanged(_) => "ConversationChanged",
        Answer::Found(_) => "Found",
        Answer::Transcript(_) => "Transcript",
        Answer::Texts(_) => "Texts",
        Answer::FaqSaved(_) => "FaqSaved",
        Answer::QuickReplySaved(_) => "QuickReplySaved",
        Answer::HolidayChanged(_) => "HolidayChanged",
        Answer::PolicyChanged(_) => "PolicyChanged",
    }
}

fn answer(name: &str, line: &str) -> (RequestId, Answer) {
    let incoming = read_line(line).unwrap();
    macro_rules! by_name {
        ($($kind:ident)*) => {
            match name {
                $(stringify!($kind) => {
                    Answer::from(incoming.ok::<reply::$kind>().unwrap().unwrap())
                })*
                _ => panic!("{name} is no reply"),
            }
        };
    }
    let answer = by_name!(
        Welcome Refreshed Pong Done Joined Commented Rooms RoomChanged KeywordsChanged Restricted
        Dashboard Claimed Waitlisted SaleChanged ReservationChanged OrderChanged Orders Following
        ShopChanged
        Quoted PriceRuleList PriceRuleChanged StackingChanged CapabilitiesChanged Coupons
        CouponClaimed Campaigns CampaignChanged Revoked Draws DrawChanged
        ChatOpened ChatSent ChatSessionChanged Marked Messages DeskJoined AgentChanged Team Sessions
        SessionChanged ReportChanged ResponseRate ConversationOpened Watching ConversationChanged
        Found Transcript Texts FaqSaved QuickReplySaved HolidayChanged PolicyChanged
    );
    (incoming.re.unwrap(), answer)
}

#[test]
fn every_reply_is_read_and_written_as_committed() {
    let mut seen = BTreeSet::new();
    for row in REPLIES.lines() {
        let (kind, line) = row.split_once(' ').unwrap();
        let (re, answer) = answer(kind, line);
        assert_eq!(name(&answer), kind);
        let mut out = Vec::new();
        encode_reply(re, &Ok(answer), &mut out);
        assert_eq!(text(&out).trim_end(), line);
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 53);
}

#[test]
fn every_push_is_read_and_written_as_committed() {
    let mut seen = BTreeSet::new();
    for line in PUSHES.lines() {
        let incoming = read_line(line).unwrap();
        let push = incoming.push().unwrap().expect(line);
        let mut direct = Vec::new();
        let mut stamped = Vec::new();
        match incoming.topic.as_deref() {
            None => {
                encode_push(&push, &mut direct);
                stamped.clone_from(&direct);
            }
            Some(topic) => {
                encode_topic_push(&push, topic, incoming.seq, &mut direct);
                let mut plain = Vec::new();
                encode_push(&push, &mut plain);
                stamp_push(&plain, topic, incoming.seq, &mut stamped);
            }
        }
        assert_eq!(text(&direct).trim_end(), line);
        assert_eq!(text(&stamped).trim_end(), line);
        seen.insert(push.type_name());
    }
    assert_eq!(seen, Push::TYPES.iter().copied().collect());
}

#[test]
fn a_snapshot_that_was_encoded_once_fits_every_message_around_it() {
    let line = REPLIES.lines().find_map(|row| row.strip_prefix("Joined ")).unwrap();
    let incoming = read_line(line).unwrap();
    let joined: Joined = incoming.ok().unwrap().unwrap();
    let snapshot = encode_snapshot(&joined.snapshot);
    let mut out = Vec::new();
    encode_joined(incoming.re.unwrap(), &joined.presence, &joined.me, &snapshot, &mut out);
    assert_eq!(text(&out).trim_end(), line);

    let gap = PUSHES.lines().find(|line| line.contains(r#""snapshot":"#)).unwrap();
    out.clear();
    encode_gap("room:acme/r1", 4100, 4181, Some(&snapshot), &mut out);
    assert_eq!(text(&out).trim_end(), gap);
}

#[test]
fn a_desks_snapshot_fits_its_join_and_its_gap() {
    let line = REPLIES.lines().find_map(|row| row.strip_prefix("DeskJoined ")).unwrap();
    let incoming = read_line(line).unwrap();
    let joined: DeskJoined = incoming.ok().unwrap().unwrap();
    let snapshot = encode_snapshot(&joined.snapshot);
    let mut out = Vec::new();
    encode_desk_joined(incoming.re.unwrap(), &joined.me, &snapshot, &mut out);
    assert_eq!(text(&out).trim_end(), line);

    let gaps: Vec<&str> = PUSHES.lines().filter(|line| line.contains("desk.gap")).collect();
    out.clear();
    encode_gap("desk:acme", 5, 11, None, &mut out);
    encode_gap("desk:acme", 5, 12, Some(&snapshot), &mut out);
    assert_eq!(text(&out).lines().collect::<Vec<_>>(), gaps);
}

#[test]
fn the_snapshot_of_a_resume_is_the_topics_own_kind() {
    let snapshots =
        REPLIES.lines().filter_map(|row| row.strip_prefix("Welcome ")).flat_map(|line| {
            let welcome: reply::Welcome = read_line(line).unwrap().ok().unwrap().unwrap();
            welcome.resumed.into_iter().filter_map(|it| Some((it.topic, it.snapshot?)))
        });
    let mut kinds = BTreeSet::new();
    for (topic, snapshot) in snapshots {
        match (topic, serde_json::from_str(snapshot.get()).unwrap()) {
            (Topic::Room { .. }, Snapshot::Room(_)) => kinds.insert("room"),
            (Topic::Desk { .. }, Snapshot::Desk(_)) => kinds.insert("desk"),
            (topic, snapshot) => panic!("{topic}: {snapshot:?}"),
        };
    }
    assert_eq!(kinds.len(), 2);
}

#[test]
fn a_frame_carries_several_messages_one_a_line() {
    let mut out = Vec::new();
    let re = RequestId::new(1).unwrap();
    encode_ok(re, &reply::Done {}, &mut out);
    encode_refusal(Some(re), &Refusal::new(Code::SoldOut).detail("soft", true), &mut out);
    encode_refusal(None, &Refusal::new(Code::InvalidJson), &mut out);
    let frame = text(&out);
    assert_eq!(
        frame,
        concat!(
            "{\"re\":1,\"ok\":{}}\n",
            "{\"re\":1,\"error\":{\"code\":\"sold_out\",\"message\":\"every unit is reserved or ",
            "sold\",\"retryable\":true,\"soft\":true}}\n",
            "{\"error\":{\"code\":\"invalid_json\",\"message\":\"this is not valid JSON\",",
            "\"retryable\":false}}\n",
        )
    );
    let codes: Vec<Option<Code>> =
        read_frame(frame).map(|message| message.unwrap().error.map(|error| error.code)).collect();
    assert_eq!(codes, [None, Some(Code::SoldOut), Some(Code::InvalidJson)]);
}

#[test]
fn a_push_of_an_unknown_type_is_skipped_and_unknown_fields_are_ignored() {
    let unknown = read_line(r#"{"type":"room.poll","topic":"room:acme/r1","seq":1}"#).unwrap();
    assert!(unknown.push().unwrap().is_none());
    let known = read_line(r#"{"type":"room.likes","topic":"t","likes":5,"new":[1]}"#).unwrap();
    assert!(matches!(known.push().unwrap(), Some(Push::RoomLikes(likes)) if likes.likes == 5));
}
