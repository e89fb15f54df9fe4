//! The desk as others see it: a buyer's page, one session, the team, the alerts, the texts. Owns
//! what a shown place in the queue promises: it never becomes worse.

use std::num::NonZeroU32;
use std::ops::Bound;

use super::Desk;
use super::assignment::Ticket;
use super::session::{Answer, Moment, Open, Place, Row, Slot};
use crate::command::Holiday;
use crate::event::desk::Why;
use crate::id::{ReportId, SessionId, UserId};
use crate::policy::DeskPolicy;
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::desk::{
    AgentView, AlertsView, AnswerState, ChatView, ConversationView, Position, PositionView,
    ReportView, SessionState, SessionView, TeamPage, TextsView,
};

/// Nobody counts further back: it would cost a walk, and tell a buyer nothing.
const POSITIONS_MAX: u32 = 1_000;

impl Shop {
    /// What a buyer sees who opens the chat page at `now`.
    pub fn chat_view(&self, buyer: &UserId, now: Millis) -> ChatView {
        let desk = &self.desk;
        let card = desk.card.iter().filter_map(|id| {
            let entry = desk.faq.get(id)?;
            Some((id.clone(), entry.question.clone()))
        });
        ChatView {
            conversation: desk.conversation_view(buyer),
            session: desk.open_of(buyer).and_then(|(session, _, _)| desk.session_view(session)),
            card: card.collect(),
            holiday: desk.holiday.is_some_and(|holiday| holiday.contains(now)),
        }
    }

    pub fn conversation_view(&self, buyer: &UserId) -> Option<ConversationView> {
        self.desk.conversation_view(buyer)
    }

    /// A session, open or closed, as long as its row is kept.
    pub fn session_view(&self, session: SessionId) -> Option<SessionView> {
        self.desk.session_view(session)
    }

    /// Why the owner of an open session is its owner.
    pub fn why_this_agent(&self, session: SessionId) -> Option<&Why> {
        self.desk.open.get(&session)?.why.as_deref()
    }

    /// Whose place in the queue is better than what was last shown. Counted for the first
    /// thousand, in one walk.
    pub fn better_positions(&mut self) -> Vec<PositionView> {
        let Self { desk, .. } = self;
        let mut better = Vec::new();
        for (rank, ticket) in (1..=POSITIONS_MAX).zip(&desk.waiting) {
            let Some(open) = desk.open.get_mut(&ticket.session) else { continue };
            if open.shown.is_some_and(|shown| shown.get() <= rank) {
                continue;
            }
            open.shown = NonZeroU32::new(rank);
            let Some(row) = desk.sessions.get(ticket.session) else { continue };
            let buyer = desk.conversations[row.conversation as usize].buyer.clone();
            let position = Position::Exact(rank);
            better.push(PositionView { buyer, session: ticket.session, position });
        }
        better
    }

    /// The place of a session in the queue as it is, whatever was shown.
    pub fn true_position(&self, session: SessionId) -> Option<Position> {
        let open = self.desk.open.get(&session)?;
        self.desk.rank(session, open)
    }

    pub fn agent_view(&self, agent: &UserId) -> Option<AgentView> {
        let version = self.desk.events;
        self.desk.agent(agent).map(|agent| agent.view(version))
    }

    /// Everybody of the desk, in the order they were first heard of.
    pub fn team_view(&self) -> Vec<AgentView> {
        let version = self.desk.events;
        self.desk.agents.iter().map(|agent| agent.view(version)).collect()
    }

    /// The next `agents_max` of the team behind `after`, in the order of their ids.
    pub fn team_page(&self, after: Option<&UserId>, agents_max: usize) -> TeamPage {
        let desk = &self.desk;
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut following = desk.by_name.range::<UserId, _>(behind);
        let page = following.by_ref().take(agents_max);
        let view = |slot: &Slot| desk.agents[slot.index()].view(desk.events);
        let agents: Vec<_> = page.map(|(_, slot)| view(slot)).collect();
        let last = agents.last().map(|view| view.agent.clone());
        TeamPage { next: last.filter(|_| following.next().is_some()), agents }
    }

    pub fn alerts_view(&self) -> AlertsView {
        self.desk.alerts_view()
    }

    pub fn report_view(&self, report: &ReportId) -> Option<ReportView> {
        self.desk.report_view(report)
    }

    /// The reports of a session, in the order they were filed.
    pub fn reports_of(&self, session: SessionId) -> Vec<ReportView> {
        let reports = self.desk.reports_of.get(&session).into_iter().flatten();
        reports.filter_map(|report| self.desk.report_view(report)).collect()
    }

    /// Whether a session waits for an agent.
    pub fn has_buyers_waiting(&self) -> bool {
        !self.desk.waiting.is_empty()
    }

    pub fn desk_texts(&self) -> TextsView {
        let desk = &self.desk;
        let faq = desk.faq.iter().map(|(id, entry)| (id.clone(), entry.clone()));
        let quick = desk.quick_replies.iter().map(|(id, text)| (id.clone(), text.clone()));
        let card = desk.card.clone();
        TextsView { faq: faq.collect(), card, quick_replies: quick.collect() }
    }

    pub fn desk_policy(&self) -> &DeskPolicy {
        &self.desk.policy
    }

    pub fn holiday(&self) -> Option<Holiday> {
        self.desk.holiday
    }
}

impl Desk {
    pub(super) fn conversation_view(&self, buyer: &UserId) -> Option<ConversationView> {
        let conversation = self.conversation(buyer)?;
        let open_session = conversation.last.filter(|session| self.open.contains(session));
        Some(ConversationView {
            buyer: buyer.clone(),
            seq: conversation.seq,
            buyer_marks: conversation.buyer_marks,
            staff_marks: conversation.staff_marks,
            blocked: conversation.is_blocked,
            open_session,
            last_session: conversation.last,
            owner: self.owner_with(buyer),
            version: self.events,
        })
    }

    pub(super) fn session_view(&self, session: SessionId) -> Option<SessionView> {
        let row = self.sessions.get(session)?;
        let open = self.open.get(&session).map(Box::as_ref);
        let conversation = &self.conversations[row.conversation as usize];
        Some(SessionView {
            session,
            buyer: conversation.buyer.clone(),
            opened_at: row.opened_at,
            state: self.state_of(row, open),
            epoch: open.map_or(0, |open| open.epoch),
            answer: self.answer_of(row),
            excluded: row.excluded_by(),
            unanswered_since: open.and_then(|open| open.unanswered_since).map(Moment::millis),
            expiring: open.is_some_and(|open| open.is_expiring),
            position: open.and_then(|open| self.shown_position(session, open)),
            why: open.and_then(|open| open.why.as_deref().cloned()),
            context: open.and_then(|open| open.context.as_deref().cloned()),
            stars: row.stars.map(std::num::NonZeroU8::get),
            seq: conversation.seq,
            version: self.events,
        })
    }

    /// The owner of what a buyer has open.
    pub(super) fn owner_with(&self, buyer: &UserId) -> Option<UserId> {
        let (_, _, open) = self.open_of(buyer)?;
        self.user_of(open.owner())
    }

    fn state_of(&self, row: &Row, open: Option<&Open>) -> SessionState {
        if let Some(reason) = row.closed {
            return SessionState::Closed { reason };
        }
        match open.map(|open| &open.place) {
            Some(Place::Queued(_)) => SessionState::Queued,
            Some(Place::Assigned { agent, since }) => {
                let agent = self.agents[agent.index()].user.clone();
                SessionState::Assigned { agent, since: *since }
            }
            Some(Place::SelfServed) | None => SessionState::SelfServed,
        }
    }

    fn answer_of(&self, row: &Row) -> AnswerState {
        let replied_at = row.replied_at.map(Moment::millis);
        match row.answer {
            Answer::Pending => AnswerState::Pending { since: row.since, due_at: row.due_at() },
            Answer::Automatic => AnswerState::Automatic,
            Answer::Human(agent) => AnswerState::Human {
                agent: self.agents[agent.index()].user.clone(),
                at: replied_at.unwrap_or(row.since),
            },
            Answer::Missed(charged) => {
                AnswerState::Missed { charged: self.user_of(charged), replied_at }
            }
        }
    }

    /// How many stand before it, as far as anybody counts.
    fn rank(&self, session: SessionId, open: &Open) -> Option<Position> {
        let Place::Queued(rank) = open.place else { return None };
        let ticket = Ticket::new(rank, session);
        let before = self.waiting.iter().take(POSITIONS_MAX as usize);
        let before = before.take_while(|other| **other < ticket).count();
        let before = u32::try_from(before).unwrap_or(POSITIONS_MAX);
        let is_far = before >= POSITIONS_MAX;
        Some(if is_far { Position::Beyond(POSITIONS_MAX) } else { Position::Exact(before + 1) })
    }

    fn shown_position(&self, session: SessionId, open: &Open) -> Option<Position> {
        let rank = self.rank(session, open)?;
        Some(open.shown.map_or(rank, |shown| rank.min(Position::Exact(shown.get()))))
    }

    pub(super) fn alerts_view(&self) -> AlertsView {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let unassigned = count(self.waiting.len());
        AlertsView {
            unassigned,
            too_many_unassigned: unassigned > self.policy.unassigned_alert,
            expiring: count(self.expiring.len()),
            no_agent_routable: self.routable.is_empty(),
            all_saturated: self.available > 0 && self.routable.is_empty(),
            over_cap: self.over_cap,
            forced: self.forced,
            version: self.events,
        }
    }
}
