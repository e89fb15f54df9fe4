//! Products and their free stock over HTTP. Owns the routes; a stock change reaches viewers with
//! the batch that made it durable.

use hawker_domain::command::{self, ShopCommand};
use hawker_domain::event::Event;
use hawker_domain::id::{ProductId, ShopId, SkuId};
use hawker_domain::view::Change;
use hawker_protocol::http::{AdjustStock, Products, SetStock, SkuStock};
use hawker_protocol::object::{Product, ProductSpec, Stock};
use hawker_protocol::{Code, Refusal};

use super::call::{Call, STAFF};
use super::problem::{Answered, ok};
use crate::{engine, wire};

/// Lists every product, the unlisted ones too.
#[utoipa::path(get, path = "/v1/shops/{shop}/products", tag = "catalogue",
    responses((status = 200, body = Products)))]
pub(super) async fn list_products(call: Call) -> Answered {
    let shop = call.shop()?;
    let asked = call.ask(&shop, STAFF, |shop, _| {
        let currency = shop.currency();
        shop.products().iter().map(|view| wire::product(view, currency)).collect()
    });
    let products = asked.await?;
    ok(&Products { products })
}

/// Shows a product and its free stock.
#[utoipa::path(get, path = "/v1/shops/{shop}/products/{product}", tag = "catalogue",
    responses((status = 200, body = Product), (status = 404, description = "product_unknown")))]
pub(super) async fn get_product(call: Call) -> Answered {
    show(&call, &call.shop()?, product_id(&call)?).await
}

/// Makes a product or replaces its description.
///
/// A new SKU starts without stock; one that is there already keeps its stock.
#[utoipa::path(put, path = "/v1/shops/{shop}/products/{product}", tag = "catalogue",
    request_body = ProductSpec,
    responses((status = 200, body = Product), (status = 409, description = "sku_taken")))]
pub(super) async fn put_product(call: Call) -> Answered {
    let (shop, product) = (call.shop()?, product_id(&call)?);
    let spec = wire::product_spec(&call.body::<ProductSpec>()?);
    let command = ShopCommand::PutProduct { product: product.clone(), spec };
    call.submit(&shop, wire::KEEPERS, command).await?;
    show(&call, &shop, product).await
}

/// Sets what can freely be sold from now on.
///
/// Units that are on hold or in a sale are apart and stay.
#[utoipa::path(put, path = "/v1/shops/{shop}/skus/{sku}/stock", tag = "catalogue",
    request_body = SetStock,
    responses((status = 200, body = SkuStock), (status = 404, description = "sku_unknown")))]
pub(super) async fn set_stock(call: Call) -> Answered {
    let (shop, sku) = (call.shop()?, sku_id(&call)?);
    let stock = wire::stock(call.body::<SetStock>()?.stock);
    let command = ShopCommand::SetStock { sku: sku.clone(), stock };
    let answer = call.submit(&shop, wire::KEEPERS, command).await?;
    ok(&stock_now(&sku, answer, Some(stock))?)
}

/// Adds units that came in, or takes off those that went out.
#[utoipa::path(post, path = "/v1/shops/{shop}/skus/{sku}/stock/adjust", tag = "catalogue",
    request_body = AdjustStock,
    responses((status = 200, body = SkuStock), (status = 404, description = "sku_unknown"),
        (status = 409, description = "stock_short")))]
pub(super) async fn adjust_stock(call: Call) -> Answered {
    let (shop, sku) = (call.shop()?, sku_id(&call)?);
    let delta_units = call.body::<AdjustStock>()?.delta;
    let command = ShopCommand::AdjustStock { sku: sku.clone(), delta_units };
    let answer = call.submit(&shop, wire::KEEPERS, command).await?;
    ok(&stock_now(&sku, answer, None)?)
}

async fn show(call: &Call, shop: &ShopId, product: ProductId) -> Answered {
    let asked = call.ask(shop, STAFF, move |shop, _| {
        let view = shop.product_view(&product)?;
        Some(wire::product(&view, shop.currency()))
    });
    ok(&asked.await?.ok_or(Refusal::new(Code::ProductUnknown))?)
}

/// The stock after a change. A SKU that its product no longer names stands in no view: then what
/// happened says it, or what was asked for and was so already.
fn stock_now(
    sku: &SkuId,
    answer: engine::Answer,
    asked: Option<command::Stock>,
) -> Result<SkuStock, Refusal> {
    let Some(Change::Product(view)) = answer.result else {
        return Err(Refusal::new(Code::Internal));
    };
    let seen = view.stock.iter().find(|(known, _)| known == sku).map(|(_, stock)| *stock);
    let happened = answer.events.iter().find_map(|event| match event {
        Event::StockSet { sku: set, stock } if set == sku => Some(*stock),
        _ => None,
    });
    let stock = match seen.or(happened).or(asked).ok_or(Refusal::new(Code::SkuUnknown))? {
        command::Stock::Units(units) => Stock::Units(units),
        command::Stock::Unlimited => Stock::Unlimited,
    };
    let (sku, product) = (wire::id(sku.clone()), wire::id(view.product));
    Ok(SkuStock { sku, product, stock, version: view.version })
}

fn product_id(call: &Call) -> Result<ProductId, Refusal> {
    call.id("product").map(|id| ProductId::checked(id.as_str()))
}

fn sku_id(call: &Call) -> Result<SkuId, Refusal> {
    call.id("sku").map(|id| SkuId::checked(id.as_str()))
}
