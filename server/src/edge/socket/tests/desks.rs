//! Working at a desk: links that hold for as long as their sockets, and whoever watches.

use std::collections::BTreeSet;

use hawker_domain::command::ShopCommand;
use hawker_domain::view::desk::AgentStatus;

use super::*;
use crate::journal::memory::Fault;

const SECOND: Duration = Duration::from_secs(1);

impl House {
    /// Somebody who works at the desk and takes up to `cap` sessions.
    async fn agent(&self, name: &str, cap: u32) -> Guest {
        let mut guest = self.staff(name, Role::Agent).await;
        let joined = guest.read("desk.join", json!({})).await;
        assert_eq!(joined["me"]["agent"], name, "{joined}");
        guest.act("desk.cap", json!({ "cap": cap })).await;
        guest.act("desk.status", json!({ "status": "accepting" })).await;
        guest
    }

    /// What the shop knows of an agent, and his connections.
    async fn seen(&self, name: &str) -> (AgentStatus, u32) {
        let (shop, agent) = (shop_id(), user_id(name));
        let view = self.driver.engine.query(&shop, move |shop, _| shop.agent_view(&agent));
        view.await.unwrap().map(|view| (view.status, view.connections)).unwrap()
    }

    /// Who has the open session of a buyer.
    async fn owner(&self, buyer: &str) -> Option<String> {
        let (shop, buyer) = (shop_id(), user_id(buyer));
        let view = self.driver.engine.query(&shop, move |shop, _| shop.conversation_view(&buyer));
        view.await.unwrap().and_then(|view| view.owner).map(|owner| owner.to_string())
    }

    /// The shop's memory is lost and read again from the journal.
    async fn read_anew(&self) {
        let mut reigns = self.driver.engine.reigns(&shop_id()).unwrap();
        reigns.borrow_and_update();
        self.faults.fail_append(Fault::TakenOver);
        let lost = self.driver.begin("erp", Role::Service, lipstick("Balm")).await;
        assert_eq!(lost, Err(engine::Error::Retry));
        reigns.changed().await.unwrap();
    }
}

impl Guest {
    /// Lets time pass and reads, which answers pings.
    async fn read_on(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            pass(SECOND * 5).await;
            self.hears().await;
        }
    }

    /// Only the pushes of one type.
    async fn pushed(&mut self, kind: &str) -> Vec<Value> {
        pass(Duration::from_millis(100)).await;
        self.hears().await.into_iter().filter(|line| line["type"] == kind).collect()
    }
}

fn with_buyer(mut fields: Value, buyer: &str) -> Value {
    fields["buyer"] = buyer.into();
    fields
}

#[tokio::test(start_paused = true)]
async fn a_desk_is_joined_and_left_and_its_pushes_are_heard_in_between() {
    let house = House::open().await;
    let mut bea = house.staff("bea", Role::Agent).await;
    let joined = bea.read("desk.join", json!({})).await;
    assert_eq!(joined["me"]["connections"], 1);
    assert_eq!(joined["snapshot"]["topic"], "desk:acme");
    bea.act("desk.status", json!({ "status": "accepting" })).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));

    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("hello")).await;
    pass(Duration::from_millis(100)).await;
    let heard = bea.hears().await;
    let assigned = heard.iter().find(|line| line["type"] == "desk.assigned").unwrap();
    assert_eq!(assigned["session"]["buyer"], "ann");
    assert!(heard.iter().any(|line| line["type"] == "chat.message"), "{heard:?}");
    let numbers: Vec<_> = heard
        .iter()
        .filter(|line| line["topic"] == "desk:acme")
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert!(!numbers.is_empty() && numbers.is_sorted(), "{heard:?}");

    assert_eq!(code(&bea.ask_shop("desk.leave", json!({})).await), "accepted");
    assert_eq!(code(&bea.ask_shop("desk.leave", json!({})).await), "not_joined");
    assert_eq!(house.seen("bea").await, (AgentStatus::Reconnecting, 0));
    bea.hears().await;
    house.guest("bob").await.act("chat.send", text("hello")).await;
    assert_eq!(bea.pushed("desk.session").await, [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_dismissed_hears_so_on_his_connection_and_does_not_come_back() {
    let house = House::open().await;
    let (user, roles) = (user_id("bea"), BTreeSet::from([Role::Agent]));
    house.driver.manage(ShopCommand::PutStaff { user: user.clone(), roles }).await;
    let mut bea = house.agent("bea", 9).await;
    bea.pushed("desk.agent").await;
    house.driver.manage(ShopCommand::RemoveStaff { user }).await;
    house.guest("ann").await.act("chat.send", text("hello")).await;
    pass(Duration::from_millis(100)).await;
    let kinds: Vec<_> = bea.hears().await.iter().map(|line| line["type"].clone()).collect();
    assert_eq!(kinds, ["desk.dismissed"]);
    assert_eq!(code(&bea.ask_shop("desk.join", json!({})).await), "forbidden");
}

#[tokio::test(start_paused = true)]
async fn joining_again_keeps_the_link_and_leaving_after_it_ends_it() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    assert_eq!(bea.read("desk.join", json!({})).await["me"]["status"], "accepting");
    bea.read_on(SECOND * 60).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));
    bea.read("desk.leave", json!({})).await;
    settle().await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Reconnecting, 0));
}

#[tokio::test(start_paused = true)]
async fn an_agent_who_falls_silent_gets_nothing_more_within_30_s_and_keeps_his_own_in_his_grace() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("hello")).await;
    assert_eq!(house.owner("ann").await.as_deref(), Some("bea"));
    bea.hears().await;
    // Nobody reads at her end, so nothing answers the pings.
    pass(SECOND * 30).await;
    assert_eq!(house.seen("bea").await.0, AgentStatus::Reconnecting);
    let mut bob = house.guest("bob").await;
    bob.act("chat.send", text("hello")).await;
    assert_eq!(
        (house.owner("ann").await.as_deref(), house.owner("bob").await),
        (Some("bea"), None)
    );

    let mut back = house.staff("bea", Role::Agent).await;
    back.read("desk.join", json!({})).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));
    assert_eq!(house.owner("bob").await.as_deref(), Some("bea"), "who waited is given to her");
    pass(SECOND * 5).await;
    back.hears().await;
    back.client.vanish();
    pass(SECOND * 29).await;
    assert_eq!(house.seen("bea").await.0, AgentStatus::Reconnecting);
    pass(SECOND * 2).await;
    assert_eq!(house.seen("bea").await.0, AgentStatus::Offline);
    assert_eq!(house.owner("ann").await, None, "whoever was not answered waits again");
}

#[tokio::test(start_paused = true)]
async fn an_agent_with_a_second_connection_does_not_notice_the_loss_of_one() {
    let house = House::open().await;
    let first = house.agent("bea", 9).await;
    let mut second = house.staff("bea", Role::Agent).await;
    assert_eq!(second.read("desk.join", json!({})).await["me"]["connections"], 2);
    first.client.vanish();
    settle().await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));
    house.guest("ann").await.act("chat.send", text("hello")).await;
    assert_eq!(house.owner("ann").await.as_deref(), Some("bea"));
    assert_eq!(second.pushed("desk.assigned").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_link_is_told_again_until_the_shop_has_heard_it() {
    let house = House::open().await;
    let bea = house.agent("bea", 9).await;
    house.faults.hold_appends();
    house.guest("ann").await;
    drop(house.driver.begin("erp", Role::Service, lipstick("Balm")));
    house.faults.appends_waiting(1).await;
    bea.client.vanish();
    pass(SECOND * 6).await;
    house.faults.release_appends();
    pass(SECOND * 3).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Reconnecting, 0));

    let cat = house.agent("cat", 9).await;
    house.read_anew_while(|| cat.client.vanish()).await;
    pass(SECOND * 40).await;
    assert_eq!(house.seen("cat").await, (AgentStatus::Offline, 0), "no link came back");
}

impl House {
    async fn read_anew_while(&self, meanwhile: impl FnOnce()) {
        self.faults.fail_append(Fault::TakenOver);
        let lost = self.driver.begin("erp", Role::Service, lipstick("Stick"));
        meanwhile();
        assert_eq!(lost.await, Err(engine::Error::Retry));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_read_anew_is_told_of_the_sockets_that_still_stand() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("hello")).await;
    bea.hears().await;
    house.read_anew().await;
    pass(SECOND).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));
    assert_eq!(house.owner("ann").await.as_deref(), Some("bea"));
    let heard = bea.hears().await;
    assert!(heard.iter().any(|line| line["type"] == "desk.gap"), "another epoch: {heard:?}");
    bea.read_on(SECOND * 60).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1), "beyond every grace");
    bea.client.vanish();
    settle().await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Reconnecting, 0), "and it ends as ever");
}

#[tokio::test(start_paused = true)]
async fn who_logs_out_is_gone_at_once_and_no_socket_of_his_brings_him_back() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    let mut second = house.staff("bea", Role::Agent).await;
    second.read("desk.join", json!({})).await;
    let refused = bea.ask_shop("desk.log_out", json!({ "command_id": "l1" })).await;
    assert_eq!(code(&refused), "last_agent");
    house.read_anew().await;
    pass(SECOND).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 2), "she did not leave");
    bea.hears().await;
    let gone = bea.act("desk.log_out", json!({ "confirmed": true })).await;
    assert_eq!(gone["agent"]["status"], "offline");
    house.read_anew().await;
    pass(SECOND).await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Offline, 0));
    second.hears().await;
    let back = second.read("desk.join", json!({})).await;
    assert_eq!(back["me"]["status"], "accepting", "her intent is what it was");
}

#[tokio::test(start_paused = true)]
async fn of_two_who_take_a_session_at_once_one_has_it() {
    let house = House::open().await;
    house.guest("ann").await.act("chat.send", text("hello")).await;
    let (mut bea, mut cat) = (house.agent("bea", 0).await, house.agent("cat", 0).await);
    for guest in [&mut bea, &mut cat] {
        guest.act("desk.status", json!({ "status": "busy", "confirmed": true })).await;
        guest.act("desk.cap", json!({ "cap": 5 })).await;
        guest.hears().await;
    }
    let take = json!({ "shop": "acme", "session": 1, "command_id": "t1" });
    let lines = [bea.line("desk.take", take.clone()), cat.line("desk.take", take)];
    bea.client.text(&lines[0]);
    cat.client.text(&lines[1]);
    let mut codes = Vec::new();
    for guest in [&mut bea, &mut cat] {
        let heard = guest.hears().await;
        let reply = heard.iter().find(|line| line["re"] == guest.asked).unwrap();
        codes.push(code(reply).to_owned());
    }
    codes.sort();
    assert_eq!(codes, ["accepted", "already_taken"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_hears_what_he_watches_and_is_given_nothing() {
    let house = House::open().await;
    let _bea = house.agent("bea", 1).await;
    let mut sue = house.staff("sue", Role::Supervisor).await;
    sue.read("desk.join", json!({})).await;
    let early = sue.ask_shop("desk.watch", json!({ "buyer": "ann" })).await;
    assert_eq!(code(&early), "conversation_unknown");
    let mut ann = house.guest("ann").await;
    ann.act("chat.send", text("hello")).await;
    let watching = sue.read("desk.watch", json!({ "buyer": "ann" })).await;
    assert_eq!((&watching["seq"], &watching["epoch"]), (&1.into(), &"1".into()));
    sue.hears().await;
    ann.act("chat.send", text("are you there?")).await;
    let heard = sue.pushed("chat.message").await;
    assert_eq!((heard.len(), &heard[0]["seq"]), (1, &2.into()));

    house.guest("bob").await.act("chat.send", text("hello")).await;
    assert_eq!(house.owner("bob").await, None, "the only agent is full");
    assert_eq!(code(&sue.ask_shop("desk.unwatch", json!({ "buyer": "ann" })).await), "accepted");
    assert_eq!(code(&sue.ask_shop("desk.unwatch", json!({ "buyer": "ann" })).await), "not_joined");
    sue.hears().await;
    ann.act("chat.send", text("hello?")).await;
    assert_eq!(sue.pushed("chat.message").await, [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_longer_names_the_shop_ends_the_work_there() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    house.guest("ann").await.act("chat.send", text("hello")).await;
    bea.read("desk.watch", json!({ "buyer": "ann" })).await;
    let fresh = house.staff_token("bea", Role::Agent, "acme");
    assert_eq!(code(&bea.ask("refresh", json!({ "token": fresh })).await), "accepted");
    settle().await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1), "the same shop");
    let fresh = house.staff_token("bea", Role::Agent, "elsewhere");
    assert_eq!(code(&bea.ask("refresh", json!({ "token": fresh })).await), "accepted");
    settle().await;
    assert_eq!(house.seen("bea").await, (AgentStatus::Reconnecting, 0));
    assert_eq!(code(&bea.ask_shop("desk.unwatch", json!({ "buyer": "ann" })).await), "not_joined");
}

#[tokio::test(start_paused = true)]
async fn both_topics_of_a_desk_go_on_after_a_lost_connection() {
    let house = House::open().await;
    let mut bea = house.agent("bea", 9).await;
    let (mut ann, mut bob) = (house.guest("ann").await, house.guest("bob").await);
    ann.act("chat.send", text("hello")).await;
    bob.act("chat.send", text("hello")).await;
    bea.act("desk.send", with_buyer(text("hi"), "ann")).await;
    pass(SECOND).await;
    let heard = bea.hears().await;
    let at = heard.iter().rfind(|line| line["topic"] == "desk:acme").unwrap();
    let joined = bea.read("desk.join", json!({})).await;
    let (epoch, seq) = (joined["snapshot"]["epoch"].clone(), at["seq"].clone());
    bea.client.vanish();
    ann.act("chat.send", text("is it red?")).await;
    ann.act("chat.recall", json!({ "seq": 1 })).await;
    pass(SECOND).await;

    let mut back = house.connect();
    let resume = json!([
        { "topic": "desk:acme", "epoch": epoch, "seq": seq },
        { "topic": "conversation:acme/ann", "epoch": "1", "seq": 2 },
        { "topic": "conversation:acme/bob", "epoch": "9", "seq": 1 },
        { "topic": "conversation:acme/zoe", "epoch": "1", "seq": 3 },
    ]);
    let token = house.staff_token("bea", Role::Agent, "acme");
    let welcome = back.hello(&token, resume).await;
    let resumed = &welcome["ok"]["resumed"];
    assert_eq!(resumed[0]["recovered"], true, "{welcome}");
    let missed = resumed[0]["missed"].as_array().unwrap();
    assert!(missed.iter().any(|line| line["type"] == "desk.session"), "{missed:?}");
    let missed: Vec<_> = resumed[1]["missed"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> = missed.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["chat.message", "chat.recalled", "chat.read", "chat.session"]);
    assert_eq!((&missed[0]["seq"], &missed[1]["message_seq"]), (&3.into(), &1.into()));
    assert_eq!((&resumed[1]["seq"], &resumed[1]["recovered"]), (&3.into(), &true.into()));
    assert_eq!(resumed[2]["recovered"], false, "another history");
    assert_eq!(resumed[3]["recovered"], false, "more than there is");
    assert_eq!(house.seen("bea").await, (AgentStatus::Accepting, 1));

    back.hears().await;
    ann.act("chat.send", text("hello?")).await;
    assert_eq!(back.pushed("chat.message").await.len(), 1, "once, though it was resumed");
}

#[tokio::test(start_paused = true)]
async fn a_buyer_resumes_his_own_conversation_and_nobody_elses() {
    let house = House::open().await;
    let _bea = house.agent("bea", 9).await;
    let (mut ann, mut bea) = (house.guest("ann").await, house.staff("bea", Role::Agent).await);
    ann.act("chat.send", text("hello")).await;
    ann.client.vanish();
    for count in 0..3 {
        bea.act("desk.send", with_buyer(text(&format!("answer {count}")), "ann")).await;
    }
    let resume = json!([{ "topic": "conversation:acme/ann", "epoch": "1", "seq": 1 }]);
    let mut back = house.connect();
    let welcome = back.hello(&house.token("ann", HOUR), resume.clone()).await;
    let missed = welcome["ok"]["resumed"][0]["missed"].as_array().unwrap().clone();
    let seqs: Vec<_> = missed.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(seqs, [2, 3, 4], "{welcome}");
    bea.act("desk.send", with_buyer(text("more"), "ann")).await;
    assert_eq!(back.pushed("chat.message").await[0]["seq"], 5);

    let mut bob = house.connect();
    let welcome = bob.hello(&house.token("bob", HOUR), resume).await;
    assert_eq!(welcome["ok"]["resumed"][0]["error"]["code"], "forbidden");
    let desk = json!([{ "topic": "desk:acme", "epoch": "1", "seq": 1 }]);
    let welcome = house.connect().hello(&house.token("cat", HOUR), desk).await;
    assert_eq!(welcome["ok"]["resumed"][0]["error"]["code"], "forbidden");
}

#[tokio::test(start_paused = true)]
async fn who_missed_more_than_a_page_opens_the_conversation_again() {
    let house = House::open().await;
    let bea = hawker_domain::command::DeskCommand::Send {
        buyer: user_id("ann"),
        content: hawker_domain::command::Content::Text("news".to_owned()),
    };
    for _ in 0..102 {
        house.driver.ask("bea", Role::Agent, bea.clone()).await.unwrap();
    }
    for (seq, recovered) in [(1, false), (2, true)] {
        let resume = json!([{ "topic": "conversation:acme/ann", "epoch": "1", "seq": seq }]);
        let welcome = house.connect().hello(&house.token("ann", HOUR), resume).await;
        let resumed = &welcome["ok"]["resumed"][0];
        assert_eq!((&resumed["recovered"], &resumed["seq"]), (&recovered.into(), &102.into()));
    }
}
