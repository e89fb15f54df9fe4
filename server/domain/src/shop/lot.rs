//! Drawing lots so that everybody can check it: a seed that was promised by its hash ranks the
//! entrants. Owns the formula; knows no draw and no sale.
//!
//! The entrants are sorted by id and each is hashed with a line feed after it; the digest of the
//! list is D = SHA-256(entrant ‖ "\n" ‖ …). An entrant's lot is HMAC-SHA256(seed, D ‖ entrant), and
//! the lowest lot comes first.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::command::{Commitment, Seed};
use crate::id::UserId;
use crate::rejection::Rejection;

/// Some kilobytes would be no sealed seed.
const SEALED_BYTES_MAX: usize = 1_024;
const HASH_CHARS: usize = 64;

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The seed that a draw published, if it is one.
pub fn seed_from_hex(text: &str) -> Option<Seed> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |b, d| b << 4 | d)).collect();
    Some(Seed(bytes.try_into().ok().filter(|_| text.len() == HASH_CHARS)?))
}

/// What everybody sees of a seed before it is revealed.
pub fn seed_hash(seed: &Seed) -> String {
    hex(&Sha256::digest(seed.0))
}

/// The entrants, each named once, in the order that the seed gives them.
pub fn ranked(seed: &Seed, entrants: &[UserId]) -> Vec<UserId> {
    let mut sorted: Vec<&UserId> = entrants.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut list = Sha256::new();
    for entrant in &sorted {
        list.update(entrant.as_str());
        list.update(b"\n");
    }
    let list = list.finalize();
    let mut lots: Vec<_> =
        sorted.into_iter().map(|entrant| (lot(seed, &list, entrant), entrant)).collect();
    lots.sort_unstable();
    lots.into_iter().map(|(_, entrant)| entrant.clone()).collect()
}

fn lot(seed: &Seed, list: &[u8], entrant: &UserId) -> [u8; 32] {
    let mut mac = match Hmac::<Sha256>::new_from_slice(&seed.0) {
        Ok(mac) => mac,
        Err(error) => unreachable!("a key of any length will do: {error}"),
    };
    mac.update(list);
    mac.update(entrant.as_str().as_bytes());
    mac.finalize().into_bytes().into()
}

pub(super) fn check_commitment(commitment: &Commitment) -> Result<(), Rejection> {
    let hash = &commitment.seed_hash;
    let is_hex = hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hash.len() != HASH_CHARS || !is_hex {
        let problem = "must be a SHA-256 in lower-case hex";
        return Err(Rejection::Invalid { field: "seed_hash", problem });
    }
    if commitment.sealed.is_empty() || commitment.sealed.len() > SEALED_BYTES_MAX {
        return Err(Rejection::Invalid { field: "sealed", problem: "must be 1 to 1,024 bytes" });
    }
    Ok(())
}

pub(super) fn check_seed(seed: &Seed, promised: &str) -> Result<(), Rejection> {
    if seed_hash(seed) == promised { Ok(()) } else { Err(Rejection::SeedMismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> Vec<UserId> {
        names.iter().map(|name| UserId::parse(name).unwrap()).collect()
    }

    #[test]
    fn the_hash_is_the_published_standard() {
        let zeros = seed_hash(&Seed([0; 32]));
        assert_eq!(zeros, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
        let seed = Seed(std::array::from_fn(|index| u8::try_from(index * 7).unwrap()));
        assert_eq!(seed_from_hex(&hex(&seed.0)), Some(seed));
        for bad in ["", "zz", &"0".repeat(62), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(seed_from_hex(bad), None, "{bad}");
        }
    }

    /// Computed with another program, Python's hmac and hashlib.
    #[test]
    fn the_order_is_that_of_the_formula_whatever_the_order_of_the_entrants() {
        let seed = Seed([7; 32]);
        let order = ranked(&seed, &people(&["ann", "bob", "cat"]));
        assert_eq!(order, ranked(&seed, &people(&["cat", "ann", "bob", "ann"])));
        let shown: Vec<_> = order.iter().map(UserId::as_str).collect();
        assert_eq!(shown, KNOWN_ORDER);
        assert_eq!(ranked(&seed, &[]), []);
    }

    const KNOWN_ORDER: [&str; 3] = ["cat", "bob", "ann"];

    /// Chi-square over who comes first of ten in 2,000 draws: 27.9 is passed once in a thousand.
    #[test]
    fn everybody_comes_first_as_often() {
        let names: Vec<String> = (0..10).map(|number| format!("b{number}")).collect();
        let entrants: Vec<UserId> = names.iter().map(|name| UserId::parse(name).unwrap()).collect();
        let mut firsts = [0f64; 10];
        for number in 0u32..2_000 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&number.to_le_bytes());
            let first = ranked(&Seed(seed), &entrants).remove(0);
            firsts[entrants.iter().position(|entrant| *entrant == first).unwrap()] += 1.0;
        }
        let chi: f64 = firsts.iter().map(|count| (count - 200.0).powi(2) / 200.0).sum();
        assert!(chi < 27.9, "{firsts:?}");
    }

    #[test]
    fn a_seed_that_was_not_promised_is_refused() {
        let seed = Seed([1; 32]);
        assert_eq!(check_seed(&seed, &seed_hash(&seed)), Ok(()));
        assert_eq!(check_seed(&Seed([2; 32]), &seed_hash(&seed)), Err(Rejection::SeedMismatch));
        assert!(format!("{seed:?}").len() < 12, "a seed is never printed");
    }
}
