//! A small shop for the tests of its rules: one room that is live, one product, people to ask.

use std::collections::BTreeSet;

use super::{Accepted, Shop};
use crate::command::*;
use crate::event::Event;
use crate::id::*;
use crate::money::{Currency, Minor};
use crate::rejection::Rejection;
use crate::settings::Settings;
use crate::time::{Millis, SpanMs};
use crate::view::StockView;

pub(super) const LIST_PRICE: Minor = Minor(5_000);
pub(super) const SALE_PRICE: Minor = Minor(1_000);

/// A shop with its clock and all that ever happened in it.
pub(super) struct Stage {
    pub(super) shop: Shop,
    pub(super) now: Millis,
    pub(super) journal: Vec<(Millis, Event)>,
}

pub(super) fn sale_id() -> SaleId {
    SaleId::parse("s1").unwrap()
}

pub(super) fn sku_id() -> SkuId {
    SkuId::parse("red").unwrap()
}

pub(super) fn room_id() -> RoomId {
    RoomId::parse("r1").unwrap()
}

pub(super) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(super) fn hold(name: &str) -> ReservationId {
    ReservationId::parse(name).unwrap()
}

pub(super) fn order(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}

pub(super) fn address() -> Address {
    Address {
        name: "Ann".to_owned(),
        phone: String::new(),
        lines: vec!["1 High Street".to_owned()],
        city: "York".to_owned(),
        postcode: "YO1".to_owned(),
        country: "GB".to_owned(),
    }
}

pub(super) fn place(id: &str, basket: Basket) -> OrderCommand {
    OrderCommand::Place {
        order: order(id),
        basket,
        address: address(),
        coupons: CouponChoice::Best,
        room: None,
    }
}

pub(super) fn one_item(total_units: u32, per_buyer_units: u32) -> SaleSpec {
    let item =
        SaleItemSpec { sku: sku_id(), total_units, per_buyer_units, price_minor: SALE_PRICE };
    SaleSpec {
        title: "Flash".to_owned(),
        scope: Scope::Rooms(BTreeSet::from([room_id()])),
        items: vec![item],
        announce_at: None,
        starts_at: None,
        countdown_ms: None,
        run_ms: None,
        hold_ms: None,
        min_presence_ms: None,
        price_hidden: false,
        reminder_text: String::new(),
        draw: None,
    }
}

impl Stage {
    /// A shop with `free_units` of its one SKU and a room on air.
    pub(super) fn new(free_units: u64) -> Self {
        let shop = Shop::new(ShopId::parse("acme").unwrap());
        let mut stage = Self { shop, now: Millis(1_000_000), journal: Vec::new() };
        let sku = SkuSpec { sku: sku_id(), title: "Red".to_owned(), price_minor: LIST_PRICE };
        let product = ProductSpec {
            title: "Lipstick".to_owned(),
            image_url: None,
            listed: true,
            skus: vec![sku],
        };
        let room = RoomSpec {
            streamer: user("host"),
            title: "Evening".to_owned(),
            cover_url: None,
            playback_url: None,
            keep_comments: false,
            slow_mode_ms: SpanMs(0),
        };
        stage.by_service(Command::Shop(ShopCommand::Create {
            name: "Acme".to_owned(),
            currency: Currency::parse("EUR").unwrap(),
            settings: Settings::default(),
        }));
        let id = ProductId::parse("p1").unwrap();
        stage.by_service(Command::Shop(ShopCommand::PutProduct { product: id, spec: product }));
        let stock = Stock::Units(free_units);
        stage.by_service(Command::Shop(ShopCommand::SetStock { sku: sku_id(), stock }));
        stage.by_service(Command::Room(RoomCommand::Create { room: room_id(), spec: room }));
        stage.by_service(Command::Room(RoomCommand::Start { room: room_id() }));
        stage
    }

    /// The same with sale `s1` running.
    pub(super) fn with_sale(free_units: u64, spec: SaleSpec) -> Self {
        let mut stage = Self::new(free_units);
        stage.manage(SaleCommand::Create { sale: sale_id(), spec });
        stage.manage(SaleCommand::Start { sale: sale_id() });
        stage
    }

    pub(super) fn ask(
        &mut self,
        name: &str,
        role: Role,
        command: &Command,
    ) -> Result<Accepted, Rejection> {
        let actor = Actor { user: user(name), role };
        let before = self.shop.state_hash();
        let answer = self.shop.execute(&actor, command, self.now);
        match &answer {
            Ok(accepted) => self.note(accepted),
            Err(_) => assert_eq!(self.shop.state_hash(), before, "a refusal changes nothing"),
        }
        self.shop.check_invariants().unwrap();
        answer
    }

    fn note(&mut self, accepted: &Accepted) {
        self.journal.extend(accepted.events.iter().map(|event| (self.now, event.clone())));
    }

    pub(super) fn by_service(&mut self, command: Command) -> Vec<Event> {
        self.ask("system", Role::Service, &command).unwrap().events
    }

    pub(super) fn manage(&mut self, command: SaleCommand) -> Vec<Event> {
        self.by_service(Command::Sale(command))
    }

    pub(super) fn buy(&mut self, name: &str, command: SaleCommand) -> Result<Accepted, Rejection> {
        self.ask(name, Role::Buyer, &Command::Sale(command))
    }

    pub(super) fn claim(
        &mut self,
        name: &str,
        reservation: &str,
        quantity: u32,
    ) -> Result<Accepted, Rejection> {
        self.buy(
            name,
            SaleCommand::Claim(Claim {
                room: room_id(),
                sale: sale_id(),
                sku: sku_id(),
                quantity,
                reservation: hold(reservation),
                present_ms: SpanMs::seconds(60),
                coupons: CouponChoice::Best,
            }),
        )
    }

    pub(super) fn wait(&mut self, name: &str, quantity: u32) -> Result<Accepted, Rejection> {
        let (room, sale, sku) = (room_id(), sale_id(), sku_id());
        self.buy(name, SaleCommand::JoinWaitlist { room, sale, sku, quantity })
    }

    pub(super) fn order_holds(
        &mut self,
        name: &str,
        id: &str,
        holds: &[&str],
    ) -> Result<Accepted, Rejection> {
        let basket = Basket::Reservations(holds.iter().copied().map(hold).collect());
        let place = place(id, basket);
        self.ask(name, Role::Buyer, &Command::Order(place))
    }

    pub(super) fn order_goods(
        &mut self,
        name: &str,
        id: &str,
        quantity: u32,
    ) -> Result<Accepted, Rejection> {
        let basket = Basket::Lines(vec![BasketLine { sku: sku_id(), quantity }]);
        let place = place(id, basket);
        self.ask(name, Role::Buyer, &Command::Order(place))
    }

    pub(super) fn begin_payment(&mut self, name: &str, id: &str) -> Result<Accepted, Rejection> {
        let begin = OrderCommand::BeginPayment { order: order(id) };
        self.ask(name, Role::Buyer, &Command::Order(begin))
    }

    pub(super) fn report(
        &mut self,
        id: &str,
        payment: &str,
        amount_minor: u64,
        outcome: PaymentOutcome,
    ) -> Result<Vec<Event>, Rejection> {
        let record = OrderCommand::RecordPayment {
            order: order(id),
            payment: PaymentId::parse(payment).unwrap(),
            report: PaymentReport {
                amount_minor: Minor(amount_minor),
                currency: Currency::parse("EUR").unwrap(),
                outcome,
            },
        };
        Ok(self.ask("system", Role::Service, &Command::Order(record))?.events)
    }

    pub(super) fn cancel_order(
        &mut self,
        (name, role): (&str, Role),
        id: &str,
        reason: ReleaseReason,
    ) -> Result<Accepted, Rejection> {
        let cancel = OrderCommand::Cancel { order: order(id), reason };
        self.ask(name, role, &Command::Order(cancel))
    }

    /// Lets time pass and fires what is due, as the engine does.
    pub(super) fn pass(&mut self, span: SpanMs) -> Vec<Event> {
        self.now = self.now + span;
        let mut events = Vec::new();
        while self.shop.next_due().is_some_and(|due| due <= self.now) {
            let accepted = self.shop.elapse(self.now, 3);
            self.note(&accepted);
            events.extend(accepted.events);
        }
        self.shop.check_invariants().unwrap();
        events
    }

    pub(super) fn stock(&self) -> StockView {
        self.shop.stock_view(&sale_id(), &sku_id()).unwrap()
    }

    /// Available, reserved, offered and sold units.
    pub(super) fn units(&self) -> (u32, u32, u32, u32) {
        let stock = self.stock();
        (stock.available_units, stock.reserved_units, stock.offered_units, stock.sold_units)
    }

    pub(super) fn free_units(&self) -> u64 {
        match self.shop.catalog.sku(&sku_id()).unwrap().stock {
            Stock::Units(free) => free,
            Stock::Unlimited => u64::MAX,
        }
    }

    /// The shop that the events alone make.
    pub(super) fn replayed(&self) -> Shop {
        let mut shop = Shop::new(self.shop.id().clone());
        for (at, event) in &self.journal {
            shop.apply(event, *at);
        }
        shop
    }
}
