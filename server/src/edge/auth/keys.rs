//! The keys that tokens are verified with. Owns which algorithm each key stands for; a token
//! cannot choose another, and cannot make us look for a key anywhere but in this table.

use std::sync::Once;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::{Error, Options};

/// 256 bits, as HS256 demands.
pub const SECRET_BYTES_MIN: usize = 32;

/// More keys than any issuer publishes while it rotates them.
const KEYS_MAX: usize = 64;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key to verify tokens with: set auth.secret_file or auth.jwks_file")]
    NoKeys,
    #[error("the secret has less than 256 bits")]
    ShortSecret,
    #[error("{path}: {error}")]
    File { path: String, error: String },
    #[error("key {kid:?} is no key: {error}")]
    BadKey { kid: String, error: String },
}

/// Tells the token library which cryptography to use, once a process.
pub(super) fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().is_err() {
            tracing::debug!("the token library was set up before");
        }
    });
}

#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    fn hs256(kid: Option<String>, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret);
        }
        Ok(Self { kid, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) })
    }

    /// A key of a set; `None` for one that is not for verifying tokens, or not with an algorithm
    /// we take.
    fn from_jwk(jwk: &Jwk) -> Result<Option<Self>, KeyError> {
        let kid = jwk.common.key_id.clone();
        let wrong =
            |error: String| KeyError::BadKey { kid: kid.clone().unwrap_or_default(), error };
        let Some(algorithm) = algorithm_of(jwk) else {
            return Ok(None);
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|error| wrong(error.to_string()))?;
        let secret_bytes = key.try_get_as_bytes().map(<[u8]>::len).unwrap_or_default();
        if algorithm == Algorithm::HS256 && secret_bytes < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret);
        }
        Ok(Some(Self { kid, algorithm, key }))
    }

    pub(super) fn verify(&self, alg: &str, message: &[u8], signature: &str) -> Result<(), Error> {
        if alg != name(self.algorithm) {
            return Err(Error::WrongAlgorithm);
        }
        match jsonwebtoken::crypto::verify(signature, message, &self.key, self.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::BadSignature),
        }
    }
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::ES256 => "ES256",
        Algorithm::RS256 => "RS256",
        Algorithm::EdDSA => "EdDSA",
        _ => "unsupported",
    }
}

/// The one algorithm a key is for: by its kind, and not against what it says itself.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let (algorithm, declared) = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let agrees = jwk.common.key_algorithm.is_none_or(|said| said == declared);
    agrees.then_some(algorithm)
}

/// A set as it stands in a file. Keys are read one by one: one of a kind that the library does
/// not know must not take the others away.
#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

/// All keys of this server.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    pub(super) fn read(options: &Options) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        if let Some(path) = &options.jwks_file {
            let wrong = |error: String| KeyError::File { path: path.display().to_string(), error };
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let jwks: Jwks =
                serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            keys = Self::of_jwks(jwks)?;
            if keys.is_empty() {
                return Err(wrong("holds no EdDSA, ES256, RS256 or HS256 key".to_owned()));
            }
        }
        if let Some(secret) = &options.secret {
            keys.push(Key::hs256(None, secret)?);
        }
        if keys.is_empty() { Err(KeyError::NoKeys) } else { Ok(Self(keys)) }
    }

    fn of_jwks(jwks: Jwks) -> Result<Vec<Key>, KeyError> {
        let mut keys = Vec::new();
        for value in jwks.keys.into_iter().take(KEYS_MAX) {
            let kid = value["kid"].as_str().unwrap_or_default().to_owned();
            let known = serde_json::from_value::<Jwk>(value).ok();
            match known.map(|jwk| Key::from_jwk(&jwk)).transpose()?.flatten() {
                Some(key) => keys.push(key),
                None => tracing::warn!(kid, "a key is not for verifying tokens: passed over"),
            }
        }
        Ok(keys)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key a token names. One that names none gets the key that has no name, or the only one.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match (kid, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (kid, keys) => keys.iter().find(|key| key.kid.as_deref() == kid),
        }
    }
}
