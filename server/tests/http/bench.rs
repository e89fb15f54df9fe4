//! A server without sockets. Every answer's status and code must stand in the OpenAPI document.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hawker_domain::Role;
use hawker_domain::command::{Actor, Command};
use hawker_domain::id::{CommandId, ShopId, UserId};
use hawker_domain::shop::Shop;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::{Change, Ephemeral};
use hawker_protocol::codec::parse_frame;
use hawker_server::cli::edge_options;
use hawker_server::clock::Clock;
use hawker_server::config::Config;
use hawker_server::edge::auth::{self, Grant, Minter, Verifier};
use hawker_server::edge::http::uploads::{Depot, Key};
use hawker_server::edge::http::{ApiState, Options, document, documents, files, intake, router};
use hawker_server::edge::limits::Limits;
use hawker_server::edge::nodes::Nodes;
use hawker_server::edge::seed::Sealer;
use hawker_server::edge::service::{Caller, Service};
use hawker_server::engine::{self, CommandIdentity, CommitSink, Engine, Outcome, Submission};
use hawker_server::journal::memory::Memory;
use hawker_server::journal::{Committed, Lease};
use hawker_server::uploads;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const START: Millis = Millis(1_760_000_000_000);
const SECRET: &[u8] = b"0123456789-abcdefghij-ABCDEFGHIJ";
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Hears only how often a shop was read into memory.
#[derive(Debug, Default)]
pub(crate) struct Ears {
    pub(crate) restored: AtomicUsize,
}

impl CommitSink for Ears {
    fn restored(&self, _: &Lease, _: &Shop) {
        self.restored.fetch_add(1, Ordering::Relaxed);
    }

    fn unloaded(&self, _: &Lease) {}
    fn committed(&self, _: &Committed, _: Vec<Change>) {}
    fn passing(&self, _: &ShopId, _: Vec<Ephemeral>) {}
}

pub(crate) struct Bench {
    pub(crate) router: Router,
    pub(crate) service: Arc<Service>,
    pub(crate) engine: Engine,
    pub(crate) memory: Memory,
    pub(crate) ears: Arc<Ears>,
    pub(crate) shutdown: CancellationToken,
    /// Of the uploads.
    pub(crate) folder: TempDir,
    clock: Clock,
    document: Value,
}

type Reply = Result<hawker_protocol::Answer, hawker_protocol::Refusal>;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        self.body["error"].clone()
    }
}

/// One request, put together from its parts.
pub(crate) struct Asking {
    method: Method,
    path: String,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

pub(crate) fn ask(method: &str, path: &str) -> Asking {
    Asking {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        token: Some(token("erp", &[Role::Service], &["acme", "bolt"])),
        headers: Vec::new(),
        body: Body::empty(),
    }
}

impl Asking {
    pub(crate) fn json(self, body: Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    pub(crate) fn text(self, media_type: &str, body: &str) -> Self {
        let asking = self.header("content-type", media_type);
        Self { body: Body::from(body.to_owned()), ..asking }
    }

    pub(crate) fn bytes(self, body: &'static [u8]) -> Self {
        self.stream(Body::from(body))
    }

    pub(crate) fn stream(self, body: Body) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn by(self, user: &str, role: Role) -> Self {
        self.token(token(user, &[role], &["acme"]))
    }

    pub(crate) fn token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(crate) fn nobody(self) -> Self {
        Self { token: None, ..self }
    }
}

pub(crate) fn token(user: &str, roles: &[Role], shops: &[&str]) -> String {
    token_for(user, roles, shops, SpanMs::hours(24))
}

/// A shop's own system that will still ask next season.
pub(crate) fn lasting_token() -> String {
    token_for("erp", &[Role::Service], &["acme"], SpanMs::days(120))
}

fn token_for(user: &str, roles: &[Role], shops: &[&str], ttl: SpanMs) -> String {
    let grant = Grant {
        user: UserId::parse(user).unwrap(),
        name: None,
        roles: roles.to_vec(),
        shops: shops.iter().map(|shop| ShopId::parse(shop).unwrap()).collect(),
        sid: None,
        ttl,
    };
    Minter::new("hawker", "hawker", SECRET).unwrap().mint(&grant, START).unwrap()
}

pub(crate) fn acme() -> ShopId {
    ShopId::parse("acme").unwrap()
}

/// A server that nobody has asked anything.
pub(crate) fn empty() -> Bench {
    with_files(FileRules::default())
}

/// What files a server takes; small, so that tests are quick.
pub(crate) struct FileRules {
    pub(crate) day_bytes_max: u64,
    pub(crate) disk_free_bytes_min: u64,
}

pub(crate) const IMAGE_BYTES_MAX: usize = 100_000;
pub(crate) const VIDEO_BYTES_MAX: usize = 400_000;

impl Default for FileRules {
    fn default() -> Self {
        Self { day_bytes_max: 1_000_000, disk_free_bytes_min: 0 }
    }
}

fn store(folder: &Path, rules: &FileRules) -> Arc<dyn uploads::Uploads> {
    let disk_free_bytes_min = rules.disk_free_bytes_min;
    let folder = folder.to_owned();
    let options = uploads::Options { folder, disk_free_bytes_min, is_shared: false };
    Arc::new(uploads::Disk::open(options).unwrap())
}

fn depot(store: Arc<dyn uploads::Uploads>, rules: &FileRules) -> Depot {
    let options = hawker_server::edge::http::uploads::Options {
        image_bytes_max: IMAGE_BYTES_MAX as u64,
        video_bytes_max: VIDEO_BYTES_MAX as u64,
        day_bytes_max: rules.day_bytes_max,
        stall_ms: 10_000,
        whole_ms: 60_000,
        ticket_ms: 300_000,
    };
    Depot::new(store, options, Key::derive(SECRET))
}

/// The same with other rules for files.
pub(crate) fn with_files(rules: FileRules) -> Bench {
    let memory = Memory::new();
    let ears = Arc::new(Ears::default());
    let clock = Clock::starting_at(START);
    let engine = Engine::start(
        engine::Options::default(),
        clock.clone(),
        Arc::new(memory.clone()),
        ears.clone(),
    );
    let auth = auth::Options {
        issuer: "hawker".to_owned(),
        audience: "hawker".to_owned(),
        leeway_ms: 30_000,
        token_bytes_max: 4_096,
        secret: Some(SECRET.to_vec()),
        jwks_file: None,
        jwks_look_ms: 5_000,
    };
    let verifier = Arc::new(Verifier::new(auth, clock.clone()).unwrap());
    let timeout = Duration::from_secs(5);
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &rules);
    let sealer = Sealer::derive(SECRET).unwrap();
    let asks = (engine.clone(), store.clone(), sealer);
    let service = Arc::new(Service::new(asks, clock.clone(), verifier, timeout));
    let shutdown = CancellationToken::new();
    let options = Options { body_bytes_max: BODY_BYTES_MAX, request_ms: 10_000 };
    let rates = Arc::new(Limits::new(edge_options::rates(&Config::defaults().unwrap())));
    let state = Arc::new(ApiState {
        service: service.clone(),
        nodes: Nodes::new(service.clone(), None),
        options,
        rates,
        uploads: depot(store, &rules),
        shutdown: shutdown.clone(),
    });
    let router = router(state.clone()).merge(documents());
    let router = router.merge(files(&state)).merge(intake(state));
    let document = document();
    Bench { router, service, engine, memory, ears, shutdown, folder, clock, document }
}

/// A server with the shop `acme`, the product `mug` with 100 `mug-red`, and the room `r1`.
pub(crate) async fn bench() -> Bench {
    furnished(empty()).await
}

pub(crate) async fn furnished(bench: Bench) -> Bench {
    let shop = json!({ "shop": "acme", "name": "Acme", "currency": "USD",
        "settings": { "min_presence_ms": 0 } });
    bench.send(ask("POST", "/v1/shops").json(shop)).await.ok();
    bench.send(ask("PUT", "/v1/shops/acme/products/mug").json(mug())).await.ok();
    let stock = json!({ "stock": { "units": 100 } });
    bench.send(ask("PUT", "/v1/shops/acme/skus/mug-red/stock").json(stock)).await.ok();
    let room = json!({ "room": "r1", "spec": { "title": "Mugs", "streamer": "sue" } });
    bench.send(ask("POST", "/v1/shops/acme/rooms").json(room)).await.ok();
    bench
}

pub(crate) fn mug() -> Value {
    json!({ "title": "Mug", "listed": true,
        "skus": [{ "sku": "mug-red", "title": "Red", "price_minor": 1_500 }] })
}

impl Bench {
    pub(crate) async fn send(&self, asking: Asking) -> Answer {
        let (method, path) = (asking.method.clone(), asking.path.clone());
        let answer = send_to(&self.router, asking).await;
        self.check_described(&method, &path, &answer);
        answer
    }

    /// What may be answered with a file.
    pub(crate) async fn fetch(&self, asking: Asking) -> (StatusCode, HeaderMap, Vec<u8>) {
        let (method, path) = (asking.method.clone(), asking.path.clone());
        let (status, headers, body) = bytes_from(&self.router, asking).await;
        let answer = Answer { status, headers: headers.clone(), body: Value::Null };
        if status.is_success() {
            self.check_described(&method, &path, &answer);
        }
        (status, headers, body)
    }

    /// Whatever is answered under a path that is served stands in the document.
    fn check_described(&self, method: &Method, path: &str, answer: &Answer) {
        let path = path.split('?').next().unwrap();
        let paths = self.document["paths"].as_object().unwrap();
        let Some((template, item)) = paths.iter().find(|(template, _)| fits(template, path)) else {
            return;
        };
        let operation = &item[method.as_str().to_lowercase()];
        if operation.is_null() {
            return;
        }
        let status = answer.status.as_u16().to_string();
        let response = &operation["responses"][&status];
        assert!(response.is_object(), "{method} {template} may not answer {status}");
        if !answer.status.is_success() {
            let (code, text) = (answer.code(), response["description"].as_str().unwrap());
            assert!(text.contains(&format!("`{code}`")), "{method} {template}: {code}");
        }
    }

    /// Asks what a socket asks: fields of a request without its id.
    pub(crate) async fn over_the_socket(&self, user: &str, role: Role, fields: &Value) -> Reply {
        let mut line = fields.clone();
        line["id"] = json!(1);
        let (_, request) = parse_frame(&line.to_string()).next().unwrap().unwrap();
        let token = token(user, &[role], &["acme"]);
        let identity = self.service.verifier().verify(&token).unwrap();
        let caller = Caller {
            identity: &identity,
            present_ms: SpanMs(0),
            within: self.service.command_timeout(),
        };
        self.service.perform(caller, request).await
    }

    /// Where the shop's history ends: unchanged means nothing was changed.
    pub(crate) async fn version(&self) -> u64 {
        self.engine.position(&acme()).await.unwrap().version
    }

    /// What a buyer does comes over the socket; here it goes straight to the engine.
    pub(crate) async fn as_buyer(&self, buyer: &str, command: impl Into<Command>) -> Outcome {
        let actor = Actor { user: UserId::parse(buyer).unwrap(), role: Role::Buyer };
        let id = uuid::Uuid::now_v7().to_string();
        let submission = Submission {
            shop: acme(),
            actor,
            command: command.into(),
            identity: Some(CommandIdentity {
                command: CommandId::parse(&id).unwrap(),
                payload_hash: 1,
            }),
            deadline: Instant::now() + Duration::from_secs(5),
        };
        self.engine.submit(submission).await.unwrap()
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().0
    }
}

/// Lets time pass a second at a time, and after each lets everybody do what is due.
pub(crate) async fn pass(seconds: u64) {
    for _ in 0..seconds {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

/// Lets other tasks and threads go on until something has come true, while the clock stands.
pub(crate) async fn until(is_true: impl Fn() -> bool) {
    for _ in 0..10_000_000 {
        if is_true() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came true");
}

/// The answer of a router that may be elsewhere by now.
pub(crate) async fn send_to(router: &Router, asking: Asking) -> Answer {
    let (status, headers, body) = bytes_from(router, asking).await;
    let media_type = headers.get("content-type").map(|value| value.to_str().unwrap());
    assert_eq!(media_type, Some("application/json"), "{status}: {body:?}");
    let body = serde_json::from_slice(&body).unwrap();
    Answer { status, headers, body }
}

async fn bytes_from(router: &Router, asking: Asking) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = http::Request::builder().method(asking.method).uri(asking.path);
    if let Some(token) = asking.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in asking.headers {
        request = request.header(name, value);
    }
    let response = router.clone().oneshot(request.body(asking.body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, body.to_vec())
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(part, text)| match part.starts_with('{') {
            true => !text.is_empty(),
            false => part == text,
        })
}
