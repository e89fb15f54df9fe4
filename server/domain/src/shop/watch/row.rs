//! One viewer of a room. Owns the arithmetic of accrual: settle up to now, then say how long what
//! was seen vouches for each connection.

use smallvec::SmallVec;

#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Settled watch time.
    watched_ms: u32,
    /// Up to when it is settled, by the live clock.
    last_tick_ms: u32,
    /// Connections that play and show, each until when its last heartbeat vouches for it.
    connections: SmallVec<[(u64, u32); 1]>,
    soon_ms: Option<u32>,
}

impl Row {
    pub(super) fn new(now_ms: u32) -> Self {
        Self { last_tick_ms: now_ms, ..Self::default() }
    }

    pub(super) fn resumed(watched_ms: u32) -> Self {
        Self { watched_ms, ..Self::default() }
    }

    /// The latest of its connections.
    pub(super) fn until_ms(&self) -> u32 {
        self.connections.iter().map(|(_, until_ms)| *until_ms).max().unwrap_or(0)
    }

    fn pending_ms(&self, now_ms: u32) -> u32 {
        now_ms.min(self.until_ms()).saturating_sub(self.last_tick_ms)
    }

    /// Watch time up to `now_ms`.
    pub(super) fn watched_ms(&self, now_ms: u32) -> u32 {
        self.watched_ms.saturating_add(self.pending_ms(now_ms))
    }

    /// Watch time up to where it is settled.
    pub(super) fn settled_ms(&self) -> u32 {
        self.watched_ms
    }

    /// Up to when it is settled.
    pub(super) fn last_tick_ms(&self) -> u32 {
        self.last_tick_ms
    }

    pub(super) fn settle(&mut self, now_ms: u32, counts: bool) {
        if counts {
            self.watched_ms = self.watched_ms(now_ms);
        }
        self.last_tick_ms = self.last_tick_ms.max(now_ms);
    }

    /// A connection was seen watching; those that ran out are forgotten.
    pub(super) fn vouch(&mut self, connection: u64, until_ms: u32, now_ms: u32) {
        let known = self.connections.iter().find(|(known, _)| *known == connection);
        let until_ms = known.map_or(until_ms, |(_, before)| until_ms.max(*before));
        self.connections.retain(|(known, until)| *known != connection && *until > now_ms);
        self.connections.push((connection, until_ms));
    }

    pub(super) fn stop(&mut self, connection: u64) {
        self.connections.retain(|(known, _)| *known != connection);
    }

    pub(super) fn stop_all(&mut self) {
        self.connections.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.connections.is_empty()
    }

    /// As it was written down by somebody who saw more.
    pub(super) fn follow(&mut self, written_ms: u32) {
        if self.is_idle() {
            self.watched_ms = self.watched_ms.max(written_ms);
        }
    }

    pub(super) fn soon_ms(&self) -> Option<u32> {
        self.soon_ms
    }

    pub(super) fn set_soon(&mut self, at_ms: Option<u32>) -> Option<u32> {
        std::mem::replace(&mut self.soon_ms, at_ms)
    }
}
