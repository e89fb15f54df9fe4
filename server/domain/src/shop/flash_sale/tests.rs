//! The life of a sale and of its holds, told by the rules; and long random days that must add up.

use crate::command::*;
use crate::event::{CancelCause, Event, OfferEnd};
use crate::id::RoomId;
use crate::rejection::Rejection;
use crate::shop::testing::*;
use crate::time::SpanMs;
use crate::view::{ItemState, SaleState, WaitingState};

fn soft(waitlist_length: u32) -> Rejection {
    Rejection::SoldOut { soft: true, waitlist_length }
}

fn waiting(stage: &Stage, name: &str) -> WaitingState {
    stage.shop.waiting_view(&sale_id(), &sku_id(), &user(name)).unwrap().state
}

#[test]
fn a_sale_takes_its_stock_when_announced_and_gives_the_rest_back_once() {
    let mut stage = Stage::new(10);
    stage.manage(SaleCommand::Create { sale: sale_id(), spec: one_item(4, 2) });
    assert_eq!(stage.free_units(), 10, "a draft takes nothing");
    stage.manage(SaleCommand::Announce { sale: sale_id() });
    assert_eq!(stage.free_units(), 6);
    stage.pass(SpanMs::seconds(60));
    assert_eq!(stage.shop.sale_view(&sale_id()).unwrap().state, SaleState::Live);
    stage.claim("ann", "h1", 1).unwrap();
    stage.manage(SaleCommand::End { sale: sale_id() });
    assert_eq!(stage.free_units(), 6, "a hold is open, so nothing goes home yet");
    stage.pass(SpanMs::minutes(5));
    assert_eq!(stage.free_units(), 10);
    assert_eq!(stage.units(), (0, 0, 0, 0));
    let returned = |(_, event): &&(_, Event)| matches!(event, Event::SaleStockReturned { .. });
    assert_eq!(stage.journal.iter().filter(returned).count(), 1);
}

#[test]
fn a_sale_whose_stock_is_gone_at_its_announcement_is_cancelled() {
    let mut stage = Stage::new(4);
    let starts_at = Some(stage.now + SpanMs::minutes(10));
    let spec = SaleSpec { starts_at, ..one_item(4, 2) };
    stage.manage(SaleCommand::Create { sale: sale_id(), spec });
    stage.order_goods("ann", "o1", 1).unwrap();
    let events = stage.pass(SpanMs::minutes(9));
    let cause = CancelCause::StockShort;
    assert_eq!(events, [Event::SaleCancelled { sale: sale_id(), cause }]);
    assert_eq!(stage.free_units(), 3);
}

#[test]
fn claims_are_checked_in_the_given_order() {
    let mut stage = Stage::with_sale(10, one_item(4, 2));
    let claim = |present_ms: SpanMs, room: &str, quantity: u32| {
        SaleCommand::Claim(Claim {
            room: RoomId::parse(room).unwrap(),
            sale: sale_id(),
            sku: sku_id(),
            quantity,
            reservation: hold("h9"),
            present_ms,
            coupons: CouponChoice::Best,
        })
    };
    let no_room = stage.buy("bob", claim(SpanMs(0), "r9", 9)).unwrap_err();
    assert_eq!(no_room, Rejection::RoomUnknown);
    let too_short = stage.buy("bob", claim(SpanMs(1_000), "r1", 9)).unwrap_err();
    assert_eq!(too_short, Rejection::PresenceTooShort { retry_after_ms: SpanMs(2_000) });
    stage.claim("bob", "h1", 1).unwrap();
    let again = stage.claim("bob", "h2", 1).unwrap();
    assert_eq!(again.existing.unwrap().reservation, hold("h1"));
    assert!(again.events.is_empty());
    let other = stage.claim("bob", "h2", 2).unwrap_err();
    assert_eq!(other, Rejection::AlreadyReserved { reservation: hold("h1"), quantity: 1 });
    let greedy = stage.claim("ann", "h2", 3).unwrap_err();
    assert_eq!(greedy, Rejection::BuyerLimit { limit_units: 2, used_units: 0 });
    stage.claim("ann", "h2", 2).unwrap();
    stage.claim("cy", "h3", 1).unwrap();
    assert_eq!(stage.claim("dan", "h4", 1).unwrap_err(), soft(0));
    assert_eq!(stage.stock().state, ItemState::SoldOutSoft);
    stage.pass(SpanMs::minutes(10));
    assert_eq!(stage.claim("dan", "h4", 1).unwrap_err(), Rejection::SaleEnded);
}

#[test]
fn returned_units_go_to_the_first_who_fits_and_nobody_else() {
    let mut stage = Stage::with_sale(10, one_item(3, 2));
    stage.claim("ann", "h1", 2).unwrap();
    stage.claim("bob", "h2", 1).unwrap();
    stage.wait("cy", 2).unwrap();
    stage.wait("dan", 1).unwrap();
    assert_eq!(stage.claim("eve", "h3", 1).unwrap_err(), soft(2));
    let reason = ReleaseReason::BuyerCancel;
    let release = |id: &str| SaleCommand::ReleaseReservation { reservation: hold(id), reason };
    stage.buy("bob", release("h2")).unwrap();
    assert_eq!(waiting(&stage, "cy"), WaitingState::Waiting { position: 1 }, "he wants two");
    assert_eq!(stage.units(), (0, 2, 1, 0));
    stage.pass(SpanMs::seconds(60));
    assert_eq!(waiting(&stage, "dan"), WaitingState::Gone, "his offer ran out");
    assert_eq!(stage.units(), (1, 2, 0, 0));
    stage.claim("eve", "h3", 1).unwrap();
    stage.buy("ann", release("h1")).unwrap();
    assert_eq!(stage.units(), (0, 1, 2, 0));
    let (sale, sku, reservation) = (sale_id(), sku_id(), hold("h4"));
    stage.buy("cy", SaleCommand::AcceptOffer { sale, sku, reservation }).unwrap();
    assert_eq!(stage.units(), (0, 3, 0, 0));
}

#[test]
fn offers_end_with_the_sale() {
    let mut stage = Stage::with_sale(10, one_item(1, 1));
    stage.claim("ann", "h1", 1).unwrap();
    stage.wait("bob", 1).unwrap();
    stage.pass(SpanMs::minutes(5));
    assert_eq!(stage.units(), (0, 0, 1, 0));
    let events = stage.manage(SaleCommand::End { sale: sale_id() });
    let over =
        |event: &Event| matches!(event, Event::OfferEnded { reason: OfferEnd::SaleOver, .. });
    assert!(events.iter().any(over), "{events:?}");
    assert_eq!(stage.free_units(), 10);
}

#[test]
fn who_lets_two_holds_expire_gets_no_more_in_this_sale() {
    let spec = SaleSpec { run_ms: Some(SpanMs::hours(1)), ..one_item(4, 2) };
    let mut stage = Stage::with_sale(10, spec);
    for id in ["h1", "h2"] {
        stage.claim("ann", id, 1).unwrap();
        stage.pass(SpanMs::minutes(5));
    }
    let refused = stage.claim("ann", "h3", 1).unwrap_err();
    assert_eq!(refused, Rejection::HoldsExhausted { expiries: 2 });
    stage.claim("bob", "h3", 1).unwrap();
}

#[test]
fn a_restock_reopens_an_item_that_was_sold_out_for_good() {
    let mut stage = Stage::with_sale(3, one_item(1, 1));
    stage.claim("ann", "h1", 1).unwrap();
    stage.order_holds("ann", "o1", &["h1"]).unwrap();
    stage.report("o1", "p1", SALE_PRICE.0, PaymentOutcome::Succeeded).unwrap();
    assert_eq!(stage.stock().state, ItemState::SoldOutHard);
    let hard = Rejection::SoldOut { soft: false, waitlist_length: 0 };
    assert_eq!(stage.claim("bob", "h2", 1).unwrap_err(), hard);
    assert_eq!(stage.wait("bob", 1).unwrap_err(), hard);
    stage.manage(SaleCommand::Restock { sale: sale_id(), sku: sku_id(), units: 2 });
    assert_eq!((stage.free_units(), stage.stock().total_units), (0, 3));
    stage.claim("bob", "h2", 1).unwrap();
    stage.claim("cy", "h3", 1).unwrap();
    assert_eq!(stage.claim("dan", "h4", 1).unwrap_err(), soft(0));
}

#[test]
fn releasing_a_hold_twice_returns_its_units_once() {
    let mut stage = Stage::with_sale(3, one_item(3, 2));
    stage.claim("ann", "h1", 2).unwrap();
    let released = Event::ReservationReleased {
        reservation: hold("h1"),
        reason: ReleaseReason::Expired,
        due_at: stage.now,
    };
    for _ in 0..2 {
        stage.shop.apply(&released, stage.now);
        stage.shop.check_invariants().unwrap();
        assert_eq!(stage.units(), (3, 0, 0, 0));
    }
    stage.claim("ann", "h2", 1).unwrap();
}

#[test]
fn a_pin_comes_off_when_its_last_unit_is_sold() {
    let mut stage = Stage::with_sale(1, one_item(1, 1));
    stage.by_service(Command::Room(RoomCommand::Pin { room: room_id(), sku: sku_id() }));
    stage.claim("ann", "h1", 1).unwrap();
    stage.order_holds("ann", "o1", &["h1"]).unwrap();
    let events = stage.report("o1", "p1", SALE_PRICE.0, PaymentOutcome::Succeeded).unwrap();
    assert!(events.contains(&Event::ProductUnpinned { room: room_id() }), "{events:?}");
}

#[test]
fn a_sale_ends_when_its_last_room_does() {
    let mut stage = Stage::with_sale(10, one_item(4, 2));
    stage.claim("ann", "h1", 1).unwrap();
    stage.by_service(Command::Room(RoomCommand::End { room: room_id() }));
    assert_eq!(stage.shop.sale_view(&sale_id()).unwrap().state, SaleState::Ended);
    stage.order_holds("ann", "o1", &["h1"]).unwrap();
    stage.report("o1", "p1", SALE_PRICE.0, PaymentOutcome::Succeeded).unwrap();
    assert_eq!(stage.free_units(), 9);
}

#[test]
fn cancelling_a_sale_releases_what_is_unpaid_and_waits_for_a_payment_under_way() {
    let mut stage = Stage::with_sale(10, one_item(5, 1));
    for (name, id) in [("ann", "h1"), ("bob", "h2"), ("cy", "h3")] {
        stage.claim(name, id, 1).unwrap();
    }
    stage.order_holds("bob", "o2", &["h2"]).unwrap();
    stage.order_holds("cy", "o3", &["h3"]).unwrap();
    stage.begin_payment("cy", "o3").unwrap();
    stage.manage(SaleCommand::Cancel { sale: sale_id() });
    assert_eq!(stage.units(), (4, 1, 0, 0));
    stage.report("o3", "p1", SALE_PRICE.0, PaymentOutcome::Declined).unwrap();
    assert_eq!(stage.free_units(), 10);
}

#[test]
fn a_start_is_brought_forward_and_those_who_asked_are_told() {
    let mut stage = Stage::new(10);
    stage.manage(SaleCommand::Create { sale: sale_id(), spec: one_item(4, 2) });
    stage.manage(SaleCommand::Announce { sale: sale_id() });
    stage.buy("ann", SaleCommand::Remind { sale: sale_id() }).unwrap();
    assert_eq!(stage.shop.next_due(), Some(stage.now + SpanMs::seconds(50)));
    let events = stage.manage(SaleCommand::Start { sale: sale_id() });
    assert!(events.contains(&Event::RemindersDue { sale: sale_id(), due_at: stage.now }));
    let view = stage.shop.sale_view(&sale_id()).unwrap();
    assert_eq!(view.ends_at, Some(stage.now + SpanMs::minutes(10)));
}

/// One step of a random day. Whatever it is, `Stage` checks that everything adds up after it and
/// that a refusal changed nothing.
fn random_step(stage: &mut Stage, step: usize, mut random: impl FnMut(u64) -> u64) {
    let name = format!("u{}", random(6));
    let (fresh, some) = (format!("x{step}"), format!("x{}", random(step as u64 + 1)));
    let quantity = random(3) as u32;
    let (sale, sku) = (sale_id(), sku_id());
    let outcomes =
        [PaymentOutcome::Succeeded, PaymentOutcome::Declined, PaymentOutcome::DeclinedFinally];
    let outcome = outcomes[random(3) as usize];
    let reasons = [ReleaseReason::BuyerCancel, ReleaseReason::SellerCancel, ReleaseReason::Fraud];
    let mine = stage.shop.buyer_view(&user(&name));
    let held = mine.reservations.first().map(|held| held.reservation.to_string());
    let open = mine.orders.first().map(|order| order.order.to_string());
    let (held, open) = (held.unwrap_or(some.clone()), open.unwrap_or(some));
    let result = match random(15) {
        0..=2 => stage.claim(&name, &fresh, quantity),
        3 => stage.wait(&name, quantity),
        4 => {
            let reservation = hold(&fresh);
            stage.buy(&name, SaleCommand::AcceptOffer { sale, sku, reservation })
        }
        5 => stage.buy(&name, SaleCommand::DeclineOffer { sale, sku }),
        6 => stage.buy(&name, SaleCommand::LeaveWaitlist { sale, sku }),
        7 | 8 => stage.order_holds(&name, &fresh, &[&held]),
        9 => stage.order_goods(&name, &fresh, quantity),
        10 => stage.begin_payment(&name, &open),
        11 | 12 => {
            let total = stage.shop.order_view(&order(&open)).map_or(1, |view| view.total_minor.0);
            let payment = format!("p{}", random(step as u64 + 1));
            stage.report(&open, &payment, total, outcome).map(|_| Default::default())
        }
        13 => {
            let reason = reasons[random(3) as usize];
            let actor = if reason == ReleaseReason::BuyerCancel {
                (name.as_str(), Role::Buyer)
            } else {
                ("system", Role::Service)
            };
            stage.cancel_order(actor, &open, reason)
        }
        _ => {
            let units = random(3) as u32;
            let command = match random(40) {
                0 => SaleCommand::End { sale },
                1 => SaleCommand::Cancel { sale },
                2..=10 => SaleCommand::Restock { sale, sku, units },
                11..=20 => SaleCommand::Update {
                    sale,
                    change: SaleChange {
                        totals: vec![(sku, stage.stock().sold_units + units)],
                        ..SaleChange::default()
                    },
                },
                _ => SaleCommand::ReleaseReservation {
                    reservation: hold(&held),
                    reason: ReleaseReason::SellerCancel,
                },
            };
            stage.ask("system", Role::Service, &Command::Sale(command))
        }
    };
    if let Err(Rejection::Forbidden { needed }) = result {
        panic!("step {step} was asked in the wrong role, {needed:?} is needed");
    }
    if random(5) == 0 {
        stage.pass(SpanMs::seconds(random(200)));
    }
}

#[test]
fn random_days_add_up_after_every_step_and_replay_to_the_same_state() {
    let mut seen = [0_usize; 3];
    for seed in 1..=60_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % bound
        };
        let spec = SaleSpec { run_ms: Some(SpanMs::hours(2)), ..one_item(4, 3) };
        let mut stage = Stage::with_sale(12, spec);
        for step in 0..150 {
            random_step(&mut stage, step, &mut random);
        }
        stage.pass(SpanMs::days(3));
        assert_eq!(stage.stock().reserved_units + stage.stock().offered_units, 0, "seed {seed}");
        assert_eq!(stage.replayed().state_hash(), stage.shop.state_hash(), "seed {seed}");
        let count = |wanted: fn(&Event) -> bool| {
            stage.journal.iter().filter(|(_, event)| wanted(event)).count()
        };
        seen[0] += count(|event| matches!(event, Event::WaitlistOffered { .. }));
        seen[1] += count(|event| matches!(event, Event::OrderPaidLate { .. }));
        seen[2] += count(|event| matches!(event, Event::RefundRequired { .. }));
    }
    assert!(seen.iter().all(|count| *count > 0), "the days must meet the rare paths: {seen:?}");
}
