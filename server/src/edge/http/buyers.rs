//! Buyers over HTTP: what a shop knows of one, and forgetting him. Owns the routes.

use hawker_domain::command::ShopCommand;
use hawker_domain::id::UserId;
use hawker_protocol::http::{Buyer, BuyerErased};
use hawker_protocol::{Code, Refusal};

use super::call::Call;
use super::problem::{Answered, ok};
use crate::wire;

/// Shows a buyer's open business: holds, unpaid orders, waitlists.
#[utoipa::path(get, path = "/v1/shops/{shop}/buyers/{buyer}", tag = "buyers",
    responses((status = 200, body = Buyer)))]
pub(super) async fn get_buyer(call: Call) -> Answered {
    let (shop, buyer) = (call.shop()?, call.id("buyer")?);
    let user = UserId::checked(buyer.as_str());
    let view = call.ask(&shop, wire::KEEPERS, move |shop, _| shop.buyer_view(&user)).await?;
    ok(&Buyer { buyer, state: wire::buyer(&view) })
}

/// Erases a person: texts, names, addresses and the files he sent are gone.
///
/// Closed orders and holds go on under his id, since stock and money hang on them. An order that
/// may still be paid keeps its address: cancel it first, or wait for its end. The address of a paid
/// order goes too, so read it before if it is still to be sent.
#[utoipa::path(delete, path = "/v1/shops/{shop}/buyers/{buyer}", tag = "buyers",
    responses((status = 200, body = BuyerErased), (status = 409, description = "orders_open")))]
pub(super) async fn erase_buyer(call: Call) -> Answered {
    let (shop, buyer) = (call.shop()?, call.id("buyer")?);
    let command = ShopCommand::EraseBuyer { buyer: UserId::checked(buyer.as_str()) };
    call.submit(&shop, wire::KEEPERS, command).await?;
    let erased = call.state().uploads.erase(&shop, &UserId::checked(buyer.as_str())).await;
    // The command stands; asked again it changes nothing, and the files have another turn.
    erased.map_err(|_| Refusal::new(Code::Retry))?;
    ok(&BuyerErased { buyer })
}
