//! HTTP for a shop's other systems: JSON under `/v1`, the same verbs and codes as the socket.
//! Owns the routes and the shape of their answers; what a verb does is `edge::service`'s business.
//!
//! | path under `/v1` | methods |
//! |---|---|
//! | `/shops` | POST |
//! | `/shops/{shop}` | GET PATCH |
//! | `/shops/{shop}/products` | GET |
//! | `/shops/{shop}/products/{product}` | GET PUT |
//! | `/shops/{shop}/skus/{sku}/stock` | PUT |
//! | `/shops/{shop}/skus/{sku}/stock/adjust` | POST |
//! | `/shops/{shop}/staff` | GET |
//! | `/shops/{shop}/staff/{user}` | PUT DELETE |
//! | `/shops/{shop}/rooms` | GET POST |
//! | `/shops/{shop}/rooms/{room}` | GET |
//! | `/shops/{shop}/rooms/{room}/start` | POST |
//! | `/shops/{shop}/rooms/{room}/pause` | POST |
//! | `/shops/{shop}/rooms/{room}/resume` | POST |
//! | `/shops/{shop}/rooms/{room}/end` | POST |
//! | `/shops/{shop}/rooms/{room}/bag` | PUT |
//! | `/shops/{shop}/rooms/{room}/pin` | PUT DELETE |
//! | `/shops/{shop}/rooms/{room}/slow-mode` | PUT |
//! | `/shops/{shop}/rooms/{room}/keywords` | PUT |
//! | `/shops/{shop}/rooms/{room}/mutes/{user}` | PUT DELETE |
//! | `/shops/{shop}/rooms/{room}/bans/{user}` | PUT DELETE |
//! | `/shops/{shop}/rooms/{room}/comments/{comment}` | DELETE |
//! | `/shops/{shop}/rooms/{room}/dashboard` | GET |
//! | `/shops/{shop}/sales` | GET POST |
//! | `/shops/{shop}/sales/{sale}` | GET PATCH |
//! | `/shops/{shop}/sales/{sale}/announce` | POST |
//! | `/shops/{shop}/sales/{sale}/start` | POST |
//! | `/shops/{shop}/sales/{sale}/end` | POST |
//! | `/shops/{shop}/sales/{sale}/cancel` | POST |
//! | `/shops/{shop}/sales/{sale}/restock` | POST |
//! | `/shops/{shop}/orders` | GET |
//! | `/shops/{shop}/orders/{order}` | GET |
//! | `/shops/{shop}/orders/{order}/cancel` | POST |
//! | `/shops/{shop}/orders/{order}/payments` | POST |
//! | `/shops/{shop}/orders/{order}/refunds` | POST |
//! | `/shops/{shop}/buyers/{buyer}` | GET DELETE |
//! | `/shops/{shop}/buyers/{buyer}/coupons` | GET |
//! | `/shops/{shop}/buyers/{buyer}/quotes` | POST |
//! | `/shops/{shop}/campaigns` | GET POST |
//! | `/shops/{shop}/campaigns/{campaign}` | GET |
//! | `/shops/{shop}/campaigns/{campaign}/announce` | POST |
//! | `/shops/{shop}/campaigns/{campaign}/open` | POST |
//! | `/shops/{shop}/campaigns/{campaign}/push` | POST |
//! | `/shops/{shop}/campaigns/{campaign}/grants` | POST |
//! | `/shops/{shop}/campaigns/{campaign}/end` | POST |
//! | `/shops/{shop}/campaigns/{campaign}/revoke` | POST |
//! | `/shops/{shop}/coupons/{coupon}/revoke` | POST |
//! | `/shops/{shop}/price-rules` | GET |
//! | `/shops/{shop}/price-rules/{rule}` | PUT DELETE |
//! | `/shops/{shop}/stacking` | PUT |
//! | `/shops/{shop}/capabilities` | GET PATCH |
//! | `/shops/{shop}/draws` | GET POST |
//! | `/shops/{shop}/draws/{draw}` | GET |
//! | `/shops/{shop}/draws/{draw}/close` | POST |
//! | `/shops/{shop}/draws/{draw}/prizes` | GET |
//! | `/shops/{shop}/agents` | GET |
//! | `/shops/{shop}/agents/{agent}/status` | PUT |
//! | `/shops/{shop}/agents/{agent}/cap` | PUT |
//! | `/shops/{shop}/sessions` | GET |
//! | `/shops/{shop}/sessions/{session}` | GET |
//! | `/shops/{shop}/sessions/{session}/assign` | POST |
//! | `/shops/{shop}/sessions/{session}/transfer` | POST |
//! | `/shops/{shop}/sessions/{session}/close` | POST |
//! | `/shops/{shop}/sessions/{session}/no-reply` | POST |
//! | `/shops/{shop}/sessions/{session}/reports` | GET POST |
//! | `/shops/{shop}/sessions/{session}/reports/{report}/verdict` | PUT |
//! | `/shops/{shop}/conversations/{buyer}` | GET |
//! | `/shops/{shop}/conversations/{buyer}/messages` | GET POST |
//! | `/shops/{shop}/conversations/{buyer}/transcript` | GET |
//! | `/shops/{shop}/conversations/{buyer}/block` | PUT DELETE |
//! | `/shops/{shop}/messages` | GET |
//! | `/shops/{shop}/faq` | GET |
//! | `/shops/{shop}/faq/{faq}` | PUT DELETE |
//! | `/shops/{shop}/faq-card` | PUT |
//! | `/shops/{shop}/quick-replies` | GET |
//! | `/shops/{shop}/quick-replies/{quick_reply}` | PUT DELETE |
//! | `/shops/{shop}/holiday` | GET PUT DELETE |
//! | `/shops/{shop}/desk-policy` | GET PATCH |
//! | `/shops/{shop}/response-rate` | GET |
//! | `/shops/{shop}/events` | GET |
//! | `/uploads` | POST |
//! | `/uploads/{shop}/{upload}` | GET |
//! | `/uploads/{shop}/{upload}/ticket` | GET |
//! | `/openapi.json` | GET |
//! | `/asyncapi.json` | GET |

mod agents;
mod buyers;
mod call;
mod campaigns;
mod catalogue;
mod conversations;
mod coupons;
mod desk;
mod draws;
mod feed;
mod openapi;
mod orders;
mod prices;
mod problem;
mod rooms;
mod sales;
mod sessions;
mod shops;
mod staff;
mod texts;
pub mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use hawker_protocol::limits::EVENT_WAIT_MS_MAX;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::guard;
use super::limits::Limits;
use super::nodes::Nodes;
use super::service::Service;

pub use openapi::document;
pub use problem::{not_found, refused, render};

/// Figures of the interface.
#[derive(Debug, Clone)]
pub struct Options {
    pub body_bytes_max: usize,
    /// How long a request may take; one that waits for events gets its wait on top.
    pub request_ms: u64,
}

/// What every request needs.
#[derive(Debug)]
pub struct ApiState {
    pub service: Arc<Service>,
    pub nodes: Arc<Nodes>,
    pub options: Options,
    pub rates: Arc<Limits>,
    pub uploads: uploads::Depot,
    /// Ends what waits for events.
    pub shutdown: CancellationToken,
}

/// Everything under `/v1` but the descriptions and the socket, whose paths go before what is
/// unknown here.
pub fn router(state: Arc<ApiState>) -> Router {
    let request_ms = state.options.request_ms;
    let quick = within(routes(), &state, request_ms);
    let patient = within(patient_routes(), &state, request_ms + EVENT_WAIT_MS_MAX);
    let unknown = ["/v1", "/v1/", "/v1/{*rest}"];
    let served = quick.merge(patient);
    unknown.iter().fold(served, |router, path| router.route(path, any(not_found)))
}

type Routes = OpenApiRouter<Arc<ApiState>>;

fn within(routes: Routes, state: &Arc<ApiState>, limit_ms: u64) -> Router {
    let router = Router::from(routes).method_not_allowed_fallback(problem::wrong_method);
    guard::within(router.with_state(state.clone()), limit_ms, render)
}

fn routes() -> Routes {
    Routes::default()
        .routes(routes!(shops::create_shop))
        .routes(routes!(shops::get_shop, shops::change_shop))
        .routes(routes!(catalogue::list_products))
        .routes(routes!(catalogue::get_product, catalogue::put_product))
        .routes(routes!(catalogue::set_stock))
        .routes(routes!(catalogue::adjust_stock))
        .routes(routes!(staff::list_staff))
        .routes(routes!(staff::put_staff, staff::remove_staff))
        .routes(routes!(rooms::list_rooms, rooms::create_room))
        .routes(routes!(rooms::get_room))
        .routes(routes!(rooms::start_room))
        .routes(routes!(rooms::pause_room))
        .routes(routes!(rooms::resume_room))
        .routes(routes!(rooms::end_room))
        .routes(routes!(rooms::set_bag))
        .routes(routes!(rooms::pin_product, rooms::unpin_product))
        .routes(routes!(rooms::set_slow_mode))
        .routes(routes!(rooms::set_keywords))
        .routes(routes!(rooms::mute_user, rooms::unmute_user))
        .routes(routes!(rooms::ban_user, rooms::unban_user))
        .routes(routes!(rooms::delete_comment))
        .routes(routes!(rooms::get_dashboard))
        .routes(routes!(sales::list_sales, sales::create_sale))
        .routes(routes!(sales::get_sale, sales::change_sale))
        .routes(routes!(sales::announce_sale))
        .routes(routes!(sales::start_sale))
        .routes(routes!(sales::end_sale))
        .routes(routes!(sales::cancel_sale))
        .routes(routes!(sales::restock_sale))
        .routes(routes!(orders::list_orders))
        .routes(routes!(orders::get_order))
        .routes(routes!(orders::cancel_order))
        .routes(routes!(orders::report_payment))
        .routes(routes!(orders::refund_order))
        .routes(routes!(buyers::get_buyer, buyers::erase_buyer))
        .routes(routes!(uploads::get_upload_ticket))
        .merge(promo_routes())
        .merge(desk_routes())
}

/// Prices, coupons and draws.
fn promo_routes() -> Routes {
    Routes::default()
        .routes(routes!(campaigns::list_campaigns, campaigns::create_campaign))
        .routes(routes!(campaigns::get_campaign))
        .routes(routes!(campaigns::announce_campaign))
        .routes(routes!(campaigns::open_campaign))
        .routes(routes!(campaigns::push_campaign))
        .routes(routes!(campaigns::grant_coupons))
        .routes(routes!(campaigns::end_campaign))
        .routes(routes!(campaigns::revoke_campaign))
        .routes(routes!(coupons::revoke_coupon))
        .routes(routes!(coupons::list_coupons))
        .routes(routes!(coupons::quote_cart))
        .routes(routes!(prices::list_price_rules))
        .routes(routes!(prices::put_price_rule, prices::end_price_rule))
        .routes(routes!(prices::set_stacking))
        .routes(routes!(prices::get_capabilities, prices::change_capabilities))
        .routes(routes!(draws::list_draws, draws::create_draw))
        .routes(routes!(draws::get_draw))
        .routes(routes!(draws::close_draw))
        .routes(routes!(draws::list_prizes))
}

/// The service desk.
fn desk_routes() -> Routes {
    Routes::default()
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::set_agent_status))
        .routes(routes!(agents::set_agent_cap))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::get_session))
        .routes(routes!(sessions::assign_session))
        .routes(routes!(sessions::transfer_session))
        .routes(routes!(sessions::close_session))
        .routes(routes!(sessions::end_without_reply))
        .routes(routes!(sessions::list_reports, sessions::file_report))
        .routes(routes!(sessions::decide_report))
        .routes(routes!(conversations::get_conversation))
        .routes(routes!(conversations::list_messages, conversations::send_message))
        .routes(routes!(conversations::get_transcript))
        .routes(routes!(conversations::block_buyer, conversations::unblock_buyer))
        .routes(routes!(conversations::search_messages))
        .routes(routes!(texts::list_faq))
        .routes(routes!(texts::put_faq, texts::remove_faq))
        .routes(routes!(texts::set_faq_card))
        .routes(routes!(texts::list_quick_replies))
        .routes(routes!(texts::put_quick_reply, texts::remove_quick_reply))
        .routes(routes!(desk::get_holiday, desk::set_holiday, desk::lift_holiday))
        .routes(routes!(desk::get_desk_policy, desk::change_desk_policy))
        .routes(routes!(desk::get_response_rate))
}

/// What takes a body as it comes, with a patience of its own.
pub fn intake(state: Arc<ApiState>) -> Router {
    let router = Router::from(intake_routes()).method_not_allowed_fallback(problem::wrong_method);
    router.with_state(state)
}

fn intake_routes() -> Routes {
    Routes::default().routes(routes!(uploads::create_upload))
}

/// Files as pages show them: an `<img>` says no origin and brings no token, so they go outside the
/// guard of origins, and each checks who asks.
pub fn files(state: &Arc<ApiState>) -> Router {
    within(file_routes(), state, state.options.request_ms)
}

fn file_routes() -> Routes {
    Routes::default().routes(routes!(uploads::get_upload))
}

/// The descriptions of the interfaces: for anybody who asks, so they go outside the guard.
pub fn documents() -> Router {
    Router::from(document_routes()).method_not_allowed_fallback(problem::wrong_method)
}

fn document_routes() -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(openapi::get_openapi))
        .routes(routes!(openapi::get_asyncapi))
}

/// Those that may wait.
fn patient_routes() -> Routes {
    Routes::default().routes(routes!(feed::list_events))
}
