//! A set that mostly has one member, which then costs no allocation of its own. Owns its order;
//! never fit for many.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A sorted set that is walked and searched like a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Few<T>(SmallVec<[T; 1]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Ord> Few<T> {
    pub(crate) fn insert(&mut self, member: T) {
        if let Err(place) = self.0.binary_search(&member) {
            self.0.insert(place, member);
        }
    }

    pub(crate) fn remove(&mut self, member: &T) {
        if let Ok(place) = self.0.binary_search(member) {
            self.0.remove(place);
        }
    }

    /// In order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_kept_once_and_in_order() {
        let mut few = Few::default();
        for member in [3, 1, 2, 1] {
            few.insert(member);
        }
        few.remove(&9);
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        few.remove(&2);
        assert_eq!(serde_json::to_string(&few).unwrap(), "[1,3]");
    }
}
