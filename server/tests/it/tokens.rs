//! Tokens, good ones and forged ones. Signs by itself, so that it can sign what nobody should.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hawker_server::clock::Clock;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "0123456789-abcdefghij-ABCDEFGHIJ";
pub(crate) const OTHER_SECRET: &str = "another-secret-of-thirty-two-bytes";

pub(crate) fn buyer(user: &str) -> String {
    of(&[&format!("sub={user}")])
}

/// Somebody who works for the shop `acme`.
pub(crate) fn staff(user: &str, role: &str) -> String {
    of(&[&format!("sub={user}"), &format!("roles=[\"{role}\"]"), "shop=acme"])
}

/// A good token of the buyer `ann` with these differences: `claim=value`, where a value is JSON, a
/// text, `now-60` (seconds) or `-` (absent); `alg`, `kid`, `typ` and `crit` are of the header,
/// `key=other` signs with another secret, and `as=…` bends the whole: `two_parts`, `four_parts`,
/// `unsigned`, `tampered`, `long`.
pub(crate) fn of(differences: &[&str]) -> String {
    let mut header = json!({ "alg": "HS256", "typ": "JWT" });
    let mut claims =
        json!({ "sub": "ann", "iss": "hawker", "aud": "hawker", "exp": seconds("now+3600") });
    let (mut secret, mut bent) = (SECRET, "");
    for difference in differences {
        let (name, value) = difference.split_once('=').unwrap();
        match name {
            "alg" | "kid" | "typ" | "crit" => set(&mut header, name, value),
            "key" => secret = OTHER_SECRET,
            "as" => bent = value,
            claim => set(&mut claims, claim, value),
        }
    }
    if bent == "long" {
        set(&mut claims, "pad", &"x".repeat(4_096));
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    match bent {
        "two_parts" => message,
        "unsigned" => format!("{message}."),
        "four_parts" => format!("{message}.{signature}.{signature}"),
        "tampered" => {
            set(&mut claims, "sub", "sue");
            format!("{}.{}.{signature}", part(&header), part(&claims))
        }
        _ => format!("{message}.{signature}"),
    }
}

fn set(object: &mut Value, name: &str, value: &str) {
    let fields = object.as_object_mut().unwrap();
    if value == "-" {
        fields.remove(name);
        return;
    }
    let value = match value.starts_with("now") {
        true => seconds(value),
        false => serde_json::from_str(value).unwrap_or(Value::from(value)),
    };
    fields.insert(name.to_owned(), value);
}

/// `now`, `now+60`, `now-60`
fn seconds(text: &str) -> Value {
    let now = Clock::system().now().0 / 1_000;
    let offset = text.strip_prefix("now").unwrap();
    Value::from(now + if offset.is_empty() { 0 } else { offset.parse::<i64>().unwrap() })
}
