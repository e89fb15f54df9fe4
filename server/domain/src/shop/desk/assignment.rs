//! Who gets whom: the earliest duty first, to the agent with the largest free share. Owns the
//! queue and every change of an owner; never leaves a session waiting beside a free agent.

use serde::{Deserialize, Serialize};

use super::session::{Open, Place, Row, Slot};
use super::{Desk, all, is_leader, yes};
use crate::command::{Actor, Role, TransferTo};
use crate::event::desk::{AssignReason, DeskEvent, QueueCause, SessionAssigned, Why};
use crate::id::{SessionId, UserId};
use crate::policy::OwnerDown;
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::shop::invariant::must;
use crate::time::Millis;
use crate::view::desk::ListCursor;

/// Sessions that one step may move, so that a million of them never hold a shop up.
pub(in crate::shop) const MOVES_MAX: usize = 256;

/// A place in the queue. Frozen when the session joins: whoever writes more loses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) rank: Rank,
    pub(super) session: SessionId,
}

/// The class of a duty and, within it, its time, in one number: a million of them wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Rank(i64);

/// Far more milliseconds than any time has, on both sides of zero.
const CLASS: i64 = 1 << 60;

impl Rank {
    /// Classes are few, and a lower one goes first.
    pub(super) fn new(class: u8, at: Millis) -> Self {
        // A cursor may come from anywhere: beyond all there is nothing.
        Self(i64::from(class).saturating_mul(CLASS).saturating_add(at.0))
    }

    fn class(self) -> u8 {
        u8::try_from((self.0 + CLASS / 2).div_euclid(CLASS)).unwrap_or(0)
    }

    fn at(self) -> Millis {
        Millis(self.0 - i64::from(self.class()) * CLASS)
    }
}

impl Ticket {
    pub(super) fn new(rank: Rank, session: SessionId) -> Self {
        Self { rank, session }
    }

    pub(super) fn cursor(&self) -> ListCursor {
        let Self { rank, session } = *self;
        ListCursor { class: rank.class(), at: rank.at(), session }
    }
}

impl From<ListCursor> for Ticket {
    fn from(ListCursor { class, at, session }: ListCursor) -> Self {
        Self::new(Rank::new(class, at), session)
    }
}

/// How much of a step's budget a move takes.
pub(super) fn cost(event: &DeskEvent) -> usize {
    if let DeskEvent::SessionsRequeued { sessions, .. } = event { sessions.len().max(1) } else { 1 }
}

impl Desk {
    /// Whether a session has to go somewhere now.
    pub(super) fn has_moves(&self) -> bool {
        !self.leaving.is_empty() || (!self.waiting.is_empty() && !self.routable.is_empty())
    }

    pub(super) fn next_move(&self, now: Millis, moves_max: usize) -> Option<DeskEvent> {
        match self.leaving.first() {
            Some(slot) => Some(self.requeue(*slot, moves_max)),
            None => self.next_assignment(now).map(DeskEvent::SessionAssigned),
        }
    }

    /// Sticky says who serves the first in the queue, never which session is served.
    fn next_assignment(&self, now: Millis) -> Option<SessionAssigned> {
        let session = self.waiting.first()?.session;
        let best = self.routable.first()?.agent;
        let row = must(self.sessions.get(session), "session");
        let conversation = &self.conversations[row.conversation as usize];
        let sticky = conversation.served_by.filter(|slot| {
            let is_fresh = now.since(conversation.served_at) <= self.policy.sticky_ms;
            is_fresh && self.agents[slot.index()].route.is_some()
        });
        let reason =
            if sticky.is_some() { AssignReason::Sticky } else { AssignReason::LowestSaturation };
        Some(self.assigned(session, sticky.unwrap_or(best), reason, None))
    }

    fn assigned(
        &self,
        session: SessionId,
        agent: Slot,
        reason: AssignReason,
        by: Option<&Actor>,
    ) -> SessionAssigned {
        let open = must(self.open.get(&session), "open session");
        let agent = &self.agents[agent.index()];
        let why = Why {
            reason,
            load: agent.load(),
            cap: agent.cap,
            routable: u32::try_from(self.routable.len()).unwrap_or(u32::MAX),
            forced: agent.load() >= agent.cap,
            by: by.map(|actor| actor.user.clone()),
        };
        let epoch = open.epoch + 1;
        SessionAssigned { session, agent: agent.user.clone(), epoch, why }
    }

    /// Takes sessions of an agent who is gone back, the oldest first.
    fn requeue(&self, slot: Slot, moves_max: usize) -> DeskEvent {
        let agent = &self.agents[slot.index()];
        let mut sessions = agent.sessions.iter().copied().filter(|it| self.goes_back(*it));
        let moved: Vec<_> = sessions.by_ref().take(moves_max).collect();
        let more = sessions.next().is_some();
        DeskEvent::SessionsRequeued { agent: agent.user.clone(), sessions: moved, more }
    }

    /// Whether a session leaves its agent when he is gone.
    pub(super) fn goes_back(&self, session: SessionId) -> bool {
        match self.policy.owner_down {
            OwnerDown::Keep => false,
            OwnerDown::RequeueAll => true,
            OwnerDown::RequeueUnanswered => {
                let open = self.open.get(&session);
                open.is_some_and(|open| open.unanswered_since.is_some())
            }
        }
    }

    /// Somebody of the staff who is there and has room. A leader may force the room.
    fn target(&self, actor: &Actor, user: &UserId, force: bool) -> Result<Slot, Rejection> {
        if force && !is_leader(actor) {
            return Err(Rejection::Forbidden { needed: Role::Supervisor });
        }
        let slot = self.known_agent(user)?;
        let agent = &self.agents[slot.index()];
        if !agent.takes_by_hand() {
            return Err(Rejection::AgentNotReady { status: agent.status() });
        }
        if agent.load() >= agent.cap && !force {
            return Err(Rejection::Saturated { load: agent.load(), cap: agent.cap });
        }
        Ok(slot)
    }

    pub(super) fn decide_take(
        &self,
        actor: &Actor,
        session: SessionId,
        force: bool,
    ) -> Result<Accepted, Rejection> {
        let (_, open) = self.open_session(session)?;
        if let Some(owner) = open.owner() {
            let agent = self.agents[owner.index()].user.clone();
            if agent == actor.user {
                return Ok(Accepted::default());
            }
            return Err(Rejection::AlreadyTaken { agent });
        }
        let slot = self.target(actor, &actor.user, force)?;
        let assigned = self.assigned(session, slot, AssignReason::Picked, Some(actor));
        Ok(yes(DeskEvent::SessionAssigned(assigned)))
    }

    pub(super) fn decide_assign(
        &self,
        actor: &Actor,
        (session, epoch): (SessionId, u32),
        agent: &UserId,
        force: bool,
    ) -> Result<Accepted, Rejection> {
        let (_, open) = self.open_session(session)?;
        if open.epoch != epoch {
            return Err(Rejection::SessionMoved { epoch: open.epoch });
        }
        self.hand_over(actor, (session, open), (agent, AssignReason::AssignedBySupervisor), force)
    }

    pub(super) fn decide_transfer(
        &self,
        actor: &Actor,
        (session, epoch): (SessionId, u32),
        to: &TransferTo,
        force: bool,
    ) -> Result<Accepted, Rejection> {
        let (_, open) = self.owned(actor, session, epoch)?;
        match to {
            TransferTo::Agent(agent) => {
                let to = (agent, AssignReason::Transferred);
                self.hand_over(actor, (session, open), to, force)
            }
            TransferTo::Queue if open.owner().is_none() => Ok(Accepted::default()),
            TransferTo::Queue => {
                let cause = QueueCause::Transferred;
                Ok(all(vec![DeskEvent::SessionQueued { session, cause }]))
            }
        }
    }

    fn hand_over(
        &self,
        actor: &Actor,
        (session, open): (SessionId, &Open),
        (agent, reason): (&UserId, AssignReason),
        force: bool,
    ) -> Result<Accepted, Rejection> {
        if open.owner().is_some_and(|owner| self.agents[owner.index()].user == *agent) {
            return Err(Rejection::AlreadyTaken { agent: agent.clone() });
        }
        let slot = self.target(actor, agent, force)?;
        let assigned = self.assigned(session, slot, reason, Some(actor));
        Ok(yes(DeskEvent::SessionAssigned(assigned)))
    }

    pub(super) fn on_session_assigned(&mut self, assigned: &SessionAssigned, at: Millis) {
        let session = assigned.session;
        let former = self.leave_place(session);
        let slot = self.slot(&assigned.agent);
        let open = must(self.open.get_mut(&session), "open session");
        open.place = Place::Assigned { agent: slot, since: at };
        open.epoch = assigned.epoch;
        open.is_handed_over = former.is_some();
        open.why = Some(Box::new(assigned.why.clone()));
        open.shown = None;
        self.assignments += 1;
        self.forced += u64::from(assigned.why.forced);
        let number = self.assignments;
        self.change_agent(slot, |agent| {
            agent.sessions.insert(session);
            agent.last_assigned = number;
        });
        let conversation = self.row_mut(session).conversation;
        let conversation = &mut self.conversations[conversation as usize];
        conversation.served_by = Some(slot);
        conversation.served_at = at;
        self.list_needs_reply(session);
    }

    pub(super) fn on_sessions_requeued(
        &mut self,
        agent: &UserId,
        sessions: &[SessionId],
        more: bool,
    ) {
        let slot = self.slot(agent);
        for session in sessions {
            self.leave_place(*session);
            self.enqueue(*session);
        }
        if !more {
            self.leaving.remove(&slot);
        }
    }

    /// Takes a session out of where it is; it must be put somewhere else next. What an owner
    /// sends later is a stranger's. Answers with him.
    pub(super) fn leave_place(&mut self, session: SessionId) -> Option<Slot> {
        let open = must(self.open.get_mut(&session), "open session");
        match open.place {
            Place::SelfServed => {
                self.self_served.remove(&session);
                None
            }
            Place::Queued(rank) => {
                self.waiting.remove(&Ticket::new(rank, session));
                None
            }
            Place::Assigned { agent: owner, .. } => {
                open.previous = Some(owner);
                open.epoch += 1;
                self.change_agent(owner, |agent| {
                    agent.sessions.remove(&session);
                });
                Some(owner)
            }
        }
    }

    /// Puts a session that has left its place into the queue.
    pub(super) fn enqueue(&mut self, session: SessionId) {
        let row: &Row = must(self.sessions.get(session), "session");
        let open = must(self.open.get(&session), "open session");
        let ticket = self.ticket(session, row, open);
        self.waiting.insert(ticket);
        self.open_mut(session).place = Place::Queued(ticket.rank);
        self.list_needs_reply(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_orders_by_class_and_then_by_time_and_gives_both_back() {
        let times = [i64::MIN / 64, -5, 0, 1, 1_760_000_000_000, i64::MAX / 64].map(Millis);
        let all = (0..3).flat_map(|class| times.map(|at| (class, at)));
        let cursors = all.map(|(class, at)| ListCursor { class, at, session: SessionId(7) });
        let cursors: Vec<_> = cursors.collect();
        let tickets: Vec<_> = cursors.iter().map(|cursor| Ticket::from(*cursor)).collect();
        assert!(tickets.is_sorted());
        assert_eq!(tickets.iter().map(Ticket::cursor).collect::<Vec<_>>(), cursors);
        assert!(Rank::new(255, Millis(i64::MAX)) > Rank::new(2, Millis(i64::MAX / 64)));
    }
}
