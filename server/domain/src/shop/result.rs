//! What an accepted command was about, as its caller wants to see it.

use super::Shop;
use crate::command::{Actor, Command, OrderCommand, RoomCommand, SaleCommand, ShopCommand};
use crate::event::{ClaimPooled, Event, OrderPlaced, Reserved};
use crate::money::Minor;
use crate::time::Millis;
use crate::view::{Change, OrderState, OrderView, PromoChange, ReservationState, ReservationView};

impl Shop {
    /// The thing that `command` was about, after `events` came of it at `at`. What a command made
    /// is told from its event, so that a repetition hears the same; what it changed is told as it
    /// is now, and its version says how new that is.
    pub fn result_of(
        &self,
        actor: &Actor,
        command: &Command,
        events: &[Event],
        at: Millis,
    ) -> Option<Change> {
        match command {
            Command::Shop(command) => self.result_of_shop(command),
            Command::Room(command) => self.result_of_room(actor, command, at),
            Command::Sale(command) => self.result_of_sale(actor, command, events),
            Command::Order(command) => self.result_of_order(command, events, at),
            Command::Chat(command) => self.result_of_chat(actor, command, (events, at)),
            Command::Desk(command) => self.result_of_desk(actor, command, (events, at)),
            Command::Promo(command) => self.result_of_promo(command, events),
        }
    }

    fn result_of_shop(&self, command: &ShopCommand) -> Option<Change> {
        match command {
            ShopCommand::Create { .. }
            | ShopCommand::Rename { .. }
            | ShopCommand::SetSettings { .. } => self.view().map(Change::Shop),
            ShopCommand::PutProduct { product, .. } => {
                self.product_view(product).map(Change::Product)
            }
            ShopCommand::SetStock { sku, .. } | ShopCommand::AdjustStock { sku, .. } => {
                let product = &self.catalog.sku(sku)?.product;
                self.product_view(product).map(Change::Product)
            }
            ShopCommand::PutStaff { .. }
            | ShopCommand::RemoveStaff { .. }
            | ShopCommand::Follow
            | ShopCommand::Unfollow
            | ShopCommand::EraseBuyer { .. } => None,
        }
    }

    fn result_of_room(&self, actor: &Actor, command: &RoomCommand, at: Millis) -> Option<Change> {
        match command {
            RoomCommand::Create { room, .. }
            | RoomCommand::Start { room }
            | RoomCommand::Pause { room }
            | RoomCommand::Resume { room }
            | RoomCommand::End { room }
            | RoomCommand::SetBag { room, .. }
            | RoomCommand::Pin { room, .. }
            | RoomCommand::Unpin { room }
            | RoomCommand::SetSlowMode { room, .. }
            | RoomCommand::SetKeywords { room, .. } => self.room_view(room).map(Change::Room),
            RoomCommand::Comment { room, comment, name, text } => {
                let found = self.rooms.get(room)?;
                let draft = (comment, name.as_str(), text.as_str());
                Some(Change::Comment(found.told_comment(actor, room, draft, at)))
            }
            RoomCommand::Mute { .. }
            | RoomCommand::Unmute { .. }
            | RoomCommand::Ban { .. }
            | RoomCommand::Unban { .. }
            | RoomCommand::DeleteComment { .. } => None,
        }
    }

    fn result_of_sale(
        &self,
        actor: &Actor,
        command: &SaleCommand,
        events: &[Event],
    ) -> Option<Change> {
        match command {
            SaleCommand::Create { sale, .. }
            | SaleCommand::Update { sale, .. }
            | SaleCommand::Announce { sale }
            | SaleCommand::Start { sale }
            | SaleCommand::End { sale }
            | SaleCommand::Cancel { sale }
            | SaleCommand::RevealSeed { sale, .. }
            | SaleCommand::Restock { sale, .. } => self.sale_view(sale).map(Change::Sale),
            SaleCommand::Claim(_) | SaleCommand::AcceptOffer { .. } => {
                if let Some(pooled) = events.iter().find_map(pooled) {
                    return self.pooled_view(pooled).map(PromoChange::Pooled).map(Change::Promo);
                }
                let reserved = events.iter().find_map(reserved)?;
                Some(Change::Reservation(self.fresh_reservation(reserved)))
            }
            SaleCommand::JoinWaitlist { sale, sku, .. }
            | SaleCommand::LeaveWaitlist { sale, sku }
            | SaleCommand::DeclineOffer { sale, sku } => {
                self.waiting_view(sale, sku, &actor.user).map(Change::Waiting)
            }
            SaleCommand::ReleaseReservation { reservation, .. } => {
                self.reservation_view(reservation).map(Change::Reservation)
            }
            SaleCommand::Remind { .. } => None,
        }
    }

    fn result_of_order(
        &self,
        command: &OrderCommand,
        events: &[Event],
        at: Millis,
    ) -> Option<Change> {
        match command {
            OrderCommand::Place { .. } => {
                let placed = events.iter().find_map(placed)?;
                Some(Change::Order(self.fresh_order(placed, at)))
            }
            OrderCommand::BeginPayment { order }
            | OrderCommand::ChangeCoupons { order, .. }
            | OrderCommand::Cancel { order, .. }
            | OrderCommand::Refund { order, .. }
            | OrderCommand::RecordPayment { order, .. } => {
                self.order_view(order).map(Change::Order)
            }
        }
    }

    fn fresh_reservation(&self, reserved: &Reserved) -> ReservationView {
        ReservationView {
            reservation: reserved.reservation.clone(),
            sale: reserved.sale.clone(),
            sku: reserved.sku.clone(),
            buyer: reserved.buyer.clone(),
            quantity: reserved.quantity,
            price_minor: reserved.price_minor,
            currency: self.currency().clone(),
            state: ReservationState::Held { expires_at: reserved.expires_at },
            version: 1,
        }
    }

    fn fresh_order(&self, placed: &OrderPlaced, at: Millis) -> OrderView {
        OrderView {
            order: placed.order.clone(),
            buyer: placed.buyer.clone(),
            lines: placed.lines.clone(),
            total_minor: placed.total_minor,
            currency: self.currency().clone(),
            placed_at: at,
            pay_by: placed.pay_by,
            state: OrderState::Unpaid,
            refunds_required: Vec::new(),
            quote: placed.quote.clone(),
            refunded_minor: Minor(0),
            version: 1,
        }
    }
}

fn reserved(event: &Event) -> Option<&Reserved> {
    if let Event::Reserved(reserved) = event { Some(reserved) } else { None }
}

fn pooled(event: &Event) -> Option<&ClaimPooled> {
    if let Event::ClaimPooled(pooled) = event { Some(pooled) } else { None }
}

fn placed(event: &Event) -> Option<&OrderPlaced> {
    if let Event::OrderPlaced(placed) = event { Some(placed) } else { None }
}
