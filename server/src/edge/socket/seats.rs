//! The rooms a connection is in, and what waits for the next pulse: likes, and who watches.

use dashmap::DashMap;
use hawker_domain::id::{RoomId, ShopId};
use hawker_domain::shop::{Pulse, WatchMark};
use hawker_domain::time::Millis;
use hawker_protocol::limits::LIKES_PER_S_MAX;

use crate::edge::nodes::Nodes;
use crate::hub::{Hub, Membership};
use crate::hub::{Target, Topic};

/// Places in rooms; a connection has one, seldom a few.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// Most have one for ever.
    rooms: Vec<Seat>,
    /// The connection's: whoever leaves and comes back has not gained any.
    likes: LikeAllowance,
}

/// One place. Dropping it leaves the room.
#[derive(Debug)]
pub(super) struct Seat {
    membership: Membership,
    joined_at: Millis,
}

/// Likes that still count: 10 a second, and no more than one second's worth saved up. It is full
/// by default, since the time before counts as saved.
#[derive(Debug, Clone, Copy, Default)]
struct LikeAllowance {
    at: Millis,
    thousandths: u64,
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Replaces the place in the same room, if there is one.
    pub(super) fn sit(&mut self, membership: Membership, joined_at: Millis) {
        self.leave(membership.topic());
        // A vector by itself would make room for four.
        self.rooms.reserve_exact(1);
        self.rooms.push(Seat { membership, joined_at });
    }

    /// Whether there was a place to leave.
    pub(super) fn leave(&mut self, topic: &Topic) -> bool {
        let at = self.rooms.iter().position(|seat| seat.membership.topic() == topic);
        at.map(|at| self.rooms.swap_remove(at)).is_some()
    }

    pub(super) fn joined_at(&self, topic: &Topic) -> Option<Millis> {
        self.seat(topic).map(|seat| seat.joined_at)
    }

    /// Whether he is still there: whoever was expelled is not, though he took a place.
    pub(super) fn is_in(&self, topic: &Topic) -> bool {
        self.seat(topic).is_some_and(|seat| seat.membership.is_held())
    }

    /// How many of `count` likes are counted; `None` outside the room.
    pub(super) fn allow_likes(&mut self, topic: &Topic, count: u64, now: Millis) -> Option<u64> {
        self.is_in(topic).then(|| self.likes.take(count, now))
    }

    fn seat(&self, topic: &Topic) -> Option<&Seat> {
        self.rooms.iter().find(|seat| seat.membership.topic() == topic)
    }
}

impl LikeAllowance {
    fn take(&mut self, count: u64, now: Millis) -> u64 {
        let per_s = u64::from(LIKES_PER_S_MAX);
        let gained = now.since(self.at).0.saturating_mul(per_s);
        self.thousandths = self.thousandths.saturating_add(gained).min(per_s * 1_000);
        self.at = self.at.max(now);
        let taken = count.min(self.thousandths / 1_000);
        self.thousandths -= taken * 1_000;
        taken
    }
}

/// What all connections of this node did in their rooms since the last pulse. A room that somebody
/// watches, or did a second ago, has one.
#[derive(Debug, Default)]
pub struct Pulses {
    likes: DashMap<Topic, u64>,
    /// As many as requests that the rates let through.
    marks: DashMap<Topic, Vec<WatchMark>>,
}

impl Pulses {
    pub(super) fn like(&self, topic: &Topic, count: u64) {
        *self.likes.entry(topic.clone()).or_default() += count;
    }

    pub(super) fn mark(&self, topic: &Topic, mark: WatchMark) {
        self.marks.entry(topic.clone()).or_default().push(mark);
    }

    /// Reports each room's second to its shop: one pulse per room, whatever its size.
    pub fn report(&self, hub: &Hub, nodes: &Nodes) {
        for pulse in hub.pulse() {
            let likes = self.likes.remove(&pulse.topic).map_or(0, |(_, likes)| likes);
            let marks = self.marks.remove(&pulse.topic).map(|(_, marks)| marks);
            let Some((shop, room)) = room_of(&pulse.topic) else { continue };
            let (joins, viewers, marks) = (pulse.joins, pulse.viewers, marks.unwrap_or_default());
            nodes.pulse(shop, room, Pulse { likes, joins, viewers, marks });
        }
    }
}

fn room_of(topic: &Topic) -> Option<(&ShopId, &RoomId)> {
    match topic.target() {
        Target::Room { shop, room } => Some((shop, room)),
        Target::User(_) | Target::Users(_) | Target::Desk(_) | Target::Conversation { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use hawker_domain::id::UserId;

    use super::*;

    #[test]
    fn only_rooms_have_viewers_that_a_shop_counts() {
        let (shop, room) = (ShopId::parse("acme").unwrap(), RoomId::parse("r1").unwrap());
        let ann = UserId::parse("ann").unwrap();
        assert_eq!(room_of(&Topic::room(&shop, &room)), Some((&shop, &room)));
        let others = [Topic::user(&ann), Topic::desk(&shop), Topic::conversation(&shop, &ann)];
        assert!(others.iter().all(|topic| room_of(topic).is_none()));
    }

    #[test]
    fn at_most_ten_likes_a_second_count() {
        let mut likes = LikeAllowance::default();
        let start = 1_700_000_000_000;
        assert_eq!(likes.take(25, Millis(start)), 10);
        assert_eq!(likes.take(5, Millis(start)), 0);
        assert_eq!(likes.take(5, Millis(start + 200)), 2);
        assert_eq!(likes.take(100, Millis(start + 60_000)), 10);
    }
}
