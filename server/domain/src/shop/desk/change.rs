//! What of the desk looks different after a batch. Owns which event touches which view, and which
//! command wants to see which.

use std::collections::{BTreeMap, BTreeSet};

use super::content::Checked;
use super::{Desk, content};
use crate::command::{Actor, ChatCommand, Content, DeskCommand};
use crate::event::Event;
use crate::event::desk::{
    DeskEvent, MessageSent, QueueCause, Sender, SessionAssigned, SessionOpened,
};
use crate::id::{FaqId, ReportId, SessionId, UserId};
use crate::shop::Shop;
use crate::time::Millis;
use crate::view::Change;
use crate::view::desk::{ClickView, DeskChange, Message, MessageView};

/// What the events of a batch touched so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::shop) struct TouchedDesk {
    sessions: Vec<SessionId>,
    agents: Vec<UserId>,
    marks: Vec<UserId>,
    reports: Vec<ReportId>,
    alerts: bool,
    team: bool,
    policy: bool,
    holiday: bool,
    texts: bool,
    /// Sessions that left their owners, in order.
    lost: Vec<(SessionId, UserId)>,
    /// What was said and taken back, in order.
    said: Vec<DeskChange>,
}

impl TouchedDesk {
    fn session(&mut self, session: SessionId) {
        self.sessions.push(session);
        self.alerts = true;
    }

    fn agent(&mut self, agent: &UserId) {
        self.agents.push(agent.clone());
        self.alerts = true;
    }

    fn lost(&mut self, session: SessionId, owner: Option<UserId>) {
        self.session(session);
        self.agents.extend(owner.clone());
        self.lost.extend(owner.map(|owner| (session, owner)));
    }
}

impl Shop {
    pub(in crate::shop) fn touch_desk(&self, event: &DeskEvent, touched: &mut TouchedDesk) {
        match event {
            DeskEvent::MessageSent(MessageSent { buyer, seq, session, .. }) => {
                let said = self.desk.said(buyer, *seq);
                touched.said.extend(said.map(DeskChange::Message));
                touched.sessions.extend(*session);
            }
            DeskEvent::MessageRecalled { buyer, seq } => {
                touched.said.push(self.desk.recalled(buyer, *seq));
            }
            DeskEvent::MarksMoved { buyer, .. }
            | DeskEvent::BuyerBlocked { buyer, .. }
            | DeskEvent::BuyerUnblocked { buyer, .. } => touched.marks.push(buyer.clone()),
            DeskEvent::NoteAdded { .. } | DeskEvent::TagsSet { .. } => {}
            DeskEvent::SessionOpened(SessionOpened { session, .. })
            | DeskEvent::AnswerDue { session, .. }
            | DeskEvent::SessionAnswered { session, .. }
            | DeskEvent::SessionAnsweredLate { session, .. }
            | DeskEvent::SessionExpiring { session, .. }
            | DeskEvent::SessionMissed { session, .. }
            | DeskEvent::SessionRated { session, .. } => touched.session(*session),
            DeskEvent::SessionQueued { session, cause } => {
                let owner = self.desk.owner_before_queue(*session, *cause);
                touched.lost(*session, owner);
            }
            DeskEvent::SessionClosed { session, owner, .. } => {
                touched.lost(*session, owner.clone());
            }
            DeskEvent::SessionsRequeued { agent, sessions, .. } => {
                touched.agent(agent);
                sessions.iter().for_each(|session| touched.lost(*session, Some(agent.clone())));
            }
            DeskEvent::SessionAssigned(SessionAssigned { session, agent, .. }) => {
                touched.agent(agent);
                touched.lost(*session, self.desk.handed_over_by(*session));
            }
            DeskEvent::SessionReported { report, .. } => touched.reports.push(report.clone()),
            DeskEvent::ReportDecided { report, .. } => {
                touched.reports.push(report.clone());
                touched.sessions.extend(self.report_view(report).map(|view| view.session));
            }
            DeskEvent::AgentConnected { agent, .. }
            | DeskEvent::AgentDisconnected { agent, .. }
            | DeskEvent::AgentDown { agent, .. }
            | DeskEvent::AgentIntentSet { agent, .. }
            | DeskEvent::AgentCapSet { agent, .. } => touched.agent(agent),
            DeskEvent::LinksLost { .. } => touched.team = true,
            DeskEvent::HolidaySet { .. } => touched.holiday = true,
            DeskEvent::DeskPolicySet { .. } => {
                touched.policy = true;
                touched.alerts = true;
            }
            DeskEvent::FaqPut { .. }
            | DeskEvent::FaqRemoved { .. }
            | DeskEvent::FaqCardSet { .. }
            | DeskEvent::QuickReplyPut { .. }
            | DeskEvent::QuickReplyRemoved { .. } => touched.texts = true,
        }
    }

    /// Somebody came to the staff or left it.
    pub(in crate::shop) fn touch_member(&self, user: &UserId, touched: &mut TouchedDesk) {
        if self.desk.slot_of.contains(user) {
            touched.agent(user);
        }
    }

    /// The newest view of everything touched, each once, and what was said in its order.
    pub(in crate::shop) fn desk_changes(&self, touched: &TouchedDesk) -> Vec<Change> {
        let desk = &self.desk;
        let mut changes = touched.said.clone();
        changes.extend(desk.session_changes(touched));
        let marks: BTreeSet<_> = touched.marks.iter().collect();
        let marks = marks.into_iter().filter_map(|buyer| desk.conversation_view(buyer));
        changes.extend(marks.map(DeskChange::Marks));
        let team = if touched.team { self.team_view() } else { self.views_of(&touched.agents) };
        changes.extend(team.into_iter().map(DeskChange::Agent));
        let reports: BTreeSet<_> = touched.reports.iter().collect();
        let reports = reports.into_iter().filter_map(|report| desk.report_view(report));
        changes.extend(reports.map(DeskChange::Report));
        if touched.alerts || touched.team {
            changes.push(DeskChange::Alerts(desk.alerts_view()));
        }
        if touched.holiday {
            changes.push(DeskChange::Holiday(desk.holiday));
        }
        if touched.policy {
            changes.push(DeskChange::Policy(desk.policy.clone()));
        }
        if touched.texts {
            changes.push(DeskChange::Texts);
        }
        changes.into_iter().map(Change::Desk).collect()
    }

    fn views_of(&self, agents: &[UserId]) -> Vec<crate::view::desk::AgentView> {
        let agents: BTreeSet<_> = agents.iter().collect();
        agents.into_iter().filter_map(|agent| self.agent_view(agent)).collect()
    }

    pub(in crate::shop) fn result_of_chat(
        &self,
        actor: &Actor,
        command: &ChatCommand,
        (events, at): (&[Event], Millis),
    ) -> Option<Change> {
        let desk = &self.desk;
        let buyer = &actor.user;
        match command {
            ChatCommand::Send { content, .. } => {
                let sent = events.iter().rev().find_map(sent)?;
                Some(DeskChange::Message(desk.told(sent, content, at)))
            }
            ChatCommand::ClickFaq { faq, .. } => {
                desk.clicked(buyer, faq, (events, at)).map(DeskChange::Clicked)
            }
            ChatCommand::Mark { .. } => desk.conversation_view(buyer).map(DeskChange::Marks),
            ChatCommand::Typing => None,
            ChatCommand::Recall { seq } => Some(desk.recalled(buyer, *seq)),
            ChatCommand::Rate { session, .. } => desk.told_session(*session),
        }
        .map(Change::Desk)
    }

    pub(in crate::shop) fn result_of_desk(
        &self,
        actor: &Actor,
        command: &DeskCommand,
        (events, at): (&[Event], Millis),
    ) -> Option<Change> {
        let desk = &self.desk;
        match command {
            DeskCommand::Connect { .. }
            | DeskCommand::Disconnect { .. }
            | DeskCommand::LogOut { .. } => self.agent_view(&actor.user).map(DeskChange::Agent),
            DeskCommand::SetIntent { agent, .. } | DeskCommand::SetCap { agent, .. } => {
                self.agent_view(agent.as_ref().unwrap_or(&actor.user)).map(DeskChange::Agent)
            }
            DeskCommand::Take { session, .. }
            | DeskCommand::Assign { session, .. }
            | DeskCommand::Transfer { session, .. }
            | DeskCommand::Close { session, .. }
            | DeskCommand::MarkNoReply { session, .. } => desk.told_session(*session),
            DeskCommand::Report { report, .. } | DeskCommand::Decide { report, .. } => {
                desk.report_view(report).map(DeskChange::Report)
            }
            DeskCommand::Send { content, .. } => {
                let sent = events.iter().find_map(sent)?;
                Some(DeskChange::Message(desk.told(sent, content, at)))
            }
            DeskCommand::Mark { buyer, .. }
            | DeskCommand::Block { buyer }
            | DeskCommand::Unblock { buyer } => {
                desk.conversation_view(buyer).map(DeskChange::Marks)
            }
            DeskCommand::Recall { buyer, seq } => Some(desk.recalled(buyer, *seq)),
            DeskCommand::Typing { .. }
            | DeskCommand::AddNote { .. }
            | DeskCommand::SetTags { .. } => None,
            DeskCommand::PutFaq { .. }
            | DeskCommand::RemoveFaq { .. }
            | DeskCommand::SetFaqCard { .. }
            | DeskCommand::PutQuickReply { .. }
            | DeskCommand::RemoveQuickReply { .. } => Some(DeskChange::Texts),
            DeskCommand::SetHoliday { .. } => Some(DeskChange::Holiday(desk.holiday)),
            DeskCommand::SetPolicy { .. } => Some(DeskChange::Policy(desk.policy.clone())),
        }
        .map(Change::Desk)
    }
}

fn sent(event: &Event) -> Option<&MessageSent> {
    if let Event::Desk(DeskEvent::MessageSent(sent)) = event { Some(sent) } else { None }
}

impl Desk {
    pub(in crate::shop) fn forget_texts_of(&mut self, buyer: &UserId) {
        self.bodies.forget(buyer);
    }

    /// The body of a message that was sent in this batch.
    fn said(&self, buyer: &UserId, seq: u64) -> Option<MessageView> {
        let message: Message = serde_json::from_slice(self.bodies.get(buyer, seq)?).ok()?;
        Some(MessageView { buyer: buyer.clone(), owner: self.owner_with(buyer), message })
    }

    fn recalled(&self, buyer: &UserId, seq: u64) -> DeskChange {
        DeskChange::Recalled { buyer: buyer.clone(), seq, owner: self.owner_with(buyer) }
    }

    /// The message that `sent` was about. Where its body is gone, as after a restart, it is told
    /// as it was asked for, and a quick reply as it would be filled in now.
    fn told(&self, sent: &MessageSent, content: &Content, at: Millis) -> MessageView {
        let repeated = || Message {
            seq: sent.seq,
            at,
            session: sent.session,
            from: sent.from.clone(),
            content: Some(self.worded(content)),
        };
        let kept = self.said(&sent.buyer, sent.seq);
        kept.unwrap_or_else(|| MessageView {
            buyer: sent.buyer.clone(),
            owner: self.owner_with(&sent.buyer),
            message: repeated(),
        })
    }

    fn worded(&self, content: &Content) -> Content {
        let Content::QuickReply { quick_reply, variables } = content else {
            return content.clone();
        };
        let filled = self.filled_quick_reply(quick_reply, variables);
        filled.map_or_else(|_| content.clone(), Content::Text)
    }

    /// The messages of a click, which are the last one's where this is its double. Where their
    /// bodies are gone, as after a restart, they are told as the FAQ has them.
    fn clicked(
        &self,
        buyer: &UserId,
        faq: &FaqId,
        (events, at): (&[Event], Millis),
    ) -> Option<ClickView> {
        let (seq, at, session) = match events.iter().rev().find_map(sent) {
            Some(sent) => (sent.seq, at, sent.session),
            None => self.last_click(buyer, faq).map(|last| (last.seq, last.at, last.session))?,
        };
        let entry = self.faq.get(faq);
        let asked = entry.map(|entry| content::question(faq, &entry.question));
        let answered = entry.map(|entry| content::text(&entry.answer));
        let told = [
            (seq.checked_sub(1)?, Sender::Buyer, asked),
            (seq, Sender::Faq(faq.clone()), answered),
        ];
        let message = |(seq, from, kept): (u64, Sender, Option<Checked>)| {
            let said = self.said(buyer, seq).map(|view| view.message);
            let content = kept.map(|kept| kept.content);
            let made = content.map(|it| Message { seq, at, session, from, content: Some(it) });
            said.or(made)
        };
        let messages = told.into_iter().filter_map(message).collect();
        Some(ClickView { session: self.session_view(session?)?, messages })
    }

    fn told_session(&self, session: SessionId) -> Option<DeskChange> {
        let session = self.session_view(session)?;
        Some(DeskChange::Session { session, owner_before: None })
    }

    /// Every session that was touched, and who had it when the batch began and has it no more.
    fn session_changes(&self, touched: &TouchedDesk) -> Vec<DeskChange> {
        let mut before = BTreeMap::new();
        for (session, owner) in &touched.lost {
            before.entry(*session).or_insert(owner);
        }
        let sessions: BTreeSet<_> = touched.sessions.iter().copied().collect();
        let changes = sessions.into_iter().filter_map(|id| {
            let session = self.session_view(id)?;
            let former = before.get(&id).copied();
            let owner_before = former.filter(|former| !session.is_owned_by(former)).cloned();
            Some(DeskChange::Session { session, owner_before })
        });
        changes.collect()
    }

    /// Whose a session was that has just joined the queue. A follow-up to the FAQ was nobody's.
    fn owner_before_queue(&self, session: SessionId, cause: QueueCause) -> Option<UserId> {
        match cause {
            QueueCause::FollowUp => None,
            QueueCause::OwnerDown | QueueCause::Transferred => {
                self.user_of(self.open.get(&session)?.previous)
            }
        }
    }

    fn handed_over_by(&self, session: SessionId) -> Option<UserId> {
        let open = self.open.get(&session).filter(|open| open.is_handed_over)?;
        self.user_of(open.previous)
    }
}
