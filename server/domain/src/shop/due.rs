//! What happens by itself: times and what they are for, in the order (due, item).

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{CampaignId, DrawId, OrderId, ReservationId, SaleId, SkuId, UserId};
use crate::time::Millis;

/// Something that time alone will bring about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DueItem {
    SaleAnnounce(SaleId),
    SaleReminder(SaleId),
    SaleStart(SaleId),
    SaleEnd(SaleId),
    Hold(ReservationId),
    Offer(SaleId, SkuId, UserId),
    OrderReminder(OrderId),
    OrderPayment(OrderId),
    OrderArchive(OrderId),
    SaleArchive(SaleId),
    CampaignAnnounce(CampaignId),
    CampaignReminder(CampaignId),
    CampaignOpen(CampaignId),
    CampaignEnd(CampaignId),
    /// Coupons end, or leave with their age.
    Coupons(CampaignId),
    CampaignArchive(CampaignId),
    DrawClose(DrawId),
    Prizes(DrawId),
    DrawArchive(DrawId),
}

impl DueItem {
    /// Sorts before every hold of the same time, whatever its id.
    fn is_before_holds(&self) -> bool {
        match self {
            Self::SaleAnnounce(_)
            | Self::SaleReminder(_)
            | Self::SaleStart(_)
            | Self::SaleEnd(_) => true,
            Self::Hold(_)
            | Self::Offer(..)
            | Self::OrderReminder(_)
            | Self::OrderPayment(_)
            | Self::OrderArchive(_)
            | Self::SaleArchive(_)
            | Self::CampaignAnnounce(_)
            | Self::CampaignReminder(_)
            | Self::CampaignOpen(_)
            | Self::CampaignEnd(_)
            | Self::Coupons(_)
            | Self::CampaignArchive(_)
            | Self::DrawClose(_)
            | Self::Prizes(_)
            | Self::DrawArchive(_) => false,
        }
    }
}

/// Holds stand apart: a sale makes a hundred thousand of them in a second, most of them end before
/// their time, and only what is popped has to be in order.
#[derive(Debug, Clone, Default)]
pub(super) struct DueQueue {
    items: BTreeSet<(Millis, DueItem)>,
    holds: BTreeMap<Millis, Holds>,
}

/// Where a hold stands among those of its time: what takes it out without a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HoldSlot(u32);

/// The holds that end at one time, in the order they began.
#[derive(Debug, Clone, Default)]
struct Holds {
    slots: Vec<Option<ReservationId>>,
    /// Slots that are taken. Without any the whole row goes.
    count: usize,
    /// Slots from the last id to the first. Empty until the time has come: no earlier does the
    /// order matter.
    by_id: Vec<u32>,
}

impl Holds {
    fn add(&mut self, id: &ReservationId) -> HoldSlot {
        self.by_id.clear();
        self.slots.push(Some(id.clone()));
        self.count += 1;
        let last = self.slots.len() - 1;
        let Ok(slot) = u32::try_from(last) else { panic!("more holds at a time than ids") };
        HoldSlot(slot)
    }

    fn remove(&mut self, HoldSlot(slot): HoldSlot, id: &ReservationId) {
        let Some(slot) = self.slots.get_mut(slot as usize) else { return };
        if slot.as_ref() == Some(id) {
            *slot = None;
            self.count -= 1;
        }
    }

    fn pop(&mut self) -> Option<ReservationId> {
        if self.by_id.is_empty() {
            self.sort();
        }
        while let Some(slot) = self.by_id.pop() {
            if let Some(id) = self.slots.get_mut(slot as usize).and_then(Option::take) {
                self.count -= 1;
                return Some(id);
            }
        }
        None
    }

    fn sort(&mut self) {
        let slots = self.slots.iter().zip(0..);
        let mut taken: Vec<_> =
            slots.filter_map(|(id, slot): (_, u32)| Some((id.as_ref()?, slot))).collect();
        taken.sort_unstable_by(|earlier, later| later.cmp(earlier));
        self.by_id = taken.into_iter().map(|(_, slot)| slot).collect();
    }
}

impl DueQueue {
    pub(super) fn add(&mut self, at: Millis, item: DueItem) {
        self.items.insert((at, item));
    }

    pub(super) fn remove(&mut self, at: Millis, item: DueItem) {
        self.items.remove(&(at, item));
    }

    /// The end of a hold, which must not stand here already.
    pub(super) fn add_hold(&mut self, at: Millis, id: &ReservationId) -> HoldSlot {
        self.holds.entry(at).or_default().add(id)
    }

    /// Takes out the hold that got `slot`, where it still is.
    pub(super) fn remove_hold(&mut self, at: Millis, slot: HoldSlot, id: &ReservationId) {
        let Some(holds) = self.holds.get_mut(&at) else { return };
        holds.remove(slot, id);
        if holds.count == 0 {
            self.holds.remove(&at);
        }
    }

    pub(super) fn next(&self) -> Option<Millis> {
        let item = self.items.first().map(|(at, _)| *at);
        let hold = self.holds.first_key_value().map(|(at, _)| *at);
        item.into_iter().chain(hold).min()
    }

    /// Everything due, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Millis, DueItem)> {
        let holds = self.holds.iter().flat_map(|(at, holds)| {
            holds.slots.iter().flatten().map(|id| (*at, DueItem::Hold(id.clone())))
        });
        self.items.iter().cloned().chain(holds)
    }

    /// Takes out the earliest item due at or before `now`.
    pub(super) fn pop_until(&mut self, now: Millis) -> Option<(Millis, DueItem)> {
        let at = self.next()?;
        if at > now {
            return None;
        }
        let item_first =
            self.items.first().is_some_and(|(due, item)| *due == at && item.is_before_holds());
        let hold = if item_first { None } else { self.pop_hold(at) };
        hold.or_else(|| self.items.pop_first())
    }

    fn pop_hold(&mut self, at: Millis) -> Option<(Millis, DueItem)> {
        let holds = self.holds.get_mut(&at)?;
        let id = holds.pop();
        if holds.count == 0 {
            self.holds.remove(&at);
        }
        Some((at, DueItem::Hold(id?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(id: &str) -> ReservationId {
        ReservationId::parse(id).unwrap()
    }

    fn popped(queue: &mut DueQueue) -> Vec<String> {
        let pops = std::iter::from_fn(|| queue.pop_until(Millis(i64::MAX)));
        pops.map(|(at, item)| format!("{} {item:?}", at.0)).collect()
    }

    #[test]
    fn what_is_due_comes_by_time_then_kind_then_id() {
        let mut queue = DueQueue::default();
        let sale = SaleId::parse("s").unwrap();
        queue.add(Millis(5), DueItem::OrderPayment(OrderId::parse("a").unwrap()));
        queue.add(Millis(5), DueItem::SaleEnd(sale.clone()));
        queue.add(Millis(4), DueItem::OrderReminder(OrderId::parse("z").unwrap()));
        for id in ["r3", "r1", "r2"] {
            queue.add_hold(Millis(5), &hold(id));
        }
        queue.add_hold(Millis(6), &hold("r0"));
        assert_eq!(queue.next(), Some(Millis(4)));
        assert_eq!(queue.pop_until(Millis(3)), None);
        let expected = [
            "4 OrderReminder(z)",
            "5 SaleEnd(s)",
            "5 Hold(r1)",
            "5 Hold(r2)",
            "5 Hold(r3)",
            "5 OrderPayment(a)",
            "6 Hold(r0)",
        ];
        assert_eq!(popped(&mut queue), expected);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn a_hold_that_ended_early_is_due_no_more_and_another_is_left_alone() {
        let mut queue = DueQueue::default();
        let slots: Vec<_> = ["r2", "r1", "r3"]
            .map(|id| (hold(id), queue.add_hold(Millis(5), &hold(id))))
            .into_iter()
            .collect();
        queue.remove_hold(Millis(5), slots[1].1, &slots[0].0);
        queue.remove_hold(Millis(6), slots[0].1, &slots[0].0);
        assert_eq!(queue.all().count(), 3, "neither at that slot nor at that time");
        queue.remove_hold(Millis(5), slots[1].1, &slots[1].0);
        let first = queue.pop_until(Millis(5));
        assert_eq!(first, Some((Millis(5), DueItem::Hold(hold("r2")))));
        queue.remove_hold(Millis(5), slots[0].1, &slots[0].0);
        queue.add_hold(Millis(5), &hold("r0"));
        assert_eq!(popped(&mut queue), ["5 Hold(r0)", "5 Hold(r3)"]);
        let slot = queue.add_hold(Millis(7), &hold("r4"));
        queue.remove_hold(Millis(7), slot, &hold("r4"));
        assert_eq!(queue.next(), None, "a time without holds is none");
    }
}
