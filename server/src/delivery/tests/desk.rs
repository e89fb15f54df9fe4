//! Who hears what of a desk and of its conversations, from the bus and over real connections.

use hawker_domain::command::{
    ChatCommand, Content, DeskCommand, Faq, Holiday, Intent, Marks, ShopCommand, TransferTo,
};
use hawker_domain::id::{ConnectionId, FaqId, SessionId};
use hawker_domain::policy::DeskPolicy;
use hawker_domain::time::SpanMs;
use hawker_protocol::object::DeskSnapshot;

use super::people::{connect, connect_to};
use super::*;

fn desk_topic() -> Topic {
    Topic::desk(&shop_id())
}

fn conversation(buyer: &str) -> Topic {
    Topic::conversation(&shop_id(), &user_id(buyer))
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

impl House {
    async fn says(&self, buyer: &str, words: &str) {
        let said = ChatCommand::Send { content: text(words), room: None };
        self.driver.buy(buyer, said).await.unwrap();
    }

    async fn staff(&self, name: &str, command: DeskCommand) {
        self.driver.ask(name, Role::Agent, command).await.unwrap();
    }

    /// Connected, and accepting up to `cap` sessions.
    async fn serves(&self, name: &str, cap: u32) {
        let connection = ConnectionId::parse(&format!("c-{name}")).unwrap();
        self.staff(name, DeskCommand::SetCap { agent: None, cap }).await;
        self.staff(name, DeskCommand::Connect { connection }).await;
        let intent = Intent::Accepting;
        self.staff(name, DeskCommand::SetIntent { agent: None, intent, confirmed: false }).await;
    }

    /// What was published to one topic.
    fn heard_in(&self, topic: &Topic) -> Vec<Publication> {
        let heard = self.heard().into_iter().map(|(_, it)| it);
        heard.filter(|it| it.topic == *topic).collect()
    }

    fn told_at_desk(&self, kind: &str) -> Vec<Value> {
        let lines = self.heard_in(&desk_topic()).into_iter().map(|it| parse(&it.line));
        lines.filter(|line| line["type"] == kind).collect()
    }

    fn desk(&self) -> DeskSnapshot {
        serde_json::from_slice(&self.delivery.snapshot(&desk_topic()).unwrap().body).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_desk_has_its_own_numbers_without_gaps_under_the_leases_epoch() {
    let house = House::open().await;
    house.serves("bea", 1).await;
    house.says("ann", "hello").await;
    house.says("bob", "hello").await;
    let lines = house.heard_in(&desk_topic());
    let numbers: Vec<_> = lines.iter().map(|it| (it.epoch, it.seq)).collect();
    let expected: Vec<_> = (1..=lines.len() as u64).map(|seq| (1, Some(seq))).collect();
    assert_eq!(numbers, expected);
    assert_eq!((house.desk().epoch.as_str(), house.desk().seq), ("1", lines.len() as u64));
    let states = house.told_at_desk("desk.session");
    assert_eq!(states[0]["session"]["state"]["kind"], "assigned");
    assert_eq!(states[0]["topic"], "desk:acme");
    assert_eq!(states[1]["session"]["state"]["kind"], "waiting");
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_a_session_hears_so_before_what_is_said_in_it() {
    let house = House::open().await;
    house.serves("bea", 9).await;
    let mut bea = connect(&house, "bea", None);
    let mut ann = connect(&house, "ann", None);
    house.says("ann", "hello").await;
    let heard = bea.lines().await;
    let types: Vec<_> = heard.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["desk.assigned", "chat.session", "chat.message"]);
    assert_eq!(heard[0]["session"]["why"]["reason"], "lowest_saturation");
    assert_eq!(heard[2]["topic"], "conversation:acme/ann");
    assert_eq!((&heard[2]["seq"], &heard[2]["message"]["seq"]), (&1.into(), &1.into()));
    assert_eq!(ann.hears().await, ["chat.session"], "the reply has told the message");
    let mut phone = connect(&house, "ann", None);
    house.says("ann", "is it red?").await;
    assert_eq!(ann.hears().await, ["chat.message"]);
    assert_eq!(phone.hears().await, ["chat.message"]);
    assert_eq!(bea.hears().await, ["chat.message"], "the session looks to the buyer as before");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_is_made_once_for_both_sides_and_all_who_watch() {
    let house = House::open().await;
    house.serves("bea", 9).await;
    let mut cat = connect_to(&house, "cat", &conversation("ann"));
    let mut dan = connect_to(&house, "dan", &conversation("bob"));
    house.says("ann", "hello").await;
    house.hush();
    let answer = DeskCommand::Send { buyer: user_id("ann"), content: text("yes") };
    house.staff("bea", answer).await;
    let users = ["ann", "bea"].map(|name| Topic::user(&user_id(name)));
    let said_in = |topic| {
        let mut heard = house.heard_in(topic).into_iter();
        heard.find(|it| it.line.starts_with(MESSAGE)).unwrap()
    };
    let lines: Vec<_> = users.iter().chain([&conversation("ann")]).map(said_in).collect();
    assert_eq!(lines.iter().map(|it| it.line.as_ptr()).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(lines.iter().map(|it| it.seq).collect::<Vec<_>>(), [None; 3]);
    assert_eq!(lines[0].class, Class::Critical);
    assert_eq!(lines[1].class, Class::Normal, "the one who said it has a reply");
    let heard = cat.lines().await;
    let words: Vec<_> = heard.iter().map(|line| &line["message"]["content"]["text"]).collect();
    assert_eq!(words.iter().filter(|words| **words == "yes").count(), 1, "{heard:?}");
    assert_eq!(dan.hears().await, [""; 0]);
}

const MESSAGE: &[u8] = b"{\"type\":\"chat.message\"";

#[tokio::test(start_paused = true)]
async fn a_click_is_answered_to_whoever_clicked_also_on_his_only_connection() {
    let house = House::open().await;
    let faq = FaqId::parse("q1").unwrap();
    let (question, answer) = ("When do you ship?".to_owned(), "Today.".to_owned());
    let entry = Faq { question, answer };
    house.driver.manage(DeskCommand::PutFaq { faq: faq.clone(), entry }).await;
    let mut ann = connect(&house, "ann", None);
    house.driver.buy("ann", ChatCommand::ClickFaq { faq, room: None }).await.unwrap();
    let heard = ann.lines().await;
    let contents: Vec<_> = heard.iter().map(|line| &line["message"]["content"]["kind"]).collect();
    assert_eq!(contents, [&Value::from("question"), &"text".into(), &Value::Null], "{heard:?}");
    assert_eq!(heard[2]["session"]["state"], "self_served");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_changes_hands_is_told_to_both_and_only_one_goes_on_hearing() {
    let house = House::open().await;
    house.serves("bea", 9).await;
    house.says("ann", "hello").await;
    house.serves("cat", 9).await;
    let mut bea = connect(&house, "bea", None);
    let mut cat = connect(&house, "cat", None);
    house.hush();
    let (session, to) = (SessionId(1), TransferTo::Agent(user_id("cat")));
    house.staff("bea", DeskCommand::Transfer { session, epoch: 1, to, force: false }).await;
    assert_eq!(bea.hears().await, ["desk.unassigned"]);
    assert_eq!(cat.hears().await, ["desk.assigned", "chat.session"]);
    let told = house.heard_in(&desk_topic());
    assert_eq!(told[0].class, Class::Critical);
    house.says("ann", "still there?").await;
    assert_eq!(bea.hears().await, [""; 0]);
    assert_eq!(cat.hears().await, ["chat.message"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_hears_his_place_and_the_desk_only_alerts_that_are_news() {
    let house = House::open().await;
    let mut ann = connect(&house, "ann", None);
    house.says("ann", "hello").await;
    let heard = ann.lines().await;
    assert_eq!(heard[0]["session"]["state"], "waiting");
    assert_eq!(
        (&heard[1]["type"], &heard[1]["position"]["place"]),
        (&"chat.position".into(), &1.into())
    );
    assert_eq!(house.told_at_desk("desk.alert").len(), 1);
    house.says("ann", "anybody?").await;
    let connection = ConnectionId::parse("c-bea").unwrap();
    house.staff("bea", DeskCommand::Connect { connection }).await;
    let alerts = house.told_at_desk("desk.alert");
    assert_eq!(alerts.len(), 1, "as it was: {alerts:?}");
    house.serves("cat", 9).await;
    let alerts = house.told_at_desk("desk.alert");
    assert_eq!(alerts.last().unwrap()["alerts"]["unassigned"], 0);
    assert_eq!(alerts.last().unwrap()["alerts"]["no_agent_routable"], false);
}

#[tokio::test(start_paused = true)]
async fn marks_recalls_and_typing_reach_the_other_side() {
    let house = House::open().await;
    house.serves("bea", 9).await;
    house.says("ann", "hello").await;
    let mut bea = connect(&house, "bea", None);
    let mut ann = connect(&house, "ann", None);
    let buyer = || user_id("ann");
    let marks = Marks { delivered: 1, read: 1 };
    house.staff("bea", DeskCommand::Mark { buyer: buyer(), marks }).await;
    assert_eq!(ann.lines().await[0]["conversation"]["staff_marks"]["read"], 1);
    house.staff("bea", DeskCommand::Typing { buyer: buyer() }).await;
    let typing = ann.lines().await;
    assert_eq!((&typing[0]["side"], &typing[0]["user"]), (&"staff".into(), &"bea".into()));
    assert_eq!(bea.hears().await, ["chat.read"], "his own typing is no news");
    house.driver.buy("ann", ChatCommand::Typing).await.unwrap();
    house.driver.buy("ann", ChatCommand::Recall { seq: 1 }).await.unwrap();
    let heard = bea.lines().await;
    assert_eq!((&heard[0]["type"], &heard[0]["side"]), (&"chat.typing".into(), &"buyer".into()));
    assert_eq!((&heard[1]["type"], &heard[1]["message_seq"]), (&"chat.recalled".into(), &1.into()));
    assert_eq!(ann.hears().await, ["chat.recalled"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_applied_every_line_sees_the_switches_that_the_snapshot_shows() {
    let house = House::open().await;
    let mut seen = house.desk();
    house.hush();
    house.serves("bea", 1).await;
    for buyer in ["ann", "bob", "cat"] {
        house.says(buyer, "hello").await;
    }
    let holiday = Holiday { from: START, until: Some(START + SpanMs::days(3)) };
    house.driver.manage(DeskCommand::SetHoliday { holiday: Some(holiday) }).await;
    let policy = DeskPolicy { cap: 7, unassigned_alert: 0, ..DeskPolicy::default() };
    house.driver.manage(DeskCommand::SetPolicy { policy }).await;
    house.says("bob", "anybody?").await;
    let quick_reply = "t1".parse().unwrap();
    house.driver.manage(DeskCommand::PutQuickReply { quick_reply, text: "hi".to_owned() }).await;
    for heard in house.heard_in(&desk_topic()) {
        let line = codec::read_line(std::str::from_utf8(&heard.line).unwrap()).unwrap();
        assert_eq!(line.seq, Some(seen.seq + 1));
        seen.seq += 1;
        match line.push().unwrap().unwrap() {
            Push::DeskAlert(it) => seen.alerts = it.alerts,
            Push::DeskSettings(it) => (seen.policy, seen.holiday) = (it.policy, it.holiday),
            Push::DeskSession(_) | Push::DeskAgent(_) => {}
            other => panic!("not for a desk: {other:?}"),
        }
    }
    let settings = house.told_at_desk("desk.settings");
    let texts: Vec<_> = settings.iter().map(|line| line["texts_changed"].clone()).collect();
    assert_eq!(texts, [Value::Bool(false), false.into(), true.into()]);
    let shown = house.desk();
    assert!(shown.alerts.too_many_unassigned && shown.policy.cap == 7);
    assert_eq!(DeskSnapshot { now: shown.now, ..seen.clone() }, shown);
    let house = house.restart().await;
    let again = house.desk();
    let kept = (&again.policy, again.holiday, again.alerts.unassigned);
    assert_eq!(kept, (&shown.policy, shown.holiday, shown.alerts.unassigned));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_made_once_for_many_and_says_what_time_it_is() {
    let house = House::open().await;
    let body = || house.delivery.snapshot(&desk_topic()).unwrap().body;
    let first = body();
    assert_eq!(first.as_ptr(), body().as_ptr());
    pass(Duration::from_secs(5)).await;
    let now = |body: &[u8]| parse(body)["now"].as_i64().unwrap();
    assert_eq!(now(&body()) - now(&first), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_gives_everybody_at_the_desk_a_snapshot_under_his_epoch() {
    let house = House::open().await;
    house.serves("bea", 9).await;
    let mut bea = connect_to(&house, "bea", &desk_topic());
    assert_eq!(bea.hears().await, [""; 0], "the snapshot of the join had it all");
    let house = house.restart().await;
    let heard = bea.lines().await;
    let gap = &heard[0];
    assert_eq!((&gap["type"], &gap["snapshot"]["epoch"]), (&"desk.gap".into(), &"2".into()));
    assert_eq!(gap["snapshot"]["seq"], house.desk().seq);
    assert_eq!(house.told_at_desk("desk.agent").last().unwrap()["agent"]["status"], "reconnecting");
}

#[tokio::test(start_paused = true)]
async fn regression_whoever_is_dismissed_hears_the_desk_and_its_conversations_no_more() {
    // He was refused whatever he asked, and went on hearing what everybody wrote until his
    // connection ended.
    let house = House::open().await;
    for (name, role) in [("bea", Role::Agent), ("cat", Role::Supervisor), ("dan", Role::Agent)] {
        let (user, roles) = (user_id(name), BTreeSet::from([role]));
        house.driver.manage(ShopCommand::PutStaff { user, roles }).await;
    }
    let mut screens = Vec::new();
    for name in ["bea", "cat", "dan"] {
        screens.push(connect_to(&house, name, &desk_topic()));
        screens.push(connect_to(&house, name, &conversation("ann")));
    }
    house.says("ann", "hello").await;
    for screen in &mut screens {
        assert!(!screen.hears().await.is_empty());
    }
    house.driver.manage(ShopCommand::RemoveStaff { user: user_id("bea") }).await;
    // Whoever keeps another kind of work is at the desk no more either.
    let (user, roles) = (user_id("cat"), BTreeSet::from([Role::Streamer]));
    house.driver.manage(ShopCommand::PutStaff { user, roles }).await;
    house.says("ann", "anybody?").await;
    house.says("bob", "hello").await;
    let mut heard = Vec::new();
    for screen in &mut screens {
        heard.push(screen.hears().await);
    }
    assert_eq!(heard[..4], vec![vec!["desk.dismissed"]; 4]);
    assert!(heard[4].contains(&"desk.session".to_owned()), "{heard:?}");
    assert_eq!(heard[5], ["chat.message"]);
    let dismissed = house.heard_in(&Topic::user(&user_id("bea")));
    assert_eq!(parse(&dismissed[0].line)["shop"], "acme");

    let (user, roles) = (user_id("bea"), BTreeSet::from([Role::Agent]));
    house.driver.manage(ShopCommand::PutStaff { user, roles }).await;
    let mut again = connect_to(&house, "bea", &desk_topic());
    house.says("eve", "hello").await;
    assert!(again.hears().await.contains(&"desk.session".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_dismissed_loses_the_sessions_that_he_served_without_hearing_more_of_them() {
    let house = House::open().await;
    let (user, roles) = (user_id("bea"), BTreeSet::from([Role::Agent]));
    house.driver.manage(ShopCommand::PutStaff { user, roles }).await;
    house.serves("bea", 9).await;
    house.says("ann", "hello").await;
    let mut bea = connect_to(&house, "bea", &desk_topic());
    house.driver.manage(ShopCommand::RemoveStaff { user: user_id("bea") }).await;
    let heard = bea.hears().await;
    assert_eq!(heard[0], "desk.dismissed");
    assert!(heard[1..].iter().all(|kind| kind == "desk.unassigned"), "{heard:?}");
    house.says("ann", "still there?").await;
    assert_eq!(bea.hears().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_left_memory_leaves_no_desk_behind() {
    let house = House::open().await;
    house.says("ann", "hello").await;
    house.driver.manage(RoomCommand::End { room: room_id("r1") }).await;
    assert_eq!(house.delivery.desks.len(), 1);
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(house.delivery.desks.len(), 0);
    assert_eq!(house.delivery.snapshot(&desk_topic()), None);
    house.says("ann", "anybody?").await;
    assert_eq!(house.desk().epoch, "2");
    assert_eq!(house.delivery.snapshot(&conversation("ann")), None, "documents have it");
}
