//! What sale events do to the state. Never refuses: what it is told happened.

use std::collections::BTreeSet;

use crate::event::{SaleCreated, SaleItem, SaleUpdated};
use crate::id::{SaleId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::shop::Shop;
use crate::shop::flash_sale::pool::Pool;
use crate::shop::flash_sale::{Item, ItemStock, Phase, Sale, Terms};
use crate::shop::invariant::must;
use crate::shop::waitlist::Waitlist;
use crate::time::Millis;

/// Claims that a sale makes room for beforehand: a table that grew under them would copy itself
/// at the worst moment. Room for more would cost a sale that few come to some 30 MB of pages.
const ROWS_RESERVED_MAX: usize = 100_000;

impl Sale {
    fn created(created: &SaleCreated) -> Self {
        let items: Vec<Item> = created.items.iter().map(Item::created).collect();
        let mut places = Lookup::default();
        for (place, item) in items.iter().enumerate() {
            places.insert(item.sku.clone(), place);
        }
        Self {
            title: created.title.clone(),
            scope: created.scope.clone(),
            phase: first_phase(created),
            started: false,
            terms: Terms {
                countdown_ms: created.countdown_ms,
                run_ms: created.run_ms,
                hold_ms: created.hold_ms,
                offer_ms: created.offer_ms,
                min_presence_ms: created.min_presence_ms,
                payment_grace_ms: created.payment_grace_ms,
                reminder_lead_ms: created.reminder_lead_ms,
                unpaid_expiries_max: created.unpaid_expiries_max,
                waitlist_factor: created.waitlist_factor,
                price_hidden: created.price_hidden,
            },
            reminder_text: created.reminder_text.clone(),
            reminders: BTreeSet::new(),
            reminded: false,
            items,
            places,
            expiries: Lookup::default(),
            claims: Vec::new(),
            orders: 0,
            closed_at: None,
            leaving: false,
            pool: created.draw.as_ref().map(Pool::new),
            version: 1,
        }
    }

    /// The same phase at other times.
    fn reschedule(&mut self, updated: &SaleUpdated) {
        let (starts_at, ends_at) = (updated.starts_at, updated.ends_at);
        self.phase = match self.phase {
            Phase::Draft => match (updated.announce_at, starts_at, ends_at) {
                (Some(announce_at), Some(starts_at), Some(ends_at)) => {
                    Phase::Scheduled { announce_at, starts_at, ends_at }
                }
                (_, _, _) => Phase::Draft,
            },
            Phase::Scheduled { announce_at, starts_at: start, ends_at: end } => Phase::Scheduled {
                announce_at: updated.announce_at.unwrap_or(announce_at),
                starts_at: starts_at.unwrap_or(start),
                ends_at: ends_at.unwrap_or(end),
            },
            Phase::Announced { starts_at: start, ends_at: end } => Phase::Announced {
                starts_at: starts_at.unwrap_or(start),
                ends_at: ends_at.unwrap_or(end),
            },
            Phase::Live { starts_at, ends_at: end } => {
                Phase::Live { starts_at, ends_at: ends_at.unwrap_or(end) }
            }
            over @ (Phase::Ended | Phase::Cancelled) => over,
        };
    }
}

fn first_phase(created: &SaleCreated) -> Phase {
    match (created.announce_at, created.starts_at) {
        (Some(announce_at), Some(starts_at)) => {
            Phase::Scheduled { announce_at, starts_at, ends_at: starts_at + created.run_ms }
        }
        (_, _) => Phase::Draft,
    }
}

impl Item {
    fn created(item: &SaleItem) -> Self {
        Self {
            sku: item.sku.clone(),
            per_buyer_units: item.per_buyer_units,
            price_minor: item.price_minor,
            stock: ItemStock::planned(item.total_units),
            holders: Lookup::default(),
            waitlist: Waitlist::default(),
            version: 1,
        }
    }
}

impl Shop {
    pub(in crate::shop) fn on_sale_created(&mut self, created: &SaleCreated) {
        let sale = Sale::created(created);
        for (at, item) in sale.dues(&created.sale) {
            self.due.add(at, item);
        }
        self.sales.insert(created.sale.clone(), sale);
    }

    pub(in crate::shop) fn on_sale_updated(&mut self, updated: &SaleUpdated) {
        self.change_sale(&updated.sale, |sale| {
            sale.reschedule(updated);
            if let Some(text) = &updated.reminder_text {
                sale.reminder_text.clone_from(text);
            }
        });
        for (sku, total_units) in &updated.totals {
            self.set_total(&updated.sale, sku, *total_units);
        }
    }

    fn set_total(&mut self, id: &SaleId, sku: &SkuId, total_units: u32) {
        let sale = must(self.sales.get_mut(id), "sale");
        let has_stock = sale.phase.has_stock();
        let item = must(sale.item_mut(sku), "item");
        let before_units = item.stock.total();
        if total_units > before_units {
            let more = total_units - before_units;
            item.stock.enter(more);
            if has_stock {
                self.catalog.take(sku, u64::from(more));
                self.unsettled.insert((id.clone(), sku.clone()));
            }
        } else if total_units < before_units {
            let less = before_units - total_units;
            item.stock.leave(less);
            if has_stock {
                self.catalog.give(sku, u64::from(less));
            }
        }
    }

    pub(in crate::shop) fn on_sale_announced(
        &mut self,
        id: &SaleId,
        starts_at: Millis,
        ends_at: Millis,
    ) {
        self.change_sale(id, |sale| sale.phase = Phase::Announced { starts_at, ends_at });
        let sale = must(self.sales.get_mut(id), "sale");
        let mut claims = 0;
        for item in &mut sale.items {
            let total_units = item.stock.total();
            self.catalog.take(&item.sku, u64::from(total_units));
            let rows = (total_units as usize).min(ROWS_RESERVED_MAX);
            item.holders.reserve(rows);
            claims += rows;
        }
        let rows = claims.min(ROWS_RESERVED_MAX);
        self.reservations.reserve(rows);
        self.buyers.reserve(rows);
    }

    pub(in crate::shop) fn on_sale_started(&mut self, id: &SaleId) {
        self.change_sale(id, |sale| {
            let (starts_at, ends_at) = must(sale.phase.times(), "start of a sale");
            sale.phase = Phase::Live { starts_at, ends_at };
            sale.started = true;
        });
    }

    pub(in crate::shop) fn on_sale_ended(&mut self, id: &SaleId, at: Millis) {
        self.close_sale(id, Phase::Ended, at);
    }

    pub(in crate::shop) fn on_sale_cancelled(&mut self, id: &SaleId, at: Millis) {
        self.close_sale(id, Phase::Cancelled, at);
    }

    fn close_sale(&mut self, id: &SaleId, phase: Phase, at: Millis) {
        let had_stock = must(self.sales.get(id), "sale").phase.has_stock();
        self.change_sale(id, |sale| {
            sale.phase = phase;
            sale.closed_at = Some(at);
            sale.empty_pool();
        });
        self.send_home(id);
        let sale = must(self.sales.get_mut(id), "sale");
        for item in &mut sale.items {
            if had_stock {
                self.unsettled.insert((id.clone(), item.sku.clone()));
            } else {
                item.stock = ItemStock::default();
            }
        }
    }

    /// Nobody waits for it any more, neither for its start nor for its units.
    fn send_home(&mut self, id: &SaleId) {
        let sale = must(self.sales.get_mut(id), "sale");
        let reminded = std::mem::take(&mut sale.reminders);
        let lines = sale.items.iter_mut();
        let lines: Vec<_> = lines
            .map(|item| (item.sku.clone(), std::mem::take(&mut item.waitlist.queue)))
            .collect();
        for buyer in reminded {
            self.change_buyer(&buyer, |buyer| buyer.reminders.remove(id));
        }
        for (sku, line) in lines {
            let place = (id.clone(), sku);
            for (buyer, _) in line.in_line() {
                self.change_buyer(buyer, |buyer| buyer.waiting.remove(&place));
            }
        }
    }

    pub(in crate::shop) fn on_sale_restocked(&mut self, id: &SaleId, sku: &SkuId, units: u32) {
        let sale = must(self.sales.get_mut(id), "sale");
        must(sale.item_mut(sku), "item").stock.enter(units);
        self.catalog.take(sku, u64::from(units));
        self.unsettled.insert((id.clone(), sku.clone()));
    }

    pub(in crate::shop) fn on_sale_stock_returned(&mut self, id: &SaleId, sku: &SkuId, units: u32) {
        let sale = must(self.sales.get_mut(id), "sale");
        must(sale.item_mut(sku), "item").stock.leave(units);
        self.catalog.give(sku, u64::from(units));
    }

    pub(in crate::shop) fn on_reminder_set(&mut self, id: &SaleId, buyer: &UserId) {
        self.change_sale_dues(id, |sale| {
            sale.reminders.insert(buyer.clone());
        });
        self.buyers.entry(buyer.clone()).reminders.insert(id.clone());
    }

    pub(in crate::shop) fn on_reminders_sent(&mut self, id: &SaleId) {
        self.change_sale_dues(id, |sale| sale.reminded = true);
    }

    /// Changes what the sale and all its items look like.
    fn change_sale(&mut self, id: &SaleId, change: impl FnOnce(&mut Sale)) {
        self.change_sale_dues(id, |sale| {
            change(sale);
            sale.version += 1;
            for item in &mut sale.items {
                item.version += 1;
            }
        });
    }

    /// One order more or less stands on the sale's holds. What is due by it hangs on that only
    /// once it is over.
    pub(in crate::shop) fn count_order(&mut self, id: &SaleId, by: i32) {
        let sale = must(self.sales.get_mut(id), "sale");
        if sale.phase.is_over() {
            self.change_sale_dues(id, |sale| sale.orders = sale.orders.saturating_add_signed(by));
        } else {
            sale.orders = sale.orders.saturating_add_signed(by);
        }
    }

    /// Changes a sale and keeps the due queue to what it asks for.
    pub(in crate::shop) fn change_sale_dues(
        &mut self,
        id: &SaleId,
        change: impl FnOnce(&mut Sale),
    ) {
        let sale = must(self.sales.get_mut(id), "sale");
        for (at, item) in sale.dues(id) {
            self.due.remove(at, item);
        }
        change(sale);
        for (at, item) in sale.dues(id) {
            self.due.add(at, item);
        }
    }
}
