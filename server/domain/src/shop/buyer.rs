//! What a shop remembers of one buyer: whether he follows, what he holds, when he bought.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::document::{self, DocumentWrite};
use crate::event::Event;
use crate::few::Few;
use crate::id::{CampaignId, CouponId, OrderId, ReservationId, SaleId, SkuId, UserId};
use crate::rejection::Rejection;
use crate::time::{Millis, SpanMs};
use crate::view::BuyerView;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Buyer {
    pub(super) following_since: Option<Millis>,
    /// Holds that are neither released nor sold.
    pub(super) reservations: Few<ReservationId>,
    /// Orders that are neither paid nor cancelled.
    pub(super) open_orders: BTreeSet<OrderId>,
    /// Waitlists he stands on or has an offer from.
    pub(super) waiting: BTreeSet<(SaleId, SkuId)>,
    pub(super) reminders: BTreeSet<SaleId>,
    /// Coupons that are claimed, or locked.
    pub(super) coupons: Few<CouponId>,
    /// Campaigns that he asked to be told of.
    pub(super) campaign_reminders: BTreeSet<CampaignId>,
    /// When he last ceased to follow, in the last 30 days.
    pub(super) unfollowed_at: Option<Millis>,
    /// He follows again, soon after he had ceased to.
    pub(super) follows_again: bool,
    /// When he paid, in the last 365 days.
    pub(super) paid_at: Vec<Millis>,
}

/// How long the time of a payment says whether a buyer is new.
pub(super) const PAID_MEMORY: SpanMs = SpanMs::days(365);

/// Following again within this makes nobody a new follower.
pub(super) const UNFOLLOW_MEMORY: SpanMs = SpanMs::days(30);

/// As many open orders as a refusal names: enough to act on, little enough for one message.
const ORDERS_NAMED_MAX: usize = 20;

impl Buyer {
    /// Nothing that anybody will ask for: the shop need not remember him.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// He followed before, not long ago.
    pub(super) fn came_back(&self, now: Millis) -> bool {
        let recent = |at: Millis| now.since(at) < UNFOLLOW_MEMORY;
        self.follows_again && self.unfollowed_at.is_some_and(recent)
    }

    /// An order that was refunded whole was no purchase.
    pub(super) fn forget_purchase(&mut self, paid_at: Option<Millis>) {
        if let Some(place) = self.paid_at.iter().position(|at| Some(*at) == paid_at) {
            self.paid_at.remove(place);
        }
    }

    pub(super) fn forget_purchases(&mut self, at: Millis) {
        self.paid_at.retain(|paid_at| at.since(*paid_at) < PAID_MEMORY);
    }
}

impl Shop {
    /// Takes something from a buyer's row; an empty row goes.
    pub(super) fn change_buyer<T>(&mut self, id: &UserId, change: impl FnOnce(&mut Buyer) -> T) {
        let Some(buyer) = self.buyers.get_mut(id) else { return };
        change(buyer);
        if buyer.is_empty() {
            self.buyers.remove(id);
        }
    }

    fn is_following(&self, buyer: &UserId) -> bool {
        self.buyers.get(buyer).is_some_and(|buyer| buyer.following_since.is_some())
    }

    pub(super) fn decide_follow(&self, buyer: &UserId) -> Accepted {
        if self.is_following(buyer) {
            return Accepted::default();
        }
        Accepted::event(Event::Followed { buyer: buyer.clone() })
    }

    pub(super) fn decide_unfollow(&self, buyer: &UserId) -> Accepted {
        if !self.is_following(buyer) {
            return Accepted::default();
        }
        Accepted::event(Event::Unfollowed { buyer: buyer.clone() })
    }

    /// What names or quotes the person goes, and he follows no longer. Holds and closed orders go
    /// on under his id, since stock and money hang on them. An order that may still be paid needs
    /// its address: whoever erases cancels it first, or waits for its end.
    pub(super) fn decide_erasure(&self, buyer: &UserId) -> Result<Accepted, Rejection> {
        let open = self.buyers.get(buyer).into_iter().flat_map(|row| &row.open_orders);
        let orders: Vec<_> = open.take(ORDERS_NAMED_MAX).cloned().collect();
        if !orders.is_empty() {
            return Err(Rejection::OrdersOpen { orders });
        }
        let erase = DocumentWrite::EraseUnder { prefix: document::buyer_prefix(buyer) };
        Ok(Accepted {
            documents: vec![erase],
            ..Accepted::event(Event::BuyerErased { buyer: buyer.clone() })
        })
    }

    pub(super) fn on_followed(&mut self, buyer: &UserId, at: Millis) {
        self.forget_unfollowed(at);
        let row = self.buyers.entry(buyer.clone());
        row.following_since = Some(at);
        row.follows_again = row.unfollowed_at.is_some();
    }

    pub(super) fn on_unfollowed(&mut self, buyer: &UserId, at: Millis) {
        self.forget_unfollowed(at);
        let Some(row) = self.buyers.get_mut(buyer) else { return };
        if row.following_since.take().is_some() {
            row.follows_again = false;
            row.unfollowed_at = Some(at);
            self.archive.note_unfollowed(buyer, at);
        }
    }

    fn forget_unfollowed(&mut self, at: Millis) {
        while let Some((since, buyer)) = self.archive.unfollowed_before(at) {
            self.change_buyer(&buyer, |row| {
                if row.unfollowed_at == Some(since) {
                    row.unfollowed_at = None;
                    row.follows_again = false;
                }
            });
        }
    }

    pub(super) fn on_buyer_erased(&mut self, buyer: &UserId, at: Millis) {
        self.on_unfollowed(buyer, at);
        for room in self.rooms.values_mut() {
            room.forget_texts_of(buyer);
        }
        self.desk.forget_texts_of(buyer);
    }

    /// All of one buyer's own open business. Somebody the shop never met has none.
    pub fn buyer_view(&self, buyer: &UserId) -> BuyerView {
        let promo = self.promo_buyer_view(buyer);
        let Some(row) = self.buyers.get(buyer) else {
            return BuyerView { promo, ..BuyerView::default() };
        };
        let reservations = row.reservations.iter();
        let waiting = row.waiting.iter();
        BuyerView {
            following: row.following_since.is_some(),
            reservations: reservations.filter_map(|id| self.reservation_view(id)).collect(),
            orders: row.open_orders.iter().filter_map(|id| self.order_view(id)).collect(),
            waiting: waiting
                .filter_map(|(sale, sku)| self.waiting_view(sale, sku, buyer))
                .collect(),
            reminders: row.reminders.iter().cloned().collect(),
            promo,
        }
    }
}
