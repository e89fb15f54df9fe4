//! The seeds of draws: made of the system's randomness, sealed until they are revealed. Owns the
//! key; which seed is revealed when is `reveal`'s business.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use hawker_domain::command::{Commitment, Seed};
use hawker_domain::id::ShopId;
use hawker_domain::shop::lot;

/// Why there is no seed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the system gave no randomness")]
    NoRandomness,
    #[error("the sealed seed cannot be opened: it was sealed with another secret")]
    NotOurs,
}

/// Seals and opens seeds. Whoever has the deployment's secret can open what another process sealed.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub fn derive(secret: &[u8]) -> Result<Self, Error> {
        let key = blake3::derive_key("hawker 2026-11 sealed seeds of draws", secret);
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self).map_err(|_| Error::NotOurs)
    }

    /// A new seed as its promise: the hash for everybody, the seed for us alone.
    pub(super) fn commit(&self, shop: &ShopId) -> Result<Commitment, Error> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
        let seed_hash = lot::seed_hash(&Seed(bytes));
        let mut sealed = bytes.to_vec();
        let aad = Aad::from(shop.as_str());
        let nonce = self.0.seal_in_place_append_tag(aad, &mut sealed);
        let nonce = nonce.map_err(|_| Error::NoRandomness)?;
        sealed.splice(0..0, *nonce.as_ref());
        Ok(Commitment { seed_hash, sealed })
    }

    pub(super) fn open(&self, shop: &ShopId, sealed: &[u8]) -> Result<Seed, Error> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(Error::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::NotOurs)?;
        let mut sealed = sealed.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(shop.as_str()), &mut sealed);
        let opened = opened.map_err(|_| Error::NotOurs)?;
        Ok(Seed((&*opened).try_into().map_err(|_| Error::NotOurs)?))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_opened_by_the_same_secret_for_the_same_shop_only() {
        let (acme, other) = (ShopId::parse("acme").unwrap(), ShopId::parse("other").unwrap());
        let sealer = Sealer::derive(b"secret").unwrap();
        let promise = sealer.commit(&acme).unwrap();
        let seed = sealer.open(&acme, &promise.sealed).unwrap();
        assert_eq!(lot::seed_hash(&seed), promise.seed_hash);
        assert!(!promise.sealed.windows(8).any(|part| part == &seed.0[..8]), "it is sealed");
        let again = Sealer::derive(b"secret").unwrap();
        assert_eq!(again.open(&acme, &promise.sealed).unwrap(), seed, "after a restart");
        assert!(sealer.open(&other, &promise.sealed).is_err());
        assert!(Sealer::derive(b"other").unwrap().open(&acme, &promise.sealed).is_err());
        let mut bent = promise.sealed.clone();
        *bent.last_mut().unwrap() ^= 1;
        assert!(sealer.open(&acme, &bent).is_err());
        assert!(sealer.open(&acme, &promise.sealed[..10]).is_err());
        assert_ne!(sealer.commit(&acme).unwrap().seed_hash, promise.seed_hash);
    }
}
