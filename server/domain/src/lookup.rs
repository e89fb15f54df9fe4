//! A map that can be asked but not walked, so that no hash order can reach an event.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A hash map without iteration. `sorted` is the one way to see everything, in key order.
#[derive(Clone)]
pub struct Lookup<K, V>(HashMap<K, V, foldhash::fast::RandomState>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Eq + Hash + Ord, V> Lookup<K, V> {
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    pub fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The value under `key`, made by default where there is none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.0.entry(key).or_default()
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Keeps what `keep` says. It sees the pairs in no order, so it must look at each alone.
    pub fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }

    /// Room for so many more, so that filling up to there moves nothing.
    pub fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows every value, in key order, to `change`. Costs a sort.
    pub fn each_sorted_mut(&mut self, mut change: impl FnMut(&K, &mut V)) {
        let mut all: Vec<_> = self.0.iter_mut().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter().for_each(|(key, value)| change(key, value));
    }

    /// Everything, in key order. Costs a sort: for hashes, audits and lists, not for decisions.
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

/// As a map in key order, so that equal lookups have equal bytes.
impl<K: Eq + Hash + Ord + Serialize, V: Serialize> Serialize for Lookup<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.sorted())
    }
}

/// Bytes that lie about their length must not take memory for it.
const ROWS_TRUSTED_MAX: usize = 100_000;

impl<'de, K, V> Deserialize<'de> for Lookup<K, V>
where
    K: Eq + Hash + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Rows(PhantomData))
    }
}

struct Rows<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for Rows<K, V>
where
    K: Eq + Hash + Deserialize<'de>,
    V: Deserialize<'de>,
{
    type Value = Lookup<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let mut map = HashMap::default();
        map.reserve(rows.size_hint().unwrap_or(0).min(ROWS_TRUSTED_MAX));
        while let Some((key, value)) = rows.next_entry()? {
            map.insert(key, value);
        }
        Ok(Lookup(map))
    }
}

impl<K: Eq + Hash + Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Lookup<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}
