//! Flash sales over HTTP. Owns the routes; each verb is the socket's request of the same name and
//! gets the same answer.

use hawker_domain::id::{RoomId, SaleId};
use hawker_protocol::http::{CreateSale, ListSales, Restock, Sales};
use hawker_protocol::object::{Sale, SaleChange, SaleState};
use hawker_protocol::reply::SaleChanged;
use hawker_protocol::{Code, Id, Refusal, request};

use super::call::Call;
use super::problem::{Answered, ok};
use crate::wire;

/// What every verb of a sale starts with: shop, command id, sale.
fn head(call: &Call) -> Result<(Id, Id, Id), Refusal> {
    Ok((call.id("shop")?, call.command_id(), call.id("sale")?))
}

/// Plans a flash sale.
///
/// Without an id the server makes one; with the same `Idempotency-Key` it is the same.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales", tag = "sales",
    request_body = CreateSale,
    responses((status = 201, body = SaleChanged),
        (status = 404, description = "sku_unknown, room_unknown"),
        (status = 409, description = "sale_exists, room_ended, not_for_sale, stock_short")))]
pub(super) async fn create_sale(call: Call) -> Answered {
    let (shop, body): (_, CreateSale) = (call.id("shop")?, call.body()?);
    let sale = Some(body.sale.unwrap_or_else(|| call.made_id()));
    let (command_id, spec) = (call.command_id(), body.spec);
    call.perform_creation(request::SaleCreate { shop, command_id, sale, spec }).await
}

/// Lists the shop's sales, those that are over for a week after their end.
#[utoipa::path(get, path = "/v1/shops/{shop}/sales", tag = "sales",
    params(
        ("state" = Option<SaleState>, Query, description = "Only those in this state."),
        ("room" = Option<Id>, Query, description = "Only those that run in this room."),
    ),
    responses((status = 200, body = Sales)))]
pub(super) async fn list_sales(call: Call) -> Answered {
    let (shop, ListSales { state, room }) = (call.shop()?, call.query()?);
    let room = room.map(|room| RoomId::checked(room.as_str()));
    let views = call.ask(&shop, wire::HOSTS, move |shop, _| match room {
        Some(room) => shop.sales_in(&room),
        None => shop.sales().filter_map(|sale| shop.sale_view(sale)).collect(),
    });
    let wanted = |sale: &Sale| state.is_none_or(|state| state == sale.state);
    let sales = views.await?.iter().map(wire::sale).filter(wanted).collect();
    ok(&Sales { sales })
}

/// Shows a sale, however old.
#[utoipa::path(get, path = "/v1/shops/{shop}/sales/{sale}", tag = "sales",
    responses((status = 200, body = SaleChanged), (status = 404, description = "sale_unknown")))]
pub(super) async fn get_sale(call: Call) -> Answered {
    let (shop, sale) = (call.shop()?, SaleId::checked(call.id("sale")?.as_str()));
    let asked = sale.clone();
    let view = call.ask(&shop, wire::HOSTS, move |shop, _| shop.sale_view(&asked)).await?;
    let view = match view {
        Some(view) => Some(view),
        None => call.service().stored_sale(&shop, &sale).await?,
    };
    let view = view.ok_or(Refusal::new(Code::SaleUnknown))?;
    ok(&SaleChanged { sale: wire::sale(&view) })
}

/// Changes what may still change.
#[utoipa::path(patch, path = "/v1/shops/{shop}/sales/{sale}", tag = "sales",
    request_body = SaleChange,
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown, sku_unknown"),
        (status = 409, description = "sale_not_ready, sale_ended, stock_short, total_too_low")))]
pub(super) async fn change_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    let change: SaleChange = call.body()?;
    call.perform(request::SaleUpdate { shop, command_id, sale, change }).await
}

/// Shows the sale with its countdown; its stock moves out of free stock.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales/{sale}/announce", tag = "sales",
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown"),
        (status = 409, description = "sale_not_ready, stock_short, not_for_sale, room_ended")))]
pub(super) async fn announce_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    call.perform(request::SaleAnnounce { shop, command_id, sale }).await
}

/// Starts now.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales/{sale}/start", tag = "sales",
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown"),
        (status = 409, description = "sale_not_ready, stock_short, not_for_sale, room_ended")))]
pub(super) async fn start_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    call.perform(request::SaleStart { shop, command_id, sale }).await
}

/// Ends now; reservations stay valid.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales/{sale}/end", tag = "sales",
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown"),
        (status = 409, description = "sale_not_ready, sale_ended")))]
pub(super) async fn end_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    call.perform(request::SaleEnd { shop, command_id, sale }).await
}

/// Calls it off; unpaid reservations are released.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales/{sale}/cancel", tag = "sales",
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown"),
        (status = 409, description = "sale_not_ready, sale_ended")))]
pub(super) async fn cancel_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    call.perform(request::SaleCancel { shop, command_id, sale }).await
}

/// Moves free stock into a running sale.
#[utoipa::path(post, path = "/v1/shops/{shop}/sales/{sale}/restock", tag = "sales",
    request_body = Restock,
    responses((status = 200, body = SaleChanged),
        (status = 404, description = "sale_unknown, sku_unknown"),
        (status = 409, description = "sale_not_ready, sale_ended, stock_short")))]
pub(super) async fn restock_sale(call: Call) -> Answered {
    let (shop, command_id, sale) = head(&call)?;
    let Restock { sku, quantity } = call.body()?;
    call.perform(request::SaleRestock { shop, command_id, sale, sku, quantity }).await
}
