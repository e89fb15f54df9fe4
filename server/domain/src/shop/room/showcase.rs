//! What a room shows: the bag and the pinned SKU. Owns the rule that only what is listed and in
//! stock is pinned.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Shop;
use crate::command::{Actor, Scope};
use crate::event::{Event, OrderLine};
use crate::id::{ProductId, RoomId, SkuId};
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::view::{ProductView, SaleState, SaleView, StockView};

const BAG_PRODUCTS_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    pub(super) sku: SkuId,
    /// Counts the pins of the room: of two pins the higher one is the newer.
    pub(super) version: u64,
}

impl Shop {
    /// Unlisted products may lie in the bag: they show once they are listed.
    pub(super) fn decide_bag(
        &self,
        actor: &Actor,
        room: &RoomId,
        products: &[ProductId],
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        let field = "products";
        if products.len() > BAG_PRODUCTS_MAX {
            return Err(Rejection::Invalid { field, problem: "must be at most 200" });
        }
        let mut seen = BTreeSet::new();
        for product in products {
            if !seen.insert(product) {
                return Err(Rejection::Invalid { field, problem: "must differ" });
            }
            self.catalog.product(product).ok_or(Rejection::ProductUnknown)?;
        }
        if found.bag == products {
            return Ok(Accepted::default());
        }
        let products = products.to_vec();
        Ok(Accepted::event(Event::BagSet { room: room.clone(), products }))
    }

    pub(super) fn decide_pin(
        &self,
        actor: &Actor,
        room: &RoomId,
        sku: &SkuId,
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        self.catalog.sku(sku).ok_or(Rejection::SkuUnknown)?;
        if !self.catalog.is_listed(sku) {
            return Err(Rejection::NotListed { sku: sku.clone() });
        }
        if !self.catalog.has_free(sku, 1) && !self.sale_has_available(room, sku) {
            return Err(Rejection::OutOfStock { sku: sku.clone() });
        }
        if found.pinned_sku() == Some(sku) {
            return Ok(Accepted::default());
        }
        let (room, sku) = (room.clone(), sku.clone());
        Ok(Accepted::event(Event::ProductPinned { room, sku }))
    }

    pub(super) fn decide_unpin(&self, actor: &Actor, room: &RoomId) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        found.pinned_sku().ok_or(Rejection::NothingPinned)?;
        Ok(Accepted::event(Event::ProductUnpinned { room: room.clone() }))
    }

    /// Unpins what can no longer be bought: nothing free, and no sale of the room has a unit
    /// that is not sold. Units on hold may come back, so they keep the pin.
    pub(in crate::shop) fn pins_without_stock(&self) -> Vec<Event> {
        self.unpin_where(|room, sku| {
            !self.catalog.has_free(sku, 1) && !self.sale_may_sell(room, sku)
        })
    }

    /// Unpins what these lines take the last free unit of.
    pub(in crate::shop) fn pins_emptied_by(&self, lines: &[OrderLine]) -> Vec<Event> {
        let wanted = |sku: &SkuId| {
            let ordinary = lines.iter().filter(|line| line.reservation.is_none());
            ordinary.filter(|line| line.sku == *sku).map(|line| u64::from(line.quantity)).sum()
        };
        self.unpin_where(|room, sku| {
            let units: u64 = wanted(sku);
            units > 0 && !self.catalog.has_free(sku, units + 1) && !self.sale_may_sell(room, sku)
        })
    }

    pub(in crate::shop) fn unpin_where(
        &self,
        is_over: impl Fn(&RoomId, &SkuId) -> bool,
    ) -> Vec<Event> {
        let mut unpinned = Vec::new();
        for (id, room) in &self.rooms {
            if room.pinned_sku().is_some_and(|sku| is_over(id, sku)) {
                unpinned.push(Event::ProductUnpinned { room: id.clone() });
            }
        }
        unpinned
    }

    /// A sale of the room has units that nobody holds.
    fn sale_has_available(&self, room: &RoomId, sku: &SkuId) -> bool {
        self.is_in_sale(room, sku, |item| item.available_units > 0)
    }

    /// A sale of the room has units that are not sold for good.
    pub(in crate::shop) fn sale_may_sell(&self, room: &RoomId, sku: &SkuId) -> bool {
        self.is_in_sale(room, sku, |item| item.sold_units < item.total_units)
    }

    /// An announced sale counts: its stock has left the free stock, and pinning what is counted
    /// down to is what pins are for.
    fn is_in_sale(&self, room: &RoomId, sku: &SkuId, has: impl Fn(&StockView) -> bool) -> bool {
        let holds_stock = |sale: &SaleView| match sale.state {
            SaleState::Announced | SaleState::Live | SaleState::SoldOut => true,
            SaleState::Draft | SaleState::Scheduled | SaleState::Ended | SaleState::Cancelled => {
                false
            }
        };
        let is_here = |sale: &SaleView| match &sale.scope {
            Scope::AllRooms => true,
            Scope::Rooms(rooms) => rooms.contains(room),
        };
        self.sales.keys().any(|sale| {
            self.stock_view(sale, sku).is_some_and(|item| has(&item))
                && self.sale_view(sale).is_some_and(|sale| holds_stock(&sale) && is_here(&sale))
        })
    }

    pub(in crate::shop) fn on_bag_set(&mut self, room: &RoomId, products: &[ProductId]) {
        let room = self.room_mut(room);
        room.bag = products.to_vec();
        room.version += 1;
    }

    pub(in crate::shop) fn on_product_pinned(&mut self, room: &RoomId, sku: &SkuId) {
        let room = self.room_mut(room);
        room.pins_made += 1;
        room.pinned = Some(Pin { sku: sku.clone(), version: room.pins_made });
        room.version += 1;
    }

    pub(in crate::shop) fn on_product_unpinned(&mut self, room: &RoomId) {
        let room = self.room_mut(room);
        room.pinned = None;
        room.version += 1;
    }

    /// The listed products of the room's bag, in the order shown.
    pub fn bag_products(&self, room: &RoomId) -> Vec<ProductView> {
        let bag = self.rooms.get(room).map(|room| room.bag.as_slice()).unwrap_or_default();
        let products = bag.iter().filter_map(|product| self.product_view(product));
        products.filter(|product| product.spec.listed).collect()
    }
}
