//! What the events of a batch did beyond what its views show: who may not listen any more, whose
//! luck it was. Owns no state beyond the batch.

use std::collections::{BTreeMap, BTreeSet};

use hawker_domain::command::Role;
use hawker_domain::event::{Entry, Event, ReservationSource, Reserved};
use hawker_domain::id::{ReservationId, UserId};
use hawker_domain::view::Change;
use hawker_protocol::push;

use super::desk::Moves;
use super::{Delivery, ShopFeed, personal};
use crate::bus::Publication;
use crate::wire;

#[derive(Debug, Default)]
pub(super) struct Deeds {
    pub(super) moves: Moves,
    /// Whether the shop lets them work at its desk, where it has just said so.
    staff: BTreeMap<UserId, bool>,
    /// Holds that no reply tells of: their claims were drawn.
    drawn: BTreeSet<ReservationId>,
}

impl Deeds {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut deeds = Self::default();
        entries.iter().flat_map(|entry| &entry.events).for_each(|event| deeds.on_event(event));
        deeds
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Desk(event) => self.moves.on_event(event),
            Event::StaffPut { user, roles } => {
                let serves = |role: &Role| wire::STAFF.contains(role);
                self.staff.insert(user.clone(), roles.iter().any(serves));
            }
            Event::StaffRemoved { user } => {
                self.staff.insert(user.clone(), false);
            }
            Event::Reserved(Reserved {
                reservation,
                source: ReservationSource::Drawn { .. },
                ..
            }) => {
                self.drawn.insert(reservation.clone());
            }
            _ => {}
        }
    }

    /// Puts assignments first: whoever gets a session hears so before he hears what is said in it.
    pub(super) fn sort(&self, changes: &mut [Change]) {
        self.moves.sort(changes);
    }

    /// Whether a draw made this hold, which its buyer's reply did not know of.
    pub(super) fn is_drawn(&self, reservation: &ReservationId) -> bool {
        self.drawn.contains(reservation)
    }
}

impl Delivery {
    /// Whoever has just been dismissed hears so, and nothing more of the desk.
    pub(super) fn dismiss(&self, shop: &ShopFeed, deeds: &Deeds) {
        let gone = deeds.staff.iter().filter(|(_, serves)| !**serves);
        for (user, _) in gone {
            let push = push::DeskDismissed { shop: wire::id(shop.id.clone()) }.into();
            let expels = Some(shop.desk.topic.clone());
            self.bus.publish(Publication { expels, ..personal(user, &push) });
        }
    }
}
