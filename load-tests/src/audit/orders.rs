//! Orders and payments in the audit's books: what each order asks for, and that each payment buys
//! one thing once.

use super::entry::{OrderCancelled, OrderPaid, OrderPlaced};
use super::ledger::{Hold, Ledger};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Paid,
    Cancelled,
}

#[derive(Debug, Clone)]
struct Line {
    sku: String,
    quantity: i64,
    reservation: Option<String>,
}

#[derive(Debug)]
pub(super) struct Order {
    state: State,
    total_minor: i64,
    lines: Vec<Line>,
}

impl Ledger {
    pub(super) fn on_placed(&mut self, placed: &OrderPlaced<'_>) {
        let order = placed.order;
        self.totals.placed += 1;
        let sum: i64 = placed.lines.iter().map(|line| line.quantity * line.unit_price_minor).sum();
        if sum != placed.total_minor {
            let total = placed.total_minor;
            self.violations.add(|| format!("order {order}: lines sum to {sum}, not {total}"));
        }
        for line in &placed.lines {
            match line.reservation {
                None => self.take_free(line.sku, line.quantity, "an order"),
                Some(id) => {
                    let terms = (line.quantity, line.unit_price_minor);
                    self.order_reservation(order, placed.buyer, id, terms);
                }
            }
        }
        let lines = placed.lines.iter().map(|line| Line {
            sku: line.sku.to_owned(),
            quantity: line.quantity,
            reservation: line.reservation.map(str::to_owned),
        });
        let made =
            Order { state: State::Open, total_minor: placed.total_minor, lines: lines.collect() };
        if self.orders.insert(order.to_owned(), made).is_some() {
            self.violations.add(|| format!("order {order} was placed twice"));
        }
    }

    fn order_reservation(&mut self, order: &str, buyer: &str, id: &str, terms: (i64, i64)) {
        let Some(found) = self.reservations.get_mut(id) else {
            return self.violations.add(|| format!("order {order} has no such hold {id}"));
        };
        let held = matches!(found.hold, Hold::Held { .. });
        let same = found.buyer == buyer && (found.quantity, found.price_minor) == terms;
        found.hold = Hold::Ordered { order: order.to_owned() };
        if !held {
            self.violations.add(|| format!("order {order} took {id}, which was no longer held"));
        }
        if !same {
            self.violations.add(|| format!("order {order} differs from its hold {id}"));
        }
    }

    /// Notes the payment and the order's new state; its lines are the caller's to move.
    fn pay(&mut self, paid: &OrderPaid<'_>, from: State) -> Vec<Line> {
        let order = paid.order;
        self.note_payment(paid);
        let Some(found) = self.orders.get_mut(order) else {
            self.violations.add(|| format!("order {order} was paid but never placed"));
            return Vec::new();
        };
        let (was, asked) = (found.state, found.total_minor);
        found.state = State::Paid;
        let lines = found.lines.clone();
        if was != from {
            self.violations.add(|| format!("order {order} was paid when it was {was:?}"));
        }
        if asked != paid.amount_minor {
            let amount = paid.amount_minor;
            self.violations.add(|| format!("order {order} of {asked} was paid with {amount}"));
        }
        lines
    }

    fn note_payment(&mut self, paid: &OrderPaid<'_>) {
        let before = self.payments.insert(paid.payment.to_owned(), paid.order.to_owned());
        if before.is_some() {
            self.violations.add(|| format!("payment {} was counted twice", paid.payment));
        }
    }

    pub(super) fn on_paid(&mut self, paid: &OrderPaid<'_>) {
        self.totals.paid += 1;
        for line in self.pay(paid, State::Open) {
            let Some(id) = line.reservation else { continue };
            let Some(found) = self.reservations.get_mut(&id) else { continue };
            let ordered = found.hold == Hold::Ordered { order: paid.order.to_owned() };
            found.hold = Hold::Sold;
            let (place, quantity) = (found.item, found.quantity);
            if !ordered {
                let order = paid.order;
                self.violations.add(|| format!("order {order} sold {id}, which it did not have"));
            }
            self.change(place, "a payment", |item| {
                item.reserved -= quantity;
                item.sold += quantity;
            });
        }
    }

    /// Takes the units again: from the sale or, where its stock has gone home, from free stock.
    pub(super) fn on_paid_late(&mut self, paid: &OrderPaid<'_>) {
        self.totals.paid_late += 1;
        for line in self.pay(paid, State::Cancelled) {
            let Some(id) = line.reservation else {
                self.take_free(&line.sku, line.quantity, "a late payment");
                continue;
            };
            self.resell(&id);
        }
    }

    fn resell(&mut self, id: &str) {
        let Some(found) = self.reservations.get_mut(id) else { return };
        let was_released = found.hold == Hold::Released;
        found.hold = Hold::Sold;
        let (place, quantity) = (found.item, found.quantity);
        if !was_released {
            self.violations.add(|| format!("reservation {id} was sold late without a release"));
        }
        if self.items[place].available < quantity {
            let sku = self.items[place].sku.clone();
            self.take_free(&sku, quantity, "a late payment");
            self.items[place].total += quantity;
            self.items[place].available += quantity;
        }
        self.change(place, "a late payment", |item| {
            item.available -= quantity;
            item.sold += quantity;
        });
    }

    pub(super) fn on_cancelled(&mut self, cancelled: &OrderCancelled<'_>) {
        let order = cancelled.order;
        let Some(found) = self.orders.get_mut(order) else {
            return self.violations.add(|| format!("order {order} was cancelled, never placed"));
        };
        let was = found.state;
        found.state = State::Cancelled;
        let lines = found.lines.clone();
        if was != State::Open {
            return self.violations.add(|| format!("order {order} ended twice: {was:?} before"));
        }
        self.totals.released += 1;
        for line in lines {
            match line.reservation {
                Some(id) => self.release(&id),
                None => self.take_free(&line.sku, -line.quantity, "a cancelled order"),
            }
        }
    }

    pub(super) fn on_refund(&mut self, refund: &OrderPaid<'_>) {
        self.totals.refunds += 1;
        self.note_payment(refund);
    }
}
