//! The tick of a room: one frame, made once, written to every subscriber. Owns the walk and how a
//! subscriber that fell behind comes back; never waits for a socket.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::Snapshot;
use super::connection::{Connection, ConnectionId};
use super::frame::Frame;
use super::meters::Kind;
use super::outbox::{Sent, Waiter};
use super::ring::Entry;
use super::room::{Room, State};

/// What one tick sends.
struct Batch {
    pass: u64,
    epoch: u64,
    numbered: Vec<Entry>,
    others: Vec<(Kind, Bytes)>,
    /// Frames without the lines up to a position, for those who know these already.
    trimmed: Vec<(u64, Option<Frame>)>,
}

/// One write of a turn.
struct Target {
    connection: Arc<Connection>,
    generation: u64,
    position_before: u64,
    frame: Frame,
}

/// What one turn of the walk has to do once the room is unlocked.
#[derive(Default)]
struct Turn {
    targets: Vec<Target>,
    /// Behind, but drained: a snapshot is due.
    drained: Vec<ConnectionId>,
    skipped: u64,
}

enum Due {
    Never,
    At(Instant),
    Now,
}

impl Room {
    /// Sends what waits, tick by tick, until nothing does.
    pub(super) async fn tick(self: Arc<Self>) {
        let mut ticking = Ticking { room: &self, is_over: false };
        loop {
            match self.due() {
                Due::Never => break,
                Due::Now => {
                    let batch = self.take();
                    self.pass(batch).await;
                }
                Due::At(at) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = self.urgent.notified() => {}
                    }
                }
            }
        }
        ticking.is_over = true;
    }

    /// The first line after quiet leaves at once, later ones when the tick is over.
    fn due(&self) -> Due {
        let mut state = self.state.lock();
        if !state.has_pending() {
            state.ticking = false;
            return Due::Never;
        }
        let tick = self.shared.options.tick();
        let at = state.ticked_at.map(|ticked_at| ticked_at + tick);
        match at.filter(|at| !state.urgent && *at > Instant::now()) {
            Some(at) => Due::At(at),
            None => Due::Now,
        }
    }

    fn take(&self) -> Batch {
        let options = &self.shared.options;
        let lines_max = if options.tick_ms == 0 { 1 } else { usize::MAX };
        let mut state = self.state.lock();
        let state = &mut *state;
        let numbered = state.ring.take(lines_max, options.frame_bytes_max);
        let mut left = lines_max - numbered.len();
        let transient = left.min(state.transient.len());
        let mut others: Vec<_> = state.transient.drain(..transient).collect();
        left -= transient;
        let counters = left.min(state.counters.len());
        others.extend(state.counters.drain(..counters).map(|(_, line)| (Kind::Counter, line)));
        // A batch that was cut goes on at once.
        state.urgent = state.ring.has_untaken();
        state.ticked_at = Some(Instant::now());
        state.passes += 1;
        let (pass, epoch) = (state.passes, state.ring.epoch());
        Batch { pass, epoch, numbered, others, trimmed: Vec::new() }
    }

    async fn pass(&self, mut batch: Batch) {
        let started_at = Instant::now();
        let mut cursor = usize::MAX;
        loop {
            let turn = self.turn(&mut cursor, &mut batch);
            self.shared.meters.skip(&batch.lines_by_kind(), turn.skipped);
            let full: Vec<_> = turn.targets.into_iter().filter(Target::did_not_fit).collect();
            self.fall_behind(&batch, &full);
            turn.drained.into_iter().for_each(|id| self.resync(id));
            if cursor == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.shared.meters.tick_seconds.record(started_at.elapsed().as_secs_f64());
    }

    fn turn(&self, cursor: &mut usize, batch: &mut Batch) -> Turn {
        let mut turn = Turn::default();
        let mut state = self.state.lock();
        for slot in state.subscribers.turn(cursor, self.shared.options.writes_per_turn_max) {
            if std::mem::replace(&mut slot.pass, batch.pass) == batch.pass || slot.held {
                continue;
            }
            if slot.behind {
                turn.skipped += 1;
                if !slot.connection.is_draining() {
                    turn.drained.push(slot.connection.id());
                }
                continue;
            }
            let position_before = slot.position;
            let Some(frame) = batch.frame_after(position_before) else { continue };
            slot.position = position_before.max(batch.last());
            turn.targets.push(Target {
                connection: Arc::clone(&slot.connection),
                generation: slot.generation,
                position_before,
                frame,
            });
        }
        turn
    }

    /// Notes who could not be served. The outbox may have drained since: then nobody would come
    /// to call them back, so the snapshot is tried at once.
    fn fall_behind(&self, batch: &Batch, full: &[Target]) {
        if full.is_empty() {
            return;
        }
        self.shared.meters.skip(&batch.lines_by_kind(), full.len() as u64);
        let mut state = self.state.lock();
        for target in full {
            let epoch = state.ring.epoch();
            let slot = state.subscribers.get_mut(target.connection.id());
            if let Some(slot) = slot.filter(|slot| slot.generation == target.generation) {
                slot.behind = true;
                if epoch == batch.epoch {
                    slot.position = slot.position.min(target.position_before);
                }
            }
        }
        drop(state);
        full.iter().for_each(|target| self.resync(target.connection.id()));
    }

    /// Lets a new subscriber's pushes flow, beginning with what came since it joined.
    pub(super) fn start(&self, id: ConnectionId, generation: u64) {
        let mut state = self.state.lock();
        let State { ring, subscribers, .. } = &mut *state;
        let slot = subscribers.get_mut(id).filter(|slot| slot.generation == generation);
        let Some(slot) = slot else { return };
        slot.held = false;
        if !slot.behind && slot.position < ring.taken() {
            let lines = ring.since(slot.position).map(lines_of);
            let sent = lines.map(|lines| slot.connection.offer(&frame_of(&lines)));
            slot.behind = matches!(sent, None | Some(Sent::Full));
            if !slot.behind {
                slot.position = ring.taken();
            }
        }
        let is_behind = slot.behind;
        drop(state);
        if is_behind {
            self.resync(id);
        }
    }

    /// Brings a drained subscriber back: what it missed as one gap, the room as it is, and what
    /// came since. One that is still draining is called again later.
    fn resync(&self, id: ConnectionId) {
        let snapshot = self.source.snapshot(&self.topic);
        let mut state = self.state.lock();
        self.learn(&mut state, snapshot.as_ref());
        let epoch = state.ring.epoch();
        let snapshot = snapshot.filter(|snapshot| snapshot.epoch == epoch);
        while let Some(connection) = state.behind(id) {
            if connection.is_closing() || connection.when_drained(self.me.clone()) {
                return;
            }
            self.catch_up(&mut state, id, snapshot.as_ref());
        }
    }

    fn catch_up(&self, state: &mut State, id: ConnectionId, snapshot: Option<&Snapshot>) {
        let State { ring, subscribers, .. } = state;
        let Some(slot) = subscribers.get_mut(id) else { return };
        let known_to = snapshot.map_or(0, |snapshot| snapshot.seq);
        let base = known_to.max(slot.position).max(ring.floor());
        let body = snapshot.map(|snapshot| &snapshot.body);
        let gap = (base > slot.position || body.is_some())
            .then(|| Frame::line(&self.source.gap(&self.topic, slot.position + 1, base, body)));
        let lines = ring.since(base).map(lines_of).filter(|lines| !lines.is_empty());
        let frames = [gap, lines.map(|lines| frame_of(&lines))];
        let fits = |frame: &Frame| slot.connection.offer(frame) != Sent::Full;
        if frames.iter().flatten().all(fits) {
            slot.behind = false;
            slot.position = base.max(ring.taken());
        }
    }
}

impl Waiter for Room {
    fn on_drained(&self, connection: ConnectionId) {
        self.resync(connection);
    }
}

impl State {
    fn behind(&mut self, id: ConnectionId) -> Option<Arc<Connection>> {
        let slot = self.subscribers.get_mut(id).filter(|slot| slot.behind && !slot.held)?;
        Some(Arc::clone(&slot.connection))
    }
}

impl Target {
    fn did_not_fit(&self) -> bool {
        self.connection.offer(&self.frame) == Sent::Full
    }
}

impl Batch {
    fn last(&self) -> u64 {
        self.numbered.last().map_or(0, |entry| entry.seq)
    }

    /// The frame for somebody who knows everything up to `position`; made once for all of them.
    fn frame_after(&mut self, position: u64) -> Option<Frame> {
        let first = self.numbered.first().map_or(0, |entry| entry.seq);
        let known = position.clamp(first.saturating_sub(1), self.last().max(first));
        if let Some((_, frame)) = self.trimmed.iter().find(|(to, _)| *to == known) {
            return frame.clone();
        }
        let numbered = self.numbered.iter().filter(|entry| entry.seq > known);
        let lines: Vec<_> =
            numbered.map(|e| &e.line).chain(self.others.iter().map(|(_, line)| line)).collect();
        let frame = (!lines.is_empty()).then(|| Frame::lines(lines.iter().map(|line| &line[..])));
        self.trimmed.push((known, frame.clone()));
        frame
    }

    fn lines_by_kind(&self) -> [u64; 4] {
        let mut lines = [0; 4];
        let numbered = self.numbered.iter().map(|entry| entry.kind);
        for kind in numbered.chain(self.others.iter().map(|(kind, _)| *kind)) {
            lines[kind as usize] += 1;
        }
        lines
    }
}

/// Lets the next line start a new task if this one is torn down in the middle of a pass.
struct Ticking<'a> {
    room: &'a Room,
    is_over: bool,
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.room.state.lock().ticking = false;
        }
    }
}

fn lines_of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Bytes> {
    entries.map(|entry| entry.line.clone()).collect()
}

fn frame_of(lines: &[Bytes]) -> Frame {
    Frame::lines(lines.iter().map(|line| &line[..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Class, Publication};
    use crate::hub::tests::House;

    /// Between the failed write and the note of it another thread may have emptied the outbox:
    /// then no drain is left that would call.
    #[tokio::test(start_paused = true)]
    async fn one_that_drained_before_it_was_noted_as_behind_is_brought_back_at_once() {
        let mut house = House::new();
        let (mut ann, _in_room) = house.viewer();
        let room = house.room();
        house.snapshot_at(1);
        let first = Publication { seq: Some(1), ..house.unnumbered(Class::Lossy, "1") };
        assert!(room.publish(&first));
        let mut batch = room.take();
        let target = Target {
            connection: Arc::clone(ann.reader.connection()),
            generation: 1,
            position_before: 0,
            frame: batch.frame_after(0).unwrap(),
        };
        room.fall_behind(&batch, &[target]);
        assert_eq!(ann.client.lines(), ["gap 1 1", "snapshot 7.1"]);
    }
}
