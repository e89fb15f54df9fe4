//! Reveals the seeds of draws that have closed and of sales whose first claims are in. Owns when;
//! who wins follows from the seed, in the domain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hawker_domain::command::{Actor, Command, PromoCommand, Role, SaleCommand, Seed};
use hawker_domain::document;
use hawker_domain::id::{DrawId, SaleId, ShopId, UserId};
use hawker_protocol::{Code, Refusal};
use tokio::time::Instant;
use tokio_util::time::DelayQueue;

use super::refusals;
use super::service::Service;
use crate::awaiting::{Sealed, Wishes};
use crate::engine::{Outcome, Submission};
use crate::wire;

/// Pauses between attempts at a shop that does not answer.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Carries wishes out until the process ends.
pub async fn run(service: Arc<Service>, mut wishes: Wishes) {
    let (mut due, mut known) = (DelayQueue::new(), BTreeSet::new());
    loop {
        tokio::select! {
            wish = wishes.next() => {
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
