//! The service desk: conversations, their sessions, the agents and who gets whom. Owns the state
//! and what answers to which event; the rules stand in the files below. Keeps no text of people.

mod agent;
mod answer;
mod assignment;
mod change;
mod chat;
mod check;
mod content;
mod faq;
mod lists;
mod report;
mod response_rate;
mod session;
mod staff_chat;
mod timers;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::command::{Actor, ChatCommand, DeskCommand, Faq, Holiday, Role};
use crate::event::Event;
use crate::event::desk::{DeskEvent, MessageSent};
use crate::id::{FaqId, QuickReplyId, ReportId, SessionId, UserId};
use crate::lookup::Lookup;
use crate::policy::DeskPolicy;
use crate::rejection::Rejection;
use crate::time::{Millis, SpanMs};

pub(in crate::shop) use assignment::MOVES_MAX;
pub(in crate::shop) use change::TouchedDesk;

/// Whoever may answer buyers.
const STAFF: &[Role] = &[Role::Agent, Role::Supervisor, Role::Manager];
/// Whoever may do so over an agent's head.
const LEADERS: &[Role] = &[Role::Supervisor, Role::Manager];

/// How long a message may be taken back, and so how long it is remembered.
const RECALL_WITHIN: SpanMs = SpanMs::minutes(2);

/// All that the events of the desk made, and indexes into it. Agents and conversations are
/// numbered in the order they were first heard of, sessions in the order they opened.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::shop) struct Desk {
    policy: DeskPolicy,
    holiday: Option<Holiday>,
    faq: BTreeMap<FaqId, Faq>,
    card: Vec<FaqId>,
    quick_replies: BTreeMap<QuickReplyId, String>,

    conversations: Vec<chat::Conversation>,
    conversation_of: Lookup<UserId, u32>,
    /// The messages that can still be recalled, in the order they were sent.
    recent: VecDeque<chat::Recent>,

    sessions: session::Rows,
    open: Lookup<SessionId, Box<session::Open>>,
    /// Open sessions by their last message.
    idle: BTreeSet<(Millis, SessionId)>,
    soft: timers::Tiers,
    due: timers::Tiers,
    expiring: BTreeSet<(Millis, SessionId)>,
    self_served: BTreeSet<SessionId>,
    /// Owned sessions whose buyer had the last word, by that word.
    needs_reply: BTreeSet<(session::Moment, SessionId)>,
    reports: BTreeMap<ReportId, report::Report>,
    reports_of: BTreeMap<SessionId, Vec<ReportId>>,

    agents: Vec<agent::Agent>,
    slot_of: Lookup<UserId, session::Slot>,
    /// Who may be given a session, the emptiest first.
    routable: BTreeSet<agent::Route>,
    graces: BTreeSet<(Millis, session::Slot)>,
    /// Agents who are gone and whose sessions go back to the queue.
    leaving: BTreeSet<session::Slot>,
    waiting: BTreeSet<assignment::Ticket>,
    assignments: u64,
    /// Agents who accept and are there, full or not.
    available: u32,
    over_cap: u64,
    forced: u64,
    /// Agents who are connected or expected back.
    linked: u32,
    /// When the last event of the desk was.
    last_at: Millis,
    /// How many there were: the version of whatever is shown of it.
    events: u64,

    /// The agents by their ids; follows from their list.
    #[serde(skip)]
    by_name: BTreeMap<UserId, session::Slot>,
    /// Follows from the rows.
    #[serde(skip)]
    rate: response_rate::ResponseRate,
    /// Bodies of the newest messages, for those who are told of them. No part of the state.
    #[serde(skip)]
    bodies: content::Bodies,
}

impl Shop {
    pub(super) fn decide_chat(
        &self,
        actor: &Actor,
        command: &ChatCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &[Role::Buyer])?;
        let buyer = &actor.user;
        match command {
            ChatCommand::Send { content, room } => {
                self.decide_buyer_message(buyer, content, room.as_ref(), now)
            }
            ChatCommand::ClickFaq { faq, room } => {
                self.decide_click(buyer, faq, room.as_ref(), now)
            }
            ChatCommand::Mark { marks } => self.desk.decide_buyer_marks(buyer, *marks),
            ChatCommand::Typing => self.desk.decide_buyer_typing(buyer),
            ChatCommand::Recall { seq } => self.desk.decide_buyer_recall(buyer, *seq, now),
            ChatCommand::Rate { session, stars, comment } => {
                self.desk.decide_rating(buyer, *session, *stars, comment)
            }
        }
    }

    pub(super) fn decide_desk(
        &self,
        actor: &Actor,
        command: &DeskCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, needed_roles(command))?;
        let desk = &self.desk;
        match command {
            DeskCommand::Connect { connection } => Ok(desk.decide_connect(actor, connection)),
            DeskCommand::Disconnect { connection } => {
                Ok(desk.decide_disconnect(actor, connection, now))
            }
            DeskCommand::LogOut { confirmed } => desk.decide_log_out(actor, *confirmed, now),
            DeskCommand::SetIntent { agent, intent, confirmed } => {
                desk.decide_intent(actor, agent.as_ref(), *intent, *confirmed, now)
            }
            DeskCommand::SetCap { agent, cap } => desk.decide_cap(actor, agent.as_ref(), *cap),
            DeskCommand::Take { session, force } => desk.decide_take(actor, *session, *force),
            DeskCommand::Assign { session, epoch, agent, force } => {
                desk.decide_assign(actor, (*session, *epoch), agent, *force)
            }
            DeskCommand::Transfer { session, epoch, to, force } => {
                desk.decide_transfer(actor, (*session, *epoch), to, *force)
            }
            DeskCommand::Close { session, epoch } => desk.decide_close(actor, *session, *epoch),
            DeskCommand::MarkNoReply { session, epoch } => {
                desk.decide_no_reply(actor, *session, *epoch)
            }
            DeskCommand::Report { session, report, reason } => {
                desk.decide_report(actor, *session, report, reason)
            }
            DeskCommand::Decide { session, report, verdict } => {
                desk.decide_verdict(actor, *session, report, *verdict)
            }
            DeskCommand::Send { buyer, content } => {
                self.decide_staff_message(actor, buyer, content, now)
            }
            DeskCommand::Mark { buyer, marks } => desk.decide_staff_marks(actor, buyer, *marks),
            DeskCommand::Typing { buyer } => desk.decide_staff_typing(actor, buyer),
            DeskCommand::Recall { buyer, seq } => desk.decide_staff_recall(actor, buyer, *seq, now),
            DeskCommand::AddNote { buyer, note, text } => {
                desk.decide_note(actor, buyer, (note, text), now)
            }
            DeskCommand::SetTags { buyer, tags } => desk.decide_tags(actor, buyer, tags),
            DeskCommand::Block { buyer } => desk.decide_block(actor, buyer, true),
            DeskCommand::Unblock { buyer } => desk.decide_block(actor, buyer, false),
            DeskCommand::PutFaq { .. }
            | DeskCommand::RemoveFaq { .. }
            | DeskCommand::SetFaqCard { .. }
            | DeskCommand::PutQuickReply { .. }
            | DeskCommand::RemoveQuickReply { .. }
            | DeskCommand::SetHoliday { .. }
            | DeskCommand::SetPolicy { .. } => desk.decide_texts(actor, command),
        }
    }

    /// Brings one event of the desk into the state.
    pub(super) fn apply_desk(&mut self, event: &DeskEvent, at: Millis) {
        let desk = &mut self.desk;
        desk.last_at = at;
        desk.events += 1;
        desk.apply(event, at);
        desk.trim_timers();
    }

    /// Has the bodies of new messages at hand until their readers have been told.
    pub(super) fn note_bodies(&mut self, accepted: &Accepted) {
        for event in &accepted.events {
            if let Event::Desk(DeskEvent::MessageSent(MessageSent { buyer, seq, .. })) = event {
                self.desk.bodies.note(buyer, *seq, &accepted.documents);
            }
        }
    }
}

impl Desk {
    fn apply(&mut self, event: &DeskEvent, at: Millis) {
        match event {
            DeskEvent::MessageSent(sent) => self.on_message_sent(sent, at),
            DeskEvent::MessageRecalled { buyer, seq } => self.on_message_recalled(buyer, *seq),
            DeskEvent::MarksMoved { buyer, side, delivered, read } => {
                self.on_marks_moved(buyer, *side, (*delivered, *read));
            }
            DeskEvent::NoteAdded { buyer, .. } | DeskEvent::TagsSet { buyer, .. } => {
                self.conversation_slot(buyer);
            }
            DeskEvent::BuyerBlocked { buyer, .. } => self.on_blocked(buyer, true),
            DeskEvent::BuyerUnblocked { buyer, .. } => self.on_blocked(buyer, false),

            DeskEvent::SessionOpened(opened) => self.on_session_opened(opened, at),
            DeskEvent::AnswerDue { session, since, due_at } => {
                self.on_answer_due(*session, *since, *due_at);
            }
            DeskEvent::SessionQueued { session, cause } => {
                self.on_session_queued(*session, *cause);
            }
            DeskEvent::SessionsRequeued { agent, sessions, more } => {
                self.on_sessions_requeued(agent, sessions, *more);
            }
            DeskEvent::SessionAssigned(assigned) => self.on_session_assigned(assigned, at),
            DeskEvent::SessionAnswered { session, by, replied_at } => {
                self.on_session_answered(*session, by, *replied_at);
            }
            DeskEvent::SessionAnsweredLate { session, .. } => {
                self.on_session_answered_late(*session, at);
            }
            DeskEvent::SessionExpiring { session, due_at } => {
                self.on_session_expiring(*session, *due_at);
            }
            DeskEvent::SessionMissed { session, charged, .. } => {
                self.on_session_missed(*session, charged.as_ref());
            }
            DeskEvent::SessionClosed { session, reason, by, .. } => {
                self.on_session_closed(*session, *reason, by.as_ref());
            }
            DeskEvent::SessionReported { session, report, .. } => {
                self.on_session_reported(*session, report);
            }
            DeskEvent::ReportDecided { report, verdict, .. } => {
                self.on_report_decided(report, *verdict);
            }
            DeskEvent::SessionRated { session, stars, .. } => {
                self.on_session_rated(*session, *stars);
            }

            DeskEvent::AgentConnected { agent, connection } => {
                self.on_agent_connected(agent, connection);
            }
            DeskEvent::AgentDisconnected { agent, connection, grace_until } => {
                self.on_agent_disconnected(agent, connection, *grace_until);
            }
            DeskEvent::AgentDown { agent, cause, .. } => self.on_agent_down(agent, *cause),
            DeskEvent::LinksLost { grace_until } => self.on_links_lost(*grace_until),
            DeskEvent::AgentIntentSet { agent, intent, .. } => {
                self.on_agent_intent_set(agent, *intent);
            }
            DeskEvent::AgentCapSet { agent, cap, .. } => self.on_agent_cap_set(agent, *cap),

            DeskEvent::HolidaySet { holiday, .. } => self.holiday = *holiday,
            DeskEvent::DeskPolicySet { policy, .. } => self.policy = policy.clone(),
            DeskEvent::FaqPut { faq, entry } => self.on_faq_put(faq, entry),
            DeskEvent::FaqRemoved { faq } => self.on_faq_removed(faq),
            DeskEvent::FaqCardSet { questions } => self.card.clone_from(questions),
            DeskEvent::QuickReplyPut { quick_reply, text } => {
                self.quick_replies.insert(quick_reply.clone(), text.clone());
            }
            DeskEvent::QuickReplyRemoved { quick_reply } => {
                self.quick_replies.remove(quick_reply);
            }
        }
    }
}

fn needed_roles(command: &DeskCommand) -> &'static [Role] {
    match command {
        DeskCommand::Connect { .. }
        | DeskCommand::Disconnect { .. }
        | DeskCommand::LogOut { .. }
        | DeskCommand::SetIntent { .. }
        | DeskCommand::SetCap { .. }
        | DeskCommand::Take { .. }
        | DeskCommand::Transfer { .. }
        | DeskCommand::Close { .. }
        | DeskCommand::MarkNoReply { .. }
        | DeskCommand::Mark { .. }
        | DeskCommand::Typing { .. }
        | DeskCommand::Recall { .. }
        | DeskCommand::AddNote { .. }
        | DeskCommand::SetTags { .. } => STAFF,
        DeskCommand::Send { .. }
        | DeskCommand::Report { .. }
        | DeskCommand::Block { .. }
        | DeskCommand::Unblock { .. } => {
            &[Role::Agent, Role::Supervisor, Role::Manager, Role::Service]
        }
        DeskCommand::Assign { .. } => LEADERS,
        DeskCommand::Decide { .. } => &[Role::Service, Role::Manager],
        DeskCommand::PutFaq { .. }
        | DeskCommand::RemoveFaq { .. }
        | DeskCommand::SetFaqCard { .. }
        | DeskCommand::PutQuickReply { .. }
        | DeskCommand::RemoveQuickReply { .. }
        | DeskCommand::SetHoliday { .. } => &[Role::Supervisor, Role::Manager, Role::Service],
        DeskCommand::SetPolicy { .. } => &[Role::Manager, Role::Service],
    }
}

fn is_leader(actor: &Actor) -> bool {
    LEADERS.contains(&actor.role)
}

fn yes(event: DeskEvent) -> Accepted {
    Accepted::event(Event::Desk(event))
}

fn all(events: Vec<DeskEvent>) -> Accepted {
    Accepted::events(events.into_iter().map(Event::Desk).collect())
}
