//! Agents: what each means to do, whether he is connected, how much he holds. Owns who may be
//! given a session; presence never writes an intent, and an intent never closes a connection.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::session::Slot;
use super::{Desk, all, is_leader, yes};
use crate::command::{Actor, Intent, Role};
use crate::event::desk::{DeskEvent, DownCause};
use crate::few::Few;
use crate::id::{ConnectionId, SessionId, UserId};
use crate::policy::CAP_MAX;
use crate::rejection::Rejection;
use crate::shop::{Accepted, Shop};
use crate::time::Millis;
use crate::view::desk::{AgentStatus, AgentView};

/// What the sellers' guide advises at least.
const CAP_ADVISED: u32 = 200;
/// Devices of one person.
const CONNECTIONS_MAX: usize = 32;

/// The emptiest agent first, then whoever was not asked for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Route {
    /// The share of the cap in use, in 65,536ths.
    saturation: u64,
    last_assigned: u64,
    pub(super) agent: Slot,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Agent {
    pub(super) user: UserId,
    pub(super) intent: Intent,
    connections: Few<ConnectionId>,
    /// Expected back until then.
    pub(super) grace_until: Option<Millis>,
    pub(super) cap: u32,
    pub(super) sessions: BTreeSet<SessionId>,
    pub(super) last_assigned: u64,
    /// His place among the routable, while he is.
    pub(super) route: Option<Route>,
    /// The shop has sent him away.
    has_left: bool,
}

impl Agent {
    fn new(user: UserId, cap: u32) -> Self {
        Self {
            user,
            intent: Intent::Off,
            connections: Few::default(),
            grace_until: None,
            cap,
            sessions: BTreeSet::new(),
            last_assigned: 0,
            route: None,
            has_left: false,
        }
    }

    pub(super) fn load(&self) -> u32 {
        u32::try_from(self.sessions.len()).unwrap_or(u32::MAX)
    }

    /// Connected, and not signed off.
    fn is_up(&self) -> bool {
        self.connections.iter().len() > 0 && self.intent != Intent::Off && !self.has_left
    }

    /// Neither here nor expected back.
    pub(super) fn is_down(&self) -> bool {
        !self.is_up() && self.grace_until.is_none()
    }

    /// Connected or expected back.
    pub(super) fn is_linked(&self) -> bool {
        self.connections.iter().len() > 0 || self.grace_until.is_some()
    }

    /// Here and willing, whether there is room or not.
    pub(super) fn is_available(&self) -> bool {
        self.is_up() && self.intent == Intent::Accepting
    }

    /// A session may be put into his hands.
    pub(super) fn takes_by_hand(&self) -> bool {
        self.is_up() && matches!(self.intent, Intent::Accepting | Intent::Busy)
    }

    pub(super) fn over_cap(&self) -> u64 {
        u64::from(self.load().saturating_sub(self.cap))
    }

    /// Where he stands among the routable, if he is.
    pub(super) fn routed(&self, agent: Slot) -> Option<Route> {
        if !self.is_available() || self.load() >= self.cap {
            return None;
        }
        let saturation = u64::from(self.load()) * 65_536 / u64::from(self.cap);
        Some(Route { saturation, last_assigned: self.last_assigned, agent })
    }

    pub(super) fn status(&self) -> AgentStatus {
        if self.grace_until.is_some() {
            return AgentStatus::Reconnecting;
        }
        if !self.is_up() {
            return AgentStatus::Offline;
        }
        match self.intent {
            Intent::Accepting if self.cap == 0 => AgentStatus::Busy,
            Intent::Accepting if self.load() >= self.cap => AgentStatus::Saturated,
            Intent::Accepting => AgentStatus::Accepting,
            Intent::Busy => AgentStatus::Busy,
            Intent::Away => AgentStatus::Away,
            Intent::Off => AgentStatus::Offline,
        }
    }

    pub(super) fn view(&self, version: u64) -> AgentView {
        AgentView {
            agent: self.user.clone(),
            status: self.status(),
            intent: self.intent,
            connections: u32::try_from(self.connections.iter().len()).unwrap_or(u32::MAX),
            grace_until: self.grace_until,
            load: self.load(),
            cap: self.cap,
            cap_is_low: self.cap < CAP_ADVISED,
            version,
        }
    }
}

impl Desk {
    pub(super) fn agent(&self, user: &UserId) -> Option<&Agent> {
        self.slot_of.get(user).map(|slot| &self.agents[slot.index()])
    }

    pub(super) fn known_agent(&self, user: &UserId) -> Result<Slot, Rejection> {
        self.slot_of.get(user).copied().ok_or(Rejection::AgentUnknown)
    }

    pub(super) fn user_of(&self, slot: Option<Slot>) -> Option<UserId> {
        slot.map(|slot| self.agents[slot.index()].user.clone())
    }

    /// The number of a member of the staff, given at the first hearing.
    pub(super) fn slot(&mut self, user: &UserId) -> Slot {
        if let Some(slot) = self.slot_of.get(user) {
            return *slot;
        }
        let slot = Slot::of_index(self.agents.len());
        self.agents.push(Agent::new(user.clone(), self.policy.cap));
        self.by_name.insert(user.clone(), slot);
        self.slot_of.insert(user.clone(), slot);
        slot
    }

    /// Changes an agent and all that is counted of him.
    pub(super) fn change_agent(&mut self, slot: Slot, change: impl FnOnce(&mut Agent)) {
        let agent = &mut self.agents[slot.index()];
        self.over_cap -= agent.over_cap();
        self.available -= u32::from(agent.is_available());
        self.linked -= u32::from(agent.is_linked());
        let (route, grace) = (agent.route, agent.grace_until);
        change(agent);
        agent.route = agent.routed(slot);
        self.over_cap += agent.over_cap();
        self.available += u32::from(agent.is_available());
        self.linked += u32::from(agent.is_linked());
        if agent.route != route {
            route.map(|route| self.routable.remove(&route));
            agent.route.map(|route| self.routable.insert(route));
        }
        if agent.grace_until != grace {
            grace.map(|until| self.graces.remove(&(until, slot)));
            agent.grace_until.map(|until| self.graces.insert((until, slot)));
        }
    }

    pub(super) fn decide_connect(&self, actor: &Actor, connection: &ConnectionId) -> Accepted {
        let agent = self.agent(&actor.user);
        let known = agent.map(|agent| &agent.connections);
        let is_known = known.is_some_and(|all| all.iter().any(|it| it == connection));
        let is_full = known.is_some_and(|all| all.iter().len() >= CONNECTIONS_MAX);
        if is_known || is_full {
            return Accepted::default();
        }
        let (agent, connection) = (actor.user.clone(), connection.clone());
        yes(DeskEvent::AgentConnected { agent, connection })
    }

    /// A connection that is not known was given up before.
    pub(super) fn decide_disconnect(
        &self,
        actor: &Actor,
        connection: &ConnectionId,
        now: Millis,
    ) -> Accepted {
        let Some(agent) = self.agent(&actor.user) else { return Accepted::default() };
        if !agent.connections.iter().any(|it| it == connection) {
            return Accepted::default();
        }
        let is_last = agent.connections.iter().len() == 1 && agent.is_up();
        let grace_until = is_last.then(|| now + self.policy.grace_ms);
        let (agent, connection) = (actor.user.clone(), connection.clone());
        yes(DeskEvent::AgentDisconnected { agent, connection, grace_until })
    }

    pub(super) fn decide_log_out(
        &self,
        actor: &Actor,
        confirmed: bool,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let Some(agent) = self.agent(&actor.user) else { return Ok(Accepted::default()) };
        if agent.connections.iter().len() == 0 && agent.is_down() {
            return Ok(Accepted::default());
        }
        self.check_last(agent, confirmed)?;
        let (agent, cause) = (actor.user.clone(), DownCause::LoggedOut);
        Ok(yes(DeskEvent::AgentDown { agent, cause, due_at: now }))
    }

    pub(super) fn decide_intent(
        &self,
        actor: &Actor,
        whose: Option<&UserId>,
        intent: Intent,
        confirmed: bool,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let agent = self.whose(actor, whose)?.clone();
        let known = self.agent(&agent);
        if known.map_or(Intent::Off, |known| known.intent) == intent {
            return Ok(Accepted::default());
        }
        if let Some(known) = known
            && intent != Intent::Accepting
        {
            self.check_last(known, confirmed)?;
        }
        let by = actor.user.clone();
        let mut events = vec![DeskEvent::AgentIntentSet { agent: agent.clone(), intent, by }];
        if intent == Intent::Off && known.is_some_and(|known| !known.is_down()) {
            events.push(DeskEvent::AgentDown { agent, cause: DownCause::Off, due_at: now });
        }
        Ok(all(events))
    }

    pub(super) fn decide_cap(
        &self,
        actor: &Actor,
        whose: Option<&UserId>,
        cap: u32,
    ) -> Result<Accepted, Rejection> {
        let agent = self.whose(actor, whose)?;
        if cap > CAP_MAX {
            return Err(Rejection::Invalid { field: "cap", problem: "must be at most 10,000" });
        }
        if self.agent(agent).is_some_and(|known| known.cap == cap) {
            return Ok(Accepted::default());
        }
        let (agent, by) = (agent.clone(), actor.user.clone());
        Ok(yes(DeskEvent::AgentCapSet { agent, cap, by }))
    }

    /// Himself, or an agent that a leader names.
    fn whose<'a>(
        &self,
        actor: &'a Actor,
        named: Option<&'a UserId>,
    ) -> Result<&'a UserId, Rejection> {
        match named {
            Some(user) if *user != actor.user => {
                if !is_leader(actor) {
                    return Err(Rejection::Forbidden { needed: Role::Supervisor });
                }
                self.known_agent(user)?;
                Ok(user)
            }
            Some(_) | None => Ok(&actor.user),
        }
    }

    /// The last one who accepts leaves only knowingly.
    fn check_last(&self, agent: &Agent, confirmed: bool) -> Result<(), Rejection> {
        if confirmed || !agent.is_available() || self.available > 1 {
            return Ok(());
        }
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        Err(Rejection::LastAgent { waiting })
    }

    pub(super) fn on_agent_connected(&mut self, agent: &UserId, connection: &ConnectionId) {
        let slot = self.slot(agent);
        self.change_agent(slot, |agent| {
            agent.connections.insert(connection.clone());
            agent.grace_until = None;
        });
        if !self.agents[slot.index()].is_down() {
            self.leaving.remove(&slot);
        }
    }

    pub(super) fn on_agent_disconnected(
        &mut self,
        agent: &UserId,
        connection: &ConnectionId,
        grace_until: Option<Millis>,
    ) {
        let slot = self.slot(agent);
        self.change_agent(slot, |agent| {
            agent.connections.remove(connection);
            agent.grace_until = grace_until;
        });
    }

    pub(super) fn on_agent_down(&mut self, agent: &UserId, cause: DownCause) {
        let slot = self.slot(agent);
        self.change_agent(slot, |agent| {
            agent.grace_until = None;
            if cause == DownCause::LoggedOut {
                agent.connections = Few::default();
            }
        });
        self.let_go(slot);
    }

    /// The sessions of an agent who is gone go back, as the policy says.
    fn let_go(&mut self, slot: Slot) {
        let agent = &self.agents[slot.index()];
        if agent.is_down() && agent.sessions.iter().any(|session| self.goes_back(*session)) {
            self.leaving.insert(slot);
        }
    }

    pub(super) fn on_links_lost(&mut self, grace_until: Millis) {
        for index in 0..self.agents.len() {
            if !self.agents[index].is_linked() {
                continue;
            }
            self.change_agent(Slot::of_index(index), |agent| {
                let is_expected = agent.is_up() || agent.grace_until.is_some();
                agent.connections = Few::default();
                agent.grace_until = is_expected.then_some(grace_until);
            });
        }
    }

    pub(super) fn on_agent_intent_set(&mut self, agent: &UserId, intent: Intent) {
        let slot = self.slot(agent);
        self.change_agent(slot, |agent| agent.intent = intent);
        if !self.agents[slot.index()].is_down() {
            self.leaving.remove(&slot);
        }
    }

    pub(super) fn on_agent_cap_set(&mut self, agent: &UserId, cap: u32) {
        let slot = self.slot(agent);
        self.change_agent(slot, |agent| agent.cap = cap);
    }

    fn on_membership(&mut self, user: &UserId, is_member: bool) {
        let Some(slot) = self.slot_of.get(user).copied() else { return };
        // No event of the desk, and an agent who looks different.
        self.events += 1;
        self.change_agent(slot, |agent| {
            agent.has_left = !is_member;
            if !is_member {
                agent.connections = Few::default();
                agent.grace_until = None;
            }
        });
        self.let_go(slot);
    }
}

impl Shop {
    /// Whether somebody is still of the staff who answer buyers.
    pub(in crate::shop) fn on_desk_member(&mut self, user: &UserId, roles: &BTreeSet<Role>) {
        let is_member = super::STAFF.iter().any(|role| roles.contains(role));
        self.desk.on_membership(user, is_member);
    }

    /// To be called once a shop is back in memory, before anybody asks anything of it: no socket
    /// of the time before is left, so every agent is expected back for a while. The events are
    /// applied.
    pub fn links_lost(&mut self, now: Millis) -> Accepted {
        if !self.has_agents_linked() {
            return Accepted::default();
        }
        let grace_until = now + self.desk.policy.grace_ms;
        let accepted = yes(DeskEvent::LinksLost { grace_until });
        for event in &accepted.events {
            self.apply(event, now);
        }
        accepted
    }

    /// Whether an agent is connected or expected back: such a shop is not idle.
    pub fn has_agents_linked(&self) -> bool {
        self.desk.linked > 0
    }
}
