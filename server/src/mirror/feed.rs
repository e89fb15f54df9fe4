//! What other nodes say in one topic, in order. Owns what waits behind a gap; knows no owner.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::bus::{Publication, Subscriber as _, Topic};
use crate::hub::Hub;

/// Epoch and number of a line. They compare in this order.
pub(super) type Position = (u64, u64);

#[derive(Debug)]
pub(super) struct Feed {
    /// Lines that something is missing before, oldest first.
    held: VecDeque<Publication>,
    /// The highest position that was heard of.
    top: Option<Position>,
    pub(super) heard_at: Instant,
    /// When to ask whatever is known: messages may have been lost without a trace.
    pub(super) recheck_at: Option<Instant>,
}

enum Verdict {
    Next,
    Old,
    /// Something is missing before it.
    Early,
}

impl Feed {
    pub(super) fn new() -> Self {
        Self { held: VecDeque::new(), top: None, heard_at: Instant::now(), recheck_at: None }
    }

    /// Hands on what follows from what the hub has, and holds the rest.
    pub(super) fn take(
        &mut self,
        hub: &Hub,
        topic: &Topic,
        publications: Vec<Publication>,
        held_max: usize,
    ) {
        self.heard_at = Instant::now();
        let mut position = hub.position(topic);
        for publication in publications {
            let Some(seq) = publication.seq else {
                hub.on_publication(publication);
                continue;
            };
            let place = (publication.epoch, seq);
            match judge(place, position) {
                Verdict::Next => {
                    hub.on_publication(publication);
                    position = Some(place);
                }
                Verdict::Old => {}
                Verdict::Early => self.hold(publication, place, held_max),
            }
        }
        self.drain(hub, topic);
    }

    /// Hands on what waited and now follows.
    pub(super) fn drain(&mut self, hub: &Hub, topic: &Topic) {
        let mut position = hub.position(topic);
        while let Some(first) = self.held.pop_front() {
            let place = (first.epoch, first.seq.unwrap_or_default());
            match judge(place, position) {
                Verdict::Next => {
                    hub.on_publication(first);
                    position = Some(place);
                }
                Verdict::Old => {}
                Verdict::Early => return self.held.push_front(first),
            }
        }
    }

    pub(super) fn on_top(&mut self, top: Position) {
        self.heard_at = Instant::now();
        self.top = self.top.max(Some(top));
    }

    /// Whether anything is known to be missing.
    pub(super) fn is_behind(&self, position: Option<Position>) -> bool {
        !self.held.is_empty() || self.top > position
    }

    fn hold(&mut self, publication: Publication, place: Position, held_max: usize) {
        self.top = self.top.max(Some(place));
        if self.held.is_empty() {
            metrics::counter!("hawker_mirror_gaps_total").increment(1);
        }
        if self.held.len() < held_max {
            self.held.push_back(publication);
        }
    }
}

fn judge(place: Position, position: Option<Position>) -> Verdict {
    match position {
        Some(known) if place <= known => Verdict::Old,
        Some((epoch, last)) if place == (epoch, last + 1) => Verdict::Next,
        Some(_) | None => Verdict::Early,
    }
}
