//! Orders and payments over HTTP. Owns the routes; lists and details are read from documents, so
//! that a sleeping shop sleeps on.

use hawker_domain::command::{self, OrderCommand, ReleaseReason, Role};
use hawker_domain::document;
use hawker_domain::id::{OrderId, PaymentId, RefundId, ShopId, UserId};
use hawker_domain::money::{Currency, Minor};
use hawker_domain::view::{Change, OrderView};
use hawker_protocol::http::{
    CancelOrder, CancelReason, ListOrders, OrderDetail, RefundOrder, RefundStage, ReportPayment,
};
use hawker_protocol::object::{Address, PaymentOutcome};
use hawker_protocol::reply::{OrderChanged, Orders};
use hawker_protocol::{Code, Id, Refusal};

use super::call::Call;
use super::problem::{Answered, ok};
use crate::edge::refusals;
use crate::{engine, wire};

/// Lists orders, newest first: all of the shop or those of one buyer.
#[utoipa::path(get, path = "/v1/shops/{shop}/orders", tag = "orders",
    params(
        ("buyer" = Option<Id>, Query, description = "Only this buyer's."),
        ("cursor" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, description = "Absent: 50; at most 200."),
    ),
    responses((status = 200, body = Orders)))]
pub(super) async fn list_orders(call: Call) -> Answered {
    let (shop, list): (_, ListOrders) = (call.shop()?, call.query()?);
    call.admit(&shop, wire::KEEPERS).await?;
    let prefix = match &list.buyer {
        Some(buyer) => document::buyer_orders_prefix(&UserId::checked(buyer.as_str())),
        None => document::SHOP_ORDERS_PREFIX.to_owned(),
    };
    let page = call.service().orders_under(&shop, &prefix, list.cursor.as_deref(), list.limit);
    let (orders, next) = page.await?;
    ok(&Orders { orders: orders.iter().map(wire::order).collect(), next })
}

/// Shows an order, with its address until the buyer is erased.
#[utoipa::path(get, path = "/v1/shops/{shop}/orders/{order}", tag = "orders",
    responses((status = 200, body = OrderDetail), (status = 404, description = "order_unknown")))]
pub(super) async fn get_order(call: Call) -> Answered {
    let (shop, order) = (call.shop()?, order_id(&call)?);
    call.admit(&shop, wire::KEEPERS).await?;
    let view = call.service().stored_order(&shop, &order).await?;
    let view = view.ok_or(Refusal::new(Code::OrderUnknown))?;
    let address = address_of(&call, &shop, &view).await?;
    ok(&OrderDetail { order: wire::order(&view), address })
}

async fn address_of(
    call: &Call,
    shop: &ShopId,
    order: &OrderView,
) -> Result<Option<Address>, Refusal> {
    let key = document::address_key(&order.buyer, &order.order);
    let found = call.service().engine().document(shop, &key).await;
    let bytes = found.map_err(|error| refusals::of_journal(&error))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let read = serde_json::from_slice::<command::Address>(&bytes).ok();
    read.and_then(wire::address).map(Some).ok_or_else(|| {
        tracing::error!(%shop, order = %order.order, "an order's address cannot be read");
        Refusal::new(Code::Internal)
    })
}

/// Cancels an order that is not paid.
#[utoipa::path(post, path = "/v1/shops/{shop}/orders/{order}/cancel", tag = "orders",
    request_body = CancelOrder,
    responses((status = 200, body = OrderChanged), (status = 404, description = "order_unknown"),
        (status = 409, description = "order_not_ready, order_archived")))]
pub(super) async fn cancel_order(call: Call) -> Answered {
    let (shop, order) = (call.shop()?, order_id(&call)?);
    let reason = match call.body::<CancelOrder>()?.reason {
        CancelReason::SellerCancel => ReleaseReason::SellerCancel,
        CancelReason::Fraud => ReleaseReason::Fraud,
    };
    let command = OrderCommand::Cancel { order: order.clone(), reason };
    let answer = call.submit(&shop, wire::KEEPERS, command).await?;
    ok(&changed(&call, &shop, &order, answer).await?)
}

/// Reports what the payment provider said.
///
/// The provider's payment id is the key: the same report again is answered alike, with or without
/// an `Idempotency-Key`, and a success after a decline under one id counts. Money that buys nothing
/// shows in `refunds_required`. A week after an order was paid or cancelled new money buys nothing
/// any more; 97 days later it is not matched.
#[utoipa::path(post, path = "/v1/shops/{shop}/orders/{order}/payments", tag = "orders",
    request_body = ReportPayment,
    responses((status = 200, body = OrderChanged),
        (status = 404, description = "payment_unmatched"),
        (status = 409, description = "payment_mismatch, payment_conflict")))]
pub(super) async fn report_payment(call: Call) -> Answered {
    let (shop, order) = (call.shop()?, order_id(&call)?);
    let body: ReportPayment = call.body()?;
    let currency = Currency::parse(&body.currency)
        .map_err(|problem| Refusal::invalid_field("currency", problem))?;
    let report = command::PaymentReport {
        amount_minor: Minor(body.amount_minor.0),
        currency,
        outcome: match body.outcome {
            PaymentOutcome::Succeeded => command::PaymentOutcome::Succeeded,
            PaymentOutcome::Declined => command::PaymentOutcome::Declined,
            PaymentOutcome::DeclinedFinally => command::PaymentOutcome::DeclinedFinally,
        },
    };
    let payment = PaymentId::checked(body.payment.as_str());
    let command = OrderCommand::RecordPayment { order: order.clone(), payment, report };
    let answer = call.submit(&shop, &[Role::Service], command).await?;
    ok(&changed(&call, &shop, &order, answer).await?)
}

/// Records units of a paid order whose money goes back, and says how much of it there is so far.
///
/// The shop's own refund id is the key: the same refund again is answered alike, with or without
/// an `Idempotency-Key`. What each unit gives back follows from the order's `quote`. A refund of
/// the whole order before it was shipped gives its coupons back, too, if they have not ended. The
/// money itself is sent at the payment provider. A week after it was paid an order is archived and
/// takes no more of them; its `quote` still says what a unit cost.
#[utoipa::path(post, path = "/v1/shops/{shop}/orders/{order}/refunds", tag = "orders",
    request_body = RefundOrder,
    responses((status = 200, body = OrderChanged), (status = 404, description = "order_unknown"),
        (status = 409, description = "order_not_ready, order_archived, refund_exists, \
            refund_too_large")))]
pub(super) async fn refund_order(call: Call) -> Answered {
    let (shop, order) = (call.shop()?, order_id(&call)?);
    let RefundOrder { refund, units, shipping, stage } = call.body()?;
    let refund = RefundId::checked(refund.as_str());
    let request = command::RefundRequest {
        units: units.iter().map(|line| (line.line, line.quantity.0)).collect(),
        shipping,
        stage: match stage {
            RefundStage::BeforeShipment => command::RefundStage::BeforeShipment,
            RefundStage::AfterShipment => command::RefundStage::AfterShipment,
        },
    };
    let command = OrderCommand::Refund { order: order.clone(), refund, request };
    let answer = call.submit(&shop, wire::KEEPERS, command).await?;
    ok(&changed(&call, &shop, &order, answer).await?)
}

/// The order as the shop has it, or as it was written down if it is archived.
async fn changed(
    call: &Call,
    shop: &ShopId,
    order: &OrderId,
    answer: engine::Answer,
) -> Result<OrderChanged, Refusal> {
    if let Some(Change::Order(view)) = answer.result {
        return Ok(OrderChanged { order: wire::order(&view) });
    }
    let view = call.service().stored_order(shop, order).await?;
    let view = view.ok_or(Refusal::new(Code::Internal))?;
    Ok(OrderChanged { order: wire::order(&view) })
}

fn order_id(call: &Call) -> Result<OrderId, Refusal> {
    call.id("order").map(|id| OrderId::checked(id.as_str()))
}
