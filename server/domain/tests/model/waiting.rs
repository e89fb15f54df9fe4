//! Waiting for an item in the naive model: joining, and answering an offer. Owns no order of its
//! own: who joined first stands first in `Naive::waits`.

use hawker_domain::id::{ReservationId, RoomId, SaleId, SkuId, UserId};
use hawker_domain::time::Millis;

use crate::naive::{Naive, Outcome, Wait};

impl Naive {
    pub(crate) fn join(
        &mut self,
        user: &UserId,
        (room, sale, sku, quantity): (&RoomId, &SaleId, &SkuId, u32),
    ) -> Outcome {
        self.open_in_room(sale, room, sku)?;
        self.running(sale)?;
        let mine = |wait: &Wait| (&wait.buyer, &wait.sale, &wait.sku) == (user, sale, sku);
        if self.waits.iter().any(mine) {
            return Err("already_waiting");
        }
        self.within_limit(user, sale, sku, quantity)?;
        if self.available(sale, sku) >= quantity {
            return Err("still_available");
        }
        let (reserved, offered, _) = self.taken(sale, sku);
        if reserved + offered == 0 {
            return Err("sold_out");
        }
        let waits =
            |wait: &&Wait| wait.offered_until.is_none() && (&wait.sale, &wait.sku) == (sale, sku);
        let length = self.waits.iter().filter(waits).count();
        let factor = self.settings.waitlist_factor;
        if length >= (self.total(sale, sku) * factor) as usize {
            return Err("waitlist_full");
        }
        self.waits.push(Wait {
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: user.clone(),
            quantity,
            offered_until: None,
        });
        Ok(())
    }

    pub(crate) fn wait_of(
        &mut self,
        user: &UserId,
        sale: &SaleId,
        sku: &SkuId,
    ) -> Result<Option<usize>, &'static str> {
        let items = &self.find(sale)?.items;
        items.iter().find(|item| item.sku == *sku).ok_or("sku_unknown")?;
        let mine = |wait: &Wait| (&wait.buyer, &wait.sale, &wait.sku) == (user, sale, sku);
        Ok(self.waits.iter().position(mine))
    }

    pub(crate) fn accept(
        &mut self,
        user: &UserId,
        (sale, sku, id): (&SaleId, &SkuId, &ReservationId),
        now: Millis,
    ) -> Outcome {
        let place = self.wait_of(user, sale, sku)?.ok_or("no_offer")?;
        self.waits[place].offered_until.ok_or("no_offer")?;
        if self.holds.iter().any(|hold| hold.id == *id) {
            return Err("reservation_exists");
        }
        let wait = self.waits.remove(place);
        self.hold(user, (sale, sku, id, wait.quantity), now);
        Ok(())
    }
}
