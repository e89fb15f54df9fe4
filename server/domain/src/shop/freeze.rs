//! A shop as bytes and back, for caches of its state. Owns their form and its version; the truth
//! stays with the events, so bytes of another version are worth nothing and are never converted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::due::{DueItem, DueQueue};
use super::{
    Shop, archive, buyer, catalog, desk, draw, flash_sale, order, profile, promo, reservation,
    room, staff, watch,
};
use crate::id::{OrderId, PaymentId, ReservationId, RoomId, SaleId, ShopId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::time::Millis;
use crate::view::ReservationState;

/// Rises with every change of what is written here, fields of the parts included.
const VERSION: u8 = 5;

/// Why bytes are not a shop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the state was written in form {found}, this program reads {VERSION}")]
    Version { found: u8 },
    #[error("the state is damaged: {problem}")]
    Damaged { problem: String },
}

/// Everything of a shop that its events made. The due queue follows from the rest.
#[derive(Serialize)]
struct Frozen<'a> {
    id: &'a ShopId,
    profile: &'a Option<profile::Profile>,
    catalog: &'a catalog::Catalog,
    staff: &'a staff::Staff,
    rooms: &'a BTreeMap<RoomId, room::Room>,
    traces: BTreeMap<&'a RoomId, room::PassingTrace>,
    sales: &'a BTreeMap<SaleId, flash_sale::Sale>,
    reservations: &'a Lookup<ReservationId, reservation::Reservation>,
    orders: &'a Lookup<OrderId, order::Order>,
    payments: &'a Lookup<PaymentId, order::Payment>,
    buyers: &'a Lookup<UserId, buyer::Buyer>,
    archive: &'a archive::Archive,
    unsettled: &'a BTreeSet<(SaleId, SkuId)>,
    desk: &'a desk::Desk,
    promo: &'a promo::Promo,
    watch: &'a watch::Watch,
    draws: &'a draw::Draws,
}

/// The same, on its way back.
#[derive(Deserialize)]
struct Thawed {
    id: ShopId,
    profile: Option<profile::Profile>,
    catalog: catalog::Catalog,
    staff: staff::Staff,
    rooms: BTreeMap<RoomId, room::Room>,
    traces: BTreeMap<RoomId, room::PassingTrace>,
    sales: BTreeMap<SaleId, flash_sale::Sale>,
    reservations: Lookup<ReservationId, reservation::Reservation>,
    orders: Lookup<OrderId, order::Order>,
    payments: Lookup<PaymentId, order::Payment>,
    buyers: Lookup<UserId, buyer::Buyer>,
    archive: archive::Archive,
    unsettled: BTreeSet<(SaleId, SkuId)>,
    desk: desk::Desk,
    promo: promo::Promo,
    watch: watch::Watch,
    draws: draw::Draws,
}

impl Shop {
    /// The shop as bytes, the same for equal shops. Costs a walk over the whole shop.
    pub fn freeze(&self) -> Vec<u8> {
        let traces = self.rooms.iter().map(|(id, room)| (id, room.passing_trace())).collect();
        let frozen = Frozen {
            id: &self.id,
            profile: &self.profile,
            catalog: &self.catalog,
            staff: &self.staff,
            rooms: &self.rooms,
            traces,
            sales: &self.sales,
            reservations: &self.reservations,
            orders: &self.orders,
            payments: &self.payments,
            buyers: &self.buyers,
            archive: &self.archive,
            unsettled: &self.unsettled,
            desk: &self.desk,
            promo: &self.promo,
            watch: &self.watch,
            draws: &self.draws,
        };
        match postcard::to_extend(&frozen, vec![VERSION]) {
            Ok(bytes) => bytes,
            Err(error) => unreachable!("a shop is plain data: {error}"),
        }
    }

    /// The shop that `freeze` wrote, as a replay of its events would have made it. Whoever keeps
    /// the bytes sees to it that they are the same: not every damage shows here.
    pub fn thaw(bytes: &[u8]) -> Result<Self, Unreadable> {
        let damaged = |problem: String| Unreadable::Damaged { problem };
        let (found, body) = bytes.split_first().ok_or_else(|| damaged("no bytes".to_owned()))?;
        if *found != VERSION {
            return Err(Unreadable::Version { found: *found });
        }
        let read = postcard::take_from_bytes::<Thawed>(body);
        let (thawed, rest) = read.map_err(|error| damaged(error.to_string()))?;
        if !rest.is_empty() {
            return Err(damaged(format!("{} bytes are left over", rest.len())));
        }
        let mut shop = Self {
            id: thawed.id,
            profile: thawed.profile,
            catalog: thawed.catalog,
            staff: thawed.staff,
            rooms: thawed.rooms,
            sales: thawed.sales,
            reservations: thawed.reservations,
            orders: thawed.orders,
            payments: thawed.payments,
            buyers: thawed.buyers,
            archive: thawed.archive,
            desk: thawed.desk,
            promo: thawed.promo,
            watch: thawed.watch,
            draws: thawed.draws,
            due: DueQueue::default(),
            unsettled: thawed.unsettled,
        };
        shop.desk.rebuild_what_follows();
        shop.watch.rebuild();
        shop.watch_tasks_changed(Millis(0));
        for (id, trace) in thawed.traces {
            if let Some(room) = shop.rooms.get_mut(&id) {
                room.follow_trace(trace);
            }
        }
        shop.queue_what_is_due();
        Ok(shop)
    }

    /// Fills the empty due queue with what the state asks for.
    fn queue_what_is_due(&mut self) {
        for (id, sale) in &self.sales {
            for (at, item) in sale.dues(id) {
                self.due.add(at, item);
            }
            for item in &sale.items {
                for (buyer, offer) in item.waitlist.offers.sorted() {
                    let due = DueItem::Offer(id.clone(), item.sku.clone(), buyer.clone());
                    self.due.add(offer.expires_at, due);
                }
            }
        }
        for (id, order) in self.orders.sorted() {
            for (at, item) in order.dues(id) {
                self.due.add(at, item);
            }
        }
        for (id, campaign) in &self.promo.campaigns {
            campaign.dues(id).into_iter().for_each(|(at, item)| self.due.add(at, item));
        }
        for (id, draw) in &self.draws.draws {
            draw.dues(id).into_iter().for_each(|(at, item)| self.due.add(at, item));
        }
        let due = &mut self.due;
        self.reservations.each_sorted_mut(|id, held| {
            if let ReservationState::Held { expires_at } = held.state {
                held.hold_slot = due.add_hold(expires_at, id);
            }
        });
    }
}
