//! Planted faults: the audit must find each of them once, and nothing in a history that is right.

use hawker_protocol::number::{EpochMs, SpanMs};
use hawker_protocol::object::{AgentRate, FirstReplies, Rate};
use serde_json::{Value, json};

use super::{DeskLedger, Window};
use crate::audit::Feed;
use crate::desk::scene::Told;
use hawker_protocol::request::DeskClose;
use hawker_protocol::{Id, Request};

const WITHIN: i64 = 60_000;

/// A history, one entry for each call.
struct History {
    feed: Feed<DeskLedger>,
    version: u64,
    at: i64,
    seqs: std::collections::BTreeMap<String, u64>,
}

impl History {
    /// A desk with two agents who are there and hold two sessions each at most.
    fn of_desk() -> Self {
        let mut history =
            Self { feed: Feed::new(), version: 0, at: 1_000, seqs: Default::default() };
        let policy = json!({
            "answer_within_ms": WITHIN, "automation_counts": ["faq"],
            "excludes": ["holiday", "no_reply", "reported"], "sticky_ms": 1_000,
            "grace_ms": 2_000, "charge_after_ms": 500, "cap": 2, "verdict_by": "manager",
        });
        history.one("desk_policy_set", json!({"policy": policy, "by": "lead"}));
        for agent in ["ann", "bob"] {
            history.one("agent_connected", json!({"agent": agent, "connection": agent}));
            let set = json!({"agent": agent, "intent": "accepting", "by": agent});
            history.one("agent_intent_set", set);
        }
        history
    }

    fn entry(&mut self, events: Vec<(&str, Value)>) -> &mut Self {
        self.by(None, events)
    }

    fn by(&mut self, by: Option<(&str, &str)>, events: Vec<(&str, Value)>) -> &mut Self {
        self.version += 1;
        self.at += 10;
        let event = |(index, (name, data)): (usize, (&str, Value))| {
            let mut event = json!({
                "version": self.version, "index": index, "at": self.at, "type": "desk",
                "data": { name: data },
            });
            if let Some((user, command)) = by {
                event["user"] = user.into();
                event["command_id"] = command.into();
            }
            event
        };
        let events: Vec<_> = events.into_iter().enumerate().map(event).collect();
        let page = json!({"events": events, "next": self.version, "end": true});
        assert!(self.feed.on_page(page.to_string().as_bytes()).unwrap());
        self
    }

    fn one(&mut self, name: &str, data: Value) -> &mut Self {
        self.entry(vec![(name, data)])
    }

    fn now(&self) -> i64 {
        self.at + 10
    }

    fn said(&mut self, buyer: &str, session: Option<u64>, from: Value) -> Value {
        self.said_as(buyer, session, from, "text")
    }

    fn said_as(&mut self, buyer: &str, session: Option<u64>, from: Value, kind: &str) -> Value {
        let seq = self.seqs.entry(buyer.to_owned()).or_default();
        *seq += 1;
        json!({"buyer": buyer, "seq": *seq, "session": session, "from": from, "kind": kind,
               "chars": 5, "hash": "00"})
    }

    /// A buyer's first word, and whom it goes to at once, if to anybody.
    fn open(&mut self, session: u64, to: Option<Value>) -> &mut Self {
        let buyer = format!("b{session}");
        let opened = opened(session, &buyer, Some(self.now() + WITHIN));
        let sent = self.said(&buyer, Some(session), json!("buyer"));
        let mut events = vec![("session_opened", opened), ("message_sent", sent)];
        events.extend(to.map(|to| ("session_assigned", to)));
        let command = format!("open{session}");
        self.by(Some((&buyer, &command)), events)
    }

    /// An answer in time.
    fn answer(&mut self, session: u64, agent: &str) -> &mut Self {
        let buyer = format!("b{session}");
        let sent = self.said(&buyer, Some(session), json!({"agent": agent}));
        let answered =
            json!({"session": session, "by": {"human": agent}, "replied_at": self.now()});
        self.entry(vec![("message_sent", sent), ("session_answered", answered)])
    }

    fn close(&mut self, session: u64, agent: &str, to: Option<Value>) -> &mut Self {
        let last = self.seqs[&format!("b{session}")];
        let closed = json!({"session": session, "reason": "agent", "by": agent, "owner": agent,
                            "first_seq": 1, "last_seq": last});
        let mut events = vec![("session_closed", closed)];
        events.extend(to.map(|to| ("session_assigned", to)));
        self.entry(events)
    }

    fn found(&mut self) -> Vec<String> {
        self.feed.ledger.recount();
        self.feed.ledger.violations.kept.clone()
    }

    fn is_right(&mut self) -> &mut Self {
        assert_eq!(self.found(), Vec::<String>::new());
        self
    }

    /// The one thing that is wrong.
    fn finds(&mut self, part: &str) {
        let found = self.found();
        let count = found.iter().filter(|said| said.contains(part)).count();
        assert_eq!(count, 1, "{part:?} is not once in {found:?}");
    }

    fn faults(&self) -> [u64; 4] {
        let faults = self.feed.ledger.faults;
        let one = [faults.over_cap, faults.lost_sessions];
        [one[0], one[1], faults.double_assigned, faults.fifo_violations]
    }
}

fn opened(session: u64, buyer: &str, answer_by: Option<i64>) -> Value {
    json!({"session": session, "buyer": buyer, "answer_by": answer_by, "holiday": false,
           "excludes": ["holiday", "no_reply", "reported"]})
}

fn given(session: u64, agent: &str, (epoch, load): (u32, u32), reason: &str) -> Value {
    let by_hand = !matches!(reason, "sticky" | "lowest_saturation");
    json!({"session": session, "agent": agent, "epoch": epoch, "why": {
        "reason": reason, "load": load, "cap": 2, "routable": 2, "forced": load >= 2,
        "by": by_hand.then_some("lead"),
    }})
}

fn auto(session: u64, agent: &str, load: u32) -> Option<Value> {
    Some(given(session, agent, (1, load), "lowest_saturation"))
}

/// Both agents are full and two buyers wait.
fn full() -> History {
    let mut history = History::of_desk();
    history.open(1, auto(1, "ann", 0)).open(2, auto(2, "bob", 0));
    history.open(3, auto(3, "ann", 1)).open(4, auto(4, "bob", 1));
    history.open(5, None).open(6, None);
    history
}

#[test]
fn a_right_history_has_no_faults() {
    let mut history = full();
    history.answer(1, "ann").close(1, "ann", auto(5, "ann", 1));
    history.close(2, "bob", auto(6, "bob", 1)).is_right();
    assert_eq!(history.faults(), [0; 4]);
    assert_eq!(history.feed.ledger.totals.waiting_max, 2);
    let places: Vec<_> = history.feed.ledger.places().map(|(_, place)| place).collect();
    assert_eq!(places, ["closed", "closed", "agent:ann", "agent:bob", "agent:ann", "agent:bob"]);
}

#[test]
fn a_session_above_the_cap_is_found_unless_somebody_forced_it() {
    let mut history = full();
    history.one("session_assigned", given(5, "ann", (1, 2), "assigned_by_supervisor")).is_right();
    assert_eq!((history.faults(), history.feed.ledger.totals.forced), ([0; 4], 1));
    assert_eq!(history.feed.ledger.over_cap_now(), 1);
    let mut unasked = given(6, "bob", (1, 2), "picked");
    unasked["why"]["forced"] = false.into();
    history.one("session_assigned", unasked).finds("bob, who holds 2 of 2");
    assert_eq!(history.faults(), [1, 0, 0, 0]);
}

#[test]
fn an_agent_who_is_not_there_is_given_nothing() {
    let mut history = History::of_desk();
    let gone = json!({"agent": "ann", "connection": "ann", "grace_until": history.now() + 2_000});
    history.one("agent_disconnected", gone).is_right();
    history.open(1, auto(1, "ann", 0)).finds("was given to ann, who is not there");
}

#[test]
fn whoever_comes_first_is_served_first() {
    let mut history = full();
    history.answer(1, "ann").close(1, "ann", auto(6, "ann", 1));
    history.finds("session 6 was served before 5");
    assert_eq!(history.faults(), [0, 0, 0, 1]);
}

#[test]
fn whoever_goes_back_keeps_his_turn() {
    let mut history = full();
    let gone = json!({"agent": "ann", "connection": "ann", "grace_until": history.now() + 2_000});
    history.one("agent_disconnected", gone);
    history.at += 2_000;
    let down = json!({"agent": "ann", "cause": "grace_over", "due_at": history.now()});
    let back = json!({"agent": "ann", "sessions": [1, 3], "more": false});
    history.entry(vec![("agent_down", down), ("sessions_requeued", back)]).is_right();
    history.answer(2, "bob").close(2, "bob", Some(given(1, "bob", (3, 1), "lowest_saturation")));
    history.is_right();
    history.answer(4, "bob").close(4, "bob", auto(5, "bob", 1));
    history.finds("session 5 was served before 3");
}

#[test]
fn a_session_with_two_owners_is_found() {
    let mut history = full();
    history.one("session_assigned", given(5, "ann", (1, 2), "assigned_by_supervisor"));
    let again = given(5, "bob", (2, 2), "picked");
    history.one("session_assigned", again).finds("session 5 of ann was given to bob: picked");
    assert_eq!(history.faults(), [0, 0, 1, 0]);
}

#[test]
fn an_epoch_that_was_there_before_is_found() {
    let mut history = full();
    history.one("session_assigned", given(1, "bob", (1, 2), "transferred"));
    history.finds("session 1 went from epoch 1 to 1");
    history.finds("session 1 at epoch 1 is ann's and bob's");
}

#[test]
fn a_session_that_is_in_no_place_or_in_two_is_found() {
    let mut history = full();
    let queued = json!({"session": 5, "cause": "transferred"});
    history.one("session_queued", queued).finds("session 5 is queued as transferred out of");
    let mut history = full();
    history.answer(1, "ann").close(1, "ann", auto(5, "ann", 1)).close(1, "ann", None);
    history.finds("session 1 was closed twice");
    let mut history = full();
    let opened = opened(7, "b1", Some(history.now() + WITHIN));
    let sent = history.said("b1", Some(7), json!("buyer"));
    history.entry(vec![("session_opened", opened), ("message_sent", sent)]);
    history.finds("session 7 opened beside another one of b1");
    assert_eq!(history.faults(), [0, 1, 0, 0]);
    let mut history = full();
    history.feed.ledger.waiting.clear();
    history.finds("the queue and the agents do not hold the open sessions");
}

#[test]
fn somebody_who_waits_beside_a_free_agent_is_found() {
    let mut history = History::of_desk();
    history.open(1, None).finds("session 1 waits beside ann, who has room");
}

#[test]
fn an_emptier_agent_and_the_one_of_last_time_are_not_passed_over() {
    let mut history = History::of_desk();
    history.open(1, auto(1, "ann", 0)).open(2, auto(2, "ann", 1));
    history.finds("session 2 went to ann and not to bob");
    let mut history = History::of_desk();
    history.open(1, auto(1, "ann", 0)).answer(1, "ann").close(1, "ann", None);
    let opened = opened(2, "b1", Some(history.now() + WITHIN));
    let sent = history.said("b1", Some(2), json!("buyer"));
    let to_bob = given(2, "bob", (1, 0), "lowest_saturation");
    let again =
        vec![("session_opened", opened), ("message_sent", sent), ("session_assigned", to_bob)];
    history.entry(again).finds("session 2 went to bob and not to ann");
}

#[test]
fn an_answer_that_the_messages_do_not_make_is_found() {
    let mut history = full();
    let answered = json!({"session": 1, "by": {"human": "ann"}, "replied_at": history.now()});
    history.one("session_answered", answered).finds("session 1: the events say");
    let mut history = full();
    let sent = history.said("b1", Some(1), json!({"agent": "ann"}));
    history.one("message_sent", sent).finds("session 1: the events say");
}

#[test]
fn a_recalled_answer_is_a_duty_again_with_its_old_clock() {
    let mut history = full();
    let due_at = history.feed.ledger.session(1).unwrap().told.due_at;
    history.answer(1, "ann");
    let recalled = ("message_recalled", json!({"buyer": "b1", "seq": 2}));
    let due = json!({"session": 1, "since": due_at - WITHIN, "due_at": due_at});
    history.entry(vec![recalled, ("answer_due", due)]).is_right();
    history.answer(1, "ann").is_right();
    history.one("message_recalled", json!({"buyer": "b1", "seq": 3}));
    history.finds("session 1: the events say");
}

#[test]
fn a_window_that_closes_too_early_or_not_at_all_is_found() {
    let mut history = full();
    let due_at = history.feed.ledger.session(1).unwrap().told.due_at;
    let missed = json!({"session": 1, "charged": "ann", "due_at": due_at});
    history.one("session_missed", missed.clone()).finds("session 1 is missed at");
    let mut history = full();
    history.at = due_at;
    history.one("session_missed", missed).is_right();
    let mut history = full();
    history.at = due_at;
    history.answer(1, "ann").finds("session 1 was due at");
}

#[test]
fn whoever_has_just_got_a_session_is_not_charged_with_it() {
    let mut history = full();
    let due_at = history.feed.ledger.session(5).unwrap().told.due_at;
    history.one("session_assigned", given(5, "ann", (1, 2), "assigned_by_supervisor"));
    for session in 1..=4 {
        let due_at = history.feed.ledger.session(session).unwrap().told.due_at;
        history.at = due_at;
        let owner = if session % 2 == 1 { "ann" } else { "bob" };
        let missed = json!({"session": session, "charged": owner, "due_at": due_at});
        history.one("session_missed", missed);
    }
    history.is_right();
    history.at = due_at - 200;
    history.feed.ledger.agents.get_mut("bob", 2).cap = 9;
    let mut passed = given(5, "bob", (2, 2), "transferred");
    passed["why"]["cap"] = 9.into();
    history.one("session_assigned", passed);
    history.at = due_at;
    let missed = json!({"session": 5, "charged": "bob", "due_at": due_at});
    history.one("session_missed", missed).finds("session 5: the events say");
}

#[test]
fn a_message_that_is_missing_or_in_another_session_is_found() {
    let mut history = full();
    history.seqs.insert("b1".to_owned(), 2);
    let sent = history.said("b1", Some(1), json!("buyer"));
    history.one("message_sent", sent).finds("b1: message 3 where 2 was to come");
    let mut history = full();
    let sent = history.said("b1", None, json!("buyer"));
    history.one("message_sent", sent).finds("message 2 of b1 is in None, not Some(1)");
}

#[test]
fn what_sockets_were_told_is_held_against_the_feed() {
    let mut history = full();
    history.is_right();
    let id = |text: &str| Id::parse(text).unwrap();
    let mut told = Told::default();
    told.on_said(("b1", Some(&id("open1"))), ("b1", 1), None);
    told.on_session(1, "b1");
    told.on_owner(1, 1, "ann");
    let compared = told.compare(&history.feed.ledger);
    assert_eq!((compared.violations.count, compared.lost, compared.doubled), (0, 0, 0));

    told.on_said(("b2", Some(&id("open2"))), ("b2", 7), None);
    told.on_said(("b3", Some(&id("lost"))), ("b3", 1), None);
    told.on_session(9, "b9");
    told.on_owner(2, 1, "ann");
    told.on_owner(2, 1, "bob");
    told.on_owner(4, 1, "ann");
    let close = DeskClose {
        shop: id("s"),
        command_id: id("open4"),
        session: hawker_protocol::number::SessionId(4),
        epoch: hawker_protocol::number::OwnerEpoch(1),
    };
    told.on_refused("b4", &Request::DeskClose(close), "not_owner");
    let compared = told.compare(&history.feed.ledger);
    let found = compared.violations.kept.join("\n");
    for part in [
        "told b2/7, the feed Some(\"b2/1\")",
        "lost of b3 was accepted and is not in the feed",
        "session 9 of b9 is not in the feed",
        "ann and bob both have session 2 at 1",
        "session 4 at 1 is Some(\"bob\")'s, told ann",
        "open4 of b4: refused not_owner, done at",
    ] {
        assert!(found.contains(part), "{part:?} is not in {found}");
    }
    assert_eq!((compared.lost, compared.doubled), (2, 2), "{found}");
}

#[test]
fn the_rate_is_counted_again_and_every_figure_compared() {
    let mut history = full();
    history.answer(1, "ann").close(1, "ann", auto(5, "ann", 1));
    let question = history.said_as("b7", Some(7), json!("buyer"), "question");
    let answer = history.said("b7", Some(7), json!({"faq": "q1"}));
    let click = opened(7, "b7", None);
    history.entry(vec![
        ("session_opened", click),
        ("message_sent", question),
        ("message_sent", answer),
    ]);
    history.one("session_reported", json!({"session": 2, "report": "r1", "by": "bob"}));
    history.one("report_decided", json!({"report": "r1", "verdict": "upheld", "by": "lead"}));
    history.one("session_rated", json!({"session": 1, "stars": 4, "hash": null}));
    history.is_right();
    let rates = history.feed.ledger.rates(Window { from: 0, until: i64::MAX });
    let mut told = Rate {
        from: EpochMs(0),
        until: EpochMs(0),
        pending: 4,
        faq_hits: 1,
        human_hits: 1,
        missed: 0,
        missed_unassigned: 0,
        excluded: 1,
        holiday: 0,
        no_reply: 0,
        reported: 1,
        rated: 1,
        satisfied: 1,
        first_replies: vec![
            FirstReplies { within_ms: Some(SpanMs(10)), count: 0 },
            FirstReplies { within_ms: None, count: 1 },
        ],
        rate_bps: Some(3_333),
        settled_bps: Some(10_000),
        no_reply_bps: Some(0),
    };
    let found = rates.differences(&told);
    assert_eq!((found.sum, found.said), (0, Vec::new()));
    let of = |agent: &str, hits, rate_bps| AgentRate {
        agent: Id::parse(agent).unwrap(),
        hits,
        missed: 0,
        no_reply: 0,
        rate_bps,
    };
    assert_eq!(rates.agent_differences(&[of("ann", 1, Some(10_000))]).sum, 0);
    assert_eq!(rates.agent_differences(&[]).sum, 1, "ann is forgotten");
    assert_eq!(rates.agent_differences(&[of("ann", 3, Some(10_000))]).sum, 2);
    told.faq_hits = 3;
    told.first_replies[0].count = 1;
    let found = rates.differences(&told);
    assert_eq!(found.said.len(), 2, "{:?}", found.said);
    assert_eq!(found.sum, 3);
    let until = history.feed.ledger.session(2).unwrap().opened_at;
    let first = history.feed.ledger.rates(Window { from: 0, until });
    assert_ne!(first, rates, "a window ends before the moment that ends it");
}
