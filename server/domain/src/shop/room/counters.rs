//! Likes, joins and viewers of a room. Owns the totals as they run, in memory, and when they are
//! written down; a crash loses at most the last seconds of them.

use serde::{Deserialize, Serialize};

use super::{Room, Shop};
use crate::event::Event;
use crate::id::RoomId;
use crate::shop::{Accepted, WatchMark};
use crate::time::{Millis, SpanMs};
use crate::view::{Ephemeral, RoomState};

/// How much counting a crash may lose.
const WRITE_EVERY: SpanMs = SpanMs::seconds(5);

/// Likes and joins that were counted in one room since the last report, and how many watch now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    pub likes: u64,
    pub joins: u64,
    pub viewers: u64,
    /// What was seen of the viewers' players.
    pub marks: Vec<WatchMark>,
}

/// What only ever grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) likes: u64,
    pub(super) joins: u64,
    pub(super) viewers_peak: u64,
}

impl Totals {
    fn max(self, other: Self) -> Self {
        Self {
            likes: self.likes.max(other.likes),
            joins: self.joins.max(other.joins),
            viewers_peak: self.viewers_peak.max(other.viewers_peak),
        }
    }
}

/// The totals with what is not written down yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counting {
    totals: Totals,
    viewers: u64,
    written_at: Option<Millis>,
}

impl Counting {
    pub(super) fn resumed(totals: Totals, written_at: Option<Millis>) -> Self {
        Self { totals, viewers: 0, written_at }
    }

    pub(super) fn written_at(&self) -> Option<Millis> {
        self.written_at
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn viewers(&self) -> u64 {
        self.viewers
    }

    /// Adds a report; whether anything differs now.
    fn add(&mut self, pulse: &Pulse) -> bool {
        let before = (self.totals, self.viewers);
        self.viewers = pulse.viewers;
        self.totals = Totals {
            likes: self.totals.likes.saturating_add(pulse.likes),
            joins: self.totals.joins.saturating_add(pulse.joins),
            viewers_peak: self.totals.viewers_peak.max(pulse.viewers),
        };
        before != (self.totals, self.viewers)
    }

    fn is_write_due(&self, now: Millis) -> bool {
        self.written_at.is_none_or(|written_at| now >= written_at + WRITE_EVERY)
    }
}

impl Room {
    /// What the journal does not know yet.
    pub(super) fn uncounted(&self, room: &RoomId) -> Option<Event> {
        let totals = self.counting.totals;
        (totals != self.counted).then(|| Event::RoomCounted {
            room: room.clone(),
            likes: totals.likes,
            joins: totals.joins,
            viewers_peak: totals.viewers_peak,
        })
    }
}

impl Shop {
    /// Brings in what was counted in a room, about once a second. Answers with the counters when
    /// they changed, and writes the totals down at most every five seconds; the event is applied
    /// already. Likes count while the room is on air; a room that is not there or has ended
    /// counts nothing.
    pub fn pulse(&mut self, room: &RoomId, pulse: Pulse, now: Millis) -> Accepted {
        let mut accepted = Accepted::default();
        let Some(found) = self.rooms.get_mut(room) else { return accepted };
        if found.state == RoomState::Ended {
            return accepted;
        }
        let likes = if found.is_on_air() { pulse.likes } else { 0 };
        let marks = pulse.marks;
        if found.counting.add(&Pulse { likes, marks: Vec::new(), ..pulse }) {
            let Counting { totals, viewers, .. } = found.counting;
            accepted.ephemeral = Some(Ephemeral::Counters {
                room: room.clone(),
                likes: totals.likes,
                viewers,
                viewers_peak: totals.viewers_peak,
                joins: totals.joins,
            });
        }
        let uncounted = found.counting.is_write_due(now).then(|| found.uncounted(room));
        self.note_marks(room, &marks, now);
        if let Some(event) = uncounted.flatten() {
            self.apply(&event, now);
            accepted.events.push(event);
        }
        accepted
    }

    pub(in crate::shop) fn on_room_counted(
        &mut self,
        room: &RoomId,
        (likes, joins, viewers_peak): (u64, u64, u64),
        at: Millis,
    ) {
        let room = self.room_mut(room);
        room.counted = room.counted.max(Totals { likes, joins, viewers_peak });
        room.counting.totals = room.counting.totals.max(room.counted);
        room.counting.written_at = Some(at);
    }
}
