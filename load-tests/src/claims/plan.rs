//! The shop a capacity run sells from. A buyer holds a SKU once, so there is a SKU for each claim
//! a socket makes, and every room sells them all: each accepted claim is a first one.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::Id;
use hawker_protocol::number::{Minor, Quantity, SpanMs, Units};
use hawker_protocol::object::{SaleItemSpec, SaleSpec, Scope, SettingsChange, Stock};
use hawker_protocol::request::{CouponChoice, RoomJoin, SaleClaim};

use super::player::Aim;
use crate::api::{Api, id, list, text};
use crate::run::Target;
use crate::socket::Socket;
use crate::token::Person;

const ITEMS_OF_SALE: usize = hawker_protocol::limits::SALE_ITEMS_MAX;
const SKUS_OF_PRODUCT: usize = hawker_protocol::limits::PRODUCT_SKUS_MAX;
/// No hold ends and no sale closes while the run lasts.
const LONG_MS: u64 = 4 * 3_600_000;
const SCARCE: &str = "scarce";
const SETUP_AT_A_TIME: usize = 16;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shop: Id,
    pub(super) sockets: usize,
    rooms: usize,
    pub(super) claims_each: usize,
    /// Begins every name of the run.
    run: String,
}

impl Plan {
    pub(super) fn new(
        target: &Target,
        sockets: usize,
        rooms: usize,
        accepted: usize,
    ) -> Result<Self> {
        let shop = id(&format!("claims-{}", target.name))?;
        let claims_each = accepted.div_ceil(sockets);
        Ok(Self { shop, sockets, rooms, claims_each, run: target.name.clone() })
    }

    pub(super) fn describe(&self) -> String {
        let (rooms, sales, skus) = (self.rooms, self.sales_each(), self.claims_each);
        format!("{rooms} rooms with {sales} sales each, {skus} SKUs, for {} sockets", self.sockets)
    }

    pub(super) fn accepted(&self) -> usize {
        self.claims_each * self.sockets
    }

    fn sales_each(&self) -> usize {
        self.claims_each.div_ceil(ITEMS_OF_SALE)
    }

    pub(super) fn user(&self, number: usize) -> String {
        format!("b{number}")
    }

    pub(super) fn room(&self, number: usize) -> String {
        format!("r{}", number % self.rooms)
    }

    /// The sale and SKU of a socket's claim of that number.
    pub(super) fn goods(&self, aim: Aim, number: usize, claim: usize) -> (String, String) {
        match aim {
            Aim::Accepted => {
                let sale = claim / ITEMS_OF_SALE;
                (format!("s{}-{sale}", number % self.rooms), format!("sku{claim}"))
            }
            Aim::Refused => (SCARCE.to_owned(), SCARCE.to_owned()),
        }
    }

    pub(super) fn command(&self, aim: Aim, number: usize, claim: usize) -> String {
        let aim = match aim {
            Aim::Accepted => 'a',
            Aim::Refused => 'n',
        };
        format!("{}-{aim}{number}-{claim}", self.run)
    }

    pub(super) async fn set_up(self: &Arc<Self>, api: &Arc<Api>) -> Result<()> {
        api.create_shop(SettingsChange::default()).await?;
        let skus: Vec<String> = (0..self.claims_each).map(|sku| format!("sku{sku}")).collect();
        for (number, skus) in skus.chunks(SKUS_OF_PRODUCT).enumerate() {
            api.put_product(&format!("p{number}"), &format!("Goods {number}"), skus, 990).await?;
        }
        api.put_product(SCARCE, "One of its kind", &[SCARCE.to_owned()], 990).await?;
        api.set_stock(SCARCE, Stock::Units(1)).await?;
        crate::api::each(SETUP_AT_A_TIME, skus, {
            let api = Arc::clone(api);
            move |sku| {
                let api = Arc::clone(&api);
                async move { api.set_stock(&sku, Stock::Unlimited).await }
            }
        })
        .await?;
        crate::api::each(SETUP_AT_A_TIME, (0..self.rooms).collect(), {
            let (api, plan) = (Arc::clone(api), Arc::clone(self));
            move |room| plan.clone().open_room(Arc::clone(&api), room)
        })
        .await?;
        let spec = self.sale(Scope::AllRooms, vec![(SCARCE.to_owned(), 1)])?;
        api.create_sale(SCARCE, spec).await?;
        api.step_sale(SCARCE, "start").await?;
        Ok(())
    }

    async fn open_room(self: Arc<Self>, api: Arc<Api>, room: usize) -> Result<()> {
        let name = self.room(room);
        api.open_room(&name, &format!("Room {room}")).await?;
        let here = (0..self.sockets).filter(|number| number % self.rooms == room).count();
        for sale in 0..self.sales_each() {
            let from = sale * ITEMS_OF_SALE;
            let to = (from + ITEMS_OF_SALE).min(self.claims_each);
            let items = (from..to).map(|claim| (format!("sku{claim}"), here)).collect();
            let sale = format!("s{room}-{sale}");
            let spec = self.sale(Scope::Rooms(list(vec![id(&name)?])?), items)?;
            api.create_sale(&sale, spec).await?;
            api.step_sale(&sale, "start").await?;
        }
        Ok(())
    }

    fn sale(&self, scope: Scope, items: Vec<(String, usize)>) -> Result<SaleSpec> {
        let item = |(sku, total): (String, usize)| -> Result<SaleItemSpec> {
            Ok(SaleItemSpec {
                sku: id(&sku)?,
                total: Units(u32::try_from(total)?),
                per_buyer: Quantity(1),
                price_minor: Minor(490),
            })
        };
        Ok(SaleSpec {
            title: text("Capacity")?,
            scope,
            items: list(items.into_iter().map(item).collect::<Result<_>>()?)?,
            announce_at: None,
            starts_at: None,
            countdown_ms: None,
            run_ms: Some(SpanMs(LONG_MS)),
            hold_ms: Some(SpanMs(LONG_MS)),
            min_presence_ms: Some(SpanMs(0)),
            price_hidden: false,
            reminder_text: text("")?,
            draw_window_ms: None,
        })
    }

    /// One buyer holds the only unit of the scarce item, so that all others are refused.
    pub(super) async fn take_the_scarce_unit(&self, target: &Target) -> Result<Socket> {
        let person = Person::buyer("first", self.shop.as_str());
        let mut socket = target.connect(0, person).await?;
        let (shop, room) = (self.shop.clone(), id(&self.room(0))?);
        socket.ask(&RoomJoin { shop: shop.clone(), room: room.clone() }.into()).await?;
        let claim = SaleClaim {
            shop,
            command_id: id(&format!("{}-first", self.run))?,
            room,
            sale: id(SCARCE)?,
            sku: id(SCARCE)?,
            quantity: Quantity(1),
            coupons: CouponChoice::Best,
        };
        socket.ask(&claim.into()).await?;
        Ok(socket)
    }
}
