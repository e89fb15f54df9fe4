//! What the whole audience shares: where it is, what goes on, who says so. Owns the counters and
//! the channel to the ticker; no behaviour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hawker_protocol::Id;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::payments::Payment;
use crate::run::Target;
use crate::tally::count;

/// A sale that viewers know of, by this process's clock.
#[derive(Debug, Clone)]
pub(super) struct Show {
    pub(super) sale: Id,
    pub(super) sku: Id,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// Something to be told.
#[derive(Debug)]
pub(super) enum News {
    /// Always told.
    Big(String),
    /// Told when it is quiet.
    Small(String),
}

#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) joined: AtomicU64,
    pub(super) left: AtomicU64,
    pub(super) claims: AtomicU64,
    pub(super) held: AtomicU64,
    pub(super) sold_out: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) offers: AtomicU64,
    pub(super) paid: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) comments: AtomicU64,
    pub(super) likes: AtomicU64,
    pub(super) follows: AtomicU64,
    /// Viewers who have asked the desk something.
    pub(super) chats: AtomicU64,
    pub(super) coupons: AtomicU64,
    /// In lucky draws.
    pub(super) entries: AtomicU64,
    pub(super) refused: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) target: Arc<Target>,
    pub(super) shop: Id,
    pub(super) room: Id,
    pub(super) seed: u64,
    pub(super) figures: Figures,
    pub(super) show: watch::Sender<Option<Show>>,
    pub(super) over: watch::Sender<bool>,
    pub(super) news: mpsc::UnboundedSender<News>,
    pub(super) payments: mpsc::UnboundedSender<Payment>,
    pub(super) inside: AtomicU64,
}

impl Crowd {
    pub(super) fn big(&self, said: String) {
        // The ticker outlives everybody who talks to it, but for the last moment.
        let _ = self.news.send(News::Big(said));
    }

    pub(super) fn small(&self, said: String) {
        let _ = self.news.send(News::Small(said));
    }

    pub(super) fn on_join(&self) {
        count(&self.figures.joined);
        count(&self.inside);
    }

    pub(super) fn on_leave(&self) {
        count(&self.figures.left);
        self.inside.fetch_sub(1, Relaxed);
    }
}
