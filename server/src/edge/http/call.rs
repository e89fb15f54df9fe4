//! One HTTP request, checked: who asks, the ids in its path, its command id, its body. Owns what
//! is the same for every route; knows none of them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use hawker_domain::command::{Actor, Command, Role};
use hawker_domain::id::{CommandId, ShopId};
use hawker_domain::shop::Shop;
use hawker_domain::time::{Millis, SpanMs};
use hawker_protocol::limits::NUMBER_MAX;
use hawker_protocol::number::SessionId;
use hawker_protocol::{Answer, Code, Id, Refusal, Request as Asked, codec};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::ApiState;
use super::problem::{Answered, Problem, body_broken, created, ok};
use crate::edge::auth::{self, Identity};
use crate::edge::limits::Class;
use crate::edge::origin::bearer;
use crate::edge::refusals;
use crate::edge::seat::Seat;
use crate::edge::service::{Caller, Service, acting_role, hash_of, wire_auth};
use crate::{engine, wire};

pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Everybody who works for a shop.
pub(super) const STAFF: &[Role] =
    &[Role::Service, Role::Manager, Role::Streamer, Role::Supervisor, Role::Agent];

/// A request whose bearer is known.
#[derive(Debug)]
pub(super) struct Call {
    state: Arc<ApiState>,
    identity: Identity,
    method: Method,
    uri: Uri,
    path: Vec<(String, String)>,
    command: Id,
    is_json: bool,
    body: Bytes,
}

impl FromRequest<Arc<ApiState>> for Call {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<ApiState>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let identity = identify(&parts, &state.service)?;
        check_rate(state, &identity, Class::Http)?;
        let command = key_of(&parts.headers)?.unwrap_or_else(|| wire::id(wire::fresh_id()));
        let path = path_of(&mut parts).await?;
        let is_json = is_json(&parts.headers);
        let body = read(body, state.options.body_bytes_max).await?;
        let (state, method, uri) = (state.clone(), parts.method, parts.uri);
        Ok(Self { state, identity, method, uri, path, command, is_json, body })
    }
}

pub(super) fn identify(parts: &Parts, service: &Service) -> Result<Identity, Refusal> {
    let token = bearer(&parts.headers).ok_or(auth::Error::Missing).map_err(wire_auth)?;
    let identity = service.verifier().verify(token).map_err(wire_auth)?;
    if let Some(seat) = parts.extensions.get::<Arc<Seat>>() {
        seat.authenticated();
    }
    Ok(identity)
}

pub(super) fn check_rate(
    state: &ApiState,
    identity: &Identity,
    class: Class,
) -> Result<(), Refusal> {
    let excess = state.rates.check_user(&identity.user, class);
    excess.map_err(|it| Refusal::new(Code::RateLimited).retry_after_ms(it.retry_after_ms))
}

/// The caller's name for the command. Without one nobody can ask for the same command again.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<Id>, Refusal> {
    let mut sent = headers.get_all(IDEMPOTENCY_KEY).iter();
    let field = "Idempotency-Key";
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Id::parse(key.to_str().unwrap_or_default())
            .map(Some)
            .map_err(|problem| Refusal::invalid_field(field, problem)),
        (Some(_), Some(_)) => Err(Refusal::invalid_field(field, "stands there twice")),
    }
}

pub(super) async fn path_of(parts: &mut Parts) -> Result<Vec<(String, String)>, Refusal> {
    let path = RawPathParams::from_request_parts(parts, &()).await;
    let path = path.map_err(|_| Refusal::invalid_field("path", "not UTF-8"))?;
    Ok(path.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/json")
}

/// What the body is said to be, without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    sent.and_then(|text| text.split(';').next()).unwrap_or_default().trim()
}

/// The query of a request.
pub(super) fn query_of<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    let query = Query::<T>::try_from_uri(uri).map_err(|rejection| {
        let text = rejection.body_text();
        let problem = text.strip_prefix("Failed to deserialize query string: ");
        let problem = problem.unwrap_or(&text);
        match problem.split_once(": ") {
            Some((field, problem)) => Refusal::invalid_field(field, problem),
            None => Refusal::with_message(Code::InvalidRequest, problem.to_owned()),
        }
    })?;
    Ok(query.0)
}

/// The id that stands under `name` in a path.
pub(super) fn id_in(path: &[(String, String)], name: &'static str) -> Result<Id, Refusal> {
    let found = path.iter().find(|(key, _)| key == name);
    let text = found.map(|(_, text)| text.as_str()).unwrap_or_default();
    Id::parse(text).map_err(|problem| Refusal::invalid_field(name, problem))
}

/// Whether a shop is there. It may sleep on.
pub(super) async fn check_shop(service: &Service, shop: &ShopId) -> Result<(), Refusal> {
    let position = service.engine().position(shop).await;
    let position = position.map_err(|error| refusals::of_journal(&error))?;
    if position.version == 0 { Err(Refusal::new(Code::ShopUnknown)) } else { Ok(()) }
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Refusal::with_message(Code::TooLarge, "the body is larger than allowed")
                .detail("bytes_max", bytes_max))
        }
        Err(_) => Err(body_broken()),
    }
}

/// What the request says.
impl Call {
    /// The id that stands in the path under this name.
    pub(super) fn id(&self, name: &'static str) -> Result<Id, Refusal> {
        id_in(&self.path, name)
    }

    /// The number of the session in the path.
    pub(super) fn session(&self) -> Result<SessionId, Refusal> {
        let found = self.path.iter().find(|(key, _)| key == "session");
        let digits = found.map(|(_, text)| text.as_str()).unwrap_or_default();
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|it| is_plain && (1..=NUMBER_MAX).contains(it));
        let problem = "must be a number from 1";
        number.map(SessionId).ok_or_else(|| Refusal::invalid_field("session", problem))
    }

    pub(super) fn shop(&self) -> Result<ShopId, Refusal> {
        self.id("shop").map(|shop| wire::shop_id(&shop))
    }

    pub(super) fn command_id(&self) -> Id {
        self.command.clone()
    }

    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        if !self.is_json {
            return Err(Refusal::new(Code::UnsupportedMediaType));
        }
        codec::parse_body(&self.body)
    }

    /// The body of a request that may come without one.
    pub(super) fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        let body = if self.body.is_empty() { None } else { self.body()? };
        Ok(body.unwrap_or_default())
    }

    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        query_of(&self.uri)
    }

    /// An id for what this command makes. It follows from who sent which command, so that a
    /// repetition makes the same thing.
    pub(super) fn made_id(&self) -> Id {
        self.derived_id("made")
    }

    fn derived_id(&self, part: &str) -> Id {
        let mut hasher = blake3::Hasher::new();
        for text in [self.identity.user.as_str(), "/", self.command.as_str(), "/", part] {
            hasher.update(text.as_bytes());
        }
        wire::id(&hasher.finalize().to_hex()[..32])
    }

    /// Of the request as it was sent.
    fn payload_hash(&self) -> u64 {
        let head = format!("{} {}\n", self.method, self.uri.path());
        hash_of(&[head.as_bytes(), &self.body].concat())
    }
}

/// What the request does.
impl Call {
    pub(super) fn service(&self) -> &Arc<Service> {
        &self.state.service
    }

    pub(super) fn state(&self) -> &ApiState {
        &self.state
    }

    /// People have the rate they have on their sockets; a system of the shop speaks to many.
    pub(super) fn check_speaker(&self) -> Result<(), Refusal> {
        let role = acting_role(&self.identity, &self.shop()?, wire::SPEAKERS)?;
        if role == Role::Service {
            return Ok(());
        }
        check_rate(&self.state, &self.identity, Class::Chat)
    }

    /// Carries out what a socket could ask as well.
    pub(super) async fn perform(&self, request: impl Into<Asked>) -> Answered {
        ok(&self.answer(request).await?)
    }

    /// The same for what makes something.
    pub(super) async fn perform_creation(&self, request: impl Into<Asked>) -> Answered {
        created(&self.answer(request).await?)
    }

    /// Its answer, for those who show it in another form.
    pub(super) async fn answer(&self, request: impl Into<Asked>) -> Result<Answer, Refusal> {
        let within = self.state.service.command_timeout();
        let caller = Caller { identity: &self.identity, present_ms: SpanMs(0), within };
        self.state.service.perform(caller, request.into()).await
    }

    pub(super) fn actor(&self, shop: &ShopId, wanted: &[Role]) -> Result<Actor, Refusal> {
        let role = acting_role(&self.identity, shop, wanted)?;
        Ok(Actor { user: self.identity.user.clone(), role })
    }

    /// Submits a command that only this door has.
    pub(super) async fn submit(
        &self,
        shop: &ShopId,
        wanted: &[Role],
        command: impl Into<Command>,
    ) -> Result<engine::Answer, Refusal> {
        self.submit_as(shop, wanted, command.into(), &self.command).await
    }

    /// Submits another part of a request that needs two commands.
    pub(super) async fn submit_part(
        &self,
        shop: &ShopId,
        wanted: &[Role],
        command: impl Into<Command>,
        part: &str,
    ) -> Result<engine::Answer, Refusal> {
        self.submit_as(shop, wanted, command.into(), &self.derived_id(part)).await
    }

    async fn submit_as(
        &self,
        shop: &ShopId,
        wanted: &[Role],
        command: Command,
        id: &Id,
    ) -> Result<engine::Answer, Refusal> {
        let actor = self.actor(shop, wanted)?;
        let (id, hash): (CommandId, u64) = (wire::command_id(id), self.payload_hash());
        self.state.service.submit(shop, actor, command, id, hash).await
    }

    /// Asks a shop that exists, on behalf of somebody it has not sent away.
    pub(super) async fn ask<T, F>(
        &self,
        shop: &ShopId,
        wanted: &[Role],
        question: F,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Shop, Millis) -> T + Send + 'static,
    {
        let actor = self.actor(shop, wanted)?;
        self.state.service.ask_as(shop, actor, question).await
    }

    /// Lets in who may read this shop's documents and history. For a shop's own systems a shop
    /// that sleeps sleeps on; of people the shop itself knows whether they still work for it.
    pub(super) async fn admit(&self, shop: &ShopId, wanted: &[Role]) -> Result<(), Refusal> {
        if self.actor(shop, wanted)?.role != Role::Service {
            return self.ask(shop, wanted, |_, _| ()).await;
        }
        check_shop(&self.state.service, shop).await
    }
}
