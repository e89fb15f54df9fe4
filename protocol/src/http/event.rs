//! The event feed over HTTP: what other systems follow. Owns bodies only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::number::{Count, EpochMs};

/// Query of `GET /v1/shops/{shop}/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListEvents {
    /// `next` of the page before; absent: from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Count>,
    /// Absent: 1,000, which is also the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// At the end, wait this long for more; at most 30,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<Count>,
}

/// Events of whole journal entries, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Ask with it as `after`.
    pub next: u64,
    /// There was nothing newer.
    pub end: bool,
}

/// One thing that happened. `version` and `index` together never repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Of the journal entry.
    pub version: u64,
    /// Within the entry.
    pub index: u32,
    pub at: EpochMs,
    /// Who asked for it; absent when time passing was the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<Id>,
    /// Such as `order_paid`. Of the types `desk` and `promo` (prices, coupons, watch tasks, draws)
    /// the name of what happened is the one field of `data`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened. Fields may be added, none changes its meaning.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub data: serde_json::Value,
}

component!(ListEvents, EventPage, Event);
