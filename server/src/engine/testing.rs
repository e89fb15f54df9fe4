//! A shop for tests that drive a real engine: its goods, its rooms, its people and what they ask.
//! Owns no expectation.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hawker_domain::command::*;
use hawker_domain::id::*;
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::{Command, Event, Rejection};
use tokio::time::Instant;

use super::{Answer, CommandIdentity, Engine, Outcome, Submission, Verdict};

pub(crate) const START: Millis = Millis(1_700_000_000_000);

/// Asks one shop, each time under a fresh command id.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    asked: AtomicU64,
}

pub(crate) fn shop_id() -> ShopId {
    ShopId::parse("acme").unwrap()
}

pub(crate) fn room_id(name: &str) -> RoomId {
    RoomId::parse(name).unwrap()
}

pub(crate) fn sale_id() -> SaleId {
    SaleId::parse("s1").unwrap()
}

pub(crate) fn sku_id() -> SkuId {
    SkuId::parse("red").unwrap()
}

pub(crate) fn product_id() -> ProductId {
    ProductId::parse("p1").unwrap()
}

pub(crate) fn user_id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// Lets every task that can run do so; the paused clock stands still meanwhile.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, timer by timer.
pub(crate) async fn pass(span: Duration) {
    tokio::time::sleep_until(Instant::now() + span).await;
    settle().await;
}

impl Driver {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, asked: AtomicU64::new(0) }
    }

    /// Goes on with another engine over the same journal; command ids stay fresh.
    pub(crate) fn over(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// Queues the command.
    pub(crate) fn begin(&self, name: &str, role: Role, command: impl Into<Command>) -> Verdict {
        let count = self.asked.fetch_add(1, Ordering::Relaxed);
        let command_id = CommandId::parse(&format!("{name}-{count}")).unwrap();
        self.engine.submit(Submission {
            shop: shop_id(),
            actor: Actor { user: user_id(name), role },
            command: command.into(),
            identity: Some(CommandIdentity { command: command_id, payload_hash: count }),
            deadline: Instant::now() + Duration::from_secs(5),
        })
    }

    pub(crate) async fn ask(
        &self,
        name: &str,
        role: Role,
        command: impl Into<Command>,
    ) -> Result<Answer, Rejection> {
        match self.begin(name, role, command).await.unwrap() {
            Outcome::Accepted(answer) => Ok(*answer),
            Outcome::Refused(rejection) => Err(rejection),
        }
    }

    pub(crate) async fn buy(
        &self,
        name: &str,
        command: impl Into<Command>,
    ) -> Result<Answer, Rejection> {
        self.ask(name, Role::Buyer, command).await
    }

    /// What the shop's own system asks is in order.
    pub(crate) async fn manage(&self, command: impl Into<Command>) -> Answer {
        self.ask("erp", Role::Service, command).await.unwrap()
    }

    /// A shop with `units` of its one SKU.
    pub(crate) async fn found(&self, settings: Settings, units: u64) {
        let currency = Currency::parse("USD").unwrap();
        self.manage(ShopCommand::Create { name: "Acme".to_owned(), currency, settings }).await;
        self.manage(lipstick("Lipstick")).await;
        self.manage(ShopCommand::SetStock { sku: sku_id(), stock: Stock::Units(units) }).await;
    }

    /// A room on air with the product in its bag.
    pub(crate) async fn go_live(&self, name: &str) {
        let (room, spec) = (room_id(name), room_spec(false));
        self.manage(RoomCommand::Create { room: room.clone(), spec }).await;
        self.manage(RoomCommand::SetBag { room: room.clone(), products: vec![product_id()] }).await;
        self.manage(RoomCommand::Start { room }).await;
    }

    /// The sale runs, for a day.
    pub(crate) async fn run_sale(&self, spec: SaleSpec) {
        self.manage(SaleCommand::Create { sale: sale_id(), spec }).await;
        self.manage(SaleCommand::Start { sale: sale_id() }).await;
    }

    /// Everything that was made durable, with the version it belongs to.
    pub(crate) async fn history(&self) -> Vec<(u64, Millis, Event)> {
        let records = self.engine.records(&shop_id(), 0, usize::MAX).await.unwrap();
        let mut history = Vec::new();
        for record in records {
            for entry in record.entries {
                let told = |event| (record.position.version, entry.at, event);
                history.extend(entry.events.into_iter().map(told));
            }
        }
        history
    }
}

pub(crate) fn lipstick(title: &str) -> ShopCommand {
    let sku = SkuSpec { sku: sku_id(), title: "Red".to_owned(), price_minor: Minor(5_000) };
    let (title, skus) = (title.to_owned(), vec![sku]);
    let spec = ProductSpec { title, image_url: None, listed: true, skus };
    ShopCommand::PutProduct { product: product_id(), spec }
}

pub(crate) fn room_spec(keep_comments: bool) -> RoomSpec {
    RoomSpec {
        streamer: user_id("host"),
        title: "Evening".to_owned(),
        cover_url: None,
        playback_url: None,
        keep_comments,
        slow_mode_ms: SpanMs(0),
    }
}

/// `units` of the SKU for whoever comes, at 10.00.
pub(crate) fn flash(scope: Scope, units: u32) -> SaleSpec {
    let item = SaleItemSpec {
        sku: sku_id(),
        total_units: units,
        per_buyer_units: units,
        price_minor: Minor(1_000),
    };
    SaleSpec {
        title: "Flash".to_owned(),
        scope,
        items: vec![item],
        announce_at: None,
        starts_at: None,
        countdown_ms: None,
        run_ms: Some(SpanMs::hours(24)),
        hold_ms: Some(SpanMs::minutes(5)),
        min_presence_ms: Some(SpanMs(0)),
        price_hidden: false,
        reminder_text: String::new(),
        draw: None,
    }
}

pub(crate) fn in_room(name: &str) -> Scope {
    Scope::Rooms(BTreeSet::from([room_id(name)]))
}

pub(crate) fn claim(room: &str, reservation: &str, quantity: u32) -> SaleCommand {
    SaleCommand::Claim(Claim {
        room: room_id(room),
        sale: sale_id(),
        sku: sku_id(),
        quantity,
        reservation: ReservationId::parse(reservation).unwrap(),
        present_ms: SpanMs::seconds(60),
        coupons: CouponChoice::Best,
    })
}

pub(crate) fn release(reservation: &str) -> SaleCommand {
    let reservation = ReservationId::parse(reservation).unwrap();
    SaleCommand::ReleaseReservation { reservation, reason: ReleaseReason::BuyerCancel }
}

pub(crate) fn wait(room: &str, quantity: u32) -> SaleCommand {
    SaleCommand::JoinWaitlist { room: room_id(room), sale: sale_id(), sku: sku_id(), quantity }
}

pub(crate) fn place(order: &str, basket: Basket) -> OrderCommand {
    let address = Address {
        name: "Ann".to_owned(),
        phone: String::new(),
        lines: vec!["1 High Street".to_owned()],
        city: "York".to_owned(),
        postcode: "YO1".to_owned(),
        country: "GB".to_owned(),
    };
    let (order, coupons) = (OrderId::parse(order).unwrap(), CouponChoice::Best);
    OrderCommand::Place { order, basket, address, coupons, room: None }
}

/// One unit at its ordinary price.
pub(crate) fn goods() -> Basket {
    Basket::Lines(vec![BasketLine { sku: sku_id(), quantity: 1 }])
}

pub(crate) fn held(reservation: &str) -> Basket {
    Basket::Reservations(vec![ReservationId::parse(reservation).unwrap()])
}

pub(crate) fn comment(room: &str, id: &str, text: &str) -> RoomCommand {
    let (name, text) = ("Ann".to_owned(), text.to_owned());
    let comment = CommentId::parse(id).unwrap();
    RoomCommand::Comment { room: room_id(room), comment, name, text }
}
