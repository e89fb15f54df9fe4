//! Lucky draws over HTTP: started, watched, computed again, and where the prizes go. Owns the
//! routes; a draw's seed is the server's secret until it is revealed.

use hawker_protocol::http::{CreateDraw, DrawDetail, ListDraws, Prizes};
use hawker_protocol::object::DrawState;
use hawker_protocol::reply::{DrawChanged, Draws};
use hawker_protocol::{Id, request};

use super::call::{Call, STAFF};
use super::problem::{Answered, ok};
use crate::wire;

/// Starts a draw: from now on it runs and cannot be called off.
///
/// One runs in a room at a time, and only where the platform lets the shop draw. The hash of its
/// seed is shown at once. Without an id the server makes one; with the same `Idempotency-Key` it
/// is the same.
#[utoipa::path(post, path = "/v1/shops/{shop}/draws", tag = "draws", request_body = CreateDraw,
    responses((status = 201, body = DrawChanged),
        (status = 403, description = "not_capable"),
        (status = 404, description = "room_unknown"),
        (status = 409, description = "draw_exists, draw_running, room_not_ready, room_ended")))]
pub(super) async fn create_draw(call: Call) -> Answered {
    let (shop, CreateDraw { draw, spec }) = (call.id("shop")?, call.body()?);
    let draw = Some(draw.unwrap_or_else(|| call.made_id()));
    let command_id = call.command_id();
    call.perform_creation(request::DrawCreate { shop, command_id, draw, spec }).await
}

/// Lists the draws that are not done; with a state those in it, for a week after their end.
///
/// Each shows the first of its winners; all stand in the draw itself.
#[utoipa::path(get, path = "/v1/shops/{shop}/draws", tag = "draws",
    params(
        ("room" = Option<Id>, Query, description = "Only those of this room."),
        ("state" = Option<DrawState>, Query, description = "Only those in this state."),
    ),
    responses((status = 200, body = Draws)))]
pub(super) async fn list_draws(call: Call) -> Answered {
    let (shop, ListDraws { room, state }) = (call.shop()?, call.query()?);
    call.admit(&shop, STAFF).await?;
    ok(&call.service().draws(&shop, room.as_ref(), state).await?)
}

/// Shows a draw with everything that it takes to compute its winners again, however old.
///
/// `hawker draw verify` reads this answer from a file.
#[utoipa::path(get, path = "/v1/shops/{shop}/draws/{draw}", tag = "draws",
    responses((status = 200, body = DrawDetail), (status = 404, description = "draw_unknown")))]
pub(super) async fn get_draw(call: Call) -> Answered {
    let (shop, draw) = (call.shop()?, call.id("draw")?);
    call.admit(&shop, STAFF).await?;
    ok(&call.service().draw(&shop, &draw).await?)
}

/// Draws the winners of a draw whose time is over, where the server has not done so by itself.
///
/// A draw that was drawn is shown as it is; one that runs goes on.
#[utoipa::path(post, path = "/v1/shops/{shop}/draws/{draw}/close", tag = "draws",
    responses((status = 200, body = DrawChanged),
        (status = 404, description = "draw_unknown"),
        (status = 409, description = "draw_not_ready")))]
pub(super) async fn close_draw(call: Call) -> Answered {
    let (shop, command_id) = (call.id("shop")?, call.command_id());
    let draw = call.id("draw")?;
    call.perform(request::DrawClose { shop, command_id, draw }).await
}

/// Lists a draw's prizes with the addresses of those who have said one, until they are erased.
#[utoipa::path(get, path = "/v1/shops/{shop}/draws/{draw}/prizes", tag = "draws",
    responses((status = 200, body = Prizes), (status = 404, description = "draw_unknown")))]
pub(super) async fn list_prizes(call: Call) -> Answered {
    let (shop, draw) = (call.shop()?, call.id("draw")?);
    call.admit(&shop, wire::KEEPERS).await?;
    ok(&call.service().prizes(&shop, &draw).await?)
}
