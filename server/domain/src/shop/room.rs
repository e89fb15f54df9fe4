//! A live room: its state, live clock, bag, pin, moderation and counters. Owns what may be shown
//! and said in it; what is sold there is the sales'.

mod clock;
mod comment;
mod counters;
mod keywords;
mod moderation;
mod showcase;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::command::{Actor, Role, RoomCommand, RoomSpec};
use crate::event::Event;
use crate::id::{ProductId, RoomId, SkuId, UserId};
use crate::lookup::Lookup;
use crate::rejection::Rejection;
use crate::text;
use crate::time::{Millis, SpanMs};
use crate::view::{PinView, RoomState, RoomView};

pub use counters::Pulse;

const TITLE_CHARS_MAX: usize = 120;
/// Rooms that have not ended: far more than a shop can stream to at a time.
const OPEN_ROOMS_MAX: usize = 1_000;
const SLOW_MODE_MAX: SpanMs = SpanMs::hours(1);

/// When those spoke last who have to wait for their turn, and the last writing of the counters.
pub(super) type PassingTrace = (Lookup<UserId, Millis>, Option<Millis>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Room {
    /// As created, with the slow mode as it is now.
    pub(super) spec: RoomSpec,
    pub(super) state: RoomState,
    clock: clock::LiveClock,
    /// When it first went live.
    started_at: Option<Millis>,
    bag: Vec<ProductId>,
    pinned: Option<showcase::Pin>,
    pins_made: u64,
    keywords: keywords::Keywords,
    /// Until when; without an end until it is lifted.
    muted: BTreeMap<UserId, Option<Millis>>,
    banned: BTreeMap<UserId, Option<Millis>>,
    kept: comment::Remembered,
    counted: counters::Totals,
    /// Rises with whatever a view of the room shows, the counters excepted.
    version: u64,
    /// What no event made: lost with the process, and no part of the shop's hash.
    #[serde(skip)]
    passing: comment::Passing,
    #[serde(skip)]
    counting: counters::Counting,
}

impl Room {
    fn new(spec: RoomSpec) -> Self {
        Self {
            spec,
            state: RoomState::Scheduled,
            clock: clock::LiveClock::default(),
            started_at: None,
            bag: Vec::new(),
            pinned: None,
            pins_made: 0,
            keywords: keywords::Keywords::default(),
            muted: BTreeMap::new(),
            banned: BTreeMap::new(),
            kept: comment::Remembered::default(),
            counted: counters::Totals::default(),
            version: 1,
            passing: comment::Passing::default(),
            counting: counters::Counting::default(),
        }
    }

    /// What events left among the passing things: who may not speak again yet, and when the
    /// counters were written.
    pub(super) fn passing_trace(&self) -> PassingTrace {
        (self.passing.paces(), self.counting.written_at())
    }

    /// As after a replay: the totals are those that were written down.
    pub(super) fn follow_trace(&mut self, (paces, written_at): PassingTrace) {
        self.passing.keep_pace(paces);
        self.counting = counters::Counting::resumed(self.counted, written_at);
    }

    pub(super) fn clock(&self) -> clock::LiveClock {
        self.clock
    }

    pub(super) fn is_on_air(&self) -> bool {
        matches!(self.state, RoomState::Live | RoomState::Paused)
    }

    pub(super) fn pinned_sku(&self) -> Option<&SkuId> {
        self.pinned.as_ref().map(|pin| &pin.sku)
    }

    /// The pin shows the product's title and price, and those may have changed.
    pub(super) fn pin_looks_new(&mut self) {
        self.version += 1;
    }

    fn not_ready(&self, room: &RoomId) -> Rejection {
        match self.state {
            RoomState::Ended => Rejection::RoomEnded { room: room.clone() },
            RoomState::Scheduled | RoomState::Live | RoomState::Paused => {
                Rejection::RoomNotReady { state: self.state }
            }
        }
    }

    fn require_open(&self, room: &RoomId) -> Result<(), Rejection> {
        if self.state == RoomState::Ended { Err(self.not_ready(room)) } else { Ok(()) }
    }

    fn require_state(&self, room: &RoomId, needed: RoomState) -> Result<(), Rejection> {
        if self.state == needed { Ok(()) } else { Err(self.not_ready(room)) }
    }
}

impl Shop {
    pub(super) fn decide_room(
        &self,
        actor: &Actor,
        command: &RoomCommand,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        match command {
            RoomCommand::Create { room, spec } => self.decide_room_create(actor, room, spec),
            RoomCommand::Start { room } => {
                let started = Event::RoomStarted { room: room.clone() };
                self.decide_state(actor, room, RoomState::Scheduled, started)
            }
            RoomCommand::Pause { room } => {
                let paused = Event::RoomPaused { room: room.clone() };
                self.decide_state(actor, room, RoomState::Live, paused)
            }
            RoomCommand::Resume { room } => {
                let resumed = Event::RoomResumed { room: room.clone() };
                self.decide_state(actor, room, RoomState::Paused, resumed)
            }
            RoomCommand::End { room } => self.decide_room_end(actor, room, now),
            RoomCommand::SetBag { room, products } => self.decide_bag(actor, room, products),
            RoomCommand::Pin { room, sku } => self.decide_pin(actor, room, sku),
            RoomCommand::Unpin { room } => self.decide_unpin(actor, room),
            RoomCommand::SetSlowMode { room, interval_ms } => {
                self.decide_slow_mode(actor, room, *interval_ms)
            }
            RoomCommand::SetKeywords { room, keywords } => {
                self.decide_keywords(actor, room, keywords)
            }
            RoomCommand::Mute { room, user, for_ms } => {
                self.decide_mute(actor, room, user, *for_ms, now)
            }
            RoomCommand::Unmute { room, user } => self.decide_unmute(actor, room, user),
            RoomCommand::Ban { room, user, for_ms } => {
                self.decide_ban(actor, room, user, *for_ms, now)
            }
            RoomCommand::Unban { room, user } => self.decide_unban(actor, room, user),
            RoomCommand::DeleteComment { room, comment } => {
                self.decide_delete(actor, room, comment)
            }
            RoomCommand::Comment { room, comment, name, text } => {
                self.decide_comment(actor, room, &comment::Draft { comment, name, text }, now)
            }
        }
    }

    fn room(&self, room: &RoomId) -> Result<&Room, Rejection> {
        self.rooms.get(room).ok_or(Rejection::RoomUnknown)
    }

    /// The room as an event finds it. An event of a room that was never created cannot be.
    fn room_mut(&mut self, room: &RoomId) -> &mut Room {
        let Some(found) = self.rooms.get_mut(room) else {
            unreachable!("an event of room {room}, which was never created")
        };
        found
    }

    /// The room, if the actor is its streamer or stands in for him and it has not ended.
    fn open_room_run_by(&self, actor: &Actor, room: &RoomId) -> Result<&Room, Rejection> {
        let found = self.room_run_by(actor, room, &[Role::Streamer])?;
        found.require_open(room)?;
        Ok(found)
    }

    fn room_run_by(
        &self,
        actor: &Actor,
        room: &RoomId,
        allowed: &[Role],
    ) -> Result<&Room, Rejection> {
        self.staff.require(actor, allowed)?;
        let found = self.room(room)?;
        if actor.role == Role::Streamer && actor.user != found.spec.streamer {
            return Err(Rejection::Forbidden { needed: Role::Manager });
        }
        Ok(found)
    }

    fn decide_room_create(
        &self,
        actor: &Actor,
        room: &RoomId,
        spec: &RoomSpec,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, &[Role::Streamer])?;
        if actor.role == Role::Streamer && actor.user != spec.streamer {
            return Err(Rejection::Forbidden { needed: Role::Manager });
        }
        if self.rooms.contains_key(room) {
            return Err(Rejection::RoomExists);
        }
        let open = self.rooms.values().filter(|room| room.state != RoomState::Ended).count();
        if open >= OPEN_ROOMS_MAX {
            let problem = "is one too many: end another first";
            return Err(Rejection::Invalid { field: "room", problem });
        }
        check_slow_mode(spec.slow_mode_ms)?;
        let spec = RoomSpec {
            streamer: spec.streamer.clone(),
            title: text::line("title", &spec.title, TITLE_CHARS_MAX)?,
            cover_url: text::url("cover_url", spec.cover_url.as_deref())?,
            playback_url: text::url("playback_url", spec.playback_url.as_deref())?,
            keep_comments: spec.keep_comments,
            slow_mode_ms: spec.slow_mode_ms,
        };
        Ok(Accepted::event(Event::RoomCreated { room: room.clone(), spec }))
    }

    fn decide_state(
        &self,
        actor: &Actor,
        room: &RoomId,
        needed: RoomState,
        event: Event,
    ) -> Result<Accepted, Rejection> {
        self.open_room_run_by(actor, room)?.require_state(room, needed)?;
        Ok(Accepted::event(event))
    }

    /// A room that never went live can be ended too: it was called off. What was counted is
    /// written down before.
    fn decide_room_end(
        &self,
        actor: &Actor,
        room: &RoomId,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        let mut events = Vec::new();
        events.extend(found.uncounted(room));
        events.extend(self.checkpoint_of(room, now));
        events.extend(self.draw_closing_with_room(room, now));
        events.push(Event::RoomEnded { room: room.clone() });
        events.extend(self.sales_ending_with_room(room, now));
        events.extend(self.campaigns_ending_with_room(room, now));
        Ok(Accepted::events(events))
    }

    fn decide_slow_mode(
        &self,
        actor: &Actor,
        room: &RoomId,
        interval_ms: SpanMs,
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        check_slow_mode(interval_ms)?;
        if found.spec.slow_mode_ms == interval_ms {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::SlowModeSet { room: room.clone(), interval_ms }))
    }

    pub(super) fn on_room_created(&mut self, room: &RoomId, spec: &RoomSpec) {
        self.rooms.insert(room.clone(), Room::new(spec.clone()));
    }

    pub(super) fn on_room_started(&mut self, room: &RoomId, at: Millis) {
        self.run_room(room, at);
    }

    pub(super) fn on_room_paused(&mut self, room: &RoomId, at: Millis) {
        let room = self.room_mut(room);
        room.state = RoomState::Paused;
        room.clock.stop(at);
        room.version += 1;
    }

    pub(super) fn on_room_resumed(&mut self, room: &RoomId, at: Millis) {
        self.run_room(room, at);
    }

    fn run_room(&mut self, room: &RoomId, at: Millis) {
        let room = self.room_mut(room);
        room.state = RoomState::Live;
        room.clock.start(at);
        room.started_at = room.started_at.or(Some(at));
        room.version += 1;
    }

    /// Nothing is said or shown any more, so most of what that needed goes.
    pub(super) fn on_room_ended(&mut self, id: &RoomId, at: Millis) {
        let room = self.room_mut(id);
        room.state = RoomState::Ended;
        room.clock.stop(at);
        room.version += 1;
        room.pinned = None;
        room.muted.clear();
        room.banned.clear();
        room.kept.shrink_to(comment::RECENT_MAX);
        room.passing.rest();
        self.watch_room_ended(id, at);
    }

    pub(super) fn on_slow_mode_set(&mut self, room: &RoomId, interval_ms: SpanMs) {
        let room = self.room_mut(room);
        room.spec.slow_mode_ms = interval_ms;
        room.version += 1;
    }

    /// Whether somebody may be watching.
    pub fn has_open_rooms(&self) -> bool {
        self.rooms.values().any(Room::is_on_air)
    }

    pub(super) fn room_started_at(&self, room: &RoomId) -> Option<Millis> {
        self.rooms.get(room)?.started_at
    }

    pub fn room_state(&self, room: &RoomId) -> Option<RoomState> {
        self.rooms.get(room).map(|room| room.state)
    }

    /// How long the room has been live up to `now`, pauses not counted.
    pub fn live_clock(&self, room: &RoomId, now: Millis) -> Option<SpanMs> {
        self.rooms.get(room).map(|room| room.clock.read(now))
    }

    pub fn room_view(&self, room: &RoomId) -> Option<RoomView> {
        let found = self.rooms.get(room)?;
        let totals = found.counting.totals();
        Some(RoomView {
            room: room.clone(),
            spec: found.spec.clone(),
            state: found.state,
            live_clock_ms: found.clock.elapsed(),
            live_clock_at: found.clock.at(),
            bag: found.bag.clone(),
            pinned: found.pinned.as_ref().and_then(|pin| self.pin_view(pin)),
            keywords: found.keywords.words().clone(),
            likes: totals.likes,
            joins: totals.joins,
            viewers: found.counting.viewers(),
            viewers_peak: totals.viewers_peak,
            comments: found.passing.comments(),
            version: found.version,
        })
    }

    fn pin_view(&self, pin: &showcase::Pin) -> Option<PinView> {
        let sku = self.catalog.sku(&pin.sku)?;
        let product = self.catalog.product(&sku.product)?;
        let title = if sku.title == product.spec.title {
            product.spec.title.clone()
        } else {
            format!("{} · {}", product.spec.title, sku.title)
        };
        Some(PinView {
            sku: pin.sku.clone(),
            product: sku.product.clone(),
            title,
            price_minor: sku.price_minor,
            version: pin.version,
        })
    }

    /// Every room, the ended ones too, by id.
    pub fn rooms(&self) -> Vec<RoomView> {
        self.rooms.keys().filter_map(|room| self.room_view(room)).collect()
    }
}

fn check_slow_mode(interval_ms: SpanMs) -> Result<(), Rejection> {
    if interval_ms > SLOW_MODE_MAX {
        return Err(Rejection::Invalid { field: "slow_mode_ms", problem: "must be at most 1 h" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
