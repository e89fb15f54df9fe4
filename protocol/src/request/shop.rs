//! Requests about a shop as a whole. Owns shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::id::Id;
use crate::object::SettingsChange;

/// Follows a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShopFollow {
    pub shop: Id,
    pub command_id: Id,
}

/// Follows it no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShopUnfollow {
    pub shop: Id,
    pub command_id: Id,
}

/// Changes settings; without any it reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShopSettings {
    pub shop: Id,
    pub command_id: Id,
    #[serde(default)]
    #[ts(as = "Option<SettingsChange>", optional)]
    pub settings: SettingsChange,
}
