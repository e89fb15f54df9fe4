//! What happens to sales by themselves: announcements, starts and ends when their time has come,
//! and what follows when units come back. Owns the moment; the events own the change.

use crate::command::Scope;
use crate::event::{CancelCause, EndCause, Event};
use crate::id::{RoomId, SaleId, SkuId};
use crate::shop::Shop;
use crate::shop::flash_sale::{Item, Phase, Sale};
use crate::time::Millis;

impl Shop {
    pub(in crate::shop) fn on_announce_due(&self, id: &SaleId, _now: Millis) -> Vec<Event> {
        let Some(sale) = self.sales.get(id) else { return Vec::new() };
        let Phase::Scheduled { starts_at, ends_at, .. } = sale.phase else { return Vec::new() };
        let sale_id = id.clone();
        if self.check_announceable(sale).is_err() {
            return vec![Event::SaleCancelled { sale: sale_id, cause: CancelCause::StockShort }];
        }
        vec![Event::SaleAnnounced { sale: sale_id, starts_at, ends_at }]
    }

    pub(in crate::shop) fn on_sale_reminder_due(&self, id: &SaleId, due_at: Millis) -> Vec<Event> {
        if self.sales.get(id).is_some_and(Sale::reminder_is_open) {
            return vec![Event::RemindersDue { sale: id.clone(), due_at }];
        }
        Vec::new()
    }

    pub(in crate::shop) fn on_start_due(&self, id: &SaleId, due_at: Millis) -> Vec<Event> {
        match self.sales.get(id).map(|sale| sale.phase) {
            Some(Phase::Announced { .. }) => {
                vec![Event::SaleStarted { sale: id.clone(), due_at }]
            }
            Some(
                Phase::Draft
                | Phase::Scheduled { .. }
                | Phase::Live { .. }
                | Phase::Ended
                | Phase::Cancelled,
            )
            | None => Vec::new(),
        }
    }

    pub(in crate::shop) fn on_end_due(&self, id: &SaleId, due_at: Millis) -> Vec<Event> {
        let Some(sale) = self.sales.get(id) else { return Vec::new() };
        let Phase::Live { .. } = sale.phase else { return Vec::new() };
        sale.end_events(id, EndCause::Time, due_at, due_at)
    }

    /// The sales that end because `room` does: no other room is left where they could be claimed.
    pub(in crate::shop) fn sales_ending_with_room(&self, room: &RoomId, now: Millis) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, sale) in &self.sales {
            let ends = match sale.phase {
                // All rooms are also those to come, until the sale has begun.
                Phase::Scheduled { .. } | Phase::Announced { .. }
                    if sale.scope == Scope::AllRooms =>
                {
                    false
                }
                Phase::Scheduled { .. } | Phase::Announced { .. } | Phase::Live { .. } => {
                    super::claim::scope_has(&sale.scope, room)
                        && !self.has_open_room(&sale.scope, Some(room))
                }
                Phase::Draft | Phase::Ended | Phase::Cancelled => false,
            };
            if ends {
                events.extend(sale.end_events(id, EndCause::RoomEnded, now, now));
            }
        }
        events
    }

    /// Works off the items that got units back: offers go out, what an ended sale has left goes
    /// home, a pin without stock comes off. The events it adds are applied already.
    pub(in crate::shop) fn settle(&mut self, now: Millis, events: &mut Vec<Event>) {
        let mut sold_out = false;
        while let Some((sale, sku)) = self.unsettled.pop_first() {
            while let Some(event) = self.next_settlement(&sale, &sku, now) {
                self.apply(&event, now);
                events.push(event);
            }
            let item = self.sales.get(&sale).and_then(|sale| sale.item(&sku));
            sold_out |= item.is_some_and(|item| item.stock.is_sold_out_hard());
        }
        if !sold_out {
            return;
        }
        for event in self.pins_without_stock() {
            self.apply(&event, now);
            events.push(event);
        }
    }

    fn next_settlement(&self, id: &SaleId, sku: &SkuId, now: Millis) -> Option<Event> {
        let sale = self.sales.get(id)?;
        let item = sale.item(sku)?;
        match sale.phase {
            Phase::Live { ends_at, .. } if now < ends_at => self.next_offer(id, sale, item, now),
            Phase::Ended | Phase::Cancelled => stock_going_home(id, item),
            Phase::Draft
            | Phase::Scheduled { .. }
            | Phase::Announced { .. }
            | Phase::Live { .. } => None,
        }
    }
}

fn stock_going_home(id: &SaleId, item: &Item) -> Option<Event> {
    let units = item.stock.available();
    if units == 0 || item.stock.pending() > 0 {
        return None;
    }
    Some(Event::SaleStockReturned { sale: id.clone(), sku: item.sku.clone(), units })
}
