//! The life of an order, told by the rules: clocks, payments that come late, twice or wrong.

use crate::command::{PaymentOutcome, ReleaseReason, Role};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, RefundReason};
use crate::rejection::Rejection;
use crate::shop::testing::*;
use crate::time::SpanMs;
use crate::view::{OrderState, OrderView};

const PAID: PaymentOutcome = PaymentOutcome::Succeeded;
const DECLINED: PaymentOutcome = PaymentOutcome::Declined;

fn ordered(total_units: u32) -> Stage {
    let mut stage = Stage::with_sale(10, one_item(total_units, 1));
    stage.claim("ann", "h1", 1).unwrap();
    stage.order_holds("ann", "o1", &["h1"]).unwrap();
    stage
}

fn view(stage: &Stage, id: &str) -> OrderView {
    stage.shop.order_view(&order(id)).unwrap()
}

#[test]
fn going_to_pay_extends_the_hold_once() {
    let mut stage = ordered(1);
    let pay_by = view(&stage, "o1").pay_by;
    stage.begin_payment("ann", "o1").unwrap();
    assert_eq!(view(&stage, "o1").pay_by, pay_by + SpanMs::seconds(120));
    stage.report("o1", "p1", 1_000, DECLINED).unwrap();
    assert_eq!(view(&stage, "o1").state, OrderState::Unpaid);
    stage.begin_payment("ann", "o1").unwrap();
    assert_eq!(view(&stage, "o1").pay_by, pay_by + SpanMs::seconds(120));
    stage.pass(SpanMs::minutes(6));
    assert_eq!(stage.units(), (0, 1, 0, 0));
    stage.pass(SpanMs::minutes(1));
    assert_eq!(stage.units(), (1, 0, 0, 0));
}

#[test]
fn a_late_payment_takes_a_unit_again_or_is_owed_back() {
    let mut stage = ordered(1);
    stage.pass(SpanMs::minutes(5));
    stage.claim("bob", "h2", 1).unwrap();
    let events = stage.report("o1", "p1", 1_000, PAID).unwrap();
    let reason = RefundReason::LatePayment;
    assert!(matches!(&events[..], [Event::RefundRequired { reason: r, .. }] if *r == reason));
    let reason = ReleaseReason::BuyerCancel;
    let release =
        crate::command::SaleCommand::ReleaseReservation { reservation: hold("h2"), reason };
    stage.buy("bob", release).unwrap();
    let events = stage.report("o1", "p2", 1_000, PAID).unwrap();
    assert!(matches!(&events[..], [Event::OrderPaidLate { .. }]), "{events:?}");
    assert_eq!(stage.units(), (0, 0, 0, 1));
}

#[test]
fn a_payment_after_the_stock_went_home_takes_free_stock_at_the_frozen_price() {
    let mut stage = ordered(2);
    stage.pass(SpanMs::minutes(15));
    assert_eq!(stage.free_units(), 10);
    stage.report("o1", "p1", SALE_PRICE.0, PAID).unwrap();
    assert_eq!((stage.free_units(), stage.units()), (9, (0, 0, 0, 1)));
}

#[test]
fn what_the_seller_took_back_is_not_sold_to_a_late_payment() {
    let mut stage = ordered(1);
    stage.begin_payment("ann", "o1").unwrap();
    let not_ready = stage.cancel_order(("ann", Role::Buyer), "o1", ReleaseReason::BuyerCancel);
    assert!(matches!(not_ready, Err(Rejection::OrderNotReady { .. })), "{not_ready:?}");
    stage.cancel_order(("system", Role::Service), "o1", ReleaseReason::Fraud).unwrap();
    let events = stage.report("o1", "p1", 1_000, PAID).unwrap();
    assert!(matches!(&events[..], [Event::RefundRequired { .. }]), "{events:?}");
    assert_eq!(stage.units(), (1, 0, 0, 0));
}

#[test]
fn a_payment_counts_once_and_a_second_one_is_owed_back() {
    let mut stage = ordered(1);
    let wrong = stage.report("o1", "p1", 999, PAID).unwrap_err();
    assert!(matches!(wrong, Rejection::PaymentMismatch { .. }), "{wrong:?}");
    stage.report("o1", "p1", 1_000, PAID).unwrap();
    assert_eq!(stage.report("o1", "p1", 1_000, PAID), Ok(Vec::new()));
    assert_eq!(stage.report("o1", "p1", 999, PAID), Err(Rejection::PaymentConflict));
    assert_eq!(stage.report("o1", "p1", 1_000, DECLINED), Err(Rejection::PaymentConflict));
    let events = stage.report("o1", "p2", 1_000, PAID).unwrap();
    let reason = RefundReason::SecondPayment;
    assert!(matches!(&events[..], [Event::RefundRequired { reason: r, .. }] if *r == reason));
    assert_eq!(view(&stage, "o1").refunds_required.len(), 1);
    assert_eq!(stage.units(), (0, 0, 0, 1));
}

#[test]
fn a_final_decline_ends_the_order_at_once() {
    let mut stage = ordered(1);
    stage.report("o1", "p1", 1_000, PaymentOutcome::DeclinedFinally).unwrap();
    let reason = ReleaseReason::PaymentFailedFinal;
    assert_eq!(view(&stage, "o1").state, OrderState::Cancelled { reason });
    assert_eq!(stage.units(), (1, 0, 0, 0));
    let again = stage.report("o1", "p1", 1_000, PaymentOutcome::DeclinedFinally);
    assert_eq!(again, Ok(Vec::new()));
}

#[test]
fn ordinary_goods_wait_48_hours_with_two_reminders() {
    let mut stage = Stage::new(10);
    stage.order_goods("ann", "o1", 3).unwrap();
    assert_eq!(stage.free_units(), 7);
    assert_eq!(stage.pass(SpanMs::minutes(15)).len(), 1);
    assert_eq!(stage.pass(SpanMs::hours(15)).len(), 0);
    assert_eq!(stage.pass(SpanMs::hours(1)).len(), 1);
    stage.pass(SpanMs::hours(32));
    let reason = ReleaseReason::Expired;
    assert_eq!(view(&stage, "o1").state, OrderState::Cancelled { reason });
    assert_eq!(stage.free_units(), 10);
}

#[test]
fn of_several_overdue_reminders_only_the_last_is_sent() {
    let mut stage = Stage::new(10);
    stage.order_goods("ann", "o1", 1).unwrap();
    let placed_at = stage.now;
    let events = stage.pass(SpanMs::hours(20));
    let due_at = placed_at + SpanMs::hours(16);
    assert_eq!(events, [Event::OrderReminded { order: order("o1"), due_at }]);
}

#[test]
fn the_address_is_a_document_and_the_event_has_its_hash_only() {
    let mut stage = Stage::new(10);
    let accepted = stage.order_goods("ann", "o1", 1).unwrap();
    let [Event::OrderPlaced(placed)] = &accepted.events[..] else { panic!("{accepted:?}") };
    let keys = [
        document::address_key(&user("ann"), &order("o1")),
        document::buyer_order_key(&user("ann"), stage.now, &order("o1")),
        document::shop_order_key(stage.now, &order("o1")),
        document::order_key(&order("o1")),
    ];
    for (document, key) in accepted.documents.iter().zip(&keys) {
        let DocumentWrite::Put { key: put, value } = document else { panic!("{document:?}") };
        assert_eq!(put, key);
        let is_address = *key == keys[0];
        assert_eq!(document::hash(value) == placed.address_hash, is_address);
    }
    assert_eq!(accepted.documents.len(), keys.len());
}
