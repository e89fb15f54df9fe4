//! The rules of sales again, as simply as they can be said: plain lists, and every figure counted
//! anew by looking through them. Owns its own reading of the design; shares no code with the shop.

use hawker_domain::command::{
    Claim, ReleaseReason, RoomCommand, SaleChange, SaleCommand, SaleSpec, Scope, ShopCommand, Stock,
};
use hawker_domain::id::{OrderId, PaymentId, ReservationId, RoomId, SaleId, SkuId, UserId};
use hawker_domain::money::Minor;
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::{RoomState, SaleState};
use hawker_domain::{Actor, Command};

/// Yes, or the name of the refusal.
pub(crate) type Outcome = Result<(), &'static str>;

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) sku: SkuId,
    pub(crate) total: u32,
    pub(crate) per_buyer: u32,
    pub(crate) price: Minor,
}

#[derive(Debug)]
pub(crate) struct Sale {
    pub(crate) id: SaleId,
    /// Never `SoldOut`: that is counted.
    pub(crate) state: SaleState,
    pub(crate) scope: Scope,
    pub(crate) items: Vec<Item>,
    pub(crate) announce_at: Option<Millis>,
    pub(crate) starts_at: Option<Millis>,
    pub(crate) ends_at: Option<Millis>,
    pub(crate) closed_at: Option<Millis>,
    pub(crate) run: SpanMs,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HoldState {
    Held { expires_at: Millis },
    Ordered,
    Sold,
    Released(ReleaseReason),
}

#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) id: ReservationId,
    pub(crate) sale: SaleId,
    pub(crate) sku: SkuId,
    pub(crate) buyer: UserId,
    pub(crate) quantity: u32,
    pub(crate) state: HoldState,
    /// It ran out once, even if a late payment bought its units after all.
    pub(crate) expired: bool,
}

/// In the order of joining.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) sale: SaleId,
    pub(crate) sku: SkuId,
    pub(crate) buyer: UserId,
    pub(crate) quantity: u32,
    /// Absent while he waits.
    pub(crate) offered_until: Option<Millis>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Paying {
    Unpaid,
    Pending,
    Paid,
    Cancelled(ReleaseReason),
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) buyer: UserId,
    pub(crate) holds: Vec<ReservationId>,
    pub(crate) lines: Vec<(SkuId, u32)>,
    pub(crate) total: Minor,
    pub(crate) pay_by: Millis,
    pub(crate) grace_given: bool,
    pub(crate) state: Paying,
    pub(crate) refunds: Vec<(PaymentId, Minor)>,
    pub(crate) closed_at: Option<Millis>,
    /// From then on only its id, its sum and its payments are known.
    pub(crate) archived_at: Option<Millis>,
}

#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) order: OrderId,
    pub(crate) brought: Option<Minor>,
    /// When it was archived with its order, or came after that.
    pub(crate) archived_at: Option<Millis>,
}

/// What is archived is forgotten after 97 days.
pub(crate) fn is_known(archived_at: Option<Millis>, now: Millis) -> bool {
    archived_at.is_none_or(|at| now < at + SpanMs::days(97))
}

#[derive(Debug, Default)]
pub(crate) struct Naive {
    pub(crate) settings: Settings,
    /// Free units and price of each SKU.
    pub(crate) free: Vec<(SkuId, u64, Minor)>,
    pub(crate) rooms: Vec<(RoomId, RoomState)>,
    pub(crate) sales: Vec<Sale>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) orders: Vec<Order>,
    /// Payments that were recorded, with what they brought.
    pub(crate) payments: Vec<Payment>,
}

impl Naive {
    /// What the command does. Time has passed up to `now` before.
    pub(crate) fn execute(&mut self, actor: &Actor, command: &Command, now: Millis) -> Outcome {
        let outcome = match command {
            Command::Shop(command) => self.shop(command),
            Command::Room(command) => self.room(command, now),
            Command::Sale(command) => self.sale(&actor.user, command, now),
            Command::Order(command) => self.order(&actor.user, command, now),
            Command::Chat(_) | Command::Desk(_) | Command::Promo(_) => {
                unreachable!("the desk and the promotions have their own models")
            }
        };
        self.settle(now);
        outcome
    }

    fn shop(&mut self, command: &ShopCommand) -> Outcome {
        match command {
            ShopCommand::Create { settings, .. } => self.settings = settings.clone(),
            ShopCommand::PutProduct { spec, .. } => {
                let skus = spec.skus.iter().map(|sku| (sku.sku.clone(), 0, sku.price_minor));
                self.free.extend(skus);
            }
            ShopCommand::SetStock { sku, stock: Stock::Units(units) } => {
                *self.free_of(sku) = *units
            }
            ShopCommand::AdjustStock { sku, delta_units } => {
                let free = self.free_of(sku);
                let Some(sum) = free.checked_add_signed(*delta_units) else {
                    return Err("stock_short");
                };
                *free = sum;
            }
            other => panic!("the model does not know {other:?}"),
        }
        Ok(())
    }

    pub(crate) fn free_of(&mut self, sku: &SkuId) -> &mut u64 {
        &mut self.free.iter_mut().find(|(known, ..)| known == sku).expect("a SKU").1
    }

    fn room(&mut self, command: &RoomCommand, now: Millis) -> Outcome {
        use RoomState::{Ended, Live, Paused, Scheduled};
        let (id, from, to): (_, &[RoomState], _) = match command {
            RoomCommand::Create { room, .. } => {
                self.rooms.push((room.clone(), Scheduled));
                return Ok(());
            }
            RoomCommand::Start { room } => (room, &[Scheduled], Live),
            RoomCommand::Pause { room } => (room, &[Live], Paused),
            RoomCommand::Resume { room } => (room, &[Paused], Live),
            RoomCommand::End { room } => (room, &[Scheduled, Live, Paused], Ended),
            other => panic!("the model does not know {other:?}"),
        };
        let room = self.rooms.iter_mut().find(|(known, _)| known == id).ok_or("room_unknown")?;
        if room.1 == Ended {
            return Err("room_ended");
        }
        if !from.contains(&room.1) {
            return Err("room_not_ready");
        }
        room.1 = to;
        if to == Ended {
            self.end_sales_without_rooms(now);
        }
        Ok(())
    }

    /// A sale that has no room left is over; one for all rooms may still get another, unless it
    /// runs already.
    fn end_sales_without_rooms(&mut self, now: Millis) {
        let over = |sale: &Sale| match sale.state {
            SaleState::Scheduled | SaleState::Announced => {
                sale.scope != Scope::AllRooms && !self.has_open_room(&sale.scope)
            }
            SaleState::Live => !self.has_open_room(&sale.scope),
            SaleState::Draft | SaleState::SoldOut | SaleState::Ended | SaleState::Cancelled => {
                false
            }
        };
        let ids = self.sales.iter().filter(|sale| over(sale)).map(|sale| sale.id.clone());
        for id in ids.collect::<Vec<_>>() {
            self.close(&id, SaleState::Ended, now);
        }
    }

    fn has_open_room(&self, scope: &Scope) -> bool {
        let open = |room: &RoomId| match scope {
            Scope::AllRooms => true,
            Scope::Rooms(rooms) => rooms.contains(room),
        };
        self.rooms.iter().any(|(room, state)| *state != RoomState::Ended && open(room))
    }

    fn sale(&mut self, user: &UserId, command: &SaleCommand, now: Millis) -> Outcome {
        match command {
            SaleCommand::Create { sale, spec } => self.create(sale, spec),
            SaleCommand::Announce { sale } => self.announce(sale, now),
            SaleCommand::Start { sale } => self.start(sale, now),
            SaleCommand::End { sale } => {
                self.in_state(sale, &[SaleState::Live])?;
                self.close(sale, SaleState::Ended, now);
                Ok(())
            }
            SaleCommand::Cancel { sale } => self.cancel(sale, now),
            SaleCommand::RevealSeed { .. } => unreachable!("no sale here is drawn"),
            SaleCommand::Restock { sale, sku, units } => self.restock(sale, sku, *units),
            SaleCommand::Update { sale, change } => self.update(sale, change, now),
            SaleCommand::Claim(claim) => self.claim(user, claim, now),
            SaleCommand::JoinWaitlist { room, sale, sku, quantity } => {
                self.join(user, (room, sale, sku, *quantity))
            }
            SaleCommand::LeaveWaitlist { sale, sku } => {
                let place = self.wait_of(user, sale, sku)?.ok_or("not_waiting")?;
                if self.waits[place].offered_until.is_some() {
                    return Err("not_waiting");
                }
                self.waits.remove(place);
                Ok(())
            }
            SaleCommand::AcceptOffer { sale, sku, reservation } => {
                self.accept(user, (sale, sku, reservation), now)
            }
            SaleCommand::DeclineOffer { sale, sku } => {
                let place = self.wait_of(user, sale, sku)?.ok_or("no_offer")?;
                self.waits[place].offered_until.ok_or("no_offer")?;
                self.waits.remove(place);
                Ok(())
            }
            SaleCommand::ReleaseReservation { reservation, reason } => {
                let hold = self.holds.iter_mut().find(|hold| hold.id == *reservation);
                let hold = hold.filter(|hold| hold.buyer == *user).ok_or("reservation_unknown")?;
                if !matches!(hold.state, HoldState::Held { .. }) {
                    return Err("reservation_not_held");
                }
                hold.state = HoldState::Released(*reason);
                Ok(())
            }
            SaleCommand::Remind { .. } => panic!("the model does not remind"),
        }
    }

    pub(crate) fn find(&mut self, id: &SaleId) -> Result<&mut Sale, &'static str> {
        self.sales.iter_mut().find(|sale| sale.id == *id).ok_or("sale_unknown")
    }

    fn in_state(&mut self, id: &SaleId, states: &[SaleState]) -> Result<&mut Sale, &'static str> {
        let sale = self.find(id)?;
        if states.contains(&sale.state) { Ok(sale) } else { Err("sale_not_ready") }
    }

    fn create(&mut self, id: &SaleId, spec: &SaleSpec) -> Outcome {
        if let Scope::Rooms(asked) = &spec.scope {
            let known = |room: &RoomId| self.rooms.iter().any(|(known, _)| known == room);
            if !asked.iter().all(known) {
                return Err("room_unknown");
            }
        }
        self.scope_open(&spec.scope)?;
        let items = spec.items.iter().map(|item| Item {
            sku: item.sku.clone(),
            total: item.total_units,
            per_buyer: item.per_buyer_units,
            price: item.price_minor,
        });
        let run = spec.run_ms.unwrap_or(self.settings.sale_run_ms);
        let countdown = self.settings.sale_countdown_ms;
        self.sales.push(Sale {
            id: id.clone(),
            state: if spec.starts_at.is_some() { SaleState::Scheduled } else { SaleState::Draft },
            scope: spec.scope.clone(),
            items: items.collect(),
            announce_at: spec.starts_at.map(|starts_at| starts_at - countdown),
            starts_at: spec.starts_at,
            ends_at: spec.starts_at.map(|starts_at| starts_at + run),
            closed_at: None,
            run,
        });
        Ok(())
    }

    fn scope_open(&self, scope: &Scope) -> Outcome {
        let open = *scope == Scope::AllRooms || self.has_open_room(scope);
        if open { Ok(()) } else { Err("room_ended") }
    }

    fn announce(&mut self, id: &SaleId, now: Millis) -> Outcome {
        let countdown = self.settings.sale_countdown_ms;
        let sale = self.in_state(id, &[SaleState::Draft, SaleState::Scheduled])?;
        let (scope, starts_at) = (sale.scope.clone(), sale.starts_at.unwrap_or(now + countdown));
        self.scope_open(&scope)?;
        self.announce_for(id, starts_at)
    }

    /// Moves the totals out of free stock, all or none.
    pub(crate) fn announce_for(&mut self, id: &SaleId, starts_at: Millis) -> Outcome {
        for (sku, total) in &self.stock_suffices(id)? {
            *self.free_of(sku) -= u64::from(*total);
        }
        let sale = self.find(id)?;
        sale.starts_at = Some(starts_at);
        sale.ends_at = Some(sale.ends_at.unwrap_or(starts_at + sale.run));
        sale.state = SaleState::Announced;
        Ok(())
    }

    /// The totals that free stock has.
    fn stock_suffices(&mut self, id: &SaleId) -> Result<Vec<(SkuId, u32)>, &'static str> {
        let items = &self.find(id)?.items;
        let totals: Vec<_> = items.iter().map(|item| (item.sku.clone(), item.total)).collect();
        for (sku, total) in &totals {
            if *self.free_of(sku) < u64::from(*total) {
                return Err("stock_short");
            }
        }
        Ok(totals)
    }

    /// At once, for its whole run, whatever was planned.
    fn start(&mut self, id: &SaleId, now: Millis) -> Outcome {
        use SaleState::{Announced, Draft, Scheduled};
        let sale = self.in_state(id, &[Draft, Scheduled, Announced])?;
        let (state, scope) = (sale.state, sale.scope.clone());
        if state != Announced {
            self.stock_suffices(id)?;
        }
        self.scope_open(&scope)?;
        if state != Announced {
            self.announce_for(id, now)?;
        }
        let sale = self.find(id)?;
        sale.state = SaleState::Live;
        (sale.starts_at, sale.ends_at) = (Some(now), Some(now + sale.run));
        Ok(())
    }

    /// Ends or cancels: nobody waits any more, and what no hold has goes home when it can.
    pub(crate) fn close(&mut self, id: &SaleId, state: SaleState, now: Millis) {
        let sale = self.find(id).expect("a sale");
        let promised = matches!(sale.state, SaleState::Announced | SaleState::Live);
        if !promised {
            sale.items.iter_mut().for_each(|item| item.total = 0);
        }
        sale.state = state;
        sale.closed_at = Some(now);
        self.waits.retain(|wait| wait.sale != *id);
    }

    fn cancel(&mut self, id: &SaleId, now: Millis) -> Outcome {
        use SaleState::{Announced, Draft, Live, Scheduled};
        self.in_state(id, &[Draft, Scheduled, Announced, Live])?;
        self.close(id, SaleState::Cancelled, now);
        let reason = ReleaseReason::SaleCancelled;
        for hold in self.holds.iter_mut().filter(|hold| hold.sale == *id) {
            if matches!(hold.state, HoldState::Held { .. }) {
                hold.state = HoldState::Released(reason);
            }
        }
        let of_sale = |hold: &&Hold| hold.sale == *id && hold.state == HoldState::Ordered;
        let holds: Vec<_> = self.holds.iter().filter(of_sale).map(|hold| hold.id.clone()).collect();
        for index in 0..self.orders.len() {
            let order = &self.orders[index];
            let touched = order.holds.iter().any(|hold| holds.contains(hold));
            if touched && order.state == Paying::Unpaid {
                self.cancel_order(index, reason, now);
            }
        }
        Ok(())
    }

    fn restock(&mut self, id: &SaleId, sku: &SkuId, units: u32) -> Outcome {
        let sale = self.in_state(id, &[SaleState::Announced, SaleState::Live])?;
        let item = sale.items.iter().position(|item| item.sku == *sku).ok_or("sku_unknown")?;
        let free = self.free_of(sku);
        if *free < u64::from(units) {
            return Err("stock_short");
        }
        *free -= u64::from(units);
        self.find(id)?.items[item].total += units;
        Ok(())
    }

    fn update(&mut self, id: &SaleId, change: &SaleChange, now: Millis) -> Outcome {
        use SaleState::{Announced, Draft, Live, Scheduled};
        let sale = self.in_state(id, &[Draft, Scheduled, Announced, Live])?;
        let promised = matches!(sale.state, Announced | Live);
        for (sku, total) in &change.totals {
            self.set_total(id, sku, *total, promised)?;
        }
        let Some(ends_at) = change.ends_at else { return Ok(()) };
        let sale = self.find(id)?;
        let starts_at = sale.starts_at.ok_or("invalid")?;
        let run = ends_at.0 - starts_at.0;
        if ends_at <= now || !(1_000..=86_400_000).contains(&run) {
            return Err("invalid");
        }
        sale.ends_at = Some(ends_at);
        Ok(())
    }

    fn set_total(&mut self, id: &SaleId, sku: &SkuId, total: u32, promised: bool) -> Outcome {
        let sale = self.find(id)?;
        let index = sale.items.iter().position(|item| item.sku == *sku).ok_or("sku_unknown")?;
        let was = sale.items[index].total;
        if total < was - self.available(id, sku) {
            return Err("total_too_low");
        }
        if promised {
            let free = self.free_of(sku);
            if *free + u64::from(was) < u64::from(total) {
                return Err("stock_short");
            }
            *free = *free + u64::from(was) - u64::from(total);
        }
        self.find(id)?.items[index].total = total;
        Ok(())
    }

    fn claim(&mut self, user: &UserId, claim: &Claim, now: Millis) -> Outcome {
        let presence = self.settings.min_presence_ms;
        self.open_in_room(&claim.sale, &claim.room, &claim.sku)?;
        if claim.present_ms < presence {
            return Err("presence_too_short");
        }
        self.running(&claim.sale)?;
        if let Some(mine) = self.active_hold(user, &claim.sale, &claim.sku) {
            return if mine.quantity == claim.quantity { Ok(()) } else { Err("already_reserved") };
        }
        self.within_limit(user, &claim.sale, &claim.sku, claim.quantity)?;
        if self.available(&claim.sale, &claim.sku) < claim.quantity {
            return Err("sold_out");
        }
        if self.holds.iter().any(|hold| hold.id == claim.reservation) {
            return Err("reservation_exists");
        }
        let mine = |wait: &Wait| {
            wait.offered_until.is_none()
                && (&wait.buyer, &wait.sale, &wait.sku) == (user, &claim.sale, &claim.sku)
        };
        self.waits.retain(|wait| !mine(wait));
        self.hold(user, (&claim.sale, &claim.sku, &claim.reservation, claim.quantity), now);
        Ok(())
    }

    /// The sale exists, runs in this room, and the room takes claims.
    pub(crate) fn open_in_room(&mut self, sale: &SaleId, room: &RoomId, sku: &SkuId) -> Outcome {
        let sale = self.find(sale)?;
        let inside = match &sale.scope {
            Scope::AllRooms => true,
            Scope::Rooms(rooms) => rooms.contains(room),
        };
        let has_item = sale.items.iter().any(|item| item.sku == *sku);
        let state = self.rooms.iter().find(|(known, _)| known == room).map(|(_, state)| *state);
        match state {
            _ if !has_item => Err("sku_unknown"),
            None => Err("room_unknown"),
            Some(_) if !inside => Err("sale_not_in_room"),
            Some(RoomState::Ended) => Err("room_ended"),
            Some(RoomState::Scheduled) => Err("room_not_ready"),
            Some(RoomState::Live | RoomState::Paused) => Ok(()),
        }
    }

    pub(crate) fn running(&mut self, sale: &SaleId) -> Outcome {
        match self.find(sale)?.state {
            SaleState::Draft | SaleState::Scheduled | SaleState::Announced => Err("too_early"),
            SaleState::Live | SaleState::SoldOut => Ok(()),
            SaleState::Ended | SaleState::Cancelled => Err("sale_ended"),
        }
    }

    fn active_hold(&self, user: &UserId, sale: &SaleId, sku: &SkuId) -> Option<&Hold> {
        let active = |hold: &&Hold| {
            matches!(hold.state, HoldState::Held { .. } | HoldState::Ordered)
                && (&hold.buyer, &hold.sale, &hold.sku) == (user, sale, sku)
        };
        self.holds.iter().find(active)
    }

    pub(crate) fn within_limit(
        &mut self,
        user: &UserId,
        sale: &SaleId,
        sku: &SkuId,
        units: u32,
    ) -> Outcome {
        let expired = |hold: &&Hold| hold.expired && (&hold.buyer, &hold.sale) == (user, sale);
        let expiries = self.holds.iter().filter(expired).count();
        let used = self.used(user, sale, sku);
        let items = &self.find(sale)?.items;
        let item = items.iter().find(|item| item.sku == *sku).ok_or("sku_unknown")?;
        if used + units > item.per_buyer {
            return Err("buyer_limit");
        }
        if expiries >= self.settings.unpaid_expiries_max as usize {
            return Err("holds_exhausted");
        }
        Ok(())
    }

    fn used(&self, user: &UserId, sale: &SaleId, sku: &SkuId) -> u32 {
        let mine = |hold: &&Hold| {
            !matches!(hold.state, HoldState::Released(_))
                && (&hold.buyer, &hold.sale, &hold.sku) == (user, sale, sku)
        };
        let offers = self.waits.iter().filter(|wait| {
            wait.offered_until.is_some()
                && (&wait.buyer, &wait.sale, &wait.sku) == (user, sale, sku)
        });
        let held: u32 = self.holds.iter().filter(mine).map(|hold| hold.quantity).sum();
        held + offers.map(|wait| wait.quantity).sum::<u32>()
    }

    /// Reserved, offered and sold units of an item.
    pub(crate) fn taken(&self, sale: &SaleId, sku: &SkuId) -> (u32, u32, u32) {
        let (mut reserved, mut offered, mut sold) = (0, 0, 0);
        for hold in self.holds.iter().filter(|hold| (&hold.sale, &hold.sku) == (sale, sku)) {
            match hold.state {
                HoldState::Held { .. } | HoldState::Ordered => reserved += hold.quantity,
                HoldState::Sold => sold += hold.quantity,
                HoldState::Released(_) => {}
            }
        }
        for wait in self.waits.iter().filter(|wait| (&wait.sale, &wait.sku) == (sale, sku)) {
            offered += if wait.offered_until.is_some() { wait.quantity } else { 0 };
        }
        (reserved, offered, sold)
    }

    pub(crate) fn total(&self, sale: &SaleId, sku: &SkuId) -> u32 {
        let sale = self.sales.iter().find(|known| known.id == *sale);
        let item = sale.and_then(|sale| sale.items.iter().find(|item| item.sku == *sku));
        item.map_or(0, |item| item.total)
    }

    pub(crate) fn available(&self, sale: &SaleId, sku: &SkuId) -> u32 {
        let (reserved, offered, sold) = self.taken(sale, sku);
        self.total(sale, sku) - reserved - offered - sold
    }

    pub(crate) fn hold(
        &mut self,
        buyer: &UserId,
        (sale, sku, id, quantity): (&SaleId, &SkuId, &ReservationId, u32),
        now: Millis,
    ) {
        let expires_at = now + self.settings.reservation_hold_ms;
        self.holds.push(Hold {
            id: id.clone(),
            sale: sale.clone(),
            sku: sku.clone(),
            buyer: buyer.clone(),
            quantity,
            state: HoldState::Held { expires_at },
            expired: false,
        });
    }
}
