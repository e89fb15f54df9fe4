//! What a verified token says. Owns the rules for every claim; a claim that is wrong is named.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use hawker_domain::Role;
use hawker_domain::id::{ShopId, UserId};
use hawker_domain::time::{Millis, SpanMs};

use super::{Error, Identity, Options};

/// The year 9999: past that a number is a mistake, such as milliseconds for seconds.
const EXPIRY_S_MAX: f64 = 253_402_300_799.0;

const NAME_CHARS_MAX: usize = 80;
const SID_BYTES_MAX: usize = 128;
const SHOPS_MAX: usize = 256;

/// Claims as they come: each is looked at by itself so that a wrong one can be named.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    roles: Value,
    #[serde(default)]
    shop: Value,
    #[serde(default)]
    sid: Value,
}

impl Claims {
    pub(super) fn check(&self, options: &Options, now: Millis) -> Result<Identity, Error> {
        let issuer = self.iss.as_str().ok_or(Error::BadClaims("iss"))?;
        if issuer != options.issuer {
            return Err(Error::WrongIssuer);
        }
        let audience = texts(&self.aud).ok_or(Error::BadClaims("aud"))?;
        if !audience.contains(&options.audience.as_str()) {
            return Err(Error::WrongAudience);
        }
        let leeway = SpanMs(options.leeway_ms);
        let expires_at = instant(&self.exp).ok_or(Error::BadClaims("exp"))?;
        if expires_at + leeway <= now {
            return Err(Error::Expired);
        }
        if !self.nbf.is_null() && instant(&self.nbf).ok_or(Error::BadClaims("nbf"))? > now + leeway
        {
            return Err(Error::NotYet);
        }
        let user = self.sub.as_str().and_then(|text| UserId::parse(text).ok());
        Ok(Identity {
            user: user.ok_or(Error::BadClaims("sub"))?,
            name: self.name().ok_or(Error::BadClaims("name"))?,
            roles: self.roles().ok_or(Error::BadClaims("roles"))?,
            shops: self.shops().ok_or(Error::BadClaims("shop"))?,
            expires_at,
            sid: self.sid().ok_or(Error::BadClaims("sid"))?,
        })
    }

    fn name(&self) -> Option<Option<String>> {
        if self.name.is_null() {
            return Some(None);
        }
        let name = self.name.as_str()?.trim();
        let fits = name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
        fits.then(|| (!name.is_empty()).then(|| name.to_owned()))
    }

    /// Without the claim, a buyer. Roles that are not ours belong to somebody else's system.
    fn roles(&self) -> Option<BTreeSet<Role>> {
        if self.roles.is_null() {
            return Some(BTreeSet::from([Role::Buyer]));
        }
        let named = texts(&self.roles)?;
        let role = |text: &str| serde_json::from_value(Value::from(text)).ok();
        Some(named.into_iter().filter_map(role).collect())
    }

    /// A list of exactly what it holds: it is kept for as long as a connection lives.
    fn shops(&self) -> Option<Box<[ShopId]>> {
        if self.shop.is_null() {
            return Some(Box::default());
        }
        let named = texts(&self.shop).filter(|named| named.len() <= SHOPS_MAX)?;
        let parsed = named.into_iter().map(|text| ShopId::parse(text).ok());
        Some(parsed.collect::<Option<BTreeSet<_>>>()?.into_iter().collect())
    }

    fn sid(&self) -> Option<Option<String>> {
        if self.sid.is_null() {
            return Some(None);
        }
        let sid = self.sid.as_str()?;
        let fits = !sid.is_empty() && sid.len() <= SID_BYTES_MAX;
        fits.then(|| Some(sid.to_owned()))
    }
}

/// One text, or a list of nothing but texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Seconds since 1970, whole or not.
fn instant(value: &Value) -> Option<Millis> {
    let seconds = value.as_f64()?;
    let fits = (0.0..=EXPIRY_S_MAX).contains(&seconds);
    fits.then_some(Millis((seconds * 1_000.0) as i64))
}
