//! Agents, sessions, reports, the response rate and the switches of the desk.

use std::time::Duration;

use hawker_domain::Role;
use hawker_domain::command::{Actor, ChatCommand, Content, DeskCommand};
use hawker_domain::id::{CommandId, ConnectionId, UserId};
use serde_json::{Value, json};

use crate::bench::{Asking, Bench, START, acme, ask, bench, lasting_token};

pub(crate) fn in_acme(method: &str, path: &str) -> Asking {
    ask(method, &format!("/v1/shops/acme/{path}"))
}

fn led(method: &str, path: &str) -> Asking {
    in_acme(method, path).by("lea", Role::Supervisor)
}

/// A buyer says something over his socket.
pub(crate) async fn say(bench: &Bench, buyer: &str, command: &str, text: &str) -> Value {
    let fields = json!({ "type": "chat.send", "shop": "acme", "command_id": command,
        "content": { "kind": "text", "text": text } });
    let answer = bench.over_the_socket(buyer, Role::Buyer, &fields).await.unwrap();
    serde_json::to_value(answer).unwrap()["message"].clone()
}

/// An agent whose socket is there, with this intent.
pub(crate) async fn on_duty(bench: &Bench, agent: &str, status: &str) {
    let actor = Actor { user: UserId::parse(agent).unwrap(), role: Role::Agent };
    let connection = ConnectionId::parse(&format!("of-{agent}")).unwrap();
    let id = CommandId::parse(&format!("connect-{agent}")).unwrap();
    let command = DeskCommand::Connect { connection };
    bench.service.submit(&acme(), actor, command.into(), id, 1).await.unwrap();
    let set = in_acme("PUT", &format!("agents/{agent}/status")).by(agent, Role::Agent);
    bench.send(set.json(json!({ "status": status }))).await.ok();
}

fn sessions(page: &Value) -> Vec<u64> {
    let all = page["sessions"].as_array().unwrap().iter();
    all.map(|session| session["session"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_team_is_listed_and_led() {
    let bench = bench().await;
    for agent in ["a1", "a2", "a3"] {
        on_duty(&bench, agent, "accepting").await;
    }
    let first = bench.send(in_acme("GET", "agents?limit=2")).await.ok();
    let next = first["next"].as_str().unwrap();
    let rest = bench.send(in_acme("GET", &format!("agents?limit=2&cursor={next}"))).await.ok();
    let agents = |page: &Value| page["agents"].as_array().unwrap().clone();
    let names: Vec<_> =
        [agents(&first), agents(&rest)].concat().iter().map(|it| it["agent"].clone()).collect();
    assert_eq!(names, ["a1", "a2", "a3"]);
    assert_eq!((&rest["next"], &rest["alerts"]["unassigned"]), (&Value::Null, &json!(0)));

    let status = |agent: &str| format!("agents/{agent}/status");
    let away = json!({ "status": "away" });
    let agent = bench.send(led("PUT", &status("a1")).json(away.clone())).await.ok();
    assert_eq!(
        (&agent["agent"]["status"], &agent["agent"]["connections"]),
        (&json!("away"), &json!(1))
    );
    bench.send(led("PUT", &status("a2")).json(away.clone())).await.ok();
    let last = bench.send(led("PUT", &status("a3")).json(away)).await;
    assert_eq!(last.refused(409, "last_agent")["waiting"], 0);
    let knowingly = json!({ "status": "away", "confirmed": true });
    bench.send(led("PUT", &status("a3")).json(knowingly)).await.ok();

    let cap = |agent: &str| format!("agents/{agent}/cap");
    let agent = bench.send(led("PUT", &cap("a1")).json(json!({ "cap": 3 }))).await.ok();
    assert_eq!((&agent["agent"]["cap"], &agent["agent"]["cap_is_low"]), (&json!(3), &json!(true)));
    let nobody = led("PUT", &cap("a9")).json(json!({ "cap": 3 }));
    bench.send(nobody).await.refused(404, "agent_unknown");
    let colleague = in_acme("PUT", &cap("a2")).by("a1", Role::Agent).json(json!({ "cap": 3 }));
    assert_eq!(bench.send(colleague).await.refused(403, "forbidden")["needed"], "supervisor");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_found_given_away_passed_on_and_ended() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "Is it red?").await;
    say(&bench, "bob", "c2", "Is it blue?").await;
    on_duty(&bench, "a1", "busy").await;
    on_duty(&bench, "a2", "busy").await;
    let first = bench.send(in_acme("GET", "sessions?list=unassigned&limit=1")).await.ok();
    let next = first["next"].as_str().unwrap();
    let path = format!("sessions?list=unassigned&limit=1&cursor={next}");
    let rest = bench.send(in_acme("GET", &path)).await.ok();
    assert_eq!((sessions(&first), sessions(&rest)), (vec![1], vec![2]));
    let shown = bench.send(in_acme("GET", "sessions/1")).await.ok();
    assert_eq!(shown["session"], first["sessions"][0]);

    let give = |epoch: u64| json!({ "epoch": epoch, "agent": "a1" });
    let given = bench.send(led("POST", "sessions/1/assign").json(give(0))).await.ok();
    assert_eq!(given["session"]["state"]["agent"], "a1");
    assert_eq!(given["session"]["why"]["reason"], "assigned_by_supervisor");
    let mine = bench.send(in_acme("GET", "sessions?list=mine&agent=a1")).await.ok();
    assert_eq!(sessions(&mine), [1]);
    let moved = bench.send(led("POST", "sessions/1/assign").json(give(0))).await;
    let epoch = moved.refused(409, "session_moved")["epoch"].as_u64().unwrap();
    let taken = bench.send(led("POST", "sessions/1/assign").json(give(epoch))).await;
    assert_eq!(taken.refused(409, "already_taken")["agent"], "a1");

    let on = json!({ "epoch": epoch, "agent": "a2" });
    let passed = bench.send(led("POST", "sessions/1/transfer").json(on)).await.ok();
    assert_eq!(passed["session"]["state"]["agent"], "a2");
    let back = json!({ "epoch": passed["session"]["epoch"] });
    let queued = bench.send(led("POST", "sessions/1/transfer").json(back)).await.ok();
    assert_eq!(queued["session"]["state"]["kind"], "waiting");
    assert_eq!(queued["session"]["answer"], shown["session"]["answer"], "the clock goes on");

    let end = json!({ "epoch": queued["session"]["epoch"] });
    let closed = bench.send(led("POST", "sessions/1/close").json(end.clone())).await.ok();
    assert_eq!(closed["session"]["state"], json!({ "kind": "closed", "reason": "agent" }));
    let again = bench.send(led("POST", "sessions/1/close").json(end)).await;
    again.refused(409, "session_closed");
    let ended = led("POST", "sessions/2/no-reply").json(json!({ "epoch": 0 }));
    assert_eq!(bench.send(ended).await.ok()["session"]["excluded"], json!(["no_reply"]));
    let all = bench.send(in_acme("GET", "sessions?list=closed")).await.ok();
    assert_eq!(sessions(&all), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn above_the_cap_a_session_goes_by_force_alone() {
    let bench = bench().await;
    on_duty(&bench, "a1", "busy").await;
    bench.send(led("PUT", "agents/a1/cap").json(json!({ "cap": 0 }))).await.ok();
    say(&bench, "ann", "c1", "Is it red?").await;
    let give = |force: bool| json!({ "epoch": 0, "agent": "a1", "force": force });
    let full = bench.send(led("POST", "sessions/1/assign").json(give(false))).await;
    assert_eq!(full.refused(409, "saturated")["cap"], 0);
    let given = bench.send(led("POST", "sessions/1/assign").json(give(true))).await.ok();
    assert_eq!(given["session"]["why"]["forced"], true);
    let team = bench.send(in_acme("GET", "agents")).await.ok();
    assert_eq!((&team["alerts"]["over_cap"], &team["alerts"]["forced"]), (&json!(1), &json!(1)));
    bench.send(led("PUT", "agents/a1/status").json(json!({ "status": "off" }))).await.ok();
    let elsewhere = json!({ "epoch": 0, "agent": "a9" });
    say(&bench, "bob", "c2", "Is it blue?").await;
    let nobody = bench.send(led("POST", "sessions/2/assign").json(elsewhere)).await;
    nobody.refused(404, "agent_unknown");
    let gone = bench.send(led("POST", "sessions/2/assign").json(give(false))).await;
    assert_eq!(gone.refused(409, "agent_not_ready")["status"], "offline");
}

#[tokio::test(start_paused = true)]
async fn a_report_is_filed_read_and_decided() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "You fools").await;
    let path = "sessions/1/reports";
    let report = json!({ "report": "p1", "reason": "insults" });
    let filed = bench.send(in_acme("POST", path).json(report.clone())).await;
    assert_eq!(filed.status, 201);
    assert_eq!(filed.body["report"], json!({ "report": "p1", "session": 1, "state": "filed" }));
    let other = json!({ "reason": "again" });
    bench.send(in_acme("POST", path).json(other.clone())).await.refused(409, "report_exists");
    let decide = |verdict: &str| {
        let decision = in_acme("PUT", "sessions/1/reports/p1/verdict");
        decision.json(json!({ "verdict": verdict }))
    };
    bench.send(decide("overturned")).await.refused(409, "report_not_ready");
    let manager = decide("rejected").by("max", Role::Manager);
    assert_eq!(bench.send(manager).await.refused(403, "forbidden")["needed"], "service");
    assert_eq!(bench.send(decide("rejected")).await.ok()["report"]["state"], "rejected");
    let second = bench.send(in_acme("POST", path).json(other)).await.ok();
    let id = second["report"]["report"].as_str().unwrap().to_owned();
    let uphold = in_acme("PUT", &format!("{path}/{id}/verdict"));
    bench.send(uphold.json(json!({ "verdict": "upheld" }))).await.ok();

    let reports = bench.send(in_acme("GET", path)).await.ok();
    let told = |report: &Value| (report["reason"].clone(), report["report"]["state"].clone());
    let told: Vec<_> = reports["reports"].as_array().unwrap().iter().map(told).collect();
    let expected = [("insults", "rejected"), ("again", "upheld")];
    assert_eq!(told, expected.map(|(reason, state)| (json!(reason), json!(state))));
    let shown = bench.send(in_acme("GET", "sessions/1")).await.ok();
    assert_eq!(shown["session"]["excluded"], json!(["reported"]));
    let unknown = in_acme("PUT", &format!("{path}/p9/verdict"));
    let unknown = unknown.json(json!({ "verdict": "upheld" }));
    bench.send(unknown).await.refused(404, "report_unknown");
    for path in ["sessions/9", "sessions/9/reports"] {
        bench.send(in_acme("GET", path)).await.refused(404, "session_unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn after_97_days_a_session_is_too_old_and_its_transcript_still_there() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "Is it red?").await;
    bench.send(led("POST", "sessions/1/close").json(json!({ "epoch": 0 }))).await.ok();
    tokio::time::advance(Duration::from_secs(98 * 86_400)).await;
    let content = Content::Text("Is it blue?".to_owned());
    bench.as_buyer("bob", ChatCommand::Send { content, room: None }).await;
    let late = |method: &str, path: &str| in_acme(method, path).token(lasting_token());
    for path in ["sessions/1", "sessions/1/reports"] {
        bench.send(late("GET", path)).await.refused(410, "too_old");
    }
    let report = late("POST", "sessions/1/reports").json(json!({ "reason": "spam" }));
    bench.send(report).await.refused(410, "too_old");
    let page = bench.send(late("GET", "conversations/ann/transcript?session=1")).await.ok();
    assert_eq!(page["messages"][0]["content"]["text"], "Is it red?");
    assert_eq!(page["session"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn the_response_rate_is_counted_for_the_shop_and_for_each_agent() {
    let bench = bench().await;
    for (agent, buyer) in [("a1", "ann"), ("a2", "bob")] {
        on_duty(&bench, agent, "accepting").await;
        let said = say(&bench, buyer, &format!("c-{buyer}"), "Is it red?").await;
        assert_eq!(said["seq"], 1);
        let leave = json!({ "status": "busy", "confirmed": true });
        bench.send(led("PUT", &format!("agents/{agent}/status")).json(leave)).await.ok();
    }
    say(&bench, "cid", "c-cid", "Is it blue?").await;
    let reply = in_acme("POST", "conversations/ann/messages").by("a1", Role::Agent);
    bench.send(reply.json(json!({ "content": { "kind": "text", "text": "Yes" } }))).await.ok();

    let (from, until) = (START.0, START.0 + 86_400_000);
    let path = format!("response-rate?from={from}&until={until}");
    let rate = bench.send(in_acme("GET", &path)).await.ok();
    let shop = &rate["shop"];
    assert_eq!((&shop["human_hits"], &shop["pending"]), (&json!(1), &json!(2)), "{shop}");
    assert_eq!((&shop["rate_bps"], &shop["settled_bps"]), (&json!(3_333), &json!(10_000)));
    let agents = bench.send(in_acme("GET", &format!("{path}&by=agent"))).await.ok();
    let hit = json!({ "agent": "a1", "hits": 1, "missed": 0, "no_reply": 0, "rate_bps": 10_000 });
    assert_eq!(agents["agents"], json!([hit]), "of no account: those without a decided session");
    let own = in_acme("GET", &format!("{path}&by=agent&agent=a1")).by("a1", Role::Agent);
    assert_eq!(bench.send(own).await.ok()["agents"], json!([hit]));
    let others = in_acme("GET", &format!("{path}&by=agent&agent=a2")).by("a1", Role::Agent);
    bench.send(others).await.refused(403, "forbidden");
    let unknown = bench.send(in_acme("GET", &format!("{path}&by=agent&agent=a9"))).await;
    unknown.refused(404, "agent_unknown");
    let empty = format!("response-rate?from={}&until={until}", until - 1);
    assert_eq!(bench.send(in_acme("GET", &empty)).await.ok()["shop"]["rate_bps"], Value::Null);
    let turned = bench.send(in_acme("GET", &format!("response-rate?from={until}&until={from}")));
    assert_eq!(turned.await.refused(400, "invalid_request")["field"], "until");
}

#[tokio::test(start_paused = true)]
async fn the_faq_its_card_and_the_quick_replies_are_put_listed_and_removed() {
    let bench = bench().await;
    for faq in ["q1", "q2"] {
        let entry = json!({ "question": format!("What of {faq}?"), "answer": "Well" });
        let put = in_acme("PUT", &format!("faq/{faq}")).json(entry);
        assert_eq!(bench.send(put).await.ok(), json!({ "faq": faq }));
    }
    let card =
        |questions: Value| in_acme("PUT", "faq-card").json(json!({ "questions": questions }));
    bench.send(card(json!(["q2", "q1"]))).await.ok();
    bench.send(card(json!(["q3"]))).await.refused(404, "faq_unknown");
    bench.send(card(json!(["q1", "q1"]))).await.refused(400, "invalid_request");
    bench.send(in_acme("DELETE", "faq/q1")).await.ok();
    bench.send(in_acme("DELETE", "faq/q1")).await.refused(404, "faq_unknown");
    let entry = json!({ "faq": "q2", "question": "What of q2?", "answer": "Well" });
    let list = bench.send(in_acme("GET", "faq")).await.ok();
    assert_eq!(list, json!({ "faq": [entry], "card": ["q2"] }));

    let text = json!({ "text": "Hello {name}" });
    let put = in_acme("PUT", "quick-replies/t1").json(text);
    assert_eq!(bench.send(put).await.ok(), json!({ "quick_reply": "t1" }));
    let list = bench.send(in_acme("GET", "quick-replies")).await.ok();
    let reply = json!({ "quick_reply": "t1", "text": "Hello {name}" });
    assert_eq!(list, json!({ "quick_replies": [reply] }));
    bench.send(in_acme("DELETE", "quick-replies/t1")).await.ok();
    let gone = bench.send(in_acme("DELETE", "quick-replies/t1")).await;
    gone.refused(404, "quick_reply_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_holiday_is_set_shown_and_lifted() {
    let bench = bench().await;
    assert_eq!(bench.send(in_acme("GET", "holiday")).await.ok(), json!({}));
    let (from, until) = (START.0, START.0 + 1_000);
    let holiday = json!({ "from": from, "until": until });
    let set = bench.send(in_acme("PUT", "holiday").json(holiday.clone())).await.ok();
    assert_eq!(set, json!({ "holiday": holiday }));
    assert_eq!(bench.send(in_acme("GET", "holiday")).await.ok(), set);
    say(&bench, "ann", "c1", "Is it red?").await;
    let shown = bench.send(in_acme("GET", "sessions/1")).await.ok();
    assert_eq!(shown["session"]["excluded"], json!(["holiday"]));
    let turned = in_acme("PUT", "holiday").json(json!({ "from": until, "until": from }));
    assert_eq!(bench.send(turned).await.refused(400, "invalid_request")["field"], "until");
    assert_eq!(bench.send(in_acme("DELETE", "holiday")).await.ok(), json!({}));
    let version = bench.version().await;
    bench.send(in_acme("DELETE", "holiday")).await.ok();
    assert_eq!(bench.version().await, version);
}

#[tokio::test(start_paused = true)]
async fn the_policy_is_read_and_changed_figure_by_figure() {
    let bench = bench().await;
    let version = bench.version().await;
    let before = bench.send(in_acme("GET", "desk-policy")).await.ok();
    assert_eq!(before["policy"]["answer_within_ms"], 86_400_000);
    assert_eq!(bench.version().await, version);
    let change = json!({ "answer_within_ms": 900_000, "cap": 50 });
    let after = bench.send(in_acme("PATCH", "desk-policy").json(change)).await.ok();
    let mut expected = before;
    expected["policy"]["answer_within_ms"] = json!(900_000);
    expected["policy"]["cap"] = json!(50);
    assert_eq!(after, expected);
    assert_eq!(bench.send(in_acme("GET", "desk-policy")).await.ok(), after);
    let short = in_acme("PATCH", "desk-policy").json(json!({ "answer_within_ms": 59_999 }));
    let refusal = bench.send(short).await.refused(400, "invalid_request");
    assert_eq!(refusal["field"], "answer_within_ms");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_again_under_its_key_is_done_once_and_answered_alike() {
    let bench = bench().await;
    on_duty(&bench, "a1", "busy").await;
    say(&bench, "ann", "c1", "Is it red?").await;
    let text = json!({ "content": { "kind": "text", "text": "A moment" } });
    for (index, (method, path, body)) in [
        ("PUT", "faq/q1", json!({ "question": "When?", "answer": "Soon" })),
        ("PUT", "faq-card", json!({ "questions": ["q1"] })),
        ("PUT", "quick-replies/t1", json!({ "text": "Hello" })),
        ("PUT", "holiday", json!({ "from": START.0 })),
        ("DELETE", "holiday", json!({})),
        ("PATCH", "desk-policy", json!({ "cap": 7 })),
        ("POST", "conversations/ann/messages", text),
        ("POST", "sessions/1/assign", json!({ "epoch": 0, "agent": "a1" })),
        ("POST", "sessions/1/transfer", json!({ "epoch": 1 })),
        ("POST", "sessions/1/reports", json!({ "reason": "spam" })),
        ("PUT", "agents/a1/cap", json!({ "cap": 9 })),
        ("PUT", "agents/a1/status", json!({ "status": "away" })),
        ("PUT", "conversations/ann/block", json!({})),
        ("DELETE", "conversations/ann/block", json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{index}");
        let person = ["assign", "transfer", "agents"].iter().any(|it| path.contains(it));
        let asking = || {
            let asking = in_acme(method, path).json(body.clone()).key(&key);
            if person { asking.by("lea", Role::Supervisor) } else { asking }
        };
        let first = bench.send(asking()).await;
        assert!(first.status.is_success(), "{path}: {}", first.body);
        let version = bench.version().await;
        let second = bench.send(asking()).await;
        assert_eq!((first.status, first.body), (second.status, second.body), "{path}");
        assert_eq!(bench.version().await, version, "{path}");
    }
    let other = json!({ "content": { "kind": "text", "text": "Another" } });
    let other = in_acme("POST", "conversations/ann/messages").json(other).key("k6");
    bench.send(other).await.refused(409, "idempotency_conflict");
}
