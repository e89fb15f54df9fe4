//! Who hears what of chats and of the desk: all who work there, the buyer, who serves him, and who
//! watches their conversation. Owns no state.

use std::collections::BTreeSet;

use hawker_domain::event::desk::{
    AssignReason, DeskEvent, Sender, SessionAssigned, SessionOpened, Side,
};
use hawker_domain::id::{SessionId, ShopId, UserId};
use hawker_domain::view::desk::{
    ConversationView, MessageView, PositionView, SessionState, SessionView,
};
use hawker_domain::view::{Change, DeskChange};
use hawker_protocol::{Push, codec, object, push};

use super::room_feed::Numbered;
use super::{Delivery, ShopFeed, to_user, without_line_feed};
use crate::bus::{Class, Publication, Topic};
use crate::wire;

/// What a batch did with sessions, beyond what their newest views show.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// They got the owner they have.
    assigned: BTreeSet<SessionId>,
    /// Their buyers see a difference.
    moved: BTreeSet<SessionId>,
}

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy)]
struct Parties<'a> {
    shop: &'a ShopId,
    buyer: &'a UserId,
    /// Who serves him.
    owner: Option<&'a UserId>,
}

/// One push of a conversation.
struct Said<'a> {
    push: Push,
    seq: Option<u64>,
    class: Class,
    /// A reply has told it to this one: only his other connections need it.
    author: Option<&'a UserId>,
    /// Of no use to this one.
    except: Option<&'a UserId>,
}

impl Moves {
    pub(super) fn on_event(&mut self, event: &DeskEvent) {
        match event {
            DeskEvent::SessionAssigned(SessionAssigned { session, .. }) => {
                self.assigned.insert(*session);
                self.moved.insert(*session);
            }
            DeskEvent::SessionOpened(SessionOpened { session, .. })
            | DeskEvent::SessionQueued { session, .. }
            | DeskEvent::SessionClosed { session, .. }
            | DeskEvent::SessionRated { session, .. } => {
                self.moved.insert(*session);
            }
            DeskEvent::SessionsRequeued { sessions, .. } => self.moved.extend(sessions),
            DeskEvent::MessageSent(_)
            | DeskEvent::MessageRecalled { .. }
            | DeskEvent::MarksMoved { .. }
            | DeskEvent::NoteAdded { .. }
            | DeskEvent::TagsSet { .. }
            | DeskEvent::BuyerBlocked { .. }
            | DeskEvent::BuyerUnblocked { .. }
            | DeskEvent::AnswerDue { .. }
            | DeskEvent::SessionAnswered { .. }
            | DeskEvent::SessionAnsweredLate { .. }
            | DeskEvent::SessionExpiring { .. }
            | DeskEvent::SessionMissed { .. }
            | DeskEvent::SessionReported { .. }
            | DeskEvent::ReportDecided { .. }
            | DeskEvent::AgentConnected { .. }
            | DeskEvent::AgentDisconnected { .. }
            | DeskEvent::AgentDown { .. }
            | DeskEvent::LinksLost { .. }
            | DeskEvent::AgentIntentSet { .. }
            | DeskEvent::AgentCapSet { .. }
            | DeskEvent::HolidaySet { .. }
            | DeskEvent::DeskPolicySet { .. }
            | DeskEvent::FaqPut { .. }
            | DeskEvent::FaqRemoved { .. }
            | DeskEvent::FaqCardSet { .. }
            | DeskEvent::QuickReplyPut { .. }
            | DeskEvent::QuickReplyRemoved { .. } => {}
        }
    }

    /// Puts assignments first: whoever gets a session hears so before he hears what is said in it.
    pub(super) fn sort(&self, changes: &mut [Change]) {
        if !self.assigned.is_empty() {
            changes.sort_by_key(|change| !self.is_assignment(change));
        }
    }

    fn is_assignment(&self, change: &Change) -> bool {
        if let Change::Desk(DeskChange::Session { session, .. }) = change {
            return self.assigned.contains(&session.session);
        }
        false
    }
}

impl Delivery {
    pub(super) fn on_desk(&self, shop: &ShopFeed, change: &DeskChange, moves: &Moves) {
        let desk = &shop.desk;
        match change {
            DeskChange::Session { session, owner_before } => {
                self.on_session(shop, (session, owner_before.as_ref()), moves);
            }
            DeskChange::Message(said) => self.on_message(shop, said),
            DeskChange::Recalled { buyer, seq, owner } => {
                let push = push::ChatRecalled { message_seq: *seq }.into();
                self.tell_chat(Parties::new(shop, buyer, owner.as_ref()), Said::new(push));
            }
            DeskChange::Marks(view) => self.on_marks(shop, view),
            DeskChange::Agent(view) => {
                let push = push::DeskAgent { agent: wire::agent(view) }.into();
                self.tell_desk(shop, desk.number(&push, Class::Normal));
            }
            DeskChange::Alerts(view) => {
                if let Some(line) = desk.on_alerts(view) {
                    self.tell_desk(shop, line);
                }
            }
            DeskChange::Report(view) => {
                let push = push::DeskReportPush { report: wire::report(view) }.into();
                self.tell_desk(shop, desk.number(&push, Class::Normal));
            }
            DeskChange::Policy(policy) => self.tell_desk(shop, desk.on_policy(policy)),
            DeskChange::Holiday(holiday) => {
                self.tell_desk(shop, desk.on_holiday(holiday.as_ref()));
            }
            DeskChange::Texts => self.tell_desk(shop, desk.on_texts()),
            // An answer to whoever clicked; the messages and the session are changes of their own.
            DeskChange::Clicked(_) => {}
        }
    }

    fn on_session(
        &self,
        shop: &ShopFeed,
        (view, owner_before): (&SessionView, Option<&UserId>),
        moves: &Moves,
    ) {
        let session = wire::session(view);
        let assigned = moves.assigned.contains(&view.session);
        let changes_hands = assigned || owner_before.is_some();
        let class = if changes_hands { Class::Critical } else { Class::Normal };
        let push = push::DeskSession { session: session.clone() }.into();
        self.tell_desk(shop, shop.desk.number(&push, class));
        let id = wire::id(shop.id.clone());
        if let Some(former) = owner_before {
            let (shop, session) = (id.clone(), session.clone());
            self.tell(former, &push::DeskUnassigned { shop, session }.into(), false);
        }
        let owner = owner_of(view);
        if let Some(owner) = owner.filter(|_| assigned) {
            count_assignment(view);
            self.tell(owner, &push::DeskAssigned { shop: id, session }.into(), false);
        }
        if moves.moved.contains(&view.session) {
            let push = push::ChatSessionPush { session: wire::chat_session(view) }.into();
            self.tell_chat(Parties::new(shop, &view.buyer, owner), Said::new(push));
        }
    }

    fn on_message(&self, shop: &ShopFeed, said: &MessageView) {
        let message = wire::message(&shop.id, &said.message);
        let is_click = matches!(message.content, Some(object::Content::Question { .. }));
        let (from, author) = match &said.message.from {
            // The reply to a click says where its session stands, not what was said.
            Sender::Buyer => ("buyer", Some(&said.buyer).filter(|_| !is_click)),
            Sender::Agent(user) => ("agent", Some(user)),
            Sender::Faq(_) => ("faq", None),
            Sender::Bot(_) => ("bot", None),
        };
        metrics::counter!("hawker_chat_messages_total", "from" => from).increment(1);
        let seq = Some(message.seq);
        let push = push::ChatMessage { message }.into();
        let parties = Parties::new(shop, &said.buyer, said.owner.as_ref());
        self.tell_chat(parties, Said { seq, author, ..Said::new(push) });
    }

    fn on_marks(&self, shop: &ShopFeed, view: &ConversationView) {
        let push = push::ChatReadPush { conversation: wire::conversation(view) }.into();
        self.tell_chat(Parties::new(shop, &view.buyer, view.owner.as_ref()), Said::new(push));
    }

    pub(super) fn on_typing(
        &self,
        shop: &ShopFeed,
        (buyer, owner): (&UserId, Option<&UserId>),
        (side, user): (Side, &UserId),
    ) {
        let push = push::ChatTypingPush { side: wire::side(side), user: wire::id(user.clone()) };
        let said = Said { class: Class::Lossy, except: Some(user), ..Said::new(push.into()) };
        self.tell_chat(Parties::new(shop, buyer, owner), said);
    }

    pub(super) fn on_positions(&self, shop: &ShopFeed, positions: &[PositionView]) {
        for view in positions {
            let session = wire::session_number(view.session);
            let position = wire::position(view.position);
            let push = push::ChatPosition { session, position }.into();
            let said = Said { class: Class::Lossy, ..Said::new(push) };
            self.tell_chat(Parties::new(shop, &view.buyer, None), said);
        }
    }

    fn tell_desk(&self, shop: &ShopFeed, line: Numbered) {
        self.send(&shop.desk.topic, shop.desk.epoch, line);
    }

    /// One line for both sides and for those who watch. These have nothing to go on with later, but
    /// the conversation's documents: so the hub numbers and keeps nothing of it.
    fn tell_chat(&self, parties: Parties<'_>, said: Said<'_>) {
        let topic = Topic::conversation(parties.shop, parties.buyer);
        let mut line = Vec::with_capacity(256);
        codec::encode_topic_push(&said.push, topic.as_str(), said.seq, &mut line);
        let line = without_line_feed(line);
        let owner = parties.owner.filter(|owner| *owner != parties.buyer);
        let both = [Some(parties.buyer), owner].into_iter().flatten();
        for user in both.filter(|user| said.except != Some(*user)) {
            let is_echo = said.author == Some(user);
            let class = if is_echo { Class::Normal } else { Class::Critical };
            self.bus.publish(Publication { class, line: line.clone(), ..to_user(user) });
        }
        let (class, epoch, seq) = (said.class, 0, None);
        let (key, redacts, expels) = (None, None, None);
        self.bus.publish(Publication { topic, epoch, seq, class, key, redacts, expels, line });
    }
}

fn owner_of(view: &SessionView) -> Option<&UserId> {
    match &view.state {
        SessionState::Assigned { agent, .. } => Some(agent),
        SessionState::SelfServed | SessionState::Queued | SessionState::Closed { .. } => None,
    }
}

fn count_assignment(view: &SessionView) {
    let Some(why) = &view.why else { return };
    let reason = match why.reason {
        AssignReason::Sticky => "sticky",
        AssignReason::LowestSaturation => "lowest_saturation",
        AssignReason::Picked => "picked",
        AssignReason::Transferred => "transferred",
        AssignReason::AssignedBySupervisor => "assigned_by_supervisor",
    };
    metrics::counter!("hawker_desk_assignments_total", "reason" => reason).increment(1);
}

impl<'a> Parties<'a> {
    fn new(shop: &'a ShopFeed, buyer: &'a UserId, owner: Option<&'a UserId>) -> Self {
        Self { shop: &shop.id, buyer, owner }
    }
}

impl Said<'_> {
    /// What nobody has been told yet.
    fn new(push: Push) -> Self {
        Self { push, seq: None, class: Class::Normal, author: None, except: None }
    }
}
