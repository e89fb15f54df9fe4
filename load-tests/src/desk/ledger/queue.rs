//! The queue and whoever is given what: each change of an owner is held against the rules of the
//! desk. Owns the counts of what must never happen.

use super::entry::{SessionAssigned, SessionQueued, SessionsRequeued, Why};
use super::session::Place;
use super::{DeskLedger, index};

impl DeskLedger {
    /// Takes a session out of where it is; answers with where that was.
    pub(super) fn leave(&mut self, id: u64) -> Option<Place> {
        let cap = self.policy.cap;
        let session = self.sessions.get_mut(index(id))?;
        let place = session.place.clone();
        match &place {
            Place::Waiting(ticket) => drop(self.waiting.remove(ticket)),
            Place::Assigned { agent, .. } => {
                session.previous = Some(agent.clone());
                session.epoch += 1;
                self.agents.get_mut(agent, cap).sessions.remove(&id);
            }
            Place::SelfServed | Place::Closed => {}
        }
        Some(place)
    }

    /// Puts a session that is nowhere into the queue.
    pub(super) fn enqueue(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(index(id)) else { return };
        let ticket = session.ticket(id);
        session.place = Place::Waiting(ticket);
        self.waiting.insert(ticket);
        self.totals.waiting_max = self.totals.waiting_max.max(self.waiting.len() as u64);
    }

    pub(super) fn on_queued(&mut self, queued: &SessionQueued<'_>) {
        let (id, cause) = (queued.session, queued.cause);
        let place = self.session(id).map(|session| session.place.clone());
        let fits = match (&place, cause) {
            (Some(Place::SelfServed), "follow_up") => true,
            (Some(Place::Assigned { .. }), "transferred") => true,
            (Some(Place::Assigned { agent, .. }), "owner_down") => {
                self.agents.get(agent).is_some_and(super::agents::Agent::is_down)
            }
            (_, _) => false,
        };
        if !fits {
            return self.lose(|| format!("session {id} is queued as {cause} out of {place:?}"));
        }
        if cause == "transferred" {
            self.totals.transferred += 1;
            self.forget_server(id);
        }
        self.leave(id);
        self.enqueue(id);
        self.entry.sessions.push(id);
    }

    /// Whoever passes a session on to the queue is not the first one asked.
    fn forget_server(&mut self, id: u64) {
        let buyer = self.session(id).map(|session| session.buyer.clone());
        if let Some(conversation) = buyer.and_then(|buyer| self.conversations.get_mut(&buyer)) {
            conversation.served_by = None;
        }
    }

    pub(super) fn on_requeued(&mut self, requeued: &SessionsRequeued<'_>) {
        let agent = requeued.agent;
        if !self.agents.get(agent).is_some_and(super::agents::Agent::is_down) {
            self.violations.add(|| format!("sessions of {agent} go back and he is there"));
        }
        for id in &requeued.sessions {
            self.entry.moves += 1;
            self.entry.sessions.push(*id);
            if self.session(*id).is_none_or(|session| session.owner() != Some(agent)) {
                self.lose(|| format!("session {id} goes back and is not {agent}'s"));
                continue;
            }
            self.leave(*id);
            self.enqueue(*id);
            self.totals.requeued += 1;
        }
    }

    pub(super) fn on_assigned(&mut self, assigned: &SessionAssigned<'_>, at: i64) {
        let SessionAssigned { session: id, agent, epoch, ref why } = *assigned;
        self.entry.moves += 1;
        self.entry.sessions.push(id);
        self.totals.assigned += 1;
        let Some(session) = self.session(id) else {
            return self.lose(|| format!("session {id} was given away and never opened"));
        };
        let (place, known) = (session.place.clone(), session.epoch);
        if place == Place::Closed {
            return self.lose(|| format!("session {id} was given to {agent} and is closed"));
        }
        self.check_owner(assigned, (&place, known));
        if let "sticky" | "lowest_saturation" = why.reason {
            self.check_turn(assigned, &place, at);
        }
        self.check_agent(id, agent, why);
        self.leave(id);
        let cap = self.policy.cap;
        let number = self.totals.assigned;
        let taker = self.agents.get_mut(agent, cap);
        taker.sessions.insert(id);
        taker.last_assigned = number;
        let session = &mut self.sessions[index(id)];
        session.place = Place::Assigned { agent: agent.to_owned(), since: at };
        session.epoch = epoch;
        let buyer = session.buyer.clone();
        let conversation = self.conversations.entry(buyer).or_default();
        conversation.served_by = Some(agent.to_owned());
        conversation.served_at = at;
        if let Some(other) = self.owners.insert((id, epoch), agent.to_owned()) {
            self.double(|| format!("session {id} at epoch {epoch} is {other}'s and {agent}'s"));
        }
    }

    fn double(&mut self, what: impl FnOnce() -> String) {
        self.faults.double_assigned += 1;
        self.violations.add(what);
    }

    /// One owner an epoch: only somebody who may pass a session on takes it from its owner.
    fn check_owner(&mut self, assigned: &SessionAssigned<'_>, (place, known): (&Place, u32)) {
        let SessionAssigned { session: id, agent, epoch, ref why } = *assigned;
        let passes_on = matches!(why.reason, "transferred" | "assigned_by_supervisor");
        match place {
            Place::Assigned { agent: owner, .. } if !passes_on || owner == agent => {
                let reason = why.reason;
                self.double(|| format!("session {id} of {owner} was given to {agent}: {reason}"));
            }
            Place::Assigned { .. } => self.totals.transferred += 1,
            _ => {}
        }
        if epoch != known + 1 {
            self.double(|| format!("session {id} went from epoch {known} to {epoch}"));
        }
    }

    /// Whoever waits for the earliest duty is served first, by the one who served him last or the
    /// emptiest.
    fn check_turn(&mut self, assigned: &SessionAssigned<'_>, place: &Place, at: i64) {
        let (id, agent) = (assigned.session, assigned.agent);
        let Place::Waiting(ticket) = place else {
            return self.lose(|| format!("session {id} was given to {agent} out of no queue"));
        };
        let first = self.waiting.first().copied().filter(|first| {
            // Without a duty nobody is owed a turn before others without one.
            first != ticket && first.class < 2
        });
        if let Some(first) = first {
            self.faults.fifo_violations += 1;
            let say = || format!("session {id} was served before {} of {first:?}", first.session);
            self.violations.add(say);
        }
        let sticky = self.last_server(id, at);
        let wanted = match &sticky {
            Some(server) => (server != agent).then(|| server.clone()),
            None => self.agents.better_than(agent).cloned(),
        };
        if let Some(wanted) = wanted {
            self.violations.add(|| format!("session {id} went to {agent} and not to {wanted}"));
        }
        if sticky.is_some() != (assigned.why.reason == "sticky") {
            let reason = assigned.why.reason;
            self.violations.add(|| format!("session {id} went to {agent} as {reason}"));
        }
    }

    /// Who served this buyer last, if he can be given a session now.
    fn last_server(&self, id: u64, at: i64) -> Option<String> {
        let conversation = self.conversations.get(&self.session(id)?.buyer)?;
        let server = conversation.served_by.clone()?;
        let is_fresh = at - conversation.served_at <= self.policy.sticky_ms;
        let agent = self.agents.get(&server)?;
        (is_fresh && agent.is_routable()).then_some(server)
    }

    /// Whether the agent could be given it, and what the event says of his load.
    fn check_agent(&mut self, id: u64, agent: &str, why: &Why<'_>) {
        let cap = self.policy.cap;
        let taker = self.agents.get_mut(agent, cap);
        let (load, cap) = (taker.load(), taker.cap);
        let by_hand = !matches!(why.reason, "sticky" | "lowest_saturation");
        let is_there = taker.takes_by_hand() && (by_hand || taker.intent == "accepting");
        if !is_there {
            self.violations.add(|| format!("session {id} was given to {agent}, who is not there"));
        }
        if (why.load, why.cap) != (load, cap) {
            let told = (why.load, why.cap);
            let say = || format!("{agent} holds {load} of {cap}, session {id} says {told:?}");
            self.violations.add(say);
        }
        if load < cap {
            return;
        }
        if why.forced && why.by.is_some() && by_hand {
            self.totals.forced += 1;
        } else {
            self.faults.over_cap += 1;
            let say = || format!("session {id} was given to {agent}, who holds {load} of {cap}");
            self.violations.add(say);
        }
    }
}
