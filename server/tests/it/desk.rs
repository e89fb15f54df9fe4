//! The service desk over real sockets: a reception from the first word to its stars, a server that
//! is killed in the middle of a rush, and an agent whose line goes dead.

use std::collections::{BTreeMap, BTreeSet};

use hawker_protocol::CloseCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::client::{Client, Next, command_of};
use crate::hawker::{Server, Site, soon};
use crate::tokens;

const SHOP: &str = "acme";

fn said(text: &str) -> Value {
    json!({ "content": { "kind": "text", "text": text } })
}

fn said_to(buyer: &str, text: &str) -> Value {
    json!({ "buyer": buyer, "content": { "kind": "text", "text": text } })
}

/// Somebody who works at the desk and takes up to `cap` sessions.
async fn agent(server: &Server, name: &str, cap: u32) -> Client {
    let mut agent = server.staff(name, "agent").await;
    agent.ok("desk.join", json!({ "shop": SHOP })).await;
    agent.command("desk.cap", &format!("{name}-cap"), json!({ "cap": cap })).await;
    let on = json!({ "status": "accepting" });
    agent.command("desk.status", &format!("{name}-on"), on).await;
    agent
}

#[tokio::test]
async fn a_buyer_is_served_from_the_first_word_to_the_stars() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let mut bea = agent(&server, "bea", 9).await;
    let mut ann = server.buyer("ann").await;
    assert_eq!(ann.ok("chat.open", json!({ "shop": SHOP })).await["seq"], 0);
    let sent = ann.command("chat.send", "m1", said("Is it red?")).await;
    let assigned = bea.push("desk.assigned", |_| true).await;
    let session = &assigned["session"];
    assert_eq!((&session["buyer"], &session["seq"]), (&"ann".into(), &1.into()));
    let heard = bea.push("chat.message", |_| true).await;
    assert_eq!(heard["message"], sent["message"]);

    bea.ok("desk.typing", json!({ "shop": SHOP, "buyer": "ann" })).await;
    assert_eq!(ann.push("chat.typing", |_| true).await["side"], "staff");
    bea.command("desk.send", "a1", said_to("ann", "Very.")).await;
    let answer = ann.push("chat.message", |it| it["seq"] == 2).await;
    assert_eq!(answer["message"]["content"]["text"], "Very.");
    ann.ok("chat.read", json!({ "shop": SHOP, "read": 2 })).await;
    let read = bea.push("chat.read", |_| true).await;
    assert_eq!(read["conversation"]["buyer_marks"]["read"], 2);

    let close = json!({ "session": session["session"], "epoch": session["epoch"] });
    bea.command("desk.close", "c1", close).await;
    let closed = ann.push("chat.session", |it| it["session"]["state"] == "closed").await;
    let rated = json!({ "session": closed["session"]["session"], "stars": 5 });
    assert_eq!(ann.command("chat.rate", "r1", rated).await["session"]["stars"], 5);
    assert_eq!(
        bea.push("desk.session", |it| it["session"]["stars"] == 5).await["topic"],
        "desk:acme"
    );
    server.stop().await;
}

/// What a buyer got to know of his first message before the connection was gone.
struct Learned {
    buyer: String,
    answer: Value,
}

const BUYERS: usize = 30;
/// So many know that they were heard when the server is killed.
const KNOWN: usize = 3;
const CAP: u32 = 8;
const AGENTS: [&str; 2] = ["bea", "cat"];

fn first_word(buyer: &str) -> Value {
    command_of(&format!("first-{buyer}"), said(&format!("hello from {buyer}")))
}

async fn write(mut client: Client, buyer: String, learned: mpsc::Sender<Learned>) {
    client.begin("chat.send", first_word(&buyer)).await;
    loop {
        match client.next().await {
            Next::Line(line) if line["type"].is_string() => {}
            Next::Line(answer) => break learned.send(Learned { buyer, answer }).await.unwrap(),
            Next::Closed(_) => break,
        }
    }
}

/// Everybody writes at once; the server dies as soon as a few have their answer.
async fn kill_in_the_rush(server: Server) -> BTreeMap<String, Value> {
    let (tell, mut learned) = mpsc::channel(BUYERS);
    let mut clients = Vec::new();
    for number in 0..BUYERS {
        let buyer = format!("b{number}");
        clients.push((server.buyer(&buyer).await, buyer));
    }
    for (client, buyer) in clients {
        tokio::spawn(write(client, buyer, tell.clone()));
    }
    drop(tell);
    let mut known = BTreeMap::new();
    while known.len() < KNOWN {
        let Learned { buyer, answer } = soon("an answer", learned.recv()).await.unwrap();
        known.insert(buyer, answer);
    }
    server.kill().await;
    while let Some(Learned { buyer, answer }) = soon("the rest", learned.recv()).await {
        known.insert(buyer, answer);
    }
    known
}

/// The buyers of one list of the desk.
async fn listed(supervisor: &mut Client, list: &str, agent: Option<&str>) -> Vec<String> {
    let mut asked = json!({ "shop": SHOP, "list": list, "limit": 200 });
    if let Some(agent) = agent {
        asked["agent"] = agent.into();
    }
    let page = supervisor.ok("desk.list", asked).await;
    assert!(page["next"].is_null(), "one page: {page}");
    let sessions = page["sessions"].as_array().unwrap().iter();
    sessions.map(|it| it["buyer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn no_session_is_lost_or_doubled_by_kill_9_in_the_rush() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let mut bea = agent(&server, "bea", CAP).await;
    let _cat = agent(&server, "cat", CAP).await;
    let mut zoe = server.buyer("zoe").await;
    zoe.command("chat.send", "z1", said("hello")).await;
    let first = bea.push("desk.assigned", |_| true).await;
    bea.command("desk.send", "z2", said_to("zoe", "hi")).await;
    let opened_at = first["session"]["opened_at"].as_i64().unwrap();
    let window = json!({ "shop": SHOP, "from": opened_at, "until": opened_at + 1 });
    let mut sue = server.staff("sue", "supervisor").await;
    let rate = sue.ok("desk.response_rate", window.clone()).await;
    assert_eq!(rate["shop"]["human_hits"], 1, "{rate}");
    let known = kill_in_the_rush(server).await;

    let server = site.start().await;
    let mut sue = server.staff("sue", "supervisor").await;
    assert_eq!(sue.ok("desk.response_rate", window).await, rate, "as it was");
    for number in 0..BUYERS {
        let buyer = format!("b{number}");
        let mut client = server.identified(&tokens::buyer(&buyer)).await;
        let again = client.ok("chat.send", first_word(&buyer)).await;
        if let Some(answer) = known.get(&buyer) {
            assert_eq!(again, answer["ok"], "{buyer} was told so before the kill");
        }
        assert_eq!(again["message"]["seq"], 1, "{buyer} was heard once");
    }
    let mut back = Vec::new();
    for name in AGENTS {
        let mut agent = server.staff(name, "agent").await;
        agent.ok("desk.join", json!({ "shop": SHOP })).await;
        back.push(agent);
    }
    let mut places = listed(&mut sue, "unassigned", None).await;
    for name in AGENTS {
        let held = listed(&mut sue, "mine", Some(name)).await;
        assert_eq!(held.len(), CAP as usize, "{name} has all he takes, and no more");
        places.extend(held);
    }
    let everybody: BTreeSet<_> = places.iter().cloned().collect();
    assert_eq!((places.len(), everybody.len()), (BUYERS + 1, BUYERS + 1), "each in one place");
    server.stop().await;
    let verified = site.run(&["journal", "verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn an_agent_whose_line_is_dead_is_given_nothing_and_loses_nothing_in_his_grace() {
    let quick = [
        ("HAWKER_LIMITS_TIMEOUTS_STAFF_PING_MS", "1000"),
        ("HAWKER_LIMITS_TIMEOUTS_PONG_MS", "500"),
    ];
    let site = Site::with(&quick);
    let server = site.start().await;
    server.furnish().await;
    let mut bea = agent(&server, "bea", 9).await;
    let mut ann = server.buyer("ann").await;
    ann.command("chat.send", "m1", said("hello")).await;
    bea.push("desk.assigned", |_| true).await;
    assert_eq!(bea.closed_without_a_pong().await, CloseCode::NoPong.number());

    let mut bob = server.buyer("bob").await;
    bob.command("chat.send", "m1", said("hello")).await;
    let mut sue = server.staff("sue", "supervisor").await;
    let team = sue.ok("desk.team", json!({ "shop": SHOP })).await;
    assert_eq!(team["agents"][0]["status"], "reconnecting", "{team}");
    assert_eq!(listed(&mut sue, "mine", Some("bea")).await, ["ann"]);
    assert_eq!(listed(&mut sue, "unassigned", None).await, ["bob"]);

    let mut back = server.staff("bea", "agent").await;
    back.ok("desk.join", json!({ "shop": SHOP })).await;
    let assigned = back.push("desk.assigned", |_| true).await;
    assert_eq!(assigned["session"]["buyer"], "bob");
    assert_eq!(listed(&mut sue, "mine", Some("bea")).await, ["ann", "bob"]);
    server.stop().await;
}
