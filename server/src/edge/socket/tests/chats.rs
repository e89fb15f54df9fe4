//! A buyer who chats: opening, sending, reading back, files, and what he may not.

use super::*;

fn seqs(answer: &Value) -> Vec<u64> {
    answer["messages"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_chat_is_opened_before_the_first_word_and_after_it() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let opened = ann.read("chat.open", json!({})).await;
    assert_eq!((&opened["seq"], &opened["messages"]), (&0.into(), &json!([])));
    assert_eq!(opened["topic"], "conversation:acme/ann");
    assert!(opened["conversation"].is_null() && opened["session"].is_null(), "{opened}");

    let sent = ann.act("chat.send", text("Is it red?")).await;
    assert_eq!(sent["message"]["seq"], 1);
    let opened = ann.read("chat.open", json!({})).await;
    assert_eq!((seqs(&opened), &opened["seq"]), (vec![1], &1.into()));
    assert_eq!(opened["messages"][0], sent["message"]);
    assert_eq!(opened["session"]["state"], "waiting");
    assert_eq!(opened["session"]["position"], json!({ "kind": "exact", "place": 1 }));
    let nowhere = ann.ask("chat.open", json!({ "shop": "none" })).await;
    assert_eq!(code(&nowhere), "shop_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_sent_again_is_the_same_message() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let mut message = text("hello");
    message["command_id"] = "k1".into();
    let sent = ann.ask_shop("chat.send", message.clone()).await;
    assert_eq!(sent["ok"]["message"]["seq"], 1);
    ann.client.vanish();
    let mut again = house.guest("ann").await;
    assert_eq!(again.ask_shop("chat.send", message.clone()).await["ok"], sent["ok"]);
    message["content"]["text"] = "goodbye".into();
    assert_eq!(code(&again.ask_shop("chat.send", message).await), "idempotency_conflict");
    assert_eq!(again.read("chat.open", json!({})).await["seq"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_read_back_by_the_page() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    for count in 1..=7 {
        ann.act("chat.send", text(&format!("word {count}"))).await;
    }
    let cases = [
        (json!({ "limit": 3 }), vec![5, 6, 7], true),
        (json!({ "limit": 3, "before": 5 }), vec![2, 3, 4], true),
        (json!({ "limit": 3, "before": 2 }), vec![1], false),
        (json!({ "limit": 3, "before": 1 }), vec![], false),
        (json!({ "limit": 3, "before": 1_000 }), vec![5, 6, 7], true),
        (json!({ "limit": 3, "after": 2 }), vec![3, 4, 5], true),
        (json!({ "limit": 3, "after": 4 }), vec![5, 6, 7], false),
        (json!({ "after": 7 }), vec![], false),
    ];
    for (asked, expected, more) in cases {
        let page = ann.read("chat.history", asked.clone()).await;
        assert_eq!((seqs(&page), &page["more"]), (expected, &more.into()), "{asked}");
    }
    let mut bob = house.guest("bob").await;
    assert_eq!(seqs(&bob.read("chat.history", json!({})).await), [0; 0], "his own, and no other");
}

#[tokio::test(start_paused = true)]
async fn who_reads_his_history_wakes_no_shop() {
    let house = House::open().await;
    house.driver.manage(hawker_domain::command::RoomCommand::End { room: room_id("r1") }).await;
    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("hello")).await;
    let epoch = async || {
        let records = house.driver.engine.records(&shop_id(), 0, usize::MAX).await.unwrap();
        records.last().unwrap().epoch
    };
    let before = epoch().await;
    pass(Duration::from_secs(700)).await;
    let mut ann = house.guest("ann").await;
    assert_eq!(seqs(&ann.read("chat.history", json!({ "before": 2 })).await), [1]);
    pass(Duration::from_secs(700)).await;
    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("are you there?")).await;
    assert_eq!(epoch().await, before + 1, "a shop that is woken takes its lease anew");
}

#[tokio::test(start_paused = true)]
async fn a_message_names_files_of_its_sender_only_and_they_are_kept() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    let (own, other) = (
        house.shelf.put(&shop_id(), &user_id("ann")),
        house.shelf.put(&shop_id(), &user_id("bob")),
    );
    let picture = |upload: &str| json!({ "content": { "kind": "image", "upload": upload } });
    let sent = ann.act("chat.send", picture(own.as_str())).await;
    let content = &sent["message"]["content"];
    assert_eq!(
        (&content["media_type"], &content["size_bytes"]),
        (&"image/png".into(), &1234.into())
    );
    assert!(house.shelf.is_kept(&shop_id(), &own));
    for upload in [other.as_str(), "nothing"] {
        let mut message = picture(upload);
        message["command_id"] = upload.into();
        let refused = ann.ask_shop("chat.send", message).await;
        assert_eq!(code(&refused), "invalid_request", "{refused}");
        assert_eq!(refused["error"]["field"], "content.upload");
    }
    assert!(!house.shelf.is_kept(&shop_id(), &other));
    let mut video = json!({ "content": { "kind": "video", "upload": own.as_str() } });
    video["command_id"] = "v1".into();
    assert_eq!(code(&ann.ask_shop("chat.send", video).await), "invalid_request", "a picture");
}

#[tokio::test(start_paused = true)]
async fn messages_have_a_rate_of_their_own() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    for count in 0..10 {
        ann.act("chat.send", text(&format!("word {count}"))).await;
    }
    let mut message = text("one more");
    message["command_id"] = "k1".into();
    let refused = ann.ask_shop("chat.send", message.clone()).await;
    assert_eq!(code(&refused), "rate_limited");
    assert_eq!(refused["error"]["retry_after_ms"], 334);
    assert_eq!(ann.read("chat.open", json!({})).await["seq"], 10, "anything else goes on");
    pass(Duration::from_millis(334)).await;
    assert_eq!(code(&ann.ask_shop("chat.send", message).await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn marks_and_typing_need_no_command_id_and_leave_nothing_to_remember() {
    let house = House::open().await;
    let mut ann = house.guest("ann").await;
    assert_eq!(
        code(&ann.ask_shop("chat.read", json!({ "read": 1 })).await),
        "conversation_unknown"
    );
    ann.act("chat.send", text("hello")).await;
    let marked = ann.read("chat.read", json!({ "read": 5 })).await;
    let marks = &marked["conversation"]["buyer_marks"];
    assert_eq!(*marks, json!({ "delivered": 1, "read": 1 }), "no further than what was said");
    ann.read("chat.typing", json!({})).await;
    let records = house.driver.engine.records(&shop_id(), 0, usize::MAX).await.unwrap();
    let last = records.last().unwrap().entries.last().unwrap();
    assert_eq!(last.by, None, "{last:?}");
}
