//! What a request does, whichever door it came through: checks role and shop, asks the engine,
//! and says the answer in the wire's words. Owns no connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::command::{Actor, Commitment, Role};
use hawker_domain::document;
use hawker_domain::id::{CommandId, OrderId, RoomId, SaleId, ShopId, UserId};
use hawker_domain::rejection::Rejection;
use hawker_domain::shop::Shop;
use hawker_domain::time::{Millis, SpanMs};
use hawker_domain::view::{Change, OrderState, OrderView, RoomState, SaleView};
use hawker_protocol::object::Me;
use hawker_protocol::{Answer, Code, Refusal, Request, RequestId, codec, reply, request};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::auth::{Identity, Verifier};
use super::link::Links;
use super::refusals;
use super::seed::Sealer;
use crate::clock::Clock;
use crate::engine::{self, Answer as Reached, CommandIdentity, Engine, Outcome, Submission};
use crate::uploads::{Description, Uploads};
use crate::wire;

/// How many orders a page has, unless asked, and at most.
const ORDERS_PAGE: u32 = 50;
const ORDERS_PAGE_MAX: u32 = 200;
/// Payments that came after an order was archived: one is rare, more are shown up to here.
const LATE_REFUNDS_MAX: usize = 100;

/// Serves requests. Shared by every connection.
#[derive(Debug)]
pub struct Service {
    engine: Engine,
    clock: Clock,
    verifier: Arc<Verifier>,
    uploads: Arc<dyn Uploads>,
    links: Links,
    sealer: Sealer,
    /// How long a command may wait before it is decided, and a question for its answer.
    command_timeout: Duration,
}

/// Who asks, and what the edge knows of him that a command may need.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub identity: &'a Identity,
    pub present_ms: SpanMs,
    /// How long a command may wait before it is decided.
    pub within: Duration,
}

impl Service {
    pub fn new(
        (engine, uploads, sealer): (Engine, Arc<dyn Uploads>, Sealer),
        clock: Clock,
        verifier: Arc<Verifier>,
        command_timeout: Duration,
    ) -> Self {
        let links = Links::default();
        Self { engine, clock, verifier, uploads, links, sealer, command_timeout }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn command_timeout(&self) -> Duration {
        self.command_timeout
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Carries a request out. What changes state is queued before this returns, so that the
    /// requests of one connection are sequenced in the order in which they were sent; only what
    /// names a file is looked at first.
    pub fn perform(
        self: &Arc<Self>,
        caller: Caller<'_>,
        request: Request,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send + use<> {
        let names_file = wire::named_upload(&request).is_some();
        let begun = (!names_file).then(|| self.begin(caller, &request, None));
        let (service, identity) = (self.clone(), caller.identity.clone());
        let within = caller.within;
        async move {
            let begun = match begun {
                Some(begun) => begun?,
                None => {
                    let file = service.named_file(&identity, &request).await?;
                    let caller = Caller { identity: &identity, present_ms: SpanMs(0), within };
                    service.begin(caller, &request, file.as_ref())?
                }
            };
            match begun {
                Begun::Command(verdict) => {
                    let verdict = verdict.await;
                    service.note_verdict(&identity.user, &request, &verdict);
                    told(&request, verdict)
                }
                Begun::Read(read) => service.read(read, request).await,
            }
        }
    }

    fn begin(
        &self,
        caller: Caller<'_>,
        request: &Request,
        file: Option<&Description>,
    ) -> Result<Begun, Refusal> {
        Ok(match self.prepare(caller, request, file)? {
            Prepared::Command(submission) => Begun::Command(self.engine.submit(*submission)),
            Prepared::Read(read) => Begun::Read(read),
        })
    }

    /// The file that a message names, if it names one: the sender's own, and kept from here on. A
    /// crash between this and the message leaves a file too many, never a message without its.
    pub(super) async fn named_file(
        &self,
        identity: &Identity,
        request: &Request,
    ) -> Result<Option<Description>, Refusal> {
        let Some(upload) = wire::named_upload(request) else { return Ok(None) };
        self.verifier.still_valid(identity).map_err(wire_auth)?;
        let shop = request.shop().map(wire::shop_id);
        let shop = shop.ok_or(Refusal::new(Code::InvalidRequest))?;
        let looked_up = async {
            let found = self.uploads.describe(&shop, &upload).await?;
            match found.filter(|found| found.owner == identity.user) {
                Some(_) => self.uploads.keep(&shop, &upload).await,
                None => Ok(None),
            }
        };
        let found = tokio::time::timeout(self.command_timeout, looked_up).await;
        let found = found.map_err(|_| Refusal::new(Code::Timeout))?;
        let found = found.map_err(|error| refusals::of_uploads(&error))?;
        let problem = "you have sent this shop no such file: send it to /v1/uploads first";
        let unknown = || Refusal::invalid_field("content.upload", problem);
        found.map(Some).ok_or_else(unknown)
    }

    /// Checks a request and says what has to be done for it. `file` is what the request names.
    pub(super) fn prepare(
        &self,
        caller: Caller<'_>,
        request: &Request,
        file: Option<&Description>,
    ) -> Result<Prepared, Refusal> {
        let identity = caller.identity;
        self.verifier.still_valid(identity).map_err(wire_auth)?;
        let shop = request.shop().ok_or(Refusal::new(Code::InvalidRequest))?;
        let shop = wire::shop_id(shop);
        let commitment = self.commitment_for(request, &shop)?;
        let ask = wire::Ask {
            user: &identity.user,
            name: identity.name.as_deref().unwrap_or(identity.user.as_str()),
            present_ms: caller.present_ms,
            attachment: file.map(|file| wire::Attachment {
                media_type: file.media_type.as_str(),
                size_bytes: file.size_bytes,
            }),
            commitment: commitment.as_ref(),
        };
        let Some(translated) = wire::translate(request, &ask) else {
            return Ok(Prepared::Read(Box::new(Read { shop, identity: identity.clone() })));
        };
        let role = acting_role(identity, &shop, translated.roles)?;
        let named = request.command_id().map(|command| CommandIdentity {
            command: wire::command_id(command),
            payload_hash: payload_hash(request),
        });
        let submission = Submission {
            actor: Actor { user: identity.user.clone(), role },
            command: translated.command,
            identity: named,
            deadline: Instant::now() + caller.within.min(self.command_timeout),
            shop,
        };
        Ok(Prepared::Command(Box::new(submission)))
    }

    /// The promise of a seed, where the request makes something that is drawn. A repetition's is
    /// thrown away: the first one stands.
    fn commitment_for(
        &self,
        request: &Request,
        shop: &ShopId,
    ) -> Result<Option<Commitment>, Refusal> {
        let made = wire::needs_seed(request).then(|| self.sealer.commit(shop)).transpose();
        made.map_err(|error| {
            tracing::error!(%error, "a draw cannot be promised");
            Refusal::new(Code::Internal)
        })
    }

    /// Whether somebody may enter a room, and what is his in the shop.
    pub(super) async fn entrance(
        &self,
        identity: &Identity,
        shop: &ShopId,
        room: &RoomId,
    ) -> Result<Me, Refusal> {
        let (user, room) = (identity.user.clone(), room.clone());
        let found = self.ask(shop, move |shop, now| {
            let state = shop.room_state(&room).ok_or(Refusal::new(Code::RoomUnknown))?;
            let banned = shop.check_not_banned(&room, &user, now);
            banned.map_err(|rejection| wire::rejection_refusal(&rejection))?;
            let muted_until = shop.muted_until(&room, &user, now);
            Ok::<_, Refusal>((state, shop.buyer_view(&user), muted_until))
        });
        let (state, buyer, muted_until) = found.await??;
        match state {
            RoomState::Ended => Err(Refusal::new(Code::RoomEnded)),
            RoomState::Scheduled | RoomState::Live | RoomState::Paused => {
                let mut me = wire::buyer(&buyer);
                me.muted_until = muted_until.map(wire::at);
                Ok(me)
            }
        }
    }

    /// Whether somebody works for the shop: he may have been dismissed since his token was made.
    pub(super) async fn serves(&self, identity: &Identity, shop: &ShopId) -> Result<(), Refusal> {
        self.ask_for(shop, identity, wire::STAFF, |_, _| ()).await
    }

    /// The number of the last message of a conversation, for the staff.
    pub(super) async fn last_message(
        &self,
        identity: &Identity,
        shop: &ShopId,
        buyer: &UserId,
    ) -> Result<u64, Refusal> {
        let asks = buyer.clone();
        let found = self.ask_for(shop, identity, wire::STAFF, move |shop, _| {
            shop.conversation_view(&asks).map(|view| view.seq)
        });
        found.await?.ok_or(Refusal::new(Code::ConversationUnknown))
    }

    /// Answers a request that changes nothing.
    pub(super) async fn read(&self, read: Box<Read>, request: Request) -> Result<Answer, Refusal> {
        let Read { shop, identity } = &*read;
        match request {
            Request::RoomList(list) => self.rooms(shop, list).await,
            Request::RoomDashboard(dashboard) => {
                let role = acting_role(identity, shop, wire::HOSTS)?;
                let actor = Actor { user: identity.user.clone(), role };
                self.dashboard(shop, actor, wire::room_id(&dashboard.room)).await
            }
            Request::OrderList(list) => self.own_orders(shop, identity, list).await,
            Request::ShopSettings(change) => self.settings(shop, identity, change).await,
            Request::ChatOpen(_) => self.open_chat(shop, identity).await,
            Request::ChatHistory(history) => self.chat_history(shop, identity, history).await,
            request => self.read_promo(shop, identity, request).await,
        }
    }

    /// Whoever logged out at a desk is linked to it by none of his sockets.
    pub(super) fn note_verdict(
        &self,
        user: &UserId,
        request: &Request,
        verdict: &Result<Outcome, engine::Error>,
    ) {
        if let (Request::DeskLogOut(it), Ok(Outcome::Accepted(_))) = (request, verdict) {
            self.links.on_log_out(&wire::shop_id(&it.shop), user);
        }
    }

    async fn rooms(&self, shop: &ShopId, list: request::RoomList) -> Result<Answer, Refusal> {
        let rooms = self.ask(shop, |shop, _| shop.view().map(|_| shop.rooms())).await?;
        let rooms = rooms.ok_or(Refusal::new(Code::ShopUnknown))?;
        let wanted = |room: &hawker_protocol::object::Room| {
            list.state.is_none_or(|state| state == room.state)
        };
        Ok(reply::Rooms { rooms: rooms.iter().map(wire::room).filter(wanted).collect() }.into())
    }

    async fn dashboard(
        &self,
        shop: &ShopId,
        actor: Actor,
        room: RoomId,
    ) -> Result<Answer, Refusal> {
        let found = self.ask_as(shop, actor, move |shop, now| {
            let view = shop.room_view(&room)?;
            let campaigns = shop.campaigns().into_iter();
            let own = campaigns.filter(|it| wire::is_in_room(&it.spec.rooms, &room));
            let watched = own.map(|it| {
                let watch = wire::is_watched(&it).then(|| shop.watch_task_view(&it.campaign));
                (it, watch.flatten())
            });
            let promo = wire::dashboard_promo(&watched.collect::<Vec<_>>());
            Some((view, shop.sales_in(&room), promo, shop.currency().clone(), now))
        });
        let found = found.await?.ok_or(Refusal::new(Code::RoomUnknown))?;
        let (room, sales, promo, currency, now) = found;
        let promo = Some(promo).filter(|promo| !promo.campaigns.is_empty());
        Ok(wire::dashboard(&room, &sales, promo, &currency, now).into())
    }

    async fn own_orders(
        &self,
        shop: &ShopId,
        identity: &Identity,
        list: request::OrderList,
    ) -> Result<Answer, Refusal> {
        let cursor = list.cursor.as_deref();
        let (orders, next) = self.orders_of(shop, &identity.user, cursor, list.limit).await?;
        Ok(reply::Orders { orders: orders.iter().map(wire::order).collect(), next }.into())
    }

    /// A page of a buyer's orders, newest first. The documents are read, so a sleeping shop
    /// sleeps on.
    pub(super) async fn orders_of(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<(Vec<OrderView>, Option<String>), Refusal> {
        let prefix = document::buyer_orders_prefix(buyer);
        self.orders_under(shop, &prefix, cursor, limit).await
    }

    /// A page of the orders whose keys stand under `prefix`.
    pub(super) async fn orders_under(
        &self,
        shop: &ShopId,
        prefix: &str,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<(Vec<OrderView>, Option<String>), Refusal> {
        let limit = limit.unwrap_or(ORDERS_PAGE).clamp(1, ORDERS_PAGE_MAX) as usize;
        let after = cursor.map(|cursor| format!("{prefix}{cursor}"));
        let found = self.engine.documents(shop, prefix, after.as_deref(), limit + 1);
        let mut index = found.await.map_err(|error| refusals::of_journal(&error))?;
        let more = index.len() > limit;
        index.truncate(limit);
        let mut orders = Vec::with_capacity(index.len());
        for entry in &index {
            let id = entry.key.rsplit('/').next().unwrap_or_default();
            if let Ok(id) = OrderId::parse(id) {
                orders.extend(self.stored_order(shop, &id).await?);
            }
        }
        let last = index.last().filter(|_| more);
        let next = last.and_then(|entry| entry.key.strip_prefix(prefix)).map(str::to_owned);
        Ok((orders, next))
    }

    /// An order as its document has it; `None` if there is none.
    pub(super) async fn stored_order(
        &self,
        shop: &ShopId,
        order: &OrderId,
    ) -> Result<Option<OrderView>, Refusal> {
        let found = self.engine.document(shop, &document::order_key(order)).await;
        let bytes = found.map_err(|error| refusals::of_journal(&error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let mut view: OrderView = read_order(shop, order, &bytes)?;
        match view.state {
            OrderState::Unpaid | OrderState::PaymentPending => return Ok(Some(view)),
            OrderState::Paid { .. } | OrderState::Cancelled { .. } => {}
        }
        let prefix = document::late_refunds_prefix(order);
        let late = self.engine.documents(shop, &prefix, None, LATE_REFUNDS_MAX).await;
        for refund in late.map_err(|error| refusals::of_journal(&error))? {
            view.refunds_required.push(read_order(shop, order, &refund.value)?);
            view.version += 1;
        }
        Ok(Some(view))
    }

    /// An archived sale as it last was.
    pub(super) async fn stored_sale(
        &self,
        shop: &ShopId,
        sale: &SaleId,
    ) -> Result<Option<SaleView>, Refusal> {
        let found = self.engine.document(shop, &document::sale_key(sale)).await;
        let bytes = found.map_err(|error| refusals::of_journal(&error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            tracing::error!(%shop, %sale, %error, "a sale's document cannot be read");
            Refusal::new(Code::Internal)
        })
    }

    async fn settings(
        &self,
        shop: &ShopId,
        identity: &Identity,
        change: request::ShopSettings,
    ) -> Result<Answer, Refusal> {
        let role = acting_role(identity, shop, wire::KEEPERS)?;
        let actor = Actor { user: identity.user.clone(), role };
        let view = self.ask_as(shop, actor.clone(), |shop, _| shop.view()).await?;
        let view = view.ok_or(Refusal::new(Code::ShopUnknown))?;
        let settings = wire::changed_settings(&view.settings, &change.settings);
        if settings == view.settings {
            return Ok(reply::ShopChanged { shop: wire::shop(shop, &view) }.into());
        }
        let payload_hash = payload_hash(&Request::ShopSettings(change.clone()));
        let command = hawker_domain::command::ShopCommand::SetSettings { settings };
        let changed = self
            .submit(shop, actor, command.into(), wire::command_id(&change.command_id), payload_hash)
            .await?;
        match changed.result {
            Some(Change::Shop(view)) => {
                Ok(reply::ShopChanged { shop: wire::shop(shop, &view) }.into())
            }
            _ => Err(Refusal::new(Code::Internal)),
        }
    }

    /// A command that no socket request stands for.
    pub async fn submit(
        &self,
        shop: &ShopId,
        actor: Actor,
        command: hawker_domain::Command,
        id: CommandId,
        payload_hash: u64,
    ) -> Result<Reached, Refusal> {
        let submission = Submission {
            shop: shop.clone(),
            actor,
            command,
            identity: Some(CommandIdentity { command: id, payload_hash }),
            deadline: Instant::now() + self.command_timeout,
        };
        match self.engine.submit(submission).await {
            Ok(Outcome::Accepted(answer)) => Ok(*answer),
            Ok(Outcome::Refused(rejection)) => Err(wire::rejection_refusal(&rejection)),
            Err(error) => Err(refusals::of_engine(error)),
        }
    }

    /// Asks a shop that exists, on behalf of somebody it has not sent away.
    pub(super) async fn ask_as<T: Send + 'static>(
        &self,
        shop: &ShopId,
        actor: Actor,
        question: impl FnOnce(&Shop, Millis) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let asked = self.ask(shop, move |shop, now| {
            shop.view().ok_or(Rejection::ShopUnknown)?;
            shop.check_member(&actor)?;
            Ok(question(shop, now))
        });
        asked.await?.map_err(|rejection: Rejection| wire::rejection_refusal(&rejection))
    }

    /// Asks a shop. A question changes nothing, so who has waited long enough may simply go.
    pub async fn ask<T: Send + 'static>(
        &self,
        shop: &ShopId,
        question: impl FnOnce(&Shop, Millis) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let answer = tokio::time::timeout(self.command_timeout, self.engine.query(shop, question));
        answer.await.unwrap_or(Err(engine::Error::Timeout)).map_err(refusals::of_engine)
    }
}

/// A request that was checked.
pub(super) enum Prepared {
    Command(Box<Submission>),
    Read(Box<Read>),
}

/// What a question needs besides its request.
pub(super) struct Read {
    shop: ShopId,
    identity: Identity,
}

enum Begun {
    Command(engine::Verdict),
    Read(Box<Read>),
}

/// What came of a command, in the wire's words.
pub(super) fn told(
    request: &Request,
    verdict: Result<Outcome, engine::Error>,
) -> Result<Answer, Refusal> {
    match verdict {
        Ok(Outcome::Accepted(answer)) => {
            let Reached { events, result, existing, .. } = *answer;
            wire::answer(request, &events, result, existing)
        }
        Ok(Outcome::Refused(rejection)) => Err(wire::rejection_refusal(&rejection)),
        Err(error) => Err(refusals::of_engine(error)),
    }
}

fn read_order<T: DeserializeOwned>(
    shop: &ShopId,
    order: &OrderId,
    bytes: &[u8],
) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::error!(%shop, %order, %error, "an order's document cannot be read");
        Refusal::new(Code::Internal)
    })
}

/// The best of `wanted` that the token grants in this shop. Staff roles count only in the shops
/// the token names.
pub(super) fn acting_role(
    identity: &Identity,
    shop: &ShopId,
    wanted: &[Role],
) -> Result<Role, Refusal> {
    let serves = identity.shops.contains(shop);
    let granted = |role: &&Role| identity.roles.contains(role) && (serves || **role == Role::Buyer);
    // The least that would do, whichever is the best.
    let needed = wanted.iter().copied().min().unwrap_or(Role::Service);
    let refusal = || wire::rejection_refusal(&Rejection::Forbidden { needed });
    wanted.iter().find(granted).copied().ok_or_else(refusal)
}

/// Of the request as the caller meant it: his name for it on the connection does not count.
pub(super) fn payload_hash(request: &Request) -> u64 {
    let mut bytes = Vec::with_capacity(256);
    codec::encode_request(RequestId::FIRST, request, &mut bytes);
    hash_of(&bytes)
}

pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let first: [u8; 8] = std::array::from_fn(|index| hash.as_bytes()[index]);
    u64::from_le_bytes(first)
}

pub(super) fn wire_auth(error: super::auth::Error) -> Refusal {
    let code = match error {
        super::auth::Error::Expired => Code::TokenExpired,
        super::auth::Error::Missing
        | super::auth::Error::TooLarge { .. }
        | super::auth::Error::Malformed
        | super::auth::Error::UnknownKey
        | super::auth::Error::WrongAlgorithm
        | super::auth::Error::BadSignature
        | super::auth::Error::BadClaims(_)
        | super::auth::Error::WrongIssuer
        | super::auth::Error::WrongAudience
        | super::auth::Error::NotYet
        | super::auth::Error::Revoked => Code::Unauthorized,
    };
    Refusal::with_message(code, error.to_string())
}
