//! Ring 3: whole conversations over a fake socket, with a real engine on the memory journal and
//! tokio's paused clock.

mod chats;
mod desks;
mod greetings;
mod promos;
mod rooms;
mod shelf;
mod sizes;
mod transcripts;

use std::sync::atomic::{AtomicU64, Ordering};

use hawker_domain::Role;
use hawker_domain::settings::Settings;
use hawker_domain::time::SpanMs;
use serde_json::{Value, json};

use super::*;
use crate::awaiting;
use crate::bus::{Bus, Local};
use crate::clock::Clock;
use crate::delivery::{self, Delivery};
use crate::edge::auth::{self, Grant, Minter, Verifier};
use crate::edge::limits::{self, Rate};
use crate::edge::reveal;
use crate::edge::seat::{self, Seats};
use crate::edge::seed::Sealer;
use crate::engine::testing::*;
use crate::engine::{self, Engine};
use crate::hub;
use crate::hub::fake::{Client, Pipe};
use crate::journal::Journal;
use crate::journal::memory::{Faults, Memory};
use shelf::Shelf;

/// Numbers the commands of everybody in all tests.
static COMMANDS: AtomicU64 = AtomicU64::new(0);

const SECRET: &[u8] = b"0123456789-abcdefghij-ABCDEFGHIJ";
const HOUR: SpanMs = SpanMs::hours(1);
const GRACE: Duration = Duration::from_secs(30);

/// A node without its listener: a shop with a room on air and five units in a sale.
struct House {
    around: Arc<Surroundings>,
    driver: Driver,
    faults: Faults,
    shelf: Arc<Shelf>,
    clock: Clock,
    seats: Seats,
    minter: Minter,
}

/// Somebody at the other end.
struct Guest {
    client: Client,
    asked: u32,
}

impl House {
    async fn open() -> Self {
        Self::with(1_000).await
    }

    /// `requests`: how many a user may send at once; ten a second after that.
    async fn with(requests: u32) -> Self {
        let (memory, clock) = (Memory::new(), Clock::starting_at(START));
        let bus: Arc<dyn Bus> = Arc::new(Local::new());
        let delivery = Delivery::new(delivery::Options::default(), bus.clone(), clock.clone());
        let hub = Hub::new(hub::Options::default(), delivery.clone());
        bus.subscribe(hub.clone());
        tokio::spawn(delivery.clone().run());
        let journal: Arc<dyn Journal> = Arc::new(memory.clone());
        let (sink, wishes) = awaiting::watching(delivery);
        let engine = Engine::start(engine::Options::default(), clock.clone(), journal, sink);
        let driver = Driver::new(engine.clone());
        driver.found(Settings::default(), 100).await;
        driver.go_live("r1").await;
        driver.run_sale(flash(in_room("r1"), 5)).await;

        let verifier = Arc::new(Verifier::new(auth_options(), clock.clone()).unwrap());
        let (shelf, timeout) = (Arc::new(Shelf::default()), Duration::from_secs(5));
        let sealer = Sealer::derive(SECRET).unwrap();
        let service =
            Service::new((engine, shelf.clone(), sealer), clock.clone(), verifier, timeout);
        let service = Arc::new(service);
        tokio::spawn(reveal::run(service.clone(), wishes));
        let rate = Rate { per_s: 10, burst: requests };
        let rates = limits::Options {
            request: rate,
            join: Rate { per_s: 10, burst: 100 },
            like: Rate { per_s: 10, burst: 100 },
            ..limits::options_for_tests()
        };
        let around = Surroundings {
            options: Options::default(),
            nodes: Nodes::new(service.clone(), None),
            service,
            hub,
            topics: Arc::new(OwnTopics),
            rates: Arc::new(Rates::new(rates)),
            pulses: Arc::default(),
            presence: PresenceKey::derive(SECRET),
            drain: CancellationToken::new(),
            goodbyes: Goodbyes::default(),
        };
        let places = seat::Options { total_max: 99, strangers_max: 99, per_address_max: 99 };
        Self {
            around: Arc::new(around),
            driver,
            faults: memory.faults(),
            shelf,
            clock,
            seats: Seats::new(places),
            minter: Minter::new("hawker", "hawker", SECRET).unwrap(),
        }
    }

    /// A connection that has not said anything.
    fn connect(&self) -> Guest {
        let (pipe, client) = Pipe::new();
        let reader = self.around.hub.connect(pipe, &[]);
        let seat = Arc::new(self.seats.take().unwrap());
        tokio::spawn(converse(self.around.clone(), reader, None, seat));
        Guest { client, asked: 0 }
    }

    fn token(&self, name: &str, ttl: SpanMs) -> String {
        self.token_at(name, ttl, self.clock.now())
    }

    fn token_at(&self, name: &str, ttl: SpanMs, at: hawker_domain::time::Millis) -> String {
        let (roles, shops) = (vec![Role::Buyer], vec![]);
        let grant = Grant { user: user_id(name), name: None, roles, shops, sid: None, ttl };
        self.minter.mint(&grant, at).unwrap()
    }

    fn staff_token(&self, name: &str, role: Role, shop: &str) -> String {
        let shops = vec![hawker_domain::id::ShopId::parse(shop).unwrap()];
        let roles = vec![role];
        let grant = Grant { user: user_id(name), name: None, roles, shops, sid: None, ttl: HOUR };
        self.minter.mint(&grant, self.clock.now()).unwrap()
    }

    /// Somebody of the staff of the shop, on a connection that has said hello.
    async fn staff(&self, name: &str, role: Role) -> Guest {
        let mut guest = self.connect();
        let answer = guest.hello(&self.staff_token(name, role, "acme"), json!([])).await;
        assert_eq!(answer["ok"]["user"], name, "{answer}");
        guest
    }

    /// A connection that has said hello.
    async fn guest(&self, name: &str) -> Guest {
        let mut guest = self.connect();
        let answer = guest.hello(&self.token(name, HOUR), json!([])).await;
        assert_eq!(answer["ok"]["user"], name, "{answer}");
        guest
    }
}

fn auth_options() -> auth::Options {
    auth::Options {
        issuer: "hawker".to_owned(),
        audience: "hawker".to_owned(),
        leeway_ms: 0,
        token_bytes_max: 4_096,
        secret: Some(SECRET.to_vec()),
        jwks_file: None,
        jwks_look_ms: 5_000,
    }
}

impl Guest {
    async fn hello(&mut self, token: &str, resume: Value) -> Value {
        self.ask("hello", json!({ "token": token, "resume": resume })).await
    }

    /// A request as a line; its id is the number of the question.
    fn line(&mut self, kind: &str, mut fields: Value) -> String {
        self.asked += 1;
        fields["id"] = self.asked.into();
        fields["type"] = kind.into();
        fields.to_string()
    }

    /// Asks, and answers with the reply.
    async fn ask(&mut self, kind: &str, fields: Value) -> Value {
        let line = self.line(kind, fields);
        self.client.text(&line);
        let asked = self.asked;
        let heard = self.hears().await;
        let reply = heard.iter().find(|line| line["re"] == asked);
        reply.cloned().unwrap_or_else(|| panic!("no reply to {line}: {heard:?}"))
    }

    /// The same of the shop.
    async fn ask_shop(&mut self, kind: &str, mut fields: Value) -> Value {
        fields["shop"] = "acme".into();
        self.ask(kind, fields).await
    }

    /// What the shop says yes to, under a command id of its own.
    async fn act(&mut self, kind: &str, mut fields: Value) -> Value {
        let count = COMMANDS.fetch_add(1, Ordering::Relaxed);
        fields["command_id"] = format!("act-{count}").into();
        let mut reply = self.ask_shop(kind, fields).await;
        assert!(reply["ok"].is_object(), "{kind}: {reply}");
        reply["ok"].take()
    }

    /// What the shop answers to a question.
    async fn read(&mut self, kind: &str, fields: Value) -> Value {
        let mut reply = self.ask_shop(kind, fields).await;
        assert!(reply["ok"].is_object(), "{kind}: {reply}");
        reply["ok"].take()
    }

    /// The same about the room.
    async fn ask_room(&mut self, kind: &str, mut fields: Value) -> Value {
        fields["shop"] = "acme".into();
        fields["room"] = "r1".into();
        self.ask(kind, fields).await
    }

    /// All that has arrived; a close is `{"close":<code>}`.
    async fn hears(&mut self) -> Vec<Value> {
        settle().await;
        let parse = |line: &String| match line.strip_prefix("close ") {
            Some(code) => json!({ "close": code.parse::<u16>().unwrap() }),
            None => serde_json::from_str(line).unwrap(),
        };
        self.client.lines().iter().map(parse).collect()
    }

    /// Lets time pass; the library at this end answers pings when it reads.
    async fn idle(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            pass((until - Instant::now()).min(Duration::from_secs(5))).await;
            assert_eq!(self.hears().await, [Value::Null; 0]);
        }
    }

    async fn is_closed_with(&mut self, code: u16) {
        let heard = self.hears().await;
        assert_eq!(heard.last().map(|line| &line["close"]), Some(&code.into()), "{heard:?}");
    }
}

fn code(reply: &Value) -> &str {
    reply["error"]["code"].as_str().unwrap_or("accepted")
}

fn text(said: &str) -> Value {
    json!({ "content": { "kind": "text", "text": said } })
}

fn claim_of(command_id: &str, quantity: u32) -> Value {
    json!({ "sale": "s1", "sku": "red", "quantity": quantity, "command_id": command_id })
}
