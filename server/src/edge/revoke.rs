//! Taking back tokens before they expire, for the operator on the admin listener. Owns the
//! request; the table is `auth::revocation`'s, and connections close themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use hawker_domain::id::UserId;
use hawker_domain::time::{Millis, SpanMs};
use hawker_protocol::CloseCode;

use super::service::Service;
use crate::hub::Hub;

/// Longer than tokens are good for anywhere sensible: what was taken back stays so.
const KEPT: SpanMs = SpanMs::days(30);

/// From now on no token with this `sid` counts, and its user's connections are closed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    sid: String,
    user: UserId,
    /// Epoch milliseconds at which the last token with this `sid` has expired.
    until: Option<i64>,
}

#[derive(Debug, Clone)]
struct Desk {
    service: Arc<Service>,
    hub: Arc<Hub>,
}

/// `POST /revocations`
pub fn router(service: Arc<Service>, hub: Arc<Hub>) -> Router {
    Router::new().route("/revocations", post(on_revocation)).with_state(Desk { service, hub })
}

async fn on_revocation(State(desk): State<Desk>, Json(asked): Json<Revocation>) -> Response {
    let Revocation { sid, user, until } = asked;
    let until = until.map_or(desk.service.clock().now() + KEPT, Millis);
    desk.service.verifier().revocations().revoke(&sid, until);
    let connections = desk.hub.connections();
    let closed = connections.count_of(&user);
    let code = CloseCode::Forbidden;
    connections.close_user(&user, code.number(), code.reason());
    tracing::info!(%user, closed, "a token was revoked");
    (StatusCode::OK, Json(json!({ "closed": closed }))).into_response()
}
