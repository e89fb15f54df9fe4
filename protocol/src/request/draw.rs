//! Requests about lucky draws. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::object::{Address, DrawSpec};

/// The draws that are running or not yet done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DrawList {
    pub shop: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// Starts a draw. One runs in a room at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct DrawCreate {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Id>,
    pub spec: DrawSpec,
}

/// Takes part. Entering again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawEnter {
    pub shop: Id,
    pub command_id: Id,
    pub draw: Id,
}

/// Where the prize goes; by its winner, in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawAddress {
    pub shop: Id,
    pub command_id: Id,
    pub draw: Id,
    pub address: Address,
}

/// Draws the winners of a draw whose time is over, where the server has not done so by itself.
/// Before that it is `draw_not_ready`: a draw runs as long as was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct DrawClose {
    pub shop: Id,
    pub command_id: Id,
    pub draw: Id,
}
