//! Shops over HTTP: creating, reading, renaming, settings. Owns the routes of a shop itself.

use hawker_domain::command::{Actor, Command, Role, ShopCommand};
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use hawker_domain::shop::Shop;
use hawker_domain::time::Millis;
use hawker_domain::view::Change;
use hawker_domain::{Rejection, id::ShopId};
use hawker_protocol::http::{ChangeShop, CreateShop};
use hawker_protocol::reply::ShopChanged;
use hawker_protocol::{Code, Refusal};

use super::call::{Call, STAFF};
use super::problem::{Answered, created, ok};
use crate::{engine, wire};

/// Creates a shop.
///
/// The token's role must be `service` and its claim `shop` must name the new shop.
#[utoipa::path(post, path = "/v1/shops", tag = "shops", request_body = CreateShop,
    responses((status = 201, body = ShopChanged), (status = 409, description = "shop_exists")))]
pub(super) async fn create_shop(call: Call) -> Answered {
    let body: CreateShop = call.body()?;
    let currency = Currency::parse(&body.currency)
        .map_err(|problem| Refusal::invalid_field("currency", problem))?;
    let shop = wire::shop_id(&body.shop);
    let settings = wire::changed_settings(&Settings::default(), &body.settings);
    let command = ShopCommand::Create { name: body.name.into_string(), currency, settings };
    let answer = call.submit(&shop, &[Role::Service], command).await?;
    created(&changed(&shop, answer)?)
}

/// Shows a shop and its settings.
#[utoipa::path(get, path = "/v1/shops/{shop}", tag = "shops",
    responses((status = 200, body = ShopChanged)))]
pub(super) async fn get_shop(call: Call) -> Answered {
    show(&call, &call.shop()?).await
}

/// Renames a shop and changes its settings; what is absent stays.
///
/// Of a request that cannot be done as a whole nothing is done.
#[utoipa::path(patch, path = "/v1/shops/{shop}", tag = "shops", request_body = ChangeShop,
    responses((status = 200, body = ShopChanged)))]
pub(super) async fn change_shop(call: Call) -> Answered {
    let (shop, body): (_, ChangeShop) = (call.shop()?, call.body()?);
    let actor = call.actor(&shop, wire::KEEPERS)?;
    let planned = call.ask(&shop, wire::KEEPERS, move |shop, now| plan(shop, &actor, &body, now));
    let commands = planned.await?.map_err(|rejection| wire::rejection_refusal(&rejection))?;
    let mut answer = None;
    for command in commands {
        answer = Some(match answer {
            None => call.submit(&shop, wire::KEEPERS, command).await?,
            Some(_) => call.submit_part(&shop, wire::KEEPERS, command, "name").await?,
        });
    }
    match answer {
        Some(answer) => ok(&changed(&shop, answer)?),
        None => show(&call, &shop).await,
    }
}

/// The commands of a change. All of them are tried before the first is carried out.
fn plan(
    shop: &Shop,
    actor: &Actor,
    body: &ChangeShop,
    now: Millis,
) -> Result<Vec<Command>, Rejection> {
    let mut commands: Vec<Command> = Vec::new();
    if let Some(change) = &body.settings {
        let settings = wire::changed_settings(shop.settings(), change);
        commands.push(ShopCommand::SetSettings { settings }.into());
    }
    if let Some(name) = &body.name {
        commands.push(ShopCommand::Rename { name: name.to_string() }.into());
    }
    for command in &commands {
        shop.decide(actor, command, now)?;
    }
    Ok(commands)
}

async fn show(call: &Call, shop: &ShopId) -> Answered {
    let view = call.ask(shop, STAFF, |shop, _| shop.view()).await?;
    let view = view.ok_or(Refusal::new(Code::ShopUnknown))?;
    ok(&ShopChanged { shop: wire::shop(shop, &view) })
}

fn changed(shop: &ShopId, answer: engine::Answer) -> Result<ShopChanged, Refusal> {
    match answer.result {
        Some(Change::Shop(view)) => Ok(ShopChanged { shop: wire::shop(shop, &view) }),
        _ => Err(Refusal::new(Code::Internal)),
    }
}
