//! From the words of a scenario to commands: one verb, one command, named like the wire's
//! requests. Owns what may be left out; decides nothing.

use std::collections::BTreeSet;

use hawker_domain::command::{
    Address, Basket, BasketLine, Claim, OrderCommand, PaymentOutcome, PaymentReport, ProductSpec,
    ReleaseReason, RoomCommand, RoomSpec, SaleChange, SaleCommand, SaleItemSpec, SaleSpec, Scope,
    ShopCommand, SkuSpec, Stock,
};
use hawker_domain::id::SkuId;
use hawker_domain::money::{Currency, Minor};
use hawker_domain::settings::Settings;
use hawker_domain::time::SpanMs;
use hawker_domain::{Command, Role};
use serde_json::Value;

use crate::desk_grammar;
use crate::promo_grammar;
use crate::words::Words;

/// The command that `verb` and what stands behind it mean.
pub(crate) fn command(verb: &str, words: &mut Words) -> Command {
    let other = desk_grammar::command(verb, words).or_else(|| promo_grammar::command(verb, words));
    if let Some(command) = other {
        return command;
    }
    let (area, _) = verb.split_once('.').unwrap_or((verb, ""));
    match area {
        "shop" | "product" | "stock" | "staff" | "buyer" => Command::Shop(shop(verb, words)),
        "room" => Command::Room(room(verb, words)),
        "sale" => Command::Sale(sale(verb, words)),
        "order" | "payment" => Command::Order(order(verb, words)),
        _ => panic!("no verb {verb}"),
    }
}

fn shop(verb: &str, words: &mut Words) -> ShopCommand {
    match verb {
        "shop.create" => create_shop(words),
        "shop.rename" => ShopCommand::Rename { name: words.word("name") },
        "shop.settings" => ShopCommand::SetSettings { settings: settings(words) },
        "product.put" => {
            ShopCommand::PutProduct { product: words.id("product"), spec: product(words) }
        }
        "stock.set" => ShopCommand::SetStock { sku: words.id("sku"), stock: stock(words) },
        "stock.adjust" => {
            ShopCommand::AdjustStock { sku: words.id("sku"), delta_units: words.id("delta") }
        }
        "staff.put" => {
            let user = words.id("user");
            let roles = words.next().unwrap_or_default();
            let roles = roles.split(',').filter(|role| !role.is_empty()).map(role);
            ShopCommand::PutStaff { user, roles: roles.collect() }
        }
        "staff.remove" => ShopCommand::RemoveStaff { user: words.id("user") },
        "shop.follow" => ShopCommand::Follow,
        "shop.unfollow" => ShopCommand::Unfollow,
        "buyer.erase" => ShopCommand::EraseBuyer { buyer: words.id("buyer") },
        _ => panic!("no verb {verb}"),
    }
}

pub(crate) fn create_shop(words: &mut Words) -> ShopCommand {
    let name = words.text("name").unwrap_or_else(|| "Acme".to_owned());
    let currency = words.text("currency").unwrap_or_else(|| "USD".to_owned());
    let currency = Currency::parse(&currency).expect("a currency");
    ShopCommand::Create { name, currency, settings: settings(words) }
}

/// The defaults with what the line says instead; spans are written as times.
fn settings(words: &mut Words) -> Settings {
    let mut value = serde_json::to_value(Settings::default()).expect("settings are JSON");
    for (key, text) in words.take_pairs() {
        value[&key] = setting(&key, &text, words);
    }
    serde_json::from_value(value).expect("settings that exist")
}

fn setting(key: &str, text: &str, words: &Words) -> Value {
    let number = |part: &str| match part.parse::<u64>() {
        Ok(number) => number,
        Err(_) => words.parse_span(part).0,
    };
    if text == "none" {
        Value::Null
    } else if let Ok(choice) = text.parse::<bool>() {
        choice.into()
    } else if key == "order_reminders_ms" {
        text.split(',').filter(|part| !part.is_empty()).map(number).collect()
    } else {
        number(text).into()
    }
}

pub(crate) fn role(text: &str) -> Role {
    serde_json::from_value(text.into()).unwrap_or_else(|_| panic!("no role {text}"))
}

fn yes(text: Option<String>, otherwise: bool) -> bool {
    text.map_or(otherwise, |text| text == "yes")
}

fn stock(words: &mut Words) -> Stock {
    let text = words.word("stock");
    if text == "unlimited" { Stock::Unlimited } else { Stock::Units(words.parse(&text, "stock")) }
}

/// `skus=red:2999,blue:1999`
fn product(words: &mut Words) -> ProductSpec {
    let skus = words.text("skus").unwrap_or_default();
    let skus = skus.split(',').filter(|part| !part.is_empty()).map(|part| {
        let (sku, price) = part.split_once(':').expect("SKU:PRICE");
        let title = sku.to_owned();
        SkuSpec {
            sku: words.parse(sku, "sku"),
            title,
            price_minor: Minor(words.parse(price, "price")),
        }
    });
    let skus = skus.collect();
    let title = words.text("title").unwrap_or_else(|| "A product".to_owned());
    let listed = yes(words.text("listed"), true);
    ProductSpec { title, image_url: words.text("image"), listed, skus }
}

fn room(verb: &str, words: &mut Words) -> RoomCommand {
    let room = words.id("room");
    match verb {
        "room.create" => RoomCommand::Create { room, spec: room_spec(words) },
        "room.start" => RoomCommand::Start { room },
        "room.pause" => RoomCommand::Pause { room },
        "room.resume" => RoomCommand::Resume { room },
        "room.end" => RoomCommand::End { room },
        "room.bag" => {
            let products = words.next().unwrap_or_default();
            RoomCommand::SetBag { room, products: words.list(&products, "product") }
        }
        "room.pin" => RoomCommand::Pin { room, sku: words.id("sku") },
        "room.unpin" => RoomCommand::Unpin { room },
        "room.slow_mode" => {
            let text = words.word("interval");
            RoomCommand::SetSlowMode { room, interval_ms: words.parse_span(&text) }
        }
        "room.keywords" => {
            let keywords = words.next().unwrap_or_default();
            let keywords = keywords.split(',').filter(|word| !word.is_empty());
            RoomCommand::SetKeywords { room, keywords: keywords.map(str::to_owned).collect() }
        }
        "room.mute" => {
            RoomCommand::Mute { room, user: words.id("user"), for_ms: words.span("for") }
        }
        "room.unmute" => RoomCommand::Unmute { room, user: words.id("user") },
        "room.ban" => RoomCommand::Ban { room, user: words.id("user"), for_ms: words.span("for") },
        "room.unban" => RoomCommand::Unban { room, user: words.id("user") },
        "room.delete_comment" => RoomCommand::DeleteComment { room, comment: words.id("comment") },
        "room.comment" => RoomCommand::Comment {
            room,
            comment: words.id("comment"),
            name: words.text("name").unwrap_or_else(|| "Somebody".to_owned()),
            text: words.word("text"),
        },
        _ => panic!("no verb {verb}"),
    }
}

pub(crate) fn room_spec(words: &mut Words) -> RoomSpec {
    RoomSpec {
        streamer: words.value("streamer").expect("streamer=NAME"),
        title: words.text("title").unwrap_or_else(|| "Lipsticks".to_owned()),
        cover_url: words.text("cover"),
        playback_url: words.text("playback"),
        keep_comments: words.flag("keep_comments"),
        slow_mode_ms: words.span("slow_mode").unwrap_or_default(),
    }
}

fn sale(verb: &str, words: &mut Words) -> SaleCommand {
    match verb {
        "sale.claim" => return SaleCommand::Claim(claim(words)),
        "sale.offer_accept" => {
            let reservation = words.id("reservation");
            let (sale, sku) = (words.id("sale"), words.id("sku"));
            return SaleCommand::AcceptOffer { sale, sku, reservation };
        }
        "sale.release" => {
            let reservation = words.id("reservation");
            return SaleCommand::ReleaseReservation { reservation, reason: reason(words) };
        }
        _ => {}
    }
    let sale = words.id("sale");
    match verb {
        "sale.create" => SaleCommand::Create { sale, spec: sale_spec(words) },
        "sale.update" => SaleCommand::Update { sale, change: sale_change(words) },
        "sale.announce" => SaleCommand::Announce { sale },
        "sale.start" => SaleCommand::Start { sale },
        "sale.end" => SaleCommand::End { sale },
        "sale.cancel" => SaleCommand::Cancel { sale },
        "sale.reveal" => SaleCommand::RevealSeed { sale, seed: promo_grammar::seed(words) },
        "sale.restock" => {
            SaleCommand::Restock { sale, sku: words.id("sku"), units: words.id("units") }
        }
        "sale.remind" => SaleCommand::Remind { sale },
        "sale.waitlist" => SaleCommand::JoinWaitlist {
            room: words.value("room").unwrap_or_else(|| words.parse("r1", "room")),
            sale,
            sku: words.id("sku"),
            quantity: words.value("quantity").unwrap_or(1),
        },
        "sale.waitlist_leave" => SaleCommand::LeaveWaitlist { sale, sku: words.id("sku") },
        "sale.offer_decline" => SaleCommand::DeclineOffer { sale, sku: words.id("sku") },
        _ => panic!("no verb {verb}"),
    }
}

/// `RESERVATION SALE SKU [quantity=1] [room=r1] [present=10s]`
fn claim(words: &mut Words) -> Claim {
    Claim {
        reservation: words.id("reservation"),
        sale: words.id("sale"),
        sku: words.id("sku"),
        quantity: words.value("quantity").unwrap_or(1),
        room: words.value("room").unwrap_or_else(|| words.parse("r1", "room")),
        present_ms: words.span("present").unwrap_or(SpanMs::seconds(10)),
        coupons: promo_grammar::coupons(words),
    }
}

/// `SKU[:TOTAL[:PER_BUYER[:PRICE]]]…`, where `total=`, `per_buyer=` and `price=` fill the gaps.
pub(crate) fn sale_spec(words: &mut Words) -> SaleSpec {
    let total = words.value("total").unwrap_or(5);
    let per_buyer = words.value("per_buyer").unwrap_or(total.min(2));
    let price = words.value("price").unwrap_or(990);
    let price_hidden = words.flag("price_hidden");
    let mut items = Vec::new();
    while let Some(word) = words.next() {
        let mut parts = word.split(':');
        let sku: SkuId = words.parse(parts.next().unwrap_or_default(), "sku");
        let mut number = |otherwise: u64| match parts.next() {
            Some(part) => words.parse(part, "number"),
            None => otherwise,
        };
        let units = |number: u64| u32::try_from(number).expect("a number of units");
        items.push(SaleItemSpec {
            sku,
            total_units: units(number(total)),
            per_buyer_units: units(number(per_buyer)),
            price_minor: Minor(number(price)),
        });
    }
    let scope = match words.text("rooms") {
        None => Scope::AllRooms,
        Some(rooms) => Scope::Rooms(words.list(&rooms, "room").into_iter().collect()),
    };
    SaleSpec {
        title: words.text("title").unwrap_or_else(|| "Flash".to_owned()),
        scope,
        items,
        announce_at: words.time("announce"),
        starts_at: words.time("starts"),
        countdown_ms: words.span("countdown"),
        run_ms: words.span("run"),
        hold_ms: words.span("hold"),
        min_presence_ms: words.span("presence"),
        price_hidden,
        reminder_text: words.text("reminder").unwrap_or_default(),
        draw: promo_grammar::draw_mode(words),
    }
}

/// `starts= ends= totals=SKU:UNITS,… reminder=`
fn sale_change(words: &mut Words) -> SaleChange {
    let totals = words.text("totals").unwrap_or_default();
    let totals = totals.split(',').filter(|part| !part.is_empty()).map(|part| {
        let (sku, units) = part.split_once(':').expect("SKU:UNITS");
        (words.parse(sku, "sku"), words.parse(units, "units"))
    });
    let totals = totals.collect();
    SaleChange {
        starts_at: words.time("starts"),
        ends_at: words.time("ends"),
        totals,
        reminder_text: words.text("reminder"),
    }
}

fn reason(words: &mut Words) -> ReleaseReason {
    let text = words.text("reason").unwrap_or_else(|| "buyer_cancel".to_owned());
    serde_json::from_value(text.as_str().into()).unwrap_or_else(|_| panic!("no reason {text}"))
}

fn order(verb: &str, words: &mut Words) -> OrderCommand {
    let order = words.id("order");
    match verb {
        "order.place" => OrderCommand::Place {
            order,
            coupons: promo_grammar::coupons(words),
            room: words.value("room"),
            address: address(words),
            basket: basket(words),
        },
        "order.coupons" => {
            OrderCommand::ChangeCoupons { order, coupons: promo_grammar::coupons(words) }
        }
        "order.refund" => OrderCommand::Refund {
            order,
            refund: words.id("refund"),
            request: promo_grammar::refund(words),
        },
        "order.pay" => OrderCommand::BeginPayment { order },
        "order.cancel" => OrderCommand::Cancel { order, reason: reason(words) },
        "payment.record" => OrderCommand::RecordPayment {
            order,
            payment: words.id("payment"),
            report: report(words),
        },
        _ => panic!("no verb {verb}"),
    }
}

/// `R1 R2` are reservations, `lipstick:2 towel:1` are ordinary lines.
pub(crate) fn basket(words: &mut Words) -> Basket {
    let (mut lines, mut reservations) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word.split_once(':') {
            Some((sku, quantity)) => lines.push(BasketLine {
                sku: words.parse(sku, "sku"),
                quantity: words.parse(quantity, "quantity"),
            }),
            None => reservations.push(words.parse(&word, "reservation")),
        }
    }
    if lines.is_empty() {
        Basket::Reservations(reservations)
    } else {
        assert!(reservations.is_empty(), "an order has reservations or lines");
        Basket::Lines(lines)
    }
}

pub(crate) fn address(words: &mut Words) -> Address {
    Address {
        name: words.text("name").unwrap_or_else(|| "Ann Buyer".to_owned()),
        phone: "+15550100".to_owned(),
        lines: vec![words.text("line").unwrap_or_else(|| "1 High Street".to_owned())],
        city: "Springfield".to_owned(),
        postcode: "12345".to_owned(),
        country: words.text("country").unwrap_or_else(|| "US".to_owned()),
    }
}

fn report(words: &mut Words) -> PaymentReport {
    let outcome = if words.flag("declined_finally") {
        PaymentOutcome::DeclinedFinally
    } else if words.flag("declined") {
        PaymentOutcome::Declined
    } else {
        PaymentOutcome::Succeeded
    };
    let currency = words.text("currency").unwrap_or_else(|| "USD".to_owned());
    PaymentReport {
        amount_minor: Minor(words.value("amount").expect("amount=MINOR")),
        currency: Currency::parse(&currency).expect("a currency"),
        outcome,
    }
}

/// The roles a set-up line `staff NAME ROLES` names.
pub(crate) fn roles(text: &str) -> BTreeSet<Role> {
    text.split(',').map(role).collect()
}
