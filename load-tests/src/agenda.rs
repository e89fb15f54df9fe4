//! What a simulated person means to do, and when. Owns the order; deeds of one moment are done as
//! they were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::{Duration, Instant};

/// Between two reports of a viewer that he watches.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Agenda<D: Ord> {
    deeds: BinaryHeap<Reverse<(Instant, u64, D)>>,
    planned: u64,
}

impl<D: Ord> Agenda<D> {
    pub(crate) fn new() -> Self {
        Self { deeds: BinaryHeap::new(), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at: Instant, deed: D) {
        self.planned += 1;
        self.deeds.push(Reverse((at, self.planned, deed)));
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.deeds.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes off the first deed whose time has come, with that time.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Instant, D)> {
        self.next_at().filter(|at| *at <= now)?;
        self.deeds.pop().map(|Reverse((at, _, deed))| (at, deed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deeds_come_in_their_order_and_not_before_their_time() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let mut agenda = Agenda::new();
        agenda.plan(later, "leave");
        agenda.plan(soon, "wave");
        agenda.plan(soon, "ask");
        assert_eq!((agenda.take_due(now), agenda.next_at()), (None, Some(soon)));
        assert_eq!(agenda.take_due(soon), Some((soon, "wave")));
        assert_eq!(agenda.take_due(soon), Some((soon, "ask")));
        assert_eq!(agenda.take_due(soon), None);
    }
}
