//! Chats and the desk, translated both ways. Owns no rule: what is refused is the domain's.

mod prices;
mod promo;

use hawker_domain::command::{
    ChatCommand, Command, Content, DeskCommand, Faq, Holiday, Marks, Role, TransferTo,
};
use hawker_domain::event::desk::{CloseReason, DeskEvent, Sender};
use hawker_domain::id::UserId;
use hawker_domain::policy::{DeskPolicy, OwnerDown};
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::desk::{
    AgentRateView, AgentStatus, AnswerState, ClickView, ConversationView, DeskList, ListCursor,
    Message, RateView, ReportState, SessionState, SessionView,
};
use hawker_domain::view::{Change, DeskChange};
use hawker_domain::{Event, Rejection};
use hawker_protocol::codec::parse_frame;
use hawker_protocol::{Code, Request, object};
use serde_json::{Value, json};

use super::*;

fn request(fields: &str) -> Request {
    let line = format!("{{\"id\":1,\"shop\":\"acme\",{fields}}}").replace('\n', " ");
    parse_frame(&line).next().unwrap().unwrap().1
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

const PICTURE: Attachment<'_> = Attachment { media_type: "image/png", size_bytes: 77 };

fn translated(fields: &str, name: &str) -> Translated {
    let user = user(name);
    let (present_ms, attachment) = (SpanMs(0), Some(PICTURE));
    let ask = Ask { user: &user, name: "Ann", present_ms, attachment, commitment: None };
    translate(&request(fields), &ask).unwrap_or_else(|| panic!("{fields} is no command"))
}

fn command(fields: &str) -> Command {
    translated(fields, "ann").command
}

/// What makes something, with a place for the command id; the ids of what is made are left out.
const MAKING: [&str; 4] = [
    r#""type":"faq.set","command_id":"$","question":"When?","answer":"Now.""#,
    r#""type":"quick_reply.set","command_id":"$","text":"Hello {name}""#,
    r#""type":"desk.report","command_id":"$","session":7,"reason":"spam""#,
    r#""type":"desk.note","command_id":"$","buyer":"ann","text":"likes red""#,
];

#[test]
fn what_a_repeated_command_makes_is_the_same_thing() {
    for fields in MAKING {
        let asked = |command: &str, name| translated(&fields.replace('$', command), name).command;
        assert_eq!(asked("c1", "bea"), asked("c1", "bea"), "{fields}");
        assert_ne!(asked("c1", "bea"), asked("c2", "bea"), "{fields}");
        assert_ne!(asked("c1", "bea"), asked("c1", "cat"), "{fields}");
    }
}

#[test]
fn notes_stand_in_the_order_of_command_ids_that_rise() {
    let longest =
        |end: &str| format!("0190a5b0-3d1a-7000-8000-00000000000{end}-{}", "x".repeat(20));
    let ids = ["0190a5b0-3d1a-7000-8000-000000000001", &longest("2"), &longest("3")];
    let note = |id: &str| match command(&MAKING[3].replace('$', id)) {
        Command::Desk(DeskCommand::AddNote { note, .. }) => note,
        other => panic!("{other:?}"),
    };
    assert!(note("0190a5b0-3d1a-7") < note("0190a5b1-3d1a-7"));
    for id in ids {
        assert!(hawker_domain::id::NoteId::parse(note(id).as_str()).is_ok(), "{id}");
    }
}

#[test]
fn a_file_has_the_type_and_size_that_its_store_found() {
    let fields = r#""type":"chat.send","command_id":"c1",
        "content":{"kind":"image","upload":"u1"},"room":"r1""#;
    let upload = named_upload(&request(fields)).unwrap();
    let Command::Chat(ChatCommand::Send { content: Content::Image(image), room }) = command(fields)
    else {
        panic!("no picture")
    };
    assert_eq!(
        (image.upload, image.media_type.as_str(), image.size_bytes),
        (upload, "image/png", 77)
    );
    assert_eq!(room.unwrap().as_str(), "r1");
    let text = r#""type":"desk.send","command_id":"c1","buyer":"ann",
        "content":{"kind":"text","text":"hello"}"#;
    assert_eq!(named_upload(&request(text)), None);
}

#[test]
fn marks_and_typing_are_commands_without_an_id() {
    for (fields, expected) in [
        (r#""type":"chat.read","read":5"#, ChatCommand::Mark { marks: marks(5, 5) }.into()),
        (r#""type":"chat.read","delivered":4"#, ChatCommand::Mark { marks: marks(4, 0) }.into()),
        (r#""type":"chat.typing""#, Command::Chat(ChatCommand::Typing)),
        (
            r#""type":"desk.read","buyer":"bob","delivered":9,"read":5"#,
            DeskCommand::Mark { buyer: user("bob"), marks: marks(9, 5) }.into(),
        ),
        (
            r#""type":"desk.typing","buyer":"bob""#,
            DeskCommand::Typing { buyer: user("bob") }.into(),
        ),
    ] {
        assert_eq!(command(fields), expected);
        assert_eq!(request(fields).command_id(), None);
    }
}

fn marks(delivered: u64, read: u64) -> Marks {
    Marks { delivered, read }
}

#[test]
fn each_command_has_the_roles_that_its_door_lets_in_the_best_first() {
    let staff = [
        r#""type":"desk.log_out","command_id":"c""#,
        r#""type":"desk.status","command_id":"c","status":"away""#,
        r#""type":"desk.cap","command_id":"c","cap":0"#,
        r#""type":"desk.take","command_id":"c","session":7"#,
        r#""type":"desk.transfer","command_id":"c","session":7,"epoch":1"#,
        r#""type":"desk.close","command_id":"c","session":7,"epoch":1"#,
        r#""type":"desk.no_reply","command_id":"c","session":7,"epoch":1"#,
        r#""type":"desk.recall","command_id":"c","buyer":"ann","seq":1"#,
        r#""type":"desk.note","command_id":"c","buyer":"ann","text":"t""#,
        r#""type":"desk.tag","command_id":"c","buyer":"ann","tags":["vip"]"#,
    ];
    let speakers = [
        r#""type":"desk.send","command_id":"c","buyer":"ann",
            "content":{"kind":"emoji","emoji":"x"}"#,
        r#""type":"desk.report","command_id":"c","session":7,"reason":"spam""#,
        r#""type":"buyer.block","command_id":"c","buyer":"ann""#,
        r#""type":"buyer.unblock","command_id":"c","buyer":"ann""#,
    ];
    let editors = [
        MAKING[0],
        MAKING[1],
        r#""type":"faq.remove","command_id":"c","faq":"q1""#,
        r#""type":"faq.card","command_id":"c","questions":["q1"]"#,
        r#""type":"quick_reply.remove","command_id":"c","quick_reply":"t1""#,
        r#""type":"shop.holiday","command_id":"c","holiday":null"#,
    ];
    let buyers = [
        r#""type":"chat.faq","command_id":"c","faq":"q1""#,
        r#""type":"chat.recall","command_id":"c","seq":1"#,
        r#""type":"chat.rate","command_id":"c","session":7,"stars":5"#,
    ];
    let leaders = [r#""type":"desk.assign","command_id":"c","session":7,"epoch":1,"agent":"bea""#];
    let judges =
        [r#""type":"desk.verdict","command_id":"c","session":7,"report":"p1","verdict":"upheld""#];
    let rows: [(&[&str], &[Role]); 6] = [
        (&staff, STAFF),
        (&speakers, SPEAKERS),
        (&editors, EDITORS),
        (&buyers, &[Role::Buyer]),
        (&leaders, LEADERS),
        (&judges, &[Role::Service, Role::Manager]),
    ];
    for (fields, roles) in rows {
        for fields in fields {
            assert_eq!(translated(&fields.replace('$', "c"), "ann").roles, roles, "{fields}");
        }
    }
}

#[test]
fn without_a_name_a_session_goes_back_to_those_that_wait() {
    let fields = r#""type":"desk.transfer","command_id":"c","session":7,"epoch":2"#;
    let Command::Desk(DeskCommand::Transfer { session, epoch, to, force }) = command(fields) else {
        panic!("no transfer")
    };
    assert_eq!((session.0, epoch, to, force), (7, 2, TransferTo::Queue, false));
    let named = command(&format!(r#"{fields},"agent":"bea","force":true"#));
    let to = TransferTo::Agent(user("bea"));
    assert_eq!(named, DeskCommand::Transfer { session, epoch, to, force: true }.into());
}

#[test]
fn only_ones_own_list_needs_a_name() {
    let list = |fields: &str| match request(&format!(r#""type":"desk.list",{fields}"#)) {
        Request::DeskList(list) => desk_list(&list, &user("bea")),
        other => panic!("{other:?}"),
    };
    assert_eq!(list(r#""list":"mine""#), DeskList::Mine(user("bea")));
    assert_eq!(list(r#""list":"mine","agent":"cat""#), DeskList::Mine(user("cat")));
    assert_eq!(list(r#""list":"expiring""#), DeskList::Expiring(None));
    assert_eq!(list(r#""list":"closed","agent":"cat""#), DeskList::Closed(Some(user("cat"))));
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
    let written = ListCursor { class: 1, at: Millis(1_700_000_000_000), session: session_id_of(9) };
    assert_eq!(cursor(&cursor_text(written)), Ok(written));
    for text in ["", "1", "1.2", "1.2.3.4", "a.2.3", "300.2.3", "1.2.-3", "1..3"] {
        let refusal = cursor(text).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidRequest, "{text}");
        assert_eq!(refusal.get("field"), Some(&json!("cursor")));
    }
}

fn session_id_of(number: u64) -> hawker_domain::id::SessionId {
    hawker_domain::id::SessionId(number)
}

#[test]
fn a_change_of_the_policy_leaves_what_it_does_not_name() {
    let before = DeskPolicy { expiring_after_ms: Some(SpanMs(9)), ..DeskPolicy::default() };
    let change = |fields| serde_json::from_str::<object::PolicyChange>(fields).unwrap();
    assert_eq!(changed_policy(&before, &change("{}")), before);
    let changed =
        changed_policy(&before, &change(r#"{"cap":7,"owner_down":"keep","excludes":[]}"#));
    let expected =
        DeskPolicy { cap: 7, owner_down: OwnerDown::Keep, excludes: [].into(), ..before.clone() };
    assert_eq!(changed, expected);
    let back = changed_policy(&before, &change(r#"{"expiring_after_ms":null}"#));
    assert_eq!(back.expiring_after_ms, None);
    // Whatever is shown can be asked for.
    let mut shown = serde_json::to_value(policy(&expected)).unwrap();
    shown["cap"] = json!(7);
    let again = serde_json::from_value::<object::PolicyChange>(shown).unwrap();
    assert_eq!(changed_policy(&DeskPolicy::default(), &again), expected);
}

#[test]
fn shares_are_rounded_down_and_of_nothing_there_is_none() {
    let none = RateView {
        from: Millis(0),
        until: Millis(1),
        pending: 0,
        faq_hits: 0,
        human_hits: 0,
        missed: 0,
        missed_unassigned: 0,
        excluded: 0,
        holiday: 0,
        no_reply: 0,
        reported: 0,
        rated: 0,
        satisfied: 0,
        first_replies: [0; 12],
    };
    let shares = |view: &RateView| {
        let rate = rate(view);
        (rate.rate_bps, rate.settled_bps, rate.no_reply_bps)
    };
    assert_eq!(shares(&none), (None, None, None));
    let view = RateView { human_hits: u32::MAX - 1, missed: 1, ..none.clone() };
    assert_eq!(rate(&view).rate_bps, Some(9_999), "all but one is not all");
    let view = RateView {
        pending: 1,
        faq_hits: 1,
        human_hits: 1,
        excluded: 1,
        no_reply: 1,
        first_replies: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5],
        ..none
    };
    assert_eq!(shares(&view), (Some(6_666), Some(10_000), Some(2_500)));
    let steps = rate(&view).first_replies;
    assert_eq!((steps[0].within_ms.map(|it| it.0), steps[0].count), (Some(10_000), 1));
    assert_eq!((steps[11].within_ms, steps[11].count), (None, 5));
    let agent = AgentRateView { agent: user("bea"), hits: 2, missed: 1, no_reply: 4 };
    assert_eq!(agent_rate(&agent).rate_bps, Some(6_666));
    assert_eq!(agent_rate(&AgentRateView { hits: 0, missed: 0, ..agent }).rate_bps, None);
}

#[test]
fn a_picture_says_where_this_server_has_it() {
    let shop = hawker_domain::id::ShopId::parse("acme").unwrap();
    let file = hawker_domain::command::Attachment {
        upload: hawker_domain::id::UploadId::parse("u1").unwrap(),
        media_type: "image/png".to_owned(),
        size_bytes: 77,
    };
    let content = Some(Content::Image(file));
    let (from, session) = (Sender::Agent(user("bea")), Some(session_id_of(7)));
    let said = Message { seq: 3, at: Millis(5), session, from, content };
    let expected = json!({
        "seq": 3, "at": 5, "session": 7, "from": {"by": "agent", "user": "bea"},
        "content": {"kind": "image", "upload": "u1", "media_type": "image/png", "size_bytes": 77,
            "url": "/v1/uploads/acme/u1"},
    });
    assert_eq!(serde_json::to_value(message(&shop, &said)).unwrap(), expected);
    let recalled = Message { content: None, ..said };
    assert_eq!(message(&shop, &recalled).content, None);
}

#[test]
fn a_holiday_without_an_end_lasts_until_it_is_lifted() {
    let set = r#""type":"shop.holiday","command_id":"c","holiday":{"from":5}"#;
    let holiday = Some(Holiday { from: Millis(5), until: None });
    assert_eq!(command(set), DeskCommand::SetHoliday { holiday }.into());
    let lifted = r#""type":"shop.holiday","command_id":"c","holiday":null"#;
    assert_eq!(command(lifted), DeskCommand::SetHoliday { holiday: None }.into());
}

fn session_view() -> SessionView {
    SessionView {
        session: session_id_of(7),
        buyer: user("ann"),
        opened_at: Millis(5),
        state: SessionState::Assigned { agent: user("bea"), since: Millis(6) },
        epoch: 1,
        answer: AnswerState::Pending { since: Millis(5), due_at: Millis(9) },
        excluded: Vec::new(),
        unanswered_since: None,
        expiring: false,
        position: None,
        why: None,
        context: None,
        stars: None,
        seq: 3,
        version: 41,
    }
}

fn told(fields: &str, events: &[Event], change: Option<DeskChange>) -> Result<Value, Code> {
    let told = answer(&request(fields), events, change.map(Change::Desk), false);
    told.map(|answer| serde_json::to_value(answer).unwrap()).map_err(|refusal| refusal.code)
}

#[test]
fn the_same_session_is_told_to_its_buyer_with_less_than_to_the_staff() {
    let change = || DeskChange::Session { session: session_view(), owner_before: None };
    let rated = r#""type":"chat.rate","command_id":"c","session":7,"stars":5"#;
    let expected = json!({"session": 7, "opened_at": 5, "state": "assigned", "version": 41});
    assert_eq!(told(rated, &[], Some(change())), Ok(json!({"session": expected})));
    let click = ClickView { session: session_view(), messages: Vec::new() };
    let clicked = r#""type":"chat.faq","command_id":"c","faq":"q1""#;
    let answered = told(clicked, &[], Some(DeskChange::Clicked(click)));
    assert_eq!(answered, Ok(json!({"session": expected})));
    let taken = r#""type":"desk.take","command_id":"c","session":7"#;
    let shown = told(taken, &[], Some(change())).unwrap()["session"].clone();
    assert_eq!(shown["state"], json!({"kind": "assigned", "agent": "bea", "since": 6}));
    assert_eq!(shown["answer"], json!({"kind": "pending", "since": 5, "due_at": 9}));
}

#[test]
fn what_was_put_without_a_name_is_told_by_the_one_it_got() {
    let faq = hawker_domain::id::FaqId::parse("made").unwrap();
    let entry = Faq { question: "When?".to_owned(), answer: "Now.".to_owned() };
    let put = [Event::Desk(DeskEvent::FaqPut { faq, entry })];
    let nameless = MAKING[0].replace('$', "c");
    assert_eq!(told(&nameless, &put, Some(DeskChange::Texts)), Ok(json!({"faq": "made"})));
    let named = r#""type":"faq.set","command_id":"c","faq":"q1","question":"?","answer":"!""#;
    let same = told(named, &[], Some(DeskChange::Texts));
    assert_eq!(same, Ok(json!({"faq": "q1"})), "nothing changed, and it is there");
}

#[test]
fn marks_and_blocks_answer_with_the_conversation() {
    let view = ConversationView {
        buyer: user("ann"),
        seq: 3,
        buyer_marks: marks(3, 3),
        staff_marks: marks(2, 1),
        blocked: true,
        open_session: None,
        last_session: Some(session_id_of(7)),
        owner: None,
        version: 41,
    };
    let shown = json!({"conversation": {
        "buyer": "ann", "seq": 3, "buyer_marks": {"delivered": 3, "read": 3},
        "staff_marks": {"delivered": 2, "read": 1}, "blocked": true, "last_session": 7,
    }});
    for fields in [
        r#""type":"chat.read","read":3"#,
        r#""type":"desk.read","buyer":"ann","read":1"#,
        r#""type":"buyer.block","command_id":"c","buyer":"ann""#,
    ] {
        assert_eq!(told(fields, &[], Some(DeskChange::Marks(view.clone()))), Ok(shown.clone()));
    }
}

#[test]
fn who_never_worked_at_the_desk_has_nothing_to_be_shown() {
    let log_out = r#""type":"desk.log_out","command_id":"c""#;
    assert_eq!(told(log_out, &[], None), Err(Code::AgentUnknown));
    let off = r#""type":"desk.status","command_id":"c","status":"off""#;
    assert_eq!(told(off, &[], None), Err(Code::AgentUnknown));
    let note = r#""type":"desk.note","command_id":"c","buyer":"ann","text":"likes red""#;
    assert_eq!(told(note, &[], None), Ok(json!({})));
}

/// Every refusal of the desk: its code, and what it tells beside it.
fn refusals() -> Vec<(Rejection, Code, Value)> {
    let bea = || user("bea");
    let reason = CloseReason::NoReply;
    let status = AgentStatus::Reconnecting;
    vec![
        (Rejection::ConversationUnknown, Code::ConversationUnknown, json!({})),
        (Rejection::SessionUnknown, Code::SessionUnknown, json!({})),
        (Rejection::TooOld, Code::TooOld, json!({})),
        (Rejection::SessionClosed { reason }, Code::SessionClosed, json!({"reason": "no_reply"})),
        (Rejection::SessionOpen, Code::SessionOpen, json!({})),
        (Rejection::SessionMoved { epoch: 4 }, Code::SessionMoved, json!({"epoch": 4})),
        (Rejection::AlreadyTaken { agent: bea() }, Code::AlreadyTaken, json!({"agent": "bea"})),
        (Rejection::NotOwner { owner: Some(bea()) }, Code::NotOwner, json!({"owner": "bea"})),
        (Rejection::NotOwner { owner: None }, Code::NotOwner, json!({})),
        (Rejection::Saturated { load: 2, cap: 2 }, Code::Saturated, json!({"load": 2, "cap": 2})),
        (Rejection::AgentUnknown, Code::AgentUnknown, json!({})),
        (
            Rejection::AgentNotReady { status },
            Code::AgentNotReady,
            json!({"status": "reconnecting"}),
        ),
        (Rejection::LastAgent { waiting: 3 }, Code::LastAgent, json!({"waiting": 3})),
        (Rejection::BuyerBlocked, Code::BuyerBlocked, json!({})),
        (Rejection::MessageUnknown, Code::MessageUnknown, json!({})),
        (Rejection::RecallTooLate, Code::RecallTooLate, json!({})),
        (Rejection::FaqUnknown, Code::FaqUnknown, json!({})),
        (Rejection::QuickReplyUnknown, Code::QuickReplyUnknown, json!({})),
        (Rejection::ReportUnknown, Code::ReportUnknown, json!({})),
        (Rejection::ReportExists, Code::ReportExists, json!({})),
        (
            Rejection::ReportNotReady { state: ReportState::Upheld },
            Code::ReportNotReady,
            json!({"state": "upheld"}),
        ),
        (Rejection::AlreadyRated { stars: 4 }, Code::AlreadyRated, json!({"stars": 4})),
    ]
}

#[test]
fn every_no_of_the_desk_has_its_code_and_what_the_next_step_needs() {
    refused(refusals());
}

fn refused(rows: Vec<(Rejection, Code, Value)>) {
    for (rejection, code, details) in rows {
        let refusal = rejection_refusal(&rejection);
        assert_eq!(refusal.code, code, "{rejection:?}");
        let told = refusal.details.iter().map(|(name, value)| (name.to_string(), value.clone()));
        assert_eq!(Value::Object(told.collect()), details, "{rejection:?}");
    }
}
