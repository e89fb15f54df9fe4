//! Requests over HTTP for shops of other nodes: carried there whole, and the response back. Owns
//! which paths name a shop; the owner's own routes answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hawker_domain::id::ShopId;
use hawker_protocol::limits::EVENT_WAIT_MS_MAX;
use hawker_protocol::{Code, Refusal};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

use super::ask::Ask;
use super::{Errand, Nodes, Where};
use crate::edge::http::{Options, refused};

/// A response that another node carries back: a page of a feed is some megabytes.
const RESPONSE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A request or a response on its way between nodes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    /// Method and path, or the status.
    line: (String, String),
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Forwarding {
    nodes: Arc<Nodes>,
    body_bytes_max: usize,
    patience: Duration,
}

/// Sends what is for shops of other nodes there; alone, it sends nothing.
pub fn forwarding(router: Router, nodes: Arc<Nodes>, options: &Options) -> Router {
    if nodes.cluster().is_none() {
        return router;
    }
    let Options { body_bytes_max, request_ms } = *options;
    // The longest that any route waits.
    let patience = Duration::from_millis(request_ms + EVENT_WAIT_MS_MAX);
    let forwarding = Forwarding { nodes, body_bytes_max, patience };
    router.layer(from_fn_with_state(Arc::new(forwarding), on_request))
}

async fn on_request(State(it): State<Arc<Forwarding>>, request: Request, next: Next) -> Response {
    let (request, shop) = match it.shop_of(request).await {
        Ok(found) => found,
        Err(refusal) => return refused(refusal),
    };
    let Some(shop) = shop else { return next.run(request).await };
    match it.nodes.find(&shop).await {
        Ok(Where::Here) => next.run(request).await,
        Ok(Where::There(_)) => it.forward(&shop, request, next).await,
        Err(refusal) => refused(refusal),
    }
}

impl Forwarding {
    /// The shop that a request is about: it stands in the path, or in the body of what makes one.
    async fn shop_of(&self, request: Request) -> Result<(Request, Option<ShopId>), Refusal> {
        let path = request.uri().path();
        let Some(rest) = path.strip_prefix("/v1/shops") else { return Ok((request, None)) };
        if let Some(rest) = rest.strip_prefix('/') {
            let shop = ShopId::parse(rest.split('/').next().unwrap_or_default()).ok();
            return Ok((request, shop));
        }
        if !rest.is_empty() || request.method() != Method::POST {
            return Ok((request, None));
        }
        let (parts, body) = request.into_parts();
        let body = self.read(body).await?;
        let shop = serde_json::from_slice::<Named>(&body).ok();
        let shop = shop.and_then(|named| ShopId::parse(&named.shop).ok());
        Ok((Request::from_parts(parts, Body::from(body)), shop))
    }

    async fn read(&self, body: Body) -> Result<Vec<u8>, Refusal> {
        match Limited::new(body, self.body_bytes_max).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            Err(_) => Err(Refusal::with_message(Code::TooLarge, "the body is larger than allowed")
                .detail("bytes_max", self.body_bytes_max)),
        }
    }

    async fn forward(&self, shop: &ShopId, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refusal) => return refused(refusal),
        };
        let target = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let line = (parts.method.as_str().to_owned(), target);
        let carried = Carried { line, headers: carried(&parts.headers), body: body.clone() };
        let ask = || Ask::Http { shop: shop.clone(), request: carried };
        let patience = self.patience;
        // The shop may come here meanwhile.
        let local = |_| async move {
            let request = Request::from_parts(parts, Body::from(body));
            Ok(Carried::of(next.run(request).await).await)
        };
        let answered: Result<Carried, Refusal> =
            self.nodes.ask(Errand { shop, lost: Code::UnknownOutcome, patience }, ask, local).await;
        answered.map_or_else(refused, Carried::into_response)
    }
}

/// What of a shop's making is looked at here.
#[derive(Deserialize)]
struct Named {
    shop: String,
}

fn carried(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let own = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING];
    let all = headers.iter().filter(|(name, _)| !own.contains(name));
    all.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

impl Carried {
    /// Asks this node's own routes.
    pub(super) async fn serve(self, router: Router) -> Self {
        let Self { line: (method, target), headers, body } = self;
        let mut request = Request::new(Body::from(body));
        let parsed = (method.parse(), target.parse());
        let (Ok(method), Ok(uri)) = parsed else {
            return Self::of(refused(Refusal::new(Code::InvalidRequest))).await;
        };
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        put(request.headers_mut(), headers);
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        Self::of(response).await
    }

    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let headers = carried(&parts.headers);
        match Limited::new(body, RESPONSE_BYTES_MAX).collect().await {
            Ok(body) => {
                let line = (parts.status.as_u16().to_string(), String::new());
                Self { line, headers, body: body.to_bytes().into() }
            }
            Err(error) => {
                tracing::error!(%error, "a response could not be carried to another node");
                let line = (StatusCode::INTERNAL_SERVER_ERROR.as_u16().to_string(), String::new());
                Self { line, headers: Vec::new(), body: Vec::new() }
            }
        }
    }

    fn into_response(self) -> Response {
        let status = self.line.0.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
        let mut response = Body::from(self.body).into_response();
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        put(response.headers_mut(), self.headers);
        response
    }
}

fn put(into: &mut HeaderMap, headers: Vec<(String, Vec<u8>)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value))
        {
            into.append(name, value);
        }
    }
}
