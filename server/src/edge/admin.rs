//! The operators' listener: alive, ready, metrics, and whatever else is merged into it. Owns that
//! it is reached from this machine only; asks nobody who they are.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

/// Why the admin listener does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the admin listener asks nobody who they are: {0} must be a loopback address")]
pub struct NotLoopback(pub SocketAddr);

/// Refuses an address that other machines reach, unless the operator said so.
pub fn check_address(address: SocketAddr, public: bool) -> Result<(), NotLoopback> {
    let may = public || address.ip().to_canonical().is_loopback();
    if may { Ok(()) } else { Err(NotLoopback(address)) }
}

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether this node should get traffic: named questions, asked on each look.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<Question>>>);

struct Question {
    name: &'static str,
    /// Whether the node is not ready without it.
    decides: bool,
    check: Check,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readiness")
    }
}

impl Readiness {
    /// Adds a question; its answer is what stands in the way. It must not block.
    pub fn check<F>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Result<(), String> + Send + Sync + 'static,
    {
        self.ask(Question { name, decides: true, check: Box::new(check) });
    }

    /// The same for what every node lacks at once: it is told, and the node stays ready to hold
    /// connections, so that a balancer does not take all nodes away together.
    pub fn note<F>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Result<(), String> + Send + Sync + 'static,
    {
        self.ask(Question { name, decides: false, check: Box::new(check) });
    }

    fn ask(&self, question: Question) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(question);
    }

    /// Every question with its answer, and whether all of them are good.
    fn report(&self) -> (bool, Value) {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ready = true;
        let mut report = Map::new();
        for Question { name, decides, check } in checks.iter() {
            let answer = check();
            ready &= answer.is_ok() || !decides;
            report.insert((*name).to_owned(), Value::from(answer.err().unwrap_or("ok".to_owned())));
        }
        (ready, json!({ "ready": ready, "checks": report }))
    }
}

/// `/healthz`, `/readyz` and `/metrics`, and `more`. Where the listener is `public` it may be
/// called by name, as collectors do.
pub fn router<M>(readiness: Readiness, metrics: M, more: Router, public: bool) -> Router
where
    M: Fn() -> String + Clone + Send + Sync + 'static,
{
    let scrape = async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics());
    Router::new()
        .route("/healthz", get(async || Json(json!({ "alive": true }))))
        .route("/readyz", get(on_ready).with_state(readiness))
        .route("/metrics", get(scrape))
        .merge(more)
        .layer(from_fn_with_state(public, refuse_pages))
}

async fn on_ready(State(readiness): State<Readiness>) -> Response {
    let (ready, report) = readiness.report();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

/// A page in the operator's browser reaches loopback too: by a request from elsewhere, or under
/// a name that it has pointed here.
async fn refuse_pages(State(public): State<bool>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) || !(public || names_an_address(headers)) {
        let message = "not for pages: use the address of the admin listener";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": message }))).into_response();
    }
    next.run(request).await
}

fn names_an_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let authority = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
    let is_address = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok()
    };
    authority.is_some_and(|authority| is_address(authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::BodyExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tower::ServiceExt;

    async fn get_from(router: &Router, path: &str, header: (&str, &str)) -> (StatusCode, String) {
        let request = http::Request::builder().uri(path).header(header.0, header.1);
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    const LOCAL: (&str, &str) = ("host", "127.0.0.1:9090");

    fn plain() -> Router {
        let more = Router::new().route("/journal", get(async || "bytes"));
        router(Readiness::default(), || "up 1\n".to_owned(), more, false)
    }

    #[test]
    fn an_address_others_reach_is_refused_unless_the_operator_says_so() {
        for address in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check_address(address.parse().unwrap(), false), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            let address = address.parse().unwrap();
            assert_eq!(check_address(address, false), Err(NotLoopback(address)));
            assert_eq!(check_address(address, true), Ok(()));
        }
    }

    #[tokio::test]
    async fn readiness_names_what_stands_in_the_way() {
        let (readiness, writable) = (Readiness::default(), Arc::new(AtomicBool::new(true)));
        let seen = Arc::clone(&writable);
        readiness.check("journal", move || {
            if seen.load(Ordering::Relaxed) { Ok(()) } else { Err("the disk is full".to_owned()) }
        });
        readiness.check("clock", || Ok(()));
        let router = router(readiness, String::new, Router::new(), false);
        let (status, _) = get_from(&router, "/readyz", LOCAL).await;
        assert_eq!(status, StatusCode::OK);
        writable.store(false, Ordering::Relaxed);
        let (status, body) = get_from(&router, "/readyz", LOCAL).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let body: Value = serde_json::from_str(&body).unwrap();
        let checks = json!({ "journal": "the disk is full", "clock": "ok" });
        assert_eq!(body, json!({ "ready": false, "checks": checks }));
    }

    #[tokio::test]
    async fn what_every_node_lacks_is_told_and_takes_none_away() {
        let readiness = Readiness::default();
        readiness.note("journal", || Err("Redis does not answer".to_owned()));
        let router = router(readiness, String::new, Router::new(), false);
        let (status, body) = get_from(&router, "/readyz", LOCAL).await;
        assert_eq!(status, StatusCode::OK);
        let checks = json!({ "journal": "Redis does not answer" });
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({ "ready": true, "checks": checks }));
    }

    #[tokio::test]
    async fn health_metrics_and_further_routes_are_served() {
        let router = plain();
        assert_eq!(get_from(&router, "/healthz", LOCAL).await.0, StatusCode::OK);
        assert_eq!(get_from(&router, "/metrics", LOCAL).await.1, "up 1\n");
        assert_eq!(get_from(&router, "/journal", LOCAL).await.1, "bytes");
    }

    #[tokio::test]
    async fn a_page_in_the_operators_browser_gets_nothing() {
        let router = plain();
        for header in [("host", "evil.example:9090"), ("origin", "http://127.0.0.1:8080")] {
            for path in ["/metrics", "/journal"] {
                let (status, _) = get_from(&router, path, header).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{header:?} {path}");
            }
        }
        assert_eq!(get_from(&router, "/metrics", ("host", "[::1]:9090")).await.0, StatusCode::OK);
    }
}
