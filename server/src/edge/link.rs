//! The links of agents: for as long as a socket works at a desk its shop knows of it, also after it
//! was read anew, and no longer. Owns when that is said; what it means is the shop's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use hawker_domain::command::{Actor, DeskCommand};
use hawker_domain::id::{ConnectionId, ShopId, UserId};
use hawker_domain::view::desk::AgentView;
use hawker_domain::view::{Change, DeskChange};
use hawker_protocol::{Code, Refusal};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::refusals;
use super::service::Service;
use crate::engine::{self, Outcome, Submission};
use crate::wire;

/// Pauses between attempts at a shop that does not answer. An agent's grace is 30 s, so that he is
/// back in time after a quarter of them.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The links of this process. A shop never hears the same name twice, so that a late word about
/// an old link cannot end a new one.
#[derive(Debug)]
pub(super) struct Links {
    process: Uuid,
    next: AtomicU64,
    /// What ends the links of an agent who logs out.
    log_outs: DashMap<(ShopId, UserId), LogOut>,
}

#[derive(Debug)]
struct LogOut {
    token: CancellationToken,
    links: usize,
}

/// A socket's work at a desk. Dropped, the shop is told that it ended, until it has heard.
#[derive(Debug)]
#[must_use = "dropping it ends the link"]
pub(super) struct Link {
    _left: DropGuard,
}

/// A link that stands.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) link: Link,
    pub(super) agent: AgentView,
    /// Comes when the link is over though its socket is not.
    pub(super) end: oneshot::Receiver<End>,
}

/// Why a link is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its agent logged out or was sent away.
    Over,
    /// The shop runs on this node no more: the link is to be made where it runs.
    Moved,
}

/// What came of a word that is said until it is heard.
enum Heard {
    Outcome(Outcome),
    GivenUp,
    Elsewhere,
}

/// Sees one link through.
struct Keeper {
    service: Arc<Service>,
    shop: ShopId,
    actor: Actor,
    connection: ConnectionId,
    left: CancellationToken,
    logged_out: CancellationToken,
}

type First = oneshot::Sender<Result<AgentView, Refusal>>;

impl Default for Links {
    fn default() -> Self {
        Self { process: Uuid::now_v7(), next: AtomicU64::new(0), log_outs: DashMap::new() }
    }
}

impl Links {
    fn name(&self) -> ConnectionId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        ConnectionId::checked(format!("{}-{number:x}", self.process.simple()))
    }

    fn enter(&self, agent: (ShopId, UserId)) -> CancellationToken {
        let new = || LogOut { token: CancellationToken::new(), links: 0 };
        let mut entry = self.log_outs.entry(agent).or_insert_with(new);
        entry.links += 1;
        entry.token.clone()
    }

    /// Those who logged out were taken out with all their links.
    fn leave(&self, agent: &(ShopId, UserId), logged_out: &CancellationToken) {
        if logged_out.is_cancelled() {
            return;
        }
        if let Some(mut entry) = self.log_outs.get_mut(agent) {
            entry.links = entry.links.saturating_sub(1);
        }
        self.log_outs.remove_if(agent, |_, entry| entry.links == 0);
    }

    /// The shop has let go of all links of an agent: none of them is to come back.
    pub(super) fn on_log_out(&self, shop: &ShopId, agent: &UserId) {
        let agent = (shop.clone(), agent.clone());
        if let Some((_, entry)) = self.log_outs.remove(&agent) {
            entry.token.cancel();
        }
    }
}

impl Service {
    /// Tells a shop that a socket works at its desk; answers with the agent as he is then.
    pub(super) async fn link(
        self: &Arc<Self>,
        shop: &ShopId,
        actor: Actor,
    ) -> Result<Linked, Refusal> {
        let left = CancellationToken::new();
        let keeper = Keeper {
            service: self.clone(),
            shop: shop.clone(),
            connection: self.links().name(),
            logged_out: self.links().enter((shop.clone(), actor.user.clone())),
            left: left.clone(),
            actor,
        };
        let link = Link { _left: left.drop_guard() };
        let (first, answer) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        tokio::spawn(keeper.keep(first, ended));
        let answer = tokio::time::timeout(self.command_timeout(), answer).await;
        let answer = answer.map_err(|_| Refusal::new(Code::Timeout))?;
        let agent = answer.unwrap_or(Err(Refusal::new(Code::Draining)))?;
        Ok(Linked { link, agent, end })
    }
}

impl Link {
    /// The same for a link that is kept until `left`.
    pub(super) fn until(left: DropGuard) -> Self {
        Self { _left: left }
    }
}

impl Keeper {
    async fn keep(self, first: First, ended: oneshot::Sender<End>) {
        metrics::gauge!("hawker_desk_links").increment(1.0);
        // Whoever has dropped the link does not wait for its end.
        let _ = ended.send(self.follow(first).await);
        metrics::gauge!("hawker_desk_links").decrement(1.0);
        let agent = (self.shop.clone(), self.actor.user.clone());
        self.service.links().leave(&agent, &self.logged_out);
    }

    async fn follow(&self, first: First) -> End {
        let engine = self.service.engine();
        // Before it is asked: a reign that begins in between is followed by another word.
        let Ok(mut reigns) = engine.reigns(&self.shop) else { return End::Moved };
        let mut reign = *reigns.borrow_and_update();
        let linked = self.submit(self.connect()).await;
        let is_refused = matches!(linked, Ok(Outcome::Refused(_)));
        let is_linked = matches!(linked, Ok(Outcome::Accepted(_)));
        // Whoever asked may have gone: then the link ends at once.
        let _ = first.send(told(linked));
        if is_refused {
            return End::Over;
        }
        while is_linked && self.next_reign(&mut reigns, reign).await {
            let Ok(again) = engine.reigns(&self.shop) else { return End::Moved };
            reigns = again;
            reign = *reigns.borrow_and_update();
            metrics::counter!("hawker_desk_links_renewed_total").increment(1);
            match self.persist(&self.connect(), &self.left).await {
                Heard::Outcome(Outcome::Accepted(_)) => {}
                Heard::Outcome(Outcome::Refused(_)) => return End::Over,
                Heard::Elsewhere => return End::Moved,
                Heard::GivenUp => break,
            }
        }
        if !self.logged_out.is_cancelled() {
            // A shop that moved on has lost all links of this node by itself.
            let _ = self.persist(&self.disconnect(), &CancellationToken::new()).await;
        }
        End::Over
    }

    /// Whether the shop was read anew; `false` when the link is over.
    async fn next_reign(&self, reigns: &mut watch::Receiver<u64>, known: u64) -> bool {
        tokio::select! {
            biased;
            () = self.left.cancelled() => false,
            () = self.logged_out.cancelled() => false,
            // The end of the channel, too: it left memory, and does not know of anybody.
            _ = reigns.wait_for(|reign| *reign != 0 && *reign != known) => true,
        }
    }

    /// Asks until there is an answer.
    async fn persist(&self, command: &DeskCommand, given_up: &CancellationToken) -> Heard {
        let mut pause = PAUSE_MIN;
        loop {
            match self.submit(command.clone()).await {
                Ok(outcome) => return Heard::Outcome(outcome),
                Err(engine::Error::Stopping | engine::Error::Elsewhere) => return Heard::Elsewhere,
                Err(error) => tracing::debug!(shop = %self.shop, %error, "a link waits"),
            }
            tokio::select! {
                () = given_up.cancelled() => return Heard::GivenUp,
                () = self.logged_out.cancelled() => return Heard::GivenUp,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn submit(&self, command: DeskCommand) -> Result<Outcome, engine::Error> {
        let submission = Submission {
            shop: self.shop.clone(),
            actor: self.actor.clone(),
            command: command.into(),
            identity: None,
            deadline: Instant::now() + self.service.command_timeout(),
        };
        self.service.engine().submit(submission).await
    }

    fn connect(&self) -> DeskCommand {
        DeskCommand::Connect { connection: self.connection.clone() }
    }

    fn disconnect(&self) -> DeskCommand {
        DeskCommand::Disconnect { connection: self.connection.clone() }
    }
}

fn told(outcome: Result<Outcome, engine::Error>) -> Result<AgentView, Refusal> {
    match outcome {
        Ok(Outcome::Accepted(answer)) => match answer.result {
            Some(Change::Desk(DeskChange::Agent(agent))) => Ok(agent),
            _ => Err(Refusal::new(Code::Internal)),
        },
        Ok(Outcome::Refused(rejection)) => Err(wire::rejection_refusal(&rejection)),
        Err(error) => Err(refusals::of_engine(error)),
    }
}
