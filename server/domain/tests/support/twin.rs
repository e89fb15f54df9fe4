//! A shop and its replica: one decides, the other only ever hears the events. Owns the
//! comparison of the two; what must hold besides is `Shop::check_invariants`.

use hawker_domain::command::{Actor, Command};
use hawker_domain::id::ShopId;
use hawker_domain::time::Millis;
use hawker_domain::{Accepted, Shop};
use hawker_domain::{Event, Rejection};

/// As many timers as the engine fires in one step.
const TIMERS_MAX: usize = 512;

#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) live: Shop,
    replica: Shop,
}

impl Twin {
    pub(crate) fn new(shop: ShopId) -> Self {
        Self { live: Shop::new(shop.clone()), replica: Shop::new(shop) }
    }

    /// Lets time pass as the engine does before each command: until nothing is due.
    pub(crate) fn elapse(&mut self, now: Millis) -> Accepted {
        let mut all = Accepted::default();
        while self.live.next_due().is_some_and(|due| due <= now) {
            let step = self.live.elapse(now, TIMERS_MAX);
            self.follow(&step.events, now);
            all.events.extend(step.events);
            all.documents.extend(step.documents);
        }
        all
    }

    pub(crate) fn execute(
        &mut self,
        actor: &Actor,
        command: &Command,
        now: Millis,
    ) -> Result<Accepted, Rejection> {
        let outcome = self.live.execute(actor, command, now);
        if let Ok(accepted) = &outcome {
            self.follow(&accepted.events, now);
        }
        outcome
    }

    pub(crate) fn follow(&mut self, events: &[Event], at: Millis) {
        for event in events {
            self.replica.apply(event, at);
        }
    }

    /// What must hold after every step, or what does not. A refusal that changed something shows
    /// here too: the replica heard nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.live.check_invariants()?;
        self.replica.check_invariants().map_err(|problem| format!("after replay: {problem}"))?;
        if self.live.state_hash() != self.replica.state_hash() {
            return Err("the replayed shop differs from the live one".to_owned());
        }
        Ok(())
    }
}
