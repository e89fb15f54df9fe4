//! What stays in memory when everything is finished, counted in rows.

use super::*;
use crate::command::{Actor, Command, OrderCommand, PaymentOutcome, Role, SaleCommand};
use crate::command::{Basket, BasketLine, Claim, CouponChoice, ReleaseReason};
use crate::shop::testing::*;

/// Rows of each kind in memory: sales, reservations, orders, payments, buyers, due items.
fn rows(shop: &Shop) -> [usize; 6] {
    [
        shop.sales.len(),
        shop.reservations.len(),
        shop.orders.len(),
        shop.payments.len(),
        shop.buyers.len(),
        shop.due.all().count(),
    ]
}

/// Carries out what must be accepted, without the checks that walk the whole shop.
fn quickly(stage: &mut Stage, name: &str, role: Role, command: Command) {
    let actor = Actor { user: user(name), role };
    let accepted = stage.shop.execute(&actor, &command, stage.now).unwrap();
    let noted = accepted.events.into_iter().map(|event| (stage.now, event));
    stage.journal.extend(noted);
}

fn claim_and_order(stage: &mut Stage, number: u32, held: bool) {
    let (buyer, id) = (format!("b{number}"), format!("n{number}"));
    let basket = if held {
        let claim = Claim {
            room: room_id(),
            sale: sale_id(),
            sku: sku_id(),
            quantity: 1,
            reservation: hold(&id),
            present_ms: SpanMs::seconds(60),
            coupons: CouponChoice::Best,
        };
        quickly(stage, &buyer, Role::Buyer, SaleCommand::Claim(claim).into());
        Basket::Reservations(vec![hold(&id)])
    } else {
        Basket::Lines(vec![BasketLine { sku: sku_id(), quantity: 1 }])
    };
    let place = place(&id, basket);
    quickly(stage, &buyer, Role::Buyer, place.into());
}

/// A third is paid, a third cancelled, a third left to its time.
fn finish(stage: &mut Stage, number: u32, amount_minor: Minor) {
    let (buyer, id) = (format!("b{number}"), format!("n{number}"));
    let report = PaymentReport {
        amount_minor,
        currency: stage.shop.currency().clone(),
        outcome: PaymentOutcome::Succeeded,
    };
    let order = order(&id);
    match number % 3 {
        0 => {
            let payment = PaymentId::parse(&id).unwrap();
            let paid = OrderCommand::RecordPayment { order, payment, report };
            quickly(stage, "system", Role::Service, paid.into());
        }
        1 => {
            let reason = ReleaseReason::BuyerCancel;
            quickly(stage, &buyer, Role::Buyer, OrderCommand::Cancel { order, reason }.into());
        }
        _ => {}
    }
}

#[test]
fn ten_thousand_finished_orders_leave_only_what_is_open_in_memory() {
    let mut stage = Stage::with_sale(20_000, one_item(6_000, 1));
    let before = rows(&stage.shop);
    for number in 0..10_000 {
        let held = number % 2 == 0;
        claim_and_order(&mut stage, number, held);
        finish(&mut stage, number, if held { SALE_PRICE } else { LIST_PRICE });
    }
    assert!(rows(&stage.shop)[2] == 10_000 && rows(&stage.shop)[1] == 5_000);
    stage.pass(SpanMs::days(3));
    stage.pass(SpanMs::days(8));
    stage.order_goods("late", "open", 1).unwrap();
    let paid = 10_000_usize.div_ceil(3);
    let [sales, reservations, orders, payments, buyers, due] = rows(&stage.shop);
    assert_eq!((sales, reservations, orders, payments), (0, 0, 1, 0));
    assert_eq!(due, 2, "a reminder and the end of the open order");
    assert_eq!(buyers, paid + 1, "who bought lately is remembered");
    assert_eq!(stage.shop.archive.orders.rows.len(), 10_000);
    assert_eq!(stage.free_units(), 20_000 - paid as u64 - 1, "no unit was lost or won");
    assert_eq!(stage.replayed().state_hash(), stage.shop.state_hash());

    stage.pass(SpanMs::days(366));
    stage.order_goods("later", "last", 1).unwrap();
    stage.pass(SpanMs::days(3));
    stage.pass(SpanMs::days(8));
    assert_eq!(rows(&stage.shop), [0, 0, 0, 0, 0, 0], "before the sale it was {before:?}");
    assert_eq!(stage.shop.archive.orders.rows.len(), 2, "tombstones are forgotten too");
    assert_eq!(stage.shop.archive.payments.rows.len(), 0);
    assert_eq!(stage.shop.archive.purchases.len(), 0);
    assert_eq!(stage.replayed().state_hash(), stage.shop.state_hash());
}

#[test]
fn a_large_sale_leaves_in_bounded_steps_and_is_sound_after_each() {
    let mut stage = Stage::with_sale(400, one_item(300, 1));
    for number in 0..300 {
        claim_and_order(&mut stage, number, true);
        finish(&mut stage, number, SALE_PRICE);
    }
    stage.pass(SpanMs::hours(1));
    let now = stage.now + SpanMs::days(8);
    let mut left = Vec::new();
    while stage.shop.next_due().is_some_and(|due| due <= now) {
        let accepted = stage.shop.elapse(now, 1);
        let steps = accepted.events.iter().filter_map(|event| {
            let Event::SaleArchived { reservations, .. } = event else { return None };
            Some(*reservations)
        });
        let steps: Vec<_> = steps.collect();
        let written = accepted.documents.len();
        assert!(steps.is_empty() || written == usize::from(left.is_empty()), "written once");
        if !steps.is_empty() {
            stage.shop.check_invariants().unwrap();
            let thawed = Shop::thaw(&stage.shop.freeze()).unwrap();
            assert_eq!(thawed.next_due(), stage.shop.next_due());
        }
        left.extend(steps);
    }
    assert_eq!(left, [256, 44]);
    assert_eq!(stage.shop.reservations.len(), 0);
}

#[test]
fn the_row_of_a_buyer_who_left_nothing_behind_is_gone() {
    let mut stage = Stage::with_sale(10, one_item(2, 1));
    let has_row = |stage: &Stage, name: &str| stage.shop.buyers.contains(&user(name));
    stage.claim("ann", "h1", 1).unwrap();
    stage.claim("bob", "h2", 1).unwrap();
    stage.wait("cat", 1).unwrap();
    assert!(["ann", "bob", "cat"].iter().all(|name| has_row(&stage, name)));
    stage.pass(SpanMs::minutes(6));
    stage.pass(SpanMs::minutes(2));
    assert!(!["ann", "bob", "cat"].iter().any(|name| has_row(&stage, name)));
    stage.claim("ann", "h3", 1).unwrap();
    stage.order_holds("ann", "o1", &["h3"]).unwrap();
    stage.report("o1", "p1", SALE_PRICE.0, PaymentOutcome::Succeeded).unwrap();
    assert!(has_row(&stage, "ann"), "she bought");
}

#[test]
fn a_tombstone_is_judged_by_the_time_and_swept_with_the_next() {
    let mut graves: Tombstones<u8> = Tombstones::default();
    let (first, second) = (Digest::of("a"), Digest::of("b"));
    let end = Millis(0) + TOMBSTONE_MEMORY;
    graves.put(first, 1, Millis(0));
    graves.put(first, 2, Millis(5));
    graves.put(second, 3, Millis(7));
    assert_eq!(graves.get(first, Millis(end.0 - 1)), Some(&2));
    assert_eq!(graves.get(first, end), None, "not swept, and gone all the same");
    graves.forget(end);
    assert_eq!((graves.rows.len(), graves.by_age.len()), (1, 1));
    assert_eq!(graves.get(second, end), Some(&3));
}
