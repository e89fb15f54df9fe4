//! The simulated streamer: pins a product, plans a flash sale, announces it, lets it run, tells the
//! room about it, and gives something away between two. Owns the rhythm of the show.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use hawker_protocol::number::{Minor, Quantity, Units};
use hawker_protocol::object::{
    ItemState, Role, RoomSnapshot, Sale, SaleItemSpec, SaleSpec, SaleState, Scope,
};
use hawker_protocol::push::{RoomLikes, RoomSale, RoomStock, RoomViewers};
use hawker_protocol::reply::{Joined, SaleChanged};
use hawker_protocol::request::{RoomComment, RoomJoin, RoomPin, SaleAnnounce, SaleCreate};
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant, sleep_until};

use super::crowd::{Crowd, Show};
use super::gifts::Gifts;
use crate::api::{id, list, text};
use crate::chance::Chance;
use crate::clock::ServerClock;
use crate::line::{self, Line};
use crate::socket::Socket;
use crate::token::Person;

/// The demo shop's own; in a shop set up here the same name streams.
pub(super) const HOST: &str = "host";
/// From the audience's arrival to the first announcement.
const FIRST_SALE: Duration = Duration::from_secs(6);
/// And to the first coupon.
const FIRST_GIFT: Duration = Duration::from_secs(25);

/// What the status line shows of the room.
#[derive(Debug, Default, Clone)]
pub(super) struct Room {
    pub(super) viewers: u64,
    pub(super) likes: u64,
    pub(super) stock: Option<RoomStock>,
}

#[derive(Debug)]
pub(super) struct Streamer {
    crowd: Arc<Crowd>,
    chance: Chance,
    socket: Socket,
    snapshot: RoomSnapshot,
    clock: ServerClock,
    sale_every: Duration,
    sales: u64,
    gifts: Gifts,
    /// The last step of each sale that was told.
    told: BTreeMap<Id, SaleState>,
    pub(super) room: tokio::sync::watch::Sender<Room>,
}

impl Streamer {
    pub(super) async fn join(
        crowd: Arc<Crowd>,
        sale_every: Duration,
        room: tokio::sync::watch::Sender<Room>,
    ) -> Result<Self> {
        let shop = crowd.shop.as_str();
        let person = Person { user: HOST, name: Some("The host"), role: Role::Manager, shop };
        let token = crowd.target.tokens.of(person).await?;
        let opened = Socket::open(&crowd.target.address, None, &token).await;
        let (mut socket, welcome) = opened.context("the streamer's socket")?;
        let clock = ServerClock::new(welcome.now.0);
        let join = RoomJoin { shop: crowd.shop.clone(), room: crowd.room.clone() };
        let joined: Joined = line::ok(&socket.ask(&join.into()).await?)?;
        let chance = Chance::branch(crowd.seed, u64::MAX);
        let gifts = Gifts::new(Arc::clone(&crowd));
        Ok(Self {
            crowd,
            chance,
            socket,
            snapshot: joined.snapshot,
            clock,
            sale_every,
            sales: 0,
            gifts,
            told: BTreeMap::new(),
            room,
        })
    }

    pub(super) async fn host(mut self) -> Result<()> {
        let mut over = self.crowd.over.subscribe();
        let mut next = Instant::now() + FIRST_SALE;
        let mut next_gift = Instant::now() + FIRST_GIFT;
        let mut text = String::new();
        loop {
            tokio::select! {
                biased;
                filled = self.socket.fill() => filled?,
                () = sleep_until(next) => {
                    next = Instant::now() + self.sale_every;
                    self.offer_something()?;
                }
                () = sleep_until(next_gift) => {
                    next_gift = Instant::now() + self.sale_every;
                    self.give_something()?;
                }
                _ = over.wait_for(|over| *over) => return Ok(()),
            }
            while self.socket.next(&mut text)? {
                for line in text.lines() {
                    self.on_line(line)?;
                }
            }
        }
    }

    fn command(&self) -> Result<Id> {
        id(&uuid::Uuid::now_v7().to_string())
    }

    /// A pin, a word, and a sale of a few units at a good price.
    fn offer_something(&mut self) -> Result<()> {
        let products: Vec<_> =
            self.snapshot.products.iter().filter(|product| !product.skus.is_empty()).collect();
        anyhow::ensure!(!products.is_empty(), "the room has nothing in its bag to sell");
        let product = products[self.chance.below(products.len())];
        let sku = &product.skus[self.chance.below(product.skus.len())];
        let title = format!("{} {}", product.title, sku.title);
        let (sku, price_minor) = (sku.sku.clone(), sku.price_minor.0 * 6 / 10);
        let wanted = self.room.borrow().viewers as f64 * self.chance.within(0.04, 0.1);
        let total = (wanted as u32).max(4);
        self.sales += 1;
        let (shop, room) = (self.crowd.shop.clone(), self.crowd.room.clone());
        let sale = id(&format!("{}-sale{}", self.crowd.target.name, self.sales))?;
        let item = SaleItemSpec {
            sku: sku.clone(),
            total: Units(total),
            per_buyer: Quantity(1),
            price_minor: Minor(price_minor),
        };
        let spec = SaleSpec {
            title: text(&title)?,
            scope: Scope::Rooms(list(vec![room.clone()])?),
            items: list(vec![item])?,
            announce_at: None,
            starts_at: None,
            countdown_ms: None,
            run_ms: None,
            hold_ms: None,
            min_presence_ms: None,
            price_hidden: false,
            reminder_text: text("It starts!")?,
            draw_window_ms: None,
        };
        let said = text(&format!("{total} pieces of {title} at a special price, get ready!"))?;
        let requests: [Request; 4] = [
            RoomPin { shop: shop.clone(), command_id: self.command()?, room: room.clone(), sku }
                .into(),
            SaleCreate {
                shop: shop.clone(),
                command_id: self.command()?,
                sale: Some(sale.clone()),
                spec,
            }
            .into(),
            SaleAnnounce { shop: shop.clone(), command_id: self.command()?, sale }.into(),
            RoomComment { shop, command_id: self.command()?, room, text: said }.into(),
        ];
        for request in &requests {
            self.socket.queue(request);
        }
        Ok(())
    }

    fn give_something(&mut self) -> Result<()> {
        let viewers = self.room.borrow().viewers;
        for request in &self.gifts.next(viewers)? {
            self.socket.queue(request);
        }
        Ok(())
    }

    fn on_line(&mut self, line: &str) -> Result<()> {
        match line::read(line)? {
            Line::Push { kind, line } => self.on_push(&kind, line),
            Line::Yes { line, .. } => {
                if let Ok(SaleChanged { sale }) = line::ok(line) {
                    self.on_sale(&sale);
                }
                Ok(())
            }
            Line::No { code, line, .. } => {
                self.gifts.on_refused(code);
                self.crowd.big(format!("the host was refused as {code}: {line}"));
                Ok(())
            }
        }
    }

    fn on_push(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "room.viewers" => {
                let viewers: RoomViewers = line::push(line)?;
                self.room.send_modify(|room| room.viewers = viewers.viewers);
            }
            "room.likes" => {
                let likes: RoomLikes = line::push(line)?;
                self.room.send_modify(|room| room.likes = likes.likes);
            }
            "room.sale" => {
                let pushed: RoomSale = line::push(line)?;
                self.on_sale(&pushed.sale);
            }
            "room.stock" => {
                let stock: RoomStock = line::push(line)?;
                self.on_stock(&stock);
                self.room.send_modify(|room| room.stock = Some(stock));
            }
            _ => self.gifts.on_push(kind, line)?,
        }
        Ok(())
    }

    fn on_stock(&self, stock: &RoomStock) {
        let before =
            self.room.borrow().stock.as_ref().map(|stock| (stock.sale.clone(), stock.state));
        let changed = before
            .as_ref()
            .is_none_or(|(sale, state)| *sale != stock.sale || *state != stock.state);
        let said = match stock.state {
            ItemState::SoldOutSoft => "is sold out for now: holds may still come back",
            ItemState::SoldOutHard => "is sold out for good: every unit is paid",
            ItemState::Live | ItemState::Closed => return,
        };
        if changed {
            self.crowd.big(format!("{} {said}", stock.sku));
        }
    }

    /// Tells the audience of a sale's next step, once.
    fn on_sale(&mut self, sale: &Sale) {
        // A reply may be older than the push that overtook it.
        let planned = matches!(sale.state, SaleState::Draft | SaleState::Scheduled);
        if planned || self.told.get(&sale.sale) == Some(&sale.state) {
            return;
        }
        let before = self.told.insert(sale.sale.clone(), sale.state);
        let title = &sale.title;
        match (sale.state, sale.starts_at, sale.ends_at, sale.items.first()) {
            (SaleState::Announced, Some(starts_at), Some(ends_at), Some(item)) => {
                let (start, end) = (self.clock.instant(starts_at.0), self.clock.instant(ends_at.0));
                let price = item.price_minor.map_or(0, |price| price.0);
                let in_s = start.duration_since(Instant::now()).as_secs_f64();
                self.crowd.big(format!(
                    "FLASH SALE announced: {} x {title} at {}.{:02} {}, starts in {in_s:.0} s",
                    item.total,
                    price / 100,
                    price % 100,
                    sale.currency
                ));
                let show = Show { sale: sale.sale.clone(), sku: item.sku.clone(), start, end };
                self.crowd.show.send_replace(Some(show));
            }
            (SaleState::Live, _, _, Some(item)) if before == Some(SaleState::Announced) => {
                self.crowd.big(format!("FLASH SALE started: {} x {title}", item.total));
            }
            (SaleState::Ended | SaleState::Cancelled, _, _, Some(item)) => {
                self.crowd.show.send_if_modified(|show| {
                    let shown = show.as_ref().is_some_and(|show| show.sale == sale.sale);
                    shown && show.take().is_some()
                });
                self.crowd.big(format!(
                    "FLASH SALE over: {title}: {} sold, {} still on hold, {} left",
                    item.sold, item.reserved, item.available
                ));
            }
            _ => {}
        }
    }
}
