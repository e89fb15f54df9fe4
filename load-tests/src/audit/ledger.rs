//! Where every unit is, counted from the events alone, one after the other. Shares no code with
//! the server and says at each event what does not add up.

use std::collections::HashMap;

use anyhow::Result;
use serde::Deserialize;

use super::commands::Commands;
use super::entry::{
    Moved, OfSale, Place, Released, Reserved, SaleCreated, SaleUpdated, Source, Stock, StockSet,
};
use super::orders::Order;
use super::{Books, Event, Violations};

/// One item of a sale: `available + reserved + offered + sold = total`, none below zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Item {
    pub(crate) total: i64,
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) offered: i64,
    pub(crate) sold: i64,
    pub(super) sku: String,
    per_buyer: i64,
    price_minor: i64,
    /// Units each buyer has on hold, on offer and bought.
    holders: HashMap<String, i64>,
    waiting: HashMap<String, i64>,
    offers: HashMap<String, i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Planned,
    Announced,
    Live,
    Over,
}

#[derive(Debug)]
struct Sale {
    phase: Phase,
    items: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    Held { expires_at: i64 },
    Ordered { order: String },
    Sold,
    Released,
}

#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) item: usize,
    pub(super) buyer: String,
    pub(super) quantity: i64,
    pub(super) price_minor: i64,
    pub(super) hold: Hold,
}

/// The figures of a run that only the feed knows.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) reserved: u64,
    pub(crate) expired: u64,
    pub(crate) released: u64,
    pub(crate) offers: u64,
    pub(crate) waitlisted: u64,
    pub(crate) placed: u64,
    pub(crate) paid: u64,
    pub(crate) paid_late: u64,
    pub(crate) refunds: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) violations: Violations,
    pub(crate) commands: Commands,
    pub(crate) totals: Totals,
    pub(super) items: Vec<Item>,
    places: HashMap<(String, String), usize>,
    sales: HashMap<String, Sale>,
    /// Free units of each SKU; `None` where they are unlimited.
    pub(super) free: HashMap<String, Option<i64>>,
    pub(super) reservations: HashMap<String, Reservation>,
    pub(super) orders: HashMap<String, Order>,
    pub(super) payments: HashMap<String, String>,
    last: Option<(u64, u32, i64)>,
}

fn read<'a, T: Deserialize<'a>>(event: &Event<'a>) -> Result<T> {
    Ok(serde_json::from_str(event.data.get())?)
}

impl Books for Ledger {
    fn on_event(&mut self, event: &Event<'_>) -> Result<()> {
        self.check_order(event);
        if let (Some(user), Some(command)) = (event.user, event.command_id) {
            self.commands.on_event(user, command, event.version, &mut self.violations);
        }
        match event.kind {
            "stock_set" => self.on_stock_set(&read(event)?),
            "sale_created" => self.on_created(&read(event)?),
            "sale_updated" => self.on_updated(&read(event)?),
            "sale_announced" => self.on_announced(read::<OfSale<'_>>(event)?.sale),
            "sale_started" => self.change_phase(read::<OfSale<'_>>(event)?.sale, Phase::Live),
            "sale_ended" | "sale_cancelled" => self.on_over(read::<OfSale<'_>>(event)?.sale),
            "sale_restocked" => self.on_moved(&read(event)?, 1),
            "sale_stock_returned" => self.on_moved(&read(event)?, -1),
            "reserved" => self.on_reserved(event, &read(event)?),
            "reservation_released" => self.on_released(event, &read(event)?),
            "waitlist_joined" => self.on_waiting(&read(event)?, true),
            "waitlist_left" => self.on_waiting(&read(event)?, false),
            "waitlist_offered" => self.on_offered(&read(event)?),
            "offer_ended" => self.on_offer_ended(&read(event)?),
            "order_placed" => self.on_placed(&read(event)?),
            "order_paid" => self.on_paid(&read(event)?),
            "order_paid_late" => self.on_paid_late(&read(event)?),
            "order_cancelled" => self.on_cancelled(&read(event)?),
            "refund_required" => self.on_refund(&read(event)?),
            _ => {}
        }
        Ok(())
    }
}

impl Ledger {
    fn check_order(&mut self, event: &Event<'_>) {
        let here = (event.version, event.index, event.at);
        if let Some((version, index, at)) = self.last {
            let rises = (event.version, event.index) > (version, index) && event.at >= at;
            if !rises {
                let last = self.last;
                self.violations.add(|| format!("the feed goes back from {last:?} to {here:?}"));
            }
        }
        self.last = Some(here);
    }

    /// The present state of an item.
    pub(crate) fn item(&self, sale: &str, sku: &str) -> Option<&Item> {
        let place = self.places.get(&(sale.to_owned(), sku.to_owned()))?;
        self.items.get(*place)
    }

    pub(crate) fn sold(&self) -> i64 {
        self.items.iter().map(|item| item.sold).sum()
    }

    /// Units that were promised beyond what there was, over all items and moments.
    pub(crate) fn oversold(&self) -> i64 {
        self.items.iter().map(|item| -item.available.min(0)).sum()
    }

    pub(crate) fn has_payment(&self, payment: &str) -> bool {
        self.payments.contains_key(payment)
    }

    fn place(&mut self, sale: &str, sku: &str) -> Option<usize> {
        let found = self.places.get(&(sale.to_owned(), sku.to_owned())).copied();
        if found.is_none() {
            self.violations.add(|| format!("{sale}/{sku}: no such item was created"));
        }
        found
    }

    /// Moves units and says if that cannot be.
    pub(super) fn change(&mut self, place: usize, what: &str, change: impl FnOnce(&mut Item)) {
        let item = &mut self.items[place];
        change(item);
        let Item { total, available, reserved, offered, sold, .. } = *item;
        let adds_up = available + reserved + offered + sold == total;
        let negative = [available, reserved, offered, sold].iter().any(|units| *units < 0);
        if !adds_up || negative {
            let sku = &item.sku;
            self.violations.add(|| {
                format!(
                    "{sku}: after {what} {available} available + {reserved} reserved + {offered} \
                     offered + {sold} sold of {total}"
                )
            });
        }
    }

    pub(super) fn take_free(&mut self, sku: &str, units: i64, what: &str) {
        let Some(Some(free)) = self.free.get_mut(sku) else { return };
        *free -= units;
        if *free < 0 {
            let free = *free;
            self.violations.add(|| format!("{sku}: free stock is {free} after {what}"));
        }
    }

    fn on_stock_set(&mut self, set: &StockSet<'_>) {
        let units = match set.stock {
            Stock::Units(units) => Some(units),
            Stock::Unlimited => None,
        };
        self.free.insert(set.sku.to_owned(), units);
    }

    fn on_created(&mut self, created: &SaleCreated<'_>) {
        let mut items = Vec::with_capacity(created.items.len());
        for planned in &created.items {
            let place = self.items.len();
            items.push(place);
            self.places.insert((created.sale.to_owned(), planned.sku.to_owned()), place);
            self.items.push(Item {
                total: planned.total_units,
                available: planned.total_units,
                sku: planned.sku.to_owned(),
                per_buyer: planned.per_buyer_units,
                price_minor: planned.price_minor,
                ..Item::default()
            });
        }
        let sale = Sale { phase: Phase::Planned, items };
        if self.sales.insert(created.sale.to_owned(), sale).is_some() {
            self.violations.add(|| format!("sale {} was created twice", created.sale));
        }
    }

    fn phase(&self, sale: &str) -> Option<Phase> {
        self.sales.get(sale).map(|sale| sale.phase)
    }

    fn change_phase(&mut self, sale: &str, phase: Phase) {
        match self.sales.get_mut(sale) {
            Some(sale) => sale.phase = phase,
            None => self.violations.add(|| format!("sale {sale} was never created")),
        }
    }

    fn items_of(&self, sale: &str) -> Vec<usize> {
        self.sales.get(sale).map(|sale| sale.items.clone()).unwrap_or_default()
    }

    fn on_updated(&mut self, updated: &SaleUpdated<'_>) {
        let has_stock = matches!(self.phase(updated.sale), Some(Phase::Announced | Phase::Live));
        for (sku, total) in &updated.totals {
            let Some(place) = self.place(updated.sale, sku) else { continue };
            let more = *total - self.items[place].total;
            self.change(place, "a new total", |item| {
                item.total += more;
                item.available += more;
            });
            if has_stock {
                self.take_free(sku, more, "a larger sale");
            }
        }
    }

    fn on_announced(&mut self, sale: &str) {
        self.change_phase(sale, Phase::Announced);
        for place in self.items_of(sale) {
            let (sku, total) = (self.items[place].sku.clone(), self.items[place].total);
            self.take_free(&sku, total, "an announcement");
        }
    }

    fn on_over(&mut self, sale: &str) {
        if self.phase(sale) == Some(Phase::Planned) {
            for place in self.items_of(sale) {
                self.change(place, "a plan called off", |item| {
                    item.total = 0;
                    item.available = 0;
                });
            }
        }
        self.change_phase(sale, Phase::Over);
    }

    fn on_moved(&mut self, moved: &Moved<'_>, sign: i64) {
        let Some(place) = self.place(moved.sale, moved.sku) else { return };
        let units = moved.units * sign;
        self.change(place, "a restock or return", |item| {
            item.total += units;
            item.available += units;
        });
        self.take_free(moved.sku, units, "a restock");
    }

    fn on_reserved(&mut self, event: &Event<'_>, reserved: &Reserved<'_>) {
        let Some(place) = self.place(reserved.sale, reserved.sku) else { return };
        let Reserved { reservation, buyer, quantity, .. } = *reserved;
        if self.phase(reserved.sale) != Some(Phase::Live) {
            self.violations.add(|| format!("{reservation}: reserved in a sale that is not live"));
        }
        if self.items[place].price_minor != reserved.price_minor {
            self.violations.add(|| format!("{reservation}: at another price than the sale's"));
        }
        match reserved.source {
            Source::Claim { .. } => {
                self.change(place, "a claim", |item| {
                    item.available -= quantity;
                    item.reserved += quantity;
                });
                self.hold_more(place, buyer, quantity);
            }
            Source::Offer => self.take_offer(place, buyer, quantity),
        }
        let made = Reservation {
            item: place,
            buyer: buyer.to_owned(),
            quantity,
            price_minor: reserved.price_minor,
            hold: Hold::Held { expires_at: reserved.expires_at },
        };
        self.totals.reserved += 1;
        if let Some(command) = event.command_id {
            let user = event.user.unwrap_or_default();
            self.commands.made(user, command, reservation);
        }
        if self.reservations.insert(reservation.to_owned(), made).is_some() {
            self.violations.add(|| format!("reservation {reservation} was made twice"));
        }
    }

    fn take_offer(&mut self, place: usize, buyer: &str, quantity: i64) {
        if self.items[place].offers.remove(buyer) != Some(quantity) {
            self.violations.add(|| format!("{buyer} took {quantity} units nobody offered him"));
        }
        self.change(place, "an accepted offer", |item| {
            item.offered -= quantity;
            item.reserved += quantity;
        });
    }

    /// Counts units for a buyer and holds him to the limit.
    fn hold_more(&mut self, place: usize, buyer: &str, quantity: i64) {
        let item = &mut self.items[place];
        let held = item.holders.entry(buyer.to_owned()).or_default();
        *held += quantity;
        if *held > item.per_buyer {
            let (held, limit, sku) = (*held, item.per_buyer, &item.sku);
            self.violations.add(|| format!("{buyer} has {held} of {sku}, more than {limit}"));
        }
    }

    pub(super) fn hold_less(&mut self, place: usize, buyer: &str, quantity: i64) {
        if let Some(held) = self.items[place].holders.get_mut(buyer) {
            *held -= quantity;
        }
    }

    fn on_released(&mut self, event: &Event<'_>, released: &Released<'_>) {
        let id = released.reservation;
        let Some(found) = self.reservations.get(id) else {
            return self.violations.add(|| format!("reservation {id} was released but never made"));
        };
        if let Hold::Held { expires_at } = found.hold
            && released.reason == "expired"
            && event.at < expires_at
        {
            let early = expires_at - event.at;
            self.violations.add(|| format!("reservation {id} expired {early} ms too early"));
        }
        match released.reason {
            "expired" => self.totals.expired += 1,
            _ => self.totals.released += 1,
        }
        self.release(id);
    }

    /// The one way a hold ends unsold.
    pub(super) fn release(&mut self, id: &str) {
        let Some(found) = self.reservations.get_mut(id) else {
            return self.violations.add(|| format!("reservation {id} ended but was never made"));
        };
        if matches!(found.hold, Hold::Sold | Hold::Released) {
            let hold = found.hold.clone();
            return self
                .violations
                .add(|| format!("reservation {id} ended twice: {hold:?} before"));
        }
        found.hold = Hold::Released;
        let (place, quantity, buyer) = (found.item, found.quantity, found.buyer.clone());
        self.change(place, "a release", |item| {
            item.reserved -= quantity;
            item.available += quantity;
        });
        self.hold_less(place, &buyer, quantity);
    }

    fn on_waiting(&mut self, waiting: &Place<'_>, joins: bool) {
        let Some(place) = self.place(waiting.sale, waiting.sku) else { return };
        let list = &mut self.items[place].waiting;
        let known = match joins {
            true => list.insert(waiting.buyer.to_owned(), waiting.quantity).is_none(),
            false => list.remove(waiting.buyer).is_some(),
        };
        self.totals.waitlisted += u64::from(joins);
        if !known {
            let (buyer, sku) = (waiting.buyer, waiting.sku);
            let what = if joins { "joined twice" } else { "left without being on" };
            self.violations.add(|| format!("{buyer} {what} the waitlist of {sku}"));
        }
    }

    fn on_offered(&mut self, offered: &Place<'_>) {
        let Some(place) = self.place(offered.sale, offered.sku) else { return };
        let item = &mut self.items[place];
        let Some(quantity) = item.waiting.remove(offered.buyer) else {
            let buyer = offered.buyer;
            return self.violations.add(|| format!("{buyer} was made an offer and did not wait"));
        };
        item.offers.insert(offered.buyer.to_owned(), quantity);
        self.totals.offers += 1;
        self.change(place, "an offer", |item| {
            item.available -= quantity;
            item.offered += quantity;
        });
        self.hold_more(place, offered.buyer, quantity);
    }

    fn on_offer_ended(&mut self, ended: &Place<'_>) {
        let Some(place) = self.place(ended.sale, ended.sku) else { return };
        let Some(quantity) = self.items[place].offers.remove(ended.buyer) else {
            let buyer = ended.buyer;
            return self.violations.add(|| format!("an offer to {buyer} ended that was not open"));
        };
        self.change(place, "the end of an offer", |item| {
            item.offered -= quantity;
            item.available += quantity;
        });
        self.hold_less(place, ended.buyer, quantity);
    }
}
