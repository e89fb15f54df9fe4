//! Who may not speak in a room, and who may not be in it. Guards look at the command's time, so
//! an end needs no timer.

use super::{Room, Shop};
use crate::command::{Actor, Role};
use crate::event::Event;
use crate::id::{RoomId, UserId};
use crate::rejection::Rejection;
use crate::shop::Accepted;
use crate::time::{Millis, SpanMs};

/// Whoever should stay away longer is muted or banned without an end.
const FOR_MAX: SpanMs = SpanMs::days(365);

impl Room {
    pub(super) fn check_not_muted(&self, user: &UserId, now: Millis) -> Result<(), Rejection> {
        match self.muted.get(user) {
            Some(until) if holds(*until, now) => Err(Rejection::Muted { until: *until }),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn check_not_banned(&self, user: &UserId, now: Millis) -> Result<(), Rejection> {
        match self.banned.get(user) {
            Some(until) if holds(*until, now) => Err(Rejection::Banned { until: *until }),
            Some(_) | None => Ok(()),
        }
    }

    fn check_subject(&self, user: &UserId) -> Result<(), Rejection> {
        if *user == self.spec.streamer {
            return Err(Rejection::Invalid { field: "user", problem: "is the room's streamer" });
        }
        Ok(())
    }
}

fn holds(until: Option<Millis>, now: Millis) -> bool {
    until.is_none_or(|until| now < until)
}

fn end(for_ms: Option<SpanMs>, now: Millis) -> Result<Option<Millis>, Rejection> {
    let Some(for_ms) = for_ms else { return Ok(None) };
    if for_ms == SpanMs(0) || for_ms > FOR_MAX {
        return Err(Rejection::Invalid { field: "for_ms", problem: "must be 1 ms to 365 days" });
    }
    Ok(Some(now + for_ms))
}

impl Shop {
    pub(super) fn decide_mute(
        &self,
        actor: &Actor,
        room: &RoomId,
        user: &UserId,
        for_ms: Option<SpanMs>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let found = self.moderated_room(actor, room)?;
        found.require_open(room)?;
        found.check_subject(user)?;
        let until = end(for_ms, now)?;
        if found.muted.get(user) == Some(&until) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::Muted { room: room.clone(), user: user.clone(), until }))
    }

    pub(super) fn decide_unmute(
        &self,
        actor: &Actor,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Accepted, Rejection> {
        let found = self.moderated_room(actor, room)?;
        if !found.muted.contains_key(user) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::Unmuted { room: room.clone(), user: user.clone() }))
    }

    pub(super) fn decide_ban(
        &self,
        actor: &Actor,
        room: &RoomId,
        user: &UserId,
        for_ms: Option<SpanMs>,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let found = self.open_room_run_by(actor, room)?;
        found.check_subject(user)?;
        let until = end(for_ms, now)?;
        if found.banned.get(user) == Some(&until) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::Banned { room: room.clone(), user: user.clone(), until }))
    }

    pub(super) fn decide_unban(
        &self,
        actor: &Actor,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Accepted, Rejection> {
        let found = self.room_run_by(actor, room, &[Role::Streamer])?;
        if !found.banned.contains_key(user) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::Unbanned { room: room.clone(), user: user.clone() }))
    }

    /// The room, if the actor may watch over what is said in it.
    pub(super) fn moderated_room(&self, actor: &Actor, room: &RoomId) -> Result<&Room, Rejection> {
        self.room_run_by(actor, room, &[Role::Streamer, Role::Agent, Role::Supervisor])
    }

    /// Also lets those go whose time is over, so that the list stays as long as it matters.
    pub(in crate::shop) fn on_muted(
        &mut self,
        room: &RoomId,
        user: &UserId,
        until: Option<Millis>,
        at: Millis,
    ) {
        let room = self.room_mut(room);
        room.muted.retain(|_, until| holds(*until, at));
        room.muted.insert(user.clone(), until);
    }

    pub(in crate::shop) fn on_unmuted(&mut self, room: &RoomId, user: &UserId) {
        self.room_mut(room).muted.remove(user);
    }

    pub(in crate::shop) fn on_banned(
        &mut self,
        room: &RoomId,
        user: &UserId,
        until: Option<Millis>,
        at: Millis,
    ) {
        let room = self.room_mut(room);
        room.banned.retain(|_, until| holds(*until, at));
        room.banned.insert(user.clone(), until);
    }

    pub(in crate::shop) fn on_unbanned(&mut self, room: &RoomId, user: &UserId) {
        self.room_mut(room).banned.remove(user);
    }

    /// Until when this user may not comment; absent when he may, or when nobody has said until.
    pub fn muted_until(&self, room: &RoomId, user: &UserId, now: Millis) -> Option<Millis> {
        let until = *self.rooms.get(room)?.muted.get(user)?;
        until.filter(|until| now < *until)
    }

    /// Whether this user must stay out of the room at `now`.
    pub fn is_banned(&self, room: &RoomId, user: &UserId, now: Millis) -> bool {
        self.check_not_banned(room, user, now).is_err()
    }

    /// The refusal for a banned user, with the ban's end. A room that is not there bans nobody.
    pub fn check_not_banned(
        &self,
        room: &RoomId,
        user: &UserId,
        now: Millis,
    ) -> Result<(), Rejection> {
        self.rooms.get(room).map_or(Ok(()), |room| room.check_not_banned(user, now))
    }
}
