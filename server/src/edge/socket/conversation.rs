//! An identified connection: its requests in, its replies out, its places in rooms.

use std::sync::Arc;
use std::time::Duration;

use hawker_domain::id::ShopId;
use hawker_domain::shop::{Seen, WatchMark};
use hawker_domain::time::{Millis, SpanMs};
use hawker_protocol::codec::{self, Parsed};
use hawker_protocol::number::EpochMs;
use hawker_protocol::object::Me;
use hawker_protocol::{CloseCode, Code, Id, Push, Refusal, Request, RequestId};
use hawker_protocol::{push, reply, request};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Surroundings;
use super::desks::Desks;
use super::replies::{Place, Replies};
use super::seats::Seats;
use crate::edge::auth::Identity;
use crate::edge::limits::{Excesses, Verdict};
use crate::edge::link::Link;
use crate::edge::service::{Caller, Prepared, hash_of, wire_auth};
use crate::hub::Topic;
use crate::hub::{Attendance, Connection, Frame, Registration, Resumed};
use crate::wire;

/// Rooms one connection may be in at a time: a viewer is in one, a manager's console in a few.
const ROOMS_MAX: usize = 16;

/// Clients that were told to move open their next connection before this one is closed.
const LEAVE_SLACK: Duration = Duration::from_secs(2);

pub(super) struct Conversation {
    pub(super) around: Arc<Surroundings>,
    registration: Registration,
    identity: Identity,
    seats: Seats,
    /// There from the first request on that a shop answers.
    replies: Option<Arc<Replies>>,
    /// There from the first desk or watched conversation on.
    pub(super) desks: Option<Box<Desks>>,
    among: Option<Box<AmongNodes>>,
    lately: Option<Box<Lately>>,
}

/// What a connection has where there are other nodes.
#[derive(Default)]
struct AmongNodes {
    /// What other nodes say to the user comes as long as this is kept.
    _heard: Option<Attendance>,
    /// When it is its turn to move to another node; set once it was told.
    leaves_at: Option<Instant>,
}

/// Requests past a rate, and lines that could not be read, lately. Most have neither.
#[derive(Default)]
struct Lately {
    excesses: Excesses,
    errors: Excesses,
}

impl Conversation {
    pub(super) fn new(
        around: Arc<Surroundings>,
        registration: Registration,
        identity: Identity,
    ) -> Self {
        Self {
            around,
            registration,
            identity,
            seats: Seats::default(),
            replies: None,
            desks: None,
            among: None,
            lately: None,
        }
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.registration.connection()
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    fn now(&self) -> Millis {
        self.around.service.clock().now()
    }

    /// How long until the token and its grace are over.
    pub(super) fn until_cut_off(&self) -> Duration {
        let grace = self.around.options.expiry_grace.as_millis();
        let grace = SpanMs(u64::try_from(grace).unwrap_or(u64::MAX));
        let end = self.identity.expires_at + grace;
        Duration::from_millis(end.since(self.now()).0)
    }

    /// Until the next thing that time alone brings.
    pub(super) fn until_due(&self) -> Duration {
        let leaves_in = self.leaves_at().map(|at| at.saturating_duration_since(Instant::now()));
        leaves_in.map_or(self.until_cut_off(), |leaves_in| leaves_in.min(self.until_cut_off()))
    }

    fn leaves_at(&self) -> Option<Instant> {
        self.among.as_ref()?.leaves_at
    }

    /// Whether it was told to move.
    pub(super) fn is_told_to_leave(&self) -> bool {
        self.leaves_at().is_some()
    }

    /// Whether it is its turn.
    pub(super) fn is_to_leave(&self) -> bool {
        self.leaves_at().is_some_and(|at| at <= Instant::now())
    }

    /// Whether other nodes serve what this one served, so that a drain ends nothing at once.
    pub(super) fn may_stay(&self) -> bool {
        self.around.nodes.has_successors()
    }

    /// Hears what other nodes say to the user.
    pub(super) async fn attend(&mut self) {
        let heard = self.around.topics.attend(&self.identity.user).await;
        if heard.is_some() {
            self.among = Some(Box::new(AmongNodes { _heard: heard, leaves_at: None }));
        }
    }

    pub(super) async fn on_parsed(&mut self, parsed: Parsed) -> Result<(), CloseCode> {
        let (id, request) = match parsed {
            Ok(request) => request,
            Err((id, refusal)) => {
                self.refuse(id, &refusal);
                let (options, now) = (self.around.rates.options(), self.now());
                let errors = &mut self.lately.get_or_insert_default().errors;
                return match errors.on_excess(options, now) {
                    Verdict::Refuse => Ok(()),
                    Verdict::Close => Err(CloseCode::TooManyErrors),
                };
            }
        };
        if let Err(excess) = self.around.rates.check_request(&self.identity.user, &request) {
            let refusal = Refusal::new(Code::RateLimited).retry_after_ms(excess.retry_after_ms);
            self.refuse(Some(id), &refusal);
            let (options, now) = (self.around.rates.options(), self.now());
            let excesses = &mut self.lately.get_or_insert_default().excesses;
            return match excesses.on_excess(options, now) {
                Verdict::Refuse => Ok(()),
                Verdict::Close => Err(CloseCode::RateLimited),
            };
        }
        self.on_request(id, request).await;
        Ok(())
    }

    async fn on_request(&mut self, id: RequestId, request: Request) {
        metrics::counter!("hawker_requests_total", "type" => request.type_name()).increment(1);
        match request {
            Request::Hello(_) => self.refuse(Some(id), &Refusal::new(Code::AlreadyIdentified)),
            Request::Refresh(refresh) => self.on_refresh(id, &refresh),
            Request::Ping(ping) => self.on_ping(id, ping),
            Request::RoomJoin(join) => self.on_join(id, &join).await,
            Request::RoomLeave(leave) => self.on_leave(id, &leave),
            Request::RoomLike(like) => self.on_like(id, &like),
            Request::RoomWatch(watch) => self.on_watch(id, &watch),
            Request::DeskJoin(join) => self.on_desk_join(id, &join).await,
            Request::DeskLeave(leave) => self.on_desk_leave(id, &leave),
            Request::DeskWatch(watch) => self.on_desk_watch(id, &watch).await,
            Request::DeskUnwatch(unwatch) => self.on_desk_unwatch(id, &unwatch),
            request => self.on_shop_request(id, request).await,
        }
    }

    /// Requests that a shop answers: queued here in their order, answered when they are durable.
    async fn on_shop_request(&mut self, id: RequestId, request: Request) {
        let limit = self.around.options.requests_in_flight_max;
        let replies = Arc::clone(self.replies.get_or_insert_default());
        if replies.in_flight() >= limit {
            return self.refuse(Some(id), &Refusal::new(Code::TooManyInFlight));
        }
        let present_ms = match &request {
            Request::SaleClaim(claim) => match self.presence(&claim.shop, &claim.room) {
                Some(present_ms) => present_ms,
                None => return self.refuse(Some(id), &Refusal::new(Code::NotJoined)),
            },
            _ => SpanMs(0),
        };
        let place = Replies::expect(&replies, id);
        let shop = request.shop().map(wire::shop_id);
        if let Some(shop) = shop.filter(|shop| !self.around.nodes.is_here(shop)) {
            return self.on_elsewhere(id, request, (shop, present_ms), place).await;
        }
        let within = self.around.service.command_timeout();
        let caller = Caller { identity: &self.identity, present_ms, within };
        let service = &self.around.service;
        let file = service.named_file(&self.identity, &request).await;
        let prepared = file.and_then(|file| service.prepare(caller, &request, file.as_ref()));
        match prepared {
            Ok(Prepared::Command(submission)) if matches!(request, Request::DeskLogOut(_)) => {
                let verdict = service.engine().submit(*submission);
                let (service, user) = (service.clone(), self.identity.user.clone());
                tokio::spawn(async move {
                    let verdict = verdict.await;
                    service.note_verdict(&user, &request, &verdict);
                    place.verdict(request, verdict);
                });
            }
            Ok(Prepared::Command(submission)) => {
                let hear = move |verdict| place.verdict(request, verdict);
                service.engine().submit_to(*submission, hear);
            }
            Ok(Prepared::Read(read)) => {
                let service = service.clone();
                tokio::spawn(async move { place.answer(service.read(read, request).await) });
            }
            Err(refusal) => place.answer(Err(refusal)),
        }
    }

    /// The shop runs on another node, or has to be taken first. What is asked next waits until this
    /// is on its way.
    async fn on_elsewhere(
        &self,
        id: RequestId,
        request: Request,
        (shop, present_ms): (ShopId, SpanMs),
        place: Place,
    ) {
        let (sent, is_sent) = oneshot::channel();
        let (nodes, identity) = (self.around.nodes.clone(), self.identity.clone());
        tokio::spawn(async move {
            let line = nodes.request(&shop, (identity, present_ms), (id, request), sent);
            place.line(line.await);
        });
        // Without a word it is answered already.
        let _ = is_sent.await;
    }

    /// Where answers come in that are on their way.
    pub(super) fn replies(&self) -> Option<&Arc<Replies>> {
        self.replies.as_ref()
    }

    /// The same, and where they go, for who is busy with the conversation.
    pub(super) fn outgoing(&self) -> (Option<Arc<Replies>>, Arc<Connection>) {
        (self.replies.clone(), self.connection().clone())
    }

    /// Sends the answers that have come in.
    pub(super) fn on_replies(&self) {
        let Some(replies) = &self.replies else { return };
        replies.send_to(self.connection());
    }

    fn presence(&self, shop: &Id, room: &Id) -> Option<SpanMs> {
        let topic = topic(shop, room);
        self.seats.joined_at(&topic).map(|joined_at| self.now().since(joined_at))
    }

    fn on_refresh(&mut self, id: RequestId, refresh: &request::Refresh) {
        match self.around.service.verifier().verify(&refresh.token) {
            Ok(identity) if identity.user == self.identity.user => {
                let expires_at = EpochMs(identity.expires_at.0);
                self.identity = identity;
                self.leave_foreign_desks();
                self.reply(id, &reply::Refreshed { expires_at });
            }
            Ok(_) => {
                let message = "the token belongs to another user: open another connection for him";
                self.refuse(Some(id), &Refusal::with_message(Code::Forbidden, message));
            }
            Err(error) => self.refuse(Some(id), &wire_auth(error)),
        }
    }

    fn on_ping(&self, id: RequestId, ping: request::Ping) {
        let t1 = EpochMs(self.now().0);
        self.reply(id, &reply::Pong { t0: ping.t0, t1, t2: EpochMs(self.now().0) });
    }

    async fn on_join(&mut self, id: RequestId, join: &request::RoomJoin) {
        let topic = topic(&join.shop, &join.room);
        let me = match self.enter(&topic, &join.shop, &join.room).await {
            Ok(me) => me,
            Err(refusal) => return self.refuse(Some(id), &refusal),
        };
        // Joining again keeps the time already spent.
        let joined_at = self.seats.joined_at(&topic).unwrap_or_else(|| self.now());
        let joined = self.around.hub.join(&topic, self.connection());
        let Some(snapshot) = &joined.snapshot else {
            return self.refuse(Some(id), &Refusal::new(Code::RoomEnded));
        };
        let presence = self.around.presence.sign(&self.identity.user, &topic, joined_at);
        let mut line = Vec::with_capacity(snapshot.len() + 512);
        codec::encode_joined(id, &presence, &me, snapshot, &mut line);
        send_line(self.connection(), &line);
        self.seats.sit(joined.start(), joined_at);
        self.mark(&topic, Seen::Began, None);
    }

    /// Tells the room's next pulse what was seen of this viewer.
    fn mark(&self, topic: &Topic, seen: Seen, device: Option<&Id>) {
        let mark = WatchMark {
            buyer: self.identity.user.clone(),
            connection: self.connection().id().number(),
            at: self.now(),
            seen,
            device: device.map(|device| hash_of(device.as_str().as_bytes())),
        };
        self.around.pulses.mark(topic, mark);
    }

    /// Whether the user may be in the room, and what is his in the shop.
    async fn enter(&self, topic: &Topic, shop: &Id, room: &Id) -> Result<Me, Refusal> {
        if self.seats.len() >= ROOMS_MAX && self.seats.joined_at(topic).is_none() {
            let message = format!("a connection may be in {ROOMS_MAX} rooms: leave one first");
            return Err(Refusal::with_message(Code::TooManyInFlight, message));
        }
        self.around.service.verifier().still_valid(&self.identity).map_err(wire_auth)?;
        let (shop, room) = (wire::shop_id(shop), wire::room_id(room));
        let me = self.around.nodes.enter(&self.identity, &shop, &room).await?;
        self.around.topics.ready(topic).await?;
        Ok(me)
    }

    fn on_leave(&mut self, id: RequestId, leave: &request::RoomLeave) {
        let topic = topic(&leave.shop, &leave.room);
        if self.seats.is_in(&topic) {
            // While the room still has a pulse to carry it.
            self.mark(&topic, Seen::Stopped, None);
        }
        let left = self.seats.leave(&topic);
        self.done_if(id, left);
    }

    fn on_like(&mut self, id: RequestId, like: &request::RoomLike) {
        let (topic, now) = (topic(&like.shop, &like.room), self.now());
        let allowed = self.seats.allow_likes(&topic, u64::from(like.count.0), now);
        if let Some(count) = allowed.filter(|count| *count > 0) {
            self.around.pulses.like(&topic, count);
        }
        self.done_if(id, allowed.is_some());
    }

    fn on_watch(&self, id: RequestId, watch: &request::RoomWatch) {
        let topic = topic(&watch.shop, &watch.room);
        let joined = self.seats.is_in(&topic);
        if joined {
            let seen = match (watch.playing, watch.visible) {
                (true, true) if watch.touched => Seen::Began,
                (true, true) => Seen::Watching,
                (true, false) => Seen::Hidden,
                (false, _) => Seen::Stopped,
            };
            self.mark(&topic, seen, watch.device.as_ref());
        }
        self.done_if(id, joined);
    }

    fn done_if(&self, id: RequestId, joined: bool) {
        if joined {
            self.reply(id, &reply::Done {});
        } else {
            self.refuse(Some(id), &Refusal::new(Code::NotJoined));
        }
    }

    /// Takes up the topics of a lost connection: all that was missed, or a snapshot.
    pub(super) async fn resume(&mut self, hello: &request::Hello) -> Vec<Resumption> {
        // One deadline for all of them: whoever comes back waits no longer than for one request.
        let deadline = Instant::now() + self.around.service.command_timeout();
        let mut resumed = Vec::with_capacity(hello.resume.len());
        for at in hello.resume.iter() {
            resumed.push(self.resume_one(at, deadline).await);
        }
        resumed
    }

    async fn resume_one(&mut self, at: &request::ResumeAt, deadline: Instant) -> Resumption {
        match &at.topic {
            hawker_protocol::Topic::Room { shop, room } => {
                self.resume_room(at, (shop, room), deadline).await
            }
            hawker_protocol::Topic::Desk { shop } => self.resume_desk(at, shop, deadline).await,
            hawker_protocol::Topic::Conversation { shop, buyer } => {
                self.resume_conversation(at, (shop, buyer), deadline).await
            }
        }
    }

    async fn resume_room(
        &mut self,
        at: &request::ResumeAt,
        (shop, room): (&Id, &Id),
        deadline: Instant,
    ) -> Resumption {
        let topic = topic(shop, room);
        let me = tokio::time::timeout_at(deadline, self.enter(&topic, shop, room)).await;
        let me = match me.unwrap_or(Err(Refusal::new(Code::Timeout))) {
            Ok(me) => me,
            Err(refusal) => return Resumption::refused(at, refusal),
        };
        let now = self.now();
        let (key, user) = (&self.around.presence, &self.identity.user);
        let signed = at.presence.as_ref();
        let joined_at = signed.and_then(|it| key.verify(it, user, &topic, now)).unwrap_or(now);
        let resumed = self.resume_topic(&topic, at);
        let answer = reply::Resumed {
            me: Some(me),
            presence: Some(key.sign(user, &topic, joined_at)),
            ..resumed_at(at, &resumed)
        };
        Resumption { answer, seat: Some(Taken::Room(resumed, joined_at)) }
    }

    /// An epoch that is no number of ours is another history.
    pub(super) fn resume_topic(&self, topic: &Topic, at: &request::ResumeAt) -> Resumed {
        let epoch = at.epoch.parse().unwrap_or(0);
        self.around.hub.resume(topic, epoch, at.seq.0, self.connection())
    }

    /// The reply to hello; the pushes of the resumed topics flow after it.
    pub(super) fn welcome(&mut self, id: RequestId, resumed: Vec<Resumption>) {
        let (answers, seats): (Vec<_>, Vec<_>) =
            resumed.into_iter().map(|it| (it.answer, it.seat)).unzip();
        let identity = &self.identity;
        let welcome = reply::Welcome {
            user: wire::id(identity.user.clone()),
            roles: identity.roles.iter().copied().map(wire::role).collect(),
            now: EpochMs(self.now().0),
            connection: Id::checked(self.connection().id().to_string().into()),
            ping_ms: self.connection().limits().ping_ms,
            expires_at: Some(EpochMs(identity.expires_at.0)),
            limits: reply::Limits::default(),
            resumed: answers,
        };
        self.reply(id, &welcome);
        for taken in seats.into_iter().flatten() {
            match taken {
                Taken::Room(resumed, joined_at) => self.seats.sit(resumed.start(), joined_at),
                Taken::Desk(link, resumed) => self.sit_at_desk(link, resumed.start()),
            }
        }
    }

    /// Tells the client when to come back, each at another moment.
    pub(super) fn on_drain(&mut self) {
        let spread = u64::try_from(self.around.options.drain_spread.as_millis()).unwrap_or(0);
        let after_ms = match spread {
            0 => 0,
            // The low half of a time-ordered id is random.
            spread => uuid::Uuid::now_v7().as_u64_pair().1 % spread,
        };
        let leaves_at = Instant::now() + Duration::from_millis(after_ms) + LEAVE_SLACK;
        self.among.get_or_insert_default().leaves_at = Some(leaves_at);
        let mut line = Vec::new();
        codec::encode_push(&Push::from(push::Drain { after_ms }), &mut line);
        send_line(self.connection(), &line);
    }

    pub(super) fn reply(&self, id: RequestId, ok: &impl serde::Serialize) {
        let mut line = Vec::with_capacity(256);
        codec::encode_ok(id, ok, &mut line);
        send_line(self.connection(), &line);
    }

    pub(super) fn refuse(&self, id: Option<RequestId>, refusal: &Refusal) {
        let code = refusal.code.as_str();
        metrics::counter!("hawker_edge_refusals_total", "code" => code).increment(1);
        let mut line = Vec::with_capacity(256);
        codec::encode_refusal(id, refusal, &mut line);
        send_line(self.connection(), &line);
    }
}

/// A topic that goes on, and the place that is taken once the welcome is out.
pub(super) struct Resumption {
    pub(super) answer: reply::Resumed,
    pub(super) seat: Option<Taken>,
}

pub(super) enum Taken {
    Room(Resumed, Millis),
    Desk(Link, Resumed),
}

impl Resumption {
    pub(super) fn refused(at: &request::ResumeAt, refusal: Refusal) -> Self {
        let answer = reply::Resumed {
            topic: at.topic.clone(),
            epoch: at.epoch.to_string(),
            seq: at.seq.0,
            recovered: false,
            missed: Vec::new(),
            snapshot: None,
            me: None,
            presence: None,
            error: Some(refusal),
        };
        Self { answer, seat: None }
    }
}

fn topic(shop: &Id, room: &Id) -> Topic {
    Topic::room(&wire::shop_id(shop), &wire::room_id(room))
}

/// What every topic of the hub says of itself when it goes on.
pub(super) fn resumed_at(at: &request::ResumeAt, resumed: &Resumed) -> reply::Resumed {
    reply::Resumed {
        topic: at.topic.clone(),
        epoch: resumed.epoch.to_string(),
        seq: resumed.seq,
        recovered: resumed.recovered,
        missed: resumed.missed.iter().filter_map(|line| raw(line)).collect(),
        snapshot: resumed.snapshot.as_deref().and_then(raw),
        me: None,
        presence: None,
        error: None,
    }
}

/// A line we encoded ourselves, to stand inside another.
pub(super) fn raw(line: &[u8]) -> Option<Box<RawValue>> {
    RawValue::from_string(String::from_utf8(line.to_vec()).ok()?).ok()
}

/// The outbox closes a connection that does not read; nobody else has to know.
pub(super) fn send_line(connection: &Arc<Connection>, line: &[u8]) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    connection.send(&Frame::line(line));
}

/// The same for several lines in one frame.
pub(super) fn send_lines(connection: &Arc<Connection>, lines: &[u8]) {
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    connection.send(&Frame::lines(lines.split(|byte| *byte == b'\n')));
}
