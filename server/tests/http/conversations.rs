//! What is said to buyers over HTTP, read back, searched and shown as evidence.

use axum::body::Body;
use hawker_domain::Role;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::bench::{Bench, ask, bench, lasting_token};
use crate::desk::{in_acme, on_duty, say};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR and what else makes a picture";

async fn reply(bench: &Bench, buyer: &str, text: &str) -> Value {
    let body = json!({ "content": { "kind": "text", "text": text } });
    let asking = in_acme("POST", &format!("conversations/{buyer}/messages")).json(body);
    bench.send(asking).await.ok()["message"].clone()
}

fn seqs(messages: &Value) -> Vec<u64> {
    let all = messages.as_array().unwrap().iter();
    all.map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_system_of_the_shop_speaks_and_the_buyer_still_waits_for_a_person() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "Is it red?").await;
    let said = reply(&bench, "ann", "We will be with you soon").await;
    assert_eq!((&said["seq"], &said["session"]), (&json!(2), &json!(1)));
    assert_eq!(said["from"], json!({ "by": "bot", "user": "erp" }));
    let opened = bench.send(in_acme("GET", "conversations/ann")).await.ok();
    assert_eq!(opened["messages"][1], said);
    assert_eq!(opened["topic"], "conversation:acme/ann");
    assert_eq!(opened["session"]["answer"]["kind"], "pending");
    let history = json!({ "type": "chat.history", "shop": "acme" });
    let history = bench.over_the_socket("ann", Role::Buyer, &history).await.unwrap();
    assert_eq!(serde_json::to_value(history).unwrap()["messages"][1], said);

    let first = reply(&bench, "zoe", "Your parcel is on its way").await;
    assert_eq!((&first["seq"], &first["session"]), (&json!(1), &Value::Null), "opens nothing");
    let unknown = bench.send(in_acme("GET", "conversations/nobody")).await.ok();
    assert_eq!((&unknown["seq"], &unknown["conversation"]), (&json!(0), &Value::Null));
    let unknown = bench.send(in_acme("GET", "conversations/nobody/messages")).await;
    unknown.refused(404, "conversation_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_person_answers_as_himself_where_the_session_is_his() {
    let bench = bench().await;
    on_duty(&bench, "a1", "accepting").await;
    say(&bench, "ann", "c1", "Is it red?").await;
    let put = in_acme("PUT", "quick-replies/t1").json(json!({ "text": "Yes, {name}" }));
    bench.send(put).await.ok();
    let content = json!({ "kind": "quick_reply", "quick_reply": "t1",
        "variables": { "name": "Ann" } });
    let answer = || {
        let asking = in_acme("POST", "conversations/ann/messages");
        asking.json(json!({ "content": content }))
    };
    let stranger = bench.send(answer().by("a2", Role::Agent)).await;
    assert_eq!(stranger.refused(409, "not_owner")["owner"], "a1");
    let said = bench.send(answer().by("a1", Role::Agent)).await.ok();
    assert_eq!(said["message"]["content"], json!({ "kind": "text", "text": "Yes, Ann" }));
    assert_eq!(said["message"]["from"], json!({ "by": "agent", "user": "a1" }));
    let shown = bench.send(in_acme("GET", "sessions/1")).await.ok();
    assert_eq!(shown["session"]["answer"]["kind"], "human");
    for (content, code) in [
        (json!({ "kind": "quick_reply", "quick_reply": "t9" }), "quick_reply_unknown"),
        (json!({ "kind": "product", "product": "cup" }), "product_unknown"),
    ] {
        let asking = in_acme("POST", "conversations/ann/messages");
        let answer = bench.send(asking.json(json!({ "content": content }))).await;
        answer.refused(404, code);
    }
}

#[tokio::test(start_paused = true)]
async fn people_speak_as_often_as_on_their_sockets_and_systems_as_often_as_they_ask() {
    let bench = bench().await;
    let body = json!({ "content": { "kind": "text", "text": "Hello" } });
    let speak = || in_acme("POST", "conversations/ann/messages").json(body.clone());
    for _ in 0..10 {
        bench.send(speak().by("lea", Role::Supervisor)).await.ok();
    }
    bench.send(speak().by("lea", Role::Supervisor)).await.refused(429, "rate_limited");
    for _ in 0..20 {
        bench.send(speak()).await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_sent_by_whoever_uploaded_it_and_is_kept() {
    let bench = bench().await;
    let upload = ask("POST", "/v1/uploads?shop=acme").header("content-type", "image/png");
    let uploaded = bench.send(upload.stream(Body::from(PNG))).await.ok();
    let content = json!({ "kind": "image", "upload": uploaded["upload"] });
    let show = || {
        let asking = in_acme("POST", "conversations/ann/messages");
        asking.json(json!({ "content": content }))
    };
    let foreign = bench.send(show().by("lea", Role::Supervisor)).await;
    assert_eq!(foreign.refused(400, "invalid_request")["field"], "content.upload");
    let said = bench.send(show()).await.ok();
    let content = &said["message"]["content"];
    assert_eq!((&content["url"], &content["media_type"]), (&uploaded["url"], &json!("image/png")));
    assert_eq!(content["size_bytes"], PNG.len());
}

#[tokio::test(start_paused = true)]
async fn messages_are_read_in_pages_from_either_end() {
    let bench = bench().await;
    for number in 1..=7 {
        reply(&bench, "ann", &format!("Line {number}")).await;
    }
    let page = async |query: &str| {
        let path = format!("conversations/ann/messages{query}");
        let page = bench.send(in_acme("GET", &path)).await.ok();
        (seqs(&page["messages"]), page["more"] == true)
    };
    assert_eq!(page("").await, ((1..=7).collect(), false));
    assert_eq!(page("?limit=3").await, (vec![5, 6, 7], true));
    assert_eq!(page("?limit=3&before=4").await, (vec![1, 2, 3], false));
    assert_eq!(page("?limit=3&after=2&before=1").await, (vec![3, 4, 5], true));
    assert_eq!(page("?after=7").await, (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn a_text_is_found_in_any_case() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "Is the MUG red?").await;
    say(&bench, "bob", "c2", "A mug, please").await;
    say(&bench, "bob", "c3", "And a plate").await;
    let found = async |query: &str| {
        let page = bench.send(in_acme("GET", &format!("messages?{query}"))).await.ok();
        let hits = page["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["buyer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("text=mug").await, ["bob", "ann"]);
    assert_eq!(found("text=Mug%20Red&buyer=ann").await, ["ann"]);
    assert!(found("text=mug&buyer=ann&limit=1").await.len() == 1);
    assert!(found("text=cup").await.is_empty());
    let unknown = bench.send(in_acme("GET", "messages?text=mug&buyer=nobody")).await;
    unknown.refused(404, "conversation_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_buyer_is_not_heard_until_he_is_let_in_again() {
    let bench = bench().await;
    say(&bench, "ann", "c1", "You fools").await;
    let block =
        |method: &str, buyer: &str| in_acme(method, &format!("conversations/{buyer}/block"));
    let blocked = bench.send(block("PUT", "ann")).await.ok();
    assert_eq!(blocked["conversation"]["blocked"], true);
    let shown = bench.send(in_acme("GET", "sessions/1")).await.ok();
    assert_eq!(shown["session"]["state"], json!({ "kind": "closed", "reason": "blocked" }));
    let fields = json!({ "type": "chat.send", "shop": "acme", "command_id": "c2",
        "content": { "kind": "text", "text": "Hear me" } });
    let refusal = bench.over_the_socket("ann", Role::Buyer, &fields).await.unwrap_err();
    assert_eq!(refusal.code.as_str(), "buyer_blocked");
    let free = bench.send(block("DELETE", "ann")).await.ok();
    assert_eq!(free["conversation"]["blocked"], false);
    bench.over_the_socket("ann", Role::Buyer, &fields).await.unwrap();
    let unknown = bench.send(block("DELETE", "nobody")).await;
    unknown.refused(404, "conversation_unknown");
    assert_eq!(bench.send(block("PUT", "zoe")).await.ok()["conversation"]["blocked"], true);
}

/// Sessions 1 and 2 of `ann`, two messages each, and session 3 of `bob`.
async fn three_sessions(bench: &Bench) {
    say(bench, "ann", "c1", "Is it red?").await;
    reply(bench, "ann", "Yes").await;
    let end = in_acme("POST", "sessions/1/close").by("lea", Role::Supervisor);
    bench.send(end.json(json!({ "epoch": 0 }))).await.ok();
    say(bench, "ann", "c2", "Is it large?").await;
    reply(bench, "ann", "No").await;
    say(bench, "bob", "c3", "Is it blue?").await;
}

#[tokio::test(start_paused = true)]
async fn a_transcript_is_shown_in_pages_of_a_buyer_or_of_one_session() {
    let bench = bench().await;
    three_sessions(&bench).await;
    let path = "conversations/ann/transcript";
    let page = async |query: &str| bench.send(in_acme("GET", &format!("{path}{query}"))).await.ok();
    let all = page("").await;
    assert_eq!((seqs(&all["messages"]), &all["next"]), (vec![1, 2, 3, 4], &Value::Null));
    let first = page("?limit=3").await;
    let next = first["next"].as_str().unwrap();
    let rest = page(&format!("?limit=3&cursor={next}")).await;
    assert_eq!((seqs(&first["messages"]), seqs(&rest["messages"])), (vec![1, 2, 3], vec![4]));
    for (session, expected) in [(1, vec![1, 2]), (2, vec![3, 4])] {
        let page = page(&format!("?session={session}")).await;
        assert_eq!((seqs(&page["messages"]), &page["next"]), (expected, &Value::Null));
        assert_eq!(page["session"]["session"], session);
    }
    for (path, code) in [
        ("conversations/ann/transcript?session=3", "session_unknown"),
        ("conversations/ann/transcript?session=9&download=1", "session_unknown"),
        ("conversations/nobody/transcript", "conversation_unknown"),
        ("conversations/nobody/transcript?download=1", "conversation_unknown"),
    ] {
        bench.send(in_acme("GET", path)).await.refused(404, code);
    }
    let agent = bench.send(in_acme("GET", path).by("a1", Role::Agent)).await;
    assert_eq!(agent.refused(403, "forbidden")["needed"], "supervisor");
    bench.send(in_acme("GET", path).by("lea", Role::Supervisor)).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_transcript_is_a_file_with_a_message_a_line() {
    let bench = bench().await;
    three_sessions(&bench).await;
    for number in 0..230 {
        reply(&bench, "ann", &format!("Line {number}\nof <b>two</b>")).await;
    }
    let path = "conversations/ann/transcript?download=1";
    let (status, headers, body) = bench.fetch(in_acme("GET", path)).await;
    assert_eq!(status, 200);
    for (name, value) in [
        ("content-type", "application/x-ndjson"),
        ("content-disposition", "attachment; filename=\"transcript-ann.ndjson\""),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value);
    }
    let text = String::from_utf8(body).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seqs(&Value::from(lines)), (1..=234).collect::<Vec<_>>());
    let path = "conversations/ann/transcript?download=1&session=1&limit=1&cursor=1";
    let (_, headers, body) = bench.fetch(in_acme("GET", path)).await;
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 2);
    let name = "attachment; filename=\"transcript-ann-1.ndjson\"";
    assert_eq!(headers["content-disposition"], name);
    bench.send(in_acme("GET", "conversations/ann/transcript?download=0")).await.ok();
    let wrong = bench.send(in_acme("GET", "conversations/ann/transcript?download=2")).await;
    assert_eq!(wrong.refused(400, "invalid_request")["field"], "download");
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_next_page_cannot_be_read_breaks_off() {
    let bench = bench().await;
    for number in 0..150 {
        reply(&bench, "ann", &format!("Line {number}")).await;
    }
    let uri = "/v1/shops/acme/conversations/ann/transcript?download=1";
    let bearer = format!("Bearer {}", lasting_token());
    let request = http::Request::get(uri).header("authorization", bearer);
    let response = bench.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    let mut body = response.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 100);
    bench.memory.faults().refuse_reads(true);
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn of_an_erased_buyer_nothing_that_was_said_is_shown() {
    let bench = bench().await;
    three_sessions(&bench).await;
    let report = in_acme("POST", "sessions/2/reports").json(json!({ "reason": "insults" }));
    bench.send(report).await.ok();
    bench.send(in_acme("DELETE", "buyers/ann")).await.ok();
    for path in ["conversations/ann", "conversations/ann/messages", "conversations/ann/transcript"]
    {
        let shown = bench.send(in_acme("GET", path)).await.ok();
        assert_eq!(shown["messages"], json!([]), "{path}");
    }
    let (_, _, body) = bench.fetch(in_acme("GET", "conversations/ann/transcript?download=1")).await;
    assert!(body.is_empty());
    let reports = bench.send(in_acme("GET", "sessions/2/reports")).await.ok();
    assert_eq!(reports["reports"][0]["report"]["state"], "filed");
    assert_eq!(reports["reports"][0]["reason"], Value::Null);
    assert!(bench.send(in_acme("GET", "messages?text=red")).await.ok()["hits"] == json!([]));
}
