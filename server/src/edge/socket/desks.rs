//! Where a connection works besides rooms: the desks it is an agent's link to, and the
//! conversations it watches. Owns its places there; what is said in them passes elsewhere.

use hawker_domain::id::{ShopId, UserId};
use hawker_protocol::object::Agent;
use hawker_protocol::topic::CONVERSATION_EPOCH;
use hawker_protocol::{Code, Id, Refusal, RequestId, codec, reply, request};
use tokio::time::{Instant, timeout_at};

use super::conversation::{Conversation, Resumption, Taken, raw, resumed_at, send_line};
use crate::edge::auth::Identity;
use crate::edge::chat::Missed;
use crate::edge::link::Link;
use crate::edge::service::{acting_role, wire_auth};
use crate::hub::{Membership, Target, Topic};
use crate::wire;

/// Desks one connection may work at: an agent has one, a manager's console a few.
const DESKS_MAX: usize = 16;
/// Conversations one connection may watch. A supervisor looks at a screenful of them.
const WATCHED_MAX: usize = 64;

/// The places of one connection. Dropping them leaves, and ends its links.
#[derive(Debug, Default)]
pub(super) struct Desks {
    desks: Vec<Desk>,
    watched: Vec<Membership>,
}

#[derive(Debug)]
struct Desk {
    membership: Membership,
    _link: Link,
}

impl Desks {
    fn find(&self, topic: &Topic) -> Option<usize> {
        self.desks.iter().position(|desk| desk.membership.topic() == topic)
    }

    /// Whether there was a place to leave.
    fn leave(&mut self, topic: &Topic) -> bool {
        self.find(topic).map(|at| self.desks.swap_remove(at)).is_some()
    }

    fn watches(&self, topic: &Topic) -> bool {
        self.watched.iter().any(|place| place.topic() == topic)
    }

    /// Replaces the place in the same conversation, if there is one.
    fn watch(&mut self, membership: Membership) {
        self.unwatch(membership.topic());
        self.watched.push(membership);
    }

    fn unwatch(&mut self, topic: &Topic) -> bool {
        let count = self.watched.len();
        self.watched.retain(|place| place.topic() != topic);
        self.watched.len() < count
    }
}

impl Conversation {
    pub(super) async fn on_desk_join(&mut self, id: RequestId, join: &request::DeskJoin) {
        let shop = wire::shop_id(&join.shop);
        let (link, agent) = match self.link(&shop).await {
            Ok(linked) => linked,
            Err(refusal) => return self.refuse(Some(id), &refusal),
        };
        if let Err(refusal) = self.around.topics.ready(&Topic::desk(&shop)).await {
            return self.refuse(Some(id), &refusal);
        }
        let joined = self.around.hub.join(&Topic::desk(&shop), self.connection());
        let Some(snapshot) = &joined.snapshot else {
            return self.refuse(Some(id), &Refusal::new(Code::Retry));
        };
        if let Err(refusal) = self.still_serves(&shop).await {
            return self.refuse(Some(id), &refusal);
        }
        let mut line = Vec::with_capacity(snapshot.len() + 512);
        codec::encode_desk_joined(id, &agent, snapshot, &mut line);
        send_line(self.connection(), &line);
        self.sit_at_desk(link, joined.start());
    }

    pub(super) fn on_desk_leave(&mut self, id: RequestId, leave: &request::DeskLeave) {
        let topic = Topic::desk(&wire::shop_id(&leave.shop));
        let left = self.desks.as_mut().is_some_and(|desks| desks.leave(&topic));
        self.gone_if(id, left, "this connection does not work at that desk");
    }

    pub(super) async fn on_desk_watch(&mut self, id: RequestId, watch: &request::DeskWatch) {
        let (shop, buyer) = (wire::shop_id(&watch.shop), wire::user_id(&watch.buyer));
        match self.watch(&shop, &buyer).await {
            Ok(seq) => {
                let (topic, epoch) = (wire_topic(&watch.shop, &watch.buyer), epoch());
                self.reply(id, &reply::Watching { topic, epoch, seq });
            }
            Err(refusal) => self.refuse(Some(id), &refusal),
        }
    }

    pub(super) fn on_desk_unwatch(&mut self, id: RequestId, unwatch: &request::DeskUnwatch) {
        let (shop, buyer) = (wire::shop_id(&unwatch.shop), wire::user_id(&unwatch.buyer));
        let topic = Topic::conversation(&shop, &buyer);
        let left = self.desks.as_mut().is_some_and(|desks| desks.unwatch(&topic));
        self.gone_if(id, left, "this connection does not watch that conversation");
    }

    fn gone_if(&self, id: RequestId, gone: bool, otherwise: &'static str) {
        if gone {
            self.reply(id, &reply::Done {});
        } else {
            self.refuse(Some(id), &Refusal::with_message(Code::NotJoined, otherwise));
        }
    }

    /// Makes this connection a link of its agent. One it was before holds until then.
    async fn link(&self, shop: &ShopId) -> Result<(Link, Agent), Refusal> {
        let topic = Topic::desk(shop);
        let desks = self.desks.as_deref();
        if desks.is_some_and(|it| it.desks.len() >= DESKS_MAX && it.find(&topic).is_none()) {
            let message = format!("a connection may work at {DESKS_MAX} desks: leave one first");
            return Err(Refusal::with_message(Code::TooManyInFlight, message));
        }
        self.around.service.verifier().still_valid(self.identity()).map_err(wire_auth)?;
        acting_role(self.identity(), shop, wire::STAFF)?;
        self.connection().serve_as_staff();
        self.around.nodes.link(shop, self.identity()).await
    }

    /// To be asked by whoever has a place at the desk already: he may have been dismissed after the
    /// shop took his link and before he sat down, and is told nothing of it any more.
    async fn still_serves(&self, shop: &ShopId) -> Result<(), Refusal> {
        self.around.nodes.serves(self.identity(), shop).await
    }

    pub(super) fn sit_at_desk(&mut self, link: Link, membership: Membership) {
        let desks = self.desks.get_or_insert_default();
        desks.leave(membership.topic());
        desks.desks.push(Desk { membership, _link: link });
    }

    /// Hears a conversation from here on; answers with the number of its last message. It hears
    /// before it asks: what is said in between comes twice at worst.
    async fn watch(&mut self, shop: &ShopId, buyer: &UserId) -> Result<u64, Refusal> {
        self.around.service.verifier().still_valid(self.identity()).map_err(wire_auth)?;
        let membership = self.hear(shop, buyer).await?;
        let seq = self.around.nodes.last_message(self.identity(), shop, buyer).await?;
        self.desks.get_or_insert_default().watch(membership);
        Ok(seq)
    }

    async fn hear(&self, shop: &ShopId, buyer: &UserId) -> Result<Membership, Refusal> {
        let topic = Topic::conversation(shop, buyer);
        let desks = self.desks.as_deref();
        if desks.is_some_and(|it| it.watched.len() >= WATCHED_MAX && !it.watches(&topic)) {
            let message =
                format!("a connection may watch {WATCHED_MAX} conversations: leave one first");
            return Err(Refusal::with_message(Code::TooManyInFlight, message));
        }
        acting_role(self.identity(), shop, wire::STAFF)?;
        self.around.topics.ready(&topic).await?;
        Ok(self.around.hub.join(&topic, self.connection()).start())
    }

    /// A fresh token may name fewer shops.
    pub(super) fn leave_foreign_desks(&mut self) {
        let Some(mut desks) = self.desks.take() else { return };
        let identity = self.identity();
        desks.desks.retain(|desk| serves(identity, desk.membership.topic()));
        desks.watched.retain(|place| serves(identity, place.topic()));
        self.desks = Some(desks);
    }

    pub(super) async fn resume_desk(
        &mut self,
        at: &request::ResumeAt,
        shop: &Id,
        deadline: Instant,
    ) -> Resumption {
        let shop = wire::shop_id(shop);
        let linked = timeout_at(deadline, self.link(&shop)).await;
        let (link, _) = match linked.unwrap_or(Err(Refusal::new(Code::Timeout))) {
            Ok(linked) => linked,
            Err(refusal) => return Resumption::refused(at, refusal),
        };
        let ready = timeout_at(deadline, self.around.topics.ready(&Topic::desk(&shop))).await;
        if let Err(refusal) = ready.unwrap_or(Err(Refusal::new(Code::Timeout))) {
            return Resumption::refused(at, refusal);
        }
        let resumed = self.resume_topic(&Topic::desk(&shop), at);
        let serves = timeout_at(deadline, self.still_serves(&shop)).await;
        if let Err(refusal) = serves.unwrap_or(Err(Refusal::new(Code::Timeout))) {
            return Resumption::refused(at, refusal);
        }
        let answer = resumed_at(at, &resumed);
        Resumption { answer, seat: Some(Taken::Desk(link, resumed)) }
    }

    /// A buyer hears his own conversation on every connection, and so does who serves him; others
    /// of the staff watch it.
    pub(super) async fn resume_conversation(
        &mut self,
        at: &request::ResumeAt,
        (shop, buyer): (&Id, &Id),
        deadline: Instant,
    ) -> Resumption {
        let taken_up = timeout_at(deadline, self.take_up(at, shop, buyer)).await;
        match taken_up.unwrap_or(Err(Refusal::new(Code::Timeout))) {
            Ok(missed) => {
                let answer = reply::Resumed {
                    topic: at.topic.clone(),
                    epoch: epoch(),
                    seq: missed.seq,
                    recovered: missed.recovered,
                    missed: missed.lines.iter().filter_map(|line| raw(line)).collect(),
                    snapshot: None,
                    me: None,
                    presence: None,
                    error: None,
                };
                Resumption { answer, seat: None }
            }
            Err(refusal) => Resumption::refused(at, refusal),
        }
    }

    async fn take_up(
        &mut self,
        at: &request::ResumeAt,
        shop: &Id,
        buyer: &Id,
    ) -> Result<Missed, Refusal> {
        let (shop, buyer) = (wire::shop_id(shop), wire::user_id(buyer));
        self.around.service.verifier().still_valid(self.identity()).map_err(wire_auth)?;
        let is_own = buyer == self.identity().user;
        let membership = if is_own { None } else { Some(self.hear(&shop, &buyer).await?) };
        let missed = self.around.nodes.missed(self.identity(), (&shop, &buyer), at.seq.0);
        let mut missed = missed.await?;
        if at.epoch.as_str() != CONVERSATION_EPOCH {
            missed.recovered = false;
            missed.lines.clear();
        }
        if let Some(membership) = membership.filter(|_| !missed.is_owner) {
            self.desks.get_or_insert_default().watch(membership);
        }
        Ok(missed)
    }
}

fn serves(identity: &Identity, topic: &Topic) -> bool {
    match topic.target() {
        Target::Desk(shop) | Target::Conversation { shop, .. } => {
            acting_role(identity, shop, wire::STAFF).is_ok()
        }
        Target::Room { .. } | Target::User(_) | Target::Users(_) => true,
    }
}

fn wire_topic(shop: &Id, buyer: &Id) -> hawker_protocol::Topic {
    hawker_protocol::Topic::Conversation { shop: shop.clone(), buyer: buyer.clone() }
}

fn epoch() -> String {
    CONVERSATION_EPOCH.to_owned()
}
