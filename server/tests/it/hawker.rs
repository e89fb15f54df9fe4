//! A server of our own: its folder, its settings, its ports and its end, and HTTP requests to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use crate::client::Client;
use crate::tokens::{self, SECRET};

/// Far beyond anything that goes well, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The page that is allowed to connect.
pub(crate) const ORIGIN: &str = "https://shop.example";

/// What must happen soon, or the test has failed.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing came within {PATIENCE:?}"),
    }
}

/// A folder with settings and a journal: what stays when the process is gone.
pub(crate) struct Site {
    folder: TempDir,
    settings: Vec<(&'static str, &'static str)>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A site whose settings differ from the defaults, such as `("HAWKER_LOG_FILTER", "warn")`.
    pub(crate) fn with(settings: &[(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder, settings: settings.to_vec() };
        let journal = site.journal();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             origins = [\"{ORIGIN}\"]\n\n[auth]\nsecret = \"{SECRET}\"\n\n\
             [journal]\npath = \"{}\"\n\n[log]\nfilter = \"warn\"\n",
            journal.display()
        );
        std::fs::write(site.config(), config).unwrap();
        site
    }

    /// A site whose journal is in that Redis; it notices quickly that nothing answers, and may be
    /// asked as often as a test likes.
    pub(crate) fn on_redis(url: &str) -> Self {
        let site = Self::new();
        let journal = format!(
            "[journal]\nkind = \"redis\"\nredis.url = \"{url}\"\nredis.answer_ms = 500\n\
             redis.lease_ms = 2000\n"
        );
        let config = std::fs::read_to_string(site.config()).unwrap();
        let rates = "\n[limits.rates]\nhttp_per_s = 1000000\nhttp_burst = 1000000\n\
             address_per_s = 1000000\naddress_burst = 1000000\n";
        std::fs::write(site.config(), config.replace("[journal]\n", &journal) + rates).unwrap();
        site
    }

    /// The same for a node among others.
    pub(crate) fn among(url: &str) -> Self {
        let site = Self::on_redis(url);
        let config = std::fs::read_to_string(site.config()).unwrap();
        let cluster = "\n[cluster]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(site.config(), config + cluster).unwrap();
        site
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.file("hawker.toml")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.file("journal.redb")
    }

    /// The program, in this folder and with this site's settings alone.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hawker"));
        let foreign = std::env::vars().map(|(name, _)| name);
        for name in foreign.filter(|name| name.starts_with("HAWKER_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(self.settings.iter().copied());
        command.current_dir(self.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs the program with `--config` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[]).await
    }

    pub(crate) async fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = self.program(arguments);
        command.arg("--config").arg(self.config()).envs(env.iter().copied());
        soon("the program's end", command.output()).await.unwrap()
    }

    /// Starts the server and waits until it listens.
    pub(crate) async fn start(&self) -> Server {
        self.start_with(&[]).await
    }

    pub(crate) async fn start_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.program(&["serve", "--config"]);
        command.arg(self.config()).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (public, admin) = soon("the server's addresses", addresses(&mut lines)).await;
        // What it says later must not fill the pipe.
        tokio::spawn(async move { tokio::io::copy(&mut lines, &mut tokio::io::sink()).await });
        Server { child, public, admin }
    }
}

/// Reads the line that says where the server listens.
async fn addresses(lines: &mut BufReader<ChildStdout>) -> (SocketAddr, SocketAddr) {
    let mut said = String::new();
    loop {
        let from = said.len();
        let bytes = lines.read_line(&mut said).await.unwrap();
        assert!(bytes > 0, "the server ended before it listened, and said: {said}");
        if let Some(addresses) = said[from..].strip_prefix("listening on http://") {
            let (public, admin) = addresses.trim().split_once(", admin on http://").unwrap();
            return (public.parse().unwrap(), admin.parse().unwrap());
        }
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Server {
    /// SIGTERM; the end is `ended`.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        soon("the server's end", self.child.wait()).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }

    /// SIGKILL: not a word of goodbye, not a byte flushed.
    pub(crate) async fn kill(self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// SIGSTOP: it holds what it has and does nothing.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(process).unwrap(), signal).unwrap();
    }

    /// A socket that has said hello as this buyer.
    pub(crate) async fn buyer(&self, user: &str) -> Client {
        self.identified(&tokens::buyer(user)).await
    }

    /// A socket that has said hello as somebody of the shop `acme`.
    pub(crate) async fn staff(&self, user: &str, role: &str) -> Client {
        self.identified(&tokens::staff(user, role)).await
    }

    pub(crate) async fn identified(&self, token: &str) -> Client {
        let mut client = Client::open(self.public).await;
        client.hello(token, json!([])).await;
        client
    }

    /// A request of the shop's own system.
    pub(crate) async fn http(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let token = tokens::staff("erp", "service");
        let head = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        send(self.public, &format!("{method} {path}"), &head, body.as_bytes()).await
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.http("GET", path, Value::Null).await;
            assert_eq!(answer.status, 200, "{caller} {path}: {}", answer.body);
            answer.body
        }
    }

    /// A request that makes or changes something, under a command id of its own.
    #[track_caller]
    pub(crate) fn set(&self, line: &str, body: Value) -> impl Future<Output = Value> {
        let (caller, line) = (std::panic::Location::caller(), line.to_owned());
        async move {
            let (method, path) = line.split_once(' ').unwrap();
            let answer = self.http(method, path, body).await;
            assert!(answer.status < 300, "{caller} {line}: {} {}", answer.status, answer.body);
            answer.body
        }
    }

    /// What the operators' port says.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        send(self.admin, &format!("GET {path}"), "", b"").await
    }

    /// Whether the shop `acme` runs on this node.
    pub(crate) async fn has_shop(&self) -> bool {
        let told = self.admin("/cluster").await.body;
        told["shops"].as_array().unwrap().iter().any(|it| it["shop"] == "acme")
    }

    /// The shop `acme` with 100 `red` in free stock and the live room `r1` of `sue`.
    pub(crate) async fn furnish(&self) {
        let shop = json!({ "shop": "acme", "name": "Acme", "currency": "USD",
            "settings": { "min_presence_ms": 0, "unpaid_expiries_max": 0 } });
        self.set("POST /v1/shops", shop).await;
        let mug = json!({ "title": "Mug", "listed": true, "skus": [
            { "sku": "red", "title": "Red", "price_minor": 1_500 },
            { "sku": "blue", "title": "Blue", "price_minor": 1_700 },
        ] });
        self.set("PUT /v1/shops/acme/products/mug", mug).await;
        let stock = json!({ "stock": { "units": 100 } });
        self.set("PUT /v1/shops/acme/skus/red/stock", stock).await;
        let room = json!({ "room": "r1", "spec": { "title": "Mugs", "streamer": "sue" } });
        self.set("POST /v1/shops/acme/rooms", room).await;
        self.set("POST /v1/shops/acme/rooms/r1/start", Value::Null).await;
    }

    /// The live sale `s1` of that many `red`.
    pub(crate) async fn sell(&self, total: u32) {
        let item = json!({ "sku": "red", "total": total, "per_buyer": 2, "price_minor": 900 });
        let spec = json!({ "title": "Flash", "items": [item] });
        self.set("POST /v1/shops/acme/sales", json!({ "sale": "s1", "spec": spec })).await;
        self.set("POST /v1/shops/acme/sales/s1/announce", Value::Null).await;
        self.set("POST /v1/shops/acme/sales/s1/start", Value::Null).await;
    }

    /// Every event of the shop so far.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self.get(&format!("/v1/shops/acme/events?after={after}")).await;
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            after = page["next"].as_u64().unwrap();
            if page["end"] == true {
                return events;
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// One HTTP request on a connection of its own, written as it is: nothing in between mends it.
pub(crate) async fn send(to: SocketAddr, line: &str, head: &str, body: &[u8]) -> Answer {
    let length = match body.is_empty() {
        true => String::new(),
        false => format!("content-length: {}\r\n", body.len()),
    };
    let head = format!("{line} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{head}{length}\r\n");
    send_raw(to, &[head.as_bytes(), body].concat()).await
}

pub(crate) async fn send_raw(to: SocketAddr, request: &[u8]) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        // A refusal may come before the last byte is taken.
        let _ = stream.write_all(request).await;
        let mut response = Vec::new();
        while !is_whole(&response) && stream.read_buf(&mut response).await.unwrap_or(0) > 0 {}
        response
    };
    let response = soon("an HTTP answer", exchange).await;
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no HTTP answer: {response:?}")),
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
    }
}

/// Whether all of an answer is there: a refused handshake leaves its connection open.
fn is_whole(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split_once("content-length: ").map(|(_, rest)| rest);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
    length.is_some_and(|length| response.len() >= head.len() + 4 + length)
}
