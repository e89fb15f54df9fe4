//! The tick of a room: one frame, made once, written to every subscriber by one task per shard.
//! Owns when a tick is over and the walk; never waits for a socket.

use std::sync::Arc;

use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::outbox::Sent;
use super::room::Room;
use super::subscribers::{Flow, Shard, Slot};

/// Writes under one hold of a shard's lock: some hundred microseconds, which is what a leave may
/// have to wait for.
const WRITES_PER_LOCK: usize = 16;

enum Due {
    Never,
    At(Instant),
    Now(Batch),
}

impl Room {
    /// Sends what waits, tick by tick, until nothing does.
    pub(super) async fn tick(self: Arc<Self>) {
        let mut ticking = Ticking { room: &self, is_over: false };
        loop {
            match self.due() {
                Due::Never => break,
                Due::Now(batch) => self.pass(batch).await,
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
        let options = &self.shared.options;
        let tick = options.tick(self.subscribers.len());
        let mut stream = self.stream.lock();
        if !stream.has_pending() {
            stream.ticking = false;
            return Due::Never;
        }
        let at = stream.ticked_at.map(|ticked_at| ticked_at + tick);
        match at.filter(|at| !stream.urgent && *at > Instant::now()) {
            Some(at) => Due::At(at),
            None => Due::Now(stream.take(options, tick.is_zero())),
        }
    }

    /// Sends a batch to everybody. The next one is not taken before all shards are through: nobody
    /// hears it before somebody else has heard this one, and no shard falls behind.
    async fn pass(self: &Arc<Self>, batch: Batch) {
        let started_at = Instant::now();
        let oldest = batch.oldest_by_kind();
        match self.subscribers.occupied()[..] {
            [] => {}
            [shard] => self.walk(shard, &batch).await,
            ref shards => self.walk_all(shards, Arc::new(batch)).await,
        }
        self.shared.meters.pass(started_at, oldest);
    }

    async fn walk_all(self: &Arc<Self>, shards: &[u32], batch: Arc<Batch>) {
        let mut walks = JoinSet::new();
        for shard in shards.iter().copied() {
            let (room, batch) = (Arc::clone(self), Arc::clone(&batch));
            walks.spawn(async move { room.walk(shard, &batch).await });
        }
        while let Some(walked) = walks.join_next().await {
            if let Err(error) = walked {
                tracing::error!(topic = %self.topic, %error, "a shard's walk ended early");
            }
        }
    }

    async fn walk(&self, shard: u32, batch: &Batch) {
        let Some(shard) = self.subscribers.shard(shard) else { return };
        let mut next = 0;
        while self.turn(shard, &mut next, batch) {
            yield_now().await;
        }
    }

    /// Serves the next slots from `next` on. Whether there are more.
    fn turn(&self, shard: &Shard, next: &mut usize, batch: &Batch) -> bool {
        let meters = &self.shared.meters;
        let mut left = self.shared.options.writes_per_turn_max.max(1);
        let mut skipped = 0;
        let mut more = true;
        meters.turn(|| {
            while more && left > 0 {
                let slots_max = left.min(WRITES_PER_LOCK);
                left -= slots_max;
                let mut slots = shard.lock();
                let (turn, has_more) = slots.turn(next, slots_max);
                skipped += turn.map(|slot| u64::from(!self.serve(slot, batch))).sum::<u64>();
                more = has_more;
            }
        });
        if skipped > 0 {
            meters.skip(&batch.lines_by_kind(), skipped);
        }
        more
    }

    /// Writes to one subscriber. `false`: it is skipped.
    fn serve(&self, slot: &mut Slot, batch: &Batch) -> bool {
        match slot.flow {
            Flow::Held => return true,
            Flow::Behind => {
                // It may have drained since; a reader that has not is called when it has.
                if !slot.connection.is_draining() {
                    self.resync(slot);
                }
                return false;
            }
            Flow::Live => {}
        }
        let stand = &mut slot.stand;
        if stand.era > batch.era {
            // It came back after the ring had begun anew: these lines are older than its snapshot.
            return true;
        }
        let has_place = stand.era == batch.era && batch.first() <= stand.position + 1;
        if has_place {
            let Some(frame) = batch.frame_after(stand.position) else { return true };
            if slot.connection.offer(&frame) != Sent::Full {
                stand.position = stand.position.max(batch.last());
                return true;
            }
        }
        slot.flow = Flow::Behind;
        self.resync(slot);
        false
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
            self.room.stream.lock().ticking = false;
        }
    }
}
