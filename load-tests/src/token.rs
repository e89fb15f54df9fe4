//! Tokens for the people a run plays. Owns how they are come by: signed here with the server's
//! secret, or fetched from a demo server.

use anyhow::{Context, Result};
use hawker_protocol::object::Role;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::http::{Client, Url};

const TTL_S: i64 = 12 * 3_600;

/// Who a token is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'a> {
    pub(crate) user: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) role: Role,
    pub(crate) shop: &'a str,
}

impl<'a> Person<'a> {
    pub(crate) fn buyer(user: &'a str, shop: &'a str) -> Self {
        Self { user, name: None, role: Role::Buyer, shop }
    }
}

/// Where tokens come from.
pub(crate) enum Tokens {
    Signed { key: EncodingKey, issuer: String, audience: String },
    Demo { client: Client, path: String },
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signed { .. } => "Signed",
            Self::Demo { .. } => "Demo",
        })
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    roles: [Role; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    shop: Option<&'a str>,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl Tokens {
    pub(crate) fn signed(secret: &[u8], issuer: &str, audience: &str) -> Self {
        Self::Signed {
            key: EncodingKey::from_secret(secret),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    pub(crate) fn demo(url: &Url) -> Self {
        Self::Demo { client: Client::new(url.address, &url.host), path: url.path.clone() }
    }

    pub(crate) async fn of(&self, person: Person<'_>) -> Result<String> {
        match self {
            Self::Signed { key, issuer, audience } => {
                let now = clock::wall_ms() / 1_000;
                let staff = person.role != Role::Buyer;
                let claims = Claims {
                    sub: person.user,
                    name: person.name,
                    roles: [person.role],
                    shop: staff.then_some(person.shop),
                    iss: issuer,
                    aud: audience,
                    iat: now,
                    exp: now + TTL_S,
                };
                let header = Header::new(Algorithm::HS256);
                jsonwebtoken::encode(&header, &claims, key).context("signing a token")
            }
            Self::Demo { client, path } => fetch(client, path, person).await,
        }
    }
}

async fn fetch(client: &Client, path: &str, person: Person<'_>) -> Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        token: String,
    }

    let role = serde_json::to_value(person.role)?;
    let role = role.as_str().unwrap_or("buyer").to_owned();
    let base = path.split('?').next().unwrap_or(path);
    let name = escape(person.name.unwrap_or(person.user));
    let path = format!("{base}?user={}&name={name}&role={role}&shop={}", person.user, person.shop);
    let answer = client.get(&path).await?.success()?;
    let Answer { token } = serde_json::from_slice(&answer).context("the demo's token")?;
    Ok(token)
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode};

    #[tokio::test]
    async fn a_signed_token_says_who_for_whom_and_staff_for_which_shop() {
        let secret = b"0123456789abcdef0123456789abcdef";
        let tokens = Tokens::signed(secret, "hawker", "hawker");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["hawker"]);
        validation.set_issuer(&["hawker"]);
        let read = |token: String| {
            let key = DecodingKey::from_secret(secret);
            decode::<serde_json::Value>(token, &key, &validation).unwrap().claims
        };
        let buyer = read(tokens.of(Person::buyer("u1", "acme")).await.unwrap());
        assert_eq!(buyer["roles"], serde_json::json!(["buyer"]));
        assert!(buyer.get("shop").is_none(), "{buyer}");
        let person = Person { user: "s", name: None, role: Role::Service, shop: "acme" };
        let service = read(tokens.of(person).await.unwrap());
        assert_eq!((&service["shop"], &service["sub"]), (&"acme".into(), &"s".into()));
    }

    #[test]
    fn names_are_escaped_for_a_query() {
        assert_eq!(escape("Zoë B"), "Zo%C3%AB%20B");
    }
}
