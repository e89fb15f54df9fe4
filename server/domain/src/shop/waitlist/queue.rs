//! The line of those who wait for one item: first come, first served. Owns the order and the
//! places; knows nothing of stock, limits or offers.

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::lookup::Lookup;

/// A line that answers "where do I stand" and "who is the first that fits" in O(log n). A tree
/// over the slots in the order of joining keeps, for each stretch, how many stand there and the
/// least that any of them wants.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(UserId, u32)>", into = "Vec<(UserId, u32)>")]
pub(in crate::shop) struct Queue {
    entries: Lookup<UserId, Entry>,
    slots: Vec<Option<UserId>>,
    /// A heap: the root at 1, the leaf of slot `s` at `nodes.len() / 2 + s`.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    slot: usize,
    quantity: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    count: u32,
    least_units: u32,
}

impl Node {
    const EMPTY: Self = Self { count: 0, least_units: u32::MAX };

    fn join(left: Self, right: Self) -> Self {
        Self {
            count: left.count + right.count,
            least_units: left.least_units.min(right.least_units),
        }
    }
}

/// Room for a few before the first rebuilding.
const LEAVES_MIN: usize = 8;

impl Queue {
    pub(in crate::shop) fn len(&self) -> u32 {
        self.nodes.get(1).map_or(0, |root| root.count)
    }

    pub(in crate::shop) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(in crate::shop) fn quantity(&self, buyer: &UserId) -> Option<u32> {
        self.entries.get(buyer).map(|entry| entry.quantity)
    }

    /// One-based.
    pub(in crate::shop) fn position(&self, buyer: &UserId) -> Option<u32> {
        let entry = self.entries.get(buyer)?;
        let mut node = self.nodes.len() / 2 + entry.slot;
        let mut ahead = 0;
        while node > 1 {
            if node % 2 == 1 {
                ahead += self.nodes[node - 1].count;
            }
            node /= 2;
        }
        Some(ahead + 1)
    }

    /// The first in line who wants no more than `units`.
    pub(in crate::shop) fn first_fitting(&self, units: u32) -> Option<(&UserId, u32)> {
        let root = self.nodes.get(1)?;
        if root.count == 0 || root.least_units > units {
            return None;
        }
        let leaves = self.nodes.len() / 2;
        let mut node = 1;
        while node < leaves {
            let left = node * 2;
            node = if self.nodes[left].least_units <= units { left } else { left + 1 };
        }
        let buyer = self.slots.get(node - leaves)?.as_ref()?;
        Some((buyer, self.nodes[node].least_units))
    }

    /// Puts `buyer` at the end. He must not stand in the line already.
    pub(in crate::shop) fn join(&mut self, buyer: &UserId, quantity: u32) {
        if self.slots.len() == self.nodes.len() / 2 {
            self.rebuild();
        }
        let slot = self.slots.len();
        let before = self.entries.insert(buyer.clone(), Entry { slot, quantity });
        assert!(before.is_none(), "{buyer} stands twice in one line");
        self.slots.push(Some(buyer.clone()));
        self.set(slot, Node { count: 1, least_units: quantity });
    }

    /// Takes `buyer` out; what he waited for, where he stood there at all.
    pub(in crate::shop) fn remove(&mut self, buyer: &UserId) -> Option<u32> {
        let entry = self.entries.remove(buyer)?;
        self.slots[entry.slot] = None;
        self.set(entry.slot, Node::EMPTY);
        Some(entry.quantity)
    }

    /// Everybody, in line.
    pub(in crate::shop) fn in_line(&self) -> Vec<(&UserId, u32)> {
        let waiting = self.slots.iter().flatten();
        waiting.filter_map(|buyer| Some((buyer, self.quantity(buyer)?))).collect()
    }

    fn set(&mut self, slot: usize, leaf: Node) {
        let mut node = self.nodes.len() / 2 + slot;
        self.nodes[node] = leaf;
        while node > 1 {
            node /= 2;
            self.nodes[node] = Node::join(self.nodes[node * 2], self.nodes[node * 2 + 1]);
        }
    }

    /// Closes the gaps and makes room for as many again, so that its cost is spread over the
    /// joins that led here.
    fn rebuild(&mut self) {
        let waiting: Vec<UserId> = self.slots.drain(..).flatten().collect();
        let leaves = (waiting.len() * 2).next_power_of_two().max(LEAVES_MIN);
        self.nodes = vec![Node::EMPTY; leaves * 2];
        for (slot, buyer) in waiting.iter().enumerate() {
            if let Some(entry) = self.entries.get_mut(buyer) {
                entry.slot = slot;
                self.nodes[leaves + slot] = Node { count: 1, least_units: entry.quantity };
            }
        }
        for node in (1..leaves).rev() {
            self.nodes[node] = Node::join(self.nodes[node * 2], self.nodes[node * 2 + 1]);
        }
        self.slots = waiting.into_iter().map(Some).collect();
    }
}

impl From<Queue> for Vec<(UserId, u32)> {
    fn from(queue: Queue) -> Self {
        queue.in_line().into_iter().map(|(buyer, quantity)| (buyer.clone(), quantity)).collect()
    }
}

impl From<Vec<(UserId, u32)>> for Queue {
    fn from(line: Vec<(UserId, u32)>) -> Self {
        let mut queue = Self::default();
        line.iter().for_each(|(buyer, quantity)| queue.join(buyer, *quantity));
        queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u32) -> UserId {
        UserId::parse(&format!("u{number}")).unwrap()
    }

    #[test]
    fn the_first_who_fits_is_served_and_who_wants_more_keeps_his_place() {
        let mut queue = Queue::default();
        queue.join(&user(1), 3);
        queue.join(&user(2), 1);
        queue.join(&user(3), 1);
        assert_eq!(queue.first_fitting(1), Some((&user(2), 1)));
        assert_eq!(queue.first_fitting(3), Some((&user(1), 3)));
        assert_eq!(queue.first_fitting(0), None);
        assert_eq!(queue.remove(&user(2)), Some(1));
        assert_eq!(queue.remove(&user(2)), None);
        assert_eq!(queue.position(&user(1)), Some(1));
        assert_eq!(queue.position(&user(3)), Some(2));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_long_line_answers_as_a_plain_list_would() {
        let mut queue = Queue::default();
        let mut list: Vec<(UserId, u32)> = Vec::new();
        let mut random = 7_u32;
        for step in 0..4_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = (random >> 8) % 97;
            if let Some(at) = list.iter().position(|(buyer, _)| *buyer == user(number)) {
                let (buyer, quantity) = list.remove(at);
                assert_eq!(queue.remove(&buyer), Some(quantity), "step {step}");
            } else {
                let quantity = random % 5 + 1;
                queue.join(&user(number), quantity);
                list.push((user(number), quantity));
            }
            let units = random % 6;
            let expected = list.iter().find(|(_, quantity)| *quantity <= units);
            assert_eq!(queue.first_fitting(units), expected.map(|(b, q)| (b, *q)), "step {step}");
            if let Some((last, _)) = list.last() {
                assert_eq!(queue.position(last).unwrap() as usize, list.len(), "step {step}");
            }
            let line: Vec<_> = list.iter().map(|(buyer, quantity)| (buyer, *quantity)).collect();
            assert_eq!(queue.in_line(), line, "step {step}");
        }
    }
}
