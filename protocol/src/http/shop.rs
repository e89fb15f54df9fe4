//! Shops, their catalogue and their staff over HTTP. Owns bodies only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::limits::{NAME_CHARS_MAX, ROLES_MAX};
use crate::object::{Product, Role, SettingsChange, Staff, Stock};
use crate::text::{List, Text};

/// `POST /v1/shops`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateShop {
    pub shop: Id,
    pub name: Text<NAME_CHARS_MAX>,
    /// ISO 4217, such as USD. It stays.
    pub currency: Text<3>,
    #[serde(default)]
    pub settings: SettingsChange,
}

/// `PATCH /v1/shops/{shop}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeShop {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<NAME_CHARS_MAX>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsChange>,
}

/// `GET /v1/shops/{shop}/products`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Products {
    pub products: Vec<Product>,
}

/// `PUT /v1/shops/{shop}/skus/{sku}/stock`: what can freely be sold from now on;
/// holds and sales are apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetStock {
    pub stock: Stock,
}

/// `POST /v1/shops/{shop}/skus/{sku}/stock/adjust`: units that came in, or went out if negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdjustStock {
    pub delta: i64,
}

/// The free stock of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuStock {
    pub sku: Id,
    pub product: Id,
    pub stock: Stock,
    pub version: u64,
}

/// `PUT /v1/shops/{shop}/staff/{user}`: his roles from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutStaff {
    pub roles: List<Role, ROLES_MAX>,
}

/// `GET /v1/shops/{shop}/staff`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StaffList {
    pub staff: Vec<Staff>,
}

component!(CreateShop, ChangeShop, Products, SetStock, AdjustStock, SkuStock, PutStaff, StaffList);
