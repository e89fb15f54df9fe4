//! What order events do to the state. Never refuses: what it is told happened.

use smallvec::SmallVec;

use super::refund::Refunded;
use super::{Order, Payment};
use crate::command::ReleaseReason;
use crate::event::{OrderLine, OrderPlaced};
use crate::id::{OrderId, PaymentId, UserId};
use crate::money::Minor;
use crate::shop::Shop;
use crate::shop::invariant::must;
use crate::shop::price::Quote;
use crate::time::Millis;
use crate::view::OrderState;

impl Shop {
    pub(in crate::shop) fn on_order_placed(&mut self, placed: &OrderPlaced, at: Millis) {
        let coupons = placed.quote.as_ref().map(|quote| quote.coupons.clone()).unwrap_or_default();
        for line in &placed.lines {
            match &line.reservation {
                Some(reservation) => {
                    self.free_coupons_of_hold(reservation, &coupons, at);
                    self.order_reservation(reservation, &placed.order);
                }
                None => self.catalog.take(&line.sku, u64::from(line.quantity)),
            }
        }
        let order = Order {
            buyer: placed.buyer.clone(),
            lines: placed.lines.clone(),
            total_minor: placed.total_minor,
            placed_at: at,
            pay_by: placed.pay_by,
            remind_at: placed.remind_at.clone(),
            state: OrderState::Unpaid,
            grace_given: false,
            refunds_required: Vec::new(),
            quote: placed.quote.clone(),
            refunded: Refunded::default(),
            payments: SmallVec::new(),
            closed_at: None,
            version: 1,
        };
        for (due_at, item) in order.dues(&placed.order) {
            self.due.add(due_at, item);
        }
        self.orders.insert(placed.order.clone(), order);
        for sale in self.sales_behind(&placed.lines) {
            self.count_order(&sale, 1);
        }
        self.buyers.entry(placed.buyer.clone()).open_orders.insert(placed.order.clone());
        self.lock_coupons(&placed.order, &coupons, at);
        if let Some(quote) = &placed.quote {
            self.take_subsidies(&placed.buyer, quote);
        }
    }

    pub(in crate::shop) fn on_order_repriced(&mut self, id: &OrderId, quote: &Quote, at: Millis) {
        let before = must(self.orders.get(id), "order").quote.clone();
        let coupons = before.map(|before| before.coupons).unwrap_or_default();
        self.change_order(id, |order| {
            order.quote = Some(Box::new(quote.clone()));
            order.total_minor = quote.total_minor;
        });
        self.unlock_coupons(&coupons, &quote.coupons, at);
        self.lock_coupons(id, &quote.coupons, at);
    }

    fn take_subsidies(&mut self, buyer: &UserId, quote: &Quote) {
        for (rule, taken) in quote.subsidies() {
            self.take_subsidy(rule, buyer, taken);
        }
    }

    fn give_back_quote(&mut self, buyer: &UserId, quote: Option<Box<Quote>>, at: Millis) {
        let Some(quote) = quote else { return };
        self.unlock_coupons(&quote.coupons, &[], at);
        for (rule, taken) in quote.subsidies() {
            self.give_subsidy(rule, buyer, taken);
        }
    }

    pub(in crate::shop) fn on_payment_begun(&mut self, id: &OrderId, pay_by: Millis) {
        self.change_order(id, |order| {
            order.state = OrderState::PaymentPending;
            order.pay_by = pay_by;
            order.grace_given = true;
        });
    }

    pub(in crate::shop) fn on_payment_declined(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        at: Millis,
    ) {
        if !self.orders.contains(id) {
            return self.archive.note_payment(id, payment, None, at);
        }
        self.note_payment(id, payment, None);
        self.change_order(id, |order| {
            if order.state == OrderState::PaymentPending {
                order.state = OrderState::Unpaid;
            }
        });
    }

    pub(in crate::shop) fn on_order_paid(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        amount_minor: Minor,
        at: Millis,
    ) {
        for line in self.pay_order(id, payment, amount_minor, at) {
            if let Some(reservation) = &line.reservation {
                self.sell_reservation(reservation, id);
            }
        }
    }

    pub(in crate::shop) fn on_order_paid_late(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        amount_minor: Minor,
        at: Millis,
    ) {
        for line in self.pay_order(id, payment, amount_minor, at) {
            match &line.reservation {
                Some(reservation) => self.resell_reservation(reservation, id),
                None => self.catalog.take(&line.sku, u64::from(line.quantity)),
            }
        }
        let order = must(self.orders.get(id), "order");
        let (buyer, quote) = (order.buyer.clone(), order.quote.clone());
        if let Some(quote) = quote {
            self.take_subsidies(&buyer, &quote);
        }
    }

    /// Makes the order paid; its lines are the caller's to sell.
    fn pay_order(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        amount_minor: Minor,
        at: Millis,
    ) -> Vec<OrderLine> {
        self.note_payment(id, payment, Some(amount_minor));
        self.change_order(id, |order| {
            order.state = OrderState::Paid { payment: payment.clone() };
            order.closed_at = Some(at);
        });
        let order = must(self.orders.get(id), "order");
        let buyer = self.buyers.entry(order.buyer.clone());
        buyer.open_orders.remove(id);
        buyer.forget_purchases(at);
        buyer.paid_at.push(at);
        self.archive.note_purchase(&order.buyer, at);
        let (lines, quote) = (order.lines.clone(), order.quote.clone());
        if let Some(quote) = quote {
            self.use_quote(id, &quote, at);
        }
        lines
    }

    pub(in crate::shop) fn on_order_cancelled(
        &mut self,
        id: &OrderId,
        reason: ReleaseReason,
        at: Millis,
    ) {
        let order = must(self.orders.get(id), "order");
        if !order.is_open() {
            return;
        }
        let (lines, buyer) = (order.lines.clone(), order.buyer.clone());
        let quote = order.quote.clone();
        self.change_order(id, |order| {
            order.state = OrderState::Cancelled { reason };
            order.closed_at = Some(at);
        });
        for line in lines {
            match &line.reservation {
                Some(reservation) => self.release(reservation, reason),
                None => self.catalog.give(&line.sku, u64::from(line.quantity)),
            }
        }
        self.change_buyer(&buyer, |buyer| buyer.open_orders.remove(id));
        self.give_back_quote(&buyer, quote, at);
    }

    pub(in crate::shop) fn on_order_reminded(&mut self, id: &OrderId, due_at: Millis) {
        self.change_order_dues(id, |order| order.remind_at.retain(|at| *at > due_at));
    }

    pub(in crate::shop) fn on_refund_required(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        amount_minor: Minor,
        at: Millis,
    ) {
        if !self.orders.contains(id) {
            return self.archive.note_payment(id, payment, Some(amount_minor), at);
        }
        self.note_payment(id, payment, Some(amount_minor));
        self.change_order(id, |order| {
            order.refunds_required.push((payment.clone(), amount_minor));
        });
    }

    fn note_payment(&mut self, id: &OrderId, payment: &PaymentId, succeeded: Option<Minor>) {
        let payment_of = Payment { order: id.clone(), succeeded_minor: succeeded };
        if self.payments.insert(payment.clone(), payment_of).is_none() {
            must(self.orders.get_mut(id), "order").payments.push(payment.clone());
        }
    }

    pub(super) fn change_order(&mut self, id: &OrderId, change: impl FnOnce(&mut Order)) {
        self.change_order_dues(id, |order| {
            change(order);
            order.version += 1;
        });
    }

    /// Changes an order and keeps the due queue to what it asks for.
    fn change_order_dues(&mut self, id: &OrderId, change: impl FnOnce(&mut Order)) {
        let order = must(self.orders.get_mut(id), "order");
        for (at, item) in order.dues(id) {
            self.due.remove(at, item);
        }
        change(order);
        for (at, item) in order.dues(id) {
            self.due.add(at, item);
        }
    }
}
