//! How far everybody is, written down: one event a room and ten seconds. Owns its form, about
//! three bytes a viewer, and when it is due.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::{WRITE_EVERY, Watch, WatchRoom, clock_ms};
use crate::command::Scope;
use crate::event::promo::WatchCheckpointed;
use crate::event::{Event, PromoEvent};
use crate::id::RoomId;
use crate::shop::Shop;
use crate::shop::flash_sale::scope_has;
use crate::shop::watch::row::Row;
use crate::time::Millis;

/// Numbers of variable length, seven bits a byte, the lowest first.
fn put_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.next()?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Pairs of a viewer's number and how many milliseconds more, in the order of the numbers.
fn packed(pairs: &[(u32, u32)]) -> String {
    let mut bytes = Vec::with_capacity(pairs.len() * 3);
    let mut next = 0;
    for (number, more_ms) in pairs {
        put_number(&mut bytes, number - next);
        put_number(&mut bytes, *more_ms);
        next = number + 1;
    }
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

/// What does not read to its end says nothing further.
fn unpacked(text: &str) -> Vec<(u32, u32)> {
    let bytes = BASE64_STANDARD_NO_PAD.decode(text).unwrap_or_default();
    let mut bytes = bytes.iter();
    let (mut pairs, mut next) = (Vec::new(), 0u32);
    while let Some(gap) = take_number(&mut bytes) {
        let Some(more_ms) = take_number(&mut bytes) else { break };
        let number = next.saturating_add(gap);
        pairs.push((number, more_ms));
        next = number.saturating_add(1);
    }
    pairs
}

impl WatchRoom {
    fn checkpoint(&self, room: &RoomId, now_ms: u32) -> Option<Event> {
        if !self.counts() {
            return None;
        }
        let written = self.written_ms.iter().copied().chain(std::iter::repeat(0));
        let rows = (0u32..).zip(self.live.rows.iter().zip(written));
        let pairs: Vec<_> = rows
            .filter_map(|(number, (row, written_ms))| {
                let more_ms = row.watched_ms(now_ms).saturating_sub(written_ms);
                (more_ms > 0).then_some((number, more_ms))
            })
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let newcomers = self.live.unnamed.clone();
        let (room, more) = (room.clone(), packed(&pairs));
        let written = WatchCheckpointed { room, newcomers, more };
        Some(Event::Promo(PromoEvent::WatchCheckpointed(written)))
    }

    /// When the next one is due, if anything may have been watched.
    fn write_at(&self) -> Option<Millis> {
        let unwritten = self.live.unwritten && self.counts();
        self.written_at.filter(|_| unwritten).map(|at| at + WRITE_EVERY)
    }
}

impl Watch {
    /// The room whose checkpoint is due first.
    fn next_write(&self) -> Option<(Millis, &RoomId)> {
        let rooms = self.rooms.iter();
        rooms.filter_map(|(id, room)| Some((room.write_at()?, id))).min()
    }
}

impl Shop {
    /// The checkpoint of a room as of now, if it says anything new.
    pub(in crate::shop) fn checkpoint_of(&self, room: &RoomId, now: Millis) -> Option<Event> {
        let now_ms = self.live_clock(room, now).map_or(0, clock_ms);
        self.watch.rooms.get(room)?.checkpoint(room, now_ms)
    }

    /// What was watched for other tasks in these rooms.
    pub(in crate::shop) fn checkpoints_before(&self, scope: &Scope, now: Millis) -> Vec<Event> {
        let rooms = self.watch.rooms.keys().filter(|room| scope_has(scope, room));
        rooms.filter_map(|room| self.checkpoint_of(room, now)).collect()
    }

    /// When watching brings something about: a checkpoint, or somebody who has watched enough.
    pub(in crate::shop) fn watch_due(&self) -> Option<Millis> {
        let write = self.watch.next_write().map(|(at, _)| at);
        self.next_completion().map(|(at, _)| at).into_iter().chain(write).min()
    }

    /// Watching is due, and nothing else before it.
    pub(in crate::shop) fn watch_is_next(&self, now: Millis) -> bool {
        let Some(at) = self.watch_due().filter(|at| *at <= now) else { return false };
        self.due.next().is_none_or(|other| at < other)
    }

    pub(in crate::shop) fn elapse_watch(&mut self, now: Millis, events: &mut Vec<Event>) {
        let done = self.completions(now);
        if !done.is_empty() {
            for event in done {
                self.apply(&event, now);
                events.push(event);
            }
            return;
        }
        let due = self.watch.next_write().filter(|(at, _)| *at <= now);
        let Some(room) = due.map(|(_, room)| room.clone()) else { return };
        match self.checkpoint_of(&room, now) {
            Some(event) => {
                self.apply(&event, now);
                events.push(event);
            }
            None => self.rest_watch(&room, now),
        }
    }

    /// Nothing was watched: the next heartbeat asks for a checkpoint again.
    fn rest_watch(&mut self, room: &RoomId, now: Millis) {
        if let Some(found) = self.watch.rooms.get_mut(room) {
            found.live.unwritten = false;
            found.written_at = Some(now);
        }
    }

    pub(in crate::shop) fn on_watch_checkpointed(
        &mut self,
        written: &WatchCheckpointed,
        at: Millis,
    ) {
        let now_ms = self.live_clock(&written.room, at).map_or(0, clock_ms);
        let is_new = !self.watch.rooms.contains_key(&written.room);
        let room = self.watch.rooms.entry(written.room.clone()).or_default();
        let mut unnamed = std::mem::take(&mut room.live.unnamed).into_iter().peekable();
        for viewer in &written.newcomers {
            if unnamed.next_if_eq(viewer).is_none() {
                let number = u32::try_from(room.live.rows.len()).unwrap_or(u32::MAX);
                room.live.numbers.insert(viewer.clone(), number);
                room.live.rows.push(Row::new(now_ms));
            }
            room.viewers.push(viewer.clone());
            room.written_ms.push(0);
        }
        room.live.unnamed = unnamed.collect();
        room.live.moved.clear();
        for (number, more_ms) in unpacked(&written.more) {
            let Some(ms) = room.written_ms.get_mut(number as usize) else { continue };
            *ms = ms.saturating_add(more_ms);
            if let Some(row) = room.live.rows.get_mut(number as usize) {
                row.follow(*ms);
            }
            room.live.moved.push(number);
        }
        room.written_at = Some(at);
        room.live.unwritten = room.live.rows.iter().any(|row| row.until_ms() > now_ms);
        if is_new {
            self.watch_tasks_changed(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_and_most_take_three_bytes() {
        let pairs: Vec<(u32, u32)> = (0..20_000).map(|number| (number, 10_000)).collect();
        let text = packed(&pairs);
        assert_eq!(unpacked(&text), pairs);
        assert_eq!(text.len(), 80_000, "three bytes are four characters");
        let far = [(0, 1), (500, u32::MAX), (501, 0), (u32::MAX - 1, 127)];
        assert_eq!(unpacked(&packed(&far)), far);
    }

    #[test]
    fn bytes_that_are_none_say_nothing() {
        for text in ["", "?", "gICAgICA", "AA"] {
            assert_eq!(unpacked(text), [], "{text}");
        }
    }
}
