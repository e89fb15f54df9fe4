//! Who somebody is. Owns the verification of tokens: one algorithm a key, every claim checked
//! against our own clock; fetches nothing a token points at, and never logs a token.

mod claims;
mod keys;
mod mint;
mod revocation;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use hawker_domain::Role;
use hawker_domain::id::{ShopId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use crate::clock::Clock;

pub use keys::{KeyError, SECRET_BYTES_MIN};
pub use mint::{Grant, Minter, random_secret};
pub use revocation::Revocations;

use keys::KeySet;

/// Whose tokens count, and how exactly.
#[derive(Clone)]
pub struct Options {
    pub issuer: String,
    pub audience: String,
    pub leeway_ms: u64,
    pub token_bytes_max: usize,
    /// The secret of HS256 tokens without a `kid`.
    pub secret: Option<Vec<u8>>,
    /// The issuer's public keys, and how often to look whether they changed.
    pub jwks_file: Option<PathBuf>,
    pub jwks_look_ms: u64,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("jwks_file", &self.jwks_file)
            .finish_non_exhaustive()
    }
}

/// The owner of a token, for as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub user: UserId,
    pub name: Option<String>,
    pub roles: BTreeSet<Role>,
    /// The shops that staff and services serve. Buyers need none.
    pub shops: Box<[ShopId]>,
    pub expires_at: Millis,
    /// What a revocation names.
    pub sid: Option<String>,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no token")]
    Missing,
    #[error("the token is longer than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the token is no JSON Web Token")]
    Malformed,
    #[error("the token's key is not known here")]
    UnknownKey,
    #[error("the token's algorithm is not that of its key")]
    WrongAlgorithm,
    #[error("the token's signature is wrong")]
    BadSignature,
    #[error("the token's claim `{0}` is missing or has a wrong type")]
    BadClaims(&'static str),
    #[error("the token is from another issuer")]
    WrongIssuer,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token was revoked")]
    Revoked,
}

impl Error {
    /// A short word for metrics and records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::BadClaims(_) => "bad_claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Revoked => "revoked",
        }
    }
}

/// What a token says before anything is believed. `crit` names extensions that must be
/// understood; we understand none.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// Verifies tokens. Shared by all connections.
#[derive(Debug)]
pub struct Verifier {
    options: Options,
    clock: Clock,
    keys: ArcSwap<KeySet>,
    revocations: Revocations,
    reload: Notify,
}

impl Verifier {
    /// Reads the keys. Without any it refuses: nobody could ever say who they are.
    pub fn new(options: Options, clock: Clock) -> Result<Self, KeyError> {
        keys::install_crypto();
        let keys = ArcSwap::from_pointee(KeySet::read(&options)?);
        let (revocations, reload) = (Revocations::default(), Notify::new());
        Ok(Self { options, clock, keys, revocations, reload })
    }

    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Whether `identity` may still act: a token is checked once, its owner stays connected.
    pub fn still_valid(&self, identity: &Identity) -> Result<(), Error> {
        let now = self.clock.now();
        let revoked = |sid: &String| self.revocations.is_revoked(sid, now);
        if identity.sid.as_ref().is_some_and(revoked) {
            return Err(Error::Revoked);
        }
        let leeway = SpanMs(self.options.leeway_ms);
        if now < identity.expires_at + leeway { Ok(()) } else { Err(Error::Expired) }
    }

    /// Who `token` says its bearer is, or why it counts for nothing.
    pub fn verify(&self, token: &str) -> Result<Identity, Error> {
        let verified = self.verify_quietly(token);
        if let Err(error) = verified {
            metrics::counter!("hawker_auth_failures_total", "reason" => error.label()).increment(1);
        }
        verified
    }

    fn verify_quietly(&self, token: &str) -> Result<Identity, Error> {
        if token.is_empty() {
            return Err(Error::Missing);
        }
        let bytes_max = self.options.token_bytes_max;
        if token.len() > bytes_max {
            return Err(Error::TooLarge { bytes_max });
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Malformed);
        };
        self.verify_signature(header, payload, signature)?;
        let claims: claims::Claims = decode(payload)?;
        let identity = claims.check(&self.options, self.clock.now())?;
        let revoked = |sid: &String| self.revocations.is_revoked(sid, self.clock.now());
        if identity.sid.as_ref().is_some_and(revoked) {
            return Err(Error::Revoked);
        }
        Ok(identity)
    }

    fn verify_signature(&self, header: &str, payload: &str, signature: &str) -> Result<(), Error> {
        let message = format!("{header}.{payload}");
        let header: Header = decode(header)?;
        if header.crit.is_some() {
            return Err(Error::Malformed);
        }
        let keys = self.keys.load();
        let key = keys.find(header.kid.as_deref()).ok_or(Error::UnknownKey)?;
        key.verify(&header.alg, message.as_bytes(), signature)
    }

    /// Looks for changed keys now (SIGHUP).
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Reads the keys again when their file changes or [`Verifier::reload`] says so, for ever.
    /// A file that cannot be used leaves the old keys: better stale than nobody.
    pub async fn keep_keys_fresh(self: Arc<Self>) {
        let Some(path) = self.options.jwks_file.clone() else {
            return;
        };
        let every = Duration::from_millis(self.options.jwks_look_ms);
        let mut seen = fingerprint(&path).await;
        loop {
            let asked = tokio::select! {
                () = self.reload.notified() => true,
                () = tokio::time::sleep(every) => false,
            };
            let found = fingerprint(&path).await;
            if asked || found != seen {
                self.replace_keys();
            }
            seen = found;
        }
    }

    fn replace_keys(&self) {
        match KeySet::read(&self.options) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "token keys were read again");
                self.keys.store(Arc::new(keys));
            }
            Err(error) => tracing::warn!(%error, "token keys were not changed"),
        }
    }
}

/// What a file's content is; changed times lie where files are swapped by links.
async fn fingerprint(path: &Path) -> Option<blake3::Hash> {
    tokio::fs::read(path).await.ok().map(|bytes| blake3::hash(&bytes))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Malformed)?;
    // serde would take the fields from a list as well.
    if !bytes.starts_with(b"{") {
        return Err(Error::Malformed);
    }
    serde_json::from_slice(&bytes).map_err(|_| Error::Malformed)
}

#[cfg(test)]
mod tests;
