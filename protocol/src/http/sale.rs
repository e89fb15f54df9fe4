//! Flash sales over HTTP. Owns bodies only; a change is a `SaleChange`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::number::Quantity;
use crate::object::{Sale, SaleSpec, SaleState};

/// `POST /v1/shops/{shop}/sales`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateSale {
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale: Option<Id>,
    pub spec: SaleSpec,
}

/// Query of `GET /v1/shops/{shop}/sales`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListSales {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<SaleState>,
    /// Only those that run in this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// `GET /v1/shops/{shop}/sales`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sales {
    pub sales: Vec<Sale>,
}

/// `POST /v1/shops/{shop}/sales/{sale}/restock`: moves free stock into a running sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Restock {
    pub sku: Id,
    pub quantity: Quantity,
}

component!(CreateSale, ListSales, Sales, Restock);
