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

use super::nodes::Nodes;
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

/// Takes tokens back on this node.
#[derive(Debug)]
pub struct Revoker {
    service: Arc<Service>,
    hub: Arc<Hub>,
}

impl Revoker {
    pub fn new(service: Arc<Service>, hub: Arc<Hub>) -> Self {
        Self { service, hub }
    }

    /// Answers with how many connections are closed.
    pub(super) fn revoke(&self, sid: &str, user: &UserId, until: Millis) -> usize {
        self.service.verifier().revocations().revoke(sid, until);
        let connections = self.hub.connections();
        let closed = connections.count_of(user);
        let code = CloseCode::Forbidden;
        connections.close_user(user, code.number(), code.reason());
        tracing::info!(%user, closed, "a token was revoked");
        closed
    }
}

#[derive(Debug, Clone)]
struct Desk {
    revoker: Arc<Revoker>,
    nodes: Arc<Nodes>,
}

/// `POST /revocations`
pub fn router(revoker: Arc<Revoker>, nodes: Arc<Nodes>) -> Router {
    Router::new().route("/revocations", post(on_revocation)).with_state(Desk { revoker, nodes })
}

async fn on_revocation(State(desk): State<Desk>, Json(asked): Json<Revocation>) -> Response {
    let Revocation { sid, user, until } = asked;
    let until = until.map_or(desk.nodes.service().clock().now() + KEPT, Millis);
    let here = desk.revoker.revoke(&sid, &user, until);
    match desk.nodes.revoke_elsewhere(&sid, &user, until).await {
        Ok(there) => (StatusCode::OK, Json(json!({ "closed": here + there }))).into_response(),
        Err(nodes) => {
            let problem = "these nodes did not hear of it: ask again";
            let body = json!({ "closed": here, "error": problem, "nodes": nodes });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
