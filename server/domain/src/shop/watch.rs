//! Watch time: who watches which room, and for how long, by the room's live clock. Owns accrual as
//! the union over a buyer's connections; what it is worth is a campaign's task.

mod checkpoint;
mod progress;
mod row;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Shop;
use super::invariant::ensure;
use crate::command::Scope;
use crate::id::{CampaignId, RoomId, UserId};
use crate::lookup::Lookup;
use crate::time::{Millis, SpanMs};
use crate::view::RoomState;

use row::Row;

/// How long a heartbeat vouches for its connection, by the live clock.
pub(super) const ELIGIBLE: SpanMs = SpanMs::seconds(15);
/// How much watching a crash may lose.
const WRITE_EVERY: SpanMs = SpanMs::seconds(10);
/// Far more than any room has; a flood of made-up buyers ends here.
const VIEWERS_MAX: usize = 500_000;
/// Buyers who may accrue by one device at a time.
const BUYERS_A_DEVICE: usize = 2;

/// What a node saw of one connection of a buyer in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchMark {
    pub buyer: UserId,
    /// A number of the edge's, unique among the connections of the buyer.
    pub connection: u64,
    pub at: Millis,
    pub seen: Seen,
    /// A number that stands for the device, where one is known.
    pub device: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// Joined, or went on watching by hand: this room is the one that counts now.
    Began,
    /// A heartbeat while it plays and shows.
    Watching,
    /// Plays in a page that is not in front: a heartbeat where the shop counts that, else no more
    /// watching.
    Hidden,
    /// Paused or left.
    Stopped,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) rooms: BTreeMap<RoomId, WatchRoom>,
}

/// The viewers of a room by their numbers, and how far each was when it was last written down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct WatchRoom {
    viewers: Vec<UserId>,
    written_ms: Vec<u32>,
    /// When that was, or when watching began to count.
    #[serde(skip)]
    written_at: Option<Millis>,
    /// What no event made: lost with the process, and no part of the shop's hash.
    #[serde(skip)]
    live: Live,
}

#[derive(Debug, Clone, Default)]
struct Live {
    numbers: Lookup<UserId, u32>,
    /// By number. Those past the written viewers are in `unnamed`.
    rows: Vec<Row>,
    unnamed: Vec<UserId>,
    /// Watch tasks that count here now, with what they need.
    tasks: Vec<(CampaignId, u32)>,
    /// A draw counts too. It looks when it closes.
    draws: bool,
    /// Since when just these count, by the live clock: a mark may come later than what it saw.
    counts_from_ms: u32,
    /// Who completes one of them while a heartbeat vouches for him, and when by the live clock.
    soon: BTreeSet<(u32, u32)>,
    /// Something may have been watched that is not written down.
    unwritten: bool,
    devices: Lookup<u64, SmallVec<[u32; BUYERS_A_DEVICE]>>,
    /// Whose progress the last checkpoint moved.
    moved: Vec<u32>,
}

/// A time of the live clock as rows keep it: 49 days of a room on air.
fn clock_ms(span: SpanMs) -> u32 {
    u32::try_from(span.0).unwrap_or(u32::MAX)
}

impl WatchRoom {
    fn viewer(&self, number: u32) -> Option<&UserId> {
        let number = number as usize;
        match number.checked_sub(self.viewers.len()) {
            None => self.viewers.get(number),
            Some(unnamed) => self.live.unnamed.get(unnamed),
        }
    }

    /// The number of a buyer, made where he is new.
    fn number_of(&mut self, buyer: &UserId, now_ms: u32) -> Option<u32> {
        if let Some(number) = self.live.numbers.get(buyer) {
            return Some(*number);
        }
        if self.live.rows.len() >= VIEWERS_MAX {
            return None;
        }
        let number = u32::try_from(self.live.rows.len()).ok()?;
        self.live.rows.push(Row::new(now_ms.max(self.live.counts_from_ms)));
        self.live.numbers.insert(buyer.clone(), number);
        self.live.unnamed.push(buyer.clone());
        Some(number)
    }

    fn counts(&self) -> bool {
        self.live.draws || !self.live.tasks.is_empty()
    }

    /// A device carries few buyers at a time: whoever is one too many does not accrue.
    fn device_has_room(&mut self, device: Option<u64>, number: u32, now_ms: u32) -> bool {
        let Some(device) = device else { return true };
        let rows = &self.live.rows;
        let carried = self.live.devices.entry(device);
        if carried.contains(&number) {
            return true;
        }
        carried
            .retain(|other| rows.get(*other as usize).is_some_and(|row| row.until_ms() > now_ms));
        if carried.len() >= BUYERS_A_DEVICE {
            return false;
        }
        carried.push(number);
        true
    }
}

impl Watch {
    /// What follows from what was written: numbers and rows.
    pub(super) fn rebuild(&mut self) {
        for room in self.rooms.values_mut() {
            for (number, viewer) in (0..).zip(&room.viewers) {
                room.live.numbers.insert(viewer.clone(), number);
            }
            room.live.rows = room.written_ms.iter().map(|ms| Row::resumed(*ms)).collect();
        }
    }

    /// Other rooms that a buyer may watch at the same time.
    fn others<'a>(&'a self, room: &'a RoomId) -> impl Iterator<Item = (&'a RoomId, &'a WatchRoom)> {
        self.rooms.iter().filter(move |(id, _)| *id != room)
    }
}

impl Shop {
    /// What a mark says under the shop's settings.
    fn seen(&self, mark: &WatchMark) -> Seen {
        match mark.seen {
            Seen::Hidden if self.settings().count_background => Seen::Watching,
            Seen::Hidden | Seen::Stopped => Seen::Stopped,
            Seen::Began => Seen::Began,
            Seen::Watching => Seen::Watching,
        }
    }

    /// Brings in what nodes saw of a room's viewers, in the order of time.
    pub(super) fn note_marks(&mut self, room: &RoomId, marks: &[WatchMark], now: Millis) {
        if marks.is_empty() || self.room_state(room).is_none_or(|state| state == RoomState::Ended) {
            return;
        }
        if !self.watch.rooms.contains_key(room) {
            self.watch.rooms.insert(room.clone(), WatchRoom::default());
            self.watch_tasks_changed(now);
        }
        let mut sorted: Vec<&WatchMark> = marks.iter().collect();
        sorted.sort_by_key(|mark| mark.at);
        let alone = self.watch.rooms.len() == 1;
        for mark in sorted {
            if alone || self.may_watch_here(room, mark, now) {
                self.note_mark(room, mark, now);
            }
        }
        let Some(found) = self.watch.rooms.get_mut(room) else { return };
        if found.counts() {
            found.live.unwritten = true;
            found.written_at = found.written_at.or(Some(now));
        }
    }

    /// A buyer accrues in one room: where he began last. A heartbeat elsewhere counts only when
    /// nothing vouches for him there any more.
    fn may_watch_here(&mut self, room: &RoomId, mark: &WatchMark, now: Millis) -> bool {
        let seen = self.seen(mark);
        if seen == Seen::Stopped {
            return true;
        }
        let known: Vec<(RoomId, u32)> = self
            .watch
            .others(room)
            .filter_map(|(id, other)| Some((id.clone(), *other.live.numbers.get(&mark.buyer)?)))
            .collect();
        for (id, number) in known {
            let now_ms = self.live_clock(&id, mark.at.min(now)).map_or(0, clock_ms);
            let Some(other) = self.watch.rooms.get_mut(&id) else { continue };
            let counts = other.counts();
            let Some(row) = other.live.rows.get_mut(number as usize) else { continue };
            if row.is_idle() {
                continue;
            }
            row.settle(now_ms, counts);
            if row.until_ms() > now_ms && seen == Seen::Watching {
                return false;
            }
            row.stop_all();
            self.expect_completion(&id, number);
        }
        true
    }

    fn note_mark(&mut self, room: &RoomId, mark: &WatchMark, now: Millis) {
        let Some(clock) = self.rooms.get(room).map(|room| room.clock()) else { return };
        let now_ms = clock_ms(clock.read(mark.at.clamp(clock.at().min(now), now)));
        let stopped = self.seen(mark) == Seen::Stopped;
        let Some(found) = self.watch.rooms.get_mut(room) else { return };
        let known = found.live.numbers.contains(&mark.buyer);
        if !known && stopped {
            return;
        }
        let Some(number) = found.number_of(&mark.buyer, now_ms) else { return };
        let counts = found.counts();
        let may = !stopped && found.device_has_room(mark.device, number, now_ms);
        let Some(row) = found.live.rows.get_mut(number as usize) else { return };
        row.settle(now_ms, counts);
        if may {
            row.vouch(mark.connection, now_ms.saturating_add(clock_ms(ELIGIBLE)), now_ms);
        } else {
            row.stop(mark.connection);
        }
        if counts {
            self.expect_completion(room, number);
        }
    }

    /// Until when somebody watches in a room, by its live clock, and what that shows now. Nobody
    /// watches a room that is not live.
    pub(super) fn watches_until(
        &self,
        room: Option<&RoomId>,
        buyer: &UserId,
        now: Millis,
    ) -> (SpanMs, SpanMs) {
        let Some(room) = room else { return (SpanMs(0), SpanMs(0)) };
        let now_ms = self.live_clock(room, now).unwrap_or_default();
        let found = self.watch.rooms.get(room).filter(|_| self.is_live(room));
        let row = found.and_then(|found| {
            let number = found.live.numbers.get(buyer)?;
            found.live.rows.get(*number as usize)
        });
        (SpanMs(row.map_or(0, |row| u64::from(row.until_ms()))), now_ms)
    }

    fn is_live(&self, room: &RoomId) -> bool {
        self.room_state(room) == Some(RoomState::Live)
    }

    /// Everybody who watches in the room now, or did when it was paused, by id.
    pub(super) fn watchers(&self, room: &RoomId, now: Millis) -> Vec<UserId> {
        let Some(found) = self.watch.rooms.get(room) else { return Vec::new() };
        let now_ms = self.live_clock(room, now).map_or(0, clock_ms);
        let there = (0u32..).zip(&found.live.rows).filter(|(_, row)| row.until_ms() > now_ms);
        let buyers: BTreeSet<_> =
            there.filter_map(|(number, _)| found.viewer(number).cloned()).collect();
        buyers.into_iter().collect()
    }

    /// What is counted in each room changed: rows are settled under what counted before.
    pub(super) fn watch_tasks_changed(&mut self, at: Millis) {
        let ids: Vec<RoomId> = self.watch.rooms.keys().cloned().collect();
        for id in ids {
            let wanted = self.tasks_in(&id);
            let draws = self.draws.draws.values().any(|draw| draw.watches(&id));
            if self.room_state(&id) == Some(RoomState::Ended) && !self.is_remembered(&id) {
                self.watch.rooms.remove(&id);
                continue;
            }
            let now_ms = self.live_clock(&id, at).map_or(0, clock_ms);
            let Some(room) = self.watch.rooms.get_mut(&id) else { continue };
            if room.live.tasks == wanted && room.live.draws == draws {
                continue;
            }
            let counted = room.counts();
            room.live.rows.iter_mut().for_each(|row| row.settle(now_ms, counted));
            room.live.tasks = wanted;
            room.live.draws = draws;
            room.live.counts_from_ms = now_ms;
            let vouched = room.live.rows.iter().any(|row| row.until_ms() > now_ms);
            room.live.unwritten = room.counts() && (room.live.unwritten || vouched);
            room.written_at = room.written_at.or(Some(at)).filter(|_| room.counts());
            let rows = u32::try_from(room.live.rows.len()).unwrap_or(u32::MAX);
            (0..rows).for_each(|number| self.expect_completion(&id, number));
        }
    }

    fn tasks_in(&self, room: &RoomId) -> Vec<(CampaignId, u32)> {
        let campaigns = self.promo.campaigns.iter();
        let tasks = campaigns
            .filter_map(|(id, campaign)| Some((id.clone(), clock_ms(campaign.watch_in(room)?))));
        tasks.collect()
    }

    /// Some campaign still counts what was watched there.
    fn is_remembered(&self, room: &RoomId) -> bool {
        self.promo.campaigns.values().any(|campaign| campaign.remembers_watching(room))
    }

    /// The room is over: nobody watches it any more.
    pub(super) fn watch_room_ended(&mut self, room: &RoomId, at: Millis) {
        let now_ms = self.live_clock(room, at).map_or(0, clock_ms);
        if let Some(found) = self.watch.rooms.get_mut(room) {
            let counts = found.counts();
            for row in &mut found.live.rows {
                row.settle(now_ms, counts);
                row.stop_all();
            }
            found.live.soon.clear();
            found.live.unwritten = false;
        }
        self.watch_tasks_changed(at);
    }

    pub(super) fn check_watch(&self) -> Result<(), String> {
        for (id, room) in &self.watch.rooms {
            let name = |problem: &str| format!("viewers of room {id}: {problem}");
            ensure(room.viewers.len() == room.written_ms.len(), || name("numbers and rows"))?;
            let rows = room.viewers.len() + room.live.unnamed.len();
            ensure(room.live.rows.len() == rows, || name("rows without a viewer"))?;
            for (number, row) in (0u32..).zip(&room.live.rows) {
                let viewer = room.viewer(number);
                let known = viewer.and_then(|viewer| room.live.numbers.get(viewer));
                ensure(known == Some(&number), || name("a number of nobody"))?;
                let soon = row.soon_ms().is_none_or(|at| room.live.soon.contains(&(at, number)));
                ensure(soon, || name("a completion that nothing waits for"))?;
            }
        }
        Ok(())
    }

    pub(super) fn hash_watch(&self, hasher: &mut blake3::Hasher) {
        for (id, room) in &self.watch.rooms {
            if !room.viewers.is_empty() {
                super::hash::put(hasher, &(id, &room.viewers, &room.written_ms));
            }
        }
    }
}

impl Scope {
    /// Watch time of all rooms of the shop adds up; of named rooms each counts by itself.
    fn adds_up(&self) -> bool {
        match self {
            Self::AllRooms => true,
            Self::Rooms(_) => false,
        }
    }
}
