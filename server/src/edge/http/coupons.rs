//! A buyer's coupons and what a basket would cost him, over HTTP. Owns the routes; claiming is the
//! buyer's own, over his socket.

use hawker_domain::id::UserId;
use hawker_protocol::http::{ListCoupons, QuoteCart};
use hawker_protocol::reply::{Coupons, Quoted, Revoked};
use hawker_protocol::request::{self, RevokeOf};
use hawker_protocol::{Id, Refusal};

use super::call::Call;
use super::problem::{Answered, ok};
use crate::wire;

/// Shows what a buyer may claim, what he has, and how far he is.
///
/// The first page has all that is his own; further ones have more offers.
#[utoipa::path(get, path = "/v1/shops/{shop}/buyers/{buyer}/coupons", tag = "buyers",
    params(
        ("room" = Option<Id>, Query, description = "Only offers of this room."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Coupons)))]
pub(super) async fn list_coupons(call: Call) -> Answered {
    let (shop, buyer, asked): (_, _, ListCoupons) = (call.shop()?, buyer(&call)?, call.query()?);
    call.admit(&shop, wire::SPEAKERS).await?;
    let ListCoupons { room, cursor, limit } = asked;
    let page = call.service().coupons_of(&shop, &buyer, room.as_ref(), cursor.as_deref(), limit);
    ok(&page.await?)
}

/// Says what a basket would cost a buyer now, line by line: which layer, what rule, who pays.
///
/// Nothing is held by it. What is named in `coupons` must take something off.
#[utoipa::path(post, path = "/v1/shops/{shop}/buyers/{buyer}/quotes", tag = "buyers",
    request_body = QuoteCart,
    responses((status = 200, body = Quoted),
        (status = 404, description = "sku_unknown, reservation_unknown, coupon_unknown"),
        (status = 409, description = "not_for_sale, reservation_not_held, coupon_not_usable, \
            coupon_not_applicable")))]
pub(super) async fn quote_cart(call: Call) -> Answered {
    let (shop, buyer, asked): (_, _, QuoteCart) = (call.shop()?, buyer(&call)?, call.body()?);
    call.admit(&shop, wire::SPEAKERS).await?;
    let QuoteCart { basket, coupons, room } = asked;
    let quote = call.service().quote(&shop, &buyer, &basket, &coupons, room.as_ref()).await?;
    ok(&Quoted { quote })
}

/// Takes a coupon back that is in no order.
#[utoipa::path(post, path = "/v1/shops/{shop}/coupons/{coupon}/revoke", tag = "campaigns",
    responses((status = 200, body = Revoked),
        (status = 404, description = "coupon_unknown, campaign_unknown"),
        (status = 409, description = "coupon_not_usable")))]
pub(super) async fn revoke_coupon(call: Call) -> Answered {
    let (shop, command_id) = (call.id("shop")?, call.command_id());
    let of = RevokeOf::Coupon(call.id("coupon")?);
    call.perform(request::CouponRevoke { shop, command_id, of }).await
}

fn buyer(call: &Call) -> Result<UserId, Refusal> {
    call.id("buyer").map(|id| UserId::checked(id.as_str()))
}
