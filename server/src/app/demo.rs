//! The demo: a shop to play with, and tokens for whoever asks. Runs on loopback only.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hawker_domain::command::{
    Actor, Capabilities, DeskCommand, Faq, PromoCommand, Role, RoomCommand, ShopCommand, Stock,
};
use hawker_domain::id::{FaqId, ProductId, QuickReplyId, RoomId, ShopId, UserId};
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use hawker_domain::shop::Shop;
use hawker_domain::time::SpanMs;
use hawker_domain::view::RoomState;
use hawker_domain::{Command, command};
use hawker_protocol::{Code, Refusal, object};
use http::StatusCode;
use serde::Deserialize;

use crate::clock::Clock;
use crate::edge::auth::{Grant, Minter};
use crate::edge::service::Service;
use crate::wire;

const SHOP: &str = "demo";

/// How long the demo's tokens last: a long evening.
const TOKEN_TTL: SpanMs = SpanMs::hours(12);

/// The demo shop, in the words of the HTTP interface.
const FURNITURE: &str = include_str!("../../../config/demo-shop.json");

#[derive(Deserialize)]
struct Furniture {
    name: String,
    currency: String,
    settings: object::SettingsChange,
    stock_units: u64,
    products: Vec<Furnished>,
    faq: Vec<object::Faq>,
    card: Vec<hawker_protocol::Id>,
    quick_replies: Vec<object::QuickReply>,
    campaigns: Vec<Campaign>,
    price_rules: Vec<PriceRule>,
    room: object::RoomSpec,
}

#[derive(Deserialize)]
struct Furnished {
    product: hawker_protocol::Id,
    spec: object::ProductSpec,
}

#[derive(Deserialize)]
struct Campaign {
    campaign: hawker_protocol::Id,
    spec: object::CampaignSpec,
}

#[derive(Deserialize)]
struct PriceRule {
    rule: hawker_protocol::Id,
    spec: object::RuleSpec,
}

/// Sets the shop up, or what is missing of it, and opens a room if none is live.
pub(super) async fn furnish(service: &Arc<Service>) -> anyhow::Result<()> {
    let furniture: Furniture = serde_json::from_str(FURNITURE)?;
    let shop = ShopId::parse(SHOP)?;
    let known = service.ask(&shop, |shop, _| shop.view().is_some()).await?;
    if !known {
        set_up(service, &shop, &furniture).await?;
    }
    let texts = service.ask(&shop, |shop, _| shop.desk_texts()).await?;
    if texts.faq.is_empty() && texts.quick_replies.is_empty() {
        write_texts(service, &shop, &furniture).await?;
    }
    let plain = |shop: &Shop| shop.campaigns().is_empty() && !shop.capabilities().lucky_draws;
    if service.ask(&shop, move |shop, _| plain(shop)).await? {
        give_away(service, &shop, &furniture).await?;
    }
    let open = |state| matches!(state, RoomState::Live | RoomState::Paused);
    let rooms = service.ask(&shop, |shop, _| shop.rooms()).await?;
    if rooms.iter().any(|room| open(room.state)) {
        return Ok(());
    }
    let (room, host) = (RoomId::parse(&wire::fresh_id())?, UserId::parse("host")?);
    let spec = wire::room_spec(&furniture.room, &host);
    let products = furniture.products.iter().map(|it| ProductId::checked(it.product.as_str()));
    let bag = products.collect();
    for command in [
        RoomCommand::Create { room: room.clone(), spec },
        RoomCommand::SetBag { room: room.clone(), products: bag },
        RoomCommand::Start { room },
    ] {
        carry_out(service, &shop, command.into()).await?;
    }
    Ok(())
}

async fn set_up(service: &Service, shop: &ShopId, furniture: &Furniture) -> anyhow::Result<()> {
    let settings = wire::changed_settings(&Settings::default(), &furniture.settings);
    let (name, currency) = (furniture.name.clone(), Currency::parse(&furniture.currency)?);
    carry_out(service, shop, ShopCommand::Create { name, currency, settings }.into()).await?;
    for Furnished { product, spec } in &furniture.products {
        let product = ProductId::checked(product.as_str());
        let spec = wire::product_spec(spec);
        let skus: Vec<_> = spec.skus.iter().map(|it| it.sku.clone()).collect();
        carry_out(service, shop, ShopCommand::PutProduct { product, spec }.into()).await?;
        for sku in skus {
            let stock = Stock::Units(furniture.stock_units);
            carry_out(service, shop, ShopCommand::SetStock { sku, stock }.into()).await?;
        }
    }
    let (user, roles) = (UserId::parse("host")?, BTreeSet::from([Role::Streamer, Role::Manager]));
    carry_out(service, shop, ShopCommand::PutStaff { user, roles }.into()).await
}

/// What the shop's people have written beforehand.
async fn write_texts(
    service: &Service,
    shop: &ShopId,
    furniture: &Furniture,
) -> anyhow::Result<()> {
    for object::Faq { faq, question, answer } in &furniture.faq {
        let (faq, question, answer) =
            (FaqId::checked(faq.as_str()), question.clone(), answer.clone());
        let entry = Faq { question, answer };
        carry_out(service, shop, DeskCommand::PutFaq { faq, entry }.into()).await?;
    }
    let questions = furniture.card.iter().map(|faq| FaqId::checked(faq.as_str())).collect();
    carry_out(service, shop, DeskCommand::SetFaqCard { questions }.into()).await?;
    for object::QuickReply { quick_reply, text } in &furniture.quick_replies {
        let quick_reply = QuickReplyId::checked(quick_reply.as_str());
        let text = text.clone();
        carry_out(service, shop, DeskCommand::PutQuickReply { quick_reply, text }.into()).await?;
    }
    Ok(())
}

/// Coupons, a price rule, and leave to draw lots.
async fn give_away(service: &Service, shop: &ShopId, furniture: &Furniture) -> anyhow::Result<()> {
    let capabilities = Capabilities { lucky_draws: true };
    carry_out(service, shop, PromoCommand::SetCapabilities { capabilities }.into()).await?;
    for PriceRule { rule, spec } in &furniture.price_rules {
        let (rule, spec) = (wire::rule_id(rule), wire::rule_spec(spec));
        carry_out(service, shop, PromoCommand::PutRule { rule, spec }.into()).await?;
    }
    for Campaign { campaign, spec } in &furniture.campaigns {
        let (campaign, spec) = (wire::campaign_id(campaign), wire::campaign_spec(spec));
        let create = PromoCommand::CreateCampaign { campaign: campaign.clone(), spec };
        carry_out(service, shop, create.into()).await?;
        carry_out(service, shop, PromoCommand::OpenCampaign { campaign }.into()).await?;
    }
    Ok(())
}

async fn carry_out(service: &Service, shop: &ShopId, command: Command) -> anyhow::Result<()> {
    let actor = Actor { user: UserId::parse("demo")?, role: command::Role::Service };
    let id = hawker_domain::id::CommandId::parse(&wire::fresh_id())?;
    service.submit(shop, actor, command, id, 0).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Wanted {
    user: String,
    name: Option<String>,
    role: Option<object::Role>,
    shop: Option<String>,
}

struct Mint {
    minter: Minter,
    clock: Clock,
}

/// `GET /demo/token?user=&name=&role=&shop=`: a token that is worth something in this process
/// only.
pub(super) fn router(minter: Minter, clock: Clock) -> Router {
    let mint = Arc::new(Mint { minter, clock });
    Router::new().route("/demo/token", get(on_token)).with_state(mint)
}

async fn on_token(State(mint): State<Arc<Mint>>, Query(wanted): Query<Wanted>) -> Response {
    match mint.token(wanted) {
        Ok(token) => Json(serde_json::json!({ "token": token })).into_response(),
        Err(refusal) => {
            (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": refusal }))).into_response()
        }
    }
}

impl Mint {
    fn token(&self, wanted: Wanted) -> Result<String, Refusal> {
        let user = UserId::parse(&wanted.user)
            .map_err(|problem| Refusal::invalid_field("user", problem))?;
        let shop = wanted.shop.as_deref().unwrap_or(SHOP);
        let shop =
            ShopId::parse(shop).map_err(|problem| Refusal::invalid_field("shop", problem))?;
        let roles = wire::roles(&[wanted.role.unwrap_or_default()]).into_iter().collect();
        let (name, shops) = (wanted.name, vec![shop]);
        let grant = Grant { user, name, roles, shops, sid: None, ttl: TOKEN_TTL };
        let minted = self.minter.mint(&grant, self.clock.now());
        minted.map_err(|error| {
            tracing::error!(%error, "a demo token cannot be signed");
            Refusal::new(Code::Internal)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_of_the_demo_names_questions_that_are_there() {
        let furniture: Furniture = serde_json::from_str(FURNITURE).unwrap();
        let known: BTreeSet<&str> = furniture.faq.iter().map(|it| it.faq.as_str()).collect();
        assert!(furniture.card.iter().all(|faq| known.contains(faq.as_str())));
        assert!(furniture.card.len() <= hawker_protocol::limits::CARD_QUESTIONS_MAX);
        assert!(!furniture.quick_replies.is_empty());
    }
}
