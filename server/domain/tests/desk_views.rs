//! What the desk's views owe to whoever delivers them: who serves, who served before, what a click
//! said, versions that follow every change, shares by the page. A twin hears every event.

#[path = "support/desk_stage.rs"]
mod desk_stage;
#[path = "support/twin.rs"]
mod twin;

use hawker_domain::command::{
    ChatCommand, Content, DeskCommand, Faq, Marks, ShopCommand, TransferTo,
};
use hawker_domain::document::{self, DocumentWrite};
use hawker_domain::id::{SessionId, UserId};
use hawker_domain::policy::DeskPolicy;
use hawker_domain::shop::Touched;
use hawker_domain::time::Millis;
use hawker_domain::view::Change;
use hawker_domain::view::desk::{AgentRateView, DeskChange, Message, Note, SessionState};
use hawker_domain::{Accepted, Actor, Command, Event, Role, Shop};

use desk_stage::{accept, act, stage, write};
use twin::Twin;

fn user(name: &str) -> UserId {
    name.parse().expect("an id")
}

fn actor(name: &str, role: Role) -> Actor {
    Actor { user: user(name), role }
}

/// Carries a command out as part of a batch.
fn add(
    batch: &mut Touched,
    twin: &mut Twin,
    (name, role): (&str, Role),
    command: impl Into<Command>,
    now: Millis,
) -> Accepted {
    let accepted = twin.execute(&actor(name, role), &command.into(), now).expect("a yes");
    accepted.events.iter().for_each(|event| twin.live.touch(event, batch));
    accepted
}

fn changes(twin: &Twin, batch: &Touched) -> Vec<DeskChange> {
    let changes = twin.live.changes(batch).into_iter().map(|change| match change {
        Change::Desk(change) => change,
        other => panic!("{other:?}"),
    });
    changes.collect()
}

fn hello() -> ChatCommand {
    ChatCommand::Send { content: Content::Text("hello".to_owned()), room: None }
}

/// Whose the session is after the batch, and whose it was before and is no longer.
fn owners(changes: &[DeskChange]) -> (Option<UserId>, Option<UserId>) {
    let found = changes.iter().find_map(|change| match change {
        DeskChange::Session { session, owner_before } => {
            let owner = match &session.state {
                SessionState::Assigned { agent, .. } => Some(agent.clone()),
                _ => None,
            };
            Some((owner, owner_before.clone()))
        }
        _ => None,
    });
    found.expect("a session")
}

fn names(owner: Option<&str>, before: Option<&str>) -> (Option<UserId>, Option<UserId>) {
    (owner.map(user), before.map(user))
}

fn to(agent: &str, epoch: u32) -> DeskCommand {
    let to = TransferTo::Agent(user(agent));
    DeskCommand::Transfer { session: SessionId(1), epoch, to, force: false }
}

#[test]
fn a_session_that_changes_hands_says_whose_it_was_when_the_batch_began() {
    let mut twin = stage();
    accept(&mut twin, "bea", 9, Millis(1));
    let mut batch = Touched::default();
    let (ann, bea) = (("ann", Role::Buyer), ("bea", Role::Agent));
    add(&mut batch, &mut twin, ann, hello(), Millis(2));
    assert_eq!(owners(&changes(&twin, &batch)), names(Some("bea"), None), "nobody's before");

    accept(&mut twin, "cleo", 9, Millis(3));
    let mut batch = Touched::default();
    add(&mut batch, &mut twin, bea, to("cleo", 1), Millis(4));
    assert_eq!(owners(&changes(&twin, &batch)), names(Some("cleo"), Some("bea")));

    let mut batch = Touched::default();
    add(&mut batch, &mut twin, ("cleo", Role::Agent), to("bea", 2), Millis(5));
    add(&mut batch, &mut twin, bea, to("cleo", 3), Millis(6));
    assert_eq!(owners(&changes(&twin, &batch)), names(Some("cleo"), None), "there and back");

    let mut batch = Touched::default();
    let queue = DeskCommand::Transfer {
        session: SessionId(1),
        epoch: 4,
        to: TransferTo::Queue,
        force: false,
    };
    add(&mut batch, &mut twin, ("cleo", Role::Agent), queue, Millis(7));
    assert_eq!(owners(&changes(&twin, &batch)), names(Some("bea"), Some("cleo")), "by the queue");
    assert_eq!(twin.check(), Ok(()));
}

#[test]
fn a_session_that_waited_was_nobodys_whoever_had_it_once() {
    let mut twin = stage();
    accept(&mut twin, "bea", 9, Millis(1));
    write(&mut twin, 1, Millis(2));
    let gone = DeskCommand::Disconnect { connection: "bea".parse().expect("an id") };
    act(&mut twin, ("bea", Role::Agent), gone, Millis(3));
    let mut batch = Touched::default();
    let after_grace = Millis(31_000);
    let elapsed = twin.elapse(after_grace).events;
    elapsed.iter().for_each(|event| twin.live.touch(event, &mut batch));
    assert_eq!(owners(&changes(&twin, &batch)), names(None, Some("bea")), "requeued");

    let mut batch = Touched::default();
    accept(&mut twin, "cleo", 0, after_grace);
    let cap = DeskCommand::SetCap { agent: None, cap: 9 };
    add(&mut batch, &mut twin, ("cleo", Role::Agent), cap, after_grace);
    assert_eq!(owners(&changes(&twin, &batch)), names(Some("cleo"), None), "from the queue");

    let mut batch = Touched::default();
    let close = DeskCommand::Close { session: SessionId(1), epoch: 3 };
    add(&mut batch, &mut twin, ("cleo", Role::Agent), close, after_grace);
    assert_eq!(owners(&changes(&twin, &batch)), names(None, Some("cleo")), "closed");
}

#[test]
fn what_is_said_read_and_taken_back_names_the_one_who_serves() {
    let mut twin = stage();
    let (ann, bea) = (("ann", Role::Buyer), ("bea", Role::Agent));
    let mut batch = Touched::default();
    add(&mut batch, &mut twin, ann, hello(), Millis(1));
    let said = changes(&twin, &batch);
    assert!(matches!(&said[0], DeskChange::Message(view) if view.owner.is_none()), "{said:?}");

    accept(&mut twin, "bea", 9, Millis(2));
    let mut batch = Touched::default();
    add(&mut batch, &mut twin, ann, hello(), Millis(3));
    add(&mut batch, &mut twin, ann, ChatCommand::Recall { seq: 2 }, Millis(4));
    let marks = Marks { delivered: 1, read: 1 };
    add(&mut batch, &mut twin, bea, DeskCommand::Mark { buyer: user("ann"), marks }, Millis(5));
    let owner = Some(user("bea"));
    let told = changes(&twin, &batch);
    assert!(told.iter().any(|it| matches!(it, DeskChange::Message(view) if view.owner == owner)));
    let recalled = DeskChange::Recalled { buyer: user("ann"), seq: 2, owner: owner.clone() };
    assert!(told.contains(&recalled), "{told:?}");
    assert!(told.iter().any(|it| matches!(it, DeskChange::Marks(view) if view.owner == owner)));
}

#[test]
fn a_click_is_told_with_question_and_answer_also_doubled_repeated_and_after_a_restart() {
    let mut twin = stage();
    let faq: hawker_domain::id::FaqId = "q1".parse().expect("an id");
    let entry = Faq { question: "When?".to_owned(), answer: "Soon.".to_owned() };
    let put = DeskCommand::PutFaq { faq: faq.clone(), entry };
    act(&mut twin, ("system", Role::Service), put, Millis(1));
    let ann = actor("ann", Role::Buyer);
    let click = Command::Chat(ChatCommand::ClickFaq { faq: faq.clone(), room: None });
    let first = twin.execute(&ann, &click, Millis(5)).expect("a click").events;
    let said = |shop: &Shop, events: &[Event], at| match shop.result_of(&ann, &click, events, at) {
        Some(Change::Desk(DeskChange::Clicked(view))) => (view.session.session, view.messages),
        other => panic!("{other:?}"),
    };
    let (session, messages) = said(&twin.live, &first, Millis(5));
    assert_eq!(session, SessionId(1));
    let [asked, answered] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((asked.seq, answered.seq, asked.at), (1, 2, Millis(5)));
    let question = Content::Question { faq: faq.clone(), text: "When?".to_owned() };
    assert_eq!(asked.content, Some(question));
    assert_eq!(answered.content, Some(Content::Text("Soon.".to_owned())));

    let double = twin.execute(&ann, &click, Millis(900)).expect("a double tap").events;
    assert_eq!(double, []);
    assert_eq!(said(&twin.live, &double, Millis(900)).1, messages);
    let back = Shop::thaw(&twin.live.freeze()).expect("a shop");
    assert_eq!(said(&back, &first, Millis(5)).1, messages);
    let remove = DeskCommand::RemoveFaq { faq };
    act(&mut twin, ("system", Role::Service), remove, Millis(1_000));
    assert_eq!(said(&twin.live, &first, Millis(5)).1, messages, "its words are still at hand");
    let back = Shop::thaw(&twin.live.freeze()).expect("a shop");
    assert_eq!(said(&back, &first, Millis(5)).1, Vec::<Message>::new());
}

#[test]
fn a_quick_reply_is_told_as_the_text_it_makes_also_after_a_restart() {
    let mut twin = stage();
    let quick_reply: hawker_domain::id::QuickReplyId = "t1".parse().expect("an id");
    let text = "Hello {name}!".to_owned();
    let put = DeskCommand::PutQuickReply { quick_reply: quick_reply.clone(), text };
    act(&mut twin, ("system", Role::Service), put, Millis(1));
    let variables = [("name".to_owned(), "Ann".to_owned())].into();
    let content = Content::QuickReply { quick_reply, variables };
    let send = Command::Desk(DeskCommand::Send { buyer: user("ann"), content });
    let system = actor("system", Role::Service);
    let events = twin.execute(&system, &send, Millis(5)).expect("a message").events;
    let said = |shop: &Shop| match shop.result_of(&system, &send, &events, Millis(5)) {
        Some(Change::Desk(DeskChange::Message(view))) => view.message.content,
        other => panic!("{other:?}"),
    };
    let expected = Some(Content::Text("Hello Ann!".to_owned()));
    assert_eq!(said(&twin.live), expected);
    assert_eq!(said(&Shop::thaw(&twin.live.freeze()).expect("a shop")), expected);
}

#[test]
fn regression_a_policy_that_makes_too_many_of_those_who_wait_raises_the_alert() {
    // The alert followed only with the next session that moved.
    let mut twin = stage();
    write(&mut twin, 1, Millis(1));
    let mut batch = Touched::default();
    let policy = DeskPolicy { unassigned_alert: 0, ..DeskPolicy::default() };
    let set = DeskCommand::SetPolicy { policy };
    add(&mut batch, &mut twin, ("system", Role::Service), set, Millis(2));
    let told = changes(&twin, &batch).into_iter().find_map(|change| match change {
        DeskChange::Alerts(alerts) => Some(alerts),
        _ => None,
    });
    assert!(told.expect("alerts").too_many_unassigned);
}

#[test]
fn an_agent_whom_the_shop_sends_away_is_a_newer_view_of_him() {
    let mut twin = stage();
    accept(&mut twin, "bea", 9, Millis(1));
    let before = twin.live.agent_view(&user("bea")).expect("bea");
    let away = ShopCommand::PutStaff { user: user("bea"), roles: [Role::Streamer].into() };
    act(&mut twin, ("system", Role::Service), away, Millis(2));
    let after = twin.live.agent_view(&user("bea")).expect("bea");
    assert_ne!(after.status, before.status);
    assert!(after.version > before.version, "{before:?}, {after:?}");
    assert!(!twin.live.has_agents_linked());
    assert_eq!(twin.check(), Ok(()));
}

#[test]
fn a_note_keeps_who_wrote_it_and_when() {
    let mut twin = stage();
    write(&mut twin, 1, Millis(1));
    let note: hawker_domain::id::NoteId = "n1".parse().expect("an id");
    let text = "prefers red".to_owned();
    let add = DeskCommand::AddNote { buyer: user("b1"), note: note.clone(), text: text.clone() };
    let bea = actor("bea", Role::Agent);
    let accepted = twin.execute(&bea, &add.into(), Millis(7)).expect("a note");
    let [DocumentWrite::Put { key, value }] = &accepted.documents[..] else {
        panic!("{accepted:?}")
    };
    assert!(key.starts_with(&document::notes_prefix(&user("b1"))), "{key}");
    let kept: Note = serde_json::from_slice(value).expect("a note");
    assert_eq!(kept, Note { note, by: user("bea"), at: Millis(7), text });
}

#[test]
fn the_shares_of_all_agents_come_by_the_page_in_the_order_of_their_ids() {
    let mut twin = stage();
    for number in (0..25).rev() {
        accept(&mut twin, &format!("a{number:02}"), 1, Millis(1));
    }
    for buyer in 0..20 {
        write(&mut twin, buyer, Millis(2));
        let buyer = user(&format!("b{buyer}"));
        let view = twin.live.chat_view(&buyer, Millis(2)).session.expect("a session");
        let SessionState::Assigned { agent, .. } = view.state else { panic!("{view:?}") };
        let send = DeskCommand::Send { buyer, content: Content::Text("hi".to_owned()) };
        act(&mut twin, (agent.as_str(), Role::Agent), send, Millis(3));
    }
    let shop = Shop::thaw(&twin.live.freeze()).expect("a shop");
    let (mut after, mut sizes, mut all) = (None, Vec::new(), Vec::<AgentRateView>::new());
    loop {
        let page = shop.agent_rates((Millis(0), Millis(9)), after.as_ref(), 10);
        sizes.push(page.agents.len());
        all.extend(page.agents);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert!(all.is_sorted_by_key(|view| view.agent.clone()));
    assert_eq!(all.iter().map(|view| view.hits).sum::<u32>(), 20);
    for view in all {
        let alone = shop.agent_rate(&view.agent, Millis(0), Millis(9));
        assert_eq!(alone, Some(view));
    }
}
