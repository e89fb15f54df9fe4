//! What every HTTP request passes before its handler. Owns the order: who is it (address), may it
//! (rate, origin), is it small and quick enough; knows no route.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::Instant;

use super::fault::{Fault, Render};
use super::limits::Limits;
use super::listener::Peer;
use super::origin::Origins;
use super::proxy;

/// Who a request comes from, in its extensions: the client, not the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

#[derive(Debug, Clone)]
pub struct Options {
    pub proxy: proxy::Options,
    pub body_bytes_max: usize,
    /// How long a body may take.
    pub body_ms: u64,
    pub render: Render,
}

#[derive(Debug)]
struct Guard {
    options: Options,
    limits: Arc<Limits>,
    /// Whether bodies are read here.
    reads: bool,
}

/// Finds out the client's address, counts it, and reads the body, all within limits.
pub fn guarded(router: Router, options: Options, limits: Arc<Limits>) -> Router {
    let guard = Guard { options, limits, reads: true };
    router.layer(from_fn_with_state(Arc::new(guard), on_request))
}

/// The same for handlers that read the body themselves, as it comes and within limits of their own.
pub fn streamed(router: Router, options: Options, limits: Arc<Limits>) -> Router {
    let guard = Guard { options, limits, reads: false };
    router.layer(from_fn_with_state(Arc::new(guard), on_request))
}

async fn on_request(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (measure, begun) = (Measure::of(&request), Instant::now());
    let response = match guard.admit(request).await {
        Ok(request) => next.run(request).await,
        Err(fault) => fault.response(guard.options.render),
    };
    measure.note(response.status(), begun.elapsed());
    response
}

/// A request as metrics know it. Its route is the template: no id ever becomes a label.
struct Measure {
    route: String,
    method: &'static str,
}

impl Measure {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("none", |route| route.as_str()).to_owned();
        Self { route, method: known(request.method()) }
    }

    fn note(self, status: StatusCode, took: Duration) {
        let Self { route, method } = self;
        let labels = [("route", route.clone()), ("method", method.to_owned())];
        metrics::histogram!("hawker_http_request_seconds", &labels).record(took);
        metrics::counter!(
            "hawker_http_requests_total",
            "route" => route, "method" => method, "status" => status.as_u16().to_string()
        )
        .increment(1);
    }
}

/// A client may call its method anything.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "PUT" => "PUT",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

impl Guard {
    async fn admit(&self, request: Request) -> Result<Request, Fault> {
        let (mut parts, body) = request.into_parts();
        let Peer { client, .. } = *parts.extensions.get::<Peer>().ok_or(Fault::AddressUnknown)?;
        let client = proxy::client(&self.options.proxy, client, &parts.headers)
            .map_err(|proxy::Unknown| Fault::AddressUnknown)?;
        parts.extensions.insert(Client(client));
        self.limits
            .check_address(client)
            .map_err(|excess| Fault::RateLimited { retry_after_ms: excess.retry_after_ms })?;
        if !self.reads {
            return Ok(Request::from_parts(parts, body));
        }
        let bytes_max = self.options.body_bytes_max;
        let announced = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let announced = announced.and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(Fault::BodyTooLarge { bytes_max });
        }
        let within = Duration::from_millis(self.options.body_ms);
        let body = tokio::time::timeout(within, read(body, bytes_max)).await;
        let body = body.unwrap_or(Err(Fault::BodySlow))?;
        Ok(Request::from_parts(parts, Body::from(body)))
    }
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Fault> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Fault::BodyTooLarge { bytes_max }),
        Err(_) => Err(Fault::BodyBroken),
    }
}

/// Answers a timeout instead of `router` when that takes longer. Long polls get a longer one.
pub fn within(router: Router, limit_ms: u64, render: Render) -> Router {
    router.layer(from_fn_with_state((limit_ms, render), on_slow))
}

async fn on_slow(
    State((limit_ms, render)): State<(u64, Render)>,
    request: Request,
    next: Next,
) -> Response {
    let response = tokio::time::timeout(Duration::from_millis(limit_ms), next.run(request)).await;
    response.unwrap_or_else(|_| Fault::Timeout.response(render))
}

/// Lets through only pages of the given origins, and clients that are no pages.
pub fn from_origins(router: Router, origins: Origins, render: Render) -> Router {
    router.layer(from_fn_with_state((Arc::new(origins), render), on_origin))
}

async fn on_origin(
    State((origins, render)): State<(Arc<Origins>, Render)>,
    request: Request,
    next: Next,
) -> Response {
    match origins.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(_) => Fault::OriginRefused.response(render),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::fault::render_for_tests;
    use crate::edge::limits::options_for_tests;
    use axum::routing::{get, post};
    use tower::ServiceExt;

    fn router() -> Router {
        let options = Options {
            proxy: proxy::Options {
                forwarding: proxy::Forwarding::XForwardedFor,
                trusted: vec!["10.0.0.1".parse().unwrap()],
                hops: 1,
            },
            body_bytes_max: 16,
            body_ms: 10_000,
            render: render_for_tests,
        };
        let echo = async |body: Bytes| body;
        let who =
            async |request: Request| request.extensions().get::<Client>().unwrap().0.to_string();
        let router = Router::new().route("/echo", post(echo)).route("/who", get(who));
        guarded(router, options, Arc::new(Limits::new(options_for_tests())))
    }

    fn request(peer: &str, path: &str) -> http::request::Builder {
        let peer = Peer::of(format!("{peer}:4711").parse().unwrap());
        let method = if path == "/echo" { "POST" } else { "GET" };
        http::Request::builder().method(method).uri(path).extension(peer)
    }

    async fn send(router: &Router, request: http::Request<Body>) -> (StatusCode, String) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_handler_sees_the_client_and_not_the_proxy() {
        let router = router();
        let behind = request("10.0.0.1", "/who").header("x-forwarded-for", "198.51.100.1");
        let (_, body) = send(&router, behind.body(Body::empty()).unwrap()).await;
        assert_eq!(body, "198.51.100.1");
        let spoofed = request("203.0.113.9", "/who").header("x-forwarded-for", "198.51.100.1");
        let (_, body) = send(&router, spoofed.body(Body::empty()).unwrap()).await;
        assert_eq!(body, "203.0.113.9");
        let unnamed = request("10.0.0.1", "/who").body(Body::empty()).unwrap();
        let (status, body) = send(&router, unnamed).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("AddressUnknown"), "{body}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_as_json_announced_or_not() {
        let router = router();
        let fits = request("203.0.113.9", "/echo").body(Body::from("0123456789abcdef")).unwrap();
        assert_eq!(send(&router, fits).await, (StatusCode::OK, "0123456789abcdef".to_owned()));
        let announced = request("203.0.113.9", "/echo").header(CONTENT_LENGTH, "17");
        let announced = announced.body(Body::empty()).unwrap();
        let silent = request("203.0.113.9", "/echo").body(Body::from("0123456789abcdefg")).unwrap();
        for request in [announced, silent] {
            let (status, body) = send(&router, request).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            assert!(body.contains("BodyTooLarge"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_streamed_body_is_left_to_its_handler_and_its_client_is_still_counted() {
        let options = Options {
            proxy: proxy::Options::none(),
            body_bytes_max: 16,
            body_ms: 10_000,
            render: render_for_tests,
        };
        let length = async |body: Bytes| body.len().to_string();
        let router = Router::new().route("/echo", post(length));
        let router = streamed(router, options, Arc::new(Limits::new(options_for_tests())));
        let large = || request("203.0.113.9", "/echo").body(Body::from(vec![0; 1_000])).unwrap();
        for _ in 0..200 {
            assert_eq!(send(&router, large()).await, (StatusCode::OK, "1000".to_owned()));
        }
        assert_eq!(send(&router, large()).await.0, StatusCode::TOO_MANY_REQUESTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_cut() {
        let endless = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let request = request("203.0.113.9", "/echo").body(Body::from_stream(endless)).unwrap();
        let (status, _) = send(&router(), request).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_asks_too_often_is_told_when_to_ask_again() {
        let router = router();
        for _ in 0..200 {
            let request = request("203.0.113.9", "/who").body(Body::empty()).unwrap();
            assert_eq!(send(&router, request).await.0, StatusCode::OK);
        }
        let refused = request("203.0.113.9", "/who").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(refused).await.unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "1");
        let other = request("203.0.113.10", "/who").body(Body::empty()).unwrap();
        assert_eq!(send(&router, other).await.0, StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_hangs_is_answered_for() {
        let hang = Router::new().route("/", get(std::future::pending::<()>));
        let router = within(hang, 5_000, render_for_tests);
        let request = http::Request::builder().uri("/").body(Body::empty()).unwrap();
        let (status, body) = send(&router, request).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("Timeout"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_counted_under_its_template_and_a_known_method() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let _collecting = metrics::set_default_local_recorder(&recorder);
        let options = Options {
            proxy: proxy::Options::none(),
            body_bytes_max: 16,
            body_ms: 10_000,
            render: render_for_tests,
        };
        let slow = async || tokio::time::advance(Duration::from_secs(2)).await;
        let router = Router::new().route("/shops/{shop}", axum::routing::any(slow));
        let router = guarded(router, options, Arc::new(Limits::new(options_for_tests())));
        let ask = async |method: &str, path: &str, body: &'static str| {
            let request = request("203.0.113.9", path).method(method).body(Body::from(body));
            router.clone().oneshot(request.unwrap()).await.unwrap().status()
        };
        assert_eq!(ask("GET", "/shops/acme", "").await, 200);
        assert_eq!(ask("GET", "/shops/bolt", "").await, 200);
        assert_eq!(ask("BREW", "/shops/acme", "").await, 200);
        assert_eq!(ask("PUT", "/shops/acme", "more than sixteen bytes").await, 413);
        let text = recorder.handle().render();
        for line in [
            r#"hawker_http_requests_total{route="/shops/{shop}",method="GET",status="200"} 2"#,
            r#"hawker_http_requests_total{route="/shops/{shop}",method="other",status="200"} 1"#,
            r#"hawker_http_requests_total{route="/shops/{shop}",method="PUT",status="413"} 1"#,
            r#"hawker_http_request_seconds_sum{route="/shops/{shop}",method="GET"} 4"#,
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(!text.contains("acme") && !text.contains("BREW"), "{text}");
    }

    #[tokio::test]
    async fn a_foreign_page_is_refused_before_the_handler() {
        let origins = Origins::new(vec!["https://shop.example".parse().unwrap()]);
        let hello = Router::new().route("/", get(async || "hello"));
        let router = from_origins(hello, origins, render_for_tests);
        let from = |origin: &str| {
            http::Request::builder().uri("/").header("origin", origin).body(Body::empty()).unwrap()
        };
        assert_eq!(send(&router, from("https://shop.example")).await.0, StatusCode::OK);
        let (status, body) = send(&router, from("https://evil.example")).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("OriginRefused"), "{body}");
    }
}
