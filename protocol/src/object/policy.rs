//! What a shop chooses about its desk: the window of an answer, what counts, holidays. Owns shapes
//! only; the ranges that are named here are kept by the server.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

use super::desk::Exclusion;
use crate::described::component;
use crate::limits::{AUTOMATIONS_MAX, EXCLUSIONS_MAX};
use crate::number::{Cap, EpochMs, SpanMs};
use crate::text::List;

/// Every figure of the desk. What has begun keeps the figures it began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Policy {
    /// A person has to answer within this. 1 min to 24 h.
    pub answer_within_ms: SpanMs,
    /// Unanswered for longer than this is expiring. Absent: five sixths of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiring_after_ms: Option<SpanMs>,
    /// Which automatic replies count as an answer.
    pub automation_counts: Vec<Automation>,
    /// What takes a session out of the rate.
    pub excludes: Vec<Exclusion>,
    /// A session without any message for this long is closed. 24 h to 60 days.
    pub auto_close_ms: SpanMs,
    /// A buyer comes back to the agent who served him within this. 0 to 90 days.
    pub sticky_ms: SpanMs,
    /// How long an agent without a connection is expected back. 0 to 5 min.
    pub grace_ms: SpanMs,
    pub owner_down: OwnerDown,
    /// Who owned a session for less than this is not charged with its miss; the one before him
    /// is. 0 to 24 h.
    pub charge_after_ms: SpanMs,
    /// What an agent holds at most until he says otherwise. 1 to 10,000.
    pub cap: u32,
    /// More unassigned sessions than this raise an alert. 0 to 1,000,000.
    pub unassigned_alert: u32,
    pub verdict_by: VerdictBy,
    /// Only supervisors may mark that no reply is needed.
    pub no_reply_by_supervisor: bool,
}

/// Figures to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct PolicyChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_within_ms: Option<SpanMs>,
    /// Null: five sixths of the window.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SpanMs>")]
    pub expiring_after_ms: Option<Option<SpanMs>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automation_counts: Option<List<Automation, AUTOMATIONS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excludes: Option<List<Exclusion, EXCLUSIONS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_close_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_down: Option<OwnerDown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_after_ms: Option<SpanMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unassigned_alert: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_by: Option<VerdictBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_reply_by_supervisor: Option<bool>,
}

/// Tells null from what is absent: only what is there is read.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<SpanMs>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// A click on the FAQ with its automatic reply.
    Faq,
    /// A message of one of the shop's systems.
    Bot,
}

/// What becomes of the sessions of an agent who is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum OwnerDown {
    Keep,
    RequeueUnanswered,
    RequeueAll,
}

/// Who decides reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum VerdictBy {
    /// The platform's system.
    Service,
    Manager,
}

/// Sessions that start in it do not count. From its first millisecond up to, and without, its end;
/// without an end it lasts until it is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Holiday {
    pub from: EpochMs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<EpochMs>,
}

component!(Policy, PolicyChange, Automation, OwnerDown, VerdictBy, Holiday);
