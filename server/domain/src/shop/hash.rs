//! The hash of a shop's state: equal for two shops that applied the same events. Covers what
//! events made, never what only passes by.

use blake3::Hasher;
use serde::Serialize;

use super::Shop;

impl Shop {
    /// BLAKE3 over everything that events made. Costs a walk over the whole shop.
    pub fn state_hash(&self) -> [u8; 32] {
        let mut hasher = Hasher::new();
        put(&mut hasher, &self.id);
        put(&mut hasher, &self.profile);
        put(&mut hasher, &self.catalog);
        put(&mut hasher, &self.staff);
        put(&mut hasher, &self.rooms);
        put(&mut hasher, &self.buyers);
        put(&mut hasher, &self.desk);
        self.hash_promo(&mut hasher);
        self.hash_sales(&mut hasher);
        self.hash_orders(&mut hasher);
        self.archive.hash(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    fn hash_promo(&self, hasher: &mut Hasher) {
        let promo = &self.promo;
        put(hasher, &(&promo.rules, &promo.stacking, promo.capabilities));
        put(hasher, &promo.campaigns);
        put(hasher, &(promo.coupons.sorted(), promo.held.sorted(), promo.last_at));
        put(hasher, &self.draws);
        self.hash_watch(hasher);
    }
}

/// Adds one part, as JSON and a line break: maps in key order, so equal parts are equal bytes.
pub(super) fn put(hasher: &mut Hasher, part: &impl Serialize) {
    match serde_json::to_writer(&mut *hasher, part) {
        Ok(()) => hasher.update(b"\n"),
        Err(error) => unreachable!("a part of a shop cannot be written as JSON: {error}"),
    };
}
