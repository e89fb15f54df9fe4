//! The conversation itself: who is there, and what time it is. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::limits::{PRESENCE_CHARS_MAX, RESUME_TOPICS_MAX, TOKEN_BYTES_MAX};
use crate::number::Count;
use crate::text::{List, Text};
use crate::topic::Topic;

/// The first message. A browser sends its token here; others may have sent it as a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Hello {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Text<TOKEN_BYTES_MAX>>,
    /// Topics to go on with after a lost connection.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    #[ts(as = "Option<Vec<ResumeAt>>", optional)]
    pub resume: List<ResumeAt, RESUME_TOPICS_MAX>,
}

/// Where a topic was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct ResumeAt {
    pub topic: Topic,
    pub epoch: Text<64>,
    /// The last one that was seen.
    pub seq: Count,
    /// As the join gave it: keeps the time already spent in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<Text<PRESENCE_CHARS_MAX>>,
}

/// A fresh token, before the old one expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Refresh {
    pub token: Text<TOKEN_BYTES_MAX>,
}

/// Asks for the server's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Ping {
    /// The client's clock, returned as it came.
    pub t0: Count,
}
