//! Tokens of our own, for operators, tests and the demo. Owns how they are signed (HS256 with the
//! configured secret); decides nothing about who deserves one.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use hawker_domain::Role;
use hawker_domain::id::{ShopId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use super::keys::{self, KeyError, SECRET_BYTES_MIN};

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct Grant {
    pub user: UserId,
    pub name: Option<String>,
    pub roles: Vec<Role>,
    pub shops: Vec<ShopId>,
    pub sid: Option<String>,
    pub ttl: SpanMs,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    roles: &'a [Role],
    #[serde(skip_serializing_if = "<[ShopId]>::is_empty")]
    shop: &'a [ShopId],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// Signs tokens.
pub struct Minter {
    issuer: String,
    audience: String,
    key: EncodingKey,
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Minter {
    pub fn new(issuer: &str, audience: &str, secret: &[u8]) -> Result<Self, KeyError> {
        keys::install_crypto();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret);
        }
        let key = EncodingKey::from_secret(secret);
        Ok(Self { issuer: issuer.to_owned(), audience: audience.to_owned(), key })
    }

    pub fn mint(&self, grant: &Grant, now: Millis) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            sub: &grant.user,
            name: grant.name.as_deref(),
            roles: &grant.roles,
            shop: &grant.shops,
            sid: grant.sid.as_deref(),
            iss: &self.issuer,
            aud: &self.audience,
            iat: now.0.div_euclid(1_000),
            exp: (now + grant.ttl).0.div_euclid(1_000),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
    }
}

/// A secret for one process's life: what the demo signs with.
pub fn random_secret() -> std::io::Result<Vec<u8>> {
    let mut secret = vec![0; SECRET_BYTES_MIN];
    let mut filled = 0;
    while filled < secret.len() {
        filled +=
            rustix::rand::getrandom(&mut secret[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(secret)
}
