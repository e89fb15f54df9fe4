//! Orders, payments and the passing of time in the naive model. Owns what falls due and in which
//! order; the rules of sales stand in `naive.rs`.

use hawker_domain::command::{
    Basket, BasketLine, OrderCommand, PaymentOutcome, PaymentReport, ReleaseReason,
};
use hawker_domain::id::{OrderId, PaymentId, ReservationId, SaleId, SkuId, UserId};
use hawker_domain::money::Minor;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::SaleState;

use crate::naive::{HoldState, Naive, Order, Outcome, Paying, Payment, is_known};

type Lines = Vec<(SkuId, u32)>;

/// What can fall due, in the order in which it does where the times are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Announce(SaleId),
    Start(SaleId),
    End(SaleId),
    Hold(ReservationId),
    Offer(SaleId, SkuId, UserId),
    Payment(OrderId),
    ArchiveOrder(OrderId),
    ArchiveSale(SaleId),
}

/// Whatever is closed stays so long.
const ARCHIVE_AFTER: SpanMs = SpanMs::days(7);

impl Naive {
    pub(crate) fn order(&mut self, user: &UserId, command: &OrderCommand, now: Millis) -> Outcome {
        match command {
            OrderCommand::Place { order, basket, .. } => self.place(user, order, basket, now),
            OrderCommand::ChangeCoupons { .. } | OrderCommand::Refund { .. } => {
                unreachable!("coupons have their own model")
            }
            OrderCommand::BeginPayment { order } => {
                let index = self.own_order(user, order, now)?;
                let grace = self.settings.payment_grace_ms;
                let order = &mut self.orders[index];
                match order.state {
                    Paying::Unpaid => order.state = Paying::Pending,
                    Paying::Pending => return Ok(()),
                    Paying::Paid | Paying::Cancelled(_) => return Err("order_not_ready"),
                }
                if !order.grace_given {
                    order.pay_by = order.pay_by + grace;
                }
                order.grace_given = true;
                Ok(())
            }
            OrderCommand::Cancel { order, reason } => {
                let index = self.own_order(user, order, now)?;
                if self.orders[index].state != Paying::Unpaid {
                    return Err("order_not_ready");
                }
                self.cancel_order(index, *reason, now);
                Ok(())
            }
            OrderCommand::RecordPayment { order, payment, report } => {
                self.pay(order, payment, report, now)
            }
        }
    }

    fn known_order(&self, id: &OrderId, now: Millis) -> Option<usize> {
        self.orders.iter().position(|it| it.id == *id && is_known(it.archived_at, now))
    }

    fn own_order(&self, user: &UserId, id: &OrderId, now: Millis) -> Result<usize, &'static str> {
        let index = self.known_order(id, now).ok_or("order_unknown")?;
        if self.orders[index].archived_at.is_some() {
            return Err("order_archived");
        }
        if self.orders[index].buyer == *user { Ok(index) } else { Err("order_unknown") }
    }

    fn place(&mut self, user: &UserId, id: &OrderId, basket: &Basket, now: Millis) -> Outcome {
        if self.known_order(id, now).is_some() {
            return Err("order_exists");
        }
        let (holds, lines, total, pay_by) = match basket {
            Basket::Reservations(ids) => {
                let (total, pay_by) = self.take_holds(user, ids)?;
                (ids.clone(), Vec::new(), total, pay_by)
            }
            Basket::Lines(lines) => {
                let (lines, total) = self.take_lines(lines)?;
                (Vec::new(), lines, total, now + self.settings.unpaid_window_ms)
            }
        };
        self.orders.push(Order {
            id: id.clone(),
            buyer: user.clone(),
            holds,
            lines,
            total,
            pay_by,
            grace_given: false,
            state: Paying::Unpaid,
            refunds: Vec::new(),
            closed_at: None,
            archived_at: None,
        });
        Ok(())
    }

    fn take_holds(
        &mut self,
        user: &UserId,
        ids: &[ReservationId],
    ) -> Result<(Minor, Millis), &'static str> {
        let (mut total, mut pay_by) = (Minor(0), Millis(i64::MAX));
        for (index, id) in ids.iter().enumerate() {
            if ids[..index].contains(id) {
                return Err("invalid");
            }
        }
        for id in ids {
            let hold = self.holds.iter().find(|hold| hold.id == *id && hold.buyer == *user);
            let hold = hold.ok_or("reservation_unknown")?;
            let HoldState::Held { expires_at } = hold.state else {
                return Err("reservation_not_held");
            };
            pay_by = pay_by.min(expires_at);
            total = total.plus(self.price(&hold.sale, &hold.sku).times(hold.quantity));
        }
        self.set_holds(ids, &HoldState::Ordered);
        Ok((total, pay_by))
    }

    fn price(&self, sale: &SaleId, sku: &SkuId) -> Minor {
        let sale = self.sales.iter().find(|known| known.id == *sale).expect("a sale");
        sale.items.iter().find(|item| item.sku == *sku).expect("an item").price
    }

    fn take_lines(&mut self, lines: &[BasketLine]) -> Result<(Lines, Minor), &'static str> {
        let mut total = Minor(0);
        for line in lines {
            let known = self.free.iter().find(|(sku, ..)| *sku == line.sku);
            let (_, free, price) = known.ok_or("sku_unknown")?;
            if *free < u64::from(line.quantity) {
                return Err("stock_short");
            }
            total = total.plus(price.times(line.quantity));
        }
        for line in lines {
            *self.free_of(&line.sku) -= u64::from(line.quantity);
        }
        Ok((lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect(), total))
    }

    fn set_holds(&mut self, ids: &[ReservationId], state: &HoldState) {
        for hold in self.holds.iter_mut().filter(|hold| ids.contains(&hold.id)) {
            hold.state = state.clone();
            hold.expired |= *state == HoldState::Released(ReleaseReason::Expired);
        }
    }

    pub(crate) fn cancel_order(&mut self, index: usize, reason: ReleaseReason, now: Millis) {
        let order = &mut self.orders[index];
        order.closed_at = Some(now);
        order.state = Paying::Cancelled(reason);
        let (holds, lines) = (order.holds.clone(), order.lines.clone());
        self.set_holds(&holds, &HoldState::Released(reason));
        for (sku, quantity) in lines {
            *self.free_of(&sku) += u64::from(quantity);
        }
    }

    fn pay(
        &mut self,
        id: &OrderId,
        payment: &PaymentId,
        report: &PaymentReport,
        now: Millis,
    ) -> Outcome {
        let index = self.known_order(id, now).ok_or("payment_unmatched")?;
        let order = &mut self.orders[index];
        let open = matches!(order.state, Paying::Unpaid | Paying::Pending);
        let succeeded = report.outcome == PaymentOutcome::Succeeded;
        let brought = succeeded.then_some(report.amount_minor);
        self.payments.retain(|known| is_known(known.archived_at, now));
        if let Some(known) = self.payments.iter().find(|known| known.id == *payment) {
            let late_news = open && report.outcome == PaymentOutcome::DeclinedFinally;
            let same = (&known.order, known.brought) == (id, brought) && !late_news;
            let made_good = known.order == *id && known.brought.is_none() && succeeded;
            if !made_good {
                return if same { Ok(()) } else { Err("payment_conflict") };
            }
        }
        if succeeded && report.amount_minor != order.total {
            return Err("payment_mismatch");
        }
        match report.outcome {
            PaymentOutcome::Succeeded => self.succeed(index, payment, report.amount_minor, now),
            PaymentOutcome::Declined if open => self.decline(index, now),
            PaymentOutcome::DeclinedFinally if open => {
                self.cancel_order(index, ReleaseReason::PaymentFailedFinal, now);
            }
            PaymentOutcome::Declined | PaymentOutcome::DeclinedFinally => {}
        }
        let gone = self.orders[index].archived_at.is_some();
        let known = self.payments.iter_mut().find(|known| known.id == *payment);
        match known {
            Some(known) => known.brought = brought,
            None => self.payments.push(Payment {
                id: payment.clone(),
                order: id.clone(),
                brought,
                archived_at: gone.then_some(now),
            }),
        }
        Ok(())
    }

    fn succeed(&mut self, index: usize, payment: &PaymentId, amount: Minor, now: Millis) {
        let order = &self.orders[index];
        let holds = order.holds.clone();
        let bought = match order.state {
            Paying::Unpaid | Paying::Pending => true,
            Paying::Paid => false,
            Paying::Cancelled(_) => order.archived_at.is_none() && self.take_again(index),
        };
        if bought {
            self.set_holds(&holds, &HoldState::Sold);
            self.orders[index].state = Paying::Paid;
            self.orders[index].closed_at = Some(now);
        } else {
            self.orders[index].refunds.push((payment.clone(), amount));
        }
    }

    /// All units of a cancelled order, or none: from their sale, or from free stock where what
    /// the sale had left has gone home. A sale that was called off sells nothing more.
    fn take_again(&mut self, index: usize) -> bool {
        let order = &self.orders[index];
        if order.state == Paying::Cancelled(ReleaseReason::SaleCancelled) {
            return false;
        }
        let mut from_free = order.lines.clone();
        let mut from_sales: Vec<(SaleId, SkuId, u32)> = Vec::new();
        for hold in self.holds.iter().filter(|hold| order.holds.contains(&hold.id)) {
            let same =
                |known: &&mut (SaleId, SkuId, u32)| (&known.0, &known.1) == (&hold.sale, &hold.sku);
            match from_sales.iter_mut().find(same) {
                Some(known) => known.2 += hold.quantity,
                None => from_sales.push((hold.sale.clone(), hold.sku.clone(), hold.quantity)),
            }
        }
        let mut entering = Vec::new();
        for (sale, sku, units) in from_sales {
            if self.available(&sale, &sku) >= units {
                continue;
            }
            let (reserved, offered, _) = self.taken(&sale, &sku);
            if !self.is_over(&sale) || reserved + offered > 0 {
                return false;
            }
            from_free.push((sku.clone(), units));
            entering.push((sale, sku, units));
        }
        if !self.take_free(&from_free) {
            return false;
        }
        for (id, sku, units) in entering {
            let sale = self.find(&id).expect("a sale");
            let item = sale.items.iter_mut().find(|item| item.sku == sku);
            item.expect("an item").total += units;
        }
        true
    }

    fn is_over(&self, sale: &SaleId) -> bool {
        let sale = self.sales.iter().find(|known| known.id == *sale).expect("a sale");
        matches!(sale.state, SaleState::Ended | SaleState::Cancelled)
    }

    /// All of it or nothing.
    fn take_free(&mut self, wanted: &[(SkuId, u32)]) -> bool {
        let before = self.free.clone();
        for (sku, units) in wanted {
            let free = self.free_of(sku);
            let Some(left) = free.checked_sub(u64::from(*units)) else {
                self.free = before;
                return false;
            };
            *free = left;
        }
        true
    }

    fn decline(&mut self, index: usize, now: Millis) {
        let ids = self.orders[index].holds.clone();
        let mut holds = self.holds.iter().filter(|hold| ids.contains(&hold.id));
        let cancelled = |sale: &SaleId| {
            let sale = self.sales.iter().find(|known| known.id == *sale);
            sale.is_some_and(|sale| sale.state == SaleState::Cancelled)
        };
        if holds.any(|hold| cancelled(&hold.sale)) {
            self.cancel_order(index, ReleaseReason::SaleCancelled, now);
        } else {
            self.orders[index].state = Paying::Unpaid;
        }
    }

    /// Lets everything happen that is due, one thing at a time.
    pub(crate) fn elapse(&mut self, now: Millis) {
        while let Some((at, due)) = self.earliest() {
            if at > now {
                return;
            }
            self.fire(&due, now);
            self.settle(now);
        }
    }

    fn earliest(&self) -> Option<(Millis, Due)> {
        let mut all = Vec::new();
        for sale in &self.sales {
            let id = || sale.id.clone();
            match sale.state {
                SaleState::Scheduled => all.push((sale.announce_at, Due::Announce(id()))),
                SaleState::Announced => all.push((sale.starts_at, Due::Start(id()))),
                SaleState::Live => all.push((sale.ends_at, Due::End(id()))),
                SaleState::Draft | SaleState::SoldOut | SaleState::Ended | SaleState::Cancelled => {
                }
            }
        }
        for hold in &self.holds {
            if let HoldState::Held { expires_at } = hold.state {
                all.push((Some(expires_at), Due::Hold(hold.id.clone())));
            }
        }
        for wait in &self.waits {
            let offer = Due::Offer(wait.sale.clone(), wait.sku.clone(), wait.buyer.clone());
            all.push((wait.offered_until, offer));
        }
        for order in &self.orders {
            if matches!(order.state, Paying::Unpaid | Paying::Pending) {
                all.push((Some(order.pay_by), Due::Payment(order.id.clone())));
            }
            if let (Some(closed_at), None) = (order.closed_at, order.archived_at) {
                all.push((Some(closed_at + ARCHIVE_AFTER), Due::ArchiveOrder(order.id.clone())));
            }
        }
        for sale in self.sales.iter().filter(|sale| !self.is_needed(&sale.id)) {
            let at = sale.closed_at.map(|closed_at| closed_at + ARCHIVE_AFTER);
            all.push((at, Due::ArchiveSale(sale.id.clone())));
        }
        all.into_iter().filter_map(|(at, due)| Some((at?, due))).min()
    }

    /// Some order that is not archived pays for a hold of the sale.
    fn is_needed(&self, sale: &SaleId) -> bool {
        let holds = self.holds.iter().filter(|hold| hold.sale == *sale);
        let ids: Vec<_> = holds.map(|hold| &hold.id).collect();
        let mut kept = self.orders.iter().filter(|order| order.archived_at.is_none());
        kept.any(|order| order.holds.iter().any(|hold| ids.contains(&hold)))
    }

    fn fire(&mut self, due: &Due, now: Millis) {
        match due {
            Due::Announce(id) => {
                let starts_at = self.find(id).expect("a sale").starts_at.expect("a start");
                if self.announce_for(id, starts_at).is_err() {
                    self.close(id, SaleState::Cancelled, now);
                }
            }
            Due::Start(sale) => self.find(sale).expect("a sale").state = SaleState::Live,
            Due::End(sale) => self.close(sale, SaleState::Ended, now),
            Due::Hold(id) => {
                let released = HoldState::Released(ReleaseReason::Expired);
                self.set_holds(std::slice::from_ref(id), &released);
            }
            Due::Offer(sale, sku, buyer) => {
                self.waits.retain(|wait| (&wait.sale, &wait.sku, &wait.buyer) != (sale, sku, buyer))
            }
            Due::Payment(id) => {
                let index = self.orders.iter().position(|order| order.id == *id);
                self.cancel_order(index.expect("an order"), ReleaseReason::Expired, now);
            }
            Due::ArchiveOrder(id) => {
                let order = self.orders.iter_mut().find(|order| order.id == *id);
                order.expect("an order").archived_at = Some(now);
                for payment in self.payments.iter_mut().filter(|payment| payment.order == *id) {
                    payment.archived_at = Some(now);
                }
            }
            Due::ArchiveSale(id) => {
                self.sales.retain(|sale| sale.id != *id);
                self.holds.retain(|hold| hold.sale != *id);
            }
        }
    }

    /// Returned units go to the first who fits; what an over sale has left goes home when nobody
    /// holds any of it.
    pub(crate) fn settle(&mut self, now: Millis) {
        for index in 0..self.sales.len() {
            for item in 0..self.sales[index].items.len() {
                let sale = self.sales[index].id.clone();
                let sku = self.sales[index].items[item].sku.clone();
                match self.sales[index].state {
                    SaleState::Live if Some(now) < self.sales[index].ends_at => {
                        self.offer(&sale, &sku, now);
                    }
                    SaleState::Ended | SaleState::Cancelled => self.go_home(index, item),
                    SaleState::Draft
                    | SaleState::Scheduled
                    | SaleState::Announced
                    | SaleState::Live
                    | SaleState::SoldOut => {}
                }
            }
        }
    }

    /// First come, first served among those who fit. Who has meanwhile used up what he may have
    /// is off the list: no offer goes past the limit.
    fn offer(&mut self, sale: &SaleId, sku: &SkuId, now: Millis) {
        let until = now + self.settings.waitlist_offer_ms;
        loop {
            let available = self.available(sale, sku);
            let first = self.waits.iter().position(|wait| {
                let waits = wait.offered_until.is_none() && wait.quantity <= available;
                waits && (&wait.sale, &wait.sku) == (sale, sku)
            });
            let Some(first) = first else { return };
            let (buyer, quantity) = (self.waits[first].buyer.clone(), self.waits[first].quantity);
            if self.within_limit(&buyer, sale, sku, quantity).is_ok() {
                self.waits[first].offered_until = Some(until);
            } else {
                self.waits.remove(first);
            }
        }
    }

    fn go_home(&mut self, index: usize, item: usize) {
        let sale = self.sales[index].id.clone();
        let sku = self.sales[index].items[item].sku.clone();
        let (reserved, offered, sold) = self.taken(&sale, &sku);
        if reserved + offered == 0 {
            let left = self.sales[index].items[item].total - sold;
            self.sales[index].items[item].total = sold;
            *self.free_of(&sku) += u64::from(left);
        }
    }
}
