//! Why a request was not done. Owns the stable codes, their HTTP status and whether asking again
//! helps; decides nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::described::{component, scalar};

mod code;

pub use code::Code;

/// A refusal: nothing was changed. Its details stand beside the code as fields of their own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Refusal {
    pub code: Code,
    /// For people: what is wrong and what to do. May change; programs read the code.
    pub message: Cow<'static, str>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    pub retry_after_ms: Option<u64>,
    /// What the code leaves open, such as `starts_at` of a sale that is not running yet.
    pub details: Vec<(Cow<'static, str>, Value)>,
}

impl Refusal {
    /// A refusal with the code's own sentence.
    pub fn new(code: Code) -> Self {
        Self::with_message(code, code.doc())
    }

    pub fn with_message(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: code.retryable(),
            retry_after_ms: None,
            details: Vec::new(),
        }
    }

    /// `invalid_request`, naming the field.
    pub fn invalid_field(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        let field = field.into();
        let message = format!("{field}: {problem}");
        Self::with_message(Code::InvalidRequest, message).detail("field", field)
    }

    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((Cow::Borrowed(name), value.into()));
        self
    }

    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    #[must_use]
    pub fn retry_after_ms(mut self, span_ms: u64) -> Self {
        self.retry_after_ms = Some(span_ms);
        self
    }

    /// The detail of that name, if the refusal carries it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.details.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("retryable", &self.retryable)?;
        if let Some(span_ms) = self.retry_after_ms {
            map.serialize_entry("retry_after_ms", &span_ms)?;
        }
        for (name, value) in &self.details {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Refusal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RefusalVisitor)
    }
}

struct RefusalVisitor;

impl<'de> Visitor<'de> for RefusalVisitor {
    type Value = Refusal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a refusal with code, message and retryable")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Refusal, A::Error> {
        let (mut code, mut message, mut retryable, mut retry_after_ms) = (None, None, None, None);
        let mut details = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "code" => code = Some(map.next_value()?),
                "message" => message = Some(map.next_value::<String>()?),
                "retryable" => retryable = Some(map.next_value()?),
                "retry_after_ms" => retry_after_ms = map.next_value()?,
                _ => details.push((Cow::Owned(name), map.next_value()?)),
            }
        }
        Ok(Refusal {
            code: code.ok_or_else(|| de::Error::missing_field("code"))?,
            message: message.ok_or_else(|| de::Error::missing_field("message"))?.into(),
            retryable: retryable.ok_or_else(|| de::Error::missing_field("retryable"))?,
            retry_after_ms,
            details,
        })
    }
}

scalar!(Refusal, "Refusal", "Refusal", {
    "type": "object",
    "description": "A refusal: nothing was changed. Details stand beside the code.",
    "required": ["code", "message", "retryable"],
    "properties": {
        "code": { "type": "string", "enum": (Code::texts()) },
        "message": { "type": "string" },
        "retryable": { "type": "boolean" },
        "retry_after_ms": { "type": "integer", "minimum": 0 }
    },
    "additionalProperties": true
});

/// The body of an HTTP answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ErrorBody {
    pub error: Refusal,
}

component!(ErrorBody);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_stand_beside_the_code() {
        let refusal =
            Refusal::new(Code::SoldOut).detail("soft", true).detail("waitlist_length", 12);
        let text = serde_json::to_string(&refusal).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"code":"sold_out","message":"every unit is reserved or sold","#,
                r#""retryable":true,"soft":true,"waitlist_length":12}"#
            )
        );
        assert_eq!(serde_json::from_str::<Refusal>(&text).unwrap(), refusal);
    }
}
