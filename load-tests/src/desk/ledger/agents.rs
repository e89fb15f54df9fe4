//! Who of the staff is there and what he holds, by the events alone. Owns who may be given a
//! session, and why it should have been somebody else.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{AgentDisconnected, AgentDown};

#[derive(Debug, Clone, Default)]
pub(super) struct Agent {
    pub(super) intent: String,
    connections: BTreeSet<String>,
    grace_until: Option<i64>,
    pub(super) cap: u32,
    pub(super) sessions: BTreeSet<u64>,
    /// The number of the last assignment to him, over all assignments.
    pub(super) last_assigned: u64,
}

impl Agent {
    pub(super) fn load(&self) -> u32 {
        u32::try_from(self.sessions.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn over_cap(&self) -> u64 {
        u64::from(self.load().saturating_sub(self.cap))
    }

    /// Connected, and not signed off.
    fn is_up(&self) -> bool {
        !self.connections.is_empty() && self.intent != "off"
    }

    /// Neither here nor expected back.
    pub(super) fn is_down(&self) -> bool {
        !self.is_up() && self.grace_until.is_none()
    }

    pub(super) fn is_routable(&self) -> bool {
        self.is_up() && self.intent == "accepting" && self.load() < self.cap
    }

    /// Whether a session may be put into his hands by somebody.
    pub(super) fn takes_by_hand(&self) -> bool {
        self.is_up() && matches!(self.intent.as_str(), "accepting" | "busy")
    }

    /// The share of his cap in use, in 65,536ths.
    fn saturation(&self) -> u64 {
        u64::from(self.load()) * 65_536 / u64::from(self.cap.max(1))
    }
}

#[derive(Debug, Default)]
pub(super) struct Agents(pub(super) BTreeMap<String, Agent>);

impl Agents {
    /// The agent of that name. Whoever is heard of for the first time holds `cap` at most and
    /// means to do nothing yet.
    pub(super) fn get_mut(&mut self, name: &str, cap: u32) -> &mut Agent {
        if !self.0.contains_key(name) {
            let agent = Agent { intent: "off".to_owned(), cap, ..Agent::default() };
            self.0.insert(name.to_owned(), agent);
        }
        self.0.entry(name.to_owned()).or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Agent> {
        self.0.get(name)
    }

    pub(super) fn routable(&self) -> impl Iterator<Item = (&String, &Agent)> {
        self.0.iter().filter(|(_, agent)| agent.is_routable())
    }

    /// Somebody with a larger share of his cap free than `name`, or as large a one and longer
    /// without a session.
    pub(super) fn better_than(&self, name: &str) -> Option<&String> {
        let rank = |agent: &Agent| (agent.saturation(), agent.last_assigned);
        let chosen = rank(self.get(name)?);
        self.routable().find(|(_, agent)| rank(agent) < chosen).map(|(name, _)| name)
    }

    /// Sessions above the caps of their owners.
    pub(super) fn over_cap(&self) -> u64 {
        self.0.values().map(Agent::over_cap).sum()
    }

    pub(super) fn on_connected(&mut self, name: &str, connection: &str, cap: u32) {
        let agent = self.get_mut(name, cap);
        agent.connections.insert(connection.to_owned());
        agent.grace_until = None;
    }

    /// Says what is wrong with it.
    pub(super) fn on_disconnected(
        &mut self,
        gone: &AgentDisconnected<'_>,
        expected: i64,
        cap: u32,
    ) -> Option<String> {
        let agent = self.get_mut(gone.agent, cap);
        let was_up = agent.is_up();
        let was_known = agent.connections.remove(gone.connection);
        let is_last = was_up && agent.connections.is_empty();
        agent.grace_until = gone.grace_until;
        let wanted = is_last.then_some(expected);
        if !was_known {
            return Some(format!("{} lost a connection that he never had", gone.agent));
        }
        let found = gone.grace_until;
        (found != wanted)
            .then(|| format!("{} is expected back until {found:?}, not {wanted:?}", gone.agent))
    }

    pub(super) fn on_down(&mut self, down: &AgentDown<'_>, at: i64, cap: u32) -> Option<String> {
        let agent = self.get_mut(down.agent, cap);
        let grace = agent.grace_until.take();
        if down.cause == "logged_out" {
            agent.connections.clear();
        }
        let too_early = down.cause == "grace_over" && grace.is_none_or(|until| until > at);
        too_early.then(|| format!("{} is down at {at}, his grace was {grace:?}", down.agent))
    }

    pub(super) fn on_links_lost(&mut self, until: i64) {
        for agent in self.0.values_mut() {
            let is_expected = agent.is_up() || agent.grace_until.is_some();
            if !agent.connections.is_empty() || agent.grace_until.is_some() {
                agent.connections.clear();
                agent.grace_until = is_expected.then_some(until);
            }
        }
    }
}
