//! Every figure of the hub, with its reason.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

/// What the hub allows and when it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A room's pushes collect for this long before they leave as one frame; 0 sends each alone.
    pub tick_ms: u64,
    /// For rooms with so many viewers or more: another tick. The largest that fits counts.
    pub larger_room_ticks: Vec<LargerRoomTick>,
    /// How many tasks write for one room: as many as there are cores.
    pub shards_max: usize,
    /// A room gets one more shard for each so many viewers: 512 writes take some milliseconds,
    /// which is when starting another task pays.
    pub shard_viewers: usize,
    /// A tick's frame is cut here, so that one frame cannot fill an outbox.
    pub frame_bytes_max: usize,
    /// Whether compressed messages are agreed on with clients that offer them.
    pub deflates: bool,
    /// How many times its size a client's compressed message may grow to, within the limit for
    /// messages. The first kilobytes are free: a dozen repeated letters grow more.
    pub inflate_growth_max: usize,
    /// How many numbered lines a room keeps for resumes and slow readers.
    pub ring_lines_max: usize,
    /// How long it keeps them; also how long a room without viewers is remembered.
    pub ring_age_ms: u64,
    /// Writes before the fan-out lets other tasks run: 64 take about half a millisecond.
    pub writes_per_turn_max: usize,
    pub buyer: Limits,
    pub staff: Limits,
    /// How long a ping may stay unanswered.
    pub pong_timeout_ms: u64,
    /// How long nothing at all may leave a blocked socket, and how long a reader whom rooms skip
    /// may take to empty its outbox.
    pub write_timeout_ms: u64,
    /// How long a peer may take to answer our close frame.
    pub close_timeout_ms: u64,
    /// `SO_SNDBUF`; the kernel doubles it.
    pub send_buffer_bytes: usize,
    /// `TCP_USER_TIMEOUT`.
    pub user_timeout_ms: u64,
}

/// The tick of a room that is larger than most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargerRoomTick {
    pub viewers_min: usize,
    pub tick_ms: u64,
}

/// What depends on who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub message_bytes_max: usize,
    /// Unsent bytes; a quarter is kept for replies, so that room traffic alone closes nobody.
    pub outbox_bytes_max: usize,
    /// Silence after which the server pings.
    pub ping_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tick_ms: 50,
            larger_room_ticks: Vec::new(),
            shards_max: available_parallelism().map_or(1, NonZero::get),
            shard_viewers: 512,
            frame_bytes_max: 64 << 10,
            deflates: true,
            inflate_growth_max: 10,
            ring_lines_max: 500,
            ring_age_ms: 300_000,
            writes_per_turn_max: 64,
            buyer: Limits {
                message_bytes_max: 32 << 10,
                outbox_bytes_max: 256 << 10,
                ping_ms: 25_000,
            },
            staff: Limits {
                message_bytes_max: 64 << 10,
                outbox_bytes_max: 1 << 20,
                ping_ms: 10_000,
            },
            pong_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            close_timeout_ms: 3_000,
            send_buffer_bytes: 64 << 10,
            user_timeout_ms: 20_000,
        }
    }
}

impl Options {
    /// The tick of a room with so many viewers.
    pub(super) fn tick(&self, viewers: usize) -> Duration {
        let fits = self.larger_room_ticks.iter().filter(|tick| tick.viewers_min <= viewers);
        let largest = fits.max_by_key(|tick| tick.viewers_min);
        Duration::from_millis(largest.map_or(self.tick_ms, |tick| tick.tick_ms))
    }

    pub(super) fn ring_age(&self) -> Duration {
        Duration::from_millis(self.ring_age_ms)
    }

    pub(super) fn pong_timeout(&self) -> Duration {
        Duration::from_millis(self.pong_timeout_ms)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(super) fn close_timeout(&self) -> Duration {
        Duration::from_millis(self.close_timeout_ms)
    }
}

impl Limits {
    pub(super) fn ping_after(&self) -> Duration {
        Duration::from_millis(self.ping_ms)
    }
}
