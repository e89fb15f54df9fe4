//! What looks different after a batch. Owns which event touches which view; the views are built
//! once a batch, however many events touched them.

use std::collections::BTreeSet;

use super::Shop;
use super::desk::TouchedDesk;
use super::promo::TouchedPromo;
use crate::event::{Event, OrderPlaced, OrderRefunded, ReservationSource, Reserved, SaleUpdated};
use crate::id::{OrderId, ProductId, ReservationId, RoomId, SaleId, SkuId, UserId};
use crate::view::{Change, OrderView, PromoChange, SaleView};

/// What a batch's events touched so far: a few pushes an event, sorted out at the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Touched {
    shop: bool,
    products: Vec<ProductId>,
    rooms: Vec<RoomId>,
    sales: Vec<SaleId>,
    stocks: Vec<(SaleId, SkuId)>,
    reservations: Vec<ReservationId>,
    orders: Vec<OrderId>,
    waiting: Vec<(SaleId, SkuId, UserId)>,
    desk: TouchedDesk,
    promo: TouchedPromo,
    /// What happened rather than what changed, in the order it happened.
    notices: Vec<Change>,
}

impl Touched {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn stock(&mut self, sale: &SaleId, sku: &SkuId) {
        let is_last = self.stocks.last().is_some_and(|last| last.0 == *sale && last.1 == *sku);
        if !is_last {
            self.stocks.push((sale.clone(), sku.clone()));
        }
    }

    fn reserved(&mut self, reserved: &Reserved) {
        let Reserved { reservation, sale, sku, buyer, .. } = reserved;
        self.reservations.push(reservation.clone());
        match reserved.source {
            ReservationSource::Claim { .. } | ReservationSource::Drawn { .. } => {
                self.stock(sale, sku);
            }
            ReservationSource::Offer => self.waiting(sale, sku, buyer),
        }
    }

    /// A place on a waitlist, and the item whose units and queue it counts among.
    fn waiting(&mut self, sale: &SaleId, sku: &SkuId, buyer: &UserId) {
        self.stock(sale, sku);
        self.waiting.push((sale.clone(), sku.clone(), buyer.clone()));
    }
}

impl Shop {
    /// Collects what an applied event touched. To be called right after the `execute`, `elapse`
    /// or `pulse` that answered with the event: the text of a kept comment is at hand only while
    /// it is among the newest of a room that has not ended.
    pub fn touch(&self, event: &Event, touched: &mut Touched) {
        touched.notices.extend(self.notice(event));
        self.touch_views(event, touched);
    }

    fn touch_views(&self, event: &Event, touched: &mut Touched) {
        match event {
            Event::ShopCreated { .. }
            | Event::ShopRenamed { .. }
            | Event::SettingsChanged { .. } => touched.shop = true,
            Event::ProductPut { product, .. } => self.touch_description(product, touched),
            Event::StockSet { sku, .. } => self.touch_product(sku, touched),
            Event::StaffPut { user, .. } | Event::StaffRemoved { user } => {
                self.touch_member(user, &mut touched.desk);
            }
            Event::Followed { .. }
            | Event::Unfollowed { .. }
            | Event::BuyerErased { .. }
            | Event::Muted { .. }
            | Event::Unmuted { .. }
            | Event::Banned { .. }
            | Event::Unbanned { .. }
            | Event::CommentKept { .. }
            | Event::CommentDeleted { .. }
            | Event::RoomCounted { .. }
            | Event::ReminderSet { .. }
            | Event::RemindersDue { .. }
            | Event::OrderReminded { .. }
            | Event::SaleArchived { .. }
            | Event::OrderArchived { .. } => {}
            Event::RoomCreated { room, .. }
            | Event::RoomStarted { room }
            | Event::RoomPaused { room }
            | Event::RoomResumed { room }
            | Event::RoomEnded { room }
            | Event::BagSet { room, .. }
            | Event::ProductPinned { room, .. }
            | Event::ProductUnpinned { room }
            | Event::SlowModeSet { room, .. }
            | Event::KeywordsSet { room, .. } => touched.rooms.push(room.clone()),
            Event::SaleCreated(created) => touched.sales.push(created.sale.clone()),
            Event::SaleStarted { sale, .. } => touched.sales.push(sale.clone()),
            Event::SaleUpdated(SaleUpdated { sale, .. })
            | Event::SaleAnnounced { sale, .. }
            | Event::SaleEnded { sale, .. }
            | Event::SaleCancelled { sale, .. } => self.touch_sale(sale, touched),
            Event::SaleRestocked { sale, sku, .. } | Event::SaleStockReturned { sale, sku, .. } => {
                touched.stock(sale, sku);
                self.touch_product(sku, touched);
            }
            Event::Reserved(reserved) => touched.reserved(reserved),
            Event::ClaimPooled(_) | Event::PoolLost { .. } => {}
            Event::PoolDrawn { sale, .. } => touched.sales.push(sale.clone()),
            Event::ReservationReleased { reservation, .. } => {
                self.touch_reservation(reservation, touched);
                if let Some(held) = self.reservations.get(reservation) {
                    self.touch_coupons_of(&held.buyer, &mut touched.promo);
                }
            }
            Event::WaitlistJoined { sale, sku, buyer, .. }
            | Event::WaitlistLeft { sale, sku, buyer }
            | Event::WaitlistOffered { sale, sku, buyer, .. }
            | Event::OfferEnded { sale, sku, buyer, .. } => touched.waiting(sale, sku, buyer),
            Event::WaitlistClosed { sale, sku, buyers } => {
                buyers.iter().for_each(|buyer| touched.waiting(sale, sku, buyer));
            }
            Event::OrderPlaced(OrderPlaced { order, .. })
            | Event::PaymentBegun { order, .. }
            | Event::PaymentDeclined { order, .. }
            | Event::OrderPaid { order, .. }
            | Event::OrderPaidLate { order, .. }
            | Event::OrderCancelled { order, .. }
            | Event::OrderRepriced { order, .. }
            | Event::OrderRefunded(OrderRefunded { order, .. })
            | Event::RefundRequired { order, .. } => self.touch_order(order, touched),
            Event::Desk(event) => self.touch_desk(event, &mut touched.desk),
            Event::Promo(event) => self.touch_promo(event, &mut touched.promo),
        }
    }

    /// What watchers must be told as such: there is no view that would show it.
    fn notice(&self, event: &Event) -> Option<Change> {
        if let Event::CommentKept { room, comment, .. } = event {
            return self.rooms.get(room)?.kept_comment(comment).cloned().map(Change::Comment);
        }
        if let Event::ClaimPooled(pooled) = event {
            return self.pooled_view(pooled).map(PromoChange::Pooled).map(Change::Promo);
        }
        if let Event::PoolLost { .. } = event {
            return self.pool_drawn(event);
        }
        if let Event::CommentDeleted { room, comment } = event {
            let (room, comment) = (room.clone(), comment.clone());
            return Some(Change::CommentDeleted { room, comment });
        }
        if let Event::Banned { room, user, until } = event {
            let (room, user) = (room.clone(), user.clone());
            return Some(Change::Banned { room, user, until: *until });
        }
        if let Event::RemindersDue { sale, .. } = event {
            let SaleView { reminder_text: text, starts_at, .. } = self.sale_view(sale)?;
            let (sale, buyers) = (sale.clone(), self.sale_reminders(sale));
            return Some(Change::SaleReminder { sale, text, starts_at: starts_at?, buyers });
        }
        if let Event::OrderReminded { order, .. } = event {
            let OrderView { order, buyer, pay_by, .. } = self.order_view(order)?;
            return Some(Change::OrderReminder { order, buyer, pay_by });
        }
        None
    }

    /// The product, and the rooms where it is pinned: a pin shows its title and price.
    fn touch_description(&self, product: &ProductId, touched: &mut Touched) {
        touched.products.push(product.clone());
        for (id, room) in &self.rooms {
            let pinned = room.pinned_sku().and_then(|sku| self.catalog.sku(sku));
            if pinned.is_some_and(|sku| sku.product == *product) {
                touched.rooms.push(id.clone());
            }
        }
    }

    fn touch_product(&self, sku: &SkuId, touched: &mut Touched) {
        touched.products.extend(self.catalog.sku(sku).map(|sku| sku.product.clone()));
    }

    /// The sale, and the products whose free stock it took or gave back.
    fn touch_sale(&self, sale: &SaleId, touched: &mut Touched) {
        touched.sales.push(sale.clone());
        for item in self.sale_view(sale).map(|view| view.items).unwrap_or_default() {
            self.touch_product(&item.sku, touched);
        }
    }

    fn touch_reservation(&self, reservation: &ReservationId, touched: &mut Touched) {
        touched.reservations.push(reservation.clone());
        if let Some(view) = self.reservation_view(reservation) {
            touched.stock(&view.sale, &view.sku);
        }
    }

    /// The order, and the holds or the free stock that its lines stand on.
    fn touch_order(&self, order: &OrderId, touched: &mut Touched) {
        touched.orders.push(order.clone());
        if let Some(found) = self.orders.get(order) {
            self.touch_coupons_of(&found.buyer, &mut touched.promo);
            found.quote.iter().for_each(|quote| touched.promo.quote(quote));
        }
        for line in self.order_view(order).map(|view| view.lines).unwrap_or_default() {
            match &line.reservation {
                Some(reservation) => self.touch_reservation(reservation, touched),
                None => self.touch_product(&line.sku, touched),
            }
        }
    }

    /// The newest view of everything touched, each once, and the notices in their order.
    pub fn changes(&self, touched: &Touched) -> Vec<Change> {
        let mut changes = Vec::new();
        if touched.shop {
            changes.extend(self.view().map(Change::Shop));
        }
        let views = |id| self.product_view(id).map(Change::Product);
        changes.extend(once(&touched.products).filter_map(views));
        let views = |id| self.room_view(id).map(Change::Room);
        changes.extend(once(&touched.rooms).filter_map(views));
        let views = |id| self.sale_view(id).map(Change::Sale);
        changes.extend(once(&touched.sales).filter_map(views));
        let views = |(sale, sku): &(SaleId, SkuId)| self.stock_view(sale, sku).map(Change::Stock);
        changes.extend(once(&touched.stocks).filter_map(views));
        let views = |id| self.reservation_view(id).map(Change::Reservation);
        changes.extend(once(&touched.reservations).filter_map(views));
        let views = |id| self.order_view(id).map(Change::Order);
        changes.extend(once(&touched.orders).filter_map(views));
        let views = |(sale, sku, buyer): &(SaleId, SkuId, UserId)| {
            self.waiting_view(sale, sku, buyer).map(Change::Waiting)
        };
        changes.extend(once(&touched.waiting).filter_map(views));
        changes.extend(self.desk_changes(&touched.desk));
        changes.extend(self.promo_changes(&touched.promo));
        changes.extend(touched.notices.iter().cloned());
        changes
    }
}

/// Each key once, in order.
fn once<K: Ord>(keys: &[K]) -> impl Iterator<Item = &K> {
    keys.iter().collect::<BTreeSet<_>>().into_iter()
}
