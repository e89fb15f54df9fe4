//! The subscribers of one room: a dense list to walk, an index to find one. Joins and leaves are
//! O(1), and a leave that comes too late finds nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::connection::{Connection, ConnectionId};
use crate::bus::UserId;

/// One connection's place in a room.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) connection: Arc<Connection>,
    pub(super) generation: u64,
    /// The last number it was given; its stream goes on after it.
    pub(super) position: u64,
    /// Joined, but its reply has not been sent yet: lines wait in the ring.
    pub(super) held: bool,
    /// Skipped since its outbox was full or its place was lost: it needs a snapshot.
    pub(super) behind: bool,
    /// The last pass that came by, so that a slot which was moved is not served twice.
    pub(super) pass: u64,
}

#[derive(Debug, Default)]
pub(super) struct Subscribers {
    slots: Vec<Slot>,
    index: HashMap<ConnectionId, usize, foldhash::fast::RandomState>,
    generations: u64,
}

impl Subscribers {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a connection, held back, or gives the one that is there a new place. Returns the
    /// place's generation and whether the connection is new here.
    pub(super) fn join(&mut self, connection: &Arc<Connection>, position: u64) -> (u64, bool) {
        self.generations += 1;
        let slot = Slot {
            connection: Arc::clone(connection),
            generation: self.generations,
            position,
            held: true,
            behind: false,
            pass: 0,
        };
        let at = *self.index.entry(connection.id()).or_insert(self.slots.len());
        let is_new = at == self.slots.len();
        if is_new {
            self.slots.push(slot);
        } else {
            self.slots[at] = slot;
        }
        (self.generations, is_new)
    }

    /// Removes a connection, unless it has joined again since.
    pub(super) fn leave(&mut self, id: ConnectionId, generation: u64) -> bool {
        let Some(&at) = self.index.get(&id) else { return false };
        if self.slots[at].generation != generation {
            return false;
        }
        self.index.remove(&id);
        self.slots.swap_remove(at);
        if let Some(moved) = self.slots.get(at) {
            self.index.insert(moved.connection.id(), at);
        }
        true
    }

    /// The places of one user. Walks the list: for bans, not for fan-out.
    pub(super) fn of(&self, user: &UserId) -> Vec<(ConnectionId, u64)> {
        let his = self.slots.iter().filter(|slot| slot.connection.user() == Some(user));
        his.map(|slot| (slot.connection.id(), slot.generation)).collect()
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Slot> {
        self.index.get(&id).and_then(|&at| self.slots.get_mut(at))
    }

    /// The slots of one turn, walking down from `cursor`: a leave moves the last slot into the
    /// hole, which is then either behind the walk already or where the walk still comes.
    pub(super) fn turn(&mut self, cursor: &mut usize, slots_max: usize) -> &mut [Slot] {
        let end = (*cursor).min(self.slots.len());
        *cursor = end.saturating_sub(slots_max);
        &mut self.slots[*cursor..end]
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }
}
