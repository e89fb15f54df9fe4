//! The subscribers of one room: who sits where, and the shards in which they sit. Joins and leaves
//! are O(1), a leave that comes too late finds nothing, and nobody moves while he stays.
//!
//! Locks are taken in this order: the roll, a shard, the room's stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::connection::{Connection, ConnectionId};
use crate::bus::UserId;

/// How far a subscriber's stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) epoch: u64,
    /// The ring's beginning that this was read from; see [`super::stream::Stream::era`].
    pub(super) era: u32,
    /// The last number it was given; its stream goes on after it.
    pub(super) position: u64,
}

/// Whether lines flow to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Joined, but its reply has not been sent yet: lines wait in the ring.
    Held,
    Live,
    /// Skipped since its outbox was full or its place was lost: it needs a snapshot.
    Behind,
}

/// One connection's place in a room.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) connection: Arc<Connection>,
    generation: u64,
    pub(super) stand: Stand,
    pub(super) flow: Flow,
}

/// Where a slot is. Whoever sits there later has another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    shard: u32,
    at: u32,
    generation: u64,
}

/// The slots that one task walks. Their numbers stay while somebody sits there, so a walk needs
/// the lock for a few writes at a time only.
#[derive(Debug, Default)]
pub(super) struct Shard {
    slots: Mutex<Slots>,
    len: AtomicUsize,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Option<Slot>>,
    /// Left by somebody; taken before the list grows.
    free: Vec<u32>,
}

/// Who sits where, and what happened since the last pulse.
#[derive(Debug, Default)]
struct Roll {
    places: HashMap<ConnectionId, Place, foldhash::fast::RandomState>,
    generations: u64,
    joins: u64,
    leaves: u64,
    used_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Subscribers {
    roll: Mutex<Roll>,
    viewers: AtomicUsize,
    first: Shard,
    /// Made when the first is not enough: most rooms are small.
    more: OnceLock<Box<[Shard]>>,
    shards_max: usize,
    shard_viewers: usize,
}

/// Joins, leaves and viewers since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) joins: u64,
    pub(super) leaves: u64,
    pub(super) viewers: u64,
}

impl Subscribers {
    /// `shard_viewers`: a room gets one more shard for each so many viewers, up to `shards_max`.
    pub(super) fn new(shards_max: usize, shard_viewers: usize) -> Self {
        Self {
            roll: Mutex::default(),
            viewers: AtomicUsize::new(0),
            first: Shard::default(),
            more: OnceLock::new(),
            shards_max: shards_max.max(1),
            shard_viewers: shard_viewers.max(1),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// Adds a connection, held back, or gives the one that is there a new place. `enter` says
    /// where its stream begins, or that the room is closed; it is told how many sit there already.
    pub(super) fn join<T>(
        &self,
        connection: &Arc<Connection>,
        enter: impl FnOnce(usize) -> Option<(Stand, T)>,
    ) -> Option<(Place, T)> {
        let mut roll = self.roll.lock();
        let (stand, entered) = enter(roll.places.len())?;
        let known = roll.places.get(&connection.id()).copied();
        let former = known.and_then(|place| self.shard(place.shard)?.vacate(place));
        roll.generations += 1;
        let generation = roll.generations;
        let connection = Arc::clone(connection);
        let id = connection.id();
        let slot = Slot { connection, generation, stand, flow: Flow::Held };
        let place = self.seat(slot, roll.places.len());
        roll.places.insert(id, place);
        roll.joins += u64::from(known.is_none());
        self.note(&mut roll);
        drop(roll);
        drop(former);
        Some((place, entered))
    }

    /// Removes a connection, unless it has joined again since.
    pub(super) fn leave(&self, id: ConnectionId, place: Place) -> bool {
        let mut roll = self.roll.lock();
        if roll.places.get(&id) != Some(&place) {
            return false;
        }
        roll.places.remove(&id);
        roll.leaves += 1;
        self.note(&mut roll);
        drop(roll);
        // The socket may end with its slot: not under a lock.
        drop(self.shard(place.shard).and_then(|shard| shard.vacate(place)));
        true
    }

    /// Takes every place of a user away. Walks everybody: for bans, not for fan-out.
    pub(super) fn expel(&self, user: &UserId) {
        let mut roll = self.roll.lock();
        let mut gone = Vec::new();
        for shard in self.shards() {
            gone.extend(shard.expel(user));
        }
        for slot in &gone {
            roll.places.remove(&slot.connection.id());
            roll.leaves += 1;
        }
        self.note(&mut roll);
        drop(roll);
        drop(gone);
    }

    pub(super) fn place_of(&self, id: ConnectionId) -> Option<Place> {
        self.roll.lock().places.get(&id).copied()
    }

    /// What happened since the last call.
    pub(super) fn take_changes(&self) -> Changes {
        let mut roll = self.roll.lock();
        let joins = std::mem::take(&mut roll.joins);
        let leaves = std::mem::take(&mut roll.leaves);
        Changes { joins, leaves, viewers: roll.places.len() as u64 }
    }

    /// Runs `close` if nobody sits here, nothing is left to tell, and the last coming or going is
    /// past. Nobody can join meanwhile.
    pub(super) fn close_unused(
        &self,
        is_past: impl Fn(Option<Instant>) -> bool,
        close: impl FnOnce() -> bool,
    ) -> bool {
        let roll = self.roll.lock();
        let idle = roll.places.is_empty() && roll.joins == 0 && roll.leaves == 0;
        idle && is_past(roll.used_at) && close()
    }

    /// The numbers of the shards in which somebody sits.
    pub(super) fn occupied(&self) -> Vec<u32> {
        let occupied = (0..).zip(self.shards()).filter(|(_, shard)| shard.len() > 0);
        occupied.map(|(number, _)| number).collect()
    }

    pub(super) fn shard(&self, number: u32) -> Option<&Shard> {
        match number {
            0 => Some(&self.first),
            number => self.more.get()?.get(number as usize - 1),
        }
    }

    /// Shows one slot to `change` if it is still the same.
    pub(super) fn with<T>(&self, place: Place, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let mut slots = self.shard(place.shard)?.lock();
        slots.get_mut(place).map(change)
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        std::iter::once(&self.first).chain(self.more.get().into_iter().flatten())
    }

    fn note(&self, roll: &mut Roll) {
        roll.used_at = Some(Instant::now());
        self.viewers.store(roll.places.len(), Ordering::Relaxed);
    }

    /// Into the emptiest shard, or into another one if that is being walked right now.
    fn seat(&self, slot: Slot, viewers: usize) -> Place {
        let wanted = (viewers / self.shard_viewers + 1).min(self.shards_max);
        if wanted > 1 {
            let make = || (1..self.shards_max).map(|_| Shard::default()).collect();
            self.more.get_or_init(make);
        }
        let shards = || (0..).zip(self.shards()).take(wanted);
        let (number, shard) =
            shards().min_by_key(|(_, shard)| shard.len()).unwrap_or((0, &self.first));
        if let Some(slots) = shard.slots.try_lock() {
            return shard.seat(number, slots, slot);
        }
        let free = shards().find_map(|(at, shard)| Some((at, shard, shard.slots.try_lock()?)));
        let (number, shard, slots) = free.unwrap_or_else(|| (number, shard, shard.lock()));
        shard.seat(number, slots, slot)
    }
}

impl Shard {
    pub(super) fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock()
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn seat(&self, number: u32, mut slots: MutexGuard<'_, Slots>, slot: Slot) -> Place {
        let generation = slot.generation;
        let at = match slots.free.pop() {
            Some(at) => at,
            None => {
                slots.slots.push(None);
                slots.slots.len() as u32 - 1
            }
        };
        slots.slots[at as usize] = Some(slot);
        self.note(&slots);
        Place { shard: number, at, generation }
    }

    fn vacate(&self, place: Place) -> Option<Slot> {
        let mut slots = self.lock();
        slots.get_mut(place)?;
        let gone = slots.take(place.at as usize);
        self.note(&slots);
        gone
    }

    fn expel(&self, user: &UserId) -> Vec<Slot> {
        let mut slots = self.lock();
        let is_his = |slot: &Slot| slot.connection.user() == Some(user);
        let his =
            |(at, slot): (usize, &Option<Slot>)| slot.as_ref().is_some_and(is_his).then_some(at);
        let places: Vec<_> = slots.slots.iter().enumerate().filter_map(his).collect();
        let gone = places.into_iter().filter_map(|at| slots.take(at)).collect();
        self.note(&slots);
        gone
    }

    fn note(&self, slots: &Slots) {
        self.len.store(slots.slots.len() - slots.free.len(), Ordering::Relaxed);
    }
}

impl Slots {
    /// The taken ones among the next `slots_max` from `next` on, which is moved past them.
    /// `false` beside them: these were the last.
    pub(super) fn turn(
        &mut self,
        next: &mut usize,
        slots_max: usize,
    ) -> (impl Iterator<Item = &mut Slot>, bool) {
        let begin = (*next).min(self.slots.len());
        let end = (begin + slots_max).min(self.slots.len());
        *next = end;
        let more = end < self.slots.len();
        (self.slots[begin..end].iter_mut().flatten(), more)
    }

    fn get_mut(&mut self, place: Place) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(place.at as usize)?.as_mut();
        slot.filter(|slot| slot.generation == place.generation)
    }

    fn take(&mut self, at: usize) -> Option<Slot> {
        let gone = self.slots.get_mut(at)?.take()?;
        self.free.push(at as u32);
        if self.free.len() == self.slots.len() {
            *self = Self::default();
        }
        Some(gone)
    }
}
