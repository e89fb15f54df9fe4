//! Flash sales: what a sale is and how it looks. Owns its phases, terms and items; the rules that
//! change them are in the files below, holds in `reservation`, waiting in `waitlist`.

mod apply;
mod claim;
mod decide;
mod pool;
mod settle;
mod spec;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Shop;
use super::archive::ARCHIVE_AFTER;
use super::due::DueItem;
use super::hash::put;
use super::waitlist::Waitlist;
use crate::command::Scope;
use crate::id::{ReservationId, RoomId, SaleId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::money::Minor;
use crate::time::{Millis, SpanMs};
use crate::view::{ItemState, SaleState, SaleView, StockView};

pub(super) use claim::{check_quantity, require_buyer, scope_has};
pub(super) use stock::ItemStock;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sale {
    pub(super) title: String,
    pub(super) scope: Scope,
    pub(super) phase: Phase,
    /// It has been live; an open price stays open.
    pub(super) started: bool,
    pub(super) terms: Terms,
    pub(super) reminder_text: String,
    /// Who asked to be told before the start.
    pub(super) reminders: BTreeSet<UserId>,
    pub(super) reminded: bool,
    /// In the order the streamer gave.
    pub(super) items: Vec<Item>,
    places: Lookup<SkuId, usize>,
    /// Holds that each buyer has let expire.
    pub(super) expiries: Lookup<UserId, u32>,
    /// Every hold that was ever made of it, in the order they were.
    pub(super) claims: Vec<ReservationId>,
    /// Orders for its holds that are not archived yet.
    pub(super) orders: u32,
    /// When it ended or was cancelled.
    pub(super) closed_at: Option<Millis>,
    /// Its rows have begun to go.
    pub(super) leaving: bool,
    /// Where its first claims are drawn.
    pool: Option<pool::Pool>,
    pub(super) version: u64,
}

/// Where a sale stands. Sold out is no phase: it is read off the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Draft,
    Scheduled { announce_at: Millis, starts_at: Millis, ends_at: Millis },
    Announced { starts_at: Millis, ends_at: Millis },
    Live { starts_at: Millis, ends_at: Millis },
    Ended,
    Cancelled,
}

/// The figures a sale was created with; later settings do not touch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) countdown_ms: SpanMs,
    pub(super) run_ms: SpanMs,
    pub(super) hold_ms: SpanMs,
    pub(super) offer_ms: SpanMs,
    pub(super) min_presence_ms: SpanMs,
    pub(super) payment_grace_ms: SpanMs,
    pub(super) reminder_lead_ms: SpanMs,
    pub(super) unpaid_expiries_max: u32,
    pub(super) waitlist_factor: u32,
    pub(super) price_hidden: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) sku: SkuId,
    pub(super) per_buyer_units: u32,
    pub(super) price_minor: Minor,
    /// Until the announcement these units are a plan; from then on they are out of free stock.
    pub(super) stock: ItemStock,
    pub(super) holders: Lookup<UserId, Holder>,
    pub(super) waitlist: Waitlist,
    pub(super) version: u64,
}

/// What one buyer has of one item. All of it counts towards his limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) reserved_units: u32,
    pub(super) offered_units: u32,
    pub(super) sold_units: u32,
    /// His holds that are neither released nor sold.
    pub(super) active: SmallVec<[ReservationId; 1]>,
}

impl Holder {
    pub(super) fn used_units(&self) -> u32 {
        self.reserved_units + self.offered_units + self.sold_units
    }
}

impl Phase {
    pub(super) fn is_over(self) -> bool {
        match self {
            Self::Ended | Self::Cancelled => true,
            Self::Draft | Self::Scheduled { .. } | Self::Announced { .. } | Self::Live { .. } => {
                false
            }
        }
    }

    /// The sale's units are out of free stock.
    pub(super) fn has_stock(self) -> bool {
        match self {
            Self::Announced { .. } | Self::Live { .. } => true,
            Self::Draft | Self::Scheduled { .. } | Self::Ended | Self::Cancelled => false,
        }
    }

    fn announce_at(self) -> Option<Millis> {
        match self {
            Self::Scheduled { announce_at, .. } => Some(announce_at),
            Self::Draft
            | Self::Announced { .. }
            | Self::Live { .. }
            | Self::Ended
            | Self::Cancelled => None,
        }
    }

    /// Start and end, where they are known.
    pub(super) fn times(self) -> Option<(Millis, Millis)> {
        match self {
            Self::Scheduled { starts_at, ends_at, .. }
            | Self::Announced { starts_at, ends_at }
            | Self::Live { starts_at, ends_at } => Some((starts_at, ends_at)),
            Self::Draft | Self::Ended | Self::Cancelled => None,
        }
    }
}

impl Sale {
    pub(super) fn item(&self, sku: &SkuId) -> Option<&Item> {
        self.items.get(*self.places.get(sku)?)
    }

    /// The item, about to change: it and its sale look different from here on.
    pub(super) fn item_mut(&mut self, sku: &SkuId) -> Option<&mut Item> {
        let item = self.items.get_mut(*self.places.get(sku)?)?;
        item.version += 1;
        self.version += 1;
        Some(item)
    }

    pub(super) fn state(&self) -> SaleState {
        match self.phase {
            Phase::Draft => SaleState::Draft,
            Phase::Scheduled { .. } => SaleState::Scheduled,
            Phase::Announced { .. } => SaleState::Announced,
            Phase::Live { .. } if self.items.iter().all(|item| item.stock.available() == 0) => {
                SaleState::SoldOut
            }
            Phase::Live { .. } => SaleState::Live,
            Phase::Ended => SaleState::Ended,
            Phase::Cancelled => SaleState::Cancelled,
        }
    }

    /// What time alone will bring about in this sale.
    pub(super) fn dues(&self, id: &SaleId) -> Vec<(Millis, DueItem)> {
        match self.phase {
            Phase::Scheduled { announce_at, .. } => {
                vec![(announce_at, DueItem::SaleAnnounce(id.clone()))]
            }
            Phase::Announced { starts_at, .. } => {
                let mut dues = vec![(starts_at, DueItem::SaleStart(id.clone()))];
                if self.reminder_is_open() {
                    let remind_at = starts_at - self.terms.reminder_lead_ms;
                    dues.push((remind_at, DueItem::SaleReminder(id.clone())));
                }
                dues
            }
            Phase::Live { ends_at, .. } => vec![(ends_at, DueItem::SaleEnd(id.clone()))],
            Phase::Draft => Vec::new(),
            Phase::Ended | Phase::Cancelled => self.archive_due(id).into_iter().collect(),
        }
    }

    /// An order needs its holds, and they their sale: it leaves after the last of them.
    fn archive_due(&self, id: &SaleId) -> Option<(Millis, DueItem)> {
        let closed_at = self.closed_at.filter(|_| self.orders == 0)?;
        Some((closed_at + ARCHIVE_AFTER, DueItem::SaleArchive(id.clone())))
    }

    /// Somebody asked to be told and nobody has been.
    pub(super) fn reminder_is_open(&self) -> bool {
        !self.reminded && !self.reminders.is_empty()
    }

    fn item_state(&self, item: &Item) -> ItemState {
        match self.phase {
            Phase::Live { .. } if item.stock.available() > 0 => ItemState::Live,
            Phase::Live { .. } if item.stock.pending() > 0 => ItemState::SoldOutSoft,
            Phase::Live { .. } => ItemState::SoldOutHard,
            Phase::Draft
            | Phase::Scheduled { .. }
            | Phase::Announced { .. }
            | Phase::Ended
            | Phase::Cancelled => ItemState::Closed,
        }
    }
}

impl Item {
    /// Drops what is remembered of a buyer who has nothing of this item any more.
    pub(super) fn forget_if_empty(&mut self, buyer: &UserId) {
        if self.holders.get(buyer).is_some_and(|holder| holder.used_units() == 0) {
            self.holders.remove(buyer);
        }
    }
}

impl Shop {
    /// The ids of all sales, in order.
    pub fn sales(&self) -> impl Iterator<Item = &SaleId> {
        self.sales.keys()
    }

    /// The sales whose scope has this room.
    pub fn sales_in(&self, room: &RoomId) -> Vec<SaleView> {
        let here = self.sales.iter().filter(|(_, sale)| claim::scope_has(&sale.scope, room));
        here.filter_map(|(id, _)| self.sale_view(id)).collect()
    }

    pub fn sale_view(&self, id: &SaleId) -> Option<SaleView> {
        let sale = self.sales.get(id)?;
        let times = sale.phase.times();
        Some(SaleView {
            sale: id.clone(),
            title: sale.title.clone(),
            scope: sale.scope.clone(),
            state: sale.state(),
            announce_at: sale.phase.announce_at(),
            starts_at: times.map(|(starts_at, _)| starts_at),
            ends_at: times.map(|(_, ends_at)| ends_at).or(sale.closed_at),
            has_started: sale.started,
            hold_ms: sale.terms.hold_ms,
            min_presence_ms: sale.terms.min_presence_ms,
            price_hidden: sale.terms.price_hidden,
            reminder_text: sale.reminder_text.clone(),
            currency: self.currency().clone(),
            items: sale.items.iter().map(|item| self.item_view(id, sale, item)).collect(),
            draw: sale.pool.as_ref().map(|pool| pool.terms.clone()),
            seed: sale.pool.as_ref().and_then(|pool| pool.seed.clone()),
            version: sale.version,
        })
    }

    pub fn stock_view(&self, id: &SaleId, sku: &SkuId) -> Option<StockView> {
        let sale = self.sales.get(id)?;
        Some(self.item_view(id, sale, sale.item(sku)?))
    }

    fn item_view(&self, id: &SaleId, sale: &Sale, item: &Item) -> StockView {
        let sku = self.catalog.sku(&item.sku);
        StockView {
            sale: id.clone(),
            sku: item.sku.clone(),
            title: sku.map(|sku| sku.title.clone()).unwrap_or_default(),
            price_minor: item.price_minor,
            list_price_minor: sku.map_or(item.price_minor, |sku| sku.price_minor),
            per_buyer_units: item.per_buyer_units,
            total_units: item.stock.total(),
            available_units: item.stock.available(),
            reserved_units: item.stock.reserved(),
            offered_units: item.stock.offered(),
            sold_units: item.stock.sold(),
            waitlist_length: item.waitlist.queue.len(),
            state: sale.item_state(item),
            version: item.version,
            sale_state: sale.state(),
            sale_version: sale.version,
        }
    }

    /// Who asked to be told before the sale starts, for the reminder itself.
    pub(super) fn sale_reminders(&self, id: &SaleId) -> Vec<UserId> {
        self.sales.get(id).map(|sale| sale.reminders.iter().cloned().collect()).unwrap_or_default()
    }

    /// Everything about sales and holds, in a fixed order, into a state hash.
    pub(super) fn hash_sales(&self, hasher: &mut blake3::Hasher) {
        for (id, sale) in &self.sales {
            let head = (id, &sale.title, &sale.scope, sale.phase, &sale.terms);
            put(hasher, &head);
            put(hasher, &(sale.started, &sale.reminder_text, &sale.reminders, sale.reminded));
            put(hasher, &(sale.version, &sale.pool));
            put(hasher, &sale.expiries.sorted());
            put(hasher, &(&sale.claims, sale.orders, sale.closed_at, sale.leaving));
            for item in &sale.items {
                let head = (&item.sku, item.per_buyer_units, item.price_minor, item.stock);
                put(hasher, &(head, item.version));
                put(hasher, &item.holders.sorted());
                put(hasher, &item.waitlist.queue.in_line());
                put(hasher, &item.waitlist.offers.sorted());
            }
        }
        put(hasher, &self.reservations.sorted());
    }
}
