//! What time brings about at the desk: windows that close, sessions that idle, agents who do not
//! come back. Owns the deadlines; a constant offset on a clock that never falls needs no heap.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::session::{OPEN_MAX, Row, Slot};
use super::{Desk, assignment};
use crate::event::Event;
use crate::event::desk::{CloseReason, DeskEvent, DownCause};
use crate::id::SessionId;
use crate::shop::Shop;
use crate::shop::invariant::must;
use crate::time::{Millis, SpanMs};

/// A window is open up to its last millisecond; what its end brings comes with the next one.
const AFTER: SpanMs = SpanMs(1);

/// One queue per length of a window: in each, whoever began first ends first. An entry counts as
/// long as its session still waits since that very moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tiers(BTreeMap<SpanMs, VecDeque<(Millis, SessionId)>>);

impl Tiers {
    /// Adds an entry that is the newest, or an old one that comes back.
    fn arm(&mut self, window: SpanMs, since: Millis, session: SessionId) {
        let entries = self.0.entry(window).or_default();
        let entry = (since, session);
        if entries.back().is_none_or(|last| *last < entry) {
            entries.push_back(entry);
        } else if let Err(place) = entries.binary_search(&entry) {
            entries.insert(place, entry);
        }
    }

    fn first(&self) -> Option<(Millis, SessionId)> {
        let firsts = self.0.iter().filter_map(|(window, entries)| {
            let (since, session) = entries.front()?;
            Some((*since + *window + AFTER, *session))
        });
        firsts.min()
    }

    /// Drops what no longer counts from the fronts.
    fn trim(&mut self, counts: impl Fn(SpanMs, Millis, SessionId) -> bool) {
        self.0.retain(|window, entries| {
            while let Some((since, session)) = entries.front() {
                if counts(*window, *since, *session) {
                    return true;
                }
                entries.pop_front();
            }
            false
        });
    }

    pub(super) fn has(&self, window: SpanMs, since: Millis, session: SessionId) -> bool {
        let entries = self.0.get(&window);
        entries.is_some_and(|entries| entries.binary_search(&(since, session)).is_ok())
    }
}

/// In the order in which they fire at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Grace(Slot),
    Due(SessionId),
    Soft(SessionId),
    Idle(SessionId),
    TooLong(SessionId),
}

impl Desk {
    /// When something of the desk is due; what has to be moved now was due with its cause.
    pub(in crate::shop) fn next_due(&self) -> Option<Millis> {
        if self.has_moves() {
            return Some(self.last_at);
        }
        self.next_timer().map(|(at, _)| at)
    }

    fn next_timer(&self) -> Option<(Millis, Timer)> {
        let grace = self.graces.first().map(|(at, slot)| (*at, Timer::Grace(*slot)));
        let due = self.due.first().map(|(at, session)| (at, Timer::Due(session)));
        let soft = self.soft.first().map(|(at, session)| (at, Timer::Soft(session)));
        let idle = self
            .idle
            .first()
            .map(|(last, session)| (*last + self.policy.auto_close_ms, Timer::Idle(*session)));
        let first = self.sessions.rows.front().filter(|row| row.closed.is_none());
        let oldest = self.sessions.first_id();
        let too_long = first.map(|row| (row.opened_at + OPEN_MAX, Timer::TooLong(oldest)));
        [grace, due, soft, idle, too_long].into_iter().flatten().min()
    }

    fn fire(&self, timer: Timer, at: Millis) -> DeskEvent {
        match timer {
            Timer::Grace(slot) => DeskEvent::AgentDown {
                agent: self.agents[slot.index()].user.clone(),
                cause: DownCause::GraceOver,
                due_at: at,
            },
            Timer::Due(session) => self.miss(session),
            Timer::Soft(session) => {
                let row = must(self.sessions.get(session), "session");
                DeskEvent::SessionExpiring { session, due_at: row.due_at() }
            }
            Timer::Idle(session) | Timer::TooLong(session) => {
                self.closing(session, CloseReason::Idle, None)
            }
        }
    }

    /// The duty of a session to be answered began, or begins again.
    pub(super) fn arm(&mut self, session: SessionId) {
        let row = must(self.sessions.get(session), "session");
        let window = SpanMs(u64::from(row.window_ms));
        self.due.arm(window, row.since, session);
        self.soft.arm(self.policy.expiring_after(window), row.since, session);
    }

    pub(super) fn trim_timers(&mut self) {
        let Self { due, soft, sessions, open, .. } = self;
        due.trim(|window, since, session| {
            let row = sessions.get(session);
            row.is_some_and(|row| {
                row.is_pending() && row.since == since && u64::from(row.window_ms) == window.0
            })
        });
        soft.trim(|_, since, session| {
            let row = sessions.get(session);
            row.is_some_and(|row| row.since == since && may_expire(row))
                && open.get(&session).is_some_and(|open| !open.is_expiring)
        });
    }
}

/// Whether its buyer may still be told in time, and it matters for the rate.
pub(super) fn may_expire(row: &Row) -> bool {
    row.is_pending() && !row.is_excluded()
}

impl Shop {
    /// Whether the desk has something due, not after everything else that is.
    pub(in crate::shop) fn desk_is_next(&self, now: Millis) -> bool {
        let Some(due) = self.desk.next_due() else { return false };
        due <= now && (self.desk.has_moves() || self.due.next().is_none_or(|other| due <= other))
    }

    /// One step of the desk: moves sessions that have to move, else the first timer that is due.
    /// The events are applied. Spends `moves_left`.
    pub(in crate::shop) fn elapse_desk(
        &mut self,
        now: Millis,
        moves_left: &mut usize,
        events: &mut Vec<Event>,
    ) {
        if self.desk.has_moves() {
            self.move_some(now, moves_left, events);
            return;
        }
        let Some((at, timer)) = self.desk.next_timer().filter(|(at, _)| *at <= now) else { return };
        let event = self.desk.fire(timer, at);
        self.apply_desk(&event, now);
        events.push(Event::Desk(event));
    }

    /// Gives sessions that wait to agents who have room, and takes those of agents who are gone
    /// back, as far as the budget goes.
    pub(in crate::shop) fn move_sessions(
        &mut self,
        now: Millis,
        moves_left: &mut usize,
        events: &mut Vec<Event>,
    ) {
        while *moves_left > 0 && self.desk.has_moves() {
            self.move_some(now, moves_left, events);
        }
    }

    /// One assignment, or the sessions of one agent.
    fn move_some(&mut self, now: Millis, moves_left: &mut usize, events: &mut Vec<Event>) {
        let Some(event) = self.desk.next_move(now, *moves_left) else { return };
        *moves_left -= assignment::cost(&event).min(*moves_left);
        self.apply_desk(&event, now);
        events.push(Event::Desk(event));
    }
}
