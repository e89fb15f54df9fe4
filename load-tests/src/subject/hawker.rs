//! A room of a Hawker server: viewers with tokens of their own, and people who comment.

use std::sync::Arc;

use anyhow::{Context, Result};
use hawker_protocol::Id;
use hawker_protocol::object::SettingsChange;
use hawker_protocol::reply::Joined;
use hawker_protocol::request::{Hello, RoomJoin};
use hawker_protocol::text::List;
use hawker_protocol::{Request, RequestId, codec};

use super::publisher::{Commenters, Publisher};
use super::source;
use crate::api::{Api, id};
use crate::crowd::Position;
use crate::crowd::entry::{Entrant, Entry};
use crate::line;
use crate::run::Target;
use crate::socket::hawker_headers;
use crate::token::Person;

/// The reply to the join, which is each viewer's second request.
const WELCOME: &str = "{\"re\":2,\"ok\":";
/// The reply to a hello that goes on where the last connection ended.
const WELCOME_AGAIN: &str = "{\"re\":1,\"ok\":";
const REFUSAL: &str = "\"error\":{\"code\":";
/// One socket for each: people who talk are few beside those who watch.
const COMMENTERS: usize = 20;

#[derive(Debug, Clone)]
pub(crate) struct Hawker {
    pub(crate) target: Arc<Target>,
    pub(crate) shop: Id,
    pub(crate) room: Id,
    pub(crate) compress: bool,
    pub(crate) message_bytes: usize,
    pub(crate) receive_bytes: Option<u32>,
    /// The node of those who comment.
    pub(crate) mouth: usize,
}

/// Where a topic was left, or begins.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    pub(crate) presence: String,
}

impl Hawker {
    /// A shop for the run.
    pub(crate) async fn furnish(target: &Arc<Target>) -> Result<Api> {
        let api = target.api(&target.name).await?;
        api.create_shop(SettingsChange::default()).await.context("setting up the shop")?;
        Ok(api)
    }

    /// A live room of that shop.
    pub(crate) async fn open(target: &Arc<Target>, api: &Api, room: &str) -> Result<Self> {
        api.open_room(room, "Live now").await?;
        Ok(Self {
            target: Arc::clone(target),
            shop: api.shop.clone(),
            room: id(room)?,
            compress: false,
            message_bytes: 0,
            receive_bytes: None,
            mouth: 0,
        })
    }

    pub(crate) fn topic(&self) -> String {
        format!("room:{}/{}", self.shop, self.room)
    }

    /// How a viewer gets in: hello and join leave together.
    pub(crate) async fn entry(&self, number: usize) -> Result<Entry> {
        let user = format!("{}-{}-{number}", self.target.name, self.room);
        let token = self.target.tokens.of(Person::buyer(&user, self.shop.as_str())).await?;
        let join = RoomJoin { shop: self.shop.clone(), room: self.room.clone() };
        let hello = Hello { token: None, resume: List::default() };
        Ok(Entry {
            source: source(&self.target.address, number),
            address: self.target.address(number).clone(),
            headers: hawker_headers(&token),
            greetings: vec![encoded(1, &hello.into())?, encoded(2, &join.into())?],
            welcome: Some(WELCOME),
            refusal: Some(REFUSAL),
            compress: self.compress,
            receive_bytes: self.receive_bytes,
        })
    }

    /// How he gets in again: with the token he has, and where he stood.
    pub(crate) fn again(&self, entry: &mut Entry, start: &Start) {
        entry.greetings = vec![self.hello_again(start)];
        entry.welcome = Some(WELCOME_AGAIN);
    }

    fn hello_again(&self, start: &Start) -> String {
        let at = serde_json::json!({
            "topic": self.topic(), "epoch": start.epoch, "seq": start.seq,
            "presence": start.presence,
        });
        serde_json::json!({ "id": 1, "type": "hello", "resume": [at] }).to_string()
    }

    /// Where a viewer stands who has just joined.
    pub(crate) fn start(entrant: &mut Entrant) -> Result<Start> {
        let joined: Joined = line::ok(&entrant.welcome)?;
        let (epoch, seq) = (joined.snapshot.epoch, joined.snapshot.seq);
        entrant.position = Position::at(seq);
        entrant.welcome = String::new();
        Ok(Start { epoch, seq, presence: joined.presence })
    }

    pub(super) async fn publisher(&self, seed: u64) -> Result<Publisher> {
        Ok(Publisher::Commenters(Commenters::join(self, COMMENTERS, seed).await?))
    }
}

fn encoded(number: u32, request: &Request) -> Result<String> {
    let number = RequestId::new(number).context("a request's number")?;
    let mut line = Vec::new();
    codec::encode_request(number, request, &mut line);
    Ok(String::from_utf8(line)?)
}
