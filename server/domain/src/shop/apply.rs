//! Brings events into the state: one arm an event. Never refuses, since what it is told happened.

use std::collections::BTreeSet;

use super::Shop;
use crate::event::Event;
use crate::time::Millis;

impl Shop {
    /// Brings one event into the state.
    pub fn apply(&mut self, event: &Event, at: Millis) {
        match event {
            Event::ShopCreated { name, currency, settings } => {
                self.on_shop_created(name, currency, settings);
            }
            Event::ShopRenamed { name } => self.on_shop_renamed(name),
            Event::SettingsChanged { settings } => self.on_settings_changed(settings),
            Event::ProductPut { product, spec } => self.on_product_put(product, spec),
            Event::StockSet { sku, stock } => self.on_stock_set(sku, *stock),
            Event::StaffPut { user, roles } => {
                self.on_staff_put(user, roles);
                self.on_desk_member(user, roles);
            }
            Event::StaffRemoved { user } => {
                self.on_staff_removed(user);
                self.on_desk_member(user, &BTreeSet::new());
            }
            Event::Followed { buyer } => self.on_followed(buyer, at),
            Event::Unfollowed { buyer } => self.on_unfollowed(buyer, at),
            Event::BuyerErased { buyer } => self.on_buyer_erased(buyer, at),

            Event::RoomCreated { room, spec } => self.on_room_created(room, spec),
            Event::RoomStarted { room } => self.on_room_started(room, at),
            Event::RoomPaused { room } => self.on_room_paused(room, at),
            Event::RoomResumed { room } => self.on_room_resumed(room, at),
            Event::RoomEnded { room } => self.on_room_ended(room, at),
            Event::BagSet { room, products } => self.on_bag_set(room, products),
            Event::ProductPinned { room, sku } => self.on_product_pinned(room, sku),
            Event::ProductUnpinned { room } => self.on_product_unpinned(room),
            Event::SlowModeSet { room, interval_ms } => self.on_slow_mode_set(room, *interval_ms),
            Event::KeywordsSet { room, keywords } => self.on_keywords_set(room, keywords),
            Event::Muted { room, user, until } => self.on_muted(room, user, *until, at),
            Event::Unmuted { room, user } => self.on_unmuted(room, user),
            Event::Banned { room, user, until } => self.on_banned(room, user, *until, at),
            Event::Unbanned { room, user } => self.on_unbanned(room, user),
            Event::CommentKept { room, comment, buyer, .. } => {
                self.on_comment_kept(room, comment, buyer, at);
            }
            Event::CommentDeleted { room, comment } => self.on_comment_deleted(room, comment),
            Event::RoomCounted { room, likes, joins, viewers_peak } => {
                self.on_room_counted(room, (*likes, *joins, *viewers_peak), at);
            }

            Event::SaleCreated(created) => self.on_sale_created(created),
            Event::SaleUpdated(updated) => self.on_sale_updated(updated),
            Event::SaleAnnounced { sale, starts_at, ends_at } => {
                self.on_sale_announced(sale, *starts_at, *ends_at);
            }
            Event::SaleStarted { sale, .. } => self.on_sale_started(sale),
            Event::SaleEnded { sale, .. } => self.on_sale_ended(sale, at),
            Event::SaleCancelled { sale, .. } => self.on_sale_cancelled(sale, at),
            Event::SaleRestocked { sale, sku, units } => self.on_sale_restocked(sale, sku, *units),
            Event::SaleStockReturned { sale, sku, units } => {
                self.on_sale_stock_returned(sale, sku, *units);
            }
            Event::ReminderSet { sale, buyer } => self.on_reminder_set(sale, buyer),
            Event::RemindersDue { sale, .. } => self.on_reminders_sent(sale),
            Event::Reserved(reserved) => self.on_reserved(reserved),
            Event::ClaimPooled(pooled) => self.on_claim_pooled(pooled),
            Event::PoolDrawn { sale, seed, .. } => self.on_pool_drawn(sale, seed),
            // The draw of the pool did it.
            Event::PoolLost { .. } => {}
            Event::ReservationReleased { reservation, reason, .. } => {
                self.on_reservation_released(reservation, *reason, at);
            }
            Event::WaitlistJoined { sale, sku, buyer, quantity } => {
                self.on_waitlist_joined(sale, sku, buyer, *quantity);
            }
            Event::WaitlistLeft { sale, sku, buyer } => self.on_waitlist_left(sale, sku, buyer),
            Event::WaitlistOffered { sale, sku, buyer, expires_at } => {
                self.on_waitlist_offered(sale, sku, buyer, *expires_at);
            }
            Event::OfferEnded { sale, sku, buyer, .. } => self.on_offer_ended(sale, sku, buyer),
            // The end of the sale did it.
            Event::WaitlistClosed { .. } => {}
            Event::SaleArchived { sale, reservations, .. } => {
                self.on_sale_archived(sale, *reservations);
            }

            Event::OrderPlaced(placed) => self.on_order_placed(placed, at),
            Event::PaymentBegun { order, pay_by } => self.on_payment_begun(order, *pay_by),
            Event::PaymentDeclined { order, payment } => {
                self.on_payment_declined(order, payment, at);
            }
            Event::OrderPaid { order, payment, amount_minor } => {
                self.on_order_paid(order, payment, *amount_minor, at);
            }
            Event::OrderPaidLate { order, payment, amount_minor } => {
                self.on_order_paid_late(order, payment, *amount_minor, at);
            }
            Event::OrderCancelled { order, reason, .. } => {
                self.on_order_cancelled(order, *reason, at);
            }
            Event::OrderReminded { order, due_at } => self.on_order_reminded(order, *due_at),
            Event::RefundRequired { order, payment, amount_minor, .. } => {
                self.on_refund_required(order, payment, *amount_minor, at);
            }
            Event::OrderArchived { order, .. } => self.on_order_archived(order, at),

            Event::OrderRepriced { order, quote, .. } => self.on_order_repriced(order, quote, at),
            Event::OrderRefunded(refunded) => self.on_order_refunded(refunded, at),

            Event::Desk(event) => self.apply_desk(event, at),
            Event::Promo(event) => self.apply_promo(event, at),
        }
    }
}
