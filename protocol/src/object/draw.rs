//! Lucky draws: promised by a hash, drawn by its seed. Owns shapes only; the order of the winners
//! follows from seed and entrants, and anybody can compute it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Task;
use crate::described::component;
use crate::id::Id;
use crate::limits::PROMO_TITLE_CHARS_MAX;
use crate::number::{EpochMs, SpanMs, Winners};
use crate::text::Text;

/// A lucky draw as its streamer describes it. It runs from the request on and cannot be called
/// off; the server makes the seed and shows its hash at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DrawSpec {
    pub room: Id,
    pub title: Text<PROMO_TITLE_CHARS_MAX>,
    pub winners: Winners,
    /// A comment or a purchase enters by itself; otherwise `draw.enter` does.
    #[serde(default)]
    #[ts(as = "Option<Task>", optional)]
    pub task: Task,
    /// 10 s to 12 h.
    pub run_ms: SpanMs,
    /// How long a winner has to say where the prize goes. 1 h to 30 days; absent: 48 h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_ms: Option<SpanMs>,
    /// A prize that nobody claims goes to the next in order.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub next_in_order: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum DrawState {
    Running,
    /// Nobody enters any more; the seed is awaited.
    Closed,
    /// The winners are known and some prize waits for its address.
    Drawn,
    Done,
}

/// A lucky draw. Whoever entered, did the task and was there at the close counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct Draw {
    pub draw: Id,
    pub room: Id,
    pub title: String,
    pub state: DrawState,
    pub winners_max: u32,
    pub task: Task,
    pub closes_at: EpochMs,
    /// SHA-256 of the seed, in hex.
    pub seed_hash: String,
    /// How many have entered.
    pub entries: u32,
    /// How many of them count; absent before the close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligible: Option<u32>,
    /// In hex, once it is revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// In the order of the draw. A room is shown the first fifty.
    pub winners: Vec<DrawWinner>,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawWinner {
    pub buyer: Id,
    pub prize: PrizeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PrizeState {
    /// Waits for an address.
    Open {
        address_by: EpochMs,
    },
    Claimed,
    Forfeited,
}

/// How the claims of a sale's first moments are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct SaleDraw {
    /// Claims of so long after the start are drawn instead of taken as they come.
    pub window_ms: SpanMs,
    /// SHA-256 of the seed, in hex.
    pub seed_hash: String,
    /// In hex, once it is revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

component!(DrawSpec, DrawState, Draw, DrawWinner, PrizeState, SaleDraw);
