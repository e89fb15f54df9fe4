//! The snapshot of a topic, of whichever kind. Owns no more than the choice.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{DeskSnapshot, RoomSnapshot};

/// Everything needed to draw what a topic is about; the topic's name tells which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
pub enum Snapshot {
    Room(Box<RoomSnapshot>),
    Desk(Box<DeskSnapshot>),
}
