//! Products, SKUs and their free stock. Owns what may still be sold to anybody; what a sale or
//! an order took is theirs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::command::{ProductSpec, SkuSpec, Stock};
use crate::event::Event;
use crate::id::{ProductId, RoomId, SkuId};
use crate::money::{Minor, PRICE_MINOR_MAX};
use crate::rejection::Rejection;
use crate::text;
use crate::view::ProductView;

const TITLE_CHARS_MAX: usize = 120;
const PRODUCTS_MAX: usize = 20_000;
const SKUS_PER_PRODUCT_MAX: usize = 200;
/// More than anybody stores, small enough that no sum of stocks overflows.
const STOCK_UNITS_MAX: u64 = 1_000_000_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Catalog {
    products: BTreeMap<ProductId, Product>,
    skus: BTreeMap<SkuId, Sku>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Product {
    pub(super) spec: ProductSpec,
    /// Rises with the description and with the free stock of its SKUs.
    pub(super) version: u64,
}

/// What is sold: one variant of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sku {
    pub(super) product: ProductId,
    pub(super) title: String,
    pub(super) price_minor: Minor,
    pub(super) stock: Stock,
    /// Its product's description still names it. A SKU that fell out of the description stays
    /// its product's, keeps its stock, and comes back when it is named again.
    named: bool,
}

impl Catalog {
    pub(super) fn sku(&self, sku: &SkuId) -> Option<&Sku> {
        self.skus.get(sku)
    }

    pub(super) fn product(&self, product: &ProductId) -> Option<&Product> {
        self.products.get(product)
    }

    /// The SKU exists, its product names it and is shown.
    pub(super) fn is_listed(&self, sku: &SkuId) -> bool {
        let Some(sku) = self.skus.get(sku) else { return false };
        let product = self.products.get(&sku.product);
        sku.named && product.is_some_and(|product| product.spec.listed)
    }

    /// Whether `units` could be taken now.
    pub(super) fn has_free(&self, sku: &SkuId, units: u64) -> bool {
        match self.skus.get(sku).map(|sku| sku.stock) {
            Some(Stock::Units(free)) => free >= units,
            Some(Stock::Unlimited) => true,
            None => false,
        }
    }

    /// Moves free stock out. The rule that decided it has looked first (`has_free`).
    pub(super) fn take(&mut self, sku: &SkuId, units: u64) {
        let Some(Stock::Units(free)) = self.skus.get(sku).map(|sku| sku.stock) else { return };
        assert!(free >= units, "free stock of {sku} below zero");
        self.set_stock(sku, Stock::Units(free - units));
    }

    /// Puts units back into free stock.
    pub(super) fn give(&mut self, sku: &SkuId, units: u64) {
        let Some(Stock::Units(free)) = self.skus.get(sku).map(|sku| sku.stock) else { return };
        self.set_stock(sku, Stock::Units(free + units));
    }

    fn set_stock(&mut self, sku: &SkuId, stock: Stock) {
        let Some(sku) = self.skus.get_mut(sku) else { return };
        sku.stock = stock;
        if let Some(product) = self.products.get_mut(&sku.product) {
            product.version += 1;
        }
    }

    fn put(&mut self, product: &ProductId, spec: &ProductSpec) {
        let before = self.products.get(product);
        let version = before.map_or(0, |before| before.version) + 1;
        for old in before.map(|before| before.spec.skus.as_slice()).unwrap_or_default() {
            if let Some(sku) = self.skus.get_mut(&old.sku) {
                sku.named = false;
            }
        }
        for new in &spec.skus {
            let stock = self.skus.get(&new.sku).map_or(Stock::Units(0), |sku| sku.stock);
            let sku = Sku {
                product: product.clone(),
                title: new.title.clone(),
                price_minor: new.price_minor,
                stock,
                named: true,
            };
            self.skus.insert(new.sku.clone(), sku);
        }
        self.products.insert(product.clone(), Product { spec: spec.clone(), version });
    }

    /// The description as it will be kept, or what is wrong with it.
    fn check(&self, product: &ProductId, spec: &ProductSpec) -> Result<ProductSpec, Rejection> {
        if !self.products.contains_key(product) && self.products.len() >= PRODUCTS_MAX {
            return Err(Rejection::Invalid { field: "product", problem: "is one too many" });
        }
        let title = text::line("title", &spec.title, TITLE_CHARS_MAX)?;
        let image_url = text::url("image_url", spec.image_url.as_deref())?;
        if spec.skus.is_empty() || spec.skus.len() > SKUS_PER_PRODUCT_MAX {
            return Err(Rejection::Invalid { field: "skus", problem: "must be 1 to 200" });
        }
        let mut seen = BTreeSet::new();
        let mut skus = Vec::with_capacity(spec.skus.len());
        for sku in &spec.skus {
            if !seen.insert(&sku.sku) {
                return Err(Rejection::Invalid { field: "skus", problem: "must differ" });
            }
            skus.push(self.check_sku(product, sku, &title)?);
        }
        Ok(ProductSpec { title, image_url, listed: spec.listed, skus })
    }

    fn check_sku(
        &self,
        product: &ProductId,
        spec: &SkuSpec,
        product_title: &str,
    ) -> Result<SkuSpec, Rejection> {
        if self.skus.get(&spec.sku).is_some_and(|sku| sku.product != *product) {
            return Err(Rejection::SkuTaken);
        }
        if spec.price_minor.0 > PRICE_MINOR_MAX {
            return Err(Rejection::Invalid { field: "price_minor", problem: "is too high" });
        }
        let mut title = text::line_or_empty("sku_title", &spec.title, TITLE_CHARS_MAX)?;
        if title.is_empty() {
            product_title.clone_into(&mut title);
        }
        Ok(SkuSpec { sku: spec.sku.clone(), title, price_minor: spec.price_minor })
    }

    fn view(&self, product: &ProductId) -> Option<ProductView> {
        let Product { spec, version } = self.products.get(product)?.clone();
        let stock = |named: &SkuSpec| Some((named.sku.clone(), self.skus.get(&named.sku)?.stock));
        let stock = spec.skus.iter().filter_map(stock).collect();
        Some(ProductView { product: product.clone(), spec, stock, version })
    }
}

impl Shop {
    pub(super) fn decide_product(
        &self,
        product: &ProductId,
        spec: &ProductSpec,
    ) -> Result<Accepted, Rejection> {
        let spec = self.catalog.check(product, spec)?;
        if self.catalog.product(product).is_some_and(|before| before.spec == spec) {
            return Ok(Accepted::default());
        }
        let stays = |sku: &SkuId| spec.listed && spec.skus.iter().any(|named| named.sku == *sku);
        let is_its = |sku: &SkuId| self.catalog.sku(sku).is_some_and(|s| s.product == *product);
        let unpinned = self.unpin_where(|_, sku| is_its(sku) && !stays(sku));
        let mut events = vec![Event::ProductPut { product: product.clone(), spec }];
        events.extend(unpinned);
        Ok(Accepted::events(events))
    }

    pub(super) fn decide_stock(&self, sku: &SkuId, stock: Stock) -> Result<Accepted, Rejection> {
        let before = self.catalog.sku(sku).ok_or(Rejection::SkuUnknown)?.stock;
        if matches!(stock, Stock::Units(units) if units > STOCK_UNITS_MAX) {
            return Err(Rejection::Invalid { field: "stock", problem: "is too high" });
        }
        if before == stock {
            return Ok(Accepted::default());
        }
        let mut events = vec![Event::StockSet { sku: sku.clone(), stock }];
        if stock == Stock::Units(0) {
            let is_gone =
                |room: &RoomId, pinned: &SkuId| pinned == sku && !self.sale_may_sell(room, sku);
            events.extend(self.unpin_where(is_gone));
        }
        Ok(Accepted::events(events))
    }

    pub(super) fn decide_adjust(
        &self,
        sku: &SkuId,
        delta_units: i64,
    ) -> Result<Accepted, Rejection> {
        let field = "delta_units";
        match self.catalog.sku(sku).ok_or(Rejection::SkuUnknown)?.stock {
            Stock::Unlimited => Err(Rejection::Invalid { field, problem: "meets unlimited stock" }),
            Stock::Units(free_units) => match free_units.checked_add_signed(delta_units) {
                Some(units) => self.decide_stock(sku, Stock::Units(units)),
                None => Err(Rejection::StockShort { sku: sku.clone(), free_units }),
            },
        }
    }

    pub(super) fn on_product_put(&mut self, product: &ProductId, spec: &ProductSpec) {
        self.catalog.put(product, spec);
        for room in self.rooms.values_mut() {
            let pinned = room.pinned_sku().and_then(|sku| self.catalog.sku(sku));
            if pinned.is_some_and(|sku| sku.product == *product) {
                room.pin_looks_new();
            }
        }
    }

    pub(super) fn on_stock_set(&mut self, sku: &SkuId, stock: Stock) {
        self.catalog.set_stock(sku, stock);
    }

    pub fn product_view(&self, product: &ProductId) -> Option<ProductView> {
        self.catalog.view(product)
    }

    /// Every product, the unlisted ones too, by id.
    pub fn products(&self) -> Vec<ProductView> {
        self.catalog.products.keys().filter_map(|product| self.catalog.view(product)).collect()
    }
}
