//! What a scenario of rooms cannot show: memory that passes, counting, hashes and views. Never
//! repeats a rule that a scenario states.

use super::*;
use crate::command::{Command, ProductSpec, ShopCommand, SkuSpec, Stock};
use crate::document::{self, DocumentWrite};
use crate::id::{CommentId, ShopId, SkuId};
use crate::money::{Currency, Minor};
use crate::settings::Settings;
use crate::shop::Touched;
use crate::view::{Change, Comment, Ephemeral};

/// A shop with a live room, and every event it took to get there and on.
struct Played {
    shop: Shop,
    history: Vec<(Millis, Event)>,
}

fn id<T: std::str::FromStr<Err = crate::id::InvalidId>>(text: &str) -> T {
    text.parse().unwrap()
}

fn user(name: &str, role: Role) -> Actor {
    Actor { user: id(name), role }
}

fn ann() -> Actor {
    user("ann", Role::Buyer)
}

fn streamer() -> Actor {
    user("sue", Role::Streamer)
}

impl Played {
    fn new(keep_comments: bool, slow_mode_ms: u64) -> Self {
        let mut played = Self { shop: Shop::new(id::<ShopId>("acme")), history: Vec::new() };
        let service = user("acme-system", Role::Service);
        let sku = SkuSpec { sku: id("red"), title: String::new(), price_minor: Minor(900) };
        let spec = ProductSpec {
            title: "Lipstick".into(),
            image_url: None,
            listed: true,
            skus: vec![sku],
        };
        let room = RoomSpec {
            streamer: id("sue"),
            title: "Monday".into(),
            cover_url: None,
            playback_url: None,
            keep_comments,
            slow_mode_ms: SpanMs(slow_mode_ms),
        };
        let create = ShopCommand::Create {
            name: "Acme".into(),
            currency: Currency::parse("USD").unwrap(),
            settings: Settings::default(),
        };
        let stock = ShopCommand::SetStock { sku: id("red"), stock: Stock::Units(3) };
        let put = ShopCommand::PutProduct { product: id("lipstick"), spec };
        for command in [create, put, stock] {
            played.yes(&service, &Command::Shop(command), 0);
        }
        let create = RoomCommand::Create { room: id("r1"), spec: room };
        for command in [create, RoomCommand::Start { room: id("r1") }] {
            played.yes(&streamer(), &Command::Room(command), 0);
        }
        played
    }

    fn run(&mut self, actor: &Actor, command: &Command, now: i64) -> Result<Accepted, Rejection> {
        let accepted = self.shop.execute(actor, command, Millis(now))?;
        let at = |event: &Event| (Millis(now), event.clone());
        self.history.extend(accepted.events.iter().map(at));
        Ok(accepted)
    }

    fn yes(&mut self, actor: &Actor, command: &Command, now: i64) -> Accepted {
        self.run(actor, command, now).unwrap()
    }

    fn say(&mut self, actor: &Actor, comment: &str, now: i64) -> Result<Accepted, Rejection> {
        let comment = RoomCommand::Comment {
            room: id("r1"),
            comment: id(comment),
            name: "Ann".into(),
            text: format!("this is {comment}"),
        };
        self.run(actor, &Command::Room(comment), now)
    }

    fn room(&mut self, command: RoomCommand, now: i64) -> Result<Accepted, Rejection> {
        self.run(&streamer(), &Command::Room(command), now)
    }

    fn delete(&mut self, comment: &str, now: i64) -> Result<Accepted, Rejection> {
        self.room(RoomCommand::DeleteComment { room: id("r1"), comment: id(comment) }, now)
    }

    fn pulse(&mut self, likes: u64, viewers: u64, now: i64) -> Accepted {
        let pulse = Pulse { likes, viewers, ..Pulse::default() };
        let accepted = self.shop.pulse(&id("r1"), pulse, Millis(now));
        let at = |event: &Event| (Millis(now), event.clone());
        self.history.extend(accepted.events.iter().map(at));
        accepted
    }

    fn replayed(&self) -> Shop {
        let mut shop = Shop::new(id::<ShopId>("acme"));
        for (at, event) in &self.history {
            shop.apply(event, *at);
        }
        shop
    }

    fn changes(&self, accepted: &Accepted) -> Vec<Change> {
        let mut touched = Touched::default();
        for event in &accepted.events {
            self.shop.touch(event, &mut touched);
        }
        self.shop.changes(&touched)
    }
}

#[test]
fn a_repeated_comment_is_accepted_and_heard_once() {
    let mut played = Played::new(false, 1_000);
    let first = played.say(&ann(), "c1", 0).unwrap();
    assert!(matches!(first.ephemeral, Some(Ephemeral::Comment(_))));
    assert_eq!(played.say(&ann(), "c1", 10), Ok(Accepted::default()));
    let taken = Rejection::Invalid { field: "comment", problem: "is taken" };
    assert_eq!(played.say(&user("bob", Role::Buyer), "c1", 10), Err(taken));
    // The repetition at 10 ms did not count as speaking.
    let wait = Rejection::SlowMode { retry_after_ms: SpanMs(1) };
    assert_eq!(played.say(&ann(), "c2", 999), Err(wait));
    assert!(played.say(&ann(), "c2", 1_000).is_ok());
}

#[test]
fn regression_a_repeated_comment_is_told_as_it_was_the_first_time() {
    // The answer to a repetition had the time of the repetition, and the text as it was sent.
    let mut played = Played::new(false, 0);
    let actor = user("eve", Role::Streamer);
    let command = RoomCommand::Comment {
        room: id("r1"),
        comment: id("c1"),
        name: "Eve\u{202e}".to_owned(),
        text: " hello ".to_owned(),
    };
    let command = Command::from(command);
    let first = played.shop.execute(&actor, &command, Millis(5)).unwrap();
    let Some(Ephemeral::Comment(first)) = first.ephemeral else { panic!("{first:?}") };
    let again = played.shop.execute(&actor, &command, Millis(900)).unwrap();
    let told = played.shop.result_of(&actor, &command, &again.events, Millis(900));
    assert_eq!(told, Some(Change::Comment(first)));
}

#[test]
fn a_passing_comment_can_be_deleted_while_it_is_among_the_last_500() {
    let mut played = Played::new(false, 0);
    for count in 0..=comment::RECENT_MAX {
        played.say(&ann(), &format!("c{count}"), 0).unwrap();
    }
    assert_eq!(played.delete("c0", 1), Err(Rejection::CommentUnknown));
    let deleted = played.delete("c1", 1).unwrap();
    let comment: CommentId = id("c1");
    assert_eq!(deleted.events, [Event::CommentDeleted { room: id("r1"), comment }]);
    assert_eq!(played.delete("c1", 2), Ok(Accepted::default()));
    // Saying it again does not bring it back.
    assert_eq!(played.say(&ann(), "c1", 3), Ok(Accepted::default()));
}

#[test]
fn a_kept_comment_is_a_document_and_its_deletion_empties_it() {
    let mut played = Played::new(true, 0);
    let accepted = played.say(&ann(), "c1", 7).unwrap();
    let key = document::comment_key(&id("ann"), &id("r1"), &id("c1"));
    let [DocumentWrite::Put { key: put, value }] = accepted.documents.as_slice() else {
        panic!("{:?}", accepted.documents)
    };
    assert_eq!(*put, key);
    let comment: Comment = serde_json::from_slice(value).unwrap();
    assert_eq!((comment.text.as_str(), comment.at), ("this is c1", Millis(7)));
    let Some(Event::CommentKept { hash, .. }) = accepted.events.first() else {
        panic!("{:?}", accepted.events)
    };
    assert_eq!(*hash, document::hash(value));
    assert_eq!(played.changes(&accepted), [Change::Comment(comment)]);

    let deleted = played.delete("c1", 8).unwrap();
    assert_eq!(deleted.documents, [DocumentWrite::Put { key, value: Vec::new() }]);
}

#[test]
fn after_a_replay_a_kept_comment_is_still_known_and_slow_mode_holds() {
    let mut played = Played::new(true, 5_000);
    played.say(&ann(), "c1", 0).unwrap();
    played.shop = played.replayed();
    assert_eq!(played.say(&ann(), "c1", 1), Ok(Accepted::default()));
    let wait = Rejection::SlowMode { retry_after_ms: SpanMs(3_000) };
    assert_eq!(played.say(&ann(), "c2", 2_000), Err(wait));
    assert!(played.delete("c1", 2_000).is_ok());
}

#[test]
fn counters_are_told_when_they_change_and_written_every_five_seconds() {
    let mut played = Played::new(false, 0);
    let counted =
        |likes, viewers_peak| Event::RoomCounted { room: id("r1"), likes, joins: 0, viewers_peak };
    let first = played.pulse(3, 10, 0);
    assert_eq!(first.events, [counted(3, 10)]);
    let second = played.pulse(2, 4, 4_999);
    assert_eq!(second.events, []);
    let counters =
        Ephemeral::Counters { room: id("r1"), likes: 5, viewers: 4, viewers_peak: 10, joins: 0 };
    assert_eq!(second.ephemeral, Some(counters));
    let third = played.pulse(0, 4, 5_000);
    assert_eq!((third.events, third.ephemeral), (vec![counted(5, 10)], None));
    assert_eq!(played.pulse(0, 4, 60_000), Accepted::default());
}

#[test]
fn ending_a_room_writes_down_what_was_counted() {
    let mut played = Played::new(false, 0);
    played.pulse(1, 1, 0);
    played.pulse(1, 1, 1_000);
    let ended = played.room(RoomCommand::End { room: id("r1") }, 1_500).unwrap();
    let counted = Event::RoomCounted { room: id("r1"), likes: 2, joins: 0, viewers_peak: 1 };
    assert_eq!(ended.events, [counted, Event::RoomEnded { room: id("r1") }]);
    assert_eq!(played.pulse(9, 9, 9_000), Accepted::default());
}

#[test]
fn a_replay_has_the_same_hash_and_what_passes_by_is_not_in_it() {
    let mut played = Played::new(false, 1_000);
    let before = played.shop.state_hash();
    played.say(&ann(), "c1", 10).unwrap();
    played.pulse(1, 1, 10);
    let counted = played.shop.state_hash();
    assert_ne!(counted, before);
    played.pulse(1, 7, 20);
    assert_eq!(played.shop.state_hash(), counted);

    played.room(RoomCommand::Pin { room: id("r1"), sku: id("red") }, 30).unwrap();
    let words = ["fake".to_owned()].into();
    played.room(RoomCommand::SetKeywords { room: id("r1"), keywords: words }, 30).unwrap();
    let mute = RoomCommand::Mute { room: id("r1"), user: id("bob"), for_ms: Some(SpanMs(5)) };
    played.room(mute, 30).unwrap();
    played.yes(&ann(), &Command::Shop(ShopCommand::Follow), 40);
    played.room(RoomCommand::Pause { room: id("r1") }, 50).unwrap();
    assert_eq!(played.replayed().state_hash(), played.shop.state_hash());
    assert_ne!(played.shop.state_hash(), counted);
}

#[test]
fn taking_the_last_free_unit_away_takes_the_pin_off() {
    let mut played = Played::new(false, 0);
    played.room(RoomCommand::Pin { room: id("r1"), sku: id("red") }, 0).unwrap();
    let service = user("acme-system", Role::Service);
    let none = ShopCommand::AdjustStock { sku: id("red"), delta_units: -3 };
    let accepted = played.yes(&service, &Command::Shop(none), 1);
    let set = Event::StockSet { sku: id("red"), stock: Stock::Units(0) };
    assert_eq!(accepted.events, [set, Event::ProductUnpinned { room: id("r1") }]);
    let sku: SkuId = id("red");
    let again = played.room(RoomCommand::Pin { room: id("r1"), sku: sku.clone() }, 2);
    assert_eq!(again, Err(Rejection::OutOfStock { sku }));
}

#[test]
fn a_batch_shows_everything_it_touched_once_and_as_it_is_now() {
    let mut played = Played::new(false, 0);
    let mut touched = Touched::default();
    for command in [
        RoomCommand::Pin { room: id("r1"), sku: id("red") },
        RoomCommand::SetBag { room: id("r1"), products: vec![id("lipstick")] },
        RoomCommand::Pause { room: id("r1") },
    ] {
        for event in played.room(command, 500).unwrap().events {
            played.shop.touch(&event, &mut touched);
        }
    }
    let changes = played.shop.changes(&touched);
    let [Change::Room(view)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((view.state, view.live_clock_ms), (RoomState::Paused, SpanMs(500)));
    let pinned = view.pinned.as_ref().unwrap();
    assert_eq!((pinned.title.as_str(), pinned.version), ("Lipstick", 1));
    assert_eq!(played.shop.bag_products(&id("r1")).len(), 1);
}

#[test]
fn authors_who_may_speak_again_are_forgotten() {
    let mut played = Played::new(false, 1_000);
    for count in 0..5_000 {
        let author = user(&format!("u{count}"), Role::Buyer);
        played.say(&author, &format!("c{count}"), i64::from(count)).unwrap();
    }
    let room = played.shop.rooms.get(&id::<RoomId>("r1")).unwrap();
    assert!(room.authors_remembered() <= 2 * 1_000 + 1, "{}", room.authors_remembered());
}
