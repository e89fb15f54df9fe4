//! Rooms over HTTP: the streamer's verbs. Owns the routes; each is the socket's request of the same
//! name and gets the same answer.

use hawker_domain::id::RoomId;
use hawker_protocol::http::{
    CreateRoom, ListRooms, Restrict, SetBag, SetKeywords, SetPin, SetSlowMode,
};
use hawker_protocol::reply::{Dashboard, Done, KeywordsChanged, Restricted, RoomChanged, Rooms};
use hawker_protocol::{Code, Id, Refusal, object, request};

use super::call::{Call, STAFF};
use super::problem::{Answered, ok};
use crate::wire;

/// What every verb of a room starts with: shop, command id, room.
fn head(call: &Call) -> Result<(Id, Id, Id), Refusal> {
    Ok((call.id("shop")?, call.command_id(), call.id("room")?))
}

/// Schedules a room.
///
/// Without an id the server makes one; with the same `Idempotency-Key` it is the same.
#[utoipa::path(post, path = "/v1/shops/{shop}/rooms", tag = "rooms",
    request_body = CreateRoom,
    responses((status = 201, body = RoomChanged), (status = 409, description = "room_exists")))]
pub(super) async fn create_room(call: Call) -> Answered {
    let (shop, body): (_, CreateRoom) = (call.id("shop")?, call.body()?);
    let room = Some(body.room.unwrap_or_else(|| call.made_id()));
    let (command_id, spec) = (call.command_id(), body.spec);
    call.perform_creation(request::RoomCreate { shop, command_id, room, spec }).await
}

/// Lists the shop's rooms.
#[utoipa::path(get, path = "/v1/shops/{shop}/rooms", tag = "rooms",
    params(
        ("state" = Option<object::RoomState>, Query, description = "Only those in this state."),
    ),
    responses((status = 200, body = Rooms)))]
pub(super) async fn list_rooms(call: Call) -> Answered {
    let (shop, ListRooms { state }) = (call.id("shop")?, call.query()?);
    call.perform(request::RoomList { shop, state }).await
}

/// Shows a room.
#[utoipa::path(get, path = "/v1/shops/{shop}/rooms/{room}", tag = "rooms",
    responses((status = 200, body = RoomChanged), (status = 404, description = "room_unknown")))]
pub(super) async fn get_room(call: Call) -> Answered {
    let (shop, room) = (call.shop()?, RoomId::checked(call.id("room")?.as_str()));
    let view = call.ask(&shop, STAFF, move |shop, _| shop.room_view(&room)).await?;
    let view = view.ok_or(Refusal::new(Code::RoomUnknown))?;
    ok(&RoomChanged { room: wire::room(&view) })
}

/// Goes live.
#[utoipa::path(post, path = "/v1/shops/{shop}/rooms/{room}/start", tag = "rooms",
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_not_ready, room_ended")))]
pub(super) async fn start_room(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    call.perform(request::RoomStart { shop, command_id, room }).await
}

/// Pauses the live clock; claims go on.
#[utoipa::path(post, path = "/v1/shops/{shop}/rooms/{room}/pause", tag = "rooms",
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_not_ready, room_ended")))]
pub(super) async fn pause_room(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    call.perform(request::RoomPause { shop, command_id, room }).await
}

/// Goes on after a pause.
#[utoipa::path(post, path = "/v1/shops/{shop}/rooms/{room}/resume", tag = "rooms",
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_not_ready, room_ended")))]
pub(super) async fn resume_room(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    call.perform(request::RoomResume { shop, command_id, room }).await
}

/// Ends a room and its sales for good.
#[utoipa::path(post, path = "/v1/shops/{shop}/rooms/{room}/end", tag = "rooms",
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_not_ready, room_ended")))]
pub(super) async fn end_room(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    call.perform(request::RoomEnd { shop, command_id, room }).await
}

/// Replaces the bag: the products shown, in order.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/bag", tag = "rooms",
    request_body = SetBag,
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown, product_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn set_bag(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let SetBag { products } = call.body()?;
    call.perform(request::RoomBag { shop, command_id, room, products }).await
}

/// Shows one product large.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/pin", tag = "rooms",
    request_body = SetPin,
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown, sku_unknown"),
        (status = 409, description = "room_ended, room_not_ready, not_listed, out_of_stock")))]
pub(super) async fn pin_product(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let SetPin { sku } = call.body()?;
    call.perform(request::RoomPin { shop, command_id, room, sku }).await
}

/// Shows none large.
#[utoipa::path(delete, path = "/v1/shops/{shop}/rooms/{room}/pin", tag = "rooms",
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended, nothing_pinned")))]
pub(super) async fn unpin_product(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    call.perform(request::RoomUnpin { shop, command_id, room }).await
}

/// Sets the least time between two comments of one buyer; 0 turns it off.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/slow-mode", tag = "rooms",
    request_body = SetSlowMode,
    responses((status = 200, body = RoomChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn set_slow_mode(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let SetSlowMode { interval_ms } = call.body()?;
    call.perform(request::RoomSlowMode { shop, command_id, room, interval_ms }).await
}

/// Replaces the words that comments must not contain.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/keywords", tag = "rooms",
    request_body = SetKeywords,
    responses((status = 200, body = KeywordsChanged),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn set_keywords(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let SetKeywords { keywords } = call.body()?;
    call.perform(request::RoomKeywords { shop, command_id, room, keywords }).await
}

/// Lets a user read but not comment.
///
/// Without a body it lasts until it is lifted.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/mutes/{user}", tag = "rooms",
    request_body = Option<Restrict>,
    responses((status = 200, body = Restricted),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn mute_user(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let (user, Restrict { for_ms }) = (call.id("user")?, call.body_or_default()?);
    call.perform(request::RoomMute { shop, command_id, room, user, for_ms }).await
}

/// Lifts a mute.
#[utoipa::path(delete, path = "/v1/shops/{shop}/rooms/{room}/mutes/{user}", tag = "rooms",
    responses((status = 200, body = Done),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn unmute_user(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let user = call.id("user")?;
    call.perform(request::RoomUnmute { shop, command_id, room, user }).await
}

/// Sends a user out of the room.
///
/// Without a body it lasts until it is lifted.
#[utoipa::path(put, path = "/v1/shops/{shop}/rooms/{room}/bans/{user}", tag = "rooms",
    request_body = Option<Restrict>,
    responses((status = 200, body = Restricted),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn ban_user(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let (user, Restrict { for_ms }) = (call.id("user")?, call.body_or_default()?);
    call.perform(request::RoomBan { shop, command_id, room, user, for_ms }).await
}

/// Lifts a ban.
#[utoipa::path(delete, path = "/v1/shops/{shop}/rooms/{room}/bans/{user}", tag = "rooms",
    responses((status = 200, body = Done),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn unban_user(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let user = call.id("user")?;
    call.perform(request::RoomUnban { shop, command_id, room, user }).await
}

/// Takes a comment away from everybody.
#[utoipa::path(delete, path = "/v1/shops/{shop}/rooms/{room}/comments/{comment}", tag = "rooms",
    responses((status = 200, body = Done),
        (status = 404, description = "room_unknown, comment_unknown"),
        (status = 409, description = "room_ended")))]
pub(super) async fn delete_comment(call: Call) -> Answered {
    let (shop, command_id, room) = head(&call)?;
    let comment = call.id("comment")?;
    call.perform(request::RoomDeleteComment { shop, command_id, room, comment }).await
}

/// Shows the figures of a room.
#[utoipa::path(get, path = "/v1/shops/{shop}/rooms/{room}/dashboard", tag = "rooms",
    responses((status = 200, body = Dashboard), (status = 404, description = "room_unknown")))]
pub(super) async fn get_dashboard(call: Call) -> Answered {
    let (shop, room) = (call.id("shop")?, call.id("room")?);
    call.perform(request::RoomDashboard { shop, room }).await
}
