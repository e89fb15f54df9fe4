//! Planted violations: the audit must find each of them, and nothing in a history that is right.

use serde_json::{Value, json};

use super::{Acks, Audit, Seen, Sequence};

/// A history, one event an entry unless it says otherwise.
struct History {
    audit: Audit,
    version: u64,
}

impl History {
    /// A live sale `s1` of `total` units of `mug`, two of them for each buyer.
    fn of_sale(total: u32) -> Self {
        let mut history = Self { audit: Audit::new(), version: 0 };
        history.on("stock_set", json!({"sku": "mug", "stock": {"units": 10}}));
        let item =
            json!({"sku": "mug", "total_units": total, "per_buyer_units": 2, "price_minor": 990});
        history.on("sale_created", json!({"sale": "s1", "title": "t", "items": [item]}));
        history.on("sale_announced", json!({"sale": "s1", "starts_at": 1, "ends_at": 2}));
        history.on("sale_started", json!({"sale": "s1", "due_at": 1}));
        history
    }

    fn on(&mut self, kind: &str, data: Value) -> &mut Self {
        self.by(None, kind, data)
    }

    fn by(&mut self, by: Option<(&str, &str)>, kind: &str, data: Value) -> &mut Self {
        self.version += 1;
        let at = 1_000 + self.version;
        let mut event =
            json!({"version": self.version, "index": 0, "at": at, "type": kind, "data": data});
        if let Some((user, command)) = by {
            event["user"] = user.into();
            event["command_id"] = command.into();
        }
        let page = json!({"events": [event], "next": self.version, "end": true});
        assert!(self.audit.on_page(page.to_string().as_bytes()).unwrap());
        self
    }

    fn claim(&mut self, buyer: &str, number: u32) -> &mut Self {
        let command = format!("c{number}");
        self.by(Some((buyer, &command)), "reserved", reserved(buyer, number, 1))
    }

    fn found(&self) -> Vec<String> {
        self.audit.violations(&Acks::default()).kept
    }

    fn finds(&self, part: &str) {
        let found = self.found();
        assert!(found.iter().any(|said| said.contains(part)), "{part:?} is not in {found:?}");
    }
}

fn reserved(buyer: &str, number: u32, quantity: u32) -> Value {
    json!({
        "reservation": format!("v{number}"), "sale": "s1", "sku": "mug", "buyer": buyer,
        "quantity": quantity, "price_minor": 990, "expires_at": 5_000,
        "source": {"claim": {"room": "r1", "present_ms": 3_000}},
    })
}

fn order(number: u32, total: u32) -> Value {
    let line = json!({
        "sku": "mug", "quantity": 1, "unit_price_minor": 990, "reservation": format!("v{number}"),
    });
    json!({
        "order": format!("o{number}"), "buyer": format!("b{number}"), "lines": [line],
        "total_minor": total, "pay_by": 5_000, "remind_at": [], "address_hash": "00",
    })
}

fn paid(number: u32, payment: &str, amount: u32) -> Value {
    json!({"order": format!("o{number}"), "payment": payment, "amount_minor": amount})
}

fn released(number: u32, reason: &str) -> Value {
    json!({"reservation": format!("v{number}"), "reason": reason, "due_at": 1})
}

#[test]
fn a_right_history_has_no_violations() {
    let mut history = History::of_sale(2);
    history.claim("b1", 1).claim("b2", 2);
    history.on("order_placed", order(1, 990)).on("order_paid", paid(1, "p1", 990));
    let place = json!({"sale": "s1", "sku": "mug", "buyer": "b3", "quantity": 1});
    history.on("waitlist_joined", place.clone());
    history.on("reservation_released", released(2, "buyer_cancel"));
    history.on(
        "waitlist_offered",
        json!({"sale": "s1", "sku": "mug", "buyer": "b3", "expires_at": 9}),
    );
    let mut taken = reserved("b3", 3, 1);
    taken["source"] = "offer".into();
    history.by(Some(("b3", "c3")), "reserved", taken);
    history.on("order_placed", order(3, 990));
    assert_eq!(history.audit.ledger.violations.kept, Vec::<String>::new());
    history.on("order_cancelled", json!({"order": "o3", "reason": "expired", "due_at": 1}));
    history.on("order_paid_late", paid(3, "p3", 990));
    assert_eq!(history.found(), Vec::<String>::new());
    assert_eq!((history.audit.ledger.sold(), history.audit.ledger.oversold()), (2, 0));
}

#[test]
fn one_unit_too_many_is_found_and_counted() {
    let mut history = History::of_sale(1);
    history.claim("b1", 1).claim("b2", 2);
    history.finds("mug: after a claim -1 available + 2 reserved");
    assert_eq!(history.audit.ledger.oversold(), 1);
}

#[test]
fn a_reservation_that_ends_twice_is_found() {
    let mut history = History::of_sale(2);
    history.claim("b1", 1);
    history.on("reservation_released", released(1, "buyer_cancel"));
    history.on("reservation_released", released(1, "buyer_cancel"));
    history.finds("reservation v1 ended twice");
}

#[test]
fn a_sold_reservation_that_is_released_is_found() {
    let mut history = History::of_sale(2);
    history.claim("b1", 1);
    history.on("order_placed", order(1, 990)).on("order_paid", paid(1, "p1", 990));
    history.on("reservation_released", released(1, "expired"));
    history.finds("reservation v1 ended twice: Sold");
}

#[test]
fn a_hold_that_expires_before_its_time_is_found() {
    let mut history = History::of_sale(2);
    history.claim("b1", 1).on("reservation_released", released(1, "expired"));
    history.finds("expired 3994 ms too early");
}

#[test]
fn a_command_that_was_done_twice_is_found() {
    let mut history = History::of_sale(5);
    history.claim("b1", 1);
    history.by(Some(("b1", "c1")), "reserved", reserved("b1", 2, 1));
    history.finds("c1 of b1 was done twice");
    assert_eq!(history.audit.ledger.commands.doubled, 1);
}

#[test]
fn two_events_of_one_entry_are_one_command() {
    let mut audit = Audit::new();
    let event = |index| {
        json!({"version": 1, "index": index, "at": 1, "user": "b1", "command_id": "c1",
               "type": "followed", "data": {"buyer": "b1"}})
    };
    let page = json!({"events": [event(0), event(1)], "next": 1, "end": true});
    audit.on_page(page.to_string().as_bytes()).unwrap();
    assert_eq!(audit.violations(&Acks::default()).count, 0);
}

#[test]
fn a_buyer_with_more_than_his_limit_is_found() {
    let mut history = History::of_sale(5);
    history.on("reserved", reserved("b1", 1, 3));
    history.finds("b1 has 3 of mug, more than 2");
}

#[test]
fn a_claim_outside_the_sale_and_one_at_another_price_are_found() {
    let mut history = History::of_sale(5);
    history.on("sale_ended", json!({"sale": "s1", "due_at": 1, "cause": "time"}));
    let mut cheap = reserved("b1", 1, 1);
    cheap["price_minor"] = 1.into();
    history.on("reserved", cheap);
    history.finds("a sale that is not live");
    history.finds("another price");
}

#[test]
fn orders_and_payments_that_do_not_add_up_are_found() {
    let mut history = History::of_sale(5);
    history.claim("b1", 1).on("order_placed", order(1, 1));
    history.finds("order o1: lines sum to 990, not 1");
    history.on("order_paid", paid(1, "p1", 7));
    history.finds("order o1 of 1 was paid with 7");
    history.on("refund_required", paid(1, "p1", 7));
    history.finds("payment p1 was counted twice");
}

#[test]
fn free_stock_below_zero_is_found() {
    let mut history = History::of_sale(5);
    history.on("sale_restocked", json!({"sale": "s1", "sku": "mug", "units": 6}));
    history.finds("mug: free stock is -1 after a restock");
}

#[test]
fn acknowledged_commands_are_in_the_feed_once_and_refused_ones_never() {
    let mut history = History::of_sale(5);
    history.claim("b1", 1).claim("b2", 2);
    let mut acks = Acks::default();
    acks.accepted("b1", "c1", Some("v1"));
    acks.already("b2", "again");
    acks.refused("b3", "c9", "sold_out");
    assert_eq!(history.audit.violations(&acks).kept, Vec::<String>::new());

    acks.accepted("b4", "lost", None);
    acks.refused("b2", "c2", "sold_out");
    acks.accepted("b1", "c1", Some("v8"));
    let found = history.audit.violations(&acks).kept.join("\n");
    assert_eq!(acks.lost(&history.audit.ledger.commands), 1);
    assert!(found.contains("lost of b4 was accepted and is not in the feed"), "{found}");
    assert!(found.contains("c2 of b2: refused sold_out, done at 6"), "{found}");
    assert!(found.contains("c1: first Yes"), "{found}");
    assert!(found.contains("told v8, the feed Some(\"v1\")"), "{found}");
}

#[test]
fn a_no_that_became_a_yes_on_a_retry_is_right() {
    let mut history = History::of_sale(5);
    history.claim("b1", 1);
    let mut acks = Acks::default();
    acks.refused("b1", "c1", "sold_out");
    acks.accepted("b1", "c1", Some("v1"));
    assert_eq!(history.audit.violations(&acks).kept, Vec::<String>::new());
}

#[test]
fn a_feed_that_goes_back_is_found_and_equal_feeds_have_equal_hashes() {
    let mut one = History::of_sale(5);
    let mut other = History::of_sale(5);
    assert_eq!(one.audit.hash, other.audit.hash);
    one.claim("b1", 1);
    other.claim("b2", 1);
    assert_ne!(one.audit.hash, other.audit.hash);
    one.version = 1;
    one.on("followed", json!({"buyer": "b1"}));
    one.finds("the feed goes back");
}

#[test]
fn what_sockets_saw_is_held_against_the_feed() {
    let mut history = History::of_sale(5);
    history.claim("b1", 1);
    let seen = Seen::default();
    let mut sequence = Sequence::after(4);
    let push = |seq: u64, available: u32, reserved: u32| {
        json!({"type": "room.stock", "topic": "room:a/r", "seq": seq, "sale": "s1", "sku": "mug",
               "version": seq, "available": available, "reserved": reserved, "offered": 0,
               "sold": 0, "total": 5, "waitlist_length": 0, "state": "live"})
        .to_string()
    };
    seen.on_push(&push(5, 4, 1), &mut sequence);
    assert_eq!(seen.compare(&history.audit.ledger).kept, Vec::<String>::new());
    seen.on_push(&push(7, 3, 2), &mut sequence);
    let found = seen.compare(&history.audit.ledger).kept.join("\n");
    assert!(found.contains("a room's seq went from 5 to 7"), "{found}");
    assert!(found.contains("s1/mug: sockets saw"), "{found}");
    // A gap that the server announces is none.
    let gap = r#"{"type":"room.gap","topic":"room:a/r","from":8,"to":20}"#;
    seen.on_push(gap, &mut sequence);
    seen.on_push(&push(21, 4, 1), &mut sequence);
    assert_eq!((sequence.skipped, seen.compare(&history.audit.ledger).count), (1, 1));
}

#[test]
fn a_feed_that_was_rewritten_behind_us_is_found() {
    let before = History::of_sale(5).audit.reading();
    let again = |total| {
        let mut history = History::of_sale(total);
        let audit = std::mem::replace(&mut history.audit, Audit::again(before));
        drop(audit);
        let mut other = History { audit: history.audit, version: 0 };
        let item =
            json!({"sku": "mug", "total_units": total, "per_buyer_units": 2, "price_minor": 990});
        other.on("stock_set", json!({"sku": "mug", "stock": {"units": 10}}));
        other.on("sale_created", json!({"sale": "s1", "title": "t", "items": [item]}));
        other.on("sale_announced", json!({"sale": "s1", "starts_at": 1, "ends_at": 2}));
        assert!(!other.audit.begins_as_before(), "an event is missing");
        other.on("sale_started", json!({"sale": "s1", "due_at": 1}));
        other.audit.begins_as_before()
    };
    assert!(again(5));
    assert!(!again(6));
}
