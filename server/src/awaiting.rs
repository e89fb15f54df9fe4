//! What waits for its seed: draws that have closed, and sales whose first claims are in. Looks at
//! committed changes and hands them on; reveals nothing.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use hawker_domain::id::{DrawId, SaleId, ShopId};
use hawker_domain::shop::Shop;
use hawker_domain::time::Millis;
use hawker_domain::view::promo::{DrawState, PromoChange};
use hawker_domain::view::{Change, Ephemeral, SaleState, SaleView};
use tokio::sync::mpsc;

use crate::engine::CommitSink;
use crate::journal::{Committed, Lease};

/// Something whose seed is to be revealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sealed {
    Draw(ShopId, DrawId),
    Sale(ShopId, SaleId),
}

/// What is to be revealed, and not before when.
pub type Wish = (Sealed, Millis);

/// Looks at what is committed and hands everything on.
#[derive(Debug)]
pub struct Watcher<S> {
    next: Arc<S>,
    wishes: mpsc::UnboundedSender<Wish>,
}

/// Hears of what waits for its seed.
#[derive(Debug)]
pub struct Wishes(mpsc::UnboundedReceiver<Wish>);

impl Wishes {
    /// `None` once the engine is gone.
    pub async fn next(&mut self) -> Option<Wish> {
        self.0.recv().await
    }
}

/// A sink that hears of seeds before `next` hears of the rest.
pub fn watching<S: CommitSink>(next: Arc<S>) -> (Arc<Watcher<S>>, Wishes) {
    // What is in it is bounded by the draws and sales of the shops in memory.
    let (wishes, heard) = mpsc::unbounded_channel();
    (Arc::new(Watcher { next, wishes }), Wishes(heard))
}

impl<S> Watcher<S> {
    /// Nobody listens any more only when the process ends.
    fn wish(&self, sealed: Sealed, at: Millis) {
        let _ = self.wishes.send((sealed, at));
    }

    fn on_sale(&self, shop: &ShopId, sale: &SaleView) {
        if let Some(at) = revealed_at(sale) {
            self.wish(Sealed::Sale(shop.clone(), sale.sale.clone()), at);
        }
    }
}

/// When the seed of a sale is due: at the end of its window, or with the sale.
fn revealed_at(sale: &SaleView) -> Option<Millis> {
    let terms = sale.draw.as_ref().filter(|_| sale.seed.is_none() && sale.has_started)?;
    match sale.state {
        SaleState::Live | SaleState::SoldOut => Some(sale.starts_at? + terms.window_ms),
        SaleState::Ended | SaleState::Cancelled => Some(Millis(0)),
        SaleState::Draft | SaleState::Scheduled | SaleState::Announced => None,
    }
}

impl<S: CommitSink> CommitSink for Watcher<S> {
    fn restored(&self, lease: &Lease, shop: &Shop) {
        let id = shop.id();
        for draw in shop.draws_awaiting_seed() {
            self.wish(Sealed::Draw(id.clone(), draw.clone()), Millis(0));
        }
        let sales = shop.sales().filter_map(|sale| shop.sale_view(sale));
        sales.for_each(|sale| self.on_sale(id, &sale));
        self.next.restored(lease, shop);
    }

    fn unloaded(&self, lease: &Lease) {
        self.next.unloaded(lease);
    }

    fn committed(&self, committed: &Committed, changes: Vec<Change>) {
        let shop = committed.shop();
        for change in &changes {
            if let Change::Sale(sale) = change {
                self.on_sale(shop, sale);
            }
            if let Change::Promo(PromoChange::Draw(draw)) = change
                && draw.state == DrawState::Closed
            {
                self.wish(Sealed::Draw(shop.clone(), draw.draw.clone()), Millis(0));
            }
        }
        self.next.committed(committed, changes);
    }

    fn passing(&self, shop: &ShopId, passing: Vec<Ephemeral>) {
        self.next.passing(shop, passing);
    }
}
