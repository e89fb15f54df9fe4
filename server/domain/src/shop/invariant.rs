//! What must hold after every command. Recomputes each count from what it counts, so that it
//! trusts none of them; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Shop;
use super::buyer::Buyer;
use super::due::DueItem;
use super::flash_sale::{Holder, Item, Phase, Sale};
use super::promo::PromoRow;
use crate::id::{OrderId, ReservationId, SaleId, SkuId, UserId};
use crate::time::Millis;
use crate::view::{OrderState, ReservationState};

/// What an event names has been made by an earlier one, or the journal is not ours.
pub(super) fn must<T>(found: Option<T>, what: &str) -> T {
    let Some(found) = found else { panic!("an event names an unknown {what}") };
    found
}

type Place<'a> = (&'a SaleId, &'a SkuId);
/// What the reservations and offers of one item say.
type Counted<'a> = BTreeMap<&'a UserId, Holder>;

pub(super) fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Shop {
    /// Whether everything adds up, or what does not. Walks the whole shop: for tests and audits.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_items()?;
        self.check_reservations()?;
        self.check_orders()?;
        self.check_sales()?;
        self.check_buyers()?;
        self.check_dues()?;
        self.check_promo()?;
        self.check_watch()?;
        self.check_draws()?;
        self.desk.check()
    }

    fn counted(&self) -> BTreeMap<Place<'_>, Counted<'_>> {
        let mut items: BTreeMap<Place<'_>, Counted<'_>> = BTreeMap::new();
        for (id, held) in self.reservations.sorted() {
            let counted = items.entry((&held.sale, &held.sku)).or_default();
            let holder = counted.entry(&held.buyer).or_default();
            match held.state {
                ReservationState::Held { .. } | ReservationState::Ordered { .. } => {
                    holder.reserved_units += held.quantity;
                    holder.active.push(id.clone());
                }
                ReservationState::Sold { .. } => holder.sold_units += held.quantity,
                ReservationState::Released { .. } => {}
            }
        }
        for (id, sale) in &self.sales {
            for item in &sale.items {
                let counted = items.entry((id, &item.sku)).or_default();
                for (buyer, offer) in item.waitlist.offers.sorted() {
                    counted.entry(buyer).or_default().offered_units += offer.quantity;
                }
            }
        }
        items
    }

    fn check_items(&self) -> Result<(), String> {
        let mut counted = self.counted();
        for (id, sale) in &self.sales {
            for item in &sale.items {
                let counted = counted.remove(&(id, &item.sku)).unwrap_or_default();
                let name = || format!("item {} of sale {id}", item.sku);
                check_stock(sale, item, &counted).map_err(|broken| name() + &broken)?;
                check_holders(item, counted).map_err(|broken| name() + &broken)?;
                self.check_waitlist(id, sale, item).map_err(|broken| name() + &broken)?;
            }
        }
        ensure(counted.is_empty(), || "a reservation is of no item of any sale".to_owned())
    }

    fn check_waitlist(&self, id: &SaleId, sale: &Sale, item: &Item) -> Result<(), String> {
        let line = item.waitlist.queue.in_line();
        let length = item.waitlist.queue.len() as usize;
        ensure(line.len() == length, || format!(": {} wait, not {length}", line.len()))?;
        for (buyer, _) in &line {
            let twice = item.waitlist.offers.contains(*buyer);
            ensure(!twice, || format!(": {buyer} waits and has an offer"))?;
        }
        let is_live = matches!(sale.phase, Phase::Live { .. });
        let idle = line.is_empty() && item.waitlist.offers.is_empty();
        ensure(is_live || idle, || ": somebody waits while it does not run".to_owned())?;
        if self.unsettled.contains(&(id.clone(), item.sku.clone())) {
            return Ok(());
        }
        let fits = item.waitlist.queue.first_fitting(item.stock.available());
        ensure(fits.is_none(), || format!(": units lie idle while {fits:?} waits for them"))
    }

    fn check_reservations(&self) -> Result<(), String> {
        for (id, held) in self.reservations.sorted() {
            let order = match &held.state {
                ReservationState::Held { .. } | ReservationState::Released { .. } => continue,
                ReservationState::Ordered { order } | ReservationState::Sold { order } => order,
            };
            let found = self.orders.get(order);
            let sold = matches!(held.state, ReservationState::Sold { .. });
            if found.is_none() && sold {
                continue;
            }
            let fits = found.is_some_and(|found| {
                let has_line = found.lines.iter().any(|line| line.reservation.as_ref() == Some(id));
                let paid = matches!(found.state, OrderState::Paid { .. });
                has_line && if sold { paid } else { found.is_open() }
            });
            ensure(fits, || format!("reservation {id} does not agree with order {order}"))?;
        }
        Ok(())
    }

    fn check_orders(&self) -> Result<(), String> {
        for (id, order) in self.orders.sorted() {
            for reservation in order.lines.iter().filter_map(|line| line.reservation.as_ref()) {
                let state = self.reservations.get(reservation).map(|held| &held.state);
                let fits = match (state, &order.state) {
                    (
                        Some(ReservationState::Ordered { order: holder }),
                        OrderState::Unpaid | OrderState::PaymentPending,
                    )
                    | (Some(ReservationState::Sold { order: holder }), OrderState::Paid { .. }) => {
                        holder == id
                    }
                    (
                        Some(ReservationState::Released { reason }),
                        OrderState::Cancelled { reason: cancelled },
                    ) => reason == cancelled,
                    (_, _) => false,
                };
                ensure(fits, || format!("order {id} does not agree with {reservation}"))?;
            }
        }
        self.check_payments()
    }

    /// What has to leave some day is counted, so that it can: a sale waits for its orders, and
    /// knows its reservations.
    fn check_sales(&self) -> Result<(), String> {
        let mut orders: BTreeMap<SaleId, u32> = BTreeMap::new();
        for (_, order) in self.orders.sorted() {
            for sale in self.sales_behind(&order.lines) {
                *orders.entry(sale).or_default() += 1;
            }
            let closed = order.closed_at.is_some();
            ensure(closed != order.is_open(), || "an order is open and closed".to_owned())?;
        }
        let mut claims = 0;
        for (id, sale) in &self.sales {
            let found = orders.remove(id).unwrap_or_default();
            ensure(found == sale.orders, || format!("sale {id}: {found} orders, not counted so"))?;
            let closed = sale.closed_at.is_some();
            ensure(closed == sale.phase.is_over(), || format!("sale {id} is over and is not"))?;
            let known = sale.claims.iter().filter_map(|claim| self.reservations.get(claim));
            let own = known.filter(|held| held.sale == *id).count();
            ensure(own == sale.claims.len(), || format!("sale {id} lists what is not its own"))?;
            claims += own;
        }
        let all = self.reservations.len();
        ensure(claims == all, || format!("{claims} of {all} reservations are listed"))
    }

    /// Every payment that succeeded pays one order or is owed back.
    fn check_payments(&self) -> Result<(), String> {
        for (id, payment) in self.payments.sorted() {
            let Some(order) = self.orders.get(&payment.order) else {
                return Err(format!("payment {id} is of no order"));
            };
            let listed = order.payments.contains(id);
            ensure(listed, || format!("payment {id} is not among those of its order"))?;
            let pays = matches!(&order.state, OrderState::Paid { payment } if payment == id);
            let owed = order.refunds_required.iter().filter(|(owed, _)| owed == id).count();
            let uses = usize::from(pays) + owed;
            let expected = usize::from(payment.succeeded_minor.is_some());
            ensure(uses == expected, || format!("payment {id} is used {uses} times"))?;
        }
        Ok(())
    }

    fn check_buyers(&self) -> Result<(), String> {
        let mut expected: BTreeMap<&UserId, Kept<'_>> = BTreeMap::new();
        for (id, held) in self.reservations.sorted() {
            if held.is_active() {
                expected.entry(&held.buyer).or_default().reservations.insert(id);
            }
        }
        for (id, order) in self.orders.sorted() {
            if order.is_open() {
                expected.entry(&order.buyer).or_default().open_orders.insert(id);
            }
        }
        for (id, sale) in &self.sales {
            for buyer in &sale.reminders {
                expected.entry(buyer).or_default().reminders.insert(id);
            }
            for item in &sale.items {
                let line = item.waitlist.queue.in_line().into_iter().map(|(buyer, _)| buyer);
                let offered = item.waitlist.offers.sorted().into_iter().map(|(buyer, _)| buyer);
                for buyer in line.chain(offered) {
                    expected.entry(buyer).or_default().waiting.insert((id, &item.sku));
                }
            }
        }
        for (id, row) in self.promo_rows() {
            expected.entry(id).or_default().promo = row;
        }
        for (id, buyer) in self.buyers.sorted() {
            let expected = expected.remove(id).unwrap_or_default();
            ensure(!buyer.is_empty(), || format!("buyer {id} has nothing and is kept"))?;
            ensure(Kept::by(buyer) == expected, || format!("buyer {id} is not what he holds"))?;
        }
        ensure(expected.is_empty(), || "somebody holds something and is no buyer".to_owned())
    }

    fn check_dues(&self) -> Result<(), String> {
        let mut expected: BTreeSet<(Millis, DueItem)> = BTreeSet::new();
        for (id, sale) in &self.sales {
            expected.extend(sale.dues(id));
            for item in &sale.items {
                for (buyer, offer) in item.waitlist.offers.sorted() {
                    let due = DueItem::Offer(id.clone(), item.sku.clone(), buyer.clone());
                    expected.insert((offer.expires_at, due));
                }
            }
        }
        for (id, held) in self.reservations.sorted() {
            if let ReservationState::Held { expires_at } = held.state {
                expected.insert((expires_at, DueItem::Hold(id.clone())));
            }
        }
        for (id, order) in self.orders.sorted() {
            expected.extend(order.dues(id));
        }
        for (id, campaign) in &self.promo.campaigns {
            expected.extend(campaign.dues(id));
        }
        for (id, draw) in &self.draws.draws {
            expected.extend(draw.dues(id));
        }
        for due in self.due.all() {
            ensure(expected.remove(&due), || format!("{due:?} is due, but nothing asks for it"))?;
        }
        ensure(expected.is_empty(), || format!("not in the due queue: {expected:?}"))
    }
}

fn check_stock(sale: &Sale, item: &Item, counted: &Counted<'_>) -> Result<(), String> {
    let sum = |part: fn(&Holder) -> u32| counted.values().map(part).sum::<u32>();
    let recounted = (
        sum(|holder| holder.reserved_units),
        sum(|holder| holder.offered_units),
        sum(|holder| holder.sold_units),
    );
    let stock = &item.stock;
    let kept = (stock.reserved(), stock.offered(), stock.sold());
    ensure(kept == recounted, || {
        format!(": (reserved, offered, sold) is {kept:?}, counted {recounted:?}")
    })?;
    let sum = stock.available() + kept.0 + kept.1 + kept.2;
    ensure(sum == stock.total(), || format!(": {sum} units are not the total"))?;
    let left_over = sale.phase.is_over() && stock.pending() == 0 && stock.available() > 0;
    ensure(!left_over, || ": stock of a sale that is over did not go home".to_owned())
}

fn check_holders(item: &Item, mut counted: Counted<'_>) -> Result<(), String> {
    counted.retain(|_, holder| holder.used_units() > 0);
    for (buyer, holder) in item.holders.sorted() {
        ensure(holder.used_units() > 0, || format!(": {buyer} has nothing and is kept"))?;
        let mut kept = holder.clone();
        kept.active.sort_unstable();
        let found = counted.remove(buyer).unwrap_or_default();
        ensure(kept == found, || format!(": {buyer} has {found:?}, kept is {kept:?}"))?;
    }
    ensure(counted.is_empty(), || format!(": forgot {:?}", counted.keys()))
}

/// What a buyer's row must list.
#[derive(Default, PartialEq)]
struct Kept<'a> {
    reservations: BTreeSet<&'a ReservationId>,
    open_orders: BTreeSet<&'a OrderId>,
    waiting: BTreeSet<Place<'a>>,
    reminders: BTreeSet<&'a SaleId>,
    promo: PromoRow<'a>,
}

impl<'a> Kept<'a> {
    fn by(buyer: &'a Buyer) -> Self {
        Self {
            reservations: buyer.reservations.iter().collect(),
            open_orders: buyer.open_orders.iter().collect(),
            waiting: buyer.waiting.iter().map(|(sale, sku)| (sale, sku)).collect(),
            reminders: buyer.reminders.iter().collect(),
            promo: PromoRow {
                coupons: buyer.coupons.iter().collect(),
                reminders: buyer.campaign_reminders.iter().collect(),
            },
        }
    }
}
