//! Requests as the domain's commands. Makes the ids that the caller left to the server, out of who
//! sent which command, so that a repetition means the same thing.

use std::collections::BTreeSet;

use hawker_domain::command::{
    self, Command, Commitment, OrderCommand, ReleaseReason, Role, RoomCommand, SaleCommand,
    ShopCommand,
};
use hawker_domain::id::{
    CommandId, CommentId, CouponId, OrderId, ProductId, ReservationId, RoomId, SaleId, ShopId,
    SkuId, UserId,
};
use hawker_domain::money::Minor;
use hawker_domain::settings::Settings;
use hawker_domain::time::{Millis, SpanMs};
use hawker_protocol::number::{EpochMs, Minor as WireMinor, SpanMs as WireSpan};
use hawker_protocol::{Id, Request, object, request};
use uuid::Uuid;

use super::from_desk::{Attachment, from_chat, from_desk};
use super::from_promo::{draw_mode, from_promo};

/// Who asks, as far as a command's content depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub user: &'a UserId,
    pub name: &'a str,
    /// How long this connection has been in the room the request names.
    pub present_ms: SpanMs,
    /// The file that the request names, if it names one: see `named_upload`.
    pub attachment: Option<Attachment<'a>>,
    /// The promise of a seed, where the request needs one: see `needs_seed`.
    pub commitment: Option<&'a Commitment>,
}

/// A request that changes state, as a command, and the roles that may send it, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    pub command: Command,
    pub roles: &'static [Role],
}

pub const BUYER: &[Role] = &[Role::Buyer];
const COMMENTERS: &[Role] =
    &[Role::Streamer, Role::Agent, Role::Supervisor, Role::Manager, Role::Buyer];
/// Who runs a room and its sales.
pub const HOSTS: &[Role] = &[Role::Streamer, Role::Manager, Role::Service];
const MODERATORS: &[Role] =
    &[Role::Streamer, Role::Manager, Role::Service, Role::Supervisor, Role::Agent];
/// Who sets up a shop.
pub const KEEPERS: &[Role] = &[Role::Manager, Role::Service];

/// The command of a request; `None` for what only reads or belongs to the connection. Settings
/// are read before they are changed, so `shop.settings`, `shop.capabilities` and `desk.policy` are
/// the edge's business too; so is `draw.close`, which reveals what only the edge can unseal. Marks
/// and typing are commands without a command id: the edge makes one up.
pub fn translate(request: &Request, ask: &Ask<'_>) -> Option<Translated> {
    let (command, roles) = match request {
        Request::Hello(_)
        | Request::Refresh(_)
        | Request::Ping(_)
        | Request::RoomJoin(_)
        | Request::RoomLeave(_)
        | Request::RoomLike(_)
        | Request::RoomWatch(_)
        | Request::RoomList(_)
        | Request::RoomDashboard(_)
        | Request::OrderList(_)
        | Request::ShopSettings(_)
        | Request::ChatOpen(_)
        | Request::ChatHistory(_)
        | Request::DeskJoin(_)
        | Request::DeskLeave(_)
        | Request::DeskTeam(_)
        | Request::DeskList(_)
        | Request::DeskResponseRate(_)
        | Request::DeskOpen(_)
        | Request::DeskWatch(_)
        | Request::DeskUnwatch(_)
        | Request::DeskHistory(_)
        | Request::DeskSearch(_)
        | Request::DeskExport(_)
        | Request::DeskQuickReplies(_)
        | Request::DeskPolicy(_)
        | Request::CartQuote(_)
        | Request::PriceRules(_)
        | Request::ShopCapabilities(_)
        | Request::CouponList(_)
        | Request::CouponCampaigns(_)
        | Request::DrawList(_)
        | Request::DrawClose(_) => return None,
        Request::ShopFollow(_) => (Command::Shop(ShopCommand::Follow), BUYER),
        Request::ShopUnfollow(_) => (Command::Shop(ShopCommand::Unfollow), BUYER),
        request => from_room(request, ask)
            .map(|(command, roles)| (Command::Room(command), roles))
            .or_else(|| from_sale(request, ask).map(|(it, roles)| (Command::Sale(it), roles)))
            .or_else(|| from_order(request, ask).map(|(it, roles)| (Command::Order(it), roles)))
            .or_else(|| from_promo(request, ask))
            .or_else(|| from_chat(request, ask))
            .or_else(|| from_desk(request, ask))?,
    };
    Some(Translated { command, roles })
}

fn from_room(request: &Request, ask: &Ask<'_>) -> Option<(RoomCommand, &'static [Role])> {
    Some(match request {
        Request::RoomComment(it) => {
            let comment = CommentId::checked(made_id(ask, &it.command_id));
            let (name, text) = (ask.name.to_owned(), it.text.to_string());
            (RoomCommand::Comment { room: room(&it.room), comment, name, text }, COMMENTERS)
        }
        Request::RoomCreate(it) => {
            let made = || RoomId::checked(made_id(ask, &it.command_id));
            let id = it.room.as_ref().map_or_else(made, room);
            (RoomCommand::Create { room: id, spec: room_spec(&it.spec, ask.user) }, HOSTS)
        }
        Request::RoomStart(it) => (RoomCommand::Start { room: room(&it.room) }, HOSTS),
        Request::RoomPause(it) => (RoomCommand::Pause { room: room(&it.room) }, HOSTS),
        Request::RoomResume(it) => (RoomCommand::Resume { room: room(&it.room) }, HOSTS),
        Request::RoomEnd(it) => (RoomCommand::End { room: room(&it.room) }, HOSTS),
        Request::RoomBag(it) => {
            let products = it.products.iter().map(product).collect();
            (RoomCommand::SetBag { room: room(&it.room), products }, HOSTS)
        }
        Request::RoomPin(it) => {
            (RoomCommand::Pin { room: room(&it.room), sku: sku(&it.sku) }, HOSTS)
        }
        Request::RoomUnpin(it) => (RoomCommand::Unpin { room: room(&it.room) }, HOSTS),
        Request::RoomSlowMode(it) => {
            let interval_ms = span(it.interval_ms);
            (RoomCommand::SetSlowMode { room: room(&it.room), interval_ms }, HOSTS)
        }
        Request::RoomKeywords(it) => {
            let keywords = it.keywords.iter().map(|word| word.to_string()).collect();
            (RoomCommand::SetKeywords { room: room(&it.room), keywords }, HOSTS)
        }
        request => return from_moderation(request),
    })
}

fn from_moderation(request: &Request) -> Option<(RoomCommand, &'static [Role])> {
    let command = match request {
        Request::RoomMute(it) => {
            let (user, for_ms) = (user(&it.user), it.for_ms.map(span));
            RoomCommand::Mute { room: room(&it.room), user, for_ms }
        }
        Request::RoomUnmute(it) => {
            RoomCommand::Unmute { room: room(&it.room), user: user(&it.user) }
        }
        Request::RoomBan(it) => {
            let (user, for_ms) = (user(&it.user), it.for_ms.map(span));
            RoomCommand::Ban { room: room(&it.room), user, for_ms }
        }
        Request::RoomUnban(it) => RoomCommand::Unban { room: room(&it.room), user: user(&it.user) },
        Request::RoomDeleteComment(it) => {
            let comment = CommentId::checked(it.comment.as_str());
            RoomCommand::DeleteComment { room: room(&it.room), comment }
        }
        _ => return None,
    };
    Some((command, MODERATORS))
}

fn from_sale(request: &Request, ask: &Ask<'_>) -> Option<(SaleCommand, &'static [Role])> {
    Some(match request {
        Request::SaleClaim(it) => {
            let claim = command::Claim {
                room: room(&it.room),
                sale: sale(&it.sale),
                sku: sku(&it.sku),
                quantity: it.quantity.0,
                reservation: ReservationId::checked(made_id(ask, &it.command_id)),
                present_ms: ask.present_ms,
                coupons: coupon_choice(&it.coupons),
            };
            (SaleCommand::Claim(claim), BUYER)
        }
        Request::SaleRemind(it) => (SaleCommand::Remind { sale: sale(&it.sale) }, BUYER),
        Request::SaleWaitlist(it) => {
            let (room, quantity) = (room(&it.room), it.quantity.0);
            let (sale, sku) = (sale(&it.sale), sku(&it.sku));
            (SaleCommand::JoinWaitlist { room, sale, sku, quantity }, BUYER)
        }
        Request::SaleWaitlistLeave(it) => {
            (SaleCommand::LeaveWaitlist { sale: sale(&it.sale), sku: sku(&it.sku) }, BUYER)
        }
        Request::SaleOfferAccept(it) => {
            let reservation = ReservationId::checked(made_id(ask, &it.command_id));
            let (sale, sku) = (sale(&it.sale), sku(&it.sku));
            (SaleCommand::AcceptOffer { sale, sku, reservation }, BUYER)
        }
        Request::SaleOfferDecline(it) => {
            (SaleCommand::DeclineOffer { sale: sale(&it.sale), sku: sku(&it.sku) }, BUYER)
        }
        Request::ReservationRelease(it) => {
            let reservation = ReservationId::checked(it.reservation.as_str());
            let reason = ReleaseReason::BuyerCancel;
            (SaleCommand::ReleaseReservation { reservation, reason }, BUYER)
        }
        request => return from_sale_host(request, ask),
    })
}

fn from_sale_host(request: &Request, ask: &Ask<'_>) -> Option<(SaleCommand, &'static [Role])> {
    let command = match request {
        Request::SaleCreate(it) => {
            let made = || SaleId::checked(made_id(ask, &it.command_id));
            let id = it.sale.as_ref().map_or_else(made, sale);
            let draw = match it.spec.draw_window_ms {
                Some(window_ms) => Some(draw_mode(window_ms, ask.commitment?)),
                None => None,
            };
            SaleCommand::Create { sale: id, spec: sale_spec(&it.spec, draw) }
        }
        Request::SaleUpdate(it) => {
            SaleCommand::Update { sale: sale(&it.sale), change: sale_change(&it.change) }
        }
        Request::SaleAnnounce(it) => SaleCommand::Announce { sale: sale(&it.sale) },
        Request::SaleStart(it) => SaleCommand::Start { sale: sale(&it.sale) },
        Request::SaleEnd(it) => SaleCommand::End { sale: sale(&it.sale) },
        Request::SaleCancel(it) => SaleCommand::Cancel { sale: sale(&it.sale) },
        Request::SaleRestock(it) => {
            let (sku, units) = (sku(&it.sku), it.quantity.0);
            SaleCommand::Restock { sale: sale(&it.sale), sku, units }
        }
        _ => return None,
    };
    Some((command, HOSTS))
}

fn from_order(request: &Request, ask: &Ask<'_>) -> Option<(OrderCommand, &'static [Role])> {
    let command = match request {
        Request::OrderPlace(it) => OrderCommand::Place {
            order: OrderId::checked(made_id(ask, &it.command_id)),
            basket: basket(&it.basket),
            address: address(&it.address),
            coupons: coupon_choice(&it.coupons),
            room: it.room.as_ref().map(room),
        },
        Request::OrderCoupons(it) => OrderCommand::ChangeCoupons {
            order: OrderId::checked(it.order.as_str()),
            coupons: coupon_choice(&it.coupons),
        },
        Request::OrderPay(it) => {
            OrderCommand::BeginPayment { order: OrderId::checked(it.order.as_str()) }
        }
        Request::OrderCancel(it) => OrderCommand::Cancel {
            order: OrderId::checked(it.order.as_str()),
            reason: ReleaseReason::BuyerCancel,
        },
        _ => return None,
    };
    Some((command, BUYER))
}

/// A new id: time-ordered, so that journals and lists read in the order of making.
pub fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

/// The id of what a command makes. It follows from who sent which command, so that a repetition
/// makes, and finds, the same thing.
pub(super) fn made_id(ask: &Ask<'_>, command: &Id) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(ask.user.as_str().as_bytes()).update(b"/").update(command.as_str().as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

pub fn shop_id(id: &Id) -> ShopId {
    ShopId::checked(id.as_str())
}

pub fn room_id(id: &Id) -> RoomId {
    room(id)
}

pub fn command_id(id: &Id) -> CommandId {
    CommandId::checked(id.as_str())
}

pub(super) fn room(id: &Id) -> RoomId {
    RoomId::checked(id.as_str())
}

fn sale(id: &Id) -> SaleId {
    SaleId::checked(id.as_str())
}

pub(super) fn sku(id: &Id) -> SkuId {
    SkuId::checked(id.as_str())
}

fn product(id: &Id) -> ProductId {
    ProductId::checked(id.as_str())
}

pub(super) fn user(id: &Id) -> UserId {
    UserId::checked(id.as_str())
}

pub(super) fn span(span: WireSpan) -> SpanMs {
    SpanMs(span.0)
}

pub(super) fn minor(amount: WireMinor) -> Minor {
    Minor(amount.0)
}

pub(super) fn at(at: EpochMs) -> Millis {
    Millis(at.0)
}

fn role(role: object::Role) -> Role {
    match role {
        object::Role::Buyer => Role::Buyer,
        object::Role::Streamer => Role::Streamer,
        object::Role::Agent => Role::Agent,
        object::Role::Supervisor => Role::Supervisor,
        object::Role::Manager => Role::Manager,
        object::Role::Service => Role::Service,
    }
}

pub fn roles(roles: &[object::Role]) -> BTreeSet<Role> {
    roles.iter().copied().map(role).collect()
}

/// Without a streamer named, the one who asks streams.
pub fn room_spec(spec: &object::RoomSpec, asks: &UserId) -> command::RoomSpec {
    command::RoomSpec {
        streamer: spec.streamer.as_ref().map_or_else(|| asks.clone(), user),
        title: spec.title.to_string(),
        cover_url: spec.cover_url.as_ref().map(|url| url.to_string()),
        playback_url: spec.playback_url.as_ref().map(|url| url.to_string()),
        keep_comments: spec.keep_comments,
        slow_mode_ms: span(spec.slow_mode_ms),
    }
}

pub fn product_spec(spec: &object::ProductSpec) -> command::ProductSpec {
    let skus = spec.skus.iter().map(|it| command::SkuSpec {
        sku: sku(&it.sku),
        title: it.title.to_string(),
        price_minor: Minor(it.price_minor.0),
    });
    command::ProductSpec {
        title: spec.title.to_string(),
        image_url: spec.image_url.as_ref().map(|url| url.to_string()),
        listed: spec.listed,
        skus: skus.collect(),
    }
}

pub fn stock(stock: object::Stock) -> command::Stock {
    match stock {
        object::Stock::Units(units) => command::Stock::Units(units),
        object::Stock::Unlimited => command::Stock::Unlimited,
    }
}

/// `draw` says how its first claims are drawn, if they are.
pub fn sale_spec(spec: &object::SaleSpec, draw: Option<command::DrawMode>) -> command::SaleSpec {
    let items = spec.items.iter().map(|it| command::SaleItemSpec {
        sku: sku(&it.sku),
        total_units: it.total.0,
        per_buyer_units: it.per_buyer.0,
        price_minor: Minor(it.price_minor.0),
    });
    command::SaleSpec {
        title: spec.title.to_string(),
        scope: scope(&spec.scope),
        items: items.collect(),
        announce_at: spec.announce_at.map(at),
        starts_at: spec.starts_at.map(at),
        countdown_ms: spec.countdown_ms.map(span),
        run_ms: spec.run_ms.map(span),
        hold_ms: spec.hold_ms.map(span),
        min_presence_ms: spec.min_presence_ms.map(span),
        price_hidden: spec.price_hidden,
        reminder_text: spec.reminder_text.to_string(),
        draw,
    }
}

pub(super) fn scope(scope: &object::Scope) -> command::Scope {
    match scope {
        object::Scope::AllRooms => command::Scope::AllRooms,
        object::Scope::Rooms(rooms) => command::Scope::Rooms(rooms.iter().map(room).collect()),
    }
}

pub fn sale_change(change: &object::SaleChange) -> command::SaleChange {
    let totals = change.totals.iter().flat_map(|totals| totals.iter());
    command::SaleChange {
        starts_at: change.starts_at.map(at),
        ends_at: change.ends_at.map(at),
        totals: totals.map(|it| (sku(&it.sku), it.total.0)).collect(),
        reminder_text: change.reminder_text.as_ref().map(|text| text.to_string()),
    }
}

pub fn basket(basket: &request::Basket) -> command::Basket {
    match basket {
        request::Basket::Reservations(ids) => {
            let ids = ids.iter().map(|id| ReservationId::checked(id.as_str()));
            command::Basket::Reservations(ids.collect())
        }
        request::Basket::Lines(lines) => {
            let lines = lines
                .iter()
                .map(|it| command::BasketLine { sku: sku(&it.sku), quantity: it.quantity.0 });
            command::Basket::Lines(lines.collect())
        }
    }
}

pub fn coupon_choice(choice: &request::CouponChoice) -> command::CouponChoice {
    match choice {
        request::CouponChoice::Best => command::CouponChoice::Best,
        request::CouponChoice::These(coupons) => {
            let coupons = coupons.iter().map(|id| CouponId::checked(id.as_str()));
            command::CouponChoice::These(coupons.collect())
        }
    }
}

pub(super) fn address(address: &object::Address) -> command::Address {
    command::Address {
        name: address.name.to_string(),
        phone: address.phone.to_string(),
        lines: address.lines.iter().map(|line| line.to_string()).collect(),
        city: address.city.to_string(),
        postcode: address.postcode.to_string(),
        country: address.country.to_string(),
    }
}

/// The settings after a change; what is absent stays.
pub fn changed_settings(now: &Settings, change: &object::SettingsChange) -> Settings {
    let reminders = change.order_reminders_ms.as_ref();
    Settings {
        reservation_hold_ms: change.reservation_hold_ms.map_or(now.reservation_hold_ms, span),
        payment_grace_ms: change.payment_grace_ms.map_or(now.payment_grace_ms, span),
        min_presence_ms: change.min_presence_ms.map_or(now.min_presence_ms, span),
        sale_countdown_ms: change.sale_countdown_ms.map_or(now.sale_countdown_ms, span),
        sale_run_ms: change.sale_run_ms.map_or(now.sale_run_ms, span),
        sale_reminder_lead_ms: change.sale_reminder_lead_ms.map_or(now.sale_reminder_lead_ms, span),
        unpaid_expiries_max: change.unpaid_expiries_max.unwrap_or(now.unpaid_expiries_max),
        waitlist_offer_ms: change.waitlist_offer_ms.map_or(now.waitlist_offer_ms, span),
        waitlist_factor: change.waitlist_factor.unwrap_or(now.waitlist_factor),
        unpaid_window_ms: change.unpaid_window_ms.map_or(now.unpaid_window_ms, span),
        order_reminders_ms: reminders.map_or_else(
            || now.order_reminders_ms.clone(),
            |list| list.iter().copied().map(span).collect(),
        ),
        shipping_fee_minor: change.shipping_fee_minor.map_or(now.shipping_fee_minor, minor),
        shipping_free_over_minor: change
            .shipping_free_over_minor
            .map_or(now.shipping_free_over_minor, |over| over.map(minor)),
        claim_grace_ms: change.claim_grace_ms.map_or(now.claim_grace_ms, span),
        draw_wins_max: change.draw_wins_max.unwrap_or(now.draw_wins_max),
        draw_repeat_window_ms: change.draw_repeat_window_ms.map_or(now.draw_repeat_window_ms, span),
        count_background: change.count_background.unwrap_or(now.count_background),
    }
}

#[cfg(test)]
mod tests {
    use hawker_protocol::codec::parse_frame;

    use super::*;

    /// What makes something, with a place for the command id; the ids of what is made are left out.
    const MAKING: [&str; 6] = [
        r#""type":"room.create","shop":"acme","command_id":"$","spec":{"title":"Mugs"}"#,
        r#""type":"room.comment","shop":"acme","command_id":"$","room":"r1","text":"hi""#,
        r#""type":"sale.create","shop":"acme","command_id":"$","spec":{"title":"Flash",
            "items":[{"sku":"red","total":3,"per_buyer":1,"price_minor":900}]}"#,
        r#""type":"sale.claim","shop":"acme","command_id":"$","room":"r1","sale":"s1",
            "sku":"red","quantity":1"#,
        r#""type":"sale.offer_accept","shop":"acme","command_id":"$","sale":"s1","sku":"red""#,
        r#""type":"order.place","shop":"acme","command_id":"$","basket":{"reservations":["v1"]},
            "address":{"name":"Ann","phone":"1","lines":["Street 1"],"city":"C","postcode":"1",
            "country":"US"}"#,
    ];

    fn asked(fields: &str, command: &str, user: &str) -> Command {
        let line = format!("{{\"id\":1,{}}}", fields.replace('$', command).replace('\n', " "));
        let (_, request) = parse_frame(&line).next().unwrap().unwrap();
        let user = UserId::parse(user).unwrap();
        let ask = Ask {
            user: &user,
            name: "Ann",
            present_ms: SpanMs(0),
            attachment: None,
            commitment: None,
        };
        translate(&request, &ask).unwrap().command
    }

    #[test]
    fn a_repeated_command_makes_the_same_thing_and_any_other_another() {
        for fields in MAKING {
            let first = asked(fields, "c1", "ann");
            assert_eq!(first, asked(fields, "c1", "ann"), "{fields}");
            assert_ne!(first, asked(fields, "c2", "ann"), "{fields}");
            assert_ne!(first, asked(fields, "c1", "bob"), "{fields}");
        }
    }
}
