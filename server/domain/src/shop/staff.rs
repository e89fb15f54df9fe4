//! Who works for a shop, and as what. Owns the answer to "may he do this"; tokens are checked at
//! the edge.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::command::{Actor, Role};
use crate::event::Event;
use crate::id::UserId;
use crate::rejection::Rejection;

/// Rows, those of people who left included.
const STAFF_MAX: usize = 10_000;

/// The roles of everybody the shop ever listed. Somebody who was removed keeps an empty row, so
/// that a token which still names his role is powerless at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Staff(BTreeMap<UserId, BTreeSet<Role>>);

impl Staff {
    /// Passes if the actor's role is one of `allowed`. Where streamers are allowed, so are
    /// managers and the shop's own systems. A row of the shop overrides the token; service
    /// tokens have no row, and everybody may be a buyer.
    pub(super) fn require(&self, actor: &Actor, allowed: &[Role]) -> Result<(), Rejection> {
        let stands_in = matches!(actor.role, Role::Manager | Role::Service);
        let is_allowed =
            allowed.contains(&actor.role) || (stands_in && allowed.contains(&Role::Streamer));
        if !is_allowed {
            let needed = allowed.first().copied().unwrap_or(Role::Service);
            return Err(Rejection::Forbidden { needed });
        }
        match actor.role {
            Role::Buyer | Role::Service => Ok(()),
            Role::Streamer | Role::Agent | Role::Supervisor | Role::Manager => {
                match self.0.get(&actor.user) {
                    Some(roles) if !roles.contains(&actor.role) => {
                        Err(Rejection::Forbidden { needed: actor.role })
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    pub(super) fn decide_put(
        &self,
        user: &UserId,
        roles: &BTreeSet<Role>,
    ) -> Result<Accepted, Rejection> {
        let field = "roles";
        if roles.is_empty() {
            return Err(Rejection::Invalid { field, problem: "must not be empty" });
        }
        if roles.contains(&Role::Buyer) || roles.contains(&Role::Service) {
            let problem = "must be streamer, agent, supervisor or manager";
            return Err(Rejection::Invalid { field, problem });
        }
        if !self.0.contains_key(user) && self.0.len() >= STAFF_MAX {
            return Err(Rejection::Invalid { field: "user", problem: "is one too many" });
        }
        if self.0.get(user) == Some(roles) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::StaffPut { user: user.clone(), roles: roles.clone() }))
    }

    pub(super) fn decide_remove(&self, user: &UserId) -> Result<Accepted, Rejection> {
        if self.0.get(user).is_none_or(BTreeSet::is_empty) {
            return Err(Rejection::StaffUnknown);
        }
        Ok(Accepted::event(Event::StaffRemoved { user: user.clone() }))
    }
}

impl Shop {
    pub(super) fn on_staff_put(&mut self, user: &UserId, roles: &BTreeSet<Role>) {
        self.staff.0.insert(user.clone(), roles.clone());
    }

    pub(super) fn on_staff_removed(&mut self, user: &UserId) {
        self.staff.0.insert(user.clone(), BTreeSet::new());
    }

    /// Whether the shop lets the actor be what he comes as: somebody it sent away may not even
    /// read what staff may read.
    pub fn check_member(&self, actor: &Actor) -> Result<(), Rejection> {
        self.staff.require(actor, &[actor.role])
    }

    /// Everybody on the staff, by user.
    pub fn staff(&self) -> Vec<(UserId, BTreeSet<Role>)> {
        let listed = self.staff.0.iter().filter(|(_, roles)| !roles.is_empty());
        listed.map(|(user, roles)| (user.clone(), roles.clone())).collect()
    }
}
