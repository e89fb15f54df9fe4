//! How many watch a room on all nodes together. Owns the sums; what a node says counts for some
//! seconds.

use std::collections::HashMap;
use std::time::Duration;

use dashmap::DashMap;
use hawker_domain::id::{RoomId, ShopId};
use tokio::time::Instant;

/// A node reports each second of a room that somebody watches.
const COUNTS_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Crowds(DashMap<(ShopId, RoomId), HashMap<u64, Crowd>>);

#[derive(Debug)]
struct Crowd {
    viewers: u64,
    at: Instant,
}

impl Crowds {
    /// A session of another node, or 0 for this one, has so many viewers in a room. Answers with
    /// how many there are on all.
    pub(super) fn note(&self, (shop, room): (&ShopId, &RoomId), session: u64, viewers: u64) -> u64 {
        let mut crowds = self.0.entry((shop.clone(), room.clone())).or_default();
        let now = Instant::now();
        crowds.insert(session, Crowd { viewers, at: now });
        crowds.retain(|_, crowd| now - crowd.at < COUNTS_FOR);
        crowds.values().map(|crowd| crowd.viewers).sum()
    }

    /// A node is gone, and its viewers with it. Answers with the rooms and those who are left.
    pub(super) fn leave(&self, session: u64) -> Vec<(ShopId, RoomId, u64)> {
        let mut left = Vec::new();
        self.0.retain(|(shop, room), crowds| {
            if crowds.remove(&session).is_some() {
                let viewers = crowds.values().map(|crowd| crowd.viewers).sum();
                left.push((shop.clone(), room.clone(), viewers));
            }
            !crowds.is_empty()
        });
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn viewers_of_all_nodes_are_summed_and_those_of_a_silent_one_are_not() {
        let (shop, room) = (ShopId::parse("acme").unwrap(), RoomId::parse("r1").unwrap());
        let (crowds, place) = (Crowds::default(), (&shop, &room));
        assert_eq!(crowds.note(place, 0, 3), 3);
        assert_eq!(crowds.note(place, 1, 4), 7);
        assert_eq!(crowds.note(place, 0, 2), 6);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(crowds.note(place, 2, 5), 11);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(crowds.note(place, 0, 1), 6, "the node of session 1 said nothing for 6 s");
        assert_eq!(crowds.leave(2), [(shop.clone(), room.clone(), 1)]);
        assert_eq!(crowds.leave(2), []);
    }
}
