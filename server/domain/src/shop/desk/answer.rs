//! The duty to answer: when it begins, who fulfils it, who is charged when nobody does. Owns the
//! transitions that the response rate is made of; closing and transferring never touch it.

use super::Desk;
use super::chat::Recent;
use super::session::{Answer, Moment, Open, Place, Row, Slot};
use super::timers::may_expire;
use crate::event::desk::{Answerer, DeskEvent, QueueCause};
use crate::id::{SessionId, UserId};
use crate::policy::Automation;
use crate::shop::invariant::must;
use crate::time::Millis;

impl Desk {
    pub(super) fn counts(&self, automation: Automation) -> bool {
        self.policy.automation_counts.contains(&automation)
    }

    /// What the buyer's next word means in a session that is open.
    pub(super) fn follow_up(
        &self,
        session: SessionId,
        row: &Row,
        now: Millis,
    ) -> Option<DeskEvent> {
        let due_at = now + self.policy.answer_within_ms;
        let is_owed = row.answer == Answer::Automatic;
        is_owed.then_some(DeskEvent::AnswerDue { session, since: now, due_at })
    }

    /// The way into the queue of a session that nobody serves. It goes after the word that asks for
    /// it, so that its place counts from that word.
    pub(super) fn follow_up_queued(&self, session: SessionId, open: &Open) -> Option<DeskEvent> {
        let cause = match open.place {
            Place::SelfServed => Some(QueueCause::FollowUp),
            Place::Queued(_) => None,
            Place::Assigned { agent, .. } => {
                self.agents[agent.index()].is_down().then_some(QueueCause::OwnerDown)
            }
        };
        cause.map(|cause| DeskEvent::SessionQueued { session, cause })
    }

    /// What a person's word does to the session it belongs to.
    pub(super) fn human_reply(
        &self,
        session: SessionId,
        agent: &UserId,
        now: Millis,
    ) -> Option<DeskEvent> {
        let row = self.sessions.get(session)?;
        let in_time = || DeskEvent::SessionAnswered {
            session,
            by: Answerer::Human(agent.clone()),
            replied_at: now,
        };
        match row.answer {
            Answer::Pending => row.is_answerable(now).then(in_time),
            Answer::Automatic => Some(in_time()),
            Answer::Missed(_) if row.replied_at.is_none() => {
                Some(DeskEvent::SessionAnsweredLate { session, agent: agent.clone() })
            }
            Answer::Human(_) | Answer::Missed(_) => None,
        }
    }

    /// What an automatic reply does to the session it belongs to.
    pub(super) fn automatic_reply(
        &self,
        session: SessionId,
        (automation, by): (Automation, Answerer),
        now: Millis,
    ) -> Option<DeskEvent> {
        let row = self.sessions.get(session)?;
        let fulfils = self.counts(automation) && row.is_answerable(now);
        fulfils.then_some(DeskEvent::SessionAnswered { session, by, replied_at: now })
    }

    /// What is left when a person takes `recalled` back: the next word that still stands, else
    /// the old duty with its old clock.
    pub(super) fn after_recall(&self, recalled: &Recent, now: Millis) -> Option<DeskEvent> {
        let session = recalled.session?;
        let row = self.sessions.get(session)?;
        let Answer::Human(agent) = row.answer else { return None };
        let made_the_hit = row.replied_at == Some(Moment::at(recalled.at));
        if !made_the_hit || recalled.human() != Some(agent) {
            return None;
        }
        let stands = |it: &&Recent| {
            it.session == Some(session)
                && it.seq != recalled.seq
                && it.at >= recalled.at
                && it.human().is_some()
                && !it.recalled
        };
        if let Some(next) = self.recent.iter().find(stands)
            && (next.at <= row.due_at() || row.window_ms == 0)
        {
            let by = Answerer::Human(self.agents[next.human()?.index()].user.clone());
            return Some(DeskEvent::SessionAnswered { session, by, replied_at: next.at });
        }
        if row.window_ms == 0 {
            let replied_at = row.opened_at;
            return Some(DeskEvent::SessionAnswered { session, by: Answerer::Faq, replied_at });
        }
        if now > row.due_at() {
            return Some(self.miss(session));
        }
        Some(DeskEvent::AnswerDue { session, since: row.since, due_at: row.due_at() })
    }

    /// Nobody answered in time.
    pub(super) fn miss(&self, session: SessionId) -> DeskEvent {
        let row = must(self.sessions.get(session), "session");
        let charged = self.user_of(self.charged(session, row));
        DeskEvent::SessionMissed { session, charged, due_at: row.due_at() }
    }

    /// Whoever closed it unanswered; else the owner, unless he has only just got it from another.
    fn charged(&self, session: SessionId, row: &Row) -> Option<Slot> {
        let Some(open) = self.open.get(&session) else { return row.closed_by };
        let Place::Assigned { agent, since } = open.place else { return None };
        let is_new = row.due_at().since(since) < self.policy.charge_after_ms;
        open.previous.filter(|_| is_new).or(Some(agent))
    }

    pub(super) fn on_answer_due(&mut self, session: SessionId, since: Millis, due_at: Millis) {
        self.calm(session);
        self.recount(session, |row| {
            row.answer = Answer::Pending;
            row.since = since;
            row.replied_at = None;
            row.window_ms = u32::try_from(due_at.since(since).0).unwrap_or(u32::MAX);
        });
        if let Some(open) = self.open.get_mut(&session) {
            open.unanswered_since.get_or_insert(Moment::at(since));
        }
        self.list_needs_reply(session);
        self.arm(session);
    }

    pub(super) fn on_session_answered(
        &mut self,
        session: SessionId,
        by: &Answerer,
        replied_at: Millis,
    ) {
        self.calm(session);
        let answer = match by {
            Answerer::Human(agent) => Answer::Human(self.slot(agent)),
            Answerer::Faq | Answerer::Bot => Answer::Automatic,
        };
        self.recount(session, |row| {
            row.answer = answer;
            row.replied_at = Some(Moment::at(replied_at));
        });
        if let Some(open) = self.open.get_mut(&session) {
            open.unanswered_since = None;
        }
        self.list_needs_reply(session);
    }

    pub(super) fn on_session_answered_late(&mut self, session: SessionId, at: Millis) {
        self.recount(session, |row| row.replied_at = Some(Moment::at(at)));
    }

    pub(super) fn on_session_missed(&mut self, session: SessionId, charged: Option<&UserId>) {
        self.calm(session);
        let charged = charged.map(|user| self.slot(user));
        self.recount(session, |row| {
            row.answer = Answer::Missed(charged);
            row.replied_at = None;
        });
        let since = self.row_mut(session).since;
        if let Some(open) = self.open.get_mut(&session) {
            open.unanswered_since.get_or_insert(Moment::at(since));
        }
        self.list_needs_reply(session);
    }

    pub(super) fn on_session_expiring(&mut self, session: SessionId, due_at: Millis) {
        self.open_mut(session).is_expiring = true;
        self.expiring.insert((due_at, session));
    }

    /// Takes a session off the list of those that expire soon.
    pub(super) fn calm(&mut self, session: SessionId) {
        let due_at = self.row_mut(session).due_at();
        if self.expiring.remove(&(due_at, session)) {
            self.open_mut(session).is_expiring = false;
        }
    }

    /// A session counts again, or no longer: what is about to expire follows.
    pub(super) fn reconsider_expiring(&mut self, session: SessionId) {
        let row = must(self.sessions.get(session), "session");
        if !may_expire(row) {
            self.calm(session);
        } else if self.open.contains(&session) {
            self.arm(session);
        }
    }
}
