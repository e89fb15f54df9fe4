//! Where every unit of one item of a sale is. Owns the moves between the places; knows nobody
//! who holds one and decides nothing.

use serde::{Deserialize, Serialize};

/// The units of an item. There is no total beside the parts: units enter, move and leave, so
/// available + reserved + offered + sold is the total by construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) struct ItemStock {
    available_units: u32,
    reserved_units: u32,
    offered_units: u32,
    sold_units: u32,
}

/// Takes `units` out of one place. Whoever moves units has looked first: a move of nothing or of
/// more than there is would be our bug.
fn take(place: &mut u32, units: u32) -> u32 {
    assert!(units > 0, "a move of no units");
    assert!(*place >= units, "a move of {units} units out of {place}");
    *place -= units;
    units
}

impl ItemStock {
    pub(in crate::shop) fn planned(units: u32) -> Self {
        Self { available_units: units, ..Self::default() }
    }

    pub(in crate::shop) fn available(&self) -> u32 {
        self.available_units
    }

    pub(in crate::shop) fn reserved(&self) -> u32 {
        self.reserved_units
    }

    pub(in crate::shop) fn offered(&self) -> u32 {
        self.offered_units
    }

    pub(in crate::shop) fn sold(&self) -> u32 {
        self.sold_units
    }

    pub(in crate::shop) fn total(&self) -> u32 {
        self.available_units + self.reserved_units + self.offered_units + self.sold_units
    }

    /// Units that somebody holds and that may still come back.
    pub(in crate::shop) fn pending(&self) -> u32 {
        self.reserved_units + self.offered_units
    }

    pub(in crate::shop) fn is_sold_out_hard(&self) -> bool {
        self.sold_units > 0 && self.sold_units == self.total()
    }

    pub(in crate::shop) fn enter(&mut self, units: u32) {
        assert!(units > 0, "a move of no units");
        self.available_units += units;
    }

    pub(in crate::shop) fn leave(&mut self, units: u32) {
        take(&mut self.available_units, units);
    }

    pub(in crate::shop) fn reserve(&mut self, units: u32) {
        self.reserved_units += take(&mut self.available_units, units);
    }

    pub(in crate::shop) fn release(&mut self, units: u32) {
        self.available_units += take(&mut self.reserved_units, units);
    }

    pub(in crate::shop) fn offer(&mut self, units: u32) {
        self.offered_units += take(&mut self.available_units, units);
    }

    pub(in crate::shop) fn withdraw_offer(&mut self, units: u32) {
        self.available_units += take(&mut self.offered_units, units);
    }

    pub(in crate::shop) fn accept_offer(&mut self, units: u32) {
        self.reserved_units += take(&mut self.offered_units, units);
    }

    pub(in crate::shop) fn sell(&mut self, units: u32) {
        self.sold_units += take(&mut self.reserved_units, units);
    }

    /// The sale is over and being forgotten: what it sold is nobody's business any more.
    pub(in crate::shop) fn forget_sold(&mut self, units: u32) {
        take(&mut self.sold_units, units);
    }

    /// A late payment takes its units again.
    pub(in crate::shop) fn sell_available(&mut self, units: u32) {
        self.sold_units += take(&mut self.available_units, units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_units_about_keeps_the_total() {
        let mut stock = ItemStock::planned(10);
        stock.reserve(4);
        stock.offer(3);
        stock.accept_offer(1);
        stock.withdraw_offer(2);
        stock.sell(3);
        stock.release(1);
        stock.sell_available(1);
        let parts = (stock.available(), stock.reserved(), stock.offered(), stock.sold());
        assert_eq!(parts, (5, 1, 0, 4));
        assert_eq!(stock.total(), 10);
    }

    #[test]
    fn hard_sold_out_means_that_every_unit_is_sold() {
        let mut stock = ItemStock::planned(1);
        assert!(!stock.is_sold_out_hard());
        stock.reserve(1);
        assert!(!stock.is_sold_out_hard());
        stock.sell(1);
        assert!(stock.is_sold_out_hard());
        stock.enter(1);
        assert!(!stock.is_sold_out_hard());
        assert!(!ItemStock::default().is_sold_out_hard(), "an item that went home sold nothing");
    }
}
