//! Rules of the desk that need many at once: balance, a long queue, a full agent who leaves, days
//! on which clocks change, a repeated command. Owns small crowds; a twin hears every event.

#[path = "support/desk_stage.rs"]
mod desk_stage;
#[path = "support/twin.rs"]
mod twin;

use hawker_domain::command::{ChatCommand, Content, DeskCommand};
use hawker_domain::event::DeskEvent;
use hawker_domain::id::SessionId;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::Change;
use hawker_domain::view::desk::{DeskChange, DeskList, SessionState};
use hawker_domain::{Actor, Command, Event, Role, Shop};

use desk_stage::{accept, act, stage, write};

#[test]
fn equal_caps_without_closes_stay_balanced() {
    let mut twin = stage();
    for agent in 0..7 {
        accept(&mut twin, &format!("a{agent}"), 50, Millis(0));
    }
    for buyer in 0..300 {
        write(&mut twin, buyer, Millis(i64::try_from(buyer).expect("small")));
        let loads: Vec<_> = twin.live.team_view().iter().map(|view| view.load).collect();
        let most = loads.iter().max().expect("agents");
        let least = loads.iter().min().expect("agents");
        assert!(most - least <= 1, "{loads:?}");
    }
    assert_eq!(twin.check(), Ok(()));
}

#[test]
fn a_long_queue_drains_in_bounded_steps_and_in_its_order() {
    const WAITING: u64 = 2_000;
    let mut twin = stage();
    for buyer in 0..WAITING {
        write(&mut twin, buyer, Millis(i64::try_from(buyer).expect("small")));
    }
    let now = Millis(10_000);
    let mut order = Vec::new();
    for agent in 0..4 {
        let who = format!("a{agent}");
        let actor = Actor { user: who.parse().expect("an id"), role: Role::Agent };
        accept(&mut twin, &who, 0, now);
        let raise = Command::Desk(DeskCommand::SetCap { agent: None, cap: 500 });
        let accepted = twin.execute(&actor, &raise, now).expect("a cap");
        order.extend(assigned(&accepted.events));
        assert!(accepted.events.len() <= 257, "a step of {}", accepted.events.len());
        assert_eq!(twin.live.next_due(), Some(now), "what is left is due at once");
        while twin.live.next_due() == Some(now) {
            let step = twin.live.elapse(now, 512);
            twin.follow(&step.events, now);
            assert!(step.events.len() <= 256, "a step of {}", step.events.len());
            order.extend(assigned(&step.events));
        }
    }
    let expected: Vec<_> = (1..=WAITING).map(SessionId).collect();
    assert_eq!(order, expected);
    assert_eq!(twin.live.alerts_view().unassigned, 0);
    assert_eq!(twin.check(), Ok(()));
}

fn assigned(events: &[Event]) -> Vec<SessionId> {
    let of = |event: &Event| match event {
        Event::Desk(DeskEvent::SessionAssigned(assigned)) => Some(assigned.session),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn a_full_agent_who_leaves_gives_back_everything_in_bounded_steps() {
    let mut twin = stage();
    accept(&mut twin, "a0", 1_000, Millis(0));
    for buyer in 0..700 {
        write(&mut twin, buyer, Millis(1));
    }
    let out = DeskCommand::LogOut { confirmed: true };
    act(&mut twin, ("a0", Role::Agent), out, Millis(2));
    let mut steps = 0;
    while twin.live.next_due() == Some(Millis(2)) {
        let step = twin.live.elapse(Millis(2), 512);
        twin.follow(&step.events, Millis(2));
        steps += 1;
        assert_eq!(twin.check(), Ok(()), "after step {steps}");
    }
    assert_eq!(steps, 2, "256 with the command, 256 and 188 after it");
    assert_eq!(twin.live.alerts_view().unassigned, 700);
    accept(&mut twin, "a1", 3, Millis(3));
    let page = twin.live.desk_list(&DeskList::Mine("a1".parse().expect("an id")), None, 5);
    let first: Vec<_> = page.sessions.iter().map(|view| view.session.0).collect();
    assert_eq!(first, [1, 2, 3], "the first of them are the first again");
}

#[test]
fn verdicts_are_the_same_across_clock_changes_and_a_leap_day() {
    // 2028-02-29, and the mornings of both clock changes of that year in Europe and in America.
    for day_ms in [1_835_395_200_000_i64, 1_837_641_600_000, 1_855_785_600_000, 1_836_432_000_000] {
        let opened = Millis(day_ms + 3_600_000);
        let mut twin = stage();
        accept(&mut twin, "a0", 9, opened);
        write(&mut twin, 1, opened);
        write(&mut twin, 2, opened);
        let due = opened + SpanMs::hours(24);
        twin.elapse(due);
        let reply = |buyer: &str| DeskCommand::Send {
            buyer: buyer.parse().expect("an id"),
            content: Content::Text("hi".to_owned()),
        };
        act(&mut twin, ("a0", Role::Agent), reply("b1"), due);
        twin.elapse(due + SpanMs(1));
        act(&mut twin, ("a0", Role::Agent), reply("b2"), due + SpanMs(1));
        let rate = twin.live.response_rate(opened, due);
        assert_eq!((rate.human_hits, rate.missed), (1, 1));
    }
}

#[test]
fn a_repeated_command_is_told_the_same_also_after_a_restart() {
    let mut twin = stage();
    accept(&mut twin, "a0", 9, Millis(5));
    let send = Command::Chat(ChatCommand::Send {
        content: Content::Text("  hello ".to_owned()),
        room: None,
    });
    let actor = Actor { user: "b1".parse().expect("an id"), role: Role::Buyer };
    let first = twin.execute(&actor, &send, Millis(7)).expect("a message").events;
    write(&mut twin, 2, Millis(9));
    let told = twin.live.result_of(&actor, &send, &first, Millis(7));
    let Some(Change::Desk(DeskChange::Message(view))) = &told else { panic!("{told:?}") };
    assert_eq!((view.message.seq, view.message.at), (1, Millis(7)));
    assert_eq!(view.message.content, Some(Content::Text("hello".to_owned())));
    let back = Shop::thaw(&twin.live.freeze()).expect("a shop");
    let again = back.result_of(&actor, &send, &first, Millis(7));
    let Some(Change::Desk(DeskChange::Message(view))) = &again else { panic!("{again:?}") };
    assert_eq!((view.message.seq, view.message.at), (1, Millis(7)));
    let agent = Actor { user: "a0".parse().expect("an id"), role: Role::Agent };
    let close = Command::Desk(DeskCommand::Close { session: SessionId(1), epoch: 1 });
    let closed = twin.execute(&agent, &close, Millis(11)).expect("a close").events;
    let told = twin.live.result_of(&agent, &close, &closed, Millis(11));
    let Some(Change::Desk(DeskChange::Session { session: view, .. })) = &told else {
        panic!("{told:?}")
    };
    assert!(matches!(view.state, SessionState::Closed { .. }), "{view:?}");
}
