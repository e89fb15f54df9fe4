//! The mirror between two hubs: an owner who publishes, a bus that may lose, delay and repeat, and
//! viewers on another node. Owns what the tests below share.

mod gaps;
mod joins;
mod moves;
mod world;

use std::time::Duration;

use crate::bus::{Class, Topic};
use world::{Viewer, World, topic};

/// Lets every task that can run do so; the paused clock stands still meanwhile.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, in steps, so that what waits for the hub's tick comes before the next second.
async fn pass_ms(ms: u64) {
    for _ in 0..ms / 50 {
        tokio::time::advance(Duration::from_millis(50)).await;
        settle().await;
    }
    tokio::time::advance(Duration::from_millis(ms % 50 + 1)).await;
    settle().await;
}
