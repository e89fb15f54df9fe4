//! What the staff reads: conversations, a search, an export, lists and figures, and who may not.

use hawker_domain::command::{DeskCommand, Intent};
use hawker_domain::id::SessionId;

use super::*;

/// `bea` serves the shop, and no socket of hers is needed for it.
async fn serve(house: &House) {
    let connection = "c-bea".parse().unwrap();
    desk(house, DeskCommand::Connect { connection }).await;
    let intent = Intent::Accepting;
    desk(house, DeskCommand::SetIntent { agent: None, intent, confirmed: false }).await;
}

async fn desk(house: &House, command: DeskCommand) {
    house.driver.ask("bea", Role::Agent, command).await.unwrap();
}

async fn close(house: &House, session: u64) {
    desk(house, DeskCommand::Close { session: SessionId(session), epoch: 1 }).await;
}

fn texts(messages: &Value) -> Vec<&str> {
    let all = messages.as_array().unwrap().iter();
    all.map(|it| it["content"]["text"].as_str().unwrap_or("-")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_opened_with_all_that_is_known_of_its_buyer() {
    let house = House::open().await;
    serve(&house).await;
    let (mut ann, mut bea) = (house.guest("ann").await, house.staff("bea", Role::Agent).await);
    let nothing = bea.read("desk.open", json!({ "buyer": "ann" })).await;
    assert_eq!((&nothing["seq"], &nothing["earlier"]), (&0.into(), &json!([])));
    for session in 1..=3 {
        ann.act("chat.send", text(&format!("question {session}"))).await;
        bea.act("desk.send", with_buyer(text(&format!("answer {session}")))).await;
        if session < 3 {
            close(&house, session).await;
        }
    }
    bea.act("desk.note", with_buyer(json!({ "text": "friendly" }))).await;
    bea.act("desk.tag", with_buyer(json!({ "tags": ["vip", "fr"] }))).await;
    let opened = bea.read("desk.open", json!({ "buyer": "ann" })).await;
    assert_eq!(opened["session"]["session"], 3);
    let earlier: Vec<_> = opened["earlier"].as_array().unwrap().iter().collect();
    assert_eq!((&earlier[0]["session"], &earlier[1]["session"]), (&2.into(), &1.into()));
    assert_eq!(earlier.len(), 2);
    assert_eq!((&earlier[0]["first_seq"], &earlier[0]["last_seq"]), (&3.into(), &4.into()));
    assert_eq!(opened["notes"][0]["text"], "friendly");
    assert_eq!(opened["tags"], json!(["fr", "vip"]));
    assert_eq!(texts(&opened["messages"]).len(), 6);
    assert_eq!(opened["conversation"]["seq"], 6);

    let page = bea.read("desk.history", json!({ "buyer": "ann", "before": 3, "limit": 1 })).await;
    assert_eq!((texts(&page["messages"]), &page["more"]), (vec!["answer 1"], &true.into()));
    let unknown = bea.ask_shop("desk.history", json!({ "buyer": "zoe" })).await;
    assert_eq!(code(&unknown), "conversation_unknown");
}

fn with_buyer(mut fields: Value) -> Value {
    fields["buyer"] = "ann".into();
    fields
}

#[tokio::test(start_paused = true)]
async fn a_session_is_exported_whole_and_alone_by_who_may() {
    let house = House::open().await;
    serve(&house).await;
    let (mut ann, mut bea) = (house.guest("ann").await, house.staff("bea", Role::Agent).await);
    for session in 1..=3 {
        ann.act("chat.send", text(&format!("question {session}"))).await;
        bea.act("desk.send", with_buyer(text(&format!("answer {session}")))).await;
        if session < 3 {
            close(&house, session).await;
        }
    }
    let mut sue = house.staff("sue", Role::Supervisor).await;
    for session in 1..=3 {
        let (mut said, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut asked = json!({ "of": { "session": session }, "limit": 1 });
            if !cursor.is_null() {
                asked["cursor"] = cursor.take();
            }
            let page = sue.read("desk.export", asked).await;
            assert_eq!(
                (&page["buyer"], &page["session"]["session"]),
                (&"ann".into(), &session.into())
            );
            said.extend(texts(&page["messages"]).into_iter().map(str::to_owned));
            cursor = page["next"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(said, [format!("question {session}"), format!("answer {session}")]);
    }
    let whole = sue.read("desk.export", json!({ "of": { "buyer": "ann" } })).await;
    assert_eq!(texts(&whole["messages"]).len(), 6);
    assert!(whole["next"].is_null());
    let unknown = sue.ask_shop("desk.export", json!({ "of": { "session": 9 } })).await;
    assert_eq!(code(&unknown), "session_unknown");
    let foreign = json!({ "of": { "buyer": "ann" }, "cursor": "x" });
    assert_eq!(sue.ask_shop("desk.export", foreign).await["error"]["field"], "cursor");
    let refused = bea.ask_shop("desk.export", json!({ "of": { "buyer": "ann" } })).await;
    assert_eq!(code(&refused), "forbidden", "evidence is for leaders");
}

#[tokio::test(start_paused = true)]
async fn a_search_folds_case_goes_on_by_its_cursor_and_finds_nothing_that_was_taken_back() {
    let house = House::open().await;
    let (mut ann, mut bob) = (house.guest("ann").await, house.guest("bob").await);
    let mut bea = house.staff("bea", Role::Agent).await;
    for (count, said) in ["Grün oder ROT?", "rot", "blau", "rote Schuhe"].iter().enumerate() {
        ann.act("chat.send", text(said)).await;
        bob.act("chat.send", text(&format!("Rotwein {count}"))).await;
    }
    ann.act("chat.recall", json!({ "seq": 2 })).await;

    let own = bea.read("desk.search", json!({ "text": "ROT", "buyer": "ann" })).await;
    let said: Vec<_> =
        own["hits"].as_array().unwrap().iter().map(|it| &it["message"]["seq"]).collect();
    assert_eq!(said, [4, 1], "the newest first");
    assert!(own["next"].is_null());

    let (mut all, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let mut asked = json!({ "text": "rot", "limit": 2 });
        if !cursor.is_null() {
            asked["cursor"] = cursor.take();
        }
        let page = bea.read("desk.search", asked).await;
        pages += 1;
        all.extend(page["hits"].as_array().unwrap().iter().map(|it| {
            (it["buyer"].as_str().unwrap().to_owned(), it["message"]["seq"].as_u64().unwrap())
        }));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected = [("bob", 4), ("ann", 4), ("bob", 3), ("bob", 2), ("bob", 1), ("ann", 1)];
    let found: Vec<_> = all.iter().map(|(buyer, seq)| (buyer.as_str(), *seq)).collect();
    assert_eq!(found, expected, "{pages} pages");
    for foreign in ["x", "7-x"] {
        let refused =
            bea.ask_shop("desk.search", json!({ "text": "rot", "cursor": foreign })).await;
        assert_eq!(refused["error"]["field"], "cursor");
    }
    let nothing = bea.ask_shop("desk.search", json!({ "text": "  " })).await;
    assert_eq!(nothing["error"]["field"], "text");
}

#[tokio::test(start_paused = true)]
async fn lists_team_and_figures_are_for_the_staff_of_the_shop() {
    let house = House::open().await;
    serve(&house).await;
    let (mut ann, mut bea) = (house.guest("ann").await, house.staff("bea", Role::Agent).await);
    ann.act("chat.send", text("hello")).await;
    let mine = bea.read("desk.list", json!({ "list": "mine" })).await;
    assert_eq!(mine["sessions"][0]["buyer"], "ann");
    let team = bea.read("desk.team", json!({})).await;
    assert_eq!(
        (&team["agents"][0]["agent"], &team["agents"][0]["load"]),
        (&"bea".into(), &1.into())
    );
    assert_eq!(team["alerts"]["unassigned"], 0);
    bea.act("desk.send", with_buyer(text("hi"))).await;

    let now = house.clock.now().0;
    let window = json!({ "from": now - 60_000, "until": now + 1 });
    let by_agent = |agent: &str| {
        let mut asked = window.clone();
        (asked["by"], asked["agent"]) = ("agent".into(), agent.into());
        asked
    };
    let own = bea.read("desk.response_rate", by_agent("bea")).await;
    assert_eq!((&own["agents"][0]["hits"], &own["agents"][0]["agent"]), (&1.into(), &"bea".into()));
    assert_eq!(code(&bea.ask_shop("desk.response_rate", window.clone()).await), "forbidden");
    assert_eq!(code(&bea.ask_shop("desk.response_rate", by_agent("cat")).await), "forbidden");
    let mut sue = house.staff("sue", Role::Supervisor).await;
    let rate = sue.read("desk.response_rate", window.clone()).await;
    assert_eq!((&rate["shop"]["human_hits"], &rate["shop"]["pending"]), (&1.into(), &0.into()));
    assert_eq!(code(&sue.ask_shop("desk.response_rate", by_agent("cat")).await), "agent_unknown");

    let reads = [
        ("desk.team", json!({})),
        ("desk.list", json!({ "list": "mine" })),
        ("desk.open", json!({ "buyer": "ann" })),
        ("desk.history", json!({ "buyer": "ann" })),
        ("desk.search", json!({ "text": "hello" })),
        ("desk.export", json!({ "of": { "buyer": "ann" } })),
        ("desk.response_rate", window),
        ("desk.quick_replies", json!({})),
        ("desk.policy", json!({ "command_id": "p" })),
        ("desk.watch", json!({ "buyer": "ann" })),
        ("desk.join", json!({})),
    ];
    let mut other = house.connect();
    other.hello(&house.staff_token("dan", Role::Manager, "elsewhere"), json!([])).await;
    for (kind, fields) in reads {
        for guest in [&mut ann, &mut other] {
            assert_eq!(code(&guest.ask_shop(kind, fields.clone()).await), "forbidden", "{kind}");
        }
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(code(&bea.ask_shop("chat.open", json!({})).await), "forbidden", "she buys nothing");
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_read_by_all_of_the_staff_and_changed_by_managers() {
    let house = House::open().await;
    let mut bea = house.staff("bea", Role::Agent).await;
    let known = bea.act("desk.policy", json!({})).await;
    assert_eq!(known["policy"]["cap"], 200);
    let change = json!({ "policy": { "cap": 20 }, "command_id": "p1" });
    assert_eq!(code(&bea.ask_shop("desk.policy", change.clone()).await), "forbidden");
    let mut max = house.staff("max", Role::Manager).await;
    let changed = max.ask_shop("desk.policy", change.clone()).await;
    assert_eq!(changed["ok"]["policy"]["cap"], 20, "{changed}");
    assert_eq!(max.ask_shop("desk.policy", change).await["ok"], changed["ok"], "nothing to change");
    let same = &changed["ok"]["policy"]["answer_within_ms"];
    assert_eq!(*same, known["policy"]["answer_within_ms"], "what is absent stays");
    assert_eq!(max.read("desk.quick_replies", json!({})).await["quick_replies"], json!([]));
}
