//! Ends and beginnings: a drain that tells everybody, a start on the same journal, and kill -9 in
//! the middle of claims.

use std::collections::{BTreeMap, BTreeSet};

use hawker_protocol::CloseCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::client::{Client, Next, command_of};
use crate::hawker::{Server, Site, soon};
use crate::tokens;

fn claim_of(sale: &str) -> Value {
    let fields = json!({ "room": "r1", "sale": sale, "sku": "red", "quantity": 1 });
    command_of(&format!("claim-{sale}"), fields)
}

#[tokio::test]
async fn a_drain_tells_everybody_and_the_next_start_finds_everything() {
    let site = Site::new();
    let server = site.start().await;
    assert_eq!(server.admin("/readyz").await.status, 200);
    server.furnish().await;
    server.sell(3).await;
    let mut ann = server.buyer("ann").await;
    ann.join().await;
    let claimed = ann.ok("sale.claim", claim_of("s1")).await;
    let before = server.events().await;

    server.terminate();
    // As long as `ann` does not answer the goodbye the drain goes on, and can be seen.
    let draining = async { while server.admin("/readyz").await.status == 200 {} };
    soon("readiness to end", draining).await;
    assert_eq!(server.admin("/readyz").await.status, 503);
    assert_eq!(server.admin("/healthz").await.status, 200, "alive, not ready");
    let drain = ann.push("drain", |_| true).await;
    assert!(drain["after_ms"].is_u64(), "{drain}");
    assert_eq!(ann.closed().await, CloseCode::Restart.number());
    assert_eq!(server.ended().await.code(), Some(0));

    let server = site.start().await;
    let after = server.events().await;
    assert_eq!(after[..before.len()], before[..], "history is what it was");
    let mut ann = server.buyer("ann").await;
    let joined = ann.join().await;
    assert_eq!(joined["me"]["reservations"][0], claimed["reservation"]);
    assert_eq!(joined["snapshot"]["sales"][0]["items"][0]["reserved"], 1);
    assert_eq!(ann.ok("sale.claim", claim_of("s1")).await, claimed, "the same answer again");
    let reserved = server.events().await;
    assert_eq!(reserved.iter().filter(|it| it["type"] == "reserved").count(), 1);
    server.stop().await;
}

/// What a buyer got to know of his claim before the connection was gone.
pub(crate) struct Learned {
    pub(crate) buyer: String,
    pub(crate) answer: Value,
}

/// One claim; nothing is sent if the server is gone before it answers.
async fn claim(mut client: Client, buyer: String, sale: String, learned: mpsc::Sender<Learned>) {
    client.begin("sale.claim", claim_of(&sale)).await;
    loop {
        match client.next().await {
            Next::Line(line) if line["type"].is_string() => {}
            Next::Line(answer) => break learned.send(Learned { buyer, answer }).await.unwrap(),
            Next::Closed(_) => break,
        }
    }
}

const BUYERS: usize = 30;
const UNITS: u32 = 20;
/// So many know that they have a unit when the server is killed.
const KNOWN: usize = 3;

pub(crate) async fn sell(server: &Server, sale: &str) {
    let item = json!({ "sku": "red", "total": UNITS, "per_buyer": 1, "price_minor": 900 });
    let spec = json!({ "title": "Flash", "items": [item] });
    server.set("POST /v1/shops/acme/sales", json!({ "sale": sale, "spec": spec })).await;
    server.set(&format!("POST /v1/shops/acme/sales/{sale}/announce"), Value::Null).await;
    server.set(&format!("POST /v1/shops/acme/sales/{sale}/start"), Value::Null).await;
}

/// Everybody claims at once; what they learn comes as they learn it.
pub(crate) async fn rush(server: &Server, sale: &str) -> mpsc::Receiver<Learned> {
    rush_over(&[server], sale).await
}

/// The same over several nodes in turns.
pub(crate) async fn rush_over(servers: &[&Server], sale: &str) -> mpsc::Receiver<Learned> {
    let (tell, learned) = mpsc::channel(BUYERS);
    let mut clients = Vec::new();
    for number in 0..BUYERS {
        let buyer = format!("b{number}");
        let mut client = servers[number % servers.len()].buyer(&buyer).await;
        client.join().await;
        clients.push((client, buyer));
    }
    for (client, buyer) in clients {
        tokio::spawn(claim(client, buyer, sale.to_owned(), tell.clone()));
    }
    learned
}

pub(crate) async fn learn_until(
    learned: &mut mpsc::Receiver<Learned>,
    count: usize,
) -> BTreeMap<String, Value> {
    let mut known = BTreeMap::new();
    while known.len() < count {
        let Learned { buyer, answer } = soon("an answer", learned.recv()).await.unwrap();
        known.insert(buyer, answer);
    }
    known
}

/// The server dies as soon as a few have their answer.
async fn kill_during_claims(server: Server, sale: &str) -> BTreeMap<String, Value> {
    let mut learned = rush(&server, sale).await;
    let mut known = learn_until(&mut learned, KNOWN).await;
    server.kill().await;
    while let Some(Learned { buyer, answer }) = soon("the rest", learned.recv()).await {
        known.insert(buyer, answer);
    }
    known
}

/// Everybody asks again: who was told of a unit has it, and every unit has one holder.
pub(crate) async fn audit_sale(server: &Server, sale: &str, known: &BTreeMap<String, Value>) {
    let mut holders = BTreeSet::new();
    for number in 0..BUYERS {
        let buyer = format!("b{number}");
        let mut client = server.identified(&tokens::buyer(&buyer)).await;
        client.join().await;
        let again = client.ask("sale.claim", claim_of(sale)).await;
        if let Some(answer) = known.get(&buyer).filter(|answer| answer["ok"].is_object()) {
            assert_eq!(again["ok"], answer["ok"], "{buyer} was told so before");
        }
        match again["ok"].is_object() {
            true => assert!(holders.insert(buyer), "a unit each"),
            false => assert_eq!(again["error"]["code"], "sold_out", "{again}"),
        }
    }
    assert_eq!(holders.len(), UNITS as usize, "every unit has a holder");
    let events = server.events().await;
    let of_sale = |it: &&Value| it["type"] == "reserved" && it["data"]["sale"] == sale;
    let reserved = events.iter().filter(of_sale).map(|it| it["data"]["buyer"].clone());
    let buyers: Vec<String> = reserved.map(|buyer| buyer.as_str().unwrap().to_owned()).collect();
    assert_eq!(buyers.len(), holders.len(), "no claim counts twice: {buyers:?}");
    assert_eq!(BTreeSet::from_iter(buyers), holders);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9_during_claims() {
    let site = Site::new();
    let mut server = site.start().await;
    server.furnish().await;
    for sale in ["k1", "k2", "k3"] {
        sell(&server, sale).await;
        let known = kill_during_claims(server, sale).await;
        server = site.start().await;
        audit_sale(&server, sale, &known).await;
    }
    server.stop().await;
    let verified = site.run(&["journal", "verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
}
