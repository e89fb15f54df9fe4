//! The desk over HTTP beside real sockets: a system of the shop speaks to a buyer who is there, and
//! what was said is a file after a crash.

use serde_json::{Value, json};

use crate::hawker::{Answer, Server, Site, send};
use crate::tokens;

async fn says(server: &Server, text: &str) -> Answer {
    let token = tokens::staff("erp", "service");
    let head = format!(
        "authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         idempotency-key: k1\r\n"
    );
    let body = json!({ "content": { "kind": "text", "text": text } }).to_string();
    let line = "POST /v1/shops/acme/conversations/ann/messages";
    send(server.public, line, &head, body.as_bytes()).await
}

#[tokio::test]
async fn a_system_speaks_to_a_buyer_and_the_transcript_outlives_a_crash() {
    let site = Site::new();
    let server = site.start().await;
    server.furnish().await;
    let mut ann = server.buyer("ann").await;
    ann.ok("chat.open", json!({ "shop": "acme" })).await;
    let asked = json!({ "content": { "kind": "text", "text": "Is it red?" } });
    ann.command("chat.send", "c1", asked).await;
    let waiting = server.get("/v1/shops/acme/sessions?list=unassigned").await;
    assert_eq!(waiting["sessions"][0]["buyer"], "ann");
    let said = says(&server, "A moment, please").await;
    assert_eq!(said.status, 201, "{}", said.body);
    let heard = ann.push("chat.message", |push| push["seq"] == 2).await;
    assert_eq!(heard["message"], said.body["message"]);
    server.kill().await;

    let server = site.start().await;
    assert_eq!(says(&server, "A moment, please").await.body, said.body);
    assert_eq!(says(&server, "Another").await.status, 409);
    let path = "/v1/shops/acme/conversations/ann/transcript";
    let page = server.get(path).await;
    let file = server.http("GET", &format!("{path}?download=1"), Value::Null).await;
    assert!(file.head.contains("content-type: application/x-ndjson"), "{}", file.head);
    let text = file.body.as_str().unwrap();
    let lines: Vec<Value> = text.lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
    let lines: Vec<Value> = lines.into_iter().filter(Value::is_object).collect();
    assert_eq!(Value::from(lines), page["messages"]);
    assert_eq!(page["messages"].as_array().unwrap().len(), 2);
    server.stop().await;
}
