//! Two nodes on one real Redis: a shop runs on one of them, and everybody is served on both.

use serde_json::{Value, json};

use crate::client::{Client, command_of};
use crate::hawker::{Server, Site, send, soon};
use crate::redis_server::{RedisServer, SAFE};
use crate::restart::{audit_sale, learn_until, rush_over, sell};
use crate::tokens;

/// Two nodes that know each other, and the shop on one of them.
struct Pair {
    _redis: RedisServer,
    sites: [Site; 2],
    owner: Server,
    other: Server,
}

async fn pair() -> Pair {
    let redis = RedisServer::start(&SAFE).await;
    let mut sites = [Site::among(&redis.url()), Site::among(&redis.url())];
    let (one, two) = (sites[0].start().await, sites[1].start().await);
    until_met(&one, 1).await;
    until_met(&two, 1).await;
    // Each step goes through the node that may not have the shop.
    two.furnish().await;
    if one.has_shop().await {
        return Pair { _redis: redis, sites, owner: one, other: two };
    }
    assert!(two.has_shop().await);
    sites.swap(0, 1);
    Pair { _redis: redis, sites, owner: two, other: one }
}

/// Waits until the node knows so many others.
async fn until_met(server: &Server, others: usize) {
    let met = async {
        loop {
            let told = server.admin("/cluster").await.body;
            if told["nodes"].as_array().unwrap().len() == others {
                return;
            }
        }
    };
    soon("the other nodes", met).await;
}

async fn comment(client: &mut Client, id: &str, text: &str) -> Value {
    client.command("room.comment", id, json!({ "room": "r1", "text": text })).await
}

#[tokio::test]
async fn two_nodes_sell_one_sale() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    sell(&other, "s1").await;
    let mut learned = rush_over(&[&owner, &other], "s1").await;
    let mut known = learn_until(&mut learned, 3).await;
    while let Some(more) = soon("the rest", learned.recv()).await {
        known.insert(more.buyer, more.answer);
    }
    assert_eq!(known.values().filter(|answer| answer["ok"].is_object()).count(), 20);
    audit_sale(&other, "s1", &known).await;
    audit_sale(&owner, "s1", &known).await;
    other.stop().await;
    owner.stop().await;
}

#[tokio::test]
async fn a_room_is_one_room_on_all_nodes() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    let (mut ann, mut bob) = (owner.buyer("ann").await, other.buyer("bob").await);
    ann.join().await;
    let joined = bob.join().await;
    assert_eq!(joined["snapshot"]["room"]["state"], "live");
    let both = |it: &Value| it["viewers"] == 2;
    ann.push("room.viewers", both).await;
    bob.push("room.viewers", both).await;
    let said = comment(&mut bob, "c1", "from the other node").await;
    for client in [&mut ann, &mut bob] {
        let pushed = client.push("room.comment", |_| true).await;
        assert_eq!(pushed["comment"], said["comment"]);
    }
    comment(&mut ann, "c2", "from the owner").await;
    let pushed = bob.push("room.comment", |it| it["comment"]["text"] == "from the owner").await;
    // Whoever comes later finds both, on either node.
    for server in [&owner, &other] {
        let mut cat = server.buyer("cat").await;
        let snapshot = cat.join().await["snapshot"].take();
        let seq = snapshot["seq"].as_u64().unwrap();
        let missing = pushed["seq"].as_u64().unwrap().saturating_sub(seq);
        let shown = snapshot["comments"].as_array().unwrap().len() as u64;
        assert_eq!(shown + missing, 2, "{snapshot}");
    }
    // He goes on where he stood, on the other node.
    let at = json!([{ "topic": "room:acme/r1", "epoch": joined["snapshot"]["epoch"],
        "seq": joined["snapshot"]["seq"] }]);
    let mut again = Client::open(owner.public).await;
    let welcome = again.hello(&tokens::buyer("bob"), at).await;
    assert_eq!(welcome["resumed"][0]["recovered"], true, "{welcome}");
    let missed = welcome["resumed"][0]["missed"].as_array().unwrap();
    let texts: Vec<_> = missed.iter().filter_map(|it| it["comment"]["text"].as_str()).collect();
    assert_eq!(texts, ["from the other node", "from the owner"]);
    drop((ann, bob, again));
    other.stop().await;
    owner.stop().await;
}

#[tokio::test]
async fn what_is_a_buyers_own_reaches_him_on_every_node() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    sell(&owner, "s1").await;
    let (mut here, mut there) = (owner.buyer("ann").await, other.buyer("ann").await);
    here.join().await;
    there.join().await;
    let claim = json!({ "room": "r1", "sale": "s1", "sku": "red", "quantity": 1 });
    let claimed = there.ok("sale.claim", command_of("claim", claim.clone())).await;
    let pushed = here.push("reservation.changed", |_| true).await;
    assert_eq!(pushed["reservation"]["reservation"], claimed["reservation"]["reservation"]);
    let again = here.ok("sale.claim", command_of("claim", claim)).await;
    assert_eq!(again, claimed, "the same answer on the other node");
    drop((here, there));
    other.stop().await;
    owner.stop().await;
}

#[tokio::test]
async fn an_agent_on_one_node_serves_a_buyer_on_the_other() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    let staff = json!({ "roles": ["agent"], "name": "Eve" });
    owner.set("PUT /v1/shops/acme/staff/eve", staff).await;
    let mut eve = other.staff("eve", "agent").await;
    eve.ok("desk.join", json!({ "shop": "acme" })).await;
    eve.command("desk.status", "e1", json!({ "status": "accepting" })).await;
    let mut ann = owner.buyer("ann").await;
    ann.ok("chat.open", json!({ "shop": "acme" })).await;
    ann.command("chat.send", "a1", json!({ "content": { "kind": "text", "text": "hello?" } }))
        .await;
    let message = eve.push("chat.message", |_| true).await;
    assert_eq!(message["message"]["content"]["text"], "hello?");
    let answer = json!({ "buyer": "ann", "content": { "kind": "text", "text": "yes" } });
    eve.command("desk.send", "e2", answer).await;
    let heard = ann.push("chat.message", |it| it["message"]["content"]["text"] == "yes").await;
    assert_eq!(heard["message"]["seq"], 2);
    drop((ann, eve));
    other.stop().await;
    owner.stop().await;
}

#[tokio::test]
async fn a_node_that_dies_in_the_middle_of_a_sale_loses_nothing_that_was_acknowledged() {
    let Pair { _redis, sites, owner, other } = pair().await;
    sell(&owner, "s1").await;
    let mut ann = other.buyer("ann").await;
    ann.join().await;
    let mut learned = rush_over(&[&owner, &other], "s1").await;
    let mut known = learn_until(&mut learned, 3).await;
    owner.kill().await;
    while let Some(more) = soon("the rest", learned.recv()).await {
        // Whoever was told that it is not known asks again.
        if more.answer["ok"].is_object() {
            known.insert(more.buyer, more.answer);
        }
    }
    let taken_over = async { while !other.has_shop().await {} };
    soon("the other node to have the shop", taken_over).await;
    audit_sale(&other, "s1", &known).await;
    // Whoever stayed goes on in the same room, under the new reign.
    comment(&mut ann, "c1", "still here").await;
    ann.push("room.comment", |it| it["comment"]["text"] == "still here").await;
    other.stop().await;
    assert!(sites[1].run(&["journal", "verify"]).await.status.success());
}

#[tokio::test]
async fn a_node_that_drains_hands_its_shops_over_before_it_tells_anybody_to_go() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    sell(&owner, "s1").await;
    let (mut ann, mut bob) = (owner.buyer("ann").await, other.buyer("bob").await);
    ann.join().await;
    bob.join().await;
    owner.terminate();
    let drain = ann.push("drain", |_| true).await;
    assert!(drain["after_ms"].is_u64(), "{drain}");
    let moved = async { while !other.has_shop().await {} };
    soon("the other node to have the shop", moved).await;
    // Until it is her turn she is served where she is.
    let said = comment(&mut ann, "c1", "before I go").await;
    let pushed = bob.push("room.comment", |_| true).await;
    assert_eq!(pushed["comment"], said["comment"]);
    let claim = json!({ "room": "r1", "sale": "s1", "sku": "red", "quantity": 1 });
    ann.ok("sale.claim", command_of("claim", claim)).await;
    drop(ann);
    drop(bob);
    assert_eq!(owner.ended().await.code(), Some(0));
    other.stop().await;
}

#[tokio::test]
async fn a_node_with_another_secret_is_let_in_nowhere() {
    let Pair { _redis, sites: _sites, owner, other } = pair().await;
    let site = Site::among(&_redis.url());
    let config = std::fs::read_to_string(site.config()).unwrap();
    let config = config.replace(tokens::SECRET, tokens::OTHER_SECRET);
    std::fs::write(site.config(), config).unwrap();
    let stranger = site.start().await;
    until_met(&stranger, 2).await;
    let token = tokens::of(&["sub=erp", "roles=[\"service\"]", "shop=acme", "key=other"]);
    let head = format!("authorization: Bearer {token}\r\n");
    let asked = send(stranger.public, "GET /v1/shops/acme", &head, b"").await;
    assert_eq!(asked.status, 503, "{}", asked.body);
    let told = owner.admin("/metrics").await.body.to_string();
    assert!(told.contains("hawker_cluster_strangers_total"), "{told}");
    stranger.stop().await;
    other.stop().await;
    owner.stop().await;
}
