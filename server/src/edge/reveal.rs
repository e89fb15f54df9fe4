//! Reveals the seeds of draws that have closed and of sales whose first claims are in. Owns when;
//! who wins follows from the seed, in the domain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::command::{Actor, Command, PromoCommand, Role, SaleCommand, Seed};
use hawker_domain::document;
use hawker_domain::id::{DrawId, SaleId, ShopId, UserId};
use hawker_domain::shop::Shop;
use hawker_domain::time::Millis;
use hawker_domain::view::promo::{DrawState, PromoChange};
use hawker_domain::view::{Change, Ephemeral, SaleState, SaleView};
use hawker_protocol::{Code, Refusal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::refusals;
use super::service::Service;
use crate::engine::{CommitSink, Outcome, Submission};
use crate::journal::{Committed, Lease};
use crate::wire;

/// Pauses between attempts at a shop that does not answer.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Something whose seed is to be revealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sealed {
    Draw(ShopId, DrawId),
    Sale(ShopId, SaleId),
}

/// What is to be revealed, and not before when.
type Wish = (Sealed, Millis);

/// Looks at what is committed and hands everything on.
#[derive(Debug)]
pub struct Watcher<S> {
    next: Arc<S>,
    wishes: mpsc::UnboundedSender<Wish>,
}

/// Hears of what waits for its seed.
#[derive(Debug)]
pub struct Wishes(mpsc::UnboundedReceiver<Wish>);

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

/// Carries wishes out until the process ends.
pub async fn run(service: Arc<Service>, Wishes(mut heard): Wishes) {
    let (mut due, mut known) = (DelayQueue::new(), BTreeSet::new());
    loop {
        tokio::select! {
            wish = heard.recv() => {
                let Some((sealed, at)) = wish else { return };
                let wait = at.since(service.clock().now());
                if known.insert((sealed.clone(), at)) {
                    due.insert((sealed, at), Duration::from_millis(wait.0));
                }
            }
            Some(expired) = std::future::poll_fn(|cx| due.poll_expired(cx)), if !due.is_empty() => {
                let wish = expired.into_inner();
                known.remove(&wish);
                tokio::spawn(see_through(service.clone(), wish.0));
            }
        }
    }
}

/// Asks until the shop has heard it.
async fn see_through(service: Arc<Service>, sealed: Sealed) {
    let mut pause = PAUSE_MIN;
    loop {
        let revealed = match &sealed {
            Sealed::Draw(shop, draw) => service.reveal_draw(shop, draw).await,
            Sealed::Sale(shop, sale) => service.reveal_sale(shop, sale).await,
        };
        let Err(refusal) = revealed else {
            metrics::counter!("hawker_seeds_revealed_total").increment(1);
            return;
        };
        if !is_passing(refusal.code) {
            // Somebody else was quicker, or the sale is gone.
            tracing::debug!(?sealed, code = refusal.code.as_str(), "no seed to reveal");
            return;
        }
        tracing::warn!(?sealed, code = refusal.code.as_str(), "a seed waits to be revealed");
        tokio::time::sleep_until(Instant::now() + pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Whether the same may be accepted later.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Busy | Code::Timeout | Code::Unavailable | Code::UnknownOutcome | Code::Retry
    )
}

impl Service {
    /// Reveals the seed of a draw that has closed.
    pub(super) async fn reveal_draw(&self, shop: &ShopId, draw: &DrawId) -> Result<(), Refusal> {
        let Some(seed) = self.opened(shop, &document::draw_seed_key(draw)).await? else {
            return Err(Refusal::new(Code::DrawNotReady));
        };
        let command = PromoCommand::RevealDraw { draw: draw.clone(), seed };
        self.say(shop, command.into()).await
    }

    async fn reveal_sale(&self, shop: &ShopId, sale: &SaleId) -> Result<(), Refusal> {
        let Some(seed) = self.opened(shop, &document::sale_seed_key(sale)).await? else {
            return Err(Refusal::new(Code::SaleNotReady));
        };
        self.say(shop, SaleCommand::RevealSeed { sale: sale.clone(), seed }.into()).await
    }

    /// The seed under `key`, if one is sealed there.
    async fn opened(&self, shop: &ShopId, key: &str) -> Result<Option<Seed>, Refusal> {
        let found = self.engine().document(shop, key).await;
        let sealed = found.map_err(|error| refusals::of_journal(&error))?;
        let Some(sealed) = sealed else { return Ok(None) };
        self.sealer().open(shop, &sealed).map(Some).map_err(|error| {
            metrics::counter!("hawker_seeds_lost_total").increment(1);
            tracing::error!(%shop, key, %error, "a draw cannot be decided");
            Refusal::new(Code::Internal)
        })
    }

    /// As the server itself: nobody asks again, since the seed is erased with its reveal.
    async fn say(&self, shop: &ShopId, command: Command) -> Result<(), Refusal> {
        let submission = Submission {
            shop: shop.clone(),
            actor: Actor { user: UserId::checked("hawker"), role: Role::Service },
            command,
            identity: None,
            deadline: Instant::now() + self.command_timeout(),
        };
        match self.engine().submit(submission).await {
            Ok(Outcome::Accepted(_)) => Ok(()),
            Ok(Outcome::Refused(rejection)) => Err(wire::rejection_refusal(&rejection)),
            Err(error) => Err(refusals::of_engine(error)),
        }
    }
}
