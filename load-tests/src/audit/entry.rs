//! The feed's events that move units or money, as the audit reads them. Owns only the fields it
//! needs; every other field and every other event is skipped.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct SaleCreated<'a> {
    pub(super) sale: &'a str,
    #[serde(borrow)]
    pub(super) items: Vec<SaleItem<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SaleItem<'a> {
    pub(super) sku: &'a str,
    pub(super) total_units: i64,
    pub(super) per_buyer_units: i64,
    pub(super) price_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct SaleUpdated<'a> {
    pub(super) sale: &'a str,
    #[serde(borrow)]
    pub(super) totals: Vec<(&'a str, i64)>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfSale<'a> {
    pub(super) sale: &'a str,
}

/// Restocks and returns.
#[derive(Debug, Deserialize)]
pub(super) struct Moved<'a> {
    pub(super) sale: &'a str,
    pub(super) sku: &'a str,
    pub(super) units: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct StockSet<'a> {
    pub(super) sku: &'a str,
    pub(super) stock: Stock,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stock {
    Units(i64),
    Unlimited,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reserved<'a> {
    pub(super) reservation: &'a str,
    pub(super) sale: &'a str,
    pub(super) sku: &'a str,
    pub(super) buyer: &'a str,
    pub(super) quantity: i64,
    pub(super) price_minor: i64,
    pub(super) expires_at: i64,
    #[serde(borrow)]
    pub(super) source: Source<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Claim {
        #[serde(rename = "room")]
        _room: &'a str,
    },
    Offer,
}

#[derive(Debug, Deserialize)]
pub(super) struct Released<'a> {
    pub(super) reservation: &'a str,
    pub(super) reason: &'a str,
}

/// A buyer's place on a waitlist; the quantity stands only where he joins.
#[derive(Debug, Deserialize)]
pub(super) struct Place<'a> {
    pub(super) sale: &'a str,
    pub(super) sku: &'a str,
    pub(super) buyer: &'a str,
    #[serde(default)]
    pub(super) quantity: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderPlaced<'a> {
    pub(super) order: &'a str,
    pub(super) buyer: &'a str,
    #[serde(borrow)]
    pub(super) lines: Vec<OrderLine<'a>>,
    pub(super) total_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderLine<'a> {
    pub(super) sku: &'a str,
    pub(super) quantity: i64,
    pub(super) unit_price_minor: i64,
    #[serde(default)]
    pub(super) reservation: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderPaid<'a> {
    pub(super) order: &'a str,
    pub(super) payment: &'a str,
    pub(super) amount_minor: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct OrderCancelled<'a> {
    pub(super) order: &'a str,
}
