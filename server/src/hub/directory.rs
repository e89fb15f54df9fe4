//! Who is connected: the connections of each user on this node. Never decides who may connect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

use super::connection::{Connection, ConnectionId};
use super::frame::Frame;
use crate::bus::{Class, UserId};

/// The identified connections of a node.
#[derive(Debug, Default)]
pub struct Connections {
    by_user: DashMap<UserId, Vec<Arc<Connection>>>,
    count: AtomicUsize,
}

/// A connection's place in the directory; dropping it gives the place up.
#[derive(Debug)]
#[must_use = "dropping it takes the connection out of the directory again"]
pub struct Registration {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// Why a connection did not get a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error("the user has as many connections as allowed")]
    TooMany,
    #[error("the connection already belongs to a user")]
    AlreadyIdentified,
}

impl Connections {
    /// Ties a connection to the user its hello proved, unless he has `per_user_max` already.
    pub fn admit(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        user: &UserId,
        per_user_max: usize,
    ) -> Result<Registration, NotAdmitted> {
        // Most users have one connection: a vector would make room for four.
        let mut entry = self.by_user.entry(user.clone()).or_insert_with(|| Vec::with_capacity(1));
        if entry.len() >= per_user_max {
            return Err(NotAdmitted::TooMany);
        }
        if connection.set_user(user.clone()).is_err() {
            return Err(NotAdmitted::AlreadyIdentified);
        }
        entry.push(Arc::clone(connection));
        self.count.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::clone(connection);
        Ok(Registration { connections: Arc::clone(self), connection })
    }

    /// How many identified connections there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn count_of(&self, user: &UserId) -> usize {
        self.by_user.get(user).map_or(0, |connections| connections.len())
    }

    /// Sends to each of a user's connections what [`Class`] says of a user's own topic.
    pub(super) fn tell(&self, user: &UserId, frame: &Frame, class: &Class) {
        let connections = self.of(user);
        let is_echo = *class == Class::Normal;
        if is_echo && connections.len() <= 1 {
            return;
        }
        for connection in &connections {
            match class {
                Class::Critical | Class::Normal => connection.send(frame),
                Class::Lossy | Class::Counter { .. } => connection.offer(frame),
            };
        }
    }

    /// Closes each of a user's connections: a ban, a revoked token.
    pub fn close_user(&self, user: &UserId, code: u16, reason: &str) {
        self.of(user).iter().for_each(|connection| connection.close(code, reason));
    }

    /// The connections of one user, copied out.
    pub fn of(&self, user: &UserId) -> Vec<Arc<Connection>> {
        self.by_user.get(user).map(|connections| connections.clone()).unwrap_or_default()
    }

    /// Every identified connection, copied out: for drains, not for fan-out.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.by_user.iter().flat_map(|entry| entry.value().clone()).collect()
    }

    fn release(&self, user: &UserId, id: ConnectionId) {
        if let Some(mut connections) = self.by_user.get_mut(user) {
            connections.retain(|connection| connection.id() != id);
        }
        self.by_user.remove_if(user, |_, connections| connections.is_empty());
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registration {
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(user) = self.connection.user() {
            self.connections.release(user, self.connection.id());
        }
    }
}
