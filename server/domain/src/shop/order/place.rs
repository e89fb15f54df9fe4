//! Placing an order: from holds of flash sales, or from free stock. Owns what a basket and an
//! address must look like; whether it is paid is decided elsewhere.

use std::collections::BTreeSet;

use super::json;
use crate::command::{Actor, Address, Basket, BasketLine, CouponChoice};
use crate::document::{self, DocumentWrite};
use crate::event::{Event, OrderLine, OrderPlaced};
use crate::id::{OrderId, ReservationId, RoomId, UserId};
use crate::money::Minor;
use crate::rejection::Rejection;
use crate::shop::cart::Purchase;
use crate::shop::flash_sale::require_buyer;
use crate::shop::{Accepted, Shop};
use crate::text;
use crate::time::Millis;
use crate::view::{OrderState, ReservationState};

const LINES_MAX: usize = 100;
const LINE_UNITS_MAX: u32 = 10_000;
/// The largest integer that JSON readers hold exactly: 2^53 - 1.
const TOTAL_MINOR_MAX: u64 = 9_007_199_254_740_991;
const ADDRESS_LINES_MAX: usize = 4;
const ADDRESS_CHARS_MAX: usize = 120;
const PHONE_CHARS_MAX: usize = 32;
const POSTCODE_CHARS_MAX: usize = 16;

fn invalid(field: &'static str, problem: &'static str) -> Rejection {
    Rejection::Invalid { field, problem }
}

/// An order as it is asked for.
pub(super) struct Wanted<'a> {
    pub(super) order: &'a OrderId,
    pub(super) basket: &'a Basket,
    pub(super) address: &'a Address,
    pub(super) coupons: &'a CouponChoice,
    pub(super) room: Option<&'a RoomId>,
}

impl<'a> Wanted<'a> {
    fn purchase(&self, buyer: &'a UserId, lines: &'a [OrderLine]) -> Purchase<'a> {
        Purchase {
            buyer,
            lines,
            coupons: self.coupons,
            room: self.room,
            claim_of: None,
            without: &[],
        }
    }
}

/// What a basket comes to before it is an order.
struct Draft {
    lines: Vec<OrderLine>,
    pay_by: Millis,
}

impl Shop {
    pub(super) fn place_order(
        &self,
        actor: &Actor,
        wanted: &Wanted<'_>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let (order, buyer) = (wanted.order, &actor.user);
        if self.orders.contains(order) || self.archive.knows_order(order, now) {
            return Err(Rejection::OrderExists);
        }
        let address = json(&checked_address(wanted.address)?);
        let mut draft = self.draft_of(buyer, wanted.basket, now)?;
        if let Some(room) = wanted.room {
            self.room_state(room).ok_or(Rejection::RoomUnknown)?;
            self.check_not_banned(room, buyer, now)?;
        }
        let quote = self.priced(&wanted.purchase(buyer, &draft.lines), now)?;
        for (line, priced) in draft.lines.iter_mut().zip(&quote.lines) {
            line.unit_price_minor = priced.unit_minor;
        }
        let reminders = self.settings().order_reminders_ms.iter().map(|after| now + *after);
        let unpinned = self.pins_emptied_by(&draft.lines);
        let placed = Event::OrderPlaced(OrderPlaced {
            order: order.clone(),
            buyer: actor.user.clone(),
            total_minor: quote.total_minor,
            remind_at: reminders.filter(|at| *at < draft.pay_by).collect(),
            pay_by: draft.pay_by,
            lines: draft.lines,
            address_hash: document::hash(&address),
            quote: Some(Box::new(quote)),
        });
        let documents = vec![
            DocumentWrite::Put { key: document::address_key(buyer, order), value: address },
            DocumentWrite::Put {
                key: document::buyer_order_key(buyer, now, order),
                value: order.as_str().as_bytes().to_vec(),
            },
            DocumentWrite::Put {
                key: document::shop_order_key(now, order),
                value: order.as_str().as_bytes().to_vec(),
            },
        ];
        let events = std::iter::once(placed).chain(unpinned).collect();
        Ok(Accepted { events, documents, ..Accepted::default() })
    }

    /// What a basket is made of, with the prices it has without any rule.
    pub(in crate::shop) fn lines_of(
        &self,
        buyer: &UserId,
        basket: &Basket,
        now: Millis,
    ) -> Result<Vec<OrderLine>, Rejection> {
        Ok(self.draft_of(buyer, basket, now)?.lines)
    }

    fn draft_of(&self, buyer: &UserId, basket: &Basket, now: Millis) -> Result<Draft, Rejection> {
        let draft = match basket {
            Basket::Reservations(held) => self.draft_of_holds(buyer, held, now)?,
            Basket::Lines(lines) => self.draft_of_goods(lines, now)?,
        };
        let price = |line: &OrderLine| line.unit_price_minor.times(line.quantity);
        let list_minor = draft.lines.iter().map(price).fold(Minor(0), Minor::plus);
        if list_minor.0 > TOTAL_MINOR_MAX {
            return Err(invalid("basket", "comes to too much money for one order"));
        }
        Ok(draft)
    }

    /// Until he goes to pay a buyer may take other coupons; his goods cost what they did.
    pub(super) fn change_coupons(
        &self,
        actor: &Actor,
        id: &OrderId,
        coupons: &CouponChoice,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        require_buyer(actor)?;
        let order = self.orders.get(id).ok_or_else(|| self.no_order(id, now))?;
        if order.buyer != actor.user {
            return Err(Rejection::OrderUnknown);
        }
        if order.state != OrderState::Unpaid {
            return Err(order.not_ready(id));
        }
        let before = order.whole_quote();
        let quote = self.repriced((id, &order.buyer), &before, coupons, now)?;
        if quote == *before {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::OrderRepriced {
            order: id.clone(),
            total_minor: quote.total_minor,
            quote: Box::new(quote),
        }))
    }

    fn draft_of_holds(
        &self,
        buyer: &UserId,
        ids: &[ReservationId],
        now: Millis,
    ) -> Result<Draft, Rejection> {
        check_count(ids.len())?;
        let mut seen = BTreeSet::new();
        if ids.iter().any(|id| !seen.insert(id)) {
            return Err(invalid("basket", "names a reservation twice"));
        }
        let mut lines = Vec::with_capacity(ids.len());
        let mut pay_by = None;
        for id in ids {
            let held = self.reservations.get(id).filter(|held| held.buyer == *buyer);
            let held = held.ok_or(Rejection::ReservationUnknown)?;
            let not_held = Rejection::ReservationNotHeld { reservation: id.clone() };
            let expires_at = match held.state {
                ReservationState::Held { expires_at } if now < expires_at => expires_at,
                ReservationState::Held { .. }
                | ReservationState::Ordered { .. }
                | ReservationState::Sold { .. }
                | ReservationState::Released { .. } => return Err(not_held),
            };
            pay_by = Some(pay_by.map_or(expires_at, |earliest: Millis| earliest.min(expires_at)));
            lines.push(OrderLine {
                sku: held.sku.clone(),
                quantity: held.quantity,
                unit_price_minor: held.price_minor,
                reservation: Some(id.clone()),
            });
        }
        Ok(Draft { lines, pay_by: pay_by.unwrap_or(now) })
    }

    fn draft_of_goods(&self, wanted: &[BasketLine], now: Millis) -> Result<Draft, Rejection> {
        check_count(wanted.len())?;
        let mut seen = BTreeSet::new();
        if wanted.iter().any(|line| !seen.insert(&line.sku)) {
            return Err(invalid("basket", "names a SKU twice"));
        }
        let lines = wanted.iter().map(|line| self.line_of(line)).collect::<Result<_, _>>()?;
        Ok(Draft { lines, pay_by: now + self.settings().unpaid_window_ms })
    }

    fn line_of(&self, wanted: &BasketLine) -> Result<OrderLine, Rejection> {
        if !(1..=LINE_UNITS_MAX).contains(&wanted.quantity) {
            return Err(invalid("quantity", "must be 1 to 10,000"));
        }
        let sku = self.catalog.sku(&wanted.sku).ok_or(Rejection::SkuUnknown)?;
        if !self.catalog.is_listed(&wanted.sku) {
            return Err(Rejection::NotForSale { sku: wanted.sku.clone() });
        }
        self.check_free(&wanted.sku, u64::from(wanted.quantity))?;
        Ok(OrderLine {
            sku: wanted.sku.clone(),
            quantity: wanted.quantity,
            unit_price_minor: sku.price_minor,
            reservation: None,
        })
    }
}

fn check_count(count: usize) -> Result<(), Rejection> {
    if (1..=LINES_MAX).contains(&count) {
        return Ok(());
    }
    Err(invalid("basket", "must have 1 to 100 lines"))
}

/// The address, cleaned. Nothing of it is looked up: a person will read it.
pub(in crate::shop) fn checked_address(address: &Address) -> Result<Address, Rejection> {
    if address.lines.is_empty() || address.lines.len() > ADDRESS_LINES_MAX {
        return Err(invalid("address.lines", "must be 1 to 4"));
    }
    let is_code =
        address.country.len() == 2 && address.country.bytes().all(|b| b.is_ascii_uppercase());
    if !is_code {
        return Err(invalid("address.country", "must be two capital letters"));
    }
    let line = |line: &String| text::line("address.lines", line, ADDRESS_CHARS_MAX);
    Ok(Address {
        name: text::line("address.name", &address.name, ADDRESS_CHARS_MAX)?,
        phone: text::line_or_empty("address.phone", &address.phone, PHONE_CHARS_MAX)?,
        lines: address.lines.iter().map(line).collect::<Result<_, _>>()?,
        city: text::line_or_empty("address.city", &address.city, ADDRESS_CHARS_MAX)?,
        postcode: text::line_or_empty("address.postcode", &address.postcode, POSTCODE_CHARS_MAX)?,
        country: address.country.clone(),
    })
}
