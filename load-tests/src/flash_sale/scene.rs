//! What all buyers of a flash sale share: the shop's names, the run's times, the books. Owns no
//! behaviour.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Error;
use hawker_protocol::{Id, Request};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant};

use crate::audit::{Acks, Seen};
use crate::payments::Payment;
use crate::report::say;
use crate::run::Target;
use crate::tally::{Counters, Tally, count, value};

/// When the sale runs, by this process's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) start: Instant,
    pub(super) end: Instant,
}

#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: Arc<Target>,
    pub(super) shop: Id,
    pub(super) room: Id,
    pub(super) sale: Id,
    pub(super) sku: Id,
    pub(super) seed: u64,
    pub(super) buyers: usize,
    pub(super) bots: usize,
    pub(super) hold: Duration,
    pub(super) counters: Counters,
    pub(super) claims: Tally,
    /// The same through each node.
    pub(super) claims_of: Vec<Tally>,
    pub(super) others: Tally,
    pub(super) joins: Tally,
    pub(super) acks: Mutex<Acks>,
    pub(super) seen: Seen,
    pub(super) times: watch::Sender<Option<Times>>,
    pub(super) over: watch::Sender<bool>,
    pub(super) payments: mpsc::UnboundedSender<Payment>,
}

/// How many sockets check every push they get.
const CLOSE_LOOKERS: usize = 8;
/// Lost connections that are told one by one.
const LOST_TOLD: u64 = 5;

impl Scene {
    pub(super) fn looks_closely(&self, number: usize) -> bool {
        number.is_multiple_of(self.buyers.div_ceil(CLOSE_LOOKERS))
    }

    /// An answer to a claim that came through this node.
    pub(super) fn on_claim(&self, node: usize, outcome: &str, intended: Instant) {
        self.claims.lock().answered(outcome, intended);
        self.claims_of[node].lock().answered(outcome, intended);
    }

    /// A yes. Comments are not kept in this room and likes carry no command id, so neither is in
    /// the feed; all other accepted commands are.
    pub(super) fn on_accepted(
        &self,
        user: &str,
        command: &Id,
        request: &Request,
        made: Option<&str>,
    ) {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        match (request, made) {
            (Request::RoomComment(_), _) => {}
            (Request::SaleClaim(_) | Request::OrderPay(_), None) => {
                acks.already(user, command.as_str());
            }
            (_, made) => acks.accepted(user, command.as_str(), made),
        }
    }

    pub(super) fn on_refused(&self, user: &str, command: &Id, code: &str) {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        acks.refused(user, command.as_str(), code);
    }

    pub(super) fn on_lost(&self, user: &str, error: &Error) {
        count(&self.counters.failed_sockets);
        if value(&self.counters.failed_sockets) <= LOST_TOLD {
            say(&format!("{user} lost his connection: {error:#}"));
        }
    }

    pub(super) fn pay(&self, payment: Payment) {
        // Only after the run has nobody an ear for it.
        let _ = self.payments.send(payment);
    }
}
