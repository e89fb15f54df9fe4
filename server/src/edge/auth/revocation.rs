//! Tokens that no longer count although they have not expired. Owns the table of `sid`s; forgets
//! each when the last token that carries it has expired anyway.

use dashmap::DashMap;

use hawker_domain::time::Millis;

#[derive(Debug, Default)]
pub struct Revocations(DashMap<String, Millis>);

impl Revocations {
    /// From now on no token with this `sid` counts. `until` is when the last of them expires.
    pub fn revoke(&self, sid: &str, until: Millis) {
        let mut entry = self.0.entry(sid.to_owned()).or_insert(until);
        *entry = until.max(*entry);
    }

    pub fn is_revoked(&self, sid: &str, now: Millis) -> bool {
        self.0.get(sid).is_some_and(|until| now < *until)
    }

    /// Forgets what has expired.
    pub fn sweep(&self, now: Millis) {
        self.0.retain(|_, until| now < *until);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_lasts_as_long_as_its_longest_token() {
        let table = Revocations::default();
        table.revoke("s1", Millis(200));
        table.revoke("s1", Millis(100));
        assert!(table.is_revoked("s1", Millis(199)));
        assert!(!table.is_revoked("s1", Millis(200)));
        assert!(!table.is_revoked("s2", Millis(0)));
        table.sweep(Millis(199));
        assert_eq!(table.len(), 1);
        table.sweep(Millis(200));
        assert!(table.is_empty());
    }
}
