//! What must hold at the desk after every command. Recomputes each count and each index from the
//! sessions, so that it trusts none of them; decides nothing.

use std::collections::BTreeSet;

use super::Desk;
use super::assignment::Ticket;
use super::session::{Open, Place, Row, Slot};
use super::timers::may_expire;
use crate::id::SessionId;
use crate::time::SpanMs;

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Desk {
    /// Whether everything adds up, or what does not. Walks the whole desk.
    pub(in crate::shop) fn check(&self) -> Result<(), String> {
        let open = self.open.sorted().into_iter();
        let open: Vec<_> = open.map(|(session, open)| (session, open.as_ref())).collect();
        self.check_rows(&open)?;
        self.check_queue(&open)?;
        self.check_agents(&open)?;
        self.check_timers(&open)?;
        self.check_rate()
    }

    /// A conversation has at most one open session, its newest; only those are open.
    fn check_rows(&self, open: &[(&SessionId, &Open)]) -> Result<(), String> {
        let rows = self.sessions.rows.iter();
        let is_open = rows.enumerate().filter(|(_, row)| row.closed.is_none());
        let ids: Vec<_> = is_open.map(|(index, _)| self.sessions.id_at(index)).collect();
        let known: Vec<_> = open.iter().map(|(session, _)| **session).collect();
        ensure(ids == known, || format!("the rows of {ids:?} are open, {known:?} are"))?;
        for (session, _) in open {
            let row = self.sessions.get(**session);
            let conversation = row.map(|row| &self.conversations[row.conversation as usize]);
            let is_last = conversation.is_some_and(|it| it.last == Some(**session));
            ensure(is_last, || format!("session {session} is not its buyer's newest"))?;
        }
        let sorted = self.sessions.rows.iter().is_sorted_by_key(|row| row.opened_at);
        ensure(sorted, || "the rows are not in order".to_owned())
    }

    fn check_queue(&self, open: &[(&SessionId, &Open)]) -> Result<(), String> {
        let tickets = open.iter().filter_map(|(session, open)| match &open.place {
            Place::Queued(rank) => Some(Ticket::new(*rank, **session)),
            Place::SelfServed | Place::Assigned { .. } => None,
        });
        let queue: BTreeSet<_> = tickets.collect();
        let self_served = open.iter().filter(|(_, open)| open.place == Place::SelfServed);
        let self_served: BTreeSet<_> = self_served.map(|(session, _)| **session).collect();
        let fits = self_served == self.self_served;
        ensure(fits, || format!("the FAQ serves {self_served:?}, not {:?}", self.self_served))?;
        let unanswered = open.iter().filter_map(|(session, open)| {
            open.owner().and(open.unanswered_since).map(|since| (since, **session))
        });
        let unanswered: BTreeSet<_> = unanswered.collect();
        ensure(unanswered == self.needs_reply, || format!("{unanswered:?} need a reply"))?;
        ensure(queue == self.waiting, || format!("{queue:?} wait, not {:?}", self.waiting))
    }

    fn check_agents(&self, open: &[(&SessionId, &Open)]) -> Result<(), String> {
        let mut held = vec![BTreeSet::new(); self.agents.len()];
        for (session, open) in open {
            if let Some(owner) = open.owner() {
                held[owner.index()].insert(**session);
            }
        }
        let (mut over_cap, mut available, mut linked) = (0, 0, 0);
        let (mut routable, mut graces) = (BTreeSet::new(), BTreeSet::new());
        for (index, agent) in self.agents.iter().enumerate() {
            let slot = Slot::of_index(index);
            let name = &agent.user;
            ensure(held[index] == agent.sessions, || format!("{name} holds {:?}", held[index]))?;
            let known = self.slot_of.get(name) == Some(&slot);
            let known = known && self.by_name.get(name) == Some(&slot);
            ensure(known, || format!("{name} is not found by his name"))?;
            let route = agent.routed(slot);
            ensure(route == agent.route, || format!("{name} is routable as {route:?}"))?;
            routable.extend(route);
            graces.extend(agent.grace_until.map(|until| (until, slot)));
            over_cap += agent.over_cap();
            available += u32::from(agent.is_available());
            linked += u32::from(agent.is_linked());
            let leaves = !self.leaving.contains(&slot) || agent.is_down();
            ensure(leaves, || format!("{name} is here and his sessions leave"))?;
        }
        ensure(routable == self.routable, || format!("{routable:?} are routable"))?;
        ensure(graces == self.graces, || format!("{graces:?} are expected back"))?;
        ensure(over_cap == self.over_cap, || format!("{over_cap} above the caps"))?;
        ensure(linked == self.linked, || format!("{linked} connected or expected back"))?;
        ensure(available == self.available, || format!("{available} available"))
    }

    /// Every deadline that the sessions ask for stands where it will be found.
    fn check_timers(&self, open: &[(&SessionId, &Open)]) -> Result<(), String> {
        let idle = open.iter().map(|(session, open)| (open.last_message_at, **session));
        let idle: BTreeSet<_> = idle.collect();
        ensure(idle == self.idle, || format!("{idle:?} idle, not {:?}", self.idle))?;
        let mut expiring = BTreeSet::new();
        for (index, row) in self.sessions.rows.iter().enumerate() {
            let session = self.sessions.id_at(index);
            let window = SpanMs(u64::from(row.window_ms));
            let armed = !row.is_pending() || self.due.has(window, row.since, session);
            ensure(armed, || format!("session {session} will never be missed"))?;
            let is_expiring = self.open.get(&session).is_some_and(|open| open.is_expiring);
            ensure(!is_expiring || may_expire(row), || format!("session {session} expires"))?;
            if is_expiring {
                expiring.insert((Row::due_at(row), session));
            }
        }
        ensure(expiring == self.expiring, || format!("{expiring:?} expire soon"))
    }
}
